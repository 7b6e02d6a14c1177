//! An interface's own address, told by all its records: of its own side they have its primary private address, so that it is what all of them have.
//! Addresses of the two families are told apart, for an interface may have one of each.

use hashbrown::HashMap;

use super::address::is_internal;
use super::numbers::Numbers;

/// What is asked of addresses by number.
pub(crate) trait Addresses {
    /// Whether it is one of IPv6.
    fn is_six(&self, number: u32) -> bool;
    /// Whether it is of no public network.
    fn is_inside(&self, number: u32) -> bool;
}

impl<const N: usize> Addresses for Numbers<N> {
    fn is_six(&self, number: u32) -> bool {
        self.text(number).contains(':')
    }

    fn is_inside(&self, number: u32) -> bool {
        self.text(number).parse().is_ok_and(is_internal)
    }
}

/// The addresses that all records of one family have, two at most; `None` where no record was met.
type Common = Option<[Option<u32>; 2]>;

/// By interface, what all records of IPv4 and of IPv6 have. Whatever order they come in, it is the same.
#[derive(Debug, Default)]
pub(crate) struct Owns(HashMap<u32, [Common; 2]>);

impl Owns {
    /// Learns from the two ends of a record.
    pub(crate) fn learn(&mut self, interface: u32, ends: [Option<u32>; 2], names: &impl Addresses) {
        let families = self.0.entry(interface).or_default();
        // Most records have what all had so far, and tell nothing new.
        if families.iter().flatten().any(|common| is_told(common, ends)) {
            return;
        }
        if let Some(family) = family(ends, names) {
            meet(&mut families[family], ends);
        }
    }

    /// The interface's own address of the family of these ends, where records tell it: of two that all have, the one that is inside.
    pub(crate) fn of(&self, interface: u32, ends: [u32; 2], names: &impl Addresses) -> Option<u32> {
        self.of_family(interface, family(ends.map(Some), names)?, names)
    }

    /// The interface's own addresses of both families.
    pub(crate) fn both(&self, interface: u32, names: &impl Addresses) -> [Option<u32>; 2] {
        [0, 1].map(|family| self.of_family(interface, family, names))
    }

    fn of_family(&self, interface: u32, family: usize, names: &impl Addresses) -> Option<u32> {
        let common = self.0.get(&interface)?.get(family)?.as_ref()?;
        match *common {
            [Some(one), None] | [None, Some(one)] => Some(one),
            [Some(one), Some(other)] if one != other => match (names.is_inside(one), names.is_inside(other)) {
                (true, false) => Some(one),
                (false, true) => Some(other),
                _ => None,
            },
            [one, _] => one,
        }
    }
}

/// Leaves what both have.
fn meet(common: &mut Common, ends: [Option<u32>; 2]) {
    *common = Some(match *common {
        Some(known) => known.map(|address| address.filter(|a| ends.contains(&Some(*a)))),
        None => ends,
    });
}

/// Whether a record has all that is left of what records have.
fn is_told(common: &[Option<u32>; 2], ends: [Option<u32>; 2]) -> bool {
    common.iter().any(Option::is_some) && common.iter().flatten().all(|address| ends.contains(&Some(*address)))
}

/// 0 of IPv4 addresses, 1 of IPv6.
fn family(ends: [Option<u32>; 2], names: &impl Addresses) -> Option<usize> {
    let [one, other] = ends;
    one.or(other).map(|address| usize::from(names.is_six(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_records_of_a_family_have_is_the_interfaces_own_in_whatever_order() {
        let mut names = Numbers::<1>::default();
        let [own, peer, other, six, far] =
            ["10.0.0.5", "10.0.0.6", "198.51.100.7", "fd00::5", "2001:db8::1"].map(|text| names.number(text));
        let mut records = [[own, peer], [six, far], [other, own], [far, six], [own, other]];
        for _ in 0..records.len() {
            records.rotate_left(1);
            let mut owns = Owns::default();
            records.iter().for_each(|ends| owns.learn(9, ends.map(Some), &names));
            assert_eq!(owns.of(9, [other, own], &names), Some(own));
            assert_eq!(owns.of(9, [far, six], &names), Some(six), "of two that all have, the one inside");
            assert_eq!(owns.of(8, [own, peer], &names), None);
        }
    }

    #[test]
    fn what_not_all_records_have_is_no_interfaces_own() {
        let mut names = Numbers::<1>::default();
        let [a, b, c, d] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map(|text| names.number(text));
        let mut owns = Owns::default();
        [[a, b], [c, d]].iter().for_each(|ends| owns.learn(0, ends.map(Some), &names));
        assert_eq!(owns.of(0, [a, b], &names), None);
    }
}
