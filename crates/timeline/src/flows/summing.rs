//! The window's records counted and summed, in one reading where no two flow logs have the same interface in the same hour: which of them is summed
//! only all records tell, and then they are read again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::choice::{Choice, Tallies};
use super::records::Records;
use super::row::Reading;
use super::shards::Shards;
use super::sums::Sums;
use super::texts::Texts;
use super::{FlowFilters, FlowGrouping, FlowQuestion, read_apart};
use crate::error::TimelineError;
use crate::interfaces::Interfaces;
use crate::source::Source;

/// What was counted and summed.
#[derive(Debug)]
pub(super) struct Summed {
    pub(super) tallies: Tallies,
    pub(super) choice: Choice,
    pub(super) sums: Sums,
}

/// Which records count, and how they are summed.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) filters: FlowFilters,
    /// Where traffic goes by who had an interface; they are read while records are.
    pub(super) holders: Option<Arc<OnceLock<Arc<Interfaces>>>>,
    /// Whether marks are sought.
    pub(super) seeks_marks: bool,
    /// Seconds of the periods that are told apart; 0 where none are.
    pub(super) period: i64,
}

impl Asked {
    pub(super) fn of(question: &FlowQuestion) -> Self {
        Self { filters: question.filters.clone(), holders: goes_by_holder(question.by).then(Arc::default), seeks_marks: true, period: 0 }
    }

    /// Whether all is known that summing needs.
    pub(super) fn is_complete(&self) -> bool {
        self.holders.as_ref().is_none_or(|holders| holders.get().is_some())
    }

    /// Who had interfaces, where that is asked.
    pub(super) fn interfaces(&self) -> Option<&Interfaces> {
        self.holders.as_ref()?.get().map(|known| &**known).filter(|known| !known.is_empty())
    }

    async fn read_holders(&self, source: &Source) -> Result<(), TimelineError> {
        if let Some(holders) = &self.holders {
            let known = Interfaces::read(source).await?;
            holders.get_or_init(|| known);
        }
        Ok(())
    }

    /// The number of the period that a time is in.
    pub(super) fn period_of(&self, start: i64) -> i32 {
        if self.period == 0 { 0 } else { i32::try_from(start.div_euclid(self.period)).unwrap_or(i32::MAX) }
    }
}

/// Whether traffic is summed by who had an interface.
pub(super) fn goes_by_holder(by: FlowGrouping) -> bool {
    matches!(by, FlowGrouping::Instance | FlowGrouping::Group)
}

/// What threads fill together.
#[derive(Debug)]
struct Filled {
    texts: Arc<Texts>,
    shards: Arc<Shards>,
    asked: Arc<Asked>,
}

impl Filled {
    fn new(asked: Asked) -> Self {
        let texts = Arc::new(Texts::default());
        Self { shards: Arc::new(Shards::new(&texts)), texts, asked: Arc::new(asked) }
    }

    fn another(&self) -> Self {
        Self { texts: Arc::clone(&self.texts), shards: Arc::clone(&self.shards), asked: Arc::clone(&self.asked) }
    }

    fn summed(self, readings: Vec<Reading>) -> Result<Sums, TimelineError> {
        if self.texts.are_too_many() {
            return Err(TimelineError::TooManyTexts);
        }
        Sums::of(self.texts, self.shards, readings, &self.asked)
    }
}

/// Counts the window's records and sums those of the flow logs that are chosen.
pub(super) async fn sum(source: &Source, question: &FlowQuestion, asked: Asked) -> Result<Summed, TimelineError> {
    let filled = Filled::new(asked.clone());
    let ((tallies, readings), ()) = futures::future::try_join(sum_all(source, question, &filled), asked.read_holders(source)).await?;
    if tallies.is_contested {
        drop((filled, readings));
        return sum_counted(source, question, asked, tallies).await;
    }
    let choice = tallies.choose();
    Ok(Summed { tallies, choice, sums: filled.summed(readings)? })
}

/// Sums the records of the flow logs that are chosen, where all were counted before.
pub(super) async fn sum_counted(source: &Source, question: &FlowQuestion, asked: Asked, tallies: Tallies) -> Result<Summed, TimelineError> {
    asked.read_holders(source).await?;
    let choice = tallies.choose();
    let chosen = Arc::new((tallies, choice));
    let filled = Filled::new(asked);
    let readings = sum_chosen(source, question, &filled, &chosen).await?;
    let sums = filled.summed(readings)?;
    // All threads are done.
    let (tallies, choice) = Arc::into_inner(chosen).unwrap_or_default();
    Ok(Summed { tallies, choice, sums })
}

/// Counts, and sums as if each interface had one flow log in each hour.
async fn sum_all(source: &Source, question: &FlowQuestion, filled: &Filled) -> Result<(Tallies, Vec<Reading>), TimelineError> {
    let is_contested = AtomicBool::new(false);
    let (texts, filled) = (Arc::clone(&filled.texts), filled.another());
    let take = move |(tallies, reading): &mut (Tallies, Reading), records: &Records<'_>| {
        tallies.begin();
        reading.begin();
        // What was summed so far is summed again where several have the same.
        let mut is_summed = !is_contested.load(Ordering::Relaxed);
        for row in (0..records.rows).filter(|row| records.is_of(*row, &filled.asked.filters)) {
            tallies.take(records, row);
            is_summed &= !tallies.is_contested;
            if is_summed {
                reading.take(records, row, &filled.asked, &filled.shards);
            }
        }
        if tallies.is_contested {
            is_contested.store(true, Ordering::Relaxed);
        }
    };
    let states = read_apart(source, question, move || (Tallies::default(), Reading::new(&texts)), take).await?;
    let mut tallies = Tallies::default();
    let mut readings = Vec::new();
    for (other, reading) in states {
        tallies.join(other);
        readings.push(reading);
    }
    Ok((tallies, readings))
}

/// Sums the records of the flow logs that were chosen.
async fn sum_chosen(
    source: &Source,
    question: &FlowQuestion,
    filled: &Filled,
    chosen: &Arc<(Tallies, Choice)>,
) -> Result<Vec<Reading>, TimelineError> {
    let (texts, filled, chosen) = (Arc::clone(&filled.texts), filled.another(), Arc::clone(chosen));
    let take = move |reading: &mut Reading, records: &Records<'_>| {
        let (tallies, choice) = &*chosen;
        reading.begin();
        for row in (0..records.rows).filter(|row| records.is_of(*row, &filled.asked.filters)) {
            if tallies.is_summed(records, row, choice) {
                reading.take(records, row, &filled.asked, &filled.shards);
            } else {
                reading.overlapping += u64::from(records.is_between(row, &filled.asked.filters));
            }
        }
    };
    read_apart(source, question, move || Reading::new(&texts), take).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_more_texts_than_numbers_is_not_summed() {
        let of = |texts: Texts| {
            let texts = Arc::new(texts);
            (0..=super::super::texts::PARTS).for_each(|n| _ = texts.number(&n.to_string()));
            let filled = Filled { shards: Arc::new(Shards::new(&texts)), texts, asked: Arc::default() };
            filled.summed(Vec::new())
        };
        assert!(matches!(of(Texts::up_to(0)), Err(TimelineError::TooManyTexts)));
        assert!(of(Texts::default()).is_ok());
    }
}
