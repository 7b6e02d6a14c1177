//! What an event touches: the ARNs its record names or implies, each with how that is known (domain reference 3.2 and 3.3).
//!
//! Known are, best first: what `resources[]` lists; what the rule for the call finds in its parameters (`touch/rules.txt`, data, one line a
//! rule); what the service's refusal says it was refused on; ids of EC2 and ARNs that stand anywhere in the record. The last two are
//! only *mentioned*: the record names them, and says no more.

mod leaves;
mod name;
mod rules;
mod template;
mod words;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::arn::{Arn, partition_of_region};
use crate::calls::{action_name, service_of};
use leaves::{Leaf, Leaves, Root};

use name::is_same;
pub use name::{Names, Wanted, has_secret_suffix, lookup_name};
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
    let mut all = Vec::new();
    each_touched(call, &mut |thing| {
        let Seen { arn, part, basis, path, owner_is_stated } = thing;
        all.push(Touched { arn: arn.to_owned(), part, basis, path: path.to_owned(), owner_is_stated });
    });
    all
}

/// One thing an event touches, as [`Touched`] has it.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are those of `Touched`")]
pub struct Seen<'a> {
    pub arn: &'a str,
    pub part: Part,
    pub basis: Basis,
    pub path: &'a str,
    pub owner_is_stated: bool,
}

/// Shows `visit` what an event touches, in the order of [`touched`], without a copy of it; says how many things that were.
pub fn each_touched(call: &Call<'_>, visit: &mut dyn FnMut(Seen<'_>)) -> usize {
    let Some(rules) = rules::of(service_of(call.event_source), action_name(call.event_name)) else { return 0 };
    let texts = [call.resources, call.request, call.response, call.additional, call.details];
    let mut leaves = Leaves::new(call.event_name);
    for ((root, text), asked) in Root::ALL.into_iter().zip(texts).zip(rules.asked) {
        leaves.read(root, text.unwrap_or_default(), asked);
    }
    let mut found = Found::new(call);
    found.listed(&leaves);
    rules::apply(rules, &leaves, &mut found);
    found.refused_on();
    found.named(&leaves);
    found.show(&leaves, visit)
}

/// How a thing is tied to the event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tie {
    part: Part,
    basis: Basis,
    place: Place,
    owner_is_stated: bool,
}

/// Where in the record a thing stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In a field of its own name.
    Named(&'static str),
    /// In a text that was read.
    Node(u32),
}

/// A thing tied to the event.
#[derive(Debug)]
struct Thing<'l> {
    /// As it stands in the record, where it does.
    arn: Cow<'l, str>,
    tie: Tie,
}

/// What was found so far.
pub(crate) struct Found<'l> {
    pub(crate) call: &'l Call<'l>,
    pub(crate) partition: &'static str,
    /// Of the event; empty where the record has none, or something that no ARN can hold (`<REGION>`): what it names is tied all the same.
    pub(crate) region: &'l str,
    /// Of the event, likewise: published records often have `XXXXXXXXXXXX`.
    pub(crate) account: &'l str,
    all: Vec<Thing<'l>>,
    /// Where each stands, of those beyond [`FEW`].
    known: HashMap<Cow<'l, str>, usize>,
    /// Where ARNs are made: most turn out to be known.
    scratch: String,
}

impl<'l> Found<'l> {
    fn new(call: &'l Call<'l>) -> Self {
        let fit = |text: &'l str| if crate::arn::is_field(text) { text } else { "" };
        let (region, account) = (fit(call.region), fit(call.account));
        let partition = partition_of_region(region);
        Self { call, partition, region, account, all: Vec::new(), known: HashMap::new(), scratch: String::new() }
    }

    pub(crate) fn is_empty_of(&self, basis: Basis) -> bool {
        !self.all.iter().any(|t| t.tie.basis == basis)
    }

    /// Adds a thing that stands in the record, and what it implies.
    pub(crate) fn add(&mut self, arn: Arn<'l>, tie: Tie) {
        self.add_all_of(arn, tie, Cow::Borrowed);
    }

    /// Adds a thing whose ARN is made of what stands in the record, and what it implies.
    pub(crate) fn add_made(&mut self, tie: Tie, write: impl FnOnce(&Self, &mut String) -> Option<()>) {
        let mut made = std::mem::take(&mut self.scratch);
        made.clear();
        made.reserve(128);
        if let Some(arn) = write(self, &mut made).and_then(|()| Arn::parse(&made)) {
            self.add_all_of(arn, tie, |text| Cow::Owned(text.to_owned()));
        }
        self.scratch = made;
    }

    /// A thing, and what it implies: the bucket of an object, the role of a session, the function of a version.
    fn add_all_of<'t>(&mut self, arn: Arn<'t>, tie: Tie, keep: impl Fn(&'t str) -> Cow<'l, str>) {
        let part = if tie.part == Part::Target { Part::Related } else { tie.part };
        let beside = Tie { part, ..tie };
        self.keep(arn.canonical(), tie, &keep);
        if let Some(bucket) = arn.bucket_of_object() {
            self.keep(bucket, beside, &keep);
        } else if let Some((role, _)) = arn.role_session() {
            self.add_role(&["arn:", arn.partition(), ":iam::", arn.account(), ":role/", role].concat(), beside);
        } else if arn.service() == "lambda"
            && let Some(function) = arn.resource().strip_prefix("function:")
            && let Some((_, qualifier)) = function.split_once(':')
        {
            let text = arn.as_str();
            self.keep(&text[..text.len() - qualifier.len() - 1], tie, &keep);
        }
    }

    /// The role of a session. Named with its path already, as `AssumeRole` does, it is not another role.
    fn add_role(&mut self, role: &str, tie: Tie) {
        let is_known = Arn::parse(role).is_some_and(|role| {
            // Only what ends with its name can be it, which is seen sooner.
            let mut few = self.all.iter().take(FEW).filter(|known| known.arn.ends_with(role.name()));
            few.any(|known| Arn::parse(&known.arn).is_some_and(|known| is_same(&role, &known)))
        });
        if !is_known {
            self.keep(role, tie, |role| Cow::Owned(role.to_owned()));
        }
    }

    fn keep<'t>(&mut self, arn: &'t str, tie: Tie, keep: impl Fn(&'t str) -> Cow<'l, str>) {
        if arn.len() > LONGEST {
            return;
        }
        let known = self.all.iter().take(FEW).position(|t| t.arn == arn);
        let known = known.or_else(|| if self.known.is_empty() { None } else { self.known.get(arn).copied() });
        if let Some(known) = known.map(|at| &mut self.all[at].tie) {
            known.part = known.part.min(tie.part);
            known.owner_is_stated |= tie.owner_is_stated;
            return;
        }
        if self.all.len() < MOST {
            let arn = keep(arn);
            if self.all.len() >= FEW {
                self.known.insert(arn.clone(), self.all.len());
            }
            self.all.push(Thing { arn, tie });
        }
    }

    /// `resources[]`.
    fn listed(&mut self, leaves: &'l Leaves<'_>) {
        let tie = Tie { part: Part::Target, basis: Basis::Resources, place: Place::Named("resources[].ARN"), owner_is_stated: true };
        for leaf in leaves.of(Root::Resources).filter(|leaf| leaves.key(leaf).is_some_and(|key| key.eq_ignore_ascii_case("arn"))) {
            if let Some(arn) = Arn::parse(&leaf.text) {
                self.add(arn, tie);
            }
        }
    }

    /// `User: … is not authorized to perform: … on resource: …`: often all that a refused call's record says of its target.
    fn refused_on(&mut self) {
        let Some(message) = self.call.error_message.filter(|m| words::has_arn(m)) else { return };
        let tie = Tie { part: Part::Mentioned, basis: Basis::ErrorMessage, place: Place::Named("errorMessage"), owner_is_stated: true };
        let mut before = 0;
        for arn in crate::arn::scan(message) {
            let text = arn.as_str();
            let Some(at) = message[before..].find(text).map(|at| before + at) else { continue };
            before = at + text.len();
            let lead = message[..at].trim_end_matches(['"', '\'', '(']).trim_end();
            if lead.ends_with("resource:") {
                self.add(arn, Tie { part: Part::Target, ..tie });
            } else if !lead.ends_with("User:") && self.call.caller != Some(text) {
                self.add(arn, tie);
            }
        }
    }

    /// ARNs and EC2 ids that stand anywhere.
    fn named(&mut self, leaves: &'l Leaves<'_>) {
        for leaf in leaves.all() {
            self.words(leaf);
        }
        if let Some(message) = self.call.error_message {
            self.ids(message, Place::Named("errorMessage"));
        }
    }

    fn words(&mut self, leaf: &'l Leaf<'_>) {
        let place = Place::Node(leaf.node);
        if leaf.holds.arn {
            if self.is_settled(&leaf.text) {
                return;
            }
            let tie = Tie { part: Part::Mentioned, basis: Basis::ArnText, place, owner_is_stated: true };
            if let Some(arn) = Arn::parse(&leaf.text) {
                return self.add(arn, tie);
            }
            for arn in crate::arn::scan(&leaf.text) {
                self.add(arn, tie);
            }
        }
        if leaf.holds.id {
            self.ids(&leaf.text, place);
        }
    }

    /// Whether an ARN and what it implies are known as well as a mention of it can tell. (A log group's is not kept as it is written.)
    fn is_settled(&self, arn: &str) -> bool {
        !arn.ends_with(":*") && self.all.iter().take(FEW).any(|known| known.tie.owner_is_stated && known.arn == arn)
    }

    fn ids(&mut self, text: &str, place: Place) {
        let tie = Tie { part: Part::Mentioned, basis: Basis::IdText, place, owner_is_stated: false };
        for (kind, id) in words::ec2_ids(text) {
            self.add_made(tie, |found, into| {
                into.extend(["arn:", found.partition, ":ec2:", found.region, ":", found.account, ":", kind, "/", id]);
                Some(())
            });
        }
    }

    fn show(mut self, leaves: &Leaves<'_>, visit: &mut dyn FnMut(Seen<'_>)) -> usize {
        self.all.sort_by_key(|t| (t.tie.part, t.tie.basis));
        let mut path = String::with_capacity(128);
        for Thing { arn, tie } in &self.all {
            path.clear();
            match tie.place {
                Place::Named(name) => path.push_str(name),
                Place::Node(node) => leaves.path(node, &mut path),
            }
            visit(Seen { arn, part: tie.part, basis: tie.basis, path: &path, owner_is_stated: tie.owner_is_stated });
        }
        self.all.len()
    }
}

#[cfg(test)]
mod tests;
