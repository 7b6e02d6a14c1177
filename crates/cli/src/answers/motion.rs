//! Who set a service or workload in motion, in a line.

use backtrail_timeline::{MotionBasis, Mover, Part};

use crate::sanitize::sanitize;

/// `by CloudFormation, set in motion by alice (CreateStack 4ad1…, stack web named in the request)`; none where the event itself names who
/// called the service, because its actor does so already, and where nobody is named.
pub(crate) fn set_in_motion(service: Option<&str>, movers: &[Mover]) -> Option<String> {
    if let [Mover { basis: MotionBasis::InvokedBy, set_in_motion_by, actor, .. }] = movers {
        let deeper = alternatives(set_in_motion_by, false)?;
        return Some(format!("{}, {deeper}", sanitize(&actor.name)));
    }
    let told = alternatives(movers, service.is_some())?;
    let who = service.map(|name| format!("by {}", service_name(name)));
    let who = who.or_else(|| movers.first()?.subject.as_deref().map(|subject| sanitize(subject).into_owned()))?;
    Some(format!("{who}, {told}"))
}

/// Who they are, each with what leads there, for a cell.
pub(crate) fn mover_labels(movers: &[Mover]) -> Option<String> {
    (!movers.is_empty()).then(|| movers.iter().map(Mover::label).collect::<Vec<_>>().join("; "))
}

/// The calls cited.
pub(crate) fn mover_refs(movers: &[Mover]) -> Option<String> {
    let refs: Vec<&str> = movers.iter().flat_map(|m| &m.refs).map(String::as_str).collect();
    (!refs.is_empty()).then(|| refs.join(" "))
}

fn alternatives(movers: &[Mover], says_subject: bool) -> Option<String> {
    let joint = if movers.iter().all(|m| m.part == Part::SetInMotion) { " or " } else { ", " };
    let told: Vec<String> = movers.iter().map(|m| one(m, says_subject)).collect();
    (!told.is_empty()).then(|| told.join(joint))
}

fn one(mover: &Mover, says_subject: bool) -> String {
    let label = mover.label();
    let call = mover.event_name.as_deref().zip(mover.refs.first()).map(|(name, reference)| {
        let subject = mover.subject.as_deref().filter(|_| says_subject).map(|s| format!("{} ", sanitize(s))).unwrap_or_default();
        format!(" ({} {}, {subject}{})", sanitize(name), sanitize(reference), named(mover))
    });
    let deeper = alternatives(&mover.set_in_motion_by, true).map(|told| format!(", in turn {told}")).unwrap_or_default();
    format!("{} {}{}{deeper}", mover.part.words(), sanitize(&label), call.unwrap_or_default())
}

fn named(mover: &Mover) -> String {
    match mover.basis {
        MotionBasis::InvokedBy => "named as invokedBy".to_owned(),
        MotionBasis::Request => "named in the request".to_owned(),
        MotionBasis::Response => "named in the response".to_owned(),
        MotionBasis::EarlierRequest => match mover.refs.get(1) {
            Some(earlier) => format!("its role named in the earlier request {}", sanitize(earlier)),
            None => "its role named in an earlier request".to_owned(),
        },
    }
}

/// What people call a service; else its name in records.
fn service_name(service: &str) -> String {
    match service {
        "cloudformation.amazonaws.com" => "CloudFormation".to_owned(),
        "autoscaling.amazonaws.com" => "Auto Scaling".to_owned(),
        other => sanitize(other).into_owned(),
    }
}
