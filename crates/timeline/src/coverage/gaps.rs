//! Calls that changed what is logged: they explain a gap, or cause one.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::{Effect, Log, affects_coverage, bucket_call, coverage_names};
use backtrail_model::outcome::Outcome;
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::tally::{DELETE_OBJECT, LOG_OBJECT};
use backtrail_model::window::Window;
use datafusion::functions::expr_fn::contains;
use datafusion::logical_expr::{col, lit};
use serde::Serialize;
use serde_json::Value;

use super::cells::Known;
use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, json};
use crate::source::{Source, one_of};

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
    /// Trail, recorder or store the call names.
    pub target: Option<String>,
    /// The call that started the same one again, where one is in evidence before the window's end.
    pub resumed: Option<Resumed>,
    /// Citations.
    pub refs: Vec<String>,
}

/// A call that started again what another had stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resumed {
    /// When.
    pub event_time: Option<String>,
    /// Who.
    pub actor: String,
    /// Citation.
    pub reference: String,
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
    known: &Known,
    around: Option<&Window>,
    window: Option<&Window>,
) -> Result<Vec<LogChange>, TimelineError> {
    // What comes after the window cannot have blinded it.
    let until = window.or(around).map(Window::to);
    let span = around.zip(until).and_then(|(a, to)| Window::between(a.from(), to).ok());
    // Few calls in many days: put in order here, so that the days are read at once.
    let mut met: BTreeMap<_, (LogChange, Option<String>)> = BTreeMap::new();
    let mut destinations: BTreeSet<String> = BTreeSet::new();
    let mut take = |event: &Event<'_>| {
        let request = json(event.request_parameters);
        destinations.extend(destination(event, &request));
        if let Some(change) = log_change(event, &request) {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let order = (event.event_time.is_none(), event.event_time, own(event.event_id), own(event.record_sha256), event.place());
            met.insert(order, change);
            if met.len() > MOST {
                met.pop_last();
            }
        }
        Ok(())
    };
    let names: Vec<&str> = coverage_names().into_iter().filter(|name| *name != DELETE_OBJECT).collect();
    source.called(span.as_ref(), &names, &mut take).await?;
    // Of deleted objects only those where logs are delivered matter, and most files say that they hold no such call.
    // Conditions one after the other, not one with `or`: the scan reads parameters only where the name fits.
    if let Some(on_date) = one_of(EVENT_DATE, known.log_objects_deleted()) {
        let of_logs = contains(col("request_parameters"), lit(LOG_OBJECT));
        source.few(span.as_ref(), Some(col("event_name").eq(lit(DELETE_OBJECT)).and(on_date).and(of_logs)), &mut take).await?;
    }
    let met = met.into_values();
    let settled = |(mut change, bucket): (LogChange, Option<String>)| match bucket {
        None => Some(change),
        Some(bucket) => {
            change.basis = Some(if destinations.contains(&bucket) { "delivery" } else { named_like_logs(&bucket)? });
            Some(change)
        }
    };
    let mut changes: Vec<LogChange> = met.filter_map(settled).collect();
    resume(&mut changes);
    Ok(changes)
}

/// Says of calls that stopped a log which later call started it again: the same trail, by name, in the same account and region.
fn resume(changes: &mut [LogChange]) {
    for at in 0..changes.len() {
        let (stopped, later) = (&changes[at], &changes[at + 1..]);
        if stopped.effect != Effect::Stops.as_str() || stopped.target.is_none() {
            continue;
        }
        let same = |c: &&LogChange| {
            c.effect == Effect::Starts.as_str()
                && c.outcome == Outcome::Ok
                && (c.log, &c.account, &c.region, &c.target) == (stopped.log, &stopped.account, &stopped.region, &stopped.target)
        };
        let resumed = later
            .iter()
            .find(same)
            .and_then(|c| Some(Resumed { event_time: c.event_time.clone(), actor: c.actor.clone(), reference: c.refs.first()?.clone() }));
        changes[at].resumed = resumed;
    }
}

/// What a call stops or starts: the last part of its ARN, else its name, so that both notations are one.
fn target(request: &Value) -> Option<String> {
    let named = ["name", "trailName", "eventDataStore", "configurationRecorderName"].iter().find_map(|key| request.get(*key)?.as_str())?;
    Some(named.rsplit('/').next().unwrap_or(named).to_owned())
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
        actor: item.principal.label(),
        summary: item.summary,
        outcome: item.outcome,
        log: call.log.as_str(),
        effect: call.effect.as_str(),
        basis: None,
        account: item.account,
        region: item.region,
        target: target(request),
        resumed: None,
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
    fn a_trail_that_was_started_again() {
        let change = |name: &str, account: &str, request: Value| {
            let request_text = request.to_string();
            let event = Event {
                event_source: Some("cloudtrail.amazonaws.com"),
                event_name: Some(name),
                recipient_account_id: Some(account),
                event_id: Some(name),
                request_parameters: Some(&request_text),
                ..Event::default()
            };
            log_change(&event, &request).unwrap().0
        };
        let arn = json!({"name": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
        let mut changes = [
            change("StopLogging", "1", json!({"name": "main"})),
            change("StartLogging", "1", json!({"name": "other"})),
            change("StartLogging", "2", json!({"name": "main"})),
            change("StartLogging", "1", arn),
            change("StopLogging", "1", json!({"name": "main"})),
        ];
        resume(&mut changes);
        let resumed: Vec<Option<&str>> = changes.iter().map(|c| c.resumed.as_ref().map(|r| r.reference.as_str())).collect();
        assert_eq!(resumed, [Some("StartLogging"), None, None, None, None]);
        assert_eq!(changes[3].target.as_deref(), Some("main"));
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
