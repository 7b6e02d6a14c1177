//! The question `trace`: from a key, a session or an event up to its origin, and down to everything that descended from it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use backtrail_model::issuance::is_access_key_id;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::time::{format_instant, parse_instant};
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;

use crate::coverage::Coverage;
use crate::ends::{Ends, stretch};
use crate::error::TimelineError;
use crate::event::{Event, Events};
use crate::few::Found;
use crate::item::{Item, Made};
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution, BY_KEY, BY_SESSION, Chain, Holder, Issued, Lineage, Mover, Strength, USED, Wanted, holders};
use crate::principal::Principal;
use crate::question::WindowShown;
use crate::show::Reference;
use crate::source::Source;

/// Credentials followed downwards at most; how many there were in all is told.
const MOST_NODES: usize = 500;
/// Principals traced upwards at most: a console session signs with many keys.
const MOST_HOLDERS: usize = 20;
/// Things made that are listed for one credential.
const MOST_MADE: usize = 50;

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
    let mut tree = Tree::grow(lineage, &users, &own);
    tree.read_uses(source).await?;
    let (down, more) = tree.into_nodes();
    let (coverage_window, coverage) = Coverage::of_stretch(source, &ledger, stretch_of(&up, &down)).await?;
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

/// What a set of credentials is known by.
#[derive(Default)]
struct Known {
    keys: HashSet<String>,
    /// Unique id and second of creation.
    sessions: HashSet<(String, i64)>,
}

impl Known {
    fn of(holders: &[Seen]) -> Self {
        let mut known = Self::default();
        for (holder, _) in holders {
            known.keys.extend(holder.principal.access_key_id.clone());
            known.sessions.extend(holder.session());
        }
        known
    }

    fn has(&self, holder: &Holder) -> Option<(Strength, &'static str)> {
        if holder.principal.access_key_id.as_ref().is_some_and(|k| self.keys.contains(k)) {
            return Some((Strength::Exact, BY_KEY));
        }
        holder.session().filter(|s| self.sessions.contains(s)).map(|_| (Strength::Strong, BY_SESSION))
    }
}

struct Grown {
    /// The issuing call; `None` at the top.
    issued: Option<usize>,
    link: Option<(Strength, &'static str)>,
    parent: Option<usize>,
    uses: Counted,
}

#[derive(Default)]
struct Counted {
    uses: Uses,
    ends: Ends,
    addresses: HashSet<String>,
    made: Vec<(Option<i64>, Made)>,
}

/// The tree below a subject: each set of credentials once.
struct Tree<'a> {
    lineage: &'a Lineage,
    nodes: Vec<Grown>,
    by_issued: HashMap<usize, usize>,
    top: Known,
    more: u64,
}

impl<'a> Tree<'a> {
    fn grow(lineage: &'a Lineage, holders: &[Seen], own: &[usize]) -> Self {
        let children = lineage.children();
        let top = Known::of(holders);
        let mut tree = Self { lineage, nodes: Vec::new(), by_issued: HashMap::new(), top, more: 0 };
        tree.add(None, None, None);
        for at in own {
            tree.by_issued.insert(*at, 0);
        }
        let mut below: Vec<(usize, Strength, &'static str)> = own.iter().filter_map(|at| children.get(at)).flatten().copied().collect();
        for (at, one) in lineage.issued().iter().enumerate() {
            below.extend(tree.top.has(&one.holder).map(|(strength, basis)| (at, strength, basis)));
        }
        let mut ahead = std::collections::VecDeque::from([(0, below)]);
        while let Some((parent, mut below)) = ahead.pop_front() {
            below.sort_by_key(|(at, strength, _)| (*at, *strength));
            for (at, strength, basis) in below {
                // Each once, under the surest of its parents that is met first.
                if tree.by_issued.contains_key(&at) {
                    continue;
                }
                if tree.nodes.len() >= MOST_NODES {
                    tree.more += 1;
                    continue;
                }
                let node = tree.add(Some(at), Some((strength, basis)), Some(parent));
                ahead.push_back((node, children.get(&at).cloned().unwrap_or_default()));
            }
        }
        tree
    }

    fn add(&mut self, issued: Option<usize>, link: Option<(Strength, &'static str)>, parent: Option<usize>) -> usize {
        self.nodes.push(Grown { issued, link, parent, uses: Counted::default() });
        let node = self.nodes.len() - 1;
        if let Some(at) = issued {
            self.by_issued.insert(at, node);
        }
        node
    }

    /// Counts the events made with each set of credentials.
    async fn read_uses(&mut self, source: &Source) -> Result<(), TimelineError> {
        let mut wanted = Wanted::of_issued(self.nodes.iter().filter_map(|node| node.issued).map(|at| &self.lineage.issued()[at]));
        self.top.keys.iter().for_each(|key| wanted.add_key(key));
        self.top.sessions.iter().for_each(|(id, begun)| wanted.add_session(id, Some(*begun)));
        let Some(condition) = Arc::new(wanted).condition(USED) else { return Ok(()) };
        let mut known: HashMap<Holder, Option<usize>> = HashMap::new();
        let mut taken: Vec<(usize, Taken)> = Vec::new();
        let mut take = |event: &Event<'_>| {
            let holder = Holder::of(event);
            let node = *known.entry(holder).or_insert_with_key(|holder| self.node_of(holder, event.event_time));
            taken.extend(node.map(|node| (node, Taken::of(event))));
            Ok(())
        };
        source.few(None, Some(condition), &mut take).await?;
        for (node, one) in taken {
            self.nodes[node].uses.take(one);
        }
        Ok(())
    }

    fn node_of(&self, holder: &Holder, at: Option<i64>) -> Option<usize> {
        let by_issue = self.lineage.parents(holder, at).into_iter().find_map(|link| self.by_issued.get(&link.index).copied());
        by_issue.or_else(|| self.top.has(holder).map(|_| 0))
    }

    fn into_nodes(self) -> (Vec<Node>, u64) {
        let mut nodes: Vec<Option<Node>> = Vec::with_capacity(self.nodes.len());
        let mut parents = Vec::with_capacity(self.nodes.len());
        for grown in self.nodes {
            parents.push(grown.parent);
            nodes.push(Some(node(grown.issued.map(|at| &self.lineage.issued()[at]), grown.link, grown.uses)));
        }
        // Children stand behind their parents: from the end, each is whole when it is moved.
        for at in (1..nodes.len()).rev() {
            if let (Some(parent), Some(child)) = (parents[at], nodes[at].take())
                && let Some(Some(above)) = nodes.get_mut(parent)
            {
                above.children.insert(0, child);
            }
        }
        (nodes.into_iter().flatten().collect(), self.more)
    }
}

fn node(issued: Option<&Issued>, link: Option<(Strength, &'static str)>, uses: Counted) -> Node {
    Node {
        method: issued.map(|i| i.what.method),
        event_time: issued.and_then(|i| i.time).map(format_instant),
        access_key_id: issued.and_then(|i| i.what.access_key_id.clone()),
        issued_to: issued.and_then(|i| i.what.arn.clone()),
        strength: link.map(|(strength, _)| strength),
        basis: link.map(|(_, basis)| basis),
        uses: uses.finish(),
        children: Vec::new(),
        refs: issued.map(|i| i.refs.clone()).unwrap_or_default(),
    }
}

/// One use, as it is counted.
struct Taken {
    time: Option<i64>,
    reference: String,
    outcome: Outcome,
    address: Option<String>,
    made: Option<Made>,
}

impl Taken {
    fn of(event: &Event<'_>) -> Self {
        let outcome = classify(&event.facts());
        let is_write = backtrail_model::calls::is_write(&event.facts()) && Issued::of(event).is_none();
        Self {
            time: event.event_time,
            reference: event.citation(),
            outcome,
            address: event.source_ip_address.map(str::to_owned),
            made: (is_write && outcome == Outcome::Ok).then(|| Item::of(event, None).made()),
        }
    }
}

impl Counted {
    fn take(&mut self, one: Taken) {
        self.uses.events += 1;
        *self.uses.outcomes.entry(one.outcome.as_str()).or_default() += 1;
        self.addresses.extend(one.address);
        if let Some(made) = one.made {
            self.made.push((one.time, made));
        }
        if one.time.is_some() {
            self.ends.take((one.time, one.reference));
        }
    }

    fn finish(mut self) -> Uses {
        self.made.sort_by(|a, b| (a.0.is_none(), a.0, &a.1.reference).cmp(&(b.0.is_none(), b.0, &b.1.reference)));
        self.uses.made = self.made.into_iter().take(MOST_MADE).map(|(_, made)| made).collect();
        self.uses.addresses = self.addresses.into_iter().collect();
        self.uses.addresses.sort_unstable();
        let (first, last) = self.ends.times().unwrap_or_default();
        (self.uses.first_event_time, self.uses.last_event_time) = (first.map(format_instant), last.map(format_instant));
        self.uses.refs = self.ends.refs();
        self.uses
    }
}
