//! Which of one's own workloads an actor's calls came from: those that had the addresses when the calls were made.

use std::cmp::Reverse;
use std::net::IpAddr;

use hashbrown::HashMap;
use serde::Serialize;

use super::counts::LISTED;
use crate::ends::{Met, earlier};
use crate::event::Event;
use crate::interfaces::{CallFrom, Tenure, Tenures};

/// An address that calls came from while an interface of one's own had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameFrom {
    /// The address.
    pub address: String,
    /// Events in that time.
    pub events: u64,
    /// Citation of the first of them.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Which interface and whose, from when to when, by which calls or listing.
    #[serde(flatten)]
    pub held: Tenure,
}

/// The workloads that calls came from, as far as their addresses are known to be one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OwnAddresses {
    /// How many there are: an address that changed hands counts for each that had it.
    pub distinct: u64,
    /// The addresses with the most events; of one, whoever had it in the order of time. Where evidence leaves open who had it, all that may have.
    pub top: Vec<CameFrom>,
}

impl OwnAddresses {
    pub(super) fn are_none(&self) -> bool {
        self.distinct == 0
    }
}

/// Events, and the first of them.
#[derive(Debug, Default)]
struct Seen {
    events: u64,
    first: Option<Met>,
}

/// An actor's calls from own addresses, while the window is read.
#[derive(Debug, Default)]
pub(super) struct OwnCalls {
    /// The address met last, and whether it ever was one's own: most calls of an actor come from where the one before came from.
    last: (String, bool),
    /// By address and the place of its tenure.
    seen: HashMap<(IpAddr, usize), Seen>,
}

impl OwnCalls {
    pub(super) fn take(&mut self, event: &Event<'_>, known: &Tenures) {
        let Some(text) = event.source_ip_address.filter(|_| !known.is_empty()) else { return };
        if self.last.0 != text {
            text.clone_into(&mut self.last.0);
            self.last.1 = text.parse().is_ok_and(|address: IpAddr| !known.of_address(address.to_canonical()).is_empty());
        }
        let Some(call) = self.last.1.then(|| CallFrom::of(event)).flatten() else { return };
        for place in known.of_call(&call) {
            let seen = self.seen.entry((call.address, place)).or_default();
            seen.events += 1;
            if let Some(met) = earlier(seen.first.as_ref(), event.event_time, || event.citation()) {
                seen.first = Some(met);
            }
        }
    }

    /// What is told of them.
    pub(super) fn told(self, known: &Tenures) -> OwnAddresses {
        let mut totals: HashMap<IpAddr, u64> = HashMap::new();
        self.seen.iter().for_each(|((address, _), seen)| *totals.entry(*address).or_default() += seen.events);
        let mut all: Vec<((IpAddr, usize), Seen)> = self.seen.into_iter().collect();
        all.sort_by_key(|((address, place), _)| (Reverse(totals.get(address).copied()), *address, *place));
        let distinct = all.len() as u64;
        let told = |((address, place), seen): ((IpAddr, usize), Seen)| {
            let held = known.of_address(address).get(place)?.clone();
            let reference = seen.first.map(|(_, reference)| reference).unwrap_or_default();
            Some(CameFrom { address: address.to_string(), events: seen.events, reference, held })
        };
        OwnAddresses { distinct, top: all.into_iter().take(LISTED).filter_map(told).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::{Address, HeldBy, Holding, Interfaces};

    fn holding(interface: &str, (address, public): (&str, Option<&str>), (from, to): (i64, Option<i64>), refs: [&str; 2]) -> Holding {
        Holding {
            interface_id: Some(format!("eni-{interface}")),
            instance_id: Some(format!("i-{interface}")),
            resource_id: None,
            interface_type: None,
            addresses: vec![Address { address: Some(address.to_owned()), public_ip: public.map(str::to_owned) }],
            // Changes with the citation it begins with.
            security_groups: Some(vec![format!("sg-{}", refs[0])]),
            vpc_id: None,
            subnet_id: None,
            account: Some("111122223333".to_owned()),
            from: Some(from),
            to,
            basis: HeldBy::Calls,
            refs: refs.into_iter().filter(|r| !r.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// One public address that changes hands, and a private one.
    fn known() -> Tenures {
        let public = Some("203.0.113.5");
        Tenures::of(&Interfaces::of(vec![
            holding("a", ("10.0.0.1", public), (10, Some(20)), ["made", "groups"]),
            holding("a", ("10.0.0.1", public), (20, Some(30)), ["groups", "moved"]),
            holding("b", ("10.0.0.2", public), (40, None), ["moved-on", ""]),
            holding("c", ("10.0.0.9", None), (0, None), ["run", ""]),
        ]))
    }

    fn told(calls: &[(i64, &str, Option<&str>, &str)]) -> OwnAddresses {
        let (known, mut own) = (known(), OwnCalls::default());
        for (time, address, endpoint, account) in calls {
            let id = format!("e{time}");
            let event = Event {
                event_id: Some(&id),
                event_time: Some(*time),
                source_ip_address: Some(address),
                vpc_endpoint_id: *endpoint,
                recipient_account_id: Some(account),
                ..Event::default()
            };
            own.take(&event, &known);
        }
        own.told(&known)
    }

    #[test]
    fn an_address_that_changed_hands_is_told_with_each_that_had_it_when_calls_were_made() {
        let call = |time| (time, "203.0.113.5", None, "444455556666");
        // Before anybody had it, twice of `i-a`, in between of nobody, once of `i-b`; and from elsewhere.
        let calls = [call(45), call(25), (26, "198.51.100.7", None, "444455556666"), call(5), call(12), call(30), call(35)];
        let all = told(&calls);
        let rows: Vec<_> = all
            .top
            .iter()
            .map(|one| (one.address.as_str(), one.held.holder(), one.events, one.reference.as_str(), one.held.from, one.held.to))
            .collect();
        assert_eq!(
            rows,
            [("203.0.113.5", Some("i-a"), 2, "e12", Some(10), Some(30)), ("203.0.113.5", Some("i-b"), 1, "e45", Some(40), None),]
        );
        assert_eq!(all.distinct, 2);
        assert_eq!(all.top[0].held.refs, ["made", "groups", "moved"]);
        assert!(told(&[call(5), call(35)]).are_none(), "of nobody that is known");
    }

    #[test]
    fn a_private_address_is_ones_own_only_through_an_endpoint_in_an_account_of_the_call() {
        let events = |endpoint, account| told(&[(50, "10.0.0.9", endpoint, account)]).top.iter().map(|one| one.events).sum::<u64>();
        assert_eq!(events(None, "111122223333"), 0, "the same address stands in many networks");
        assert_eq!(events(Some("vpce-1"), "444455556666"), 0);
        assert_eq!(events(Some("vpce-1"), "111122223333"), 1);
    }
}
