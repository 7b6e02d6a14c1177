//! `changes` around an anchor: every change of the window, ranked by how it relates to what `--arn`, `--actor`, `--ip` or `--key` names, with the
//! reason for each rank and the event it rests on.

mod named;
mod neighbourhood;

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::{is_change, is_write};
use backtrail_model::outcome::classify;
use backtrail_model::touch::{Part, Touched, Wanted};
use serde::Serialize;

use crate::answer::{Closing, Sink};
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event};
use crate::events::{EventQuestion, Resources, events, list};
use crate::item::Item;
use crate::lineage::{Actors, Mover, Origin, OriginKind, Part as MotionPart, Who};
use crate::nearest;
use crate::question::{Filters, Question};
use crate::source::Source;
use crate::touched::touched_in_all;
use neighbourhood::Neighbourhood;

/// How near a change is to the anchor, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// It touches the anchor, or was made by it, from it, with it.
    Direct,
    /// Its actor is one who changed the anchor, or whom the anchor leads to.
    SameLineage,
    /// It touches what belongs together with the anchor: the interface of an instance, its groups, its role.
    SameNeighbourhood,
    /// Another actor, as far as is known, in the same session, with the same key or from the same address.
    SameSessionOrAddress,
    /// Nothing but the window relates it.
    SameWindow,
}

impl Rank {
    /// Its words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::SameLineage => "same lineage",
            Self::SameNeighbourhood => "same neighbourhood",
            Self::SameSessionOrAddress => "same session or address",
            Self::SameWindow => "same window",
        }
    }
}

/// How a change relates to the anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relation {
    /// How near.
    pub rank: Rank,
    /// Why, in words.
    pub why: String,
    /// The resource it is told under: the first it acts on.
    pub resource: Option<String>,
    /// Events that the reason rests on, besides the change itself.
    pub refs: Vec<String>,
}

/// How `changes` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesTold {
    /// Without an anchor: under the resource each change acted on, as long as they are not more than [`GROUPED`]; else by time.
    pub by_resource: bool,
    /// With an anchor: so many at most of those related by nothing but the window.
    pub others: usize,
}

/// Changes held to be told by resource.
pub const GROUPED: usize = 10_000;

/// Answers `changes`. With an anchor all changes of the window are told, by rank, then by resource, then by time; of those related by
/// nothing but the window some at most, the totals count all.
///
/// # Errors
/// Where the store cannot be read or the sink fails.
pub async fn changes(source: &Source, question: &Question, told: ChangesTold, sink: &mut Sink<'_, Item>) -> Result<Closing, TimelineError> {
    if question.filters.has_anchor() {
        return related(source, question, told.others, sink).await;
    }
    if told.by_resource {
        return by_resource(source, question, sink).await;
    }
    events(source, EventQuestion::Changes, question, sink).await
}

async fn by_resource(source: &Source, question: &Question, sink: &mut Sink<'_, Item>) -> Result<Closing, TimelineError> {
    let mut held = Some(Vec::new());
    let closing = list(source, EventQuestion::Changes, question, Resources::First(GROUPED as u64), &mut |item| {
        match &mut held {
            Some(items) if items.len() < GROUPED => {
                items.push(item);
                return Ok(());
            }
            Some(items) => std::mem::take(items).into_iter().try_for_each(&mut *sink)?,
            None => {}
        }
        held = None;
        sink(item)
    })
    .await?;
    for item in in_order(held.unwrap_or_default()) {
        sink(Item { is_grouped: true, ..item }).map_err(TimelineError::Write)?;
    }
    Ok(closing)
}

async fn related(source: &Source, question: &Question, others: usize, sink: &mut Sink<'_, Item>) -> Result<Closing, TimelineError> {
    // Which changes are told has no part in what the anchor is.
    let around = Question { window: question.window, filters: question.filters.anchor(), limit: None };
    let reached = around.reached(source).await?;
    let anchor = Anchor::read(source, &reached).await?;
    let wide = Question { window: question.window, filters: question.filters.without_anchor(), limit: None };
    let (mut held, mut others_held): (Vec<Item>, usize) = (Vec::new(), 0);
    let mut closing = events(source, EventQuestion::Changes, &wide, &mut |mut item| {
        let relation = anchor.relation(&item);
        others_held += usize::from(relation.rank == Rank::SameWindow);
        if relation.rank != Rank::SameWindow || others_held <= others {
            item.relation = Some(relation);
            held.push(item);
        }
        Ok(())
    })
    .await?;
    closing.coverage.not_seen.extend(reached.filters.unfollowed());
    if anchor.direct.is_empty() && anchor.origins.is_empty() {
        closing.coverage.not_seen.extend(nearest::unknown_names(source, question).await?);
    }
    let shown = in_order(held).into_iter().take(question.limit.unwrap_or(usize::MAX));
    closing.totals.shown = 0;
    for item in shown {
        closing.totals.shown += 1;
        sink(item).map_err(TimelineError::Write)?;
    }
    Ok(closing)
}

/// By rank; in a rank by resource, the one that was changed first first, what acted on none that is known last; then by time, as they came.
fn in_order(mut items: Vec<Item>) -> Vec<Item> {
    named::join(&mut items);
    let place = |item: &Item| (item.relation.as_ref().map(|r| r.rank), item.resource().map(str::to_owned));
    let mut first: BTreeMap<_, usize> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        first.entry(place(item)).or_insert(at);
    }
    // Stable: what is told under one resource stays in order of time.
    items.sort_by_cached_key(|item| (item.relation.as_ref().map(|r| r.rank), item.resource().is_none(), first.get(&place(item)).copied()));
    items
}

impl Filters {
    /// Whether something is named that changes can relate to.
    #[must_use]
    pub fn has_anchor(&self) -> bool {
        !(self.arn.is_empty() && self.actor.is_empty() && self.ip.is_empty() && self.key.is_empty())
    }

    fn anchor(&self) -> Filters {
        let Filters { arn, actor, ip, key, .. } = self.clone();
        Filters { arn, actor, ip, key, ..Filters::default() }
    }

    fn without_anchor(&self) -> Filters {
        let Filters { account, region, source, outcome, .. } = self.clone();
        Filters { account, region, source, outcome, ..Filters::default() }
    }
}

/// The event that ties something to the anchor, and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tie {
    time: Option<i64>,
    reference: String,
    what: String,
}

/// What the window's events say of the anchor.
#[derive(Debug, Default)]
struct Anchor {
    /// Citations of the events that touch it, with the words for how.
    direct: BTreeMap<String, String>,
    /// Actors who changed it, or whom it leads to.
    origins: BTreeMap<Who, Tie>,
    /// Sessions, keys and addresses of those events.
    traces: BTreeMap<String, Tie>,
    neighbourhood: Neighbourhood,
}

impl Anchor {
    async fn read(source: &Source, question: &Question) -> Result<Self, TimelineError> {
        let (filters, window) = (&question.filters, question.window.as_ref());
        let found = source.found(window, filters.condition(), filters.leave_few()).await?.only(|event| filters.admits(event))?;
        let actors = Actors::behind(source, window, &found).await?;
        let mut anchor = Self::default();
        let mut touched = BTreeMap::new();
        found
            .in_any_order(source, EVENT_COLUMNS, &mut |event| {
                if filters.admits(event) {
                    anchor.take(event, filters, &actors, &mut touched);
                }
                Ok(())
            })
            .await?;
        anchor.neighbourhood = Neighbourhood::read(source, window, &filters.arn, touched).await?;
        Ok(anchor)
    }

    /// Takes an event that touches the anchor.
    fn take(&mut self, event: &Event<'_>, filters: &Filters, actors: &Actors, touched: &mut BTreeMap<String, Tie>) {
        let (reference, things) = (event.citation(), touched_in_all(event));
        // What somebody did under another name is of the same lineage.
        if filters.actor.is_empty() || filters.is_by_name(event) {
            self.direct.insert(reference.clone(), how(event, &things, filters));
        }
        let facts = event.facts();
        let is_change = is_change(&facts, classify(&facts));
        // Many read a bucket: that makes them no party to it. Who changes it or tries to is one; who is named, or calls from what is named, whatever he calls.
        let is_by_resource = !filters.arn.is_empty() && filters.actor.is_empty() && filters.ip.is_empty() && filters.key.is_empty();
        if is_by_resource && !is_write(&facts) {
            return;
        }
        let was_refused = if is_write(&facts) && !is_change { ", which was not carried out" } else { "" };
        let what = format!("{}{was_refused}", event.event_name.unwrap_or("a call"));
        let tie = Tie { time: event.event_time, reference, what };
        let actor = actors.of(event);
        if is_somebody(&actor.origin) {
            keep(&mut self.origins, actor.origin.who(event.recipient_account_id), &tie);
        }
        // A service that acted for whom the answer is about: the call that had it act may lie before the window.
        if let ([mover], false) = (actor.set_in_motion_by.as_slice(), filters.actor.is_empty())
            && mover.part == MotionPart::SetInMotion
        {
            keep(&mut self.origins, mover.actor.who(event.recipient_account_id), &tie);
        }
        for trace in traces(event.user_identity_principal_id, event.user_identity_access_key_id, event.source_ip_address) {
            keep(&mut self.traces, trace, &tie);
        }
        if is_change {
            things.into_iter().filter(|t| t.part == Part::Target).for_each(|t| keep(touched, t.arn, &tie));
        }
    }

    fn relation(&self, item: &Item) -> Relation {
        let resource = item.resource().map(str::to_owned);
        let related = |rank, why: String, mut refs: Vec<String>| {
            // One call may say two things.
            let mut cited = BTreeSet::new();
            refs.retain(|reference| cited.insert(reference.clone()));
            Relation { rank, why, resource: resource.clone(), refs }
        };
        let cited = item.refs.iter().chain(item.twins.iter().map(|t| &t.reference)).chain(item.updated_by.iter().map(|u| &u.reference));
        if let Some(how) = cited.into_iter().find_map(|reference| self.direct.get(reference)) {
            return related(Rank::Direct, how.clone(), Vec::new());
        }
        if let Some(tie) = self.origins.get(&item.actor.origin.who(item.account.as_deref())) {
            let why = format!("{} made {}", item.actor.origin.name, tie.what);
            return related(Rank::SameLineage, why, vec![tie.reference.clone()]);
        }
        let mut movers = item.actor.set_in_motion_by.iter().flat_map(Mover::all);
        if let Some((mover, tie)) = movers.find_map(|mover| Some((mover, self.origins.get(&mover.actor.who(item.account.as_deref()))?))) {
            let why = format!("{} {}, who made {}", mover.part.words(), mover.actor.name, tie.what);
            let refs = mover.refs.iter().chain([&tie.reference]).cloned().collect();
            return related(Rank::SameLineage, why, refs);
        }
        let parts = item.resources.iter().filter(|t| t.part != Part::Mentioned);
        if let Some((why, refs)) = parts.into_iter().find_map(|t| self.neighbourhood.reason(&t.arn)) {
            return related(Rank::SameNeighbourhood, why, refs);
        }
        let principal = &item.principal;
        let known = traces(principal.principal_id.as_deref(), principal.access_key_id.as_deref(), item.source_ip_address.as_deref());
        if let Some((trace, tie)) = known.into_iter().find_map(|trace| self.traces.get_key_value(&trace)) {
            return related(Rank::SameSessionOrAddress, format!("{trace}, as {}", tie.what), vec![tie.reference.clone()]);
        }
        related(Rank::SameWindow, "nothing but the time".to_owned(), Vec::new())
    }
}

/// In which way an event touches what was named.
fn how(event: &Event<'_>, things: &[Touched], filters: &Filters) -> String {
    let wanted: Vec<Wanted> = filters.arn.iter().map(|typed| Wanted::read(typed)).collect();
    if let Some(thing) = things.iter().find(|t| wanted.iter().any(|w| w.fits(&t.arn))) {
        return format!("{} {} ({})", thing.part.as_str(), thing.arn, thing.path);
    }
    if !filters.arn.is_empty() {
        return format!("names {}", filters.arn.join(" or "));
    }
    let ways = [("by", &filters.actor), ("with the key", &filters.key)];
    let mut words: Vec<String> = ways.iter().filter(|(_, v)| !v.is_empty()).map(|(word, v)| format!("{word} {}", v.join(" or "))).collect();
    words.extend(event.source_ip_address.filter(|_| !filters.ip.is_empty()).map(|ip| format!("from {ip}")));
    words.join(", ")
}

/// Whether an origin is one that two events can share: services act for everybody, and what is unknown is nobody.
fn is_somebody(origin: &Origin) -> bool {
    !matches!(origin.kind, OriginKind::Service)
        && (origin.kind != OriginKind::Unknown || origin.principal_id.is_some() || origin.arn.is_some())
}

/// What two events of different actors may have in common. A service's name in place of an address is none.
fn traces(principal_id: Option<&str>, key: Option<&str>, address: Option<&str>) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(principal_id.filter(|id| id.contains(':')).map(|id| format!("in the session {id}")));
    all.extend(key.map(|key| format!("with the key {key}")));
    all.extend(address.filter(|a| a.parse::<std::net::IpAddr>().is_ok()).map(|a| format!("from {a}")));
    all
}

/// Keeps the earliest event; of one instant that with the lowest citation.
fn keep<K: Ord>(known: &mut BTreeMap<K, Tie>, key: K, tie: &Tie) {
    let order = |tie: &Tie| (tie.time.is_none(), tie.time, tie.reference.clone());
    match known.get_mut(&key) {
        Some(first) if order(first) <= order(tie) => {}
        Some(first) => *first = tie.clone(),
        None => _ = known.insert(key, tie.clone()),
    }
}
