//! An archive is done when all its members are: only then may the ledger say that it need not be opened again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use backtrail_model::evidence::{EvidenceRow, Fate};

/// An archive being unpacked, its members perhaps on several threads.
#[derive(Debug)]
pub(crate) struct OpenArchive {
    /// Members not done yet, and one for the unpacking itself.
    pending: AtomicU64,
    /// Members that could not be read whole.
    troubled: AtomicU64,
    /// Its row, once unpacking has ended.
    row: Mutex<Option<EvidenceRow>>,
    /// The archive around it.
    parent: Option<Arc<OpenArchive>>,
}

impl OpenArchive {
    pub(crate) fn new(parent: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { pending: AtomicU64::new(1), troubled: AtomicU64::new(0), row: Mutex::new(None), parent })
    }

    /// Another member is on its way.
    pub(crate) fn expect_one(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    /// All members were handed out; this is the archive's own row.
    pub(crate) fn unpacked(self: &Arc<Self>, row: EvidenceRow) -> Vec<EvidenceRow> {
        *self.row.lock().unwrap_or_else(PoisonError::into_inner) = Some(row);
        self.done_one(Fate::Kept)
    }

    /// A member is done. Returns the rows of the archives that are done with it, inner ones first.
    pub(crate) fn done_one(self: &Arc<Self>, fate: Fate) -> Vec<EvidenceRow> {
        if matches!(fate, Fate::Partial | Fate::Failed) {
            self.troubled.fetch_add(1, Ordering::AcqRel);
        }
        if self.pending.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Vec::new();
        }
        let Some(mut row) = self.row.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Vec::new() };
        let troubled = self.troubled.load(Ordering::Acquire);
        if troubled > 0 && row.fate == Fate::Kept {
            row.fate = Fate::Partial;
            row.reason = Some(format!("{troubled} of its members could not be read whole"));
        }
        let outer = self.parent.as_ref().map(|p| p.done_one(row.fate)).unwrap_or_default();
        std::iter::once(row).chain(outer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::row;

    #[test]
    fn an_archive_is_done_after_its_last_member_whatever_the_order() {
        let outer = OpenArchive::new(None);
        outer.expect_one();
        let inner = OpenArchive::new(Some(Arc::clone(&outer)));
        inner.expect_one();
        inner.expect_one();
        assert!(inner.done_one(Fate::Kept).is_empty());
        assert!(inner.unpacked(row(Fate::Kept, None)).is_empty());
        assert!(outer.unpacked(row(Fate::Kept, None)).is_empty());
        let rows = inner.done_one(Fate::Partial);
        assert_eq!(rows.len(), 2, "the inner and then the outer");
        assert!(rows.iter().all(|r| r.fate == Fate::Partial), "a member that was not read whole shows in both");
    }
}
