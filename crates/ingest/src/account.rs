//! A piece's row of the ledger.

use backtrail_acquire::{Drained, Piece};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate};

use crate::IngestOptions;
use crate::known::unreadable_id;
use crate::registry::{NO_DECODER, REGISTRY_VERSION};

/// What became of a piece's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) kind: String,
    pub(crate) decoder: &'static str,
    pub(crate) decoder_version: i32,
    pub(crate) fate: Fate,
    pub(crate) reason: Option<String>,
    pub(crate) break_offset: Option<u64>,
    pub(crate) counts: Counts,
    pub(crate) first_event_time: Option<i64>,
    pub(crate) last_event_time: Option<i64>,
}

impl Outcome {
    /// Of something no decoder read.
    pub(crate) fn unread(kind: impl Into<String>, fate: Fate, reason: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            decoder: NO_DECODER,
            decoder_version: REGISTRY_VERSION,
            fate,
            reason: Some(reason.into()),
            break_offset: None,
            counts: Counts::default(),
            first_event_time: None,
            last_event_time: None,
        }
    }
}

/// The row of a piece, given what was learnt of its content.
pub(crate) fn row_of(piece: &Piece, outcome: Outcome, drained: Option<&Drained>, options: &IngestOptions) -> EvidenceRow {
    EvidenceRow {
        evidence_id: piece.id.to_string(),
        content_sha256: drained.and_then(|d| d.sha256).map(|sha| backtrail_acquire::EvidenceId(sha).to_string()),
        size: signed(piece.size),
        content_size: signed(drained.map_or(0, |d| d.size)),
        origins: vec![piece.origin.clone()],
        parent_id: piece.parent.map(|p| p.to_string()),
        member: piece.member.clone(),
        kind: outcome.kind,
        decoder: outcome.decoder.to_owned(),
        decoder_version: outcome.decoder_version,
        fate: outcome.fate,
        reason: outcome.reason,
        break_offset: outcome.break_offset.map(signed),
        counts: outcome.counts,
        first_event_time: outcome.first_event_time,
        last_event_time: outcome.last_event_time,
        ingested_at: options.now,
        run_id: options.run_id.clone(),
    }
}

/// The row of a place whose bytes could not be had.
pub(crate) fn row_of_unreadable(origin: &str, fate: Fate, reason: String, options: &IngestOptions) -> EvidenceRow {
    EvidenceRow {
        evidence_id: unreadable_id(origin).to_string(),
        content_sha256: None,
        size: 0,
        content_size: 0,
        origins: vec![origin.to_owned()],
        parent_id: None,
        member: None,
        kind: "unreadable".to_owned(),
        decoder: NO_DECODER.to_owned(),
        decoder_version: REGISTRY_VERSION,
        fate,
        reason: Some(reason),
        break_offset: None,
        counts: Counts::default(),
        first_event_time: None,
        last_event_time: None,
        ingested_at: options.now,
        run_id: options.run_id.clone(),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with a fate and a reason, and nothing else of note.
    pub(crate) fn row(fate: Fate, reason: Option<&str>) -> EvidenceRow {
        let options = IngestOptions { threads: 1, memory_budget: 0, now: 0, run_id: String::new(), flow_formats: Vec::new() };
        EvidenceRow { reason: reason.map(str::to_owned), ..row_of_unreadable("/x", fate, String::new(), &options) }
    }
}
