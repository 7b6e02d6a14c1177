//! Ingest beside DuckDB and the floor: the three in turn, several rounds, medians and ratios.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::floor;
use crate::generate::{self, GenerateArgs};
use crate::say;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Events to generate
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Threads for each
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The program
    #[arg(long, default_value = "target/release/backtrail", env = "BACKTRAIL_BIN")]
    backtrail: PathBuf,
    /// A Python that has DuckDB
    #[arg(long, default_value = "python3", env = "DUCKDB_PYTHON")]
    python: PathBuf,
}

/// `compare`: generates evidence into a temporary folder and measures.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let evidence = folder.path().join("evidence");
    let generated = GenerateArgs {
        out: evidence.clone(),
        seed: 7,
        events: args.events,
        accounts: 6,
        regions: 4,
        days: 5,
        noise: 0.999_9,
        start: "2025-10-10".to_owned(),
    };
    generate::generate(&generated)?;
    let (mut ours, mut duckdb, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.runs {
        ours.push(backtrail(args, &evidence, &folder.path().join("store"))?);
        duckdb.push(peer(args, &evidence, &folder.path().join("duckdb.parquet"))?);
        let floor = floor::measure(&evidence, args.threads)?;
        floors.push(floor.sum());
        say(&format!(
            "round {round}: backtrail {:.2} s, duckdb {:.2} s, floor {:.2} s (gunzip {:.2}, tape {:.2}, sha-256 {:.2}, zstd-1 {:.2})",
            ours[round - 1],
            duckdb[round - 1],
            floor.sum(),
            floor.gunzip,
            floor.parse,
            floor.hash,
            floor.compress
        ))?;
    }
    report(args.events, &mut ours, &mut duckdb, &mut floors)
}

fn report(events: usize, ours: &mut [f64], duckdb: &mut [f64], floors: &mut [f64]) -> Result<()> {
    let (o, d, f) = (median(ours), median(duckdb), median(floors));
    #[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
    let rate = |seconds: f64| events as f64 / seconds / 1000.0;
    say(&format!("backtrail: median {o:.2} s ({:.2} to {:.2}), {:.0} thousand events a second", ours[0], ours[ours.len() - 1], rate(o)))?;
    say(&format!(
        "duckdb:    median {d:.2} s ({:.2} to {:.2}), {:.0} thousand events a second",
        duckdb[0],
        duckdb[duckdb.len() - 1],
        rate(d)
    ))?;
    say(&format!("floor:     median {f:.2} s ({:.2} to {:.2})", floors[0], floors[floors.len() - 1]))?;
    say(&format!("backtrail is {:.1} times as fast as duckdb, and takes {:.1} times the floor", d / o, o / f))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn timed(command: &mut Command) -> Result<f64> {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().with_context(|| format!("cannot start {command:?}"))?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(seconds)
}

fn backtrail(args: &CompareArgs, evidence: &Path, store: &Path) -> Result<f64> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    timed(
        Command::new(&args.backtrail)
            .args(["ingest", "--quiet", "--threads", &args.threads.to_string(), "--store"])
            .arg(store)
            .arg(evidence),
    )
}

fn peer(args: &CompareArgs, evidence: &Path, to: &Path) -> Result<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("duckdb/ingest.py");
    timed(Command::new(&args.python).arg(script).arg(evidence).arg(to).arg(args.threads.to_string()))
}
