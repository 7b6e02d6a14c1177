//! One event in an answer.

use std::sync::Arc;

use backtrail_model::calls::{NetworkClass, is_sensitive, is_write, network_command};
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::redact::{redact_text, redact_unparsed, redact_value};
use backtrail_model::time::format_instant;
use backtrail_model::touch::{Part, Touched};
use backtrail_model::window::Window;
use serde::Serialize;
use serde_json::Value;

use crate::addendum::{Addendum, Update};
use crate::event::Event;
use crate::group_names::GroupName;
use crate::interfaces::CallerInterface;
use crate::lineage::{Actors, Attribution};
use crate::principal::Principal;
use crate::relation::Relation;
use crate::summary::{Rule, Summary};
use crate::touched::touched;

/// Before or after the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Earlier than `--at`.
    Before,
    /// At `--at` or later.
    After,
}

/// Another account's record of the same action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Twin {
    /// Account whose trail recorded it.
    pub account: Option<String>,
    /// How it is cited.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// One event in an answer. Field names are those of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// When, RFC 3339 in UTC; `null` where the record has no usable time.
    pub event_time: Option<String>,
    /// Who is responsible, as far as evidence goes: what the chain of credentials leads to.
    #[serde(serialize_with = "whole")]
    pub actor: Arc<Attribution>,
    /// Whom the event itself names.
    pub principal: Principal,
    /// What, in a line.
    pub summary: String,
    /// What became of it.
    pub outcome: Outcome,
    /// A write that was not carried out.
    pub attempt: bool,
    /// The API action.
    pub event_name: Option<String>,
    /// The service.
    pub event_source: Option<String>,
    /// Management, Data or NetworkActivity.
    pub event_category: Option<String>,
    /// `errorCode`.
    pub error_code: Option<String>,
    /// `errorMessage`.
    pub error_message: Option<String>,
    /// What kind of network command, where it is one.
    pub network_class: Option<NetworkClass>,
    /// The rules it set or removed.
    pub rules: Vec<Rule>,
    /// What security groups of its summary are called, where another record says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_names: Vec<GroupName>,
    /// What it touches.
    pub resources: Vec<Touched>,
    /// Where the call came from.
    pub source_ip_address: Option<String>,
    /// Which network interfaces in evidence had that address then: a workload of one's own called. More than one where it is not known which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_interfaces: Vec<CallerInterface>,
    /// With what.
    pub user_agent: Option<String>,
    /// Account that recorded it.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Before or after the incident, where the window has one.
    pub phase: Option<Phase>,
    /// `sharedEventID`.
    pub shared_event_id: Option<String>,
    /// The same action as other accounts recorded it; counted once, here.
    pub twins: Vec<Twin>,
    /// CloudTrail delivered the record late, by its own account: whoever looked before its delivery could not see it.
    pub late: bool,
    /// Why it came late, or which record it updates.
    pub addendum: Option<Addendum>,
    /// Later records that say more, or something else, of the same event.
    pub updated_by: Vec<Update>,
    /// The `DeleteObjects` call whose deletion of one object this is.
    pub part_of: Option<String>,
    /// Another record has the same id and other content: one of them may be forged.
    pub id_conflict: bool,
    /// How it relates to what was named, where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// Citations: what `show` opens.
    pub refs: Vec<String>,
    /// Told under its resource, with others of it.
    #[serde(skip)]
    pub is_grouped: bool,
    /// The ARN of the resource it is told under, where that is known by another one than its own.
    #[serde(skip)]
    pub(crate) told_under: Option<String>,
    #[serde(skip)]
    pub(crate) order: Order,
}

/// What twins are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Order {
    pub(crate) time: Option<i64>,
    /// Whether the record is the caller's own: it names the principal in full.
    pub(crate) is_callers: bool,
    /// Whether a person looks at it first.
    pub(crate) is_notable: bool,
}

impl Item {
    /// An event as answers show it, without secrets, for callers who have no lineage at hand: its actor is its principal.
    #[must_use]
    pub fn of(event: &Event<'_>, window: Option<&Window>) -> Self {
        Self::by(event, window, &Actors::default())
    }

    /// An event as answers show it, without secrets.
    #[must_use]
    pub fn by(event: &Event<'_>, window: Option<&Window>, actors: &Actors) -> Self {
        Self::touching(event, window, actors, touched(event))
    }

    /// The same, by whoever has worked out what it touches.
    pub(crate) fn touching(event: &Event<'_>, window: Option<&Window>, actors: &Actors, resources: Vec<Touched>) -> Self {
        let facts = event.facts();
        let outcome = classify(&facts);
        let (request, response) = (json(event.request_parameters), json(event.response_elements));
        let told = Summary::of(event, &request, &response);
        let own = |text: Option<&str>| text.map(str::to_owned);
        let addendum = Addendum::of(event);
        let phase = |time: i64| window.and_then(Window::at).map(|at| if time < at { Phase::Before } else { Phase::After });
        Self {
            event_time: event.event_time.map(format_instant),
            actor: actors.of(event),
            principal: Principal::of(event),
            summary: told.line(event, outcome),
            outcome,
            attempt: is_attempted(event, outcome),
            event_name: own(event.event_name),
            event_source: own(event.event_source),
            event_category: own(event.event_category),
            error_code: own(event.error_code),
            error_message: event.error_message.map(|m| redact_text(m).into_owned()),
            network_class: network_command(&facts),
            rules: told.rules,
            group_names: Vec::new(),
            resources,
            source_ip_address: own(event.source_ip_address),
            source_interfaces: Vec::new(),
            user_agent: event.user_agent.map(|a| redact_text(a).into_owned()),
            account: own(event.recipient_account_id),
            region: own(event.aws_region),
            phase: event.event_time.and_then(phase),
            shared_event_id: own(event.shared_event_id),
            twins: Vec::new(),
            late: addendum.as_ref().is_some_and(Addendum::is_late),
            addendum,
            updated_by: Vec::new(),
            part_of: None,
            id_conflict: event.id_conflict == Some(true),
            relation: None,
            is_grouped: false,
            told_under: None,
            refs: vec![event.citation()],
            order: Order {
                time: event.event_time,
                is_callers: event.user_identity_account_id.is_some() && event.user_identity_account_id == event.recipient_account_id,
                is_notable: outcome == Outcome::Denied || is_sensitive(&facts),
            },
        }
    }
}

/// What a call made or changed, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// When.
    pub event_time: Option<String>,
    /// In words.
    pub summary: String,
    /// What it touched.
    pub resources: Vec<Touched>,
    /// Citation.
    #[serde(rename = "ref")]
    pub reference: String,
}

impl Item {
    /// The resource it is told under: the first it acted on.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        let own = || self.resources.iter().find(|t| t.part == Part::Target).map(|t| t.arn.as_str());
        self.told_under.as_deref().or_else(own)
    }

    /// The item in short.
    #[must_use]
    pub(crate) fn made(self) -> Made {
        let reference = self.refs.into_iter().next().unwrap_or_default();
        Made { event_time: self.event_time, summary: self.summary, resources: self.resources, reference }
    }
}

/// An actor written out: items of one actor share it.
pub(crate) fn whole<S: serde::Serializer>(actor: &Arc<Attribution>, serializer: S) -> Result<S::Ok, S::Error> {
    actor.as_ref().serialize(serializer)
}

/// Whether a call was a write that was only attempted. What became of an `unknown` one is not known: it is shown as such.
pub(crate) fn is_attempted(event: &Event<'_>, outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Denied | Outcome::Failed | Outcome::Throttled | Outcome::DryRun) && is_write(&event.facts())
}

/// A JSON column, parsed and without secrets. What is not JSON is a text.
pub(crate) fn json(text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    match serde_json::from_str(text) {
        Ok(mut value) => {
            redact_value(&mut value);
            value
        }
        Err(_) => Value::String(redact_unparsed(text).into_owned()),
    }
}
