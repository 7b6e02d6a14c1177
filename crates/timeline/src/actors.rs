//! Who was there: the actors of a window, what each did, and what of it is new against the time before.

mod counts;
mod marks;
mod past;
mod workloads;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use backtrail_model::issuance::CONSOLE_LOGIN;
use backtrail_model::window::Window;
use hashbrown::{DefaultHashBuilder, HashMap};
use rayon::prelude::*;
use serde::Serialize;

use crate::answer::{Answer, Closing, Counter, Sink};
use crate::coverage::{Parts, ToldByFiles};
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events, Place};
use crate::interfaces::{Interfaces, Tenures};
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution, Origin, Who};
use crate::nearest;
use crate::novelty::{Before, Compared};
use crate::question::Question;
use crate::related::{Related, Sought};
use crate::source::Source;

use counts::Counts;
pub use marks::{Mark, MarkKind};
use past::Past;
pub use workloads::{CameFrom, OwnAddresses};

/// Columns that say nothing about an actor.
const UNUSED: [&str; 3] = ["resources", "additional_event_data", "addendum"];
/// What tells whether a private address may be one's own.
const ENDPOINT: &str = "vpc_endpoint_id";

/// A value and how many events carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The value.
    pub value: String,
    /// Events.
    pub events: u64,
    /// Citation of the first of them.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// The values events carry in one field: the most frequent ones, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Values {
    /// Different values.
    pub distinct: u64,
    /// The most frequent, by events and then by value.
    pub top: Vec<Counted>,
}

/// Events by whether the session had multi-factor authentication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MfaCounts {
    /// With.
    pub with: u64,
    /// Without.
    pub without: u64,
    /// The record does not say.
    pub unknown: u64,
}

/// Since when, and until when, the store has an actor: in the window or outside it. Filters do not narrow what is outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InStore {
    /// First event.
    pub first_event_time: Option<String>,
    /// Last event.
    pub last_event_time: Option<String>,
}

/// One actor and what it did in the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Present {
    /// Its first event in the window.
    pub event_time: Option<String>,
    /// Who.
    pub actor: Origin,
    /// The principals its events name: its own, and the sessions that descend from it.
    pub principals: Values,
    /// What is missing above some of these, in words; the first few.
    pub missing: Vec<String>,
    /// Last event in the window.
    pub last_event_time: Option<String>,
    /// First and last event in the store.
    pub in_store: InStore,
    /// Against what the window was held to say what is new.
    pub compared: Compared,
    /// Marks by kind.
    pub mark_counts: BTreeMap<MarkKind, u64>,
    /// What to look at first: what is new, bursts of refused calls, sensitive calls; the first few of each kind.
    pub marks: Vec<Mark>,
    /// Events.
    pub events: u64,
    /// Events by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Writes carried out.
    pub changes: u64,
    /// Writes that were not.
    pub attempts: u64,
    /// Calls that issued credentials or opened a session.
    pub sessions_issued: u64,
    /// Events by MFA.
    pub mfa: MfaCounts,
    /// Events with a console session's credentials.
    pub from_console: u64,
    /// Addresses.
    pub addresses: Values,
    /// Of these, those that an interface of one's own had when the calls were made: which, and whose it was.
    #[serde(skip_serializing_if = "OwnAddresses::are_none")]
    pub source_interfaces: OwnAddresses,
    /// User agents.
    pub user_agents: Values,
    /// Accounts that recorded it.
    pub accounts: Values,
    /// Regions.
    pub regions: Values,
    /// Access keys.
    pub keys: Values,
    /// Source identities: what whoever began a session declared; it is carried through every further role.
    pub source_identities: Values,
    /// Services called on its behalf.
    pub invoked_by: Values,
    /// Calls, as service:action.
    pub calls: Values,
    /// Of these, the ones to look at first: refused, or of a kind that gives power away, opens doors, blinds logs or reads secrets.
    pub notable: Values,
    /// Citations: its first and last event.
    pub refs: Vec<String>,
}

/// In which order principals are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorOrder {
    /// By their first event.
    FirstSeen,
    /// Those with the most kinds of notable calls first, then those that changed most: for a person who reads from the top.
    Notable,
}

/// Answers who was there: hands actors on in order, then says what was not seen.
///
/// # Errors
/// Where the store cannot be read or the sink fails.
pub async fn actors(
    source: &Source,
    question: &Question,
    order: ActorOrder,
    sink: &mut Sink<'_, Present>,
) -> Result<Closing, TimelineError> {
    let question = &question.reached(source).await?;
    let window = question.window.as_ref();
    let read = futures::future::try_join3(Ledger::read(source), Parts::read(source, window), read(source, question));
    let (ledger, parts, Read { counts, before, past, own }) = read.await?;
    let mut coverage = parts.coverage(window, &ledger);
    let known = ToldByFiles::of(source);
    let mut present: Vec<(Option<i64>, Present)> =
        counts.into_par_iter().filter_map(|c| c.present((before.as_ref(), &own), &past, known)).collect();
    present.sort_by_cached_key(|(time, p)| (time.is_none(), *time, p.refs.first().cloned(), p.actor.clone()));
    if order == ActorOrder::Notable {
        // Stable: what weighs the same stays in order of time.
        present.sort_by_key(|(_, p)| Reverse((p.notable.distinct, p.changes + p.attempts)));
    }
    let mut counter = Counter::new(question, sink);
    for (_, item) in present {
        counter.totals.ok += u64::from(item.changes > 0);
        counter.totals.attempts += u64::from(item.attempts > 0);
        counter.take(item)?;
    }
    let totals = counter.totals;
    coverage.not_seen.extend(question.filters.unfollowed());
    if totals.items == 0 {
        coverage.not_seen.extend(nearest::unknown_names(source, question).await?);
    }
    Ok(Closing { totals, effects: Vec::new(), coverage, evidence_set: ledger.set })
}

/// What was counted in the window, and what there is outside it.
struct Read {
    counts: Vec<Counts>,
    before: Option<Before>,
    past: Past,
    /// Who had the addresses that were one's own.
    own: Tenures,
}

async fn read(source: &Source, question: &Question) -> Result<Read, TimelineError> {
    let (window, condition) = (question.window.as_ref(), question.filters.condition());
    let beside = futures::future::try_join3(
        Actors::read(source, window, condition.clone()),
        Before::of_window(source, window),
        Interfaces::read(source),
    );
    let (known, before, interfaces) = beside.await?;
    let own = Tenures::of(&interfaces);
    let is_read = |c: &&str| !question.filters.arn.is_empty() || !(UNUSED.contains(c) || (*c == ENDPOINT && own.is_empty()));
    let columns: Vec<&str> = EVENT_COLUMNS.iter().copied().filter(is_read).collect();
    let is_inside = |event: &Event<'_>| actor_inside(event, question, &known);
    let related = Related::read(source, window, Sought::UpdatesAndObjects, &is_inside);
    let (related, sign_ins) = futures::future::try_join(related, factors_of_sign_ins(source, window)).await?;
    let mut counting = Counting::new(question, &known, (&related, &sign_ins), (before.as_ref(), &own));
    let mut take = |events: &Events<'_>| {
        counting.take(events);
        Ok(())
    };
    source.in_batches(window, condition, &columns, &mut take).await?;
    let counts = counting.finish();
    let mut past = Past::default();
    if let Some(window) = window {
        counts.iter().for_each(|c| c.ask(&mut past));
        past.read(source, window).await?;
    }
    Ok(Read { counts, before, past, own })
}

/// Whether those who signed in did so with multi-factor authentication: it stands where nothing else is told of an actor.
type Factors = HashMap<Place, bool>;

async fn factors_of_sign_ins(source: &Source, window: Option<&Window>) -> Result<Factors, TimelineError> {
    let mut factors = Factors::new();
    let mut take = |event: &Event<'_>| {
        factors.extend(event.mfa().map(|factor| (event.place(), factor)));
        Ok(())
    };
    source.called(window, &[CONSOLE_LOGIN], &mut take).await?;
    Ok(factors)
}

/// Hands among which actors are dealt, to be counted side by side: more than there are threads, for some actors have most of the events.
const HANDS: usize = 16;

/// Counts what each actor did.
struct Counting<'a> {
    question: &'a Question,
    known: &'a Actors,
    related: &'a Related,
    sign_ins: &'a Factors,
    /// What there is before the window, and who had the addresses that were one's own.
    beside: (Option<&'a Before>, &'a Tenures),
    hands: Vec<HashMap<Who, Counts>>,
    /// By which actors are dealt.
    hasher: DefaultHashBuilder,
}

/// Events dealt at a time: so many stay near the processor until they are counted.
const DEALT_AT_ONCE: usize = 1_024;

/// An event that counts: whose it is, and in which hand that one is counted.
struct Dealt<'e> {
    event: Event<'e>,
    hand: usize,
    key: Who,
    actor: Arc<Attribution>,
    mfa: Option<bool>,
}

impl<'a> Counting<'a> {
    fn new(
        question: &'a Question,
        known: &'a Actors,
        (related, sign_ins): (&'a Related, &'a Factors),
        beside: (Option<&'a Before>, &'a Tenures),
    ) -> Self {
        let hands = (0..HANDS).map(|_| HashMap::new()).collect();
        Self { question, known, related, sign_ins, beside, hands, hasher: DefaultHashBuilder::default() }
    }

    /// Takes the events of a batch. Who did one depends on no other event, and what one actor did on no other actor.
    fn take(&mut self, events: &Events<'_>) {
        for start in (0..events.rows()).step_by(DEALT_AT_ONCE) {
            let rows = start..events.rows().min(start + DEALT_AT_ONCE);
            let dealt: Vec<Option<Dealt<'_>>> = rows.into_par_iter().with_min_len(64).map(|row| self.deal(events.get(row))).collect();
            let (related, beside) = (self.related, self.beside);
            self.hands.par_iter_mut().enumerate().for_each(|(hand, counts)| {
                for Dealt { event, key, actor, mfa, .. } in dealt.iter().flatten().filter(|one| one.hand == hand) {
                    let counts = match counts.get_mut(key) {
                        Some(counts) => counts,
                        None => counts.entry(key.clone()).or_default(),
                    };
                    counts.take(event, (actor, *mfa), related.is_folded(event), beside);
                }
            });
        }
    }

    fn deal<'e>(&self, event: Event<'e>) -> Option<Dealt<'e>> {
        self.question.filters.admits(&event).then(|| {
            let actor = self.known.of(&event);
            let key = actor.origin.who(event.recipient_account_id);
            let hand = usize::try_from(self.hasher.hash_one(&key) % HANDS as u64).unwrap_or_default();
            let is_sign_in = event.event_name == Some(CONSOLE_LOGIN);
            let mfa = event.mfa().or_else(|| if is_sign_in { self.sign_ins.get(&event.place()).copied() } else { None });
            Dealt { event, hand, key, actor, mfa }
        })
    }

    fn finish(self) -> Vec<Counts> {
        self.hands.into_iter().flat_map(HashMap::into_values).collect()
    }
}

/// Who did an event that counts.
fn actor_inside(event: &Event<'_>, question: &Question, known: &Actors) -> Option<Who> {
    let counts = question.window.as_ref().is_none_or(|window| event.is_in(window)) && question.filters.admits(event);
    counts.then(|| known.of(event).origin.who(event.recipient_account_id))
}

/// The same, with the actors in memory.
///
/// # Errors
/// Where the store cannot be read.
pub async fn actors_answer(source: &Source, question: &Question, order: ActorOrder) -> Result<Answer<Present>, TimelineError> {
    let mut items = Vec::new();
    let closing = actors(source, question, order, &mut |item| {
        items.push(item);
        Ok(())
    })
    .await?;
    Ok(Answer { question: "actors", window: question.window, items, closing })
}
