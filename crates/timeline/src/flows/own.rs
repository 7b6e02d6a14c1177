//! The own addresses of interfaces, as far as records alone tell them: on an interface's own side they always have its primary private address (VPC user
//! guide, "Flow log records"), so that it is what all of them have.

use backtrail_model::names::Names;
use hashbrown::HashMap;

use super::is_internal;

/// The addresses that all records of an interface have, of two at most: one of them is its own. Interfaces and addresses by the numbers of their names.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses(HashMap<u32, [Option<u32>; 2]>);

impl OwnAddresses {
    /// Takes the two ends of a record.
    pub(crate) fn learn(&mut self, interface: u32, ends: [Option<u32>; 2]) {
        if ends.iter().all(Option::is_none) {
            return;
        }
        let own = self.0.entry(interface).or_insert(ends);
        let left = own.map(|candidate| candidate.filter(|c| ends.contains(&Some(*c))));
        // An interface with addresses of both families has two.
        if left.iter().any(Option::is_some) {
            *own = left;
        }
    }

    /// The interface's own address, where records tell it: of two that all have, the one that is inside.
    pub(crate) fn of(&self, interface: u32, names: &Names) -> Option<u32> {
        match *self.0.get(&interface)? {
            [Some(one), None] | [None, Some(one)] => Some(one),
            [Some(one), Some(other)] if one != other => {
                let inside = |a: u32| names.text(a).parse().is_ok_and(is_internal);
                match (inside(one), inside(other)) {
                    (true, false) => Some(one),
                    (false, true) => Some(other),
                    _ => None,
                }
            }
            [one, _] => one,
        }
    }
}
