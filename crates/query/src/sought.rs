//! What must stand in a JSON text for a field of it to have a value: `(request_parameters ->> 'bucketName') = 'logs'`.
//!
//! JSON columns of user SQL are redacted inside the scan, and filters see the redacted text. Redacting and parsing every row costs more than
//! all the rest of such a query. Most rows can be turned away by a plain search for the value. That decides nothing: rows it lets
//! through are redacted and filtered as ever, and it turns away only rows that could not fulfil the filter, whatever they hide:
//!
//! - Redaction only ever puts `[redacted]` in place of something, and the value sought has no bracket: a field that has it was not altered.
//! - A field that has it is written in the text letter by letter, or with an escape, and then the text has a backslash.
//! - Numbers may be written in other ways, so the value must have a letter that no number has.

use datafusion::functions::expr_fn::contains;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};

/// Functions that take a field out of a JSON text, as `->>` and by name.
const FIELD: &[&str] = &["json_as_text", "json_get_str"];

/// A condition on the text itself that every row fulfils which fulfils the filter; `None` where the filter is of another kind.
pub(crate) fn sought_in_json(filter: &Expr) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else { return None };
    let (column, value) = field(left).zip(text(right)).or_else(|| field(right).zip(text(left)))?;
    is_plain(value).then(|| contains(column.clone(), lit(value)).or(contains(column.clone(), lit("\\"))))
}

/// The column a field is taken from.
fn field(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if FIELD.contains(&call.name()) => call.args.first().filter(|arg| matches!(arg, Expr::Column(_))),
        Expr::Cast(cast) => field(&cast.expr),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        Expr::Cast(cast) => text(&cast.expr),
        _ => None,
    }
}

fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/@+=".contains(&b))
        && value.bytes().any(|b| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::col;

    #[test]
    fn only_values_written_one_way() {
        for plain in ["acme-logs", "arn:aws:s3:::b/k", "i-0abc", "true"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in ["", "12", "1e3", "-1.5E+3", "a b", "[redacted]", "{\"a\":1}", "é", "a\\b"] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn other_filters_are_left_alone() {
        for filter in [col("request_parameters").eq(lit("x")), lit("x").eq(lit("x")), col("a").gt(lit("x"))] {
            assert!(sought_in_json(&filter).is_none(), "{filter}");
        }
    }
}
