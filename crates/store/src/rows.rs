//! Rows in memory: columns by name and type, sorting, gathering.

mod seconds;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt16Array, new_null_array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::dictionary::garbage_collect_dictionary;
use arrow_select::interleave::interleave;
use backtrail_model::tables::Table;
use hashbrown::HashMap;

use crate::StoreError;

/// A column by name, or the error that says it is missing.
fn column<'a, T: ?Sized>(
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

/// A text column, plain or by number, with its text plain.
pub(crate) fn plain(table: Table, rows: &RecordBatch, name: &str) -> Result<StringArray, StoreError> {
    let array = column(table, rows, name, Some)?;
    match array.as_string_opt::<i32>() {
        Some(text) => Ok(text.clone()),
        None => {
            let plain = arrow_cast::cast(array, &DataType::Utf8).map_err(|e| StoreError::rows(table, e.to_string()))?;
            plain.as_string_opt::<i32>().cloned().ok_or_else(|| StoreError::rows(table, format!("column {name} is no text")))
        }
    }
}

/// A text column whose texts come by number: of each row the number, and the texts.
pub(crate) fn numbered<'a>(rows: &'a RecordBatch, name: &str) -> Option<(&'a UInt16Array, &'a StringArray)> {
    let array = rows.column_by_name(name)?.as_dictionary_opt::<UInt16Type>()?;
    Some((array.keys(), array.values().as_string_opt::<i32>()?))
}

/// A column of views, as rows wait to be written.
pub(crate) fn views<'a>(table: Table, rows: &'a RecordBatch, name: &str) -> Result<&'a BinaryViewArray, StoreError> {
    column(table, rows, name, |a| a.as_binary_view_opt())
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

/// A table's columns as rows wait to be written: those decoders give, without the date, which partitions them.
pub(crate) fn waiting_schema(table: Table) -> SchemaRef {
    let given = table.row_schema();
    Arc::new(Schema::new(given.fields().iter().take(table.columns().len()).cloned().collect::<Vec<_>>()))
}

/// Rows, as a decoder gave them or with all text plain, as they wait to be written. The text itself stays where it is.
pub(crate) fn waiting(table: Table, rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
    let schema = waiting_schema(table);
    let fit = |(column, field): (&ArrayRef, &Arc<Field>)| -> ArrayRef {
        match column.as_string_opt::<i32>() {
            Some(text) if *field.data_type() == DataType::BinaryView => Arc::new(StringViewArray::from(text).to_binary_view()),
            _ => Arc::clone(column),
        }
    };
    let columns = rows.columns().iter().zip(schema.fields()).map(fit).collect();
    RecordBatch::try_new(schema, columns).map_err(|e| StoreError::rows(table, e.to_string()))
}

/// Some rows of a batch with their text copied, so that they do not keep the text of the others in memory.
pub(crate) fn on_their_own(table: Table, rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
    let own = |a: &ArrayRef| -> ArrayRef {
        let numbered = || a.as_dictionary_opt::<UInt16Type>().and_then(|texts| garbage_collect_dictionary(texts).ok());
        match a.as_binary_view_opt() {
            Some(text) => Arc::new(text.gc()),
            None => numbered().map_or_else(|| Arc::clone(a), |texts| Arc::new(texts) as ArrayRef),
        }
    };
    RecordBatch::try_new(rows.schema(), rows.columns().iter().map(own).collect()).map_err(|e| StoreError::rows(table, e.to_string()))
}

/// Bytes that rows take. Arrays that builders made have room behind their values, which is address space and not memory;
/// what columns share counts once.
pub(crate) fn bytes_of(rows: &RecordBatch) -> usize {
    let mut counted = HashSet::new();
    let mut bytes = 0;
    for column in rows.columns() {
        let data = column.to_data();
        // Texts by number are in a part of their own.
        for data in std::iter::once(&data).chain(data.child_data()) {
            for buffer in data.buffers().iter().chain(data.nulls().map(|n| n.buffer())) {
                if counted.insert(buffer.as_ptr()) {
                    bytes += buffer.len();
                }
            }
        }
    }
    bytes
}

/// A text value; an absent one is empty, which no id or hash is.
pub(crate) fn value(array: &StringArray, row: usize) -> &str {
    if array.is_null(row) { "" } else { array.value(row) }
}

/// Whether every value of a column without absent ones is this text: seen by a look at all of them at once.
pub(crate) fn are_all(array: &StringArray, text: &str) -> bool {
    let (offsets, bytes) = (array.value_offsets(), array.value_data());
    let (Some(from), Some(to)) = (offsets.first(), offsets.last()) else { return true };
    let are_of_length = offsets.windows(2).all(|pair| usize::try_from(pair[1] - pair[0]) == Ok(text.len()));
    let all = usize::try_from(*from).ok().zip(usize::try_from(*to).ok()).and_then(|(from, to)| bytes.get(from..to));
    // Equal to itself one value further on.
    array.null_count() == 0
        && are_of_length
        && all.is_some_and(|all| all.starts_with(text.as_bytes()) && all.get(text.len()..) == all.get(..all.len() - text.len()))
}

/// The text that a view of bytes is of. What a decoder gave is UTF-8; were it not, it would state nothing.
pub(crate) fn utf8(views: &BinaryViewArray, row: usize) -> &str {
    std::str::from_utf8(views.value(row)).unwrap_or_default()
}

/// A place in a list of batches. Each column that is written goes over the places of all its rows: they are small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

/// A place with the beginning of what it is sorted by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sortable {
    head: (u64, u64),
    pub(crate) place: Place,
}

impl Sortable {
    /// Compares two places by the table's order, given the sort keys of their batches.
    pub(crate) fn compare(&self, key: &SortKey, other: &Self, other_key: &SortKey) -> Ordering {
        self.head.cmp(&other.head).then_with(|| key.compare(self.place.row as usize, other_key, other.place.row as usize))
    }
}

/// A column rows are sorted by.
enum SortColumn {
    Time(TimestampMicrosecondArray),
    Text(StringArray),
    Number(Int64Array),
}

/// The columns rows are sorted by, of one batch.
pub(crate) struct SortKey(Vec<SortColumn>);

impl SortKey {
    pub(crate) fn of(table: Table, rows: &RecordBatch) -> Result<Self, StoreError> {
        let column = |name: &&'static str| {
            Ok(match *name {
                "event_time" => SortColumn::Time(time(table, rows, name)?.clone()),
                "record_index" => SortColumn::Number(long(table, rows, name)?.clone()),
                _ => SortColumn::Text(plain(table, rows, name)?),
            })
        };
        table.sorted_by().iter().map(column).collect::<Result<_, _>>().map(Self)
    }

    /// The head of a place orders most rows without a look at the columns: the time and the beginning of the text that follows, or
    /// the beginning of the text that comes first.
    pub(crate) fn place(&self, batch: u32, row: u32) -> Sortable {
        let i = row as usize;
        let head = match self.0.as_slice() {
            [SortColumn::Time(time), SortColumn::Text(text), ..] => (time_rank(time, i), bytes_at(text, i, 0)),
            [SortColumn::Text(text), ..] => (bytes_at(text, i, 0), bytes_at(text, i, 8)),
            _ => (0, 0),
        };
        Sortable { head, place: Place { batch, row } }
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let mut columns = self.0.iter().zip(&other.0).map(|pair| match pair {
            (SortColumn::Time(a), SortColumn::Time(b)) => time_rank(a, row).cmp(&time_rank(b, other_row)),
            (SortColumn::Text(a), SortColumn::Text(b)) => value(a, row).cmp(value(b, other_row)),
            (SortColumn::Number(a), SortColumn::Number(b)) => a.value(row).cmp(&b.value(other_row)),
            // Batches of one table have the same columns.
            _ => Ordering::Equal,
        });
        columns.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// A time as a number of the same order; an absent one comes first.
fn time_rank(array: &TimestampMicrosecondArray, row: usize) -> u64 {
    let time = if array.is_null(row) { i64::MIN } else { array.value(row) };
    (time as u64) ^ (1 << 63)
}

/// Eight bytes of a text from a place on, as a number of the same order.
fn bytes_at(array: &StringArray, row: usize, from: usize) -> u64 {
    let bytes = value(array, row).as_bytes();
    let rest = &bytes[from.min(bytes.len())..];
    let mut head = [0u8; 8];
    let n = rest.len().min(8);
    head[..n].copy_from_slice(&rest[..n]);
    u64::from_be_bytes(head)
}

/// The rows of all batches in the table's order, which is the same whatever the arrival.
pub(crate) fn sorted(table: Table, batches: &[RecordBatch]) -> Result<Vec<Place>, StoreError> {
    if let Some(places) = seconds::sorted(table, batches)? {
        return Ok(places);
    }
    let keys: Vec<SortKey> = batches.iter().map(|b| SortKey::of(table, b)).collect::<Result<_, _>>()?;
    let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (i, batch) in batches.iter().enumerate() {
        let index = u32::try_from(i).map_err(|e| StoreError::rows(table, e.to_string()))?;
        let count = u32::try_from(batch.num_rows()).map_err(|e| StoreError::rows(table, e.to_string()))?;
        places.extend((0..count).map(|row| keys[i].place(index, row)));
    }
    if let Some([SortColumn::Text(_), SortColumn::Time(_), ..]) = keys.first().map(|key| key.0.as_slice()) {
        rank(&keys, &mut places);
    }
    places.sort_unstable_by(|a, b| a.compare(&keys[a.place.batch as usize], b, &keys[b.place.batch as usize]));
    Ok(places.into_iter().map(|sorted| sorted.place).collect())
}

/// Where a text orders rows before their time does, rows of one text are many (nearly all that issues credentials is AssumeRole): texts are put in
/// order once, each, and rows by the rank of theirs and by their time, as numbers.
fn rank(keys: &[SortKey], places: &mut [Sortable]) {
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut times = Vec::with_capacity(places.len());
    for Sortable { head, place } in places.iter_mut() {
        let [SortColumn::Text(text), SortColumn::Time(time), ..] = keys[place.batch as usize].0.as_slice() else { return };
        let next = numbers.len() as u64;
        head.0 = *numbers.entry(value(text, place.row as usize)).or_insert(next);
        times.push(time_rank(time, place.row as usize));
    }
    let mut texts: Vec<(&str, u64)> = numbers.into_iter().collect();
    texts.sort_unstable();
    let mut ranks = vec![0; texts.len()];
    for (rank, (_, number)) in (0..).zip(texts) {
        ranks[usize::try_from(number).unwrap_or_default()] = rank;
    }
    for (Sortable { head, .. }, time) in places.iter_mut().zip(times) {
        *head = (ranks[usize::try_from(head.0).unwrap_or_default()], time);
    }
}

/// The rows at these places, as one batch.
pub(crate) fn gather(table: Table, batches: &[&RecordBatch], places: &[Place]) -> Result<RecordBatch, StoreError> {
    let schema = batches.first().map_or_else(|| waiting_schema(table), |batch| batch.schema());
    if places.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    let gather = Gather::new(batches, places);
    let columns = (0..schema.fields().len()).flat_map(|column| gather.column(column, places.len())).collect::<Result<Vec<_>, _>>();
    columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&schema), columns)).map_err(|e| StoreError::rows(table, e.to_string()))
}

/// Rows that stand at some places of some batches, gathered column by column.
pub(crate) struct Gather<'a> {
    batches: &'a [&'a RecordBatch],
    indices: Vec<(usize, usize)>,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(batches: &'a [&'a RecordBatch], places: &[Place]) -> Self {
        Self { batches, indices: places.iter().map(|p| (p.batch as usize, p.row as usize)).collect() }
    }

    /// A column, so many rows at a time.
    pub(crate) fn column(&self, column: usize, at_once: usize) -> impl Iterator<Item = Result<ArrayRef, ArrowError>> {
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        // Many columns are of events that few estates have.
        let is_empty = arrays.iter().all(|array| array.null_count() == array.len());
        self.indices.chunks(at_once).map(move |indices| match arrays.first() {
            Some(first) if is_empty => Ok(new_null_array(first.data_type(), indices.len())),
            _ => interleave(&arrays, indices),
        })
    }
}
