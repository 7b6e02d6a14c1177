//! `backtrail show`: opens a citation.

use std::io::Write;

use backtrail_ingest::{Cited, Originals};
use backtrail_model::evidence::{OriginalCheck, OriginalState};
use backtrail_model::words::counted;
use backtrail_timeline::{Copy, HashCheck, Opened, SHORTEST, Shown};
use clap::Args;

use crate::answers::{chain_lines, related_lines};
use crate::args::DocumentArgs;
use crate::commands::ask;
use crate::context::{Context, now};
use crate::exit::ExitStatus;
use crate::sanitize::sanitize;

/// Places that are gone back to at most, where a record was met in very many.
const MOST_ORIGINALS: usize = 64;

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// An event id, the start of one, or EVIDENCE_ID#INDEX
    reference: String,
    /// Print the record as delivered, byte for byte, with its secrets
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    output: DocumentArgs,
}

pub(crate) async fn run(args: ShowArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let session = context.session().await?;
    let mut opened = backtrail_timeline::show(&ask::source(&session).await?, &args.reference).await.map_err(ask::timeline_error)?;
    let mut reader = Originals::new(&std::env::temp_dir(), now());
    tokio::task::block_in_place(|| check_originals(&mut opened, &mut reader));
    let mut out = context.printer.data(args.output.output.as_deref())?;
    if args.raw {
        for (bytes, warning) in tokio::task::block_in_place(|| delivered(&opened, &mut reader)) {
            if let Some(warning) = warning {
                context.printer.warn(&warning);
            }
            out.write_all(&bytes)?;
            out.write_all(b"\n")?;
        }
    } else {
        ask::document("show", &opened, &opened.answer, args.output.format, &mut out, |out| text(&opened, out))?;
    }
    out.flush()?;
    if opened.answer.is_empty() && opened.rejects.is_empty() {
        let held = counted(opened.events_in_store.unwrap_or(0), "event");
        let short =
            if opened.reference.len() < SHORTEST { format!("; the start of an id needs {SHORTEST} characters") } else { String::new() };
        anyhow::bail!(
            "no record `{}` is in the store, which holds {held}{short}; not in evidence does not mean it did not happen",
            sanitize(&opened.reference)
        );
    }
    Ok(ExitStatus::incomplete_if(warn_of_contradictions(&opened, context)))
}

/// Warns where the store or an original is not what was taken in.
fn warn_of_contradictions(opened: &Opened, context: &Context) -> bool {
    let altered = opened.answer.iter().any(|s| s.hash == HashCheck::Mismatch);
    if altered {
        context.printer.warn("a record's hash is not the one stored when it was taken in: the store was altered");
    }
    let contradicted: Vec<&OriginalCheck> = originals(opened).filter(|o| o.is_contradiction()).collect();
    for original in &contradicted {
        context.printer.warn(&format!("{}: {}", sanitize(&original.path), told(original)));
    }
    altered || !contradicted.is_empty()
}

/// Records as delivered, with a warning where they are not what was asked for: those of an event id, or the one in the cited place.
fn delivered(opened: &Opened, reader: &mut Originals) -> Vec<(Vec<u8>, Option<String>)> {
    let copies = opened.answer.iter().flat_map(|shown| shown.origins.iter().map(move |copy| (shown, copy)));
    let cited: Vec<(&Shown, &Copy)> = copies.filter(|(_, copy)| copy.is_cited).collect();
    let mut records: Vec<(Vec<u8>, Option<String>)> = Vec::new();
    if cited.is_empty() {
        records.extend(opened.answer.iter().map(|shown| (shown.raw.clone().into_bytes(), None)));
    }
    let mut places: Vec<(&str, i64)> = cited.iter().map(|(_, copy)| (copy.evidence_id.as_str(), copy.record_index)).collect();
    places.sort_unstable();
    places.dedup();
    for (evidence, index) in places {
        let here = || cited.iter().filter(|(_, copy)| (copy.evidence_id.as_str(), copy.record_index) == (evidence, index));
        // Where ids conflict, the place is listed with each record of that id: its own is the one it is identical with.
        match here().find(|(_, copy)| copy.identical).or_else(|| here().next()) {
            Some((shown, copy)) if copy.identical => records.push((shown.raw.clone().into_bytes(), None)),
            Some((shown, copy)) => records.push(of_copy(shown, copy, reader)),
            None => {}
        }
    }
    let rejected = opened.rejects.iter().map(|reject| {
        let kept = i64::try_from(reject.raw.len()).unwrap_or(i64::MAX);
        let rest = format!("of the {} bytes of this rejected record the store keeps the first {kept}", reject.length);
        (reject.raw.clone(), (reject.length > kept).then_some(rest))
    });
    records.extend(rejected);
    records
}

/// The bytes of a copy that is not the one kept in the store, from where its evidence lies, if it still does.
fn of_copy(shown: &Shown, copy: &Copy, reader: &mut Originals) -> (Vec<u8>, Option<String>) {
    let record_sha256 = copy.record_sha256.as_deref().unwrap_or_default();
    let cited = Cited { evidence_id: &copy.evidence_id, record_index: copy.record_index, record_sha256, layout: copy.layout.as_deref() };
    if let Some(record) = copy.paths.iter().take(MOST_ORIGINALS).find_map(|path| reader.record(path, cited)) {
        return (record.into_bytes(), None);
    }
    let (evidence, index) = (&copy.evidence_id, copy.record_index);
    let warning = format!(
        "these are not the bytes of {evidence}#{index}, which cannot be read again where they were met, but those of another copy of the record, \
         {}#{}",
        shown.evidence_id, shown.record_index
    );
    (shown.raw.clone().into_bytes(), Some(warning))
}

fn originals(opened: &Opened) -> impl Iterator<Item = &OriginalCheck> {
    let of_records = opened.answer.iter().flat_map(|s| &s.origins).flat_map(|o| &o.originals);
    of_records.chain(opened.rejects.iter().flat_map(|r| &r.originals))
}

/// Goes back to the files the records were taken from.
fn check_originals(opened: &mut Opened, reader: &mut Originals) {
    let mut left = MOST_ORIGINALS;
    let mut check = |paths: &[String], cited: Cited<'_>| -> Vec<OriginalCheck> {
        let places = paths.iter().take(left).map(|path| reader.check(path, cited)).collect::<Vec<_>>();
        left -= places.len();
        places
    };
    for origin in opened.answer.iter_mut().flat_map(|s| &mut s.origins) {
        let record_sha256 = origin.record_sha256.as_deref().unwrap_or_default();
        let cited =
            Cited { evidence_id: &origin.evidence_id, record_index: origin.record_index, record_sha256, layout: origin.layout.as_deref() };
        origin.originals = check(&origin.paths, cited);
    }
    for reject in &mut opened.rejects {
        let cited =
            Cited { evidence_id: &reject.evidence_id, record_index: reject.record_index, record_sha256: &reject.sha256, layout: None };
        reject.originals = check(&reject.paths, cited);
    }
}

/// What going back to an original came to, in words.
fn told(original: &OriginalCheck) -> String {
    let reason = original.reason.as_deref().map(sanitize).unwrap_or_default();
    match original.state {
        OriginalState::Intact => "read again: the same file, and the same record in its place".to_owned(),
        OriginalState::Gone => "not there any more, so only the store's copy could be checked".to_owned(),
        OriginalState::NotChecked => format!("not checked: {reason}"),
        OriginalState::Changed => match &original.evidence_sha256 {
            Some(hash) => format!("CHANGED since it was taken in: its sha-256 is now {hash}; {reason}"),
            None => format!("CHANGED since it was taken in: {reason}"),
        },
        OriginalState::RecordDiffers => format!("DIFFERS: the file is the one taken in, but {reason}"),
    }
}

fn text(opened: &Opened, out: &mut dyn Write) -> std::io::Result<()> {
    for shown in &opened.answer {
        record(shown, out)?;
    }
    for reject in &opened.rejects {
        writeln!(out, "rejected record {}#{}: {}", reject.evidence_id, reject.record_index, sanitize(&reject.reason))?;
        places(&reject.paths, &reject.originals, out)?;
        writeln!(out, "{}", sanitize(&reject.text))?;
    }
    if opened.more > 0 {
        let fit = if opened.more == 1 { "fits" } else { "fit" };
        writeln!(out, "and {} {fit}; write more of the id", counted(opened.more, "more record"))?;
    }
    Ok(())
}

fn record(shown: &Shown, out: &mut dyn Write) -> std::io::Result<()> {
    if let Some(event) = &shown.event {
        let time = event.event_time.as_deref().unwrap_or("no usable time");
        writeln!(out, "{time}  {}  {}  {}", event.outcome, sanitize(&event.actor.label()), sanitize(&event.summary))?;
        for line in chain_lines(&event.actor) {
            writeln!(out, "    {line}")?;
        }
        for line in related_lines(event) {
            writeln!(out, "{line}")?;
        }
    } else if shown.table == "flows" {
        writeln!(out, "flow record: {}", sanitize(&shown.raw))?;
    } else {
        writeln!(out, "{}", tells_of_events(shown))?;
    }
    // The hash and the record below are those of the copy that is kept, which need not be the one that was asked for.
    for copy in shown.origins.iter().filter(|copy| copy.is_cited && !copy.identical) {
        let whose = if copy.of_other_record { "another record with this id" } else { "a copy with other bytes" };
        let hash = copy.record_sha256.as_deref().unwrap_or("unknown");
        let (cited, kept) =
            (format!("{}#{}", copy.evidence_id, copy.record_index), format!("{}#{}", shown.evidence_id, shown.record_index));
        writeln!(out, "{cited} is {whose}, sha-256 {hash}\n  shown here: {kept}")?;
    }
    let hash = match shown.hash {
        HashCheck::Verified => "in the store: worked out again, it is the one kept when the record was taken in",
        HashCheck::Mismatch => "in the store: MISMATCH, the record is not the one that was taken in",
        HashCheck::NotKept => "of the line as the columns give it; the store keeps no hash of flow records",
    };
    writeln!(out, "sha-256 {}\n  {hash}", shown.record_sha256)?;
    if shown.id_conflict {
        writeln!(out, "ID CONFLICT: another record has this id and other content; one of them may be forged")?;
    }
    writeln!(out, "{} {}", shown.origins.len(), if shown.origins.len() == 1 { "copy" } else { "copies" })?;
    for origin in &shown.origins {
        copy(origin, out)?;
    }
    // Pretty-printed JSON has its control characters escaped; bidirectional ones are not JSON's concern but ours.
    let pretty = serde_json::to_string_pretty(&shown.record)?;
    for line in pretty.lines() {
        writeln!(out, "{}", sanitize(line))?;
    }
    Ok(())
}

/// What a record is that tells of events and is none itself, in a line.
fn tells_of_events(shown: &Shown) -> String {
    let text = |pointers: &[&str]| pointers.iter().find_map(|pointer| shown.record.pointer(pointer)?.as_str()).map(sanitize);
    let kind = if shown.table == "cloudtrail_insights" { "Insights event" } else { "aggregated events" };
    let until = text(&["/timeWindow/windowEnd"]).map(|end| format!(" to {end}")).unwrap_or_default();
    let time = text(&["/eventTime", "/timeWindow/windowStart"]).unwrap_or_else(|| "no usable time".into());
    let details = [
        text(&["/insightDetails/insightType"]),
        text(&["/insightDetails/state"]),
        text(&["/insightDetails/eventSource", "/eventSource"]),
        text(&["/insightDetails/eventName", "/summary/primaryDimension/dimension"]),
        text(&["/insightDetails/errorCode"]),
        text(&["/recipientAccountId", "/accountId"]),
        text(&["/awsRegion"]),
    ];
    let details: Vec<String> = details.into_iter().flatten().map(Into::into).collect();
    format!("{time}{until}  {kind}  {}", details.join(" "))
}

fn copy(origin: &Copy, out: &mut dyn Write) -> std::io::Result<()> {
    let form = origin.raw_form.as_deref().unwrap_or("?");
    let route = origin.route.as_deref().unwrap_or("?");
    let differs = match origin {
        Copy { identical: true, .. } => "",
        Copy { of_other_record: true, .. } => ", OTHER CONTENT: of the other record with this id",
        _ => ", other bytes than the shown copy",
    };
    writeln!(out, "  {}#{} ({route}, {form}{differs})", origin.evidence_id, origin.record_index)?;
    places(&origin.paths, &origin.originals, out)
}

/// Where evidence was met, and what is there now.
fn places(paths: &[String], checks: &[OriginalCheck], out: &mut dyn Write) -> std::io::Result<()> {
    for path in paths {
        let check = checks.iter().find(|c| c.path == *path);
        let told = check.map_or_else(|| format!("not read again: more than {MOST_ORIGINALS} places"), told);
        writeln!(out, "    {}\n      {told}", sanitize(path))?;
    }
    Ok(())
}
