//! Logs are written by attackers: what they put into a user agent reaches nobody's terminal or spreadsheet as more than text.

use serde_json::json;

use super::make::{trail, with};
use super::{Case, check};
use crate::asked::TestStore;

const AGENTS: &[&str] = &[
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{202e}gpj.exe\u{2066}",
    "<script>alert(1)</script>",
    "=HYPERLINK(\"http://198.51.100.9/\",\"click\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "line\r\nbreak",
    "\u{9b}31m\u{85}",
    "'; DROP TABLE cloudtrail; --",
];

fn store() -> TestStore {
    let records: Vec<_> = AGENTS.iter().map(|agent| with("userAgent", json!(agent))).collect();
    check(vec![Case::new("agents.json", trail(&records)).kept(AGENTS.len() as i64)])
}

fn printed(store: &TestStore, arguments: &[&str]) -> String {
    let output = store.run(arguments);
    assert!(output.status.code().is_some_and(|code| code == 0 || code == 3), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_table_lets_no_control_or_bidi_character_through() {
    let store = store();
    for arguments in [
        vec!["sql", "SELECT user_agent FROM cloudtrail", "--format", "table"],
        vec!["timeline", "--from", "2024-05-01", "--to", "2024-05-02"],
        vec!["changes", "--from", "2024-05-01", "--to", "2024-05-02"],
    ] {
        let text = printed(&store, &arguments);
        let bad: Vec<char> = text
            .chars()
            .filter(|c| {
                (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
            })
            .collect();
        assert!(bad.is_empty(), "{arguments:?} printed {bad:?}");
    }
}

#[test]
fn a_csv_cell_is_never_a_formula_and_json_is_exact() {
    let store = store();
    let csv = printed(&store, &["sql", "SELECT user_agent FROM cloudtrail", "--format", "csv"]);
    for line in csv.lines().skip(1) {
        let cell = line.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet would run {line:?}");
    }
    let mut agents = store.column("SELECT user_agent FROM cloudtrail");
    let mut expected: Vec<String> = AGENTS.iter().map(|agent| (*agent).to_owned()).collect();
    agents.sort();
    expected.sort();
    assert_eq!(agents, expected);
}

#[test]
fn a_file_name_is_text_as_well() {
    let store = TestStore::new();
    let path = store.scratch().join("\u{1b}[31mred\u{202e}.json");
    std::fs::write(&path, trail(&[with("userAgent", json!("x"))])).expect("a file of the test");
    std::fs::write(store.scratch().join("\u{1b}]0;t\u{7}.txt"), "not evidence").expect("a file of the test");
    let (_, said) = store.ingest(&store.scratch());
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let table = printed(&store, &["evidence"]);
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'), "{table:?}");
}
