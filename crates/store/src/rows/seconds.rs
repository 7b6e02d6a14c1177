//! Records of whole seconds put in order without comparing them: logs bring them in the order of their evidence, and few seconds apart.
//!
//! Rows of one piece of evidence come in runs, in the order of their numbers there. Runs are put in order by evidence and number, which orders all rows
//! of a second; then the seconds are counted, and each row goes to its place.

use std::ops::Range;

use arrow_array::{Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use backtrail_model::tables::Table;
use backtrail_model::time::MICROS_PER_SECOND;

use super::{Place, long, numbered, time};
use crate::StoreError;

/// What such rows are sorted by.
const SORTED_BY: [&str; 3] = ["event_time", "evidence_id", "record_index"];
/// Seconds that are counted at most: rows wait by date.
const MOST_SECONDS: usize = 1 << 20;

/// Rows of one piece of evidence that follow each other in a batch, in the order of their numbers.
struct Run<'a> {
    evidence: &'a str,
    numbers: (i64, i64),
    batch: usize,
    rows: Range<usize>,
}

/// The rows in the table's order, if it is to be had this way.
pub(super) fn sorted(table: Table, batches: &[RecordBatch]) -> Result<Option<Vec<Place>>, StoreError> {
    if table.sorted_by() != SORTED_BY {
        return Ok(None);
    }
    let mut runs = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        if !add_runs(table, number, batch, &mut runs)? {
            return Ok(None);
        }
    }
    runs.sort_unstable_by(|a, b| (a.evidence, a.numbers).cmp(&(b.evidence, b.numbers)));
    if runs.windows(2).any(|pair| pair[0].evidence == pair[1].evidence && pair[0].numbers.1 >= pair[1].numbers.0) {
        return Ok(None);
    }
    let times: Vec<&TimestampMicrosecondArray> = batches.iter().map(|b| time(table, b, "event_time")).collect::<Result<_, _>>()?;
    Ok(Seconds::of(&times).map(|seconds| seconds.places(&times, &runs)))
}

/// Adds the runs of a batch. Not where rows have no evidence, or so many runs that comparing rows is no more work.
fn add_runs<'a>(table: Table, number: usize, batch: &'a RecordBatch, runs: &mut Vec<Run<'a>>) -> Result<bool, StoreError> {
    let Some((keys, texts)) = numbered(batch, "evidence_id") else { return Ok(false) };
    let indices: &Int64Array = long(table, batch, "record_index")?;
    if keys.null_count() > 0 || indices.null_count() > 0 {
        return Ok(false);
    }
    let (keys, indices) = (keys.values(), indices.values());
    let (before, mut from) = (runs.len(), 0);
    for to in 1..=batch.num_rows() {
        let goes_on = to < batch.num_rows() && keys[to] == keys[to - 1] && indices[to] > indices[to - 1];
        if !goes_on {
            let evidence = texts.value(usize::from(keys[from]));
            runs.push(Run { evidence, numbers: (indices[from], indices[to - 1]), batch: number, rows: from..to });
            from = to;
        }
    }
    Ok((runs.len() - before) * 4 <= batch.num_rows().max(64))
}

/// The seconds of some rows: the first place is for rows without a time, the others follow each other.
struct Seconds {
    first: i64,
    counts: Vec<u32>,
}

impl Seconds {
    /// `None` where times are no whole seconds, or too far apart.
    fn of(times: &[&TimestampMicrosecondArray]) -> Option<Self> {
        let valid = || times.iter().flat_map(|times| times.iter().flatten());
        let (first, last) = (valid().min().unwrap_or(0), valid().max().unwrap_or(0));
        let span = usize::try_from(last.checked_sub(first)? / MICROS_PER_SECOND).ok()?;
        if span >= MOST_SECONDS || valid().any(|time| time.rem_euclid(MICROS_PER_SECOND) != 0) {
            return None;
        }
        let mut seconds = Self { first, counts: vec![0; span + 2] };
        for times in times {
            for row in 0..times.len() {
                let second = seconds.second(times, row);
                seconds.counts[second] += 1;
            }
        }
        Some(seconds)
    }

    fn second(&self, times: &TimestampMicrosecondArray, row: usize) -> usize {
        if times.is_null(row) {
            return 0;
        }
        usize::try_from((times.value(row) - self.first) / MICROS_PER_SECOND).map_or(0, |second| second + 1)
    }

    fn places(mut self, times: &[&TimestampMicrosecondArray], runs: &[Run<'_>]) -> Vec<Place> {
        let mut rows = 0;
        for count in &mut self.counts {
            (rows, *count) = (rows + *count, rows);
        }
        let mut places = vec![Place { batch: 0, row: 0 }; rows as usize];
        for run in runs {
            for row in run.rows.clone() {
                let second = self.second(times[run.batch], row);
                let at = self.counts[second];
                self.counts[second] += 1;
                // Batches and rows of a buffer are far fewer than 2^32.
                places[at as usize] = Place { batch: run.batch as u32, row: row as u32 };
            }
        }
        places
    }
}
