//! What becomes of each kind of thing met, and what is said of it.

use backtrail_model::evidence::admits_gap;
use backtrail_model::tables::Table;

use crate::kit::{Bench, event, gzip, trail};

#[test]
fn every_piece_has_a_fate_and_a_reason() {
    let bench = Bench::new();
    bench.put("AWSLogs/a.json.gz", gzip(trail(0..5)));
    bench.put("AWSLogs/empty-records.json", r#"{"Records":[]}"#);
    bench.put("flow.log", "2 123456789012 eni-0a1b 10.0.0.1 10.0.0.2 443 49152 6 10 840 1418530010 1418530070 ACCEPT OK\n");
    bench.put("flow2.log", "2 123456789012 eni-0a1b 10.0.0.1 10.0.0.3 443 49152 6 10 840 1418530010 1418530070 ACCEPT OK\n");
    bench.put("cdn.log", "#Version: 1.0\n#Fields: date time\n");
    bench.put("cdn2.log", "#Version: 1.0\n#Fields: date time x-edge-location\n");
    bench.put("LICENSE", "Apache License\n");
    bench.put("settings.json", r#"{"colour":"blue"}"#);
    bench.put("nothing", "");
    bench.put("x.xz", b"\xfd7zXZ\x00\x00\x04");
    bench.put("mixed.jsonl", format!("{}\nbroken\n{}\n", event(100), event(101)));
    let summary = bench.run();
    assert_eq!(bench.fate("AWSLogs/a.json.gz"), ("kept", String::new()));
    assert_eq!(bench.fate("AWSLogs/empty-records.json").0, "kept");
    assert_eq!(bench.fate("flow.log"), ("kept", String::new()));
    assert_eq!(bench.fate("cdn.log"), ("deferred", "CloudFront access logs, not read yet".to_owned()));
    assert_eq!(bench.fate("LICENSE"), ("ignored", "plain text, not AWS evidence".to_owned()));
    assert_eq!(bench.fate("settings.json"), ("ignored", "JSON of no known kind, not AWS evidence".to_owned()));
    assert_eq!(bench.fate("nothing"), ("ignored", "empty file".to_owned()));
    assert_eq!(bench.fate("x.xz"), ("deferred", "xz data is not read: unpack it first".to_owned()));
    let mixed = bench.row("mixed.jsonl");
    assert_eq!((mixed.counts.read, mixed.counts.kept, mixed.counts.rejected), (3, 2, 1));
    assert_eq!(bench.events(), 7);
    assert_eq!(summary.groups[&("deferred", "CloudFront access logs, not read yet".to_owned())].pieces, 2);
    assert!(summary.is_incomplete(), "a record was rejected");
}

#[test]
fn what_the_user_names_is_rejected_where_a_walk_passes_over_it() {
    let bench = Bench::new();
    let license = bench.put("LICENSE", "Apache License\n");
    let settings = bench.put("settings.json", r#"{"colour":"blue"}"#);
    assert!(!bench.run().is_incomplete());
    let summary = bench.run_with(&[license, settings], "store", 1);
    assert!(summary.is_incomplete());
    let (fate, reason) = bench.fate("LICENSE");
    assert_eq!(fate, "rejected");
    assert!(reason.starts_with("plain text, not AWS evidence"), "{reason}");
    assert_eq!(bench.fate("settings.json").0, "rejected");
}

#[test]
fn whole_records_under_keys_of_somebodys_own_are_rejected_and_named_wherever_they_lie() {
    let bench = Bench::new();
    let record = event(0);
    for (name, text) in [
        ("alert.json", format!(r#"{{"rule":{{"id":1}},"log":{record}}}"#)),
        ("number.json", format!(r#"{{"111":{record}}}"#)),
        ("deep.json", format!(r#"{{"result":{{"data":[{{"payload":{record}}}]}}}}"#)),
    ] {
        bench.put(name, text);
    }
    // What only speaks of records is passed over, as before.
    bench.put("rule.json", r#"{"pattern":{"eventSource":["iam.amazonaws.com"],"eventName":["CreateUser"],"eventVersion":["1.08"]}}"#);
    assert!(bench.run().is_incomplete());
    for name in ["alert.json", "number.json", "deep.json"] {
        let (fate, reason) = bench.fate(name);
        assert_eq!(fate, "rejected", "{name}: {reason}");
        assert!(reason.contains("whole records stand in it under keys where they are not looked for"), "{name}: {reason}");
    }
    assert_eq!(bench.fate("rule.json").0, "ignored");
}

#[test]
fn an_export_of_no_event_is_kept() {
    let bench = Bench::new();
    let file = bench.put("history.csv", "Event name,Event time,User name,Event source,Resource type,Event ID,Access key,AWS region\n");
    assert!(!bench.run_with(&[file], "store", 1).is_incomplete());
    let row = bench.row("history.csv");
    assert_eq!((row.fate.as_str(), row.kind.as_str(), row.counts.read), ("kept", "CloudTrail", 0), "{row:?}");
}

#[test]
fn a_cut_gzip_is_partial_with_its_offset_and_can_be_completed_later() {
    let bench = Bench::new();
    let whole = gzip(trail(0..2000));
    let cut = whole.len() * 2 / 3;
    bench.put("cut.json.gz", &whole[..cut]);
    let summary = bench.run();
    let row = bench.row("cut.json.gz");
    assert_eq!((row.fate.as_str(), row.break_offset), ("partial", Some(cut as i64)));
    assert_eq!(row.content_sha256, None);
    let kept = bench.events();
    assert!(kept > 800 && kept < 2000, "{kept}");
    assert_eq!(row.counts.kept, kept as i64);
    assert!(summary.is_incomplete());
    // The same bytes again: the same rows. Then the whole file in its place.
    bench.run();
    assert_eq!((bench.events(), bench.row("cut.json.gz").counts.kept), (kept, kept as i64));
    bench.put("cut.json.gz", &whole);
    bench.run();
    assert_eq!(bench.events(), 2000);
    let kept: i64 = bench.ledger().iter().map(|r| r.counts.kept).sum();
    assert_eq!(kept, 2000);
}

#[test]
fn what_is_kept_whole_and_says_that_there_is_more_admits_it() {
    let bench = Bench::new();
    let page = format!("{{\"Events\":[{{\"CloudTrailEvent\":{:?}}}],\"NextToken\":\"abc\"}}", event(0));
    bench.put("page.json", page);
    bench.put("followed.gz", [gzip(trail(1..2)), b"junk".to_vec()].concat());
    bench.put("padded.gz", [gzip(trail(2..3)), vec![0; 9]].concat());
    bench.put("behind.gz", [gzip(trail(3..4)), b"junk".to_vec(), gzip(trail(4..5))].concat());
    let (first, mut second) = (gzip(trail(5..6)), gzip(trail(6..40)));
    second[0] ^= 1;
    bench.put("damaged.gz", [first.clone(), second].concat());
    bench.run();
    for (name, fate, gap) in [("page.json", "kept", true), ("followed.gz", "kept", true), ("padded.gz", "kept", false)] {
        let row = bench.row(name);
        assert_eq!((row.fate.as_str(), row.counts.kept), (fate, 1), "{row:?}");
        assert_eq!(admits_gap(row.fate, row.reason.as_deref().unwrap()), gap, "{row:?}");
    }
    let behind = bench.row("behind.gz");
    assert_eq!((behind.fate.as_str(), behind.counts.kept, behind.break_offset), ("partial", 2, Some(gzip(trail(3..4)).len() as i64)));
    let damaged = bench.row("damaged.gz");
    assert_eq!((damaged.fate.as_str(), damaged.counts.kept, damaged.break_offset), ("partial", 1, Some(first.len() as i64)));
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_fails_alone_and_is_forgotten_once_it_can() {
    let bench = Bench::new();
    bench.put("sound.json", trail(0..3));
    std::os::unix::fs::symlink("later.json", bench.path("link.json")).unwrap();
    assert!(bench.run().is_incomplete());
    assert_eq!(bench.fate("link.json").0, "failed");
    assert_eq!(bench.events(), 3);
    bench.put("later.json", trail(3..5));
    assert!(!bench.run().is_incomplete());
    assert_eq!(bench.events(), 5);
    assert!(bench.ledger().iter().all(|r| r.fate.as_str() != "failed"));
}

#[test]
fn a_document_in_a_large_file_is_read_on_two_threads() {
    let bench = Bench::new();
    // Beyond what is held in memory whole, plain and compressed.
    bench.put("large.json", trail(0..16_000));
    let noise: String = (0..9_000u32).map(|n| format!("{}\n", event(20_000 + n).replace("aws-cli", &random_text(n, 1200)))).collect();
    let stored = gzip(&noise);
    assert!(stored.len() > 8 << 20, "{}", stored.len());
    bench.put("large.jsonl.gz", stored);
    bench.run();
    assert_eq!(bench.events(), 25_000);
    assert_eq!(bench.row("large.json").content_sha256, Some(bench.row("large.json").evidence_id));
    assert_eq!(bench.row("large.jsonl.gz").content_size, noise.len() as i64);
}

/// Letters that do not compress below five bits each.
fn random_text(seed: u32, length: usize) -> String {
    let mut state = u64::from(seed) + 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"[(state >> 58) as usize])
        })
        .collect()
}

/// Makes a named pipe.
#[cfg(unix)]
fn pipe(bench: &Bench, name: &str) -> std::path::PathBuf {
    let path = bench.path(name);
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success(), "mkfifo");
    path
}

#[cfg(unix)]
#[test]
fn pipes_and_sockets_in_a_folder_are_passed_over_unopened() {
    let bench = Bench::new();
    bench.put("a.json", trail(0..2));
    pipe(&bench, "pipe.json");
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket")).unwrap();
    assert!(!bench.run().is_incomplete());
    assert_eq!(bench.fate("pipe.json"), ("ignored", "a pipe, not a file: not opened".to_owned()));
    assert_eq!(bench.fate("socket"), ("ignored", "a socket, not a file: not opened".to_owned()));
    assert_eq!(bench.events(), 2);
    // The pipe's name in the store is that of a file later: then it is read.
    std::fs::remove_file(bench.path("pipe.json")).unwrap();
    bench.put("pipe.json", trail(2..3));
    bench.run();
    assert_eq!(bench.events(), 3);
}

#[cfg(unix)]
#[test]
fn a_pipe_that_is_named_is_read_to_its_end_and_a_device_is_refused() {
    let bench = Bench::new();
    let path = pipe(&bench, "named");
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, gzip(trail(0..3))).unwrap()
    });
    assert!(!bench.run_with(&[path], "store", 1).is_incomplete());
    writer.join().unwrap();
    assert_eq!((bench.events(), bench.fate("named").0), (3, "kept"));
    let summary = bench.run_with(&["/dev/zero".into()], "store", 1);
    assert!(summary.is_incomplete());
    let row = bench.ledger().into_iter().find(|r| r.origins == ["/dev/zero"]).unwrap();
    assert_eq!((row.fate.as_str(), row.kind.as_str()), ("rejected", "a device"));
}

#[test]
fn a_table_written_column_by_column_is_no_event() {
    let bench = Bench::new();
    let columns = r#"{"eventName":{"0":"RunInstances","1":"StopLogging"},"eventSource":{"0":"ec2.amazonaws.com","1":"cloudtrail.amazonaws.com"},"eventVersion":{"0":"1.08","1":"1.08"},"eventID":{"0":"a","1":"b"}}"#;
    bench.put("columns.json", columns);
    bench.put(
        "typed.json",
        r#"{"Item":{"eventName":{"S":"RunInstances"},"eventSource":{"S":"ec2.amazonaws.com"},"eventVersion":{"S":"1.08"}}}"#,
    );
    bench.run();
    assert_eq!(bench.events(), 0);
    for name in ["columns.json", "typed.json"] {
        let (fate, reason) = bench.fate(name);
        assert!(fate != "kept" && reason.contains("CloudTrail's fields") && reason.contains("export"), "{name}: {fate} {reason}");
    }
}

#[test]
fn events_among_the_other_lines_of_a_log_group_are_events() {
    let bench = Bench::new();
    let others = (0..50).map(|n| format!("2026-03-01T10:00:00.{n:03}Z START RequestId: {n}\n"));
    let events = (0..3).map(|n| format!("2026-03-01T10:00:00.123Z {}\n", event(n)));
    bench.put("export.txt", others.chain(events).collect::<String>());
    bench.run();
    let row = bench.row("export.txt");
    assert_eq!((row.counts.kept, bench.events()), (3, 3), "{row:?}");
    assert_eq!(row.counts.read, 53, "each line is accounted for: {row:?}");
}

#[test]
fn what_follows_many_blanks_is_read() {
    let bench = Bench::new();
    bench.put("blanks.json", format!("{}{}", " ".repeat(300_000), trail(0..2)));
    bench.put("blank.json", " ".repeat(300_000));
    bench.run();
    assert_eq!((bench.events(), bench.row("blanks.json").fate.as_str()), (2, "kept"));
    assert_eq!((bench.row("blank.json").fate.as_str(), bench.row("blank.json").counts.read), ("ignored", 0));
}

#[test]
fn events_under_keys_of_another_spelling_are_named_as_what_they_are() {
    let bench = Bench::new();
    let lower = r#"{"eventversion":"1.08","eventid":"a","eventtime":"2026-03-01T10:00:00Z","eventname":"RunInstances","eventsource":"ec2.amazonaws.com","useridentity":{"type":"IAMUser"}}"#;
    bench.put("unload.json", format!("{lower}\n{lower}\n"));
    bench.put(
        "lookup.json",
        r#"{"Events":[{"EventId":"a","EventName":"RunInstances","EventSource":"ec2.amazonaws.com","Username":"bob"}]}"#,
    );
    bench.put("snake.jsonl", r#"{"event_name": "RunInstances", "event_source": "ec2.amazonaws.com", "aws_region": "eu-west-1"}"#);
    bench.put("settings.json", r#"{"event_name": "click", "event_source": "page", "username": "bob"}"#);
    assert!(bench.run().is_incomplete());
    for name in ["unload.json", "lookup.json", "snake.jsonl"] {
        let (fate, reason) = bench.fate(name);
        assert!(fate == "rejected" && reason.contains("spelled in another way"), "{name}: {fate} {reason}");
    }
    assert_eq!(bench.fate("settings.json").0, "ignored");
}

#[test]
fn who_called_is_read_from_columns_of_its_own() {
    let bench = Bench::new();
    bench.put(
        "history.csv",
        "Event ID,Event name,Event time,User name,AWS access key,Event source,AWS region\n\
         e1,RunInstances,2026-03-01T10:00:00Z,bob,AKIAIOSFODNN7EXAMPLE,ec2.amazonaws.com,eu-west-1\n",
    );
    bench.put(
        "table.csv",
        "event_id,event_name,event_time,event_source,aws_region,user_identity_type,user_identity_arn\n\
         e2,StopLogging,2026-03-01T10:00:01Z,cloudtrail.amazonaws.com,eu-west-1,IAMUser,arn:aws:iam::111122223333:user/bob\n",
    );
    bench.run();
    let rows = bench.rows("store", Table::Cloudtrail).join("\n");
    for cell in [
        "user_identity_user_name=bob",
        "user_identity_access_key_id=AKIAIOSFODNN7EXAMPLE",
        "user_identity_arn=arn:aws:iam::111122223333:user/bob",
    ] {
        assert!(rows.contains(cell), "{cell} in {rows}");
    }
}
