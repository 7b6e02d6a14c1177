//! An event as a store has it: what is shown of it, and its copies.

use std::sync::Arc;

/// An event as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct StoredEvent<'a> {
    /// The record.
    pub raw: &'a str,
    /// `raw_form`.
    pub raw_form: &'a str,
    /// `dedupe_key`.
    pub dedupe_key: [u8; 16],
    /// Microseconds UTC.
    pub event_time: Option<i64>,
    /// Whether another row has its id and other content.
    pub id_conflict: bool,
}

/// A copy of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCopy {
    /// Evidence it stands in.
    pub evidence_id: Arc<str>,
    /// Its number there, from 0.
    pub record_index: i64,
    /// SHA-256 of its text.
    pub record_sha256: [u8; 32],
    /// Precedence of the route it came by.
    pub copy_rank: i32,
}
