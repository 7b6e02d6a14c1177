//! What is traced, read from the store: credentials by who used them and which calls issued them, an event by itself.

use std::collections::BTreeSet;

use backtrail_model::issuance::{CONSOLE_LOGIN, GET_SIGNIN_TOKEN, is_sign_in};
use backtrail_model::words::counted;
use datafusion::logical_expr::{col, lit};
use hashbrown::HashSet;

use super::tree::{self, AtHand, Down, MOST_NODES, Top};
use super::{Seen, Subject, Traced, Upward};
use crate::coverage::{NotSeen, NotSeenKind};
use crate::error::TimelineError;
use crate::event::Events;
use crate::lineage::{Actors, Holder, Issued, Lineage, Setting, holders, without_path};
use crate::source::Source;

/// Principals traced upwards at most: a console session signs with many keys.
const MOST_HOLDERS: usize = 20;
/// Sessions of a role that are named.
const MOST_SESSIONS: usize = 5;

/// A key, or whatever an ARN names: what was done with it, by whom it was issued, and what descends from both.
pub(super) async fn of_credentials(source: &Source, subject: &Subject) -> Result<Traced, TimelineError> {
    let found = match subject.key() {
        Some(key) => source.of_key(key, subject.used()).await?,
        None => source.found(None, Some(subject.used()), false).await?,
    };
    let users = in_order(holders(source, &found).await?);
    let issued = issued_as(source, subject, users.is_empty()).await?;
    let actors = Actors::around(source, users.iter().map(|(holder, _)| holder.clone()).collect(), issued, MOST_NODES).await?;
    let own = own(actors.lineage(), subject);
    let sign_ins = sign_ins(actors.lineage(), subject);
    let (up, not_seen) = ways_up(&actors, &users, &own);
    // Whatever was done with a key is below it.
    let at_hand = subject.key().map(|key| AtHand { found: &found, key });
    let top = Top::Credentials { users: &users, own: &own, sign_ins: &sign_ins, at_hand };
    let down = tree::below(source, actors.lineage(), top).await?;
    Ok(Traced { up, down, times: Vec::new(), not_seen })
}

/// An event: the ways up as every other answer tells them, and down what the call itself issued and set in motion. What else its caller did is
/// not its doing.
pub(super) async fn of_event(source: &Source, subject: &Subject) -> Result<Traced, TimelineError> {
    let found = source.found(None, Some(subject.used()), true).await?;
    let actors = Actors::behind(source, None, &found).await?;
    let mut traced = Traced::default();
    let (mut issues, mut settings) = (false, Vec::new());
    let mut take = |events: &Events<'_>| {
        for event in events.iter() {
            traced.times.extend(event.event_time);
            issues |= Issued::of(&event).is_some();
            settings.extend(Setting::of(&event));
            let one = Upward::of_event(&actors, &event);
            // Two records of one id may be of the same caller.
            if traced.up.len() < MOST_HOLDERS && !traced.up.contains(&one) {
                traced.up.push(one);
            }
        }
        Ok(())
    };
    found.in_order(source, &mut take).await?;
    if issues || !settings.is_empty() {
        traced.down = of_calls(source, subject, issues, settings).await?;
    }
    Ok(traced)
}

/// A role that nothing was made with has sessions that may be meant: an error that names some of them, where there are any in evidence.
pub(super) async fn name_sessions(source: &Source, role: &str) -> Result<(), TimelineError> {
    let found = source.found(None, Some(col("session_issuer_arn").eq(lit(role.to_owned()))), false).await?;
    let users = holders(source, &found).await?;
    let sessions: BTreeSet<String> = users.into_iter().filter_map(|(holder, _)| holder.principal.arn).collect();
    if sessions.is_empty() {
        return Ok(());
    }
    let mut told: Vec<String> = sessions.iter().take(MOST_SESSIONS).cloned().collect();
    let rest = sessions.len().saturating_sub(told.len()) as u64;
    told.extend((rest > 0).then(|| format!("and {rest} more")));
    Err(TimelineError::Role { role: role.to_owned(), sessions: told.join(", ") })
}

/// What descends from the calls that are asked for.
async fn of_calls(source: &Source, subject: &Subject, issues: bool, settings: Vec<Setting>) -> Result<Down, TimelineError> {
    let issued = if issues { issued_as(source, subject, true).await? } else { Vec::new() };
    let actors = Actors::around(source, Vec::new(), issued, MOST_NODES).await?;
    let own = own(actors.lineage(), subject);
    tree::below(source, actors.lineage(), Top::Call { own: &own, settings }).await
}

/// The calls that issued what was asked for, or are it. Of a key that was used they are among those that lead up from its uses.
async fn issued_as(source: &Source, subject: &Subject, is_unused: bool) -> Result<Vec<Issued>, TimelineError> {
    match subject {
        Subject::Key(key) if is_unused => Lineage::that_issued(source, "issued_access_key_id", key).await,
        Subject::Key(_) => Ok(Vec::new()),
        // Calls that name a user do not say its path.
        Subject::Arn(arn) => Lineage::that_issued(source, "issued_arn", &without_path(arn)).await,
        Subject::Event(id) => {
            let mut issued = Lineage::that_issued(source, "event_id", id).await?;
            // Other accounts' records of the same call.
            let keys: HashSet<String> = issued.iter().filter_map(|one| one.what.access_key_id.clone()).collect();
            for key in keys {
                issued.extend(Lineage::that_issued(source, "issued_access_key_id", &key).await?);
            }
            Ok(issued)
        }
    }
}

/// The calls that issued what is asked for, or are it.
fn own(lineage: &Lineage, subject: &Subject) -> Vec<usize> {
    let fits = |one: &Issued| match subject {
        Subject::Key(key) => !one.hands_on_its_own() && one.what.access_key_id.as_ref() == Some(key),
        // A sign-in is an act of whom it names, and so is asking for a token to sign in with.
        Subject::Arn(arn) => !matches!(one.what.method, CONSOLE_LOGIN | GET_SIGNIN_TOKEN) && is_for(one, arn),
        Subject::Event(id) => one.refs.contains(id),
    };
    issued_where(lineage, fits)
}

/// The sign-ins of whom an ARN names: acts of theirs, from which roles were switched to.
fn sign_ins(lineage: &Lineage, subject: &Subject) -> Vec<usize> {
    let Subject::Arn(arn) = subject else { return Vec::new() };
    issued_where(lineage, |one| one.what.method == CONSOLE_LOGIN && is_for(one, arn))
}

fn is_for(one: &Issued, arn: &str) -> bool {
    one.what.arn.as_deref().map(without_path) == Some(without_path(arn))
}

fn issued_where(lineage: &Lineage, fits: impl Fn(&Issued) -> bool) -> Vec<usize> {
    lineage.issued().iter().enumerate().filter(|(_, one)| fits(one)).map(|(at, _)| at).collect()
}

/// The ways up from all who used it, and then from what was issued and not used, as far as evidence shows.
fn ways_up(actors: &Actors, users: &[Seen], own: &[usize]) -> (Vec<Upward>, Vec<NotSeen>) {
    let lineage = actors.lineage();
    let used: HashSet<usize> = users.iter().flat_map(|(holder, at)| lineage.parents(holder, *at)).map(|link| link.index).collect();
    let is_unused = |at: &&usize| !used.contains(*at) && lineage.issued().get(**at).is_some_and(|one| !is_sign_in(one.what.method));
    let unused: Vec<usize> = own.iter().filter(is_unused).copied().collect();
    let mut up: Vec<Upward> = Vec::new();
    // Of a sign-in the call says more than its holder: whose switch of roles it was.
    let call_of = |holder: &Holder, at: Option<i64>| {
        let is_it =
            |one: &&Issued| holder.signs_in && is_sign_in(one.what.method) && one.time == at && one.holder.principal == holder.principal;
        own.iter().filter_map(|at| lineage.issued().get(*at)).find(is_it)
    };
    let of_user =
        |(holder, at): &Seen| call_of(holder, *at).map_or_else(|| Upward::of(actors, holder, *at), |one| Upward::of_call(actors, one));
    let by_users = users.iter().map(|seen| Some(of_user(seen)));
    for one in by_users.chain(unused.iter().map(|at| Upward::of_issued(actors, *at))).take(MOST_HOLDERS).flatten() {
        if !up.contains(&one) {
            up.push(one);
        }
    }
    let rest: HashSet<_> = users.iter().skip(MOST_HOLDERS).map(|(holder, _)| (&holder.principal, holder.created)).collect();
    let untold = rest.len() + unused.len().saturating_sub(MOST_HOLDERS.saturating_sub(users.len()));
    (up, (untold > 0).then(|| untold_up(untold)).into_iter().collect())
}

fn untold_up(count: usize) -> NotSeen {
    let text = format!("The ways up from {} of the same credentials are not told: {MOST_HOLDERS} are.", counted(count as u64, "more set"));
    NotSeen { kind: NotSeenKind::NotFollowed, text, refs: Vec::new() }
}

fn in_order(mut holders: Vec<Seen>) -> Vec<Seen> {
    holders.sort_by(|a, b| (a.1.is_none(), a.1, &a.0.principal, a.0.created).cmp(&(b.1.is_none(), b.1, &b.0.principal, b.0.created)));
    holders
}
