//! Records summed by conversation.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Serialize, Serializer};

use super::holders::Holder;
use super::marks::{Marks, Slots};
use super::records::Records;
use super::row::Reading;
use super::shards::{Shard, Shards, gathered};
use super::summing::Asked;
use super::texts::{ByNumber, Known, Spelling, Texts, part_of};
use crate::error::TimelineError;

const SYN: i32 = 2;
const SYN_ACK: i32 = 18;

/// One way of the traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Records.
    pub records: u64,
    /// Packets.
    #[serde(serialize_with = "exact")]
    pub packets: u64,
    /// Bytes.
    #[serde(serialize_with = "exact")]
    pub bytes: u64,
}

/// A number that every JSON reader holds exactly: beyond 2^53 a text.
fn exact<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number > 1 << 53 { serializer.collect_str(number) } else { serializer.serialize_u64(*number) }
}

impl Side {
    pub(crate) fn add(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn is_empty(&self) -> bool {
        self.records == 0
    }
}

/// What was summed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Let in to the interface.
    #[serde(skip_serializing_if = "Side::is_empty")]
    pub accepted_in: Side,
    /// Let out of it.
    #[serde(skip_serializing_if = "Side::is_empty")]
    pub accepted_out: Side,
    /// Refused on the way in.
    #[serde(skip_serializing_if = "Side::is_empty")]
    pub rejected_in: Side,
    /// Refused on the way out.
    #[serde(skip_serializing_if = "Side::is_empty")]
    pub rejected_out: Side,
    /// Of which neither the record nor the interface's other records say which way it went, or that have no action.
    #[serde(skip_serializing_if = "Side::is_empty")]
    pub undirected: Side,
    /// Earliest start; the first packet was seen up to 60 s before or after.
    pub first_start: Option<String>,
    /// Latest end.
    pub last_end: Option<String>,
    /// Citation of the earliest record: evidence and its number there.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

/// Which way traffic goes, as the interface sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    In,
    Out,
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    Accept,
    Reject,
    #[default]
    None,
}

/// What records are summed by at first: both ends as they stand, since only all records of an interface tell its own address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) interface: u32,
    /// Who had it, where traffic is grouped by that.
    pub(super) holder: u32,
    pub(super) source: u32,
    pub(super) destination: u32,
    pub(super) protocol: i32,
    pub(super) port: i32,
    pub(super) way: Way,
    pub(super) action: Action,
    /// Which of the periods that are told apart, where any are.
    pub(super) period: i32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) side: Side,
    pub(super) first: i64,
    pub(super) last: i64,
    /// Of the earliest record.
    pub(super) evidence: u32,
    pub(super) index: i64,
    /// What marks noted of it.
    pub(super) slots: Slots,
}

/// Records summed, whichever thread read them.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) names: Known,
    pub(super) shards: Vec<Shard>,
    pub(super) services: HashMap<u32, u32>,
    pub(super) marks: Marks,
    pub(super) records: u64,
    pub(super) nodata: u64,
    pub(super) skipdata: u64,
    /// Records of an interface and hour that another flow log was summed for.
    pub(super) overlapping: u64,
}

impl Sums {
    /// Sums what threads read.
    pub(super) fn of(texts: Arc<Texts>, shards: Arc<Shards>, mut readings: Vec<Reading>, asked: &Asked) -> Result<Self, TimelineError> {
        // One of them is still at it.
        let ended_early = || TimelineError::Interrupted(futures::channel::oneshot::Canceled);
        readings.iter_mut().for_each(|reading| reading.finish(&shards, asked));
        let mut sums = Self::default();
        for reading in readings {
            for (end, service) in reading.services {
                least(&mut sums.services, end, service, |one, other| texts.is_before(one, other));
            }
            sums.nodata += reading.nodata;
            sums.skipdata += reading.skipdata;
            sums.overlapping += reading.overlapping;
        }
        let mut shards = Arc::into_inner(shards).ok_or_else(ended_early)?.summed(asked);
        sums.marks = gathered(&mut shards);
        sums.records = shards.iter().map(|shard| shard.records).sum();
        (sums.names, sums.shards) = (Arc::into_inner(texts).ok_or_else(ended_early)?.known(), shards);
        Ok(sums)
    }

    /// Each sum.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Key, &Sum)> {
        self.shards.iter().flat_map(|shard| &shard.sums)
    }

    /// The shard of an interface.
    fn shard(&self, interface: u32) -> Option<&Shard> {
        self.shards.get(part_of(interface))
    }

    /// The instance that records name with an interface.
    pub(super) fn instance(&self, interface: u32) -> Option<u32> {
        self.shard(interface)?.instances.get(&interface).map(|(_, instance)| *instance)
    }

    /// Who had the interface of a sum.
    pub(super) fn holder(&self, key: &Key) -> Holder {
        self.shard(key.interface).map(|shard| shard.holders.get(key.holder)).unwrap_or_default()
    }

    /// The interface's own address of the family of these ends, where records tell it.
    fn own(&self, key: &Key) -> Option<u32> {
        self.shard(key.interface)?.own.of(key.interface, [key.source, key.destination], &ByNumber)
    }

    /// An interface's own addresses, as far as records tell.
    pub(super) fn own_of(&self, interface: u32) -> Vec<String> {
        let own = self.shard(interface).map(|shard| shard.own.both(interface, &ByNumber)).unwrap_or_default();
        own.into_iter().flatten().map(|own| self.names.text(own).to_string()).collect()
    }

    /// Which way it goes: as records say, else as the interface's own address does.
    pub(super) fn way(&self, key: &Key) -> Way {
        if key.way == Way::Unknown { way_of(key, self.own(key)) } else { key.way }
    }

    /// The same, with the interface's own address.
    pub(super) fn own_and_way(&self, key: &Key) -> (Option<u32>, Way) {
        let own = self.own(key);
        (own, if key.way == Way::Unknown { way_of(key, own) } else { key.way })
    }

    /// What comes first, whatever the order of reading: start, evidence, place.
    pub(super) fn place(&self, sum: &Sum) -> (i64, Spelling<'_>, i64) {
        (sum.first, self.names.text(sum.evidence), sum.index)
    }

    /// The earliest record of a sum.
    pub(super) fn citation(&self, sum: &Sum) -> String {
        format!("{}#{}", self.names.text(sum.evidence), sum.index)
    }
}

/// Which way it goes, as the interface's own address says.
fn way_of(key: &Key, own: Option<u32>) -> Way {
    match own {
        Some(own) if own == key.destination && own != key.source => Way::In,
        Some(own) if own == key.source && own != key.destination => Way::Out,
        _ => Way::Unknown,
    }
}

/// Keeps the service of an address that comes first by name: records agree on it.
pub(super) fn least(services: &mut HashMap<u32, u32>, end: u32, new: u32, is_before: impl Fn(u32, u32) -> bool) {
    let kept = services.entry(end).or_insert(new);
    if new != *kept && is_before(new, *kept) {
        *kept = new;
    }
}

/// The port of whoever serves: whoever answers a SYN does, and whoever is sent one; else the lower of two is taken for it.
pub(crate) fn served_port(records: &Records<'_>, row: usize) -> i32 {
    let (source, destination) = (records.int(0, row).unwrap_or(-1), records.int(1, row).unwrap_or(-1));
    match records.int(3, row) {
        Some(flags) if flags & SYN_ACK == SYN_ACK => source,
        Some(flags) if flags & SYN == SYN => destination,
        _ => source.min(destination),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, StringViewArray};

    use super::super::FlowGrouping;
    use super::*;

    /// Records of two interfaces with four peers: who spoke with whom, which way, and whose instance it is follow from a number.
    fn batch(numbers: &[i64]) -> RecordBatch {
        let texts = |text: &dyn Fn(i64) -> Option<String>| numbers.iter().map(|n| text(*n)).collect::<StringViewArray>();
        let inside = |n: i64| format!("10.0.0.{}", n % 2);
        let end = |n: i64, is_source: bool| Some(if (n % 3 == 0) == is_source { inside(n) } else { format!("198.51.100.{}", n / 5 % 4) });
        let longs = |number: &dyn Fn(i64) -> i64| Arc::new(numbers.iter().map(|n| number(*n)).collect::<Int64Array>()) as ArrayRef;
        let evidence: StringArray = numbers.iter().map(|n| Some(if n % 7 < 3 { "f" } else { "e" })).collect();
        let columns: [(&str, ArrayRef); 12] = [
            ("interface_id", Arc::new(texts(&|n| Some(format!("eni-{}-of-many-letters", n % 2))))),
            ("instance_id", Arc::new(texts(&|n| (n % 4 != 0).then(|| format!("i-{}", n / 40))))),
            ("srcaddr", Arc::new(texts(&|n| end(n, true)))),
            ("dstaddr", Arc::new(texts(&|n| end(n, false)))),
            ("flow_direction", Arc::new(texts(&|n| (n % 11 == 0).then(|| if n % 3 == 0 { "egress" } else { "ingress" }.to_owned())))),
            ("action", Arc::new(texts(&|n| Some(if n % 5 == 0 { "REJECT" } else { "ACCEPT" }.to_owned())))),
            ("pkt_src_aws_service", Arc::new(texts(&|n| (n % 13 == 0).then(|| if n % 2 == 0 { "S3" } else { "AMAZON" }.to_owned())))),
            ("evidence_id", Arc::new(evidence)),
            ("bytes", longs(&|n| 10 + n)),
            ("start", longs(&|n| 1_000 + n / 10)),
            ("end", longs(&|n| 1_060 + n / 10)),
            ("record_index", longs(&|n| n)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// The sums of some threads, each of which had every so many of the batches.
    fn summed(numbers: &[i64], threads: usize) -> Sums {
        let texts = Arc::new(Texts::default());
        let shards = Arc::new(Shards::new(&texts));
        let asked = Asked { seeks_marks: true, ..Asked::default() };
        let mut readings: Vec<Reading> = (0..threads).map(|_| Reading::new(&texts)).collect();
        for (n, some) in numbers.rchunks(9).enumerate() {
            let (batch, reading) = (batch(some), &mut readings[n * 7 % threads]);
            let records = Records::of(&batch).unwrap();
            reading.begin();
            (0..records.rows).for_each(|row| reading.take(&records, row, &asked, &shards));
        }
        readings.reverse();
        Sums::of(texts, shards, readings, &asked).unwrap()
    }

    #[test]
    fn sums_are_the_same_whichever_thread_had_which_records() {
        let numbers: Vec<i64> = (0..200).collect();
        let whole = summed(&numbers, 1);
        let by = [
            FlowGrouping::Conversation,
            FlowGrouping::Interface,
            FlowGrouping::Instance,
            FlowGrouping::Group,
            FlowGrouping::Peer,
            FlowGrouping::Port,
        ];
        for threads in 2..6 {
            let joined = summed(&numbers, threads);
            for (by, limit) in by.into_iter().flat_map(|by| [None, Some(0), Some(1), Some(3), Some(1_000)].map(|limit| (by, limit))) {
                let (one, other) = (whole.groups(by, None), joined.groups(by, limit));
                let shown = one.shown.len().min(limit.unwrap_or(usize::MAX));
                assert_eq!((&one.shown[..shown], one.count, &one.all), (&other.shown[..], other.count, &other.all), "{by:?} on {threads}");
            }
        }
        let all = whole.groups(FlowGrouping::Interface, None);
        let bytes: u64 =
            [all.all.accepted_in, all.all.accepted_out, all.all.rejected_in, all.all.rejected_out].iter().map(|s| s.bytes).sum();
        assert_eq!(
            bytes,
            numbers.iter().map(|n| 10 + n.unsigned_abs()).sum::<u64>(),
            "the interface's own address tells which way all went"
        );
        assert_eq!(all.all.accepted_in.records + all.all.rejected_in.records, numbers.iter().filter(|n| **n % 3 != 0).count() as u64);
    }
}
