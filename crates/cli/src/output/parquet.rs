//! Parquet, zstd.

use std::io::Write;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::BatchWriter;

pub(super) struct ParquetWriter {
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl ParquetWriter {
    pub(super) fn new(schema: &SchemaRef, out: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        Ok(Self { writer: ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties))? })
    }
}

impl BatchWriter for ParquetWriter {
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.writer.into_inner()?.flush()?)
    }
}
