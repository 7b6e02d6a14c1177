//! What the question commands share: arguments into a question, a session into a source, an answer into bytes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use backtrail_model::tables::{Table, UNKNOWN_DATE};
use backtrail_query::Session;
use backtrail_timeline::{
    ActorOrder, Closing, Day, EventQuestion, Filters, Present, Question, Source, TimelineError, Typed, event_lines, events,
};

use serde::Serialize;

use crate::answers::{AnswerWriter, Style};
use crate::args::{DEFAULT_STORE, Format, OutputArgs, QuestionArgs};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::printer::terminal_width;
use crate::sanitize::JsonOut;

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

impl QuestionArgs {
    /// The window, the filters and the store as they were typed, for a command that asks the same.
    pub(crate) fn typed(&self, context: &Context) -> String {
        let (w, f) = (&self.window, &self.filters);
        let mut words: Vec<(&str, &str)> = Vec::new();
        words.extend(w.at.as_deref().map(|at| ("at", at)));
        words.extend(Some(("before", w.before.as_str())).filter(|(_, v)| w.at.is_some() && *v != "24h"));
        words.extend(Some(("after", w.after.as_str())).filter(|(_, v)| w.at.is_some() && *v != "1h"));
        words.extend(w.from.as_deref().map(|from| ("from", from)));
        words.extend(w.to.as_deref().map(|to| ("to", to)));
        for (option, values) in [
            ("account", &f.account),
            ("region", &f.region),
            ("arn", &f.arn),
            ("actor", &f.actor),
            ("ip", &f.ip),
            ("key", &f.key),
            ("source", &f.source),
            ("outcome", &f.outcome),
        ] {
            words.extend(values.iter().map(|value| (option, value.as_str())));
        }
        let store = context.store_dir.to_string_lossy();
        words.extend(Some(("store", store.as_ref())).filter(|(_, v)| *v != DEFAULT_STORE));
        words.iter().map(|(option, value)| format!(" --{option} {}", quoted(value))).collect()
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Where a session's events are read from.
pub(crate) async fn source(session: &Session) -> anyhow::Result<Source> {
    let table = session.snapshot().table(Table::Cloudtrail).await?;
    let day = |f: &backtrail_store::DataFile| Day { date: f.event_date.clone().unwrap_or_else(|| UNKNOWN_DATE.to_owned()), rows: f.rows };
    let source = Source::new(session.context()?.clone(), table.files.iter().map(day));
    Ok(source.with_tallies(Arc::new(move || table.tallies())))
}

/// Wrong usage that only the question notices keeps its exit code.
pub(crate) fn timeline_error(error: TimelineError) -> anyhow::Error {
    if error.is_usage() { UsageError(error.to_string()).into() } else { error.into() }
}

/// Begins to write an answer where it was asked to go.
pub(crate) fn begin<T>(name: &'static str, question: &Question, to: &OutputArgs, context: &Context) -> anyhow::Result<AnswerWriter<T>>
where
    T: Serialize + crate::answers::TextItem + crate::answers::Flat + Send,
{
    begin_in(style(to.output.as_deref(), context), name, question, to, context)
}

/// The same, in a style of its own.
pub(crate) fn begin_in<T>(
    style: Style,
    name: &'static str,
    question: &Question,
    to: &OutputArgs,
    context: &Context,
) -> anyhow::Result<AnswerWriter<T>>
where
    T: Serialize + crate::answers::TextItem + crate::answers::Flat + Send,
{
    let path = to.output.as_deref();
    if to.format == Format::Parquet && context.printer.data_is_terminal(path) {
        return Err(UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout".to_owned()).into());
    }
    AnswerWriter::begin(name, question, to.format, context.printer.data(path)?, style)
}

/// How text looks where it goes.
pub(crate) fn style(output: Option<&Path>, context: &Context) -> Style {
    let width = if context.printer.data_is_terminal(output) { terminal_width() } else { None };
    Style::new(context.printer.has_color(), width)
}

/// Writes what has no rows: for a person, or as JSON, whole or a line for each of its parts.
pub(crate) fn document<T: Serialize, L: Serialize>(
    name: &str,
    whole: &T,
    lines: &[L],
    format: Format,
    out: &mut dyn Write,
    text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    match format {
        Format::Json => writeln!(JsonOut::new(out), "{}", serde_json::to_string_pretty(whole)?)?,
        Format::Jsonl => {
            let mut out = JsonOut::new(out);
            for line in lines {
                writeln!(out, "{}", serde_json::to_string(line)?)?;
            }
        }
        Format::Table => text(out)?,
        Format::Csv | Format::Parquet => {
            return Err(UsageError(format!("{name} writes table, json or jsonl; for rows use `backtrail sql`")).into());
        }
    }
    Ok(())
}

/// Ends an answer; says so where evidence that concerns it is broken.
pub(crate) fn end<T>(writer: AnswerWriter<T>, closing: &Closing) -> anyhow::Result<ExitStatus>
where
    T: Serialize + crate::answers::TextItem + crate::answers::Flat + Send,
{
    writer.end(closing)?;
    Ok(ExitStatus::incomplete_if(closing.coverage.incomplete))
}

/// Answers a question that lists events.
pub(crate) async fn list(which: EventQuestion, args: &QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    answer_events(which, &question, &source(&session).await?, &args.output, context).await
}

pub(crate) async fn answer_events(
    which: EventQuestion,
    question: &Question,
    source: &Source,
    to: &OutputArgs,
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let mut writer = begin(which.name(), question, to, context)?;
    let mut sink = |item| writer.item(item);
    let closing = match to.format {
        Format::Table => event_lines(source, which, question, &mut sink).await,
        _ => events(source, which, question, &mut sink).await,
    };
    let closing = closing.map_err(timeline_error)?;
    end(writer, &closing)
}

/// Answers who was there.
pub(crate) async fn actors(args: &QuestionArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let mut writer: AnswerWriter<Present> = begin("actors", &question, &args.output, context)?;
    // A person reads from the top; programs get the order of time, as in every answer.
    let order = if args.output.format == Format::Table { ActorOrder::Notable } else { ActorOrder::FirstSeen };
    let closing = backtrail_timeline::actors(&source(&session).await?, &question, order, &mut |item| writer.item(item))
        .await
        .map_err(timeline_error)?;
    end(writer, &closing)
}
