//! The decoders. Each is one line here.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_cloudtrail::{Ending, Summary};
use backtrail_model::tables::Table;
use backtrail_store::StoreError;

use crate::kind::Kind;

/// Where decoded rows go.
pub type Sink<'a> = dyn FnMut(Table, RecordBatch) -> Result<(), StoreError> + 'a;

/// Bytes in, rows out, piece after piece. Rows of small pieces may wait for those of the next.
pub trait Decode: Send {
    /// Another piece of evidence, by its id.
    fn begin(&mut self, evidence_id: Arc<str>);

    /// Takes the next uncompressed bytes.
    ///
    /// # Errors
    /// Those of the sink.
    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError>;

    /// The evidence ends; its last rows may wait for `flush`.
    ///
    /// # Errors
    /// Those of the sink.
    fn end(&mut self, ending: Ending, sink: &mut Sink<'_>) -> Result<Summary, StoreError>;

    /// Hands on all rows.
    ///
    /// # Errors
    /// Those of the sink.
    fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), StoreError>;

    /// Rows made of the current piece: accepted records, and rejects.
    fn given(&self) -> (i64, i64);

    /// Whether every waiting row is whole, also after a panic.
    fn is_sound(&self) -> bool;
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
    /// Makes one, given the present.
    pub make: fn(i64) -> Box<dyn Decode>,
}

/// All decoders.
pub const DECODERS: &[Decoder] = &[Decoder {
    name: backtrail_cloudtrail::NAME,
    version: backtrail_cloudtrail::VERSION,
    kinds: &[Kind::CloudTrail, Kind::PerhapsCloudTrail],
    make: |now| Box::new(CloudTrail { decoder: backtrail_cloudtrail::Decoder::new(context("".into(), now)), now }),
}];

/// Ledger name of what no decoder read: deferred and ignored evidence, archives.
pub const NO_DECODER: &str = "none";
/// Ledger name of archives, whose members are the evidence.
pub const ARCHIVE: &str = "archive";
/// Raised when decoders are added or kinds told apart differently: deferred evidence and archives are then looked at again.
pub const REGISTRY_VERSION: i32 = 6;

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

struct CloudTrail {
    decoder: backtrail_cloudtrail::Decoder,
    now: i64,
}

fn context(evidence_id: Arc<str>, now: i64) -> backtrail_cloudtrail::Context {
    backtrail_cloudtrail::Context { evidence_id, now }
}

impl Decode for CloudTrail {
    fn begin(&mut self, evidence_id: Arc<str>) {
        self.decoder.begin(context(evidence_id, self.now));
    }

    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError> {
        self.decoder.push(bytes, sink)
    }

    fn end(&mut self, ending: Ending, sink: &mut Sink<'_>) -> Result<Summary, StoreError> {
        self.decoder.end(ending, sink)
    }

    fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), StoreError> {
        self.decoder.flush(sink)
    }

    fn given(&self) -> (i64, i64) {
        self.decoder.given()
    }

    fn is_sound(&self) -> bool {
        self.decoder.is_sound()
    }
}
