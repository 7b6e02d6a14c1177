//! Odd, broken and hostile input, made here, and what must become of each piece: counted by hand, stated beside the bytes.

mod damage;
mod fields;
mod identity;
mod make;
mod text;
mod wrappers;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::asked::{TestStore, number, plain};

/// A piece of evidence and what must become of it.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    fates: Vec<&'static str>,
    kept: i64,
    rejected: (i64, i64),
    other: (i64, i64),
    /// Pieces of evidence that must stand in the ledger with this origin.
    members: Option<usize>,
}

impl Case {
    fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, bytes: bytes.into(), fates: vec!["kept"], kept: 0, rejected: (0, 0), other: (0, 0), members: None }
    }

    /// Records that must be in a table afterwards.
    fn kept(mut self, count: i64) -> Self {
        self.kept = count;
        self
    }

    fn rejected(mut self, count: i64) -> Self {
        self.rejected = (count, count);
        self
    }

    /// Where the contract leaves open how many.
    fn rejected_between(mut self, least: i64, most: i64) -> Self {
        self.rejected = (least, most);
        self
    }

    fn other(mut self, count: i64) -> Self {
        self.other = (count, count);
        self
    }

    fn other_between(mut self, least: i64, most: i64) -> Self {
        self.other = (least, most);
        self
    }

    /// What it may be called in the end; `kept` if not said.
    fn fate(mut self, fates: &[&'static str]) -> Self {
        self.fates = fates.to_vec();
        self
    }

    /// An archive: this many members, whose counts are summed.
    fn members(mut self, count: usize) -> Self {
        self.members = Some(count);
        self
    }

    /// How the found rows differ from what must be.
    fn differences(&self, rows: &[&Value]) -> Vec<String> {
        let mut lines = Vec::new();
        let sum = |column: &str| rows.iter().map(|row| number(&row[column])).sum::<i64>();
        let mut check = |what: &str, found: i64, (least, most): (i64, i64)| {
            if found < least || found > most {
                let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
                lines.push(format!("{:<34} {what:<10} {expected:>10} {found:>10}", self.name));
            }
        };
        // Which copy of an event counts as the kept one is another test's matter.
        check("accepted", sum("kept") + sum("duplicate"), (self.kept, self.kept));
        check("rejected", sum("rejected"), self.rejected);
        check("other", sum("other"), self.other);
        check("balance", sum("read") - sum("kept") - sum("duplicate") - sum("rejected") - sum("other"), (0, 0));
        if let Some(members) = self.members {
            let found = rows.iter().filter(|row| row["parent_id"].is_string()).count();
            if found != members {
                lines.push(format!("{:<34} {:<10} {members:>10} {found:>10}", self.name, "members"));
            }
        }
        for row in rows {
            if !self.fates.contains(&plain(&row["fate"]).as_str()) {
                lines.push(format!("{:<34} fate       {:?} {} ({})", self.name, self.fates, row["fate"], plain(&row["reason"])));
            }
        }
        if rows.is_empty() {
            lines.push(format!("{:<34} is not in the ledger", self.name));
        }
        lines
    }
}

/// Ingests all cases in one run, each named on the command line, and compares what became of each.
fn check(cases: Vec<Case>) -> TestStore {
    let store = TestStore::new();
    let paths: Vec<PathBuf> = cases.iter().map(|case| store.scratch().join(case.name)).collect();
    for (case, path) in cases.iter().zip(&paths) {
        fs::write(path, &case.bytes).expect("a file of the test");
    }
    let mut arguments = vec!["ingest"];
    arguments.extend(paths.iter().map(|path| path.to_str().expect("a UTF-8 path")));
    let output = store.run(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{:?}\n{said}", output.status);
    let ledger = store.rows(
        "SELECT origins, fate, reason, parent_id, break_offset, records_read AS read, records_kept AS kept, \
         records_duplicate AS duplicate, records_rejected AS rejected, records_other AS other FROM evidence",
    );
    let mut lines = Vec::new();
    for (case, path) in cases.iter().zip(&paths) {
        let path = path.to_str().expect("a UTF-8 path");
        let here = |row: &&Value| {
            let origins: Vec<String> = serde_json::from_str(&plain(&row["origins"])).unwrap_or_default();
            origins.iter().any(|origin| origin.ends_with(path) || origin.contains(&format!("{path}!")))
        };
        lines.extend(case.differences(&ledger.iter().filter(here).collect::<Vec<_>>()));
    }
    assert!(lines.is_empty(), "\n{:<34} {:<10} {:>10} {:>10}\n{}\n\n{said}", "", "", "expected", "found", lines.join("\n"));
    let incomplete =
        ledger.iter().any(|row| number(&row["rejected"]) > 0 || ["partial", "rejected", "failed"].contains(&plain(&row["fate"]).as_str()));
    assert_eq!(output.status.code(), Some(if incomplete { 3 } else { 0 }), "{said}");
    store
}
