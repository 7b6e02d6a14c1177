//! Records in JSON: as messages (subscriptions of CloudWatch Logs, Firehose, `filter-log-events`, Logs Insights), and as objects of fields.
//!
//! The document is walked while it streams by; of it no more is kept than the string at hand and the members of the objects that are open.

use std::sync::Arc;

use crate::format::{self, Format};
use crate::output::{Output, Place};
use crate::record::{Common, Words};
use crate::text::{Lines, MAX_LINE};

/// Deeper nesting is no log.
const MAX_DEPTH: usize = 64;
/// More members named as fields are no record.
const MAX_FIELDS: usize = 256;
/// Fields of an object that make it a record: the two ends of the traffic, or the interface and what became of it.
const ENDS: [&[&str]; 3] = [&["srcaddr", "dstaddr"], &["interface_id", "log_status"], &["interface_id", "action"]];

/// What the value that comes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Message,
    LogGroup,
    LogStream,
    MessageType,
    /// Of Logs Insights: the name of the field whose value comes next.
    Field,
    Value,
    /// Of a record as an object, by its number among the fields.
    Flow,
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        match name {
            "message" | "@message" | "_raw" => Self::Message,
            "logGroup" => Self::LogGroup,
            "logStream" => Self::LogStream,
            "messageType" => Self::MessageType,
            "field" => Self::Field,
            "value" => Self::Value,
            name if format::field(name).is_some() => Self::Flow,
            _ => Self::Other,
        }
    }
}

/// An object or list that is open.
#[derive(Debug)]
struct Level {
    is_object: bool,
    /// In an object: whether a key comes next.
    wants_key: bool,
    key: Key,
    /// Of Logs Insights: the field whose value comes next is the message.
    is_message: bool,
    /// Where the fields of a record as an object begin among those that are kept.
    first_field: usize,
    offset: u64,
}

/// Walks JSON.
#[derive(Debug, Default)]
pub(crate) struct Json {
    levels: Vec<Level>,
    /// Levels below those that are looked at.
    too_deep: usize,
    in_string: bool,
    is_escaped: bool,
    /// The string or number at hand, as it stands.
    token: Vec<u8>,
    token_offset: u64,
    /// Of a string longer than any line.
    is_too_long: bool,
    is_control: bool,
    log_group: Option<String>,
    log_stream: Option<String>,
    /// Names and values of records as objects; an empty value is none.
    fields: Vec<(String, String)>,
    format: Option<(String, Arc<Format>)>,
}

impl Json {
    /// Takes the next bytes, the first of which stands at `offset`.
    pub(crate) fn push(&mut self, bytes: &[u8], offset: u64, lines: &mut Lines, out: &mut Output) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.in_string {
                at += self.string(&bytes[at..], lines, out);
                continue;
            }
            let here = offset + at as u64;
            match byte {
                b'"' => {
                    self.end_number();
                    (self.in_string, self.is_too_long, self.token_offset) = (true, false, here + 1);
                    self.token.clear();
                }
                b'{' | b'[' => self.open(*byte == b'{', here),
                b'}' | b']' => {
                    self.end_number();
                    self.close(out, here + 1);
                }
                b',' => {
                    self.end_number();
                    if let Some(level) = self.levels.last_mut() {
                        level.wants_key = level.is_object;
                    }
                }
                b':' => {
                    if let Some(level) = self.levels.last_mut() {
                        level.wants_key = false;
                    }
                    self.token.clear();
                }
                byte if byte.is_ascii_whitespace() => {}
                byte if self.token.len() < 32 => self.token.push(*byte),
                _ => {}
            }
            at += 1;
        }
    }

    /// What is open where the document ends.
    pub(crate) fn open_at_end(&self) -> Option<&'static str> {
        if self.in_string {
            Some("inside a string")
        } else {
            (!self.levels.is_empty() || self.too_deep > 0).then_some("inside an object or list that is not closed")
        }
    }

    /// Goes on with a string; says how far.
    fn string(&mut self, bytes: &[u8], lines: &mut Lines, out: &mut Output) -> usize {
        if self.is_escaped {
            self.is_escaped = false;
            self.keep(&bytes[..1]);
            return 1;
        }
        let end = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        self.keep(&bytes[..end]);
        match bytes.get(end) {
            Some(b'\\') => {
                self.is_escaped = true;
                self.keep(b"\\");
                end + 1
            }
            Some(_) => {
                self.in_string = false;
                self.end_string(lines, out);
                self.token.clear();
                end + 1
            }
            None => end,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.token.len() + bytes.len() > MAX_LINE {
            self.is_too_long = true;
        } else {
            self.token.extend_from_slice(bytes);
        }
    }

    fn open(&mut self, is_object: bool, offset: u64) {
        if self.levels.len() >= MAX_DEPTH || self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        self.token.clear();
        let first_field = self.fields.len();
        self.levels.push(Level { is_object, wants_key: is_object, key: Key::Other, is_message: false, first_field, offset });
    }

    fn close(&mut self, out: &mut Output, end: u64) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(level) = self.levels.pop() else { return };
        self.record(&level, out, end);
        self.fields.truncate(level.first_field);
        if self.levels.is_empty() {
            (self.is_control, self.log_group, self.log_stream) = (false, None, None);
            self.name_stream(out);
        }
    }

    /// The string at hand is complete.
    fn end_string(&mut self, lines: &mut Lines, out: &mut Output) {
        if self.too_deep > 0 {
            return;
        }
        let token = std::mem::take(&mut self.token);
        let text = unescaped(&token);
        let Some(level) = self.levels.last_mut() else { return };
        if level.is_object && level.wants_key {
            level.key = text.as_deref().map_or(Key::Other, Key::of);
            if level.key == Key::Flow && self.fields.len() - level.first_field >= MAX_FIELDS {
                level.key = Key::Other;
            }
            if level.key == Key::Flow {
                self.fields.push((text.unwrap_or_default(), String::new()));
            }
            self.token = token;
            return;
        }
        let key = if level.is_object { level.key } else { Key::Other };
        match (key, text) {
            (Key::Field, text) => level.is_message = text.as_deref() == Some("@message"),
            (Key::Message, text) => self.message(&token, text.as_deref(), lines, out),
            (Key::Value, text) if level.is_message => self.message(&token, text.as_deref(), lines, out),
            (Key::MessageType, text) => self.is_control = text.as_deref() == Some("CONTROL_MESSAGE"),
            (Key::LogGroup, text) => {
                self.log_group = text;
                self.name_stream(out);
            }
            (Key::LogStream, text) => {
                self.log_stream = text;
                self.name_stream(out);
            }
            (Key::Flow, text) => self.field(text.unwrap_or_default()),
            _ => {}
        }
        self.token = token;
    }

    /// Rows from here on are of another log stream.
    fn name_stream(&self, out: &mut Output) {
        if out.common.log_group != self.log_group || out.common.log_stream != self.log_stream {
            let common = Common { log_group: self.log_group.clone(), log_stream: self.log_stream.clone(), ..Common::clone(&out.common) };
            out.common = Arc::new(common);
        }
    }

    fn message(&self, token: &[u8], text: Option<&str>, lines: &mut Lines, out: &mut Output) {
        let place = Place { offset: self.token_offset, bytes: token, length: token.len() as u64 };
        match text {
            _ if self.is_control => out.other(),
            _ if self.is_too_long => out.reject(place, "the message is too long for a flow log record; its hash is that of its beginning"),
            None => out.reject(place, "the message is no valid JSON string"),
            Some(text) => lines.message(text.as_bytes(), self.token_offset, out),
        }
    }

    /// A number, a truth value or null ends before what comes next.
    fn end_number(&mut self) {
        if self.token.is_empty() || self.too_deep > 0 {
            return;
        }
        let word = String::from_utf8_lossy(&self.token).into_owned();
        if self.levels.last().is_some_and(|level| level.is_object && !level.wants_key && level.key == Key::Flow) {
            self.field(if word == "null" { String::new() } else { word });
        }
        self.token.clear();
    }

    fn field(&mut self, value: String) {
        if let Some(level) = self.levels.last()
            && let Some(last) = self.fields.get_mut(level.first_field..).and_then(<[_]>::last_mut)
        {
            last.1 = value;
        }
    }

    /// An object whose members are the fields of a record.
    fn record(&mut self, level: &Level, out: &mut Output, end: u64) {
        let fields = self.fields.get(level.first_field..).unwrap_or_default();
        let has = |name: &&str| fields.iter().any(|(n, _)| n.replace('-', "_") == **name);
        if !level.is_object || !ENDS.iter().any(|ends| ends.iter().all(&has)) {
            return;
        }
        let names = fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
        let format = match &self.format {
            Some((known, format)) if *known == names => Arc::clone(format),
            _ => Arc::new(Format::of(names.split(' '))),
        };
        out.set_format(&format);
        let mut words = Words::default();
        fields.iter().for_each(|(_, value)| words.push(value));
        self.format = Some((names, format));
        let place = Place { offset: level.offset, bytes: words.text(), length: end - level.offset };
        out.record(words.record(out.next_index()), place, || format!("the object at byte {}", level.offset));
    }
}

/// The text of a JSON string, as it stands between its quotes.
fn unescaped(token: &[u8]) -> Option<String> {
    if memchr::memchr(b'\\', token).is_none() {
        return std::str::from_utf8(token).ok().map(str::to_owned);
    }
    let quoted = [b"\"", token, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}
