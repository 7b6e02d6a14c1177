//! Every shape CloudTrail records come in, and the archives around them.

use serde_json::json;

use super::make::{event, gzip, tar, text, trail, trail_of, zip, zstd};
use super::{Case, check};
use crate::kit::backtrail;

#[test]
fn records_alone_in_lists_and_one_a_line() {
    let pretty = serde_json::to_string_pretty(&json!({"Records": [event(), event()]})).expect("JSON");
    let line_endings = format!("{}\r\n{}\r\n{}", text(), text(), text());
    check(vec![
        Case::new("trail.json", trail_of(3)).kept(3),
        Case::new("pretty.json", pretty).kept(2),
        Case::new("key-before.json", json!({"nextToken": "x", "Records": [event()]}).to_string()).kept(1),
        Case::new("key-after.json", json!({"Records": [event()], "meta": {"Records": [1]}}).to_string()).kept(1),
        Case::new("array.json", json!([event(), event()]).to_string()).kept(2),
        Case::new("single.json", text()).kept(1),
        Case::new("lines.jsonl", format!("{}\n{}\n", text(), text())).kept(2),
        Case::new("crlf.jsonl", line_endings).kept(3),
        Case::new("blank-lines.jsonl", format!("\n\n{}\n  \n{}\n\n", text(), text())).kept(2),
        Case::new("concatenated.json", format!("{}{}{}", text(), text(), text())).kept(3),
        Case::new("trails-by-line.jsonl", format!("{}\n{}\n", trail_of(2), trail_of(1))).kept(3),
        Case::new("arrays-concatenated.json", format!("[{}][{}]", text(), text())).kept(2),
        Case::new("bom.json", format!("\u{feff}{}", trail_of(2))).kept(2),
        Case::new("bom.jsonl", format!("\u{feff}{}\n{}", text(), text())).kept(2),
        Case::new("no-evidence-of-its-name.gz", trail_of(1)).kept(1),
        Case::new("gzip-called.json", gzip(trail_of(1))).kept(1),
    ]);
}

#[test]
fn empty_wrappers_are_other_and_empty_files_are_said() {
    check(vec![
        Case::new("empty-records.json", r#"{"Records":[]}"#).other(1),
        Case::new("empty-array.json", "[]").other(1),
        Case::new("empty-records-spaced.json.gz", gzip("{ \"Records\" : [ ] }\n")).other(1),
        Case::new("nothing.json", "").fate(&["rejected", "ignored", "kept"]),
        Case::new("spaces.json", " \n\n ").fate(&["rejected", "ignored", "kept"]),
        Case::new("readme.txt", "Ask Carol for the other bucket.\n").fate(&["rejected"]).rejected_between(0, 1),
        Case::new("object.json", r#"{"a":1}"#).fate(&["rejected"]).rejected_between(0, 1),
    ]);
}

#[test]
fn carriers_that_hold_the_record_as_a_string() {
    let lookup = |record: String| {
        json!({"EventId": "x", "EventName": "RunInstances", "ReadOnly": "false", "EventTime": 1714557600.0,
               "EventSource": "ec2.amazonaws.com", "Username": "alice", "Resources": [], "CloudTrailEvent": record})
    };
    let message = |record: String| json!({"id": "3530", "timestamp": 1714557600000_i64, "message": record});
    let payload = |messages: Vec<serde_json::Value>| {
        json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "trail", "logStream": "111122223333_CloudTrail_eu-west-1",
               "subscriptionFilters": ["all"], "logEvents": messages})
        .to_string()
    };
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1714557600000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
    let store = check(vec![
        Case::new("lookup.json", json!({"Events": [lookup(text()), lookup(text())], "NextToken": "t"}).to_string()).kept(2),
        Case::new("lookup.jsonl", format!("{}\n{}\n", lookup(text()), lookup(text()))).kept(2),
        Case::new("lookup-broken.json", json!({"Events": [lookup(text()), lookup("{\"eventVersion\":".to_owned())]}).to_string())
            .kept(1)
            .rejected(1),
        Case::new("subscription.json.gz", gzip(payload(vec![message(text()), message(text())]))).kept(2),
        Case::new("subscription-mixed.json", payload(vec![message(text()), message("REPORT RequestId: 1\n".to_owned())]))
            .kept(1)
            .rejected_between(0, 1)
            .other_between(0, 1),
        Case::new("firehose", format!("{}{}{control}", payload(vec![message(text())]), payload(vec![message(text())]))).kept(2).other(1),
        Case::new("control.json", format!("{control}\n")).other(1),
        Case::new(
            "raw.json",
            json!([{"_raw": text(), "_time": 1714557600, "cribl_breaker": "b"}, {"_raw": text(), "_time": 1714557600}]).to_string(),
        )
        .kept(2),
    ]);
    let forms = store.column("SELECT DISTINCT raw_form FROM cloudtrail");
    assert_eq!(forms, ["unescaped"]);
}

#[test]
fn carriers_that_hold_the_record_itself() {
    let envelope = || {
        json!({"version": "0", "id": "6a7e8feb", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "account": "111122223333",
               "time": "2024-05-01T10:00:00Z", "region": "eu-west-1", "resources": [], "detail": event()})
    };
    let hit = || json!({"_index": "cloudtrail-2024.05", "_id": "1", "_score": 1.0, "_source": event()});
    let hits = json!({"took": 5, "timed_out": false, "hits": {"total": {"value": 2}, "hits": [hit(), hit()]}});
    let original = json!({"_index": "filebeat", "_source": {"@timestamp": "2024-05-01T10:00:00.000Z", "event": {"original": text()}, "cloud": {"provider": "aws"}}});
    let flattened = json!({"_index": "filebeat", "_source": {"@timestamp": "2024-05-01T10:00:00.000Z",
        "event": {"action": "RunInstances", "provider": "ec2.amazonaws.com", "outcome": "success", "kind": "event"},
        "aws": {"cloudtrail": {"event_type": "AwsApiCall", "event_version": "1.08", "user_identity": {"type": "IAMUser"}}}, "cloud": {"provider": "aws"}}});
    check(vec![
        Case::new("envelope.json", envelope().to_string()).kept(1),
        Case::new("envelopes.jsonl", format!("{}\n{}\n", envelope(), envelope())).kept(2),
        Case::new("envelopes.json", json!([envelope(), envelope()]).to_string()).kept(2),
        Case::new("hits.json", hits.to_string()).kept(2),
        Case::new("dump.jsonl", format!("{}\n{}\n", hit(), hit())).kept(2),
        Case::new("original.jsonl", format!("{original}\n")).kept(1),
        Case::new("flattened.jsonl", format!("{flattened}\n")).other_between(0, 1).fate(&["deferred"]),
        Case::new("export-000000.gz", gzip(format!("2024-05-01T10:00:00.000Z {}\n2024-05-01T10:00:01.000Z {}\n", text(), text()))).kept(2),
    ]);
}

#[test]
fn lake_results_keep_their_cells_as_delivered() {
    let csv = "eventVersion,userIdentity,eventTime,eventSource,eventName,awsRegion,sourceIPAddress,userAgent,eventID,readOnly\r\n\
        1.08,\"{type=IAMUser, principalid=AIDAEXAMPLE, arn=arn:aws:iam::111122223333:user/alice}\",2024-05-01 09:00:00.000,ec2.amazonaws.com,RunInstances,eu-west-1,198.51.100.7,\"cli, with comma\nand line\",aaaaaaaa-0000-4000-8000-000000000001,false\r\n\
        1.08,,2024-05-01 09:00:01.000,ec2.amazonaws.com,StopInstances,eu-west-1,198.51.100.7,cli,aaaaaaaa-0000-4000-8000-000000000002,false\r\n";
    let store = check(vec![Case::new("result_1.csv.gz", gzip(csv)).kept(2)]);
    let rows = store
        .rows("SELECT event_name, CAST(event_time AS BIGINT) AS t, raw_form, user_agent, read_only FROM cloudtrail ORDER BY event_time");
    assert_eq!(
        serde_json::Value::from(rows),
        json!([
            {"event_name": "RunInstances", "t": 1_714_554_000_000_000_i64, "raw_form": "projected", "user_agent": "cli, with comma\nand line", "read_only": false},
            {"event_name": "StopInstances", "t": 1_714_554_001_000_000_i64, "raw_form": "projected", "user_agent": "cli", "read_only": false},
        ])
    );
}

#[test]
fn insights_and_aggregates_have_their_own_tables() {
    let insight = |state: &str, id: &str| {
        json!({"eventVersion": "1.08", "eventTime": "2024-05-01T10:00:00Z", "awsRegion": "eu-west-1", "eventID": id, "eventType": "AwsCloudTrailInsight",
               "recipientAccountId": "111122223333", "sharedEventID": "5c1e", "insightDetails": {"state": state, "eventSource": "iam.amazonaws.com",
               "eventName": "CreateUser", "insightType": "ApiCallRateInsight", "insightContext": {}}, "eventCategory": "Insight"})
    };
    let aggregated = json!({"eventVersion": "1.0", "accountId": "111122223333", "eventId": "agg-1", "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent", "awsRegion": "eu-west-1", "eventSource": "s3.amazonaws.com",
        "timeWindow": {"windowStart": "2024-05-01T10:00:00Z", "windowEnd": "2024-05-01T10:05:00Z", "windowSize": "PT5M"},
        "summary": {"primaryDimension": {"dimension": "eventName", "statistics": [{"name": "GetObject", "value": 5}], "aggregationType": "Count"}, "details": []}});
    let store = check(vec![
        Case::new("insight.json", trail(&[insight("Start", "i-1"), insight("End", "i-2")])).kept(2),
        Case::new("aggregated.json", json!([aggregated]).to_string()).kept(1),
    ]);
    let row = store.row(
        "SELECT (SELECT count(*) FROM cloudtrail) AS events, (SELECT count(*) FROM cloudtrail_insights) AS insights, \
         (SELECT count(*) FROM cloudtrail_aggregated) AS aggregated, (SELECT max(window_size) FROM cloudtrail_aggregated) AS size",
    );
    assert_eq!(row, json!({"events": 0, "insights": 2, "aggregated": 1, "size": "PT5M"}));
}

#[test]
fn archives_are_opened_and_their_names_lead_nowhere() {
    let (a, b, c) = (trail_of(1), gzip(trail_of(2)), text());
    let nested = zip(&[("inner/trail.json", trail_of(1).as_bytes())]);
    let traversal = [("../../../../tmp/backtrail-evil.json", a.as_bytes()), ("/etc/backtrail-evil.json", c.as_bytes())];
    let store = check(vec![
        Case::new("plain.zip", zip(&[("AWSLogs/a.json", trail_of(2).as_bytes()), ("AWSLogs/b.json.gz", &gzip(trail_of(3)))]))
            .kept(5)
            .members(2),
        Case::new("with-folder.zip", zip(&[("AWSLogs/", b""), ("AWSLogs/a.json", trail_of(1).as_bytes())])).kept(1),
        Case::new("traversal.zip", zip(&traversal)).kept(2).members(2),
        Case::new("traversal.tar", tar(&[("../../tmp/backtrail-evil.json", trail_of(1).as_bytes())])).kept(1).members(1),
        Case::new("logs.tar", tar(&[("a.json", trail_of(1).as_bytes()), ("b.json.gz", &b)])).kept(3).members(2),
        Case::new("logs.tar.gz", gzip(tar(&[("a.json", trail_of(2).as_bytes())]))).kept(2),
        Case::new("nested.zip", zip(&[("inner.zip", &nested)])).kept(1),
        Case::new("trail.json.zst", zstd(trail_of(2))).kept(2),
    ]);
    assert!(!std::path::Path::new("/tmp/backtrail-evil.json").exists() && !std::path::Path::new("/etc/backtrail-evil.json").exists());
    drop(store);
}

#[test]
fn stdin_is_read_like_a_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_backtrail"));
    let output = command
        .args(["ingest", "-", "--store"])
        .arg(dir.path().join("s"))
        .write_stdin(gzip(trail_of(3)))
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = backtrail(&dir.path().join("s"), &["sql", "SELECT count(*) AS n FROM cloudtrail", "--format", "jsonl"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r#"{"n":3}"#);
}
