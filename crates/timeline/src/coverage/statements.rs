//! What was not seen, in words. "Not in evidence" is never written as "did not happen".

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::calls::Effect;
use backtrail_model::time::{EARLIEST, LATEST, MICROS_PER_HOUR, MICROS_PER_SECOND, format_instant};
use backtrail_model::window::Window;
use backtrail_model::words::{counted, noun};
use serde::Serialize;

use super::cells::Far;
use super::gaps::{LogChange, LogChanges};
use super::hours::EmptyHours;
use super::{Cell, LogKind};
use crate::ledger::{Broken, Ledger};

/// Names listed in one statement.
const NAMED: usize = 8;
/// Statements of one kind about single things; the rest are counted.
pub(crate) const OF_A_KIND: usize = 10;

/// What kind of thing was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSeenKind {
    /// The store has no events.
    NoEvidence,
    /// The window reaches beyond the evidence, or lies outside it.
    WindowBeyondEvidence,
    /// Evidence overlapping the window is broken.
    BrokenEvidence,
    /// Logging was stopped or altered.
    LoggingChanged,
    /// Accounts with events elsewhere have none in the window.
    AccountsWithoutEvents,
    /// Regions with events beside the window have none in it.
    RegionsWithoutEvents,
    /// Hours without any event of an account.
    EmptyHours,
    /// A kind of event that is not recorded.
    LogNotPresent,
    /// Evidence no decoder reads yet.
    DeferredEvidence,
    /// Events without a usable time.
    UndatedEvents,
    /// Two records with one id.
    IdConflicts,
    /// No evidence names what was asked for.
    UnknownName,
    /// What descends from an actor was too much to be followed.
    NotFollowed,
    /// Flow logs that say they lost records.
    SkipData,
    /// An interface with flow records before and after, and none in between.
    FlowGap,
    /// What flow logs never record.
    NeverLogged,
    /// Traffic that was too much to be weighed, or that is left out of the answer.
    NotWeighed,
}

/// One thing that was not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotSeen {
    /// What kind.
    pub kind: NotSeenKind,
    /// In words.
    pub text: String,
    /// Citations.
    pub refs: Vec<String>,
}

pub(super) struct Parts<'a> {
    pub(super) window: Option<&'a Window>,
    pub(super) ledger: &'a Ledger,
    pub(super) inside: &'a [Cell],
    pub(super) beside: &'a [Cell],
    pub(super) far: &'a BTreeMap<String, Far>,
    pub(super) empty_hours: &'a [EmptyHours],
    pub(super) log_changes: &'a LogChanges,
    pub(super) broken: &'a [Broken],
    pub(super) undated: u64,
}

pub(crate) fn say(kind: NotSeenKind, text: String) -> NotSeen {
    NotSeen { kind, text, refs: Vec::new() }
}

/// Everything there is to say, worst first.
pub(super) fn statements(parts: &Parts<'_>) -> Vec<NotSeen> {
    let mut all = beyond(parts);
    all.extend(broken(parts));
    all.extend(logging(parts));
    all.extend(missing(parts));
    all.extend(empty(parts));
    all.extend(silent_regions(parts));
    all.extend(logs(parts));
    all.extend(rest(parts));
    all
}

fn beyond(parts: &Parts<'_>) -> Vec<NotSeen> {
    let Some((first, last)) = parts.ledger.first.zip(parts.ledger.last) else {
        return vec![say(NotSeenKind::NoEvidence, "The store holds no event with a usable time.".to_owned())];
    };
    let Some(window) = parts.window else { return Vec::new() };
    let reach = format!("evidence reaches from {} to {}", format_instant(first), format_instant(last));
    if window.to() <= first || last < window.from() {
        return vec![say(NotSeenKind::WindowBeyondEvidence, format!("The window lies outside the evidence: {reach}."))];
    }
    let mut all = Vec::new();
    // A side that was left open asks for all there is.
    if first - window.from() >= MICROS_PER_SECOND && window.from() > EARLIEST {
        let text = format!(
            "Nothing before {} is in evidence: the window's first {} are not covered.",
            format_instant(first),
            length(first - window.from())
        );
        all.push(say(NotSeenKind::WindowBeyondEvidence, text));
    }
    // Times are of whole seconds: evidence that reaches into the window's last second covers it.
    if window.to() - 1 - last >= MICROS_PER_SECOND && window.to() < LATEST {
        let text = format!(
            "Nothing after {} is in evidence: the window's last {} are not covered.",
            format_instant(last),
            length(window.to() - 1 - last)
        );
        all.push(say(NotSeenKind::WindowBeyondEvidence, text));
    }
    all
}

/// `3 h 20 min`, `45 min`, `12 s`.
fn length(micros: i64) -> String {
    let seconds = micros / MICROS_PER_SECOND;
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) if hours < 48 => format!("{hours} h {minutes} min"),
        (hours, _) => format!("{} days", hours / 24),
    }
}

fn broken(parts: &Parts<'_>) -> Vec<NotSeen> {
    let one = |b: &Broken| {
        let name = b.origin.as_deref().unwrap_or(&b.evidence_id);
        let reason = b.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
        let text = match b.fate.as_str() {
            "partial" => format!("{name} was read only in part{reason}"),
            "kept" if !b.is_fault() => format!("{name}{reason}"),
            "kept" => format!("{} of {name} could not be read{reason}", counted(b.records_rejected.unsigned_abs(), "record")),
            fate => format!("{name} was {fate}{reason}"),
        };
        NotSeen { kind: NotSeenKind::BrokenEvidence, text: sentence(&text), refs: vec![b.evidence_id.clone()] }
    };
    capped(
        parts.broken.iter().map(one).collect(),
        (
            "piece of evidence is incomplete (`backtrail evidence` lists it)",
            "pieces of evidence are incomplete (`backtrail evidence` lists them)",
        ),
    )
}

/// Calls near the window first, then those before it that nothing undid.
fn logging(parts: &Parts<'_>) -> Vec<NotSeen> {
    let hiding = || parts.log_changes.listed.iter().filter(|change| change.hides());
    let called = (
        "call changed what is logged (`backtrail coverage --format json` lists it)",
        "calls changed what is logged (`backtrail coverage --format json` lists them)",
    );
    let mut all = capped_with(heaviest(hiding().filter(|c| !c.is_lasting).collect()), called, parts.log_changes.left_out);
    let called = (
        "call before that was not undone until the window (`backtrail coverage --format json` lists it)",
        "calls before that were not undone until the window (`backtrail coverage --format json` lists them)",
    );
    all.extend(capped_with(heaviest(hiding().filter(|c| c.is_lasting).collect()), called, 0));
    all
}

/// Statements of calls, in the order of time; where there are more than are told, those that may hide most stand first.
fn heaviest(mut changes: Vec<&LogChange>) -> Vec<NotSeen> {
    if changes.len() > OF_A_KIND {
        changes.sort_by_key(|change| change.weight);
        // Of those told, the order of time again.
        changes[..OF_A_KIND].sort_by(|a, b| (a.event_time.is_none(), &a.event_time).cmp(&(b.event_time.is_none(), &b.event_time)));
    }
    changes.into_iter().map(log_change).collect()
}

fn log_change(change: &LogChange) -> NotSeen {
    let place = [change.account.as_deref(), change.region.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let when = change.event_time.as_deref().unwrap_or("at an unknown time");
    let (who, what) = (&change.actor, &change.summary);
    let Some(resumed) = &change.resumed else {
        let effect = if change.effect == Effect::Destroys.as_str() {
            "what was recorded may be gone"
        } else {
            "later events may not have been recorded"
        };
        let text = format!("{when}: {who} {what} ({place}): {effect}.");
        return NotSeen { kind: NotSeenKind::LoggingChanged, text, refs: change.refs.clone() };
    };
    let until = resumed.event_time.as_deref().unwrap_or("an unknown time");
    let did = if change.effect == Effect::Stops.as_str() { "started it again" } else { "set it anew" };
    let text = format!("{when}: {who} {what} ({place}): events until {until}, when {} {did}, may not have been recorded.", resumed.actor);
    let refs = change.refs.iter().cloned().chain([resumed.reference.clone()]).collect();
    NotSeen { kind: NotSeenKind::LoggingChanged, text, refs }
}

fn missing(parts: &Parts<'_>) -> Vec<NotSeen> {
    let inside = || parts.inside.iter().filter(|c| !c.log.tells_of_events());
    let accounts: BTreeSet<&str> = inside().map(|c| c.account.as_str()).collect();
    let regions: BTreeSet<(&str, &str)> = inside().map(|c| (c.account.as_str(), c.region.as_str())).collect();
    let gone: BTreeSet<&str> = parts.beside.iter().map(|c| c.account.as_str()).filter(|a| !accounts.contains(a)).collect();
    let far = |before, after| {
        let lies = |far: &Far| (far.before, far.after) == (before, after);
        let names = parts.far.iter().filter(|(_, far)| lies(far)).map(|(account, _)| account.as_str());
        names.filter(|account| !accounts.contains(account) && !gone.contains(account)).collect::<BTreeSet<_>>()
    };
    let mut all = Vec::new();
    for (accounts, one, several) in [
        (&gone, "which has events within a day of it", "which have events within a day of it"),
        (&far(true, true), "which has events before and after it", "which have events before and after it"),
        (&far(true, false), "whose events all come before it", "whose events all come before it"),
        (&far(false, true), "whose events all come after it", "whose events all come after it"),
    ] {
        if !accounts.is_empty() {
            let which = if accounts.len() == 1 { one } else { several };
            let text = format!("No event in the window from {}, {which}.", names("account", accounts));
            all.push(say(NotSeenKind::AccountsWithoutEvents, text));
        }
    }
    let mut lost: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for cell in
        parts.beside.iter().filter(|c| accounts.contains(c.account.as_str()) && !regions.contains(&(c.account.as_str(), c.region.as_str())))
    {
        lost.entry(&cell.account).or_default().insert(&cell.region);
    }
    for (account, regions) in lost.into_iter().take(OF_A_KIND) {
        let which = if regions.len() == 1 { "which has" } else { "which have" };
        let text =
            format!("Account {account}: no event in the window from {}, {which} events within a day of it.", names("region", &regions));
        all.push(say(NotSeenKind::RegionsWithoutEvents, text));
    }
    all
}

/// One statement for each account: its stretches, longest first where there are many.
fn empty(parts: &Parts<'_>) -> Vec<NotSeen> {
    let mut by_account: BTreeMap<&str, Vec<&EmptyHours>> = BTreeMap::new();
    for stretch in parts.empty_hours {
        by_account.entry(&stretch.account).or_default().push(stretch);
    }
    let one = |(account, mut stretches): (&str, Vec<&EmptyHours>)| {
        let total: u64 = stretches.iter().map(|s| s.hours).sum();
        stretches.sort_by(|a, b| b.hours.cmp(&a.hours).then_with(|| a.from.cmp(&b.from)));
        let more = stretches.len().saturating_sub(NAMED / 2);
        stretches.truncate(NAMED / 2);
        stretches.sort_by(|a, b| a.from.cmp(&b.from));
        let told: Vec<String> = stretches.iter().map(|s| format!("{} to {}", s.from, s.to)).collect();
        let rest = if more > 0 { format!(" and {more} shorter ones") } else { String::new() };
        say(NotSeenKind::EmptyHours, format!("Account {account}: {} without any event: {}{rest}.", counted(total, "hour"), told.join(", ")))
    };
    capped(by_account.into_iter().map(one).collect(), ("account has hours without events", "accounts have hours without events"))
}

/// One statement for each region that went silent over all accounts, while others did not. Only of regions that have events in three of four hours:
/// a region used once a day is silent most of the time.
fn silent_regions(parts: &Parts<'_>) -> Vec<NotSeen> {
    let mut regions: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for cell in parts.inside {
        regions.entry(&cell.region).or_default().insert(cell.hour);
        accounts.entry(&cell.region).or_default().insert(&cell.account);
    }
    let hours: BTreeSet<i64> = regions.values().flatten().copied().collect();
    let one = |(region, seen): (&str, &BTreeSet<i64>)| {
        let silent: BTreeSet<i64> = hours.difference(seen).copied().collect();
        // Of a region of a single account its own statements tell.
        if silent.is_empty() || 4 * seen.len() < 3 * hours.len() || accounts.get(region).is_none_or(|a| a.len() < 2) {
            return None;
        }
        let told: Vec<String> = silent.iter().take(NAMED / 2).map(|h| format_instant(h.saturating_mul(MICROS_PER_HOUR))).collect();
        let more = silent.len() - told.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "Region {region}: no event of any account in {} in which other regions have events, beginning {}{rest}.",
            counted(silent.len() as u64, "hour"),
            told.join(", ")
        );
        Some(say(NotSeenKind::EmptyHours, text))
    };
    capped(
        regions.iter().filter_map(|(region, seen)| one((region, seen))).collect(),
        ("region has hours without events", "regions have hours without events"),
    )
}

fn logs(parts: &Parts<'_>) -> Vec<NotSeen> {
    let mut kinds: BTreeMap<&str, BTreeSet<LogKind>> = BTreeMap::new();
    for cell in parts.inside {
        kinds.entry(&cell.account).or_default().insert(cell.log);
    }
    let mut all = Vec::new();
    for (kind, what) in [
        (LogKind::Management, "No management events: changes of configuration would not show"),
        (LogKind::Data, "No data events: reading and writing objects, invoking functions and the like would not show"),
    ] {
        let without: BTreeSet<&str> = kinds.iter().filter(|(_, k)| !k.contains(&kind)).map(|(a, _)| *a).collect();
        if !without.is_empty() {
            let whose = if without.len() == kinds.len() && kinds.len() > 1 { "any account".to_owned() } else { names("account", &without) };
            all.push(say(NotSeenKind::LogNotPresent, format!("{what} ({whose}).")));
        }
    }
    all
}

fn rest(parts: &Parts<'_>) -> Vec<NotSeen> {
    let mut all = Vec::new();
    for (kind, count) in &parts.ledger.deferred {
        let text = format!("{} of {kind}: this version does not read them yet.", counted(*count, "piece"));
        all.push(say(NotSeenKind::DeferredEvidence, text));
    }
    if parts.undated > 0 {
        let where_to = if parts.window.is_some() { "they may belong to the window" } else { "they come last" };
        let verb = if parts.undated == 1 { "has" } else { "have" };
        all.push(say(NotSeenKind::UndatedEvents, format!("{} {verb} no usable time: {where_to}.", counted(parts.undated, "event"))));
    }
    let conflicts: u64 = parts.inside.iter().map(|c| c.conflicts).sum();
    if conflicts > 0 {
        let share = if conflicts == 1 { "shares" } else { "share" };
        let text = format!("{} {share} an id with an event of other content: one of each may be forged.", counted(conflicts, "event"));
        all.push(say(NotSeenKind::IdConflicts, text));
    }
    all
}

/// `account 1`, `accounts 1, 2 and 7 more`.
fn names(word: &str, names: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = names.iter().copied().take(NAMED).collect();
    let more = names.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} {}{rest}", noun(names.len() as u64, word), shown.join(", "))
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// The first of them, and how many more there are: said of one, and of several.
pub(super) fn capped(all: Vec<NotSeen>, called: (&str, &str)) -> Vec<NotSeen> {
    capped_with(all, called, 0)
}

/// The same, where more are known of than are at hand.
pub(crate) fn capped_with(mut all: Vec<NotSeen>, (one, several): (&str, &str), beyond: u64) -> Vec<NotSeen> {
    let more = all.len().saturating_sub(OF_A_KIND) as u64 + beyond;
    if let (Some(kind), true) = (all.first().map(|first| first.kind), more > 0) {
        // What is not said is cited all the same.
        let refs = all.drain(OF_A_KIND.min(all.len())..).flat_map(|untold| untold.refs).collect();
        let text = format!("{more} more {}.", if more == 1 { one } else { several });
        all.push(NotSeen { kind, text, refs });
    }
    all
}
