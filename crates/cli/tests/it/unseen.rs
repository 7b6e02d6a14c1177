//! What is told of logging that somebody ended: however long ago, in every question, and of accounts that have no event where others do.

use serde_json::{Value, json};

use crate::asked::{TestStore, list};

const QUIET: &str = "111122223333";
const OTHER: &str = "999988887777";

/// A call, by its time, account and name.
fn call(time: &str, account: &str, name: &str, request: Value) -> Value {
    let source = if name.ends_with("Logging") || name.contains("Trail") || name.contains("Selectors") { "cloudtrail" } else { "ec2" };
    json!({
        "eventVersion": "1.08", "eventID": format!("{name}-{account}-{time}"), "eventTime": time,
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "eu-west-1",
        "recipientAccountId": account, "requestParameters": request, "readOnly": name.starts_with("Describe"),
        "managementEvent": true, "eventCategory": "Management",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accountId": account}
    })
}

fn store_of(records: &[Value]) -> TestStore {
    let store = TestStore::new();
    let file = store.scratch().join("a.json");
    std::fs::write(&file, json!({ "Records": records }).to_string()).expect("written");
    store.ingest(&file);
    store
}

/// What an answer says was not seen, but for the kinds of events that no record is of.
fn not_seen(store: &TestStore, arguments: &[&str]) -> Vec<String> {
    let answer = store.json(&[arguments, &["--format", "json"]].concat());
    let said = list(&answer["coverage"]["not_seen"]).iter().filter(|n| n["kind"] != "log_not_present");
    said.filter_map(|n| n["text"].as_str().map(str::to_owned)).collect()
}

/// One account whose trail was stopped on 1 May and that has nothing more until the 15th; another with an event a day.
fn stopped_long_ago() -> Vec<Value> {
    let daily = (1..=20).map(|day| call(&format!("2024-05-{day:02}T12:30:00Z"), OTHER, "DescribeInstances", Value::Null));
    let quiet = [
        call("2024-05-01T09:00:00Z", QUIET, "RunInstances", Value::Null),
        call("2024-05-01T10:00:00Z", QUIET, "StopLogging", json!({"name": "main"})),
        call("2024-05-15T12:40:00Z", QUIET, "RunInstances", Value::Null),
    ];
    daily.chain(quiet).collect()
}

#[test]
fn a_trail_stopped_long_before_the_window_is_told_in_every_answer() {
    let store = store_of(&stopped_long_ago());
    let stop = "2024-05-01T10:00:00Z: alice stopped trail main (111122223333 eu-west-1): later events may not have been recorded.";
    for command in ["changes", "coverage", "timeline", "actors", "network"] {
        let far = not_seen(&store, &[command, "--at", "2024-05-15T13:00:00Z"]);
        assert!(far.iter().any(|text| text == stop), "{command}: {far:?}");
    }
    let between = not_seen(&store, &["changes", "--at", "2024-05-10T13:00:00Z"]);
    assert!(between.iter().any(|text| text == stop), "{between:?}");
    let silent = "No event in the window from account 111122223333, which has events before and after it.";
    assert!(between.iter().any(|text| text == silent), "{between:?}");
    // What is told is cited, and what came later than the window is not told of it.
    let answer = store.json(&["changes", "--at", "2024-05-10T13:00:00Z", "--format", "json"]);
    assert_eq!(answer["coverage"]["log_changes"][0]["refs"][0], "StopLogging-111122223333-2024-05-01T10:00:00Z");
    let before = not_seen(&store, &["changes", "--from", "2024-05-01T08:00:00Z", "--to", "2024-05-01T09:30:00Z"]);
    assert!(!before.iter().any(|text| text.contains("stopped trail")), "{before:?}");
}

#[test]
fn accounts_far_from_the_window_are_met_in_files_that_say_nothing_of_themselves_too() {
    let store = store_of(&stopped_long_ago());
    // The id of an event comes again with other content, which writes the file of the first anew, without its tally.
    for (name, time) in [("first", "2024-05-01T09:00:00Z"), ("last", "2024-05-15T12:40:00Z")] {
        let mut forged = call(time, QUIET, "RunInstances", Value::Null);
        forged["sourceIPAddress"] = json!("198.51.100.7");
        std::fs::write(store.scratch().join(format!("{name}.json")), forged.to_string()).expect("written");
    }
    store.ingest(&store.scratch());
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["4"]);
    let said = not_seen(&store, &["changes", "--at", "2024-05-10T13:00:00Z"]);
    let silent = "No event in the window from account 111122223333, which has events before and after it.";
    assert!(said.iter().any(|text| text == silent), "{said:?}");
}

#[test]
fn a_trail_that_was_started_again_before_the_window_is_not_told_of() {
    let start =
        call("2024-05-03T10:00:00Z", QUIET, "StartLogging", json!({"name": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}));
    let store = store_of(&[stopped_long_ago(), vec![start]].concat());
    let said = not_seen(&store, &["changes", "--at", "2024-05-15T13:00:00Z"]);
    assert!(!said.iter().any(|text| text.contains("stopped trail")), "{said:?}");
    let until = "events until 2024-05-03T10:00:00Z, when alice started it again, may not have been recorded.";
    let said = not_seen(&store, &["changes", "--from", "2024-05-02T23:00:00Z", "--to", "2024-05-03T12:00:00Z"]);
    assert!(said.iter().any(|text| text.ends_with(until)), "{said:?}");
}

#[test]
fn selectors_narrowed_long_ago_are_told_and_those_that_were_not_are_not() {
    let selectors = |time: &str, management: bool| {
        let request = json!({"trailName": "main", "eventSelectors": [{"readWriteType": "All", "includeManagementEvents": management}]});
        call(time, QUIET, "PutEventSelectors", request)
    };
    let told = |records: &[Value]| {
        let store = store_of(&[stopped_long_ago(), records.to_vec()].concat());
        not_seen(&store, &["changes", "--at", "2024-05-15T13:00:00Z"])
            .into_iter()
            .filter(|text| text.contains("later events may not"))
            .filter(|text| !text.contains("stopped trail"))
            .count()
    };
    assert_eq!(told(&[selectors("2024-05-02T10:00:00Z", false)]), 1);
    assert_eq!(told(&[selectors("2024-05-02T10:00:00Z", true)]), 0);
    assert_eq!(told(&[selectors("2024-05-02T10:00:00Z", false), selectors("2024-05-04T10:00:00Z", true)]), 0);
}

#[test]
fn coverage_of_a_window_says_what_the_other_answers_say() {
    let mut records: Vec<Value> = ["01:10", "02:10", "03:10", "04:10", "08:05", "09:30"]
        .map(|time| call(&format!("2024-05-01T{time}:00Z"), QUIET, "DescribeInstances", Value::Null))
        .into();
    records.extend([
        call("2024-05-01T04:05:00Z", QUIET, "StopLogging", json!({"name": "main"})),
        call("2024-05-01T04:07:00Z", QUIET, "DeleteTrail", json!({"name": "main"})),
        call("2024-05-01T07:55:00Z", QUIET, "StartLogging", json!({"name": "main"})),
    ]);
    let store = store_of(&records);
    for (from, to) in [("05:10", "07:00"), ("04:30", "07:00"), ("05:10", "08:01"), ("05:10", "08:30")] {
        let window = ["--from", &format!("2024-05-01T{from}:00Z"), "--to", &format!("2024-05-01T{to}:00Z")];
        let changes = not_seen(&store, &[&["changes"][..], &window].concat());
        assert!(changes.iter().any(|text| text.contains("stopped trail main")), "{from}: {changes:?}");
        for filter in [&[][..], &["--account", QUIET], &["--region", "eu-west-1"]] {
            assert_eq!(not_seen(&store, &[&["coverage"][..], &window, filter].concat()), changes, "{from} {filter:?}");
            let text = store.run(&[&["coverage"][..], &window, filter].concat());
            assert!(!String::from_utf8_lossy(&text.stdout).contains("No gap is known"), "{from} {filter:?}");
        }
    }
}

#[test]
fn coverage_takes_the_filters_that_apply_and_says_what_no_event_is_of() {
    let store = store_of(&stopped_long_ago());
    for (option, value) in [("--arn", "nosuch"), ("--actor", "bob"), ("--outcome", "denied"), ("--key", "AKIA"), ("--source", "ec2")] {
        assert_eq!(store.run(&["coverage", option, value]).status.code(), Some(2), "{option}");
    }
    let narrowed = store.json(&["coverage", "--account", OTHER, "--format", "json"]);
    assert!(list(&narrowed["answer"]).iter().all(|item| item["account"] == OTHER) && !list(&narrowed["answer"]).is_empty());
    assert_eq!(narrowed["filters"], json!({"account": [OTHER]}));
    let said = not_seen(&store, &["coverage", "--account", "555555555555"]);
    assert!(said.iter().any(|text| text.starts_with("No event in the store is of the account 555555555555.")), "{said:?}");
}
