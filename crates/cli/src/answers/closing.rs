//! How an answer ends in a terminal: totals, then what was not seen.

use backtrail_model::words::counted;
use backtrail_timeline::{Closing, Totals};

use super::{Style, TextItem};
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
    if totals.shown < totals.items {
        let verb = if totals.shown == 1 { "is" } else { "are" };
        count.push_str(&format!("; {} {verb} shown, {hint}", totals.shown));
    }
    count
}

/// The lines after the items.
pub(crate) fn closing_lines<T: TextItem>(closing: &Closing, style: &Style) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(style.flow(totals_line::<T>(&closing.totals, "as many as --limit says").split(' '), " ", 0));
    lines.extend(not_seen(closing, style));
    lines
}

/// What was not seen.
pub(crate) fn not_seen(closing: &Closing, style: &Style) -> Vec<String> {
    let coverage = &closing.coverage;
    let seen = &coverage.evidence;
    let reach = match (&seen.first_event_time, &seen.last_event_time) {
        (Some(first), Some(last)) => format!(", from {first} to {last}"),
        _ => String::new(),
    };
    let mut lines = vec![String::new(), style.bold("What was not seen")];
    let (pieces, events) = (counted(seen.pieces, "piece"), counted(coverage.events, "event"));
    let read = format!("In evidence: {pieces}{reach}; {events} in this window.");
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
