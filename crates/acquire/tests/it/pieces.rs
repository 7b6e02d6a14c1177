//! Single files: hashes, layers, sizes on both sides of every bound.

use backtrail_acquire::{EvidenceId, Inputs, Limits, Piece};
use proptest::prelude::*;

use crate::kit::{Bench, gzip, small, text, zstd};

#[test]
fn content_and_hashes_whatever_the_size_and_compression() {
    let mut bench = Bench::new(small());
    for size in [0, 1, 100, 4 << 10, (4 << 10) + 1, 9 << 10, 100_000, 3 << 20] {
        let content = text(size);
        for stored in [content.clone(), gzip(&content), zstd(&content), gzip(&gzip(&content)), gzip(&zstd(&content))] {
            let piece = bench.open(&stored);
            let (read, drained) = bench.read(&piece);
            assert!(read == content, "{size} bytes as {:?}", drained.compression);
            assert_eq!(drained.sha256, Some(EvidenceId::of(&content).0));
            assert_eq!((drained.size, drained.flaw, drained.notes), (size as u64, None, vec![]));
            // A piece is read as often as wanted.
            assert!(bench.read(&piece).0 == content);
            bench.workspace.recycle(piece);
        }
    }
}

#[test]
fn members_of_a_gzip_on_both_sides_of_the_bound() {
    let mut bench = Bench::new(Limits { held: 1 << 20, ..small() });
    let parts = [text(100), text(20_000), text(8 << 10), Vec::new(), text(300)];
    let stored: Vec<u8> = parts.iter().flat_map(|p| gzip(p)).collect();
    let piece = bench.open(&stored);
    let (read, drained) = bench.read(&piece);
    assert!(read == parts.concat());
    assert_eq!(drained.sha256, Some(EvidenceId::of(&parts.concat()).0));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_taken_for_whole() {
    let mut bench = Bench::new(small());
    let piece = bench.open(&text(10_000));
    let file = std::fs::OpenOptions::new().append(true).open(bench.path("evidence")).unwrap();
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    let (read, drained) = bench.read(&piece);
    // The bytes read are those that were hashed: what was appended is evidence of its own, next time.
    assert_eq!(read, text(10_000));
    assert_eq!(drained.flaw.map(|f| f.to_string()).as_deref(), Some("the file changed while it was read"));
    assert_eq!(drained.sha256, None);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_opened_is_an_error_of_its_own() {
    let mut bench = Bench::new(small());
    std::os::unix::fs::symlink("nowhere", bench.path("dangling")).unwrap();
    std::fs::write(bench.path("sound"), b"x").unwrap();
    let found: Vec<_> = Inputs::find(&[bench.folder.path().to_string_lossy().into_owned()]).unwrap().finds().collect();
    let opened: Vec<bool> = found.iter().map(|f| Piece::open(f, &mut bench.workspace).is_ok()).collect();
    assert_eq!(opened, [false, true]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told_apart_and_found_again() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    let mut bench = Bench::new(small());
    let names: [&[u8]; 2] = [b"Pr\xfcfung.json", b"Pr\xe4fung.json"];
    let paths = names.map(|name| bench.folder.path().join(OsStr::from_bytes(name)));
    for path in &paths {
        std::fs::write(path, path.as_os_str().as_bytes()).unwrap();
    }
    let found: Vec<_> = Inputs::find(&[bench.folder.path()]).unwrap().finds().collect();
    let origins: Vec<&str> = found.iter().map(|f| f.origin.rsplit('/').next().unwrap()).collect();
    assert_eq!(origins, ["Pr\\xe4fung.json", "Pr\\xfcfung.json"]);
    for found in &found {
        let piece = Piece::open(found, &mut bench.workspace).unwrap();
        let again = Piece::reopen(&found.origin, piece.id, &mut bench.workspace).unwrap().unwrap();
        assert_eq!(again.id, piece.id);
    }
    let named: Vec<OsString> = paths.iter().map(|p| p.clone().into_os_string()).collect();
    assert_eq!(Inputs::find(&named).unwrap().files, 2);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_once_and_then_as_often_as_wanted() {
    let mut bench = Bench::new(small());
    let pipe = bench.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: mkfifo is not there");
        return;
    }
    let content = text(50_000);
    let stored = gzip(&content);
    let writer = std::thread::spawn({
        let (pipe, stored) = (pipe.clone(), stored.clone());
        move || std::fs::write(pipe, stored).unwrap()
    });
    let found = Inputs::find(&[pipe.to_string_lossy().into_owned()]).unwrap().finds().next().unwrap();
    let piece = Piece::open(&found, &mut bench.workspace).unwrap();
    writer.join().unwrap();
    assert_eq!(piece.id, EvidenceId::of(&stored));
    for _ in 0..2 {
        assert!(bench.read(&piece).0 == content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_a_panic(start in 0usize..6, bytes: Vec<u8>) {
        let magics: [&[u8]; 6] = [b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06", b"\x50\x2a\x4d\x18"];
        let mut bench = Bench::new(small());
        let piece = bench.open(&[magics[start], &bytes].concat());
        let _ = bench.read(&piece);
        let _ = bench.leaves(&piece);
    }
}
