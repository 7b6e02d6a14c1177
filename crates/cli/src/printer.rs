//! The one place that writes: data to stdout (or `--output`), everything else to stderr.
#![expect(clippy::print_stderr, reason = "this is where messages leave the program")]

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::sanitize::sanitize_cell;

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
            eprintln!("{}", sanitize_cell(line));
        }
    }

    /// A line the person must see, on stderr, also under `--quiet`.
    #[expect(clippy::unused_self, reason = "all writing goes through the printer")]
    pub(crate) fn warn(self, line: &str) {
        eprintln!("warning: {}", sanitize_cell(line));
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
                let file = Named::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Box::new(BufWriter::new(file)))
            }
        }
    }

    /// Whether data goes to a terminal.
    #[expect(clippy::unused_self, reason = "all writing goes through the printer")]
    pub(crate) fn data_is_terminal(self, output: Option<&Path>) -> bool {
        output.is_none() && io::stdout().is_terminal()
    }
}

/// A file that says its name where it cannot be written. It takes the place of an earlier one when it is flushed, which is when its answer
/// is complete: one that fails on the way leaves the earlier as it was.
struct Named {
    file: File,
    path: PathBuf,
    /// What it is called until then, and what from then on.
    moves: Option<(PathBuf, PathBuf)>,
}

impl Named {
    fn create(path: &Path) -> io::Result<Self> {
        let (file, moves) = match beside(path) {
            Some((file, part, whole)) => (file, Some((part, whole))),
            None => (File::create(path)?, None),
        };
        Ok(Self { file, path: path.to_owned(), moves })
    }

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
        self.named(result)?;
        match self.moves.take() {
            Some((part, whole)) => {
                let result = fs::rename(&part, whole);
                self.named(result)
            }
            None => Ok(()),
        }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.moves {
            // What stays is hidden, and says by its name that it is a part.
            let _ = fs::remove_file(part);
        }
    }
}

/// A new file in the folder of another, its name, and that of the other. `None` for what is no plain file, such as a pipe, for what may not be
/// written, and for a folder that takes no new file: there only the file itself can be written.
fn beside(path: &Path) -> Option<(File, PathBuf, PathBuf)> {
    let (whole, earlier) = match fs::canonicalize(path) {
        Ok(whole) => {
            let earlier = fs::metadata(&whole).ok()?;
            (whole, Some(earlier))
        }
        // A link to nothing is followed, as ever.
        Err(_) if fs::symlink_metadata(path).is_ok() => return None,
        Err(_) => (path.to_owned(), None),
    };
    if earlier.as_ref().is_some_and(|known| !known.is_file() || known.permissions().readonly()) {
        return None;
    }
    let name = whole.file_name()?.to_string_lossy().into_owned();
    let part = whole.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let file = File::create_new(&part).ok()?;
    if let Some(earlier) = earlier {
        // Where that cannot be set, the answer is worth more.
        let _ = file.set_permissions(earlier.permissions());
    }
    Some((file, part, whole))
}

/// An error with its causes, one a line. Messages quote names of files and values of evidence: those may be written by attackers.
pub(crate) fn print_error(error: &anyhow::Error) {
    eprintln!("error: {}", sanitize_cell(&error.to_string()));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Libraries differ on whether a message repeats its cause; a person need not read it twice.
        if !last.contains(&text) {
            eprintln!("  caused by: {}", sanitize_cell(&text));
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
    // A terminal that does not know its width says 0.
    asked.filter(|width| *width > 0).or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).or(Some(120))
}
