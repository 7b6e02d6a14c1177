//! The decoders. Each is one line here.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_acquire::Seekable;
use backtrail_flowlogs::Format;
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::tables::Table;
use backtrail_store::StoreError;
use bytes::Bytes;

use crate::kind::Kind;

/// Where decoded rows go.
pub type Sink<'a> = dyn FnMut(Table, RecordBatch) -> Result<(), StoreError> + 'a;

/// A piece of evidence that is to be decoded.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// Its id.
    pub evidence_id: Arc<str>,
    /// Where it was met: names of files say what their content does not.
    pub origin: &'a str,
}

/// Bytes in, rows out, piece after piece. Rows of small pieces may wait for those of the next.
pub trait Decode: Send {
    /// Another piece of evidence.
    fn begin(&mut self, opening: Opening<'_>);

    /// Takes the next uncompressed bytes.
    ///
    /// # Errors
    /// Those of the sink.
    fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError>;

    /// Reads a Parquet file, in place of its bytes one after another. What it cannot read further is told by the text it gives.
    ///
    /// # Errors
    /// Those of the sink.
    fn read_parquet(&mut self, _file: Seekable, _sink: &mut Sink<'_>) -> Result<Option<String>, StoreError> {
        Ok(Some("no Parquet is read of this kind of evidence".to_owned()))
    }

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
    /// Makes one.
    pub make: fn(&Making<'_>) -> Box<dyn Decode>,
}

/// What decoders must know.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// The present, microseconds UTC.
    pub now: i64,
    /// Layouts of flow logs that the user declared.
    pub flow_formats: &'a [Arc<Format>],
}

/// All decoders.
pub const DECODERS: &[Decoder] = &[
    Decoder {
        name: backtrail_cloudtrail::NAME,
        version: backtrail_cloudtrail::VERSION,
        kinds: &[Kind::CloudTrail, Kind::PerhapsCloudTrail],
        make: |making| {
            let decoder = backtrail_cloudtrail::Decoder::new(context("".into(), making.now));
            Box::new(CloudTrail { decoder, now: making.now })
        },
    },
    Decoder {
        name: backtrail_flowlogs::NAME,
        version: backtrail_flowlogs::VERSION,
        kinds: &[Kind::FlowLogs, Kind::TransitGatewayFlowLogs],
        make: |making| Box::new(FlowLogs(backtrail_flowlogs::Decoder::new(making.now, making.flow_formats))),
    },
    Decoder {
        name: backtrail_config::NAME,
        version: backtrail_config::VERSION,
        kinds: &[Kind::NetworkInventory],
        make: |making| Box::new(Config(backtrail_config::Decoder::new(making.now))),
    },
];

/// Ledger name of what no decoder read: deferred and ignored evidence, archives.
pub const NO_DECODER: &str = "none";
/// Ledger name of archives, whose members are the evidence.
pub const ARCHIVE: &str = "archive";
/// Raised when decoders are added or kinds told apart differently: deferred evidence and archives are then looked at again.
pub const REGISTRY_VERSION: i32 = 8;

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

/// What each decoder does under the name that the trait has for it.
macro_rules! forwards {
    ($decoder:tt) => {
        fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), StoreError> {
            self.$decoder.push(bytes, sink)
        }

        fn end(&mut self, ending: Ending, sink: &mut Sink<'_>) -> Result<Summary, StoreError> {
            self.$decoder.end(ending, sink)
        }

        fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), StoreError> {
            self.$decoder.flush(sink)
        }

        fn given(&self) -> (i64, i64) {
            self.$decoder.given()
        }

        fn is_sound(&self) -> bool {
            self.$decoder.is_sound()
        }
    };
}

struct CloudTrail {
    decoder: backtrail_cloudtrail::Decoder,
    now: i64,
}

fn context(evidence_id: Arc<str>, now: i64) -> backtrail_cloudtrail::Context {
    backtrail_cloudtrail::Context { evidence_id, now }
}

impl Decode for CloudTrail {
    fn begin(&mut self, opening: Opening<'_>) {
        self.decoder.begin(context(opening.evidence_id, self.now));
    }

    forwards!(decoder);
}

struct FlowLogs(backtrail_flowlogs::Decoder);

impl Decode for FlowLogs {
    fn begin(&mut self, opening: Opening<'_>) {
        let named = backtrail_flowlogs::Named::of(opening.origin);
        self.0.begin(backtrail_flowlogs::Context { evidence_id: opening.evidence_id, named });
    }

    fn read_parquet(&mut self, file: Seekable, sink: &mut Sink<'_>) -> Result<Option<String>, StoreError> {
        match file {
            Seekable::Held(bytes) => self.0.read_parquet(Bytes::from(bytes), sink),
            Seekable::File(file) => self.0.read_parquet(file, sink),
        }
    }

    forwards!(0);
}

struct Config(backtrail_config::Decoder);

impl Decode for Config {
    fn begin(&mut self, opening: Opening<'_>) {
        self.0.begin(opening.evidence_id);
    }

    forwards!(0);
}
