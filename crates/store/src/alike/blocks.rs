//! Where rows of different files may meet: row groups by their statistics, then times by the column of times, which files are sorted by.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;

use arrow_array::Array;
use backtrail_model::tables::ToldApart;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use super::Lights;
use crate::error::At;
use crate::rewrite::Source;
use crate::{StoreError, rows};

/// A row group, as its statistics tell of it.
#[derive(Debug)]
pub(super) struct Block {
    rows: Range<u32>,
    low: i64,
    high: i64,
    /// Least and greatest value of the columns that tell rows apart, where every row has one.
    ranges: [Option<(Vec<u8>, Vec<u8>)>; 2],
    /// Columns that have values.
    filled: Vec<&'static str>,
}

/// The row groups of a file.
pub(super) fn of(source: &Source, apart: ToldApart) -> Result<Vec<Block>, StoreError> {
    let path = &source.path;
    let file = File::open(path).at("open", path)?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).at("read", path)?;
    let mut first = 0;
    let block = |group: &RowGroupMetaData| {
        let count = u32::try_from(group.num_rows()).unwrap_or(u32::MAX);
        let rows = first..first + count;
        first += count;
        let (low, high) = times(statistics(&metadata, group, "event_time"));
        let ranges = [apart.owner, apart.by].map(|column| range(statistics(&metadata, group, column)));
        let is_empty = |name: &str| statistics(&metadata, group, name).and_then(Statistics::null_count_opt) == Some(u64::from(count));
        let filled = apart.stated.iter().map(|c| c.name).filter(|name| !is_empty(name)).collect();
        Block { rows, low, high, ranges, filled }
    };
    Ok(metadata.row_groups().iter().map(block).collect())
}

fn statistics<'a>(metadata: &ParquetMetaData, group: &'a RowGroupMetaData, column: &str) -> Option<&'a Statistics> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let at = columns.iter().position(|c| c.name() == column)?;
    group.column(at).statistics()
}

/// From the earliest to the latest; a row without a time is before all.
fn times(statistics: Option<&Statistics>) -> (i64, i64) {
    match statistics {
        Some(Statistics::Int64(s)) => {
            let low = if s.null_count_opt() == Some(0) { s.min_opt().copied() } else { None };
            let none = if low.is_none() && s.max_opt().is_none() { i64::MIN } else { i64::MAX };
            (low.unwrap_or(i64::MIN), s.max_opt().copied().unwrap_or(none))
        }
        _ => (i64::MIN, i64::MAX),
    }
}

fn range(statistics: Option<&Statistics>) -> Option<(Vec<u8>, Vec<u8>)> {
    let statistics = statistics.filter(|s| s.null_count_opt() == Some(0))?;
    Some((statistics.min_bytes_opt()?.to_vec(), statistics.max_bytes_opt()?.to_vec()))
}

/// The times at which rows of two files may be alike.
pub(super) fn meetings<'b>(one: &'b [Block], other: &'b [Block]) -> impl Iterator<Item = (i64, i64)> + 'b {
    let meet = |a: &Block, b: &Block| {
        let apart = a.ranges.iter().zip(&b.ranges).any(|pair| match pair {
            (Some((low, high)), Some((other_low, other_high))) => low > other_high || other_low > high,
            _ => false,
        });
        let (low, high) = (a.low.max(b.low), a.high.min(b.high));
        (!apart && low <= high).then_some((low, high))
    };
    one.iter().flat_map(move |a| other.iter().filter_map(move |b| meet(a, b)))
}

/// Rows of a file that may meet others.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    /// By time, the rows of it.
    runs: Vec<(i64, Range<u32>)>,
    /// Columns that have values in any of them.
    pub(super) filled: Vec<&'static str>,
}

impl Stretches {
    /// Finds the rows of some spans of time; those of a staged file are known, of one in the store the times are read.
    pub(super) fn of(source: &Source, blocks: &[Block], mut spans: Vec<(i64, i64)>, lights: Option<&Lights>) -> Result<Self, StoreError> {
        spans.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (low, high) in spans {
            match merged.last_mut() {
                Some((_, end)) if low <= *end => *end = high.max(*end),
                _ => merged.push((low, high)),
            }
        }
        let is_in = |time: i64| merged.get(merged.partition_point(|(_, high)| *high < time)).is_some_and(|(low, _)| *low <= time);
        let touches =
            |block: &&Block| merged.get(merged.partition_point(|(_, high)| *high < block.low)).is_some_and(|(low, _)| *low <= block.high);
        let mut all = Self::default();
        let mut numbers: Vec<u32> = Vec::new();
        for block in blocks.iter().filter(touches) {
            numbers.extend(block.rows.clone());
            all.filled.extend(block.filled.iter().filter(|name| !all.filled.contains(name)).copied().collect::<Vec<_>>());
        }
        if let Some(lights) = lights {
            all.runs.extend(lights.runs().filter(|(time, _)| is_in(*time)));
            return Ok(all);
        }
        if numbers.is_empty() {
            return Ok(all);
        }
        source.scan(&["event_time"], Some(&numbers), |batch, numbers| {
            let times = rows::time(source.table, batch, "event_time")?;
            for (row, number) in numbers.iter().enumerate() {
                let time = if times.is_null(row) { i64::MIN } else { times.value(row) };
                if !is_in(time) {
                    continue;
                }
                match all.runs.last_mut() {
                    Some((of, rows)) if *of == time && rows.end == *number => rows.end += 1,
                    _ => all.runs.push((time, *number..*number + 1)),
                }
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// The rows of a slice, by time.
    pub(super) fn runs_in(&self, slice: &Slice) -> impl Iterator<Item = &(i64, Range<u32>)> {
        self.runs.iter().filter(|(time, _)| (slice.from..=slice.to).contains(time))
    }

    /// The rows of a slice, ascending.
    pub(super) fn rows(&self, slice: &Slice) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.runs_in(slice).flat_map(|(_, rows)| rows.clone()).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// A span of time, and the rows that all files have in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    from: i64,
    to: i64,
    pub(super) rows: u64,
}

/// Slices of about so many rows. Rows of one time stay together.
pub(super) fn slices(stretches: &[Stretches], rows: u64) -> Vec<Slice> {
    let mut by_time: BTreeMap<i64, u64> = BTreeMap::new();
    for (time, run) in stretches.iter().flat_map(|s| &s.runs) {
        *by_time.entry(*time).or_default() += u64::from(run.end - run.start);
    }
    let mut slices: Vec<Slice> = Vec::new();
    for (time, count) in by_time {
        match slices.last_mut() {
            Some(slice) if slice.rows + count <= rows => {
                slice.to = time;
                slice.rows += count;
            }
            _ => slices.push(Slice { from: time, to: time, rows: count }),
        }
    }
    slices
}
