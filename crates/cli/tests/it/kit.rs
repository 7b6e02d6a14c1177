//! How tests run the binary.

use std::path::{Path, PathBuf};
use std::process::Output;

/// A command of the binary under test with a clean environment and a store of its own.
#[allow(dead_code, reason = "each module of the suite uses its own part of the kit")]
pub(crate) fn backtrail(store: &Path, arguments: &[&str]) -> Output {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_backtrail"));
    command.env_remove("BACKTRAIL_STORE").env("NO_COLOR", "1").args(arguments).arg("--store").arg(store);
    command.output().expect("the binary starts")
}

/// A path inside the workspace.
#[allow(dead_code, reason = "each module of the suite uses its own part of the kit")]
pub(crate) fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
