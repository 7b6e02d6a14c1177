//! Records that tell of one action: late ones, updates of earlier ones, and the objects of a `DeleteObjects` call.

use std::fs;

use serde_json::{Value, json};

use crate::asked::TestStore;

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

fn event(id: &str, second: u32, name: &str) -> Value {
    json!({
        "eventVersion": "1.08", "eventID": id, "eventTime": format!("2025-03-01T10:00:{second:02}Z"),
        "eventSource": "ec2.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAALICE", "arn": ALICE, "accountId": "111122223333", "userName": "alice"},
        "requestParameters": {"groupId": "sg-1"}, "responseElements": null, "requestID": format!("request-{id}"),
        "readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "eventCategory": "Management"
    })
}

fn with(mut event: Value, field: &str, value: Value) -> Value {
    event[field] = value;
    event
}

fn update(id: &str, second: u32, of: &str) -> Value {
    let addendum = json!({"reason": "UPDATED_DATA", "updatedFields": "responseElements", "originalRequestID": "r", "originalEventID": of});
    with(event(id, second, "DeleteSecurityGroup"), "addendum", addendum)
}

fn deletion(id: &str, second: u32, name: &str, key: Option<&str>) -> Value {
    let mut record = event(id, second, name);
    record["eventSource"] = json!("s3.amazonaws.com");
    record["requestID"] = json!("BATCH");
    record["eventCategory"] = json!("Data");
    record["requestParameters"] = json!({"bucketName": "logs"});
    if let Some(key) = key {
        record["requestParameters"]["key"] = json!(key);
        record["resources"] = json!([{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::logs/{key}")}]);
    }
    record
}

/// A store of these records, each in a file of its own.
fn store(records: &[Value]) -> TestStore {
    let store = TestStore::new();
    for (i, record) in records.iter().enumerate() {
        fs::write(store.scratch().join(format!("{i}.json")), json!({"Records": [record]}).to_string()).expect("a file of the test");
    }
    store.ingest(&store.scratch());
    store
}

fn ask(store: &TestStore, arguments: &[&str]) -> Value {
    let output = store.run(&[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn text(store: &TestStore, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&store.run(arguments).stdout).into_owned()
}

fn refs(answer: &Value) -> Vec<Vec<&str>> {
    let items = answer["answer"].as_array().expect("items");
    items.iter().map(|item| item["refs"].as_array().expect("refs").iter().map(|r| r.as_str().expect("an id")).collect()).collect()
}

const WINDOW: [&str; 4] = ["--from", "2025-03-01T10:00:00Z", "--to", "2025-03-01T10:00:30Z"];

fn in_window<'a>(question: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[question], WINDOW.as_slice(), more].concat()
}

#[test]
fn a_late_record_is_marked_wherever_it_is_shown() {
    let late = with(event("late-0001", 5, "DeleteSecurityGroup"), "addendum", json!({"reason": "DELIVERY_DELAY"}));
    let store = store(&[late, event("soon-0001", 6, "DeleteSecurityGroup")]);
    for question in ["timeline", "changes", "network"] {
        let answer = ask(&store, &in_window(question, &[]));
        assert_eq!((&answer["answer"][0]["late"], &answer["answer"][1]["late"]), (&json!(true), &json!(false)), "{question}");
        assert_eq!(answer["answer"][0]["addendum"]["reason"], "DELIVERY_DELAY");
        let said = text(&store, &in_window(question, &[]));
        assert_eq!(said.matches("LATE: CloudTrail delivered this record late (DELIVERY_DELAY)").count(), 1, "{said}");
    }
    assert!(text(&store, &["show", "late-0001"]).contains("LATE:"));
    assert_eq!(store.column("SELECT ref FROM changes WHERE late"), ["late-0001"]);
    assert_eq!(store.column("SELECT late FROM timeline ORDER BY ref"), ["true", "false"]);
}

#[test]
fn an_update_is_listed_in_the_timeline_and_told_with_its_original_in_changes() {
    // The update comes after the window: what it says of an event inside is told all the same.
    for second in [5, 6, 40] {
        let store = store(&[event("original-1", 5, "DeleteSecurityGroup"), update("update-001", second, "original-1")]);
        let is_inside = second < 30;
        let timeline = ask(&store, &in_window("timeline", &[]));
        let both = [vec!["original-1", "update-001"], vec!["update-001", "original-1"]];
        assert_eq!(refs(&timeline), both[..if is_inside { 2 } else { 1 }], "{second}");
        let changes = ask(&store, &in_window("changes", &[]));
        assert_eq!(refs(&changes), both[..1], "{second}");
        assert_eq!(changes["totals"]["items"], 1);
        let told = &changes["answer"][0]["updated_by"][0];
        assert_eq!((&told["ref"], &told["updated_fields"]), (&json!("update-001"), &json!(["responseElements"])));
        let said = text(&store, &in_window("timeline", &[]));
        assert!(said.contains("UPDATED (responseElements) by update-001: alice  ok"), "{said}");
        assert_eq!(said.contains("UPDATES (responseElements) original-1"), is_inside, "{said}");
        let actors = ask(&store, &in_window("actors", &[]));
        let alice = &actors["answer"][0];
        assert_eq!((&alice["events"], &alice["changes"]), (&json!(if is_inside { 2 } else { 1 }), &json!(1)), "{second}");
    }
}

#[test]
fn show_opens_an_update_and_its_original_from_either_side() {
    let store = store(&[event("original-1", 5, "DeleteSecurityGroup"), update("update-001", 6, "original-1")]);
    assert!(text(&store, &["show", "original-1"]).contains("UPDATED (responseElements) by update-001"));
    assert!(text(&store, &["show", "update-001"]).contains("UPDATES (responseElements) original-1"));
    assert_eq!(store.column("SELECT updates FROM changes ORDER BY ref"), ["-", "original-1"]);
}

#[test]
fn an_update_alone_is_shown_and_says_that_its_original_is_not_there() {
    let store = store(&[update("update-001", 6, "original-1")]);
    let changes = ask(&store, &in_window("changes", &[]));
    assert_eq!(refs(&changes), [["update-001"]]);
    assert_eq!(changes["answer"][0]["addendum"]["original_in_evidence"], false);
    assert!(text(&store, &in_window("changes", &[])).contains("UPDATES (responseElements) original-1, which is not in evidence"));
    // A filter that only the update fulfils shows it by itself.
    let mut other = update("update-002", 7, "original-2");
    other["awsRegion"] = json!("ap-south-2");
    other["sourceIPAddress"] = json!("203.0.113.9");
    let store = self::store(&[event("original-2", 7, "DeleteSecurityGroup"), other]);
    assert_eq!(refs(&ask(&store, &in_window("changes", &["--region", "ap-south-2"]))), [["update-002", "original-2"]]);
    // An anchor is no filter: the change is told whole, and is direct for what either record says.
    let around = ask(&store, &in_window("changes", &["--ip", "203.0.113.9"]));
    assert_eq!(refs(&around), [["original-2", "update-002"]]);
    assert_eq!(around["answer"][0]["relation"]["rank"], "direct");
}

#[test]
fn records_that_claim_to_update_each_other_hide_nothing() {
    let store = store(&[
        update("ring-00001", 5, "ring-00002"),
        update("ring-00002", 6, "ring-00001"),
        update("self-00001", 7, "self-00001"),
        event("original-1", 8, "DeleteSecurityGroup"),
        update("update-001", 9, "original-1"),
        update("update-002", 10, "update-001"),
    ]);
    let changes = ask(&store, &in_window("changes", &[]));
    let firsts: Vec<&str> = refs(&changes).iter().map(|r| r[0]).collect();
    assert_eq!(firsts, ["ring-00001", "ring-00002", "self-00001", "original-1"], "{changes}");
    assert_eq!(changes["answer"][3]["updated_by"].as_array().map(Vec::len), Some(2), "an update of an update is one of the event");
}

#[test]
fn a_real_record_is_not_hidden_by_one_that_claims_its_id() {
    // A forged copy of `real-00001` claims to be an update; the real one has the same id and stays an item of its own.
    let real = event("real-00001", 5, "DeleteSecurityGroup");
    let store = store(&[real, update("real-00001", 5, "bait-00001"), event("bait-00001", 5, "DeleteSecurityGroup")]);
    let changes = ask(&store, &in_window("changes", &[]));
    let firsts: Vec<&str> = refs(&changes).iter().map(|r| r[0]).collect();
    assert!(firsts.contains(&"real-00001") && firsts.contains(&"bait-00001"), "{changes}");
}

#[test]
fn deleting_many_objects_is_one_change() {
    let store = store(&[
        deletion("call-00001", 5, "DeleteObjects", None),
        deletion("part-00001", 5, "DeleteObject", Some("a.gz")),
        deletion("part-00002", 6, "DeleteObject", Some("b.gz")),
        with(deletion("part-00003", 6, "DeleteObject", Some("c.gz")), "errorCode", json!("AccessDenied")),
        with(deletion("else-00001", 7, "DeleteObject", Some("d.gz")), "requestID", json!("OTHER")),
    ]);
    let changes = ask(&store, &in_window("changes", &[]));
    let expected = [vec!["call-00001", "part-00001", "part-00002"], vec!["part-00003"], vec!["else-00001"]];
    assert_eq!(refs(&changes), expected, "a refused deletion is an attempt, and another request another change");
    let call = &changes["answer"][0];
    assert_eq!(call["summary"], "deleted objects of bucket logs: s3://logs/a.gz, s3://logs/b.gz");
    let arns: Vec<&str> = call["resources"].as_array().expect("resources").iter().filter_map(|r| r["arn"].as_str()).collect();
    assert!(arns.contains(&"arn:aws:s3:::logs/a.gz") && arns.contains(&"arn:aws:s3:::logs/b.gz"), "{arns:?}");
    assert_eq!(changes["answer"][1]["part_of"], "call-00001");
    let timeline = ask(&store, &in_window("timeline", &[]));
    assert_eq!(timeline["answer"].as_array().map(Vec::len), Some(5), "every record is in the timeline");
    assert!(text(&store, &in_window("timeline", &[])).contains("part of the DeleteObjects call call-00001"));
    let actors = ask(&store, &in_window("actors", &[]));
    assert_eq!((&actors["answer"][0]["changes"], &actors["answer"][0]["attempts"]), (&json!(2), &json!(1)));
    // Who asks about one object gets its record.
    let one = ask(&store, &in_window("timeline", &["--arn", "arn:aws:s3:::logs/b.gz"]));
    assert_eq!(refs(&one), [["part-00002"]]);
    // And among the changes the call that deleted it.
    let around = ask(&store, &in_window("changes", &["--arn", "arn:aws:s3:::logs/b.gz"]));
    assert_eq!(refs(&around), expected);
    let ranks: Vec<&str> = around["answer"].as_array().expect("items").iter().filter_map(|i| i["relation"]["rank"].as_str()).collect();
    assert_eq!(ranks, ["direct", "same_lineage", "same_lineage"]);
}

#[test]
fn deletions_without_their_call_are_changes_each() {
    let store = store(&[deletion("part-00001", 5, "DeleteObject", Some("a")), deletion("part-00002", 5, "DeleteObject", Some("b"))]);
    assert_eq!(refs(&ask(&store, &in_window("changes", &[]))), [["part-00001"], ["part-00002"]]);
}
