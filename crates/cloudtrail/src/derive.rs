//! What a record implies beside its own row: `credentials`, `event_arns`, `interfaces` and `pivotal_calls`.
//!
//! All of it is made of the record alone, so that it can be made again from the store, without the evidence: [`Derivation`].

use arrow_array::RecordBatch;
use backtrail_model::calls::is_pivotal;
use backtrail_model::evidence::{RawForm, Route};
use backtrail_model::stored::{StoredCopy, StoredEvent};
use backtrail_model::tables::Table;

use crate::fields::{F, Fields};
use crate::index::Index;
use crate::output::{DateText, Identity, Record, fill};
use crate::reread::read_again;
use crate::rows::{Cell, Rows};
use crate::{credentials, event_arns, interfaces};

/// The tables.
pub const DERIVED: [Table; 4] = [Table::Credentials, Table::EventArns, Table::Interfaces, Table::PivotalCalls];
/// The first version that read evidence as today's does: what later ones added is in the derived tables alone. Version 6 finds records that earlier
/// ones passed over, which no store of theirs has.
const ROWS_SINCE: i32 = 6;
/// The same, of evidence that not every version read alike.
const OTHERWISE_READ_SINCE: i32 = 8;

/// Columns of `pivotal_calls` that are fields of the record.
const PIVOTAL_TEXTS: [F; 5] = [F::EventId, F::EventName, F::EventSource, F::RecipientAccountId, F::AwsRegion];

/// Where a copy of an event stands: its time, its evidence, its date.
pub(crate) type Standing<'a> = (Option<i64>, &'a str, &'a str);

/// Rows of the derived tables in the making. What few records have takes no room before the first of them.
#[derive(Debug)]
pub(crate) struct Derived {
    credentials: Option<Rows>,
    event_arns: Rows,
    interfaces: Option<Rows>,
    pivotal: Option<Rows>,
}

impl Default for Derived {
    fn default() -> Self {
        Self { credentials: None, event_arns: Rows::new(Table::EventArns), interfaces: None, pivotal: None }
    }
}

impl Derived {
    /// Adds what a copy of an event implies; false where it names more than are tied to one event.
    pub(crate) fn add(&mut self, record: &Record<'_>, identity: &Identity, at: Standing<'_>) -> bool {
        if let Some(issued) = credentials::issued(record) {
            let rows = self.credentials.get_or_insert_with(|| Rows::new(Table::Credentials));
            credentials::add(rows, record, &issued, identity, at);
        }
        let observed = interfaces::observed(record);
        if !observed.is_empty() {
            let rows = self.interfaces.get_or_insert_with(|| Rows::new(Table::Interfaces));
            observed.iter().for_each(|observation| interfaces::add(rows, record, observation, at));
        }
        event_arns::add(&mut self.event_arns, record, at)
    }

    /// Adds the record of a call that later events depend on.
    pub(crate) fn add_pivotal(&mut self, record: &Record<'_>, identity: &Identity, (time, evidence_id, date): Standing<'_>) {
        if !record.text(F::EventName).is_some_and(|name| is_pivotal(&name)) {
            return;
        }
        let rows = self.pivotal.get_or_insert_with(|| Rows::new(Table::PivotalCalls));
        fill(rows, &[time], &PIVOTAL_TEXTS, record);
        rows.end_row(1 + PIVOTAL_TEXTS.len(), &identity.provenance(Cell::Text(record.raw), record, evidence_id, date));
        rows.bytes += record.raw.len();
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Rows> {
        [Some(&self.event_arns), self.credentials.as_ref(), self.interfaces.as_ref(), self.pivotal.as_ref()].into_iter().flatten()
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Rows> {
        [Some(&mut self.event_arns), self.credentials.as_mut(), self.interfaces.as_mut(), self.pivotal.as_mut()].into_iter().flatten()
    }
}

/// Makes the rows of the derived tables again, from records of a store.
#[derive(Debug, Default)]
pub struct Derivation {
    derived: Derived,
    fields: Fields,
    index: Index,
    date: DateText,
}

impl Derivation {
    /// Takes an event with its copies, the shown one first. False where it has no text of its own: nothing was added.
    pub fn add(&mut self, event: &StoredEvent<'_>, copies: &[StoredCopy]) -> bool {
        let Some(form) = RawForm::named(event.raw_form).filter(|form| *form != RawForm::Projected) else { return false };
        if !read_again(event.raw, &mut self.fields, &mut self.index) {
            return false;
        }
        let date = self.date.of(event.event_time);
        for (number, copy) in copies.iter().enumerate() {
            let record = Record::kept(event.raw, &self.fields, copy.record_index, form);
            let identity = Identity::kept(&copy.record_sha256, event.dedupe_key, copy.copy_rank, event.id_conflict);
            let at = (event.event_time, &*copy.evidence_id, date);
            // More things than are tied to one event: as many as there are room for, as when it was taken in.
            self.derived.add(&record, &identity, at);
            if number == 0 {
                self.derived.add_pivotal(&record, &identity, at);
            }
        }
        true
    }

    /// Whether there are enough rows to be written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.derived.all().any(Rows::is_full)
    }

    /// The rows made since the last time.
    pub fn take(&mut self) -> Vec<(Table, RecordBatch)> {
        self.derived.all_mut().filter_map(Rows::take).collect()
    }

    /// The version that evidence is of, which this version of the decoder read, once its derived rows are made again. `kind` and `remark` are
    /// those of the ledger.
    #[must_use]
    pub fn version_after(version: i32, kind: &str, remark: Option<&str>) -> i32 {
        let is_read_alike = version >= OTHERWISE_READ_SINCE || !is_read_otherwise(kind, remark);
        if version >= ROWS_SINCE && is_read_alike { version.max(crate::VERSION) } else { version }
    }
}

/// Whether version 8 reads evidence otherwise: tables whose records are made of cells, and compressed data that something follows.
fn is_read_otherwise(kind: &str, remark: Option<&str>) -> bool {
    let is_table = [Route::Lake, Route::Wrapped].into_iter().any(|route| kind.contains(crate::shape(route)));
    is_table || remark.is_some_and(|remark| remark.contains(" bytes that are not "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_that_is_read_otherwise_is_not_called_up_to_date() {
        let trail = "CloudTrail (trail file)";
        assert_eq!(Derivation::version_after(7, trail, None), crate::VERSION);
        assert_eq!(Derivation::version_after(ROWS_SINCE - 1, trail, None), ROWS_SINCE - 1);
        for (kind, remark) in [
            ("CloudTrail (CloudTrail Lake results)", None),
            ("CloudTrail (records wrapped by an index or pipeline)", None),
            (trail, Some("924 bytes that are not gzip follow the gzip data (from byte 1); they were not read")),
        ] {
            assert_eq!(Derivation::version_after(7, kind, remark), 7, "{kind}");
            assert_eq!(Derivation::version_after(8, kind, remark), crate::VERSION, "{kind}");
        }
        assert_eq!(Derivation::version_after(7, trail, Some("512 zero bytes follow the gzip data (from byte 1)")), crate::VERSION);
    }
}
