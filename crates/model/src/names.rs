//! Texts by number: rows name the same few files, interfaces and addresses over and over.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts, each once, one behind the other.
#[derive(Debug, Default)]
pub struct Names {
    hasher: DefaultHashBuilder,
    numbers: HashTable<u32>,
    all: String,
    /// Where each text ends in `all`.
    ends: Vec<usize>,
    /// The number asked for last: neighbouring rows mostly name the same.
    last: u32,
}

impl Names {
    /// The number of a text, which it gets where it has none.
    pub fn number(&mut self, text: &str) -> u32 {
        if self.ends.len() <= self.last as usize || self.text(self.last) != text {
            self.last = self.known(text).unwrap_or_else(|| self.add(text));
        }
        self.last
    }

    fn add(&mut self, text: &str) -> u32 {
        let next = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.push_str(text);
        self.ends.push(self.all.len());
        let (hasher, all, ends) = (&self.hasher, &self.all, &self.ends);
        self.numbers.insert_unique(hasher.hash_one(text), next, |number| hasher.hash_one(at(all, ends, *number)));
        next
    }

    /// The number of a text that has one.
    #[must_use]
    pub fn known(&self, text: &str) -> Option<u32> {
        self.numbers.find(self.hasher.hash_one(text), |number| self.text(*number) == text).copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a number.
    #[must_use]
    pub fn text(&self, number: u32) -> &str {
        at(&self.all, &self.ends, number)
    }

    /// The texts in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        (0..).zip(&self.ends).map(|(number, _)| self.text(number))
    }
}

fn at<'a>(all: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let from = number.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end);
    ends.get(number).and_then(|to| all.get(from..*to)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut names = Names::default();
        assert_eq!(["a", "b", "b", "a", ""].map(|text| names.number(text)), [0, 1, 1, 0, 2]);
        assert_eq!((names.known("b"), names.known("c")), (Some(1), None));
        assert_eq!((names.text(1), names.text(9)), ("b", ""));
        assert_eq!(names.texts().collect::<Vec<_>>(), ["a", "b", ""]);
    }
}
