//! What a batch changes in a store: its rows against those that are there, and the ledger's account of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use backtrail_model::evidence::{Counts, EvidenceRow};
use backtrail_model::tables::Table;

use crate::batch::lock;
use crate::encode::{Part, PartWriter};
use crate::layout;
use crate::ledger::{self, LedgerKey, key_of};
use crate::log::{Change, add_of};
use crate::stage::{Folded, StagedPart};
use crate::store::Moment;
use crate::{Batch, StoreError};

/// What to commit, and what to report of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order in which tables are committed.
    pub(crate) changes: Vec<(Table, Change)>,
    pub(crate) ledger: Change,
    pub(crate) evidence: Vec<EvidenceRow>,
    pub(crate) conflicts: u64,
    /// Staged files of which a rewritten one takes the place, or nothing.
    pub(crate) superseded: Vec<Part>,
}

/// Works out what a batch changes. Writes files, commits nothing.
pub(crate) fn settle(batch: &Batch, finished: &[EvidenceRow], moment: &Moment) -> Result<Plan, StoreError> {
    let mut plan = Plan::default();
    let staged = lock(&batch.staged);
    let readings = Readings::gather(finished, moment)?;
    let mut folded = staged.folded.clone();
    let lost = Folded::new();
    for table in Table::ALL.into_iter().filter(|t| *t != Table::Evidence) {
        let parts: Vec<&StagedPart> = staged.parts.iter().filter(|p| p.part.table == table).collect();
        let add = parts.iter().map(|p| add_of(&p.part, batch.options.now)).collect();
        plan.changes.push((table, Change { add, ..Change::default() }));
    }
    drop(staged);
    let _ = &mut folded;
    account(batch, readings, &folded, &lost, moment, &mut plan)?;
    Ok(plan)
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
    fn gather(finished: &[EvidenceRow], moment: &Moment) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for row in finished {
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

/// Settles kept against duplicate and works out the ledger's change.
///
/// `folded` counts copies of the batch's evidence that are not shown, `lost` rows of earlier evidence that are shown no more.
fn account(batch: &Batch, readings: Readings, folded: &Folded, lost: &Folded, moment: &Moment, plan: &mut Plan) -> Result<(), StoreError> {
    let mut written: BTreeMap<LedgerKey, EvidenceRow> = BTreeMap::new();
    let mut corrected: HashSet<&str> = lost.keys().map(String::as_str).collect();
    for (key, mut row) in readings.new {
        unite_origins(&mut row, &[]);
        let hidden = if accepted(&row.counts) > 0 { folded.get(&key.0).copied().unwrap_or(0) } else { 0 };
        row.counts.kept = accepted(&row.counts) - hidden;
        row.counts.duplicate = hidden;
        if let Some(old) = readings.old.get(&key) {
            unite_origins(&mut row, &old.origins);
            // The fuller of two readings by one decoder stands: its rows are in the store, and a worse reading takes none away.
            if old.decoder_version == row.decoder_version && accepted(&old.counts) > accepted(&row.counts) {
                row = EvidenceRow { origins: row.origins, ..old.clone() };
            } else {
                corrected.remove(key.0.as_str());
            }
        }
        balanced(&row)?;
        plan.evidence.push(row.clone());
        if readings.old.get(&key).is_none_or(|old| !is_same_reading(old, &row)) {
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
            let loss =
                if corrected.contains(key.0.as_str()) && accepted(&row.counts) > 0 { lost.get(&key.0).copied().unwrap_or(0) } else { 0 };
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
        let rows: Vec<EvidenceRow> = written.into_values().collect();
        let dir = layout::table_dir(batch.store.root(), Table::Evidence);
        let mut writer = PartWriter::create(Table::Evidence, &dir, batch.next_name(None), None)?;
        for chunk in rows.chunks(crate::encode::WRITE_ROWS) {
            writer.write(&ledger::to_batch(chunk)?)?;
        }
        plan.ledger = Change { add: vec![add_of(&writer.finish()?, batch.options.now)], remove: replaced, rearranges_only: false };
    }
    Ok(())
}

fn balanced(row: &EvidenceRow) -> Result<(), StoreError> {
    let c = &row.counts;
    if c.is_balanced() && c.kept >= 0 && c.duplicate >= 0 {
        return Ok(());
    }
    Err(StoreError::Unbalanced {
        evidence_id: row.evidence_id.clone(),
        message: format!("read {} = kept {} + duplicate {} + rejected {} + other {}", c.read, c.kept, c.duplicate, c.rejected, c.other),
    })
}

/// Whether two rows say the same, apart from when they were written.
fn is_same_reading(old: &EvidenceRow, new: &EvidenceRow) -> bool {
    EvidenceRow { ingested_at: old.ingested_at, run_id: old.run_id.clone(), ..new.clone() } == *old
}
