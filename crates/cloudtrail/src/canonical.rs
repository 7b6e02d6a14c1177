//! The canonical form of a record (RFC 8785), by which a record without an id is named; and what a record states, by which copies are
//! compared (see `statement`): what carriers add or leave out is taken away first.

use std::cmp::Ordering;
use std::ops::Range;

use crate::index::Index;
use crate::walk::{Kind, MAX_DEPTH, Span, TOO_DEEP, Walk, Walker, space_len};

/// RFC 8785 canonical form of a record without what differs between copies of one event: `eventContext` (CloudTrail Lake adds it)
/// and fields that were omitted or truncated (`{"omitted": true, ...}`). `None` when `raw` is not JSON.
///
/// One deviation: integers beyond 2^53 keep their digits, where RFC 8785 would round them to a double: two different records must
/// not look alike. A key that is repeated counts once, with its last value.
///
/// Neither nesting nor size is paid for more than once: no recursion, and each byte is moved once, however many objects it stands in.
#[must_use]
pub fn canonical(raw: &str) -> Option<Vec<u8>> {
    rewritten(raw, |name, value| if name == "eventContext" || is_omitted(value) { Keeps::Nothing } else { Keeps::Value })
}

/// Fields whose content CloudTrail omits where it is too large (domain.md 1.2): what is not there may have been.
pub(crate) const OMITTABLE: [&str; 5] =
    ["additionalEventData", "edgeDeviceDetails", "requestParameters", "responseElements", "serviceEventDetails"];

/// The canonical form of what a record states: `null` is nothing stated, and so is a field that was not delivered. In the place of a field that
/// was omitted stands `null`: that it would have said nothing is not stated either. An [omittable](OMITTABLE) one has no place at all.
pub(crate) fn stated(raw: &str) -> Option<Vec<u8>> {
    rewritten(raw, |name, value| match name {
        "eventContext" => Keeps::Nothing,
        _ if value == b"null" => Keeps::Nothing,
        _ if is_omitted(value) => {
            if OMITTABLE.contains(&name) {
                Keeps::Nothing
            } else {
                Keeps::Null
            }
        }
        _ => Keeps::Value,
    })
}

/// What becomes of a member of the record.
enum Keeps {
    Value,
    Null,
    Nothing,
}

/// A record's canonical form, given what becomes of each member, by its name and value.
fn rewritten(raw: &str, keeps: fn(&str, &[u8]) -> Keeps) -> Option<Vec<u8>> {
    let mut index = Index::default();
    index.restart(0);
    let mut form = Form {
        walker: Walker { bytes: raw.as_bytes(), pos: 0, index: &mut index },
        out: Vec::with_capacity(raw.len()),
        open: Vec::new(),
        unordered: Vec::new(),
        keeps,
    };
    form.walker.skip_space();
    form.document().ok()?;
    let rest = &raw.as_bytes()[form.walker.pos..];
    (space_len(rest) == rest.len()).then(|| form.into_ordered())
}

/// A value being rewritten: first as it stands, with its objects' members in the order they come in; then those are put in order.
struct Form<'a> {
    walker: Walker<'a>,
    out: Vec<u8>,
    /// What is open around the position, outermost first.
    open: Vec<Open>,
    /// Objects whose members do not stand in order.
    unordered: Vec<Unordered>,
    keeps: fn(&str, &[u8]) -> Keeps,
}

enum Open {
    Array,
    Object {
        /// Where it starts in the output.
        start: usize,
        members: Vec<Member>,
        is_ordered: bool,
        /// Where the value of the last member starts in the record, and in the output.
        source: usize,
        at: usize,
    },
}

struct Member {
    key: String,
    /// `"key":value` in the output.
    place: Range<usize>,
    /// It does not count, nor do those of its name before it.
    is_dropped: bool,
}

/// An object's place in the output, and those of its members, in order.
struct Unordered {
    place: Range<usize>,
    members: Vec<Range<usize>>,
}

/// What follows a value.
enum Next {
    Value,
    /// The container it stands in has ended, and is a value itself.
    Closed,
    Nothing,
}

impl Form<'_> {
    fn document(&mut self) -> Walk<()> {
        loop {
            if self.begin_value()? {
                continue;
            }
            loop {
                match self.end_value()? {
                    Next::Value => break,
                    Next::Closed => {}
                    Next::Nothing => return Ok(()),
                }
            }
        }
    }

    /// Writes a value; true if it is a container with something in it, whose first value is then at the position.
    fn begin_value(&mut self) -> Walk<bool> {
        match self.walker.peek()? {
            bracket @ (b'{' | b'[') => return self.begin_container(bracket),
            b'"' => {
                let span = self.walker.string()?;
                let text = self.text(span);
                write_string(&text, &mut self.out);
            }
            _ => {
                let span = self.walker.scalar()?;
                let text = &self.walker.bytes[span.inner()];
                if span.kind == Kind::Number { write_number(text, &mut self.out) } else { self.out.extend_from_slice(text) }
            }
        }
        Ok(false)
    }

    fn begin_container(&mut self, bracket: u8) -> Walk<bool> {
        if self.open.len() >= MAX_DEPTH as usize {
            return self.walker.broken(TOO_DEEP);
        }
        let start = self.out.len();
        self.out.push(bracket);
        self.walker.pos += 1;
        self.walker.skip_space();
        // The closing brackets stand two behind the opening ones in ASCII.
        if self.walker.peek()? == bracket + 2 {
            self.walker.pos += 1;
            self.out.push(bracket + 2);
            return Ok(false);
        }
        if bracket == b'[' {
            self.open.push(Open::Array);
        } else {
            self.open.push(Open::Object { start, members: Vec::new(), is_ordered: true, source: 0, at: 0 });
            self.begin_member()?;
        }
        Ok(true)
    }

    fn text(&self, span: Span) -> String {
        let inner = &self.walker.bytes[span.inner()];
        let plain = if span.kind == Kind::EscapedText { crate::text::unescape(inner) } else { inner.to_vec() };
        String::from_utf8(plain).unwrap_or_default()
    }

    fn begin_member(&mut self) -> Walk<()> {
        let key = self.walker.key()?;
        let key = self.text(key);
        let from = self.out.len();
        write_string(&key, &mut self.out);
        self.out.push(b':');
        if let Some(Open::Object { members, is_ordered, source, at, .. }) = self.open.last_mut() {
            (*source, *at) = (self.walker.pos, self.out.len());
            *is_ordered &= members.last().is_none_or(|last| compare(&last.key, &key).is_lt());
            members.push(Member { key, place: from..from, is_dropped: false });
        }
        Ok(())
    }

    /// A value has been written: what comes behind it?
    fn end_value(&mut self) -> Walk<Next> {
        let is_record = self.open.len() == 1;
        let Some(open) = self.open.last_mut() else { return Ok(Next::Nothing) };
        if let Open::Object { members, is_ordered, source, at, .. } = open
            && let Some(member) = members.last_mut()
        {
            if is_record {
                match (self.keeps)(&member.key, &self.walker.bytes[*source..self.walker.pos]) {
                    Keeps::Value => {}
                    Keeps::Null => {
                        self.out.truncate(*at);
                        self.out.extend_from_slice(b"null");
                        self.unordered.retain(|object| object.place.end <= *at);
                    }
                    Keeps::Nothing => (member.is_dropped, *is_ordered) = (true, false),
                }
            }
            member.place.end = self.out.len();
        }
        let is_array = matches!(open, Open::Array);
        self.walker.skip_space();
        match self.walker.peek()? {
            b',' => {
                self.out.push(b',');
                self.walker.pos += 1;
                self.walker.skip_space();
                if !is_array {
                    self.begin_member()?;
                }
                Ok(Next::Value)
            }
            b']' if is_array => Ok(self.close(b']')),
            b'}' if !is_array => Ok(self.close(b'}')),
            _ => self.walker.broken("a comma or a closing bracket was expected"),
        }
    }

    fn close(&mut self, bracket: u8) -> Next {
        self.walker.pos += 1;
        self.out.push(bracket);
        if let Some(Open::Object { start, mut members, is_ordered: false, .. }) = self.open.pop() {
            // Stable: of those with one name, the last one stays the last.
            members.sort_by(|a, b| compare(&a.key, &b.key));
            let counts = |i: usize| !members[i].is_dropped && members.get(i + 1).is_none_or(|next| next.key != members[i].key);
            let places = (0..members.len()).filter(|i| counts(*i)).map(|i| members[i].place.clone()).collect();
            self.unordered.push(Unordered { place: start..self.out.len(), members: places });
        }
        Next::Closed
    }

    /// The output with every object's members in order.
    fn into_ordered(mut self) -> Vec<u8> {
        if self.unordered.is_empty() {
            return self.out;
        }
        enum Piece {
            Part(Range<usize>),
            Byte(u8),
        }
        self.unordered.sort_unstable_by_key(|object| object.place.start);
        let mut ordered = Vec::with_capacity(self.out.len());
        // The last one comes next.
        let mut pieces = vec![Piece::Part(0..self.out.len())];
        while let Some(piece) = pieces.pop() {
            let part = match piece {
                Piece::Byte(byte) => {
                    ordered.push(byte);
                    continue;
                }
                Piece::Part(part) => part,
            };
            let first = self.unordered.partition_point(|object| object.place.start < part.start);
            let Some(object) = self.unordered.get(first).filter(|object| object.place.start < part.end) else {
                ordered.extend_from_slice(&self.out[part]);
                continue;
            };
            ordered.extend_from_slice(&self.out[part.start..object.place.start]);
            ordered.push(b'{');
            pieces.push(Piece::Part(object.place.end..part.end));
            pieces.push(Piece::Byte(b'}'));
            for (i, member) in object.members.iter().enumerate().rev() {
                pieces.push(Piece::Part(member.clone()));
                if i > 0 {
                    pieces.push(Piece::Byte(b','));
                }
            }
        }
        ordered
    }
}

/// By UTF-16 code units: the order differs from UTF-8's above U+FFFF.
fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
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

    #[test]
    fn what_is_null_or_was_omitted_is_not_stated() {
        let text = |raw: &str| String::from_utf8(stated(raw).unwrap()).unwrap();
        let plain = r#"{"eventID":"a","requestParameters":{"b":null,"c":1}}"#;
        assert_eq!(text(plain), plain, "only the record's own");
        for nothing in [r#""errorCode":null"#, r#""responseElements":{"z":1,"omitted":true}"#, r#""eventContext":{"z":1,"a":2}"#] {
            assert_eq!(text(&format!(r#"{{{nothing},"eventID":"a","requestParameters":{{"c":1,"b":null}}}}"#)), plain, "{nothing}");
        }
        let omitted = r#"{"userAgent":{"z":{"c":1,"b":2},"omitted":true},"eventID":"a"}"#;
        assert_eq!(text(omitted), r#"{"eventID":"a","userAgent":null}"#, "there was one");
    }

    #[test]
    fn of_members_with_one_name_the_last_counts() {
        assert_eq!(
            text(r#"{"b":{"z":1,"y":2,"z":3},"a":1,"b":{"y":[{"d":4,"c":{}}]},"c":[]}"#),
            r#"{"a":1,"b":{"y":[{"c":{},"d":4}]},"c":[]}"#
        );
        // What was left out of the last one is left out, whatever stood there before.
        assert_eq!(text(r#"{"b":1,"a":2,"b":{"omitted":true}}"#), r#"{"a":2}"#);
        assert_eq!(text(r#"{"a":{"eventContext":1}}"#), r#"{"a":{"eventContext":1}}"#, "only the record's own");
    }

    #[test]
    fn deep_and_wide_records_take_a_small_stack_and_no_time() {
        let work = || {
            let levels = MAX_DEPTH as usize;
            let objects = format!("{}1{}", r#"{"b":0,"a":"#.repeat(levels), "}".repeat(levels));
            assert_eq!(text(&objects), format!("{}1{}", r#"{"a":"#.repeat(levels), r#","b":0}"#.repeat(levels)));
            let arrays = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            assert_eq!(text(&arrays), arrays);
            assert_eq!(canonical(&format!("[{arrays}]")), None);
            // Were each level to move all that is in it, this would be 8 GB of it; were names to be compared one by one, 10^10 of them.
            let large = format!("{}\"{}\"{}", r#"{"b":0,"a":"#.repeat(levels), "x".repeat(8 << 20), "}".repeat(levels));
            assert_eq!(canonical(&large).map(|form| form.len()), Some(large.len()));
            let wide = format!("{{{}}}", (0..100_000).rev().map(|i| format!("\"{i:06}\":0")).collect::<Vec<_>>().join(","));
            assert!(text(&wide).starts_with(r#"{"000000":0,"000001":0,"#));
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
    }

    /// The canonical form by recursion over another parser's tree: what the rules say, written as shortly as can be.
    fn by_tree(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
                let members: Vec<_> =
                    members.iter().map(|(k, v)| format!("{}:{}", serde_json::Value::from(k.as_str()), by_tree(v))).collect();
                format!("{{{}}}", members.join(","))
            }
            serde_json::Value::Array(items) => format!("[{}]", items.iter().map(by_tree).collect::<Vec<_>>().join(",")),
            scalar => scalar.to_string(),
        }
    }

    fn tree() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            "[a-z\"\\\\\n\u{e9}\u{1f600}]{0,4}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::vec(("[a-c\u{e9}\u{fb33}\u{1f600}]{0,2}", inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_form_made_of_a_tree(value in proptest::collection::vec(tree(), 0..3)) {
            let value = serde_json::Value::from(value);
            proptest::prop_assert_eq!(text(&value.to_string()), by_tree(&value));
            let spaced = serde_json::to_string_pretty(&value).unwrap();
            proptest::prop_assert_eq!(text(&spaced), by_tree(&value));
        }
    }
}
