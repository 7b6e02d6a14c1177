//! What evidence says of network interfaces: which addresses, which instance or service, which security groups one had at a time
//! (Amazon EC2 API reference; domain reference 4.6).
//!
//! A call or a listing says it as [`Observation`]s, one for each address. When something began and ended follows from all of them together, and is
//! worked out when somebody asks: evidence that comes late must be able to correct it.

mod behind;
mod described;

pub use behind::behind;
pub use described::{describe_address, describe_instance, describe_interface, list};

/// What an observation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Says {
    /// An interface with all its addresses: of one record, every address has an observation.
    #[default]
    State,
    /// An interface belongs to an instance from here on.
    Attached,
    /// It does no more.
    Detached,
    /// An interface, or what had one, is gone.
    Deleted,
    /// A public address leads to an interface, an instance or a gateway.
    Associated,
    /// It does no more.
    Disassociated,
    /// An account got a public address; which one an allocation is.
    Allocated,
    /// It gave it back.
    Released,
    /// An interface got a further address.
    Assigned,
    /// It lost one.
    Unassigned,
    /// Its security groups are these, and no others.
    Groups,
    /// An instance ended.
    Terminated,
    /// An instance was stopped: public addresses that were not allocated are lost (EC2 user guide, "Instance IP addressing").
    Stopped,
}

impl Says {
    const ALL: [Self; 13] = [
        Self::State,
        Self::Attached,
        Self::Detached,
        Self::Deleted,
        Self::Associated,
        Self::Disassociated,
        Self::Allocated,
        Self::Released,
        Self::Assigned,
        Self::Unassigned,
        Self::Groups,
        Self::Terminated,
        Self::Stopped,
    ];

    /// The word in the table (`interfaces.observation`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Attached => "attached",
            Self::Detached => "detached",
            Self::Deleted => "deleted",
            Self::Associated => "associated",
            Self::Disassociated => "disassociated",
            Self::Allocated => "allocated",
            Self::Released => "released",
            Self::Assigned => "assigned",
            Self::Unassigned => "unassigned",
            Self::Groups => "groups",
            Self::Terminated => "terminated",
            Self::Stopped => "stopped",
        }
    }

    /// What a word of the table stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|says| says.as_str() == word)
    }
}

/// What a record says of one interface and one of its addresses. What it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observation {
    /// What happened.
    pub says: Says,
    /// `eni-...`.
    pub interface_id: Option<String>,
    /// An IPv4 address of the interface itself.
    pub private_ip_address: Option<String>,
    /// An IPv6 address of it.
    pub ipv6_address: Option<String>,
    /// The public IPv4 address that is translated to the private one.
    pub public_ip: Option<String>,
    /// The instance it is attached to.
    pub instance_id: Option<String>,
    /// What else has it: a NAT gateway, an endpoint, a load balancer, a function, a task, as far as the record tells.
    pub resource_id: Option<String>,
    /// `interfaceType`: `interface`, `nat_gateway`, `vpc_endpoint`, ...
    pub interface_type: Option<String>,
    /// `description`: services write there whose it is.
    pub description: Option<String>,
    /// Ids of its security groups, sorted; `None` where the record does not list them.
    pub groups: Option<Vec<String>>,
    /// `vpc-...`.
    pub vpc_id: Option<String>,
    /// `subnet-...`.
    pub subnet_id: Option<String>,
    /// Of an attachment: `eni-attach-...`.
    pub attachment_id: Option<String>,
    /// Of a public address: `eipalloc-...`.
    pub allocation_id: Option<String>,
    /// Of its association: `eipassoc-...`.
    pub association_id: Option<String>,
    /// Whether the interface goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// The account it belongs to.
    pub owner_id: Option<String>,
    /// Since when it has been so, in microseconds UTC, where the record states another time than its own (`attachTime`, `launchTime`).
    pub since: Option<i64>,
}

impl Observation {
    /// One that says this, and nothing more yet.
    #[must_use]
    pub fn that(says: Says) -> Self {
        Self { says, ..Self::default() }
    }

    /// All of it as one text, the same for the same: what a row is named by.
    #[must_use]
    pub fn stated(&self) -> String {
        let groups = self.groups.as_ref().map(|groups| groups.join(","));
        let flag = self.delete_on_termination.map(|flag| flag.to_string());
        let texts = [
            &self.interface_id,
            &self.private_ip_address,
            &self.ipv6_address,
            &self.public_ip,
            &self.instance_id,
            &self.resource_id,
            &self.interface_type,
            &self.description,
            &groups,
            &self.vpc_id,
            &self.subnet_id,
            &self.attachment_id,
            &self.allocation_id,
            &self.association_id,
            &flag,
            &self.owner_id,
        ];
        let parts = texts.map(|text| text.as_deref().unwrap_or_default());
        format!("{}\u{1f}{}", self.says.as_str(), parts.join("\u{1f}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_what_they_say() {
        for says in Says::ALL {
            assert_eq!(Says::named(says.as_str()), Some(says));
        }
        assert_eq!(Says::named("moved"), None);
    }
}
