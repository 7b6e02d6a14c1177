//! What records imply, made anew from the store: as if this version had read the evidence.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_cloudtrail::DERIVED;
use backtrail_ingest::IngestOptions;
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::stored::{StoredCopy, StoredEvent};
use backtrail_model::tables::Table;
use backtrail_store::{BatchOptions, CompactOptions, Comparison, Derive, Rebuild, RebuildSummary, Store};

use crate::kit::{Bench, NOW, gzip};

/// An older version, which wrote nothing beside the events.
struct Older;

impl Rebuild for Older {
    fn tables(&self) -> &[Table] {
        &DERIVED
    }
    fn decoder(&self) -> &str {
        backtrail_cloudtrail::NAME
    }

    fn derive(&self) -> Box<dyn Derive> {
        Box::new(Self)
    }
    fn version_after(&self, row: &EvidenceRow) -> i32 {
        if row.decoder == "cloudtrail" { backtrail_cloudtrail::VERSION - 1 } else { row.decoder_version }
    }
    fn is_of_older(&self, _: &EvidenceRow) -> bool {
        false
    }
}

impl Derive for Older {
    fn take(&mut self, _: &StoredEvent<'_>, _: &[StoredCopy]) -> bool {
        true
    }
    fn is_full(&self) -> bool {
        false
    }
    fn rows(&mut self) -> Vec<(Table, RecordBatch)> {
        Vec::new()
    }
}

/// Leaves the store as that version would have.
fn become_older(bench: &Bench) {
    let compare = Comparison { statement: backtrail_cloudtrail::statement, covered: backtrail_cloudtrail::covered };
    let options = BatchOptions { run_id: "x".to_owned(), memory_budget: 64 << 20, now: NOW, compare };
    bench.wait(bench.store("store").rebuild(options, Arc::new(Older))).unwrap();
}

/// A record of one of the calls that imply something; its id and hour follow from `n`.
fn record(n: u32, call: &str) -> String {
    let (source, name, request, response) = match call {
        "assume" => (
            "sts",
            "AssumeRole",
            r#"{"roleArn":"arn:aws:iam::111122223333:role/Ops","roleSessionName":"s"}"#,
            r#"{"credentials":{"accessKeyId":"ASIAEXAMPLEKEY000001"},"assumedRoleUser":{"assumedRoleId":"AROAX:s","arn":"arn:aws:sts::111122223333:assumed-role/Ops/s"}}"#,
        ),
        "launch" => {
            let answer = r#"{"instancesSet":{"items":[{"instanceId":"i-0a1b2c3d","privateIpAddress":"10.0.0.5"}]}}"#;
            ("ec2", "RunInstances", r#"{"subnetId":"subnet-0a1b2c3d"}"#, answer)
        }
        _ => ("cloudtrail", "StopLogging", r#"{"name":"main"}"#, "null"),
    };
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u","accountId":"111122223333"}},"eventTime":"2024-03-{:02}T{:02}:00:00Z","eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","requestParameters":{request},"responseElements":{response},"eventID":"{n:08x}-0000-4000-8000-00000000abcd","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        1 + n / 24 % 28,
        n % 24
    )
}

fn trail(records: impl IntoIterator<Item = String>) -> String {
    format!("{{\"Records\":[{}]}}", records.into_iter().collect::<Vec<_>>().join(","))
}

/// Two files that share half of their records, one of them with a record that contradicts one of the other's.
fn bench() -> Bench {
    let bench = Bench::new();
    let call = |n: u32| record(n, ["assume", "launch", "stop"][(n % 3) as usize]);
    bench.put("a.json.gz", gzip(trail((0..60).map(call))));
    let other = record(31, "launch").replace("198.51.100.7", "192.0.2.66");
    bench.put("b.json", trail((30..90).filter(|n| *n != 31).map(call).chain([other])));
    bench.run();
    bench
}

fn tables(bench: &Bench) -> Vec<Vec<String>> {
    DERIVED.into_iter().map(|table| bench.rows("store", table)).collect()
}

#[test]
fn a_store_of_an_older_version_becomes_what_this_one_would_have_made() {
    let bench = bench();
    let (made, ledger) = (tables(&bench), bench.ledger());
    // Credentials and observations of each copy of every third call; calls that others depend on once, and the one that contradicts another.
    assert_eq!((made[0].len(), made[2].len(), made[3].len()), (40, 40, 61));
    let before = bench.rows("store", Table::Cloudtrail);
    become_older(&bench);
    assert!(tables(&bench).iter().all(Vec::is_empty));
    assert!(bench.ledger().iter().all(|row| row.decoder_version == backtrail_cloudtrail::VERSION - 1));

    let summary = rebuild(&bench);
    assert_eq!(summary, RebuildSummary { events: 91, as_they_were: 0, brought_up: 2, left_behind: 0 });
    for (again, made) in tables(&bench).iter().zip(&made) {
        assert_eq!(again, made);
    }
    assert_eq!(bench.ledger(), ledger);
    assert_eq!(bench.rows("store", Table::Cloudtrail), before);
    // Nothing is read again: all is known.
    assert_eq!(bench.run().met, 0);
}

#[test]
fn a_store_of_this_version_stays_as_it_is_and_what_has_no_text_keeps_what_was_made_of_it() {
    let bench = bench();
    bench.put(
        "export.csv",
        "eventTime,eventSource,eventName,eventID,awsRegion,recipientAccountId\n2024-03-05T10:00:00Z,cloudtrail.amazonaws.com,DeleteTrail,ffff0000-0000-4000-8000-00000000abcd,eu-west-1,111122223333\n",
    );
    bench.run();
    assert_eq!(bench.row("export.csv").counts.kept, 1);
    let (made, ledger) = (tables(&bench), bench.ledger());
    let summary = rebuild(&bench);
    assert_eq!(summary, RebuildSummary { events: 92, as_they_were: 1, brought_up: 0, left_behind: 0 });
    for (again, made) in tables(&bench).iter().zip(&made) {
        assert_eq!(again, made);
    }
    assert_eq!(bench.ledger(), ledger);
}

#[test]
fn a_store_that_lacks_a_table_of_later_versions_is_rebuilt_and_compacted() {
    for is_rebuilt in [true, false] {
        let bench = Bench::new();
        bench.put("a.json", trail([record(0, "assume"), record(3, "assume")]));
        bench.run();
        std::fs::remove_dir_all(bench.folder.path().join("store/pivotal_calls")).unwrap();
        // Opened to be read: nothing makes what is missing before.
        let store = bench.wait(Store::open(&bench.folder.path().join("store"))).unwrap();
        if is_rebuilt {
            let options =
                IngestOptions { threads: 2, memory_budget: 64 << 20, now: NOW, run_id: "again".to_owned(), flow_formats: Vec::new() };
            assert_eq!(bench.wait(backtrail_ingest::rebuild(&store, &options)).unwrap().events, 2);
        } else {
            let options = CompactOptions { now: NOW, remove_at_once: true, memory_budget: 64 << 20 };
            bench.wait(store.compact(options)).unwrap();
        }
        assert_eq!(bench.rows("store", Table::Credentials).len(), 2);
        assert_eq!(bench.run().met, 0);
    }
}

#[test]
fn evidence_without_texts_of_its_own_is_not_said_to_be_brought_up() {
    let bench = Bench::new();
    bench.put(
        "export.csv",
        "eventTime,eventSource,eventName,eventID,awsRegion\n2024-03-05T10:00:00Z,cloudtrail.amazonaws.com,DeleteTrail,ffff0000-0000-4000-8000-00000000abcd,eu-west-1\n",
    );
    bench.put("a.json", trail([record(1, "stop")]));
    bench.run();
    become_older(&bench);
    assert_eq!(rebuild(&bench), RebuildSummary { events: 2, as_they_were: 1, brought_up: 1, left_behind: 1 });
    assert_eq!(bench.row("export.csv").decoder_version, backtrail_cloudtrail::VERSION - 1);
    assert_eq!(bench.rows("store", Table::PivotalCalls).len(), 1);
}

fn rebuild(bench: &Bench) -> RebuildSummary {
    let options = IngestOptions { threads: 2, memory_budget: 64 << 20, now: NOW, run_id: "again".to_owned(), flow_formats: Vec::new() };
    bench.wait(backtrail_ingest::rebuild(&bench.store("store"), &options)).unwrap()
}
