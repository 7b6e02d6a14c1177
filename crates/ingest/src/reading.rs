//! One piece of evidence from bytes to rows: sniff, decode, judge.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use backtrail_acquire::{Break, Cause, Content, Drained, Piece, Workspace, archive_of};
use backtrail_cloudtrail::{Ending, Summary};
use backtrail_model::evidence::{Counts, Fate};
use backtrail_model::tables::Table;
use backtrail_store::{Batch, StoreError};

use crate::account::Outcome;
use crate::kind::Kind;
use crate::pending::{Pending, hand_over};
use crate::registry::{Decode, Decoder, Sink, decoder_for};
use crate::sniff::{PARQUET_TAIL, mentions_records, sniff};
use crate::stages::{Stage, Stages};
use crate::{IngestOptions, Progress};

/// Chunks on their way from a reading to a decoding thread, each up to 1 MiB.
const CHUNKS_AHEAD: usize = 8;
/// Content up to this size is read to its end for its hash even if nothing decodes it.
const DRAIN: u64 = 64 << 20;

/// What a piece turned out to be.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made for each piece, and taken apart at once")]
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
    pub(crate) stages: &'r Stages,
    /// Stored bytes that progress was told of.
    pub(crate) reported: &'r AtomicU64,
}

impl Reader<'_> {
    /// Reads a piece.
    pub(crate) fn read(&self, piece: &Piece, workspace: &mut Workspace, pending: &mut Pending) -> Result<Reading, StoreError> {
        let opened = self.stages.within(Stage::Acquire, || piece.content(workspace));
        let mut content = match opened {
            Ok(content) => content,
            Err(broken) => return Ok(Reading::Done(broken_at_once(&broken), None)),
        };
        let (kind, archive, worth_a_try) = match self.stages.within(Stage::Acquire, || content.next_chunk()) {
            Ok(Some(first)) => {
                let kind = sniff(first, || piece.tail(PARQUET_TAIL).unwrap_or_default());
                (kind, archive_of(first), mentions_records(kind, first))
            }
            Ok(None) => (Kind::Empty, None, false),
            Err(broken) => {
                let drained = content.finish(workspace);
                return Ok(Reading::Done(broken_at_once(&broken), Some(drained)));
            }
        };
        if let Some(archive) = archive {
            let drained = content.finish(workspace);
            return Ok(Reading::Archive(archive.name(), drained.compression));
        }
        let Some(decoder) = decoder_for(if worth_a_try { Kind::PerhapsCloudTrail } else { kind }) else {
            content.drain(if piece.is_held() { DRAIN } else { 0 });
            let drained = content.finish(workspace);
            return Ok(Reading::Done(not_read(kind, piece.walked), Some(drained)));
        };
        if kind == Kind::PerhapsCloudTrail || worth_a_try {
            return self.read_if_any(kind, piece, content, decoder, workspace, pending);
        }
        let (summary, drained) = self.decode(piece, content, decoder, workspace, pending)?;
        let outcome = self.judge(decoder, summary, &drained, piece, pending.given());
        Ok(Reading::Done(outcome, Some(drained)))
    }

    /// Decodes into nothing first: a settings file must not leave rejects in the store because it is JSON, nor a page that quotes a
    /// record become evidence of a call.
    fn read_if_any(
        &self,
        kind: Kind,
        piece: &Piece,
        content: Content<'_>,
        decoder: &'static Decoder,
        workspace: &mut Workspace,
        pending: &mut Pending,
    ) -> Result<Reading, StoreError> {
        let mut trial = (decoder.make)(self.options.now);
        trial.begin(piece.id.to_string().into());
        let (summary, drained) = run(trial.as_mut(), piece, content, workspace, self.stages, &mut |_, _| Ok(()), |_| {})?;
        let counts = summary.counts;
        let is_json = kind == Kind::PerhapsCloudTrail;
        if counts.kept > 0 && (is_json || counts.kept >= counts.rejected) {
            let again = piece.content(workspace).and_then(|mut content| content.next_chunk().map(|_| ()).map(|()| content));
            let content = match again {
                Ok(content) => content,
                Err(broken) => return Ok(Reading::Done(broken_at_once(&broken), Some(drained))),
            };
            let (summary, drained) = self.decode(piece, content, decoder, workspace, pending)?;
            let outcome = self.judge(decoder, summary, &drained, piece, pending.given());
            return Ok(Reading::Done(outcome, Some(drained)));
        }
        let outcome = if !is_json {
            not_read(kind, piece.walked)
        } else if let Some(foreign) = summary.foreign {
            Outcome::unread(foreign.kind, Fate::Deferred, foreign.message)
        } else if counts.rejected == 0 && counts.other > 0 {
            self.judge(decoder, summary, &drained, piece, Counts::default())
        } else {
            not_read(Kind::Json, piece.walked)
        };
        Ok(Reading::Done(outcome, Some(drained)))
    }

    /// Decodes the content, from its chunk at hand on.
    fn decode(
        &self,
        piece: &Piece,
        content: Content<'_>,
        decoder: &'static Decoder,
        workspace: &mut Workspace,
        pending: &mut Pending,
    ) -> Result<(Summary, Drained), StoreError> {
        let (decode, flowing) = pending.decoder(decoder, self.options.now);
        let mut sink = |table: Table, rows: RecordBatch| -> Result<(), StoreError> {
            *flowing = true;
            self.stages.within(Stage::Keep, || hand_over(self.batch, self.progress, table, rows))
        };
        decode.begin(piece.id.to_string().into());
        run(decode, piece, content, workspace, self.stages, &mut sink, |bytes| {
            if piece.member.is_none() {
                self.reported.fetch_add(bytes, Ordering::Relaxed);
                self.progress.read(bytes, 0);
            }
        })
    }

    /// The fate of decoded evidence.
    fn judge(&self, decoder: &Decoder, summary: Summary, drained: &Drained, piece: &Piece, given: Counts) -> Outcome {
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
        hold_to_account(&mut outcome, given);
        outcome
    }
}

/// Promise 1, enforced: what was read is what was kept, rejected and passed over, and exactly those rows were made.
fn hold_to_account(outcome: &mut Outcome, given: Counts) {
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

/// Pieces held in memory are decoded by the thread that reads them; larger ones are read by one thread and decoded by another.
fn run(
    decode: &mut dyn Decode,
    piece: &Piece,
    content: Content<'_>,
    workspace: &mut Workspace,
    stages: &Stages,
    sink: &mut Sink<'_>,
    report: impl Fn(u64) + Send,
) -> Result<(Summary, Drained), StoreError> {
    if piece.is_held() {
        decode_here(decode, content, workspace, stages, sink)
    } else {
        decode_apart(decode, content, workspace, stages, sink, report)
    }
}

/// Reads and decodes on this thread.
fn decode_here(
    decode: &mut dyn Decode,
    mut content: Content<'_>,
    workspace: &mut Workspace,
    stages: &Stages,
    sink: &mut Sink<'_>,
) -> Result<(Summary, Drained), StoreError> {
    stages.within(Stage::Decode, || decode.push(content.current(), sink))?;
    let ending = loop {
        match stages.within(Stage::Acquire, || content.next_chunk()) {
            Ok(Some(bytes)) => stages.within(Stage::Decode, || decode.push(bytes, sink))?,
            Ok(None) => break Ending::Complete,
            Err(_) => break Ending::Truncated,
        }
    };
    let drained = stages.within(Stage::Acquire, || content.finish(workspace));
    let ending = if drained.flaw.as_ref().is_some_and(ends_early) { Ending::Truncated } else { ending };
    Ok((stages.within(Stage::Decode, || decode.end(ending, sink))?, drained))
}

/// Reads, inflates and hashes on a second thread while this one decodes.
fn decode_apart(
    decode: &mut dyn Decode,
    mut content: Content<'_>,
    workspace: &mut Workspace,
    stages: &Stages,
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
                    match stages.within(Stage::Acquire, || content.next_chunk()) {
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
            result = stages.within(Stage::Decode, || decode.push(&chunk, sink));
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
        Ok((stages.within(Stage::Decode, || decode.end(ending, sink))?, drained))
    })
}

/// Whether content is missing behind a break; a checksum fault leaves it whole.
pub(crate) fn ends_early(flaw: &Break) -> bool {
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
