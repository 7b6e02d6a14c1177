//! Which flow log is summed, where several have records of an interface.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use serde::Serialize;

use super::numbers::Numbers;
use super::records::{NO_INTERFACE, Records, UNKNOWN};
use super::{FlowFilters, shown};

const SECONDS_PER_HOUR: i64 = 3_600;

/// A flow log that has records in the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLogSeen {
    /// `fl-...`, else the log group; `unknown` where nothing says which.
    pub flow_log: String,
    /// Owner of the interfaces.
    pub account_id: String,
    /// The fields it has.
    pub format: String,
    /// Interfaces.
    pub interfaces: u64,
    /// Records, NODATA and SKIPDATA included.
    pub records: u64,
    /// Of these, those of an interface and hour that another flow log was summed for.
    pub records_not_summed: u64,
    /// Intervals without traffic.
    pub nodata: u64,
    /// Intervals of which records were lost.
    pub skipdata: u64,
    /// Earliest start.
    pub first_start: Option<String>,
    /// Latest end.
    pub last_end: Option<String>,
}

/// A flow log by number: its name, its fields, the account.
type Log = (u32, u32, u32);

/// A flow log as it is told: its name, its fields, the account.
type Named = (String, String, String);

/// Its records, its interfaces, and how many of the records were not summed.
type Sums = (Count, BTreeSet<u32>, u64);

/// An interface and an hour.
type Slot = (u32, i64);

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    records: u64,
    nodata: u64,
    skipdata: u64,
    first: Option<i64>,
    last: Option<i64>,
    /// Bytes that were sent, where that is asked.
    sent: u64,
}

/// Where the last record of an interface was counted: its hour, and what names its flow log, by the dictionaries of the batch.
#[derive(Debug, Clone, Copy)]
struct Met {
    hour: i64,
    log: [usize; 4],
    at: usize,
}

/// Columns whose texts are numbered: the account, three that may name the interface, three that tell the flow log, two that may name the region.
const COLUMNS: usize = 9;

impl Count {
    fn join(&mut self, other: &Self) {
        self.records += other.records;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        self.sent = self.sent.saturating_add(other.sent);
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

/// The records of a window, by flow log, interface and hour.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    names: Numbers<COLUMNS>,
    counts: Vec<((Slot, Log), Count)>,
    /// Where each stands among the counts.
    places: HashMap<(Slot, Log), usize>,
    /// Of the batch at hand.
    met: Vec<Option<Met>>,
    /// A flow log that has records of each slot.
    first: HashMap<Slot, Log>,
    /// Whether any slot has records of several.
    pub(super) is_contested: bool,
    /// The region of each interface, where that is read; none where records name several.
    regions: HashMap<u32, Option<u32>>,
    /// Intervals that lost records: interface, from, to, where it says so.
    pub(crate) skipped: Vec<(String, i64, i64, String)>,
}

impl Tallies {
    /// Another batch begins.
    pub(super) fn begin(&mut self) {
        self.names.begin();
        self.met.clear();
    }

    pub(crate) fn take_all(&mut self, records: &Records<'_>, filters: &FlowFilters) {
        self.begin();
        for row in (0..records.rows).filter(|row| records.is_of(*row, filters)) {
            let interface = self.count(records, row, 0);
            if let Some(region) = (7..).zip(records.regions).find_map(|(column, text)| self.names.of(column, text, row)) {
                note_region(&mut self.regions, interface, Some(region));
            }
        }
    }

    pub(super) fn take(&mut self, records: &Records<'_>, row: usize) {
        self.take_sent(records, row, 0);
    }

    /// Takes a record that sent something.
    pub(super) fn take_sent(&mut self, records: &Records<'_>, row: usize, sent: u64) {
        self.count(records, row, sent);
    }

    /// Counts a record, and says which interface's it is.
    fn count(&mut self, records: &Records<'_>, row: usize, sent: u64) -> u32 {
        let (start, end) = (records.start(row), records.end(row));
        let at = self.place(records, row, hour(start));
        let ((slot, _), count) = &mut self.counts[at];
        let (is_nodata, is_skipdata) = match records.status.get(row) {
            Some("NODATA") => (1, 0),
            Some("SKIPDATA") => {
                let (evidence, index) = records.place(row);
                let span = (start.unwrap_or_default(), end.unwrap_or_default());
                self.skipped.push((records.interface(row).to_owned(), span.0, span.1, format!("{evidence}#{index}")));
                (0, 1)
            }
            _ => (0, 0),
        };
        count.join(&Count { records: 1, nodata: is_nodata, skipdata: is_skipdata, first: start, last: end, sent });
        slot.0
    }

    /// Where a record is counted. Most are of the same hour and flow log as the one before of their interface: then no text and no hash is looked at.
    fn place(&mut self, records: &Records<'_>, row: usize, hour: i64) -> usize {
        let [id, group, format] = records.log;
        let interface = records.interfaces[0].coded(row).filter(|interface| *interface > 0);
        let log = || Some([id.coded(row)?, group.coded(row)?, format.coded(row)?, records.account.coded(row)?]);
        let Some((interface, log)) = interface.and_then(|interface| Some((interface, log()?))) else {
            let (slot, log) = self.slot(records, row, hour);
            return self.place_of(slot, log);
        };
        if self.met.len() <= interface {
            self.met.resize((interface + 1).next_power_of_two(), None);
        }
        if let Some(met) = self.met[interface].filter(|met| met.hour == hour && met.log == log) {
            return met.at;
        }
        let (slot, named) = self.slot(records, row, hour);
        let at = self.place_of(slot, named);
        self.met[interface] = Some(Met { hour, log, at });
        at
    }

    fn place_of(&mut self, slot: Slot, log: Log) -> usize {
        let next = self.counts.len();
        let at = *self.places.entry((slot, log)).or_insert(next);
        if at == next {
            self.counts.push(((slot, log), Count::default()));
            self.is_contested |= *self.first.entry(slot).or_insert(log) != log;
        }
        at
    }

    /// Whose record it is.
    fn slot(&mut self, records: &Records<'_>, row: usize, hour: i64) -> (Slot, Log) {
        let names = &mut self.names;
        let account = names.of(0, records.account, row).unwrap_or_else(|| names.number(UNKNOWN));
        let interface = (1..).zip(records.interfaces).find_map(|(column, text)| names.of(column, text, row));
        let interface = interface.unwrap_or_else(|| names.number(NO_INTERFACE));
        let [id, group, format] = records.log;
        let name = names.of(4, id, row).or_else(|| names.of(5, group, row)).unwrap_or_else(|| names.number(UNKNOWN));
        let format = names.of(6, format, row).unwrap_or_else(|| names.number(""));
        ((interface, hour), (name, format, account))
    }

    /// Takes over what another thread counted.
    pub(super) fn join(&mut self, other: Self) {
        let numbers = self.names.taken_over(&other.names);
        let here = |number: u32| numbers.get(number as usize).copied().unwrap_or(number);
        for (((interface, hour), (name, format, account)), count) in other.counts {
            let at = self.place_of((here(interface), hour), (here(name), here(format), here(account)));
            self.counts[at].1.join(&count);
        }
        for (interface, region) in other.regions {
            note_region(&mut self.regions, here(interface), region.map(here));
        }
        self.is_contested |= other.is_contested;
        self.skipped.extend(other.skipped);
    }

    /// Of each interface and hour, the flow log with the most records, those that say that others were lost left out; of two, the one with more
    /// fields, then by name.
    pub(crate) fn choose(&self) -> Choice {
        let mut slots: HashMap<Slot, (u64, Log)> = HashMap::new();
        for ((slot, log), count) in &self.counts {
            let rank = |(records, log): (u64, Log)| (records, self.fields(log), std::cmp::Reverse(self.told(log)));
            let new = (count.records - count.skipdata, *log);
            match slots.get_mut(slot) {
                Some(best) if rank(new) > rank(*best) => *best = new,
                Some(_) => {}
                None => _ = slots.insert(*slot, new),
            }
        }
        let chosen = slots.into_iter().map(|(slot, (_, log))| (slot, log)).collect();
        Choice { chosen, is_contested: self.is_contested }
    }

    fn fields(&self, log: Log) -> usize {
        self.names.text(log.1).split(' ').count()
    }

    fn told(&self, log: Log) -> Named {
        let text = |number| self.names.text(number).to_owned();
        (text(log.0), text(log.1), text(log.2))
    }

    /// Whether a record is of the flow log that is summed for its interface and hour.
    pub(crate) fn is_summed(&self, records: &Records<'_>, row: usize, choice: &Choice) -> bool {
        if !choice.is_contested {
            return true;
        }
        let (name, format) = records.log(row);
        let number = |text: &str| self.names.known(text);
        let known = || {
            let slot = (number(records.interface(row))?, hour(records.start(row)));
            Some((slot, (number(name)?, number(format)?, number(records.account(row))?)))
        };
        known().is_none_or(|(slot, log)| choice.chosen.get(&slot) == Some(&log))
    }

    /// The flow logs, in order of their names.
    pub(crate) fn flow_logs(&self, choice: &Choice) -> Vec<FlowLogSeen> {
        let mut logs: BTreeMap<Named, Sums> = BTreeMap::new();
        for ((slot, log), count) in &self.counts {
            let (sum, interfaces, not_summed) = logs.entry(self.told(*log)).or_default();
            sum.join(count);
            interfaces.insert(slot.0);
            *not_summed += if choice.chosen.get(slot) == Some(log) { 0 } else { count.records };
        }
        let seen = |((flow_log, format, account_id), (count, interfaces, records_not_summed)): (Named, Sums)| FlowLogSeen {
            flow_log,
            account_id,
            format,
            interfaces: interfaces.len() as u64,
            records: count.records,
            records_not_summed,
            nodata: count.nodata,
            skipdata: count.skipdata,
            first_start: count.first.map(shown),
            last_end: count.last.map(shown),
        };
        logs.into_iter().map(seen).collect()
    }

    /// From when to when the flow logs that are summed have records of each interface, whatever they say.
    pub(crate) fn covered(&self, choice: &Choice) -> HashMap<&str, (i64, i64)> {
        let mut covered: HashMap<&str, (i64, i64)> = HashMap::new();
        for ((slot, _), count) in self.counts.iter().filter(|((slot, log), _)| choice.chosen.get(slot) == Some(log)) {
            let Some((first, last)) = count.first.zip(count.last) else { continue };
            let span = covered.entry(self.names.text(slot.0)).or_insert((first, last));
            *span = (span.0.min(first), span.1.max(last));
        }
        covered
    }

    /// What each interface sent, hour by hour, as the flow logs that are summed have it.
    pub(super) fn sent(&self, choice: &Choice) -> impl Iterator<Item = (&str, i64, u64)> {
        let chosen = self.counts.iter().filter(|((slot, log), _)| slot.1 > i64::MIN && choice.chosen.get(slot) == Some(log));
        chosen.map(|((slot, _), count)| (self.names.text(slot.0), slot.1, count.sent))
    }

    /// The hours of each interface that have records.
    pub(crate) fn hours(&self) -> BTreeMap<&str, BTreeSet<i64>> {
        let mut hours: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for (((interface, hour), _), _) in &self.counts {
            hours.entry(self.names.text(*interface)).or_default().insert(*hour);
        }
        hours
    }

    /// The owner of each interface: of two, the lower.
    pub(crate) fn accounts(&self) -> HashMap<&str, &str> {
        let mut accounts: HashMap<&str, &str> = HashMap::new();
        for (((interface, _), log), _) in &self.counts {
            let account = self.names.text(log.2);
            accounts.entry(self.names.text(*interface)).and_modify(|known| *known = account.min(known)).or_insert(account);
        }
        accounts
    }

    /// The region of each interface, where its records name one.
    pub(super) fn regions(&self) -> HashMap<&str, &str> {
        let told = |(interface, region): (&u32, &Option<u32>)| Some((self.names.text(*interface), self.names.text((*region)?)));
        self.regions.iter().filter_map(told).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// The flow log that is summed for each interface and hour.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    chosen: HashMap<Slot, Log>,
    /// Whether any has several.
    pub(super) is_contested: bool,
}

/// Notes that an interface is in a region; in none that is known, where it is said to be in two.
fn note_region(regions: &mut HashMap<u32, Option<u32>>, interface: u32, region: Option<u32>) {
    let known = regions.entry(interface).or_insert(region);
    if *known != region {
        *known = None;
    }
}

fn hour(start: Option<i64>) -> i64 {
    start.map_or(i64::MIN, |start| start.div_euclid(SECONDS_PER_HOUR))
}
