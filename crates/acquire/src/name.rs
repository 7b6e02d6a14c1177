//! Names as text: of files and of members of archives, whose bytes need not be UTF-8.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A name as it stands where it is UTF-8; otherwise with the bytes that are not as `\xNN`, so that different names stay different.
pub(crate) fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// [`text_of`] a path.
pub(crate) fn text_of_path(path: &Path) -> String {
    text_of(path.as_os_str().as_bytes())
}

/// The path that [`text_of_path`] wrote: as it stands where something is there, else with `\xNN` as the bytes they are for.
pub(crate) fn path_of(text: &str) -> PathBuf {
    let plain = PathBuf::from(text);
    if !text.contains("\\x") || plain.exists() {
        return plain;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped =
            rest.strip_prefix(b"\\x").and_then(|r| r.get(..2)).and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        // What is below 0x80 is never invalid by itself.
        if let Some(byte) = escaped.filter(|b| *b >= 0x80) {
            bytes.push(byte);
            rest = &rest[4..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Whether a name typed by the user is a pattern.
pub(crate) fn is_pattern(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'{'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_that_are_no_text_stay_apart() {
        assert_eq!(text_of("Prüfung.json".as_bytes()), "Prüfung.json");
        assert_eq!(text_of(b"Pr\xfcfung.json"), "Pr\\xfcfung.json");
        assert_ne!(text_of(b"\xfc"), text_of(b"\xe4"));
        // A backslash that was typed is one.
        assert_eq!(path_of("a\\x41"), Path::new("a\\x41"));
    }

    proptest! {
        #[test]
        fn the_way_back(name in prop::collection::vec(1u8.., 1..20)) {
            // Where a name spells an escape by itself, it cannot be told from one.
            prop_assume!(!name.windows(2).any(|w| w == b"\\x"));
            let path = PathBuf::from(OsString::from_vec(name));
            prop_assert_eq!(path_of(&text_of_path(&path)), path);
        }
    }
}
