//! Duplicates of one table and date: the staged rows against each other and against those in the store.
//!
//! Keys are 16 random bytes, so they are compared by sorting the staged ones and looking the stored ones up among them,
//! file by file; only copies that meet are then read closely, a bounded number at a time. The outcome depends on the
//! copies alone (see [`crate::copies`]); a date's rows are therefore the same whatever batches brought them.

use std::collections::{HashMap, HashSet};

use arrow_array::Array;
use backtrail_model::tables::Table;

use crate::copies::{self, Copy, Key, Sha};
use crate::rewrite::{Edit, Source};
use crate::stage::Folded;
use crate::{Canonicalise, StoreError, rows};

/// Copies read closely at a time: some 40 MB.
const COPIES_AT_ONCE: usize = 262_144;

/// A row by its event's identity, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    high: u64,
    low: u64,
    source: u32,
    row: u32,
}

impl Entry {
    fn new(key: &Key, source: usize, row: usize) -> Self {
        let key = u128::from_be_bytes(*key);
        let (high, low) = ((key >> 64) as u64, key as u64);
        Self { high, low, source: u32::try_from(source).unwrap_or(u32::MAX), row: u32::try_from(row).unwrap_or(u32::MAX) }
    }

    fn key(&self) -> (u64, u64) {
        (self.high, self.low)
    }
}

/// The files of one date: first those in the store, then those staged, whose keys are known.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) table: Table,
    pub(crate) sources: Vec<Source>,
    /// How many of the sources are in the store.
    pub(crate) stored: usize,
    /// The keys of each staged source.
    pub(crate) keys: Vec<&'a [Key]>,
}

/// What settling a date found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// One for each source.
    pub(crate) edits: Vec<Edit>,
    /// Staged copies not shown, by evidence.
    pub(crate) folded: Folded,
    /// Stored copies shown no more, by evidence.
    pub(crate) lost: Folded,
    /// Events of the staged rows that have more than one content.
    pub(crate) conflicts: u64,
}

/// Settles the copies of one date.
pub(crate) fn reconcile(files: &Files<'_>, replaced: &HashSet<String>, canonicalise: Canonicalise) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome { edits: vec![Edit::default(); files.sources.len()], ..Outcome::default() };
    let entries = meeting(files)?;
    let mut chunk: Vec<&[Entry]> = Vec::new();
    let mut size = 0;
    for group in entries.chunk_by(|a, b| a.key() == b.key()) {
        if size + group.len() > COPIES_AT_ONCE && !chunk.is_empty() {
            Settling::of(files, replaced, canonicalise, &chunk)?.into(&mut outcome);
            chunk.clear();
            size = 0;
        }
        chunk.push(group);
        size += group.len();
    }
    if !chunk.is_empty() {
        Settling::of(files, replaced, canonicalise, &chunk)?.into(&mut outcome);
    }
    Ok(outcome)
}

/// The rows whose event has another row, sorted by event and source.
fn meeting(files: &Files<'_>) -> Result<Vec<Entry>, StoreError> {
    let mut staged: Vec<Entry> = Vec::with_capacity(files.keys.iter().map(|k| k.len()).sum());
    for (i, keys) in files.keys.iter().enumerate() {
        staged.extend(keys.iter().enumerate().map(|(row, key)| Entry::new(key, files.stored + i, row)));
    }
    staged.sort_unstable();
    let lookup = Lookup::new(&staged);
    let mut met = Vec::new();
    for (i, source) in files.sources[..files.stored].iter().enumerate() {
        source.scan(&["dedupe_key"], None, |batch, numbers| {
            let keys = rows::binary(files.table, batch, "dedupe_key")?;
            for (row, number) in numbers.iter().enumerate() {
                let entry = Entry::new(&copies::key(keys.value(row)), i, *number as usize);
                if lookup.has(&entry) {
                    met.push(entry);
                }
            }
            Ok(())
        })?;
    }
    met.sort_unstable();
    let met_keys: Vec<(u64, u64)> = met.iter().map(Entry::key).collect();
    let mut entries: Vec<Entry> = staged
        .chunk_by(|a, b| a.key() == b.key())
        .filter(|group| group.len() > 1 || met_keys.binary_search(&group[0].key()).is_ok())
        .flatten()
        .copied()
        .collect();
    entries.extend(met);
    entries.sort_unstable();
    Ok(entries)
}

/// Sorted entries, with where each value of their leading bits starts.
struct Lookup<'a> {
    sorted: &'a [Entry],
    starts: Vec<usize>,
}

impl<'a> Lookup<'a> {
    const BITS: u32 = 16;

    fn new(sorted: &'a [Entry]) -> Self {
        let mut starts = vec![0; (1 << Self::BITS) + 1];
        for entry in sorted {
            starts[Self::bucket(entry) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self { sorted, starts }
    }

    fn bucket(entry: &Entry) -> usize {
        (entry.high >> (64 - Self::BITS)) as usize
    }

    fn has(&self, entry: &Entry) -> bool {
        let bucket = Self::bucket(entry);
        self.sorted[self.starts[bucket]..self.starts[bucket + 1]].binary_search_by(|e| e.key().cmp(&entry.key())).is_ok()
    }
}

/// Copies of some events, read closely.
struct Settling<'a> {
    stored: usize,
    /// Neighbouring members of one event form a group.
    members: Vec<Member>,
    groups: Vec<usize>,
    evidence: Vec<String>,
    replaced: &'a HashSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    entry: Entry,
    copy: Copy,
    evidence: u32,
    marked: bool,
}

impl<'a> Settling<'a> {
    fn of(files: &Files<'_>, replaced: &'a HashSet<String>, canonicalise: Canonicalise, groups: &[&[Entry]]) -> Result<Self, StoreError> {
        let blank = Copy { class: [0; 32], rank: 0, sha: [0; 32], evidence: [0; 32], index: 0 };
        let members: Vec<Member> =
            groups.iter().flat_map(|g| g.iter()).map(|entry| Member { entry: *entry, copy: blank, evidence: 0, marked: false }).collect();
        let mut settling =
            Settling { stored: files.stored, members, groups: groups.iter().map(|g| g.len()).collect(), evidence: Vec::new(), replaced };
        settling.identify(files)?;
        settling.classify(files, canonicalise)?;
        Ok(settling)
    }

    /// The members that `wanted` names, by source, each with its row, ascending.
    fn by_source(&self, sources: usize, wanted: impl Fn(usize) -> bool) -> Vec<Vec<(u32, usize)>> {
        let mut by_source = vec![Vec::new(); sources];
        for (i, member) in self.members.iter().enumerate().filter(|(i, _)| wanted(*i)) {
            by_source[member.entry.source as usize].push((member.entry.row, i));
        }
        by_source.iter_mut().for_each(|members| members.sort_unstable());
        by_source
    }

    fn identify(&mut self, files: &Files<'_>) -> Result<(), StoreError> {
        const COLUMNS: &[&str] = &["record_sha256", "copy_rank", "evidence_id", "record_index", "id_conflict"];
        let mut names: HashMap<String, u32> = HashMap::new();
        for (source, wanted) in files.sources.iter().zip(self.by_source(files.sources.len(), |_| true)) {
            if wanted.is_empty() {
                continue;
            }
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut next = wanted.iter();
            source.scan(COLUMNS, Some(&numbers), |batch, _| {
                let (table, rows_of) = (files.table, batch.num_rows());
                let (sha, evidence) = (rows::text(table, batch, "record_sha256")?, rows::text(table, batch, "evidence_id")?);
                let (rank, index) = (rows::int(table, batch, "copy_rank")?, rows::long(table, batch, "record_index")?);
                let conflict = rows::boolean(table, batch, "id_conflict")?;
                for (i, (_, member)) in (0..rows_of).zip(next.by_ref()) {
                    let name = rows::value(evidence, i);
                    let number = match names.get(name) {
                        Some(number) => *number,
                        None => {
                            let number = u32::try_from(self.evidence.len()).unwrap_or(u32::MAX);
                            self.evidence.push(name.to_owned());
                            names.insert(name.to_owned(), number);
                            number
                        }
                    };
                    let hash = copies::sha(rows::value(sha, i));
                    let copy = Copy { class: hash, rank: rank.value(i), sha: hash, evidence: copies::sha(name), index: index.value(i) };
                    let marked = !conflict.is_null(i) && conflict.value(i);
                    let slot = &mut self.members[*member];
                    *slot = Member { copy, evidence: number, marked, ..*slot };
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Where copies of one event differ in their bytes, compares what they say.
    fn classify(&mut self, files: &Files<'_>, canonicalise: Canonicalise) -> Result<(), StoreError> {
        let mut differs = vec![false; self.members.len()];
        let mut start = 0;
        for length in &self.groups {
            let group = start..start + length;
            let first: Sha = self.members[start].copy.sha;
            if self.members[group.clone()].iter().any(|m| m.copy.sha != first) {
                differs[group].fill(true);
            }
            start += length;
        }
        for (source, wanted) in files.sources.iter().zip(self.by_source(files.sources.len(), |i| differs[i])) {
            if wanted.is_empty() {
                continue;
            }
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut next = wanted.iter();
            source.scan(&["raw"], Some(&numbers), |batch, _| {
                let raw = rows::text(files.table, batch, "raw")?;
                for (i, (_, member)) in (0..batch.num_rows()).zip(next.by_ref()) {
                    let copy = &mut self.members[*member].copy;
                    copy.class = copies::class_of(rows::value(raw, i), &copy.sha, canonicalise);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn into(self, outcome: &mut Outcome) {
        let mut start = 0;
        for length in &self.groups {
            self.settle(&self.members[start..start + length], outcome);
            start += length;
        }
    }

    fn settle(&self, group: &[Member], outcome: &mut Outcome) {
        // Of one copy read twice the stored reading stays, unless another version of the decoder read it anew.
        let is_outdated =
            |m: &Member| (m.entry.source as usize) < self.stored && self.replaced.contains(&self.evidence[m.evidence as usize]);
        let mut group = group.to_vec();
        group.sort_by_key(is_outdated);
        let copies: Vec<Copy> = group.iter().map(|m| m.copy).collect();
        let best = copies::shown(&copies);
        let conflict = best.len() > 1;
        outcome.conflicts += u64::from(conflict);
        let mut counted = HashSet::new();
        for (i, member) in group.iter().enumerate() {
            let winner = best.get(&member.copy.class).copied().unwrap_or(i);
            let edit = &mut outcome.edits[member.entry.source as usize];
            if winner != i {
                edit.drop.push(member.entry.row);
                // One copy read twice is one copy: it counts once among the staged, and once among the stored.
                let is_stored = (member.entry.source as usize) < self.stored;
                let is_new = counted.insert((is_stored, member.copy.evidence, member.copy.index, member.copy.sha));
                if is_new && !copies[winner].is_same_copy(&member.copy) {
                    let account = if is_stored { &mut outcome.lost } else { &mut outcome.folded };
                    *account.entry(self.evidence[member.evidence as usize].clone()).or_default() += 1;
                }
            } else if conflict && !member.marked {
                edit.mark.push(member.entry.row);
            }
        }
    }
}
