//! Records and their truth, side by side: whose credentials a call is made with is decided here, before any record exists.

use std::borrow::Cow;
use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};

use super::GLOBAL;
use super::calls::{RoleAt, assume_role};
use crate::generate::Options;
use crate::generate::catalogue::Call;
use crate::generate::clock::iso;
use crate::generate::estate::{Estate, Role, User};
use crate::generate::identity::{Caller, Identity, Session};
use crate::generate::random::Random;
use crate::generate::scenario::{IncidentEvent, Shot, clock_time, seen_from_outside};

/// Who recorded a call that is not the caller's account: that of the role.
const OWNER: &str = "owner";

/// Credentials of the plan, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held(usize);

/// How a use shows which call issued its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// By the key.
    Exact,
    /// By the unique id of the session and its creation.
    Strong,
    /// By principal and time.
    Probable,
}

impl Basis {
    fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Strong => "strong",
            Self::Probable => "probable",
        }
    }
}

/// Somebody who makes calls.
#[derive(Debug, Clone)]
pub(super) struct By<'a> {
    identity: Identity<'a>,
    address: String,
    agent: &'a str,
    from_console: bool,
}

impl<'a> By<'a> {
    pub(super) fn new(identity: Identity<'a>, address: &str, agent: &'a str) -> Self {
        Self { identity, address: address.to_owned(), agent, from_console: false }
    }

    pub(super) fn user(account: &'a str, user: &'a User, agent: &'a str) -> Self {
        Self::new(Identity::User { account, user }, &user.address, agent)
    }

    pub(super) fn session(session: &Session<'a>, address: &str, agent: &'a str) -> Self {
        Self::new(Identity::Role(session.clone()), address, agent)
    }

    /// A service for itself, or for somebody.
    pub(super) fn service(identity: Identity<'a>, service: &'a str) -> Self {
        Self::new(identity, service, service)
    }

    /// The same, from another address.
    pub(super) fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    pub(super) fn in_console(mut self) -> Self {
        self.from_console = true;
        self
    }
}

/// A call that was made, and what it issued.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) time: i64,
    method: &'static str,
    refs: Vec<String>,
    caller: String,
    caller_key: Option<String>,
    address: String,
    /// Whose credentials it was made with.
    held: Held,
    issued_key: Option<String>,
    issued_to: Option<String>,
}

impl Done {
    pub(super) fn issuing(mut self, key: Option<&str>, to: Option<String>) -> Self {
        (self.issued_key, self.issued_to) = (key.map(str::to_owned), to);
        self
    }

    /// As the chains below it tell of its caller: more is known there than in the record itself.
    pub(super) fn known_as(mut self, held: Held) -> Self {
        self.held = held;
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.refs[0]
    }

    fn link(&self, basis: Basis) -> Value {
        json!({
            "method": self.method, "event_time": iso(self.time), "issued_by": self.refs, "basis": basis.as_str(),
            "access_key_id": self.issued_key, "issued_to": self.issued_to,
            "caller": self.caller, "caller_key": self.caller_key, "source_ip_address": self.address,
        })
    }
}

/// A set of credentials: the calls that may have issued it, or where it begins.
#[derive(Debug)]
struct Credential {
    issued_by: Vec<(Done, Basis)>,
    origin: Value,
    missing: Value,
}

/// With which key a record says it was made, and who its session declares to be.
#[derive(Debug)]
struct Signed {
    key: Option<String>,
    source_identity: Option<String>,
}

/// One scene: its events, and the credentials they were made with.
#[derive(Debug)]
struct Scene {
    name: &'static str,
    what: &'static str,
    events: Vec<(Held, IncidentEvent, Signed)>,
    context: Vec<Value>,
}

/// All scenes, as they are being written.
#[derive(Debug)]
pub(super) struct Script<'a> {
    options: &'a Options,
    pub(super) estate: &'a Estate,
    day: i64,
    random: Random,
    steps: usize,
    /// What whoever assumes the first role of a chain declares.
    pub(super) source_identity: Option<&'a str>,
    credentials: Vec<Credential>,
    scenes: Vec<Scene>,
}

impl<'a> Script<'a> {
    pub(super) fn new(options: &'a Options, estate: &'a Estate, day: i64) -> Self {
        let random = Random::seeded(&[options.seed, 0x11_6ea6e]);
        Self { options, estate, day, random, steps: 0, source_identity: None, credentials: Vec::new(), scenes: Vec::new() }
    }

    /// Begins a scene.
    pub(super) fn scene(&mut self, name: &'static str, what: &'static str) {
        self.source_identity = None;
        self.scenes.push(Scene { name, what, events: Vec::new(), context: Vec::new() });
    }

    pub(super) fn role(&self, index: usize, name: &str) -> RoleAt<'a> {
        let account = &self.estate.accounts[index];
        RoleAt { index, account, role: account.role(name) }
    }

    pub(super) fn role_of(&self, index: usize, role: &'a Role) -> RoleAt<'a> {
        RoleAt { index, account: &self.estate.accounts[index], role }
    }

    /// A temporary key of an account.
    pub(super) fn key(&mut self, account: usize) -> String {
        let account = &self.estate.accounts[account].id;
        self.random.credential("ASIA", account, 20)
    }

    pub(super) fn time(&self, at: &str) -> Result<i64> {
        clock_time(self.day, at)
    }

    /// Credentials that nothing in evidence issued.
    pub(super) fn origin(&mut self, origin: Value, missing: Value) -> Held {
        self.hold(Credential { issued_by: Vec::new(), origin, missing })
    }

    /// A user's own long-lived key: nothing is missing, and nothing says whether a person or a program has it.
    pub(super) fn own_key(&mut self, account: &str, user: &User) -> Held {
        let arn = format!("arn:aws:iam::{account}:user/{}", user.name);
        self.origin(json!({ "kind": "unknown", "name": user.name, "arn": arn }), Value::Null)
    }

    /// A service for itself.
    pub(super) fn service(&mut self, name: &str) -> Held {
        self.origin(json!({ "kind": "service", "name": name }), Value::Null)
    }

    /// Credentials that a call issued.
    pub(super) fn issued(&mut self, call: &Done, basis: Basis) -> Held {
        self.issued_by_any(&[call], basis)
    }

    /// Credentials that one of these calls issued; evidence does not say which.
    pub(super) fn issued_by_any(&mut self, calls: &[&Done], basis: Basis) -> Held {
        let issued_by = calls.iter().map(|call| ((*call).clone(), basis)).collect();
        self.hold(Credential { issued_by, origin: Value::Null, missing: Value::Null })
    }

    fn hold(&mut self, credential: Credential) -> Held {
        self.credentials.push(credential);
        Held(self.credentials.len() - 1)
    }

    /// A call, as its caller's account records it.
    pub(super) fn call(&mut self, held: Held, by: &By<'a>, at: &str, (account, place): (usize, usize), call: &Call) -> Result<Done> {
        self.make(held, by, at, (account, place), None, call)
    }

    /// A call that the owner of the role records as well.
    pub(super) fn call_across(
        &mut self,
        held: Held,
        by: &By<'a>,
        at: &str,
        (account, place): (usize, usize),
        owner: usize,
        call: &Call,
    ) -> Result<Done> {
        self.make(held, by, at, (account, place), Some(owner), call)
    }

    fn make(
        &mut self,
        held: Held,
        by: &By<'a>,
        at: &str,
        (account, place): (usize, usize),
        owner: Option<usize>,
        call: &Call,
    ) -> Result<Done> {
        let time = self.time(at)?;
        let step = self.steps;
        self.steps += 1;
        let key = by.identity.key().map(str::to_owned);
        let mut refs = Vec::new();
        let outside = owner.map(|owner| (1, owner, seen_from_outside(&by.identity)));
        for (copy, recorder, identity) in [(0, account, by.identity.clone())].into_iter().chain(outside) {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let signed = Signed { key: own(identity.key()), source_identity: own(identity.source_identity()) };
            let caller = Caller {
                identity,
                address: Cow::Borrowed(&by.address),
                agent: Cow::Borrowed(by.agent),
                by_service: !by.address.starts_with(|c: char| c.is_ascii_digit()),
                from_console: by.from_console,
                endpoint: None,
            };
            let shot = Shot { step, time, account, place, recorder, copy, is_shared: owner.is_some() };
            let (meta, json) = shot.record(self.options, self.estate, None, caller, call);
            refs.push(meta.event_id.clone());
            if let Some(scene) = self.scenes.last_mut() {
                let event =
                    IncidentEvent { account: recorder, place, phase: scene.name, actor: if copy > 0 { OWNER } else { "" }, meta, json };
                scene.events.push((held, event, signed));
            }
        }
        let (caller, address) = (by.identity.label(), by.address.clone());
        Ok(Done { time, method: call.name, refs, caller, caller_key: key, address, held, issued_key: None, issued_to: None })
    }

    /// Somebody assumes a role; where it is another account's, both record it.
    pub(super) fn assume(
        &mut self,
        held: Held,
        by: &By<'a>,
        at: &str,
        from: usize,
        role: RoleAt<'a>,
        session: &'a str,
    ) -> Result<(Done, Session<'a>)> {
        let key = self.key(role.index);
        // Whoever began the chain may have declared who they are: every further role carries it on.
        let identity = self.source_identity;
        let set = identity.filter(|_| by.identity.source_identity().is_none()).map(|name| format!(r#","sourceIdentity":"{name}""#));
        let call = assume_role(&role, session, &key, &set.unwrap_or_default());
        let owner = (role.index != from).then_some(role.index);
        let done = self.make(held, by, at, (from, GLOBAL), owner, &call)?.issuing(Some(&key), Some(role.session_arn(session)));
        let mut session = Session::new(&role.account.id, role.role, session, key, done.time);
        session.source_identity = identity;
        Ok((done, session))
    }

    /// Keeps the records of a call out of the evidence.
    pub(super) fn leave_out(&mut self, call: &Done) {
        for scene in &mut self.scenes {
            scene.events.retain(|(_, event, _)| !call.refs.contains(&event.meta.event_id));
        }
    }

    /// What somebody did that made a session possible, without issuing it.
    pub(super) fn context(&mut self, what: &str, call: &Done, of: &Done) {
        if let Some(scene) = self.scenes.last_mut() {
            scene.context.push(json!({
                "what": what, "event_id": call.id(), "event_time": iso(call.time), "caller": call.caller, "of": of.id(), "basis": "contextual",
            }));
        }
    }

    /// All ways from credentials up to where they begin.
    fn chains(&self, held: Held) -> Vec<Value> {
        let credential = &self.credentials[held.0];
        if credential.issued_by.is_empty() {
            return vec![json!({ "links": [], "origin": credential.origin, "missing": credential.missing })];
        }
        let mut chains = Vec::new();
        for (call, basis) in &credential.issued_by {
            for mut chain in self.chains(call.held) {
                if let Some(links) = chain["links"].as_array_mut() {
                    links.insert(0, call.link(*basis));
                }
                chains.push(chain);
            }
        }
        chains
    }

    /// The records, and what is true of them.
    pub(super) fn finish(self) -> (Vec<IncidentEvent>, Value) {
        let told = self.scenes.iter().map(|scene| {
            let held: BTreeSet<Held> = scene.events.iter().map(|(held, ..)| *held).collect();
            let credentials = held.iter().map(|held| json!({ "credential": held.0, "chains": self.chains(*held) }));
            let events = scene.events.iter().map(|(held, event, signed)| {
                let meta = &event.meta;
                json!({
                    "event_id": meta.event_id, "event_time": iso(meta.time), "call": meta.call, "account": meta.account, "identity": meta.who,
                    "recorded_by": if event.actor == OWNER { OWNER } else { "caller" }, "access_key_id": signed.key, "source_identity": signed.source_identity, "credential": held.0,
                })
            });
            let (credentials, events): (Vec<Value>, Vec<Value>) = (credentials.collect(), events.collect());
            json!({ "name": scene.name, "what": scene.what, "credentials": credentials, "events": events, "context": scene.context })
        });
        let told = told.collect();
        (self.scenes.into_iter().flat_map(|scene| scene.events).map(|(_, event, _)| event).collect(), told)
    }
}
