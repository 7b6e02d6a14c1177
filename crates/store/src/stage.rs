//! From a full buffer to a staged file: rows sorted, copies of one event folded, encoded, written.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow_array::{Array, BinaryArray, BinaryViewArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use backtrail_model::tables::Table;

use crate::alike::{self, Lights};
use crate::batch::lock;
use crate::copies::{self, Comparison, Copy, Key, Statements};
use crate::encode::Part;
use crate::rows::{self, Place};
use crate::staged_rows::{Admission, StagedRows};
use crate::{StoreError, columns};

/// A file written but in no log.
#[derive(Debug, Clone)]
pub(crate) struct StagedPart {
    pub(crate) part: Part,
    /// Its number among the staged files of its table and date, where the table folds copies.
    pub(crate) slot: u32,
    /// Where rows are told apart by what they state: what each says.
    pub(crate) lights: Option<Arc<Lights>>,
}

/// Copies not shown, by evidence.
pub(crate) type Folded = HashMap<String, i64>;

/// Where a staged file goes.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) table: Table,
    pub(crate) dir: &'a Path,
    pub(crate) name: String,
    pub(crate) event_date: Option<String>,
    /// Whether what its rows say is kept in memory.
    pub(crate) has_lights: bool,
    /// Threads that write it.
    pub(crate) threads: usize,
}

/// Writes the rows of a buffer as one staged file; no file where a copy of every row is staged already.
pub(crate) fn stage(
    target: Target<'_>,
    mut batches: Vec<RecordBatch>,
    compare: Comparison,
    staged: &Mutex<StagedRows>,
) -> Result<(Option<StagedPart>, Folded), StoreError> {
    let table = target.table;
    let mut places = rows::sorted(table, &batches)?;
    let (mut slot, mut folded) = (0, Folded::new());
    if table.is_deduplicated() {
        let ids: Vec<Identity<'_>> = batches.iter().map(|b| Identity::of(table, b)).collect::<Result<_, _>>()?;
        fold(&mut places, &ids, compare, &mut folded);
        slot = admit(&mut places, &ids, &mut lock(staged));
    }
    if places.is_empty() {
        return Ok((None, folded));
    }
    let apart = table.told_apart().filter(|_| target.has_lights);
    let mut lights = apart.map(|apart| Lights::of(table, apart, &batches, &places)).transpose()?;
    if let Some((apart, lights)) = apart.zip(lights.as_mut()) {
        alike::number(table, apart, &mut batches, &places, lights)?;
    }
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    let part = columns::write(Part::create(table, target.dir, target.name, target.event_date)?, &sources, &places, target.threads)?;
    Ok((Some(StagedPart { part, slot, lights: lights.map(Arc::new) }), folded))
}

/// Leaves the rows no copy of which is staged; the others leave their provenance. Returns the slot of the file these rows are of.
fn admit(places: &mut Vec<Place>, columns: &[Identity<'_>], staged: &mut StagedRows) -> u32 {
    let slot = staged.begin_file(places.len());
    places.retain(|place| {
        let (of, row) = (&columns[place.batch as usize], place.row as usize);
        let sha = copies::sha(rows::value(of.sha, row));
        let time = of.time.is_valid(row).then(|| of.time.value(row));
        match staged.admit(&of.key(row), &sha, of.is_extract(row), time) {
            Admission::New => true,
            Admission::Twin(host) => {
                let (evidence, form) = (rows::value(of.evidence, row), rows::value(of.form, row));
                staged.add_twin(host, evidence, of.index.value(row), of.rank.value(row), form);
                false
            }
        }
    });
    slot
}

/// The columns that identify a copy, of one batch.
struct Identity<'a> {
    time: &'a TimestampMicrosecondArray,
    form: &'a StringArray,
    key: &'a BinaryArray,
    sha: &'a StringArray,
    rank: &'a Int32Array,
    evidence: &'a StringArray,
    index: &'a Int64Array,
    raw: &'a BinaryViewArray,
}

impl<'a> Identity<'a> {
    fn of(table: Table, batch: &'a RecordBatch) -> Result<Self, StoreError> {
        let identity = Self {
            time: rows::time(table, batch, "event_time")?,
            form: rows::text(table, batch, "raw_form")?,
            key: rows::binary(table, batch, "dedupe_key")?,
            sha: rows::text(table, batch, "record_sha256")?,
            rank: rows::int(table, batch, "copy_rank")?,
            evidence: rows::text(table, batch, "evidence_id")?,
            index: rows::long(table, batch, "record_index")?,
            raw: rows::views(table, batch, "raw")?,
        };
        if identity.key.null_count() > 0 {
            return Err(StoreError::rows(table, "a row has no dedupe_key"));
        }
        Ok(identity)
    }

    fn key(&self, row: usize) -> Key {
        copies::key(self.key.value(row))
    }

    fn is_extract(&self, row: usize) -> bool {
        copies::is_extract(rows::value(self.form, row))
    }

    /// A copy, as if its class were its bytes.
    fn copy(&self, row: usize) -> Copy {
        let sha = copies::sha(rows::value(self.sha, row));
        Copy {
            class: sha,
            rank: self.rank.value(row),
            sha,
            is_extract: self.is_extract(row),
            evidence: copies::sha(rows::value(self.evidence, row)),
            index: self.index.value(row),
        }
    }
}

/// Leaves of neighbouring copies of an event those that are shown.
///
/// Copies share time and id, so sorting brought nearly all together; what stays apart the commit settles. Folding here
/// spares overlapping evidence read in one run the second writing.
fn fold(places: &mut Vec<Place>, columns: &[Identity<'_>], compare: Comparison, folded: &mut Folded) {
    let key = |p: &Place| columns[p.batch as usize].key.value(p.row as usize);
    let mut kept = Vec::new();
    let mut done = 0;
    let mut start = 0;
    while start < places.len() {
        let mut end = start + 1;
        while end < places.len() && key(&places[end]) == key(&places[start]) {
            end += 1;
        }
        if end - start > 1 {
            kept.extend_from_slice(&places[done..start]);
            fold_run(&places[start..end], columns, compare, folded, &mut kept);
            done = end;
        }
        start = end;
    }
    if done > 0 {
        kept.extend_from_slice(&places[done..]);
        *places = kept;
    }
}

fn fold_run(run: &[Place], columns: &[Identity<'_>], compare: Comparison, folded: &mut Folded, kept: &mut Vec<Place>) {
    let of = |p: &Place| (&columns[p.batch as usize], p.row as usize);
    let mut copies: Vec<Copy> = run.iter().map(of).map(|(columns, row)| columns.copy(row)).collect();
    let mut statements = Statements::default();
    if copies.iter().any(|c| !c.has_content_of(&copies[0])) {
        for (copy, (columns, row)) in copies.iter_mut().zip(run.iter().map(of)) {
            copy.class = statements.take(rows::utf8(columns.raw, row), copy, compare);
        }
    }
    let best = copies::shown(&copies, &statements.covered(compare));
    let mut counted = HashSet::new();
    for (i, place) in run.iter().enumerate() {
        let winner = best.get(&copies[i].class);
        let is_winner_read_twice = winner.is_some_and(|w| copies[*w].is_same_copy(&copies[i]));
        if winner == Some(&i) {
            kept.push(*place);
        } else if counted.insert((copies[i].evidence, copies[i].index, copies[i].sha)) && !is_winner_read_twice {
            let (columns, row) = of(place);
            *folded.entry(rows::value(columns.evidence, row).to_owned()).or_default() += 1;
        }
    }
}
