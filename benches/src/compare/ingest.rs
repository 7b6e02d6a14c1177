//! Ingest into a cold store, beside DuckDB reading the same files and the floor.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{CompareArgs, DAYS, Series, child, evidence, script};
use crate::floor;
use crate::say;

/// `backtrail ingest`, into `store`.
pub(super) fn command(args: &CompareArgs, evidence: &Path, store: &Path) -> Command {
    let mut command = Command::new(&args.backtrail);
    command.args(["ingest", "--threads", &args.threads.to_string(), "--store"]).arg(store).arg(evidence);
    command
}

/// Measures in turn and reports.
pub(super) fn run(args: &CompareArgs, folder: &Path) -> Result<()> {
    let (evidence, _) = evidence(folder, args.events, DAYS)?;
    let store = folder.join(format!("store-{}-{DAYS}", args.events));
    let parquet = folder.join("duckdb.parquet");
    let peer = || {
        let mut command = script(args, "ingest.py");
        command.arg(&evidence).arg(&parquet).arg(args.threads.to_string());
        command
    };
    let (mut ours, mut duckdb, mut floors) = (Series::default(), Series::default(), Series::default());
    let mut stages: BTreeMap<String, Series> = BTreeMap::new();
    for round in 1..=args.runs {
        remove(&store)?;
        // It tells its time by stage in lines `stage NAME SECONDS`.
        let run = child::timed(command(args, &evidence, &store).arg("--stages"))?;
        ours.add(run.seconds);
        for (name, seconds) in stages_in(&String::from_utf8_lossy(&run.stderr)) {
            stages.entry(name).or_default().add(seconds);
        }
        let theirs = child::timed(&mut peer())?.seconds;
        duckdb.add(theirs);
        let floor = floor::measure(&evidence, args.threads)?;
        floors.add(floor.sum());
        say(&format!(
            "round {round}: backtrail {:.2} s, duckdb {theirs:.2} s, floor {:.2} s (gunzip {:.2}, tape {:.2}, sha-256 {:.2}, zstd-1 {:.2})",
            run.seconds,
            floor.sum(),
            floor.gunzip,
            floor.parse,
            floor.hash,
            floor.compress
        ))?;
    }
    remove(&store)?;
    let memory = (child::peak(args, &command(args, &evidence, &store))?, child::peak(args, &peer())?);
    #[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
    let rate = |series: &Series| args.events as f64 / series.median() / 1000.0;
    say(&format!("backtrail: {ours}, {:.0} thousand events a second, peak {:.0} MB", rate(&ours), memory.0))?;
    for (name, series) in &stages {
        say(&format!("  stage {name}: {series}"))?;
    }
    say(&format!("duckdb:    {duckdb}, {:.0} thousand events a second, peak {:.0} MB", rate(&duckdb), memory.1))?;
    say(&format!("floor:     {floors}"))?;
    let (o, d, f) = (ours.median(), duckdb.median(), floors.median());
    say(&format!("backtrail is {:.1} times as fast as duckdb, and takes {:.1} times the floor", d / o, o / f))
}

fn remove(store: &Path) -> Result<()> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    Ok(())
}

/// The lines `stage NAME SECONDS` of a text.
fn stages_in(text: &str) -> Vec<(String, f64)> {
    let stage = |line: &str| {
        let (name, seconds) = line.strip_prefix("stage ")?.rsplit_once(' ')?;
        Some((name.to_owned(), seconds.trim_end_matches('s').parse().ok()?))
    };
    text.lines().filter_map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read_off_stderr() {
        let text = "reading\nstage decode 1.25\nstage write files 0.5\nstage odd\n";
        assert_eq!(stages_in(text), [("decode".to_owned(), 1.25), ("write files".to_owned(), 0.5)]);
    }
}
