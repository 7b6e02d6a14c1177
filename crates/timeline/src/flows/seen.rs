//! What flow logs did not see.

use std::collections::BTreeSet;

use backtrail_model::time::format_instant;
use backtrail_model::window::Window;
use backtrail_model::words::counted;

use super::choice::Tallies;
use super::{FlowQuestion, shown};
use crate::coverage::{NotSeen, NotSeenKind, OF_A_KIND, capped_with, say};
use crate::ledger::Ledger;

const SECONDS_PER_HOUR: i64 = 3_600;
/// VPC user guide, "Flow log limitations".
const NEVER_LOGGED: &str = "Flow logs never have: Amazon's DNS server, 169.254.169.254 (instance metadata) and 169.254.169.123 (time), DHCP, the default router, Windows activation, mirrored traffic. That they have no record of something does not say that it did not happen.";

/// What was not seen, worst first; and whether broken evidence concerns the window.
pub(super) fn not_seen(question: &FlowQuestion, ledger: &Ledger, tallies: &Tallies) -> (Vec<NotSeen>, bool) {
    let window = question.window.as_ref();
    let mut all = beyond(window, ledger);
    if ledger.flows.is_some() && tallies.is_empty() && !question.filters.arn.is_empty() {
        let names = question.filters.arn.join(", ");
        let text = format!(
            "No flow record of this window names {names}, and no call or listing in evidence says of an interface of the window's records that it belonged to it. \
             Ask for an interface, or for an address with --ip."
        );
        all.push(say(NotSeenKind::UnknownName, text));
    }
    let broken: Vec<_> = ledger.broken.iter().filter(|b| b.is_fault() && b.concerns(window)).collect();
    all.extend(first_of(&broken, ("piece of broken evidence", "pieces of broken evidence"), |piece| {
        let why = piece.reason.clone().unwrap_or_else(|| counted(piece.records_rejected.unsigned_abs(), "rejected record"));
        let origin = piece.origin.as_deref().unwrap_or(&piece.evidence_id);
        let text = format!("{origin}: {} ({why})", piece.fate);
        NotSeen { refs: vec![piece.evidence_id.clone()], ..say(NotSeenKind::BrokenEvidence, text) }
    }));
    let skipped: Vec<_> = tallies.skipped.iter().collect::<BTreeSet<_>>().into_iter().collect();
    all.extend(first_of(&skipped, ("interval with lost records", "intervals with lost records"), |(interface, from, to, reference)| {
        let text = format!("{interface}: records between {} and {} were lost (SKIPDATA)", shown(*from), shown(*to));
        NotSeen { refs: vec![reference.clone()], ..say(NotSeenKind::SkipData, text) }
    }));
    all.extend(first_of(&gaps(tallies), ("gap of an interface", "gaps of interfaces"), |(interface, from, to)| {
        let (from, to) = (shown(from * SECONDS_PER_HOUR), shown(to * SECONDS_PER_HOUR));
        say(NotSeenKind::FlowGap, format!("{interface}: no record, not even NODATA, from {from} to {to}"))
    }));
    if !tallies.is_empty() {
        all.push(say(NotSeenKind::NeverLogged, NEVER_LOGGED.to_owned()));
    }
    (all, !broken.is_empty())
}

fn beyond(window: Option<&Window>, ledger: &Ledger) -> Vec<NotSeen> {
    let Some((first, last)) = ledger.flows else {
        return vec![say(NotSeenKind::NoEvidence, "No flow logs are in evidence.".to_owned())];
    };
    let Some(window) = window else { return Vec::new() };
    let reach = format!("flow records start from {} to {}", format_instant(first), format_instant(last));
    if window.to() <= first || last < window.from() {
        return vec![say(NotSeenKind::WindowBeyondEvidence, format!("The window lies outside the flow logs in evidence: {reach}."))];
    }
    let is_partly = window.from() < first || last < window.to() - 1;
    let text = || format!("The window reaches beyond the flow logs in evidence: {reach}.");
    if is_partly { vec![say(NotSeenKind::WindowBeyondEvidence, text())] } else { Vec::new() }
}

/// Hours without a record between the first and the last of an interface: interface, first empty hour, first hour after.
fn gaps(tallies: &Tallies) -> Vec<(&str, i64, i64)> {
    let mut gaps = Vec::new();
    for (interface, hours) in tallies.hours() {
        let hours: Vec<i64> = hours.into_iter().filter(|hour| *hour > i64::MIN).collect();
        gaps.extend(hours.windows(2).filter(|pair| pair[1] - pair[0] > 1).map(|pair| (interface, pair[0] + 1, pair[1])));
    }
    gaps
}

/// What is said of the first, and how many more there are.
fn first_of<T>(all: &[T], called: (&str, &str), told: impl Fn(&T) -> NotSeen) -> Vec<NotSeen> {
    let beyond = all.len().saturating_sub(OF_A_KIND) as u64;
    capped_with(all.iter().take(OF_A_KIND).map(told).collect(), called, beyond)
}
