//! The rows a batch has staged of one table and date, by what they are: a further copy of one of them is not written a second time.
//!
//! Copies of an event mostly come far apart, in other files and other buffers. Were each written, its file would have to be written
//! anew without it when the batch is committed. So a row whose event and bytes are staged already only leaves its provenance
//! here, as a [`Twin`] of the row that stands for it (its host). Which of them is shown the commit decides, from all copies
//! at once (see [`crate::reconcile`]); where that is a twin, the host takes over its provenance.

use std::collections::HashSet;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::copies::{Key, KeyHasher, Sha};

/// A staged row: the number of its file among those of the same table and date, and its number in that file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StagedRow {
    pub(crate) slot: u32,
    pub(crate) row: u32,
}

/// Where a copy came from: the columns in which copies of equal bytes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) evidence_id: Arc<str>,
    pub(crate) record_index: i64,
    pub(crate) copy_rank: i32,
    pub(crate) raw_form: Arc<str>,
}

/// A copy that was not written, and the row that stands for it.
#[derive(Debug, Clone)]
pub(crate) struct Twin {
    pub(crate) host: StagedRow,
    pub(crate) provenance: Provenance,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowId {
    key: Key,
    /// Half of the record's hash, with the event's time in it: a record that has none of its own takes its carrier's, and
    /// copies that differ in it differ in more than provenance. So do a record and an extract, were they the same bytes.
    content: [u8; 16],
}

impl RowId {
    fn new(key: &Key, sha: &Sha, is_extract: bool, time: Option<i64>) -> Self {
        let mut content = [0; 16];
        content.copy_from_slice(&sha[..16]);
        content[15] ^= u8::from(is_extract);
        for (byte, time) in content.iter_mut().zip(time.unwrap_or(i64::MIN).to_le_bytes()) {
            *byte ^= time;
        }
        Self { key: *key, content }
    }
}

/// What became of a row on its way into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is to be written.
    New,
    /// A row of the same event and bytes is staged: this one is its twin.
    Twin(StagedRow),
}

/// Texts that many copies share, each once.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    pub(crate) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// The staged rows of one table and date.
#[derive(Debug, Default)]
pub(crate) struct StagedRows {
    hasher: KeyHasher,
    rows: HashTable<StagedRow>,
    /// By slot, by row.
    ids: Vec<Vec<RowId>>,
    /// Rows whose event has another staged row, of other content.
    meeting: HashSet<StagedRow>,
    twins: Vec<Twin>,
    texts: Texts,
}

impl StagedRows {
    /// Begins another file, of so many rows at most; rows are admitted to the last one.
    pub(crate) fn begin_file(&mut self, rows: usize) -> u32 {
        let (hasher, ids) = (self.hasher, &self.ids);
        self.rows.reserve(rows, |r| hasher.hash(&ids[r.slot as usize][r.row as usize].key));
        self.ids.push(Vec::with_capacity(rows));
        u32::try_from(self.ids.len() - 1).unwrap_or(u32::MAX)
    }

    /// Admits the next row to the last file.
    pub(crate) fn admit(&mut self, key: &Key, sha: &Sha, is_extract: bool, time: Option<i64>) -> Admission {
        let id = RowId::new(key, sha, is_extract, time);
        let hash = self.hasher.hash(key);
        let mut other = None;
        for found in self.rows.iter_hash(hash) {
            let found_id = &self.ids[found.slot as usize][found.row as usize];
            if found_id.key == *key {
                if found_id.content == id.content {
                    return Admission::Twin(*found);
                }
                other = Some(*found);
            }
        }
        let slot = self.ids.len() - 1;
        let new = StagedRow { slot: u32::try_from(slot).unwrap_or(u32::MAX), row: u32::try_from(self.ids[slot].len()).unwrap_or(u32::MAX) };
        self.ids[slot].push(id);
        if let Some(other) = other {
            self.meeting.extend([other, new]);
        }
        let (hasher, ids) = (self.hasher, &self.ids);
        self.rows.insert_unique(hash, new, |r| hasher.hash(&ids[r.slot as usize][r.row as usize].key));
        Admission::New
    }

    /// Remembers a copy that is not written.
    pub(crate) fn add_twin(&mut self, host: StagedRow, evidence_id: &str, record_index: i64, copy_rank: i32, raw_form: &str) {
        let provenance =
            Provenance { evidence_id: self.texts.shared(evidence_id), record_index, copy_rank, raw_form: self.texts.shared(raw_form) };
        self.twins.push(Twin { host, provenance });
    }

    /// The staged rows of an event.
    pub(crate) fn of_event(&self, key: &Key) -> impl Iterator<Item = StagedRow> {
        let hash = self.hasher.hash(key);
        self.rows.iter_hash(hash).copied().filter(|r| self.key(*r) == *key)
    }

    /// The keys of the staged rows.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.ids.iter().flatten().map(|id| &id.key)
    }

    /// Rows whose event has another staged copy, written or not.
    pub(crate) fn meeting(&self) -> impl Iterator<Item = StagedRow> {
        self.meeting.iter().copied().chain(self.twins.iter().map(|t| t.host))
    }

    pub(crate) fn key(&self, row: StagedRow) -> Key {
        self.ids[row.slot as usize][row.row as usize].key
    }

    /// The copies that were not written.
    pub(crate) fn twins(&self) -> &[Twin] {
        &self.twins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_equal_bytes_and_time_is_a_twin_and_nothing_else_is() {
        let mut rows = StagedRows::default();
        let (key, other_key, sha, other_sha) = ([1; 16], [2; 16], [3; 32], [4; 32]);
        assert_eq!(rows.begin_file(2), 0);
        assert_eq!(rows.admit(&key, &sha, false, Some(5)), Admission::New);
        assert_eq!(rows.admit(&other_key, &sha, false, Some(5)), Admission::New);
        assert_eq!(rows.begin_file(0), 1);
        assert_eq!(rows.admit(&key, &sha, false, Some(5)), Admission::Twin(StagedRow { slot: 0, row: 0 }));
        assert_eq!(rows.meeting().count(), 0);
        assert_eq!(rows.admit(&key, &sha, false, None), Admission::New);
        assert_eq!(rows.admit(&key, &other_sha, false, Some(5)), Admission::New);
        assert_eq!(rows.admit(&key, &sha, true, Some(5)), Admission::New);
        let mut meeting: Vec<_> = rows.meeting().map(|r| (r.slot, r.row)).collect();
        meeting.sort_unstable();
        assert_eq!(meeting, [(0, 0), (1, 0), (1, 1), (1, 2)]);
        assert_eq!(rows.of_event(&key).count(), 4);
    }
}
