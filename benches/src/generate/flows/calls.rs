//! The calls that make the interfaces, open the door and close it, as EC2 has CloudTrail tell of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::traffic::OWN_CALLS;
use super::world::{CLOSED, HEIR, INTERFACE_LOG_UNTIL, JUMP, NAT, OPENED, SECOND, SEED, WEB, WORKER, World, hms};
use crate::generate::catalogue::{Call, call};
use crate::generate::clock::SLOT;
use crate::generate::estate::Person;
use crate::generate::identity::{BROWSER, CLI, Caller, Identity, SDKS, Session};
use crate::generate::random::{Random, mix};
use crate::generate::record::Draft;
use crate::generate::template::Scene;
use crate::generate::write::{key, write_gzip};

/// Role of all machines.
const ROLE: &str = "node-instance";
/// The two people: who keeps the place, and who opens the door.
const KEEPER: usize = 0;
const OPENER: usize = 4;
const EC2_XML: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DONE: &str = r#"{"requestId":"<guid>","_return":true}"#;

/// A call that was made.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) time: i64,
    pub(super) name: &'static str,
    /// Names it, for the truth to refer to.
    pub(super) label: &'static str,
    pub(super) who: String,
    pub(super) address: String,
    json: Vec<u8>,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
enum By {
    Person(usize),
    Machine(usize),
}

/// A call to be made: second of the day, caller, what the truth calls it, and the call.
type Step = (i64, By, &'static str, Call);

/// All of them, in order of time.
pub(super) fn events(world: &World) -> Vec<Event> {
    let mut steps = [addresses(world), machines(world), logs(world), door(world), succession(world), own(world), looks()].concat();
    steps.sort_by_key(|(at, ..)| *at);
    steps.iter().enumerate().map(|(n, step)| event(world, n as u64, step)).collect()
}

/// Writes them below a folder, as a trail delivers them: a file for each five minutes that had any. Returns how many files.
pub(super) fn write(root: &Path, world: &World, events: &[Event]) -> Result<usize> {
    let mut slots: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for event in events {
        slots.entry(event.time / SLOT * SLOT).or_default().push(std::str::from_utf8(&event.json)?);
    }
    let (organisation, account) = (&world.estate.organisation, &world.account().id);
    for (slot, records) in &slots {
        let path = root.join(key(organisation, account, "CloudTrail", world.region, slot + SLOT, mix(&[SEED, *slot as u64])));
        write_gzip(&path, format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes())?;
    }
    Ok(slots.len())
}

fn event(world: &World, number: u64, (at, by, label, call): &Step) -> Event {
    let (account, time) = (world.account(), world.day + at);
    let caller = caller(world, *by);
    let (who, address) = (caller.identity.label(), caller.address.clone().into_owned());
    let mut scene = Scene {
        estate: &world.estate,
        account_index: 0,
        account,
        place: &account.places[0],
        time,
        salt: mix(&[SEED, 0x5a17, number]),
        random: Random::seeded(&[SEED, 0x57e9, number]),
        names: None,
    };
    let id_seed = mix(&[SEED, 0x1d, number]);
    let draft = Draft { call, caller, fault: None, recipient: &account.id, id_seed, shared_seed: None, addendum: None };
    let mut json = Vec::new();
    draft.write(&mut json, &mut scene);
    Event { id: draft.meta(&scene).event_id, time, name: call.name, label, who, address, json }
}

fn caller(world: &World, by: By) -> Caller<'_> {
    let account = world.account();
    let key = |seed: u64| Random::seeded(&[SEED, 0x0ce7, seed]).credential("ASIA", &account.id, 20);
    match by {
        By::Person(number) => {
            let person: &Person = &account.people[number];
            let mut session = Session::new(&account.id, &person.role, person.name.as_str(), key(number as u64), world.day + hms(8, 31, 40));
            session.on_behalf_of = Some((person, &world.estate));
            let from_console = number == OPENER;
            let agent = if from_console { BROWSER } else { CLI };
            called(Identity::Role(session), &person.address, agent, from_console)
        }
        By::Machine(face) => {
            let machine = &world.faces[face];
            let name = machine.instance.as_deref().unwrap_or_default();
            // Such credentials last for six hours: all calls are made with those issued at the start.
            let created = world.day + if face == HEIR { hms(11, 16, 20) } else { hms(9, 2, 41) };
            let mut session = Session::new(&account.id, account.role(ROLE), name, key(100 + face as u64), created);
            session.from_instance = true;
            called(Identity::Role(session), machine.public.or(world.faces[NAT].public).unwrap_or_default(), SDKS[face % 3], false)
        }
    }
}

fn called<'a>(identity: Identity<'a>, address: &'a str, agent: &'a str, from_console: bool) -> Caller<'a> {
    let (address, agent) = (Cow::Borrowed(address), Cow::Borrowed(agent));
    Caller { identity, address, agent, by_service: false, from_console, endpoint: None }
}

fn ec2(name: &'static str, request: &str, response: &str) -> Call {
    call("ec2", name, 0, &[]).writes().request(request).response(response)
}

/// Public addresses, and the gateway that uses one.
fn addresses(world: &World) -> Vec<Step> {
    let region = world.region;
    let allocate = |at, label, number: usize, face: usize| {
        let (allocation, address) = (&world.allocations[number], world.faces[face].public.unwrap_or_default());
        let response = format!(
            r#"{{"requestId":"<guid>","publicIp":"{address}","allocationId":"{allocation}","publicIpv4Pool":"amazon","networkBorderGroup":"{region}","domain":"vpc"}}"#
        );
        let request = format!(r#"{{"domain":"vpc","networkBorderGroup":"{region}"}}"#);
        (at, By::Person(KEEPER), label, ec2("AllocateAddress", &request, &response))
    };
    let nat = &world.faces[NAT];
    let (gateway, vpc, subnet, allocation) = (&world.gateway, &world.vpc, &nat.subnet, &world.allocations[0]);
    let (interface, association, private, public) = (&nat.id, &world.associations[0], nat.private, nat.public.unwrap_or_default());
    let request = format!(
        r#"{{"CreateNatGatewayRequest":{{"AllocationId":"{allocation}","SubnetId":"{subnet}","ConnectivityType":"public","ClientToken":"<guid>"}}}}"#
    );
    let response = format!(
        r#"{{"CreateNatGatewayResponse":{{"xmlns":"{EC2_XML}","requestId":"<guid>","clientToken":"<guid>","natGateway":{{"natGatewayId":"{gateway}","vpcId":"{vpc}","subnetId":"{subnet}","state":"pending","connectivityType":"public","createTime":"<time>","natGatewayAddressSet":{{"item":{{"allocationId":"{allocation}","associationId":"{association}","networkInterfaceId":"{interface}","privateIp":"{private}","publicIp":"{public}","isPrimary":true,"status":"associating"}}}}}}}}}}"#
    );
    vec![
        allocate(hms(9, 0, 4), "allocate-nat", 0, NAT),
        (hms(9, 0, 31), By::Person(KEEPER), "create-nat", ec2("CreateNatGateway", &request, &response)),
        allocate(hms(9, 1, 40), "allocate-jump", 1, JUMP),
        associate(world, hms(9, 1, 58), "associate-jump", 1, 1, Some(JUMP)),
        allocate(hms(9, 2, 15), "allocate-web", 2, WEB),
        associate(world, hms(9, 2, 33), "associate-web", 2, 2, None),
    ]
}

/// By the instance, or by the web server's interface.
fn associate(world: &World, at: i64, label: &'static str, address: usize, association: usize, face: Option<usize>) -> Step {
    let allocation = &world.allocations[address];
    let to = match face.and_then(|face| world.faces[face].instance.as_ref()) {
        Some(instance) => format!(r#""instanceId":"{instance}""#),
        None => format!(r#""networkInterfaceId":"{}","allowReassociation":false"#, world.faces[WEB].id),
    };
    let request = format!(r#"{{"allocationId":"{allocation}",{to}}}"#);
    let response = format!(r#"{{"requestId":"<guid>","_return":true,"associationId":"{}"}}"#, world.associations[association]);
    (at, By::Person(KEEPER), label, ec2("AssociateAddress", &request, &response))
}

fn machines(world: &World) -> Vec<Step> {
    let run = |at, label, faces: &[usize], name, extra: &str| (at, By::Person(KEEPER), label, run_instances(world, at, faces, name, extra));
    vec![
        run(hms(9, 0, 52), "run-jump", &[JUMP], "jump", ""),
        run(hms(9, 1, 4), "run-web", &[WEB], "web", ""),
        run(hms(9, 1, 22), "run-workers", &[WORKER, SECOND], "workers", ""),
        // Whoever says which address a machine is to have gets it, once it is free.
        run(hms(11, 15, 2), "run-heir", &[HEIR], "web", r#","privateIpAddress":"10.20.1.26""#),
    ]
}

/// One call for some machines of a kind.
fn run_instances(world: &World, at: i64, faces: &[usize], name: &str, extra: &str) -> Call {
    let first = &world.faces[faces[0]];
    let (image, count, subnet, group) = (&world.image, faces.len(), &first.subnet, &first.group);
    let request = format!(
        r#"{{"instancesSet":{{"items":[{{"imageId":"{image}","minCount":{count},"maxCount":{count},"keyName":"ops"}}]}},"instanceType":"m7g.large","blockDeviceMapping":{{}},"monitoring":{{"enabled":false}},"disableApiTermination":false,"disableApiStop":false,"clientToken":"<guid>","networkInterfaceSet":{{"items":[{{"deviceIndex":0,"subnetId":"{subnet}","deleteOnTermination":false{extra},"groupSet":{{"items":[{{"groupId":"{group}"}}]}}}}]}},"iamInstanceProfile":{{"name":"{ROLE}"}}}}"#
    );
    let launched = (world.day + at) * 1000;
    let items: Vec<String> = faces.iter().enumerate().map(|(index, face)| launched_item(world, *face, index, launched, name)).collect();
    let response = format!(
        r#"{{"requestId":"<guid>","reservationId":"r-0<hex:16>","ownerId":"<account>","groupSet":{{}},"instancesSet":{{"items":[{}]}}}}"#,
        items.join(",")
    );
    ec2("RunInstances", &request, &response)
}

/// A machine as EC2 answers, with its interface.
fn launched_item(world: &World, face: usize, index: usize, launched: i64, name: &str) -> String {
    let machine = &world.faces[face];
    let (id, subnet, group, private) = (machine.instance.as_deref().unwrap_or_default(), &machine.subnet, &machine.group, machine.private);
    let (interface, vpc, image, region) = (&machine.id, &world.vpc, &world.image, world.region);
    let host = format!("ip-{}.{region}.compute.internal", private.replace('.', "-"));
    let groups = format!(r#""groupSet":{{"items":[{{"groupId":"{group}","groupName":"{name}"}}]}}"#);
    let v6 = machine.v6.map_or_else(String::new, |address| format!(r#""items":[{{"ipv6Address":"{address}"}}]"#));
    let network = format!(
        r#""networkInterfaceSet":{{"items":[{{"networkInterfaceId":"{interface}","subnetId":"{subnet}","vpcId":"{vpc}","ownerId":"<account>","status":"in-use","macAddress":"02:<number:90>:5f:0c:11:0{face}","privateIpAddress":"{private}","privateDnsName":"{host}","sourceDestCheck":true,"interfaceType":"interface","ipv6AddressesSet":{{{v6}}},{groups},"attachment":{{"attachmentId":"eni-attach-0<hex:16>","deviceIndex":0,"networkCardIndex":0,"status":"attaching","attachTime":{launched},"deleteOnTermination":false}},"privateIpAddressesSet":{{"item":[{{"privateIpAddress":"{private}","privateDnsName":"{host}","primary":true}}]}},"tagSet":{{}}}}]}}"#
    );
    format!(
        r#"{{"instanceId":"{id}","imageId":"{image}","currentState":{{"code":0,"name":"pending"}},"privateDnsName":"{host}","keyName":"ops","amiLaunchIndex":{index},"productCodes":{{}},"instanceType":"m7g.large","launchTime":{launched},"placement":{{"availabilityZone":"{region}b","tenancy":"default"}},"monitoring":{{"state":"disabled"}},"subnetId":"{subnet}","vpcId":"{vpc}","privateIpAddress":"{private}","stateReason":{{"code":"pending","message":"pending"}},"architecture":"arm64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","blockDeviceMapping":{{}},"virtualizationType":"hvm","hypervisor":"xen","tagSet":{{}},{groups},"sourceDestCheck":true,{network},"ebsOptimized":false,"metadataOptions":{{"state":"pending","httpTokens":"required","httpPutResponseHopLimit":2,"httpEndpoint":"enabled"}}}}"#
    )
}

/// The two flow logs, and the end of one.
fn logs(world: &World) -> Vec<Step> {
    let format: Vec<String> = super::line::FIELDS.iter().map(|field| format!("${{{field}}}")).collect();
    let create = |at, label, resource: &str, kind: &str, format: String, log: &str| {
        let request = format!(
            r#"{{"CreateFlowLogsRequest":{{"ResourceId":{{"tag":1,"content":"{resource}"}},"ResourceType":"{kind}","TrafficType":"ALL","LogDestinationType":"s3","LogDestination":"arn:aws:s3:::acme-flow-logs-<account>","MaxAggregationInterval":60{format},"ClientToken":"<guid>"}}}}"#
        );
        let response = format!(
            r#"{{"CreateFlowLogsResponse":{{"xmlns":"{EC2_XML}","requestId":"<guid>","clientToken":"<guid>","flowLogIdSet":{{"item":"{log}"}},"unsuccessful":""}}}}"#
        );
        (at, By::Person(KEEPER), label, ec2("CreateFlowLogs", &request, &response))
    };
    let custom = format!(r#","LogFormat":"{}""#, format.join(" "));
    let request = format!(r#"{{"DeleteFlowLogsRequest":{{"FlowLogId":{{"tag":1,"content":"{}"}}}}}}"#, world.interface_log);
    let response = format!(r#"{{"DeleteFlowLogsResponse":{{"xmlns":"{EC2_XML}","requestId":"<guid>","unsuccessful":""}}}}"#);
    vec![
        create(hms(9, 3, 20), "log-vpc", &world.vpc, "VPC", custom, &world.vpc_log),
        create(hms(9, 4, 10), "log-interface", &world.faces[JUMP].id, "NetworkInterface", String::new(), &world.interface_log),
        (INTERFACE_LOG_UNTIL, By::Person(OPENER), "unlog-interface", ec2("DeleteFlowLogs", &request, &response)),
    ]
}

/// Somebody lets the world in by SSH; somebody else takes it back.
fn door(world: &World) -> Vec<Step> {
    let (group, rule) = (&world.faces[JUMP].group, &world.rule);
    let permission = r#"{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}"#;
    let request = format!(r#"{{"groupId":"{group}","ipPermissions":{permission}}}"#);
    let opened = format!(
        r#"{{"requestId":"<guid>","_return":true,"securityGroupRuleSet":{{"items":[{{"groupOwnerId":"<account>","groupId":"{group}","securityGroupRuleId":"{rule}","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}}]}}}}"#
    );
    let closed = format!(
        r#"{{"requestId":"<guid>","_return":true,"unknownIpPermissionSet":{{}},"revokedSecurityGroupRuleSet":{{"items":[{{"securityGroupRuleId":"{rule}","groupId":"{group}","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}}]}}}}"#
    );
    vec![
        (OPENED, By::Person(OPENER), "open", ec2("AuthorizeSecurityGroupIngress", &request, &opened)),
        (CLOSED, By::Person(KEEPER), "close", ec2("RevokeSecurityGroupIngress", &request, &closed)),
    ]
}

/// The web server goes, and another machine gets its addresses.
fn succession(world: &World) -> Vec<Step> {
    let web = &world.faces[WEB];
    let instance = web.instance.as_deref().unwrap_or_default();
    let terminate = ec2(
        "TerminateInstances",
        &format!(r#"{{"instancesSet":{{"items":[{{"instanceId":"{instance}"}}]}}}}"#),
        &format!(
            r#"{{"requestId":"<guid>","instancesSet":{{"items":[{{"instanceId":"{instance}","currentState":{{"code":32,"name":"shutting-down"}},"previousState":{{"code":16,"name":"running"}}}}]}}}}"#
        ),
    );
    let release = format!(r#"{{"associationId":"{}"}}"#, world.associations[2]);
    let delete = format!(r#"{{"networkInterfaceId":"{}"}}"#, web.id);
    vec![
        (hms(11, 5, 10), By::Person(KEEPER), "disassociate-web", ec2("DisassociateAddress", &release, DONE)),
        (hms(11, 5, 40), By::Person(KEEPER), "terminate-web", terminate),
        (hms(11, 8, 20), By::Person(KEEPER), "delete-web-interface", ec2("DeleteNetworkInterface", &delete, DONE)),
        associate(world, hms(11, 15, 50), "associate-heir", 2, 3, Some(HEIR)),
    ]
}

/// What the machines themselves ask of AWS.
fn own(world: &World) -> Vec<Step> {
    OWN_CALLS
        .iter()
        .map(|(face, at, service)| {
            let call = match (*service, *face) {
                ("S3", _) => call("s3", "ListBuckets", 0, &[]).request(r#"{"Host":"s3.eu-central-1.amazonaws.com"}"#),
                (_, JUMP) => call("sts", "GetCallerIdentity", 0, &[]),
                _ => {
                    let id = world.faces[*face].instance.as_deref().unwrap_or_default();
                    let request =
                        format!(r#"{{"instanceId":"{id}","agentName":"amazon-ssm-agent","agentStatus":"Active","platformType":"Linux"}}"#);
                    call("ssm", "UpdateInstanceInformation", 0, &[]).writes().request(&request)
                }
            };
            (*at, By::Machine(*face), "own-call", call)
        })
        .collect()
}

/// Somebody looks before acting.
fn looks() -> Vec<Step> {
    let look = |at, who, name| (at, By::Person(who), "", call("ec2", name, 0, &[]).request("{}"));
    vec![
        look(hms(9, 3, 2), KEEPER, "DescribeVpcs"),
        look(hms(10, 11, 58), OPENER, "DescribeSecurityGroups"),
        look(hms(10, 52, 16), KEEPER, "DescribeSecurityGroups"),
        look(hms(10, 53, 41), KEEPER, "DescribeSecurityGroupRules"),
        look(hms(11, 4, 12), KEEPER, "DescribeInstances"),
        look(hms(11, 48, 30), OPENER, "DescribeFlowLogs"),
    ]
}
