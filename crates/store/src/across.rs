//! Events of a batch that have copies elsewhere: in the store, and on other dates.
//!
//! Copies share their time and so their date, and nearly all are found within one. A record that was dated back, or lost its
//! time, has its event's id all the same, and must not pass for another event. So the keys of what is staged are sought on every
//! date: among the staged rows by sorting their hashes, in the store by reading the keys of its rows, 16 bytes each.

use std::collections::{HashMap, HashSet};

use backtrail_model::tables::Table;
use rayon::prelude::*;

use crate::copies::{self, Key, KeyHasher};
use crate::log::LogFile;
use crate::staged_rows::StagedRows;
use crate::{StoreError, rows};

/// Bits of the filter for each staged row: one key in sixteen that is not staged passes it.
const FILTER_BITS: usize = 16;

/// What is staged of a table on one date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StagedDate<'a> {
    pub(crate) event_date: Option<&'a str>,
    pub(crate) rows: &'a StagedRows,
}

/// A row in the store whose event is staged, too.
pub(crate) type Hit = (u32, Key);

/// Where events of the batch are met.
#[derive(Debug, Default)]
pub(crate) struct Meetings {
    /// By the file in the store.
    pub(crate) hits: Vec<Vec<Hit>>,
    /// Events with copies on more than one date.
    pub(crate) across: HashSet<Key>,
}

/// Seeks the staged events of a table on every date.
pub(crate) fn seek(table: Table, staged: &[StagedDate<'_>], files: &[LogFile]) -> Result<Meetings, StoreError> {
    if staged.is_empty() || (staged.len() == 1 && files.is_empty()) {
        return Ok(Meetings { hits: vec![Vec::new(); files.len()], across: HashSet::new() });
    }
    let index = Index::of(staged);
    let mut meetings = Meetings { hits: Vec::with_capacity(files.len()), across: index.across() };
    let found: Vec<(Vec<Hit>, Vec<Key>)> = files.par_iter().map(|file| index.scan(table, file)).collect::<Result<_, _>>()?;
    for (hits, across) in found {
        meetings.hits.push(hits);
        meetings.across.extend(across);
    }
    Ok(meetings)
}

/// The staged keys of all dates.
struct Index<'a> {
    dates: &'a [StagedDate<'a>],
    hasher: KeyHasher,
    /// Hash of each key and the number of its date, sorted.
    hashes: Vec<(u64, u32)>,
    /// A bit for the beginning of each hash.
    filter: Vec<u64>,
    /// How far a hash is shifted to become a bit's number.
    shift: u32,
}

impl<'a> Index<'a> {
    fn of(dates: &'a [StagedDate<'a>]) -> Self {
        let hasher = KeyHasher::default();
        let hashes_of = |number: usize| {
            let keys = dates[number].rows.keys();
            keys.map(|key| (hasher.hash(key), u32::try_from(number).unwrap_or(u32::MAX))).collect::<Vec<_>>()
        };
        let mut hashes: Vec<(u64, u32)> = (0..dates.len()).into_par_iter().flat_map_iter(hashes_of).collect();
        hashes.par_sort_unstable();
        let bits = (hashes.len() * FILTER_BITS).next_power_of_two().max(64);
        let mut index = Self { dates, hasher, hashes, filter: vec![0; bits / 64], shift: 64 - bits.trailing_zeros() };
        for at in 0..index.hashes.len() {
            let bit = index.hashes[at].0 >> index.shift;
            index.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        index
    }

    /// The keys staged on more than one date.
    fn across(&self) -> HashSet<Key> {
        let pairs = self.hashes.windows(2);
        let met: HashSet<u64> = pairs.filter(|w| w[0].0 == w[1].0 && w[0].1 != w[1].1).map(|w| w[0].0).collect();
        if met.is_empty() {
            return HashSet::new();
        }
        let mut first: HashMap<Key, usize> = HashMap::new();
        let mut across = HashSet::new();
        for (number, date) in self.dates.iter().enumerate() {
            for key in date.rows.keys().filter(|key| met.contains(&self.hasher.hash(key))) {
                if *first.entry(*key).or_insert(number) != number {
                    across.insert(*key);
                }
            }
        }
        across
    }

    /// The dates on which rows of that hash are staged, most likely those of the key.
    fn dates_of(&self, hash: u64) -> impl Iterator<Item = &StagedDate<'a>> {
        let bit = hash >> self.shift;
        let passes = self.filter[(bit / 64) as usize] & (1 << (bit % 64)) != 0;
        let from = if passes { self.hashes.partition_point(|(h, _)| *h < hash) } else { self.hashes.len() };
        self.hashes[from..].iter().take_while(move |(h, _)| *h == hash).map(|(_, number)| &self.dates[*number as usize])
    }

    /// The rows of a file whose event is staged, and the events of which that is so on another date than the file's.
    fn scan(&self, table: Table, file: &LogFile) -> Result<(Vec<Hit>, Vec<Key>), StoreError> {
        let (mut hits, mut across) = (Vec::new(), Vec::new());
        file.source(table).scan(&["dedupe_key"], None, |batch, numbers| {
            let keys = rows::binary(table, batch, "dedupe_key")?;
            for (row, at) in numbers.iter().enumerate() {
                let key = copies::key(keys.value(row));
                let mut is_hit = false;
                for date in self.dates_of(self.hasher.hash(&key)) {
                    if date.rows.of_event(&key).next().is_some() {
                        is_hit = true;
                        if date.event_date != file.data.event_date.as_deref() {
                            across.push(key);
                        }
                    }
                }
                if is_hit {
                    hits.push((*at, key));
                }
            }
            Ok(())
        })?;
        Ok((hits, across))
    }
}
