//! One batch in, the same rows out.

use backtrail_model::tables::Table;

use super::kit::*;
use crate::{Store, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_read_back_by_date_and_in_order() {
    let (_dir, store) = new_store().await;
    let evidence = Evidence { name: 1, events: (0..500).map(|i| event(i, i % 3, 999 - i)).collect(), rejects: 2 };
    let summary = ingest(&store, std::slice::from_ref(&evidence)).await;
    assert_eq!(summary.evidence.len(), 1);
    assert_eq!(summary.evidence[0].counts.kept, 500);

    let snapshot = store.snapshot().await.unwrap();
    let table = snapshot.table(Table::Cloudtrail).await.unwrap();
    assert_eq!(table.rows(), 500);
    let dates: Vec<_> = table.files.iter().map(|f| f.event_date.clone().unwrap()).collect();
    assert_eq!(dates, ["2023-07-01", "2023-07-02", "2023-07-03"]);
    assert_eq!(table.files[0].min_event_time, Some(1_688_169_600_000_000 + 501 * 1_000_000));
    assert_eq!(table.files[0].max_event_time, Some(1_688_169_600_000_000 + 999 * 1_000_000));
    assert_eq!(contents(&store, Table::Rejects).await.len(), 2);
    assert_eq!(contents(&store, Table::EventOrigins).await.len(), 500);
    assert_eq!(store.evidence().await.unwrap(), [evidence.row()]);

    let again = Store::open(store.root()).await.unwrap();
    assert_eq!(contents(&again, Table::Cloudtrail).await.len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_seen_and_leaves_nothing() {
    let (_dir, store) = new_store().await;
    let evidence = Evidence { name: 1, events: vec![event(1, 0, 1)], rejects: 0 };
    let batch = store.begin(options()).await.unwrap();
    batch.append(Table::Cloudtrail, evidence.rows(Table::Cloudtrail)).unwrap();
    let error = batch.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unfinished { .. }), "{error}");
    assert_eq!(store.snapshot().await.unwrap().table(Table::Cloudtrail).await.unwrap().rows(), 0);
    assert!(store.evidence().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_a_store_and_a_store_of_another_format_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(dir.path()).await, Err(StoreError::NoStore { .. })));
    std::fs::write(dir.path().join("backtrail-store.json"), r#"{"format_version":99}"#).unwrap();
    let error = Store::open_or_create(dir.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_from_before_a_table_was_added_is_read_without_it_and_gets_it_when_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open_or_create(&root).await.unwrap());
    let table = crate::layout::table_dir(&root, Table::Credentials);
    std::fs::remove_dir_all(&table).unwrap();
    let reader = Store::open(&root).await.unwrap();
    assert!(reader.snapshot().await.unwrap().table(Table::Credentials).await.unwrap().files.is_empty());
    assert!(!table.exists(), "reading makes nothing");
    drop(Store::open_or_create(&root).await.unwrap());
    assert!(table.join("_delta_log").is_dir());
}

/// A log entry is written under another name and renamed when it is whole: a run killed between leaves the former.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_first_log_entry_was_never_completed_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open_or_create(&root).await.unwrap());
    let log = crate::layout::table_dir(&root, Table::EventArns).join("_delta_log");
    std::fs::rename(log.join("00000000000000000000.json"), log.join("00000000000000000000.json#1")).unwrap();
    let again = Store::open_or_create(&root).await.unwrap();
    assert!(again.snapshot().await.unwrap().table(Table::EventArns).await.unwrap().files.is_empty());
    assert!(log.join("00000000000000000000.json").is_file());
}
