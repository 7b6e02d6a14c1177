//! Who had an address from one change of hands to the next. What else changes of an interface meanwhile, as its groups, ends nothing.

use std::net::IpAddr;

use hashbrown::HashMap;
use serde::Serialize;

use super::holding::{holder, is_in, shown};
use super::{CallFrom, HeldBy, Holding, Interfaces};

/// An address while an interface had it, and one thing the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenure {
    /// `eni-...`; `null` where no record names it.
    pub interface_id: Option<String>,
    /// The instance it was attached to.
    pub instance_id: Option<String>,
    /// What else had it: behind a NAT gateway there may be many.
    pub resource_id: Option<String>,
    /// Since when, microseconds UTC; `null` where nobody says.
    #[serde(serialize_with = "shown")]
    pub from: Option<i64>,
    /// Until when; `null` where no record ends it.
    #[serde(serialize_with = "shown")]
    pub to: Option<i64>,
    /// How it is known.
    pub basis: HeldBy,
    /// Citations of what says so: what it began with, what changed in between, and what ended it.
    pub refs: Vec<String>,
    #[serde(skip)]
    account: Option<String>,
}

impl Tenure {
    fn of(holding: &Holding) -> Self {
        Self {
            interface_id: holding.interface_id.clone(),
            instance_id: holding.instance_id.clone(),
            resource_id: holding.resource_id.clone(),
            from: holding.from,
            to: holding.to,
            basis: holding.basis,
            refs: holding.refs.clone(),
            account: holding.account.clone(),
        }
    }

    /// Who had it, in a word: the instance, else what else had the interface, else the interface alone.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        holder([&self.instance_id, &self.resource_id, &self.interface_id])
    }

    /// Whose it is, and how that is known.
    fn whose(&self) -> (HeldBy, [&Option<String>; 4]) {
        (self.basis, [&self.interface_id, &self.instance_id, &self.resource_id, &self.account])
    }

    /// Takes in what goes on from it; gives back what does not.
    fn go_on(&mut self, next: Self) -> Option<Self> {
        let is_gap = self.to.is_some_and(|to| next.from.is_some_and(|from| to < from));
        if is_gap || self.whose() != next.whose() {
            return Some(next);
        }
        self.to = self.to.zip(next.to).map(|(one, other)| one.max(other));
        for reference in next.refs {
            if !self.refs.contains(&reference) {
                self.refs.push(reference);
            }
        }
        None
    }
}

/// The tenures of each address, in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Tenures(HashMap<IpAddr, Vec<Tenure>>);

impl Tenures {
    /// Those of all that is known of interfaces.
    pub(crate) fn of(known: &Interfaces) -> Self {
        Self(known.by_address.keys().map(|address| (*address, of_one(known.of_address(*address)))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of an address.
    pub(crate) fn of_address(&self, address: IpAddr) -> &[Tenure] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Which of its address's a call fits, by their places in the order of time.
    pub(crate) fn of_call(&self, call: &CallFrom<'_>) -> impl Iterator<Item = usize> {
        let fits = |tenure: &Tenure| is_in(call.time, tenure.from, tenure.to) && call.may_be_from(tenure.account.as_deref());
        self.of_address(call.address).iter().enumerate().filter(move |(_, tenure)| fits(tenure)).map(|(place, _)| place)
    }
}

/// The tenures of an address, of what had it from change to change.
fn of_one<'h>(holdings: impl Iterator<Item = &'h Holding>) -> Vec<Tenure> {
    let mut all: Vec<Tenure> = holdings.map(Tenure::of).collect();
    all.sort_by(|a, b| (a.whose(), a.from, &a.refs).cmp(&(b.whose(), b.from, &b.refs)));
    let mut joined: Vec<Tenure> = Vec::with_capacity(all.len());
    for next in all {
        let apart = match joined.last_mut() {
            Some(last) => last.go_on(next),
            None => Some(next),
        };
        joined.extend(apart);
    }
    joined.sort_by(|a, b| (a.from, a.whose()).cmp(&(b.from, b.whose())));
    joined
}
