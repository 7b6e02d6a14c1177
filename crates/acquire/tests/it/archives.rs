//! Members of archives are pieces like any file.

use std::ops::ControlFlow;

use backtrail_acquire::{EvidenceId, Limits, Piece};
use proptest::prelude::*;

use crate::kit::{Bench, gzip, small, tar, text, zip, zip_with, zstd};

#[test]
fn nested_archives_give_their_leaves_in_order() {
    let (a, b, c) = (text(100), text(30_000), text(5_000));
    let inner = zip(&[("deep/a.json", &a), ("b.json.gz", &gzip(&b))]);
    let outer = tar(&[("inner.zip", &inner), ("c.json.zst", &zstd(&c))]);
    let mut bench = Bench::new(small());
    for stored in [outer.clone(), gzip(&outer), zstd(&outer)] {
        let piece = bench.open(&stored);
        let (leaves, accounts) = bench.leaves(&piece);
        let names: Vec<&str> = leaves.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["!inner.zip!deep/a.json", "!inner.zip!b.json.gz", "!c.json.zst"]);
        assert!(leaves[0].1 == a && leaves[1].1 == b && leaves[2].1 == c);
        assert_eq!(accounts.iter().map(|u| (u.members, u.flaw.clone())).collect::<Vec<_>>(), [(2, None), (2, None)]);
    }
}

#[test]
fn a_zip_that_is_compressed_as_a_whole() {
    let a = text(9_000);
    let mut bench = Bench::new(small());
    let piece = bench.open(&gzip(&zip(&[("a", &a)])));
    let (leaves, _) = bench.leaves(&piece);
    assert!(leaves.len() == 1 && leaves[0].1 == a);
}

#[test]
fn members_with_one_name_are_all_there() {
    let mut bench = Bench::new(small());
    let mut stored = zip_with(&[("aa", b"first"), ("ab", b"second")], zip::CompressionMethod::Stored);
    // Both in the local header and in the directory.
    for at in (0..stored.len() - 1).filter(|i| stored[*i..].starts_with(b"ab")).collect::<Vec<_>>() {
        stored[at + 1] = b'a';
    }
    let piece = bench.open(&stored);
    let (leaves, _) = bench.leaves(&piece);
    assert_eq!(leaves, [("!aa".to_owned(), b"first".to_vec()), ("!aa".to_owned(), b"second".to_vec())]);
}

#[test]
fn names_in_archives_are_only_names() {
    let evil = "../../../../tmp/backtrail-evil";
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    header.as_gnu_mut().unwrap().name[..evil.len()].copy_from_slice(evil.as_bytes());
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, &b"x"[..]).unwrap();
    let mut bench = Bench::new(small());
    for stored in [builder.into_inner().unwrap(), zip(&[(evil, b"x")])] {
        let piece = bench.open(&stored);
        let (leaves, _) = bench.leaves(&piece);
        assert_eq!(leaves, [(format!("!{evil}"), b"x".to_vec())]);
    }
    assert!(!std::path::Path::new("/tmp/backtrail-evil").exists());
    let left: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["evidence"], "temporary files have no names");
}

#[test]
fn long_names_links_and_folders() {
    let long = format!("AWSLogs/{}/file.json", "x".repeat(300));
    let mut builder = tar::Builder::new(Vec::new());
    let mut folder = tar::Header::new_gnu();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_size(0);
    builder.append_data(&mut folder, "AWSLogs/", std::io::empty()).unwrap();
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "link", "/etc/passwd").unwrap();
    builder.append_pax_extensions([("comment", b"nothing".as_slice())]).unwrap();
    let mut file = tar::Header::new_ustar();
    file.set_size(3);
    builder.append_data(&mut file, "pax.json", &b"{}\n"[..]).unwrap();
    let mut file = tar::Header::new_gnu();
    file.set_size(4);
    builder.append_data(&mut file, &long, &b"long"[..]).unwrap();
    let mut bench = Bench::new(small());
    let piece = bench.open(&builder.into_inner().unwrap());
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!(leaves, [("!pax.json".to_owned(), b"{}\n".to_vec()), (format!("!{long}"), b"long".to_vec())]);
    assert_eq!(accounts[0].flaw, None);
}

#[test]
fn depth_is_bounded() {
    let mut stored = b"{\"a\":1}".to_vec();
    for _ in 0..6 {
        stored = zip(&[("in", &stored)]);
    }
    let mut bench = Bench::new(Limits { held: 1 << 20, ..small() });
    let piece = bench.open(&stored);
    let (leaves, accounts) = bench.leaves(&piece);
    assert!(leaves.is_empty());
    assert_eq!(accounts[0].unreadable, ["archives nested more than 4 deep are not opened"]);
}

#[test]
fn a_piece_is_found_again_by_its_origin() {
    let (a, b) = (text(100), text(30_000));
    let stored = gzip(&tar(&[("in!ner.zip", &zip(&[("a.json", &a), ("deep/b.json", &b)])), ("c", b"c")]));
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored);
    let origin = |rest: &str| format!("{}{rest}", piece.origin);
    let mut reopen = |rest: &str, content: &[u8]| {
        Piece::reopen(&origin(rest), EvidenceId::of(content), &mut bench.workspace).unwrap().map(|p| (p.origin.clone(), p.id))
    };
    assert_eq!(reopen("", &stored), Some((origin(""), EvidenceId::of(&stored))));
    assert_eq!(reopen("!c", b"c"), Some((origin("!c"), EvidenceId::of(b"c"))));
    assert_eq!(reopen("!in!ner.zip!deep/b.json", &b), Some((origin("!in!ner.zip!deep/b.json"), EvidenceId::of(&b))));
    assert_eq!(reopen("!c", b"it was something else"), Some((origin("!c"), EvidenceId::of(b"c"))), "the caller sees that it changed");
    assert_eq!(reopen("!absent", b""), None);
    assert_eq!(Piece::reopen("/nowhere/at/all", EvidenceId::of(b""), &mut bench.workspace).unwrap().map(|p| p.id), None);
}

#[test]
fn a_visitor_may_stop() {
    let mut bench = Bench::new(small());
    let piece = bench.open(&zip(&[("a", b"1"), ("b", b"2"), ("c", b"3")]));
    let mut seen = Vec::new();
    let account = piece.unpack(&mut bench.workspace, &mut |_, member| {
        seen.push(member.member.unwrap());
        if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((seen, account.members), (vec!["a".to_owned(), "b".to_owned()], 2));
}

#[test]
fn archives_put_together_are_all_read() {
    let one = zip(&[("a", b"1"), ("b", b"2")]);
    let mut bench = Bench::new(small());
    for (last, names) in [(zip(&[("c", b"3")]), vec!["!c", "!a", "!b"]), (zip(&[]), vec!["!a", "!b"])] {
        for stored in [[one.clone(), last.clone()].concat(), gzip(&[one.clone(), last].concat())] {
            let piece = bench.open(&stored);
            let (leaves, accounts) = bench.leaves(&piece);
            assert_eq!(leaves.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(accounts[0].flaw, None);
            assert_eq!(accounts[0].notes.len(), 1, "{:?}", accounts[0].notes);
            assert!(accounts[0].notes[0].contains(&format!("in the first {} bytes", one.len())), "{:?}", accounts[0].notes);
        }
    }
    // Three, the first of which lost its directory: what is left of it is read, and that it is damaged is said.
    let cut = one[..one.len() - 100].to_vec();
    let stored = [cut.clone(), zip(&[("c", b"3")]), zip(&[("d", b"4")])].concat();
    let piece = bench.open(&stored);
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!(leaves.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["!d", "!c", "!a", "!b"]);
    assert_eq!(accounts[0].flaw.as_ref().map(|f| f.offset), Some(cut.len() as u64));
}

#[test]
fn what_a_directory_does_not_tell_the_members_own_headers_do() {
    let names = ["0", "1", "2", "3", "4", "5"];
    let whole = zip(&names.map(|name| (name, name.as_bytes())));
    let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let third = directory + whole[directory..].windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").nth(2).unwrap().0;
    let mut bench = Bench::new(small());
    for at in [directory + 28, third, third + 28] {
        let mut damaged = whole.clone();
        damaged[at] = 0xff;
        damaged[at + 1] = 0xff;
        let piece = bench.open(&damaged);
        let (leaves, accounts) = bench.leaves(&piece);
        assert_eq!(leaves.iter().map(|(name, _)| &name[1..]).collect::<Vec<_>>(), names, "damaged at {at}");
        assert!(accounts[0].flaw.as_ref().is_some_and(|flaw| flaw.to_string().contains("directory")), "{:?}", accounts[0].flaw);
    }
}

#[test]
fn what_follows_the_end_of_a_zip_is_read_or_said() {
    let (one, other) = (zip(&[("a", b"1")]), zip(&[("b", b"2"), ("c", b"3")]));
    let cut = &other[..other.len() - 40];
    let mut bench = Bench::new(small());
    for (behind, names) in [(cut, vec!["!a", "!b", "!c"]), (&b"{\"Records\":[]}"[..], vec!["!a"]), (&gzip(b"more")[..], vec!["!a"])] {
        let piece = bench.open(&[&one, behind].concat());
        let (leaves, accounts) = bench.leaves(&piece);
        assert_eq!(leaves.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        let flaw = accounts[0].flaw.as_ref().expect("it is said");
        assert_eq!(flaw.offset, one.len() as u64, "{flaw}");
    }
    let piece = bench.open(&[&one[..], &[0; 1000]].concat());
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!((leaves.len(), accounts[0].flaw.clone(), accounts[0].notes.len()), (1, None, 1), "padding");
}

#[test]
fn members_behind_a_damaged_header_of_a_tar_are_read() {
    let names = ["0", "1", "2", "3"];
    let mut builder = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_ustar();
        header.set_size(700);
        builder.append_data(&mut header, name, &[b'x'; 700][..]).unwrap();
    }
    let whole = builder.into_inner().unwrap();
    let member = 512 + 1024;
    let mut bench = Bench::new(small());
    for damaged in 1..4 {
        let mut stored = whole.clone();
        stored[damaged * member + 100..damaged * member + 140].fill(0xff);
        let piece = bench.open(&stored);
        let (leaves, accounts) = bench.leaves(&piece);
        let expected: Vec<&str> = names.iter().enumerate().filter(|(i, _)| *i != damaged).map(|(_, name)| *name).collect();
        assert_eq!(leaves.iter().map(|(name, _)| &name[1..]).collect::<Vec<_>>(), expected);
        assert_eq!(accounts[0].flaw.as_ref().map(|flaw| flaw.offset), Some((damaged * member) as u64));
    }
}

#[test]
fn an_empty_archive() {
    let mut bench = Bench::new(small());
    for stored in [zip(&[]), gzip(&zip(&[]))] {
        let piece = bench.open(&stored);
        let (leaves, accounts) = bench.leaves(&piece);
        assert!(leaves.is_empty());
        assert_eq!((accounts[0].members, accounts[0].flaw.clone()), (0, None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn members_round_trip(members in prop::collection::vec(("[a-z]{1,40}", prop::collection::vec(any::<u8>(), 0..9000)), 0..6)) {
        let mut bench = Bench::new(small());
        let names: Vec<String> = members.iter().enumerate().map(|(i, (n, _))| format!("{i}/{n}")).collect();
        // A letter in front: random bytes must not be a container by chance.
        let data: Vec<Vec<u8>> = members.iter().map(|(_, d)| [b"x", d.as_slice()].concat()).collect();
        let list: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(data.iter().map(Vec::as_slice)).collect();
        let archives = if list.is_empty() { vec![zip(&list)] } else { vec![zip(&list), tar(&list), gzip(&tar(&list))] };
        for stored in archives {
            let piece = bench.open(&stored);
            let (leaves, accounts) = bench.leaves(&piece);
            prop_assert_eq!(accounts[0].flaw.clone(), None);
            prop_assert_eq!(leaves.len(), list.len());
            for ((origin, content), (name, data)) in leaves.iter().zip(&list) {
                prop_assert_eq!(origin, &format!("!{name}"));
                prop_assert!(content == data);
            }
        }
    }
}
