//! Duplicates of one table: the staged rows against each other and against those in the store.
//!
//! Staged rows are known by their keys (see [`crate::staged_rows`]); which of the stored ones they meet was sought before (see
//! [`crate::across`]). Dates are settled each on its own, and then the few events that have copies on several. Only copies that
//! meet are read closely, a bounded number at a time. The outcome depends on the copies alone (see [`crate::copies`]); the rows
//! of a store are therefore the same whatever batches brought them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow_array::Array;
use backtrail_model::tables::Table;

use crate::across::Hit;
use crate::copies::{self, Comparison, Copy, Key, Sha, Statements};
use crate::rewrite::{Edit, Source};
use crate::stage::Folded;
use crate::staged_rows::{StagedRow, StagedRows, Twin};
use crate::{StoreError, rows};

/// Copies read closely at a time: some 40 MB.
const COPIES_AT_ONCE: usize = 262_144;
/// Different statements compared at a time: as many records are in memory wherever rows are read whole.
const STATEMENTS_AT_ONCE: usize = 8_192;

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
    pub(crate) sources: Vec<Source>,
    /// The rows of each source in the store whose event is staged: there are as many as sources in the store.
    pub(crate) hits: Vec<&'a [Hit]>,
    /// The slot of each staged source.
    pub(crate) slots: Vec<u32>,
    /// Absent where nothing is staged on that date.
    pub(crate) rows: Option<&'a StagedRows>,
}

/// Which events to settle.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    AllBut(&'a HashSet<Key>),
    Only(&'a HashSet<Key>),
}

impl Wanted<'_> {
    fn has(&self, key: &Key) -> bool {
        match self {
            Self::AllBut(others) => !others.contains(key),
            Self::Only(these) => these.contains(key),
        }
    }
}

/// What is settled together: the files of some dates, one after the other.
#[derive(Debug)]
struct Field<'a> {
    table: Table,
    sources: Vec<&'a Source>,
    is_stored: Vec<bool>,
    twins: Vec<&'a Twin>,
}

impl<'a> Field<'a> {
    fn twin(&self, entry: &Entry) -> Option<&'a Twin> {
        entry.twin.checked_sub(1).and_then(|n| self.twins.get(n as usize)).copied()
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What settling found.
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

/// Settles copies on some dates; the edits are of their sources, one after the other.
pub(crate) fn reconcile(
    table: Table,
    dates: &[Files<'_>],
    wanted: Wanted<'_>,
    replaced: &HashSet<String>,
    compare: Comparison,
) -> Result<Outcome, StoreError> {
    let mut field = Field { table, sources: Vec::new(), is_stored: Vec::new(), twins: Vec::new() };
    let mut entries = Vec::new();
    for files in dates {
        meeting(files, wanted, &mut field, &mut entries);
    }
    entries.sort_unstable();
    entries.dedup();
    let mut outcome = Outcome { edits: vec![Edit::default(); field.sources.len()], ..Outcome::default() };
    let mut chunk: Vec<&[Entry]> = Vec::new();
    let mut size = 0;
    for group in entries.chunk_by(|a, b| a.key == b.key) {
        if size + group.len() > COPIES_AT_ONCE && !chunk.is_empty() {
            Settling::of(&field, replaced, compare, &chunk)?.into(&mut outcome);
            chunk.clear();
            size = 0;
        }
        chunk.push(group);
        size += group.len();
    }
    if !chunk.is_empty() {
        Settling::of(&field, replaced, compare, &chunk)?.into(&mut outcome);
    }
    Ok(outcome)
}

/// Adds the files of a date to the field, and their copies whose event has another copy to the entries.
fn meeting<'a>(files: &'a Files<'a>, wanted: Wanted<'_>, field: &mut Field<'a>, entries: &mut Vec<Entry>) {
    let (base, stored) = (field.sources.len(), files.hits.len());
    field.sources.extend(&files.sources);
    field.is_stored.extend((0..files.sources.len()).map(|i| i < stored));
    // A slot without a source has no rows.
    let sources: HashMap<u32, u32> = files.slots.iter().enumerate().map(|(i, slot)| (*slot, number(base + stored + i))).collect();
    let staged = |row: StagedRow, key: Key, twin: usize| {
        sources.get(&row.slot).map(|source| Entry { key, source: *source, row: row.row, twin: number(twin) })
    };
    if let Some(rows) = files.rows {
        match wanted {
            Wanted::AllBut(_) => {
                let met = rows.meeting().map(|row| (row, rows.key(row))).filter(|(_, key)| wanted.has(key));
                entries.extend(met.filter_map(|(row, key)| staged(row, key, 0)));
            }
            Wanted::Only(keys) => {
                entries.extend(keys.iter().flat_map(|key| rows.of_event(key).filter_map(|row| staged(row, *key, 0))));
            }
        }
        for twin in rows.twins() {
            let key = rows.key(twin.host);
            if wanted.has(&key) {
                field.twins.push(twin);
                entries.extend(staged(twin.host, key, field.twins.len()));
            }
        }
    }
    for (i, hits) in files.hits.iter().enumerate() {
        for (row, key) in hits.iter().filter(|(_, key)| wanted.has(key)) {
            entries.push(Entry { key: *key, source: number(base + i), row: *row, twin: 0 });
            let here = files.rows.into_iter().flat_map(|rows| rows.of_event(key));
            entries.extend(here.filter_map(|row| staged(row, *key, 0)));
        }
    }
}

/// Copies of some events, read closely.
struct Settling<'a> {
    field: &'a Field<'a>,
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
    /// Whether another copy states all that this one does, and more.
    covered: bool,
}

impl Member {
    /// Whether both stand in one row.
    fn is_at(&self, other: &Self) -> bool {
        (self.entry.source, self.entry.row) == (other.entry.source, other.entry.row)
    }
}

impl<'a> Settling<'a> {
    fn of(field: &'a Field<'a>, replaced: &'a HashSet<String>, compare: Comparison, groups: &[&[Entry]]) -> Result<Self, StoreError> {
        let blank = Copy { class: [0; 32], rank: 0, sha: [0; 32], is_extract: false, evidence: [0; 32], index: 0 };
        let member = |entry: &Entry| Member { entry: *entry, copy: blank, evidence: 0, marked: false, covered: false };
        let members: Vec<Member> = groups.iter().flat_map(|g| g.iter()).map(member).collect();
        let groups = groups.iter().map(|g| g.len()).collect();
        let mut settling = Settling { field, members, groups, evidence: Vec::new(), numbers: HashMap::new(), replaced };
        settling.identify()?;
        settling.classify(compare)?;
        settling.cover(compare)?;
        Ok(settling)
    }

    /// The written members that `wanted` names, by source, each with its row, ascending.
    fn by_source(&self, wanted: impl Fn(usize) -> bool) -> Vec<Vec<(u32, usize)>> {
        let mut by_source = vec![Vec::new(); self.field.sources.len()];
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
        const COLUMNS: &[&str] = &["record_sha256", "raw_form", "copy_rank", "evidence_id", "record_index", "id_conflict"];
        let field = self.field;
        for (source, wanted) in field.sources.iter().zip(self.by_source(|_| true)) {
            if wanted.is_empty() {
                continue;
            }
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut next = wanted.iter();
            source.scan(COLUMNS, Some(&numbers), |batch, _| {
                let table = field.table;
                let (sha, evidence) = (rows::text(table, batch, "record_sha256")?, rows::text(table, batch, "evidence_id")?);
                let (rank, index) = (rows::int(table, batch, "copy_rank")?, rows::long(table, batch, "record_index")?);
                let (form, conflict) = (rows::text(table, batch, "raw_form")?, rows::boolean(table, batch, "id_conflict")?);
                for (i, (_, member)) in (0..batch.num_rows()).zip(next.by_ref()) {
                    let name = rows::value(evidence, i);
                    let evidence = self.number_of(name);
                    let hash = copies::sha(rows::value(sha, i));
                    let copy = Copy {
                        class: hash,
                        rank: rank.value(i),
                        sha: hash,
                        is_extract: copies::is_extract(rows::value(form, i)),
                        evidence: copies::sha(name),
                        index: index.value(i),
                    };
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
        let mut host = 0;
        for i in 0..self.members.len() {
            let entry = self.members[i].entry;
            let Some(twin) = self.field.twin(&entry) else {
                host = i;
                continue;
            };
            let from = &twin.provenance;
            let (rank, index) = (from.copy_rank, from.record_index);
            let copy = Copy { rank, index, evidence: copies::sha(&from.evidence_id), ..self.members[host].copy };
            let evidence = self.number_of(&from.evidence_id);
            self.members[i] = Member { entry, copy, evidence, ..self.members[host] };
        }
    }

    /// The members of each group.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let range = |length: &usize| {
            start += length;
            start - length..start
        };
        self.groups.iter().map(range).collect()
    }

    /// Hands out the records of written members.
    fn read(&mut self, wanted: impl Fn(usize) -> bool, mut each: impl FnMut(usize, &mut Member, &str)) -> Result<(), StoreError> {
        let field = self.field;
        for (source, wanted) in field.sources.iter().zip(self.by_source(wanted)) {
            if wanted.is_empty() {
                continue;
            }
            let numbers: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            let mut next = wanted.iter();
            source.scan(&["raw"], Some(&numbers), |batch, _| {
                let raw = rows::text(field.table, batch, "raw")?;
                for (i, (_, member)) in (0..batch.num_rows()).zip(next.by_ref()) {
                    each(*member, &mut self.members[*member], rows::value(raw, i));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Lets twins be of the class of their hosts.
    fn follow_hosts(&mut self) {
        let (mut class, mut covered) = (Sha::default(), false);
        for member in &mut self.members {
            if member.entry.twin == 0 {
                (class, covered) = (member.copy.class, member.covered);
            }
            (member.copy.class, member.covered) = (class, covered);
        }
    }

    /// Where copies of one event differ in their bytes, compares what they state.
    fn classify(&mut self, compare: Comparison) -> Result<(), StoreError> {
        let mut differs = vec![false; self.members.len()];
        for group in self.ranges() {
            let first = self.members[group.start].copy;
            if self.members[group.clone()].iter().any(|m| !m.copy.has_content_of(&first)) {
                differs[group].fill(true);
            }
        }
        self.read(|i| differs[i], |_, member, raw| member.copy.class = copies::class_of(raw, &member.copy, compare))?;
        self.follow_hosts();
        Ok(())
    }

    /// Where copies of one event state different things, finds those that state a part of what another does.
    fn cover(&mut self, compare: Comparison) -> Result<(), StoreError> {
        // One member for each class of an event that has several.
        let mut contested: Vec<Vec<usize>> = Vec::new();
        for group in self.ranges() {
            let mut classes = HashSet::new();
            let first: Vec<usize> = group.filter(|i| classes.insert(self.members[*i].copy.class)).collect();
            contested.extend((first.len() > 1).then_some(first));
        }
        // By place, since what stands together is read together.
        contested.sort_unstable_by_key(|first| (self.members[first[0]].entry.source, self.members[first[0]].entry.row));
        let mut rest = contested.as_slice();
        while !rest.is_empty() {
            let mut count = 0;
            let mut fits = |first: &Vec<usize>| {
                count += first.len();
                count <= STATEMENTS_AT_ONCE
            };
            let some;
            (some, rest) = rest.split_at(rest.iter().take_while(|f| fits(f)).count().max(1));
            self.cover_some(some, compare)?;
        }
        self.follow_hosts();
        Ok(())
    }

    fn cover_some(&mut self, contested: &[Vec<usize>], compare: Comparison) -> Result<(), StoreError> {
        let event_of: HashMap<usize, usize> =
            contested.iter().enumerate().flat_map(|(event, first)| first.iter().map(move |i| (*i, event))).collect();
        let mut statements: Vec<Statements> = contested.iter().map(|_| Statements::default()).collect();
        self.read(
            |i| event_of.contains_key(&i),
            |i, member, raw| {
                if let Some(event) = event_of.get(&i) {
                    statements[*event].take(raw, &member.copy, compare);
                }
            },
        )?;
        let ranges = self.ranges();
        for (first, statements) in contested.iter().zip(statements) {
            let covered = statements.covered(compare);
            let group = ranges.partition_point(|range| range.end <= first[0]);
            for member in &mut self.members[ranges[group].clone()] {
                member.covered = covered.contains(&member.copy.class);
            }
        }
        Ok(())
    }

    fn into(self, outcome: &mut Outcome) {
        for group in self.ranges() {
            self.settle(&self.members[group], outcome);
        }
    }

    fn settle(&self, group: &[Member], outcome: &mut Outcome) {
        // Of one copy read twice the stored reading stays, unless another version of the decoder read it anew.
        let is_stored = |m: &Member| self.field.is_stored[m.entry.source as usize];
        let is_outdated = |m: &Member| is_stored(m) && self.replaced.contains(&self.evidence[m.evidence as usize]);
        let mut group = group.to_vec();
        group.sort_by_key(is_outdated);
        let copies: Vec<Copy> = group.iter().map(|m| m.copy).collect();
        let covered = group.iter().filter(|m| m.covered).map(|m| m.copy.class).collect();
        let best = copies::shown(&copies, &covered);
        let conflict = best.len() > 1;
        outcome.conflicts += u64::from(conflict);
        let mut counted = HashSet::new();
        for (i, member) in group.iter().enumerate() {
            let winner = best.get(&member.copy.class).copied();
            let edit = &mut outcome.edits[member.entry.source as usize];
            if winner == Some(i) {
                if let Some(twin) = self.field.twin(&member.entry) {
                    edit.adopt.push((member.entry.row, twin.provenance.clone()));
                }
                if conflict && !member.marked {
                    edit.mark.push(member.entry.row);
                }
                continue;
            }
            let stays = member.entry.twin > 0 || winner.is_some_and(|w| group[w].is_at(member));
            if !stays {
                edit.drop.push(member.entry.row);
            }
            // One copy read twice is one copy: it counts once among the staged, and once among the stored.
            let is_new = counted.insert((is_stored(member), member.copy.evidence, member.copy.index, member.copy.sha));
            if is_new && !winner.is_some_and(|w| copies[w].is_same_copy(&member.copy)) {
                let account = if is_stored(member) { &mut outcome.lost } else { &mut outcome.folded };
                *account.entry(self.evidence[member.evidence as usize].clone()).or_default() += 1;
            }
        }
    }
}
