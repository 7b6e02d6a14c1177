//! AWS's Parquet files of flow logs: the same fields, `account_id` for `account-id` (VPC user guide, "Flow log files"). Producers differ in the types
//! they give them, so that each value is read as the text it would be.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use backtrail_model::tables::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use crate::format::Format;
use crate::output::Output;
use crate::record::Words;
use crate::text::whole;
use crate::{Decoder, Notation};

/// Rows read at a time.
const AT_ONCE: usize = 4_096;

impl Decoder {
    /// Reads a Parquet file of flow logs as the piece at hand, begun before. What it cannot read further is told by the text it gives, which is to
    /// go to the piece's account; the rows before it stay.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn read_parquet<R: ChunkReader + 'static, E>(
        &mut self,
        file: R,
        sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>,
    ) -> Result<Option<String>, E> {
        self.notation = Notation::Parquet;
        let opened = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.with_batch_size(AT_ONCE).build());
        let reader = match opened {
            Ok(reader) => reader,
            Err(e) => return Ok(Some(format!("the Parquet file cannot be read: {e}"))),
        };
        let mut format = None;
        for batch in reader {
            let read = batch.and_then(|batch| {
                let format = format.get_or_insert_with(|| Arc::new(format_of(&batch)));
                self.out.set_format(format);
                take(&batch, &mut self.out)
            });
            self.hand_on(sink)?;
            if let Err(e) = read {
                let rows = self.out.counts.read;
                return Ok(Some(format!("the Parquet file breaks off after {rows} records: {e}")));
            }
        }
        Ok(None)
    }
}

fn format_of(batch: &RecordBatch) -> Format {
    Format::of(batch.schema_ref().fields().iter().map(|field| field.name().as_str()))
}

fn take(batch: &RecordBatch, out: &mut Output) -> Result<(), ArrowError> {
    let options = FormatOptions::new().with_null("-");
    let columns: Vec<_> = batch.columns().iter().map(|column| Cells::of(column.as_ref(), &options)).collect::<Result<_, _>>()?;
    let mut words = Words::default();
    let mut word = String::new();
    for row in 0..batch.num_rows() {
        words.clear();
        for cells in &columns {
            word.clear();
            cells.write(row, &mut word)?;
            words.push(&word);
        }
        let index = out.next_index();
        out.record(words.record(index), whole(words.text(), 0), || format!("row {index}"));
    }
    Ok(())
}

/// A column whose values are written as text.
enum Cells<'a> {
    /// Integers that a tool made floating-point because some were absent.
    Floats(&'a arrow_array::Float64Array),
    Others(ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    fn of(column: &'a dyn Array, options: &'a FormatOptions<'a>) -> Result<Self, ArrowError> {
        match column.data_type() {
            DataType::Float64 => Ok(Self::Floats(column.as_primitive::<Float64Type>())),
            _ => ArrayFormatter::try_new(column, options).map(Self::Others),
        }
    }

    fn write(&self, row: usize, text: &mut String) -> Result<(), ArrowError> {
        let written = match self {
            Self::Others(cells) => write!(text, "{}", cells.value(row)),
            Self::Floats(cells) if cells.is_null(row) || cells.value(row).is_nan() => write!(text, "-"),
            Self::Floats(cells) => write!(text, "{}", cells.value(row)),
        };
        written.map_err(|e| ArrowError::ComputeError(format!("a value cannot be written as text: {e}")))
    }
}
