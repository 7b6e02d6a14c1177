//! Which interfaces were an instance's, as flow records say that name both.

use std::collections::{BTreeMap, BTreeSet};

use super::doors::Door;
use crate::flows::{NO_INTERFACE, Records};

/// What flow records say of it.
pub(super) const NAMED: &str = "instance_id";

/// The first record that names an instance and an interface, and the end of the last one, Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    first: (i64, String, i64),
    last: i64,
}

/// Of instances that changes are about, the interfaces.
#[derive(Debug, Default)]
pub(super) struct Instances {
    wanted: BTreeSet<String>,
    seen: BTreeMap<(String, String), Seen>,
}

impl Instances {
    /// Those that changes name.
    pub(super) fn of_doors(doors: &[Door]) -> Self {
        Self { wanted: doors.iter().filter_map(Door::instance).map(str::to_owned).collect(), ..Self::default() }
    }

    /// Whether nobody asks.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Takes what records say.
    pub(super) fn learn(&mut self, records: &Records<'_>) {
        let rows = if self.wanted.is_empty() { 0 } else { records.rows };
        for row in 0..rows {
            let Some(instance) = records.instance.get(row).filter(|instance| self.wanted.contains(*instance)) else { continue };
            let (Some(start), Some(end), interface) = (records.start(row), records.end(row), records.interface(row)) else { continue };
            if interface == NO_INTERFACE {
                continue;
            }
            let (evidence, index) = records.place(row);
            self.meet((instance, interface), (start, evidence.to_owned(), index), end);
        }
    }

    fn meet(&mut self, (instance, interface): (&str, &str), first: (i64, String, i64), last: i64) {
        let key = (instance.to_owned(), interface.to_owned());
        let seen = self.seen.entry(key).or_insert_with(|| Seen { first: first.clone(), last });
        seen.last = seen.last.max(last);
        // The same whatever order records come in.
        if first < seen.first {
            seen.first = first;
        }
    }

    /// The interfaces that were an instance's before and after a second, each with the citation of a record.
    pub(super) fn at<'s>(&'s self, instance: &str, second: i64) -> impl Iterator<Item = (&'s str, String)> {
        let is_at = move |seen: &Seen| seen.first.0 <= second && second <= seen.last;
        let all = self.seen.iter().filter(move |((of, _), seen)| of == instance && is_at(seen));
        all.map(|((_, interface), seen)| (interface.as_str(), format!("{}#{}", seen.first.1, seen.first.2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_an_instances_between_two_records_that_say_so() {
        let mut instances = Instances::default();
        for (interface, start) in [("eni-1", 700), ("eni-1", 100), ("eni-2", 700), ("eni-2", 800)] {
            instances.meet(("i-1", interface), (start, "e".to_owned(), start), start + 60);
        }
        let at = |instance: &str, second: i64| instances.at(instance, second).collect::<Vec<_>>();
        assert_eq!(at("i-1", 400), [("eni-1", "e#100".to_owned())]);
        assert_eq!(at("i-1", 760), [("eni-1", "e#100".to_owned()), ("eni-2", "e#700".to_owned())]);
        assert_eq!((at("i-1", 99), at("i-1", 900), at("i-2", 400)), (vec![], vec![], vec![]));
    }
}
