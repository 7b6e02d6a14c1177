//! Back to the original: whether the file a record was taken from still is that file, and still says that record.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use backtrail_acquire::{EvidenceId, Limits, Piece, Workspace};
use backtrail_model::decoded::Ending;
use backtrail_model::evidence::{OriginalCheck, OriginalState};
use backtrail_model::tables::Table;

use crate::FlowFormat;
use crate::kind::Kind;
use crate::reading::{PARQUET, ends_early};
use crate::registry::{Making, Opening, decoder_for};
use crate::sniff::{PARQUET_TAIL, mentions_records, sniff};

/// A record as it was taken in.
#[derive(Debug, Clone, Copy)]
pub struct Cited<'c> {
    /// The evidence it stands in.
    pub evidence_id: &'c str,
    /// Its number there, from 0.
    pub record_index: i64,
    /// Its SHA-256; of the rejected bytes, where it could not be taken in.
    pub record_sha256: &'c str,
    /// Of a flow record, the layout it was read by.
    pub layout: Option<&'c str>,
}

/// Reads originals again. Nothing is written but nameless temporary files for large members of archives, in `spool`.
#[derive(Debug)]
pub struct Originals {
    workspace: Workspace,
    now: i64,
}

impl Originals {
    /// A reader of originals. `now` is the present, microseconds UTC.
    #[must_use]
    pub fn new(spool: &Path, now: i64) -> Self {
        Self { workspace: Workspace::new(Limits::default(), spool), now }
    }

    /// Checks a record against one place where its evidence was met.
    #[must_use]
    pub fn check(&mut self, path: &str, cited: Cited<'_>) -> OriginalCheck {
        let result = |state, reason: Option<String>| OriginalCheck {
            path: path.to_owned(),
            state,
            evidence_sha256: None,
            record_sha256: None,
            reason,
        };
        if path == "-" {
            return result(OriginalState::NotChecked, Some("it came by standard input, which cannot be read again".to_owned()));
        }
        let Some(expected) = EvidenceId::parse(cited.evidence_id) else {
            return result(OriginalState::NotChecked, Some("its evidence_id is none".to_owned()));
        };
        let piece = match Piece::reopen(path, expected, &mut self.workspace) {
            Ok(Some(piece)) => piece,
            Ok(None) if is_member_of_a_file(path) => {
                return result(OriginalState::Changed, Some("the archive is there, and no longer has this member".to_owned()));
            }
            Ok(None) => return result(OriginalState::Gone, None),
            Err(error) => return result(OriginalState::NotChecked, Some(format!("it cannot be read: {error}"))),
        };
        let is_same_file = piece.id == expected;
        let record = self.record_at(&piece, cited);
        let is_same_record = record.as_deref() == Some(cited.record_sha256);
        let state = match (is_same_file, is_same_record) {
            (true, true) => OriginalState::Intact,
            (true, false) => OriginalState::RecordDiffers,
            (false, _) => OriginalState::Changed,
        };
        let reason = match (state, &record) {
            (OriginalState::Intact, _) => None,
            (_, None) => Some(format!("it has no record {}", cited.record_index)),
            (_, Some(_)) if is_same_record => Some(format!("its record {} is still the one taken in", cited.record_index)),
            (_, Some(_)) => Some(format!("its record {} is not the one taken in", cited.record_index)),
        };
        let evidence_sha256 = Some(piece.id.to_string());
        self.workspace.recycle(piece);
        OriginalCheck { path: path.to_owned(), state, evidence_sha256, record_sha256: record, reason }
    }

    /// The record itself, as it stands in one place where its evidence was met; `None` where that is not what was taken in any more.
    #[must_use]
    pub fn record(&mut self, path: &str, cited: Cited<'_>) -> Option<String> {
        let expected = EvidenceId::parse(cited.evidence_id)?;
        let piece = Piece::reopen(path, expected, &mut self.workspace).ok()??;
        let mut raw = None;
        let hash = self.record_seen_at(&piece, cited, &mut |table, rows| {
            raw = raw.take().or_else(|| raw_of(table, rows, cited.record_index));
        });
        self.workspace.recycle(piece);
        raw.filter(|_| hash.as_deref() == Some(cited.record_sha256))
    }

    /// SHA-256 of the record with a number, by the decoder that takes such evidence in.
    fn record_at(&mut self, piece: &Piece, cited: Cited<'_>) -> Option<String> {
        self.record_seen_at(piece, cited, &mut |_, _| {})
    }

    /// The same; `see` is shown all rows.
    fn record_seen_at(&mut self, piece: &Piece, cited: Cited<'_>, see: &mut dyn FnMut(Table, &RecordBatch)) -> Option<String> {
        let mut content = piece.content(&mut self.workspace).ok()?;
        let kind = match content.next_chunk() {
            Ok(Some(first)) => match sniff(first, || piece.tail(PARQUET_TAIL).unwrap_or_default()) {
                // Records were found in it then, or it would not be cited.
                kind if cited.layout.is_none() && mentions_records(kind, first) => Kind::PerhapsCloudTrail,
                kind if cited.layout.is_some() && decoder_for(kind).is_none() => Kind::FlowLogs,
                kind => kind,
            },
            Ok(None) | Err(_) => {
                drop(content.finish(&mut self.workspace));
                return None;
            }
        };
        let Some(decoder) = decoder_for(kind) else {
            drop(content.finish(&mut self.workspace));
            return None;
        };
        let (mut found, index) = (None, cited.record_index);
        let mut sink = |table, rows: RecordBatch| {
            see(table, &rows);
            found = found.take().or_else(|| hash_of(table, &rows, index));
            Ok(())
        };
        let layout: Vec<_> = cited.layout.and_then(|layout| FlowFormat::parse(layout).ok()).map(Arc::new).into_iter().collect();
        let mut decode = (decoder.make)(&Making { now: self.now, flow_formats: &layout });
        decode.begin(Opening { evidence_id: Arc::from(piece.id.to_string()), origin: &piece.origin });
        if content.current().starts_with(PARQUET) {
            drop(content.finish(&mut self.workspace));
            let read = decode.read_parquet(piece.seekable().ok()?, &mut sink);
            read.and_then(|_| decode.flush(&mut sink)).ok()?;
            return found;
        }
        // The sink has no errors, so decoding has none.
        let mut result = decode.push(content.current(), &mut sink);
        let mut ending = Ending::Complete;
        loop {
            match content.next_chunk() {
                Ok(Some(bytes)) => result = result.and_then(|()| decode.push(bytes, &mut sink)),
                Ok(None) => break,
                Err(_) => {
                    ending = Ending::Truncated;
                    break;
                }
            }
        }
        let drained = content.finish(&mut self.workspace);
        if drained.flaw.as_ref().is_some_and(ends_early) {
            ending = Ending::Truncated;
        }
        result.and_then(|()| decode.end(ending, &mut sink).map(|_| ())).and_then(|()| decode.flush(&mut sink)).ok()?;
        found
    }
}

/// The hash a row gives the record with a number.
fn hash_of(table: Table, rows: &RecordBatch, index: i64) -> Option<String> {
    let column = match table {
        Table::EventOrigins => "record_sha256",
        Table::Rejects => "sha256",
        Table::Flows => {
            let line = backtrail_flowlogs::line(rows, row_of(rows, index)?)?;
            return Some(EvidenceId::of(line.as_bytes()).to_string());
        }
        _ => return None,
    };
    let hashes = rows.column_by_name(column)?.as_string_opt::<i32>()?;
    let row = row_of(rows, index)?;
    hashes.is_valid(row).then(|| hashes.value(row).to_owned())
}

/// The text a row gives of the record with a number, which the decoder writes as views.
fn raw_of(table: Table, rows: &RecordBatch, index: i64) -> Option<String> {
    if !matches!(table, Table::Cloudtrail | Table::CloudtrailInsights | Table::CloudtrailAggregated) {
        return None;
    }
    let texts = rows.column_by_name("raw")?;
    let row = row_of(rows, index).filter(|row| texts.is_valid(*row))?;
    let view = || texts.as_binary_view_opt().and_then(|views| std::str::from_utf8(views.value(row)).ok().map(str::to_owned));
    texts.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned()).or_else(view)
}

fn row_of(rows: &RecordBatch, index: i64) -> Option<usize> {
    let numbers = rows.column_by_name("record_index")?.as_primitive_opt::<Int64Type>()?;
    (0..rows.num_rows()).find(|row| numbers.is_valid(*row) && numbers.value(*row) == index)
}

/// Whether an origin names a member of something that is still there.
fn is_member_of_a_file(origin: &str) -> bool {
    origin.rmatch_indices('!').any(|(at, _)| Path::new(&origin[..at]).is_file())
}
