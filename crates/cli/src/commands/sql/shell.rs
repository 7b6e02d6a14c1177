//! The interactive shell: statements end with a semicolon, commands begin with a backslash.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use backtrail_query::{Session, is_complete, parameters_for, split_statements};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::helper::SqlHelper;
use super::write;
use crate::args::Format;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::printer::terminal_width;
use crate::sanitize::sanitize;

const HELP: &str = "\
statements end with ; and may go over several lines\n\
\\d           tables and views          \\d NAME   columns of a table or view\n\
\\df          functions                 \\timing   time of each statement on or off\n\
\\f FORMAT    table, json, jsonl, csv   \\q        leave (or Ctrl-D)";

pub(super) async fn run(
    session: &Session,
    format: Format,
    parameters: &[(String, String)],
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let mut shell = Shell::new(session, format, parameters, context);
    let config = Config::builder().auto_add_history(false).completion_type(CompletionType::List).build();
    let mut editor: Editor<SqlHelper, FileHistory> = Editor::with_config(config).context("cannot read from this terminal")?;
    editor.set_helper(Some(SqlHelper::of(session).await?));
    let history = History::open(&mut editor, context);
    context.keep_ctrl_c();
    context.printer.say("\\? for help, \\q to leave");
    let mut pending = String::new();
    loop {
        let prompt = if pending.is_empty() { "backtrail> " } else { "       ... " };
        if let Some(helper) = editor.helper_mut() {
            helper.before.clone_from(&pending);
        }
        match tokio::task::block_in_place(|| editor.readline(prompt)) {
            Ok(line) if pending.is_empty() && line.trim_start().starts_with('\\') => {
                history.add(&mut editor, line.trim());
                if !shell.command(line.trim()).await? {
                    break;
                }
            }
            Ok(line) => {
                pending.push_str(&line);
                pending.push('\n');
                if is_complete(&pending) {
                    history.add(&mut editor, pending.trim());
                    shell.statements(&std::mem::take(&mut pending)).await;
                }
            }
            // Ctrl-C gives up the statement being typed.
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ExitStatus::Done)
}

/// What was typed, kept from one session to the next as it is typed: a session that is killed loses nothing.
struct History {
    path: Option<PathBuf>,
}

impl History {
    fn open(editor: &mut Editor<SqlHelper, FileHistory>, context: &Context) -> Self {
        let Some(path) = history_file() else { return Self { path: None } };
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder {
            context.printer.warn(&format!("what you type is not kept for the next session: {}: {error}", path.display()));
            return Self { path: None };
        }
        // The first time there is none.
        let _ = editor.load_history(&path);
        Self { path: Some(path) }
    }

    fn add(&self, editor: &mut Editor<SqlHelper, FileHistory>, entry: &str) {
        // A history that cannot be written is no reason to stop answering.
        if editor.add_history_entry(entry).unwrap_or(false)
            && let Some(path) = &self.path
        {
            let _ = editor.append_history(path);
        }
    }
}

/// Beside the user's other state, never in the store: a store is handed on.
fn history_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?;
    Some(state.join("backtrail").join("sql_history"))
}

/// What statements and commands are answered with, typed or not.
pub(super) struct Shell<'a> {
    session: &'a Session,
    pub(super) format: Format,
    parameters: &'a [(String, String)],
    context: &'a Context,
    timing: bool,
}

impl<'a> Shell<'a> {
    pub(super) fn new(session: &'a Session, format: Format, parameters: &'a [(String, String)], context: &'a Context) -> Self {
        Self { session, format, parameters, context, timing: false }
    }

    /// Answers statements. An error ends none but its own; Ctrl-C stops the statement and stays in the shell.
    async fn statements(&self, text: &str) {
        for statement in split_statements(text).0 {
            let began = Instant::now();
            tokio::select! {
                result = self.answer(&statement) => {
                    if let Err(error) = result {
                        crate::printer::print_error(&error);
                    }
                }
                _ = tokio::signal::ctrl_c() => self.context.printer.say("cancelled"),
            }
            self.say_time(began);
        }
    }

    /// Says what a statement took, where that was asked for.
    pub(super) fn say_time(&self, began: Instant) {
        if self.timing {
            self.context.printer.say(&format!("{:.1} ms", began.elapsed().as_secs_f64() * 1e3));
        }
    }

    async fn answer(&self, statement: &str) -> anyhow::Result<()> {
        let open = || self.context.printer.data(None);
        let values = parameters_for(statement, self.parameters);
        write(self.session, statement, &values, self.format, open, terminal_width()).await
    }

    /// A backslash command; false to leave.
    pub(super) async fn command(&mut self, line: &str) -> anyhow::Result<bool> {
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(w, r)| (w, r.trim().trim_end_matches(';')));
        let printer = self.context.printer;
        match (word, rest) {
            ("\\q", _) => return Ok(false),
            ("\\?", _) => self.print(HELP)?,
            ("\\d" | "\\dt", "") => self.print(&self.session.tables().join("\n"))?,
            ("\\d" | "\\dt", name) => {
                let columns = self.session.columns(name).await;
                if columns.is_empty() {
                    let near = near_names(name, &self.session.tables());
                    printer.warn(&format!("there is no table or view `{}`; {near}", sanitize(name)));
                } else {
                    self.statements(&format!("DESCRIBE {name};")).await;
                }
            }
            ("\\df", _) => self.print(&self.session.functions()?.join("\n"))?,
            ("\\timing", _) => {
                self.timing = !self.timing;
                printer.say(if self.timing { "timing is on" } else { "timing is off" });
            }
            ("\\f", name) => match <Format as clap::ValueEnum>::from_str(name, true) {
                Ok(format) if format != Format::Parquet => self.format = format,
                _ => printer.warn("the shell writes table, json, jsonl and csv"),
            },
            _ => printer.warn(&format!("`{}` is no command; \\? lists them", sanitize(word))),
        }
        Ok(true)
    }

    /// Names asked for are data.
    fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut out = self.context.printer.data(None)?;
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }
}

/// The names that begin like this one, or how to see all.
fn near_names(name: &str, tables: &[String]) -> String {
    match backtrail_query::nearest_names(name, tables).as_slice() {
        [] => "\\d lists them".to_owned(),
        near => format!("did you mean {}?", near.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")),
    }
}
