//! Broken input: what came before the break is kept, a broken record is rejected alone, and the ledger says where.

use super::make::{STORED_HEADER, event, gzip, gzip_stored, text, trail, trail_of, zip};
use super::{Case, check};
use crate::asked::{TestStore, number};

/// A trail's file of five records, and where each of them ends in it.
fn five() -> (String, Vec<usize>) {
    let records: Vec<_> = (0..5).map(|_| event()).collect();
    let whole = trail(&records);
    let mut ends = Vec::new();
    let mut at = 0;
    for record in &records {
        let text = record.to_string();
        at += whole[at..].find(&text).expect("in it") + text.len();
        ends.push(at);
    }
    (whole, ends)
}

#[test]
fn a_cut_gzip_keeps_what_came_before_the_cut() {
    let cut = |content_bytes: usize| {
        let (whole, ends) = five();
        let mut bytes = gzip_stored(&whole);
        bytes.truncate(STORED_HEADER + content_bytes);
        (bytes, i64::try_from(ends.iter().filter(|end| **end <= content_bytes).count()).expect("few"))
    };
    let (_, ends) = five();
    // In the middle of the third record, just before its last brace, and right after it.
    let (a, b, c) = (cut(ends[1] + 40), cut(ends[2] - 1), cut(ends[2]));
    assert_eq!([a.1, b.1, c.1], [2, 2, 3], "counted by hand");
    let mut without_trailer = gzip_stored(five().0);
    without_trailer.truncate(without_trailer.len() - 8);
    let mut in_trailer = gzip_stored(five().0);
    in_trailer.truncate(in_trailer.len() - 3);
    let store = check(vec![
        Case::new("cut-in-third.json.gz", a.0).kept(2).fate(&["partial"]),
        Case::new("cut-before-brace.json.gz", b.0).kept(2).fate(&["partial"]),
        Case::new("cut-after-third.json.gz", c.0).kept(3).fate(&["partial"]),
        Case::new("cut-before-trailer.json.gz", without_trailer).kept(5).fate(&["partial"]),
        Case::new("cut-in-trailer.json.gz", in_trailer).kept(5).fate(&["partial"]),
        Case::new("cut-in-header.json.gz", gzip(five().0)[..7].to_vec()).fate(&["partial", "rejected"]),
    ]);
    let offsets = store.rows("SELECT break_offset, size FROM evidence WHERE fate = 'partial'");
    assert!(offsets.iter().all(|row| number(&row["break_offset"]) <= number(&row["size"])), "{offsets:?}");
}

#[test]
fn damage_inside_a_gzip_is_said() {
    let mut crc = gzip_stored(trail_of(3));
    let at = crc.len() - 8;
    crc[at] ^= 0xff;
    let mut length = gzip_stored(trail_of(3));
    let at = length.len() - 1;
    length[at] ^= 0x01;
    let mut garbage = gzip(trail_of(2));
    garbage.extend(b"this is no gzip member");
    let mut padded = gzip(trail_of(2));
    padded.extend([0; 512]);
    check(vec![
        Case::new("crc.json.gz", crc).kept(3).fate(&["partial"]),
        Case::new("length.json.gz", length).kept(3).fate(&["partial"]),
        // The records are whole; that something follows them must be said, as a break or as a remark.
        Case::new("garbage-after.json.gz", garbage).kept(2).fate(&["partial", "kept"]),
        Case::new("padded.json.gz", padded).kept(2).fate(&["kept", "partial"]),
    ]);
}

#[test]
fn gzip_members_are_one_content_wherever_they_are_cut() {
    let (one, two) = (gzip(trail_of(2)), gzip(trail_of(1)));
    let whole = trail_of(3);
    let (left, right) = whole.split_at(whole.len() / 2);
    let mut in_record = gzip(left);
    in_record.extend(gzip(right));
    let mut second_cut = gzip_stored(trail_of(2));
    let mut tail = gzip_stored(trail_of(3));
    tail.truncate(STORED_HEADER + 100);
    second_cut.extend(tail);
    check(vec![
        Case::new("two-members.json.gz", [one, two].concat()).kept(3),
        Case::new("member-cut-in-record.json.gz", in_record).kept(3),
        Case::new("empty-member-between.json.gz", [gzip(trail_of(1)), gzip(""), gzip(trail_of(1))].concat()).kept(2),
        Case::new("second-member-cut.json.gz", second_cut).kept(2).fate(&["partial"]),
    ]);
}

#[test]
fn a_broken_record_is_rejected_alone() {
    let broken = |good: String| good.replacen("\"eventName\":\"RunInstances\"", "\"eventName\":", 1);
    let invalid: Vec<u8> = {
        let mut bytes = text().into_bytes();
        let at = bytes.windows(7).position(|w| w == b"aws-cli").expect("the agent");
        bytes[at] = 0xff;
        bytes
    };
    let lines = |middle: &str| format!("{}\n{middle}\n{}\n", text(), text());
    let mut invalid_line = format!("{}\n", text()).into_bytes();
    invalid_line.extend(&invalid);
    invalid_line.extend(format!("\n{}\n", text()).bytes());
    let store = check(vec![
        Case::new("broken-line.jsonl", lines(&broken(text()))).kept(2).rejected(1),
        Case::new("cut-line.jsonl", lines(&text()[..100])).kept(2).rejected(1),
        Case::new("word-line.jsonl", lines("what is this")).kept(2).rejected(1),
        Case::new("foreign-line.jsonl", lines("{\"level\":\"info\",\"msg\":\"hello\"}")).kept(2).rejected(1),
        Case::new("broken-element.json", format!("[{},{},{}]", text(), broken(text()), text())).kept(2).rejected(1),
        Case::new("broken-in-records.json", format!("{{\"Records\":[{},{},{}]}}", text(), broken(text()), text())).kept(2).rejected(1),
        Case::new("odd-elements.json", format!("[{},5,\"x\",null,{{\"a\":1}},{}]", text(), text())).kept(2).rejected(4),
        Case::new("invalid-utf8.jsonl", invalid_line).kept(2).rejected(1),
        Case::new("trailing-comma.json", format!("{{\"Records\":[{},{},]}}", text(), text())).kept(2).rejected_between(0, 1),
        Case::new("missing-comma.json", format!("[{} {}]", text(), text())).kept(2).rejected_between(0, 1),
    ]);
    let rejects = store.rows("SELECT r.record_index, r.length, r.reason, length(encode(r.bytes, 'hex')) / 2 AS held, e.origins FROM rejects r JOIN evidence e USING (evidence_id)");
    for row in &rejects {
        assert!(row["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{row}");
        assert!(number(&row["length"]) >= number(&row["held"]), "{row}");
    }
    let middle = rejects.iter().find(|row| row["origins"].as_str().is_some_and(|o| o.contains("broken-line.jsonl"))).expect("its reject");
    assert_eq!(number(&middle["record_index"]), 1, "named by its place: {middle}");
}

#[test]
fn a_document_that_ends_early_is_partial() {
    let (whole, ends) = five();
    check(vec![
        Case::new("cut.json", whole[..ends[3] - 10].to_owned()).kept(3).rejected_between(0, 1).fate(&["partial"]),
        Case::new("no-closing.json", five().0.trim_end_matches("]}").to_owned()).kept(5).fate(&["partial"]),
        Case::new("cut-line-at-end.jsonl", format!("{}\n{}\n{}", text(), text(), &text()[..200]))
            .kept(2)
            .rejected_between(0, 1)
            .fate(&["partial", "kept"]),
    ]);
}

#[test]
fn depth_and_size_end_no_process() {
    let deep =
        |n: usize| text().replacen("\"requestParameters\":null", &format!("\"requestParameters\":{}1{}", "[".repeat(n), "]".repeat(n)), 1);
    let large = |n: usize| text().replacen("aws-cli/2.15.0", &"a".repeat(n), 1);
    let around = |middle: String| format!("{{\"Records\":[{},{middle},{}]}}", text(), text());
    let open_only = format!("{{\"Records\":[{},{}", text(), "[".repeat(300_000));
    check(vec![
        Case::new("5-mb.json", around(large(5_000_000))).kept(3),
        Case::new("over-64-mib.json.gz", gzip(around(large(66 << 20)))).kept(2).rejected(1),
        // Whether so deep a record is kept is open; that its neighbours are kept is not.
        Case::new("opens-only.json", open_only).kept(1).rejected_between(0, 1).fate(&["partial", "kept"]),
    ]);
    let store = TestStore::new();
    let path = store.scratch().join("deep.json");
    std::fs::write(&path, around(deep(100_000))).expect("a file of the test");
    store.ingest(&path);
    let row = store.row("SELECT sum(records_kept) AS kept, sum(records_rejected) AS rejected FROM evidence");
    assert_eq!(number(&row["kept"]) + number(&row["rejected"]), 3, "{row}");
    assert!(number(&row["kept"]) >= 2, "{row}");
}

#[test]
fn a_damaged_archive_gives_what_it_can() {
    let mut archive = zip(&[("a.json", trail_of(2).as_bytes()), ("b.json", trail_of(1).as_bytes())]);
    let at = archive.windows(8).position(|w| w == b"RunInsta").expect("in the first member");
    archive[at] = b'S';
    let store = TestStore::new();
    let path = store.scratch().join("damaged.zip");
    std::fs::write(&path, archive).expect("a file of the test");
    let (code, said) = store.ingest(&path);
    assert_eq!(code, 3, "a member with a wrong checksum is not passed over: {said}");
    assert!(number(&store.row("SELECT count(*) AS n FROM cloudtrail")["n"]) >= 1, "{said}");
}

#[cfg(unix)]
#[test]
fn a_walk_ends_and_names_what_it_passes_over() {
    let store = TestStore::new();
    let root = store.scratch();
    std::fs::create_dir_all(root.join("AWSLogs")).expect("a folder");
    std::fs::write(root.join("AWSLogs/a.json"), trail_of(2)).expect("a file of the test");
    std::fs::write(root.join("LICENSE"), "Apache License\n").expect("a file of the test");
    std::fs::write(root.join(".DS_Store"), b"\0\0\0\x01Bud1\0\0").expect("a file of the test");
    std::fs::write(root.join("cdn.log"), "#Version: 1.0\n#Fields: date time\n").expect("a file of the test");
    std::os::unix::fs::symlink(&root, root.join("AWSLogs/loop")).expect("a link");
    let (code, said) = store.ingest(&root);
    assert_eq!(code, 0, "what is deferred or ignored is not incomplete: {said}");
    let fates = store.column("SELECT fate FROM evidence ORDER BY fate");
    assert_eq!(fates, ["deferred", "ignored", "ignored", "kept"], "{said}");
    assert!(said.contains("CloudFront access logs"), "the kind is named: {said}");
    // Named on the command line, the same file is evidence that could not be taken in.
    let named = TestStore::new();
    assert_eq!(named.ingest(&root.join("LICENSE")).0, 3);
    assert_eq!(named.column("SELECT fate FROM evidence"), ["rejected"]);
}
