//! Traffic in a terminal.

use std::io::{self, Write};

use backtrail_model::words::{counted, counted_in_groups as told, port_words};
use backtrail_timeline::{FlowCounted, FlowLogCall, FlowLogCovered, FlowMark, FlowMarkKind, HourState, InterfaceCovered, Side, Talker};

use super::Style;
use crate::sanitize::sanitize;

/// Characters of an evidence id in a terminal: enough for `show`.
const ID_SHOWN: usize = 12;

/// Marks of one kind in a terminal.
const MARKS: usize = 10;

/// What stands out: of each kind the first.
pub(crate) fn mark_lines(marks: &[FlowMark], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if marks.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(out, "{}", style.bold("Marks (what stands out, not what is wrong: docs/guide/responders.md has the thresholds)"))?;
    for of_kind in marks.chunk_by(|a, b| a.kind == b.kind) {
        let (name, several) = match of_kind[0].kind {
            FlowMarkKind::Scan => ("scan", "scans"),
            FlowMarkKind::Beacon => ("beacon", "beacons"),
            FlowMarkKind::BulkEgress => ("bulk egress", "of bulk egress"),
        };
        for mark in of_kind.iter().take(MARKS) {
            let text = format!("{name}: {} [{}]", sanitize(&mark.text), cited(&mark.reference));
            for line in style.flow(text.split(' '), " ", 2) {
                writeln!(out, "{line}")?;
            }
            let times = format!("{} to {}, each up to 60 s off", mark.first_start, mark.last_end);
            writeln!(out, "    {times}")?;
        }
        if of_kind.len() > MARKS {
            writeln!(out, "  {} more {several}: --format json has them", of_kind.len() - MARKS)?;
        }
    }
    Ok(())
}

/// Interfaces of a flow log in a terminal.
const INTERFACES: usize = 12;
/// Stretches of an interface's hours in a terminal.
const STRETCHES: usize = 6;

/// What flow logs have of their interfaces. Of one that has records of traffic in every hour only the count tells.
pub(crate) fn flow_log_lines(logs: &[FlowLogCovered], out: &mut dyn Write) -> io::Result<()> {
    for log in logs {
        let count = |of: fn(&InterfaceCovered) -> u64| log.interfaces.iter().map(of).sum::<u64>();
        let mut told =
            vec![format!("{} of {}", counted(count(|i| i.records), "record"), counted(log.interfaces.len() as u64, "interface"))];
        for (number, what) in [(count(|i| i.nodata), "NODATA"), (count(|i| i.skipdata), "SKIPDATA")] {
            if number > 0 {
                told.push(format!("{number} {what}"));
            }
        }
        writeln!(out, "    flow log {}: {}", sanitize(&log.flow_log), told.join(", "))?;
        for call in [&log.begun_by, &log.ended_by].into_iter().flatten() {
            flow_log_call(call, out)?;
        }
        let is_plain = |i: &InterfaceCovered| i.stretches.iter().all(|stretch| stretch.state == HourState::Records);
        let others: Vec<&InterfaceCovered> = log.interfaces.iter().filter(|i| !is_plain(i)).collect();
        for interface in others.iter().take(INTERFACES) {
            writeln!(out, "      {}: {}", sanitize(&interface.interface_id), hours_of(interface))?;
        }
        let (plain, more) = (log.interfaces.len() - others.len(), others.len().saturating_sub(INTERFACES));
        if plain > 0 {
            writeln!(out, "      {} with records of traffic in every hour", counted(plain as u64, "interface"))?;
        }
        if more > 0 {
            writeln!(out, "      {} more, whose hours --format json has", counted(more as u64, "interface"))?;
        }
    }
    Ok(())
}

fn flow_log_call(call: &FlowLogCall, out: &mut dyn Write) -> io::Result<()> {
    let when = call.event_time.as_deref().unwrap_or("at an unknown time");
    let (who, what) = (sanitize(&call.actor), sanitize(&call.summary));
    writeln!(out, "      {when}  {who} {what} [{}]", sanitize(&call.reference))
}

/// `records 2 h from ..., NODATA 1 h from ..., nothing 3 h from ...`
fn hours_of(interface: &InterfaceCovered) -> String {
    let word = |state: HourState| match state {
        HourState::Records => "records",
        HourState::NoData => "NODATA",
        HourState::SkipData => "SKIPDATA among records",
        HourState::Nothing => "nothing",
    };
    let all = &interface.stretches;
    let mut told: Vec<String> = all.iter().take(STRETCHES).map(|s| format!("{} {} h from {}", word(s.state), s.hours, s.from)).collect();
    if all.len() > STRETCHES {
        told.push(format!("{} more stretches", all.len() - STRETCHES));
    }
    told.join(", ")
}

/// What is told of a group, behind so much room.
pub(crate) fn talker_lines(talker: &Talker, room: &str, out: &mut dyn Write) -> io::Result<()> {
    let word = |text: &Option<String>| text.as_deref().map(|text| sanitize(text).into_owned());
    let mut near: Vec<String> = [&talker.interface_id, &talker.instance_id, &talker.resource_id].into_iter().filter_map(word).collect();
    near.extend(talker.security_groups.iter().map(|group| sanitize(group).into_owned()));
    near.extend(word(&talker.address));
    let mut far: Vec<String> = word(&talker.peer).into_iter().collect();
    far.extend(talker.peer_is.map(str::to_owned));
    far.extend(word(&talker.peer_aws_service));
    let port = port(talker.protocol, talker.port);
    if !far.is_empty() && !near.is_empty() {
        near.push("with".to_owned());
    }
    near.append(&mut far);
    near.extend(port);
    writeln!(out, "{room}{}", near.join(" "))?;
    let counted = &talker.counted;
    let times = match (&counted.first_start, &counted.last_end) {
        (Some(first), Some(last)) => format!("{first} to {last}, each up to 60 s off"),
        _ => "no usable time".to_owned(),
    };
    let reference = counted.reference.as_deref().map(|r| format!(" [{}]", cited(r))).unwrap_or_default();
    writeln!(out, "{room}  {}", ways(counted))?;
    writeln!(out, "{room}  {times}{reference}")
}

/// What went which way.
pub(crate) fn ways(counted: &FlowCounted) -> String {
    let ways = [
        ("in", &counted.accepted_in),
        ("out", &counted.accepted_out),
        ("rejected in", &counted.rejected_in),
        ("rejected out", &counted.rejected_out),
        ("of unknown direction or action", &counted.undirected),
    ];
    let told: Vec<String> = ways.iter().filter(|(_, side)| side.records > 0).map(|(name, side)| way(name, side)).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
}

/// What went one way: `in: 40 bytes (1 packet, 1 record)`.
pub(crate) fn way(name: &str, side: &Side) -> String {
    format!("{name}: {} ({}, {})", told(side.bytes, "byte"), told(side.packets, "packet"), told(side.records, "record"))
}

/// `tcp/22`.
pub(crate) fn port(protocol: Option<i32>, port: Option<i32>) -> Option<String> {
    Some(port_words(protocol?, port))
}

/// A citation in a terminal's room.
pub(crate) fn cited(reference: &str) -> String {
    match reference.split_once('#') {
        Some((id, index)) => format!("{}#{index}", id.get(..ID_SHOWN).unwrap_or(id)),
        None => reference.get(..ID_SHOWN).unwrap_or(reference).to_owned(),
    }
}
