//! Network interfaces from change to change, in a terminal.

use backtrail_model::time::format_instant;
use backtrail_model::words::counted;
use backtrail_timeline::{Address, CallerInterface, CameFrom, HeldBy, Holding};

use crate::sanitize::sanitize;

/// `2025-11-19T09:02:33Z to 2025-11-19T11:05:10Z eni-... of i-...: 10.20.1.26 = 203.0.113.26; sg-... [refs]`
pub(crate) fn holding_words(holding: &Holding) -> String {
    let span = span_words(holding.basis, holding.from, holding.to);
    let interface = holding.interface_id.as_deref().unwrap_or("an interface that no record names");
    let mut told = format!("{span} {}", sanitize(interface));
    for holder in [&holding.instance_id, &holding.resource_id].into_iter().flatten() {
        told.push_str(&format!(" of {}", sanitize(holder)));
    }
    let addresses: Vec<String> = holding.addresses.iter().map(address_words).collect();
    told.push_str(&format!(": {}", if addresses.is_empty() { "no address known".to_owned() } else { addresses.join(", ") }));
    if let Some(groups) = holding.security_groups.as_ref().filter(|groups| !groups.is_empty()) {
        told.push_str(&format!("; {}", sanitize(&groups.join(", "))));
    }
    format!("{told} [{}]", sanitize(&holding.refs.join(", ")))
}

/// From when to when something was so.
fn span_words(basis: HeldBy, from: Option<i64>, to: Option<i64>) -> String {
    let time = |time: Option<i64>, none: &str| time.map_or_else(|| none.to_owned(), format_instant);
    match basis {
        HeldBy::Calls => format!("{} to {}", time(from, "?"), time(to, "the end of evidence")),
        HeldBy::Listing => format!("listed, since {} at the latest", time(from, "an unknown time")),
    }
}

/// `i-... by eni-...`: who had an interface, and which.
fn workload_words(instance: Option<&str>, resource: Option<&str>, interface: Option<&str>) -> String {
    let words: Vec<&str> = instance.or(resource).into_iter().chain(interface).collect();
    sanitize(&words.join(" by ")).into_owned()
}

/// Candidates named in a line; programs get all.
const CANDIDATES: usize = 3;

/// Whose the address of a call was, where it was one of the estate's own: ` (then of i-... by eni-...)`.
pub(super) fn own_workloads(interfaces: &[CallerInterface]) -> String {
    let told = |one: &CallerInterface| workload_words(one.instance_id.as_deref(), one.resource_id.as_deref(), one.interface_id.as_deref());
    let mut all: Vec<String> = interfaces.iter().take(CANDIDATES).map(told).collect();
    let more = interfaces.len().saturating_sub(CANDIDATES);
    all.extend((more > 0).then(|| counted(more as u64, "other")));
    if all.is_empty() { String::new() } else { format!(" (then of {})", all.join(" or of ")) }
}

/// `203.0.113.26 (2) of i-... by eni-..., 2025-11-19T09:02:33Z to 2025-11-19T11:05:10Z [refs]`
pub(super) fn came_from_words(one: &CameFrom) -> String {
    let CameFrom { address, events, held, .. } = one;
    let whose = workload_words(held.instance_id.as_deref(), held.resource_id.as_deref(), held.interface_id.as_deref());
    let span = span_words(held.basis, held.from, held.to);
    format!("{} ({events}) of {whose}, {span} [{}]", sanitize(address), sanitize(&held.refs.join(", ")))
}

/// An address, and the public one translated to it.
fn address_words(address: &Address) -> String {
    let own = address.address.as_deref().map(|own| sanitize(own).into_owned());
    let public = address.public_ip.as_deref().map(|public| sanitize(public).into_owned());
    [own, public].into_iter().flatten().collect::<Vec<_>>().join(" = ")
}
