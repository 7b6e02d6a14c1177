//! What traffic shows of a change, in a terminal.

use backtrail_timeline::{Coincidence, Effect, Passage, Through, TiedSubnet, Way};

use super::Style;
use super::flows::{cited, port, way};
use crate::sanitize::sanitize;

/// Conversations in a terminal that were not seen before a change.
const BEGUN: usize = 3;
/// Why they are told as such.
const ONLY_AFTER: [Coincidence; 2] = [Coincidence::OnlyBegan, Coincidence::NotSeenBefore];

/// What traffic shows of each change; nothing where no flow logs are there.
pub(crate) fn effect_lines(effects: &[Effect], style: &Style) -> Vec<String> {
    if effects.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), style.bold("What traffic shows of these changes")];
    for effect in effects {
        let time = effect.event_time.as_deref().unwrap_or("no usable time");
        let set_by = effect.set_by.as_ref().map(|set_by| format!(", as [{}] has it", cited(set_by))).unwrap_or_default();
        let [rule, target, reference] = [&effect.rule, &effect.target, &effect.reference].map(|text| sanitize(text));
        let what = format!("{time} {rule} on {target} [{reference}]{}", sanitize(&set_by));
        lines.extend(style.flow(what.split(' '), " ", 2));
        let text = sanitize(&effect.text);
        lines.extend(style.flow(text.split(' '), " ", 4));
        for subnet in &effect.subnets {
            lines.extend(style.flow(subnet_words(subnet).split(' '), " ", 4));
        }
        // What only began after a change is told by its largest conversations: it may have nothing to do with it.
        let only_began = |passage: &&Passage| passage.coincident.iter().any(|why| ONLY_AFTER.contains(why));
        let (began, others): (Vec<&Passage>, Vec<&Passage>) = effect.passages.iter().partition(only_began);
        let shown: Vec<&Passage> = others.into_iter().chain(began.into_iter().take(BEGUN)).collect();
        let more = effect.more + (effect.passages.len() - shown.len()) as u64;
        for passage in shown {
            let told = passage_words(passage);
            lines.extend(style.flow(told.split(' '), " ", 4));
        }
        if more > 0 {
            lines.push(format!("    {more} more, in JSON the ten first"));
        }
    }
    lines
}

/// Which table or ACL a subnet had, and by which calls.
fn subnet_words(subnet: &TiedSubnet) -> String {
    let refs: Vec<String> = subnet.refs.iter().map(|reference| cited(reference)).collect();
    let from = subnet.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    let to = subnet.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let listed = if subnet.only_listed { ", as a listing has it, which does not say when" } else { "" };
    sanitize(&format!("{} had {}{from}{to}{listed} [{}]", subnet.subnet_id, subnet.target, refs.join(", "))).into_owned()
}

fn passage_words(passage: &Passage) -> String {
    let sides = [
        ("rejected before", &passage.rejected_before),
        ("accepted before", &passage.accepted_before),
        ("accepted after", &passage.accepted_after),
        ("rejected after", &passage.rejected_after),
    ];
    let received = [("of it received before", &passage.received_before), ("of it received after", &passage.received_after)];
    let received = received.iter().filter_map(|(name, side)| Some((*name, side.as_ref()?)));
    let sides = sides.into_iter().chain(received);
    let told: Vec<String> = sides.filter(|(_, side)| side.records > 0).map(|(name, side)| way(name, side)).collect();
    let port = port(Some(passage.protocol), Some(passage.port)).unwrap_or_default();
    let direction = match passage.direction {
        Some(Way::Ingress) => " ingress",
        Some(Way::Egress) => " egress",
        None => "",
    };
    let answers = if passage.is_answers { ", what answered" } else { "" };
    let tied = match (&passage.tied_by, passage.through) {
        (Some(tie), Some(Through::Vpc)) => format!("the interface is in the VPC by {}", cited(tie)),
        (Some(tie), Some(Through::Subnet)) => format!("the interface is in the subnet by {}", cited(tie)),
        (Some(tie), _) => format!("the interface is tied to it by {}", cited(tie)),
        (None, _) => "no evidence ties the interface to what was changed".to_owned(),
    };
    format!(
        "{}: {} and {} {port}{direction}{answers}: {}; the first from {}, up to 60 s off [{}]; {tied}",
        if passage.coincident.is_empty() { "certain" } else { "coincident" },
        sanitize(&passage.peer),
        sanitize(&passage.interface_id),
        told.join("; "),
        passage.first_start,
        cited(&passage.reference)
    )
}
