//! What rows of files say that this process wrote lately: evidence is read in the order of its paths, so that what one batch brings mostly meets what the one
//! before it brought. Files of the store that are not among these are read.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::Lights;
use crate::batch::lock;

/// Rows of which it is kept in mind, 8 bytes each.
const MOST_ROWS: usize = 8_000_000;

/// Files and what their rows say, the latest last. A file never changes: what takes its place has another name.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<(PathBuf, Arc<Lights>)>>);

impl Recent {
    /// Keeps in mind what the rows of some files say, and forgets as much of what was kept longest.
    pub(crate) fn keep(&self, files: impl IntoIterator<Item = (PathBuf, Arc<Lights>)>) {
        let mut kept = lock(&self.0);
        kept.extend(files);
        let mut rows: usize = kept.iter().map(|(_, lights)| lights.rows()).sum();
        while rows > MOST_ROWS
            && let Some((_, oldest)) = kept.pop_front()
        {
            rows -= oldest.rows();
        }
    }

    /// What the rows of a file say.
    pub(crate) fn of(&self, path: &Path) -> Option<Arc<Lights>> {
        lock(&self.0).iter().find(|(known, _)| known == path).map(|(_, lights)| Arc::clone(lights))
    }
}
