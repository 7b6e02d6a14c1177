//! Records in JSON.

use crate::support::{NODATA, SSH, decode, decode_declared};

#[test]
fn subscriptions_name_their_stream_and_control_messages_are_no_records() {
    let text = format!(
        r#"{{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","logEvents":[{{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}}]}}
{{"messageType":"DATA_MESSAGE","owner":"123456789010","logGroup":"flows","logStream":"eni-1-all","subscriptionFilters":["x"],"logEvents":[{{"id":"3","timestamp":1418530010000,"message":"{SSH}"}},{{"id":"4","timestamp":1431280876000,"message":"{NODATA}\n"}}]}}{{"messageType":"DATA_MESSAGE","logEvents":[{{"message":"{SSH}"}}]}}"#
    );
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.lines, [SSH, NODATA, SSH]);
    assert_eq!(decoded.column("log_group"), ["flows", "flows", ""]);
    assert_eq!(decoded.column("log_stream"), ["eni-1-all", "eni-1-all", ""]);
    assert_eq!((decoded.summary.counts.other, decoded.summary.counts.read), (1, 4));
    assert_eq!(decoded.summary.shape, "messages in JSON");
}

#[test]
fn firehose_writes_one_object_a_line_or_none_between() {
    let decoded = decode(format!("{{\"message\":\"{SSH}\"}}\n{{\"message\":\"{NODATA}\"}}{{\"message\":\"{SSH}\"}}").as_bytes());
    assert_eq!(decoded.lines, [SSH, NODATA, SSH]);
    let decoded = decode_declared(br#"{"message":"eni-1 ACCEPT 1418530010"}"#, &["${interface-id} ${action} ${start}"]);
    assert_eq!(decoded.column("action"), ["ACCEPT"]);
}

#[test]
fn results_of_logs_insights_name_the_message_in_a_field() {
    let text = format!(
        r#"{{"results":[[{{"field":"@timestamp","value":"2014-12-14 04:06:50.000"}},{{"field":"@message","value":"{SSH}"}},{{"field":"@ptr","value":"abc"}}]],"status":"Complete"}}"#
    );
    assert_eq!(decode(text.as_bytes()).lines, [SSH]);
}

#[test]
fn objects_whose_members_are_fields_are_records() {
    let text = r#"[{"account_id":"123456789010","srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","dstport":22,"bytes":"40","start":1418530010,"log-status":"OK","packets":null,"host":{"name":"x","bytes":7}}]"#;
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.column("dstport"), ["22"]);
    assert_eq!(decoded.column("bytes"), ["40"]);
    assert_eq!(decoded.column("log_status"), ["OK"]);
    assert_eq!(decoded.column("event_date"), ["2014-12-14"]);
    assert_eq!(decoded.rows[0].get("packets"), None);
}

#[test]
fn messages_that_are_no_records_are_rejected_with_their_place() {
    let text = format!(r#"{{"logEvents":[{{"message":"{SSH}"}},{{"message":"a caf\u00e9 is no record"}}]}}"#);
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.lines, [SSH]);
    assert_eq!(decoded.reasons(), ["line 2: 5 fields where the layout has 14"]);
    let offset: usize = decoded.rejects[0]["byte_offset"].parse().expect("a number");
    assert!(text[offset..].starts_with("a caf"));
}

#[test]
fn a_document_that_ends_early_says_so() {
    let decoded = decode(format!(r#"{{"logEvents":[{{"message":"{SSH}"}},{{"message":"2 12"#).as_bytes());
    assert_eq!(decoded.lines, [SSH]);
    assert_eq!(decoded.summary.broken_off.as_deref(), Some("the document ends inside a string"));
}
