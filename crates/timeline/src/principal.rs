//! Who one event names. Here the actor is the principal of the event; what a chain of sessions says goes on top of it.

use backtrail_model::arn::Arn;
use serde::Serialize;

use crate::event::Event;

/// Placeholder CloudTrail writes for a user name it will not repeat: never an identity.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// What S3 writes for the account of a caller without credentials: no account's id.
pub(crate) const ANONYMOUS: &str = "ANONYMOUS_PRINCIPAL";

/// What kind of principal an event names (domain reference 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    IamUser,
    /// A session of a role.
    AssumedRole,
    /// A session from GetFederationToken.
    FederatedUser,
    /// Somebody a SAML provider vouched for.
    SamlUser,
    /// Somebody an OpenID provider vouched for.
    WebIdentityUser,
    /// An Identity Center user.
    IdentityCenterUser,
    /// An AWS service.
    Service,
    /// Another account; its record names the principal, ours does not.
    Account,
    /// A caller without credentials: anybody.
    Anonymous,
    /// The record does not say.
    Unknown,
}

impl PrincipalKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::IamUser => "iam_user",
            Self::AssumedRole => "assumed_role",
            Self::FederatedUser => "federated_user",
            Self::SamlUser => "saml_user",
            Self::WebIdentityUser => "web_identity_user",
            Self::IdentityCenterUser => "identity_center_user",
            Self::Service => "service",
            Self::Account => "account",
            Self::Anonymous => "anonymous",
            Self::Unknown => "unknown",
        }
    }
}

/// Who an event names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Principal {
    /// What kind of principal.
    pub kind: PrincipalKind,
    /// For reading: `alice`, `Admin/alice@example.org` (role and session), `root of 111122223333`, `ec2.amazonaws.com`.
    pub name: String,
    /// ARN, where the event names one.
    pub arn: Option<String>,
    /// Account the principal belongs to.
    pub account: Option<String>,
    /// Unique id (`AIDA…`, `AROA…:session`): unlike the name it is never given twice.
    pub principal_id: Option<String>,
    /// Role with its path, for a session of a role; from the ARN of the session where the issuer is missing.
    pub role_arn: Option<String>,
    /// Session name: chosen by whoever assumed the role, so no proof of a person.
    pub session_name: Option<String>,
    /// Source identity: set once, carried through every further role.
    pub source_identity: Option<String>,
    /// Identity Center user on whose behalf the call was made.
    pub on_behalf_of: Option<String>,
    /// Service that made the call for the principal.
    pub invoked_by: Option<String>,
    /// Access key the call was signed with.
    pub access_key_id: Option<String>,
    /// Whether the session had multi-factor authentication; meaningless for federated users.
    pub mfa: Option<bool>,
    /// Whether a console session's credentials were used.
    pub from_console: Option<bool>,
}

impl Principal {
    /// The principal an event names.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let kind = kind_of(event);
        let own = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let session = (kind == PrincipalKind::AssumedRole).then(|| session_of(event)).flatten();
        Self {
            kind,
            name: name_of(event, kind),
            arn: own(event.user_identity_arn),
            account: own(event.user_identity_account_id.filter(|id| *id != ANONYMOUS))
                .or_else(|| event.user_identity_arn.and_then(Arn::parse).map(|a| a.account().to_owned()).filter(|a| !a.is_empty())),
            principal_id: own(event.user_identity_principal_id),
            role_arn: own(event.session_issuer_arn.filter(|_| kind == PrincipalKind::AssumedRole))
                .or_else(|| role_without_path(event, kind)),
            session_name: session.map(str::to_owned),
            source_identity: own(event.session_source_identity),
            on_behalf_of: own(event.user_identity_on_behalf_of_user_id),
            invoked_by: own(event.user_identity_invoked_by),
            access_key_id: own(event.user_identity_access_key_id),
            mfa: event.session_mfa_authenticated,
            from_console: event.session_credential_from_console,
        }
    }

    /// Whether a session's calls may bear another key than the one issued: the console, and services that act for it, sign with keys of their own.
    pub(crate) fn signs_with_other_keys(&self) -> bool {
        self.from_console == Some(true) || self.invoked_by.is_some()
    }

    /// The name, with the service that called on the principal's behalf.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.invoked_by {
            Some(service) if self.kind != PrincipalKind::Service && *service != self.name => format!("{} via {service}", self.name),
            _ => self.name.clone(),
        }
    }
}

fn kind_of(event: &Event<'_>) -> PrincipalKind {
    match event.user_identity_type {
        Some("Root") => PrincipalKind::Root,
        Some("IAMUser") => PrincipalKind::IamUser,
        Some("AssumedRole" | "Role") => PrincipalKind::AssumedRole,
        Some("FederatedUser") => PrincipalKind::FederatedUser,
        Some("SAMLUser") => PrincipalKind::SamlUser,
        Some("WebIdentityUser") => PrincipalKind::WebIdentityUser,
        Some("IdentityCenterUser") => PrincipalKind::IdentityCenterUser,
        Some("AWSService") => PrincipalKind::Service,
        Some("AWSAccount") if event.user_identity_account_id == Some(ANONYMOUS) => PrincipalKind::Anonymous,
        Some("AWSAccount") => PrincipalKind::Account,
        // Identity Center's own events of older versions say `Unknown` and name the user in `onBehalfOf` or `userName`.
        _ if event.user_identity_on_behalf_of_user_id.is_some() => PrincipalKind::IdentityCenterUser,
        _ if event.user_identity_arn.is_none() && event.user_identity_invoked_by.is_some() => PrincipalKind::Service,
        _ => PrincipalKind::Unknown,
    }
}

fn session_of<'a>(event: &Event<'a>) -> Option<&'a str> {
    let from_arn = event.user_identity_arn.and_then(Arn::parse).and_then(|a| a.role_session()).map(|(_, session)| session);
    from_arn.or_else(|| event.user_identity_principal_id?.split_once(':').map(|(_, session)| session))
}

/// `arn:…:iam::A:role/<name>` from a session's ARN, which has lost the role's path.
fn role_without_path(event: &Event<'_>, kind: PrincipalKind) -> Option<String> {
    if kind != PrincipalKind::AssumedRole {
        return None;
    }
    let session = event.user_identity_arn.and_then(Arn::parse)?;
    let (role, _) = session.role_session()?;
    Some(format!("arn:{}:iam::{}:role/{role}", session.partition(), session.account()))
}

fn name_of(event: &Event<'_>, kind: PrincipalKind) -> String {
    let arn = event.user_identity_arn.and_then(Arn::parse);
    let account = || event.user_identity_account_id.or_else(|| arn.map(|a| a.account())).or(event.recipient_account_id).unwrap_or("?");
    let user = event.user_identity_user_name.filter(|n| !n.is_empty() && *n != HIDDEN);
    let principal = event.user_identity_principal_id.filter(|p| !p.is_empty());
    match kind {
        PrincipalKind::Root => format!("root of {}", account()),
        PrincipalKind::AssumedRole => {
            let role = event.session_issuer_user_name.or_else(|| arn.and_then(|a| a.role_session()).map(|(role, _)| role));
            match (role, session_of(event)) {
                (Some(role), Some(session)) => format!("{role}/{session}"),
                (Some(role), None) => role.to_owned(),
                (None, session) => session.or(principal).unwrap_or("a role").to_owned(),
            }
        }
        PrincipalKind::FederatedUser => arn.map(|a| a.name()).or(user).or(principal).unwrap_or("a federated user").to_owned(),
        PrincipalKind::Service => event.user_identity_invoked_by.or(event.event_source).unwrap_or("an AWS service").to_owned(),
        PrincipalKind::Account => match principal {
            Some(id) => format!("{id} of account {}", account()),
            None => format!("account {}", account()),
        },
        PrincipalKind::Anonymous => "anonymous".to_owned(),
        PrincipalKind::IdentityCenterUser => {
            user.or(event.user_identity_on_behalf_of_user_id).or(principal).unwrap_or("an Identity Center user").to_owned()
        }
        PrincipalKind::IamUser | PrincipalKind::SamlUser | PrincipalKind::WebIdentityUser | PrincipalKind::Unknown => {
            let hidden = (event.user_identity_user_name == Some(HIDDEN)).then_some("an unknown user name");
            user.or_else(|| arn.map(|a| a.name())).or(hidden).or(principal).unwrap_or("unknown").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Event<'static> {
        Event {
            user_identity_type: Some("AssumedRole"),
            user_identity_arn: Some("arn:aws:sts::111122223333:assumed-role/Admin/alice"),
            user_identity_principal_id: Some("AROAEXAMPLE:alice"),
            session_issuer_arn: Some("arn:aws:iam::111122223333:role/ops/Admin"),
            session_issuer_user_name: Some("Admin"),
            ..Event::default()
        }
    }

    #[test]
    fn names() {
        let name = |event: Event<'_>| Principal::of(&event).name;
        assert_eq!(name(session()), "Admin/alice");
        assert_eq!(name(Event { session_issuer_user_name: None, ..session() }), "Admin/alice");
        assert_eq!(name(Event { user_identity_type: Some("Root"), user_identity_account_id: Some("1"), ..Event::default() }), "root of 1");
        assert_eq!(name(Event { user_identity_type: Some("IAMUser"), user_identity_user_name: Some("bob"), ..Event::default() }), "bob");
        assert_eq!(
            name(Event { user_identity_type: Some("IAMUser"), user_identity_user_name: Some(HIDDEN), ..Event::default() }),
            "an unknown user name"
        );
        let other = Event {
            user_identity_type: Some("AWSAccount"),
            user_identity_principal_id: Some("AIDAX"),
            user_identity_account_id: Some("2"),
            ..Event::default()
        };
        assert_eq!(name(other), "AIDAX of account 2");
        // As S3 records a request without credentials.
        let anybody = Event {
            user_identity_type: Some("AWSAccount"),
            user_identity_principal_id: Some(""),
            user_identity_account_id: Some("ANONYMOUS_PRINCIPAL"),
            recipient_account_id: Some("2"),
            ..Event::default()
        };
        let principal = Principal::of(&anybody);
        assert_eq!((principal.kind, principal.name.as_str(), principal.account), (PrincipalKind::Anonymous, "anonymous", None));
        assert_eq!(
            name(Event { user_identity_type: Some("AWSService"), user_identity_invoked_by: Some("ec2.amazonaws.com"), ..Event::default() }),
            "ec2.amazonaws.com"
        );
        assert_eq!(name(Event::default()), "unknown");
    }

    #[test]
    fn a_role_keeps_its_path_where_the_issuer_is_named() {
        assert_eq!(Principal::of(&session()).role_arn.as_deref(), Some("arn:aws:iam::111122223333:role/ops/Admin"));
        let bare = Event { session_issuer_arn: None, ..session() };
        assert_eq!(Principal::of(&bare).role_arn.as_deref(), Some("arn:aws:iam::111122223333:role/Admin"));
        assert_eq!(Principal::of(&bare).account.as_deref(), Some("111122223333"));
    }

    #[test]
    fn calls_on_behalf_name_both() {
        let event = Event { user_identity_invoked_by: Some("cloudformation.amazonaws.com"), ..session() };
        assert_eq!(Principal::of(&event).label(), "Admin/alice via cloudformation.amazonaws.com");
    }
}
