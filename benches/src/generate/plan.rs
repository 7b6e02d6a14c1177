//! Which files there are, and how many events each holds: the day's rhythm, quiet streams, the gap, the copies.

use std::collections::BTreeMap;

use super::Options;
use super::clock::{DAY, HOUR, SLOT};
use super::estate::Estate;
use super::random::{Random, mix, scale};
use super::scenario::{Gap, Incident};

/// One account in one region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) account: usize,
    pub(crate) place: usize,
}

/// A file to be written.
#[derive(Debug, Clone)]
pub(crate) struct FilePlan {
    pub(crate) stream: usize,
    /// Start of the five minutes it covers.
    pub(crate) slot: i64,
    /// Number among the files of these five minutes.
    pub(crate) part: usize,
    pub(crate) seed: u64,
    pub(crate) events: usize,
    /// The first so many events assume a role in the partner account.
    pub(crate) across: usize,
    /// Events of the scenario.
    pub(crate) incident: Vec<usize>,
    /// Files whose `across` events are seen here by the role's owner.
    pub(crate) seen_from: Vec<usize>,
    /// The file of which some events are delivered again here, and how many.
    pub(crate) repeats: Option<(usize, usize)>,
}

/// All files.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) streams: Vec<Stream>,
    pub(crate) files: Vec<FilePlan>,
}

/// How busy each hour of a day is (UTC, an estate in Europe).
pub(crate) const RHYTHM: [f64; 24] =
    [0.55, 0.5, 0.75, 0.6, 0.5, 0.6, 0.8, 1.1, 1.35, 1.45, 1.5, 1.4, 1.3, 1.4, 1.45, 1.4, 1.3, 1.15, 1.05, 1.0, 0.95, 0.85, 0.75, 0.6];
/// A quiet stream has a file only where about so many events come together.
const QUIET: f64 = 12.0;
/// Beyond this CloudTrail cuts the five minutes into several files.
const LARGEST: usize = 5000;
/// The region whose streams never fall silent for an hour, so that a gap in it shows.
const HEARTBEAT: usize = 2;

impl Plan {
    pub(crate) fn new(options: &Options, estate: &Estate, incident: &Incident) -> Self {
        let streams: Vec<Stream> = estate
            .accounts
            .iter()
            .enumerate()
            .flat_map(|(account, a)| (0..a.places.len()).map(move |place| Stream { account, place }))
            .collect();
        let weight = |s: &Stream| estate.accounts[s.account].weight * estate.accounts[s.account].places[s.place].weight;
        let total: f64 = streams.iter().map(weight).sum();
        let noise = options.events.saturating_sub(incident.events.len());
        let (mut files, mut done, mut given) = (BTreeMap::new(), 0.0, 0);
        for (n, stream) in streams.iter().enumerate() {
            done += weight(stream);
            let until = (noise as f64 * (done / total)).round() as usize;
            plan_stream(options, n, stream, until - given, &incident.gap, estate, &mut files);
            given = until;
        }
        for (n, event) in incident.events.iter().enumerate() {
            let stream = streams.iter().position(|s| s.account == event.account && s.place == event.place).unwrap_or(0);
            let slot = event.meta.time.div_euclid(SLOT) * SLOT;
            entry(options, &mut files, stream, slot, 0).incident.push(n);
        }
        let mut plan = Self { streams, files: Vec::new() };
        plan.link(options, estate, files);
        plan
    }

    /// Adds what one file takes over from another: the owner's view of assumed roles, and repeated delivery.
    fn link(&mut self, options: &Options, estate: &Estate, mut files: BTreeMap<Key, FilePlan>) {
        if estate.accounts.len() > 1 {
            let across: Vec<Key> = files.iter().filter(|(_, file)| file.across > 0).map(|(key, _)| *key).collect();
            for (stream, slot, _) in across {
                let from = self.streams[stream];
                let partner = estate.partner(from.account);
                if let Some(to) = self.streams.iter().position(|s| s.account == partner && s.place == from.place) {
                    entry(options, &mut files, to, slot, 0);
                }
            }
        }
        let index: BTreeMap<Key, usize> = files.keys().enumerate().map(|(n, key)| (*key, n)).collect();
        self.files = files.into_values().collect();
        for n in 0..self.files.len() {
            let (stream, slot, part) = (self.files[n].stream, self.files[n].slot, self.files[n].part);
            let Stream { account, place } = self.streams[stream];
            if part == 0 && estate.accounts.len() > 1 {
                let owner_of = (account + estate.accounts.len() - 1) % estate.accounts.len();
                if let Some(from) = self.streams.iter().position(|s| s.account == owner_of && s.place == place) {
                    let seen = index.range((from, slot, 0)..(from, slot + 1, 0)).map(|(_, at)| *at);
                    self.files[n].seen_from = seen.filter(|at| self.files[*at].across > 0).collect();
                }
            }
            let earlier = n.checked_sub(1).filter(|p| self.files[*p].stream == stream && self.files[*p].events > 0);
            let count = scale(mix(&[self.files[n].seed, 0xd0b1e]), 1 + self.files[n].events / 200)
                + usize::from(mix(&[self.files[n].seed, 7]).is_multiple_of(16));
            self.files[n].repeats = earlier.map(|p| (p, count.min(self.files[p].events))).filter(|(_, count)| *count > 0);
        }
    }
}

type Key = (usize, i64, usize);

fn entry<'a>(options: &Options, files: &'a mut BTreeMap<Key, FilePlan>, stream: usize, slot: i64, part: usize) -> &'a mut FilePlan {
    files.entry((stream, slot, part)).or_insert_with(|| FilePlan {
        stream,
        slot,
        part,
        seed: mix(&[options.seed, 0xf11e, stream as u64, slot as u64, part as u64]),
        events: 0,
        across: 0,
        incident: Vec::new(),
        seen_from: Vec::new(),
        repeats: None,
    })
}

fn plan_stream(
    options: &Options,
    n: usize,
    stream: &Stream,
    events: usize,
    gap: &Gap,
    estate: &Estate,
    files: &mut BTreeMap<Key, FilePlan>,
) {
    let slots = options.days * DAY / SLOT;
    let per_slot = events as f64 / slots as f64;
    let region = estate.accounts[stream.account].places[stream.place].region;
    let heartbeat = |slot: i64| {
        stream.place == HEARTBEAT && slot.rem_euclid(HOUR) / SLOT == scale(mix(&[options.seed, n as u64, (slot / HOUR) as u64]), 12) as i64
    };
    let weights: Vec<(i64, f64, bool)> = (0..slots)
        .map(|s| {
            let slot = options.start + s * SLOT;
            let mut random = Random::seeded(&[options.seed, 0x510, n as u64, s as u64]);
            let active = per_slot >= QUIET || heartbeat(slot) || random.chance((per_slot / QUIET * 1e6) as usize);
            let silent = region == gap.region && slot >= gap.from && slot < gap.to;
            let busy = RHYTHM[(slot.rem_euclid(DAY) / HOUR) as usize] * (0.6 + 0.8 * (random.below(1000) as f64 / 1000.0));
            (slot, if active && !silent { busy } else { 0.0 }, heartbeat(slot) && !silent)
        })
        .collect();
    let total: f64 = weights.iter().map(|w| w.1).sum();
    let (mut done, mut given) = (0.0, 0);
    for (slot, weight, at_least_one) in weights {
        done += weight;
        let until = if total > 0.0 { (events as f64 * (done / total)).round() as usize } else { 0 };
        let count = (until - given).max(usize::from(at_least_one));
        given = until.max(given);
        let parts = count.div_ceil(LARGEST);
        for part in 0..parts {
            let file = entry(options, files, n, slot, part);
            file.events = count / parts + usize::from(part < count % parts);
            let share = file.events as u64 * 1_000_000 / 150;
            file.across = if estate.accounts.len() > 1 {
                (share / 1_000_000) as usize + usize::from(mix(&[file.seed, 3]) % 1_000_000 < share % 1_000_000)
            } else {
                0
            };
        }
    }
}
