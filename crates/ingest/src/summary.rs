//! What a run did, for the person who started it.

use std::collections::BTreeMap;

use backtrail_model::evidence::{Counts, EvidenceRow, Fate};

/// Rows kept in a summary: a run over a million files must not hold a million rows.
const ROWS_KEPT: usize = 10_000;

/// What an ingest did.
#[derive(Debug, Clone, Default)]
pub struct IngestSummary {
    /// Pieces met this run with their fate, as committed: all of them, or beyond ten thousand those that were not kept whole.
    pub pieces: Vec<EvidenceRow>,
    /// How many pieces were read this run, those left out of `pieces` included.
    pub met: u64,
    /// Pieces that were in the store already, unchanged.
    pub known: u64,
    /// Folders that are stores, and were not walked.
    pub stores: Vec<String>,
    /// Where the records of this run's evidence went.
    pub counts: Counts,
    /// Events of this run that share their id with other content.
    pub conflicts: u64,
    /// Pieces by fate and reason: `12 files: VPC flow logs, not read yet`.
    pub groups: BTreeMap<(&'static str, String), Group>,
    /// Seconds all threads together spent in each stage; waiting is in none.
    pub stages: Vec<(&'static str, f64)>,
}

/// Pieces of one fate and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub pieces: u64,
    /// One of them: the first origin in order.
    pub example: String,
}

impl IngestSummary {
    /// Whether this run rejected or failed something, or read something only in part: exit code 3.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        let fates = [Fate::Partial, Fate::Failed, Fate::Rejected];
        self.counts.rejected > 0 || self.groups.keys().any(|(fate, _)| fates.iter().any(|f| f.as_str() == *fate))
    }

    pub(crate) fn add(&mut self, row: EvidenceRow) {
        self.met += 1;
        self.counts.add(&row.counts);
        let group = self.groups.entry((row.fate.as_str(), row.reason.clone().unwrap_or_default())).or_default();
        group.pieces += 1;
        if let Some(origin) = row.origins.first()
            && (group.example.is_empty() || *origin < group.example)
        {
            group.example.clone_from(origin);
        }
        let noteworthy = !matches!(row.fate, Fate::Kept | Fate::Ignored) || row.counts.rejected > 0;
        if self.pieces.len() < ROWS_KEPT || (noteworthy && self.pieces.len() < 2 * ROWS_KEPT) {
            self.pieces.push(row);
        }
    }

    pub(crate) fn finish(&mut self) {
        self.pieces.sort_by(|a, b| (&a.origins, &a.evidence_id).cmp(&(&b.origins, &b.evidence_id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::row;

    #[test]
    fn reasons_are_grouped_and_rows_bounded() {
        let mut summary = IngestSummary::default();
        for i in 0..ROWS_KEPT + 5 {
            summary.add(EvidenceRow { origins: vec![format!("f{i:06}")], ..row(Fate::Deferred, Some("VPC flow logs, not read yet")) });
        }
        assert!(!summary.is_incomplete());
        let group = &summary.groups[&("deferred", "VPC flow logs, not read yet".to_owned())];
        assert_eq!(*group, Group { pieces: 10_005, example: "f000000".to_owned() });
        for _ in 0..3 * ROWS_KEPT {
            summary.add(row(Fate::Kept, None));
        }
        summary.add(row(Fate::Failed, Some("permission denied")));
        assert!(summary.pieces.iter().any(|p| p.fate == Fate::Failed), "what went wrong is always among the rows");
        assert!(summary.pieces.len() <= 2 * ROWS_KEPT);
        assert!(summary.is_incomplete());
    }
}
