//! Columns of texts that wait by number: a dictionary and numbers into it. A text is looked at once for each batch and row group it stands in; of its
//! rows numbers are gathered, and nothing else.

use std::hash::BuildHasher;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, RecordBatch, StringArray, UInt16Array};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parquet::errors::ParquetError;
use zstd::bulk::Compressor;

use super::dictionary::{self, NONE};
use super::{Manner, Written};
use crate::rows::Place;

/// A column of some batches, each of which numbers its texts in its own way.
pub(crate) struct Coded<'a> {
    parts: Vec<Part<'a>>,
    /// An earlier column that says the same in every row.
    pub(crate) like: Option<usize>,
    /// Columns of one group share their texts: in every batch a number is the same text in all of them.
    pub(crate) group: usize,
}

struct Part<'a> {
    rows: &'a UInt16Array,
    has_nulls: bool,
    texts: &'a StringArray,
}

impl Part<'_> {
    /// Whether every row has the same text as in another column that shares its texts.
    fn says_the_same_as(&self, other: &Self) -> bool {
        self.rows.values() == other.rows.values() && self.rows.nulls() == other.rows.nulls()
    }
}

/// Those of the columns whose texts come by number.
pub(crate) fn coded<'a>(batches: &[&'a RecordBatch], columns: usize) -> Vec<Option<Coded<'a>>> {
    let mut groups: HashMap<Vec<*const u8>, usize> = HashMap::new();
    let part = |batch: &&'a RecordBatch, column: usize| {
        let array = batch.column(column).as_dictionary_opt::<UInt16Type>()?;
        let (rows, texts) = (array.keys(), array.values().as_string_opt::<i32>()?);
        Some(Part { rows, has_nulls: rows.null_count() > 0, texts })
    };
    let mut coded: Vec<Option<Coded<'a>>> = Vec::with_capacity(columns);
    for column in 0..columns {
        let parts = batches.iter().map(|batch| part(batch, column)).collect::<Option<Vec<_>>>();
        let one = parts.map(|parts| {
            let next = groups.len();
            // Texts are the same where they are the same memory.
            let group = *groups.entry(parts.iter().map(|part| part.texts.offsets().as_ptr().cast()).collect()).or_insert(next);
            let is_like = |other: &Coded<'a>| other.group == group && parts.iter().zip(&other.parts).all(|(a, b)| a.says_the_same_as(b));
            let like = coded.iter().position(|other| other.as_ref().is_some_and(is_like));
            Coded { parts, like, group }
        });
        coded.push(one);
    }
    coded
}

impl<'a> Coded<'a> {
    /// Writes the rows that stand at these places.
    pub(crate) fn write(
        &self,
        places: &[Place],
        shared: &mut Shared<'a>,
        manner: &Manner<'_>,
        zstd: &mut Compressor<'_>,
    ) -> Result<Written, ParquetError> {
        let mut texts = Texts::default();
        let numbers = self.numbers(places, shared, &mut texts);
        dictionary::write((&texts.texts, texts.plain()), &numbers, manner, zstd)
    }

    /// The number of the text of each row.
    fn numbers(&self, places: &[Place], shared: &mut Shared<'a>, texts: &mut Texts<'a>) -> Vec<u32> {
        // By batch, the number here of each of its numbers.
        let mut here: Vec<Vec<u32>> = vec![Vec::new(); self.parts.len()];
        let mut numbers = Vec::with_capacity(places.len());
        for run in places.chunk_by(|a, b| a.batch == b.batch) {
            let Some(batch) = run.first().map(|place| place.batch as usize) else { continue };
            let (part, known) = (&self.parts[batch], &mut here[batch]);
            if known.is_empty() {
                known.resize(part.texts.len(), NONE);
            }
            let keys = part.rows.values();
            let mut new = |key: usize| texts.number(shared.id(batch, key, part.texts), part.texts.value(key));
            if part.has_nulls {
                let is_null = |row: usize| part.rows.is_null(row);
                numbers.extend(
                    run.iter()
                        .map(|place| place.row as usize)
                        .map(|row| if is_null(row) { NONE } else { number(known, usize::from(keys[row]), &mut new) }),
                );
            } else if part.texts.len() == 1 {
                numbers.extend(std::iter::repeat_n(number(known, 0, &mut new), run.len()));
            } else {
                numbers.extend(run.iter().map(|place| number(known, usize::from(keys[place.row as usize]), &mut new)));
            }
        }
        numbers
    }
}

/// The number of a text, by its number in its batch; asked for where it is not known. Of nearly all rows it is.
#[inline(always)]
fn number(known: &mut [u32], key: usize, new: &mut dyn FnMut(usize) -> u32) -> u32 {
    let number = known[key];
    if number != NONE {
        return number;
    }
    known[key] = new(key);
    known[key]
}

/// The texts that columns of a group have in a row group, whatever batches they come from.
#[derive(Default)]
pub(crate) struct Shared<'a> {
    hasher: DefaultHashBuilder,
    /// With their hashes, which would take a look at each text to be known again.
    ids: HashTable<(u64, u32)>,
    texts: Vec<&'a str>,
    /// By batch and number there.
    known: Vec<Vec<u32>>,
}

impl<'a> Shared<'a> {
    fn id(&mut self, batch: usize, key: usize, texts: &'a StringArray) -> u32 {
        if self.known.len() <= batch {
            self.known.resize(batch + 1, Vec::new());
        }
        let known = &mut self.known[batch];
        if known.is_empty() {
            known.resize(texts.len(), NONE);
        }
        if known[key] == NONE {
            let text = texts.value(key);
            let hash = self.hasher.hash_one(text);
            let all = &self.texts;
            let found = self.ids.find(hash, |(other, id)| *other == hash && all[*id as usize] == text);
            known[key] = match found {
                Some((_, id)) => *id,
                None => {
                    // A row group has no more rows than that.
                    let id = u32::try_from(self.texts.len()).unwrap_or(NONE);
                    self.ids.insert_unique(hash, (hash, id), |(hash, _)| *hash);
                    self.texts.push(text);
                    id
                }
            };
        }
        known[key]
    }
}

/// The texts of a column in a row group, in the order in which they come.
#[derive(Default)]
struct Texts<'a> {
    /// By what they are in all columns.
    numbers: Vec<u32>,
    texts: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, id: u32, text: &'a str) -> u32 {
        let id = id as usize;
        if self.numbers.len() <= id {
            self.numbers.resize((id + 1).next_power_of_two(), NONE);
        }
        if self.numbers[id] == NONE {
            self.numbers[id] = u32::try_from(self.texts.len()).unwrap_or(NONE);
            self.texts.push(text);
        }
        self.numbers[id]
    }

    /// As a page of a dictionary has them.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(self.texts.iter().map(|text| text.len() + 4).sum());
        for text in &self.texts {
            plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        plain
    }
}
