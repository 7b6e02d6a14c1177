//! The rules of the tree. Each takes what it judges and says what is wrong with it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Floor of every crate (docs/architecture.md). A crate may use those strictly below it.
const FLOORS: &[(&str, u8)] = &[
    ("backtrail-model", 0),
    ("backtrail-cloudtrail", 1),
    ("backtrail-config", 1),
    ("backtrail-flowlogs", 1),
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
    ("backtrail-store", "backtrail-config"),
    ("backtrail-store", "backtrail-flowlogs"),
    ("backtrail-store", "backtrail-acquire"),
    ("backtrail-query", "backtrail-cloudtrail"),
    ("backtrail-query", "backtrail-config"),
    ("backtrail-query", "backtrail-flowlogs"),
    ("backtrail-query", "backtrail-acquire"),
    ("backtrail-timeline", "backtrail-acquire"),
    ("backtrail-timeline", "backtrail-ingest"),
];

/// Stands beside the floors.
const BENCHES: &str = "backtrail-benches";

/// Libraries of which two versions would not understand each other, or be built twice for nothing.
const ONCE: &[&str] = &["arrow-array", "arrow-schema", "parquet", "object_store", "datafusion", "zstd"];

/// Words of code that reaches out of the program.
const OUTSIDE: &[&str] = &["env::var", "println!(", "process::exit"];

/// A package and what it depends on; `dev` is what its tests alone need.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) ships_with: Vec<String>,
}

impl Package {
    pub(crate) fn from_metadata(package: &Value) -> Self {
        let name = |of: &Value| of["name"].as_str().expect("a name").to_owned();
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        // Tests may reach anywhere below `cli`; the floors are about what ships.
        Self { name: name(package), ships_with: dependencies.iter().filter(|d| d["kind"].as_str() != Some("dev")).map(name).collect() }
    }
}

/// A text file, by its path inside the workspace.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn imports(packages: &[Package]) -> Vec<String> {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for Package { name, ships_with } in packages.iter().filter(|p| p.name != BENCHES) {
        let Some(floor) = floors.get(name.as_str()) else {
            wrong.push(format!("{name} has no floor: add it to FLOORS and docs/architecture.md"));
            continue;
        };
        for to in ships_with {
            if let Some(below) = floors.get(to.as_str()).filter(|below| *below >= floor) {
                wrong.push(format!("{name} (floor {floor}) imports {to} (floor {below})"));
            }
            if FORBIDDEN.contains(&(name.as_str(), to.as_str())) {
                wrong.push(format!("{name} must not know {to}"));
            }
        }
    }
    let missing = FLOORS.iter().filter(|(name, _)| !packages.iter().any(|p| p.name == *name));
    wrong.extend(missing.map(|(name, _)| format!("{name} has a floor and is not in the workspace")));
    wrong
}

pub(crate) fn silence(source: &File) -> Option<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty());
    (!says).then(|| format!("{}: no `//!` at the top", source.path))
}

pub(crate) fn is_below_the_command_line(source: &File) -> bool {
    let mut parts = source.path.split('/');
    parts.next() == Some("crates") && parts.next() != Some("cli") && parts.next() == Some("src") && !parts.any(|p| p.starts_with("tests"))
}

pub(crate) fn reaches_outside(source: &File) -> Vec<String> {
    let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    OUTSIDE.iter().filter(|word| code.contains(**word)).map(|word| format!("{} uses {word}", source.path)).collect()
}

pub(crate) fn doubled(lock: &str) -> Vec<String> {
    let count = |family: &str| lock.matches(&format!("name = \"{family}\"\n")).count();
    let wrong = ONCE.iter().map(|family| (family, count(family))).filter(|(_, count)| *count != 1);
    wrong.map(|(family, count)| format!("{family} is in Cargo.lock {count} times")).collect()
}

/// Absolute paths of a developer's machine: they mean nothing on another, and say what is nobody's business.
pub(crate) fn machine_paths(file: &File) -> Vec<String> {
    // Written so that this file does not break its own rule.
    let roots = [concat!("/", "work/"), concat!("/", "root/")];
    // `…/network/` and `a/work/b` are no such paths: one begins where no path goes on.
    let begins = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')'));
    let speaks = |line: &str| roots.iter().any(|root| line.match_indices(root).any(|(at, _)| begins(&line[..at])));
    let lines = file.text.lines().enumerate().filter(|(_, line)| speaks(line));
    lines.map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim())).collect()
}
