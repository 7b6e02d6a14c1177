//! What is summed of a record, by number: read by the thread that has its row group, summed by the one that has its interface.

use std::sync::Arc;

use hashbrown::HashMap;

use super::marks::is_attempt;
use super::numbers::Numbers;
use super::records::{NO_INTERFACE, Records};
use super::shards::Shards;
use super::summing::Asked;
use super::sums::{Action, Key, Way, least, served_port};
use super::texts::{PARTS, Texts, part_of};

/// What stands for the end of a record that has none.
const NO_ADDRESS: &str = "-";
/// What stands for a text that a record does not have.
pub(super) const ABSENT: u32 = u32::MAX;
/// Rows that are handed on at once.
const AT_ONCE: usize = 512;

/// What is summed of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) key: Key,
    /// Source and destination as the interface has them.
    pub(super) ends: [u32; 2],
    pub(super) instance: u32,
    pub(super) evidence: u32,
    pub(super) index: i64,
    /// The greatest where the record has none.
    pub(super) start: i64,
    /// The least where the record has none.
    pub(super) end: i64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// The port of the source.
    pub(super) port: u16,
    /// Whether its source is the one that calls.
    pub(super) is_calling: bool,
    /// Whether somebody knocks.
    pub(super) is_attempt: bool,
    /// Whether it is asked for; else it tells whose addresses and instances interfaces are, and nothing more.
    pub(super) is_summed: bool,
}

/// Columns whose texts are numbered: three that may name the interface, its instance, four addresses, two services, the evidence.
const COLUMNS: usize = 11;

/// What one thread reads.
#[derive(Debug)]
pub(super) struct Reading {
    names: Numbers<COLUMNS, Arc<Texts>>,
    /// Rows not handed on yet, by shard.
    waiting: Vec<Vec<Row>>,
    pub(super) services: HashMap<u32, u32>,
    pub(super) nodata: u64,
    pub(super) skipdata: u64,
    /// Records of an interface and hour that another flow log is summed for.
    pub(super) overlapping: u64,
}

impl Reading {
    pub(super) fn new(texts: &Arc<Texts>) -> Self {
        Self {
            names: Numbers::by(Arc::clone(texts)),
            waiting: vec![Vec::new(); PARTS],
            services: HashMap::new(),
            nodata: 0,
            skipdata: 0,
            overlapping: 0,
        }
    }

    /// Another batch begins.
    pub(super) fn begin(&mut self) {
        self.names.begin();
    }

    /// Takes a record of the flow log that is summed.
    pub(super) fn take(&mut self, records: &Records<'_>, row: usize, asked: &Asked, shards: &Shards) {
        match records.status.get(row) {
            Some("NODATA") => self.nodata += 1,
            Some("SKIPDATA") => self.skipdata += 1,
            _ => {
                let read = self.read(records, row, asked);
                let waiting = &mut self.waiting[part_of(read.key.interface)];
                if waiting.capacity() == 0 {
                    waiting.reserve_exact(AT_ONCE);
                }
                waiting.push(read);
                if waiting.len() >= AT_ONCE {
                    shards.give(part_of(read.key.interface), std::mem::take(waiting), asked);
                }
            }
        }
    }

    /// Hands on what is left.
    pub(super) fn finish(&mut self, shards: &Shards, asked: &Asked) {
        for (number, rows) in self.waiting.iter_mut().enumerate() {
            shards.give(number, std::mem::take(rows), asked);
        }
    }

    fn read(&mut self, records: &Records<'_>, row: usize, asked: &Asked) -> Row {
        let names = &mut self.names;
        let interface = (0..).zip(records.interfaces).find_map(|(column, text)| names.of(column, text, row));
        let interface = interface.unwrap_or_else(|| names.number(NO_INTERFACE));
        let [source, destination] = [0, 1].map(|end| names.of(4 + end, records.addresses[end], row));
        let ends = [source, destination].map(|end| end.unwrap_or(ABSENT));
        let instance = names.of(3, records.instance, row).unwrap_or(ABSENT);
        let way = match records.direction.get(row) {
            Some("ingress") => Way::In,
            Some("egress") => Way::Out,
            _ => Way::Unknown,
        };
        // The far end is as the packet has it; the near one as the interface has it.
        let source = if way == Way::In { names.of(6, records.addresses[2], row).or(source) } else { source };
        let destination = if way == Way::Out { names.of(7, records.addresses[3], row).or(destination) } else { destination };
        let start = records.start(row).unwrap_or(i64::MAX);
        let key = Key {
            interface,
            source: source.unwrap_or_else(|| names.number(NO_ADDRESS)),
            destination: destination.unwrap_or_else(|| names.number(NO_ADDRESS)),
            protocol: records.int(2, row).unwrap_or(-1),
            port: served_port(records, row),
            way,
            action: match records.action.get(row) {
                Some("ACCEPT") => Action::Accept,
                Some("REJECT") => Action::Reject,
                _ => Action::None,
            },
            period: if start == i64::MAX { 0 } else { asked.period_of(start) },
            ..Key::default()
        };
        let is_summed = records.is_between(row, &asked.filters);
        if is_summed {
            for (place, end) in [key.source, key.destination].into_iter().enumerate() {
                if let Some(service) = names.of(8 + place, records.services[place], row) {
                    least(&mut self.services, end, service, |one, other| one != other && names.is_before(one, other));
                }
            }
        }
        let is_calling = records.int(1, row) == Some(key.port);
        Row {
            key,
            ends,
            instance,
            evidence: names.of(10, records.evidence, row).unwrap_or_else(|| names.number("")),
            index: records.index(row),
            start,
            end: records.end(row).unwrap_or(i64::MIN),
            packets: records.long(0, row),
            bytes: records.long(1, row),
            port: records.int(0, row).and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            is_calling,
            is_attempt: is_calling && is_attempt(&key, records, row),
            is_summed,
        }
    }
}
