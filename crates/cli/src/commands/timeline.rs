//! `backtrail timeline`: every event of a window and its traffic, in order.

use backtrail_timeline::{TimelineItem, TimelineTold, timeline};
use clap::Args;

use crate::answers::AnswerWriter;
use crate::args::{Format, QuestionArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

/// Which events and which traffic.
#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    question: QuestionArgs,
    /// Open up the lines of traffic: the conversations behind each, those with the most bytes first
    #[arg(long)]
    expand: bool,
}

pub(crate) async fn run(args: TimelineArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let (question, output) = (args.question.question()?, &args.question.output);
    let session = context.session().await?;
    let mut writer: AnswerWriter<TimelineItem> = ask::begin("timeline", &question, output, context)?;
    // Lines do not say what an event touches.
    let told = TimelineTold { is_open: args.expand, has_resources: output.format != Format::Table };
    let source = ask::source(&session).await?;
    let closing = timeline(&source, &question, told, &mut |item| writer.item(item)).await.map_err(ask::timeline_error)?;
    ask::end(writer, &closing)
}
