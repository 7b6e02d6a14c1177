//! Copies and conflicts: the rows of a store are a function of the set of evidence.

use proptest::prelude::*;

use super::kit::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_better_copy_takes_the_place_of_the_shown_one_and_the_ledger_follows() {
    let (_dir, store) = new_store().await;
    let poor = Evidence { name: 1, events: vec![copy(1, 1, 1, 60), copy(2, 1, 0, 60)], rejects: 0 };
    let good = Evidence { name: 2, events: vec![copy(1, 1, 0, 10)], rejects: 0 };
    ingest(&store, std::slice::from_ref(&poor)).await;
    let summary = ingest(&store, std::slice::from_ref(&good)).await;
    assert_eq!((summary.evidence[0].counts.kept, summary.conflicts), (1, 0));
    let ledger = store.evidence().await.unwrap();
    let first = ledger.iter().find(|r| r.evidence_id == poor.id()).unwrap();
    assert_eq!((first.counts.kept, first.counts.duplicate), (1, 1));
    check(&store, &[poor, good]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_content_keeps_both_rows_marked() {
    let (_dir, store) = new_store().await;
    let real = Evidence { name: 1, events: vec![copy(3, 4, 0, 10)], rejects: 0 };
    let forged = Evidence { name: 2, events: vec![copy(3, 5, 0, 10)], rejects: 0 };
    ingest(&store, std::slice::from_ref(&real)).await;
    let summary = ingest(&store, std::slice::from_ref(&forged)).await;
    assert_eq!(summary.conflicts, 1);
    let rows = shown(&store).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|r| r.6), "{rows:?}");
    check(&store, &[real, forged]).await;
}

/// A record dated back has its own date's partition, and all the same the id of the real one.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_content_on_another_date_is_marked_too() {
    let real = Evidence { name: 1, events: vec![copy(3, 1, 0, 10), copy(4, 1, 0, 10)], rejects: 0 };
    let forged = Evidence { name: 2, events: vec![copy(3, 2, 0, 10)], rejects: 0 };
    assert_ne!(real.events[0].date(), forged.events[0].date());
    let (_dir, apart) = new_store().await;
    assert_eq!(ingest(&apart, std::slice::from_ref(&real)).await.conflicts, 0);
    assert_eq!(ingest(&apart, std::slice::from_ref(&forged)).await.conflicts, 1);
    let (_dir, at_once) = new_store().await;
    assert_eq!(ingest(&at_once, &[real.clone(), forged.clone()]).await.conflicts, 1);
    for store in [apart, at_once] {
        let marks: Vec<(u32, bool)> = shown(&store).await.into_iter().map(|row| (row.1, row.6)).collect();
        assert_eq!(marks, [(3, true), (3, true), (4, false)]);
        check(&store, &[real.clone(), forged.clone()]).await;
    }
}

/// 4 says 1 and 1; 1 says the first only, 3 the second; 7 says otherwise of the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_which_something_was_left_out_is_no_row_beside_one_that_says_all_of_it() {
    let [full, first, second, other] = [(1, 4, 60), (2, 1, 10), (3, 3, 20), (4, 7, 30)].map(|(name, content, rank)| Evidence {
        name,
        events: vec![copy(1, content, 0, rank)],
        rejects: 0,
    });
    let (_dir, store) = new_store().await;
    let contents = async |store| shown(store).await.into_iter().map(|row| (row.2, row.6)).collect::<Vec<_>>();
    ingest(&store, &[first.clone(), second.clone()]).await;
    assert_eq!(contents(&store).await, [(1, true), (3, true)], "neither says what the other does");
    ingest(&store, std::slice::from_ref(&full)).await;
    assert_eq!(contents(&store).await, [(4, false)], "which says what both do, whatever its rank");
    ingest(&store, std::slice::from_ref(&other)).await;
    assert_eq!(contents(&store).await, [(4, true), (7, true)]);
    check(&store, &[full, first, second, other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_evidence_met_again_changes_nothing_but_its_origins() {
    let (_dir, store) = new_store().await;
    let piece = Evidence { name: 1, events: vec![copy(1, 0, 0, 10), copy(1, 0, 0, 10), copy(2, 0, 0, 10)], rejects: 1 };
    ingest(&store, std::slice::from_ref(&piece)).await;
    let before = everything(&store).await;
    ingest(&store, std::slice::from_ref(&piece)).await;
    assert_eq!(everything(&store).await, before);

    let batch = store.begin(options()).await.unwrap();
    let mut row = piece.row();
    row.origins = vec!["/another/place".to_owned()];
    piece.put_rows(&batch, &GIVEN);
    batch.finish_evidence(row).unwrap();
    batch.commit().await.unwrap();
    assert_eq!(store.evidence().await.unwrap()[0].origins, ["/another/place", "/evidence/1"]);
    check(&store, &[piece]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_more_leaves_the_settled_counts_alone() {
    let (_dir, store) = new_store().await;
    let poor = Evidence { name: 1, events: vec![copy(1, 1, 1, 60), copy(2, 1, 0, 60)], rejects: 0 };
    let good = Evidence { name: 2, events: vec![copy(1, 1, 0, 10)], rejects: 0 };
    ingest(&store, &[poor.clone(), good.clone()]).await;
    let ledger = store.evidence().await.unwrap();
    let batch = store.begin(options()).await.unwrap();
    for mut row in ledger.clone() {
        row.origins.push("/second/place".to_owned());
        batch.finish_evidence(row).unwrap();
    }
    batch.commit().await.unwrap();
    for (now, before) in store.evidence().await.unwrap().iter().zip(&ledger) {
        assert_eq!(now.counts, before.counts);
        assert_eq!(now.origins.len(), 2);
    }
    check(&store, &[poor, good]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_read_again_beside_a_better_copy_loses_its_row_in_the_ledger_too() {
    let (_dir, store) = new_store().await;
    let poor = Evidence { name: 1, events: vec![copy(1, 1, 1, 60)], rejects: 0 };
    let good = Evidence { name: 2, events: vec![copy(1, 1, 0, 10)], rejects: 0 };
    ingest(&store, std::slice::from_ref(&poor)).await;
    ingest(&store, &[poor.clone(), poor.clone(), good.clone()]).await;
    check(&store, &[poor, good]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_without_rows_are_refused() {
    let (_dir, store) = new_store().await;
    let batch = store.begin(options()).await.unwrap();
    batch.finish_evidence(Evidence { name: 1, events: vec![copy(1, 1, 1, 60)], rejects: 0 }.row()).unwrap();
    assert!(matches!(batch.commit().await, Err(crate::StoreError::Unbalanced { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_the_decoder_replaces_what_the_first_made_of_the_evidence() {
    let (_dir, store) = new_store().await;
    let piece = Evidence { name: 1, events: vec![copy(1, 0, 0, 10), copy(2, 0, 0, 10)], rejects: 3 };
    ingest(&store, std::slice::from_ref(&piece)).await;
    let better = Evidence { events: vec![copy(1, 0, 0, 10), copy(2, 0, 0, 10), copy(4, 0, 0, 10)], rejects: 2, ..piece };
    let batch = store.begin(options()).await.unwrap();
    better.put_rows(&batch, &GIVEN);
    let mut row = better.row();
    row.decoder_version = 2;
    batch.finish_evidence(row).unwrap();
    batch.commit().await.unwrap();
    check(&store, &[better]).await;
}

pub(crate) fn pieces() -> impl Strategy<Value = Vec<Evidence>> {
    let record = (0u32..9, prop_oneof![0u32..3, 0u32..9], 0u32..2);
    let piece = (proptest::collection::vec(record, 0..8), 0u32..2, prop::sample::select(vec![10, 30, 60]));
    proptest::collection::vec(piece, 1..7).prop_map(|pieces| {
        pieces
            .into_iter()
            .zip(1..)
            .map(|((records, rejects, rank), name)| {
                let events = records.into_iter().map(|(id, content, context)| copy(id, content, context, rank)).collect();
                Evidence { name, events, rejects }
            })
            .collect()
    })
}

/// An order of taking pieces in, some more than once, in batches.
fn ways() -> impl Strategy<Value = (Vec<Evidence>, Vec<Vec<usize>>)> {
    pieces().prop_flat_map(|pieces| {
        let n = pieces.len();
        let order = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
        let again = proptest::collection::vec(0..n, 0..3);
        let cuts = proptest::collection::vec(any::<bool>(), n + 3);
        (Just(pieces), order, again, cuts).prop_map(|(pieces, order, again, cuts)| {
            let mut batches: Vec<Vec<usize>> = vec![Vec::new()];
            for (i, piece) in order.into_iter().chain(again).enumerate() {
                if cuts[i] {
                    batches.push(Vec::new());
                }
                if let Some(last) = batches.last_mut() {
                    last.push(piece);
                }
            }
            (pieces, batches)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_order_and_any_batches_give_the_same_rows((pieces, batches) in ways()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, store) = new_store().await;
            for batch in &batches {
                let some: Vec<Evidence> = batch.iter().map(|i| pieces[*i].clone()).collect();
                ingest(&store, &some).await;
            }
            check(&store, &pieces).await;
            let (_other, at_once) = new_store().await;
            ingest(&at_once, &pieces).await;
            assert_eq!(everything(&store).await, everything(&at_once).await);
        });
    }
}
