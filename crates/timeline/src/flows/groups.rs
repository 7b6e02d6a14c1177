//! Sums as answers group them: by conversation, interface, instance, peer or port.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use backtrail_model::time::MICROS_PER_SECOND;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::address::side;
use super::row::ABSENT;
use super::shards::Shard;
use super::sums::{Action, Counted, Key, Side, Sum, Sums, Way};
use super::{FlowGrouping, Talker, shown};
use crate::interfaces::{Holding, Interfaces};

/// What answers group by, by the numbers of the texts; [`ABSENT`] and -1 stand for what they do not go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Group {
    interface: u32,
    /// The instance or service that had the interface.
    who: u32,
    /// Its security groups, one text for all of them.
    groups: u32,
    /// The other end; the source, where nobody knows which end is the interface's.
    peer: u32,
    /// The destination, where nobody knows.
    other: u32,
    protocol: i32,
    port: i32,
}

impl Default for Group {
    fn default() -> Self {
        Self { interface: ABSENT, who: ABSENT, groups: ABSENT, peer: ABSENT, other: ABSENT, protocol: -1, port: -1 }
    }
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

/// What groups are put in order by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    bytes: u64,
    records: u64,
}

impl Weight {
    fn of(side: &Side) -> Self {
        Self { bytes: side.bytes, records: side.records }
    }

    fn joined(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), records: self.records + other.records }
    }
}

impl Summed {
    /// Of traffic of no group in particular.
    fn of(way: Way, key: &Key, sum: &Sum) -> Self {
        let mut summed = Self {
            sides: [Side::default(); 5],
            first: sum.first,
            last: sum.last,
            evidence: sum.evidence,
            index: sum.index,
            near: None,
            service: None,
        };
        summed.sides[side_of(way, key.action)] = sum.side;
        summed
    }

    fn weight(&self) -> Weight {
        self.sides.iter().map(Weight::of).fold(Weight::default(), Weight::joined)
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

/// Something of each of some groups.
type Part<V> = HashMap<Group, V>;

impl Sums {
    /// The groups with the most bytes, then those with the most records; as many as are asked for.
    ///
    /// There may be a group for nearly each record, and few are shown: then those are found by what orders them, and only of those all is summed.
    pub(super) fn groups(&self, by: FlowGrouping, limit: Option<usize>) -> Groups {
        let whole = |key: &Key, sum: &Sum| self.summed(by, key, sum);
        let join = |a, b| self.joined(a, b);
        let (count, most) = match limit {
            None => self.most(self.parts(by, |key, sum| Some(whole(key, sum)), join), None, Summed::weight),
            Some(_) => {
                let weights = self.parts(by, |key, sum| Some((self.group(by, key, self.way(key)), Weight::of(&sum.side))), Weight::joined);
                let (count, heaviest) = self.most(weights, limit, |weight| *weight);
                let shown: HashSet<Group> = heaviest.into_iter().map(|(group, _)| group).collect();
                let of_shown = |key: &Key, sum: &Sum| shown.contains(&self.group(by, key, self.way(key))).then(|| whole(key, sum));
                (count, self.most(self.parts(by, of_shown, join), None, Summed::weight).1)
            }
        };
        self.told(count, &most, self.total())
    }

    /// The same, of some of the sums.
    pub(super) fn groups_of<'s>(&self, sums: impl IntoIterator<Item = (&'s Key, &'s Sum)>, by: FlowGrouping, limit: usize) -> Groups {
        let mut groups = Part::new();
        let mut total = None;
        for (key, sum) in sums {
            let (group, summed) = self.summed(by, key, sum);
            add(&mut groups, group, summed, &|a, b| self.joined(a, b));
            let of_none = Summed { near: None, service: None, ..summed };
            total = Some(total.map_or(of_none, |total| self.joined(total, of_none)));
        }
        let (count, most) = self.most(vec![groups], Some(limit), Summed::weight);
        self.told(count, &most, total)
    }

    /// Everything.
    fn total(&self) -> Option<Summed> {
        let of_shard = |shard: &Shard| {
            let each = shard.sums.iter().map(|(key, sum)| Summed::of(self.way(key), key, sum));
            each.reduce(|a, b| self.joined(a, b))
        };
        self.shards.par_iter().filter_map(of_shard).reduce_with(|a, b| self.joined(a, b))
    }

    /// Something of each group of the sums of which there is any. No group is in two parts.
    fn parts<V: Copy + Send + Sync>(
        &self,
        by: FlowGrouping,
        of: impl Fn(&Key, &Sum) -> Option<(Group, V)> + Sync,
        join: impl Fn(V, V) -> V + Sync,
    ) -> Vec<Part<V>> {
        let of_shard = |shard: &Shard| {
            let mut groups = Part::new();
            shard.sums.iter().filter_map(|(key, sum)| of(key, sum)).for_each(|(group, value)| add(&mut groups, group, value, &join));
            groups
        };
        let parts: Vec<Part<V>> = self.shards.par_iter().map(of_shard).collect();
        // No two shards have the same interface.
        if matches!(by, FlowGrouping::Conversation | FlowGrouping::Interface) { parts } else { merged(&parts, &join) }
    }

    /// The groups that come first, in order, and how many there are in all.
    fn most<V: Copy + Send>(
        &self,
        parts: Vec<Part<V>>,
        limit: Option<usize>,
        weight: impl Fn(&V) -> Weight + Sync,
    ) -> (u64, Vec<(Group, V)>) {
        let limit = limit.unwrap_or(usize::MAX);
        let order = |(a, x): &(Group, V), (b, y): &(Group, V)| weight(y).cmp(&weight(x)).then_with(|| self.order(a, b));
        let count = parts.iter().map(|part| part.len() as u64).sum();
        let most_of = |part: Part<V>| {
            let mut most: Vec<(Group, V)> = part.into_iter().collect();
            if limit < most.len() {
                if limit > 0 {
                    most.select_nth_unstable_by(limit, order);
                }
                most.truncate(limit);
            }
            most
        };
        let mut most: Vec<(Group, V)> = parts.into_par_iter().flat_map_iter(most_of).collect();
        most.par_sort_unstable_by(order);
        most.truncate(limit);
        (count, most)
    }

    /// Two groups of one weight, by their texts.
    fn order(&self, a: &Group, b: &Group) -> Ordering {
        let text = |number: u32| (number != ABSENT).then(|| self.names.text(number));
        // A text is looked at where the ones before it are the same.
        let by = |of: fn(&Group) -> u32| if of(a) == of(b) { Ordering::Equal } else { text(of(a)).cmp(&text(of(b))) };
        by(|group| group.interface)
            .then_with(|| by(|group| group.who))
            .then_with(|| by(|group| group.groups))
            .then_with(|| by(|group| group.peer))
            .then_with(|| by(|group| group.other))
            .then_with(|| (a.protocol, a.port).cmp(&(b.protocol, b.port)))
    }

    /// A sum as that of its group.
    fn summed(&self, by: FlowGrouping, key: &Key, sum: &Sum) -> (Group, Summed) {
        let (own, way) = self.own_and_way(key);
        let (near, far) = ends(key, way);
        let group = self.group(by, key, way);
        let has_address = !matches!(by, FlowGrouping::Peer | FlowGrouping::Port) && way != Way::Unknown;
        let near = has_address.then(|| own.unwrap_or(near));
        let service = if group.peer == ABSENT { None } else { self.services.get(&far).copied() };
        (group, Summed { near, service, ..Summed::of(way, key, sum) })
    }

    /// Two sums as one: whatever comes first, the same.
    fn joined(&self, mut a: Summed, b: Summed) -> Summed {
        a.sides.iter_mut().zip(b.sides).for_each(|(a, b)| a.add(&b));
        let by_place = || {
            if a.evidence == b.evidence { b.index < a.index } else { self.names.text(b.evidence) < self.names.text(a.evidence) }
        };
        if b.first < a.first || (b.first == a.first && by_place()) {
            (a.first, a.evidence, a.index) = (b.first, b.evidence, b.index);
        }
        a.last = a.last.max(b.last);
        let least =
            |x: Option<u32>, y: Option<u32>| if x == y { x } else { [x, y].into_iter().flatten().min_by_key(|n| self.names.text(*n)) };
        (a.near, a.service) = (least(a.near, b.near), least(a.service, b.service));
        a
    }

    /// The groups as they are told.
    fn told(&self, count: u64, most: &[(Group, Summed)], total: Option<Summed>) -> Groups {
        Groups {
            shown: most.par_iter().map(|(group, summed)| self.talker(group, summed)).collect(),
            spans: most.iter().map(|(_, summed)| (summed.first, summed.last)).collect(),
            count,
            all: total.map(|total| self.counted(&total)).unwrap_or_default(),
        }
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

    fn talker(&self, group: &Group, summed: &Summed) -> Talker {
        let text = |number: u32| (number != ABSENT).then(|| self.names.text(number).to_string());
        let peer = text(group.peer).map(|peer| match text(group.other) {
            Some(other) => format!("{peer} > {other}"),
            None => peer,
        });
        let interface_id = text(group.interface);
        let (instance_id, resource_id) = split(text(group.who));
        Talker {
            interface_id,
            instance_id,
            resource_id,
            security_groups: text(group.groups).map(|groups| groups.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            address: summed.near.and_then(text),
            peer_is: peer.as_deref().and_then(side),
            peer,
            peer_aws_service: summed.service.and_then(text),
            protocol: (group.protocol >= 0).then_some(group.protocol),
            port: (group.port >= 0).then_some(group.port),
            counted: self.counted(summed),
        }
    }

    fn group(&self, by: FlowGrouping, key: &Key, way: Way) -> Group {
        let (interface, protocol, port) = (key.interface, key.protocol.max(-1), key.port.max(-1));
        let who = || self.holder(key).who.or_else(|| self.instance(key.interface)).unwrap_or(ABSENT);
        let (peer, other) = if way == Way::Unknown { (key.source, key.destination) } else { (ends(key, way).1, ABSENT) };
        let of_interface = Group { interface, ..Group::default() };
        let of_holder = |group: Group, number: u32| if number == ABSENT { of_interface } else { group };
        match by {
            FlowGrouping::Conversation => Group { who: who(), peer, other, protocol, port, ..of_interface },
            FlowGrouping::Interface => Group { who: who(), ..of_interface },
            FlowGrouping::Instance => {
                let who = who();
                of_holder(Group { who, ..Group::default() }, who)
            }
            FlowGrouping::Group => {
                let groups = self.holder(key).groups.unwrap_or(ABSENT);
                of_holder(Group { groups, ..Group::default() }, groups)
            }
            FlowGrouping::Peer => Group { peer, other, ..Group::default() },
            FlowGrouping::Port => Group { protocol, port, ..Group::default() },
        }
    }
}

/// The interface's end of the traffic and the other one; source and destination, where nobody knows.
fn ends(key: &Key, way: Way) -> (u32, u32) {
    if way == Way::In { (key.destination, key.source) } else { (key.source, key.destination) }
}

fn add<V: Copy>(groups: &mut Part<V>, group: Group, new: V, join: &impl Fn(V, V) -> V) {
    groups.entry(group).and_modify(|known| *known = join(*known, new)).or_insert(new);
}

/// Puts the groups together that several parts have: each thread those with its hashes.
fn merged<V: Copy + Send + Sync>(parts: &[Part<V>], join: &(impl Fn(V, V) -> V + Sync)) -> Vec<Part<V>> {
    let hasher = DefaultHashBuilder::default();
    let threads = rayon::current_num_threads().max(1) as u64;
    let of_thread = |thread: u64| {
        let mut all = Part::new();
        for (group, value) in parts.iter().flatten().filter(|(group, _)| (hasher.hash_one(group) >> 32) % threads == thread) {
            add(&mut all, *group, *value, join);
        }
        all
    };
    (0..threads).into_par_iter().map(of_thread).collect()
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
