//! Real evidence, folder by folder, against `tests/expect/expected.json`: what an independent script, and for odd files a person, says of it.
//! The rules are in `tests/expect/README.md`. Each failure is one table of differences.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::asked::{TestStore, number, plain, shared};
use crate::kit::workspace;

/// One test for each folder, so that they run side by side and fail apart.
macro_rules! folders {
    ($($test:ident: $folder:literal),* $(,)?) => {
        $(#[test] fn $test() { check_folder($folder); })*

        #[test]
        fn every_folder_with_expectations_is_checked() {
            let checked = [$($folder),*];
            let expected = expectations();
            for folder in expected["folders"].as_object().expect("folders").keys() {
                assert!(checked.contains(&folder.as_str()), "{folder} has expectations and no test");
            }
        }
    };
}

folders! {
    stratus_detonations: "cloudtrail/stratus_detonation",
    umccr: "cloudtrail/umccr",
    opensearch: "cloudtrail/opensearch",
    otrf: "cloudtrail/otrf",
    traildiscover: "cloudtrail/traildiscover",
    panther_rules: "cloudtrail/panther_analysis",
    plaso_lookup_events: "cloudtrail/plaso_lookup_events",
    cloudwatch_payloads: "cloudtrail/cloudwatch_wrapped",
    cribl_raw: "cloudtrail/cribl_wrapped",
    splunk_examples: "cloudtrail/splunk_single_events",
    flow_logs: "flowlogs",
    ocsf_pairs: "ocsf_pairs",
    security_hub_findings: "findings/asff_asr",
    guardduty_findings: "findings/guardduty",
    config_rules: "config",
    digest_clean_case: "digest/synth/clean",
    digest_all_cases: "digest/synth",
}

fn expectations() -> Value {
    let path = workspace("tests/expect/expected.json");
    serde_json::from_str(&fs::read_to_string(&path).expect("tests/expect/expected.json")).expect("JSON")
}

/// Expected against found, one line each; printed only where they differ.
#[derive(Default)]
struct Differences {
    lines: Vec<String>,
}

impl Differences {
    /// `expected` is a number, a string, null, or a range `[least, most]`.
    fn compare(&mut self, what: &str, expected: &Value, found: &Value) {
        let same = match expected {
            Value::Array(range) => (number(&range[0])..=number(&range[1])).contains(&number(found)),
            Value::Number(_) => number(expected) == number(found),
            other => other == found,
        };
        if !same {
            let expected = match expected {
                Value::Array(range) => format!("{} to {}", range[0], range[1]),
                other => plain(other),
            };
            self.lines.push(format!("{what:<60} {expected:>20} {:>20}", plain(found)));
        }
    }

    fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    fn finish(self, folder: &str, said: &str) {
        assert!(
            self.lines.is_empty(),
            "\n{folder}\n{:<60} {:>20} {:>20}\n{}\n\nwhat ingest said:\n{said}",
            "",
            "expected",
            "found",
            self.lines.join("\n")
        );
    }
}

fn check_folder(folder: &str) {
    let Some(path) = shared(folder) else { return };
    let expected = &expectations()["folders"][folder];
    let store = TestStore::new();
    let (code, said) = store.ingest(&path);
    let mut differences = Differences::default();
    let evidence = store.rows(LEDGER);
    check_ledger(expected, &evidence, &mut differences);
    check_rows(expected, &store, &mut differences);
    check_files(expected, &evidence, &mut differences);
    let incomplete = evidence.iter().any(|row| number(&row["rejected"]) > 0 || ["partial", "failed", "rejected"].contains(&fate(row)));
    differences.compare("exit code", &Value::from(if incomplete { 3 } else { 0 }), &Value::from(code));
    differences.finish(folder, &said);
}

const LEDGER: &str = "SELECT fate, kind, decoder, reason, origins, parent_id, evidence_id, records_read AS read, records_kept AS kept, \
    records_duplicate AS duplicate, records_rejected AS rejected, records_other AS other FROM evidence ORDER BY evidence_id";

fn fate(row: &Value) -> &str {
    row["fate"].as_str().unwrap_or("-")
}

/// The ledger: pieces, fates, kinds, sums, and the identity of promise 1 in every row.
fn check_ledger(expected: &Value, evidence: &[Value], differences: &mut Differences) {
    let (pieces, containers) = (number(&expected["pieces"]), number(&expected["containers"]));
    differences.compare("pieces of evidence", &serde_json::json!([pieces - containers, pieces]), &Value::from(evidence.len()));
    let mut fates: BTreeMap<&str, i64> = BTreeMap::new();
    for row in evidence {
        *fates.entry(fate(row)).or_default() += 1;
        let [read, kept, duplicate, rejected, other] = ["read", "kept", "duplicate", "rejected", "other"].map(|name| number(&row[name]));
        if read != kept + duplicate + rejected + other {
            differences.note(format!("not balanced: {} read {read} = {kept} + {duplicate} + {rejected} + {other}", row["origins"]));
        }
        if fate(row) != "kept" && row["reason"].as_str().is_none_or(str::is_empty) {
            differences.note(format!("{} without a reason: {}", fate(row), row["origins"]));
        }
    }
    for (name, range) in expected["fates"].as_object().expect("fates") {
        let found = fates.remove(name.as_str()).unwrap_or(0);
        differences.compare(&format!("pieces {name}"), range, &Value::from(found));
    }
    for (name, count) in fates {
        differences.compare(&format!("pieces {name}"), &Value::from(0), &Value::from(count));
    }
    for (kind, count) in expected["deferred_kinds"].as_object().expect("kinds") {
        let named = evidence.iter().filter(|row| fate(row) == "deferred" && names_kind(row, kind)).count();
        if i64::try_from(named).unwrap_or(0) < number(count) {
            let kinds: Vec<String> = evidence.iter().filter(|row| fate(row) == "deferred").map(|row| plain(&row["kind"])).collect();
            differences.note(format!("deferred as {kind}: expected {count}, found {named} among {kinds:?}"));
        }
    }
    for name in ["read", "kept", "duplicate", "rejected", "other"] {
        let sum: i64 = evidence.iter().map(|row| number(&row[name])).sum();
        differences.compare(&format!("records {name}"), &expected[name], &Value::from(sum));
    }
}

/// Whether a ledger row's kind says what it holds; any wording of a Parquet file will do.
fn names_kind(row: &Value, kind: &str) -> bool {
    let said = plain(&row["kind"]).to_lowercase().replace(' ', "");
    kind == "parquet" || said.contains(&kind.replace(' ', ""))
}

/// The tables: rows, ids, conflicts, times and errors.
fn check_rows(expected: &Value, store: &TestStore, differences: &mut Differences) {
    let found = store.row(
        "SELECT (SELECT count(*) FROM cloudtrail) AS cloudtrail, (SELECT count(*) FROM cloudtrail_insights) AS cloudtrail_insights, \
         (SELECT count(*) FROM cloudtrail_aggregated) AS cloudtrail_aggregated, (SELECT count(*) FROM event_origins) AS origins, \
         (SELECT count(*) FROM rejects) AS rejects, (SELECT count(*) FROM flows) AS flows, (SELECT count(DISTINCT evidence_id) FROM evidence) AS evidence_ids",
    );
    for table in ["cloudtrail", "cloudtrail_insights", "cloudtrail_aggregated"] {
        differences.compare(&format!("rows of {table}"), &expected["tables"][table], &found[table]);
    }
    // Flow records have no row for each copy.
    let [flows, flow_records] = [0, 1].map(|at| number(&expected["flows"][at]));
    differences.compare("rows of flows", &Value::from(flows), &found["flows"]);
    let accepted = number(&expected["kept"]) + number(&expected["duplicate"]) - flow_records;
    differences.compare("rows of event_origins", &Value::from(accepted), &found["origins"]);
    differences.compare("rows of rejects", &expected["rejected"], &found["rejects"]);
    let found = store.row(
        "SELECT count(*) FILTER (WHERE event_id IS NULL) AS without_event_id, count(*) FILTER (WHERE id_conflict) AS in_conflict, \
         count(*) FILTER (WHERE event_time IS NULL) AS without_time, CAST(min(event_time) AS BIGINT) AS first_event_micros, \
         CAST(max(event_time) AS BIGINT) AS last_event_micros, count(*) FILTER (WHERE error_code <> '') AS with_error_code, \
         count(DISTINCT recipient_account_id) AS accounts, count(DISTINCT event_name) AS event_names FROM cloudtrail",
    );
    for (name, value) in found.as_object().expect("a row") {
        differences.compare(&name.replace('_', " "), &expected[name], value);
    }
    let ids = store.column("SELECT DISTINCT event_id FROM cloudtrail WHERE event_id IS NOT NULL ORDER BY event_id");
    differences.compare("distinct event ids", &expected["event_ids"], &Value::from(ids.len()));
    differences.compare(
        "hash of the event ids",
        &expected["event_ids_fnv64"],
        &Value::from(format!("{:016x}", fnv64(ids.join("\n").as_bytes()))),
    );
}

/// FNV-1a, as in the script.
fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The files that have a row of their own in the expectations.
fn check_files(expected: &Value, evidence: &[Value], differences: &mut Differences) {
    for file in expected["files_in_detail"].as_array().expect("files") {
        let name = file["file"].as_str().expect("a name");
        let allowed: Vec<&str> = file["fate"].as_array().expect("fates").iter().filter_map(Value::as_str).collect();
        let Some(row) = evidence.iter().find(|row| is_at(row, name)) else {
            if !allowed.contains(&"absent") {
                differences.note(format!("{name}: not in the ledger"));
            }
            continue;
        };
        if !allowed.contains(&fate(row)) {
            differences.note(format!("{name}: {} and not {allowed:?} ({})", fate(row), plain(&row["reason"])));
        }
        let accepted = number(&row["kept"]) + number(&row["duplicate"]);
        differences.compare(&format!("{name}: accepted"), &file["accepted"], &Value::from(accepted));
        differences.compare(&format!("{name}: rejected"), &file["rejected"], &row["rejected"]);
        differences.compare(&format!("{name}: other"), &file["other"], &row["other"]);
    }
}

/// Whether one of a ledger row's origins is this file of the folder.
fn is_at(row: &Value, name: &str) -> bool {
    let origins: Vec<String> = match &row["origins"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => serde_json::from_value(other.clone()).unwrap_or_default(),
    };
    origins.iter().any(|origin| origin.ends_with(&format!("/{name}")) || origin == name)
}

#[test]
fn what_is_kept_as_exact_stands_in_the_file_byte_for_byte() {
    for folder in ["cloudtrail/umccr", "cloudtrail/stratus_detonation", "cloudtrail/opensearch", "cloudtrail/splunk_single_events"] {
        let Some(path) = shared(folder) else { return };
        let store = TestStore::new();
        store.ingest(&path);
        let content = contents(&store);
        let rows = store.rows("SELECT evidence_id, record_index, raw FROM cloudtrail WHERE raw_form = 'exact'");
        let all = store.rows("SELECT count(*) AS n FROM cloudtrail");
        assert_eq!(rows.len() as i64, number(&all[0]["n"]), "{folder}: all of it is exact");
        for row in rows {
            let held = &content[row["evidence_id"].as_str().expect("an id")];
            let raw = row["raw"].as_str().expect("raw");
            assert!(held.contains(raw), "{folder}: {} #{}", row["evidence_id"], row["record_index"]);
        }
    }
}

#[test]
fn what_stood_in_a_string_is_kept_as_that_string_unescaped_once() {
    for (folder, key) in [("cloudtrail/plaso_lookup_events", "CloudTrailEvent"), ("cloudtrail/cribl_wrapped", "_raw")] {
        let Some(path) = shared(folder) else { return };
        let store = TestStore::new();
        store.ingest(&path);
        let mut inner = Vec::new();
        for text in contents(&store).values() {
            for document in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
                let items = document.as_array().cloned().unwrap_or_else(|| vec![document]);
                inner.extend(items.iter().filter_map(|item| item[key].as_str().map(str::to_owned)));
            }
        }
        let mut raw = store.column("SELECT raw FROM cloudtrail WHERE raw_form = 'unescaped'");
        inner.sort();
        raw.sort();
        assert!(!inner.is_empty(), "{folder} holds records");
        assert_eq!(raw, inner, "{folder}");
    }
}

/// The uncompressed text of every kept file of a store.
fn contents(store: &TestStore) -> BTreeMap<String, String> {
    let read = |row: &Value| {
        let origins: Vec<String> = serde_json::from_str(&plain(&row["origins"])).expect("origins");
        let bytes = fs::read(Path::new(&origins[0])).expect("a file of the evidence");
        let mut text = String::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text).expect("gzip");
        } else {
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
        (plain(&row["evidence_id"]), text)
    };
    store
        .rows("SELECT evidence_id, origins FROM evidence WHERE fate IN ('kept', 'partial') AND records_read > 0")
        .iter()
        .map(read)
        .collect()
}

#[test]
fn panthers_example_logs_are_kept_with_all_their_oddities() {
    let Some(path) = shared("cloudtrail/panther_analysis/tests_with_expected.ndjson") else { return };
    let expected = &expectations()["panther_cloudtrail_logs"];
    let store = TestStore::new();
    let logs = store.scratch().join("logs.jsonl");
    let table = fs::read_to_string(path).expect("the table of tests");
    let mut lines = String::new();
    for line in table.lines() {
        let row: Value = serde_json::from_str(line).expect("a row");
        if row["logTypes"] == serde_json::json!(["AWS.CloudTrail"]) {
            lines.push_str(&row["log"].to_string());
            lines.push('\n');
        }
    }
    fs::write(&logs, lines).expect("the log lines");
    let (code, said) = store.ingest(&logs);
    let mut differences = Differences::default();
    let evidence = store.rows(LEDGER);
    for name in ["read", "kept", "duplicate", "rejected", "other"] {
        let sum: i64 = evidence.iter().map(|row| number(&row[name])).sum();
        differences.compare(name, &expected[name], &Value::from(sum));
    }
    let found = store.row(
        "SELECT count(*) FILTER (WHERE id_conflict) AS in_conflict, count(*) FILTER (WHERE event_id IS NULL OR event_id = '') AS without_event_id, \
         count(*) FILTER (WHERE event_category = 'NetworkActivity') AS network_activity FROM cloudtrail",
    );
    for (name, value) in found.as_object().expect("a row") {
        differences.compare(name, &expected[name], value);
    }
    differences.compare("exit code", &Value::from(3), &Value::from(code));
    differences.finish("panther_analysis, the logs taken out", &said);
}

#[test]
fn the_same_folder_again_changes_nothing() {
    let Some(path) = shared("cloudtrail/umccr") else { return };
    let store = TestStore::new();
    store.ingest(&path);
    let before = (store.rows(LEDGER), store.column("SELECT count(*) FROM event_origins"));
    let (_, said) = store.ingest(&path);
    assert!(said.contains("known already"), "{said}");
    assert_eq!((store.rows(LEDGER), store.column("SELECT count(*) FROM event_origins")), before);
}

#[test]
fn real_events_by_five_routes_are_one_row_each() {
    let Some(path) = shared("cloudtrail/stratus_detonation") else { return };
    let store = TestStore::new();
    let mut records = Vec::new();
    for entry in fs::read_dir(&path).expect("the folder") {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("text");
        if let Ok(Value::Array(items)) = serde_json::from_str(&text) {
            records.extend(items);
        }
    }
    let lookup = |record: &Value| serde_json::json!({"EventId": record["eventID"], "EventTime": 1, "CloudTrailEvent": record.to_string()});
    let message = |record: &Value| serde_json::json!({"id": "1", "timestamp": 1, "message": record.to_string()});
    let envelope = |record: &Value| {
        serde_json::json!({"version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail", "source": "aws.x", "account": "1",
            "time": "2024-05-01T10:00:00Z", "region": "eu-west-1", "resources": [], "detail": record})
    };
    let lines = |each: &dyn Fn(&Value) -> String| records.iter().map(|record| each(record) + "\n").collect::<String>();
    let payload = serde_json::json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "1_CloudTrail_eu-west-1",
        "subscriptionFilters": [], "logEvents": records.iter().map(message).collect::<Vec<_>>()});
    let events = serde_json::json!({"Events": records.iter().map(lookup).collect::<Vec<_>>()});
    let scratch = store.scratch();
    fs::write(scratch.join("lookup.json"), events.to_string()).expect("a file of the test");
    fs::write(scratch.join("subscription.json"), payload.to_string()).expect("a file of the test");
    fs::write(scratch.join("envelopes.jsonl"), lines(&|record| envelope(record).to_string())).expect("a file of the test");
    fs::write(scratch.join("export.log"), lines(&|record| format!("2024-05-01T10:00:00.000Z {record}"))).expect("a file of the test");
    store.ingest(&scratch);
    store.ingest(&path);
    let found = store.row(
        "SELECT (SELECT count(*) FROM cloudtrail) AS events, (SELECT count(*) FROM event_origins) AS origins, \
         (SELECT count(DISTINCT route) FROM event_origins) AS routes, (SELECT count(*) FROM cloudtrail WHERE id_conflict) AS conflicts, \
         (SELECT count(*) FROM cloudtrail WHERE raw_form = 'exact') AS exact, (SELECT sum(records_kept) FROM evidence) AS kept, \
         (SELECT sum(records_duplicate) FROM evidence) AS duplicate",
    );
    let mut differences = Differences::default();
    // Five copies by four other routes and the list itself; the list outranks them, and its bytes are the record's.
    for (name, expected) in
        [("events", 310), ("origins", 5 * 310), ("routes", 4), ("conflicts", 0), ("exact", 310), ("kept", 310), ("duplicate", 4 * 310)]
    {
        differences.compare(name, &Value::from(expected), &found[name]);
    }
    differences.finish("stratus_detonation by five routes", "");
}

#[test]
fn the_expectations_are_what_the_script_says() {
    let Some(path) = shared("README.md") else { return };
    let script = workspace("tests/expect/expectations.py");
    let root = path.parent().expect("a folder");
    let Ok(output) = std::process::Command::new("python3").arg(script).arg(root).output() else {
        eprintln!("\n*** SKIPPED: python3 is not there, so tests/expect/expected.json was not worked out again. ***\n");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(again, expectations(), "run tests/expect/expectations.py again, and look at what changed");
}
