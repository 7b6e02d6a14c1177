//! Lines that are no documents and hold some: behind the header of a log line, or packed in base64.

use crate::walk::space_len;

/// The longest header of a log line.
pub(crate) const LONGEST_HEADER: usize = 1024;
/// Lines about a table that may stand before it: what was asked, how long it took.
pub(crate) const LINES_BEFORE_TABLE: u32 = 16;

const MONTHS: [&[u8]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Where the record stands behind the header of a syslog line (RFC 3164, RFC 5424, or with its priority left out).
pub(crate) fn record_behind_header(line: &[u8]) -> Option<usize> {
    let line = &line[..line.len().min(LONGEST_HEADER)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let header = memchr::memchr_iter(b'{', line).find(|at| {
        let inside = &line[at + 1..];
        inside.get(space_len(inside)) == Some(&b'"')
    })?;
    has_time(&line[..header]).then_some(header)
}

/// Whether a header starts as syslog's do: `<134>`, and a time: `Mar  1 00:00:00`, `2024-03-01T00:00:00Z`.
fn has_time(header: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    if let Some(rest) = header.strip_prefix(b"<") {
        return matches!(digits(rest), 1..=3) && rest.get(digits(rest)) == Some(&b'>');
    }
    let is_date = |text: &[u8]| text.len() > 15 && MONTHS.iter().any(|month| text.starts_with(month)) && text[3] == b' ' && text[9] == b':';
    let is_instant = |text: &[u8]| text.len() > 19 && digits(text) == 4 && text[4] == b'-' && text[10] == b'T' && text[13] == b':';
    is_date(header) || is_instant(header)
}

/// Whether base64 of gzip or of an object starts here.
pub(crate) fn is_packed(line: &[u8]) -> bool {
    line.starts_with(b"H4sI") || line.starts_with(b"eyJ")
}

/// How far base64 goes on, line breaks included.
pub(crate) fn packed_len(bytes: &[u8]) -> usize {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\r' | b'\n');
    bytes.iter().take_while(|b| is_base64(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_syslog_lines() {
        for header in [
            "<134>Mar  1 00:00:00 host cloudtrail: ",
            "<134>1 2024-03-01T00:00:00Z host app - - - ",
            "Mar 11 00:00:00 host cloudtrail[1]: ",
            "2024-03-01T00:00:00.123+00:00 host cloudtrail: ",
        ] {
            assert_eq!(record_behind_header(format!("{header}{{\"a\":1}}").as_bytes()), Some(header.len()), "{header}");
        }
        for line in [
            "<b>{\"a\":1}",
            "March of 2024: {\"a\":1}",
            "<134>Mar  1 00:00:00 host\n{\"a\":1}",
            "<134>x {a}",
            "2024: {\"a\":1}",
            "{\"a\":1}",
        ] {
            assert_eq!(record_behind_header(line.as_bytes()), None, "{line}");
        }
    }
}
