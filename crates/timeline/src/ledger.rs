//! What the ledger says of the evidence: how much there is, from when to when, what of it is broken, and which set it is.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;
use arrow_array::RecordBatch;
use backtrail_model::evidence::Fate;
use backtrail_model::time::{MICROS_PER_DAY, format_instant};
use backtrail_model::window::Window;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::TimelineError;
use crate::event::{Text, longs, times};
use crate::source::Source;

const EVIDENCE: &str = "evidence";

/// A broken piece may lack records from around the times it has: so far to each side.
const MARGIN: i64 = MICROS_PER_DAY;

/// The ledger, as far as answers need it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// Pieces of evidence.
    pub(crate) pieces: u64,
    /// Pieces by fate.
    pub(crate) by_fate: BTreeMap<String, u64>,
    /// Earliest event time in any piece.
    pub(crate) first: Option<i64>,
    /// Latest event time in any piece.
    pub(crate) last: Option<i64>,
    /// Pieces that lack something, in order of id.
    pub(crate) broken: Vec<Broken>,
    /// Pieces no decoder reads yet, by kind.
    pub(crate) deferred: BTreeMap<String, u64>,
    /// SHA-256 over the sorted ids, each followed by a line feed.
    pub(crate) set: String,
}

/// A piece of evidence that lacks something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    /// Its id.
    pub evidence_id: String,
    /// Where it was met.
    pub origin: Option<String>,
    /// `partial`, `rejected`, `failed`; `kept` where single records were rejected.
    pub fate: String,
    /// Why.
    pub reason: Option<String>,
    /// Records that could not be taken in.
    pub records_rejected: i64,
    /// Earliest event time in it.
    pub first_event_time: Option<String>,
    /// Latest event time in it.
    pub last_event_time: Option<String>,
    #[serde(skip)]
    pub(crate) span: Option<(i64, i64)>,
}

impl Broken {
    /// Whether what it lacks may belong to a window. Where nothing is known of its times, it may.
    #[must_use]
    pub fn concerns(&self, window: Option<&Window>) -> bool {
        match (window, self.span) {
            (Some(window), Some((first, last))) => {
                first.saturating_sub(MARGIN) < window.to() && window.from() <= last.saturating_add(MARGIN)
            }
            _ => true,
        }
    }
}

impl Ledger {
    pub(crate) async fn read(source: &Source) -> Result<Self, TimelineError> {
        let columns = ["evidence_id", "origins", "kind", "fate", "reason", "records_rejected", "first_event_time", "last_event_time"];
        let frame = source.table(EVIDENCE).await?.select_columns(&columns).map_err(TimelineError::table(EVIDENCE))?;
        let mut ledger = Self::default();
        let mut ids = BTreeSet::new();
        Source::batches(EVIDENCE, frame, &mut |batch| ledger.take(batch, &mut ids)).await?;
        ledger.broken.sort();
        ledger.pieces = ids.len() as u64;
        let mut hash = Sha256::new();
        for id in &ids {
            hash.update(id.as_bytes());
            hash.update(b"\n");
        }
        ledger.set = const_hex::encode(hash.finalize());
        Ok(ledger)
    }

    fn take(&mut self, batch: &RecordBatch, ids: &mut BTreeSet<String>) -> Result<(), TimelineError> {
        let text = |column| Text::of(batch, EVIDENCE, column);
        let (id, origins, kind, fate, reason) = (text("evidence_id")?, text("origins")?, text("kind")?, text("fate")?, text("reason")?);
        let rejected = longs(batch, EVIDENCE, "records_rejected")?;
        let (first, last) = (times(batch, EVIDENCE, "first_event_time")?, times(batch, EVIDENCE, "last_event_time")?);
        for row in 0..batch.num_rows() {
            let word = fate.get(row).unwrap_or_default();
            let parsed = Fate::parse(word);
            let span = (!first.is_null(row) && !last.is_null(row)).then(|| (first.value(row), last.value(row)));
            let lost = if rejected.is_null(row) { 0 } else { rejected.value(row) };
            ids.insert(id.get(row).unwrap_or_default().to_owned());
            *self.by_fate.entry(word.to_owned()).or_default() += 1;
            if let Some((from, to)) = span {
                self.first = Some(self.first.map_or(from, |f| f.min(from)));
                self.last = Some(self.last.map_or(to, |l| l.max(to)));
            }
            if parsed == Some(Fate::Deferred) {
                *self.deferred.entry(kind.get(row).unwrap_or("evidence of an unknown kind").to_owned()).or_default() += 1;
            }
            if lost > 0 || matches!(parsed, Some(Fate::Partial | Fate::Rejected | Fate::Failed)) {
                self.broken.push(Broken {
                    evidence_id: id.get(row).unwrap_or_default().to_owned(),
                    origin: origins.get(row).and_then(first_of),
                    fate: word.to_owned(),
                    reason: reason.get(row).map(str::to_owned),
                    records_rejected: lost,
                    first_event_time: span.map(|(from, _)| format_instant(from)),
                    last_event_time: span.map(|(_, to)| format_instant(to)),
                    span,
                });
            }
        }
        Ok(())
    }
}

/// The first of a JSON array of texts.
fn first_of(array: &str) -> Option<String> {
    serde_json::from_str::<Vec<String>>(array).ok()?.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_evidence_concerns_the_windows_around_it() {
        let broken = |span| Broken {
            evidence_id: String::new(),
            origin: None,
            fate: "partial".to_owned(),
            reason: None,
            records_rejected: 0,
            first_event_time: None,
            last_event_time: None,
            span,
        };
        let window = Window::between(10 * MICROS_PER_DAY, 11 * MICROS_PER_DAY).unwrap();
        assert!(broken(Some((10 * MICROS_PER_DAY, 10 * MICROS_PER_DAY))).concerns(Some(&window)));
        assert!(broken(Some((9 * MICROS_PER_DAY, 9 * MICROS_PER_DAY))).concerns(Some(&window)), "its last records may be missing");
        assert!(!broken(Some((5 * MICROS_PER_DAY, 6 * MICROS_PER_DAY))).concerns(Some(&window)));
        assert!(broken(None).concerns(Some(&window)) && broken(Some((0, 0))).concerns(None));
    }
}
