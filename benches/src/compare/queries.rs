//! The ten queries of `benches/queries`, on the same Parquet files.
//!
//! Both are measured twice: the engine, from a statement to the answer's last byte once the program is up (naming or looking up the
//! files, planning, reading and writing are in it), and the whole process. Python's start is in DuckDB's process, so that the ratio of
//! Backtrail's process to DuckDB's engine is reported as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::answers::{Rows, rows};
use super::{CompareArgs, DAYS, Series, child, geometric, script, store};
use crate::say;

/// The queries, in the order they are reported.
const QUERIES: &[&str] = &[
    "time_window",
    "one_arn",
    "access_key",
    "top_talkers",
    "failed_calls",
    "first_seen",
    "json_field",
    "count_distinct",
    "whole_day",
    "needle",
];

/// Values for the queries' parameters, and how they are found in the store: neither the most frequent nor the rarest.
const PARAMETERS: &[(&str, &str)] = &[
    (
        "arn",
        "SELECT user_identity_arn FROM cloudtrail WHERE user_identity_arn IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1 OFFSET 20",
    ),
    (
        "key",
        "SELECT user_identity_access_key_id FROM cloudtrail WHERE user_identity_access_key_id IS NOT NULL \
         GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1 OFFSET 20",
    ),
    (
        "bucket",
        "SELECT request_parameters ->> 'bucketName' AS bucket FROM cloudtrail WHERE event_source = 's3.amazonaws.com' \
         AND (request_parameters ->> 'bucketName') IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1 OFFSET 3",
    ),
    (
        "event_id",
        "SELECT event_id FROM cloudtrail WHERE event_date = '2025-10-12' AND event_id IS NOT NULL ORDER BY event_id LIMIT 1 OFFSET 500",
    ),
];

/// One query and what it took.
struct Measured {
    name: &'static str,
    rows: usize,
    ours: Series,
    our_engine: Series,
    engine: Series,
    process: Series,
    peaks: (f64, f64),
}

/// What `query.py` says.
#[derive(Debug, Deserialize)]
struct Told {
    query: f64,
}

/// Measures in turn and reports.
pub(super) fn run(args: &CompareArgs, folder: &Path) -> Result<()> {
    let (store, _) = store(args, folder, args.events, DAYS)?;
    let bench = Bench::new(args, folder, store)?;
    let mut all = Vec::new();
    for name in QUERIES {
        // The first answers warm the page cache, and must be equal.
        child::timed(&mut bench.ours(name))?;
        child::timed(&mut bench.theirs(name))?;
        let rows = bench.compared(name)?;
        let peaks = (child::peak(args, &bench.ours(name))?, child::peak(args, &bench.theirs(name))?);
        let [ours, our_engine, engine, process] = std::array::from_fn(|_| Series::default());
        all.push(Measured { name, rows, ours, our_engine, engine, process, peaks });
    }
    say(&format!("queries: the answers are equal; {} data files, {}", bench.files.len(), bench.described()))?;
    for _ in 0..args.runs {
        for one in &mut all {
            one.ours.add(child::timed(&mut bench.ours(one.name))?.seconds);
            one.our_engine.add(bench.our_engine(one.name)?);
            let run = child::timed(&mut bench.theirs(one.name))?;
            let told: Told = serde_json::from_slice(&run.stdout).context("query.py did not say what it took")?;
            one.engine.add(told.query);
            one.process.add(run.seconds);
        }
    }
    report(&all)
}

fn report(all: &[Measured]) -> Result<()> {
    say("milliseconds: median (least to most); ratio: engine to engine")?;
    say(&format!(
        "{:<15}{:>7}  {:>22}  {:>9}  {:>22}  {:>10}  {:>6}  {:>9}  {:>9}",
        "query", "rows", "backtrail engine", "process", "duckdb engine", "process", "ratio", "peak MB", "duckdb MB"
    ))?;
    let shown = |s: &Series| format!("{:.0} ({:.0} to {:.0})", s.median() * 1e3, s.least() * 1e3, s.most() * 1e3);
    for m in all {
        say(&format!(
            "{:<15}{:>7}  {:>22}  {:>9.0}  {:>22}  {:>10.0}  {:>6.2}  {:>9.0}  {:>9.0}",
            m.name,
            m.rows,
            shown(&m.our_engine),
            m.ours.median() * 1e3,
            shown(&m.engine),
            m.process.median() * 1e3,
            m.our_engine.median() / m.engine.median(),
            m.peaks.0,
            m.peaks.1
        ))?;
    }
    let told = |what: &str, ratio: fn(&Measured) -> f64| {
        let ratios: Vec<f64> = all.iter().map(ratio).collect();
        let worst = ratios.iter().copied().fold(0.0, f64::max);
        say(&format!("{what}: geometric mean {:.2}, worst {worst:.2}", geometric(&ratios)))
    };
    told("backtrail's engine to duckdb's engine", |m| m.our_engine.median() / m.engine.median())?;
    told("backtrail's process to duckdb's process", |m| m.ours.median() / m.process.median())?;
    told("backtrail's process to duckdb's engine", |m| m.ours.median() / m.engine.median())
}

/// Where everything is.
struct Bench<'a> {
    args: &'a CompareArgs,
    store: PathBuf,
    files: Vec<String>,
    parameters: BTreeMap<&'static str, String>,
    folder: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(args: &'a CompareArgs, folder: &Path, store: PathBuf) -> Result<Self> {
        let files = data_files(&store.join("cloudtrail"))?;
        let mut bench = Self { args, store, files, parameters: BTreeMap::new(), folder: folder.join("answers") };
        fs::create_dir_all(&bench.folder)?;
        for (name, query) in PARAMETERS {
            let run = child::timed(bench.sql().args(["--quiet", "--format", "csv", query]))?;
            let text = String::from_utf8(run.stdout)?;
            let value = text.lines().nth(1).filter(|v| !v.is_empty()).with_context(|| format!("the store has no `{name}`"))?;
            bench.parameters.insert(name, value.to_owned());
        }
        fs::write(bench.folder.join("files.json"), serde_json::to_vec(&bench.files)?)?;
        fs::write(bench.folder.join("parameters.json"), serde_json::to_vec(&bench.parameters)?)?;
        Ok(bench)
    }

    fn sql(&self) -> Command {
        let mut command = Command::new(&self.args.backtrail);
        command.args(["sql", "--threads", &self.args.threads.to_string(), "--store"]).arg(&self.store);
        command
    }

    fn ours(&self, name: &str) -> Command {
        let file = query_file(name, "sql");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut command = self.asking(name, &text);
        command.arg("--quiet").arg("--file").arg(file);
        command
    }

    /// A query's text is yet to be named; values are bound.
    fn asking(&self, name: &str, text: &str) -> Command {
        let mut command = self.sql();
        command.args(["--format", "csv", "--output"]).arg(self.answer(name, "backtrail"));
        for (parameter, value) in self.parameters.iter().filter(|(p, _)| text.contains(&format!("${p}"))) {
            command.arg("-p").arg(format!("{parameter}={value}"));
        }
        command
    }

    /// What a query takes once the program is up, in seconds, as the shell tells it.
    fn our_engine(&self, name: &str) -> Result<f64> {
        let text = fs::read_to_string(query_file(name, "sql"))?;
        let script = self.folder.join(format!("{name}.timed.sql"));
        fs::write(&script, format!("\\timing\n{text}"))?;
        let run = child::timed_reading(&mut self.asking(name, &text), &script)?;
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        let taken = told.lines().find_map(|line| line.trim().strip_suffix(" ms")?.parse::<f64>().ok());
        Ok(taken.with_context(|| format!("{name}: the shell did not say what it took: {told}"))? / 1e3)
    }

    fn theirs(&self, name: &str) -> Command {
        let own = query_file(name, "duckdb.sql");
        let file = if own.exists() { own } else { query_file(name, "sql") };
        let mut command = script(self.args, "query.py");
        command.arg(self.folder.join("files.json")).arg(file).arg(self.folder.join("parameters.json"));
        command.arg(self.args.threads.to_string()).arg(self.answer(name, "duckdb"));
        command
    }

    fn answer(&self, name: &str, of: &str) -> PathBuf {
        self.folder.join(format!("{name}.{of}.csv"))
    }

    /// The number of rows both answered, which must be the same rows in the same order.
    fn compared(&self, name: &str) -> Result<usize> {
        let read = |of| -> Result<Rows> { rows(&fs::read_to_string(self.answer(name, of))?) };
        let (ours, theirs) = (read("backtrail")?, read("duckdb")?);
        ensure!(ours.len() > 1, "{name}: no rows: the comparison would say nothing");
        if let Some(at) = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at)) {
            bail!("{name}: the answers differ at row {at}:\nbacktrail {:?}\nduckdb    {:?}", ours.get(at), theirs.get(at));
        }
        Ok(ours.len() - 1)
    }

    fn described(&self) -> String {
        self.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }
}

fn query_file(name: &str, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(format!("{name}.{extension}"))
}

/// The data files of a Delta table, off its log: what was added and not removed.
fn data_files(table: &Path) -> Result<Vec<String>> {
    let mut commits: Vec<PathBuf> = fs::read_dir(table.join("_delta_log"))?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    commits.retain(|path| path.extension().is_some_and(|e| e == "json"));
    commits.sort();
    let mut files = BTreeSet::new();
    for commit in commits {
        for line in fs::read_to_string(&commit)?.lines() {
            let action: Value = serde_json::from_str(line)?;
            let path = |kind: &str| action.get(kind)?.get("path")?.as_str().map(|p| table.join(p).to_string_lossy().into_owned());
            if let Some(removed) = path("remove") {
                files.remove(&removed);
            }
            files.extend(path("add"));
        }
    }
    ensure!(!files.is_empty(), "{} has no data files", table.display());
    Ok(files.into_iter().collect())
}
