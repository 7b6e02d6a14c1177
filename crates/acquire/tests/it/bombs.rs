//! Promise 5: expansion beyond the ratio stops, whatever the container, and through nested ones.

use backtrail_acquire::{Cause, Drained, Limits};

use crate::kit::{Bench, gzip, small, tar, zip, zstd};

const ZEROS: usize = 24 << 20;

fn is_bomb(drained: &Drained) -> bool {
    drained.flaw.as_ref().is_some_and(|f| matches!(f.cause, Cause::Bomb { .. }))
}

#[test]
fn one_layer_stops_at_the_ratio() {
    let zeros = vec![0u8; ZEROS];
    // gzip cannot go beyond 1032:1, so that a lower ratio stands in for the real one.
    let limits = Limits { ratio: 100, ..small() };
    let mut bench = Bench::new(limits);
    for stored in [gzip(&zeros), zstd(&zeros)] {
        let piece = bench.open(&stored);
        let (read, drained) = bench.read(&piece);
        assert!(is_bomb(&drained), "{:?}", drained.flaw);
        let bound = (limits.free as usize).max(100 * stored.len()) + (2 << 20);
        assert!(read.len() <= bound, "{} bytes came out of {}", read.len(), stored.len());
    }
}

#[test]
fn gzip_inside_gzip_stops() {
    let zeros = vec![0u8; ZEROS];
    let mut bench = Bench::new(small());
    let stored = gzip(&gzip(&zeros));
    assert!(stored.len() < ZEROS / 2000, "a bomb indeed: {} bytes", stored.len());
    let piece = bench.open(&stored);
    let (read, drained) = bench.read(&piece);
    assert!(is_bomb(&drained));
    assert!(read.len() < 4 << 20, "{}", read.len());
}

#[test]
fn below_the_bound_nothing_stops() {
    let zeros = vec![0u8; 900 << 10];
    let mut bench = Bench::new(Limits { ratio: 10, ..small() });
    let piece = bench.open(&gzip(&zeros));
    let (read, drained) = bench.read(&piece);
    assert_eq!((read.len(), drained.flaw), (zeros.len(), None));
}

#[test]
fn many_small_bombs_in_one_archive_stop_together() {
    let zeros = vec![0u8; 1 << 20];
    let bomb = gzip(&zeros);
    let names: Vec<String> = (0..40).map(|i| format!("{i}.gz")).collect();
    let list: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), bomb.as_slice())).collect();
    // Compressed again, forty equal members are hardly more than one.
    let stored = gzip(&tar(&list));
    assert!(40 * zeros.len() > 1000 * stored.len(), "{}", stored.len());
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored);
    let (leaves, _) = bench.leaves(&piece);
    let total: usize = leaves.iter().map(|(_, c)| c.len()).sum();
    // One chunk beyond the bound at most: a member's first megabyte.
    assert!(total <= 1000 * stored.len().max(1 << 10) + (2 << 20), "{total} bytes came out of {}", stored.len());
}

#[test]
fn a_zip_of_zeros_stops_while_it_is_unpacked() {
    let zeros = vec![0u8; ZEROS];
    let stored = zip(&[("a", &zeros), ("b", b"after")]);
    let mut bench = Bench::new(Limits { ratio: 100, ..small() });
    let piece = bench.open(&stored);
    let (leaves, accounts) = bench.leaves(&piece);
    assert!(leaves[0].1.len() < 4 << 20, "{}", leaves[0].1.len());
    assert!(matches!(accounts[0].flaw.as_ref().unwrap().cause, Cause::Bomb { .. }));
}
