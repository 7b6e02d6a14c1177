//! What a flow record is to a change.

use serde::Serialize;

use super::doors::{Course, Door};
use super::ties::About;
use crate::flows::{Records, served_port};

/// The lowest port from which systems ask: of two that are no lower, neither tells who serves.
const EPHEMERAL: i32 = 32_768;
/// The flag of a packet that asks, or answers the first time.
const SYN: i32 = 2;

/// Which way rules go that let something through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To the interface.
    Ingress,
    /// From it.
    Egress,
}

/// Which of the records of a peer and a port are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Strand {
    /// Of whole groups and ACLs that were swapped: each way may have been let through without the other.
    pub(super) way: Option<Way>,
    /// What answers the other way.
    pub(super) is_answers: bool,
}

impl Strand {
    /// Whether the peer is the one that asks, or may be.
    pub(super) fn may_be_asked_by_peer(self) -> bool {
        self.way.is_none_or(|way| (way == Way::Ingress) != self.is_answers)
    }
}

/// A record that a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met<'r> {
    /// The other end.
    pub(super) peer: &'r str,
    pub(super) protocol: i32,
    pub(super) port: i32,
    /// It goes the other way, and is let through as well.
    pub(super) is_answer: bool,
    pub(super) is_from_peer: bool,
    pub(super) strand: Strand,
}

/// A record's ends, as far as a change asks for them.
struct Ends<'r> {
    protocol: i32,
    source: &'r str,
    destination: &'r str,
    source_port: i32,
    destination_port: i32,
    served_port: i32,
    /// Whether it is known who serves.
    is_clear: bool,
    direction: Option<&'r str>,
}

impl<'r> Ends<'r> {
    fn of(records: &Records<'r>, row: usize) -> Option<Self> {
        let [source, destination, packet_source, packet_destination] = records.addresses.each_ref().map(|a| a.get(row));
        let served_port = served_port(records, row);
        Some(Self {
            protocol: records.int(2, row)?,
            source: packet_source.or(source)?,
            destination: packet_destination.or(destination)?,
            source_port: records.int(0, row).unwrap_or(0),
            destination_port: records.int(1, row).unwrap_or(0),
            served_port,
            is_clear: served_port < EPHEMERAL || records.int(3, row).is_some_and(|flags| flags & SYN == SYN),
            direction: records.direction.get(row),
        })
    }

    fn met(&self, peer: &'r str, port: i32, is_answer: bool) -> Met<'r> {
        Met { peer, protocol: self.protocol, port, is_answer, is_from_peer: peer == self.source, strand: Strand::default() }
    }

    /// Of a route, a gateway or an address.
    fn of_way(&self, is_meant: impl Fn(&str) -> bool) -> Option<Met<'r>> {
        let peer = match self.direction {
            Some("ingress") => self.source,
            Some("egress") => self.destination,
            _ => [self.source, self.destination].into_iter().find(|end| is_meant(end))?,
        };
        is_meant(peer).then(|| self.met(peer, self.served_port, false))
    }

    /// Of a rule: of ingress the peer asks and the interface serves; of egress the other way round.
    fn of_rule(&self, door: &Door, is_meant: impl Fn(&str) -> bool) -> Option<Met<'r>> {
        let is_in = |port: i32| door.ports.is_none_or(|(first, last)| (first..=last).contains(&port));
        let (asks, asker, server) = match door.course {
            Course::Egress => ("egress", self.destination, self.source),
            _ => ("ingress", self.source, self.destination),
        };
        if is_in(self.destination_port) && self.direction.is_none_or(|way| way == asks) && is_meant(asker) {
            return Some(self.met(asker, self.destination_port, false));
        }
        let answers = is_in(self.source_port) && self.direction.is_none_or(|way| way != asks) && is_meant(server);
        answers.then(|| self.met(server, self.source_port, true))
    }

    /// Of groups or ACLs that were swapped. Where the record does not say which way it went, either end may be the peer: which one was the interface's
    /// own, all records tell together.
    fn of_swap(&self, course: Course) -> [Option<Met<'r>>; 2] {
        let may_be = |way: &str| self.direction.is_none_or(|direction| direction == way);
        [may_be("ingress").then(|| self.swapped(course, true)), may_be("egress").then(|| self.swapped(course, false))]
    }

    fn swapped(&self, course: Course, is_from_peer: bool) -> Met<'r> {
        let peer = if is_from_peer { self.source } else { self.destination };
        // Where it is not known who serves, whoever sends is held to ask: what is refused is no answer then.
        let is_answer = self.is_clear && self.served_port == self.source_port && self.source_port != self.destination_port;
        let is_sent = course == Course::Sent;
        let is_ingress = if is_sent { is_from_peer } else { is_from_peer != is_answer };
        let way = Some(if is_ingress { Way::Ingress } else { Way::Egress });
        let strand = Strand { way, is_answers: is_sent && is_answer };
        Met { peer, protocol: self.protocol, port: self.served_port, is_answer: is_answer && !is_sent, is_from_peer, strand }
    }
}

/// What a record is to a change, if the change is about it: of two readings one may be of its interface.
pub(super) fn readings<'r>(door: &Door, about: &About, records: &Records<'r>, row: usize) -> [Option<Met<'r>>; 2] {
    if door.protocol.is_some_and(|wanted| records.int(2, row) != Some(wanted)) {
        return [None, None];
    }
    let Some(ends) = Ends::of(records, row) else { return [None, None] };
    let is_meant = |peer: &str| door.is_about(&about.peers, peer);
    match door.course {
        Course::Both => [ends.of_way(is_meant), None],
        Course::Ingress | Course::Egress => [ends.of_rule(door, is_meant), None],
        Course::Asked | Course::Sent => ends.of_swap(door.course).map(|met| met.filter(|met| is_meant(met.peer))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "198.51.100.9";
    const OWN: &str = "10.0.0.5";

    fn ends(between: [(&'static str, i32); 2], direction: Option<&'static str>) -> Ends<'static> {
        let [(source, source_port), (destination, destination_port)] = between;
        let served_port = source_port.min(destination_port);
        Ends { protocol: 6, source, destination, source_port, destination_port, served_port, is_clear: served_port < EPHEMERAL, direction }
    }

    /// Peer, port, way, and whether it answers, of each reading.
    fn told(ends: &Ends<'static>, course: Course) -> Vec<(&'static str, i32, Way, bool)> {
        let of = |met: Met<'static>| Some((met.peer, met.port, met.strand.way?, met.strand.is_answers || met.is_answer));
        ends.of_swap(course).into_iter().flatten().filter_map(of).collect()
    }

    #[test]
    fn of_groups_answers_are_told_with_what_was_asked() {
        let (asks, answers) = ([(PEER, 50_000), (OWN, 22)], [(OWN, 22), (PEER, 50_000)]);
        assert_eq!(told(&ends(asks, Some("ingress")), Course::Asked), [(PEER, 22, Way::Ingress, false)]);
        assert_eq!(told(&ends(answers, Some("egress")), Course::Asked), [(PEER, 22, Way::Ingress, true)]);
        let (asks, answers) = ([(OWN, 50_000), (PEER, 443)], [(PEER, 443), (OWN, 50_000)]);
        assert_eq!(told(&ends(asks, Some("egress")), Course::Asked), [(PEER, 443, Way::Egress, false)]);
        assert_eq!(told(&ends(answers, Some("ingress")), Course::Asked), [(PEER, 443, Way::Egress, true)]);
    }

    #[test]
    fn of_acls_answers_go_their_own_way() {
        let (asks, answers) = ([(OWN, 50_000), (PEER, 443)], [(PEER, 443), (OWN, 50_000)]);
        assert_eq!(told(&ends(asks, Some("egress")), Course::Sent), [(PEER, 443, Way::Egress, false)]);
        assert_eq!(told(&ends(answers, Some("ingress")), Course::Sent), [(PEER, 443, Way::Ingress, true)]);
    }

    #[test]
    fn of_two_high_ports_whoever_sends_asks() {
        let (one, other) = ([(OWN, 40_000), (PEER, 50_000)], [(PEER, 50_000), (OWN, 40_000)]);
        assert_eq!(told(&ends(one, Some("egress")), Course::Asked), [(PEER, 40_000, Way::Egress, false)]);
        assert_eq!(told(&ends(other, Some("ingress")), Course::Asked), [(PEER, 40_000, Way::Ingress, false)]);
    }

    /// Both readings of both records agree on who asks.
    #[test]
    fn without_a_direction_either_end_may_be_the_peer() {
        let (asks, answers) = ([(PEER, 50_000), (OWN, 22)], [(OWN, 22), (PEER, 50_000)]);
        for course in [Course::Asked, Course::Sent] {
            for between in [asks, answers] {
                let met: Vec<Met<'static>> = ends(between, None).of_swap(course).into_iter().flatten().collect();
                let asked_by: Vec<&str> = met.iter().filter(|met| met.strand.may_be_asked_by_peer()).map(|met| met.peer).collect();
                assert_eq!((met.len(), asked_by), (2, vec![PEER]), "{course:?}");
            }
        }
        assert!(Strand::default().may_be_asked_by_peer());
    }
}
