//! What was done with credentials, counted; and which of the events need to be told one by one.

use std::collections::{BTreeMap, HashSet};

use backtrail_model::calls::is_change;
use backtrail_model::issuance::issuing_method;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::time::format_instant;

use super::Uses;
use super::tree::Fit;
use crate::ends::{Ends, Met};
use crate::event::{Event, Place};
use crate::item::{Item, Made};
use crate::lineage::{Issued, Setting, Strength};
use crate::narrow::At;

/// Things made that are listed for one credential.
const MOST_MADE: usize = 50;

/// What was done with a node's credentials.
#[derive(Default)]
pub(super) struct Used {
    /// And with nothing else that fits.
    pub(super) own: Counted,
    /// Or with others'.
    pub(super) shared: Vec<(Fit, Counted)>,
}

#[derive(Default)]
pub(super) struct Counted {
    uses: Uses,
    ends: Ends,
    addresses: HashSet<String>,
    /// The first things made, in order: by time, those without one last, then by citation; two records may have one.
    made: BTreeMap<(bool, Met, Place), Made>,
    chosen: Chosen,
}

impl Used {
    /// Where what fits so is counted.
    pub(super) fn counted(&mut self, fit: &Fit) -> &mut Counted {
        if fit.others.is_empty() {
            return &mut self.own;
        }
        let at = self.shared.iter().position(|(known, _)| known == fit).unwrap_or_else(|| {
            self.shared.push((fit.clone(), Counted::default()));
            self.shared.len() - 1
        });
        &mut self.shared[at].1
    }

    /// The events that were counted and need to be told.
    pub(super) fn chosen(&self) -> impl Iterator<Item = At> + '_ {
        self.shared.iter().map(|(_, counted)| counted).chain([&self.own]).flat_map(|counted| counted.chosen.all())
    }
}

impl Counted {
    /// Counts an event, and tells of it.
    pub(super) fn take(&mut self, strength: Strength, event: &Event<'_>) {
        let outcome = self.count(strength, event);
        self.tell_as(outcome, event);
    }

    /// Counts an event by what it says of itself without the record, and notes where it stands if it needs to be told.
    pub(super) fn take_narrow(&mut self, strength: Strength, event: &Event<'_>, at: At) {
        let outcome = self.count(strength, event);
        self.chosen.take(event, outcome, at);
    }

    fn count(&mut self, strength: Strength, event: &Event<'_>) -> Outcome {
        let outcome = classify(&event.facts());
        self.uses.events += 1;
        *self.uses.strengths.entry(strength.as_str()).or_default() += 1;
        *self.uses.outcomes.entry(outcome.as_str()).or_default() += 1;
        if let Some(address) = event.source_ip_address.filter(|address| !self.addresses.contains(*address)) {
            self.addresses.insert(address.to_owned());
        }
        outcome
    }

    /// Tells of an event that was counted.
    pub(super) fn tell(&mut self, event: &Event<'_>) {
        self.tell_as(classify(&event.facts()), event);
    }

    fn tell_as(&mut self, outcome: Outcome, event: &Event<'_>) {
        if is_change(&event.facts(), outcome) && Issued::of(event).is_none() {
            self.make(event);
        }
        if event.event_time.is_some() {
            self.ends.take_at(event.event_time, || event.citation());
        }
    }

    /// Takes what was made, where it is among the first: only these are told.
    fn make(&mut self, event: &Event<'_>) {
        let at = (event.event_time.is_none(), (event.event_time, event.citation()), event.place());
        if self.made.len() < MOST_MADE || self.made.last_key_value().is_some_and(|(last, _)| at < *last) {
            self.made.insert(at, Item::of(event, None).made());
        }
        if self.made.len() > MOST_MADE {
            self.made.pop_last();
        }
    }

    pub(super) fn finish(mut self) -> Uses {
        self.uses.made = self.made.into_values().collect();
        self.uses.addresses = self.addresses.into_iter().collect();
        self.uses.addresses.sort_unstable();
        let (first, last) = self.ends.times().unwrap_or_default();
        (self.uses.first_event_time, self.uses.last_event_time) = (first.map(format_instant), last.map(format_instant));
        self.uses.refs = self.ends.refs();
        self.uses
    }
}

/// Where the events stand that need to be told: the first and the last, of changes the first, and what set something up or may have issued something.
#[derive(Default)]
struct Chosen {
    first: Option<(i64, Vec<At>)>,
    last: Option<(i64, Vec<At>)>,
    /// By time, those without one last. Of the last time there may be more than are told: their citations decide.
    changes: BTreeMap<(bool, Option<i64>), Vec<At>>,
    /// How many changes these are.
    count: usize,
    always: Vec<At>,
}

impl Chosen {
    fn take(&mut self, event: &Event<'_>, outcome: Outcome, at: At) {
        if let Some(time) = event.event_time {
            end(&mut self.first, time, at, |time, first| time < first);
            end(&mut self.last, time, at, |time, last| time > last);
        }
        let issues = || issuing_method(event.event_source.unwrap_or_default(), event.event_name.unwrap_or_default()).is_some();
        if Setting::may_be(event) || issues() {
            self.always.push(at);
        } else if is_change(&event.facts(), outcome) {
            self.change((event.event_time.is_none(), event.event_time), at);
        }
    }

    fn change(&mut self, time: (bool, Option<i64>), at: At) {
        if self.count >= MOST_MADE && self.changes.last_key_value().is_some_and(|(last, _)| *last < time) {
            return;
        }
        self.changes.entry(time).or_default().push(at);
        self.count += 1;
        while let Some(last) = self.changes.last_entry().filter(|last| self.count - last.get().len() >= MOST_MADE) {
            self.count -= last.remove().len();
        }
    }

    fn all(&self) -> impl Iterator<Item = At> + '_ {
        let ends = [&self.first, &self.last].into_iter().flatten().flat_map(|(_, at)| at);
        ends.chain(self.changes.values().flatten()).chain(&self.always).copied()
    }
}

/// Takes what may be an end: the furthest so far, and others of its time.
fn end(known: &mut Option<(i64, Vec<At>)>, time: i64, at: At, is_further: impl Fn(i64, i64) -> bool) {
    match known {
        Some((furthest, all)) if *furthest == time => all.push(at),
        Some((furthest, _)) if !is_further(time, *furthest) => {}
        _ => *known = Some((time, vec![at])),
    }
}

#[cfg(test)]
mod tests;
