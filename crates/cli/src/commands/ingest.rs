//! `backtrail ingest`: takes evidence in and accounts for every record of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Instant;

use backtrail_ingest::{IngestOptions, IngestSummary};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate, admits_gap};
use backtrail_model::words::counted;
use backtrail_store::Store;
use clap::Args;

use crate::context::{Context, now};
use crate::exit::ExitStatus;
use crate::progress::IngestProgress;

/// Reasons printed in full; the rest are counted and left to `backtrail evidence`.
const REASONS_SHOWN: usize = 20;

/// What to take in.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Files, directories, archives, quoted globs, named pipes, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,
    /// Say where the time went: thread seconds by stage
    #[arg(long, hide = true)]
    pub(crate) stages: bool,
}

pub(crate) async fn run(args: IngestArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let summary = take_in(&args.inputs, context).await?;
    if args.stages {
        for (stage, seconds) in &summary.stages {
            context.printer.say(&format!("stage {stage} {seconds:.3}"));
        }
    }
    Ok(ExitStatus::incomplete_if(summary.is_incomplete()))
}

/// Ingests with progress and says on stderr what became of everything.
pub(crate) async fn take_in(inputs: &[OsString], context: &Context) -> anyhow::Result<IngestSummary> {
    let started = Instant::now();
    let store = Store::open_or_create(&context.store_dir).await?;
    let options = IngestOptions {
        threads: context.threads,
        memory_budget: context.ingest_budget(),
        now: now(),
        run_id: uuid::Uuid::new_v4().to_string(),
    };
    let progress = IngestProgress::new(context.printer);
    let runtime = context.runtime();
    let summary = tokio::task::block_in_place(|| backtrail_ingest::ingest(&store, inputs, &options, &progress, &runtime));
    progress.clear();
    let summary = summary?;
    for line in account(&summary, started.elapsed().as_secs_f64()) {
        context.printer.say(&line);
    }
    Ok(summary)
}

/// The account of a run: fates, the identity of promise 1, and each reason.
fn account(summary: &IngestSummary, seconds: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let met = summary.met + summary.known;
    if met == 0 {
        lines.push("no evidence is there: what was named holds no file".to_owned());
        return lines;
    }
    if summary.met == 0 {
        lines.push(format!("all evidence is known already ({}); nothing to read ({seconds:.2} s)", pieces(met)));
        return lines;
    }
    let c = &summary.counts;
    lines.push(format!("read {} in {seconds:.2} s{}", pieces(met), known(summary.known)));
    lines.push(identity(c));
    if summary.conflicts > 0 {
        lines.push(format!(
            "{} {} an id with different content: one of each may be forged (id_conflict = true)",
            counted(summary.conflicts, "event"),
            if summary.conflicts == 1 { "shares" } else { "share" }
        ));
    }
    lines.extend(fates(&summary.pieces));
    lines
}

fn known(count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {count} of them known already") }
}

fn pieces(count: u64) -> String {
    format!("{} of evidence", counted(count, "piece"))
}

/// Promise 1, printed.
fn identity(c: &Counts) -> String {
    let read = counted(c.read.unsigned_abs(), "record");
    format!("{read} read = {} kept + {} duplicate + {} rejected + {} other", c.kept, c.duplicate, c.rejected, c.other)
}

/// One line for each kind of evidence not kept whole, and its reason.
fn fates(rows: &[EvidenceRow]) -> Vec<String> {
    let mut grouped: BTreeMap<(&str, String), (u64, &str)> = BTreeMap::new();
    for row in rows {
        let reason = row.reason.clone().unwrap_or_default();
        let one_by_one = !matches!(row.fate, Fate::Deferred | Fate::Ignored | Fate::Kept);
        if row.fate == Fate::Kept && row.counts.rejected == 0 && !admits_gap(row.fate, &reason) {
            continue;
        }
        let origin = row.origins.first().map_or("", String::as_str);
        let key = if one_by_one || row.fate == Fate::Kept { format!("{origin}: {reason}") } else { reason };
        let entry = grouped.entry((row.fate.as_str(), key)).or_insert((0, origin));
        entry.0 += 1;
    }
    let total = grouped.len();
    let mut lines: Vec<String> = grouped
        .into_iter()
        .take(REASONS_SHOWN)
        .map(|((fate, reason), (count, _))| {
            if fate == "deferred" || fate == "ignored" {
                format!("  {fate}: {}: {reason}", counted(count, "file"))
            } else {
                format!("  {fate}: {reason}")
            }
        })
        .collect();
    if total > REASONS_SHOWN {
        lines.push(format!("  and {} more; `backtrail evidence` lists all", total - REASONS_SHOWN));
    }
    lines
}
