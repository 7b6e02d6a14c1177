//! A trace as a tree.

use std::io::{self, Write};

use backtrail_model::arn::Arn;
use backtrail_model::issuance::{GET_SIGNIN_TOKEN, is_sign_in};
use backtrail_model::words::counted;
use backtrail_timeline::{Node, Rival, SharedUses, Strength, Trace, Upward, Uses};

use crate::answers::{Style, not_seen_about, set_in_motion};
use crate::sanitize::sanitize;

/// Things made that are listed for one set of credentials; JSON has more.
pub(super) const MADE: usize = 12;

pub(super) fn write(trace: &Trace, color: bool, out: &mut dyn Write) -> io::Result<()> {
    let style = Style::new(color, None);
    writeln!(out, "{}", style.bold(&format!("{}: where it came from", sanitize(&trace.subject))))?;
    for upward in &trace.up {
        write_upward(upward, out)?;
    }
    writeln!(out, "\n{}", style.bold(&format!("{}: what descended from it", sanitize(&trace.subject))))?;
    below(trace, out)?;
    if trace.more > 0 {
        writeln!(out, "and {} of credentials", counted(trace.more, "more set"))?;
    }
    for line in not_seen_about(&trace.coverage, &trace.coverage_window, &style) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn below(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    if trace.down.is_empty() {
        return writeln!(
            out,
            "nothing in evidence: no credentials are known that this call issued, and no service or workload that it set in motion"
        );
    }
    if trace.taken_for == "event" {
        return children(&trace.down, "", out);
    }
    for node in &trace.down {
        uses(node, "", out)?;
        children(&node.children, "", out)?;
    }
    Ok(())
}

fn write_upward(upward: &Upward, out: &mut dyn Write) -> io::Result<()> {
    let key = upward.principal.access_key_id.as_deref().map(|k| format!("  key {}", sanitize(k))).unwrap_or_default();
    let since = upward.session_created.as_deref().map(|t| format!("  session since {t}")).unwrap_or_default();
    writeln!(out, "{}{key}{since}", sanitize(&upward.principal.label()))?;
    for (number, path) in upward.chain.paths.iter().enumerate() {
        if number > 0 {
            writeln!(out, "  or")?;
        }
        for step in &path.steps {
            let (caller, time) = (sanitize(&step.caller.name), step.event_time.as_deref().unwrap_or("at an unknown time"));
            let from = step.source_ip_address.as_deref().map(|ip| format!(", from {}", sanitize(ip))).unwrap_or_default();
            let key = step.caller.access_key_id.as_deref().map(|k| format!(", key {}", sanitize(k))).unwrap_or_default();
            let refs: Vec<_> = step.refs.iter().map(|r| sanitize(r)).collect();
            writeln!(out, "  ↑ {} by {caller}, {time}{from}{key}", step.method)?;
            writeln!(out, "    {} ({}) [{}]", step.strength.as_str(), step.basis, refs.join(", "))?;
        }
        let origin = &path.origin;
        let declared = origin.source_identity.as_deref().map(|s| format!("; source identity {}", sanitize(s))).unwrap_or_default();
        writeln!(out, "  origin: {} ({}: {}{declared})", sanitize(&origin.name), origin.kind.as_str(), origin.basis)?;
        if let Some(missing) = &path.missing {
            writeln!(out, "  missing: {}", sanitize(&missing.text))?;
        }
    }
    if let Some(told) = set_in_motion(upward.service.as_deref(), &upward.set_in_motion_by) {
        writeln!(out, "  {told}")?;
    }
    Ok(())
}

fn children(nodes: &[Node], indent: &str, out: &mut dyn Write) -> io::Result<()> {
    for (number, node) in nodes.iter().enumerate() {
        let is_last = number + 1 == nodes.len();
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let to = node.issued_to.as_deref().map(|to| format!(" to {}", sanitize(to))).unwrap_or_default();
        let key = node.access_key_id.as_deref().map(|k| format!(", key {}", sanitize(k))).unwrap_or_default();
        let strength = node.strength.map(|s| format!(" ({})", s.as_str())).unwrap_or_default();
        let refs: Vec<_> = node.refs.iter().map(|r| sanitize(r)).collect();
        let time = node.event_time.as_deref().unwrap_or("at an unknown time");
        writeln!(out, "{indent}{branch}{} {time}{to}{key}{strength} [{}]", node.method.unwrap_or("credentials"), refs.join(", "))?;
        let deeper = format!("{indent}{below}");
        for by in &node.set_in_motion_by {
            let refs: Vec<_> = by.refs.iter().map(|r| sanitize(r)).collect();
            let time = by.event_time.as_deref().unwrap_or("at an unknown time");
            let (call, subject) = (sanitize(&by.event_name), sanitize(&by.subject));
            writeln!(out, "{deeper}{} {call} {time}: {subject} [{}]", by.part.words(), refs.join(", "))?;
        }
        for other in &node.others {
            writeln!(out, "{deeper}perhaps another's: {}", rival(other))?;
        }
        uses(node, &deeper, out)?;
        children(&node.children, &deeper, out)?;
    }
    Ok(())
}

/// What may have been done with what another call issued.
pub(super) fn rival(other: &Rival) -> String {
    let refs: Vec<_> = other.refs.iter().map(|r| sanitize(r)).collect();
    let (caller, time) = (sanitize(&other.caller), other.event_time.as_deref().unwrap_or("at an unknown time"));
    format!("or with what {} by {caller} issued, {time} [{}]", other.method, refs.join(", "))
}

fn uses(node: &Node, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    if node.uses.events > 0 {
        writeln!(out, "{indent}{}", done(&node.uses, &strengths(&node.uses)))?;
        made(&node.uses, indent, out)?;
    }
    for SharedUses { strength, basis, others, uses } in &node.shared_uses {
        writeln!(out, "{indent}perhaps another's: {}", done(uses, &format!("; {}, {basis}", strength.as_str())))?;
        for other in others {
            writeln!(out, "{indent}  {}", rival(other))?;
        }
        made(uses, indent, out)?;
    }
    // Something was done because of it, though by no event of its own: a session at a portal leads to another.
    if node.uses.events > 0 || !node.shared_uses.is_empty() || !node.children.is_empty() {
        return Ok(());
    }
    let is_of_session = node.issued_to.as_deref().and_then(Arn::parse).is_some_and(|to| to.service() == "sts");
    if is_of_session && node.method.is_some_and(|method| is_sign_in(method) || method == GET_SIGNIN_TOKEN) {
        return writeln!(out, "{indent}what was done in the console bears the unique id of the session above, and is told there");
    }
    writeln!(out, "{indent}not used in evidence")
}

/// How many events, with which outcomes and how surely, when and from where.
fn done(uses: &Uses, surety: &str) -> String {
    let outcomes: Vec<String> = uses.outcomes.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let (first, last) = (uses.first_event_time.as_deref().unwrap_or("?"), uses.last_event_time.as_deref().unwrap_or("?"));
    let from: Vec<_> = uses.addresses.iter().take(4).map(|a| sanitize(a)).collect();
    let more = uses.addresses.len().saturating_sub(from.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let events = counted(uses.events, "event");
    format!("{events} ({}{surety}), {first} to {last}, from {}{more}", outcomes.join(", "), from.join(", "))
}

/// How surely events were made with these credentials, where not all say so by their key.
fn strengths(uses: &Uses) -> String {
    let told: Vec<String> = match uses.strengths.iter().collect::<Vec<_>>().as_slice() {
        [(strength, _)] => Some(strength.to_string()).filter(|only| only != Strength::Exact.as_str()).into_iter().collect(),
        several => several.iter().map(|(strength, n)| format!("{n} {strength}")).collect(),
    };
    if told.is_empty() { String::new() } else { format!("; {}", told.join(", ")) }
}

fn made(uses: &Uses, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    for made in uses.made.iter().take(MADE) {
        writeln!(
            out,
            "{indent}  {}  {} [{}]",
            made.event_time.as_deref().unwrap_or("?"),
            sanitize(&made.summary),
            sanitize(&made.reference)
        )?;
    }
    let rest = uses.made.len().saturating_sub(MADE);
    if rest > 0 {
        writeln!(out, "{indent}  and {}, in --format json", counted(rest as u64, "more change"))?;
    }
    Ok(())
}
