//! Lines: of files in S3, of exports of CloudWatch Logs (each behind its time), and of messages in JSON.

use std::sync::Arc;

use crate::block::{Cutter, may_begin_header};
use crate::format::{self, Format};
use crate::output::{Output, Place};
use crate::record::{Record, Span, span};

/// A longer line is none of a flow log.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// Lines of no known layout after which none that follows can be one of a record in the default format by more than accident.
const MAX_WAITING: usize = 1_000;
/// Bytes of such a line that are kept.
const WAITING_BYTES: usize = 64 << 10;

/// What is known of the lines so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Layout {
    /// No line was met.
    #[default]
    Unmet,
    Known,
    /// None that anybody declared.
    Undeclared,
}

/// Reads lines, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    layout: Layout,
    /// Layouts that the user declared.
    declared: Arc<[Arc<Format>]>,
    /// Each line starts with a time of CloudWatch Logs.
    timed: bool,
    /// The header in force.
    header: Vec<u8>,
    words: Vec<Span>,
    cutter: Cutter,
    /// Lines to be taken one by one: among them is one that is not as usual.
    one_by_one: usize,
    number: u64,
    /// Lines met before any whose layout is known.
    waiting: Vec<Waiting>,
}

/// A line nobody knew how to read when it came.
#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    length: u64,
    offset: u64,
    number: u64,
}

impl Lines {
    pub(crate) fn new(declared: Arc<[Arc<Format>]>) -> Self {
        Self { declared, ..Self::default() }
    }

    /// Another piece of evidence.
    pub(crate) fn reset(&mut self) {
        (self.layout, self.timed, self.number, self.one_by_one) = (Layout::Unmet, false, 0, 0);
        self.header.clear();
        self.waiting.clear();
    }

    /// Blank lines before the first.
    pub(crate) fn skip(&mut self, lines: usize) {
        self.number += lines as u64;
    }

    /// Whether a line came and nobody said what its words are.
    pub(crate) fn is_undeclared(&self) -> bool {
        self.layout == Layout::Undeclared
    }

    /// Whether lines are in the layout that a header gave.
    pub(crate) fn has_header(&self) -> bool {
        !self.header.is_empty()
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.timed
    }

    /// Takes as many of the lines that a text begins with as can be taken together, and gives their bytes, ends of lines included.
    pub(crate) fn block(&mut self, text: &[u8], out: &mut Output) -> usize {
        if self.layout != Layout::Known || self.timed || self.one_by_one > 0 {
            return 0;
        }
        let (width, most) = out.room_for_block();
        let (block, taken) = self.cutter.cut(text, width, most);
        let lines = block.lines();
        if lines > 0 && !out.block(block) {
            self.one_by_one = lines;
            return 0;
        }
        self.number += lines as u64;
        taken
    }

    /// Takes a line of a file, without its end.
    pub(crate) fn file_line(&mut self, line: &[u8], offset: u64, out: &mut Output) {
        self.number += 1;
        self.one_by_one = self.one_by_one.saturating_sub(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 || self.layout == Layout::Unmet {
            self.timed = instant(line).is_some();
        }
        if !self.timed {
            self.line(line, line, offset, out);
            return;
        }
        match instant(line) {
            Some(length) => self.line(line.get(length + 1..).unwrap_or_default(), line, offset, out),
            None if line.trim_ascii().is_empty() => {}
            None => out.reject(whole(line, offset), &format!("line {}: no time stands before the record", self.number)),
        }
    }

    /// Takes a line that stood as a message somewhere.
    pub(crate) fn message(&mut self, line: &[u8], offset: u64, out: &mut Output) {
        self.number += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.line(line, line, offset, out);
    }

    fn line(&mut self, line: &[u8], delivered: &[u8], offset: u64, out: &mut Output) {
        if line.first().copied().is_some_and(may_begin_header) && self.is_header(line, out) {
            return;
        }
        if self.layout != Layout::Known && !self.settle(line, out) {
            self.wait(delivered, offset);
            return;
        }
        let number = self.number;
        if std::str::from_utf8(line).is_err() {
            out.reject(whole(delivered, offset), &format!("line {number}: it is no UTF-8"));
            return;
        }
        let is_plain = self.cut(line, out);
        if self.words.is_empty() {
            return;
        }
        if let Err(why) = out.expects(self.words.len()) {
            out.reject(whole(delivered, offset), &format!("line {number}: {why}"));
            return;
        }
        let raw = (!is_plain).then_some(line);
        let record = Record { text: line, words: &self.words, index: out.next_index(), raw };
        out.record(record, whole(delivered, offset), || format!("line {number}"));
    }

    /// A header says the layout of what follows it, also where files were joined.
    fn is_header(&mut self, line: &[u8], out: &mut Output) -> bool {
        if self.header == line {
            return true;
        }
        let Some(format) = format::header(line) else { return false };
        self.known(&Arc::new(format), out);
        self.header.clear();
        self.header.extend_from_slice(line);
        true
    }

    /// Finds the layout of lines without a header, by the first of them.
    fn settle(&mut self, line: &[u8], out: &mut Output) -> bool {
        if line.trim_ascii().is_empty() {
            return false;
        }
        let found = self.declared.iter().find(|format| format.fits(line)).cloned();
        let found = found.or_else(|| format::is_default(line).then(Format::default_v2));
        self.layout = Layout::Undeclared;
        if let Some(format) = found.filter(|_| self.waiting.len() < MAX_WAITING) {
            self.known(&format, out);
        }
        self.layout == Layout::Known
    }

    /// From here on lines are of this layout. Those before, of which nobody said what they are, are no records of it.
    fn known(&mut self, format: &Arc<Format>, out: &mut Output) {
        self.layout = Layout::Known;
        out.set_format(format);
        for line in self.waiting.drain(..) {
            let place = Place { offset: line.offset, bytes: &line.bytes, length: line.length };
            out.reject(place, &format!("line {}: neither a header nor a record of a known layout", line.number));
        }
    }

    fn wait(&mut self, line: &[u8], offset: u64) {
        if !line.trim_ascii().is_empty() && self.waiting.len() < MAX_WAITING {
            let bytes = line[..line.len().min(WAITING_BYTES)].to_vec();
            self.waiting.push(Waiting { bytes, length: line.len() as u64, offset, number: self.number });
        }
    }

    /// Cuts a line into words. Says whether exactly one blank stands between them; where they are as many as expected, nothing else is looked for.
    fn cut(&mut self, line: &[u8], out: &Output) -> bool {
        self.words.clear();
        let mut from = 0;
        let mut is_plain = true;
        let mut word = |to: usize| {
            is_plain &= to > from;
            self.words.push(span(from, to));
            from = to + 1;
        };
        blanks(line, &mut word);
        word(line.len());
        if is_plain && out.expects(self.words.len()).is_ok() {
            return true;
        }
        self.words.clear();
        let start = line.as_ptr() as usize;
        for word in format::words(line) {
            let from = word.as_ptr() as usize - start;
            self.words.push(span(from, from + word.len()));
        }
        false
    }
}

/// Runs `each` over the places of blanks. They are a few bytes apart, so that eight bytes are looked at together, and no search begins anew for each.
fn blanks(line: &[u8], each: &mut impl FnMut(usize)) {
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let (eights, rest) = line.as_chunks::<8>();
    for (number, eight) in eights.iter().enumerate() {
        let differs = u64::from_le_bytes(*eight) ^ BLANKS;
        // The high bit of each byte that is zero, and of no other.
        let mut found = !(((differs & LOW) + LOW) | differs | LOW);
        while found != 0 {
            each(number * 8 + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
    }
    let begin = line.len() - rest.len();
    rest.iter().enumerate().filter(|(_, byte)| **byte == b' ').for_each(|(at, _)| each(begin + at));
}

pub(crate) fn whole(bytes: &[u8], offset: u64) -> Place<'_> {
    Place { offset, bytes, length: bytes.len() as u64 }
}

/// The length of the time a line starts with, as exports of CloudWatch Logs write it: `2024-05-01T00:00:00.000Z`.
fn instant(line: &[u8]) -> Option<usize> {
    let length = memchr::memchr(b' ', line.get(..40.min(line.len()))?).unwrap_or(line.len());
    let word = line.get(..length)?;
    let digits = |at: std::ops::Range<usize>| word.get(at).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let marks = word.get(4) == Some(&b'-') && word.get(7) == Some(&b'-') && word.get(10) == Some(&b'T') && word.get(13) == Some(&b':');
    (word.len() >= 20 && marks && digits(0..4) && digits(5..7) && digits(8..10) && word.ends_with(b"Z")).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_found_wherever_they_stand() {
        let mut line: Vec<u8> = (0..=255).chain([b' ', b' ', 0x21, 0x1f, 0xa0, b' ']).collect();
        for _ in 0..9 {
            line.insert(0, b'x');
            let mut found = Vec::new();
            blanks(&line, &mut |at| found.push(at));
            assert_eq!(found, memchr::memchr_iter(b' ', &line).collect::<Vec<_>>());
        }
    }
}
