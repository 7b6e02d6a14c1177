//! Ctrl-C ends a command at once, whatever it is busy with (design.md section 6: exit code 130), and the store is as it was.
#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::asked::TestStore;

#[test]
fn ctrl_c_ends_an_ingest_that_waits_for_more_and_leaves_the_store_as_it_was() {
    let store = TestStore::of_fixture("incident");
    let before = store.column("SELECT count(*) FROM cloudtrail");
    for command in [&["ingest", "-"][..], &["investigate", "-", "--at", "2025-10-15T14:05:00Z"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backtrail"))
            .args(command)
            .arg("--store")
            .arg(store.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("its stdin");
        // More than a pipe and a reader's buffer hold: once all of it is taken, the ingest is under way. The end never comes.
        let filler = " ".repeat(4 << 20);
        stdin.write_all(format!("{{\"Records\":[{filler}").as_bytes()).expect("taken");
        let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(status.success());
        let sent = Instant::now();
        let code = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status.code();
            }
            if sent.elapsed() > Duration::from_secs(60) {
                child.kill().expect("killed");
                panic!("{command:?} did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::new();
        child.stderr.take().expect("its stderr").read_to_string(&mut said).expect("text");
        assert_eq!(code, Some(130), "{command:?}: {said}");
        drop(stdin);
        assert_eq!(store.column("SELECT count(*) FROM cloudtrail"), before);
    }
}
