//! Telling evidence apart: every content has a kind, and a kind says what becomes of it.

use backtrail_ingest::registry::decoder_for;
use backtrail_ingest::sniff::{HEAD, mentions_records, sniff};

/// The bytes are the beginning of a file, and its end.
pub fn check(data: &[u8]) {
    let kind = sniff(data, || data.to_vec());
    assert_eq!(sniff(data, || data.to_vec()), kind, "the second look differs");
    assert!(!kind.name().is_empty());
    // What is not read says why.
    assert!(decoder_for(kind).is_some() || !kind.why_not_read().is_empty(), "{kind:?}");
    let _ = mentions_records(kind, data);
    // Only the head is looked at: what follows it changes nothing.
    let long = [data, &vec![b' '; HEAD.saturating_sub(data.len())]].concat();
    let more = [long.as_slice(), b"{\"Records\":[]}"].concat();
    assert_eq!(sniff(&long, Vec::new), sniff(&more, Vec::new), "bytes beyond the head count");
}
