//! Structures as query engines and scripts print them, `{groupId=sg-1, ipPermissions={"items":[]}}` (Presto) and `{'groupId': 'sg-1'}` (Python),
//! read as JSON.
//!
//! Presto quotes nothing: a value ends where a comma is followed by a name and `=`, or with the structure around it. A value that holds such a text
//! itself is cut there; the cell as delivered says what stood there.

use crate::index::Index;
use crate::walk::Walker;

/// Structures inside structures that are followed.
const MAX_DEPTH: u32 = 64;

/// The cell as JSON; `None` where it cannot be read so. `spelled` says how a name is spelled in CloudTrail's records.
pub(crate) fn as_json(cell: &[u8], spelled: &dyn Fn(&str) -> Option<&'static str>) -> Option<String> {
    let text = std::str::from_utf8(cell).ok()?.trim();
    let mut reader = Reader { text, pos: 0, out: String::with_capacity(text.len() + 32), spelled };
    reader.structure(0)?;
    (reader.pos == text.len()).then_some(reader.out)
}

struct Reader<'a> {
    text: &'a str,
    pos: usize,
    out: String,
    spelled: &'a dyn Fn(&str) -> Option<&'static str>,
}

/// Where a value stands: what ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// `{name=value, ...}`
    Equals,
    /// `{'name': value, ...}`
    Colons,
    List,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.pos..];
        self.pos += rest.len() - rest.trim_start().len();
        self.text.as_bytes().get(self.pos).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.pos += 1)
    }

    /// An object or a list.
    fn structure(&mut self, depth: u32) -> Option<()> {
        let (open, close) = match self.peek()? {
            b'{' => ('{', b'}'),
            b'[' => ('[', b']'),
            _ => return None,
        };
        if depth >= MAX_DEPTH {
            return None;
        }
        self.pos += 1;
        self.out.push(open);
        let mut is_first = true;
        while self.peek()? != close {
            if !is_first {
                self.take(b',')?;
                self.out.push(',');
            }
            is_first = false;
            let within = if open == '{' { self.name()? } else { Within::List };
            self.value(within, depth)?;
        }
        self.pos += 1;
        self.out.push(char::from(close));
        Some(())
    }

    /// A name, and what stands between it and its value.
    fn name(&mut self) -> Option<Within> {
        let name = match self.peek()? {
            quote @ (b'\'' | b'"') => self.quoted(quote)?,
            _ => {
                let rest = &self.text[self.pos..];
                let end = rest.find(['=', ',', '{', '}', '[', ']'])?;
                self.pos += end;
                rest[..end].trim().to_owned()
            }
        };
        if name.is_empty() {
            return None;
        }
        let name = (self.spelled)(&name).map_or(name, str::to_owned);
        self.push_text(&name);
        self.out.push(':');
        match self.peek()? {
            b'=' => {
                self.pos += 1;
                Some(Within::Equals)
            }
            b':' => {
                self.pos += 1;
                Some(Within::Colons)
            }
            _ => None,
        }
    }

    fn value(&mut self, within: Within, depth: u32) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if self.json().is_some() => Some(()),
            b'{' | b'[' => self.structure(depth + 1),
            quote @ (b'\'' | b'"') if within != Within::Equals => {
                let text = self.quoted(quote)?;
                self.push_text(&text);
                Some(())
            }
            _ => {
                let end = self.bare_end(within)?;
                let bare = self.text[self.pos..end].trim_end();
                self.push_bare(bare, within);
                self.pos = end;
                Some(())
            }
        }
    }

    /// A structure that is JSON, as it stands: values inside a map of texts.
    fn json(&mut self) -> Option<()> {
        let mut index = Index::default();
        index.restart(self.pos);
        let mut walker = Walker { bytes: self.text.as_bytes(), pos: self.pos, index: &mut index };
        walker.value(0).ok()?;
        let end = walker.pos;
        // `{}` and `[]` are JSON in every notation; of anything else JSON has quotes.
        let json = &self.text[self.pos..end];
        self.out.push_str(json);
        self.pos = end;
        Some(())
    }

    /// A quoted text without its quotes and escapes.
    fn quoted(&mut self, quote: u8) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.text[self.pos + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                c if c == char::from(quote) => {
                    self.pos += at + 2;
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }

    /// Where a value without quotes ends.
    fn bare_end(&self, within: Within) -> Option<usize> {
        let mut open = 0_u32;
        for (at, byte) in self.text.bytes().enumerate().skip(self.pos) {
            match byte {
                b'{' | b'[' => open += 1,
                b'}' | b']' if open == 0 => return Some(at),
                b'}' | b']' => open -= 1,
                b',' if open == 0 && (within != Within::Equals || is_name_next(&self.text[at + 1..])) => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn push_bare(&mut self, bare: &str, within: Within) {
        let word = match (within, bare) {
            (_, "null") | (Within::Colons | Within::List, "None") => "null",
            (_, "true") | (Within::Colons | Within::List, "True") => "true",
            (_, "false") | (Within::Colons | Within::List, "False") => "false",
            // Python quotes what is text; Presto quotes nothing, and an account's id is no number.
            (Within::Colons, number) if number.parse::<i64>().is_ok_and(|n| n.to_string() == number) => number,
            (_, text) => return self.push_text(text),
        };
        self.out.push_str(word);
    }

    fn push_text(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Whether a blank, a name and `=` follow, as Presto always writes them: names of sessions and users may hold commas and equals signs, but no blank, and
/// whoever chooses one must not choose what comes behind it.
fn is_name_next(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(' ') else { return false };
    let length = rest.find(|c: char| !(c.is_alphanumeric() || "_-.:/".contains(c))).unwrap_or(rest.len());
    length > 0 && rest[length..].starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(cell: &str) -> Option<String> {
        as_json(cell.as_bytes(), &|name| (name == "arn").then_some("ARN"))
    }

    #[test]
    fn both_notations() {
        for (cell, expected) in [
            ("{ConsoleLogin=Failure}", r#"{"ConsoleLogin":"Failure"}"#),
            (
                "{groupId=sg-1, accountId=111122223333, all=true, none=null}",
                r#"{"groupId":"sg-1","accountId":"111122223333","all":true,"none":null}"#,
            ),
            (
                r#"{groupId=sg-1, ipPermissions={"items":[{"fromPort":22}]}}"#,
                r#"{"groupId":"sg-1","ipPermissions":{"items":[{"fromPort":22}]}}"#,
            ),
            ("{a={b={c=d}}, e=[f, g], h={}, i=[]}", r#"{"a":{"b":{"c":"d"}},"e":["f","g"],"h":{},"i":[]}"#),
            ("[{arn=arn:aws:s3:::b/x=y, type=AWS::S3::Object}]", r#"[{"ARN":"arn:aws:s3:::b/x=y","type":"AWS::S3::Object"}]"#),
            (
                "{principalId=AROA1:x,type=Root, arn=arn:aws:sts::1:assumed-role/dev/x,type=Root, type=AssumedRole}",
                r#"{"principalId":"AROA1:x,type=Root","ARN":"arn:aws:sts::1:assumed-role/dev/x,type=Root","type":"AssumedRole"}"#,
            ),
            ("{description=one, two and three, name=x}", r#"{"description":"one, two and three","name":"x"}"#),
            ("{text=say \"no\", name=}", r#"{"text":"say \"no\"","name":""}"#),
            (
                r"{'a': 'it\'s', 'n': 22, 't': True, 'o': None, 'l': ['x', 1], 'd': {'e': 'f'}}",
                r#"{"a":"it's","n":22,"t":true,"o":null,"l":["x","1"],"d":{"e":"f"}}"#,
            ),
        ] {
            assert_eq!(json(cell).as_deref(), Some(expected), "{cell}");
            assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok(), "{expected}");
        }
    }

    #[test]
    fn what_is_neither_stays_as_it_is() {
        for cell in ["{", "{a", "{a=b", "{a=b} c", "{=b}", "text", "", "{a b}", "[a", "{'a' 'b'}", "{{a=b}}"] {
            assert_eq!(json(cell), None, "{cell}");
        }
        for open in ["{a=", "[", "{'a': "] {
            assert_eq!(json(&open.repeat(200_000)), None, "{open}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_json(cell in "[{\\[]([a-c'\"{}\\[\\]=:, ]|\\\\){0,40}[}\\]]") {
            if let Some(json) = json(&cell) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}", json);
            }
        }
    }
}
