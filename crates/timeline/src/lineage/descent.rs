//! What `--actor` reaches: whoever is named did also what was done with the credentials they had issued, and with those issued with these.
//!
//! A name stands in the records of one session. What its holder did in the next, under a role's name or with a key made for somebody else, is
//! found by going down from the calls that issued credentials, by the same rules that lead an event up to its actor. What CloudFormation did
//! because a stack was to be built is part of it; what a function or an instance does is its own doing, whoever set it up.

use std::collections::BTreeSet;
use std::sync::Arc;

use backtrail_model::calls::STACK_CALLS;
use backtrail_model::issuance::LASTING;
use backtrail_model::tables::{EVENT_DATE, UNKNOWN_DATE};
use backtrail_model::time::{MICROS_PER_DAY, format_date};
use backtrail_model::window::Window;
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::{HashMap, HashSet};

use super::motion::is_of_stacks;
use super::read::{HOLDER_COLUMNS, MOMENTS, above, below, lineage_of, made_by};
use super::wanted::{Caller, USED, Wanted};
use crate::error::TimelineError;
use crate::event::Event;
use crate::lineage::issued::is_one;
use crate::lineage::{Issued, Lineage, Link, Part, Sessions, SetOff, Setting};
use crate::principal::PrincipalKind;
use crate::source::{Source, instant, one_of};

/// Calls followed at most: a pipeline opens thousands of sessions a day.
pub(crate) const MOST: usize = 50_000;

/// Sessions last 36 hours at most (STS API reference, GetFederationToken and GetSessionToken), those that a session opens 12 and chained roles one:
/// a session of the window descends from nothing older than this but lasting keys and passwords.
const SESSIONS_LAST: i64 = 4 * MICROS_PER_DAY;

/// The users of Identity Center by whose portal calls a call descends; `None` where it descends by others. Which of several users' portal calls
/// opened a session is told by any record below that says on whose behalf it was made.
type Users = HashSet<Option<String>>;

/// What descends from those named.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Descent {
    /// All of it.
    Followed(Box<Followed>),
    /// It is too much to be followed: events are told by the names in them alone.
    TooMuch,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    lineage: Lineage,
    /// The calls that those named made, and those that descend from these, by their place in the lineage.
    members: HashMap<usize, Users>,
    /// Unique ids of those named: other accounts' records name them by nothing else.
    ids: HashSet<String>,
    /// Users among them: their ids are theirs for ever.
    users: HashSet<String>,
    /// `sharedEventID`s of their calls, with the unique id of the caller as the own record has it: another account's record of one, which names the
    /// caller by nothing else, is theirs, too.
    shared: HashMap<String, Option<String>>,
    /// Of sessions in which stacks of others may have been built as well, by the citation of the call that issued them: the stacks that are theirs.
    stacks: HashMap<String, BTreeSet<String>>,
}

impl Descent {
    /// Of all callers that a condition lets through and a rule tells to be meant.
    pub(crate) async fn of(
        source: &Source,
        condition: Expr,
        is_meant: &(dyn Fn(&Event<'_>) -> bool + Sync),
        window: Option<&Window>,
    ) -> Result<Self, TimelineError> {
        let (span, by_name) = (window.map(in_reach), condition.clone());
        let condition = span.clone().into_iter().fold(condition, Expr::and);
        let Some(seeds) = made_by(source, condition, is_meant, MOST).await? else { return Ok(Self::TooMuch) };
        let made = below(source, seeds.iter().map(Caller::issued), span.as_ref(), MOST).await?;
        if seeds.len() + made.len() >= MOST {
            return Ok(Self::TooMuch);
        }
        let mut named: HashSet<String> = seeds.iter().flat_map(|one| &one.refs).cloned().collect();
        let principals = || seeds.iter().map(|one| &one.holder.principal);
        let ids = principals().filter_map(|principal| principal.principal_id.clone()).collect();
        let users = principals().filter(|p| p.kind == PrincipalKind::IamUser).filter_map(|user| user.principal_id.clone()).collect();
        let own = |one: &Issued| Some((one.shared_event_id.clone()?, one.holder.principal.principal_id.clone()));
        let shared = seeds.iter().filter_map(own).collect();
        let mut all: Vec<Issued> = seeds.into_iter().chain(made).collect();
        // All that may have issued the same: of calls that fit equally well none is left out, and a surer one counts alone.
        let holders = all.iter().map(|one| one.holder.clone()).collect();
        all.extend(above(source, holders, window).await?);
        let lineage = lineage_of(source, all);
        let members = members(&lineage, &named);
        let mut followed = Followed { lineage, members, ids, users, shared, stacks: HashMap::new() };
        let is_whole = followed.add_stacks(source, &mut named, is_meant, window).await?;
        if !is_whole {
            return Ok(Self::TooMuch);
        }
        let mut all = Self::Followed(Box::new(followed));
        all.add_shared(source, by_name, is_meant, window).await?;
        Ok(all)
    }

    /// Adds the calls of theirs that other accounts recorded as well.
    async fn add_shared(
        &mut self,
        source: &Source,
        by_name: Expr,
        is_meant: &(dyn Fn(&Event<'_>) -> bool + Sync),
        window: Option<&Window>,
    ) -> Result<(), TimelineError> {
        // Clocks differ: the own record may lie just outside.
        let about = window.and_then(|w| Window::between(w.from().saturating_sub(MOMENTS), w.to().saturating_add(MOMENTS)).ok());
        let theirs = self.condition().into_iter().fold(by_name, Expr::or);
        let is_recorded_twice = col("shared_event_id").is_not_null().and(col("user_identity_type").not_eq(lit("AWSAccount")));
        let mut shared: HashMap<String, Option<String>> = HashMap::new();
        let mut take = |event: &Event<'_>| {
            let id = event.shared_event_id.filter(|_| shared.len() < MOST && (is_meant(event) || self.holds(event)));
            shared.extend(id.map(|id| (id.to_owned(), event.user_identity_principal_id.map(str::to_owned))));
            Ok(())
        };
        let columns: Vec<&str> = HOLDER_COLUMNS.iter().copied().chain(["event_id", "evidence_id"]).collect();
        source.in_any_order(about.as_ref().or(window), Some(is_recorded_twice.and(theirs)), &columns, &mut take).await?;
        if let Self::Followed(followed) = self {
            followed.shared.extend(shared);
        }
        Ok(())
    }

    /// A condition that every event fulfils that was made with what descends.
    pub(crate) fn condition(&self) -> Option<Expr> {
        let Self::Followed(followed) = self else { return None };
        let mut wanted = Wanted::of_issued(followed.calls());
        followed.ids.iter().for_each(|id| wanted.add_session(id, None));
        // Identity Center's assertions bear neither the portal's session nor the one that they open.
        let asserted: Vec<&String> = followed.calls().filter(|one| one.what.by_identity_center).flat_map(|one| &one.refs).collect();
        let shared = one_of("shared_event_id", followed.shared.keys());
        [Arc::new(wanted).condition(USED), one_of("event_id", asserted), shared].into_iter().flatten().reduce(Expr::or)
    }

    /// Whether an event was made with it.
    pub(crate) fn holds(&self, event: &Event<'_>) -> bool {
        let Self::Followed(followed) = self else { return false };
        let is_user = || event.user_identity_principal_id.is_some_and(|id| followed.users.contains(id));
        let is_caller = |own: &Option<String>| event.user_identity_principal_id.is_none_or(|id| own.as_deref() == Some(id));
        let is_theirs = || is_user() || event.shared_event_id.and_then(|id| followed.shared.get(id)).is_some_and(is_caller);
        let stacks = |link: &Link<'_>| link.issued.refs.first().and_then(|reference| followed.stacks.get(reference));
        let acting = event.user_identity_on_behalf_of_user_id.filter(|user| !user.is_empty());
        let is_theirs_by = |link: &Link<'_>| followed.has(link, acting) && is_of_stacks(event, stacks(link));
        (event.user_identity_type == Some("AWSAccount") && is_theirs()) || followed.lineage.behind(event).iter().any(is_theirs_by)
    }
}

impl Followed {
    /// The calls that those named made, and those that descend from these.
    fn calls(&self) -> impl Iterator<Item = &Issued> {
        self.members.keys().map(|at| &self.lineage.issued()[*at])
    }

    /// Whether a call is among them for somebody who acts on this user's behalf, or on nobody's.
    fn has(&self, link: &Link<'_>, acting: Option<&str>) -> bool {
        self.members.get(&link.index).is_some_and(|users| users.iter().any(|user| is_one(user.as_deref(), acting)))
    }

    /// Adds what CloudFormation did because of their calls, and what that set in motion in turn; false where it is too much.
    async fn add_stacks(
        &mut self,
        source: &Source,
        named: &mut HashSet<String>,
        is_meant: &(dyn Fn(&Event<'_>) -> bool + Sync),
        window: Option<&Window>,
    ) -> Result<bool, TimelineError> {
        let span = window.and_then(|w| Window::between(w.from().saturating_sub(SESSIONS_LAST), w.to().saturating_add(MICROS_PER_DAY)).ok());
        let mut waiting: Vec<(Setting, bool)> = Vec::new();
        let mut take = |event: &Event<'_>| {
            waiting.extend(Setting::of(event).map(|setting| (setting, is_meant(event))));
            Ok(())
        };
        source.called(span.as_ref(), STACK_CALLS, &mut take).await?;
        loop {
            let is_theirs = |(setting, is_named): &(Setting, bool)| {
                let behind = || self.lineage.parents(&setting.holder, setting.time);
                let acting = setting.holder.principal.on_behalf_of.as_deref();
                *is_named || behind().iter().any(|link| self.has(link, acting))
            };
            let (theirs, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_theirs);
            waiting = others;
            let theirs: Vec<Setting> = theirs.into_iter().map(|(setting, _)| setting).collect();
            match SetOff::by(source, &theirs, span.as_ref(), |part| part == Part::SetInMotion, MOST).await? {
                SetOff::Nothing => return Ok(true),
                SetOff::TooMuch => return Ok(false),
                SetOff::Sessions(sessions) => self.add(source, *sessions, named),
            }
        }
    }

    fn add(&mut self, source: &Source, more: Sessions, named: &mut HashSet<String>) {
        named.extend(more.sessions.keys().cloned());
        self.stacks.extend(more.sessions.into_iter().filter_map(|(reference, session)| Some((reference, session.stacks?))));
        let known = std::mem::take(&mut self.lineage).into_issued();
        self.lineage = lineage_of(source, known.into_iter().chain(more.lineage.into_issued()).collect());
        self.members = members(&self.lineage, named);
    }
}

/// The calls of those named, and all below.
fn members(lineage: &Lineage, named: &HashSet<String>) -> HashMap<usize, Users> {
    let children = lineage.children();
    let is_named = |one: &Issued| one.refs.iter().any(|reference| named.contains(reference));
    let all = lineage.issued().iter().enumerate();
    let mut ahead: Vec<(usize, Option<String>)> =
        all.filter(|(_, one)| is_named(one)).map(|(at, one)| (at, one.asked_for().map(str::to_owned))).collect();
    let mut members: HashMap<usize, Users> = HashMap::new();
    while let Some((at, user)) = ahead.pop() {
        if !members.entry(at).or_default().insert(user.clone()) {
            continue;
        }
        for (child, ..) in children.get(&at).into_iter().flatten() {
            let acting = lineage.issued()[*child].holder.principal.on_behalf_of.as_deref();
            if is_one(user.as_deref(), acting) {
                ahead.push((*child, user.clone()));
            }
        }
    }
    members
}

/// The calls whose credentials can have been used in a window. A pipeline may have lost a call's own time.
fn in_reach(window: &Window) -> Expr {
    let (from, to) = (window.from().saturating_sub(SESSIONS_LAST), window.to().saturating_add(MICROS_PER_DAY));
    let recent = col("event_time").gt_eq(instant(from)).and(col(EVENT_DATE).gt_eq(lit(format_date(from))));
    let undated = col(EVENT_DATE).eq(lit(UNKNOWN_DATE));
    let reaching = one_of("method", LASTING).into_iter().fold(recent.or(undated), Expr::or);
    reaching.and(col("event_time").lt(instant(to)).or(col("event_time").is_null()))
}
