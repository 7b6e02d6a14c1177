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
    tokio::task::block_in_place(|| check_originals(&mut opened));
    let mut out = context.printer.data(args.output.output.as_deref())?;
    if args.raw {
        for shown in &opened.answer {
            out.write_all(shown.raw.as_bytes())?;
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
    let altered = opened.answer.iter().any(|s| s.hash == HashCheck::Mismatch);
    if altered {
        context.printer.warn("a record's hash is not the one stored when it was taken in: the store was altered");
    }
    let contradicted: Vec<&OriginalCheck> = originals(&opened).filter(|o| o.is_contradiction()).collect();
    for original in &contradicted {
        context.printer.warn(&format!("{}: {}", sanitize(&original.path), told(original)));
    }
    Ok(ExitStatus::incomplete_if(altered || !contradicted.is_empty()))
}

fn originals(opened: &Opened) -> impl Iterator<Item = &OriginalCheck> {
    let of_records = opened.answer.iter().flat_map(|s| &s.origins).flat_map(|o| &o.originals);
    of_records.chain(opened.rejects.iter().flat_map(|r| &r.originals))
}

/// Goes back to the files the records were taken from.
fn check_originals(opened: &mut Opened) {
    let mut reader = Originals::new(&std::env::temp_dir(), now());
    let mut left = MOST_ORIGINALS;
    let mut check = |paths: &[String], cited: Cited<'_>| -> Vec<OriginalCheck> {
        let places = paths.iter().take(left).map(|path| reader.check(path, cited)).collect::<Vec<_>>();
        left -= places.len();
        places
    };
    for origin in opened.answer.iter_mut().flat_map(|s| &mut s.origins) {
        let record_sha256 = origin.record_sha256.as_deref().unwrap_or_default();
        let cited = Cited { evidence_id: &origin.evidence_id, record_index: origin.record_index, record_sha256 };
        origin.originals = check(&origin.paths, cited);
    }
    for reject in &mut opened.rejects {
        let cited = Cited { evidence_id: &reject.evidence_id, record_index: reject.record_index, record_sha256: &reject.sha256 };
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
    }
    let hash = match shown.hash {
        HashCheck::Verified => "in the store: worked out again, it is the one kept when the record was taken in",
        HashCheck::Mismatch => "in the store: MISMATCH, the record is not the one that was taken in",
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
