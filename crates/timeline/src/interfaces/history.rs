//! From observations to what was so from when to when: a pure function of the set of observations, whatever order they are read in.

mod listed;

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::interfaces::{Observation, Says};
use hashbrown::{HashMap, HashSet};

use super::holding::{Address, HeldBy, Holding};

/// An observation, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Observed {
    /// Microseconds UTC: of a call when it was made, of a listing since when what it lists is known to be so.
    pub(crate) time: Option<i64>,
    pub(crate) is_listed: bool,
    /// Citation.
    pub(crate) reference: String,
    pub(crate) told: Observation,
}

/// What an interface is called: by its id, else by the instance or service that has one nobody names.
type Name = String;

/// A public address at an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Public {
    ip: Option<String>,
    association: Option<String>,
    is_allocated: bool,
}

/// An interface at a time.
#[derive(Debug, Clone, Default)]
struct State {
    told: Observation,
    /// By its own address; under nothing, a public address of which nobody says where it leads.
    addresses: BTreeMap<Option<String>, Public>,
    /// The first that was listed: where a call names none, it means this.
    primary: Option<String>,
    since: Option<i64>,
    reference: String,
    is_gone: bool,
}

/// What ids stand for: none of them is ever given to something else.
#[derive(Debug, Default)]
struct Ids {
    allocations: HashMap<String, String>,
    attachments: HashMap<String, String>,
}

#[derive(Debug, Default)]
struct History {
    ids: Ids,
    states: BTreeMap<Name, State>,
    /// By instance, what ever belonged to it: a call names an instance, and there are as many as interfaces.
    of_instances: HashMap<String, BTreeSet<Name>>,
    /// By public address and by its association, what ever had it.
    of_publics: HashMap<String, BTreeSet<Name>>,
    /// By VPC and address, what had it last.
    in_vpcs: HashMap<(String, String), Name>,
    holdings: Vec<Holding>,
}

/// Works out who had which address when.
pub(crate) fn holdings(mut observed: Vec<Observed>) -> Vec<Holding> {
    // Several records of one event, and several listings of one state, say the same: the least citation stands.
    observed.sort_by(|a, b| (a.time, order(a.told.says), &a.reference, &a.told).cmp(&(b.time, order(b.told.says), &b.reference, &b.told)));
    let mut are_first = are_first(&observed).into_iter();
    observed.retain(|_| are_first.next().unwrap_or(true));
    let mut history = History { ids: Ids::of(&observed), ..History::default() };
    let (mut listed, called): (Vec<Observed>, Vec<Observed>) = observed.into_iter().partition(|one| one.is_listed);
    // Whole interfaces first, then lists of addresses, which say less of the same.
    listed.sort_by_key(|one| (order(one.told.says), one.time.is_none()));
    let mut rest = called.as_slice();
    while let Some(first) = rest.first() {
        let same = |one: &Observed| first.told.says == Says::State && first.time.is_some() && is_of_one(first, one);
        let count = rest.iter().take_while(|one| same(one)).count().max(1);
        let (group, after) = rest.split_at(count);
        if let Some(time) = first.time {
            history.take(group, time);
        }
        rest = after;
    }
    history.close_all();
    history.take_listed(&listed);
    let mut all = history.holdings;
    all.sort();
    all.dedup();
    all
}

/// Of each observation, whether none before it says the same of the same time.
fn are_first(observed: &[Observed]) -> Vec<bool> {
    let mut known = HashSet::with_capacity(observed.len());
    observed.iter().map(|one| known.insert((one.time, &one.told))).collect()
}

/// Within one instant: what begins before what ends, so that an address that moves ends where it was.
fn order(says: Says) -> u8 {
    match says {
        Says::Allocated => 0,
        Says::State => 1,
        Says::Attached | Says::Assigned | Says::Groups => 2,
        Says::Associated => 3,
        Says::Disassociated | Says::Unassigned | Says::Detached => 4,
        Says::Stopped | Says::Terminated => 5,
        Says::Deleted | Says::Released => 6,
    }
}

/// Whether two observations are of one interface in one record.
fn is_of_one(a: &Observed, b: &Observed) -> bool {
    (a.time, a.is_listed, &a.reference, name(&a.told)) == (b.time, b.is_listed, &b.reference, name(&b.told)) && b.told.says == Says::State
}

fn name(told: &Observation) -> Option<Name> {
    told.interface_id.clone().or_else(|| told.instance_id.clone()).or_else(|| told.resource_id.clone())
}

impl Ids {
    fn of(observed: &[Observed]) -> Self {
        let mut ids = Self::default();
        for told in observed.iter().map(|one| &one.told) {
            if let Some((allocation, ip)) = told.allocation_id.as_ref().zip(told.public_ip.as_ref()) {
                ids.allocations.insert(allocation.clone(), ip.clone());
            }
            if let Some((attachment, interface)) = told.attachment_id.as_ref().zip(told.interface_id.as_ref()) {
                ids.attachments.insert(attachment.clone(), interface.clone());
            }
        }
        ids
    }

    fn public(&self, told: &Observation) -> Option<String> {
        told.public_ip.clone().or_else(|| self.allocations.get(told.allocation_id.as_ref()?).cloned())
    }
}

impl State {
    fn begun(told: &Observation, time: i64, reference: &str) -> Self {
        Self { told: told.clone(), since: Some(time), reference: reference.to_owned(), ..Self::default() }
    }

    /// What was so until now.
    fn holding(&self, to: Option<(i64, &str)>) -> Holding {
        let addresses = self.addresses.iter().map(|(address, public)| Address { address: address.clone(), public_ip: public.ip.clone() });
        let told = &self.told;
        let mut refs = vec![self.reference.clone()];
        refs.extend(to.map(|(_, reference)| reference.to_owned()));
        Holding {
            interface_id: told.interface_id.clone(),
            instance_id: told.instance_id.clone(),
            resource_id: told.resource_id.clone(),
            interface_type: told.interface_type.clone(),
            addresses: addresses.filter(|a| a.address.is_some() || a.public_ip.is_some()).collect(),
            security_groups: told.groups.clone(),
            vpc_id: told.vpc_id.clone(),
            subnet_id: told.subnet_id.clone(),
            account: told.owner_id.clone(),
            from: self.since,
            to: to.map(|(time, _)| time),
            basis: HeldBy::Calls,
            refs,
        }
    }

    /// Whether a holding would be the same but for its time.
    fn says_the_same_as(&self, other: &Self) -> bool {
        fn told(state: &State) -> [&Option<String>; 7] {
            let told = &state.told;
            [&told.interface_id, &told.instance_id, &told.resource_id, &told.interface_type, &told.vpc_id, &told.subnet_id, &told.owner_id]
        }
        fn addresses(state: &State) -> impl Iterator<Item = (&Option<String>, &Option<String>)> {
            let pairs = state.addresses.iter().map(|(address, public)| (address, &public.ip));
            pairs.filter(|(address, public)| address.is_some() || public.is_some())
        }
        told(self) == told(other) && self.told.groups == other.told.groups && addresses(self).eq(addresses(other))
    }

    /// Takes over what an observation says of the interface itself.
    fn learn(&mut self, told: &Observation) {
        let own = &mut self.told;
        let pairs = [
            (&mut own.interface_id, &told.interface_id),
            (&mut own.instance_id, &told.instance_id),
            (&mut own.resource_id, &told.resource_id),
            (&mut own.interface_type, &told.interface_type),
            (&mut own.vpc_id, &told.vpc_id),
            (&mut own.subnet_id, &told.subnet_id),
            (&mut own.owner_id, &told.owner_id),
            (&mut own.attachment_id, &told.attachment_id),
        ];
        for (own, told) in pairs {
            if told.is_some() {
                own.clone_from(told);
            }
        }
        if told.groups.is_some() {
            own.groups.clone_from(&told.groups);
        }
        own.delete_on_termination = told.delete_on_termination.or(own.delete_on_termination);
    }

    fn put(&mut self, told: &Observation, public: Option<String>) {
        let address = told.private_ip_address.clone().or_else(|| told.ipv6_address.clone());
        if self.primary.is_none() {
            self.primary.clone_from(&told.private_ip_address);
        }
        if address.is_none() && public.is_none() {
            return;
        }
        let is_allocated = told.allocation_id.is_some() || told.association_id.is_some();
        let entry = self.addresses.entry(address).or_default();
        if public.is_some() {
            *entry = Public { ip: public, association: told.association_id.clone(), is_allocated };
        }
    }
}

impl History {
    /// What calls made in one instant say of one interface; of most, one observation.
    fn take(&mut self, group: &[Observed], time: i64) {
        let [first, ..] = group else { return };
        let (told, at) = (&first.told, (time, first.reference.as_str()));
        match told.says {
            Says::State => self.state(group, at),
            Says::Attached => self.change(told.interface_id.clone(), at, |state, _| state.learn(told)),
            Says::Detached => {
                let interface = told.interface_id.clone().or_else(|| self.ids.attachments.get(told.attachment_id.as_ref()?).cloned());
                self.change_known(interface, at, |state| (state.told.instance_id, state.told.attachment_id) = (None, None));
            }
            Says::Deleted => self.delete(told, at),
            Says::Associated => self.associate(told, at),
            Says::Disassociated => self.disassociate(told, at),
            Says::Assigned => {
                self.change(told.interface_id.clone(), at, |state, _| state.put(told, None));
                self.displace(told.interface_id.as_deref(), at);
            }
            Says::Unassigned => {
                let address = told.private_ip_address.clone().or_else(|| told.ipv6_address.clone());
                self.change_known(told.interface_id.clone(), at, |state| _ = state.addresses.remove(&address));
            }
            Says::Groups => {
                let name = told.interface_id.clone().or_else(|| self.first_of(told.instance_id.as_ref()?));
                self.change(name, at, |state, _| state.told.groups.clone_from(&told.groups));
            }
            Says::Stopped => {
                for name in self.all_of(told.instance_id.as_deref()) {
                    self.change_known(Some(name), at, |state| {
                        state.addresses.values_mut().filter(|public| !public.is_allocated).for_each(|public| *public = Public::default());
                    });
                }
            }
            Says::Terminated => self.terminate(told, at),
            // What an allocation is was learned beforehand; an address must be free before it is released.
            Says::Allocated | Says::Released => {}
        }
    }

    /// Changes an interface, which is new where nothing was said of it before.
    fn change(&mut self, name: Option<Name>, (time, reference): (i64, &str), change: impl FnOnce(&mut State, &Ids)) {
        let Some(name) = name else { return };
        let is_interface = name.starts_with("eni-");
        let before = self.states.get(&name).filter(|state| !state.is_gone).cloned();
        let mut state = before.clone().unwrap_or_else(|| {
            let told = Observation { interface_id: is_interface.then(|| name.clone()), ..Observation::default() };
            State::begun(&told, time, reference)
        });
        change(&mut state, &self.ids);
        if let Some(before) = before {
            if state.says_the_same_as(&before) {
                self.keep(name, state);
                return;
            }
            if before.since < Some(time) {
                self.holdings.push(before.holding(Some((time, reference))));
            }
        }
        (state.since, state.reference) = (Some(time), reference.to_owned());
        self.keep(name, state);
    }

    fn keep(&mut self, name: Name, state: State) {
        if let Some(instance) = &state.told.instance_id {
            let of_instance = self.of_instances.entry_ref(instance.as_str()).or_default();
            if !of_instance.contains(&name) {
                of_instance.insert(name.clone());
            }
        }
        for known in state.addresses.values().flat_map(|public| [&public.ip, &public.association]).flatten() {
            let of_public = self.of_publics.entry_ref(known.as_str()).or_default();
            if !of_public.contains(&name) {
                of_public.insert(name.clone());
            }
        }
        self.states.insert(name, state);
    }

    /// Changes an interface of which something was said before.
    fn change_known(&mut self, name: Option<Name>, at: (i64, &str), change: impl FnOnce(&mut State)) {
        if name.as_ref().is_some_and(|name| self.states.get(name).is_some_and(|state| !state.is_gone)) {
            self.change(name, at, |state, _| change(state));
        }
    }

    fn state(&mut self, group: &[Observed], at: (i64, &str)) {
        let Some(first) = group.first() else { return };
        let has_addresses = group.iter().any(|one| one.told.private_ip_address.is_some() || one.told.ipv6_address.is_some());
        let kept = name(&first.told);
        self.change(kept.clone(), at, |state, ids| {
            state.learn(&first.told);
            if has_addresses {
                // A public address stays with the private one until a call takes it away.
                let before = std::mem::take(&mut state.addresses);
                state.primary = None;
                for one in group {
                    state.put(&one.told, ids.public(&one.told));
                }
                for (address, public) in before {
                    if let Some(entry) = state.addresses.get_mut(&address).filter(|entry| entry.ip.is_none()) {
                        *entry = public;
                    }
                }
            } else {
                group.iter().for_each(|one| state.put(&one.told, ids.public(&one.told)));
            }
        });
        self.displace(kept.as_deref(), at);
    }

    /// In a VPC no two interfaces have one address at a time (VPC user guide, "IP addressing"): whatever had those that this one has now has them no more, though no
    /// call in evidence says so.
    fn displace(&mut self, name: Option<&str>, at: (i64, &str)) {
        let Some((name, state)) = name.and_then(|name| self.states.get_key_value(name)) else { return };
        // What no record names as an interface may be the one that another record names.
        let Some(vpc) = state.told.interface_id.as_ref().and(state.told.vpc_id.as_ref()) else { return };
        let mut displaced: Vec<(Name, String)> = Vec::new();
        for address in state.addresses.keys().flatten() {
            let last = self.in_vpcs.insert((vpc.clone(), address.clone()), name.clone());
            displaced.extend(last.filter(|last| last != name).map(|last| (last, address.clone())));
        }
        displaced.into_iter().for_each(|(name, address)| self.lose(name, address, at));
    }

    /// An interface has an address no more. Its first one it has as long as it is there.
    fn lose(&mut self, name: Name, address: String, at: (i64, &str)) {
        let is_first = self.states.get(&name).is_some_and(|state| state.primary.as_ref() == Some(&address));
        if is_first {
            self.end(&name, at);
        } else {
            self.change_known(Some(name), at, |state| _ = state.addresses.remove(&Some(address)));
        }
    }

    fn delete(&mut self, told: &Observation, at: (i64, &str)) {
        let of_resource = |state: &State| told.resource_id.is_some() && state.told.resource_id == told.resource_id;
        let names: Vec<Name> = match &told.interface_id {
            Some(interface) => vec![interface.clone()],
            None => self.states.iter().filter(|(_, state)| of_resource(state)).map(|(name, _)| name.clone()).collect(),
        };
        names.into_iter().for_each(|name| self.end(&name, at));
    }

    /// The interface is gone.
    fn end(&mut self, name: &str, at: (i64, &str)) {
        let Some(state) = self.states.get_mut(name).filter(|state| !state.is_gone) else { return };
        state.is_gone = true;
        if state.since < Some(at.0) {
            self.holdings.push(state.holding(Some(at)));
        }
        state.since = Some(at.0);
    }

    fn terminate(&mut self, told: &Observation, at: (i64, &str)) {
        for name in self.all_of(told.instance_id.as_deref()) {
            // An interface that came with its instance goes with it, unless somebody wanted otherwise; of one attached later it is the other way round.
            let goes =
                self.states.get(&name).is_some_and(|state| state.told.delete_on_termination.unwrap_or(state.told.interface_id.is_none()));
            if goes {
                self.end(&name, at);
            } else {
                self.change_known(Some(name), at, |state| (state.told.instance_id, state.told.attachment_id) = (None, None));
            }
        }
    }

    /// The interfaces of an instance that are there.
    fn all_of(&self, instance: Option<&str>) -> Vec<Name> {
        let is_of =
            |name: &&Name| self.states.get(*name).is_some_and(|state| !state.is_gone && state.told.instance_id.as_deref() == instance);
        let names = instance.and_then(|instance| self.of_instances.get(instance));
        names.into_iter().flatten().filter(is_of).cloned().collect()
    }

    /// The only interface of an instance; where none is known, the instance stands for it. Of several nobody knows which is meant.
    fn first_of(&self, instance: &str) -> Option<Name> {
        let mut all = self.all_of(Some(instance)).into_iter();
        match (all.next(), all.next()) {
            (None, _) => Some(instance.to_owned()),
            (first, None) => first,
            _ => None,
        }
    }

    fn associate(&mut self, told: &Observation, at: (i64, &str)) {
        let of_resource = |state: &State| !state.is_gone && told.resource_id.is_some() && state.told.resource_id == told.resource_id;
        let by_resource = || self.states.iter().find(|(_, state)| of_resource(state)).map(|(name, _)| name.clone());
        let by_instance = || told.instance_id.as_deref().and_then(|instance| self.first_of(instance));
        let name = told.interface_id.clone().or_else(by_instance).or_else(by_resource).or_else(|| told.resource_id.clone());
        let public = self.ids.public(told);
        // It leaves where it was.
        if let Some(ip) = &public {
            self.take_away(ip, |known| known.ip.as_ref() == Some(ip), at);
        }
        self.change(name, at, |state, _| {
            state.learn(&Observation { private_ip_address: None, ..told.clone() });
            let private = told.private_ip_address.clone().or_else(|| state.primary.clone());
            let association = told.association_id.clone();
            state.addresses.insert(private, Public { ip: public, association, is_allocated: true });
        });
    }

    fn disassociate(&mut self, told: &Observation, at: (i64, &str)) {
        let public = self.ids.public(told);
        // An association that was not seen being made, of something else than what has the address now, says nothing.
        match (&told.association_id, &public) {
            (Some(id), _) => self.take_away(id, |known| known.association.as_ref() == Some(id), at),
            (None, Some(ip)) => self.take_away(ip, |known| known.ip.as_ref() == Some(ip), at),
            (None, None) => {}
        }
    }

    /// Takes public addresses that are meant by themselves or by their association away from where they are.
    fn take_away(&mut self, by: &str, is_meant: impl Fn(&Public) -> bool, at: (i64, &str)) {
        let has = |state: &State| !state.is_gone && state.addresses.values().any(&is_meant);
        let names = self.of_publics.get(by).into_iter().flatten();
        let names: Vec<Name> = names.filter(|name| self.states.get(*name).is_some_and(has)).cloned().collect();
        for name in names {
            self.change_known(Some(name), at, |state| {
                state.addresses.values_mut().filter(|public| is_meant(public)).for_each(|public| *public = Public::default());
                state.addresses.retain(|address, public| address.is_some() || public.ip.is_some());
            });
        }
    }

    /// What still is.
    fn close_all(&mut self) {
        let open = self.states.values().filter(|state| !state.is_gone).map(|state| state.holding(None));
        self.holdings.extend(open);
    }
}
