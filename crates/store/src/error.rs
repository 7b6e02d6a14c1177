//! What can go wrong, with the path and what to do about it.

use std::path::PathBuf;

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
}
