//! Rows without a name: told apart by what they state (see [`ToldApart`]).
//!
//! A name of sixteen bytes for each would be half of what such a table takes on disk. So nothing is stored, and rows are compared where copies may
//! be: within a file, and between files whose row groups overlap in time and were not delivered by different sources. Of what is staged 64 bits a row
//! wait in memory; of the store the rows of these times are read. Evidence that comes in the order of time, as logs do, is hardly looked at twice.
//!
//! Of copies one stays for each source that delivered them, and for each time the record stands in one piece of evidence (its `occurrence`); the one of
//! the lowest evidence and place. So the rows of a store are a function of the set of evidence, whatever batches brought it.

mod blocks;
mod hash;
mod light;
mod recent;
mod repeats;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, RecordBatch};
use backtrail_model::names::Names;
use backtrail_model::tables::{Table, ToldApart};
use rayon::prelude::*;

use crate::reconcile::Outcome;
use crate::rewrite::{Edit, Source};
use crate::rows;
use crate::{StoreError, rewrite};
use blocks::{Block, Slice, Stretches};
use hash::{Columns, Hash};
pub(crate) use light::Lights;
use light::Met;
pub(crate) use recent::Recent;
pub(crate) use repeats::number;

/// Rows compared at a time: some 40 MB.
const ROWS_AT_ONCE: u64 = 524_288;

/// The files of one date: those in the store, then those staged.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) sources: &'a [Source],
    /// How many of them are in the store.
    pub(crate) stored: usize,
    /// What the rows of each say: of a staged one, unless they are too many to be kept in mind; of one in the store, if this process wrote it lately.
    pub(crate) lights: Vec<Option<Arc<Lights>>>,
}

impl Files<'_> {
    /// What the rows of a file say, where that is known without reading it.
    fn lights(&self, source: usize) -> Option<&Lights> {
        self.lights.get(source)?.as_deref()
    }

    /// Whether it is known that no row of a file is a copy of one of another.
    fn are_apart(&self, one: usize, other: usize) -> bool {
        self.lights(one).zip(self.lights(other)).is_some_and(|(one, other)| one.are_of_others_than(other))
    }
}

/// Settles the rows of one date. Those in the store of evidence that another version of the decoder read anew go.
pub(crate) fn settle(table: Table, apart: ToldApart, files: &Files<'_>, replaced: &HashSet<String>) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome { edits: vec![Edit::default(); files.sources.len()], ..Outcome::default() };
    for (source, edit) in files.sources.iter().zip(&mut outcome.edits).take(files.stored) {
        drop_replaced(table, source, replaced, edit)?;
    }
    if files.sources.len() == files.stored {
        // Nothing is staged on this date.
        return Ok(outcome);
    }
    let mut settling = Settling { table, apart, files, replaced, evidence: Names::default(), by: Names::default() };
    let stretches = settling.stretches()?;
    let slices = blocks::slices(&stretches, ROWS_AT_ONCE);
    let (files, rows) = (files.sources.len(), slices.iter().map(|slice| slice.rows).sum::<u64>());
    tracing::debug!(table = table.name(), files, rows, "comparing");
    let passes: Vec<(Slice, u64, u64)> = slices.iter().flat_map(|s| (0..passes(s)).map(|pass| (*s, pass, passes(s)))).collect();
    for some in passes.chunks(rayon::current_num_threads().max(1)) {
        let candidates = some.par_iter().map(|(slice, pass, of)| settling.candidates(&stretches, slice, |light| light % of == *pass));
        for candidates in candidates.collect::<Result<Vec<_>, _>>()? {
            let mut members = settling.read(&stretches, &candidates)?;
            members.sort_unstable_by_key(|m| (m.hash, m.is_stored, m.evidence, m.index));
            for group in members.chunk_by_mut(|a, b| a.hash == b.hash) {
                settling.settle(group, &mut outcome);
            }
        }
    }
    Ok(outcome)
}

/// Of a time with very many rows a part of them is compared at a time: how many there are.
fn passes(slice: &Slice) -> u64 {
    slice.rows.div_ceil(2 * ROWS_AT_ONCE).max(1)
}

fn drop_replaced(table: Table, source: &Source, replaced: &HashSet<String>, edit: &mut Edit) -> Result<(), StoreError> {
    if replaced.is_empty() {
        return Ok(());
    }
    source.scan(&["evidence_id"], None, |batch, numbers| {
        let evidence = rows::text(table, batch, "evidence_id")?;
        let gone = numbers.iter().enumerate().filter(|(row, _)| replaced.contains(rows::value(evidence, *row)));
        edit.drop.extend(gone.map(|(_, number)| *number));
        Ok(())
    })
}

/// A row that is compared with others.
#[derive(Debug, Clone, Copy)]
struct Member {
    hash: Hash,
    source: u32,
    row: u32,
    is_stored: bool,
    evidence: u32,
    index: i64,
    occurrence: i32,
    /// The same as it stands in the file.
    written: i32,
    /// What delivered it, where that is known.
    by: Option<u32>,
}

struct Settling<'a> {
    table: Table,
    apart: ToldApart,
    files: &'a Files<'a>,
    replaced: &'a HashSet<String>,
    evidence: Names,
    by: Names,
}

impl Settling<'_> {
    /// Where rows of each file may meet alike ones.
    fn stretches(&self) -> Result<Vec<Stretches>, StoreError> {
        let files = self.files;
        let blocks: Vec<Vec<Block>> = files.sources.iter().map(|s| blocks::of(s, self.apart)).collect::<Result<_, _>>()?;
        let mut spans: Vec<Vec<(i64, i64)>> = vec![Vec::new(); blocks.len()];
        for (staged, spans) in spans.iter_mut().enumerate().skip(files.stored) {
            match files.lights(staged) {
                Some(lights) => spans.extend(lights.repeated().iter().map(|time| (*time, *time))),
                None => spans.push((i64::MIN, i64::MAX)),
            }
        }
        for staged in files.stored..blocks.len() {
            for other in (0..staged).filter(|other| !files.are_apart(staged, *other)) {
                for (low, high) in blocks::meetings(&blocks[staged], &blocks[other]) {
                    spans[staged].push((low, high));
                    spans[other].push((low, high));
                }
            }
        }
        let of =
            |(number, spans): (usize, Vec<(i64, i64)>)| Stretches::of(&files.sources[number], &blocks[number], spans, files.lights(number));
        spans.into_iter().enumerate().map(of).collect()
    }

    /// The rows of a slice, by file, that may be alike to others: those of which two say the same as far as 64 bits tell, one of them staged.
    fn candidates(&self, stretches: &[Stretches], slice: &Slice, is_wanted: impl Fn(u64) -> bool) -> Result<Vec<Vec<u32>>, StoreError> {
        let twins = if passes(slice) == 1 { self.twins(stretches, slice) } else { None };
        let mut lights = match twins {
            Some(twins) => twins,
            None => self.all_lights(stretches, slice, is_wanted)?,
        };
        lights.sort_unstable();
        let mut candidates: Vec<Vec<u32>> = vec![Vec::new(); stretches.len()];
        for group in lights.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1 && !self.is_numbered(group)) {
            if group.iter().any(|(_, source, _)| *source as usize >= self.files.stored) {
                group.iter().for_each(|(_, source, row)| candidates[*source as usize].push(*row));
            }
        }
        candidates.iter_mut().for_each(|rows| rows.sort_unstable());
        Ok(candidates)
    }

    /// What the rows of a slice say, of the times at which two may say the same: rows that are alike have one time. `None` where that is not known of all of
    /// them without reading.
    fn twins(&self, stretches: &[Stretches], slice: &Slice) -> Option<Vec<(u64, u32, u32)>> {
        let mut runs: Vec<(i64, u32, Range<u32>)> = Vec::new();
        for (number, stretches) in (0u32..).zip(stretches) {
            let before = runs.len();
            runs.extend(stretches.runs_in(slice).map(|(time, rows)| (*time, number, rows.clone())));
            if runs.len() > before {
                self.files.lights(number as usize)?;
            }
        }
        runs.sort_unstable_by_key(|(time, number, rows)| (*time, *number, rows.start));
        let (mut hashes, mut met, mut twins): (Vec<u64>, Met, Vec<(u64, u32, u32)>) = Default::default();
        for of_time in runs.chunk_by(|a, b| a.0 == b.0) {
            hashes.clear();
            for (_, number, rows) in of_time {
                hashes.extend_from_slice(self.files.lights(*number as usize)?.of_rows(rows));
            }
            if met.are_any_twice(&hashes) {
                let rows = of_time.iter().flat_map(|(_, number, rows)| rows.clone().map(|row| (*number, row)));
                twins.extend(hashes.iter().zip(rows).map(|(hash, (number, row))| (*hash, number, row)));
            }
        }
        Some(twins)
    }

    /// What the rows of a slice say that are wanted by it, read where that is not known.
    fn all_lights(
        &self,
        stretches: &[Stretches],
        slice: &Slice,
        is_wanted: impl Fn(u64) -> bool,
    ) -> Result<Vec<(u64, u32, u32)>, StoreError> {
        let mut lights: Vec<(u64, u32, u32)> = Vec::new();
        for (number, (source, stretches)) in (0u32..).zip(self.files.sources.iter().zip(stretches)) {
            let rows = stretches.rows(slice);
            if let Some(known) = self.files.lights(number as usize) {
                let all = rows.into_iter().filter_map(|row| Some((known.hash(row)?, number, row)));
                lights.extend(all.filter(|(light, ..)| is_wanted(*light)));
            } else if !rows.is_empty() {
                source.scan(&stretches.filled, Some(&rows), |batch, rows| {
                    let all = hash::light(batch, self.apart).into_iter().zip(rows);
                    lights.extend(all.filter(|(light, _)| is_wanted(*light)).map(|(light, row)| (light, number, *row)));
                    Ok(())
                })?;
            }
        }
        Ok(lights)
    }

    /// Whether rows are one record of one piece of evidence over and over, and were numbered when their file was staged.
    fn is_numbered(&self, group: &[(u64, u32, u32)]) -> bool {
        let first = |(_, source, row): &(u64, u32, u32)| Some((*source, self.files.lights(*source as usize)?.first_of(*row)));
        let of_all = group.first().and_then(first);
        of_all.is_some() && group.iter().all(|row| first(row) == of_all)
    }

    /// Reads rows closely.
    fn read(&mut self, stretches: &[Stretches], candidates: &[Vec<u32>]) -> Result<Vec<Member>, StoreError> {
        let (table, apart, files) = (self.table, self.apart, self.files);
        let mut members = Vec::new();
        for (number, ((source, stretches), numbers)) in (0..).zip(files.sources.iter().zip(stretches).zip(candidates)) {
            if numbers.is_empty() {
                continue;
            }
            let mut columns: Vec<&str> = stretches.filled.clone();
            columns.extend([apart.by, "evidence_id", "record_index", rewrite::OCCURRENCE]);
            let mut hashes = Vec::new();
            source.scan(&columns, Some(numbers), |batch, numbers| {
                Columns::of(batch, apart).hash(&mut hashes);
                let (evidence, by) = (rows::text(table, batch, "evidence_id")?, rows::text(table, batch, apart.by)?);
                let (index, occurrence) = (rows::long(table, batch, "record_index")?, rows::int(table, batch, rewrite::OCCURRENCE)?);
                for (row, (hash, at)) in hashes.iter().zip(numbers).enumerate() {
                    members.push(Member {
                        hash: *hash,
                        source: number,
                        row: *at,
                        is_stored: (number as usize) < files.stored,
                        evidence: self.evidence.number(rows::value(evidence, row)),
                        index: index.value(row),
                        occurrence: occurrence.value(row),
                        written: occurrence.value(row),
                        by: by.is_valid(row).then(|| self.by.number(by.value(row))),
                    });
                }
                Ok(())
            })?;
        }
        Ok(members)
    }

    /// Settles rows that state the same: those staged, then those in the store, each by evidence and place.
    fn settle(&self, group: &mut [Member], outcome: &mut Outcome) {
        if group.len() < 2 {
            return;
        }
        let staged = group.iter().take_while(|m| !m.is_stored).count();
        let (staged, stored) = group.split_at_mut(staged);
        self.number(staged, outcome);
        let is_outdated = |m: &&Member| self.replaced.contains(self.evidence.text(m.evidence));
        let mut stored: Vec<Member> = stored.iter().filter(|m| !is_outdated(m)).copied().collect();
        self.rename(&mut stored, staged, outcome);
        let known: HashSet<(u32, i32)> = stored.iter().map(|m| (m.evidence, m.occurrence)).collect();
        let mut again: HashSet<(u32, i32)> = HashSet::new();
        let mut rivals: HashMap<i32, Vec<Member>> = HashMap::new();
        for member in staged.iter().filter(|m| m.occurrence >= 0) {
            if known.contains(&(member.evidence, member.occurrence)) {
                // The same record read again.
                outcome.edits[member.source as usize].drop.push(member.row);
                again.insert((member.evidence, member.occurrence));
            } else {
                rivals.entry(member.occurrence).or_default().push(*member);
            }
        }
        for member in stored {
            rivals.entry(member.occurrence).or_default().push(member);
        }
        for (occurrence, rivals) in rivals {
            self.choose(occurrence, &rivals, &again, outcome);
        }
    }

    /// Numbers equal records of one piece of evidence by their order there. What was read twice is one: that of the least source stays, the other goes
    /// and is marked by -1.
    fn number(&self, staged: &mut [Member], outcome: &mut Outcome) {
        staged.sort_by(|a, b| (a.evidence, a.index).cmp(&(b.evidence, b.index)).then_with(|| self.order(a).cmp(&self.order(b))));
        for of_evidence in staged.chunk_by_mut(|a, b| a.evidence == b.evidence) {
            let (mut next, mut last) = (0, None);
            for member in of_evidence {
                if last == Some(member.index) {
                    member.occurrence = -1;
                    outcome.edits[member.source as usize].drop.push(member.row);
                    continue;
                }
                last = Some(member.index);
                member.occurrence = next;
                next += 1;
            }
        }
    }

    /// Evidence may be read again under another name, which says another source: the least that any says stands, whichever was met first.
    fn rename(&self, stored: &mut Vec<Member>, staged: &[Member], outcome: &mut Outcome) {
        let is_renamed = |old: &Member| {
            staged.iter().any(|new| (new.evidence, new.occurrence) == (old.evidence, old.occurrence) && self.order(new) < self.order(old))
        };
        stored.retain(|old| {
            let stays = !is_renamed(old);
            if !stays {
                outcome.edits[old.source as usize].drop.push(old.row);
            }
            stays
        });
    }

    /// Sources in order; an unknown one comes last.
    fn order(&self, member: &Member) -> (bool, &str) {
        (member.by.is_none(), member.by.map_or("", |by| self.by.text(by)))
    }

    /// Of the copies of one record, leaves one for each source that delivered it; one of all where no source is known.
    /// Of those in the store that were read `again` both readings count.
    fn choose(&self, occurrence: i32, rivals: &[Member], again: &HashSet<(u32, i32)>, outcome: &mut Outcome) {
        let sources: BTreeSet<Option<u32>> = rivals.iter().map(|m| m.by).collect();
        let is_any_known = sources.iter().any(Option::is_some);
        let place = |m: &Member| (self.evidence.text(m.evidence), m.index);
        for by in sources {
            let shown = rivals.iter().filter(|m| m.by == by && (by.is_some() || !is_any_known)).min_by(|a, b| place(a).cmp(&place(b)));
            for member in rivals.iter().filter(|m| m.by == by) {
                let edit = &mut outcome.edits[member.source as usize];
                if shown.is_some_and(|s| (s.source, s.row) == (member.source, member.row)) {
                    if !member.is_stored && occurrence != member.written {
                        edit.number.push((member.row, occurrence));
                    }
                    continue;
                }
                edit.drop.push(member.row);
                let evidence = || self.evidence.text(member.evidence).to_owned();
                if member.is_stored {
                    *outcome.lost.entry(evidence()).or_default() += 1;
                }
                if !member.is_stored || again.contains(&(member.evidence, member.occurrence)) {
                    *outcome.folded.entry(evidence()).or_default() += 1;
                }
            }
        }
    }
}

/// Whether a column of a file has any value.
fn is_filled(batch: &RecordBatch, name: &str) -> bool {
    batch.column_by_name(name).is_some_and(|column| column.null_count() < column.len())
}

/// A text column's bytes, in whichever of the layouts rows wait or are read in.
fn bytes(column: &dyn Array, row: usize) -> Option<&[u8]> {
    if let Some(text) = column.as_string_opt::<i32>() {
        return Some(text.value(row).as_bytes());
    }
    if let Some(texts) = column.as_dictionary_opt::<UInt16Type>() {
        return bytes(texts.values().as_ref(), usize::from(texts.keys().value(row)));
    }
    column.as_binary_view_opt().map(|views| views.value(row))
}
