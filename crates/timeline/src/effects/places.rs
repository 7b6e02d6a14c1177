//! In which subnet and VPC interfaces are: as calls and listings say, and as flow records do. An interface never leaves its subnet (EC2 user guide,
//! "Elastic network interfaces"), so that what is said at any time is so at all times.

use std::collections::BTreeMap;

use super::layout::Layout;
use crate::flows::{NO_INTERFACE, Records};
use crate::interfaces::Interfaces;

/// What flow records say of it.
pub(super) const PLACED: &[&str] = &["vpc_id", "subnet_id"];

/// A subnet or a VPC, and a citation of what says that it is this one.
type Cited = (String, String);

/// What a flow record says, behind the evidence it stands in and its number there.
type Met = (String, i64, String);

/// Where an interface is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) subnet: Option<Cited>,
    pub(super) vpc: Option<Cited>,
}

/// Where interfaces are.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Of each interface, the first flow record that names its VPC, and the first that names its subnet.
    met: BTreeMap<String, [Option<Met>; 2]>,
    of: BTreeMap<String, Place>,
}

impl Places {
    /// Takes what records say.
    pub(super) fn learn(&mut self, records: &Records<'_>) {
        for row in 0..records.rows {
            let told = records.vpc_and_subnet(row);
            let interface = records.interface(row);
            if told == [None, None] || interface == NO_INTERFACE {
                continue;
            }
            if !self.met.contains_key(interface) {
                self.met.insert(interface.to_owned(), [None, None]);
            }
            let (evidence, index) = records.place(row);
            for (known, told) in self.met.get_mut(interface).into_iter().flatten().zip(told) {
                // The same whatever order records come in.
                let is_first = |known: &Met| (evidence, index) < (known.0.as_str(), known.1);
                if let Some(told) = told.filter(|_| known.as_ref().is_none_or(is_first)) {
                    *known = Some((evidence.to_owned(), index, told.to_owned()));
                }
            }
        }
    }

    /// Adds what calls and listings say, which stands where records say something else.
    pub(super) fn finish(&mut self, known: &Interfaces, layout: &Layout) {
        for (interface, met) in std::mem::take(&mut self.met) {
            let [vpc, subnet] = met.map(|met| met.map(|(evidence, index, told)| (told, format!("{evidence}#{index}"))));
            self.of.insert(interface, Place { subnet, vpc });
        }
        let mut said: BTreeMap<String, Place> = BTreeMap::new();
        for holding in known.all() {
            let (Some(interface), Some(reference)) = (&holding.interface_id, holding.refs.first()) else { continue };
            let place = said.entry(interface.clone()).or_default();
            for (place, told) in [(&mut place.subnet, &holding.subnet_id), (&mut place.vpc, &holding.vpc_id)] {
                let new = told.clone().map(|told| (told, reference.clone()));
                *place = place.take().or(new);
            }
        }
        for (interface, said) in said {
            let place = self.of.entry(interface).or_default();
            *place = Place { subnet: said.subnet.or(place.subnet.take()), vpc: said.vpc.or(place.vpc.take()) };
        }
        self.follow_subnets(layout);
    }

    /// An interface is in the VPC of its subnet, whichever evidence names that.
    fn follow_subnets(&mut self, layout: &Layout) {
        let of_subnet: BTreeMap<String, Cited> =
            self.of.values().filter_map(|place| Some((place.subnet.as_ref()?.0.clone(), place.vpc.clone()?))).collect();
        for place in self.of.values_mut().filter(|place| place.vpc.is_none()) {
            let subnet = place.subnet.as_ref().map(|(subnet, _)| subnet);
            place.vpc = subnet.and_then(|subnet| layout.vpc_of(subnet).or_else(|| of_subnet.get(subnet)).cloned());
        }
    }

    /// Where an interface is, as far as anything says it.
    pub(super) fn of(&self, interface: &str) -> Option<&Place> {
        self.of.get(interface)
    }

    /// All interfaces of which anything says where they are.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.of.iter().map(|(interface, place)| (interface.as_str(), place))
    }
}
