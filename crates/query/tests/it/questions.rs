//! What may be asked, and how mistakes are answered.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use backtrail_query::{QueryError, Session, SessionOptions};
use backtrail_store::Store;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
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
    // What the engine would take for something else, wherever it stands.
    for query in [
        "SELECT count(*) FROM cloudtrail WHERE event_name SIMILAR TO 'Run%'",
        "WITH a AS (SELECT * FROM cloudtrail TABLESAMPLE (1)) SELECT count(*) FROM a",
        "EXPLAIN SELECT 1 WHERE EXISTS (SELECT 1 FROM evidence WHERE kind NOT SIMILAR TO 'x')",
    ] {
        let refused = refusal(&session, query).await;
        assert!(matches!(&refused, QueryError::NotAllowed(why) if why.contains("is not supported: use")), "{query}: {refused}");
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

/// What a query answers with values bound, as one text.
async fn answer(session: &Session, query: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let rows = session.sql(query, &parameters).await.unwrap_or_else(|e| panic!("{query}: {e}"));
    let batches: Vec<RecordBatch> = rows.try_collect().await.unwrap_or_else(|e| panic!("{query}: {e}"));
    let cells = batches.iter().flat_map(|batch| {
        (0..batch.num_rows()).flat_map(|row| batch.columns().iter().map(move |c| array_value_to_string(c, row).expect("a text")))
    });
    cells.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_may_stand_at_places_of_several_types() {
    let (_folder, session) = empty_session().await;
    for (query, parameters, expected) in [
        // Texts of two layouts, and a literal.
        ("SELECT count(*) FROM timeline WHERE actor = $r OR arn = $r", &[("r", "x")][..], "0"),
        ("SELECT count(*) FROM cloudtrail WHERE ($a = '' OR event_name = $a)", &[("a", "GetObject")], "0"),
        ("SELECT count(*) FROM cloudtrail WHERE event_id = $k OR event_name = $k", &[("k", "x")], "0"),
        // A number where one is compared, a text where a text is, and what nothing is known of follows the others.
        ("SELECT count(*) FROM (VALUES (7, '7')) AS v(n, t) WHERE n = $x AND t = $x", &[("x", "7")], "1"),
        ("SELECT length($x), t FROM (VALUES ('007')) AS v(t) WHERE t = $x", &[("x", "007")], "3 007"),
        ("SELECT upper($x) FROM (VALUES ('5')) AS v(t) WHERE t = $x", &[("x", "5")], "5"),
        // A time beside an interval and the other way round; the date of a time.
        ("SELECT 1 WHERE TIMESTAMP '2024-05-01T12:30:00Z' > $t - interval '1 hour'", &[("t", "2024-05-01T13:00:00Z")], "1"),
        ("SELECT 1 WHERE TIMESTAMP '2024-05-01T13:00:00Z' - $d < TIMESTAMP '2024-05-01T12:00:01Z'", &[("d", "1 hour")], "1"),
        ("SELECT count(*) FROM cloudtrail WHERE event_time > $t - interval '1 hour' AND event_time < $t", &[("t", "2024-05-01")], "0"),
        (
            "SELECT count(*) FROM (SELECT TIMESTAMP '2024-05-01T13:00:00Z' AS t) WHERE t >= $t AND t::date = $t",
            &[("t", "2024-05-01T13:00:00Z")],
            "1",
        ),
        ("SELECT count(*) FROM (SELECT TIMESTAMP '2024-05-01T13:00:00Z' AS t) WHERE t >= $t AND t::date = $t", &[("t", "2024-05-01")], "1"),
        // Two placeholders side by side.
        ("SELECT $a || $b", &[("a", "x"), ("b", "7")], "x7"),
        ("SELECT $a || '-' || $b || $a", &[("a", "1"), ("b", "2")], "1-21"),
        ("EXPLAIN SELECT $a || $b", &[("a", "1"), ("b", "2")], ""),
        ("SELECT $a + $b", &[("a", "1"), ("b", "2")], "3"),
        ("SELECT $a + 1", &[("a", "1.5")], "2.5"),
        ("SELECT $a::varchar", &[("a", "2024-05-01T13:00:00+02:00")], "2024-05-01T13:00:00+02:00"),
        // Inside other queries.
        ("SELECT (SELECT max(t) FROM (VALUES ('b'), ('c')) AS v(t) WHERE t <> $x) WHERE $x IN (SELECT 'c')", &[("x", "c")], "b"),
        ("SELECT t || $x, count(*) FROM (VALUES ('a'), ('a')) AS v(t) GROUP BY t || $x", &[("x", "b")], "ab 2"),
        ("SELECT * FROM (VALUES ($a), (2)) AS v(n) ORDER BY n LIMIT $n", &[("a", "1"), ("n", "1")], "1"),
    ] {
        let answered = answer(&session, query, parameters).await;
        assert!(answered == expected || expected.is_empty(), "{query}: {answered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_told_with_its_place_in_mind() {
    let (_folder, session) = empty_session().await;
    for (query, value, said) in [
        ("SELECT 1 FROM cloudtrail WHERE event_time > $t", "1 hour", "must be a time"),
        ("SELECT 1 FROM cloudtrail WHERE event_time > $t - interval '1 hour'", "soon", "must be an interval"),
        ("SELECT 1 FROM cloudtrail WHERE event_time::date = $t", "soon", "must be a date"),
        ("SELECT 1 FROM cloudtrail WHERE record_index = $t", "x", "must be a whole number"),
    ] {
        let refused = session.sql(query, &[("t".to_owned(), value.to_owned())]).await.err().expect(query).to_string();
        assert!(refused.contains(said) && refused.contains(value), "{query}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_says_is_said_once() {
    let (_folder, session) = empty_session().await;
    let rows = session.sql("SELECT cidr_contains('bad', '10.0.0.1')", &[]).await;
    let error = match rows {
        Ok(rows) => QueryError::engine(rows.try_collect::<Vec<_>>().await.expect_err("a network that is none")),
        Err(error) => error,
    };
    assert!(error.to_string().starts_with("cidr_contains: `bad` is not a network"), "{error}");
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
}
