//! The decoders. Each is one line here.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_cloudtrail::{Ending, Summary};
use backtrail_model::tables::Table;
use backtrail_store::StoreError;

use crate::kind::Kind;

/// Where decoded rows go.
pub type Sink<'a> = dyn FnMut(Table, RecordBatch) -> Result<(), StoreError> + 'a;

/// Bytes in, rows out, and a summary at the end.
pub trait Decode: Send {
    /// Takes the next uncompressed bytes.
    ///
    /// # Errors
    /// Those of the sink.
    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError>;

    /// The evidence ends.
    ///
    /// # Errors
    /// Those of the sink.
    fn finish(self: Box<Self>, ending: Ending, sink: &mut Sink<'_>) -> Result<Summary, StoreError>;
}

/// A decoder this version has.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// Its name in the ledger.
    pub name: &'static str,
    /// Raised when it reads the same bytes differently: evidence is then read again.
    pub version: i32,
    /// Kinds it reads.
    pub kinds: &'static [Kind],
    /// Starts on one piece of evidence, given its id and the present.
    pub start: fn(Arc<str>, i64) -> Box<dyn Decode>,
}

/// All decoders.
pub const DECODERS: &[Decoder] = &[Decoder {
    name: backtrail_cloudtrail::NAME,
    version: backtrail_cloudtrail::VERSION,
    kinds: &[Kind::CloudTrail, Kind::PerhapsCloudTrail],
    start: |evidence_id, now| Box::new(backtrail_cloudtrail::Decoder::new(backtrail_cloudtrail::Context { evidence_id, now })),
}];

/// Ledger name of what no decoder read: deferred and ignored evidence, archives.
pub const NO_DECODER: &str = "none";
/// Ledger name of archives, whose members are the evidence.
pub const ARCHIVE: &str = "archive";
/// Raised when decoders are added or kinds told apart differently: deferred evidence and archives are then looked at again.
pub const REGISTRY_VERSION: i32 = 1;

/// The decoder for a kind.
#[must_use]
pub fn decoder_for(kind: Kind) -> Option<&'static Decoder> {
    DECODERS.iter().find(|d| d.kinds.contains(&kind))
}

/// The current version of what the ledger calls `name`.
#[must_use]
pub fn current_version(name: &str) -> Option<i32> {
    match name {
        NO_DECODER | ARCHIVE => Some(REGISTRY_VERSION),
        _ => DECODERS.iter().find(|d| d.name == name).map(|d| d.version),
    }
}

impl Decode for backtrail_cloudtrail::Decoder {
    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError> {
        Self::push(self, bytes, sink)
    }

    fn finish(self: Box<Self>, ending: Ending, sink: &mut Sink<'_>) -> Result<Summary, StoreError> {
        Self::finish(*self, ending, sink)
    }
}
