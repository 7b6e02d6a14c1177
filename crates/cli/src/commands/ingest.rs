//! `backtrail ingest`: takes evidence in and accounts for every record of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;

use backtrail_ingest::{FlowFormat, IngestOptions, IngestSummary};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate, admits_gap};
use backtrail_model::words::counted;
use backtrail_query::QueryError;
use backtrail_store::Store;
use clap::Args;
use futures::StreamExt;

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::text;
use crate::progress::IngestProgress;
use crate::sanitize::sanitize;

/// Reasons printed in full; the rest are counted and left to `backtrail evidence`.
const REASONS_SHOWN: usize = 20;

/// Evidence, and what its content does not say of itself.
#[derive(Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// Files, directories, archives, quoted globs, named pipes, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<OsString>,
    /// Layout of flow logs without a header, as their LogFormat has it: '${version} ${account-id} ...'; may be given several times
    #[arg(long = "flow-format", value_name = "LAYOUT", value_parser = FlowFormat::parse)]
    flow_formats: Vec<FlowFormat>,
}

/// What to take in.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Say where the time went: thread seconds by stage
    #[arg(long, hide = true)]
    pub(crate) stages: bool,
}

pub(crate) async fn run(args: IngestArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let summary = take_in(args.evidence, context).await?;
    if args.stages {
        for (stage, seconds) in &summary.stages {
            context.printer.say(&format!("stage {stage} {seconds:.3}"));
        }
    }
    Ok(ExitStatus::incomplete_if(summary.is_incomplete()))
}

/// Ingests with progress and says on stderr what became of everything.
pub(crate) async fn take_in(evidence: EvidenceArgs, context: &Context) -> anyhow::Result<IngestSummary> {
    let inputs = &evidence.inputs;
    let started = Instant::now();
    backtrail_ingest::expect(inputs)?;
    let store = Store::open_or_create(&context.store_dir).await?;
    let flow_formats = evidence.flow_formats.into_iter().map(Arc::new).collect();
    let options = IngestOptions { flow_formats, ..context.ingest_options() };
    let progress = IngestProgress::new(context.printer);
    let runtime = context.runtime();
    let summary = tokio::task::block_in_place(|| backtrail_ingest::ingest(&store, inputs, &options, &progress, &runtime));
    progress.clear();
    let summary = summary?;
    let seconds = started.elapsed().as_secs_f64();
    let rejects = first_rejects(&summary, context).await?;
    for line in account(&summary, &rejects, seconds) {
        context.printer.say(&line);
    }
    if summary.is_incomplete() {
        let rejected = counted(summary.counts.rejected.unsigned_abs(), "record");
        let unread = summary.groups.iter().filter(|((fate, _), _)| matches!(*fate, "partial" | "rejected" | "failed"));
        let unread = pieces(unread.map(|(_, group)| group.pieces).sum());
        context
            .printer
            .warn_if_quiet(&format!("{rejected} rejected; {unread} partial, rejected or failed: `backtrail evidence` lists them"));
    }
    Ok(summary)
}

/// What was wrong with the first record rejected of each piece that is told of, by evidence.
async fn first_rejects(summary: &IngestSummary, context: &Context) -> anyhow::Result<BTreeMap<String, String>> {
    const FIRST: &str =
        "SELECT record_index, byte_offset, reason FROM rejects WHERE evidence_id = $id ORDER BY record_index, byte_offset LIMIT 1";
    let mut rejects = BTreeMap::new();
    let told = summary.pieces.iter().filter(|row| row.counts.rejected > 0).take(REASONS_SHOWN);
    let ids: Vec<(String, i64)> = told.map(|row| (row.evidence_id.clone(), row.counts.rejected)).collect();
    if ids.is_empty() {
        return Ok(rejects);
    }
    let session = context.session().await?;
    for (id, count) in ids {
        let mut rows = session.sql(FIRST, &[("id".to_owned(), id.clone())]).await?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(QueryError::engine)?;
            for row in 0..batch.num_rows() {
                let [index, offset, reason] = [0, 1, 2].map(|column| text(batch.column(column).as_ref(), row));
                let offset = offset?;
                let at = if offset.is_empty() { offset } else { format!(" at byte {offset}") };
                let which = if count == 1 { "record".to_owned() } else { "the first: record".to_owned() };
                let told = format!("{} rejected: {which} {}{at}: {}", counted(count.unsigned_abs(), "record"), index?, sanitize(&reason?));
                rejects.insert(id.clone(), told);
            }
        }
    }
    Ok(rejects)
}

/// The account of a run: fates, the identity of promise 1, and each reason.
fn account(summary: &IngestSummary, rejects: &BTreeMap<String, String>, seconds: f64) -> Vec<String> {
    let mut lines: Vec<String> =
        summary.stores.iter().map(|store| format!("left out: {store}: a store of this program, no evidence")).collect();
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
    lines.extend(fates(&summary.pieces, rejects));
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
fn fates(rows: &[EvidenceRow], rejects: &BTreeMap<String, String>) -> Vec<String> {
    let mut grouped: BTreeMap<(&str, String), (u64, &str)> = BTreeMap::new();
    for row in rows {
        let reasons: Vec<&str> = row.reason.as_deref().into_iter().chain(rejects.get(&row.evidence_id).map(String::as_str)).collect();
        let reason = match reasons.as_slice() {
            [] if row.counts.rejected > 0 => format!("{} rejected", counted(row.counts.rejected.unsigned_abs(), "record")),
            _ => reasons.join("; "),
        };
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
