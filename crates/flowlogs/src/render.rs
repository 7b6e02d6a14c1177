//! A row of `flows` as the line that was delivered.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};

use crate::format::field;

/// The delivered line of a row of `flows`, from its columns and the names in `format`; `None` where columns are missing.
#[must_use]
pub fn line(rows: &RecordBatch, row: usize) -> Option<String> {
    let options = FormatOptions::new().with_null("");
    let text = |name: &str| -> Option<String> {
        let column = rows.column_by_name(name)?;
        if column.is_null(row) {
            return Some(String::new());
        }
        // On their way into the store some texts are views of bytes.
        if let Some(views) = column.as_binary_view_opt() {
            return std::str::from_utf8(views.value(row)).ok().map(str::to_owned);
        }
        ArrayFormatter::try_new(column.as_ref(), &options).ok().map(|f| f.value(row).to_string())
    };
    let raw = text("raw")?;
    if !raw.is_empty() {
        return Some(raw);
    }
    let extra: serde_json::Value = text("extra").and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let mut line = String::new();
    for name in text("format")?.split(' ') {
        let value = match field(name) {
            Some(_) => text(&name.replace('-', "_"))?,
            None => extra.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned(),
        };
        let blank = if line.is_empty() { "" } else { " " };
        write!(line, "{blank}{}", if value.is_empty() { "-" } else { &value }).ok()?;
    }
    Some(line)
}
