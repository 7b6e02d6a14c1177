//! What traffic shows of a change, in a terminal.

use backtrail_timeline::{Effect, Passage};

use super::Style;
use super::flows::{cited, port, way};
use crate::sanitize::sanitize;

/// Conversations in a terminal that were not seen before a change.
const BEGUN: usize = 3;

/// What traffic shows of each change; nothing where no flow logs are there.
pub(crate) fn effect_lines(effects: &[Effect], style: &Style) -> Vec<String> {
    if effects.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), style.bold("What traffic shows of these changes")];
    for effect in effects {
        let time = effect.event_time.as_deref().unwrap_or("no usable time");
        let what = format!("{time} {} on {} [{}]", sanitize(&effect.rule), sanitize(&effect.target), sanitize(&effect.reference));
        lines.extend(style.flow(what.split(' '), " ", 2));
        let text = sanitize(&effect.text);
        lines.extend(style.flow(text.split(' '), " ", 4));
        // What only began after a change is told by its largest conversations: it may have nothing to do with it.
        let is_turned = |passage: &&Passage| passage.rejected_before.records > 0 || passage.accepted_before.records > 0;
        let others = effect.passages.iter().filter(|passage| !is_turned(passage));
        let shown: Vec<&Passage> = effect.passages.iter().filter(is_turned).chain(others.take(BEGUN)).collect();
        let more = effect.more + (effect.passages.len() - shown.len()) as u64;
        for passage in shown {
            let told = passage_words(passage);
            lines.extend(style.flow(told.split(' '), " ", 4));
        }
        if more > 0 {
            lines.push(format!("    {more} more, in JSON the ten largest"));
        }
    }
    lines
}

fn passage_words(passage: &Passage) -> String {
    let sides = [
        ("rejected before", &passage.rejected_before),
        ("accepted before", &passage.accepted_before),
        ("accepted after", &passage.accepted_after),
        ("rejected after", &passage.rejected_after),
    ];
    let told: Vec<String> = sides.iter().filter(|(_, side)| side.records > 0).map(|(name, side)| way(name, side)).collect();
    let port = port(Some(passage.protocol), Some(passage.port)).unwrap_or_default();
    let tied = passage.tied_by.as_deref().map_or_else(
        || "no evidence ties the interface to what was changed".to_owned(),
        |tie| format!("the interface is tied to it by {}", cited(tie)),
    );
    format!(
        "{} and {} {port}: {}; the first from {}, up to 60 s off [{}]; {tied}",
        sanitize(&passage.peer),
        sanitize(&passage.interface_id),
        told.join("; "),
        passage.first_start,
        cited(&passage.reference)
    )
}
