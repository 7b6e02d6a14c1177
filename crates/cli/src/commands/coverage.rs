//! `backtrail coverage`: what is there, by account, region, log and hour, and what is not.

use backtrail_timeline::{Filters, Question, Typed};
use clap::Args;

use crate::args::{OutputArgs, WindowArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};

/// Over which time, and of what: nothing else narrows what is there.
#[derive(Debug, Args)]
pub(crate) struct CoverageArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// Account id
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Region
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Show at most this many items
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    output: OutputArgs,
}

impl CoverageArgs {
    fn question(&self) -> anyhow::Result<Question> {
        let typed = Typed { account: self.account.clone(), region: self.region.clone(), ..Typed::default() };
        let filters = Filters::read(typed).map_err(|e| UsageError(e.to_string()))?;
        Ok(Question { window: self.window.resolve()?, filters, limit: self.limit })
    }
}

pub(crate) async fn run(args: CoverageArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let answer = backtrail_timeline::coverage(&ask::source(&session).await?, &question).await.map_err(ask::timeline_error)?;
    let mut writer = ask::begin("coverage", &question, &args.output, context)?;
    for item in answer.items {
        writer.item(item)?;
    }
    ask::end(writer, &answer.closing)
}
