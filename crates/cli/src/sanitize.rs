//! Logs are written by attackers: no field may reach the terminal as an escape sequence, turn the text around, or hide.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Text safe to show: control, bidirectional and zero-width characters are written as `\u{…}`, line breaks and tabs as `\n`, `\r`, `\t`.
pub(crate) fn sanitize(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe)
}

/// The same for a cell of a file, whose lines and tabs are its own.
pub(crate) fn sanitize_cell(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_plain || !text.chars().any(&is_meant) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_meant(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Where JSON goes: it may hold the control characters from U+0080 to U+009F as they are, which some terminals obey. They are escaped as JSON does it;
/// they stand in texts alone.
pub(crate) struct JsonOut<W> {
    out: W,
    /// The first byte of what may be one was written to this, and not on.
    has_lead: bool,
}

/// The first byte of U+0080 to U+00BF in UTF-8.
const LEAD: u8 = 0xC2;

impl<W: Write> JsonOut<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, has_lead: false }
    }
}

impl<W: Write> Write for JsonOut<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(first) = rest.first().copied() {
            if std::mem::take(&mut self.has_lead) {
                if (0x80..=0x9f).contains(&first) {
                    write!(self.out, "\\u00{first:02x}")?;
                    rest = &rest[1..];
                } else {
                    self.out.write_all(&[LEAD])?;
                }
                continue;
            }
            let plain = rest.iter().position(|b| *b == LEAD).unwrap_or(rest.len());
            self.out.write_all(&rest[..plain])?;
            self.has_lead = plain < rest.len();
            rest = rest.get(plain + 1..).unwrap_or_default();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The first `width` characters, with an ellipsis where something is left out.
pub(crate) fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.len() <= width || text.chars().nth(width).is_none() {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    Cow::Owned(format!("{kept}…"))
}

/// A name no longer than `width` characters: its beginning and its end tell which it is, so that an ellipsis stands inside.
pub(crate) fn shorten_inside(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width {
        return Cow::Borrowed(text);
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1) - tail;
    let kept = text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail));
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_escape() {
        assert_eq!(sanitize("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(sanitize("a\u{202e}txt.exe"), "a\\u{202e}txt.exe");
        assert_eq!(sanitize("two\nlines"), "two\\nlines");
        assert_eq!(sanitize_cell("two\nlines\tand a \u{7}bell\r"), "two\nlines\tand a \\u{7}bell\\r");
        assert!(matches!(sanitize("plain – ünïcode"), Cow::Borrowed(_)));
        let mut json = Vec::new();
        let mut out = JsonOut::new(&mut json);
        // Cut between the two bytes of a character, as writers may.
        let text = "\"a\u{9b}31m \u{80}\u{a0}é\u{85}\"".as_bytes();
        text.chunks(3).for_each(|part| out.write_all(part).unwrap());
        assert_eq!(String::from_utf8(json).unwrap(), "\"a\\u009b31m \\u0080\u{a0}é\\u0085\"");
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
        assert_eq!(shorten_inside("abcdefgh", 6), "abc…gh");
        assert_eq!(shorten_inside("abcdef", 6), "abcdef");
    }
}
