//! What a reader may read: the files of each table whose batch reached its commit point, with their statistics.

use std::path::PathBuf;
use std::sync::Arc;

use backtrail_model::tables::Table;
use tokio::sync::OnceCell;

use crate::log::TableState;
use crate::{Store, StoreError};

/// The visible files of every table, at one moment. A table's log is read when its files are first asked for: most questions need few of them.
#[derive(Debug, Clone)]
pub struct StoreSnapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    tables: Vec<Pinned>,
}

#[derive(Debug)]
struct Pinned {
    table: Table,
    /// The version that belongs to the moment.
    version: u64,
    files: OnceCell<Arc<TableSnapshot>>,
}

impl StoreSnapshot {
    pub(crate) fn new(store: Store, evidence: &TableState, pins: Vec<(Table, u64)>) -> Self {
        let ledger = TableSnapshot::of(Table::Evidence, Some(evidence));
        let ledger = Pinned { table: Table::Evidence, version: evidence.version(), files: OnceCell::new_with(Some(Arc::new(ledger))) };
        let others = pins.into_iter().map(|(table, version)| Pinned { table, version, files: OnceCell::new() });
        let tables = others.chain([ledger]).collect();
        Self { inner: Arc::new(Inner { store, tables }) }
    }

    /// The files of one table.
    ///
    /// # Errors
    /// Where the table's log cannot be read.
    pub async fn table(&self, table: Table) -> Result<Arc<TableSnapshot>, StoreError> {
        let pinned = self.inner.tables.iter().find(|one| one.table == table);
        let pinned = pinned.ok_or_else(|| StoreError::rows(table, "the store has no such table"))?;
        let files = pinned.files.get_or_try_init(|| async {
            let state = self.inner.store.at_pin(table, pinned.version).await?;
            Ok::<_, StoreError>(Arc::new(TableSnapshot::of(table, state.as_ref())))
        });
        files.await.cloned()
    }

    /// The directory of the store, absolute.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        self.inner.store.root()
    }
}

/// The visible files of one table.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// Which table.
    pub table: Table,
    /// Its files, by path.
    pub files: Arc<[DataFile]>,
}

impl TableSnapshot {
    fn of(table: Table, state: Option<&TableState>) -> Self {
        Self { table, files: state.map(|state| state.files.iter().map(|file| file.data.clone()).collect()).unwrap_or_default() }
    }

    /// Rows in all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|f| f.rows).sum()
    }
}

/// One Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Its partition, in dated tables: `YYYY-MM-DD` or `unknown`.
    pub event_date: Option<String>,
    /// Earliest `event_time` in it, microseconds UTC, where the table has that column and the file a value.
    pub min_event_time: Option<i64>,
    /// Latest `event_time` in it, microseconds UTC.
    pub max_event_time: Option<i64>,
}
