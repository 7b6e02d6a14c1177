//! Opens a citation: the record as delivered, every copy of it, and its hash worked out again.

mod flow;

use std::collections::HashSet;

use arrow_array::Array;
use arrow_array::RecordBatch;
use backtrail_model::evidence::OriginalCheck;
use backtrail_model::redact::{redact_text, redact_unparsed, redact_value};
use backtrail_model::window::Window;
use datafusion::functions::expr_fn::starts_with;
use datafusion::logical_expr::{Expr, col, lit};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events, Text, flags, longs};
use crate::item::Item;
use crate::ledger::Ledger;
use crate::lineage::Actors;
use crate::related::{Related, Sought};
use crate::source::Source;

/// Records shown at most, where a prefix fits many.
const MOST: usize = 20;
/// Characters of an event id that must be given at least.
pub const SHORTEST: usize = 6;

/// What a citation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An event id, or the start of one.
    Event(String),
    /// A record by its place in a piece of evidence, named by its id or the start of it.
    Place {
        /// The evidence.
        evidence: String,
        /// Number of the record in it, from 0.
        index: i64,
    },
}

impl Reference {
    /// Reads a citation.
    ///
    /// # Errors
    /// `Reference` where the text is none.
    pub fn parse(text: &str) -> Result<Self, TimelineError> {
        let text = text.trim();
        let wrong = || TimelineError::Reference(text.to_owned());
        if let Some((evidence, index)) = text.rsplit_once('#')
            && evidence.len() >= SHORTEST
            && evidence.bytes().all(|b| b.is_ascii_hexdigit())
        {
            let index = index.parse().ok().filter(|i| *i >= 0).ok_or_else(wrong)?;
            return Ok(Self::Place { evidence: evidence.to_ascii_lowercase(), index });
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self::Event(text.to_owned())) }
    }
}

/// One copy of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Copy {
    /// Evidence it stands in.
    pub evidence_id: String,
    /// Its number there, from 0.
    pub record_index: i64,
    /// By which route it came.
    pub route: Option<String>,
    /// Whether `raw` is the evidence's bytes, a string unescaped once, or cells.
    pub raw_form: Option<String>,
    /// SHA-256 of this copy.
    pub record_sha256: Option<String>,
    /// Whether this copy is the shown one, byte for byte.
    pub identical: bool,
    /// Whether it is of another record with the same id, which is a row of its own (`id_conflict`).
    pub of_other_record: bool,
    /// Whether the citation names this copy.
    #[serde(skip)]
    pub is_cited: bool,
    /// The layout it was read by, of a flow record.
    #[serde(skip)]
    pub layout: Option<String>,
    /// Where the evidence was met.
    pub paths: Vec<String>,
    /// The record checked against what is there now. Filled by whoever can read files; this crate knows none.
    pub originals: Vec<OriginalCheck>,
}

/// Whether the record's hash, worked out again, is the one stored when it was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HashCheck {
    /// It is.
    Verified,
    /// It is not: the store was altered.
    Mismatch,
    /// The store keeps no hash of such a record; its original may still be there to be held against.
    NotKept,
}

/// One opened record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Table the record stands in.
    pub table: &'static str,
    /// The event as answers show it; `null` for records that are not events.
    pub event: Option<Item>,
    /// The record, parsed and without secrets; a text where it is not JSON.
    pub record: Value,
    /// How `raw` relates to the evidence's bytes.
    pub raw_form: Option<String>,
    /// SHA-256 of the record as stored when it was taken in.
    pub record_sha256: String,
    /// Whether it still is.
    pub hash: HashCheck,
    /// Evidence the shown copy stands in.
    pub evidence_id: String,
    /// Its number there, from 0.
    pub record_index: i64,
    /// Whether another record has this id and other content.
    pub id_conflict: bool,
    /// Every copy.
    pub origins: Vec<Copy>,
    /// The record as delivered, with its secrets. Not part of any answer but `--raw`.
    #[serde(skip)]
    pub raw: String,
}

/// A record that could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectShown {
    /// Evidence it stands in.
    pub evidence_id: String,
    /// Its number there.
    pub record_index: i64,
    /// Why.
    pub reason: String,
    /// Its bytes as text, without secrets, the first of them.
    pub text: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Where the evidence was met.
    pub paths: Vec<String>,
    /// The record checked against what is there now.
    pub originals: Vec<OriginalCheck>,
    /// Its bytes as delivered, the first of them, with their secrets. Not part of any answer but `--raw`.
    #[serde(skip)]
    pub raw: Vec<u8>,
    /// How many bytes it had.
    #[serde(skip)]
    pub length: i64,
}

/// What a citation opens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opened {
    /// What was asked for.
    pub reference: String,
    /// Records, by event id and hash. More than one where ids conflict or the start of an id fits several.
    pub answer: Vec<Shown>,
    /// Rejected records at that place.
    pub rejects: Vec<RejectShown>,
    /// Records that fit but are not listed.
    pub more: u64,
    /// Events the store holds, said where nothing was found.
    pub events_in_store: Option<u64>,
    /// Which evidence.
    pub evidence_set: String,
}

const RECORD_TABLES: [&str; 3] = ["cloudtrail", "cloudtrail_insights", "cloudtrail_aggregated"];

/// Opens a citation.
///
/// # Errors
/// Where the reference is none, or the store cannot be read.
pub async fn show(source: &Source, reference: &str) -> Result<Opened, TimelineError> {
    let parsed = Reference::parse(reference)?;
    let ledger = Ledger::read(source).await?;
    let mut opened = Opened {
        reference: reference.trim().to_owned(),
        answer: Vec::new(),
        rejects: Vec::new(),
        more: 0,
        events_in_store: None,
        evidence_set: ledger.set,
    };
    match &parsed {
        Reference::Event(id) => {
            let exact = col("event_id").eq(lit(id.clone()));
            find(source, &exact, &mut opened).await?;
            if opened.answer.is_empty() && id.len() >= SHORTEST {
                find(source, &starts_with(col("event_id"), lit(id.clone())), &mut opened).await?;
            }
        }
        Reference::Place { evidence, index } => {
            let here = starts_with(col("evidence_id"), lit(evidence.clone())).and(col("record_index").eq(lit(*index)));
            for key in keys_at(source, here.clone()).await? {
                find(source, &col("dedupe_key").eq(lit(key)), &mut opened).await?;
            }
            opened.answer.extend(flow::at(source, here.clone()).await?);
            opened.rejects = rejects_at(source, here).await?;
            for origin in opened.answer.iter_mut().flat_map(|shown| &mut shown.origins) {
                origin.is_cited = origin.evidence_id.starts_with(evidence) && origin.record_index == *index;
            }
        }
    }
    if opened.answer.is_empty() && opened.rejects.is_empty() {
        opened.events_in_store = Some(source.events_in_all());
    }
    for shown in &mut opened.answer {
        shown.origins.sort();
        relate(source, shown).await?;
    }
    Ok(opened)
}

/// Says in an event which other records tell of the same action.
async fn relate(source: &Source, shown: &mut Shown) -> Result<(), TimelineError> {
    let Some(item) = &mut shown.event else { return Ok(()) };
    let instant = item.order.time.and_then(|t| Window::between(t, t + 1).ok());
    let related = Related::read(source, instant.as_ref(), Sought::UpdatesAndObjects, &|_| None::<()>).await?;
    let id = item.refs.first().cloned();
    let named = Event {
        event_id: id.as_deref(),
        evidence_id: Some(&shown.evidence_id),
        record_index: Some(shown.record_index),
        ..Event::default()
    };
    related.tell(&named, item, false);
    Ok(())
}

/// Finds the records that fulfil a condition, in every table that has records.
async fn find(source: &Source, condition: &Expr, opened: &mut Opened) -> Result<(), TimelineError> {
    for table in RECORD_TABLES {
        let frame = source.table(table).await?.filter(condition.clone()).map_err(TimelineError::table(table))?;
        let actors = if table == RECORD_TABLES[0] { Actors::read(source, None, Some(condition.clone())).await? } else { Actors::default() };
        let mut found: Vec<(Shown, Vec<u8>)> = Vec::new();
        Source::batches(table, frame, &mut |batch| read(table, batch, &actors, &mut found)).await?;
        found.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        let records: HashSet<(Vec<u8>, String)> = found.iter().map(|(shown, key)| (key.clone(), shown.record_sha256.clone())).collect();
        for (mut shown, key) in found {
            if opened.answer.len() >= MOST {
                opened.more += 1;
                continue;
            }
            shown.origins = origins(source, key.clone(), &shown.record_sha256).await?;
            for origin in shown.origins.iter_mut().filter(|o| !o.identical) {
                let hash = origin.record_sha256.clone().unwrap_or_default();
                origin.of_other_record = records.contains(&(key.clone(), hash));
            }
            if !shown.origins.iter().any(|o| o.identical && o.evidence_id == shown.evidence_id && o.record_index == shown.record_index) {
                // Record and hash were replaced together: the list of copies still has the hash it was taken in with.
                shown.hash = HashCheck::Mismatch;
            }
            opened.answer.push(shown);
        }
    }
    Ok(())
}

fn order(shown: &Shown) -> (Option<&String>, &String) {
    (shown.event.as_ref().and_then(|e| e.refs.first()), &shown.record_sha256)
}

fn read(table: &'static str, batch: &RecordBatch, actors: &Actors, found: &mut Vec<(Shown, Vec<u8>)>) -> Result<(), TimelineError> {
    let text = |column| Text::of(batch, table, column);
    let (raw, form, hash) = (text("raw")?, text("raw_form")?, text("record_sha256")?);
    let (evidence, index) = (text("evidence_id")?, longs(batch, table, "record_index")?);
    let conflict = flags(batch, table, "id_conflict")?;
    let is_event = EVENT_COLUMNS.iter().all(|c| batch.column_by_name(c).is_some());
    let events = is_event.then(|| Events::of(batch)).transpose()?;
    for row in 0..batch.num_rows() {
        let (raw, stored) = (raw.get(row).unwrap_or_default(), hash.get(row).unwrap_or_default());
        let is_same = const_hex::encode(Sha256::digest(raw.as_bytes())) == stored;
        let shown = Shown {
            table,
            event: events.as_ref().map(|e| Item::by(&e.get(row), None, actors)),
            record: record(raw),
            raw_form: form.get(row).map(str::to_owned),
            record_sha256: stored.to_owned(),
            hash: if is_same { HashCheck::Verified } else { HashCheck::Mismatch },
            evidence_id: evidence.get(row).unwrap_or_default().to_owned(),
            record_index: if index.is_null(row) { 0 } else { index.value(row) },
            id_conflict: !conflict.is_null(row) && conflict.value(row),
            origins: Vec::new(),
            raw: raw.to_owned(),
        };
        found.push((shown, key_of(batch, table, row)?));
    }
    Ok(())
}

/// The record without secrets. Whole numbers no JavaScript reader can hold become texts.
fn record(raw: &str) -> Value {
    match serde_json::from_str::<Value>(raw) {
        Ok(mut value) => {
            redact_value(&mut value);
            portable(&mut value);
            value
        }
        Err(_) => Value::String(redact_unparsed(raw).into_owned()),
    }
}

/// Turns whole numbers beyond 2^53 into texts.
pub(crate) fn portable(value: &mut Value) {
    const LARGEST: u64 = 1 << 53;
    match value {
        Value::Number(number) if number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64()).is_some_and(|n| n > LARGEST) => {
            *value = Value::String(number.to_string());
        }
        Value::Array(items) => items.iter_mut().for_each(portable),
        Value::Object(object) => object.values_mut().for_each(portable),
        _ => {}
    }
}

/// The `dedupe_key` of a row, in whichever binary layout the reader gave it.
fn key_of(batch: &RecordBatch, table: &'static str, row: usize) -> Result<Vec<u8>, TimelineError> {
    use arrow_array::cast::AsArray;
    let wrong = || TimelineError::Column { table, column: "dedupe_key" };
    let array = batch.column_by_name("dedupe_key").ok_or_else(wrong)?;
    if array.is_null(row) {
        return Ok(Vec::new());
    }
    if let Some(plain) = array.as_binary_opt::<i32>() {
        return Ok(plain.value(row).to_vec());
    }
    array.as_binary_view_opt().map(|view| view.value(row).to_vec()).ok_or_else(wrong)
}

async fn keys_at(source: &Source, here: Expr) -> Result<Vec<Vec<u8>>, TimelineError> {
    const TABLE: &str = "event_origins";
    let frame = source.table(TABLE).await?.filter(here).map_err(TimelineError::table(TABLE))?;
    let mut keys = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        for row in 0..batch.num_rows() {
            keys.push(key_of(batch, TABLE, row)?);
        }
        Ok(())
    })
    .await?;
    keys.sort();
    keys.dedup();
    Ok(keys)
}

async fn origins(source: &Source, key: Vec<u8>, shown: &str) -> Result<Vec<Copy>, TimelineError> {
    const TABLE: &str = "event_origins";
    let frame = source.table(TABLE).await?.filter(col("dedupe_key").eq(lit(key))).map_err(TimelineError::table(TABLE))?;
    let mut origins = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        let text = |column| Text::of(batch, TABLE, column);
        let (evidence, route, form, hash) = (text("evidence_id")?, text("route")?, text("raw_form")?, text("record_sha256")?);
        let index = longs(batch, TABLE, "record_index")?;
        for row in 0..batch.num_rows() {
            origins.push(Copy {
                evidence_id: evidence.get(row).unwrap_or_default().to_owned(),
                record_index: if index.is_null(row) { 0 } else { index.value(row) },
                route: route.get(row).map(str::to_owned),
                raw_form: form.get(row).map(str::to_owned),
                record_sha256: hash.get(row).map(str::to_owned),
                identical: hash.get(row) == Some(shown),
                of_other_record: false,
                is_cited: false,
                layout: None,
                paths: Vec::new(),
                originals: Vec::new(),
            });
        }
        Ok(())
    })
    .await?;
    let mut ids: Vec<String> = origins.iter().map(|o| o.evidence_id.clone()).collect();
    ids.sort();
    ids.dedup();
    for (id, paths) in paths_of(source, ids).await? {
        for origin in origins.iter_mut().filter(|o| o.evidence_id == id) {
            origin.paths.clone_from(&paths);
        }
    }
    Ok(origins)
}

/// Where pieces of evidence were met.
async fn paths_of(source: &Source, ids: Vec<String>) -> Result<Vec<(String, Vec<String>)>, TimelineError> {
    const TABLE: &str = "evidence";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let condition = col("evidence_id").in_list(ids.into_iter().map(lit).collect(), false);
    let frame = source.table(TABLE).await?.filter(condition).map_err(TimelineError::table(TABLE))?;
    let mut paths = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        let (id, origins) = (Text::of(batch, TABLE, "evidence_id")?, Text::of(batch, TABLE, "origins")?);
        for row in 0..batch.num_rows() {
            let met: Vec<String> = origins.get(row).and_then(|o| serde_json::from_str(o).ok()).unwrap_or_default();
            paths.push((id.get(row).unwrap_or_default().to_owned(), met));
        }
        Ok(())
    })
    .await?;
    Ok(paths)
}

async fn rejects_at(source: &Source, here: Expr) -> Result<Vec<RejectShown>, TimelineError> {
    const TABLE: &str = "rejects";
    const SHOWN: usize = 4096;
    let frame = source.table(TABLE).await?.filter(here).map_err(TimelineError::table(TABLE))?;
    let mut rejects = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        use arrow_array::cast::AsArray;
        let (evidence, reason) = (Text::of(batch, TABLE, "evidence_id")?, Text::of(batch, TABLE, "reason")?);
        let (index, hash) = (longs(batch, TABLE, "record_index")?, Text::of(batch, TABLE, "sha256")?);
        let length = longs(batch, TABLE, "length")?;
        let bytes = batch.column_by_name("bytes").ok_or(TimelineError::Column { table: TABLE, column: "bytes" })?;
        for row in 0..batch.num_rows() {
            let of_row = bytes.as_binary_opt::<i32>().map(|b| b.value(row)).or_else(|| bytes.as_binary_view_opt().map(|b| b.value(row)));
            let raw = of_row.unwrap_or_default();
            let text = String::from_utf8_lossy(raw);
            rejects.push(RejectShown {
                evidence_id: evidence.get(row).unwrap_or_default().to_owned(),
                record_index: index.value(row),
                reason: reason.get(row).unwrap_or_default().to_owned(),
                text: redact_text(&text).chars().take(SHOWN).collect(),
                sha256: hash.get(row).unwrap_or_default().to_owned(),
                paths: Vec::new(),
                originals: Vec::new(),
                raw: raw.to_vec(),
                length: length.value(row),
            });
        }
        Ok(())
    })
    .await?;
    for reject in &mut rejects {
        if let Some((_, paths)) = paths_of(source, vec![reject.evidence_id.clone()]).await?.pop() {
            reject.paths = paths;
        }
    }
    Ok(rejects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(Reference::parse(" 1a2b3c4d-0000 ").unwrap(), Reference::Event("1a2b3c4d-0000".to_owned()));
        assert_eq!(Reference::parse("ABCDEF01#7").unwrap(), Reference::Place { evidence: "abcdef01".to_owned(), index: 7 });
        for wrong in ["", "abcdef01#x", "abcdef01#-1"] {
            assert!(Reference::parse(wrong).unwrap_err().is_usage(), "{wrong}");
        }
    }

    #[test]
    fn records_lose_secrets_and_keep_large_numbers() {
        let shown = record(r#"{"a":9007199254740993,"b":9007199254740992,"c":-9007199254740993,"sessionToken":"x"}"#);
        assert_eq!(
            shown.to_string(),
            r#"{"a":"9007199254740993","b":9007199254740992,"c":"-9007199254740993","sessionToken":"[redacted]"}"#
        );
    }
}
