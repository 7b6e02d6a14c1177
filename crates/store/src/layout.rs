//! Where things lie in a store directory, and the locks that keep processes apart.
//!
//! ```text
//! backtrail-store.json                  the format version; written last when a store is made
//! .lock                                 held by whoever commits or compacts
//! _runs/<batch>.lock                    held while a batch is alive: its staged files are not orphans
//! <table>/_delta_log/                   the table's log
//! <table>/[event_date=<date>/]part-<batch>-<n>.zstd.parquet
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use backtrail_model::tables::{EVENT_DATE, STORE_FORMAT_VERSION, Table, UNKNOWN_DATE};
use serde::{Deserialize, Serialize};

use crate::error::At;
use crate::{StoreError, durable};

const FORMAT_FILE: &str = "backtrail-store.json";
const LOCK_FILE: &str = ".lock";
const RUNS: &str = "_runs";
const PART_PREFIX: &str = "part-";
const PART_SUFFIX: &str = ".zstd.parquet";

/// What the store says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Format {
    format_version: u32,
}

/// The directory of a table.
pub(crate) fn table_dir(root: &Path, table: Table) -> PathBuf {
    root.join(table.name())
}

/// Path of a new data file, relative to its table's directory.
pub(crate) fn part_name(batch: &str, number: u32, event_date: Option<&str>) -> String {
    let file = format!("{PART_PREFIX}{batch}-{number:05}{PART_SUFFIX}");
    event_date.map_or(file.clone(), |date| format!("{EVENT_DATE}={date}/{file}"))
}

/// The batch that wrote a data file, from its name; `None` where it is not one of ours.
pub(crate) fn batch_of(file_name: &str) -> Option<&str> {
    let stem = file_name.strip_prefix(PART_PREFIX)?.strip_suffix(PART_SUFFIX)?;
    stem.rsplit_once('-').map(|(batch, _)| batch)
}

/// Whether a partition value is one this store makes: it becomes a directory name, and comes from evidence.
pub(crate) fn is_event_date(value: &str) -> bool {
    let b = value.as_bytes();
    value == UNKNOWN_DATE
        || (b.len() == 10 && b.iter().enumerate().all(|(i, c)| if i == 4 || i == 7 { *c == b'-' } else { c.is_ascii_digit() }))
}

/// Reads the format version; `None` where there is no store.
pub(crate) fn read_format(root: &Path) -> Result<Option<u32>, StoreError> {
    let path = root.join(FORMAT_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(source) => return Err(StoreError::Io { action: "read", path, source }),
    };
    match serde_json::from_slice::<Format>(&bytes) {
        Ok(format) => Ok(Some(format.format_version)),
        Err(e) => Err(StoreError::Format { path, message: e.to_string() }),
    }
}

/// Refuses a store of another format than ours.
pub(crate) fn check_format(root: &Path, found: u32) -> Result<(), StoreError> {
    let (path, known) = (root.to_owned(), STORE_FORMAT_VERSION);
    match found.cmp(&known) {
        std::cmp::Ordering::Greater => Err(StoreError::Newer { path, found, known }),
        std::cmp::Ordering::Less => Err(StoreError::Older { path, found, known }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// States the format, at once or not at all.
pub(crate) fn write_format(root: &Path) -> Result<(), StoreError> {
    let path = root.join(FORMAT_FILE);
    let draft = root.join(format!("{FORMAT_FILE}.new"));
    let text = format!("{{\"format_version\":{STORE_FORMAT_VERSION}}}\n");
    fs::write(&draft, text).at("write", &draft)?;
    durable::flush_file(&draft)?;
    fs::rename(&draft, &path).at("write", &path)?;
    durable::flush_folder(root)
}

/// The exclusive right to commit to a store, held until dropped. The operating system releases it when a process dies.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Waits for it; blocks.
    pub(crate) fn acquire(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        match file.lock() {
            Ok(()) => {}
            // Some network file systems have no locks: the logs' own conflict checks then decide who commits first.
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => tracing::warn!(path = %path.display(), "file locks do nothing here"),
            Err(source) => return Err(StoreError::Io { action: "lock", path, source }),
        }
        Ok(Self { _file: file })
    }
}

/// The sign that a batch is alive.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
    path: PathBuf,
}

impl RunLock {
    pub(crate) fn hold(root: &Path, batch: &str) -> Result<Self, StoreError> {
        let dir = root.join(RUNS);
        fs::create_dir_all(&dir).at("make", &dir)?;
        let path = dir.join(format!("{batch}.lock"));
        let file = File::create(&path).at("create", &path)?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { action: "lock", path, source }),
        }
        Ok(Self { _file: file, path })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Left behind it does no harm: it is not locked any more, and compaction takes it away.
        if let Err(e) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), error = %e, "run lock not removed");
        }
    }
}

/// Batches that are alive now, and lock files of dead ones.
pub(crate) fn runs(root: &Path) -> Result<(Vec<String>, Vec<PathBuf>), StoreError> {
    let dir = root.join(RUNS);
    let (mut alive, mut dead) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((alive, dead)),
        Err(source) => return Err(StoreError::Io { action: "list", path: dir, source }),
    };
    for entry in entries {
        let path = entry.at("list", &dir)?.path();
        let Some(batch) = path.file_stem().and_then(|s| s.to_str()) else { continue };
        match File::open(&path).map(|f| f.try_lock().map(|()| f)) {
            Ok(Ok(_)) => dead.push(path),
            // In doubt (held, or a file system without locks) it is alive.
            Ok(Err(_)) => alive.push(batch.to_owned()),
            Err(_) => {}
        }
    }
    Ok((alive, dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_names_tell_their_batch() {
        assert_eq!(part_name("b1", 7, Some("2023-07-10")), "event_date=2023-07-10/part-b1-00007.zstd.parquet");
        assert_eq!(batch_of("part-b1-00007.zstd.parquet"), Some("b1"));
        assert_eq!(batch_of("part-00000-x.snappy.parquet"), None);
    }

    #[test]
    fn only_dates_become_directories() {
        for good in ["2023-07-10", "unknown"] {
            assert!(is_event_date(good), "{good}");
        }
        for bad in ["", "../../../x", "2023-07-1", "2023/07/10", "2023-07-10/", "20230-7-10"] {
            assert!(!is_event_date(bad), "{bad}");
        }
    }
}
