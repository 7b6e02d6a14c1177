//! Rows of one table, being filled: Arrow builders in the order of its schema.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder, make_view,
};
use arrow_array::{Array, ArrayRef, BinaryViewArray, RecordBatch};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};
use arrow_schema::{DataType, SchemaRef};
use backtrail_model::tables::Table;

/// Rows in a batch, at most.
const MAX_ROWS: usize = 16 * 1024;
/// Bytes of records in a batch, about.
const MAX_BYTES: usize = 8 << 20;

/// One column being filled.
#[derive(Debug)]
pub(crate) enum Col {
    Text(TextCol),
    View(ViewCol),
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

/// `raw` and its JSON parts: views into the block of the rows, where each record stands once.
#[derive(Debug)]
pub(crate) struct ViewCol {
    views: Vec<u128>,
    valid: NullBufferBuilder,
    nulls: usize,
}

impl ViewCol {
    fn new(rows: usize) -> Self {
        Self { views: Vec::with_capacity(rows), valid: NullBufferBuilder::new(rows), nulls: 0 }
    }

    #[inline(always)]
    pub(crate) fn append_null(&mut self) {
        self.nulls += 1;
    }

    /// Appends text that stands in the block at `offset`.
    #[inline]
    pub(crate) fn append_standing(&mut self, text: &str, offset: usize) {
        if self.nulls > 0 {
            self.settle_nulls();
        }
        self.views.push(make_view(text.as_bytes(), 0, u32::try_from(offset).unwrap_or(u32::MAX)));
        self.valid.append_non_null();
    }

    /// Appends text that stands elsewhere.
    pub(crate) fn append_option(&mut self, text: Option<&str>, block: &mut Vec<u8>) {
        let Some(text) = text else { return self.append_null() };
        let offset = block.len();
        block.extend_from_slice(text.as_bytes());
        self.append_standing(text, offset);
    }

    fn settle_nulls(&mut self) {
        self.valid.append_n_nulls(self.nulls);
        self.views.resize(self.views.len() + self.nulls, 0);
        self.nulls = 0;
    }

    fn finish(&mut self, block: &Buffer) -> ArrayRef {
        self.settle_nulls();
        let views = ScalarBuffer::from(std::mem::take(&mut self.views));
        // Each view was made of text that stands in the block, which has only grown since.
        Arc::new(BinaryViewArray::try_new(views, vec![block.clone()], self.valid.finish()).expect("views are of text in the block"))
    }
}

impl Col {
    fn new(data_type: &DataType, rows: usize, bytes: usize) -> Self {
        match data_type {
            DataType::BinaryView => Self::View(ViewCol::new(rows)),
            DataType::Timestamp(..) => Self::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(data_type.clone())),
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Int32 => Self::Int(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Self::Long(Int64Builder::with_capacity(rows)),
            DataType::Binary => Self::Binary(BinaryBuilder::with_capacity(rows, bytes)),
            _ => Self::Text(TextCol::new(rows, bytes)),
        }
    }

    #[inline]
    pub(crate) fn text(&mut self, value: Option<&str>, block: &mut Vec<u8>) {
        match self {
            Self::Text(b) => b.append_option(value),
            Self::View(b) => b.append_option(value, block),
            other => debug_assert!(false, "text does not fit {other:?}"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(b) => b.builder.len() + b.nulls,
            Self::View(b) => b.views.len() + b.nulls,
            Self::Time(b) => b.len(),
            Self::Bool(b) => b.len(),
            Self::Int(b) => b.len(),
            Self::Long(b) => b.len(),
            Self::Binary(b) => b.len(),
        }
    }

    /// The column so far, and the bytes of its own.
    fn finish(&mut self, block: &Buffer) -> (ArrayRef, usize) {
        match self {
            Self::Text(b) => b.finish(),
            Self::View(b) => (b.finish(block), 0),
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
    MaybeBool(Option<bool>),
    /// Text that stands in the block of the rows already, and where.
    Standing(&'a str, usize),
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
    /// The records, one after the other.
    pub(crate) block: Vec<u8>,
    pub(crate) rows: usize,
    /// Rows ever filled.
    pub(crate) total: i64,
    /// Bytes of text taken in, roughly.
    pub(crate) bytes: usize,
    room: Room,
}

/// Room that builders begin with, by what batches needed: what does not fit is copied elsewhere, and room that stays empty is never touched.
#[derive(Debug, Default)]
struct Room {
    rows: usize,
    block: usize,
    columns: Vec<usize>,
}

impl Room {
    /// Somewhat more than the last batch needed; of what earlier ones needed, nearly all, for after a full batch comes the short rest of its
    /// piece of evidence, and then a full one again.
    fn learn(&mut self, rows: usize, block: usize, columns: &[usize]) {
        let learn = |known: &mut usize, last: usize| *known = (last + last / 8).max(*known - *known / 16);
        learn(&mut self.rows, rows);
        learn(&mut self.block, block);
        self.columns.resize(columns.len(), 0);
        self.columns.iter_mut().zip(columns).for_each(|(known, last)| learn(known, *last));
    }
}

impl Rows {
    pub(crate) fn new(table: Table) -> Self {
        let schema = table.row_schema();
        let mut rows = Self { table, schema, cols: Vec::new(), block: Vec::new(), rows: 0, total: 0, bytes: 0, room: Room::default() };
        rows.renew();
        rows
    }

    /// New builders.
    fn renew(&mut self) {
        let room = |i: usize| self.room.columns.get(i).copied().unwrap_or(0);
        let columns = self.schema.fields().iter().enumerate();
        self.cols = columns.map(|(i, field)| Col::new(field.data_type(), self.room.rows, room(i))).collect();
        self.block = Vec::with_capacity(self.room.block);
        self.rows = 0;
        self.bytes = 0;
    }

    /// Appends cells from column `from` on; the last one ends the row.
    pub(crate) fn end_row(&mut self, from: usize, cells: &[Cell<'_>]) {
        debug_assert_eq!(from + cells.len(), self.cols.len());
        for (col, cell) in self.cols[from..].iter_mut().zip(cells) {
            match (col, cell) {
                (Col::Text(b), Cell::Text(text)) => b.append_value(text),
                (Col::Text(b), Cell::MaybeText(text)) => b.append_option(*text),
                (Col::View(b), Cell::Standing(text, at)) => b.append_standing(text, *at),
                (Col::View(b), Cell::Text(text)) => b.append_option(Some(text), &mut self.block),
                (Col::View(b), Cell::MaybeText(text)) => b.append_option(*text, &mut self.block),
                (Col::Time(b), Cell::Time(time)) => b.append_option(*time),
                (Col::Bool(b), Cell::Bool(value)) => b.append_value(*value),
                (Col::Bool(b), Cell::MaybeBool(value)) => b.append_option(*value),
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

    /// Whether there is enough for a batch.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// The rows so far, as a batch; none if there are none.
    pub(crate) fn take(&mut self) -> Option<(Table, RecordBatch)> {
        if self.rows == 0 {
            return None;
        }
        let mut block = std::mem::take(&mut self.block);
        // Few rows may wait for long: they give their room back.
        let are_few = self.rows * 2 < self.room.rows;
        if are_few {
            block.shrink_to_fit();
        }
        let block = Buffer::from_vec(block);
        let (mut arrays, bytes): (Vec<_>, Vec<_>) = self.cols.iter_mut().map(|c| c.finish(&block)).unzip();
        if are_few {
            arrays.iter_mut().for_each(Array::shrink_to_fit);
        }
        self.room.learn(self.rows, block.len(), &bytes);
        self.renew();
        // Every column got one cell a row, of the schema's type: nothing that evidence says changes that.
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).expect("each row fills every column");
        Some((self.table, batch))
    }
}
