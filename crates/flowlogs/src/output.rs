//! What a piece of evidence gives: rows, rejects, counts, remarks.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use backtrail_model::decoded::{REJECT_BYTES, Remarks};
use backtrail_model::evidence::Counts;
use backtrail_model::tables::Table;

use crate::block::Block;
use crate::format::Format;
use crate::record::{Common, Record};
use crate::rows::{Rows, Times};

/// Rejects handed on together.
const REJECTS: usize = 1_024;

/// Where something stands in the evidence, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
    /// Of all of it, where only its beginning is at hand.
    pub(crate) length: u64,
}

#[derive(Debug)]
pub(crate) struct Output {
    rows: Rows,
    rejects: Rejects,
    pub(crate) common: Arc<Common>,
    pub(crate) counts: Counts,
    pub(crate) times: Times,
    pub(crate) remarks: Remarks,
    /// Rows made of the piece at hand: accepted, rejected.
    given: (i64, i64),
    pub(crate) ready: Vec<(Table, RecordBatch)>,
    lost: bool,
}

impl Output {
    pub(crate) fn new(now: i64) -> Self {
        Self {
            rows: Rows::new(Format::default_v2(), now),
            rejects: Rejects::default(),
            common: Arc::default(),
            counts: Counts::default(),
            times: Times::default(),
            remarks: Remarks::default(),
            given: (0, 0),
            ready: Vec::new(),
            lost: false,
        }
    }

    pub(crate) fn begin(&mut self, common: Common) {
        self.common = Arc::new(common);
        self.counts = Counts::default();
        (self.times, self.given) = (Times::default(), (0, 0));
        self.remarks = Remarks::default();
    }

    /// Goes on with a layout.
    pub(crate) fn set_format(&mut self, format: &Arc<Format>) {
        if *self.rows.format() != *format {
            self.take_rows();
            self.rows.change_format(Arc::clone(format));
        }
        for name in format.unknown() {
            self.remarks.add(&format!("the field {name} is not known: kept in extra"));
        }
    }

    /// Whether a record of so many words is of the layout at hand.
    pub(crate) fn expects(&self, words: usize) -> Result<(), String> {
        let expected = self.rows.format().slots.len();
        if words == expected {
            return Ok(());
        }
        Err(format!("{words} fields where the layout has {expected}"))
    }

    /// Takes a record in, or rejects it.
    pub(crate) fn record(&mut self, record: Record<'_>, place: Place<'_>, which: impl Fn() -> String) {
        match self.rows.push(record, &self.common) {
            Ok(time) => self.taken(1, Times::default().with(time)),
            Err(why) => self.reject(place, &format!("{}: {why}", which())),
        }
    }

    /// Takes lines that were cut together; false where they are to be taken one by one.
    pub(crate) fn block(&mut self, block: Block<'_>) -> bool {
        let times = self.rows.push_block(block, self.next_index(), &self.common);
        times.map(|times| self.taken(block.lines(), times)).is_some()
    }

    /// How many words lines have that may be cut together, and how many lines.
    pub(crate) fn room_for_block(&self) -> (usize, usize) {
        (self.rows.format().slots.len(), self.rows.room_for_block())
    }

    /// Counts records that were taken in.
    fn taken(&mut self, records: usize, times: Times) {
        let count = i64::try_from(records).unwrap_or(i64::MAX);
        self.counts.read += count;
        self.counts.kept += count;
        self.given.0 += count;
        self.times = [times.first, times.last].into_iter().flatten().fold(self.times, |all, time| all.with(Some(time)));
        (0..times.missing).for_each(|_| self.remarks.add("records without a usable time: kept in partition unknown"));
        if self.rows.is_full(records) {
            self.take_rows();
        }
    }

    /// The number of the next record.
    pub(crate) fn next_index(&self) -> i64 {
        self.counts.read
    }

    /// What is no record, and told so by what delivered it.
    pub(crate) fn other(&mut self) {
        self.counts.read += 1;
        self.counts.other += 1;
    }

    /// A record that cannot be taken in.
    pub(crate) fn reject(&mut self, place: Place<'_>, reason: &str) {
        self.rejects.push(&self.common.evidence_id, self.next_index(), place, reason);
        self.counts.read += 1;
        self.counts.rejected += 1;
        self.given.1 += 1;
        if self.rejects.rows >= REJECTS {
            self.ready.extend(self.rejects.take());
        }
    }

    fn take_rows(&mut self) {
        if !self.rows.is_sound() {
            self.lost = true;
            return;
        }
        self.ready.extend(self.rows.take().map(|rows| (Table::Flows, rows)));
    }

    pub(crate) fn flush(&mut self) {
        self.take_rows();
        self.ready.extend(self.rejects.take());
    }

    pub(crate) fn given(&self) -> (i64, i64) {
        self.given
    }

    pub(crate) fn is_sound(&self) -> bool {
        !self.lost && self.rows.is_sound()
    }
}

/// Rows of `rejects`.
#[derive(Debug, Default)]
struct Rejects {
    evidence: StringBuilder,
    numbers: [Int64Builder; 3],
    hashes: StringBuilder,
    reasons: StringBuilder,
    bytes: BinaryBuilder,
    rows: usize,
}

impl Rejects {
    fn push(&mut self, evidence_id: &str, index: i64, place: Place<'_>, reason: &str) {
        self.evidence.append_value(evidence_id);
        let numbers = [index, signed(place.offset), signed(place.length)];
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, number)| builder.append_value(number));
        self.hashes.append_value(const_hex::encode(ring::digest::digest(&ring::digest::SHA256, place.bytes)));
        self.reasons.append_value(reason);
        self.bytes.append_value(&place.bytes[..place.bytes.len().min(REJECT_BYTES)]);
        self.rows += 1;
    }

    fn take(&mut self) -> Option<(Table, RecordBatch)> {
        if self.rows == 0 {
            return None;
        }
        self.rows = 0;
        let [index, offset, length] = &mut self.numbers;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.evidence.finish()),
            Arc::new(index.finish()),
            Arc::new(offset.finish()),
            Arc::new(length.finish()),
            Arc::new(self.hashes.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.bytes.finish()),
        ];
        RecordBatch::try_new(Table::Rejects.row_schema(), columns).ok().map(|rows| (Table::Rejects, rows))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
