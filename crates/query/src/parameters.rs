//! Values for `$name` placeholders: bound as typed values to the plan, never pasted into the text.

use std::collections::HashMap;

use arrow_schema::DataType;
use backtrail_model::time::parse_typed;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;

use crate::QueryError;
use crate::diagnose::nearest;

/// Binds every placeholder of a plan. The type is the one the plan needs at the placeholder's place.
pub(crate) fn bind(plan: LogicalPlan, parameters: &[(String, String)]) -> Result<LogicalPlan, QueryError> {
    let wanted = plan.get_parameter_types().map_err(QueryError::engine)?;
    let mut names: Vec<&str> = wanted.keys().map(|id| id.trim_start_matches('$')).collect();
    names.sort_unstable();
    for (at, (name, _)) in parameters.iter().enumerate() {
        if parameters[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(QueryError::Parameter(format!("parameter `{name}` is given twice")));
        }
        if !names.contains(&name.as_str()) {
            return Err(unknown(name, &names));
        }
    }
    if wanted.is_empty() {
        return Ok(plan);
    }
    let mut values: HashMap<String, ScalarAndMetadata> = HashMap::new();
    for name in names {
        let Some((_, text)) = parameters.iter().find(|(given, _)| given == name) else {
            return Err(QueryError::Parameter(format!("the query's parameter `${name}` has no value: give it one with -p {name}=VALUE")));
        };
        let kind = wanted.get(&format!("${name}")).and_then(Option::as_ref);
        values.insert(name.to_owned(), value(name, text, kind)?.into());
    }
    plan.with_param_values(ParamValues::Map(values)).map_err(QueryError::engine)
}

fn unknown(name: &str, names: &[&str]) -> QueryError {
    let known = if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", names.iter().map(|n| format!("`${n}`")).collect::<Vec<_>>().join(", "))
    };
    let meant = nearest(name, names.iter().copied()).first().map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
    QueryError::Parameter(format!("the query has no parameter `${name}`: {known}{meant}"))
}

/// A text as the type the plan needs; where it needs none in particular, as what the text looks like.
fn value(name: &str, text: &str, kind: Option<&DataType>) -> Result<ScalarValue, QueryError> {
    let unfit = |what: &str| QueryError::Parameter(format!("parameter `${name}` must be {what} in this query, and `{text}` is none"));
    match kind {
        None => Ok(guess(text)),
        Some(DataType::Timestamp(unit, zone)) => {
            let micros = parse_typed(text).ok_or_else(|| unfit("a time (RFC 3339 as in 2024-05-01T13:00:00Z, or a date; UTC)"))?;
            let instant = ScalarValue::TimestampMicrosecond(Some(micros), zone.clone());
            instant.cast_to(&DataType::Timestamp(*unit, zone.clone())).map_err(QueryError::engine)
        }
        Some(DataType::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" => Ok(ScalarValue::Boolean(Some(true))),
            "false" | "f" | "no" => Ok(ScalarValue::Boolean(Some(false))),
            _ => Err(unfit("true or false")),
        },
        Some(kind) => {
            let what = match kind {
                k if k.is_integer() => "a whole number",
                k if k.is_numeric() => "a number",
                DataType::Date32 | DataType::Date64 => "a date",
                DataType::Interval(_) => "an interval, as in `2 hours`",
                _ => "a value that can be compared there",
            };
            ScalarValue::try_from_string(text.to_owned(), kind).map_err(|_unparsed| unfit(what))
        }
    }
}

fn guess(text: &str) -> ScalarValue {
    // Only what is written back as it was typed is a number: account ids keep their zeros.
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return ScalarValue::Int64(Some(number));
    }
    match text {
        "true" => return ScalarValue::Boolean(Some(true)),
        "false" => return ScalarValue::Boolean(Some(false)),
        _ => {}
    }
    if text.contains('T')
        && let Some(micros) = parse_typed(text)
    {
        return ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
    }
    ScalarValue::Utf8View(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::TimeUnit;

    #[test]
    fn values_take_the_type_that_is_needed() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let micros = |v: ScalarValue| matches!(v, ScalarValue::TimestampMicrosecond(Some(1_689_724_800_000_000), Some(_)));
        assert!(micros(value("t", "2023-07-19", Some(&time)).unwrap()));
        assert!(micros(value("t", "2023-07-19T02:00:00+02:00", Some(&time)).unwrap()));
        assert_eq!(value("n", "42", Some(&DataType::Int32)).unwrap(), ScalarValue::Int32(Some(42)));
        assert_eq!(value("n", "yes", Some(&DataType::Boolean)).unwrap(), ScalarValue::Boolean(Some(true)));
        assert_eq!(value("n", "42", Some(&DataType::Utf8View)).unwrap(), ScalarValue::Utf8View(Some("42".into())));
        for (text, kind) in [("soon", &time), ("x", &DataType::Int64), ("maybe", &DataType::Boolean), ("1.5", &DataType::Int64)] {
            let message = value("p", text, Some(kind)).unwrap_err().to_string();
            assert!(message.contains("`$p`") && message.contains(text), "{message}");
        }
        assert_eq!(guess("000123456789"), ScalarValue::Utf8View(Some("000123456789".into())));
        assert_eq!(guess("7"), ScalarValue::Int64(Some(7)));
    }
}
