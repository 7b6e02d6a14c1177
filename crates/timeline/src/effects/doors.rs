//! Rules of security groups that calls opened or closed, as far as flows can show them.

use backtrail_model::outcome::Outcome;
use backtrail_model::time::MICROS_PER_SECOND;
use ipnet::IpNet;

use crate::item::Item;
use crate::summary::Rule;

/// Rules that are followed: more than that are a migration, no incident.
const MOST: usize = 256;

/// A rule that was opened or closed.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(super) reference: String,
    pub(super) event_time: Option<String>,
    /// Microseconds UTC.
    pub(super) at: i64,
    pub(super) opens: bool,
    pub(super) is_egress: bool,
    /// IANA number; `None` is any.
    pub(super) protocol: Option<i32>,
    /// First and last; `None` is any.
    pub(super) ports: Option<(i32, i32)>,
    pub(super) peers: IpNet,
    pub(super) group: String,
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
    /// Notes the rules that an item set or removed.
    pub(crate) fn note(&mut self, item: &Item) {
        if item.outcome != Outcome::Ok || self.0.len() >= MOST {
            return;
        }
        let doors: Vec<Door> = item.rules.iter().filter_map(|rule| door(item, rule)).collect();
        self.0.extend(doors);
        self.0.truncate(MOST);
    }

    pub(super) fn into_doors(self) -> Vec<Door> {
        self.0
    }
}

fn door(item: &Item, rule: &Rule) -> Option<Door> {
    let opens = match rule.action {
        "open" => true,
        "close" => false,
        _ => return None,
    };
    let group = rule.target.clone().filter(|target| target.starts_with("sg-"))?;
    Some(Door {
        reference: item.refs.first()?.clone(),
        event_time: item.event_time.clone(),
        at: item.order.time?,
        opens,
        is_egress: rule.direction == Some("egress"),
        protocol: protocol(rule.protocol.as_deref())?,
        ports: ports(rule.ports.as_deref())?,
        peers: rule.peer.as_deref()?.parse().ok()?,
        group,
        words: rule.words(),
    })
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
}
