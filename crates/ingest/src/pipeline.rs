//! The threads: each takes the next thing found, or a member of an archive another thread is unpacking, to the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backtrail_acquire::{EvidenceId, Finds, Inputs, Limits, Piece, Scales, Workspace};
use backtrail_model::evidence::EvidenceRow;
use backtrail_store::{CommitSummary, Store, StoreError};
use crossbeam_channel::{Receiver, Sender};
use tokio::runtime::Handle;

use crate::archives::OpenArchive;
use crate::batches::{Batches, Writer, lock};
use crate::known::Known;
use crate::pending::Pending;
use crate::stages::{Stage, Stages};
use crate::{IngestError, IngestOptions, IngestSummary, Progress};

/// How often an idle thread looks whether the others are done.
const IDLE: Duration = Duration::from_millis(10);

/// A piece to be read, and the archive it is a member of.
pub(crate) struct Task {
    pub(crate) piece: Piece,
    pub(crate) archive: Option<Arc<OpenArchive>>,
}

/// Another place where known bytes were met.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) id: EvidenceId,
    pub(crate) origin: String,
    pub(crate) parent: Option<EvidenceId>,
    pub(crate) member: Option<String>,
}

/// What the threads of a run share.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a IngestOptions,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) batches: Batches<'a>,
    pub(crate) stages: Stages,
    known: Mutex<Known>,
    known_count: AtomicU64,
    extras: Mutex<Vec<Extra>>,
    summary: Mutex<IngestSummary>,
    finds: Mutex<Finds>,
    /// Threads that work on something they found, and may hand out members of it.
    finding: AtomicUsize,
    members: (Sender<Task>, Receiver<Task>),
    /// Threads waiting for members.
    idle: AtomicUsize,
    stopped: AtomicBool,
    failure: Mutex<Option<StoreError>>,
}

/// Says early of inputs that are not there: before a store is made for them.
///
/// # Errors
/// The first that is no file, no folder and no pattern.
pub fn expect<S: AsRef<OsStr>>(inputs: &[S]) -> Result<(), IngestError> {
    Ok(Inputs::expect(inputs)?)
}

/// Takes evidence into the store.
///
/// Inputs are files, folders, quoted patterns, archives or `-`. Bytes that are in the store already are passed over.
///
/// # Errors
/// An input that is not there, or a store that cannot be written to. What is wrong with a piece of evidence is its fate in the summary.
pub fn ingest<S: AsRef<OsStr>>(
    store: &Store,
    inputs: &[S],
    options: &IngestOptions,
    progress: &dyn Progress,
    runtime: &Handle,
) -> Result<IngestSummary, IngestError> {
    let mut inputs = Inputs::find(inputs)?;
    let stores = std::mem::take(&mut inputs.stores);
    progress.found(inputs.files, 0);
    let scales = inputs.scales();
    let mut known = Known::default();
    for row in runtime.block_on(store.evidence())? {
        known.add(&row);
    }
    let run = Run::new(store, inputs, options, progress, runtime, known)?;
    run.work(store, scales)?;
    Ok(IngestSummary { stores, ..run.end(store, runtime)? })
}

impl<'a> Run<'a> {
    fn new(
        store: &'a Store,
        inputs: Inputs,
        options: &'a IngestOptions,
        progress: &'a dyn Progress,
        runtime: &'a Handle,
        known: Known,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            options,
            progress,
            batches: Batches::begin(store, runtime, options)?,
            stages: Stages::default(),
            known: Mutex::new(known),
            known_count: AtomicU64::new(0),
            extras: Mutex::default(),
            summary: Mutex::default(),
            finds: Mutex::new(inputs.finds()),
            finding: AtomicUsize::new(0),
            members: crossbeam_channel::bounded(options.threads.max(1)),
            idle: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            failure: Mutex::default(),
        })
    }

    /// Runs the threads to the end of the input, or to the first failure of the store.
    fn work(&self, store: &Store, scales: Scales) -> Result<(), IngestError> {
        let threads = self.options.threads.max(1);
        std::thread::scope(|scope| {
            if self.progress.wants_total() {
                scope.spawn(move || {
                    scales.weigh(|bytes| {
                        self.progress.found(0, bytes);
                        !self.is_stopped()
                    });
                });
            }
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.worker(store))).collect();
            for worker in workers {
                if let Err(panic) = worker.join() {
                    self.stopped.store(true, Ordering::Release);
                    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
                    return Err(IngestError::Worker(text.unwrap_or_default()));
                }
            }
            Ok(())
        })?;
        match lock(&self.failure).take() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    fn worker(&self, store: &Store) {
        // Temporary files of large archive members lie beside the tables: evidence does not leave the store's disk.
        let mut workspace = Workspace::new(Limits::default(), store.root());
        let mut pending = Pending::default();
        while !self.is_stopped() {
            let step = self.step(&mut workspace, &mut pending);
            let is_last = step.is_none();
            let result = step.unwrap_or_else(|| self.flush(&mut pending));
            if let Err(failure) = result.and_then(|()| self.commit_if_due()) {
                self.stopped.store(true, Ordering::Release);
                lock(&self.failure).get_or_insert(failure);
            }
            if is_last {
                return;
            }
        }
    }

    /// One piece of work; `None` where there is none left and none can come.
    fn step(&self, workspace: &mut Workspace, pending: &mut Pending) -> Option<Result<(), StoreError>> {
        if let Ok(task) = self.members.1.try_recv() {
            return Some(self.take_piece(task, workspace, pending));
        }
        self.finding.fetch_add(1, Ordering::AcqRel);
        let found = lock(&self.finds).next();
        if let Some(found) = found {
            let _finding = Decrement(&self.finding);
            return Some(self.take_in(&found, workspace, pending));
        }
        self.finding.fetch_sub(1, Ordering::AcqRel);
        match self.help_others() {
            Ok(false) => {}
            done => return Some(done.map(drop)),
        }
        self.idle.fetch_add(1, Ordering::AcqRel);
        let wait = || self.members.1.recv_timeout(IDLE);
        let task = self.batches.with(|writer| writer.batch().while_idle(wait)).unwrap_or_else(wait);
        self.idle.fetch_sub(1, Ordering::AcqRel);
        match task {
            Ok(task) => Some(self.take_piece(task, workspace, pending)),
            Err(_) if self.finding.load(Ordering::Acquire) > 0 || !self.members.1.is_empty() => Some(Ok(())),
            Err(_) => None,
        }
    }

    /// Writes what others have no time for.
    fn help_others(&self) -> Result<bool, StoreError> {
        let others = self.finding.load(Ordering::Acquire);
        let help = |writer: &Writer<'_>| self.stages.within(Stage::Keep, || writer.batch().help(others));
        if others == 0 { Ok(false) } else { self.batches.with(help).unwrap_or(Ok(false)) }
    }

    /// Hands a member to an idle thread; gives it back where there is none.
    pub(crate) fn offer(&self, task: Task) -> Option<Task> {
        if self.idle.load(Ordering::Acquire) <= self.members.1.len() {
            return Some(task);
        }
        self.members.0.try_send(task).err().map(crossbeam_channel::TrySendError::into_inner)
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    pub(crate) fn count_known(&self) {
        self.known_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_origin(&self, extra: Extra) {
        lock(&self.extras).push(extra);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Puts rows of evidence without records into the ledger.
    pub(crate) fn finish(&self, rows: Vec<EvidenceRow>) -> Result<(), StoreError> {
        for row in rows {
            self.batches.with(|writer| writer.finish(row)).unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    pub(crate) fn commit_if_due(&self) -> Result<(), StoreError> {
        for done in self.batches.commit_if_due()? {
            self.stages.add(Stage::Commit, done.took);
            lock(&self.summary).take(done.summary);
        }
        Ok(())
    }

    /// Commits the rest, then the places where known bytes were met again.
    fn end(self, store: &Store, runtime: &Handle) -> Result<IngestSummary, IngestError> {
        let mut summary = self.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
        for done in self.batches.finish()? {
            self.stages.add(Stage::Commit, done.took);
            summary.take(done.summary);
        }
        let extras = self.extras.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !extras.is_empty() {
            let batches = Batches::begin(store, runtime, self.options)?;
            for row in with_origins(runtime.block_on(store.evidence())?, extras) {
                batches.with(|writer| writer.finish(row)).unwrap_or(Ok(()))?;
            }
            batches.finish()?;
        }
        summary.known = self.known_count.into_inner();
        summary.stages = self.stages.seconds();
        summary.finish();
        Ok(summary)
    }
}

impl IngestSummary {
    fn take(&mut self, done: CommitSummary) {
        self.conflicts += done.conflicts;
        for row in done.evidence {
            self.add(row);
        }
    }
}

/// The ledger's rows that gain an origin. A row's archive and member name are those of its first origin.
fn with_origins(ledger: Vec<EvidenceRow>, extras: Vec<Extra>) -> Vec<EvidenceRow> {
    let mut by_id: HashMap<String, BTreeMap<String, Extra>> = HashMap::new();
    for extra in extras {
        by_id.entry(extra.id.to_string()).or_default().insert(extra.origin.clone(), extra);
    }
    let grown = ledger.into_iter().filter_map(|mut row| {
        let extras = by_id.get(&row.evidence_id)?;
        let origins: BTreeSet<String> = row.origins.iter().cloned().chain(extras.keys().cloned()).collect();
        let origins: Vec<String> = origins.into_iter().collect();
        if origins == row.origins {
            return None;
        }
        if let Some(first) = origins.first().and_then(|o| extras.get(o)) {
            row.parent_id = first.parent.map(|p| p.to_string());
            row.member.clone_from(&first.member);
        }
        row.origins = origins;
        Some(row)
    });
    grown.collect()
}

/// Counts down when dropped, a panic included.
struct Decrement<'a>(&'a AtomicUsize);

impl Drop for Decrement<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
