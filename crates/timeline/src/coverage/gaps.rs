//! Calls that changed what is logged: they explain a gap, or cause one.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::{CoverageCall, Effect, Log, action_name, affects_coverage, bucket_call, coverage_names, recording_names};
use backtrail_model::outcome::Outcome;
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::tally::{DELETE_OBJECT, LOG_OBJECT};
use backtrail_model::time::EARLIEST;
use backtrail_model::window::Window;
use datafusion::functions::expr_fn::contains;
use datafusion::logical_expr::{col, lit};
use serde::Serialize;
use serde_json::Value;

use super::cells::ToldByFiles;
use super::recording::{Part, Recording, Set, settings};
use crate::error::TimelineError;
use crate::event::{Event, Place};
use crate::item::{Item, json};
use crate::source::{Source, one_of};

/// At most so many are listed.
const MOST: usize = 1000;
/// At most so many are kept until it is known which of them are listed.
const KEPT: usize = 20 * MOST;

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
    /// The call that started the same one again, or set it back, where one is in evidence before the window's end.
    pub resumed: Option<Resumed>,
    /// Citations.
    pub refs: Vec<String>,
    /// Whether it is told because nothing undid it before the window, not because it is near.
    #[serde(skip)]
    pub(crate) is_lasting: bool,
    /// What may hide most is least: it is told first where there are too many.
    #[serde(skip)]
    pub(crate) weight: u8,
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
    #[serde(skip)]
    pub(crate) time: Option<i64>,
}

impl LogChange {
    /// Whether events may be missing because of it.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.outcome == Outcome::Ok && self.effect != Effect::Starts.as_str()
    }
}

/// The calls that changed what is logged.
#[derive(Debug, Default)]
pub(crate) struct LogChanges {
    /// In order of time: those near the window, and older ones that nothing undid before it.
    pub(crate) listed: Vec<LogChange>,
    /// Those that are not listed for their number.
    pub(crate) left_out: u64,
}

/// The calls that changed what is logged in a window: all of them from the day before it on, and older ones whose effect lasted until it.
pub(super) async fn log_changes(
    source: &Source,
    known: &ToldByFiles,
    around: Option<&Window>,
    window: Option<&Window>,
) -> Result<LogChanges, TimelineError> {
    // What comes after the window cannot have blinded it.
    let until = window.or(around).map(Window::to);
    let near = around.zip(until).and_then(|(a, to)| Window::between(a.from(), to).ok());
    let mut met = Met::default();
    let names: Vec<&str> = coverage_names().into_iter().filter(|name| *name != DELETE_OBJECT).collect();
    source.called(near.as_ref(), &names, &mut |event| met.take(event, false)).await?;
    // Of deleted objects only those where logs are delivered matter, and most files say that they hold no such call.
    // Conditions one after the other, not one with `or`: the scan reads parameters only where the name fits.
    if let Some(on_date) = one_of(EVENT_DATE, known.log_objects_deleted(around)) {
        let of_logs = contains(col("request_parameters"), lit(LOG_OBJECT));
        let condition = col("event_name").eq(lit(DELETE_OBJECT)).and(on_date).and(of_logs);
        source.few(near.as_ref(), Some(condition), &mut |event| met.take(event, false)).await?;
    }
    // Whatever came before: a trail that somebody stopped and nobody started records nothing, however long ago that was.
    if let Some(before) = around.and_then(|a| Window::between(EARLIEST, a.from()).ok()) {
        source.called(Some(&before), &recording_names(), &mut |event| met.take(event, true)).await?;
    }
    Ok(met.told(window.map(Window::from)))
}

/// Where a call stands in the order of time; those without one last.
type Order = (bool, Option<i64>, Option<String>, Option<String>, Place);

/// A call on a log.
struct Call {
    change: LogChange,
    time: Option<i64>,
    action: String,
    bucket: Option<String>,
    settings: Vec<(Part, Set)>,
}

impl Call {
    /// What may hide most first: those are kept where there are too many.
    fn weight(&self) -> u8 {
        let LogChange { effect, log, .. } = self.change;
        let sets = !self.settings.is_empty();
        match self.change.hides() {
            true if self.action == DELETE_OBJECT => 5,
            true if effect == Effect::Stops.as_str() => u8::from(log != Log::CloudTrail.as_str()),
            true if effect == Effect::Destroys.as_str() => 2,
            true => 4 - u8::from(sets),
            false => 7 - u8::from(sets),
        }
    }
}

/// The calls on logs that were met.
#[derive(Default)]
struct Met {
    /// By what they may hide, then by time: few calls in many days are put in order here, so that the days are read at once.
    calls: BTreeMap<(u8, Order), Call>,
    destinations: BTreeSet<String>,
    left_out: u64,
}

impl Met {
    fn take(&mut self, event: &Event<'_>, is_earlier: bool) -> Result<(), TimelineError> {
        let request = json(event.request_parameters);
        self.destinations.extend(destination(event, &request));
        let Some(mut call) = log_change(event, &request) else { return Ok(()) };
        call.change.is_lasting = is_earlier;
        if is_earlier && (call.settings.is_empty() || call.change.outcome != Outcome::Ok) {
            return Ok(());
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        let order = (event.event_time.is_none(), event.event_time, own(event.event_id), own(event.record_sha256), event.place());
        self.calls.insert((call.change.weight, order), call);
        if self.calls.len() > KEPT {
            self.left_out += u64::from(self.calls.pop_last().is_some_and(|(_, call)| call.change.hides()));
        }
        Ok(())
    }

    /// What is told of a window that begins then.
    fn told(self, from: Option<i64>) -> LogChanges {
        let Self { calls, destinations, mut left_out } = self;
        let mut ordered: Vec<(Order, Call)> = calls.into_iter().map(|((_, order), call)| (order, call)).collect();
        ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut calls: Vec<Call> = ordered.into_iter().filter_map(|(_, call)| call.on_a_log(&destinations)).collect();
        let lasting = resume(&mut calls);
        let mut told = BTreeSet::new();
        let mut at = 0;
        calls.retain(|call| {
            let lasts = lasting.contains(&at);
            at += 1;
            let change = &call.change;
            // Of the same call again and again the first tells since when.
            let again = (call.action.clone(), change.account.clone(), change.region.clone(), change.target.clone(), call.bucket.clone());
            !change.is_lasting || (change.hides() && (lasts || call.is_resumed_from(from)) && told.insert(again))
        });
        if calls.len() > MOST {
            // The sort is stable: those of one weight stay in the order of time.
            calls.sort_by_key(|call| call.change.weight);
            left_out += calls.drain(MOST..).filter(|call| call.change.hides()).count() as u64;
            calls.sort_by_key(|call| (call.time.is_none(), call.time));
        }
        LogChanges { listed: calls.into_iter().map(|call| call.change).collect(), left_out }
    }
}

impl Call {
    /// The call, if it is one on a log: a bucket is one where a call names it as destination, and near the window where its name says so.
    fn on_a_log(mut self, destinations: &BTreeSet<String>) -> Option<Self> {
        if let Some(bucket) = &self.bucket {
            let named = || named_like_logs(bucket).filter(|_| !self.change.is_lasting);
            self.change.basis = Some(if destinations.contains(bucket) { "delivery" } else { named()? });
        }
        Some(self)
    }

    /// Whether what it stopped was still stopped at an instant, and started again later.
    fn is_resumed_from(&self, instant: Option<i64>) -> bool {
        let resumed = self.change.resumed.as_ref().and_then(|resumed| resumed.time);
        resumed.zip(instant).is_some_and(|(resumed, instant)| resumed >= instant)
    }

    fn as_resumed(&self) -> Option<Resumed> {
        let LogChange { event_time, actor, refs, .. } = &self.change;
        Some(Resumed { event_time: event_time.clone(), actor: actor.clone(), reference: refs.first()?.clone(), time: self.time })
    }
}

/// Says of calls that stopped a log, or left something out of it, which later call undid that: of the same trail, by name, in the same account
/// and region. Returns those whose effect lasts.
fn resume(calls: &mut [Call]) -> BTreeSet<usize> {
    let mut recording = Recording::default();
    let mut resumed: BTreeMap<usize, usize> = BTreeMap::new();
    let mut lasting = BTreeSet::new();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.change.outcome == Outcome::Ok) {
        let change = &call.change;
        for (part, set) in &call.settings {
            let Some(subject) = call.bucket.as_ref().or(change.target.as_ref()) else {
                // Nothing says what would start it again.
                lasting.extend((*set == Set::Less).then_some(at));
                continue;
            };
            // Names of buckets are unique, those of trails in their account and region.
            let place = call.bucket.is_none().then_some((&change.account, &change.region));
            let undone = recording.take((change.log, place, subject), (*part, set), at);
            resumed.extend(undone.into_iter().map(|before| (before, at)));
        }
    }
    lasting.extend(recording.open());
    let resumed: Vec<(usize, Option<Resumed>)> =
        resumed.into_iter().filter(|(at, _)| !lasting.contains(at)).map(|(at, by)| (at, calls[by].as_resumed())).collect();
    for (at, by) in resumed {
        calls[at].change.resumed = by;
    }
    lasting
}

/// What a call stops or starts: the last part of its ARN, else its name, so that both notations are one.
fn target(request: &Value) -> Option<String> {
    let named = ["name", "trailName", "eventDataStore", "configurationRecorderName"].iter().find_map(|key| request.get(*key)?.as_str())?;
    Some(named.rsplit('/').next().unwrap_or(named).to_owned())
}

/// A call on a log, with the bucket where it is a call on one.
fn log_change(event: &Event<'_>, request: &Value) -> Option<Call> {
    let (source, name) = (event.event_source?, event.event_name?);
    let (call, bucket): (CoverageCall, Option<String>) = match affects_coverage(source, name) {
        Some(call) => (call, None),
        None => (bucket_call(source, name)?, Some(request.get("bucketName")?.as_str()?.to_owned())),
    };
    debug_assert!(bucket.is_none() || call.log == Log::Bucket);
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
        is_lasting: false,
        weight: 0,
    };
    let action = action_name(name).to_owned();
    let mut call = Call { change, time: event.event_time, settings: settings(&action, call, request), action, bucket };
    call.change.weight = call.weight();
    Some(call)
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
    use backtrail_model::time::MICROS_PER_HOUR;
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

    const NOON: i64 = 12 * MICROS_PER_HOUR;

    /// A call on a trail by its name, at an hour.
    fn call(name: &str, account: &str, hour: i64, request: &Value) -> (Order, Call) {
        let (request_text, id) = (request.to_string(), format!("{name} {account} {hour}"));
        let event = Event {
            event_time: Some(hour * MICROS_PER_HOUR),
            event_source: Some(if name.contains("Bucket") { "s3.amazonaws.com" } else { "cloudtrail.amazonaws.com" }),
            event_name: Some(name),
            recipient_account_id: Some(account),
            event_id: Some(&id),
            request_parameters: Some(&request_text),
            ..Event::default()
        };
        ((false, event.event_time, Some(id.clone()), None, event.place()), log_change(&event, request).unwrap())
    }

    #[test]
    fn a_trail_that_was_started_again() {
        let arn = json!({"name": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
        let main = json!({"name": "main"});
        let calls = [
            call("StopLogging", "1", 1, &main),
            call("StartLogging", "1", 2, &json!({"name": "other"})),
            call("StartLogging", "2", 3, &main),
            call("StartLogging", "1", 4, &arn),
            call("StopLogging", "1", 5, &main),
        ];
        let mut calls: Vec<Call> = calls.into_iter().map(|(_, call)| call).collect();
        assert_eq!(resume(&mut calls), BTreeSet::from([4]));
        let resumed: Vec<Option<&str>> = calls.iter().map(|c| c.change.resumed.as_ref().map(|r| r.reference.as_str())).collect();
        assert_eq!(resumed, [Some("StartLogging 1 4"), None, None, None, None]);
        assert_eq!(calls[3].change.target.as_deref(), Some("main"));
    }

    /// What of older calls is told of a window that begins at noon.
    fn told(calls: &[(&str, i64, Value)]) -> Vec<String> {
        let mut met = Met::default();
        for (name, hour, request) in calls {
            let (order, mut call) = call(name, "1", *hour, request);
            call.change.is_lasting = *hour < 10;
            met.calls.insert((call.change.weight, order), call);
        }
        met.destinations.insert("logs".to_owned());
        let told = met.told(Some(NOON)).listed.into_iter();
        told.map(|c| format!("{}{}", c.refs[0], c.resumed.map(|r| format!(" until {}", r.reference)).unwrap_or_default())).collect()
    }

    #[test]
    fn what_was_done_long_ago_is_told_where_it_lasted_until_the_window() {
        let main = || json!({"name": "main"});
        let none: [&str; 0] = [];
        assert_eq!(told(&[("StopLogging", 1, main())]), ["StopLogging 1 1"]);
        assert_eq!(told(&[("StopLogging", 1, main()), ("StartLogging", 2, main())]), none);
        // Started again in the day before, and in the window; what is near is told in any case.
        assert_eq!(told(&[("StopLogging", 1, main()), ("StartLogging", 11, main())]), ["StartLogging 1 11"]);
        assert_eq!(
            told(&[("StopLogging", 1, main()), ("StartLogging", 13, main())]),
            ["StopLogging 1 1 until StartLogging 1 13", "StartLogging 1 13"]
        );
        assert_eq!(
            told(&[("StopLogging", 1, main()), ("StopLogging", 2, main()), ("DeleteTrail", 3, main())]),
            ["StopLogging 1 1", "DeleteTrail 1 3"]
        );
        // A bucket that only looks like one for logs is no news of old.
        let bucket = |name: &str| json!({"bucketName": name});
        let deleted = [("DeleteBucket", 1, bucket("logs")), ("DeleteBucket", 2, bucket("other-logs"))];
        assert_eq!(told(&deleted), ["DeleteBucket 1 1"]);
        assert_eq!(told(&[("DeleteBucketPolicy", 1, bucket("logs")), ("PutBucketPolicy", 2, bucket("logs"))]), none);
    }

    #[test]
    fn where_too_many_are_met_those_stay_that_hide_most() {
        let mut met = Met::default();
        let object = json!({"bucketName": "logs", "key": "AWSLogs/1"});
        for hour in 0..2 * MOST as i64 {
            let (order, call) = call("PutBucketAcl", "1", hour, &object);
            met.calls.insert((call.change.weight, order), call);
        }
        let (order, stop) = call("StopLogging", "1", 3 * MOST as i64, &json!({"name": "main"}));
        met.calls.insert((stop.change.weight, order), stop);
        let told = met.told(None);
        assert_eq!((told.listed.len(), told.left_out), (MOST, MOST as u64 + 1));
        assert_eq!(told.listed.last().unwrap().refs[0], format!("StopLogging 1 {}", 3 * MOST));
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
