//! Containers recognised by their first bytes, never by a name.

/// A container of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Archive {
    /// PKZIP.
    Zip,
    /// POSIX or GNU tar.
    Tar,
}

impl Archive {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
        }
    }
}

/// A compression this crate takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The compression whose stream starts with `head`.
pub(crate) fn compression_of(head: &[u8]) -> Option<Compression> {
    if head.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Some(Compression::Gzip);
    }
    is_zstd_frame(head).then_some(Compression::Zstd)
}

/// Whether a zstd frame starts here, data or skippable.
pub(crate) fn is_zstd_frame(head: &[u8]) -> bool {
    head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || (head.len() >= 8 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18])
}

/// The archive whose bytes start with `head` (512 bytes are enough).
#[must_use]
pub fn archive_of(head: &[u8]) -> Option<Archive> {
    // A local file, the end record of an empty archive, or the mark of a spanned one.
    if [&b"PK\x03\x04"[..], b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| head.starts_with(magic)) {
        return Some(Archive::Zip);
    }
    crate::tar::is_header(head).then_some(Archive::Tar)
}

/// The name of a compression or archive that is recognised but not read, where `head` starts with one.
#[must_use]
pub fn unsupported_compression(head: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"\xfd7zXZ\x00", "xz"),
        (b"\xff\x06\x00\x00sNaPpY", "snappy"),
        (b"\x82SNAPPY\x00", "snappy"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x04\x22\x4d\x18", "LZ4"),
        (b"LZIP", "lzip"),
        (b"\x1f\x9d", "compress (.Z)"),
    ];
    // `BZh` could begin a text: the block magic that follows it could not.
    if head.starts_with(b"BZh") && head.len() >= 10 && (head[4..10] == *b"1AY&SY" || head[4..10] == *b"\x17\x72\x45\x38\x50\x90") {
        return Some("bzip2");
    }
    KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_container() {
        for text in [&b"{\"Records\":[]}"[..], b"BZhou Enlai", b"PK", b"", b"\x1f\x8b"] {
            assert_eq!(archive_of(text), None);
            assert_eq!(compression_of(text), None);
            assert_eq!(unsupported_compression(text), None);
        }
        assert_eq!(unsupported_compression(b"BZh91AY&SY\x00"), Some("bzip2"));
        assert_eq!(unsupported_compression(b"\xfd7zXZ\x00\x00"), Some("xz"));
    }
}
