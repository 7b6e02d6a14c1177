//! The actor of an event: who its chain says is responsible.

use std::sync::{Arc, PoisonError, RwLock};

use backtrail_model::arn::Arn;
use hashbrown::HashMap;
use serde::Serialize;

use crate::event::Event;
use crate::lineage::holder::write_key;
use crate::lineage::origin::permission_set;
use crate::lineage::{Chain, Holder, Lineage, Missing, Origin, OriginKind, Path, Step, Strength};

/// Who is responsible for an event, as far as evidence goes, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// What kind of actor.
    pub kind: OriginKind,
    /// For reading: `alice`, `instance i-0abc`, `root of 111122223333`. Where several fit: `alice or bob`.
    pub name: String,
    /// How the kind is known.
    pub basis: &'static str,
    /// ARN of the origin, where evidence names one.
    pub arn: Option<String>,
    /// Unique id of the origin, where it has one.
    pub principal_id: Option<String>,
    /// Account of the origin.
    pub account: Option<String>,
    /// `sourceIdentity` of the session.
    pub source_identity: Option<String>,
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
        let agreed = chain.origin().cloned();
        let names = one_of(&chain.paths);
        let mut paths = chain.paths.into_iter();
        let Some(Path { steps, origin, missing }) = paths.next() else { return Self::alone(holder) };
        let others: Vec<Path> = paths.collect();
        let told = agreed.unwrap_or_else(|| Origin {
            kind: if others.iter().all(|p| p.origin.kind == origin.kind) { origin.kind } else { OriginKind::Unknown },
            name: names,
            basis: "several chains fit",
            arn: None,
            principal_id: None,
            account: None,
            source_identity: origin.source_identity.clone(),
        });
        Self {
            kind: told.kind,
            name: told.name,
            basis: told.basis,
            arn: told.arn,
            principal_id: told.principal_id,
            account: told.account,
            source_identity: told.source_identity.or_else(|| holder.principal.source_identity.clone()),
            via: via(&steps, holder, told.kind),
            strength: steps.iter().map(|s| s.strength).max(),
            chain: steps,
            others,
            missing,
        }
    }

    /// Of a principal nothing more is known of.
    fn alone(holder: &Holder) -> Self {
        Self::of(Lineage::default().chain(holder, None), holder)
    }

    /// `alice via Ops, Deploy`.
    #[must_use]
    pub fn label(&self) -> String {
        if self.via.is_empty() { self.name.clone() } else { format!("{} via {}", self.name, self.via.join(", ")) }
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
            "ConsoleLogin" | "SwitchRole" | "CreateOAuth2Token" | "GetSessionToken" | "GetRoleCredentials" | "UpdateLoginProfile" => None,
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
        // A sign-in has nothing but its time to tell which password it was made with.
        let is_timeless = event.event_type != Some("AwsConsoleSignIn");
        if is_timeless && let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let holder = self.lineage.in_full(Holder::of(event), event.shared_event_id);
        let at = (!is_timeless).then_some(event.event_time).flatten();
        let actor = Arc::new(Attribution::of(self.lineage.chain(&holder, at), &holder));
        if is_timeless {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&actor));
        }
        actor
    }
}
