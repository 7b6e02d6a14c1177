//! What an item says of other records of the same action, and of its own delivery.

use backtrail_model::words::counted;
use backtrail_timeline::{Addendum, Item, Update};

use crate::sanitize::sanitize;

/// Citations named in an item; a call that deleted a thousand objects cites them all.
const CITED: usize = 6;

/// Its citations, the first of them.
pub(super) fn cited(item: &Item) -> Vec<String> {
    let mut cited: Vec<String> = item.refs.iter().take(CITED).map(|r| sanitize(r).into_owned()).collect();
    let more = item.refs.len().saturating_sub(CITED);
    if more > 0 {
        cited.push(format!("and {}, listed by --format json", counted(more as u64, "more record")));
    }
    cited
}

/// Lines about late delivery, updates and the call it is part of; none for nearly all items.
pub(crate) fn related_lines(item: &Item) -> Vec<String> {
    let mut lines = Vec::new();
    if item.late {
        let reason = item.addendum.as_ref().and_then(|a| a.reason.as_deref()).unwrap_or_default();
        lines.push(format!("LATE: CloudTrail delivered this record late ({}); before that nobody could see it", sanitize(reason)));
    }
    lines.extend(item.addendum.as_ref().and_then(|a| updates(a, item)));
    lines.extend(item.updated_by.iter().map(updated_by));
    lines.extend(item.part_of.as_deref().map(|call| format!("part of the DeleteObjects call {}", sanitize(call))));
    lines
}

fn updates(addendum: &Addendum, item: &Item) -> Option<String> {
    let original = addendum.original_event_id.as_deref()?;
    let fields = fields(&addendum.updated_fields);
    if item.refs.first().is_some_and(|own| own == original) {
        return Some(format!("UPDATED{fields} by CloudTrail, after it was first delivered"));
    }
    let absent = if addendum.original_in_evidence { "" } else { ", which is not in evidence" };
    Some(format!("UPDATES{fields} {}{absent}", sanitize(original)))
}

fn updated_by(update: &Update) -> String {
    let (fields, reference) = (fields(&update.updated_fields), sanitize(&update.reference));
    format!("UPDATED{fields} by {reference}: {}  {}  {}", sanitize(&update.actor), update.outcome, sanitize(&update.summary))
}

fn fields(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", sanitize(&names.join(", "))) }
}
