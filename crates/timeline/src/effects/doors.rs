//! What calls opened or closed: rules of security groups, entries of network ACLs, routes, gateways, public addresses, and whole groups, tables and ACLs
//! that something got in the place of others, as far as flows can show them.

mod swaps;

use std::collections::BTreeMap;
use std::net::IpAddr;

use backtrail_model::arn::Arn;
use backtrail_model::calls::action_name;
use backtrail_model::outcome::Outcome;
use backtrail_model::time::MICROS_PER_SECOND;
use ipnet::IpNet;

use super::layout::{Layout, Set};
use crate::coverage::{NotSeen, NotSeenKind, say};
use crate::flows::is_internal;
use crate::item::Item;
use crate::summary::Rule;
pub(super) use swaps::{Before, keep_apart};

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
    /// Those of the subnets that had the route table or the network ACL.
    Subnets,
    /// That of a gateway, and those of the subnets that route to it.
    Hop,
    /// The one that the call put into other security groups.
    Interface,
    /// That of the instance that the call put into other security groups.
    Instance,
    /// Those of the subnet that the call gave another route table or network ACL.
    Given,
}

/// Which way the traffic goes that a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Course {
    /// The peer asks, the interface serves.
    Ingress,
    /// The interface asks.
    Egress,
    /// Either. Nothing is refused where there is no way, and nothing comes back.
    Both,
    /// Either, each told by who asks: a security group lets through what answers.
    Asked,
    /// Either, each told by who sends: a network ACL is asked of answers as well.
    Sent,
}

/// Whom a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peers {
    /// A block.
    Within(IpNet),
    /// Whoever is outside: a route to everywhere, a gateway and a public address are about nobody inside.
    External,
    /// Whoever it is.
    Anyone,
}

impl Peers {
    /// Whoever is behind a route.
    pub(super) fn beyond(destination: &str) -> Option<Self> {
        let block: IpNet = destination.parse().ok()?;
        // Whoever is inside has a narrower route.
        Some(if block.prefix_len() == 0 { Self::External } else { Self::Within(block) })
    }

    pub(super) fn have(self, address: &str) -> bool {
        let is = |meant: &dyn Fn(IpAddr) -> bool| address.parse().is_ok_and(meant);
        match self {
            Self::Within(block) => is(&|address| block.contains(&address.to_canonical())),
            Self::External => is(&|address| !is_internal(address)),
            Self::Anyone => true,
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
    /// Whoever is one of these; nobody where it is not known whom it is about.
    pub(super) peers: Vec<Peers>,
    /// The security group, ACL, route table, VPC, gateway or address; the interface, instance or subnet that got another one.
    pub(super) target: String,
    pub(super) scope: Scope,
    pub(super) words: String,
    /// It is gone from then on: what comes later of what had it has it no more.
    pub(super) is_removal: bool,
    /// The place of an ACL's entry or of a route that the call took away; what was there is yet to be looked up.
    pub(super) place: Option<Rule>,
    /// Citation of what says what was taken away: the call that had set it, or a listing.
    pub(super) set_by: Option<String>,
    /// What is not known of the change itself, and what would tell, in words.
    pub(super) unknown: Option<String>,
    /// Of a swap, the one before it and the one after it of the same thing, with citations: what was so before or after these is nothing to it.
    pub(super) next_to: [Option<(i64, String)>; 2],
}

impl Door {
    /// Unix seconds.
    pub(super) fn second(&self) -> i64 {
        self.at.div_euclid(MICROS_PER_SECOND)
    }

    /// Whether it is known by which subnets or routes it is told which interfaces it is about.
    pub(super) fn goes_by_layout(&self) -> bool {
        matches!(self.scope, Scope::Subnets | Scope::Hop | Scope::Vpc | Scope::Given)
    }

    /// The instance whose interface it is about.
    pub(super) fn instance(&self) -> Option<&str> {
        (self.scope == Scope::Instance).then_some(self.target.as_str())
    }

    /// Whether it is about whoever is at the other end.
    pub(super) fn is_about(&self, further: &[Peers], address: &str) -> bool {
        self.peers.iter().chain(further).any(|peers| peers.have(address))
    }

    /// The doors of an entry or a route that was taken away or replaced, with what was there before.
    fn with_what_was_there(self, layout: &Layout) -> Vec<Self> {
        let Some(place) = &self.place else { return vec![self] };
        let before = layout.set_before(place, self.at, &self.reference);
        if place.destination.is_some() {
            return vec![self.of_route_before(before.first().copied())];
        }
        if before.is_empty() {
            let number = place.number.map_or_else(|| "the entry".to_owned(), |number| format!("entry {number}"));
            let unknown = format!(
                "What {number} of {} said before is not in evidence, so that no flow is held against its end: CreateNetworkAclEntry, ReplaceNetworkAclEntry or describe-network-acls from before would say it.",
                self.target
            );
            return vec![Self { unknown: Some(unknown), ..self }];
        }
        before.into_iter().map(|set| self.of_entry_before(set)).collect()
    }

    /// With where a route led, if that is in evidence: whom it was about its destination says.
    fn of_route_before(self, set: Option<&Set>) -> Self {
        let Some(set) = set else { return self };
        let hop = set.rule.peer.as_ref().map(|hop| format!(" to {hop}")).unwrap_or_default();
        Self { words: format!("{}{hop}", self.words), set_by: Some(set.reference.clone()), ..self }
    }

    /// What an entry had let through is closed, what it had refused no longer refuses.
    fn of_entry_before(&self, set: &Set) -> Self {
        let words = format!("{}: {}", self.words, set.rule.words());
        let base = Self { opens: set.rule.action == "deny", words, set_by: Some(set.reference.clone()), ..self.clone() };
        base.through(&set.rule)
    }

    /// With whoever is behind a route.
    fn along(self, route: &Rule) -> Self {
        match route.destination.as_deref().and_then(Peers::beyond) {
            Some(peers) => Self { peers: vec![peers], ..self },
            None => {
                let why = "Its destination is no block of addresses: no flow is held against it.".to_owned();
                Self { peers: Vec::new(), unknown: Some(why), ..self }
            }
        }
    }

    /// With the traffic that a rule of a group or an ACL is about.
    fn through(self, rule: &Rule) -> Self {
        let course = if rule.direction == Some("egress") { Course::Egress } else { Course::Ingress };
        let block = rule.peer.as_deref().and_then(|peer| peer.parse().ok());
        let traffic = protocol(rule.protocol.as_deref()).zip(ports(rule.ports.as_deref())).zip(block);
        if let Some(((protocol, ports), block)) = traffic {
            return Self { course, protocol, ports, peers: vec![Peers::Within(block)], ..self };
        }
        let why = match (&rule.peer, &rule.id) {
            (Some(peer), _) => format!("The other side is {peer}, and flow records have addresses: no flow is held against it."),
            (None, Some(_)) => {
                "The call names the rule by its id alone, and no call of this answer opened it: no flow is held against it.".to_owned()
            }
            (None, None) => "The call does not say which traffic it is about: no flow is held against it.".to_owned(),
        };
        Self { course, peers: Vec::new(), unknown: Some(why), ..self }
    }
}

/// Those of an answer's items.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    all: Vec<Door>,
    /// How many more there are.
    more: u64,
    /// Rules of security groups that calls of the answer opened, by their ids, with citations: calls that close one may name no more than that.
    opened: BTreeMap<String, (Rule, String)>,
}

impl Doors {
    /// Notes what an item opened and closed.
    pub(crate) fn note(&mut self, item: &Item) {
        if item.outcome != Outcome::Ok {
            return;
        }
        let of_rules = item.rules.iter().flat_map(|rule| self.of_rule(item, rule));
        let new: Vec<Door> = of_rules.chain(of_call(item)).chain(swaps::of_call(item)).collect();
        for rule in item.rules.iter().filter(|rule| rule.action == "open") {
            if let Some((id, reference)) = rule.id.clone().zip(item.refs.first().cloned()) {
                self.opened.insert(id, (rule.clone(), reference));
            }
        }
        let room = MOST.saturating_sub(self.all.len()).min(new.len());
        self.more += (new.len() - room) as u64;
        self.all.extend(new.into_iter().take(room));
    }

    /// What a rule opens or closes; of one that is closed by its id alone, as the call that opened it has it.
    fn of_rule(&self, item: &Item, rule: &Rule) -> Vec<Door> {
        let doors = of_rule(item, rule);
        let is_by_id = rule.action == "close" && rule.peer.is_none() && rule.protocol.is_none();
        let Some((opened, reference)) = rule.id.as_ref().filter(|_| is_by_id).and_then(|id| self.opened.get(id)) else { return doors };
        let known = |door: Door| {
            let words = format!("{}: {}", rule.words(), opened.words());
            Door { words, set_by: Some(reference.clone()), unknown: None, ..door }.through(opened)
        };
        doors.into_iter().map(known).collect()
    }

    /// Says how many changes are not held against flows.
    pub(super) fn left_out(&self) -> Option<NotSeen> {
        let text = format!(
            "What traffic shows is told of the first {MOST} changes of the answer; {} more were not held against flows: ask about a narrower window.",
            self.more
        );
        (self.more > 0).then(|| say(NotSeenKind::NotWeighed, text))
    }

    pub(super) fn each(&self) -> &[Door] {
        &self.all
    }

    /// With what was there before of entries and routes that were taken away.
    pub(super) fn looked_up(self, layout: &Layout) -> Vec<Door> {
        self.all.into_iter().flat_map(|door| door.with_what_was_there(layout)).collect()
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
        peers: vec![Peers::External],
        target,
        scope,
        words,
        is_removal: !opens,
        place: None,
        set_by: None,
        unknown: None,
        next_to: [None, None],
    })
}

/// What a rule opens or closes; of one that replaces an ACL's entry or a route, also what is no longer there.
fn of_rule(item: &Item, rule: &Rule) -> Vec<Door> {
    let Some(target) = rule.target.as_deref() else { return Vec::new() };
    let (opens, scope) = match rule.action {
        "open" if target.starts_with("sg-") => (true, Scope::Group),
        "close" if target.starts_with("sg-") => (false, Scope::Group),
        "allow" if target.starts_with("acl-") => (true, Scope::Subnets),
        "deny" if target.starts_with("acl-") => (false, Scope::Subnets),
        "route" if target.starts_with("rtb-") => (true, Scope::Subnets),
        "remove" if ["acl-", "rtb-"].iter().any(|kind| target.starts_with(kind)) => return of_removed(item, rule).into_iter().collect(),
        _ => return Vec::new(),
    };
    let set = door(item, opens, target.to_owned(), scope.clone(), rule.words());
    let set = set.map(|set| if rule.destination.is_some() { set.along(rule) } else { set.through(rule) });
    // What denies is there from then on, and comes with the ACL to whatever gets that later.
    let set = set.map(|set| Door { is_removal: !opens && scope == Scope::Group, ..set });
    let replaces =
        item.event_name.as_deref().map(action_name).is_some_and(|name| ["ReplaceNetworkAclEntry", "ReplaceRoute"].contains(&name));
    set.into_iter().chain(replaces.then(|| of_removed(item, rule)).flatten()).collect()
}

/// The end of what was at the place of an ACL's entry or of a route: the call does not say what it was.
fn of_removed(item: &Item, rule: &Rule) -> Option<Door> {
    let place = Rule {
        action: "remove",
        direction: rule.direction,
        number: rule.number,
        destination: rule.destination.clone(),
        target: rule.target.clone(),
        ..Rule::default()
    };
    let door = door(item, false, rule.target.clone()?, Scope::Subnets, place.words())?;
    let door = if place.destination.is_some() { door.along(&place) } else { Door { peers: Vec::new(), ..door } };
    Some(Door { place: Some(place), ..door })
}

/// The id of what a call touches of a kind.
fn resource(item: &Item, kind: &str) -> Option<String> {
    let ids = item.resources.iter().filter_map(|touched| {
        Arn::parse(&touched.arn).filter(|arn| arn.resource_type() == Some(kind)).map(|arn| arn.resource_id().to_owned())
    });
    ids.min()
}

/// What a call opened or closed without a rule.
fn of_call(item: &Item) -> Option<Door> {
    let resource = |kind: &str| resource(item, kind);
    let action = action_name(item.event_name.as_deref()?);
    let opens = ["Attach", "Associate", "Create", "Accept"].iter().any(|verb| action.starts_with(verb));
    match action {
        "AttachInternetGateway" | "DetachInternetGateway" => door(item, opens, resource("vpc")?, Scope::Vpc, item.summary.clone()),
        // Whom it is about its routes say; those to a private one lead inside.
        "CreateNatGateway" | "DeleteNatGateway" => door(item, opens, resource("natgateway")?, Scope::Hop, item.summary.clone()),
        "AcceptVpcPeeringConnection" | "DeleteVpcPeeringConnection" => {
            let door = door(item, opens, resource("vpc-peering-connection")?, Scope::Hop, item.summary.clone())?;
            Some(Door { peers: Vec::new(), ..door })
        }
        "AssociateAddress" | "DisassociateAddress" => {
            let address =
                ["elastic-ip", "elastic-ip-association"].into_iter().find_map(resource).unwrap_or_else(|| "a public address".to_owned());
            door(item, opens, address, Scope::Address, item.summary.clone())
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
        assert!(Peers::Anyone.have("10.0.0.1") && Peers::Anyone.have("198.51.100.7"));
    }
}
