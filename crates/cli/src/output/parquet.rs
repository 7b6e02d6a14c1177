//! Parquet, zstd.

use std::io::Write;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, IntervalUnit, SchemaRef};

use super::BatchWriter;

/// Parquet has no unions, nor intervals that mix months and days.
pub(super) fn check(schema: &SchemaRef) -> anyhow::Result<()> {
    for field in schema.fields() {
        if let Some(kind) = foreign(field.data_type()) {
            let name = field.name();
            anyhow::bail!("Parquet cannot hold column `{name}` of type {kind}: cast it, or write another --format");
        }
    }
    Ok(())
}

/// A type in this one that Parquet does not have.
fn foreign(kind: &DataType) -> Option<String> {
    match kind {
        DataType::Union(..) => Some("union".to_owned()),
        DataType::Interval(IntervalUnit::MonthDayNano) => Some("interval".to_owned()),
        DataType::RunEndEncoded(..) => Some("run-end encoded values".to_owned()),
        DataType::Struct(fields) if fields.is_empty() => Some("structure without members".to_owned()),
        DataType::Struct(fields) => fields.iter().find_map(|field| foreign(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => foreign(item.data_type()),
        DataType::Dictionary(_, values) => foreign(values),
        _ => None,
    }
}

pub(super) struct ParquetWriter {
    /// Columns as they are to be called.
    schema: SchemaRef,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl ParquetWriter {
    pub(super) fn new(schema: SchemaRef, out: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(out, SchemaRef::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }
}

impl BatchWriter for ParquetWriter {
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let named = RecordBatch::try_new(SchemaRef::clone(&self.schema), batch.columns().to_vec())?;
        Ok(self.writer.write(&named)?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.writer.into_inner()?.flush()?)
    }
}
