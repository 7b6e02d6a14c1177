//! Derived tables made anew from the records of a store, by the decoders that made them first.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_cloudtrail::{DERIVED, Derivation};
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::stored::{StoredCopy, StoredEvent};
use backtrail_model::tables::Table;
use backtrail_store::{Derive, Rebuild, RebuildSummary, Store, StoreError};

use crate::IngestOptions;
use crate::batches::batch_options;

/// Makes what the records of a store imply anew (`credentials`, `event_arns`, `interfaces`, `pivotal_calls`), as this version does.
///
/// # Errors
/// Where the store cannot be read or written; it is then as it was.
pub async fn rebuild(store: &Store, options: &IngestOptions) -> Result<RebuildSummary, StoreError> {
    store.rebuild(batch_options(options), Arc::new(CloudTrail)).await
}

struct CloudTrail;

impl Rebuild for CloudTrail {
    fn tables(&self) -> &[Table] {
        &DERIVED
    }

    fn decoder(&self) -> &str {
        backtrail_cloudtrail::NAME
    }

    fn derive(&self) -> Box<dyn Derive> {
        Box::new(Rows(Derivation::default()))
    }

    fn version_after(&self, row: &EvidenceRow) -> i32 {
        if row.decoder != backtrail_cloudtrail::NAME {
            return row.decoder_version;
        }
        Derivation::version_after(row.decoder_version, &row.kind, row.reason.as_deref())
    }

    fn is_of_older(&self, row: &EvidenceRow) -> bool {
        row.decoder == backtrail_cloudtrail::NAME && row.decoder_version < backtrail_cloudtrail::VERSION
    }
}

/// Rows of one thread.
struct Rows(Derivation);

impl Derive for Rows {
    fn take(&mut self, event: &StoredEvent<'_>, copies: &[StoredCopy]) -> bool {
        self.0.add(event, copies)
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }

    fn rows(&mut self) -> Vec<(Table, RecordBatch)> {
        self.0.take()
    }
}
