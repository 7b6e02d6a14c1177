//! Calls that put an interface into other security groups, or give a subnet another route table or network ACL. What such a call lets through and what it
//! cuts off it does not say: it is two doors, one that opens and one that closes, of any traffic that groups, tables or ACLs are about.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::{NetworkClass, action_name};
use backtrail_model::time::MICROS_PER_SECOND;

use super::{Course, Door, Peers, Scope, door, resource};
use crate::item::Item;

/// What something had before a call gave it something else, as far as evidence says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::effects) struct Before {
    /// What it had, and what it has since where the call does not say that, in words.
    pub(in crate::effects) words: Vec<String>,
    /// Citation of what says so.
    pub(in crate::effects) set_by: Option<String>,
    /// The subnet, which the call may not name.
    pub(in crate::effects) subnet: Option<String>,
}

impl Door {
    /// Whether something got something else of a kind.
    pub(in crate::effects) fn is_swap(&self) -> bool {
        matches!(self.scope, Scope::Interface | Scope::Instance | Scope::Given)
    }

    /// Whether a record is of the time between the swaps next to this one. Times of records may be off by some seconds.
    pub(in crate::effects) fn is_between(&self, (start, end): (i64, i64), off: i64) -> bool {
        let second = |next: &Option<(i64, String)>| next.as_ref().map(|(time, _)| time.div_euclid(MICROS_PER_SECOND));
        let [before, after] = self.next_to.each_ref().map(second);
        before.is_none_or(|before| start > before + off) && after.is_none_or(|after| end < after)
    }

    /// With what was there before a swap, and which of its two doors this is.
    pub(in crate::effects) fn with_what_was_before(self, before: &Before) -> Self {
        if !self.is_swap() {
            return self;
        }
        let since = if self.opens { "let through since" } else { "cut off since" };
        let had = if before.words.is_empty() { String::new() } else { format!("{}; ", before.words.join(", ")) };
        let words = format!("{} ({had}{since})", self.words);
        let target = before.subnet.clone().unwrap_or(self.target);
        Self { words, target, set_by: before.set_by.clone(), ..self }
    }
}

/// Tells each swap which others there are next to it of the same thing: an interface that is put into quarantine and taken out again. What each is of
/// stands before it.
pub(in crate::effects) fn keep_apart<'d>(doors: impl Iterator<Item = (String, &'d mut Door)>) {
    let mut of_one: BTreeMap<(Course, String), Vec<&mut Door>> = BTreeMap::new();
    for (of, door) in doors {
        of_one.entry((door.course, of)).or_default().push(door);
    }
    for doors in of_one.into_values() {
        let times: BTreeSet<(i64, String)> = doors.iter().map(|door| (door.at, door.reference.clone())).collect();
        for door in doors {
            let before = times.iter().rev().find(|(time, _)| *time < door.at);
            let after = times.iter().find(|(time, _)| *time > door.at);
            door.next_to = [before.cloned(), after.cloned()];
        }
    }
}

/// The doors of a call that swaps groups, tables or ACLs.
pub(super) fn of_call(item: &Item) -> Vec<Door> {
    let (Some(class), Some(name)) = (item.network_class, item.event_name.as_deref()) else { return Vec::new() };
    let meant = match (class, action_name(name)) {
        (NetworkClass::SecurityGroup, "ModifyNetworkInterfaceAttribute") => Some(("network-interface", Scope::Interface, Course::Asked)),
        (NetworkClass::SecurityGroup, "ModifyInstanceAttribute") => Some(("instance", Scope::Instance, Course::Asked)),
        // Of a gateway's table it names no subnet.
        (NetworkClass::Route, "AssociateRouteTable") => Some(("subnet", Scope::Given, Course::Both)),
        (NetworkClass::Route, "ReplaceRouteTableAssociation") => Some(("route-table", Scope::Given, Course::Both)),
        (NetworkClass::Route, "DisassociateRouteTable") => Some(("route-table-association", Scope::Given, Course::Both)),
        (NetworkClass::NetworkAcl, "ReplaceNetworkAclAssociation") => Some(("network-acl", Scope::Given, Course::Sent)),
        _ => None,
    };
    let Some((target, (_, scope, course))) = meant.and_then(|meant| Some((resource(item, meant.0)?, meant))) else { return Vec::new() };
    // Tables lead wherever their routes do, and what they have in common is the way out.
    let peers = if course == Course::Both { Peers::External } else { Peers::Anyone };
    let one = |opens| {
        let door = door(item, opens, target.clone(), scope.clone(), item.summary.clone())?;
        Some(Door { course, peers: vec![peers], ..door })
    };
    [true, false].into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::Event;

    /// Which doors a call is: what it is about, and whether it opens or closes.
    fn doors(name: &str, request: &Value) -> Vec<(String, bool, Scope, Course)> {
        let request = request.to_string();
        let item = Item::of(
            &Event {
                event_time: Some(0),
                event_id: Some("call"),
                event_name: Some(name),
                event_source: Some("ec2.amazonaws.com"),
                aws_region: Some("us-east-1"),
                recipient_account_id: Some("111122223333"),
                request_parameters: Some(&request),
                ..Event::default()
            },
            None,
        );
        of_call(&item).into_iter().map(|door| (door.target, door.opens, door.scope, door.course)).collect()
    }

    fn both(target: &str, scope: &Scope, course: Course) -> Vec<(String, bool, Scope, Course)> {
        [true, false].map(|opens| (target.to_owned(), opens, scope.clone(), course)).to_vec()
    }

    #[test]
    fn a_swap_is_two_doors() {
        let (eni, instance, subnet) = ("eni-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa1");
        let (table, acl, association) = ("rtb-0aaaaaaaaaaaaaaa1", "acl-0aaaaaaaaaaaaaaa1", "rtbassoc-0aaaaaaaaaaaaaaa1");
        let groups = json!({"items": [{"groupId": "sg-0aaaaaaaaaaaaaaa1"}]});
        let cases = [
            (
                "ModifyNetworkInterfaceAttribute",
                json!({"networkInterfaceId": eni, "groupSet": groups}),
                both(eni, &Scope::Interface, Course::Asked),
            ),
            (
                "ModifyInstanceAttribute",
                json!({"instanceId": instance, "groupSet": groups}),
                both(instance, &Scope::Instance, Course::Asked),
            ),
            ("AssociateRouteTable", json!({"routeTableId": table, "subnetId": subnet}), both(subnet, &Scope::Given, Course::Both)),
            (
                "ReplaceRouteTableAssociation",
                json!({"routeTableId": table, "associationId": association}),
                both(table, &Scope::Given, Course::Both),
            ),
            ("DisassociateRouteTable", json!({"associationId": association}), both(association, &Scope::Given, Course::Both)),
            (
                "ReplaceNetworkAclAssociation",
                json!({"networkAclId": acl, "associationId": "aclassoc-0aaaaaaaaaaaaaaa1"}),
                both(acl, &Scope::Given, Course::Sent),
            ),
            // Other attributes, and the table of a gateway.
            ("ModifyNetworkInterfaceAttribute", json!({"networkInterfaceId": eni, "sourceDestCheck": {"value": false}}), Vec::new()),
            ("ModifyInstanceAttribute", json!({"instanceId": instance, "userData": {"value": "x"}}), Vec::new()),
            ("AssociateRouteTable", json!({"routeTableId": table, "gatewayId": "igw-0aaaaaaaaaaaaaaa1"}), Vec::new()),
        ];
        for (name, request, expected) in cases {
            assert_eq!(doors(name, &request), expected, "{name} {request}");
        }
    }
}
