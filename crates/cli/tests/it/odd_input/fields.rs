//! Dirty but real: each record is kept, and its columns say what can be said.

use serde_json::{Value, json};

use super::make::{event, trail, with, without};
use super::{Case, check};

/// One record, and one expression over it with the value it must have.
fn checked(cases: Vec<(Value, &'static str, Value)>) {
    let mut records: Vec<Value> = Vec::new();
    for (n, (mut record, _, _)) in cases.iter().cloned().enumerate() {
        record["requestID"] = json!(format!("case-{n}"));
        records.push(record);
    }
    let count = i64::try_from(records.len()).expect("few");
    let store = check(vec![Case::new("dirty.json", trail(&records)).kept(count)]);
    let mut wrong = Vec::new();
    for (n, (_, expression, expected)) in cases.iter().enumerate() {
        let row = store.row(&format!("SELECT {expression} AS value FROM cloudtrail WHERE request_id = 'case-{n}'"));
        if row.get("value").unwrap_or(&Value::Null) != expected {
            wrong.push(format!("{expression}: expected {expected}, found {}", row["value"]));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_services_write_instead_of_the_documented_type() {
    let session = |attributes: Value| {
        let mut record = event();
        record["userIdentity"]["sessionContext"] = json!({ "attributes": attributes });
        record
    };
    let mut no_key = event();
    no_key["userIdentity"]["accessKeyId"] = json!("");
    checked(vec![
        (with("readOnly", json!("true")), "read_only", json!(true)),
        (with("readOnly", json!("false")), "read_only", json!(false)),
        (with("readOnly", json!(null)), "read_only", Value::Null),
        (with("sessionCredentialFromConsole", json!("true")), "session_credential_from_console", json!(true)),
        (with("sessionCredentialFromConsole", json!(true)), "session_credential_from_console", json!(true)),
        (with("requestParameters", json!("*")), "request_parameters IS NOT NULL AND request_parameters LIKE '%*%'", json!(true)),
        (with("requestParameters", json!({})), "request_parameters", json!("{}")),
        (with("requestParameters", json!(null)), "request_parameters IS NULL", json!(true)),
        (with("userIdentity", Value::Null), "user_identity_type IS NULL AND user_identity_arn IS NULL", json!(true)),
        (without("userIdentity"), "user_identity_arn IS NULL", json!(true)),
        (without("eventVersion"), "event_version IS NULL AND event_name = 'RunInstances'", json!(true)),
        (no_key, "user_identity_access_key_id IS NULL", json!(true)),
        (with("errorCode", json!(null)), "error_code IS NULL", json!(true)),
        (session(json!({"mfaAuthenticated": "true"})), "session_mfa_authenticated", json!(true)),
        (session(json!({"mfaAuthenticated": "false"})), "session_mfa_authenticated", json!(false)),
        (session(json!({"creationDate": "20131102T010628Z"})), "CAST(session_creation_date AS BIGINT)", json!(1_383_354_388_000_000_i64)),
        (
            session(json!({"creationDate": "2023-07-19T21:11:57Z"})),
            "CAST(session_creation_date AS BIGINT)",
            json!(1_689_801_117_000_000_i64),
        ),
        (with("someNewField", json!({"a": 1})), "unknown_fields", json!("[\"someNewField\"]")),
        (with("eventVersion", json!("1.99")), "event_version", json!("1.99")),
    ]);
}

#[test]
fn times_in_every_notation_and_none() {
    let at = |text: &str| with("eventTime", json!(text));
    checked(vec![
        (at("2024-05-01T10:00:00Z"), "CAST(event_time AS BIGINT)", json!(1_714_557_600_000_000_i64)),
        (at("2024-05-01T10:00:00.123Z"), "CAST(event_time AS BIGINT)", json!(1_714_557_600_123_000_i64)),
        (at("2024-05-01T10:00:00.123456789Z"), "CAST(event_time AS BIGINT)", json!(1_714_557_600_123_456_i64)),
        (at("2024-05-01T12:00:00+02:00"), "CAST(event_time AS BIGINT)", json!(1_714_557_600_000_000_i64)),
        (at("2024-05-01 10:00:00"), "CAST(event_time AS BIGINT)", json!(1_714_557_600_000_000_i64)),
        (at("2024-02-30T10:00:00Z"), "event_date", json!("unknown")),
        (at("1970-01-01T00:00:00Z"), "event_time IS NULL", json!(true)),
        (at("2999-01-01T00:00:00Z"), "event_date", json!("unknown")),
        (at("yesterday"), "event_time IS NULL AND raw LIKE '%yesterday%'", json!(true)),
        (without("eventTime"), "event_date", json!("unknown")),
    ]);
}

#[test]
fn odd_json_is_kept_exactly_as_delivered() {
    let plain = event().to_string();
    let cases: Vec<(&'static str, String)> = vec![
        ("duplicate-keys.json", plain.replacen("\"awsRegion\":", "\"awsRegion\":\"us-east-1\",\"awsRegion\":", 1)),
        ("lone-surrogate.json", event().to_string().replace("aws-cli/2.15.0", "cli \\ud800 \\udc00\\ud83d")),
        ("nul-escape.json", event().to_string().replace("aws-cli/2.15.0", "cli\\u0000end")),
        ("escaped-keys.json", event().to_string().replacen("\"eventName\"", "\"event\\u004eame\"", 1)),
        (
            "big-numbers.json",
            event().to_string().replacen(
                "\"requestParameters\":null",
                "\"requestParameters\":{\"n\":123456789012345678901234567890,\"e\":1e400,\"f\":-0.0}",
                1,
            ),
        ),
        ("odd-spaces.json", event().to_string().replacen(':', " :\t\r\n ", 5)),
        ("slashes.json", event().to_string().replacen("198.51.100.7", "198.51.100.7\\/32", 1)),
        (
            "deep.json",
            event().to_string().replacen(
                "\"requestParameters\":null",
                &format!("\"requestParameters\":{}1{}", "[".repeat(200), "]".repeat(200)),
                1,
            ),
        ),
    ];
    let store = check(cases.iter().map(|(name, text)| Case::new(name, text.clone()).kept(1)).collect());
    let mut delivered: Vec<String> = cases.into_iter().map(|(_, text)| text).collect();
    let mut raw = store.column("SELECT raw FROM cloudtrail");
    delivered.sort();
    raw.sort();
    assert_eq!(raw, delivered);
    assert_eq!(store.column("SELECT DISTINCT event_name FROM cloudtrail"), ["RunInstances"], "an escaped key is the key");
}
