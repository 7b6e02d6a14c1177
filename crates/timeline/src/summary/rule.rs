//! A rule of reachability, and its words.

use ipnet::IpNet;
use serde::Serialize;

use super::{Parameters, some_beside};

/// One rule of reachability that a call set or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `open`, `close` (without protocol, other side and id: whatever else was open), `allow`, `deny`, `route`, `record`, `list` (of a block in a prefix list); `remove` where an entry of an ACL or a prefix list, a route or a record was taken away.
    pub action: &'static str,
    /// `ingress` or `egress`, where it has one.
    pub direction: Option<&'static str>,
    /// Its id, where the record has it: a security group rule's (`sgr-…`), the set identifier of a DNS record.
    pub id: Option<String>,
    /// Its number among the entries of a network ACL.
    pub number: Option<u64>,
    /// `tcp`, `udp`, `icmp`, `all` or a protocol number; the type of a DNS record.
    pub protocol: Option<String>,
    /// `22`, `80-90`, `all`; of ICMP type and code: `type 8`, `type 3 code 4`.
    pub ports: Option<String>,
    /// What a route leads to: a CIDR block or a prefix list; the block that a prefix list holds.
    pub destination: Option<String>,
    /// The other side: a CIDR block, group, prefix list, gateway, or a record's value.
    pub peer: Option<String>,
    /// Whose the group on the other side is, where it is another account's.
    pub peer_account: Option<String>,
    /// What the rule belongs to.
    pub target: Option<String>,
    /// Whether the other side is the whole internet.
    pub public: bool,
}

impl Rule {
    /// Whether it removes.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        matches!(self.action, "close" | "remove")
    }

    /// A rule that says of others only that they are gone: whatever else let into this target.
    pub(super) fn all_else(target: &str) -> Self {
        Self { action: "close", direction: Some("ingress"), target: Some(target.to_owned()), ..Self::default() }
    }

    /// Whether it closes whatever else was open.
    fn is_all_else(&self) -> bool {
        self.action == "close" && self.names_no_traffic() && self.id.is_none()
    }

    fn names_no_traffic(&self) -> bool {
        self.protocol.is_none() && self.peer.is_none()
    }

    /// What it lets through, and whom: `tcp/22 from 0.0.0.0/0`; `rule sgr-…` where that is all that is known.
    #[must_use]
    pub fn traffic(&self) -> String {
        if let Some(id) = self.id.as_ref().filter(|_| self.names_no_traffic()) {
            return format!("rule {id}");
        }
        if self.is_all_else() {
            return "all else".to_owned();
        }
        let what = match (self.protocol.as_deref(), self.ports.as_deref()) {
            (None | Some("all"), _) => "all traffic".to_owned(),
            (Some(protocol), None | Some("all")) => protocol.to_owned(),
            (Some(protocol @ ("icmp" | "icmpv6")), Some(kind)) => icmp_words(protocol, kind),
            (Some(protocol), Some(ports)) => format!("{protocol}/{ports}"),
        };
        let side = if self.direction == Some("egress") { "to" } else { "from" };
        format!("{what} {side} {}", self.other_side())
    }

    fn other_side(&self) -> String {
        let peer = self.peer.as_deref().unwrap_or("?");
        match &self.peer_account {
            Some(account) => format!("{peer} of account {account}"),
            None => peer.to_owned(),
        }
    }

    /// The rule in words: `open ingress tcp/22 from 0.0.0.0/0`, `deny ingress tcp/80 from 0.0.0.0/0, rule 200`, `route 0.0.0.0/0 to igw-…`.
    #[must_use]
    pub fn words(&self) -> String {
        let action = self.action;
        if let Some(destination) = &self.destination {
            return match &self.peer {
                Some(hop) => format!("{action} {destination} to {hop}"),
                None => format!("{action} {destination}"),
            };
        }
        if self.is_record() {
            let [kind, name] = [&self.protocol, &self.target].map(|text| text.as_deref().unwrap_or("?"));
            let id = self.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
            let value = self.peer.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
            return format!("{action} {kind} {name}{id}{value}");
        }
        let direction = self.direction.map(|d| format!("{d} ")).unwrap_or_default();
        let number = self.number.map(|n| format!("rule {n}"));
        if action == "remove" {
            return format!("{action} {direction}{}", number.as_deref().unwrap_or("entry"));
        }
        let number = number.map(|n| format!(", {n}")).unwrap_or_default();
        format!("{action} {direction}{}{number}", self.traffic())
    }

    /// Whether it is to be told however many others there are: the whole internet is on the other side, or so much of it that it was hardly meant
    /// otherwise.
    fn is_wide_open(&self) -> bool {
        let widest = |net: IpNet| match net {
            IpNet::V4(net) => net.prefix_len() < 8,
            IpNet::V6(net) => net.prefix_len() < 16 && !net.addr().is_unique_local(),
        };
        self.public || [&self.peer, &self.destination].into_iter().flatten().any(|block| block.parse().is_ok_and(widest))
    }

    fn is_record(&self) -> bool {
        self.direction.is_none() && self.destination.is_none() && matches!(self.action, "record" | "remove")
    }

    /// Whether two rules have the same place, so that the later one replaces or removes the earlier: the number of an ACL's entry, the destination of a
    /// route, name and type of a record; elsewhere all that is let through. `None` where it cannot be told.
    #[must_use]
    pub fn is_at_place_of(&self, other: &Self) -> Option<bool> {
        if let (Some(a), Some(b)) = (&self.id, &other.id)
            && !self.is_record()
        {
            return Some(a == b);
        }
        if self.destination.is_some() || other.destination.is_some() {
            return Some(is_same_block(self.destination.as_deref(), other.destination.as_deref()));
        }
        if self.is_record() || other.is_record() {
            return Some((&self.protocol, &self.target, &self.id) == (&other.protocol, &other.target, &other.id));
        }
        if self.number.is_some() || other.number.is_some() {
            return Some((self.direction, self.number) == (other.direction, other.number));
        }
        let is_other_way = matches!((self.direction, other.direction), (Some(a), Some(b)) if a != b);
        if is_other_way {
            return Some(false);
        }
        if self.is_all_else() || other.is_all_else() {
            return Some(true);
        }
        (!self.names_no_traffic() && !other.names_no_traffic() && self.direction == other.direction)
            .then(|| self.lets_through() == other.lets_through() && is_same_block(self.peer.as_deref(), other.peer.as_deref()))
    }

    /// What is let through, in one spelling, but for the blocks.
    fn lets_through(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        let protocol = self.protocol.as_deref().filter(|p| *p != "all");
        let ports = self.ports.as_deref().filter(|p| protocol.is_some() && *p != "all");
        (protocol, ports, self.peer_account.as_deref())
    }
}

/// Rules in a line, each told by `tell`: those that are wide open first, and all of them; of the others as many as there is room for.
pub(super) fn in_a_line<'r>(rules: impl IntoIterator<Item = &'r Rule>, tell: impl Fn(&Rule) -> String) -> String {
    let (wide, others): (Vec<&Rule>, Vec<&Rule>) = rules.into_iter().partition(|rule| rule.is_wide_open());
    let told = |rules: Vec<&Rule>| rules.into_iter().map(&tell).collect::<Vec<_>>();
    some_beside(&told(wide), &told(others))
}

/// Whether two blocks are one as AWS keeps them, without the bits of a host: `208.236.235.254/0` is `0.0.0.0/0`. Anything else as it is written;
/// nothing is as an empty text.
fn is_same_block(a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let net = |text: &str| text.parse::<IpNet>().map(|net| net.trunc()).ok();
    a == b || net(a).zip(net(b)).is_some_and(|(a, b)| a == b)
}

/// Any address at all, however the block is written (`0.0.0.0/0`, `::/0`, `198.51.100.7/0`).
pub(super) fn is_everywhere(peer: &str) -> bool {
    peer.ends_with("/0")
}

/// A protocol's word.
pub(super) fn protocol(text: Option<String>) -> Option<String> {
    Some(match text?.as_str() {
        "-1" => "all".to_owned(),
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "58" => "icmpv6".to_owned(),
        other => other.to_owned(),
    })
}

/// The ports of a rule; of ICMP, type and code, which EC2 writes in the place of ports.
pub(super) fn ports(rule: Parameters<'_>, protocol: Option<&str>) -> Option<String> {
    let is_icmp = matches!(protocol, Some("icmp" | "icmpv6"));
    if let Some(kind) = rule.get("icmpTypeCode").filter(|_| is_icmp) {
        return icmp(&kind.text("type")?, kind.text("code").as_deref());
    }
    let range = rule.get("portRange").unwrap_or(rule);
    let (from, to) = (range.any(&["fromPort", "from"])?, range.any(&["toPort", "to"])?);
    if is_icmp {
        return icmp(&from, Some(&to));
    }
    Some(match (from.as_str(), to.as_str()) {
        ("-1", _) | ("0", "65535") => "all".to_owned(),
        (a, b) if a == b => from,
        _ => format!("{from}-{to}"),
    })
}

/// `type 8`, `type 3 code 4`, `all`; -1 stands for any.
fn icmp(kind: &str, code: Option<&str>) -> Option<String> {
    Some(match (kind, code) {
        ("-1", _) => "all".to_owned(),
        (kind, None | Some("-1")) => format!("type {kind}"),
        (kind, Some(code)) => format!("type {kind} code {code}"),
    })
}

/// `icmp echo request (type 8)`.
fn icmp_words(protocol: &str, kind: &str) -> String {
    let number = kind.strip_prefix("type ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let name = ICMP.iter().find(|(p, n, _)| *p == protocol && *n == number).map(|(.., name)| *name);
    match name {
        Some(name) => format!("{protocol} {name} ({kind})"),
        None => format!("{protocol} {kind}"),
    }
}

/// Types of ICMP by name (IANA's registries).
const ICMP: &[(&str, &str, &str)] = &[
    ("icmp", "0", "echo reply"),
    ("icmp", "3", "destination unreachable"),
    ("icmp", "4", "source quench"),
    ("icmp", "5", "redirect"),
    ("icmp", "8", "echo request"),
    ("icmp", "9", "router advertisement"),
    ("icmp", "10", "router solicitation"),
    ("icmp", "11", "time exceeded"),
    ("icmp", "12", "parameter problem"),
    ("icmp", "13", "timestamp"),
    ("icmp", "14", "timestamp reply"),
    ("icmpv6", "1", "destination unreachable"),
    ("icmpv6", "2", "packet too big"),
    ("icmpv6", "3", "time exceeded"),
    ("icmpv6", "4", "parameter problem"),
    ("icmpv6", "128", "echo request"),
    ("icmpv6", "129", "echo reply"),
    ("icmpv6", "133", "router solicitation"),
    ("icmpv6", "134", "router advertisement"),
    ("icmpv6", "135", "neighbor solicitation"),
    ("icmpv6", "136", "neighbor advertisement"),
    ("icmpv6", "137", "redirect"),
];
