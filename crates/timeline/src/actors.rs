//! Who was there: the actors of a window, and what each did.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backtrail_model::calls::{is_sensitive, is_write, issues_credentials};
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::redact::redact_text;
use backtrail_model::time::format_instant;
use backtrail_model::window::Window;
use hashbrown::HashMap;
use serde::Serialize;

use crate::answer::{Answer, Closing, Counter, Sink};
use crate::coverage::Parts;
use crate::ends::Ends;
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event};
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution, Origin, OriginKind};
use crate::nearest;
use crate::principal::Principal;
use crate::question::Question;
use crate::related::{Related, Sought};
use crate::source::Source;

/// Values listed of each kind; how many there are in all is told beside them.
const LISTED: usize = 20;

/// What is missing above its principals, named for an actor at most.
const MISSING: usize = 5;

/// Columns that say nothing about an actor.
const UNUSED: [&str; 3] = ["resources", "additional_event_data", "addendum"];

/// A value and how many events carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The value.
    pub value: String,
    /// Events.
    pub events: u64,
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
    /// User agents.
    pub user_agents: Values,
    /// Accounts that recorded it.
    pub accounts: Values,
    /// Regions.
    pub regions: Values,
    /// Access keys.
    pub keys: Values,
    /// Services called on its behalf.
    pub invoked_by: Values,
    /// Calls, as service:action.
    pub calls: Values,
    /// Of these, the ones to look at first: refused, or of a kind that gives power away, opens doors, blinds logs or reads secrets.
    pub notable: Values,
    /// Citations: its first and last event.
    pub refs: Vec<String>,
}

/// Who an actor is, for counting: its unique id where it has one, since names are given again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: String,
    account: String,
}

fn key_of(event: &Event<'_>, actor: &Origin) -> Key {
    let is_named = matches!(actor.kind, OriginKind::Service | OriginKind::Root);
    let id = actor.principal_id.clone().or_else(|| actor.arn.clone()).filter(|_| !is_named).unwrap_or_else(|| actor.name.clone());
    let account = actor.account.as_deref().or(event.recipient_account_id).unwrap_or_default();
    // A service acts in every account; it is one actor.
    Key { id, account: if actor.kind == OriginKind::Service { String::new() } else { account.to_owned() } }
}

type Tally = HashMap<String, u64>;

#[derive(Default)]
struct Counts {
    actor: Option<Origin>,
    principals: Tally,
    missing: BTreeSet<String>,
    /// The attribution met last.
    attributed: Option<Arc<Attribution>>,
    ends: Ends,
    events: u64,
    outcomes: BTreeMap<&'static str, u64>,
    changes: u64,
    attempts: u64,
    sessions_issued: u64,
    mfa: MfaCounts,
    from_console: u64,
    addresses: Tally,
    user_agents: Tally,
    accounts: Tally,
    regions: Tally,
    keys: Tally,
    invoked_by: Tally,
    calls: Tally,
    notable: Tally,
}

fn tick(tally: &mut Tally, value: Option<&str>) {
    let Some(value) = value.filter(|v| !v.is_empty()) else { return };
    match tally.get_mut(value) {
        Some(count) => *count += 1,
        None => {
            tally.insert(value.to_owned(), 1);
        }
    }
}

impl Counts {
    /// Takes an event. Where it is told with another of the same action, it is an event and no action of its own.
    fn take(&mut self, event: &Event<'_>, actor: &Arc<Attribution>, is_folded: bool) {
        let facts = event.facts();
        let outcome = classify(&facts);
        let writes = is_write(&facts) && !is_folded;
        self.events += 1;
        *self.outcomes.entry(outcome.as_str()).or_default() += 1;
        self.changes += u64::from(writes && outcome == Outcome::Ok);
        self.attempts += u64::from(writes && !matches!(outcome, Outcome::Ok | Outcome::Unknown));
        let issued = issues_credentials(event.event_source.unwrap_or_default(), event.event_name.unwrap_or_default());
        self.sessions_issued += u64::from(issued && outcome == Outcome::Ok && !is_folded);
        match event.session_mfa_authenticated {
            Some(true) => self.mfa.with += 1,
            Some(false) => self.mfa.without += 1,
            None => self.mfa.unknown += 1,
        }
        self.from_console += u64::from(event.session_credential_from_console == Some(true));
        tick(&mut self.addresses, event.source_ip_address);
        tick(&mut self.user_agents, event.user_agent);
        tick(&mut self.accounts, event.recipient_account_id);
        tick(&mut self.regions, event.aws_region);
        tick(&mut self.keys, event.user_identity_access_key_id);
        tick(&mut self.invoked_by, event.user_identity_invoked_by.filter(|_| actor.origin.kind != OriginKind::Service));
        let service = event.event_source.map(backtrail_model::calls::service_of).unwrap_or("?");
        let call = format!("{service}:{}", event.event_name.unwrap_or("?"));
        if outcome == Outcome::Denied || is_sensitive(&facts) {
            tick(&mut self.notable, Some(&call));
        }
        tick(&mut self.calls, Some(&call));
        match event.user_identity_arn.or(event.user_identity_principal_id).filter(|t| !t.is_empty()) {
            Some(principal) => tick(&mut self.principals, Some(principal)),
            None => tick(&mut self.principals, Some(&Principal::of(event).name)),
        }
        // Not again for every event of a session: an actor may have thousands whose issue is missing, and many events in each.
        if !self.attributed.as_ref().is_some_and(|last| Arc::ptr_eq(last, actor)) {
            self.attributed = Some(Arc::clone(actor));
            self.missing.extend(actor.missing.as_ref().map(|m| m.text.clone()));
            if self.missing.len() > MISSING {
                self.missing.pop_last();
            }
        }
        self.settle(event, actor);
    }

    /// First and last by time and citation; the actor is described as its fullest event has it, so that order does not matter.
    fn settle(&mut self, event: &Event<'_>, actor: &Attribution) {
        self.ends.take((event.event_time, event.citation()));
        // A kind that some event proves counts; among equals the fuller description.
        let said = |w: &Origin| (w.kind != OriginKind::Unknown, usize::from(w.arn.is_some()) + usize::from(w.source_identity.is_some()));
        let who = &actor.origin;
        if self.actor.as_ref().is_none_or(|old| (said(who), who) > (said(old), old)) {
            self.actor = Some(who.clone());
        }
    }

    fn present(self) -> Option<(Option<i64>, Present)> {
        let (first, last) = self.ends.times()?;
        let present = Present {
            event_time: first.map(format_instant),
            actor: self.actor?,
            principals: values(self.principals),
            missing: self.missing.into_iter().collect(),
            last_event_time: last.map(format_instant),
            events: self.events,
            outcomes: self.outcomes,
            changes: self.changes,
            attempts: self.attempts,
            sessions_issued: self.sessions_issued,
            mfa: self.mfa,
            from_console: self.from_console,
            addresses: values(self.addresses),
            user_agents: values(self.user_agents),
            accounts: values(self.accounts),
            regions: values(self.regions),
            keys: values(self.keys),
            invoked_by: values(self.invoked_by),
            calls: values(self.calls),
            notable: values(self.notable),
            refs: self.ends.refs(),
        };
        Some((first, present))
    }
}

fn values(tally: Tally) -> Values {
    let distinct = tally.len() as u64;
    let mut top: Vec<Counted> =
        tally.into_iter().map(|(value, events)| Counted { value: redact_text(&value).into_owned(), events }).collect();
    top.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    top.truncate(LISTED);
    Values { distinct, top }
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
    let window = question.window.as_ref();
    let columns: Vec<&str> = EVENT_COLUMNS.iter().copied().filter(|c| !UNUSED.contains(c) || !question.filters.arn.is_empty()).collect();
    let mut counts: HashMap<Key, Counts> = HashMap::new();
    let read = async {
        let known = Actors::read(source, window, question.filters.condition()).await?;
        let related = Related::read(source, window, Sought::UpdatesAndObjects, &|event| actor_inside(event, question, &known)).await?;
        let mut take = |event: &Event<'_>| {
            if question.filters.admits(event) {
                let actor = known.of(event);
                let is_folded = related.is_folded(event);
                counts.entry(key_of(event, &actor.origin)).or_default().take(event, &actor, is_folded);
            }
            Ok(())
        };
        source.in_any_order(window, question.filters.condition(), &columns, &mut take).await
    };
    let (ledger, parts, ()) = futures::future::try_join3(Ledger::read(source), Parts::read(source, window), read).await?;
    let mut coverage = parts.coverage(window, &ledger);
    let mut present: Vec<(Option<i64>, Present)> = counts.into_values().filter_map(Counts::present).collect();
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
    if totals.items == 0 {
        coverage.not_seen.extend(nearest::unknown_names(source, question).await?);
    }
    Ok(Closing { totals, coverage, evidence_set: ledger.set })
}

/// Who did an event that counts.
fn actor_inside(event: &Event<'_>, question: &Question, known: &Actors) -> Option<Key> {
    let is_inside = |w: &Window| event.event_time.is_some_and(|t| (w.from()..w.to()).contains(&t));
    let counts = question.window.as_ref().is_none_or(is_inside) && question.filters.admits(event);
    counts.then(|| key_of(event, &known.of(event).origin))
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
