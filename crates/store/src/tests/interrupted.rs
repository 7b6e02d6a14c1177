//! A run that dies at any step of its commit, and the same command again.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::kit::*;
use crate::StoreError;
use crate::commit::{Step, commit};

fn pieces() -> Vec<Evidence> {
    let first = Evidence { name: 1, events: (0..20).map(|i| copy(i, 0, 0, 30)).collect(), rejects: 1 };
    let second = Evidence { name: 2, events: (5..25).map(|i| copy(i, i % 3, 0, if i % 2 == 0 { 10 } else { 60 })).collect(), rejects: 2 };
    vec![first, second]
}

/// Commits the second piece, dying at the given step.
async fn die(store: &crate::Store, piece: &Evidence, at: usize) -> Option<Step> {
    let batch = store.begin(options()).await.unwrap();
    piece.put(&batch);
    let count = AtomicUsize::new(0);
    let died = std::sync::Mutex::new(None);
    let result = commit(batch, &|step| {
        if count.fetch_add(1, Ordering::Relaxed) == at {
            *died.lock().unwrap() = Some(step);
            return Err(StoreError::Interrupted { message: "killed".to_owned() });
        }
        Ok(())
    })
    .await;
    let died = *died.lock().unwrap();
    assert_eq!(result.is_err(), died.is_some());
    died
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_step_nothing_is_seen_half_and_the_same_command_again_completes_it() {
    let pieces = pieces();
    let mut steps = Vec::new();
    for at in 0.. {
        let (_dir, store) = new_store().await;
        ingest(&store, &pieces[..1]).await;
        let before = everything(&store).await;
        let Some(step) = die(&store, &pieces[1], at).await else { break };
        steps.push(step);
        if step == Step::Committed {
            check(&store, &pieces).await;
        } else {
            assert_eq!(everything(&store).await, before, "{step:?}");
        }
        ingest(&store, &pieces[1..]).await;
        check(&store, &pieces).await;
    }
    assert!(steps.len() >= 6, "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_again_and_again_loses_nothing() {
    let pieces = pieces();
    let (_dir, store) = new_store().await;
    ingest(&store, &pieces[..1]).await;
    for at in [2, 4, 3, 2] {
        assert!(die(&store, &pieces[1], at).await.is_some());
    }
    // Another run, of other evidence, finds the leftovers and undoes them.
    let third = Evidence { name: 3, events: (0..5).map(|i| copy(i, 0, 0, 10)).collect(), rejects: 0 };
    ingest(&store, std::slice::from_ref(&third)).await;
    check(&store, &[pieces[0].clone(), third.clone()]).await;
    ingest(&store, &pieces[1..]).await;
    check(&store, &[pieces[0].clone(), pieces[1].clone(), third]).await;
}
