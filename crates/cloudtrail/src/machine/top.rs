//! Outside of all documents: the first bytes, and lines that are no JSON or have a record behind a header.

use backtrail_model::evidence::{RawForm, Route};

use super::{Carrier, Line, MAX_RECORD, Machine, Step};
use crate::lake::{LakeTable, Opened};
use crate::odd;
use crate::output::Output;
use crate::skip::Goal;
use crate::walk::space_len;

/// The longest time prefix of a CloudWatch Logs export line.
const MAX_PREFIX: usize = 40;
/// The longest name of a log stream.
const MAX_STREAM: usize = 512;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Machine {
    pub(super) fn at_top(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
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
}
