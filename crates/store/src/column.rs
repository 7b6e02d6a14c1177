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
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

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

    /// Where there is no dictionary.
    fn encoding(&self) -> Encoding {
        self.properties.encoding(self.column.path()).unwrap_or(Encoding::PLAIN)
    }
}

/// A column of a row group as it stands in a file, and all that the file says of it.
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}
