//! The question `trace`: from a key, a session or an event up to its origin, and down to everything that descended from it.

mod tree;

use std::collections::BTreeMap;

use backtrail_model::issuance::is_access_key_id;
use backtrail_model::time::{format_instant, parse_instant};
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;

use crate::coverage::Coverage;
use crate::ends::stretch;
use crate::error::TimelineError;
use crate::event::Events;
use crate::few::Found;
use crate::item::Made;
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution, Chain, Holder, Issued, Lineage, Mover, SetInMotion, Strength, holders};
use crate::principal::Principal;
use crate::question::WindowShown;
use crate::show::Reference;
use crate::source::Source;
use tree::{Down, MOST_NODES};

/// Principals traced upwards at most: a console session signs with many keys.
const MOST_HOLDERS: usize = 20;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Key(String),
    Arn(String),
    Event(String),
}

/// One who used, or made, what was asked for, and the way up from there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upward {
    /// The principal.
    pub principal: Principal,
    /// When its session began.
    pub session_created: Option<String>,
    /// The ways up.
    pub chain: Chain,
    /// The service that acted: for itself, or for the principal.
    pub service: Option<String>,
    /// Who set the service or workload in motion, as far as evidence says.
    pub set_in_motion_by: Vec<Mover>,
}

impl Upward {
    fn of(actors: &Actors, holder: &Holder, at: Option<i64>) -> Self {
        Self::by(holder, actors.lineage().chain(holder, at), &actors.of_holder(holder, at))
    }

    fn by(holder: &Holder, chain: Chain, actor: &Attribution) -> Self {
        Self {
            principal: holder.principal.clone(),
            session_created: holder.created.map(format_instant),
            chain,
            service: actor.service.clone(),
            set_in_motion_by: actor.set_in_motion_by.clone(),
        }
    }
}

/// What was done with one set of credentials.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Uses {
    /// Events made with them.
    pub events: u64,
    /// Events by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// First.
    pub first_event_time: Option<String>,
    /// Last.
    pub last_event_time: Option<String>,
    /// Addresses.
    pub addresses: Vec<String>,
    /// What was made or given away with them, in order; at most fifty.
    pub made: Vec<Made>,
    /// Citations: the first event and the last.
    pub refs: Vec<String>,
}

/// Credentials, and what descended from them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// The call that issued them; `null` at the top, where it is part of the way up or not in evidence.
    pub method: Option<&'static str>,
    /// When.
    pub event_time: Option<String>,
    /// The key issued.
    pub access_key_id: Option<String>,
    /// For whom.
    pub issued_to: Option<String>,
    /// How sure it is that the call was made with the credentials above.
    pub strength: Option<Strength>,
    /// By which rule.
    pub basis: Option<&'static str>,
    /// For sessions of services: the calls made with the credentials above that set them in motion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_in_motion_by: Vec<SetInMotion>,
    /// What was done with them.
    pub uses: Uses,
    /// What was issued to their holder.
    pub children: Vec<Node>,
    /// Citations.
    pub refs: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// What was asked for.
    pub subject: String,
    /// Up to the origin.
    pub up: Vec<Upward>,
    /// Down from it.
    pub down: Vec<Node>,
    /// Credentials found downwards that are not listed.
    pub more: u64,
    /// From the first call or use told to the last: the time of which coverage tells gaps.
    pub coverage_window: WindowShown,
    /// What could be seen, and what not. Broken evidence of any time may hold more of the chain.
    pub coverage: Coverage,
    /// Which evidence.
    pub evidence_set: String,
}

/// Traces an access key id, the ARN of a session or user, or an event by its citation.
///
/// # Errors
/// Where the store cannot be read, or the text names nothing that can be traced.
pub async fn trace(source: &Source, text: &str) -> Result<Trace, TimelineError> {
    let subject = subject(text)?;
    let ledger = Ledger::read(source).await?;
    let found = source.found(None, Some(used(&subject)), matches!(subject, Subject::Event(_))).await?;
    let told = told_of_events(source, &found).await?;
    let mut users = match &told {
        Some((_, callers)) => in_order(callers.clone()),
        None => in_order(holders(source, &found).await?),
    };
    if users.is_empty() {
        // Issued, and never used: the way up begins with who had it issued.
        users = issuers(source, &subject).await?;
    }
    let actors = Actors::around(source, users.iter().map(|(holder, _)| holder.clone()).collect(), MOST_NODES).await?;
    let lineage = actors.lineage();
    let own = own(lineage, &subject);
    let up = match told {
        Some((up, _)) => up,
        None => users.iter().take(MOST_HOLDERS).map(|(holder, at)| Upward::of(&actors, holder, *at)).collect(),
    };
    let Down { nodes: down, more, is_cut } = tree::below(source, lineage, &users, &own).await?;
    let (coverage_window, mut coverage) = Coverage::of_stretch(source, &ledger, stretch_of(&up, &down)).await?;
    coverage.not_seen.extend(is_cut.then(tree::not_followed));
    Ok(Trace { subject: text.to_owned(), up, down, more, coverage_window, coverage, evidence_set: ledger.set })
}

/// The stretch of time that the calls and uses told lie in.
fn stretch_of(up: &[Upward], down: &[Node]) -> Option<(i64, i64)> {
    let calls = up.iter().flat_map(|u| &u.chain.paths).flat_map(|p| &p.steps).filter_map(|s| s.event_time.as_deref());
    let mut times: Vec<&str> = calls.collect();
    let mut ahead: Vec<&Node> = down.iter().collect();
    while let Some(node) = ahead.pop() {
        times.extend([&node.event_time, &node.uses.first_event_time, &node.uses.last_event_time].into_iter().flatten().map(String::as_str));
        ahead.extend(&node.children);
    }
    stretch(times.into_iter().filter_map(parse_instant))
}

fn subject(text: &str) -> Result<Subject, TimelineError> {
    let text = text.trim();
    if is_access_key_id(text) {
        return Ok(Subject::Key(text.to_owned()));
    }
    if text.starts_with("arn:") {
        return Ok(Subject::Arn(text.to_owned()));
    }
    match Reference::parse(text)? {
        Reference::Event(id) => Ok(Subject::Event(id)),
        Reference::Place { .. } => Err(TimelineError::Reference(text.to_owned())),
    }
}

/// Who, and the time of the first use.
type Seen = (Holder, Option<i64>);

/// What every event fulfils that was made with what was asked for, or is it.
fn used(subject: &Subject) -> Expr {
    match subject {
        Subject::Key(key) => col("user_identity_access_key_id").eq(lit(key.clone())),
        Subject::Arn(arn) => col("user_identity_arn").eq(lit(arn.clone())),
        Subject::Event(id) => col("event_id").eq(lit(id.clone())),
    }
}

/// The ways up from events that are asked about, as every other answer tells them, and their callers in full; `None` where none is in memory.
async fn told_of_events(source: &Source, found: &Found<'_>) -> Result<Option<(Vec<Upward>, Vec<Seen>)>, TimelineError> {
    let Some(events) = found.in_memory()? else { return Ok(None) };
    let actors = Actors::behind(source, None, found).await?;
    let (mut up, mut callers): (Vec<Upward>, Vec<Seen>) = Default::default();
    for event in Events::of(&events)?.iter() {
        let (holder, chain) = actors.chain_to(&event);
        let one = Upward::by(&holder, chain, &actors.of(&event));
        // Two records of one id may be of the same caller.
        if up.len() < MOST_HOLDERS && !up.contains(&one) {
            up.push(one);
            callers.push((holder, event.event_time));
        }
    }
    Ok(Some((up, callers)))
}

/// Who had what was asked for issued.
async fn issuers(source: &Source, subject: &Subject) -> Result<Vec<Seen>, TimelineError> {
    let issued = match subject {
        Subject::Key(key) => Lineage::that_issued(source, "issued_access_key_id", key).await?,
        Subject::Arn(arn) => Lineage::that_issued(source, "issued_arn", arn).await?,
        Subject::Event(_) => Vec::new(),
    };
    Ok(in_order(issued.into_iter().map(|one| (one.holder, one.time)).collect()))
}

fn in_order(mut holders: Vec<Seen>) -> Vec<Seen> {
    holders.sort_by(|a, b| (a.1.is_none(), a.1, &a.0.principal, a.0.created).cmp(&(b.1.is_none(), b.1, &b.0.principal, b.0.created)));
    holders
}

/// The calls that themselves are asked for, or that issued what is.
fn own(lineage: &Lineage, subject: &Subject) -> Vec<usize> {
    let fits = |one: &Issued| match subject {
        Subject::Key(key) => one.what.access_key_id.as_ref() == Some(key),
        Subject::Arn(arn) => one.what.arn.as_ref() == Some(arn) && one.what.method != "ConsoleLogin",
        Subject::Event(id) => one.refs.contains(id),
    };
    lineage.issued().iter().enumerate().filter(|(_, one)| fits(one)).map(|(at, _)| at).collect()
}
