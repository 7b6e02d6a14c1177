//! Texts of columns by number, with as few looks at the texts as can be: in a batch most values of a column were met before, and are keys of one
//! dictionary or views of one place.

use std::sync::Arc;

use arrow_array::{Array, StringViewArray};
use backtrail_model::names::Names;

use super::texts::Texts;
use crate::event::{Coded, Text};

/// Views remembered of a column.
const REMEMBERED: usize = 512;
/// A view of so many bytes at most holds its text; a longer one says where in its batch the text stands.
const HELD: u128 = 12;
/// What a text of a dictionary has in place of a number, until a row has it.
const UNMET: u32 = u32::MAX;

/// Who gives numbers to texts.
pub(crate) trait Numbering {
    /// The number of a text, which it gets where it has none.
    fn numbered(&mut self, text: &str) -> u32;
}

impl Numbering for Names {
    fn numbered(&mut self, text: &str) -> u32 {
        self.number(text)
    }
}

impl Numbering for Arc<Texts> {
    fn numbered(&mut self, text: &str) -> u32 {
        self.number(text)
    }
}

/// Texts by number; of `COLUMNS` columns the views met lately are remembered.
#[derive(Debug)]
pub(crate) struct Numbers<const COLUMNS: usize, N = Names> {
    names: N,
    seen: Vec<Seen>,
    /// Of each column, the numbers of the texts of its batch's dictionary.
    coded: [Vec<u32>; COLUMNS],
    batch: u32,
}

/// A view, the batch it was met in, the number of its text.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    view: u128,
    batch: u32,
    number: u32,
}

impl<const COLUMNS: usize> Default for Numbers<COLUMNS> {
    fn default() -> Self {
        Self::by(Names::default())
    }
}

impl<const COLUMNS: usize, N: Numbering> Numbers<COLUMNS, N> {
    /// With whoever gives the numbers.
    pub(super) fn by(names: N) -> Self {
        Self { names, seen: vec![Seen::default(); COLUMNS * REMEMBERED], coded: [const { Vec::new() }; COLUMNS], batch: 0 }
    }

    /// Another batch begins.
    pub(crate) fn begin(&mut self) {
        self.batch = self.batch.wrapping_add(1).max(1);
        self.coded.iter_mut().for_each(Vec::clear);
    }

    /// The number of a text of a batch's column.
    pub(crate) fn of(&mut self, column: usize, text: Text<'_>, row: usize) -> Option<u32> {
        match text {
            Text::View(array) => array.is_valid(row).then(|| self.of_view(column, array, row)),
            Text::Coded(coded) => coded.key(row).map(|key| self.of_key(column, coded, key)),
            other => other.get(row).map(|text| self.names.numbered(text)),
        }
    }

    fn of_key(&mut self, column: usize, coded: Coded<'_>, key: usize) -> u32 {
        let numbers = &mut self.coded[column];
        if numbers.is_empty() {
            numbers.resize(coded.texts.len(), UNMET);
        }
        let number = &mut numbers[key];
        if *number == UNMET {
            *number = self.names.numbered(coded.texts.value(key));
        }
        *number
    }

    fn of_view(&mut self, column: usize, array: &StringViewArray, row: usize) -> u32 {
        let view = array.views()[row];
        let is_held = view & u128::from(u32::MAX) <= HELD;
        let batch = if is_held { 0 } else { self.batch };
        let at = column * REMEMBERED + place(view);
        match self.seen.get(at) {
            // Of no view at all nothing is remembered: a view of an empty text is zero, and so is what the table begins with.
            Some(seen) if seen.view == view && seen.batch == batch && view != 0 => seen.number,
            _ => {
                let number = self.names.numbered(array.value(row));
                if let Some(seen) = self.seen.get_mut(at) {
                    *seen = Seen { view, batch, number };
                }
                number
            }
        }
    }

    /// The number of a text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        self.names.numbered(text)
    }
}

impl<const COLUMNS: usize> Numbers<COLUMNS> {
    /// The number of a text that has one.
    pub(crate) fn known(&self, text: &str) -> Option<u32> {
        self.names.known(text)
    }

    /// The text of a number.
    pub(crate) fn text(&self, number: u32) -> &str {
        self.names.text(number)
    }

    /// What the numbers of others are here.
    pub(crate) fn taken_over(&mut self, others: &Self) -> Vec<u32> {
        others.names.texts().map(|text| self.names.numbered(text)).collect()
    }
}

impl<const COLUMNS: usize> Numbers<COLUMNS, Arc<Texts>> {
    /// Whether the text of a number comes before that of another.
    pub(super) fn is_before(&self, one: u32, other: u32) -> bool {
        self.names.is_before(one, other)
    }
}

/// Where a view is remembered.
fn place(view: u128) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
    let (low, high) = (view as u64, (view >> 64) as u64);
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 55).unwrap_or_default() % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_in_whatever_batch_and_column() {
        let texts = [Some("10.0.0.1"), None, Some(""), Some("2001:db8:1234:5678::1"), Some("2001:db8:1234:5678::2"), Some("10.0.0.1")];
        let other: Vec<Option<&str>> = texts.iter().rev().copied().collect();
        let mut numbers = Numbers::<2>::default();
        for (batch, column) in [(&texts[..], 0), (&other[..], 1), (&other[..], 0), (&texts[..], 0)] {
            let (views, plain) = (StringViewArray::from_iter(batch.iter()), arrow_array::StringArray::from_iter(batch.iter()));
            numbers.begin();
            for (row, text) in batch.iter().enumerate() {
                let number = numbers.of(column, Text::View(&views), row);
                assert_eq!(number.map(|number| numbers.text(number).to_owned()).as_deref(), *text);
                assert_eq!(number, numbers.of(column, Text::Plain(&plain), row));
            }
        }
        assert_eq!(numbers.of(0, Text::Absent, 0), None);
    }

    #[test]
    fn numbers_of_others_are_taken_over() {
        let (mut one, mut other) = (Numbers::<1>::default(), Numbers::<1>::default());
        assert_eq!(["a", "b"].map(|text| one.number(text)), [0, 1]);
        assert_eq!(["c", "b", "a"].map(|text| other.number(text)), [0, 1, 2]);
        assert_eq!(one.taken_over(&other), [2, 1, 0]);
        assert_eq!((one.text(2), one.known("c")), ("c", Some(2)));
    }
}
