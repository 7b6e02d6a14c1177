//! The answer of a question: items as they come, then what was not seen.

use std::io;

use backtrail_model::window::Window;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::coverage::Coverage;
use crate::effects::Effect;
use crate::error::TimelineError;
use crate::question::{Question, WindowShown};

/// Takes the items of an answer one by one, in order.
pub type Sink<'a, T> = dyn FnMut(T) -> io::Result<()> + 'a;

/// What ends an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Closing {
    /// Counts over all items, shown or not.
    pub totals: Totals,
    /// Of network commands: what traffic shows of the rules they opened and closed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// What could be seen, and what not.
    pub coverage: Coverage,
    /// SHA-256 over the sorted ids of committed evidence: two answers over the same evidence have the same.
    pub evidence_set: String,
}

/// Counts over all items of an answer, shown or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Items that answer the question.
    pub items: u64,
    /// Items in the answer: fewer where a limit was set.
    pub shown: u64,
    /// Of the items, those whose call was carried out.
    pub ok: u64,
    /// Writes that were not carried out.
    pub attempts: u64,
    /// Of the items, lines of traffic.
    #[serde(skip_serializing_if = "is_none")]
    pub traffic: u64,
    /// Records that are no items of their own, but told with one: those of other accounts, updates, the objects of one deleting call.
    pub folded: u64,
}

/// Whether there is none: only a timeline has any.
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// An answer whole, for callers that hold it in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// Which question.
    pub question: &'static str,
    /// About which time.
    pub window: Option<Window>,
    /// The items, in order.
    pub items: Vec<T>,
    /// What ends it.
    pub closing: Closing,
}

/// The members of an answer's JSON object that stand before the items.
#[must_use]
pub fn opening(name: &str, question: &Question) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("question".to_owned(), json!(name));
    object.insert("window".to_owned(), json!(WindowShown::from(question.window.as_ref())));
    object.insert("filters".to_owned(), serde_json::to_value(&question.filters).unwrap_or_default());
    object
}

/// Counts items and hands on those the limit allows.
pub(crate) struct Counter<'a, 'b, T> {
    pub(crate) totals: Totals,
    limit: u64,
    sink: &'a mut Sink<'b, T>,
}

impl<'a, 'b, T> Counter<'a, 'b, T> {
    pub(crate) fn new(question: &Question, sink: &'a mut Sink<'b, T>) -> Self {
        Self { totals: Totals::default(), limit: question.limit.map_or(u64::MAX, |l| l as u64), sink }
    }

    pub(crate) fn take(&mut self, item: T) -> Result<(), TimelineError> {
        self.totals.items += 1;
        if self.totals.shown < self.limit {
            self.totals.shown += 1;
            (self.sink)(item).map_err(TimelineError::Write)?;
        }
        Ok(())
    }

    /// Whether another item would still be shown.
    pub(crate) fn is_open(&self) -> bool {
        self.totals.shown < self.limit
    }
}
