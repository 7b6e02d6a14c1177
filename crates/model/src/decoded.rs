//! What decoders of all kinds of evidence say of a piece they read.

use crate::evidence::Counts;

/// Bytes of a rejected record that are kept (`rejects.bytes`), its first.
pub const REJECT_BYTES: usize = 64 << 10;

/// Whether the bytes ended where the evidence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The evidence was read to its end.
    Complete,
    /// The source broke off (a damaged gzip member, a failed read): an unfinished last record is lost in the break.
    Truncated,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Where the records went; `kept` is every accepted one, duplicates are for the store to find.
    pub counts: Counts,
    /// Earliest event time.
    pub first_event_time: Option<i64>,
    /// Latest event time.
    pub last_event_time: Option<i64>,
    /// What the evidence looked like, in words: `trail file`, `EventBridge envelopes`.
    pub shape: String,
    /// What is worth saying about it.
    pub remarks: Vec<String>,
    /// The document itself ends early: why, and where.
    pub broken_off: Option<String>,
    /// None of it is what the decoder reads, but it is known what it is.
    pub foreign: Option<Foreign>,
    /// Nothing of it was read: why, and what to do.
    pub refused: Option<String>,
}

/// Evidence of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Which kind.
    pub kind: String,
    /// What to do about it.
    pub message: String,
}

/// Different remarks kept: an attacker must not fill memory with them.
const MAX_REMARKS: usize = 50;

/// What is worth saying about a piece of evidence, each thing once, with how often it was met; in order of first sight.
#[derive(Debug, Default)]
pub struct Remarks(Vec<(String, u64)>);

impl Remarks {
    /// Says it, or says it once more.
    pub fn add(&mut self, what: &str) {
        if let Some((_, count)) = self.0.iter_mut().find(|(text, _)| text == what) {
            *count += 1;
        } else if self.0.len() < MAX_REMARKS {
            self.0.push((what.to_owned(), 1));
        }
    }

    /// The remarks, with their counts.
    #[must_use]
    pub fn into_texts(self) -> Vec<String> {
        self.0.into_iter().map(|(text, count)| if count == 1 { text } else { format!("{text} ({count} times)") }).collect()
    }
}
