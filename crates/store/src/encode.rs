//! How rows become Parquet: encodings, statistics, filters and sizes, all decided here.
//!
//! zstd stays at level 1: on evidence, time matters more than the last tenth of the size. A dictionary pays for what repeats
//! (names, regions, identities) and only costs for what never does (ids, hashes, records). What a dictionary has made small already
//! is left at that: zstd would make it a tenth smaller, and each look at a column of a file would first make a decompressor.
//! Statistics stand where a question prunes by them, and on numbers; on other texts they would cost time, and on JSON be long, for nothing
//! (docs/benchmarks.md says what was measured).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use backtrail_model::tables::{Kind, Table};
use backtrail_model::tally::Counter;
use chrono::DateTime;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

use crate::error::At;
use crate::rewrite::Source;
use crate::{StoreError, tally};

/// Size a data file should have once compacted.
pub(crate) const TARGET_FILE_BYTES: u64 = 128 << 20;
/// Rows of a row group: what a reader prunes by its coarse statistics, and what the writer holds encoded.
pub(crate) const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of a page: what a reader prunes by the page index.
const PAGE_ROWS: usize = 8_192;
/// The same in tables that questions look few rows up in: a page is decoded whole for one row of it, in every column.
const LOOKED_UP_PAGE_ROWS: usize = 1_024;
/// Bytes of a page of a JSON column, about: questions read few rows of many, and a page is decompressed whole for one row of it.
const JSON_PAGE_BYTES: usize = 128 << 10;
/// The same for records, by which few events among many are read. Half of it would cost 3.5 % of the bytes on disk, and save a tenth of such a read.
const RAW_PAGE_BYTES: usize = 256 << 10;
/// Rows between two looks at how large a page has grown; fewer, where so many would be more than a page.
const ROWS_BETWEEN_LOOKS: usize = 1_024;
/// Rows gathered and handed to the writer at a time.
pub(crate) const WRITE_ROWS: usize = 8_192;
/// Bytes of a value kept in statistics.
pub(crate) const STATISTICS_BYTES: usize = 64;

/// Columns whose every value is new: no dictionary.
const UNIQUE: &[&str] = &[
    "event_id",
    "request_id",
    "shared_event_id",
    "raw",
    "request_parameters",
    "response_elements",
    "record_sha256",
    "dedupe_key",
    "record_index",
    "byte_offset",
    "sha256",
    "content_sha256",
    "bytes",
    "origins",
    "member",
];

/// Texts and times of few values: their dictionary and its numbers are all that is written, without zstd. So are truth values and small numbers.
const FEW_VALUES: &[&str] = &[
    "api_version",
    "aws_region",
    "basis",
    "error_code",
    "event_category",
    "event_name",
    "event_source",
    "event_type",
    "event_version",
    "method",
    "part",
    "raw_form",
    "recipient_account_id",
    "route",
    "session_creation_date",
    "session_ec2_role_delivery",
    "session_issuer_account_id",
    "session_issuer_arn",
    "session_issuer_principal_id",
    "session_issuer_type",
    "session_issuer_user_name",
    "session_source_identity",
    "source_ip_address",
    "user_identity_account_id",
    "user_identity_identity_provider",
    "user_identity_invoked_by",
    "user_identity_invoked_by_delegate_account_id",
    "user_identity_on_behalf_of_identity_store_arn",
    "user_identity_on_behalf_of_user_id",
    "user_identity_type",
    "user_identity_user_name",
    "vpc_endpoint_account_id",
    "vpc_endpoint_id",
];

/// Numbers of flow records that vary too much for a dictionary: plain under zstd they take a third less, and are written sooner. So do times, though
/// rows are sorted by them: their steps are millions of microseconds.
const VARIED: &[&str] = &["event_time", "srcport", "dstport", "packets", "bytes"];

/// Numbers of flow records that follow each other closely, rows being sorted by time: what is written is how much each is more than the one before.
const STEADY: &[&str] = &["start", "end", "record_index"];

/// Texts of `event_arns`, whose rows are sorted by what they name: equal ones stand together, so that a page of them is as small without a dictionary, and one page is
/// read of a row group where one thing is sought. A dictionary would be decompressed whole for it.
const TOGETHER: &[&str] = &["name", "arn"];

/// Columns that questions prune by: statistics for every page.
const PRUNED: &[&str] = &[
    "event_time",
    "event_id",
    "name",
    "event_name",
    "event_source",
    "aws_region",
    "recipient_account_id",
    "source_ip_address",
    "error_code",
    "read_only",
    "user_identity_arn",
    "user_identity_access_key_id",
    "session_issuer_arn",
    "id_conflict",
    "method",
    "evidence_id",
    "record_index",
];

/// Further texts of which the least and greatest value of a row group are kept. Of all others they tell nothing: every row group of a few hours has
/// users from A to Z, and each value would be held against both.
const RANGED: &[&str] = &[
    "account_id",
    "flow_log_id",
    "arn",
    "kind",
    "decoder",
    "fate",
    "user_identity_principal_id",
    "issued_access_key_id",
    "issued_principal_id",
];

/// Columns sought by exact values, with the number of values a row group may hold: a Bloom filter tells where one is not, but for this share of
/// those that are not. Of calls' names many are sought at once.
const SOUGHT: &[(&str, u64, f64)] = &[
    ("event_name", 2_048, 0.002),
    ("event_id", ROW_GROUP_ROWS as u64, 0.05),
    ("user_identity_access_key_id", 8_192, 0.05),
    ("user_identity_principal_id", 8_192, 0.05),
    ("user_identity_arn", 8_192, 0.05),
    ("issued_access_key_id", ROW_GROUP_ROWS as u64, 0.05),
    ("issued_principal_id", ROW_GROUP_ROWS as u64, 0.05),
    ("source_ip_address", 8_192, 0.05),
];

/// Whether data files have Bloom filters of a column, in whichever table.
#[must_use]
pub fn has_bloom_filter(column: &str) -> bool {
    SOUGHT.iter().any(|(sought, ..)| *sought == column)
}

/// Columns whose minimum, maximum and null count stand in the table's log, for every Delta reader to skip whole files by.
pub(crate) fn log_stats_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Cloudtrail | Table::CloudtrailInsights | Table::PivotalCalls => &["event_time", "recipient_account_id", "aws_region"],
        Table::CloudtrailAggregated => &["event_time", "account_id", "aws_region"],
        Table::EventOrigins | Table::Credentials | Table::EventArns | Table::ConfigItems | Table::Interfaces => &["event_time"],
        Table::Flows => &["event_time", "account_id", "flow_log_id"],
        Table::Evidence | Table::Rejects => &["evidence_id"],
    }
}

fn properties(table: Table) -> WriterProperties {
    let schema = table.schema();
    let sorting = table
        .sorted_by()
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .filter_map(|i| i32::try_from(i).ok())
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect();
    let is_looked_up = matches!(table, Table::Credentials | Table::EventArns | Table::PivotalCalls);
    let mut builder = WriterProperties::builder()
        // Pages of version 2 are compressed from where their values were gathered: those of version 1 are copied twice on the way.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_encoding(Encoding::PLAIN)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(if is_looked_up { LOOKED_UP_PAGE_ROWS } else { PAGE_ROWS })
        .set_write_batch_size(ROWS_BETWEEN_LOOKS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_sorting_columns(Some(sorting))
        .set_created_by(concat!("backtrail ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in table.columns() {
        builder = column_properties(builder, column.name, column.kind);
    }
    for column in TOGETHER.iter().filter(|_| table == Table::EventArns) {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(*column), false);
    }
    for column in VARIED.iter().chain(STEADY).filter(|_| table == Table::Flows) {
        let path = || ColumnPath::from(*column);
        builder = builder.set_column_dictionary_enabled(path(), false);
        builder = builder.set_column_compression(path(), Compression::ZSTD(ZstdLevel::default()));
    }
    for column in STEADY.iter().filter(|_| table == Table::Flows) {
        builder = builder.set_column_encoding(ColumnPath::from(*column), Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

fn column_properties(mut builder: WriterPropertiesBuilder, name: &str, kind: Kind) -> WriterPropertiesBuilder {
    let path = || ColumnPath::from(name);
    if kind == Kind::Json {
        builder = builder.set_column_data_page_size_limit(path(), JSON_PAGE_BYTES);
    } else if name == "raw" {
        builder = builder.set_column_data_page_size_limit(path(), RAW_PAGE_BYTES);
    }
    if FEW_VALUES.contains(&name) || matches!(kind, Kind::Bool | Kind::Int) {
        builder = builder.set_column_compression(path(), Compression::UNCOMPRESSED);
    }
    if UNIQUE.contains(&name) {
        builder = builder.set_column_dictionary_enabled(path(), false);
    }
    if PRUNED.contains(&name) {
        builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::Page);
    } else if matches!(kind, Kind::Json | Kind::Binary | Kind::Text) && !RANGED.contains(&name) {
        builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::None);
    }
    if let Some((_, values, wrongly)) = SOUGHT.iter().find(|(sought, ..)| *sought == name) {
        builder = builder.set_column_bloom_filter_enabled(path(), true).set_column_bloom_filter_max_ndv(path(), *values);
        builder = builder.set_column_bloom_filter_fpp(path(), *wrongly);
    }
    builder
}

/// A data file written, not yet in any log.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) table: Table,
    /// Path relative to the table's directory.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) event_date: Option<String>,
    pub(crate) size: u64,
    pub(crate) rows: u64,
    /// Statistics as JSON for the table's log.
    pub(crate) stats: String,
}

impl Part {
    /// Makes the file of a part that is to be filled.
    pub(crate) fn create(table: Table, dir: &Path, name: String, event_date: Option<String>) -> Result<(Self, File), StoreError> {
        let path = dir.join(&name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).at("make", parent)?;
        }
        let file = File::create_new(&path).at("create", &path)?;
        Ok((Self { table, name, path, event_date, size: 0, rows: 0, stats: String::new() }, file))
    }

    /// To be read.
    pub(crate) fn source(&self) -> Source {
        Source { table: self.table, path: self.path.clone(), rows: self.rows }
    }

    /// Notes the size and statistics of a file that is written.
    pub(crate) fn complete(&mut self, metadata: &ParquetMetaData) -> Result<(), StoreError> {
        self.size = std::fs::metadata(&self.path).at("read the size of", &self.path)?.len();
        self.stats = log_stats(self.table, &self.table.schema(), self.rows, metadata);
        Ok(())
    }
}

/// Whether numbers of a column are put down from where they wait, without Arrow's levels and copies in between: those of
/// flow records, which have many.
pub(crate) fn is_gathered(table: Table, column: &str) -> bool {
    table == Table::Flows && !has_bloom_filter(column)
}

/// How the data files of a table are written.
pub(crate) fn shared_properties(table: Table) -> WriterProperties {
    static PROPERTIES: LazyLock<Vec<(Table, WriterProperties)>> =
        LazyLock::new(|| Table::ALL.into_iter().map(|t| (t, properties(t))).collect());
    PROPERTIES.iter().find(|(t, _)| *t == table).map_or_else(|| properties(table), |(_, p)| p.clone())
}

/// A writer of a table's data file whose rows come with the columns of `schema`. Text may come as views of bytes: it is text in the file.
pub(crate) fn arrow_writer(table: Table, schema: SchemaRef, file: File) -> Result<ArrowWriter<File>, ParquetError> {
    let columns = ArrowSchemaConverter::new().convert(&table.schema())?;
    let options = ArrowWriterOptions::new().with_properties(shared_properties(table)).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(file, schema, options.with_parquet_schema(columns))
}

/// Writes one data file, row group by row group.
pub(crate) struct PartWriter {
    part: Part,
    writer: ArrowWriter<File>,
    /// Of events.
    counter: Option<Counter>,
}

impl PartWriter {
    /// Opens a new file; rows must come in the table's order, with the columns of `schema`.
    pub(crate) fn create(
        table: Table,
        schema: SchemaRef,
        dir: &Path,
        name: String,
        event_date: Option<String>,
    ) -> Result<Self, StoreError> {
        let (part, file) = Part::create(table, dir, name, event_date)?;
        let writer = arrow_writer(table, schema, file).at("write", &part.path)?;
        Ok(Self { part, writer, counter: (table == Table::Cloudtrail).then(Counter::default) })
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), StoreError> {
        self.part.rows += rows.num_rows() as u64;
        if let Some(counter) = &mut self.counter {
            tally::count(counter, rows)?;
        }
        self.writer.write(rows).at("write", &self.part.path)
    }

    /// Bytes written and encoded so far.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Part, StoreError> {
        let Self { mut part, mut writer, counter } = self;
        if let Some(counter) = counter {
            writer.append_key_value_metadata(tally::entry(counter));
        }
        let metadata = writer.finish().at("write", &part.path)?;
        part.complete(&metadata)?;
        Ok(part)
    }
}

/// The statistics of a file as Delta's log has them.
fn log_stats(table: Table, schema: &SchemaRef, rows: u64, metadata: &ParquetMetaData) -> String {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    for name in log_stats_columns(table) {
        let Ok(index) = schema.index_of(name) else { continue };
        let chunks: Option<Vec<&Statistics>> = metadata.row_groups().iter().map(|g| g.column(index).statistics()).collect();
        let Some(chunks) = chunks else { continue };
        if let Some(count) = chunks.iter().map(|s| s.null_count_opt()).sum::<Option<u64>>() {
            nulls.insert((*name).to_owned(), json!(count));
        }
        if let Some((low, high)) = bounds(&chunks) {
            min.insert((*name).to_owned(), low);
            max.insert((*name).to_owned(), high);
        }
    }
    json!({"numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
}

/// Least and greatest value over all row groups; none where no row group has a value.
fn bounds(chunks: &[&Statistics]) -> Option<(Value, Value)> {
    let mut times: Option<(i64, i64)> = None;
    let mut texts: Option<(&[u8], &[u8])> = None;
    for chunk in chunks {
        match chunk {
            Statistics::Int64(s) => {
                if let (Some(low), Some(high)) = (s.min_opt(), s.max_opt()) {
                    times = Some(times.map_or((*low, *high), |(a, b)| (a.min(*low), b.max(*high))));
                }
            }
            Statistics::ByteArray(s) => {
                if let (Some(low), Some(high)) = (s.min_bytes_opt(), s.max_bytes_opt()) {
                    texts = Some(texts.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
                }
            }
            _ => {}
        }
    }
    if let Some((low, high)) = times {
        return Some((json!(instant(low)?), json!(instant(high)?)));
    }
    let (low, high) = texts?;
    Some((json!(std::str::from_utf8(low).ok()?), json!(std::str::from_utf8(high).ok()?)))
}

fn instant(micros: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(micros)?.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Deletes files nobody knows of; one that cannot be deleted is left to compaction.
pub(crate) fn discard<'a>(parts: impl IntoIterator<Item = &'a Part>) {
    for part in parts {
        if let Err(e) = std::fs::remove_file(&part.path) {
            tracing::debug!(path = %part.path.display(), error = %e, "staged file not removed");
        }
    }
}

/// A schema of some columns of a table, in the table's order.
pub(crate) fn projection(table: Table, columns: &[&str]) -> Arc<[usize]> {
    let schema = table.schema();
    let mut indices: Vec<usize> = columns.iter().filter_map(|c| schema.index_of(c).ok()).collect();
    indices.sort_unstable();
    indices.into()
}
