//! SQL that people type: it is answered or refused, never with a panic, and what is admitted only reads.

use backtrail_query::{QueryError, Session, SessionOptions, is_complete, split_statements};
use backtrail_store::Store;
use tokio::runtime::{Builder, Runtime};

/// How a statement that may be asked begins.
const READS: &[&str] = &["SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW", "DESCRIBE", "DESC", "TABLE", "FROM"];

struct Asked {
    runtime: Runtime,
    session: Session,
    _folder: tempfile::TempDir,
}

thread_local! {
    static ASKED: Asked = {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let session = runtime.block_on(async {
            let store = Store::open_or_create(&folder.path().join("store")).await.expect("a store");
            let options = SessionOptions { memory_budget: 16 << 20, threads: 1, spill_dir: folder.path().to_owned() };
            Session::open(&store, &options).await.expect("a session")
        });
        Asked { runtime, session, _folder: folder }
    };
}

/// The bytes are what somebody typed.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (statements, rest) = split_statements(text);
    assert!(statements.iter().all(|s| !s.trim().is_empty() && text.contains(s.as_str())), "statements are cut from the text");
    assert!(text.ends_with(&rest));
    if is_complete(text) {
        assert!(split_statements(&rest).0.is_empty(), "nothing is left of a complete text");
    }
    ASKED.with(|asked| {
        for statement in statements.iter().map(String::as_str).chain([text]) {
            // Planned, not run: the store is empty, and what costs time is not what is looked for.
            match asked.runtime.block_on(asked.session.sql(statement, &[])) {
                Ok(_rows) => assert!(begins_as_a_read(statement), "{statement:?} is admitted"),
                Err(error) => assert!(!matches!(error, QueryError::Store(_)), "{statement:?}: {error}"),
            }
        }
    });
}

/// Its first word, comments and brackets left out.
fn begins_as_a_read(statement: &str) -> bool {
    let mut text = statement;
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        if let Some(comment) = text.strip_prefix("--") {
            text = comment.split_once('\n').map_or("", |(_, next)| next);
        } else if text.starts_with("/*") {
            // Comments may nest: what is inside them is not looked at.
            return true;
        } else {
            break;
        }
    }
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    READS.contains(&word.as_str())
}
