//! The question `trace`: from a key, a session or an event up to its origin, and down to everything that descended from it.

mod read;
mod tree;
mod up;
mod uses;

use std::collections::BTreeMap;

use backtrail_model::arn::Arn;
use backtrail_model::issuance::is_access_key_id;
use backtrail_model::time::parse_instant;
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;

use crate::coverage::{Coverage, NotSeen, ToldByFiles};
use crate::ends::stretch;
use crate::error::TimelineError;
use crate::item::Made;
use crate::ledger::Ledger;
use crate::lineage::{Holder, SetInMotion, Strength};
use crate::question::WindowShown;
use crate::show::Reference;
use crate::source::Source;
pub use up::Upward;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Key(String),
    Arn(String),
    Event(String),
}

impl Subject {
    /// Its kind, as `profile` calls them.
    fn word(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Arn(_) => "arn",
            Self::Event(_) => "event",
        }
    }

    /// The key, where it is one.
    fn key(&self) -> Option<&str> {
        if let Self::Key(key) = self { Some(key) } else { None }
    }

    /// The role, where it is one.
    fn role(&self) -> Option<&str> {
        let Self::Arn(arn) = self else { return None };
        let is_role = Arn::parse(arn).is_some_and(|arn| arn.service() == "iam" && arn.resource_type() == Some("role"));
        is_role.then_some(arn)
    }

    /// What every event fulfils that was made with what was asked for, or is it.
    fn used(&self) -> Expr {
        match self {
            Self::Key(key) => col("user_identity_access_key_id").eq(lit(key.clone())),
            Self::Arn(arn) => col("user_identity_arn").eq(lit(arn.clone())),
            Self::Event(id) => col("event_id").eq(lit(id.clone())),
        }
    }
}

/// A call that may as well have issued what something was done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rival {
    /// The API action, as in `AssumeRole`.
    pub method: &'static str,
    /// When.
    pub event_time: Option<String>,
    /// Who called.
    pub caller: String,
    /// The key it issued.
    pub access_key_id: Option<String>,
    /// For whom.
    pub issued_to: Option<String>,
    /// Citations.
    pub refs: Vec<String>,
}

/// What was done with credentials that these calls may have issued as well: nothing in evidence tells whose it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedUses {
    /// How sure it is that it was done with these or with those.
    pub strength: Strength,
    /// By which rule.
    pub basis: &'static str,
    /// The other calls.
    pub others: Vec<Rival>,
    /// What was done.
    pub uses: Uses,
}

/// What was done with one set of credentials.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Uses {
    /// Events made with them.
    pub events: u64,
    /// Events by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Events by how sure it is that they were made with them.
    pub strengths: BTreeMap<&'static str, u64>,
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
    /// The call that issued them; `null` above what descends from a key or an ARN: there it is part of the way up, or not in evidence.
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
    /// Other calls that may have issued what this call, or the one that set the session in motion, was made with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Rival>,
    /// For sessions of services: the calls made with the credentials above that set them in motion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_in_motion_by: Vec<SetInMotion>,
    /// What was done with them and with nothing else that fits.
    pub uses: Uses,
    /// What was done with them or with others'.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_uses: Vec<SharedUses>,
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
    /// What it was taken for: `key`, `arn` or `event`.
    pub taken_for: &'static str,
    /// Up to the origin.
    pub up: Vec<Upward>,
    /// Down from it: of a key or an ARN one node, which is these credentials; of an event what the call issued, and the sessions of services
    /// and workloads that it set in motion, none for most calls.
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

/// The ways up and down from what was asked for.
#[derive(Default)]
struct Traced {
    up: Vec<Upward>,
    down: tree::Down,
    /// When the events asked for were.
    times: Vec<i64>,
    not_seen: Vec<NotSeen>,
}

/// Who, and the time of the first use.
type Seen = (Holder, Option<i64>);

/// Traces an access key id, the ARN of a session or user, or an event by its citation.
///
/// # Errors
/// Where the store cannot be read, or the text names nothing that can be traced.
pub async fn trace(source: &Source, text: &str) -> Result<Trace, TimelineError> {
    let subject = subject(text)?;
    let ledger = Ledger::read(source).await?;
    let Traced { mut up, down, times, not_seen } = match &subject {
        Subject::Event(_) => read::of_event(source, &subject).await?,
        Subject::Key(_) | Subject::Arn(_) => read::of_credentials(source, &subject).await?,
    };
    if let Some(arn) = subject.role().filter(|_| up.is_empty()) {
        read::name_sessions(source, arn).await?;
    }
    let known = ToldByFiles::of(source);
    up.iter_mut().flat_map(|up| &mut up.chain.paths).filter_map(|path| path.missing.as_mut()).for_each(|missing| missing.look_up(known));
    let (coverage_window, mut coverage) = Coverage::of_stretch(source, &ledger, stretch_of(&up, &down.nodes, times)).await?;
    coverage.not_seen.extend(not_seen);
    coverage.not_seen.extend(down.is_cut.then(tree::not_followed));
    let (down, more) = (down.nodes, down.more);
    let (subject, taken_for) = (text.to_owned(), subject.word());
    Ok(Trace { subject, taken_for, up, down, more, coverage_window, coverage, evidence_set: ledger.set })
}

/// The stretch of time that the calls and uses told lie in, and the events asked for.
fn stretch_of(up: &[Upward], down: &[Node], own: Vec<i64>) -> Option<(i64, i64)> {
    let calls = up.iter().flat_map(|u| &u.chain.paths).flat_map(|p| &p.steps).filter_map(|s| s.event_time.as_deref());
    let mut times: Vec<&str> = calls.collect();
    let mut ahead: Vec<&Node> = down.iter().collect();
    while let Some(node) = ahead.pop() {
        times.extend(node.event_time.as_deref());
        for uses in node.shared_uses.iter().map(|shared| &shared.uses).chain([&node.uses]) {
            times.extend([&uses.first_event_time, &uses.last_event_time].into_iter().flatten().map(String::as_str));
        }
        ahead.extend(&node.children);
    }
    stretch(times.into_iter().filter_map(parse_instant).chain(own))
}

fn subject(text: &str) -> Result<Subject, TimelineError> {
    let text = text.trim();
    if is_access_key_id(text) {
        return Ok(Subject::Key(text.to_owned()));
    }
    if text.starts_with("arn:") {
        return Ok(Subject::Arn(text.to_owned()));
    }
    match Reference::parse(text) {
        Ok(Reference::Event(id)) => Ok(Subject::Event(id)),
        _ => Err(TimelineError::Traced(text.to_owned())),
    }
}
