//! The decoder of flow logs: it never panics, every record has one fate, and how the bytes are cut changes nothing.

use std::convert::Infallible;

use arrow_array::RecordBatch;
use backtrail_flowlogs::{Context, Decoder, line};
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::tables::Table;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000;

/// The first byte says how many cuts there are and how the evidence ends, the next ones where the cuts are, the rest is the evidence.
pub fn check(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let cuts = usize::from(how % 8).min(rest.len());
    let (places, bytes) = rest.split_at(cuts);
    let ending = if how & 8 == 0 { Ending::Complete } else { Ending::Truncated };
    let whole = decode(&[bytes], ending);
    let mut at: Vec<usize> = places.iter().map(|p| usize::from(*p) * bytes.len() / 256).chain([0, bytes.len()]).collect();
    at.sort_unstable();
    let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
    assert_eq!(decode(&chunks, ending), whole, "cuts change nothing");
}

/// The lines that rows give back, the number of rejects, and the account.
fn decode(chunks: &[&[u8]], ending: Ending) -> (Vec<String>, usize, Summary) {
    let (mut lines, mut rejects) = (Vec::new(), 0);
    let mut sink = |table: Table, rows: RecordBatch| -> Result<(), Infallible> {
        if table == Table::Flows {
            lines.extend((0..rows.num_rows()).map(|row| line(&rows, row).expect("a line")));
        } else {
            rejects += rows.num_rows();
        }
        Ok(())
    };
    let mut decoder = Decoder::new(NOW, &[]);
    decoder.begin(Context::default());
    for chunk in chunks {
        let Ok(()) = decoder.push(chunk, &mut sink);
    }
    let Ok(summary) = decoder.end(ending, &mut sink);
    let Ok(()) = decoder.flush(&mut sink);
    assert!(decoder.is_sound() && summary.counts.is_balanced());
    let given = (summary.counts.kept, summary.counts.rejected);
    assert_eq!(decoder.given(), given);
    assert_eq!((lines.len() as i64, rejects as i64), given);
    (lines, rejects, summary)
}
