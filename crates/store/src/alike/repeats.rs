//! Records that stand several times in one piece of evidence, numbered while their file is staged: they have one time, and so stand together in it.
//! Left to the commit, a handful of them would have it write all files anew.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use backtrail_model::tables::{Table, ToldApart};

use super::hash::{Columns, Hash};
use super::light::Lights;
use crate::encode::WRITE_ROWS;
use crate::rows::{self, Place};
use crate::{StoreError, rewrite};

const EVIDENCE_ID: &str = "evidence_id";

/// Numbers the rows that say the same as an earlier one of their evidence, in order of the table's `places`.
pub(crate) fn number(
    table: Table,
    apart: ToldApart,
    batches: &mut [RecordBatch],
    places: &[Place],
    lights: &mut Lights,
) -> Result<(), StoreError> {
    let all: Vec<&RecordBatch> = batches.iter().collect();
    let evidence_of = |row: u32| {
        let Place { batch, row } = places[row as usize];
        evidence_of(all[batch as usize], row as usize)
    };
    let alike = lights.find_alike(|one, other| evidence_of(one) == evidence_of(other));
    let mut met: HashMap<(&str, Hash), Met> = HashMap::new();
    let mut occurrences: HashMap<u32, Vec<(u32, i32)>> = HashMap::new();
    let mut hashes = Vec::new();
    for some in alike.chunks(WRITE_ROWS) {
        let at: Vec<Place> = some.iter().map(|row| places[*row as usize]).collect();
        let rows = rows::gather(table, &all, &at)?;
        let index = rows::long(table, &rows, "record_index")?;
        Columns::of(&rows, apart).hash(&mut hashes);
        for (row, (number, place)) in some.iter().zip(&at).enumerate() {
            let new = Met { first: *number, index: index.value(row), count: 0 };
            let known = met.entry((evidence_of(*number), hashes[row])).or_insert(new);
            // What was read twice is one record: the commit decides which stays.
            if known.index < index.value(row) {
                (known.index, known.count) = (index.value(row), known.count + 1);
                lights.add_repeat(*number, known.first);
                occurrences.entry(place.batch).or_default().push((place.row, known.count));
            }
        }
    }
    occurrences.into_iter().try_for_each(|(batch, numbers)| set(table, &mut batches[batch as usize], &numbers))
}

/// The evidence of a row.
fn evidence_of(batch: &RecordBatch, row: usize) -> &str {
    match rows::numbered(batch, EVIDENCE_ID) {
        Some((numbers, texts)) => rows::value(texts, usize::from(numbers.value(row))),
        None => batch.column_by_name(EVIDENCE_ID).and_then(|column| column.as_string_opt::<i32>()).map_or("", |ids| rows::value(ids, row)),
    }
}

/// What was met of a record.
struct Met {
    /// The row it stands in first.
    first: u32,
    /// Its last place in the evidence.
    index: i64,
    /// How often it was met again.
    count: i32,
}

/// Sets the occurrences of some rows of a batch.
fn set(table: Table, batch: &mut RecordBatch, numbers: &[(u32, i32)]) -> Result<(), StoreError> {
    let failed = |e: arrow_schema::ArrowError| StoreError::rows(table, e.to_string());
    let at = batch.schema_ref().index_of(rewrite::OCCURRENCE).map_err(failed)?;
    let mut values = rows::int(table, batch, rewrite::OCCURRENCE)?.values().to_vec();
    for (row, number) in numbers {
        values[*row as usize] = *number;
    }
    let mut columns = batch.columns().to_vec();
    columns[at] = Arc::new(Int32Array::from(values)) as ArrayRef;
    *batch = RecordBatch::try_new(batch.schema(), columns).map_err(failed)?;
    Ok(())
}
