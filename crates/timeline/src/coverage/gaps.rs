//! Calls that changed what is logged: they explain a gap, or cause one.

use std::collections::BTreeSet;

use backtrail_model::calls::{Effect, Log, affects_coverage, bucket_call, coverage_names};
use backtrail_model::outcome::Outcome;
use backtrail_model::window::Window;
use datafusion::functions::expr_fn::contains;
use datafusion::logical_expr::{col, lit};
use serde::Serialize;
use serde_json::Value;

use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, json};
use crate::source::Source;

/// At most so many are listed.
const MOST: usize = 1000;

/// A call that changed what is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogChange {
    /// When.
    pub event_time: Option<String>,
    /// Who.
    pub actor: String,
    /// What, in a line.
    pub summary: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Which log: `cloudtrail`, `flow_logs`, `dns_logs`, `config`, `findings`, `cloudwatch_logs`, `bucket`.
    pub log: &'static str,
    /// `stops`, `alters`, `destroys`, `starts`.
    pub effect: &'static str,
    /// Why a bucket is taken to hold logs: `delivery` (a call names it as destination), `name` (only its name says so).
    pub basis: Option<&'static str>,
    /// Account.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Citations.
    pub refs: Vec<String>,
}

impl LogChange {
    /// Whether events may be missing because of it.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.outcome == Outcome::Ok && self.effect != Effect::Starts.as_str()
    }
}

/// The calls of a stretch of time that changed what is logged, in order.
pub(super) async fn log_changes(
    source: &Source,
    around: Option<&Window>,
    window: Option<&Window>,
) -> Result<Vec<LogChange>, TimelineError> {
    // What comes after the window cannot have blinded it.
    let until = window.or(around).map(Window::to);
    let span = around.zip(until).and_then(|(a, to)| Window::between(a.from(), to).ok());
    // Deleting single objects is daily business: only objects where logs are delivered matter.
    // Two conditions, not one with `or`: the scan reads parameters only where the name fits.
    let names = coverage_names().into_iter().map(lit).collect();
    let is_log_object = col("event_name").not_eq(lit("DeleteObject")).or(contains(col("request_parameters"), lit("AWSLogs/")));
    let condition = col("event_name").in_list(names, false).and(is_log_object);
    let mut met: Vec<(LogChange, Option<String>)> = Vec::new();
    let mut destinations: BTreeSet<String> = BTreeSet::new();
    source
        .in_order(span.as_ref(), Some(condition), &mut |events| {
            for event in events.iter() {
                let request = json(event.request_parameters);
                destinations.extend(destination(&event, &request));
                if met.len() < MOST {
                    met.extend(log_change(&event, &request));
                }
            }
            Ok(())
        })
        .await?;
    let settled = |(mut change, bucket): (LogChange, Option<String>)| match bucket {
        None => Some(change),
        Some(bucket) => {
            change.basis = Some(if destinations.contains(&bucket) { "delivery" } else { named_like_logs(&bucket)? });
            Some(change)
        }
    };
    Ok(met.into_iter().filter_map(settled).collect())
}

/// A call on a log, with the bucket where it is a call on one.
fn log_change(event: &Event<'_>, request: &Value) -> Option<(LogChange, Option<String>)> {
    let (source, name) = (event.event_source?, event.event_name?);
    let (call, bucket) = match affects_coverage(source, name) {
        Some(call) => (call, None),
        None => (bucket_call(source, name)?, Some(request.get("bucketName")?.as_str()?.to_owned())),
    };
    let item = Item::of(event, None);
    let change = LogChange {
        event_time: item.event_time,
        actor: item.actor.label(),
        summary: item.summary,
        outcome: item.outcome,
        log: call.log.as_str(),
        effect: call.effect.as_str(),
        basis: None,
        account: item.account,
        region: item.region,
        refs: item.refs,
    };
    debug_assert!(bucket.is_none() || call.log == Log::Bucket);
    Some((change, bucket))
}

/// The bucket a call names as a destination of logs.
fn destination(event: &Event<'_>, request: &Value) -> Option<String> {
    affects_coverage(event.event_source?, event.event_name?)?;
    let text = |value: &Value| value.as_str().map(|t| t.trim_start_matches("arn:aws:s3:::").split('/').next().unwrap_or(t).to_owned());
    let direct = ["s3BucketName", "logDestination"].iter().find_map(|key| request.get(*key).and_then(text));
    let wrapped = || request.get("CreateFlowLogsRequest")?.get("LogDestination").and_then(text);
    let channel = || request.get("deliveryChannel")?.get("s3BucketName").and_then(text);
    direct.or_else(wrapped).or_else(channel)
}

fn named_like_logs(bucket: &str) -> Option<&'static str> {
    let words = ["cloudtrail", "flow-log", "flowlog", "aws-logs", "awslogs", "audit-log", "access-log", "config-bucket", "log-archive"];
    let lower = bucket.to_ascii_lowercase();
    let whole = lower.split(['-', '.', '_']).any(|part| matches!(part, "log" | "logs" | "trail" | "audit"));
    (whole || words.iter().any(|w| lower.contains(w))).then_some("name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn buckets_that_look_like_logs() {
        for bucket in ["sample-cloudtrail-bucket-name", "acme-logs", "org-log-archive-eu", "audit.acme"] {
            assert_eq!(named_like_logs(bucket), Some("name"), "{bucket}");
        }
        for bucket in ["catalogs", "blog-assets", "trailers", "login-page"] {
            assert_eq!(named_like_logs(bucket), None, "{bucket}");
        }
    }

    #[test]
    fn destinations() {
        let event = |source, name| Event { event_source: Some(source), event_name: Some(name), ..Event::default() };
        let trail = event("cloudtrail.amazonaws.com", "CreateTrail");
        assert_eq!(destination(&trail, &json!({"name": "t", "s3BucketName": "b"})).as_deref(), Some("b"));
        let flows = event("ec2.amazonaws.com", "CreateFlowLogs");
        let request = json!({"CreateFlowLogsRequest": {"LogDestination": "arn:aws:s3:::b/prefix"}});
        assert_eq!(destination(&flows, &request).as_deref(), Some("b"));
        assert_eq!(destination(&event("s3.amazonaws.com", "PutObject"), &json!({"s3BucketName": "b"})), None);
    }
}
