//! Every real file there is keeps the accounting, however it is cut.

use std::io::Read;
use std::path::{Path, PathBuf};

use backtrail_cloudtrail::Ending;

use crate::support::{decode, decode_chunks};

/// The shared evidence, where it is there.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("BACKTRAIL_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from)
        .join("cloudtrail");
    if root.exists() {
        return Some(root);
    }
    eprintln!("\n*** SKIPPED: {} is not there, so no real evidence was decoded. Set BACKTRAIL_SHARED_DATA. ***\n", root.display());
    None
}

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).expect("a readable folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

fn content(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).expect("a readable file");
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).ok()?;
    Some(plain)
}

#[test]
fn real_files_are_accounted_for_and_give_the_same_rows_however_they_are_cut() {
    let Some(root) = shared() else { return };
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    assert!(found.len() > 100, "{}", found.len());
    for path in found {
        let Some(plain) = content(&path) else { continue };
        // Each decoding's accounting is checked by the kit. Large files are many of the same kind.
        let plain = &plain[..plain.len().min(2 << 20)];
        let whole = decode(plain);
        let pieces: Vec<&[u8]> = plain.chunks(40_009).collect();
        let cut = decode_chunks(&pieces, Ending::Complete);
        assert!(whole == cut, "{} gives other rows when it is cut", path.display());
    }
}
