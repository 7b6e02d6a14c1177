//! `backtrail sql`: one query, a file of one, or a shell.

mod helper;
mod script;
mod shell;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backtrail_query::{QueryError, Session};
use clap::Args;
use futures::StreamExt;

use crate::args::{Format, OutputArgs};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::output;
use crate::printer::terminal_width;

/// What to ask.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The query; a shell where neither it nor --file is given
    query: Option<String>,
    /// Read the query from a file; - for stdin
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Bind a value to `$NAME` in the query
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    output: OutputArgs,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim_start_matches('$').to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

pub(crate) async fn run(args: SqlArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let session = context.session().await?;
    let query = match (&args.query, &args.file) {
        (Some(query), _) => query.clone(),
        (None, Some(path)) => read(path)?,
        (None, None) if std::io::stdin().is_terminal() => {
            return shell::run(&session, args.output.format, &args.parameters, context).await;
        }
        (None, None) => {
            return script::run(&session, &read(Path::new(STDIN))?, &args.output, &args.parameters, context).await;
        }
    };
    answer(&session, &query, &args.parameters, args.output.format, args.output.output.as_deref(), context).await?;
    Ok(ExitStatus::Done)
}

const STDIN: &str = "-";

/// The text of a file, or of stdin; without the mark that some editors put in front of UTF-8.
fn read(path: &Path) -> anyhow::Result<String> {
    let text = if path == Path::new(STDIN) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the query from stdin")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Answers one statement to stdout or a file.
async fn answer(
    session: &Session,
    query: &str,
    parameters: &[(String, String)],
    format: Format,
    output: Option<&Path>,
    context: &Context,
) -> anyhow::Result<()> {
    let width = width(format, output, context)?;
    write(session, query, parameters, format, || context.printer.data(output), width).await
}

/// The width to write in, if what is written to is a terminal.
fn width(format: Format, output: Option<&Path>, context: &Context) -> anyhow::Result<Option<usize>> {
    let is_terminal = context.printer.data_is_terminal(output);
    if format == Format::Parquet && is_terminal {
        return Err(UsageError("Parquet is not for a terminal: name a file with --output, or redirect stdout".to_owned()).into());
    }
    Ok(if is_terminal { terminal_width() } else { None })
}

/// Streams the rows of one statement. Nothing is opened to write to before the statement is known to be one: the file of an earlier answer stays.
async fn write(
    session: &Session,
    query: &str,
    parameters: &[(String, String)],
    format: Format,
    open: impl FnOnce() -> anyhow::Result<Box<dyn Write + Send>>,
    width: Option<usize>,
) -> anyhow::Result<()> {
    let mut rows = session.sql(query, parameters).await?;
    output::check(format, &rows.schema())?;
    let out = open()?;
    let mut writer = output::writer(format, &rows.schema(), out, width)?;
    while let Some(batch) = rows.next().await {
        writer.write(&batch.map_err(QueryError::engine)?)?;
    }
    writer.finish()
}
