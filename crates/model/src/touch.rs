//! What an event touches: the ARNs its record names or implies, each with how that is known (domain reference 3.2 and 3.3).
//!
//! Known are, best first: what `resources[]` lists; what the rule for the call finds in its parameters (`touch/rules.txt`, data, one line a
//! rule); what the service's refusal says it was refused on; ids of EC2 and ARNs that stand anywhere in the record. The last two are
//! only *mentioned*: the record names them, and says no more.

mod leaves;
mod name;
mod rules;
mod words;

use std::collections::HashMap;

use crate::arn::{Arn, partition_of_region};
use crate::calls::{action_name, service_of};
use leaves::{Leaves, Root};

use name::is_same;
pub use name::{Names, Wanted, lookup_name};
pub use rules::{RuleShown, rules};

/// At most so many things are tied to one event: a record is up to 64 MiB long, and attackers write some.
pub const MOST: usize = 10_000;
/// Longer texts are no ARNs: the longest, of an S3 object, have about 1,200 bytes.
const LONGEST: usize = 4_096;
/// More of a path is not kept.
const LONGEST_PATH: usize = 256;
/// Beyond so many things those known are looked up rather than looked through.
const FEW: usize = 64;

/// How it is known that an event touches something, best known first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// `resources[]` lists it.
    Resources,
    /// The rule for this call found it in a parameter.
    Rule,
    /// The service refused the call on it, by its message.
    ErrorMessage,
    /// An EC2 id stands in the record; region and account are the event's.
    IdText,
    /// The ARN stands in the record.
    ArnText,
}

impl Basis {
    /// As tables have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Rule => "rule",
            Self::ErrorMessage => "error_message",
            Self::IdText => "id_text",
            Self::ArnText => "arn_text",
        }
    }
}

/// What part something plays in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The call acted on it, made it, or asked for it.
    Target,
    /// The call names it beside its target: the subnet of a new instance, the bucket of an object.
    Related,
    /// It stands in the record: in a policy, a message, a tag.
    Mentioned,
}

impl Part {
    /// As tables have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Related => "related",
            Self::Mentioned => "mentioned",
        }
    }
}

/// One thing an event touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Touched {
    /// Its ARN.
    pub arn: String,
    /// What part it plays.
    pub part: Part,
    /// How that is known.
    pub basis: Basis,
    /// Where in the record it stands, as in `requestParameters.ipPermissions.items[].groups.items[].groupId`.
    #[serde(skip)]
    pub path: String,
    /// Whether the record states whose it is; otherwise the account is the one that received the record, which is not the owner of what is shared.
    #[serde(skip)]
    pub owner_is_stated: bool,
}

/// A call, as far as it tells what it touches. JSON fields are their text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// `eventSource`.
    pub event_source: &'a str,
    /// `eventName`.
    pub event_name: &'a str,
    /// `awsRegion`.
    pub region: &'a str,
    /// `recipientAccountId`.
    pub account: &'a str,
    /// `userIdentity.arn`.
    pub caller: Option<&'a str>,
    /// `errorMessage`.
    pub error_message: Option<&'a str>,
    /// `resources`.
    pub resources: Option<&'a str>,
    /// `requestParameters`.
    pub request: Option<&'a str>,
    /// `responseElements`.
    pub response: Option<&'a str>,
    /// `additionalEventData`.
    pub additional: Option<&'a str>,
    /// `serviceEventDetails`.
    pub details: Option<&'a str>,
}

/// What an event touches, what it acts on first, each thing once with the best that is known of it; [`MOST`] at most.
#[must_use]
pub fn touched(call: &Call<'_>) -> Vec<Touched> {
    let action = action_name(call.event_name);
    let rules = rules::of(service_of(call.event_source), action);
    let mut leaves = Leaves::new(call.event_name, rules.iter().all(|rule| rule.shown.service == rules::ANY));
    for (root, text) in [
        (Root::Resources, call.resources),
        (Root::Request, call.request),
        (Root::Response, call.response),
        (Root::Additional, call.additional),
        (Root::Details, call.details),
    ] {
        leaves.read(root, text.unwrap_or_default());
    }
    let mut found = Found::new(call);
    found.listed(&leaves);
    rules::apply(&rules, &leaves, &mut found);
    found.refused_on();
    found.named(&leaves);
    found.finish()
}

/// What was found so far.
pub(crate) struct Found<'c, 'a> {
    pub(crate) call: &'c Call<'a>,
    pub(crate) partition: &'static str,
    /// Of the event; empty where the record has none, or something that no ARN can hold (`<REGION>`): what it names is tied all the same.
    pub(crate) region: &'a str,
    /// Of the event, likewise: published records often have `XXXXXXXXXXXX`.
    pub(crate) account: &'a str,
    all: Vec<Touched>,
    /// Where each stands, of those beyond [`FEW`].
    known: HashMap<String, usize>,
}

impl<'c, 'a> Found<'c, 'a> {
    fn new(call: &'c Call<'a>) -> Self {
        let fit = |text: &'a str| if crate::arn::is_field(text) { text } else { "" };
        let (region, account) = (fit(call.region), fit(call.account));
        Self { call, partition: partition_of_region(region), region, account, all: Vec::new(), known: HashMap::new() }
    }

    pub(crate) fn is_empty_of(&self, basis: Basis) -> bool {
        !self.all.iter().any(|t| t.basis == basis)
    }

    /// Adds a thing, and what it implies: the bucket of an object, the role of a session, the function of a version.
    pub(crate) fn add(&mut self, arn: &str, part: Part, basis: Basis, path: &dyn Fn() -> String, owner_is_stated: bool) {
        let Some(parsed) = Arn::parse(arn) else { return };
        let beside = if part == Part::Target { Part::Related } else { part };
        self.keep(parsed.canonical(), part, basis, path, owner_is_stated);
        if let Some(bucket) = parsed.bucket_of_object() {
            self.keep(bucket, beside, basis, path, owner_is_stated);
        } else if let Some((role, _)) = parsed.role_session() {
            let role = format!("arn:{}:iam::{}:role/{role}", parsed.partition(), parsed.account());
            // Named with its path already, as `AssumeRole` does, it is not another role.
            let is_it = |known: &Touched| Arn::parse(&role).zip(Arn::parse(&known.arn)).is_some_and(|(a, b)| is_same(&a, &b));
            if !self.all.iter().take(FEW).any(is_it) {
                self.keep(&role, beside, basis, path, owner_is_stated);
            }
        } else if parsed.service() == "lambda"
            && let Some(function) = parsed.resource().strip_prefix("function:")
            && let Some((_, qualifier)) = function.split_once(':')
        {
            self.keep(&arn[..arn.len() - qualifier.len() - 1], part, basis, path, owner_is_stated);
        }
    }

    fn keep(&mut self, arn: &str, part: Part, basis: Basis, path: &dyn Fn() -> String, owner_is_stated: bool) {
        if arn.len() > LONGEST {
            return;
        }
        let known = self.all.iter().take(FEW).position(|t| t.arn == arn).or_else(|| self.known.get(arn).copied());
        if let Some(known) = known.map(|at| &mut self.all[at]) {
            known.part = known.part.min(part);
            known.owner_is_stated |= owner_is_stated;
            return;
        }
        if self.all.len() < MOST {
            if self.all.len() >= FEW {
                self.known.insert(arn.to_owned(), self.all.len());
            }
            self.all.push(Touched { arn: arn.to_owned(), part, basis, path: path(), owner_is_stated });
        }
    }

    /// `resources[]`.
    fn listed(&mut self, leaves: &Leaves<'_>) {
        for leaf in leaves.of(Root::Resources).filter(|leaf| leaves.key(leaf).is_some_and(|key| key.eq_ignore_ascii_case("arn"))) {
            self.add(&leaf.text, Part::Target, Basis::Resources, &|| "resources[].ARN".to_owned(), true);
        }
    }

    /// `User: … is not authorized to perform: … on resource: …`: often all that a refused call's record says of its target.
    fn refused_on(&mut self) {
        let Some(message) = self.call.error_message.filter(|m| m.contains("arn:aws")) else { return };
        let mut before = 0;
        for arn in crate::arn::scan(message) {
            let text = arn.as_str();
            let Some(at) = message[before..].find(text).map(|at| before + at) else { continue };
            before = at + text.len();
            let lead = message[..at].trim_end_matches(['"', '\'', '(']).trim_end();
            let path = || "errorMessage".to_owned();
            if lead.ends_with("resource:") {
                self.add(text, Part::Target, Basis::ErrorMessage, &path, true);
            } else if !lead.ends_with("User:") && self.call.caller != Some(text) {
                self.add(text, Part::Mentioned, Basis::ErrorMessage, &path, true);
            }
        }
    }

    /// ARNs and EC2 ids that stand anywhere.
    fn named(&mut self, leaves: &Leaves<'_>) {
        for leaf in leaves.all() {
            self.words(&leaf.text, &|| leaves.path(leaf));
        }
        if let Some(message) = self.call.error_message {
            self.ids(message, &|| "errorMessage".to_owned());
        }
    }

    fn words(&mut self, text: &str, path: &dyn Fn() -> String) {
        if words::has_arn(text) {
            if Arn::parse(text).is_some() {
                return self.add(text, Part::Mentioned, Basis::ArnText, path, true);
            }
            for arn in crate::arn::scan(text) {
                self.add(arn.as_str(), Part::Mentioned, Basis::ArnText, path, true);
            }
        }
        self.ids(text, path);
    }

    fn ids(&mut self, text: &str, path: &dyn Fn() -> String) {
        for (kind, id) in words::ec2_ids(text) {
            let arn = format!("arn:{}:ec2:{}:{}:{kind}/{id}", self.partition, self.region, self.account);
            self.add(&arn, Part::Mentioned, Basis::IdText, path, false);
        }
    }

    fn finish(mut self) -> Vec<Touched> {
        self.all.sort_by_key(|t| (t.part, t.basis));
        self.all
    }
}

#[cfg(test)]
mod tests;
