//! A call that issued credentials, with who made it.

use backtrail_model::issuance::{GET_SIGNIN_TOKEN, Issuance, IssuingCall, POD_IDENTITY, is_portal, is_sign_in, issuance};

use crate::event::Event;
use crate::lineage::Holder;
use crate::lineage::origin::outsider;
use crate::principal::{Principal, PrincipalKind};

/// What a call issued, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What, and to whom.
    pub what: Issuance,
    /// When, microseconds UTC.
    pub time: Option<i64>,
    /// How the call is cited; further records of the same call (another account's) follow the caller's own.
    pub refs: Vec<String>,
    /// Account that recorded it.
    pub account: Option<String>,
    /// Region that recorded it.
    pub region: Option<String>,
    /// `sharedEventID`: the same call in another account's trail.
    pub shared_event_id: Option<String>,
    /// Who called.
    pub holder: Holder,
    /// From where.
    pub source_ip_address: Option<String>,
}

impl Issued {
    /// Of an event; `None` where it issued nothing, or was refused.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let what = issuance(&IssuingCall {
            facts: event.facts(),
            account: event.recipient_account_id,
            region: event.aws_region,
            principal_id: event.user_identity_principal_id,
            arn: event.user_identity_arn,
            user_name: event.user_identity_user_name,
            identity_provider: event.user_identity_identity_provider,
        })?;
        Some(Self::by(event, what))
    }

    /// Who called, for reading.
    pub(crate) fn caller_name(&self) -> String {
        outsider(self).map_or_else(|| self.holder.principal.name.clone(), |(_, name, _)| name)
    }

    /// Who switched to the role, where it is a switch of roles in the console that says so.
    pub(super) fn switched_from(&self) -> Option<&str> {
        self.what.subject.as_deref().filter(|_| self.what.method == "SwitchRole")
    }

    /// The same, as a holder: the record's own is the session that was switched to.
    pub(super) fn switcher(&self) -> Option<Holder> {
        self.switched_from().and_then(Holder::of_console)
    }

    /// Everybody who may lead further up.
    pub(super) fn callers(&self) -> impl Iterator<Item = Holder> {
        std::iter::once(self.holder.clone()).chain(self.switcher())
    }

    /// The user of Identity Center for whom its portal was called, where this is such a call.
    pub(crate) fn asked_for(&self) -> Option<&str> {
        self.holder.principal.on_behalf_of.as_deref().filter(|_| is_portal(self.what.method))
    }

    /// Whether it is a call of Identity Center's portal for another user than the one on whose behalf this principal acts.
    pub(super) fn is_of_another(&self, principal: &Principal) -> bool {
        !is_one(self.asked_for(), principal.on_behalf_of.as_deref())
    }

    /// Whether the caller, the agent of a node, asked for the credentials of a pod: whoever acts with these is the pod, not the node.
    pub(super) fn is_for_pod(&self) -> bool {
        self.what.method == POD_IDENTITY
    }

    /// Whether EKS itself assumed the role for a pod: the same credentials as the agent's call gave it.
    pub(super) fn is_by_eks_for_pod(&self) -> bool {
        self.holder.principal.kind == PrincipalKind::Service && self.holder.principal.name == "pods.eks.amazonaws.com"
    }

    /// Whether it hands on the caller's own credentials: a token to sign in with opens a session of the same unique id and creation.
    pub(crate) fn hands_on_its_own(&self) -> bool {
        let own = self.holder.principal.access_key_id.as_ref();
        self.what.method == GET_SIGNIN_TOKEN && self.what.access_key_id.as_ref().is_none_or(|key| Some(key) == own)
    }

    /// What an event is known to have issued.
    pub(super) fn by(event: &Event<'_>, what: Issuance) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            time: event.event_time,
            refs: vec![event.citation()],
            account: own(event.recipient_account_id),
            region: own(event.aws_region),
            shared_event_id: own(event.shared_event_id),
            holder: if is_sign_in(what.method) { Holder::of_sign_in(event) } else { Holder::of(event) },
            source_ip_address: own(event.source_ip_address),
            what,
        }
    }
}

/// Whether two records name the same user of Identity Center, or one of them none.
pub(crate) fn is_one(asked: Option<&str>, acting: Option<&str>) -> bool {
    asked.zip(acting).is_none_or(|(asked, acting)| asked == acting)
}
