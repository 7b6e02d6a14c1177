//! CloudTrail bytes to typed Arrow batches, in every wrapper they come in.
//!
//! The decoder is pure: bytes in, batches out; no path, clock, async or log. It is pushed to, so that the caller can inflate
//! while it decodes, and it gives the same rows however the bytes are cut. A broken record is data (a row of `rejects`), not an
//! error. Decisions that need saying:
//!
//! - **Raw.** A record's `raw` is its slice of the evidence. Where it stood as text inside a carrier, that text unescaped once.
//! - **Repeated keys.** The last one counts, as in every common JSON parser; `raw` has them all.
//! - **Wrong types.** A text column takes numbers and booleans as text, a boolean column `"true"` and `"false"`; what cannot be
//!   carried is NULL there, and in `raw` as delivered. It is no reason to reject a record.
//! - **Time.** A record without `eventTime` takes the `@timestamp` of the pipeline that wrapped it, which is said in a remark;
//!   without that, or outside 2006 to tomorrow, `event_time` is NULL and the row is in partition `unknown`.

mod canonical;
mod cells;
mod credentials;
mod derive;
mod event_arns;
mod fields;
mod foreign;
mod identity;
mod index;
mod interfaces;
mod lake;
mod machine;
mod notation;
mod odd;
mod output;
mod reread;
mod rows;
mod skip;
mod statement;
mod text;
mod unwrap;
mod walk;

use std::sync::Arc;

use arrow_array::RecordBatch;
pub use backtrail_model::decoded::{Ending, Foreign, Summary};
use backtrail_model::evidence::Route;
use backtrail_model::tables::Table;

pub use canonical::canonical;
pub use derive::{DERIVED, Derivation};
use machine::{MAX_RECORD, Machine};
use output::Output;
pub use reread::{Kept, Reread};
pub use statement::{covered, statement};

/// The decoder's name in the ledger.
pub const NAME: &str = "cloudtrail";
/// Raised when the same bytes are read differently. Version 12 writes to `interfaces`. Version 11 finds the records behind one that is not closed, and writes to `event_arns` the ids of
/// attachments and associations. Version 10 reads results of Athena and the words that programs write for NULL,
/// notes what a table has no column for, and writes to `pivotal_calls` the calls that start tasks of ECS. Version 9 names in `credentials` the service account of a pod, and ties in `event_arns` an instance to
/// the groups that an answer lists at its interfaces alone. Version 8 reads structures of query engines' tables as JSON and times of the console, finds the
/// record among the fields a search lists, and takes what may be a damaged member of compressed evidence for one. Of the derived tables it writes more
/// rows and others: of `credentials` GetSigninToken, the root user's own keys under the root user, and whom Roles Anywhere and Cognito vouch for; of
/// `event_arns` managed prefix lists, the rules that a revocation's answer lists, and no tokens; of `pivotal_calls` the calls that name security groups.
pub const VERSION: i32 = 12;

/// Bytes looked at in one go: they stay in the processor's cache from the first look to the last copy.
const WINDOW: usize = 256 << 10;
/// Fewer bytes wait for more: the end of a look is mostly the beginning of a record, which is looked at again.
const LEAST: usize = 32 << 10;

/// What the decoder must know besides the bytes.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the evidence, in every row.
    pub evidence_id: Arc<str>,
    /// The present, in microseconds: an event later than a day from now has no usable time.
    pub now: i64,
}

/// Decodes pieces of evidence, one after the other.
///
/// Small pieces share batches: [`Decoder::end`] leaves their rows where they are, and [`Decoder::begin`] goes on with the next.
#[derive(Debug)]
pub struct Decoder {
    machine: Machine,
    out: Output,
    /// What is not used up yet.
    carry: Vec<u8>,
    /// Bytes wanted before the next look: more than a window while a long record is incomplete.
    want: usize,
}

impl Decoder {
    /// A decoder for one piece of evidence.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { machine: Machine::default(), out: Output::new(context.evidence_id, context.now), carry: Vec::new(), want: WINDOW }
    }

    /// Takes the next bytes of the evidence, uncompressed. Any cutting gives the same rows. Hands `sink` the batches that are full.
    ///
    /// # Errors
    ///
    /// Those of `sink`; decoding itself has none.
    pub fn push<E>(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.carry.is_empty() {
                if rest.len() < self.want {
                    self.carry.extend_from_slice(rest);
                    return Ok(());
                }
                let used = self.look(&rest[..self.want.max(WINDOW).min(rest.len())]);
                rest = &rest[used..];
            } else {
                let before = self.carry.len();
                let more = rest.len().min(self.want.max(before + LEAST) - before);
                self.carry.extend_from_slice(&rest[..more]);
                if self.carry.len() < self.want {
                    return Ok(());
                }
                let carry = std::mem::take(&mut self.carry);
                let used = self.look(&carry);
                self.carry = carry;
                if used >= before {
                    // All that was carried is used up: what follows is in `rest`, no need to copy it.
                    self.carry.clear();
                    rest = &rest[used - before..];
                } else {
                    self.carry.drain(..used);
                    rest = &rest[more..];
                }
            }
            self.hand_on(sink)?;
        }
        Ok(())
    }

    /// One look at a window; says how much of it is used up.
    fn look(&mut self, window: &[u8]) -> usize {
        let used = self.machine.run(window, false, None, &mut self.out);
        self.machine.offset += used as u64;
        // A record that does not fit is looked at again when twice as much is there.
        self.want = ((window.len() - used) * 2).clamp(LEAST, MAX_RECORD + WINDOW);
        used
    }

    fn hand_on<E>(&mut self, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        for (table, batch) in self.out.ready.drain(..) {
            sink(table, batch)?;
        }
        Ok(())
    }

    /// The evidence ends: says what was found, and hands on all rows.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn finish<E>(mut self, ending: Ending, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<Summary, E> {
        let summary = self.end(ending, sink)?;
        self.flush(sink)?;
        Ok(summary)
    }

    /// Goes on with another piece of evidence. Rows of pieces before it that were not handed on yet stay.
    pub fn begin(&mut self, context: Context) {
        self.machine.reset();
        self.machine.offset = 0;
        self.carry.clear();
        self.want = WINDOW;
        self.out.begin(context.evidence_id, context.now);
    }

    /// The evidence ends: says what was found. Its last rows may wait for [`Decoder::flush`].
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn end<E>(&mut self, ending: Ending, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<Summary, E> {
        let carry = std::mem::take(&mut self.carry);
        let used = self.machine.run(&carry, true, None, &mut self.out);
        self.machine.settle_results(None, &mut self.out);
        self.carry = carry;
        self.carry.clear();
        self.machine.offset += used as u64;
        let broken_off = self.cut_through(ending);
        if self.out.foreign.most_common().is_none() {
            self.out.settle_foreign();
        }
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

    /// What the end of the bytes cut through.
    fn cut_through(&mut self, ending: Ending) -> Option<String> {
        let open = self.machine.open_at_end();
        let offset = self.machine.offset;
        match (self.machine.unfinished.take(), ending) {
            (Some(record), Ending::Complete) => {
                let reason = format!("the document ends inside the record that starts at byte {}", record.offset);
                self.out.push_reject(record);
                Some(reason)
            }
            (Some(record), Ending::Truncated) => {
                self.out
                    .remarks
                    .add(&format!("an unfinished record at byte {} was lost in the break ({} bytes)", record.offset, record.length));
                None
            }
            (None, Ending::Complete) => open.map(|what| format!("the document ends at byte {offset}: {what}")),
            (None, Ending::Truncated) => None,
        }
    }

    fn summary(&mut self, broken_off: Option<String>) -> Summary {
        let mut counts = self.out.counts;
        let foreign = self.out.foreign.most_common().map(|(kind, items)| {
            // Not rejected: they wait for their decoder.
            counts.other += items;
            Foreign { kind: kind.to_owned(), message: foreign::advice(kind) }
        });
        let shape = match self.out.routes.iter().max_by_key(|(_, count)| *count) {
            Some((route, _)) => shape(*route),
            None => foreign.as_ref().map_or("no records", |f| f.kind.as_str()),
        };
        Summary {
            counts,
            first_event_time: self.out.first,
            last_event_time: self.out.last,
            shape: shape.to_owned(),
            remarks: std::mem::take(&mut self.out.remarks).into_texts(),
            broken_off,
            foreign,
            refused: None,
        }
    }
}

/// The shape of what came by CloudWatch Logs: exports and subscriptions.
pub const CLOUDWATCH_LOGS: &str = "CloudWatch Logs messages";
/// The shape of results of Lake and Athena.
pub const LAKE: &str = "CloudTrail Lake results";
/// The shape of what an index or a pipeline put around records.
pub const WRAPPED: &str = "records wrapped by an index or pipeline";

fn shape(route: Route) -> &'static str {
    match route {
        Route::TrailFile => "trail file",
        Route::Record => "records",
        Route::Lake => LAKE,
        Route::CloudWatchLogs => CLOUDWATCH_LOGS,
        Route::EventBridge => "EventBridge envelopes",
        Route::LookupEvents => "LookupEvents output",
        Route::Wrapped => WRAPPED,
    }
}
