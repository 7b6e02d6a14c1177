//! Conversations about a change: what was refused and let through before and after it.

use hashbrown::HashMap;
use serde::Serialize;

use super::doors::{Course, Door};
use crate::flows::{Numbers, Owns, Records, Side, served_port, shown};

/// Start and end of a record may each be so many seconds off (VPC user guide, "Flow log records").
const OFF: i64 = 60;
/// Conversations told of one change.
const TOLD: usize = 10;
/// Conversations remembered of one change.
const REMEMBERED: usize = 100_000;

/// A conversation that a change let in or cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// The interface.
    pub interface_id: String,
    /// Citation of what ties the interface to what was changed; `null` where none does, and only the times coincide.
    pub tied_by: Option<String>,
    /// Whether flow logs have any record of the interface from before the change: without one nobody knows that it was not let through before.
    pub seen_before: bool,
    /// The other end.
    pub peer: String,
    /// IANA protocol number.
    pub protocol: i32,
    /// The port.
    pub port: i32,
    /// Refused before the change.
    pub rejected_before: Side,
    /// Let through before it.
    pub accepted_before: Side,
    /// Let through after it; with the answers that went the other way.
    pub accepted_after: Side,
    /// Refused after it.
    pub rejected_after: Side,
    /// Start of the first record let through after it; of one refused, where the rule was closed. Up to 60 s off.
    pub first_start: String,
    /// Citation of that record.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// Interface, peer, protocol, port.
type Conversation = (u32, u32, i32, i32);

/// The same, and whether a record says which way it went.
type Key = (u32, u32, i32, i32, bool);

#[derive(Debug, Default)]
struct Sums {
    rejected_before: Side,
    accepted_before: Side,
    accepted_after: Side,
    rejected_after: Side,
    /// Of the first that the change is about: start, evidence, number.
    first: Option<(i64, String, i64)>,
}

impl Sums {
    fn join(&mut self, other: Self) {
        self.rejected_before.add(&other.rejected_before);
        self.accepted_before.add(&other.accepted_before);
        self.accepted_after.add(&other.accepted_after);
        self.rejected_after.add(&other.rejected_after);
        self.first = [self.first.take(), other.first].into_iter().flatten().min();
    }
}

/// What ties an interface to a change, and whether the change is about it at all.
type Interfaces<'a> = (&'a dyn Fn(&str) -> Option<String>, &'a dyn Fn(&str) -> bool);

/// What was met of a rule's traffic.
#[derive(Debug, Default)]
pub(super) struct Passages {
    sums: HashMap<Key, Sums>,
}

/// Names of interfaces and addresses, and which addresses are the interfaces' own: the same for all rules.
#[derive(Debug, Default)]
pub(super) struct Ends {
    names: Numbers<0>,
    own: Owns,
}

impl Ends {
    /// Takes the ends of a record.
    pub(super) fn learn(&mut self, records: &Records<'_>, row: usize) {
        let interface = self.names.number(records.interface(row));
        let ends = [0, 1].map(|end| records.addresses[end].get(row).map(|address| self.names.number(address)));
        self.own.learn(interface, ends, &self.names);
    }
}

impl Passages {
    /// Takes a record, if the change is about it.
    pub(super) fn take(&mut self, door: &Door, records: &Records<'_>, row: usize, ends: &mut Ends) {
        let Some((peer, protocol, port, is_answer)) = passes(door, records, row) else { return };
        let (Some(start), Some(end)) = (records.start(row), records.end(row)) else { return };
        let is_accepted = match records.action.get(row) {
            Some("ACCEPT") => true,
            Some("REJECT") => false,
            _ => return,
        };
        let has_way = records.direction.get(row).is_some();
        let key = (ends.names.number(records.interface(row)), ends.names.number(peer), protocol, port, has_way);
        if self.sums.len() >= REMEMBERED && !self.sums.contains_key(&key) {
            return;
        }
        let sums = self.sums.entry(key).or_default();
        // What may have ended before is before; what was let through may only have been so after.
        let is_before = if is_accepted == door.opens { end < door.second() } else { start <= door.second() + OFF };
        let side = match (is_accepted, is_before) {
            (true, true) => &mut sums.accepted_before,
            (true, false) => &mut sums.accepted_after,
            (false, true) => &mut sums.rejected_before,
            (false, false) => &mut sums.rejected_after,
        };
        side.add(&Side { records: 1, packets: records.long(0, row), bytes: records.long(1, row) });
        if is_accepted == door.opens && !is_before && !is_answer {
            let (evidence, index) = records.place(row);
            let this = (start, evidence.to_owned(), index);
            if sums.first.as_ref().is_none_or(|first| this < *first) {
                sums.first = Some(this);
            }
        }
    }

    /// What the change let in or cut off: of tied interfaces first, then what was the other way before, then by bytes.
    pub(super) fn told(self, door: &Door, ends: &Ends, (tied_by, is_meant): Interfaces<'_>) -> (Vec<Passage>, u64) {
        let is_told = |sums: &Sums| {
            sums.first.is_some() && if door.opens { sums.accepted_before.records == 0 } else { sums.accepted_before.records > 0 }
        };
        let passage = |((interface, peer, protocol, port), sums): (Conversation, Sums)| {
            let (start, evidence, index) = sums.first?;
            let (interface_id, peer) = (ends.names.text(interface).to_owned(), ends.names.text(peer).to_owned());
            Some(Passage {
                tied_by: tied_by(&interface_id),
                seen_before: false,
                interface_id,
                peer,
                protocol,
                port,
                rejected_before: sums.rejected_before,
                accepted_before: sums.accepted_before,
                accepted_after: sums.accepted_after,
                rejected_after: sums.rejected_after,
                first_start: shown(start),
                reference: format!("{evidence}#{index}"),
            })
        };
        let mut all: Vec<Passage> =
            self.conversations(ends, is_meant).into_iter().filter(|(_, sums)| is_told(sums)).filter_map(passage).collect();
        // The next sort keeps this order among equals.
        all.sort_by(|a, b| (&a.interface_id, &a.peer, a.protocol, a.port).cmp(&(&b.interface_id, &b.peer, b.protocol, b.port)));
        all.sort_by_key(|p| {
            let turned = if door.opens { p.rejected_before.records } else { p.accepted_before.records };
            (p.tied_by.is_none(), turned == 0, std::cmp::Reverse(p.accepted_after.bytes.max(p.rejected_after.bytes)))
        });
        let more = all.len().saturating_sub(TOLD) as u64;
        all.truncate(TOLD);
        (all, more)
    }

    /// The sums of each conversation, whether its records say which way they went or not. Where none says so, an interface's own address is no peer of
    /// it.
    fn conversations(self, ends: &Ends, is_meant: &dyn Fn(&str) -> bool) -> HashMap<Conversation, Sums> {
        let mut all: HashMap<Conversation, Sums> = HashMap::new();
        for ((interface, peer, protocol, port, has_way), sums) in self.sums {
            let is_peer = has_way || ends.own.of(interface, [peer, peer], &ends.names) != Some(peer);
            if is_peer && is_meant(ends.names.text(interface)) {
                all.entry((interface, peer, protocol, port)).or_default().join(sums);
            }
        }
        all
    }
}

/// The other end, protocol and port of a record that a change is about, and whether it is an answer, which the rule lets through as well.
fn passes<'r>(door: &Door, records: &Records<'r>, row: usize) -> Option<(&'r str, i32, i32, bool)> {
    let protocol = records.int(2, row)?;
    if door.protocol.is_some_and(|wanted| wanted != protocol) {
        return None;
    }
    let [source, destination, packet_source, packet_destination] = records.addresses.each_ref().map(|a| a.get(row));
    let (source, destination) = (packet_source.or(source)?, packet_destination.or(destination)?);
    let (source_port, destination_port) = (records.int(0, row).unwrap_or(0), records.int(1, row).unwrap_or(0));
    let direction = records.direction.get(row);
    let is_in = |port: i32| door.ports.is_none_or(|(first, last)| (first..=last).contains(&port));
    // Of ingress the peer asks and the interface serves; of egress the other way round.
    let (asks, asker, server) = match door.course {
        Course::Ingress => ("ingress", source, destination),
        Course::Egress => ("egress", destination, source),
        Course::Both => {
            let peer = match direction {
                Some("ingress") => source,
                Some("egress") => destination,
                _ => [source, destination].into_iter().find(|end| door.peers.have(end))?,
            };
            return door.peers.have(peer).then(|| (peer, protocol, served_port(records, row), false));
        }
    };
    if is_in(destination_port) && direction.is_none_or(|way| way == asks) && door.peers.have(asker) {
        return Some((asker, protocol, destination_port, false));
    }
    let answers = is_in(source_port) && direction.is_none_or(|way| way != asks) && door.peers.have(server);
    answers.then_some((server, protocol, source_port, true))
}
