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
