//! Rows of one table, being filled: Arrow builders in the order of its schema.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use backtrail_model::tables::{EVENT_DATE, Kind, Table};

/// One column being filled.
#[derive(Debug)]
pub(crate) enum Col {
    Text(TextCol),
    Json(TextCol),
    Time(TimestampMicrosecondBuilder),
    Bool(BooleanBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Binary(BinaryBuilder),
}

/// A text column. Most columns are NULL in most records, so NULLs are counted first and appended together.
#[derive(Debug)]
pub(crate) struct TextCol {
    builder: StringBuilder,
    nulls: usize,
}

impl TextCol {
    fn new(rows: usize, bytes: usize) -> Self {
        Self { builder: StringBuilder::with_capacity(rows, bytes), nulls: 0 }
    }

    #[inline(always)]
    pub(crate) fn append_null(&mut self) {
        self.nulls += 1;
    }

    #[inline]
    pub(crate) fn append_value(&mut self, value: &str) {
        if self.nulls > 0 {
            self.settle_nulls();
        }
        self.builder.append_value(value);
    }

    #[inline]
    pub(crate) fn append_option(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.append_value(value),
            None => self.append_null(),
        }
    }

    fn settle_nulls(&mut self) {
        self.builder.append_nulls(std::mem::take(&mut self.nulls));
    }

    fn finish(&mut self) -> (ArrayRef, usize) {
        self.settle_nulls();
        let bytes = self.builder.values_slice().len();
        (Arc::new(self.builder.finish()), bytes)
    }
}

impl Col {
    fn new(kind: Kind, rows: usize, bytes: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(TextCol::new(rows, bytes)),
            Kind::Json => Self::Json(TextCol::new(rows, bytes)),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(kind.data_type())),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Int => Self::Int(Int32Builder::with_capacity(rows)),
            Kind::Long => Self::Long(Int64Builder::with_capacity(rows)),
            Kind::Binary => Self::Binary(BinaryBuilder::with_capacity(rows, bytes)),
        }
    }

    #[inline]
    pub(crate) fn text(&mut self, value: Option<&str>) {
        if let Self::Text(b) | Self::Json(b) = self {
            b.append_option(value);
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(b) | Self::Json(b) => b.builder.len() + b.nulls,
            Self::Time(b) => b.len(),
            Self::Bool(b) => b.len(),
            Self::Int(b) => b.len(),
            Self::Long(b) => b.len(),
            Self::Binary(b) => b.len(),
        }
    }

    fn finish(&mut self) -> (ArrayRef, usize) {
        match self {
            Self::Text(b) | Self::Json(b) => b.finish(),
            Self::Time(b) => (Arc::new(b.finish()), 0),
            Self::Bool(b) => (Arc::new(b.finish()), 0),
            Self::Int(b) => (Arc::new(b.finish()), 0),
            Self::Long(b) => (Arc::new(b.finish()), 0),
            Self::Binary(b) => {
                let bytes = b.values_slice().len();
                (Arc::new(b.finish()), bytes)
            }
        }
    }
}

/// What stands at the end of a row, in the order in which it is appended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Time(Option<i64>),
    Bool(bool),
    Int(i32),
    Long(i64),
    Binary(&'a [u8]),
}

/// Rows of one table, being filled.
#[derive(Debug)]
pub(crate) struct Rows {
    table: Table,
    schema: SchemaRef,
    pub(crate) cols: Vec<Col>,
    pub(crate) rows: usize,
    /// Rows ever filled.
    pub(crate) total: i64,
    /// Bytes of text taken in, roughly.
    pub(crate) bytes: usize,
}

impl Rows {
    pub(crate) fn new(table: Table) -> Self {
        let mut fields: Vec<_> = table.schema().fields().iter().cloned().collect();
        if table.is_dated() {
            fields.push(Arc::new(Field::new(EVENT_DATE, DataType::Utf8, true)));
        }
        let mut rows = Self { table, schema: Arc::new(Schema::new(fields)), cols: Vec::new(), rows: 0, total: 0, bytes: 0 };
        rows.renew(0, &[]);
        rows
    }

    /// New builders, with room for what the last batch held.
    fn renew(&mut self, rows: usize, bytes: &[usize]) {
        let kinds = self.table.columns().iter().map(|c| c.kind).chain(self.table.is_dated().then_some(Kind::Text));
        self.cols = kinds.enumerate().map(|(i, kind)| Col::new(kind, rows, bytes.get(i).copied().unwrap_or(0))).collect();
        self.rows = 0;
        self.bytes = 0;
    }

    /// Appends cells from column `from` on; the last one ends the row.
    pub(crate) fn end_row(&mut self, from: usize, cells: &[Cell<'_>]) {
        debug_assert_eq!(from + cells.len(), self.cols.len());
        for (col, cell) in self.cols[from..].iter_mut().zip(cells) {
            match (col, cell) {
                (Col::Text(b) | Col::Json(b), Cell::Text(text)) => b.append_value(text),
                (Col::Text(b) | Col::Json(b), Cell::MaybeText(text)) => b.append_option(*text),
                (Col::Time(b), Cell::Time(time)) => b.append_option(*time),
                (Col::Bool(b), Cell::Bool(value)) => b.append_value(*value),
                (Col::Int(b), Cell::Int(value)) => b.append_value(*value),
                (Col::Long(b), Cell::Long(value)) => b.append_value(*value),
                (Col::Binary(b), Cell::Binary(value)) => b.append_value(value),
                (col, cell) => debug_assert!(false, "{cell:?} does not fit {col:?}"),
            }
        }
        self.rows += 1;
        self.total += 1;
    }

    /// Whether every column holds a cell for every row: so unless filling one was cut short.
    pub(crate) fn is_sound(&self) -> bool {
        self.cols.iter().all(|c| c.len() == self.rows)
    }

    /// The rows so far, as a batch; none if there are none.
    pub(crate) fn take(&mut self) -> Option<(Table, RecordBatch)> {
        if self.rows == 0 {
            return None;
        }
        let rows = self.rows;
        let (arrays, bytes): (Vec<_>, Vec<_>) = self.cols.iter_mut().map(Col::finish).unzip();
        self.renew(rows, &bytes);
        // Every column got one cell a row, of the schema's type: nothing that evidence says changes that.
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).expect("each row fills every column");
        Some((self.table, batch))
    }
}
