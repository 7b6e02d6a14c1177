//! Where a chain begins: what kind of actor that is, and how it is known.

use backtrail_model::arn::Arn;
use backtrail_model::issuance::{LASTING, SERVICE_ACCOUNT, is_sign_in};
use serde::Serialize;

use crate::lineage::motion::is_instance;
use crate::lineage::{Holder, Issued, Step, without_path};
use crate::principal::{Principal, PrincipalKind};

/// What kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// A person, as far as evidence says: signed in, vouched for by an identity provider, or with multi-factor authentication.
    Human,
    /// A program with a role of its own: an instance, a function, a container, a pipeline.
    Workload,
    /// An AWS service for itself.
    Service,
    /// The account's root user.
    Root,
    /// Another account, whose own record is not in evidence.
    ExternalAccount,
    /// Evidence does not say.
    Unknown,
}

impl OriginKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Workload => "workload",
            Self::Service => "service",
            Self::Root => "root",
            Self::ExternalAccount => "external_account",
            Self::Unknown => "unknown",
        }
    }
}

/// The actor a chain leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// What kind.
    pub kind: OriginKind,
    /// For reading: `alice`, `instance i-0abc`, `service account team:ci`, `root of 111122223333`.
    pub name: String,
    /// How the kind is known.
    pub basis: &'static str,
    /// ARN, where evidence names one.
    pub arn: Option<String>,
    /// Unique id of the principal there, where it has one: names are given again.
    pub principal_id: Option<String>,
    /// Account it belongs to.
    pub account: Option<String>,
    /// `sourceIdentity` of the session: what whoever began it declared, carried through every further role.
    pub source_identity: Option<String>,
}

/// Who an actor is, however much of it an event or a chain tells: its unique id where it has one, since names are given again. What a session
/// declared of itself and how the kind is known make nobody another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who {
    id: String,
    account: String,
}

impl Origin {
    /// Who it is; where no account is known to be its own, that which recorded what it did.
    pub(crate) fn who(&self, recorded_by: Option<&str>) -> Who {
        let is_named = matches!(self.kind, OriginKind::Service | OriginKind::Root);
        let id = self.principal_id.as_ref().or(self.arn.as_ref()).filter(|_| !is_named).unwrap_or(&self.name);
        let account = self.account.as_deref().or(recorded_by).unwrap_or_default();
        // A service acts in every account; it is one actor.
        Who { id: id.clone(), account: if self.kind == OriginKind::Service { String::new() } else { account.to_owned() } }
    }
}

/// What a chain begins with.
pub(super) struct Begun<'a> {
    /// Whose doing is explained: the bottom of the chain.
    pub(super) used: &'a Holder,
    /// Who acted with what the topmost call issued.
    pub(super) acting: &'a Holder,
    /// The topmost holder.
    pub(super) holder: &'a Holder,
    /// The call that this one made.
    pub(super) call: Option<&'a Issued>,
}

impl Origin {
    /// Of what a chain begins with, and its steps from there down to what was used.
    pub(super) fn of(begun: &Begun<'_>, steps: &[Step]) -> Self {
        let principal = &begun.holder.principal;
        let (kind, name, basis) = classify(begun, steps);
        let arn = match kind {
            // Each session of such a workload has another ARN, and none of these is the workload's.
            OriginKind::Workload if principal.kind == PrincipalKind::WebIdentityUser || name.starts_with("service account ") => None,
            OriginKind::Workload => workload_arn(begun, steps).or_else(|| principal.arn.clone()),
            _ if begun.holder.assumed_root => None,
            _ => principal.arn.clone(),
        };
        let principal_id = match kind {
            OriginKind::Workload if principal.kind == PrincipalKind::WebIdentityUser => principal.principal_id.clone(),
            // Its role's sessions have ids of their own; instances are never given an id twice.
            OriginKind::Workload => name.strip_prefix("instance ").filter(|id| is_instance(id)).map(str::to_owned),
            _ if begun.holder.assumed_root => None,
            // The portal's records have the user's id in the identity store instead.
            _ if principal.kind == PrincipalKind::IdentityCenterUser => {
                principal.principal_id.clone().or_else(|| principal.on_behalf_of.clone())
            }
            _ => principal.principal_id.clone(),
        };
        // Whoever is vouched for from outside has no account: that of the call, wherever it leads.
        let is_outside = matches!(principal.kind, PrincipalKind::SamlUser | PrincipalKind::WebIdentityUser | PrincipalKind::Unknown);
        // A workload is at home where the role is that a service gave it, whichever roles it assumed from there.
        let at_home = || steps.last().filter(|_| kind == OriginKind::Workload)?.issued_to.as_deref().and_then(Arn::parse);
        let home = || at_home().map(|arn| arn.account().to_owned()).filter(|account| !account.is_empty());
        let outside = || begun.call.filter(|_| is_outside)?.account.clone();
        let account = principal.account.clone().or_else(outside).or_else(home);
        Self { kind, name, basis, arn, principal_id, account, source_identity: principal.source_identity.clone() }
    }
}

/// Path of the roles that Identity Center makes.
const RESERVED: &str = ":role/aws-reserved/sso.amazonaws.com/";

/// Whether a role is one that Identity Center made: only it can assume these.
pub(crate) fn is_reserved(role_arn: &str) -> bool {
    role_arn.contains(RESERVED)
}

/// The permission set of a role that Identity Center made: `Admin` of `AWSReservedSSO_Admin_0123456789abcdef`.
pub(super) fn permission_set(role_arn: &str) -> Option<&str> {
    role_arn.rsplit('/').next().filter(|_| role_arn.contains(RESERVED)).and_then(set_of_role)
}

/// The permission set in the name of such a role, as sessions have it: without the path that proves it.
pub(super) fn set_of_role(name: &str) -> Option<&str> {
    name.strip_prefix("AWSReservedSSO_")?.rsplit_once('_').map(|(set, _)| set)
}

/// Services that give a workload the credentials of its role, and what the session is named after: the service chose that name.
const WORKLOADS: &[(&str, &str)] = &[
    ("codebuild", "build"),
    ("ec2", "instance"),
    ("ecs-tasks", "task"),
    ("edgelambda", "function"),
    ("glue", "job"),
    ("lambda", "function"),
    ("sagemaker", "job"),
    ("states", "state machine"),
    ("tasks.apprunner", "App Runner task"),
];
/// Systems Manager names the sessions of the machines it manages after them (Systems Manager user guide, "Default Host Management Configuration" and
/// "hybrid activations"). What it does by itself has sessions of other names.
const MANAGED: &str = "ssm";

const MANAGED_NODE: &str = "managed node";
const POD: &str = "pod";

/// What answers call workloads, each before its own name.
pub(crate) fn workload_words() -> impl Iterator<Item = &'static str> {
    WORKLOADS.iter().map(|(_, word)| *word).chain([MANAGED_NODE, POD])
}

type Told = (OriginKind, String, &'static str);

fn classify(begun: &Begun<'_>, steps: &[Step]) -> Told {
    let Begun { used, holder, call, .. } = *begun;
    let principal = &holder.principal;
    let name = principal.name.clone();
    if let Some(pod) = call.and_then(|call| pod(call, steps)) {
        return pod;
    }
    match principal.kind {
        PrincipalKind::Root if holder.assumed_root => {
            // Whoever else assumed root is another one.
            let with = principal.access_key_id.as_deref().map_or_else(String::new, |key| format!(" with {key}"));
            (
                OriginKind::Unknown,
                format!("{name}, assumed{with}"),
                "somebody with AssumeRoot: no call that issued the session is in evidence",
            )
        }
        PrincipalKind::Root => (OriginKind::Root, name, "the account's root user"),
        PrincipalKind::IamUser => user(used, holder, steps),
        PrincipalKind::SamlUser => (OriginKind::Human, vouched_for(call, name), "vouched for by a SAML provider"),
        PrincipalKind::IdentityCenterUser => (OriginKind::Human, portal_user(principal, steps), "user of IAM Identity Center"),
        PrincipalKind::WebIdentityUser => web_identity(call, name),
        PrincipalKind::Service => service(principal, steps),
        PrincipalKind::Account => (OriginKind::ExternalAccount, name, "record of another account"),
        PrincipalKind::Anonymous => (OriginKind::Unknown, name, "called without credentials: anybody"),
        PrincipalKind::Unknown => call.and_then(outsider).unwrap_or_else(|| session(holder)),
        PrincipalKind::AssumedRole | PrincipalKind::FederatedUser => session(holder),
    }
}

/// Who made a call that no credentials of AWS are needed for, as its answer names them: by a certificate, or as an identity of a pool of Cognito.
pub(super) fn outsider(call: &Issued) -> Option<Told> {
    if call.holder.principal.kind != PrincipalKind::Unknown {
        return None;
    }
    let subject = call.what.subject.as_deref();
    match call.what.method {
        "CreateSession" => Some((
            OriginKind::Unknown,
            subject.map_or_else(|| "a certificate".to_owned(), |subject| format!("certificate {subject}")),
            "X.509 certificate that IAM Roles Anywhere accepted: a person or a program",
        )),
        "GetCredentialsForIdentity" => Some((
            OriginKind::Unknown,
            subject.map_or_else(|| "a Cognito identity".to_owned(), |subject| format!("Cognito identity {subject}")),
            "vouched for by a Cognito identity pool: a person or a program",
        )),
        _ => None,
    }
}

/// A user, and how far what was used tells a person: sessions begun with multi-factor authentication say so, not the call that began them.
/// Whoever was given a key or a password by the user is another one, whose sign-ins and devices tell nothing of the user.
fn user(used: &Holder, holder: &Holder, steps: &[Step]) -> Told {
    let principal = &holder.principal;
    let given_away = steps.iter().rposition(gives_to_another);
    let own = &steps[given_away.unwrap_or(0)..];
    let used = Some(used).filter(|_| given_away.is_none());
    let signed_in = own.iter().any(|s| is_sign_in(s.method));
    let name = principal.name.clone();
    let is_in_console = |holder: &Holder| (holder.signs_in && !holder.is_refused) || holder.principal.from_console == Some(true);
    let has_mfa = |holder: &Holder| holder.principal.mfa == Some(true);
    if signed_in || used.is_some_and(is_in_console) || is_in_console(holder) {
        (OriginKind::Human, name, "signed in to the console")
    } else if used.is_some_and(has_mfa) || has_mfa(holder) || own.iter().any(|s| s.caller.mfa == Some(true)) {
        (OriginKind::Human, name, "multi-factor authentication")
    } else if holder.is_refused {
        (OriginKind::Unknown, name, "a refused sign-in to the console: whoever tried")
    } else {
        (OriginKind::Unknown, name, "a user's access key: a person or a program")
    }
}

/// Whether a call gave a user other than its caller a key or a password that lasts.
fn gives_to_another(step: &Step) -> bool {
    let is_callers = |to: &str| step.caller.arn.as_deref().is_some_and(|caller| without_path(caller) == without_path(to));
    LASTING.contains(&step.method) && step.issued_to.as_deref().is_some_and(|to| !is_callers(to))
}

/// The portal's records may name a user by id alone; the assertion that Identity Center makes for it has the name.
fn portal_user(principal: &Principal, steps: &[Step]) -> String {
    let asserted = steps.iter().rev().find(|s| s.caller.kind == PrincipalKind::SamlUser).map(|s| s.caller.name.clone());
    asserted.filter(|_| principal.on_behalf_of.as_ref() == Some(&principal.name)).unwrap_or_else(|| principal.name.clone())
}

fn vouched_for(call: Option<&Issued>, name: String) -> String {
    call.and_then(|c| c.what.subject.clone()).unwrap_or(name)
}

fn web_identity(call: Option<&Issued>, name: String) -> Told {
    let subject = vouched_for(call, name);
    if let Some(told) = service_account(&subject, "Kubernetes service account, vouched for by its cluster") {
        return told;
    }
    if subject.starts_with("repo:") || subject.starts_with("project_path:") {
        return (OriginKind::Workload, subject, "pipeline, vouched for by its provider");
    }
    (OriginKind::Unknown, subject, "vouched for by an OpenID provider: a person or a program")
}

fn service_account(subject: &str, basis: &'static str) -> Option<Told> {
    let account = subject.strip_prefix(SERVICE_ACCOUNT)?;
    Some((OriginKind::Workload, format!("service account {account}"), basis))
}

/// A pod that EKS gave the credentials of its role, asked by the agent on its node.
fn pod(call: &Issued, steps: &[Step]) -> Option<Told> {
    const BASIS: &str = "EKS Pod Identity gave it the credentials of its role";
    if !call.is_for_pod() && !call.is_by_eks_for_pod() {
        return None;
    }
    let session = || steps.last()?.issued_to.as_deref().and_then(Arn::parse)?.role_session().map(|(_, session)| session.to_owned());
    let by_account = call.what.subject.as_deref().and_then(|subject| service_account(subject, BASIS));
    by_account.or_else(|| Some((OriginKind::Workload, format!("{POD} {}", session()?), BASIS)))
}

fn service(principal: &Principal, steps: &[Step]) -> Told {
    let own = principal.name.clone();
    let service = own.strip_suffix(".amazonaws.com").unwrap_or(&own);
    let named = WORKLOADS.iter().find(|(s, _)| *s == service);
    let session = steps.last().and_then(|s| s.issued_to.as_deref()).and_then(Arn::parse).and_then(|a| a.role_session());
    match (named, session) {
        (Some((_, what)), Some((_, session))) => {
            (OriginKind::Workload, format!("{what} {session}"), "the service gave it the credentials of its role")
        }
        (None, Some((_, session))) if service == MANAGED && (is_instance(session) || session.starts_with("mi-")) => {
            let what = if is_instance(session) { "instance" } else { MANAGED_NODE };
            (OriginKind::Workload, format!("{what} {session}"), "Systems Manager gave it the credentials of its role")
        }
        _ => (OriginKind::Service, own, "called by the service"),
    }
}

/// A session whose issue is not in evidence.
fn session(holder: &Holder) -> Told {
    let principal = &holder.principal;
    let name = principal.name.clone();
    let role = principal.role_arn.as_deref().unwrap_or_default();
    // Only Identity Center can assume these, and it names the session after its user.
    let user = principal.session_name.clone().filter(|_| role.contains(RESERVED));
    let name = user.unwrap_or(name);
    if principal.on_behalf_of.is_some() {
        return (OriginKind::Human, name, "onBehalfOf names a user of IAM Identity Center");
    }
    if let Some(to) = holder.workload.as_ref().and_then(|w| w.credentials_issued_to.as_deref()) {
        return (OriginKind::Workload, workload_name(to), "inScopeOf: the credentials were issued to it");
    }
    if role.contains(":role/aws-service-role/") {
        return (OriginKind::Service, name, "role linked to a service");
    }
    if holder.ec2_role_delivery.is_some() {
        // Where AWS says so, the session's name is none that somebody chose.
        let instance = principal.session_name.as_deref().filter(|session| is_instance(session)).map(|id| format!("instance {id}"));
        return (OriginKind::Workload, instance.unwrap_or(name), "credentials delivered by an instance's metadata service");
    }
    if role.contains(RESERVED) {
        return (OriginKind::Human, name, "role of IAM Identity Center");
    }
    let basis = if principal.kind == PrincipalKind::Unknown {
        "the record does not say who called"
    } else {
        "no call that issued the session is in evidence"
    };
    (OriginKind::Unknown, name, basis)
}

/// A workload as it is called where the service's call for it is in evidence; by its ARN, where it is none of these.
fn workload_name(arn: &str) -> String {
    let named = Arn::parse(arn).and_then(|arn| match (arn.service(), arn.resource_type()?) {
        ("ec2", "instance") => Some(format!("instance {}", arn.name())),
        ("lambda", "function") => Some(format!("function {}", arn.name())),
        _ => None,
    });
    named.unwrap_or_else(|| arn.to_owned())
}

/// What the records say the credentials were issued to, else the session.
fn workload_arn(begun: &Begun<'_>, steps: &[Step]) -> Option<String> {
    let issued_to = |holder: &Holder| holder.workload.as_ref().and_then(|w| w.credentials_issued_to.clone());
    issued_to(begun.holder).or_else(|| issued_to(begun.acting)).or_else(|| steps.last()?.issued_to.clone())
}
