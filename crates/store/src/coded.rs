//! Columns of texts that wait by number, written as what Parquet makes of such columns anyway: a dictionary and numbers into it. A text is looked at
//! once for each batch and row group it stands in; of its rows numbers are gathered, and nothing else.

mod hybrid;

use std::hash::BuildHasher;
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, RecordBatch, StringArray, UInt16Array};
use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use crate::encode::STATISTICS_BYTES;
use crate::rows::Place;

/// The number of an absent text, and of one that has none yet.
const NONE: u32 = u32::MAX;

/// A column of some batches, each of which numbers its texts in its own way.
pub(crate) struct Coded<'a> {
    parts: Vec<Part<'a>>,
    /// Columns of one group share their texts: in every batch a number is the same text in all of them.
    pub(crate) group: usize,
}

struct Part<'a> {
    rows: &'a UInt16Array,
    has_nulls: bool,
    texts: &'a StringArray,
}

/// How a column is written.
pub(crate) struct Manner<'a> {
    pub(crate) column: ColumnDescPtr,
    pub(crate) properties: &'a WriterProperties,
    pub(crate) page_rows: usize,
}

/// A column of a row group as it stands in a file, and all that the file says of it.
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// Those of the columns whose texts come by number.
pub(crate) fn of<'a>(batches: &[&'a RecordBatch], columns: usize) -> Vec<Option<Coded<'a>>> {
    let mut groups: HashMap<Vec<*const u8>, usize> = HashMap::new();
    let part = |batch: &&'a RecordBatch, column: usize| {
        let array = batch.column(column).as_dictionary_opt::<UInt16Type>()?;
        let (rows, texts) = (array.keys(), array.values().as_string_opt::<i32>()?);
        Some(Part { rows, has_nulls: rows.null_count() > 0, texts })
    };
    let mut coded = |column: usize| {
        let parts = batches.iter().map(|batch| part(batch, column)).collect::<Option<Vec<_>>>()?;
        let next = groups.len();
        // Texts are the same where they are the same memory.
        let group = *groups.entry(parts.iter().map(|part| part.texts.offsets().as_ptr().cast()).collect()).or_insert(next);
        Some(Coded { parts, group })
    };
    (0..columns).map(&mut coded).collect()
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
        let path = manner.column.path();
        let is_compressed = manner.properties.compression(path) != Compression::UNCOMPRESSED;
        let mut chunk = Chunk::new(manner.properties.statistics_enabled(path), is_compressed, places.len());
        chunk.dictionary(&texts, zstd)?;
        for numbers in numbers.chunks(manner.page_rows.max(1)) {
            chunk.page(numbers, &texts)?;
        }
        chunk.end(manner)
    }

    /// The number of the text of each row.
    fn numbers(&self, places: &[Place], shared: &mut Shared<'a>, texts: &mut Texts<'a>) -> Vec<u32> {
        // By batch, the number here of each of its numbers.
        let mut here: Vec<Vec<u32>> = vec![Vec::new(); self.parts.len()];
        let mut number = |place: &Place| {
            let (part, row) = (&self.parts[place.batch as usize], place.row as usize);
            if part.has_nulls && part.rows.is_null(row) {
                return NONE;
            }
            let (known, key) = (&mut here[place.batch as usize], usize::from(part.rows.value(row)));
            if known.is_empty() {
                known.resize(part.texts.len(), NONE);
            }
            if known[key] == NONE {
                known[key] = texts.number(shared.id(place.batch as usize, key, part.texts), part.texts.value(key));
            }
            known[key]
        };
        places.iter().map(&mut number).collect()
    }
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
}

/// The least and the greatest text, and how many are absent.
#[derive(Debug, Default, Clone, Copy)]
struct Bounds<'a> {
    ends: Option<(&'a str, &'a str)>,
    nulls: u64,
}

impl<'a> Bounds<'a> {
    fn join(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.ends = match (self.ends, other.ends) {
            (Some((low, high)), Some((other_low, other_high))) => Some((low.min(other_low), high.max(other_high))),
            (ends, other) => ends.or(other),
        };
    }

    /// Long ones are not told: they would have to be cut short.
    fn are_told(&self) -> bool {
        self.ends.is_none_or(|(low, high)| low.len().max(high.len()) <= STATISTICS_BYTES)
    }
}

/// A column of a row group that is being written.
struct Chunk<'a> {
    out: TrackedWrite<Vec<u8>>,
    statistics: EnabledStatistics,
    is_compressed: bool,
    rows: usize,
    first_page: Option<u64>,
    pages: i32,
    sizes: (usize, usize),
    bounds: Bounds<'a>,
    by_page: Vec<(Bounds<'a>, usize)>,
    offsets: OffsetIndexBuilder,
    /// By text, the page it was last met in, from 1.
    met: Vec<u32>,
    values: Vec<u32>,
}

impl<'a> Chunk<'a> {
    fn new(statistics: EnabledStatistics, is_compressed: bool, rows: usize) -> Self {
        Self {
            out: TrackedWrite::new(Vec::with_capacity(rows)),
            statistics,
            is_compressed,
            rows,
            first_page: None,
            pages: 0,
            sizes: (0, 0),
            bounds: Bounds::default(),
            by_page: Vec::new(),
            offsets: OffsetIndexBuilder::new(),
            met: Vec::new(),
            values: Vec::new(),
        }
    }

    fn dictionary(&mut self, texts: &Texts<'a>, zstd: &mut Compressor<'_>) -> Result<(), ParquetError> {
        let mut plain = Vec::with_capacity(texts.texts.iter().map(|text| text.len() + 4).sum());
        for text in &texts.texts {
            plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        self.met.resize(texts.texts.len(), 0);
        let (length, num_values) = (plain.len(), u32::try_from(texts.texts.len()).unwrap_or(u32::MAX));
        let buf = if self.is_compressed { zstd.compress(&plain)? } else { plain };
        self.put(Page::DictionaryPage { buf: buf.into(), num_values, encoding: Encoding::PLAIN, is_sorted: false }, length)?;
        Ok(())
    }

    fn put(&mut self, page: Page, uncompressed: usize) -> Result<(u64, usize), ParquetError> {
        let spec = SerializedPageWriter::new(&mut self.out).write_page(CompressedPage::new(page, uncompressed))?;
        self.sizes.0 += spec.uncompressed_size;
        self.sizes.1 += spec.compressed_size;
        Ok((spec.offset, spec.compressed_size))
    }

    fn page(&mut self, numbers: &[u32], texts: &Texts<'a>) -> Result<(), ParquetError> {
        self.values.clear();
        self.values.extend(numbers.iter().filter(|number| **number != NONE));
        let nulls = numbers.len() - self.values.len();
        let mut buf = Vec::new();
        if nulls == 0 {
            hybrid::repeat(1, numbers.len(), 1, &mut buf);
        } else {
            let levels: Vec<u32> = numbers.iter().map(|number| u32::from(*number != NONE)).collect();
            hybrid::encode(&levels, 1, &mut buf);
        }
        let levels = buf.len();
        let width = self.values.iter().max().map_or(0, |most| u32::BITS - most.leading_zeros());
        let mut values = vec![u8::try_from(width).unwrap_or(u8::MAX)];
        hybrid::encode(&self.values, width, &mut values);
        // Numbers are packed as they are: zstd would save a hundredth of the file, and take a tenth of the time it is written in.
        buf.append(&mut values);
        let uncompressed = buf.len();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let page = Page::DataPageV2 {
            buf: buf.into(),
            num_values: count(numbers.len()),
            encoding: Encoding::RLE_DICTIONARY,
            num_nulls: count(nulls),
            num_rows: count(numbers.len()),
            def_levels_byte_len: count(levels),
            rep_levels_byte_len: 0,
            is_compressed: false,
            statistics: None,
        };
        let (offset, size) = self.put(page, uncompressed)?;
        self.first_page.get_or_insert(offset);
        self.pages += 1;
        self.offsets.append_row_count(i64::try_from(numbers.len()).unwrap_or(i64::MAX));
        self.offsets.append_offset_and_size(i64::try_from(offset).unwrap_or(i64::MAX), i32::try_from(size).unwrap_or(i32::MAX));
        if self.statistics != EnabledStatistics::None {
            let bounds = self.bounds_of_page(texts, nulls as u64);
            self.bounds.join(bounds);
            self.by_page.push((bounds, numbers.len()));
        }
        Ok(())
    }

    /// Of the page whose values are at hand. Each text is compared once.
    fn bounds_of_page(&mut self, texts: &Texts<'a>, nulls: u64) -> Bounds<'a> {
        let page = self.pages.unsigned_abs();
        let mut bounds = Bounds { ends: None, nulls };
        for number in &self.values {
            let met = &mut self.met[*number as usize];
            if *met != page {
                *met = page;
                let text = texts.texts[*number as usize];
                bounds.join(Bounds { ends: Some((text, text)), nulls: 0 });
            }
        }
        bounds
    }

    fn end(mut self, manner: &Manner<'_>) -> Result<Written, ParquetError> {
        self.out.flush()?;
        let long = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut metadata = ColumnChunkMetaData::builder(manner.column.clone())
            .set_compression(manner.properties.compression(manner.column.path()))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_page_encoding_stats(vec![
                stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                stats(PageType::DATA_PAGE_V2, Encoding::RLE_DICTIONARY, self.pages),
            ])
            .set_total_uncompressed_size(long(self.sizes.0))
            .set_total_compressed_size(long(self.sizes.1))
            .set_num_values(long(self.rows))
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(i64::try_from(self.first_page.unwrap_or(0)).unwrap_or(i64::MAX));
        if self.statistics != EnabledStatistics::None {
            metadata = metadata.set_statistics(self.statistics());
        }
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

    fn statistics(&self) -> Statistics {
        let told = self.bounds.ends.filter(|_| self.bounds.are_told());
        let (low, high) = told.map(|(low, high)| (ByteArray::from(low), ByteArray::from(high))).unzip();
        ValueStatistics::new(low, high, None, Some(self.bounds.nulls), false).into()
    }

    /// What each page has, where that is wanted.
    fn column_index(&self) -> Option<ColumnIndexBuilder> {
        if self.statistics != EnabledStatistics::Page || !self.by_page.iter().all(|(bounds, _)| bounds.are_told()) {
            return None;
        }
        let mut index = ColumnIndexBuilder::new(Type::BYTE_ARRAY);
        for (bounds, rows) in &self.by_page {
            let (low, high) = bounds.ends.unwrap_or_default();
            let nulls = i64::try_from(bounds.nulls).unwrap_or(i64::MAX);
            index.append(bounds.nulls == *rows as u64, low.as_bytes().to_vec(), high.as_bytes().to_vec(), nulls);
        }
        index.set_boundary_order(BoundaryOrder::UNORDERED);
        Some(index)
    }
}
