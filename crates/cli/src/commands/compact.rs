//! `backtrail compact`.

use backtrail_store::CompactOptions;
use clap::Args;

use crate::context::{Context, now};
use crate::exit::ExitStatus;

/// How to compact.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Also delete replaced files at once, without the hour of grace for readers
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(args: CompactArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let store = context.store().await?;
    let summary = store.compact(CompactOptions { now: now(), remove_at_once: args.all, memory_budget: context.ingest_budget() }).await?;
    context.printer.say(&format!("{summary}"));
    Ok(ExitStatus::Done)
}
