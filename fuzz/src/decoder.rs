//! The decoder: it never panics, every record has one fate, and how the bytes are cut changes nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use backtrail_cloudtrail::{Context, Decoder, Ending, Summary};
use backtrail_model::tables::Table;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000;
/// The decoder looks at this many bytes at a time: an input is put across the border of its first look.
const WINDOW: usize = 256 << 10;

/// The first byte says how many cuts there are and how the evidence ends, the next ones where the cuts are, the rest is the evidence.
pub fn check(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let cuts = usize::from(how % 8).min(rest.len());
    let (places, bytes) = rest.split_at(cuts);
    let ending = if how & 8 == 0 { Ending::Complete } else { Ending::Truncated };
    check_cut(bytes, places, ending);
    // One in sixteen at the place where the decoder's own cuts are: that takes a long document around it.
    if how >> 4 == 15 {
        let before = WINDOW.saturating_sub(bytes.len() / 2);
        let long = [&LONG[..before], bytes, &LONG[LONG.len() - WINDOW / 4..]].concat();
        check_cut(&long, places, ending);
    }
}

/// A trail's file beyond one look: its beginning and its end are used.
static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = b"{\"Records\":[".to_vec();
    let mut n = 0;
    while text.len() < 2 * WINDOW {
        text.extend_from_slice(record(n).as_bytes());
        text.push(b',');
        n += 1;
    }
    text.extend_from_slice(record(n).as_bytes());
    text.extend_from_slice(b"]}");
    text
});

/// A record as trails deliver it.
pub fn record(n: usize) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice"}},"eventTime":"2024-03-01T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","requestParameters":{{"n":"{n}"}},"eventID":"{n:08x}-0000-4000-8000-000000000000","readOnly":false}}"#
    )
}

fn check_cut(bytes: &[u8], places: &[u8], ending: Ending) {
    let (summary, rows) = decode(&[bytes], ending);
    accounted(&summary, &rows);
    let mut at: Vec<usize> = places.iter().map(|place| usize::from(*place) * (bytes.len() + 1) / 256).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
    let (other, other_rows) = decode(&pieces, ending);
    assert_eq!(other, summary, "cuts at {at:?} change what is said");
    assert_eq!(other_rows, rows, "cuts at {at:?} change the rows");
}

type Rows = BTreeMap<Table, RecordBatch>;

fn decode(pieces: &[&[u8]], ending: Ending) -> (Summary, Rows) {
    let mut batches: BTreeMap<Table, Vec<RecordBatch>> = BTreeMap::new();
    let mut sink = |table: Table, batch: RecordBatch| -> Result<(), Infallible> {
        batches.entry(table).or_default().push(batch);
        Ok(())
    };
    let mut decoder = Decoder::new(Context { evidence_id: "e".repeat(64).into(), now: NOW });
    for piece in pieces {
        let Ok(()) = decoder.push(piece, &mut sink);
    }
    let Ok(summary) = decoder.finish(ending, &mut sink);
    let whole = |batches: Vec<RecordBatch>| concat_batches(&batches[0].schema(), &batches).expect("one schema");
    (summary, batches.into_iter().map(|(table, batches)| (table, whole(batches))).collect())
}

/// read = kept + duplicate + rejected + other, and the rows are there.
fn accounted(summary: &Summary, rows: &Rows) {
    let counts = summary.counts;
    assert!(counts.is_balanced(), "{counts:?}");
    let count = |table| rows.get(&table).map_or(0, |r| r.num_rows() as i64);
    assert_eq!(counts.kept, count(Table::Cloudtrail) + count(Table::CloudtrailInsights) + count(Table::CloudtrailAggregated));
    assert_eq!(counts.kept, count(Table::EventOrigins));
    assert_eq!(counts.rejected, count(Table::Rejects));
    assert_eq!(counts.duplicate, 0, "duplicates are for the store to find");
}
