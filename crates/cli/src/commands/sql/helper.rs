//! Completion: of the names that can stand where the cursor is, and of keywords.

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

/// What a statement begins with.
const BEGINNINGS: &[&str] = &["SELECT", "WITH", "EXPLAIN", "DESCRIBE", "SHOW TABLES"];
const COMMANDS: &[&str] = &["\\d", "\\df", "\\f", "\\q", "\\timing"];
const FORMATS: &[&str] = &["table", "json", "jsonl", "csv"];

/// Words that begin a part of a statement, which decides what can stand in it.
const PARTS: &[&str] =
    &["SELECT", "FROM", "JOIN", "ON", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "VALUES", "DESCRIBE", "USING"];

/// What the shell completes.
pub(super) struct SqlHelper {
    /// Tables and views with their columns.
    tables: Vec<(String, Vec<String>)>,
    functions: Vec<String>,
    /// The lines of the statement before the one that is typed.
    pub(super) before: String,
}

impl SqlHelper {
    pub(super) async fn of(session: &Session) -> anyhow::Result<Self> {
        let mut tables = Vec::new();
        for table in session.tables() {
            let columns = session.columns(&table).await;
            tables.push((table, columns));
        }
        Ok(Self { tables, functions: session.functions()?, before: String::new() })
    }

    /// The words that can stand at the end of `before`, a text that goes on with `after`; not yet only those that begin as typed.
    fn candidates(&self, before: &str, after: &str) -> Vec<String> {
        if let Some(command) = before.trim_start().strip_prefix('\\') {
            return self.arguments(command);
        }
        let is_open = |quote: char| before.matches(quote).count() % 2 == 1;
        let is_comment = before.rsplit('\n').next().is_some_and(|line| line.contains("--"));
        if is_open('\'') || is_open('"') || is_comment {
            return Vec::new();
        }
        let words = words(before);
        let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
        let named = self.named(&[before, " ", after].concat());
        let part = part(&upper);
        match (part, upper.last().map_or("", String::as_str)) {
            (_, "" | ";") => owned(BEGINNINGS),
            // The table is not named yet.
            (_, ".") if named.is_empty() => self.all_columns(),
            (_, ".") => {
                let table = words.iter().rev().nth(1).map_or("", String::as_str);
                let of_it = named.iter().filter(|(name, _)| name.eq_ignore_ascii_case(table));
                of_it.flat_map(|(_, columns)| columns.iter().cloned()).collect()
            }
            // A name of the user's own, or a number.
            (_, "AS" | "LIMIT" | "OFFSET") => Vec::new(),
            ("FROM" | "JOIN", "FROM" | "JOIN" | ",") | ("DESCRIBE", _) => self.table_names().chain(steps(&words)).collect(),
            // Behind a table stands another part of the statement, or a query in brackets.
            ("FROM" | "JOIN", _) => owned(KEYWORDS),
            _ => {
                let columns = || named.iter().flat_map(|(_, columns)| columns.iter().cloned()).collect();
                let columns: Vec<String> = if named.is_empty() { self.all_columns() } else { columns() };
                let names = named.iter().map(|(name, _)| name.clone());
                owned(KEYWORDS).into_iter().chain(columns).chain(names).chain(self.functions.iter().cloned()).collect()
            }
        }
    }

    /// What can follow on a command of the shell, without its backslash.
    fn arguments(&self, command: &str) -> Vec<String> {
        match command.split_whitespace().next().unwrap_or_default() {
            _ if !command.contains(char::is_whitespace) => owned(COMMANDS),
            "d" | "dt" => self.table_names().collect(),
            "f" => owned(FORMATS),
            _ => Vec::new(),
        }
    }

    fn table_names(&self) -> impl Iterator<Item = String> {
        self.tables.iter().map(|(name, _)| name.clone())
    }

    fn all_columns(&self) -> Vec<String> {
        self.tables.iter().flat_map(|(_, columns)| columns.iter().cloned()).collect()
    }

    /// The tables a statement names, by their names and by what it calls them, with their columns.
    fn named(&self, statement: &str) -> Vec<(String, &[String])> {
        let words = words(statement);
        let mut named: Vec<(String, &[String])> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let Some((name, columns)) = self.tables.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) else { continue };
            named.push((name.clone(), columns));
            let rest = &words[at + 1..];
            let rest = if rest.first().is_some_and(|word| word.eq_ignore_ascii_case("as")) { &rest[1..] } else { rest };
            if let Some(alias) = rest.first().filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_') && !is_keyword(word))
            {
                named.push((alias.clone(), columns));
            }
        }
        named
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn is_keyword(word: &str) -> bool {
    let upper = word.to_uppercase();
    let is_first = |known: &&str| known.split(' ').next() == Some(upper.as_str());
    KEYWORDS.iter().any(is_first)
        || PARTS.contains(&upper.as_str())
        || ["CROSS", "INNER", "FULL", "RIGHT", "NATURAL"].contains(&upper.as_str())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words and signs of a text.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut goes_on = false;
    for c in text.chars() {
        match words.last_mut().filter(|_| goes_on && is_word(c)) {
            Some(word) => word.push(c),
            None if c.is_whitespace() => {}
            None => words.push(c.to_string()),
        }
        goes_on = is_word(c);
    }
    words
}

/// The part of a statement that words end in; queries in brackets before are over.
fn part(upper: &[String]) -> &str {
    let mut closed = 0;
    for word in upper.iter().rev() {
        match word.as_str() {
            ")" => closed += 1,
            "(" if closed > 0 => closed -= 1,
            word if closed == 0 && PARTS.contains(&word) => return word,
            _ => {}
        }
    }
    ""
}

/// The names that WITH gives to steps: `name AS (`.
fn steps(words: &[String]) -> impl Iterator<Item = String> {
    words.windows(3).filter(|three| three[1].eq_ignore_ascii_case("as") && three[2] == "(").map(|three| three[0].clone())
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = line[..position].rfind(|c: char| !(is_word(c) || c == '\\')).map_or(0, |i| i + 1);
        let typed = line[start..position].to_lowercase();
        // Of a command, the backslash is part of what is typed.
        let head = if typed.starts_with('\\') { "\\" } else { &line[..start] };
        let mut fit = self.candidates(&[self.before.as_str(), head].concat(), &line[position..]);
        fit.retain(|word| !typed.is_empty() && word.to_lowercase().starts_with(&typed));
        fit.sort_unstable();
        fit.dedup();
        Ok((start, fit.into_iter().map(|word| Pair { display: word.clone(), replacement: word }).collect()))
    }
}

impl Hinter for SqlHelper {
    type Hint = String;
}
impl Highlighter for SqlHelper {}
impl Validator for SqlHelper {}
impl Helper for SqlHelper {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::history::MemHistory;

    fn helper() -> SqlHelper {
        let table = |name: &str, columns: &[&str]| (name.to_owned(), owned(columns));
        let tables = vec![
            table("cloudtrail", &["event_id", "event_name"]),
            table("evidence", &["evidence_id", "fate"]),
            table("timeline", &["event_time"]),
        ];
        SqlHelper { tables, functions: owned(&["ends_with", "event_hash"]), before: String::new() }
    }

    /// What Tab offers at `|`.
    fn offered(helper: &SqlHelper, line: &str) -> Vec<String> {
        let position = line.find('|').expect("the cursor");
        let history = MemHistory::new();
        let (_, pairs) = helper.complete(&line.replace('|', ""), position, &Context::new(&history)).unwrap();
        pairs.into_iter().map(|pair| pair.replacement).collect()
    }

    #[test]
    fn only_what_can_stand_there_is_offered() {
        for (line, expected) in [
            ("sel|", &["SELECT"][..]),
            ("ev|", &[]),
            ("select ev| from cloudtrail", &["event_hash", "event_id", "event_name"]),
            ("select ev|", &["event_hash", "event_id", "event_name", "event_time", "evidence_id"]),
            ("select * from ev|", &["evidence"]),
            ("select * from cloudtrail c, ev|", &["evidence"]),
            ("select * from cloudtrail wh|", &["WHEN", "WHERE"]),
            ("select * from cloudtrail ev|", &[]),
            ("select * from (sel|", &["SELECT"]),
            ("select * from evidence where 1 in (select 1 from timeline) and fa|", &["fate"]),
            ("select * from cloudtrail join evidence using (ev|", &["event_hash", "event_id", "event_name", "evidence", "evidence_id"]),
            ("select e.ev| from cloudtrail c join evidence as e", &["evidence_id"]),
            ("select x.ev| from cloudtrail c", &[]),
            ("select x.event_t|", &["event_time"]),
            ("select * from cloudtrail c where c.event_n|", &["event_name"]),
            ("select 'ev|", &[]),
            ("select 1 -- ev|", &[]),
            ("select event_id as ev|", &[]),
            ("with events as (select 1) select * from ev|", &["events", "evidence"]),
            ("describe time|", &["timeline"]),
            ("\\d ev|", &["evidence"]),
            ("\\t|", &["\\timing"]),
            ("\\f js|", &["json", "jsonl"]),
            ("\\timing ev|", &[]),
        ] {
            assert_eq!(offered(&helper(), line), expected, "{line}");
        }
    }

    #[test]
    fn the_lines_before_count() {
        let helper = SqlHelper { before: "select count(*)\nfrom evidence\n".to_owned(), ..helper() };
        assert_eq!(offered(&helper, "where ev|"), ["event_hash", "evidence", "evidence_id"]);
    }
}
