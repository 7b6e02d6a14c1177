//! Values for `$name` placeholders: bound as typed values to the plan, never pasted into the text.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use arrow_schema::{DataType, IntervalUnit};
use backtrail_model::time::{MICROS_PER_DAY, parse_typed};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::sqlparser::ast::{self, BinaryOperator, CastKind, visit_expressions_mut};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, LogicalPlan, LogicalPlanBuilder, Operator, Values};
use datafusion::sql::parser::Statement;

use crate::QueryError;
use crate::diagnose::nearest;
use crate::gate::parameters_in;

/// Binds every placeholder of a plan. The type is the one the plan needs at each place: a value may stand at places of several types.
/// The inner error is that of a plan that the values make no sense in.
pub(crate) fn bind(plan: LogicalPlan, parameters: &[(String, String)]) -> Result<EngineResult<LogicalPlan>, QueryError> {
    let wanted = kinds(&plan).map_err(QueryError::engine)?;
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    for (at, (name, _)) in parameters.iter().enumerate() {
        if parameters[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(QueryError::Parameter(format!("parameter `{name}` is given twice")));
        }
        if !names.contains(&name.as_str()) {
            return Err(unknown("the query has no parameter", name, &names));
        }
    }
    if wanted.is_empty() {
        return Ok(Ok(plan));
    }
    let mut values = HashMap::new();
    for (name, kinds) in &wanted {
        let Some((_, text)) = parameters.iter().find(|(given, _)| given == name) else {
            return Err(QueryError::Parameter(format!("the query's parameter `${name}` has no value: give it one with -p {name}=VALUE")));
        };
        let usual = if let [kind] = kinds.as_slice() { Some(kind) } else { None };
        values.insert(name.as_str(), Given { text, usual });
    }
    let mut binder = Binder { values, refused: None };
    let bound = binder.bind(plan);
    match binder.refused {
        Some(refused) => Err(refused),
        None => Ok(bound),
    }
}

/// Where two placeholders are joined, nothing tells the engine that they are texts, and it refuses them: the first is made one.
pub(crate) fn tell_texts(statement: &mut Statement) {
    let is_placeholder = |expr: &ast::Expr| matches!(expr, ast::Expr::Value(value) if matches!(value.value, ast::Value::Placeholder(_)));
    match statement {
        Statement::Statement(sql) => {
            let _: ControlFlow<()> = visit_expressions_mut(sql, |expr| {
                if let ast::Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } = expr
                    && is_placeholder(left)
                    && is_placeholder(right)
                {
                    let (kind, data_type) = (CastKind::Cast, ast::DataType::Varchar(None));
                    **left = ast::Expr::Cast { kind, expr: left.clone(), data_type, array: false, format: None };
                }
                ControlFlow::Continue(())
            });
        }
        Statement::Explain(explain) => tell_texts(&mut explain.statement),
        _ => {}
    }
}

/// The values that one statement of several asks for: the others may be for the others.
#[must_use]
pub fn parameters_for(statement: &str, parameters: &[(String, String)]) -> Vec<(String, String)> {
    // A statement whose quotes are not closed is refused before its parameters are looked at.
    let Some(asked) = parameters_in(statement) else { return parameters.to_vec() };
    parameters.iter().filter(|(name, _)| asked.contains(name)).cloned().collect()
}

/// Whether each value is asked for by one statement at least.
///
/// # Errors
/// `Parameter` for the first that none asks for.
pub fn check_parameters(statements: &[String], parameters: &[(String, String)]) -> Result<(), QueryError> {
    let asked: Option<Vec<Vec<String>>> = statements.iter().map(|s| parameters_in(s)).collect();
    // What cannot be read will be told as such.
    let Some(asked) = asked else { return Ok(()) };
    let mut names: Vec<&str> = asked.iter().flatten().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    match parameters.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        Some((name, _)) => Err(unknown("no statement has a parameter", name, &names)),
        None => Ok(()),
    }
}

/// The placeholders of a plan, without their `$`, and the types that their places need; texts of any layout are one.
fn kinds(plan: &LogicalPlan) -> EngineResult<BTreeMap<String, Vec<DataType>>> {
    let mut found: BTreeMap<String, Vec<DataType>> = BTreeMap::new();
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(placeholder) = expr {
                    let kinds = found.entry(name_of(placeholder).to_owned()).or_default();
                    if let Some(kind) = kind_of(placeholder).map(|kind| if kind.is_string() { DataType::Utf8View } else { kind })
                        && !kinds.contains(&kind)
                    {
                        kinds.push(kind);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn name_of(placeholder: &Placeholder) -> &str {
    placeholder.id.trim_start_matches('$')
}

/// The type a placeholder's place needs. Beside another placeholder the engine takes it for that of nothing at all.
fn kind_of(placeholder: &Placeholder) -> Option<DataType> {
    placeholder.field.as_ref().map(|field| field.data_type().clone()).filter(|kind| !kind.is_null())
}

/// A value as it was typed, and the type that all its places need which need one.
struct Given<'a> {
    text: &'a str,
    usual: Option<&'a DataType>,
}

/// Puts values in the place of placeholders.
struct Binder<'a> {
    values: HashMap<&'a str, Given<'a>>,
    /// Why a value does not fit its place.
    refused: Option<QueryError>,
}

impl Binder<'_> {
    fn bind(&mut self, plan: LogicalPlan) -> EngineResult<LogicalPlan> {
        let bound = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let bound = plan.map_expressions(|expr| {
                if !expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(_))))? {
                    return Ok(Transformed::no(expr));
                }
                // Columns above refer to the expression by its name.
                let name = names.save(&expr);
                Ok(expr.transform_down(|expr| self.replace(expr))?.update_data(|expr| name.restore(expr)))
            })?;
            if bound.transformed { bound.map_data(with_types) } else { Ok(bound) }
        })?;
        Ok(bound.data)
    }

    fn replace(&mut self, expr: Expr) -> EngineResult<Transformed<Expr>> {
        Ok(Transformed::yes(match expr {
            Expr::Placeholder(placeholder) => {
                let kind = kind_of(&placeholder);
                self.literal(&placeholder, |name, given| value(name, given.text, kind.as_ref().or(given.usual)))?
            }
            Expr::Cast(Cast { expr, field }) if field.data_type().is_string() => {
                // As it was typed: a time that is asked for as text is not to be written in another way.
                Expr::Cast(Cast { expr: self.child(expr, |_, given| Ok(text_value(given.text)))?, field })
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_sum(op) => {
                let (left, right) = (self.child(left, operand)?, self.child(right, operand)?);
                Expr::BinaryExpr(BinaryExpr { left, op, right })
            }
            other => return Ok(Transformed::no(other)),
        }))
    }

    /// The value of a placeholder that stands below an expression that decides its type; anything else as it is.
    fn child(
        &mut self,
        expr: Box<Expr>,
        value: impl FnOnce(&Placeholder, &Given<'_>) -> Result<ScalarValue, QueryError>,
    ) -> EngineResult<Box<Expr>> {
        let Expr::Placeholder(placeholder) = expr.as_ref() else { return Ok(expr) };
        self.literal(placeholder, |_, given| value(placeholder, given)).map(Box::new)
    }

    fn literal(
        &mut self,
        placeholder: &Placeholder,
        value: impl FnOnce(&str, &Given<'_>) -> Result<ScalarValue, QueryError>,
    ) -> EngineResult<Expr> {
        let name = name_of(placeholder);
        let Some(given) = self.values.get(name) else {
            return Err(DataFusionError::Plan(format!("parameter `${name}` has no value")));
        };
        value(name, given).map(|value| Expr::Literal(value, None)).map_err(|refused| {
            let message = refused.to_string();
            self.refused = Some(refused);
            DataFusionError::Plan(message)
        })
    }
}

/// The plan with the types of what its placeholders became.
fn with_types(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    match plan {
        // The types of rows that stand in the query are those of its first build.
        LogicalPlan::Values(Values { values, .. }) => LogicalPlanBuilder::values(values)?.build(),
        plan => plan.recompute_schema(),
    }
}

/// Whether an operator takes operands of unlike types.
fn is_sum(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
}

/// A value in a sum: the engine expects the type of what stands beside it, but a time may stand beside an interval and a fraction beside
/// a whole number.
fn operand(placeholder: &Placeholder, given: &Given<'_>) -> Result<ScalarValue, QueryError> {
    let (name, kind) = (name_of(placeholder), kind_of(placeholder));
    value(name, given.text, kind.as_ref()).or_else(|unfit| {
        let other = match kind {
            Some(DataType::Interval(_) | DataType::Duration(_)) => parse_typed(given.text).map(instant),
            Some(DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) => interval(given.text),
            Some(kind) if kind.is_integer() => given.text.parse::<f64>().ok().map(|number| ScalarValue::Float64(Some(number))),
            _ => None,
        };
        other.ok_or(unfit)
    })
}

fn text_value(text: &str) -> ScalarValue {
    ScalarValue::Utf8View(Some(text.to_owned()))
}

fn instant(micros: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}

/// A length of time with its unit; a bare number is none.
fn interval(text: &str) -> Option<ScalarValue> {
    let kind = DataType::Interval(IntervalUnit::MonthDayNano);
    let names_unit = text.contains(char::is_alphabetic) || text.contains(':');
    ScalarValue::try_from_string(text.to_owned(), &kind).ok().filter(|_| names_unit)
}

fn unknown(what: &str, name: &str, names: &[&str]) -> QueryError {
    let known = if names.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there is {}", names.iter().map(|n| format!("`${n}`")).collect::<Vec<_>>().join(", "))
    };
    let meant = nearest(name, names.iter().copied()).first().map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
    QueryError::Parameter(format!("{what} `${name}`: {known}{meant}"))
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
        Some(DataType::Date32) => {
            let days = parse_typed(text).and_then(|micros| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok());
            days.map(|days| ScalarValue::Date32(Some(days))).ok_or_else(|| unfit("a date, or a time of that date (UTC)"))
        }
        Some(DataType::Interval(_) | DataType::Duration(_)) => interval(text).ok_or_else(|| unfit("an interval, as in `2 hours`")),
        Some(DataType::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" => Ok(ScalarValue::Boolean(Some(true))),
            "false" | "f" | "no" => Ok(ScalarValue::Boolean(Some(false))),
            _ => Err(unfit("true or false")),
        },
        Some(kind) => {
            let what = match kind {
                k if k.is_integer() => "a whole number",
                k if k.is_numeric() => "a number",
                DataType::Date64 => "a date",
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
        return instant(micros);
    }
    text_value(text)
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
