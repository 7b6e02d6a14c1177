//! Results of queries in every format: the same values, and an error where a format cannot hold them.

use serde_json::{Value, json};

use crate::asked::TestStore;

const QUERY: &str = "SELECT j -> 'text' AS t, j -> 'object' AS o, j -> 'none' AS n, j -> 'large' AS l FROM (VALUES ('{\"text\":\"x\",\"object\":{\"a\":[1]},\"large\":9007199254740993}')) AS v(j)";

/// What `->` gives is JSON: a value in JSON, its text elsewhere.
#[test]
fn fields_taken_out_of_json_are_json_in_every_format() {
    let store = TestStore::of_fixture("incident");
    let answer = |format: &str| {
        let output = store.run(&["sql", QUERY, "--format", format]);
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let row = json!({"t": "x", "o": {"a": [1]}, "n": null, "l": "9007199254740993"});
    assert_eq!(serde_json::from_str::<Value>(&answer("json")).expect("JSON"), json!([row]));
    assert_eq!(serde_json::from_str::<Value>(&answer("jsonl")).expect("JSON"), row);
    assert_eq!(answer("csv"), "t,o,n,l\n\"\"\"x\"\"\",\"{\"\"a\"\":[1]}\",,9007199254740993\n");
    assert!(answer("table").contains(r#""x"  {"a":[1]}"#), "{}", answer("table"));
    let file = store.scratch().join("out.parquet");
    let name = file.to_str().expect("a UTF-8 path");
    let output = store.run(&["sql", QUERY, "--format", "parquet", "-o", name]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&file).expect("the file");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn what_parquet_cannot_hold_is_refused_and_the_file_of_an_earlier_answer_stays() {
    let store = TestStore::of_fixture("incident");
    let file = store.scratch().join("out.parquet");
    std::fs::write(&file, "an earlier answer").expect("written");
    for query in
        ["SELECT interval '1 month' AS x", "SELECT array_agg(request_parameters -> 'a') AS x FROM cloudtrail", "SELECT 1 FROM nowhere"]
    {
        let output = store.run(&["sql", query, "--format", "parquet", "-o", file.to_str().expect("a UTF-8 path")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{query}: {said}");
        assert!(said.contains("Parquet cannot hold column `x`") || said.contains("unknown table"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), "an earlier answer", "{query}");
    }
}

/// A join has both sides' columns: none may hide the other.
#[test]
fn columns_of_one_name_are_all_written() {
    let store = TestStore::of_fixture("incident");
    let query = "SELECT a.x, b.x, a.n FROM (VALUES ('one', 1)) AS a(x, n) JOIN (VALUES ('two', 1)) AS b(x, n) ON a.n = b.n";
    let answer = |format: &str| {
        let output = store.run(&["sql", query, "--format", format]);
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let row = json!({"x": "one", "x_2": "two", "n": 1});
    assert_eq!(serde_json::from_str::<Value>(&answer("json")).expect("JSON"), json!([row]));
    assert_eq!(serde_json::from_str::<Value>(&answer("jsonl")).expect("JSON"), row);
    assert_eq!(answer("csv"), "x,x_2,n\none,two,1\n");
    assert_eq!(answer("table"), "x    x    n\n───  ───  ─\none  two  1\n(1 row)\n");
    let file = store.scratch().join("out.parquet");
    let output = store.run(&["sql", query, "--format", "parquet", "-o", file.to_str().expect("a UTF-8 path")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&file).expect("the file");
    assert!(bytes.windows(3).any(|w| w == b"x_2"), "the second column has a name of its own");
}

/// The first rows of this query are there before one fails.
const FAILS_LATE: &str = "SELECT 10 / (3 - n) AS x FROM (SELECT value AS n FROM generate_series(1, 100000)) ORDER BY n";

#[test]
fn a_query_that_fails_on_the_way_leaves_no_part_and_no_earlier_answer_is_lost() {
    let store = TestStore::of_fixture("incident");
    let file = store.scratch().join("out.csv");
    let ask = |query: &str| store.run(&["sql", query, "--format", "csv", "-o", file.to_str().expect("a UTF-8 path")]);
    assert_eq!(ask(FAILS_LATE).status.code(), Some(1));
    assert!(!file.exists(), "there was none before");
    assert!(ask("SELECT 1 AS a").status.success());
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "a\n1\n");
    let failed = ask(FAILS_LATE);
    assert!(String::from_utf8_lossy(&failed.stderr).contains("division by zero"), "{failed:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "a\n1\n");
    let left: Vec<_> = std::fs::read_dir(store.scratch()).expect("the folder").map(|e| e.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_written_anew_keeps_its_rights_and_a_link_stays_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let store = TestStore::of_fixture("incident");
    let (file, link) = (store.scratch().join("out.csv"), store.scratch().join("link.csv"));
    std::fs::write(&file, "an earlier answer").expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("the rights");
    symlink(&file, &link).expect("a link");
    let output = store.run(&["sql", "SELECT 1 AS a", "--format", "csv", "-o", link.to_str().expect("a UTF-8 path")]);
    assert!(output.status.success(), "{output:?}");
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "a\n1\n");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
    let output = store.run(&["sql", "SELECT 1 AS a", "--format", "csv", "-o", "/dev/stdout"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n1\n");
}

/// A plan is read line by line; other texts stay on theirs, since evidence wrote them.
#[test]
fn only_plans_go_over_several_lines() {
    let store = TestStore::of_fixture("incident");
    let table = |query: &str| String::from_utf8(store.run(&["sql", query]).stdout).expect("UTF-8");
    let plan = table("EXPLAIN SELECT event_name FROM cloudtrail ORDER BY 1");
    assert!(!plan.contains("\\n") && plan.lines().count() > 5 && plan.ends_with(" rows)\n"), "{plan}");
    assert!(table("SELECT concat('a', chr(10), 'b') AS plan").contains("a\\nb"));
}
