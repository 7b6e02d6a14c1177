//! The tree keeps its promises: imports only point down a floor, every module says what it is, nothing below `cli` prints or reads the environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::workspace;

/// Floor of every crate (docs/architecture.md). A crate may use those strictly below it.
const FLOORS: &[(&str, u8)] = &[
    ("backtrail-model", 0),
    ("backtrail-cloudtrail", 1),
    ("backtrail-acquire", 1),
    ("backtrail-store", 2),
    ("backtrail-ingest", 3),
    ("backtrail-query", 3),
    ("backtrail-timeline", 4),
    ("backtrail-cli", 6),
];

/// Imports that point down and are wrong all the same: the store knows no AWS format, the timeline no files.
const FORBIDDEN: &[(&str, &str)] = &[
    ("backtrail-store", "backtrail-cloudtrail"),
    ("backtrail-store", "backtrail-acquire"),
    ("backtrail-query", "backtrail-cloudtrail"),
    ("backtrail-query", "backtrail-acquire"),
    ("backtrail-timeline", "backtrail-acquire"),
    ("backtrail-timeline", "backtrail-ingest"),
];

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(workspace("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

#[test]
fn imports_point_down() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut seen = 0;
    for package in metadata()["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if name == "backtrail-benches" {
            continue;
        }
        let floor = floors.get(name).unwrap_or_else(|| panic!("{name} has no floor: add it to FLOORS and docs/architecture.md"));
        seen += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            // Tests may reach anywhere below `cli`; the floors are about what ships.
            let (to, kind) = (dependency["name"].as_str().expect("a name"), dependency["kind"].as_str());
            let Some(below) = floors.get(to).filter(|_| kind != Some("dev")) else { continue };
            assert!(below < floor, "{name} (floor {floor}) imports {to} (floor {below})");
            assert!(!FORBIDDEN.contains(&(name, to)), "{name} must not know {to}");
        }
    }
    assert_eq!(seen, FLOORS.len(), "every crate of FLOORS is in the workspace");
}

fn sources(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).expect("a readable folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    let mut files = Vec::new();
    sources(&workspace("crates"), &mut files);
    sources(&workspace("benches"), &mut files);
    assert!(files.len() > 20);
    let silent: Vec<_> = files.iter().filter(|f| !fs::read_to_string(f).expect("text").starts_with("//!")).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn nothing_below_the_command_line_reads_the_environment() {
    let mut files = Vec::new();
    for folder in ["model", "cloudtrail", "acquire", "store", "ingest", "query", "timeline"] {
        sources(&workspace(&format!("crates/{folder}/src")), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("text");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for forbidden in ["env::var", "println!(", "process::exit"] {
            assert!(!code.contains(forbidden) || is_test_file(&file), "{} uses {forbidden}", file.display());
        }
    }
}

fn is_test_file(file: &Path) -> bool {
    file.file_stem().is_some_and(|s| s == "tests") || file.components().any(|c| c.as_os_str() == "tests")
}

#[test]
fn one_arrow() {
    let lock = fs::read_to_string(workspace("Cargo.lock")).expect("Cargo.lock");
    for family in ["arrow-array", "arrow-schema", "parquet", "object_store", "datafusion", "zstd"] {
        let needle = format!("name = \"{family}\"\n");
        assert_eq!(lock.matches(&needle).count(), 1, "{family} is in Cargo.lock more than once");
    }
}
