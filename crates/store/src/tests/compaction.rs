//! Compaction: the same rows in fewer files, in order, and nothing on disk that nobody needs.

use std::path::{Path, PathBuf};

use backtrail_model::tables::Table;

use super::kit::*;
use crate::{CompactOptions, Store};

fn how(remove_at_once: bool) -> CompactOptions {
    CompactOptions { now: NOW, remove_at_once, memory_budget: 8 << 20 }
}

fn parquet_files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(parquet_files(&path));
        } else if path.extension().is_some_and(|e| e == "parquet") && !path.to_string_lossy().contains("checkpoint") {
            all.push(path);
        }
    }
    all
}

async fn many_runs(store: &Store) -> Vec<Evidence> {
    let pieces: Vec<Evidence> = (0..25)
        .map(|name| Evidence { name, events: (0..40).map(|i| copy(i + name * 10, i % 2, name % 2, 10)).collect(), rejects: 1 })
        .collect();
    for piece in &pieces {
        ingest(store, std::slice::from_ref(piece)).await;
    }
    pieces
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_become_few_files_with_the_same_rows() {
    let (_dir, store) = new_store().await;
    let pieces = many_runs(&store).await;
    let before = everything(&store).await;
    let old = store.snapshot().await.unwrap();
    let summary = store.compact(how(false)).await.unwrap();
    assert!(summary.files_after < summary.files_before, "{summary}");
    assert_eq!(everything(&store).await, before);
    for file in store.snapshot().await.unwrap().table(Table::Cloudtrail).await.unwrap().files.iter() {
        assert_in_order(&file.path);
    }
    // A reader that opened the store before still finds its files; an hour later they go.
    assert!(old.table(Table::Cloudtrail).await.unwrap().files.iter().all(|f| f.path.exists()));
    let summary = store.compact(how(true)).await.unwrap();
    assert!(summary.files_deleted > 0);
    let visible: usize = {
        let now = store.snapshot().await.unwrap();
        let tables = futures::future::join_all(Table::ALL.into_iter().map(|t| now.table(t))).await;
        tables.into_iter().map(|table| table.unwrap().files.len()).sum()
    };
    assert_eq!(parquet_files(store.root()).len(), visible);
    assert_eq!(everything(&store).await, before);
    // And the store still takes evidence in, known and new.
    let more = Evidence { name: 99, events: (0..40).map(|i| copy(i, 0, 0, 5)).collect(), rejects: 0 };
    ingest(&store, &[pieces[0].clone(), more.clone()]).await;
    check(&store, &pieces.into_iter().chain([more]).collect::<Vec<_>>()).await;
    let summary = store.compact(how(true)).await.unwrap();
    assert!(summary.files_after < summary.files_before, "{summary}");
}

fn assert_in_order(path: &Path) {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(|b| b.unwrap()).collect();
    let places = crate::rows::sorted(Table::Cloudtrail, &batches).unwrap();
    let order: Vec<(u32, u32)> = places.iter().map(|p| (p.batch, p.row)).collect();
    assert!(order.is_sorted(), "{}", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_run_left_goes_and_what_a_living_one_wrote_stays() {
    let (_dir, store) = new_store().await;
    ingest(&store, &[Evidence { name: 1, events: vec![event(1, 0, 1)], rejects: 0 }]).await;
    let known = parquet_files(store.root());
    let orphan = known[0].with_file_name("part-dead-00001.zstd.parquet");
    std::fs::copy(&known[0], &orphan).unwrap();
    std::fs::write(store.root().join("_runs/dead.lock"), "").unwrap();

    let alive = store.begin(options()).await.unwrap();
    let piece = Evidence { name: 2, events: vec![event(2, 0, 1)], rejects: 0 };
    piece.put(&alive);
    alive.complete().unwrap();
    let with_staged = parquet_files(store.root()).len();

    let summary = store.compact(how(true)).await.unwrap();
    assert_eq!(summary.files_deleted, 1);
    assert!(!orphan.exists());
    assert!(!store.root().join("_runs/dead.lock").exists());
    assert_eq!(parquet_files(store.root()).len(), with_staged - 1);
    drop(alive);
    assert_eq!(parquet_files(store.root()).len(), known.len());
}
