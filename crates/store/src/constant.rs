//! Columns that say one thing, or nothing, in all rows of a file: most of those of flow logs do. What such a column of a whole row group takes in a file
//! is the same each time, so that it is encoded once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt16Array, new_null_array,
};
use arrow_schema::{DataType, Schema};
use backtrail_model::tables::Table;
use bytes::Bytes;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::Type;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::{Statistics, ValueStatistics};

use crate::batch::lock;
use crate::encode::{ROW_GROUP_ROWS, shared_properties};
use crate::{rows, splice};

/// Columns kept encoded; each takes some hundred bytes.
const MOST: usize = 4_096;

/// What all rows of a column say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Constant {
    Nothing,
    Text(Vec<u8>),
    Int(i32),
    Long(i64),
}

impl Constant {
    /// What all rows of a column say in some batches, if it is one thing.
    pub(crate) fn of(batches: &[&RecordBatch], column: usize) -> Option<Self> {
        let mut arrays = batches.iter().map(|batch| batch.column(column).as_ref());
        let first = Self::of_array(arrays.next()?)?;
        arrays.all(|array| first.is_all(array)).then_some(first)
    }

    fn of_array(array: &dyn Array) -> Option<Self> {
        let found = if array.null_count() == array.len() {
            Self::Nothing
        } else if array.null_count() > 0 {
            return None;
        } else if let Some((first, texts)) = numbered(array) {
            Self::Text(texts.value(first).as_bytes().to_vec())
        } else if let Some(texts) = array.as_string_opt::<i32>() {
            Self::Text(texts.value(0).as_bytes().to_vec())
        } else if let Some(views) = array.as_binary_view_opt() {
            Self::Text(views.value(0).to_vec())
        } else if let Some(numbers) = array.as_primitive_opt::<Int32Type>() {
            Self::Int(numbers.value(0))
        } else {
            Self::Long(array.as_primitive_opt::<Int64Type>()?.value(0))
        };
        found.is_all(array).then_some(found)
    }

    fn is_all(&self, array: &dyn Array) -> bool {
        match self {
            Self::Nothing => array.null_count() == array.len(),
            _ if array.null_count() > 0 => false,
            Self::Text(text) => {
                if let Some((first, texts)) = numbered(array) {
                    return texts.value(first).as_bytes() == text && are_of_one_number(array);
                }
                let plain = || array.as_string_opt::<i32>().zip(std::str::from_utf8(text).ok());
                match array.as_binary_view_opt() {
                    // Views of one place are of one text: the first is looked at, the others are compared as numbers.
                    Some(views) => views.value(0) == text.as_slice() && views.views().windows(2).all(|pair| pair[0] == pair[1]),
                    None => plain().is_some_and(|(texts, text)| rows::are_all(texts, text)),
                }
            }
            Self::Int(number) => array.as_primitive_opt::<Int32Type>().is_some_and(|n| n.values().iter().all(|n| n == number)),
            Self::Long(number) => array.as_primitive_opt::<Int64Type>().is_some_and(|n| n.values().iter().all(|n| n == number)),
        }
    }

    /// A row group of it.
    fn array(&self, of: &DataType) -> ArrayRef {
        const ROWS: usize = ROW_GROUP_ROWS;
        match (self, of) {
            (Self::Text(text), DataType::BinaryView) => Arc::new(BinaryViewArray::from_iter_values(std::iter::repeat_n(text, ROWS))),
            (Self::Text(text), DataType::Dictionary(..)) => {
                let text = StringArray::from_iter_values([String::from_utf8_lossy(text)]);
                Arc::new(DictionaryArray::new(UInt16Array::from_value(0, ROWS), Arc::new(text)))
            }
            (Self::Text(text), _) => {
                let text = String::from_utf8_lossy(text);
                Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text.as_ref(), ROWS)))
            }
            (Self::Int(number), _) => Arc::new(Int32Array::from_value(*number, ROWS)),
            (Self::Long(number), _) => Arc::new(Int64Array::from_value(*number, ROWS)),
            (Self::Nothing, of) => new_null_array(of, ROWS),
        }
    }
}

/// Of texts that come by number, those, and the number of the first row.
fn numbered(array: &dyn Array) -> Option<(usize, &StringArray)> {
    let array = array.as_dictionary_opt::<UInt16Type>()?;
    Some((usize::from(*array.keys().values().first()?), array.values().as_string_opt::<i32>()?))
}

fn are_of_one_number(array: &dyn Array) -> bool {
    let numbers = array.as_dictionary_opt::<UInt16Type>().map(|array| array.keys().values());
    numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[0] == pair[1]))
}

/// A column of a row group, encoded: a file that holds nothing else.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    metadata: ParquetMetaData,
    /// What the file says of it, and how many values are absent.
    chunk: ColumnChunkMetaData,
}

impl Encoded {
    /// Of a column that says one thing in all rows of a row group.
    pub(crate) fn of(table: Table, column: usize, constant: &Constant) -> Result<Arc<Self>, ParquetError> {
        type Known = HashMap<(Table, usize, Constant), Arc<Encoded>>;
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let key = (table, column, constant.clone());
        if let Some(known) = lock(&KNOWN).get(&key) {
            return Ok(Arc::clone(known));
        }
        let encoded = Arc::new(Self::encode(table, column, constant)?);
        let mut known = lock(&KNOWN);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Arc::clone(&encoded));
        Ok(encoded)
    }

    fn encode(table: Table, column: usize, constant: &Constant) -> Result<Self, ParquetError> {
        let one = |schema: &Schema| Arc::new(Schema::new(vec![schema.field(column).clone()]));
        let (waiting, stored) = (one(&rows::waiting_schema(table)), one(&table.schema()));
        let properties = shared_properties(table).into_builder().set_sorting_columns(None).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let options = options.with_parquet_schema(ArrowSchemaConverter::new().convert(&stored)?);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&waiting), options)?;
        let array = constant.array(waiting.field(0).data_type());
        writer.write(&RecordBatch::try_new(waiting, vec![array])?)?;
        let bytes = Bytes::from(writer.into_inner()?);
        let metadata = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&bytes)?;
        let chunk = told(metadata.row_group(0).column(0).clone(), constant)?;
        Ok(Self { bytes, metadata, chunk })
    }

    /// All that a file says of it.
    pub(crate) fn close_result(&self) -> ColumnCloseResult {
        ColumnCloseResult { metadata: self.chunk.clone(), ..splice::stored_chunk(&self.bytes, &self.metadata, 0, 0) }
    }
}

/// Says how many values of a column are absent, where texts have no other statistics: whoever reads passes over a column without any.
fn told(chunk: ColumnChunkMetaData, constant: &Constant) -> Result<ColumnChunkMetaData, ParquetError> {
    if chunk.statistics().is_some() || chunk.column_type() != Type::BYTE_ARRAY {
        return Ok(chunk);
    }
    let nulls = if *constant == Constant::Nothing { ROW_GROUP_ROWS as u64 } else { 0 };
    let statistics = ValueStatistics::<ByteArray>::new(None, None, None, Some(nulls), false);
    chunk.into_builder().set_statistics(Statistics::from(statistics)).build()
}
