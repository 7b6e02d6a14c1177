//! The ledger's rows: to Arrow and back, read from files, and looked up.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate};
use backtrail_model::tables::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::StoreError;
use crate::error::At;
use crate::rows;

const TABLE: Table = Table::Evidence;

/// A ledger row's identity: the evidence, and the decoder that read it.
pub(crate) type LedgerKey = (String, String);

pub(crate) fn key_of(row: &EvidenceRow) -> LedgerKey {
    (row.evidence_id.clone(), row.decoder.clone())
}

/// Rows as a batch of the `evidence` table.
pub(crate) fn to_batch(rows: &[EvidenceRow]) -> Result<RecordBatch, StoreError> {
    fn texts<'a>(rows: &'a [EvidenceRow], get: impl Fn(&'a EvidenceRow) -> Option<&'a str>) -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<StringArray>())
    }
    let longs = |get: fn(&EvidenceRow) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
    let times = |get: fn(&EvidenceRow) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let origins: StringArray = rows.iter().map(|r| Some(origins_text(&r.origins))).collect();
    let columns: Vec<ArrayRef> = vec![
        texts(rows, |r| Some(&r.evidence_id)),
        texts(rows, |r| r.content_sha256.as_deref()),
        longs(|r| Some(r.size)),
        longs(|r| Some(r.content_size)),
        Arc::new(origins),
        texts(rows, |r| r.parent_id.as_deref()),
        texts(rows, |r| r.member.as_deref()),
        texts(rows, |r| Some(&r.kind)),
        texts(rows, |r| Some(&r.decoder)),
        Arc::new(rows.iter().map(|r| Some(r.decoder_version)).collect::<Int32Array>()),
        texts(rows, |r| Some(r.fate.as_str())),
        texts(rows, |r| r.reason.as_deref()),
        longs(|r| r.break_offset),
        longs(|r| Some(r.counts.read)),
        longs(|r| Some(r.counts.kept)),
        longs(|r| Some(r.counts.duplicate)),
        longs(|r| Some(r.counts.rejected)),
        longs(|r| Some(r.counts.other)),
        times(|r| r.first_event_time),
        times(|r| r.last_event_time),
        times(|r| Some(r.ingested_at)),
        texts(rows, |r| Some(&r.run_id)),
    ];
    RecordBatch::try_new(TABLE.schema(), columns).map_err(|e| StoreError::rows(TABLE, e.to_string()))
}

fn origins_text(origins: &[String]) -> String {
    serde_json::Value::from(origins.to_vec()).to_string()
}

/// The rows of a batch of the `evidence` table.
pub(crate) fn from_batch(batch: &RecordBatch) -> Result<Vec<EvidenceRow>, StoreError> {
    let text = |name: &str| rows::text(TABLE, batch, name);
    let long = |name: &str| rows::long(TABLE, batch, name);
    let time = |name: &str| rows::time(TABLE, batch, name);
    let (evidence_id, content, origins) = (text("evidence_id")?, text("content_sha256")?, text("origins")?);
    let (parent, member, kind, decoder) = (text("parent_id")?, text("member")?, text("kind")?, text("decoder")?);
    let (fate, reason, run) = (text("fate")?, text("reason")?, text("run_id")?);
    let (size, content_size, offset) = (long("size")?, long("content_size")?, long("break_offset")?);
    let (read, kept, duplicate) = (long("records_read")?, long("records_kept")?, long("records_duplicate")?);
    let (rejected, other) = (long("records_rejected")?, long("records_other")?);
    let (first, last, at) = (time("first_event_time")?, time("last_event_time")?, time("ingested_at")?);
    let version = rows::int(TABLE, batch, "decoder_version")?;
    let some = |array: &StringArray, i: usize| (!array.is_null(i)).then(|| array.value(i).to_owned());
    (0..batch.num_rows())
        .map(|i| {
            let word = rows::value(fate, i);
            Ok(EvidenceRow {
                evidence_id: rows::value(evidence_id, i).to_owned(),
                content_sha256: some(content, i),
                size: size.value(i),
                content_size: content_size.value(i),
                origins: serde_json::from_str(rows::value(origins, i)).unwrap_or_default(),
                parent_id: some(parent, i),
                member: some(member, i),
                kind: rows::value(kind, i).to_owned(),
                decoder: rows::value(decoder, i).to_owned(),
                decoder_version: version.value(i),
                fate: Fate::parse(word)
                    .ok_or_else(|| StoreError::rows(TABLE, format!("the fate {word:?} is not known to this version")))?,
                reason: some(reason, i),
                break_offset: (!offset.is_null(i)).then(|| offset.value(i)),
                counts: Counts {
                    read: read.value(i),
                    kept: kept.value(i),
                    duplicate: duplicate.value(i),
                    rejected: rejected.value(i),
                    other: other.value(i),
                },
                first_event_time: (!first.is_null(i)).then(|| first.value(i)),
                last_event_time: (!last.is_null(i)).then(|| last.value(i)),
                ingested_at: at.value(i),
                run_id: rows::value(run, i).to_owned(),
            })
        })
        .collect()
}

/// Every row of a ledger file.
pub(crate) fn read(path: &Path) -> Result<Vec<EvidenceRow>, StoreError> {
    let mut all = Vec::new();
    let file = File::open(path).at("open", path)?;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build()).at("read", path)? {
        all.append(&mut from_batch(&batch.at("read", path)?)?);
    }
    Ok(all)
}

/// Whether a ledger file holds a row that `wanted` asks for, reading only the columns that name rows.
pub(crate) fn mentions(path: &Path, mut wanted: impl FnMut(&str, &str) -> bool) -> Result<bool, StoreError> {
    let file = File::open(path).at("open", path)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).at("read", path)?;
    let mask =
        ProjectionMask::roots(builder.parquet_schema(), crate::encode::projection(TABLE, &["evidence_id", "decoder"]).iter().copied());
    for batch in builder.with_projection(mask).build().at("read", path)? {
        let batch = batch.at("read", path)?;
        let (ids, decoders) = (rows::text(TABLE, &batch, "evidence_id")?, rows::text(TABLE, &batch, "decoder")?);
        if (0..batch.num_rows()).any(|i| wanted(rows::value(ids, i), rows::value(decoders, i))) {
            return Ok(true);
        }
    }
    Ok(false)
}
