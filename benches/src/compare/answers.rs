//! Whether two CSV answers say the same: cell by cell, in order. Only the notation of instants may differ.

use anyhow::Result;

/// Rows of cells, the names first.
pub(super) type Rows = Vec<Vec<String>>;

/// Reads an answer.
pub(super) fn rows(csv: &str) -> Result<Rows> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|record| Ok(record?.iter().map(cell).collect())).collect()
}

/// `2025-10-12T12:00:00Z` and `2025-10-12 12:00:00+00` are one instant.
fn cell(text: &str) -> String {
    let is_date = text.len() >= 20
        && text.is_char_boundary(10)
        && text.is_char_boundary(19)
        && text[..10].bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let zone = text.strip_suffix("+00").or_else(|| text.strip_suffix('Z'));
    match zone {
        Some(bare) if is_date && matches!(text.as_bytes()[10], b' ' | b'T') => format!("{}T{}Z", &bare[..10], &bare[11..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_either_notation() {
        assert_eq!(cell("2025-10-12 12:00:00+00"), cell("2025-10-12T12:00:00Z"));
        assert_ne!(cell("2025-10-12 12:00:00+00"), cell("2025-10-12T12:00:01Z"));
        assert_eq!(cell("2025-10-12T12:00:00Z and more"), "2025-10-12T12:00:00Z and more");
        assert_eq!(rows("a,b\n1,\"x,y\"\n").unwrap(), [["a", "b"], ["1", "x,y"]]);
    }
}
