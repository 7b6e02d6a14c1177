//! What traffic shows of interfaces that were put into other security groups, and of subnets that got another route table or network ACL, of evidence
//! made for each case.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};
use crate::effects::{
    ACL, FIELDS, INSIDE, OUTSIDE, PEER, SUBNET, TABLE, VPC, answered_from_noon, asked, call, certain, effects, flow, passages, received,
    records, sent, store_of, store_with,
};

const INSTANCE: &str = "i-0aaaaaaaaaaaaaaa1";
const GROUP: &str = "sg-0aaaaaaaaaaaaaaa1";
/// The group and the ACL that nothing comes through.
const QUARANTINE: &str = "sg-0bbbbbbbbbbbbbbb1";
const CLOSED: &str = "acl-0bbbbbbbbbbbbbbb1";
const OWN: &str = "10.0.0.5";

/// What a call let through, and what it cut off.
fn both(store: &TestStore, of: &str) -> [Value; 2] {
    let all = effects(store, of);
    <[Value; 2]>::try_from(all).unwrap_or_else(|all| panic!("two: {all:?}"))
}

/// The port and which way it went of each conversation.
fn ways(effect: &Value) -> Vec<String> {
    let told =
        |p: &Value| format!("{} {}{}", plain(&p["port"]), plain(&p["direction"]), if p["is_answers"] == true { " answers" } else { "" });
    list(&effect["passages"]).iter().map(told).collect()
}

/// The port, and why it may be a coincidence, of those of one interface.
fn doubts(effect: &Value, interface: &str) -> Vec<(i64, String)> {
    passages(effect).into_iter().filter(|(eni, ..)| eni == interface).map(|(_, port, why)| (port, why.join(" "))).collect()
}

fn text(effect: &Value) -> String {
    plain(&effect["text"])
}

fn groups(group: &str) -> Value {
    json!({"items": [{"groupId": group}]})
}

fn interface() -> Value {
    let made = json!({"networkInterface": {"networkInterfaceId": INSIDE, "subnetId": SUBNET, "vpcId": VPC, "privateIpAddress": OWN,
        "groupSet": groups(GROUP)}});
    call("interface", "08:00:00", "CreateNetworkInterface", json!({"subnetId": SUBNET}), made)
}

fn put(id: &str, time: &str, group: &str) -> Value {
    let request = json!({"networkInterfaceId": INSIDE, "groupSet": groups(group)});
    call(id, time, "ModifyNetworkInterfaceAttribute", request, json!({"_return": true}))
}

fn swapped() -> Value {
    put("swapped", "12:00:00", QUARANTINE)
}

fn swapped_by_instance() -> Value {
    let request = json!({"instanceId": INSTANCE, "groupSet": groups(QUARANTINE)});
    call("swapped", "12:00:00", "ModifyInstanceAttribute", request, json!({"_return": true}))
}

/// Until noon port 22 is reached and 443 asked for; from then on both are refused, and port 8080 is reached, which was refused.
fn turned_at_noon() -> Vec<String> {
    let of = |eni: &&str| {
        let outward = |action| flow(eni, "12:10", [(OWN, 40_000), (PEER, 443)], action);
        let inward = |time, action| flow(eni, time, [(PEER, 50_001), (OWN, 8080)], action);
        [
            asked(eni, "11:00", "ACCEPT"),
            asked(eni, "12:10", "REJECT"),
            sent(eni, "11:00"),
            received(eni, "11:00"),
            outward("REJECT"),
            inward("11:00", "REJECT"),
            inward("12:10", "ACCEPT"),
            flow(eni, "12:10", [(OWN, 8080), (PEER, 50_001)], "ACCEPT"),
        ]
    };
    [INSIDE, OUTSIDE].iter().flat_map(of).collect()
}

#[test]
fn an_interface_that_is_put_into_other_groups_is_told_both_ways() {
    let store = store_of(&[interface(), swapped()], &turned_at_noon());
    let [opened, closed] = both(&store, "swapped");
    let rule = |since: &str| format!("put {INSIDE} into {QUARANTINE} ({GROUP} before; {since} since)");
    for (effect, since) in [(&opened, "let through"), (&closed, "cut off")] {
        assert_eq!([&effect["target"], &effect["rule"], &effect["set_by"]].map(plain), [INSIDE, &rule(since), "interface"]);
        let tied: Vec<[String; 3]> =
            list(&effect["interfaces"]).iter().map(|i| [&i["interface_id"], &i["through"], &i["ref"]].map(plain)).collect();
        assert_eq!(tied, [[INSIDE, "named", "swapped"]], "of the other interface the call says nothing");
    }
    assert_eq!((passages(&opened), ways(&opened)), (certain(INSIDE, 8080), vec!["8080 ingress".to_owned()]));
    assert_eq!(records(&opened["passages"][0]), [1, 0, 2, 0]);
    assert_eq!(passages(&closed), [certain(INSIDE, 22), certain(INSIDE, 443)].concat());
    assert_eq!(ways(&closed), ["22 ingress", "443 egress"]);
    assert_eq!([0, 1].map(|at| records(&closed["passages"][at])), [[0, 1, 0, 1], [0, 2, 0, 1]]);
    assert!(text(&closed).starts_with("Certain: 2 conversations let through before the change and refused after it"), "{closed}");
    assert!(text(&closed).contains("What the groups let through is not gone by"), "{closed}");
    let shown = String::from_utf8_lossy(&store.run(&["network", "--from", "2025-03-01", "--to", "2025-03-02"]).stdout).into_owned();
    let told = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("certain: {PEER} and {INSIDE} tcp/22 ingress: accepted before")), "{shown}");
    assert!(told.contains(&format!("{} on {INSIDE} [swapped], as [interface] has it", rule("cut off"))), "{shown}");
}

/// The call names the interface, whatever else is known of it. The default fields do not say which way a record went.
#[test]
fn a_swap_needs_no_other_call_and_no_direction() {
    let plain_fields = |line: &String| line.split(' ').take(14).collect::<Vec<_>>().join(" ");
    let flows: Vec<String> = turned_at_noon().iter().map(plain_fields).collect();
    let fields = FIELDS.split(' ').take(14).collect::<Vec<_>>().join(" ");
    let [opened, closed] = both(&store_with(&[swapped()], &fields, &flows), "swapped");
    assert_eq!((passages(&opened), ways(&opened)), (certain(INSIDE, 8080), vec!["8080 ingress".to_owned()]));
    assert_eq!(passages(&closed), [certain(INSIDE, 22), certain(INSIDE, 443)].concat());
    assert_eq!(ways(&closed), ["22 ingress", "443 egress"]);
    assert_eq!((&closed["set_by"], plain(&closed["passages"][1]["peer"])), (&Value::Null, PEER.to_owned()));
    assert_eq!(plain(&closed["rule"]), format!("put {INSIDE} into {QUARANTINE} (cut off since)"));
    assert!(text(&closed).contains(&format!("Which groups {INSIDE} had before is not in evidence")), "{closed}");
}

/// Of two swaps each is held against what was so from the one before it to the one after it.
#[test]
fn an_interface_that_is_taken_out_of_quarantine_is_let_through_again() {
    let flows = [("11:00", "ACCEPT"), ("12:10", "REJECT"), ("13:10", "ACCEPT")].map(|(time, action)| asked(INSIDE, time, action));
    // Whichever of the two calls names the interface.
    for (made, quarantined) in [(interface(), swapped()), (launched(), swapped_by_instance())] {
        let store = store_of(&[made, quarantined, put("released", "13:00:00", GROUP)], &flows);
        let ([none, closed], [opened, neither]) = (both(&store, "swapped"), both(&store, "released"));
        assert_eq!([&none, &neither].map(passages), [[], []]);
        assert_eq!([&closed, &opened].map(passages), [certain(INSIDE, 22), certain(INSIDE, 22)]);
        assert_eq!([&closed, &opened].map(|effect| records(&effect["passages"][0])), [[0, 1, 0, 1], [1, 0, 1, 0]]);
        assert!(text(&closed).contains("Flows after [released] do not count: it changed the same."), "{closed}");
        assert!(text(&opened).contains("Flows before [swapped] do not count: it changed the same."), "{opened}");
        assert!(plain(&opened["rule"]).contains(&format!("({QUARANTINE} before; let through since)")), "{opened}");
    }
}

/// A group is asked when a connection begins: what is there goes on.
#[test]
fn what_first_went_on_is_coincident() {
    let flows = [asked(INSIDE, "11:00", "ACCEPT"), asked(INSIDE, "12:10", "ACCEPT"), asked(INSIDE, "12:30", "REJECT")];
    let [opened, closed] = both(&store_of(&[interface(), swapped()], &flows), "swapped");
    assert_eq!((passages(&opened), doubts(&closed, INSIDE)), (Vec::new(), vec![(22, "went_on".to_owned())]));
}

/// That somebody else comes to a port that was open says nothing of the groups.
#[test]
fn what_only_began_is_told_of_ports_that_were_not_open_before() {
    let begun = |port: u16| flow(INSIDE, "12:10", [("198.51.100.10", 50_000), (OWN, port)], "ACCEPT");
    let flows = [asked(INSIDE, "11:00", "ACCEPT"), begun(22), begun(8080)];
    let [opened, closed] = both(&store_of(&[interface(), swapped()], &flows), "swapped");
    assert_eq!((doubts(&opened, INSIDE), passages(&closed)), (vec![(8080, "only_began".to_owned())], Vec::new()));
}

/// The instance is launched with its interface.
fn launched() -> Value {
    let item = json!({"networkInterfaceId": INSIDE, "privateIpAddress": OWN, "groupSet": groups(GROUP)});
    let made = json!({"instancesSet": {"items": [{"instanceId": INSTANCE, "networkInterfaceSet": {"items": [item]}}]}});
    call("launched", "08:00:00", "RunInstances", json!({"groupSet": groups(GROUP)}), made)
}

#[test]
fn an_instance_that_is_put_into_other_groups_is_told_by_its_interface() {
    let flows = turned_at_noon();
    let [opened, closed] = both(&store_of(&[launched(), swapped_by_instance()], &flows), "swapped");
    assert_eq!(passages(&opened), certain(INSIDE, 8080));
    assert_eq!(passages(&closed), [certain(INSIDE, 22), certain(INSIDE, 443)].concat());
    assert_eq!([&closed["target"], &closed["set_by"]].map(plain), [INSTANCE, "launched"]);
    let tie = &closed["interfaces"][0];
    assert_eq!([&tie["through"], &tie["ref"]].map(plain), ["instance", "launched"], "the swap itself does not name the interface");
    // Of two nobody knows which was meant.
    let second = json!({"networkInterfaceId": OUTSIDE, "instanceId": INSTANCE, "deviceIndex": 1});
    let second = call("second", "09:00:00", "AttachNetworkInterface", second, json!({"attachmentId": "eni-attach-0aaaaaaaaaaaaaaa1"}));
    let [_, closed] = both(&store_of(&[launched(), second, swapped_by_instance()], &flows), "swapped");
    for interface in [INSIDE, OUTSIDE] {
        assert_eq!(doubts(&closed, interface), [22, 443].map(|port| (port, "one_of_several".to_owned())), "{interface}");
    }
    assert!(text(&closed).contains("had 2 interfaces then, and the call does not say which"), "{closed}");
    // Where nothing names an interface of the instance, no flow is its.
    let [opened, closed] = both(&store_of(&[swapped_by_instance()], &flows), "swapped");
    assert_eq!((passages(&opened), passages(&closed)), (Vec::new(), Vec::new()));
    assert!(
        text(&closed).contains(&format!("no evidence ties an interface to {INSTANCE}. Which interface {INSTANCE} had then")),
        "{closed}"
    );
}

/// Flow logs may have the field.
#[test]
fn records_from_before_and_after_may_name_the_instance() {
    let fields = format!("{FIELDS} instance-id");
    let of = |line: &String| format!("{line} {}", if line.contains(INSIDE) { INSTANCE } else { "i-0bbbbbbbbbbbbbbb1" });
    let flows: Vec<String> = turned_at_noon().iter().map(of).collect();
    let [_, closed] = both(&store_with(&[swapped_by_instance()], &fields, &flows), "swapped");
    assert_eq!(passages(&closed), [certain(INSIDE, 22), certain(INSIDE, 443)].concat());
    assert!(plain(&closed["interfaces"][0]["ref"]).contains('#'), "a flow record: {closed}");
    // Named after the change alone, it may have been another's before.
    let late = [(asked(INSIDE, "11:00", "ACCEPT"), "-"), (asked(INSIDE, "12:10", "REJECT"), INSTANCE)];
    let late = late.map(|(line, instance)| format!("{line} {instance}"));
    let [_, closed] = both(&store_with(&[swapped_by_instance()], &fields, &late), "swapped");
    assert_eq!(passages(&closed), []);
}

/// The subnet's ACL is replaced at noon.
fn replaced() -> Value {
    let request = json!({"associationId": "aclassoc-0aaaaaaaaaaaaaaa1", "networkAclId": CLOSED});
    call("replaced", "12:00:00", "ReplaceNetworkAclAssociation", request, json!({"newAssociationId": "aclassoc-0bbbbbbbbbbbbbbb1"}))
}

fn made(id: &str, acl: &str, associations: &[Value]) -> Value {
    let made = json!({"networkAcl": {"networkAclId": acl, "vpcId": VPC, "default": false, "associationSet": {"items": associations}}});
    call(id, "08:00:00", "CreateNetworkAcl", json!({"vpcId": VPC}), made)
}

/// What comes in is refused from noon on, what goes out is not.
fn refused_inward_from_noon() -> Vec<String> {
    let of = |eni: &&str| {
        [
            asked(eni, "11:00", "ACCEPT"),
            sent(eni, "11:00"),
            received(eni, "11:00"),
            asked(eni, "12:10", "REJECT"),
            sent(eni, "12:10"),
            flow(eni, "12:10", [(PEER, 443), (OWN, 40_000)], "REJECT"),
        ]
    };
    [INSIDE, OUTSIDE].iter().flat_map(of).collect()
}

#[test]
fn an_acl_that_is_replaced_cuts_off_answers_as_well() {
    let association = json!({"networkAclAssociationId": "aclassoc-0aaaaaaaaaaaaaaa1", "networkAclId": ACL, "subnetId": SUBNET});
    let store = store_of(&[made("acl", ACL, &[association]), replaced()], &refused_inward_from_noon());
    let [opened, closed] = both(&store, "replaced");
    assert_eq!(passages(&opened), []);
    assert_eq!(passages(&closed), [certain(INSIDE, 22), certain(INSIDE, 443)].concat());
    assert_eq!(ways(&closed), ["22 ingress", "443 ingress answers"]);
    assert_eq!([0, 1].map(|at| records(&closed["passages"][at])), [[0, 1, 0, 1], [0, 1, 0, 1]]);
    assert_eq!([&closed["target"], &closed["set_by"]].map(plain), [SUBNET, "acl"]);
    assert!(plain(&closed["rule"]).ends_with(&format!("({ACL} before; cut off since)")), "{closed}");
    let had: Vec<[String; 4]> =
        list(&closed["subnets"]).iter().map(|s| [&s["subnet_id"], &s["target"], &s["from"], &s["to"]].map(plain)).collect();
    let noon = "2025-03-01T12:00:00Z";
    assert_eq!(had, [[SUBNET, ACL, "2025-03-01T08:00:00Z", noon], [SUBNET, CLOSED, noon, "-"]]);
}

/// The call names the subnet by an association, of which other evidence may not say whose it was.
#[test]
fn an_acl_of_a_subnet_that_no_evidence_names_is_tied_by_its_vpc_alone() {
    let flows = refused_inward_from_noon();
    let [_, closed] = both(&store_of(&[made("closed", CLOSED, &[]), replaced()], &flows), "replaced");
    for interface in [INSIDE, OUTSIDE] {
        assert_eq!(doubts(&closed, interface), [22, 443].map(|port| (port, "only_vpc".to_owned())), "{interface}");
    }
    assert!(
        text(&closed).contains("Which subnet it was, no evidence read says (the call names it by the id of an association"),
        "{closed}"
    );
    let [_, closed] = both(&store_of(&[replaced()], &flows), "replaced");
    assert_eq!(doubts(&closed, INSIDE), [22, 443].map(|port| (port, "not_tied".to_owned())));
    assert!(text(&closed).contains("nor in which VPC"), "{closed}");
    assert_eq!(plain(&closed["target"]), CLOSED);
}

#[test]
fn a_subnet_that_gets_another_route_table_is_told_by_who_answers() {
    let answer = json!({"routeTable": {"routeTableId": TABLE, "vpcId": VPC, "associationSet": {}}});
    let association = json!({"associationId": "rtbassoc-0aaaaaaaaaaaaaaa1"});
    let calls = [
        call("table", "09:00:00", "CreateRouteTable", json!({"vpcId": VPC}), answer),
        call("given", "12:00:00", "AssociateRouteTable", json!({"routeTableId": TABLE, "subnetId": SUBNET}), association.clone()),
        call("taken", "14:00:00", "DisassociateRouteTable", association, json!({"_return": true})),
    ];
    let mut flows = answered_from_noon();
    flows.extend([INSIDE, OUTSIDE].map(|eni| sent(eni, "14:10")));
    let store = store_of(&calls, &flows);
    let [opened, closed] = both(&store, "given");
    assert_eq!((passages(&opened), passages(&closed)), (certain(INSIDE, 443), Vec::new()));
    assert_eq!(records(&opened["passages"][0]), [0, 1, 2, 0], "what is sent after the table was taken away does not count");
    let rule = format!("gave route table {TABLE} to {SUBNET} (the main table of its VPC before; let through since)");
    assert_eq!([&opened["target"], &opened["rule"]].map(plain), [SUBNET, &rule]);
    let [opened, closed] = both(&store, "taken");
    assert_eq!((passages(&opened), passages(&closed)), (Vec::new(), certain(INSIDE, 443)));
    assert_eq!([&closed["target"], &closed["set_by"]].map(plain), [SUBNET, "given"]);
    assert!(plain(&closed["rule"]).ends_with(&format!("({TABLE} before, then the main table of its VPC; cut off since)")), "{closed}");
    assert!(text(&closed).contains("Where the routes of the tables lead is not gone by"), "{closed}");
}
