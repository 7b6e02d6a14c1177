//! Sniffing over the shared real evidence: kinds by folder. Skipped, loudly, where it is not there.

use std::collections::BTreeMap;

use backtrail_acquire::{Inputs, Limits, Piece, Workspace};
use backtrail_ingest::kind::Kind;
use backtrail_ingest::sniff::{PARQUET_TAIL, sniff};

use crate::kit::shared;

fn kinds(folder: &str) -> Option<BTreeMap<&'static str, usize>> {
    let path = shared(folder)?;
    let scratch = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::new(Limits::default(), scratch.path());
    let mut kinds = BTreeMap::new();
    for found in Inputs::find(&[path.to_string_lossy().into_owned()]).unwrap().finds() {
        let piece = Piece::open(&found, &mut workspace).unwrap();
        let mut content = piece.content(&mut workspace).unwrap();
        let kind = match content.next_chunk().unwrap() {
            Some(first) => sniff(first, || piece.tail(PARQUET_TAIL).unwrap()),
            None => Kind::Empty,
        };
        let name = if kind == Kind::PerhapsCloudTrail { "perhaps" } else { kind.name() };
        *kinds.entry(name).or_default() += 1;
    }
    Some(kinds)
}

fn check(folder: &str, expected: &[(&'static str, usize)]) {
    if let Some(found) = kinds(folder) {
        assert_eq!(found, expected.iter().copied().collect(), "{folder}");
    }
}

/// Numbers from the shared evidence's own README and from counting files by hand.
#[test]
fn real_evidence_is_told_apart() {
    check("cloudtrail/stratus_detonation", &[("CloudTrail", 35), ("plain text", 1)]);
    check("cloudtrail/plaso_lookup_events", &[("CloudTrail", 1), ("plain text", 1)]);
    check("cloudtrail/cribl_wrapped", &[("CloudTrail", 1)]);
    check("findings/guardduty", &[("GuardDuty findings", 17)]);
    check("findings/asff_asr", &[("Security Hub findings", 124), ("plain text", 1)]);
}
