//! The actor of an event: who its chain says is responsible.

use std::sync::{Arc, PoisonError, RwLock};

use backtrail_model::arn::Arn;
use backtrail_model::issuance::{is_portal, is_sign_in};
use hashbrown::HashMap;
use serde::Serialize;

use crate::event::Event;
use crate::lineage::holder::write_key;
use crate::lineage::origin::permission_set;
use crate::lineage::{Chain, Holder, Issued, Lineage, Missing, Origin, OriginKind, Path, Step, Strength};
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
}

impl Attribution {
    fn of(chain: Chain, holder: &Holder) -> Self {
        let (agreed, names) = (chain.origin().cloned(), one_of(&chain.paths));
        let mut paths = chain.paths.into_iter();
        let Path { steps, origin, missing } = paths.next().unwrap_or_else(|| Path::ending_at(holder, &[]));
        let others: Vec<Path> = paths.collect();
        let mut told = agreed.unwrap_or_else(|| Origin {
            kind: if others.iter().all(|p| p.origin.kind == origin.kind) { origin.kind } else { OriginKind::Unknown },
            name: names,
            basis: "several chains fit",
            arn: None,
            principal_id: None,
            account: None,
            source_identity: origin.source_identity,
        });
        // Identity Center's assertion has the name that the portal's record of the same user may lack.
        if holder.principal.kind == PrincipalKind::SamlUser && told.principal_id.as_ref() == Some(&told.name) {
            told.name.clone_from(&holder.principal.name);
        }
        told.source_identity = told.source_identity.or_else(|| holder.principal.source_identity.clone());
        Self {
            via: via(&steps, holder, told.kind),
            origin: told,
            strength: steps.iter().map(|s| s.strength).max(),
            chain: steps,
            others,
            missing,
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
    let name = |step: &Step| {
        let arn = Arn::parse(step.issued_to.as_deref()?)?;
        match step.method {
            method if is_sign_in(method) => None,
            method if is_portal(method) => None,
            "GetSessionToken" | "UpdateLoginProfile" => None,
            // A user's own new key leads through nobody else.
            "CreateAccessKey" | "CreateLoginProfile" if step.caller.name == arn.name() => None,
            _ => Some(arn.role_session().map_or_else(|| arn.name(), |(role, _)| role).to_owned()),
        }
    };
    let mut via: Vec<String> = steps.iter().rev().filter_map(name).collect();
    let principal = &holder.principal;
    if steps.is_empty() {
        via.extend(principal.role_arn.as_deref().and_then(permission_set).map(str::to_owned));
    }
    if kind != OriginKind::Service {
        via.extend(principal.invoked_by.clone().filter(|service| *service != principal.name));
    }
    via
}

/// Works out actors, each chain once.
#[derive(Debug, Default)]
pub struct Actors {
    lineage: Lineage,
    known: RwLock<HashMap<String, Arc<Attribution>>>,
}

impl Actors {
    /// By this lineage.
    #[must_use]
    pub fn new(lineage: Lineage) -> Self {
        Self { lineage, known: RwLock::default() }
    }

    /// Who is responsible for an event.
    #[must_use]
    pub fn of(&self, event: &Event<'_>) -> Arc<Attribution> {
        let mut key = String::with_capacity(512);
        write_key(event, &mut key);
        // Identity Center makes the same assertion for every session of a user.
        let asserted = Some(event).filter(|e| e.user_identity_type == Some("SAMLUser")).and_then(Issued::of);
        let asserted = asserted.filter(|one| one.what.by_identity_center);
        // A sign-in has nothing but its time to tell which password it was made with.
        let is_timeless = event.event_type != Some("AwsConsoleSignIn") && asserted.is_none();
        if is_timeless && let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let holder = self.lineage.in_full(Holder::of(event), event.shared_event_id);
        let at = (!is_timeless).then_some(event.event_time).flatten();
        let chain = asserted.map_or_else(|| self.lineage.chain(&holder, at), |one| self.lineage.chain_of_call(&one));
        let actor = Arc::new(Attribution::of(chain, &holder));
        if is_timeless {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&actor));
        }
        actor
    }
}
