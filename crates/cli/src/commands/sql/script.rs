//! Statements and commands that are not typed but come from a pipe.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use backtrail_query::{Session, check_parameters, is_complete, parameters_for, split_in_place};

use super::shell::Shell;
use super::{width, write};
use crate::args::{Format, OutputArgs};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};

/// Answers a script. The first mistake ends it.
pub(super) async fn run(
    session: &Session,
    text: &str,
    to: &OutputArgs,
    parameters: &[(String, String)],
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let steps = steps(text);
    let statements: Vec<String> =
        steps.iter().filter_map(|s| if let Step::Statement(text) = s { Some(text.clone()) } else { None }).collect();
    check_parameters(&statements, parameters)?;
    let mut shell = Shell::new(session, to.format, parameters, context);
    let mut file = OneFile { path: to.output.as_deref(), parts: 0, out: None };
    for step in steps {
        match step {
            Step::Command(line) => {
                if !shell.command(&line).await? {
                    break;
                }
            }
            Step::Statement(text) => {
                let (values, width) = (parameters_for(&text, parameters), width(shell.format, file.path, context)?);
                let open = || file.open(shell.format, context);
                let began = Instant::now();
                write(session, &text, &values, shell.format, open, width).await?;
                shell.say_time(began);
            }
        }
    }
    file.close()?;
    Ok(ExitStatus::Done)
}

/// What a script does, in order.
enum Step {
    Command(String),
    /// With blank lines and blanks before it, so that a mistake is told by its place in the script.
    Statement(String),
}

fn steps(text: &str) -> Vec<Step> {
    let (mut steps, mut pending, mut began) = (Vec::new(), String::new(), 0);
    for (number, line) in text.lines().enumerate() {
        if pending.trim().is_empty() && line.trim_start().starts_with('\\') {
            steps.push(Step::Command(line.trim().to_owned()));
            began = number + 1;
            continue;
        }
        pending.push_str(line);
        pending.push('\n');
        if is_complete(&pending) {
            steps.extend(split_in_place(&std::mem::take(&mut pending), began).into_iter().map(Step::Statement));
            began = number + 1;
        }
    }
    // The last statement may do without its semicolon.
    steps.extend(split_in_place(&pending, began).into_iter().map(Step::Statement));
    steps
}

/// Where the answers of a script go: one after the other into one file, as they do to stdout.
struct OneFile<'a> {
    path: Option<&'a Path>,
    /// Answers so far.
    parts: usize,
    out: Option<Arc<Mutex<Box<dyn Write + Send>>>>,
}

impl OneFile<'_> {
    fn open(&mut self, format: Format, context: &Context) -> anyhow::Result<Box<dyn Write + Send>> {
        if self.path.is_none() {
            return context.printer.data(None);
        }
        self.parts += 1;
        if format == Format::Parquet && self.parts > 1 {
            return Err(UsageError("a Parquet file holds the answer of one statement; ask the others one by one".to_owned()).into());
        }
        let out = match &self.out {
            Some(out) => Arc::clone(out),
            None => Arc::clone(self.out.insert(Arc::new(Mutex::new(context.printer.data(self.path)?)))),
        };
        Ok(Box::new(Part(out)))
    }

    /// The end: now the file is complete.
    fn close(self) -> anyhow::Result<()> {
        match self.out {
            Some(out) => Ok(out.lock().map_err(|_poisoned| anyhow::anyhow!("an answer could not be written"))?.flush()?),
            None => Ok(()),
        }
    }
}

/// One answer of several in a file, which is not complete with it.
struct Part(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_poisoned| io::Error::other("an answer could not be written"))?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
