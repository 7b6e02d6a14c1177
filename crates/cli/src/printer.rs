//! The one place that writes: data to stdout (or `--output`), everything else to stderr.
#![expect(clippy::print_stderr, reason = "this is where messages leave the program")]

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Colour where the stream is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Colour always.
    Always,
    /// Never.
    Never,
}

/// What may be written where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    quiet: bool,
    color: bool,
}

impl Printer {
    /// Settles `--quiet` and `--color` against the terminal.
    pub(crate) fn new(quiet: bool, color: Color) -> Self {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Self { quiet, color }
    }

    /// Whether answers may carry colour.
    pub(crate) fn has_color(self) -> bool {
        self.color
    }

    /// Whether progress may be drawn: stderr is a terminal and `--quiet` was not given.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// A line for the person watching, on stderr; silent under `--quiet`.
    pub(crate) fn say(self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    /// A line the person must see, on stderr, also under `--quiet`.
    #[expect(clippy::unused_self, reason = "all writing goes through the printer")]
    pub(crate) fn warn(self, line: &str) {
        eprintln!("warning: {line}");
    }

    /// A warning that nobody would see otherwise: what [`Printer::say`] says more of.
    pub(crate) fn warn_if_quiet(self, line: &str) {
        if self.quiet {
            self.warn(line);
        }
    }

    /// Where data goes: stdout, or the file of `--output`.
    #[expect(clippy::unused_self, reason = "all writing goes through the printer")]
    pub(crate) fn data(self, output: Option<&Path>) -> anyhow::Result<Box<dyn Write + Send>> {
        match output {
            None => Ok(Box::new(BufWriter::new(io::stdout()))),
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Box::new(BufWriter::new(Named { file, path: path.to_owned() })))
            }
        }
    }

    /// Whether data goes to a terminal.
    #[expect(clippy::unused_self, reason = "all writing goes through the printer")]
    pub(crate) fn data_is_terminal(self, output: Option<&Path>) -> bool {
        output.is_none() && io::stdout().is_terminal()
    }
}

/// A file that says its name where it cannot be written.
struct Named {
    file: File,
    path: PathBuf,
}

impl Named {
    fn named<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|e| io::Error::new(e.kind(), format!("cannot write {}: {e}", self.path.display())))
    }
}

impl Write for Named {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        self.named(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.named(result)
    }
}

/// An error with its causes, one a line.
pub(crate) fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Libraries differ on whether a message repeats its cause; a person need not read it twice.
        if !last.contains(&text) {
            eprintln!("  caused by: {text}");
            last = text;
        }
    }
}

/// Columns of the terminal on stdout; none where stdout is none.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    // The table library asks the terminal; where it cannot, COLUMNS may say.
    let asked = comfy_table::Table::new().width().map(usize::from);
    asked.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).or(Some(120))
}
