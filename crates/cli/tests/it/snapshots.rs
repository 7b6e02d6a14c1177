//! What people read, word for word, over the bundled incident.
//!
//! `cargo insta review`, or `INSTA_UPDATE=always`, takes a new wording. Read it against `fixtures/incident.truth.json` first: a snapshot
//! says that an answer is the same as before, and only its reader that it is right.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;

use crate::kit::{backtrail, workspace};

/// The incident's time, and an event of it: the group opened to the world.
const AT: &str = "2025-10-15T14:05:00Z";
const OPENED: &str = "efab501f-a4c5-43e8-97b5-1a384380ed4f";

/// A store of the incident for all questions of this module, and what `investigate` said when it made it.
static INCIDENT: LazyLock<(tempfile::TempDir, Output)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let evidence = fs::canonicalize(workspace("fixtures/incident")).expect("the incident");
    let output = backtrail(&folder.path().join("store"), &["investigate", evidence.to_str().expect("a path"), "--at", AT]);
    (folder, output)
});

fn ask(arguments: &[&str]) -> Output {
    backtrail(&INCIDENT.0.path().join("store"), arguments)
}

/// Everything a terminal shows, and how it ended.
fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    format!("exit code {code}\n--- stdout\n{}--- stderr\n{}", text(&output.stdout), text(&output.stderr))
}

/// Holds a text to its snapshot, without what differs from machine to machine and from run to run.
fn assert_shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let root = fs::canonicalize(workspace("")).expect("the workspace");
    for (path, name) in [(INCIDENT.0.path(), "[FOLDER]"), (root.as_path(), "[WORKSPACE]")] {
        settings.add_filter(&escaped(path), name);
    }
    settings.add_filter(r"\b\d+\.\d+ s\b", "[SECONDS] s");
    // A column of paths is as wide as the workspace's own path makes it.
    settings.add_filter("origin {2,}reason", "origin  reason");
    settings.add_filter("─{100,}", "────");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A path as a regular expression.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().chars().flat_map(|c| if c.is_alphanumeric() || c == '/' { vec![c] } else { vec!['\\', c] }).collect()
}

#[test]
fn investigate() {
    assert_shown("investigate", &shown(&INCIDENT.1));
}

#[test]
fn known_evidence() {
    let evidence = fs::canonicalize(workspace("fixtures/incident")).expect("the incident");
    assert_shown("ingest_again", &shown(&ask(&["ingest", evidence.to_str().expect("a path")])));
}

#[test]
fn changes() {
    assert_shown("changes", &shown(&ask(&["changes", "--at", AT, "--before", "6h", "--account", "637949588958"])));
}

#[test]
fn actors() {
    assert_shown("actors", &shown(&ask(&["actors", "--at", AT, "--before", "6h", "--account", "637949588958"])));
}

#[test]
fn network() {
    assert_shown("network", &shown(&ask(&["network", "--at", AT])));
}

#[test]
fn timeline() {
    let window = ["--from", "2025-10-15T09:09:00Z", "--to", "2025-10-15T09:42:00Z"];
    assert_shown("timeline", &shown(&ask(&[["timeline"].as_slice(), &window, &["--account", "637949588958"]].concat())));
}

#[test]
fn a_name_nobody_has() {
    assert_shown("nobody", &shown(&ask(&["timeline", "--at", AT, "--actor", "platform-admn"])));
}

#[test]
fn coverage() {
    assert_shown("coverage", &shown(&ask(&["coverage", "--at", AT])));
}

#[test]
fn evidence() {
    assert_shown("evidence", &shown(&ask(&["evidence", "--fate", "deferred"])));
}

#[test]
fn show() {
    assert_shown("show", &shown(&ask(&["show", OPENED])));
}

#[test]
fn a_citation_of_nothing() {
    assert_shown("show_nothing", &shown(&ask(&["show", "00000000-0000-0000-0000-000000000000"])));
}

#[test]
fn sql() {
    let query =
        "SELECT event_name, count(*) AS calls, min(event_time) AS first FROM denied GROUP BY event_name ORDER BY calls DESC, event_name";
    assert_shown("sql", &shown(&ask(&["sql", query])));
}

#[test]
fn sql_with_a_mistake() {
    assert_shown("sql_mistake", &shown(&ask(&["sql", "SELECT eventName\nFROM cloudtrail"])));
}

#[test]
fn help() {
    // The long help of every command is docs/reference/commands.md, held to the program by a test of its own.
    let page =
        |arguments: &[&str]| format!("$ backtrail {}\n{}\n", arguments.join(" "), String::from_utf8(ask(arguments).stdout).expect("UTF-8"));
    assert_shown("help", &[page(&["--help"]), page(&["changes", "-h"]), page(&["show", "-h"]), page(&["sql", "-h"])].concat());
}

#[test]
fn wrong_usage() {
    let said = |arguments: &[&str]| format!("$ backtrail {}\n{}\n", arguments.join(" "), shown(&ask(arguments)));
    let wrong = [
        said(&["changes", "--at", "yesterday"]),
        said(&["changes", "--before", "2h"]),
        said(&["timeline", "--from", "2025-10-16", "--to", "2025-10-15"]),
        said(&["actors", "--outcome", "fine"]),
        said(&["sql", "DELETE FROM cloudtrail"]),
        said(&["sql", "SELECT 1", "--param", "x"]),
        said(&["chnages"]),
    ];
    assert_shown("wrong_usage", &wrong.concat());
}
