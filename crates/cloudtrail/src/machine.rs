//! The document machine: cuts evidence into items while it streams, never holding a whole document.
//!
//! Evidence is a sequence of JSON values: one object, one a line, several in a row, one long array. An object that holds a list
//! of items under a known key (`Records`, `Events`, `logEvents`, `hits.hits`, ...) is an envelope: its list is descended into, and
//! each element is an item. An item is walked over once, as a whole; whatever is wrong with it concerns it alone.
//!
//! The machine sees windows. It says how much of one it used up, and is given the rest again with more behind it: what it
//! decides never depends on where a window ends.

mod damage;
mod envelope;
mod list;
mod top;

use backtrail_model::evidence::{RawForm, Route};

use crate::cells::Unnamed;
use crate::fields::{Container, Fields};
use crate::index::Index;
use crate::lake::LakeTable;
use crate::output::{Output, Place};
use crate::skip::Skip;
use crate::walk::{Kind, Span};

/// The largest record taken in (design.md, promise 5).
pub(crate) const MAX_RECORD: usize = 64 << 20;
/// Envelopes inside envelopes, at most.
const MAX_FRAMES: usize = 8;
/// What is counted as other where an envelope holds nothing.
const NO_ITEMS: &str = "lists without records";

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
    /// The columns of a query's results, which their first row names.
    pub(crate) results: Option<Box<LakeTable>>,
    /// Rows of results that stand before anything names their columns.
    pub(crate) unnamed: Unnamed,
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
        self.results = None;
        self.unnamed = Unnamed::default();
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

    /// One row of a table (CloudTrail Lake, Athena).
    fn table_row(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let Some(mut table) = self.lake.take() else { return Step::To(pos) };
        let step = table.row(self, window, pos, eof, carrier, out);
        self.lake = Some(table);
        step
    }
}
