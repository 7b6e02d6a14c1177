//! Strings without their escapes.

/// The string between the quotes, its escapes resolved. The escapes must have been checked by the walker; a surrogate without
/// its other half becomes U+FFFD, as in every reader that must give valid text.
pub(crate) fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(escaped.len());
    unescape_into(escaped, &mut out);
    out
}

/// The same, appended to `out`.
pub(crate) fn unescape_into(escaped: &[u8], out: &mut Vec<u8>) {
    let mut rest = escaped;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&code, after)) = rest.split_first() else { return };
        rest = after;
        match code {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => rest = unicode(rest, out),
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// One `\u` escape, or the two of a surrogate pair; returns what follows.
fn unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some(high) = hex4(rest) else {
        push_char(char::REPLACEMENT_CHARACTER, out);
        return &rest[rest.len().min(4)..];
    };
    let after = &rest[4..];
    if (0xD800..0xDC00).contains(&high)
        && let Some(low) = after.strip_prefix(b"\\u").and_then(hex4).filter(|low| (0xDC00..0xE000).contains(low))
    {
        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        push_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), out);
        return &after[6..];
    }
    push_char(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), out);
    after
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4)?;
    digits.iter().try_fold(0, |code, b| Some(code * 16 + char::from(*b).to_digit(16)?))
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_every_escape() {
        let text = unescape(br#"a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00z"#);
        assert_eq!(String::from_utf8(text).unwrap(), "a\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{1f600}z");
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        assert_eq!(unescape(br"\ud83dx\ude00\ud83d\u0041"), "\u{fffd}x\u{fffd}\u{fffd}A".as_bytes());
    }
}
