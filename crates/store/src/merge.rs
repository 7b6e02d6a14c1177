//! Sorted files merged into sorted files, a batch of each in memory at a time.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use backtrail_model::tables::Table;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::StoreError;
use crate::encode::{Part, PartWriter, TARGET_FILE_BYTES, WRITE_ROWS};
use crate::error::At;
use crate::rewrite::Source;
use crate::rows::{self, SortKey, Sortable};

/// Files merged at a time: each holds a batch and a page of every column in memory.
pub(crate) const FAN_IN: usize = 16;
/// Bytes an event takes in memory, roughly; at a guess, since files do not say.
const ROW_BYTES: usize = 4_096;

/// Where the next file goes: directory, name, date.
type Next = (PathBuf, String, Option<String>);

/// Merges sorted files into files of the target size.
pub(crate) fn merge(
    table: Table,
    sources: &[Source],
    memory_budget: usize,
    mut next: impl FnMut() -> Next,
) -> Result<Vec<Part>, StoreError> {
    let batch_rows = (memory_budget / 4 / ROW_BYTES / sources.len().max(1)).clamp(128, WRITE_ROWS);
    let mut runs = Runs::open(table, sources, batch_rows)?;
    let mut parts = Vec::new();
    let mut writer: Option<PartWriter> = None;
    while let Some(rows) = runs.next_rows()? {
        let open = match writer.as_mut() {
            Some(open) => open,
            None => {
                let (dir, name, date) = next();
                writer.insert(PartWriter::create(table, table.schema(), &dir, name, date)?)
            }
        };
        open.write(&rows)?;
        if open.bytes() >= TARGET_FILE_BYTES
            && let Some(full) = writer.take()
        {
            parts.push(full.finish()?);
        }
    }
    if let Some(last) = writer {
        parts.push(last.finish()?);
    }
    Ok(parts)
}

/// The sorted files being merged.
struct Runs {
    table: Table,
    readers: Vec<(PathBuf, ParquetRecordBatchReader)>,
    /// Batches rows are taken from: the current one of each run, and those used up since rows were last handed out.
    batches: Vec<(RecordBatch, SortKey)>,
    heads: Vec<HeadRow>,
}

/// The next row of a run.
#[derive(Clone, Copy)]
struct HeadRow {
    run: usize,
    next: Sortable,
}

impl Runs {
    fn open(table: Table, sources: &[Source], batch_rows: usize) -> Result<Self, StoreError> {
        let mut runs = Self { table, readers: Vec::new(), batches: Vec::new(), heads: Vec::new() };
        for (run, source) in sources.iter().enumerate() {
            let path = &source.path;
            let file = File::open(path).at("open", path)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).at("read", path)?;
            runs.readers.push((path.clone(), builder.with_batch_size(batch_rows).build().at("read", path)?));
            if let Some(batch) = runs.load(run)? {
                runs.heads.push(HeadRow { run, next: runs.batches[batch].1.place(index(batch), 0) });
            }
        }
        Ok(runs)
    }

    /// Reads a run's next batch that has rows.
    fn load(&mut self, run: usize) -> Result<Option<usize>, StoreError> {
        let (path, reader) = &mut self.readers[run];
        for batch in reader {
            let batch = batch.at("read", path)?;
            if batch.num_rows() > 0 {
                let batch = RecordBatch::try_new(self.table.schema(), batch.columns().to_vec()).at("read", path)?;
                let key = SortKey::of(self.table, &batch)?;
                self.batches.push((batch, key));
                return Ok(Some(self.batches.len() - 1));
            }
        }
        Ok(None)
    }

    fn least(&self) -> Option<usize> {
        let key = |of: &Sortable| &self.batches[of.place.batch as usize].1;
        let order = |a: &Sortable, b: &Sortable| a.compare(key(a), b, key(b));
        (0..self.heads.len()).min_by(|a, b| order(&self.heads[*a].next, &self.heads[*b].next))
    }

    /// The next rows of all runs in order, or none at the end.
    fn next_rows(&mut self) -> Result<Option<RecordBatch>, StoreError> {
        let mut places = Vec::with_capacity(WRITE_ROWS);
        // A run that begins a new batch ends the round now and then, so that used-up batches do not pile up.
        let limit = self.heads.len() * 2 + 2;
        while places.len() < WRITE_ROWS && self.batches.len() < limit {
            let Some(least) = self.least() else { break };
            let HeadRow { run, next: Sortable { place, .. } } = self.heads[least];
            places.push(place);
            let (batch, row) = (place.batch as usize, place.row as usize + 1);
            if row < self.batches[batch].0.num_rows() {
                self.heads[least].next = self.batches[batch].1.place(place.batch, index(row));
            } else if let Some(batch) = self.load(run)? {
                self.heads[least].next = self.batches[batch].1.place(index(batch), 0);
            } else {
                self.heads.swap_remove(least);
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        let sources: Vec<&RecordBatch> = self.batches.iter().map(|(batch, _)| batch).collect();
        let rows = rows::gather(self.table, &sources, &places)?;
        self.forget_used();
        Ok(Some(rows))
    }

    /// Keeps only the batches that have rows left.
    fn forget_used(&mut self) {
        let mut kept = Vec::with_capacity(self.heads.len());
        let mut batches: Vec<Option<(RecordBatch, SortKey)>> = std::mem::take(&mut self.batches).into_iter().map(Some).collect();
        for head in &mut self.heads {
            if let Some(batch) = batches[head.next.place.batch as usize].take() {
                head.next.place.batch = index(kept.len());
                kept.push(batch);
            }
        }
        self.batches = kept;
    }
}

/// Rows of a batch and batches held at once are few.
fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
