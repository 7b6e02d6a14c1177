//! The texts in a record's JSON, with where each stands: one pass over the bytes, nothing copied but what was escaped.

use std::borrow::Cow;

use super::LONGEST_PATH;

/// Deeper nesting is not followed; the decoder rejects records deeper than this.
const DEEPEST: usize = 160;

/// Which field of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Resources,
    Request,
    Response,
    Additional,
    Details,
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Request => "requestParameters",
            Self::Response => "responseElements",
            Self::Additional => "additionalEventData",
            Self::Details => "serviceEventDetails",
        }
    }
}

/// A step on the way to a text.
#[derive(Debug)]
enum Step<'a> {
    Root(Root),
    Key(Cow<'a, str>),
    List,
}

#[derive(Debug)]
struct Node<'a> {
    above: u32,
    step: Step<'a>,
}

/// A text in the record.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    node: u32,
    root: Root,
    /// The value.
    pub(super) text: Cow<'a, str>,
}

/// The texts of a record.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    event_name: &'a str,
    /// Whether only texts that may hold an ARN or an id, or name a bucket, matter.
    only_telling: bool,
    nodes: Vec<Node<'a>>,
    leaves: Vec<Leaf<'a>>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(event_name: &'a str, only_telling: bool) -> Self {
        Self { event_name, only_telling, nodes: Vec::with_capacity(48), leaves: Vec::with_capacity(16) }
    }

    /// Reads one field. What is not JSON is one text.
    pub(super) fn read(&mut self, root: Root, text: &'a str) {
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return;
        }
        let node = self.push(u32::MAX, Step::Root(root));
        if trimmed.starts_with(['{', '[', '"']) {
            let mut reader = Reader { rest: trimmed, leaves: self, root };
            // What follows a fault is left alone: what stands before it was read.
            let _fault = reader.value(node, 0);
        } else {
            self.leaf(node, root, Cow::Borrowed(trimmed));
        }
    }

    fn push(&mut self, above: u32, step: Step<'a>) -> u32 {
        self.nodes.push(Node { above, step });
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    fn leaf(&mut self, node: u32, root: Root, text: Cow<'a, str>) {
        let of_bucket = || match self.nodes.get(node as usize).map(|n| &n.step) {
            Some(Step::Key(key)) => key.ends_with("ucket") || key.ends_with("ucketName"),
            _ => false,
        };
        let is_telling = || memchr::memchr2(b':', b'-', text.as_bytes()).is_some() || of_bucket();
        if !text.is_empty() && (!self.only_telling || is_telling()) {
            self.leaves.push(Leaf { node, root, text });
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Leaf<'a>> {
        self.leaves.iter()
    }

    pub(super) fn of(&self, root: Root) -> impl Iterator<Item = &Leaf<'a>> {
        self.leaves.iter().filter(move |leaf| leaf.root == root)
    }

    /// The key a text stands under.
    pub(super) fn key(&self, leaf: &Leaf<'a>) -> Option<&str> {
        self.keys(leaf).next()
    }

    /// The keys from the text up, without those that only wrap: lists, `items`, a level named after the call.
    pub(super) fn keys<'s>(&'s self, leaf: &Leaf<'a>) -> impl Iterator<Item = &'s str> + use<'s, 'a> {
        let mut at = leaf.node;
        std::iter::from_fn(move || {
            loop {
                let node = self.nodes.get(at as usize)?;
                at = node.above;
                if let Step::Key(key) = &node.step
                    && !self.only_wraps(key, node.above)
                {
                    return Some(key.as_ref());
                }
            }
        })
    }

    fn only_wraps(&self, key: &str, above: u32) -> bool {
        let is_top = || matches!(self.nodes.get(above as usize).map(|n| &n.step), Some(Step::Root(_)));
        let of_call = || {
            let rest = key.get(..self.event_name.len()).filter(|k| k.eq_ignore_ascii_case(self.event_name)).map(|k| &key[k.len()..]);
            matches!(rest, Some("Request" | "Response" | "Result"))
        };
        is_wrapper(key) || (is_top() && of_call())
    }

    /// Where a text stands, as in `requestParameters.instancesSet.items[].instanceId`.
    pub(super) fn path(&self, leaf: &Leaf<'a>) -> String {
        let mut steps = Vec::new();
        let mut at = leaf.node;
        while let Some(node) = self.nodes.get(at as usize) {
            steps.push(&node.step);
            at = node.above;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root(root) => path.push_str(root.name()),
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Step::List => path.push_str("[]"),
            }
            if path.len() > LONGEST_PATH {
                path.truncate(path.floor_char_boundary(LONGEST_PATH));
                break;
            }
        }
        path
    }

    /// The first text of a parameter.
    pub(super) fn parameter(&self, key: &str) -> Option<&str> {
        let is_it = |leaf: &&Leaf<'a>| {
            let mut keys = self.keys(leaf);
            keys.next().is_some_and(|k| k.eq_ignore_ascii_case(key)) && keys.next().is_none()
        };
        self.of(Root::Request).find(is_it).map(|leaf| leaf.text.as_ref())
    }
}

/// Whether a key stands for a list, whatever is in it.
pub(super) fn is_wrapper(key: &str) -> bool {
    ["items", "item", "member", "content"].iter().any(|wrapper| key.eq_ignore_ascii_case(wrapper))
}

struct Reader<'a, 'l> {
    rest: &'a str,
    leaves: &'l mut Leaves<'a>,
    root: Root,
}

impl<'a> Reader<'a, '_> {
    /// Reads a value; `None` at a fault.
    fn value(&mut self, node: u32, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(node, depth),
            b'[' => self.list(node, depth),
            b'"' => {
                let text = self.string()?;
                self.leaves.leaf(node, self.root, text);
                Some(())
            }
            _ => {
                let end = self.rest.find([',', ']', '}']).unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
                Some(())
            }
        }
    }

    fn object(&mut self, node: u32, depth: usize) -> Option<()> {
        self.rest = &self.rest[1..];
        loop {
            match self.peek()? {
                b'}' => break,
                b',' => self.rest = &self.rest[1..],
                b'"' => {
                    let key = self.string()?;
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.rest = &self.rest[1..];
                    let child = self.leaves.push(node, Step::Key(key));
                    self.value(child, depth + 1)?;
                }
                _ => return None,
            }
        }
        self.rest = &self.rest[1..];
        Some(())
    }

    fn list(&mut self, node: u32, depth: usize) -> Option<()> {
        self.rest = &self.rest[1..];
        let child = self.leaves.push(node, Step::List);
        loop {
            match self.peek()? {
                b']' => break,
                b',' => self.rest = &self.rest[1..],
                b'}' | b':' => return None,
                _ => self.value(child, depth + 1)?,
            }
        }
        self.rest = &self.rest[1..];
        Some(())
    }

    /// The next byte that is not space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.as_bytes().first().copied()
    }

    /// A string, its quotes taken off and its escapes resolved.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        let mut is_escaped = false;
        loop {
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                break;
            }
            is_escaped = true;
            at += 2;
        }
        let (string, rest) = self.rest.split_at(at + 1);
        self.rest = rest;
        if !is_escaped {
            return Some(Cow::Borrowed(&string[1..at]));
        }
        // Escapes that are none (a lone surrogate) leave the text as it stands.
        Some(serde_json::from_str::<String>(string).map_or(Cow::Borrowed(&string[1..at]), Cow::Owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut leaves = Leaves::new("CreateNatGateway", false);
        leaves.read(Root::Request, text);
        leaves.all().map(|leaf| (leaves.path(leaf), leaf.text.clone().into_owned())).collect()
    }

    #[test]
    fn texts_with_their_paths() {
        let found = read(r#" {"a":"1", "b" : {"items":[{"c":"2"},{"c":"3\n\"x"}], "n": 5, "t":true,"z":null}, "e":[], "o":{} ,"l":["4"]}"#);
        let expected = [
            ("requestParameters.a", "1"),
            ("requestParameters.b.items[].c", "2"),
            ("requestParameters.b.items[].c", "3\n\"x"),
            ("requestParameters.l[]", "4"),
        ];
        assert_eq!(found, expected.map(|(p, t)| (p.to_owned(), t.to_owned())));
        assert_eq!(read(r#""a text""#), [("requestParameters".to_owned(), "a text".to_owned())]);
        assert_eq!(read("no JSON"), [("requestParameters".to_owned(), "no JSON".to_owned())]);
    }

    #[test]
    fn what_wraps_is_looked_through() {
        let mut leaves = Leaves::new("CreateNatGateway", false);
        leaves.read(Root::Request, r#"{"CreateNatGatewayRequest":{"Tag":{"items":[{"Value":{"content":"v"}}]}}}"#);
        let leaf = leaves.all().next().unwrap();
        assert_eq!(leaves.keys(leaf).collect::<Vec<_>>(), ["Value", "Tag"]);
    }

    /// All texts of a value, by an independent parser.
    fn texts(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::String(s) if !s.is_empty() => into.push(s.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|v| texts(v, into)),
            serde_json::Value::Object(map) => map.values().for_each(|v| texts(v, into)),
            _ => {}
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}|[\"\\\\\n\u{1F600}a]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec(("\\PC{0,8}|[\"\\\\]{1,3}", inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_text_of_every_value(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let mut expected = Vec::new();
            if value.is_object() || value.is_array() || value.is_string() {
                texts(&value, &mut expected);
                let found: Vec<String> = read(&text).into_iter().map(|(_, t)| t).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,\\\\ a1\u{e9}]{0,40}|\\PC{0,40}") {
            let _ = read(&text);
        }
    }
}
