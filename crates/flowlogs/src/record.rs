//! A record on its way to its row: its words, and what it has in common with others.

use std::sync::Arc;

use crate::name::Named;

/// What all rows of a piece of evidence, or of a log stream in it, have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) evidence_id: Arc<str>,
    pub(crate) named: Named,
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
}

/// Where a word stands in a text.
pub(crate) type Span = (u32, u32);

/// A word from one place to another.
pub(crate) fn span(from: usize, to: usize) -> Span {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (place(from), place(to))
}

/// A record to be taken in: its words, of the layout in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The text that the words stand in.
    pub(crate) text: &'a [u8],
    /// Where each stands.
    pub(crate) words: &'a [Span],
    /// Its number in the evidence.
    pub(crate) index: i64,
    /// The delivered line, where its words do not give it to the byte.
    pub(crate) raw: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// A word, by its place in the layout.
    pub(crate) fn word(&self, place: usize) -> Option<&'a [u8]> {
        self.words.get(place).map(|(from, to)| self.text.get(*from as usize..*to as usize).unwrap_or_default())
    }
}

/// The words of a record that came in parts, as a line would have them.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    spans: Vec<Span>,
}

impl Words {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// The next value; an empty one is none.
    pub(crate) fn push(&mut self, value: &str) {
        let from = self.text.len();
        self.text.push_str(if value.is_empty() { "-" } else { value });
        self.spans.push(span(from, self.text.len()));
        self.text.push(' ');
    }

    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(crate) fn record(&self, index: i64) -> Record<'_> {
        Record { text: self.text(), words: &self.spans, index, raw: None }
    }
}
