//! Sums as answers group them: by conversation, interface, instance, peer or port.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use backtrail_model::time::MICROS_PER_SECOND;
use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap};
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::address::side;
use super::shards::Shard;
use super::sums::{Action, Counted, Key, Side, Sum, Sums, Way};
use super::{FlowGrouping, Talker, shown};
use crate::interfaces::{Holding, Interfaces};

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
    /// Of each that is shown, the earliest start and the latest end.
    spans: Vec<(i64, i64)>,
    pub(super) count: u64,
    pub(super) all: Counted,
}

impl Groups {
    /// Whether records do not say of all interfaces who had them.
    pub(super) fn lack_holders(&self) -> bool {
        self.shown.iter().any(lacks_holder)
    }

    /// Names who had an interface by what calls and listings say, where records do not.
    pub(super) fn name_holders(&mut self, known: &Interfaces) {
        for (talker, span) in self.shown.iter_mut().zip(&self.spans).filter(|(talker, _)| lacks_holder(talker)) {
            let who = talker.interface_id.as_deref().and_then(|interface| only_holder(interface, *span, known));
            (talker.instance_id, talker.resource_id) = split(who);
        }
    }
}

fn lacks_holder(talker: &Talker) -> bool {
    talker.interface_id.is_some() && talker.instance_id.is_none() && talker.resource_id.is_none()
}

/// Whoever has an interface as an instance or as something else.
fn split(who: Option<String>) -> (Option<String>, Option<String>) {
    if who.as_ref().is_some_and(|who| who.starts_with("i-")) { (who, None) } else { (None, who) }
}

/// Some of the groups.
type Part = HashMap<Group, Summed>;

impl Sums {
    /// The groups with the most bytes, then those with the most records; as many as are asked for.
    pub(super) fn groups(&self, by: FlowGrouping, limit: Option<usize>) -> Groups {
        let of_shard = |shard: &Shard| {
            // Nearly each sum is a conversation of its own.
            let many = if by == FlowGrouping::Conversation { shard.sums.len() / 2 } else { 0 };
            let mut groups = Part::with_capacity(many);
            shard.sums.iter().for_each(|(key, sum)| self.add_to(&mut groups, by, key, sum));
            groups
        };
        let parts: Vec<Part> = self.shards.par_iter().map(of_shard).collect();
        // No two shards have the same interface.
        let parts = if matches!(by, FlowGrouping::Conversation | FlowGrouping::Interface) { parts } else { self.merged(&parts) };
        self.sorted(parts, limit)
    }

    /// The same, of some of the sums.
    pub(super) fn groups_of<'s>(&self, sums: impl IntoIterator<Item = (&'s Key, &'s Sum)>, by: FlowGrouping, limit: usize) -> Groups {
        let mut groups = Part::new();
        sums.into_iter().for_each(|(key, sum)| self.add_to(&mut groups, by, key, sum));
        self.sorted(vec![groups], Some(limit))
    }

    /// Puts the groups together that several shards have: each thread those with its hashes.
    fn merged(&self, parts: &[Part]) -> Vec<Part> {
        let hasher = DefaultHashBuilder::default();
        let threads = rayon::current_num_threads().max(1) as u64;
        let of_thread = |thread: u64| {
            let mut all = Part::new();
            for (group, summed) in parts.iter().flatten().filter(|(group, _)| (hasher.hash_one(group) >> 32) % threads == thread) {
                self.add_group(&mut all, *group, *summed);
            }
            all
        };
        (0..threads).into_par_iter().map(of_thread).collect()
    }

    fn sorted(&self, parts: Vec<Part>, limit: Option<usize>) -> Groups {
        let limit = limit.unwrap_or(usize::MAX);
        let most_of = |part: Part| {
            let count = part.len() as u64;
            let all = part.values().copied().reduce(|a, b| self.joined(a, b));
            let mut most: Vec<(Group, Summed)> = part.into_iter().collect();
            if limit < most.len() {
                if limit > 0 {
                    most.select_nth_unstable_by(limit, |a, b| self.order(a, b));
                }
                most.truncate(limit);
            }
            (count, all, most)
        };
        let parts: Vec<_> = parts.into_par_iter().map(most_of).collect();
        let count = parts.iter().map(|(count, ..)| count).sum();
        let all = parts.iter().filter_map(|(_, all, _)| *all).reduce(|a, b| self.joined(a, b));
        let mut most: Vec<(Group, Summed)> = parts.into_iter().flat_map(|(.., most)| most).collect();
        most.par_sort_unstable_by(|a, b| self.order(a, b));
        most.truncate(limit);
        Groups {
            shown: most.par_iter().map(|(group, summed)| self.talker(group, summed)).collect(),
            spans: most.iter().map(|(_, summed)| (summed.first, summed.last)).collect(),
            count,
            all: all.map(|all| self.counted(&all)).unwrap_or_default(),
        }
    }

    fn order(&self, (a, x): &(Group, Summed), (b, y): &(Group, Summed)) -> Ordering {
        (y.bytes(), y.records()).cmp(&(x.bytes(), x.records())).then_with(|| self.texts(a).cmp(&self.texts(b)))
    }

    fn add_to(&self, groups: &mut Part, by: FlowGrouping, key: &Key, sum: &Sum) {
        let (own, way) = self.own_and_way(key);
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
        self.add_group(groups, group, new);
    }

    fn add_group(&self, groups: &mut Part, group: Group, new: Summed) {
        match groups.entry(group) {
            Entry::Occupied(mut summed) => *summed.get_mut() = self.joined(*summed.get(), new),
            Entry::Vacant(place) => _ = place.insert(new),
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

    fn talker(&self, group: &Group, summed: &Summed) -> Talker {
        let text = |number: Option<u32>| number.map(|n| self.names.text(n).to_owned());
        let peer = group.peer.map(|(one, other)| match other {
            Some(other) => format!("{} > {}", self.names.text(one), self.names.text(other)),
            None => self.names.text(one).to_owned(),
        });
        let interface_id = text(group.interface);
        let (instance_id, resource_id) = split(text(group.who));
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
        let holder = self.holder(key);
        let named = || self.instance(key.interface);
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

/// Who had an interface during all of its traffic, where that was one alone.
fn only_holder(interface: &str, (first, last): (i64, i64), known: &Interfaces) -> Option<String> {
    let micros = |seconds: i64| seconds.saturating_mul(MICROS_PER_SECOND);
    let (from, to) = (micros(first), micros(last.saturating_add(1)));
    let mut all = known.of_interface(interface).filter(|holding| holding.is_between(from, to));
    let holder = |holding: &Holding| holding.instance_id.clone().or_else(|| holding.resource_id.clone());
    let one = holder(all.next()?)?;
    all.all(|other| holder(other).as_ref() == Some(&one)).then_some(one)
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
