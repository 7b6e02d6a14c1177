//! Data files read in part, and written anew with rows dropped or changed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use backtrail_model::tables::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::metadata::PageIndexPolicy;

use crate::StoreError;
use crate::encode::{self, Part, PartWriter, WRITE_ROWS};
use crate::error::At;
use crate::rows;
use crate::splice::splice;
use crate::staged_rows::Provenance;

/// The columns that say where a copy came from.
const PROVENANCE: [&str; 4] = ["raw_form", "copy_rank", "evidence_id", "record_index"];
pub(crate) const ID_CONFLICT: &str = "id_conflict";
/// Which of the equal records of its evidence a row is.
pub(crate) const OCCURRENCE: &str = "occurrence";

/// A data file to read: staged, or in the store.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) table: Table,
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
}

impl Source {
    /// Hands out some columns, of all rows or of the given ones (ascending), with the numbers of the rows in each batch.
    pub(crate) fn scan(
        &self,
        columns: &[&str],
        wanted: Option<&[u32]>,
        each: impl FnMut(&RecordBatch, &[u32]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.scan_by(columns, wanted, WRITE_ROWS, each)
    }

    /// The same, so many rows at a time.
    pub(crate) fn scan_by(
        &self,
        columns: &[&str],
        wanted: Option<&[u32]>,
        at_once: usize,
        mut each: impl FnMut(&RecordBatch, &[u32]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let file = File::open(path).at("open", path)?;
        let options = ArrowReaderOptions::new().with_page_index_policy(if wanted.is_some() {
            PageIndexPolicy::Optional
        } else {
            PageIndexPolicy::Skip
        });
        let mut builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).at("read", path)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), encode::projection(self.table, columns).iter().copied());
        let total = usize::try_from(self.rows).unwrap_or(usize::MAX);
        if let Some(rows) = wanted {
            let ranges = rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0] as usize..run[0] as usize + run.len());
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, total));
        }
        let mut done = 0;
        let mut numbers = Vec::new();
        for batch in builder.with_projection(mask).with_batch_size(at_once).build().at("read", path)? {
            let batch = batch.at("read", path)?;
            let count = batch.num_rows();
            numbers.clear();
            match wanted {
                Some(rows) => numbers.extend_from_slice(rows.get(done..done + count).unwrap_or_default()),
                None => numbers.extend((done..done + count).map(|n| u32::try_from(n).unwrap_or(u32::MAX))),
            }
            done += count;
            each(&batch, &numbers)?;
        }
        Ok(())
    }
}

/// What changes in a file, by the numbers of its rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    /// Rows that go.
    pub(crate) drop: Vec<u32>,
    /// Rows that get `id_conflict`.
    pub(crate) mark: Vec<u32>,
    /// Rows that take over the provenance of another copy of equal bytes.
    pub(crate) adopt: Vec<(u32, Provenance)>,
    /// Rows that get another `occurrence`.
    pub(crate) number: Vec<(u32, i32)>,
}

impl Edit {
    pub(crate) fn is_empty(&self) -> bool {
        self.drop.is_empty() && self.mark.is_empty() && self.adopt.is_empty() && self.number.is_empty()
    }

    /// Adds what is to change beside.
    pub(crate) fn join(&mut self, more: Self) {
        self.drop.extend(more.drop);
        self.mark.extend(more.mark);
        self.adopt.extend(more.adopt);
        self.number.extend(more.number);
    }

    fn sort(&mut self) {
        self.drop.sort_unstable();
        self.drop.dedup();
        self.mark.sort_unstable();
        self.adopt.sort_unstable_by_key(|(row, _)| *row);
        self.number.sort_unstable();
    }

    /// The columns whose values change in rows that stay.
    fn changed_columns(&self) -> Vec<&'static str> {
        let adopted: &[&str] = if self.adopt.is_empty() { &[] } else { &PROVENANCE };
        let marked: &[&str] = if self.mark.is_empty() { &[] } else { &[ID_CONFLICT] };
        let numbered: &[&str] = if self.number.is_empty() { &[] } else { &[OCCURRENCE] };
        [adopted, marked, numbered].concat()
    }

    fn adopted(&self, row: u32) -> Option<&Provenance> {
        self.adopt.binary_search_by_key(&row, |(r, _)| *r).ok().map(|at| &self.adopt[at].1)
    }

    /// The rows with their new values, given their numbers; only the changed columns need be there.
    fn apply(&self, table: Table, batch: &RecordBatch, numbers: impl Fn(usize) -> u32) -> Result<RecordBatch, StoreError> {
        let adopted: Vec<Option<&Provenance>> = (0..batch.num_rows()).map(|i| self.adopted(numbers(i))).collect();
        let mut columns = batch.columns().to_vec();
        for (field, column) in batch.schema_ref().fields().iter().zip(&mut columns) {
            let name = field.name().as_str();
            if name == ID_CONFLICT && !self.mark.is_empty() {
                let old = rows::boolean(table, batch, name)?;
                let is_marked = |i: usize| (old.is_valid(i) && old.value(i)) || self.mark.binary_search(&numbers(i)).is_ok();
                *column = Arc::new((0..batch.num_rows()).map(|i| Some(is_marked(i))).collect::<BooleanArray>());
            } else if name == OCCURRENCE && !self.number.is_empty() {
                let old = rows::int(table, batch, name)?;
                let number = |i: usize| self.number.binary_search_by_key(&numbers(i), |(row, _)| *row).map(|at| self.number[at].1);
                *column = Arc::new((0..batch.num_rows()).map(|i| Some(number(i).unwrap_or_else(|_| old.value(i)))).collect::<Int32Array>());
            } else if PROVENANCE.contains(&name) && !self.adopt.is_empty() {
                *column = adopt(table, batch, name, &adopted)?;
            }
        }
        RecordBatch::try_new(batch.schema(), columns).map_err(|e| StoreError::rows(table, e.to_string()))
    }
}

/// A column of provenance, with the values of the adopted copies.
fn adopt(table: Table, batch: &RecordBatch, name: &str, adopted: &[Option<&Provenance>]) -> Result<ArrayRef, StoreError> {
    let values = adopted.iter().enumerate();
    Ok(match name {
        "record_index" => {
            let old = rows::long(table, batch, name)?;
            Arc::new(values.map(|(i, a)| Some(a.map_or_else(|| old.value(i), |a| a.record_index))).collect::<Int64Array>())
        }
        "copy_rank" => {
            let old = rows::int(table, batch, name)?;
            Arc::new(values.map(|(i, a)| Some(a.map_or_else(|| old.value(i), |a| a.copy_rank))).collect::<Int32Array>())
        }
        _ => {
            let old = rows::text(table, batch, name)?;
            let new = |a: &'_ Provenance| if name == "raw_form" { Arc::clone(&a.raw_form) } else { Arc::clone(&a.evidence_id) };
            Arc::new(values.map(|(i, a)| Some(a.map_or_else(|| old.value(i).into(), new))).collect::<StringArray>())
        }
    })
}

/// Where a file's new version goes.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) name: String,
    pub(crate) event_date: Option<String>,
}

/// Writes a file anew, in the same order; nothing where no row is left.
pub(crate) fn rewrite(source: &Source, mut edit: Edit, to: Destination<'_>) -> Result<Option<Part>, StoreError> {
    edit.sort();
    if edit.drop.len() as u64 >= source.rows {
        return Ok(None);
    }
    let table = source.table;
    if edit.drop.is_empty() {
        let at = |first: u32, i: usize| first.saturating_add(u32::try_from(i).unwrap_or(u32::MAX));
        return splice(source, &edit.changed_columns(), to, &|rows, first| edit.apply(table, rows, |i| at(first, i))).map(Some);
    }
    let columns: Vec<&str> = table.columns().iter().map(|c| c.name).collect();
    let mut writer = PartWriter::create(table, table.schema(), to.dir, to.name, to.event_date)?;
    source.scan(&columns, None, |batch, numbers| {
        let changed = edit.apply(table, batch, |i| numbers[i])?;
        let keep: BooleanArray = numbers.iter().map(|n| Some(edit.drop.binary_search(n).is_err())).collect();
        let kept = filter_record_batch(&changed, &keep).at("filter", &source.path)?;
        writer.write(&RecordBatch::try_new(table.schema(), kept.columns().to_vec()).at("read", &source.path)?)
    })?;
    writer.finish().map(Some)
}
