//! `backtrail actors`: who was there.

use crate::args::QuestionArgs;
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) async fn run(args: QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    ask::actors(&args, context).await
}
