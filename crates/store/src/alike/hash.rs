//! What a row states, as a number: equal for rows that state the same, whatever the layout of their columns.
//!
//! 128 bits under a key that is new in each process: nobody can make two records whose numbers meet, and by accident none do.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt16Type};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use backtrail_model::tables::ToldApart;

use super::{bytes, is_filled};

/// What a row states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hash([u64; 2]);

/// Keys of this process; odd, as factors must be.
static KEYS: LazyLock<[u64; 4]> = LazyLock::new(|| {
    let state = RandomState::new();
    [1u8, 2, 3, 4].map(|n| state.hash_one(n) | 1)
});

/// The middle of a product: every bit of both factors has a part in it.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// The columns of a batch that state something.
pub(super) struct Columns<'a> {
    rows: usize,
    /// Each with a number that is the same in every batch.
    columns: Vec<(u64, &'a dyn Array)>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch, apart: ToldApart) -> Self {
        let stated = (1..).zip(apart.stated).filter(|(_, column)| is_filled(batch, column.name));
        let columns = stated.filter_map(|(number, column)| Some((number, batch.column_by_name(column.name)?.as_ref()))).collect();
        Self { rows: batch.num_rows(), columns }
    }

    /// The hash of each row. An absent value has no part in it, so that a column need not be there.
    pub(super) fn hash(&self, hashes: &mut Vec<Hash>) {
        let [a, b, x, y] = *KEYS;
        hashes.clear();
        hashes.resize(self.rows, Hash([x, y]));
        let mut mix = |row: usize, word: u64| {
            let Hash([low, high]) = &mut hashes[row];
            (*low, *high) = (fold(*low ^ word, a).wrapping_add(word), fold(*high ^ word, b).rotate_left(23));
        };
        for (number, column) in &self.columns {
            for row in (0..self.rows).filter(|row| column.is_valid(*row)) {
                mix(row, *number);
                match (integer(*column, row), bytes(*column, row)) {
                    (Some(value), _) => mix(row, value),
                    (None, Some(text)) => {
                        mix(row, text.len() as u64);
                        text.chunks(8).for_each(|chunk| mix(row, word(chunk)));
                    }
                    (None, None) => {}
                }
            }
        }
    }
}

/// A hash of 64 bits that is equal for rows that state the same, and for few others of their time: of texts it sees the ends alone, and of rows that have a value in
/// the first of the columns that tell most, these columns alone.
pub(super) fn light(batch: &RecordBatch, apart: ToldApart) -> Vec<u64> {
    let [key, _, start, _] = *KEYS;
    let mut hashes = vec![start; batch.num_rows()];
    let columns = Columns::of(batch, apart).columns;
    let all = |column: &(u64, &dyn Array), hashes: &mut [u64], rows: Option<&[usize]>| {
        let (number, column) = *column;
        let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
        mix_column(column, &mut Mix { hashes, nulls, number, key, rows });
    };
    let telling = |name: &&'static str| {
        let number = apart.stated.iter().position(|column| column.name == *name)? as u64 + 1;
        columns.iter().find(|(of, _)| *of == number)
    };
    let Some((_, first)) = apart.telling.first().and_then(telling) else {
        columns.iter().for_each(|column| all(column, &mut hashes, None));
        return hashes;
    };
    apart.telling.iter().filter_map(telling).for_each(|column| all(column, &mut hashes, None));
    let others: Vec<usize> = if first.null_count() > 0 { (0..first.len()).filter(|row| first.is_null(*row)).collect() } else { Vec::new() };
    if !others.is_empty() {
        others.iter().for_each(|row| hashes[*row] = start);
        columns.iter().for_each(|column| all(column, &mut hashes, Some(&others)));
    }
    hashes
}

fn mix_column(column: &dyn Array, mix: &mut Mix<'_>) {
    if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
        mix.all(|row| i64::from(numbers.value(row)) as u64);
    } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        mix.all(|row| numbers.value(row) as u64);
    } else if let Some(texts) = column.as_string_opt::<i32>() {
        mix.all(|row| end_of(texts.value(row).as_bytes()));
    } else if let Some(texts) = column.as_dictionary_opt::<UInt16Type>() {
        let (numbers, texts) = (texts.keys(), texts.values().as_ref());
        let ends: Vec<u64> = (0..texts.len()).map(|text| end_of(bytes(texts, text).unwrap_or_default())).collect();
        mix.all(|row| ends.get(usize::from(numbers.value(row))).copied().unwrap_or_default());
    } else {
        mix.all(|row| end_of(bytes(column, row).unwrap_or_default()));
    }
}

/// Mixes the values of a column into the hashes of its rows.
struct Mix<'m> {
    hashes: &'m mut [u64],
    nulls: Option<&'m NullBuffer>,
    /// The column's.
    number: u64,
    key: u64,
    /// Where not all are mixed.
    rows: Option<&'m [usize]>,
}

impl Mix<'_> {
    fn all(&mut self, value: impl Fn(usize) -> u64) {
        let (column, key) = (self.number.rotate_left(40), self.key);
        let mix = |hash: &mut u64, value: u64| *hash = fold(*hash ^ value ^ column, key).wrapping_add(value);
        match (self.rows, self.nulls) {
            (None, None) => self.hashes.iter_mut().enumerate().for_each(|(row, hash)| mix(hash, value(row))),
            (None, Some(nulls)) => {
                let rows = self.hashes.iter_mut().enumerate();
                rows.filter(|(row, _)| nulls.is_valid(*row)).for_each(|(row, hash)| mix(hash, value(row)));
            }
            (Some(rows), nulls) => {
                let are_valid = rows.iter().filter(|row| nulls.is_none_or(|nulls| nulls.is_valid(**row)));
                are_valid.for_each(|row| mix(&mut self.hashes[*row], value(*row)));
            }
        }
    }
}

/// The last eight bytes of a text.
fn end_of(text: &[u8]) -> u64 {
    word(&text[text.len().saturating_sub(8)..])
}

fn integer(column: &dyn Array, row: usize) -> Option<u64> {
    let int = column.as_primitive_opt::<Int32Type>().map(|numbers| i64::from(numbers.value(row)));
    int.or_else(|| column.as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(row))).map(|value| value as u64)
}

/// At most eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
