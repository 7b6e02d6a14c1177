//! Statements and commands that come through a pipe.

use crate::asked::TestStore;
use crate::kit::workspace;

fn piped(store: &TestStore, text: &str) -> (Option<i32>, String, String) {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_backtrail"));
    command.env_remove("BACKTRAIL_STORE").args(["sql", "--store"]).arg(store.path()).write_stdin(text);
    let output = command.output().expect("the binary starts");
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), lossy(&output.stdout), lossy(&output.stderr))
}

fn store() -> TestStore {
    let store = TestStore::new();
    store.ingest(&workspace("fixtures/incident/AWSLogs/o-edb928467f/637949588958/CloudTrail"));
    store
}

#[test]
fn statements_end_with_a_semicolon_and_may_span_lines() {
    let (code, out, said) = piped(&store(), "SELECT 1 AS a; SELECT ';' AS b,\n  2 AS c;\n\n-- done\nSELECT 3 AS d");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(out, "a\n─\n1\n(1 row)\nb  c\n─  ─\n;  2\n(1 row)\nd\n─\n3\n(1 row)\n");
}

#[test]
fn commands_work_and_their_answers_are_data() {
    let (code, out, said) = piped(&store(), "\\d\n\\f csv\nSELECT 1 AS a;\n\\q\nSELECT 2 AS b;\n");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(out.contains("cloudtrail\n") && out.contains("network_changes\n"), "{out}");
    assert!(out.ends_with("a\n1\n"), "nothing after \\q: {out}");
    let (_, out, _) = piped(&store(), "\\d evidence\n");
    assert!(out.contains("break_offset"), "{out}");
    let (_, _, said) = piped(&store(), "\\d cloudtrial\n");
    assert!(said.contains("did you mean `cloudtrail`?"), "{said}");
}

#[test]
fn the_first_mistake_ends_them_and_points_at_its_place() {
    let (code, out, said) = piped(&store(), "SELECT 1 AS a;\nSELECT evnt_name\nFROM cloudtrail;\nSELECT 2 AS b;\n");
    assert_eq!(code, Some(1));
    assert!(out.starts_with("a\n") && !out.contains('b'), "{out}");
    assert!(
        said.contains("line 2, column 8") && said.contains("2 | SELECT evnt_name") && said.contains("did you mean `event_name`?"),
        "{said}"
    );
}

#[test]
fn a_mistake_is_told_by_its_line_in_the_whole_input() {
    for (text, place) in [
        ("\\f csv\n\nSELECT 1 AS a; SELECT evnt_name FROM cloudtrail;\n", "line 3, column 23"),
        ("-- first\nSELECT 1 AS a;\n/* two\nlines */\nSELECT 1 AS b\nFROM cloudtrial", "line 6, column 6"),
        ("SELECT 'a\nb';\nSELEC 2;\n", "line 3, column 1"),
    ] {
        let (code, _, said) = piped(&store(), text);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(place), "{text}\n{said}");
    }
}
