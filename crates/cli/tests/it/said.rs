//! What a command says of what it was given: what was left out, what was wrong and where, what no evidence knows.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::asked::{TestStore, list};
use crate::kit::workspace;

/// Runs in a folder, with the store where it lies by default.
fn backtrail_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backtrail"));
    command.args(arguments).current_dir(folder).env_remove("BACKTRAIL_STORE").output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_store_is_no_evidence_where_it_lies_among_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = fs::read_dir(workspace("fixtures/incident")).expect("the incident").flatten().next().expect("something in it");
    let copied = Command::new("cp").arg("-r").arg(sample.path()).arg(folder.path()).status().expect("cp");
    assert!(copied.success());
    let first = backtrail_in(folder.path(), &["ingest", "."]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert_eq!(stderr(&first).matches("left out: ").count(), 1, "{}", stderr(&first));
    let evidence_set = || {
        let output = backtrail_in(folder.path(), &["coverage", "--format", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["evidence_set"].clone()
    };
    let before = evidence_set();
    let second = backtrail_in(folder.path(), &["ingest", "."]);
    assert!(stderr(&second).contains("all evidence is known already"), "{}", stderr(&second));
    assert_eq!(evidence_set(), before);
}

#[test]
fn an_input_that_is_not_there_makes_no_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = backtrail_in(folder.path(), &["ingest", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere: no such file or directory; name files, folders"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_rejected_record_among_kept_ones_is_told_with_its_place_and_reason() {
    let store = TestStore::new();
    let record = |id: u32| {
        format!(
            r#"{{"eventVersion":"1.08","eventID":"{id}","eventTime":"2024-05-01T10:00:00Z","eventName":"X","eventSource":"ec2.amazonaws.com"}}"#
        )
    };
    let text = format!("{{\"Records\":[{},{{\"eventVersion\":\"1.08\",\"eventName\":tru}},{}]}}", record(1), record(2));
    let file = store.scratch().join("a.json");
    fs::write(&file, &text).expect("written");
    let offset = text.find(r#"{"eventVersion":"1.08","eventName":tru"#).expect("the broken one");
    let (code, said) = store.ingest(&file);
    assert_eq!(code, 3);
    let line = said.lines().find(|line| line.starts_with("  kept: ")).expect("a line");
    assert!(line.contains(&format!("a.json: 1 record rejected: record 1 at byte {offset}: ")), "{line}");
    assert!(line.len() > line.rfind(": ").expect("a reason") + 2, "{line}");
    let quiet = TestStore::new();
    let output = quiet.run(&["ingest", "--quiet", file.to_str().expect("a UTF-8 path")]);
    assert_eq!(
        stderr(&output),
        "warning: 1 record rejected; 0 pieces of evidence partial, rejected or failed: `backtrail evidence` lists them\n"
    );
}

#[test]
fn a_mistyped_account_region_source_or_address_does_not_read_as_nothing_happened() {
    let store = TestStore::of_fixture("incident");
    for (option, value, hint) in [
        ("--account", "abc", "No event in the store is of the account abc. An account id is 12 digits."),
        ("--account", "63794958895", "The nearest that evidence has: 637949588958."),
        ("--region", "moon", "No event in the store is of the region moon."),
        ("--source", "ec3", "No event in the store is of the service ec3. The nearest that evidence has: ec2"),
        ("--ip", "9.9.9.9", "No event in the store came from 9.9.9.9."),
    ] {
        // `changes` ranks all of them by their relation to an address.
        for command in ["timeline", "changes", "actors"].into_iter().filter(|command| (*command, option) != ("changes", "--ip")) {
            let answer = store.json(&[command, option, value, "--format", "json"]);
            assert!(list(&answer["answer"]).is_empty(), "{command} {option} {value}");
            let said: Vec<&str> = list(&answer["coverage"]["not_seen"]).iter().filter_map(|n| n["text"].as_str()).collect();
            assert!(said.iter().any(|text| text.contains(hint)), "{command} {option} {value}: {said:?}");
        }
    }
    let known = store.json(&["timeline", "--account", "637949588958", "--from", "2001-01-01", "--to", "2001-01-02", "--format", "json"]);
    assert!(!known["coverage"]["not_seen"].to_string().contains("No event in the store is of"), "{known}");
}

#[test]
fn an_event_with_an_empty_id_is_cited_by_its_place_and_can_be_opened() {
    let store = TestStore::new();
    let file = store.scratch().join("a.json");
    let text = r#"{"Records":[{"eventVersion":"1.08","eventID":"","eventTime":"2024-05-01T10:00:00Z","eventName":"X","eventSource":"ec2.amazonaws.com"}]}"#;
    fs::write(&file, text).expect("written");
    store.ingest(&file);
    let answer = store.json(&["timeline", "--format", "json"]);
    let cited = answer["answer"][0]["refs"][0].as_str().expect("a citation").to_owned();
    assert!(cited.ends_with("#0"), "{cited}");
    assert_eq!(store.column("SELECT ref FROM timeline"), [cited.as_str()]);
    assert_eq!(list(&store.json(&["show", &cited, "--format", "json"])["answer"]).len(), 1);
}

#[test]
fn errors_of_writing_name_the_file_and_long_windows_begin_where_time_does() {
    let store = TestStore::of_fixture("incident");
    if Path::new("/dev/full").exists() {
        for command in [&["timeline"][..], &["sql", "SELECT * FROM cloudtrail"]] {
            let output = store.run(&[command, &["--output", "/dev/full"]].concat());
            assert!(stderr(&output).contains("/dev/full"), "{command:?}: {}", stderr(&output));
        }
    }
    let answer = store.json(&["timeline", "--at", "2025-10-15T14:05:00Z", "--before", "99999999d", "--format", "json", "--limit", "1"]);
    let open = store.json(&["timeline", "--to", "2025-10-15T15:05:00Z", "--format", "json", "--limit", "1"]);
    assert_eq!(answer["window"]["from"], open["window"]["from"]);
}
