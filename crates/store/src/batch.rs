//! A batch: rows from many threads, staged as Parquet files, published at once by its commit.

use arrow_array::RecordBatch;
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::tables::Table;

use crate::StoreError;

/// The canonical form of a record's raw text, by which two copies are the same record; `None` where it has none.
pub type Canonicalise = fn(&str) -> Option<Vec<u8>>;

/// What a batch needs to know.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The run it belongs to.
    pub run_id: String,
    /// Bytes of buffered rows over all dates and tables.
    pub memory_budget: usize,
    /// Now, microseconds UTC.
    pub now: i64,
    /// Says when two copies of an event are the same record.
    pub canonicalise: Canonicalise,
}

/// Rows on their way into the store. Nothing of it is visible before [`Batch::commit`]; dropped, it leaves nothing.
#[derive(Debug)]
pub struct Batch {}

impl Batch {
    /// Takes rows: the table's columns, followed by `event_date` in dated tables.
    ///
    /// Called from many threads. Where a partition's buffer is full, the calling thread sorts, encodes and writes it: that is the back-pressure.
    pub fn append(&self, _table: Table, _rows: RecordBatch) -> Result<(), StoreError> {
        Ok(())
    }

    /// States that the rows of a piece of evidence are complete. `counts.kept` holds every accepted record; the commit settles kept against duplicate.
    pub fn finish_evidence(&self, _row: EvidenceRow) -> Result<(), StoreError> {
        Ok(())
    }

    /// Rows taken so far. A batch is committed, and another begun, beyond a few million.
    #[must_use]
    pub fn staged_rows(&self) -> u64 {
        0
    }

    /// Publishes the batch: duplicates settled, data first, the ledger last.
    pub async fn commit(self) -> Result<CommitSummary, StoreError> {
        Ok(CommitSummary { evidence: Vec::new(), conflicts: 0 })
    }
}

/// What a commit did.
#[derive(Debug, Clone)]
pub struct CommitSummary {
    /// The ledger rows of this batch as committed, counts settled.
    pub evidence: Vec<EvidenceRow>,
    /// Rows of the dates touched by this batch that share their id with other content.
    pub conflicts: u64,
}
