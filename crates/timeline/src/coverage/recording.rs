//! What a call says of what is recorded from then on, and which later call undoes it: however long ago it was, it may have blinded a window.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::{CoverageCall, Effect, Log};
use serde_json::Value;

use crate::policy::{Policy, Statement};

/// A part of recording that a call sets, for all that comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Whether anything is recorded.
    Whole,
    /// Which events are.
    Selection,
    /// Of which regions and global services.
    Reach,
    /// Which bucket it goes to.
    Destination,
    /// Whether that bucket takes it.
    Delivery,
    /// Whether it stays there.
    Retention,
}

/// What a call sets it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    /// Less than all.
    Less,
    /// All of it, as before.
    All,
    /// These events; `None` where that cannot be read.
    Events(Option<Selected>),
    /// This bucket, and whether it is the first of a new trail.
    Bucket(String, bool),
}

/// Said of a type of data events of which only reads or only writes are recorded.
const READS_OR_WRITES: &str = ", reads or writes";

/// Which events are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// Whether all management events are.
    management: bool,
    /// Types of data events, each with what their resources begin with.
    data: BTreeSet<(String, String)>,
}

/// What a call sets. `request` is its parameters.
pub(super) fn settings(action: &str, call: CoverageCall, request: &Value) -> Vec<(Part, Set)> {
    match (call.log, action) {
        (Log::CloudTrail, "PutEventSelectors") => vec![(Part::Selection, Set::Events(Selected::of(request)))],
        (Log::CloudTrail, "UpdateEventDataStore") if request.get("advancedEventSelectors").is_some() => {
            vec![(Part::Selection, Set::Events(Selected::of(request)))]
        }
        (Log::CloudTrail, "CreateTrail") => destination(request, true).into_iter().collect(),
        (Log::CloudTrail, "UpdateTrail") => reach(request).into_iter().chain(destination(request, false)).collect(),
        // A trail records from `StartLogging` on; a new event data store is another one than any that was stopped.
        (Log::CloudTrail, "CreateEventDataStore") => Vec::new(),
        (Log::CloudTrail, "DeleteEventDataStore") => vec![(Part::Whole, Set::Less)],
        // A bucket of that name that is made anew has lost what the other held.
        (Log::Bucket, "DeleteBucket") => vec![(Part::Whole, Set::Less)],
        (Log::Bucket, "DeleteBucketPolicy") => vec![(Part::Delivery, Set::Less)],
        (Log::Bucket, "PutBucketPolicy") => vec![(Part::Delivery, if refuses_delivery(request) { Set::Less } else { Set::All })],
        (Log::Bucket, "PutBucketLifecycle" | "PutBucketLifecycleConfiguration") => {
            vec![(Part::Retention, if expires(request) { Set::Less } else { Set::All })]
        }
        (Log::Bucket, "DeleteBucketLifecycle") => vec![(Part::Retention, Set::All)],
        (Log::Bucket, _) => Vec::new(),
        (_, _) if call.effect == Effect::Stops => vec![(Part::Whole, Set::Less)],
        (_, _) if call.effect == Effect::Starts => vec![(Part::Whole, Set::All)],
        _ => Vec::new(),
    }
}

/// Whether a bucket's policy refuses that anybody, or CloudTrail, writes to it, whatever the circumstances.
fn refuses_delivery(request: &Value) -> bool {
    let refuses =
        |s: Statement<'_>| s.denies() && s.is_for_service("cloudtrail.amazonaws.com") && s.is_about("s3:PutObject") && !s.has_condition();
    Policy::put_by(request).is_some_and(|policy| policy.statements().any(refuses))
}

/// Whether a rule of a bucket's lifecycle deletes what is in it, now or later.
fn expires(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_rule = matches!(name.as_str(), "Expiration" | "NoncurrentVersionExpiration") && !value.is_null();
            is_rule || expires(value)
        }),
        Value::Array(items) => items.iter().any(expires),
        _ => false,
    }
}

fn reach(request: &Value) -> Option<(Part, Set)> {
    let flags = ["isMultiRegionTrail", "includeGlobalServiceEvents"].iter().filter_map(|key| request.get(*key)?.as_bool());
    let all = flags.reduce(|one, other| one && other)?;
    Some((Part::Reach, if all { Set::All } else { Set::Less }))
}

fn destination(request: &Value, is_new: bool) -> Option<(Part, Set)> {
    let bucket = request.get("s3BucketName")?.as_str()?;
    Some((Part::Destination, Set::Bucket(bucket.to_owned(), is_new)))
}

impl Selected {
    /// Read from the parameters of a call that selects events.
    fn of(request: &Value) -> Option<Self> {
        let list = |key: &str| request.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
        let mut selected = Self::default();
        for selector in list("eventSelectors").into_iter().flatten() {
            selected.take_basic(selector);
        }
        for selector in list("advancedEventSelectors").into_iter().flatten() {
            selected.take_advanced(selector);
        }
        (list("eventSelectors").is_some() || list("advancedEventSelectors").is_some()).then_some(selected)
    }

    fn take_basic(&mut self, selector: &Value) {
        let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let is_all = selector.get("readWriteType").and_then(Value::as_str).is_none_or(|kind| kind == "All");
        let has_management = selector.get("includeManagementEvents").and_then(Value::as_bool).unwrap_or(true);
        let excludes = selector.get("excludeManagementEventSources").is_some_and(|sources| !texts(sources).is_empty());
        self.management |= is_all && has_management && !excludes;
        for resource in selector.get("dataResources").and_then(Value::as_array).into_iter().flatten() {
            let kind = resource.get("type").and_then(Value::as_str).unwrap_or_default();
            let values = resource.get("values").map(texts).unwrap_or_default();
            let half = if is_all { "" } else { READS_OR_WRITES };
            self.data.extend(values.into_iter().map(|value| (format!("{kind}{half}"), value)));
        }
    }

    fn take_advanced(&mut self, selector: &Value) {
        let fields: Vec<&Value> = selector.get("fieldSelectors").and_then(Value::as_array).into_iter().flatten().collect();
        let equals = |name: &str| {
            let field = fields.iter().find(|field| field.get("field").and_then(Value::as_str) == Some(name))?;
            field.get("equals")?.as_array()?.first()?.as_str()
        };
        match equals("eventCategory") {
            Some("Management") => self.management |= fields.len() == 1,
            Some(category) => {
                let is_said =
                    |field: &&&Value| !matches!(field.get("field").and_then(Value::as_str), Some("eventCategory" | "resources.type"));
                let narrowed: Vec<String> = fields.iter().filter(is_said).map(ToString::to_string).collect();
                let kind = equals("resources.type").or(equals("eventSource")).unwrap_or_default();
                self.data.insert((format!("{category} {kind}"), narrowed.join(" ")));
            }
            None => {}
        }
    }

    /// Whether every event that `other` takes in is taken in here; whatever begins with a value does where it is the whole of it.
    fn covers(&self, other: &Self) -> bool {
        let is_of = |k: &String, kind: &String| k == kind || kind.strip_suffix(READS_OR_WRITES) == Some(k);
        let has = |(kind, value): &(String, String)| self.data.iter().any(|(k, v)| is_of(k, kind) && value.starts_with(v.as_str()));
        (self.management || !other.management) && other.data.iter().all(has)
    }

    fn add(&mut self, other: &Self) {
        self.management |= other.management;
        self.data.extend(other.data.iter().cloned());
    }
}

/// What calls set, in the order of their times.
#[derive(Debug)]
pub(super) struct Recording<K> {
    parts: BTreeMap<(K, Part), State>,
}

impl<K: Ord> Default for Recording<K> {
    fn default() -> Self {
        Self { parts: BTreeMap::new() }
    }
}

#[derive(Debug, Default)]
struct State {
    /// The calls since which less is recorded.
    open: Vec<usize>,
    /// All that calls ever selected, and management events, which a trail records where nothing is said.
    selected: Option<Selected>,
    /// The bucket it was made with, and the one it was sent to since.
    made_with: Option<String>,
    sent_to: Option<String>,
}

impl<K: Ord> Recording<K> {
    /// Takes the next call, by its number; returns those whose effect it ends.
    pub(super) fn take(&mut self, of: K, (part, set): (Part, &Set), call: usize) -> Vec<usize> {
        let state = self.parts.entry((of, part)).or_default();
        match state.is_less(set) {
            Some(true) => {
                // Several calls may end recording; of those that set a part anew the last counts.
                if part != Part::Whole {
                    state.open.clear();
                }
                state.open.push(call);
                Vec::new()
            }
            Some(false) => std::mem::take(&mut state.open),
            None => Vec::new(),
        }
    }

    /// The calls since which less is recorded, to the end.
    pub(super) fn open(&self) -> BTreeSet<usize> {
        self.parts.values().flat_map(|state| state.open.iter().copied()).collect()
    }
}

impl State {
    /// Whether less is recorded from then on than ever before; `None` where nothing changes.
    fn is_less(&mut self, set: &Set) -> Option<bool> {
        match set {
            Set::Less | Set::Events(None) => Some(true),
            Set::All => Some(false),
            Set::Events(Some(selected)) => {
                let all = self.selected.get_or_insert_with(|| Selected { management: true, ..Selected::default() });
                let is_less = !selected.covers(all);
                all.add(selected);
                Some(is_less)
            }
            Set::Bucket(bucket, is_new) if *is_new || self.made_with.as_ref() == Some(bucket) => {
                (self.made_with, self.sent_to) = (Some(bucket.clone()), None);
                Some(false)
            }
            Set::Bucket(bucket, _) if self.sent_to.as_ref() == Some(bucket) => None,
            // Where it went before may not be known: perhaps elsewhere.
            Set::Bucket(bucket, _) => {
                self.sent_to = Some(bucket.clone());
                Some(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backtrail_model::calls::{affects_coverage, bucket_call};
    use serde_json::json;

    /// Which of some calls on one trail, in order, leave less recorded to the end.
    fn open(calls: &[(&str, Value)]) -> Vec<usize> {
        let mut recording = Recording::default();
        for (at, (name, request)) in calls.iter().enumerate() {
            let call = affects_coverage("cloudtrail", name).or_else(|| bucket_call("s3", name)).unwrap();
            for (part, set) in settings(name, call, request) {
                recording.take((), (part, &set), at);
            }
        }
        recording.open().into_iter().collect()
    }

    fn basic(read_write: &str, management: bool, buckets: &[&str]) -> Value {
        let resources = json!([{"type": "AWS::S3::Object", "values": buckets}]);
        json!({"eventSelectors": [{"readWriteType": read_write, "includeManagementEvents": management, "dataResources": resources}]})
    }

    #[test]
    fn what_was_stopped_and_not_started_again() {
        let none = || json!({});
        assert_eq!(open(&[("StopLogging", none())]), [0]);
        assert_eq!(open(&[("StopLogging", none()), ("StartLogging", none())]), [0; 0]);
        assert_eq!(open(&[("StartLogging", none()), ("StopLogging", none()), ("DeleteTrail", none())]), [1, 2]);
        // A trail that was made anew records nothing before it is started.
        assert_eq!(open(&[("DeleteTrail", none()), ("CreateTrail", none())]), [0]);
        assert_eq!(open(&[("DeleteBucketPolicy", none()), ("PutBucketPolicy", none())]), [0; 0]);
    }

    #[test]
    fn a_bucket_that_keeps_nothing_or_takes_nothing() {
        let rule = |rule: Value| ("PutBucketLifecycle", json!({"bucketName": "b", "LifecycleConfiguration": {"Rule": rule}}));
        let expiry = json!({"ID": "x", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}});
        let moved = json!({"ID": "x", "Status": "Enabled", "Transition": {"Days": 30, "StorageClass": "GLACIER"}});
        assert_eq!(open(&[rule(json!([moved.clone(), expiry.clone()]))]), [0]);
        assert_eq!(open(&[rule(expiry.clone()), ("DeleteBucketLifecycle", json!({}))]), [0; 0]);
        assert_eq!(open(&[rule(expiry.clone()), rule(moved)]), [0; 0], "the rules are set as a whole");
        // Of a policy none of this undoes a lifecycle.
        let policy = |statement: Value| ("PutBucketPolicy", json!({"bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]}}));
        let allow = json!({"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject"});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::b/*"});
        let insecure =
            json!({"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        assert_eq!(open(&[rule(expiry), policy(allow.clone())]), [0]);
        assert_eq!(open(&[policy(deny.clone())]), [0]);
        assert_eq!(open(&[policy(deny), policy(allow)]), [0; 0]);
        assert_eq!(open(&[policy(insecure)]), [0; 0], "as every bucket of logs should have it");
    }

    #[test]
    fn selectors_that_leave_something_out() {
        let all = || basic("All", true, &["arn:aws:s3"]);
        let selects = |request: Value| ("PutEventSelectors", request);
        assert_eq!(open(&[selects(all())]), [0; 0]);
        assert_eq!(open(&[selects(basic("WriteOnly", true, &[]))]), [0]);
        assert_eq!(open(&[selects(basic("All", false, &["arn:aws:s3"]))]), [0]);
        // Data events that were recorded are not any more; a part of them is; and again all of them, or those of more buckets.
        assert_eq!(open(&[selects(all()), selects(basic("All", true, &[]))]), [1]);
        assert_eq!(open(&[selects(all()), selects(basic("All", true, &["arn:aws:s3:::one/"]))]), [1]);
        assert_eq!(open(&[selects(all()), selects(basic("All", true, &[])), selects(all())]), [0; 0]);
        assert_eq!(open(&[selects(basic("All", true, &["arn:aws:s3:::one/"])), selects(all())]), [0; 0]);
        // What a later call leaves out as well is told of the later one.
        assert_eq!(open(&[selects(all()), selects(basic("All", true, &[])), selects(basic("All", true, &[]))]), [2]);
        assert_eq!(open(&[selects(json!({}))]), [0], "nobody knows what it selects");
        let excluded = json!({"eventSelectors": [{"excludeManagementEventSources": ["kms.amazonaws.com"]}]});
        assert_eq!(open(&[selects(excluded)]), [0]);
    }

    #[test]
    fn advanced_selectors() {
        let fields = |selectors: &[&[(&str, &str)]]| {
            let field = |(name, value): &(&str, &str)| json!({"field": name, "equals": [value]});
            let one = |fields: &&[(&str, &str)]| json!({"fieldSelectors": fields.iter().map(field).collect::<Vec<_>>()});
            ("PutEventSelectors", json!({"advancedEventSelectors": selectors.iter().map(one).collect::<Vec<_>>()}))
        };
        let management = &[("eventCategory", "Management")][..];
        let writes = &[("eventCategory", "Management"), ("readOnly", "false")][..];
        let data = &[("eventCategory", "Data"), ("resources.type", "AWS::S3::Object")][..];
        let one_bucket = &[("eventCategory", "Data"), ("resources.type", "AWS::S3::Object"), ("resources.ARN", "x")][..];
        assert_eq!(open(&[fields(&[management, data])]), [0; 0]);
        assert_eq!(open(&[fields(&[writes])]), [0]);
        assert_eq!(open(&[fields(&[data])]), [0]);
        assert_eq!(open(&[fields(&[management, data]), fields(&[management])]), [1]);
        assert_eq!(open(&[fields(&[management, data]), fields(&[management, one_bucket])]), [1]);
        assert_eq!(open(&[fields(&[management, one_bucket]), fields(&[management, data])]), [0; 0]);
    }

    #[test]
    fn a_trail_that_reaches_less_or_goes_elsewhere() {
        let update = |request: Value| ("UpdateTrail", request);
        assert_eq!(open(&[update(json!({"isMultiRegionTrail": false}))]), [0]);
        assert_eq!(open(&[update(json!({"isMultiRegionTrail": false})), update(json!({"kmsKeyId": "k"}))]), [0]);
        assert_eq!(open(&[update(json!({"isMultiRegionTrail": false})), update(json!({"isMultiRegionTrail": true}))]), [0; 0]);
        let bucket = |name: &str| json!({"s3BucketName": name});
        assert_eq!(open(&[("CreateTrail", bucket("logs")), update(bucket("logs"))]), [0; 0]);
        assert_eq!(open(&[("CreateTrail", bucket("logs")), update(bucket("other"))]), [1]);
        assert_eq!(open(&[("CreateTrail", bucket("logs")), update(bucket("other")), update(bucket("logs"))]), [0; 0]);
        let back_and_forth = [("CreateTrail", bucket("logs")), update(bucket("other")), update(bucket("logs")), update(bucket("other"))];
        assert_eq!(open(&back_and_forth), [3]);
        assert_eq!(open(&[update(bucket("other"))]), [0], "nobody knows where it went before");
        assert_eq!(open(&[update(bucket("other")), update(bucket("other"))]), [0], "it went there with the first");
    }
}
