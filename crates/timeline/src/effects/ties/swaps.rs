//! Which interfaces a call is about that puts one into other security groups, or gives a subnet another route table or network ACL, and what was there
//! before.

use std::cmp::Reverse;

use super::{About, Through, Tie, Tied};
use crate::effects::doors::{Before, Course, Door, Scope};
use crate::effects::layout::Layout;
use crate::effects::passages::Coincidence;
use crate::interfaces::{HeldBy, Holding};

/// What no record says of a swap, and goes by nothing here.
const ANY_OF_GROUPS: &str = "What the groups let through is not gone by: what anybody asked for on any port counts.";
const ANY_OF_ACLS: &str = "What the network ACLs let through is not gone by: what anybody sent on any port counts, and what answered.";
const ANY_OF_TABLES: &str = "Where the routes of the tables lead is not gone by: traffic with whoever is outside counts.";

impl About {
    /// What a swap is of, as far as it is known: an interface, or a subnet.
    pub(in crate::effects) fn swapped(&self, door: &Door) -> Option<String> {
        match door.scope {
            Scope::Interface | Scope::Instance => self.ties.keys().next().filter(|_| self.ties.len() == 1).cloned(),
            Scope::Given => self.before.subnet.clone(),
            _ => None,
        }
    }
}

impl Tied {
    /// The interface that the call names.
    pub(super) fn of_interface(&self, door: &Door) -> About {
        let mut about = About::default();
        about.tie(&door.target, Tie::of(&door.reference, Through::Named, door.at));
        self.tell_groups(&mut about, door);
        about
    }

    /// The interface of the instance that the call names. Of several nobody knows which was meant.
    pub(super) fn of_instance(&self, door: &Door) -> About {
        let mut about = About::default();
        let instance = &door.target;
        let is_its = |holding: &Holding| holding.instance_id.as_ref() == Some(instance);
        for (interface, holding) in self.holdings(door).filter(|(_, holding)| is_its(holding) && holding.is_at(door.at)) {
            let is_listed = holding.basis == HeldBy::Listing;
            let doubt = is_listed.then_some(Coincidence::OnlyListed);
            // Not the swap itself, which does not name the interface.
            let since = self.since(interface, door.at, is_its).filter(|_| !is_listed).unwrap_or(holding);
            if let Some(reference) = since.refs.first() {
                about.tie(interface, Tie { doubt, ..Tie::of(reference, Through::Instance, door.at) });
            }
        }
        for (interface, reference) in self.instances.at(instance, door.second()) {
            about.tie(interface, Tie::of(&reference, Through::Instance, door.at));
        }
        match about.ties.len() {
            0 => about.unknown.push(format!(
                "Which interface {instance} had then is not in evidence: RunInstances, AttachNetworkInterface or a flow log with the field instance-id would say it."
            )),
            1 => self.tell_groups(&mut about, door),
            count => {
                about.ties.values_mut().for_each(|tie| tie.doubt = Some(Coincidence::OneOfSeveral));
                about.unknown.push(format!("{instance} had {count} interfaces then, and the call does not say which of them it is about."));
                about.unknown.push(ANY_OF_GROUPS.to_owned());
            }
        }
        about
    }

    /// The first of what an interface was from change to change, as calls have it, back from an instant for as long as something was so.
    fn since(&self, interface: &str, at: i64, is_so: impl Fn(&Holding) -> bool) -> Option<&Holding> {
        let began = |holding: &&Holding| holding.basis == HeldBy::Calls && holding.from.is_some_and(|from| from <= at);
        let mut all: Vec<&Holding> = self.known.of_interface(interface).filter(began).collect();
        all.sort_by_key(|holding| Reverse(holding.from));
        all.into_iter().take_while(|holding| is_so(holding)).last()
    }

    /// Which groups the interface had before, as calls have it, and since which call.
    fn tell_groups(&self, about: &mut About, door: &Door) {
        let Some(interface) = about.ties.keys().next().cloned() else { return };
        let groups_at = |time: i64| {
            let mut then = self.known.of_interface(&interface).filter(|holding| holding.basis == HeldBy::Calls && holding.is_at(time));
            then.find_map(|holding| holding.security_groups.clone())
        };
        let before = door.at.saturating_sub(1);
        if let Some(groups) = groups_at(before) {
            // Of a call that names the instance alone, calls may not say whose groups it changed.
            let is_same = door.scope == Scope::Interface && groups_at(door.at).as_ref() == Some(&groups);
            let as_well = if is_same { " as well" } else { "" };
            let set = self.since(&interface, before, |holding| holding.security_groups.as_ref() == Some(&groups));
            let set_by = set.and_then(|holding| holding.refs.first().cloned());
            about.before = Before { words: vec![format!("{} before{as_well}", groups.join(", "))], set_by, ..Before::default() };
        } else {
            about.unknown.push(format!(
                "Which groups {interface} had before is not in evidence: the call that made it, or put it into them, would say it."
            ));
        }
        about.unknown.push(ANY_OF_GROUPS.to_owned());
    }

    /// The interfaces of the subnet that the call gave another table or ACL; where no evidence says which that is, of its VPC, else of all that no
    /// evidence puts elsewhere.
    pub(super) fn of_given(&self, door: &Door, layout: &Layout) -> About {
        let given = layout.given(&door.target, door.at, &door.reference);
        let mut about = self.of_reach_or_others(&given.reach, given.unknown(&door.target), door.at);
        about.unknown.push(if door.course == Course::Sent { ANY_OF_ACLS } else { ANY_OF_TABLES }.to_owned());
        about.before = Before { words: given.words(), set_by: given.set_by, subnet: given.subnet };
        about
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::effects::doors::Peers;
    use crate::interfaces::Interfaces;

    const NOON: i64 = 12;

    fn own(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// An interface of `i-1` from one call to the next.
    fn holding(interface: &str, group: &str, from: (i64, &str), to: Option<(i64, &str)>) -> Holding {
        Holding {
            interface_id: own(interface),
            instance_id: own("i-1"),
            resource_id: None,
            interface_type: None,
            addresses: Vec::new(),
            security_groups: Some(vec![group.to_owned()]),
            vpc_id: None,
            subnet_id: None,
            account: None,
            from: Some(from.0),
            to: to.map(|(time, _)| time),
            basis: HeldBy::Calls,
            refs: [from.1].into_iter().chain(to.map(|(_, by)| by)).map(str::to_owned).collect(),
        }
    }

    /// It is launched, gets an address, is put into another group at noon, and loses the address.
    fn day() -> Vec<Holding> {
        vec![
            holding("eni-1", "sg-1", (1, "launched"), Some((2, "addressed"))),
            holding("eni-1", "sg-1", (2, "addressed"), Some((NOON, "swapped"))),
            holding("eni-1", "sg-2", (NOON, "swapped"), Some((15, "bare"))),
            holding("eni-1", "sg-2", (15, "bare"), None),
        ]
    }

    fn about(all: Vec<Holding>, target: &str, scope: Scope) -> About {
        let tied = Tied { known: Arc::new(Interfaces::of(all)), ..Tied::default() };
        let door = Door {
            reference: "swapped".to_owned(),
            event_time: None,
            at: NOON,
            opens: false,
            course: Course::Asked,
            protocol: None,
            ports: None,
            peers: vec![Peers::Anyone],
            target: target.to_owned(),
            scope,
            words: String::new(),
            is_removal: true,
            place: None,
            set_by: None,
            unknown: None,
            next_to: [None, None],
        };
        tied.about(&door, &Layout::default())
    }

    /// Interface, citation, and why it may not have been so.
    fn ties(about: &About) -> Vec<(&str, &str, Option<Coincidence>)> {
        about.ties.iter().map(|(interface, tie)| (interface.as_str(), tie.reference.as_str(), tie.doubt)).collect()
    }

    #[test]
    fn the_groups_before_are_told_with_the_call_since_which_it_had_them() {
        let told = about(day(), "eni-1", Scope::Interface);
        assert_eq!(ties(&told), [("eni-1", "swapped", None)]);
        assert_eq!((told.before.words.join(", "), told.before.set_by), ("sg-1 before".to_owned(), own("launched")));
        assert_eq!(told.unknown, [ANY_OF_GROUPS]);
        // It is put into the groups that it has.
        let same = vec![holding("eni-1", "sg-1", (1, "launched"), None)];
        assert_eq!(about(same, "eni-1", Scope::Interface).before.words, ["sg-1 before as well"]);
        let unknown = about(day()[2..].to_vec(), "eni-1", Scope::Interface);
        assert_eq!(unknown.before, Before::default());
        assert!(unknown.unknown[0].starts_with("Which groups eni-1 had before is not in evidence"), "{unknown:?}");
    }

    #[test]
    fn an_instance_is_its_only_interface() {
        let told = about(day(), "i-1", Scope::Instance);
        assert_eq!(ties(&told), [("eni-1", "launched", None)]);
        assert_eq!(told.before.words, ["sg-1 before"]);
        let mut two = day();
        two.push(holding("eni-2", "sg-1", (3, "attached"), None));
        let one_of = Some(Coincidence::OneOfSeveral);
        let told = about(two, "i-1", Scope::Instance);
        assert_eq!(ties(&told), [("eni-1", "launched", one_of), ("eni-2", "attached", one_of)]);
        assert_eq!(told.before, Before::default(), "nobody knows whose groups");
        let mut gone = day();
        gone.push(holding("eni-2", "sg-1", (3, "attached"), Some((4, "detached"))));
        assert_eq!(ties(&about(gone, "i-1", Scope::Instance)), [("eni-1", "launched", None)]);
        assert_eq!(ties(&about(day(), "i-2", Scope::Instance)), []);
    }

    #[test]
    fn a_listing_does_not_say_when_an_interface_was_an_instances() {
        let listed = Holding { basis: HeldBy::Listing, ..holding("eni-1", "sg-1", (1, "e#1"), None) };
        let told = about(vec![listed], "i-1", Scope::Instance);
        assert_eq!(ties(&told), [("eni-1", "e#1", Some(Coincidence::OnlyListed))]);
        assert_eq!(told.before, Before::default(), "nor its groups");
    }
}
