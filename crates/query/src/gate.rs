//! What a user may ask: exactly one statement, and one that only reads.

use datafusion::logical_expr::sqlparser::ast::{self, SetExpr, TableFactor, visit_relations};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use std::ops::ControlFlow;

use crate::{QueryError, diagnose, misread};

/// What is allowed, for every refusal.
pub(crate) const ALLOWED: &str = "only queries are allowed: SELECT, WITH, VALUES, EXPLAIN [ANALYZE], SHOW TABLES, SHOW COLUMNS, SHOW FUNCTIONS and DESCRIBE; evidence is never altered";

/// Calls inside calls, at most. The parser looks at the first argument of a call twice, since it may be a name: each call more doubles its time,
/// and nothing interrupts it.
const MOST_CALLS: usize = 20;

/// How many calls are open at once where most are. Every bracket behind a word counts, that of `AND (` too: the parser tries it as a call.
/// A text whose quotes are not closed has none: the parser refuses it at once.
fn deepest_call(text: &str) -> usize {
    let (mut open, mut calls, mut deepest) = (Vec::new(), 0, 0);
    let mut names = false;
    for token in tokens(text).unwrap_or_default() {
        match &token {
            Token::LParen => {
                calls += usize::from(names);
                open.push(names);
                deepest = deepest.max(calls);
            }
            Token::RParen => calls -= usize::from(open.pop().unwrap_or_default()),
            _ => {}
        }
        names = matches!(&token, Token::Word(_));
    }
    deepest
}

/// The one statement of a text, if it is a query.
pub(crate) fn admit(text: &str) -> Result<Statement, QueryError> {
    let dialect = PostgreSqlDialect {};
    if deepest_call(text) > MOST_CALLS {
        return Err(QueryError::NotAllowed(format!(
            "calls are nested more than {MOST_CALLS} deep, which would take very long to parse: name steps with `WITH step AS (SELECT ...)`"
        )));
    }
    let parsed = DFParserBuilder::new(text).with_dialect(&dialect).build().and_then(|mut parser| parser.parse_statements());
    let mut statements = match parsed {
        Ok(statements) => statements,
        Err(error) => return Err(refused_by_parser(text, error)),
    };
    let Some(statement) = statements.pop_front() else {
        return Err(QueryError::NotAllowed("there is no statement; try `SHOW TABLES`".to_owned()));
    };
    if !statements.is_empty() {
        return Err(QueryError::NotAllowed(format!("one statement at a time, please: here are {}", statements.len() + 1)));
    }
    check(&statement)?;
    Ok(statement)
}

/// The parser knows fewer statements than people do: what is not a query is refused as such, not as a syntax error.
fn refused_by_parser(text: &str, error: datafusion::common::DataFusionError) -> QueryError {
    const OTHERS: &[&str] = &[
        "ALTER",
        "ANALYZE",
        "ATTACH",
        "CALL",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DELETE",
        "DROP",
        "EXECUTE",
        "GRANT",
        "IMPORT",
        "INSERT",
        "INSTALL",
        "LOAD",
        "MERGE",
        "PRAGMA",
        "PREPARE",
        "REPLACE",
        "RESET",
        "REVOKE",
        "SET",
        "TRUNCATE",
        "UNLOAD",
        "UPDATE",
        "USE",
        "VACUUM",
    ];
    let first: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    if OTHERS.contains(&first.as_str()) { not(&first) } else { diagnose::syntax(text, error) }
}

fn not(what: &str) -> QueryError {
    QueryError::NotAllowed(format!("{what} is not allowed: {ALLOWED}"))
}

fn check(statement: &Statement) -> Result<(), QueryError> {
    match statement {
        Statement::Statement(statement) => check_sql(statement),
        Statement::Explain(explain) => check(&explain.statement),
        Statement::CreateExternalTable(_) => Err(not("CREATE EXTERNAL TABLE")),
        Statement::CopyTo(_) => Err(not("COPY")),
        Statement::Reset(_) => Err(not("RESET")),
    }
}

fn check_sql(statement: &ast::Statement) -> Result<(), QueryError> {
    use ast::Statement as S;
    match statement {
        S::Query(query) => check_query(query).and_then(|()| misread::check(query)),
        S::Explain { statement, .. } => check_sql(statement),
        S::ExplainTable { .. } | S::ShowTables { .. } | S::ShowColumns { .. } | S::ShowFunctions { .. } | S::ShowVariable { .. } => Ok(()),
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            Err(not(&words.first().copied().unwrap_or("this").to_ascii_uppercase()))
        }
    }
}

fn check_query(query: &ast::Query) -> Result<(), QueryError> {
    check_body(&query.body)?;
    for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
        check_query(&cte.query)?;
    }
    let quoted = visit_relations(query, |name| {
        let last = name.0.last().and_then(|part| part.as_ident());
        match last {
            Some(ident) if ident.quote_style == Some('\'') || is_location(&ident.value) => ControlFlow::Break(ident.value.clone()),
            _ => ControlFlow::Continue(()),
        }
    });
    match quoted {
        ControlFlow::Break(name) => Err(QueryError::NotAllowed(format!(
            "`{name}` is not a table: a query reads the store's tables only, no files or URLs; take evidence in with `backtrail ingest`"
        ))),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn check_body(body: &SetExpr) -> Result<(), QueryError> {
    match body {
        SetExpr::Select(select) => {
            if select.into.is_some() {
                return Err(not("SELECT INTO"));
            }
            let joined = select.from.iter().flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)));
            for factor in joined {
                if let TableFactor::Derived { subquery, .. } = factor {
                    check_query(subquery)?;
                }
            }
            Ok(())
        }
        SetExpr::Query(query) => check_query(query),
        SetExpr::SetOperation { left, right, .. } => check_body(left).and_then(|()| check_body(right)),
        SetExpr::Values(_) | SetExpr::Table(_) => Ok(()),
        SetExpr::Insert(_) => Err(not("INSERT")),
        SetExpr::Update(_) => Err(not("UPDATE")),
        SetExpr::Delete(_) => Err(not("DELETE")),
        SetExpr::Merge(_) => Err(not("MERGE")),
    }
}

/// Whether a name looks like a file or URL.
fn is_location(name: &str) -> bool {
    const ENDINGS: &[&str] = &[".parquet", ".csv", ".json", ".jsonl", ".ndjson", ".arrow", ".gz", ".zst"];
    name.contains("://") || name.contains('/') || ENDINGS.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}

/// Cuts a text into statements at semicolons that stand outside quotes and comments. What follows the last one is returned as the rest.
#[must_use]
pub fn split_statements(text: &str) -> (Vec<String>, String) {
    let (statements, rest) = cut(text);
    (statements.into_iter().map(|place| text[place].to_owned()).collect(), text[rest..].to_owned())
}

/// The same for a text that begins on a line of a longer one, counted from 0; the rest is a statement like the others, if it says
/// anything. Each has blank
/// lines and blanks before it, so that an error in it is told by its line and column in the whole.
#[must_use]
pub fn split_in_place(text: &str, line: usize) -> Vec<String> {
    let (statements, rest) = cut(text);
    let says_something = tokens(&text[rest..]).is_none_or(|t| !t.is_empty());
    let placed = statements.into_iter().chain(says_something.then_some(rest..text.len())).map(|place| {
        let before = &text[..place.start];
        let lines = line + before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        format!("{}{}{}", "\n".repeat(lines), " ".repeat(column), &text[place])
    });
    placed.collect()
}

/// Where the statements of a text stand, without blanks around them, and where the rest begins.
fn cut(text: &str) -> (Vec<std::ops::Range<usize>>, usize) {
    let Some(ends) = ends(text) else { return (Vec::new(), 0) };
    let (mut statements, mut from) = (Vec::new(), 0);
    for end in ends {
        let statement = text[from..end].trim();
        if !statement.is_empty() {
            let start = from + text[from..end].len() - text[from..end].trim_start().len();
            statements.push(start..start + statement.len());
        }
        from = end + 1;
    }
    (statements, from)
}

/// Whether a text ends with its last statement's semicolon (or holds nothing).
#[must_use]
pub fn is_complete(text: &str) -> bool {
    let (_, rest) = split_statements(text);
    ends(text).is_some() && tokens(&rest).is_some_and(|t| t.is_empty())
}

/// Byte offsets of the semicolons that end statements; `None` where a quote or comment is not closed.
fn ends(text: &str) -> Option<Vec<usize>> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().ok()?;
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |line: u64, column: u64| {
        let start = *starts.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        text[start..].char_indices().nth(usize::try_from(column).ok()?.checked_sub(1)?).map(|(at, _)| start + at)
    };
    Some(tokens.iter().filter(|t| t.token == Token::SemiColon).filter_map(|t| offset(t.span.start.line, t.span.start.column)).collect())
}

/// The names of a statement's placeholders, without their `$`; `None` where a quote or comment is not closed.
pub(crate) fn parameters_in(text: &str) -> Option<Vec<String>> {
    let names = tokens(text)?.into_iter().filter_map(|token| match token {
        Token::Placeholder(name) => Some(name.trim_start_matches('$').to_owned()),
        _ => None,
    });
    Some(names.collect())
}

/// What a text says, without blanks and comments.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize().ok()?;
    Some(tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_) | Token::EOF)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_behind_a_word_are_counted_and_others_are_not() {
        for (text, deepest) in [
            ("SELECT 1", 0),
            ("SELECT count(*) FROM t", 1),
            ("SELECT replace(replace(f(a), 'x', 'y'), '(((', ')') FROM t -- f(f(f(", 3),
            ("SELECT f(a), g(b), h(c(d))", 2),
            ("SELECT a + ((((b))))", 0),
            ("SELECT a FROM t WHERE (b AND (c OR (d IN (SELECT ((e))))))", 5),
            ("SELECT ))) f(", 1),
            ("SELECT 'f(f(f(", 0),
        ] {
            assert_eq!(deepest_call(text), deepest, "{text}");
        }
    }

    #[test]
    fn nothing_takes_the_parser_for_ever() {
        // Each call more doubles the parser's time: found by fuzzing.
        for (call, end) in [("coalesce(1, ", ")"), ("coalesce(1, ", ""), ("FROM (VALUE (1, ", "))"), ("AND(1, ", ")")] {
            let text = format!("SELECT {}1{}", call.repeat(60), end.repeat(60));
            assert!(admit(&text).is_err_and(|e| e.to_string().contains("nested more than 20 deep")), "{text}");
        }
        assert!(admit(&format!("SELECT {}1{}", "abs(".repeat(10), ")".repeat(10))).is_ok());
    }
}
