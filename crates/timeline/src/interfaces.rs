//! Who an address was: which interface had it when, and which instance, service and security groups the interface belonged to.
//!
//! The table `interfaces` has what calls and listings say (`backtrail_model::interfaces`); what was so from when to when is worked out here, when
//! somebody asks, so that evidence that comes late corrects it. Where several interfaces may have had an address, all are told.

mod history;
mod holding;
mod sought;
mod tenure;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use backtrail_model::interfaces::{Observation, Says};
use hashbrown::HashMap;
use serde::Serialize;

use crate::error::TimelineError;
use crate::event::{Event, Text, flags, longs, times};
use crate::source::{Source, aside, let_go};
use history::{Observed, holdings};
pub use holding::{Address, HeldBy, Holding};
pub(crate) use sought::Sought;
pub use tenure::Tenure;
pub(crate) use tenure::Tenures;

const TABLE: &str = "interfaces";
/// The decoder of listings.
const LISTED: &str = "config";
const COLUMNS: [&str; 21] = [
    "event_time",
    "decoder",
    "event_id",
    "observation",
    "interface_id",
    "private_ip_address",
    "ipv6_address",
    "public_ip",
    "instance_id",
    "resource_id",
    "interface_type",
    "security_groups",
    "vpc_id",
    "subnet_id",
    "attachment_id",
    "allocation_id",
    "association_id",
    "delete_on_termination",
    "account_id",
    "evidence_id",
    "record_index",
];

/// What had the address that a call came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallerInterface {
    /// The interface.
    pub interface_id: Option<String>,
    /// The instance it was attached to.
    pub instance_id: Option<String>,
    /// What else had it: behind a NAT gateway there may be many.
    pub resource_id: Option<String>,
    /// How that is known.
    pub basis: HeldBy,
    /// Citations of what says so.
    pub refs: Vec<String>,
}

impl CallerInterface {
    /// Who had it, in a word: the instance, else what else had it, else the interface alone.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        holding::holder([&self.instance_id, &self.resource_id, &self.interface_id])
    }
}

/// All that is known of interfaces, over all time.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    all: Vec<Holding>,
    by_interface: HashMap<String, Vec<usize>>,
    by_address: HashMap<IpAddr, Vec<usize>>,
}

impl Drop for Interfaces {
    /// Of a large estate there are hundreds of thousands.
    fn drop(&mut self) {
        if self.is_empty() {
            return;
        }
        let_go((std::mem::take(&mut self.all), std::mem::take(&mut self.by_interface), std::mem::take(&mut self.by_address)));
    }
}

impl Interfaces {
    /// What evidence of any time says: read once for all answers of a session.
    pub(crate) async fn read(source: &Source) -> Result<Arc<Self>, TimelineError> {
        // Several ask at once: one of them reads.
        let mut kept = source.interfaces.lock().await;
        if let Some(known) = &*kept {
            return Ok(Arc::clone(known));
        }
        let mut observed = Vec::new();
        let frame = source.table(TABLE).await?.select_columns(&COLUMNS).map_err(TimelineError::table(TABLE))?;
        Source::batches(TABLE, frame, &mut |batch| observe(batch, &mut observed)).await?;
        // Records may be read meanwhile.
        let known = aside(move || Ok(Arc::new(Self::of(holdings(observed))))).await?;
        *kept = Some(Arc::clone(&known));
        Ok(known)
    }

    pub(crate) fn of(all: Vec<Holding>) -> Self {
        let mut known = Self::default();
        for (number, holding) in all.iter().enumerate() {
            if let Some(interface) = &holding.interface_id {
                known.by_interface.entry(interface.clone()).or_default().push(number);
            }
            for address in holding.each_address().filter_map(|address| address.parse::<IpAddr>().ok()) {
                let numbers = known.by_address.entry(address).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        known.all = all;
        known
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn numbered<'s>(&'s self, numbers: Option<&'s Vec<usize>>) -> impl Iterator<Item = &'s Holding> {
        numbers.into_iter().flatten().filter_map(|number| self.all.get(*number))
    }

    /// What an interface was, from change to change.
    pub(crate) fn of_interface<'s>(&'s self, interface: &str) -> impl Iterator<Item = &'s Holding> {
        self.numbered(self.by_interface.get(interface))
    }

    /// What had an address, from change to change.
    pub(crate) fn of_address(&self, address: IpAddr) -> impl Iterator<Item = &Holding> {
        self.numbered(self.by_address.get(&address.to_canonical()))
    }

    /// What a name tells: an address, an interface, an instance, a security group, what else has an interface.
    pub(crate) fn named<'s>(&'s self, name: &'s Sought) -> impl Iterator<Item = &'s Holding> {
        let address = name.address();
        let is_of = move |holding: &&Holding| {
            let ids = [&holding.interface_id, &holding.instance_id, &holding.resource_id].into_iter().flatten();
            let groups = holding.security_groups.iter().flatten();
            ids.chain(groups).any(|id| name.names(id, holding.account.as_deref()))
                || address.is_some_and(|address| holding.each_address().any(|own| own.parse() == Ok(address)))
        };
        self.all.iter().filter(is_of)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Holding> {
        self.all.iter()
    }

    /// What had the address that a call came from, at that time; all candidates.
    pub(crate) fn of_caller(&self, event: &Event<'_>) -> Vec<CallerInterface> {
        if self.is_empty() {
            return Vec::new();
        }
        let Some(call) = CallFrom::of(event) else { return Vec::new() };
        let told = |holding: &Holding| CallerInterface {
            interface_id: holding.interface_id.clone(),
            instance_id: holding.instance_id.clone(),
            resource_id: holding.resource_id.clone(),
            basis: holding.basis,
            refs: holding.refs.first().into_iter().cloned().collect(),
        };
        let fits = |holding: &&Holding| holding.is_at(call.time) && call.may_be_from(holding.account.as_deref());
        let mut all: Vec<CallerInterface> = self.of_address(call.address).filter(fits).map(told).collect();
        all.dedup();
        all
    }
}

/// Where a call came from, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallFrom<'a> {
    pub(crate) address: IpAddr,
    time: i64,
    is_public: bool,
    has_endpoint: bool,
    accounts: [Option<&'a str>; 2],
}

impl<'a> CallFrom<'a> {
    /// `None` of a call that has no address or no usable time.
    pub(crate) fn of(event: &Event<'a>) -> Option<Self> {
        let address = event.source_ip_address?.parse::<IpAddr>().ok()?.to_canonical();
        Some(Self {
            address,
            time: event.event_time?,
            is_public: !crate::flows::is_internal(address),
            has_endpoint: event.vpc_endpoint_id.is_some(),
            accounts: [event.recipient_account_id, event.user_identity_account_id],
        })
    }

    /// Whether it may have come from an interface of an account. A private address is one of many networks: it counts where the call came through an
    /// endpoint, in an account of the call.
    fn may_be_from(&self, account: Option<&str>) -> bool {
        self.is_public || (self.has_endpoint && account.is_none_or(|account| self.accounts.contains(&Some(account))))
    }
}

/// Adds the observations of a batch of rows.
fn observe(batch: &RecordBatch, all: &mut Vec<Observed>) -> Result<(), TimelineError> {
    let text = |column| Text::of(batch, TABLE, column);
    let (time, goes) = (times(batch, TABLE, "event_time")?, flags(batch, TABLE, "delete_on_termination")?);
    let (decoder, says, event, evidence) = (text("decoder")?, text("observation")?, text("event_id")?, text("evidence_id")?);
    let (groups, index) = (text("security_groups")?, longs(batch, TABLE, "record_index")?);
    let columns = [
        text("interface_id")?,
        text("private_ip_address")?,
        text("ipv6_address")?,
        text("public_ip")?,
        text("instance_id")?,
        text("resource_id")?,
        text("interface_type")?,
        text("vpc_id")?,
        text("subnet_id")?,
        text("attachment_id")?,
        text("allocation_id")?,
        text("association_id")?,
        text("account_id")?,
    ];
    for row in 0..batch.num_rows() {
        let Some(says) = says.get(row).and_then(Says::named) else { continue };
        let own = columns.map(|column| column.get(row).map(str::to_owned));
        let [interface_id, private_ip_address, ipv6_address, public_ip, instance_id, resource_id, interface_type, rest @ ..] = own;
        let [vpc_id, subnet_id, attachment_id, allocation_id, association_id, owner_id] = rest;
        let listed: Option<Vec<String>> = groups.get(row).and_then(|groups| serde_json::from_str(groups).ok());
        let number = if index.is_valid(row) { index.value(row) } else { 0 };
        let place = || format!("{}#{number}", evidence.get(row).unwrap_or_default());
        all.push(Observed {
            time: time.is_valid(row).then(|| time.value(row)),
            is_listed: decoder.get(row) == Some(LISTED),
            reference: event.get(row).map_or_else(place, str::to_owned),
            told: Observation {
                says,
                interface_id,
                private_ip_address,
                ipv6_address,
                public_ip,
                instance_id,
                resource_id,
                interface_type,
                description: None,
                groups: listed,
                vpc_id,
                subnet_id,
                attachment_id,
                allocation_id,
                association_id,
                delete_on_termination: goes.is_valid(row).then(|| goes.value(row)),
                owner_id,
                since: None,
            },
        });
    }
    Ok(())
}
