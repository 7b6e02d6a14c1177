//! Rows in memory: columns by name and type, sorting, gathering.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use backtrail_model::tables::Table;

use crate::StoreError;

/// A column by name, or the error that says it is missing.
fn column<'a, T>(
    table: Table,
    rows: &'a RecordBatch,
    name: &str,
    cast: impl FnOnce(&'a dyn Array) -> Option<&'a T>,
) -> Result<&'a T, StoreError> {
    rows.column_by_name(name)
        .and_then(|a| cast(a.as_ref()))
        .ok_or_else(|| StoreError::rows(table, format!("column {name} is missing or has another type")))
}

pub(crate) fn text<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a StringArray, StoreError> {
    column(table, rows, name, |a| a.as_string_opt::<i32>())
}

pub(crate) fn binary<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a BinaryArray, StoreError> {
    column(table, rows, name, |a| a.as_binary_opt::<i32>())
}

pub(crate) fn long<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, StoreError> {
    column(table, rows, name, |a| a.as_primitive_opt::<Int64Type>())
}

pub(crate) fn int<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a Int32Array, StoreError> {
    column(table, rows, name, |a| a.as_primitive_opt::<Int32Type>())
}

pub(crate) fn time<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a TimestampMicrosecondArray, StoreError> {
    column(table, rows, name, |a| a.as_primitive_opt::<TimestampMicrosecondType>())
}

pub(crate) fn boolean<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a BooleanArray, StoreError> {
    column(table, rows, name, |a| a.as_boolean_opt())
}

/// A text value; an absent one is empty, which no id or hash is.
pub(crate) fn value(array: &StringArray, row: usize) -> &str {
    if array.is_null(row) { "" } else { array.value(row) }
}

/// A place in a list of batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    time: i64,
    tie: u64,
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

impl Place {
    /// Compares two places by the table's order, given the sort keys of their batches.
    pub(crate) fn compare(&self, key: &SortKey, other: &Self, other_key: &SortKey) -> Ordering {
        (self.time, self.tie).cmp(&(other.time, other.tie)).then_with(|| key.compare(self.row as usize, other_key, other.row as usize))
    }
}

/// The columns rows are sorted by, of one batch.
pub(crate) struct SortKey {
    time: Option<TimestampMicrosecondArray>,
    texts: Vec<StringArray>,
    number: Option<Int64Array>,
}

impl SortKey {
    pub(crate) fn of(table: Table, rows: &RecordBatch) -> Result<Self, StoreError> {
        let mut key = SortKey { time: None, texts: Vec::new(), number: None };
        for name in crate::encode::sort_columns(table) {
            match *name {
                "event_time" => key.time = Some(time(table, rows, name)?.clone()),
                "record_index" => key.number = Some(long(table, rows, name)?.clone()),
                _ => key.texts.push(text(table, rows, name)?.clone()),
            }
        }
        Ok(key)
    }

    pub(crate) fn place(&self, batch: u32, row: u32) -> Place {
        let i = row as usize;
        let time = self.time.as_ref().map_or(0, |t| if t.is_null(i) { i64::MIN } else { t.value(i) });
        let mut head = [0u8; 8];
        if let Some(first) = self.texts.first() {
            let bytes = value(first, i).as_bytes();
            let n = bytes.len().min(8);
            head[..n].copy_from_slice(&bytes[..n]);
        }
        Place { time, tie: u64::from_be_bytes(head), batch, row }
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        for (a, b) in self.texts.iter().zip(&other.texts) {
            let order = value(a, row).cmp(value(b, other_row));
            if order != Ordering::Equal {
                return order;
            }
        }
        match (&self.number, &other.number) {
            (Some(a), Some(b)) => a.value(row).cmp(&b.value(other_row)),
            _ => Ordering::Equal,
        }
    }
}

/// The rows of all batches in the table's order: by time, absent first, then by what makes the order the same whatever the arrival.
pub(crate) fn sorted(table: Table, batches: &[RecordBatch]) -> Result<Vec<Place>, StoreError> {
    let keys: Vec<SortKey> = batches.iter().map(|b| SortKey::of(table, b)).collect::<Result<_, _>>()?;
    let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (i, batch) in batches.iter().enumerate() {
        let index = u32::try_from(i).map_err(|e| StoreError::rows(table, e.to_string()))?;
        let count = u32::try_from(batch.num_rows()).map_err(|e| StoreError::rows(table, e.to_string()))?;
        places.extend((0..count).map(|row| keys[i].place(index, row)));
    }
    places.sort_unstable_by(|a, b| a.compare(&keys[a.batch as usize], b, &keys[b.batch as usize]));
    Ok(places)
}

/// The rows at these places, as one batch.
pub(crate) fn gather(table: Table, batches: &[&RecordBatch], places: &[Place]) -> Result<RecordBatch, StoreError> {
    let indices: Vec<(usize, usize)> = places.iter().map(|p| (p.batch as usize, p.row as usize)).collect();
    arrow_select::interleave::interleave_record_batch(batches, &indices).map_err(|e| StoreError::rows(table, e.to_string()))
}
