//! Calls that issue credentials, and what they issue (domain reference 2.2; AWS STS, IAM, Sign-In and Roles Anywhere API references).

use std::cell::OnceCell;

use crate::arn::{Arn, partition_of_region};
use crate::borrowed::Borrowed;
use crate::calls::{action_name, service_of};
use crate::outcome::{Facts, Outcome, classify};

/// The call by which a session's credentials are exchanged for a token to sign in to the console with.
pub const GET_SIGNIN_TOKEN: &str = "GetSigninToken";

/// The call by which the agent of EKS Pod Identity, with the credentials of its node, gets those of a pod (EKS Auth API reference).
pub const POD_IDENTITY: &str = "AssumeRoleForPodIdentity";

/// What the subject of a Kubernetes service account begins with, as its tokens have it.
pub const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The sign-in to the console with a password, or through an identity provider.
pub const CONSOLE_LOGIN: &str = "ConsoleLogin";

/// Services and actions of calls that issue credentials.
const ISSUING: &[(&str, &str)] = &[
    ("cognito-identity", "GetCredentialsForIdentity"),
    ("eks-auth", POD_IDENTITY),
    ("iam", "CreateAccessKey"),
    ("iam", "CreateLoginProfile"),
    ("iam", "UpdateLoginProfile"),
    ("rolesanywhere", "CreateSession"),
    ("signin", CONSOLE_LOGIN),
    ("signin", "SwitchRole"),
    ("signin", "CreateOAuth2Token"),
    ("signin", GET_SIGNIN_TOKEN),
    ("sso", "Federate"),
    ("sso", "GetRoleCredentials"),
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithSAML"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoot"),
    ("sts", "GetFederationToken"),
    ("sts", "GetSessionToken"),
];

/// Of these, what lasts until somebody takes it back: keys, passwords, tokens that are renewed.
pub const LASTING: [&str; 4] = ["CreateAccessKey", "CreateLoginProfile", "CreateOAuth2Token", "UpdateLoginProfile"];

/// A call, as far as it tells what it issued.
#[derive(Debug, Clone, Copy, Default)]
pub struct IssuingCall<'a> {
    /// What kind of call, and what became of it.
    pub facts: Facts<'a>,
    /// `recipientAccountId`.
    pub account: Option<&'a str>,
    /// `awsRegion`.
    pub region: Option<&'a str>,
    /// `userIdentity.principalId`.
    pub principal_id: Option<&'a str>,
    /// `userIdentity.arn`.
    pub arn: Option<&'a str>,
    /// `userIdentity.userName`.
    pub user_name: Option<&'a str>,
    /// `userIdentity.identityProvider`.
    pub identity_provider: Option<&'a str>,
}

/// What a call issued, and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issuance {
    /// The API action, as in `AssumeRole`.
    pub method: &'static str,
    /// The key issued, where the record names it.
    pub access_key_id: Option<String>,
    /// Unique id of the session or user it is for: `AROA…:session`, `AIDA…`.
    pub principal_id: Option<String>,
    /// ARN of the session or user it is for. Of a portal call of Identity Center: `<account>/<permission set>`.
    pub arn: Option<String>,
    /// Who an identity provider vouched for: SAML subject, OpenID subject, identity of a pool of Cognito, certificate and its trust anchor. Of `SwitchRole` the ARN of who switched (`SwitchFrom`).
    pub subject: Option<String>,
    /// Whether IAM Identity Center assumed the role: then the key used later is another one than the key logged here.
    pub by_identity_center: bool,
}

/// The action's name, where a call of that name issues credentials.
#[must_use]
pub fn issuing_method(event_source: &str, event_name: &str) -> Option<&'static str> {
    // Most events are something else: seen by a few bytes.
    if !matches!(event_name.as_bytes().first(), Some(b'A' | b'C' | b'F' | b'G' | b'S' | b'U')) {
        return None;
    }
    let action = action_name(event_name);
    let (service, method) = ISSUING.iter().find(|(_, a)| *a == action)?;
    (*service == service_of(event_source)).then_some(*method)
}

/// Whether a call of this method sets a user's password.
#[must_use]
pub fn sets_password(method: &str) -> bool {
    matches!(method, "CreateLoginProfile" | "UpdateLoginProfile")
}

/// Whether a call of this method opens a console session.
#[must_use]
pub fn is_sign_in(method: &str) -> bool {
    matches!(method, CONSOLE_LOGIN | "CreateOAuth2Token" | "SwitchRole")
}

/// Whether a call of this method is the access portal's of Identity Center: for the command line, or for the console.
#[must_use]
pub fn is_portal(method: &str) -> bool {
    matches!(method, "Federate" | "GetRoleCredentials")
}

/// The method of that name.
#[must_use]
pub fn known_method(name: &str) -> Option<&'static str> {
    ISSUING.iter().find(|(_, method)| *method == name).map(|(_, method)| *method)
}

/// What a call issued; `None` where it issued nothing, or was refused.
#[must_use]
pub fn issuance(call: &IssuingCall<'_>) -> Option<Issuance> {
    let method = issuing_method(call.facts.event_source?, call.facts.event_name?)?;
    if classify(&call.facts) != Outcome::Ok {
        return None;
    }
    let parts = Parts {
        call,
        request: Json::of(call.facts.request_parameters),
        response: Json::of(call.facts.response_elements),
        details: Json::of(call.facts.service_event_details),
        additional: Json::of(call.facts.additional_event_data),
    };
    let child = parts.child(method)?;
    let by_identity_center = method == "AssumeRoleWithSAML" && parts.is_identity_centers();
    Some(Issuance { method, subject: parts.subject(method), by_identity_center, ..child })
}

struct Parts<'a> {
    call: &'a IssuingCall<'a>,
    request: Json<'a>,
    response: Json<'a>,
    details: Json<'a>,
    additional: Json<'a>,
}

/// A field of the record, parsed when it is first asked: most calls say all in one.
struct Json<'a> {
    text: Option<&'a str>,
    value: OnceCell<Borrowed<'a>>,
}

impl<'a> Json<'a> {
    fn of(text: Option<&'a str>) -> Self {
        Self { text, value: OnceCell::new() }
    }

    fn value(&self) -> &Borrowed<'a> {
        self.value.get_or_init(|| self.text.map(Borrowed::of).unwrap_or_default())
    }
}

fn text(json: &Json<'_>, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(json.value(), |at, key| match at {
        // A list of one credential set is looked through.
        Borrowed::Array(items) => items.first()?.get(key),
        other => other.get(key),
    })?;
    found.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

impl Parts<'_> {
    fn child(&self, method: &str) -> Option<Issuance> {
        let own = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let call = self.call;
        let key = || text(&self.response, &["credentials", "accessKeyId"]);
        let caller = || (own(call.principal_id), own(call.arn));
        let child = match method {
            "AssumeRole" | "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" | POD_IDENTITY => Issuance {
                access_key_id: key(),
                principal_id: self.role_session_id(),
                arn: text(&self.response, &["assumedRoleUser", "arn"]).or_else(|| self.session_arn()),
                ..Issuance::default()
            },
            "CreateSession" => Issuance {
                access_key_id: text(&self.response, &["credentialSet", "credentials", "accessKeyId"]),
                principal_id: text(&self.response, &["credentialSet", "assumedRoleUser", "assumedRoleId"]),
                arn: text(&self.response, &["credentialSet", "assumedRoleUser", "arn"]),
                ..Issuance::default()
            },
            "AssumeRoot" => {
                let account = text(&self.request, &["targetPrincipal"])?;
                let account = account.rsplit(':').nth(1).filter(|_| account.starts_with("arn:")).unwrap_or(&account).to_owned();
                let partition = partition_of_region(self.call.region.unwrap_or_default());
                Issuance {
                    access_key_id: key(),
                    arn: Some(format!("arn:{partition}:iam::{account}:root")),
                    principal_id: Some(account),
                    ..Issuance::default()
                }
            }
            "GetSessionToken" | GET_SIGNIN_TOKEN => {
                let (principal_id, arn) = caller();
                Issuance { access_key_id: key(), principal_id, arn, ..Issuance::default() }
            }
            "GetFederationToken" => Issuance {
                access_key_id: key(),
                principal_id: text(&self.response, &["federatedUser", "federatedUserId"]),
                arn: text(&self.response, &["federatedUser", "arn"]),
                ..Issuance::default()
            },
            "GetCredentialsForIdentity" => Issuance { access_key_id: key(), ..Issuance::default() },
            "CreateAccessKey" => Issuance {
                access_key_id: text(&self.response, &["accessKey", "accessKeyId"]),
                arn: self.user_arn().or_else(|| own(call.arn)),
                ..Issuance::default()
            },
            method if sets_password(method) => Issuance { arn: self.user_arn(), ..Issuance::default() },
            CONSOLE_LOGIN | "SwitchRole" | "CreateOAuth2Token" => {
                let (principal_id, arn) = caller();
                Issuance { principal_id, arn, ..Issuance::default() }
            }
            method if is_portal(method) => {
                // No key and no ARN: the account and the permission set are all there is.
                let (account, role) = (text(&self.details, &["account_id"])?, text(&self.details, &["role_name"])?);
                Issuance { arn: Some(portal_target(&account, &role)), ..Issuance::default() }
            }
            _ => return None,
        };
        (child.access_key_id.is_some() || child.principal_id.is_some() || child.arn.is_some()).then_some(child)
    }

    /// Unique id of a role's session: the API of EKS Auth spells it in its own way.
    fn role_session_id(&self) -> Option<String> {
        let named = |key| text(&self.response, &["assumedRoleUser", key]);
        named("assumedRoleId").or_else(|| named("assumeRoleId"))
    }

    /// ARN of the session a call asked for, where the answer does not name it: services that assume a role get credentials alone.
    fn session_arn(&self) -> Option<String> {
        let (role, session) = (text(&self.request, &["roleArn"])?, text(&self.request, &["roleSessionName"])?);
        let role = Arn::parse(&role).filter(|a| a.service() == "iam" && a.resource_type() == Some("role"))?;
        Some(format!("arn:{}:sts::{}:assumed-role/{}/{session}", role.partition(), role.account(), role.name()))
    }

    /// ARN of the user a call of IAM names; its path is not known where only the name is.
    fn user_arn(&self) -> Option<String> {
        let own = self.call.arn.filter(|_| text(&self.request, &["userName"]).is_none()).and_then(Arn::parse);
        // The root user's own: whatever the answer calls it, it is no user of that name.
        if let Some(root) = own.filter(|arn| arn.service() == "iam" && arn.resource() == "root") {
            return Some(root.as_str().to_owned());
        }
        let user = text(&self.response, &["accessKey", "userName"])
            .or_else(|| text(&self.response, &["loginProfile", "userName"]))
            .or_else(|| text(&self.request, &["userName"]))?;
        let account = self.call.account?;
        Some(format!("arn:{}:iam::{account}:user/{user}", partition_of_region(self.call.region.unwrap_or_default())))
    }

    fn subject(&self, method: &str) -> Option<String> {
        if method == "SwitchRole" {
            return text(&self.additional, &["SwitchFrom"]);
        }
        match method {
            "CreateSession" => return self.certificate(),
            "GetCredentialsForIdentity" => {
                return text(&self.response, &["identityId"]).or_else(|| text(&self.request, &["identityId"]));
            }
            "AssumeRole" | POD_IDENTITY => return self.service_account(),
            _ => {}
        }
        text(&self.response, &["subject"])
            .or_else(|| text(&self.response, &["subjectFromWebIdentityToken"]))
            .or_else(|| self.call.user_name.map(str::to_owned).filter(|_| self.call.identity_provider.is_some()))
    }

    /// The Kubernetes service account whose pod got the credentials: EKS Auth's answer names it, and so do the tags of the session that EKS asks for (EKS
    /// user guide, "Grant Pods access to AWS resources based on tags"). Anybody may ask for such tags: who called tells what they are worth.
    fn service_account(&self) -> Option<String> {
        // Nearly all roles are assumed for somebody else: seen without parsing.
        let is_told = |json: &Json<'_>| json.text.is_some_and(|text| text.contains("erviceAccount") || text.contains("kubernetes-"));
        if !is_told(&self.request) && !is_told(&self.response) {
            return None;
        }
        let told = |key| text(&self.response, &["subject", key]);
        let tags = self.request.value().get("tags").and_then(Borrowed::as_array);
        let tag = |key: &str| {
            let tag = tags?.iter().find(|tag| tag.get("key").and_then(Borrowed::as_str) == Some(key))?;
            Some(tag.get("value")?.as_str()?.to_owned())
        };
        let namespace = told("namespace").or_else(|| tag("kubernetes-namespace"))?;
        let account = told("serviceAccount").or_else(|| tag("kubernetes-service-account"))?;
        let cluster = text(&self.request, &["clusterName"]).or_else(|| tag("eks-cluster-name"));
        Some(match cluster {
            Some(cluster) => format!("{SERVICE_ACCOUNT}{namespace}:{account} in {cluster}"),
            None => format!("{SERVICE_ACCOUNT}{namespace}:{account}"),
        })
    }

    /// The certificate's subject, as the session declares it, else as Roles Anywhere files it; and who vouches for it: two authorities may
    /// certify the same name.
    fn certificate(&self) -> Option<String> {
        let name_of =
            |path: &[&str], from: &Json<'_>| text(from, path).map(|arn| Arn::parse(&arn).map_or(arn.as_str(), |a| a.resource()).to_owned());
        let declared = text(&self.response, &["credentialSet", "sourceIdentity"]);
        let subject = declared.or_else(|| name_of(&["subjectArn"], &self.response))?;
        Some(match name_of(&["trustAnchorArn"], &self.request) {
            Some(anchor) => format!("{subject} ({anchor})"),
            None => subject,
        })
    }

    /// Identity Center's own provider, or its portal as the issuer (domain reference 2.2).
    fn is_identity_centers(&self) -> bool {
        let provider = text(&self.request, &["principalArn"]).is_some_and(|p| p.contains(":saml-provider/AWSSSO_"));
        provider || text(&self.response, &["issuer"]).is_some_and(|i| i.starts_with("https://portal.sso."))
    }
}

/// Whether a text is an access key id: four letters that tell its kind (long-lived, temporary, bearer token, context-specific), then letters
/// and digits (IAM user guide, "unique identifiers").
/// A masked one (`AKIA****************`, `ASIAXXXXXXXXXXXXXXXX`) is not: it stands for many.
#[must_use]
pub fn is_access_key_id(text: &str) -> bool {
    let (kind, rest) = text.as_bytes().split_at_checked(4).unwrap_or_default();
    let plain = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    matches!(kind, b"AKIA" | b"ASIA" | b"ABIA" | b"ACCA")
        && (12..=124).contains(&rest.len())
        && rest.iter().all(plain)
        && rest.iter().any(|b| *b != rest[0])
}

/// What a call of the portal names, as the roles it makes can be compared with: `AWSReservedSSO_<permission set>_<hex>` of an account.
pub fn portal_target(account: &str, permission_set: &str) -> String {
    format!("{account}/{permission_set}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &'static str, request: &'static str, response: &'static str) -> Option<Issuance> {
        let source = if name.starts_with("Assume") || name.starts_with("GetF") { "sts.amazonaws.com" } else { "iam.amazonaws.com" };
        issuance(&IssuingCall {
            facts: Facts {
                event_source: Some(source),
                event_name: Some(name),
                request_parameters: Some(request),
                response_elements: Some(response),
                ..Facts::default()
            },
            account: Some("111122223333"),
            region: Some("cn-north-1"),
            principal_id: Some("AIDAX"),
            arn: Some("arn:aws-cn:iam::111122223333:user/ops/alice"),
            ..IssuingCall::default()
        })
    }

    #[test]
    fn whom_credentials_are_for() {
        let own = call("CreateAccessKey", "{}", r#"{"accessKey":{"accessKeyId":"AKIA1","userName":"alice"}}"#).unwrap();
        assert_eq!((own.access_key_id.as_deref(), own.arn.as_deref()), (Some("AKIA1"), Some("arn:aws-cn:iam::111122223333:user/alice")));
        let federated =
            r#"{"credentials":{"accessKeyId":"ASIA1"},"federatedUser":{"federatedUserId":"1:f","arn":"arn:aws:sts::1:federated-user/f"}}"#;
        assert_eq!(call("GetFederationToken", "{}", federated).unwrap().principal_id.as_deref(), Some("1:f"));
        // Answers to services name no session: the request does.
        let request = r#"{"roleArn":"arn:aws:iam::111122223333:role/service-role/Web","roleSessionName":"i-1"}"#;
        let service = call("AssumeRole", request, r#"{"credentials":{"accessKeyId":"ASIA1"}}"#).unwrap();
        assert_eq!(service.arn.as_deref(), Some("arn:aws:sts::111122223333:assumed-role/Web/i-1"));
        let root = call("AssumeRoot", r#"{"targetPrincipal":"444455556666"}"#, r#"{"credentials":{"accessKeyId":"ASIA1"}}"#).unwrap();
        assert_eq!(root.arn.as_deref(), Some("arn:aws-cn:iam::444455556666:root"));
    }

    #[test]
    fn pods_are_told_by_their_service_account() {
        let answer = r#"{"subject":{"namespace":"shop","serviceAccount":"pay"},"assumedRoleUser":{"arn":"arn:aws:sts::1:assumed-role/Pay/eks-c-p-1",
            "assumeRoleId":"AROA1:eks-c-p-1"},"credentials":{"accessKeyId":"ASIA1"}}"#;
        let issued = issuance(&IssuingCall {
            facts: Facts {
                event_source: Some("eks-auth.amazonaws.com"),
                event_name: Some(POD_IDENTITY),
                request_parameters: Some(r#"{"clusterName":"c"}"#),
                response_elements: Some(answer),
                ..Facts::default()
            },
            ..IssuingCall::default()
        })
        .unwrap();
        assert_eq!(issued.subject.as_deref(), Some("system:serviceaccount:shop:pay in c"));
        assert_eq!(issued.principal_id.as_deref(), Some("AROA1:eks-c-p-1"));
        let tags = r#"{"tags":[{"key":"eks-cluster-name","value":"c"},{"key":"kubernetes-namespace","value":"shop"},
            {"key":"kubernetes-service-account","value":"pay"}]}"#;
        let by_sts = call("AssumeRole", tags, r#"{"credentials":{"accessKeyId":"ASIA1"}}"#).unwrap();
        assert_eq!(by_sts.subject, issued.subject);
        assert_eq!(call("AssumeRole", "{}", r#"{"credentials":{"accessKeyId":"ASIA1"}}"#).unwrap().subject, None);
    }

    #[test]
    fn the_root_users_own_key_is_no_users_of_that_name() {
        let call = |request| {
            issuance(&IssuingCall {
                facts: Facts {
                    event_source: Some("iam.amazonaws.com"),
                    event_name: Some("CreateAccessKey"),
                    request_parameters: request,
                    response_elements: Some(r#"{"accessKey":{"accessKeyId":"AKIA1","userName":"root"}}"#),
                    ..Facts::default()
                },
                account: Some("111122223333"),
                arn: Some("arn:aws:iam::111122223333:root"),
                ..IssuingCall::default()
            })
        };
        assert_eq!(call(None).unwrap().arn.as_deref(), Some("arn:aws:iam::111122223333:root"));
        assert_eq!(call(Some(r#"{"userName":"root"}"#)).unwrap().arn.as_deref(), Some("arn:aws:iam::111122223333:user/root"));
    }

    #[test]
    fn identity_center_is_known_by_its_provider() {
        let request = r#"{"principalArn":"arn:aws:iam::1:saml-provider/AWSSSO_0123_DO_NOT_DELETE"}"#;
        let response = r#"{"credentials":{"accessKeyId":"ASIA1"},"subject":"alice@example.org"}"#;
        let issued = call("AssumeRoleWithSAML", request, response).unwrap();
        assert_eq!((issued.by_identity_center, issued.subject.as_deref()), (true, Some("alice@example.org")));
        assert!(!call("AssumeRoleWithSAML", "{}", response).unwrap().by_identity_center);
    }

    #[test]
    fn what_issues_nothing() {
        assert_eq!(issuing_method("sts.amazonaws.com", "GetCallerIdentity"), None);
        assert_eq!(issuing_method("elasticbeanstalk.amazonaws.com", "CreateSession"), None);
        assert_eq!(call("AssumeRole", "{}", "null"), None, "neither a key nor a session is named");
    }

    #[test]
    fn masked_keys_are_none() {
        assert!(is_access_key_id("AKIAIOSFODNN7EXAMPLE") && is_access_key_id("ASIAVBW53AN5EZSWT2UV"));
        // Nor is the id of a user or role.
        assert!(!is_access_key_id("AIDATOPS27RHAGWPQ4EG3"));
        for masked in ["AKIA****************", "ASIAXXXXXXXXXXXXXXXX", "1111", "SAMPLE_ACCESS_KEY", "", "AKIA"] {
            assert!(!is_access_key_id(masked), "{masked}");
        }
    }
}
