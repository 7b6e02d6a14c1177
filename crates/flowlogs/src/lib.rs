//! VPC and Transit Gateway Flow Logs to typed Arrow batches: text with a header or in a declared layout, exports and subscriptions of CloudWatch
//! Logs, what Firehose writes, and AWS's Parquet files.
//!
//! The decoder is pure: bytes in, batches out; no path, clock, async or log. It gives the same rows however the bytes are cut. A line that cannot be
//! read is data (a row of `rejects`), not an error. Decisions that need saying:
//!
//! - **The header is the schema.** Without one, a layout the user declared is taken where the first line fits it, else the default format where it is
//!   one. Anything else is refused as a whole: a guess would put ports where addresses belong.
//! - **Headers** are no records. Another one may come, where files were joined.
//! - **`-`** is NULL. A field nobody knows goes to `extra` under its name.
//! - **Ends of lines** (`\n`, `\r\n`) are no part of a line.
//! - **Numbers** that are none, or do not fit their type, cost their line.

mod block;
mod column;
mod format;
mod json;
mod name;
mod number;
mod output;
mod parquet;
mod record;
mod render;
mod rows;
mod text;
mod texts;

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::tables::Table;

pub use format::{DEFAULT, Format, is_header, resembles_record};
use json::Json;
pub use name::Named;
use output::Output;
use record::Common;
pub use render::line;
use text::{Lines, MAX_LINE, whole};

/// The decoder's name in the ledger.
pub const NAME: &str = "flowlogs";
/// Raised when the same bytes are read differently.
pub const VERSION: i32 = 1;

/// What the decoder must know besides the bytes.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Name of the evidence, in every row.
    pub evidence_id: Arc<str>,
    /// What the name of its file says.
    pub named: Named,
}

/// How the content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// Nothing but blanks was met.
    Unmet,
    Lines,
    Json,
    Parquet,
}

/// Decodes pieces of evidence, one after the other. Small pieces share batches.
#[derive(Debug)]
pub struct Decoder {
    notation: Notation,
    lines: Lines,
    json: Json,
    out: Output,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    /// Bytes of a line too long to be kept, beyond what is carried.
    overlong: u64,
    /// Where the next byte stands in the evidence.
    offset: u64,
}

impl Decoder {
    /// A decoder, given the present in microseconds and the layouts that the user declared for text without a header.
    #[must_use]
    pub fn new(now: i64, declared: &[Arc<Format>]) -> Self {
        Self {
            notation: Notation::Unmet,
            lines: Lines::new(declared.into()),
            json: Json::default(),
            out: Output::new(now),
            carry: Vec::new(),
            overlong: 0,
            offset: 0,
        }
    }

    /// Goes on with another piece of evidence. Rows of pieces before it that were not handed on yet stay.
    pub fn begin(&mut self, context: Context) {
        (self.notation, self.overlong, self.offset) = (Notation::Unmet, 0, 0);
        self.carry.clear();
        self.lines.reset();
        self.json = Json::default();
        self.out.begin(Common { evidence_id: context.evidence_id, named: context.named, ..Common::default() });
    }

    /// Takes the next bytes of the evidence, uncompressed. Any cutting gives the same rows. Hands `sink` the batches that are full.
    ///
    /// # Errors
    ///
    /// Those of `sink`; decoding itself has none.
    pub fn push<E>(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        let mut rest = bytes;
        if self.notation == Notation::Unmet {
            let blanks = rest.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, 0xef | 0xbb | 0xbf)).count();
            self.offset += blanks as u64;
            self.lines.skip(memchr::memchr_iter(b'\n', &rest[..blanks]).count());
            rest = &rest[blanks..];
            self.notation = match rest.first() {
                None => return Ok(()),
                Some(b'{' | b'[') => Notation::Json,
                Some(_) => Notation::Lines,
            };
        }
        if self.notation == Notation::Json {
            self.json.push(rest, self.offset, &mut self.lines, &mut self.out);
            self.offset += rest.len() as u64;
            return self.hand_on(sink);
        }
        while let Some(taken) = self.take_lines(rest) {
            self.offset += taken as u64;
            rest = &rest[taken..];
            if !self.out.ready.is_empty() {
                self.hand_on(sink)?;
            }
        }
        self.keep(rest);
        self.offset += rest.len() as u64;
        Ok(())
    }

    /// Takes the next line, or many at once, and gives the bytes; `None` where no line ends.
    fn take_lines(&mut self, rest: &[u8]) -> Option<usize> {
        let is_between_lines = self.carry.is_empty() && self.overlong == 0;
        let together = if is_between_lines { self.lines.block(rest, &mut self.out) } else { 0 };
        if together > 0 {
            return Some(together);
        }
        let at = memchr::memchr(b'\n', rest)?;
        self.end_line(&rest[..at]);
        Some(at + 1)
    }

    /// A line ends here; `rest` is what of it was not carried.
    fn end_line(&mut self, rest: &[u8]) {
        if self.carry.is_empty() && self.overlong == 0 && rest.len() <= MAX_LINE {
            self.lines.file_line(rest, self.offset, &mut self.out);
            return;
        }
        let start = self.offset - self.carry.len() as u64 - self.overlong;
        self.keep(rest);
        let line = std::mem::take(&mut self.carry);
        match std::mem::take(&mut self.overlong) {
            0 => self.lines.file_line(&line, start, &mut self.out),
            more => {
                let place = output::Place { offset: start, bytes: &line, length: line.len() as u64 + more };
                self.out.reject(place, "the line is too long for a flow log record; its hash is that of its first MiB");
            }
        }
        self.carry = line;
        self.carry.clear();
    }

    /// Keeps the beginning of a line, as far as any line is long.
    fn keep(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(MAX_LINE - self.carry.len().min(MAX_LINE));
        self.carry.extend_from_slice(&bytes[..kept]);
        self.overlong += (bytes.len() - kept) as u64;
    }

    fn hand_on<E>(&mut self, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        for (table, batch) in self.out.ready.drain(..) {
            sink(table, batch)?;
        }
        Ok(())
    }

    /// The evidence ends: says what was found. Its last rows may wait for [`Decoder::flush`].
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn end<E>(&mut self, ending: Ending, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<Summary, E> {
        let broken_off = match (self.notation, ending) {
            (Notation::Lines, _) if self.carry.is_empty() && self.overlong == 0 => None,
            (Notation::Lines, Ending::Complete) => {
                self.end_line(&[]);
                None
            }
            // Half a line would be a record with a number cut short.
            (Notation::Lines, Ending::Truncated) => {
                let start = self.offset - self.carry.len() as u64 - self.overlong;
                self.out.reject(whole(&self.carry, start), "the evidence breaks off inside this line");
                None
            }
            (Notation::Json, Ending::Complete) => self.json.open_at_end().map(|what| format!("the document ends {what}")),
            _ => None,
        };
        self.carry.clear();
        self.hand_on(sink)?;
        Ok(self.summary(broken_off))
    }

    /// Hands on all rows.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn flush<E>(&mut self, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        self.out.flush();
        self.hand_on(sink)
    }

    /// Rows made of the current piece, accepted records and rejects: counted where rows are filled, to hold the summary to.
    #[must_use]
    pub fn given(&self) -> (i64, i64) {
        self.out.given()
    }

    /// Whether every row not handed on yet is whole; not so if a panic cut the filling of one short.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.out.is_sound()
    }

    fn summary(&mut self, broken_off: Option<String>) -> Summary {
        let refused = self.lines.is_undeclared().then(|| {
            format!(
                "flow records without a header, in a layout nobody declared: pass it as --flow-format '${{version}} ${{account-id}} ...' \
                 (LogFormat of DescribeFlowLogs); the default is '{DEFAULT}'"
            )
        });
        Summary {
            counts: self.out.counts,
            first_event_time: self.out.times.first,
            last_event_time: self.out.times.last,
            shape: self.shape().to_owned(),
            remarks: std::mem::take(&mut self.out.remarks).into_texts(),
            broken_off,
            foreign: None,
            refused,
        }
    }

    fn shape(&self) -> &'static str {
        match (self.notation, self.lines.is_timed()) {
            (Notation::Parquet, _) => "Parquet",
            (Notation::Json, _) => "messages in JSON",
            (_, true) => "CloudWatch Logs export",
            _ if self.lines.has_header() => "text",
            _ => "text without a header",
        }
    }
}
