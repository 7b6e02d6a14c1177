//! As many flow records as are asked for: version 5 with all its fields, as varied as real ones, written as fast as two cores can.

mod calls;
mod record;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::files::key;
use super::line::FIELDS;
use crate::generate::beside;
use crate::generate::clock::{self, DAY, HOUR, SLOT};
use crate::generate::estate::REGIONS;
use crate::generate::plan::RHYTHM;
use crate::generate::random::{Random, mix, scale, scale_skewed};
use crate::generate::write::write_file;
use crate::say;

use record::{Face, Pen, Sums};

/// How many records, and of what.
#[derive(Debug, Clone, Args)]
pub(crate) struct FlowsArgs {
    /// Folder to write to; must be absent or empty. What is true of it goes beside it: DIR.truth.json
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Lines in all, headers not counted
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Network interfaces in all
    #[arg(long, default_value_t = 10_000)]
    interfaces: usize,
    /// Hours covered
    #[arg(long, default_value_t = 24)]
    hours: i64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Accounts; each has a flow log in every region
    #[arg(long, default_value_t = 4)]
    accounts: usize,
    /// Regions
    #[arg(long, default_value_t = 2)]
    regions: usize,
    /// First day
    #[arg(long, default_value = "2025-11-19")]
    start: String,
    /// How hard gzip tries, 1 to 12
    #[arg(long, default_value_t = 1)]
    level: i32,
}

impl FlowsArgs {
    /// So many records of a day, of ten thousand interfaces.
    pub(crate) fn of_day(dir: PathBuf, records: u64, start: &str) -> Self {
        Self { dir, records, interfaces: 10_000, hours: 24, seed: 7, accounts: 4, regions: 2, start: start.to_owned(), level: 1 }
    }
}

/// Beyond so many lines five minutes become several files. It bounds memory, too: a thread holds one file's text.
const LARGEST: u64 = 60_000;
/// The CloudTrail records of the calls that made the interfaces.
const CALLS: &str = "calls.json";
/// Room for a line.
const LINE: usize = 320;

/// A flow log: one account in one region.
#[derive(Debug)]
struct Stream {
    account: String,
    region: &'static str,
    log: String,
    faces: Vec<Face>,
}

/// A file to be written.
#[derive(Debug)]
struct Unit {
    stream: usize,
    slot: i64,
    part: u64,
    records: u64,
}

/// What a file came to.
#[derive(Debug)]
struct Done {
    stream: usize,
    sums: Sums,
    text: usize,
    gzip: usize,
}

/// `generate-flows`: writes and reports.
pub(crate) fn run(args: &FlowsArgs) -> Result<()> {
    let start = clock::parse_date(&args.start).with_context(|| format!("--start: `{}` is not a date as in 2025-10-10", args.start))?;
    ensure!(
        args.hours > 0 && args.accounts > 0 && args.interfaces >= args.accounts * args.regions,
        "there is to be an interface for each flow log, and an hour"
    );
    let is_free = fs::read_dir(&args.dir).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_free, "{} is not empty: remove it first", args.dir.display());
    let level = CompressionLvl::new(args.level).ok().context("--level is a number from 1 to 12")?;
    let began = Instant::now();
    let streams = streams(args);
    let units = units(args, start, &streams);
    let done = write_all(args, &streams, &units, level)?;
    let seconds = began.elapsed().as_secs_f64();
    let mut calls = String::new();
    for (n, stream) in streams.iter().enumerate() {
        stream.faces.iter().enumerate().for_each(|(number, face)| calls::write(&mut calls, face, n, number, start));
    }
    write_file(&args.dir.join(CALLS), calls.as_bytes())?;
    let truth = truth(args, &streams, &done);
    write_file(&beside(&args.dir, "truth.json"), format!("{}\n", serde_json::to_string_pretty(&truth)?).as_bytes())?;
    let total = |size: fn(&Done) -> usize| done.iter().map(size).sum::<usize>() as f64 / 1e6;
    say(&format!(
        "{} records in {} files of {} flow logs, {:.1} MB text, {:.1} MB gzip; {seconds:.1} s, {:.2} million records a second",
        args.records,
        done.len(),
        streams.len(),
        total(|d| d.text),
        total(|d| d.gzip),
        args.records as f64 / seconds / 1e6
    ))
}

/// Accounts and regions; the first have more interfaces and more to say.
fn streams(args: &FlowsArgs) -> Vec<Stream> {
    let regions = args.regions.clamp(1, REGIONS.len());
    let count = args.accounts * regions;
    let share = |n: usize| args.interfaces * n / count;
    (0..count)
        .map(|n| {
            let account = n / regions;
            let mut random = Random::seeded(&[args.seed, 0xf1_0055, n as u64]);
            let id = 210_000_000_000 + scale(mix(&[args.seed, 0xacc0, account as u64]), 700_000_000_000);
            let (account_id, region) = (id.to_string(), REGIONS[n % regions].0);
            let mut new = |prefix: &str| format!("{prefix}-0{}", random.text(|r, o| r.push_hex(o, 16)));
            let (log, vpc) = (new("fl"), new("vpc"));
            let subnets: Vec<String> = (0..9).map(|_| new("subnet")).collect();
            let faces = (share(n)..share(n + 1)).map(|face| {
                let (interface, instance, subnet) = (new("eni"), new("i"), &subnets[face % subnets.len()]);
                Face::new([&account_id, &interface, &vpc, subnet, &instance, region], n, face)
            });
            let faces = faces.collect();
            Stream { account: account_id, region, log, faces }
        })
        .collect()
}

/// All files: a day's rhythm, and streams of different weight.
fn units(args: &FlowsArgs, start: i64, streams: &[Stream]) -> Vec<Unit> {
    let slots = args.hours * HOUR / SLOT;
    let busy = |slot: i64| RHYTHM[(slot.rem_euclid(DAY) / HOUR) as usize];
    let weight = |stream: usize, slot: i64| {
        let unsteady = 0.8 + 0.4 * (scale(mix(&[args.seed, stream as u64, slot as u64]), 1000) as f64 / 1000.0);
        busy(slot) * unsteady / (1.0 + 0.4 * stream as f64)
    };
    let each = || (0..slots).flat_map(|n| (0..streams.len()).map(move |stream| (start + n * SLOT, stream)));
    let total: f64 = each().map(|(slot, stream)| weight(stream, slot)).sum();
    let (mut passed, mut given, mut units) = (0.0, 0, Vec::new());
    for (slot, stream) in each() {
        passed += weight(stream, slot);
        let until = ((passed / total * args.records as f64).round() as u64).min(args.records);
        let count = until - given;
        given = until;
        let parts = count.div_ceil(LARGEST);
        units.extend((0..parts).map(|part| Unit { stream, slot, part, records: count / parts + u64::from(part < count % parts) }));
    }
    // Rounding may have left some.
    if let Some(last) = units.last_mut() {
        last.records += args.records - given;
    }
    units
}

/// Writes all files, on every core; a thread takes the next file with the buffers of the one before.
fn write_all(args: &FlowsArgs, streams: &[Stream], units: &[Unit], level: CompressionLvl) -> Result<Vec<Done>> {
    let next = AtomicUsize::new(0);
    let share = |_| {
        let (mut text, mut gzip, mut compressor) = (Vec::new(), Vec::new(), Compressor::new(level));
        let mut done = Vec::new();
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(write(args, &streams[unit.stream], unit, &mut text, (&mut gzip, &mut compressor))?);
        }
        Ok(done)
    };
    let shares: Vec<Vec<Done>> = (0..rayon::current_num_threads()).into_par_iter().map(share).collect::<Result<_>>()?;
    Ok(shares.into_iter().flatten().collect())
}

/// Writes one file.
fn write(
    args: &FlowsArgs,
    stream: &Stream,
    unit: &Unit,
    text: &mut Vec<u8>,
    (gzip, compressor): (&mut Vec<u8>, &mut Compressor),
) -> Result<Done> {
    let seed = mix(&[args.seed, 0xf10, unit.stream as u64, unit.slot as u64, unit.part]);
    text.clear();
    text.reserve(unit.records as usize * LINE);
    text.extend_from_slice(FIELDS.join(" ").as_bytes());
    text.push(b'\n');
    let mut pen = Pen { out: text, random: Random::seeded(&[seed]), sums: Sums::default() };
    let mut left = unit.records;
    while left > 0 {
        // The minutes of a file come one after another.
        let minute = unit.slot + scale_of(unit.records - left, unit.records) * 60;
        let face = &stream.faces[scale_skewed(pen.random.next(), stream.faces.len())];
        left -= pen.write(face, minute, left);
    }
    let sums = pen.sums;
    gzip.resize(compressor.gzip_compress_bound(text.len()).max(gzip.len()), 0);
    let size = compressor.gzip_compress(text, gzip).context("the compressor's buffer is too small")?;
    let unique = Random::seeded(&[seed, 1]).text(|r, o| r.push_hex(o, 8));
    write_file(&args.dir.join(key(&stream.account, stream.region, &stream.log, unit.slot, &unique)), &gzip[..size])?;
    Ok(Done { stream: unit.stream, sums, text: text.len(), gzip: size })
}

/// Which of a file's five minutes.
fn scale_of(done: u64, all: u64) -> i64 {
    (done * 5 / all.max(1)) as i64
}

fn truth(args: &FlowsArgs, streams: &[Stream], done: &[Done]) -> Value {
    let mut logs = serde_json::Map::new();
    let mut all = Sums::default();
    for (n, stream) in streams.iter().enumerate() {
        let mut sums = Sums::default();
        done.iter().filter(|d| d.stream == n).for_each(|d| sums.add(&d.sums));
        all.add(&sums);
        let mut told = sums.told();
        told["interfaces"] = stream.faces.len().into();
        logs.insert(stream.log.clone(), told);
    }
    let mut told = all.told();
    told["generator"] = json!({ "seed": args.seed, "records": args.records, "interfaces": args.interfaces, "hours": args.hours, "accounts": args.accounts, "regions": args.regions, "start": args.start, "level": args.level });
    told["files"] = done.len().into();
    told["logs"] = logs.into();
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Read as _;

    use super::*;
    use crate::generate::files_below;

    #[test]
    fn there_are_as_many_whole_lines_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("flows");
        let start = "2025-11-19".to_owned();
        let args =
            FlowsArgs { dir: dir.clone(), records: 5_001, interfaces: 40, hours: 2, seed: 3, accounts: 2, regions: 2, start, level: 1 };
        run(&args).unwrap();
        let mut interfaces = BTreeSet::new();
        let mut lines = 0;
        for path in files_below(&dir).unwrap().into_iter().filter(|path| !path.ends_with(CALLS)) {
            let mut text = String::new();
            flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
            for line in text.lines().skip(1) {
                let values: Vec<&str> = line.split(' ').collect();
                assert_eq!(values.len(), FIELDS.len(), "{line}");
                interfaces.insert(values[2].to_owned());
                lines += 1;
            }
        }
        assert_eq!((lines, interfaces.len()), (5_001, 40));
    }
}
