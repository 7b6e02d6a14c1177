//! Looks at the ends of many files, dealt out to threads.

use datafusion::common::{DataFusionError, Result};

/// Files below which looking at footers and filters is not worth another thread.
const FILES_PER_THREAD: usize = 16;

/// What is found in files, in their order, by so many threads at most, each of which looks at some that follow each other.
pub(crate) fn in_hands<F: Sync, T: Send>(files: &[F], threads: usize, look: impl Fn(&[F]) -> Result<Vec<T>> + Sync) -> Result<Vec<T>> {
    let mut hands = files.chunks(files.len().div_ceil(threads.max(1)).max(FILES_PER_THREAD));
    let Some(first) = hands.next() else { return Ok(Vec::new()) };
    std::thread::scope(|scope| {
        let others: Vec<_> = hands.map(|some| scope.spawn(|| look(some))).collect();
        let mut found = look(first)?;
        for other in others {
            let ended = |_panicked| DataFusionError::Execution("a thread that read footers ended early".to_owned());
            found.extend(other.join().map_err(ended)??);
        }
        Ok(found)
    })
}
