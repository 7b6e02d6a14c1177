//! The questions of an incident over a large store and over one of a tenth of it: what changed in the day before, who was there, which network
//! commands; what came of the leaked key; everything that ever touched the group it opened. How their time grows is part of the answer.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{CompareArgs, Series, child, evidence, store};
use crate::generate::beside;
use crate::say;

/// Days the events are spread over.
const DAYS: i64 = 30;

/// One question over one store.
struct Asked {
    name: String,
    command: Command,
    bytes: u64,
    peak: f64,
    series: Series,
}

/// Measures in turn and reports.
pub(super) fn run(args: &CompareArgs, folder: &Path) -> Result<()> {
    let sizes = [args.questions_events / 10, args.questions_events];
    let (mut small, mut large) = (asked(args, folder, sizes[0])?, asked(args, folder, sizes[1])?);
    for _ in 0..args.runs {
        for one in small.iter_mut().chain(&mut large) {
            one.series.add(child::timed(&mut one.command)?.seconds);
        }
    }
    say(&format!("questions over {} and {} events in {DAYS} days:", sizes[0], sizes[1]))?;
    for (small, large) in small.iter().zip(&large) {
        let growth = large.series.median() / small.series.median();
        #[expect(clippy::cast_precision_loss, reason = "for reading")]
        let size = large.bytes as f64 / 1e6;
        say(&format!(
            "{:<24} {} and {}: {growth:.1} times as long; {size:.1} MB written, peak {:.0} MB",
            large.name, small.series, large.series, large.peak
        ))?;
    }
    Ok(())
}

/// The questions over as many events, each asked once, which warms the page cache.
fn asked(args: &CompareArgs, folder: &Path, events: usize) -> Result<Vec<Asked>> {
    let (store, at) = store(args, folder, events, DAYS)?;
    let truth = beside(&evidence(folder, events, DAYS)?.0, "truth.json");
    let truth: serde_json::Value = serde_json::from_slice(&fs::read(&truth).with_context(|| format!("cannot read {}", truth.display()))?)?;
    let attacker = |what: &str| truth["attacker"][what].as_str().map(str::to_owned).with_context(|| format!("the truth names no {what}"));
    let (key, group) = (attacker("leaked_key")?, attacker("opened_group")?);
    let day = ["--at", &at, "--before", "24h"];
    let ask = |name: &str, question: &[&str], format: &str| {
        let answer = folder.join("answer");
        let mut command = command(args, question, (format, &store, &answer));
        child::timed(&mut command)?;
        let (bytes, peak) = (fs::metadata(&answer)?.len(), child::peak(args, &command)?);
        Ok(Asked { name: format!("{name} ({format})"), command, bytes, peak, series: Series::default() })
    };
    let of_day = |question: &'static str| [&[question], day.as_slice()].concat();
    [
        ask("changes", &of_day("changes"), "table"),
        ask("changes", &of_day("changes"), "json"),
        ask("actors", &of_day("actors"), "table"),
        ask("network", &of_day("network"), "table"),
        ask("timeline", &of_day("timeline"), "table"),
        ask("timeline", &of_day("timeline"), "json"),
        ask("trace of a key", &["trace", &key], "json"),
        ask("timeline --arn, all", &["timeline", "--arn", &group], "json"),
        ask("coverage, all", &["coverage"], "json"),
    ]
    .into_iter()
    .collect()
}

fn command(args: &CompareArgs, question: &[&str], (format, store, answer): (&str, &Path, &Path)) -> Command {
    let mut command = Command::new(&args.backtrail);
    command.args(question).args(["--format", format, "--quiet", "--threads", &args.threads.to_string()]);
    command.arg("--output").arg(answer).arg("--store").arg(store);
    command
}
