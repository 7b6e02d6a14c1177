//! Stores to ask: the bundled incident, and rows made for a purpose.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema};
use backtrail_ingest::{IngestOptions, Progress};
use backtrail_model::evidence::{Counts, EvidenceRow, Fate};
use backtrail_model::tables::{EVENT_DATE, Table};
use backtrail_query::{Session, SessionOptions};
use backtrail_store::{BatchOptions, Comparison, Store};
use tokio::runtime::{Builder, Handle, Runtime};

/// 2026-01-01T00:00:00Z, after all events of these tests.
const NOW: i64 = 1_767_225_600_000_000;

/// A runtime for tests that are not async themselves.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A session as the command line opens it, on little memory.
pub(crate) async fn session(store: &Store) -> Session {
    let options = SessionOptions { memory_budget: 64 << 20, threads: 2, spill_dir: store.root().to_owned() };
    Session::open(store, &options).await.expect("a session")
}

struct Silent;

impl Progress for Silent {
    fn found(&self, _: u64, _: u64) {}
    fn read(&self, _: u64, _: u64) {}
    fn done(&self, _: &EvidenceRow) {}
}

/// A path inside the workspace.
pub(crate) fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// `fixtures/incident`, taken in.
pub(crate) fn incident(root: &Path, runtime: &Handle) -> Store {
    let store = runtime.block_on(Store::open_or_create(root)).expect("a store");
    let options = IngestOptions { threads: 2, memory_budget: 64 << 20, now: NOW, run_id: "test".to_owned(), flow_formats: Vec::new() };
    let evidence = workspace("fixtures/incident").to_string_lossy().into_owned();
    backtrail_ingest::ingest(&store, &[evidence], &options, &Silent, runtime).expect("the incident is taken in");
    store
}

/// An event of a made store.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) date: &'static str,
    /// Microseconds UTC.
    pub(crate) time: i64,
    pub(crate) id: String,
    pub(crate) account: &'static str,
    pub(crate) arn: String,
    pub(crate) key: String,
    pub(crate) parameters: String,
    pub(crate) raw: String,
}

/// Nothing is omitted here: what differs in its bytes differs.
const COMPARISON: Comparison = Comparison { statement: |_, _| None, covered: |statements| vec![false; statements.len()] };

/// Takes events in as one run: a data file for each of their dates.
pub(crate) async fn take_in(store: &Store, run: u8, events: &[Made]) {
    let options = BatchOptions { run_id: format!("run-{run}"), memory_budget: 1 << 30, now: NOW, compare: COMPARISON };
    let batch = store.begin(options).await.expect("a batch");
    let evidence = format!("{run:064x}");
    batch.append(Table::Cloudtrail, rows(&evidence, events)).expect("rows");
    batch.finish_evidence(ledger_row(evidence, run, events)).expect("a ledger row");
    batch.commit().await.expect("a commit");
}

fn ledger_row(evidence_id: String, run: u8, events: &[Made]) -> EvidenceRow {
    let count = i64::try_from(events.len()).expect("few events");
    EvidenceRow {
        evidence_id,
        content_sha256: None,
        size: 1,
        content_size: 1,
        origins: vec![format!("made/{run}")],
        parent_id: None,
        member: None,
        kind: "CloudTrail".to_owned(),
        decoder: "cloudtrail".to_owned(),
        decoder_version: 1,
        fate: Fate::Kept,
        reason: None,
        break_offset: None,
        counts: Counts { read: count, kept: count, duplicate: 0, rejected: 0, other: 0 },
        first_event_time: events.iter().map(|e| e.time).min(),
        last_event_time: events.iter().map(|e| e.time).max(),
        ingested_at: NOW,
        run_id: format!("run-{run}"),
    }
}

/// The rows as a decoder gives them; columns no test asks for are null.
fn rows(evidence: &str, events: &[Made]) -> RecordBatch {
    let texts = |text: &dyn Fn(&Made) -> String| -> ArrayRef { Arc::new(events.iter().map(|e| Some(text(e))).collect::<StringArray>()) };
    let column = |name: &str, kind: &DataType| -> ArrayRef {
        match name {
            "event_time" => {
                Arc::new(TimestampMicrosecondArray::from_iter_values(events.iter().map(|e| e.time)).with_timezone("UTC")) as ArrayRef
            }
            "event_id" => texts(&|e| e.id.clone()),
            "event_name" => texts(&|_| "DescribeInstances".to_owned()),
            "event_source" => texts(&|_| "ec2.amazonaws.com".to_owned()),
            "recipient_account_id" => texts(&|e| e.account.to_owned()),
            "user_identity_arn" => texts(&|e| e.arn.clone()),
            "user_identity_access_key_id" => texts(&|e| e.key.clone()),
            "request_parameters" => texts(&|e| e.parameters.clone()),
            "raw" => texts(&|e| e.raw.clone()),
            "raw_form" => texts(&|_| "exact".to_owned()),
            // Not the hash, but as long, and as different from row to row.
            "record_sha256" => texts(&|e| format!("{:0>64}", e.id.replace('-', ""))),
            "dedupe_key" => Arc::new(BinaryArray::from_iter_values(events.iter().map(|e| e.id.as_bytes()[..16].to_vec()))),
            "copy_rank" => Arc::new(Int32Array::from(vec![10; events.len()])),
            "id_conflict" => Arc::new(BooleanArray::from(vec![false; events.len()])),
            "evidence_id" => texts(&|_| evidence.to_owned()),
            "record_index" => Arc::new(Int64Array::from_iter_values((0..).take(events.len()))),
            _ => arrow_array::new_null_array(kind, events.len()),
        }
    };
    let mut fields: Vec<Field> = Table::Cloudtrail.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    let mut columns: Vec<ArrayRef> = fields.iter().map(|f| column(f.name(), f.data_type())).collect();
    fields.push(Field::new(EVENT_DATE, DataType::Utf8, true));
    columns.push(texts(&|e| e.date.to_owned()));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("the table's columns")
}
