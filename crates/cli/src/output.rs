//! Results as bytes: a stream of record batches written as table, JSON, JSON Lines, CSV or Parquet, never held whole.

mod cell;
mod csv;
mod json;
mod parquet;
mod table;

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::args::Format;

pub(crate) use cell::{json_value, text};

/// Writes batches in one format.
pub(crate) trait BatchWriter {
    /// Some more rows.
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()>;
    /// The end; flushes.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Whether a format can hold columns of these types; asked before its file is made.
pub(crate) fn check(format: Format, schema: &SchemaRef) -> anyhow::Result<()> {
    if format == Format::Parquet { parquet::check(schema) } else { Ok(()) }
}

/// The writer of a format. `width` is that of the terminal written to, if it is one.
pub(crate) fn writer(
    format: Format,
    schema: &SchemaRef,
    out: Box<dyn Write + Send>,
    width: Option<usize>,
) -> anyhow::Result<Box<dyn BatchWriter>> {
    Ok(match format {
        Format::Table => Box::new(table::TableWriter::new(schema, out, width)),
        Format::Json => Box::new(json::JsonWriter::new(out, true)),
        Format::Jsonl => Box::new(json::JsonWriter::new(out, false)),
        Format::Csv => Box::new(csv::CsvWriter::new(schema, out)?),
        Format::Parquet => Box::new(parquet::ParquetWriter::new(schema, out)?),
    })
}
