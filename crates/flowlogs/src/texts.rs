//! Texts on their way to the store: each once, and of each row its number. A batch of flow records names the same few interfaces,
//! accounts and words over and over; whoever sorts, compares and writes them has numbers to do it with.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, StringArray, types::UInt16Type};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::block::LINES;

/// Keys of this process: nobody can choose texts that meet. Odd, as factors must be.
static KEYS: LazyLock<[u64; 2]> = LazyLock::new(|| {
    let state = RandomState::new();
    [1u8, 2].map(|n| state.hash_one(n) | 1)
});

/// Places in the table of a new column; a power of two.
const LEAST_SLOTS: usize = 64;

/// Texts met last, of which the next is mostly one: a record has both its ends twice, and the answer to it has them the other way round.
const RECENT: usize = 4;
/// Texts beyond which no more rows should be added: there are 65,535 numbers.
const MOST: usize = 60_000;

/// Texts, each once.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    known: Vec<Known>,
    /// Numbers by hash, from 1; 0 is none.
    slots: Vec<u16>,
    recent: [(u64, u16); RECENT],
    next_recent: usize,
}

/// A text's hash, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Known {
    hash: u64,
    from: u32,
    to: u32,
}

impl Default for Texts {
    fn default() -> Self {
        let slots = vec![0; LEAST_SLOTS];
        Self { bytes: Vec::new(), known: Vec::new(), slots, recent: Default::default(), next_recent: 0 }
    }
}

impl Texts {
    /// The number of a text, from 1; `None` where there is no room for it.
    pub(crate) fn number(&mut self, text: &[u8]) -> Option<u16> {
        let hash = hash(text);
        for (known, number) in self.recent {
            if known == hash && number > 0 && self.is(number, text) {
                return Some(number);
            }
        }
        let number = self.sought(text, hash)?;
        self.recent[self.next_recent % RECENT] = (hash, number);
        self.next_recent += 1;
        Some(number)
    }

    /// Adds the numbers of a block's texts, of which hardly two follow each other that are the same; 0 for one that says there is none. False where there is no
    /// room.
    ///
    /// Each is sought in a table that is larger than the nearest cache. The same step is taken for all of them before the next: a processor waits for several
    /// places of memory at once where no guess on what stands in one of them lies between.
    pub(crate) fn add_numbers<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]> + Clone, absent: &[u8], numbers: &mut Vec<u16>) -> bool {
        let mut hashes = [0; LINES];
        let mut guesses = [0; LINES];
        let mut found = [0; LINES];
        for (hash, text) in hashes.iter_mut().zip(texts.clone()) {
            *hash = self::hash(text);
        }
        for (guess, hash) in guesses.iter_mut().zip(hashes) {
            *guess = self.slots[self.place(hash)];
        }
        for (found, guess) in found.iter_mut().zip(guesses) {
            *found = self.known.get(usize::from(guess).wrapping_sub(1)).map_or(0, |known| known.hash);
        }
        for (text, ((hash, guess), found)) in texts.zip(hashes.into_iter().zip(guesses).zip(found)) {
            let number = if text == absent {
                Some(0)
            } else if found == hash && self.is(guess, text) {
                Some(guess)
            } else {
                self.sought(text, hash)
            };
            let Some(number) = number else { return false };
            numbers.push(number);
        }
        true
    }

    fn sought(&mut self, text: &[u8], hash: u64) -> Option<u16> {
        let mut at = self.place(hash);
        loop {
            match self.slots[at] {
                0 => return self.add(text, hash, at),
                number if self.known[usize::from(number) - 1].hash == hash && self.is(number, text) => return Some(number),
                _ => at = (at + 1) % self.slots.len(),
            }
        }
    }

    fn add(&mut self, text: &[u8], hash: u64, at: usize) -> Option<u16> {
        let place = |at: usize| u32::try_from(at).ok().filter(|at| i32::try_from(*at).is_ok());
        let (from, to) = (place(self.bytes.len())?, place(self.bytes.len() + text.len())?);
        let number = u16::try_from(self.known.len() + 1).ok()?;
        self.bytes.extend_from_slice(text);
        self.known.push(Known { hash, from, to });
        self.slots[at] = number;
        if self.known.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(number)
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 4];
        for (number, known) in (1..).zip(&self.known) {
            let mut at = self.place(known.hash);
            while self.slots[at] != 0 {
                at = (at + 1) % self.slots.len();
            }
            self.slots[at] = number;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder of the number of places")]
    fn place(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    /// Whether a number, from 1, is that of a text.
    pub(crate) fn is(&self, number: u16, text: &[u8]) -> bool {
        let known = usize::from(number).checked_sub(1).and_then(|at| self.known.get(at));
        known.and_then(|known| self.bytes.get(known.from as usize..known.to as usize)).is_some_and(|bytes| are_same(bytes, text))
    }

    /// Bytes of text.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn are_many(&self) -> bool {
        self.known.len() > MOST
    }

    /// All texts; `None` where one is not UTF-8.
    pub(crate) fn take(&mut self) -> Option<Arc<StringArray>> {
        let bytes = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(bytes + bytes / 8));
        // Places fit 32 bits with a sign: they were checked when texts came.
        let ends: Vec<i32> = std::iter::once(0).chain(self.known.iter().map(|known| known.to as i32)).collect();
        self.known.clear();
        self.slots.fill(0);
        self.recent = Default::default();
        StringArray::try_new(OffsetBuffer::new(ends.into()), Buffer::from_vec(bytes), None).ok().map(Arc::new)
    }
}

/// Rows by the numbers of their texts, from 1.
pub(crate) fn numbered(rows: &[u16], texts: Arc<StringArray>) -> Option<ArrayRef> {
    let is_any_absent = rows.contains(&0);
    let nulls = is_any_absent.then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows.len(), |row| rows[row] != 0)));
    let keys: Vec<u16> = rows.iter().map(|number| number.saturating_sub(1)).collect();
    let keys = PrimitiveArray::<UInt16Type>::try_new(ScalarBuffer::from(keys), nulls).ok()?;
    Some(Arc::new(DictionaryArray::try_new(keys, texts).ok()?))
}

/// Whether two texts are the same. They are short: calling for a comparison would take longer than it.
#[inline]
pub(crate) fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(last), Some(other_last)) => {
            let (eights, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
            last == other_last && eights.iter().zip(others).all(|(a, b)| a == b)
        }
        _ => one.iter().zip(other).all(|(a, b)| a == b),
    }
}

fn hash(text: &[u8]) -> u64 {
    let [start, factor] = *KEYS;
    let mut hash = start ^ text.len() as u64;
    let mut mix = |word: u64| {
        let product = u128::from(hash ^ word) * u128::from(factor);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
        let (low, high) = (product as u64, (product >> 64) as u64);
        hash = low ^ high;
    };
    let (whole, rest) = text.as_chunks::<8>();
    whole.iter().for_each(|chunk| mix(u64::from_le_bytes(*chunk)));
    match text.last_chunk::<8>() {
        _ if rest.is_empty() => {}
        // Some bytes twice, rather than the last ones one by one.
        Some(last) => mix(u64::from_le_bytes(*last)),
        None => mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
    }
    hash
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    #[test]
    fn rows_say_what_was_pushed_and_each_text_is_there_once() {
        let mut texts = Texts::default();
        for batch in 0..3 {
            let given: Vec<Option<String>> = (0..5_000).map(|n| (n % 7 != 3).then(|| format!("t{}", n * n % (400 * batch + 1)))).collect();
            let rows: Vec<u16> = given.iter().map(|text| text.as_ref().map_or(0, |t| texts.number(t.as_bytes()).expect("room"))).collect();
            let array = numbered(&rows, texts.take().expect("texts")).expect("an array");
            let array = array.as_dictionary::<UInt16Type>();
            let values = array.values().as_string::<i32>();
            let told: Vec<Option<String>> =
                array.keys().iter().map(|key| key.map(|key| values.value(usize::from(key)).to_owned())).collect();
            assert_eq!(told, given);
            let distinct: std::collections::BTreeSet<_> = given.iter().flatten().collect();
            assert_eq!(values.len(), distinct.len());
        }
    }

    #[test]
    fn numbers_of_a_block_are_those_of_its_texts_one_by_one() {
        let (mut together, mut alone) = (Texts::default(), Texts::default());
        for block in 0..40 {
            let text = |n: usize| if n % 11 == 3 { "-".to_owned() } else { format!("10.0.{}.{}", n * block % 7, n * (block + 1) % 200) };
            let given: Vec<String> = (0..LINES - block).map(text).collect();
            let mut numbers = Vec::new();
            assert!(together.add_numbers(given.iter().map(String::as_bytes), b"-", &mut numbers));
            let told = given.iter().map(|text| if text == "-" { 0 } else { alone.number(text.as_bytes()).expect("room") });
            assert_eq!(numbers, told.collect::<Vec<_>>());
        }
        assert!(together.known.len() > LEAST_SLOTS, "the table grew");
    }

    #[test]
    fn there_are_so_many_numbers_and_no_more() {
        let mut texts = Texts::default();
        let number = |texts: &mut Texts, n: u32| texts.number(n.to_string().as_bytes());
        assert!((1..=65_535).all(|n| number(&mut texts, n).map(u32::from) == Some(n)) && texts.are_many());
        assert_eq!((number(&mut texts, 70_000), number(&mut texts, 77)), (None, Some(77)));
    }
}
