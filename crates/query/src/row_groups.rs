//! Row groups of a table as they are stored, for answers that look at much of one.
//!
//! The engine's scan hands on batches of some thousand rows, whose texts are copied for each operator on their way. Here a row group is read at once,
//! by the thread that works on it: a column of texts as keys into its dictionary, so that each text is looked at once for a row group and not once for
//! a row, and a column without any value not at all. A column chunk that has no dictionary, or ran out of it, is given one while it is read.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use backtrail_store::{DataFile, has_bloom_filter};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Expr;
use object_store::ObjectMeta;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::hands::in_hands;
use crate::needles::Needles;
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
    file: Arc<OfFile>,
    number: usize,
    /// Where rows may lie outside of the window.
    window: Option<Span>,
}

/// A data file.
struct OfFile {
    path: PathBuf,
    /// Its footer, and the types its columns are read as.
    footer: ArrowReaderMetadata,
    /// The same with where its pages are: some rows of a column are found without a look at the head of each page before them.
    paged: OnceLock<ArrowReaderMetadata>,
    /// Where footers that were read are kept.
    kept: Option<(LocalFiles, ObjectMeta)>,
}

/// Some rows of a row group.
#[derive(Debug, Clone)]
pub struct SomeRows(RowSelection);

/// What every row of a condition fulfils, as far as it is about exact texts of columns that have Bloom filters.
#[derive(Debug, Clone)]
pub struct ExactTexts(Needles);

impl ExactTexts {
    /// Of a condition.
    #[must_use]
    pub fn of(condition: &Expr) -> Self {
        Self(Needles::of(std::slice::from_ref(condition), has_bloom_filter))
    }
}

impl SomeRows {
    /// Those of which it is true; `None` where it is of none.
    #[must_use]
    pub fn of(wanted: &BooleanArray) -> Option<Self> {
        (wanted.true_count() > 0).then(|| Self(RowSelection::from_filters(std::slice::from_ref(wanted))))
    }

    /// Their numbers in the row group, in order.
    pub fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = 0;
        self.0.iter().flat_map(move |run| {
            let from = next;
            next += run.row_count;
            if run.skip { 0..0 } else { from..next }
        })
    }

    /// Of these, those of which it is true; `None` where it is of none.
    #[must_use]
    pub fn those(&self, wanted: &BooleanArray) -> Option<Self> {
        Self::of(wanted).map(|wanted| Self(self.0.and_then(&wanted.0)))
    }
}

impl fmt::Debug for RowGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowGroup").field("path", &self.file.path).field("number", &self.number).finish_non_exhaustive()
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
    let files: Vec<&DataFile> = stored.files().iter().filter(|file| may_be_in(window, file.min_event_time, file.max_event_time)).collect();
    in_hands(&files, context.copied_config().target_partitions(), |some| {
        let mut found = Vec::new();
        for file in some {
            let meta = stored.meta(file)?;
            let footer = reader.footer(&meta)?;
            found.extend(of_file(&file.path, &footer, Some((reader.clone(), meta)), window)?);
        }
        Ok(found)
    })
}

/// The row groups of one file, of whatever table.
///
/// # Errors
/// Where the file cannot be read.
pub fn row_groups_of_file(path: &Path) -> Result<Vec<RowGroup>> {
    let file = File::open(path).map_err(|error| ParquetError::General(format!("cannot open {}: {error}", path.display())))?;
    let footer = Arc::new(ParquetMetaDataReader::new().parse_and_finish(&file)?);
    of_file(path, &footer, None, None)
}

/// Whether times from a first to a last one may be in a window. Files without a time have no row of any window.
fn may_be_in(window: Option<Span>, first: Option<i64>, last: Option<i64>) -> bool {
    window.is_none_or(|(from, to)| first.is_some_and(|first| first < to) && last.is_none_or(|last| from <= last))
}

fn of_file(
    path: &Path,
    footer: &Arc<ParquetMetaData>,
    kept: Option<(LocalFiles, ObjectMeta)>,
    window: Option<Span>,
) -> Result<Vec<RowGroup>> {
    let options = ArrowReaderOptions::new().with_schema(read_as(footer)?);
    let file = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
    let file = Arc::new(OfFile { path: path.to_owned(), footer: file, paged: OnceLock::new(), kept });
    let of_window = |(number, group): (usize, &RowGroupMetaData)| {
        let (first, last, nulls) = times_of(group);
        let is_outside = window.is_some_and(|(from, to)| first.is_some_and(|first| first >= to) || last.is_some_and(|last| last < from));
        let is_inside =
            |(from, to): Span| first.is_some_and(|first| first >= from) && last.is_some_and(|last| last < to) && nulls == Some(0);
        let window = window.filter(|window| !is_inside(*window));
        (!is_outside).then(|| RowGroup { file: Arc::clone(&file), number, window })
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

impl OfFile {
    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| ParquetError::General(format!("cannot open {}: {error}", self.path.display())).into())
    }

    /// Its footer with where its pages are, as far as it says.
    fn paged(&self) -> Result<&ArrowReaderMetadata> {
        if let Some(known) = self.paged.get() {
            return Ok(known);
        }
        let footer = match &self.kept {
            Some((files, meta)) => files.footer_with_pages(meta)?,
            None => {
                let reader = ParquetMetaDataReader::new().with_offset_index_policy(PageIndexPolicy::Optional);
                Arc::new(reader.parse_and_finish(&self.open()?)?)
            }
        };
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(self.footer.schema()));
        let paged = ArrowReaderMetadata::try_new(footer, options)?;
        Ok(self.paged.get_or_init(|| paged))
    }
}

impl RowGroup {
    /// Where it stands: the file, and its number there.
    #[must_use]
    pub fn place(&self) -> (&Path, usize) {
        (&self.file.path, self.number)
    }

    /// Rows, in the window or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        usize::try_from(self.of_footer().num_rows()).unwrap_or(0)
    }

    /// Bytes of a column, decoded; 0 where there is no such column.
    #[must_use]
    pub fn bytes_of(&self, column: &str) -> usize {
        let is_it = |chunk: &&ColumnChunkMetaData| chunk.column_descr().name() == column;
        self.of_footer().columns().iter().find(is_it).map_or(0, |chunk| usize::try_from(chunk.uncompressed_size()).unwrap_or(usize::MAX))
    }

    /// The same without a window.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { window: None, ..self.clone() }
    }

    /// Whether it may have a row with exact texts, as its Bloom filters say. What cannot be read may have: reading it will say what is wrong with it.
    #[must_use]
    pub fn may_have(&self, texts: &ExactTexts) -> bool {
        texts.0.is_empty() || self.file.open().map_or(true, |file| texts.0.may_be_in_group(self.of_footer(), &file))
    }

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
    /// Where the file cannot be read, or the columns tell nothing.
    pub fn rows_where(&self, told_by: &[&str], is_wanted: impl FnOnce(&RecordBatch) -> Result<BooleanArray>) -> Result<Option<SomeRows>> {
        let of_window = self.of_window()?;
        let Some(telling) = self.read_rows(told_by, of_window.clone())? else { return Ok(None) };
        let wanted = is_wanted(&telling)?;
        if wanted.true_count() == 0 {
            return Ok(None);
        }
        let wanted = RowSelection::from_filters(&[wanted]);
        Ok(Some(SomeRows(match of_window {
            Some(of_window) => of_window.and_then(&wanted),
            None => wanted,
        })))
    }

    /// Of some rows, those that some columns tell are wanted; `None` where none is.
    ///
    /// # Errors
    /// Where the file cannot be read, or the columns tell nothing.
    pub fn rows_among(
        &self,
        rows: &SomeRows,
        told_by: &[&str],
        is_wanted: impl FnOnce(&RecordBatch) -> Result<BooleanArray>,
    ) -> Result<Option<SomeRows>> {
        let Some(telling) = self.read_some(told_by, rows)? else { return Ok(None) };
        Ok(rows.those(&is_wanted(&telling)?))
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
        let (known, group) = (if rows.is_some() { self.file.paged()? } else { &self.file.footer }, self.of_footer());
        let count = usize::try_from(group.num_rows()).unwrap_or(0);
        let has_values = |column: usize| {
            let column = group.column(column);
            let nulls = column.statistics().and_then(Statistics::null_count_opt);
            columns.contains(&column.column_descr().name()) && nulls != Some(count as u64)
        };
        let read: Vec<usize> = (0..group.num_columns()).filter(|column| has_values(*column)).collect();
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.open()?, known.clone())
            .with_row_groups(vec![self.number])
            // All rows at once: a dictionary is kept where one reading does not go beyond it.
            .with_batch_size(count.max(1))
            .with_projection(ProjectionMask::leaves(known.metadata().file_metadata().schema_descr(), read));
        if let Some(rows) = rows {
            reader = reader.with_row_selection(rows);
        }
        Ok(reader.build()?.next().transpose()?)
    }

    fn of_footer(&self) -> &RowGroupMetaData {
        self.file.footer.metadata().row_group(self.number)
    }
}
