//! The questions of an incident over a large store: what changed in the day before it, who was there, which network commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{CompareArgs, Series, child, store};
use crate::say;

/// Days the events are spread over.
const DAYS: i64 = 30;

/// What is asked, and how it is written.
const QUESTIONS: &[(&str, &str)] =
    &[("changes", "table"), ("changes", "json"), ("actors", "table"), ("network", "table"), ("timeline", "table"), ("timeline", "json")];

/// Measures in turn and reports.
pub(super) fn run(args: &CompareArgs, folder: &Path) -> Result<()> {
    let (store, at) = store(args, folder, args.changes_events, DAYS)?;
    let answer = folder.join("answer");
    let command = |question: &str, format: &str| {
        let mut command = Command::new(&args.backtrail);
        command.args([question, "--at", &at, "--before", "24h", "--format", format, "--quiet", "--threads", &args.threads.to_string()]);
        command.arg("--output").arg(&answer).arg("--store").arg(&store);
        command
    };
    let mut all = Vec::new();
    for (question, format) in QUESTIONS {
        // The first answer warms the page cache.
        child::timed(&mut command(question, format))?;
        let bytes = fs::metadata(&answer)?.len();
        all.push((question, format, bytes, child::peak(args, &command(question, format))?, Series::default()));
    }
    for _ in 0..args.runs {
        for (question, format, _, _, series) in &mut all {
            series.add(child::timed(&mut command(question, format))?.seconds);
        }
    }
    say(&format!("questions over {} events in {DAYS} days, --at {at} --before 24h:", args.changes_events))?;
    for (question, format, bytes, peak, series) in &all {
        #[expect(clippy::cast_precision_loss, reason = "for reading")]
        let size = *bytes as f64 / 1e6;
        say(&format!("{:<15} {series}, {size:.1} MB written, peak {peak:.0} MB", format!("{question} ({format})")))?;
    }
    Ok(())
}
