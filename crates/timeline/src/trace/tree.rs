//! The tree below what is traced: each set of credentials once, with what was done with it, and what services did because of it.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::time::format_instant;
use backtrail_model::words::counted;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use hashbrown::HashMap;

use super::{Node, Seen, Uses};
use crate::coverage::{NotSeen, NotSeenKind};
use crate::ends::Ends;
use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, Made};
use crate::lineage::{
    BY_KEY, BY_SESSION, Holder, Issued, Lineage, Sessions, SetInMotion, SetOff, Setting, Strength, USED, Wanted, is_of_stacks,
};
use crate::source::Source;

/// Credentials followed downwards at most; how many there were in all is told.
pub(super) const MOST_NODES: usize = 500;
/// Things made that are listed for one credential.
const MOST_MADE: usize = 50;
/// Services' sessions that are looked at for what set them in motion: where there are more, they are not followed.
const MOST_SET_OFF: usize = 100_000;
/// What services did may set others in motion: so often it is followed further.
const ROUNDS: usize = 3;

/// A call below another, by its place in the lineage, and how it is linked.
type Below = (usize, Strength, &'static str);

/// Of each call those below it.
type Children = HashMap<usize, Vec<Below>>;

/// What the tree hangs from.
pub(super) enum Top<'t> {
    /// Credentials: those of who used them, and those that these calls issued.
    Credentials { users: &'t [Seen], own: &'t [usize] },
    /// Calls: what they issued, and what they set up.
    Call { own: &'t [usize], settings: Vec<Setting> },
}

/// Everything below what is traced: below credentials in one node, which is these.
pub(super) async fn below(source: &Source, lineage: &Lineage, top: Top<'_>) -> Result<Down, TimelineError> {
    match top {
        Top::Credentials { users, own } => descend(source, Tree::of_credentials(lineage, Known::of(users), own), ROUNDS).await,
        Top::Call { own, settings } => {
            let mut down = descend(source, Tree::of_calls(lineage, own, settings), ROUNDS).await?;
            // The call is no credentials: what it issued hangs from nothing.
            down.nodes = down.nodes.into_iter().flat_map(|node| node.children).collect();
            Ok(down)
        }
    }
}

/// Counts what was done with each set of credentials, and follows what services did because of it.
fn descend<'f>(source: &'f Source, mut tree: Tree<'f>, rounds: usize) -> LocalBoxFuture<'f, Result<Down, TimelineError>> {
    let followed = async move {
        tree.read_uses(source).await?;
        let room = MOST_NODES.saturating_sub(tree.nodes.len());
        let settings: Vec<Setting> = tree.settings.iter().map(|(_, setting)| setting.clone()).collect();
        let set_off =
            if rounds > 0 && room > 0 { SetOff::by(source, &settings, None, |_| true, MOST_SET_OFF).await? } else { SetOff::Nothing };
        let mut is_cut = matches!(set_off, SetOff::TooMuch);
        if let SetOff::Sessions(sessions) = &set_off {
            let below = Tree::of_services(sessions, room);
            let roots: Vec<Option<usize>> = below.roots().map(|by| tree.node_that_set(by)).collect();
            let told = descend(source, below, rounds - 1).await?;
            tree.more += told.more;
            is_cut |= told.is_cut;
            let sessions = told.nodes.into_iter().flat_map(|node| node.children);
            for (node, session) in roots.into_iter().zip(sessions) {
                tree.attached.entry(node.unwrap_or_default()).or_default().push(session);
            }
        }
        let (nodes, more) = tree.into_nodes();
        Ok(Down { nodes, more, is_cut })
    };
    followed.boxed_local()
}

/// What descended from something.
#[derive(Default)]
pub(super) struct Down {
    pub(super) nodes: Vec<Node>,
    pub(super) more: u64,
    /// What services did was too much to be followed.
    pub(super) is_cut: bool,
}

pub(super) fn not_followed() -> NotSeen {
    let text = format!(
        "What services did after functions, instances or stacks were set up with these credentials is not told: more than {} were begun since.",
        counted(MOST_SET_OFF as u64, "session")
    );
    NotSeen { kind: NotSeenKind::NotFollowed, text, refs: Vec::new() }
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
    set_in_motion_by: Vec<SetInMotion>,
    /// Where stacks of others may have been built in the session as well: those that count.
    stacks: Option<BTreeSet<String>>,
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
    /// Calls that set something up, each with the node whose credentials it was made with.
    settings: Vec<(usize, Setting)>,
    /// What services did because of what was done with a node's credentials.
    attached: HashMap<usize, Vec<Node>>,
    /// Nodes at most.
    most: usize,
    more: u64,
}

impl<'a> Tree<'a> {
    /// With nothing but the top.
    fn new(lineage: &'a Lineage, top: Known, most: usize) -> Self {
        let mut tree = Self {
            lineage,
            nodes: Vec::new(),
            by_issued: HashMap::new(),
            top,
            settings: Vec::new(),
            attached: HashMap::new(),
            most,
            more: 0,
        };
        tree.add(None, None, None);
        tree
    }

    /// Below credentials: what they issued, each node with what its call issued.
    fn of_credentials(lineage: &'a Lineage, top: Known, own: &[usize]) -> Self {
        let children = lineage.children();
        let mut tree = Self::new(lineage, top, MOST_NODES);
        for at in own {
            tree.by_issued.insert(*at, 0);
        }
        let mut below: Vec<Below> = own.iter().filter_map(|at| children.get(at)).flatten().copied().collect();
        for (at, one) in lineage.issued().iter().enumerate() {
            below.extend(tree.top.has(&one.holder).map(|(strength, basis)| (at, strength, basis)));
        }
        tree.go_down(VecDeque::from([(0, below)]), &children);
        tree
    }

    /// Below calls: what each issued, and what descends from that.
    fn of_calls(lineage: &'a Lineage, own: &[usize], settings: Vec<Setting>) -> Self {
        let children = lineage.children();
        let mut tree = Self::new(lineage, Known::default(), MOST_NODES);
        tree.settings = settings.into_iter().map(|setting| (0, setting)).collect();
        let ahead = own.iter().map(|at| (tree.add(Some(*at), None, Some(0)), children.get(at).cloned().unwrap_or_default())).collect();
        tree.go_down(ahead, &children);
        tree
    }

    /// Of services' sessions, each below the top, and what descends from them.
    fn of_services(set_off: &'a Sessions, most: usize) -> Self {
        let mut tree = Self::new(&set_off.lineage, Known::default(), most);
        for (at, one) in set_off.lineage.issued().iter().enumerate() {
            let Some(session) = one.refs.first().and_then(|reference| set_off.sessions.get(reference)) else { continue };
            if tree.nodes.len() > most {
                tree.more += 1;
                continue;
            }
            let node = tree.add(Some(at), None, Some(0));
            tree.nodes[node].set_in_motion_by.clone_from(&session.by);
            tree.nodes[node].stacks.clone_from(&session.stacks);
        }
        let children = set_off.lineage.children();
        let of_node = |node: usize| tree.nodes[node].issued.and_then(|at| children.get(&at)).cloned().unwrap_or_default();
        let ahead = (1..tree.nodes.len()).map(|node| (node, of_node(node))).collect();
        tree.go_down(ahead, &children);
        tree
    }

    /// The calls that set the sessions below the top in motion, of each the first.
    fn roots(&self) -> impl Iterator<Item = &str> {
        let below_top = self.nodes.iter().filter(|node| node.parent == Some(0));
        below_top.map(|node| node.set_in_motion_by.first().and_then(|by| by.refs.first()).map_or("", String::as_str))
    }

    /// The node whose credentials a call was made with.
    fn node_that_set(&self, reference: &str) -> Option<usize> {
        self.settings.iter().find(|(_, setting)| setting.reference == reference).map(|(node, _)| *node)
    }

    fn go_down(&mut self, mut ahead: VecDeque<(usize, Vec<Below>)>, children: &Children) {
        let tree = self;
        while let Some((parent, mut below)) = ahead.pop_front() {
            below.sort_by_key(|(at, strength, _)| (*at, *strength));
            for (at, strength, basis) in below {
                // Each once, under the surest of its parents that is met first.
                if tree.by_issued.contains_key(&at) {
                    continue;
                }
                if tree.nodes.len() >= tree.most {
                    tree.more += 1;
                    continue;
                }
                let node = tree.add(Some(at), Some((strength, basis)), Some(parent));
                ahead.push_back((node, children.get(&at).cloned().unwrap_or_default()));
            }
        }
    }

    fn add(&mut self, issued: Option<usize>, link: Option<(Strength, &'static str)>, parent: Option<usize>) -> usize {
        self.nodes.push(Grown { issued, link, set_in_motion_by: Vec::new(), stacks: None, parent, uses: Counted::default() });
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
        let mut settings: Vec<(usize, Setting)> = Vec::new();
        let mut take = |event: &Event<'_>| {
            let holder = Holder::of(event);
            let node = *known.entry(holder).or_insert_with_key(|holder| self.node_of(holder, event.event_time));
            let node = node.filter(|node| is_of_stacks(event, self.nodes[*node].stacks.as_ref()));
            taken.extend(node.map(|node| (node, Taken::of(event))));
            settings.extend(node.and_then(|node| Some((node, Setting::of(event)?))));
            Ok(())
        };
        source.few(None, Some(condition), &mut take).await?;
        self.settings.extend(settings);
        for (node, one) in taken {
            self.nodes[node].uses.take(one);
        }
        Ok(())
    }

    fn node_of(&self, holder: &Holder, at: Option<i64>) -> Option<usize> {
        let by_issue = self.lineage.parents(holder, at).into_iter().find_map(|link| self.by_issued.get(&link.index).copied());
        by_issue.or_else(|| self.top.has(holder).map(|_| 0))
    }

    fn into_nodes(mut self) -> (Vec<Node>, u64) {
        let mut nodes: Vec<Option<Node>> = Vec::with_capacity(self.nodes.len());
        let mut parents = Vec::with_capacity(self.nodes.len());
        for grown in self.nodes {
            parents.push(grown.parent);
            let mut told = node(grown.issued.map(|at| &self.lineage.issued()[at]), grown.link, grown.uses);
            told.set_in_motion_by = grown.set_in_motion_by;
            // Behind its other children, which are put in front of them.
            told.children = self.attached.remove(&nodes.len()).unwrap_or_default();
            nodes.push(Some(told));
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
        set_in_motion_by: Vec::new(),
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
