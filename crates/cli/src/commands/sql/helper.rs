//! Completion of tables, columns, functions and keywords.

use backtrail_query::Session;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

const KEYWORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS NULL",
    "IS NOT NULL",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "DISTINCT",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "AS",
    "WITH",
    "UNION ALL",
    "EXPLAIN",
    "DESCRIBE",
    "SHOW TABLES",
    "DESC",
    "ASC",
    "COUNT",
    "INTERVAL",
];

/// Every word the shell completes.
pub(super) struct SqlHelper {
    words: Vec<String>,
}

impl SqlHelper {
    pub(super) async fn of(session: &Session) -> Self {
        let mut words: Vec<String> = KEYWORDS.iter().map(|k| (*k).to_owned()).collect();
        for table in session.tables() {
            words.extend(session.columns(&table).await);
            words.push(table);
        }
        words.extend(session.functions());
        words.sort_unstable();
        words.dedup();
        Self { words }
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = line[..position].rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\\')).map_or(0, |i| i + 1);
        let typed = line[start..position].to_lowercase();
        let fits = |w: &&String| !typed.is_empty() && w.to_lowercase().starts_with(&typed);
        let pair = |w: &String| Pair { display: w.clone(), replacement: w.clone() };
        Ok((start, self.words.iter().filter(fits).map(pair).collect()))
    }
}

impl Hinter for SqlHelper {
    type Hint = String;
}
impl Highlighter for SqlHelper {}
impl Validator for SqlHelper {}
impl Helper for SqlHelper {}
