//! What a loss of power leaves behind: a data file is on the disk before a log names it, and a log entry before anything builds on it.
//!
//! Data files are flushed as they are completed, so that the disk is not idle until the commit. The commit flushes what it names once more, which
//! costs nothing where nothing came since.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use rayon::prelude::*;

use crate::StoreError;
use crate::error::At;

const LOG_DIR: &str = "_delta_log";

/// Flushes files of a table, given by their paths relative to its directory, and the folders that name them.
pub(crate) fn flush_files(dir: &Path, names: &[String]) -> Result<(), StoreError> {
    let paths: Vec<PathBuf> = names.iter().map(|name| dir.join(name)).collect();
    paths.par_iter().try_for_each(|path| flush_file(path))?;
    let mut folders: BTreeSet<&Path> = paths.iter().filter_map(|p| p.parent()).collect();
    if !folders.is_empty() {
        folders.insert(dir);
    }
    folders.into_iter().try_for_each(flush_folder)
}

/// A thread that flushes files as they are completed, so that the disk writes while others compute. An error is kept for [`Flusher::finish`]: a
/// system tells it once.
#[derive(Debug)]
pub(crate) struct Flusher {
    paths: Sender<PathBuf>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Flusher {
    pub(crate) fn start() -> Self {
        let (paths, received) = channel::<PathBuf>();
        let thread = std::thread::spawn(move || received.iter().try_for_each(|path| flush_file(&path)));
        Self { paths, thread }
    }

    /// Whether it will be flushed: not where one could not be, of which [`Flusher::finish`] tells.
    pub(crate) fn flush(&self, path: &Path) -> bool {
        self.paths.send(path.to_owned()).is_ok()
    }

    /// Waits for all files.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        drop(self.paths);
        let ended = |_panic| Err(StoreError::Interrupted { message: "the thread that flushes files ended early".to_owned() });
        self.thread.join().unwrap_or_else(ended)
    }
}

/// Flushes the entry of a version in a table's log, and a checkpoint made with it.
pub(crate) fn flush_log(dir: &Path, version: u64) -> Result<(), StoreError> {
    let log = dir.join(LOG_DIR);
    for name in [format!("{version:020}.json"), format!("{version:020}.checkpoint.parquet"), "_last_checkpoint".to_owned()] {
        let path = log.join(name);
        match flush_file(&path) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
    }
    flush_folder(&log)
}

/// Flushes a file.
pub(crate) fn flush_file(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).at("flush", path)
}

/// Flushes a folder: the names in it. Not every system and file system can; then there is nothing to be done.
pub(crate) fn flush_folder(path: &Path) -> Result<(), StoreError> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path).and_then(|folder| folder.sync_all()) {
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other.at("flush", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_flushed_is_told_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        std::fs::write(&there, "rows").unwrap();
        let flusher = Flusher::start();
        assert!(flusher.flush(&there));
        flusher.finish().unwrap();

        let flusher = Flusher::start();
        assert!(flusher.flush(&dir.path().join("gone")));
        while flusher.flush(&there) {
            std::thread::yield_now();
        }
        assert!(flusher.finish().unwrap_err().to_string().contains("gone"));
    }
}
