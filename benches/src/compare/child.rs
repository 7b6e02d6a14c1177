//! One command run and measured.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::{CompareArgs, script, succeeded};

/// A command that ended well.
#[derive(Debug)]
pub(super) struct Run {
    /// From before it was started to after its end.
    pub(super) seconds: f64,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs a command to its end.
pub(super) fn timed(command: &mut Command) -> Result<Run> {
    run(command.stdin(Stdio::null()))
}

/// The same, reading a file.
pub(super) fn timed_reading(command: &mut Command, path: &Path) -> Result<Run> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    run(command.stdin(file))
}

fn run(command: &mut Command) -> Result<Run> {
    let began = Instant::now();
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let seconds = began.elapsed().as_secs_f64();
    succeeded(output.status, command, &output.stderr)?;
    Ok(Run { seconds, stdout: output.stdout, stderr: output.stderr })
}

/// Peak resident memory of a command in MB, in a run of its own that is not timed.
pub(super) fn peak(args: &CompareArgs, command: &Command) -> Result<f64> {
    let mut wrapped = script(args, "peak.py");
    wrapped.arg(command.get_program()).args(command.get_args());
    let run = timed(&mut wrapped)?;
    let text = String::from_utf8_lossy(&run.stdout);
    let kib: f64 = text.trim().parse().with_context(|| format!("peak.py said `{}`", text.trim()))?;
    Ok(kib * 1024.0 / 1e6)
}

/// DuckDB's version.
pub(super) fn duckdb_version(args: &CompareArgs) -> Result<String> {
    let run = timed(Command::new(&args.python).args(["-c", "import duckdb; print(duckdb.__version__)"]))?;
    Ok(String::from_utf8_lossy(&run.stdout).trim().to_owned())
}
