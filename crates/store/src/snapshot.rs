//! What a reader may read: the files of each table whose batch reached its commit point, with their statistics.

use std::path::PathBuf;

use backtrail_model::tables::Table;

/// The visible files of every table, at one moment.
#[derive(Debug, Clone)]
pub struct StoreSnapshot {
    tables: Vec<TableSnapshot>,
}

impl StoreSnapshot {
    pub(crate) fn new(tables: Vec<TableSnapshot>) -> Self {
        Self { tables }
    }

    /// The files of one table.
    #[must_use]
    pub fn table(&self, table: Table) -> &TableSnapshot {
        // Made with every table, so the position is found; the first stands in for what cannot happen.
        let position = self.tables.iter().position(|t| t.table == table).unwrap_or_default();
        &self.tables[position]
    }
}

/// The visible files of one table.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// Which table.
    pub table: Table,
    /// Its files, by date and path.
    pub files: Vec<DataFile>,
}

impl TableSnapshot {
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
