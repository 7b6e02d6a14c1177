//! A citation is opened against the file it was taken from, not only against the store.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::asked::{TestStore, plain};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("gzip");
    writer.finish().expect("gzip")
}

/// A tar of one member, by hand.
fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = [header, bytes.to_vec()].concat();
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

fn event(id: &str, name: &str) -> Value {
    json!({"eventVersion": "1.08", "eventID": id, "eventTime": "2025-03-01T10:00:00Z", "eventSource": "ec2.amazonaws.com",
        "eventName": name, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": "alice"}})
}

fn trail(events: &[Value]) -> Vec<u8> {
    json!({"Records": events}).to_string().into_bytes()
}

struct Shown {
    code: Option<i32>,
    text: String,
    said: String,
    json: Value,
}

fn show(store: &TestStore, reference: &str) -> Shown {
    let text = store.run(&["show", reference]);
    let json = store.run(&["show", reference, "--format", "json"]);
    assert_eq!(text.status.code(), json.status.code());
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Shown {
        code: text.status.code(),
        text: lossy(&text.stdout),
        said: lossy(&text.stderr),
        json: serde_json::from_slice(&json.stdout).unwrap_or_default(),
    }
}

fn state(shown: &Shown) -> String {
    plain(&shown.json["answer"][0]["origins"][0]["originals"][0]["state"])
}

/// A store with two events in a file of this name.
fn store_with(name: &str, wrap: fn(&[u8]) -> Vec<u8>) -> (TestStore, PathBuf) {
    let store = TestStore::new();
    let path = store.scratch().join(name);
    fs::write(&path, wrap(&trail(&[event("event-0001", "RunInstances"), event("event-0002", "StopLogging")]))).expect("evidence");
    store.ingest(&path);
    (store, path)
}

fn rewrite(path: &Path, events: &[Value]) {
    fs::write(path, gzip(&trail(events))).expect("evidence");
}

#[test]
fn the_original_is_read_again_through_compression_and_archives() {
    for (name, wrap) in [
        ("plain.json", (|bytes| bytes.to_vec()) as fn(&[u8]) -> Vec<u8>),
        ("trail.json.gz", gzip),
        ("case.tar.gz", |bytes| gzip(&tar("logs/trail.json.gz", &gzip(bytes)))),
    ] {
        let (store, _) = store_with(name, wrap);
        let shown = show(&store, "event-0002");
        assert_eq!((shown.code, state(&shown)), (Some(0), "intact".to_owned()), "{name}: {}", shown.text);
        assert!(shown.text.contains("read again: the same file, and the same record in its place"), "{name}: {}", shown.text);
    }
}

#[test]
fn records_found_in_text_and_tables_are_found_there_again() {
    let record = event("event-0001", "RunInstances").to_string();
    for (name, bytes) in [
        ("tool.log", format!("An error occurred (ExpiredToken)\n{record}\n")),
        ("splunk.csv", format!("_time,_raw\nx,\"{}\"\n", record.replace('"', "\"\""))),
    ] {
        let store = TestStore::new();
        let path = store.scratch().join(name);
        fs::write(&path, bytes).expect("evidence");
        store.ingest(&path);
        let shown = show(&store, "event-0001");
        assert_eq!((shown.code, state(&shown)), (Some(0), "intact".to_owned()), "{name}: {}{}", shown.text, shown.said);
    }
}

#[test]
fn an_original_that_is_gone_is_said_and_no_error() {
    let (store, path) = store_with("trail.json.gz", gzip);
    fs::remove_file(path).expect("removed");
    let shown = show(&store, "event-0002");
    assert_eq!((shown.code, state(&shown)), (Some(0), "gone".to_owned()));
    assert!(shown.text.contains("not there any more, so only the store's copy could be checked"), "{}", shown.text);
}

#[test]
fn an_original_that_changed_is_said_loudly() {
    let (store, path) = store_with("trail.json.gz", gzip);
    // The cited record itself was replaced.
    rewrite(&path, &[event("event-0001", "RunInstances"), event("event-0002", "DescribeTrails")]);
    let shown = show(&store, "event-0002");
    assert_eq!((shown.code, state(&shown)), (Some(3), "changed".to_owned()), "{}", shown.text);
    assert!(shown.said.contains("CHANGED since it was taken in"), "{}", shown.said);
    assert!(shown.said.contains("its record 1 is not the one taken in"), "{}", shown.said);
    // Another record was added: the cited one still stands.
    rewrite(&path, &[event("event-0001", "RunInstances"), event("event-0002", "StopLogging"), event("event-0003", "X")]);
    let shown = show(&store, "event-0002");
    assert_eq!((shown.code, state(&shown)), (Some(3), "changed".to_owned()));
    assert!(shown.said.contains("its record 1 is still the one taken in"), "{}", shown.said);
    // Fewer records than were taken in.
    rewrite(&path, &[event("event-0001", "RunInstances")]);
    assert!(show(&store, "event-0002").said.contains("it has no record 1"));
    // No longer evidence at all.
    fs::write(&path, b"gone for good").expect("evidence");
    assert_eq!(show(&store, "event-0002").code, Some(3));
}

#[test]
fn an_archive_that_lost_the_member_has_changed() {
    let (store, path) = store_with("case.tar", |bytes| tar("trail.json", bytes));
    fs::write(path, tar("other.json", b"{}")).expect("evidence");
    let shown = show(&store, "event-0002");
    assert_eq!((shown.code, state(&shown)), (Some(3), "changed".to_owned()));
    assert!(shown.said.contains("no longer has this member"), "{}", shown.said);
}

#[test]
fn a_citation_by_place_opens_the_record_there() {
    let (store, _) = store_with("trail.json.gz", gzip);
    let evidence = store.column("SELECT evidence_id FROM evidence").remove(0);
    for reference in [format!("{evidence}#1"), format!("{}#1", &evidence[..12])] {
        let shown = show(&store, &reference);
        assert_eq!((shown.code, state(&shown)), (Some(0), "intact".to_owned()));
        assert_eq!(plain(&shown.json["answer"][0]["record"]["eventID"]), "event-0002");
    }
    assert_eq!(show(&store, &format!("{evidence}#2")).code, Some(1), "there is no third record");
    assert_eq!(show(&store, &format!("{evidence}#x")).code, Some(2), "no number");
}

#[test]
fn a_rejected_record_is_checked_too() {
    let store = TestStore::new();
    let path = store.scratch().join("broken.json");
    fs::write(&path, format!("{}\n{{\"eventVersion\": tru, \"eventID\": \"x\"}}\n", event("event-0001", "RunInstances")))
        .expect("evidence");
    store.ingest(&path);
    let row = store.row("SELECT evidence_id || '#' || record_index AS place FROM rejects");
    let shown = show(&store, &plain(&row["place"]));
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    assert_eq!(plain(&shown.json["rejects"][0]["originals"][0]["state"]), "intact");
}

/// Two copies of one event that differ in their bytes, each in a file of its own; returns the store, and the copies by citation.
fn two_copies() -> (TestStore, Vec<(String, String, PathBuf)>) {
    let store = TestStore::new();
    let event = event("event-0001", "RunInstances");
    let texts = [event.to_string(), serde_json::to_string_pretty(&event).expect("JSON")];
    for (n, text) in texts.iter().enumerate() {
        let path = store.scratch().join(format!("copy{n}.json"));
        fs::write(&path, format!("{{\"Records\":[{text}]}}")).expect("evidence");
        store.ingest(&path);
    }
    let rows = store.rows("SELECT o.evidence_id || '#0' AS place, e.origins FROM event_origins o JOIN evidence e USING (evidence_id)");
    let copies = rows.iter().map(|row| {
        let n = usize::from(plain(&row["origins"]).contains("copy1"));
        (plain(&row["place"]), texts[n].clone(), store.scratch().join(format!("copy{n}.json")))
    });
    let copies = copies.collect();
    (store, copies)
}

#[test]
fn each_copy_of_a_record_is_delivered_as_it_stands_in_its_place() {
    let (store, copies) = two_copies();
    assert_eq!(copies.len(), 2);
    for (place, text, path) in &copies {
        let raw = store.run(&["show", place, "--raw"]);
        assert_eq!((raw.status.code(), String::from_utf8_lossy(&raw.stdout)), (Some(0), format!("{text}\n").into()), "{place}");
        let shown = show(&store, place);
        let is_kept = shown.json["answer"][0]["evidence_id"].as_str() == place.strip_suffix("#0");
        assert_eq!(shown.text.contains(&format!("{place} is a copy with other bytes, sha-256 ")), !is_kept, "{}", shown.text);
        if !is_kept {
            // Where it lies no longer, what is printed is said to be another copy.
            fs::remove_file(path).expect("removed");
            let raw = store.run(&["show", place, "--raw"]);
            let said = String::from_utf8_lossy(&raw.stderr);
            assert!(said.contains(&format!("these are not the bytes of {place}, which cannot be read again")), "{said}");
        }
    }
}

#[test]
fn of_two_records_with_one_id_the_cited_one_is_delivered() {
    let (store, path) = store_with("a.json", |bytes| bytes.to_vec());
    let forged = path.with_file_name("b.json");
    fs::write(&forged, trail(&[event("event-0001", "DescribeInstances")])).expect("evidence");
    store.ingest(&forged);
    for row in store.rows("SELECT evidence_id || '#' || record_index AS place, raw FROM cloudtrail WHERE event_id = 'event-0001'") {
        let raw = store.run(&["show", &plain(&row["place"]), "--raw"]);
        assert_eq!(String::from_utf8_lossy(&raw.stdout), format!("{}\n", plain(&row["raw"])));
    }
    assert_eq!(store.column("SELECT count(*) FROM cloudtrail WHERE id_conflict"), ["2"]);
}

#[test]
fn a_rejected_record_is_delivered_too() {
    let store = TestStore::new();
    let path = store.scratch().join("broken.json");
    let broken = r#"{"eventVersion": tru, "eventID": "x"}"#;
    fs::write(&path, format!("{}\n{broken}\n", event("event-0001", "RunInstances"))).expect("evidence");
    store.ingest(&path);
    let place = store.column("SELECT evidence_id || '#' || record_index FROM rejects").remove(0);
    let raw = store.run(&["show", &place, "--raw"]);
    assert_eq!((raw.status.code(), String::from_utf8_lossy(&raw.stdout)), (Some(0), format!("{broken}\n").into()));
    assert!(raw.stderr.is_empty(), "{}", String::from_utf8_lossy(&raw.stderr));
    // Of a long one the store keeps the beginning, which is said.
    let long = format!("{{\"eventVersion\": tru, \"eventID\": \"{}\"}}", "x".repeat(70_000));
    fs::write(&path, format!("{}\n{long}\n", event("event-0002", "RunInstances"))).expect("evidence");
    store.ingest(&path);
    let place = store.column("SELECT evidence_id || '#' || record_index FROM rejects WHERE length > 65536").remove(0);
    let raw = store.run(&["show", &place, "--raw"]);
    assert!(String::from_utf8_lossy(&raw.stderr).contains("the store keeps the first 65536"), "{}", String::from_utf8_lossy(&raw.stderr));
}

#[test]
fn records_that_tell_of_events_begin_with_what_and_when() {
    let store = TestStore::new();
    let insight = json!({"eventVersion": "1.07", "eventTime": "2025-03-01T10:00:00Z", "awsRegion": "eu-west-1", "eventID": "insight-0001",
        "eventType": "AwsCloudTrailInsight", "recipientAccountId": "111122223333", "sharedEventID": "s", "eventCategory": "Insight",
        "insightDetails": {"state": "Start", "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances",
            "insightType": "ApiCallRateInsight"}});
    let aggregated = json!({"eventVersion": "1.0", "accountId": "111122223333", "eventId": "aggregated-0001", "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent", "awsRegion": "eu-west-1", "eventSource": "s3.amazonaws.com",
        "timeWindow": {"windowStart": "2025-03-01T10:00:00Z", "windowEnd": "2025-03-01T10:05:00Z", "windowSize": "PT5M"},
        "summary": {"primaryDimension": {"dimension": "eventName", "statistics": [{"name": "GetObject", "value": 7}],
            "aggregationType": "Count"}}});
    fs::write(store.scratch().join("a.json"), trail(&[insight, aggregated])).expect("evidence");
    store.ingest(&store.scratch());
    for (id, line) in [
        (
            "insight-0001",
            "2025-03-01T10:00:00Z  Insights event  ApiCallRateInsight Start ec2.amazonaws.com RunInstances 111122223333 eu-west-1\n",
        ),
        (
            "aggregated-0001",
            "2025-03-01T10:00:00Z to 2025-03-01T10:05:00Z  aggregated events  s3.amazonaws.com eventName 111122223333 eu-west-1\n",
        ),
    ] {
        let shown = show(&store, id);
        assert!(shown.text.starts_with(line), "{}", shown.text);
    }
}
