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
    assert!(accounts[0].flaw.as_ref().unwrap().to_string().contains("members read by their own headers: 2"), "{accounts:?}");
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

/// What a member gives: its content, and its flaw.
fn only_member(bench: &mut Bench, stored: &[u8]) -> (Vec<u8>, Option<Break>) {
    let piece = bench.open(stored);
    let mut met = Vec::new();
    let _ = piece.unpack(&mut bench.workspace, &mut |workspace, member| {
        let mut content = member.content(workspace).unwrap();
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = content.next_chunk() {
            bytes.extend_from_slice(chunk);
        }
        met.push((bytes, content.finish(workspace).flaw));
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(met.len(), 1);
    met.remove(0)
}

#[test]
fn a_wrong_size_in_a_zip_loses_nothing_whatever_was_read_before() {
    let content = text(9_000);
    let sound = zip(&[("a", &content)]);
    let directory = sound.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for stated in [0u32, 1, 2048, 8_990, 9_001, u32::MAX - 1] {
        let mut stored = sound.clone();
        stored[directory + 24..directory + 28].copy_from_slice(&stated.to_le_bytes());
        let mut bench = Bench::new(small());
        // Buffers of other members, small and large, are used again.
        for before in [0, 100, 300_000] {
            if before > 0 {
                only_member(&mut bench, &zip(&[("b", &text(before))]));
            }
            let (bytes, flaw) = only_member(&mut bench, &stored);
            assert_eq!(bytes, content);
            let what = format!("{stated} bytes are stated, 9000 came out");
            assert_eq!(flaw, Some(Break { offset: 9_000, cause: Cause::Damaged { container: "zip", what } }));
        }
    }
}

#[test]
fn a_member_of_a_zip_that_breaks_off_keeps_what_precedes_the_break() {
    let content = text(90_000);
    let stored = zip(&[("a", &content)]);
    for cut in [100, 500, stored.len() / 2] {
        let mut bench = Bench::new(small());
        let (bytes, flaw) = only_member(&mut bench, &stored[..cut]);
        assert!(content.starts_with(&bytes) && (cut < 500 || bytes.len() > cut), "{} bytes of {cut}", bytes.len());
        assert_eq!(flaw, Some(Break { offset: bytes.len() as u64, cause: Cause::Truncated("zip") }));
        assert_eq!(only_member(&mut bench, &stored[..cut]).0, bytes, "however large the buffers are");
    }
    let mut damaged = stored.clone();
    damaged[stored.len() / 2] ^= 0x55;
    let (bytes, flaw) = only_member(&mut Bench::new(small()), &damaged);
    let common = bytes.iter().zip(&content).take_while(|(a, b)| a == b).count();
    assert!(common > stored.len() / 2 && flaw.is_some(), "{common}");
}

#[test]
fn a_zip_written_as_a_stream_is_read_without_its_directory() {
    // Sizes and checksum behind the data of each member, as tools write that cannot seek.
    let mut writer = ::zip::ZipWriter::new_stream(Vec::new());
    let members = [("a", text(3_000)), ("b", text(5_000))];
    for (name, data) in &members {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, data).unwrap();
    }
    let stored = writer.finish().unwrap().into_inner();
    let directory = stored.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for stored in [&stored[..], &stored[..directory]] {
        let mut bench = Bench::new(small());
        let piece = bench.open(stored);
        let (leaves, _) = bench.leaves(&piece);
        assert!(leaves.len() == 2 && leaves[0].1 == members[0].1 && leaves[1].1 == members[1].1);
    }
}

#[test]
fn tars_put_behind_each_other_are_all_read_and_anything_else_behind_the_end_is_said() {
    let (a, b) = (tar(&[("a", b"first")]), tar(&[("b", b"second")]));
    let both = [a.clone(), b.clone()].concat();
    for stored in [both.clone(), gzip(&both), [gzip(&a), gzip(&b)].concat(), [a.clone(), vec![0; 20_480], b.clone(), vec![0; 700]].concat()]
    {
        let mut bench = Bench::new(small());
        let piece = bench.open(&stored);
        let (leaves, accounts) = bench.leaves(&piece);
        assert_eq!(leaves.iter().map(|(_, data)| data.as_slice()).collect::<Vec<_>>(), [&b"first"[..], b"second"]);
        assert_eq!(accounts[0].flaw, None);
    }
    let mut bench = Bench::new(small());
    let piece = bench.open(&[a.clone(), b"{\"Records\":[]}".to_vec()].concat());
    let (leaves, accounts) = bench.leaves(&piece);
    let flaw = accounts[0].flaw.as_ref().unwrap();
    assert_eq!((leaves.len(), flaw.offset), (1, a.len() as u64));
    assert!(flaw.to_string().contains("what follows the end of the archive is no tar"), "{flaw}");
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
