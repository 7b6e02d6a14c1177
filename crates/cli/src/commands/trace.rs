//! `backtrail trace`: lineage, up to the origin and down to what it did.

mod graph;
mod tree;

use std::io::Write;
use std::path::PathBuf;

use backtrail_model::words::counted;
use clap::{Args, ValueEnum};

use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::sanitize::{JsonOut, sanitize};

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TraceFormat {
    /// A tree, for reading in a terminal
    Table,
    /// One JSON document
    Json,
    /// A graph for Graphviz
    Dot,
    /// A flowchart for Mermaid
    Mermaid,
}

/// What to trace.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// An access key id, the ARN of a session or user, or an event id
    #[arg(value_name = "KEY|SESSION|EVENT")]
    subject: String,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = TraceFormat::Table)]
    format: TraceFormat,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(args: TraceArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let session = context.session().await?;
    let trace = backtrail_timeline::trace(&ask::source(&session).await?, &args.subject).await.map_err(ask::timeline_error)?;
    if trace.up.is_empty() {
        let broken = trace.coverage.broken_evidence.len() as u64;
        let may_hold =
            if broken == 0 { String::new() } else { format!("; {} broken, and may hold it: see `backtrail evidence`", are(broken)) };
        anyhow::bail!(
            "no event in the store was made with {0}, and none issued it; not in evidence does not mean it was not used{may_hold}",
            sanitize(&args.subject)
        );
    }
    let mut out = context.printer.data(args.output.as_deref())?;
    match args.format {
        TraceFormat::Json => writeln!(JsonOut::new(&mut out), "{}", serde_json::to_string_pretty(&trace)?)?,
        TraceFormat::Table => tree::write(&trace, context.printer.has_color(), &mut out)?,
        TraceFormat::Dot => graph::dot(&trace, &mut out)?,
        TraceFormat::Mermaid => graph::mermaid(&trace, &mut out)?,
    }
    out.flush()?;
    Ok(ExitStatus::incomplete_if(trace.coverage.incomplete))
}

/// `2 pieces of evidence are`.
fn are(count: u64) -> String {
    format!("{} of evidence {}", counted(count, "piece"), if count == 1 { "is" } else { "are" })
}
