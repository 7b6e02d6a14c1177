//! The interactive shell: statements end with a semicolon, commands begin with a backslash.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use backtrail_query::{Session, is_complete, split_statements};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use super::helper::SqlHelper;
use super::write;
use crate::args::Format;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::printer::terminal_width;

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
    let mut shell = Shell { session, format, parameters, context, timing: false };
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<SqlHelper, FileHistory> = Editor::with_config(config).context("cannot read from this terminal")?;
    editor.set_helper(Some(SqlHelper::of(session).await));
    let history = history_file();
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    context.printer.say("\\? for help, \\q to leave");
    let mut pending = String::new();
    loop {
        let prompt = if pending.is_empty() { "backtrail> " } else { "       ... " };
        match tokio::task::block_in_place(|| editor.readline(prompt)) {
            Ok(line) if pending.is_empty() && line.trim_start().starts_with('\\') => {
                let _ = editor.add_history_entry(line.trim());
                if !shell.command(line.trim()).await {
                    break;
                }
            }
            Ok(line) => {
                pending.push_str(&line);
                pending.push('\n');
                if is_complete(&pending) {
                    let _ = editor.add_history_entry(pending.trim());
                    shell.statements(&std::mem::take(&mut pending)).await;
                }
            }
            // Ctrl-C gives up the statement being typed.
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(path) = &history {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        editor.save_history(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitStatus::Done)
}

/// Beside the user's other state, never in the store: a store is handed on.
fn history_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?;
    Some(state.join("backtrail").join("sql_history"))
}

struct Shell<'a> {
    session: &'a Session,
    format: Format,
    parameters: &'a [(String, String)],
    context: &'a Context,
    timing: bool,
}

impl Shell<'_> {
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
            if self.timing {
                self.context.printer.say(&format!("{:.3} s", began.elapsed().as_secs_f64()));
            }
        }
    }

    async fn answer(&self, statement: &str) -> anyhow::Result<()> {
        let out = self.context.printer.data(None)?;
        write(self.session, statement, self.parameters, self.format, out, terminal_width()).await
    }

    /// A backslash command; false to leave.
    async fn command(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(w, r)| (w, r.trim().trim_end_matches(';')));
        let printer = self.context.printer;
        match (word, rest) {
            ("\\q", _) => return false,
            ("\\?", _) => printer.say(HELP),
            ("\\d", "") => printer.say(&self.session.tables().join("\n")),
            ("\\d", name) => {
                let columns = self.session.columns(name).await;
                if columns.is_empty() {
                    printer.warn(&format!("there is no table or view `{name}`; \\d lists them"));
                } else {
                    self.statements(&format!("DESCRIBE {name};")).await;
                }
            }
            ("\\df", _) => printer.say(&self.session.functions().join(" ")),
            ("\\timing", _) => {
                self.timing = !self.timing;
                printer.say(if self.timing { "timing is on" } else { "timing is off" });
            }
            ("\\f", name) => match <Format as clap::ValueEnum>::from_str(name, true) {
                Ok(format) if format != Format::Parquet => self.format = format,
                _ => printer.warn("the shell writes table, json, jsonl and csv"),
            },
            _ => printer.warn(&format!("`{word}` is no command; \\? lists them")),
        }
        true
    }
}
