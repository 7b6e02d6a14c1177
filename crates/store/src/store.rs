//! A store directory: opening it, reading its tables at one moment, beginning batches.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backtrail_model::evidence::EvidenceRow;
use backtrail_model::tables::Table;

use crate::alike::Recent;
use crate::error::{At, blocking};
use crate::layout::{self, StoreLock};
use crate::log::{TableLog, TableState};
use crate::{Batch, BatchOptions, CompactOptions, CompactSummary, Rebuild, RebuildSummary, StoreError, StoreSnapshot, ledger};

/// A store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    logs: Vec<(Table, TableLog)>,
    recent: Recent,
}

impl Store {
    /// Opens the store at `root`, or makes one there.
    pub async fn open_or_create(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).at("find", root)?;
        if let Some(found) = layout::read_format(&root)? {
            layout::check_format(&root, found)?;
            let store = Self::at(root)?;
            if Table::ALL.into_iter().any(|table| store.lacks(table)) {
                let lock = store.lock().await?;
                store.make_missing().await?;
                drop(lock);
            }
            return Ok(store);
        }
        std::fs::create_dir_all(&root).at("make", &root)?;
        let lock = lock_of(&root).await?;
        let store = Self::at(root.clone())?;
        store.make_missing().await?;
        layout::write_format(&root)?;
        drop(lock);
        Ok(store)
    }

    /// Makes the tables that are not there: all of them in a new store, those that later versions added in an older one.
    pub(crate) async fn make_missing(&self) -> Result<(), StoreError> {
        let missing = self.inner.logs.iter().filter(|(table, _)| self.lacks(*table)).map(async |(table, log)| {
            let dir = layout::table_dir(self.root(), *table);
            std::fs::create_dir_all(&dir).at("make", &dir)?;
            log.create().await
        });
        futures::future::try_join_all(missing).await.map(drop)
    }

    /// Whether a table's log has no entry yet. One that a killed run was still writing (`….json#1`, renamed when it is whole) is none.
    fn lacks(&self, table: Table) -> bool {
        let log = layout::table_dir(self.root(), table).join("_delta_log");
        let is_whole = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|e| e.path().extension().is_some_and(|x| x == "json"));
        !std::fs::read_dir(log).is_ok_and(|mut entries| entries.any(is_whole))
    }

    /// Opens the store at `root`.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).at("find", root)?;
        let Some(found) = layout::read_format(&root)? else { return Err(StoreError::NoStore { path: root }) };
        layout::check_format(&root, found)?;
        Self::at(root)
    }

    fn at(root: PathBuf) -> Result<Self, StoreError> {
        let logs = Table::ALL.into_iter().map(|t| Ok((t, TableLog::new(&root, t)?))).collect::<Result<_, StoreError>>()?;
        Ok(Self { inner: Arc::new(Inner { root, logs, recent: Recent::default() }) })
    }

    /// The store's directory, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The files a reader may read now: only those whose batch reached its commit point. Which they are is read when a table is first asked for.
    pub async fn snapshot(&self) -> Result<StoreSnapshot, StoreError> {
        let (evidence, pins) = self.pinned().await?;
        Ok(StoreSnapshot::new(self.clone(), &evidence, pins))
    }

    /// The ledger: one row per piece of evidence and decoder, by evidence id and decoder.
    pub async fn evidence(&self) -> Result<Vec<EvidenceRow>, StoreError> {
        let files = self.log(Table::Evidence)?.at(None).await?.files;
        blocking(move || {
            let mut all = Vec::new();
            for file in &files {
                all.append(&mut ledger::read(&file.data.path)?);
            }
            all.sort_by(|a, b| (&a.evidence_id, &a.decoder).cmp(&(&b.evidence_id, &b.decoder)));
            Ok(all)
        })
        .await
    }

    /// Begins a batch of evidence.
    pub async fn begin(&self, options: BatchOptions) -> Result<Batch, StoreError> {
        Batch::new(self.clone(), options)
    }

    /// Merges what many runs left into files of a sane size, and deletes what nothing mentions any more.
    pub async fn compact(&self, options: CompactOptions) -> Result<CompactSummary, StoreError> {
        crate::compact::compact(self, options).await
    }

    /// Makes derived tables anew from the records of the store, as one change: nothing is read of the evidence itself. Ingests wait until it is done.
    ///
    /// # Errors
    /// Where the store cannot be read or written; it is then as it was.
    pub async fn rebuild(&self, options: BatchOptions, how: Arc<dyn Rebuild>) -> Result<RebuildSummary, StoreError> {
        crate::rebuild::rebuild(self, options, how).await
    }

    /// What rows of files say that this process wrote.
    pub(crate) fn recent(&self) -> &Recent {
        &self.inner.recent
    }

    pub(crate) fn log(&self, table: Table) -> Result<&TableLog, StoreError> {
        let found = self.inner.logs.iter().find(|(t, _)| *t == table).map(|(_, log)| log);
        found.ok_or_else(|| StoreError::rows(table, "the store has no such table"))
    }

    /// Waits for the right to commit.
    pub(crate) async fn lock(&self) -> Result<StoreLock, StoreError> {
        lock_of(self.root()).await
    }

    /// All tables as of the last commit to the ledger.
    pub(crate) async fn moment(&self) -> Result<Moment, StoreError> {
        let (evidence, pins) = self.pinned().await?;
        let loads = pins.into_iter().map(|(table, version)| async move { Ok((table, version, self.at_pin(table, version).await?)) });
        let tables = futures::future::try_join_all(loads).await?;
        Ok(Moment { evidence, tables })
    }

    /// The ledger as it is now, and the versions of the other tables that belong to it.
    ///
    /// Each commit to the ledger names them. That is what makes several tables change at once: a run killed between its commits has changed
    /// nothing as long as its ledger commit is missing.
    async fn pinned(&self) -> Result<(TableState, Vec<(Table, u64)>), StoreError> {
        let log = self.log(Table::Evidence)?;
        let evidence = log.at(None).await?;
        let others: Vec<Table> = Table::ALL.into_iter().filter(|t| *t != Table::Evidence).collect();
        let pins = if evidence.version() == 0 {
            Default::default()
        } else {
            log.transactions(&evidence, &others.iter().map(|t| pin_id(*t)).collect::<Vec<_>>()).await?
        };
        let pinned = |table: Table| pins.get(&pin_id(table)).and_then(|v| u64::try_from(*v).ok()).unwrap_or(0);
        let pinned = others.into_iter().map(|table| (table, pinned(table))).collect();
        Ok((evidence, pinned))
    }

    /// A table at the version that belongs to the ledger. Version 0 is the empty table as made: nothing to read.
    pub(crate) async fn at_pin(&self, table: Table, version: u64) -> Result<Option<TableState>, StoreError> {
        if version == 0 { Ok(None) } else { self.log(table)?.at(Some(version)).await.map(Some) }
    }
}

async fn lock_of(root: &Path) -> Result<StoreLock, StoreError> {
    let root = root.to_owned();
    blocking(move || StoreLock::acquire(&root)).await
}

/// Id of the transaction by which a ledger commit names the version of another table that belongs to it.
pub(crate) fn pin_id(table: Table) -> String {
    format!("backtrail/{}", table.name())
}

/// All tables as they belong together.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) evidence: TableState,
    /// Table, its version, and its state unless it is still empty as made.
    pub(crate) tables: Vec<(Table, u64, Option<TableState>)>,
}

impl Moment {
    pub(crate) fn table(&self, table: Table) -> Option<&TableState> {
        if table == Table::Evidence {
            return Some(&self.evidence);
        }
        self.tables.iter().find(|(t, ..)| *t == table).and_then(|(.., state)| state.as_ref())
    }

    pub(crate) fn version(&self, table: Table) -> u64 {
        self.tables.iter().find(|(t, ..)| *t == table).map_or(0, |(_, version, _)| *version)
    }
}
