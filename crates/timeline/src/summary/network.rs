//! Network commands, to the rule.

mod dns;
mod entry;
mod group;
mod managed;
mod part;
mod prefix_list;

use super::{Call, Summary, some_of, words};

pub(super) use dns::dns;
pub(super) use managed::{eks, lightsail};

pub(super) fn tell(call: &Call<'_>) -> Option<Summary> {
    match call.action {
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" | "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => {
            Some(group::rules_changed(call))
        }
        "ModifySecurityGroupRules" => Some(group::rules_modified(call)),
        "CreateSecurityGroup" => Some(words("created", "create", group::created(call))),
        "CreateNetworkAclEntry" | "ReplaceNetworkAclEntry" | "DeleteNetworkAclEntry" => Some(entry::acl_entry(call)),
        "CreateRoute" | "ReplaceRoute" | "DeleteRoute" => Some(entry::route(call)),
        "ModifyInstanceAttribute" | "ModifyNetworkInterfaceAttribute" => attribute(call),
        _ => prefix_list::tell(call).or_else(|| gateway(call)).or_else(|| part::tell(call)),
    }
}

fn attribute(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let target = r.any(&["networkInterfaceId", "instanceId"])?;
    let groups = r.texts("groupSet", "groupId");
    if !groups.is_empty() {
        return Some(words("put", "put", format!("{target} into {}", some_of(&groups))));
    }
    let check = r.text("sourceDestCheck")?;
    Some(switched(&check, format!("the source/destination check of {target}")))
}

/// What was set to a flag.
fn switched(flag: &str, what: String) -> Summary {
    if flag == "false" { words("turned off", "turn off", what) } else { words("turned on", "turn on", what) }
}

/// The id of what the answer says was made, behind a blank.
fn made(call: &Call<'_>, list: &str, key: &str) -> String {
    call.response.get(list).and_then(|v| v.text(key)).map(|id| format!(" {id}")).unwrap_or_default()
}

fn gateway(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    let made = |list: &str, key: &str| made(call, list, key);
    Some(match call.action {
        "AttachInternetGateway" => words("attached", "attach", format!("internet gateway {} to {}", of("internetGatewayId"), of("vpcId"))),
        "DetachInternetGateway" => {
            words("detached", "detach", format!("internet gateway {} from {}", of("internetGatewayId"), of("vpcId")))
        }
        "CreateInternetGateway" => words("created", "create", format!("internet gateway{}", made("internetGateway", "internetGatewayId"))),
        "CreateNatGateway" => {
            words("created", "create", format!("NAT gateway{} in {}", made("natGateway", "natGatewayId"), of("subnetId")))
        }
        "DeleteNatGateway" => words("deleted", "delete", format!("NAT gateway {}", of("natGatewayId"))),
        "AssociateAddress" => {
            let address = r.any(&["publicIp", "allocationId"]).unwrap_or_else(|| "an address".to_owned());
            let machine = r.any(&["instanceId", "networkInterfaceId"]).unwrap_or_else(|| "?".to_owned());
            words("gave", "give", format!("public address {address} to {machine}"))
        }
        "AllocateAddress" => {
            let address = call.response.any(&["publicIp", "allocationId"]).map(|a| format!(" {a}")).unwrap_or_default();
            words("allocated", "allocate", format!("a public address{address}"))
        }
        "CreateVpcPeeringConnection" => {
            let owner = r.text("peerOwnerId").map(|o| format!(" of account {o}")).unwrap_or_default();
            words("asked to peer", "peer", format!("{} with {}{owner}", of("vpcId"), of("peerVpcId")))
        }
        "AcceptVpcPeeringConnection" => words("accepted", "accept", format!("peering {}", of("vpcPeeringConnectionId"))),
        "CreateVpcEndpoint" => words(
            "created",
            "create",
            format!("endpoint{} to {} in {}", made("vpcEndpoint", "vpcEndpointId"), of("serviceName"), of("vpcId")),
        ),
        "CreateVpc" => words("created", "create", format!("VPC{} {}", made("vpc", "vpcId"), of("cidrBlock"))),
        "CreateSubnet" => {
            words("created", "create", format!("subnet{} {} in {}", made("subnet", "subnetId"), of("cidrBlock"), of("vpcId")))
        }
        "DeleteSecurityGroup" => words("deleted", "delete", format!("security group {}", group::named(call))),
        "DeleteNetworkAcl" => words("deleted", "delete", format!("network ACL {}", of("networkAclId"))),
        "DeleteFlowLogs" => {
            let ids = r.texts("FlowLogId", "content");
            words("deleted", "delete", format!("flow logs {}", some_of(&ids)))
        }
        "CreateFlowLogs" => {
            let of_what = r.texts("ResourceId", "content");
            words("started", "start", format!("flow logs of {}", some_of(&of_what)))
        }
        _ => return None,
    })
}
