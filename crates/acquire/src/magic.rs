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

/// What lies over content and is taken off: a compression, or a notation of text other than UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Gzip,
    Zstd,
    Utf16(ByteOrder),
}

/// Which byte of a UTF-16 code unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl Layer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Utf16(ByteOrder::Little) => "utf-16le",
            Self::Utf16(ByteOrder::Big) => "utf-16be",
        }
    }
}

/// The layer that starts with `head`.
pub(crate) fn layer_of(head: &[u8]) -> Option<Layer> {
    if head.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Some(Layer::Gzip);
    }
    is_zstd_frame(head).then_some(Layer::Zstd).or_else(|| utf16_of(head).map(Layer::Utf16))
}

/// UTF-16 by its mark, or without one by ASCII in it: every other byte is zero. The mark of UTF-32 begins as that of UTF-16 does.
fn utf16_of(head: &[u8]) -> Option<ByteOrder> {
    let start = &head[..head.len().min(64) & !1];
    let is_ascii = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..0x7f);
    let every_other = |zero: usize| start.len() >= 8 && start.chunks_exact(2).all(|pair| pair[zero] == 0 && is_ascii(pair[1 - zero]));
    let is_little = || head.starts_with(&[0xff, 0xfe]) && !head.starts_with(&[0xff, 0xfe, 0, 0]);
    if is_little() || every_other(1) {
        return Some(ByteOrder::Little);
    }
    (head.starts_with(&[0xfe, 0xff]) || every_other(0)).then_some(ByteOrder::Big)
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
            assert_eq!(layer_of(text), None);
            assert_eq!(unsupported_compression(text), None);
        }
        assert_eq!(unsupported_compression(b"BZh91AY&SY\x00"), Some("bzip2"));
        assert_eq!(unsupported_compression(b"\xfd7zXZ\x00\x00"), Some("xz"));
    }

    #[test]
    fn utf_16_is_told_by_its_mark_or_by_its_zeros() {
        use ByteOrder::{Big, Little};
        for (head, order) in [
            (&b"\xff\xfe{\0\"\0"[..], Some(Little)),
            (b"\xfe\xff\0{\0\"", Some(Big)),
            (b"{\0\n\0\t\0\"\0", Some(Little)),
            (b"\0{\0\r\0\n\0\"", Some(Big)),
            // Too short to tell, UTF-32, numbers of two bytes, and a text with zeros in it.
            (b"{\0\"\0", None),
            (b"\xff\xfe\0\0{\0\0\0", None),
            (b"\x01\0\x02\0\x03\0\x04\0", None),
            (b"{\0\"\0a\0bc", None),
        ] {
            assert_eq!(layer_of(head), order.map(Layer::Utf16), "{head:?}");
        }
    }
}
