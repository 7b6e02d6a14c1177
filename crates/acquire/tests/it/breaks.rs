//! Evidence that breaks off: what precedes the break is delivered, and the break is said.

use backtrail_acquire::{Break, Cause};

use crate::kit::{Bench, gzip, small, tar, text, zip, zip_with, zstd};

#[test]
fn large_streams_keep_what_precedes_a_cut() {
    let content = text(2 << 20);
    let mut bench = Bench::new(small());
    for stored in [gzip(&content), zstd(&content)] {
        let cut = stored.len() * 2 / 3;
        let piece = bench.open(&stored[..cut]);
        let (read, drained) = bench.read(&piece);
        assert!(content.starts_with(&read) && read.len() > content.len() / 3, "{} of {}", read.len(), content.len());
        let broken = drained.flaw.unwrap();
        assert_eq!(broken.offset, cut as u64);
        assert!(matches!(broken.cause, Cause::Truncated(_)));
        assert_eq!(drained.sha256, None, "the content's hash is not known");
    }
}

#[test]
fn a_cut_tar_gives_the_members_before_the_cut_and_the_start_of_the_next() {
    let (a, b) = (text(3_000), text(3_000));
    let stored = tar(&[("a", &a), ("b", &b)]);
    let mut bench = Bench::new(small());
    let cut = 512 + 3072 + 512 + 1000;
    let piece = bench.open(&stored[..cut]);
    let (leaves, accounts) = bench.leaves(&piece);
    assert!(leaves[0].1 == a && leaves[1].1 == b[..1000]);
    assert_eq!(accounts[0].flaw, Some(Break { offset: cut as u64, cause: Cause::Truncated("tar") }));
    // Ending exactly after a member is a break too: nothing says that it was the last.
    let piece = bench.open(&stored[..512 + 3072]);
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!(leaves.len(), 1);
    assert!(accounts[0].flaw.is_some());
}

#[test]
fn a_cut_tar_gz_names_the_place_in_the_stored_bytes() {
    let content = text(60_000);
    let (a, b) = content.split_at(10_000);
    let stored = gzip(&tar(&[("a", a), ("b", b)]));
    let cut = stored.len() * 3 / 4;
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored[..cut]);
    let (leaves, accounts) = bench.leaves(&piece);
    assert!(leaves[0].1 == a && b.starts_with(&leaves[1].1) && !leaves[1].1.is_empty());
    assert_eq!(accounts[0].flaw, Some(Break { offset: cut as u64, cause: Cause::Truncated("gzip") }));
}

#[test]
fn a_zip_without_its_directory_is_read_from_the_start() {
    let (a, b) = (text(3_000), text(3_000));
    let stored = zip(&[("a", &a), ("b", &b)]);
    let directory = stored.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored[..directory]);
    let (leaves, accounts) = bench.leaves(&piece);
    assert!(leaves.len() == 2 && leaves[0].1 == a && leaves[1].1 == b);
    assert!(accounts[0].flaw.as_ref().unwrap().to_string().contains("the 2 members before the break were read"), "{accounts:?}");
}

#[test]
fn a_damaged_member_of_a_zip_is_marked_alone() {
    let stored = zip_with(&[("a", b"first member"), ("b", b"second member")], zip::CompressionMethod::Stored);
    let at = stored.windows(5).position(|w| w == b"first").unwrap();
    let mut damaged = stored;
    damaged[at] = b'F';
    let mut bench = Bench::new(small());
    let piece = bench.open(&damaged);
    let mut met = Vec::new();
    let account = piece.unpack(&mut bench.workspace, &mut |_, member| {
        met.push((member.member.clone().unwrap(), member.flaw.is_some()));
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(met, [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(account.flaw, None, "the archive itself is sound");
}

#[test]
fn encrypted_members_are_named() {
    let mut stored = zip(&[("open", b"1"), ("secret", b"2")]);
    // The encryption flag of the second member, in its local header and in the directory.
    let local = stored.windows(4).enumerate().filter(|(_, w)| *w == b"PK\x03\x04").map(|(i, _)| i).nth(1).unwrap();
    let directory = stored.windows(4).enumerate().filter(|(_, w)| *w == b"PK\x01\x02").map(|(i, _)| i).nth(1).unwrap();
    stored[local + 6] |= 1;
    stored[directory + 8] |= 1;
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored);
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!(leaves.len(), 1);
    assert_eq!(accounts[0].unreadable, ["secret: encrypted"]);
}
