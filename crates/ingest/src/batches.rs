//! The batch that is open: many threads write to it, and when it is due one begins the next, while the full one is committed beside them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use backtrail_model::evidence::EvidenceRow;
use backtrail_store::{Batch, BatchOptions, CommitSummary, Comparison, Store, StoreError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::IngestOptions;

/// Staged rows at which a batch is committed.
const MAX_ROWS: u64 = 4_000_000;
/// Ledger rows at which a batch is committed: they are held in memory until then.
const MAX_PIECES: u64 = 50_000;
/// A kill loses at most this much work.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The open batch. A piece of evidence goes into one batch whole: whoever works on one holds it open.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    store: &'a Store,
    runtime: &'a Handle,
    options: BatchOptions,
    open: RwLock<Option<Open>>,
    /// The commit under way: one at a time, in the order in which batches were begun.
    committing: Mutex<Option<Committing>>,
}

/// A commit under way, and how long it took.
type Committing = JoinHandle<(Result<CommitSummary, StoreError>, Duration)>;

/// What a commit did.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) summary: CommitSummary,
    /// From its begin to its end; others went on meanwhile.
    pub(crate) took: Duration,
}

#[derive(Debug)]
struct Open {
    batch: Batch,
    since: Instant,
    pieces: AtomicU64,
}

impl Open {
    fn is_due(&self) -> bool {
        let (rows, pieces) = (self.batch.staged_rows(), self.pieces.load(Ordering::Relaxed));
        rows >= MAX_ROWS || pieces >= MAX_PIECES || (rows + pieces > 0 && self.since.elapsed() >= MAX_AGE)
    }
}

/// What a piece of evidence is written to.
#[derive(Debug)]
pub(crate) struct Writer<'b> {
    open: &'b Open,
}

impl Writer<'_> {
    pub(crate) fn batch(&self) -> &Batch {
        &self.open.batch
    }

    pub(crate) fn finish(&self, row: EvidenceRow) -> Result<(), StoreError> {
        self.open.pieces.fetch_add(1, Ordering::Relaxed);
        self.open.batch.finish_evidence(row)
    }
}

/// What a batch of these decoders' rows needs to know.
pub(crate) fn batch_options(options: &IngestOptions) -> BatchOptions {
    BatchOptions {
        run_id: options.run_id.clone(),
        memory_budget: options.memory_budget,
        now: options.now,
        compare: Comparison { statement: backtrail_cloudtrail::statement, covered: backtrail_cloudtrail::covered },
    }
}

impl<'a> Batches<'a> {
    pub(crate) fn begin(store: &'a Store, runtime: &'a Handle, options: &IngestOptions) -> Result<Self, StoreError> {
        let batches = Self { store, runtime, options: batch_options(options), open: RwLock::new(None), committing: Mutex::new(None) };
        *batches.open.write().unwrap_or_else(PoisonError::into_inner) = Some(batches.new_batch()?);
        Ok(batches)
    }

    fn new_batch(&self) -> Result<Open, StoreError> {
        let batch = self.runtime.block_on(self.store.begin(self.options.clone()))?;
        Ok(Open { batch, since: Instant::now(), pieces: AtomicU64::new(0) })
    }

    /// Works on one piece with the batch held open. `None` where a commit failed and the run is ending.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Writer<'_>) -> T) -> Option<T> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| work(&Writer { open }))
    }

    /// Begins another batch if this one is large or old, as soon as the pieces being worked on are done, and has the full one committed. Tells what the
    /// commit before did: where that is still under way, it is waited for.
    pub(crate) fn commit_if_due(&self) -> Result<Option<Committed>, StoreError> {
        let due = |open: &Option<Open>| open.as_ref().is_some_and(Open::is_due);
        if !due(&self.open.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(None);
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if !due(&open) {
            return Ok(None);
        }
        let Some(full) = open.take() else { return Ok(None) };
        let before = self.committed()?;
        *open = Some(self.new_batch()?);
        let commit = async move {
            let began = Instant::now();
            (full.batch.commit().await, began.elapsed())
        };
        *self.committing() = Some(self.runtime.spawn(commit));
        Ok(before)
    }

    fn committing(&self) -> MutexGuard<'_, Option<Committing>> {
        self.committing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the commit under way, if there is one.
    fn committed(&self) -> Result<Option<Committed>, StoreError> {
        let Some(commit) = self.committing().take() else { return Ok(None) };
        match self.runtime.block_on(commit) {
            Ok((result, took)) => result.map(|summary| Some(Committed { summary, took })),
            Err(error) => Err(StoreError::Interrupted { message: format!("a commit did not end: {error}") }),
        }
    }

    /// Commits what is left. An empty batch is dropped: it leaves nothing.
    pub(crate) fn finish(&self) -> Result<Vec<Committed>, StoreError> {
        let mut done: Vec<Committed> = self.committed()?.into_iter().collect();
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = open.filter(|open| open.batch.staged_rows() > 0 || open.pieces.load(Ordering::Relaxed) > 0) {
            let began = Instant::now();
            let summary = self.runtime.block_on(open.batch.commit())?;
            done.push(Committed { summary, took: began.elapsed() });
        }
        Ok(done)
    }
}

impl Drop for Batches<'_> {
    /// A run that fails does not leave a commit behind half done.
    fn drop(&mut self) {
        if let Err(error) = self.committed() {
            tracing::warn!(%error, "the last commit failed");
        }
    }
}
