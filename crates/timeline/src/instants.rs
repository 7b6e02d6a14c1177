//! When events touched what `--arn` names: looked up in `event_arns`, whose rows stand together by name, instead of sought in every record.
//!
//! An ARN or an EC2 id is recognised wherever it stands in a record, so that the table knows of all of it. Any other word (`Admin`) may stand where no
//! rule says what it names: those are sought in the records' text, as everything is in a store that older versions wrote.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use backtrail_model::tables::{EVENT_DATE, UNKNOWN_DATE};
use backtrail_model::time::format_date;
use backtrail_model::touch::{Names, Wanted};
use backtrail_model::window::Window;
use backtrail_query::{MOST_BY_PLACE, at_instants};
use datafusion::arrow::datatypes::DataType;
use datafusion::functions::expr_fn::{ends_with, starts_with};
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::HashMap;

use crate::error::TimelineError;
use crate::event::{Text, longs, times};
use crate::source::{CLOUDTRAIL, Source, decided, instant, one_of, within};

/// The version of the decoder that began to write `event_arns`.
const SINCE: i32 = 5;
/// Stretches of time that the reader is given to skip all else by.
const STRETCHES: usize = 16;
/// Events of so many instants fit into memory at once.
const FEW: usize = 10_000;
/// Copies of events that are told apart from others of the same instant.
const MOST_COPIES: usize = 50_000;

pub(crate) const EVENT_ARNS: &str = "event_arns";
const IDENTITIES: [&str; 2] = ["user_identity_arn", "session_issuer_arn"];

/// When events touched one of the things asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instants {
    /// `None` for an event without a time.
    times: BTreeSet<Option<i64>>,
    /// Where the events stand, each copy of them by its evidence and number, as long as they are few: others may be of the same instant.
    copies: Option<BTreeSet<(String, i64)>>,
}

impl Default for Instants {
    fn default() -> Self {
        Self { times: BTreeSet::new(), copies: Some(BTreeSet::new()) }
    }
}

/// Whether every event of the store has its rows in `event_arns`.
pub(crate) async fn is_known_of_all(source: &Source) -> Result<bool, TimelineError> {
    source.is_all_read_since(SINCE).await
}

impl Instants {
    /// When what is typed was touched inside a window; `None` where it is to be sought in the records' text.
    pub(crate) async fn of(source: &Source, typed: &[String], window: Option<&Window>) -> Result<Option<Self>, TimelineError> {
        let wanted: Vec<Wanted> = typed.iter().map(|one| Wanted::read(one)).collect();
        if wanted.is_empty() || !wanted.iter().all(Wanted::is_telling) || !is_known_of_all(source).await? {
            return Ok(None);
        }
        let mut instants = Self::default();
        for one in &wanted {
            instants.look_up(source, one, window).await?;
        }
        Ok(Some(instants))
    }

    /// When calls that fulfil a condition touched one of these ARNs; for stores all of whose events have their rows.
    pub(crate) async fn of_calls(
        source: &Source,
        arns: &BTreeSet<String>,
        called: Option<Expr>,
        window: Option<&Window>,
    ) -> Result<Self, TimelineError> {
        let names = arns.iter().flat_map(|arn| match Wanted::read(arn).names() {
            Names::Equal(names) | Names::EqualOrStarting(names, _) => names,
            Names::Starting(_) | Names::Any => Vec::new(),
        });
        let mut instants = Self::default();
        let Some(named) = one_of("name", names) else { return Ok(instants) };
        let condition = window.map(within).into_iter().chain(called).fold(named, Expr::and);
        instants.take_where(source, Some(condition), &|arn| arns.contains(arn)).await?;
        Ok(instants)
    }

    /// When calls that fulfil a condition touched one of the things meant, at any time; for stores all of whose events have their rows.
    pub(crate) async fn of_calls_on(source: &Source, wanted: &[Wanted], called: &Expr) -> Result<Self, TimelineError> {
        let mut instants = Self::default();
        for one in wanted {
            let condition = by_name(one).into_iter().fold(called.clone(), |called, named| named.and(called));
            instants.take_where(source, Some(condition), &|arn| one.fits(arn)).await?;
        }
        Ok(instants)
    }

    /// Whether the events that count are known to fit into memory at once.
    pub(crate) fn are_few(&self) -> bool {
        self.times.len() <= FEW
    }

    async fn look_up(&mut self, source: &Source, wanted: &Wanted, window: Option<&Window>) -> Result<(), TimelineError> {
        let condition = by_name(wanted).into_iter().chain(window.map(within)).reduce(Expr::and);
        self.take_where(source, condition, &|arn| wanted.fits(arn)).await?;
        if wanted.may_be_identity() { self.look_up_callers(source, wanted, window).await } else { Ok(()) }
    }

    /// The rows of `event_arns` that fulfil a condition and whose ARN is meant.
    async fn take_where(
        &mut self,
        source: &Source,
        condition: Option<Expr>,
        is_meant: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<(), TimelineError> {
        let failed = TimelineError::table(EVENT_ARNS);
        let mut frame = source.table(EVENT_ARNS).await?;
        if let Some(condition) = condition {
            frame = frame.filter(condition).map_err(&failed)?;
        }
        let frame = frame.select_columns(&["event_time", "arn", "evidence_id", "record_index"]).map_err(&failed)?;
        Source::batches(EVENT_ARNS, frame, &mut |batch| {
            let (copies, arn) = (Copies::of(batch, EVENT_ARNS)?, Text::of(batch, EVENT_ARNS, "arn")?);
            // Rows of one thing follow each other.
            let mut last: Option<(&str, bool)> = None;
            for row in 0..batch.num_rows() {
                let arn = arn.get(row).unwrap_or_default();
                let fits = last.filter(|(known, _)| *known == arn).map_or_else(|| is_meant(arn), |(_, fits)| fits);
                last = Some((arn, fits));
                if fits {
                    self.add_copy(&copies, row);
                }
            }
            Ok(())
        })
        .await
    }

    /// Who called is in columns of its own.
    async fn look_up_callers(&mut self, source: &Source, wanted: &Wanted, window: Option<&Window>) -> Result<(), TimelineError> {
        let text = wanted.text();
        let each = IDENTITIES.iter().map(|column| {
            if wanted.is_start() {
                return starting(column, text);
            }
            let name = text.rsplit('/').next().unwrap_or(text);
            // A role may be written with or without its path.
            col(*column).eq(lit(text)).or(ends_with(col(*column), lit(format!("/{name}"))))
        });
        let frame = source.events(window, each.reduce(Expr::or)).await?;
        let frame = frame.select_columns(&["event_time", "evidence_id", "record_index"]).map_err(TimelineError::table(CLOUDTRAIL))?;
        Source::batches(CLOUDTRAIL, frame, &mut |batch| {
            let copies = Copies::of(batch, CLOUDTRAIL)?;
            (0..batch.num_rows()).for_each(|row| self.add_copy(&copies, row));
            Ok(())
        })
        .await
    }

    /// An event of which no more is known than when it was.
    pub(crate) fn add(&mut self, time: Option<i64>) {
        self.times.insert(time);
        self.copies = None;
    }

    fn add_copy(&mut self, copies: &Copies<'_>, row: usize) {
        self.times.insert((!copies.time.is_null(row)).then(|| copies.time.value(row)));
        let known = self.copies.take().filter(|known| known.len() < MOST_COPIES);
        self.copies = known.map(|mut known| {
            known.insert((copies.evidence.get(row).unwrap_or_default().to_owned(), copies.index.value(row)));
            known
        });
    }

    pub(crate) fn holds(&self, time: Option<i64>) -> bool {
        self.times.contains(&time)
    }

    /// A condition that every event that touched it fulfils: its day, then its instant and, where that is known, its place in the evidence. The reader
    /// finds the rows of few instants by their place; of many it is told the stretches of time, last, to skip row groups and pages by.
    pub(crate) fn condition(&self) -> Expr {
        if self.times.len() > MOST_BY_PLACE || self.holds(None) {
            return self.condition_among_others();
        }
        let at = on_days(&self.times.iter().flatten().copied().collect::<Vec<_>>()).unwrap_or_else(|| lit(false));
        self.copies.iter().fold(at, |at, copies| at.and(is_one_of(copies)))
    }

    /// The same, to stand among alternatives, where the reader cannot find rows by their place.
    pub(crate) fn condition_among_others(&self) -> Expr {
        let known: Vec<i64> = self.times.iter().flatten().copied().collect();
        let inside = |(from, to): (i64, i64)| col("event_time").gt_eq(instant(from)).and(col("event_time").lt_eq(instant(to)));
        let inside = stretches(&known).into_iter().map(inside).reduce(Expr::or);
        let dated = on_days(&known).map(|dated| inside.into_iter().fold(dated, Expr::and));
        let undated = self.holds(None).then(|| col("event_time").is_null().and(col(EVENT_DATE).eq(lit(UNKNOWN_DATE))));
        dated.into_iter().chain(undated).reduce(Expr::or).unwrap_or_else(|| lit(false))
    }
}

/// A condition that every row of `event_arns` fulfils whose ARN may be meant; none where any may be.
fn by_name(wanted: &Wanted) -> Option<Expr> {
    match wanted.names() {
        Names::Equal(names) => one_of("name", names),
        Names::EqualOrStarting(names, start) => one_of("name", names).into_iter().chain([starting("name", &start)]).reduce(Expr::or),
        Names::Starting(start) => Some(starting("name", &start)),
        Names::Any => None,
    }
}

/// Where the rows of a batch stand.
struct Copies<'b> {
    time: &'b TimestampMicrosecondArray,
    evidence: Text<'b>,
    index: &'b Int64Array,
}

impl<'b> Copies<'b> {
    fn of(batch: &'b RecordBatch, table: &'static str) -> Result<Self, TimelineError> {
        let (time, evidence) = (times(batch, table, "event_time")?, Text::of(batch, table, "evidence_id")?);
        Ok(Self { time, evidence, index: longs(batch, table, "record_index")? })
    }
}

/// Whether the row is one of these copies.
fn is_one_of(copies: &BTreeSet<(String, i64)>) -> Expr {
    let mut known: HashMap<String, BTreeSet<i64>> = HashMap::new();
    for (evidence, index) in copies {
        known.entry(evidence.clone()).or_default().insert(*index);
    }
    let columns = [("evidence_id", DataType::Utf8View), ("record_index", DataType::Int64)];
    decided("is_copy", &columns, move |columns| {
        let (evidence, index) = (columns.first()?.as_string_view_opt()?, columns.get(1)?.as_primitive_opt::<Int64Type>()?);
        let is_known = |row: usize| known.get(evidence.value(row)).is_some_and(|indices| indices.contains(&index.value(row)));
        Some((0..evidence.len()).map(|row| Some(!evidence.is_null(row) && !index.is_null(row) && is_known(row))).collect())
    })
}

/// On one of these instants' days, and at it.
fn on_days(known: &[i64]) -> Option<Expr> {
    let on_day = one_of(EVENT_DATE, known.iter().map(|t| format_date(*t)))?;
    Some(on_day.and(at_instants(known.iter().copied())))
}

fn starting(column: &str, start: &str) -> Expr {
    starts_with(col(column), lit(start.to_owned()))
}

/// Sorted instants as few stretches of time, with the widest gaps between them left out.
fn stretches(known: &[i64]) -> Vec<(i64, i64)> {
    let mut gaps: Vec<(i64, usize)> = known.windows(2).enumerate().map(|(at, pair)| (pair[1] - pair[0], at + 1)).collect();
    gaps.sort_by(|a, b| b.cmp(a));
    let mut cuts: Vec<usize> = gaps.into_iter().take(STRETCHES - 1).map(|(_, at)| at).collect();
    cuts.push(known.len());
    cuts.sort_unstable();
    let mut from = 0;
    let mut all = Vec::new();
    for cut in cuts {
        if let Some([first, .., last] | [first @ last]) = known.get(from..cut) {
            all.push((*first, *last));
        }
        from = cut;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_hold_all_and_little_else() {
        assert_eq!(stretches(&[]), []);
        assert_eq!(stretches(&[5]), [(5, 5)]);
        let known: Vec<i64> = (0..40).map(|n| n / 2 * 1_000 + n % 2).collect();
        let found = stretches(&known);
        assert_eq!(found.len(), STRETCHES);
        assert!(known.iter().all(|t| found.iter().any(|(from, to)| from <= t && t <= to)));
        assert!(found.is_sorted() && found.windows(2).all(|w| w[0].1 < w[1].0));
    }
}
