//! Asking a store of the suite: ingest, then rows of a query as JSON.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::kit::{backtrail, workspace};

/// A store in a temporary directory, gone when dropped.
pub(crate) struct TestStore {
    dir: tempfile::TempDir,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// One that holds a fixture of the project.
    pub(crate) fn of_fixture(name: &str) -> Self {
        let store = Self::new();
        store.ingest(&workspace("fixtures").join(name));
        store
    }

    /// A scratch directory beside the store, for evidence the test makes.
    pub(crate) fn scratch(&self) -> PathBuf {
        let path = self.dir.path().join("evidence");
        std::fs::create_dir_all(&path).expect("a scratch directory");
        path
    }

    /// The store's directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Runs any command against this store.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        backtrail(&self.path(), arguments)
    }

    /// Ingests and returns the exit code and what was said; any end but 0 and 3 is a failure of the test.
    pub(crate) fn ingest(&self, input: &Path) -> (i32, String) {
        let output = self.run(&["ingest", input.to_str().expect("a UTF-8 path")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap_or(-1);
        assert!(matches!(code, 0 | 3), "ingest of {} ended with {code}:\n{said}", input.display());
        (code, said)
    }

    /// The one JSON object of an answer, whole or incomplete.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// The rows of a query.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let output = self.run(&["sql", sql, "--format", "json"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        match serde_json::from_str(&text) {
            Ok(Value::Array(rows)) => rows,
            other => panic!("{sql}\nexpected a JSON array, not {other:?}"),
        }
    }

    /// The one row of a query.
    pub(crate) fn row(&self, sql: &str) -> Value {
        let mut rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}\n{rows:?}");
        rows.remove(0)
    }

    /// The one column of a query, as text: NULL is `-`.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).iter().map(|row| row.as_object().and_then(|o| o.values().next()).map_or("-".to_owned(), plain)).collect()
    }
}

/// What the generator wrote down of a fixture before anything was ingested.
pub(crate) fn truth_of(fixture: &str) -> Value {
    let path = workspace("fixtures").join(format!("{fixture}.truth.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the truth")).expect("JSON")
}

/// A list's members; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A JSON value as a person writes it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A whole number, whether it came as one or as a string.
pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("not a number: {value}"))
}

/// The shared evidence, or `None` after saying loudly that a test is skipped for want of it.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BACKTRAIL_SHARED_DATA").map_or_else(|| workspace("../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "\n*** SKIPPED: {} is not there, so nothing was compared with real evidence. Set BACKTRAIL_SHARED_DATA. ***\n",
        path.display()
    );
    None
}
