//! The chain of calls above an event, in lines.

use backtrail_timeline::{Attribution, Missing, Path, Step};

use super::set_in_motion;
use crate::sanitize::sanitize;

/// Lines about how the actor is known; none where the event names its actor itself and nothing is missing.
pub(crate) fn chain_lines(actor: &Attribution) -> Vec<String> {
    let mut lines = Vec::new();
    if !actor.chain.is_empty() {
        lines.push(format!("chain: {}", steps(&actor.chain)));
    }
    lines.extend(actor.others.iter().map(other));
    lines.extend(set_in_motion(actor.service.as_deref(), &actor.set_in_motion_by));
    lines.extend(actor.missing.as_ref().map(missing));
    lines
}

/// In short: `trace` and JSON say what would fill it.
fn missing(missing: &Missing) -> String {
    let key = missing.access_key_id.as_deref().map_or_else(|| "its credentials".to_owned(), |k| format!("key {}", sanitize(k)));
    let began = missing.event_time.as_deref().map(|t| format!(" (session since {t})")).unwrap_or_default();
    format!("chain: the call that issued {key} is not in evidence{began}")
}

fn other(path: &Path) -> String {
    let end = path.missing.as_ref().map(|m| format!("; {}", sanitize(&m.text))).unwrap_or_default();
    format!("or: {}{end}", steps(&path.steps))
}

/// `AssumeRole by alice [4ad1…] (exact), CreateAccessKey by …`, from the event upwards.
fn steps(steps: &[Step]) -> String {
    let one = |step: &Step| {
        let refs = step.refs.first().map(|r| format!(" [{}]", sanitize(r))).unwrap_or_default();
        format!("{} by {}{refs} ({})", step.method, sanitize(&step.caller.name), step.strength.as_str())
    };
    steps.iter().map(one).collect::<Vec<_>>().join(", ")
}
