//! What was so from when to when, worked out by hand from the calls.

use backtrail_model::interfaces::{Observation, Says};
use proptest::prelude::*;

use super::history::{Observed, holdings};
use super::{Address, HeldBy, Holding, Interfaces, Sought, Tenures};

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn called(time: i64, reference: &str, told: Observation) -> Observed {
    Observed { time: Some(time), is_listed: false, reference: reference.to_owned(), told }
}

fn interface(says: Says, id: &str) -> Observation {
    Observation { interface_id: own(id), ..Observation::that(says) }
}

/// A machine with an address, which gets a public one; another takes both over.
fn story() -> Vec<Observed> {
    let launched = |id: &str, instance: &str| Observation {
        instance_id: own(instance),
        private_ip_address: own("10.0.0.5"),
        groups: Some(vec!["sg-1".to_owned()]),
        delete_on_termination: Some(true),
        ..interface(Says::State, id)
    };
    let associated = |association: &str, instance: &str| Observation {
        instance_id: own(instance),
        allocation_id: own("eipalloc-1"),
        association_id: own(association),
        ..Observation::that(Says::Associated)
    };
    let public = Observation { public_ip: own("203.0.113.5"), allocation_id: own("eipalloc-1"), ..Observation::that(Says::Allocated) };
    let terminated = |instance: &str| Observation { instance_id: own(instance), ..Observation::that(Says::Terminated) };
    vec![
        called(5, "allocate", public),
        called(10, "run-a", launched("eni-a", "i-a")),
        called(20, "associate-a", associated("eipassoc-1", "i-a")),
        called(30, "groups", Observation { groups: Some(vec!["sg-2".to_owned()]), ..interface(Says::Groups, "eni-a") }),
        called(40, "run-b", Observation { private_ip_address: own("10.0.0.6"), ..launched("eni-b", "i-b") }),
        called(50, "associate-b", associated("eipassoc-2", "i-b")),
        called(60, "terminate-a", terminated("i-a")),
        // The association it names is not the one that the address has now.
        called(70, "stale", Observation { association_id: own("eipassoc-1"), ..Observation::that(Says::Disassociated) }),
        called(80, "run-c", launched("eni-c", "i-c")),
    ]
}

/// From, to, addresses, groups.
type Told = (Option<i64>, Option<i64>, Vec<Address>, Vec<String>);

fn told(all: &[Holding], interface: &str) -> Vec<Told> {
    let of = all.iter().filter(|h| h.interface_id.as_deref() == Some(interface));
    let mut told: Vec<_> = of.map(|h| (h.from, h.to, h.addresses.clone(), h.security_groups.clone().unwrap_or_default())).collect();
    told.sort();
    told
}

fn pair(address: &str, public: Option<&str>) -> Vec<Address> {
    vec![Address { address: own(address), public_ip: public.map(str::to_owned) }]
}

#[test]
fn in_one_vpc_an_address_is_of_one_interface_at_a_time() {
    let made = |id: &str, vpc: &str, address: &str| Observation {
        vpc_id: own(vpc),
        private_ip_address: own(address),
        ..interface(Says::State, id)
    };
    let assigned = |id: &str, address: &str| Observation { private_ip_address: own(address), ..interface(Says::Assigned, id) };
    let mut story = vec![
        called(10, "make-a", made("eni-a", "vpc-1", "10.0.0.5")),
        called(20, "make-other", made("eni-other", "vpc-2", "10.0.0.5")),
        // Nobody saw eni-a being deleted, which it must have been.
        called(30, "make-b", made("eni-b", "vpc-1", "10.0.0.5")),
        called(40, "assign-b", assigned("eni-b", "10.0.0.7")),
        // The second address of eni-b goes elsewhere; eni-b stays.
        called(50, "make-c", made("eni-c", "vpc-1", "10.0.0.7")),
        // An instance of which no record names the interface: it may be eni-c.
        called(55, "run-i", Observation { interface_id: None, instance_id: own("i-1"), ..made("", "vpc-1", "10.0.0.7") }),
        called(60, "make-unknown", Observation { private_ip_address: own("10.0.0.7"), ..interface(Says::State, "eni-d") }),
    ];
    let both: Vec<Address> = ["10.0.0.5", "10.0.0.7"].iter().flat_map(|address| pair(address, None)).collect();
    for _ in 0..2 {
        let all = holdings(story.clone());
        assert_eq!(told(&all, "eni-a"), [(Some(10), Some(30), pair("10.0.0.5", None), vec![])]);
        assert_eq!(all.iter().find(|h| h.interface_id.as_deref() == Some("eni-a")).unwrap().refs, ["make-a", "make-b"]);
        assert_eq!(told(&all, "eni-other"), [(Some(20), None, pair("10.0.0.5", None), vec![])]);
        assert_eq!(
            told(&all, "eni-b"),
            [
                (Some(30), Some(40), pair("10.0.0.5", None), vec![]),
                (Some(40), Some(50), both.clone(), vec![]),
                (Some(50), None, pair("10.0.0.5", None), vec![]),
            ]
        );
        // Of an interface whose VPC is not known nothing follows.
        assert_eq!(told(&all, "eni-c"), [(Some(50), None, pair("10.0.0.7", None), vec![])]);
        story.reverse();
    }
}

#[test]
fn addresses_move_and_are_told_from_change_to_change() {
    let all = holdings(story());
    let (first, second) = (vec!["sg-1".to_owned()], vec!["sg-2".to_owned()]);
    assert_eq!(
        told(&all, "eni-a"),
        [
            (Some(10), Some(20), pair("10.0.0.5", None), first.clone()),
            (Some(20), Some(30), pair("10.0.0.5", Some("203.0.113.5")), first.clone()),
            (Some(30), Some(50), pair("10.0.0.5", Some("203.0.113.5")), second.clone()),
            (Some(50), Some(60), pair("10.0.0.5", None), second),
        ]
    );
    assert_eq!(
        told(&all, "eni-b"),
        [(Some(40), Some(50), pair("10.0.0.6", None), first.clone()), (Some(50), None, pair("10.0.0.6", Some("203.0.113.5")), first)]
    );
    let known = Interfaces::of(all);
    let at = |address: &str, time: i64| {
        let address = address.parse().expect("an address");
        known.of_address(address).filter(|h| h.is_at(time)).filter_map(Holding::holder).collect::<Vec<_>>()
    };
    assert_eq!((at("203.0.113.5", 19), at("203.0.113.5", 49), at("203.0.113.5", 50)), (vec![], vec!["i-a"], vec!["i-b"]));
    assert_eq!((at("10.0.0.5", 59), at("10.0.0.5", 60), at("10.0.0.5", 80)), (vec!["i-a"], vec![], vec!["i-c"]));
    let group = Sought::read("sg-2");
    let in_group = |from: i64, to: i64| {
        known.named(&group).filter(|h| h.is_between(from, to)).filter_map(|h| h.interface_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!((in_group(0, 30), in_group(30, 31), in_group(60, 90)), (vec![], vec!["eni-a".to_owned()], vec![]));
}

#[test]
fn a_tenure_goes_on_through_changes_that_leave_the_address_where_it_is() {
    let known = Tenures::of(&Interfaces::of(holdings(story())));
    let of = |address: &str| {
        let tenures = known.of_address(address.parse().expect("an address")).iter();
        tenures.map(|t| (t.holder().map(str::to_owned), t.from, t.to, t.refs.join(" "))).collect::<Vec<_>>()
    };
    // The groups of `eni-a` change at 30, its public address comes at 20 and goes at 50.
    assert_eq!(
        of("203.0.113.5"),
        [
            (own("i-a"), Some(20), Some(50), "associate-a groups associate-b".to_owned()),
            (own("i-b"), Some(50), None, "associate-b".to_owned()),
        ]
    );
    assert_eq!(
        of("10.0.0.5"),
        [
            (own("i-a"), Some(10), Some(60), "run-a associate-a groups associate-b terminate-a".to_owned()),
            (own("i-c"), Some(80), None, "run-c".to_owned()),
        ]
    );
    assert_eq!(of("10.0.0.99"), []);
}

#[test]
fn an_interface_that_outlives_its_instance_keeps_its_addresses() {
    let mut story = story();
    story.retain(|one| one.reference != "associate-b");
    story.iter_mut().filter(|one| one.reference == "run-a").for_each(|one| one.told.delete_on_termination = Some(false));
    let all = holdings(story);
    let last = all.iter().filter(|h| h.interface_id.as_deref() == Some("eni-a")).max_by_key(|h| h.from).expect("it");
    // Until the stale call, which is not stale here.
    assert_eq!((last.from, last.to, last.instance_id.as_deref()), (Some(70), None, None));
    assert_eq!(last.addresses, pair("10.0.0.5", None));
}

#[test]
fn addresses_that_were_not_allocated_are_lost_at_a_stop() {
    let launched = Observation {
        instance_id: own("i-a"),
        private_ip_address: own("10.0.0.5"),
        public_ip: own("203.0.113.9"),
        ..interface(Says::State, "eni-a")
    };
    let stopped = Observation { instance_id: own("i-a"), ..Observation::that(Says::Stopped) };
    let all = holdings(vec![called(1, "run", launched), called(2, "stop", stopped)]);
    assert_eq!(told(&all, "eni-a").last().map(|t| t.2.clone()), Some(pair("10.0.0.5", None)));
}

#[test]
fn attachments_end_by_their_own_ids() {
    let made = Observation { private_ip_address: own("10.0.0.5"), ..interface(Says::State, "eni-a") };
    let attached = Observation { instance_id: own("i-a"), attachment_id: own("eni-attach-1"), ..interface(Says::Attached, "eni-a") };
    let detached = Observation { attachment_id: own("eni-attach-1"), ..Observation::that(Says::Detached) };
    let all = holdings(vec![called(1, "make", made), called(2, "attach", attached), called(3, "detach", detached)]);
    let instances: Vec<_> = all.iter().map(|h| (h.from, h.to, h.instance_id.as_deref())).collect();
    assert_eq!(instances, [(Some(1), Some(2), None), (Some(3), None, None), (Some(2), Some(3), Some("i-a"))]);
}

#[test]
fn a_listing_adds_what_no_call_says_and_nothing_else() {
    let listed = |time, told| Observed { time, is_listed: true, reference: "list#0".to_owned(), told };
    let known = Observation {
        instance_id: own("i-b"),
        private_ip_address: own("10.0.0.6"),
        public_ip: own("203.0.113.5"),
        ..interface(Says::State, "eni-b")
    };
    let unknown = Observation { private_ip_address: own("10.0.0.7"), ..interface(Says::State, "eni-z") };
    let mut story = story();
    story.extend([listed(Some(40), known), listed(None, unknown)]);
    let all = holdings(story);
    assert_eq!(told(&all, "eni-b").len(), 2, "it says what the calls say");
    let listed: Vec<_> = all.iter().filter(|h| h.basis == HeldBy::Listing).map(|h| (h.from, h.to, h.addresses.clone())).collect();
    assert_eq!(listed, [(None, None, pair("10.0.0.7", None))]);
}

proptest! {
    /// Whatever the order, and however often each was met.
    #[test]
    fn the_order_of_reading_makes_no_difference(seed in prop::collection::vec(any::<u32>(), 9), again in 0usize..9) {
        let mut shuffled: Vec<(u32, Observed)> = seed.into_iter().zip(story()).collect();
        shuffled.sort_by_key(|(number, _)| *number);
        let mut shuffled: Vec<Observed> = shuffled.into_iter().map(|(_, one)| one).collect();
        shuffled.push(shuffled[again].clone());
        prop_assert_eq!(holdings(shuffled), holdings(story()));
    }

    /// No address has two holders at one time, as far as calls tell: AWS gives none to two.
    #[test]
    fn an_address_is_one_interfaces_at_a_time(time in 0i64..100) {
        let known = Interfaces::of(holdings(story()));
        for address in ["10.0.0.5", "10.0.0.6", "203.0.113.5"] {
            let address = address.parse().expect("an address");
            prop_assert!(known.of_address(address).filter(|h| h.is_at(time)).count() <= 1);
        }
    }
}
