//! Envelopes: objects around a list of items, whose keys before and behind it are looked at one by one.

use backtrail_model::evidence::MORE_PAGES_FOLLOW;

use super::{Carrier, Frame, Holds, MAX_FRAMES, MAX_RECORD, Machine, NO_ITEMS, Step};
use crate::fields::{Container, Descend, NULL};
use crate::output::{Output, Place};
use crate::skip::Goal;
use crate::walk::{Span, Stop, Walker, space_len};

impl Machine {
    /// An envelope that turns out to be a record as well, when its list is being read or has been: what it says itself is not kept.
    pub(super) fn reject_around_list(&mut self, place: Place<'_>, out: &mut Output) {
        out.reject(place, "fields of a record around a list of items: the items were read in its place".to_owned());
    }

    /// Which lists are opened here: generic ones only where no named one is open.
    pub(super) fn descend(&self) -> Descend {
        if self.stack.len() >= MAX_FRAMES {
            Descend::Never
        } else if self.stack.iter().any(|f| matches!(f, Frame::List { kind: Some(_), .. })) {
            Descend::Carriers
        } else {
            Descend::All
        }
    }

    pub(super) fn note_next_token(&self, token: Span, out: &mut Output) {
        if token.is_text() && token.end > token.start {
            out.remarks.add(MORE_PAGES_FOLLOW);
        }
    }

    /// Into a container's value; the outer `hits` and `ResultSet` are envelopes themselves.
    pub(super) fn open_container(&mut self, window: &[u8], kind: Container, at: usize, control: bool, out: &mut Output) -> Step {
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

    /// An envelope's keys before and behind its list.
    pub(super) fn in_envelope(
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
                    b"ResultSetMetadata" => self.settle_results(Some(&window[value.json()]), out),
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
}
