//! Calls on the parts of a network that change no rule: what was made, deleted, attached, by its id (Amazon EC2 API reference).

use super::super::{Call, Summary, some_of, words};
use super::{made, switched};

/// Calls that delete one thing: what it is, and the parameter that names it.
const DELETED: &[(&str, &str, &str)] = &[
    ("DeleteCarrierGateway", "carrier gateway", "carrierGatewayId"),
    ("DeleteEgressOnlyInternetGateway", "egress-only internet gateway", "egressOnlyInternetGatewayId"),
    ("DeleteInternetGateway", "internet gateway", "internetGatewayId"),
    ("DeleteNetworkInterface", "network interface", "networkInterfaceId"),
    ("DeleteRouteTable", "route table", "routeTableId"),
    ("DeleteSubnet", "subnet", "subnetId"),
    ("DeleteVpc", "VPC", "vpcId"),
    ("DeleteVpcPeeringConnection", "peering", "vpcPeeringConnectionId"),
    ("DeleteVpnConnection", "VPN connection", "vpnConnectionId"),
    ("DeleteVpnGateway", "VPN gateway", "vpnGatewayId"),
];

pub(super) fn tell(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    if let Some((_, what, key)) = DELETED.iter().find(|(action, ..)| *action == call.action) {
        return Some(words("deleted", "delete", format!("{what} {}", r.text(key)?)));
    }
    Some(match call.action {
        "ReleaseAddress" => words("released", "release", format!("public address {}", r.any(&["publicIp", "allocationId"])?)),
        "DisassociateAddress" => words("took away", "take away", format!("public address {}", r.any(&["publicIp", "associationId"])?)),
        "CreateNetworkInterface" => {
            let groups = r.texts("groupSet", "groupId");
            let behind = if groups.is_empty() { String::new() } else { format!(" behind {}", some_of(&groups)) };
            let interface = made(call, "networkInterface", "networkInterfaceId");
            words("created", "create", format!("network interface{interface} in {}{behind}", r.text("subnetId")?))
        }
        "AttachNetworkInterface" => {
            words("attached", "attach", format!("network interface {} to {}", r.text("networkInterfaceId")?, r.text("instanceId")?))
        }
        "DetachNetworkInterface" => words("detached", "detach", format!("a network interface ({})", r.text("attachmentId")?)),
        "CreateRouteTable" => {
            words("created", "create", format!("route table{} in {}", made(call, "routeTable", "routeTableId"), r.text("vpcId")?))
        }
        "AssociateRouteTable" => {
            let of = r.any(&["subnetId", "gatewayId"])?;
            words("gave", "give", format!("route table {} to {of}", r.text("routeTableId")?))
        }
        "DeleteVpcEndpoints" => {
            let ids = [r.texts("VpcEndpointId", "content"), r.texts("vpcEndpointIdSet", "vpcEndpointId")].concat();
            words("deleted", "delete", format!("endpoints {}", some_of(Some(&ids).filter(|ids| !ids.is_empty())?)))
        }
        "ModifyVpcAttribute" => setting(call, "vpcId", &["enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics"])?,
        "ModifySubnetAttribute" => {
            setting(call, "subnetId", &["mapPublicIpOnLaunch", "assignIpv6AddressOnCreation", "mapCustomerOwnedIpOnLaunch"])?
        }
        _ => return None,
    })
}

/// A setting that is turned on or off: `{"mapPublicIpOnLaunch": {"value": true}}`, or the value itself.
fn setting(call: &Call<'_>, target: &str, settings: &[&str]) -> Option<Summary> {
    let r = call.request;
    let value = |name: &str| r.get(name).and_then(|set| set.text("value")).or_else(|| r.text(name));
    let (name, value) = settings.iter().find_map(|name| Some((*name, value(name)?)))?;
    Some(switched(&value, format!("{name} of {}", r.text(target)?)))
}
