//! An interface as it was for some time.

use backtrail_model::time::format_instant;
use serde::{Serialize, Serializer};

/// An address of an interface, and the public one that is translated to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Address {
    /// IPv4 or IPv6; `null` where only the public one is known.
    pub address: Option<String>,
    /// The public IPv4 address that leads there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
}

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// Calls made it so, and ended it.
    Calls,
    /// A listing says so, and no call in evidence: when it was read, and so how long it held, is not known.
    Listing,
}

/// Which addresses an interface had, and who had the interface, from one change to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holding {
    /// `eni-...`; `null` where no record names it.
    pub interface_id: Option<String>,
    /// The instance it was attached to.
    pub instance_id: Option<String>,
    /// What else had it: a NAT gateway, an endpoint, a load balancer, a function, a task.
    pub resource_id: Option<String>,
    /// `interfaceType`.
    pub interface_type: Option<String>,
    /// Its addresses, sorted.
    pub addresses: Vec<Address>,
    /// Ids of its security groups, sorted; `null` where no record lists them.
    pub security_groups: Option<Vec<String>>,
    /// `vpc-...`.
    pub vpc_id: Option<String>,
    /// `subnet-...`.
    pub subnet_id: Option<String>,
    /// Owner.
    pub account: Option<String>,
    /// Since when, microseconds UTC; `null` where nobody says.
    #[serde(serialize_with = "shown")]
    pub from: Option<i64>,
    /// Until when; `null` where no record ends it.
    #[serde(serialize_with = "shown")]
    pub to: Option<i64>,
    /// How it is known.
    pub basis: HeldBy,
    /// Citations of what says so: what it began with, and what ended it.
    pub refs: Vec<String>,
}

/// A time as answers have it.
pub(super) fn shown<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(format_instant).serialize(serializer)
}

impl Holding {
    /// Whether it was so at a time.
    #[must_use]
    pub fn is_at(&self, time: i64) -> bool {
        is_in(time, self.from, self.to)
    }

    /// Whether it was so at any time of a stretch.
    #[must_use]
    pub fn is_between(&self, from: i64, to: i64) -> bool {
        self.from.is_none_or(|begins| begins < to) && self.to.is_none_or(|ends| from < ends)
    }

    /// All addresses that led to it.
    pub fn each_address(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().flat_map(|a| [a.address.as_deref(), a.public_ip.as_deref()]).flatten()
    }

    /// Who had it, in words: the instance, else what else had it, else the interface alone.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        holder([&self.instance_id, &self.resource_id, &self.interface_id])
    }
}

/// Whether a time is in an interval, either end of which may be unknown.
pub(super) fn is_in(time: i64, from: Option<i64>, to: Option<i64>) -> bool {
    from.is_none_or(|from| from <= time) && to.is_none_or(|to| time < to)
}

/// Of an instance, what else had an interface, and the interface alone the first that is known.
pub(super) fn holder(known: [&Option<String>; 3]) -> Option<&str> {
    known.into_iter().find_map(Option::as_deref)
}
