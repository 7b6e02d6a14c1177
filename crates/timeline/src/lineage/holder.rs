//! Who used credentials, as far as one event says: what lineage joins by.

use backtrail_model::arn::Arn;
use backtrail_model::issuance::GET_SIGNIN_TOKEN;
use backtrail_model::time::MICROS_PER_SECOND;
use serde::Serialize;
use serde_json::Value;

use crate::event::Event;
use crate::principal::Principal;

/// The workload that credentials were issued to, as CloudTrail itself says (`userIdentity.inScopeOf`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Workload {
    /// `AWS::EC2::Instance`, `AWS::Lambda::Function`, ...
    pub issuer_type: Option<String>,
    /// Its ARN.
    pub credentials_issued_to: Option<String>,
}

/// The principal of an event with everything that tells its credentials from others'.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The principal.
    pub principal: Principal,
    /// `creationDate`: when the session's credentials were issued, microseconds UTC.
    pub created: Option<i64>,
    /// `signInSessionArn`: the console session.
    pub sign_in_session_arn: Option<String>,
    /// `ec2RoleDelivery`: the credentials came from an instance's metadata service of this version.
    pub ec2_role_delivery: Option<String>,
    /// `assumedRoot` of a root identity: the session is not the root user's own, but one that AssumeRoot gave somebody.
    pub assumed_root: bool,
    /// The event is a sign-in to the console.
    pub signs_in: bool,
    /// Of a sign-in: it was refused, as its `errorMessage` says (IAM user guide, "console sign-in events").
    pub is_refused: bool,
    /// When a role's session signed in whose record does not say when it was created.
    pub signed_in_at: Option<i64>,
    /// The workload.
    pub workload: Option<Workload>,
    /// Of a federated user: who called GetFederationToken, as the record of each use says (`sessionIssuer`). The session's own name is one that the
    /// caller chose.
    pub issuer: Option<Box<Principal>>,
}

impl Holder {
    /// Of an event.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        Self {
            principal: Principal::of(event),
            created: event.session_creation_date,
            sign_in_session_arn: event.session_sign_in_session_arn.map(str::to_owned),
            ec2_role_delivery: event.session_ec2_role_delivery.map(str::to_owned),
            assumed_root: event.user_identity_type == Some("Root") && event.session_assumed_root == Some(true),
            signs_in: signs_in(event),
            is_refused: is_refused(event),
            signed_in_at: signed_in_at(event).filter(|_| signs_in(event)),
            workload: event.user_identity_in_scope_of.and_then(workload),
            issuer: issuer(event).map(Box::new),
        }
    }

    /// Whoever called GetFederationToken for this one, as a holder of keys that the record does not name.
    pub(super) fn federated_by(&self) -> Option<Self> {
        let principal = self.issuer.as_deref()?.clone();
        Some(Self { issuer: None, ..Self::of_principal(principal) })
    }

    fn of_principal(principal: Principal) -> Self {
        Self { principal, ..Self::of(&Event::default()) }
    }

    /// Of a call whose method tells that it is a sign-in: the table of what was issued has no event types.
    pub(super) fn of_sign_in(event: &Event<'_>) -> Self {
        Self { signs_in: true, signed_in_at: signed_in_at(event), ..Self::of(event) }
    }

    /// Of a principal that another event names by its ARN, as somebody who works in the console.
    pub(super) fn of_console(arn: &str) -> Option<Self> {
        let user_identity_type = Some(identity_type(&Arn::parse(arn)?)?);
        let (user_identity_arn, session_credential_from_console) = (Some(arn), Some(true));
        Some(Self::of(&Event { user_identity_type, user_identity_arn, session_credential_from_console, ..Event::default() }))
    }

    /// What tells a session from others of its name: its unique id and the second of its creation.
    #[must_use]
    pub fn session(&self) -> Option<(String, i64)> {
        self.principal.principal_id.clone().zip(self.created.map(second))
    }

    /// About when the session began, as far as the event says.
    pub(super) fn since(&self) -> Option<i64> {
        self.created.or(self.signed_in_at)
    }

    /// Whether the credentials last for a session only, so that some call must have issued them.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use crate::principal::PrincipalKind;
        let by_key = self.principal.access_key_id.as_deref().map(|k| k.starts_with("ASIA"));
        match self.principal.kind {
            PrincipalKind::AssumedRole | PrincipalKind::FederatedUser => true,
            PrincipalKind::IamUser | PrincipalKind::Root => by_key.unwrap_or(self.created.is_some()),
            _ => by_key.unwrap_or(false),
        }
    }
}

/// `userIdentity.type` of whoever has this ARN (IAM user guide, "unique identifiers" and "IAM ARNs").
pub(crate) fn identity_type(arn: &Arn<'_>) -> Option<&'static str> {
    match (arn.service(), arn.resource_type().unwrap_or(arn.resource())) {
        ("iam", "user") => Some("IAMUser"),
        ("iam", "root") => Some("Root"),
        ("sts", "assumed-role") => Some("AssumedRole"),
        ("sts", "federated-user") => Some("FederatedUser"),
        _ => None,
    }
}

fn issuer(event: &Event<'_>) -> Option<Principal> {
    let arn = event.session_issuer_arn.filter(|_| is_federated(event))?;
    Some(Principal::of(&Event {
        user_identity_type: Some(identity_type(&Arn::parse(arn)?)?),
        user_identity_arn: Some(arn),
        user_identity_principal_id: event.session_issuer_principal_id,
        user_identity_user_name: event.session_issuer_user_name,
        user_identity_account_id: event.user_identity_account_id,
        recipient_account_id: event.recipient_account_id,
        ..Event::default()
    }))
}

fn is_federated(event: &Event<'_>) -> bool {
    event.user_identity_type == Some("FederatedUser")
}

/// Calls of the sign-in service by which nobody signs in: a token that a script may ask for, and what happens in a session already open.
const NO_SIGN_IN: [&str; 3] = ["ExitRole", GET_SIGNIN_TOKEN, "RenewRole"];

fn signs_in(event: &Event<'_>) -> bool {
    event.event_type == Some("AwsConsoleSignIn") && !event.event_name.is_some_and(|name| NO_SIGN_IN.contains(&name))
}

fn is_refused(event: &Event<'_>) -> bool {
    signs_in(event) && event.error_message.is_some_and(|message| !message.is_empty())
}

fn signed_in_at(event: &Event<'_>) -> Option<i64> {
    let is_role = event.user_identity_type == Some("AssumedRole") && event.session_creation_date.is_none();
    event.event_time.filter(|_| is_role)
}

/// Events state their time to the second, and so is `creationDate` compared.
pub(crate) fn second(time: i64) -> i64 {
    time.div_euclid(MICROS_PER_SECOND)
}

/// Writes all that [`Holder::of`] reads, so that two events with one text have one holder: told without making it.
pub(super) fn write_key(event: &Event<'_>, key: &mut String) {
    let is_account = event.user_identity_type == Some("AWSAccount");
    let texts = [
        event.user_identity_type,
        event.user_identity_principal_id,
        event.user_identity_arn,
        event.user_identity_account_id,
        event.user_identity_access_key_id,
        event.user_identity_user_name,
        event.user_identity_invoked_by,
        event.user_identity_identity_provider,
        event.user_identity_on_behalf_of_user_id,
        event.user_identity_in_scope_of,
        event.session_issuer_arn,
        event.session_issuer_user_name,
        event.session_issuer_principal_id.filter(|_| is_federated(event)),
        event.session_source_identity,
        event.session_ec2_role_delivery,
        event.session_sign_in_session_arn,
        event.recipient_account_id,
        // A service that does not say who it is has the name of the service it called.
        event.event_source.filter(|_| event.user_identity_type == Some("AWSService") && event.user_identity_invoked_by.is_none()),
        event.event_type.filter(|_| signs_in(event)),
        event.shared_event_id.filter(|_| is_account),
    ];
    for text in texts {
        key.push_str(text.unwrap_or("\u{1}"));
        key.push('\u{1f}');
    }
    for time in [event.session_creation_date, signed_in_at(event).filter(|_| signs_in(event))] {
        // No event is of the end of time.
        push_number(time.unwrap_or(i64::MAX), key);
    }
    key.push(if is_refused(event) { 'x' } else { '.' });
    for flag in [event.session_mfa_authenticated, event.session_credential_from_console, event.session_assumed_root] {
        key.push(flag.map_or('?', |flag| if flag { '1' } else { '0' }));
    }
}

/// A number in characters of six bits each: it is told apart, not read, and asked for once for every event.
fn push_number(number: i64, key: &mut String) {
    const BITS: u32 = 6;
    let mut rest = number.cast_unsigned();
    for _ in 0..u64::BITS.div_ceil(BITS) {
        let bits = u8::try_from(rest & 0x3f).unwrap_or_default();
        key.push(char::from(b'@' + bits));
        rest >>= BITS;
    }
}

fn workload(text: &str) -> Option<Workload> {
    let scope: Value = serde_json::from_str(text).ok()?;
    let own = |key: &str| scope.get(key).and_then(Value::as_str).map(str::to_owned);
    let workload = Workload { issuer_type: own("issuerType"), credentials_issued_to: own("credentialsIssuedTo") };
    (workload.issuer_type.is_some() || workload.credentials_issued_to.is_some()).then_some(workload)
}
