//! `backtrail network`: network commands and remote shells.

use backtrail_timeline::EventQuestion;

use crate::args::QuestionArgs;
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) async fn run(args: QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    ask::list(EventQuestion::Network, &args, context).await
}
