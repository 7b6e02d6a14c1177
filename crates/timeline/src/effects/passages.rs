//! Conversations about a change: what was refused and let through before and after it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::doors::Door;
use crate::flows::{Records, Side, shown};

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
    /// Citation of a call that names the interface with the group; `null` where none does, and only the times coincide.
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
type Key = (String, String, i32, i32);

#[derive(Debug, Default)]
struct Sums {
    rejected_before: Side,
    accepted_before: Side,
    accepted_after: Side,
    rejected_after: Side,
    /// Of the first that the change is about: start, evidence, number.
    first: Option<(i64, String, i64)>,
}

/// What was met of a rule's traffic.
#[derive(Debug, Default)]
pub(super) struct Passages {
    sums: BTreeMap<Key, Sums>,
}

impl Passages {
    /// Takes a record, if the rule is about it.
    pub(super) fn take(&mut self, door: &Door, records: &Records<'_>, row: usize) {
        let Some((peer, protocol, port, is_answer)) = passes(door, records, row) else { return };
        let (Some(start), Some(end)) = (records.start(row), records.end(row)) else { return };
        let is_accepted = match records.action.get(row) {
            Some("ACCEPT") => true,
            Some("REJECT") => false,
            _ => return,
        };
        let key = (records.interface(row).to_owned(), peer.to_owned(), protocol, port);
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
    pub(super) fn told(self, door: &Door, tied_by: impl Fn(&str) -> Option<String>) -> (Vec<Passage>, u64) {
        let is_told = |sums: &Sums| {
            sums.first.is_some() && if door.opens { sums.accepted_before.records == 0 } else { sums.accepted_before.records > 0 }
        };
        let passage = |((interface_id, peer, protocol, port), sums): (Key, Sums)| {
            let (start, evidence, index) = sums.first?;
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
        let mut all: Vec<Passage> = self.sums.into_iter().filter(|(_, sums)| is_told(sums)).filter_map(passage).collect();
        // The sort keeps the order of names among equals.
        all.sort_by_key(|p| {
            let turned = if door.opens { p.rejected_before.records } else { p.accepted_before.records };
            (p.tied_by.is_none(), turned == 0, std::cmp::Reverse(p.accepted_after.bytes.max(p.rejected_after.bytes)))
        });
        let more = all.len().saturating_sub(TOLD) as u64;
        all.truncate(TOLD);
        (all, more)
    }
}

/// The other end, protocol and port of a record that a rule is about, and whether it is an answer, which the rule lets through as well.
fn passes<'r>(door: &Door, records: &Records<'r>, row: usize) -> Option<(&'r str, i32, i32, bool)> {
    let protocol = records.int(2, row)?;
    if door.protocol.is_some_and(|wanted| wanted != protocol) {
        return None;
    }
    let [source, destination, packet_source, packet_destination] = records.addresses.each_ref().map(|a| a.get(row));
    let (source, destination) = (packet_source.or(source)?, packet_destination.or(destination)?);
    let (source_port, destination_port) = (records.int(0, row).unwrap_or(0), records.int(1, row).unwrap_or(0));
    // Of a rule of ingress the peer asks and the interface serves; of egress the other way round.
    let asks = if door.is_egress { Some("egress") } else { Some("ingress") };
    let direction = records.direction.get(row);
    let is_in = |port: i32| door.ports.is_none_or(|(first, last)| (first..=last).contains(&port));
    let is_peer = |address: &str| address.parse::<IpAddr>().is_ok_and(|a| door.peers.contains(&a.to_canonical()));
    let (asker, server) = if door.is_egress { (destination, source) } else { (source, destination) };
    if is_in(destination_port) && direction.is_none_or(|_| direction == asks) && is_peer(asker) {
        return Some((asker, protocol, destination_port, false));
    }
    let answers = is_in(source_port) && direction.is_none_or(|_| direction != asks) && is_peer(server);
    answers.then_some((server, protocol, source_port, true))
}
