//! What is true of the evidence that was made: the expected answers, written beside it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::catalogue::{Category, Network, Outcome};
use super::clock::{HOUR, iso};
use super::estate::Estate;
use super::record::Meta;
use super::scenario::Incident;

/// Totals over all files.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Totals {
    /// CloudTrail log files, Insights files not among them.
    pub(crate) files: usize,
    /// Records in them.
    pub(crate) records: usize,
    /// Distinct events.
    pub(crate) events: usize,
    /// Records that repeat one of another file.
    pub(crate) duplicates: usize,
    /// Insights files and records.
    pub(crate) insights_files: usize,
    /// Records in those.
    pub(crate) insights_records: usize,
    /// Uncompressed bytes of the log files.
    pub(crate) json_bytes: u64,
    /// Their bytes as stored.
    pub(crate) gzip_bytes: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.records += other.records;
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.insights_files += other.insights_files;
        self.insights_records += other.insights_records;
        self.json_bytes += other.json_bytes;
        self.gzip_bytes += other.gzip_bytes;
    }
}

/// The window whose answers are worked out: a day before the incident's time, an hour after.
pub(crate) const BEFORE: i64 = 24 * HOUR;
pub(crate) const AFTER: i64 = HOUR;

/// The whole document.
pub(crate) fn document(options: &Value, estate: &Estate, incident: &Incident, totals: &Totals, mut window: Vec<Meta>) -> Value {
    window.sort_by(|a, b| (a.time, &a.event_id).cmp(&(b.time, &b.event_id)));
    let mut document = json!({
        "generator": options,
        "at": iso(incident.at),
        "window": { "from": iso(incident.at - BEFORE), "to": iso(incident.at + AFTER) },
        "totals": totals,
        "accounts": estate.accounts.iter().map(|a| json!({ "id": a.id, "name": a.name })).collect::<Vec<_>>(),
        "story": incident.story,
    });
    for (name, particular) in &incident.particulars {
        document[name] = particular.clone();
    }
    if incident.is_answered {
        document["incident"] = incident.events.iter().map(|e| event(&e.meta, Some((e.phase, e.actor)))).collect();
        document["expected"] = json!({
            "events_in_window": window.len(),
            "changes": changes(&window),
            "network": network(&window),
            "actors": actors(&window),
        });
    }
    document
}

fn event(meta: &Meta, part: Option<(&str, &str)>) -> Value {
    let mut value = json!({
        "event_id": meta.event_id, "event_time": iso(meta.time), "account": meta.account, "region": meta.region,
        "call": meta.call, "outcome": meta.outcome.as_str(), "read_only": !meta.writes, "identity": meta.who,
        "network": meta.network == Network::Yes,
    });
    if let Some((phase, actor)) = part {
        value["phase"] = phase.into();
        value["actor"] = actor.into();
    }
    value
}

fn ids<'a>(metas: impl Iterator<Item = &'a Meta>) -> Vec<&'a str> {
    metas.map(|m| m.event_id.as_str()).collect()
}

/// Not read-only, by outcome; what need not count as a change of configuration stands apart.
fn changes(window: &[Meta]) -> Value {
    let writes = || window.iter().filter(|m| m.writes);
    let plain = |m: &&Meta| m.category == Category::Management && m.event_type == "AwsApiCall";
    let of = |outcome: Outcome| ids(writes().filter(plain).filter(move |m| m.outcome == outcome));
    json!({
        "ok": of(Outcome::Ok), "denied": of(Outcome::Denied), "failed": of(Outcome::Failed), "throttled": of(Outcome::Throttled), "dry_run": of(Outcome::DryRun),
        "data_writes_ok": ids(writes().filter(|m| m.category == Category::Data && m.outcome == Outcome::Ok)),
        "data_writes_not_ok": ids(writes().filter(|m| m.category == Category::Data && m.outcome != Outcome::Ok)),
        "sign_ins": ids(writes().filter(|m| m.event_type == "AwsConsoleSignIn")),
        "service_events": ids(writes().filter(|m| m.event_type == "AwsServiceEvent")),
    })
}

fn network(window: &[Meta]) -> Value {
    let of = |outcome: Outcome| ids(window.iter().filter(move |m| m.network == Network::Yes && m.outcome == outcome));
    json!({
        "ok": of(Outcome::Ok), "denied": of(Outcome::Denied), "failed": of(Outcome::Failed), "throttled": of(Outcome::Throttled), "dry_run": of(Outcome::DryRun),
        "either_way": ids(window.iter().filter(|m| m.network == Network::Maybe)),
    })
}

/// Events by identity: `userIdentity.arn`, else the service, else the principal id.
fn actors(window: &[Meta]) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for meta in window {
        *counts.entry(&meta.who).or_default() += 1;
    }
    json!(counts.into_iter().map(|(who, events)| json!({ "identity": who, "events": events })).collect::<Vec<_>>())
}
