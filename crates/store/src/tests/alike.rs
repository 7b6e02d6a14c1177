//! Rows told apart by what they state: those of a store are a function of the set of evidence, whatever batches brought them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use backtrail_model::evidence::{Counts, EvidenceRow};
use backtrail_model::tables::{EVENT_DATE, Table};
use proptest::prelude::*;

use super::kit::{self, contents, new_store, options};
use crate::batch::lock;
use crate::layout::table_dir;
use crate::{Batch, CompactOptions, Store};

/// A record: what it states, and when.
type Flow = (u8, u8);

/// A piece of evidence with flow records, in order.
#[derive(Debug, Clone)]
struct Log {
    name: u32,
    version: i32,
    /// Which flow log delivered it, where that is known.
    by: Option<u8>,
    flows: Vec<Flow>,
}

impl Log {
    fn piece(&self) -> kit::Evidence {
        kit::Evidence { name: self.name, events: Vec::new(), rejects: 0 }
    }

    fn id(&self) -> String {
        self.piece().id()
    }

    fn row(&self) -> EvidenceRow {
        let count = self.flows.len() as i64;
        EvidenceRow {
            counts: Counts { read: count, kept: count, ..Counts::default() },
            decoder: "flowlogs".to_owned(),
            decoder_version: self.version,
            ..self.piece().row()
        }
    }

    fn rows(&self) -> RecordBatch {
        let n = self.flows.len();
        let second = |flow: &Flow| 1_688_169_600 + i64::from(flow.1) * 40_000;
        let column = |name: &str, kind: &DataType| -> ArrayRef {
            match name {
                "event_time" => {
                    let times = self.flows.iter().map(|f| (f.1 < 5).then(|| second(f) * 1_000_000));
                    Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
                }
                EVENT_DATE => {
                    let date = |f: &Flow| if f.1 < 5 { format!("2023-07-{:02}", f.1 / 3 + 1) } else { "unknown".to_owned() };
                    Arc::new(self.flows.iter().map(|f| Some(date(f))).collect::<StringArray>())
                }
                "bytes" => Arc::new(Int64Array::from_iter_values(self.flows.iter().map(|f| i64::from(f.0)))),
                "start" => Arc::new(Int64Array::from_iter_values(self.flows.iter().map(second))),
                "account_id" => Arc::new(StringArray::from(vec!["111122223333"; n])),
                "srcaddr" => Arc::new(self.flows.iter().map(|f| (f.0 % 3 > 0).then(|| format!("10.0.0.{}", f.0))).collect::<StringArray>()),
                "flow_log_id" => Arc::new(StringArray::from(vec![self.by.map(|by| format!("fl-{by}")); n])),
                "occurrence" => Arc::new(Int32Array::from(vec![0; n])),
                "evidence_id" => Arc::new(StringArray::from(vec![self.id(); n])),
                "record_index" => Arc::new(Int64Array::from_iter_values(0..n as i64)),
                _ => new_null_array(kind, n),
            }
        };
        let fields: Vec<Field> = Table::Flows.row_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let columns = fields.iter().map(|f| arrow_cast::cast(&column(f.name(), f.data_type()), f.data_type()).unwrap()).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    /// Its rows come in two parts, as those of a large piece do.
    fn put(&self, batch: &Batch) {
        let (rows, half) = (self.rows(), self.flows.len() / 2);
        batch.append(Table::Flows, rows.slice(0, half)).unwrap();
        batch.append(Table::Flows, rows.slice(half, rows.num_rows() - half)).unwrap();
        batch.finish_evidence(self.row()).unwrap();
    }
}

async fn ingest(store: &Store, logs: &[Log], memory_budget: usize) {
    let batch = store.begin(crate::BatchOptions { memory_budget, ..options() }).await.unwrap();
    logs.iter().for_each(|log| log.put(&batch));
    batch.commit().await.unwrap();
}

/// What is shown of a record: what it states, by which flow log, its occurrence, and where it stands.
type Shown = (Flow, Option<String>, i64, String, i64);

/// By flow log, where the shown copy stands.
type Copies = BTreeMap<Option<String>, (String, i64)>;

/// Worked out the plain way: of the copies of each occurrence one for each flow log, and one of none where no flow log is known.
fn expected(logs: &[Log]) -> BTreeSet<Shown> {
    let mut copies: BTreeMap<(Flow, i64), Copies> = BTreeMap::new();
    for log in logs {
        let mut met: BTreeMap<Flow, i64> = BTreeMap::new();
        for (index, flow) in log.flows.iter().enumerate() {
            let occurrence = met.entry(*flow).or_default();
            let place = (log.id(), index as i64);
            let by = log.by.map(|by| format!("fl-{by}"));
            let best = copies.entry((*flow, *occurrence)).or_default().entry(by).or_insert_with(|| place.clone());
            *best = place.min(best.clone());
            *occurrence += 1;
        }
    }
    let mut shown = BTreeSet::new();
    for ((flow, occurrence), by_log) in copies {
        let is_known = by_log.keys().any(Option::is_some);
        for (by, (evidence, index)) in by_log.into_iter().filter(|(by, _)| by.is_some() || !is_known) {
            shown.insert((flow, by, occurrence, evidence, index));
        }
    }
    shown
}

async fn shown(store: &Store) -> Vec<Shown> {
    let row = |row: BTreeMap<String, String>| {
        let second: i64 = row["start"].parse().unwrap();
        let flow = (row["bytes"].parse().unwrap(), u8::try_from((second - 1_688_169_600) / 40_000).unwrap());
        let by = Some(row["flow_log_id"].clone()).filter(|by| !by.is_empty());
        (flow, by, row["occurrence"].parse().unwrap(), row["evidence_id"].clone(), row["record_index"].parse().unwrap())
    };
    let mut all: Vec<Shown> = contents(store, Table::Flows).await.into_iter().map(row).collect();
    all.sort();
    all
}

async fn check(store: &Store, logs: &[Log]) {
    let wanted = expected(logs);
    assert_eq!(shown(store).await, wanted.iter().cloned().collect::<Vec<_>>());
    for row in store.evidence().await.unwrap() {
        let kept = wanted.iter().filter(|s| s.3 == row.evidence_id).count() as i64;
        assert_eq!(row.counts.kept, kept, "{}", row.evidence_id);
        assert!(row.counts.is_balanced());
    }
}

fn log(name: u32, by: Option<u8>, flows: &[Flow]) -> Log {
    Log { name, version: 1, by, flows: flows.to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_record_stays_and_the_same_file_by_another_route_adds_nothing() {
    let (_dir, store) = new_store().await;
    let flows = [(1, 0), (1, 0), (1, 0), (2, 1)];
    let logs = [log(1, Some(1), &flows), log(2, Some(1), &flows), log(3, None, &flows)];
    for log in &logs {
        ingest(&store, std::slice::from_ref(log), 64 << 20).await;
    }
    assert_eq!(shown(&store).await.len(), 4);
    check(&store, &logs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_flow_logs_of_the_same_traffic_both_have_their_rows() {
    let (_dir, store) = new_store().await;
    let logs = [log(1, Some(1), &[(1, 0), (2, 0)]), log(2, Some(2), &[(1, 0), (2, 0)]), log(3, None, &[(1, 0)])];
    ingest(&store, &logs, 64 << 20).await;
    assert_eq!(shown(&store).await.len(), 4);
    check(&store, &logs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_one_piece_repeats_are_numbered_before_the_commit_which_writes_no_file_anew() {
    let (_dir, store) = new_store().await;
    let logs = [log(1, Some(1), &[(1, 0), (2, 0), (1, 0), (1, 0)]), log(2, Some(1), &[(2, 1), (2, 1)])];
    let batch = store.begin(options()).await.unwrap();
    logs.iter().for_each(|log| log.put(&batch));
    batch.write_rest().unwrap();
    let staged: BTreeSet<PathBuf> = lock(&batch.staged).parts.iter().map(|staged| staged.part.path.clone()).collect();
    batch.commit().await.unwrap();
    let dates = std::fs::read_dir(table_dir(store.root(), Table::Flows)).unwrap().map(|entry| entry.unwrap().path());
    let files = dates.filter(|date| date.is_dir() && !date.ends_with("_delta_log")).flat_map(|date| std::fs::read_dir(date).unwrap());
    assert_eq!(files.map(|entry| entry.unwrap().path()).collect::<BTreeSet<_>>(), staged);
    check(&store, &logs).await;
}

/// The third record of one is shown where another has but two of it; what is shown of them must not be renumbered when a further one comes.
#[tokio::test(flavor = "multi_thread")]
async fn occurrences_outlast_what_is_not_shown() {
    for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
        let (_dir, store) = new_store().await;
        let logs = [log(1, None, &[(1, 0); 2]), log(2, None, &[(1, 0); 3]), log(3, None, &[(1, 0); 1])];
        for name in order {
            ingest(&store, &[logs[name - 1].clone()], 64 << 20).await;
        }
        check(&store, &logs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_read_takes_the_place_of_all_that_was_read_before() {
    let (_dir, store) = new_store().await;
    let other = log(2, Some(1), &[(1, 0), (4, 4)]);
    ingest(&store, &[log(1, Some(1), &[(1, 0), (2, 3), (3, 5)]), other.clone()], 64 << 20).await;
    let anew = Log { version: 2, ..log(1, Some(1), &[(2, 3), (7, 0)]) };
    ingest(&store, std::slice::from_ref(&anew), 64 << 20).await;
    // What the other piece has of it was folded when the first reading had it, too, and is read again with its own next version.
    let left: Vec<Flow> = shown(&store).await.into_iter().map(|s| s.0).collect();
    assert!(left.contains(&(7, 0)) && left.contains(&(2, 3)) && left.contains(&(4, 4)) && !left.contains(&(3, 5)), "{left:?}");
}

fn logs() -> impl Strategy<Value = Vec<Log>> {
    let flows = prop::collection::vec((0u8..4, 0u8..7), 1..12);
    let piece = (prop::option::of(0u8..2), flows);
    prop::collection::vec(piece, 1..6).prop_map(|pieces| {
        let piece = |(name, (by, flows)): (usize, (Option<u8>, Vec<Flow>))| log(u32::try_from(name).unwrap(), by, &flows);
        pieces.into_iter().enumerate().map(piece).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_a_function_of_the_set_of_evidence(
        logs in logs(), order in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), small in any::<bool>(), compact in any::<bool>(),
        is_opened_anew in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, store) = new_store().await;
            let mut arrival = logs.clone();
            arrival.rotate_left(order.index(logs.len()));
            if small {
                arrival.reverse();
            }
            // A budget of nothing puts each part of a piece into a file of its own.
            let budget = if small { 0 } else { 64 << 20 };
            let (first, second) = arrival.split_at(cut.index(logs.len() + 1));
            ingest(&store, first, budget).await;
            if compact {
                let options = CompactOptions { now: kit::NOW, remove_at_once: true, memory_budget: 64 << 20 };
                store.compact(options).await.unwrap();
            }
            // What another process wrote is read; what this one wrote is known.
            let store = if is_opened_anew { Store::open(store.root()).await.unwrap() } else { store };
            // One of those that are there comes again with the rest.
            let again: Vec<Log> = first.iter().take(1).chain(second).cloned().collect();
            ingest(&store, &again, budget).await;
            check(&store, &logs).await;
        });
    }
}
