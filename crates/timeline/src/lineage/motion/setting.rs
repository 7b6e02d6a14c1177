//! Calls that set something up on which a service acts later, read from their records.

use backtrail_model::arn::Arn;
use backtrail_model::calls::{FUNCTION_CALLS, GROUP_CALLS, INSTANCE_CALLS, STACK_CALLS, TASK_CALLS, action_name, service_of};
use backtrail_model::outcome::{Outcome, classify};
use serde_json::Value;

use super::{Driven, MotionBasis};
use crate::event::Event;
use crate::lineage::Holder;

/// A call that set something up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(super) sets: Sets,
    /// What of the record names the thing.
    pub(super) basis: MotionBasis,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(in crate::lineage) time: Option<i64>,
    pub(super) event_name: String,
    pub(crate) reference: String,
    /// Who called.
    pub(in crate::lineage) holder: Holder,
}

/// What a call sets up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sets {
    Stack(StackCall),
    /// Instances, and the Auto Scaling group they were launched for.
    Launch {
        instances: Vec<String>,
        group: Option<String>,
    },
    Profile(String),
    /// Tasks of ECS, by their ids.
    Tasks(Vec<String>),
    Group(String),
    Code(String),
    Configuration(String),
}

/// A call about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StackCall {
    /// Empty where it carries out a change set that it names by its ARN alone.
    pub(super) name: String,
    /// `roleARN`.
    pub(super) role: Option<String>,
    /// The change set it makes.
    pub(super) makes: Option<ChangeSet>,
    /// The change set it carries out.
    pub(super) carries_out: Option<ChangeSet>,
}

/// A change set, as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangeSet {
    pub(super) name: String,
    pub(super) arn: Option<String>,
}

impl Sets {
    /// What the things are looked up by.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Stack(_) => Vec::new(),
            Self::Launch { instances: ids, .. } | Self::Tasks(ids) => ids.iter().map(String::as_str).collect(),
            Self::Profile(name) | Self::Group(name) | Self::Code(name) | Self::Configuration(name) => vec![name],
        }
    }
}

impl Setting {
    /// Whether the name of a call says that it may have set something up.
    pub(crate) fn may_be(event: &Event<'_>) -> bool {
        let calls = [STACK_CALLS, INSTANCE_CALLS, TASK_CALLS, GROUP_CALLS, FUNCTION_CALLS];
        event.event_name.is_some_and(|name| calls.iter().any(|calls| calls.contains(&name)))
    }

    /// Of an event; `None` where it set nothing up, or was not carried out.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        let name = event.event_name?;
        // Told before anything is parsed.
        if !Self::may_be(event) || classify(&event.facts()) != Outcome::Ok {
            return None;
        }
        let (service, action) = (service_of(event.event_source?), action_name(name));
        let parse = |text: Option<&str>| text.and_then(|t| serde_json::from_str(t).ok()).unwrap_or(Value::Null);
        let (request, response) = (parse(event.request_parameters), parse(event.response_elements));
        let (sets, basis) = match (service, action) {
            ("cloudformation", _) if STACK_CALLS.contains(&action) => {
                (Sets::Stack(stack(action, &request, &response)?), MotionBasis::Request)
            }
            ("ec2", "RunInstances") => {
                let instances = instances(&response);
                let group = group_tag(&request).or_else(|| group_tag(&response));
                (Some(Sets::Launch { instances, group }).filter(|s| !s.names().is_empty())?, MotionBasis::Response)
            }
            ("ec2", _) if INSTANCE_CALLS.contains(&action) => {
                let of_answer = find(&response, "instanceId").map(|id| (id, MotionBasis::Response));
                let (id, basis) = find(&request, "instanceId").map(|id| (id, MotionBasis::Request)).or(of_answer)?;
                (Sets::Profile(id.to_owned()), basis)
            }
            ("ecs", _) if TASK_CALLS.contains(&action) => {
                (Some(Sets::Tasks(tasks(&response))).filter(|s| !s.names().is_empty())?, MotionBasis::Response)
            }
            ("autoscaling", _) if GROUP_CALLS.contains(&action) => {
                (Sets::Group(own(&request, "autoScalingGroupName")?.to_owned()), MotionBasis::Request)
            }
            ("lambda", "CreateFunction" | "UpdateFunctionCode") if request.get("dryRun") != Some(&Value::Bool(true)) => {
                (Sets::Code(function(&request)?), MotionBasis::Request)
            }
            ("lambda", "UpdateFunctionConfiguration") => (Sets::Configuration(function(&request)?), MotionBasis::Request),
            _ => return None,
        };
        let own = |text: Option<&str>| text.map(str::to_owned);
        Some(Self {
            sets,
            basis,
            account: own(event.recipient_account_id),
            region: own(event.aws_region),
            time: event.event_time,
            event_name: action.to_owned(),
            reference: event.citation(),
            holder: Holder::of(event),
        })
    }

    /// The Auto Scaling group that it launched instances for.
    pub(in crate::lineage) fn for_group(&self) -> Option<Driven<'_>> {
        let Sets::Launch { group: Some(group), .. } = &self.sets else { return None };
        Some(Driven { what: super::What::Group(group), account: self.account.as_deref(), region: self.region.as_deref(), time: self.time })
    }

    /// Whether both are about one thing, and did the same to it.
    pub(super) fn is_of_same(&self, other: &Self) -> bool {
        let place = |one: &Self| (one.account.clone(), one.region.clone());
        let is_named = |name: &str| other.sets.names().contains(&name);
        std::mem::discriminant(&self.sets) == std::mem::discriminant(&other.sets)
            && place(self) == place(other)
            && self.sets.names().into_iter().any(is_named)
    }

    /// Whether it was made where that acted.
    pub(super) fn is_in(&self, driven: &Driven<'_>) -> bool {
        let is_same = |own: Option<&str>, other: Option<&str>| other.is_none() || own == other;
        driven.account.is_some() && is_same(self.account.as_deref(), driven.account) && is_same(self.region.as_deref(), driven.region)
    }
}

/// A member of an object, however its name is capitalised.
fn own<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).and_then(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
}

/// The same, of it or of the first object inside: newer calls of EC2 are wrapped in an object named after them.
fn find<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    own(value, key).or_else(|| value.as_object()?.values().find_map(|inside| find(inside, key)))
}

fn stack(action: &str, request: &Value, response: &Value) -> Option<StackCall> {
    let set = own(request, "changeSetName").map(|set| ChangeSet {
        name: named_in_arn(set, "changeSet/").to_owned(),
        arn: own(response, "id").or(Some(set).filter(|s| s.starts_with("arn:"))).map(str::to_owned),
    });
    let (makes, carries_out) = match action {
        "CreateChangeSet" => (set, None),
        "ExecuteChangeSet" => (None, set),
        _ => (None, None),
    };
    let name = own(request, "stackName").or_else(|| own(response, "stackId")).map(|name| named_in_arn(name, "stack/").to_owned());
    let name = name.or_else(|| carries_out.as_ref().and_then(|set| set.arn.as_ref()).map(|_| String::new()))?;
    Some(StackCall { name, role: own(request, "roleARN").map(str::to_owned), makes, carries_out })
}

/// `web` of `arn:aws:cloudformation:…:stack/web/0123…`; anything else as it is.
fn named_in_arn<'t>(text: &'t str, kind: &str) -> &'t str {
    if !text.starts_with("arn:") {
        return text;
    }
    text.split_once(&format!(":{kind}")).map_or(text, |(_, rest)| rest.split('/').next().unwrap_or(rest))
}

fn instances(response: &Value) -> Vec<String> {
    let items = response.pointer("/instancesSet/items").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| own(item, "instanceId")).map(str::to_owned).collect()
}

/// Ids of tasks: the last part of their ARNs, in the long format as in the short one (Amazon ECS developer guide, "ARNs and IDs").
fn tasks(response: &Value) -> Vec<String> {
    let items = response.get("tasks").and_then(Value::as_array);
    let arns = items.into_iter().flatten().filter_map(|item| own(item, "taskArn"));
    arns.filter_map(Arn::parse).filter(|arn| arn.resource_type() == Some("task")).map(|arn| arn.name().to_owned()).collect()
}

/// The function a call names: by name, by ARN, or by a part of its ARN; with or without a version.
fn function(request: &Value) -> Option<String> {
    let named = own(request, "functionName")?;
    let name = named.split_once(":function:").map_or(named, |(_, rest)| rest).trim_start_matches("function:");
    Some(name.split(':').next().unwrap_or(name).to_owned())
}

/// Whether an ARN is that of a role: names of roles are given once in an account, whatever their paths, which sessions do not have.
pub(super) fn is_role(arn: &str, account: Option<&str>, name: &str) -> bool {
    Arn::parse(arn)
        .is_some_and(|a| a.service() == "iam" && a.resource_type() == Some("role") && Some(a.account()) == account && a.name() == name)
}

/// The value of a tag, wherever in a request or an answer tags stand; a key and a value elsewhere are whatever their writer wants.
fn tag<'v>(value: &'v Value, key: &str, is_tag: bool) -> Option<&'v str> {
    match value {
        Value::Object(_) if is_tag && own(value, "key") == Some(key) => own(value, "value"),
        Value::Object(members) => members.iter().find_map(|(name, inside)| {
            let holds_tags = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("tag"));
            tag(inside, key, is_tag || holds_tags)
        }),
        Value::Array(items) => items.iter().find_map(|inside| tag(inside, key, is_tag)),
        _ => None,
    }
}

fn group_tag(value: &Value) -> Option<String> {
    tag(value, "aws:autoscaling:groupName", false).map(str::to_owned)
}

fn tagged(event: &Event<'_>, key: &str) -> Option<String> {
    let texts = [event.request_parameters, event.response_elements].into_iter().flatten();
    // Nearly all have none: seen without parsing.
    texts.filter(|text| text.contains(key)).find_map(|text| tag(&serde_json::from_str(text).ok()?, key, false).map(str::to_owned))
}

/// The Auto Scaling group in whose name a call was made. Tags that begin with `aws:` are set by AWS alone.
pub(in crate::lineage) fn group_of(event: &Event<'_>) -> Option<String> {
    tagged(event, "aws:autoscaling:groupName")
}

/// The stack in whose name a call was made.
pub(in crate::lineage) fn stack_of(event: &Event<'_>) -> Option<String> {
    tagged(event, "aws:cloudformation:stack-name")
}
