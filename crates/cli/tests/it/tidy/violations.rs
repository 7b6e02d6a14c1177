//! Each rule notices what it is there for.

use serde_json::json;

use super::rules::{self, File, Package};

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

fn package(name: &str, ships_with: &[&str]) -> Package {
    Package { name: name.to_owned(), ships_with: ships_with.iter().map(|&n| n.to_owned()).collect() }
}

/// The workspace, every crate importing nothing but `model`, one of them something more.
fn workspace_with(extra: Package) -> Vec<Package> {
    let names = ["model", "cloudtrail", "config", "flowlogs", "acquire", "store", "ingest", "query", "timeline", "cli"];
    let plain = names.map(|n| package(&format!("backtrail-{n}"), if n == "model" { &[] } else { &["backtrail-model", "serde"] }));
    let mut all: Vec<Package> = plain.into_iter().filter(|p| p.name != extra.name).collect();
    all.push(extra);
    all
}

#[test]
fn imports_that_point_up_sideways_or_where_they_must_not() {
    let wrong = |name: &str, to: &str| rules::imports(&workspace_with(package(name, &[to])));
    assert_eq!(wrong("backtrail-ingest", "backtrail-store"), [] as [&str; 0]);
    assert_eq!(wrong("backtrail-model", "backtrail-store"), ["backtrail-model (floor 0) imports backtrail-store (floor 2)"]);
    assert_eq!(wrong("backtrail-cloudtrail", "backtrail-acquire"), ["backtrail-cloudtrail (floor 1) imports backtrail-acquire (floor 1)"]);
    assert_eq!(wrong("backtrail-timeline", "backtrail-ingest"), ["backtrail-timeline must not know backtrail-ingest"]);
    assert_eq!(wrong("backtrail-new", "serde"), ["backtrail-new has no floor: add it to FLOORS and docs/architecture.md"]);
    assert_eq!(wrong("backtrail-benches", "backtrail-cli"), [] as [&str; 0], "benches stand beside the floors");
    let without_cli: Vec<_> = workspace_with(package("backtrail-benches", &[])).into_iter().filter(|p| p.name != "backtrail-cli").collect();
    assert_eq!(rules::imports(&without_cli), ["backtrail-cli has a floor and is not in the workspace"]);
}

#[test]
fn only_what_ships_counts_as_an_import() {
    let dependency = |name: &str, kind: Option<&str>| json!({"name": name, "kind": kind});
    let dependencies = [dependency("a", None), dependency("b", Some("dev")), dependency("c", Some("build"))];
    let package = Package::from_metadata(&json!({"name": "backtrail-query", "dependencies": dependencies}));
    assert_eq!((package.name.as_str(), package.ships_with), ("backtrail-query", vec!["a".to_owned(), "c".to_owned()]));
}

#[test]
fn modules_that_say_nothing() {
    for silent in ["", "use std::fs;\n", "// A comment.\n", "//!\nuse std::fs;\n", "\n//! Too late.\n"] {
        assert!(rules::silence(&file("a.rs", silent)).is_some(), "{silent:?}");
    }
    assert_eq!(rules::silence(&file("a.rs", "//! Says what it is.\n")), None);
}

#[test]
fn libraries_that_reach_outside() {
    let path = "crates/query/src/gate.rs";
    for (code, word) in [
        ("let home = std::env::var(\"HOME\");", "env::var"),
        ("println!(\"{x}\");", "println!("),
        ("eprintln!(\"{x}\");", "println!("),
        ("std::process::exit(1);", "process::exit"),
    ] {
        assert_eq!(rules::reaches_outside(&file(path, code)), [format!("{path} uses {word}")]);
        assert!(rules::reaches_outside(&file(path, &format!("#[cfg(test)]\nmod tests {{ {code} }}"))).is_empty(), "tests may");
    }
    for (path, is_below) in [
        ("crates/query/src/gate.rs", true),
        ("crates/query/src/functions/arn.rs", true),
        ("crates/store/src/tests/kit.rs", false),
        ("crates/query/tests/it/main.rs", false),
        ("crates/cli/src/main.rs", false),
        ("benches/src/main.rs", false),
    ] {
        assert_eq!(rules::is_below_the_command_line(&file(path, "")), is_below, "{path}");
    }
}

#[test]
fn libraries_that_are_there_twice_or_not_at_all() {
    let entry = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let once: String =
        ["arrow-array", "arrow-schema", "parquet", "object_store", "datafusion", "zstd", "datafusion-sql"].map(entry).concat();
    assert_eq!(rules::doubled(&once), [] as [&str; 0]);
    assert_eq!(rules::doubled(&(once.clone() + &entry("zstd"))), ["zstd is in Cargo.lock 2 times"]);
    assert_eq!(rules::doubled(&once.replace("\"parquet\"", "\"other\"")), ["parquet is in Cargo.lock 0 times"]);
}

#[test]
fn paths_of_a_machine() {
    let (work, root) = (concat!("/", "work/"), concat!("/", "root/"));
    for text in [format!("{work}main"), format!("see `{root}.cargo`"), format!("a\nb = \"{work}x\"\n"), format!("file:{root}x")] {
        assert_eq!(rules::machine_paths(&file("a.md", &text)).len(), 1, "{text}");
    }
    let numbered = rules::machine_paths(&file("a.md", &format!("one\n  at {root}x\n")));
    assert_eq!(numbered, [format!("a.md:2: at {root}x")]);
    for text in [format!("frame{work}x"), format!("case1{root}x"), "network/ work root/x".to_owned(), format!("$HOME{work}x}}{work}")] {
        assert!(rules::machine_paths(&file("a.md", &text)).is_empty(), "{text}");
    }
}
