//! What stops a whole run. What is wrong with one piece of evidence is its fate, not an error.

use backtrail_acquire::AcquireError;
use backtrail_store::StoreError;

/// Why an ingest could not go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An input that cannot be looked for.
    #[error(transparent)]
    Acquire(#[from] AcquireError),
    /// The store cannot take what was read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A worker thread died outside any piece of evidence.
    #[error("internal error: a worker thread died ({0}); what was committed is in the store, run the same command again")]
    Worker(String),
}
