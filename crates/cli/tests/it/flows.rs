//! Flow logs from the generator's fixture, held against the truth it wrote before anything was ingested (`fixtures/flows.truth.json`; its sums are
//! also those of `tests/expect/flow_sums.py`, which reads the files by itself).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain, truth_of};
use crate::kit::workspace;

/// Rows, packets and bytes of a set of records.
type Sum = [i64; 3];

fn sum(of: &Value) -> Sum {
    ["rows", "packets", "bytes"].map(|name| number(&of[name]))
}

fn side(of: &Value) -> Sum {
    if of.is_null() { [0; 3] } else { ["records", "packets", "bytes"].map(|name| number(&of[name])) }
}

#[test]
fn rows_and_sums_are_those_of_the_truth() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    assert_eq!(number(&store.row("SELECT count(*) FROM flows")["count(*)"]), number(&truth["rows"]));
    let by_status = |rows: &[Value]| rows.iter().map(|r| (plain(&r["log_status"]), number(&r["n"]))).collect::<BTreeMap<_, _>>();
    for (log, expected) in truth["logs"].as_object().expect("logs") {
        let rows = store.rows(&format!("SELECT log_status, count(*) AS n FROM flows WHERE flow_log_id = '{log}' GROUP BY 1"));
        let wanted = expected["by_log_status"].as_object().expect("statuses").iter().map(|(k, v)| (k.clone(), number(v)));
        assert_eq!(by_status(&rows), wanted.collect(), "{log}");
        assert_eq!(store.column(&format!("SELECT DISTINCT format FROM flows WHERE flow_log_id = '{log}'")), [plain(&expected["format"])]);
        for (interface, expected) in expected["interfaces"].as_object().expect("interfaces") {
            for action in ["ACCEPT", "REJECT"].into_iter().filter(|action| !expected[action].is_null()) {
                let row = store.row(&format!(
                    "SELECT count(*) AS rows, coalesce(sum(packets), 0) AS packets, coalesce(sum(bytes), 0) AS bytes FROM flows
                     WHERE flow_log_id = '{log}' AND interface_id = '{interface}' AND action = '{action}'"
                ));
                assert_eq!(sum(&row), sum(&expected[action]), "{log} {interface} {action}");
            }
        }
    }
    assert_eq!(number(&store.row("SELECT count(*) AS n FROM flows WHERE occurrence > 0")["n"]), number(&truth["repeated_lines"]));
}

#[test]
fn traffic_of_an_interface_is_that_of_one_flow_log() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let answer = store.json(&["flows", "--by", "interface", "--format", "json"]);
    let [vpc, own] = ["vpc", "interface"].map(|which| plain(&truth["flow_logs"][which]));
    let (log, jump) = (&truth["logs"][&vpc], plain(&truth["interfaces"]["jump"]));
    let mut met = 0;
    for talker in list(&answer["answer"]) {
        let interface = plain(&talker["interface_id"]);
        if interface == jump {
            // In the eleventh hour the VPC's flow log lost a minute, and the interface's did not.
            let bytes = store.row(&format!(
                "SELECT sum(bytes) AS bytes FROM flows WHERE interface_id = '{jump}' AND action = 'ACCEPT' AND flow_log_id =
                 CASE WHEN date_part('hour', event_time) = 10 THEN '{own}' ELSE '{vpc}' END"
            ));
            assert_eq!(side(&talker["accepted_in"])[2] + side(&talker["accepted_out"])[2], number(&bytes["bytes"]));
            met += 1;
            continue;
        }
        let expected = &log["interfaces"][&interface];
        for (name, action, direction) in [
            ("accepted_in", "ACCEPT", "ingress"),
            ("accepted_out", "ACCEPT", "egress"),
            ("rejected_in", "REJECT", "ingress"),
            ("rejected_out", "REJECT", "egress"),
        ] {
            let expected = &expected[action][direction];
            let wanted = if expected.is_null() { [0; 3] } else { sum(expected) };
            assert_eq!(side(&talker[name]), wanted, "{interface} {name}");
        }
        met += 1;
    }
    assert_eq!(met, truth["interfaces"].as_object().map_or(0, serde_json::Map::len));
    let summed = number(&answer["totals"]["records_of_overlapping_flow_logs"]);
    assert!(summed > 0 && summed < number(&truth["logs"][&vpc]["rows"]), "{summed}");
    let skipped = list(&answer["coverage"]["not_seen"]).iter().filter(|n| n["kind"] == "skip_data").count();
    assert_eq!(skipped, 1, "what was lost is said, whichever flow log is summed");
}

/// The default format says no direction: what all records of the interface have in common is its own address.
#[test]
fn the_way_is_told_where_records_do_not_say_it() {
    let store = TestStore::new();
    let truth = truth_of("flows");
    let (log, interface) = (plain(&truth["flow_logs"]["interface"]), plain(&truth["interfaces"]["jump"]));
    let files = workspace(&format!(
        "fixtures/flows/AWSLogs/{0}/vpcflowlogs/{1}/2025/11/19/*_{log}_*",
        plain(&truth["account"]),
        plain(&truth["region"])
    ));
    store.ingest(&files);
    let answer = store.json(&["flows", "--by", "interface", "--format", "json"]);
    let [talker] = list(&answer["answer"]) else { panic!("one interface: {answer}") };
    assert_eq!((plain(&talker["interface_id"]), plain(&talker["address"])), (interface.clone(), plain(&truth["door"]["private_address"])));
    let beacon = &truth["beacon"];
    let asked = ["flows", "--ip", &plain(&beacon["peer"]), "--port", "8443", "--format", "json"];
    let answer = store.json(&asked);
    let egress = &beacon["logs"][&log]["egress"];
    assert_eq!(side(&list(&answer["answer"])[0]["accepted_out"]), sum(egress));
}

#[test]
fn other_routes_of_the_same_records_add_nothing() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let rows = |store: &TestStore| number(&store.row("SELECT count(*) AS n FROM flows")["n"]);
    let before = rows(&store);
    let routes = workspace("fixtures/flows-routes");
    for route in ["renamed.log.gz", "cloudwatch-export", "subscription.gz", "firehose.json"] {
        let (code, said) = store.ingest(&routes.join(route));
        assert_eq!(code, 0, "{route}: {said}");
        assert_eq!(rows(&store), before, "{route}");
        let named = truth["routes"].as_object().expect("routes").iter().find(|(name, _)| name.starts_with(route)).expect("the route").1;
        assert!(said.contains(&format!("0 kept + {} duplicate", number(&named["rows"]))), "{route}: {said}");
    }
    // The other way round the same rows are shown.
    let reverse = TestStore::new();
    for route in ["firehose.json", "subscription.gz", "cloudwatch-export", "renamed.log.gz", "../flows"] {
        reverse.ingest(&routes.join(route));
    }
    let all = "SELECT evidence_id, record_index, occurrence, flow_log_id FROM flows ORDER BY 1, 2, 3, 4";
    assert_eq!(reverse.rows(all), store.rows(all));
}

#[test]
fn other_layouts_are_read_as_their_headers_say_or_refused() {
    let store = TestStore::new();
    let truth = truth_of("flows");
    let routes = workspace("fixtures/flows-routes");
    let of = |name: &str| truth["routes"].as_object().expect("routes").iter().find(|(k, _)| k.contains(name)).expect("it").1.clone();
    store.ingest(&routes.join("AWSLogs"));
    let transit = of("fl-08849769d09e7f4d6");
    let row = store.row("SELECT count(*) AS n, sum(bytes) AS bytes FROM flows WHERE flow_kind = 'tgw'");
    assert_eq!((number(&row["n"]), number(&row["bytes"])), (number(&transit["rows"]), number(&transit["bytes"])));
    store.ingest(&routes.join("permuted.log.gz"));
    let permuted = of("permuted");
    let extra = store.column("SELECT extra FROM flows WHERE extra IS NOT NULL ORDER BY record_index");
    let wanted: Vec<String> = list(&permuted["unknown_values"]).iter().map(|v| format!(r#"{{"future-field":"{}"}}"#, plain(v))).collect();
    assert_eq!(extra, wanted);
    let headerless = routes.join("headerless.log.gz");
    let (code, said) = store.ingest(&headerless);
    assert_eq!(code, 3);
    assert!(said.contains("--flow-format '${version} ${account-id} ...'"), "{said}");
    let format = plain(&of("headerless")["format"]);
    let read = store.run(&["ingest", headerless.to_str().expect("a path"), "--flow-format", &format]);
    assert_eq!(read.status.code(), Some(0), "{}", String::from_utf8_lossy(&read.stderr));
    let bytes = store.row("SELECT sum(bytes) AS bytes, count(*) AS n FROM flows WHERE format LIKE 'interface-id srcaddr%'");
    assert_eq!((number(&bytes["bytes"]), number(&bytes["n"])), (number(&of("headerless")["bytes"]), number(&of("headerless")["rows"])));
    let wrong = store.run(&["ingest", headerless.to_str().expect("a path"), "--flow-format", "${when} ${who}"]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// The jump host has a flow log of its own beside that of the VPC: 559 records in one and 531 in the other (the truth), of the same traffic.
#[test]
fn queries_sum_one_flow_log_for_an_interface_and_an_hour_as_answers_do() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let jump = plain(&truth["interfaces"]["jump"]);
    let [of_vpc, of_interface] = ["vpc", "interface"].map(|which| plain(&truth["flow_logs"][which]));
    let records =
        |condition: &str| number(&store.row(&format!("SELECT count(*) AS n FROM timeline WHERE interface_id = '{jump}' {condition}"))["n"]);
    let in_log = |log: &str| number(&truth["logs"][log]["interfaces"][&jump]["by_log_status"]["OK"]);
    assert_eq!((in_log(&of_vpc), in_log(&of_interface)), (559, 531));
    assert_eq!(records(""), 559 + 531, "every record is evidence");
    for log in [&of_vpc, &of_interface] {
        assert_eq!(records(&format!("AND flow_log = '{log}'")), in_log(log));
    }
    let guide = std::fs::read_to_string(workspace("docs/guide/analysts.md")).expect("the guide");
    let query = guide.split("```sql\n").find(|text| text.contains("WHERE place = 1")).and_then(|text| text.split("```").next());
    let rows = store.rows(query.expect("the query").trim().trim_end_matches(';'));
    let answer = store.json(&["flows", "--by", "interface", "--format", "json"]);
    let told: Vec<(String, i64, i64)> =
        rows.iter().map(|row| (plain(&row["interface_id"]), number(&row["records"]), number(&row["bytes"]))).collect();
    // Counted in the files with Python: the VPC's log has 178 records (96,597 bytes) of the tenth hour and 160 (64,152) of the twelfth, the interface's
    // 223 (739,934,890) of the eleventh, in which the VPC's lost a minute.
    assert!(told.contains(&(jump.clone(), 178 + 223 + 160, 96_597 + 739_934_890 + 64_152)), "{told:?}");
    for talker in list(&answer["answer"]) {
        let sides = ["accepted_in", "accepted_out", "rejected_in", "rejected_out", "undirected"].map(|name| side(&talker[name]));
        let [records, bytes] = [0, 2].map(|at| sides.iter().map(|side| side[at]).sum::<i64>());
        assert!(told.contains(&(plain(&talker["interface_id"]), records, bytes)), "{talker} {told:?}");
    }
}

#[test]
fn a_door_that_was_opened_is_told_with_what_came_through_it() {
    let store = TestStore::of_fixture("flows");
    let door = &truth_of("flows")["door"];
    let answer = store.json(&["network", "--at", "2025-11-19T11:00:00Z", "--before", "3h", "--format", "json"]);
    let effects = list(&answer["effects"]);
    let of = |event: &str| effects.iter().find(|e| e["ref"] == door[event]).unwrap_or_else(|| panic!("{event}: {effects:?}"));
    let truth = &door["logs"]["fl-0d8a8ba9abb37d2f1"];
    let passage = |effect: &'_ Value| {
        let all = list(&effect["passages"]).to_vec();
        all.into_iter().find(|p| p["peer"] == door["peer"] && p["interface_id"] == door["interface"]).expect("the peer")
    };
    let opened = passage(of("event_id"));
    assert_eq!((number(&opened["port"]), number(&opened["protocol"])), (22, 6));
    assert_eq!(side(&opened["rejected_before"]), sum(&truth["reject_before"]));
    assert_eq!(side(&opened["accepted_before"]), [0; 3]);
    let [mut after, back] = ["accept_after_ingress", "accept_after_egress"].map(|name| sum(&truth[name]));
    after.iter_mut().zip(back).for_each(|(a, b)| *a += b);
    assert_eq!(side(&opened["accepted_after"]), after);
    assert!(opened["tied_by"].is_string(), "the launch names the interface with its group");
    let first = store.column(&format!("SELECT to_timestamp_seconds({})", number(&truth["first_accept_start"])));
    assert!(first[0].starts_with(plain(&opened["first_start"]).trim_end_matches('Z')), "{first:?} {opened}");
    let closed = passage(of("closed_by_event_id"));
    assert_eq!(side(&closed["rejected_after"]), sum(&truth["reject_after_close"]));
}

#[test]
fn a_citation_of_a_flow_record_opens_its_line_and_goes_back_to_the_file() {
    let store = TestStore::of_fixture("flows");
    let row = store.row("SELECT evidence_id, record_index FROM flows WHERE log_status = 'SKIPDATA'");
    let reference = format!("{}#{}", plain(&row["evidence_id"]), number(&row["record_index"]));
    let shown = store.json(&["show", &reference, "--format", "json"]);
    let [record] = list(&shown["answer"]) else { panic!("one record: {shown}") };
    assert_eq!((plain(&record["table"]), plain(&record["record"]["log_status"])), ("flows".to_owned(), "SKIPDATA".to_owned()));
    assert_eq!(plain(&record["origins"][0]["originals"][0]["state"]), "intact");
    let raw = store.run(&["show", &reference, "--raw"]);
    let line = String::from_utf8_lossy(&raw.stdout).trim_end().to_owned();
    assert!(line.ends_with(" - - - - - -") || line.contains(" SKIPDATA"), "{line}");
}

/// An answer of nothing must not look like one of no traffic.
#[test]
fn what_no_record_names_is_said() {
    let store = TestStore::of_fixture("flows");
    for name in ["sg-00000000000000000", "eni-00000000000000000"] {
        let answer = store.json(&["flows", "--arn", name, "--format", "json"]);
        let said: Vec<&Value> = list(&answer["coverage"]["not_seen"]).iter().filter(|n| n["kind"] == "unknown_name").collect();
        assert!(list(&answer["answer"]).is_empty() && said.len() == 1 && plain(&said[0]["text"]).contains(name), "{answer}");
    }
}

/// No record names a group: calls say which interfaces had it when.
#[test]
fn traffic_of_a_security_group_is_that_of_the_interfaces_that_had_it() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let [jump, web, heir] = ["jump", "web", "heir"].map(|which| plain(&truth["interfaces"][which]));
    let group = plain(&truth["door"]["group"]);
    let ask = |name: &str, by: &str| store.json(&["flows", "--arn", name, "--by", by, "--format", "json"]);
    assert_eq!(ask(&group, "interface")["answer"], ask(&jump, "interface")["answer"]);
    let sums = |answer: &Value| {
        let sides = ["accepted_in", "accepted_out", "rejected_in", "rejected_out", "undirected"];
        list(&answer["answer"])
            .iter()
            .flat_map(|t| sides.map(|name| side(&t[name])))
            .fold([0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])
    };
    let by_group = store.json(&["flows", "--by", "group", "--format", "json"]);
    let told = |wanted: &str| {
        let all = list(&by_group["answer"]).iter().filter(|t| list(&t["security_groups"]).iter().any(|g| g == wanted));
        serde_json::json!({ "answer": all.collect::<Vec<_>>() })
    };
    assert_eq!(sums(&told(&group)), sums(&ask(&jump, "interface")));
    // The web server and whoever had its addresses after it have one group.
    let of_web = list(&store.json(&["profile", &web, "--format", "json"])["interfaces"])[0]["security_groups"][0].clone();
    let both = [&web, &heir].map(|interface| sums(&ask(interface, "interface")));
    let wanted: Sum = std::array::from_fn(|n| both[0][n] + both[1][n]);
    assert_eq!(sums(&told(&plain(&of_web))), wanted);
}

#[test]
fn traffic_by_instance_is_of_whoever_had_the_interface_then() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let answer = store.json(&["flows", "--by", "instance", "--format", "json"]);
    let told: Vec<String> = list(&answer["answer"])
        .iter()
        .map(|t| plain(if t["instance_id"].is_null() { &t["resource_id"] } else { &t["instance_id"] }))
        .collect();
    let instances = list(&truth["intervals"]).iter().map(|i| &i["instance"]).filter(|i| !i.is_null()).chain([&truth["nat"]["gateway"]]);
    let wanted: std::collections::BTreeSet<String> = instances.map(plain).collect();
    assert_eq!(told.iter().cloned().collect::<std::collections::BTreeSet<_>>(), wanted);
    assert_eq!(told.len(), wanted.len(), "each once");
}
