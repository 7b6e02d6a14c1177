//! What the store could have seen, and what it could not. Every answer ends with it.

mod gaps;
mod hours;
mod question;
mod statements;

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_HOUR, format_instant};
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{cast, col, lit, when};
use serde::Serialize;

pub use gaps::LogChange;
pub use hours::{EmptyHours, empty_hours};
pub use question::{Covered, HourSeen, coverage};
pub use statements::{NotSeen, NotSeenKind};

use crate::error::TimelineError;
use crate::event::{Text, flags, times};
use crate::ledger::{Broken, Ledger};
use crate::source::{Source, instant};

/// What kind of log an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// Management events.
    Management,
    /// Data events.
    Data,
    /// Network activity events of VPC endpoints.
    NetworkActivity,
    /// CloudTrail Insights.
    Insights,
    /// Five-minute aggregates.
    Aggregated,
}

impl LogKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Data => "data",
            Self::NetworkActivity => "network_activity",
            Self::Insights => "insights",
            Self::Aggregated => "aggregated",
        }
    }

    /// By `eventCategory`, else by `managementEvent`; records older than both are management events, the only kind there was by default.
    fn of(category: Option<&str>, management: Option<bool>) -> Self {
        match (category, management) {
            (Some("Data"), _) | (None, Some(false)) => Self::Data,
            (Some("NetworkActivity"), _) => Self::NetworkActivity,
            _ => Self::Management,
        }
    }
}

/// Events of one account, region, log and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) log: LogKind,
    /// Hours since 1970.
    pub(crate) hour: i64,
    pub(crate) events: u64,
    pub(crate) conflicts: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Whether it lies in the window, rather than beside it.
    pub(crate) inside: bool,
}

/// What one account, region and log has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Account; `unknown` where records name none.
    pub account: String,
    /// Region.
    pub region: String,
    /// Log.
    pub source: LogKind,
    /// Events.
    pub events: u64,
    /// Earliest.
    pub first_event_time: String,
    /// Latest.
    pub last_event_time: String,
    /// Hours with events.
    pub hours: u64,
    /// Hours without, between the first and the last.
    pub empty_hours: u64,
}

/// The evidence as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceSeen {
    /// Pieces.
    pub pieces: u64,
    /// Pieces by fate.
    pub by_fate: BTreeMap<String, u64>,
    /// Earliest event time in any.
    pub first_event_time: Option<String>,
    /// Latest event time in any.
    pub last_event_time: Option<String>,
}

/// What could be seen of a window. Filters do not narrow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Events in the window.
    pub events: u64,
    /// Whether evidence that concerns the window is broken, rejected or unreadable (exit code 3).
    pub incomplete: bool,
    /// All evidence.
    pub evidence: EvidenceSeen,
    /// What there is, by account, region and log.
    pub seen: Vec<Seen>,
    /// Hours of the window without any event of an account that has some.
    pub empty_hours: Vec<EmptyHours>,
    /// Calls that changed what is logged, in the window and the day before.
    pub log_changes: Vec<LogChange>,
    /// Evidence that concerns the window and lacks something.
    pub broken_evidence: Vec<Broken>,
    /// What was not seen, in words.
    pub not_seen: Vec<NotSeen>,
}

impl Coverage {
    /// What could be seen of a window: reads the window, the day to either side, and the ledger; never the whole store.
    pub(crate) async fn of(source: &Source, window: Option<&Window>, ledger: &Ledger) -> Result<Self, TimelineError> {
        // The day to either side tells which accounts and regions ought to be there.
        let around =
            window.and_then(|w| Window::between(w.from().saturating_sub(MICROS_PER_DAY), w.to().saturating_add(MICROS_PER_DAY)).ok());
        let (cells, log_changes) =
            futures::future::try_join(cells(source, around.as_ref(), window), gaps::log_changes(source, around.as_ref(), window)).await?;
        Ok(Self::from_parts(window, &cells, log_changes, ledger, source.undated()))
    }

    pub(crate) fn from_parts(window: Option<&Window>, cells: &[Cell], log_changes: Vec<LogChange>, ledger: &Ledger, undated: u64) -> Self {
        let (inside, beside): (Vec<&Cell>, Vec<&Cell>) = cells.iter().partition(|c| c.inside);
        let broken_evidence: Vec<Broken> = ledger.broken.iter().filter(|b| b.concerns(window)).cloned().collect();
        let empty_hours = hours::of_accounts(&inside, span(window, ledger));
        let not_seen = statements::statements(&statements::Parts {
            window,
            ledger,
            inside: &inside,
            beside: &beside,
            empty_hours: &empty_hours,
            log_changes: &log_changes,
            broken: &broken_evidence,
            undated,
        });
        Self {
            events: inside.iter().map(|c| c.events).sum(),
            incomplete: !broken_evidence.is_empty(),
            evidence: EvidenceSeen {
                pieces: ledger.pieces,
                by_fate: ledger.by_fate.clone(),
                first_event_time: ledger.first.map(format_instant),
                last_event_time: ledger.last.map(format_instant),
            },
            seen: seen(&inside),
            empty_hours,
            log_changes,
            broken_evidence,
            not_seen,
        }
    }
}

/// The part of the window that evidence reaches.
fn span(window: Option<&Window>, ledger: &Ledger) -> Option<(i64, i64)> {
    let (first, last) = (ledger.first?, ledger.last?);
    Some(window.map_or((first, last), |w| (w.from().max(first), (w.to() - 1).min(last))))
}

/// Sums up cells by account, region and log.
pub(crate) fn seen(cells: &[&Cell]) -> Vec<Seen> {
    let mut groups: BTreeMap<(&str, &str, LogKind), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        groups.entry((&cell.account, &cell.region, cell.log)).or_default().push(cell);
    }
    let of = |((account, region, log), cells): ((&str, &str, LogKind), Vec<&Cell>)| {
        let mut hours: Vec<i64> = cells.iter().map(|c| c.hour).collect();
        hours.sort_unstable();
        hours.dedup();
        let stretch = hours.last().zip(hours.first()).map_or(0, |(last, first)| last - first + 1);
        Seen {
            account: account.to_owned(),
            region: region.to_owned(),
            source: log,
            events: cells.iter().map(|c| c.events).sum(),
            first_event_time: cells.iter().map(|c| c.first).min().map(format_instant).unwrap_or_default(),
            last_event_time: cells.iter().map(|c| c.last).max().map(format_instant).unwrap_or_default(),
            hours: hours.len() as u64,
            empty_hours: u64::try_from(stretch).unwrap_or(0).saturating_sub(hours.len() as u64),
        }
    };
    groups.into_iter().map(of).collect()
}

/// Counts the events of a stretch of time by account, region, log and hour, those inside the window apart from those beside it.
pub(crate) async fn cells(source: &Source, around: Option<&Window>, window: Option<&Window>) -> Result<Vec<Cell>, TimelineError> {
    const TABLE: &str = "cloudtrail";
    let failed = TimelineError::table(TABLE);
    let frame = source.events(around, [col("event_time").is_not_null()]).await?;
    let hour = cast(col("event_time"), DataType::Int64) / lit(MICROS_PER_HOUR);
    let conflicts = when(col("id_conflict").is_true(), lit(1_i64)).otherwise(lit(0_i64)).map_err(&failed)?;
    let inside = window.map_or(lit(true), |w| col("event_time").gt_eq(instant(w.from())).and(col("event_time").lt(instant(w.to()))));
    let frame = frame
        .aggregate(
            vec![
                col("recipient_account_id"),
                col("aws_region"),
                col("event_category"),
                col("management_event"),
                hour.alias("hour"),
                inside.alias("inside"),
            ],
            vec![
                count(lit(1_i64)).alias("events"),
                sum(conflicts).alias("conflicts"),
                min(col("event_time")).alias("first"),
                max(col("event_time")).alias("last"),
            ],
        )
        .map_err(&failed)?;
    let mut cells = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| {
        let text = |column| Text::of(batch, TABLE, column);
        let (account, region, category) = (text("recipient_account_id")?, text("aws_region")?, text("event_category")?);
        let (management, inside) = (flags(batch, TABLE, "management_event")?, flags(batch, TABLE, "inside")?);
        let (first, last) = (times(batch, TABLE, "first")?, times(batch, TABLE, "last")?);
        let whole = |column: &'static str| {
            let array = batch.column_by_name(column).and_then(|a| a.as_primitive_opt::<Int64Type>());
            array.ok_or(TimelineError::Column { table: TABLE, column })
        };
        let (hour, events, conflicts) = (whole("hour")?, whole("events")?, whole("conflicts")?);
        for row in 0..batch.num_rows() {
            let flag = (!management.is_null(row)).then(|| management.value(row));
            cells.push(Cell {
                account: account.get(row).unwrap_or("unknown").to_owned(),
                region: region.get(row).unwrap_or("unknown").to_owned(),
                log: LogKind::of(category.get(row), flag),
                hour: hour.value(row),
                events: events.value(row).unsigned_abs(),
                conflicts: conflicts.value(row).unsigned_abs(),
                first: first.value(row),
                last: last.value(row),
                inside: inside.value(row),
            });
        }
        Ok(())
    })
    .await?;
    Ok(cells)
}

#[cfg(test)]
mod tests;
