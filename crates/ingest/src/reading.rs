//! One piece of evidence from bytes to rows: sniff, decode, judge.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arrow_array::RecordBatch;
use backtrail_acquire::{Break, Cause, Content, Drained, Piece, Workspace, archive_of};
use backtrail_cloudtrail::{Ending, Summary};
use backtrail_model::evidence::{Counts, Fate};
use backtrail_model::tables::Table;
use backtrail_store::{Batch, StoreError};

use crate::account::Outcome;
use crate::kind::Kind;
use crate::registry::{Decode, Decoder, Sink, decoder_for};
use crate::sniff::{PARQUET_TAIL, sniff};
use crate::{IngestOptions, Progress};

/// Chunks on their way from a reading to a decoding thread, each up to 1 MiB.
const CHUNKS_AHEAD: usize = 8;
/// Content up to this size is read to its end for its hash even if nothing decodes it.
const DRAIN: u64 = 64 << 20;

/// What a piece turned out to be.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A container: its members are the evidence. The compressions around it.
    Archive(&'static str, Vec<&'static str>),
    /// Read, or not to be read.
    Done(Outcome, Option<Drained>),
}

/// What reading needs to know.
pub(crate) struct Reader<'r> {
    pub(crate) batch: &'r Batch,
    pub(crate) options: &'r IngestOptions,
    pub(crate) progress: &'r dyn Progress,
    /// Rows handed to the store so far, for the account of a decoder that dies.
    pub(crate) tally: &'r Tally,
}

/// Rows of one piece that the store was given.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kept: AtomicI64,
    rejected: AtomicI64,
    /// Stored bytes that progress was told of.
    reported: AtomicU64,
}

impl Tally {
    fn add(&self, table: Table, rows: usize) -> u64 {
        let count = i64::try_from(rows).unwrap_or(i64::MAX);
        if table.is_deduplicated() {
            self.kept.fetch_add(count, Ordering::Relaxed);
        } else if table == Table::Rejects {
            self.rejected.fetch_add(count, Ordering::Relaxed);
        } else {
            return 0;
        }
        rows as u64
    }

    /// Stored bytes that progress was not told of yet, of a piece of this size.
    pub(crate) fn unreported(&self, size: u64) -> u64 {
        size.saturating_sub(self.reported.load(Ordering::Relaxed))
    }

    /// Where the records went as far as rows show it.
    pub(crate) fn counts(&self) -> Counts {
        let (kept, rejected) = (self.kept.load(Ordering::Relaxed), self.rejected.load(Ordering::Relaxed));
        Counts { read: kept + rejected, kept, rejected, ..Counts::default() }
    }
}

impl Reader<'_> {
    /// Reads a piece.
    pub(crate) fn read(&self, piece: &Piece, workspace: &mut Workspace) -> Result<Reading, StoreError> {
        let mut content = match piece.content(workspace) {
            Ok(content) => content,
            Err(broken) => return Ok(Reading::Done(broken_at_once(&broken), None)),
        };
        let (kind, archive) = match content.next_chunk() {
            Ok(Some(first)) => (sniff(first, || piece.tail(PARQUET_TAIL).unwrap_or_default()), archive_of(first)),
            Ok(None) => (Kind::Empty, None),
            Err(broken) => {
                let drained = content.finish(workspace);
                return Ok(Reading::Done(broken_at_once(&broken), Some(drained)));
            }
        };
        if let Some(archive) = archive {
            let drained = content.finish(workspace);
            return Ok(Reading::Archive(archive.name(), drained.compression));
        }
        let Some(decoder) = decoder_for(kind) else {
            content.drain(if piece.is_held() { DRAIN } else { 0 });
            let drained = content.finish(workspace);
            return Ok(Reading::Done(not_read(kind, piece.walked), Some(drained)));
        };
        if kind == Kind::PerhapsCloudTrail {
            return self.read_if_any(piece, content, decoder, workspace);
        }
        let (summary, drained) = self.decode(piece, content, decoder, workspace, false)?;
        let outcome = self.judge(decoder, summary, &drained, piece);
        Ok(Reading::Done(outcome, Some(drained)))
    }

    /// Decodes into nothing first: a settings file must not leave rejects in the store because it is JSON.
    fn read_if_any(
        &self,
        piece: &Piece,
        content: Content<'_>,
        decoder: &'static Decoder,
        workspace: &mut Workspace,
    ) -> Result<Reading, StoreError> {
        let (summary, drained) = self.decode(piece, content, decoder, workspace, true)?;
        let counts = summary.counts;
        if counts.kept > 0 {
            let content = match piece.content(workspace) {
                Ok(content) => content,
                Err(broken) => return Ok(Reading::Done(broken_at_once(&broken), Some(drained))),
            };
            let (summary, drained) = self.decode(piece, content, decoder, workspace, false)?;
            let outcome = self.judge(decoder, summary, &drained, piece);
            return Ok(Reading::Done(outcome, Some(drained)));
        }
        let outcome = if let Some(foreign) = summary.foreign {
            Outcome::unread(foreign.kind, Fate::Deferred, foreign.message)
        } else if counts.rejected == 0 && counts.other > 0 {
            self.judge(decoder, summary, &drained, piece)
        } else {
            not_read(Kind::Json, piece.walked)
        };
        Ok(Reading::Done(outcome, Some(drained)))
    }

    /// Decodes the content, from its chunk at hand on. A dry run keeps no rows.
    fn decode(
        &self,
        piece: &Piece,
        content: Content<'_>,
        decoder: &'static Decoder,
        workspace: &mut Workspace,
        dry: bool,
    ) -> Result<(Summary, Drained), StoreError> {
        let mut sink = |table: Table, rows: RecordBatch| -> Result<(), StoreError> {
            if dry {
                return Ok(());
            }
            let records = self.tally.add(table, rows.num_rows());
            self.progress.read(0, records);
            self.batch.append(table, rows)
        };
        let decode = (decoder.start)(piece.id.to_string().into(), self.options.now);
        if piece.is_held() {
            decode_here(decode, content, workspace, &mut sink)
        } else {
            let reports = piece.member.is_none() && !dry;
            decode_apart(decode, content, workspace, &mut sink, |bytes| {
                if reports {
                    self.tally.reported.fetch_add(bytes, Ordering::Relaxed);
                    self.progress.read(bytes, 0);
                }
            })
        }
    }

    /// The fate of decoded evidence.
    fn judge(&self, decoder: &Decoder, summary: Summary, drained: &Drained, piece: &Piece) -> Outcome {
        let counts = summary.counts;
        let mut remarks = summary.remarks;
        remarks.extend(drained.notes.iter().cloned());
        let remark = (!remarks.is_empty()).then(|| remarks.join("; "));
        let with = |first: String| Some(remark.iter().fold(first, |text, r| format!("{text}; {r}")));
        let (fate, reason, break_offset) = if let Some(flaw) = &drained.flaw {
            (fate_of(flaw), with(flaw.to_string()), Some(flaw.offset))
        } else if let Some(why) = summary.broken_off {
            (Fate::Partial, with(why), Some(piece.size))
        } else if counts.kept == 0 && counts.rejected > 0 {
            (Fate::Rejected, with("none of its records could be taken in".to_owned()), None)
        } else {
            (Fate::Kept, remark, None)
        };
        let kind = if counts.kept == 0 { "CloudTrail".to_owned() } else { format!("CloudTrail ({})", summary.shape) };
        let mut outcome = Outcome {
            kind,
            decoder: decoder.name,
            decoder_version: decoder.version,
            fate,
            reason,
            break_offset,
            counts,
            first_event_time: summary.first_event_time,
            last_event_time: summary.last_event_time,
        };
        self.hold_to_account(&mut outcome);
        outcome
    }

    /// Promise 1, enforced: what was read is what was kept, rejected and passed over, and the store was given exactly those rows.
    fn hold_to_account(&self, outcome: &mut Outcome) {
        let given = self.tally.counts();
        let same = given.kept == outcome.counts.kept && given.rejected == outcome.counts.rejected;
        if same && outcome.counts.is_balanced() {
            return;
        }
        let said = outcome.counts;
        outcome.counts = given;
        outcome.fate = Fate::Failed;
        outcome.reason =
            Some(format!("internal error: the decoder's account ({said:?}) is not that of its rows ({given:?}); please report it"));
    }
}

/// Reads and decodes on this thread.
fn decode_here(
    mut decode: Box<dyn Decode>,
    mut content: Content<'_>,
    workspace: &mut Workspace,
    sink: &mut Sink<'_>,
) -> Result<(Summary, Drained), StoreError> {
    decode.push(content.current(), sink)?;
    let ending = loop {
        match content.next_chunk() {
            Ok(Some(bytes)) => decode.push(bytes, sink)?,
            Ok(None) => break Ending::Complete,
            Err(_) => break Ending::Truncated,
        }
    };
    let drained = content.finish(workspace);
    let ending = if drained.flaw.as_ref().is_some_and(ends_early) { Ending::Truncated } else { ending };
    Ok((decode.finish(ending, sink)?, drained))
}

/// Reads, inflates and hashes on a second thread while this one decodes.
fn decode_apart(
    mut decode: Box<dyn Decode>,
    mut content: Content<'_>,
    workspace: &mut Workspace,
    sink: &mut Sink<'_>,
    report: impl Fn(u64) + Send,
) -> Result<(Summary, Drained), StoreError> {
    let (full, chunks) = crossbeam_channel::bounded::<Vec<u8>>(CHUNKS_AHEAD);
    let (spare, empties) = crossbeam_channel::bounded::<Vec<u8>>(CHUNKS_AHEAD + 2);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut reported = 0;
            let mut send = |bytes: &[u8], position: u64| {
                let mut chunk = empties.try_recv().unwrap_or_default();
                chunk.clear();
                chunk.extend_from_slice(bytes);
                report(position.saturating_sub(reported));
                reported = reported.max(position);
                full.send(chunk).is_ok()
            };
            let position = content.position();
            if send(content.current(), position) {
                // `position` is asked for before the chunk is borrowed: it lags one chunk behind.
                loop {
                    let position = content.position();
                    match content.next_chunk() {
                        Ok(Some(bytes)) if send(bytes, position) => {}
                        _ => break,
                    }
                }
            }
            drop(full);
            content.finish(workspace)
        });
        let mut result = Ok(());
        for chunk in &chunks {
            result = decode.push(&chunk, sink);
            if result.is_err() {
                break;
            }
            // Where the reader has enough spare chunks this one is freed.
            drop(spare.try_send(chunk));
        }
        drop(chunks);
        let drained = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result?;
        let ending = if drained.flaw.as_ref().is_some_and(ends_early) { Ending::Truncated } else { Ending::Complete };
        Ok((decode.finish(ending, sink)?, drained))
    })
}

/// Whether content is missing behind a break; a checksum fault leaves it whole.
fn ends_early(flaw: &Break) -> bool {
    !matches!(flaw.cause, Cause::Checksum { .. } | Cause::Changed)
}

fn fate_of(flaw: &Break) -> Fate {
    if matches!(flaw.cause, Cause::Io(_)) { Fate::Failed } else { Fate::Partial }
}

fn broken_at_once(broken: &Break) -> Outcome {
    let mut outcome = Outcome::unread("unknown", fate_of(broken), format!("{broken}; nothing could be read"));
    outcome.break_offset = Some(broken.offset);
    outcome
}

/// Evidence without a decoder waits for one; what is no evidence is passed over, unless the user named it.
fn not_read(kind: Kind, walked: bool) -> Outcome {
    let why = kind.why_not_read();
    if kind.is_evidence() {
        return Outcome::unread(kind.name(), Fate::Deferred, why);
    }
    if walked {
        return Outcome::unread(kind.name(), Fate::Ignored, why);
    }
    let advice = format!("{why}; name the logs themselves, or the folder they are in");
    Outcome::unread(kind.name(), Fate::Rejected, advice)
}
