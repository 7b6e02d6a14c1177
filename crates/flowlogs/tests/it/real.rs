//! Real evidence, where it is at hand; else it says so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use backtrail_model::decoded::Ending;

use crate::support::{decode, decode_with};

/// A folder of the shared data, or `None` with a note.
fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/flowlogs").join(name);
    if path.exists() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a test that is passed over must not look like one that passed")]
    {
        eprintln!("SKIPPED: {} is not here", path.display());
    }
    None
}

/// Counted by hand: `sort -u` leaves one line of 22.
#[test]
fn lines_of_the_default_format() {
    let Some(path) = folder("opensearch_vpcflow_22_lines.log") else { return };
    let text = fs::read_to_string(path).expect("a file");
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.lines, text.lines().collect::<Vec<_>>());
    assert_eq!(decoded.rows.len(), 22);
    assert_eq!(decoded.column("bytes").iter().map(|b| b.parse::<i64>().unwrap_or_default()).sum::<i64>(), 22 * 44);
    assert!(decoded.column("srcaddr").iter().all(|a| *a == "162.142.125.177"));
}

/// Values read with pyarrow.
#[test]
fn parquet_with_texts_for_absent_numbers_and_floating_point_for_integers() {
    let Some(path) = folder("ocsf_pairs_parquet/inputs") else { return };
    let read = |name: &str| {
        decode_with(&[], |decoder, sink| {
            let file = File::open(path.join(name)).expect("a file");
            assert_eq!(decoder.read_parquet(file, sink), Ok(None));
            Ending::Complete
        })
    };
    let rejected = read("vpc_flow-input0.json.parquet");
    assert_eq!(rejected.rows[0]["action"], "REJECT");
    assert_eq!((rejected.rows[0]["bytes"].as_str(), rejected.rows[0]["dstport"].as_str()), ("40", "39938"));
    assert_eq!(rejected.rows[0].get("traffic_path"), None, "it is - there");
    let nodata = read("vpc_flow-input3.parquet");
    assert_eq!(nodata.rows[0]["log_status"], "NODATA");
    assert_eq!(nodata.rows[0]["start"], "1646957737");
    assert_eq!(nodata.rows[0].get("bytes"), None);
}
