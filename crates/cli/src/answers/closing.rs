//! How an answer ends in a terminal: totals, then what was not seen.

use backtrail_model::words::counted;
use backtrail_timeline::{Closing, Coverage, Totals, WindowShown};

use super::{Style, TextItem, effect_lines};
use crate::sanitize::sanitize;

/// Citations named in one line.
const CITED: usize = 3;

/// How many items there are, and how to see those not shown.
pub(crate) fn totals_line<T: TextItem>(totals: &Totals, hint: &str) -> String {
    let (one, many) = T::CALLED;
    let mut count = format!("{} {}", totals.items, if totals.items == 1 { one } else { many });
    if totals.attempts > 0 {
        count.push_str(&format!(", {} with attempts that were not carried out", totals.attempts));
    }
    if totals.traffic > 0 {
        count.push_str(&format!(", {} of them traffic of an interface", totals.traffic));
    }
    if totals.shown < totals.items {
        let verb = if totals.shown == 1 { "is" } else { "are" };
        count.push_str(&format!("; {} {verb} shown, {hint}", totals.shown));
    }
    count
}

/// The lines after the items.
pub(crate) fn closing_lines<T: TextItem>(closing: &Closing, style: &Style) -> Vec<String> {
    let mut lines = vec![String::new()];
    let hint = if style.is_ranked() {
        "those related by more than the window; --limit and --format json show others"
    } else {
        "as many as --limit says"
    };
    lines.extend(style.flow(totals_line::<T>(&closing.totals, hint).split(' '), " ", 0));
    lines.extend(effect_lines(&closing.effects, style));
    lines.extend(not_seen(closing, style));
    lines
}

/// What was not seen of a window.
pub(crate) fn not_seen(closing: &Closing, style: &Style) -> Vec<String> {
    let events = counted(closing.coverage.events, "event");
    not_seen_lines(&closing.coverage, &format!("; {events} in this window"), style)
}

/// What was not seen, after an answer from all evidence.
pub(crate) fn not_seen_about(coverage: &Coverage, told: &WindowShown, style: &Style) -> Vec<String> {
    let reach = told.from.as_deref().zip(told.to.as_deref());
    let events = counted(coverage.events, "event");
    let within = reach.map(|(from, to)| format!("; {events} from {from} to {to}, the window of what is told here")).unwrap_or_default();
    not_seen_lines(coverage, &within, style)
}

fn not_seen_lines(coverage: &Coverage, within: &str, style: &Style) -> Vec<String> {
    let seen = &coverage.evidence;
    let reach = match (&seen.first_event_time, &seen.last_event_time) {
        (Some(first), Some(last)) => format!(", from {first} to {last}"),
        _ => String::new(),
    };
    let mut lines = vec![String::new(), style.bold("What was not seen")];
    let read = format!("In evidence: {}{reach}{within}.", counted(seen.pieces, "piece"));
    lines.extend(style.flow(read.split(' '), " ", 2));
    for statement in &coverage.not_seen {
        let mut line = format!("  {}", sanitize(&statement.text));
        if !statement.refs.is_empty() {
            let cited: Vec<_> = statement.refs.iter().take(CITED).map(|r| sanitize(r)).collect();
            line.push_str(&format!(" [{}]", cited.join(", ")));
        }
        lines.extend(style.flow(line.trim_start().split(' '), " ", 2));
    }
    if coverage.not_seen.is_empty() {
        lines.push("  No gap is known. What no trail records is not in evidence all the same.".to_owned());
    }
    lines
}
