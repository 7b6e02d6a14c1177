//! A flow record opened: its columns, and the line it was delivered as.

use arrow_array::RecordBatch;
use backtrail_model::tables::{Kind, Table};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::Expr;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Copy, HashCheck, Shown, paths_of, portable};
use crate::error::TimelineError;
use crate::event::{Text, longs};
use crate::source::Source;

const TABLE: &str = "flows";

/// The flow records at a place.
pub(super) async fn at(source: &Source, here: Expr) -> Result<Vec<Shown>, TimelineError> {
    let frame = source.table(TABLE).await?.filter(here).map_err(TimelineError::table(TABLE))?;
    let mut found = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        for row in 0..batch.num_rows() {
            found.push(shown(batch, row)?);
        }
        Ok(())
    })
    .await?;
    for shown in &mut found {
        let paths = paths_of(source, vec![shown.evidence_id.clone()]).await?.pop();
        if let (Some(copy), Some((_, paths))) = (shown.origins.first_mut(), paths) {
            copy.paths = paths;
        }
    }
    Ok(found)
}

fn shown(batch: &RecordBatch, row: usize) -> Result<Shown, TimelineError> {
    let text = |column| Text::of(batch, TABLE, column).map(|text| text.get(row).unwrap_or_default().to_owned());
    let evidence_id = text("evidence_id")?;
    let record_index = longs(batch, TABLE, "record_index")?.value(row);
    let raw = backtrail_flowlogs::line(batch, row).ok_or(TimelineError::Column { table: TABLE, column: "format" })?;
    let record_sha256 = const_hex::encode(Sha256::digest(raw.as_bytes()));
    let raw_form = Some("rendered".to_owned());
    let copy = Copy {
        evidence_id: evidence_id.clone(),
        record_index,
        route: None,
        raw_form: raw_form.clone(),
        record_sha256: Some(record_sha256.clone()),
        identical: true,
        of_other_record: false,
        is_cited: true,
        layout: Some(text("format")?),
        paths: Vec::new(),
        originals: Vec::new(),
    };
    Ok(Shown {
        table: TABLE,
        event: None,
        record: record(batch, row),
        raw_form,
        record_sha256,
        hash: HashCheck::NotKept,
        evidence_id,
        record_index,
        id_conflict: false,
        origins: vec![copy],
        raw,
    })
}

/// The fields that have a value, and what the file's name says; what was derived, and where it stands, is told beside.
fn record(batch: &RecordBatch, row: usize) -> Value {
    const TOLD_BESIDE: [&str; 5] = ["event_time", "format", "raw", "evidence_id", "record_index"];
    let options = FormatOptions::new();
    let mut record = Map::new();
    for column in Table::Flows.columns().iter().filter(|column| !TOLD_BESIDE.contains(&column.name)) {
        let Some(array) = batch.column_by_name(column.name).filter(|array| !array.is_null(row)) else { continue };
        let Ok(text) = ArrayFormatter::try_new(array.as_ref(), &options).map(|f| f.value(row).to_string()) else { continue };
        let value = match column.kind {
            Kind::Int | Kind::Long | Kind::Json => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            _ => Value::String(text),
        };
        record.insert(column.name.to_owned(), value);
    }
    let mut record = Value::Object(record);
    portable(&mut record);
    record
}
