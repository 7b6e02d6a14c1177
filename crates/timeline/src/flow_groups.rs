//! Log groups that flow and DNS query logs go to: deleting one, or cutting short how long it keeps them, hides what was seen of the network
//! (domain reference 3.4). Which those are, only the calls that started the logs say.

use std::collections::HashMap;

use backtrail_model::arn::Arn;
use backtrail_model::calls::{NetworkClass, action_name, service_of};
use backtrail_model::outcome::{Outcome, classify};
use datafusion::logical_expr::{Expr, col, lit};
use serde_json::Value;

use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, json};
use crate::source::Source;

/// Calls that start such a log.
const STARTS: &[&str] = &["CreateFlowLogs", "CreateQueryLoggingConfig"];
/// Calls on a log group that take away what it holds.
const HIDES: &[&str] = &["DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy"];

/// Parameters that name the group or its ARN.
const NAMES: &[&str] = &["LogGroupName", "LogDestination", "cloudWatchLogsLogGroupArn"];

/// A log group: account, region, name.
type Group = (String, String, String);

/// When the first log that goes to each group was started, and by which call.
#[derive(Debug, Default)]
pub(crate) struct FlowGroups(HashMap<Group, (i64, String)>);

/// A condition that every call on a log group that may hide something fulfils.
pub(crate) fn condition() -> Expr {
    let spelled = ["logs", "logs.amazonaws.com", "logs.amazonaws.com.cn"];
    let source = col("event_source").in_list(spelled.into_iter().map(lit).collect(), false);
    source.and(col("event_name").in_list(HIDES.iter().copied().map(lit).collect(), false))
}

impl FlowGroups {
    /// Those that calls in evidence of any time name.
    pub(crate) async fn read(source: &Source) -> Result<Self, TimelineError> {
        let mut groups = Self::default();
        source
            .called(None, STARTS, &mut |event| {
                groups.take(event);
                Ok(())
            })
            .await?;
        Ok(groups)
    }

    fn take(&mut self, event: &Event<'_>) {
        let Some(time) = event.event_time.filter(|_| classify(&event.facts()) == Outcome::Ok) else { return };
        for group in named(&json(event.request_parameters), event) {
            let first = self.0.entry(group).or_insert_with(|| (time, event.citation()));
            if time < first.0 {
                *first = (time, event.citation());
            }
        }
    }

    /// The call that had logs written to the group that a call takes something away from.
    fn started_by(&self, event: &Event<'_>) -> Option<&str> {
        if self.0.is_empty() || service_of(event.event_source?) != "logs" || !HIDES.contains(&action_name(event.event_name?)) {
            return None;
        }
        let request = json(event.request_parameters);
        let name = request.get("logGroupName")?.as_str()?;
        let key = (event.recipient_account_id?.to_owned(), event.aws_region?.to_owned(), name.to_owned());
        let (since, started) = self.0.get(&key)?;
        (*since <= event.event_time?).then_some(started.as_str())
    }

    /// Whether a call takes away what is known of the network.
    pub(crate) fn admits(&self, event: &Event<'_>) -> bool {
        self.started_by(event).is_some()
    }

    /// Says so of an item, and by which call that is known.
    pub(crate) fn tell(&self, event: &Event<'_>, item: &mut Item) {
        let Some(started) = self.started_by(event) else { return };
        item.network_class = Some(NetworkClass::FlowLogs);
        item.summary.push_str(&format!(", where flow or DNS logs go by [{started}]"));
    }
}

/// The groups that a call names, at any depth: its parameters stand in an object named after it.
fn named(request: &Value, event: &Event<'_>) -> Vec<Group> {
    let Some(object) = request.as_object() else { return Vec::new() };
    let mut groups = Vec::new();
    for (key, value) in object {
        match value {
            Value::Object(_) => groups.extend(named(value, event)),
            Value::String(text) if NAMES.iter().any(|name| name.eq_ignore_ascii_case(key)) => groups.extend(group(text, event)),
            _ => {}
        }
    }
    groups
}

/// A group by its ARN, or by its name in the call's own account and region. Other destinations are buckets and streams.
fn group(text: &str, event: &Event<'_>) -> Option<Group> {
    let own = |name: &str| Some((event.recipient_account_id?.to_owned(), event.aws_region?.to_owned(), name.to_owned()));
    if !text.starts_with("arn:") {
        return own(text);
    }
    let arn = Arn::parse(text).and_then(|arn| Arn::parse(arn.canonical())).filter(|arn| arn.service() == "logs")?;
    (arn.resource_type() == Some("log-group")).then(|| (arn.account().to_owned(), arn.region().to_owned(), arn.resource_id().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(source: &'a str, name: &'a str, request: &'a str, time: i64) -> Event<'a> {
        Event {
            event_time: Some(time),
            event_id: Some("id"),
            event_source: Some(source),
            event_name: Some(name),
            aws_region: Some("us-east-1"),
            recipient_account_id: Some("111122223333"),
            request_parameters: Some(request),
            ..Event::default()
        }
    }

    #[test]
    fn only_groups_that_logs_were_started_to() {
        let mut groups = FlowGroups::default();
        let by_name = r#"{"CreateFlowLogsRequest":{"LogGroupName":"vpc-flow","ResourceId":{"tag":1,"content":"vpc-1"}}}"#;
        let by_arn = r#"{"CreateFlowLogsRequest":{"LogDestination":"arn:aws:logs:us-east-1:111122223333:log-group:other:*"}}"#;
        let bucket = r#"{"CreateFlowLogsRequest":{"LogDestination":"arn:aws:s3:::flow"}}"#;
        for request in [by_name, by_arn, bucket] {
            groups.take(&event("ec2.amazonaws.com", "CreateFlowLogs", request, 10));
        }
        assert_eq!(groups.0.len(), 2);
        let admits = |name: &str, group: &str, time: i64| {
            let request = format!(r#"{{"logGroupName":"{group}","retentionInDays":1}}"#);
            groups.admits(&event("logs.amazonaws.com", name, &request, time))
        };
        assert!(admits("DeleteLogGroup", "vpc-flow", 11) && admits("PutRetentionPolicy", "other", 10));
        assert!(!admits("DeleteLogGroup", "app", 11), "of no flow logs");
        assert!(!admits("DeleteLogGroup", "vpc-flow", 9), "before any were started");
        assert!(!admits("CreateLogStream", "vpc-flow", 11));
    }
}
