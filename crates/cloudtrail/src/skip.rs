//! Past what is broken or too large: its bytes are hashed as they go by, and the place is found where reading can go on.

use backtrail_model::decoded::REJECT_BYTES;
use ring::digest;

use crate::output::{Place, Reject};
use crate::walk::space_len;

/// Trailing bytes held back until it is known whether they belong to what is skipped.
const MAX_TAIL: usize = 4096;

/// What records start with besides `eventVersion`: with sorted keys, in LookupEvents' lists, and as other tools write them.
pub(crate) const FIRST_KEYS: [&[u8]; 11] = [
    b"additionalEventData",
    b"addendum",
    b"apiVersion",
    b"awsRegion",
    b"eventID",
    b"eventName",
    b"eventSource",
    b"eventTime",
    b"userIdentity",
    b"EventId",
    b"CloudTrailEvent",
];

/// What envelopes start with that stand one behind the other in a file, as Firehose writes them: a trail's file, a subscription of
/// CloudWatch Logs, an event of EventBridge.
const DOCUMENT_KEYS: [&[u8]; 3] = [b"Records", b"messageType", b"version"];

/// Where reading goes on.
#[derive(Debug)]
pub(crate) enum Goal {
    /// Behind the next line feed.
    Line,
    /// At a record inside the line, known by what stands before it (a list, another document) and the key it starts with; or behind the
    /// next line feed.
    RestOfLine,
    /// The same, but at the next line that starts with a brace, unless `any` next line will do; a document right behind another one
    /// may also start with the broken one's own first key.
    Lines { any: bool, first_key: Vec<u8> },
    /// In a list: at the next object that starts with `"eventVersion"` or one of these keys; or at a line that starts with a brace.
    /// Where no object was met in the list, also at a text that holds a record.
    Record { first_keys: Vec<Vec<u8>>, as_text: bool },
    /// Behind the value's end, if it is JSON.
    Value,
}

/// How far one call came.
pub(crate) enum Skipped {
    /// So many bytes were skipped; go on with more behind them.
    All(usize),
    /// Reading goes on after so many bytes.
    Until(usize),
    /// The evidence ended.
    ToEnd,
}

enum Found {
    At(usize),
    /// Not before this position; what follows may be the beginning of it.
    NotBefore(usize),
}

impl Goal {
    /// Whether it is in these bytes, which are all there is.
    pub(crate) fn is_found_in(&self, bytes: &[u8]) -> bool {
        !matches!(self, Self::Line | Self::Value) && matches!(self.find(bytes, true), Found::At(_))
    }

    fn find(&self, bytes: &[u8], eof: bool) -> Found {
        for at in memchr::memchr2_iter(b'{', b'\n', bytes) {
            let starts = if bytes[at] == b'\n' { self.line_starts(bytes, at) } else { self.record_starts(bytes, at) };
            match starts {
                Some(Starts::Here(at)) => return Found::At(at),
                None if !eof => return Found::NotBefore(at - before(bytes, at)),
                _ => {}
            }
        }
        // What stands before a brace tells whether it starts a record: it is seen again together with it.
        Found::NotBefore(if eof { bytes.len() } else { bytes.len() - before(bytes, bytes.len()) })
    }

    /// Whether reading goes on behind the line feed at `at`; `None` if there are too few bytes to tell.
    fn line_starts(&self, bytes: &[u8], at: usize) -> Option<Starts> {
        let here = match (self, bytes.get(at + 1)?) {
            (Self::RestOfLine | Self::Lines { any: true, .. }, _) | (_, b'{') => true,
            (Self::Lines { .. }, byte) => byte.is_ascii_digit(),
            _ => false,
        };
        Some(if here { Starts::Here(at + 1) } else { Starts::No })
    }

    /// Whether the brace at `at` is a record's first byte; `None` if there are too few bytes to tell.
    fn record_starts(&self, bytes: &[u8], at: usize) -> Option<Starts> {
        let rest = &bytes[at + 1..];
        let near = bytes[..at][at.saturating_sub(MAX_TAIL)..].trim_ascii_end().last();
        let is_record = match (self, near) {
            (Self::Record { first_keys, .. }, _) => starts_record(rest, first_keys.iter().map(Vec::as_slice))?,
            (_, Some(b',' | b'[')) => starts_record(rest, FIRST_KEYS.into_iter())?,
            (goal, Some(b'}')) => {
                let own =
                    if let Self::Lines { first_key, .. } = goal { Some(first_key.as_slice()).filter(|key| !key.is_empty()) } else { None };
                starts_record(rest, FIRST_KEYS.into_iter().chain(DOCUMENT_KEYS).chain(own))?
            }
            // What is not closed ends anywhere; but the value of a key is a part of it.
            (Self::Lines { .. }, near) if near != Some(&b':') => starts_record(rest, std::iter::empty())?,
            _ => false,
        };
        if !is_record && matches!(self, Self::Record { as_text: true, .. }) && bytes[..at].ends_with(b"\"") {
            return Some(if starts_record_text(rest)? { Starts::Here(at - 1) } else { Starts::No });
        }
        Some(if is_record { Starts::Here(at) } else { Starts::No })
    }
}

/// The same of a record that stands as text in a list of such: `"{\"eventVersion\"`.
fn starts_record_text(rest: &[u8]) -> Option<bool> {
    let Some(rest) = rest.strip_prefix(b"\\\"") else { return if rest.len() < 2 { None } else { Some(false) } };
    let is_key = |key: &[u8]| rest.strip_prefix(key).is_some_and(|behind| behind.starts_with(b"\\\""));
    let may_be = |key: &[u8]| key.starts_with(rest) || rest.strip_prefix(key).is_some_and(|behind| behind.len() < 2);
    let mut keys = std::iter::once(&b"eventVersion"[..]).chain(FIRST_KEYS);
    if keys.clone().any(is_key) {
        return Some(true);
    }
    if keys.any(may_be) { None } else { Some(false) }
}

/// Whether reading goes on at a byte.
enum Starts {
    Here(usize),
    No,
}

/// How many bytes before `at` separate it from an item of a list or a document: a comma or bracket, and white space behind that.
fn before(bytes: &[u8], at: usize) -> usize {
    let near = &bytes[..at][at.saturating_sub(MAX_TAIL)..];
    let solid = near.trim_ascii_end();
    if solid.len() == near.len() && near.ends_with(b"\"") {
        return 1;
    }
    if matches!(solid.last(), Some(b',' | b'[' | b'}')) { near.len() - solid.len() + 1 } else { 0 }
}

/// Whether `"eventVersion"`, or one of the given keys, is what follows the brace; `None` if there are too few bytes to tell.
pub(crate) fn starts_record<'k>(rest: &[u8], first_keys: impl Iterator<Item = &'k [u8]>) -> Option<bool> {
    let (quote, rest) = rest[space_len(rest).min(rest.len())..].split_first()?;
    if *quote != b'"' {
        return Some(false);
    }
    let mut unsure = false;
    for key in std::iter::once(&b"eventVersion"[..]).chain(first_keys) {
        match rest.strip_prefix(key) {
            Some([b'"', ..]) => return Some(true),
            behind => unsure |= behind.map_or(key.starts_with(rest), <[u8]>::is_empty),
        }
    }
    if unsure { None } else { Some(false) }
}

/// Something being skipped.
pub(crate) struct Skip {
    goal: Goal,
    reason: String,
    offset: Option<u64>,
    hasher: digest::Context,
    length: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// For [`Goal::Value`]: open brackets, inside a string, behind a backslash.
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl std::fmt::Debug for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Skip").field("goal", &self.goal).field("reason", &self.reason).field("length", &self.length).finish_non_exhaustive()
    }
}

impl Skip {
    pub(crate) fn new(goal: Goal, reason: String) -> Self {
        Self {
            goal,
            reason,
            offset: None,
            hasher: digest::Context::new(&digest::SHA256),
            length: 0,
            head: Vec::new(),
            tail: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
        }
    }

    pub(crate) fn begin_at(&mut self, offset: u64) {
        self.offset.get_or_insert(offset);
    }

    fn is_fresh(&self) -> bool {
        self.length == 0 && self.tail.is_empty()
    }

    pub(crate) fn go_on(&mut self, bytes: &[u8], eof: bool) -> Skipped {
        let found = match &self.goal {
            Goal::Line => match memchr::memchr(b'\n', bytes) {
                Some(at) => Found::At(at + 1),
                None => Found::NotBefore(bytes.len()),
            },
            Goal::Value => self.value_end(bytes),
            goal => {
                // The broken record's own first byte is not the next record's.
                let from = usize::from(self.is_fresh()).min(bytes.len());
                match goal.find(&bytes[from..], eof) {
                    Found::At(at) => Found::At(from + at),
                    Found::NotBefore(at) => Found::NotBefore(from + at),
                }
            }
        };
        match found {
            Found::At(at) => {
                self.take(&bytes[..at]);
                self.trim();
                Skipped::Until(at)
            }
            Found::NotBefore(at) => {
                self.take(&bytes[..at]);
                if eof { Skipped::ToEnd } else { Skipped::All(at) }
            }
        }
    }

    /// The end of the value that is skipped, as brackets and strings count; a line feed in a string shows that it is none.
    fn value_end(&mut self, bytes: &[u8]) -> Found {
        for (i, &b) in bytes.iter().enumerate() {
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                match b {
                    b'\\' => self.escaped = true,
                    b'"' if self.depth == 0 => return Found::At(i + 1),
                    b'"' => self.in_string = false,
                    b'\n' => return Found::At(i),
                    _ => {}
                }
            } else {
                match b {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Found::At(i + 1);
                        }
                    }
                    _ => {}
                }
            }
        }
        Found::NotBefore(bytes.len())
    }

    /// Counts bytes in, holding back those at the end that may separate it from what follows.
    fn take(&mut self, bytes: &[u8]) {
        let solid = bytes.iter().rposition(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' | b'}')).map_or(0, |at| at + 1);
        if solid > 0 {
            let tail = std::mem::take(&mut self.tail);
            self.count(&tail);
            self.count(&bytes[..solid]);
        }
        self.tail.extend_from_slice(&bytes[solid..]);
        if self.tail.len() > MAX_TAIL {
            let tail = std::mem::take(&mut self.tail);
            let (gone, kept) = tail.split_at(tail.len() - MAX_TAIL);
            self.count(gone);
            self.tail = kept.to_vec();
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        let room = REJECT_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// What was held back belongs to it, but for white space and commas.
    fn trim(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        let own = tail.iter().rposition(|b| matches!(b, b']' | b'}')).map_or(0, |at| at + 1);
        self.count(&tail[..own]);
        if self.length == 0 {
            self.count(&tail);
        }
    }

    /// At the end of the evidence: if the last brackets close the envelopes (`closers`, inner first), they are not part of the record.
    pub(crate) fn give_back(&mut self, closers: &[u8]) -> bool {
        let mut end = self.tail.len();
        for closer in closers.iter().rev() {
            match self.tail[..end].iter().rposition(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
                Some(at) if self.tail[at] == *closer => end = at,
                _ => {
                    self.trim();
                    return false;
                }
            }
        }
        self.tail.truncate(end);
        self.trim();
        true
    }

    pub(crate) fn into_reject(self, place: Option<Place<'_>>) -> Reject {
        match place {
            Some(place) => Reject {
                index: 0,
                offset: place.offset,
                length: place.bytes.len() as u64,
                sha256: crate::identity::sha256(place.bytes),
                reason: self.reason,
                head: place.bytes[..place.bytes.len().min(REJECT_BYTES)].to_vec(),
            },
            None => Reject {
                index: 0,
                offset: self.offset.unwrap_or_default(),
                length: self.length,
                sha256: crate::identity::hash_of(&self.hasher.finish()),
                reason: self.reason,
                head: self.head,
            },
        }
    }
}
