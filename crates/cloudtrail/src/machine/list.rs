//! Items: the elements of a list, and documents that stand by themselves.

use super::{Carrier, Frame, Holds, MAX_FRAMES, MAX_RECORD, Machine, NO_ITEMS, Step, first_key};
use crate::fields::{Container, Descend, F, W, walk_record};
use crate::output::Output;
use crate::walk::{Span, Stop, Walker, space_len};

/// Bytes of an object looked at as a whole before the list in it is taken for an envelope's: its other fields may make it a record.
const LOOK_BEHIND_LIST: usize = 64 << 10;

/// What an object with a list in it is.
enum Look {
    Record(Span),
    Envelope(Holds),
    /// Too few bytes to tell.
    More,
}

impl Machine {
    pub(super) fn in_list(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let pos = pos + space_len(&window[pos..]);
        let Some(&byte) = window.get(pos) else { return Step::To(pos) };
        let Some(Frame::List { at_start, items, kind, .. }) = self.stack.last_mut() else { return Step::To(pos) };
        let kind = *kind;
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
                    b'{' if kind == Some(Container::Rows) => match self.row_of_results(window, pos, eof, carrier, out) {
                        Some(step) => step,
                        None => self.item(window, pos, eof, carrier, out),
                    },
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
            Err(stop) => self.stopped(stop, window, pos, eof, carrier, out),
        }
    }

    /// Text where an object is expected: a record somebody quoted.
    pub(super) fn text_item(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
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
            Err(stop) => self.stopped(stop, window, pos, eof, carrier, out),
        }
    }

    /// An object: a record, a carrier of records, or an envelope around a list.
    pub(super) fn item(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
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
            Err(stop) => self.stopped(stop, window, pos, eof, carrier, out),
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

    fn is_control(&self, window: &[u8]) -> bool {
        let span = self.fields.wrapper(W::MessageType);
        span.is_text() && window[span.inner()] == *b"CONTROL_MESSAGE"
    }

    pub(super) fn open_list(&mut self, kind: Option<Container>, at: usize, control: bool) -> Step {
        self.usual_key.clear();
        self.results = None;
        self.stack.push(Frame::List { kind, items: 0, at_start: true, control });
        Step::To(at)
    }
}
