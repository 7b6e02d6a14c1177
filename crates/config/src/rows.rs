//! Rows of one table, being filled: Arrow builders in the order of its schema.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BinaryViewBuilder, BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use backtrail_model::tables::Table;

/// Rows in a batch, at most.
const MAX_ROWS: usize = 8_192;
/// Bytes of records in a batch, about.
const MAX_BYTES: usize = 4 << 20;

/// A cell of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Text(Option<&'a str>),
    Time(Option<i64>),
    Bool(Option<bool>),
    Int(i32),
    Long(i64),
    Binary(&'a [u8]),
}

#[derive(Debug)]
enum Col {
    Text(StringBuilder),
    View(BinaryViewBuilder),
    Time(TimestampMicrosecondBuilder),
    Bool(BooleanBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Binary(BinaryBuilder),
}

impl Col {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::BinaryView => Self::View(BinaryViewBuilder::new()),
            DataType::Timestamp(..) => Self::Time(TimestampMicrosecondBuilder::new().with_data_type(data_type.clone())),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int32 => Self::Int(Int32Builder::new()),
            DataType::Int64 => Self::Long(Int64Builder::new()),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(b), Cell::Text(text)) => b.append_option(text),
            (Self::View(b), Cell::Text(text)) => b.append_option(text.map(str::as_bytes)),
            (Self::Time(b), Cell::Time(time)) => b.append_option(time),
            (Self::Bool(b), Cell::Bool(value)) => b.append_option(value),
            (Self::Int(b), Cell::Int(value)) => b.append_value(value),
            (Self::Long(b), Cell::Long(value)) => b.append_value(value),
            (Self::Binary(b), Cell::Binary(value)) => b.append_value(value),
            (col, cell) => debug_assert!(false, "{cell:?} does not fit {col:?}"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(b) => b.len(),
            Self::View(b) => b.len(),
            Self::Time(b) => b.len(),
            Self::Bool(b) => b.len(),
            Self::Int(b) => b.len(),
            Self::Long(b) => b.len(),
            Self::Binary(b) => b.len(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(b) => Arc::new(b.finish()),
            Self::View(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Long(b) => Arc::new(b.finish()),
            Self::Binary(b) => Arc::new(b.finish()),
        }
    }
}

/// Rows of one table, being filled.
#[derive(Debug)]
pub(crate) struct Rows {
    table: Table,
    schema: SchemaRef,
    cols: Vec<Col>,
    rows: usize,
    bytes: usize,
}

impl Rows {
    pub(crate) fn new(table: Table) -> Self {
        let schema = table.row_schema();
        let cols = schema.fields().iter().map(|field| Col::new(field.data_type())).collect();
        Self { table, schema, cols, rows: 0, bytes: 0 }
    }

    pub(crate) fn push(&mut self, cells: &[Cell<'_>], bytes: usize) {
        debug_assert_eq!(cells.len(), self.cols.len());
        self.cols.iter_mut().zip(cells).for_each(|(col, cell)| col.push(*cell));
        self.rows += 1;
        self.bytes += bytes;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.cols.iter().all(|col| col.len() == self.rows)
    }

    pub(crate) fn take(&mut self) -> Option<(Table, RecordBatch)> {
        if self.rows == 0 {
            return None;
        }
        (self.rows, self.bytes) = (0, 0);
        let columns = self.cols.iter_mut().map(Col::finish).collect();
        // Every column got one cell a row, of the schema's type.
        RecordBatch::try_new(Arc::clone(&self.schema), columns).ok().map(|rows| (self.table, rows))
    }
}
