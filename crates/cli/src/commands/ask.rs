//! What the question commands share: arguments into a question, a session into a source, an answer into bytes.

use backtrail_model::tables::{Table, UNKNOWN_DATE};
use backtrail_query::Session;
use backtrail_timeline::{Closing, Day, EventQuestion, Filters, Present, Question, Source, TimelineError, Typed};

use crate::answers::{AnswerWriter, Style};
use crate::args::{Format, OutputArgs, QuestionArgs};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};

impl QuestionArgs {
    /// The question asked.
    ///
    /// # Errors
    /// `UsageError` for a window or filter that cannot be read.
    pub(crate) fn question(&self) -> anyhow::Result<Question> {
        let f = &self.filters;
        let typed = Typed {
            account: f.account.clone(),
            region: f.region.clone(),
            arn: f.arn.clone(),
            actor: f.actor.clone(),
            ip: f.ip.clone(),
            key: f.key.clone(),
            source: f.source.clone(),
            outcome: f.outcome.clone(),
        };
        let filters = Filters::read(typed).map_err(|e| UsageError(e.to_string()))?;
        Ok(Question { window: self.window.resolve()?, filters, limit: self.limit })
    }
}

/// Where a session's events are read from.
pub(crate) fn source(session: &Session) -> Source {
    let files = &session.snapshot().table(Table::Cloudtrail).files;
    let day = |f: &backtrail_store::DataFile| Day { date: f.event_date.clone().unwrap_or_else(|| UNKNOWN_DATE.to_owned()), rows: f.rows };
    Source::new(session.context().clone(), files.iter().map(day))
}

/// Wrong usage that only the question notices keeps its exit code.
pub(crate) fn timeline_error(error: TimelineError) -> anyhow::Error {
    if error.is_usage() { UsageError(error.to_string()).into() } else { error.into() }
}

/// Begins to write an answer where it was asked to go.
pub(crate) fn begin<T>(name: &'static str, question: &Question, to: &OutputArgs, context: &Context) -> anyhow::Result<AnswerWriter<T>>
where
    T: serde::Serialize + crate::answers::TextItem + crate::answers::Flat + Sync,
{
    let path = to.output.as_deref();
    if to.format == Format::Parquet && context.printer.data_is_terminal(path) {
        return Err(UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout".to_owned()).into());
    }
    AnswerWriter::begin(name, question, to.format, context.printer.data(path)?, Style::new(context.printer.has_color()))
}

/// Ends an answer; says so where evidence that concerns it is broken.
pub(crate) fn end<T>(writer: AnswerWriter<T>, closing: &Closing) -> anyhow::Result<ExitStatus>
where
    T: serde::Serialize + crate::answers::TextItem + crate::answers::Flat + Sync,
{
    writer.end(closing)?;
    Ok(ExitStatus::incomplete_if(closing.coverage.incomplete))
}

/// Answers a question that lists events.
pub(crate) async fn events(which: EventQuestion, args: &QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    answer_events(which, &question, &source(&session), &args.output, context).await
}

pub(crate) async fn answer_events(
    which: EventQuestion,
    question: &Question,
    source: &Source,
    to: &OutputArgs,
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let mut writer = begin(which.name(), question, to, context)?;
    let closing = backtrail_timeline::events(source, which, question, &mut |item| writer.item(item)).await.map_err(timeline_error)?;
    end(writer, &closing)
}

/// Answers who was there.
pub(crate) async fn actors(args: &QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let mut writer: AnswerWriter<Present> = begin("actors", &question, &args.output, context)?;
    let closing = backtrail_timeline::actors(&source(&session), &question, &mut |item| writer.item(item)).await.map_err(timeline_error)?;
    end(writer, &closing)
}
