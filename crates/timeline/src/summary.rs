//! What a call did, in one line a person reads: `opened tcp/22 from 0.0.0.0/0 on sg-…`, `attached AdministratorAccess to user eve`.
//!
//! Common calls have their own words, by service, in the modules below. Every other call is told by its name and the parameters that
//! say most. Values come from evidence: whoever prints them must escape them.

mod compute;
mod failure;
mod identity;
mod logs;
mod network;
mod rule;
mod shell;
mod storage;

use backtrail_model::calls::{action_name, service_of};
use backtrail_model::outcome::{NO_REQUEST_PARAMETERS, Outcome, failed_parts};
use serde_json::Value;

use crate::event::Event;
use crate::item::json;
pub use rule::Rule;

/// Longest value quoted in a summary, in characters.
const LONGEST_VALUE: usize = 80;

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    phrase: Phrase,
    /// The rules it set or removed, for network commands.
    pub rules: Vec<Rule>,
    /// Whether the words say which parts of the call were not carried out.
    tells_failures: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phrase {
    /// `opened`, `open`, and the rest of the sentence.
    Words { done: &'static str, wanted: &'static str, rest: String },
    /// The call's name and parameters.
    Call { rest: String },
}

/// `1 day`, `30 days`; the count is the call's own word.
fn days(count: &str) -> String {
    format!("{count} {}", if count == "1" { "day" } else { "days" })
}

/// Words for a call: what it did, what it wanted, and with what.
fn words(done: &'static str, wanted: &'static str, rest: impl Into<String>) -> Summary {
    Summary { phrase: Phrase::Words { done, wanted, rest: rest.into() }, rules: Vec::new(), tells_failures: false }
}

impl Summary {
    /// Tells a call. `request` and `response` are the parsed parameters, free of secrets.
    #[must_use]
    pub fn of(event: &Event<'_>, request: &Value, response: &Value) -> Self {
        let (service, action) = (service_of(event.event_source.unwrap_or_default()), action_name(event.event_name.unwrap_or_default()));
        let call = Call {
            action,
            account: event.recipient_account_id.unwrap_or_default(),
            mfa: event.mfa(),
            lacks_request: event.lacks(NO_REQUEST_PARAMETERS),
            request: Parameters(body(request, "Request")),
            response: Parameters(body(response, "Response")),
        };
        let told = match service {
            "ec2" => network::tell(&call).or_else(|| compute::ec2(&call)),
            "iam" => identity::iam(&call),
            "sts" | "signin" | "sso" => identity::session(&call),
            "cloudtrail" | "config" | "guardduty" | "logs" | "securityhub" => logs::tell(service, &call),
            "s3" | "kms" | "secretsmanager" => storage::tell(service, &call),
            "cloudshell" | "ec2-instance-connect" | "ecs" => shell::tell(service, &call),
            "ssm" => shell::tell(service, &call).or_else(|| compute::ssm(&call)),
            "lambda" | "rds" | "organizations" => compute::tell(service, &call),
            "route53" => network::dns(&call),
            "lightsail" => network::lightsail(&call),
            "eks" => network::eks(&call),
            _ => None,
        };
        told.unwrap_or_else(|| Self { phrase: Phrase::Call { rest: parameters(call.request.0) }, rules: Vec::new(), tells_failures: false })
    }

    /// `opened`; nothing for calls without words of their own.
    fn done(&self) -> &str {
        match &self.phrase {
            Phrase::Words { done, .. } => done,
            Phrase::Call { .. } => "",
        }
    }

    /// What follows [`Self::done`].
    fn rest(&self) -> &str {
        match &self.phrase {
            Phrase::Words { rest, .. } | Phrase::Call { rest } => rest,
        }
    }

    /// The line for an outcome: a call that was not carried out, or of which the record does not say whether it was, is told as an attempt.
    #[must_use]
    pub fn line(&self, event: &Event<'_>, outcome: Outcome) -> String {
        let name = event.event_name.unwrap_or("an event without a name");
        let tried = matches!(outcome, Outcome::Denied | Outcome::Failed | Outcome::Throttled | Outcome::DryRun);
        let mut line = match &self.phrase {
            Phrase::Words { wanted, rest, .. } if tried || outcome == Outcome::Unknown => format!("tried to {wanted} {rest}"),
            Phrase::Words { done, rest, .. } => format!("{done} {rest}"),
            Phrase::Call { rest, .. } => {
                let (lead, colon) = (if tried { "tried " } else { "" }, if rest.is_empty() { "" } else { ": " });
                format!("{lead}{name}{colon}{rest}")
            }
        };
        match (outcome, event.error_code) {
            (Outcome::DryRun, _) => line.push_str(" (dry run)"),
            (Outcome::Unknown, _) => line.push_str(" (outcome not known)"),
            (_, Some(code)) if tried => line.push_str(&format!(" ({code})")),
            _ => {}
        }
        let failed = if outcome == Outcome::Ok && !self.tells_failures { failed_parts(&event.facts()) } else { 0 };
        if failed > 0 {
            line.push_str(&format!(" ({failed} of its parts failed{})", failure::which(&json(event.response_elements))));
        }
        line
    }
}

/// A call, as the modules below read it.
struct Call<'a> {
    action: &'a str,
    /// The account that recorded it.
    account: &'a str,
    /// Of a sign-in.
    mfa: Option<bool>,
    /// Whether nobody asked for its parameters, so that what they do not name is not known.
    lacks_request: bool,
    request: Parameters<'a>,
    response: Parameters<'a>,
}

/// Parameters or response elements. Services differ in the case of keys and in how they write lists; the accessors here do not.
#[derive(Clone, Copy)]
struct Parameters<'a>(&'a Value);

impl<'a> Parameters<'a> {
    /// The value under a key, whatever its case.
    fn get(self, key: &str) -> Option<Parameters<'a>> {
        let object = self.0.as_object()?;
        let value = object.get(key).or_else(|| object.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v))?;
        (!value.is_null()).then_some(Parameters(value))
    }

    /// The text, number or flag under a key, shortened. `{"value": …}` and `{"content": …}` are looked through.
    fn text(self, key: &str) -> Option<String> {
        self.get(key).and_then(Self::plain)
    }

    fn plain(self) -> Option<String> {
        match self.0 {
            Value::String(text) if !text.is_empty() => Some(shortened(text)),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Object(object) => object.get("value").or_else(|| object.get("content")).and_then(|v| Parameters(v).plain()),
            _ => None,
        }
    }

    /// The text under the first key that has one.
    fn any(self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// The members of a list: an array, EC2's `{"items": […]}` and `{"item": …}`, or a single thing written without a list.
    fn list(self, key: &str) -> Vec<Parameters<'a>> {
        self.get(key).map(Self::members).unwrap_or_default()
    }

    fn members(self) -> Vec<Parameters<'a>> {
        match self.0 {
            Value::Array(items) => items.iter().map(Parameters).collect(),
            Value::Object(object) if object.is_empty() => Vec::new(),
            Value::Object(object) => match object.get("items").or_else(|| object.get("item")).or_else(|| object.get("member")) {
                Some(inner) => Parameters(inner).members(),
                None => vec![self],
            },
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::Null => Vec::new(),
            _ => vec![self],
        }
    }

    /// The texts of a list: of its members, or of this key in them.
    fn texts(self, list: &str, key: &str) -> Vec<String> {
        self.list(list).into_iter().filter_map(|m| m.text(key).or_else(|| m.plain())).collect()
    }
}

/// EC2's newer calls wrap their parameters in an object named after the call.
pub(crate) fn body<'a>(value: &'a Value, suffix: &str) -> &'a Value {
    match value.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) {
        Some((key, inner @ Value::Object(_))) if key.ends_with(suffix) => inner,
        _ => value,
    }
}

/// A text cut to what fits in a line.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// Of what a call acted on, so many are named. Whoever makes a call chooses the order, and could hide one behind a few others.
const NAMED: usize = 20;

/// `a, b and 3 more`.
fn some_of(texts: &[String]) -> String {
    some_beside(&[], texts)
}

/// The same, where some are named however many they are: these come first.
fn some_beside(always: &[String], others: &[String]) -> String {
    first_of(always, others, NAMED)
}

fn first_of(always: &[String], others: &[String], most: usize) -> String {
    let shown = others.len().min(most.saturating_sub(always.len()));
    let told = always.iter().chain(&others[..shown]).map(String::as_str).collect::<Vec<_>>().join(", ");
    match others.len() - shown {
        0 => told,
        more if told.is_empty() => format!("{more} more"),
        more => format!("{told} and {more} more"),
    }
}

/// The last segment of an ARN, or the text itself: `AdministratorAccess` of `arn:aws:iam::aws:policy/AdministratorAccess`.
pub(crate) fn short_name(text: &str) -> &str {
    backtrail_model::arn::Arn::parse(text).map_or(text, |arn| arn.name())
}

/// The parameters that say most, for calls without words of their own: what names something first, then what else is plain.
fn parameters(request: &Value) -> String {
    const SHOWN: usize = 4;
    let Some(object) = request.as_object() else {
        return Parameters(request).plain().unwrap_or_default();
    };
    let mut plain: Vec<(u8, &str, String)> = Vec::new();
    for (key, value) in object {
        let text = match value {
            Value::Array(items) => first_of(&[], &items.iter().filter_map(|v| Parameters(v).plain()).collect::<Vec<_>>(), SHOWN),
            other => Parameters(other).plain().unwrap_or_default(),
        };
        if !text.is_empty() {
            plain.push((weight(key), key, text));
        }
    }
    // Stable: keys of one weight keep the order the service wrote them in.
    plain.sort_by_key(|(weight, ..)| *weight);
    let told: Vec<String> =
        plain.iter().filter(|(weight, ..)| *weight < DULL).take(SHOWN).map(|(_, key, text)| format!("{key}={text}")).collect();
    told.join(", ")
}

const DULL: u8 = 9;

/// Whether a parameter says nothing of what a call is about.
pub(crate) fn is_dull(key: &str) -> bool {
    weight(key) == DULL
}

/// How little a parameter says.
fn weight(key: &str) -> u8 {
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "clienttoken" | "clientrequesttoken" | "host" | "maxresults" | "nexttoken" | "dryrun" | "requestid" | "idempotencytoken"
        | "accept" => DULL,
        // Of S3's headers, those that say who may reach what.
        l if matches!(l, "x-amz-acl" | "x-amz-object-ownership") || l.starts_with("x-amz-grant-") => 4,
        l if l.starts_with("x-amz") || l.starts_with("x-id") => DULL,
        l if l.ends_with("arn") => 0,
        l if l.ends_with("id")
            || l.ends_with("ids")
            || l.ends_with("name")
            || l.ends_with("names")
            || l.ends_with("identifier")
            || l == "key" =>
        {
            1
        }
        _ => 5,
    }
}

#[cfg(test)]
mod tests;
