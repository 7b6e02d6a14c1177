//! Archives: their members are evidence, they themselves are known by their hash.

use crate::kit::{Bench, gzip, tar, trail};

#[test]
fn members_are_pieces_and_the_archive_is_known_whole() {
    let bench = Bench::new();
    let inner = gzip(trail(0..4));
    let archive = tar(&[("logs/a.json.gz", &inner), ("logs/b.json", trail(4..9).as_bytes()), ("README", b"read me\n")]);
    bench.put("case.tar.gz", gzip(&archive));
    let summary = bench.run();
    assert_eq!((summary.met, summary.counts.kept), (4, 9));
    let row = bench.row("case.tar.gz");
    assert_eq!((row.kind.as_str(), row.fate.as_str()), ("archive (tar, gzip; 3 members)", "kept"));
    assert_eq!(row.counts.read, 0);
    let member = bench.row("case.tar.gz!logs/a.json.gz");
    assert_eq!((member.parent_id, member.member.as_deref()), (Some(row.evidence_id), Some("logs/a.json.gz")));
    assert_eq!(bench.fate("case.tar.gz!README").0, "ignored");
    let again = bench.run();
    assert_eq!((again.met, again.known), (0, 1), "it is not even opened");
}

#[test]
fn a_member_that_breaks_off_makes_its_archive_partial_too() {
    let bench = Bench::new();
    let whole = gzip(trail(0..500));
    bench.put("case.tar", tar(&[("cut.json.gz", &whole[..whole.len() / 2]), ("b.json", trail(600..603).as_bytes())]));
    let summary = bench.run();
    assert!(summary.is_incomplete());
    assert_eq!(bench.fate("case.tar!cut.json.gz").0, "partial");
    assert_eq!(bench.fate("case.tar"), ("partial", "1 of its members could not be read whole".to_owned()));
    // Read again, nothing changes.
    let events = bench.events();
    bench.run();
    assert_eq!(bench.events(), events);
}

#[test]
fn a_cut_archive_keeps_the_members_before_the_break() {
    let bench = Bench::new();
    let archive = tar(&[("a.json", trail(0..4).as_bytes()), ("b.json", trail(4..300).as_bytes())]);
    let cut = archive.len() / 2;
    bench.put("case.tar", &archive[..cut]);
    bench.run();
    let row = bench.row("case.tar");
    assert_eq!((row.fate.as_str(), row.break_offset), ("partial", Some(cut as i64)));
    assert_eq!(bench.fate("case.tar!a.json").0, "kept");
    assert_eq!(bench.fate("case.tar!b.json").0, "partial");
    assert!(bench.events() > 50);
}
