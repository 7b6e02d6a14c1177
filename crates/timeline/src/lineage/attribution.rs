//! The actor of an event: who its chain says is responsible.

use std::sync::{Arc, PoisonError, RwLock};

use backtrail_model::arn::Arn;
use backtrail_model::issuance::{GET_SIGNIN_TOKEN, is_portal, is_sign_in};
use hashbrown::HashMap;
use serde::Serialize;

use crate::event::Event;
use crate::lineage::chain::{End, is_service};
use crate::lineage::holder::write_key;
use crate::lineage::motion::{Driven, Motions, Moved, Mover, Part, What, group_of, stack_of};
use crate::lineage::origin::{is_reserved, permission_set};
use crate::lineage::{Chain, Holder, Issued, Lineage, Link, Missing, Origin, OriginKind, Path, Step, Strength};
use crate::principal::PrincipalKind;

/// Who is responsible for an event, as far as evidence goes, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// The actor. Where several chains fit, its name is `alice or bob`.
    #[serde(flatten)]
    pub origin: Origin,
    /// Roles and users the chain leads through, from the origin down to the principal of the event.
    pub via: Vec<String>,
    /// The weakest link of the chain; `null` where there is none.
    pub strength: Option<Strength>,
    /// The calls that lead from the event up to the origin.
    pub chain: Vec<Step>,
    /// Other chains that fit as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Path>,
    /// Why the chain ends where it does, and what evidence would lead further.
    pub missing: Option<Missing>,
    /// The service that made the call: for itself, or for the actor (`via` ends with it, then).
    pub service: Option<String>,
    /// Who set the service or workload in motion, as far as evidence says; several where several calls fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_in_motion_by: Vec<Mover>,
}

impl Attribution {
    fn of(chain: Chain, holder: &Holder) -> Self {
        let (agreed, is_one, names) = (chain.origin().cloned(), chain.leads_to_one(), one_of(&chain.paths));
        let mut paths = chain.paths.into_iter();
        let Path { steps, origin, missing, .. } = paths.next().unwrap_or_else(|| Path::ending_at(holder, &End::at(holder), &[]));
        let others: Vec<Path> = paths.collect();
        let mut told = agreed.unwrap_or_else(|| Origin {
            kind: if others.iter().all(|p| p.origin.kind == origin.kind) { origin.kind } else { OriginKind::Unknown },
            name: names,
            basis: "several chains fit",
            arn: origin.arn.clone().filter(|_| is_one),
            principal_id: origin.principal_id.clone().filter(|_| is_one),
            account: origin.account.clone().filter(|_| is_one),
            source_identity: origin.source_identity,
        });
        // Identity Center's assertion has the name that the portal's record of the same user may lack.
        if holder.principal.kind == PrincipalKind::SamlUser && told.principal_id.as_ref() == Some(&told.name) {
            told.name.clone_from(&holder.principal.name);
        }
        let service = service(holder, &told).map(str::to_owned);
        told.source_identity = told.source_identity.or_else(|| holder.principal.source_identity.clone());
        Self {
            via: via(&steps, holder, told.kind),
            origin: told,
            strength: steps.iter().map(|s| s.strength).max(),
            chain: steps,
            others,
            missing,
            service,
            set_in_motion_by: Vec::new(),
        }
    }

    /// `alice via Ops, Deploy`.
    #[must_use]
    pub fn label(&self) -> String {
        if self.via.is_empty() { self.origin.name.clone() } else { format!("{} via {}", self.origin.name, self.via.join(", ")) }
    }
}

/// `alice or bob`, each once.
fn one_of(paths: &[Path]) -> String {
    let mut names: Vec<&str> = paths.iter().map(|p| p.origin.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" or ")
}

/// What the chain leads through: roles assumed, users given keys; and the service that called for the principal.
fn via(steps: &[Step], holder: &Holder, kind: OriginKind) -> Vec<String> {
    // The console assumes the role that somebody switches to: where that call is in evidence, it says so.
    let is_told_above = |at: usize| steps.get(at + 1).is_some_and(|above| above.issued_to == steps[at].issued_to);
    let name = |(at, step): (usize, &Step)| {
        let arn = Arn::parse(step.issued_to.as_deref()?)?;
        match step.method {
            "SwitchRole" if !is_told_above(at) => arn.role_session().map(|(role, _)| role.to_owned()),
            method if is_sign_in(method) => None,
            method if is_portal(method) => None,
            "GetSessionToken" | GET_SIGNIN_TOKEN | "UpdateLoginProfile" => None,
            // A user's own new key leads through nobody else.
            "CreateAccessKey" | "CreateLoginProfile" if step.caller.name == arn.name() || step.caller.arn == step.issued_to => None,
            _ => Some(arn.role_session().map_or_else(|| arn.name(), |(role, _)| role).to_owned()),
        }
    };
    let mut via: Vec<String> = steps.iter().enumerate().rev().filter_map(name).collect();
    let principal = &holder.principal;
    if steps.is_empty() {
        via.extend(principal.role_arn.as_deref().and_then(permission_set).map(str::to_owned));
        via.extend(holder.issuer.as_ref().map(|_| principal.name.clone()));
    }
    if kind != OriginKind::Service {
        via.extend(principal.invoked_by.clone().filter(|service| *service != principal.name));
    }
    via
}

/// The service that made a call, as the event or the chain names it.
fn service<'a>(holder: &'a Holder, origin: &'a Origin) -> Option<&'a str> {
    let by_itself = || Some(origin.name.as_str()).filter(|_| origin.kind == OriginKind::Service).filter(|name| is_service(name));
    let linked = || linked_service(holder.principal.role_arn.as_deref()?);
    holder.principal.invoked_by.as_deref().filter(|name| is_service(name)).or_else(by_itself).or_else(linked)
}

/// The service that a role is linked to: it alone can assume it, and the role's path names it.
fn linked_service(role_arn: &str) -> Option<&str> {
    role_arn.split_once(":role/aws-service-role/")?.1.split('/').next()
}

/// Whether a role is the one linked to Auto Scaling.
pub(super) fn is_auto_scaling(role_arn: Option<&str>) -> bool {
    role_arn.and_then(linked_service) == Some("autoscaling.amazonaws.com")
}

/// Whether a service acted with credentials that it was handed by whoever called it: then it was called by these. Not where it may have
/// assumed the role by itself: a role's session whose issue is not in evidence does not tell.
fn is_called(holder: &Holder, service: &str, path: &Path) -> bool {
    let principal = &holder.principal;
    match (principal.kind, path.steps.first()) {
        (PrincipalKind::IamUser | PrincipalKind::Root | PrincipalKind::FederatedUser | PrincipalKind::IdentityCenterUser, _) => true,
        (PrincipalKind::AssumedRole, Some(step)) => step.caller.kind != PrincipalKind::Service || step.caller.name != service,
        (PrincipalKind::AssumedRole, None) => principal.on_behalf_of.is_some() || principal.role_arn.as_deref().is_some_and(is_reserved),
        _ => false,
    }
}

/// Movers of movers told at most.
const DEEPEST: usize = 3;

/// Works out actors, each chain once.
#[derive(Debug, Default)]
pub struct Actors {
    lineage: Lineage,
    motions: Motions,
    known: RwLock<HashMap<String, Arc<Attribution>>>,
}

/// An event whose caller's record does not tell all: Identity Center makes the same assertion for every session of a user, and which call of its
/// portal it answers is told by what it issued; a switch of roles names the session that was switched to, and who switched apart from it; whoever
/// is vouched for from outside is named by the answer.
fn asserted(event: &Event<'_>) -> Option<Issued> {
    let is_vouched_for = matches!(event.user_identity_type, None | Some("SAMLUser" | "WebIdentityUser" | "Unknown"));
    let issued = Some(event).filter(|_| is_vouched_for || event.event_name == Some("SwitchRole")).and_then(Issued::of);
    issued.filter(|one| is_vouched_for || one.switched_from().is_some())
}

/// A sign-in has nothing but its time to tell which password it was made with, and its citation to tell it from the session that it opens.
fn is_at_a_time(event: &Event<'_>) -> bool {
    event.event_type == Some("AwsConsoleSignIn") || event.event_name.is_some_and(is_sign_in)
}

/// The citation of a sign-in, by which its record among the calls is told.
fn own(event: &Event<'_>) -> Option<String> {
    is_at_a_time(event).then(|| event.citation())
}

impl Lineage {
    /// Who made the call, in full, and the time that tells what it was made with where nothing else does.
    fn user_of(&self, event: &Event<'_>) -> (Holder, Option<i64>) {
        let holder = self.in_full(Holder::of(event), event.shared_event_id);
        (holder, is_at_a_time(event).then_some(event.event_time).flatten())
    }

    /// The calls that may have issued what an event was made with.
    pub(crate) fn behind(&self, event: &Event<'_>) -> Vec<Link<'_>> {
        let (holder, at) = self.user_of(event);
        match (asserted(event), self.sign_in(own(event).as_deref())) {
            (Some(one), _) => self.parents_of_call(&one),
            (None, Some(own)) => self.parents_of(own),
            (None, None) => self.parents(&holder, at),
        }
    }
}

impl Actors {
    /// By this lineage.
    #[must_use]
    pub fn new(lineage: Lineage) -> Self {
        Self { lineage, ..Self::default() }
    }

    /// By this lineage, and by what set things in motion.
    pub(super) fn with(lineage: Lineage, motions: Motions) -> Self {
        Self { lineage, motions, ..Self::default() }
    }

    fn attribution(&self, holder: &Holder, chain: Chain, depth: usize) -> Attribution {
        let movers = self.movers(holder, &chain, depth);
        Attribution { set_in_motion_by: movers, ..Attribution::of(chain, holder) }
    }

    /// Whose credentials these are, for callers that have their chain and no event.
    pub(crate) fn of_chain(&self, holder: &Holder, chain: Chain) -> Attribution {
        self.attribution(holder, chain, 0)
    }

    /// What is known of credentials.
    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Who set in motion what a holder did.
    fn movers(&self, holder: &Holder, chain: &Chain, depth: usize) -> Vec<Mover> {
        let service = holder.principal.invoked_by.as_deref().filter(|name| is_service(name));
        if !service.is_some_and(|service| chain.paths.iter().all(|path| is_called(holder, service, path))) {
            return self.set_up(holder, chain, depth);
        }
        let deeper = self.set_up(holder, chain, depth);
        let mut movers: Vec<Mover> = Vec::new();
        for path in &chain.paths {
            let mover = Mover::of_event(path.origin.clone(), via(&path.steps, holder, OriginKind::Service));
            movers.extend(Some(Mover { set_in_motion_by: deeper.clone(), ..mover }).filter(|new| !movers.contains(new)));
        }
        movers
    }

    /// Who set up what the chain begins with: the stack, the instance, the function. Nobody, where another chain that fits as well begins with
    /// something that nobody is known to have set up.
    fn set_up(&self, holder: &Holder, chain: &Chain, depth: usize) -> Vec<Mover> {
        if self.motions.is_empty() {
            return Vec::new();
        }
        let mut movers: Vec<Mover> = Vec::new();
        for path in &chain.paths {
            let top = path.top.and_then(|at| self.lineage.issued().get(at));
            let driven = top.and_then(Driven::issued).or_else(|| Driven::workload(top.map_or(holder, |one| &one.holder)));
            let known = driven.map(|driven| self.moved(&driven, depth)).unwrap_or_default();
            if known.is_empty() {
                return Vec::new();
            }
            for mover in known {
                movers.extend(Some(mover).filter(|new| !movers.contains(new)));
            }
        }
        movers
    }

    /// Who set this in motion, each with who set that one in motion.
    fn moved(&self, driven: &Driven<'_>, depth: usize) -> Vec<Mover> {
        let tell = |moved: Moved<'_>| {
            let setting = moved.setting;
            let chain = self.lineage.chain(&setting.holder, setting.time);
            let is_deepest = depth >= DEEPEST;
            let deeper =
                if is_deepest { Attribution::of(chain, &setting.holder) } else { self.attribution(&setting.holder, chain, depth + 1) };
            let chain = deeper.chain.into_iter().flat_map(|step| step.refs);
            let mut mover = moved.told(&driven.what, deeper.origin, deeper.via, chain);
            mover.set_in_motion_by = deeper.set_in_motion_by;
            let launch = setting.for_group().filter(|_| !is_deepest && is_auto_scaling(setting.holder.principal.role_arn.as_deref()));
            mover.set_in_motion_by.extend(launch.into_iter().flat_map(|group| self.moved(&group, depth + 1)));
            mover
        };
        self.motions.of(driven).into_iter().map(tell).collect()
    }

    /// What the event itself adds: the group that Auto Scaling launched for, the stack among several.
    fn by_event(&self, event: &Event<'_>, actor: Arc<Attribution>) -> Arc<Attribution> {
        let stacks = actor.set_in_motion_by.iter().filter(|m| m.part == Part::SetInMotion && m.subject.is_some()).count();
        if stacks > 1 {
            let Some(stack) = stack_of(event) else { return actor };
            let mut told = Attribution::clone(&actor);
            told.set_in_motion_by.retain(|m| m.subject.as_deref() == Some(&format!("stack {stack}")));
            return Arc::new(told);
        }
        if event.event_name != Some("RunInstances") || !is_auto_scaling(event.session_issuer_arn) {
            return actor;
        }
        let Some(group) = group_of(event) else { return actor };
        let (account, region) = (event.recipient_account_id, event.aws_region);
        let driven = Driven { what: What::Group(&group), account, region, time: event.event_time };
        let movers = self.moved(&driven, 0);
        Arc::new(Attribution { set_in_motion_by: movers, ..Attribution::clone(&actor) })
    }

    /// Who made the call, in full, and the ways up from there.
    fn chain_of(&self, event: &Event<'_>, asserted: Option<Issued>) -> (Holder, Chain) {
        let (holder, at) = self.lineage.user_of(event);
        let own = self.lineage.sign_in(own(event).as_deref());
        let chain = match asserted.as_ref().or_else(|| own.and_then(|own| self.lineage.issued().get(own))) {
            Some(one) => self.lineage.chain_of_call(one),
            None => self.lineage.chain(&holder, at),
        };
        (holder, chain)
    }

    /// The same, of an event that is itself asked about, and who is responsible for it.
    pub(crate) fn chain_to(&self, event: &Event<'_>) -> (Holder, Chain, Arc<Attribution>) {
        let (holder, chain) = self.chain_of(event, asserted(event));
        let actor = self.by_event(event, Arc::new(self.attribution(&holder, chain.clone(), 0)));
        (holder, chain, actor)
    }

    /// Who is responsible for an event.
    #[must_use]
    pub fn of(&self, event: &Event<'_>) -> Arc<Attribution> {
        let mut key = String::with_capacity(512);
        write_key(event, &mut key);
        let asserted = asserted(event);
        let is_timeless = !is_at_a_time(event) && asserted.is_none();
        if is_timeless && let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone) {
            return self.by_event(event, known);
        }
        let (holder, chain) = self.chain_of(event, asserted);
        let actor = Arc::new(self.attribution(&holder, chain, 0));
        if is_timeless {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&actor));
        }
        self.by_event(event, actor)
    }
}
