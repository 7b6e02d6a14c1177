//! The texts in a record's JSON, with where each stands: one pass over the bytes, nothing copied but what was escaped.

use std::borrow::Cow;

use super::LONGEST_PATH;
use super::words::{Ahead, Holds, may_name_bucket};

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
    pub(super) const ALL: [Self; 5] = [Self::Resources, Self::Request, Self::Response, Self::Additional, Self::Details];

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
    /// The nearest key that does not only wrap, this node's own or one above; [`NONE`] where there is none.
    key: u32,
    step: Step<'a>,
}

/// In place of a node: none.
const NONE: u32 = u32::MAX;

/// A text in the record.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    /// Where it stands.
    pub(super) node: u32,
    root: Root,
    /// The value.
    pub(super) text: Cow<'a, str>,
    /// What of the kinds that are sought everywhere may stand in it.
    pub(super) holds: Holds,
}

/// The texts of a record that tell what it touches.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    event_name: &'a str,
    nodes: Vec<Node<'a>>,
    leaves: Vec<Leaf<'a>>,
}

/// Which texts of a field rules may tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// None: no rule reads the field.
    None,
    /// Those that name a bucket, which rules for any call look for.
    Buckets,
    /// Any.
    All,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(event_name: &'a str) -> Self {
        Self { event_name, nodes: Vec::new(), leaves: Vec::new() }
    }

    /// Reads one field. What is not JSON is one text.
    pub(super) fn read(&mut self, root: Root, text: &'a str, asked: Asked) {
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return;
        }
        // Most fields hold nothing of interest, which a look at their bytes tells.
        let ahead = Ahead::new(trimmed);
        let is_plain = || memchr::memchr(b'\\', trimmed.as_bytes()).is_none();
        let asked = if asked == Asked::Buckets && !may_name_bucket(trimmed) && is_plain() { Asked::None } else { asked };
        if asked == Asked::None && ahead.nothing() && is_plain() {
            return;
        }
        if self.nodes.is_empty() {
            (self.nodes, self.leaves) = (Vec::with_capacity(32), Vec::with_capacity(16));
        }
        let node = self.push(NONE, Step::Root(root));
        let mut reader = Reader { all: trimmed, rest: trimmed, leaves: self, root, asked, ahead };
        if trimmed.starts_with(['{', '[', '"']) {
            // What follows a fault is left alone: what stands before it was read.
            let _fault = reader.value(node, 0);
        } else {
            reader.leaf(node, Cow::Borrowed(trimmed), 0);
        }
    }

    fn push(&mut self, above: u32, step: Step<'a>) -> u32 {
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let key = match &step {
            Step::Key(key) if !self.only_wraps(key, above) => at,
            Step::Key(_) | Step::List => self.node(above).map_or(NONE, |node| node.key),
            Step::Root(_) => NONE,
        };
        self.nodes.push(Node { above, key, step });
        at
    }

    fn node(&self, at: u32) -> Option<&Node<'a>> {
        self.nodes.get(at as usize)
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
            let node = self.node(self.node(at)?.key)?;
            at = node.above;
            if let Step::Key(key) = &node.step { Some(key.as_ref()) } else { None }
        })
    }

    fn only_wraps(&self, key: &str, above: u32) -> bool {
        let is_top = || matches!(self.node(above).map(|n| &n.step), Some(Step::Root(_)));
        let of_call = || {
            let rest = key.get(..self.event_name.len()).filter(|k| k.eq_ignore_ascii_case(self.event_name)).map(|k| &key[k.len()..]);
            matches!(rest, Some("Request" | "Response" | "Result"))
        };
        is_wrapper(key) || (is_top() && of_call())
    }

    /// Where a text stands, as in `requestParameters.instancesSet.items[].instanceId`.
    pub(super) fn path(&self, node: u32, path: &mut String) {
        let _is_cut = self.add_steps(node, path);
    }

    /// Adds the steps to a node, from the top; says whether they were too many.
    fn add_steps(&self, node: u32, path: &mut String) -> bool {
        let Some(node) = self.node(node) else { return false };
        if self.add_steps(node.above, path) {
            return true;
        }
        match &node.step {
            Step::Root(root) => path.push_str(root.name()),
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
            Step::List => path.push_str("[]"),
        }
        let is_cut = path.len() > LONGEST_PATH;
        if is_cut {
            path.truncate(path.floor_char_boundary(LONGEST_PATH));
        }
        is_cut
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
    all: &'a str,
    rest: &'a str,
    leaves: &'l mut Leaves<'a>,
    root: Root,
    asked: Asked,
    ahead: Ahead<'a>,
}

impl<'a> Reader<'a, '_> {
    /// A text, which stands at `start` of the field.
    fn leaf(&mut self, node: u32, text: Cow<'a, str>, start: usize) {
        let holds = match &text {
            Cow::Borrowed(text) => self.ahead.holds(start, start + text.len()),
            Cow::Owned(text) => Holds::of(text),
        };
        let of_bucket = || match self.leaves.node(node).map(|n| &n.step) {
            Some(Step::Key(key)) => key.ends_with("ucket") || key.ends_with("ucketName"),
            _ => false,
        };
        let is_asked = match self.asked {
            Asked::None => false,
            Asked::Buckets => memchr::memchr2(b':', b'-', text.as_bytes()).is_some() || of_bucket(),
            Asked::All => true,
        };
        if !text.is_empty() && (is_asked || !holds.nothing()) {
            self.leaves.leaves.push(Leaf { node, root: self.root, text, holds });
        }
    }

    /// Reads a value; `None` at a fault.
    fn value(&mut self, node: u32, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(node, depth),
            b'[' => self.list(node, depth),
            b'"' => {
                let start = self.all.len() - self.rest.len() + 1;
                let text = self.string()?;
                self.leaf(node, text, start);
                Some(())
            }
            _ => {
                let end = memchr::memchr3(b',', b']', b'}', self.rest.as_bytes()).unwrap_or(self.rest.len());
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
        let mut leaves = Leaves::new("CreateNatGateway");
        leaves.read(Root::Request, text, Asked::All);
        let path = |leaf: &Leaf<'_>| {
            let mut path = String::new();
            leaves.path(leaf.node, &mut path);
            path
        };
        leaves.all().map(|leaf| (path(leaf), leaf.text.clone().into_owned())).collect()
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
        let mut leaves = Leaves::new("CreateNatGateway");
        leaves.read(Root::Request, r#"{"CreateNatGatewayRequest":{"Tag":{"items":[{"Value":{"content":"v"}}]}}}"#, Asked::All);
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
            "\\PC{0,12}|[\"\\\\\n\u{1F600}a]{0,6}".prop_map(Value::from),
            "(arn:aws:s3:::b|sg-0683fcf7|x-0683fcf7|[\"\\\\ /:k-]){0,4}".prop_map(Value::from),
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

        /// A field searched as a whole tells of each text what a search of that text does, and nothing is left out for it.
        #[test]
        fn texts_that_tell_are_found_without_being_asked_for(value in json()) {
            let text = value.to_string();
            let read = |asked| {
                let mut leaves = Leaves::new("CreateNatGateway");
                leaves.read(Root::Request, &text, asked);
                leaves.leaves.into_iter().map(|leaf| (leaf.text.into_owned(), leaf.holds)).collect::<Vec<_>>()
            };
            let all = read(Asked::All);
            for (text, holds) in &all {
                prop_assert_eq!(*holds, Holds::of(text), "{}", text);
            }
            let telling: Vec<_> = all.into_iter().filter(|(_, holds)| !holds.nothing()).collect();
            prop_assert_eq!(read(Asked::None), telling);
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,\\\\ a1\u{e9}]{0,40}|\\PC{0,40}") {
            let _ = read(&text);
        }
    }
}
