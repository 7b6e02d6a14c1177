//! Row groups of a table as they are stored, for answers that look at much of one.
//!
//! The engine's scan hands on batches of some thousand rows, whose texts are copied for each operator on their way. Here a row group is read at once,
//! by the thread that works on it: a column of texts as keys into its dictionary, so that each text is looked at once for a row group and not once for
//! a row, and a column without any value not at all. A column chunk that has no dictionary, or ran out of it, is given one while it is read.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::reader::LocalFiles;
use crate::table::StoreTable;

#[cfg(test)]
mod tests;

const EVENT_TIME: &str = "event_time";

/// Microseconds, the first inside and the last outside.
type Span = (i64, i64);

/// A row group of a data file, and what of it lies in the window that was asked for.
#[derive(Clone)]
pub struct RowGroup {
    path: Arc<PathBuf>,
    file: ArrowReaderMetadata,
    number: usize,
    /// Where rows may lie outside of the window.
    window: Option<Span>,
}

/// Some rows of a row group.
#[derive(Debug, Clone)]
pub struct SomeRows(RowSelection);

impl fmt::Debug for RowGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowGroup").field("path", &self.path).field("number", &self.number).finish_non_exhaustive()
    }
}

/// The row groups of a table that may have rows of a window, of all of it where none is given. Those that have none by their statistics are left out.
///
/// # Errors
/// Where there is no such table, or a file's footer cannot be read.
pub async fn row_groups(context: &SessionContext, table: &str, window: Option<Span>) -> Result<Vec<RowGroup>> {
    let provider = context.table_provider(table).await?;
    let Some(stored) = provider.downcast_ref::<StoreTable>() else {
        return Err(DataFusionError::Execution(format!("`{table}` is no table of the store")));
    };
    let footers = context.runtime_env().cache_manager.get_file_metadata_cache();
    let reader = LocalFiles::new(stored.root(), footers);
    let mut found = Vec::new();
    for file in stored.files().iter().filter(|file| may_be_in(window, file.min_event_time, file.max_event_time)) {
        let footer = reader.footer(&stored.meta(file)?)?;
        found.extend(of_file(Arc::new(file.path.clone()), &footer, window)?);
    }
    Ok(found)
}

/// Whether times from a first to a last one may be in a window. Files without a time have no row of any window.
fn may_be_in(window: Option<Span>, first: Option<i64>, last: Option<i64>) -> bool {
    window.is_none_or(|(from, to)| first.is_some_and(|first| first < to) && last.is_none_or(|last| from <= last))
}

fn of_file(path: Arc<PathBuf>, footer: &Arc<ParquetMetaData>, window: Option<Span>) -> Result<Vec<RowGroup>> {
    let options = ArrowReaderOptions::new().with_schema(read_as(footer)?);
    let file = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
    let of_window = |(number, group): (usize, &RowGroupMetaData)| {
        let (first, last, nulls) = times_of(group);
        let is_outside = window.is_some_and(|(from, to)| first.is_some_and(|first| first >= to) || last.is_some_and(|last| last < from));
        let is_inside =
            |(from, to): Span| first.is_some_and(|first| first >= from) && last.is_some_and(|last| last < to) && nulls == Some(0);
        let window = window.filter(|window| !is_inside(*window));
        (!is_outside).then(|| RowGroup { path: Arc::clone(&path), file: file.clone(), number, window })
    };
    Ok(footer.row_groups().iter().enumerate().filter_map(of_window).collect())
}

/// The types columns are read as: those of the file, texts as keys into a dictionary where any row group has one. A column without any has no value as
/// a rule, and to make a dictionary of that would take longer than to read it.
fn read_as(footer: &ParquetMetaData) -> Result<SchemaRef> {
    let stored = parquet_to_arrow_schema(footer.file_metadata().schema_descr(), None)?;
    let coded = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 if has_dictionary(footer, field.name()) => {
            let kind = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(kind))
        }
        _ => Arc::clone(field),
    };
    Ok(Arc::new(Schema::new(stored.fields().iter().map(coded).collect::<Vec<_>>())))
}

fn has_dictionary(footer: &ParquetMetaData, name: &str) -> bool {
    let is_it = |column: &&ColumnChunkMetaData| column.column_descr().name() == name;
    footer
        .row_groups()
        .iter()
        .filter_map(|group| group.columns().iter().find(is_it))
        .any(|column| column.dictionary_page_offset().is_some())
}

/// The first and last time of a row group and how many rows have none, as far as its statistics say.
fn times_of(group: &RowGroupMetaData) -> (Option<i64>, Option<i64>, Option<u64>) {
    let of_time = group.columns().iter().find(|column| column.column_descr().name() == EVENT_TIME).and_then(|column| column.statistics());
    match of_time {
        Some(Statistics::Int64(times)) => (times.min_opt().copied(), times.max_opt().copied(), times.null_count_opt()),
        _ => (None, None, None),
    }
}

impl RowGroup {
    /// The rows of the window, with those of the columns that have any value; `None` where there are no such rows.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(&self, columns: &[&str]) -> Result<Option<RecordBatch>> {
        self.read_rows(columns, self.of_window()?)
    }

    /// Of the rows of the window, those that some columns tell are wanted; `None` where none is.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn rows_where(&self, told_by: &[&str], is_wanted: impl Fn(&RecordBatch) -> BooleanArray) -> Result<Option<SomeRows>> {
        let of_window = self.of_window()?;
        let Some(telling) = self.read_rows(told_by, of_window.clone())? else { return Ok(None) };
        let wanted = is_wanted(&telling);
        if wanted.true_count() == 0 {
            return Ok(None);
        }
        let wanted = RowSelection::from_filters(&[wanted]);
        Ok(Some(SomeRows(match of_window {
            Some(of_window) => of_window.and_then(&wanted),
            None => wanted,
        })))
    }

    /// Some rows, with those of the columns that have any value.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read_some(&self, columns: &[&str], rows: &SomeRows) -> Result<Option<RecordBatch>> {
        self.read_rows(columns, Some(rows.0.clone()))
    }

    /// Which rows are in the window, where not all are.
    fn of_window(&self) -> Result<Option<RowSelection>> {
        let Some((from, to)) = self.window else { return Ok(None) };
        let times = self.read_rows(&[EVENT_TIME], None)?;
        let times = times.as_ref().and_then(|times| times.column_by_name(EVENT_TIME)?.as_primitive_opt::<TimestampMicrosecondType>());
        // Of no row is known when it was, so that none is in the window.
        let Some(times) = times else { return Ok(Some(RowSelection::default())) };
        let is_inside: BooleanArray = times.iter().map(|time| Some(time.is_some_and(|time| from <= time && time < to))).collect();
        Ok(Some(RowSelection::from_filters(&[is_inside])))
    }

    fn read_rows(&self, columns: &[&str], rows: Option<RowSelection>) -> Result<Option<RecordBatch>> {
        if rows.as_ref().is_some_and(|rows| !rows.selects_any()) {
            return Ok(None);
        }
        let metadata = self.file.metadata();
        let group = metadata.row_group(self.number);
        let count = usize::try_from(group.num_rows()).unwrap_or(0);
        let has_values = |column: usize| {
            let column = group.column(column);
            let nulls = column.statistics().and_then(Statistics::null_count_opt);
            columns.contains(&column.column_descr().name()) && nulls != Some(count as u64)
        };
        let read: Vec<usize> = (0..group.num_columns()).filter(|column| has_values(*column)).collect();
        let opened = File::open(self.path.as_ref()).map_err(|error| self.failed(&error))?;
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, self.file.clone())
            .with_row_groups(vec![self.number])
            // All rows at once: a dictionary is kept where one reading does not go beyond it.
            .with_batch_size(count.max(1))
            .with_projection(ProjectionMask::leaves(metadata.file_metadata().schema_descr(), read));
        if let Some(rows) = rows {
            reader = reader.with_row_selection(rows);
        }
        Ok(reader.build()?.next().transpose()?)
    }

    fn failed(&self, error: &std::io::Error) -> DataFusionError {
        ParquetError::General(format!("cannot open {}: {error}", self.path.display())).into()
    }
}
