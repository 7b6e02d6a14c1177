//! `backtrail coverage`: what is there, by account, region, log and hour, and what is not.

use crate::args::QuestionArgs;
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) async fn run(args: QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let answer = backtrail_timeline::coverage(&ask::source(&session).await?, &question).await.map_err(ask::timeline_error)?;
    let mut writer = ask::begin("coverage", &question, &args.output, context)?;
    for item in answer.items {
        writer.item(item)?;
    }
    ask::end(writer, &answer.closing)
}
