//! One event by many ways is one row; one id with other content is two, marked.

use serde_json::{Value, json};

use super::make::{event, trail, without};
use super::{Case, check};

#[test]
fn the_same_event_by_many_routes_is_one_row_and_the_best_copy_is_shown() {
    let record = event();
    let one = record.to_string();
    let spaced = serde_json::to_string_pretty(&record).expect("JSON");
    let mut reversed: Vec<(String, Value)> = record.as_object().expect("an object").clone().into_iter().collect();
    reversed.reverse();
    let reversed: serde_json::Map<String, Value> = reversed.into_iter().collect();
    let mut enriched = record.clone();
    enriched["eventContext"] = json!({"tagContext": {"resourceTags": []}});
    let envelope = json!({"version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "account": "1", "time": "2024-05-01T10:00:00Z", "region": "eu-west-1", "resources": [], "detail": record});
    let lookup = json!({"Events": [{"EventId": "x", "EventTime": 1, "CloudTrailEvent": one}]});
    let store = check(vec![
        Case::new("a-lookup.json", lookup.to_string()).kept(1),
        Case::new("b-envelope.json", envelope.to_string()).kept(1),
        Case::new("c-twice.jsonl", format!("{one}\n{one}\n")).kept(2),
        Case::new("d-spaced.json", spaced).kept(1),
        Case::new("e-reversed.json", json!([reversed]).to_string()).kept(1),
        Case::new("f-enriched.jsonl", format!("{enriched}\n")).kept(1),
        Case::new("g-trail.json", trail(&[record])).kept(1),
    ]);
    let row = store.row(
        "SELECT (SELECT count(*) FROM cloudtrail) AS events, (SELECT count(*) FROM event_origins) AS origins, \
         (SELECT count(DISTINCT evidence_id) FROM event_origins) AS pieces, (SELECT sum(records_kept) FROM evidence) AS kept, \
         (SELECT sum(records_duplicate) FROM evidence) AS duplicate, (SELECT bool_or(id_conflict) FROM cloudtrail) AS conflict, \
         (SELECT o.route FROM cloudtrail c JOIN event_origins o ON o.evidence_id = c.evidence_id AND o.record_index = c.record_index) AS shown",
    );
    let conflict = row["conflict"].as_bool().unwrap_or(false);
    assert!(!conflict, "{row}");
    let counts = ["events", "origins", "pieces", "kept", "duplicate"].map(|name| crate::asked::number(&row[name]));
    assert_eq!(counts, [1, 8, 7, 1, 7], "{row}");
    assert_eq!(row["shown"], "trail_file", "the trail's own file comes first");
}

#[test]
fn one_id_with_other_content_is_two_rows_both_marked() {
    let record = event();
    let mut forged = record.clone();
    forged["sourceIPAddress"] = json!("203.0.113.66");
    let store = check(vec![
        Case::new("real.json", trail(&[record.clone(), event()])).kept(2),
        Case::new("forged.json", trail(&[forged])).kept(1),
        Case::new("real-again.json", json!([record]).to_string()).kept(1),
    ]);
    let rows = store.column("SELECT source_ip_address FROM cloudtrail WHERE id_conflict ORDER BY source_ip_address");
    assert_eq!(rows, ["198.51.100.7", "203.0.113.66"]);
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail"), ["3"]);
}

/// As Athena and Lake print rows: structures without quotes, times with a space.
fn table_of(records: &[Value]) -> String {
    let mut table = String::from(
        "eventversion,useridentity,eventtime,eventsource,eventname,awsregion,sourceipaddress,errorcode,responseelements,eventid,readonly,dt\n",
    );
    for r in records {
        let text = |field: &str| r[field].as_str().expect("a text").to_owned();
        let user = &r["userIdentity"];
        let identity = format!(
            "{{type=IAMUser, principalid=AIDAEXAMPLE, arn={}, accountid=111122223333, sessioncontext=null, username={}}}",
            user["arn"].as_str().expect("a text"),
            user["userName"].as_str().expect("a text")
        );
        let time = text("eventTime").replace('T', " ").replace('Z', ".000");
        let response = r#"{instancesSet={""items"":[{""instanceId"":""i-0123456789abcdef0""}]}}"#;
        let row = [
            text("eventVersion"),
            identity,
            time,
            text("eventSource"),
            text("eventName"),
            text("awsRegion"),
            text("sourceIPAddress"),
            String::new(),
            response.to_owned(),
            text("eventID"),
            "false".to_owned(),
            "2024/05/01".to_owned(),
        ];
        table += &format!("\"{}\"\n", row.join("\",\""));
    }
    table
}

#[test]
fn events_of_a_trail_and_the_same_as_rows_of_a_table_are_one_each_and_the_record_is_shown() {
    let records = [event(), event(), event()];
    let mut forged = records[2].clone();
    forged["userIdentity"]["userName"] = json!("mallory");
    let store = check(vec![
        Case::new("a-table.csv", table_of(&records)).kept(3),
        Case::new("b-trail.json", trail(&records)).kept(3),
        Case::new("c-few-columns.csv", few_columns_of(&records[0])).kept(1),
        Case::new("d-forged.csv", table_of(&[forged])).kept(1),
    ]);
    let rows = store.rows("SELECT user_identity_user_name AS name, raw_form, id_conflict FROM cloudtrail ORDER BY event_time, name");
    let told: Vec<_> = rows.iter().map(|r| [&r["name"], &r["raw_form"], &r["id_conflict"]].map(crate::asked::plain).join(" ")).collect();
    assert_eq!(told, ["alice exact false", "alice exact false", "alice exact true", "mallory projected true"]);
    assert_eq!(store.column("SELECT count(*) FROM event_origins"), ["8"]);
}

fn few_columns_of(record: &Value) -> String {
    let text = |field: &str| record[field].as_str().expect("a text");
    let (id, time) = (text("eventID"), text("eventTime"));
    format!("eventId,eventName,eventSource,awsRegion,eventTime\n{id},RunInstances,ec2.amazonaws.com,eu-west-1,{time}\n")
}

#[test]
fn a_copy_with_an_omitted_field_is_no_row_beside_the_whole_record() {
    let mut record = event();
    record["requestParameters"] = json!({"instanceType": "x"});
    for (omitted, name) in [(json!({"omitted": true, "originalSize": 120_000}), "a-omitted.json"), (Value::Null, "b-null.json")] {
        let mut copy = record.clone();
        copy["requestParameters"] = omitted;
        copy["errorCode"] = Value::Null;
        let store = check(vec![Case::new(name, trail(&[copy])).kept(1), Case::new("whole.jsonl", format!("{record}\n")).kept(1)]);
        assert_eq!(store.column("SELECT request_parameters FROM cloudtrail WHERE NOT id_conflict"), [r#"{"instanceType":"x"}"#], "{name}");
    }
}

#[test]
fn a_forged_record_on_another_date_or_without_a_time_is_marked_with_the_real_one() {
    for (time, name) in [("2024-04-22T10:00:00Z", "dated-back.json"), ("yesterday", "no-time.json")] {
        let record = event();
        let mut forged = record.clone();
        forged["eventTime"] = json!(time);
        forged["userIdentity"]["userName"] = json!("mallory");
        let store =
            check(vec![Case::new("real.json", trail(&[record.clone(), event()])).kept(2), Case::new(name, trail(&[forged])).kept(1)]);
        let marked = store.column("SELECT user_identity_user_name FROM cloudtrail WHERE id_conflict ORDER BY 1");
        assert_eq!(marked, ["alice", "mallory"], "{name}");
        let shown = store.json(&["show", record["eventID"].as_str().expect("an id"), "--format", "json"]);
        for opened in crate::asked::list(&shown["answer"]) {
            let other: Vec<_> = crate::asked::list(&opened["origins"]).iter().map(|o| o["of_other_record"] == true).collect();
            assert_eq!(other.iter().filter(|other| **other).count(), 1, "{name}: of two copies the other record's is told apart");
        }
    }
}

#[test]
fn shared_event_ids_link_and_never_merge() {
    let (mut caller, mut owner) = (event(), event());
    caller["sharedEventID"] = json!("7a1f0000-0000-4000-8000-000000000001");
    owner["sharedEventID"] = json!("7a1f0000-0000-4000-8000-000000000001");
    owner["recipientAccountId"] = json!("444455556666");
    owner["userIdentity"] = json!({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "111122223333"});
    let store = check(vec![Case::new("twins.json", trail(&[caller, owner])).kept(2)]);
    let rows = store
        .column("SELECT recipient_account_id FROM cloudtrail WHERE shared_event_id = '7a1f0000-0000-4000-8000-000000000001' ORDER BY 1");
    assert_eq!(rows, ["111122223333", "444455556666"]);
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["0"]);
}

#[test]
fn without_an_id_the_content_is_the_identity() {
    let record = without("eventID");
    let mut other = record.clone();
    other["eventName"] = json!("StopInstances");
    let mut empty = event();
    empty["eventID"] = json!("");
    let mut empty_other = empty.clone();
    empty_other["eventName"] = json!("StopInstances");
    let spaced = serde_json::to_string_pretty(&record).expect("JSON");
    let store = check(vec![
        Case::new("no-id.json", trail(&[record, other])).kept(2),
        Case::new("no-id-again.json", spaced).kept(1),
        Case::new("empty-id.json", trail(&[empty, empty_other])).kept(2),
    ]);
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail"), ["4"]);
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["0"]);
}

#[test]
fn ids_that_are_no_guid_are_ids_all_the_same() {
    let (mut one, mut two) = (event(), event());
    one["eventID"] = json!("1");
    two["eventID"] = json!("1");
    let store = check(vec![Case::new("ids.json", trail(&[one.clone(), two, one])).kept(3)]);
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE event_id = '1' AND id_conflict"), ["2"]);
}

#[test]
fn a_later_run_finds_the_copy_of_an_earlier_one() {
    let record = event();
    let store = check(vec![Case::new("first.jsonl", format!("{record}\n")).kept(1)]);
    let later = store.scratch().join("later.json");
    let mut forged = record.clone();
    forged["eventName"] = json!("DescribeInstances");
    std::fs::write(&later, trail(&[record, forged])).expect("a file of the test");
    let (_, said) = store.ingest(&later);
    assert_eq!(store.column("SELECT event_name FROM cloudtrail ORDER BY event_name"), ["DescribeInstances", "RunInstances"], "{said}");
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["2"], "an earlier row is marked as well");
    assert_eq!(store.column("SELECT count(*) FROM event_origins"), ["3"]);
}
