//! `backtrail changes`: what altered state, and what tried to; around what is named, by how it relates to that.

use backtrail_timeline::ChangesTold;
use clap::{Args, ValueEnum};

use crate::args::{Format, QuestionArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

/// Changes related to the anchor by nothing but the window that a person is shown; programs get all that are held.
const OTHERS_SHOWN: usize = 0;
/// Of those, held at most.
const OTHERS_HELD: usize = 100_000;

/// Which changes, and how they are told.
#[derive(Debug, Args)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    question: QuestionArgs,
    /// What a table is told by where nothing is named that changes can relate to; more than 10,000 changes are told by time
    #[arg(long, value_enum, default_value_t = By::Resource)]
    by: By,
}

/// What changes are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Under the resource each acted on, the one changed first first
    Resource,
    /// One after the other
    Time,
}

pub(crate) async fn run(args: ChangesArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let ChangesArgs { question: args, by } = args;
    let question = args.question()?;
    let session = context.session().await?;
    let is_table = args.output.format == Format::Table;
    let others = if is_table && args.limit.is_none() { OTHERS_SHOWN } else { OTHERS_HELD };
    let told = ChangesTold { by_resource: is_table && by == By::Resource, others };
    let style = ask::style(args.output.output.as_deref(), context).ranked(question.filters.has_anchor());
    let mut writer = ask::begin_in(style, "changes", &question, &args.output, context)?;
    let source = ask::source(&session).await?;
    let closing =
        backtrail_timeline::changes(&source, &question, told, &mut |item| writer.item(item)).await.map_err(ask::timeline_error)?;
    ask::end(writer, &closing)
}
