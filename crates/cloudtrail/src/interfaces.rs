//! Rows of `interfaces`: what a call says of network interfaces, their addresses and whoever has them.
//!
//! Calls and their parameters after the Amazon EC2 and ECS API references, in the form in which CloudTrail records them.

use backtrail_model::calls::{action_name, service_of};
use backtrail_model::interfaces::{Observation, Says, describe_instance, describe_interface, list};
use backtrail_model::outcome::{Outcome, classify};
use serde_json::Value;

use crate::fields::F;
use crate::identity::hash_key;
use crate::output::Record;
use crate::rows::{Cell, Rows};

/// What a call's parameters and its answer say.
type Read = fn(&Value, &Value) -> Vec<Observation>;

/// Calls that say something of interfaces. One line each.
const CALLS: [(&str, &str, Read); 24] = [
    ("ec2", "RunInstances", launched),
    ("ec2", "CreateNetworkInterface", created),
    ("ec2", "AttachNetworkInterface", |asked, answer| {
        let attachment_id = text(answer, "attachmentId");
        vec![Observation { attachment_id, ..named(Says::Attached, asked) }]
    }),
    ("ec2", "DetachNetworkInterface", |asked, _| vec![named(Says::Detached, asked)]),
    ("ec2", "DeleteNetworkInterface", |asked, _| vec![named(Says::Deleted, asked)]),
    ("ec2", "AllocateAddress", |_, answer| vec![named(Says::Allocated, answer)]),
    ("ec2", "ReleaseAddress", |asked, _| vec![named(Says::Released, asked)]),
    ("ec2", "AssociateAddress", |asked, answer| {
        let association_id = text(answer, "associationId");
        vec![Observation { association_id, ..named(Says::Associated, asked) }]
    }),
    ("ec2", "DisassociateAddress", |asked, _| vec![named(Says::Disassociated, asked)]),
    ("ec2", "AssignPrivateIpAddresses", |asked, answer| assigned(Says::Assigned, asked, answer)),
    ("ec2", "UnassignPrivateIpAddresses", |asked, answer| assigned(Says::Unassigned, asked, answer)),
    ("ec2", "AssignIpv6Addresses", |asked, answer| assigned(Says::Assigned, asked, answer)),
    ("ec2", "UnassignIpv6Addresses", |asked, answer| assigned(Says::Unassigned, asked, answer)),
    ("ec2", "ModifyNetworkInterfaceAttribute", |asked, _| groups(asked)),
    ("ec2", "ModifyInstanceAttribute", |asked, _| groups(asked)),
    ("ec2", "TerminateInstances", |asked, answer| instances(Says::Terminated, asked, answer)),
    ("ec2", "StopInstances", |asked, answer| instances(Says::Stopped, asked, answer)),
    ("ec2", "CreateNatGateway", |asked, answer| gateway(Says::State, asked, answer)),
    ("ec2", "AssociateNatGatewayAddress", |asked, answer| gateway(Says::Associated, asked, answer)),
    ("ec2", "DeleteNatGateway", |asked, _| deleted(asked, "NatGatewayId")),
    ("ec2", "CreateVpcEndpoint", endpoint),
    ("ec2", "DeleteVpcEndpoints", |asked, _| deleted(asked, "VpcEndpointId")),
    ("ecs", "RunTask", tasks),
    ("ecs", "StartTask", tasks),
];

/// What a record says of interfaces. Nearly all records are let go by the name of their call.
pub(crate) fn observed(record: &Record<'_>) -> Vec<Observation> {
    let text = |field| record.text(field);
    let Some(name) = text(F::EventName) else { return Vec::new() };
    if !matches!(name.as_bytes().first(), Some(b'A' | b'C' | b'D' | b'M' | b'R' | b'S' | b'T' | b'U')) {
        return Vec::new();
    }
    let action = action_name(&name);
    let Some((service, _, read)) = CALLS.iter().find(|(_, call, _)| *call == action) else { return Vec::new() };
    let source = text(F::EventSource).unwrap_or_default();
    if service_of(&source) != *service {
        return Vec::new();
    }
    if record.ask_facts(classify) != Outcome::Ok {
        return Vec::new();
    }
    let parsed = |field| record.json_of(field).and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null);
    read(inner(&parsed(F::RequestParameters)), inner(&parsed(F::ResponseElements))).into_iter().filter(says_something).collect()
}

/// Parameters of some calls stand in an object named after the call.
fn inner(value: &Value) -> &Value {
    let object = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
    object.filter(|(key, _)| key.ends_with("Request") || key.ends_with("Response")).map_or(value, |(_, inner)| inner)
}

/// Whether it names anything that could be looked up.
fn says_something(told: &Observation) -> bool {
    let names = [
        &told.interface_id,
        &told.private_ip_address,
        &told.ipv6_address,
        &told.public_ip,
        &told.instance_id,
        &told.resource_id,
        &told.attachment_id,
        &told.allocation_id,
        &told.association_id,
    ];
    names.into_iter().any(Option::is_some)
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    list(value.get(key))
}

/// A text, by its name as EC2 or as a request in XML spells it (`natGatewayId`, `NatGatewayId`).
fn text(value: &Value, name: &str) -> Option<String> {
    let capital = || name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect::<String>();
    let found = value.get(name).or_else(|| value.get(capital()));
    found.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What names of interfaces, addresses and their ties an object has.
fn named(says: Says, object: &Value) -> Observation {
    Observation {
        interface_id: text(object, "networkInterfaceId"),
        instance_id: text(object, "instanceId"),
        private_ip_address: text(object, "privateIpAddress").or_else(|| text(object, "privateIp")),
        public_ip: text(object, "publicIp"),
        attachment_id: text(object, "attachmentId"),
        allocation_id: text(object, "allocationId"),
        association_id: text(object, "associationId"),
        ..Observation::that(says)
    }
}

/// The interfaces of new instances. One that EC2 made with its instance goes with it, unless the answer says otherwise.
fn launched(asked: &Value, answer: &Value) -> Vec<Observation> {
    let given: Vec<String> = items(asked, "networkInterfaceSet").filter_map(|item| text(item, "networkInterfaceId")).collect();
    let mut all: Vec<Observation> = items(answer, "instancesSet").flat_map(describe_instance).collect();
    for one in &mut all {
        let is_new = one.interface_id.as_ref().is_some_and(|id| !given.contains(id));
        one.delete_on_termination = one.delete_on_termination.or(is_new.then_some(true));
    }
    all
}

/// A new interface: what the answer leaves out is as it was asked for.
fn created(asked: &Value, answer: &Value) -> Vec<Observation> {
    let Some(made) = answer.get("networkInterface") else { return Vec::new() };
    let mut all = describe_interface(made, None);
    let Some(wanted) = describe_interface(asked, None).into_iter().next() else { return all };
    for one in &mut all {
        one.description = one.description.take().or_else(|| wanted.description.clone());
        one.resource_id = one.resource_id.take().or_else(|| wanted.resource_id.clone());
        one.groups = one.groups.take().filter(|groups| !groups.is_empty()).or_else(|| wanted.groups.clone());
        one.subnet_id = one.subnet_id.take().or_else(|| wanted.subnet_id.clone());
    }
    all
}

/// Further addresses: those asked for, and those that the answer gives.
fn assigned(says: Says, asked: &Value, answer: &Value) -> Vec<Observation> {
    const LISTS: [&str; 6] = [
        "privateIpAddressesSet",
        "privateIpAddress",
        "assignedPrivateIpAddressesSet",
        "ipv6Addresses",
        "assignedIpv6Addresses",
        "unassignedIpv6Addresses",
    ];
    let interface_id = text(asked, "networkInterfaceId");
    let mut addresses: Vec<String> = LISTS
        .iter()
        .flat_map(|key| items(asked, key).chain(items(answer, key)))
        .filter_map(|item| {
            item.as_str().map(str::to_owned).or_else(|| text(item, "privateIpAddress")).or_else(|| text(item, "ipv6Address"))
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let told = |address: String| {
        let base = Observation { interface_id: interface_id.clone(), ..Observation::that(says) };
        if address.contains(':') {
            Observation { ipv6_address: Some(address), ..base }
        } else {
            Observation { private_ip_address: Some(address), ..base }
        }
    };
    addresses.into_iter().map(told).collect()
}

/// The groups that an interface, or an instance's first one, has from here on.
fn groups(asked: &Value) -> Vec<Observation> {
    let Some(set) = asked.get("groupSet") else { return Vec::new() };
    let id = |item: &Value| text(item, "groupId").or_else(|| item.as_str().map(str::to_owned));
    let mut ids: Vec<String> = list(Some(set)).filter_map(id).collect();
    ids.sort_unstable();
    if ids.is_empty() { Vec::new() } else { vec![Observation { groups: Some(ids), ..named(Says::Groups, asked) }] }
}

/// The instances that a call ended or stopped: the answer has those that it did.
fn instances(says: Says, asked: &Value, answer: &Value) -> Vec<Observation> {
    let ids = |value: &Value| items(value, "instancesSet").filter_map(|item| text(item, "instanceId")).collect::<Vec<_>>();
    let told = Some(ids(answer)).filter(|ids| !ids.is_empty()).unwrap_or_else(|| ids(asked));
    told.into_iter().map(|id| Observation { instance_id: Some(id), ..Observation::that(says) }).collect()
}

/// The addresses of a NAT gateway.
fn gateway(says: Says, asked: &Value, answer: &Value) -> Vec<Observation> {
    let made = answer.get("natGateway").unwrap_or(answer);
    let base = Observation {
        resource_id: text(made, "natGatewayId").or_else(|| text(asked, "natGatewayId")),
        interface_type: Some("nat_gateway".to_owned()),
        vpc_id: text(made, "vpcId"),
        subnet_id: text(made, "subnetId").or_else(|| text(asked, "subnetId")),
        ..Observation::that(says)
    };
    let with = |address: &Value| {
        let told = named(says, address);
        Observation {
            interface_id: told.interface_id,
            private_ip_address: told.private_ip_address,
            public_ip: told.public_ip,
            allocation_id: told.allocation_id.or_else(|| text(asked, "allocationId")),
            association_id: told.association_id,
            ..base.clone()
        }
    };
    let all: Vec<Observation> = items(made, "natGatewayAddressSet").map(with).collect();
    if all.is_empty() { vec![with(asked)] } else { all }
}

/// What is gone, under one or several ids.
fn deleted(asked: &Value, key: &str) -> Vec<Observation> {
    let id = |item: &Value| item.as_str().map(str::to_owned).or_else(|| text(item, "content"));
    let gone = |id| Observation { resource_id: Some(id), ..Observation::that(Says::Deleted) };
    list(asked.get(key)).filter_map(id).map(gone).collect()
}

/// The interfaces of an endpoint.
fn endpoint(_: &Value, answer: &Value) -> Vec<Observation> {
    let Some(made) = answer.get("vpcEndpoint") else { return Vec::new() };
    let ids = items(made, "networkInterfaceIdSet").filter_map(|item| item.as_str().map(str::to_owned).or_else(|| text(item, "content")));
    let mut group_ids: Vec<String> = items(made, "groupSet").filter_map(|group| text(group, "groupId")).collect();
    group_ids.sort_unstable();
    let told = |id| Observation {
        interface_id: Some(id),
        resource_id: text(made, "vpcEndpointId"),
        interface_type: Some("vpc_endpoint".to_owned()),
        groups: (!group_ids.is_empty()).then(|| group_ids.clone()),
        vpc_id: text(made, "vpcId"),
        ..Observation::that(Says::State)
    };
    ids.map(told).collect()
}

/// The interfaces of tasks, where the answer has them already.
fn tasks(_: &Value, answer: &Value) -> Vec<Observation> {
    let attached = |task: &Value| {
        let resource_id = text(task, "taskArn");
        let told = move |attachment: &Value| {
            let detail = |name: &str| {
                let found = items(attachment, "details").find(|detail| text(detail, "name").as_deref() == Some(name));
                found.and_then(|detail| text(detail, "value"))
            };
            Observation {
                interface_id: detail("networkInterfaceId"),
                private_ip_address: detail("privateIPv4Address"),
                subnet_id: detail("subnetId"),
                resource_id: resource_id.clone(),
                ..Observation::that(Says::State)
            }
        };
        items(task, "attachments").map(told).filter(|told| told.interface_id.is_some()).collect::<Vec<_>>()
    };
    items(answer, "tasks").flat_map(attached).collect()
}

/// Adds the row of an observation.
pub(crate) fn add(rows: &mut Rows, record: &Record<'_>, told: &Observation, (time, evidence_id, date): (Option<i64>, &str, &str)) {
    let text = |field| record.text(field);
    let (name, event_id) = (text(F::EventName), text(F::EventId));
    let (account, region) = (text(F::RecipientAccountId), text(F::AwsRegion));
    let groups = told.groups.as_ref().and_then(|groups| serde_json::to_string(groups).ok());
    let key = hash_key(&told.stated());
    rows.end_row(
        0,
        &[
            Cell::Time(time),
            Cell::Text(crate::NAME),
            Cell::MaybeText(name.as_deref().map(action_name)),
            Cell::MaybeText(event_id.as_deref()),
            Cell::Text(told.says.as_str()),
            Cell::MaybeText(told.interface_id.as_deref()),
            Cell::MaybeText(told.private_ip_address.as_deref()),
            Cell::MaybeText(told.ipv6_address.as_deref()),
            Cell::MaybeText(told.public_ip.as_deref()),
            Cell::MaybeText(told.instance_id.as_deref()),
            Cell::MaybeText(told.resource_id.as_deref()),
            Cell::MaybeText(told.interface_type.as_deref()),
            Cell::MaybeText(told.description.as_deref()),
            Cell::MaybeText(groups.as_deref()),
            Cell::MaybeText(told.vpc_id.as_deref()),
            Cell::MaybeText(told.subnet_id.as_deref()),
            Cell::MaybeText(told.attachment_id.as_deref()),
            Cell::MaybeText(told.allocation_id.as_deref()),
            Cell::MaybeText(told.association_id.as_deref()),
            Cell::MaybeBool(told.delete_on_termination),
            Cell::MaybeText(told.owner_id.as_deref().or(account.as_deref())),
            Cell::MaybeText(region.as_deref()),
            Cell::Binary(&key),
            Cell::Text(evidence_id),
            Cell::Long(record.index),
            Cell::Text(date),
        ],
    );
    rows.bytes += 256;
}
