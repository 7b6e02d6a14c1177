//! Runs the decoder and reads its rows back.

use std::collections::BTreeMap;
use std::convert::Infallible;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use backtrail_cloudtrail::{Context, Decoder, Ending, Kept, Reread, Summary};
use backtrail_model::calls::is_pivotal;
use backtrail_model::tables::{EVENT_DATE, Table};
use backtrail_model::time::parse_instant;

/// One row: column name to value as text; NULL is absent.
pub(crate) type Row = BTreeMap<String, String>;

/// What the decoder made of some bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) tables: BTreeMap<Table, Vec<Row>>,
    pub(crate) summary: Summary,
}

impl Decoded {
    pub(crate) fn rows(&self, table: Table) -> &[Row] {
        self.tables.get(&table).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn rejects(&self) -> &[Row] {
        self.rows(Table::Rejects)
    }

    /// read, kept, rejected, other.
    pub(crate) fn counts(&self) -> (i64, i64, i64, i64) {
        let c = self.summary.counts;
        (c.read, c.kept, c.rejected, c.other)
    }
}

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000;

pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    decode_chunks(&[bytes], Ending::Complete)
}

pub(crate) fn decode_chunks(chunks: &[&[u8]], ending: Ending) -> Decoded {
    let mut tables: BTreeMap<Table, Vec<Row>> = BTreeMap::new();
    let mut sink = |table: Table, batch: RecordBatch| -> Result<(), Infallible> {
        tables.entry(table).or_default().extend(rows(&batch));
        Ok(())
    };
    let mut decoder = Decoder::new(Context { evidence_id: "e".repeat(64).into(), now: NOW });
    for chunk in chunks {
        let Ok(()) = decoder.push(chunk, &mut sink);
    }
    let Ok(summary) = decoder.finish(ending, &mut sink);
    let decoded = Decoded { tables, summary };
    check(&decoded);
    decoded
}

/// What holds for every decoding.
fn check(decoded: &Decoded) {
    let counts = decoded.summary.counts;
    assert!(counts.is_balanced(), "{counts:?}");
    let count = |table| decoded.rows(table).len() as i64;
    assert_eq!(counts.kept, count(Table::Cloudtrail) + count(Table::CloudtrailInsights) + count(Table::CloudtrailAggregated));
    assert_eq!(counts.kept, count(Table::EventOrigins));
    assert_eq!(counts.rejected, count(Table::Rejects));
    let mut indexes: Vec<i64> = decoded
        .tables
        .iter()
        .filter(|(t, _)| **t != Table::EventOrigins)
        .flat_map(|(_, r)| r)
        .map(|r| r["record_index"].parse().expect("a number"))
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len() as i64, counts.kept + counts.rejected, "each record has its own number");
    assert!(indexes.iter().all(|i| (0..counts.read).contains(i)));
    let events = decoded.rows(Table::Cloudtrail);
    check_pivotal(events, decoded.rows(Table::PivotalCalls));
    events.iter().step_by(events.len() / 32 + 1).for_each(check_reread);
}

/// The calls that later events depend on stand in a table of their own as well: the same rows, with fewer columns.
fn check_pivotal(events: &[Row], pivotal: &[Row]) {
    let has = |name: &str| name == EVENT_DATE || Table::PivotalCalls.columns().iter().any(|column| column.name == name);
    let fewer = |row: &Row| row.iter().filter(|(name, _)| has(name)).map(|(name, value)| (name.clone(), value.clone())).collect::<Row>();
    let expected: Vec<Row> = events.iter().filter(|row| row.get("event_name").is_some_and(|name| is_pivotal(name))).map(fewer).collect();
    assert_eq!(pivotal, expected);
}

/// An event's columns are a function of its record: decoded again from `raw` they are the same.
fn check_reread(row: &Row) {
    if row["raw_form"] == "projected" {
        return;
    }
    let kept = Kept {
        raw: &row["raw"],
        event_time: row.get("event_time").map(|t| parse_instant(t).expect("a time")),
        id_conflict: row["id_conflict"] == "true",
        evidence_id: &row["evidence_id"],
        record_index: row["record_index"].parse().expect("a number"),
    };
    let mut reread = Reread::default();
    assert!(reread.add(&kept), "{row:?}");
    let again = rows(&reread.take());
    let not_given = |name: &str| Reread::NOT_GIVEN.contains(&name) || name == EVENT_DATE;
    let expected: Row = row.iter().filter(|(name, _)| !not_given(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_eq!(again, [expected]);
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|i| {
            let cells = schema.fields().iter().zip(batch.columns()).filter(|(_, c)| c.is_valid(i));
            cells.map(|(f, c)| (f.name().clone(), cell(c.as_ref(), i))).collect()
        })
        .collect()
}

fn cell(column: &dyn Array, i: usize) -> String {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(i).to_owned(),
        DataType::Utf8View => column.as_string_view().value(i).to_owned(),
        DataType::BinaryView => std::str::from_utf8(column.as_binary_view().value(i)).expect("UTF-8").to_owned(),
        DataType::Boolean => column.as_boolean().value(i).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(i).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(i).to_string(),
        DataType::Binary => const_hex::encode(column.as_binary::<i32>().value(i)),
        DataType::Timestamp(..) => backtrail_model::time::format_instant(column.as_primitive::<TimestampMicrosecondType>().value(i)),
        other => panic!("no column has type {other}"),
    }
}
