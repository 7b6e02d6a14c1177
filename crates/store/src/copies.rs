//! Which of several copies of an event is shown, and when two copies are the same record (design.md section 4, "Duplicates").
//!
//! The choice depends on the copies alone, never on which came first, so that the rows of a store are a function of
//! the set of evidence in it.

use std::cmp::Ordering;
use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::Canonicalise;

/// A SHA-256.
pub(crate) type Sha = [u8; 32];

/// The event's identity: `dedupe_key`.
pub(crate) type Key = [u8; 16];

/// One copy of an event, as far as choosing needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy {
    /// What it says: copies of one class are the same record.
    pub(crate) class: Sha,
    pub(crate) rank: i32,
    pub(crate) sha: Sha,
    pub(crate) evidence: Sha,
    pub(crate) index: i64,
}

impl Copy {
    /// Whether both are one copy, read twice.
    pub(crate) fn is_same_copy(&self, other: &Self) -> bool {
        self.evidence == other.evidence && self.index == other.index && self.sha == other.sha
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.rank, &self.sha, &self.evidence, self.index).cmp(&(other.rank, &other.sha, &other.evidence, other.index))
    }
}

/// The copies shown, by their class: the first of the lowest in each.
pub(crate) fn shown(copies: &[Copy]) -> HashMap<Sha, usize> {
    let mut best: HashMap<Sha, usize> = HashMap::new();
    for (i, copy) in copies.iter().enumerate() {
        best.entry(copy.class).and_modify(|b| *b = if copy.order(&copies[*b]) == Ordering::Less { i } else { *b }).or_insert(i);
    }
    best
}

/// The class of a record: by its canonical form, by its bytes where it has none.
pub(crate) fn class_of(raw: &str, sha: &Sha, canonicalise: Canonicalise) -> Sha {
    canonicalise(raw).map_or(*sha, |canonical| Sha256::digest(canonical).into())
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
        Copy { class: [class; 32], rank, sha: [sha; 32], evidence: [evidence; 32], index: 0 }
    }

    #[test]
    fn the_best_route_is_shown_then_the_lowest_hash_whatever_the_order() {
        let mut copies = vec![copy(1, 60, 1, 1), copy(1, 10, 9, 2), copy(1, 10, 5, 3), copy(1, 10, 5, 4)];
        for _ in 0..copies.len() {
            let best = shown(&copies);
            assert_eq!(copies[best[&[1; 32]]].evidence, [3; 32]);
            copies.rotate_left(1);
        }
    }

    #[test]
    fn different_contents_are_all_shown() {
        let best = shown(&[copy(1, 10, 1, 1), copy(2, 60, 2, 2), copy(1, 20, 3, 3)]);
        assert_eq!(best.len(), 2);
        assert_eq!((best[&[1; 32]], best[&[2; 32]]), (0, 1));
    }
}
