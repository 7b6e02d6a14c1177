//! What happens to one thing that was found, up to its row of the ledger.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use backtrail_acquire::{Drained, Found, Piece, Unpacked, Workspace};
use backtrail_model::evidence::{EvidenceRow, Fate};
use backtrail_store::StoreError;

use crate::account::{Outcome, row_of, row_of_unreadable};
use crate::archives::OpenArchive;
use crate::known::Claim;
use crate::pending::{Pending, archives_done, member_done};
use crate::pipeline::{Extra, Run, Task};
use crate::reading::{Reader, Reading};
use crate::registry::{ARCHIVE, REGISTRY_VERSION};
use crate::stages::Stage;

impl Run<'_> {
    /// From a place to the ledger.
    pub(crate) fn take_in(&self, found: &Found, workspace: &mut Workspace, pending: &mut Pending) -> Result<(), StoreError> {
        if let Some(what) = found.is_special() {
            return self.finish(vec![special_row(found, what, self)]);
        }
        match self.stages.within(Stage::Acquire, || Piece::open(found, workspace)) {
            Ok(piece) => {
                if self.known().was_unreadable(&found.origin) {
                    let row =
                        row_of_unreadable(&found.origin, Fate::Ignored, format!("could be read later, as {}", piece.id), self.options);
                    self.finish(vec![row])?;
                }
                self.take_piece(Task { piece, archive: None }, workspace, pending)
            }
            Err(e) => {
                let row = row_of_unreadable(&found.origin, Fate::Failed, format!("cannot be read: {e}"), self.options);
                self.finish(vec![row])
            }
        }
    }

    /// From a piece to the ledger, unless its bytes are there already.
    pub(crate) fn take_piece(&self, task: Task, workspace: &mut Workspace, pending: &mut Pending) -> Result<(), StoreError> {
        let Task { piece, archive } = task;
        let claim = self.known().claim(piece.id, &piece.origin, piece.walked);
        if claim != Claim::Read {
            self.met_again(&piece, claim);
            self.report(&piece, piece.size);
            workspace.recycle(piece);
            return self.finish(member_done(archive.as_ref(), Fate::Kept));
        }
        match self.read(&piece, archive.as_ref(), workspace, pending)? {
            Judged::Stopped => Ok(()),
            Judged::Archive(kind) => self.unpack(piece, kind, archive, workspace, pending),
            Judged::Finished(row, archives) => {
                workspace.recycle(piece);
                self.progress.done(&row);
                self.finish(archives)
            }
        }
    }

    fn met_again(&self, piece: &Piece, claim: Claim) {
        self.count_known();
        if claim == Claim::NewOrigin {
            self.add_origin(Extra { id: piece.id, origin: piece.origin.clone(), parent: piece.parent, member: piece.member.clone() });
        }
    }

    /// Reads one piece into the open batch. A decoder that panics costs this piece only.
    fn read(
        &self,
        piece: &Piece,
        archive: Option<&Arc<OpenArchive>>,
        workspace: &mut Workspace,
        pending: &mut Pending,
    ) -> Result<Judged, StoreError> {
        let judged = self.batches.with(|writer| {
            let reported = AtomicU64::new(0);
            pending.begin_piece();
            let reader =
                Reader { batch: writer.batch(), options: self.options, progress: self.progress, stages: &self.stages, reported: &reported };
            let read = catch_unwind(AssertUnwindSafe(|| reader.read(piece, workspace, pending)));
            let (outcome, drained): (Outcome, Option<Drained>) = match read {
                Ok(Ok(Reading::Archive(name, layers))) => return Ok(Judged::Archive(archive_kind(name, &layers))),
                Ok(Ok(Reading::Done(outcome, drained))) => (outcome, drained),
                Ok(Err(e)) => return Err(e),
                // Half a row among the waiting ones would shift all after it: the run ends, and nothing of this batch is published.
                Err(panic) if !pending.is_sound() => resume_unwind(panic),
                Err(panic) => {
                    let why = format!("internal error while reading it: {}; please report it", panic_text(panic.as_ref()));
                    (Outcome { counts: pending.given(), ..Outcome::unread("unknown", Fate::Failed, why) }, None)
                }
            };
            let row = row_of(piece, outcome, drained.as_ref(), self.options);
            let archives =
                archives_done(self.stages.within(Stage::Keep, || pending.add(row.clone(), archive.cloned(), writer, self.progress))?);
            self.report(piece, piece.size.saturating_sub(reported.into_inner()));
            Ok(Judged::Finished(Box::new(row), archives))
        });
        judged.unwrap_or(Ok(Judged::Stopped))
    }

    /// Hands what waits on this thread to the batch.
    pub(crate) fn flush(&self, pending: &mut Pending) -> Result<(), StoreError> {
        if pending.is_empty() {
            return Ok(());
        }
        let archives = self
            .batches
            .with(|writer| self.stages.within(Stage::Keep, || pending.flush(writer, self.progress)).map(archives_done))
            .unwrap_or(Ok(Vec::new()))?;
        self.finish(archives)
    }

    /// Progress counts the bytes of what was found, not those of members.
    fn report(&self, piece: &Piece, bytes: u64) {
        if piece.parent.is_none() {
            self.progress.read(bytes, 0);
        }
    }

    /// Hands the members out: to idle threads where there are any, else they are read here, one after another.
    fn unpack(
        &self,
        piece: Piece,
        kind: String,
        around: Option<Arc<OpenArchive>>,
        workspace: &mut Workspace,
        pending: &mut Pending,
    ) -> Result<(), StoreError> {
        let open = OpenArchive::new(around);
        let mut result = Ok(());
        let unpacked = piece.unpack(workspace, &mut |workspace, member| {
            self.progress.found(1, 0);
            open.expect_one();
            let task = Task { piece: member, archive: Some(Arc::clone(&open)) };
            if let Some(task) = self.offer(task) {
                result = self.take_piece(task, workspace, pending).and_then(|()| self.commit_if_due());
            }
            if result.is_err() || self.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        result?;
        if self.is_stopped() {
            return Ok(());
        }
        self.report(&piece, piece.size);
        let row = archive_row(&piece, kind, unpacked, self);
        workspace.recycle(piece);
        self.progress.done(&row);
        self.finish(open.unpacked(row))
    }
}

enum Judged {
    /// A commit failed on another thread; the run is ending.
    Stopped,
    Archive(String),
    /// Its ledger row, and those of archives done with by it.
    Finished(Box<EvidenceRow>, Vec<EvidenceRow>),
}

/// `tar, gzip`.
fn archive_kind(name: &str, layers: &[&str]) -> String {
    std::iter::once(name).chain(layers.iter().rev().copied()).collect::<Vec<_>>().join(", ")
}

fn archive_row(piece: &Piece, kind: String, unpacked: Unpacked, run: &Run<'_>) -> EvidenceRow {
    let Unpacked { members, notes, flaw, unreadable } = unpacked;
    let mut reasons: Vec<String> = flaw.iter().map(ToString::to_string).collect();
    if !unreadable.is_empty() {
        reasons.push(format!("not read: {}", unreadable.join(", ")));
    }
    let fate = if reasons.is_empty() { Fate::Kept } else { Fate::Partial };
    reasons.extend(notes);
    let outcome = Outcome {
        kind: format!("archive ({kind}; {members} {})", if members == 1 { "member" } else { "members" }),
        decoder: ARCHIVE,
        decoder_version: REGISTRY_VERSION,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        break_offset: flaw.map(|f| f.offset),
        ..Outcome::unread("", fate, "")
    };
    row_of(piece, outcome, None, run.options)
}

/// Something that is neither file nor folder: left alone where it was met, refused where it was named.
fn special_row(found: &Found, what: &str, run: &Run<'_>) -> EvidenceRow {
    let (fate, reason) = if found.walked {
        (Fate::Ignored, format!("{what}, not a file: not opened"))
    } else {
        (Fate::Rejected, format!("{what}, not a file: not opened; a file, a folder, a pipe or - is read"))
    };
    EvidenceRow { kind: what.to_owned(), ..row_of_unreadable(&found.origin, fate, reason, run.options) }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}
