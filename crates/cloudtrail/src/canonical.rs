//! The canonical form of a record (RFC 8785), by which two copies are compared: what carriers add or leave out is taken away first.

use crate::index::Index;
use crate::walk::{Kind, Span, Walk, Walker, space_len};

/// RFC 8785 canonical form of a record without what differs between copies of one event: `eventContext` (CloudTrail Lake adds it)
/// and fields that were omitted or truncated (`{"omitted": true, ...}`). `None` when `raw` is not JSON.
///
/// One deviation: integers beyond 2^53 keep their digits, where RFC 8785 would round them to a double: two different records must
/// not look alike. A key that is repeated counts once, with its last value.
#[must_use]
pub fn canonical(raw: &str) -> Option<Vec<u8>> {
    let mut index = Index::default();
    index.restart(0);
    let mut form = Form { walker: Walker { bytes: raw.as_bytes(), pos: 0, index: &mut index }, out: Vec::with_capacity(raw.len()) };
    form.walker.skip_space();
    form.value(0).ok()?;
    let rest = &raw.as_bytes()[form.walker.pos..];
    (space_len(rest) == rest.len()).then_some(form.out)
}

/// A value being rewritten.
struct Form<'a> {
    walker: Walker<'a>,
    out: Vec<u8>,
}

impl Form<'_> {
    fn value(&mut self, depth: u32) -> Walk<()> {
        if depth > crate::walk::MAX_DEPTH {
            return self.walker.broken("nested deeper than 128 levels");
        }
        match self.walker.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => {
                let span = self.walker.string()?;
                let text = self.text(span);
                write_string(&text, &mut self.out);
                Ok(())
            }
            _ => {
                let span = self.walker.scalar()?;
                let text = &self.walker.bytes[span.inner()];
                if span.kind == Kind::Number {
                    write_number(text, &mut self.out)
                } else {
                    self.out.extend_from_slice(text)
                }
                Ok(())
            }
        }
    }

    fn text(&self, span: Span) -> String {
        let inner = &self.walker.bytes[span.inner()];
        let plain = if span.kind == Kind::EscapedText { crate::text::unescape(inner) } else { inner.to_vec() };
        String::from_utf8(plain).unwrap_or_default()
    }

    fn array(&mut self, depth: u32) -> Walk<()> {
        self.out.push(b'[');
        self.walker.pos += 1;
        self.walker.skip_space();
        if self.walker.peek()? != b']' {
            loop {
                self.value(depth + 1)?;
                self.walker.skip_space();
                match self.walker.peek()? {
                    b',' => self.out.push(b','),
                    b']' => break,
                    _ => return self.walker.broken("a comma or a closing bracket was expected"),
                }
                self.walker.pos += 1;
                self.walker.skip_space();
            }
        }
        self.walker.pos += 1;
        self.out.push(b']');
        Ok(())
    }

    /// Members are written behind each other first, then put in order.
    fn object(&mut self, depth: u32) -> Walk<()> {
        let start = self.out.len();
        let mut members: Vec<(String, std::ops::Range<usize>)> = Vec::new();
        self.walker.pos += 1;
        self.walker.skip_space();
        if self.walker.peek()? != b'}' {
            loop {
                let key = self.walker.key()?;
                let key = self.text(key);
                let (from, source) = (self.out.len(), self.walker.pos);
                self.value(depth + 1)?;
                if depth == 0 && (key == "eventContext" || is_omitted(&self.walker.bytes[source..self.walker.pos])) {
                    members.retain(|(k, _)| *k != key);
                    self.out.truncate(from);
                } else {
                    members.retain(|(k, _)| *k != key);
                    members.push((key, from..self.out.len()));
                }
                self.walker.skip_space();
                match self.walker.peek()? {
                    b',' => self.walker.pos += 1,
                    b'}' => break,
                    _ => return self.walker.broken("a comma or a closing brace was expected"),
                }
                self.walker.skip_space();
            }
        }
        self.walker.pos += 1;
        // By UTF-16 code units: the order differs from UTF-8's above U+FFFF.
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        let values = self.out.split_off(start);
        self.out.push(b'{');
        for (i, (key, range)) in members.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            write_string(&key, &mut self.out);
            self.out.push(b':');
            self.out.extend_from_slice(&values[range.start - start..range.end - start]);
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// Whether CloudTrail put this in the place of a field that was too large: `{"omitted": true, ...}`.
fn is_omitted(value: &[u8]) -> bool {
    if value.first() != Some(&b'{') || value.len() > 4096 {
        return false;
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(value) else { return false };
    ["omitted", "truncated"].iter().any(|mark| fields.get(*mark).is_some_and(|v| *v == serde_json::Value::Bool(true) || v == "true"))
}

fn write_number(text: &[u8], out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_integer = text.iter().all(|b| b.is_ascii_digit() || *b == b'-');
    match std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok()) {
        Some(double) if double.is_finite() && !(is_integer && double.abs() >= EXACT) => {
            out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
        }
        _ => out.extend_from_slice(text),
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        String::from_utf8(canonical(raw).unwrap()).unwrap()
    }

    #[test]
    fn follows_the_examples_of_rfc_8785() {
        // Section 3.2.2, with its expected output.
        let sample = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        assert_eq!(
            text(sample),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        // Section 3.2.3: keys by UTF-16 code units.
        let keys = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(text(keys), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn copies_by_other_routes_look_alike_and_other_records_do_not() {
        let plain = r#"{"eventID":"a","n":1}"#;
        assert_eq!(canonical(plain), canonical(r#"{"n":1.0, "eventContext":{"tagContext":{}}, "eventID":"a"}"#));
        assert_eq!(canonical(plain), canonical(r#"{"eventID":"a","n":1,"responseElements":{"omitted":true,"originalSize":200000}}"#));
        assert_ne!(canonical(plain), canonical(r#"{"eventID":"a","n":2}"#));
        assert_ne!(canonical(r#"{"n":9007199254740993}"#), canonical(r#"{"n":9007199254740992}"#));
        assert_eq!(canonical("not json"), None);
    }
}
