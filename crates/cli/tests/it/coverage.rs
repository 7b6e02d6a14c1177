//! What `coverage` counts is what the tables hold, however a window cuts the hours and whoever wrote the files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain};

/// Windows over the bundled incident: all of it, hours cut at both ends, the middle of one hour, whole hours, days, and what lies beyond.
const WINDOWS: [(&str, &str); 6] = [
    ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z"),
    ("2025-10-15T13:20:00Z", "2025-10-15T14:40:30Z"),
    ("2025-10-15T14:05:00Z", "2025-10-15T14:20:00Z"),
    ("2025-10-15T13:00:00Z", "2025-10-15T15:00:00Z"),
    ("2025-10-14T23:59:59.500Z", "2025-10-16T00:00:00.001Z"),
    ("2025-12-01T00:00:00Z", "2025-12-02T00:00:00Z"),
];

/// Events by account, region, log and hour.
type Counts = BTreeMap<(String, String, String, String), i64>;

fn told(answer: &Value) -> Counts {
    let mut counts = Counts::new();
    for item in list(&answer["answer"]) {
        for hour in list(&item["by_hour"]).iter().filter(|_| !tells_of_events(item)) {
            let key = [&item["account"], &item["region"], &item["source"], &hour["hour"]].map(plain);
            counts.insert(key.into(), number(&hour["events"]));
        }
    }
    counts
}

/// Records that tell of events are in tables of their own.
fn tells_of_events(seen: &Value) -> bool {
    matches!(seen["source"].as_str(), Some("insights" | "aggregated"))
}

fn held(store: &TestStore, (from, to): (&str, &str)) -> Counts {
    let rows = store.rows(&format!(
        "SELECT recipient_account_id AS account, aws_region AS region, \
         CASE event_category WHEN 'Data' THEN 'data' WHEN 'NetworkActivity' THEN 'network_activity' ELSE 'management' END AS log, \
         to_char(date_trunc('hour', event_time), '%Y-%m-%dT%H:%M:%SZ') AS hour, count(*) AS events FROM cloudtrail \
         WHERE event_time >= '{from}' AND event_time < '{to}' GROUP BY ALL UNION ALL \
         SELECT account_id, coalesce(region, file_region), 'flow_logs', to_char(date_trunc('hour', event_time), '%Y-%m-%dT%H:%M:%SZ'), count(*) \
         FROM flows WHERE event_time >= '{from}' AND event_time < '{to}' GROUP BY ALL"
    ));
    let key = |row: &Value| ["account", "region", "log", "hour"].map(|column| plain(&row[column])).into();
    rows.iter().map(|row| (key(row), number(&row["events"]))).collect()
}

fn compare(store: &TestStore) {
    for (from, to) in WINDOWS {
        let answer = store.json(&["coverage", "--from", from, "--to", to, "--format", "json"]);
        let held = held(store, (from, to));
        assert_eq!(told(&answer), held, "{from} {to}");
        let events: i64 = held.iter().filter(|(key, _)| key.2 != "flow_logs").map(|(_, events)| events).sum();
        assert_eq!(number(&answer["coverage"]["events"]), events, "flow records are no events: {from} {to}");
        // The same counts stand at the end of every other answer.
        let changes = store.json(&["changes", "--from", from, "--to", to, "--format", "json"]);
        let seen = list(&answer["coverage"]["seen"]).iter().filter(|seen| !tells_of_events(seen)).collect::<Vec<_>>();
        assert_eq!(list(&changes["coverage"]["seen"]).iter().collect::<Vec<_>>(), seen, "{from} {to}");
    }
}

#[test]
fn coverage_counts_what_the_tables_hold_as_ingested_and_as_compacted() {
    let store = TestStore::of_fixture("incident");
    compare(&store);
    assert!(store.run(&["compact", "--all"]).status.success());
    compare(&store);
}

#[test]
fn files_whose_columns_were_written_anew_are_counted_row_by_row() {
    let store = TestStore::of_fixture("incident");
    // The id of an event comes again with other content: both are marked, which writes the file of the first anew.
    let event =
        store.row("SELECT event_id, raw FROM cloudtrail WHERE event_name = 'AuthorizeSecurityGroupIngress' ORDER BY event_time LIMIT 1");
    let forged = plain(&event["raw"]).replacen("AuthorizeSecurityGroupIngress", "DescribeSecurityGroups", 1);
    std::fs::write(store.scratch().join("forged.json"), format!("{{\"Records\":[{forged}]}}")).expect("a written file");
    store.ingest(&store.scratch());
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["2"]);
    compare(&store);
    let said = store.json(&["coverage", "--format", "json"]).to_string();
    assert!(said.contains("2 events share an id with an event of other content"), "{said}");
}
