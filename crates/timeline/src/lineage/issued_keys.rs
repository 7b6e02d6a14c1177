//! What is kept of the table of credentials from one level of a chain to the next: keys that were issued, as hashes by their row, which are 4 bytes a row
//! instead of twenty to decompress; and the calls that were read, for the levels meet the same ones again.

use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use backtrail_query::{RowGroup, SomeRows};
use datafusion::common::Result;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::error::TimelineError;
use crate::event::Text;
use crate::lineage::Issued;

/// Rows of which hashes are kept: 128 MiB. Of more they are made anew each time.
const MOST: usize = 32 << 20;

/// Calls that are kept.
const MOST_CALLS: usize = 20_000;

/// A row group: its file, and its number there.
type Group = (PathBuf, usize);

/// Of each row group that was looked at.
#[derive(Default)]
pub(crate) struct IssuedKeys {
    hasher: DefaultHashBuilder,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by_place: HashMap<Group, Arc<[u32]>>,
    rows: usize,
    /// By row.
    calls: HashMap<Group, HashMap<usize, Issued>>,
    count: usize,
}

impl IssuedKeys {
    /// The hash of a key; never that of none.
    pub(super) fn hash(&self, key: &str) -> u32 {
        let [_, _, _, _, bytes @ ..] = self.hasher.hash_one(key).to_le_bytes();
        u32::from_le_bytes(bytes).max(1)
    }

    /// The hashes of a column in a row group without a window, 0 for a row without a key; none where no row has one.
    pub(super) fn of(&self, group: &RowGroup, column: &'static str) -> Result<Arc<[u32]>> {
        let place = place(group);
        if let Some(known) = self.held.lock().unwrap_or_else(PoisonError::into_inner).by_place.get(&place) {
            return Ok(Arc::clone(known));
        }
        let batch = group.read(&[column])?;
        let hashes: Arc<[u32]> = batch.map_or_else(|| Ok(Arc::default()), |batch| self.hashes(&batch, column))?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.rows + hashes.len() <= MOST {
            held.rows += hashes.len();
            held.by_place.insert(place, Arc::clone(&hashes));
        }
        Ok(hashes)
    }

    /// The calls of some rows that were read before, and the rows that were not.
    pub(super) fn known(&self, group: &RowGroup, rows: &SomeRows) -> (Vec<Issued>, Option<SomeRows>) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(calls) = held.calls.get(&place(group)) else { return (Vec::new(), Some(rows.clone())) };
        let mut unknown = vec![false; group.rows()];
        let mut known = Vec::new();
        for row in rows.numbers() {
            match calls.get(&row) {
                Some(call) => known.push(call.clone()),
                None => unknown[row] = true,
            }
        }
        (known, SomeRows::of(&unknown.into()))
    }

    /// Keeps calls by their rows.
    pub(super) fn keep(&self, group: &RowGroup, calls: impl Iterator<Item = (usize, Issued)>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { calls: known, count, .. } = &mut *held;
        let known = known.entry(place(group)).or_default();
        for (row, call) in calls.take(MOST_CALLS - *count) {
            known.insert(row, call);
            *count += 1;
        }
    }

    fn hashes(&self, batch: &RecordBatch, column: &'static str) -> Result<Arc<[u32]>> {
        let keys = Text::of(batch, "credentials", column).map_err(TimelineError::into_engines)?;
        if matches!(keys, Text::Absent) {
            return Ok(Arc::default());
        }
        Ok((0..batch.num_rows()).map(|row| keys.get(row).map_or(0, |key| self.hash(key))).collect())
    }
}

fn place(group: &RowGroup) -> Group {
    let (path, number) = group.place();
    (path.to_owned(), number)
}
