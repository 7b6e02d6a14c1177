//! Columns of fields that are being filled, word by word or with the words of many lines at once.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow_buffer::{ArrowNativeType, NullBufferBuilder, ScalarBuffer};
use backtrail_model::tables::FLOW_FIELDS;

use crate::block::Block;
use crate::format::{Format, Slot};
use crate::number::{number, plain_number};
use crate::record::Record;
use crate::rows::ROWS;
use crate::texts::{Texts, are_same, numbered};

/// How records say that a field has no value.
pub(crate) const ABSENT: &[u8] = b"-";

/// One column.
#[derive(Debug)]
pub(crate) enum Column {
    Text(Names),
    Int(Numbers<i32>),
    Long(Numbers<i64>),
    /// Goes to `extra`.
    Extra,
}

/// Which of the texts each row has, from 1; 0 where it has none.
#[derive(Debug)]
pub(crate) struct Names {
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
    /// Hardly ever what the row before says.
    Another,
    /// What this other column of the row says; it stands before it.
    Same(usize),
    /// What the last row says that has the same text in this other column.
    With(usize),
}

/// What a hint says of a row.
#[derive(Debug, Clone, Copy)]
enum Clue<'w> {
    Before,
    /// The other column's number and word.
    Same(u16, &'w [u8]),
    /// The other column's number.
    With(u16),
}

/// What the column at a place says in the last rows, as many as are asked for; nothing, if it is none of texts.
fn last_of(columns: &[Column], place: usize, rows: usize) -> &[u16] {
    match columns.get(place) {
        Some(Column::Text(names)) => names.rows.get(names.rows.len() - rows..).unwrap_or_default(),
        _ => &[],
    }
}

impl Names {
    /// Takes a word of a record of which the columns `before` this one have theirs.
    fn push(&mut self, word: &[u8], texts: &mut [Texts], record: &Record<'_>, before: &[Column]) -> Result<(), Unreadable> {
        let texts = texts.get_mut(self.texts).ok_or(Unreadable::TooLarge)?;
        let number = |place: usize| last_of(before, place, 1).first().copied().unwrap_or(0);
        let clue = match self.hint {
            Hint::Before | Hint::Another => Clue::Before,
            Hint::Same(place) => Clue::Same(number(place), record.word(place).unwrap_or_default()),
            Hint::With(place) => Clue::With(number(place)),
        };
        let number = self.number(word, texts, clue).ok_or(Unreadable::TooLarge)?;
        self.rows.push(number);
        Ok(())
    }

    /// The number of a word; `None` where there is no room for it.
    #[inline(always)]
    fn number(&mut self, word: &[u8], texts: &mut Texts, clue: Clue<'_>) -> Option<u16> {
        let guess = match clue {
            Clue::Same(number, other) if number != 0 && are_same(other, word) => return Some(number),
            Clue::Before | Clue::Same(..) => self.last,
            Clue::With(number) => self.with.get(usize::from(number)).copied().unwrap_or(0),
        };
        if texts.is(guess, word) {
            return Some(guess);
        }
        let number = texts.number(word)?;
        match clue {
            Clue::Before | Clue::Same(..) => self.last = number,
            Clue::With(key) => {
                let key = usize::from(key);
                if self.with.len() <= key {
                    self.with.resize(key + 1, 0);
                }
                self.with[key] = number;
            }
        }
        Some(number)
    }

    /// Takes the words of a block, whose columns `before` this one have theirs; false where there is no room for one.
    fn push_block(&mut self, block: Block<'_>, place: usize, texts: &mut [Texts], before: &[Column]) -> bool {
        let Some(texts) = texts.get_mut(self.texts) else { return false };
        let words = block.words(place);
        let of = |other: usize| last_of(before, other, block.lines());
        match self.hint {
            Hint::Before => self.push_as_before(words, texts),
            Hint::Another => texts.add_numbers(words, ABSENT, &mut self.rows),
            Hint::Same(other) => {
                let others = of(other).iter().zip(block.words(other));
                self.push_all(words.zip(others).map(|(word, (number, same))| (word, Clue::Same(*number, same))), texts)
            }
            Hint::With(other) => self.push_all(words.zip(of(other)).map(|(word, number)| (word, Clue::With(*number))), texts),
        }
    }

    /// Takes words each of which is mostly the one before it: that stands beside it, and its number is known.
    fn push_as_before<'w>(&mut self, words: impl Iterator<Item = &'w [u8]>, texts: &mut Texts) -> bool {
        let (mut before, mut number) = (ABSENT, 0);
        for word in words {
            if !are_same(before, word) {
                let new = if word == ABSENT { Some(0) } else { self.number(word, texts, Clue::Before) };
                let Some(new) = new else { return false };
                (before, number) = (word, new);
            }
            self.rows.push(number);
        }
        true
    }

    #[inline(always)]
    fn push_all<'w>(&mut self, words: impl Iterator<Item = (&'w [u8], Clue<'w>)>, texts: &mut Texts) -> bool {
        for (word, clue) in words {
            let number = if word == ABSENT { Some(0) } else { self.number(word, texts, clue) };
            let Some(number) = number else { return false };
            self.rows.push(number);
        }
        true
    }
}

#[derive(Debug)]
pub(crate) struct Numbers<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowNativeType + Default> Numbers<T> {
    pub(crate) fn new() -> Self {
        Self { values: Vec::with_capacity(ROWS), nulls: NullBufferBuilder::new(ROWS) }
    }

    pub(crate) fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    /// Takes the words of a block; false where one is no number as numbers are written, or too large.
    fn push_block(&mut self, block: Block<'_>, place: usize, narrow: impl Fn(i64) -> Option<T>) -> bool {
        let mut absent = 0;
        for (from, to) in block.spans(place) {
            let is_absent = block.text.get(from..to) == Some(ABSENT);
            absent += usize::from(is_absent);
            let value = if is_absent { Some(T::default()) } else { plain_number(block.text, from, to).and_then(&narrow) };
            let Some(value) = value else { return false };
            self.values.push(value);
        }
        match block.lines() {
            _ if absent == 0 => self.nulls.append_n_non_nulls(block.lines()),
            all if absent == all => self.nulls.append_n_nulls(all),
            _ => self.note_absent(block.words(place).map(|word| word == ABSENT)),
        }
        true
    }

    /// Notes which rows have no value, as many as there are between two of them at a time.
    fn note_absent(&mut self, are_absent: impl Iterator<Item = bool>) {
        let mut present = 0;
        for is_absent in are_absent {
            if is_absent {
                self.nulls.append_n_non_nulls(present);
                self.nulls.append_null();
                present = 0;
            } else {
                present += 1;
            }
        }
        self.nulls.append_n_non_nulls(present);
    }

    /// What a row has, if it is anything.
    pub(crate) fn get(&self, row: usize) -> Option<T> {
        self.values.get(row).copied().filter(|_| self.nulls.is_valid(row))
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        // Of a block that was not taken whole there may be fewer.
        self.nulls.truncate(rows.min(self.nulls.len()));
    }

    pub(crate) fn take<P: ArrowPrimitiveType<Native = T>>(&mut self) -> PrimitiveArray<P> {
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

    /// Takes the word that a record has at a place, of which the columns `before` have theirs. Says whether the word can be told from the value again.
    pub(crate) fn push(&mut self, record: &Record<'_>, place: usize, texts: &mut [Texts], before: &[Self]) -> Result<bool, Unreadable> {
        let word = record.word(place).unwrap_or(ABSENT);
        match self {
            _ if word == ABSENT => {
                self.push_null();
                Ok(true)
            }
            Self::Text(names) => names.push(word, texts, record, before).map(|()| true),
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

    /// Takes the words of a block, of which the columns `before` have theirs. False where one of them is not as is usual: what was taken is to be cut off, and
    /// the lines are to be taken one by one.
    pub(crate) fn push_block(&mut self, block: Block<'_>, place: usize, texts: &mut [Texts], before: &[Self]) -> bool {
        match self {
            Self::Text(names) => names.push_block(block, place, texts, before),
            Self::Int(column) => column.push_block(block, place, |value| i32::try_from(value).ok()),
            Self::Long(column) => column.push_block(block, place, Some),
            Self::Extra => false,
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

    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::Text(names) => Some(names.rows.len()),
            Self::Int(column) => Some(column.values.len()),
            Self::Long(column) => Some(column.values.len()),
            Self::Extra => None,
        }
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(names) => names.rows.truncate(rows),
            Self::Int(column) => column.truncate(rows),
            Self::Long(column) => column.truncate(rows),
            Self::Extra => {}
        }
    }

    pub(crate) fn take(&mut self, texts: &[Option<Arc<StringArray>>]) -> Option<ArrayRef> {
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
pub(crate) enum Unreadable {
    NoNumber,
    TooLarge,
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
    let other = if ADDRESSES.contains(&of) { Hint::Another } else { Hint::Before };
    alike().or_else(with).unwrap_or(other)
}

/// Empty columns of a layout, and their texts.
pub(crate) fn columns_of(format: &Format) -> (Vec<Column>, Vec<Texts>) {
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
