//! Network commands: API calls that change reachability, and calls that open a remote shell (domain reference 3.4).
//!
//! Which calls they are is data (`table`). Calls that only read are never network commands, whatever pattern they match; the few that are
//! listed by their exact name although CloudTrail marks them as reads open a shell.

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{action_name, is_read_only, reads_by_name, service_of};
use crate::outcome::Facts;
use NetworkClass::RemoteShell;
use table::CALLS;

/// What a network command acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkClass {
    /// Opens a shell or runs commands on a machine or container.
    RemoteShell,
    /// Security groups and which interfaces wear them.
    SecurityGroup,
    /// Network ACLs.
    NetworkAcl,
    /// Whether a managed service can be reached from outside, and through which groups.
    PublicAccess,
    /// Route tables and prefix lists.
    Route,
    /// Internet, NAT and carrier gateways.
    Gateway,
    /// Public addresses.
    Address,
    /// Network interfaces and their private addresses.
    Interface,
    /// VPC peering.
    Peering,
    /// Transit gateways and Cloud WAN.
    TransitGateway,
    /// VPC endpoints and endpoint services.
    Endpoint,
    /// Site-to-site and client VPN, Verified Access.
    Vpn,
    /// Direct Connect.
    DirectConnect,
    /// VPCs and subnets.
    Vpc,
    /// Zones, records, resolvers and domains.
    Dns,
    /// Load balancers, listeners, targets.
    LoadBalancer,
    /// Network Firewall, Shield, Firewall Manager.
    Firewall,
    /// Web application firewalls.
    Waf,
    /// CloudFront, Global Accelerator, API Gateway.
    Edge,
    /// Traffic mirroring.
    Mirroring,
    /// Flow and DNS query logs: what will be seen of the network.
    FlowLogs,
}

impl NetworkClass {
    /// Every class, in the order reports show them: what a responder looks for first comes first.
    pub const ALL: [Self; 21] = [
        Self::RemoteShell,
        Self::SecurityGroup,
        Self::NetworkAcl,
        Self::PublicAccess,
        Self::Route,
        Self::Gateway,
        Self::Address,
        Self::Interface,
        Self::Peering,
        Self::TransitGateway,
        Self::Endpoint,
        Self::Vpn,
        Self::DirectConnect,
        Self::Vpc,
        Self::Dns,
        Self::LoadBalancer,
        Self::Firewall,
        Self::Waf,
        Self::Edge,
        Self::Mirroring,
        Self::FlowLogs,
    ];

    /// Its word in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemoteShell => "remote_shell",
            Self::SecurityGroup => "security_group",
            Self::NetworkAcl => "network_acl",
            Self::PublicAccess => "public_access",
            Self::Route => "route",
            Self::Gateway => "gateway",
            Self::Address => "address",
            Self::Interface => "interface",
            Self::Peering => "peering",
            Self::TransitGateway => "transit_gateway",
            Self::Endpoint => "endpoint",
            Self::Vpn => "vpn",
            Self::DirectConnect => "direct_connect",
            Self::Vpc => "vpc",
            Self::Dns => "dns",
            Self::LoadBalancer => "load_balancer",
            Self::Firewall => "firewall",
            Self::Waf => "waf",
            Self::Edge => "edge",
            Self::Mirroring => "mirroring",
            Self::FlowLogs => "flow_logs",
        }
    }

    /// Its heading in text.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::RemoteShell => "Remote shells",
            Self::SecurityGroup => "Security groups",
            Self::NetworkAcl => "Network ACLs",
            Self::PublicAccess => "Reachability of services",
            Self::Route => "Routes",
            Self::Gateway => "Gateways",
            Self::Address => "Public addresses",
            Self::Interface => "Network interfaces",
            Self::Peering => "VPC peering",
            Self::TransitGateway => "Transit gateways",
            Self::Endpoint => "VPC endpoints",
            Self::Vpn => "VPN",
            Self::DirectConnect => "Direct Connect",
            Self::Vpc => "VPCs and subnets",
            Self::Dns => "DNS",
            Self::LoadBalancer => "Load balancers",
            Self::Firewall => "Firewalls",
            Self::Waf => "Web application firewalls",
            Self::Edge => "Edge and API gateways",
            Self::Mirroring => "Traffic mirroring",
            Self::FlowLogs => "Flow and DNS logs",
        }
    }
}

impl fmt::Display for NetworkClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Service, action, class, and the request parameters of which one must be present.
type Row = (&'static str, &'static str, NetworkClass, &'static [&'static str]);

/// The rows of one service and exact action, and the rows with patterns.
struct Index {
    exact: HashMap<(&'static str, &'static str), Vec<&'static Row>>,
    patterns: Vec<&'static Row>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { exact: HashMap::new(), patterns: Vec::new() };
    for row in CALLS {
        if row.1.contains('*') {
            index.patterns.push(row);
        } else {
            index.exact.entry((row.0, row.1)).or_default().push(row);
        }
    }
    index
});

fn rows<'a>(source: &'a str, name: &'a str) -> impl Iterator<Item = &'static Row> + 'a {
    let (service, action) = (service_of(source), action_name(name));
    let exact = INDEX.exact.get(&(service, action)).map(Vec::as_slice).unwrap_or_default();
    let patterns = if reads_by_name(source, action) { &[] } else { INDEX.patterns.as_slice() };
    exact.iter().copied().chain(patterns.iter().copied().filter(move |row| row.0 == service && matches(row.1, action)))
}

fn matches(pattern: &str, action: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => action.contains(pattern.trim_matches('*')),
        (Some(end), None) => action.ends_with(end),
        (None, Some(start)) => action.starts_with(start),
        (None, None) => action == pattern,
    }
}

/// The services that have network commands, sorted: for a search that narrows by service first.
#[must_use]
pub fn network_services() -> Vec<&'static str> {
    let mut services: Vec<_> = CALLS.iter().map(|row| row.0).collect();
    services.sort_unstable();
    services.dedup();
    services
}

/// The class of network command an action may be: the request parameters may still say that it is none ([`network_command`]).
#[must_use]
pub fn network_class(source: &str, name: &str) -> Option<NetworkClass> {
    rows(source, name).next().map(|row| row.2)
}

/// The class of network command a call is, whatever became of it.
#[must_use]
pub fn network_command(facts: &Facts<'_>) -> Option<NetworkClass> {
    let (source, name) = (facts.event_source?, facts.event_name?);
    let parameters = facts.request_parameters.unwrap_or_default();
    let row = rows(source, name).find(|row| row.3.is_empty() || row.3.iter().any(|key| names(parameters, key)))?;
    // A read that opens a shell is listed as one; any other class changes something.
    (row.2 == RemoteShell || !is_read_only(facts)).then_some(row.2)
}

/// Whether a JSON text has this key, at any depth.
fn names(json: &str, key: &str) -> bool {
    json.match_indices(key).any(|(at, _)| {
        json[..at].ends_with('"') && json[at + key.len()..].strip_prefix('"').is_some_and(|rest| rest.trim_start().starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::NetworkClass::{DirectConnect, Dns, Edge, Interface, SecurityGroup, TransitGateway, Vpn};
    use super::*;

    #[test]
    fn classes_by_name() {
        for (source, name, class) in [
            ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", Some(SecurityGroup)),
            ("ec2", "CreateTransitGatewayRoute", Some(TransitGateway)),
            ("ec2", "DescribeTransitGateways", None),
            ("ec2", "AssociateClientVpnTargetNetwork", Some(Vpn)),
            ("cloudfront", "UpdateDistribution2020_05_31", Some(Edge)),
            ("directconnect", "DeleteLag", Some(DirectConnect)),
            ("ssm", "StartSession", Some(RemoteShell)),
            ("ssm", "GetParameter", None),
            ("iam", "CreateUser", None),
            ("iam", "AuthorizeSecurityGroupIngress", None),
        ] {
            assert_eq!(network_class(source, name), class, "{name}");
        }
    }

    #[test]
    fn parameters_decide_where_a_call_does_other_things_too() {
        let facts = |parameters| Facts {
            event_source: Some("ec2.amazonaws.com"),
            event_name: Some("ModifyInstanceAttribute"),
            request_parameters: Some(parameters),
            ..Facts::default()
        };
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","groupSet":{"items":[]}}"#)), Some(SecurityGroup));
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","sourceDestCheck":{"value":false}}"#)), Some(Interface));
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","userData":"groupSet"}"#)), None);
    }

    #[test]
    fn reads_are_no_commands() {
        let facts = |read_only| Facts {
            event_source: Some("route53.amazonaws.com"),
            event_name: Some("ChangeResourceRecordSets"),
            read_only: Some(read_only),
            ..Facts::default()
        };
        assert_eq!(network_command(&facts(true)), None);
        assert_eq!(network_command(&facts(false)), Some(Dns));
    }

    #[test]
    fn every_class_has_calls_and_no_call_stands_twice() {
        for class in NetworkClass::ALL {
            assert!(CALLS.iter().any(|row| row.2 == class), "{class}");
        }
        let mut keys: Vec<_> = CALLS.iter().map(|row| (row.0, row.1, row.2)).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
        for row in CALLS {
            assert!(row.1.trim_matches('*').len() > 2 && !row.0.is_empty(), "{row:?}");
        }
    }
}
