//! Tables that keep every copy (`event_origins`, `credentials`, `event_arns`, `interfaces`, `rejects`): evidence read again must not double its rows.

use std::collections::HashSet;

use arrow_array::{Array, RecordBatch};
use backtrail_model::tables::Table;

use crate::copies::{self, Key, Sha};
use crate::rewrite::{Edit, Source};
use crate::settle::Readings;
use crate::{StoreError, rows};

/// What makes a row of these tables one of a kind.
type Identity = (Sha, i64, Key);

/// The rows to drop from each source, the first `stored` of which are in the store.
///
/// A later reading by the same version of the decoder only adds what the store does not have; one by another version replaces all.
pub(crate) fn unique(table: Table, sources: &[Source], stored: usize, readings: &Readings) -> Result<Vec<Edit>, StoreError> {
    let mut edits = vec![Edit::default(); sources.len()];
    if readings.again.is_empty() {
        return Ok(edits);
    }
    let columns: &[&str] = match table {
        Table::Rejects => &["evidence_id", "record_index", "byte_offset"],
        Table::EventArns => &["evidence_id", "record_index", "arn"],
        _ => &["evidence_id", "record_index", "dedupe_key"],
    };
    let mut known: HashSet<Identity> = HashSet::new();
    for (i, (source, edit)) in sources.iter().zip(&mut edits).enumerate() {
        source.scan(columns, None, |batch, numbers| {
            let evidence = rows::text(table, batch, "evidence_id")?;
            for (row, number) in numbers.iter().enumerate() {
                let id = rows::value(evidence, row);
                if !readings.again.contains(id) {
                    continue;
                }
                let is_outdated = i < stored && readings.replaced.contains(id);
                if is_outdated || !known.insert(identity(table, batch, id, row)?) {
                    edit.drop.push(*number);
                }
            }
            Ok(())
        })?;
    }
    Ok(edits)
}

fn identity(table: Table, batch: &RecordBatch, evidence: &str, row: usize) -> Result<Identity, StoreError> {
    let index = rows::long(table, batch, "record_index")?.value(row);
    let key = match table {
        Table::Rejects => {
            let offset = rows::long(table, batch, "byte_offset")?;
            let offset = if offset.is_null(row) { -1 } else { offset.value(row) };
            i128::from(offset).to_be_bytes()
        }
        Table::EventArns => copies::key(rows::value(rows::text(table, batch, "arn")?, row).as_bytes()),
        _ => copies::key(rows::binary(table, batch, "dedupe_key")?.value(row)),
    };
    Ok((copies::sha(evidence), index, key))
}
