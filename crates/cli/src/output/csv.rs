//! CSV (RFC 4180), safe to open in a spreadsheet: a text cell that begins like a formula gets an apostrophe in front; and to print in a terminal:
//! what would be read as a command there, or hide, is written out. Lines and tabs inside a cell stay.

use std::borrow::Cow;
use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::BatchWriter;
use super::cell::{is_text, text};
use crate::sanitize::sanitize_cell;

pub(super) struct CsvWriter {
    out: Box<dyn Write + Send>,
    texts: Vec<bool>,
}

impl CsvWriter {
    pub(super) fn new(schema: &SchemaRef, mut out: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let names: Vec<_> = schema.fields().iter().map(|f| quoted(&guarded(&sanitize_cell(f.name()))).into_owned()).collect();
        writeln!(out, "{}", names.join(","))?;
        Ok(Self { out, texts: schema.fields().iter().map(|f| is_text(f.data_type())).collect() })
    }
}

/// Text a spreadsheet will not run: `=`, `+`, `-`, `@`, tab and carriage return at the start begin a formula in one or another.
pub(super) fn guarded(value: &str) -> Cow<'_, str> {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::Owned(format!("'{value}")) } else { Cow::Borrowed(value) }
}

fn quoted(value: &str) -> Cow<'_, str> {
    if value.contains([',', '"', '\n', '\r']) { Cow::Owned(format!("\"{}\"", value.replace('"', "\"\""))) } else { Cow::Borrowed(value) }
}

impl BatchWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        for row in 0..batch.num_rows() {
            for (i, column) in batch.columns().iter().enumerate() {
                if i > 0 {
                    self.out.write_all(b",")?;
                }
                let value = text(column.as_ref(), row)?;
                let value = if self.texts[i] { sanitize_cell(&value) } else { Cow::Borrowed(value.as_str()) };
                let value = if self.texts[i] { guarded(&value) } else { value };
                self.out.write_all(quoted(&value).as_bytes())?;
            }
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_quotes_are_doubled() {
        assert_eq!(quoted(&guarded("=HYPERLINK(\"http://x\")")), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        assert_eq!(quoted(&guarded("a,b")), "\"a,b\"");
        assert_eq!(quoted(&guarded("plain")), "plain");
    }
}
