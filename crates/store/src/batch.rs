//! A batch: rows from many threads, staged as Parquet files, published at once by its commit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow_array::{Array, RecordBatch, StringArray, UInt16Array, UInt32Array};
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::tables::{EVENT_DATE, Table};
use rayon::prelude::*;

use crate::copies::Comparison;
use crate::durable::Flusher;
use crate::layout::{self, RunLock};
use crate::stage::{Folded, StagedPart, Target, stage};
use crate::staged_rows::StagedRows;
use crate::{Store, StoreError, encode, rows};

/// Bytes of rows at which a partition's buffer is written. With dozens of text columns beside `raw`, some 40,000 events.
const BUFFER_TARGET: usize = 128 << 20;
/// Bytes at which a thread that has nothing else to do writes a buffer to which nothing comes at the moment.
const WORTH_A_FILE: usize = 8 << 20;
/// Rows of which a batch keeps in memory what they say, 8 bytes each. A piece of evidence goes into one batch whole, and may have more.
const MAX_LIGHTS: u64 = 24_000_000;
/// Batches of fewer rows are joined before they are kept: each array of each column costs memory of its own.
const SMALL_ROWS: usize = 1_024;
/// Small batches joined at a time.
const SMALL_BATCHES: usize = 64;

/// What a batch needs to know.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The run it belongs to.
    pub run_id: String,
    /// Bytes of buffered rows over all dates and tables.
    pub memory_budget: usize,
    /// Now, microseconds UTC.
    pub now: i64,
    /// Says which copies of an event state the same, and which state less than others.
    pub compare: Comparison,
}

/// Rows on their way into the store. Nothing of it is visible before [`Batch::commit`]; dropped, it leaves nothing.
#[derive(Debug)]
pub struct Batch {
    pub(crate) store: Store,
    pub(crate) options: BatchOptions,
    /// Its name, part of the name of every file it writes.
    pub(crate) id: String,
    buffers: Mutex<Buffers>,
    /// Told when a staged file is complete.
    written: Condvar,
    /// Threads that wait for something to do.
    helpers: AtomicUsize,
    /// Threads that write a buffer on their way through [`Batch::append`].
    writing: AtomicUsize,
    numbers: AtomicU32,
    rows: AtomicU64,
    /// A staged file could not be written: its rows are lost, so nothing may be committed.
    broken: AtomicBool,
    pub(crate) staged: Mutex<StagedSet>,
    /// The rows in the staged files, by what they are.
    pub(crate) staged_rows: Mutex<HashMap<Partition, Arc<Mutex<StagedRows>>>>,
    seen: Mutex<Seen>,
    /// Until the commit takes it.
    pub(crate) flusher: Mutex<Option<Flusher>>,
    /// Whether staged files may be in a log already, and must not be deleted with the batch.
    pub(crate) published: AtomicBool,
    _alive: RunLock,
}

/// What is staged.
#[derive(Debug, Default)]
pub(crate) struct StagedSet {
    pub(crate) parts: Vec<StagedPart>,
    pub(crate) folded: Folded,
}

/// The evidence of a batch.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Its ledger rows, as decoded.
    pub(crate) rows: Vec<EvidenceRow>,
    /// Those of which the batch holds rows.
    pub(crate) with_rows: HashSet<String>,
}

#[derive(Debug, Default)]
struct Seen {
    with_rows: HashSet<String>,
    finished: Vec<EvidenceRow>,
}

/// A table and a date of it.
pub(crate) type Partition = (Table, Option<String>);

#[derive(Debug, Default)]
struct Buffers {
    partitions: BTreeMap<Partition, Buffer>,
    /// Bytes in `partitions`.
    buffered: usize,
    /// Bytes ever put there: the clock by which a buffer is old.
    appended: usize,
    /// Bytes taken out and not yet written.
    in_flight: usize,
}

/// Rows of one partition, and the bytes they take: of memory that they share with other rows of the partition, their part.
#[derive(Debug)]
struct Portion {
    rows: RecordBatch,
    bytes: usize,
}

impl Portion {
    fn whole(rows: RecordBatch) -> Self {
        Self { bytes: rows::bytes_of(&rows), rows }
    }
}

#[derive(Debug, Default)]
struct Buffer {
    batches: Vec<RecordBatch>,
    small: Vec<Portion>,
    bytes: usize,
    /// What the clock said when rows came last.
    touched: usize,
}

impl Batch {
    pub(crate) fn new(store: Store, options: BatchOptions) -> Result<Self, StoreError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let alive = RunLock::hold(store.root(), &id)?;
        Ok(Self {
            store,
            options,
            id,
            buffers: Mutex::default(),
            written: Condvar::new(),
            helpers: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
            numbers: AtomicU32::new(0),
            rows: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            staged: Mutex::default(),
            staged_rows: Mutex::default(),
            seen: Mutex::default(),
            flusher: Mutex::new(Some(Flusher::start())),
            published: AtomicBool::new(false),
            _alive: alive,
        })
    }

    /// Takes rows: the table's columns, followed by `event_date` in dated tables.
    ///
    /// Called from many threads. Where a partition's buffer is full, the calling thread sorts, encodes and writes it: that is the back-pressure.
    pub fn append(&self, table: Table, rows: RecordBatch) -> Result<(), StoreError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if table == Table::Evidence {
            return Err(StoreError::rows(table, "the ledger is written by finish_evidence"));
        }
        match rows::numbered(&rows, "evidence_id") {
            Some((numbers, texts)) => self.note_numbered(numbers, texts),
            None => self.note_evidence(rows::text(table, &rows, "evidence_id")?),
        }
        self.rows.fetch_add(rows.num_rows() as u64, Ordering::Relaxed);
        for (date, portion) in split(table, &rows)? {
            self.keep((table, date), portion)?;
        }
        while let Some((partition, buffer)) = self.due() {
            self.writing.fetch_add(1, Ordering::AcqRel);
            let result = self.write_taken(partition, buffer);
            self.writing.fetch_sub(1, Ordering::AcqRel);
            result?;
        }
        Ok(())
    }

    /// Writes a buffer in place of a thread that appends, if one is to be written: a full one; or, where all `others` that still append are busy
    /// writing themselves, any that is worth a file. For threads that have nothing else to do.
    pub fn help(&self, others: usize) -> Result<bool, StoreError> {
        let is_still = self.writing.load(Ordering::Acquire) >= others;
        let budget = self.options.memory_budget;
        let least = if is_still { WORTH_A_FILE.min(self.target()) } else { self.target() };
        let taken = {
            let mut buffers = lock(&self.buffers);
            let largest = buffers.largest().filter(|(_, bytes)| *bytes >= least && buffers.in_flight + bytes <= budget / 2);
            largest.and_then(|(partition, _)| buffers.take(partition))
        };
        taken.map_or(Ok(false), |(partition, buffer)| self.write_taken(partition, buffer).map(|()| true))
    }

    /// Waits with something else, while threads that append leave their full buffers to this one.
    pub fn while_idle<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.helpers.fetch_add(1, Ordering::AcqRel);
        let done = wait();
        self.helpers.fetch_sub(1, Ordering::AcqRel);
        done
    }

    fn write_taken(&self, partition: Partition, buffer: Buffer) -> Result<(), StoreError> {
        let bytes = buffer.bytes;
        // The other threads have work of their own.
        let result = self.write(partition, buffer, 1);
        lock(&self.buffers).in_flight -= bytes;
        self.written.notify_all();
        result
    }

    /// Remembers whose rows these are: those of one piece stand together, and a batch may hold many pieces.
    fn note_evidence(&self, evidence: &StringArray) {
        let mut seen = lock(&self.seen);
        let mut last = None;
        for row in 0..evidence.len() {
            let id = rows::value(evidence, row);
            if last != Some(id) {
                seen.with_rows.insert(id.to_owned());
                last = Some(id);
            }
        }
    }

    fn note_numbered(&self, numbers: &UInt16Array, texts: &StringArray) {
        let mut seen = lock(&self.seen);
        for same in numbers.values().chunk_by(|a, b| a == b) {
            let id = same.first().map_or("", |number| rows::value(texts, usize::from(*number)));
            if !seen.with_rows.contains(id) {
                seen.with_rows.insert(id.to_owned());
            }
        }
    }

    /// States that the rows of a piece of evidence are complete. `counts.kept` holds every accepted record; the commit settles kept against duplicate.
    pub fn finish_evidence(&self, row: EvidenceRow) -> Result<(), StoreError> {
        lock(&self.seen).finished.push(row);
        Ok(())
    }

    /// Rows taken so far. A batch is committed, and another begun, beyond a few million.
    #[must_use]
    pub fn staged_rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Publishes the batch: duplicates settled, data first, the ledger last.
    pub async fn commit(self) -> Result<CommitSummary, StoreError> {
        crate::commit::commit(self, &crate::commit::no_interruption).await
    }

    /// Writes what is still buffered, checks that every piece of evidence with rows was finished, and hands out the finished ones.
    pub(crate) fn complete(&self) -> Result<Finished, StoreError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(StoreError::Interrupted { message: "rows of this batch could not be written".to_owned() });
        }
        let seen = std::mem::take(&mut *lock(&self.seen));
        let finished: BTreeSet<&str> = seen.finished.iter().map(|r| r.evidence_id.as_str()).collect();
        if let Some(missing) = seen.with_rows.iter().find(|id| !finished.contains(id.as_str())) {
            return Err(StoreError::Unfinished { evidence_id: missing.clone() });
        }
        self.write_rest()?;
        Ok(Finished { rows: seen.finished, with_rows: seen.with_rows })
    }

    /// Writes what is still buffered.
    pub(crate) fn write_rest(&self) -> Result<(), StoreError> {
        let mut rest: Vec<(Partition, Buffer)> = std::mem::take(&mut lock(&self.buffers).partitions).into_iter().collect();
        // The largest first, so that no thread begins with it when the others are done.
        rest.sort_by_key(|(_, buffer)| std::cmp::Reverse(buffer.bytes));
        let threads = rayon::current_num_threads();
        rest.into_iter().par_bridge().try_for_each(|(partition, buffer)| self.write(partition, buffer, threads))
    }

    /// The name for another file of this batch.
    pub(crate) fn next_name(&self, event_date: Option<&str>) -> String {
        layout::part_name(&self.id, self.numbers.fetch_add(1, Ordering::Relaxed), event_date)
    }

    fn keep(&self, partition: Partition, portion: Portion) -> Result<(), StoreError> {
        let table = partition.0;
        let mut buffers = lock(&self.buffers);
        let appended = buffers.appended + portion.bytes;
        let buffer = buffers.partitions.entry(partition).or_default();
        let before = buffer.bytes;
        buffer.push(table, portion)?;
        buffer.touched = appended;
        let after = buffer.bytes;
        buffers.appended = appended;
        buffers.buffered = buffers.buffered + after - before;
        Ok(())
    }

    /// Bytes at which a buffer is full.
    fn target(&self) -> usize {
        BUFFER_TARGET.min(self.options.memory_budget / 4).max(1)
    }

    /// A buffer to be written now by this thread: one that is full and that no [helper](Batch::help) will write, or [one that may](Buffers::next)
    /// where all together take half the budget.
    ///
    /// At most half the budget is being written at once; where even the other half is full, this waits.
    fn due(&self) -> Option<(Partition, Buffer)> {
        let budget = self.options.memory_budget;
        let target = self.target();
        let mut buffers = lock(&self.buffers);
        loop {
            let partition = buffers.next(target, budget / 2)?;
            let bytes = buffers.partitions.get(&partition)?.bytes;
            if buffers.in_flight == 0 && buffers.buffered <= budget / 2 && self.helpers.load(Ordering::Acquire) > 0 {
                return None;
            }
            if buffers.in_flight == 0 || buffers.in_flight + bytes <= budget / 2 {
                return buffers.take(partition);
            }
            if buffers.buffered + buffers.in_flight <= budget {
                return None;
            }
            buffers = self.written.wait(buffers).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, partition: Partition, buffer: Buffer, threads: usize) -> Result<(), StoreError> {
        let staged_rows = Arc::clone(lock(&self.staged_rows).entry(partition.clone()).or_default());
        let (table, event_date) = partition;
        let name = self.next_name(event_date.as_deref());
        let dir = layout::table_dir(self.store.root(), table);
        let mut batches = buffer.batches;
        batches.extend(buffer.small.into_iter().map(|portion| portion.rows));
        tracing::debug!(table = table.name(), date = event_date, bytes = buffer.bytes, "writing");
        let has_lights = self.staged_rows() <= MAX_LIGHTS;
        let result = stage(Target { table, dir: &dir, name, event_date, has_lights, threads }, batches, self.options.compare, &staged_rows);
        tracing::debug!(table = table.name(), "written");
        let (part, folded) = result.inspect_err(|_| self.broken.store(true, Ordering::Release))?;
        if let Some(part) = &part {
            self.flush(&part.part.path)?;
        }
        let mut staged = lock(&self.staged);
        staged.parts.extend(part);
        for (evidence, count) in folded.into_iter().filter(|_| table.counts_records()) {
            *staged.folded.entry(evidence).or_default() += count;
        }
        Ok(())
    }

    /// Has a staged file flushed while others compute.
    fn flush(&self, path: &Path) -> Result<(), StoreError> {
        let mut flusher = lock(&self.flusher);
        if flusher.as_ref().is_some_and(|flusher| !flusher.flush(path)) {
            self.broken.store(true, Ordering::Release);
            return flusher.take().map_or(Ok(()), Flusher::finish);
        }
        Ok(())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.published.load(Ordering::Acquire) {
            encode::discard(lock(&self.staged).parts.iter().map(|p| &p.part));
        }
    }
}

impl Buffers {
    fn largest(&self) -> Option<(Partition, usize)> {
        let largest = self.partitions.iter().max_by_key(|(_, buffer)| buffer.bytes);
        largest.map(|(partition, buffer)| (partition.clone(), buffer.bytes))
    }

    /// Takes a buffer out, to be written.
    fn take(&mut self, partition: Partition) -> Option<(Partition, Buffer)> {
        let buffer = self.partitions.remove(&partition)?;
        self.buffered -= buffer.bytes;
        self.in_flight += buffer.bytes;
        Some((partition, buffer))
    }

    /// The largest buffer if it is full. Where all together are too much, one that is large and to which nothing has come for long: evidence is
    /// read date by date, so that what is left of a past date only takes room from the one that still grows.
    fn next(&self, target: usize, most: usize) -> Option<Partition> {
        let (largest, bytes) = self.largest()?;
        if bytes >= target {
            return Some(largest);
        }
        if self.buffered < most {
            return None;
        }
        let weight = |buffer: &Buffer| (buffer.bytes as u128 * (self.appended - buffer.touched) as u128, buffer.bytes);
        self.partitions.iter().max_by_key(|(_, buffer)| weight(buffer)).map(|(partition, _)| partition.clone())
    }
}

impl Buffer {
    fn push(&mut self, table: Table, portion: Portion) -> Result<(), StoreError> {
        self.bytes += portion.bytes;
        if portion.rows.num_rows() >= SMALL_ROWS {
            self.batches.push(portion.rows);
            return Ok(());
        }
        self.small.push(portion);
        if self.small.len() >= SMALL_BATCHES {
            let small = std::mem::take(&mut self.small);
            self.bytes -= small.iter().map(|portion| portion.bytes).sum::<usize>();
            let joined = arrow_select::concat::concat_batches(&rows::waiting_schema(table), small.iter().map(|portion| &portion.rows))
                .map_err(|e| StoreError::rows(table, e.to_string()))?;
            drop(small);
            self.push(table, Portion::whole(joined))?;
        }
        Ok(())
    }
}

/// Rows by partition, without the column that names it.
fn split(table: Table, rows: &RecordBatch) -> Result<Vec<(Option<String>, Portion)>, StoreError> {
    if rows.num_columns() != table.columns().len() + usize::from(table.is_dated()) {
        return Err(StoreError::rows(table, format!("{} columns came", rows.num_columns())));
    }
    let data = rows::waiting(table, rows)?;
    if !table.is_dated() {
        return Ok(vec![(None, Portion::whole(data))]);
    }
    let dates = rows::text(table, rows, EVENT_DATE)?;
    let first = rows::value(dates, 0);
    if rows::are_all(dates, first) {
        return Ok(vec![(Some(checked(table, first)?), Portion::whole(data))]);
    }
    let mut by_date: HashMap<&str, Vec<u32>> = HashMap::new();
    for row in 0..dates.len() {
        let number = u32::try_from(row).map_err(|e| StoreError::rows(table, e.to_string()))?;
        by_date.entry(rows::value(dates, row)).or_default().push(number);
    }
    // Evidence is read date by date: mostly a few rows are of another day. The many stay where they are and keep the text of all in memory,
    // the few must not.
    let each = rows::bytes_of(&data) / data.num_rows();
    let mut parts = Vec::new();
    for (date, rows) in by_date {
        let date = checked(table, date)?;
        let (long, rest) = stretches(&rows);
        let portion = |(from, count)| Portion { rows: data.slice(from, count), bytes: count * each };
        parts.extend(long.into_iter().map(|stretch| (Some(date.clone()), portion(stretch))));
        if rest.is_empty() {
            continue;
        }
        let many = rest.len() * 2 > data.num_rows();
        let part =
            arrow_select::take::take_record_batch(&data, &UInt32Array::from(rest)).map_err(|e| StoreError::rows(table, e.to_string()))?;
        parts.push((Some(date), Portion::whole(if many { part } else { rows::on_their_own(table, &part)? })));
    }
    Ok(parts)
}

/// Of numbers of rows in order, those that follow each other for long, as where they begin and how many they are; and all others.
fn stretches(rows: &[u32]) -> (Vec<(usize, usize)>, Vec<u32>) {
    let (mut long, mut rest) = (Vec::new(), Vec::new());
    for stretch in rows.chunk_by(|a, b| a + 1 == *b) {
        match stretch.first().and_then(|from| usize::try_from(*from).ok()) {
            Some(from) if stretch.len() >= SMALL_ROWS => long.push((from, stretch.len())),
            _ => rest.extend_from_slice(stretch),
        }
    }
    (long, rest)
}

fn checked(table: Table, date: &str) -> Result<String, StoreError> {
    if layout::is_event_date(date) { Ok(date.to_owned()) } else { Err(StoreError::rows(table, format!("{date:?} is not a partition"))) }
}

/// A lock whose holder panicked is still good here: every change under it is complete or harmless.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a commit did.
#[derive(Debug, Clone)]
pub struct CommitSummary {
    /// The ledger rows of this batch as committed, counts settled.
    pub evidence: Vec<EvidenceRow>,
    /// Events of this batch whose id came with more than one content.
    pub conflicts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_for_long_stay_where_they_are() {
        let short = [3, 4, 7];
        let rows: Vec<u32> = short.into_iter().chain(10..1_034).chain([2_000]).chain(3_000..5_048).chain(6_000..7_023).collect();
        let (long, rest) = stretches(&rows);
        assert_eq!(long, [(10, 1_024), (3_000, 2_048)]);
        assert_eq!(rest, short.into_iter().chain([2_000]).chain(6_000..7_023).collect::<Vec<u32>>(), "1,023 are not long");
        assert_eq!(stretches(&[]), (Vec::new(), Vec::new()));
    }

    #[test]
    fn rows_of_several_dates_are_split_without_loss_and_share_their_memory() {
        use crate::tests::kit::{Event, Evidence};
        // Two long stretches of one date around a few rows of another.
        let day = |id: u32| u32::from((1_500..1_510).contains(&id));
        let event = |id: u32| Event { id, second: Some(id), day: day(id), content: 1, context: 0, rank: 0 };
        let rows = Evidence { name: 1, events: (0..3_000).map(event).collect(), rejects: 0 }.rows(Table::Cloudtrail);
        let mut portions = split(Table::Cloudtrail, &rows).unwrap();
        portions.sort_by_key(|(_, portion)| portion.rows.num_rows());
        let counts: Vec<usize> = portions.iter().map(|(_, portion)| portion.rows.num_rows()).collect();
        assert_eq!(counts, [10, 1_490, 1_500]);
        let all = rows::bytes_of(&rows::waiting(Table::Cloudtrail, &rows).unwrap());
        let long: usize = portions[1..].iter().map(|(_, portion)| portion.bytes).sum();
        assert!(long <= all && long > all * 9 / 10, "{long} of {all}: memory that is shared counts once");
        assert!(portions[0].1.bytes < all / 100, "the few have memory of their own");
    }

    #[test]
    fn what_is_left_of_a_past_date_is_written_before_what_still_grows() {
        let date = |day: u32| (Table::Cloudtrail, Some(format!("2025-10-{day:02}")));
        let buffer = |bytes: usize, touched: usize| Buffer { bytes, touched, ..Buffer::default() };
        let partitions = [(date(1), buffer(1, 0)), (date(2), buffer(40, 100)), (date(3), buffer(60, 1_000))];
        let buffers = Buffers { partitions: partitions.into(), buffered: 101, appended: 1_000, in_flight: 0 };
        assert_eq!(buffers.next(60, 200), Some(date(3)), "a full one goes first");
        assert_eq!(buffers.next(96, 200), None, "there is room");
        assert_eq!(buffers.next(96, 100), Some(date(2)), "neither the one that grows nor a handful of late rows");
    }
}
