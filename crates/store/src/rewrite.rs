//! Data files read in part, and written anew with rows dropped or marked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use backtrail_model::tables::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::metadata::PageIndexPolicy;

use crate::StoreError;
use crate::encode::{self, Part, PartWriter, WRITE_ROWS};
use crate::error::At;
use crate::rows;

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
        for batch in builder.with_projection(mask).with_batch_size(WRITE_ROWS).build().at("read", path)? {
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

/// What changes in a file: the numbers of rows that go, and of rows that get `id_conflict`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    pub(crate) drop: Vec<u32>,
    pub(crate) mark: Vec<u32>,
}

impl Edit {
    pub(crate) fn is_empty(&self) -> bool {
        self.drop.is_empty() && self.mark.is_empty()
    }
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
    edit.drop.sort_unstable();
    edit.drop.dedup();
    edit.mark.sort_unstable();
    if edit.drop.len() as u64 >= source.rows {
        return Ok(None);
    }
    let table = source.table;
    let columns: Vec<&str> = table.columns().iter().map(|c| c.name).collect();
    let mut writer = PartWriter::create(table, to.dir, to.name, to.event_date)?;
    source.scan(&columns, None, |batch, numbers| {
        let marked = if edit.mark.is_empty() { batch.clone() } else { mark(table, batch, numbers, &edit.mark)? };
        let keep: BooleanArray = numbers.iter().map(|n| Some(edit.drop.binary_search(n).is_err())).collect();
        let kept = filter_record_batch(&marked, &keep).at("filter", &source.path)?;
        writer.write(&RecordBatch::try_new(table.schema(), kept.columns().to_vec()).at("read", &source.path)?)
    })?;
    writer.finish().map(Some)
}

fn mark(table: Table, batch: &RecordBatch, numbers: &[u32], marks: &[u32]) -> Result<RecordBatch, StoreError> {
    let old = rows::boolean(table, batch, "id_conflict")?;
    let new: BooleanArray =
        numbers.iter().enumerate().map(|(i, n)| Some((!old.is_null(i) && old.value(i)) || marks.binary_search(n).is_ok())).collect();
    let position = batch.schema().index_of("id_conflict").map_err(|e| StoreError::rows(table, e.to_string()))?;
    let mut columns = batch.columns().to_vec();
    columns[position] = Arc::new(new) as ArrayRef;
    RecordBatch::try_new(batch.schema(), columns).map_err(|e| StoreError::rows(table, e.to_string()))
}
