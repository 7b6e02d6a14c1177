//! The evidence generator: an organisation trail's files with an incident in them, and the truth about it beside.

mod catalogue;
mod clock;
mod estate;
mod extras;
mod flows;
mod identity;
mod plan;
mod random;
mod record;
mod scenario;
mod template;
mod truth;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rayon::prelude::*;
use serde_json::json;

use crate::say;
use catalogue::Catalogue;
use estate::Estate;
pub(crate) use flows::{FlowsArgs, fixture as flows_fixture, run as run_flows};
use plan::Plan;
pub(crate) use scenario::Story;
use truth::Totals;
use write::{Buffers, Material, Written};
pub(crate) use write::{gzip, write_file};

/// What to generate.
#[derive(Debug, Clone, Args)]
pub(crate) struct GenerateArgs {
    /// Folder to write to; must be absent or empty. The truth goes beside it: DIR.truth.json, DIR.at
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Events, duplicates not counted (a few more: both sides of assumed roles are written)
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: usize,
    /// Accounts of the organisation
    #[arg(long, default_value_t = 8)]
    pub(crate) accounts: usize,
    /// Regions with a trail
    #[arg(long, default_value_t = 4)]
    pub(crate) regions: usize,
    /// Days covered; the incident is on the middle one
    #[arg(long, default_value_t = 10)]
    pub(crate) days: i64,
    /// Share of events that have nothing to do with the incident
    #[arg(long, default_value_t = 0.999_9)]
    pub(crate) noise: f64,
    /// First day
    #[arg(long, default_value = "2025-10-10")]
    pub(crate) start: String,
    /// What happens in the noise
    #[arg(long, value_enum, default_value = "leaked-key")]
    pub(crate) story: Story,
}

/// The arguments, checked.
#[derive(Debug)]
pub(crate) struct Options {
    seed: u64,
    events: usize,
    days: i64,
    noise: f64,
    start: i64,
    story: Story,
}

/// What was generated.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) totals: Totals,
    /// The incident's time, for `--at`.
    pub(crate) at: String,
}

/// `generate`: writes and reports.
pub(crate) fn run(args: &GenerateArgs) -> Result<()> {
    let generated = generate(args)?;
    let t = &generated.totals;
    say(&format!(
        "{} records ({} events, {} delivered twice) in {} files, {:.1} MB JSON, {:.1} MB gzip; mean record {} bytes\nask with --at {}",
        t.records,
        t.events,
        t.duplicates,
        t.files,
        t.json_bytes as f64 / 1e6,
        t.gzip_bytes as f64 / 1e6,
        t.json_bytes / t.records.max(1) as u64,
        generated.at
    ))
}

/// Writes the evidence and its truth.
pub(crate) fn generate(args: &GenerateArgs) -> Result<Generated> {
    let options = check(args)?;
    let estate = Estate::new(options.seed, args.accounts, args.regions);
    let incident = scenario::incident(&options, &estate)?;
    let plan = Plan::new(&options, &estate, &incident);
    let catalogue = Catalogue::new();
    let material = Material { estate: &estate, catalogue: &catalogue, plan: &plan, incident: &incident, start: options.start };
    let written: Vec<Written> = (0..plan.files.len())
        .into_par_iter()
        .map_init(Buffers::new, |buffers, number| material.write(&args.out, number, buffers))
        .collect::<Result<_>>()?;
    let mut totals = Totals::default();
    let mut window = Vec::new();
    for file in written {
        totals.add(&file.totals);
        window.extend(file.window);
    }
    match options.story {
        Story::LeakedKey => extras::write(&args.out, options.seed, &estate, &incident, &mut totals)?,
        Story::Lineage => extras::write_note(&args.out)?,
    }
    let mut settings = json!({
        "seed": args.seed, "events": args.events, "accounts": args.accounts, "regions": args.regions, "days": args.days, "noise": args.noise, "start": args.start,
    });
    if options.story == Story::Lineage {
        settings["story"] = "lineage".into();
    }
    let at = clock::iso(incident.at);
    let truth = truth::document(&settings, &estate, &incident, &totals, window);
    write_file(&beside(&args.out, "truth.json"), format!("{}\n", serde_json::to_string_pretty(&truth)?).as_bytes())?;
    write_file(&beside(&args.out, "at"), format!("{at}\n").as_bytes())?;
    Ok(Generated { totals, at })
}

/// `DIR.truth.json` for `DIR`.
pub(crate) fn beside(out: &Path, extension: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{extension}"));
    out.with_file_name(name)
}

/// The files below a folder, sorted by path.
pub(crate) fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

fn check(args: &GenerateArgs) -> Result<Options> {
    let start = clock::parse_date(&args.start).with_context(|| format!("--start: `{}` is not a date as in 2025-10-10", args.start))?;
    ensure!((0.0..=1.0).contains(&args.noise), "--noise is a share between 0 and 1");
    ensure!(args.days >= 2, "--days: the incident needs a day before it");
    let is_free = fs::read_dir(&args.out).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_free, "{} is not empty: remove it first", args.out.display());
    Ok(Options { seed: args.seed, events: args.events, days: args.days, noise: args.noise, start, story: args.story })
}

#[cfg(test)]
mod tests;
