//! Promise 3, on the real process: `kill -9` at any moment and the same command again gives the same rows as without the kill.
//! And two processes taking overlapping evidence into one store at the same time: no row twice, none missing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backtrail_model::tables::Table;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::kit::backtrail;

/// Moments at which a run is killed, spread over the length of an unkilled run.
const KILLS: u32 = 24;
/// Tables compared, each with the columns that say when a run was rather than what it found.
const TABLES: [&str; 6] = ["cloudtrail", "cloudtrail_insights", "cloudtrail_aggregated", "event_origins", "rejects", "evidence"];

/// One record; `content` varies what two copies of one id say.
fn record(number: u32, content: &str) -> String {
    let (day, hour, minute) = (1 + number % 5, number % 24, number % 60);
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u{user}","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE0000{user:05}"}},"eventTime":"2024-03-{day:02}T{hour:02}:{minute:02}:{second:02}Z","eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.{octet}","requestParameters":{{"bucketName":"b{content}","key":"k/{number}"}},"responseElements":null,"requestID":"r{number}","eventID":"{number:08x}-0000-4000-8000-0123456789ab","readOnly":false,"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data"}}"#,
        user = number % 7,
        second = number % 59,
        octet = number % 250,
    )
}

fn write_gzip(path: &Path, records: &[String]) {
    let mut gzip = GzEncoder::new(fs::File::create(path).expect("a file"), Compression::fast());
    write!(gzip, "{{\"Records\":[{}]}}", records.join(",")).expect("written");
    gzip.finish().expect("finished");
}

/// Files `from..to` of 250 events each; neighbours overlap by a fifth, every fourth file holds forged copies, and one a broken record.
fn write_evidence(folder: &Path, files: std::ops::Range<u32>) {
    fs::create_dir_all(folder).expect("a folder");
    for file in files {
        let mut records: Vec<String> = (file * 200..file * 200 + 250).map(|n| record(n, "")).collect();
        if file % 4 == 1 {
            records.extend((file * 200..file * 200 + 10).map(|n| record(n, "-forged")));
        }
        if file % 5 == 2 {
            records.push("{\"eventVersion\":\"1.08\",\"eventName\":tru}".to_owned());
        }
        write_gzip(&folder.join(format!("{file:03}.json.gz")), &records);
    }
}

fn start(evidence: &Path, store: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_backtrail"))
        .args(["ingest", "--quiet", "--store"])
        .arg(store)
        .arg(evidence)
        .env_remove("BACKTRAIL_STORE")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

/// Every row of a table, but for when it was taken in and by which run, in an order of its own.
fn rows(store: &Path, table: &str) -> Vec<String> {
    let columns = Table::ALL.into_iter().find(|t| t.name() == table).expect("a table").columns();
    let columns: Vec<&str> = columns.iter().map(|c| c.name).filter(|c| !matches!(*c, "ingested_at" | "run_id")).collect();
    let output = backtrail(store, &["sql", &format!("SELECT {} FROM {table}", columns.join(", ")), "--format", "jsonl"]);
    assert!(output.status.success(), "{table}: {}", String::from_utf8_lossy(&output.stderr));
    let mut rows: Vec<String> = String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    rows.sort_unstable();
    rows
}

fn assert_same_rows(expected: &Path, found: &Path, what: &str) {
    for table in TABLES {
        let (expected, found) = (rows(expected, table), rows(found, table));
        assert_eq!(expected.len(), found.len(), "{what}: number of rows of {table}");
        for (e, f) in expected.iter().zip(&found) {
            assert_eq!(e, f, "{what}: a row of {table}");
        }
    }
}

#[test]
fn a_kill_at_any_moment_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (evidence, unkilled) = (folder.path().join("evidence"), folder.path().join("unkilled"));
    write_evidence(&evidence, 0..24);
    let began = Instant::now();
    let status = start(&evidence, &unkilled).wait().expect("it ends");
    let length = began.elapsed();
    assert_eq!(status.code(), Some(3), "broken records make the run incomplete");
    assert_eq!(rows(&unkilled, "cloudtrail").len(), 24 * 200 + 50 + 6 * 10, "every event once, every forged copy beside it");

    let mut interrupted = 0;
    for kill in 0..KILLS {
        let store = folder.path().join(format!("killed-{kill}"));
        // Later kills come in pairs, so that a recovering run is killed as well.
        for strike in 0..=(kill % 2) {
            let mut child = start(&evidence, &store);
            std::thread::sleep(length * (kill + strike) / KILLS + Duration::from_millis(u64::from(kill % 3)));
            interrupted += u32::from(child.try_wait().expect("its state").is_none());
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
        let status = start(&evidence, &store).wait().expect("it ends");
        assert!(matches!(status.code(), Some(0 | 3)), "the run after kill {kill}: {status}");
        assert_same_rows(&unkilled, &store, &format!("after kill {kill}"));
        fs::remove_dir_all(&store).expect("removed");
    }
    assert!(interrupted >= KILLS / 3, "only {interrupted} runs were still going when killed: the test tests nothing");
}

#[test]
fn two_runs_at_once_over_overlapping_evidence() {
    let folder = tempfile::tempdir().expect("a folder");
    let (left, right) = (folder.path().join("left"), folder.path().join("right"));
    // Files 8 to 15 are in both folders, byte for byte; the others overlap event by event.
    write_evidence(&left, 0..16);
    write_evidence(&right, 8..24);
    let apart = folder.path().join("apart");
    for evidence in [&left, &right] {
        start(evidence, &apart).wait().expect("it ends");
    }
    let together = folder.path().join("together");
    let mut children = [start(&left, &together), start(&right, &together)];
    for child in &mut children {
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(3), "both succeed (3: broken records are among the evidence)");
    }
    assert_same_rows(&apart, &together, "two at once");
    let twice = backtrail(
        &together,
        &["sql", "SELECT count(*) AS n, count(DISTINCT (event_id, record_sha256)) AS d FROM cloudtrail", "--format", "csv"],
    );
    assert_eq!(String::from_utf8_lossy(&twice.stdout).lines().nth(1), Some("4910,4910"), "{}", String::from_utf8_lossy(&twice.stderr));
}
