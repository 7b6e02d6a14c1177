//! A data file whose rows are all at hand, written column by column.
//!
//! What an encoder and a compressor keep about them (a dictionary, the page that grows, tables of zstd) is then that of one column at a time. Written
//! batch by batch, those of sixty columns push each other out of the processor's cache, with every batch anew.

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use backtrail_model::tables::Table;
use backtrail_model::tally::Counter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;

use crate::constant::{Constant, Encoded};
use crate::encode::{Part, ROW_GROUP_ROWS, WRITE_ROWS, arrow_writer};
use crate::error::At;
use crate::rows::{self, Gather, Place};
use crate::{StoreError, tally};

/// Writes the rows that stand at these places of some batches, in this order.
pub(crate) fn write((mut part, file): (Part, File), batches: &[&RecordBatch], places: &[Place]) -> Result<Part, StoreError> {
    let (table, schema) = (part.table, rows::waiting_schema(part.table));
    let opened = arrow_writer(table, schema.clone(), file).and_then(|writer| writer.into_serialized_writer());
    let (mut writer, columns) = opened.at("write", &part.path)?;
    // Looked for only where a whole row group is to be written.
    let columns_told = if places.len() < ROW_GROUP_ROWS { 0 } else { schema.fields().len() };
    let constants: Vec<Option<Constant>> = (0..columns_told).map(|column| Constant::of(batches, column)).collect();
    for (number, group) in places.chunks(ROW_GROUP_ROWS).enumerate() {
        let writers = columns.create_column_writers(number).at("write", &part.path)?;
        let gather = Gather::new(batches, group);
        let is_whole = group.len() == ROW_GROUP_ROWS;
        let encode = |(column, writer)| match constants.get(column).and_then(Option::as_ref).filter(|_| is_whole) {
            Some(constant) => Encoded::of(table, column, constant).map(Chunk::Known),
            None => encode(&gather, &schema, column, writer).map(Chunk::New),
        };
        let chunks: Vec<Chunk> = writers.into_iter().enumerate().map(encode).collect::<Result<_, _>>().at("write", &part.path)?;
        let mut row_group = writer.next_row_group().at("write", &part.path)?;
        let append = |chunk: Chunk| match chunk {
            Chunk::New(chunk) => chunk.append_to_row_group(&mut row_group),
            Chunk::Known(chunk) => row_group.append_column(&chunk.bytes, chunk.close_result()),
        };
        chunks.into_iter().try_for_each(append).at("write", &part.path)?;
        row_group.close().at("write", &part.path)?;
    }
    if table == Table::Cloudtrail {
        writer.append_key_value_metadata(tally::entry(counted(batches, places)?));
    }
    part.rows = places.len() as u64;
    let metadata = writer.finish().at("write", &part.path)?;
    part.complete(&metadata)?;
    Ok(part)
}

/// One column of a row group.
#[expect(clippy::large_enum_variant, reason = "a row group has a hundred, and each is taken apart at once")]
enum Chunk {
    New(ArrowColumnChunk),
    /// Encoded before: it says one thing.
    Known(Arc<Encoded>),
}

fn encode(gather: &Gather<'_>, schema: &Schema, column: usize, mut writer: ArrowColumnWriter) -> Result<ArrowColumnChunk, ParquetError> {
    let field: &Field = schema.field(column);
    for array in gather.column(column, WRITE_ROWS) {
        compute_leaves(field, &array?)?.iter().try_for_each(|leaf| writer.write(leaf))?;
    }
    writer.close()
}

/// Counts events for the footer.
fn counted(batches: &[&RecordBatch], places: &[Place]) -> Result<Counter, StoreError> {
    let mut counter = Counter::default();
    let narrow = batches.iter().map(|batch| tally::columns_of(batch)).collect::<Result<Vec<_>, _>>()?;
    let narrow: Vec<&RecordBatch> = narrow.iter().collect();
    for chunk in places.chunks(WRITE_ROWS) {
        tally::count(&mut counter, &rows::gather(Table::Cloudtrail, &narrow, chunk)?)?;
    }
    Ok(counter)
}
