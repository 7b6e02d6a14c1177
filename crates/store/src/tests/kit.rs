//! Evidence made up for tests, and stores read back.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{DataType, Field, Schema};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate};
use backtrail_model::tables::{EVENT_DATE, Table};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use crate::{Batch, BatchOptions, Comparison, Store};

pub(crate) const NOW: i64 = 1_700_000_000_000_000;

/// A copy of an event, as a decoder would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: u32,
    /// Seconds into its day; `None`: no time.
    pub(crate) second: Option<u32>,
    pub(crate) day: u32,
    pub(crate) content: u32,
    /// Part of `raw` that does not count as content.
    pub(crate) context: u32,
    pub(crate) rank: i32,
}

impl Event {
    pub(crate) fn date(&self) -> String {
        if self.second.is_none() { "unknown".to_owned() } else { format!("2023-07-{:02}", self.day + 1) }
    }

    fn time(&self) -> Option<i64> {
        self.second.map(|s| 1_688_169_600_000_000 + (i64::from(self.day) * 86_400 + i64::from(s)) * 1_000_000)
    }

    pub(crate) fn raw(&self) -> String {
        format!("{}|{}|{}", self.id, self.content, self.context)
    }
}

/// The made-up record's content is two digits, to base three: 0 is a field that was left out, 1 and 2 are what it can say.
pub(crate) fn says(content: u32) -> [u32; 2] {
    [content % 3, content / 3]
}

/// Whether one content says all that another says, and more.
pub(crate) fn covers(fuller: u32, other: u32) -> bool {
    fuller != other && says(fuller).iter().zip(says(other)).all(|(a, b)| b == 0 || *a == b)
}

/// What the two first parts of the made-up record say is its content.
const COMPARISON: Comparison = Comparison {
    statement: |raw, _| raw.rsplit_once('|').map(|(content, _)| content.as_bytes().to_vec()),
    covered: |statements| {
        let content = |s: &&[u8]| std::str::from_utf8(s).unwrap().rsplit_once('|').unwrap().1.parse::<u32>().unwrap();
        let contents: Vec<u32> = statements.iter().map(content).collect();
        contents.iter().map(|c| contents.iter().any(|other| covers(*other, *c))).collect()
    },
};

/// A piece of evidence: its name's digits, and its records.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) name: u32,
    pub(crate) events: Vec<Event>,
    pub(crate) rejects: u32,
}

impl Evidence {
    pub(crate) fn id(&self) -> String {
        const_hex::encode(Sha256::digest(self.name.to_le_bytes()))
    }

    pub(crate) fn row(&self) -> EvidenceRow {
        let (events, rejected) = (self.events.len() as i64, i64::from(self.rejects));
        EvidenceRow {
            evidence_id: self.id(),
            content_sha256: None,
            size: 10,
            content_size: 100,
            origins: vec![format!("/evidence/{}", self.name)],
            parent_id: None,
            member: None,
            kind: "CloudTrail".to_owned(),
            decoder: "cloudtrail".to_owned(),
            decoder_version: 1,
            fate: Fate::Kept,
            reason: None,
            break_offset: None,
            counts: Counts { read: events + rejected, kept: events, duplicate: 0, rejected, other: 0 },
            first_event_time: self.events.iter().filter_map(Event::time).min(),
            last_event_time: self.events.iter().filter_map(Event::time).max(),
            ingested_at: NOW,
            run_id: "run".to_owned(),
        }
    }

    fn hash(text: &str) -> String {
        const_hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// The rows of one table; columns a test does not need are null.
    pub(crate) fn rows(&self, table: Table) -> RecordBatch {
        let events = &self.events;
        let n = if table == Table::Rejects { self.rejects as usize } else { events.len() };
        let texts = |f: &dyn Fn(&Event) -> String| -> ArrayRef { Arc::new(events.iter().map(|e| Some(f(e))).collect::<StringArray>()) };
        let column = |name: &str, kind: &DataType| -> ArrayRef {
            match name {
                "event_time" => Arc::new(events.iter().map(Event::time).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
                "event_id" => texts(&|e| format!("{:08x}-0000-4000-8000-000000000000", e.id)),
                "event_name" => texts(&|e| format!("Name{}", e.content % 3)),
                "recipient_account_id" => texts(&|e| format!("{:012}", e.id % 3)),
                "raw" => texts(&Event::raw),
                "record_sha256" => texts(&|e| Self::hash(&e.raw())),
                "dedupe_key" => {
                    let keys: Vec<[u8; 16]> = events.iter().map(|e| (u128::from(e.id) << 96 | 7).to_be_bytes()).collect();
                    Arc::new(BinaryArray::from_iter_values(keys))
                }
                "copy_rank" => Arc::new(events.iter().map(|e| Some(e.rank)).collect::<Int32Array>()),
                "id_conflict" => Arc::new(BooleanArray::from(vec![false; n])),
                "evidence_id" => Arc::new(StringArray::from(vec![self.id(); n])),
                "record_index" => Arc::new(Int64Array::from_iter_values(0..n as i64)),
                "reason" => Arc::new(StringArray::from(vec!["broken"; n])),
                _ => new_null_array(kind, n),
            }
        };
        let schema = table.schema();
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut columns: Vec<ArrayRef> = fields.iter().map(|f| column(f.name(), f.data_type())).collect();
        if table.is_dated() {
            fields.push(Field::new(EVENT_DATE, DataType::Utf8, true));
            columns.push(texts(&Event::date));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    pub(crate) fn put_rows(&self, batch: &Batch, tables: &[Table]) {
        for table in tables {
            batch.append(*table, self.rows(*table)).unwrap();
        }
    }

    pub(crate) fn put(&self, batch: &Batch) {
        self.put_rows(batch, &GIVEN);
        batch.finish_evidence(self.row()).unwrap();
    }
}

/// The tables that a piece of evidence has rows of.
pub(crate) const GIVEN: [Table; 4] = [Table::Cloudtrail, Table::PivotalCalls, Table::EventOrigins, Table::Rejects];

pub(crate) fn options() -> BatchOptions {
    BatchOptions { run_id: "run".to_owned(), memory_budget: 64 << 20, now: NOW, compare: COMPARISON }
}

/// Takes in evidence as one batch.
pub(crate) async fn ingest(store: &Store, evidence: &[Evidence]) -> crate::CommitSummary {
    let batch = store.begin(options()).await.unwrap();
    for piece in evidence {
        piece.put(&batch);
    }
    batch.commit().await.unwrap()
}

/// Every row of a table, as text by column, sorted; what depends on the run left out.
pub(crate) async fn contents(store: &Store, table: Table) -> Vec<BTreeMap<String, String>> {
    let snapshot = store.snapshot().await.unwrap();
    let mut all = Vec::new();
    for file in snapshot.table(table).await.unwrap().files.iter() {
        let mut rows = 0;
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(&file.path).unwrap()).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows() as u64;
            for row in 0..batch.num_rows() {
                let mut cells: BTreeMap<String, String> = batch
                    .schema()
                    .fields()
                    .iter()
                    .zip(batch.columns())
                    .filter(|(f, _)| !matches!(f.name().as_str(), "ingested_at" | "run_id"))
                    .map(|(f, c)| (f.name().clone(), arrow_cast::display::array_value_to_string(c, row).unwrap()))
                    .collect();
                if let Some(date) = &file.event_date {
                    cells.insert(EVENT_DATE.to_owned(), date.clone());
                }
                all.push(cells);
            }
        }
        assert_eq!(rows, file.rows, "{}", file.path.display());
    }
    all.sort();
    all
}

/// Every row of every table.
pub(crate) async fn everything(store: &Store) -> Vec<(Table, Vec<BTreeMap<String, String>>)> {
    let mut all = Vec::new();
    for table in Table::ALL {
        all.push((table, contents(store, table).await));
    }
    all
}

/// A store in a directory that goes with it.
pub(crate) async fn new_store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&dir.path().join("store")).await.unwrap();
    (dir, store)
}

pub(crate) fn event(id: u32, day: u32, second: u32) -> Event {
    Event { id, second: Some(second), day, content: 1, context: 0, rank: 10 }
}

/// A copy of an event whose columns all follow from its raw text, as a decoder's do.
pub(crate) fn copy(id: u32, content: u32, context: u32, rank: i32) -> Event {
    let second = (id % 7 != 6).then_some(id * 7 + content % 2);
    Event { id, second, day: (id + u32::from(content == 2)) % 3, content, context, rank }
}

/// A shown row, by what choosing decides: date, id, content, context, evidence, index, conflict.
pub(crate) type Shown = (String, u32, u32, u32, String, i64, bool);

/// A copy, by its precedence: rank, hash, evidence, index; and its context.
type ExpectedCopy = (i32, String, String, i64, u32);

/// What a store must show for a set of evidence, worked out the plain way.
pub(crate) fn expected(evidence: &[Evidence]) -> Vec<Shown> {
    let mut events: BTreeMap<u32, BTreeMap<u32, Vec<(ExpectedCopy, String)>>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for piece in evidence.iter().filter(|p| seen.insert(p.name)) {
        for (index, e) in piece.events.iter().enumerate() {
            let sha = Evidence::hash(&e.raw());
            let contents = events.entry(e.id).or_default();
            contents.entry(e.content).or_default().push(((e.rank, sha, piece.id(), index as i64, e.context), e.date()));
        }
    }
    let mut shown = Vec::new();
    for (id, contents) in events {
        let fullest = |content: &u32| !contents.keys().any(|other| covers(*other, *content));
        let kept: Vec<u32> = contents.keys().copied().filter(fullest).collect();
        for content in &kept {
            let ((_, _, evidence, index, context), date) = contents[content].iter().min().unwrap().clone();
            shown.push((date, id, *content, context, evidence, index, kept.len() > 1));
        }
    }
    shown.sort();
    shown
}

/// What a store shows.
pub(crate) async fn shown(store: &Store) -> Vec<Shown> {
    let mut all: Vec<Shown> = contents(store, Table::Cloudtrail)
        .await
        .into_iter()
        .map(|row| {
            let mut raw = row["raw"].split('|').map(|n| n.parse::<u32>().unwrap());
            let (id, content, context) = (raw.next().unwrap(), raw.next().unwrap(), raw.next().unwrap());
            let index = row["record_index"].parse().unwrap();
            (row[EVENT_DATE].clone(), id, content, context, row["evidence_id"].clone(), index, row["id_conflict"] == "true")
        })
        .collect();
    all.sort();
    all
}

/// Checks a store against the set of evidence it was given: rows, origins, rejects and the ledger.
pub(crate) async fn check(store: &Store, evidence: &[Evidence]) {
    let wanted = expected(evidence);
    assert_eq!(shown(store).await, wanted);
    let mut seen = BTreeMap::new();
    for piece in evidence {
        seen.insert(piece.id(), piece);
    }
    let ledger = store.evidence().await.unwrap();
    assert_eq!(ledger.iter().map(|r| r.evidence_id.clone()).collect::<Vec<_>>(), seen.keys().cloned().collect::<Vec<_>>());
    for row in &ledger {
        let kept = wanted.iter().filter(|s| s.4 == row.evidence_id).count() as i64;
        assert_eq!(row.counts.kept, kept, "{}", row.evidence_id);
        assert!(row.counts.is_balanced());
    }
    // The same rows again, and counted once.
    assert_eq!(contents(store, Table::PivotalCalls).await.len(), wanted.len());
    let copies: usize = seen.values().map(|p| p.events.len()).sum();
    assert_eq!(contents(store, Table::EventOrigins).await.len(), copies);
    let rejects: usize = seen.values().map(|p| p.rejects as usize).sum();
    assert_eq!(contents(store, Table::Rejects).await.len(), rejects);
}
