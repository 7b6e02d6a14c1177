//! One piece of evidence from bytes to rows: sniff, decode, judge.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use backtrail_acquire::{Break, Cause, Content, Drained, Piece, Workspace, archive_of};
use backtrail_cloudtrail::{CLOUDWATCH_LOGS, LAKE, WRAPPED};
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::evidence::{Counts, Fate};
use backtrail_model::tables::Table;
use backtrail_model::words::counted;
use backtrail_store::{Batch, StoreError};

use crate::account::Outcome;
use crate::kind::Kind;
use crate::pending::{Pending, hand_over};
use crate::registry::{Decode, Decoder, Making, Opening, Sink, decoder_for};
use crate::sniff::{
    self, Names, PARQUET_TAIL, Seek, holds_record, mentions_records, names_fields, sniff, spells_fields_otherwise, starts_as_json,
};
use crate::stages::{Stage, Stages};
use crate::{IngestOptions, Progress};

/// How Parquet files begin.
pub(crate) const PARQUET: &[u8] = b"PAR1";
/// Chunks on their way from a reading to a decoding thread, each up to 1 MiB.
const CHUNKS_AHEAD: usize = 8;
/// Content up to this size is read to its end for its hash even if nothing decodes it.
const DRAIN: u64 = 64 << 20;
/// So many records make a text evidence, however many other lines it has; prose quotes fewer.
const MORE_THAN_QUOTED: i64 = 10;

/// What the first bytes of a piece told.
#[derive(Clone, Copy)]
struct Told {
    kind: Kind,
    is_json: bool,
    names: Names,
    /// Whether a whole record stands in it, if it is JSON.
    holds_record: bool,
    /// Whether it has the fields of records under keys of another spelling.
    spells_otherwise: bool,
}

impl Told {
    fn of(kind: Kind, head: &[u8]) -> Self {
        let (is_json, names) = (starts_as_json(head), names_fields(head));
        let holds_record = is_json && names != Names::None && holds_record(head);
        Self { kind, is_json, names, holds_record, spells_otherwise: names == Names::None && spells_fields_otherwise(head) }
    }
}

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
                let is_open = !kind.is_evidence() || kind == Kind::PerhapsCloudTrail;
                let kind = if is_open && sniff::is_declared(first, &self.options.flow_formats) { Kind::FlowLogs } else { kind };
                // Blanks alone are no empty file: more may come.
                let worth_a_try = matches!(kind, Kind::PerhapsCloudTrail | Kind::Empty) || mentions_records(kind, first);
                (kind, archive_of(first), worth_a_try)
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
        if let Some(decoder) = decoder_for(kind).filter(|_| !worth_a_try) {
            let (summary, drained) = self.decode(piece, content, decoder, workspace, pending)?;
            let outcome = self.judge(kind, decoder, summary, &drained, piece, pending.given());
            return Ok(Reading::Done(outcome, Some(drained)));
        }
        if worth_a_try {
            return self.read_if_any(kind, piece, content, workspace, pending);
        }
        let found = self.stages.within(Stage::Acquire, || seek_records(kind, &mut content, piece));
        let drained = content.finish(workspace);
        if !found {
            return Ok(Reading::Done(not_read(kind, piece, &drained), Some(drained)));
        }
        match first_chunk(piece, workspace) {
            Ok(content) => self.read_if_any(kind, piece, content, workspace, pending),
            Err(broken) => Ok(Reading::Done(broken_at_once(&broken), Some(drained))),
        }
    }

    /// Decodes into nothing first: a settings file must not leave rejects in the store because it is JSON, nor a page that quotes a
    /// record become evidence of a call.
    fn read_if_any(
        &self,
        kind: Kind,
        piece: &Piece,
        content: Content<'_>,
        workspace: &mut Workspace,
        pending: &mut Pending,
    ) -> Result<Reading, StoreError> {
        let Some(decoder) = decoder_for(Kind::PerhapsCloudTrail) else {
            let drained = content.finish(workspace);
            return Ok(Reading::Done(not_read(kind, piece, &drained), Some(drained)));
        };
        let told = Told::of(kind, content.current());
        let mut trial = (decoder.make)(&self.making());
        trial.begin(opening(piece));
        let (summary, drained) = run(trial.as_mut(), piece, content, workspace, self.stages, &mut |_, _| Ok(()), |_| {})?;
        let counts = summary.counts;
        // A line of a log group that is a time and a whole record is an event, whatever else is logged there.
        // So is a row of a table whose header names CloudTrail's fields, and what a pipeline wrapped.
        let is_export = [CLOUDWATCH_LOGS, LAKE, WRAPPED].contains(&summary.shape.as_str());
        let is_evidence = counts.kept > 0 && (told.is_json || is_export || counts.kept >= counts.rejected.min(MORE_THAN_QUOTED));
        let is_cut = drained.flaw.is_some() || summary.broken_off.is_some();
        if is_evidence || (told.is_json && told.names != Names::None && is_cut) {
            let content = match first_chunk(piece, workspace) {
                Ok(content) => content,
                Err(broken) => return Ok(Reading::Done(broken_at_once(&broken), Some(drained))),
            };
            let (summary, drained) = self.decode(piece, content, decoder, workspace, pending)?;
            let outcome = self.judge(kind, decoder, summary, &drained, piece, pending.given());
            return Ok(Reading::Done(outcome, Some(drained)));
        }
        let is_nothing_but_other = told.is_json && counts.rejected == 0 && counts.other > 0 && summary.foreign.is_none();
        // An export of no event is the header of its table.
        let is_header = !told.is_json && counts.read == 0 && !is_cut;
        let outcome = if (is_nothing_but_other || is_header) && told.kind == Kind::PerhapsCloudTrail {
            self.judge(kind, decoder, summary, &drained, piece, Counts::default())
        } else {
            without_records(told, summary, &drained, piece)
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
        let (decode, flowing) = pending.decoder(decoder, &self.making());
        let mut sink = |table: Table, rows: RecordBatch| -> Result<(), StoreError> {
            *flowing = true;
            self.stages.within(Stage::Keep, || hand_over(self.batch, self.progress, table, rows))
        };
        decode.begin(opening(piece));
        if content.current().starts_with(PARQUET) {
            return run_parquet(decode, piece, content, workspace, self.stages, &mut sink);
        }
        run(decode, piece, content, workspace, self.stages, &mut sink, |bytes| {
            if piece.member.is_none() {
                self.reported.fetch_add(bytes, Ordering::Relaxed);
                self.progress.read(bytes, 0);
            }
        })
    }

    fn making(&self) -> Making<'_> {
        Making { now: self.options.now, flow_formats: &self.options.flow_formats }
    }

    /// The fate of decoded evidence.
    fn judge(&self, kind: Kind, decoder: &Decoder, summary: Summary, drained: &Drained, piece: &Piece, given: Counts) -> Outcome {
        let counts = summary.counts;
        let mut remarks = summary.remarks;
        remarks.extend(drained.notes.iter().cloned());
        let remark = (!remarks.is_empty()).then(|| remarks.join("; "));
        let with = |first: String| Some(remark.iter().fold(first, |text, r| format!("{text}; {r}")));
        let (fate, reason, break_offset) = if let Some(flaw) = &drained.flaw {
            (fate_of(flaw), with(flaw.to_string()), Some(flaw.offset))
        } else if let Some(why) = summary.broken_off {
            (Fate::Partial, with(why), Some(piece.size))
        } else if let Some(why) = summary.refused {
            (Fate::Rejected, with(why), None)
        } else if counts.kept == 0 && counts.rejected > 0 {
            (Fate::Rejected, with("none of its records could be taken in".to_owned()), None)
        } else {
            (Fate::Kept, remark, None)
        };
        let name = if kind.is_read_by(decoder) { kind.name() } else { Kind::PerhapsCloudTrail.name() };
        let kind = if counts.kept == 0 { name.to_owned() } else { format!("{name} ({})", summary.shape) };
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

fn opening(piece: &Piece) -> Opening<'_> {
    Opening { evidence_id: piece.id.to_string().into(), origin: &piece.origin }
}

/// Reads a Parquet file: its end says where its columns begin, so that it is read from wherever it needs to be.
fn run_parquet(
    decode: &mut dyn Decode,
    piece: &Piece,
    mut content: Content<'_>,
    workspace: &mut Workspace,
    stages: &Stages,
    sink: &mut Sink<'_>,
) -> Result<(Summary, Drained), StoreError> {
    let is_compressed = content.is_compressed();
    let drained = stages.within(Stage::Acquire, || {
        content.drain(u64::MAX);
        content.finish(workspace)
    });
    let flaw = if is_compressed {
        Some("a Parquet file inside a compressed one is not read: unpack it first".to_owned())
    } else {
        match piece.seekable() {
            Ok(file) => stages.within(Stage::Decode, || decode.read_parquet(file, sink))?,
            Err(error) => Some(format!("it cannot be read: {error}")),
        }
    };
    let mut summary = stages.within(Stage::Decode, || decode.end(Ending::Complete, sink))?;
    if summary.counts.read == 0 {
        summary.refused = flaw
    } else {
        summary.broken_off = flaw
    }
    Ok((summary, drained))
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

/// A piece's content from its start, with its first chunk at hand.
fn first_chunk<'p>(piece: &'p Piece, workspace: &mut Workspace) -> Result<Content<'p>, Break> {
    let mut content = piece.content(workspace)?;
    content.next_chunk()?;
    Ok(content)
}

/// Reads on, from the chunk at hand, for the hash of the content and for records behind what the first bytes are: JSON of another kind
/// of evidence to its end, anything else as far as is affordable.
fn seek_records(kind: Kind, content: &mut Content<'_>, piece: &Piece) -> bool {
    let is_sought = match kind {
        Kind::Empty | Kind::Binary | Kind::Compressed(_) | Kind::Parquet | Kind::JsonSchema => false,
        _ => !content.current().starts_with(PARQUET),
    };
    if !is_sought {
        content.drain(if piece.is_held() { DRAIN } else { 0 });
        return false;
    }
    let most = if kind.is_evidence() && starts_as_json(content.current()) { u64::MAX } else { DRAIN };
    let mut seek = Seek::default();
    let mut found = seek.is_found_in(content.current());
    let mut read = 0;
    while !found && read < most {
        match content.next_chunk() {
            Ok(Some(chunk)) => {
                read += chunk.len() as u64;
                found = seek.is_found_in(chunk);
            }
            _ => break,
        }
    }
    found
}

/// What is said of a piece that was tried and holds no records.
fn without_records(told: Told, summary: Summary, drained: &Drained, piece: &Piece) -> Outcome {
    if let (Some(foreign), Kind::PerhapsCloudTrail) = (&summary.foreign, told.kind) {
        return deferred(&foreign.kind, foreign.message.clone(), drained);
    }
    let kind = match (told.kind, told.is_json) {
        (Kind::PerhapsCloudTrail, true) => Kind::Json,
        (Kind::PerhapsCloudTrail, false) => Kind::Csv,
        (kind, _) => kind,
    };
    if let (None, Some(why), true) = (&drained.flaw, &summary.broken_off, kind == Kind::Json) {
        let mut outcome = Outcome::unread(kind.name(), Fate::Partial, format!("{why}; no record could be read before that"));
        outcome.break_offset = Some(piece.size);
        return outcome;
    }
    if kind.is_evidence() || drained.flaw.is_some() || kind == Kind::JsonSchema {
        return not_read(kind, piece, drained);
    }
    if summary.counts.kept > 0 {
        let quoted = counted(summary.counts.kept.unsigned_abs(), "CloudTrail record");
        let why =
            format!("{} that quotes {quoted}: no evidence of a call; records of their own belong into a file of their own", kind.name());
        return Outcome::unread(kind.name(), if piece.walked { Fate::Ignored } else { Fate::Rejected }, why);
    }
    // What starts with records in a notation that is not read is evidence, wherever it lies, and so are whole records under keys of somebody's own;
    // rules and pages only speak of them.
    let (fate, why) = match (told.names, told.is_json) {
        (Names::None, _) if told.spells_otherwise => return spelled_otherwise(),
        (Names::None, _) => return not_read(kind, piece, drained),
        _ if told.holds_record => (Fate::Rejected, "whole records stand in it under keys where they are not looked for"),
        (Names::First, false) => (Fate::Rejected, "no records can be read in this notation"),
        _ if piece.walked => (Fate::Ignored, "it holds no records where they are looked for"),
        _ => (Fate::Rejected, "it holds no records where they are looked for"),
    };
    let advice = if told.holds_record { "export the records themselves" } else { "export it again as JSON or CSV" };
    Outcome::unread(kind.name(), fate, format!("{} that names CloudTrail's fields: {why}; if it is evidence, {advice}", kind.name()))
}

/// Events of which nothing but the values is as CloudTrail writes it.
fn spelled_otherwise() -> Outcome {
    let why = "its keys are those of CloudTrail's fields, spelled in another way (eventname, event_name, EventName): which value is which field is not known for sure; export the records themselves, or the table as CSV";
    Outcome::unread(Kind::Json.name(), Fate::Rejected, format!("events of CloudTrail as another program wrote them: {why}"))
}

/// Evidence that waits for its decoder. That it is damaged is said already.
fn deferred(kind: &str, why: String, drained: &Drained) -> Outcome {
    let mut outcome = Outcome::unread(kind, Fate::Deferred, drained.flaw.iter().fold(why, |why, flaw| format!("{why}; {flaw}")));
    outcome.break_offset = drained.flaw.as_ref().map(|flaw| flaw.offset);
    outcome
}

/// What a name promises of a file that holds nothing of the kind: a file of a trail (CloudTrail user guide, "CloudTrail log file name format"), or
/// compressed data of which not even the beginning is there. What a file holds is told by its content; that it is missing is told by its name.
fn promised_by(origin: &str, kind: Kind) -> Option<&'static str> {
    let name = origin.rsplit(['/', '!']).next().unwrap_or(origin);
    if ["_CloudTrail_", "_CloudTrail-Insight_", "_CloudTrail-Digest_"].iter().any(|mark| name.contains(mark)) && name.contains(".json") {
        return Some("a CloudTrail file");
    }
    if name.contains("_vpcflowlogs_") && name.contains(".log") {
        return Some("a flow log file");
    }
    let is_packed = [".gz", ".tgz", ".zst", ".zip", ".tar"].iter().any(|end| name.ends_with(end));
    (is_packed && matches!(kind, Kind::Binary | Kind::Empty)).then_some("compressed or packed data")
}

/// Evidence without a decoder waits for one; what is no evidence is passed over, unless the user named it, it is not whole, or its name is one
/// that AWS or a packer gave to evidence: nobody knows what was in the part that is missing or damaged.
fn not_read(kind: Kind, piece: &Piece, drained: &Drained) -> Outcome {
    let why = kind.why_not_read();
    if kind.is_evidence() {
        return deferred(kind.name(), why, drained);
    }
    if let Some(flaw) = &drained.flaw {
        let mut outcome = Outcome::unread(kind.name(), fate_of(flaw), format!("{flaw}; no record could be read before that"));
        outcome.break_offset = Some(flaw.offset);
        return outcome;
    }
    if let Some(promised) = promised_by(&piece.origin, kind) {
        let why = format!("{why}, though its name is that of {promised}: damaged, or not copied to its end; copy it again");
        return Outcome::unread(kind.name(), Fate::Rejected, why);
    }
    if piece.walked {
        return Outcome::unread(kind.name(), Fate::Ignored, why);
    }
    let advice = format!("{why}; name the logs themselves, or the folder they are in");
    Outcome::unread(kind.name(), Fate::Rejected, advice)
}
