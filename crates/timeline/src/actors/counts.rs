//! What is counted of one actor while the window is read, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use backtrail_model::calls::{is_sensitive, is_write, issues_credentials};
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::redact::redact_text;
use backtrail_model::time::format_instant;
use hashbrown::{HashMap, HashSet};

use super::marks::{Mark, MarkKind, burst_marks, told};
use super::past::{Aspect, Lasting, Past, PastOf, role_of, write_call};
use super::workloads::OwnCalls;
use super::{Counted, InStore, MfaCounts, Present, Values};
use crate::coverage::ToldByFiles;
use crate::ends::{Ends, Met, earlier};
use crate::event::Event;
use crate::interfaces::Tenures;
use crate::lineage::{Attribution, Missing, Origin, OriginKind};
use crate::novelty::{Before, Compared, Newness, judge};
use crate::principal::Principal;
use crate::question::canonical_address;

/// Values listed of each kind; how many there are in all is told beside them.
pub(super) const LISTED: usize = 20;

/// What is missing above its principals, named for an actor at most.
const MISSING: usize = 5;

/// Events with a value, the first of them, and the first of those that count for a mark.
#[derive(Debug, Default)]
struct Seen {
    events: u64,
    first: Option<Met>,
    marked: Option<First>,
}

/// The first event with something, and the account that recorded it.
#[derive(Debug)]
struct First {
    met: Met,
    account: String,
}

/// Keeps the earlier event.
fn keep_first(first: &mut Option<First>, event: &Event<'_>) {
    if let Some(met) = earlier(first.as_ref().map(|first| &first.met), event.event_time, || event.citation()) {
        *first = Some(First { met, account: event.recipient_account_id.unwrap_or_default().to_owned() });
    }
}

/// Values with what was seen of each.
type Tally = HashMap<String, Seen>;

/// Counts a value; `marks` says whether the event counts for a mark.
fn tick(tally: &mut Tally, value: Option<&str>, event: &Event<'_>, marks: bool) {
    let Some(value) = value.filter(|v| !v.is_empty()) else { return };
    let seen = match tally.get_mut(value) {
        Some(seen) => seen,
        None => tally.entry(value.to_owned()).or_default(),
    };
    seen.events += 1;
    if let Some(met) = earlier(seen.first.as_ref(), event.event_time, || event.citation()) {
        seen.first = Some(met);
    }
    if marks {
        keep_first(&mut seen.marked, event);
    }
}

/// One actor, while the window is read.
#[derive(Default)]
pub(super) struct Counts {
    actor: Option<Origin>,
    principals: Tally,
    missing: BTreeSet<Missing>,
    /// The attribution met last.
    attributed: Option<Arc<Attribution>>,
    /// What lasts of it; `below` where no event names what its chain begins with.
    lasting: BTreeSet<Lasting>,
    below: BTreeSet<Lasting>,
    /// Its first event in an account of which there is evidence before the window.
    comparable: Option<First>,
    ends: Ends,
    events: u64,
    outcomes: BTreeMap<&'static str, u64>,
    changes: u64,
    attempts: u64,
    sessions_issued: u64,
    mfa: MfaCounts,
    from_console: u64,
    denied: Vec<Met>,
    /// Calls that other accounts may have recorded as well.
    shared: HashSet<String>,
    addresses: Tally,
    own_calls: OwnCalls,
    user_agents: Tally,
    accounts: Tally,
    regions: Tally,
    keys: Tally,
    /// Roles by unique id, and the ARN of each.
    roles: Tally,
    role_arns: BTreeMap<String, String>,
    source_identities: Tally,
    invoked_by: Tally,
    calls: Tally,
    notable: Tally,
    sensitive: Tally,
}

impl Counts {
    /// Takes an event. Where it is told with another of the same action, it is an event and no action of its own.
    pub(super) fn take(
        &mut self,
        event: &Event<'_>,
        (actor, mfa): (&Arc<Attribution>, Option<bool>),
        is_folded: bool,
        (before, own): (Option<&Before>, &Tenures),
    ) {
        let facts = event.facts();
        let outcome = classify(&facts);
        let issues = issues_credentials(event.event_source.unwrap_or_default(), event.event_name.unwrap_or_default());
        // Two accounts' records of one call are one action.
        let counts = is_write(&facts) || issues || outcome == Outcome::Denied;
        let is_folded = is_folded || (counts && self.is_recorded_again(event));
        let writes = is_write(&facts) && !is_folded;
        self.events += 1;
        *self.outcomes.entry(outcome.as_str()).or_default() += 1;
        self.changes += u64::from(writes && outcome == Outcome::Ok);
        self.attempts += u64::from(writes && !matches!(outcome, Outcome::Ok | Outcome::Unknown));
        self.sessions_issued += u64::from(issues && outcome == Outcome::Ok && !is_folded);
        match mfa {
            Some(true) => self.mfa.with += 1,
            Some(false) => self.mfa.without += 1,
            None => self.mfa.unknown += 1,
        }
        self.from_console += u64::from(event.session_credential_from_console == Some(true));
        if outcome == Outcome::Denied && !is_folded {
            self.denied.push((event.event_time, event.citation()));
        }
        // An account without evidence before the window has nothing to compare with.
        let compares = before.is_some_and(|b| b.of(event.recipient_account_id).is_some());
        if compares {
            keep_first(&mut self.comparable, event);
        }
        self.values(event, actor, compares);
        self.own_calls.take(event, own);
        let mut call = String::with_capacity(64);
        write_call(event.event_source, event.event_name, &mut call);
        let sensitive = is_sensitive(&facts);
        if outcome == Outcome::Denied || sensitive {
            tick(&mut self.notable, Some(&call), event, false);
        }
        if sensitive {
            tick(&mut self.sensitive, Some(&call), event, true);
        }
        tick(&mut self.calls, Some(&call), event, compares);
        self.attribute(event, actor);
        self.settle(event, actor);
    }

    /// Whether another account's record of the same call was counted.
    fn is_recorded_again(&mut self, event: &Event<'_>) -> bool {
        let Some(shared) = event.shared_event_id else { return false };
        let call = format!("{shared} {} {:?}", event.event_name.unwrap_or_default(), event.event_time);
        !self.shared.insert(call)
    }

    /// From where, with what, as whom.
    fn values(&mut self, event: &Event<'_>, actor: &Attribution, compares: bool) {
        let address = event.source_ip_address.map(canonical_address);
        tick(&mut self.addresses, address.as_deref(), event, compares);
        // Where a service calls for somebody, its name stands in place of both address and agent: nobody's choice, and no agent.
        let is_agent = event.user_agent != event.source_ip_address;
        tick(&mut self.user_agents, event.user_agent, event, compares && is_agent);
        tick(&mut self.accounts, event.recipient_account_id, event, false);
        tick(&mut self.regions, event.aws_region, event, compares);
        tick(&mut self.keys, event.user_identity_access_key_id, event, compares);
        tick(&mut self.invoked_by, event.user_identity_invoked_by.filter(|_| actor.origin.kind != OriginKind::Service), event, false);
        tick(&mut self.source_identities, actor.origin.source_identity.as_deref(), event, false);
        let role = event.user_identity_principal_id.and_then(role_of);
        tick(&mut self.roles, role, event, compares);
        if let Some((role, arn)) = role.zip(event.session_issuer_arn.or(event.user_identity_arn)) {
            match self.role_arns.get_mut(role) {
                Some(old) if old.as_str() <= arn => {}
                Some(old) => arn.clone_into(old),
                None => _ = self.role_arns.insert(role.to_owned(), arn.to_owned()),
            }
        }
        match event.user_identity_arn.or(event.user_identity_principal_id).filter(|t| !t.is_empty()) {
            Some(principal) => tick(&mut self.principals, Some(principal), event, false),
            None => tick(&mut self.principals, Some(&Principal::of(event).name), event, false),
        }
    }

    /// What its chain says: not again for every event of a session, for an actor may have thousands, and many events in each.
    fn attribute(&mut self, event: &Event<'_>, actor: &Arc<Attribution>) {
        if self.attributed.as_ref().is_some_and(|last| Arc::ptr_eq(last, actor)) {
            return;
        }
        self.attributed = Some(Arc::clone(actor));
        self.missing.extend(actor.missing.clone());
        if self.missing.len() > MISSING {
            self.missing.pop_last();
        }
        match Lasting::of(event, actor) {
            Some((lasting, true)) => _ = self.lasting.insert(lasting),
            Some((lasting, false)) => _ = self.below.insert(lasting),
            None => {}
        }
    }

    /// First and last by time and citation; the actor is described as its fullest event has it, so that order does not matter.
    fn settle(&mut self, event: &Event<'_>, actor: &Attribution) {
        self.ends.take_at(event.event_time, || event.citation());
        // A kind that some event proves counts; among equals the fuller description.
        let said = |w: &Origin| (w.kind != OriginKind::Unknown, usize::from(w.arn.is_some()) + usize::from(w.source_identity.is_some()));
        let who = &actor.origin;
        if self.actor.as_ref().is_none_or(|old| (said(who), who) > (said(old), old)) {
            self.actor = Some(who.clone());
        }
    }

    fn who(&self) -> &BTreeSet<Lasting> {
        if self.lasting.is_empty() { &self.below } else { &self.lasting }
    }

    /// What is compared, with the mark it may get.
    fn aspects(&self) -> [(Aspect, MarkKind, &Tally); 6] {
        [
            (Aspect::Key, MarkKind::NewKey, &self.keys),
            (Aspect::Role, MarkKind::NewRole, &self.roles),
            (Aspect::Address, MarkKind::NewAddress, &self.addresses),
            (Aspect::Region, MarkKind::NewRegion, &self.regions),
            (Aspect::Call, MarkKind::NewCall, &self.calls),
            (Aspect::UserAgent, MarkKind::NewUserAgent, &self.user_agents),
        ]
    }

    /// Asks the past for what may be new.
    pub(super) fn ask(&self, past: &mut Past) {
        let values = self.aspects().into_iter().flat_map(|(aspect, _, tally)| {
            tally
                .iter()
                .filter(move |(value, seen)| seen.marked.is_some() && is_compared(aspect, value))
                .map(move |(v, _)| (aspect, v.as_str()))
        });
        past.ask(self.who(), values);
    }

    /// Everything marked.
    fn marks(&mut self, before: Option<&Before>, past: &PastOf<'_>) -> Vec<Mark> {
        let mut marks: Vec<Mark> = burst_marks(std::mem::take(&mut self.denied)).collect();
        for (call, seen) in &self.sensitive {
            if let Some(first) = &seen.marked {
                let text = "a call that gives power away, opens doors, blinds logs, reads secrets or destroys".to_owned();
                marks.push(Mark::new(MarkKind::SensitiveCall, call.clone(), seen.events, &first.met, text));
            }
        }
        if let (Some(before), false) = (before, self.who().is_empty()) {
            self.add_new(before, past, &mut marks);
        }
        marks
    }

    /// What is new: see [`judge`].
    fn add_new(&self, before: &Before, past: &PastOf<'_>, marks: &mut Vec<Mark>) {
        let held = |first: &First| {
            let words = before.of(Some(&first.account)).map(|r| r.words()).unwrap_or_default();
            format!("not seen in the {words} of account {} before the window", first.account)
        };
        if let Some(first) =
            self.comparable.as_ref().filter(|f| judge(before.of(Some(&f.account)), past.was_met(), false) == Newness::NewSubject)
        {
            let name = self.actor.as_ref().map(|a| a.name.clone()).unwrap_or_default();
            marks.push(Mark::new(MarkKind::NewActor, name, self.events, &first.met, held(first)));
        }
        for (aspect, kind, tally) in self.aspects() {
            for (value, seen) in tally.iter().filter(|(value, _)| is_compared(aspect, value)) {
                let Some(first) = &seen.marked else { continue };
                if judge(before.of(Some(&first.account)), past.was_met(), past.had(aspect, value)) == Newness::New {
                    let value = self.role_arns.get(value).filter(|_| aspect == Aspect::Role).unwrap_or(value);
                    marks.push(Mark::new(kind, redact_text(value).into_owned(), seen.events, &first.met, held(first)));
                }
            }
        }
    }

    /// What the window was held against.
    fn compared(&self, before: Option<&Before>, past: &PastOf<'_>) -> Compared {
        let Some(before) = before else { return Compared::without_window() };
        let mut accounts: BTreeSet<String> = self.accounts.keys().cloned().collect();
        if accounts.is_empty() {
            accounts.insert(String::new());
        }
        Compared::of(before, &accounts, past.was_met(), &past.with())
    }

    pub(super) fn present(
        mut self,
        (before, own): (Option<&Before>, &Tenures),
        past: &Past,
        known: &ToldByFiles,
    ) -> Option<(Option<i64>, Present)> {
        let (first, last) = self.ends.times()?;
        let past = past.of(self.who());
        let (mark_counts, marks) = told(self.marks(before, &past));
        let compared = self.compared(before, &past);
        let outside = past.span();
        let in_store = InStore {
            first_event_time: first.into_iter().chain(outside.map(|(first, _)| first)).min().map(format_instant),
            last_event_time: last.into_iter().chain(outside.map(|(_, last)| last)).max().map(format_instant),
        };
        let present = Present {
            event_time: first.map(format_instant),
            actor: self.actor?,
            principals: values(self.principals),
            missing: self.missing.into_iter().map(|missing| missing.told(known)).collect(),
            last_event_time: last.map(format_instant),
            in_store,
            compared,
            mark_counts,
            marks,
            events: self.events,
            outcomes: self.outcomes,
            changes: self.changes,
            attempts: self.attempts,
            sessions_issued: self.sessions_issued,
            mfa: self.mfa,
            from_console: self.from_console,
            addresses: values(self.addresses),
            source_interfaces: self.own_calls.told(own),
            user_agents: values(self.user_agents),
            accounts: values(self.accounts),
            regions: values(self.regions),
            keys: values(self.keys),
            source_identities: values(self.source_identities),
            invoked_by: values(self.invoked_by),
            calls: values(self.calls),
            notable: values(self.notable),
            refs: self.ends.refs(),
        };
        Some((first, present))
    }
}

/// Whether a value can be new at all: temporary keys are new each time, and a service's name in place of an address is no address.
fn is_compared(aspect: Aspect, value: &str) -> bool {
    match aspect {
        Aspect::Key => value.starts_with("AKIA"),
        Aspect::Address => value.parse::<IpAddr>().is_ok(),
        Aspect::Call | Aspect::Region | Aspect::UserAgent | Aspect::Role => true,
    }
}

fn values(tally: Tally) -> Values {
    let distinct = tally.len() as u64;
    let counted = |(value, seen): (String, Seen)| {
        let reference = seen.first.map(|(_, reference)| reference).unwrap_or_default();
        Counted { value: redact_text(&value).into_owned(), events: seen.events, reference }
    };
    let mut top: Vec<Counted> = tally.into_iter().map(counted).collect();
    top.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    top.truncate(LISTED);
    Values { distinct, top }
}
