//! What listings say, beside what calls do.

use std::collections::BTreeSet;

use backtrail_model::interfaces::Says;
use hashbrown::HashMap;

use super::{History, Observed, State, is_of_one, name};
use crate::interfaces::holding::{HeldBy, Holding};

impl History {
    /// Adds what listings say and no call does. A listing is of a time that nobody states: it stands from when it says that something began, else
    /// from ever, to when a call ended the interface.
    pub(super) fn take_listed(&mut self, mut listed: &[Observed]) {
        let mut known = ByName::default();
        self.holdings.iter().enumerate().for_each(|(at, holding)| known.add(at, holding));
        while let Some(first) = listed.first() {
            let count = listed.iter().take_while(|one| is_of_one(first, one)).count().max(1);
            let (group, rest) = listed.split_at(count);
            listed = rest;
            if !matches!(first.told.says, Says::State | Says::Associated) {
                continue;
            }
            let mut state = State { told: first.told.clone(), since: first.time, reference: first.reference.clone(), ..State::default() };
            group.iter().for_each(|one| state.put(&one.told, self.ids.public(&one.told)));
            let ended =
                name(&first.told).and_then(|name| self.states.get(&name)).filter(|state| state.is_gone).and_then(|state| state.since);
            let mut holding = Holding { to: ended, basis: HeldBy::Listing, ..state.holding(None) };
            match known.of(&holding).into_iter().find(|at| says_no_more(&holding, &self.holdings[*at])) {
                Some(confirmed) => complete(&mut self.holdings[confirmed], &mut holding),
                None => {
                    known.add(self.holdings.len(), &holding);
                    self.holdings.push(holding);
                }
            }
        }
    }
}

/// Holdings by the ids of their interface and of their instance, neither of which changes.
#[derive(Default)]
struct ByName(HashMap<String, Vec<usize>>);

impl ByName {
    fn add(&mut self, at: usize, holding: &Holding) {
        for id in [&holding.interface_id, &holding.instance_id].into_iter().flatten() {
            self.0.entry_ref(id.as_str()).or_default().push(at);
        }
    }

    /// Those that may be of the same interface, in their order.
    fn of(&self, holding: &Holding) -> BTreeSet<usize> {
        let ids = [&holding.interface_id, &holding.instance_id].into_iter().flatten();
        ids.filter_map(|id| self.0.get(id)).flatten().copied().collect()
    }
}

/// Whether a listing says nothing of an interface's addresses and its instance that is not known.
fn says_no_more(listed: &Holding, known: &Holding) -> bool {
    let is_same = match (&listed.interface_id, &known.interface_id) {
        (Some(a), Some(b)) => a == b && (listed.instance_id.is_none() || listed.instance_id == known.instance_id),
        _ => listed.instance_id.is_some() && listed.instance_id == known.instance_id,
    };
    is_same && listed.addresses.iter().all(|address| known.addresses.contains(address))
}

/// Adds to what is known what else the listing says: what an interface is does not change.
fn complete(known: &mut Holding, listed: &mut Holding) {
    for (known, listed) in [
        (&mut known.interface_type, &mut listed.interface_type),
        (&mut known.resource_id, &mut listed.resource_id),
        (&mut known.vpc_id, &mut listed.vpc_id),
        (&mut known.subnet_id, &mut listed.subnet_id),
        (&mut known.account, &mut listed.account),
    ] {
        if known.is_none() {
            *known = listed.take();
        }
    }
    if known.security_groups.is_none() && known.basis == HeldBy::Listing {
        known.security_groups = listed.security_groups.take();
    }
}
