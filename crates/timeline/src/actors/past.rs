//! What the store has of the actors of a window outside it: since when they are known, and which of the values they had in the window they had before.
//!
//! An actor is the root of a chain of credentials; sessions come and go below it. So what is sought is what lasts of it ([`Lasting`]): the unique
//! id of a user, of a person's session at Identity Center, or of another account's principal; the role of a workload, whatever its session is named; the name of a
//! service. To it belongs what was done with the keys and in the sessions it was issued before the window, by the calls that `credentials` has, level by level:
//! sessions it opened, and those they opened. Sessions are told by unique id and creation, as the console signs with keys of its own. A session whose issue is not in evidence is compared with sessions of the same role and name; where there are none, with its role: most
//! such names are made anew each time. `sourceIdentity` is not compared: whoever assumes a role may be let to choose it.
//!
//! The look is one pass over few columns, never JSON, and keeps only what answers the question: values of the window that were not met yet.

mod sought;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use backtrail_model::calls::service_of;
use backtrail_model::issuance::is_access_key_id;
use backtrail_model::window::Window;
use backtrail_query::RowGroup;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::logical_expr::{Expr, col};
use hashbrown::{HashMap, HashSet};

use crate::ends::{stretch, widened};
use crate::error::TimelineError;
use crate::event::{Event, Text, times};
use crate::lineage::{Attribution, OriginKind, begun_before, is_reserved, second};
use crate::question::canonical_address;
use crate::source::{Source, instant};
use sought::{BEGUN, Met, NAMES, Names, Seconds, Sought};

const CLOUDTRAIL: &str = "cloudtrail";
const CREDENTIALS: &str = "credentials";
/// Calls held at most: some 250 MB.
const MOST_CALLS: usize = 2_000_000;
/// Levels of sessions below an actor: roles may be chained, and nobody chains so many.
const LEVELS: usize = 8;

/// What lasts of an actor beyond a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Lasting {
    /// Unique id of a principal; its ARN where records have no id.
    Principal(String),
    /// A session whose issue is not in evidence: `AROA…:name`.
    Session(String),
    /// Unique id of a role, in any session.
    Role(String),
    /// A service that acts for itself.
    Service(String),
}

/// `AROA…` of `AROA…:session`.
pub(super) fn role_of(principal_id: &str) -> Option<&str> {
    principal_id.split_once(':').map(|(role, _)| role).filter(|role| role.starts_with("AROA"))
}

/// Whether records name a principal by nothing else.
fn is_arn(id: &str) -> bool {
    id.starts_with("arn:")
}

/// `ec2:RunInstances`, into a text that is used again.
pub(super) fn write_call(source: Option<&str>, name: Option<&str>, call: &mut String) {
    call.clear();
    call.push_str(source.map_or("?", service_of));
    call.push(':');
    call.push_str(name.unwrap_or("?"));
}

impl Lasting {
    /// Of the actor of an event; and whether that is what the chain begins with, rather than a session somewhere below it.
    pub(super) fn of(event: &Event<'_>, actor: &Attribution) -> Option<(Self, bool)> {
        let said = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let own = said(event.user_identity_principal_id).or_else(|| said(event.user_identity_arn));
        let is_top = actor.chain.last().is_none_or(|top| top.issued_to.is_some() && top.issued_to.as_deref() == event.user_identity_arn);
        let origin = &actor.origin;
        if matches!(origin.kind, OriginKind::Workload | OriginKind::Service) {
            let Some(own) = own else { return said(event.user_identity_invoked_by).map(|service| (Self::Service(service), true)) };
            let role = role_of(&own).filter(|_| is_top).map(str::to_owned);
            return Some(role.map_or((Self::Principal(own), is_top), |role| (Self::Role(role), true)));
        }
        // It names the session after its user.
        if event.session_issuer_arn.is_some_and(is_reserved) {
            return own.map(|own| (Self::Principal(own), true));
        }
        match origin.principal_id.clone().or_else(|| origin.arn.clone()) {
            Some(id) if origin.kind == OriginKind::Unknown && role_of(&id).is_some() => Some((Self::Session(id), true)),
            Some(id) => Some((Self::Principal(id), true)),
            None => own.map(|own| (Self::Principal(own), false)),
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aspect {
    Call,
    Region,
    Address,
    UserAgent,
    Role,
    Key,
}

const ASPECTS: usize = 6;

/// One thing that lasts, and what was met of it outside the window.
#[derive(Debug, Clone, Default)]
struct Subject {
    /// Values of the window that were not met before it.
    open: [HashSet<String>; ASPECTS],
    /// Whether an event of it was met before the window.
    was_met: bool,
    /// First and last time outside the window.
    span: Option<(i64, i64)>,
}

impl Subject {
    /// Takes over what was met elsewhere of the same.
    fn join(&mut self, other: &Self) {
        for (open, other) in self.open.iter_mut().zip(&other.open) {
            open.retain(|value| other.contains(value));
        }
        self.was_met |= other.was_met;
        self.span = stretch([self.span, other.span].into_iter().flatten().flat_map(|(first, last)| [first, last]));
    }

    /// A value was met before. Most subjects have soon met all they had in the window.
    fn close<'v>(&mut self, aspect: Aspect, value: impl FnOnce() -> Option<&'v str>) {
        let open = &mut self.open[aspect as usize];
        if open.is_empty() {
            return;
        }
        if let Some(value) = value() {
            open.remove(value);
        }
    }
}

/// What a call issued to somebody who is sought.
struct Issued {
    subject: usize,
    key: Option<String>,
    session: Option<String>,
    /// When the session began; none of what has the id of a user, which is nobody else's at any time.
    begun: Option<Seconds>,
}

/// Calls held to be looked through level by level, rather than read again for each.
#[derive(Debug, Default)]
struct Calls {
    batches: Vec<RecordBatch>,
    rows: usize,
    are_too_many: bool,
}

impl Calls {
    /// Keeps those of a batch that somebody made, so many at most.
    fn keep(&mut self, batch: &RecordBatch, most: usize) -> Result<(), TimelineError> {
        if self.are_too_many {
            return Ok(());
        }
        let names = Names::of(batch, CREDENTIALS)?;
        let is_somebodys: BooleanArray = (0..batch.num_rows()).map(|row| Some(names.id(row).is_some())).collect();
        let kept = filter_record_batch(batch, &is_somebodys).map_err(|e| TimelineError::table(CREDENTIALS)(e.into()))?;
        self.rows += kept.num_rows();
        self.batches.push(kept);
        if self.rows > most {
            *self = Self { are_too_many: true, ..Self::default() };
        }
        Ok(())
    }
}

/// What is sought outside a window, and what was found.
#[derive(Debug, Default)]
pub(super) struct Past {
    subjects: Vec<Subject>,
    known: HashMap<Lasting, usize>,
    sought: Sought,
}

impl Past {
    /// Asks for something that lasts.
    fn seek(&mut self, who: &Lasting) -> usize {
        if let Some(at) = self.known.get(who) {
            return *at;
        }
        let at = self.subjects.len();
        self.subjects.push(Subject::default());
        self.known.insert(who.clone(), at);
        match who {
            Lasting::Principal(id) | Lasting::Session(id) => self.sought.add_id(id.clone(), None, at),
            Lasting::Role(id) => self.sought.add_role(id.clone(), at),
            Lasting::Service(name) => self.sought.add_service(name.clone(), at),
        }
        at
    }

    /// Asks whether what lasts of an actor had these values before.
    pub(super) fn ask<'v>(&mut self, who: &BTreeSet<Lasting>, values: impl Iterator<Item = (Aspect, &'v str)> + Clone) {
        for one in who {
            let mut subjects = vec![self.seek(one)];
            if let Lasting::Session(id) = one {
                subjects.extend(role_of(id).map(|role| self.seek(&Lasting::Role(role.to_owned()))));
            }
            for at in subjects {
                for (aspect, value) in values.clone() {
                    let open = &mut self.subjects[at].open[aspect as usize];
                    if !open.contains(value) {
                        open.insert(value.to_owned());
                    }
                }
            }
        }
    }

    /// Looks at everything outside the window.
    pub(super) async fn read(&mut self, source: &Source, window: &Window) -> Result<(), TimelineError> {
        if self.subjects.is_empty() {
            return Ok(());
        }
        self.descend(source, window).await?;
        let values = ["event_time", "event_source", "event_name", "aws_region", "source_ip_address", "user_agent"];
        let with_keys = self.subjects.iter().any(|s| !s.open[Aspect::Key as usize].is_empty());
        let columns: Vec<&str> = values.into_iter().chain(self.sought.columns(with_keys)).collect();
        match self.sought.condition(CLOUDTRAIL) {
            Some(few) => self.read_few(source, window, few, &columns).await,
            None => self.read_all(source, window, columns).await,
        }
    }

    /// Looks at what fulfils a condition.
    async fn read_few(&mut self, source: &Source, window: &Window, few: Expr, columns: &[&str]) -> Result<(), TimelineError> {
        let outside = col("event_time").lt(instant(window.from())).or(col("event_time").gt_eq(instant(window.to())));
        let frame = source.events(None, [outside, few]).await?;
        let frame = frame.select_columns(columns).map_err(TimelineError::table(CLOUDTRAIL))?;
        let Self { subjects, sought, .. } = self;
        Source::batches(CLOUDTRAIL, frame, &mut |batch| take(subjects, sought, batch, window.from())).await
    }

    /// Looks at all there is, on all threads.
    async fn read_all(&mut self, source: &Source, window: &Window, columns: Vec<&'static str>) -> Result<(), TimelineError> {
        let (asked, sought, from) = (Arc::new(self.subjects.clone()), Arc::new(std::mem::take(&mut self.sought)), window.from());
        let each =
            move |subjects: &mut Vec<Subject>, group: &RowGroup| match group.read(&columns).map_err(TimelineError::table(CLOUDTRAIL))? {
                Some(batch) => take(subjects, &sought, &batch, from),
                None => Ok(()),
            };
        let outside = [Some((i64::MIN, from)), Some((window.to(), i64::MAX))];
        for met in source.spans_apart(CLOUDTRAIL, &outside, move || asked.to_vec(), each).await? {
            self.subjects.iter_mut().zip(&met).for_each(|(subject, other)| subject.join(other));
        }
        Ok(())
    }

    /// Adds the keys and sessions that those who are sought were issued before the window, and those that these were issued.
    async fn descend(&mut self, source: &Source, window: &Window) -> Result<(), TimelineError> {
        let columns: Vec<&str> = NAMES.into_iter().chain([BEGUN, "event_time", "issued_access_key_id", "issued_principal_id"]).collect();
        let mut held: Option<Calls> = None;
        for _ in 0..LEVELS {
            let mut issued: Vec<Issued> = Vec::new();
            if let Some(calls) = &held {
                calls.batches.iter().try_for_each(|batch| self.issued(batch, &mut issued))?;
            } else {
                let failed = TimelineError::table(CREDENTIALS);
                let early = col("event_time").lt(instant(window.from()));
                let named = self.sought.condition(CREDENTIALS);
                // Where few are sought, the next level is of others.
                let mut calls = named.is_none().then(Calls::default);
                let condition = named.into_iter().fold(early, Expr::and);
                let frame = source.table(CREDENTIALS).await?.filter(condition).and_then(|f| f.select_columns(&columns)).map_err(failed)?;
                Source::batches(CREDENTIALS, frame, &mut |batch| {
                    self.issued(batch, &mut issued)?;
                    calls.as_mut().map_or(Ok(()), |calls| calls.keep(batch, MOST_CALLS))
                })
                .await?;
                held = calls.filter(|calls| !calls.are_too_many);
            }
            if issued.is_empty() {
                break;
            }
            issued.into_iter().for_each(|one| self.add(one));
        }
        Ok(())
    }

    /// Adds what was issued. A role that was assumed was met, though nothing may be known to have been done in it.
    fn add(&mut self, one: Issued) {
        self.subjects[one.subject].close(Aspect::Role, || one.session.as_deref().and_then(role_of));
        if let Some(key) = one.key {
            self.sought.add_key(key, one.subject);
        }
        if let Some(session) = one.session {
            self.sought.add_id(session, one.begun, one.subject);
        }
    }

    /// What calls of a batch issued to those who are sought, unless that is known.
    fn issued(&self, batch: &RecordBatch, issued: &mut Vec<Issued>) -> Result<(), TimelineError> {
        let names = Names::of(batch, CREDENTIALS)?;
        let (keys, sessions) =
            (Text::of(batch, CREDENTIALS, "issued_access_key_id")?, Text::of(batch, CREDENTIALS, "issued_principal_id")?);
        let (sought, mut met) = (&self.sought, Met::default());
        // What a service is issued is a workload's: an actor of its own.
        for row in (0..batch.num_rows()).filter(|row| names.id(*row).is_some()) {
            let subjects = met.of(sought, &names, row);
            if subjects.is_empty() {
                continue;
            }
            let key = keys.get(row).filter(|key| is_access_key_id(key));
            let time = (!names.time.is_null(row)).then(|| names.time.value(row));
            // A key issued to a user, or to an account's root, makes its holder nobody else.
            let is_told = |id: &&str| if id.contains(':') { time.is_some() } else { key.is_none() && !id.is_empty() };
            let session = sessions.get(row).filter(is_told);
            // A role's session that signs in began before.
            let began = |at: i64| if key.is_some() { second(at)..=second(at) } else { begun_before(at) };
            let begun = time.filter(|_| session.is_some_and(|id| id.contains(':'))).map(began);
            for subject in subjects {
                let has_key = key.is_none_or(|key| sought.has_key(key, *subject));
                let has_session = session.is_none_or(|id| sought.has_id(id, begun.as_ref(), *subject));
                if !has_key || !has_session {
                    let (key, session) = (key.map(str::to_owned), session.map(str::to_owned));
                    issued.push(Issued { subject: *subject, key, session, begun: begun.clone() });
                }
            }
        }
        Ok(())
    }

    /// What was found of an actor.
    pub(super) fn of(&self, who: &BTreeSet<Lasting>) -> PastOf<'_> {
        let mut of = PastOf::default();
        for one in who {
            let subject = |who: &Lasting| self.known.get(who).map(|at| &self.subjects[*at]);
            let own = subject(one);
            let (found, with) = match one {
                Lasting::Principal(_) => (own, "events of this principal and of the sessions it opened"),
                Lasting::Role(_) => (own, "events of its role in any session"),
                Lasting::Service(_) => (own, "events of this service"),
                Lasting::Session(_) if own.is_some_and(|s| s.was_met) => (own, "events of sessions of its role and name"),
                Lasting::Session(id) => {
                    let role = role_of(id).and_then(|role| subject(&Lasting::Role(role.to_owned())));
                    (role, "events of its role in any session (none of this session's name was met)")
                }
            };
            of.subjects.extend(found);
            of.with.insert(with);
        }
        of
    }
}

/// Notes what events outside the window, which begins at `from`, say of subjects.
fn take(subjects: &mut [Subject], sought: &Sought, batch: &RecordBatch, from: i64) -> Result<(), TimelineError> {
    let names = Names::of(batch, CLOUDTRAIL)?;
    let text = |column| Text::of(batch, CLOUDTRAIL, column);
    let (service, name, region) = (text("event_source")?, text("event_name")?, text("aws_region")?);
    let (address, agent) = (text("source_ip_address")?, text("user_agent")?);
    let time = times(batch, CLOUDTRAIL, "event_time")?;
    let (mut met, mut call) = (Met::default(), String::new());
    for row in (0..batch.num_rows()).filter(|row| !time.is_null(*row)) {
        let at = time.value(row);
        for subject in met.of(sought, &names, row) {
            let subject = &mut subjects[*subject];
            subject.span = widened(subject.span, at);
            if at >= from {
                continue;
            }
            subject.was_met = true;
            if !subject.open[Aspect::Call as usize].is_empty() {
                write_call(service.get(row), name.get(row), &mut call);
                subject.close(Aspect::Call, || Some(&call));
            }
            subject.close(Aspect::Region, || region.get(row));
            if !subject.open[Aspect::Address as usize].is_empty() {
                let canonical = address.get(row).map(canonical_address);
                subject.close(Aspect::Address, || canonical.as_deref());
            }
            subject.close(Aspect::UserAgent, || agent.get(row));
            subject.close(Aspect::Role, || names.id(row).and_then(role_of));
            subject.close(Aspect::Key, || names.key.get(row));
        }
    }
    Ok(())
}

/// What was found of an actor outside the window.
#[derive(Debug, Default)]
pub(super) struct PastOf<'a> {
    subjects: Vec<&'a Subject>,
    with: BTreeSet<&'static str>,
}

impl PastOf<'_> {
    /// Whether it was met before the window.
    pub(super) fn was_met(&self) -> bool {
        self.subjects.iter().any(|s| s.was_met)
    }

    /// Whether it had a value before that was asked for.
    pub(super) fn had(&self, aspect: Aspect, value: &str) -> bool {
        self.subjects.iter().any(|s| !s.open[aspect as usize].contains(value))
    }

    /// First and last time outside the window.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        stretch(self.subjects.iter().filter_map(|s| s.span).flat_map(|(first, last)| [first, last]))
    }

    /// What the window was held against.
    pub(super) fn with(&self) -> String {
        if self.with.is_empty() { "events of its name".to_owned() } else { self.with.iter().copied().collect::<Vec<_>>().join(", and ") }
    }
}

#[cfg(test)]
mod tests;
