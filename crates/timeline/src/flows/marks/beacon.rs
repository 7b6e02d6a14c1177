//! Beacons: calls to an external peer in equal steps, mostly of equal size.

use std::collections::BTreeMap;

use backtrail_model::words::port_words;
use hashbrown::HashMap;
use serde::Serialize;

use super::super::address::side;
use super::super::shown;
use super::super::sums::{Action, Key, Sum, Sums};
use super::noted::Call;
use super::thresholds::{
    BEACON_ALIKE_PERCENT, BEACON_BURST, BEACON_CALLS, BEACON_GOES_ON, BEACON_REGULAR_PERCENT, BEACON_SHORTEST, BEACON_SIZE_PART,
    BEACON_TOLERANCE_MOST, BEACON_TOLERANCE_PART,
};
use super::{Arithmetic, FlowMark, FlowMarkKind, median, percent};

/// How regular calls are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beacon {
    /// Whether the calls were let through: `ACCEPT` or `REJECT`, as far as records say.
    pub action: Option<&'static str>,
    /// Calls: what starts together is one, and what goes on is none.
    pub calls: u64,
    /// Records they consist of.
    pub records: u64,
    /// Ports of the caller: one for each connection.
    pub own_ports: u64,
    /// The middle one of the gaps between the starts of two calls.
    pub median_gap_seconds: u32,
    /// By so much may a gap be off.
    pub tolerance_seconds: u32,
    /// Gaps that are off by no more.
    pub regular_gaps: u64,
    /// Gaps in all.
    pub gaps: u64,
    /// Of a hundred.
    pub regular_percent: u64,
    /// The middle one of what calls send out.
    pub median_bytes: u32,
    /// Calls that send as much, give or take a tenth.
    pub alike_calls: u64,
    /// Of a hundred.
    pub alike_percent: u64,
}

/// Who calls whom: interface, source, destination, protocol, port, action.
type Line = (u32, u32, u32, i32, i32, Action);

/// The records of a line.
#[derive(Debug)]
struct Calling<'s> {
    calls: Vec<Call>,
    earliest: &'s Sum,
    last: i64,
}

/// The beacons among what was summed: those with the most calls first.
pub(super) fn beacons(sums: &Sums) -> Vec<FlowMark> {
    let mut found: Vec<(Line, Calling<'_>, Beacon)> = callings(sums)
        .into_iter()
        .filter_map(|(line, mut calling)| {
            calling.calls.sort_unstable();
            let beacon = regularity(&calling.calls, line.5)?;
            Some((line, calling, beacon))
        })
        .collect();
    let text = |number: u32| sums.names.text(number);
    let order = |line: &Line| (text(line.0), text(line.1), text(line.2), line.3, line.4, line.5);
    found.sort_unstable_by(|(a, _, x), (b, _, y)| y.calls.cmp(&x.calls).then_with(|| order(a).cmp(&order(b))));
    found.into_iter().map(|(line, calling, beacon)| mark(sums, &line, &calling, beacon)).collect()
}

/// The calls of each line that has enough of them.
fn callings(sums: &Sums) -> Vec<(Line, Calling<'_>)> {
    let noted = &sums.marks.calls;
    let numbers = noted.iter().map(|(number, _)| *number as usize + 1).max().unwrap_or(0);
    let mut counts = vec![0_u32; numbers];
    noted.iter().for_each(|(number, _)| counts[*number as usize] += 1);
    let count = |sum: &Sum| sum.slots.outward().and_then(|at| counts.get(at)).copied().unwrap_or(0);
    // The records of a line that do not say their direction are a sum of their own.
    let mut totals: HashMap<Line, u64> = HashMap::new();
    for (key, sum) in sums.each().filter(|(key, sum)| count(sum) > 0 && goes_out(sums, key)) {
        *totals.entry(line(key)).or_default() += u64::from(count(sum));
    }
    totals.retain(|_, calls| *calls >= BEACON_CALLS as u64);
    let mut lines: Vec<(Line, Calling<'_>)> = Vec::new();
    let mut at: HashMap<Line, usize> = HashMap::new();
    let mut line_of = vec![None; numbers];
    for (key, sum) in sums.each().filter(|(key, sum)| count(sum) > 0 && totals.contains_key(&line(key)) && goes_out(sums, key)) {
        let place = *at.entry(line(key)).or_insert_with(|| {
            lines.push((line(key), Calling { calls: Vec::new(), earliest: sum, last: sum.last }));
            lines.len() - 1
        });
        let (_, calling) = &mut lines[place];
        calling.last = calling.last.max(sum.last);
        if sums.place(sum) < sums.place(calling.earliest) {
            calling.earliest = sum;
        }
        if let Some(slot) = sum.slots.outward().and_then(|at| line_of.get_mut(at)) {
            *slot = Some(place);
        }
    }
    for (number, call) in noted {
        if let Some(place) = line_of[*number as usize] {
            lines[place].1.calls.push(*call);
        }
    }
    lines
}

fn line(key: &Key) -> Line {
    (key.interface, key.source, key.destination, key.protocol, key.port, key.action)
}

/// Whether traffic is what the interface sends: it says so, or comes from the interface's own address.
pub(super) fn goes_out(sums: &Sums, key: &Key) -> bool {
    sums.way(key) == super::super::sums::Way::Out
}

/// A call: when it starts, how much it sends.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: u32,
    bytes: u32,
}

/// The calls that sorted records make up.
fn starts(records: &[Call]) -> Vec<Start> {
    let mut ends: BTreeMap<u16, u32> = BTreeMap::new();
    let mut starts: Vec<Start> = Vec::new();
    for record in records {
        let end = record.start.saturating_add(u32::from(record.lasts));
        let goes_on = ends.get(&record.port).is_some_and(|end| record.start <= end.saturating_add(BEACON_GOES_ON));
        let until = ends.entry(record.port).or_insert(end);
        *until = end.max(*until);
        match starts.last_mut() {
            Some(last) if goes_on || record.start - last.at <= BEACON_BURST => last.bytes = last.bytes.saturating_add(record.bytes),
            _ => starts.push(Start { at: record.start, bytes: record.bytes }),
        }
    }
    starts
}

/// How regular the calls of sorted records are; nothing where they are not.
fn regularity(records: &[Call], action: Action) -> Option<Beacon> {
    let starts = starts(records);
    if starts.len() < BEACON_CALLS {
        return None;
    }
    let mut gaps: Vec<u32> = starts.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    gaps.sort_unstable();
    let gap = median(&gaps);
    let tolerance = (gap / BEACON_TOLERANCE_PART).min(BEACON_TOLERANCE_MOST);
    let regular = gaps.iter().filter(|other| other.abs_diff(gap) <= tolerance).count() as u64;
    let mut sizes: Vec<u32> = starts.iter().map(|start| start.bytes).collect();
    sizes.sort_unstable();
    let size = median(&sizes);
    let alike = sizes.iter().filter(|other| other.abs_diff(size) <= size / BEACON_SIZE_PART).count() as u64;
    let (regular_percent, alike_percent) = (percent(regular, gaps.len() as u64), percent(alike, sizes.len() as u64));
    if gap < BEACON_SHORTEST || regular_percent < BEACON_REGULAR_PERCENT || alike_percent < BEACON_ALIKE_PERCENT {
        return None;
    }
    let mut ports: Vec<u16> = records.iter().map(|record| record.port).collect();
    ports.sort_unstable();
    ports.dedup();
    Some(Beacon {
        action: match action {
            Action::Accept => Some("ACCEPT"),
            Action::Reject => Some("REJECT"),
            Action::None => None,
        },
        calls: starts.len() as u64,
        records: records.len() as u64,
        own_ports: ports.len() as u64,
        median_gap_seconds: gap,
        tolerance_seconds: tolerance,
        regular_gaps: regular,
        gaps: gaps.len() as u64,
        regular_percent,
        median_bytes: size,
        alike_calls: alike,
        alike_percent,
    })
}

/// What answers at a port and is called in equal steps by design.
fn by_design(protocol: i32, port: i32) -> &'static str {
    match (protocol, port) {
        (17, 123) => " (the port of NTP, which is regular by design)",
        (6 | 17, 53 | 853) => " (the port of DNS)",
        _ => "",
    }
}

fn mark(sums: &Sums, line: &Line, calling: &Calling<'_>, beacon: Beacon) -> FlowMark {
    let &(interface, source, destination, protocol, port, action) = line;
    let own = |number: u32| sums.names.text(number).to_string();
    let service = sums.services.get(&destination).map(|number| own(*number));
    let whose = service.as_ref().map(|service| format!(", an address of AWS ({service}),")).unwrap_or_default();
    let refused = if action == Action::Reject { ", and is refused" } else { "" };
    let text = format!(
        "{} calls {}{whose} at {}{} every {} s{refused}: {} calls, {} of {} gaps ({} %) within {} s of that, {} calls ({} %) of about {} bytes.",
        own(interface),
        own(destination),
        port_words(protocol, Some(port)),
        by_design(protocol, port),
        beacon.median_gap_seconds,
        beacon.calls,
        beacon.regular_gaps,
        beacon.gaps,
        beacon.regular_percent,
        beacon.tolerance_seconds,
        beacon.alike_calls,
        beacon.alike_percent,
        beacon.median_bytes,
    );
    FlowMark {
        kind: FlowMarkKind::Beacon,
        interface_id: Some(own(interface)),
        instance_id: sums.instance(interface).map(own),
        address: Some(own(source)),
        peer: own(destination),
        peer_is: side(&sums.names.text(destination)),
        peer_aws_service: service,
        protocol: Some(protocol),
        port: Some(port),
        first_start: shown(calling.earliest.first),
        last_end: shown(calling.last),
        arithmetic: Arithmetic::Beacon(beacon),
        text,
        reference: sums.citation(calling.earliest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls(starts: impl IntoIterator<Item = u32>) -> Vec<Call> {
        starts.into_iter().enumerate().map(|(n, start)| Call { start, port: 40_000 + n as u16, lasts: 1, bytes: 588 }).collect()
    }

    #[test]
    fn calls_in_equal_steps() {
        let beacon = regularity(&calls((0..30).map(|n| 1_000 + n * 60 + n % 3)), Action::Accept).unwrap();
        assert_eq!((beacon.calls, beacon.gaps, beacon.regular_gaps, beacon.tolerance_seconds), (30, 29, 29, 12));
        assert!((59..=61).contains(&beacon.median_gap_seconds) && beacon.own_ports == 30);
        assert_eq!(regularity(&calls((0..19).map(|n| n * 60)), Action::Accept), None, "too few");
        // Steps that double are no steps.
        assert_eq!(regularity(&calls((0..25).map(|n| 1 << n)), Action::Accept), None);
    }

    #[test]
    fn steps_of_hours_may_be_off_by_what_records_are_off_by() {
        // Every second call is late: one gap is shorter by as much, the next longer, and between the two lies twice as much.
        let hourly = |late: u32| calls((0..24).map(move |n| n * 3_600 + if n % 2 == 0 { late } else { 0 }));
        assert!(regularity(&hourly(30), Action::Accept).is_some());
        assert_eq!(regularity(&hourly(31), Action::Accept), None);
    }

    /// A connection that stays open has a record for every aggregation interval: nothing is as regular, and it is no beacon.
    #[test]
    fn a_connection_that_stays_open_is_one_call() {
        let open: Vec<Call> = (0..100).map(|n| Call { start: n * 60 + 2, port: 50_122, lasts: 56, bytes: 4_000 }).collect();
        assert_eq!((starts(&open).len(), regularity(&open, Action::Accept)), (1, None));
        // With a minute's silence between its packets it says that it is alive.
        let alive: Vec<Call> = (0..100).map(|n| Call { start: n * 60 + 2, port: 50_122, lasts: 0, bytes: 80 }).collect();
        assert_eq!(regularity(&alive, Action::Accept).map(|beacon| beacon.own_ports), Some(1));
    }

    #[test]
    fn what_asks_for_something_else_every_time_is_none() {
        let mut mirror = calls((0..40).map(|n| n * 360));
        mirror.iter_mut().enumerate().for_each(|(n, call)| call.bytes = 600 + 150 * (n as u32 % 9));
        assert_eq!(regularity(&mirror, Action::Accept), None);
    }

    proptest! {
        /// Calls at random moments, however many: a share of their gaps is near the middle one, and never so large a share.
        #[test]
        fn random_calls_are_no_beacon(mut starts in prop::collection::vec(0_u32..86_400, 40..400)) {
            starts.sort_unstable();
            prop_assert_eq!(regularity(&calls(starts), Action::Accept), None);
        }

        #[test]
        fn records_in_any_order_tell_the_same(seed in prop::collection::vec((0_u32..4_000, 0_u16..4, 0_u16..90), 0..60), turn in 0_usize..60) {
            let mut records: Vec<Call> = seed.iter().map(|(start, port, lasts)| Call { start: *start, port: *port, lasts: *lasts, bytes: 1 }).collect();
            let mut other = records.clone();
            other.rotate_left(if records.is_empty() { 0 } else { turn % records.len() });
            records.sort_unstable();
            other.sort_unstable();
            prop_assert_eq!(regularity(&records, Action::Accept), regularity(&other, Action::Accept));
        }
    }
}
