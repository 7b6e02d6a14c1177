//! `backtrail changes`: what altered state, and what tried to; around what is named, by how it relates to that.

use crate::args::{Format, QuestionArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

/// Changes related to the anchor by nothing but the window that a person is shown; programs get all that are held.
const OTHERS_SHOWN: usize = 0;
/// Of those, held at most.
const OTHERS_HELD: usize = 100_000;

pub(crate) async fn run(args: QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let others = if args.output.format == Format::Table && args.limit.is_none() { OTHERS_SHOWN } else { OTHERS_HELD };
    let style = ask::style(&args.output, context).ranked(question.filters.has_anchor());
    let mut writer = ask::begin_in(style, "changes", &question, &args.output, context)?;
    let source = ask::source(&session);
    let closing =
        backtrail_timeline::changes(&source, &question, others, &mut |item| writer.item(item)).await.map_err(ask::timeline_error)?;
    ask::end(writer, &closing)
}
