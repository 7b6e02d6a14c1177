//! Records that are of what a question names: by an id that stands in them, or by an interface that belonged to it at that time, for a security group
//! is in no record, and an instance only in those of some layouts.

use backtrail_model::time::MICROS_PER_SECOND;
use hashbrown::HashMap;

use crate::interfaces::{Interfaces, Sought};

/// What is named.
#[derive(Debug, Clone, Default)]
pub struct Named(Vec<One>);

/// One name, and the interfaces that belonged to it: stretches of Unix seconds, by interface.
#[derive(Debug, Clone)]
struct One {
    name: Sought,
    spans: HashMap<String, Vec<(i64, i64)>>,
}

/// What a record says of whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'r> {
    /// Ids that stand in it.
    pub(super) ids: [Option<&'r str>; 7],
    pub(super) interface: &'r str,
    pub(super) start: Option<i64>,
    pub(super) account: Option<&'r str>,
    pub(super) region: Option<&'r str>,
}

impl Named {
    /// What these names stand for.
    pub(super) fn of(known: &Interfaces, names: &[String]) -> Self {
        Self(names.iter().map(|name| One::of(known, Sought::read(name))).collect())
    }

    /// Whether a record is of any of it.
    pub(super) fn has(&self, whose: &Whose<'_>) -> bool {
        self.0.iter().any(|one| one.has(whose))
    }
}

impl One {
    fn of(known: &Interfaces, name: Sought) -> Self {
        let mut spans: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        for holding in known.named(&name) {
            let second = |time: i64| time.div_euclid(MICROS_PER_SECOND);
            let span = (holding.from.map_or(i64::MIN, second), holding.to.map_or(i64::MAX, second));
            if let Some(interface) = &holding.interface_id {
                spans.entry(interface.clone()).or_default().push(span);
            }
        }
        Self { name, spans }
    }

    fn has(&self, whose: &Whose<'_>) -> bool {
        let is_then = |&(from, to): &(i64, i64)| whose.start.is_none_or(|time| from <= time && time < to);
        let belonged = || self.spans.get(whose.interface).is_some_and(|spans| spans.iter().any(is_then));
        self.name.may_be_in(whose.region) && (whose.ids.iter().flatten().any(|id| self.name.names(id, whose.account)) || belonged())
    }
}
