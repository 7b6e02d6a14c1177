//! The same records by other routes, and flow logs of other forms: one small file of each.

use std::path::Path;

use anyhow::Result;
use libdeflater::CompressionLvl;
use serde_json::{Value, json};

use super::files::{self, Log};
use super::line::{Layout, Row};
use super::world::{JUMP, PEER, SEED, World, hms};
use crate::generate::clock::{self, SLOT};
use crate::generate::random::Random;
use crate::generate::write::{gzip, gzip_at, write_file, write_gzip};

/// The five minutes that are told again, and those after them.
const SLOT_TOLD: i64 = hms(10, 10, 0);
const GROUP: &str = "/vpc/flow-logs/jump";

const README: &str = "The same flow records as in ../flows, as they come by other routes, and flow logs of other forms. What is in each file: ../flows.truth.json, `routes`.\n\nMade by a generator: accounts, addresses and interfaces do not exist.\n";

/// A custom order, with a field nobody knows.
const PERMUTED: [&str; 18] = [
    "log-status",
    "interface-id",
    "end",
    "start",
    "dstaddr",
    "srcaddr",
    "dstport",
    "srcport",
    "future-field",
    "bytes",
    "packets",
    "protocol",
    "action",
    "flow-direction",
    "tcp-flags",
    "account-id",
    "vpc-id",
    "version",
];
/// What a file without a header has; nothing in it says so.
const HEADERLESS: [&str; 11] =
    ["interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "bytes", "packets", "start", "end", "action"];
const TRANSIT: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region flow-direction pkt-src-aws-service pkt-dst-aws-service";

/// Writes them all below a folder; returns what is in each.
pub(super) fn write(root: &Path, world: &World, [of_vpc, of_interface]: &[Log<'_>; 2]) -> Result<Value> {
    write_file(&root.join("README.txt"), README.as_bytes())?;
    let rows = |log: &Log<'_>, slots: &[i64]| slots.iter().map(|slot| log.slot(*slot).count()).sum::<usize>();
    let both = [SLOT_TOLD, SLOT_TOLD + SLOT];
    let mut told = serde_json::Map::new();

    write_file(&root.join("renamed.log.gz"), &gzip_at(CompressionLvl::best(), of_vpc.text(world, SLOT_TOLD).as_bytes()))?;
    let original = files::path(world, of_vpc.id, SLOT_TOLD);
    told.insert(
        "renamed.log.gz".to_owned(),
        json!({ "what": "a file of the VPC's flow log, compressed otherwise, its name without the flow log's id", "rows": rows(of_vpc, &[SLOT_TOLD]), "same_content_as": original }),
    );

    let export = export(root, world, of_interface, &both)?;
    told.insert(
        export,
        json!({ "what": "a CloudWatch Logs export: an instant before each line, no header", "rows": rows(of_interface, &both), "records_of": of_interface.id }),
    );
    write_file(&root.join("subscription.gz"), &subscription(world, of_interface)?)?;
    told.insert(
        "subscription.gz".to_owned(),
        json!({ "what": "a CloudWatch Logs subscription: a control message, then a payload, a gzip member each", "rows": rows(of_interface, &both[..1]), "control_messages": 1, "records_of": of_interface.id }),
    );
    write_file(&root.join("firehose.json"), firehose(world, of_interface, both[1]).as_bytes())?;
    told.insert(
        "firehose.json".to_owned(),
        json!({ "what": "Firehose: a JSON document with the line in each line", "rows": rows(of_interface, &both[1..]), "records_of": of_interface.id }),
    );
    transit(root, world, &mut told)?;
    custom(root, world, of_vpc, &mut told)?;
    Ok(Value::Object(told))
}

/// What CloudWatch Logs writes to a bucket; returns the file's path.
fn export(root: &Path, world: &World, log: &Log<'_>, slots: &[i64]) -> Result<String> {
    let task = Random::seeded(&[SEED, 0xe49]).text(|r, o| r.push_guid(o));
    let path = format!("cloudwatch-export/{task}/{}-all/000000.gz", world.faces[JUMP].id);
    let mut text = String::new();
    for row in slots.iter().flat_map(|slot| log.slot(*slot)) {
        let instant = clock::iso(world.day + row.start).replace('Z', ".000Z");
        text.push_str(&format!("{instant} {}\n", log.layout.line(world, row)));
    }
    write_gzip(&root.join(&path), text.as_bytes())?;
    Ok(path)
}

/// What a subscription delivers.
fn subscription(world: &World, log: &Log<'_>) -> Result<Vec<u8>> {
    let mut random = Random::seeded(&[SEED, 0x50b5]);
    let mut id = |n: usize| format!("3931{:052}", random.next() as u128 * 1_000 + n as u128);
    let events: Vec<Value> = log
        .slot(SLOT_TOLD)
        .enumerate()
        .map(|(n, row)| json!({ "id": id(n), "timestamp": (world.day + row.start) * 1000, "message": log.layout.line(world, row) }))
        .collect();
    let control = json!({
        "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "", "subscriptionFilters": [],
        "logEvents": [{ "id": "", "timestamp": (world.day + SLOT_TOLD) * 1000, "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose." }],
    });
    let data = json!({
        "messageType": "DATA_MESSAGE", "owner": world.account().id, "logGroup": GROUP, "logStream": format!("{}-all", world.faces[JUMP].id),
        "subscriptionFilters": ["all-flows"], "logEvents": events,
    });
    Ok([gzip(&serde_json::to_vec(&control)?), gzip(&serde_json::to_vec(&data)?)].concat())
}

fn firehose(world: &World, log: &Log<'_>, slot: i64) -> String {
    log.slot(slot).map(|row| format!("{}\n", json!({ "message": log.layout.line(world, row) }))).collect()
}

/// A transit gateway's own flow log: version 6, no action, no interface.
fn transit(root: &Path, world: &World, told: &mut serde_json::Map<String, Value>) -> Result<()> {
    let mut random = Random::seeded(&[SEED, 0x79_0e]);
    let mut id = |prefix: &str| format!("{prefix}-0{}", random.text(|r, o| r.push_hex(o, 16)));
    let (gateway, here, there, vpc, subnet, interface, log) =
        (id("tgw"), id("tgw-attach"), id("tgw-attach"), id("vpc"), id("subnet"), id("eni"), id("fl"));
    let (account, region, own_vpc) = (&world.account().id, world.region, &world.vpc);
    let own_subnet = &world.faces[super::world::WORKER].subnet;
    let own_interface = id("eni");
    let mut text = format!("{TRANSIT}\n");
    let (mut bytes, lines) = (0, 12);
    for line in 0..lines {
        let start = world.day + SLOT_TOLD + line * 20;
        let (packets, size) = (3 + line, (3 + line) * 211);
        let (lost, port) = (i64::from(line % 4 == 3) * 2, 41_000 + line);
        text.push_str(&format!(
            "6 TransitGateway {account} {gateway} {here} {account} {account} {own_vpc} {vpc} {own_subnet} {subnet} {own_interface} {interface} euc1-az2 euc1-az3 {there} 10.20.2.30 10.40.8.9 {port} 5432 6 {packets} {size} {start} {} OK IPv4 {lost} 0 0 0 24 {region} {} - -\n",
            start + 14,
            if line % 2 == 0 { "ingress" } else { "egress" }
        ));
        bytes += size;
    }
    let start = world.day + SLOT_TOLD + 240;
    text.push_str(&format!(
        "6 TransitGateway {account} {gateway} {here}{} {start} {} NODATA{}\n",
        " -".repeat(18),
        start + 59,
        " -".repeat(10)
    ));
    let path = files::path(world, &log, SLOT_TOLD);
    write_gzip(&root.join(&path), text.as_bytes())?;
    told.insert(
        path.to_string_lossy().into_owned(),
        json!({ "what": "a transit gateway's flow log (version 6)", "flow_log_id": log, "rows": lines + 1, "by_log_status": { "OK": lines, "NODATA": 1 }, "bytes": bytes, "resource": gateway }),
    );
    Ok(())
}

/// Formats somebody chose: one that says so in its header, one that does not.
fn custom(root: &Path, world: &World, log: &Log<'_>, told: &mut serde_json::Map<String, Value>) -> Result<()> {
    let of_peer = |row: &&Row| {
        let with_peer = |flow: &super::line::Flow| flow.source.address == PEER || flow.target.address == PEER;
        row.face == Some(JUMP) && row.flow().is_some_and(with_peer)
    };
    let rows: Vec<&Row> = log.slot(SLOT_TOLD).filter(of_peer).collect();
    let permuted = Layout { version: 12, fields: PERMUTED.to_vec() };
    let future = |line: String, n: usize| {
        let values: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let named = permuted.fields.iter().zip(values);
        named.map(|(field, value)| if *field == "future-field" { format!("tomorrow-{n}") } else { value }).collect::<Vec<_>>().join(" ")
    };
    let lines = rows.iter().enumerate().map(|(n, row)| future(permuted.line(world, row), n));
    let text: String = std::iter::once(permuted.header()).chain(lines).map(|line| line + "\n").collect();
    write_gzip(&root.join("permuted.log.gz"), text.as_bytes())?;
    let bytes: u64 = rows.iter().filter_map(|row| row.flow()).map(|flow| flow.bytes).sum();
    told.insert(
        "permuted.log.gz".to_owned(),
        json!({ "what": "a header in another order, with a field that nobody knows", "rows": rows.len(), "bytes": bytes, "unknown_field": "future-field", "unknown_values": (0..rows.len()).map(|n| format!("tomorrow-{n}")).collect::<Vec<_>>() }),
    );
    let headerless = Layout { version: 2, fields: HEADERLESS.to_vec() };
    let text: String = rows.iter().map(|row| headerless.line(world, row) + "\n").collect();
    write_gzip(&root.join("headerless.log.gz"), text.as_bytes())?;
    let format: Vec<String> = HEADERLESS.iter().map(|field| format!("${{{field}}}")).collect();
    told.insert(
        "headerless.log.gz".to_owned(),
        json!({ "what": "no header, and not the default format: nothing says what its columns are", "rows": rows.len(), "bytes": bytes, "format": format.join(" ") }),
    );
    Ok(())
}
