//! Marks of an actor as text: a word in a column of its own, what it is about, and the event it begins with.

use backtrail_model::words::counted;
use backtrail_timeline::{Comparison, Mark, MarkKind, Present};

use super::text::Style;
use crate::sanitize::{sanitize, shorten};

/// Marks of one kind shown; how many more there are is said.
const SHOWN: usize = 3;
/// Sensitive calls shown.
const SENSITIVE_SHOWN: usize = 6;
/// Characters of what is marked.
const VALUE: usize = 72;
/// Where what is marked begins: behind the longest word.
const COLUMN: usize = 20;

/// The word before a mark.
fn word(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::NewActor => "NEW ACTOR",
        MarkKind::DeniedBurst => "DENIED BURST",
        MarkKind::SensitiveCall => "SENSITIVE",
        MarkKind::NewKey => "NEW key",
        MarkKind::NewRole => "NEW role",
        MarkKind::NewAddress => "NEW address",
        MarkKind::NewRegion => "NEW region",
        MarkKind::NewCall => "NEW call",
        MarkKind::NewUserAgent => "NEW user agent",
    }
}

/// All lines about marks, and against what the window was held.
pub(super) fn mark_lines(present: &Present, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, count) in &present.mark_counts {
        let most = if *kind == MarkKind::SensitiveCall { SENSITIVE_SHOWN } else { SHOWN };
        let shown: Vec<&Mark> = present.marks.iter().filter(|m| m.kind == *kind).take(most).collect();
        for mark in &shown {
            lines.extend(line(*kind, &told(mark), style));
        }
        let more = count.saturating_sub(shown.len() as u64);
        if more > 0 {
            lines.extend(line(*kind, &[format!("{more} more")], style));
        }
    }
    if present.compared.comparison != Comparison::NoWindow {
        let words: Vec<String> = sanitize(&present.compared.text).split(' ').map(str::to_owned).collect();
        lines.extend(style.labelled("before", words.iter().map(String::as_str), " ").iter().map(|line| style.dim(line)));
    }
    lines
}

/// The parts of a mark.
fn told(mark: &Mark) -> Vec<String> {
    let value = sanitize(&mark.value);
    let (events, time) = (mark.events, mark.event_time.as_deref().unwrap_or("at an unknown time"));
    let cited = format!("[{}]", sanitize(&mark.reference));
    let times = match mark.kind {
        MarkKind::DeniedBurst => format!("{events} refused calls from {time} {value}"),
        _ => format!("{} from {time}", counted(events, "event")),
    };
    let named = (mark.kind != MarkKind::DeniedBurst).then(|| shorten(&value, VALUE).into_owned());
    named.into_iter().chain([times, cited]).collect()
}

/// A line with the word in front, and its parts one after the other where the terminal has the width.
fn line(kind: MarkKind, parts: &[String], style: &Style) -> Vec<String> {
    let code = if matches!(kind, MarkKind::DeniedBurst | MarkKind::SensitiveCall) { "31" } else { "1;33" };
    let label = word(kind);
    let lines = style.flow(parts.iter().map(String::as_str), "  ", COLUMN);
    let with = |(number, line): (usize, String)| match number {
        0 => format!("    {}{:pad$}{}", style.paint(code, label), "", line.trim_start(), pad = COLUMN - 4 - label.len()),
        _ => line,
    };
    lines.into_iter().enumerate().map(with).collect()
}
