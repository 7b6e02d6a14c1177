//! Rows on their way to the store, column by column. One line is one row or none: a field that cannot be read leaves nothing of its line.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    builder::BinaryViewBuilder, new_null_array,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use backtrail_model::tables::{FLOW_FIELDS, Table, UNKNOWN_DATE};
use backtrail_model::time::{self, EARLIEST, MICROS_PER_DAY, MICROS_PER_SECOND};

use crate::format::{Format, Slot};
use crate::name::Named;

/// Rows handed on together.
const ROWS: usize = 16_384;
/// Bytes of text at which fewer are.
const TEXT_BYTES: usize = 16 << 20;

/// What all rows of a piece of evidence, or of a log stream in it, have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) evidence_id: Arc<str>,
    pub(crate) named: Named,
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
}

/// Where a word stands in a text.
pub(crate) type Span = (u32, u32);

/// A word from one place to another.
pub(crate) fn span(from: usize, to: usize) -> Span {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (place(from), place(to))
}

/// A record to be taken in: its words, of the layout in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The text that the words stand in.
    pub(crate) text: &'a [u8],
    /// Where each stands.
    pub(crate) words: &'a [Span],
    /// Its number in the evidence.
    pub(crate) index: i64,
    /// The delivered line, where its words do not give it to the byte.
    pub(crate) raw: Option<&'a [u8]>,
}

/// The words of a record that came in parts, as a line would have them.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    spans: Vec<Span>,
}

impl Words {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// The next value; an empty one is none.
    pub(crate) fn push(&mut self, value: &str) {
        let from = self.text.len();
        self.text.push_str(if value.is_empty() { "-" } else { value });
        self.spans.push(span(from, self.text.len()));
        self.text.push(' ');
    }

    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(crate) fn record(&self, index: i64) -> Record<'_> {
        Record { text: self.text(), words: &self.spans, index, raw: None }
    }
}

/// One column.
#[derive(Debug)]
enum Column {
    Text {
        values: Vec<u8>,
        ends: Vec<i32>,
        nulls: NullBufferBuilder,
    },
    Int(Numbers<i32>),
    Long(Numbers<i64>),
    /// Goes to `extra`.
    Extra,
}

#[derive(Debug)]
struct Numbers<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowNativeType + Default> Numbers<T> {
    fn new() -> Self {
        Self { values: Vec::with_capacity(ROWS), nulls: NullBufferBuilder::new(ROWS) }
    }

    fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.nulls.truncate(rows);
    }

    fn take<P: ArrowPrimitiveType<Native = T>>(&mut self) -> PrimitiveArray<P> {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(ROWS));
        PrimitiveArray::new(ScalarBuffer::from(values), self.nulls.finish())
    }
}

impl Column {
    fn of(slot: Slot) -> Self {
        match slot {
            Slot::Text(_) => {
                let mut ends = Vec::with_capacity(ROWS + 1);
                ends.push(0);
                Self::Text { values: Vec::new(), ends, nulls: NullBufferBuilder::new(ROWS) }
            }
            Slot::Int(_) => Self::Int(Numbers::new()),
            Slot::Long(_) => Self::Long(Numbers::new()),
            Slot::Extra => Self::Extra,
        }
    }

    /// Takes a word. Says whether the word can be told from the value again.
    fn push(&mut self, word: &[u8]) -> Result<bool, Unreadable> {
        let is_null = word == b"-";
        match self {
            Self::Text { values, ends, nulls } => {
                if !is_null {
                    values.extend_from_slice(word);
                }
                ends.push(i32::try_from(values.len()).ok().ok_or(Unreadable::TooLarge)?);
                nulls.append(!is_null);
                Ok(true)
            }
            Self::Int(_) | Self::Long(_) if is_null => {
                self.push_null();
                Ok(true)
            }
            Self::Int(column) => {
                let (value, is_plain) = number(word).ok_or(Unreadable::NoNumber)?;
                column.push(Some(i32::try_from(value).ok().ok_or(Unreadable::TooLarge)?));
                Ok(is_plain)
            }
            Self::Long(column) => {
                let (value, is_plain) = number(word).ok_or(Unreadable::NoNumber)?;
                column.push(Some(value));
                Ok(is_plain)
            }
            Self::Extra => Ok(true),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Int(column) => column.push(None),
            Self::Long(column) => column.push(None),
            Self::Text { .. } | Self::Extra => {}
        }
    }

    fn len(&self) -> Option<usize> {
        match self {
            Self::Text { ends, .. } => Some(ends.len() - 1),
            Self::Int(column) => Some(column.values.len()),
            Self::Long(column) => Some(column.values.len()),
            Self::Extra => None,
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text { values, ends, nulls } => {
                ends.truncate(rows + 1);
                values.truncate(ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0));
                nulls.truncate(rows);
            }
            Self::Int(column) => column.truncate(rows),
            Self::Long(column) => column.truncate(rows),
            Self::Extra => {}
        }
    }

    fn text_bytes(&self) -> usize {
        if let Self::Text { values, .. } = self { values.len() } else { 0 }
    }

    fn take(&mut self) -> Option<ArrayRef> {
        match self {
            Self::Text { values, ends, nulls } => {
                let text = std::mem::replace(values, Vec::with_capacity(values.len() + values.len() / 8));
                let offsets = std::mem::replace(ends, Vec::with_capacity(ROWS + 1));
                ends.push(0);
                // Lines were checked to be UTF-8, and words are cut at blanks.
                let array = StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(text), nulls.finish());
                array.ok().map(|array| Arc::new(array) as ArrayRef)
            }
            Self::Int(column) => Some(Arc::new(column.take::<Int32Type>())),
            Self::Long(column) => Some(Arc::new(column.take::<Int64Type>())),
            Self::Extra => None,
        }
    }
}

/// Why a word cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unreadable {
    NoNumber,
    TooLarge,
}

/// A number in decimal, and whether it is written as numbers are: without leading zeros.
fn number(word: &[u8]) -> Option<(i64, bool)> {
    if word.is_empty() || word.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for byte in word {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some((i64::try_from(value).ok()?, word[0] != b'0' || word.len() == 1))
}

/// The rows of one layout.
#[derive(Debug)]
pub(crate) struct Rows {
    format: Arc<Format>,
    columns: Vec<Column>,
    times: Numbers<i64>,
    extra: BinaryViewBuilder,
    raw: BinaryViewBuilder,
    /// Whether any row has one.
    has_raw: bool,
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
        let columns = format.slots.iter().map(|slot| Column::of(*slot)).collect();
        Self {
            format,
            columns,
            times: Numbers::new(),
            extra: BinaryViewBuilder::new(),
            raw: BinaryViewBuilder::new(),
            has_raw: false,
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
        self.columns = format.slots.iter().map(|slot| Column::of(*slot)).collect();
        self.format = format;
    }

    /// Takes a record, and gives its time. An error says what of it cannot be read; nothing of it stays then.
    pub(crate) fn push(&mut self, record: Record<'_>, common: &Arc<Common>) -> Result<Option<i64>, String> {
        let mut is_exact = true;
        for (place, (column, word)) in self.columns.iter_mut().zip(record.words).enumerate() {
            let word = word_of(&record, *word);
            match column.push(word) {
                Ok(exact) => is_exact &= exact,
                Err(why) => {
                    self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
                    return Err(unreadable(&self.format, place, word, why));
                }
            }
        }
        let time = self.time(&record);
        self.times.push(time);
        self.push_extra(&record);
        let raw = record.raw.or_else(|| (!is_exact).then_some(record.text));
        self.raw.append_option(raw);
        self.has_raw |= raw.is_some();
        self.indices.push(record.index);
        match self.common.last_mut() {
            Some((last, count)) if Arc::ptr_eq(last, common) => *count += 1,
            _ => self.common.push((Arc::clone(common), 1)),
        }
        self.rows += 1;
        Ok(time)
    }

    fn time(&self, record: &Record<'_>) -> Option<i64> {
        let place = self.format.start?;
        let (seconds, _) = number(word_of(record, *record.words.get(place)?))?;
        seconds.checked_mul(MICROS_PER_SECOND).filter(|micros| (EARLIEST..self.latest).contains(micros))
    }

    fn push_extra(&mut self, record: &Record<'_>) {
        if self.format.unknown.is_empty() {
            return;
        }
        let mut object = serde_json::Map::new();
        for (place, name) in &self.format.unknown {
            let word = record.words.get(*place).map_or(&b"-"[..], |word| word_of(record, *word));
            if word != b"-" {
                object.insert(name.clone(), String::from_utf8_lossy(word).into());
            }
        }
        self.extra.append_option((!object.is_empty()).then(|| serde_json::Value::Object(object).to_string()));
    }

    pub(crate) fn is_full(&self) -> bool {
        // The second is asked for now and then: it looks at all columns.
        self.rows >= ROWS || (self.rows % 256 == 255 && self.columns.iter().map(Column::text_bytes).sum::<usize>() >= TEXT_BYTES)
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
        for (slot, column) in self.format.slots.iter().zip(&mut self.columns) {
            if let (Slot::Text(at) | Slot::Int(at) | Slot::Long(at), Some(array)) = (slot, column.take()) {
                fields[*at] = Some(array);
            }
        }
        let common = std::mem::take(&mut self.common);
        let indices = std::mem::replace(&mut self.indices, Vec::with_capacity(ROWS));
        let (has_extra, has_raw) = (!self.format.unknown.is_empty(), std::mem::take(&mut self.has_raw));
        let (extra, raw) = (self.extra.finish(), self.raw.finish());
        let kind = if self.format.is_transit { "tgw" } else { "vpc" };
        let format = Arc::clone(&self.format.text);
        let schema = Table::Flows.row_schema();
        let column = |name: &str| -> Option<ArrayRef> {
            Some(match name {
                "event_time" => Arc::new(times.clone()),
                "event_date" => Arc::new(dates.clone()),
                "extra" => has_extra.then(|| Arc::new(extra.clone()) as ArrayRef)?,
                "raw" => has_raw.then(|| Arc::new(raw.clone()) as ArrayRef)?,
                "flow_kind" => same(kind, rows),
                "format" => same_view(&format, rows)?,
                "occurrence" => Arc::new(Int32Array::from_value(0, rows)),
                "record_index" => Arc::new(Int64Array::from(indices.clone())),
                "evidence_id" => of_common(&common, |c| Some(&c.evidence_id)),
                "flow_log_id" => of_common(&common, |c| c.named.flow_log_id.as_deref()),
                "file_account_id" => of_common(&common, |c| c.named.account_id.as_deref()),
                "file_region" => of_common(&common, |c| c.named.region.as_deref()),
                "log_group" => of_common(&common, |c| c.log_group.as_deref()),
                "log_stream" => of_common(&common, |c| c.log_stream.as_deref()),
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

fn word_of<'a>(record: &Record<'a>, (from, to): Span) -> &'a [u8] {
    record.text.get(from as usize..to as usize).unwrap_or_default()
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

fn same(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

/// Views of one text: a layout is as long as a record.
fn same_view(text: &str, rows: usize) -> Option<ArrayRef> {
    let mut views = BinaryViewBuilder::with_capacity(rows);
    let length = u32::try_from(text.len()).ok()?;
    let block = views.append_block(Buffer::from(text.as_bytes()));
    for _ in 0..rows {
        views.try_append_view(block, 0, length).ok()?;
    }
    Some(Arc::new(views.finish()))
}

fn of_common(common: &[(Arc<Common>, usize)], value: impl Fn(&Common) -> Option<&str>) -> ArrayRef {
    Arc::new(common.iter().flat_map(|(common, count)| std::iter::repeat_n(value(common), *count)).collect::<StringArray>())
}

/// The partition of each time.
fn dates(times: &TimestampMicrosecondArray) -> StringArray {
    let mut last: Option<(i64, String)> = None;
    let mut dates = arrow_array::builder::StringBuilder::with_capacity(times.len(), times.len() * 10);
    for time in times {
        let Some(time) = time else {
            dates.append_value(UNKNOWN_DATE);
            continue;
        };
        let day = time.div_euclid(MICROS_PER_DAY);
        if last.as_ref().is_none_or(|(of, _)| *of != day) {
            last = Some((day, time::format_date(time)));
        }
        dates.append_value(last.as_ref().map_or(UNKNOWN_DATE, |(_, text)| text.as_str()));
    }
    dates.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_nothing_else() {
        assert_eq!(number(b"0"), Some((0, true)));
        assert_eq!(number(b"007"), Some((7, false)));
        assert_eq!(number(b"9223372036854775807"), Some((i64::MAX, true)));
        for other in [&b""[..], b"-1", b"+1", b"1.5", b"9223372036854775808", b"0x10", b"99999999999999999999"] {
            assert_eq!(number(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
