//! The question `coverage`: per account, region, log and hour, what is there.

use std::collections::BTreeMap;

use arrow_array::Array;
use backtrail_model::time::{MICROS_PER_HOUR, format_instant};
use backtrail_model::window::Window;
use hashbrown::HashMap;
use serde::Serialize;

use super::flow_logs::FlowHours;
use super::{Cell, EmptyHours, FlowLogCovered, LogKind, Parts, Seen, empty_hours, seen};
use crate::answer::{Answer, Closing, Totals};
use crate::error::TimelineError;
use crate::event::{Text, times};
use crate::ledger::Ledger;
use crate::nearest;
use crate::question::Question;
use crate::source::{Source, within};

/// Events of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourSeen {
    /// Its first instant.
    pub hour: String,
    /// Events in it.
    pub events: u64,
}

/// What one account, region and log has, hour by hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// Account, region, log, counts.
    #[serde(flatten)]
    pub seen: Seen,
    /// The hours with events.
    pub by_hour: Vec<HourSeen>,
    /// Stretches without, between the first and the last.
    pub gaps: Vec<EmptyHours>,
    /// The flow logs, each with its interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow_logs: Vec<FlowLogCovered>,
}

/// Answers what is there. Filters by account and region narrow the items, not what is said of what was not seen; others do not apply.
///
/// # Errors
/// Where the store cannot be read.
pub async fn coverage(source: &Source, question: &Question) -> Result<Answer<Covered>, TimelineError> {
    let window = question.window.as_ref();
    let (ledger, mut parts, flows) =
        futures::future::try_join3(Ledger::read(source), Parts::read(source, window), FlowHours::read(source, window)).await?;
    for other in &OTHERS {
        parts.cells.inside.extend(other_cells(source, other, window).await?);
    }
    let filters = &question.filters;
    let fits = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == value);
    let is_asked = |cell: &&Cell| fits(&filters.account, &cell.account) && fits(&filters.region, &cell.region);
    // Beside what is said of CloudTrail: an hour with traffic is none with events.
    let mut items = covered(&parts.cells.inside.iter().chain(&flows.cells()).filter(is_asked).cloned().collect::<Vec<_>>());
    for item in items.iter_mut().filter(|item| item.seen.source == LogKind::FlowLogs) {
        item.flow_logs = flows.of(&item.seen.account, &item.seen.region);
    }
    let mut coverage = parts.coverage(window, &ledger);
    let of_place = |account: &str, region: &str| fits(&filters.account, account) && fits(&filters.region, region);
    coverage.not_seen.extend(flows.not_seen(&items, &of_place, window));
    let count = items.len() as u64;
    if count == 0 {
        coverage.not_seen.extend(nearest::unknown_names(source, question).await?);
    }
    if let Some(limit) = question.limit {
        items.truncate(limit);
    }
    let totals = Totals { items: count, shown: items.len() as u64, ok: count, ..Totals::default() };
    Ok(Answer {
        question: "coverage",
        window: question.window,
        items,
        closing: Closing { totals, effects: Vec::new(), coverage, evidence_set: ledger.set },
    })
}

fn covered(cells: &[Cell]) -> Vec<Covered> {
    let mut groups: BTreeMap<(&str, &str, LogKind), BTreeMap<i64, u64>> = BTreeMap::new();
    for cell in cells {
        *groups.entry((&cell.account, &cell.region, cell.log)).or_default().entry(cell.hour).or_default() += cell.events;
    }
    let sums = seen(cells);
    let hour = |h: i64| format_instant(h.saturating_mul(MICROS_PER_HOUR));
    let of = |seen: Seen| {
        let by_hour = groups.get(&(seen.account.as_str(), seen.region.as_str(), seen.source)).cloned().unwrap_or_default();
        let hours = by_hour.keys().copied().collect();
        let ends = by_hour.keys().next().zip(by_hour.keys().next_back());
        let gaps = ends.map(|(first, last)| empty_hours(&hours, *first, *last)).unwrap_or_default();
        let gap = |(first, length): (i64, u64)| EmptyHours {
            account: seen.account.clone(),
            from: hour(first),
            to: hour(first.saturating_add(i64::try_from(length).unwrap_or(i64::MAX))),
            hours: length,
        };
        Covered {
            by_hour: by_hour.iter().map(|(h, events)| HourSeen { hour: hour(*h), events: *events }).collect(),
            gaps: gaps.into_iter().map(gap).collect(),
            flow_logs: Vec::new(),
            seen,
        }
    };
    sums.into_iter().map(of).collect()
}

/// A table of records that are not events: its log, and the columns that say whose they are and where.
struct Other {
    table: &'static str,
    log: LogKind,
    account: &'static str,
    region: &'static str,
}

const OTHERS: [Other; 2] = [
    Other { table: "cloudtrail_insights", log: LogKind::Insights, account: "recipient_account_id", region: "aws_region" },
    Other { table: "cloudtrail_aggregated", log: LogKind::Aggregated, account: "account_id", region: "aws_region" },
];

/// Cells of the records that are not events, counted row by row.
async fn other_cells(source: &Source, of: &Other, window: Option<&Window>) -> Result<Vec<Cell>, TimelineError> {
    let &Other { table, log, account, region } = of;
    let failed = TimelineError::table(table);
    let mut frame = source.table(table).await?;
    if let Some(window) = window {
        frame = frame.filter(within(window)).map_err(&failed)?;
    }
    let frame = frame.select_columns(&["event_time", account, region]).map_err(&failed)?;
    let mut cells: HashMap<(String, String, i64), Cell> = HashMap::new();
    Source::batches(table, frame, &mut |batch| {
        let (time, account) = (times(batch, table, "event_time")?, Text::of(batch, table, account)?);
        let region = Text::of(batch, table, region)?;
        for row in (0..batch.num_rows()).filter(|row| !time.is_null(*row)) {
            let (at, hour) = (time.value(row), time.value(row).div_euclid(MICROS_PER_HOUR));
            let account = account.get(row).unwrap_or("unknown").to_owned();
            let region = region.get(row).unwrap_or("unknown").to_owned();
            let cell = cells.entry((account, region, hour)).or_insert_with_key(|(account, region, hour)| Cell {
                account: account.clone(),
                region: region.clone(),
                log,
                hour: *hour,
                events: 0,
                conflicts: 0,
                first: at,
                last: at,
            });
            cell.events += 1;
            (cell.first, cell.last) = (cell.first.min(at), cell.last.max(at));
        }
        Ok(())
    })
    .await?;
    Ok(cells.into_values().collect())
}
