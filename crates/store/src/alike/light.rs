//! What the rows of a file that is being written say, as 64 bits each: kept until the batch is committed, so that its files need not be read again to
//! know which of their rows may be alike.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use backtrail_model::tables::{Table, ToldApart};

use super::hash;
use crate::StoreError;
use crate::rows::{self, Place};

/// The rows of a file, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lights {
    hashes: Vec<u64>,
    /// By time, the first row of it.
    times: Vec<(i64, u32)>,
    /// What delivered the rows, where that is known of all of them; perhaps something else as well.
    by: Option<BTreeSet<String>>,
    /// The times at which rows may be alike.
    repeated: Vec<i64>,
    /// Rows that say the same as an earlier one of their evidence and are numbered, and the first of those.
    repeats: HashMap<u32, u32>,
}

impl Lights {
    /// Of the rows that stand at these places of some batches, sorted by time. At which times rows may be alike is found next ([`Self::find_alike`]): without
    /// that none are held to be.
    pub(crate) fn of(table: Table, apart: ToldApart, batches: &[RecordBatch], places: &[Place]) -> Result<Self, StoreError> {
        let light: Vec<Vec<u64>> = batches.iter().map(|batch| hash::light(batch, apart)).collect();
        let times: Vec<_> = batches.iter().map(|batch| rows::time(table, batch, "event_time")).collect::<Result<_, _>>()?;
        let mut all = Self { hashes: Vec::with_capacity(places.len()), by: delivered_by(apart, batches), ..Self::default() };
        for (number, place) in (0..).zip(places) {
            let (times, row) = (times[place.batch as usize], place.row as usize);
            let time = if times.is_null(row) { i64::MIN } else { times.value(row) };
            if all.times.last().is_none_or(|(last, _)| *last != time) {
                all.times.push((time, number));
            }
            all.hashes.push(light[place.batch as usize][row]);
        }
        Ok(all)
    }

    /// Whether other things delivered the rows than those of another file: none of them is a copy then.
    pub(super) fn are_of_others_than(&self, other: &Self) -> bool {
        self.by.as_ref().zip(other.by.as_ref()).is_some_and(|(own, others)| own.is_disjoint(others))
    }

    pub(super) fn rows(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn hash(&self, row: u32) -> Option<u64> {
        self.hashes.get(row as usize).copied()
    }

    pub(super) fn of_rows(&self, rows: &Range<u32>) -> &[u64] {
        self.hashes.get(rows.start as usize..rows.end as usize).unwrap_or_default()
    }

    /// The rows of each time, in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (i64, Range<u32>)> + '_ {
        let end = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        let ends = self.times.iter().skip(1).map(|(_, first)| *first).chain([end]);
        self.times.iter().zip(ends).map(|((time, first), end)| (*time, *first..end))
    }

    /// Finds the times at which rows may be alike, and gives the rows that may say the same as another one of their evidence, in order.
    pub(super) fn find_alike(&mut self, are_of_one: impl Fn(u32, u32) -> bool) -> Vec<u32> {
        let (mut rows, mut met): (Vec<(u64, u32)>, Met) = Default::default();
        let (mut alike, mut repeated) = (Vec::new(), Vec::new());
        for (time, run) in self.runs() {
            let hashes = self.of_rows(&run);
            // Of most times no two rows are alike.
            if !met.are_any_twice(hashes) {
                continue;
            }
            rows.clear();
            rows.extend(hashes.iter().copied().zip(run));
            rows.sort_unstable();
            if !rows.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                continue;
            }
            repeated.push(time);
            let of_run = alike.len();
            // Rows of one time are in order of their evidence.
            let together = rows.chunk_by(|a, b| a.0 == b.0 && are_of_one(a.1, b.1)).filter(|group| group.len() > 1);
            alike.extend(together.flatten().map(|(_, row)| *row));
            alike[of_run..].sort_unstable();
        }
        self.repeated = repeated;
        alike
    }

    /// Notes that a row repeats another one of its evidence, and has the number of its occurrence.
    pub(super) fn add_repeat(&mut self, row: u32, first: u32) {
        self.repeats.insert(row, first);
    }

    /// The first of the rows of one evidence that say the same: known where they were numbered, else the row itself.
    pub(super) fn first_of(&self, row: u32) -> u32 {
        self.repeats.get(&row).copied().unwrap_or(row)
    }

    /// The times at which rows may be alike.
    pub(super) fn repeated(&self) -> &[i64] {
        &self.repeated
    }
}

/// What delivered the rows of some batches, where that is known of all of them.
fn delivered_by(apart: ToldApart, batches: &[RecordBatch]) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for batch in batches {
        let (numbers, texts) = rows::numbered(batch, apart.by).filter(|(numbers, _)| numbers.null_count() == 0)?;
        if !numbers.is_empty() {
            all.extend(texts.iter().flatten().map(str::to_owned));
        }
    }
    Some(all)
}

/// Numbers that were met, each where it says itself or in the next free place.
#[derive(Debug, Default)]
pub(super) struct Met(Vec<u64>);

impl Met {
    /// Whether one of some numbers may be there twice. Hashes are all over the place: two that meet are mostly one.
    pub(super) fn are_any_twice(&mut self, hashes: &[u64]) -> bool {
        let places = (hashes.len() * 2).next_power_of_two();
        self.0.clear();
        self.0.resize(places, 0);
        hashes.iter().any(|hash| {
            // No number is the free place's.
            let (hash, mut at) = ((*hash).max(1), *hash as usize & (places - 1));
            while self.0[at] != 0 && self.0[at] != hash {
                at = (at + 1) & (places - 1);
            }
            std::mem::replace(&mut self.0[at], hash) == hash
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Met;

    #[test]
    fn numbers_that_are_there_twice_are_met_whatever_their_places() {
        let mut met = Met::default();
        for (hashes, are) in [
            (&[][..], false),
            (&[7], false),
            (&[7, 7], true),
            (&[0, 8, 16, 24, 32], false),
            (&[0, 8, 16, 24, 32, 16], true),
            (&[u64::MAX, 1 << 40, 0], false),
            (&[0, 5, 0], true),
        ] {
            assert_eq!(met.are_any_twice(hashes), are, "{hashes:?}");
        }
    }
}
