//! Scans: an address that tries many ports of another one, or many addresses, within a minute.

use std::collections::BTreeSet;

use backtrail_model::words::{grouped, port_words};
use hashbrown::HashMap;
use serde::Serialize;

use super::super::address::side;
use super::super::shown;
use super::super::sums::{Action, Key, Sum, Sums};
use super::thresholds::{SCAN_HOSTS, SCAN_PORTS};
use super::{Arithmetic, FlowMark, FlowMarkKind};

/// Ports let through that are named.
const NAMED: usize = 5;
const SECONDS_PER_MINUTE: i64 = 60;

/// The minute in which most was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Busiest {
    /// Its first instant.
    pub minute: String,
    /// Distinct ports or addresses in it.
    pub distinct: u64,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// The minute with the most ports of one address.
    pub ports_of_one_address: Busiest,
    /// The minute with the most addresses.
    pub addresses: Busiest,
    /// Addresses tried in all.
    pub distinct_addresses: u64,
    /// Ports tried in all, whatever the address.
    pub distinct_ports: u64,
    /// Interfaces whose records say so.
    pub interfaces: u64,
    /// Ports of an address that were refused at some time.
    pub rejected: u64,
    /// Ports of an address, of those that were tried, that let the same peer through at some time.
    pub accepted: u64,
    /// The first of those, and their records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted_first: Vec<String>,
    /// Their citations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted_refs: Vec<String>,
}

/// What is tried: address, protocol and port. By the numbers of texts.
type Target = (u32, (i32, i32));

/// An attempt: minute, address, protocol and port. By the numbers of texts.
type Attempt = (u32, u32, (i32, i32));

/// What one address tried.
struct Tried<'s> {
    source: u32,
    attempts: Vec<Attempt>,
    sums: Vec<(&'s Key, &'s Sum)>,
}

/// The scans among what was summed: those with the most in a minute first.
pub(super) fn scans(sums: &Sums) -> Vec<FlowMark> {
    let mut found: Vec<(u64, FlowMark)> = tried(sums).into_iter().filter_map(|tried| of_source(sums, tried)).collect();
    found.sort_unstable_by(|(x, a), (y, b)| y.cmp(x).then_with(|| a.peer.cmp(&b.peer)));
    found.into_iter().map(|(_, mark)| mark).collect()
}

/// What each address tried that tried enough.
fn tried(sums: &Sums) -> Vec<Tried<'_>> {
    let attempting = || sums.each().filter_map(|(key, sum)| Some((key, sum, sum.slots.attempt()?)));
    let mut kinds: HashMap<u32, u64> = HashMap::new();
    attempting().for_each(|(key, ..)| *kinds.entry(key.source).or_default() += 1);
    let mut tried: Vec<Tried<'_>> = Vec::new();
    let (mut place_of, mut by_number) = (HashMap::new(), HashMap::new());
    // Of each port of each address there is a sum: who has fewer tried fewer.
    for (key, sum, number) in attempting().filter(|(key, ..)| kinds[&key.source] >= SCAN_PORTS.min(SCAN_HOSTS)) {
        let place = *place_of.entry(key.source).or_insert_with(|| {
            tried.push(Tried { source: key.source, attempts: Vec::new(), sums: Vec::new() });
            tried.len() - 1
        });
        tried[place].sums.push((key, sum));
        by_number.insert(number, (place, target(key)));
    }
    for (number, minute) in &sums.marks.attempts {
        if let Some((place, (address, port))) = by_number.get(&(*number as usize)) {
            tried[*place].attempts.push((*minute, *address, *port));
        }
    }
    tried
}

fn of_source(sums: &Sums, tried: Tried<'_>) -> Option<(u64, FlowMark)> {
    let Tried { source, mut attempts, sums: records } = tried;
    let name = |number: u32| sums.names.text(number);
    attempts.sort_unstable_by(|a, b| (a.0, name(a.1), a.2).cmp(&(b.0, name(b.1), b.2)));
    attempts.dedup();
    let ports = busiest(attempts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(|of_one| (of_one.len() as u64, of_one[0].0)));
    let in_minute = |minute: &[Attempt]| minute.chunk_by(|a, b| a.1 == b.1).count() as u64;
    let hosts = busiest(attempts.chunk_by(|a, b| a.0 == b.0).map(|minute| (in_minute(minute), minute[0].0)));
    if ports.0 < SCAN_PORTS && hosts.0 < SCAN_HOSTS {
        return None;
    }
    let distinct = |of: &dyn Fn(&Attempt) -> Target| attempts.iter().map(of).collect::<BTreeSet<_>>().len() as u64;
    let rejected: BTreeSet<_> = records.iter().filter(|(key, _)| key.action == Action::Reject).map(|(key, _)| target(key)).collect();
    let accepted = accepted(sums, source, &attempts);
    let shown_of = |(distinct, minute): (u64, u32)| Busiest { minute: shown(i64::from(minute) * SECONDS_PER_MINUTE), distinct };
    let scan = Scan {
        ports_of_one_address: shown_of(ports),
        addresses: shown_of(hosts),
        distinct_addresses: distinct(&|attempt| (attempt.1, (0, 0))),
        distinct_ports: distinct(&|attempt| (0, attempt.2)),
        interfaces: records.iter().map(|(key, _)| key.interface).collect::<BTreeSet<_>>().len() as u64,
        rejected: rejected.len() as u64,
        accepted: accepted.len() as u64,
        accepted_first: accepted.iter().take(NAMED).map(|(told, _)| told.clone()).collect(),
        accepted_refs: accepted.iter().take(NAMED).map(|(_, sum)| sums.citation(sum)).collect(),
    };
    Some((ports.0.max(hosts.0), mark(sums, source, &records, &attempts, scan)?))
}

fn target(key: &Key) -> Target {
    (key.destination, (key.protocol, key.port))
}

/// The minute with the most; of two the earlier.
fn busiest(minutes: impl Iterator<Item = (u64, u32)>) -> (u64, u32) {
    minutes.fold((0, 0), |best, next| if next.0 > best.0 { next } else { best })
}

/// The ports, of those that were tried, that let the same source through at any time of the window, by the time they first did.
fn accepted<'s>(sums: &'s Sums, source: u32, attempts: &[Attempt]) -> Vec<(String, &'s Sum)> {
    let targets: BTreeSet<_> = attempts.iter().map(|(_, address, port)| (*address, *port)).collect();
    let is_one = |key: &Key, sum: &Sum| key.source == source && key.action == Action::Accept && sum.slots.is_calling;
    let mut first: HashMap<Target, &Sum> = HashMap::new();
    for (key, sum) in sums.each().filter(|(key, sum)| is_one(key, sum) && targets.contains(&target(key))) {
        let known = first.entry(target(key)).or_insert(sum);
        if sums.place(sum) < sums.place(known) {
            *known = sum;
        }
    }
    let told = |(address, (protocol, port)): Target| format!("{} {}", sums.names.text(address), port_words(protocol, Some(port)));
    let mut all: Vec<(String, &Sum)> = first.into_iter().map(|(target, sum)| (told(target), sum)).collect();
    all.sort_unstable_by(|a, b| sums.place(a.1).cmp(&sums.place(b.1)).then_with(|| a.0.cmp(&b.0)));
    all
}

fn mark(sums: &Sums, source: u32, records: &[(&Key, &Sum)], attempts: &[Attempt], scan: Scan) -> Option<FlowMark> {
    let name = |number: u32| sums.names.text(number).to_string();
    let (_, earliest) = records.iter().min_by_key(|(_, sum)| sums.place(sum))?;
    let last = records.iter().map(|(_, sum)| sum.last).max()?;
    let interface = (scan.interfaces == 1).then(|| records[0].0.interface);
    let address = (scan.distinct_addresses == 1).then(|| name(attempts[0].1));
    let (protocol, port) = attempts[0].2;
    let is_one = |same: &dyn Fn(&(i32, i32)) -> bool| attempts.iter().all(|(_, _, tried)| same(tried));
    Some(FlowMark {
        kind: FlowMarkKind::Scan,
        interface_id: interface.map(name),
        instance_id: interface.and_then(|interface| sums.instance(interface)).map(name),
        text: text(&name(source), address.as_deref(), &scan),
        address,
        peer: name(source),
        peer_is: side(&sums.names.text(source)),
        peer_aws_service: sums.services.get(&source).map(|number| name(*number)),
        protocol: is_one(&|tried| tried.0 == protocol).then_some(protocol),
        port: is_one(&|tried| *tried == (protocol, port)).then_some(port),
        first_start: shown(earliest.first),
        last_end: shown(last),
        arithmetic: Arithmetic::Scan(scan),
        reference: sums.citation(earliest),
    })
}

fn text(source: &str, address: Option<&str>, scan: &Scan) -> String {
    let of = match address {
        Some(address) => address.to_owned(),
        None => format!("{} addresses", grouped(scan.distinct_addresses)),
    };
    let mut most = Vec::new();
    let mut say = |busiest: &Busiest, what: &str, least: u64| {
        if busiest.distinct >= least {
            most.push(format!("{} {what} in the minute of {}", grouped(busiest.distinct), busiest.minute));
        }
    };
    say(&scan.ports_of_one_address, "ports of one address", SCAN_PORTS);
    say(&scan.addresses, "addresses", SCAN_HOSTS);
    let through = match scan.accepted {
        0 => "none of them let it through in this window".to_owned(),
        count => format!("{} let it through at some time: {}", grouped(count), scan.accepted_first.join(", ")),
    };
    let ports = format!("{} {}", grouped(scan.distinct_ports), if scan.distinct_ports == 1 { "port" } else { "ports" });
    format!("{source} tried {ports} of {of}, at most {}; {} refused, {through}.", most.join(" and "), grouped(scan.rejected))
}
