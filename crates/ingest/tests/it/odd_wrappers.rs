//! Wrappers that no tool documents but evidence comes in: what is told from the first bytes and what reading finds must agree.

use arrow_cast::base64::{BASE64_STANDARD, Engine as _};
use backtrail_model::tables::Table;

use crate::kit::{Bench, event, gzip};

fn quoted(record: &str) -> String {
    format!("\"{}\"", record.replace('\\', "\\\\").replace('"', "\\\""))
}

fn csv_cell(record: &str) -> String {
    format!("\"{}\"", record.replace('"', "\"\""))
}

/// Ingests one file and says its fate and what was read, kept, rejected and other; every kept `raw` must be the events' text.
fn read(name: &str, bytes: impl AsRef<[u8]>) -> (&'static str, (i64, i64, i64, i64)) {
    let bench = Bench::new();
    bench.put(name, bytes);
    bench.run();
    for row in bench.rows("store", Table::Cloudtrail).iter().filter(|row| !row.contains("raw_form=projected")) {
        let is_whole = (0..4).any(|n| row.contains(&format!(" raw={} raw_form=", event(n))));
        assert!(is_whole, "{name}: {row}");
    }
    let row = bench.row(name);
    (row.fate.as_str(), (row.counts.read, row.counts.kept, row.counts.rejected, row.counts.other))
}

#[test]
fn records_behind_text_that_is_no_json() {
    let [a, b] = [event(0), event(1)];
    for (name, text, counts) in [
        ("sequence", format!("\u{1e}{a}\n\u{1e}{b}\n"), (2, 2, 0, 0)),
        ("quoted-lines", format!("{}\n{}\n", quoted(&a), quoted(&b)), (2, 2, 0, 0)),
        ("quoted-twice", quoted(&quoted(&a)), (1, 1, 0, 0)),
        ("marks-inside", format!("\u{feff}{a}\n\u{feff}{b}\n"), (2, 2, 0, 0)),
        ("warning-first", format!("An error occurred (ExpiredToken)\n{a}\n{b}\n"), (3, 2, 1, 0)),
        ("tail", format!("2024-05-01T10:00:00.000000+00:00 111122223333_CloudTrail_eu-west-1 {a}\n"), (1, 1, 0, 0)),
        ("export", format!("2024-05-01T10:00:00.000Z START RequestId: 1\n2024-05-01T10:00:00.000Z {a}\n"), (2, 1, 1, 0)),
        ("zero-byte", format!("{a}\n{}\n{b}\n", event(2).replace("aws-cli", "aws\0cli")), (3, 2, 1, 0)),
        ("zeros-before", format!("{}[{a},{b}]", "\0".repeat(512)), (2, 2, 0, 0)),
    ] {
        assert_eq!(read(name, text), ("kept", counts), "{name}");
    }
}

#[test]
fn a_text_that_quotes_a_record_is_no_evidence_of_a_call() {
    let page = format!("# Samples\n\nA record of ec2.amazonaws.com:\n\n{}\n\nIts eventName tells the call.\n", event(0));
    assert_eq!(read("README.md", &page), ("ignored", (0, 0, 0, 0)));
    let bench = Bench::new();
    bench.put("README.md", page);
    bench.run();
    assert!(bench.fate("README.md").1.contains("quotes 1 CloudTrail record"), "{}", bench.fate("README.md").1);
}

/// What `aws cloudtrail lookup-events > events.json` leaves behind in a Windows shell.
#[test]
fn utf_16_is_read_as_what_it_spells() {
    let spelled = event(0).replace("aws-cli", "aws-cli \u{1f600}");
    let little: Vec<u8> = spelled.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = format!("\u{feff}{{\"Records\":[{spelled}]}}\r\n").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let bench = Bench::new();
    bench.put("no-mark.json", &little);
    bench.put("mark.json", &big);
    bench.put("utf8.json", &spelled);
    bench.put("cut.json", [&little[..], &little[..301]].concat());
    bench.run();
    let counts = |name: &str| {
        let counts = bench.row(name).counts;
        (counts.read, counts.kept + counts.duplicate, counts.rejected)
    };
    for name in ["no-mark.json", "mark.json", "utf8.json"] {
        assert_eq!((bench.fate(name).0, counts(name)), ("kept", (1, 1, 0)), "{name}");
    }
    // As with a gzip file that breaks off: what stands before the break is kept, and what was begun is told.
    let (fate, why) = bench.fate("cut.json");
    assert_eq!((fate, counts("cut.json")), ("partial", (1, 1, 0)), "{why}");
    assert!(why.starts_with("truncated: the UTF-16 data ends early; an unfinished record at byte"), "{why}");
    // Four files, one event: the record is the text that was spelled, however it was written.
    let kept = ["no-mark.json", "mark.json", "utf8.json", "cut.json"].map(|name| bench.row(name).counts.kept);
    assert_eq!(kept.iter().sum::<i64>(), 1, "{kept:?}");
}

#[test]
fn tables_with_a_column_of_records() {
    let [a, b] = [event(0), event(1)].map(|e| csv_cell(&e));
    for (name, header, route) in [
        ("lake.csv", "eventJson", "lake"),
        ("splunk.csv", "\"_time\",\"_raw\"", "wrapped"),
        ("insights.csv", "@timestamp,@message", "cloudwatch_logs"),
        ("lookup.csv", "EventId,CloudTrailEvent", "lookup_events"),
    ] {
        let before = if header.contains(',') { "x," } else { "" };
        let bench = Bench::new();
        bench.put(name, format!("{header}\n{before}{a}\n{before}{b}\n"));
        bench.run();
        let counts = bench.row(name).counts;
        assert_eq!((counts.read, counts.kept, counts.rejected), (2, 2, 0), "{name}");
        let origins = bench.rows("store", Table::EventOrigins);
        assert!(origins.iter().all(|o| o.contains(&format!(" route={route} "))), "{name}: {origins:?}");
    }
}

#[test]
fn the_word_null_in_a_table_is_no_error_code() {
    let bench = Bench::new();
    bench.put(
        "athena.csv",
        "eventid,eventname,eventsource,eventversion,errorcode,responseelements\nx,RunInstances,ec2.amazonaws.com,1.08,null,null\n",
    );
    bench.run();
    let rows = bench.rows("store", Table::Cloudtrail);
    assert_eq!(rows.len(), 1);
    assert!(rows[0].contains(" error_code= ") && rows[0].contains(" response_elements= "), "{rows:?}");
}

#[test]
fn carriers_of_the_apis() {
    let [a, b] = [event(0), event(1)];
    let [qa, qb] = [quoted(&a), quoted(&b)];
    let packed = |text: &str| quoted(&BASE64_STANDARD.encode(text));
    let cells = |record: &str| {
        let cell = |name: &str, value: &str| format!(r#"{{"field":"{name}","value":{value}}}"#);
        format!("[{},{},{}]", cell("@timestamp", "\"2024-05-01 10:00:00.000\""), cell("@message", record), cell("@ptr", "\"C\""))
    };
    for (name, text, counts) in [
        (
            "get-records",
            format!(r#"{{"Records":[{{"Data":{}}},{{"Data":{}}}],"MillisBehindLatest":0}}"#, packed(&a), packed(&b)),
            (2, 2, 0, 0),
        ),
        (
            "query-results",
            format!(r#"{{"QueryStatus":"FINISHED","QueryResultRows":[[{{"eventJson":{qa}}}],[{{"eventJson":{qb}}}]]}}"#),
            (2, 2, 0, 0),
        ),
        ("insights", format!(r#"{{"results":[{},{}],"status":"Complete"}}"#, cells(&qa), cells(&qb)), (2, 2, 0, 0)),
        ("audit", format!(r#"{{"auditEvents":[{{"id":"1","eventData":{qa}}}]}}"#), (1, 1, 0, 0)),
        ("attributes", format!(r#"{{"data":[{{"id":"1","attributes":{{"service":"s","message":{qa}}}}}]}}"#), (1, 1, 0, 0)),
        ("collector", format!("{{\"time\":1,\"event\":{a}}}\n{{\"time\":1,\"event\":{b}}}\n"), (2, 2, 0, 0)),
        ("odd-elements", format!(r#"{{"Records":[1,"x",null,{a},{{}},{b}]}}"#), (6, 2, 4, 0)),
        (
            "control-last",
            r#"{"logEvents":[{"message":"CWL CONTROL MESSAGE: Checking health."}],"messageType":"CONTROL_MESSAGE"}"#.to_owned(),
            (1, 0, 0, 1),
        ),
        ("null", r#"{"Records":null}"#.to_owned(), (1, 0, 0, 1)),
    ] {
        assert_eq!(read(name, text), ("kept", counts), "{name}");
    }
    assert_eq!(read("numbers", r#"{"Records":[1,"x",null]}"#), ("ignored", (0, 0, 0, 0)));
}

#[test]
fn events_of_other_sources_are_named() {
    let bench = Bench::new();
    let other = r#"{"version":"0","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"state":"running"}}"#;
    bench.put("state.json", other);
    bench.run();
    assert_eq!(bench.fate("state.json"), ("deferred", "EventBridge events, not read yet".to_owned()));
}

#[test]
fn times_that_an_export_made_numbers() {
    let bench = Bench::new();
    let with = |n: u32, time: &str| {
        event(n).replace("\"2024-03-01T00:00:0", "\"").replace(&format!("\"eventTime\":\"{n}Z\""), &format!("\"eventTime\":{time}"))
    };
    bench.put("numbers.jsonl", [with(0, "1709251200"), with(1, "1709251201000"), with(2, "\"2024-03-01T02:00:02+0200\"")].join("\n"));
    bench.run();
    let rows = bench.rows("store", Table::Cloudtrail);
    assert_eq!(rows.len(), 3);
    for second in 0..3 {
        assert!(rows.iter().any(|row| row.contains(&format!(" event_time=2024-03-01T00:00:0{second}Z "))), "{rows:?}");
    }
}

#[test]
fn damage_in_the_first_record_is_no_reason_to_pass_over_a_file() {
    let envelope = |e: &str| format!(r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":{e}}}"#);
    let lines: String = (0..3).map(|n| format!("{}\n", envelope(&event(n)))).collect();
    let sorted = format!("{{\"Records\": [{{\"awsRegion\": \"x\", {}", &event(0)[1..200]);
    let bench = Bench::new();
    let mut offsets = Vec::new();
    for (name, text) in [("lines", &lines[..]), ("sorted", &sorted), ("spaced", "{\n \"Records\": [\n  {\n   \"eventVersion\": \"1.08")] {
        let stored = gzip(text);
        let cut = stored.len() * 2 / 3;
        bench.put(&format!("{name}.gz"), &stored[..cut]);
        offsets.push((format!("{name}.gz"), cut as i64));
    }
    bench.put("cut.json", &lines[..150]);
    bench.put("cut-sorted.json", &sorted);
    bench.put("empty.gz", &gzip("x")[..12]);
    assert!(bench.run().is_incomplete());
    for (name, cut) in offsets {
        let row = bench.row(&name);
        assert_eq!((row.fate.as_str(), row.break_offset), ("partial", Some(cut)), "{name}: {row:?}");
    }
    for (name, size) in [("cut.json", 150), ("cut-sorted.json", sorted.len() as i64)] {
        let row = bench.row(name);
        assert_eq!((row.fate.as_str(), row.break_offset), ("partial", Some(size)), "{name}: {row:?}");
    }
    assert_eq!(bench.row("empty.gz").fate.as_str(), "partial");
}

const FINDING: &str = r#"{"detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{"schemaVersion":"2.0","accountId":"1","id":"x","type":"Recon:EC2/Portscan","resource":{},"service":{"serviceName":"guardduty"},"severity":5}}"#;

#[test]
fn records_behind_evidence_of_another_kind_are_read() {
    // More findings than the first bytes hold, and each item in a gzip member of its own.
    let findings = format!("{FINDING}\n").repeat(400);
    assert!(findings.len() > 64 << 10);
    let records = format!("{}\n{}\n", event(0), event(1));
    assert_eq!(read("mixed.json", format!("{findings}{records}")), ("kept", (402, 2, 400, 0)));
    for (name, first, counts) in [
        ("finding", FINDING, (3, 2, 1, 0)),
        ("line-feed", "\n", (2, 2, 0, 0)),
        ("mark", "\u{feff}", (2, 2, 0, 0)),
        ("comment", "# exported\n", (3, 2, 1, 0)),
    ] {
        let stored: Vec<u8> = [first, &event(0), &event(1)].into_iter().flat_map(gzip).collect();
        assert_eq!(read(name, stored), ("kept", counts), "{name}");
    }
    // Without records, and where the name of a field is only mentioned, it still waits for its decoder.
    let bench = Bench::new();
    bench.put("findings.json", &findings);
    bench.put("mention.json", FINDING.replace("\"id\":\"x\"", "\"id\":\"eventSource\""));
    bench.run();
    for name in ["findings.json", "mention.json"] {
        assert_eq!(bench.fate(name), ("deferred", "GuardDuty findings, not read yet".to_owned()), "{name}");
    }
}

#[test]
fn text_that_names_the_fields_of_records_is_never_passed_over_in_silence() {
    let yaml = "---\nRecords:\n- eventVersion: \"1.08\"\n  eventName: x\n  eventSource: ec2.amazonaws.com\n";
    let output = format!("EVENTS\tAKIA\t{}\tx\tRunInstances\n", event(0));
    for (name, text) in [("yaml", yaml), ("output", &output)] {
        let bench = Bench::new();
        bench.put(name, text);
        assert!(bench.run().is_incomplete());
        let (fate, reason) = bench.fate(name);
        assert!(fate == "rejected" && reason.contains("export it again as JSON or CSV"), "{name}: {fate}, {reason}");
    }
    // What speaks of records and does not start with them: rules with an example, pages, programs.
    let rule = format!("AnalysisType: rule\nDescription: x\nRuleID: y\nTests:\n  - Log:\n      {}\n", event(0));
    let page = format!("<html>\n<body>\n<pre>\n{}</pre></html>", event(0).replace('"', "&quot;"));
    let template = format!(r#"{{"openapi":"3.0","x":"{}"}}"#, event(0).replace('"', "'"));
    for (name, text) in [("rule.yml", rule.replace("{\"eventVersion", "eventVersion")), ("page", page), ("template.json", template)] {
        let bench = Bench::new();
        let path = bench.put(name, text);
        assert!(!bench.run().is_incomplete());
        let (fate, reason) = bench.fate(name);
        assert!(fate == "ignored" && reason.contains("names CloudTrail's fields"), "{name}: {fate}, {reason}");
        assert!(bench.run_with(&[path], "named", 1).is_incomplete(), "{name}: named, it is rejected");
    }
}

#[test]
fn records_in_lines_of_other_tools() {
    let [a, b] = [event(0), event(1)];
    let whole = format!(r#"{{"Records":[{a},{b}]}}"#);
    for (name, text, counts) in [
        ("syslog", format!("<134>Mar  1 00:00:00 host ct: {a}\n<134>Mar  1 00:00:00 host ct: {b}\n"), (2, 2, 0, 0)),
        ("beginning-cut-off", whole[100..].to_owned(), (2, 1, 1, 0)),
        ("base64", BASE64_STANDARD.encode(gzip(&whole)), (2, 2, 0, 0)),
        ("searches", format!(r#"{{"responses":[{{"hits":{{"hits":[{{"_source":{a}}}]}}}}]}}"#), (1, 1, 0, 0)),
    ] {
        assert_eq!(read(name, text), ("kept", counts), "{name}");
    }
}
