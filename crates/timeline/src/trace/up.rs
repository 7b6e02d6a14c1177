//! The ways up from what is traced: who used it, or was issued it, and the calls above.

use backtrail_model::arn::Arn;
use backtrail_model::issuance::LASTING;
use backtrail_model::time::format_instant;
use serde::Serialize;

use crate::event::Event;
use crate::lineage::{Actors, Attribution, BY_KEY, Chain, Holder, Issued, Mover, identity_type};
use crate::principal::Principal;

/// How the credentials that an ARN names are known to be a call's.
const BY_ARN: &str = "the call names this ARN as whom it issued them to";

/// One who used, made or was issued what was asked for, and the way up from there.
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
    /// Of somebody who used it.
    pub(super) fn of(actors: &Actors, holder: &Holder, at: Option<i64>) -> Self {
        let chain = actors.lineage().chain(holder, at);
        Self::by(holder, chain.clone(), &actors.of_chain(holder, chain))
    }

    /// Of whoever made a call that issued something.
    pub(super) fn of_call(actors: &Actors, one: &Issued) -> Self {
        let chain = actors.lineage().chain_of_call(one);
        Self::by(&one.holder, chain.clone(), &actors.of_chain(&one.holder, chain))
    }

    /// Of an event.
    pub(super) fn of_event(actors: &Actors, event: &Event<'_>) -> Self {
        let (holder, chain, actor) = actors.chain_to(event);
        Self::by(&holder, chain, &actor)
    }

    /// Of whoever a call issued it to: nothing in evidence was done with it.
    pub(super) fn of_issued(actors: &Actors, index: usize) -> Option<Self> {
        let issued = actors.lineage().issued().get(index)?;
        let chain = actors.lineage().chain_from(index, if issued.what.access_key_id.is_some() { BY_KEY } else { BY_ARN });
        let holder = issued_to(issued);
        Some(Self::by(&holder, chain.clone(), &actors.of_chain(&holder, chain)))
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

/// Whoever was issued something, as an event made with it would name them.
fn issued_to(issued: &Issued) -> Holder {
    let what = &issued.what;
    let arn = what.arn.as_deref().and_then(Arn::parse);
    let kind = arn.as_ref().and_then(identity_type);
    Holder::of(&Event {
        user_identity_type: kind,
        user_identity_arn: what.arn.as_deref(),
        user_identity_account_id: arn.map(|arn| arn.account()),
        user_identity_principal_id: what.principal_id.as_deref(),
        user_identity_access_key_id: what.access_key_id.as_deref(),
        user_identity_user_name: what.subject.as_deref().filter(|_| kind.is_none()),
        session_creation_date: issued.time.filter(|_| !LASTING.contains(&what.method)),
        ..Event::default()
    })
}
