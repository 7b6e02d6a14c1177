//! What traffic shows of changes to network ACLs, routes and gateways, of evidence made for each case: times are of the first of March 2025.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, number, plain};

/// Midnight, as flow records write it.
const MIDNIGHT: i64 = 1_740_787_200;
pub(crate) const PEER: &str = "198.51.100.9";
pub(crate) const VPC: &str = "vpc-0aaaaaaaaaaaaaaa1";
pub(crate) const SUBNET: &str = "subnet-0aaaaaaaaaaaaaaa1";
const OTHER_SUBNET: &str = "subnet-0bbbbbbbbbbbbbbb1";
pub(crate) const TABLE: &str = "rtb-0aaaaaaaaaaaaaaa1";
pub(crate) const ACL: &str = "acl-0aaaaaaaaaaaaaaa1";
const NAT: &str = "nat-0aaaaaaaaaaaaaaa1";
/// In the subnet, in the other one, and in one of another VPC.
pub(crate) const INSIDE: &str = "eni-0aaaaaaaaaaaaaaa1";
pub(crate) const OUTSIDE: &str = "eni-0bbbbbbbbbbbbbbb1";
const ABROAD: &str = "eni-0ccccccccccccccc1";

/// A call of EC2; its id is its name here.
pub(crate) fn call(id: &str, time: &str, name: &str, request: Value, response: Value) -> Value {
    json!({"eventVersion": "1.08", "eventTime": format!("2025-03-01T{time}Z"), "eventSource": "ec2.amazonaws.com", "eventName": name, "eventID": id,
        "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "readOnly": false, "eventType": "AwsApiCall", "eventCategory": "Management",
        "managementEvent": true, "sourceIPAddress": "198.51.100.7", "requestParameters": request, "responseElements": response,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve", "accountId": "111122223333", "principalId": "AIDAEVE",
            "userName": "eve"}})
}

/// A record of a minute: of which interface, at which time, between whom, and what became of it.
pub(crate) fn flow(interface: &str, time: &str, ends: [(&str, u16); 2], action: &str) -> String {
    let (vpc, subnet) = match interface {
        INSIDE => (VPC, SUBNET),
        OUTSIDE => (VPC, OTHER_SUBNET),
        _ => ("vpc-0ccccccccccccccc1", "subnet-0ccccccccccccccc1"),
    };
    let mut parts = time.split(':').map(|part| part.parse::<i64>().expect("a number"));
    let mut next = || parts.next().expect("hour and minute");
    let start = MIDNIGHT + next() * 3_600 + next() * 60;
    let way = if ends[0].0.starts_with("198.51.100.") { "ingress" } else { "egress" };
    let [(source, from), (destination, to)] = ends;
    format!(
        "5 111122223333 {interface} {source} {destination} {from} {to} 6 10 1000 {start} {} {action} OK {vpc} {subnet} {way}",
        start + 59
    )
}

/// What an interface sends to the peer's port 443, and what comes back.
pub(crate) fn sent(interface: &str, time: &str) -> String {
    flow(interface, time, [("10.0.0.5", 40_000), (PEER, 443)], "ACCEPT")
}

pub(crate) fn received(interface: &str, time: &str) -> String {
    flow(interface, time, [(PEER, 443), ("10.0.0.5", 40_000)], "ACCEPT")
}

/// The peer asks for port 22.
pub(crate) fn asked(interface: &str, time: &str, action: &str) -> String {
    flow(interface, time, [(PEER, 50_000), ("10.0.0.5", 22)], action)
}

/// The fields of those records.
pub(crate) const FIELDS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status \
                                 vpc-id subnet-id flow-direction";

pub(crate) fn store_of(calls: &[Value], flows: &[String]) -> TestStore {
    store_with(calls, FIELDS, flows)
}

/// The same, of records that have other fields.
pub(crate) fn store_with(calls: &[Value], fields: &str, flows: &[String]) -> TestStore {
    let store = TestStore::new();
    let scratch = store.scratch();
    std::fs::write(scratch.join("calls.json"), json!({"Records": calls}).to_string()).expect("written");
    let log = scratch.join("111122223333_vpcflowlogs_us-east-1_fl-0aaaaaaaaaaaaaaa1_20250301T1200Z_0a1b2c3d.log");
    std::fs::write(log, format!("{fields}\n{}\n", flows.join("\n"))).expect("written");
    store.ingest(&scratch);
    store
}

/// The effects of a call, by its name.
pub(crate) fn effects(store: &TestStore, of: &str) -> Vec<Value> {
    let answer = store.json(&["network", "--from", "2025-03-01T00:00:00Z", "--to", "2025-03-02T00:00:00Z", "--format", "json"]);
    list(&answer["effects"]).iter().filter(|effect| effect["ref"] == of).cloned().collect()
}

fn effect(store: &TestStore, of: &str) -> Value {
    let mut all = effects(store, of);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Interface, port, and why it may be a coincidence.
pub(crate) fn passages(effect: &Value) -> Vec<(String, i64, Vec<String>)> {
    let told = |p: &Value| (plain(&p["interface_id"]), number(&p["port"]), list(&p["coincident"]).iter().map(plain).collect());
    list(&effect["passages"]).iter().map(told).collect()
}

/// Records refused before, let through before, let through after, refused after.
pub(crate) fn records(passage: &Value) -> [i64; 4] {
    ["rejected_before", "accepted_before", "accepted_after", "rejected_after"].map(|side| number(&passage[side]["records"]))
}

pub(crate) fn certain(interface: &str, port: i64) -> Vec<(String, i64, Vec<String>)> {
    vec![(interface.to_owned(), port, Vec::new())]
}

/// A table is made, and given to the subnet at ten.
fn table() -> Vec<Value> {
    let made = json!({"routeTable": {"routeTableId": TABLE, "vpcId": VPC, "associationSet": {}}});
    let given = json!({"associationId": "rtbassoc-0aaaaaaaaaaaaaaa1"});
    vec![
        call("table", "09:00:00", "CreateRouteTable", json!({"vpcId": VPC}), made),
        call("given", "10:00:00", "AssociateRouteTable", json!({"routeTableId": TABLE, "subnetId": SUBNET}), given),
    ]
}

fn route(id: &str, time: &str, name: &str, hop: Value) -> Value {
    let mut request = json!({"routeTableId": TABLE, "destinationCidrBlock": "0.0.0.0/0"});
    request.as_object_mut().expect("an object").extend(hop.as_object().cloned().unwrap_or_default());
    call(id, time, name, request, json!({"_return": true}))
}

/// Both interfaces ask in vain, and are answered from noon on.
pub(crate) fn answered_from_noon() -> Vec<String> {
    [INSIDE, OUTSIDE].iter().flat_map(|eni| [sent(eni, "11:00"), sent(eni, "12:10"), received(eni, "12:10")]).collect()
}

#[test]
fn a_route_is_about_the_interfaces_of_the_subnets_that_had_the_table() {
    let mut calls = table();
    calls.push(route("opened", "12:00:00", "CreateRoute", json!({"gatewayId": "igw-0aaaaaaaaaaaaaaa1"})));
    let store = store_of(&calls, &answered_from_noon());
    let opened = effect(&store, "opened");
    assert_eq!(passages(&opened), certain(INSIDE, 443));
    let passage = &opened["passages"][0];
    assert_eq!(records(passage), [0, 1, 2, 0]);
    assert_eq!((number(&passage["received_before"]["records"]), number(&passage["received_after"]["records"])), (0, 1));
    assert_eq!(plain(&passage["first_start"]), "2025-03-01T12:10:00Z");
    let subnets: Vec<[String; 3]> =
        list(&opened["subnets"]).iter().map(|s| [&s["subnet_id"], &s["from"], &s["refs"][0]].map(plain)).collect();
    assert_eq!(subnets, [[SUBNET, "2025-03-01T10:00:00Z", "given"]]);
    assert!(plain(&opened["text"]).contains("That rtb-0aaaaaaaaaaaaaaa1 was of other subnets as well no evidence rules out"), "{opened}");
}

#[test]
fn a_table_that_a_subnet_gets_after_a_route_is_set_has_the_route_from_then_on() {
    let mut calls = table();
    calls.push(route("early", "09:30:00", "CreateRoute", json!({"gatewayId": "igw-0aaaaaaaaaaaaaaa1"})));
    // What was answered before the subnet had the table was not let in by it.
    let flows = [sent(INSIDE, "09:40"), sent(INSIDE, "10:10"), received(INSIDE, "10:10"), received(OUTSIDE, "09:40")];
    let early = effect(&store_of(&calls, &flows), "early");
    assert_eq!(passages(&early), certain(INSIDE, 443));
    assert_eq!(records(&early["passages"][0]), [0, 1, 2, 0]);
    let flows = [sent(INSIDE, "09:40"), received(INSIDE, "09:40"), sent(INSIDE, "10:10"), received(INSIDE, "10:10")];
    assert_eq!(passages(&effect(&store_of(&calls, &flows), "early")), []);
}

#[test]
fn what_is_no_longer_answered_was_cut_off_with_the_route() {
    let mut calls = table();
    calls.push(route("closed", "12:00:00", "DeleteRoute", json!({})));
    let flows =
        [sent(INSIDE, "11:00"), received(INSIDE, "11:00"), sent(INSIDE, "12:10"), sent(OUTSIDE, "11:00"), received(OUTSIDE, "11:00")];
    calls.insert(2, route("early", "09:30:00", "CreateRoute", json!({"gatewayId": "igw-0aaaaaaaaaaaaaaa1"})));
    let closed = effect(&store_of(&calls, &flows), "closed");
    assert_eq!([&closed["rule"], &closed["set_by"]].map(plain), ["remove 0.0.0.0/0 to igw-0aaaaaaaaaaaaaaa1", "early"]);
    assert_eq!(passages(&closed), certain(INSIDE, 443));
    assert_eq!(records(&closed["passages"][0]), [0, 2, 1, 0]);
    assert_eq!(plain(&closed["passages"][0]["first_start"]), "2025-03-01T12:10:00Z");
    // A conversation that just ended was not cut off, as far as anybody knows.
    let ended = effect(&store_of(&calls, &flows[..2]), "closed");
    assert_eq!(passages(&ended), []);
    let text = plain(&ended["text"]);
    assert!(
        text.starts_with("No flow in evidence was answered before and refused, or without an answer, after it; flow logs cover eni-0aaa"),
        "{text}"
    );
}

#[test]
fn a_table_of_which_no_call_names_a_subnet_is_tied_by_its_vpc_alone() {
    let mut calls = table();
    calls.pop();
    let elsewhere = json!({"routeTableId": "rtb-0bbbbbbbbbbbbbbb1", "subnetId": OTHER_SUBNET});
    calls.push(call("other", "10:00:00", "AssociateRouteTable", elsewhere, json!({"associationId": "rtbassoc-0bbbbbbbbbbbbbbb1"})));
    calls.push(route("opened", "12:00:00", "CreateRoute", json!({"gatewayId": "igw-0aaaaaaaaaaaaaaa1"})));
    let mut flows = answered_from_noon();
    flows.extend([sent(ABROAD, "11:00"), received(ABROAD, "12:10")]);
    let opened = effect(&store_of(&calls, &flows), "opened");
    // The other subnet had another table, and the third interface is in another VPC.
    assert_eq!(passages(&opened), [(INSIDE.to_owned(), 443, vec!["only_vpc".to_owned()])]);
    let text = plain(&opened["text"]);
    assert!(text.contains("Which subnets rtb-0aaaaaaaaaaaaaaa1 was of, no evidence read says"), "{text}");
    assert!(text.contains("only its VPC, vpc-0aaaaaaaaaaaaaaa1 [table], ties interfaces to it, which is coincident"), "{text}");
    // Where nothing is said of the table, no interface is tied, and those that are elsewhere are left out all the same.
    let unknown = effect(&store_of(&calls[1..], &flows), "opened");
    let told: Vec<String> = passages(&unknown).into_iter().map(|(eni, _, why)| format!("{eni} {}", why.join(" "))).collect();
    assert_eq!(told, [format!("{INSIDE} not_tied"), format!("{ABROAD} not_tied")]);
    assert!(plain(&unknown["text"]).contains("nor which VPC it is in"), "{unknown}");
}

fn entry(id: &str, time: &str, name: &str, (acl, action): (&str, &str)) -> Value {
    let mut request = json!({"networkAclId": acl, "ruleNumber": 90, "egress": false});
    if !name.starts_with("Delete") {
        let said = json!({"ruleAction": action, "aclProtocol": "6", "portRange": {"from": 22, "to": 22}, "cidrBlock": "198.51.100.0/24"});
        request.as_object_mut().expect("an object").extend(said.as_object().cloned().unwrap_or_default());
    }
    call(id, time, name, request, json!({"_return": true}))
}

/// An ACL whose making names its subnet, and in which an entry refused the peer until it was taken away at noon.
fn refused_until_noon() -> Vec<Value> {
    let association = json!({"networkAclAssociationId": "aclassoc-0aaaaaaaaaaaaaaa1", "networkAclId": ACL, "subnetId": SUBNET});
    let made = json!({"networkAcl": {"networkAclId": ACL, "vpcId": VPC, "default": false, "associationSet": {"items": [association]}}});
    vec![
        call("acl", "08:00:00", "CreateNetworkAcl", json!({"vpcId": VPC}), made),
        entry("refused", "09:00:00", "CreateNetworkAclEntry", (ACL, "deny")),
        entry("removed", "12:00:00", "DeleteNetworkAclEntry", (ACL, "")),
    ]
}

#[test]
fn an_entry_that_is_taken_away_is_what_an_earlier_call_made_it() {
    let flows: Vec<String> =
        [INSIDE, OUTSIDE].iter().flat_map(|eni| [asked(eni, "11:00", "REJECT"), asked(eni, "12:10", "ACCEPT")]).collect();
    let store = store_of(&refused_until_noon(), &flows);
    let removed = effect(&store, "removed");
    assert_eq!(plain(&removed["rule"]), "remove ingress rule 90: deny ingress tcp/22 from 198.51.100.0/24, rule 90");
    assert_eq!(plain(&removed["set_by"]), "refused");
    assert_eq!(passages(&removed), certain(INSIDE, 22));
    assert_eq!(records(&removed["passages"][0]), [1, 0, 1, 0]);
    let text = String::from_utf8_lossy(&store.run(&["network", "--from", "2025-03-01", "--to", "2025-03-02"]).stdout).into_owned();
    let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("as [refused] has it"), "{text}");
    assert!(told.contains("certain: 198.51.100.9 and eni-0aaaaaaaaaaaaaaa1 tcp/22"), "{text}");
    assert!(told.contains("subnet-0aaaaaaaaaaaaaaa1 had acl-0aaaaaaaaaaaaaaa1 from 2025-03-01T08:00:00Z [acl]"), "{text}");
}

#[test]
fn an_entry_that_no_call_in_evidence_made_is_held_against_no_flow() {
    let flows = [asked(INSIDE, "11:00", "REJECT"), asked(INSIDE, "12:10", "ACCEPT")];
    let removed = effect(&store_of(&refused_until_noon()[2..], &flows), "removed");
    assert_eq!((passages(&removed), &removed["set_by"]), (Vec::new(), &Value::Null));
    let text = plain(&removed["text"]);
    assert!(text.contains("What entry 90 of acl-0aaaaaaaaaaaaaaa1 said before is not in evidence"), "{text}");
    assert!(!text.contains("No flow in evidence"), "nothing was sought: {text}");
}

#[test]
fn a_replaced_entry_ends_one_thing_and_begins_another() {
    let mut calls = refused_until_noon();
    calls.pop();
    calls[1] = entry("allowed", "09:00:00", "CreateNetworkAclEntry", (ACL, "allow"));
    calls.push(entry("denied", "12:00:00", "ReplaceNetworkAclEntry", (ACL, "deny")));
    let flows = [asked(INSIDE, "11:00", "ACCEPT"), asked(INSIDE, "12:10", "REJECT")];
    let both = effects(&store_of(&calls, &flows), "denied");
    let told: Vec<(String, String, usize)> =
        both.iter().map(|e| (plain(&e["rule"]), plain(&e["set_by"]), list(&e["passages"]).len())).collect();
    assert_eq!(
        told,
        [
            ("deny ingress tcp/22 from 198.51.100.0/24, rule 90".to_owned(), "-".to_owned(), 1),
            ("remove ingress rule 90: allow ingress tcp/22 from 198.51.100.0/24, rule 90".to_owned(), "allowed".to_owned(), 1),
        ]
    );
    assert!(both.iter().all(|effect| passages(effect) == certain(INSIDE, 22)), "{both:?}");
}

#[test]
fn a_nat_gateway_is_about_the_subnets_that_route_to_it() {
    let mut calls = table();
    let made = json!({"CreateNatGatewayResponse": {"natGateway": {"natGatewayId": NAT, "vpcId": VPC, "subnetId": OTHER_SUBNET}}});
    calls.push(call("nat", "12:00:00", "CreateNatGateway", json!({"CreateNatGatewayRequest": {"SubnetId": OTHER_SUBNET}}), made));
    calls.push(route("routed", "12:02:00", "CreateRoute", json!({"natGatewayId": NAT})));
    calls.push(call("gone", "14:00:00", "DeleteNatGateway", json!({"DeleteNatGatewayRequest": {"NatGatewayId": NAT}}), Value::Null));
    let mut flows = answered_from_noon();
    flows.push(sent(INSIDE, "14:10"));
    let store = store_of(&calls, &flows);
    for (event, since) in [("nat", "2025-03-01T12:10:00Z"), ("gone", "2025-03-01T14:10:00Z")] {
        let effect = effect(&store, event);
        assert_eq!(passages(&effect), certain(INSIDE, 443), "{event}");
        assert_eq!(plain(&effect["passages"][0]["first_start"]), since);
        assert_eq!(list(&effect["subnets"][0]["refs"]).iter().map(plain).collect::<Vec<_>>(), ["routed", "given"]);
    }
    // Without the route it is not known whose way the gateway was.
    calls.retain(|call| call["eventID"] != "routed");
    let alone = effect(&store_of(&calls, &flows), "nat");
    assert_eq!(passages(&alone), []);
    assert!(plain(&alone["text"]).contains("Which subnets route to nat-0aaaaaaaaaaaaaaa1 is not known"), "{alone}");
}

#[test]
fn a_gateway_of_a_vpc_is_about_its_interfaces_as_flow_records_place_them() {
    let gateway = json!({"internetGatewayId": "igw-0aaaaaaaaaaaaaaa1", "vpcId": VPC});
    let calls = [call("attached", "12:00:00", "AttachInternetGateway", gateway, Value::Null)];
    let mut flows = answered_from_noon();
    flows.extend([sent(ABROAD, "11:00"), received(ABROAD, "12:10")]);
    let attached = effect(&store_of(&calls, &flows), "attached");
    assert_eq!(passages(&attached), [certain(INSIDE, 443), certain(OUTSIDE, 443)].concat());
    let tied: Vec<[String; 2]> = list(&attached["interfaces"]).iter().map(|i| [&i["interface_id"], &i["through"]].map(plain)).collect();
    assert_eq!(tied, [[INSIDE, "vpc"], [OUTSIDE, "vpc"]]);
}

/// No call names the subnet of an ACL that was not just made: listings do, and what they do not say is when.
#[test]
fn a_listing_names_the_subnets_of_an_acl() {
    const LISTED: &str = r#"{"NetworkAcls": [{"NetworkAclId": "acl-0aaaaaaaaaaaaaaa1", "VpcId": "vpc-0aaaaaaaaaaaaaaa1", "IsDefault": false, "Associations": [
        {"NetworkAclAssociationId": "aclassoc-0bbbbbbbbbbbbbbb1", "NetworkAclId": "acl-0aaaaaaaaaaaaaaa1", "SubnetId": "subnet-0aaaaaaaaaaaaaaa1"}],
        "Entries": []}]}"#;
    let given = |time: &str| {
        let request = json!({"associationId": "aclassoc-0aaaaaaaaaaaaaaa1", "networkAclId": ACL});
        call("given", time, "ReplaceNetworkAclAssociation", request, json!({"newAssociationId": "aclassoc-0bbbbbbbbbbbbbbb1"}))
    };
    let flows: Vec<String> =
        [INSIDE, OUTSIDE].iter().flat_map(|eni| [asked(eni, "11:00", "REJECT"), asked(eni, "12:10", "ACCEPT")]).collect();
    for (calls, why) in [(Vec::new(), vec!["only_listed".to_owned()]), (vec![given("08:30:00")], Vec::new())] {
        let all = [&refused_until_noon()[1..], &calls].concat();
        let store = store_of(&all, &flows);
        // Without the listing, the ACL was given to what the call does not name.
        let before = effect(&store, "removed");
        assert!(passages(&before).iter().all(|(.., why)| why.contains(&"not_tied".to_owned())), "{before}");
        assert_eq!(plain(&before["text"]).contains("It was given to what the calls do not name [given]"), !calls.is_empty());
        let listing = store.scratch().join("acls.json");
        std::fs::write(&listing, LISTED).expect("written");
        assert_eq!(store.ingest(&listing).0, 0);
        let removed = effect(&store, "removed");
        assert_eq!(passages(&removed), [(INSIDE.to_owned(), 22, why)]);
        assert_eq!(removed["subnets"][0]["only_listed"], calls.is_empty());
    }
}

#[test]
fn a_route_that_is_replaced_lets_some_through_and_cuts_others_off() {
    let mut calls = table();
    calls.push(route("early", "09:30:00", "CreateRoute", json!({"gatewayId": "igw-0aaaaaaaaaaaaaaa1"})));
    calls.push(route("rerouted", "12:00:00", "ReplaceRoute", json!({"natGatewayId": NAT})));
    let flows = [sent(INSIDE, "11:00"), received(INSIDE, "11:00"), sent(INSIDE, "12:10")];
    let both = effects(&store_of(&calls, &flows), "rerouted");
    let told: Vec<(String, usize)> = both.iter().map(|e| (plain(&e["rule"]), list(&e["passages"]).len())).collect();
    let expected = [("route 0.0.0.0/0 to nat-0aaaaaaaaaaaaaaa1", 0), ("remove 0.0.0.0/0 to igw-0aaaaaaaaaaaaaaa1", 1)];
    assert_eq!(told, expected.map(|(rule, count)| (rule.to_owned(), count)));
}

/// Flow records have addresses: of a rule for another group it is said that none is held against it.
#[test]
fn a_rule_for_another_group_is_told_without_flows() {
    let permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {"items": [{"groupId": "sg-0bbbbbbbbbbbbbbb1"}]}});
    let request = json!({"groupId": "sg-0aaaaaaaaaaaaaaa1", "ipPermissions": {"items": [permission]}});
    let calls = [call("opened", "12:00:00", "AuthorizeSecurityGroupIngress", request, json!({"_return": true}))];
    let opened = effect(&store_of(&calls, &[asked(INSIDE, "12:10", "ACCEPT")]), "opened");
    assert_eq!(passages(&opened), []);
    let text = "The other side is sg-0bbbbbbbbbbbbbbb1, and flow records have addresses: no flow is held against it.";
    assert_eq!(plain(&opened["text"]), text);
}

/// Rules are closed by their ids: what one was about, the call says that opened it.
#[test]
fn a_rule_that_is_closed_by_its_id_is_what_the_call_that_opened_it_says() {
    const GROUP: &str = "sg-0aaaaaaaaaaaaaaa1";
    const RULE: &str = "sgr-0aaaaaaaaaaaaaaa1";
    let permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "198.51.100.0/24"}]}});
    let answer = json!({"securityGroupRuleSet": {"items": [{"groupId": GROUP, "securityGroupRuleId": RULE, "isEgress": false, "ipProtocol": "tcp",
        "fromPort": 22, "toPort": 22, "cidrIpv4": "198.51.100.0/24"}]}});
    let interface = json!({"networkInterface": {"networkInterfaceId": INSIDE, "subnetId": SUBNET, "vpcId": VPC, "privateIpAddress": "10.0.0.5",
        "groupSet": {"items": [{"groupId": GROUP}]}}});
    let request = json!({"groupId": GROUP, "ipPermissions": {"items": [permission]}});
    let calls = [
        call("interface", "08:00:00", "CreateNetworkInterface", json!({"subnetId": SUBNET}), interface),
        call("opened", "09:00:00", "AuthorizeSecurityGroupIngress", request, answer),
        call(
            "closed",
            "12:00:00",
            "RevokeSecurityGroupIngress",
            json!({"groupId": GROUP, "securityGroupRuleIds": {"items": [RULE]}}),
            json!({"_return": true}),
        ),
    ];
    let flows = [asked(INSIDE, "11:00", "ACCEPT"), asked(INSIDE, "12:10", "REJECT")];
    let store = store_of(&calls, &flows);
    let closed = effect(&store, "closed");
    assert_eq!((passages(&closed), plain(&closed["set_by"])), (certain(INSIDE, 22), "opened".to_owned()));
    assert_eq!(
        plain(&effect(&store_of(&calls[2..], &flows), "closed")["text"]),
        "The call names the rule by its id alone, and no call of this answer opened it: no flow is held against it."
    );
}
