//! A store directory: opening it, reading its log and ledger, beginning batches.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backtrail_model::evidence::EvidenceRow;

use crate::{Batch, BatchOptions, CompactOptions, CompactSummary, StoreError, StoreSnapshot};

/// A store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
}

impl Store {
    /// Opens the store at `root`, or makes one there.
    pub async fn open_or_create(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { inner: Arc::new(Inner { root: root.to_owned() }) })
    }

    /// Opens the store at `root`.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        Err(StoreError::NoStore { path: root.to_owned() })
    }

    /// The store's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The files a reader may read now: only those whose batch reached its commit point.
    pub async fn snapshot(&self) -> Result<StoreSnapshot, StoreError> {
        Err(StoreError::NoStore { path: self.inner.root.clone() })
    }

    /// The ledger: one row per piece of evidence and decoder, by evidence id.
    pub async fn evidence(&self) -> Result<Vec<EvidenceRow>, StoreError> {
        Err(StoreError::NoStore { path: self.inner.root.clone() })
    }

    /// Begins a batch of evidence.
    pub async fn begin(&self, _options: BatchOptions) -> Result<Batch, StoreError> {
        Err(StoreError::NoStore { path: self.inner.root.clone() })
    }

    /// Merges what many runs left into files of a sane size, and deletes what nothing mentions any more.
    pub async fn compact(&self, _options: CompactOptions) -> Result<CompactSummary, StoreError> {
        Err(StoreError::NoStore { path: self.inner.root.clone() })
    }
}
