//! Who calls: the `userIdentity` of a record, and the address and agent that go with it.

use std::borrow::Cow;

use super::clock::{self, HOUR};
use super::estate::{Estate, Person, Role, User};
use super::random::{Random, mix};
use super::template::Scene;

/// The kinds of caller a call of the catalogue is made by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// A service by itself: `AWSService`.
    Service(&'static str),
    /// A service through its service-linked role.
    Linked(&'static str),
    /// A virtual machine's role.
    Instance,
    /// A function's role.
    Lambda,
    /// A container's role.
    Task,
    /// A workload's role, the call being made by a service on its behalf.
    Via(&'static str),
    /// A scanner of the security account.
    Audit,
    /// The deployment role.
    Deploy,
    /// An IAM user's long-lived key.
    User,
    /// Somebody at the command line, through Identity Center.
    Person,
    /// Somebody in the console.
    Console,
    /// Identity Center, presenting somebody's assertion.
    Saml,
    /// The account's root user.
    Root,
}

/// A caller, ready to be written.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) identity: Identity<'a>,
    pub(crate) address: Cow<'a, str>,
    pub(crate) agent: Cow<'a, str>,
    /// A service made the call: no TLS details.
    pub(crate) by_service: bool,
    pub(crate) from_console: bool,
    pub(crate) endpoint: Option<&'a str>,
}

/// The forms of `userIdentity`.
#[derive(Debug, Clone)]
pub(crate) enum Identity<'a> {
    Service(&'a str),
    User {
        account: &'a str,
        user: &'a User,
    },
    /// A user's session: of the console, of GetSessionToken, or forwarded by a service.
    UserSession {
        account: &'a str,
        user: &'a User,
        key: String,
        created: i64,
        mfa: bool,
        invoked_by: Option<&'a str>,
    },
    /// A user who signs in: no key, no session yet.
    SigningIn {
        account: &'a str,
        user: &'a User,
    },
    Root {
        account: &'a str,
        key: Option<String>,
    },
    Role(Session<'a>),
    /// A role's session as its sign-in names it: no key, no creation.
    RoleSigningIn(Session<'a>),
    /// Seen from the account that owns the resource.
    External {
        account: &'a str,
        principal: String,
    },
    Saml {
        provider: String,
        user: &'a str,
    },
    /// Somebody an OpenID provider vouches for.
    Web {
        provider: &'a str,
        audience: &'a str,
        subject: &'a str,
    },
    /// Somebody in the access portal of Identity Center.
    Portal {
        person: &'a Person,
        estate: &'a Estate,
    },
    /// A form written out by a scenario.
    Written(String),
}

/// A role's session.
#[derive(Debug, Clone)]
pub(crate) struct Session<'a> {
    pub(crate) account: &'a str,
    pub(crate) role: &'a Role,
    pub(crate) name: Cow<'a, str>,
    pub(crate) key: String,
    pub(crate) created: i64,
    pub(crate) mfa: bool,
    pub(crate) invoked_by: Option<&'a str>,
    pub(crate) on_behalf_of: Option<(&'a Person, &'a Estate)>,
    /// ARN of the instance or function the credentials were issued to.
    pub(crate) issued_to: Option<String>,
    pub(crate) from_instance: bool,
    /// `sourceIdentity`, set by whoever began the chain of roles.
    pub(crate) source_identity: Option<&'a str>,
    /// ARN of the OpenID provider whose token was exchanged for the session.
    pub(crate) web_provider: Option<&'a str>,
}

impl<'a> Session<'a> {
    /// A session with nothing special about it.
    pub(crate) fn new(account: &'a str, role: &'a Role, name: impl Into<Cow<'a, str>>, key: impl Into<String>, created: i64) -> Self {
        Self {
            account,
            role,
            name: name.into(),
            key: key.into(),
            created,
            mfa: false,
            invoked_by: None,
            on_behalf_of: None,
            issued_to: None,
            from_instance: false,
            source_identity: None,
            web_provider: None,
        }
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role.name, self.name)
    }
}

impl Identity<'_> {
    /// The name by which expected answers call it: `userIdentity.arn`, else the service, else the principal.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Service(service) => (*service).to_owned(),
            Self::User { account, user } | Self::UserSession { account, user, .. } | Self::SigningIn { account, user } => {
                format!("arn:aws:iam::{account}:user/{}", user.name)
            }
            Self::Root { account, .. } => format!("arn:aws:iam::{account}:root"),
            Self::Role(session) | Self::RoleSigningIn(session) => session.arn(),
            Self::External { principal, .. } => principal.clone(),
            Self::Saml { provider, user } => format!("{provider}:{user}"),
            Self::Web { provider, audience, subject } => format!("{provider}:{audience}:{subject}"),
            Self::Portal { person, .. } => person.user_id.clone(),
            Self::Written(text) => text.split("\"arn\":\"").nth(1).and_then(|t| t.split('"').next()).unwrap_or("").to_owned(),
        }
    }

    /// The key the call is signed with, where the record names it.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::User { user, .. } => Some(&user.key),
            Self::UserSession { key, .. } => Some(key),
            Self::Root { key, .. } => key.as_deref(),
            Self::Role(session) => Some(&session.key),
            _ => None,
        }
    }

    /// Who the session declares to be.
    pub(crate) fn source_identity(&self) -> Option<&str> {
        match self {
            Self::Role(session) => session.source_identity,
            _ => None,
        }
    }

    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        let text = match self {
            Self::Service(service) => format!(r#"{{"type":"AWSService","invokedBy":"{service}"}}"#),
            Self::User { account, user } => format!(
                r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{account}:user/{}","accountId":"{account}","accessKeyId":"{}","userName":"{}"}}"#,
                user.id, user.name, user.key, user.name
            ),
            Self::UserSession { account, user, key, created, mfa, invoked_by } => {
                let by = invoked_by.map(|service| format!(r#","invokedBy":"{service}""#)).unwrap_or_default();
                format!(
                    r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{account}:user/{}","accountId":"{account}","accessKeyId":"{key}","userName":"{}","sessionContext":{{"attributes":{{"creationDate":"{}","mfaAuthenticated":"{mfa}"}}}}{by}}}"#,
                    user.id,
                    user.name,
                    user.name,
                    clock::iso(*created)
                )
            }
            Self::SigningIn { account, user } => format!(
                r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{account}:user/{}","accountId":"{account}","accessKeyId":"","userName":"{}"}}"#,
                user.id, user.name, user.name
            ),
            Self::Root { account, key } => {
                let key = key.as_ref().map(|k| format!(r#","accessKeyId":"{k}""#)).unwrap_or_default();
                format!(r#"{{"type":"Root","principalId":"{account}","arn":"arn:aws:iam::{account}:root","accountId":"{account}"{key}}}"#)
            }
            Self::Role(session) => return session.push(out),
            Self::RoleSigningIn(session) => format!(
                r#"{{"type":"AssumedRole","principalId":"{}:{}","arn":"{}","accountId":"{}"}}"#,
                session.role.id,
                session.name,
                session.arn(),
                session.account
            ),
            Self::External { account, principal } => {
                format!(r#"{{"type":"AWSAccount","principalId":"{principal}","accountId":"{account}"}}"#)
            }
            Self::Saml { provider, user } => {
                format!(r#"{{"type":"SAMLUser","principalId":"{provider}:{user}","userName":"{user}","identityProvider":"{provider}"}}"#)
            }
            Self::Web { provider, audience, subject } => format!(
                r#"{{"type":"WebIdentityUser","principalId":"{provider}:{audience}:{subject}","userName":"{subject}","identityProvider":"{provider}"}}"#
            ),
            Self::Portal { person, estate } => {
                let credential = Random::seeded(&[super::random::hash_of(&person.user_id)]).text(|r, o| r.push_hex(o, 40));
                let owner = estate.accounts.last().map_or("", |a| &a.id);
                format!(
                    r#"{{"type":"IdentityCenterUser","accountId":"{owner}",{},"credentialId":"{credential}"}}"#,
                    on_behalf_of(person, estate)
                )
            }
            Self::Written(text) => text.clone(),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

impl Session<'_> {
    fn push(&self, out: &mut Vec<u8>) {
        let Role { name, path, id, .. } = self.role;
        let account = self.account;
        let mut put = |texts: &[&str]| texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
        put(&[
            r#"{"type":"AssumedRole","principalId":""#,
            id,
            ":",
            &self.name,
            r#"","arn":"arn:aws:sts::"#,
            account,
            ":assumed-role/",
            name,
            "/",
        ]);
        put(&[&self.name, r#"","accountId":""#, account, r#"","accessKeyId":""#, &self.key]);
        put(&[
            r#"","sessionContext":{"sessionIssuer":{"type":"Role","principalId":""#,
            id,
            r#"","arn":"arn:aws:iam::"#,
            account,
            ":role",
            path,
            name,
        ]);
        put(&[r#"","accountId":""#, account, r#"","userName":""#, name, r#""},"attributes":{"creationDate":""#, &clock::iso(self.created)]);
        put(&[r#"","mfaAuthenticated":""#, if self.mfa { "true" } else { "false" }, r#""}"#]);
        if self.from_instance {
            put(&[r#","ec2RoleDelivery":"2.0""#]);
        }
        if let Some(provider) = self.web_provider {
            put(&[r#","webIdFederationData":{"federatedProvider":""#, provider, r#"","attributes":{}}"#]);
        }
        if let Some(identity) = self.source_identity {
            put(&[r#","sourceIdentity":""#, identity, "\""]);
        }
        put(&["}"]);
        if let Some((person, estate)) = self.on_behalf_of {
            put(&[",", &on_behalf_of(person, estate)]);
        }
        if let Some(arn) = &self.issued_to {
            let issuer = if self.from_instance { "AWS::EC2::Instance" } else { "AWS::Lambda::Function" };
            put(&[r#","inScopeOf":{"issuerType":""#, issuer, r#"","credentialsIssuedTo":""#, arn, r#""}"#]);
        }
        if let Some(service) = self.invoked_by {
            put(&[r#","invokedBy":""#, service, "\""]);
        }
        put(&["}"]);
    }
}

/// The user of Identity Center; the organisation's last account runs it.
fn on_behalf_of(person: &Person, estate: &Estate) -> String {
    let owner = estate.accounts.last().map_or("", |a| &a.id);
    let (user, store) = (&person.user_id, &estate.identity_store);
    format!(r#""onBehalfOf":{{"userId":"{user}","identityStoreArn":"arn:aws:identitystore::{owner}:identitystore/{store}"}}"#)
}

pub(crate) const SDKS: [&str; 7] = [
    "aws-sdk-java/2.31.78 md/io#sync ua/2.1 os/Linux#6.1.141 lang/java#21.0.8 m/D,N",
    "Boto3/1.40.18 md/Botocore#1.40.18 ua/2.1 os/linux#6.1.141 lang/python#3.12.11 m/b,Z exec-env/AWS_Lambda_python3.12",
    "aws-sdk-go-v2/1.38.0 ua/2.1 os/linux lang/go#1.24.6 md/GOARCH#arm64 m/E,g",
    "aws-sdk-js/3.864.0 ua/2.1 lang/js md/nodejs#22.18.0 m/E,b",
    "aws-sdk-rust/1.3.8 ua/2.1 os/linux lang/rust#1.88.0 m/E,b",
    "Boto3/1.35.99 md/Botocore#1.35.99 ua/2.0 os/linux#5.15.0-1084-aws lang/python#3.11.9",
    "aws-sdk-java/1.12.780 Linux/5.10.238 OpenJDK_64-Bit_Server_VM/17.0.16+8-LTS java/17.0.16",
];
const AGENT_OF_SSM: &str = "aws-sdk-go/1.55.5 (go1.23.4; linux; amd64) amazon-ssm-agent/3.3.2299.0";
pub(crate) const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.100.0 aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.9";
pub(crate) const CLI: &str = "aws-cli/2.28.11 md/awscrt#0.27.6 ua/2.1 os/macos#24.6.0 md/arch#arm64 lang/python#3.13.7 md/pyimpl#CPython m/N,E,b,Z,F exec-env/none cfg/retry-mode#standard md/installer#exe md/command#";
pub(crate) const BROWSER: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

impl Who {
    /// The caller of an event. Sessions last for hours: the same workload has the same key for that long.
    pub(crate) fn caller<'a>(self, s: &Scene<'a>) -> Caller<'a> {
        let place = s.place;
        match self {
            Self::Service(service) => service_caller(Identity::Service(service), service),
            Self::Linked(service) => {
                let role = s.account.service_roles.iter().find(|r| r.service == service).unwrap_or(&s.account.service_roles[0]);
                let mut session =
                    session(s, role, Cow::Owned(format!("{}-{}", service.split('.').next().unwrap_or(service), s.pick(20, 6))), HOUR);
                session.invoked_by = Some(service);
                service_caller(Identity::Role(session), service)
            }
            Self::Instance => {
                let instance = &place.instances[s.pick(2, place.instances.len())];
                let mut session = session(s, &s.account.roles[instance.role], Cow::Borrowed(&instance.id), 6 * HOUR);
                session.from_instance = true;
                session.issued_to =
                    (s.salt.is_multiple_of(3)).then(|| format!("arn:aws:ec2:{}:{}:instance/{}", place.region, s.account.id, instance.id));
                let inside = s.pick(21, 3) == 0;
                let address = if inside { &instance.private_address } else { &place.addresses[instance.role % place.addresses.len()] };
                workload(session, address, agent(s), inside.then_some(place.endpoint.as_str()))
            }
            Self::Lambda => {
                let function = &place.functions[s.pick(3, place.functions.len())];
                let mut session = session(s, &s.account.roles[function.role], Cow::Borrowed(&function.name), 2 * HOUR);
                session.issued_to = (s.salt.is_multiple_of(3))
                    .then(|| format!("arn:aws:lambda:{}:{}:function:{}", place.region, s.account.id, function.name));
                workload(session, &place.addresses[s.pick(22, place.addresses.len())], agent(s), None)
            }
            Self::Task => workload(task_session(s), &place.addresses[s.pick(22, place.addresses.len())], agent(s), None),
            Self::Via(service) => {
                let mut session = task_session(s);
                session.invoked_by = Some(service);
                service_caller(Identity::Role(session), service)
            }
            Self::Audit => {
                workload(session(s, s.account.role("SecurityAudit"), Cow::Borrowed("posture-scanner"), HOUR), "192.0.2.150", SDKS[5], None)
            }
            Self::Deploy => workload(
                session(s, s.account.role("deploy"), Cow::Owned(format!("GitHubActions-{}", s.time / HOUR)), HOUR),
                ["192.0.2.201", "192.0.2.202", "192.0.2.203"][s.pick(23, 3)],
                TERRAFORM,
                None,
            ),
            Self::User => {
                let user = &s.account.users[s.pick(5, s.account.users.len())];
                workload_of(
                    Identity::User { account: &s.account.id, user },
                    &user.address,
                    if user.name == "terraform" { TERRAFORM } else { SDKS[5] },
                )
            }
            Self::Person | Self::Console => person(s, matches!(self, Self::Console)),
            Self::Saml => {
                let provider = Random::seeded(&[super::random::hash_of(&s.account.id)]).text(|r, o| r.push_base64(o, 27)) + "=";
                let person = &s.account.people[s.pick(26, s.account.people.len())];
                workload_of(Identity::Saml { provider, user: &person.name }, place_of_portal(s), SDKS[6])
            }
            Self::Root => workload_of(Identity::Root { account: &s.account.id, key: Some(key(s, "root", 0)) }, "198.51.100.7", BROWSER),
        }
    }
}

fn session<'a>(s: &Scene<'a>, role: &'a Role, name: Cow<'a, str>, length: i64) -> Session<'a> {
    let offset = (mix(&[super::random::hash_of(&role.id), super::random::hash_of(&name)]) % length as u64) as i64;
    let created = (s.time - offset).div_euclid(length) * length + offset;
    let key = key(s, &name, created ^ super::random::hash_of(&role.id) as i64);
    Session::new(&s.account.id, role, name, key, created)
}

fn key(s: &Scene<'_>, session: &str, epoch: i64) -> String {
    Random::seeded(&[super::random::hash_of(session), super::random::hash_of(&s.account.id), epoch as u64]).credential(
        "ASIA",
        &s.account.id,
        20,
    )
}

fn task_session<'a>(s: &Scene<'a>) -> Session<'a> {
    let role = &s.account.roles[s.pick(24, 14)];
    let task = Random::seeded(&[super::random::hash_of(&role.id), s.pick(25, 4) as u64, (s.time / (24 * HOUR)) as u64])
        .text(|r, o| r.push_hex(o, 32));
    session(s, role, Cow::Owned(task), 6 * HOUR)
}

fn person<'a>(s: &Scene<'a>, console: bool) -> Caller<'a> {
    let person = &s.account.people[s.pick(26, s.account.people.len())];
    let mut session = session(s, &person.role, Cow::Borrowed(&person.name), 8 * HOUR);
    session.on_behalf_of = Some((person, s.estate));
    let mut caller = workload(session, &person.address, if console { BROWSER } else { CLI }, None);
    caller.from_console = console;
    caller
}

/// Identity Center calls from addresses of its own, not the person's.
fn place_of_portal<'a>(s: &Scene<'a>) -> &'a str {
    &s.place.addresses[0]
}

fn agent(s: &Scene<'_>) -> &'static str {
    if s.pick(27, 12) == 11 { AGENT_OF_SSM } else { SDKS[s.pick(28, SDKS.len())] }
}

fn service_caller<'a>(identity: Identity<'a>, service: &'a str) -> Caller<'a> {
    Caller {
        identity,
        address: Cow::Borrowed(service),
        agent: Cow::Borrowed(service),
        by_service: true,
        from_console: false,
        endpoint: None,
    }
}

fn workload<'a>(session: Session<'a>, address: &'a str, agent: &'a str, endpoint: Option<&'a str>) -> Caller<'a> {
    Caller { endpoint, ..workload_of(Identity::Role(session), address, agent) }
}

fn workload_of<'a>(identity: Identity<'a>, address: &'a str, agent: &'a str) -> Caller<'a> {
    Caller {
        identity,
        address: Cow::Borrowed(address),
        agent: Cow::Borrowed(agent),
        by_service: false,
        from_console: false,
        endpoint: None,
    }
}
