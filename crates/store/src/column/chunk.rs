//! A column of a row group that is being written: its pages one by one, and what is said of them.

use std::io::Write as _;

use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::properties::EnabledStatistics;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;

use super::{Manner, Written, hybrid};
use crate::encode::STATISTICS_BYTES;

/// A value that statistics tell of.
pub(super) trait Told: Copy + Ord {
    /// As Parquet has it.
    const TYPE: Type;

    /// Long ones are not told: they would have to be cut short.
    fn is_told(&self) -> bool {
        true
    }

    fn statistics(ends: Option<(Self, Self)>, nulls: u64) -> Statistics;

    fn bytes(&self) -> Vec<u8>;
}

impl Told for &str {
    const TYPE: Type = Type::BYTE_ARRAY;

    fn is_told(&self) -> bool {
        self.len() <= STATISTICS_BYTES
    }

    fn statistics(ends: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (low, high) = ends.map(|(low, high)| (ByteArray::from(low), ByteArray::from(high))).unzip();
        ValueStatistics::new(low, high, None, Some(nulls), false).into()
    }

    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// Numbers are told alike, whatever their width: Parquet has them little-endian.
macro_rules! told_numbers {
    ($($number:ty: $kind:ident),+) => {$(
        impl Told for $number {
            const TYPE: Type = Type::$kind;

            fn statistics(ends: Option<(Self, Self)>, nulls: u64) -> Statistics {
                let (low, high) = ends.unzip();
                ValueStatistics::new(low, high, None, Some(nulls), false).into()
            }

            fn bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        }
    )+};
}

told_numbers!(i32: INT32, i64: INT64);

/// The least and the greatest value, and how many are absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<T> {
    ends: Option<(T, T)>,
    nulls: u64,
}

impl<T: Told> Bounds<T> {
    pub(super) fn of(mut values: impl Iterator<Item = T>, nulls: usize) -> Self {
        let first = values.next();
        let ends = first.map(|first| values.fold((first, first), |(low, high), value| (low.min(value), high.max(value))));
        Self { ends, nulls: nulls as u64 }
    }

    fn join(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.ends = match (self.ends, other.ends) {
            (Some((low, high)), Some((other_low, other_high))) => Some((low.min(other_low), high.max(other_high))),
            (ends, other) => ends.or(other),
        };
    }

    fn told(&self) -> Option<(T, T)> {
        self.ends.filter(|(low, high)| low.is_told() && high.is_told())
    }

    fn are_told(&self) -> bool {
        self.ends.is_none() || self.told().is_some()
    }
}

/// The values of a page, and how they are put down.
pub(super) struct Values<'v, T> {
    pub(super) encoding: Encoding,
    pub(super) bytes: &'v [u8],
    pub(super) rows: usize,
    /// Rows that have none, in order.
    pub(super) absent: &'v [u32],
    /// Where statistics are wanted.
    pub(super) bounds: Option<Bounds<T>>,
}

/// What is being written.
pub(super) struct Chunk<T> {
    out: TrackedWrite<Vec<u8>>,
    statistics: EnabledStatistics,
    is_compressed: bool,
    rows: usize,
    has_dictionary: bool,
    first_page: Option<u64>,
    encoding: Encoding,
    pages: i32,
    /// Of all pages: as they are encoded, and as they stand in the file.
    sizes: (usize, usize),
    nulls: u64,
    bounds: Option<Bounds<T>>,
    by_page: Vec<(Bounds<T>, usize)>,
    offsets: OffsetIndexBuilder,
}

impl<T: Told> Chunk<T> {
    pub(super) fn new(manner: &Manner<'_>, rows: usize) -> Self {
        let path = manner.column.path();
        Self {
            out: TrackedWrite::new(Vec::with_capacity(rows)),
            statistics: manner.properties.statistics_enabled(path),
            is_compressed: manner.properties.compression(path) != Compression::UNCOMPRESSED,
            rows,
            has_dictionary: false,
            first_page: None,
            encoding: Encoding::PLAIN,
            pages: 0,
            sizes: (0, 0),
            nulls: 0,
            bounds: None,
            by_page: Vec::new(),
            offsets: OffsetIndexBuilder::new(),
        }
    }

    /// Pages so far.
    pub(super) fn pages(&self) -> u32 {
        self.pages.unsigned_abs()
    }

    pub(super) fn has_statistics(&self) -> bool {
        self.statistics != EnabledStatistics::None
    }

    pub(super) fn dictionary(&mut self, plain: Vec<u8>, values: usize, zstd: &mut Compressor<'_>) -> Result<(), ParquetError> {
        let length = plain.len();
        let buf = if self.is_compressed { zstd.compress(&plain)? } else { plain };
        let page = Page::DictionaryPage { buf: buf.into(), num_values: count(values), encoding: Encoding::PLAIN, is_sorted: false };
        self.has_dictionary = true;
        self.put(page, length)?;
        Ok(())
    }

    fn put(&mut self, page: Page, uncompressed: usize) -> Result<(u64, usize), ParquetError> {
        let spec = SerializedPageWriter::new(&mut self.out).write_page(CompressedPage::new(page, uncompressed))?;
        self.sizes.0 += spec.uncompressed_size;
        self.sizes.1 += spec.compressed_size;
        Ok((spec.offset, spec.compressed_size))
    }

    /// Writes a page; compressed, if there is what compresses it.
    pub(super) fn page(&mut self, values: &Values<'_, T>, zstd: Option<&mut Compressor<'_>>) -> Result<(), ParquetError> {
        let mut buf = Vec::new();
        let nulls = values.absent.len();
        if nulls == 0 {
            hybrid::repeat(1, values.rows, 1, &mut buf);
        } else {
            hybrid::encode_bits(&present(values.rows, values.absent), values.rows, &mut buf);
        }
        let levels = buf.len();
        let uncompressed = levels + values.bytes.len();
        let is_compressed = zstd.is_some() && self.is_compressed;
        match zstd.filter(|_| is_compressed) {
            Some(zstd) => {
                let compressed = zstd.compress(values.bytes)?;
                buf.extend_from_slice(&compressed);
            }
            None => buf.extend_from_slice(values.bytes),
        }
        let page = Page::DataPageV2 {
            buf: buf.into(),
            num_values: count(values.rows),
            encoding: values.encoding,
            num_nulls: count(nulls),
            num_rows: count(values.rows),
            def_levels_byte_len: count(levels),
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        };
        let (offset, size) = self.put(page, uncompressed)?;
        self.first_page.get_or_insert(offset);
        self.encoding = values.encoding;
        self.pages += 1;
        self.nulls += nulls as u64;
        self.offsets.append_row_count(long(values.rows));
        self.offsets.append_offset_and_size(i64::try_from(offset).unwrap_or(i64::MAX), i32::try_from(size).unwrap_or(i32::MAX));
        if let Some(bounds) = values.bounds {
            match &mut self.bounds {
                Some(all) => all.join(bounds),
                none => *none = Some(bounds),
            }
            self.by_page.push((bounds, values.rows));
        }
        Ok(())
    }

    /// All of it, once the last page is written.
    pub(super) fn end(mut self, manner: &Manner<'_>) -> Result<Written, ParquetError> {
        self.out.flush()?;
        let mut encodings = vec![Encoding::RLE, self.encoding];
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut pages = vec![stats(PageType::DATA_PAGE_V2, self.encoding, self.pages)];
        if self.has_dictionary {
            encodings.insert(0, Encoding::PLAIN);
            pages.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let metadata = ColumnChunkMetaData::builder(manner.column.clone())
            .set_compression(manner.properties.compression(manner.column.path()))
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_total_uncompressed_size(long(self.sizes.0))
            .set_total_compressed_size(long(self.sizes.1))
            .set_num_values(long(self.rows))
            .set_dictionary_page_offset(self.has_dictionary.then_some(0))
            .set_data_page_offset(i64::try_from(self.first_page.unwrap_or(0)).unwrap_or(i64::MAX))
            // Where the ends are not wanted, how many values are absent is told all the same: whoever reads passes over columns without any.
            .set_statistics(T::statistics(self.bounds.and_then(|bounds| bounds.told()), self.nulls));
        let close = ColumnCloseResult {
            bytes_written: self.out.bytes_written() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: self.column_index().map(ColumnIndexBuilder::build).transpose()?,
            offset_index: Some(self.offsets.build()),
        };
        Ok(Written { bytes: self.out.into_inner()?.into(), close })
    }

    /// What each page has, where that is wanted.
    fn column_index(&self) -> Option<ColumnIndexBuilder> {
        if self.statistics != EnabledStatistics::Page || !self.by_page.iter().all(|(bounds, _)| bounds.are_told()) {
            return None;
        }
        let mut index = ColumnIndexBuilder::new(T::TYPE);
        for (bounds, rows) in &self.by_page {
            let (low, high) = bounds.ends.map(|(low, high)| (low.bytes(), high.bytes())).unwrap_or_default();
            index.append(bounds.nulls == *rows as u64, low, high, i64::try_from(bounds.nulls).unwrap_or(i64::MAX));
        }
        index.set_boundary_order(BoundaryOrder::UNORDERED);
        Some(index)
    }
}

/// Of each row, a bit that says whether it has a value.
fn present(rows: usize, absent: &[u32]) -> Vec<u8> {
    let mut bits = vec![u8::MAX; rows.div_ceil(8)];
    if let Some(last) = bits.last_mut().filter(|_| !rows.is_multiple_of(8)) {
        *last = (1 << (rows % 8)) - 1;
    }
    for row in absent {
        bits[*row as usize / 8] &= !(1 << (row % 8));
    }
    bits
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn long(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
