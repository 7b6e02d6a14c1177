//! Where events are read from: the tables of a session, and what the store's metadata says of their dates.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use backtrail_model::tables::{EVENT_DATE, UNKNOWN_DATE};
use backtrail_model::tally::Tally;
use backtrail_model::time::format_date;
use backtrail_model::window::Window;
use backtrail_query::{RowGroup, row_groups};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, exec_err};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{ColumnarValue, Expr, SortExpr, Volatility, col, create_udf, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};
use hashbrown::HashMap;

use crate::coverage::ToldByFiles;
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events};
use crate::interfaces::Interfaces;
use crate::ledger::Ledger;
use crate::lineage::{FewIssued, IssuedKeys};
use crate::pivotal::Pivotal;

/// Rows sorted at a time: more dates than that are read one group after the other, so that memory does not grow with the window.
const ROWS_AT_ONCE: u64 = 400_000;

/// Rows that are being read: the first of them, and what gives the others.
type Reading = SpawnedTask<Result<(Option<RecordBatch>, SendableRecordBatchStream), TimelineError>>;

pub(crate) const CLOUDTRAIL: &str = "cloudtrail";

/// Works on something for which nothing else of an answer needs to wait, on another thread from now on.
pub(crate) fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TimelineError> + Send + 'static,
) -> impl Future<Output = Result<T, TimelineError>> {
    started(work, rayon::spawn)
}

/// The same on a thread of its own, for what waits for others.
fn on_its_own<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TimelineError> + Send + 'static,
) -> impl Future<Output = Result<T, TimelineError>> {
    started(work, |work| drop(std::thread::spawn(work)))
}

/// Lets go of something large on another thread: what has a million parts takes as long to let go of as to write down, and nobody waits for it, the end of the
/// process least of all.
pub(crate) fn let_go<T: Send + 'static>(large: T) {
    rayon::spawn(move || drop(large));
}

fn started<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TimelineError> + Send + 'static,
    start: impl FnOnce(Box<dyn FnOnce() + Send>),
) -> impl Future<Output = Result<T, TimelineError>> {
    let (done, result) = futures::channel::oneshot::channel();
    start(Box::new(move || {
        // Whoever asked may have failed meanwhile.
        let _ = done.send(work());
    }));
    async { result.await? }
}

/// One date of the `cloudtrail` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// `YYYY-MM-DD`, or `unknown` for events without a usable time.
    pub date: String,
    /// Events of that date.
    pub rows: u64,
}

/// Where events are read from.
#[derive(Clone)]
pub struct Source {
    context: SessionContext,
    days: Vec<Day>,
    tallies: Option<Tallies>,
    /// The few calls that every chain may lead through: an answer works out several.
    pub(crate) few_issued: Arc<OnceLock<FewIssued>>,
    /// The row groups of tables that were read whole.
    of_all_time: Arc<futures::lock::Mutex<HashMap<&'static str, Vec<RowGroup>>>>,
    /// What keys were issued, by row: each level of a chain asks.
    pub(crate) issued_keys: Arc<IssuedKeys>,
    /// The calls that later events depend on: each round of what set something in motion asks.
    pub(crate) pivotal: Arc<futures::lock::Mutex<Pivotal>>,
    /// The least version of the decoder that read any evidence: asked before each read of a table that older versions did not fill.
    pub(crate) oldest_reading: Arc<futures::lock::Mutex<Option<i32>>>,
    /// What the ledger says: every answer of a session asks, some of them twice.
    pub(crate) ledger: Arc<futures::lock::Mutex<Option<Ledger>>>,
    /// What the files say of themselves: every answer of a session asks.
    pub(crate) told_by_files: Arc<OnceLock<ToldByFiles>>,
    /// Who had which address when: most answers ask, some of them twice.
    pub(crate) interfaces: Arc<futures::lock::Mutex<Option<Arc<Interfaces>>>>,
}

/// The date and the tally of each file of events with a usable time; no tally where the file has none.
pub type Tallies = Arc<dyn Fn() -> Vec<(String, Option<Tally>)> + Send + Sync>;

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("days", &self.days.len()).finish_non_exhaustive()
    }
}

impl Source {
    /// Over the tables registered in a context, whose `cloudtrail` has these dates.
    #[must_use]
    pub fn new(context: SessionContext, days: impl IntoIterator<Item = Day>) -> Self {
        let mut sorted: Vec<Day> = Vec::new();
        let mut given: Vec<Day> = days.into_iter().collect();
        given.sort_by(|a, b| a.date.cmp(&b.date));
        for day in given {
            match sorted.last_mut().filter(|last| last.date == day.date) {
                Some(last) => last.rows += day.rows,
                None => sorted.push(day),
            }
        }
        Self {
            context,
            days: sorted,
            tallies: None,
            few_issued: Arc::default(),
            of_all_time: Arc::default(),
            pivotal: Arc::default(),
            issued_keys: Arc::default(),
            oldest_reading: Arc::default(),
            ledger: Arc::default(),
            told_by_files: Arc::default(),
            interfaces: Arc::default(),
        }
    }

    /// With what the files of `cloudtrail` say of themselves.
    #[must_use]
    pub fn with_tallies(self, tallies: Tallies) -> Self {
        Self { tallies: Some(tallies), ..self }
    }

    /// What the files of each date say they hold. Where it is not known what files there are, each date stands for one that says nothing.
    pub(crate) fn tallies(&self) -> Vec<(String, Option<Tally>)> {
        match &self.tallies {
            Some(tallies) => tallies(),
            None => self.days.iter().filter(|day| day.date != UNKNOWN_DATE).map(|day| (day.date.clone(), None)).collect(),
        }
    }

    /// Events without a usable time.
    #[must_use]
    pub(crate) fn undated(&self) -> u64 {
        self.days.iter().filter(|d| d.date == UNKNOWN_DATE).map(|d| d.rows).sum()
    }

    /// Events the store holds.
    #[must_use]
    pub(crate) fn events_in_all(&self) -> u64 {
        self.days.iter().map(|d| d.rows).sum()
    }

    pub(crate) async fn table(&self, name: &'static str) -> Result<DataFrame, TimelineError> {
        self.context.table(name).await.map_err(TimelineError::table(name))
    }

    /// Runs `each` over the batches of a frame.
    pub(crate) async fn batches(
        name: &'static str,
        frame: DataFrame,
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        Self::batches_while(name, frame, &mut |batch| each(batch).map(|()| true)).await
    }

    /// The same, as long as `each` wants more.
    pub(crate) async fn batches_while(
        name: &'static str,
        frame: DataFrame,
        each: &mut dyn FnMut(&RecordBatch) -> Result<bool, TimelineError>,
    ) -> Result<(), TimelineError> {
        tracing::debug!(table = name, plan = %frame.logical_plan().display(), "reading");
        let mut stream = frame.execute_stream().await.map_err(TimelineError::table(name))?;
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(TimelineError::table(name))?;
            rows += batch.num_rows();
            if !each(&batch)? {
                break;
            }
        }
        tracing::debug!(table = name, rows, "read");
        Ok(())
    }

    /// Runs `each` over the row groups of a table that may have rows of a window, on all threads, each of which fills a state of its own. Which row
    /// groups a thread is given, nobody knows.
    pub(crate) async fn groups_apart<S: Send + 'static>(
        &self,
        name: &'static str,
        window: Option<&Window>,
        begin: impl Fn() -> S + Send + Sync + 'static,
        each: impl Fn(&mut S, &RowGroup) -> Result<(), TimelineError> + Send + Sync + 'static,
    ) -> Result<Vec<S>, TimelineError> {
        self.spans_apart(name, &[window.map(|window| (window.from(), window.to()))], begin, each).await
    }

    /// The same, of several spans of time that have no instant in common; `None` is all rows.
    pub(crate) async fn spans_apart<S: Send + 'static>(
        &self,
        name: &'static str,
        spans: &[Option<(i64, i64)>],
        begin: impl Fn() -> S + Send + Sync + 'static,
        each: impl Fn(&mut S, &RowGroup) -> Result<(), TimelineError> + Send + Sync + 'static,
    ) -> Result<Vec<S>, TimelineError> {
        let mut groups = Vec::new();
        for span in spans {
            groups.extend(self.row_groups(name, *span).await?);
        }
        tracing::debug!(table = name, groups = groups.len(), "reading");
        Self::apart(groups, begin, each).await
    }

    /// The row groups of a table. Those of all time are kept: each level of a chain asks for them.
    pub(crate) async fn row_groups(&self, name: &'static str, span: Option<(i64, i64)>) -> Result<Vec<RowGroup>, TimelineError> {
        let read = || row_groups(&self.context, name, span);
        if span.is_some() {
            return read().await.map_err(TimelineError::table(name));
        }
        let mut known = self.of_all_time.lock().await;
        if let Some(groups) = known.get(name) {
            return Ok(groups.clone());
        }
        let groups = read().await.map_err(TimelineError::table(name))?;
        known.insert(name, groups.clone());
        Ok(groups)
    }

    /// Runs `each` over parts, on all threads, each of which fills a state of its own.
    pub(crate) async fn apart<P: Send + Sync + 'static, S: Send + 'static>(
        parts: Vec<P>,
        begin: impl Fn() -> S + Send + Sync + 'static,
        each: impl Fn(&mut S, &P) -> Result<(), TimelineError> + Send + Sync + 'static,
    ) -> Result<Vec<S>, TimelineError> {
        let threads = rayon::current_num_threads().min(parts.len()).max(1);
        let parts = Arc::new(parts);
        let (next, begin, each) = (Arc::new(AtomicUsize::new(0)), Arc::new(begin), Arc::new(each));
        let fill = |_| {
            let (parts, next, begin, each) = (Arc::clone(&parts), Arc::clone(&next), Arc::clone(&begin), Arc::clone(&each));
            on_its_own(move || {
                let mut state = begin();
                while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(&mut state, part)?;
                }
                Ok(state)
            })
        };
        futures::future::try_join_all((0..threads).map(fill).collect::<Vec<_>>()).await
    }

    /// Runs `each` over the events of a window that fulfil a condition, batch by batch, ordered by time, event id and record hash; those
    /// without a time last. Dates are read in groups that fit into memory; where a condition leaves out most of their events, each while `each` runs over
    /// the one before it.
    pub(crate) async fn in_order(
        &self,
        window: Option<&Window>,
        condition: Option<Expr>,
        each: &mut dyn FnMut(&Events<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        let failed = TimelineError::table(CLOUDTRAIL);
        let mut groups = self.groups(window).into_iter();
        let mut ahead = self.read_ahead(window, condition.as_ref(), groups.next()).await?;
        while let Some(reading) = ahead {
            let (mut next, mut rest) = reading.join_unwind().await.map_err(|e| failed(DataFusionError::ExecutionJoin(Box::new(e))))??;
            let is_together = condition.is_some();
            ahead = if is_together { self.read_ahead(window, condition.as_ref(), groups.next()).await? } else { None };
            while let Some(batch) = next {
                each(&Events::of(&batch)?)?;
                next = rest.try_next().await.map_err(&failed)?;
            }
            drop(rest);
            if !is_together {
                ahead = self.read_ahead(window, condition.as_ref(), groups.next()).await?;
            }
        }
        Ok(())
    }

    /// Begins to read the events of some dates in order, up to the first batch: all of them have been read then.
    async fn read_ahead(
        &self,
        window: Option<&Window>,
        condition: Option<&Expr>,
        dates: Option<Option<Expr>>,
    ) -> Result<Option<Reading>, TimelineError> {
        let Some(dates) = dates else { return Ok(None) };
        let failed = TimelineError::table(CLOUDTRAIL);
        let sort = |column: &str| SortExpr { expr: col(column), asc: true, nulls_first: false };
        let frame = self.events(window, condition.cloned().into_iter().chain(dates)).await?;
        let frame = frame
            .select_columns(EVENT_COLUMNS)
            .and_then(|f| f.sort(vec![sort("event_time"), sort("event_id"), sort("record_sha256")]))
            .map_err(&failed)?;
        tracing::debug!(table = CLOUDTRAIL, plan = %frame.logical_plan().display(), "reading in order");
        let mut rows = frame.execute_stream().await.map_err(&failed)?;
        Ok(Some(SpawnedTask::spawn(async move {
            let first = rows.try_next().await.map_err(TimelineError::table(CLOUDTRAIL))?;
            Ok((first, rows))
        })))
    }

    /// Runs `each` over the events of a window that fulfil a condition, in any order, with these columns.
    pub(crate) async fn in_any_order(
        &self,
        window: Option<&Window>,
        condition: Option<Expr>,
        columns: &[&str],
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        self.in_batches(window, condition, columns, &mut |events| events.iter().try_for_each(|e| each(&e))).await
    }

    /// The same, batch by batch.
    pub(crate) async fn in_batches(
        &self,
        window: Option<&Window>,
        condition: Option<Expr>,
        columns: &[&str],
        each: &mut dyn FnMut(&Events<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        let frame = self.events(window, condition).await?.select_columns(columns).map_err(TimelineError::table(CLOUDTRAIL))?;
        Self::batches(CLOUDTRAIL, frame, &mut |batch| each(&Events::of(batch)?)).await
    }

    /// The events of a window that fulfil all conditions.
    pub(crate) async fn events(
        &self,
        window: Option<&Window>,
        conditions: impl IntoIterator<Item = Expr>,
    ) -> Result<DataFrame, TimelineError> {
        let all = window.map(within).into_iter().chain(conditions).reduce(Expr::and);
        let frame = self.table(CLOUDTRAIL).await?;
        match all {
            Some(condition) => frame.filter(condition).map_err(TimelineError::table(CLOUDTRAIL)),
            None => Ok(frame),
        }
    }

    /// Groups of dates, each a condition, in order; one without a condition where all fit at once.
    fn groups(&self, window: Option<&Window>) -> Vec<Option<Expr>> {
        let is_inside = is_date_of(window);
        let days: Vec<&Day> = self.days.iter().filter(|d| is_inside(&d.date)).collect();
        if days.iter().map(|d| d.rows).sum::<u64>() <= ROWS_AT_ONCE {
            return vec![None];
        }
        let mut groups: Vec<(&str, &str, u64)> = Vec::new();
        for day in days {
            match groups.last_mut() {
                Some(group) if group.2 + day.rows <= ROWS_AT_ONCE => *group = (group.0, &day.date, group.2 + day.rows),
                _ => groups.push((&day.date, &day.date, day.rows)),
            }
        }
        let date = |text: &str| lit(text.to_owned());
        groups.into_iter().map(|(from, to, _)| Some(col(EVENT_DATE).gt_eq(date(from)).and(col(EVENT_DATE).lt_eq(date(to))))).collect()
    }
}

/// The first and the last date of a window.
fn dates(window: &Window) -> (String, String) {
    (format_date(window.from()), format_date(window.to() - 1))
}

/// Whether a date is one of a window's.
pub(crate) fn is_date_of(window: Option<&Window>) -> impl Fn(&str) -> bool + Sync {
    let dates = window.map(dates);
    move |date| dates.as_ref().is_none_or(|(first, last)| first.as_str() <= date && date <= last.as_str())
}

/// Inside a window: by time, and by date, which spares the reader whole files.
pub(crate) fn within(window: &Window) -> Expr {
    let (first, last) = dates(window);
    col("event_time")
        .gt_eq(instant(window.from()))
        .and(col("event_time").lt(instant(window.to())))
        .and(col(EVENT_DATE).gt_eq(lit(first)))
        .and(col(EVENT_DATE).lt_eq(lit(last)))
}

/// So few names are written into a condition, where the reader can skip by statistics what does not hold them; more are looked up in a set.
pub(crate) const SOUGHT: usize = 64;

/// The reader skips by lists of so many values; of a longer one it must be told where they lie.
const LISTED: usize = 20;
/// Stretches in which the values of a longer list are said to lie.
const STRETCHES: usize = 10;

/// A column has one of these values; `None` where there are none.
pub(crate) fn one_of<S: Into<String>>(column: &str, values: impl IntoIterator<Item = S>) -> Option<Expr> {
    let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
    if values.is_empty() {
        return None;
    }
    let sorted: Vec<&str> = values.iter().map(String::as_str).collect();
    let listed = col(column).in_list(sorted.iter().map(|value| lit(*value)).collect(), false);
    if sorted.len() <= LISTED {
        return Some(listed);
    }
    let lies = |(first, last)| col(column).gt_eq(lit(first)).and(col(column).lt_eq(lit(last)));
    stretches(&sorted, STRETCHES).into_iter().map(lies).reduce(Expr::or).map(|lie| lie.and(listed))
}

/// The first and last of each of some stretches in which sorted values lie, cut where they lie furthest apart.
fn stretches<'v>(sorted: &[&'v str], most: usize) -> Vec<(&'v str, &'v str)> {
    let place = |text: &str| text.bytes().chain(std::iter::repeat(0)).take(8).fold(0u64, |number, byte| number << 8 | u64::from(byte));
    let mut cuts: Vec<usize> = (1..sorted.len()).collect();
    cuts.sort_by_key(|at| (std::cmp::Reverse(place(sorted[*at]) - place(sorted[*at - 1])), *at));
    cuts.truncate(most.saturating_sub(1));
    cuts.sort_unstable();
    let begins = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([sorted.len()]);
    begins.zip(ends).filter_map(|(from, to)| sorted.get(from).copied().zip(sorted.get(to.wrapping_sub(1)).copied())).collect()
}

/// The type of a column of instants.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A condition that a function decides on, row by row; the reader calls it before it reads the row's other columns. For what is too long for a list,
/// which every rule that plans the query would copy, or what no operator tells.
pub(crate) fn decided(
    name: &'static str,
    columns: &[(&str, DataType)],
    decide: impl Fn(&[ArrayRef]) -> Option<BooleanArray> + Send + Sync + 'static,
) -> Expr {
    let call = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        match decide(&arrays) {
            Some(decided) => Ok(ColumnarValue::Array(Arc::new(decided))),
            None => exec_err!("{name}() was given columns of other types"),
        }
    };
    let types = columns.iter().map(|(_, kind)| kind.clone()).collect();
    let arguments = columns.iter().map(|(column, _)| col(*column)).collect();
    create_udf(name, types, DataType::Boolean, Volatility::Immutable, Arc::new(call)).call(arguments)
}

/// An instant as a literal.
pub(crate) fn instant(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use backtrail_model::time::{MICROS_PER_DAY, parse_typed};

    fn source(days: &[(&str, u64)]) -> Source {
        Source::new(SessionContext::new(), days.iter().map(|(date, rows)| Day { date: (*date).to_owned(), rows: *rows }))
    }

    #[test]
    fn dates_are_grouped_by_rows_and_the_undated_come_last() {
        let source = source(&[("unknown", 5), ("2024-05-02", 300_000), ("2024-05-01", 300_000), ("2024-05-01", 1)]);
        let groups: Vec<_> = source.groups(None).into_iter().map(|g| g.map(|e| e.to_string()).unwrap_or_default()).collect();
        assert_eq!(groups.len(), 2);
        assert!(groups[0].contains("2024-05-01") && !groups[0].contains("2024-05-02"), "{groups:?}");
        assert!(groups[1].contains("2024-05-02") && groups[1].contains("unknown"), "{groups:?}");
        assert_eq!(source.undated(), 5);
    }

    #[test]
    fn a_long_list_is_said_to_lie_in_stretches_that_hold_all_of_it() {
        let ids: Vec<String> = (0..40).map(|n| format!("i-{:08x}", n * 7_919)).chain(["api".to_owned(), "web".to_owned()]).collect();
        let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let three = stretches(&sorted, 3);
        assert_eq!(three, [("api", "api"), (sorted[1], sorted[40]), ("web", "web")]);
        for most in [1, 2, 10, 100] {
            let told = stretches(&sorted, most);
            assert_eq!(told.len(), most.min(sorted.len()));
            assert!(sorted.iter().all(|value| told.iter().any(|(first, last)| first <= value && value <= last)));
        }
        assert_eq!(stretches(&["aaaaaaaab", "aaaaaaaac"], 1), [("aaaaaaaab", "aaaaaaaac")]);
        assert!(one_of("name", Vec::<String>::new()).is_none());
    }

    #[test]
    fn a_window_that_fits_is_read_at_once() {
        let source = source(&[("2024-05-01", 300_000), ("2024-05-02", 300_000)]);
        let from = parse_typed("2024-05-01").unwrap();
        let window = Window::between(from, from + MICROS_PER_DAY).unwrap();
        assert_eq!(source.groups(Some(&window)), [None]);
    }
}
