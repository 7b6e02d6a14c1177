//! Backtrail beside DuckDB: ingest (with the floor), the ten queries of `benches/queries`, and the questions of an incident.
//!
//! Commands run in turn, several rounds, each as a process of its own; what is reported is medians and ratios of one run.

mod answers;
mod child;
mod flows;
mod ingest;
mod queries;
mod questions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::generate::{self, GenerateArgs, Story, beside};
use crate::say;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Run only this part (may be repeated); ingest and queries if not given
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Events to generate for ingest and queries
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Events to generate for the questions, spread over thirty days
    #[arg(long, default_value_t = 10_000_000)]
    questions_events: usize,
    /// Flow records to generate
    #[arg(long, default_value_t = 20_000_000)]
    flows: u64,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Threads for each
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Keep evidence and stores in this folder, and use what an earlier run left there
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// The program
    #[arg(long, default_value = "target/release/backtrail", env = "BACKTRAIL_BIN")]
    backtrail: PathBuf,
    /// A Python that has DuckDB
    #[arg(long, default_value = "python3", env = "DUCKDB_PYTHON")]
    python: PathBuf,
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Ingest beside DuckDB and the floor
    Ingest,
    /// The ten queries beside DuckDB, on the same Parquet files
    Queries,
    /// The questions of an incident over ten million events, and over a tenth of them
    Questions,
    /// Ingest of flow logs beside DuckDB, and an hour's traffic
    Flows,
}

/// First day of the evidence; `benches/queries` name days after it.
const START: &str = "2025-10-10";
/// Days of the evidence for ingest and queries.
const DAYS: i64 = 5;

/// `compare`: generates evidence and measures.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = args.work.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    say(&format!("{}; DuckDB {}; {} threads, {} rounds", version(args)?, child::duckdb_version(args)?, args.threads, args.runs))?;
    let parts: &[Part] = if args.only.is_empty() { &[Part::Ingest, Part::Queries] } else { &args.only };
    for part in parts {
        match part {
            Part::Ingest => ingest::run(args, folder)?,
            Part::Queries => queries::run(args, folder)?,
            Part::Questions => questions::run(args, folder)?,
            Part::Flows => flows::run(args, folder)?,
        }
    }
    Ok(())
}

fn version(args: &CompareArgs) -> Result<String> {
    let output = Command::new(&args.backtrail).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}: build it with `cargo build --release`", args.backtrail.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The evidence of one size, made unless it is there already; with the incident's time.
fn evidence(folder: &Path, events: usize, days: i64) -> Result<(PathBuf, String)> {
    let out = folder.join(format!("evidence-{events}-{days}"));
    let at = beside(&out, "at");
    if !at.exists() {
        let (seed, start, story) = (7, START.to_owned(), Story::LeakedKey);
        generate::generate(&GenerateArgs { out: out.clone(), seed, events, accounts: 6, regions: 4, days, noise: 0.999_9, start, story })?;
    }
    let time = fs::read_to_string(&at).with_context(|| format!("cannot read {}", at.display()))?;
    Ok((out, time.trim().to_owned()))
}

/// A store of that evidence, made unless it is there already.
fn store(args: &CompareArgs, folder: &Path, events: usize, days: i64) -> Result<(PathBuf, String)> {
    let (evidence, at) = evidence(folder, events, days)?;
    let store = folder.join(format!("store-{events}-{days}"));
    if !store.exists() {
        let took = child::timed(ingest::command(args, &evidence, &store).arg("--quiet"))?.seconds;
        say(&format!("ingested {events} events in {took:.1} s"))?;
    }
    Ok((store, at))
}

/// A script of `benches/duckdb`.
fn script(args: &CompareArgs, name: &str) -> Command {
    let mut command = Command::new(&args.python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("duckdb").join(name));
    command
}

/// Measurements of one command.
#[derive(Debug, Clone, Default)]
struct Series(Vec<f64>);

impl Series {
    fn add(&mut self, seconds: f64) {
        self.0.push(seconds);
        self.0.sort_by(f64::total_cmp);
    }

    fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// `median 5.17 s (4.96 to 5.52)`.
impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {:.3} s ({:.3} to {:.3})", self.median(), self.least(), self.most())
    }
}

/// The geometric mean.
fn geometric(ratios: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ten of them")]
    let count = ratios.len() as f64;
    (ratios.iter().map(|r| r.ln()).sum::<f64>() / count).exp()
}

fn succeeded(status: std::process::ExitStatus, command: &Command, stderr: &[u8]) -> Result<()> {
    ensure!(status.success(), "{command:?} failed: {status}\n{}", String::from_utf8_lossy(stderr));
    Ok(())
}
