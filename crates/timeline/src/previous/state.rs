//! What calls tell of the resources that go by one name, gathered in order of time.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use backtrail_model::arn::Arn;
use backtrail_model::calls::{action_name, service_of};
use backtrail_model::outcome::{Outcome, classify, failed_parts};
use backtrail_model::time::{format_instant, parse_instant};
use backtrail_model::touch::{Touched, Wanted};
use backtrail_model::words::counted;

use serde_json::Value;

use super::key::{OnKey, is_temporary, on_key};
use super::noun::Action;
use super::property::Setting;
use super::tie::{Tie, are_one};
use super::told::{Call, Told};
use super::{ActsOn, InForce, Known, NamedBy, Property, SetBy};
use crate::associations::{Associations, Meant};
use crate::ends::stretch;
use crate::event::Event;
use crate::item::{Item, json};
use crate::lineage::Actors;
use crate::summary::Rule;

/// References given for calls that are only counted.
const CITED: usize = 5;

/// What was gathered.
#[derive(Debug)]
pub(super) struct State<'a> {
    typed: &'a str,
    at: i64,
    actors: &'a Actors,
    associations: &'a Associations,
    /// Of a rule of a security group that was asked for by its id: the group's ARN.
    group: Option<String>,
    told: BTreeMap<String, Told>,
    named_by: BTreeMap<(String, String, ActsOn), NamedBy>,
    /// Actions recorded in several accounts that were taken, with the resource: the others are the same action.
    shared: HashSet<(String, String)>,
    /// Calls that acted on it without a time, or before the instant with an outcome nobody knows.
    timeless: Vec<String>,
    undecided: Vec<String>,
    /// Calls that ended several things, and failed for some of them.
    half_ended: Vec<String>,
}

impl<'a> State<'a> {
    pub(super) fn of(typed: &'a str, at: i64, (actors, associations): (&'a Actors, &'a Associations)) -> Self {
        let (told, named_by) = (BTreeMap::new(), BTreeMap::new());
        Self {
            typed,
            at,
            actors,
            associations,
            group: None,
            told,
            named_by,
            shared: HashSet::new(),
            timeless: Vec::new(),
            undecided: Vec::new(),
            half_ended: Vec::new(),
        }
    }

    /// What was asked for is a rule of this group.
    pub(super) fn is_rule_of(&mut self, group: Option<String>) {
        self.group = group;
    }

    /// Takes the next write, in order of time.
    pub(super) fn take(&mut self, event: &Event<'_>) {
        let outcome = classify(&event.facts());
        if !matches!(outcome, Outcome::Ok | Outcome::Unknown) {
            return;
        }
        let on_key = on_key(event, self.typed);
        let meant = self.meant(event);
        let tie = if on_key.is_some() || !meant.is_empty() { Tie::On(Vec::new()) } else { Tie::of(event, self.typed) };
        if tie == Tie::Not {
            return self.acted_on_group(event, outcome);
        }
        // Such a call may have come before or after: it is no statement about either.
        let Some(time) = event.event_time else { return self.timeless.push(event.citation()) };
        if outcome == Outcome::Unknown {
            if matches!(tie, Tie::On(_)) && time < self.at {
                self.undecided.push(event.citation());
            }
            return;
        }
        let item = Item::by(event, None, self.actors);
        let rules = item.rules.clone();
        let set_by = SetBy::of(item, json(event.request_parameters));
        if let Some(on_key) = on_key {
            return self.acted_on_key(time, on_key, &set_by);
        }
        for (name, request, targets) in &meant {
            let as_if = Event { event_name: Some(name), ..*event };
            targets.iter().for_each(|target| self.acted(&as_if, (time, target), (&set_by, request), &rules));
        }
        match tie {
            Tie::On(targets) => {
                let request = Arc::clone(&set_by.request_parameters);
                targets.iter().for_each(|target| self.acted(event, (time, target), (&set_by, &request), &rules));
            }
            Tie::Beside => self.named(event, time, ActsOn::SomethingElse, set_by),
            Tie::Unclear(arn) => {
                self.doubt(event, time, arn.as_deref(), &set_by.reference);
                self.named(event, time, ActsOn::NotKnown, set_by);
            }
            Tie::Not => {}
        }
    }

    /// A call on the group of a rule that was asked for by its id: it may close the rule by what that lets through, or end it with the group.
    fn acted_on_group(&mut self, event: &Event<'_>, outcome: Outcome) {
        let Some((group, time)) = self.group.as_deref().zip(event.event_time).filter(|_| outcome == Outcome::Ok) else { return };
        let Some(rule) =
            self.told.keys().find(|arn| Arn::parse(arn).is_some_and(|arn| arn.resource_type() == Some("security-group-rule"))).cloned()
        else {
            return;
        };
        if !matches!(Tie::of(event, group), Tie::On(_)) {
            return;
        }
        let item = Item::by(event, None, self.actors);
        let rules: Vec<Rule> = item.rules.iter().filter(|rule| rule.is_removal()).cloned().collect();
        let ended = Arn::parse(group).is_some_and(|arn| Action::read(action_name(event.event_name.unwrap_or_default())).ends(&arn));
        if !rules.is_empty() || ended {
            let set_by = SetBy::of(item, json(event.request_parameters));
            let is_before = time < self.at;
            let call = Call {
                time,
                is_before,
                set_by: &set_by,
                rules: &rules,
                sets: Vec::new(),
                made: false,
                ended,
                is_partial: true,
                removes: true,
                replaces: None,
            };
            self.told_of(&rule).take(call);
        }
    }

    /// As which calls an event that ends or replaces an association is to be understood, with what these name and act on, where what was typed is
    /// among it.
    fn meant(&self, event: &Event<'_>) -> Vec<(&'static str, Value, Vec<Touched>)> {
        let acts = |meant: Meant| {
            let request = Value::Object(meant.request);
            let text = request.to_string();
            match Tie::of(&Event { event_name: Some(meant.made_by), request_parameters: Some(&text), ..*event }, self.typed) {
                Tie::On(targets) => Some((meant.name, request, targets)),
                _ => None,
            }
        };
        self.associations.understood(event).into_iter().filter_map(acts).collect()
    }

    fn acted(&mut self, event: &Event<'_>, (time, target): (i64, &Touched), (set_by, request): (&SetBy, &Value), rules: &[Rule]) {
        let Some(arn) = Arn::parse(&target.arn) else { return };
        let shared = event.shared_event_id.map(|id| (self.told_of(&target.arn).known.arn.clone(), id.to_owned()));
        if shared.is_some_and(|shared| !self.shared.insert(shared)) {
            return;
        }
        let action = Action::read(action_name(event.event_name.unwrap_or_default()));
        let is_before = time < self.at;
        // Of a rule asked for by its id, the other rules of the call tell nothing.
        let is_own = |rule: &Rule| arn.resource_type() != Some("security-group-rule") || rule.id.as_deref() == Some(arn.resource_id());
        let rules: Vec<Rule> = rules.iter().filter(|rule| is_own(rule)).cloned().collect();
        let response = json(event.response_elements);
        let setting = Setting { action, request, response: &response, rules: &rules, target };
        let ended = action.ends(&arn);
        let is_half = ended && failed_parts(&event.facts()) > 0;
        if is_half && is_before {
            self.half_ended.push(set_by.reference.clone());
        }
        let call = Call {
            time,
            is_before,
            set_by,
            rules: &rules,
            sets: if ended { Vec::new() } else { setting.properties() },
            made: action.makes(&arn),
            ended: ended && !is_half,
            is_partial: action.is_partial(&arn),
            removes: action.removes(),
            replaces: action.replaces(&arn),
        };
        self.told_of(&target.arn).take(call);
    }

    fn acted_on_key(&mut self, time: i64, on_key: OnKey, set_by: &SetBy) {
        let OnKey { made, ended, sets } = on_key;
        let is_before = time < self.at;
        let call = Call { time, is_before, set_by, rules: &[], sets, made, ended, is_partial: true, removes: false, replaces: None };
        self.told_of(self.typed).take(call);
    }

    /// What is told of a resource, under the first of its ARNs that was met: IAM's may be written without their path.
    fn told_of(&mut self, arn: &str) -> &mut Told {
        let arn = self.known_as(arn).unwrap_or_else(|| arn.to_owned());
        self.told.entry(arn.clone()).or_insert_with(|| Told::of(arn))
    }

    fn known_as(&self, arn: &str) -> Option<String> {
        if self.told.contains_key(arn) {
            return Some(arn.to_owned());
        }
        let own = Wanted::read(arn);
        self.told.keys().find(|known| are_one(known, (arn, &own))).cloned()
    }

    fn named(&mut self, event: &Event<'_>, time: i64, acts_on: ActsOn, set_by: SetBy) {
        let (source, name) = (service_of(event.event_source.unwrap_or_default()), event.event_name.unwrap_or_default());
        let key = (source.to_owned(), name.to_owned(), acts_on);
        let new =
            || NamedBy { event_source: source.to_owned(), event_name: name.to_owned(), acts_on, before: 0, after: 0, last: set_by.clone() };
        let named = self.named_by.entry(key).or_insert_with(new);
        if time < self.at {
            named.before += 1;
            named.last = set_by;
        } else {
            named.after += 1;
        }
    }

    /// A call that is about such a resource by its words, and names this one, may have changed its rules.
    fn doubt(&mut self, event: &Event<'_>, time: i64, arn: Option<&str>, reference: &str) {
        let action = Action::read(action_name(event.event_name.unwrap_or_default()));
        let is_about = arn.and_then(Arn::parse).is_some_and(|arn| action.may_be_about(&arn));
        let known = arn.filter(|_| is_about && time < self.at).and_then(|arn| self.known_as(arn));
        if let Some(told) = known.and_then(|arn| self.told.get_mut(&arn)) {
            told.doubt_rules(reference);
        }
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.named_by.is_empty()
    }

    /// The stretch of time that the calls told and the instant lie in.
    pub(super) fn stretch(&self) -> Option<(i64, i64)> {
        let properties = self.told.values().flat_map(|told| told.properties.values()).flat_map(|p| [&p.set_by, &p.changed_by]);
        let known = self.told.values().flat_map(|told| [&told.known.made_by, &told.known.deleted_by, &told.known.changed_by]);
        let named = self.named_by.values().map(|named| &named.last);
        let calls = properties.chain(known).flatten().chain(named).filter_map(|set| parse_instant(set.event_time.as_deref()?));
        let rules = self.told.values().flat_map(|told| told.rules.in_force.iter().map(|since| since.time));
        let times: Vec<i64> = calls.chain(rules).collect();
        stretch(times.iter().copied().chain(times.first().map(|_| self.at)))
    }

    /// What is not known, in words.
    pub(super) fn not_known(&self, first: Option<i64>) -> Vec<String> {
        let mut all = Vec::new();
        if self.told.len() > 1 {
            all.push(format!("{} is the name of {}, each told by its ARN.", self.typed, counted(self.told.len() as u64, "resource")));
        }
        match first.filter(|first| *first < self.at) {
            None => all.push("No evidence reaches before that time: nothing of the state then is known.".to_owned()),
            Some(_) if is_temporary(self.typed) => {
                all.push("A temporary key is made by the call that starts its session, and no call changes it: `backtrail trace` tells where it comes from.".to_owned());
            }
            Some(first) => all.extend(self.unmade(&format_instant(first))),
        }
        let unset = self.told.values().flat_map(|told| told.properties.values()).filter(|p| p.set_by.is_none());
        let unset: Vec<&str> = unset.map(|p| p.property.as_str()).collect();
        if !unset.is_empty() {
            all.push(format!(
                "What it was before is not known of: {}. They were changed after that time, and no call before it is in evidence.",
                unset.join(", ")
            ));
        }
        let unclear: Vec<&str> =
            self.named_by.values().filter(|n| n.acts_on == ActsOn::NotKnown && n.before > 0).map(|n| n.event_name.as_str()).collect();
        if !unclear.is_empty() {
            all.push(format!(
                "No rule tells what these calls, which name it, act on: {}. They may have set something of it.",
                unclear.join(", ")
            ));
        }
        all.extend(calls(&self.half_ended, "of several deletions failed in part: whether this one was carried out is not known"));
        all.extend(calls(&self.undecided, "that acted on it are not told: their records do not say whether they were carried out"));
        all.extend(calls(&self.timeless, "that name it have no usable time: whether they came before or after is not known"));
        if self.told.keys().any(|arn| Arn::parse(arn).is_some_and(|arn| arn.resource_type() == Some("security-group"))) {
            all.push(
                "A call that names a security group by its name alone, and whose answer does not list its rules, is not told here."
                    .to_owned(),
            );
        }
        all.push(
            "Calls alone are told here: what a service changed or set by itself, or a call that no trail recorded, does not show."
                .to_owned(),
        );
        all
    }

    /// Which resources no call is known to have made.
    fn unmade(&self, since: &str) -> Vec<String> {
        let unmade = |what: &str| {
            format!(
                "No call in evidence, which begins {since}, is known to have made {what}: what was set before then, and not since, is not known."
            )
        };
        let of: Vec<&Known> = self.told.values().map(|told| &told.known).filter(|known| known.made_by.is_none()).collect();
        match of.as_slice() {
            [] if self.told.is_empty() => vec![unmade("it")],
            [_] if self.told.len() == 1 => vec![unmade("it")],
            several => several.iter().map(|known| unmade(&known.arn)).collect(),
        }
    }

    /// What was gathered.
    pub(super) fn into_parts(self) -> Parts {
        let mut parts = Parts { named_by: self.named_by.into_values().collect(), ..Parts::default() };
        for told in self.told.into_values() {
            parts.resources.push(told.known);
            parts.properties.extend(told.properties.into_values());
            parts.rules.extend(told.rules.in_force.into_iter().map(|since| since.told));
        }
        parts
    }
}

/// What an answer is made of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) resources: Vec<Known>,
    pub(super) properties: Vec<Property>,
    pub(super) rules: Vec<InForce>,
    pub(super) named_by: Vec<NamedBy>,
}

/// `2 calls … [a, b].`, where there are any.
fn calls(references: &[String], what: &str) -> Option<String> {
    let cited = references.iter().take(CITED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if references.len() > CITED { ", …" } else { "" };
    (!references.is_empty()).then(|| format!("{} {what} [{cited}{more}].", counted(references.len() as u64, "call")))
}

impl SetBy {
    fn of(item: Item, request: Value) -> Self {
        Self {
            event_time: item.event_time,
            actor: item.actor,
            summary: item.summary,
            event_name: item.event_name,
            value: None,
            request_parameters: Arc::new(request),
            reference: item.refs.into_iter().next().unwrap_or_default(),
        }
    }
}
