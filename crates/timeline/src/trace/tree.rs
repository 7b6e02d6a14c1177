//! The tree below what is traced: each set of credentials once, with what was done with it, and what services did because of it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use backtrail_model::issuance::is_sign_in;
use backtrail_model::time::format_instant;
use backtrail_model::words::counted;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use hashbrown::HashMap;

use super::uses::{Counted, Used};
use super::{Node, Rival, Seen, SharedUses};
use crate::coverage::{NotSeen, NotSeenKind};
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events};
use crate::few::Found;
use crate::lineage::{
    BY_KEY, BY_SESSION, Holder, Issued, Lineage, Link, Sessions, SetInMotion, SetOff, Setting, Strength, USED, Wanted, is_of_stacks, is_one,
};
use crate::narrow::{At, Narrow};
use crate::source::Source;

/// Credentials followed downwards at most; how many there were in all is told.
pub(super) const MOST_NODES: usize = 500;
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
    /// Credentials: those of who used them, and those that these calls issued; with the sign-ins of their holder, and events that were read already.
    Credentials { users: &'t [Seen], own: &'t [usize], sign_ins: &'t [usize], at_hand: Option<AtHand<'t>> },
    /// Calls: what they issued, and what they set up.
    Call { own: &'t [usize], settings: Vec<Setting> },
}

/// Events of a key that were read already, all of them below what is traced.
pub(super) struct AtHand<'t> {
    pub(super) found: &'t Found<'t>,
    pub(super) key: &'t str,
}

/// Everything below what is traced: below credentials in one node, which is these.
pub(super) async fn below<'t>(source: &'t Source, lineage: &'t Lineage, top: Top<'t>) -> Result<Down, TimelineError> {
    match top {
        Top::Credentials { users, own, sign_ins, at_hand } => {
            let tree = Tree::of_credentials(lineage, Known::of(lineage, users), own, sign_ins);
            descend(source, Tree { at_hand, ..tree }, ROUNDS).await
        }
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
        let settings: Vec<Setting> = tree.settings.iter().map(|set| set.setting.clone()).collect();
        let set_off =
            if rounds > 0 && room > 0 { SetOff::by(source, &settings, None, |_| true, MOST_SET_OFF).await? } else { SetOff::Nothing };
        let mut is_cut = matches!(set_off, SetOff::TooMuch);
        if let SetOff::Sessions(sessions) = &set_off {
            let below = Tree::of_services(sessions, room);
            let roots: Vec<(usize, Vec<Rival>)> = below.roots().map(|by| tree.node_that_set(by)).collect();
            let told = descend(source, below, rounds - 1).await?;
            tree.more += told.more;
            is_cut |= told.is_cut;
            let sessions = told.nodes.into_iter().flat_map(|node| node.children);
            for ((node, others), session) in roots.into_iter().zip(sessions) {
                tree.attached.entry(node).or_default().push(Node { others, ..session });
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
    /// By unique id and second of creation: the calls that may have issued them.
    sessions: HashMap<(String, i64), HashSet<usize>>,
    /// These calls, and all above.
    above: HashSet<usize>,
}

impl Known {
    fn of(lineage: &Lineage, holders: &[Seen]) -> Self {
        let (mut known, mut ahead) = (Self::default(), Vec::new());
        for (holder, at) in holders {
            known.keys.extend(holder.principal.access_key_id.clone());
            let issued_by: Vec<usize> = lineage.parents(holder, *at).into_iter().map(|link| link.index).collect();
            if let Some(session) = holder.session() {
                known.sessions.entry(session).or_default().extend(issued_by.iter().copied());
            }
            ahead.extend(issued_by);
        }
        while let Some(at) = ahead.pop() {
            if known.above.insert(at) {
                ahead.extend(lineage.parents_of(at).into_iter().map(|link| link.index));
            }
        }
        known
    }

    /// How somebody is known to have used them whose own may have been issued by these calls, and whether they may be another's as well. Another key
    /// of a session is another's where another call issued it, and may be where several fit the session.
    fn has(&self, holder: &Holder, parents: &[Link<'_>]) -> Option<(Strength, &'static str, bool)> {
        if holder.principal.access_key_id.as_ref().is_some_and(|k| self.keys.contains(k)) {
            return Some((Strength::Exact, BY_KEY, false));
        }
        let issued_by = holder.session().and_then(|session| self.sessions.get(&session))?;
        // Whose another key is, nobody knows where no call issued it.
        let is_other_key = holder.principal.access_key_id.is_some() && !self.keys.is_empty() && !holder.principal.signs_with_other_keys();
        if parents.is_empty() && is_other_key {
            return None;
        }
        let is_same = if parents.is_empty() { issued_by.is_empty() } else { parents.iter().any(|link| issued_by.contains(&link.index)) };
        is_same.then_some((Strength::Strong, BY_SESSION, parents.len() > 1))
    }
}

/// A node whose credentials somebody may have used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    node: usize,
    strength: Strength,
    basis: &'static str,
    /// The calls that may have issued what was used as well.
    pub(super) others: Vec<usize>,
}

struct Grown {
    /// The issuing call; `None` at the top.
    issued: Option<usize>,
    link: Option<(Strength, &'static str)>,
    set_in_motion_by: Vec<SetInMotion>,
    /// Where stacks of others may have been built in the session as well: those that count.
    stacks: Option<BTreeSet<String>>,
    parent: Option<usize>,
    /// The user of Identity Center for whom its portal was called, of all that descends from such a call.
    user: Option<String>,
}

/// A call that set something up, and the credentials that it was made with.
struct SetUp {
    node: usize,
    others: Vec<usize>,
    setting: Setting,
}

/// The tree below a subject: each set of credentials once.
struct Tree<'a> {
    lineage: &'a Lineage,
    nodes: Vec<Grown>,
    /// Of each node, once it was read.
    used: Vec<Used>,
    by_issued: HashMap<usize, usize>,
    top: Known,
    settings: Vec<SetUp>,
    /// What services did because of what was done with a node's credentials.
    attached: HashMap<usize, Vec<Node>>,
    at_hand: Option<AtHand<'a>>,
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
            used: Vec::new(),
            by_issued: HashMap::new(),
            top,
            settings: Vec::new(),
            attached: HashMap::new(),
            at_hand: None,
            most,
            more: 0,
        };
        tree.add(None, None, None);
        tree
    }

    /// Below credentials: what they issued, each node with what its call issued.
    fn of_credentials(lineage: &'a Lineage, top: Known, own: &[usize], sign_ins: &[usize]) -> Self {
        let mut tree = Self::new(lineage, top, MOST_NODES);
        // What somebody issued to himself descends from him: his next key, his session.
        let of_top = |tree: &Self, at: usize| tree.fits_of_call(at).into_iter().find(|fit| fit.node == 0);
        let (to_himself, others): (Vec<usize>, Vec<usize>) = own.iter().partition(|at| of_top(&tree, **at).is_some());
        for at in others {
            tree.by_issued.insert(at, 0);
        }
        let is_deeper = |at: usize| lineage.parents_of(at).iter().any(|link| link.index != at && to_himself.contains(&link.index));
        let below = |at: usize| of_top(&tree, at).filter(|_| !is_deeper(at)).map(|fit| (at, fit.strength, fit.basis));
        let mut below: Vec<Below> = (0..lineage.issued().len()).filter_map(below).collect();
        let children = lineage.children();
        below.extend(sign_ins.iter().filter_map(|at| children.get(at)).flatten().copied());
        tree.go_down(VecDeque::from([(0, below)]), &children);
        tree
    }

    /// Below calls: what each issued, and what descends from that.
    fn of_calls(lineage: &'a Lineage, own: &[usize], settings: Vec<Setting>) -> Self {
        let children = lineage.children();
        let mut tree = Self::new(lineage, Known::default(), MOST_NODES);
        tree.settings = settings.into_iter().map(|setting| SetUp { node: 0, others: Vec::new(), setting }).collect();
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

    /// The node whose credentials a call was made with, and the calls that may have issued them as well.
    fn node_that_set(&self, reference: &str) -> (usize, Vec<Rival>) {
        let set = self.settings.iter().find(|set| set.setting.reference == reference);
        set.map_or_else(Default::default, |set| (set.node, rivals(self.lineage, &set.others)))
    }

    fn go_down(&mut self, mut ahead: VecDeque<(usize, Vec<Below>)>, children: &Children) {
        let tree = self;
        while let Some((parent, mut below)) = ahead.pop_front() {
            below.sort_by_key(|(at, strength, _)| (*at, *strength));
            for (at, strength, basis) in below {
                // Each once, under the surest of its parents that is met first.
                let acting = tree.lineage.issued()[at].holder.principal.on_behalf_of.as_deref();
                if tree.by_issued.contains_key(&at) || !is_one(tree.nodes[parent].user.as_deref(), acting) {
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
        let above = parent.and_then(|parent| self.nodes[parent].user.clone());
        let user = issued.and_then(|at| self.lineage.issued()[at].asked_for()).map(str::to_owned).or(above);
        self.nodes.push(Grown { issued, link, set_in_motion_by: Vec::new(), stacks: None, parent, user });
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
        self.top.sessions.keys().for_each(|(id, begun)| wanted.add_session(id, Some(*begun)));
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted = Arc::new(wanted);
        let mut reading = Reading::of(self);
        match &self.at_hand {
            Some(AtHand { found: Found::Narrow(narrow), key }) => {
                if !reading.take_narrow(narrow).await? {
                    reading = Reading::of(self);
                    source.in_any_order(None, Some(narrow.condition.clone()), EVENT_COLUMNS, &mut |event| reading.take(event)).await?;
                }
                source.used(&wanted, Some(key), &mut |event| reading.take(event)).await?;
            }
            Some(AtHand { found: found @ Found::Few(_), key }) => {
                found.in_any_order(source, EVENT_COLUMNS, &mut |event| reading.take(event)).await?;
                source.used(&wanted, Some(key), &mut |event| reading.take(event)).await?;
            }
            // They are many, and among those sought.
            Some(AtHand { found: Found::Many(..), .. }) => {
                source.in_any_order(None, wanted.condition(USED), EVENT_COLUMNS, &mut |event| reading.take(event)).await?;
            }
            None => source.used(&wanted, None, &mut |event| reading.take(event)).await?,
        }
        let Reading { used, settings, .. } = reading;
        self.settings.extend(settings);
        self.used = used;
        Ok(())
    }

    /// The nodes whose credentials somebody may have used whose own may have been issued by these calls.
    fn fits(&self, holder: &Holder, parents: &[Link<'_>]) -> Vec<Fit> {
        let node_of = |link: &Link<'_>| self.by_issued.get(&link.index).copied();
        let mut fits: Vec<Fit> = Vec::new();
        for link in parents {
            let Some(node) = node_of(link).filter(|node| fits.iter().all(|fit| fit.node != *node)) else { continue };
            let others = parents.iter().filter(|other| node_of(other) != Some(node)).map(|other| other.index).collect();
            fits.push(Fit { node, strength: link.strength, basis: link.basis, others });
        }
        if fits.is_empty() {
            fits.extend(self.top.has(holder, parents).map(|(strength, basis, is_shared)| {
                let others = parents.iter().map(|link| link.index).filter(|_| is_shared).collect();
                Fit { node: 0, strength, basis, others }
            }));
        }
        fits.retain(|fit| is_one(self.nodes[fit.node].user.as_deref(), holder.principal.on_behalf_of.as_deref()));
        fits
    }

    /// The same of a sign-in: two of one principal are told by their citations.
    fn fits_of_sign_in(&self, holder: &Holder, event: &Event<'_>) -> Vec<Fit> {
        let is_above = |at: &usize| self.lineage.issued()[*at].refs.contains(&event.citation());
        let mut fits = self.fits(holder, &self.lineage.behind(event));
        fits.retain(|fit| fit.basis != BY_SESSION || fit.node != 0 || !self.top.above.iter().any(is_above));
        fits
    }

    /// The nodes whose credentials a call may have been made with. A sign-in bears the session that it opens: what leads up from what is traced does
    /// not descend from it.
    fn fits_of_call(&self, at: usize) -> Vec<Fit> {
        let mut fits = self.fits(&self.lineage.issued()[at].holder, &self.lineage.parents_of(at));
        fits.retain(|fit| fit.basis != BY_SESSION || fit.node != 0 || !self.top.above.contains(&at));
        fits
    }

    fn into_nodes(mut self) -> (Vec<Node>, u64) {
        let mut nodes: Vec<Option<Node>> = Vec::with_capacity(self.nodes.len());
        let mut parents = Vec::with_capacity(self.nodes.len());
        let others: Vec<Vec<Rival>> = self.nodes.iter().map(|grown| self.others_of(grown)).collect();
        self.used.resize_with(self.nodes.len(), Used::default);
        for ((grown, used), others) in self.nodes.into_iter().zip(self.used).zip(others) {
            parents.push(grown.parent);
            let issued = grown.issued.map(|at| &self.lineage.issued()[at]);
            let shared = used.shared.into_iter().map(|(fit, counted)| SharedUses {
                strength: fit.strength,
                basis: fit.basis,
                others: rivals(self.lineage, &fit.others),
                uses: counted.finish(),
            });
            let mut told = Node { others, shared_uses: shared.collect(), ..node(issued, grown.link, used.own) };
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

    /// The calls that may have issued what a node's call was made with, other than those of the node above.
    fn others_of(&self, grown: &Grown) -> Vec<Rival> {
        let Some((at, parent)) = grown.issued.zip(grown.parent).filter(|_| grown.link.is_some()) else { return Vec::new() };
        let fit = self.fits_of_call(at).into_iter().find(|fit| fit.node == parent);
        fit.map_or_else(Vec::new, |fit| rivals(self.lineage, &fit.others))
    }
}

fn rivals(lineage: &Lineage, calls: &[usize]) -> Vec<Rival> {
    calls.iter().map(|at| Rival::of(&lineage.issued()[*at])).collect()
}

impl Rival {
    fn of(issued: &Issued) -> Self {
        Self {
            method: issued.what.method,
            event_time: issued.time.map(format_instant),
            caller: issued.caller_name(),
            access_key_id: issued.what.access_key_id.clone(),
            issued_to: issued.what.arn.clone(),
            refs: issued.refs.clone(),
        }
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
        others: Vec::new(),
        set_in_motion_by: Vec::new(),
        uses: uses.finish(),
        shared_uses: Vec::new(),
        children: Vec::new(),
        refs: issued.map(|i| i.refs.clone()).unwrap_or_default(),
    }
}

/// Events being read that were made with what stands in a tree.
struct Reading<'r, 'a> {
    tree: &'r Tree<'a>,
    known: HashMap<Holder, Vec<Fit>>,
    /// Of each node.
    used: Vec<Used>,
    settings: Vec<SetUp>,
}

impl<'r, 'a> Reading<'r, 'a> {
    fn of(tree: &'r Tree<'a>) -> Self {
        Self { tree, known: HashMap::new(), used: tree.nodes.iter().map(|_| Used::default()).collect(), settings: Vec::new() }
    }

    /// Runs `each` over the fits of an event that count.
    fn each_fit(&mut self, event: &Event<'_>, each: &mut dyn FnMut(&Fit, &mut Counted, &mut Vec<SetUp>)) {
        let (tree, holder) = (self.tree, Holder::of(event));
        let fits: Cow<'_, [Fit]> = if event.event_name.is_some_and(is_sign_in) {
            tree.fits_of_sign_in(&holder, event).into()
        } else {
            let of_holder = |holder: &Holder| tree.fits(holder, &tree.lineage.parents(holder, event.event_time));
            self.known.entry(holder).or_insert_with_key(of_holder).as_slice().into()
        };
        for fit in fits.iter().filter(|fit| is_of_stacks(event, tree.nodes[fit.node].stacks.as_ref())) {
            each(fit, self.used[fit.node].counted(fit), &mut self.settings);
        }
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), TimelineError> {
        self.each_fit(event, &mut |fit, counted, settings| {
            counted.take(fit.strength, event);
            settings.extend(SetUp::of(fit, event));
        });
        Ok(())
    }

    /// Takes events of which no more was read than counting needs, and reads the records of those that are to be told. False where one cannot be read so.
    async fn take_narrow(&mut self, narrow: &Narrow) -> Result<bool, TimelineError> {
        let mut whole: Vec<At> = Vec::new();
        narrow.each(&mut |at, event| {
            // A sign-in is told from others by its citation.
            if event.event_name.is_some_and(is_sign_in) {
                whole.push(at);
            } else {
                self.each_fit(event, &mut |fit, counted, _| counted.take_narrow(fit.strength, event, at));
            }
            Ok(())
        })?;
        let told: HashSet<At> = self.used.iter().flat_map(Used::chosen).collect();
        let Some(told) = narrow.whole(told).await? else { return Ok(false) };
        for batch in &told {
            for event in Events::of(batch)?.iter() {
                self.each_fit(&event, &mut |fit, counted, settings| {
                    counted.tell(&event);
                    settings.extend(SetUp::of(fit, &event));
                });
            }
        }
        let Some(whole) = narrow.whole(whole).await? else { return Ok(false) };
        whole.iter().try_for_each(|batch| Events::of(batch)?.iter().try_for_each(|event| self.take(&event)))?;
        Ok(true)
    }
}

impl SetUp {
    fn of(fit: &Fit, event: &Event<'_>) -> Option<Self> {
        Setting::of(event).map(|setting| Self { node: fit.node, others: fit.others.clone(), setting })
    }
}
