//! Few events among many, read by their records.
//!
//! A row of an event has forty columns, and one row of a page costs the whole page: events that stand far apart are read by `raw` alone and decoded
//! again, which gives the same columns (`backtrail_cloudtrail::Reread`). Where they turn out to be many, they are read as all others are.

use arrow_array::{Array, BooleanArray, RecordBatch};
use backtrail_cloudtrail::{Kept, Reread};
use backtrail_model::window::Window;
use datafusion::arrow::compute::{SortColumn, SortOptions, filter_record_batch, lexsort_to_indices, take_record_batch};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;

use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events, Text, flags, longs, times};
use crate::source::{CLOUDTRAIL, Source};

/// What is read of each event.
const COLUMNS: &[&str] = &["event_time", "raw", "raw_form", "id_conflict", "evidence_id", "record_index"];
/// Bytes of records decoded again: beyond it they are many.
const MOST_BYTES: usize = 96 << 20;

impl Source {
    /// Runs `each` over the events of a window that fulfil a condition, in any order: for conditions that few events among many fulfil.
    pub(crate) async fn few(
        &self,
        window: Option<&Window>,
        condition: Option<Expr>,
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        self.found(window, condition, true).await?.in_any_order(self, EVENT_COLUMNS, each).await
    }

    /// The events of a window that fulfil a condition: in memory where they are known to be few, and are; else yet to be read.
    pub(crate) async fn found<'w>(
        &self,
        window: Option<&'w Window>,
        condition: Option<Expr>,
        are_few: bool,
    ) -> Result<Found<'w>, TimelineError> {
        let few = if are_few { reread(CLOUDTRAIL, self.events(window, condition.clone()).await?).await? } else { None };
        Ok(few.map_or(Found::Many(window, condition), Found::Few))
    }
}

/// The events of a frame, decoded from their own text; `None` where they are many or not all of them are their own text.
pub(crate) async fn reread(table: &'static str, events: DataFrame) -> Result<Option<RecordBatch>, TimelineError> {
    let frame = events.select_columns(COLUMNS).map_err(TimelineError::table(table))?;
    let mut met = Met::default();
    Source::batches_while(table, frame, &mut |batch| met.take(table, batch)).await?;
    Ok((!met.is_too_much).then(|| met.decoder.take()))
}

/// Events that an answer looks at more than once.
pub(crate) enum Found<'w> {
    /// In memory.
    Few(RecordBatch),
    /// Those of a window that fulfil a condition.
    Many(Option<&'w Window>, Option<Expr>),
}

impl Found<'_> {
    /// Leaves out events in memory that the answer has no use for.
    pub(crate) fn only(self, is_wanted: impl Fn(&Event<'_>) -> bool) -> Result<Self, TimelineError> {
        let Self::Few(batch) = self else { return Ok(self) };
        let wanted: BooleanArray = Events::of(&batch)?.iter().map(|event| Some(is_wanted(&event))).collect();
        filter_record_batch(&batch, &wanted).map(Self::Few).map_err(|e| TimelineError::table(CLOUDTRAIL)(e.into()))
    }

    /// Whether one of them is meant; those yet to be read may be.
    pub(crate) fn may_hold(&self, is_meant: impl Fn(&Event<'_>) -> bool) -> Result<bool, TimelineError> {
        let Self::Few(batch) = self else { return Ok(true) };
        Ok(Events::of(batch)?.iter().any(|event| is_meant(&event)))
    }

    /// Runs `each` over them, batch by batch, ordered by time, event id and record hash; those without a time last.
    pub(crate) async fn in_order(
        &self,
        source: &Source,
        each: &mut dyn FnMut(&Events<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        match self {
            Self::Few(batch) => each(&Events::of(&in_order(batch)?)?),
            Self::Many(window, condition) => source.in_order(*window, condition.clone(), each).await,
        }
    }

    /// Runs `each` over them in any order, with these columns at least.
    pub(crate) async fn in_any_order(
        &self,
        source: &Source,
        columns: &[&str],
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        match self {
            Self::Few(batch) => Events::of(batch)?.iter().try_for_each(|event| each(&event)),
            Self::Many(window, condition) => source.in_any_order(*window, condition.clone(), columns, each).await,
        }
    }
}

#[derive(Default)]
struct Met {
    decoder: Reread,
    bytes: usize,
    is_too_much: bool,
}

impl Met {
    /// Whether there is to be more.
    fn take(&mut self, table: &'static str, batch: &RecordBatch) -> Result<bool, TimelineError> {
        let text = |column| Text::of(batch, table, column);
        let (raw, form, evidence) = (text("raw")?, text("raw_form")?, text("evidence_id")?);
        let (conflict, index) = (flags(batch, table, "id_conflict")?, longs(batch, table, "record_index")?);
        let time = times(batch, table, "event_time")?;
        for row in 0..batch.num_rows() {
            let kept = Kept {
                raw: raw.get(row).unwrap_or_default(),
                event_time: (!time.is_null(row)).then(|| time.value(row)),
                id_conflict: !conflict.is_null(row) && conflict.value(row),
                evidence_id: evidence.get(row).unwrap_or_default(),
                record_index: index.value(row),
            };
            self.bytes += kept.raw.len();
            let is_its_own = form.get(row) != Some("projected") && self.decoder.add(&kept);
            self.is_too_much = !is_its_own || self.bytes > MOST_BYTES;
            if self.is_too_much {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn in_order(batch: &RecordBatch) -> Result<RecordBatch, TimelineError> {
    let options = Some(SortOptions { descending: false, nulls_first: false });
    let by = ["event_time", "event_id", "record_sha256"].iter().filter_map(|name| batch.column_by_name(name));
    let by: Vec<SortColumn> = by.map(|values| SortColumn { values: values.clone(), options }).collect();
    let sorted = lexsort_to_indices(&by, None).and_then(|indices| take_record_batch(batch, &indices));
    sorted.map_err(|e| TimelineError::table(CLOUDTRAIL)(e.into()))
}
