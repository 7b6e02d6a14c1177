//! Several writers at once.

use std::path::Path;
use std::process::{Command, Stdio};

use backtrail_model::tables::Table;

use super::kit::*;
use crate::batch::lock;
use crate::{BatchOptions, Store, rows};

/// The share of one writer: pieces that overlap those of the other.
fn share(writer: u32) -> Vec<Evidence> {
    (0..6)
        .map(|n| {
            let name = n * 2 + if n % 3 == 0 { 0 } else { writer };
            let events = (0..30).map(|i| copy(i + name % 5, (i + name) % 2, name % 2, if name % 3 == 0 { 10 } else { 60 })).collect();
            Evidence { name, events, rejects: 1 }
        })
        .collect()
}

async fn write_all(root: &Path, writer: u32) {
    let store = Store::open_or_create(root).await.unwrap();
    for piece in share(writer) {
        ingest(&store, &[piece]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_at_once_both_succeed_and_no_row_is_there_twice() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let tasks: Vec<_> = (0..2)
        .map(|writer| {
            let root = root.clone();
            tokio::spawn(async move { write_all(&root, writer).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all: Vec<Evidence> = share(0).into_iter().chain(share(1)).collect();
    check(&Store::open(&root).await.unwrap(), &all).await;
}

const ROOT: &str = "BACKTRAIL_TEST_ROOT";
const WRITER: &str = "BACKTRAIL_TEST_WRITER";

/// Not a test of its own: what the processes of the next one run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by two_processes_at_once_both_succeed"]
async fn a_writing_process() {
    let (root, writer) = (std::env::var(ROOT).unwrap(), std::env::var(WRITER).unwrap());
    write_all(Path::new(&root), writer.parse().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_both_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut children: Vec<_> = ["0", "1"]
        .into_iter()
        .map(|writer| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "tests::writers::a_writing_process", "--ignored"])
                .env(ROOT, &root)
                .env(WRITER, writer)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let all: Vec<Evidence> = share(0).into_iter().chain(share(1)).collect();
    check(&Store::open(&root).await.unwrap(), &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_without_work_write_what_others_leave_to_them() {
    let (_dir, store) = new_store().await;
    let piece = |name: u32| Evidence { name, events: (0..200).map(|i| event(name * 1_000 + i, 1, i)).collect(), rejects: 0 };
    let pieces = [piece(1), piece(2), piece(3)];
    // A buffer is full at a quarter of the budget: at the events of one piece.
    let budget = rows::bytes_of(&pieces[0].rows(Table::Cloudtrail)) * 4;
    let batch = store.begin(BatchOptions { memory_budget: budget, ..options() }).await.unwrap();
    let files = || lock(&batch.staged).parts.len();
    assert!(!batch.help(1).unwrap(), "there is nothing to write");
    // Of one table that is large, so that one buffer fills.
    let put = |piece: &Evidence| {
        piece.put_rows(&batch, &[Table::Cloudtrail, Table::EventOrigins, Table::Rejects]);
        batch.finish_evidence(piece.row()).unwrap();
    };
    batch.while_idle(|| put(&pieces[0]));
    assert_eq!(files(), 0, "a full buffer is left to the thread that waits");
    assert!(batch.help(1).unwrap());
    assert_eq!(files(), 1);
    assert!(!batch.help(1).unwrap(), "others append: what is not full grows");
    assert!(!batch.help(0).unwrap(), "nor is a handful of rows worth a file when nobody does");
    batch.while_idle(|| pieces[1..].iter().for_each(put));
    assert!(files() > 1, "beyond half the budget nobody waits for help");
    while batch.help(0).unwrap() {}
    pieces.iter().for_each(|piece| piece.put_rows(&batch, &[Table::PivotalCalls]));
    batch.commit().await.unwrap();
    check(&store, &pieces).await;
}
