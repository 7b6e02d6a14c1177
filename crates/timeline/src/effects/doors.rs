//! What calls opened or closed: rules of security groups, entries of network ACLs, routes, internet gateways, public addresses, as far as flows can
//! show them.

use std::net::IpAddr;

use backtrail_model::arn::Arn;
use backtrail_model::calls::action_name;
use backtrail_model::outcome::Outcome;
use backtrail_model::time::MICROS_PER_SECOND;
use ipnet::IpNet;

use crate::flows::is_internal;
use crate::item::Item;
use crate::summary::Rule;

/// Changes that are followed: more than that are a migration, no incident.
const MOST: usize = 256;

/// Which interfaces a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those that had the security group.
    Group,
    /// Those in the VPC.
    Vpc,
    /// The one that the call gave a public address, or took it from.
    Address,
    /// Those of subnets that no table of the store names.
    Subnets,
}

/// Which way the traffic goes that a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// The peer asks, the interface serves.
    Ingress,
    /// The interface asks.
    Egress,
    /// Either.
    Both,
}

/// Whom a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peers {
    /// A block.
    Within(IpNet),
    /// Whoever is outside: a route to everywhere, a gateway and a public address are about nobody inside.
    External,
}

impl Peers {
    pub(super) fn have(self, address: &str) -> bool {
        let Ok(address) = address.parse::<IpAddr>() else { return false };
        match self {
            Self::Within(block) => block.contains(&address.to_canonical()),
            Self::External => !is_internal(address),
        }
    }
}

/// Something that was opened or closed.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(super) reference: String,
    pub(super) event_time: Option<String>,
    /// Microseconds UTC.
    pub(super) at: i64,
    pub(super) opens: bool,
    pub(super) course: Course,
    /// IANA number; `None` is any.
    pub(super) protocol: Option<i32>,
    /// First and last; `None` is any.
    pub(super) ports: Option<(i32, i32)>,
    pub(super) peers: Peers,
    /// The security group, ACL, route table, VPC or address.
    pub(super) target: String,
    pub(super) scope: Scope,
    pub(super) words: String,
}

impl Door {
    /// Unix seconds.
    pub(super) fn second(&self) -> i64 {
        self.at.div_euclid(MICROS_PER_SECOND)
    }
}

/// Those of an answer's items.
#[derive(Debug, Default)]
pub(crate) struct Doors(Vec<Door>);

impl Doors {
    /// Notes what an item opened and closed.
    pub(crate) fn note(&mut self, item: &Item) {
        if item.outcome != Outcome::Ok || self.0.len() >= MOST {
            return;
        }
        self.0.extend(item.rules.iter().filter_map(|rule| of_rule(item, rule)));
        self.0.extend(of_call(item));
        self.0.truncate(MOST);
    }

    pub(super) fn into_doors(self) -> Vec<Door> {
        self.0
    }
}

/// A door of an item, which is open to everybody outside unless more is said of it.
fn door(item: &Item, opens: bool, target: String, scope: Scope, words: String) -> Option<Door> {
    Some(Door {
        reference: item.refs.first()?.clone(),
        event_time: item.event_time.clone(),
        at: item.order.time?,
        opens,
        course: Course::Both,
        protocol: None,
        ports: None,
        peers: Peers::External,
        target,
        scope,
        words,
    })
}

fn of_rule(item: &Item, rule: &Rule) -> Option<Door> {
    let target = rule.target.clone()?;
    if let Some(destination) = &rule.destination {
        return of_route(item, rule, destination, target);
    }
    let (opens, scope) = match rule.action {
        "open" if target.starts_with("sg-") => (true, Scope::Group),
        "close" if target.starts_with("sg-") => (false, Scope::Group),
        "allow" => (true, Scope::Subnets),
        "deny" => (false, Scope::Subnets),
        _ => return None,
    };
    Some(Door {
        course: if rule.direction == Some("egress") { Course::Egress } else { Course::Ingress },
        protocol: protocol(rule.protocol.as_deref())?,
        ports: ports(rule.ports.as_deref())?,
        peers: Peers::Within(rule.peer.as_deref()?.parse().ok()?),
        ..door(item, opens, target, scope, rule.words())?
    })
}

fn of_route(item: &Item, rule: &Rule, destination: &str, table: String) -> Option<Door> {
    let opens = match rule.action {
        "route" => true,
        "remove" => false,
        _ => return None,
    };
    let block: IpNet = destination.parse().ok()?;
    // Whoever is inside has a narrower route.
    let peers = if block.prefix_len() == 0 { Peers::External } else { Peers::Within(block) };
    Some(Door { peers, ..door(item, opens, table, Scope::Subnets, rule.words())? })
}

/// What a call opened or closed without a rule.
fn of_call(item: &Item) -> Option<Door> {
    let resource = |kind: &str| {
        let ids = item.resources.iter().filter_map(|touched| {
            Arn::parse(&touched.arn).filter(|arn| arn.resource_type() == Some(kind)).map(|arn| arn.resource_id().to_owned())
        });
        ids.min()
    };
    let action = action_name(item.event_name.as_deref()?);
    match action {
        "AttachInternetGateway" | "DetachInternetGateway" => {
            door(item, action.starts_with('A'), resource("vpc")?, Scope::Vpc, item.summary.clone())
        }
        "AssociateAddress" | "DisassociateAddress" => {
            let address =
                ["elastic-ip", "elastic-ip-association"].into_iter().find_map(resource).unwrap_or_else(|| "a public address".to_owned());
            door(item, action.starts_with('A'), address, Scope::Address, item.summary.clone())
        }
        _ => None,
    }
}

/// The IANA number of a rule's protocol; the inner `None` is any.
fn protocol(word: Option<&str>) -> Option<Option<i32>> {
    match word? {
        "all" => Some(None),
        "tcp" => Some(Some(6)),
        "udp" => Some(Some(17)),
        "icmp" => Some(Some(1)),
        "icmpv6" => Some(Some(58)),
        number => number.parse().ok().map(Some),
    }
}

/// First and last port of a rule; of ICMP's types, any.
fn ports(word: Option<&str>) -> Option<Option<(i32, i32)>> {
    let Some(word) = word else { return Some(None) };
    if word == "all" || word.starts_with("type") {
        return Some(None);
    }
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(Some((first.parse().ok()?, last.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_and_ports_of_rules() {
        assert_eq!((protocol(Some("tcp")), protocol(Some("all")), protocol(Some("50"))), (Some(Some(6)), Some(None), Some(Some(50))));
        assert_eq!((ports(Some("22")), ports(Some("80-90")), ports(Some("all"))), (Some(Some((22, 22))), Some(Some((80, 90))), Some(None)));
        assert_eq!((protocol(None), ports(Some("http"))), (None, None));
    }

    #[test]
    fn whoever_is_outside() {
        assert!(Peers::External.have("198.51.100.7") && !Peers::External.have("10.0.0.1"));
        let block = Peers::Within("10.0.0.0/8".parse().expect("a block"));
        assert!(block.have("10.0.0.1") && !block.have("198.51.100.7") && !block.have("-"));
    }
}
