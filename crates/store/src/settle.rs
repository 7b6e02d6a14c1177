//! What a batch changes in a store: its rows against those that are there, and the ledger's account of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use backtrail_model::evidence::{Counts, EvidenceRow};
use backtrail_model::tables::{Table, ToldApart};
use deltalake::kernel::Add;

use rayon::prelude::*;

use crate::across::{Meetings, StagedDate, seek};
use crate::alike::{self, Recent};
use crate::batch::{Finished, lock};
use crate::copies::Comparison;
use crate::encode::{Part, PartWriter};
use crate::layout;
use crate::ledger::{self, LedgerKey, key_of};
use crate::log::{Change, LogFile, add_of};
use crate::reconcile::{Files, Outcome, Wanted, reconcile};
use crate::rewrite::{Destination, Edit, Source, rewrite};
use crate::stage::{Folded, StagedPart};
use crate::store::Moment;
use crate::unique::unique;
use crate::{Batch, StoreError};

/// What to commit, and what to report of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order in which tables are committed.
    pub(crate) changes: Vec<(Table, Change)>,
    pub(crate) ledger: LedgerChange,
    pub(crate) evidence: Vec<EvidenceRow>,
    pub(crate) conflicts: u64,
    /// Staged files of which a rewritten one takes the place, or nothing.
    pub(crate) superseded: Vec<Part>,
}

/// Rows of the ledger that take the place of those in the files `remove`. They add up already, and may be written while data is published.
#[derive(Debug, Default)]
pub(crate) struct LedgerChange {
    rows: Vec<EvidenceRow>,
    remove: Vec<Add>,
}

impl LedgerChange {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes its file.
    pub(crate) fn write(self, batch: &Batch) -> Result<Change, StoreError> {
        if self.is_empty() {
            return Ok(Change::default());
        }
        let part = write_ledger(batch, &self.rows)?;
        Ok(Change { add: vec![add_of(&part, batch.options.now)], remove: self.remove, rearranges_only: false })
    }
}

/// Works out what a batch changes. Writes files, commits nothing.
pub(crate) fn settle(batch: &Batch, finished: &Finished, moment: &Moment) -> Result<Plan, StoreError> {
    let staged = lock(&batch.staged);
    let readings = Readings::gather(finished, moment)?;
    let mut tally = Tally { folded: staged.folded.clone(), ..Tally::default() };
    let held = lock(&batch.staged_rows);
    let held = &*held;
    let of_table = |table: Table| {
        let files = moment.table(table).map_or(&[][..], |s| &s.files);
        let mut counted = Tally::default();
        let dates = if table.is_deduplicated() {
            let rows: Vec<_> = held.iter().filter(|((t, _), _)| *t == table).map(|((_, date), rows)| (date, lock(rows))).collect();
            let rows: Vec<StagedDate<'_>> = rows.iter().map(|(date, rows)| StagedDate { event_date: date.as_deref(), rows }).collect();
            let scope = Scope { table, parts: &staged.parts, files, rows: &rows };
            settle_copies(batch.options.compare, &scope, &readings.replaced, &mut counted)?
        } else if let Some(apart) = table.told_apart() {
            let dates = dates_of(table, &staged.parts, files, |_| !readings.replaced.is_empty());
            let settle = |date: &Date<'_>| date.settle_alike(apart, &readings.replaced, batch.store.recent());
            let settled = dates.par_iter().map(settle).collect::<Result<Vec<_>, _>>()?;
            dates.into_iter().zip(settled).map(|(date, outcome)| (date, counted.take(outcome))).collect()
        } else {
            let dates = dates_of(table, &staged.parts, files, |_| !readings.replaced.is_empty());
            let edits = |date: &Date<'_>| unique(table, &date.sources(), date.stored.len(), &readings);
            let edits = dates.par_iter().map(edits).collect::<Result<Vec<_>, _>>()?;
            dates.into_iter().zip(edits).collect()
        };
        // What is settled the same in a table beside that of events counts once.
        let counted = if table.counts_records() { counted } else { Tally::default() };
        Ok(((table, dates), counted))
    };
    let tables: Vec<Table> = Table::ALL.into_iter().filter(|t| *t != Table::Evidence).collect();
    let (settled, counted): (Vec<_>, Vec<Tally>) =
        tables.into_par_iter().map(of_table).collect::<Result<Vec<_>, StoreError>>()?.into_iter().unzip();
    for table in counted {
        tally.add(table);
    }
    // The counts are known: the ledger is worked out while files are written.
    let (written, account) = rayon::join(|| write(batch, settled), || account(readings, finished, &tally, moment));
    let (Written { changes, superseded }, Account { ledger, evidence }) = (written?, account?);
    Ok(Plan { changes, ledger, evidence, conflicts: tally.conflicts, superseded })
}

/// A date of a table, and what changes in each of its files.
type Settled<'a> = (Date<'a>, Vec<Edit>);

/// What writing the files that change leads to.
#[derive(Default)]
struct Written {
    changes: Vec<(Table, Change)>,
    superseded: Vec<Part>,
}

/// Writes the files that change.
fn write(batch: &Batch, settled: Vec<(Table, Vec<Settled<'_>>)>) -> Result<Written, StoreError> {
    let of_table = |(table, dates): (Table, Vec<Settled<'_>>)| {
        let written = dates.into_par_iter().map(|(date, edits)| date.write(batch, edits)).collect::<Result<Vec<_>, _>>();
        written.map(|written| (table, written))
    };
    let tables = settled.into_par_iter().map(of_table).collect::<Result<Vec<_>, StoreError>>()?;
    let mut all = Written::default();
    for (table, dates) in tables {
        let mut change = Change::default();
        for mut date in dates {
            change.add.append(&mut date.change.add);
            change.remove.append(&mut date.change.remove);
            all.superseded.append(&mut date.superseded);
        }
        all.changes.push((table, change));
    }
    Ok(all)
}

/// What a batch does to the counts.
#[derive(Debug, Default)]
struct Tally {
    /// Copies of the batch's evidence that are not shown.
    folded: Folded,
    /// Rows of earlier evidence that are shown no more.
    lost: Folded,
    conflicts: u64,
}

impl Tally {
    fn add(&mut self, more: Self) {
        merge(&mut self.folded, more.folded);
        merge(&mut self.lost, more.lost);
        self.conflicts += more.conflicts;
    }

    /// Counts what settling found, and hands out its edits.
    fn take(&mut self, outcome: Outcome) -> Vec<Edit> {
        let Outcome { edits, folded, lost, conflicts, .. } = outcome;
        self.add(Self { folded, lost, conflicts });
        edits
    }
}

fn merge(all: &mut Folded, more: Folded) {
    for (evidence, count) in more {
        *all.entry(evidence).or_default() += count;
    }
}

/// A table in which copies are settled.
struct Scope<'a, 'r> {
    table: Table,
    parts: &'a [StagedPart],
    files: &'a [LogFile],
    rows: &'r [StagedDate<'r>],
}

/// Settles each date, and then the events that have copies on several.
fn settle_copies<'a>(
    compare: Comparison,
    scope: &Scope<'a, '_>,
    replaced: &HashSet<String>,
    tally: &mut Tally,
) -> Result<Vec<Settled<'a>>, StoreError> {
    let &Scope { table, parts, files, rows } = scope;
    let Meetings { hits, across } = seek(table, rows, files)?;
    let dates = dates_of(table, parts, files, |file| hits[file].iter().any(|(_, key)| across.contains(key)));
    let files_of = |date: &Date<'_>| Files {
        sources: date.sources(),
        hits: date.stored.iter().map(|(number, _)| hits[*number].as_slice()).collect(),
        slots: date.staged.iter().map(|p| p.slot).collect(),
        rows: rows.iter().find(|r| r.event_date == date.event_date.as_deref()).map(|r| r.rows),
    };
    let files: Vec<Files<'_>> = dates.iter().map(files_of).collect();
    let settle = |files: &[Files<'_>], wanted| reconcile(table, files, wanted, replaced, compare);
    let settled: Vec<Outcome> =
        files.par_iter().map(|files| settle(std::slice::from_ref(files), Wanted::AllBut(&across))).collect::<Result<_, _>>()?;
    let mut edits: Vec<Vec<Edit>> = settled.into_iter().map(|outcome| tally.take(outcome)).collect();
    if !across.is_empty() {
        let more = tally.take(settle(&files, Wanted::Only(&across))?);
        edits.iter_mut().flatten().zip(more).for_each(|(edit, more)| edit.join(more));
    }
    Ok(dates.into_iter().zip(edits).collect())
}

/// The files of one date of a table.
struct Date<'a> {
    table: Table,
    event_date: Option<String>,
    staged: Vec<&'a StagedPart>,
    /// Each with its number among the files of the table.
    stored: Vec<(usize, &'a LogFile)>,
}

/// What settling a date changes.
#[derive(Default)]
struct DateWritten {
    change: Change,
    superseded: Vec<Part>,
}

/// The dates for which something is staged, and those of other files in the store that `concerns` names by their numbers.
fn dates_of<'a>(table: Table, staged: &'a [StagedPart], files: &'a [LogFile], concerns: impl Fn(usize) -> bool) -> Vec<Date<'a>> {
    let mut dates: BTreeMap<Option<String>, Date<'a>> = BTreeMap::new();
    let new = |event_date: &Option<String>| Date { table, event_date: event_date.clone(), staged: Vec::new(), stored: Vec::new() };
    for part in staged.iter().filter(|p| p.part.table == table) {
        dates.entry(part.part.event_date.clone()).or_insert_with(|| new(&part.part.event_date)).staged.push(part);
    }
    for (number, file) in files.iter().enumerate() {
        if let Some(date) = dates.get_mut(&file.data.event_date) {
            date.stored.push((number, file));
        } else if concerns(number) {
            dates.entry(file.data.event_date.clone()).or_insert_with(|| new(&file.data.event_date)).stored.push((number, file));
        }
    }
    dates.into_values().collect()
}

impl Date<'_> {
    fn sources(&self) -> Vec<Source> {
        let stored = self.stored.iter().map(|(_, file)| file.source(self.table));
        stored.chain(self.staged.iter().map(|staged| staged.part.source())).collect()
    }

    /// Settles rows that are told apart by what they state.
    fn settle_alike(&self, apart: ToldApart, replaced: &HashSet<String>, recent: &Recent) -> Result<Outcome, StoreError> {
        let stored = self.stored.iter().map(|(_, file)| recent.of(&file.data.path));
        let lights = stored.chain(self.staged.iter().map(|staged| staged.lights.clone())).collect();
        let files = alike::Files { sources: &self.sources(), stored: self.stored.len(), lights };
        alike::settle(self.table, apart, &files, replaced)
    }

    /// Writes the files that change and notes what to add and to remove.
    fn write(&self, batch: &Batch, edits: Vec<Edit>) -> Result<DateWritten, StoreError> {
        let dir = layout::table_dir(batch.store.root(), self.table);
        let now = batch.options.now;
        let rewritten: Vec<Option<Option<Part>>> = self
            .sources()
            .par_iter()
            .zip(edits)
            .map(|(source, edit)| {
                if edit.is_empty() {
                    return Ok(None);
                }
                let event_date = self.event_date.clone();
                let to = Destination { dir: &dir, name: batch.next_name(event_date.as_deref()), event_date };
                rewrite(source, edit, to).map(Some)
            })
            .collect::<Result<_, StoreError>>()?;
        let mut written = DateWritten::default();
        for (i, outcome) in rewritten.into_iter().enumerate() {
            let stored = self.stored.get(i);
            let is_rewritten = outcome.is_some();
            written.change.add.extend(outcome.flatten().map(|part| add_of(&part, now)));
            match (stored, i.checked_sub(self.stored.len()).and_then(|n| self.staged.get(n))) {
                (Some((_, file)), _) if is_rewritten => written.change.remove.push(file.add.clone()),
                (None, Some(staged)) if is_rewritten => written.superseded.push(staged.part.clone()),
                (None, Some(staged)) => written.change.add.push(add_of(&staged.part, now)),
                _ => {}
            }
        }
        Ok(written)
    }
}

/// The evidence of a batch, against what the ledger has of it.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// The batch's rows, one for each evidence and decoder.
    new: BTreeMap<LedgerKey, EvidenceRow>,
    /// The ledger's rows of the same evidence and decoder.
    old: HashMap<LedgerKey, EvidenceRow>,
    /// Evidence of which rows may be in the store already: read before, or twice in this batch.
    pub(crate) again: HashSet<String>,
    /// Of these, the evidence a different version of the decoder read: the new reading takes the place of the old.
    pub(crate) replaced: HashSet<String>,
}

impl Readings {
    fn gather(finished: &Finished, moment: &Moment) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for row in &finished.rows {
            let key = key_of(row);
            if let Some(first) = all.new.get_mut(&key) {
                unite_origins(first, &row.origins);
                all.again.insert(row.evidence_id.clone());
            } else {
                all.new.insert(key, row.clone());
            }
        }
        let is_new = |id: &str, decoder: &str| all.new.contains_key(&(id.to_owned(), decoder.to_owned()));
        for file in &moment.evidence.files {
            if ledger::mentions(&file.data.path, is_new)? {
                let rows = ledger::read(&file.data.path)?;
                all.old.extend(rows.into_iter().filter(|r| is_new(&r.evidence_id, &r.decoder)).map(|r| (key_of(&r), r)));
            }
        }
        for (key, old) in &all.old {
            all.again.insert(key.0.clone());
            if all.new.get(key).is_some_and(|new| new.decoder_version != old.decoder_version) {
                all.replaced.insert(key.0.clone());
            }
        }
        Ok(all)
    }
}

fn unite_origins(row: &mut EvidenceRow, more: &[String]) {
    row.origins.extend(more.iter().cloned());
    row.origins.sort();
    row.origins.dedup();
}

fn accepted(counts: &Counts) -> i64 {
    counts.kept + counts.duplicate
}

/// The ledger row of a piece of evidence after this batch, and whether it is the earlier one with at most an origin more.
fn reconciled(mut row: EvidenceRow, old: Option<&EvidenceRow>, has_rows: bool, shift: &Tally) -> Result<(EvidenceRow, bool), StoreError> {
    let records = accepted(&row.counts);
    unite_origins(&mut row, old.map_or(&[], |o| &o.origins));
    if let Some(old) = old.filter(|o| o.decoder_version == row.decoder_version) {
        // The fuller of two readings by one decoder stands: its rows are in the store, and a worse reading takes none away.
        // And what was only met again, not read again, is as it was.
        if records > 0 && !has_rows {
            let EvidenceRow { origins, parent_id, member, .. } = row;
            return Ok((EvidenceRow { origins, parent_id, member, ..old.clone() }, true));
        }
        if accepted(&old.counts) > records {
            return Ok((EvidenceRow { origins: row.origins, ..old.clone() }, true));
        }
    }
    if records > 0 && !has_rows {
        return Err(unbalanced(&row, format!("{records} records were accepted, and no rows came")));
    }
    let hidden = if records > 0 { shift.folded.get(&row.evidence_id).copied().unwrap_or(0) } else { 0 };
    row.counts.kept = records - hidden;
    row.counts.duplicate = hidden;
    balanced(&row)?;
    Ok((row, false))
}

/// The evidence of a batch as the ledger tells of it.
#[derive(Default)]
struct Account {
    ledger: LedgerChange,
    evidence: Vec<EvidenceRow>,
}

/// Settles kept against duplicate and works out the ledger's change.
fn account(readings: Readings, finished: &Finished, shift: &Tally, moment: &Moment) -> Result<Account, StoreError> {
    let mut account = Account::default();
    let mut written: BTreeMap<LedgerKey, EvidenceRow> = BTreeMap::new();
    let mut corrected: HashSet<String> = shift.lost.keys().cloned().collect();
    let loss_of = |row: &EvidenceRow, corrected: &HashSet<String>| {
        if accepted(&row.counts) == 0 || !corrected.contains(&row.evidence_id) {
            return 0;
        }
        shift.lost.get(&row.evidence_id).copied().unwrap_or(0)
    };
    for (key, row) in readings.new {
        let old = readings.old.get(&key);
        let (mut row, stands) = reconciled(row, old, finished.with_rows.contains(&key.0), shift)?;
        if stands {
            let loss = loss_of(&row, &corrected);
            (row.counts.kept, row.counts.duplicate) = (row.counts.kept - loss, row.counts.duplicate + loss);
        } else {
            corrected.remove(&key.0);
        }
        balanced(&row)?;
        account.evidence.push(row.clone());
        if old.is_none_or(|old| !is_same_reading(old, &row)) {
            written.insert(key, row);
        }
    }
    let mut replaced = Vec::new();
    for file in &moment.evidence.files {
        let touched = |id: &str, decoder: &str| corrected.contains(id) || written.contains_key(&(id.to_owned(), decoder.to_owned()));
        if !ledger::mentions(&file.data.path, touched)? {
            continue;
        }
        for mut row in ledger::read(&file.data.path)? {
            let key = key_of(&row);
            let loss = loss_of(&row, &corrected);
            let current = written.entry(key).or_insert_with(|| {
                row.counts.kept -= loss;
                row.counts.duplicate += loss;
                row
            });
            balanced(current)?;
        }
        replaced.push(file.add.clone());
    }
    if !written.is_empty() {
        account.ledger = LedgerChange { rows: written.into_values().collect(), remove: replaced };
    }
    Ok(account)
}

/// Writes a file of the ledger; rows come by evidence id and decoder.
pub(crate) fn write_ledger(batch: &Batch, rows: &[EvidenceRow]) -> Result<Part, StoreError> {
    let dir = layout::table_dir(batch.store.root(), Table::Evidence);
    let mut writer = PartWriter::create(Table::Evidence, Table::Evidence.schema(), &dir, batch.next_name(None), None)?;
    for chunk in rows.chunks(crate::encode::WRITE_ROWS) {
        writer.write(&ledger::to_batch(chunk)?)?;
    }
    writer.finish()
}

fn balanced(row: &EvidenceRow) -> Result<(), StoreError> {
    let c = &row.counts;
    if c.is_balanced() && c.kept >= 0 && c.duplicate >= 0 {
        return Ok(());
    }
    let sum = format!("read {} = kept {} + duplicate {} + rejected {} + other {}", c.read, c.kept, c.duplicate, c.rejected, c.other);
    Err(unbalanced(row, sum))
}

fn unbalanced(row: &EvidenceRow, message: String) -> StoreError {
    StoreError::Unbalanced { evidence_id: row.evidence_id.clone(), message }
}

/// Whether two rows say the same, apart from when they were written.
fn is_same_reading(old: &EvidenceRow, new: &EvidenceRow) -> bool {
    EvidenceRow { ingested_at: old.ingested_at, run_id: old.run_id.clone(), ..new.clone() } == *old
}
