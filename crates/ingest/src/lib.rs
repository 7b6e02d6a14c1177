//! Floor 3 of Backtrail: evidence into the store. Acquire, sniff, decode, keep, account.
//!
//! Worker threads each take a piece of evidence from its file to the store: read, hash, inflate, decode, append. No record passes
//! between threads; a piece too large to hold is read and inflated on a thread of its own, chunk by chunk. What came of each piece is
//! a row of the ledger, written in the batch that holds its records, so that a run that is killed continues where it was.
//!
//! A new log source is a decoder crate and a line in [`registry`].

mod account;
mod archives;
mod batches;
mod error;
pub mod kind;
mod known;
mod outline;
mod pending;
mod pieces;
mod pipeline;
mod reading;
mod rebuild;
mod recheck;
pub mod registry;
pub mod sniff;
mod stages;
mod summary;

use std::sync::Arc;

pub use backtrail_flowlogs::Format as FlowFormat;
use backtrail_model::evidence::EvidenceRow;

pub use error::IngestError;
pub use pipeline::{expect, ingest};
pub use rebuild::rebuild;
pub use recheck::{Cited, Originals};
pub use summary::{Group, IngestSummary};

/// How to ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Worker threads.
    pub threads: usize,
    /// Bytes of rows the store may buffer.
    pub memory_budget: usize,
    /// Now, microseconds UTC.
    pub now: i64,
    /// Name of this run.
    pub run_id: String,
    /// Layouts of flow logs without a header, as their LogFormat has them.
    pub flow_formats: Vec<Arc<FlowFormat>>,
}

/// Told how far an ingest is. Called from many threads.
pub trait Progress: Sync {
    /// Whether it shows how much there is to read: only then each file is looked at for its size.
    fn wants_total(&self) -> bool {
        false
    }
    /// More evidence was found, or more of the bytes of what was found.
    fn found(&self, pieces: u64, bytes: u64);
    /// More bytes as stored were read, more records met.
    fn read(&self, bytes: u64, records: u64);
    /// A piece is done; its row as it goes to the ledger (kept and duplicate are settled when its batch is committed).
    fn done(&self, row: &EvidenceRow);
}
