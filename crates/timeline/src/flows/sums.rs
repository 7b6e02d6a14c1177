//! Records summed by conversation.

use backtrail_model::time::MICROS_PER_SECOND;
use hashbrown::HashMap;
use serde::{Serialize, Serializer};

use super::address::side;
use super::holders::{Holders, NOBODY};
use super::marks::{Marks, Slots};
use super::numbers::Numbers;
use super::own::Owns;
use super::records::{NO_INTERFACE, Records};
use super::summing::Asked;
use super::{FlowGrouping, Talker, shown};
use crate::interfaces::{Holding, Interfaces};

/// What stands for the end of a record that has none.
const NO_ADDRESS: &str = "-";
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    In,
    Out,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    Accept,
    Reject,
    None,
}

/// What records are summed by at first: both ends as they stand, since only all records of an interface tell its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) interface: u32,
    /// Who had it, where traffic is grouped by that.
    holder: u32,
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
    evidence: u32,
    index: i64,
    /// What marks noted of it.
    pub(super) slots: Slots,
}

/// What answers group by, by the numbers of the texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Group {
    interface: Option<u32>,
    /// The instance or service that had the interface.
    who: Option<u32>,
    /// Its security groups, one text for all of them.
    groups: Option<u32>,
    /// The other end; both, where nobody knows which is the interface's.
    peer: Option<(u32, Option<u32>)>,
    protocol: Option<i32>,
    port: Option<i32>,
}

/// What was summed of a group.
#[derive(Debug, Clone, Copy)]
struct Summed {
    /// Accepted in and out, rejected in and out, of unknown direction or action.
    sides: [Side; 5],
    first: i64,
    last: i64,
    /// Of the earliest record.
    evidence: u32,
    index: i64,
    /// The interface's own address.
    near: Option<u32>,
    service: Option<u32>,
}

impl Summed {
    fn bytes(&self) -> u64 {
        self.sides.iter().map(|side| side.bytes).fold(0, u64::saturating_add)
    }

    fn records(&self) -> u64 {
        self.sides.iter().map(|side| side.records).sum()
    }
}

/// The groups of an answer, and sums over all of them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) shown: Vec<Talker>,
    pub(super) count: u64,
    pub(super) all: Counted,
}

/// Columns whose texts are numbered: three that may name the interface, its instance, four addresses, two services, the evidence.
const COLUMNS: usize = 11;

/// Records summed. Each thread fills its own; whatever it was given, joined they are the same.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) names: Numbers<COLUMNS>,
    pub(super) sums: HashMap<Key, Sum>,
    own: Owns,
    /// By interface, the latest start of a record that names its instance, and the instance.
    pub(super) instances: HashMap<u32, (i64, u32)>,
    pub(super) services: HashMap<u32, u32>,
    holders: Holders,
    pub(super) marks: Marks,
    pub(super) records: u64,
    pub(super) nodata: u64,
    pub(super) skipdata: u64,
}

impl Sums {
    /// Another batch begins.
    pub(super) fn begin(&mut self) {
        self.names.begin();
    }

    /// Takes a record of the flow log that is summed.
    pub(super) fn take(&mut self, records: &Records<'_>, row: usize, asked: &Asked) {
        match records.status.get(row) {
            Some("NODATA") => self.nodata += 1,
            Some("SKIPDATA") => self.skipdata += 1,
            _ => self.take_traffic(records, row, asked),
        }
    }

    fn take_traffic(&mut self, records: &Records<'_>, row: usize, asked: &Asked) {
        let names = &mut self.names;
        let interface = (0..).zip(records.interfaces).find_map(|(column, text)| names.of(column, text, row));
        let interface = interface.unwrap_or_else(|| names.number(NO_INTERFACE));
        let [source, destination] = [0, 1].map(|end| names.of(4 + end, records.addresses[end], row));
        self.own.learn(interface, [source, destination], names);
        if let Some(instance) = names.of(3, records.instance, row) {
            later(&mut self.instances, names, interface, (records.start(row).unwrap_or(i64::MIN), instance));
        }
        if !records.is_between(row, &asked.filters) {
            return;
        }
        self.records += 1;
        let way = match records.direction.get(row) {
            Some("ingress") => Way::In,
            Some("egress") => Way::Out,
            _ => Way::Unknown,
        };
        // The far end is as the packet has it; the near one as the interface has it.
        let source = if way == Way::In { names.of(6, records.addresses[2], row).or(source) } else { source };
        let destination = if way == Way::Out { names.of(7, records.addresses[3], row).or(destination) } else { destination };
        let start = records.start(row).unwrap_or(i64::MAX);
        let holder = asked.known.as_ref().map_or(NOBODY, |known| self.holders.at(interface, start, known, names));
        let key = Key {
            interface,
            holder,
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
            period: if start == i64::MAX { 0 } else { period_of(start, asked.period) },
        };
        for (place, end) in [key.source, key.destination].into_iter().enumerate() {
            if let Some(service) = names.of(8 + place, records.services[place], row) {
                least(&mut self.services, names, end, service);
            }
        }
        let end = records.end(row).unwrap_or(i64::MIN);
        let side = Side { records: 1, packets: records.long(0, row), bytes: records.long(1, row) };
        let evidence = names.of(10, records.evidence, row).unwrap_or_else(|| names.number(""));
        let new = Sum { side, first: start, last: end, evidence, index: records.index(row), slots: Slots::default() };
        let sum = add(&mut self.sums, &self.names, key, &new);
        if asked.seeks_marks {
            self.marks.take(&mut sum.slots, &key, (records, row), self.names.text(key.destination));
        }
    }

    /// Takes over what another thread summed.
    pub(super) fn join(&mut self, other: Self) {
        let numbers = self.names.taken_over(&other.names);
        let here = |number: u32| numbers.get(number as usize).copied().unwrap_or(number);
        let holders = self.holders.taken_over(&other.holders, here);
        let holder = |number: u32| holders.get(number as usize).copied().unwrap_or(NOBODY);
        self.sums.reserve(other.sums.len());
        let mut marks = self.marks.joining(other.marks);
        for (key, sum) in other.sums {
            let key = Key {
                interface: here(key.interface),
                holder: holder(key.holder),
                source: here(key.source),
                destination: here(key.destination),
                ..key
            };
            let kept = add(&mut self.sums, &self.names, key, &Sum { evidence: here(sum.evidence), ..sum });
            marks.join(&mut kept.slots, &sum.slots);
        }
        marks.finish();
        self.own.join(other.own, here);
        for (interface, (start, instance)) in other.instances {
            later(&mut self.instances, &self.names, here(interface), (start, here(instance)));
        }
        for (end, service) in other.services {
            least(&mut self.services, &self.names, here(end), here(service));
        }
        self.records += other.records;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
    }

    /// The interface's own address of the family of these ends, where records tell it.
    fn own(&self, key: &Key) -> Option<u32> {
        self.own.of(key.interface, [key.source, key.destination], &self.names)
    }

    /// Whether an address is an interface's own, as far as records tell.
    pub(super) fn is_own(&self, interface: u32, address: &str) -> bool {
        let own = self.names.known(address).and_then(|number| Some((number, self.own.of(interface, [number, number], &self.names)?)));
        own.is_some_and(|(number, own)| number == own)
    }

    /// Which way it goes: as records say, else as the interface's own address does.
    pub(super) fn way(&self, key: &Key) -> Way {
        if key.way != Way::Unknown {
            return key.way;
        }
        match self.own(key) {
            Some(own) if own == key.destination && own != key.source => Way::In,
            Some(own) if own == key.source && own != key.destination => Way::Out,
            _ => Way::Unknown,
        }
    }

    /// What comes first, whatever the order of reading: start, evidence, place.
    pub(super) fn place(&self, sum: &Sum) -> (i64, &str, i64) {
        (sum.first, self.names.text(sum.evidence), sum.index)
    }

    /// The earliest record of a sum.
    pub(super) fn citation(&self, sum: &Sum) -> String {
        format!("{}#{}", self.names.text(sum.evidence), sum.index)
    }

    /// The groups with the most bytes, then those with the most records; as many as are asked for.
    pub(super) fn groups(&self, by: FlowGrouping, limit: Option<usize>, known: &Interfaces) -> Groups {
        self.groups_of(&self.sums, by, limit, known)
    }

    /// The same, of some of the sums.
    pub(super) fn groups_of<'s>(
        &self,
        sums: impl IntoIterator<Item = (&'s Key, &'s Sum)>,
        by: FlowGrouping,
        limit: Option<usize>,
        known: &Interfaces,
    ) -> Groups {
        let mut groups: HashMap<Group, Summed> = HashMap::new();
        for (key, sum) in sums {
            self.add_to(&mut groups, by, key, sum);
        }
        let mut sorted: Vec<(Group, Summed)> = groups.into_iter().collect();
        sorted.sort_unstable_by(|(a, x), (b, y)| {
            (y.bytes(), y.records()).cmp(&(x.bytes(), x.records())).then_with(|| self.texts(a).cmp(&self.texts(b)))
        });
        let count = sorted.len() as u64;
        let all =
            sorted.iter().map(|(_, summed)| *summed).reduce(|a, b| self.joined(a, b)).map(|all| self.counted(&all)).unwrap_or_default();
        sorted.truncate(limit.unwrap_or(usize::MAX));
        Groups { shown: sorted.iter().map(|(group, summed)| self.talker(group, summed, known)).collect(), count, all }
    }

    fn add_to(&self, groups: &mut HashMap<Group, Summed>, by: FlowGrouping, key: &Key, sum: &Sum) {
        let (own, way) = (self.own(key), self.way(key));
        let (near, far) = if way == Way::In { (key.destination, key.source) } else { (key.source, key.destination) };
        let group = self.group(by, key, far, way);
        let has_address = !matches!(by, FlowGrouping::Peer | FlowGrouping::Port) && way != Way::Unknown;
        let mut new = Summed {
            sides: [Side::default(); 5],
            first: sum.first,
            last: sum.last,
            evidence: sum.evidence,
            index: sum.index,
            near: has_address.then(|| own.unwrap_or(near)),
            service: group.peer.and_then(|_| self.services.get(&far)).copied(),
        };
        new.sides[side_of(way, key.action)] = sum.side;
        match groups.get_mut(&group) {
            Some(summed) => *summed = self.joined(*summed, new),
            None => _ = groups.insert(group, new),
        }
    }

    /// Two sums as one: whatever comes first, the same.
    fn joined(&self, mut a: Summed, b: Summed) -> Summed {
        a.sides.iter_mut().zip(b.sides).for_each(|(a, b)| a.add(&b));
        let place = |s: &Summed| (s.first, self.names.text(s.evidence), s.index);
        if place(&b) < place(&a) {
            (a.first, a.evidence, a.index) = (b.first, b.evidence, b.index);
        }
        a.last = a.last.max(b.last);
        let least =
            |x: Option<u32>, y: Option<u32>| if x == y { x } else { [x, y].into_iter().flatten().min_by_key(|n| self.names.text(*n)) };
        (a.near, a.service) = (least(a.near, b.near), least(a.service, b.service));
        a
    }

    fn counted(&self, summed: &Summed) -> Counted {
        let [accepted_in, accepted_out, rejected_in, rejected_out, undirected] = summed.sides;
        Counted {
            accepted_in,
            accepted_out,
            rejected_in,
            rejected_out,
            undirected,
            first_start: (summed.first < i64::MAX).then(|| shown(summed.first)),
            last_end: (summed.last > i64::MIN).then(|| shown(summed.last)),
            reference: Some(format!("{}#{}", self.names.text(summed.evidence), summed.index)),
        }
    }

    fn texts(&self, group: &Group) -> impl Ord + '_ {
        let text = |number: Option<u32>| number.map(|n| self.names.text(n));
        let peer = group.peer.map(|(one, other)| (self.names.text(one), text(other)));
        (text(group.interface), text(group.who), text(group.groups), peer, group.protocol, group.port)
    }

    fn talker(&self, group: &Group, summed: &Summed, known: &Interfaces) -> Talker {
        let text = |number: Option<u32>| number.map(|n| self.names.text(n).to_owned());
        let peer = group.peer.map(|(one, other)| match other {
            Some(other) => format!("{} > {}", self.names.text(one), self.names.text(other)),
            None => self.names.text(one).to_owned(),
        });
        let interface_id = text(group.interface);
        let who = text(group.who).or_else(|| only_holder(interface_id.as_deref()?, summed, known));
        let (instance_id, resource_id) = if who.as_ref().is_some_and(|who| who.starts_with("i-")) { (who, None) } else { (None, who) };
        Talker {
            interface_id,
            instance_id,
            resource_id,
            security_groups: text(group.groups).map(|groups| groups.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            address: text(summed.near),
            peer_is: peer.as_deref().and_then(side),
            peer,
            peer_aws_service: text(summed.service),
            protocol: group.protocol,
            port: group.port,
            counted: self.counted(summed),
        }
    }

    fn group(&self, by: FlowGrouping, key: &Key, far: u32, way: Way) -> Group {
        let holder = self.holders.get(key.holder);
        let named = || self.instances.get(&key.interface).map(|(_, instance)| *instance);
        let (interface, who) = (Some(key.interface), holder.who.or_else(named));
        let (port, protocol) = ((key.port >= 0).then_some(key.port), (key.protocol >= 0).then_some(key.protocol));
        let peer = Some(if way == Way::Unknown { (key.source, Some(key.destination)) } else { (far, None) });
        match by {
            FlowGrouping::Conversation => Group { interface, who, peer, protocol, port, ..Group::default() },
            FlowGrouping::Interface => Group { interface, who, ..Group::default() },
            FlowGrouping::Instance if who.is_some() => Group { who, ..Group::default() },
            FlowGrouping::Group if holder.groups.is_some() => Group { groups: holder.groups, ..Group::default() },
            FlowGrouping::Instance | FlowGrouping::Group => Group { interface, ..Group::default() },
            FlowGrouping::Peer => Group { peer, ..Group::default() },
            FlowGrouping::Port => Group { protocol, port, ..Group::default() },
        }
    }
}

/// Adds to a sum, which begins with nothing.
fn add<'s>(sums: &'s mut HashMap<Key, Sum>, names: &Numbers<COLUMNS>, key: Key, new: &Sum) -> &'s mut Sum {
    let none = Sum { side: Side::default(), first: i64::MAX, last: i64::MIN, slots: Slots::default(), ..*new };
    let sum = sums.entry(key).or_insert(none);
    sum.side.add(&new.side);
    sum.last = sum.last.max(new.last);
    let text = |sum: &Sum| names.text(sum.evidence);
    if new.first < sum.first || (new.first == sum.first && (text(new), new.index) < (text(sum), sum.index)) {
        (sum.first, sum.evidence, sum.index) = (new.first, new.evidence, new.index);
    }
    sum
}

/// Keeps the instance that the latest record of an interface names; of two at one time the one that comes last by name.
fn later(instances: &mut HashMap<u32, (i64, u32)>, names: &Numbers<COLUMNS>, interface: u32, new: (i64, u32)) {
    let kept = instances.entry(interface).or_insert(new);
    if new.0 > kept.0 || (new.0 == kept.0 && new.1 != kept.1 && names.text(new.1) > names.text(kept.1)) {
        *kept = new;
    }
}

/// Keeps the service of an address that comes first by name: records agree on it.
fn least(services: &mut HashMap<u32, u32>, names: &Numbers<COLUMNS>, end: u32, new: u32) {
    let kept = services.entry(end).or_insert(new);
    if new != *kept && names.text(new) < names.text(*kept) {
        *kept = new;
    }
}

/// Who had an interface during all of its traffic, where that was one alone.
fn only_holder(interface: &str, summed: &Summed, known: &Interfaces) -> Option<String> {
    let micros = |seconds: i64| seconds.saturating_mul(MICROS_PER_SECOND);
    let (from, to) = (micros(summed.first), micros(summed.last.saturating_add(1)));
    let mut all = known.of_interface(interface).filter(|holding| holding.is_between(from, to));
    let holder = |holding: &Holding| holding.instance_id.clone().or_else(|| holding.resource_id.clone());
    let first = holder(all.next()?)?;
    all.all(|other| holder(other).as_ref() == Some(&first)).then_some(first)
}

/// The number of a period.
fn period_of(start: i64, seconds: i64) -> i32 {
    if seconds == 0 { 0 } else { i32::try_from(start.div_euclid(seconds)).unwrap_or(i32::MAX) }
}

/// The place of traffic among the sides of a sum.
fn side_of(way: Way, action: Action) -> usize {
    match (way, action) {
        (Way::In, Action::Accept) => 0,
        (Way::Out, Action::Accept) => 1,
        (Way::In, Action::Reject) => 2,
        (Way::Out, Action::Reject) => 3,
        _ => 4,
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
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, StringViewArray};

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

    fn take(sums: &mut Sums, numbers: &[i64]) {
        let batch = batch(numbers);
        let records = Records::of(&batch).unwrap();
        let asked = Asked { seeks_marks: true, ..Asked::default() };
        sums.begin();
        (0..records.rows).for_each(|row| sums.take(&records, row, &asked));
    }

    #[test]
    fn sums_are_the_same_whichever_thread_had_which_records() {
        let numbers: Vec<i64> = (0..200).collect();
        let (mut whole, nobody) = (Sums::default(), Interfaces::default());
        take(&mut whole, &numbers);
        for threads in 2..6 {
            let mut states: Vec<Sums> = (0..threads).map(|_| Sums::default()).collect();
            for (n, some) in numbers.rchunks(9).enumerate() {
                take(&mut states[n * 7 % threads], some);
            }
            let joined = states.into_iter().rev().reduce(|mut all, other| {
                all.join(other);
                all
            });
            let joined = joined.unwrap();
            for by in [FlowGrouping::Conversation, FlowGrouping::Interface, FlowGrouping::Instance, FlowGrouping::Peer, FlowGrouping::Port]
            {
                let (one, other) = (whole.groups(by, None, &nobody), joined.groups(by, None, &nobody));
                assert_eq!((&one.shown, one.count, &one.all), (&other.shown, other.count, &other.all), "{by:?} on {threads}");
            }
        }
        let all = whole.groups(FlowGrouping::Interface, None, &nobody);
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
