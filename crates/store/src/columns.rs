//! A data file whose rows are all at hand, written column by column.
//!
//! What an encoder and a compressor keep about them (a dictionary, the page that grows, tables of zstd) is then that of one column at a time. Written
//! batch by batch, those of sixty columns push each other out of the processor's cache, with every batch anew.

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use backtrail_model::tables::Table;
use backtrail_model::tally::Counter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::ZstdLevel;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;
use zstd::bulk::Compressor;

use crate::column::{self, Coded, Manner, Numbers, Shared, Written};
use crate::constant::{Constant, Encoded};
use crate::encode::{self, Part, ROW_GROUP_ROWS, WRITE_ROWS, arrow_writer};
use crate::error::At;
use crate::rows::{self, Gather, Place};
use crate::{StoreError, tally};

/// Writes the rows that stand at these places of some batches, in this order; so many row groups `at_once`, each by a thread.
pub(crate) fn write(
    (mut part, file): (Part, File),
    batches: &[&RecordBatch],
    places: &[Place],
    at_once: usize,
) -> Result<Part, StoreError> {
    let (table, schema) = (part.table, rows::waiting_schema(part.table));
    let opened = arrow_writer(table, schema.clone(), file).and_then(|writer| writer.into_serialized_writer());
    let (mut writer, columns) = opened.at("write", &part.path)?;
    let writing = Writing::new(table, &writer, batches, places.len());
    let groups: Vec<(usize, &[Place])> = places.chunks(ROW_GROUP_ROWS).enumerate().collect();
    for some in groups.chunks(at_once.max(1)) {
        let encode = |(number, group): &(usize, &[Place])| writing.encode(|| columns.create_column_writers(*number), batches, group);
        // What works alone does not go to another thread first.
        let encoded: Result<Vec<Vec<Chunk>>, _> =
            if some.len() == 1 { some.iter().map(encode).collect() } else { some.par_iter().map(encode).collect() };
        for chunks in encoded.at("write", &part.path)? {
            append(&mut writer, chunks).at("write", &part.path)?;
        }
    }
    if table == Table::Cloudtrail {
        writer.append_key_value_metadata(tally::entry(counted(batches, places)?));
    }
    part.rows = places.len() as u64;
    let metadata = writer.finish().at("write", &part.path)?;
    part.complete(&metadata)?;
    Ok(part)
}

fn append(writer: &mut SerializedFileWriter<File>, chunks: Vec<Chunk>) -> Result<(), ParquetError> {
    let mut row_group = writer.next_row_group()?;
    let append = |chunk: Chunk| match chunk {
        Chunk::New(chunk) => chunk.append_to_row_group(&mut row_group),
        Chunk::Known(chunk) => row_group.append_column(&chunk.bytes, chunk.close_result()),
        Chunk::Gathered(chunk) => row_group.append_column(&chunk.bytes, chunk.close),
    };
    chunks.into_iter().try_for_each(append)?;
    row_group.close().map(|_metadata| ())
}

/// One column of a row group.
enum Chunk {
    New(ArrowColumnChunk),
    /// Encoded before: it says one thing.
    Known(Arc<Encoded>),
    /// Of texts that came by number, or of numbers.
    Gathered(Written),
}

/// The columns of a file, and how each is written.
struct Writing<'a> {
    table: Table,
    schema: SchemaRef,
    properties: WriterProperties,
    descriptors: Vec<ColumnDescPtr>,
    constants: Vec<Option<Constant>>,
    coded: Vec<Option<Coded<'a>>>,
    numbers: Vec<Option<Numbers<'a>>>,
}

impl<'a> Writing<'a> {
    fn new(table: Table, writer: &SerializedFileWriter<File>, batches: &[&'a RecordBatch], rows: usize) -> Self {
        let schema = rows::waiting_schema(table);
        let columns = 0..schema.fields().len();
        // What says one thing is looked for only where a whole row group is to be written.
        let told = if rows < ROW_GROUP_ROWS { 0..0 } else { columns.clone() };
        Self {
            table,
            numbers: columns.clone().map(|column| numbers(table, &schema, batches, column)).collect(),
            schema,
            properties: encode::shared_properties(table),
            descriptors: writer.schema_descr().columns().to_vec(),
            constants: told.map(|column| Constant::of(batches, column)).collect(),
            coded: column::coded(batches, columns.len()),
        }
    }

    /// The columns of a row group. Arrow's writers are made where a column needs one: each brings what compresses and what decompresses.
    fn encode(
        &self,
        writers: impl FnOnce() -> Result<Vec<ArrowColumnWriter>, ParquetError>,
        batches: &[&RecordBatch],
        places: &[Place],
    ) -> Result<Vec<Chunk>, ParquetError> {
        let is_whole = places.len() == ROW_GROUP_ROWS;
        let constant = |column: usize| self.constants.get(column).and_then(Option::as_ref).filter(|_| is_whole);
        let is_ours = |column: usize| constant(column).is_some() || self.coded[column].is_some() || self.numbers[column].is_some();
        let columns = 0..self.schema.fields().len();
        let mut writers = if columns.clone().all(is_ours) { Vec::new() } else { writers()? }.into_iter();
        let gather = Gather::new(batches, places);
        let mut zstd = Compressor::new(ZstdLevel::default().compression_level())?;
        let mut shared: Vec<Shared<'a>> = self.coded.iter().map(|_| Shared::default()).collect();
        let page_rows = self.properties.data_page_row_count_limit();
        let mut chunks: Vec<Chunk> = Vec::with_capacity(columns.len());
        for column in columns {
            let writer = writers.next();
            let manner = Manner { column: self.descriptors[column].clone(), properties: &self.properties, page_rows };
            let chunk = match (constant(column), &self.coded[column], &self.numbers[column], writer) {
                (Some(constant), ..) => Encoded::of(self.table, column, constant).map(Chunk::Known),
                (None, Some(coded), ..) => match self.written_already(coded, &manner, &chunks) {
                    Some(written) => written.of_column(manner.column).map(Chunk::Gathered),
                    None => coded.write(places, &mut shared[coded.group], &manner, &mut zstd).map(Chunk::Gathered),
                },
                (None, None, Some(numbers), _) => numbers.write(places, &manner, &mut zstd).map(Chunk::Gathered),
                (None, None, None, Some(writer)) => encode(&gather, &self.schema, column, writer).map(Chunk::New),
                (None, None, None, None) => Err(ParquetError::General(format!("nothing writes column {column}"))),
            };
            chunks.push(chunk?);
        }
        Ok(chunks)
    }

    /// What was written of an earlier column that says the same in every row: a packet mostly has the ends that the interface has.
    fn written_already<'c>(&self, coded: &Coded<'_>, manner: &Manner<'_>, chunks: &'c [Chunk]) -> Option<&'c Written> {
        let like = coded.like.filter(|like| manner.is_that_of(self.descriptors[*like].path()))?;
        if let Chunk::Gathered(written) = chunks.get(like)? { Some(written) } else { None }
    }
}

/// A column of numbers, where it is not left to Arrow.
fn numbers<'a>(table: Table, schema: &Schema, batches: &[&'a RecordBatch], column: usize) -> Option<Numbers<'a>> {
    encode::is_gathered(table, schema.field(column).name()).then(|| Numbers::of(batches, column))?
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
