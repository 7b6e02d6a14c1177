//! Ingest of flow logs beside DuckDB's `read_csv` over the same files, what both take on disk, and an hour's traffic asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::ingest::command;
use super::{CompareArgs, Series, child, script};
use crate::generate::{FlowsArgs, run_flows};
use crate::say;

/// First day of the evidence, and an instant in it.
const START: &str = "2025-11-19";
const AT: &str = "2025-11-19T14:30:00Z";

/// Measures in turn and reports.
pub(super) fn run(args: &CompareArgs, folder: &Path) -> Result<()> {
    let evidence = folder.join(format!("flows-{}", args.flows));
    if !evidence.exists() {
        run_flows(&FlowsArgs::of_day(evidence.clone(), args.flows, START))?;
    }
    let (store, parquet) = (folder.join(format!("store-flows-{}", args.flows)), folder.join("duckdb-flows.parquet"));
    let peer = || {
        let mut command = script(args, "flows.py");
        command.arg(&evidence).arg(&parquet).arg(args.threads.to_string());
        command
    };
    let (mut ours, mut duckdb) = (Series::default(), Series::default());
    for round in 1..=args.runs {
        remove(&store)?;
        let taken = child::timed(command(args, &evidence, &store).arg("--quiet"))?.seconds;
        let theirs = child::timed(&mut peer())?.seconds;
        ours.add(taken);
        duckdb.add(theirs);
        say(&format!("round {round}: backtrail {taken:.2} s, duckdb {theirs:.2} s"))?;
    }
    remove(&store)?;
    let peak = (child::peak(args, &command(args, &evidence, &store))?, child::peak(args, &peer())?);
    let sizes = (size_of(&store.join("flows"))?, fs::metadata(&parquet)?.len());
    #[expect(clippy::cast_precision_loss, reason = "for reading")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    say(&format!("backtrail: {ours}, peak {:.0} MB, {:.0} MB on disk", peak.0, megabytes(sizes.0)))?;
    say(&format!("duckdb:    {duckdb}, peak {:.0} MB, {:.0} MB on disk", peak.1, megabytes(sizes.1)))?;
    #[expect(clippy::cast_precision_loss, reason = "for reading")]
    let share = sizes.0 as f64 / sizes.1 as f64;
    say(&format!("backtrail is {:.1} times as fast as duckdb, its table has {share:.2} times the bytes", duckdb.median() / ours.median()))?;
    ask(args, &store)
}

/// An hour's traffic, by conversation and by peer.
fn ask(args: &CompareArgs, store: &Path) -> Result<()> {
    for by in ["conversation", "interface", "peer", "instance", "group"] {
        let question = || {
            let mut command = Command::new(&args.backtrail);
            command.args([
                "flows",
                "--at",
                AT,
                "--before",
                "30m",
                "--after",
                "30m",
                "--by",
                by,
                "--threads",
                &args.threads.to_string(),
                "--store",
            ]);
            command.arg(store);
            command
        };
        let mut series = Series::default();
        for _ in 0..args.runs {
            series.add(child::timed(&mut question())?.seconds);
        }
        say(&format!("flows of one hour by {by}: {series}, peak {:.0} MB", child::peak(args, &question())?))?;
    }
    Ok(())
}

fn remove(store: &Path) -> Result<()> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    Ok(())
}

/// Bytes of the files in a folder and below it.
fn size_of(folder: &Path) -> Result<u64> {
    let mut all = 0;
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path: PathBuf = entry?.path();
        all += if path.is_dir() { size_of(&path)? } else { fs::metadata(&path)?.len() };
    }
    Ok(all)
}
