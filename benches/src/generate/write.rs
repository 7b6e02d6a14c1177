//! Files: which events go into one, in which order, and the gzip member around them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use libdeflater::{CompressionLvl, Compressor};

use super::catalogue::Catalogue;
use super::clock::{self, DAY, HOUR, SLOT};
use super::estate::Estate;
use super::plan::{FilePlan, Plan};
use super::random::{Random, mix, scale};
use super::record::{Draft, Meta};
use super::scenario::{Incident, seen_from_outside};
use super::template::Scene;
use super::truth::{AFTER, BEFORE, Totals};

/// Everything the files of a run are made from.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) plan: &'a Plan,
    pub(crate) incident: &'a Incident,
    pub(crate) start: i64,
}

/// One record of a file, before it is written.
#[derive(Debug, Clone, Copy)]
enum Item {
    /// An event of the noise: file and number.
    Own(usize, usize),
    /// The same, seen by the owner of the role that another account assumed: file and number.
    Seen(usize, usize),
    /// Delivered a second time: file and number.
    Again(usize, usize),
    /// A record of the scenario.
    Incident(usize),
}

/// A file as written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) totals: Totals,
    /// Events of the window around the incident.
    pub(crate) window: Vec<Meta>,
}

/// What writing uses again and again.
pub(crate) struct Buffers {
    json: Vec<u8>,
    gzip: Vec<u8>,
    compressor: Compressor,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self::at(CompressionLvl::default())
    }

    fn at(level: CompressionLvl) -> Self {
        Self { json: Vec::new(), gzip: Vec::new(), compressor: Compressor::new(level) }
    }

    fn compress(&mut self) -> Result<&[u8]> {
        self.gzip.resize(self.compressor.gzip_compress_bound(self.json.len()), 0);
        let size = self.compressor.gzip_compress(&self.json, &mut self.gzip).context("the compressor's buffer is too small")?;
        Ok(&self.gzip[..size])
    }

    /// Compresses and writes; returns the size as stored.
    fn store(&mut self, path: &Path) -> Result<u64> {
        let bytes = self.compress()?;
        write_file(path, bytes)?;
        Ok(bytes.len() as u64)
    }
}

/// Writes a file, making its folders.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = match fs::write(path, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path)).with_context(|| format!("cannot create the folder of {}", path.display()))?;
            fs::write(path, bytes)
        }
        other => other,
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Bytes as a gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_at(CompressionLvl::default(), bytes)
}

/// The same, trying harder or less hard.
pub(crate) fn gzip_at(level: CompressionLvl, bytes: &[u8]) -> Vec<u8> {
    let mut buffers = Buffers::at(level);
    buffers.json.extend_from_slice(bytes);
    buffers.compress().map(<[u8]>::to_vec).unwrap_or_default()
}

/// Writes bytes as a gzip file.
pub(crate) fn write_gzip(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, &gzip(bytes))
}

/// `AWSLogs/o-…/<account>/<kind>/<region>/2025/10/15/<account>_<kind>_<region>_20251015T1405Z_<16>.json.gz`, delivered at a time.
pub(crate) fn key(organisation: &str, account: &str, kind: &str, region: &str, delivered: i64, seed: u64) -> PathBuf {
    let unique = Random::seeded(&[seed, 0x0016]).text(|r, o| r.push_alnum(o, 16));
    let (date, time) = (clock::path_date(delivered), clock::compact(delivered));
    PathBuf::from(format!("AWSLogs/{organisation}/{account}/{kind}/{region}/{date}/{account}_{kind}_{region}_{time}_{unique}.json.gz"))
}

impl Material<'_> {
    /// Writes one file below a folder.
    pub(crate) fn write(&self, root: &Path, number: usize, buffers: &mut Buffers) -> Result<Written> {
        let file = &self.plan.files[number];
        let stream = self.plan.streams[file.stream];
        let account = &self.estate.accounts[stream.account];
        let mut items = self.items(number);
        if items.is_empty() {
            return Ok(Written::default());
        }
        shuffle(&mut items, file.seed);
        let mut written = Written::default();
        buffers.json.clear();
        buffers.json.extend_from_slice(br#"{"Records":["#);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                buffers.json.push(b',');
            }
            self.write_item(*item, &mut buffers.json, &mut written);
        }
        buffers.json.extend_from_slice(b"]}");
        let region = account.places[stream.place].region;
        let path = root.join(key(&self.estate.organisation, &account.id, "CloudTrail", region, file.slot + SLOT, file.seed));
        written.totals.gzip_bytes = buffers.store(&path)?;
        written.totals.json_bytes = buffers.json.len() as u64;
        written.totals.files = 1;
        written.totals.records = items.len();
        written.totals.events = items.len() - written.totals.duplicates;
        Ok(written)
    }

    fn items(&self, number: usize) -> Vec<Item> {
        let file = &self.plan.files[number];
        let own = (0..file.events).map(|n| Item::Own(number, n));
        let seen = file.seen_from.iter().flat_map(|from| (0..self.plan.files[*from].across).map(|n| Item::Seen(*from, n)));
        let again = file.repeats.iter().flat_map(|(from, count)| {
            let events = self.plan.files[*from].events;
            (events - count..events).map(|n| Item::Again(*from, n))
        });
        own.chain(seen).chain(again).chain(file.incident.iter().map(|n| Item::Incident(*n))).collect()
    }

    fn write_item(&self, item: Item, out: &mut Vec<u8>, written: &mut Written) {
        match item {
            Item::Own(file, n) => {
                let (draft, mut scene) = self.event(file, n, false);
                draft.write(out, &mut scene);
                self.note(scene.time, || draft.meta(&scene), written);
            }
            Item::Seen(file, n) => {
                let (draft, mut scene) = self.event(file, n, true);
                draft.write(out, &mut scene);
                self.note(scene.time, || draft.meta(&scene), written);
            }
            Item::Again(file, n) => {
                let (draft, mut scene) = self.event(file, n, false);
                draft.write(out, &mut scene);
                written.totals.duplicates += 1;
            }
            Item::Incident(n) => {
                let event = &self.incident.events[n];
                out.extend_from_slice(&event.json);
                self.note(event.meta.time, || event.meta.clone(), written);
            }
        }
    }

    /// Any event of the noise, from its file and number alone.
    fn event(&self, file: usize, n: usize, seen_by_owner: bool) -> (Draft<'_>, Scene<'_>) {
        let file = &self.plan.files[file];
        let stream = self.plan.streams[file.stream];
        let account = &self.estate.accounts[stream.account];
        let place = &account.places[stream.place];
        let mut random = Random::seeded(&[file.seed, n as u64]);
        let call = if n < file.across { &self.catalogue.across } else { self.catalogue.draw(random.next(), place.region == "us-east-1") };
        let (time, addendum) = self.time(file, place.region, &mut random);
        let salt = random.next();
        let scene = Scene { estate: self.estate, account_index: stream.account, account, place, time, salt, random, names: None };
        let total: usize = call.callers.iter().map(|(_, weight)| weight).sum();
        let mut left = scale(mix(&[salt, 0xca11]), total);
        let who = call.callers.iter().find(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        let mut caller = who.map_or(call.callers[0].0, |(who, _)| *who).caller(&scene);
        let mut chance = scale(mix(&[salt, 0xfa17]), 1_000_000);
        let fault = call.faults.iter().find(|fault| {
            let here = chance < fault.per_million;
            chance = chance.saturating_sub(fault.per_million);
            here
        });
        let recipient = if seen_by_owner {
            caller.identity = seen_from_outside(&caller.identity);
            &self.estate.accounts[self.estate.partner(stream.account)].id
        } else {
            &account.id
        };
        let id_seed = mix(&[file.seed, n as u64, 0x1d, u64::from(seen_by_owner)]);
        let shared_seed = call.shared.then(|| mix(&[file.seed, n as u64, 0x54a]));
        (Draft { call, caller, fault, recipient, id_seed, shared_seed, addendum }, scene)
    }

    /// Within the file's five minutes; now and then it was held up, though never out of the hours the trail was off.
    fn time(&self, file: &FilePlan, region: &str, random: &mut Random) -> (i64, Option<&'static str>) {
        let time = file.slot + random.below(SLOT as usize) as i64;
        let late = match random.below(100_000) {
            0..9 => DAY + random.below(2 * DAY as usize) as i64,
            9..400 => SLOT + random.below(6 * HOUR as usize) as i64,
            _ => 0,
        };
        let gap = &self.incident.gap;
        let shifted = time - late;
        if late == 0 || shifted < self.start || (region == gap.region && shifted >= gap.from && shifted < gap.to) {
            return (time, None);
        }
        (shifted, (late >= DAY).then_some("DELIVERY_DELAY"))
    }

    fn note(&self, time: i64, meta: impl FnOnce() -> Meta, written: &mut Written) {
        if time >= self.incident.at - BEFORE && time < self.incident.at + AFTER {
            written.window.push(meta());
        }
    }
}

/// CloudTrail promises no order inside a file.
fn shuffle(items: &mut [Item], seed: u64) {
    let mut random = Random::seeded(&[seed, 0x5f]);
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}
