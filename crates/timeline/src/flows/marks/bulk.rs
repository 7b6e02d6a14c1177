//! Bulk egress: what an interface sends to one external peer within an hour, against what it ever sent within an hour before.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::time::MICROS_PER_HOUR;
use backtrail_model::window::Window;
use backtrail_model::words::{grouped, port_words};
use hashbrown::{HashMap, HashSet};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

use super::super::address::side;
use super::super::choice::Tallies;
use super::super::shards::Shard;
use super::super::sums::{Action, Key, Sum, Sums};
use super::super::{FlowFilters, FlowQuestion, shown};
use super::beacon::goes_out;
use super::before;
use super::thresholds::{BULK_BYTES, BULK_BYTES_WITHOUT_PAST, BULK_FEW_HOURS, BULK_PAST_HOURS, BULK_RAMP_PART, BULK_TIMES};
use super::{Arithmetic, FlowMark, FlowMarkKind};
use crate::error::TimelineError;
use crate::source::Source;

const SECONDS_PER_HOUR: i64 = 3_600;

/// Which hours a transfer is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// Hours before it.
    Before,
    /// Hours after it: there are none before it in evidence.
    After,
    /// No other hour of the interface is in evidence.
    None,
}

/// How much, and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bulk {
    /// The hour in which the most was sent.
    pub hour: String,
    /// Bytes sent to the peer in it.
    pub bytes: u64,
    /// Bytes sent to the peer in all of the window.
    pub bytes_in_window: u64,
    /// Which hours it is compared with.
    pub compared_with: Past,
    /// How many of those have records of the interface.
    pub past_hours: u64,
    /// The first of those.
    pub past_from: Option<String>,
    /// What the interface sent to all external peers in the busiest of those.
    pub past_most_bytes: u64,
    /// So many times as much; absent where it sent nothing.
    pub times: Option<u64>,
}

/// Bytes by hour since the epoch.
type Hours = BTreeMap<i64, u64>;

/// What an interface sends to a peer.
#[derive(Debug)]
struct Sent<'s> {
    interface: u32,
    peer: u32,
    /// The interface's address, protocol and port, where there is only one.
    near: u32,
    port: Option<(i32, i32)>,
    hours: Hours,
    earliest: &'s Sum,
    last: i64,
}

/// Other hours of an interface.
#[derive(Debug, Clone, Copy)]
struct Other {
    hours: usize,
    from: Option<i64>,
    most: u64,
}

/// Whether the answer's records tell what an interface sent otherwise.
pub(super) fn can_compare(filters: &FlowFilters) -> bool {
    filters.ip.is_empty() && filters.port.is_empty() && filters.action.is_empty()
}

/// What went out, and how much else, as far as the window tells.
#[derive(Debug, Default)]
pub(super) struct Egress<'s> {
    sent: Vec<Sent<'s>>,
    past: Hourly,
}

impl<'s> Egress<'s> {
    pub(super) fn of(question: &FlowQuestion, sums: &'s Sums, tallies: &Tallies) -> Self {
        if !can_compare(&question.filters) {
            return Self::default();
        }
        let sent = sent(sums);
        if sent.is_empty() {
            return Self::default();
        }
        let past = Hourly::of_window(sums, tallies, &sent.iter().map(|sent| sent.interface).collect());
        Self { sent, past }
    }

    /// Marks of what went out, the most first.
    pub(super) async fn marks(mut self, source: &Source, question: &FlowQuestion, sums: &Sums) -> Result<Vec<FlowMark>, TimelineError> {
        // The evidence before the window is read where the window says too little, and only of what would be marked by what it says.
        let is_in_want = |sent: &&Sent<'_>| {
            let before = self.past.before(sent);
            before.hours < BULK_FEW_HOURS && peak(sent).1 >= before.most.saturating_mul(BULK_TIMES)
        };
        let wanting: BTreeSet<u32> = self.sent.iter().filter(is_in_want).map(|sent| sent.interface).collect();
        if let (false, Some(window)) = (wanting.is_empty(), &question.window) {
            self.past.read_before(source, window, sums, &wanting).await?;
        }
        let mut found: Vec<(u64, FlowMark)> = self.sent.iter().filter_map(|sent| of_peer(sums, sent, &self.past)).collect();
        found.sort_unstable_by(|(x, a), (y, b)| y.cmp(x).then_with(|| (&a.interface_id, &a.peer).cmp(&(&b.interface_id, &b.peer))));
        Ok(found.into_iter().map(|(_, mark)| mark).collect())
    }
}

/// The hours in which a sum's records went out, and the bytes.
fn hours_of(sums: &Sums, outward: usize) -> impl Iterator<Item = (i64, u64)> {
    let (noted, number) = (&sums.marks.hours, u32::try_from(outward).unwrap_or(u32::MAX));
    let first = noted.partition_point(|(other, ..)| *other < number);
    noted[first..].iter().take_while(move |(other, ..)| *other == number).map(|(_, hour, bytes)| (i64::from(*hour), *bytes))
}

/// The sums of a shard that interfaces sent to external peers, and their numbers.
fn outward<'s>(sums: &'s Sums, shard: &'s Shard) -> impl Iterator<Item = (&'s Key, &'s Sum, usize)> {
    let numbered = shard.sums.iter().filter_map(|(key, sum)| Some((key, sum, sum.slots.outward()?)));
    numbered.filter(|(key, ..)| key.action != Action::Reject && goes_out(sums, key))
}

/// What interfaces send to each external peer that gets enough within some hour. No two shards have the same interface.
fn sent(sums: &Sums) -> Vec<Sent<'_>> {
    sums.shards.par_iter().flat_map_iter(|shard| sent_of(sums, shard)).collect()
}

fn sent_of<'s>(sums: &'s Sums, shard: &'s Shard) -> Vec<Sent<'s>> {
    let outward = || outward(sums, shard);
    // A peer that gets enough gets a tenth of it in one conversation.
    let large = outward().filter(|(_, sum, _)| sum.side.bytes >= BULK_BYTES / 10).map(|(key, ..)| (key.interface, key.destination));
    let mut place_of: HashMap<(u32, u32), usize> = large.map(|pair| (pair, usize::MAX)).collect();
    if place_of.is_empty() {
        return Vec::new();
    }
    let mut sent: Vec<Sent<'_>> = Vec::new();
    for (key, sum, number) in outward() {
        let Some(place) = place_of.get_mut(&(key.interface, key.destination)) else { continue };
        let port = Some((key.protocol, key.port));
        if *place == usize::MAX {
            *place = sent.len();
            let hours = Hours::new();
            sent.push(Sent {
                interface: key.interface,
                peer: key.destination,
                near: key.source,
                port,
                hours,
                earliest: sum,
                last: sum.last,
            });
        }
        let one = &mut sent[*place];
        one.port = one.port.filter(|other| Some(*other) == port);
        one.last = one.last.max(sum.last);
        if sums.names.text(key.source) < sums.names.text(one.near) {
            one.near = key.source;
        }
        if sums.place(sum) < sums.place(one.earliest) {
            one.earliest = sum;
        }
        hours_of(sums, number).for_each(|(hour, bytes)| add(&mut one.hours, hour, bytes));
    }
    sent.retain(|sent| peak(sent).1 >= BULK_BYTES);
    sent
}

fn add(hours: &mut Hours, hour: i64, bytes: u64) {
    let sum = hours.entry(hour).or_default();
    *sum = sum.saturating_add(bytes);
}

/// The hour in which the most was sent, of two the earlier, and how much that was.
fn peak(sent: &Sent<'_>) -> (i64, u64) {
    sent.hours.iter().fold((0, 0), |best, (hour, bytes)| if *bytes > best.1 { (*hour, *bytes) } else { best })
}

/// The first and last hour of the transfer around the busiest one.
fn span(sent: &Sent<'_>) -> (i64, i64) {
    let (hour, most) = peak(sent);
    let is_of_it = |hour: &i64| sent.hours.get(hour).is_some_and(|bytes| bytes.saturating_mul(BULK_RAMP_PART) >= most);
    let reach = |step: i64| (1..).map(|n| hour + n * step).take_while(is_of_it).last().unwrap_or(hour);
    (reach(-1), reach(1))
}

/// What interfaces send to all external peers, hour by hour, in the hours of which there are records.
#[derive(Debug, Default)]
struct Hourly(HashMap<u32, Hours>);

impl Hourly {
    fn of_window(sums: &Sums, tallies: &Tallies, interfaces: &HashSet<u32>) -> Self {
        let seen = tallies.hours();
        let of_shard = |shard: &Shard| {
            let mut hourly: HashMap<u32, Hours> = HashMap::new();
            for (key, _, number) in outward(sums, shard).filter(|(key, ..)| interfaces.contains(&key.interface)) {
                let hours = hourly.entry(key.interface).or_insert_with(|| {
                    // An hour of which a record says that there was nothing counts, too.
                    let of_it = seen.get(&*sums.names.text(key.interface)).into_iter().flatten().filter(|hour| **hour > i64::MIN);
                    of_it.map(|hour| (*hour, 0)).collect()
                });
                hours_of(sums, number).for_each(|(hour, bytes)| add(hours, hour, bytes));
            }
            hourly
        };
        Self(sums.shards.par_iter().flat_map_iter(of_shard).collect::<Vec<_>>().into_iter().collect())
    }

    /// Adds what interfaces sent in the day before a window.
    async fn read_before(
        &mut self,
        source: &Source,
        window: &Window,
        sums: &Sums,
        interfaces: &BTreeSet<u32>,
    ) -> Result<(), TimelineError> {
        let from = window.from().saturating_sub(BULK_PAST_HOURS.saturating_mul(MICROS_PER_HOUR));
        let Ok(before) = Window::between(from, window.from()) else { return Ok(()) };
        let own = |interface: &u32| (sums.names.text(*interface).to_string(), sums.own_of(*interface));
        let tallies = before::sent(source, &before, interfaces.iter().map(own).collect()).await?;
        for (interface, hour, bytes) in tallies.sent(&tallies.choose()) {
            if let Some(hours) = sums.names.known(interface).and_then(|interface| self.0.get_mut(&interface)) {
                add(hours, hour, bytes);
            }
        }
        Ok(())
    }

    fn of(&self, sent: &Sent<'_>, from: i64, to: i64) -> Other {
        let hours = self.0.get(&sent.interface).map(|hours| hours.range(from..to));
        let mut other = Other { hours: 0, from: None, most: 0 };
        for (hour, bytes) in hours.into_iter().flatten() {
            other = Other { hours: other.hours + 1, from: other.from.or(Some(*hour)), most: other.most.max(*bytes) };
        }
        other
    }

    /// The day before a transfer.
    fn before(&self, sent: &Sent<'_>) -> Other {
        let (first, _) = span(sent);
        self.of(sent, first - BULK_PAST_HOURS, first)
    }

    /// What a transfer is compared with.
    fn past(&self, sent: &Sent<'_>) -> (Past, Other) {
        let before = self.before(sent);
        if before.hours > 0 {
            return (Past::Before, before);
        }
        let (_, last) = span(sent);
        let after = self.of(sent, last + 1, i64::MAX);
        (if after.hours > 0 { Past::After } else { Past::None }, after)
    }
}

fn of_peer(sums: &Sums, sent: &Sent<'_>, past: &Hourly) -> Option<(u64, FlowMark)> {
    let (hour, bytes) = peak(sent);
    let (compared_with, other) = past.past(sent);
    let least = if compared_with == Past::None { BULK_BYTES_WITHOUT_PAST } else { BULK_BYTES };
    if bytes < least || bytes < other.most.saturating_mul(BULK_TIMES) {
        return None;
    }
    let bulk = Bulk {
        hour: shown(hour * SECONDS_PER_HOUR),
        bytes,
        bytes_in_window: sent.hours.values().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
        compared_with,
        past_hours: other.hours as u64,
        past_from: other.from.map(|hour| shown(hour * SECONDS_PER_HOUR)),
        past_most_bytes: other.most,
        times: bytes.checked_div(other.most),
    };
    let own = |number: u32| sums.names.text(number).to_string();
    let service = sums.services.get(&sent.peer).map(|number| own(*number));
    Some((
        bytes,
        FlowMark {
            kind: FlowMarkKind::BulkEgress,
            interface_id: Some(own(sent.interface)),
            instance_id: sums.instance(sent.interface).map(own),
            address: Some(own(sent.near)),
            peer: own(sent.peer),
            peer_is: side(&sums.names.text(sent.peer)),
            text: text(&own(sent.interface), &own(sent.peer), service.as_deref(), sent.port, &bulk),
            peer_aws_service: service,
            protocol: sent.port.map(|(protocol, _)| protocol),
            port: sent.port.map(|(_, port)| port),
            first_start: shown(sent.earliest.first),
            last_end: shown(sent.last),
            arithmetic: Arithmetic::Bulk(bulk),
            reference: sums.citation(sent.earliest),
        },
    ))
}

fn text(interface: &str, peer: &str, service: Option<&str>, port: Option<(i32, i32)>, bulk: &Bulk) -> String {
    let whose = service.map(|service| format!(", an address of AWS ({service}),")).unwrap_or_default();
    let port = port.map(|(protocol, port)| format!(" {}", port_words(protocol, Some(port)))).unwrap_or_default();
    let sent = format!("{interface} sent {} bytes to {peer}{whose}{port} in the hour of {}", grouped(bulk.bytes), bulk.hour);
    let most = grouped(bulk.past_most_bytes);
    let times = bulk.times.map(|times| format!(": {} times as much", grouped(times))).unwrap_or_default();
    let hours = |when: &str| match bulk.past_hours {
        1 => format!("in the one hour {when} with records of it, {most} bytes went to all external peers{times}"),
        n => format!("of the {n} hours {when} with records of it, the busiest had {most} bytes to all external peers{times}"),
    };
    match bulk.compared_with {
        Past::Before => format!("{sent}; {}.", hours("before")),
        Past::After => format!("{sent}; no hour before is in evidence; {}.", hours("after")),
        Past::None => format!("{sent}; no other hour of the interface is in evidence."),
    }
}
