//! The tree keeps its promises: imports only point down a floor, every module says what it is, nothing below `cli` prints or reads the
//! environment, there is one Arrow, and nothing speaks of the machine it was written on.
//!
//! Each rule is a function from what it judges to what is wrong, so that `violations` can show that it notices.

mod rules;
mod violations;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rules::{File, Package};

use crate::kit::workspace;

/// Folders of the workspace that are not the project's: what builds and runs leave, and version control's own.
const NOT_OURS: &[&str] = &[".git", "target", "backtrail-store"];

/// The workspace's packages, as cargo knows them.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(workspace("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    metadata["packages"].as_array().expect("packages").iter().map(Package::from_metadata).collect()
}

fn walk(under: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(under).expect("a readable folder").map(|e| e.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The text files under a folder of the workspace, by their path inside it.
fn files(folder: &str) -> Vec<File> {
    let root = workspace("");
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    let file = |path: PathBuf| {
        let text = String::from_utf8(fs::read(&path).expect("a readable file")).ok()?;
        Some(File { path: path.strip_prefix(&root).expect("inside").to_string_lossy().into_owned(), text })
    };
    paths.into_iter().filter_map(file).collect()
}

fn sources() -> Vec<File> {
    let all = ["crates", "benches", "fuzz"].into_iter().filter(|folder| workspace(folder).is_dir()).flat_map(files);
    all.filter(|f| f.path.ends_with(".rs")).collect()
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn imports_point_down() {
    assert_none(&rules::imports(&packages()));
}

#[test]
fn every_module_says_what_it_is() {
    let sources = sources();
    assert!(sources.len() > 200, "only {} sources were found", sources.len());
    assert_none(&sources.iter().filter_map(rules::silence).collect::<Vec<_>>());
}

#[test]
fn nothing_below_the_command_line_reads_the_environment() {
    let below: Vec<File> = sources().into_iter().filter(rules::is_below_the_command_line).collect();
    assert!(below.len() > 100, "only {} sources were found", below.len());
    assert_none(&below.iter().flat_map(rules::reaches_outside).collect::<Vec<_>>());
}

#[test]
fn one_arrow() {
    assert_none(&rules::doubled(&fs::read_to_string(workspace("Cargo.lock")).expect("Cargo.lock")));
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    let all = files("");
    assert!(all.iter().any(|f| f.path == "README.md") && all.len() > 300, "only {} files were found", all.len());
    assert_none(&all.iter().flat_map(rules::machine_paths).collect::<Vec<_>>());
}
