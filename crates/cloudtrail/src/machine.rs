//! The document machine: cuts evidence into items while it streams, never holding a whole document.
//!
//! Evidence is a sequence of JSON values: one object, one a line, several in a row, one long array. An object that holds a list
//! of items under a known key (`Records`, `Events`, `logEvents`, `hits.hits`, ...) is an envelope: its list is descended into, and
//! each element is an item. An item is walked over once, as a whole; whatever is wrong with it concerns it alone.
//!
//! The machine sees windows. It says how much of one it used up, and is given the rest again with more behind it: what it
//! decides never depends on where a window ends.

use backtrail_model::evidence::{MORE_PAGES_FOLLOW, RawForm, Route};

use crate::fields::{Container, Descend, F, Fields, NULL, W, walk_record};
use crate::index::Index;
use crate::lake::{LakeTable, Opened};
use crate::odd;
use crate::output::{Output, Place};
use crate::skip::{FIRST_KEYS, Goal, Skip, Skipped};
use crate::walk::{Kind, Span, Stop, Walker, space_len};

/// The largest record taken in (design.md, promise 5).
pub(crate) const MAX_RECORD: usize = 64 << 20;
/// Envelopes inside envelopes, at most.
const MAX_FRAMES: usize = 8;
/// Bytes of an object looked at as a whole before the list in it is taken for an envelope's: its other fields may make it a record.
const LOOK_BEHIND_LIST: usize = 64 << 10;
/// The longest time prefix of a CloudWatch Logs export line.
const MAX_PREFIX: usize = 40;
/// The longest name of a log stream.
const MAX_STREAM: usize = 512;
/// What is counted as other where an envelope holds nothing.
const NO_ITEMS: &str = "lists without records";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Something that is open around the position.
#[derive(Debug)]
enum Frame {
    /// A list of items.
    List {
        kind: Option<Container>,
        items: u64,
        /// A comma or the opening bracket stands before the position.
        at_start: bool,
        /// CloudWatch Logs says that it only checks whether anybody listens.
        control: bool,
    },
    /// An envelope, before one of its keys or its end.
    Envelope { after_value: bool, holds: Holds },
}

/// What stands before the position on its line, outside of all documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Line {
    /// The evidence starts here: perhaps it was cut off in the middle of a document.
    #[default]
    First,
    /// Nothing.
    Fresh,
    /// A document.
    Behind,
}

/// What was met in an envelope.
#[derive(Debug, Clone, Copy, Default)]
struct Holds {
    /// A list, which gave items or was counted as empty.
    list: bool,
    /// Fields of a call of its own, which make it a record around a list: `eventName`, `eventSource`.
    name: bool,
    source: bool,
    /// It was seen as a whole before, and is none.
    no_record: bool,
}

impl Holds {
    fn is_record(self) -> bool {
        self.name && self.source && !self.no_record
    }
}

/// What an object with a list in it is.
enum Look {
    Record(Span),
    Envelope(Holds),
    /// Too few bytes to tell.
    More,
}

/// What carries a nested document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carrier<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) route: Route,
    pub(crate) form: RawForm,
    pub(crate) depth: u32,
}

/// What one step did.
pub(crate) enum Step {
    /// Went on to this position.
    To(usize),
    /// Needs more bytes behind the position.
    More,
}

/// Where in the evidence, and in which envelopes, the position is.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    stack: Vec<Frame>,
    pub(crate) index: Index,
    pub(crate) fields: Fields,
    /// The index stands at the position: nothing was walked out of order since.
    pub(crate) in_sync: bool,
    /// Offset of the window in the evidence.
    pub(crate) offset: u64,
    /// The first byte has been seen.
    started: bool,
    /// The item at the position stands behind a line's header; by which route such lines come.
    prefixed: Option<Route>,
    /// What stands before the position on its line.
    line: Line,
    /// Lines met that are no documents, while they are looked at as headers of tables.
    odd_lines: u32,
    /// The key with which an item of this list started.
    usual_key: Vec<u8>,
    skip: Option<Box<Skip>>,
    lake: Option<Box<LakeTable>>,
    /// The record the evidence ended in.
    pub(crate) unfinished: Option<crate::output::Reject>,
    /// For documents inside strings; kept, so that its buffers are.
    pub(crate) nested: Option<Box<Machine>>,
}

/// The first key of the object walked over last, if it is short and plain.
fn first_key<'a>(window: &'a [u8], fields: &Fields) -> Option<&'a [u8]> {
    let key = fields.first_key;
    if key.kind == Kind::Text && key.end - key.start < 64 { window.get(key.inner()) } else { None }
}

impl Machine {
    /// Forgets a document, for the next one. Buffers stay.
    pub(crate) fn reset(&mut self) {
        self.stack.clear();
        self.started = false;
        self.prefixed = None;
        self.line = Line::First;
        self.odd_lines = 0;
        self.usual_key.clear();
        self.skip = None;
        self.lake = None;
        self.unfinished = None;
    }

    /// Works through a window; says how much of it is used up. The rest must be given again, with more behind it, unless `eof`.
    pub(crate) fn run(&mut self, window: &[u8], eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> usize {
        let mut pos = 0;
        self.in_sync = false;
        while pos < window.len() || self.skip.is_some() {
            let step = if let Some(skip) = self.skip.take() {
                self.go_on_skipping(skip, window, pos, eof, carrier, out)
            } else if self.lake.is_some() {
                self.table_row(window, pos, eof, carrier, out)
            } else {
                match self.stack.last() {
                    None => self.at_top(window, pos, eof, carrier, out),
                    Some(Frame::List { .. }) => self.in_list(window, pos, eof, carrier, out),
                    Some(Frame::Envelope { after_value, .. }) => {
                        let after_value = *after_value;
                        self.in_envelope(window, pos, eof, (after_value, carrier), out)
                    }
                }
            };
            match step {
                Step::To(next) => pos = next,
                Step::More => break,
            }
        }
        pos
    }

    /// What is still open at the end, in words.
    pub(crate) fn open_at_end(&self) -> Option<&'static str> {
        match self.stack.last()? {
            Frame::List { .. } => Some("the closing bracket of the list is missing"),
            Frame::Envelope { .. } => Some("the closing brace of the document is missing"),
        }
    }

    fn at_top(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        if !self.started {
            match self.start(window, pos, eof) {
                Some(Step::To(next)) if next == pos => {}
                Some(step) => return step,
                None => return Step::To(window.len()),
            }
        }
        let space = space_len(&window[pos..]);
        if memchr::memchr(b'\n', &window[pos..pos + space]).is_some() {
            self.line = Line::Fresh;
        }
        let pos = pos + space;
        let Some(&byte) = window.get(pos) else { return Step::To(pos) };
        match byte {
            b'{' => self.item(window, pos, eof, carrier, out),
            b'"' => self.text_item(window, pos, eof, carrier, out),
            b'[' => self.open_list(None, pos + 1, false),
            b',' => {
                out.remarks.add("commas between documents");
                Step::To(pos + 1)
            }
            b'}' | b']' => {
                out.remarks.add("closing brackets without their opening ones");
                Step::To(pos + 1)
            }
            // A byte order mark inside: files with one were put together.
            0xef if window[pos..].starts_with(BYTE_ORDER_MARK) => Step::To(pos + BYTE_ORDER_MARK.len()),
            0xef if !eof && BYTE_ORDER_MARK.starts_with(&window[pos..]) => Step::More,
            // Record separators of JSON text sequences (RFC 7464), and the padding of tapes and disks.
            0x1e | 0 => Step::To(pos + 1),
            b'0'..=b'9' => match self.time_prefix(window, pos, eof) {
                Some(step) => step,
                None => self.odd_line(window, pos, eof, carrier, out),
            },
            _ => self.odd_line(window, pos, eof, carrier, out),
        }
    }

    /// The first bytes: a byte order mark, or the header of a table. Nothing where there is only white space yet.
    fn start(&mut self, window: &[u8], pos: usize, eof: bool) -> Option<Step> {
        let rest = &window[pos..];
        if rest.starts_with(BYTE_ORDER_MARK) {
            return Some(Step::To(pos + BYTE_ORDER_MARK.len()));
        }
        if !eof && BYTE_ORDER_MARK.starts_with(rest) {
            return Some(Step::More);
        }
        let first = rest.get(space_len(rest))?;
        if !matches!(first, b'{' | b'[') {
            match LakeTable::open(rest, eof) {
                Opened::Table(table, used) => {
                    self.started = true;
                    self.lake = Some(table);
                    return Some(Step::To(pos + used));
                }
                Opened::More => return Some(Step::More),
                Opened::No => {}
            }
        }
        self.started = true;
        Some(Step::To(pos))
    }

    /// `2024-01-01T00:00:00.000Z ` before the record: a line CloudWatch Logs exported to S3. `aws logs tail` writes the name of the
    /// stream behind the time. None where it is another line.
    fn time_prefix(&mut self, window: &[u8], pos: usize, eof: bool) -> Option<Step> {
        let word = |from: usize, most: usize| {
            let head = &window[from.min(window.len())..window.len().min(from + most)];
            head.iter().position(|b| matches!(b, b' ' | b'\n')).ok_or(head.len() < most && !eof)
        };
        let space = match word(pos, MAX_PREFIX) {
            Ok(length) => pos + length,
            Err(true) => return Some(Step::More),
            Err(false) => return None,
        };
        let is_time = space - pos > 10 && window[pos + 4] == b'-' && window[pos + 10] == b'T' && window[space] == b' ';
        if !is_time {
            return None;
        }
        let mut record = space + 1;
        if window.get(record).is_some_and(|b| *b != b'{') {
            match word(record, MAX_STREAM) {
                Ok(length) if window[record + length] == b' ' => record += length + 1,
                Err(true) => return Some(Step::More),
                _ => return None,
            }
        }
        match window.get(record) {
            None if !eof => Some(Step::More),
            Some(b'{') => Some(self.behind_header(record, Route::CloudWatchLogs)),
            _ => None,
        }
    }

    /// To the record behind a line's header, which may hold quotes and backslashes that are no part of a document.
    fn behind_header(&mut self, record: usize, route: Route) -> Step {
        self.prefixed = Some(route);
        self.in_sync = false;
        Step::To(record)
    }

    /// Text outside of all documents: a record behind the header of a log line, a table after lines about it, a payload in base64, or
    /// what damage left of a document; anything else is a line that is not JSON.
    fn odd_line(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let goal = if self.line == Line::Fresh { Goal::Line } else { Goal::RestOfLine };
        if self.line != Line::Behind {
            let rest = &window[pos..];
            if rest.len() < odd::LONGEST_HEADER && !eof && memchr::memchr(b'\n', rest).is_none() {
                return Step::More;
            }
            if let Some(record) = odd::record_behind_header(rest) {
                return self.behind_header(pos + record, Route::Wrapped);
            }
            if let Some(step) = self.packed_lines(window, pos, eof, carrier, out) {
                return step;
            }
            if out.counts.kept == 0 && self.odd_lines < odd::LINES_BEFORE_TABLE {
                match LakeTable::open(rest, eof) {
                    Opened::Table(table, used) => {
                        self.lake = Some(table);
                        return Step::To(pos + used);
                    }
                    Opened::More => return Step::More,
                    Opened::No => self.odd_lines += 1,
                }
            }
        }
        self.begin_skip(pos, goal, "not JSON".to_owned())
    }

    /// A payload in base64, on one line or broken into several.
    fn packed_lines(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Option<Step> {
        let rest = &window[pos..window.len().min(pos + MAX_RECORD)];
        if !odd::is_packed(rest) {
            return None;
        }
        let length = odd::packed_len(rest);
        if length == rest.len() && !eof && length < MAX_RECORD {
            return Some(Step::More);
        }
        let first = memchr::memchr(b'\n', &rest[..length]).unwrap_or(length);
        for length in std::iter::once(first).chain((length > first).then_some(length)) {
            let context = self.context(self.place(window, pos..pos + length, carrier), carrier);
            let text: Vec<u8> = rest[..length].iter().filter(|b| !b.is_ascii_whitespace()).copied().collect();
            if let Some(document) = crate::unwrap::packed(&text) {
                let inner = Carrier { form: RawForm::Unescaped, depth: context.depth.saturating_add(1), ..context };
                self.document(&document, inner, out);
                self.value_ended();
                return Some(Step::To(pos + length));
            }
        }
        None
    }

    fn in_list(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let pos = pos + space_len(&window[pos..]);
        let Some(&byte) = window.get(pos) else { return Step::To(pos) };
        let Some(Frame::List { at_start, items, .. }) = self.stack.last_mut() else { return Step::To(pos) };
        match byte {
            b',' => {
                if std::mem::replace(at_start, true) {
                    out.remarks.add("commas too many");
                }
                Step::To(pos + 1)
            }
            b']' => {
                if *at_start && *items > 0 {
                    out.remarks.add("commas too many");
                }
                if *items == 0 {
                    out.other(NO_ITEMS);
                }
                self.stack.pop();
                self.value_ended();
                Step::To(pos + 1)
            }
            b'}' => {
                out.remarks.add("closing brackets without their opening ones");
                Step::To(pos + 1)
            }
            _ => {
                // Said once, however often the item is looked at before it is whole.
                if !std::mem::replace(at_start, true) {
                    out.remarks.add("commas missing between records");
                }
                match byte {
                    b'{' => self.item(window, pos, eof, carrier, out),
                    b'"' => self.text_item(window, pos, eof, carrier, out),
                    b'[' => match self.row_of_cells(window, pos, eof, carrier, out) {
                        Some(step) => step,
                        None if self.stack.len() < MAX_FRAMES => self.open_list(None, pos + 1, false),
                        None => self.odd_item(window, pos, eof, carrier, out),
                    },
                    _ => self.odd_item(window, pos, eof, carrier, out),
                }
            }
        }
    }

    /// An element that is neither an object nor text.
    fn odd_item(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        self.sync(pos);
        let limit = window.len().min(pos + MAX_RECORD);
        let mut walker = Walker { bytes: &window[..limit], pos, index: &mut self.index };
        match walker.value(0) {
            Ok(span) => {
                self.value_ended();
                let end = span.json().end;
                out.reject(self.place(window, pos..end, carrier), "not an object".to_owned());
                Step::To(end)
            }
            Err(Stop::Incomplete) => self.cut_short(window, pos, eof, carrier, out),
            Err(Stop::Broken { at, what }) => self.broken(window, pos, at, what),
            Err(Stop::Container { at, .. }) => Step::To(at),
        }
    }

    /// Text where an object is expected: a record somebody quoted.
    fn text_item(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        self.sync(pos);
        let limit = window.len().min(pos + MAX_RECORD);
        let mut walker = Walker { bytes: &window[..limit], pos, index: &mut self.index };
        match walker.string() {
            Ok(span) => {
                self.value_ended();
                let end = span.json().end;
                let place = self.place(window, pos..end, carrier);
                let context = self.context(place, carrier);
                self.in_sync = true;
                let inner = Carrier { depth: context.depth.saturating_add(1), ..context };
                if !self.text_inside(window, span, inner, out) {
                    self.no_record(&window[pos..end], context, out);
                }
                Step::To(end)
            }
            Err(Stop::Incomplete) => self.cut_short(window, pos, eof, carrier, out),
            Err(Stop::Broken { at, what }) => self.broken(window, pos, at, what),
            Err(Stop::Container { at, .. }) => Step::To(at),
        }
    }

    /// An object: a record, a carrier of records, or an envelope around a list.
    fn item(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        self.sync(pos);
        let descend = self.descend();
        let limit = window.len().min(pos + MAX_RECORD);
        let mut walker = Walker { bytes: &window[..limit], pos, index: &mut self.index };
        match walk_record(&mut walker, &mut self.fields, 0, descend) {
            Ok(span) => {
                self.in_sync = true;
                self.settle_item(window, span, carrier, out)
            }
            Err(Stop::Container { kind, at }) => {
                let (control, token) = (self.is_control(window), self.fields.wrapper(W::NextToken));
                let holds = match self.look_behind_list(window, (pos, at), kind, eof) {
                    Look::Record(span) => return self.settle_item(window, span, carrier, out),
                    Look::More => return Step::More,
                    Look::Envelope(holds) => holds,
                };
                self.note_next_token(token, out);
                self.prefixed = None;
                self.stack.push(Frame::Envelope { after_value: false, holds });
                if holds.is_record() {
                    self.reject_around_list(self.place(window, pos..at, carrier), out);
                }
                self.open_container(window, kind, at, control, out)
            }
            Err(Stop::Incomplete) => self.cut_short(window, pos, eof, carrier, out),
            Err(Stop::Broken { at, what }) => self.broken(window, pos, at, what),
        }
    }

    /// An object that was walked over to its end.
    fn settle_item(&mut self, window: &[u8], span: Span, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        if self.usual_key.is_empty()
            && let Some(key) = first_key(window, &self.fields)
        {
            self.usual_key.extend_from_slice(key);
        }
        let place = self.place(window, span.inner(), carrier);
        let context = self.context(place, carrier);
        self.value_ended();
        self.settle(window, span, context, out);
        Step::To(span.end as usize)
    }

    /// Whether the object at `pos`, whose first list stands at `at`, is an envelope, or a record to which somebody added a list. A
    /// trail's file is told by its first bytes; others are looked at as a whole, as far as is affordable.
    fn look_behind_list(&mut self, window: &[u8], (pos, at): (usize, usize), kind: Container, eof: bool) -> Look {
        let mut holds = Holds { name: self.fields.has(F::EventName), source: self.fields.has(F::EventSource), ..Holds::default() };
        self.in_sync = true;
        let is_trail = kind == Container::Records && window[at..].starts_with(b"[{\"eventVersion\":");
        if is_trail && !holds.name && !holds.source {
            return Look::Envelope(holds);
        }
        self.in_sync = false;
        let limit = window.len().min(pos + LOOK_BEHIND_LIST);
        self.index.restart(pos);
        let mut walker = Walker { bytes: &window[..limit], pos, index: &mut self.index };
        match walk_record(&mut walker, &mut self.fields, 0, Descend::Never) {
            Ok(span) if self.fields.is_record(window) => return Look::Record(span),
            Ok(_) => holds.no_record = true,
            Err(Stop::Incomplete) if limit == window.len() && limit < pos + LOOK_BEHIND_LIST && !eof => return Look::More,
            Err(_) => {}
        }
        Look::Envelope(holds)
    }

    /// An envelope that turns out to be a record as well, when its list is being read or has been: what it says itself is not kept.
    fn reject_around_list(&mut self, place: Place<'_>, out: &mut Output) {
        out.reject(place, "fields of a record around a list of items: the items were read in its place".to_owned());
    }

    /// Which lists are opened here: generic ones only where no named one is open.
    fn descend(&self) -> Descend {
        if self.stack.len() >= MAX_FRAMES {
            Descend::Never
        } else if self.stack.iter().any(|f| matches!(f, Frame::List { kind: Some(_), .. })) {
            Descend::Carriers
        } else {
            Descend::All
        }
    }

    fn is_control(&self, window: &[u8]) -> bool {
        let span = self.fields.wrapper(W::MessageType);
        span.is_text() && window[span.inner()] == *b"CONTROL_MESSAGE"
    }

    fn note_next_token(&self, token: Span, out: &mut Output) {
        if token.is_text() && token.end > token.start {
            out.remarks.add(MORE_PAGES_FOLLOW);
        }
    }

    /// Into a container's value; the outer `hits` is an envelope itself.
    fn open_container(&mut self, window: &[u8], kind: Container, at: usize, control: bool, out: &mut Output) -> Step {
        if window[at] == b'{' {
            self.stack.push(Frame::Envelope { after_value: false, holds: Holds::default() });
            return Step::To(at + 1);
        }
        self.note_list();
        if window[at..].starts_with(NULL) {
            out.other(NO_ITEMS);
            self.in_sync = false;
            self.set_after_value(true);
            return Step::To(at + NULL.len());
        }
        self.open_list(Some(kind), at + 1, control)
    }

    fn open_list(&mut self, kind: Option<Container>, at: usize, control: bool) -> Step {
        self.usual_key.clear();
        self.stack.push(Frame::List { kind, items: 0, at_start: true, control });
        Step::To(at)
    }

    /// An envelope's keys before and behind its list.
    fn in_envelope(
        &mut self,
        window: &[u8],
        pos: usize,
        eof: bool,
        (after_value, carrier): (bool, Option<Carrier<'_>>),
        out: &mut Output,
    ) -> Step {
        let pos = pos + space_len(&window[pos..]);
        let Some(&byte) = window.get(pos) else { return Step::To(pos) };
        match byte {
            b',' => {
                self.set_after_value(false);
                Step::To(pos + 1)
            }
            b'}' => {
                self.close_envelope(out);
                Step::To(pos + 1)
            }
            b'"' if !after_value => self.envelope_key(window, pos, eof, carrier, out),
            b']' => {
                out.remarks.add("closing brackets without their opening ones");
                Step::To(pos + 1)
            }
            b'{' => {
                // The list was closed too early, or another document follows one that was never closed.
                out.remarks.add("documents that were not closed before the next one");
                self.close_envelope(out);
                Step::To(pos)
            }
            _ => self.broken(window, pos, pos, "a key or the end of the document was expected"),
        }
    }

    /// An envelope ends. One in which no list was met (`hits` of a search for counts only) is in no other account.
    fn close_envelope(&mut self, out: &mut Output) {
        if let Some(Frame::Envelope { holds, .. }) = self.stack.pop() {
            if holds.list {
                self.note_list();
            } else if !matches!(self.stack.last(), Some(Frame::Envelope { .. })) {
                out.other(NO_ITEMS);
            }
        }
        self.value_ended();
    }

    /// The envelope at hand, and what is around it, holds a list.
    fn note_list(&mut self) {
        if let Some(Frame::Envelope { holds, .. }) = self.stack.last_mut() {
            holds.list = true;
        }
    }

    fn envelope_key(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        self.sync(pos);
        let limit = window.len().min(pos + MAX_RECORD);
        let descend = self.descend();
        let mut walker = Walker { bytes: &window[..limit], pos, index: &mut self.index };
        let mut step = || {
            let key = walker.key()?;
            let name = &window[key.inner()];
            if let Some(kind) = descend.list_at(&walker, name)? {
                return Err(Stop::Container { kind, at: walker.pos });
            }
            Ok((name, walker.value(1)?, walker.pos))
        };
        match step() {
            Ok((name, value, end)) => {
                self.in_sync = true;
                self.set_after_value(true);
                match name {
                    b"NextToken" | b"nextToken" => self.note_next_token(value, out),
                    b"eventName" | b"eventSource" if value.is_present() && self.completes_record(name) => {
                        self.reject_around_list(self.place(window, pos..end, carrier), out);
                    }
                    _ => {}
                }
                Step::To(end)
            }
            Err(Stop::Container { kind, at }) => {
                self.in_sync = true;
                self.open_container(window, kind, at, false, out)
            }
            Err(Stop::Incomplete) if limit - pos >= MAX_RECORD => {
                self.begin_skip(pos, Goal::Value, "part of an envelope, larger than 64 MiB".to_owned())
            }
            Err(Stop::Incomplete) if !eof => Step::More,
            // The document ends among the keys behind its list: no record is lost by that.
            Err(Stop::Incomplete) => Step::To(window.len()),
            Err(Stop::Broken { at, what }) => self.broken(window, pos, at, what),
        }
    }

    /// Whether an envelope's own field is the last one it lacked to be a record.
    fn completes_record(&mut self, field: &[u8]) -> bool {
        let Some(Frame::Envelope { holds, .. }) = self.stack.last_mut() else { return false };
        let before = holds.is_record();
        holds.name |= field == b"eventName";
        holds.source |= field == b"eventSource";
        holds.is_record() && !before
    }

    /// A value ended: what stands around it now expects a comma or its end.
    pub(crate) fn value_ended(&mut self) {
        match self.stack.last_mut() {
            Some(Frame::List { at_start, items, .. }) => {
                *at_start = false;
                *items += 1;
            }
            Some(Frame::Envelope { after_value, .. }) => *after_value = true,
            None => self.line = Line::Behind,
        }
        self.prefixed = None;
    }

    fn set_after_value(&mut self, to: bool) {
        if let Some(Frame::Envelope { after_value, .. }) = self.stack.last_mut() {
            *after_value = to;
        }
    }

    #[inline]
    fn sync(&mut self, pos: usize) {
        self.fields.first_key = Span::default();
        if !self.in_sync {
            self.index.restart(pos);
        }
        self.in_sync = false;
    }

    /// Where a part of the window is in the evidence; inside a string, where the string's carrier is.
    pub(crate) fn place<'a>(&self, window: &'a [u8], range: std::ops::Range<usize>, carrier: Option<Carrier<'a>>) -> Place<'a> {
        match carrier {
            Some(carrier) => carrier.place,
            None => Place { offset: self.offset + range.start as u64, bytes: &window[range] },
        }
    }

    /// By which route a record that stands here plainly came.
    fn context<'a>(&self, place: Place<'a>, carrier: Option<Carrier<'a>>) -> Carrier<'a> {
        let list =
            self.stack.iter().rev().find_map(|f| if let Frame::List { kind, control, .. } = f { Some((*kind, *control)) } else { None });
        let (kind, control) = list.unwrap_or_default();
        let mut context = carrier.unwrap_or(Carrier { place, route: Route::Record, form: RawForm::Exact, depth: 0 });
        let by_list = match kind {
            Some(Container::Records) if context.route == Route::Record => Some(Route::TrailFile),
            Some(Container::LogEvents) => Some(Route::CloudWatchLogs),
            Some(Container::Hits) => Some(Route::Wrapped),
            _ if self.prefixed.is_some() => self.prefixed,
            _ => None,
        };
        context.route = by_list.unwrap_or(context.route);
        if control {
            context.depth = u32::MAX;
        }
        context
    }

    /// The window, or the evidence, ends inside an item.
    fn cut_short(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let too_large = window.len() - pos >= MAX_RECORD;
        if !too_large && !eof {
            return Step::More;
        }
        // Something in it was never closed, or it is only begun: in the first case the next record is in there.
        let goal = self.resync_goal(window, pos, None);
        if goal.is_found_in(&window[pos + 1..window.len().min(pos + MAX_RECORD)]) {
            return self.begin_skip(pos, goal, "a string or bracket in it is never closed".to_owned());
        }
        if too_large {
            return self.begin_skip(pos, Goal::Value, "larger than 64 MiB".to_owned());
        }
        let reject = out.make_reject(self.place(window, pos..window.len(), carrier), "the document ends inside this record".to_owned());
        if carrier.is_some() {
            out.push_reject(reject);
        } else {
            self.unfinished = Some(reject);
        }
        Step::To(window.len())
    }

    /// Something is wrong with the item at `pos`: everything up to the next record is rejected.
    fn broken(&mut self, window: &[u8], pos: usize, at: usize, what: &str) -> Step {
        let goal = self.resync_goal(window, pos, Some(at));
        self.begin_skip(pos, goal, format!("{what} at byte {} of the record", at - pos))
    }

    /// How the next record is known: from what the broken one looks like, or those before it; else by what records start with.
    fn resync_goal(&self, window: &[u8], pos: usize, at: Option<usize>) -> Goal {
        if self.stack.is_empty() {
            return Goal::Lines { any: at.is_some_and(|at| memchr::memchr(b'\n', &window[pos..at]).is_none()) };
        }
        let own = first_key(window, &self.fields).unwrap_or_default();
        let mut first_keys: Vec<Vec<u8>> = [own, &self.usual_key].into_iter().filter(|key| !key.is_empty()).map(<[u8]>::to_vec).collect();
        if first_keys.is_empty() {
            first_keys.extend(FIRST_KEYS.map(<[u8]>::to_vec));
        }
        Goal::Record { first_keys }
    }

    pub(crate) fn begin_skip(&mut self, pos: usize, goal: Goal, reason: String) -> Step {
        self.skip = Some(Box::new(Skip::new(goal, reason)));
        // What is skipped is not walked: quotes and backslashes in it must not count for what follows.
        self.in_sync = false;
        Step::To(pos)
    }

    fn go_on_skipping(
        &mut self,
        mut skip: Box<Skip>,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Step {
        skip.begin_at(self.offset + pos as u64);
        match skip.go_on(&window[pos..], eof) {
            Skipped::All(used) => {
                self.skip = Some(skip);
                // What is not used up is held back until more follows it.
                if used == 0 { Step::More } else { Step::To(pos + used) }
            }
            Skipped::Until(used) => {
                self.value_ended();
                if window[..pos + used].ends_with(b"\n") {
                    self.line = Line::Fresh;
                }
                if let Some(Frame::List { at_start, .. }) = self.stack.last_mut() {
                    *at_start = true;
                }
                out.push_reject(skip.into_reject(carrier.map(|c| c.place)));
                Step::To(pos + used)
            }
            Skipped::ToEnd => {
                let closers: Vec<u8> = self.stack.iter().rev().map(|f| if matches!(f, Frame::List { .. }) { b']' } else { b'}' }).collect();
                if skip.give_back(&closers) {
                    self.stack.clear();
                }
                out.push_reject(skip.into_reject(carrier.map(|c| c.place)));
                Step::To(window.len())
            }
        }
    }

    /// One row of a table (CloudTrail Lake, Athena).
    fn table_row(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let Some(mut table) = self.lake.take() else { return Step::To(pos) };
        let step = table.row(self, window, pos, eof, carrier, out);
        self.lake = Some(table);
        step
    }
}
