//! Dirty but real input is kept: what can be carried is in its column, and everything is in `raw` as delivered.

use backtrail_cloudtrail::Ending;
use backtrail_model::tables::Table;

use crate::make::{event, quoted, trail};
use crate::support::{Row, decode, decode_chunks};

/// The row of one record, which must be kept, with its bytes.
fn row(record: &str) -> Row {
    let decoded = decode(trail(&[record.to_owned()]).as_bytes());
    assert_eq!(decoded.counts(), (1, 1, 0, 0), "{record}\n{:?}", decoded.rejects());
    let row = decoded.rows(Table::Cloudtrail)[0].clone();
    assert_eq!(row["raw"], record);
    row
}

/// The event with a text replaced, which must be in it.
fn with(from: &str, to: &str) -> String {
    let event = event(7);
    assert!(event.contains(from), "{from}");
    event.replacen(from, to, 1)
}

#[test]
fn booleans_come_as_text_and_text_comes_as_anything() {
    for (value, column) in [
        ("true", Some("true")),
        ("\"true\"", Some("true")),
        ("\"True\"", Some("true")),
        ("\"false\"", Some("false")),
        ("null", None),
        ("\"yes\"", None),
        ("1", None),
        ("{}", None),
    ] {
        let row = row(&with("\"readOnly\":false", &format!("\"readOnly\":{value}")));
        assert_eq!(row.get("read_only").map(String::as_str), column, "{value}");
    }
    for (value, column) in [("\"1.08\"", Some("1.08")), ("1.08", Some("1.08")), ("null", None), ("[1]", None)] {
        let row = row(&with("\"eventVersion\":\"1.08\"", &format!("\"eventVersion\":{value}")));
        assert_eq!(row.get("event_version").map(String::as_str), column, "{value}");
    }
    let account = row(&with("\"recipientAccountId\":\"111122223333\"", "\"recipientAccountId\":111122223333"));
    assert_eq!(account["recipient_account_id"], "111122223333");
}

#[test]
fn request_parameters_are_json_as_delivered_whatever_they_are() {
    for value in ["\"*\"", "\"{\\\"a\\\":1}\"", "{}", "[ ]", "12", "true", "{ \"b\" : 1, \"a\" : 1e3, \"a\":\"\\u0041\" }"] {
        let row = row(&with("\"requestParameters\":null", &format!("\"requestParameters\":{value}")));
        assert_eq!(row["request_parameters"], value, "not re-serialised");
    }
    assert_eq!(row(&event(7)).get("request_parameters"), None);
}

#[test]
fn times_come_in_several_notations() {
    for (value, time) in [
        ("2024-03-01T00:00:07Z", Some("2024-03-01T00:00:07Z")),
        ("20240301T000007Z", Some("2024-03-01T00:00:07Z")),
        ("2024-03-01T02:00:07+02:00", Some("2024-03-01T00:00:07Z")),
        ("2024-03-01 00:00:07.000", Some("2024-03-01T00:00:07Z")),
        ("2024-03-01T00:00:07.123456Z", Some("2024-03-01T00:00:07.123456Z")),
        ("2005-12-31T23:59:59Z", None),
        ("2006-01-01T00:00:00Z", Some("2006-01-01T00:00:00Z")),
        // A day after the present of these tests, and a second more.
        ("2026-01-02T00:00:00Z", Some("2026-01-02T00:00:00Z")),
        ("2026-01-02T00:00:01Z", None),
        ("2024-02-30T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ] {
        let row = row(&with("\"eventTime\":\"2024-03-01T00:00:07Z\"", &format!("\"eventTime\":\"{value}\"")));
        assert_eq!(row.get("event_time").map(String::as_str), time, "{value}");
        let date = time.map_or("unknown", |t| &t[..10]);
        assert_eq!(row["event_date"], date, "{value}");
    }
    for (value, time) in [("20131102T010628Z", "2013-11-02T01:06:28Z"), ("2013-11-02T01:06:28Z", "2013-11-02T01:06:28Z")] {
        let session = format!("\"sessionContext\":{{\"attributes\":{{\"creationDate\":\"{value}\",\"mfaAuthenticated\":\"false\"}}}},");
        let row = row(&with("\"userName\":", &format!("{session}\"userName\":")));
        assert_eq!(row["session_creation_date"], time);
        assert_eq!(row["session_mfa_authenticated"], "false");
    }
}

#[test]
fn a_record_may_lack_nearly_everything() {
    for (from, gone) in [
        (",\"eventID\":\"00000007-0000-4000-8000-00000000abcd\"", "event_id"),
        ("\"eventVersion\":\"1.08\",", "event_version"),
        ("\"eventTime\":\"2024-03-01T00:00:07Z\",", "event_time"),
        (",\"recipientAccountId\":\"111122223333\"", "recipient_account_id"),
        (",\"readOnly\":false", "read_only"),
    ] {
        let row = row(&with(from, ""));
        assert_eq!(row.get(gone), None);
        assert_eq!(row["event_name"], "RunInstances");
    }
    let id = "\"eventID\":\"00000007-0000-4000-8000-00000000abcd\"";
    assert_eq!(row(&with(id, "\"eventID\":null")).get("event_id"), None);
    // Without an id, the key is the content's, whatever its white space and order.
    let plain = row(&with(&format!("{id},"), ""));
    let spaced = row(&with(&format!("{id},"), " ").replacen("\"eventVersion\":\"1.08\",", "", 1).replacen(
        "\"eventCategory\":\"Management\"",
        "\"eventCategory\":\"Management\" ,\n \"eventVersion\":\"1.08\"",
        1,
    ));
    assert_eq!(plain["dedupe_key"], spaced["dedupe_key"]);
    assert_ne!(plain["record_sha256"], spaced["record_sha256"]);
}

#[test]
fn an_identity_may_be_null_text_or_empty() {
    let identity = "{\"type\":\"IAMUser\",\"principalId\":\"AIDAEXAMPLE\",\"arn\":\"arn:aws:iam::111122223333:user/alice\",\"accountId\":\"111122223333\",\"accessKeyId\":\"AKIAEXAMPLE\",\"userName\":\"alice\"}";
    for value in [
        "null",
        "{}",
        "\"anonymous\"",
        "[]",
        "{\"sessionContext\":null}",
        "{\"sessionContext\":{\"sessionIssuer\":{},\"attributes\":null}}",
    ] {
        let row = row(&with(identity, value));
        let found: Vec<_> = row.keys().filter(|k| k.starts_with("user_identity") || k.starts_with("session_")).collect();
        assert!(found.is_empty(), "{value}: {found:?}");
    }
    assert_eq!(row(&with("\"accessKeyId\":\"AKIAEXAMPLE\"", "\"accessKeyId\":\"\"")).get("user_identity_access_key_id"), None);
    let hidden = row(&with("\"userName\":\"alice\"", "\"userName\":\"HIDDEN_DUE_TO_SECURITY_REASONS\""));
    assert_eq!(hidden["user_identity_user_name"], "HIDDEN_DUE_TO_SECURITY_REASONS", "as delivered");
    // A key twice: the last one counts, and nothing of the first remains.
    let twice = row(&with(",\"eventTime\"", ",\"userIdentity\":{\"type\":\"Root\"},\"eventTime\""));
    assert_eq!(twice["user_identity_type"], "Root");
    assert_eq!(twice.get("user_identity_arn"), None);
}

#[test]
fn escapes_and_byte_order_marks_and_padding() {
    let row = row(&with("\"eventName\":\"RunInstances\"", "\"event\\u004eame\":\"Run\\u0049nstances\\ud83d\\ude00\\ud83d\""));
    assert_eq!(row["event_name"], "RunInstances\u{1f600}\u{fffd}");
    for text in [format!("\u{feff}{}", trail(&[event(0)])), format!("{}\0\0\0", trail(&[event(0)])), format!("\u{feff}\r\n{}\n", event(0))]
    {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0), "{text:?}");
        assert_eq!(decoded.rows(Table::Cloudtrail)[0]["raw"], event(0));
    }
}

#[test]
fn fields_nobody_knows_are_named_and_stay_in_raw() {
    let row = row(&with("\"eventCategory\"", "\"newThing\":{\"eventName\":\"no\"},\"event\\\"s\":1,\"eventCategory\""));
    assert_eq!(row["unknown_fields"], "[\"newThing\",\"event\\\"s\"]");
    assert_eq!(row["event_name"], "RunInstances");
}

#[test]
fn commas_and_brackets_too_many_or_too_few_lose_nothing() {
    let (a, b) = (event(0), event(1));
    for (text, kept) in [
        (format!("{{\"Records\":[{a},{b},]}}"), 2),
        (format!("{{\"Records\":[{a} {b}]}}"), 2),
        (format!("{{\"Records\":[,{a},,{b}]}}"), 2),
        (format!("{{\"Records\":[{a},{b}]}}}}"), 2),
        (format!("{{\"Records\":[{a},{b}]"), 2),
        (format!("{{\"Records\":[{a},{b}"), 2),
        (format!("{{\"Records\":[{a}]}}{{\"Records\":[{b}]}}"), 2),
        (format!("{{\"Records\":[{a}]}},\n{{\"Records\":[{b}]}}"), 2),
        (format!("{{\"Records\":[{a}]\n{{\"Records\":[{b}]}}"), 2),
        (format!("{{\"before\":{{\"x\":[1]}},\"Records\":[{a},{b}],\"after\":[{{}}]}}"), 2),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (kept, kept, 0, 0), "{text}\n{:?}", decoded.rejects());
    }
}

#[test]
fn white_space_alone_is_an_empty_document() {
    for text in ["\n", " ", "\r\n\r\n", "\u{feff}\n", "\u{feff}"] {
        assert_eq!(decode(text.as_bytes()).counts(), (0, 0, 0, 0), "{text:?}");
    }
}

#[test]
fn the_name_of_a_log_stream_may_hold_what_json_gives_a_meaning() {
    let record = event(1);
    for stream in ["a\\b", "a\"b", "\\\"", "{"] {
        let text = format!("{{\"index\":{{}}}}\n2024-03-01T00:00:00Z {stream} {record}\n");
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts().1, 1, "{stream}");
    }
}

#[test]
fn what_stands_between_documents_says_nothing_about_the_next() {
    let record = event(1);
    for between in ["\\", "\\\\", "\"", "x\"y\\"] {
        let text = format!("{record}{between}\n\"a\":\n{}", event(2));
        assert_eq!(decode(text.as_bytes()).counts().1, 2, "{between}");
    }
}

#[test]
fn what_is_said_of_missing_commas_does_not_count_how_often_a_record_was_looked_at() {
    // More than the decoder looks at in one go: the record at the end of a look is looked at again. Found by fuzzing.
    let text = format!("{{\"Records\":[{}]}}", (0..2000).map(event).collect::<String>());
    let whole = decode(text.as_bytes());
    assert_eq!(whole.summary.remarks, ["commas missing between records (1999 times)"]);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(10_007).collect();
    assert_eq!(decode_chunks(&pieces, Ending::Complete), whole);
}

/// The event with a key more, in front of its fields or behind them.
fn enriched(n: u32, key: &str, value: &str) -> [String; 2] {
    let event = event(n);
    let inside = &event[1..event.len() - 1];
    [format!("{{\"{key}\":{value},{inside}}}"), format!("{{{inside},\"{key}\":{value}}}")]
}

#[test]
fn a_record_stays_one_whatever_list_somebody_added_to_it() {
    let lists = ["[]", "null", "[{\"n\":1}]", "[[1]]", "[1,2]", "{}", "{\"n\":1}", "{\"hits\":[{\"n\":1}]}", "\"text\""];
    for key in ["Records", "records", "Events", "events", "logEvents", "hits", "data", "items", "results", "responses"] {
        for value in lists {
            for record in enriched(1, key, value) {
                for text in [trail(&[event(0), record.clone(), event(2)]), [event(0), record.clone(), event(2)].join("\n")] {
                    let decoded = decode(text.as_bytes());
                    assert_eq!(decoded.counts(), (3, 3, 0, 0), "{text}\n{:?} {:?}", decoded.rejects(), decoded.summary.remarks);
                    assert_eq!(decoded.rows(Table::Cloudtrail)[1]["raw"], record);
                    assert_eq!(decoded.summary.broken_off, None);
                }
                assert_eq!(decode(record.as_bytes()).counts(), (1, 1, 0, 0), "{record}");
            }
        }
    }
}

#[test]
fn a_record_around_a_list_of_records_or_a_very_long_one_is_in_the_account() {
    // Its own fields stand behind a list too long to look past, or one that begins as a trail's file does.
    let long = format!("[{}{{\"n\":1}}]", "{\"n\":1},".repeat(20_000));
    let [before, behind] = enriched(1, "results", &long);
    assert_eq!(decode(behind.as_bytes()).counts(), (1, 1, 0, 0), "known as a record before the list is met");
    let decoded = decode(before.as_bytes());
    assert_eq!(decoded.counts(), (20_002, 0, 20_002, 0));
    assert!(decoded.rejects().iter().any(|r| r["reason"].contains("around a list")));
    let [before, _] = enriched(1, "Records", &format!("[{}]", event(0)));
    let decoded = decode(before.as_bytes());
    assert_eq!(decoded.counts(), (2, 1, 1, 0));
    let reject = &decoded.rejects()[0];
    assert!(reject["reason"].contains("around a list"), "{reject:?}");
    assert_eq!(reject["byte_offset"], before.rfind("\"eventName\"").unwrap().to_string());
    assert_eq!(reject["bytes"], const_hex::encode("\"eventName\":\"RunInstances\""));
}

#[test]
fn an_envelope_without_its_list_is_in_the_account() {
    for text in ["{\"hits\":{}}", "{\"took\":1,\"hits\":{\"total\":0}}", "{\"hits\":{\"total\":0},\"aggregations\":{}}"] {
        assert_eq!(decode(text.as_bytes()).counts(), (1, 0, 0, 1), "{text}");
    }
}

#[test]
fn damage_in_the_first_key_of_a_record_or_its_value_costs_that_record_alone() {
    let sorted = |n: u32| event(n).replacen("{\"eventVersion\":\"1.08\",", "{\"awsRegion\":\"eu-west-1\",\"eventVersion\":\"1.08\",", 1);
    let records: Vec<String> = (0..5).map(sorted).collect();
    for (from, to) in [
        ("{\"awsRegion\":\"", "{\"awsRegion\":\"\u{1}"),
        ("{\"awsRegion\":", "{\"awsRegion\"\u{1}:"),
        ("{\"awsRegion", "{\"aws\u{1}Region"),
    ] {
        for damaged in 0..5 {
            let mut records = records.clone();
            records[damaged] = records[damaged].replacen(from, to, 1);
            let decoded = decode(trail(&records).as_bytes());
            assert_eq!(decoded.counts(), (5, 4, 1, 0), "{to:?} in record {damaged}: {:?}", decoded.rejects());
        }
    }
}

#[test]
fn damage_costs_one_of_several_documents_on_a_line() {
    // As Firehose writes them: nothing between.
    let wraps: [fn(String) -> String; 4] = [
        |r| r,
        |r| format!("{{\"Records\":[{r}]}}"),
        |r| format!("{{\"version\":\"0\",\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{r}}}"),
        |r| format!("{{\"own\":1,\"event\":{r}}}"),
    ];
    let damages: [(&str, &str); 4] = [
        ("\"eventSource\":", "\"eventSource\u{1}:"),
        ("\"eventSource\":", "\"eventSource:"),
        ("\"eventSource\":", "}junk\"eventSource\":"),
        ("\"userIdentity\":{", "\"userIdentity\":"),
    ];
    for (at, wrap) in wraps.into_iter().enumerate() {
        for (from, to) in damages {
            for damaged in 0..5 {
                let mut documents: Vec<String> = (0..5).map(event).map(wrap).collect();
                documents[damaged] = documents[damaged].replacen(from, to, 1);
                let decoded = decode(documents.concat().as_bytes());
                assert_eq!(decoded.counts().1, 4, "wrapper {at}, {to:?} in document {damaged}: {:?}", decoded.rejects());
                assert!(decoded.counts().2 >= 1, "wrapper {at}, {to:?} in document {damaged}");
            }
        }
    }
}

#[test]
fn a_record_that_is_not_closed_costs_none_of_those_behind_it() {
    let records: Vec<String> = (0..4).map(event).collect();
    let half = &records[1][..records[1].len() / 2];
    for broken in [&records[1][..records[1].len() - 1], half, &records[1][..records[1].find("\"eventSource\"").unwrap()]] {
        let text = [&records[0], broken, &records[2], &records[3]].concat();
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (4, 3, 1, 0), "{broken}: {:?}", decoded.rejects());
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(101).collect();
        assert_eq!(decode_chunks(&chunks, Ending::Complete), decoded, "{broken}");
    }
}

#[test]
fn a_broken_text_in_a_list_of_records_is_rejected_alone() {
    for damage in ["\\q", "\u{1}", "\"", "\0"] {
        let mut texts: Vec<String> = (0..6).map(event).map(|record| quoted(&record)).collect();
        texts[2] = texts[2].replacen("RunInstances", &format!("Run{damage}Instances"), 1);
        for separator in [",", ",\n    "] {
            let text = format!("[{}]", texts.join(separator));
            let decoded = decode(text.as_bytes());
            // Behind a quote too many, what is left of the text is no text.
            let rejected = if damage == "\"" { 2 } else { 1 };
            assert_eq!(decoded.counts(), (5 + rejected, 5, rejected, 0), "{damage:?}: {:?}", decoded.rejects());
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(97).collect();
            assert_eq!(decode_chunks(&chunks, Ending::Complete), decoded, "{damage:?}");
        }
    }
}
