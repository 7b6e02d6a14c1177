//! The window's records counted and summed, in one reading where no two flow logs have the same interface in the same hour: which of them is summed
//! only all records tell, and then they are read again.
//!
//! Each thread fills what it has of its own ([`Summing`]); joined they are the same, whichever batches it was given.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::choice::{Choice, Tallies};
use super::records::{Records, SUMMED};
use super::sums::Sums;
use super::{FLOWS, FlowFilters, FlowGrouping, FlowQuestion, frame};
use crate::error::TimelineError;
use crate::interfaces::Interfaces;
use crate::source::Source;

/// What was counted and summed.
#[derive(Debug)]
pub(super) struct Summed {
    pub(super) tallies: Tallies,
    pub(super) choice: Choice,
    pub(super) sums: Sums,
    /// Records of an interface and hour that another flow log was summed for.
    pub(super) overlapping: u64,
}

/// Which records count, and whose interfaces they are of, where that is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) filters: FlowFilters,
    pub(super) known: Option<Arc<Interfaces>>,
    /// Whether marks are sought.
    pub(super) seeks_marks: bool,
    /// Seconds of the periods that are told apart; 0 where none are.
    pub(super) period: i64,
}

impl Asked {
    pub(super) fn of(question: &FlowQuestion, known: &Arc<Interfaces>) -> Self {
        let goes_by_holder = matches!(question.by, FlowGrouping::Instance | FlowGrouping::Group) && !known.is_empty();
        Self { filters: question.filters.clone(), known: goes_by_holder.then(|| Arc::clone(known)), seeks_marks: true, period: 0 }
    }
}

/// What one thread makes of the records that are summed.
#[derive(Debug, Default)]
struct Summing {
    sums: Sums,
    overlapping: u64,
}

impl Summing {
    fn begin(&mut self) {
        self.sums.begin();
    }

    /// Takes a record that is summed.
    fn take(&mut self, records: &Records<'_>, row: usize, asked: &Asked) {
        self.sums.take(records, row, asked);
    }

    /// Takes over what another thread made.
    fn join(&mut self, other: Self) {
        self.sums.join(other.sums);
        self.overlapping += other.overlapping;
    }
}

/// Counts the window's records and sums those of the flow logs that are chosen.
pub(super) async fn sum(source: &Source, question: &FlowQuestion, asked: Asked) -> Result<Summed, TimelineError> {
    let (tallies, summing) = sum_all(source, question, asked.clone()).await?;
    if tallies.is_contested {
        return sum_counted(source, question, asked, tallies).await;
    }
    let choice = tallies.choose();
    Ok(Summed { tallies, choice, sums: summing.sums, overlapping: 0 })
}

/// Sums the records of the flow logs that are chosen, where all were counted before.
pub(super) async fn sum_counted(source: &Source, question: &FlowQuestion, asked: Asked, tallies: Tallies) -> Result<Summed, TimelineError> {
    let choice = tallies.choose();
    let chosen = Arc::new((tallies, choice));
    let summing = sum_chosen(source, question, asked, &chosen).await?;
    // All threads are done.
    let (tallies, choice) = Arc::into_inner(chosen).unwrap_or_default();
    Ok(Summed { tallies, choice, sums: summing.sums, overlapping: summing.overlapping })
}

/// Counts, and sums as if each interface had one flow log in each hour.
async fn sum_all(source: &Source, question: &FlowQuestion, asked: Asked) -> Result<(Tallies, Summing), TimelineError> {
    let is_contested = AtomicBool::new(false);
    let take = move |(tallies, summing): &mut (Tallies, Summing), records: &Records<'_>| {
        tallies.begin();
        summing.begin();
        for row in (0..records.rows).filter(|row| records.is_of(*row, &asked.filters)) {
            tallies.take(records, row);
            if !tallies.is_contested {
                summing.take(records, row, &asked);
            }
        }
        if tallies.is_contested {
            is_contested.store(true, Ordering::Relaxed);
        }
        if is_contested.load(Ordering::Relaxed) {
            // What was summed so far is summed again.
            tallies.is_contested = true;
            *summing = Summing::default();
        }
    };
    let frame = frame(source, question, SUMMED).await?;
    let states: Vec<(Tallies, Summing)> =
        Source::batches_apart(FLOWS, frame, move |state, batch| Records::of(batch).map(|records| take(state, &records))).await?;
    let joined = states.into_iter().reduce(|mut all, other| {
        all.0.join(other.0);
        if !all.0.is_contested {
            all.1.join(other.1);
        }
        all
    });
    Ok(joined.unwrap_or_default())
}

/// Sums the records of the flow logs that were chosen.
async fn sum_chosen(
    source: &Source,
    question: &FlowQuestion,
    asked: Asked,
    chosen: &Arc<(Tallies, Choice)>,
) -> Result<Summing, TimelineError> {
    let chosen = Arc::clone(chosen);
    let take = move |summing: &mut Summing, records: &Records<'_>| {
        let (tallies, choice) = &*chosen;
        summing.begin();
        for row in (0..records.rows).filter(|row| records.is_of(*row, &asked.filters)) {
            if tallies.is_summed(records, row, choice) {
                summing.take(records, row, &asked);
            } else {
                summing.overlapping += u64::from(records.is_between(row, &asked.filters));
            }
        }
    };
    let frame = frame(source, question, SUMMED).await?;
    let states: Vec<Summing> =
        Source::batches_apart(FLOWS, frame, move |state, batch| Records::of(batch).map(|records| take(state, &records))).await?;
    let joined = states.into_iter().reduce(|mut all, other| {
        all.join(other);
        all
    });
    Ok(joined.unwrap_or_default())
}
