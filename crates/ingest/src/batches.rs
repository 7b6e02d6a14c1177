//! The batch that is open: many threads write to it, and when it is due one begins the next. The full one is committed beside them, once those who still
//! work on a piece of it are done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
/// Staged rows at which even a batch that follows one that somebody still works on takes no more.
const MOST_ROWS: u64 = 2 * MAX_ROWS;
/// How often whoever waits for those who work on the batch before looks whether they are done.
const WAIT: Duration = Duration::from_millis(10);

/// The open batch. A piece of evidence goes into one batch whole: whoever works on one holds its batch, and the last to let go of a full one has it committed.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    store: &'a Store,
    runtime: &'a Handle,
    options: BatchOptions,
    open: Mutex<Current>,
    /// The commit under way: one at a time.
    committing: Mutex<Option<Committing>>,
    /// What commits did that nobody was told of yet.
    done: Mutex<Vec<Result<Committed, StoreError>>>,
}

#[derive(Debug, Default)]
struct Current {
    /// None once a commit failed, and at the end.
    open: Option<Arc<Open>>,
    /// The batch before, as long as somebody works on it.
    full: Weak<Open>,
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
    fn has_most(&self) -> bool {
        self.batch.staged_rows() >= MOST_ROWS
    }

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
        let options = batch_options(options);
        let batches = Self { store, runtime, options, open: Mutex::default(), committing: Mutex::new(None), done: Mutex::new(Vec::new()) };
        lock(&batches.open).open = Some(batches.new_batch()?);
        Ok(batches)
    }

    fn new_batch(&self) -> Result<Arc<Open>, StoreError> {
        let batch = self.runtime.block_on(self.store.begin(self.options.clone()))?;
        Ok(Arc::new(Open { batch, since: Instant::now(), pieces: AtomicU64::new(0) }))
    }

    /// Works on one piece with its batch held. `None` where a commit failed and the run is ending.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Writer<'_>) -> T) -> Option<T> {
        let open = Arc::clone(lock(&self.open).open.as_ref()?);
        let done = work(&Writer { open: &open });
        self.let_go(open);
        Some(done)
    }

    /// Begins another batch if this one is large or old, and has the full one committed as soon as nobody works on a piece of it any more. Tells what
    /// commits did since it was asked last.
    pub(crate) fn commit_if_due(&self) -> Result<Vec<Committed>, StoreError> {
        if let Some(full) = self.take_if_due()? {
            self.let_go(full);
        }
        std::mem::take(&mut *lock(&self.done)).into_iter().collect()
    }

    /// The open batch, if it is due and another is begun in its place. There is one full batch at most that waits for somebody: what is due meanwhile grows on, or,
    /// where it has grown enough, waits, too.
    fn take_if_due(&self) -> Result<Option<Arc<Open>>, StoreError> {
        let mut current = lock(&self.open);
        loop {
            let Some(open) = current.open.as_ref().filter(|open| open.is_due()) else { return Ok(None) };
            if current.full.strong_count() == 0 {
                break;
            }
            if !open.has_most() {
                return Ok(None);
            }
            drop(current);
            std::thread::sleep(WAIT);
            current = lock(&self.open);
        }
        let full = current.open.take();
        current.full = full.as_ref().map(Arc::downgrade).unwrap_or_default();
        current.open = Some(self.new_batch()?);
        Ok(full)
    }

    /// Lets go of a batch: whoever is the last to let go of a full one has it committed.
    fn let_go(&self, held: Arc<Open>) {
        let Some(full) = Arc::into_inner(held) else { return };
        let mut committing = lock(&self.committing);
        // One commit at a time: where the one before is still under way, it is waited for.
        let before = self.ended(committing.take());
        let has_failed = matches!(before, Some(Err(_)));
        lock(&self.done).extend(before);
        if has_failed {
            lock(&self.open).open = None;
            return;
        }
        *committing = Some(self.runtime.spawn(async move {
            let began = Instant::now();
            (full.batch.commit().await, began.elapsed())
        }));
    }

    /// Waits for a commit, if there is one.
    fn ended(&self, committing: Option<Committing>) -> Option<Result<Committed, StoreError>> {
        Some(match self.runtime.block_on(committing?) {
            Ok((result, took)) => result.map(|summary| Committed { summary, took }),
            Err(error) => Err(StoreError::Interrupted { message: format!("a commit did not end: {error}") }),
        })
    }

    /// Commits what is left. An empty batch is dropped: it leaves nothing.
    pub(crate) fn finish(&self) -> Result<Vec<Committed>, StoreError> {
        let open = lock(&self.open).open.take();
        if let Some(open) = open.filter(|open| open.batch.staged_rows() > 0 || open.pieces.load(Ordering::Relaxed) > 0) {
            self.let_go(open);
        }
        let last = self.ended(lock(&self.committing).take());
        let mut done = lock(&self.done);
        done.extend(last);
        done.drain(..).collect()
    }
}

impl Drop for Batches<'_> {
    /// A run that fails does not leave a commit behind half done.
    fn drop(&mut self) {
        let last = self.ended(lock(&self.committing).take());
        for error in lock(&self.done).drain(..).chain(last).filter_map(Result::err) {
            tracing::warn!(%error, "a commit failed");
        }
    }
}

/// A lock whose holder panicked is still good here: what it guards changes in single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use backtrail_model::evidence::{Counts, Fate};
    use tokio::runtime::Runtime;

    use super::*;

    fn row(number: u64) -> EvidenceRow {
        EvidenceRow {
            evidence_id: format!("{number:064x}"),
            content_sha256: None,
            size: 1,
            content_size: 1,
            origins: vec![format!("{number}.json")],
            parent_id: None,
            member: None,
            kind: "CloudTrail".to_owned(),
            decoder: "cloudtrail".to_owned(),
            decoder_version: 1,
            fate: Fate::Kept,
            reason: None,
            break_offset: None,
            counts: Counts::default(),
            first_event_time: None,
            last_event_time: None,
            ingested_at: 0,
            run_id: "run".to_owned(),
        }
    }

    fn pieces(committed: &[Committed]) -> Vec<usize> {
        committed.iter().map(|done| done.summary.evidence.len()).collect()
    }

    #[test]
    fn whoever_still_works_on_a_full_batch_keeps_nobody_from_the_next() {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let store = runtime.block_on(Store::open_or_create(&folder.path().join("store"))).unwrap();
        let options = IngestOptions { threads: 2, memory_budget: 1 << 20, now: 0, run_id: "run".to_owned(), flow_formats: Vec::new() };
        let batches = Batches::begin(&store, runtime.handle(), &options).unwrap();
        let finish = |from: u64, to: u64| batches.with(|writer| (from..to).try_for_each(|n| writer.finish(row(n)))).unwrap().unwrap();
        let held = batches.with(|writer| {
            finish(0, MAX_PIECES);
            // It is due, and another is begun, though this one is held.
            assert_eq!(pieces(&batches.commit_if_due().unwrap()), Vec::<usize>::new());
            finish(MAX_PIECES, 2 * MAX_PIECES + 5);
            // So is that one, but there is one full batch at most that waits for somebody.
            assert_eq!(pieces(&batches.commit_if_due().unwrap()), Vec::<usize>::new());
            finish(2 * MAX_PIECES + 5, 2 * MAX_PIECES + 7);
            // What was begun with the full one goes into it.
            writer.finish(row(2 * MAX_PIECES + 7))
        });
        held.unwrap().unwrap();
        let mut committed = batches.commit_if_due().unwrap();
        finish(2 * MAX_PIECES + 8, 2 * MAX_PIECES + 9);
        committed.extend(batches.finish().unwrap());
        let most = usize::try_from(MAX_PIECES).unwrap();
        assert_eq!(pieces(&committed), [most + 1, most + 7, 1]);
        assert_eq!(runtime.block_on(store.evidence()).unwrap().len(), 2 * most + 9);
    }
}
