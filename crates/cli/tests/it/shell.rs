//! Statements and commands that come through a pipe.

use crate::asked::TestStore;
use crate::kit::workspace;

fn piped(store: &TestStore, text: &str) -> (Option<i32>, String, String) {
    piped_with(store, &[], text)
}

fn piped_with(store: &TestStore, arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_backtrail"));
    command.env_remove("BACKTRAIL_STORE").args(["sql", "--store"]).arg(store.path()).args(arguments).write_stdin(text);
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
fn timing_is_told_of_each_statement_that_follows() {
    let (code, _, said) = piped(&store(), "SELECT 1 AS a;\n\\timing\nSELECT 2 AS b; SELECT 3 AS c;\n\\timing\nSELECT 4 AS d;\n");
    let times = said.lines().filter(|line| line.strip_suffix(" ms").is_some_and(|time| time.parse::<f64>().is_ok()));
    assert_eq!((code, times.count()), (Some(0), 2), "{said}");
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

#[test]
fn a_parameter_is_for_the_statements_that_ask_for_it() {
    let store = store();
    let script = "SELECT 1 AS a;\nSELECT $n + 1 AS b; -- $none\nSELECT '$n' AS c;\n";
    let (code, out, said) = piped_with(&store, &["--format", "csv", "-p", "n=5"], script);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(out, "a\n1\nb\n6\nc\n$n\n");
    // One that none asks for is a mistake, and told before anything is answered.
    let (code, out, said) = piped_with(&store, &["-p", "n=5", "-p", "m=1"], script);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(said.contains("no statement has a parameter `$m`: there is `$n`"), "{said}");
    let (code, _, said) = piped_with(&store, &["-p", "n=5"], "SELECT 1 AS a;\nSELECT $k;\n");
    assert_eq!(code, Some(1), "{said}");
    let query = store.run(&["sql", "SELECT 1", "-p", "n=5"]);
    assert!(String::from_utf8_lossy(&query.stderr).contains("the query has no parameter `$n`: there is none"), "{query:?}");
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark_and_may_be_stdin() {
    let store = store();
    let file = store.scratch().join("query.sql");
    std::fs::write(&file, "\u{feff}SELECT 1 AS a").expect("written");
    let output = store.run(&["sql", "--format", "csv", "-f", file.to_str().expect("a UTF-8 path")]);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), "a\n1\n"), "{output:?}");
    for text in ["\u{feff}SELECT 1 AS a", "SELECT 1 AS a;\n"] {
        assert_eq!(piped_with(&store, &["--format", "csv", "-f", "-"], text), (Some(0), "a\n1\n".to_owned(), String::new()));
    }
    assert_eq!(piped(&store, "\u{feff}SELECT 1 AS a").1, "a\n─\n1\n(1 row)\n");
}

#[test]
fn all_answers_of_a_script_go_into_the_file() {
    let store = store();
    let file = store.scratch().join("out.csv");
    let name = file.to_str().expect("a UTF-8 path");
    let script = "SELECT 1 AS a;\nSELECT 2 AS b;\n";
    let (code, out, said) = piped_with(&store, &["--format", "csv", "-o", name], script);
    assert_eq!((code, out.as_str(), said.as_str()), (Some(0), "", ""));
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "a\n1\nb\n2\n");
    let (code, _, said) = piped_with(&store, &["--format", "csv", "-o", name], "SELECT 3 AS c;\nSELEC 4;\n");
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "a\n1\nb\n2\n", "one that fails leaves it as it was");
    let (code, _, said) = piped_with(&store, &["--format", "parquet", "-o", name], script);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a Parquet file holds the answer of one statement"), "{said}");
}

/// In a terminal, which `script` of util-linux makes.
#[cfg(target_os = "linux")]
#[test]
fn statements_that_arrive_together_are_all_answered() {
    let store = store();
    let binary = env!("CARGO_BIN_EXE_backtrail");
    let shell = format!("'{binary}' sql --store '{}'", store.path().display());
    let mut command = assert_cmd::Command::new("script");
    command.args(["-qec", &shell, "/dev/null"]).env("TERM", "xterm").env("XDG_STATE_HOME", store.scratch());
    let typed = "SELECT 1 AS one;\rSELECT 2 AS two;\rSELECT 3 AS three;\r\\q\r";
    let output = match command.write_stdin(typed).timeout(std::time::Duration::from_secs(60)).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("not tried: no terminal can be made: {error}"),
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(shown.matches("(1 row)").count(), 3, "{shown}");
}
