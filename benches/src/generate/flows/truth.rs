//! What is true of the flow logs: sums, the door, the scan, the beacon, and which interface had which address when.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::calls::Event;
use super::files::Log;
use super::line::{Flow, Row};
use super::traffic::{BEACON_PORT, LATE, PERIOD, SSH};
use super::world::{CLOSED, CONTROLLER, DROP, HEIR, JUMP, LOST, NAT, NOTICED, OPENED, PEER, SCANNER, SECOND, SEED, WEB, WORKER, World};
use crate::generate::clock::iso;

const STORY: [&str; 5] = [
    "A jump host, a web server and two workers behind a NAT gateway; flow logs of the whole VPC and of the jump host's interface.",
    "Somebody scans the jump host; somebody else is refused at its SSH port. A person opens that port to the world, and the same peer is let in.",
    "From the jump host a lot is sent away, and a beacon calls every minute. The door is closed again; the peer is refused again, the beacon goes on.",
    "The web server is terminated and its interface deleted; another machine gets its private and its public address.",
    "The flow log of the jump host's interface is deleted by whoever opened the door.",
];

/// Rows, packets and bytes.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Sum {
    rows: u64,
    packets: u64,
    bytes: u64,
}

impl Sum {
    fn of<'r>(flows: impl Iterator<Item = &'r Flow>) -> Self {
        flows.fold(Self::default(), |sum, flow| Self {
            rows: sum.rows + 1,
            packets: sum.packets + flow.packets,
            bytes: sum.bytes + flow.bytes,
        })
    }
}

/// The whole document.
pub(super) fn document(world: &World, logs: &[Log<'_>; 2], events: &[Event], files: &Value, routes: Value) -> Value {
    let rows = || logs.iter().flat_map(|log| &log.rows);
    json!({
        "generator": { "seed": SEED, "story": "flows" },
        "at": iso(world.day + NOTICED),
        "story": STORY,
        "account": world.account().id,
        "region": world.region,
        "vpc": world.vpc,
        "files": files,
        "events": events.len(),
        "rows": rows().count(),
        "by_log_status": statuses(rows()),
        "repeated_lines": repeated(world, logs),
        "logs": logs.iter().map(|log| (log.id.to_owned(), of_log(world, log))).collect::<serde_json::Map<_, _>>(),
        "interfaces": { "jump": world.faces[JUMP].id, "web": world.faces[WEB].id, "worker": world.faces[WORKER].id, "second_worker": world.faces[SECOND].id, "nat": world.faces[NAT].id, "heir": world.faces[HEIR].id },
        "flow_logs": { "vpc": world.vpc_log, "interface": world.interface_log },
        "door": door(world, logs, events),
        "scan": scan(world, &logs[0]),
        "beacon": beacon(world, logs),
        "bulk": bulk(world, logs),
        "nat": nat(world, &logs[0], events),
        "own_calls": own_calls(world, events),
        "intervals": intervals(world, events),
        "calls": events.iter().filter(|event| !event.label.is_empty()).map(|event| json!({ "label": event.label, "event_id": event.id, "event_time": iso(event.time), "event_name": event.name, "identity": event.who, "source_ip_address": event.address })).collect::<Vec<_>>(),
        "routes": routes,
    })
}

fn statuses<'r>(rows: impl Iterator<Item = &'r Row>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.status()).or_default() += 1;
    }
    counts
}

/// Lines that repeat one of the same file.
fn repeated(world: &World, logs: &[Log<'_>; 2]) -> usize {
    let lines = |log: &Log<'_>| log.rows.iter().map(|row| log.layout.line(world, row)).collect::<Vec<_>>();
    logs.iter().map(lines).map(|lines| lines.len() - lines.iter().collect::<BTreeSet<_>>().len()).sum()
}

/// By interface: rows, statuses, and sums by action, in all and by direction.
fn of_log(world: &World, log: &Log<'_>) -> Value {
    let faces: BTreeSet<Option<usize>> = log.rows.iter().map(|row| row.face).collect();
    let mut interfaces = serde_json::Map::new();
    for face in faces {
        let rows = || log.rows.iter().filter(move |row| row.face == face);
        let mut told = json!({ "rows": rows().count(), "by_log_status": statuses(rows()) });
        for action in ["ACCEPT", "REJECT"] {
            let flows = || rows().filter_map(Row::flow).filter(move |flow| flow.action() == action);
            if flows().next().is_none() {
                continue;
            }
            let direction = |direction: &'static str| Sum::of(flows().filter(move |flow| flow.direction() == direction));
            let sum = Sum::of(flows());
            told[action] = json!({ "rows": sum.rows, "packets": sum.packets, "bytes": sum.bytes, "ingress": direction("ingress"), "egress": direction("egress") });
        }
        interfaces.insert(face.map_or_else(|| "-".to_owned(), |face| world.faces[face].id.clone()), told);
    }
    json!({ "rows": log.rows.len(), "by_log_status": statuses(log.rows.iter()), "format": log.layout.header(), "has_direction": log.layout.fields.contains(&"flow-direction"), "interfaces": interfaces })
}

fn id_of<'e>(events: &'e [Event], label: &str) -> Option<&'e Event> {
    events.iter().find(|event| event.label == label)
}

/// For each flow log, by a rule: the flows of an interface that fulfil it.
fn per_log(logs: &[Log<'_>; 2], told: impl Fn(&[&Row]) -> Value, keep: impl Fn(&Row, &Flow) -> bool) -> Value {
    let of = |log: &Log<'_>| {
        let rows: Vec<&Row> = log.rows.iter().filter(|row| row.flow().is_some_and(|flow| keep(row, flow))).collect();
        (log.id.to_owned(), told(&rows))
    };
    Value::Object(logs.iter().map(of).collect())
}

fn flows<'r>(rows: &'r [&'r Row]) -> impl Iterator<Item = &'r Flow> {
    rows.iter().filter_map(|row| row.flow())
}

/// Who was refused before a rule was added, and let in after.
fn door(world: &World, logs: &[Log<'_>; 2], events: &[Event]) -> Value {
    let (opened, closed) = (id_of(events, "open"), id_of(events, "close"));
    let told = |rows: &[&Row]| {
        let part = |keep: &dyn Fn(&Row, &Flow) -> bool| Sum::of(rows.iter().filter_map(|row| row.flow().filter(|flow| keep(row, flow))));
        let first = rows.iter().filter(|row| row.flow().is_some_and(|flow| flow.accepted)).map(|row| row.start).min();
        json!({
            "reject_before": part(&|row, flow| !flow.accepted && row.start < OPENED),
            "accept_before": part(&|row, flow| flow.accepted && row.start < OPENED),
            "accept_after_ingress": part(&|row, flow| flow.accepted && flow.inward && row.start >= OPENED),
            "accept_after_egress": part(&|row, flow| flow.accepted && !flow.inward && row.start >= OPENED),
            "reject_after_close": part(&|row, flow| !flow.accepted && row.start >= CLOSED),
            "first_accept_start": first.map(|start| world.day + start),
        })
    };
    let of_peer = |row: &Row, flow: &Flow| {
        let with_peer = |a: &super::line::End, b: &super::line::End| a.address == PEER && b.port == SSH;
        row.face == Some(JUMP) && (with_peer(&flow.source, &flow.target) || with_peer(&flow.target, &flow.source))
    };
    let jump = &world.faces[JUMP];
    json!({
        "event_id": opened.map(|e| &e.id), "event_name": opened.map(|e| e.name), "event_time": opened.map(|e| iso(e.time)), "by": opened.map(|e| &e.who),
        "group": jump.group, "cidr": "0.0.0.0/0", "protocol": 6, "port": SSH,
        "closed_by_event_id": closed.map(|e| &e.id), "closed_time": closed.map(|e| iso(e.time)), "closed_by": closed.map(|e| &e.who),
        "interface": jump.id, "instance": jump.instance, "private_address": jump.private, "public_address": jump.public, "peer": PEER,
        "logs": per_log(logs, told, of_peer),
    })
}

/// Distinct ports of each minute.
fn scan(world: &World, log: &Log<'_>) -> Value {
    let mut minutes: BTreeMap<i64, BTreeSet<u16>> = BTreeMap::new();
    for row in &log.rows {
        if let Some(flow) = row.flow().filter(|flow| flow.source.address == SCANNER) {
            minutes.entry(row.start / 60 * 60).or_default().insert(flow.target.port);
        }
    }
    let told: serde_json::Map<_, _> = minutes.iter().map(|(minute, ports)| (iso(world.day + minute), ports.len().into())).collect();
    let all: BTreeSet<&u16> = minutes.values().flatten().collect();
    json!({ "source": SCANNER, "interface": world.faces[JUMP].id, "action": "REJECT", "distinct_ports_per_minute": told, "distinct_ports": all.len() })
}

fn beacon(world: &World, logs: &[Log<'_>; 2]) -> Value {
    let told = |rows: &[&Row]| {
        let starts = || rows.iter().map(|row| world.day + row.start);
        json!({ "egress": Sum::of(flows(rows)), "first_start": starts().min(), "last_start": starts().max() })
    };
    let keep = |row: &Row, flow: &Flow| row.face == Some(JUMP) && !flow.inward && flow.target.address == CONTROLLER;
    json!({
        "interface": world.faces[JUMP].id, "peer": CONTROLLER, "port": BEACON_PORT, "period_seconds": PERIOD, "late_by_at_most_seconds": LATE - 1,
        "logs": per_log(logs, told, keep),
    })
}

/// What was sent away; the VPC's flow log lost a minute of it.
fn bulk(world: &World, logs: &[Log<'_>; 2]) -> Value {
    let keep = |row: &Row, flow: &Flow| row.face == Some(JUMP) && !flow.inward && flow.target.address == DROP;
    json!({
        "interface": world.faces[JUMP].id, "peer": DROP, "port": 443, "skipdata": { "flow_log": world.vpc_log, "start": world.day + LOST },
        "logs": per_log(logs, |rows| json!({ "egress": Sum::of(flows(rows)) }), keep),
    })
}

/// Records of the gateway's interface whose packets bear another address, and the calls that came through it.
fn nat(world: &World, log: &Log<'_>, events: &[Event]) -> Value {
    let nat = &world.faces[NAT];
    let told = || log.rows.iter().filter(|row| row.face == Some(NAT)).filter_map(Row::flow);
    json!({
        "gateway": world.gateway, "interface": nat.id, "private_address": nat.private, "public_address": nat.public,
        "rows_with_other_pkt_srcaddr": told().filter(|flow| flow.source.packet.is_some()).count(),
        "rows_with_other_pkt_dstaddr": told().filter(|flow| flow.target.packet.is_some()).count(),
        "calls_from_it": events.iter().filter(|event| Some(event.address.as_str()) == nat.public).map(|event| &event.id).collect::<Vec<_>>(),
    })
}

/// Calls from an address of the VPC's own: whose it was then.
fn own_calls(world: &World, events: &[Event]) -> Value {
    let own = events.iter().filter(|event| event.label == "own-call").map(|event| {
        let face = world.faces.iter().find(|face| face.instance.as_deref().is_some_and(|id| event.who.ends_with(id)));
        let holder = face.map(|face| if face.public.is_some() { face } else { &world.faces[NAT] });
        json!({
            "event_id": event.id, "event_time": iso(event.time), "source_ip_address": event.address,
            "interface": holder.map(|face| &face.id), "instance": face.and_then(|face| face.instance.as_ref()), "identity": event.who,
        })
    });
    own.collect()
}

/// Which interface had which addresses and which instance, from one call to the next; no end means still so.
fn intervals(world: &World, events: &[Event]) -> Value {
    let spans: [(usize, bool, bool, &str, Option<&str>); 11] = [
        (NAT, true, false, "create-nat", None),
        (JUMP, false, true, "run-jump", Some("associate-jump")),
        (JUMP, true, true, "associate-jump", None),
        (WEB, false, true, "run-web", Some("associate-web")),
        (WEB, true, true, "associate-web", Some("disassociate-web")),
        (WEB, false, true, "disassociate-web", Some("terminate-web")),
        (WEB, false, false, "terminate-web", Some("delete-web-interface")),
        (WORKER, false, true, "run-workers", None),
        (SECOND, false, true, "run-workers", None),
        (HEIR, false, true, "run-heir", Some("associate-heir")),
        (HEIR, true, true, "associate-heir", None),
    ];
    let told = spans.into_iter().map(|(face, has_public, has_instance, from, to)| {
        let interface = &world.faces[face];
        let (from, to) = (id_of(events, from), to.and_then(|to| id_of(events, to)));
        json!({
            "interface": interface.id, "private_address": interface.private, "public_address": interface.public.filter(|_| has_public),
            "ipv6_address": interface.v6, "instance": interface.instance.as_ref().filter(|_| has_instance), "from": from.map(|e| iso(e.time)), "to": to.map(|e| iso(e.time)),
            "from_event": from.map(|e| &e.id), "to_event": to.map(|e| &e.id),
        })
    });
    told.collect()
}
