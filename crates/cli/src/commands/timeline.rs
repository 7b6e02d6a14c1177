//! `backtrail timeline`: every event of a window, in order.

use backtrail_timeline::EventQuestion;

use crate::args::QuestionArgs;
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) async fn run(args: QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    ask::list(EventQuestion::Timeline, &args, context).await
}
