//! Who an address was, held against the truth that the generator wrote beside `fixtures/flows`, and what listings add.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain, truth_of};

/// Since when, until when, its private, public and IPv6 address, the instance.
type Span = [String; 6];

fn spans(holdings: &[Value], interface: &str) -> BTreeSet<Span> {
    let of = |h: &&Value| h["interface_id"] == interface;
    let told = |h: &Value| {
        let address = |keep: fn(&str) -> bool| {
            let found = list(&h["addresses"]).iter().find(|a| a["address"].as_str().is_some_and(keep));
            found.map_or((Value::Null, Value::Null), |a| (a["address"].clone(), a["public_ip"].clone()))
        };
        let (v4, v6) = (address(|a| !a.contains(':')), address(|a| a.contains(':')));
        [&h["from"], &h["to"], &v4.0, &v4.1, &v6.0, &h["instance_id"]].map(plain)
    };
    holdings.iter().filter(of).map(told).collect()
}

fn held(store: &TestStore, subject: &str) -> Vec<Value> {
    list(&store.json(&["profile", subject, "--format", "json"])["interfaces"]).to_vec()
}

#[test]
fn interfaces_have_addresses_from_change_to_change() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let interfaces: BTreeSet<String> = list(&truth["intervals"]).iter().map(|i| plain(&i["interface"])).collect();
    for interface in interfaces {
        let of = |i: &&Value| i["interface"] == interface.as_str();
        let fields = ["from", "to", "private_address", "public_address", "ipv6_address", "instance"];
        let wanted: BTreeSet<Span> = list(&truth["intervals"]).iter().filter(of).map(|i| fields.map(|name| plain(&i[name]))).collect();
        let told = held(&store, &interface);
        assert_eq!(spans(&told, &interface), wanted, "{interface}");
        for interval in list(&truth["intervals"]).iter().filter(of) {
            let cited = told.iter().find(|h| h["from"] == interval["from"]).expect("it");
            let refs: Vec<&Value> = list(&cited["refs"]).iter().collect();
            assert_eq!(refs, [&interval["from_event"], &interval["to_event"]].into_iter().filter(|r| !r.is_null()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn an_address_that_changed_hands_is_told_with_both() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let [web, heir] = ["web", "heir"].map(|which| plain(&truth["interfaces"][which]));
    let holders: Vec<String> = held(&store, "203.0.113.26").iter().map(|h| plain(&h["interface_id"])).collect();
    assert_eq!(holders, [web, heir]);
    let group = plain(&truth["door"]["group"]);
    let of_group: BTreeSet<String> = held(&store, &group).iter().map(|h| plain(&h["interface_id"])).collect();
    assert_eq!(of_group, BTreeSet::from([plain(&truth["door"]["interface"])]));
}

#[test]
fn a_call_from_an_own_address_names_the_workload_that_had_it_then() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let answer = store.json(&["timeline", "--format", "json"]);
    let told = |event: &Value| list(&answer["answer"]).iter().find(|item| list(&item["refs"]).contains(event)).expect("the call").clone();
    for call in list(&truth["own_calls"]) {
        let item = told(&call["event_id"]);
        let [interface] = list(&item["source_interfaces"]) else { panic!("one interface: {item}") };
        assert_eq!(interface["interface_id"], call["interface"]);
        if call["interface"] == truth["nat"]["interface"] {
            assert_eq!((&interface["instance_id"], &interface["resource_id"]), (&Value::Null, &truth["nat"]["gateway"]));
        } else {
            assert_eq!(interface["instance_id"], call["instance"]);
        }
    }
    let others = list(&answer["answer"]).iter().filter(|item| item.get("source_interfaces").is_some()).count();
    assert_eq!(others, list(&truth["own_calls"]).len(), "nobody else called from an own address");
}

#[test]
fn actors_name_the_workloads_that_had_the_addresses_their_calls_came_from() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let answer = store.json(&["actors", "--format", "json"]);
    let actors = list(&answer["answer"]);
    let is_of = |actor: &Value, identity: &Value| list(&actor["principals"]["top"]).iter().any(|p| p["value"] == *identity);
    // Two instances behind the NAT gateway, the same address before and after it changed hands, the jump host.
    for call in list(&truth["own_calls"]) {
        let actor = actors.iter().find(|actor| is_of(actor, &call["identity"])).expect("the actor");
        let calls: Vec<&Value> = list(&truth["own_calls"]).iter().filter(|other| other["identity"] == call["identity"]).collect();
        let [own] = list(&actor["source_interfaces"]["top"]) else { panic!("one workload: {actor}") };
        assert_eq!((number(&own["events"]), &own["ref"]), (calls.len() as i64, &calls[0]["event_id"]));
        assert_eq!((&own["address"], &own["interface_id"]), (&call["source_ip_address"], &call["interface"]));
        let held = list(&truth["intervals"]).iter().find(|i| {
            let begins_before = plain(&i["from"]) <= plain(&call["event_time"]);
            let ends_after = i["to"].is_null() || plain(&call["event_time"]) < plain(&i["to"]);
            i["public_address"] == call["source_ip_address"] && begins_before && ends_after
        });
        let held = held.expect("an interval");
        assert_eq!((&own["from"], &own["to"], plain(&own["basis"])), (&held["from"], &held["to"], "calls".to_owned()));
        let cited: Vec<&Value> = [&held["from_event"], &held["to_event"]].into_iter().filter(|r| !r.is_null()).collect();
        assert_eq!(list(&own["refs"]).iter().collect::<Vec<_>>(), cited);
        let gateway = if call["interface"] == truth["nat"]["interface"] { truth["nat"]["gateway"].clone() } else { Value::Null };
        assert_eq!((&own["instance_id"], &own["resource_id"]), (&held["instance"], &gateway));
    }
    let identities: BTreeSet<String> = list(&truth["own_calls"]).iter().map(|call| plain(&call["identity"])).collect();
    let told = actors.iter().filter(|actor| actor.get("source_interfaces").is_some()).count();
    assert_eq!(told, identities.len(), "nothing is said of addresses that nobody of the estate had");
    let text = String::from_utf8_lossy(&store.run(&["actors"]).stdout).into_owned();
    let web = "own      203.0.113.26 (1) of i-0846e5bc458368483 by eni-0cee3ef96d1ea89bf, 2025-11-19T09:02:33Z to 2025-11-19T11:05:10Z \
               [d068315c-2f36-4ef9-b414-dddbacf29ceb, 7c456873-e0f5-4390-805f-5798656939d4]";
    assert!(text.contains(web), "{text}");
    let csv = String::from_utf8_lossy(&store.run(&["actors", "--format", "csv"]).stdout).into_owned();
    assert!(csv.lines().next().is_some_and(|names| names.ends_with(",source_interfaces")));
    assert_eq!(csv.lines().filter(|row| row.ends_with(",nat-06f0746bcc2bfb356")).count(), 2, "{csv}");
}

/// What `describe-network-interfaces` and `describe-addresses` print.
const LISTED: &str = r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-0b7", "VpcId": "vpc-1", "OwnerId": "111122223333", "InterfaceType": "interface",
  "Attachment": {"AttachTime": "2025-11-19T09:00:52+00:00", "InstanceId": "i-0b7", "DeleteOnTermination": true}, "Groups": [{"GroupId": "sg-0b7"}],
  "PrivateIpAddresses": [{"PrivateIpAddress": "10.9.0.5", "Association": {"PublicIp": "198.51.100.5", "AllocationId": "eipalloc-1"}}]}]}
{"Addresses": [{"PublicIp": "198.51.100.5", "AllocationId": "eipalloc-1", "NetworkInterfaceId": "eni-0b7", "PrivateIpAddress": "10.9.0.5"}]}"#;

#[test]
fn a_listing_is_evidence_like_any_other() {
    let store = TestStore::of_fixture("flows");
    let file = store.scratch().join("interfaces.json");
    fs::write(&file, LISTED).expect("a file");
    let (code, said) = store.ingest(&file);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("2 kept"), "{said}");
    let before = held(&store, "198.51.100.5");
    let [holding] = before.as_slice() else { panic!("one interface: {before:?}") };
    assert_eq!((plain(&holding["basis"]), plain(&holding["instance_id"])), ("listing".to_owned(), "i-0b7".to_owned()));
    // The same, written otherwise, adds nothing.
    let compact = store.scratch().join("compact.json");
    fs::write(&compact, LISTED.replace(": ", ":").replace("\n  ", "")).expect("a file");
    store.ingest(&compact);
    assert_eq!(number(&store.row("SELECT count(*) AS n FROM config_items")["n"]), 2);
    assert_eq!(held(&store, "198.51.100.5"), before);
    // What calls imply is made anew, what listings say stays.
    let rows = |store: &TestStore| store.rows("SELECT decoder, count(*) AS n FROM interfaces GROUP BY 1 ORDER BY 1");
    let all = rows(&store);
    assert!(store.run(&["rebuild"]).status.success());
    assert_eq!((rows(&store), held(&store, "198.51.100.5")), (all, before));
    assert_eq!(number(&store.row("SELECT count(*) AS n FROM config_items")["n"]), 2);
}

/// Where no record says which way it went, an interface's own address is no peer of it.
#[test]
fn effects_name_the_other_end_where_records_have_no_direction() {
    let truth = truth_of("flows");
    let store = TestStore::new();
    let (account, region) = (plain(&truth["account"]), plain(&truth["region"]));
    let fixtures = crate::kit::workspace("fixtures/flows/AWSLogs");
    let log = plain(&truth["flow_logs"]["interface"]);
    store.ingest(&fixtures.join(format!("{account}/vpcflowlogs/{region}/2025/11/19/*_{log}_*")));
    for entry in fs::read_dir(&fixtures).expect("the fixture").flatten().filter(|e| e.file_name().to_string_lossy().starts_with("o-")) {
        store.ingest(&entry.path());
    }
    let answer = store.json(&["network", "--at", "2025-11-19T11:00:00Z", "--before", "3h", "--format", "json"]);
    let door = &truth["door"];
    let opened = list(&answer["effects"]).iter().find(|e| e["ref"] == door["event_id"]).expect("the door").clone();
    let peers: BTreeSet<String> = list(&opened["passages"]).iter().map(|p| plain(&p["peer"])).collect();
    assert!(peers.contains(&plain(&door["peer"])) && !peers.contains(&plain(&door["private_address"])), "{peers:?}");
}
