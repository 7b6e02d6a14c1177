//! A data file written anew with a few of its columns changed: all other column chunks are copied as they stand, encoded and compressed.

use std::fs::File;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedFileWriter;

use crate::encode::{self, Part};
use crate::error::At;
use crate::rewrite::{Destination, Source};
use crate::{StoreError, tally};

/// Gives the new values of the changed columns, for the rows of one row group, of which the first has this number.
pub(crate) type Change<'a> = &'a dyn Fn(&RecordBatch, u32) -> Result<RecordBatch, StoreError>;

/// Writes `source` anew with the values that `change` gives for `columns`. Rows and their order stay.
pub(crate) fn splice(source: &Source, columns: &[&str], to: Destination<'_>, change: Change<'_>) -> Result<Part, StoreError> {
    let path = &source.path;
    let input = File::open(path).at("open", path)?;
    let metadata =
        ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&input).at("read", path)?;
    let changed = encode::projection(source.table, columns);
    let (mut part, file) = Part::create(source.table, to.dir, to.name, to.event_date)?;
    let schema = metadata.file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(file, schema, encode::shared_properties(source.table).into()).at("write", &part.path)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, source.table.schema());
    let mut first = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows = change(&read_group(source, number, &changed)?, first)?;
        first += u32::try_from(group.num_rows()).unwrap_or(u32::MAX);
        let new = rows.columns().iter().zip(rows.schema_ref().fields()).zip(changed.iter()).map(|((a, f), at)| (*at, a, f));
        let mut group_writer = writer.next_row_group().at("write", &part.path)?;
        let mut new = new.peekable();
        for (at, column_writer) in factory.create_column_writers(number).at("write", &part.path)?.into_iter().enumerate() {
            let written = match new.next_if(|(changed, ..)| *changed == at) {
                None => group_writer.append_column(&input, stored_chunk(&input, &metadata, number, at)),
                Some((_, array, field)) => {
                    encode_column(column_writer, field, array).and_then(|chunk| chunk.append_to_row_group(&mut group_writer))
                }
            };
            written.at("write", &part.path)?;
        }
        group_writer.close().at("write", &part.path)?;
    }
    if let Some(entry) = tally::that_stays(&metadata, columns) {
        writer.append_key_value_metadata(entry);
    }
    let metadata = writer.close().at("write", &part.path)?;
    part.rows = source.rows;
    part.complete(&metadata)?;
    Ok(part)
}

fn read_group(source: &Source, number: usize, columns: &[usize]) -> Result<RecordBatch, StoreError> {
    let path = &source.path;
    let file = File::open(path).at("open", path)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).at("read", path)?;
    let rows = usize::try_from(builder.metadata().row_group(number).num_rows()).unwrap_or(usize::MAX);
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
    let mut reader = builder.with_row_groups(vec![number]).with_projection(mask).with_batch_size(rows).build().at("read", path)?;
    reader.next().ok_or_else(|| StoreError::rows(source.table, "a row group has no rows"))?.at("read", path)
}

fn encode_column(
    mut writer: parquet::arrow::arrow_writer::ArrowColumnWriter,
    field: &arrow_schema::FieldRef,
    array: &arrow_array::ArrayRef,
) -> Result<parquet::arrow::arrow_writer::ArrowColumnChunk, ParquetError> {
    for leaf in compute_leaves(field, array)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

/// A column chunk as it stands, with all that the file says of it.
pub(crate) fn stored_chunk<R: ChunkReader>(input: &R, metadata: &ParquetMetaData, group: usize, column: usize) -> ColumnCloseResult {
    let (rows, chunk) = (metadata.row_group(group).num_rows(), metadata.row_group(group).column(column));
    ColumnCloseResult {
        bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
        rows_written: u64::try_from(rows).unwrap_or(0),
        metadata: chunk.clone(),
        bloom_filter: Sbbf::read_from_column_chunk(chunk, input).ok().flatten(),
        column_index: metadata.column_index().and_then(|g| g.get(group)?.get(column)).cloned(),
        offset_index: metadata.offset_index().and_then(|g| g.get(group)?.get(column)).cloned(),
    }
}
