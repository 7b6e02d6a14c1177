//! Whose an interface was at the time of a record, by what calls and listings say: for traffic by instance and by security group.

use hashbrown::HashMap;

use super::texts::Texts;
use crate::interfaces::{Holding, Interfaces};
use backtrail_model::time::MICROS_PER_SECOND;

/// Nobody is known to have it.
pub(super) const NOBODY: u32 = 0;

/// Who had an interface, by the numbers of the names: the instance or service, and its security groups, one text for all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    pub(super) who: Option<u32>,
    pub(super) groups: Option<u32>,
}

/// A stretch of Unix seconds, and who had the interface then.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
    holder: u32,
}

/// Who had the interfaces that records name, by number.
#[derive(Debug, Default)]
pub(super) struct Holders {
    spans: HashMap<u32, Vec<Span>>,
    numbers: HashMap<Holder, u32>,
    all: Vec<Holder>,
}

impl Holders {
    /// The number of whoever had an interface at a time; [`NOBODY`] where nothing says.
    pub(super) fn at(&mut self, interface: u32, time: i64, known: &Interfaces, names: &Texts) -> u32 {
        if !self.spans.contains_key(&interface) {
            let spans = self.spans_of(interface, known, names);
            self.spans.insert(interface, spans);
        }
        let is_then = |span: &&Span| span.from <= time && time < span.to;
        self.spans.get(&interface).and_then(|spans| spans.iter().find(is_then)).map_or(NOBODY, |span| span.holder)
    }

    /// What calls say comes first, then what listings say.
    fn spans_of(&mut self, interface: u32, known: &Interfaces, names: &Texts) -> Vec<Span> {
        let mut holdings: Vec<&Holding> = known.of_interface(&names.text(interface)).collect();
        holdings.sort_by_key(|holding| (holding.basis, holding.from));
        let mut span = |holding: &Holding| {
            let who = holding.instance_id.as_deref().or(holding.resource_id.as_deref()).map(|name| names.number(name));
            let groups = holding.security_groups.as_ref().filter(|groups| !groups.is_empty());
            let groups = groups.map(|groups| names.number(&groups.join(",")));
            let second = |time: i64| time.div_euclid(MICROS_PER_SECOND);
            let (from, to) = (holding.from.map_or(i64::MIN, second), holding.to.map_or(i64::MAX, second));
            Span { from, to, holder: self.number(Holder { who, groups }) }
        };
        holdings.into_iter().map(&mut span).collect()
    }

    fn number(&mut self, holder: Holder) -> u32 {
        if holder == Holder::default() {
            return NOBODY;
        }
        *self.numbers.entry(holder).or_insert_with(|| {
            self.all.push(holder);
            u32::try_from(self.all.len()).unwrap_or(NOBODY)
        })
    }

    pub(super) fn get(&self, number: u32) -> Holder {
        let place = number.checked_sub(1).and_then(|place| self.all.get(place as usize));
        place.copied().unwrap_or_default()
    }
}
