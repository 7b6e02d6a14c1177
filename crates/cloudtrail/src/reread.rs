//! Records of a store, decoded again from their own text.
//!
//! An event's columns are a function of its record. A question that needs few events of many would open forty columns of a file for one row of
//! each of their pages; it reads `raw` instead, and this.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use backtrail_model::evidence::RawForm;
use backtrail_model::tables::{Column, Table};

use crate::fields::{CLOUDTRAIL_FIELDS, Descend, Fields, walk_record};
use crate::identity::sha256;
use crate::index::Index;
use crate::output::{Record, fill_event};
use crate::rows::{Cell, Rows};
use crate::walk::Walker;

/// The same rows with text for views of bytes, as readers of a store have them.
fn as_text(rows: &RecordBatch) -> RecordBatch {
    let text = |column: &ArrayRef| -> ArrayRef {
        let views = column.as_binary_view_opt().map(|views| views.clone().to_string_view().expect("records are UTF-8"));
        views.map_or_else(|| Arc::clone(column), |views| Arc::new(views))
    };
    let columns = rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, column)| (field.name().clone(), text(column), true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// An event as the store keeps it, as far as it is not made of its record alone.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// The record: `raw` where `raw_form` is not `projected`.
    pub raw: &'a str,
    /// Microseconds UTC. A record without `eventTime` has that of what carried it.
    pub event_time: Option<i64>,
    /// Whether another row has this event id and other content.
    pub id_conflict: bool,
    /// Evidence the shown copy stands in.
    pub evidence_id: &'a str,
    /// Its number there, from 0.
    pub record_index: i64,
}

/// Finds the fields of a record that stands alone; false where the text is none.
pub(crate) fn read_again(raw: &str, fields: &mut Fields, index: &mut Index) -> bool {
    index.restart(0);
    let mut walker = Walker { bytes: raw.as_bytes(), pos: 0, index };
    raw.starts_with('{') && walk_record(&mut walker, fields, 0, Descend::Never).is_ok_and(|span| span.end as usize == raw.len())
}

/// Decodes records again, into rows of `cloudtrail` without the columns of [`Reread::NOT_GIVEN`].
#[derive(Debug)]
pub struct Reread {
    rows: Rows,
    fields: Fields,
    index: Index,
    scratch: Vec<u8>,
}

impl Default for Reread {
    fn default() -> Self {
        Self { rows: Rows::new(Table::Cloudtrail), fields: Fields::default(), index: Index::default(), scratch: Vec::new() }
    }
}

impl Reread {
    /// Columns that say how a copy came to be shown, which nothing but the store knows: they are not given.
    pub const NOT_GIVEN: [&'static str; 3] = ["raw_form", "dedupe_key", "copy_rank"];

    /// Takes the next event. False where its text is no record: nothing was added.
    pub fn add(&mut self, kept: &Kept<'_>) -> bool {
        if !read_again(kept.raw, &mut self.fields, &mut self.index) {
            return false;
        }
        let record = Record::kept(kept.raw, &self.fields, kept.record_index, RawForm::Exact);
        let base = fill_event(&mut self.rows, &record, kept.event_time, &mut self.scratch);
        let mut hash = const_hex::Buffer::<32>::new();
        let hash = hash.format(&sha256(kept.raw.as_bytes()));
        let provenance = [
            Cell::Standing(kept.raw, base),
            Cell::Text(""),
            Cell::Text(hash),
            Cell::Binary(&[]),
            Cell::Int(0),
            Cell::Bool(kept.id_conflict),
            Cell::Text(kept.evidence_id),
            Cell::Long(kept.record_index),
            Cell::Text(""),
        ];
        self.rows.end_row(CLOUDTRAIL_FIELDS + 1, &provenance);
        true
    }

    /// The events taken since the last time, in their order.
    pub fn take(&mut self) -> RecordBatch {
        let table = Table::Cloudtrail;
        let all = self.rows.take().map_or_else(|| RecordBatch::new_empty(table.row_schema()), |(_, batch)| batch);
        let is_given = |(position, column): (usize, &Column)| (!Self::NOT_GIVEN.contains(&column.name)).then_some(position);
        let given: Vec<usize> = table.columns().iter().enumerate().filter_map(is_given).collect();
        as_text(&all.project(&given).expect("positions of columns that are there"))
    }
}
