//! What the engine would take for something else, or pass over, without a word: an answer that looks like one is worse than none.
//!
//! Each was met with a query whose answer another engine gave otherwise. What is refused says what to write instead.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    self, BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint, JoinOperator, Query, SetExpr,
    TableFactor, TableWithJoins, UnaryOperator, Value, Visit, Visitor,
};

use crate::QueryError;

const LONG_INTERVAL: &str = "an interval of days or more is not compared by its length here: write it in hours (interval '24 hours'), or compare times (event_time < now() - interval '1 day')";
const JSON_COMPARED: &str = "`->` gives JSON, which is compared with nothing but a text or a whole number: take the text with `->>`, and cast it where it is a number, as in (request_parameters->>'n')::double > 9.5";

/// Refuses what would be misread.
pub(crate) fn check(query: &Query) -> Result<(), QueryError> {
    match query.visit(&mut Misread) {
        ControlFlow::Break(why) => Err(QueryError::NotAllowed(why.to_owned())),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Misread;

impl Visitor for Misread {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        refuse(joins_lose_keys(&query.body).then_some(LOST_KEYS))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        refuse(misread(expr))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        refuse(match factor {
            TableFactor::Table { sample: Some(_), .. } => {
                Some("TABLESAMPLE is not supported: use WHERE random() < 0.01 for about one row of a hundred")
            }
            TableFactor::NestedJoin { table_with_joins, .. } if joins_lose(table_with_joins) => Some(LOST_KEYS),
            _ => None,
        })
    }
}

fn refuse(why: Option<&'static str>) -> ControlFlow<&'static str> {
    why.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

fn misread(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::SimilarTo { .. } => Some("SIMILAR TO is not supported: use LIKE, or ~ with a regular expression"),
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_joined(right) => Some(
            "IS DISTINCT FROM would take what follows AND or OR into its right side: put it in brackets, as in (read_only IS DISTINCT FROM true) AND ...",
        ),
        Expr::BinaryOp { left, op, right } if is_comparison(op) => {
            if is_long_interval(left) || is_long_interval(right) {
                return Some(LONG_INTERVAL);
            }
            // A whole number is found where the JSON has one, and compared in size with no other kind of number.
            let is_equality = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
            let is_misread = |json: &Expr, other: &Expr| {
                is_json(json) && (is_json(other) || number(other).is_some_and(|is_whole| !is_whole || !is_equality))
            };
            (is_misread(left, right) || is_misread(right, left)).then_some(JSON_COMPARED)
        }
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } if is_json(left) || is_json(right) => {
            Some("`->` gives JSON, which is no text: take the text with `->>`")
        }
        Expr::BinaryOp { op: BinaryOperator::HashArrow | BinaryOperator::HashLongArrow, right, .. } if is_text(right) => {
            Some("a path is not written as text here: request_parameters #>> array['a', 'b', '0'], or request_parameters->'a'->'b'->>0")
        }
        Expr::Between { expr, low, high, .. } if [expr, low, high].iter().any(|one| is_long_interval(one)) => Some(LONG_INTERVAL),
        Expr::InSubquery { expr, .. } if is_json(expr) => Some(JSON_COMPARED),
        Expr::Cast { data_type: DataType::Varchar(Some(_)) | DataType::Char(Some(_)) | DataType::Character(Some(_)), .. } => {
            Some("a cast does not cut a text to a length here: use left(text, 3)")
        }
        Expr::Function(function) if is_named(function, "to_char") && format_of(function).is_some_and(|format| !format.contains('%')) => {
            Some("to_char takes the patterns of strftime: to_char(event_time, '%Y-%m-%d')")
        }
        _ => None,
    }
}

/// Whether an expression without brackets around it is two that AND or OR joins.
fn is_joined(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, .. })
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// An expression out of its brackets.
fn bare(expr: &Expr) -> &Expr {
    if let Expr::Nested(inner) = expr { bare(inner) } else { expr }
}

/// An interval of days, months or years, which is kept apart from hours.
fn is_long_interval(expr: &Expr) -> bool {
    let text = match bare(expr) {
        Expr::Interval(interval) => {
            format!("{} {}", interval.value, interval.leading_field.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } => expr.to_string(),
        _ => return false,
    };
    let text = text.to_ascii_lowercase();
    ["day", "week", "mon", "year", "decade", "centur"].iter().any(|unit| text.contains(unit))
}

fn is_json(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::BinaryOp { op: BinaryOperator::Arrow | BinaryOperator::HashArrow, .. })
}

/// Whether a number is a whole one; `None` where an expression is none.
fn number(expr: &Expr) -> Option<bool> {
    match bare(expr) {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => number(expr),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(!number.to_string().contains(['.', 'e', 'E'])),
            _ => None,
        },
        _ => None,
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

fn is_named(function: &ast::Function, name: &str) -> bool {
    function.name.to_string().eq_ignore_ascii_case(name)
}

/// The second argument of a call, where it is a text.
fn format_of(function: &ast::Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) = list.args.get(1)? else { return None };
    if let Value::SingleQuotedString(text) = &value.value { Some(text.clone()) } else { None }
}

const LOST_KEYS: &str = "RIGHT and FULL joins with USING, and NATURAL ones, lose the keys of rows that only the right side has: write ON a.x = b.x, and coalesce(a.x, b.x)";

fn joins_lose_keys(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.from.iter().any(joins_lose),
        SetExpr::SetOperation { left, right, .. } => joins_lose_keys(left) || joins_lose_keys(right),
        _ => false,
    }
}

fn joins_lose(tables: &TableWithJoins) -> bool {
    let loses = |constraint: &JoinConstraint| matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural);
    tables.joins.iter().any(|join| match &join.join_operator {
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) | JoinOperator::FullOuter(constraint) => loses(constraint),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::gate::admit;

    #[test]
    fn what_would_be_misread_is_refused_with_what_to_write() {
        for (query, advice) in [
            ("SELECT 1 FROM t WHERE now() - event_time > interval '365 days'", "interval '24 hours'"),
            ("SELECT interval '48 hours' > '1 day'::interval", "interval '24 hours'"),
            ("SELECT 1 FROM t WHERE a - b BETWEEN interval '1 hour' AND interval '1' DAY", "interval '24 hours'"),
            ("SELECT 1 FROM t WHERE a IS DISTINCT FROM true AND b = 1", "in brackets"),
            ("SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM b OR c", "in brackets"),
            ("SELECT x FROM a FULL JOIN b USING (x)", "coalesce"),
            ("WITH w AS (SELECT 1 UNION ALL SELECT x FROM (a NATURAL RIGHT JOIN b)) SELECT 1 FROM w", "coalesce"),
            ("SELECT 1 FROM t WHERE a->'n' = b->'n'", "->>"),
            ("SELECT 1 FROM t WHERE (a->'n') > 9.5", "->>"),
            ("SELECT 1 FROM t WHERE -1.5 < a->'n'", "->>"),
            ("SELECT 1 FROM t WHERE a->'f' > 1", "->>"),
            ("SELECT 1 FROM t WHERE a->'n' NOT IN (SELECT b FROM u)", "->>"),
            ("SELECT a->'o' || '' FROM t", "->>"),
            ("SELECT a #>> '{o,a,0}' FROM t", "array['a', 'b', '0']"),
            ("SELECT event_name::varchar(3) FROM t", "left(text, 3)"),
            ("SELECT to_char(event_time, 'YYYY-MM-DD') FROM t", "'%Y-%m-%d'"),
            ("SELECT 1 FROM t WHERE a SIMILAR TO 'x'", "LIKE"),
            ("SELECT 1 FROM t TABLESAMPLE BERNOULLI (1)", "random()"),
        ] {
            let said = admit(query).err().map(|error| error.to_string()).unwrap_or_else(|| panic!("admitted: {query}"));
            assert!(said.contains(advice), "{query}: {said}");
        }
        for query in [
            "SELECT 1 FROM t WHERE event_time > now() - interval '1 day' AND event_time - b > interval '24 hours'",
            "SELECT 1 FROM t WHERE (a IS DISTINCT FROM true) AND b = 1 AND c IS NOT DISTINCT FROM d",
            "SELECT x FROM a LEFT JOIN b USING (x) FULL JOIN c ON c.x = a.x",
            "SELECT 1 FROM t WHERE a->'n' = 9 AND a->'m' = 'x' AND a->>'n' = b->>'n' AND a->'b' IS NOT NULL",
            "SELECT a #>> array['o', 'a'], event_name::varchar, left(event_name, 3), to_char(event_time, '%Y') FROM t",
        ] {
            assert!(admit(query).is_ok(), "{query}: {:?}", admit(query).err());
        }
    }
}
