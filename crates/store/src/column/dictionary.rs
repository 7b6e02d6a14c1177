//! A column as a dictionary and numbers into it (Parquet's `RLE_DICTIONARY`).

use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use zstd::bulk::Compressor;

use super::chunk::{Bounds, Chunk, Told, Values};
use super::{Manner, Written, hybrid};

/// The number of an absent value, and of one that has none yet.
pub(super) const NONE: u32 = u32::MAX;

/// Writes a column of which each row has the number of its value, given the values and what Parquet's page of them has.
pub(super) fn write<T: Told>(
    (values, plain): (&[T], Vec<u8>),
    numbers: &[u32],
    manner: &Manner<'_>,
    zstd: &mut Compressor<'_>,
) -> Result<Written, ParquetError> {
    let mut chunk = Chunk::new(manner, numbers.len());
    chunk.dictionary(plain, values.len(), zstd)?;
    let mut pages = Pages { dictionary: values, met: vec![0; values.len()], values: Vec::new(), absent: Vec::new(), bytes: Vec::new() };
    for numbers in numbers.chunks(manner.page_rows.max(1)) {
        pages.write(numbers, &mut chunk)?;
    }
    chunk.end(manner)
}

/// The pages of numbers into a dictionary.
struct Pages<'t, T> {
    dictionary: &'t [T],
    /// By value of the dictionary, the page it was last met in, from 1.
    met: Vec<u32>,
    /// Those of a page, where some are absent, and which rows these are.
    values: Vec<u32>,
    absent: Vec<u32>,
    bytes: Vec<u8>,
}

impl<T: Told> Pages<'_, T> {
    fn write(&mut self, numbers: &[u32], chunk: &mut Chunk<T>) -> Result<(), ParquetError> {
        // What is absent has the greatest number of all.
        let most = numbers.iter().copied().max();
        let is_any_absent = most == Some(NONE);
        self.absent.clear();
        if is_any_absent {
            self.values.clear();
            for (row, number) in (0..).zip(numbers) {
                if *number == NONE {
                    self.absent.push(row);
                } else {
                    self.values.push(*number);
                }
            }
        }
        let values = if is_any_absent { self.values.as_slice() } else { numbers };
        let most = if is_any_absent { values.iter().copied().max() } else { most };
        let width = most.map_or(0, |most| u32::BITS - most.leading_zeros());
        self.bytes.clear();
        self.bytes.push(u8::try_from(width).unwrap_or(u8::MAX));
        hybrid::encode(values, width, &mut self.bytes);
        let nulls = self.absent.len();
        let bounds = chunk.has_statistics().then(|| bounds(self.dictionary, &mut self.met, values, chunk.pages() + 1, nulls));
        let page = Values { encoding: Encoding::RLE_DICTIONARY, bytes: &self.bytes, rows: numbers.len(), absent: &self.absent, bounds };
        // Numbers are packed as they are: zstd would save a hundredth of the file, and take a tenth of the time it is written in.
        chunk.page(&page, None)
    }
}

/// Of a page. Each value is compared once.
fn bounds<T: Told>(dictionary: &[T], met: &mut [u32], values: &[u32], page: u32, nulls: usize) -> Bounds<T> {
    let new = values.iter().filter_map(|number| {
        let at = *number as usize;
        (std::mem::replace(&mut met[at], page) != page).then_some(dictionary[at])
    });
    Bounds::of(new, nulls)
}
