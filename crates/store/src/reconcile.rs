//! Duplicates of one table and date: the staged rows against each other and against those in the store.
//!
//! Staged rows are known by their keys (see [`crate::staged_rows`]); the stored ones are looked up among them, file by file.
//! Only copies that meet are then read closely, a bounded number at a time. The outcome depends on the copies alone (see
//! [`crate::copies`]); a date's rows are therefore the same whatever batches brought them.

use std::collections::{HashMap, HashSet};

use arrow_array::Array;
use backtrail_model::tables::Table;

use crate::copies::{self, Copy, Key, Sha};
use crate::rewrite::{Edit, Source};
use crate::stage::Folded;
use crate::staged_rows::{StagedRow, StagedRows};
use crate::{Canonicalise, StoreError, rows};

/// Copies read closely at a time: some 40 MB.
const COPIES_AT_ONCE: usize = 262_144;

/// A copy by its event's identity, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: Key,
    source: u32,
    row: u32,
    /// Which twin of that row it is, one more than its number; 0 for the row itself, which so comes before its twins.
    twin: u32,
}

/// The files of one date: first those in the store, then those staged.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) table: Table,
    pub(crate) sources: Vec<Source>,
    /// How many of the sources are in the store.
    pub(crate) stored: usize,
    /// The slot of each staged source.
    pub(crate) slots: Vec<u32>,
    pub(crate) rows: &'a StagedRows,
}

impl Files<'_> {
    /// The staged source of each slot; a slot without one has no rows.
    fn source_of_slot(&self) -> HashMap<u32, u32> {
        self.slots.iter().enumerate().map(|(i, slot)| (*slot, number(self.stored + i))).collect()
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
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
    for group in entries.chunk_by(|a, b| a.key == b.key) {
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

/// The copies whose event has another copy, sorted by event and place.
fn meeting(files: &Files<'_>) -> Result<Vec<Entry>, StoreError> {
    let sources = files.source_of_slot();
    let staged = |row: StagedRow, key: Key, twin: usize| {
        sources.get(&row.slot).map(|source| Entry { key, source: *source, row: row.row, twin: number(twin) })
    };
    let mut entries: Vec<Entry> = files.rows.meeting().filter_map(|row| staged(row, files.rows.key(row), 0)).collect();
    let twins = files.rows.twins().iter().enumerate();
    entries.extend(twins.filter_map(|(i, twin)| staged(twin.host, files.rows.key(twin.host), i + 1)));
    for (i, source) in files.sources[..files.stored].iter().enumerate() {
        source.scan(&["dedupe_key"], None, |batch, numbers| {
            let keys = rows::binary(files.table, batch, "dedupe_key")?;
            for (row, at) in numbers.iter().enumerate() {
                let key = copies::key(keys.value(row));
                let before = entries.len();
                entries.extend(files.rows.of_event(&key).filter_map(|row| staged(row, key, 0)));
                if entries.len() > before {
                    entries.push(Entry { key, source: number(i), row: *at, twin: 0 });
                }
            }
            Ok(())
        })?;
    }
    entries.sort_unstable();
    entries.dedup();
    Ok(entries)
}

/// Copies of some events, read closely.
struct Settling<'a> {
    files: &'a Files<'a>,
    /// Neighbouring members of one event form a group.
    members: Vec<Member>,
    groups: Vec<usize>,
    /// The evidence copies stand in, and the number of each.
    evidence: Vec<String>,
    numbers: HashMap<String, u32>,
    replaced: &'a HashSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    entry: Entry,
    copy: Copy,
    evidence: u32,
    marked: bool,
}

impl Member {
    /// Whether both stand in one row.
    fn is_at(&self, other: &Self) -> bool {
        (self.entry.source, self.entry.row) == (other.entry.source, other.entry.row)
    }
}

impl<'a> Settling<'a> {
    fn of(
        files: &'a Files<'a>,
        replaced: &'a HashSet<String>,
        canonicalise: Canonicalise,
        groups: &[&[Entry]],
    ) -> Result<Self, StoreError> {
        let blank = Copy { class: [0; 32], rank: 0, sha: [0; 32], evidence: [0; 32], index: 0 };
        let members: Vec<Member> =
            groups.iter().flat_map(|g| g.iter()).map(|entry| Member { entry: *entry, copy: blank, evidence: 0, marked: false }).collect();
        let groups = groups.iter().map(|g| g.len()).collect();
        let mut settling = Settling { files, members, groups, evidence: Vec::new(), numbers: HashMap::new(), replaced };
        settling.identify()?;
        settling.classify(canonicalise)?;
        Ok(settling)
    }

    /// The written members that `wanted` names, by source, each with its row, ascending.
    fn by_source(&self, wanted: impl Fn(usize) -> bool) -> Vec<Vec<(u32, usize)>> {
        let mut by_source = vec![Vec::new(); self.files.sources.len()];
        for (i, member) in self.members.iter().enumerate().filter(|(i, m)| m.entry.twin == 0 && wanted(*i)) {
            by_source[member.entry.source as usize].push((member.entry.row, i));
        }
        by_source.iter_mut().for_each(|members| members.sort_unstable());
        by_source
    }

    fn number_of(&mut self, evidence: &str) -> u32 {
        if let Some(number) = self.numbers.get(evidence) {
            return *number;
        }
        let new = number(self.evidence.len());
        self.evidence.push(evidence.to_owned());
        self.numbers.insert(evidence.to_owned(), new);
        new
    }

    fn identify(&mut self) -> Result<(), StoreError> {
        const COLUMNS: &[&str] = &["record_sha256", "copy_rank", "evidence_id", "record_index", "id_conflict"];
        let files = self.files;
        for (source, wanted) in files.sources.iter().zip(self.by_source(|_| true)) {
            if wanted.is_empty() {
                continue;
            }
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut next = wanted.iter();
            source.scan(COLUMNS, Some(&numbers), |batch, _| {
                let table = files.table;
                let (sha, evidence) = (rows::text(table, batch, "record_sha256")?, rows::text(table, batch, "evidence_id")?);
                let (rank, index) = (rows::int(table, batch, "copy_rank")?, rows::long(table, batch, "record_index")?);
                let conflict = rows::boolean(table, batch, "id_conflict")?;
                for (i, (_, member)) in (0..batch.num_rows()).zip(next.by_ref()) {
                    let name = rows::value(evidence, i);
                    let evidence = self.number_of(name);
                    let hash = copies::sha(rows::value(sha, i));
                    let copy = Copy { class: hash, rank: rank.value(i), sha: hash, evidence: copies::sha(name), index: index.value(i) };
                    let marked = !conflict.is_null(i) && conflict.value(i);
                    let slot = &mut self.members[*member];
                    *slot = Member { copy, evidence, marked, ..*slot };
                }
                Ok(())
            })?;
        }
        self.identify_twins();
        Ok(())
    }

    /// A twin says what its host says, and came from elsewhere.
    fn identify_twins(&mut self) {
        let files = self.files;
        let mut host = 0;
        for i in 0..self.members.len() {
            let entry = self.members[i].entry;
            let Some(twin) = entry.twin.checked_sub(1).and_then(|n| files.rows.twins().get(n as usize)) else {
                host = i;
                continue;
            };
            let from = &twin.provenance;
            let (rank, index) = (from.copy_rank, from.record_index);
            let copy = Copy { rank, index, evidence: copies::sha(&from.evidence_id), ..self.members[host].copy };
            let evidence = self.number_of(&from.evidence_id);
            self.members[i] = Member { entry, copy, evidence, marked: self.members[host].marked };
        }
    }

    /// Where copies of one event differ in their bytes, compares what they say.
    fn classify(&mut self, canonicalise: Canonicalise) -> Result<(), StoreError> {
        let files = self.files;
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
        for (source, wanted) in files.sources.iter().zip(self.by_source(|i| differs[i])) {
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
        let mut class = Sha::default();
        for member in &mut self.members {
            if member.entry.twin == 0 {
                class = member.copy.class;
            }
            member.copy.class = class;
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
        let is_stored = |m: &Member| (m.entry.source as usize) < self.files.stored;
        let is_outdated = |m: &Member| is_stored(m) && self.replaced.contains(&self.evidence[m.evidence as usize]);
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
            if winner == i {
                if let Some(twin) = member.entry.twin.checked_sub(1).and_then(|n| self.files.rows.twins().get(n as usize)) {
                    edit.adopt.push((member.entry.row, twin.provenance.clone()));
                }
                if conflict && !member.marked {
                    edit.mark.push(member.entry.row);
                }
                continue;
            }
            let stays = member.entry.twin > 0 || group[winner].is_at(member);
            if !stays {
                edit.drop.push(member.entry.row);
            }
            // One copy read twice is one copy: it counts once among the staged, and once among the stored.
            let is_new = counted.insert((is_stored(member), member.copy.evidence, member.copy.index, member.copy.sha));
            if is_new && !copies[winner].is_same_copy(&member.copy) {
                let account = if is_stored(member) { &mut outcome.lost } else { &mut outcome.folded };
                *account.entry(self.evidence[member.evidence as usize].clone()).or_default() += 1;
            }
        }
    }
}
