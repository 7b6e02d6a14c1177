//! Texts by number: rows name the same few files, interfaces and addresses over and over.

use hashbrown::HashMap;

/// Texts, each once.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
    /// The number asked for last: neighbouring rows mostly name the same.
    last: u32,
}

impl Names {
    /// The number of a text, which it gets where it has none.
    pub fn number(&mut self, text: &str) -> u32 {
        if self.texts.get(self.last as usize).is_none_or(|last| last != text) {
            self.last = self.known(text).unwrap_or_else(|| self.add(text));
        }
        self.last
    }

    fn add(&mut self, text: &str) -> u32 {
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), next);
        next
    }

    /// The number of a text that has one.
    #[must_use]
    pub fn known(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    #[must_use]
    pub fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
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
    }
}
