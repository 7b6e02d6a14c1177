//! Network interfaces from change to change, in a terminal.

use backtrail_model::time::format_instant;
use backtrail_timeline::{Address, HeldBy, Holding};

use crate::sanitize::sanitize;

/// `2025-11-19T09:02:33Z to 2025-11-19T11:05:10Z eni-... of i-...: 10.20.1.26 = 203.0.113.26; sg-... [refs]`
pub(crate) fn holding_words(holding: &Holding) -> String {
    let time = |time: Option<i64>, none: &str| time.map_or_else(|| none.to_owned(), format_instant);
    let span = match holding.basis {
        HeldBy::Calls => format!("{} to {}", time(holding.from, "?"), time(holding.to, "the end of evidence")),
        HeldBy::Listing => format!("listed, since {} at the latest", time(holding.from, "an unknown time")),
    };
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

/// An address, and the public one translated to it.
fn address_words(address: &Address) -> String {
    let own = address.address.as_deref().map(|own| sanitize(own).into_owned());
    let public = address.public_ip.as_deref().map(|public| sanitize(public).into_owned());
    [own, public].into_iter().flatten().collect::<Vec<_>>().join(" = ")
}
