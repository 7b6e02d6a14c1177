//! The commit of a batch: what earlier runs left is undone, duplicates are settled, data is published, then the ledger.
//!
//! The commit to the ledger is the commit point (design.md section 4): it names the versions of all other tables that
//! belong to it, and readers take exactly those. It only succeeds on top of the ledger it was worked out from, so two
//! writers can never both succeed without one having seen the other, even where file locks do nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use backtrail_model::tables::Table;

use crate::batch::{Finished, lock};
use crate::durable::Flusher;
use crate::error::blocking;
use crate::log::{Change, CommitError, TableState};
use crate::settle::{Plan, settle};
use crate::store::{Moment, pin_id};
use crate::{Batch, CommitSummary, Store, StoreError, encode};

/// How often a commit is worked out anew because another writer was first. Under the lock that cannot happen at all.
const ATTEMPTS: u32 = 10;

/// A point of a commit at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// All rows are staged.
    Staged,
    /// Duplicates are settled and files rewritten.
    Settled,
    /// A data table is committed.
    Published(Table),
    /// The ledger is committed.
    Committed,
}

/// What a commit does at each step: nothing, but in tests, where it ends there.
pub(crate) type AtStep<'a> = &'a (dyn Fn(Step) -> Result<(), StoreError> + Sync);

/// The production's [`AtStep`].
pub(crate) fn no_interruption(_: Step) -> Result<(), StoreError> {
    Ok(())
}

pub(crate) async fn commit(batch: Batch, at: AtStep<'_>) -> Result<CommitSummary, StoreError> {
    let batch = Arc::new(batch);
    let completing = Arc::clone(&batch);
    let finished = Arc::new(blocking(move || completing.complete()).await?);
    tracing::debug!("staged");
    at(Step::Staged)?;
    if finished.rows.is_empty() {
        return Ok(CommitSummary { evidence: Vec::new(), conflicts: 0 });
    }
    let store = batch.store.clone();
    let _lock = store.lock().await?;
    for _ in 0..ATTEMPTS {
        match attempt(&batch, &finished, at).await {
            Ok(summary) => {
                let staged = lock(&batch.staged);
                store.recent().keep(staged.parts.iter().filter_map(|one| Some((one.part.path.clone(), one.lights.clone()?))));
                return Ok(summary);
            }
            Err(CommitError::Conflict) => tracing::info!("another writer was first; settling again"),
            Err(CommitError::Other(e)) => return Err(e),
        }
    }
    Err(StoreError::Contended { path: store.root().to_owned(), attempts: ATTEMPTS })
}

async fn attempt(batch: &Arc<Batch>, finished: &Arc<Finished>, at: AtStep<'_>) -> Result<CommitSummary, CommitError> {
    let store = &batch.store;
    let now = batch.options.now;
    let moment = Arc::new(store.moment().await?);
    let mut heads = recover(store, &moment, now).await?;
    let (b, f, m) = (Arc::clone(batch), Arc::clone(finished), Arc::clone(&moment));
    let flusher = lock(&batch.flusher).take();
    let flush = blocking(move || flusher.map_or(Ok(()), Flusher::finish));
    let (settled, flushed) = futures::future::join(blocking(move || settle(&b, &f, &m)), flush).await;
    flushed?;
    let Plan { changes, ledger, evidence, conflicts, superseded } = settled?;
    tracing::debug!("settled");
    at(Step::Settled)?;
    if changes.iter().all(|(_, c)| c.is_empty()) && ledger.is_empty() {
        return Ok(CommitSummary { evidence, conflicts });
    }
    batch.published.store(true, Ordering::Release);
    // The ledger's file is written while data is published, and named by its log when all of that has succeeded.
    let writing = Arc::clone(batch);
    let ledger = blocking(move || ledger.write(&writing));
    let (published, ledger) = futures::future::join(publish_all(store, &mut heads, changes, now, at), ledger).await;
    published?;
    commit_ledger(store, &moment, &heads, ledger?, now).await?;
    tracing::debug!("committed");
    at(Step::Committed)?;
    encode::discard(&superseded);
    Ok(CommitSummary { evidence, conflicts })
}

/// Commits the changes to data tables, one after the other.
async fn publish_all(
    store: &Store,
    heads: &mut [Head],
    changes: Vec<(Table, Change)>,
    now: i64,
    at: AtStep<'_>,
) -> Result<(), CommitError> {
    for (table, change) in changes.into_iter().filter(|(_, change)| !change.is_empty()) {
        publish(store, heads, table, change, now).await?;
        tracing::debug!(table = table.name(), "published");
        at(Step::Published(table))?;
    }
    Ok(())
}

/// A data table's latest version, of which the rows are those of the moment a commit is worked out from.
#[derive(Debug)]
pub(crate) struct Head {
    table: Table,
    version: u64,
    /// Absent where it was not needed yet.
    state: Option<TableState>,
}

impl Head {
    pub(crate) fn table(&self) -> Table {
        self.table
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// Undoes what a killed run committed to data tables without its ledger commit, and returns all tables' heads.
pub(crate) async fn recover(store: &Store, moment: &Moment, now: i64) -> Result<Vec<Head>, CommitError> {
    let mut heads = Vec::new();
    for (table, pinned, state) in &moment.tables {
        let log = store.log(*table)?;
        let latest = log.latest(*pinned).await?;
        if latest == *pinned {
            heads.push(Head { table: *table, version: latest, state: state.clone() });
            continue;
        }
        let head = log.at(Some(latest)).await?;
        let wanted: &[_] = state.as_ref().map_or(&[], |s| &s.files);
        let is_in = |files: &[crate::log::LogFile], path: &str| files.binary_search_by(|f| f.add.path.as_str().cmp(path)).is_ok();
        let change = Change {
            add: wanted.iter().filter(|f| !is_in(&head.files, &f.add.path)).map(|f| f.add.clone()).collect(),
            remove: head.files.iter().filter(|f| !is_in(wanted, &f.add.path)).map(|f| f.add.clone()).collect(),
            rearranges_only: false,
        };
        let head = if change.is_empty() { head } else { log.commit(&head, change, Vec::new(), now).await? };
        tracing::info!(table = table.name(), version = head.version(), "undid what an interrupted run left");
        heads.push(Head { table: *table, version: head.version(), state: Some(head) });
    }
    Ok(heads)
}

/// Commits a change to a data table on top of its head.
pub(crate) async fn publish(store: &Store, heads: &mut [Head], table: Table, change: Change, now: i64) -> Result<(), CommitError> {
    let log = store.log(table)?;
    let Some(head) = heads.iter_mut().find(|h| h.table == table) else { return Ok(()) };
    let base = match head.state.take() {
        Some(state) => state,
        None => log.at(Some(head.version)).await?,
    };
    let state = log.commit(&base, change, Vec::new(), now).await?;
    head.version = state.version();
    head.state = Some(state);
    Ok(())
}

/// The commit point.
pub(crate) async fn commit_ledger(store: &Store, moment: &Moment, heads: &[Head], ledger: Change, now: i64) -> Result<(), CommitError> {
    let pins = heads.iter().map(|h| (pin_id(h.table), i64::try_from(h.version).unwrap_or(i64::MAX))).collect();
    store.log(Table::Evidence)?.commit(&moment.evidence, ledger, pins, now).await?;
    Ok(())
}
