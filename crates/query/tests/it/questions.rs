//! What may be asked, and how mistakes are answered.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use backtrail_query::{QueryError, Session, SessionOptions};
use backtrail_store::Store;
use futures::TryStreamExt;

pub(crate) async fn empty_session() -> (tempfile::TempDir, Session) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_or_create(&folder.path().join("store")).await.expect("a store");
    let options = SessionOptions { memory_budget: 64 << 20, threads: 2, spill_dir: folder.path().to_owned() };
    let session = Session::open(&store, &options).await.expect("a session");
    (folder, session)
}

async fn number(session: &Session, query: &str) -> i64 {
    let batches: Vec<_> = session.sql(query, &[]).await.expect(query).try_collect().await.expect(query);
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn refusal(session: &Session, query: &str) -> QueryError {
    session.sql(query, &[]).await.err().unwrap_or_else(|| panic!("{query} is answered"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_has_every_table_and_view() {
    let (_folder, session) = empty_session().await;
    for name in session.tables() {
        assert_eq!(number(&session, &format!("SELECT count(*) FROM {name}")).await, 0, "{name}");
    }
    for name in ["timeline", "changes", "network_changes", "logins", "denied", "assumed_roles", "evidence", "event_origins"] {
        assert!(session.tables().iter().any(|t| t == name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_questions_are_answered() {
    let (_folder, session) = empty_session().await;
    for query in [
        "DROP TABLE cloudtrail",
        "INSERT INTO evidence SELECT * FROM evidence",
        "DELETE FROM cloudtrail",
        "COPY cloudtrail TO '/tmp/x.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp'",
        "CREATE VIEW v AS SELECT 1",
        "SELECT 1; SELECT 2",
    ] {
        assert!(matches!(refusal(&session, query).await, QueryError::NotAllowed(_) | QueryError::Sql(_)), "{query}");
    }
    // Tables made of files do not exist.
    for query in ["SELECT * FROM '/etc/passwd'", "SELECT * FROM 'x.parquet'", "SELECT * FROM 'http://example.org/x.csv'"] {
        refusal(&session, query).await;
    }
    for query in ["SHOW TABLES", "DESCRIBE cloudtrail", "EXPLAIN SELECT 1", "WITH a AS (SELECT 1 AS n) SELECT n FROM a"] {
        session.sql(query, &[]).await.unwrap_or_else(|e| panic!("{query}: {e}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_point_at_their_place_and_name_what_is_near() {
    let (_folder, session) = empty_session().await;
    for (query, near) in [
        ("SELECT evnt_name FROM cloudtrail", "event_name"),
        ("SELECT 1 FROM cloudtrial", "cloudtrail"),
        ("SELECT arn_acount(raw) FROM cloudtrail", "arn_account"),
    ] {
        let QueryError::Sql(error) = refusal(&session, query).await else { panic!("{query}") };
        let text = error.to_string();
        assert!(text.contains("line 1, column") && text.contains('^'), "{text}");
        assert!(text.contains(near), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_as_their_names_say() {
    let (_folder, session) = empty_session().await;
    for (expression, expected) in [
        ("cidr_contains('198.51.100.0/24', '198.51.100.7')", 1),
        ("cidr_contains('198.51.100.0/24', '198.51.101.7')", 0),
        ("cidr_contains('2001:db8::/32', '2001:db8::1')", 1),
        ("ip_is_public('8.8.8.8')", 1),
        ("ip_is_public('10.1.2.3')", 0),
        ("ip_is_public('169.254.169.254')", 0),
        ("arn_service('arn:aws:iam::111122223333:role/r') = 'iam'", 1),
        ("arn_account('arn:aws:iam::111122223333:role/r') = '111122223333'", 1),
        ("'{\"a\":{\"b\":\"c\"}}' -> 'a' ->> 'b' = 'c'", 1),
    ] {
        assert_eq!(number(&session, &format!("SELECT CAST({expression} AS BIGINT)")).await, expected, "{expression}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_values_and_never_text_of_the_query() {
    let (_folder, session) = empty_session().await;
    let bound = [("name".to_owned(), "x' OR 1=1 --".to_owned())];
    session.sql("SELECT count(*) FROM cloudtrail WHERE event_name = $name", &bound).await.expect("bound");
    let missing = session.sql("SELECT count(*) FROM cloudtrail WHERE event_name = $name", &[]).await.err();
    assert!(missing.is_some_and(|e| e.to_string().contains("name")));
    let unknown = session.sql("SELECT count(*) FROM cloudtrail", &bound).await.err();
    assert!(unknown.is_some_and(|e| e.to_string().contains("name")));
}
