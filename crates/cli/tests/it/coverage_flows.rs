//! What `coverage` says of flow logs, held against the tables and the generator's truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain, truth_of};

/// The flow logs of an answer, by name.
fn logs(answer: &Value) -> BTreeMap<String, Value> {
    let items = list(&answer["answer"]).iter().filter(|item| item["source"] == "flow_logs");
    items.flat_map(|item| list(&item["flow_logs"])).map(|log| (plain(&log["flow_log"]), log.clone())).collect()
}

#[test]
fn flow_logs_are_counted_by_interface_and_status_and_told_with_their_calls() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let logs = logs(&store.json(&["coverage", "--format", "json"]));
    let told = truth["logs"].as_object().expect("flow logs");
    assert_eq!(logs.keys().collect::<BTreeSet<_>>(), told.keys().collect::<BTreeSet<_>>());
    for (name, expected) in told {
        let interfaces = list(&logs[name]["interfaces"]);
        let wanted = expected["interfaces"].as_object().expect("interfaces");
        // A record without an interface has no time either.
        assert_eq!(interfaces.len(), wanted.keys().filter(|interface| *interface != "-").count());
        for interface in interfaces {
            let status = &wanted[&plain(&interface["interface_id"])];
            let of = |word: &str| status["by_log_status"].get(word).map_or(0, number);
            let counts = ["records", "nodata", "skipdata"].map(|key| number(&interface[key]));
            assert_eq!(counts, [number(&status["rows"]), of("NODATA"), of("SKIPDATA")], "{name} {interface}");
        }
    }
    let call = |label: &str| {
        let calls = list(&truth["calls"]);
        calls.iter().find(|call| call["label"] == label).unwrap_or_else(|| panic!("{label}"))["event_id"].clone()
    };
    let [vpc, own] = ["vpc", "interface"].map(|which| &logs[&plain(&truth["flow_logs"][which])]);
    assert_eq!((&vpc["begun_by"]["ref"], &vpc["ended_by"]), (&call("log-vpc"), &Value::Null));
    assert_eq!((&own["begun_by"]["ref"], &own["ended_by"]["ref"]), (&call("log-interface"), &call("unlog-interface")));
    let text = String::from_utf8_lossy(&store.run(&["coverage"]).stdout).into_owned();
    assert!(text.contains("deleted flow logs") && text.contains("SKIPDATA"), "{text}");
}

/// Hour by hour what the tables have.
#[test]
fn the_hours_of_an_interface_are_those_of_its_records() {
    let store = TestStore::of_fixture("flows");
    let rows = store.rows(
        "SELECT flow_log_id AS log, coalesce(interface_id, '-') AS interface, to_char(date_trunc('hour', event_time), '%Y-%m-%dT%H:%M:%SZ') AS hour,
         count(*) FILTER (WHERE log_status = 'SKIPDATA') AS lost, count(*) FILTER (WHERE log_status = 'OK') AS ok FROM flows
         WHERE event_time IS NOT NULL GROUP BY 1, 2, 3",
    );
    let mut held: BTreeMap<(String, String, String), &str> = BTreeMap::new();
    for row in &rows {
        let state = match (number(&row["lost"]), number(&row["ok"])) {
            (0, 0) => "no_data",
            (0, _) => "records",
            _ => "skip_data",
        };
        held.insert((plain(&row["log"]), plain(&row["interface"]), plain(&row["hour"])), state);
    }
    let hours: BTreeSet<String> = held.keys().map(|(_, _, hour)| hour.clone()).collect();
    let mut told = BTreeMap::new();
    for (log, covered) in logs(&store.json(&["coverage", "--format", "json"])) {
        for interface in list(&covered["interfaces"]) {
            for stretch in list(&interface["stretches"]).iter().filter(|stretch| stretch["state"] != "nothing") {
                let inside = hours.iter().filter(|hour| **hour >= plain(&stretch["from"]) && **hour < plain(&stretch["to"]));
                inside.for_each(|hour| {
                    _ = told.insert((log.clone(), plain(&interface["interface_id"]), hour.clone()), plain(&stretch["state"]))
                });
            }
        }
    }
    assert_eq!(told.iter().map(|(k, v)| (k.clone(), v.as_str())).collect::<BTreeMap<_, _>>(), held);
}

/// A flow log whose beginning is in evidence and whose records are not: that is said, and not that there was no traffic.
#[test]
fn a_flow_log_without_records_is_missed() {
    let store = TestStore::new();
    let truth = truth_of("flows");
    let folder = crate::kit::workspace("fixtures/flows");
    let calls = folder.join("AWSLogs").join("o-83ab07f827");
    store.ingest(&calls);
    let said = |arguments: &[&str]| {
        let answer = store.json(&[&["coverage", "--format", "json"], arguments].concat());
        list(&answer["coverage"]["not_seen"]).iter().filter(|n| n["kind"] == "flow_gap").map(|n| plain(&n["text"])).collect::<Vec<_>>()
    };
    let ids: Vec<String> = ["interface", "vpc"].iter().map(|which| plain(&truth["flow_logs"][which])).collect();
    let all = said(&[]);
    assert!(all.len() == 2 && ids.iter().all(|id| all.iter().any(|text| text.contains(id.as_str()))), "{all:?}");
    let before = said(&["--from", "2025-11-19T08:00:00Z", "--to", "2025-11-19T09:00:00Z"]);
    assert!(before.is_empty(), "neither was begun: {before:?}");
    let after = said(&["--from", "2025-11-20T08:00:00Z", "--to", "2025-11-20T09:00:00Z"]);
    assert!(after.len() == 1 && after[0].contains(&ids[1]), "the other was over: {after:?}");
    assert!(said(&["--account", "999999999999"]).is_empty());
}
