//! Rules of security groups.

use crate::summary::rule::{Rule, in_a_line, is_everywhere, ports, protocol};
use crate::summary::{Call, Parameters, Summary, words};

pub(super) fn created(call: &Call<'_>) -> String {
    let id = call.response.text("groupId").map(|id| format!(" {id}")).unwrap_or_default();
    let name = call.request.text("groupName").map(|n| format!(" ({n})")).unwrap_or_default();
    let vpc = call.request.text("vpcId").map(|v| format!(" in {v}")).unwrap_or_default();
    format!("security group{id}{name}{vpc}")
}

pub(super) fn named(call: &Call<'_>) -> String {
    let (id, name) = (call.request.text("groupId").or_else(|| answered_group(call)), call.request.text("groupName"));
    match (id, name) {
        (Some(id), Some(name)) => format!("{id} ({name})"),
        (Some(one), None) | (None, Some(one)) => one,
        // A revoke by rule id names no group in the request on every version.
        (None, None) => "a security group".to_owned(),
    }
}

/// The group as the response names it: a call may name it by its name alone.
fn answered_group(call: &Call<'_>) -> Option<String> {
    LISTS.iter().flat_map(|list| call.response.list(list)).find_map(|rule| rule.text("groupId"))
}

/// Where responses list rules with their ids.
const LISTS: [&str; 2] = ["securityGroupRuleSet", "revokedSecurityGroupRuleSet"];

/// What a call says of the rules it names.
struct Naming<'a> {
    action: &'static str,
    direction: &'static str,
    target: &'a str,
    /// The account that recorded the call: a group on the other side is told as another's where it is not this one's.
    account: &'a str,
}

pub(super) fn rules_changed(call: &Call<'_>) -> Summary {
    let direction = if call.action.ends_with("Egress") { "egress" } else { "ingress" };
    let action = if call.action.starts_with("Revoke") { "close" } else { "open" };
    let target = named(call);
    let naming = Naming { action, direction, target: &target, account: call.account };
    let listed = naming.listed(call.response);
    let mut rules = naming.asked(call.request);
    for rule in &mut rules {
        rule.id = listed.iter().find(|l| l.is_at_place_of(rule) == Some(true)).and_then(|l| l.id.clone());
    }
    let ids = call.request.texts("securityGroupRuleIds", "securityGroupRuleId");
    if rules.is_empty() && !ids.is_empty() {
        return closed_by_id(naming.by_id(ids, listed), &target);
    }
    if action == "close" {
        return closed(rules, naming.permissions(call.response.list("unknownIpPermissionSet")), &target);
    }
    let rest = format!("{} on {target}", traffic(&rules));
    Summary { rules, ..words("opened", "open", rest) }
}

/// What was closed by the ids of its rules: EC2's answer may say what they were.
fn closed_by_id(rules: Vec<Rule>, target: &str) -> Summary {
    let is_described = |rule: &Rule| rule.protocol.is_some() || rule.peer.is_some();
    let told = if rules.iter().any(is_described) {
        let tell = |rule: &Rule| match rule.id.as_ref().filter(|_| is_described(rule)) {
            Some(id) => format!("{} ({id})", rule.traffic()),
            None => rule.traffic(),
        };
        words("closed", "close", format!("{} on {target}", in_a_line(&rules, tell)))
    } else {
        words("removed", "remove", format!("{} of {target}", in_a_line(&rules, Rule::traffic)))
    };
    Summary { rules, ..told }
}

/// What was closed, and what was not, for there was no such rule: of a default VPC's groups EC2 says so in an answer that is no error.
fn closed(rules: Vec<Rule>, unknown: Vec<Rule>, target: &str) -> Summary {
    let is_unknown = |rule: &Rule| unknown.iter().any(|other| rule.is_at_place_of(other) == Some(true));
    let (not_there, there): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_unknown);
    if not_there.is_empty() {
        let rest = format!("{} on {target}", traffic(&there));
        return Summary { rules: there, ..words("closed", "close", rest) };
    }
    if there.is_empty() {
        let rest = format!("{} on {target}, which had no such rule", traffic(&not_there));
        return Summary { rules: not_there, ..words("asked to close", "close", rest) };
    }
    let rest = format!("{} on {target}, not {}: there was no such rule", traffic(&there), traffic(&not_there));
    Summary { rules: there, tells_failures: true, ..words("closed", "close", rest) }
}

fn traffic(rules: &[Rule]) -> String {
    match rules {
        [] => "a rule".to_owned(),
        _ => in_a_line(rules, Rule::traffic),
    }
}

impl Naming<'_> {
    /// The rules of a request.
    fn asked(&self, request: Parameters<'_>) -> Vec<Rule> {
        let mut permissions = request.list("ipPermissions");
        // Calls by EC2-Classic parameters: one rule, written flat.
        if request.get("cidrIp").is_some() || request.get("sourceSecurityGroupName").is_some() || permissions.is_empty() {
            permissions.push(request);
        }
        self.permissions(permissions)
    }

    fn permissions(&self, permissions: Vec<Parameters<'_>>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for permission in permissions {
            let protocol = protocol(permission.text("ipProtocol"));
            let ports = ports(permission, protocol.as_deref());
            for (peer, owner) in peers(permission) {
                rules.push(Rule {
                    protocol: protocol.clone(),
                    ports: ports.clone(),
                    public: is_everywhere(&peer),
                    peer: Some(peer),
                    peer_account: owner.filter(|owner| owner != self.account),
                    ..self.rule()
                });
            }
        }
        rules
    }

    /// The rules a response lists.
    fn listed(&self, response: Parameters<'_>) -> Vec<Rule> {
        let members = LISTS.iter().map(|list| response.list(list)).find(|m| !m.is_empty()).unwrap_or_default();
        members.into_iter().map(|member| Rule { direction: Some(self.direction), ..self.described(member) }).collect()
    }

    /// The rules a call names by their ids, as the response describes them, where it does.
    fn by_id(&self, ids: Vec<String>, mut listed: Vec<Rule>) -> Vec<Rule> {
        for id in ids {
            if !listed.iter().any(|rule| rule.id.as_ref() == Some(&id)) {
                listed.push(Rule { id: Some(id), ..self.rule() });
            }
        }
        listed
    }

    /// A rule as newer calls describe it: one other side each.
    fn described(&self, rule: Parameters<'_>) -> Rule {
        let group = rule.get("referencedGroupInfo");
        let peer = rule.any(&["cidrIpv4", "cidrIpv6", "referencedGroupId", "prefixListId"]);
        let protocol = protocol(rule.text("ipProtocol"));
        Rule {
            id: rule.text("securityGroupRuleId"),
            ports: ports(rule, protocol.as_deref()),
            protocol,
            public: peer.as_deref().is_some_and(is_everywhere),
            peer: peer.or_else(|| group?.text("groupId")),
            peer_account: group.and_then(|g| g.text("userId")).filter(|owner| owner != self.account),
            direction: None,
            ..self.rule()
        }
    }

    fn rule(&self) -> Rule {
        let (action, direction, target) = (self.action, Some(self.direction), Some(self.target.to_owned()));
        Rule { action, direction, target, ..Rule::default() }
    }
}

/// `ModifySecurityGroupRules`: which direction the rules have, the record does not say.
pub(super) fn rules_modified(call: &Call<'_>) -> Summary {
    let target = named(call);
    let naming = Naming { action: "open", direction: "ingress", target: &target, account: call.account };
    let mut rules = Vec::new();
    for change in call.request.list("SecurityGroupRule").into_iter().chain(call.request.list("securityGroupRules")) {
        let described = naming.described(change.get("SecurityGroupRule").unwrap_or(change));
        rules.push(Rule { id: change.text("securityGroupRuleId").or(described.id.clone()), ..described });
    }
    let rest = if rules.is_empty() { format!("rules of {target}") } else { format!("rules of {target} to {}", traffic(&rules)) };
    Summary { rules, ..words("changed", "change", rest) }
}

/// The other sides of a permission: CIDR blocks, prefix lists, and groups with whose they are.
fn peers(permission: Parameters<'_>) -> Vec<(String, Option<String>)> {
    let mut peers = permission.texts("ipRanges", "cidrIp");
    peers.extend(permission.texts("ipv6Ranges", "cidrIpv6"));
    peers.extend(permission.texts("prefixListIds", "prefixListId"));
    let mut peers: Vec<_> = peers.into_iter().map(|peer| (peer, None)).collect();
    peers.extend(permission.list("groups").into_iter().filter_map(|g| Some((g.any(&["groupId", "groupName"])?, g.text("userId")))));
    peers.extend(permission.any(&["cidrIp", "cidrIpv6"]).map(|peer| (peer, None)));
    peers.extend(permission.text("sourceSecurityGroupName").map(|peer| (peer, permission.text("sourceSecurityGroupOwnerId"))));
    peers
}
