//! Network commands, to the rule.

use serde_json::Value;

use super::{Call, Parameters, Rule, Summary, some_of, words};

pub(super) fn tell(call: &Call<'_>) -> Option<Summary> {
    match call.action {
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" | "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => {
            Some(security_group(call))
        }
        "ModifySecurityGroupRules" => Some(modified_rules(call)),
        "CreateSecurityGroup" => Some(words("created", "create", created_group(call))),
        "CreateNetworkAclEntry" | "ReplaceNetworkAclEntry" | "DeleteNetworkAclEntry" => Some(acl_entry(call)),
        "CreateRoute" | "ReplaceRoute" | "DeleteRoute" => Some(route(call)),
        "ModifyInstanceAttribute" | "ModifyNetworkInterfaceAttribute" => attribute(call),
        _ => gateway(call),
    }
}

fn created_group(call: &Call<'_>) -> String {
    let id = call.response.text("groupId").map(|id| format!(" {id}")).unwrap_or_default();
    let name = call.request.text("groupName").map(|n| format!(" ({n})")).unwrap_or_default();
    let vpc = call.request.text("vpcId").map(|v| format!(" in {v}")).unwrap_or_default();
    format!("security group{id}{name}{vpc}")
}

fn group_of(call: &Call<'_>) -> String {
    let (id, name) = (call.request.text("groupId"), call.request.text("groupName"));
    match (id, name) {
        (Some(id), Some(name)) => format!("{id} ({name})"),
        (Some(one), None) | (None, Some(one)) => one,
        // A revoke by rule id names no group in the request on every version.
        (None, None) => "a security group".to_owned(),
    }
}

fn security_group(call: &Call<'_>) -> Summary {
    let is_egress = call.action.ends_with("Egress");
    let direction = if is_egress { "egress" } else { "ingress" };
    let action = if call.action.starts_with("Revoke") { "close" } else { "open" };
    let target = group_of(call);
    let mut rules = Vec::new();
    let mut permissions = call.request.list("ipPermissions");
    // Calls by EC2-Classic parameters: one rule, written flat.
    if call.request.get("cidrIp").is_some() || call.request.get("sourceSecurityGroupName").is_some() || permissions.is_empty() {
        permissions.push(call.request);
    }
    for permission in permissions {
        let (protocol, ports) = (protocol(permission.text("ipProtocol")), ports(permission));
        for peer in peers(permission) {
            rules.push(Rule {
                action,
                direction: Some(direction),
                protocol: protocol.clone(),
                ports: ports.clone(),
                public: is_everywhere(&peer),
                peer: Some(peer),
                target: Some(target.clone()),
            });
        }
    }
    let ids = call.request.texts("securityGroupRuleIds", "securityGroupRuleId");
    if rules.is_empty() && !ids.is_empty() {
        let mut told = words("removed", "remove", format!("rule {} of {target}", some_of(&ids)));
        told.rules = response_rules(call, action, direction, &target);
        return told;
    }
    let told: Vec<String> = rules.iter().map(|rule| told(rule, is_egress)).collect();
    let rest = match told.as_slice() {
        [] => format!("a rule on {target}"),
        _ => format!("{} on {target}", some_of(&told)),
    };
    Summary { rules, ..if action == "open" { words("opened", "open", rest) } else { words("closed", "close", rest) } }
}

fn told(rule: &Rule, is_egress: bool) -> String {
    let what = match (rule.protocol.as_deref(), rule.ports.as_deref()) {
        (None | Some("all"), _) => "all traffic".to_owned(),
        (Some(protocol), None | Some("all")) => protocol.to_owned(),
        (Some(protocol), Some(ports)) => format!("{protocol}/{ports}"),
    };
    format!("{what} {} {}", if is_egress { "to" } else { "from" }, rule.peer.as_deref().unwrap_or("?"))
}

/// The rules a response lists, where the request names them by id only.
fn response_rules(call: &Call<'_>, action: &'static str, direction: &'static str, target: &str) -> Vec<Rule> {
    let lists = ["securityGroupRuleSet", "revokedSecurityGroupRuleSet"];
    let members = lists.iter().map(|list| call.response.list(list)).find(|m| !m.is_empty()).unwrap_or_default();
    members
        .into_iter()
        .map(|member| {
            let peer = member.any(&["cidrIpv4", "cidrIpv6", "referencedGroupId", "prefixListId"]);
            Rule {
                action,
                direction: Some(direction),
                protocol: protocol(member.text("ipProtocol")),
                ports: ports(member),
                public: peer.as_deref().is_some_and(is_everywhere),
                peer,
                target: Some(target.to_owned()),
            }
        })
        .collect()
}

fn modified_rules(call: &Call<'_>) -> Summary {
    let target = group_of(call);
    let mut rules = Vec::new();
    for change in call.request.list("SecurityGroupRule").into_iter().chain(call.request.list("securityGroupRules")) {
        let inner = change.get("SecurityGroupRule").unwrap_or(change);
        let peer = inner.any(&["cidrIpv4", "cidrIpv6", "referencedGroupId", "prefixListId"]);
        rules.push(Rule {
            action: "open",
            direction: None,
            protocol: protocol(inner.text("ipProtocol")),
            ports: ports(inner),
            public: peer.as_deref().is_some_and(is_everywhere),
            peer,
            target: Some(target.clone()),
        });
    }
    let told: Vec<String> = rules.iter().map(|rule| told(rule, false)).collect();
    let rest = if told.is_empty() { format!("rules of {target}") } else { format!("rules of {target} to {}", some_of(&told)) };
    Summary { rules, ..words("changed", "change", rest) }
}

/// The other side of a permission: CIDR blocks, groups, prefix lists.
fn peers(permission: Parameters<'_>) -> Vec<String> {
    let mut peers = permission.texts("ipRanges", "cidrIp");
    peers.extend(permission.texts("ipv6Ranges", "cidrIpv6"));
    peers.extend(permission.texts("prefixListIds", "prefixListId"));
    peers.extend(permission.list("groups").into_iter().filter_map(|g| g.any(&["groupId", "groupName"])));
    peers.extend(permission.any(&["cidrIp", "cidrIpv6", "sourceSecurityGroupName"]));
    peers
}

/// Any address at all, however the block is written (`0.0.0.0/0`, `::/0`, `198.51.100.7/0`).
fn is_everywhere(peer: &str) -> bool {
    peer.ends_with("/0")
}

fn protocol(text: Option<String>) -> Option<String> {
    Some(match text?.as_str() {
        "-1" => "all".to_owned(),
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "58" => "icmpv6".to_owned(),
        other => other.to_owned(),
    })
}

fn ports(rule: Parameters<'_>) -> Option<String> {
    let range = rule.get("portRange").unwrap_or(rule);
    let (from, to) = (range.any(&["fromPort", "from"])?, range.any(&["toPort", "to"])?);
    Some(match (from.as_str(), to.as_str()) {
        ("-1", _) | ("0", "65535") => "all".to_owned(),
        (a, b) if a == b => from,
        _ => format!("{from}-{to}"),
    })
}

fn acl_entry(call: &Call<'_>) -> Summary {
    let r = call.request;
    let target = r.text("networkAclId").unwrap_or_else(|| "a network ACL".to_owned());
    let is_egress = r.text("egress").as_deref() == Some("true");
    let number = r.text("ruleNumber").map(|n| format!(", rule {n}")).unwrap_or_default();
    let direction = if is_egress { "egress" } else { "ingress" };
    if call.action.starts_with("Delete") {
        return words("removed", "remove", format!("{direction}{number} of {target}"));
    }
    let peer = r.any(&["cidrBlock", "ipv6CidrBlock"]);
    let rule = Rule {
        action: if r.text("ruleAction").as_deref() == Some("deny") { "deny" } else { "allow" },
        direction: Some(direction),
        protocol: protocol(r.text("aclProtocol")),
        ports: ports(r),
        public: peer.as_deref().is_some_and(is_everywhere),
        peer,
        target: Some(target.clone()),
    };
    let rest = format!("{} {}{number} on {target}", if is_egress { "egress" } else { "ingress" }, told(&rule, is_egress));
    let told = if rule.action == "deny" { words("denied", "deny", rest) } else { words("allowed", "allow", rest) };
    Summary { rules: vec![rule], ..told }
}

fn route(call: &Call<'_>) -> Summary {
    let r = call.request;
    let table = r.text("routeTableId").unwrap_or_else(|| "a route table".to_owned());
    let destination =
        r.any(&["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"]).unwrap_or_else(|| "?".to_owned());
    let hops = [
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
    let hop = r.any(&hops);
    let rest = match &hop {
        Some(hop) => format!("{destination} to {hop} in {table}"),
        None => format!("{destination} in {table}"),
    };
    let rule = Rule {
        action: "route",
        direction: None,
        protocol: None,
        ports: None,
        public: is_everywhere(&destination),
        peer: hop,
        target: Some(table),
    };
    let told = match call.action {
        "DeleteRoute" => words("removed the route", "remove the route", rest),
        "ReplaceRoute" => words("rerouted", "reroute", rest),
        _ => words("routed", "route", rest),
    };
    Summary { rules: vec![rule], ..told }
}

fn attribute(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let target = r.any(&["networkInterfaceId", "instanceId"])?;
    let groups = r.texts("groupSet", "groupId");
    if !groups.is_empty() {
        return Some(words("put", "put", format!("{target} into {}", some_of(&groups))));
    }
    let check = r.text("sourceDestCheck")?;
    let rest = format!("the source/destination check of {target}");
    Some(if check == "false" { words("turned off", "turn off", rest) } else { words("turned on", "turn on", rest) })
}

fn gateway(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    let made = |list: &str, key: &str| call.response.get(list).and_then(|v| v.text(key)).map(|id| format!(" {id}")).unwrap_or_default();
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
        "DeleteSecurityGroup" => words("deleted", "delete", format!("security group {}", group_of(call))),
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

pub(super) fn dns(call: &Call<'_>) -> Option<Summary> {
    if call.action != "ChangeResourceRecordSets" {
        return None;
    }
    let zone = call.request.text("hostedZoneId").unwrap_or_else(|| "a zone".to_owned());
    let mut rules = Vec::new();
    let mut told = Vec::new();
    for change in call.request.get("changeBatch").map(|b| b.list("changes")).unwrap_or_default() {
        let set = change.get("resourceRecordSet").unwrap_or(Parameters(&Value::Null));
        let (name, kind) = (set.text("name").unwrap_or_else(|| "?".to_owned()), set.text("type").unwrap_or_default());
        let mut values = set.texts("resourceRecords", "value");
        values.extend(set.get("aliasTarget").and_then(|a| a.text("dNSName")));
        let verb = change.text("action").unwrap_or_else(|| "CHANGE".to_owned());
        told.push(format!("{verb} {kind} {name} = {}", some_of(&values)));
        rules.push(Rule {
            action: "record",
            direction: None,
            protocol: Some(kind),
            ports: None,
            peer: Some(values.join(", ")),
            target: Some(name),
            public: false,
        });
    }
    let rest = if told.is_empty() { format!("records of {zone}") } else { format!("records of {zone}: {}", some_of(&told)) };
    Some(Summary { rules, ..words("changed", "change", rest) })
}
