//! `backtrail evidence`: the ledger. What was read, and what became of every record of it.

use clap::Args;
use futures::StreamExt;

use backtrail_query::QueryError;

use crate::args::{Format, OutputArgs};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::output;
use crate::printer::terminal_width;

/// What a person wants to see first.
const BRIEF: &str = "SELECT fate, kind, records_read AS read, records_kept AS kept, records_duplicate AS duplicate, \
     records_rejected AS rejected, records_other AS other, json_get_str(origins, 0) AS origin, reason, evidence_id \
     FROM evidence";
/// Every column, for programs.
const FULL: &str = "SELECT * FROM evidence";
const SUMS: &str =
    "SELECT sum(records_read), sum(records_kept), sum(records_duplicate), sum(records_rejected), sum(records_other) FROM evidence";

/// Which evidence.
#[derive(Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// Only this fate: kept, partial, deferred, ignored, rejected or failed
    #[arg(long, value_name = "FATE", value_parser = ["kept", "partial", "deferred", "ignored", "rejected", "failed"])]
    fate: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: EvidenceArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let session = context.session().await?;
    let path = args.output.output.as_deref();
    let is_terminal = context.printer.data_is_terminal(path);
    if args.output.format == Format::Parquet && is_terminal {
        return Err(UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout".to_owned()).into());
    }
    let columns = if args.output.format == Format::Table { BRIEF } else { FULL };
    let (filter, parameters) = match args.fate {
        Some(fate) => (" WHERE fate = $fate", vec![("fate".to_owned(), fate)]),
        None => ("", Vec::new()),
    };
    let query = format!("{columns}{filter} ORDER BY origins, evidence_id, decoder");
    let mut rows = session.sql(&query, &parameters).await?;
    let width = if is_terminal { terminal_width() } else { None };
    let mut writer = output::writer(args.output.format, &rows.schema(), context.printer.data(path)?, width)?;
    while let Some(batch) = rows.next().await {
        writer.write(&batch.map_err(QueryError::engine)?)?;
    }
    writer.finish()?;
    if args.output.format == Format::Table {
        context.printer.say(&identity(&session).await?);
    }
    Ok(ExitStatus::Done)
}

/// The identity of promise 1 over the whole store.
async fn identity(session: &backtrail_query::Session) -> anyhow::Result<String> {
    let mut sums = session.sql(SUMS, &[]).await?;
    let mut values = Vec::new();
    while let Some(batch) = sums.next().await {
        let batch = batch.map_err(QueryError::engine)?;
        for column in batch.columns() {
            let value = output::json_value(column.as_ref(), 0)?;
            values.push(value.as_i64().unwrap_or(0).to_string());
        }
    }
    let names = ["read =", "kept +", "duplicate +", "rejected +", "other"];
    let parts: Vec<String> = values.iter().zip(names).map(|(value, name)| format!("{value} {name}")).collect();
    Ok(format!("records: {}", parts.join(" ")))
}
