//! Housekeeping: small files merged, replaced and orphaned ones deleted.
//!
//! Many runs, and one run over evidence of many days, leave many small files. Compaction merges those of a date into
//! files of a sane size, in the table's order, and commits that as one change of all tables. Files it replaced stay for
//! an hour, for readers that opened the store before; a file that no log mentions goes at once, unless the run that
//! wrote it is alive.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use backtrail_model::tables::Table;
use backtrail_model::words::{counted, noun};

use crate::commit::{Head, commit_ledger, publish, recover};
use crate::encode::{self, Part, TARGET_FILE_BYTES};
use crate::error::{At, blocking};
use crate::log::{Change, CommitError, LogFile, add_of};
use crate::merge::{FAN_IN, merge};
use crate::rewrite::Source;
use crate::store::Moment;
use crate::{Store, StoreError, layout};

/// How long replaced files stay for readers that opened the store before.
const GRACE_MICROS: i64 = 3_600_000_000;
/// Files of less than this are merged with others.
const SMALL_FILE_BYTES: u64 = TARGET_FILE_BYTES / 4 * 3;

/// How to compact.
#[derive(Debug, Clone, Copy)]
pub struct CompactOptions {
    /// Now, microseconds UTC.
    pub now: i64,
    /// Delete replaced files at once, without the hour of grace for readers.
    pub remove_at_once: bool,
    /// Bytes it may hold in memory.
    pub memory_budget: usize,
}

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactSummary {
    /// Files before.
    pub files_before: u64,
    /// Files after.
    pub files_after: u64,
    /// Files deleted from disk.
    pub files_deleted: u64,
    /// Bytes they took.
    pub bytes_deleted: u64,
    /// Replaced files left on disk for readers that opened the store before.
    pub files_in_grace: u64,
}

impl fmt::Display for CompactSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.files_before == self.files_after {
            write!(f, "{}, none to merge", counted(self.files_before, "file"))?;
        } else {
            write!(f, "{} merged into {}", counted(self.files_before, "file"), self.files_after)?;
        }
        write!(f, "; {} deleted ({})", self.files_deleted, counted(self.bytes_deleted, "byte"))?;
        if self.files_in_grace > 0 {
            let (ones, them) = (noun(self.files_in_grace, "one"), if self.files_in_grace == 1 { "it" } else { "them" });
            write!(f, "; {} replaced {ones} kept for an hour, for readers (--all deletes {them} now)", self.files_in_grace)?;
        }
        Ok(())
    }
}

pub(crate) async fn compact(store: &Store, options: CompactOptions) -> Result<CompactSummary, StoreError> {
    let _lock = store.lock().await?;
    store.make_missing().await?;
    let moment = store.moment().await?;
    let mut summary = rearrange(store, moment, options).await.map_err(|e| e.of_one_attempt(store))?;
    sweep(store, options, &mut summary).await?;
    Ok(summary)
}

/// Merges small files and commits the result.
async fn rearrange(store: &Store, moment: Moment, options: CompactOptions) -> Result<CompactSummary, CommitError> {
    let mut heads = recover(store, &moment, options.now).await?;
    let mut summary = CompactSummary::default();
    let id = uuid::Uuid::new_v4().simple().to_string();
    let mut number = 0;
    let mut ledger = Change { rearranges_only: true, ..Change::default() };
    let mut changed = heads.iter().any(|h: &Head| h.version() != moment.version(h.table()));
    for table in Table::ALL {
        let files = moment.table(table).map_or_else(Vec::new, |s| s.files.clone());
        summary.files_before += files.len() as u64;
        summary.files_after += files.len() as u64;
        let work = Work { table, dir: layout::table_dir(store.root(), table), batch: id.clone(), number, options };
        let (change, next) = blocking(move || work.run(files)).await?;
        number = next;
        summary.files_after = summary.files_after + change.add.len() as u64 - change.remove.len() as u64;
        changed |= !change.is_empty();
        if table == Table::Evidence {
            ledger = change;
        } else if !change.is_empty() {
            publish(store, &mut heads, table, change, options.now).await?;
        }
    }
    if changed {
        commit_ledger(store, &moment, &heads, ledger, options.now).await?;
    }
    Ok(summary)
}

/// The compaction of one table.
struct Work {
    table: Table,
    dir: PathBuf,
    batch: String,
    number: u32,
    options: CompactOptions,
}

impl Work {
    fn run(mut self, files: Vec<LogFile>) -> Result<(Change, u32), StoreError> {
        let mut change = Change { rearranges_only: true, ..Change::default() };
        let mut dates: BTreeMap<Option<String>, Vec<LogFile>> = BTreeMap::new();
        for file in files.into_iter().filter(|f| f.data.size < SMALL_FILE_BYTES) {
            dates.entry(file.data.event_date.clone()).or_default().push(file);
        }
        for (date, files) in dates.into_iter().filter(|(_, files)| files.len() > 1) {
            let parts = self.merge_all(date.as_deref(), &files)?;
            change.add.extend(parts.iter().map(|p| add_of(p, self.options.now)));
            change.remove.extend(files.into_iter().map(|f| f.add));
        }
        Ok((change, self.number))
    }

    /// Merges the smallest files, a few at a time, until at most one small one is left.
    fn merge_all(&mut self, date: Option<&str>, files: &[LogFile]) -> Result<Vec<Part>, StoreError> {
        let mut small: Vec<(u64, Source, Option<Part>)> = files.iter().map(|f| (f.data.size, f.source(self.table), None)).collect();
        let mut done = Vec::new();
        while small.len() > 1 {
            small.sort_by(|a, b| (b.0, &b.1.path).cmp(&(a.0, &a.1.path)));
            let some = small.split_off(small.len().saturating_sub(FAN_IN));
            let sources: Vec<Source> = some.iter().map(|(_, source, _)| source.clone()).collect();
            let merged = merge(self.table, &sources, self.options.memory_budget, || {
                self.number += 1;
                (self.dir.clone(), layout::part_name(&self.batch, self.number, date), date.map(str::to_owned))
            })?;
            // What was merged before in this loop is in no log.
            encode::discard(some.iter().filter_map(|(.., part)| part.as_ref()));
            for part in merged {
                if part.size < SMALL_FILE_BYTES {
                    small.push((part.size, part.source(), Some(part)));
                } else {
                    done.push(part);
                }
            }
        }
        done.extend(small.into_iter().filter_map(|(.., part)| part));
        Ok(done)
    }
}

/// Deletes files that no log mentions any more.
async fn sweep(store: &Store, options: CompactOptions, summary: &mut CompactSummary) -> Result<(), StoreError> {
    let root = store.root().to_owned();
    let (alive, dead) = layout::runs(&root)?;
    for table in Table::ALL {
        let log = store.log(table)?;
        let state = log.at(None).await?;
        let removed = log.removed(&state).await?;
        let mentioned: HashSet<PathBuf> = state.files.iter().map(|f| f.data.path.clone()).collect();
        let rules = Rules { mentioned, removed, alive: alive.clone(), options };
        let dir = layout::table_dir(&root, table);
        let (files, bytes, grace) = blocking(move || rules.apply(&dir)).await?;
        summary.files_deleted += files;
        summary.bytes_deleted += bytes;
        summary.files_in_grace += grace;
    }
    for path in dead {
        std::fs::remove_file(&path).at("delete", &path)?;
    }
    Ok(())
}

/// Which files on disk stay.
struct Rules {
    mentioned: HashSet<PathBuf>,
    /// Files the log says were removed, and when (milliseconds).
    removed: HashMap<PathBuf, i64>,
    alive: Vec<String>,
    options: CompactOptions,
}

enum Verdict {
    Stays,
    Grace,
    Goes,
}

impl Rules {
    fn verdict(&self, path: &Path) -> Verdict {
        let Some(batch) = path.file_name().and_then(|n| n.to_str()).and_then(layout::batch_of) else { return Verdict::Stays };
        if self.mentioned.contains(path) || self.alive.iter().any(|b| b == batch) {
            return Verdict::Stays;
        }
        match self.removed.get(path) {
            Some(millis) if !self.options.remove_at_once && millis * 1000 > self.options.now - GRACE_MICROS => Verdict::Grace,
            _ => Verdict::Goes,
        }
    }

    /// Deletes what goes; returns files and bytes deleted, and files in grace.
    fn apply(&self, dir: &Path) -> Result<(u64, u64, u64), StoreError> {
        let (mut files, mut bytes, mut grace) = (0, 0, 0);
        for entry in std::fs::read_dir(dir).at("list", dir)? {
            let path = entry.at("list", dir)?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if !name.starts_with('_') {
                    let inner = self.apply(&path)?;
                    (files, bytes, grace) = (files + inner.0, bytes + inner.1, grace + inner.2);
                }
                continue;
            }
            match self.verdict(&path) {
                Verdict::Stays => {}
                Verdict::Grace => grace += 1,
                Verdict::Goes => {
                    bytes += path.metadata().at("read the size of", &path)?.len();
                    std::fs::remove_file(&path).at("delete", &path)?;
                    files += 1;
                }
            }
        }
        Ok((files, bytes, grace))
    }
}
