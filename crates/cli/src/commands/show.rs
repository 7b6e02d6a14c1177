//! `backtrail show`: opens a citation.

use std::io::Write;

use backtrail_timeline::{HashCheck, Opened, Origin, Shown};
use clap::Args;

use crate::args::{Format, OutputArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::sanitize::sanitize;

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// An event id, the start of one, or EVIDENCE_ID#INDEX
    reference: String,
    /// Print the record as delivered, byte for byte, with its secrets
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: ShowArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let session = context.session().await?;
    let opened = backtrail_timeline::show(&ask::source(&session), &args.reference).await.map_err(ask::timeline_error)?;
    let mut out = context.printer.data(args.output.output.as_deref())?;
    match args.output.format {
        _ if args.raw => {
            for shown in &opened.answer {
                out.write_all(shown.raw.as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&opened)?)?,
        Format::Jsonl => {
            for shown in &opened.answer {
                writeln!(out, "{}", serde_json::to_string(shown)?)?;
            }
        }
        Format::Table => text(&opened, &mut out)?,
        Format::Csv | Format::Parquet => {
            return Err(UsageError("show writes table, json or jsonl; for rows use `backtrail sql`".to_owned()).into());
        }
    }
    out.flush()?;
    if opened.answer.is_empty() && opened.rejects.is_empty() {
        let held = opened.events_in_store.unwrap_or(0);
        anyhow::bail!(
            "no record `{}` is in the store, which holds {held} events; not in evidence does not mean it did not happen",
            sanitize(&opened.reference)
        );
    }
    let altered = opened.answer.iter().any(|s| s.hash == HashCheck::Mismatch);
    if altered {
        context.printer.warn("a record's hash is not the one stored when it was taken in: the store was altered");
    }
    Ok(ExitStatus::incomplete_if(altered))
}

fn text(opened: &Opened, out: &mut dyn Write) -> std::io::Result<()> {
    for shown in &opened.answer {
        record(shown, out)?;
    }
    for reject in &opened.rejects {
        writeln!(out, "rejected record {}#{}: {}", reject.evidence_id, reject.record_index, sanitize(&reject.reason))?;
        writeln!(out, "  in {}", sanitize(&reject.paths.join(", ")))?;
        writeln!(out, "{}", sanitize(&reject.text))?;
    }
    if opened.more > 0 {
        writeln!(out, "and {} more records fit; write more of the id", opened.more)?;
    }
    Ok(())
}

fn record(shown: &Shown, out: &mut dyn Write) -> std::io::Result<()> {
    if let Some(event) = &shown.event {
        let time = event.event_time.as_deref().unwrap_or("no usable time");
        writeln!(out, "{time}  {}  {}  {}", event.outcome, sanitize(&event.actor.label()), sanitize(&event.summary))?;
    }
    let hash = match shown.hash {
        HashCheck::Verified => "verified: worked out again, it is the one stored when the record was taken in",
        HashCheck::Mismatch => "MISMATCH: the record is not the one that was taken in",
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

fn copy(origin: &Origin, out: &mut dyn Write) -> std::io::Result<()> {
    let form = origin.raw_form.as_deref().unwrap_or("?");
    let route = origin.route.as_deref().unwrap_or("?");
    let differs = if origin.identical { "" } else { ", other bytes than the shown copy" };
    writeln!(out, "  {}#{} ({route}, {form}{differs})", origin.evidence_id, origin.record_index)?;
    for path in &origin.paths {
        writeln!(out, "    {}", sanitize(path))?;
    }
    Ok(())
}
