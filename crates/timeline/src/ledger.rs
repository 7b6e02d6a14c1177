//! What the ledger says of the evidence: how much there is, from when to when, what of it is broken, and which set it is.

use std::collections::BTreeMap;

use arrow_array::{Array, Int64Array, RecordBatch};
use backtrail_model::evidence::{Fate, MORE_PAGES_FOLLOW, admits_gap};
use backtrail_model::time::{MICROS_PER_DAY, format_instant};
use backtrail_model::window::Window;
use datafusion::logical_expr::{col, lit};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::TimelineError;
use crate::event::{Text, longs, times};
use crate::source::{Source, aside};

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
    /// Earliest event time in any piece of CloudTrail.
    pub(crate) first: Option<i64>,
    /// Latest event time in any piece of CloudTrail.
    pub(crate) last: Option<i64>,
    /// Earliest and latest start of a record in any piece of flow logs.
    pub(crate) flows: Option<(i64, i64)>,
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
    /// `partial`, `rejected`, `failed`; `kept` where single records were rejected, or where it is said that there is more.
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
    /// Whether something of it is missing that was there to be read; not so where it says itself that there is more elsewhere.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.fate != Fate::Kept.as_str() || self.records_rejected > 0
    }

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
    /// Read once for all answers of a session.
    pub(crate) async fn read(source: &Source) -> Result<Self, TimelineError> {
        let mut known = source.ledger.lock().await;
        if let Some(ledger) = &*known {
            return Ok(ledger.clone());
        }
        let ledger = Self::read_anew(source).await?;
        *known = Some(ledger.clone());
        Ok(ledger)
    }

    async fn read_anew(source: &Source) -> Result<Self, TimelineError> {
        let failed = TimelineError::table(EVIDENCE);
        let columns = ["evidence_id", "kind", "decoder", "fate", "reason", "records_rejected", "first_event_time", "last_event_time"];
        let frame = source.table(EVIDENCE).await?.select_columns(&columns).map_err(&failed)?;
        let mut ledger = Self::default();
        let (mut ids, mut broken) = (Vec::new(), 0);
        Source::batches(EVIDENCE, frame, &mut |batch| {
            broken += ledger.count(batch)?;
            ids.push(batch.project(&[0]).map_err(|e| failed(e.into()))?);
            Ok(())
        })
        .await?;
        let set = aside(move || set_of(&ids));
        if broken > 0 {
            ledger.read_broken(source).await?;
        }
        (ledger.pieces, ledger.set) = set.await?;
        Ok(ledger)
    }

    /// Counts the pieces of a batch; returns how many lack something.
    fn count(&mut self, batch: &RecordBatch) -> Result<usize, TimelineError> {
        let text = |column| Text::of(batch, EVIDENCE, column);
        let (kind, decoder, fate, reason) = (text("kind")?, text("decoder")?, text("fate")?, text("reason")?);
        let rejected = longs(batch, EVIDENCE, "records_rejected")?;
        let (first, last) = (times(batch, EVIDENCE, "first_event_time")?, times(batch, EVIDENCE, "last_event_time")?);
        let mut broken = 0;
        for row in 0..batch.num_rows() {
            let word = fate.get(row).unwrap_or_default();
            match self.by_fate.get_mut(word) {
                Some(count) => *count += 1,
                None => _ = self.by_fate.insert(word.to_owned(), 1),
            }
            if !first.is_null(row) && !last.is_null(row) {
                let (from, to) = (first.value(row), last.value(row));
                if decoder.get(row) == Some("flowlogs") {
                    self.flows = Some(self.flows.map_or((from, to), |(f, l)| (f.min(from), l.max(to))));
                } else {
                    self.first = Some(self.first.map_or(from, |f| f.min(from)));
                    self.last = Some(self.last.map_or(to, |l| l.max(to)));
                }
            }
            let parsed = Fate::parse(word);
            if parsed == Some(Fate::Deferred) {
                *self.deferred.entry(kind.get(row).unwrap_or("evidence of an unknown kind").to_owned()).or_default() += 1;
            }
            broken += usize::from(is_broken(parsed, lost(rejected, row), reason.get(row)));
        }
        Ok(broken)
    }

    /// Reads what is said of the pieces that lack something: origins are wide, and few are needed.
    async fn read_broken(&mut self, source: &Source) -> Result<(), TimelineError> {
        let failed = TimelineError::table(EVIDENCE);
        let columns = ["evidence_id", "origins", "fate", "reason", "records_rejected", "first_event_time", "last_event_time"];
        let fates = [Fate::Partial, Fate::Rejected, Fate::Failed].map(|f| lit(f.as_str())).to_vec();
        let said = col("fate").eq(lit(Fate::Kept.as_str())).and(col("reason").is_not_null());
        let condition = col("records_rejected").gt(lit(0_i64)).or(col("fate").in_list(fates, false)).or(said);
        let frame = source.table(EVIDENCE).await?.filter(condition).and_then(|f| f.select_columns(&columns)).map_err(&failed)?;
        Source::batches(EVIDENCE, frame, &mut |batch| self.take_broken(batch)).await?;
        self.broken.sort();
        Ok(())
    }

    fn take_broken(&mut self, batch: &RecordBatch) -> Result<(), TimelineError> {
        let text = |column| Text::of(batch, EVIDENCE, column);
        let (id, origins, fate, reason) = (text("evidence_id")?, text("origins")?, text("fate")?, text("reason")?);
        let rejected = longs(batch, EVIDENCE, "records_rejected")?;
        let (first, last) = (times(batch, EVIDENCE, "first_event_time")?, times(batch, EVIDENCE, "last_event_time")?);
        for row in 0..batch.num_rows() {
            let word = fate.get(row).unwrap_or_default();
            let lost = lost(rejected, row);
            if !is_broken(Fate::parse(word), lost, reason.get(row)) {
                continue;
            }
            let span = (!first.is_null(row) && !last.is_null(row)).then(|| (first.value(row), last.value(row)));
            self.broken.push(Broken {
                evidence_id: id.get(row).unwrap_or_default().to_owned(),
                origin: origins.get(row).and_then(first_of),
                fate: word.to_owned(),
                reason: reason.get(row).map(str::to_owned),
                records_rejected: lost,
                first_event_time: span.map(|(from, _)| format_instant(from)),
                last_event_time: span.map(|(_, to)| format_instant(to)),
                // What further pages hold may be of any time.
                span: span.filter(|_| !is_page(reason.get(row))),
            });
        }
        Ok(())
    }
}

/// How many pieces of evidence there are, and which set they are.
fn set_of(batches: &[RecordBatch]) -> Result<(u64, String), TimelineError> {
    let columns = batches.iter().map(|batch| Text::of(batch, EVIDENCE, "evidence_id")).collect::<Result<Vec<_>, _>>()?;
    let rows = columns.iter().zip(batches).flat_map(|(ids, batch)| (0..batch.num_rows()).map(|row| ids.get(row).unwrap_or_default()));
    let mut ids: Vec<&str> = rows.collect();
    // The files' rows are sorted by id: this is mostly a merge.
    ids.sort();
    ids.dedup();
    let mut hash = Sha256::new();
    for id in &ids {
        hash.update(id.as_bytes());
        hash.update(b"\n");
    }
    Ok((ids.len() as u64, const_hex::encode(hash.finalize())))
}

fn lost(rejected: &Int64Array, row: usize) -> i64 {
    if rejected.is_null(row) { 0 } else { rejected.value(row) }
}

fn is_broken(fate: Option<Fate>, lost: i64, reason: Option<&str>) -> bool {
    lost > 0
        || matches!(fate, Some(Fate::Partial | Fate::Rejected | Fate::Failed))
        || fate.zip(reason).is_some_and(|(fate, reason)| admits_gap(fate, reason))
}

fn is_page(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| reason.contains(MORE_PAGES_FOLLOW))
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
