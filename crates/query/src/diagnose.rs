//! From the engine's errors to messages for people: what is wrong, where, and which name may have been meant.

use arrow_schema::ArrowError;
use datafusion::common::{DataFusionError, Diagnostic, SchemaError, Span};

use crate::QueryError;
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Place, SqlError};

/// Names that exist.
pub(crate) struct Names {
    pub(crate) tables: Vec<String>,
    pub(crate) functions: Vec<String>,
    pub(crate) table_functions: Vec<String>,
}

/// A mistake the parser found.
pub(crate) fn syntax(text: &str, error: DataFusionError) -> QueryError {
    let said = plain_message(&error);
    let (message, line, column) = match said.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place.split(", Column: ").map(|n| n.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<usize>());
            (message, numbers.next().and_then(Result::ok), numbers.next().and_then(Result::ok))
        }
        None => (said.as_str(), None, None),
    };
    let place = match (line, column) {
        (Some(line), Some(column)) if line > 0 => place_at(text, line, column, None),
        // At the end of the text the parser gives no place.
        _ => text.trim_end().lines().enumerate().last().and_then(|(i, last)| place_at(text, i + 1, last.chars().count() + 1, None)),
    };
    QueryError::Sql(SqlError { message: format!("syntax error: {}", lower_first(message)), place, help: None })
}

/// A mistake found while planning.
pub(crate) fn diagnose(text: &str, error: DataFusionError, names: &Names) -> QueryError {
    let (inner, diagnostic) = innermost(&error);
    let span = diagnostic.and_then(|d| d.span);
    match inner {
        DataFusionError::SchemaError(schema, _) => {
            if let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref() {
                let near = nearest(&field.name, valid_fields.iter().map(|f| f.name.as_str()));
                return unknown(text, "column", &field.name, span, &near, "`\\d TABLE` in the shell or `DESCRIBE table` lists columns");
            }
        }
        DataFusionError::Plan(said) => {
            if let Some(name) = quoted(said, "table function '", "' not found") {
                let near = nearest(name, names.table_functions.iter().map(String::as_str));
                let all = names.table_functions.join(", ");
                return unknown(text, "table function", name, span, &near, &format!("there are: {all}"));
            }
            if let Some(name) = quoted(said, "table '", "' not found") {
                if let Some(error) = prefixed(text, name, span, names) {
                    return error;
                }
                let name = name.rsplit('.').next().unwrap_or(name);
                let near = nearest(name, names.tables.iter().map(String::as_str));
                return unknown(text, "table", name, span, &near, &format!("there are: {}", names.tables.join(", ")));
            }
            if let Some(name) = quoted(said, "Invalid function '", "'") {
                let near = nearest(name, names.functions.iter().map(String::as_str));
                return unknown(text, "function", name, span, &near, "SHOW FUNCTIONS lists them");
            }
        }
        _ => {}
    }
    if let Some(known) = unfit_value(Some(text), inner).or_else(|| unfit_arguments(text, inner, span)).or_else(|| same_name(text, inner)) {
        return QueryError::Sql(known);
    }
    let place = span.and_then(|s| place_of(text, s));
    if place.is_none() && !is_users(inner) {
        return QueryError::engine(error);
    }
    let help = diagnostic.and_then(|d| d.helps.first().map(|h| h.message.clone()).or_else(|| d.notes.first().map(|n| n.message.clone())));
    QueryError::Sql(SqlError { message: lower_first(&plain_message(inner)), place, help })
}

/// A table that is there, under a schema that is not.
fn prefixed(text: &str, name: &str, span: Option<Span>, names: &Names) -> Option<QueryError> {
    let mut parts = name.rsplit('.');
    let (table, schema, catalog) = (parts.next()?, parts.next().unwrap_or(SCHEMA), parts.next().unwrap_or(CATALOG));
    let is_there = names.tables.iter().any(|known| known == table);
    let prefix = match (schema == SCHEMA, catalog == CATALOG) {
        (true, true) => return None,
        (_, true) => schema.to_owned(),
        (_, false) => format!("{catalog}.{schema}"),
    };
    let place = span.and_then(|s| place_of(text, s)).or_else(|| find(text, table));
    let message = format!("unknown table `{prefix}.{table}`");
    let help = format!("tables have no prefix: write `{table}`");
    is_there.then(|| QueryError::Sql(SqlError { message, place, help: Some(help) }))
}

/// A value that does not fit its type, or has no result: of the query, whose text then tells where, or of a row.
pub(crate) fn unfit_value(text: Option<&str>, error: &DataFusionError) -> Option<SqlError> {
    let DataFusionError::ArrowError(arrow, _) = innermost(error).0 else { return None };
    let (said, help) = match arrow.as_ref() {
        ArrowError::ParseError(said) if said.contains("timestamp") => {
            (said.as_str(), "a time is RFC 3339, as in '2024-05-01T13:00:00Z', or a date; try_cast gives NULL for what is none")
        }
        ArrowError::ParseError(said) | ArrowError::CastError(said) => (said.as_str(), "try_cast gives NULL where a value does not fit"),
        ArrowError::DivideByZero => ("division by zero", "nullif(divisor, 0) makes it NULL"),
        ArrowError::ArithmeticOverflow(said) => (said.as_str(), "the result does not fit its type: cast to a larger one before"),
        _ => return None,
    };
    let literal = quoted(said, "'", "'").filter(|value| !value.is_empty());
    let place = text.zip(literal).and_then(|(text, value)| find_literal(text, value));
    Some(SqlError { message: lower_first(said), place, help: Some(help.to_owned()) })
}

/// A call of a function with arguments that it does not take. The engine lists each attempt, and takes some of them for its own fault.
fn unfit_arguments(text: &str, error: &DataFusionError, span: Option<Span>) -> Option<SqlError> {
    let said = plain_message(error);
    let call = quoted(&said, "No function matches the given name and argument types '", "'")?;
    let (name, given) = call.split_once('(')?;
    let candidates = said.split_once("Candidate functions:").map_or("", |(_, list)| list);
    let candidates: Vec<&str> = candidates.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let takes = if candidates.is_empty() { String::new() } else { format!("it takes {}; ", candidates.join(", ")) };
    let given = given.strip_suffix(')').unwrap_or(given).replace("Utf8View", "text").replace("Utf8", "text");
    let place = span.and_then(|s| place_of(text, s)).or_else(|| find(text, name));
    let message = format!("function `{name}` does not take ({given})");
    Some(SqlError { message, place, help: Some(format!("{takes}cast the argument, as in `event_name::bigint`")) })
}

/// Columns of a result with the same name, which the engine tells as it has rewritten them.
fn same_name(text: &str, error: &DataFusionError) -> Option<SqlError> {
    let DataFusionError::Plan(said) = error else { return None };
    let rest = said.strip_prefix("Projections require unique expression names but the expression ")?;
    let expression = quoted(rest, " and \"", "\" at position ")?;
    let name = expression.rsplit(" AS ").next().unwrap_or(expression);
    // `backtrail.store.cloudtrail.event_name`, but not the argument of a call.
    let written = if name.contains('(') { name } else { name.rsplit('.').next().unwrap_or(name) };
    // The second is the one to name; where there is only one, `*` has the other.
    let all = places(text, written);
    let place = all.get(1).or(all.first()).and_then(|at| place_of_byte(text, *at, written.chars().count()));
    let message = format!("two columns of the result have the name `{written}`");
    Some(SqlError { message, place, help: Some(format!("name one of them, as in `{written} AS other`")) })
}

fn unknown(text: &str, what: &str, name: &str, span: Option<Span>, near: &[String], otherwise: &str) -> QueryError {
    let place = span.and_then(|s| place_of(text, s)).or_else(|| find(text, name));
    let help = match near {
        [] => otherwise.to_owned(),
        names => format!("did you mean {}?", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")),
    };
    QueryError::Sql(SqlError { message: format!("unknown {what} `{name}`"), place, help: Some(help) })
}

/// Whether the mistake is in the query, not in the machine.
fn is_users(error: &DataFusionError) -> bool {
    matches!(
        error,
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::SQL(..) | DataFusionError::NotImplemented(_)
    )
}

fn quoted<'a>(said: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &said[said.find(before)? + before.len()..];
    rest.find(after).map(|end| &rest[..end])
}

fn innermost(error: &DataFusionError) -> (&DataFusionError, Option<&Diagnostic>) {
    let (mut inner, mut diagnostic) = (error, None);
    loop {
        inner = match inner {
            DataFusionError::Diagnostic(said, next) => {
                diagnostic = diagnostic.or(Some(said.as_ref()));
                next
            }
            DataFusionError::Context(_, next) => next,
            DataFusionError::Shared(next) => next,
            DataFusionError::Collection(all) => match all.first() {
                Some(next) => next,
                None => return (inner, diagnostic),
            },
            _ => return (inner, diagnostic),
        };
    }
}

/// What an error says, without the engine's wrappings.
pub(crate) fn plain_message(error: &DataFusionError) -> String {
    let (inner, _) = innermost(error);
    let said = match inner {
        DataFusionError::SQL(parser, _) => parser.to_string(),
        DataFusionError::Plan(said)
        | DataFusionError::Execution(said)
        | DataFusionError::NotImplemented(said)
        | DataFusionError::Configuration(said)
        | DataFusionError::ResourcesExhausted(said) => said.clone(),
        DataFusionError::ArrowError(arrow, _) => arrow.to_string(),
        DataFusionError::ParquetError(parquet) => parquet.to_string(),
        other => other.strip_backtrace(),
    };
    let said = said.split("\n\nbacktrace:").next().unwrap_or_default();
    said.strip_prefix("sql parser error: ").unwrap_or(said).trim().to_owned()
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        // An abbreviation stays.
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => message.to_owned(),
    }
}

fn place_of(text: &str, span: Span) -> Option<Place> {
    let number = |n: u64| usize::try_from(n).ok().filter(|n| *n > 0);
    let (line, column) = (number(span.start.line)?, number(span.start.column)?);
    let length = (span.end.line == span.start.line).then(|| number(span.end.column)?.checked_sub(column)).flatten();
    place_at(text, line, column, length)
}

/// The place at a line and column; without a length, the word there is marked.
fn place_at(text: &str, line: usize, column: usize, length: Option<usize>) -> Option<Place> {
    let line_text = text.lines().nth(line - 1)?;
    let word = line_text.chars().skip(column.saturating_sub(1)).take_while(|c| c.is_alphanumeric() || *c == '_').count();
    let column = column.clamp(1, line_text.chars().count() + 1);
    Some(Place { line, column, length: length.filter(|l| *l > 0).unwrap_or(word.max(1)), text: line_text.to_owned() })
}

/// The first place a text stands at in quotes.
fn find_literal(text: &str, value: &str) -> Option<Place> {
    let quoted = format!("'{}'", value.replace('\'', "''"));
    place_of_byte(text, text.find(&quoted)?, quoted.chars().count())
}

/// The first place a name stands at as a whole word.
fn find(text: &str, name: &str) -> Option<Place> {
    let at = places(text, name).first().copied()?;
    place_of_byte(text, at, name.chars().count())
}

/// The bytes a name begins at where it stands as a word, in any case.
fn places(text: &str, name: &str) -> Vec<usize> {
    let (haystack, needle) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let clear = |at: usize| !haystack[..at].ends_with(is_word) && !haystack[at + needle.len()..].starts_with(is_word);
    haystack.match_indices(&needle).map(|(at, _)| at).filter(|at| clear(*at)).collect()
}

fn place_of_byte(text: &str, at: usize, length: usize) -> Option<Place> {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    place_at(text, line, column, Some(length))
}

/// Distance of a name that only contains what was typed.
const PART: usize = 100;

/// The names most like a name, at most three, nearest first.
#[must_use]
pub fn nearest_names(name: &str, names: &[String]) -> Vec<String> {
    nearest(name, names.iter().map(String::as_str))
}

/// The names most like a name, at most three, nearest first.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    // `eventName`, which SQL folds to `eventname`, is `event_name`.
    let plain = |text: &str| text.to_lowercase().replace('_', "");
    let wanted = plain(name);
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|candidate| {
            let known = plain(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &known);
            let is_part = wanted.len() >= 4 && known.contains(&wanted);
            let limit = (wanted.chars().count() / 3).max(1);
            if distance <= limit {
                Some((distance, candidate))
            } else {
                // Part of a longer name: after everything misspelt.
                is_part.then_some((PART + known.len(), candidate))
            }
        })
        .collect();
    near.sort_unstable();
    near.dedup_by(|a, b| a.1 == b.1);
    // What is twice as far as the nearest is not meant; parts of names are, if nothing is near.
    let best = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| if best >= PART { true } else { *distance <= 2 * best });
    near.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let columns = ["event_time", "event_name", "event_id", "recipient_account_id", "user_identity_account_id"];
        let near = |name| nearest(name, columns.into_iter());
        assert_eq!(near("eventname"), ["event_name"]);
        assert_eq!(near("evnet_time"), ["event_time"]);
        assert_eq!(near("account"), ["recipient_account_id", "user_identity_account_id"]);
        assert!(near("colour").is_empty());
    }

    #[test]
    fn places_count_characters_not_bytes() {
        let place = find("select 'ä',\n\tèvent from x", "èvent").unwrap();
        assert_eq!((place.line, place.column, place.length), (2, 2, 5));
    }
}
