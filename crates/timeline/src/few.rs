//! Few events among many, read by their records.
//!
//! A row of an event has forty columns, and one row of a page costs the whole page: events that stand far apart are read by `raw` alone and decoded
//! again, which gives the same columns (`backtrail_cloudtrail::Reread`). Where they turn out to be many, they are read as all others are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, BooleanArray, RecordBatch};
use backtrail_cloudtrail::{Kept, Reread};
use backtrail_model::window::Window;
use backtrail_query::{RowGroup, SomeRows};
use datafusion::arrow::compute::{SortColumn, SortOptions, filter_record_batch, lexsort_to_indices, take_record_batch};
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, col, lit};

use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events, Text, flags, longs, times, with_all};
use crate::lineage::{SoughtRows, USED, Wanted};
use crate::narrow::Narrow;
use crate::source::{CLOUDTRAIL, Source};

/// What is read of each event.
const COLUMNS: &[&str] = &["event_time", "raw", "raw_form", "id_conflict", "evidence_id", "record_index"];
/// Bytes of records decoded again: beyond it they are many.
pub(crate) const MOST_BYTES: usize = 96 << 20;
/// Bytes of records in a row group that are read at once, if all of them are wanted.
const MOST_BYTES_OF_GROUP: usize = 1 << 30;
/// Columns that are there though no row of a row group has a value.
pub(crate) const ALWAYS: &[&str] = &["event_time", "record_index", "id_conflict"];

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

    /// Runs `each` over the events, of all time and in any order, that were made with what is sought, but for those of a key that are known: few among many.
    pub(crate) async fn used(
        &self,
        wanted: &Arc<Wanted>,
        known_key: Option<&str>,
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        let Some(condition) = wanted.condition(USED) else { return Ok(()) };
        let sought = SoughtRows::new(CLOUDTRAIL, wanted, USED, &self.issued_keys).without(known_key.map(str::to_owned));
        if let Some(met) = self.reread_apart(sought).await? {
            return met.iter().try_for_each(|batch| Events::of(batch)?.iter().try_for_each(|event| each(&event)));
        }
        let others = known_key.map(|key| col(USED.key).not_eq(lit(key.to_owned())).or(col(USED.key).is_null()));
        self.in_any_order(None, others.into_iter().chain([condition]).reduce(Expr::and), EVENT_COLUMNS, each).await
    }

    /// The events that are sought, decoded from their own text on all threads; `None` where they are many or not all of them are their own text.
    async fn reread_apart(&self, sought: SoughtRows) -> Result<Option<Vec<RecordBatch>>, TimelineError> {
        let each = move |met: &mut Met, group: &RowGroup| {
            let rows = if met.is_too_much() { None } else { sought.of(group).map_err(TimelineError::table(CLOUDTRAIL))? };
            rows.map_or(Ok(()), |rows| met.take_rows(group, &rows))
        };
        Ok(Met::all(self.spans_apart(CLOUDTRAIL, &[None], Met::one_of_several(), each).await?))
    }

    /// Some rows of row groups of `cloudtrail`, decoded likewise.
    pub(crate) async fn reread_rows(rows: Vec<(RowGroup, SomeRows)>) -> Result<Option<Vec<RecordBatch>>, TimelineError> {
        let each = |met: &mut Met, (group, rows): &(RowGroup, SomeRows)| met.take_rows(group, rows);
        Ok(Met::all(Self::apart(rows, Met::one_of_several(), each).await?))
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
    Ok((!met.is_too_much()).then(|| met.decoder.take()))
}

/// Events that an answer looks at more than once.
pub(crate) enum Found<'w> {
    /// In memory.
    Few(RecordBatch),
    /// Those of a key, in memory as far as counting them needs.
    Narrow(Narrow),
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
            Self::Narrow(narrow) => source.in_order(None, Some(narrow.condition.clone()), each).await,
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
            Self::Narrow(narrow) if Narrow::has(columns) => narrow.each(&mut |_, event| each(event)),
            Self::Narrow(narrow) => source.in_any_order(None, Some(narrow.condition.clone()), columns, each).await,
            Self::Many(window, condition) => source.in_any_order(*window, condition.clone(), columns, each).await,
        }
    }
}

/// Events decoded from their own text.
#[derive(Default)]
pub(crate) struct Met {
    decoder: Reread,
    /// Bytes of records that were decoded, by whichever thread.
    read: Arc<AtomicUsize>,
}

impl Met {
    fn is_too_much(&self) -> bool {
        self.read.load(Ordering::Relaxed) > MOST_BYTES
    }

    /// Makes those of several threads, which decode so much together.
    pub(crate) fn one_of_several() -> impl Fn() -> Self + Send + Sync + 'static {
        let read = Arc::new(AtomicUsize::new(0));
        move || Self { read: Arc::clone(&read), ..Self::default() }
    }

    /// What several threads decoded; `None` where it is too much.
    pub(crate) fn all(met: Vec<Self>) -> Option<Vec<RecordBatch>> {
        met.iter().all(|met| !met.is_too_much()).then(|| met.into_iter().map(|mut met| met.decoder.take()).collect())
    }

    /// Takes some rows of a row group.
    fn take_rows(&mut self, group: &RowGroup, rows: &SomeRows) -> Result<(), TimelineError> {
        if self.is_too_much() || group.bytes_of("raw") > MOST_BYTES_OF_GROUP {
            self.give_up();
            return Ok(());
        }
        self.take_read(CLOUDTRAIL, group.read_some(COLUMNS, rows))
    }

    /// Takes all rows of a row group.
    pub(crate) fn take_group(&mut self, table: &'static str, group: &RowGroup) -> Result<(), TimelineError> {
        if self.is_too_much() {
            return Ok(());
        }
        self.take_read(table, group.read(COLUMNS))
    }

    /// Takes what was read of a row group, if that is any row.
    fn take_read(&mut self, table: &'static str, read: Result<Option<RecordBatch>, DataFusionError>) -> Result<(), TimelineError> {
        let failed = TimelineError::table(table);
        let Some(batch) = read.map_err(&failed)? else { return Ok(()) };
        self.take(table, &with_all(batch, ALWAYS).map_err(&failed)?).map(|_is_more| ())
    }

    /// Makes it too much.
    fn give_up(&self) {
        self.read.fetch_max(MOST_BYTES + 1, Ordering::Relaxed);
    }

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
            self.read.fetch_add(kept.raw.len(), Ordering::Relaxed);
            if form.get(row) == Some("projected") || !self.decoder.add(&kept) {
                self.give_up();
            }
            if self.is_too_much() {
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
