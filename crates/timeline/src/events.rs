//! The questions that list events: `timeline`, `changes`, `network`.

use backtrail_model::calls::{is_write, network_command, network_services};
use backtrail_model::outcome::{Outcome, classify};
use datafusion::logical_expr::{Expr, col, lit};
use futures::future::{ready, try_join, try_join3, try_join4};
use rayon::prelude::*;

use crate::answer::{Answer, Closing, Counter, Sink};
use crate::beside::Beside;
use crate::coverage::Parts;
use crate::effects::{self, Doors};
use crate::error::TimelineError;
use crate::event::{Event, Events};
use crate::flow_groups::{self, FlowGroups};
use crate::item::{Item, is_attempted};
use crate::ledger::Ledger;
use crate::lineage::Actors;
use crate::nearest;
use crate::question::Question;
use crate::related::{Related, Sought, is_deletion};
use crate::source::{Source, let_go};
use crate::touched::touched;
use crate::twins::{self, Boxed};

/// A question that lists events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventQuestion {
    /// Every event.
    Timeline,
    /// What altered state, and what tried to.
    Changes,
    /// Network commands, and what tried to be one.
    Network,
}

impl EventQuestion {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Changes => "changes",
            Self::Network => "network",
        }
    }

    /// A condition that every event of the answer fulfils.
    fn condition(self) -> Option<Expr> {
        match self {
            Self::Timeline => None,
            Self::Changes => Some(col("read_only").eq(lit(false)).or(col("read_only").is_null())),
            Self::Network => {
                let spelled = network_services()
                    .into_iter()
                    .flat_map(|s| [s.to_owned(), format!("{s}.amazonaws.com"), format!("{s}.amazonaws.com.cn")]);
                Some(col("event_source").in_list(spelled.map(lit).collect(), false).or(flow_groups::condition()))
            }
        }
    }

    /// Whether an event that another record tells of as well is no item of its own: in a list of actions, where both answer the question.
    fn tells_as_one(self, event: &Event<'_>, question: &Question) -> bool {
        self.lists_actions()
            && question.window.as_ref().is_none_or(|window| event.is_in(window))
            && self.admits(event)
            && question.filters.admits(event)
    }

    /// The groups that what stands beside the answer's own events goes by.
    async fn groups(self, source: &Source) -> Result<FlowGroups, TimelineError> {
        if self == Self::Network { FlowGroups::read(source).await } else { Ok(FlowGroups::default()) }
    }

    /// A timeline lists records; the others list what was done.
    fn lists_actions(self) -> bool {
        self != Self::Timeline
    }

    /// Whether an event answers the question.
    #[must_use]
    pub fn admits(self, event: &Event<'_>) -> bool {
        match self {
            Self::Timeline => true,
            Self::Changes => is_write(&event.facts()),
            Self::Network => network_command(&event.facts()).is_some(),
        }
    }
}

/// Answers a question that lists events: hands its items on in order, then says what was not seen.
///
/// # Errors
/// Where the store cannot be read or the sink fails.
pub async fn events(
    source: &Source,
    which: EventQuestion,
    question: &Question,
    sink: &mut Sink<'_, Item>,
) -> Result<Closing, TimelineError> {
    list(source, which, question, Resources::All, sink).await
}

/// The same, for a person, whom lines are written that do not say what an item touches: its resources are not worked out.
///
/// # Errors
/// Where the store cannot be read or the sink fails.
pub async fn event_lines(
    source: &Source,
    which: EventQuestion,
    question: &Question,
    sink: &mut Sink<'_, Item>,
) -> Result<Closing, TimelineError> {
    list(source, which, question, Resources::None, sink).await
}

/// Of which items it is worked out what they touch, which takes a third of the time of telling one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resources {
    All,
    /// Of so many at least, from the first.
    First(u64),
    None,
}

impl Resources {
    /// Whether of those that come behind so many.
    fn are_told_behind(self, items: u64) -> bool {
        match self {
            Self::All => true,
            Self::First(most) => items <= most,
            Self::None => false,
        }
    }
}

/// Answers a question that lists events.
pub(crate) async fn list(
    source: &Source,
    which: EventQuestion,
    question: &Question,
    resources: Resources,
    sink: &mut Sink<'_, Item>,
) -> Result<Closing, TimelineError> {
    list_reached(source, which, &question.reached(source).await?, resources, ready(Ok(())), sink).await
}

/// The same, of which is looked up what its filters name. Nothing is handed on before something else is done.
pub(crate) async fn list_reached(
    source: &Source,
    which: EventQuestion,
    question: &Question,
    resources: Resources,
    before: impl Future<Output = Result<(), TimelineError>>,
    sink: &mut Sink<'_, Item>,
) -> Result<Closing, TimelineError> {
    let window = question.window.as_ref();
    // What traffic shows of a change goes by what it touches, and network commands are few.
    let resources = if which == EventQuestion::Network { Resources::All } else { resources };
    let condition = [which.condition(), question.filters.condition()].into_iter().flatten().reduce(Expr::and);
    let mut doors = Doors::default();
    let mut noting = |item: Item| {
        if which == EventQuestion::Network {
            doors.note(&item);
        }
        sink(item)
    };
    let mut listing = Listing { which, resources, counter: Counter::new(question, &mut noting), told: Vec::new(), pending: Vec::new() };
    let read = async {
        let found = source.found(window, condition, question.filters.leave_few());
        let (found, groups) = try_join(found, which.groups(source)).await?;
        let found = found.only(|event| (which.admits(event) || groups.admits(event)) && question.filters.admits(event))?;
        let has_objects = which != EventQuestion::Network && found.may_hold(is_deletion)?;
        let sought = if has_objects { Sought::UpdatesAndObjects } else { Sought::Updates };
        let is_told = |event: &Event<'_>| which.tells_as_one(event, question).then_some(());
        let related = Related::read(source, window, sought, &is_told);
        // Who had which address is worked out on one thread, of all interfaces there are: chains of credentials are read meanwhile.
        let beside = Beside::read(source, groups);
        let (actors, related, beside, ()) = try_join4(Actors::behind(source, window, &found), related, beside, before).await?;
        found.in_order(source, &mut |events| listing.take_all(events, question, (&related, &beside), &actors)).await?;
        let_go((actors, related, beside));
        Ok(())
    };
    let (ledger, parts, ()) = try_join3(Ledger::read(source), Parts::read(source, window), read).await?;
    let mut coverage = parts.coverage(window, &ledger);
    listing.finish()?;
    let totals = listing.counter.totals;
    coverage.not_seen.extend(question.filters.unfollowed());
    if totals.items == 0 {
        coverage.not_seen.extend(nearest::unknown_names(source, question).await?);
    }
    drop(listing);
    let (effects, left_out) = effects::effects(source, doors).await?;
    coverage.not_seen.extend(left_out);
    Ok(Closing { totals, effects, coverage, evidence_set: ledger.set })
}

/// The same, with the items in memory.
///
/// # Errors
/// Where the store cannot be read.
pub async fn events_answer(source: &Source, which: EventQuestion, question: &Question) -> Result<Answer<Item>, TimelineError> {
    let mut items = Vec::new();
    let closing = events(source, which, question, &mut |item| {
        items.push(item);
        Ok(())
    })
    .await?;
    Ok(Answer { question: which.name(), window: question.window, items, closing })
}

/// Items of one instant wait here until the next, so that twins among them find each other.
struct Listing<'a, 'b> {
    which: EventQuestion,
    resources: Resources,
    counter: Counter<'a, 'b, Item>,
    /// Events told last, which are handed on while the next are told.
    told: Vec<Option<Told>>,
    pending: Boxed,
}

/// Items of one instant held at most: beyond it twins are sought among fewer.
const PENDING: usize = 10_000;

/// Events told at a time, side by side: so many are told in vain where a limit is reached.
const TOLD_AT_ONCE: usize = 1_024;

/// What other events tell of those of the answer.
type Others<'a> = (&'a Related, &'a Beside);

/// An event that answers the question.
struct Told {
    /// Told with another one, of the same action.
    is_folded: bool,
    time: Option<i64>,
    outcome: Outcome,
    is_attempt: bool,
    /// Absent beyond the limit, where only the count matters.
    item: Option<Box<Item>>,
}

/// How events are told, each by itself.
struct Telling<'t> {
    which: EventQuestion,
    question: &'t Question,
    others: Others<'t>,
    actors: &'t Actors,
    /// More items are to be shown.
    is_open: bool,
    has_resources: bool,
}

impl Telling<'_> {
    /// Tells an event; nothing where it does not answer the question.
    fn tell(&self, event: &Event<'_>) -> Option<Told> {
        let (related, beside) = self.others;
        if !((self.which.admits(event) || beside.admits(event)) && self.question.filters.admits(event)) {
            return None;
        }
        let outcome = classify(&event.facts());
        let is_folded = related.is_folded(event);
        let item = (self.is_open && !is_folded).then(|| {
            let resources = if self.has_resources { touched(event) } else { Vec::new() };
            let mut item = Box::new(Item::touching(event, self.question.window.as_ref(), self.actors, resources));
            related.tell(event, &mut item, self.which.lists_actions());
            beside.tell(event, &mut item);
            item
        });
        Some(Told { is_folded, time: event.event_time, outcome, is_attempt: is_attempted(event, outcome), item })
    }
}

impl Listing<'_, '_> {
    /// Takes the events of a batch. Telling one (parsing its JSON, above all) depends on no other, so all threads take part, while those told
    /// before are handed on.
    fn take_all(&mut self, events: &Events<'_>, question: &Question, others: Others<'_>, actors: &Actors) -> Result<(), TimelineError> {
        for start in (0..events.rows()).step_by(TOLD_AT_ONCE) {
            let rows = start..events.rows().min(start + TOLD_AT_ONCE);
            let (which, is_open) = (self.which, self.counter.is_open());
            let has_resources = self.resources.are_told_behind(self.counter.totals.items);
            let telling = Telling { which, question, others, actors, is_open, has_resources };
            let (before, mut told) = (std::mem::take(&mut self.told), Vec::new());
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| {
                    rows.into_par_iter().with_min_len(64).map(|row| telling.tell(&events.get(row))).collect_into_vec(&mut told);
                });
                before.into_iter().flatten().try_for_each(|one| self.take(one))
            })?;
            self.told = told;
        }
        Ok(())
    }

    /// Hands on what is left.
    fn finish(&mut self) -> Result<(), TimelineError> {
        std::mem::take(&mut self.told).into_iter().flatten().try_for_each(|one| self.take(one))?;
        self.flush()
    }

    fn take(&mut self, told: Told) -> Result<(), TimelineError> {
        if told.is_folded {
            self.counter.totals.folded += 1;
            return Ok(());
        }
        if self.pending.len() >= PENDING || self.pending.last().is_some_and(|last| last.order.time != told.time) {
            self.flush()?;
        }
        self.counter.totals.ok += u64::from(told.outcome == Outcome::Ok);
        self.counter.totals.attempts += u64::from(told.is_attempt);
        match told.item.filter(|_| self.counter.is_open()) {
            Some(item) => self.pending.push(item),
            None => self.counter.totals.items += 1,
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TimelineError> {
        let items = std::mem::take(&mut self.pending);
        let count = items.len();
        let items = if self.which.lists_actions() { twins::fold(items) } else { twins::link(items) };
        self.counter.totals.folded += (count - items.len()) as u64;
        items.into_iter().try_for_each(|item| self.counter.take(*item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_told_of_so_many_at_least() {
        // Of the first three: those that come behind none, one and two; one more tells that they are too many to be told by resource.
        let told = |resources: Resources| (0..6).map(|behind| resources.are_told_behind(behind)).collect::<Vec<_>>();
        assert_eq!(told(Resources::First(3)), [true, true, true, true, false, false]);
        assert_eq!((told(Resources::All), told(Resources::None)), (vec![true; 6], vec![false; 6]));
    }
}
