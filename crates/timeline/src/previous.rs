//! The question `previous`: what a resource was like before an instant, as far as the calls that made it so are in evidence.
//!
//! CloudTrail records calls, not states. So the answer is, for each property, the last call before the instant that set it, with its
//! parameters, and the first one after that changed it. What no call in evidence set is not known, and is said.
//!
//! A call tells of a resource where it acted on it (`previous/tie.rs`); calls that only name it are listed apart. What it sets, by name, is worked out in
//! `previous/property.rs`; rules of reachability have their own list (`previous/rules.rs`).

mod key;
mod noun;
mod policy;
mod property;
mod rule_group;
mod rules;
mod state;
mod tie;
mod told;

use std::sync::Arc;

use backtrail_model::calls::is_write;
use backtrail_model::time::format_instant;
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;
use serde_json::Value;

use crate::coverage::Coverage;
use crate::error::TimelineError;
use crate::event::Event;
use crate::ledger::Ledger;
use crate::lineage::{Actors, Attribution};
use crate::nearest;
use crate::question::{Filters, Question, Typed, WindowShown, named};
use crate::source::Source;
use crate::summary::Rule;
use state::{Parts, State};

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
    /// What the property was set to, where it is a parameter of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Its parameters, without secrets.
    #[serde(serialize_with = "shared")]
    pub request_parameters: Arc<Value>,
    /// Citation.
    #[serde(rename = "ref")]
    pub reference: String,
}

fn shared<S: serde::Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

/// A resource that goes by the name asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    /// Its ARN; of an access key, which has none, its id.
    pub arn: String,
    /// The last call before the instant that made it; `null` where none is known to have.
    pub made_by: Option<SetBy>,
    /// The call before the instant that deleted it, where it was not made again: it did not exist then, and what is told is what it was until then.
    pub deleted_by: Option<SetBy>,
    /// Citation of the first call after that deletion, and before the instant, that acted on it all the same: it was made again, by a call that is not in
    /// evidence, and what is told was set since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_again_before: Option<String>,
    /// The first call at or after the instant that made or deleted it.
    pub changed_by: Option<SetBy>,
}

/// One property of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Property {
    /// Whose.
    pub resource: String,
    /// Which: a parameter by its path, as in `publiclyAccessible`; for calls that set a part as a whole the action without its verb and what tells the part from
    /// others, as in `BucketPolicy`, `RolePolicy AdministratorAccess`, `NetworkAclEntry ingress 100`.
    pub property: String,
    /// The last call before the instant that set it; `null` where none is in evidence: then what it was is not known.
    pub set_by: Option<SetBy>,
    /// Citation of a call before the instant that may have set it since: in the same second, or by setting other parts of the same parameter.
    pub perhaps_set_by: Option<String>,
    /// How many other calls before that one set it, too, without the one that may have set it since.
    pub earlier: u64,
    /// Citation of the last of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_ref: Option<String>,
    /// The first call at or after the instant that changed it.
    pub changed_by: Option<SetBy>,
}

/// A rule of reachability that calls in evidence opened and none is known to have closed before the instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InForce {
    /// The rule.
    pub rule: Rule,
    /// When it was set.
    pub event_time: Option<String>,
    /// By whom.
    #[serde(serialize_with = "crate::item::whole")]
    pub actor: Arc<Attribution>,
    /// Citation of the call that set it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// A later call, or one in the same second, that may have closed it: which rules it meant, or which call came last, the records do not tell.
    pub perhaps_closed_by: Option<String>,
    /// The first call at or after the instant that closed or replaced it.
    pub changed_by: Option<String>,
}

/// What calls that name a resource act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActsOn {
    /// No rule tells.
    NotKnown,
    /// Something else, beside which they name it.
    SomethingElse,
}

/// Calls of one action that name a resource, and are not known to have acted on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedBy {
    /// The service.
    pub event_source: String,
    /// The API action.
    pub event_name: String,
    /// What they act on.
    pub acts_on: ActsOn,
    /// How many before the instant.
    pub before: u64,
    /// How many at or after it.
    pub after: u64,
    /// The last before the instant; the first after it where there is none.
    pub last: SetBy,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Previous {
    /// What was asked about.
    pub arn: String,
    /// The instant.
    pub at: String,
    /// The resources that go by that name.
    pub resources: Vec<Known>,
    /// Their properties, by name.
    pub properties: Vec<Property>,
    /// Rules known to be in force at the instant.
    pub rules: Vec<InForce>,
    /// Calls that name it and are not told above.
    pub named_by: Vec<NamedBy>,
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
    let arn = named("<ARN>", arn)?;
    let group = rule_group::group_of(source, arn).await?;
    let typed = Typed { arn: std::iter::once(arn.to_owned()).chain(group.clone()).collect(), ..Typed::default() };
    let filters = Filters::read(typed)?.reached(source, None).await?;
    let writes = col("read_only").eq(lit(false)).or(col("read_only").is_null());
    let condition = filters.condition().map_or(writes.clone(), |c: Expr| c.and(writes));
    let ledger = Ledger::read(source).await?;
    let found = source.found(None, Some(condition), filters.leave_few()).await?;
    let actors = Actors::behind(source, None, &found).await?;
    let associations = Arc::clone(&filters.associations);
    let mut state = State::of(arn, at, (&actors, &associations));
    state.is_rule_of(group);
    found
        .in_order(source, &mut |events| {
            for event in events.iter() {
                if !is_content(&event, arn) && filters.admits(&event) && is_write(&event.facts()) {
                    state.take(&event);
                }
            }
            Ok(())
        })
        .await?;
    let (coverage_window, mut coverage) = Coverage::of_stretch(source, &ledger, state.stretch()).await?;
    if state.is_empty() {
        coverage.not_seen.extend(nearest::unknown_names(source, &Question { filters, ..Question::default() }).await?);
    }
    let not_known = state.not_known(ledger.first);
    let Parts { resources, properties, rules, named_by } = state.into_parts();
    Ok(Previous {
        arn: arn.to_owned(),
        at: format_instant(at),
        resources,
        properties,
        rules,
        named_by,
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
