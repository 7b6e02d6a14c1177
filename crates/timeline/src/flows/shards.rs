//! Rows dealt by their interface, and the sums of each deal: no two threads sum the same, so that nothing is put together afterwards, and what one sums at
//! a time is little enough to stay in the processor's cache.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::holders::{Holders, NOBODY};
use super::marks::{Marks, Slots};
use super::own::Owns;
use super::row::{ABSENT, Row};
use super::summing::Asked;
use super::sums::{Key, Side, Sum};
use super::texts::{ByNumber, PARTS, Texts};

/// Rows that wait in a shard until they are summed together: those of all shards are some 400 MB at most.
const WAITING: usize = 65_536;

/// The sums of some interfaces.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) sums: HashMap<Key, Sum>,
    pub(super) own: Owns,
    /// By interface, the latest start of a record that names its instance, and the instance.
    pub(super) instances: HashMap<u32, (i64, u32)>,
    pub(super) holders: Holders,
    pub(super) marks: Marks,
    pub(super) records: u64,
}

/// A shard, and what is not summed yet.
#[derive(Debug, Default)]
struct Filling {
    waiting: Vec<Vec<Row>>,
    count: usize,
    shard: Shard,
}

/// The shards while they are filled.
#[derive(Debug)]
pub(super) struct Shards {
    texts: Arc<Texts>,
    all: Vec<Mutex<Filling>>,
}

impl Shards {
    pub(super) fn new(texts: &Arc<Texts>) -> Self {
        Self { texts: Arc::clone(texts), all: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    /// Takes rows of a shard's interfaces.
    pub(super) fn give(&self, number: usize, rows: Vec<Row>, asked: &Asked) {
        let mut filling = self.all[number].lock().unwrap_or_else(PoisonError::into_inner);
        filling.count += rows.len();
        filling.waiting.push(rows);
        if filling.count >= WAITING && asked.is_complete() {
            filling.sum(asked, &self.texts);
        }
    }

    /// The shards, when all rows were given.
    pub(super) fn summed(self, asked: &Asked) -> Vec<Shard> {
        let Self { texts, all } = self;
        let summed = |filling: Mutex<Filling>| {
            let mut filling = filling.into_inner().unwrap_or_else(PoisonError::into_inner);
            filling.sum(asked, &texts);
            filling.shard
        };
        all.into_par_iter().map(summed).collect()
    }
}

impl Filling {
    fn sum(&mut self, asked: &Asked, texts: &Texts) {
        self.shard.sums.reserve(self.count);
        for row in std::mem::take(&mut self.waiting).into_iter().flatten() {
            self.shard.take(&row, asked, texts);
        }
        self.count = 0;
    }
}

impl Shard {
    /// Takes a row.
    pub(super) fn take(&mut self, row: &Row, asked: &Asked, texts: &Texts) {
        let interface = row.key.interface;
        self.own.learn(interface, row.ends.map(|end| (end != ABSENT).then_some(end)), &ByNumber);
        if row.instance != ABSENT {
            let start = if row.start == i64::MAX { i64::MIN } else { row.start };
            self.later(interface, (start, row.instance), texts);
        }
        if !row.is_summed {
            return;
        }
        self.records += 1;
        let holder = asked.interfaces().map_or(NOBODY, |known| self.holders.at(interface, row.start, known, texts));
        let key = Key { holder, ..row.key };
        let sum = add(&mut self.sums, key, row, texts);
        if asked.seeks_marks {
            self.marks.take(&mut sum.slots, &key, row);
        }
    }

    /// Keeps the instance that the latest record of an interface names; of two at one time the one that comes last by name.
    fn later(&mut self, interface: u32, new: (i64, u32), texts: &Texts) {
        let kept = self.instances.entry(interface).or_insert(new);
        if new.0 > kept.0 || (new.0 == kept.0 && texts.is_before(kept.1, new.1)) {
            *kept = new;
        }
    }
}

/// Numbers what marks noted as if one list had all, and gathers it.
pub(super) fn gathered(shards: &mut [Shard]) -> Marks {
    let mut all = Marks::default();
    let mut places = Vec::new();
    for shard in &mut *shards {
        places.push(all.append(std::mem::take(&mut shard.marks)));
    }
    let moved = |(shard, (outward, attempt)): (&mut Shard, (u32, u32))| {
        shard.sums.values_mut().for_each(|sum| sum.slots.shift(outward, attempt));
    };
    shards.par_iter_mut().zip(places).for_each(moved);
    all
}

/// Adds to a sum, which begins with nothing.
fn add<'s>(sums: &'s mut HashMap<Key, Sum>, key: Key, row: &Row, texts: &Texts) -> &'s mut Sum {
    let none = || Sum {
        side: Side::default(),
        first: i64::MAX,
        last: i64::MIN,
        evidence: row.evidence,
        index: row.index,
        slots: Slots::default(),
    };
    let sum = sums.entry(key).or_insert_with(none);
    sum.side.add(&Side { records: 1, packets: row.packets, bytes: row.bytes });
    sum.last = sum.last.max(row.end);
    let is_first = || {
        if row.evidence == sum.evidence { row.index < sum.index } else { texts.is_before(row.evidence, sum.evidence) }
    };
    if row.start < sum.first || (row.start == sum.first && is_first()) {
        (sum.first, sum.evidence, sum.index) = (row.start, row.evidence, row.index);
    }
    sum
}
