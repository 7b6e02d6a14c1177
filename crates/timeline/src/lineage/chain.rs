//! The chain of calls that leads from an origin to a use of credentials.

use backtrail_model::time::{format_instant, parse_instant};
use backtrail_model::words::counted;
use serde::Serialize;

use crate::coverage::ToldByFiles;
use crate::lineage::origin::Begun;
use crate::lineage::{Holder, Issued, Lineage, Link, Origin, Strength};
use crate::principal::{Principal, PrincipalKind};

/// Chains told where several calls fit; how many more there are is not counted.
const MOST_PATHS: usize = 8;

/// Who made a call of a chain, in short.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Caller {
    /// What kind of principal.
    pub kind: PrincipalKind,
    /// For reading.
    pub name: String,
    /// ARN, where the record names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Account of the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Key the call was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Multi-factor authentication, where the record says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
}

impl From<&Principal> for Caller {
    fn from(actor: &Principal) -> Self {
        let Principal { kind, name, arn, account, access_key_id, mfa, .. } = actor.clone();
        Self { kind, name, arn, account, access_key_id, mfa }
    }
}

/// One call of a chain: what issued the credentials below it, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Step {
    /// The API action, as in `AssumeRole`.
    pub method: &'static str,
    /// When.
    pub event_time: Option<String>,
    /// The key it issued, where the record names it.
    pub access_key_id: Option<String>,
    /// For whom: ARN of the session or user.
    pub issued_to: Option<String>,
    /// How sure it is that it issued the credentials below.
    pub strength: Strength,
    /// By which rule.
    pub basis: &'static str,
    /// Who called.
    pub caller: Caller,
    /// From where.
    pub source_ip_address: Option<String>,
    /// Citations.
    pub refs: Vec<String>,
}

/// What is not in evidence, and what would fill it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// The key that was used.
    pub access_key_id: Option<String>,
    /// Account whose trail would hold the call that issued it.
    pub account: Option<String>,
    /// When that call was made, as far as it is known.
    pub event_time: Option<String>,
    /// Events that the store has of that account in that hour; absent where that was not looked up, or no time is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_in_that_hour: Option<u64>,
    /// In words.
    pub text: String,
}

impl Missing {
    /// Says whether evidence of that account and hour is in the store at all: if it is, that call is missing from it, and a trail of another region may
    /// have it; if not, it is still to be fetched.
    pub(crate) fn look_up(&mut self, known: &ToldByFiles) {
        let Some((account, time)) = self.account.as_deref().zip(self.event_time.as_deref().and_then(parse_instant)) else { return };
        let Some(events) = known.events_in_hour(account, time) else { return };
        self.events_in_that_hour = Some(events);
        let there = if events == 0 { "nothing".to_owned() } else { counted(events, "other event") };
        self.text.push_str(&format!("; the store has {there} of that account in that hour"));
    }

    /// In words, and whether it is in the store.
    pub(crate) fn told(mut self, known: &ToldByFiles) -> String {
        self.look_up(known);
        self.text
    }
}

/// One way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Path {
    /// From the use upwards.
    pub steps: Vec<Step>,
    /// Where it begins, as far as evidence goes.
    pub origin: Origin,
    /// Why it ends there.
    pub missing: Option<Missing>,
    /// The topmost call, by its place among all.
    #[serde(skip)]
    pub(super) top: Option<usize>,
}

/// All ways back: more than one where several calls fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The ways.
    pub paths: Vec<Path>,
}

impl Chain {
    /// The origin, where all ways lead to the same.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        let first = self.paths.first()?;
        self.paths.iter().all(|p| p.origin == first.origin).then_some(&first.origin)
    }

    /// Whether all ways lead to one actor, though each may tell something else of it.
    pub(super) fn leads_to_one(&self) -> bool {
        let mut who = self.paths.iter().map(|path| path.origin.who(None));
        let first = who.next();
        who.all(|other| Some(&other) == first.as_ref())
    }
}

impl Path {
    /// The way from a use that ends where nothing leads further up.
    pub(super) fn ending_at(used: &Holder, end: &End<'_>, way: &[Link<'_>]) -> Self {
        let steps: Vec<Step> = way.iter().map(step).collect();
        let holder = end.switcher.as_ref().unwrap_or(end.holder);
        // Who acted with what the topmost call issued.
        let acting = way.iter().rev().nth(1).map_or(used, |below| &below.issued.holder);
        let origin = match holder.federated_by() {
            // What a federated session says of its authentication is not its issuer's.
            Some(issuer) => Origin::of(&Begun { used: &issuer, acting, holder: &issuer, call: end.call }, &[]),
            None => Origin::of(&Begun { used, acting, holder, call: end.call }, &steps),
        };
        let missing = if end.call.is_some_and(Issued::is_for_pod) { None } else { missing(holder) };
        Self { origin, missing, top: way.last().map(|l| l.index), steps }
    }
}

impl Lineage {
    /// The chain of a use.
    #[must_use]
    pub fn chain(&self, holder: &Holder, at: Option<i64>) -> Chain {
        let mut paths = Vec::new();
        self.climb(holder, &End::at(holder), self.parents(holder, at), &mut Vec::new(), &mut paths);
        Chain { paths }
    }

    /// The chain of a call that issued something: which portal call it answers is told by what it issued.
    #[must_use]
    pub(crate) fn chain_of_call(&self, one: &Issued) -> Chain {
        let mut paths = Vec::new();
        self.climb(&one.holder, &End::of(one), self.parents_of_call(one), &mut Vec::new(), &mut paths);
        Chain { paths }
    }

    /// The chain of what a call issued, which begins with that call.
    #[must_use]
    pub(crate) fn chain_from(&self, index: usize, basis: &'static str) -> Chain {
        let mut paths = Vec::new();
        if let Some(issued) = self.issued().get(index) {
            let link = Link { issued, index, strength: Strength::Exact, basis };
            self.climb(&issued.holder, &End::of(issued), vec![link], &mut Vec::new(), &mut paths);
        }
        Chain { paths }
    }

    /// Goes up every way from somebody whose parents are known; `used` is where all began.
    fn climb<'a>(&'a self, used: &Holder, end: &End<'_>, parents: Vec<Link<'a>>, way: &mut Vec<Link<'a>>, paths: &mut Vec<Path>) {
        // Credentials cannot issue themselves: evidence that says so is forged, or its clocks are wrong. And on whose behalf any of the sessions
        // on the way acted, by which one record may say, is whom the portal was asked by.
        let is_anothers = |link: &Link<'_>| {
            let mut below = way.iter().map(|l| &l.issued.holder).chain([used]);
            below.any(|holder| link.issued.is_of_another(&holder.principal))
        };
        let is_ahead = |link: &Link<'_>| way.iter().all(|l| l.index != link.index) && !is_anothers(link);
        let ahead: Vec<Link<'a>> = parents.into_iter().filter(is_ahead).collect();
        if ahead.is_empty() {
            paths.push(Path::ending_at(used, end, way));
            return;
        }
        for link in ahead {
            if paths.len() >= MOST_PATHS {
                return;
            }
            way.push(link);
            // The agent that asked for a pod has done its part.
            let above = if link.issued.is_for_pod() { Vec::new() } else { self.parents_of(link.index) };
            self.climb(used, &End::of(link.issued), above, way, paths);
            way.pop();
        }
    }
}

/// Where a way ends unless something leads further up.
pub(super) struct End<'a> {
    holder: &'a Holder,
    /// The call that the holder made, where one of these was.
    call: Option<&'a Issued>,
    /// Who switched roles, where that is how the holder came to be.
    switcher: Option<Holder>,
}

impl<'a> End<'a> {
    /// At whoever made no such call.
    pub(super) fn at(holder: &'a Holder) -> Self {
        Self { holder, call: None, switcher: None }
    }

    fn of(issued: &'a Issued) -> Self {
        Self { holder: &issued.holder, call: Some(issued), switcher: issued.switcher() }
    }
}

fn step(link: &Link<'_>) -> Step {
    let Issued { what, time, holder, source_ip_address, refs, .. } = link.issued;
    Step {
        method: what.method,
        event_time: time.map(format_instant),
        access_key_id: what.access_key_id.clone(),
        issued_to: what.arn.clone(),
        strength: link.strength,
        basis: link.basis,
        caller: Caller { name: link.issued.caller_name(), ..Caller::from(&holder.principal) },
        source_ip_address: source_ip_address.clone(),
        refs: refs.clone(),
    }
}

/// A service that calls for others, as opposed to the console (`signin.amazonaws.com`, `AWS Internal`).
pub(super) fn is_service(invoked_by: &str) -> bool {
    invoked_by.ends_with(".amazonaws.com") && invoked_by != "signin.amazonaws.com"
}

/// What would lead further up from somebody nothing in evidence leads up from; `None` where nothing does: a user with a key of its own, a person.
fn missing(holder: &Holder) -> Option<Missing> {
    // CloudTrail itself names the workload.
    if holder.workload.as_ref().is_some_and(|w| w.credentials_issued_to.is_some()) {
        return None;
    }
    let principal = &holder.principal;
    let account = principal.account.clone();
    let whose = account.as_deref().unwrap_or("?");
    let key = principal.access_key_id.as_deref().map_or_else(|| "these credentials".to_owned(), |k| format!("key {k}"));
    let when = holder.created.map(format_instant);
    let began = when.as_deref().map_or_else(String::new, |t| format!("; the session began {t}"));
    let text = match principal.kind {
        PrincipalKind::AssumedRole => {
            let role = principal.role_arn.as_deref().unwrap_or(&principal.name);
            format!(
                "no call that issued {key} for {role} is in evidence{began}: CloudTrail of account {whose} at that time would hold it (AssumeRole, or a sign-in)"
            )
        }
        PrincipalKind::FederatedUser => format!(
            "no GetFederationToken that issued {key} is in evidence{began}: CloudTrail of account {whose} at that time would hold it"
        ),
        // A service that acts with what a caller's key let it forward: no call issues that.
        PrincipalKind::IamUser | PrincipalKind::Root if principal.invoked_by.as_deref().is_some_and(is_service) => return None,
        PrincipalKind::Root if holder.assumed_root => format!(
            "no AssumeRoot that issued {key} for account {whose} is in evidence{began}: CloudTrail of the organization's management account, or of its delegated administrator's, at that time would hold it"
        ),
        PrincipalKind::IamUser | PrincipalKind::Root if holder.is_temporary() || principal.from_console == Some(true) => {
            format!(
                "no sign-in and no GetSessionToken that issued {key} to {} is in evidence{began}: CloudTrail of account {whose} at that time would hold it",
                principal.name
            )
        }
        PrincipalKind::Account => {
            format!("the caller's own record, in account {whose}, is not in evidence: it would name the caller in full")
        }
        _ => return None,
    };
    Some(Missing { access_key_id: principal.access_key_id.clone(), account, event_time: when, events_in_that_hour: None, text })
}
