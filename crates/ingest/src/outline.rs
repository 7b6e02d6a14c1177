//! The keys of the first objects of a JSON text, with the path to each: enough to tell what kind of document it is, however it is cut off.

/// Deepest nesting that is followed, and most keys that are taken.
const MAX_DEPTH: usize = 24;
const MAX_KEYS: usize = 4000;

/// Keys met, in order, each with its path (keys joined by dots, lists left out) and the start of its value where that is a string.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    entries: Vec<(String, &'a [u8])>,
}

impl<'a> Outline<'a> {
    /// Reads as far as the text is JSON-like: one document, documents one after another, or the beginning of one.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        let mut reader = Reader { text, position: 0, outline: Self::default(), path: String::new() };
        while reader.position < text.len() && reader.outline.entries.len() < MAX_KEYS {
            if !reader.value(0) {
                break;
            }
        }
        reader.outline
    }

    /// Whether a key stands at exactly this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|(p, _)| p == path)
    }

    /// Whether all these keys stand together below `prefix` (empty for the top).
    pub(crate) fn has_all(&self, prefix: &str, keys: &[&str]) -> bool {
        keys.iter().all(|key| if prefix.is_empty() { self.has(key) } else { self.has(&format!("{prefix}.{key}")) })
    }

    /// The string values at a path.
    pub(crate) fn values(&self, path: &str) -> impl Iterator<Item = &'a [u8]> {
        self.entries.iter().filter(move |(p, _)| p == path).map(|(_, v)| *v)
    }

    /// Whether some string at `path` contains `needle`.
    pub(crate) fn says(&self, path: &str, needle: &str) -> bool {
        self.values(path).any(|v| memchr::memmem::find(v, needle.as_bytes()).is_some())
    }

    /// Every place where `key` stands: the path of the object around it.
    pub(crate) fn around<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s str> {
        self.entries.iter().filter_map(move |(path, _)| {
            let rest = path.strip_suffix(key)?;
            if rest.is_empty() { Some("") } else { rest.strip_suffix('.') }
        })
    }

    /// All strings that are values, with their paths.
    pub(crate) fn strings(&self) -> impl Iterator<Item = (&str, &'a [u8])> {
        self.entries.iter().filter(|(_, v)| !v.is_empty()).map(|(p, v)| (p.as_str(), *v))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

struct Reader<'a> {
    text: &'a [u8],
    position: usize,
    outline: Outline<'a>,
    path: String,
}

impl<'a> Reader<'a> {
    /// The next byte that is no space and no separator. Separators are not checked: this is a sniffer.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.position) {
            if byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | 0x1e) {
                self.position += 1;
            } else {
                return Some(*byte);
            }
        }
        None
    }

    /// Passes over one value, noting the keys in it; false where the text is no JSON or ends.
    fn value(&mut self, depth: usize) -> bool {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => {
                self.position += 1;
                if depth >= MAX_DEPTH {
                    return false;
                }
                loop {
                    match self.peek() {
                        Some(b']') => {
                            self.position += 1;
                            return true;
                        }
                        Some(_) if self.value(depth + 1) => {}
                        _ => return false,
                    }
                }
            }
            Some(b'"') => self.string().is_some(),
            Some(byte) if byte == b'-' || byte.is_ascii_alphanumeric() => {
                let rest = &self.text[self.position..];
                let length =
                    rest.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))).unwrap_or(rest.len());
                self.position += length;
                // A word that is none of JSON's means that this is some other text.
                byte == b'-' || byte.is_ascii_digit() || matches!(&rest[..length], b"true" | b"false" | b"null")
            }
            _ => false,
        }
    }

    fn object(&mut self, depth: usize) -> bool {
        self.position += 1;
        if depth >= MAX_DEPTH {
            return false;
        }
        loop {
            match self.peek() {
                Some(b'}') => {
                    self.position += 1;
                    return true;
                }
                Some(b'"') => {}
                _ => return false,
            }
            let Some(key) = self.string() else { return false };
            let length = self.path.len();
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&String::from_utf8_lossy(&key[..key.len().min(200)]));
            let text = self.text;
            let value = match self.peek() {
                Some(b'"') => {
                    let start = self.position + 1;
                    match self.string() {
                        Some(value) => value,
                        None => {
                            // The text ends inside this string: its beginning still tells something.
                            self.outline.entries.push((self.path.clone(), &text[start.min(text.len())..]));
                            return false;
                        }
                    }
                }
                _ => &[],
            };
            self.outline.entries.push((self.path.clone(), value));
            if self.outline.entries.len() >= MAX_KEYS {
                return false;
            }
            if value.is_empty() && self.text.get(self.position.wrapping_sub(1)) != Some(&b'"') && !self.value(depth + 1) {
                return false;
            }
            self.path.truncate(length);
        }
    }

    /// The inside of a string, escapes and all.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.position + 1;
        let mut at = start;
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.text.get(at..)?)? + at;
            if self.text[found] == b'\\' {
                at = found + 2;
                continue;
            }
            self.position = found + 1;
            return Some(&self.text[start..found]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Outline::of(text.as_bytes()).entries.into_iter().map(|(p, _)| p).collect()
    }

    #[test]
    fn paths_of_keys_whatever_the_layout() {
        assert_eq!(
            paths(r#"{"Records":[{"a":"x","b":{"c":1}},{"a":""}]}"#),
            ["Records", "Records.a", "Records.b", "Records.b.c", "Records.a"]
        );
        assert_eq!(paths("{\"a\":1}\n{\"b\":null}"), ["a", "b"]);
        assert_eq!(paths(r#"[{"a":"cut of"#), ["a"], "a document that ends early");
        assert_eq!(paths("not json"), [""; 0]);
        assert_eq!(paths(r#"{"a":"\"","b":""#), ["a", "b"]);
        assert_eq!(paths(""), [""; 0]);
    }

    #[test]
    fn strings_and_their_surroundings() {
        let text = br#"{"detail":{"eventSource":"iam.amazonaws.com","x":{"eventSource":"y"}}}"#;
        let outline = Outline::of(text);
        assert_eq!(outline.around("eventSource").collect::<Vec<_>>(), ["detail", "detail.x"]);
        assert!(outline.says("detail.eventSource", "amazonaws"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = Outline::of(&bytes);
        }

        #[test]
        fn any_cut_of_a_document_is_survived(cut in 0usize..200) {
            let text = br#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser\\"},"list":[1,2,{"k":-1.5e3}],"t":true}],"x":"\u00e9"}"#;
            let _ = Outline::of(&text[..cut.min(text.len())]);
        }
    }
}
