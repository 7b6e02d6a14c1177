//! Conversations about a change: what was refused and let through before and after it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::Serialize;

use super::doors::{Course, Door, Scope};
use super::met::{Met, Strand, Way, readings};
use super::open::Open;
use super::ties::{About, Through};
use crate::flows::{Numbers, Owns, Records, Side, shown};

/// Start and end of a record may each be so many seconds off (VPC user guide, "Flow log records").
const OFF: i64 = 60;
/// Conversations told of one change.
const TOLD: usize = 10;
/// Conversations remembered of one change.
pub(super) const REMEMBERED: usize = 100_000;

/// Why a conversation may have nothing to do with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coincidence {
    /// No evidence ties the interface to what was changed.
    NotTied,
    /// Its VPC is all that ties it.
    OnlyVpc,
    /// A listing says that its subnet had what was changed, or the instance the interface, and does not say when.
    OnlyListed,
    /// The instance had several interfaces, and the call does not say which it is about.
    OneOfSeveral,
    /// Flow logs have nothing of the interface from before: it may have been let through then.
    NotSeenBefore,
    /// It only began after: nothing of it was refused, or without an answer, before.
    OnlyBegan,
    /// After the change it first went on as before.
    WentOn,
}

/// A conversation that a change let in or cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Why it may have nothing to do with the change. Where this is empty, it is certain that an interface tied to what was changed had the same
    /// conversation refused, or without an answer, before and let through after, or the reverse; that the change is the cause is not said.
    pub coincident: Vec<Coincidence>,
    /// The interface.
    pub interface_id: String,
    /// Citation of what ties the interface to what was changed, or to its subnet or VPC; `null` where none does, and only the times coincide.
    pub tied_by: Option<String>,
    /// What it has in common with what was changed.
    pub through: Option<Through>,
    /// Whether flow logs have any record of the interface from before the change: without one nobody knows that it was not let through before.
    pub seen_before: bool,
    /// The other end.
    pub peer: String,
    /// IANA protocol number.
    pub protocol: i32,
    /// The port.
    pub port: i32,
    /// Of whole groups and network ACLs that were swapped, which way rules go that let it through: of groups, `ingress` is what the peer asked for; of
    /// network ACLs, which are asked of answers as well, what the peer sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
    /// It is what answered, of a network ACL that was swapped: the port is that of whoever sent it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_answers: bool,
    /// Refused before the change.
    pub rejected_before: Side,
    /// Let through before it.
    pub accepted_before: Side,
    /// Let through after it; with the answers that went the other way.
    pub accepted_after: Side,
    /// Refused after it.
    pub rejected_after: Side,
    /// Of what was let through before, what came from the peer: of routes, gateways and public addresses, whose lack refuses nothing, but leaves
    /// without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_before: Option<Side>,
    /// The same after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_after: Option<Side>,
    /// Start of the first record let through after it; of one refused or without an answer, where it was closed. Up to 60 s off.
    pub first_start: String,
    /// Citation of that record.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// Interface, peer, protocol, port, and which of their records.
pub(super) type Conversation = (u32, u32, i32, i32, Strand);

/// The same, and whether a record says which way it went.
type Key = (Conversation, bool);

/// A record: start, evidence, number.
type First = (i64, String, i64);

#[derive(Debug, Default)]
pub(super) struct Sums {
    rejected_before: Side,
    pub(super) accepted_before: Side,
    accepted_after: Side,
    rejected_after: Side,
    pub(super) received_before: Side,
    received_after: Side,
    /// The first that the change is about.
    first: Option<First>,
    /// The first that was sent after it, of which no answer may have come.
    first_sent: Option<First>,
    /// Start of the first after it that went as before.
    first_as_before: Option<i64>,
}

impl Sums {
    fn join(&mut self, other: Self) {
        let pairs = [
            (&mut self.rejected_before, &other.rejected_before),
            (&mut self.accepted_before, &other.accepted_before),
            (&mut self.accepted_after, &other.accepted_after),
            (&mut self.rejected_after, &other.rejected_after),
            (&mut self.received_before, &other.received_before),
            (&mut self.received_after, &other.received_after),
        ];
        pairs.into_iter().for_each(|(own, other)| own.add(other));
        self.first = [self.first.take(), other.first].into_iter().flatten().min();
        self.first_sent = [self.first_sent.take(), other.first_sent].into_iter().flatten().min();
        self.first_as_before = [self.first_as_before, other.first_as_before].into_iter().flatten().min();
    }

    /// The record that shows the change, where one does. A rule lets through or refuses. Without a route or an address nothing is refused: what is sent
    /// goes out, and nothing comes back.
    fn shows(&self, door: &Door) -> Option<&First> {
        match (door.opens, door.course) {
            (true, Course::Both) => self.first.as_ref().filter(|_| self.received_before.records == 0),
            (true, _) => self.first.as_ref().filter(|_| self.accepted_before.records == 0),
            (false, Course::Both) if self.received_before.records > 0 => {
                let unanswered = self.first_sent.as_ref().filter(|_| self.received_after.records == 0);
                self.first.iter().chain(unanswered).min()
            }
            (false, Course::Both) => None,
            (false, _) => self.first.as_ref().filter(|_| self.accepted_before.records > 0),
        }
    }

    /// Whether it was the other way before.
    fn is_turned(&self, door: &Door) -> bool {
        // What is closed is told only where something was let through.
        !door.opens || self.rejected_before.records > 0 || (door.course == Course::Both && self.accepted_before.records > 0)
    }

    /// Whether answers are to be told. They begin where somebody asks, and what comes late is refused at all times.
    fn is_wholly_turned(&self, door: &Door) -> bool {
        if door.opens { self.rejected_before.records > 0 } else { self.accepted_after.records == 0 }
    }
}

/// What was met of a rule's traffic.
#[derive(Debug, Default)]
pub(super) struct Passages {
    sums: HashMap<Key, Sums>,
    /// There was more than is remembered.
    is_cut: bool,
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

/// What is told of a change.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) passages: Vec<Passage>,
    /// How many more there are.
    pub(super) more: u64,
    /// How many of all are certain.
    pub(super) certain: u64,
    /// How many are not, by why: one may have several reasons.
    pub(super) coincident: Vec<(Coincidence, u64)>,
    /// There were too many conversations to look at.
    pub(super) is_cut: bool,
}

impl Passages {
    /// Takes a record, if the change is about it.
    pub(super) fn take(&mut self, (door, about): (&Door, &About), records: &Records<'_>, row: usize, ends: &mut Ends) {
        for met in readings(door, about, records, row).into_iter().flatten() {
            self.take_met((door, about), &met, (records, row), ends);
        }
    }

    fn take_met(&mut self, (door, about): (&Door, &About), met: &Met<'_>, (records, row): (&Records<'_>, usize), ends: &mut Ends) {
        let Some(second) = about.second(records.interface(row), door) else { return };
        let (Some(start), Some(end)) = (records.start(row), records.end(row)) else { return };
        if !door.is_between((start, end), OFF) {
            return;
        }
        let is_accepted = match records.action.get(row) {
            Some("ACCEPT") => true,
            Some("REJECT") => false,
            _ => return,
        };
        let has_way = records.direction.get(row).is_some();
        let (interface, peer) = (ends.names.number(records.interface(row)), ends.names.number(met.peer));
        let key = ((interface, peer, met.protocol, met.port, met.strand), has_way);
        if self.sums.len() >= REMEMBERED && !self.sums.contains_key(&key) {
            self.is_cut = true;
            return;
        }
        let sums = self.sums.entry(key).or_default();
        // What may have ended before is before; what was let through may only have been so after.
        let is_before = if is_accepted == door.opens { end < second } else { start <= second + OFF };
        let own = Side { records: 1, packets: records.long(0, row), bytes: records.long(1, row) };
        let (side, received) = match (is_accepted, is_before) {
            (true, true) => (&mut sums.accepted_before, Some(&mut sums.received_before)),
            (true, false) => (&mut sums.accepted_after, Some(&mut sums.received_after)),
            (false, true) => (&mut sums.rejected_before, None),
            (false, false) => (&mut sums.rejected_after, None),
        };
        side.add(&own);
        let is_received = door.course == Course::Both && met.is_from_peer;
        if let Some(received) = received.filter(|_| is_received) {
            received.add(&own);
        }
        if is_before {
            return;
        }
        // Of what opens a way, what comes from the peer shows that it is open; of what closes one, what is sent may show that it is not.
        let is_both = door.course == Course::Both;
        let shows = if is_both { !door.opens || met.is_from_peer } else { !met.is_answer };
        let this = || {
            let (evidence, index) = records.place(row);
            (start, evidence.to_owned(), index)
        };
        if is_accepted == door.opens && shows {
            keep_first(&mut sums.first, start, this);
        } else if is_both && is_accepted && !door.opens && !met.is_from_peer {
            keep_first(&mut sums.first_sent, start, this);
        } else if is_accepted != door.opens && (!is_both || !is_accepted || met.is_from_peer) && !met.is_answer {
            sums.first_as_before = Some(sums.first_as_before.map_or(start, |first| first.min(start)));
        }
    }

    /// What the change let in or cut off: what is certain first, then that of tied interfaces, then by bytes.
    pub(super) fn told(self, door: &Door, ends: &Ends, about: &About, seen_before: &dyn Fn(&str) -> bool) -> Told {
        let is_cut = self.is_cut;
        let met = self.conversations(ends);
        let open = Open::before(door, &met);
        let passage = |(conversation, sums): (Conversation, Sums)| {
            let (interface, peer, protocol, port, strand) = conversation;
            let is_turned = sums.is_turned(door);
            let is_told = (!strand.is_answers || sums.is_wholly_turned(door)) && (is_turned || !open.has(conversation));
            let (start, evidence, index) = sums.shows(door).filter(|_| is_told)?;
            let (interface_id, peer) = (ends.names.text(interface).to_owned(), ends.names.text(peer).to_owned());
            let tie = about.ties.get(&interface_id);
            let seen_before = seen_before(&interface_id);
            let reasons = [
                (Coincidence::NotTied, tie.is_none()),
                // A gateway of the VPC is one of all its interfaces.
                (Coincidence::OnlyVpc, door.scope != Scope::Vpc && tie.is_some_and(|tie| tie.through == Through::Vpc)),
                (Coincidence::OnlyListed, tie.is_some_and(|tie| tie.doubt == Some(Coincidence::OnlyListed))),
                (Coincidence::OneOfSeveral, tie.is_some_and(|tie| tie.doubt == Some(Coincidence::OneOfSeveral))),
                (Coincidence::NotSeenBefore, !seen_before),
                (Coincidence::OnlyBegan, seen_before && !is_turned),
                (Coincidence::WentOn, sums.first_as_before.is_some_and(|as_before| as_before < *start)),
            ];
            let is_both = door.course == Course::Both;
            Some(Passage {
                coincident: reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect(),
                tied_by: tie.map(|tie| tie.reference.clone()),
                through: tie.map(|tie| tie.through),
                seen_before,
                interface_id,
                peer,
                protocol,
                port,
                direction: strand.way,
                is_answers: strand.is_answers,
                rejected_before: sums.rejected_before,
                accepted_before: sums.accepted_before,
                accepted_after: sums.accepted_after,
                rejected_after: sums.rejected_after,
                received_before: is_both.then_some(sums.received_before),
                received_after: is_both.then_some(sums.received_after),
                first_start: shown(*start),
                reference: format!("{evidence}#{index}"),
            })
        };
        let mut all: Vec<Passage> = met.into_iter().filter_map(passage).collect();
        // The next sort keeps this order among equals.
        let order = |p: &Passage| (p.protocol, p.port, p.direction, p.is_answers);
        all.sort_by(|a, b| (&a.interface_id, &a.peer, order(a)).cmp(&(&b.interface_id, &b.peer, order(b))));
        all.sort_by_key(|p| {
            let (is_tied, only_began) = (p.tied_by.is_some(), p.coincident.contains(&Coincidence::OnlyBegan) || !p.seen_before);
            (!p.coincident.is_empty(), !is_tied, only_began, Reverse(p.accepted_after.bytes.max(p.rejected_after.bytes)))
        });
        let certain = all.iter().filter(|p| p.coincident.is_empty()).count() as u64;
        let mut coincident: BTreeMap<Coincidence, u64> = BTreeMap::new();
        all.iter().flat_map(|p| &p.coincident).for_each(|reason| *coincident.entry(*reason).or_default() += 1);
        let more = all.len().saturating_sub(TOLD) as u64;
        all.truncate(TOLD);
        Told { passages: all, more, certain, coincident: coincident.into_iter().collect(), is_cut }
    }

    /// The sums of each conversation, whether its records say which way they went or not. Where none says so, an interface's own address is no peer of
    /// it; where that is not known either, whoever asks is the peer.
    fn conversations(self, ends: &Ends) -> HashMap<Conversation, Sums> {
        let mut all: HashMap<Conversation, Sums> = HashMap::new();
        for ((conversation, has_way), sums) in self.sums {
            let (interface, peer, .., strand) = conversation;
            let is_peer = || match ends.own.of(interface, [peer, peer], &ends.names) {
                Some(own) => own != peer,
                None => strand.may_be_asked_by_peer(),
            };
            if has_way || is_peer() {
                all.entry(conversation).or_default().join(sums);
            }
        }
        all
    }
}

fn keep_first(kept: &mut Option<First>, start: i64, this: impl FnOnce() -> First) {
    if kept.as_ref().is_none_or(|kept| start <= kept.0) {
        let this = this();
        *kept = kept.take().into_iter().chain([this]).min();
    }
}
