//! Which copies of an event are shown, and when two copies say the same (design.md section 4, "Duplicates").
//!
//! Copies that state the same form a class, of which one is shown. A class is not shown where another states all that it states,
//! and more: a field was omitted in it, or it is an extract of some columns. What remains are the copies of which none says all
//! that another says; they are the same whichever of the others came first, or were left out before. So the choice depends on
//! the copies alone, and the rows of a store are a function of the set of evidence in it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use backtrail_model::evidence::RawForm;
use sha2::{Digest, Sha256};

/// How the copies of one event are compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// What a record states, given its raw text and whether that is an extract, cells of a table: the same bytes wherever the same is stated.
    /// `None` where it has no such form: then its bytes tell.
    pub statement: fn(raw: &str, is_extract: bool) -> Option<Vec<u8>>,
    /// Of the different statements of one event, those covered by another one, which states all of it and more.
    pub covered: fn(statements: &[&[u8]]) -> Vec<bool>,
}

/// A SHA-256.
pub(crate) type Sha = [u8; 32];

/// The event's identity: `dedupe_key`.
pub(crate) type Key = [u8; 16];

/// Hashes keys: every row of a store is looked up. Seeded anew each time, so that nobody can choose ids that meet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyHasher([u64; 2]);

impl Default for KeyHasher {
    fn default() -> Self {
        let seed = RandomState::new();
        Self([seed.hash_one(0), seed.hash_one(1)])
    }
}

impl KeyHasher {
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        let bits = u128::from_le_bytes(*key);
        let product = u128::from((bits >> 64) as u64 ^ self.0[0]) * u128::from(bits as u64 ^ self.0[1]);
        (product >> 64) as u64 ^ product as u64
    }
}

/// One copy of an event, as far as choosing needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy {
    /// What it says: copies of one class are the same record.
    pub(crate) class: Sha,
    pub(crate) rank: i32,
    pub(crate) sha: Sha,
    pub(crate) is_extract: bool,
    pub(crate) evidence: Sha,
    pub(crate) index: i64,
}

impl Copy {
    /// Whether both are one copy, read twice.
    pub(crate) fn is_same_copy(&self, other: &Self) -> bool {
        self.evidence == other.evidence && self.index == other.index && self.has_content_of(other)
    }

    /// Whether both have the same bytes, and these mean the same.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        self.sha == other.sha && self.is_extract == other.is_extract
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.rank, &self.sha, &self.evidence, self.index).cmp(&(other.rank, &other.sha, &other.evidence, other.index))
    }
}

/// The copies shown, by their class: the first of each class that is not covered.
pub(crate) fn shown(copies: &[Copy], covered: &HashSet<Sha>) -> HashMap<Sha, usize> {
    let mut best: HashMap<Sha, usize> = HashMap::new();
    for (i, copy) in copies.iter().enumerate().filter(|(_, c)| !covered.contains(&c.class)) {
        best.entry(copy.class).and_modify(|b| *b = if copy.order(&copies[*b]) == Ordering::Less { i } else { *b }).or_insert(i);
    }
    best
}

/// Different statements of one event, by their class.
#[derive(Debug, Default)]
pub(crate) struct Statements(BTreeMap<Sha, Vec<u8>>);

impl Statements {
    /// Takes in what a copy states; returns its class.
    pub(crate) fn take(&mut self, raw: &str, copy: &Copy, compare: Comparison) -> Sha {
        let Some(statement) = (compare.statement)(raw, copy.is_extract) else { return copy.sha };
        let class = Sha256::digest(&statement).into();
        self.0.entry(class).or_insert(statement);
        class
    }

    /// The classes that others cover.
    pub(crate) fn covered(&self, compare: Comparison) -> HashSet<Sha> {
        if self.0.len() < 2 {
            return HashSet::new();
        }
        let statements: Vec<&[u8]> = self.0.values().map(Vec::as_slice).collect();
        let covered = (compare.covered)(&statements);
        self.0.keys().zip(covered).filter(|(_, is_covered)| *is_covered).map(|(class, _)| *class).collect()
    }
}

/// The class of a copy that differs from another one of its event: by what it states, by its bytes where it has no such form.
pub(crate) fn class_of(raw: &str, copy: &Copy, compare: Comparison) -> Sha {
    (compare.statement)(raw, copy.is_extract).map_or(copy.sha, |statement| Sha256::digest(statement).into())
}

/// Whether a raw form means that `raw` is an extract, no record.
pub(crate) fn is_extract(raw_form: &str) -> bool {
    raw_form == RawForm::Projected.as_str()
}

/// A hash given as hex; anything else is hashed, so that it has an order all the same.
pub(crate) fn sha(text: &str) -> Sha {
    let mut bytes = [0; 32];
    match const_hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => bytes,
        Err(_) => Sha256::digest(text.as_bytes()).into(),
    }
}

/// A key as stored; one that is not 16 bytes is hashed, so that it is one all the same.
pub(crate) fn key(bytes: &[u8]) -> Key {
    bytes.try_into().unwrap_or_else(|_| {
        let digest = Sha256::digest(bytes);
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(class: u8, rank: i32, sha: u8, evidence: u8) -> Copy {
        Copy { class: [class; 32], rank, sha: [sha; 32], is_extract: false, evidence: [evidence; 32], index: 0 }
    }

    #[test]
    fn the_best_route_is_shown_then_the_lowest_hash_whatever_the_order() {
        let mut copies = vec![copy(1, 60, 1, 1), copy(1, 10, 9, 2), copy(1, 10, 5, 3), copy(1, 10, 5, 4)];
        for _ in 0..copies.len() {
            let best = shown(&copies, &HashSet::new());
            assert_eq!(copies[best[&[1; 32]]].evidence, [3; 32]);
            copies.rotate_left(1);
        }
    }

    #[test]
    fn different_contents_are_all_shown() {
        let best = shown(&[copy(1, 10, 1, 1), copy(2, 60, 2, 2), copy(1, 20, 3, 3)], &HashSet::new());
        assert_eq!(best.len(), 2);
        assert_eq!((best[&[1; 32]], best[&[2; 32]]), (0, 1));
    }

    #[test]
    fn a_copy_that_another_covers_is_not_shown_however_good_its_route() {
        let best = shown(&[copy(1, 10, 1, 1), copy(2, 60, 2, 2), copy(1, 20, 3, 3)], &HashSet::from([[1; 32]]));
        assert_eq!(best, HashMap::from([([2; 32], 1)]));
    }
}
