//! Cells of tables against the values of a record: structures come as JSON, as Presto and Athena print them (`{type=IAMUser, arn=...}`), and as
//! Python does (`{'type': 'IAMUser', ...}`).
//!
//! Presto quotes nothing: where a value ends cannot be told from the cell alone. So it is not parsed, but followed with the record in hand,
//! and says what the record does where the record, printed in that way, is the cell. Members the cell does not have, or has without a value,
//! are not asked for; those it has and the record does not are a contradiction.

use std::collections::HashMap;

use serde_json::{Deserializer, Map, Number, Value};

/// Structures inside structures that are followed.
const MAX_DEPTH: usize = 64;
/// Whole numbers from here on are not exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a cell, or a part of one, says nothing.
pub(super) fn says_nothing(cell: &Value) -> bool {
    match cell {
        Value::Null => true,
        Value::String(text) => {
            matches!(text.as_str(), "" | "null" | "None") || text.starts_with("{omitted=true") || text.starts_with("{truncated=true")
        }
        Value::Array(items) => items.iter().all(says_nothing),
        Value::Object(members) => members.values().all(says_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A member by its name: query engines write those of structures in lower case.
pub(super) fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Whether a value of a record says all that a cell says.
pub(super) fn says(value: &Value, cell: &Value) -> bool {
    match (value, cell) {
        (_, Value::Null) => true,
        (Value::Object(members), Value::Object(cells)) => {
            let names = Names::of(members);
            cells.iter().all(|(name, cell)| says_nothing(cell) || names.get(name).is_some_and(|value| says(value, cell)))
        }
        (Value::Array(items), Value::Array(cells)) => {
            items.len() == cells.len() && items.iter().zip(cells).all(|(item, cell)| says(item, cell))
        }
        (Value::Object(_) | Value::Array(_), Value::String(text)) => says_text(value, text),
        (Value::String(text), Value::Object(_) | Value::Array(_)) => serde_json::from_str(text).is_ok_and(|value| says(&value, cell)),
        _ => scalar(value).is_some_and(|value| scalar(cell).is_some_and(|cell| is_same(&value, &cell))),
    }
}

fn says_text(value: &Value, text: &str) -> bool {
    if let Some(cell) = serde_json::from_str(text).ok().or_else(|| python(text)) {
        return says(value, &cell);
    }
    follow(value, text) == Some("")
}

/// A plain value as text; none where it is not exact.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => exact(number).then(|| number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn exact(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.abs() < EXACT)
}

/// Truth values come in several spellings.
fn is_same(value: &str, cell: &str) -> bool {
    value == cell || (matches!(value, "true" | "false") && value.eq_ignore_ascii_case(cell))
}

/// The members of an object by their names.
struct Names<'a> {
    members: &'a Map<String, Value>,
    lower: HashMap<String, &'a Value>,
}

impl<'a> Names<'a> {
    fn of(members: &'a Map<String, Value>) -> Self {
        Self { members, lower: members.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect() }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).or_else(|| self.lower.get(&name.to_ascii_lowercase()).copied())
    }
}

/// Follows a value as Presto prints it; what stands behind it, if that is what the text begins with.
fn follow<'t>(value: &Value, text: &'t str) -> Option<&'t str> {
    match value {
        Value::Object(members) => as_json(value, text).or_else(|| follow_members(&Names::of(members), text.strip_prefix('{')?)),
        Value::Array(items) => as_json(value, text).or_else(|| follow_items(items, text.strip_prefix('[')?)),
        _ => text.strip_prefix(scalar(value)?.as_str()),
    }
}

/// A structure inside one may be JSON: a map of texts has them so.
fn as_json<'t>(value: &Value, text: &'t str) -> Option<&'t str> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let cell = values.next()?.ok()?;
    says(value, &cell).then(|| &text[values.byte_offset()..])
}

fn follow_members<'t>(names: &Names<'_>, mut text: &'t str) -> Option<&'t str> {
    /// Names with so many signs in them that also end a name.
    const MOST_SIGNS: usize = 4;
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some(rest);
        }
        let ends = text.match_indices('=').map(|(at, _)| at).take(MOST_SIGNS);
        let named = ends.filter_map(|end| names.get(&text[..end]).map(|value| (value, &text[end + 1..])));
        let followed = named.filter_map(|(value, rest)| follow(value, rest).filter(|rest| ends_value(rest))).next();
        text = followed.or_else(|| text.split_once('=').and_then(|(_, rest)| without_value(rest)))?;
        text = text.strip_prefix(',').map_or(text, str::trim_start);
    }
}

fn follow_items<'t>(items: &[Value], mut text: &'t str) -> Option<&'t str> {
    for item in items {
        text = follow(item, text).filter(|rest| ends_value(rest))?;
        text = text.strip_prefix(',').map_or(text, str::trim_start);
    }
    text.strip_prefix(']')
}

fn ends_value(rest: &str) -> bool {
    rest.starts_with([',', '}', ']'])
}

fn without_value(text: &str) -> Option<&str> {
    Some(text.strip_prefix("null").unwrap_or(text)).filter(|rest| ends_value(rest))
}

/// A structure as Python prints it.
fn python(text: &str) -> Option<Value> {
    let (value, rest) = python_value(text, 0)?;
    rest.trim_start().is_empty().then_some(value)
}

fn python_value(text: &str, depth: usize) -> Option<(Value, &str)> {
    let text = text.trim_start();
    if depth > MAX_DEPTH {
        return None;
    }
    match text.chars().next()? {
        '{' => {
            let mut members = Map::new();
            let rest = python_items(&text[1..], '}', |item| {
                let (Value::String(name), rest) = python_value(item, depth + 1)? else { return None };
                let (value, rest) = python_value(rest.trim_start().strip_prefix(':')?, depth + 1)?;
                members.insert(name, value);
                Some(rest)
            })?;
            Some((Value::Object(members), rest))
        }
        '[' => {
            let mut items = Vec::new();
            let rest = python_items(&text[1..], ']', |item| {
                let (value, rest) = python_value(item, depth + 1)?;
                items.push(value);
                Some(rest)
            })?;
            Some((Value::Array(items), rest))
        }
        quote @ ('\'' | '"') => python_text(&text[1..], quote),
        _ => {
            let end = text.find([',', '}', ']', ':']).unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            let value = match word.trim_end() {
                "None" => Value::Null,
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                number => Value::Number(serde_json::from_str(number).ok()?),
            };
            Some((value, rest))
        }
    }
}

/// The items up to a closing bracket; what stands behind it.
fn python_items<'t>(mut text: &'t str, close: char, mut item: impl FnMut(&'t str) -> Option<&'t str>) -> Option<&'t str> {
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix(close) {
            return Some(rest);
        }
        text = item(text)?.trim_start();
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None => return text.strip_prefix(close),
        }
    }
}

/// A text with the escapes that printing makes.
fn python_text(text: &str, quote: char) -> Option<(Value, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                same @ ('\\' | '\'' | '"') => same,
                _ => return None,
            }),
            _ if c == quote => return Some((Value::String(out), &text[at + c.len_utf8()..])),
            _ => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Value {
        serde_json::json!({
            "type": "AssumedRole",
            "principalId": "AROA1:a, b=c",
            "arn": "arn:aws:sts::1:assumed-role/r/a, b=c",
            "mfa": false,
            "count": 3,
            "sessionContext": {"attributes": {"creationDate": "2026-03-01T00:00:00Z"}},
            "items": [{"a": "x"}, {"a": "y}"}],
            "accessKeyId": "",
        })
    }

    #[test]
    fn cells_that_say_what_the_record_says_in_any_notation() {
        for cell in [
            "{}",
            "{type=AssumedRole, principalid=AROA1:a, b=c, arn=arn:aws:sts::1:assumed-role/r/a, b=c, username=null}",
            "{count=3, mfa=false, accesskeyid=, sessioncontext={attributes={creationdate=2026-03-01T00:00:00Z, mfaauthenticated=null}, sessionissuer=null}}",
            r#"{items=[{"a": "x"}, {"a":"y}"}], type=AssumedRole}"#,
            "{items=[{a=x}, {a=y}}]}",
            r#"{"type":"AssumedRole","mfa":"false","username":null,"sessioncontext":{"sessionissuer":{"arn":null}}}"#,
            r#"{'type': 'AssumedRole', "principalId": "AROA1:a, b=c", 'mfa': False, 'count': 3, 'userName': None, 'items': [{'a': 'x'}, {'a': 'y}'}]}"#,
        ] {
            assert!(says(&record(), &Value::from(cell)), "{cell}");
        }
    }

    #[test]
    fn cells_that_say_something_else_in_any_notation() {
        for cell in [
            "{type=IAMUser}",
            "{type=AssumedRole, principalid=AROA1:a}",
            "{type=AssumedRole, username=mallory}",
            "{type=AssumedRoles}",
            "{mfa=true}",
            "{count=33}",
            "{sessioncontext={attributes={creationdate=2026-03-01T00:00:01Z}}}",
            "{items=[{a=x}]}",
            "{type=AssumedRole",
            "{type=AssumedRole} ",
            "AssumedRole",
            r#"{"type":"IAMUser"}"#,
            r#"{"userName":"mallory"}"#,
            r#"{'type': 'IAMUser'}"#,
            r#"{'userName': 'mallory'}"#,
        ] {
            assert!(!says(&record(), &Value::from(cell)), "{cell}");
        }
        let large = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(!says(&large("12345678901234567890123"), &large("12345678901234567890124")), "not told apart by a double");
    }

    #[test]
    fn structures_nested_by_an_attacker_end_no_process() {
        for open in ["{a=", "{'a': ", "[", "{"] {
            assert!(!says(&record(), &Value::from(format!("{{type=AssumedRole, {}", open.repeat(200_000)))), "{open}");
        }
    }
}
