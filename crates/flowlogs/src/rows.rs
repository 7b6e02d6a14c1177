//! Rows on their way to the store, column by column. One line is one row or none: a field that cannot be read leaves nothing of its line.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, builder::BinaryViewBuilder,
    new_null_array,
};
use arrow_schema::DataType;
use backtrail_model::tables::{FLOW_FIELDS, Table, UNKNOWN_DATE};
use backtrail_model::time::{self, EARLIEST, MICROS_PER_DAY, MICROS_PER_SECOND};

use crate::block::{Block, LINES};
use crate::column::{ABSENT, Column, Numbers, Unreadable, columns_of};
use crate::format::{Format, Slot};
use crate::record::{Common, Record};
use crate::texts::{Texts, numbered};

/// Rows handed on together.
pub(crate) const ROWS: usize = 16_384;
/// Bytes of text at which fewer are.
const TEXT_BYTES: usize = 16 << 20;

/// Rows between two looks at how many texts there are, which goes over all columns.
const ROWS_BETWEEN_LOOKS: usize = 256;

/// The times of some records.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    /// How many have none.
    pub(crate) missing: usize,
}

impl Times {
    /// With another time, or none.
    pub(crate) fn with(self, time: Option<i64>) -> Self {
        let Some(time) = time else { return Self { missing: self.missing + 1, ..self } };
        Self {
            first: Some(self.first.map_or(time, |first| first.min(time))),
            last: Some(self.last.map_or(time, |last| last.max(time))),
            ..self
        }
    }
}

/// The rows of one layout.
#[derive(Debug)]
pub(crate) struct Rows {
    format: Arc<Format>,
    columns: Vec<Column>,
    /// One for each column of texts; the addresses of a record have one together.
    texts: Vec<Texts>,
    times: Numbers<i64>,
    extra: BinaryViewBuilder,
    raw: BinaryViewBuilder,
    /// Rows up to the last that has one.
    with_raw: usize,
    indices: Vec<i64>,
    /// How many rows each has in common.
    common: Vec<(Arc<Common>, usize)>,
    rows: usize,
    /// Times from here on are none.
    latest: i64,
    nulls: Vec<(DataType, ArrayRef)>,
}

impl Rows {
    pub(crate) fn new(format: Arc<Format>, now: i64) -> Self {
        let (columns, texts) = columns_of(&format);
        Self {
            format,
            columns,
            texts,
            times: Numbers::new(),
            extra: BinaryViewBuilder::new(),
            raw: BinaryViewBuilder::new(),
            with_raw: 0,
            indices: Vec::with_capacity(ROWS),
            common: Vec::new(),
            rows: 0,
            latest: now.saturating_add(MICROS_PER_DAY),
            nulls: Vec::new(),
        }
    }

    pub(crate) fn format(&self) -> &Arc<Format> {
        &self.format
    }

    /// Goes on with another layout; rows must have been taken.
    pub(crate) fn change_format(&mut self, format: Arc<Format>) {
        (self.columns, self.texts) = columns_of(&format);
        self.format = format;
    }

    /// Takes a record, and gives its time. An error says what of it cannot be read; nothing of it stays then.
    pub(crate) fn push(&mut self, record: Record<'_>, common: &Arc<Common>) -> Result<Option<i64>, String> {
        let mut is_exact = true;
        for place in 0..self.columns.len() {
            let (before, column) = self.columns.split_at_mut(place);
            let Some(column) = column.first_mut() else { break };
            match column.push(&record, place, &mut self.texts, before) {
                Ok(exact) => is_exact &= exact,
                Err(why) => {
                    self.cut_off();
                    return Err(unreadable(&self.format, place, record.word(place).unwrap_or_default(), why));
                }
            }
        }
        let time = self.time(self.rows);
        self.times.push(time);
        self.push_extra(&record);
        let raw = record.raw.or_else(|| (!is_exact).then_some(record.text));
        if let Some(raw) = raw {
            (self.with_raw..self.rows).for_each(|_| self.raw.append_null());
            self.raw.append_value(raw);
            self.with_raw = self.rows + 1;
        }
        self.indices.push(record.index);
        self.add(1, common);
        Ok(time)
    }

    /// Takes lines that were cut together, the first of which has this number in the evidence, and gives their times. `None` where any is not as is usual:
    /// nothing of them stays then, and they are to be taken one by one.
    pub(crate) fn push_block(&mut self, block: Block<'_>, index: i64, common: &Arc<Common>) -> Option<Times> {
        for place in 0..self.columns.len() {
            let (before, column) = self.columns.split_at_mut(place);
            if !column.first_mut()?.push_block(block, place, &mut self.texts, before) {
                self.cut_off();
                return None;
            }
        }
        let mut times = Times::default();
        for row in self.rows..self.rows + block.lines() {
            let time = self.time(row);
            self.times.push(time);
            times = times.with(time);
        }
        self.indices.extend((index..).take(block.lines()));
        self.add(block.lines(), common);
        Some(times)
    }

    /// Lines that may be cut together: none where words go elsewhere than into columns.
    pub(crate) fn room_for_block(&self) -> usize {
        if self.format.unknown.is_empty() { LINES.min(ROWS - self.rows) } else { 0 }
    }

    /// Cuts off what columns have of records that were not taken whole.
    fn cut_off(&mut self) {
        self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
    }

    /// Counts rows that were filled.
    fn add(&mut self, rows: usize, common: &Arc<Common>) {
        match self.common.last_mut() {
            Some((last, count)) if Arc::ptr_eq(last, common) => *count += rows,
            _ => self.common.push((Arc::clone(common), rows)),
        }
        self.rows += rows;
    }

    fn time(&self, row: usize) -> Option<i64> {
        let Column::Long(starts) = self.columns.get(self.format.start?)? else { return None };
        let seconds = starts.get(row)?;
        seconds.checked_mul(MICROS_PER_SECOND).filter(|micros| (EARLIEST..self.latest).contains(micros))
    }

    fn push_extra(&mut self, record: &Record<'_>) {
        if self.format.unknown.is_empty() {
            return;
        }
        let mut object = serde_json::Map::new();
        for (place, name) in &self.format.unknown {
            let word = record.word(*place).unwrap_or(ABSENT);
            if word != ABSENT {
                object.insert(name.clone(), String::from_utf8_lossy(word).into());
            }
        }
        self.extra.append_option((!object.is_empty()).then(|| serde_json::Value::Object(object).to_string()));
    }

    /// Whether they are to be handed on, after so many more.
    pub(crate) fn is_full(&self, added: usize) -> bool {
        let are_many = || self.texts.iter().any(Texts::are_many) || self.texts.iter().map(Texts::bytes).sum::<usize>() >= TEXT_BYTES;
        self.rows >= ROWS || (self.rows % ROWS_BETWEEN_LOOKS < added && are_many())
    }

    /// Whether all columns are of one length.
    pub(crate) fn is_sound(&self) -> bool {
        self.columns.iter().filter_map(Column::len).all(|len| len == self.rows) && self.indices.len() == self.rows
    }

    /// All rows, as the store takes them.
    pub(crate) fn take(&mut self) -> Option<RecordBatch> {
        if self.rows == 0 {
            return None;
        }
        let rows = std::mem::take(&mut self.rows);
        let times: TimestampMicrosecondArray = self.times.take();
        let dates = dates(&times);
        let times = times.with_timezone("UTC");
        let mut fields: Vec<Option<ArrayRef>> = vec![None; FLOW_FIELDS.len()];
        let texts: Vec<Option<Arc<StringArray>>> = self.texts.iter_mut().map(Texts::take).collect();
        for (slot, column) in self.format.slots.iter().zip(&mut self.columns) {
            if let (Slot::Text(at) | Slot::Int(at) | Slot::Long(at), Some(array)) = (slot, column.take(&texts)) {
                fields[*at] = Some(array);
            }
        }
        let common = std::mem::take(&mut self.common);
        let indices = std::mem::replace(&mut self.indices, Vec::with_capacity(ROWS));
        let (has_extra, with_raw) = (!self.format.unknown.is_empty(), std::mem::take(&mut self.with_raw));
        if with_raw > 0 {
            (with_raw..rows).for_each(|_| self.raw.append_null());
        }
        let (extra, raw) = (self.extra.finish(), self.raw.finish());
        let kind = if self.format.is_transit { "tgw" } else { "vpc" };
        let format = Arc::clone(&self.format.text);
        let schema = Table::Flows.row_schema();
        let column = |name: &str| -> Option<ArrayRef> {
            Some(match name {
                "event_time" => Arc::new(times.clone()),
                "event_date" => Arc::new(dates.clone()),
                "extra" => has_extra.then(|| Arc::new(extra.clone()) as ArrayRef)?,
                "raw" => (with_raw > 0).then(|| Arc::new(raw.clone()) as ArrayRef)?,
                "flow_kind" => same(kind, rows)?,
                "format" => same(&format, rows)?,
                "occurrence" => Arc::new(Int32Array::from_value(0, rows)),
                "record_index" => Arc::new(Int64Array::from(indices.clone())),
                "evidence_id" => of_common(&common, |c| Some(&c.evidence_id))?,
                "flow_log_id" => of_common(&common, |c| c.named.flow_log_id.as_deref())?,
                "file_account_id" => of_common(&common, |c| c.named.account_id.as_deref())?,
                "file_region" => of_common(&common, |c| c.named.region.as_deref())?,
                "log_group" => of_common(&common, |c| c.log_group.as_deref())?,
                "log_stream" => of_common(&common, |c| c.log_stream.as_deref())?,
                _ => return None,
            })
        };
        let columns = schema.fields().iter().map(|field| {
            let given = column(field.name()).or_else(|| {
                let at = FLOW_FIELDS.iter().position(|c| c.name == field.name())?;
                fields[at].take()
            });
            given.unwrap_or_else(|| none(&mut self.nulls, field.data_type(), rows))
        });
        RecordBatch::try_new(Arc::clone(&schema), columns.collect()).ok()
    }
}

fn unreadable(format: &Format, place: usize, word: &[u8], why: Unreadable) -> String {
    let name = format.text.split(' ').nth(place).unwrap_or_default();
    let word = String::from_utf8_lossy(&word[..word.len().min(64)]);
    match why {
        Unreadable::NoNumber => format!("{name} is {word:?}, which is no number"),
        Unreadable::TooLarge => format!("{name} is {word:?}, which is too large"),
    }
}

/// A column of absent values. One is made for each type, and cut to length.
fn none(made: &mut Vec<(DataType, ArrayRef)>, of: &DataType, rows: usize) -> ArrayRef {
    if let Some((_, array)) = made.iter().find(|(t, array)| t == of && array.len() >= rows) {
        return array.slice(0, rows);
    }
    let array = new_null_array(of, rows.max(ROWS));
    made.retain(|(t, _)| t != of);
    made.push((of.clone(), Arc::clone(&array)));
    array.slice(0, rows)
}

/// One text in all rows.
fn same(text: &str, rows: usize) -> Option<ArrayRef> {
    numbered(&vec![1; rows], Arc::new(StringArray::from_iter_values([text])))
}

/// What rows have in common, if that is anything.
fn of_common(common: &[(Arc<Common>, usize)], value: impl Fn(&Common) -> Option<&str>) -> Option<ArrayRef> {
    let mut texts: Vec<&str> = Vec::new();
    let mut rows = Vec::with_capacity(common.iter().map(|(_, count)| count).sum());
    for (common, count) in common {
        let text = value(common);
        if let Some(text) = text.filter(|text| texts.last() != Some(text)) {
            texts.push(text);
        }
        // Pieces are not more than rows.
        let number = if text.is_some() { u16::try_from(texts.len()).ok()? } else { 0 };
        rows.extend(std::iter::repeat_n(number, *count));
    }
    if texts.is_empty() { None } else { numbered(&rows, Arc::new(StringArray::from_iter_values(texts))) }
}

/// The partition of each time.
fn dates(times: &TimestampMicrosecondArray) -> StringArray {
    let day = |time: i64| time.div_euclid(MICROS_PER_DAY);
    let bounds = times.values().iter().min().zip(times.values().iter().max());
    if let Some((first, _)) = bounds.filter(|(first, last)| times.null_count() == 0 && day(**first) == day(**last)) {
        return StringArray::new_repeated(time::format_date(*first), times.len());
    }
    let mut last: Option<(i64, String)> = None;
    let mut dates = arrow_array::builder::StringBuilder::with_capacity(times.len(), times.len() * 10);
    for time in times {
        let Some(time) = time else {
            dates.append_value(UNKNOWN_DATE);
            continue;
        };
        if last.as_ref().is_none_or(|(of, _)| *of != day(time)) {
            last = Some((day(time), time::format_date(time)));
        }
        dates.append_value(last.as_ref().map_or(UNKNOWN_DATE, |(_, text)| text.as_str()));
    }
    dates.finish()
}
