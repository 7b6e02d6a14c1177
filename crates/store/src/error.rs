//! What can go wrong, with the path, the table and what to do about it.

use std::path::{Path, PathBuf};

use backtrail_model::tables::Table;
use deltalake::DeltaTableError;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store at this place.
    #[error("no store at {path}: run `backtrail ingest <evidence>` to make one, or name another with --store")]
    NoStore {
        /// Where it was sought.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error("the store at {path} has format {found}, this program knows up to {known}: use a newer backtrail")]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// Written by an earlier version.
    #[error("the store at {path} has format {found}, this program writes {known}: ingest the evidence again into a new directory")]
    Older {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The file that states the format cannot be read.
    #[error("{path} does not say which format the store has ({message}): restore it, or ingest into a new directory")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A data file could not be read or written.
    #[error("cannot {action} {path}")]
    Parquet {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// A table's log could not be read or written.
    #[error("cannot {action} the log of table {table} at {path}")]
    Log {
        /// What was tried.
        action: &'static str,
        /// The table.
        table: &'static str,
        /// Its directory.
        path: PathBuf,
        /// Why not.
        source: Box<DeltaTableError>,
    },
    /// Rows do not have the table's columns.
    #[error("rows for table {table} do not fit it: {message}")]
    Rows {
        /// The table.
        table: &'static str,
        /// What does not fit.
        message: String,
    },
    /// Rows came for evidence that was never finished.
    #[error("evidence {evidence_id} has rows in this batch but was never finished: nothing of the batch was committed")]
    Unfinished {
        /// The evidence.
        evidence_id: String,
    },
    /// The identity of promise 1 does not hold.
    #[error(
        "the counts of evidence {evidence_id} do not add up ({message}): nothing of the batch was committed; this is a defect, please report it"
    )]
    Unbalanced {
        /// The evidence.
        evidence_id: String,
        /// The counts.
        message: String,
    },
    /// Another writer was always faster.
    #[error("another writer changed the store at {path} {attempts} times while this one was committing: run the command again")]
    Contended {
        /// The store.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// A task of the store's own was cancelled or failed.
    #[error("work on the store was interrupted ({message}): run the command again")]
    Interrupted {
        /// What is known of it.
        message: String,
    },
}

/// Says which file an I/O error is about.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for Result<T, std::io::Error> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { action, path: path.to_owned(), source })
    }
}

impl<T> At<T> for Result<T, parquet::errors::ParquetError> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Parquet { action, path: path.to_owned(), source })
    }
}

impl<T> At<T> for Result<T, arrow_schema::ArrowError> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|e| StoreError::Parquet { action, path: path.to_owned(), source: e.into() })
    }
}

impl StoreError {
    pub(crate) fn rows(table: Table, message: impl Into<String>) -> Self {
        Self::Rows { table: table.name(), message: message.into() }
    }
}

/// Runs work that blocks or computes away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::Interrupted { message: e.to_string() })?
}
