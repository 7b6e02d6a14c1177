//! What traffic shows of a change, in words: what is certain, what is coincident, and what is not in evidence.

use super::TiedInterface;
use super::doors::{Course, Door, Scope};
use super::passages::{Coincidence, REMEMBERED, Told};
use super::ties::About;

/// Interfaces whose coverage is told in words; of more, how many there are.
const NAMED: usize = 5;

/// The text of an effect.
pub(super) fn words(door: &Door, about: &About, interfaces: &[TiedInterface], told: &Told) -> String {
    // What is not known of the change itself, no record was held against.
    if let Some(unknown) = &door.unknown {
        return unknown.clone();
    }
    let mut all = vec![found(door, interfaces, told)];
    all.extend(left_out(door));
    for sentence in &about.unknown {
        if !all.contains(sentence) {
            all.push(sentence.clone());
        }
    }
    if told.is_cut {
        all.push(format!("More than {REMEMBERED} conversations were met; the others were not looked at."));
    }
    if told.certain + told.more > 0 || !told.passages.is_empty() {
        all.push("That the change is the cause is what the times suggest, flow logs do not name rules or routes.".to_owned());
    }
    all.join(" ")
}

/// What is not held against a swap because of others of the same thing.
fn left_out(door: &Door) -> Option<String> {
    match door.next_to.each_ref().map(Option::as_ref) {
        [None, None] => None,
        [Some((_, before)), None] => Some(format!("Flows before [{before}] do not count: it changed the same.")),
        [None, Some((_, after))] => Some(format!("Flows after [{after}] do not count: it changed the same.")),
        [Some((_, before)), Some((_, after))] => {
            Some(format!("Flows before [{before}] and after [{after}] do not count: these changed the same."))
        }
    }
}

fn found(door: &Door, interfaces: &[TiedInterface], told: &Told) -> String {
    let count = told.passages.len() as u64 + told.more;
    if count == 0 {
        return format!("No flow in evidence {}; {}.", sought(door), covered(door, interfaces));
    }
    let coincident = count - told.certain;
    let mut parts = Vec::new();
    if told.certain > 0 {
        let noun = if told.certain == 1 { "conversation" } else { "conversations" };
        let what = "same interface, peer, protocol and port, the interface tied to what was changed";
        parts.push(format!("Certain: {} {noun} {} ({what}).", told.certain, turned(door)));
    }
    if coincident > 0 {
        let (noun, is) = if coincident == 1 { ("conversation", "was") } else { ("conversations", "were") };
        let also = if told.certain > 0 { "further " } else { "" };
        let reasons: Vec<String> = told.coincident.iter().map(|(reason, of)| format!("{of} {}", why(*reason, door))).collect();
        parts.push(format!(
            "Coincident: {coincident} {also}{noun} that {is} {} the change{}: {}.",
            if door.opens { "let through after" } else { "cut off after" },
            if told.certain > 0 { " as well" } else { "" },
            reasons.join("; ")
        ));
    }
    parts.join(" ")
}

/// What no flow was.
fn sought(door: &Door) -> &'static str {
    match (door.opens, door.course) {
        (true, Course::Both) if door.is_swap() => {
            "was without an answer before and answered after it, or came from outside where nothing did before"
        }
        (true, Course::Both) => "came from a peer of it for the first time after it",
        (true, _) if door.is_swap() => "was refused before and let through after it, or let through on a port where nothing was before",
        (true, _) => "was refused before and let through after it, or let through for the first time",
        (false, Course::Both) => "was answered before and refused, or without an answer, after it",
        (false, _) => "was let through before and refused after it",
    }
}

fn turned(door: &Door) -> &'static str {
    match (door.opens, door.course) {
        (true, Course::Both) => "refused, or without an answer, before the change and let through after it",
        (true, _) => "refused before the change and let through after it",
        (false, Course::Both) => "answered before the change and refused, or without an answer, after it",
        (false, _) => "let through before the change and refused after it",
    }
}

/// Why it is not certain, behind a count.
fn why(reason: Coincidence, door: &Door) -> String {
    match reason {
        Coincidence::NotTied => format!("of interfaces that no evidence ties to {}", door.target),
        Coincidence::OnlyVpc => format!("of interfaces that only their VPC ties to {}", door.target),
        Coincidence::OnlyListed if door.scope == Scope::Instance => {
            format!("of interfaces that only a listing, which does not say when, ties to {}", door.target)
        }
        Coincidence::OneOfSeveral => format!("of one of several interfaces of {}", door.target),
        Coincidence::OnlyListed => {
            format!("of interfaces that only a listing, which does not say when, ties to {} by their subnet", door.target)
        }
        Coincidence::NotSeenBefore => {
            "of interfaces of which flow logs have nothing from before it, so that they may have been let through before".to_owned()
        }
        Coincidence::OnlyBegan => "only began after it".to_owned(),
        Coincidence::WentOn => "first went on after it as before".to_owned(),
    }
}

/// From when to when flow logs have records of the interfaces that are tied to it.
fn covered(door: &Door, interfaces: &[TiedInterface]) -> String {
    if interfaces.is_empty() {
        return format!("no evidence ties an interface to {}", door.target);
    }
    let span = |i: &TiedInterface| Some((i.interface_id.clone(), i.first_start.clone()?, i.last_end.clone()?));
    let spans: Vec<(String, String, String)> = interfaces.iter().filter_map(span).collect();
    let Some((first, last)) = spans.iter().map(|(_, first, _)| first).min().zip(spans.iter().map(|(.., last)| last).max()) else {
        return "flow logs have nothing of its interfaces".to_owned();
    };
    let missing = interfaces.len() - spans.len();
    let rest = if missing > 0 { format!(", and have nothing of {missing} more of its interfaces") } else { String::new() };
    if spans.len() > NAMED {
        return format!("flow logs cover {} of its interfaces, from {first} to {last}{rest}", spans.len());
    }
    let each: Vec<String> = spans.iter().map(|(interface, first, last)| format!("{interface} from {first} to {last}")).collect();
    format!("flow logs cover {}{rest}", each.join(", "))
}
