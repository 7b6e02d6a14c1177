//! What one thread has decoded and not handed to the batch yet: rows of small pieces, so that they travel together, and their ledger rows.
//!
//! A piece's rows and its ledger row go into the same batch. So while the batch is held open for a piece, either nothing is handed
//! over, or, once a decoder's tables have filled up, everything is.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_model::evidence::{Counts, EvidenceRow, Fate};
use backtrail_model::tables::Table;
use backtrail_store::{Batch, StoreError};

use crate::Progress;
use crate::archives::OpenArchive;
use crate::batches::Writer;
use crate::registry::{Decode, Decoder, Making};

/// Ledger rows that may wait: a run of empty files fills no table.
const MAX_WAITING: usize = 4_096;

/// A piece that was read, and the archive it is a member of.
pub(crate) type Finished = (EvidenceRow, Option<Arc<OpenArchive>>);

/// One thread's decoders with their waiting rows, and the pieces these belong to.
#[derive(Default)]
pub(crate) struct Pending {
    decoders: Vec<(&'static str, Box<dyn Decode>)>,
    finished: Vec<Finished>,
    /// The decoder at work on the piece at hand.
    current: Option<usize>,
    /// Rows of the piece at hand are in the batch already.
    flowing: bool,
}

impl Pending {
    /// Another piece comes.
    pub(crate) fn begin_piece(&mut self) {
        self.current = None;
    }

    /// The decoder of this thread for a kind, kept from piece to piece.
    pub(crate) fn decoder(&mut self, which: &'static Decoder, making: &Making<'_>) -> (&mut dyn Decode, &mut bool) {
        let position = self.decoders.iter().position(|(name, _)| *name == which.name).unwrap_or_else(|| {
            self.decoders.push((which.name, (which.make)(making)));
            self.decoders.len() - 1
        });
        self.current = Some(position);
        (self.decoders[position].1.as_mut(), &mut self.flowing)
    }

    /// Whether all waiting rows are whole, after a panic.
    pub(crate) fn is_sound(&self) -> bool {
        self.decoders.iter().all(|(_, d)| d.is_sound())
    }

    /// Rows made of the piece at hand: where its records went as far as rows show it.
    pub(crate) fn given(&self) -> Counts {
        let (kept, rejected) = self.current.map_or((0, 0), |at| self.decoders[at].1.given());
        Counts { read: kept + rejected, kept, rejected, ..Counts::default() }
    }

    /// A piece was read. Where the batch has some of its rows, it gets everything now; the pieces done by that are returned.
    pub(crate) fn add(
        &mut self,
        row: EvidenceRow,
        archive: Option<Arc<OpenArchive>>,
        writer: &Writer<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Finished>, StoreError> {
        self.finished.push((row, archive));
        if self.flowing || self.finished.len() >= MAX_WAITING { self.flush(writer, progress) } else { Ok(Vec::new()) }
    }

    /// Hands everything to the batch: rows first, then the ledger rows.
    pub(crate) fn flush(&mut self, writer: &Writer<'_>, progress: &dyn Progress) -> Result<Vec<Finished>, StoreError> {
        let mut sink = |table: Table, rows: RecordBatch| hand_over(writer.batch(), progress, table, rows);
        for (_, decoder) in &mut self.decoders {
            decoder.flush(&mut sink)?;
        }
        self.flowing = false;
        for (row, _) in &self.finished {
            writer.finish(row.clone())?;
        }
        Ok(std::mem::take(&mut self.finished))
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.finished.is_empty()
    }
}

/// Gives rows to the batch and counts their records.
pub(crate) fn hand_over(batch: &Batch, progress: &dyn Progress, table: Table, rows: RecordBatch) -> Result<(), StoreError> {
    if table.counts_records() || table == Table::Rejects {
        progress.read(0, rows.num_rows() as u64);
    }
    batch.append(table, rows)
}

/// Tells the archives of finished members; gives the ledger rows of archives that are done by that.
pub(crate) fn archives_done(finished: Vec<Finished>) -> Vec<EvidenceRow> {
    finished.into_iter().flat_map(|(row, archive): (EvidenceRow, _)| member_done(archive.as_ref(), row.fate)).collect()
}

/// One member of an archive is done with.
pub(crate) fn member_done(archive: Option<&Arc<OpenArchive>>, fate: Fate) -> Vec<EvidenceRow> {
    archive.map(|a| a.done_one(fate)).unwrap_or_default()
}
