//! Columns of a row group that are written without Arrow in between: their values are gathered from where they wait, and encoded once.
//!
//! Texts that wait by number become what Parquet makes of such columns anyway, a dictionary and numbers into it; numbers are put down plain or as
//! the differences between them. All follow the Parquet format (parquet.apache.org, "Encodings" and "Data Pages"), pages of version 2.

mod chunk;
mod delta;
mod dictionary;
mod hybrid;
mod numbers;
mod texts;
mod varint;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

pub(crate) use numbers::Numbers;
pub(crate) use texts::{Coded, Shared, coded};

/// How a column is written.
pub(crate) struct Manner<'a> {
    pub(crate) column: ColumnDescPtr,
    pub(crate) properties: &'a WriterProperties,
    pub(crate) page_rows: usize,
}

impl Manner<'_> {
    fn has_dictionary(&self) -> bool {
        self.properties.dictionary_enabled(self.column.path())
    }

    /// Whether another column would be written to the byte as this one, had it the same values.
    pub(crate) fn is_that_of(&self, other: &ColumnPath) -> bool {
        let (properties, own) = (self.properties, self.column.path());
        properties.compression(own) == properties.compression(other)
            && properties.statistics_enabled(own) == properties.statistics_enabled(other)
    }

    /// Where there is no dictionary.
    fn encoding(&self) -> Encoding {
        self.properties.encoding(self.column.path()).unwrap_or(Encoding::PLAIN)
    }
}

/// A column of a row group as it stands in a file, and all that the file says of it.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

impl Written {
    /// The same for another column that has the same values and is written in the same manner.
    pub(crate) fn of_column(&self, column: ColumnDescPtr) -> Result<Self, ParquetError> {
        let told = &self.close.metadata;
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression_codec(told.compression_codec())
            .set_encodings(told.encodings().collect())
            .set_page_encoding_stats(told.page_encoding_stats().cloned().unwrap_or_default())
            .set_total_uncompressed_size(told.uncompressed_size())
            .set_total_compressed_size(told.compressed_size())
            .set_num_values(told.num_values())
            .set_dictionary_page_offset(told.dictionary_page_offset())
            .set_data_page_offset(told.data_page_offset());
        let metadata = told.statistics().into_iter().fold(metadata, |metadata, statistics| metadata.set_statistics(statistics.clone()));
        Ok(Self { bytes: self.bytes.clone(), close: ColumnCloseResult { metadata: metadata.build()?, ..self.close.clone() } })
    }
}
