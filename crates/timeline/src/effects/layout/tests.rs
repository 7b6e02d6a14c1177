//! How a network is laid out, call by call.

use serde_json::{Value, json};

use super::*;
use crate::event::Event;

const HOUR: i64 = 3_600_000_000;

/// A call carried out at an hour, cited by its name and hour.
fn call(layout: &mut Layout, hour: i64, name: &str, request: &Value, response: &Value) {
    let (request, response, id) = (request.to_string(), response.to_string(), format!("{name}@{hour}"));
    layout.take_event(&Event {
        event_time: Some(hour * HOUR),
        event_id: Some(&id),
        event_name: Some(name),
        event_source: Some("ec2.amazonaws.com"),
        request_parameters: Some(&request),
        response_elements: Some(&response),
        ..Event::default()
    });
}

/// A subnet, since which hour, from when to when as told, and the citations.
type Told = (String, i64, bool, bool, Vec<String>);

fn told(layout: &Layout, id: &str, hour: i64) -> Vec<Told> {
    let reach = layout.reach(id, hour * HOUR, true);
    reach.subnets.into_iter().map(|s| (s.subnet_id, s.since / HOUR, s.from.is_some(), s.to.is_some(), s.refs)).collect()
}

/// The calls of a day on two route tables: `rtb-1` goes from subnet to subnet.
fn day() -> Vec<(i64, &'static str, Value, Value)> {
    let associate =
        |table: &str, subnet: &str, id: &str| (json!({"routeTableId": table, "subnetId": subnet}), json!({"associationId": id}));
    let (one, two) = (associate("rtb-1", "subnet-1", "rtbassoc-1"), associate("rtb-2", "subnet-2", "rtbassoc-2"));
    vec![
        (
            0,
            "CreateRouteTable",
            json!({"vpcId": "vpc-1"}),
            json!({"routeTable": {"routeTableId": "rtb-1", "vpcId": "vpc-1", "associationSet": {}}}),
        ),
        (1, "AssociateRouteTable", one.0, one.1),
        (1, "AssociateRouteTable", two.0, two.1),
        (
            5,
            "ReplaceRouteTableAssociation",
            json!({"associationId": "rtbassoc-1", "routeTableId": "rtb-2"}),
            json!({"newAssociationId": "rtbassoc-3"}),
        ),
        (9, "DisassociateRouteTable", json!({"associationId": "rtbassoc-3"}), Value::Null),
    ]
}

/// What calls say of a day, begun with each of them in turn.
fn begun_with_each(calls: &[(i64, &'static str, Value, Value)]) -> Vec<Layout> {
    let read = |first: usize| {
        let mut layout = Layout::default();
        calls[first..]
            .iter()
            .chain(&calls[..first])
            .for_each(|(hour, name, request, response)| call(&mut layout, *hour, name, request, response));
        layout.finish();
        layout
    };
    (0..calls.len()).map(read).collect()
}

#[test]
fn a_table_is_of_the_subnets_that_calls_gave_it_to_whatever_order_they_are_read_in() {
    for layout in begun_with_each(&day()) {
        let refs = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let until_five = refs(&["AssociateRouteTable@1", "ReplaceRouteTableAssociation@5"]);
        assert_eq!(told(&layout, "rtb-1", 3), [("subnet-1".to_owned(), 3, true, true, until_five)]);
        assert_eq!(told(&layout, "rtb-1", 6), [], "it was taken from the subnet an hour before");
        let second = told(&layout, "rtb-2", 6);
        let of_first = refs(&["ReplaceRouteTableAssociation@5", "DisassociateRouteTable@9"]);
        assert_eq!(
            second,
            [("subnet-1".to_owned(), 6, true, true, of_first), ("subnet-2".to_owned(), 6, true, false, refs(&["AssociateRouteTable@1"]))]
        );
        let reach = layout.reach("rtb-1", 12 * HOUR, true);
        assert_eq!(reach.vpc, Some(("vpc-1".to_owned(), "CreateRouteTable@0".to_owned())));
        assert_eq!(reach.elsewhere, BTreeSet::from(["subnet-2".to_owned()]), "of subnet-1 nobody knows what it has now");
    }
}

#[test]
fn what_a_table_is_given_to_after_a_change_has_the_change_from_then_on() {
    let mut layout = Layout::default();
    let response = json!({"associationId": "rtbassoc-1"});
    call(&mut layout, 2, "AssociateRouteTable", &json!({"routeTableId": "rtb-1", "subnetId": "subnet-1"}), &response);
    call(
        &mut layout,
        2,
        "AssociateRouteTable",
        &json!({"routeTableId": "rtb-1", "gatewayId": "igw-1"}),
        &json!({"associationId": "rtbassoc-2"}),
    );
    layout.finish();
    assert_eq!(told(&layout, "rtb-1", 1), [("subnet-1".to_owned(), 2, true, false, vec!["AssociateRouteTable@2".to_owned()])]);
    assert_eq!(layout.reach("rtb-1", HOUR, false), Reach::default(), "what is removed is not there later");
    assert!(layout.reach("rtb-1", HOUR, true).unnamed.is_empty(), "a gateway's table is no subnet's");
    assert_eq!(told(&layout, "rtb-1", -23), [], "more than a day later");
}

#[test]
fn an_acl_is_given_to_a_subnet_that_no_call_names_but_the_one_that_made_the_acl() {
    let mut layout = Layout::default();
    let made = json!({"networkAcl": {"networkAclId": "acl-1", "vpcId": "vpc-1", "default": false, "associationSet": {"items": [
        {"networkAclAssociationId": "aclassoc-1", "networkAclId": "acl-1", "subnetId": "subnet-1"}]}}});
    call(&mut layout, 1, "CreateNetworkAcl", &json!({"vpcId": "vpc-1"}), &made);
    let replace = |old: &str, acl: &str| json!({"associationId": old, "networkAclId": acl});
    call(&mut layout, 3, "ReplaceNetworkAclAssociation", &replace("aclassoc-1", "acl-2"), &json!({"newAssociationId": "aclassoc-2"}));
    call(&mut layout, 4, "ReplaceNetworkAclAssociation", &replace("aclassoc-7", "acl-2"), &json!({"newAssociationId": "aclassoc-8"}));
    layout.finish();
    let reach = layout.reach("acl-2", 5 * HOUR, true);
    assert_eq!(reach.subnets.iter().map(|s| s.subnet_id.as_str()).collect::<Vec<_>>(), ["subnet-1"]);
    assert_eq!(reach.unnamed, BTreeSet::from(["ReplaceNetworkAclAssociation@4".to_owned()]));
    assert_eq!((reach.vpc, reach.is_main), (None, None));
}

#[test]
fn the_main_table_and_the_default_acl_are_told_where_an_answer_says_so() {
    let mut layout = Layout::default();
    let main = json!({"routeTable": {"routeTableId": "rtb-1", "vpcId": "vpc-1", "associationSet": {"items": [
        {"routeTableAssociationId": "rtbassoc-1", "routeTableId": "rtb-1", "main": true}]}}});
    call(&mut layout, 1, "CreateRouteTable", &json!({"vpcId": "vpc-1"}), &main);
    let request = json!({"associationId": "rtbassoc-1", "routeTableId": "rtb-2"});
    call(&mut layout, 5, "ReplaceRouteTableAssociation", &request, &json!({"newAssociationId": "rtbassoc-2"}));
    let acl = json!({"networkAcl": {"networkAclId": "acl-1", "vpcId": "vpc-1", "default": true}});
    call(&mut layout, 1, "CreateNetworkAcl", &json!({"vpcId": "vpc-1"}), &acl);
    layout.finish();
    let main = |id: &str, hour: i64| layout.reach(id, hour * HOUR, false).is_main;
    assert_eq!((main("rtb-1", 3), main("rtb-2", 3)), (Some("CreateRouteTable@1".to_owned()), None));
    assert_eq!((main("rtb-1", 6), main("rtb-2", 6)), (None, Some("ReplaceRouteTableAssociation@5".to_owned())));
    assert_eq!(main("acl-1", 6), Some("CreateNetworkAcl@1".to_owned()));
}

/// What a call gave: the subnet, what it had before in words, what says so, and whether it is about all that have none of their own.
type Gave = (Option<String>, Vec<String>, Option<String>, bool);

fn given(layout: &Layout, target: &str, hour: i64, by: &str) -> Gave {
    let given = layout.given(target, hour * HOUR, &format!("{by}@{hour}"));
    (given.subnet.clone(), given.words(), given.set_by.clone(), given.reach.is_main.is_some())
}

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_a_call_gives_a_subnet_is_told_with_what_it_had_before() {
    for layout in begun_with_each(&day()) {
        let main = "the main table of its VPC";
        // Two calls have this citation here.
        assert_eq!(given(&layout, "subnet-2", 1, "AssociateRouteTable").1, [format!("{main} before")]);
        let (replace, first) = ("ReplaceRouteTableAssociation", own("AssociateRouteTable@1"));
        assert_eq!(given(&layout, "rtb-2", 5, replace), (own("subnet-1"), vec!["rtb-1 before".to_owned()], first, false));
        let taken =
            (own("subnet-1"), vec!["rtb-2 before".to_owned(), format!("then {main}")], own("ReplaceRouteTableAssociation@5"), false);
        assert_eq!(given(&layout, "rtbassoc-3", 9, "DisassociateRouteTable"), taken);
        let reach = layout.given("rtb-2", 5 * HOUR, "ReplaceRouteTableAssociation@5").reach;
        let had: Vec<(&str, &str)> = reach.subnets.iter().map(|s| (s.subnet_id.as_str(), s.target.as_str())).collect();
        assert_eq!(had, [("subnet-1", "rtb-1"), ("subnet-1", "rtb-2")]);
        assert_eq!(reach.vpc, Some(("vpc-1".to_owned(), "CreateRouteTable@0".to_owned())));
        assert_eq!(reach.elsewhere, BTreeSet::from(["subnet-2".to_owned()]));
    }
}

#[test]
fn whose_an_association_was_a_listing_may_say() {
    let replace = |layout: &mut Layout, old: &str| {
        let request = json!({"associationId": old, "networkAclId": "acl-2"});
        call(layout, 5, "ReplaceNetworkAclAssociation", &request, &json!({"newAssociationId": "aclassoc-2"}));
    };
    let mut layout = Layout::default();
    replace(&mut layout, "aclassoc-1");
    layout.finish();
    let alone = layout.given("acl-2", 5 * HOUR, "ReplaceNetworkAclAssociation@5");
    assert_eq!((&alone.subnet, alone.words(), &alone.reach.vpc), (&None, vec![], &None));
    let [said] = <[String; 1]>::try_from(alone.unknown("acl-2")).expect("a sentence");
    assert!(said.starts_with("Which subnet it was, no evidence read says, nor in which VPC"), "{said}");
    // The listing is from after the call: it has the new association.
    let mut layout = Layout::default();
    replace(&mut layout, "aclassoc-1");
    let told = json!({"NetworkAclId": "acl-2", "VpcId": "vpc-1", "Associations": [
        {"NetworkAclAssociationId": "aclassoc-2", "NetworkAclId": "acl-2", "SubnetId": "subnet-1"}]});
    layout.take_listed(&told, Vec::new(), "e#1");
    layout.finish();
    let listed = layout.given("acl-2", 5 * HOUR, "ReplaceNetworkAclAssociation@5");
    assert_eq!((listed.subnet.as_deref(), listed.words(), listed.unknown("acl-2")), (Some("subnet-1"), vec![], vec![]));
    assert!(!listed.reach.subnets[0].only_listed, "the call says when");
}

#[test]
fn a_main_table_that_is_replaced_is_that_of_all_subnets_without_their_own() {
    let mut layout = Layout::default();
    let main = json!({"routeTable": {"routeTableId": "rtb-1", "vpcId": "vpc-1", "associationSet": {"items": [
        {"routeTableAssociationId": "rtbassoc-1", "routeTableId": "rtb-1", "main": true}]}}});
    call(&mut layout, 1, "CreateRouteTable", &json!({"vpcId": "vpc-1"}), &main);
    let other = json!({"routeTableId": "rtb-3", "subnetId": "subnet-3"});
    call(&mut layout, 2, "AssociateRouteTable", &other, &json!({"associationId": "rtbassoc-3"}));
    let request = json!({"associationId": "rtbassoc-1", "routeTableId": "rtb-2"});
    call(&mut layout, 5, "ReplaceRouteTableAssociation", &request, &json!({"newAssociationId": "rtbassoc-2"}));
    layout.finish();
    let given = layout.given("rtb-2", 5 * HOUR, "ReplaceRouteTableAssociation@5");
    assert_eq!((&given.subnet, given.words()), (&None, vec!["rtb-1 before".to_owned()]));
    assert_eq!(given.reach.elsewhere, BTreeSet::from(["subnet-3".to_owned()]));
    let [said] = <[String; 1]>::try_from(given.unknown("rtb-2")).expect("a sentence");
    assert!(said.starts_with("The call is about all subnets of vpc-1 [CreateRouteTable@1] that have no table of their own"), "{said}");
}

#[test]
fn routes_lead_somewhere_until_they_are_replaced_or_removed() {
    let mut layout = Layout::default();
    let route = |hop: &str| json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": hop});
    call(&mut layout, 1, "CreateRoute", &route("nat-1"), &Value::Null);
    call(&mut layout, 2, "ReplaceRoute", &route("nat-2"), &Value::Null);
    call(&mut layout, 3, "DeleteRoute", &json!({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}), &Value::Null);
    layout.finish();
    let tables = |hop: &str, hour: i64, later: bool| layout.routes_to(hop, hour * HOUR, later).len();
    assert_eq!((tables("nat-1", 0, true), tables("nat-1", 0, false), tables("nat-1", 1, false)), (1, 0, 1));
    assert_eq!((tables("nat-1", 3, true), tables("nat-2", 3, true), tables("nat-2", 4, true)), (0, 1, 0));
}

#[test]
fn an_entry_is_what_the_last_call_before_made_it() {
    let mut layout = Layout::default();
    let entry = |port: u16| {
        json!({"networkAclId": "acl-1", "ruleNumber": 100, "egress": false, "ruleAction": "allow", "aclProtocol": "6", "cidrBlock": "0.0.0.0/0",
            "portRange": {"from": port, "to": port}})
    };
    call(&mut layout, 1, "CreateNetworkAclEntry", &entry(22), &Value::Null);
    call(&mut layout, 2, "ReplaceNetworkAclEntry", &entry(80), &Value::Null);
    call(&mut layout, 3, "DeleteNetworkAclEntry", &json!({"networkAclId": "acl-1", "ruleNumber": 100, "egress": false}), &Value::Null);
    layout.finish();
    let place =
        |acl: &str, direction| Rule { direction: Some(direction), number: Some(100), target: Some(acl.to_owned()), ..Rule::default() };
    let before = |place: &Rule, hour: i64, by: &str| {
        layout.set_before(place, hour * HOUR, by).into_iter().map(|set| set.rule.ports.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let own = place("acl-1", "ingress");
    assert_eq!(before(&own, 2, "ReplaceNetworkAclEntry@2"), ["22"]);
    assert_eq!(before(&own, 3, "DeleteNetworkAclEntry@3"), ["80"]);
    assert_eq!(before(&own, 4, ""), Vec::<String>::new(), "it was taken away already");
    assert_eq!(before(&own, 1, "CreateNetworkAclEntry@1"), Vec::<String>::new());
    assert_eq!(before(&place("acl-1", "egress"), 3, ""), Vec::<String>::new());
    assert_eq!(before(&place("acl-2", "ingress"), 3, ""), Vec::<String>::new());
}

#[test]
fn listings_say_what_no_call_does_and_not_when() {
    let mut layout = Layout::default();
    let listed = |layout: &mut Layout, told: &Value| layout.take_listed(told, read::listed_rules(told), "e#1");
    listed(
        &mut layout,
        &json!({"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Associations": [
            {"NetworkAclAssociationId": "aclassoc-1", "NetworkAclId": "acl-1", "SubnetId": "subnet-1"},
            {"NetworkAclAssociationId": "aclassoc-2", "NetworkAclId": "acl-1", "SubnetId": "subnet-2"}],
            "Entries": [{"RuleNumber": 90, "Protocol": "6", "RuleAction": "deny", "Egress": false, "CidrBlock": "198.51.100.0/24",
                "PortRange": {"From": 22, "To": 22}}]}),
    );
    listed(
        &mut layout,
        &json!({"RouteTableId": "rtb-1", "Associations": [{"RouteTableAssociationId": "rtbassoc-1", "SubnetId": "subnet-1", "Main": false}],
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}, {"DestinationCidrBlock": "10.9.0.0/16", "NatGatewayId": "nat-1"}]}),
    );
    let replace = json!({"associationId": "aclassoc-1", "networkAclId": "acl-2"});
    call(&mut layout, 5, "ReplaceNetworkAclAssociation", &replace, &json!({"newAssociationId": "aclassoc-3"}));
    let route = json!({"routeTableId": "rtb-1", "destinationCidrBlock": "10.9.0.0/16"});
    call(&mut layout, 6, "DeleteRoute", &route, &Value::Null);
    layout.finish();
    let told = |id: &str, hour: i64| -> Vec<(String, bool, Vec<String>)> {
        let reach = layout.reach(id, hour * HOUR, false);
        reach.subnets.into_iter().map(|s| (s.subnet_id, s.only_listed, s.refs)).collect()
    };
    let refs = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    // A call ended the first, so that it was there before; of the second nobody says when.
    let ended = ("subnet-1".to_owned(), false, refs(&["e#1", "ReplaceNetworkAclAssociation@5"]));
    let second = ("subnet-2".to_owned(), true, refs(&["e#1"]));
    assert_eq!(told("acl-1", 3), [ended, second.clone()]);
    assert_eq!(told("acl-1", 6), [second]);
    assert_eq!(told("acl-2", 6), [("subnet-1".to_owned(), false, refs(&["ReplaceNetworkAclAssociation@5"]))]);
    let leads: Vec<(String, bool)> =
        layout.routes_to("nat-1", 3 * HOUR, false).into_iter().map(|route| (route.destination, route.only_listed)).collect();
    assert_eq!(leads, [("0.0.0.0/0".to_owned(), true)], "of the other nobody knows whether it was listed before it was removed or after");
    let place = Rule { direction: Some("ingress"), number: Some(90), target: Some("acl-1".to_owned()), ..Rule::default() };
    let entries: Vec<String> = layout.set_before(&place, 3 * HOUR, "").into_iter().map(|set| set.rule.words()).collect();
    assert_eq!(entries, ["deny ingress tcp/22 from 198.51.100.0/24, rule 90"]);
}
