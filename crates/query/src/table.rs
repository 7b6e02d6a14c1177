//! A table of the store as DataFusion reads it: the snapshot's Parquet files, pruned, in the order of time, without a copy of any list.
//!
//! - Only files of the snapshot are read: what a run staged but never committed is not there.
//! - Files are dropped while planning by partition, event time, the Bloom filters of exact values and known instants, row groups and pages while reading by their statistics and Bloom filters.
//! - Files are dealt to the threads by bytes, in the order of time, so that `ORDER BY event_time LIMIT n` streams; `count(*)` reads nothing.
//! - For user SQL, columns that may hold secrets are redacted *inside* the scan. A filter on such a column is evaluated on the
//!   redacted text, so that it cannot be used to guess what is hidden.

use std::path::Path as FilePath;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use backtrail_model::tables::{EVENT_DATE, Kind, Table};
use backtrail_store::{DataFile, has_bloom_filter};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::at_instants::instants_of;
use crate::functions::redact;
use crate::hands::in_hands;
use crate::needles::Needles;
use crate::prune::{files_needed, is_about_date};
use crate::reader::{LocalFiles, Rows};
use crate::sought::sought_in_json;
use crate::store_reach::store_url;

/// Bytes below which splitting a scan between threads costs more than it saves.
const LEAST_BYTES_PER_THREAD: u64 = 2 << 20;

/// Text columns that are redacted besides those that hold JSON. `raw` is not: `sql` on `raw` reveals.
const REDACTED_TEXTS: &[&str] = &["error_message", "user_agent"];

/// A file, and what of it is to be read.
type Part<'f> = (&'f DataFile, Rows);

/// One table over the files of a snapshot.
#[derive(Debug)]
pub(crate) struct StoreTable {
    table: Table,
    schema: TableSchema,
    root: PathBuf,
    files: Arc<[DataFile]>,
    redacts: bool,
}

impl StoreTable {
    /// The table as it is, or with its secrets redacted.
    pub(crate) fn new(table: Table, root: &FilePath, files: Arc<[DataFile]>, redacts: bool) -> Self {
        Self { table, schema: table_schema(table, redacts), root: root.to_owned(), files, redacts }
    }

    fn hides(&self, column: usize) -> bool {
        self.redacts && self.table.columns().get(column).is_some_and(|c| hides(c.kind, c.name))
    }

    fn is_about_hidden(&self, filter: &Expr) -> bool {
        let schema = self.schema.table_schema();
        filter.column_refs().iter().any(|c| schema.index_of(&c.name).is_ok_and(|i| self.hides(i)))
    }

    /// The scan's projection: plain columns, or what is left of them once secrets are gone.
    fn projection(&self, state: &dyn Session, columns: &[usize]) -> Result<ProjectionExprs> {
        let schema = self.schema.table_schema();
        let exprs = columns.iter().map(|&index| {
            let field = schema.field(index);
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            let expr = if self.hides(index) {
                let function = redact::redaction(self.table.columns()[index].kind == Kind::Json);
                let options = Arc::clone(state.config().options());
                Arc::new(ScalarFunctionExpr::try_new(function, vec![column], schema, options)?)
            } else {
                column
            };
            Ok(ProjectionExpr::new(expr, field.name()))
        });
        Ok(ProjectionExprs::new(exprs.collect::<Result<Vec<_>>>()?))
    }

    pub(crate) fn root(&self) -> &FilePath {
        &self.root
    }

    pub(crate) fn files(&self) -> &[DataFile] {
        &self.files
    }

    pub(crate) fn meta(&self, file: &DataFile) -> Result<ObjectMeta> {
        let relative = file.path.strip_prefix(&self.root).map_err(|_outside| {
            DataFusionError::Execution(format!("{} is not under the store {}", file.path.display(), self.root.display()))
        })?;
        let location = Path::parse(relative.to_string_lossy()).map_err(|e| DataFusionError::External(Box::new(e)))?;
        // Data files never change, so any fixed time serves the cache of footers.
        Ok(ObjectMeta { location, last_modified: chrono::DateTime::UNIX_EPOCH, size: file.size, e_tag: None, version: None })
    }

    fn partitioned(&self, file: &DataFile) -> Result<PartitionedFile> {
        let mut entry = PartitionedFile::new_from_meta(self.meta(file)?).with_arrow_schema(Arc::clone(self.schema.file_schema()));
        if self.table.is_dated() {
            entry = entry.with_partition_values(vec![ScalarValue::Utf8View(file.event_date.clone())]);
        }
        Ok(entry.with_statistics(Arc::new(self.statistics_of(&[file]))))
    }

    /// What of the files may be what is sought by exact values and instants.
    fn sought<'f>(&self, files: Vec<&'f DataFile>, filters: &[Expr], reader: &LocalFiles, threads: usize) -> Result<Vec<Part<'f>>> {
        let (needles, instants) = (Needles::of(filters, has_bloom_filter), instants_of(filters));
        if needles.is_empty() && instants.is_none() {
            return Ok(files.into_iter().map(|file| (file, Rows::All)).collect());
        }
        let files = files.into_iter().map(|file| Ok((file, self.meta(file)?))).collect::<Result<Vec<_>>>()?;
        let parts_of = |some: &[(&'f DataFile, ObjectMeta)]| -> Vec<Part<'f>> {
            let is_near = |file: &DataFile| instants.as_ref().is_none_or(|at| at.may_be_between(file.min_event_time, file.max_event_time));
            let sought =
                |(file, meta): &(&'f DataFile, ObjectMeta)| Some((*file, reader.rows_sought(meta, &needles, instants.as_deref())?));
            some.iter().filter(|(file, _)| is_near(file)).filter_map(sought).collect()
        };
        in_hands(&files, threads, |some| Ok(parts_of(some)))
    }

    /// Exact counts, and the bounds of event time.
    fn statistics_of(&self, files: &[&DataFile]) -> Statistics {
        let schema = self.schema.table_schema();
        let mut statistics = Statistics::new_unknown(schema);
        let total = |number: fn(&DataFile) -> u64| usize::try_from(files.iter().map(|f| number(f)).sum::<u64>()).unwrap_or(usize::MAX);
        statistics.num_rows = Precision::Exact(total(|f| f.rows));
        statistics.total_byte_size = Precision::Inexact(total(|f| f.size));
        if let Ok(index) = schema.index_of("event_time") {
            let bound = |time: Option<i64>| match time {
                Some(t) => Precision::Exact(ScalarValue::TimestampMicrosecond(Some(t), Some("UTC".into()))),
                None => Precision::Absent,
            };
            statistics.column_statistics[index] = ColumnStatistics {
                min_value: bound(files.iter().filter_map(|f| f.min_event_time).min()),
                max_value: bound(files.iter().filter_map(|f| f.max_event_time).max()),
                ..ColumnStatistics::new_unknown()
            };
        }
        statistics
    }

    /// Rows in a file are in the order of time, where that is what they are sorted by first.
    fn ordering(&self) -> Result<Vec<LexOrdering>> {
        if self.table.sorted_by().first() != Some(&"event_time") {
            return Ok(Vec::new());
        }
        let schema = self.schema.table_schema();
        let time = Column::new_with_schema("event_time", schema)?;
        Ok(LexOrdering::new([PhysicalSortExpr::new(Arc::new(time), arrow_schema::SortOptions { descending: false, nulls_first: false })])
            .into_iter()
            .collect())
    }

    /// Deals the files out, in order, so that each thread reads about the same number of bytes. A file at a border is cut by byte
    /// range: each of its row groups belongs to the range that holds the row group's start.
    fn deal(&self, parts: &[Part<'_>], threads: usize) -> Result<Vec<FileGroup>> {
        let total: u64 = parts.iter().map(|(file, _)| file.size).sum();
        let hands = (total / LEAST_BYTES_PER_THREAD).clamp(1, threads.max(1) as u64);
        let share = total.div_ceil(hands).max(1);
        let mut groups = vec![Vec::new(); usize::try_from(hands).unwrap_or(1)];
        let mut dealt = 0;
        for (file, rows) in parts {
            let entry = match rows {
                Rows::All => self.partitioned(file)?,
                Rows::These(rows) => self.partitioned(file)?.with_extension(rows.clone()),
            };
            let (mut from, end) = (0, file.size);
            while from < end {
                let hand = (dealt / share).min(hands - 1);
                let room = ((hand + 1) * share).saturating_sub(dealt).max(1);
                let to = if hand + 1 == hands { end } else { end.min(from + room) };
                let piece = if from == 0 && to == end {
                    entry.clone()
                } else {
                    entry.clone().with_range(i64::try_from(from).unwrap_or(0), i64::try_from(to).unwrap_or(i64::MAX))
                };
                groups[usize::try_from(hand).unwrap_or(0)].push(piece);
                dealt += to - from;
                from = to;
            }
        }
        Ok(groups.into_iter().filter(|g: &Vec<PartitionedFile>| !g.is_empty()).map(FileGroup::new).collect())
    }
}

/// Whether a column may hold secrets.
pub(crate) fn hides(kind: Kind, name: &str) -> bool {
    kind == Kind::Json || REDACTED_TEXTS.contains(&name)
}

/// Texts whose every value is new.
const NEW_EACH_TIME: &[&str] = &["event_id", "request_id", "shared_event_id", "record_sha256", "raw", "bytes"];

/// How a column is read. What repeats is read as views: they point into a dictionary. Views of what never repeats would each keep
/// the whole page they stand in, so that a few rows found would hold all the pages of a day: those values are copied.
/// (`redact_json` and `redact_text` read views.)
fn read_as(kind: Kind, name: &str, redacts: bool) -> DataType {
    let is_copied = NEW_EACH_TIME.contains(&name) || kind == Kind::Json;
    match kind {
        Kind::Text | Kind::Json if is_copied && !(redacts && hides(kind, name)) => DataType::LargeUtf8,
        Kind::Text | Kind::Json => DataType::Utf8View,
        Kind::Binary => DataType::BinaryView,
        other => other.data_type(),
    }
}

/// The columns of the data files, then the partition.
fn table_schema(table: Table, redacts: bool) -> TableSchema {
    let fields = table.columns().iter().map(|c| Field::new(c.name, read_as(c.kind, c.name, redacts), true));
    let file = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let builder = TableSchema::builder(file);
    if table.is_dated() {
        builder.with_table_partition_cols(vec![Arc::new(Field::new(EVENT_DATE, DataType::Utf8View, true))]).build()
    } else {
        builder.build()
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| {
                if is_about_date(filter) {
                    TableProviderFilterPushDown::Exact
                } else if self.is_about_hidden(filter) && sought_in_json(filter).is_none() {
                    TableProviderFilterPushDown::Unsupported
                } else {
                    TableProviderFilterPushDown::Inexact
                }
            })
            .collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics_of(&self.files.iter().collect::<Vec<_>>()))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema.table_schema();
        let columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let (hidden, open): (Vec<Expr>, Vec<Expr>) = filters.iter().cloned().partition(|f| self.is_about_hidden(f));
        let footers = state.runtime_env().cache_manager.get_file_metadata_cache();
        let reader = LocalFiles::new(&self.root, footers);
        let threads = state.config().target_partitions();
        let files = files_needed(state, schema, &self.files, &open)?;
        let mut parts = self.sought(files, &open, &reader, threads)?;
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(schema.project(&columns)?))));
        }
        // By time, those without any last.
        parts.sort_by(|(a, _), (b, _)| {
            (a.min_event_time.is_none(), a.min_event_time, &a.path).cmp(&(b.min_event_time.is_none(), b.min_event_time, &b.path))
        });
        let files: Vec<&DataFile> = parts.iter().map(|(file, _)| *file).collect();
        let url = store_url()?;
        let mut source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(reader));
        if let Some(sought) = conjunction(hidden.iter().filter_map(sought_in_json)) {
            source = source.with_predicate(state.create_physical_expr(sought, &DFSchema::try_from(Arc::clone(schema))?)?);
        }
        let source = source.try_pushdown_projection(&self.projection(state, &columns)?)?.unwrap_or_else(|| Arc::new(source));
        let scan = FileScanConfigBuilder::new(url, source)
            .with_file_groups(self.deal(&parts, threads)?)
            .with_statistics(self.statistics_of(&files))
            .with_output_ordering(self.ordering()?)
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
