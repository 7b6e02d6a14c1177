//! Every wrapper of domain.md 1.8: its records come out whole, by the route that is stated, and in the form that is stated.

use backtrail_model::tables::Table;

use crate::make::{EXACT, UNESCAPED, Wrapper, event, quoted, trail};
use crate::support::decode;

fn check(wrapper: &Wrapper) {
    let records: Vec<String> = (0..3).map(event).collect();
    let decoded = decode((wrapper.wrap)(&records).as_bytes());
    let name = wrapper.name;
    assert_eq!(decoded.counts(), (3, 3, 0, 0), "{name}: {:?}", decoded.rejects());
    assert_eq!(decoded.summary.broken_off, None, "{name}");
    for (row, record) in decoded.rows(Table::Cloudtrail).iter().zip(&records) {
        assert_eq!(&row["raw"], record, "{name}");
        assert_eq!(row["raw_form"], wrapper.raw_form, "{name}");
    }
    for row in decoded.rows(Table::EventOrigins) {
        assert_eq!((row["route"].as_str(), row["raw_form"].as_str()), (wrapper.route, wrapper.raw_form), "{name}");
    }
}

#[test]
fn records_in_every_wrapper_come_out_byte_for_byte() {
    EXACT.iter().chain(UNESCAPED).for_each(check);
}

#[test]
fn a_single_event_is_a_record_with_and_without_white_space_around_it() {
    for text in [event(1), format!("\n  {}\r\n\n", event(1)), format!("\u{feff}{}", event(1))] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0));
        assert_eq!(decoded.rows(Table::Cloudtrail)[0]["raw"], event(1));
    }
}

#[test]
fn structures_in_the_notations_of_query_engines_are_read_as_json() {
    let table = "eventID,eventTime,eventName,eventSource,requestParameters,responseElements,resources\n\
        id-1,2024-03-01 09:00:00.000,ConsoleLogin,signin.amazonaws.com,null,{ConsoleLogin=Failure},\n\
        id-2,2024-03-01 09:00:01.000,AuthorizeSecurityGroupIngress,ec2.amazonaws.com,\
        \"{groupId=sg-1, ipPermissions={\"\"items\"\":[{\"\"fromPort\"\":22}]}}\",{'_return': True},\
        \"[{arn=arn:aws:ec2:eu-west-1:1:security-group/sg-1, accountid=1, type=AWS::EC2::SecurityGroup}]\"\n\
        id-3,2024-03-01 09:00:02.000,RunInstances,ec2.amazonaws.com,{not one of them},,\n";
    let decoded = decode(table.as_bytes());
    assert_eq!(decoded.counts(), (3, 3, 0, 0));
    let rows = decoded.rows(Table::Cloudtrail);
    assert_eq!(rows[0]["response_elements"], r#"{"ConsoleLogin":"Failure"}"#);
    assert_eq!(rows[1]["request_parameters"], r#"{"groupId":"sg-1","ipPermissions":{"items":[{"fromPort":22}]}}"#);
    assert_eq!(rows[1]["response_elements"], r#"{"_return":true}"#);
    let resources = r#"[{"ARN":"arn:aws:ec2:eu-west-1:1:security-group/sg-1","accountId":"1","type":"AWS::EC2::SecurityGroup"}]"#;
    assert_eq!(rows[1]["resources"], resources);
    assert_eq!(rows[2]["request_parameters"], r#""{not one of them}""#);
    // The cells stand in the record as delivered, and what was read of them behind.
    let cells = r#""requestParameters":"null","responseElements":"{ConsoleLogin=Failure}","resources":"""#;
    let raw = &rows[0]["raw"];
    assert!(raw.contains(cells) && raw.ends_with(r#","(read as JSON)":{"responseElements":{"ConsoleLogin":"Failure"}}}"#), "{raw}");
    assert!(serde_json::from_str::<serde_json::Value>(raw).is_ok(), "{raw}");
}

#[test]
fn the_consoles_history_is_read_with_its_times() {
    let table = "Event ID,Event name,Event source,Event time,Read-only,Source IP address,User name,AWS region\n\
        id-1,RunInstances,ec2.amazonaws.com,\"March 01, 2024, 10:00:00 (UTC+01:00)\",false,198.51.100.7,alice,eu-west-1\n";
    let decoded = decode(table.as_bytes());
    assert_eq!(decoded.rows(Table::Cloudtrail)[0]["event_time"], "2024-03-01T09:00:00Z");
    assert!(decoded.summary.remarks.is_empty(), "{:?}", decoded.summary.remarks);
}

#[test]
fn what_a_search_lists_by_name_holds_the_record() {
    let quoted = serde_json::Value::from(event(1)).to_string();
    for field in ["event.original", "message"] {
        let hits =
            format!(r#"{{"hits":{{"total":1,"hits":[{{"_index":"i","_source":{{}},"fields":{{"a":[1],"{field}":[{quoted}]}}}}]}}}}"#);
        let decoded = decode(hits.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0), "{field}");
        let row = &decoded.rows(Table::Cloudtrail)[0];
        assert_eq!((&row["raw"], row["raw_form"].as_str()), (&event(1), "unescaped"), "{field}");
    }
    for header in ["\"@timestamp\",\"event.original\"", "@timestamp,_source"] {
        let table = format!("{header}\n\"May 1, 2024 @ 12:00:00.000\",\"{}\"\n", event(1).replace('"', "\"\""));
        let decoded = decode(table.as_bytes());
        assert_eq!((decoded.counts(), &decoded.rows(Table::Cloudtrail)[0]["raw"]), ((1, 1, 0, 0), &event(1)), "{header}");
    }
}

#[test]
fn lake_rows_without_the_record_are_projected_and_say_so() {
    // Lake's own notation of structures, and the two that Athena and Python make of them.
    for identity in [
        "{type=IAMUser, principalid=AIDAEXAMPLE, arn=arn:aws:iam::111122223333:user/alice, sessioncontext={attributes={creationdate=2024-03-01T00:00:00Z, mfaauthenticated=true}}}",
        "{\"\"type\"\":\"\"IAMUser\"\",\"\"principalId\"\":\"\"AIDAEXAMPLE\"\",\"\"arn\"\":\"\"arn:aws:iam::111122223333:user/alice\"\",\"\"sessionContext\"\":{\"\"attributes\"\":{\"\"creationDate\"\":\"\"2024-03-01T00:00:00Z\"\",\"\"mfaAuthenticated\"\":\"\"true\"\"}}}",
        "{'type': 'IAMUser', 'principalId': 'AIDAEXAMPLE', 'arn': 'arn:aws:iam::111122223333:user/alice', 'sessionContext': {'attributes': {'creationDate': '2024-03-01T00:00:00Z', 'mfaAuthenticated': 'true'}}}",
    ] {
        let table = format!(
            "eventVersion,userIdentity,eventTime,eventSource,eventName,awsRegion,eventID,readOnly,tenant\n1.08,\"{identity}\",2024-03-01 09:00:00.000,ec2.amazonaws.com,RunInstances,eu-west-1,id-1,false,acme\n"
        );
        let decoded = decode(table.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0), "{identity}");
        let row = &decoded.rows(Table::Cloudtrail)[0];
        for (column, value) in [
            ("raw_form", "projected"),
            ("event_time", "2024-03-01T09:00:00Z"),
            ("event_name", "RunInstances"),
            ("event_id", "id-1"),
            ("read_only", "false"),
            ("user_identity_type", "IAMUser"),
            ("user_identity_principal_id", "AIDAEXAMPLE"),
            ("user_identity_arn", "arn:aws:iam::111122223333:user/alice"),
            ("session_creation_date", "2024-03-01T00:00:00Z"),
            ("session_mfa_authenticated", "true"),
            ("unknown_fields", "[\"tenant\",\"(no errorCode)\",\"(no requestParameters)\"]"),
        ] {
            assert_eq!(row.get(column).map(String::as_str), Some(value), "{column} of {identity}");
        }
        let raw: serde_json::Value = serde_json::from_str(&row["raw"]).unwrap();
        assert_eq!(raw["eventTime"], "2024-03-01 09:00:00.000", "cells as delivered");
        assert_eq!(decoded.rows(Table::EventOrigins)[0]["route"], "lake");
    }
}

#[test]
fn what_carries_nothing_is_counted_and_not_kept() {
    for (text, what) in [
        (r#"{"Records":[]}"#.to_owned(), "lists without records"),
        (r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#.to_owned(), "control messages"),
        (r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2024-03-01T00:00:00Z","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"}}}]}"#.to_owned(), "notifications about objects in S3"),
        ("{\"index\":{\"_index\":\"ct\"}}\n".to_owned(), "bulk export"),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 0, 0, 1), "{text}");
        assert!(decoded.summary.remarks.iter().any(|r| r.contains(what)), "{text}: {:?}", decoded.summary.remarks);
    }
}

#[test]
fn a_page_of_a_longer_listing_says_so() {
    let page = format!("{{\"Events\":[{{\"EventId\":\"x\",\"CloudTrailEvent\":{}}}],\"NextToken\":\"abc\"}}", quoted(&event(1)));
    let decoded = decode(page.as_bytes());
    assert_eq!(decoded.counts(), (1, 1, 0, 0));
    assert!(decoded.summary.remarks.iter().any(|r| r.contains("NextToken")), "{:?}", decoded.summary.remarks);
}

#[test]
fn flattened_exports_without_the_record_are_known_and_left() {
    let flat = r#"{"_index":"ct","_source":{"@timestamp":"2024-03-01T00:00:00Z","aws":{"cloudtrail":{"event_version":"1.08","user_identity":{"type":"IAMUser"}}},"event":{"action":"RunInstances","provider":"ec2.amazonaws.com"}}}"#;
    let decoded = decode(format!("{{\"hits\":{{\"hits\":[{flat},{flat}]}}}}").as_bytes());
    assert_eq!(decoded.counts(), (2, 0, 0, 2));
    let foreign = decoded.summary.foreign.expect("a known kind");
    assert!(foreign.message.contains("export the original"), "{}", foreign.message);
}

#[test]
fn other_kinds_of_evidence_are_named() {
    for (text, kind) in [
        (r#"{"digestS3Object":"o","logFiles":[],"awsAccountId":"1"}"#, "CloudTrail digest"),
        (r#"{"configurationItems":[{"resourceType":"AWS::EC2::Instance"}]}"#, "AWS Config"),
        (r#"{"Findings":[{"ProductArn":"p","AwsAccountId":"1"}]}"#, "Security Hub findings (ASFF)"),
        (r#"{"schemaVersion":"2.0","service":{"serviceName":"guardduty"},"severity":8}"#, "GuardDuty findings"),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 0, 0, 1), "{text}");
        assert_eq!(decoded.summary.foreign.map(|f| f.kind).as_deref(), Some(kind));
    }
}

#[test]
fn a_broken_record_in_any_list_is_rejected_alone() {
    let records = [event(0), event(1).replacen("\"awsRegion\":", "\"awsRegion\" ", 1), event(2)];
    for wrapper in EXACT.iter().filter(|w| ["trail file", "bare array", "JSON Lines", "CloudWatch Logs export"].contains(&w.name)) {
        let decoded = decode((wrapper.wrap)(&records).as_bytes());
        assert_eq!(decoded.counts(), (3, 2, 1, 0), "{}", wrapper.name);
        let reject = &decoded.rejects()[0];
        assert_eq!(reject["record_index"], "1", "{}", wrapper.name);
        assert!(reject["reason"].contains("a colon was expected"), "{}: {}", wrapper.name, reject["reason"]);
    }
    // Inside strings, each string is a document of its own.
    for wrapper in UNESCAPED.iter().filter(|w| w.name != "Lake results with the record") {
        let decoded = decode((wrapper.wrap)(&records).as_bytes());
        let (_, kept, rejected, other) = decoded.counts();
        assert_eq!((kept, rejected, other), (2, 1, 0), "{}: {:?}", wrapper.name, decoded.rejects());
    }
}

#[test]
fn where_a_record_was_rejected_its_place_and_bytes_are_kept() {
    let broken = event(1).replacen("\"awsRegion\":", "\"awsRegion\" ", 1);
    let text = trail(&[event(0), broken.clone(), event(2)]);
    let decoded = decode(text.as_bytes());
    let reject = &decoded.rejects()[0];
    assert_eq!(reject["byte_offset"], text.find(&broken).unwrap().to_string());
    assert_eq!(reject["length"], broken.len().to_string());
    assert_eq!(reject["bytes"], const_hex::encode(&broken));
}
