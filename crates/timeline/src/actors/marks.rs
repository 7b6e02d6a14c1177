//! What a responder looks at first of an actor: what it does for the first time, bursts of refused calls, and sensitive calls. Each with the event it begins with.

use std::collections::BTreeMap;

use backtrail_model::time::{MICROS_PER_SECOND, format_instant};
use serde::Serialize;

use crate::ends::{Met, order};

/// Marks of one kind told of an actor; how many there are is told beside them.
const TOLD: usize = 20;
/// So many refused calls...
const BURST_EVENTS: usize = 10;
/// ...within so long are a burst.
const BURST_TIME: i64 = 300 * MICROS_PER_SECOND;

/// Why something is marked; in the order in which marks are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The store has nothing of the actor before the window, though it has evidence of the account.
    NewActor,
    /// Many refused calls in a short time: 10 or more with the outcome `denied`, the last of any ten at most five minutes after the first.
    DeniedBurst,
    /// A call that gives power away, opens doors, blinds logs, reads secrets or destroys.
    SensitiveCall,
    /// First use of a long-term access key (AKIA). Temporary keys are new each time and are not marked.
    NewKey,
    /// First use of a role.
    NewRole,
    /// First call from an address. Names of services in place of an address are not marked.
    NewAddress,
    /// First call in a region.
    NewRegion,
    /// First call of an API action.
    NewCall,
    /// First call with a user agent. Names of services in place of one are not marked.
    NewUserAgent,
}

impl MarkKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewActor => "new_actor",
            Self::DeniedBurst => "denied_burst",
            Self::SensitiveCall => "sensitive_call",
            Self::NewKey => "new_key",
            Self::NewRole => "new_role",
            Self::NewAddress => "new_address",
            Self::NewRegion => "new_region",
            Self::NewCall => "new_call",
            Self::NewUserAgent => "new_user_agent",
        }
    }
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Why.
    pub kind: MarkKind,
    /// The call, address, key...
    pub value: String,
    /// Events with it in the window; of a burst, the refused calls in it.
    pub events: u64,
    /// First of them. Of what is new: first in an account of which there is evidence before the window.
    pub event_time: Option<String>,
    /// In words: what was met, and against what it was held.
    pub text: String,
    /// Citation of the first.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The time to order by: as text, a whole second would come after its own fractions.
    #[serde(skip)]
    time: Option<i64>,
}

impl Mark {
    pub(super) fn new(kind: MarkKind, value: String, events: u64, first: &Met, text: String) -> Self {
        Self { kind, value, events, event_time: first.0.map(format_instant), text, reference: first.1.clone(), time: first.0 }
    }
}

/// Orders marks by kind, then by their first event; keeps the first of each kind, and says how many there were.
pub(super) fn told(mut marks: Vec<Mark>) -> (BTreeMap<MarkKind, u64>, Vec<Mark>) {
    let mut counts: BTreeMap<MarkKind, u64> = BTreeMap::new();
    marks.sort_by(|a, b| {
        let of = |m: &Mark| (m.kind, m.time.is_none(), m.time);
        of(a).cmp(&of(b)).then_with(|| (&a.reference, &a.value).cmp(&(&b.reference, &b.value)))
    });
    marks.retain(|mark| {
        let count = counts.entry(mark.kind).or_default();
        *count += 1;
        *count <= TOLD as u64
    });
    (counts, marks)
}

/// Refused calls in quick succession.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Burst {
    first: Met,
    last: i64,
    events: u64,
}

/// The bursts among refused calls, which come in any order: see [`MarkKind::DeniedBurst`]. What overlaps is one burst.
fn bursts(mut denied: Vec<Met>) -> Vec<Burst> {
    denied.retain(|met| met.0.is_some());
    denied.sort_by(|a, b| order(a).cmp(&order(b)));
    let time = |at: usize| denied[at].0.unwrap_or_default();
    let is_dense = |end: usize| end < denied.len() && time(end) - time(end + 1 - BURST_EVENTS) <= BURST_TIME;
    let mut bursts = Vec::new();
    let mut end = BURST_EVENTS - 1;
    let mut free = 0;
    while end < denied.len() {
        if !is_dense(end) || end + 1 - BURST_EVENTS < free {
            end += 1;
            continue;
        }
        let start = end + 1 - BURST_EVENTS;
        while is_dense(end + 1) {
            end += 1;
        }
        bursts.push(Burst { first: denied[start].clone(), last: time(end), events: (end + 1 - start) as u64 });
        free = end + 1;
        end += 1;
    }
    bursts
}

/// A mark for each burst.
pub(super) fn burst_marks(denied: Vec<Met>) -> impl Iterator<Item = Mark> {
    bursts(denied).into_iter().map(|Burst { first, last, events }| {
        let last = format_instant(last);
        let text = format!("{events} calls were refused from {} to {last}", first.0.map(format_instant).unwrap_or_default());
        Mark::new(MarkKind::DeniedBurst, format!("until {last}"), events, &first, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use backtrail_model::time::MICROS_PER_SECOND;

    /// Refused calls at these seconds; the id is the second.
    fn denied(seconds: impl IntoIterator<Item = i64>) -> Vec<Met> {
        seconds.into_iter().map(|s| (Some(s * MICROS_PER_SECOND), format!("e{s}"))).collect()
    }

    fn found(seconds: impl IntoIterator<Item = i64>) -> Vec<(String, i64, u64)> {
        bursts(denied(seconds)).into_iter().map(|b| (b.first.1, b.last / MICROS_PER_SECOND, b.events)).collect()
    }

    #[test]
    fn ten_within_five_minutes_are_a_burst_and_nine_are_not() {
        assert_eq!(found((0..9).map(|i| i * 10)), []);
        assert_eq!(found((0..10).map(|i| i * 10)), [("e0".to_owned(), 90, 10)]);
        assert_eq!(found([0, 1, 2, 3, 4, 5, 6, 7, 8, 300]), [("e0".to_owned(), 300, 10)], "the fifth minute's end is inside");
        assert_eq!(found([0, 1, 2, 3, 4, 5, 6, 7, 8, 301]), []);
    }

    #[test]
    fn the_order_of_reading_makes_no_difference_and_a_long_burst_is_one() {
        let mut backwards = denied((0..40).map(|i| 1000 + i * 20));
        backwards.insert(0, (None, "undated".to_owned()));
        backwards.reverse();
        let found: Vec<_> = bursts(backwards).into_iter().map(|b| (b.first.1, b.events)).collect();
        assert_eq!(found, [("e1000".to_owned(), 40)]);
    }

    #[test]
    fn bursts_apart_are_told_apart_and_slow_refusals_begin_none() {
        let calls = [0, 400].into_iter().chain(1000..1010).chain([2000]).chain(5000..5012);
        assert_eq!(found(calls), [("e1000".to_owned(), 1009, 10), ("e5000".to_owned(), 5011, 12)]);
    }

    #[test]
    fn marks_are_ordered_and_counted_beyond_those_told() {
        let mark = |kind, at: i64| Mark::new(kind, format!("v{at}"), 1, &(Some(at), format!("e{at}")), String::new());
        let many = (0..25).rev().map(|at| mark(MarkKind::NewCall, at)).chain([mark(MarkKind::NewActor, 99)]).collect();
        let (counts, marks) = told(many);
        assert_eq!(counts, BTreeMap::from([(MarkKind::NewActor, 1), (MarkKind::NewCall, 25)]));
        assert_eq!(marks.iter().map(|m| m.reference.as_str()).take(3).collect::<Vec<_>>(), ["e99", "e0", "e1"]);
        assert_eq!(marks.len(), 1 + TOLD);
    }
}
