//! Columns of numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use hashbrown::HashMap;
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use zstd::bulk::Compressor;

use super::chunk::{Bounds, Chunk, Told, Values};
use super::dictionary::{self, NONE};
use super::{Manner, Written, delta};
use crate::rows::Place;

/// A column of some batches.
pub(crate) enum Numbers<'a> {
    Ints(Vec<Part<'a, i32>>),
    Longs(Vec<Part<'a, i64>>),
}

/// Of one batch.
pub(crate) struct Part<'a, T> {
    values: &'a [T],
    nulls: Option<&'a NullBuffer>,
}

impl<'a, T: ArrowNativeType> Part<'a, T> {
    fn of<P: ArrowPrimitiveType<Native = T>>(array: &'a PrimitiveArray<P>) -> Self {
        Self { values: array.values(), nulls: array.nulls().filter(|nulls| nulls.null_count() > 0) }
    }
}

impl<'a> Numbers<'a> {
    /// A column, if it is one of numbers.
    pub(crate) fn of(batches: &[&'a RecordBatch], column: usize) -> Option<Self> {
        let ints = |batch: &&'a RecordBatch| batch.column(column).as_primitive_opt::<Int32Type>().map(Part::of);
        let longs = |batch: &&'a RecordBatch| {
            let array = batch.column(column);
            let times = || array.as_primitive_opt::<TimestampMicrosecondType>().map(Part::of);
            array.as_primitive_opt::<Int64Type>().map(Part::of).or_else(times)
        };
        let ints: Option<Vec<_>> = batches.iter().map(ints).collect();
        ints.map(Self::Ints).or_else(|| batches.iter().map(longs).collect::<Option<_>>().map(Self::Longs))
    }

    /// Writes the rows that stand at these places.
    pub(crate) fn write(&self, places: &[Place], manner: &Manner<'_>, zstd: &mut Compressor<'_>) -> Result<Written, ParquetError> {
        match self {
            Self::Ints(parts) => write(parts, places, manner, zstd),
            Self::Longs(parts) => write(parts, places, manner, zstd),
        }
    }
}

/// A number as it is put down.
trait Number: Told {
    /// Appends numbers in the encoding that is wanted, where there is such a one of them, else plain. Says which it is.
    fn put(numbers: &[Self], wanted: Encoding, out: &mut Vec<u8>) -> Encoding;

    fn wide(self) -> i64;
}

impl Number for i32 {
    fn put(numbers: &[Self], _: Encoding, out: &mut Vec<u8>) -> Encoding {
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        Encoding::PLAIN
    }

    fn wide(self) -> i64 {
        self.into()
    }
}

impl Number for i64 {
    fn put(numbers: &[Self], wanted: Encoding, out: &mut Vec<u8>) -> Encoding {
        if wanted == Encoding::DELTA_BINARY_PACKED {
            delta::encode(numbers, out);
            return wanted;
        }
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        Encoding::PLAIN
    }

    fn wide(self) -> i64 {
        self
    }
}

fn write<T: Number>(
    parts: &[Part<'_, T>],
    places: &[Place],
    manner: &Manner<'_>,
    zstd: &mut Compressor<'_>,
) -> Result<Written, ParquetError> {
    if manner.has_dictionary() {
        let mut distinct = Distinct::default();
        let numbers: Vec<u32> = each(parts, places).map(|value| value.map_or(NONE, |value| distinct.number(value))).collect();
        let mut plain = Vec::new();
        T::put(&distinct.values, Encoding::PLAIN, &mut plain);
        return dictionary::write((&distinct.values, plain), &numbers, manner, zstd);
    }
    let mut chunk = Chunk::<T>::new(manner, places.len());
    let (mut values, mut absent, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for places in places.chunks(manner.page_rows.max(1)) {
        values.clear();
        absent.clear();
        bytes.clear();
        gather(parts, places, &mut values, &mut absent);
        let encoding = T::put(&values, manner.encoding(), &mut bytes);
        // Differences are packed as closely as they will be: they are not compressed.
        let zstd = (encoding == Encoding::PLAIN).then_some(&mut *zstd);
        let bounds = chunk.has_statistics().then(|| Bounds::of(values.iter().copied(), absent.len()));
        chunk.page(&Values { encoding, bytes: &bytes, rows: places.len(), absent: &absent, bounds }, zstd)?;
    }
    chunk.end(manner)
}

/// Appends the values that stand at some places, and which of the places have none.
fn gather<T: Copy>(parts: &[Part<'_, T>], places: &[Place], values: &mut Vec<T>, absent: &mut Vec<u32>) {
    let mut row = 0;
    for run in places.chunk_by(|a, b| a.batch == b.batch) {
        let Some(part) = run.first().map(|place| &parts[place.batch as usize]) else { continue };
        match part.nulls {
            None => values.extend(run.iter().map(|place| part.values[place.row as usize])),
            Some(nulls) => {
                for (row, place) in (row..).zip(run) {
                    if nulls.is_valid(place.row as usize) {
                        values.push(part.values[place.row as usize]);
                    } else {
                        absent.push(row);
                    }
                }
            }
        }
        // A page has no more rows than that.
        row += run.len() as u32;
    }
}

/// The values that stand at some places.
fn each<'p, T: Copy>(parts: &'p [Part<'_, T>], places: &'p [Place]) -> impl Iterator<Item = Option<T>> {
    places.iter().map(|place| {
        let (part, row) = (&parts[place.batch as usize], place.row as usize);
        part.nulls.is_none_or(|nulls| nulls.is_valid(row)).then(|| part.values[row])
    })
}

/// Numbers below this are found by themselves.
const SMALL: usize = 256;

/// The values of a column in a row group, in the order in which they come.
struct Distinct<T> {
    values: Vec<T>,
    /// By value.
    small: [u32; SMALL],
    others: HashMap<i64, u32>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { values: Vec::new(), small: [NONE; SMALL], others: HashMap::new() }
    }
}

impl<T: Number> Distinct<T> {
    fn number(&mut self, value: T) -> u32 {
        let number = match usize::try_from(value.wide()).ok().and_then(|value| self.small.get_mut(value)) {
            Some(number) => number,
            None => self.others.entry(value.wide()).or_insert(NONE),
        };
        if *number == NONE {
            // A row group has no more rows than that.
            *number = u32::try_from(self.values.len()).unwrap_or(NONE);
            self.values.push(value);
        }
        *number
    }
}
