//! The items of an answer that a person reads first, where there are too many to read.

use std::collections::BinaryHeap;

use backtrail_model::window::Window;

use crate::answer::Answer;
use crate::error::TimelineError;
use crate::events::{EventQuestion, events};
use crate::item::Item;
use crate::question::Question;
use crate::source::Source;

/// Answers a question that lists events with the items that matter most, in order of time; the totals count all.
///
/// Refused and sensitive calls come first, then other management events, then data events; among equals those before the
/// incident, and nearest to it.
///
/// # Errors
/// Where the store cannot be read.
pub async fn events_digest(source: &Source, which: EventQuestion, question: &Question, most: usize) -> Result<Answer<Item>, TimelineError> {
    let mut digest = Digest { at: question.window.as_ref().map(reference), most, kept: BinaryHeap::new(), seen: 0 };
    let all = Question { limit: None, ..question.clone() };
    let mut closing = events(source, which, &all, &mut |item| {
        digest.take(item);
        Ok(())
    })
    .await?;
    let mut kept = digest.kept.into_vec();
    kept.sort_by_key(|ranked| ranked.number);
    closing.totals.shown = kept.len() as u64;
    Ok(Answer { question: which.name(), window: question.window, items: kept.into_iter().map(|r| r.item).collect(), closing })
}

/// The instant that items are measured from: the incident, else the end of the window.
fn reference(window: &Window) -> i64 {
    window.at().unwrap_or(window.to())
}

/// The best items so far, the worst of them on top.
struct Digest {
    at: Option<i64>,
    most: usize,
    kept: BinaryHeap<Ranked>,
    seen: u64,
}

struct Ranked {
    rank: (u8, bool, u64),
    /// Its place in the answer.
    number: u64,
    item: Item,
}

impl Ranked {
    fn key(&self) -> ((u8, bool, u64), u64) {
        (self.rank, self.number)
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Ranked {}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Digest {
    fn take(&mut self, item: Item) {
        let class = match item.event_category.as_deref() {
            _ if item.order.is_notable || item.attempt => 0,
            Some("Data") => 2,
            _ => 1,
        };
        let distance = match (self.at, item.order.time) {
            (Some(at), Some(time)) => (time > at, time.abs_diff(at)),
            (None, Some(time)) => (false, i64::MAX.abs_diff(time)),
            (_, None) => (true, u64::MAX),
        };
        let rank = (class, distance.0, distance.1);
        let number = self.seen;
        self.seen += 1;
        self.kept.push(Ranked { rank, number, item });
        if self.kept.len() > self.most {
            self.kept.pop();
        }
    }
}
