//! Traffic between the events of a timeline, held against the sums of `flows` and the tables.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain, truth_of};

/// A timeline's events and its lines of traffic.
fn told(store: &TestStore, arguments: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let answer = store.json(&[&["timeline", "--format", "json"], arguments].concat());
    let items = list(&answer["answer"]).to_vec();
    assert_eq!(number(&answer["totals"]["shown"]), items.len() as i64);
    items.into_iter().partition(|item| item["kind"] != "traffic")
}

const SIDES: [&str; 5] = ["accepted_in", "accepted_out", "rejected_in", "rejected_out", "undirected"];

/// Records, packets and bytes of each side.
fn sides(counted: &Value) -> Vec<[i64; 3]> {
    let of = |side: &Value| if side.is_null() { [0; 3] } else { ["records", "packets", "bytes"].map(|name| number(&side[name])) };
    SIDES.iter().map(|side| of(&counted[*side])).collect()
}

fn add(sum: &mut Vec<[i64; 3]>, sides: Vec<[i64; 3]>) {
    sum.resize(SIDES.len(), [0; 3]);
    sum.iter_mut().flatten().zip(sides.into_iter().flatten()).for_each(|(sum, side)| *sum += side);
}

#[test]
fn lines_are_one_for_an_interface_and_an_hour_and_add_up_to_the_traffic() {
    let store = TestStore::of_fixture("flows");
    let (events, lines) = told(&store, &[]);
    assert_eq!(events.len() as i64, number(&truth_of("flows")["events"]));
    let hours = store
        .row("SELECT count(*) AS n FROM (SELECT DISTINCT interface_id, date_trunc('hour', event_time) FROM flows WHERE log_status = 'OK')");
    assert_eq!(lines.len() as i64, number(&hours["n"]));
    let mut sums: BTreeMap<String, Vec<[i64; 3]>> = BTreeMap::new();
    for line in &lines {
        add(sums.entry(plain(&line["interface_id"])).or_default(), sides(&line["traffic"]));
        assert_eq!(number(&line["precision_seconds"]), 60);
        assert_eq!(plain(&line["period"]), "hour");
    }
    let flows = store.json(&["flows", "--by", "interface", "--format", "json"]);
    let wanted: BTreeMap<_, _> = list(&flows["answer"]).iter().map(|talker| (plain(&talker["interface_id"]), sides(talker))).collect();
    assert_eq!(sums, wanted);
    let all = store.json(&["timeline", "--format", "json"]);
    let times: Vec<String> = list(&all["answer"]).iter().map(|item| plain(&item["event_time"])).collect();
    assert!(times.windows(2).all(|pair| pair[0][..19] <= pair[1][..19]), "{times:?}");
    assert_eq!(number(&all["totals"]["traffic"]), lines.len() as i64);
    assert_eq!(number(&all["totals"]["items"]), times.len() as i64);
}

#[test]
fn a_line_opens_up_into_its_conversations() {
    let store = TestStore::of_fixture("flows");
    let (_, closed) = told(&store, &[]);
    assert!(closed.iter().all(|line| list(&line["talkers"]).len() == 1));
    let (_, open) = told(&store, &["--expand"]);
    for line in &open {
        let talkers = list(&line["talkers"]);
        assert_eq!(talkers.len() as i64, number(&line["conversations"]));
        let mut sum = Vec::new();
        talkers.iter().for_each(|talker| add(&mut sum, sides(talker)));
        assert_eq!(sum, sides(&line["traffic"]), "{line}");
    }
    let bulk = &truth_of("flows")["bulk"];
    let of_bulk = |line: &&Value| line["interface_id"] == bulk["interface"] && plain(&line["event_time"]).starts_with("2025-11-19T10:");
    let line = open.iter().find(of_bulk).expect("the hour of the transfer");
    assert_eq!(list(&line["talkers"])[0]["peer"], bulk["peer"]);
    assert!(plain(&line["summary"]).contains(&format!("most with {} tcp/443", plain(&bulk["peer"]))), "{line}");
    let text = String::from_utf8_lossy(&store.run(&["timeline", "--expand"]).stdout).into_owned();
    assert!(text.contains("  traffic    eni-") && text.contains("with 198.51.100.99 external tcp/443"), "{text}");
}

#[test]
fn filters_that_flow_records_can_fulfil_narrow_them_and_others_leave_them_out() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let (jump, account, beacon) = (plain(&truth["interfaces"]["jump"]), plain(&truth["account"]), plain(&truth["beacon"]["peer"]));
    let (events, lines) = told(&store, &["--source", "flow_logs"]);
    assert!(events.is_empty() && !lines.is_empty());
    let (events, none) = told(&store, &["--source", "ec2"]);
    assert!(!events.is_empty() && none.is_empty());
    assert_eq!(told(&store, &["--account", &account, "--source", "flow_logs"]).1, lines);
    let (_, of_jump) = told(&store, &["--arn", &jump]);
    assert!(!of_jump.is_empty() && of_jump.iter().all(|line| plain(&line["interface_id"]) == jump));
    let (_, of_peer) = told(&store, &["--ip", &beacon]);
    assert!(!of_peer.is_empty() && of_peer.iter().all(|line| number(&line["conversations"]) == 1));
    for filter in [["--actor", "tom"], ["--outcome", "denied"], ["--key", "ASIAEXAMPLE"]] {
        assert!(told(&store, &filter).1.is_empty(), "{filter:?}");
    }
    let answer = store.json(&["timeline", "--limit", "5", "--format", "json"]);
    let whole = store.json(&["timeline", "--format", "json"]);
    assert_eq!(list(&answer["answer"]), &list(&whole["answer"])[..5]);
    assert_eq!((number(&answer["totals"]["shown"]), &answer["totals"]["items"]), (5, &whole["totals"]["items"]));
}

#[test]
fn the_beginning_of_an_id_or_an_arn_finds_traffic_as_it_finds_events() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let (jump, region, account) = (plain(&truth["interfaces"]["jump"]), plain(&truth["region"]), plain(&truth["account"]));
    let of = |name: &str| told(&store, &["--source", "flow_logs", "--arn", name]).1;
    let (all, of_jump) = (told(&store, &["--source", "flow_logs"]).1, of(&jump));
    assert!(!of_jump.is_empty() && of_jump.len() < all.len());
    // No other interface's id begins so.
    let id = &jump[..8];
    let arn = |region: &str, resource: &str| format!("arn:aws:ec2:{region}:{account}:{resource}");
    assert_eq!(of(&format!("{id}*")), of_jump);
    assert_eq!(of(&arn(&region, &format!("network-interface/{id}*"))), of_jump);
    let instance = plain(&list(&truth["own_calls"]).iter().find(|call| call["interface"] == jump.as_str()).expect("it")["instance"]);
    assert_eq!(of(&arn(&region, &format!("instance/{}*", &instance[..6]))), of_jump);
    assert_eq!(of(&format!("{}*", &plain(&truth["door"]["group"])[..8])), of(&plain(&truth["door"]["group"])));
    assert_eq!(of(&arn(&region, "network-interface/*")), all);
    assert_eq!(of(&arn("eu-west-1", "network-interface/*")), Vec::<Value>::new());
    let totals = |name: &str| store.json(&["flows", "--format", "json", "--arn", name])["totals"].clone();
    assert_eq!(totals(&format!("{id}*")), totals(&jump));
    assert_eq!(store.run(&["flows", "--arn", "*"]).status.code(), Some(2));
}

#[test]
fn lines_say_in_which_region_the_interface_is() {
    let store = TestStore::of_fixture("flows");
    let region = plain(&truth_of("flows")["region"]);
    let (_, lines) = told(&store, &[]);
    assert!(!lines.is_empty() && lines.iter().all(|line| plain(&line["region"]) == region));
    let rows = store.run(&["timeline", "--source", "flow_logs", "--format", "csv"]);
    let csv = String::from_utf8_lossy(&rows.stdout).into_owned();
    assert!(csv.lines().skip(1).all(|line| line.contains(&format!(",{region},"))), "{csv}");
    let text = String::from_utf8_lossy(&store.run(&["timeline", "--source", "flow_logs"]).stdout).into_owned();
    assert!(text.contains(&format!("  {region}  ")), "{text}");
}

#[test]
fn rows_have_a_column_for_the_end() {
    let store = TestStore::of_fixture("flows");
    let csv = String::from_utf8_lossy(&store.run(&["timeline", "--source", "flow_logs", "--format", "csv"]).stdout).into_owned();
    let mut lines = csv.lines();
    assert!(lines.next().is_some_and(|header| header.ends_with(",time_end")));
    assert!(
        lines.all(|line| line.contains(",flow_logs,traffic,") && line.rsplit(',').next().is_some_and(|end| end.starts_with("2025-11-19T")))
    );
}
