//! Runs over the same evidence: what is known is passed over, and neither order nor threads change a row.

use std::collections::BTreeSet;

use backtrail_model::tables::Table;

use crate::kit::{Bench, event, gzip, tar, trail};

const TABLES: [Table; 6] = [Table::Cloudtrail, Table::PivotalCalls, Table::EventOrigins, Table::Flows, Table::Rejects, Table::Evidence];

#[test]
fn the_same_evidence_twice_adds_nothing() {
    let bench = Bench::new();
    bench.put("a.json", trail(0..10));
    bench.put("b.json.gz", gzip(trail(5..20)));
    bench.put("flow.log", "2 123456789012 eni-0a1b 10.0.0.1 10.0.0.2 443 49152 6 10 840 1418530010 1418530070 ACCEPT OK\n");
    bench.put("cdn.log", "#Version: 1.0\n#Fields: date time\n");
    bench.put("notes.txt", "notes\n");
    let first = bench.run();
    assert_eq!((first.met, first.known, first.counts.read), (5, 0, 26));
    assert_eq!((first.counts.kept, first.counts.duplicate), (21, 5));
    let before: Vec<_> = TABLES.map(|t| bench.rows("store", t)).into();
    let second = bench.run();
    assert_eq!((second.met, second.known), (0, 5), "deferred and ignored evidence is known too");
    assert!(!second.is_incomplete());
    assert_eq!(before, Vec::from(TABLES.map(|t| bench.rows("store", t))));
}

#[test]
fn the_same_bytes_in_several_places_are_one_piece_with_all_its_origins() {
    let bench = Bench::new();
    let data = trail(0..10);
    bench.put("b/copy.json", &data);
    bench.put("a/original.json", &data);
    bench.put("c.tar", tar(&[("inside.json", data.as_bytes())]));
    bench.run();
    let place = |name: &str| bench.path(name).to_string_lossy().into_owned();
    let all = [place("a/original.json"), place("b/copy.json"), place("c.tar!inside.json")];
    let row = bench.row("a/original.json");
    assert_eq!(row.origins, all);
    assert_eq!((row.parent_id, row.member), (None, None), "those of the first origin");
    assert_eq!(row.counts.kept, 10);
    // A further place in a further run.
    bench.put("d/again.json", &data);
    let summary = bench.run();
    assert_eq!(summary.met, 0);
    assert_eq!(bench.row("d/again.json").origins.len(), 4);
    assert_eq!(bench.row("d/again.json").counts.kept, 10);
    assert_eq!(bench.events(), 10);
}

/// Flow records of an hour and the beginning of the next, the first of them twice.
fn flow_lines(hour: u32) -> String {
    let line = |n: u32| {
        let start = 1_709_251_200 + hour * 3_600 + n * 60;
        format!("2 111122223333 eni-0a1b 10.0.0.{} 10.0.1.1 {} 443 6 10 840 {start} {} ACCEPT OK\n", n % 7, 40_000 + n, start + 59)
    };
    [0].into_iter().chain(0..70).map(line).collect()
}

#[test]
fn one_thread_and_four_give_the_same_rows_in_any_order_of_input() {
    let bench = Bench::new();
    let mut inputs = Vec::new();
    for file in 0..40u32 {
        let name = format!("AWSLogs/1/CloudTrail/eu/2024/03/{:02}/{file}.json.gz", 1 + file % 9);
        inputs.push(bench.put(&name, gzip(trail(file * 50..file * 50 + 70))));
    }
    inputs.push(bench.put("same.json", trail(0..10)));
    inputs.push(bench.put("same-again.json", trail(0..10)));
    inputs.push(bench.put("broken.jsonl", format!("{}\n{{\"eventID\":\n{}\n", event(1), event(9_000))));
    // Two flow logs of the same traffic, each file with a line twice; every fourth again under a name that says no flow log.
    for file in 0..24u32 {
        let name = format!("111122223333_vpcflowlogs_eu-west-1_fl-{}_20240301T{:02}00Z_x.log.gz", file % 2, file / 2);
        inputs.push(bench.put(&name, gzip(flow_lines(file / 2))));
        if file % 4 == 0 {
            inputs.push(bench.put(&format!("copy-{file}.log"), flow_lines(file / 2)));
        }
    }
    let members: Vec<(String, String)> = (0..20).map(|i| (format!("m{i}.json"), trail(i * 30..i * 30 + 40))).collect();
    let list: Vec<(&str, &[u8])> = members.iter().map(|(n, d)| (n.as_str(), d.as_bytes())).collect();
    inputs.push(bench.put("archive.tar.gz", gzip(tar(&list))));
    bench.run_with(&[bench.path("")], "one", 1);
    inputs.reverse();
    bench.run_with(&inputs, "four", 4);
    // And in two runs that overlap.
    bench.run_with(&inputs[..25], "twice", 2);
    bench.run_with(&inputs[10..], "twice", 3);
    for table in TABLES {
        let (one, four, twice) = (bench.rows("one", table), bench.rows("four", table), bench.rows("twice", table));
        assert!(!one.is_empty());
        assert_eq!(first_difference(&one, &four), None, "{table:?}");
        assert_eq!(first_difference(&one, &twice), None, "{table:?}");
    }
    // The events are all calls that others depend on: each is there once, shown by the same copy, however many copies there were.
    let copies = |table| bench.rows("twice", table).iter().map(|row| from(row, "raw=").to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(bench.rows("twice", Table::PivotalCalls).len(), bench.rows("twice", Table::Cloudtrail).len());
    assert_eq!(copies(Table::PivotalCalls), copies(Table::Cloudtrail));
}

/// A row from one of its columns on.
fn from<'a>(row: &'a str, column: &str) -> &'a str {
    row.find(column).map_or(row, |at| &row[at..])
}

/// Where two lists of rows differ.
fn first_difference<'a>(left: &'a [String], right: &'a [String]) -> Option<(Option<&'a String>, Option<&'a String>)> {
    (0..left.len().max(right.len())).map(|i| (left.get(i), right.get(i))).find(|(l, r)| l != r)
}

#[test]
fn a_missing_input_stops_the_run_before_anything_is_read() {
    let bench = Bench::new();
    bench.put("a.json", trail(0..3));
    let options =
        backtrail_ingest::IngestOptions { threads: 1, memory_budget: 64 << 20, now: 0, run_id: "x".to_owned(), flow_formats: Vec::new() };
    struct Silent;
    impl backtrail_ingest::Progress for Silent {
        fn found(&self, _: u64, _: u64) {}
        fn read(&self, _: u64, _: u64) {}
        fn done(&self, _: &backtrail_model::evidence::EvidenceRow) {}
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inputs = [bench.path("a.json"), bench.path("absent.json")].map(|p| p.to_string_lossy().into_owned());
    let error = backtrail_ingest::ingest(&bench.store("store"), &inputs, &options, &Silent, runtime.handle()).unwrap_err();
    assert!(error.to_string().contains("absent.json: no such file or directory"), "{error}");
    assert!(bench.ledger().is_empty());
}
