//! The question `previous`: what a resource was like before an instant, as far as the calls that made it so are in evidence.
//!
//! CloudTrail records calls, not states. So the answer is, for each property, the last call before the instant that set it, with its
//! parameters, and the first one after that changed it. What no call in evidence set is not known, and is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use backtrail_model::calls::{action_name, is_write};
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::time::{format_instant, parse_instant};
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;
use serde_json::Value;

use crate::coverage::Coverage;
use crate::ends::stretch;
use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, json};
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution};
use crate::nearest;
use crate::question::{Filters, Question, Typed, WindowShown, named};
use crate::source::Source;
use crate::summary::Rule;

/// A call that set or changed something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetBy {
    /// When.
    pub event_time: Option<String>,
    /// Who is responsible.
    #[serde(serialize_with = "crate::item::whole")]
    pub actor: Arc<Attribution>,
    /// In words.
    pub summary: String,
    /// The API action.
    pub event_name: Option<String>,
    /// Its parameters, without secrets.
    pub request_parameters: Value,
    /// Citation.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// One property of the resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Property {
    /// Which: the action without its verb, and what it names besides the resource, as in `BucketPolicy`, `RolePolicy AdministratorAccess`.
    pub property: String,
    /// The last call before the instant that set it; `null` where none is in evidence: then what it was is not known.
    pub set_by: Option<SetBy>,
    /// How many calls before that one set it, too.
    pub earlier: u64,
    /// The first call at or after the instant that changed it.
    pub changed_by: Option<SetBy>,
}

/// A rule of reachability that calls in evidence opened and none closed before the instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InForce {
    /// The rule.
    pub rule: Rule,
    /// Citation of the call that set it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// A later call that changed rules of the same direction without saying which in a way that can be compared: it may have closed this one.
    pub perhaps_closed_by: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Previous {
    /// The resource.
    pub arn: String,
    /// The instant.
    pub at: String,
    /// Its properties, by name.
    pub properties: Vec<Property>,
    /// Rules known to be in force at the instant.
    pub rules: Vec<InForce>,
    /// What is not known, in words.
    pub not_known: Vec<String>,
    /// From the first call told, or the instant, to the last: the time of which coverage tells gaps.
    pub coverage_window: WindowShown,
    /// What could be seen, and what not. Broken evidence of any time may hold a call that set something.
    pub coverage: Coverage,
    /// Which evidence.
    pub evidence_set: String,
}

/// What a resource was like before an instant.
///
/// # Errors
/// Where the store cannot be read, or the text would match everything.
pub async fn previous(source: &Source, arn: &str, at: i64) -> Result<Previous, TimelineError> {
    let typed = Typed { arn: vec![named("<ARN>", arn)?.to_owned()], ..Typed::default() };
    let filters = Filters::read(typed)?.reached(source, None).await?;
    let writes = col("read_only").eq(lit(false)).or(col("read_only").is_null());
    let condition = filters.condition().map_or(writes.clone(), |c: Expr| c.and(writes));
    let ledger = Ledger::read(source).await?;
    let found = source.found(None, Some(condition), filters.leave_few()).await?;
    let known = Actors::behind(source, None, &found).await?;
    let mut state = State::default();
    found
        .in_order(source, &mut |events| {
            for event in events.iter() {
                if !is_content(&event, arn) && filters.admits(&event) && is_write(&event.facts()) && classify(&event.facts()) == Outcome::Ok
                {
                    state.take(&event, at, &known, arn);
                }
            }
            Ok(())
        })
        .await?;
    let (coverage_window, mut coverage) = Coverage::of_stretch(source, &ledger, state.told(at)).await?;
    if state.properties.is_empty() {
        coverage.not_seen.extend(nearest::unknown_names(source, &Question { filters, ..Question::default() }).await?);
    }
    let not_known = state.not_known(ledger.first, at);
    Ok(Previous {
        arn: arn.to_owned(),
        at: format_instant(at),
        properties: state.properties.into_values().collect(),
        rules: state.rules,
        not_known,
        coverage_window,
        coverage,
        evidence_set: ledger.set,
    })
}

/// Objects written into a bucket are not what the bucket is like; asked about one of them they are.
fn is_content(event: &Event<'_>, subject: &str) -> bool {
    event.event_category == Some("Data") && !subject.strip_prefix("arn:").is_some_and(|s| s.contains(":s3:::") && s.contains('/'))
}

#[derive(Default)]
struct State {
    properties: BTreeMap<String, Property>,
    rules: Vec<InForce>,
    is_made: bool,
}

impl State {
    /// Takes the next call, in order of time. One without a time may have come before or after: it is no statement about either.
    fn take(&mut self, event: &Event<'_>, at: i64, known: &Actors, subject: &str) {
        let Some(time) = event.event_time else { return };
        let action = action_name(event.event_name.unwrap_or_default());
        let request = json(event.request_parameters);
        let item = Item::by(event, None, known);
        let name = property_of(action, &request, subject);
        let reference = item.refs.first().cloned().unwrap_or_default();
        if time < at {
            self.is_made |= ["Create", "Run", "Register", "Allocate"].iter().any(|v| action.starts_with(v));
            self.apply(&item, &reference);
        }
        let property =
            self.properties.entry(name.clone()).or_insert(Property { property: name, set_by: None, earlier: 0, changed_by: None });
        let set = SetBy {
            event_time: item.event_time,
            actor: item.actor,
            summary: item.summary,
            event_name: item.event_name,
            request_parameters: request,
            reference,
        };
        if time < at {
            property.earlier += u64::from(property.set_by.is_some());
            property.set_by = Some(set);
        } else if property.changed_by.is_none() {
            property.changed_by = Some(set);
        }
    }

    /// Opens and closes rules.
    fn apply(&mut self, item: &Item, reference: &str) {
        let same = |a: &Rule, b: &Rule| {
            (&a.direction, &a.protocol, &a.ports, &a.peer, &a.target) == (&b.direction, &b.protocol, &b.ports, &b.peer, &b.target)
        };
        let known = self.rules.len();
        for rule in &item.rules {
            self.rules.retain(|known| !same(&known.rule, rule));
        }
        let action = action_name(item.event_name.as_deref().unwrap_or_default());
        let by_id = ["Revoke", "Modify", "Delete", "Replace"].iter().any(|v| action.starts_with(v)) && self.rules.len() == known;
        if by_id && (action.contains("SecurityGroup") || !item.rules.is_empty()) {
            let is_other = |known: &InForce| {
                action.contains("Ingress") && known.rule.direction == Some("egress")
                    || action.contains("Egress") && known.rule.direction == Some("ingress")
            };
            for known in self.rules.iter_mut().filter(|known| !is_other(known)) {
                known.perhaps_closed_by = Some(reference.to_owned());
            }
        }
        for rule in item.rules.iter().filter(|rule| rule.action != "close") {
            self.rules.push(InForce { rule: rule.clone(), reference: reference.to_owned(), perhaps_closed_by: None });
        }
    }

    /// The stretch of time that the calls told and the instant lie in.
    fn told(&self, at: i64) -> Option<(i64, i64)> {
        let calls = self.properties.values().flat_map(|p| [&p.set_by, &p.changed_by]).flatten();
        let times: Vec<i64> = calls.filter_map(|set| parse_instant(set.event_time.as_deref()?)).collect();
        stretch(times.iter().copied().chain(times.first().map(|_| at)))
    }

    fn not_known(&self, first: Option<i64>, at: i64) -> Vec<String> {
        let mut all = Vec::new();
        let since = first.filter(|f| *f < at).map(format_instant);
        match since {
            None => all.push("No evidence reaches before that time: nothing of the state then is known.".to_owned()),
            Some(since) if !self.is_made => all.push(format!(
                "The call that made it is not in evidence, which begins {since}: what was set before then, and not since, is not known."
            )),
            Some(_) => {}
        }
        let unset: Vec<&str> = self.properties.values().filter(|p| p.set_by.is_none()).map(|p| p.property.as_str()).collect();
        if !unset.is_empty() {
            all.push(format!(
                "What it was before is not known of: {}. They were changed after that time, and no call before it is in evidence.",
                unset.join(", ")
            ));
        }
        all.push(
            "Calls alone are told here: what a service changed by itself, or a call that no trail recorded, does not show.".to_owned(),
        );
        all
    }
}

/// First words of actions that set something.
const VERBS: &[&str] = &[
    "Accept",
    "Add",
    "Allocate",
    "Associate",
    "Attach",
    "Authorize",
    "Cancel",
    "Change",
    "Copy",
    "Create",
    "Delete",
    "Deregister",
    "Detach",
    "Disable",
    "Disassociate",
    "Enable",
    "Import",
    "Modify",
    "Publish",
    "Put",
    "Register",
    "Reject",
    "Release",
    "Remove",
    "Replace",
    "Reset",
    "Restore",
    "Revoke",
    "Run",
    "Schedule",
    "Set",
    "Start",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
    "Update",
];
/// Parameters that tell which of several such properties it is.
const WHICH: &[&str] = &[
    "policyArn",
    "policyName",
    "accessKeyId",
    "serialNumber",
    "publicKeyId",
    "statementId",
    "aliasName",
    "attribute",
    "destinationCidrBlock",
];

fn property_of(action: &str, request: &Value, subject: &str) -> String {
    let noun =
        VERBS.iter().filter_map(|v| action.strip_prefix(v)).find(|n| n.is_empty() || n.starts_with(char::is_uppercase)).unwrap_or(action);
    let noun = if noun.is_empty() { action } else { noun };
    let which = WHICH.iter().find_map(|key| request.get(*key)?.as_str()).filter(|w| !subject.ends_with(w));
    match which {
        Some(which) => format!("{noun} {}", backtrail_model::arn::Arn::parse(which).map_or(which, |a| a.name())),
        None => noun.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_are_actions_without_their_verb() {
        let named = |action: &str, request: Value| property_of(action, &request, "arn:aws:iam::1:role/deploy");
        assert_eq!(named("PutBucketPolicy", json!({})), named("DeleteBucketPolicy", json!({})));
        assert_eq!(named("AuthorizeSecurityGroupIngress", json!({})), "SecurityGroupIngress");
        let admin = json!({"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
        assert_eq!(named("AttachRolePolicy", admin.clone()), "RolePolicy AdministratorAccess");
        assert_eq!(named("DetachRolePolicy", admin), "RolePolicy AdministratorAccess");
        assert_eq!(named("Setup", json!({})), "Setup", "a verb ends where the next word begins");
    }
}
