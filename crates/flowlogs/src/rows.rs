//! Rows on their way to the store, column by column. One line is one row or none: a field that cannot be read leaves nothing of its line.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    builder::BinaryViewBuilder, new_null_array,
};
use arrow_buffer::{ArrowNativeType, NullBufferBuilder, ScalarBuffer};
use arrow_schema::DataType;
use backtrail_model::tables::{FLOW_FIELDS, Table, UNKNOWN_DATE};
use backtrail_model::time::{self, EARLIEST, MICROS_PER_DAY, MICROS_PER_SECOND};

use crate::format::{Format, Slot};
use crate::name::Named;
use crate::texts::{Texts, are_same, numbered};

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
    Text(Names),
    Int(Numbers<i32>),
    Long(Numbers<i64>),
    /// Goes to `extra`.
    Extra,
}

/// Which of the texts each row has, from 1; 0 where it has none.
#[derive(Debug)]
struct Names {
    /// Whose texts they are.
    texts: usize,
    rows: Vec<u16>,
    hint: Hint,
    last: u16,
    /// Where the text goes with another column's: by number there, the number it had last.
    with: Vec<u16>,
}

/// What a column's text mostly is. A right guess is a comparison, and spares looking the text up.
#[derive(Debug, Clone, Copy)]
enum Hint {
    /// What the row before says.
    Before,
    /// What this other column of the row says; it stands before it.
    Same(usize),
    /// What the last row says that has the same text in this other column.
    With(usize),
}

/// A record of which the words before this one have their numbers.
#[derive(Debug, Clone, Copy)]
struct Begun<'r> {
    record: &'r Record<'r>,
    /// By place; of texts only.
    numbers: &'r [u16],
}

impl Names {
    fn push(&mut self, word: &[u8], texts: &mut [Texts], begun: Begun<'_>) -> Result<u16, Unreadable> {
        let texts = texts.get_mut(self.texts).ok_or(Unreadable::TooLarge)?;
        let mut key = None;
        let guess = match self.hint {
            Hint::Before => self.last,
            Hint::Same(place) => {
                let number = begun.numbers[place];
                if number != 0 && are_same(word_of(begun.record, begun.record.words[place]), word) {
                    self.rows.push(number);
                    return Ok(number);
                }
                self.last
            }
            Hint::With(place) => {
                let number = usize::from(begun.numbers[place]);
                key = Some(number);
                self.with.get(number).copied().unwrap_or(0)
            }
        };
        let number = if texts.is(guess, word) { guess } else { texts.number(word).ok_or(Unreadable::TooLarge)? };
        match key {
            None => self.last = number,
            Some(key) if number != guess => {
                if self.with.len() <= key {
                    self.with.resize(key + 1, 0);
                }
                self.with[key] = number;
            }
            Some(_) => {}
        }
        self.rows.push(number);
        Ok(number)
    }
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

    /// What was pushed last, if it was anything.
    fn last(&self) -> Option<T> {
        let at = self.values.len().checked_sub(1)?;
        self.values.get(at).copied().filter(|_| self.nulls.is_valid(at))
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
    fn of(slot: Slot, texts: usize, hint: Hint) -> Self {
        match slot {
            Slot::Text(_) => Self::Text(Names { texts, rows: Vec::with_capacity(ROWS), hint, last: 0, with: Vec::new() }),
            Slot::Int(_) => Self::Int(Numbers::new()),
            Slot::Long(_) => Self::Long(Numbers::new()),
            Slot::Extra => Self::Extra,
        }
    }

    /// Takes a word. Gives its number, if it is a text, and says whether the word can be told from the value again.
    fn push(&mut self, word: &[u8], texts: &mut [Texts], begun: Begun<'_>) -> Result<(u16, bool), Unreadable> {
        match self {
            _ if word == b"-" => {
                self.push_null();
                Ok((0, true))
            }
            Self::Text(names) => names.push(word, texts, begun).map(|number| (number, true)),
            Self::Int(column) => {
                let (value, is_plain) = number(word).ok_or(Unreadable::NoNumber)?;
                column.push(Some(i32::try_from(value).ok().ok_or(Unreadable::TooLarge)?));
                Ok((0, is_plain))
            }
            Self::Long(column) => {
                let (value, is_plain) = number(word).ok_or(Unreadable::NoNumber)?;
                column.push(Some(value));
                Ok((0, is_plain))
            }
            Self::Extra => Ok((0, true)),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Text(names) => names.rows.push(0),
            Self::Int(column) => column.push(None),
            Self::Long(column) => column.push(None),
            Self::Extra => {}
        }
    }

    fn len(&self) -> Option<usize> {
        match self {
            Self::Text(names) => Some(names.rows.len()),
            Self::Int(column) => Some(column.values.len()),
            Self::Long(column) => Some(column.values.len()),
            Self::Extra => None,
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(names) => names.rows.truncate(rows),
            Self::Int(column) => column.truncate(rows),
            Self::Long(column) => column.truncate(rows),
            Self::Extra => {}
        }
    }

    fn take(&mut self, texts: &[Option<Arc<StringArray>>]) -> Option<ArrayRef> {
        match self {
            Self::Text(names) => {
                names.last = 0;
                names.with.clear();
                let array = numbered(&names.rows, Arc::clone(texts.get(names.texts)?.as_ref()?));
                names.rows.clear();
                array
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
    let (mut value, rest) = match word.split_first_chunk::<8>() {
        Some((eight, rest)) => (eight_digits(*eight)?, rest),
        None => (0, word),
    };
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some((i64::try_from(value).ok()?, word[0] != b'0' || word.len() == 1))
}

/// Eight digits as a number, two, four and then all of them at a time.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = u64::from_ne_bytes([0xf0; 8]);
    const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);
    let word = u64::from_le_bytes(digits);
    // Digits are 0x30 to 0x39: six more must not reach 0x40.
    if word & HIGH != ZEROS || word.wrapping_add(u64::from_ne_bytes([6; 8])) & HIGH != ZEROS {
        return None;
    }
    let ones = word - ZEROS;
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// The rows of one layout.
#[derive(Debug)]
pub(crate) struct Rows {
    format: Arc<Format>,
    columns: Vec<Column>,
    /// One for each column of texts; the addresses of a record have one together.
    texts: Vec<Texts>,
    /// Of the record that is being taken, the numbers of its texts, by place.
    numbers: Vec<u16>,
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
            numbers: vec![0; columns.len()],
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
        self.numbers = vec![0; self.columns.len()];
        self.format = format;
    }

    /// Takes a record, and gives its time. An error says what of it cannot be read; nothing of it stays then.
    pub(crate) fn push(&mut self, record: Record<'_>, common: &Arc<Common>) -> Result<Option<i64>, String> {
        let mut is_exact = true;
        for (place, (column, word)) in self.columns.iter_mut().zip(record.words).enumerate() {
            let word = word_of(&record, *word);
            match column.push(word, &mut self.texts, Begun { record: &record, numbers: &self.numbers }) {
                Ok((number, exact)) => {
                    self.numbers[place] = number;
                    is_exact &= exact;
                }
                Err(why) => {
                    self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
                    return Err(unreadable(&self.format, place, word, why));
                }
            }
        }
        let time = self.time();
        self.times.push(time);
        self.push_extra(&record);
        let raw = record.raw.or_else(|| (!is_exact).then_some(record.text));
        if let Some(raw) = raw {
            (self.with_raw..self.rows).for_each(|_| self.raw.append_null());
            self.raw.append_value(raw);
            self.with_raw = self.rows + 1;
        }
        self.indices.push(record.index);
        match self.common.last_mut() {
            Some((last, count)) if Arc::ptr_eq(last, common) => *count += 1,
            _ => self.common.push((Arc::clone(common), 1)),
        }
        self.rows += 1;
        Ok(time)
    }

    fn time(&self) -> Option<i64> {
        let Column::Long(starts) = self.columns.get(self.format.start?)? else { return None };
        let seconds = starts.last()?;
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
        let are_many = || self.texts.iter().any(Texts::are_many) || self.texts.iter().map(Texts::bytes).sum::<usize>() >= TEXT_BYTES;
        self.rows >= ROWS || (self.rows % 256 == 255 && are_many())
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

/// Fields that name either end of a record.
const ADDRESSES: &[&str] = &["srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"];

/// What a packet has as its ends is mostly what the interface has.
const ALIKE: &[(&str, &str)] = &[("pkt_srcaddr", "srcaddr"), ("pkt_dstaddr", "dstaddr")];

/// Fields that are an interface's for long.
const OF_INTERFACE: &[&str] =
    &["vpc_id", "subnet_id", "instance_id", "az_id", "interface_type", "instance_tag", "interface_tag", "asg_tag"];

fn hint(format: &Format, place: usize) -> Hint {
    let name = |slot: &Slot| match slot {
        Slot::Text(at) | Slot::Int(at) | Slot::Long(at) => FLOW_FIELDS[*at].name,
        Slot::Extra => "",
    };
    let before = |wanted: &str| format.slots[..place].iter().position(|slot| name(slot) == wanted);
    let of = name(&format.slots[place]);
    let alike = || ALIKE.iter().find(|(field, _)| *field == of).and_then(|(_, other)| before(other)).map(Hint::Same);
    let with = || OF_INTERFACE.contains(&of).then(|| before("interface_id")).flatten().map(Hint::With);
    alike().or_else(with).unwrap_or(Hint::Before)
}

/// Empty columns of a layout, and their texts.
fn columns_of(format: &Format) -> (Vec<Column>, Vec<Texts>) {
    // The first are of the addresses.
    let mut texts = vec![Texts::default()];
    let mut column = |(place, slot): (usize, &Slot)| match slot {
        Slot::Text(at) if !ADDRESSES.contains(&FLOW_FIELDS[*at].name) => {
            texts.push(Texts::default());
            Column::of(*slot, texts.len() - 1, hint(format, place))
        }
        _ => Column::of(*slot, 0, hint(format, place)),
    };
    let columns = format.slots.iter().enumerate().map(&mut column).collect();
    (columns, texts)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_nothing_else() {
        assert_eq!(number(b"0"), Some((0, true)));
        assert_eq!(number(b"007"), Some((7, false)));
        assert_eq!(number(b"9223372036854775807"), Some((i64::MAX, true)));
        for n in (0..18).flat_map(|zeros| [1, 7, 9].map(|digit| digit * 10i64.pow(zeros))).filter(|n| *n > 0) {
            for n in [n - 1, n, n + n / 3] {
                assert_eq!(number(n.to_string().as_bytes()), Some((n, true)));
            }
        }
        for other in [
            &b""[..],
            b"-1",
            b"+1",
            b"1.5",
            b"9223372036854775808",
            b"0x10",
            b"99999999999999999999",
            b"1234567:",
            b"/2345678",
            b"12345 789",
            b"\xb1234567890",
        ] {
            assert_eq!(number(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
