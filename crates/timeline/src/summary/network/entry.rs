//! Entries of network ACLs, and routes.

use crate::summary::rule::{Rule, is_everywhere, ports, protocol};
use crate::summary::{Call, Summary, words};

pub(super) fn acl_entry(call: &Call<'_>) -> Summary {
    let r = call.request;
    let target = r.text("networkAclId").unwrap_or_else(|| "a network ACL".to_owned());
    let direction = if r.text("egress").as_deref() == Some("true") { "egress" } else { "ingress" };
    let number = r.text("ruleNumber");
    let told_number = number.as_ref().map(|n| format!(", rule {n}")).unwrap_or_default();
    let place = Rule {
        action: "remove",
        direction: Some(direction),
        number: number.and_then(|n| n.parse().ok()),
        target: Some(target.clone()),
        ..Rule::default()
    };
    if call.action.starts_with("Delete") {
        return Summary { rules: vec![place], ..words("removed", "remove", format!("{direction}{told_number} of {target}")) };
    }
    let peer = r.any(&["cidrBlock", "ipv6CidrBlock"]);
    let protocol = protocol(r.any(&["aclProtocol", "protocol"]));
    let rule = Rule {
        action: if r.text("ruleAction").as_deref() == Some("deny") { "deny" } else { "allow" },
        ports: ports(r, protocol.as_deref()),
        protocol,
        public: peer.as_deref().is_some_and(is_everywhere),
        peer,
        ..place
    };
    let rest = format!("{direction} {}{told_number} on {target}", rule.traffic());
    let told = if rule.action == "deny" { words("denied", "deny", rest) } else { words("allowed", "allow", rest) };
    Summary { rules: vec![rule], ..told }
}

/// Where a route may lead.
const HOPS: [&str; 11] = [
    "gatewayId",
    "natGatewayId",
    "transitGatewayId",
    "vpcPeeringConnectionId",
    "networkInterfaceId",
    "instanceId",
    "egressOnlyInternetGatewayId",
    "vpcEndpointId",
    "localGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
];

pub(super) fn route(call: &Call<'_>) -> Summary {
    let r = call.request;
    let table = r.text("routeTableId").unwrap_or_else(|| "a route table".to_owned());
    let destination =
        r.any(&["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"]).unwrap_or_else(|| "?".to_owned());
    let hop = r.any(&HOPS);
    let rest = match &hop {
        Some(hop) => format!("{destination} to {hop} in {table}"),
        None => format!("{destination} in {table}"),
    };
    let rule = Rule {
        action: if call.action == "DeleteRoute" { "remove" } else { "route" },
        public: is_everywhere(&destination),
        destination: Some(destination),
        peer: hop,
        target: Some(table),
        ..Rule::default()
    };
    let told = match call.action {
        "DeleteRoute" => words("removed the route", "remove the route", rest),
        "ReplaceRoute" => words("rerouted", "reroute", rest),
        _ => words("routed", "route", rest),
    };
    Summary { rules: vec![rule], ..told }
}
