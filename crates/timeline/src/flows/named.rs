//! Interfaces that belonged to what a question names, and when: a security group is in no record, and an instance only in those of some layouts.

use backtrail_model::time::MICROS_PER_SECOND;
use hashbrown::HashMap;

use crate::interfaces::Interfaces;

/// Stretches of Unix seconds, by interface.
#[derive(Debug, Clone, Default)]
pub struct Named(HashMap<String, Vec<(i64, i64)>>);

impl Named {
    /// What these names stand for.
    pub(super) fn of(known: &Interfaces, names: &[String]) -> Self {
        let mut all = Self::default();
        for holding in names.iter().flat_map(|name| known.named(name)) {
            let second = |time: i64| time.div_euclid(MICROS_PER_SECOND);
            let span = (holding.from.map_or(i64::MIN, second), holding.to.map_or(i64::MAX, second));
            if let Some(interface) = &holding.interface_id {
                all.0.entry(interface.clone()).or_default().push(span);
            }
        }
        all
    }

    /// Whether an interface belonged to it at a time.
    pub(super) fn has(&self, interface: &str, time: Option<i64>) -> bool {
        let is_then = |&(from, to): &(i64, i64)| time.is_none_or(|time| from <= time && time < to);
        self.0.get(interface).is_some_and(|spans| spans.iter().any(is_then))
    }
}
