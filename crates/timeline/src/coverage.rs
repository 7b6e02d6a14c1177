//! What the store could have seen, and what it could not. Every answer ends with it.

mod cells;
mod flow_logs;
mod gaps;
mod hours;
mod question;
mod recording;
mod statements;

use std::collections::BTreeMap;

use backtrail_model::tally::Cell;
pub use backtrail_model::tally::LogKind;
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_SECOND, format_instant};
use backtrail_model::window::Window;
use serde::Serialize;

pub use flow_logs::{FlowLogCall, FlowLogCovered, HourState, InterfaceCovered, Stretch};
use gaps::LogChanges;
pub use gaps::{LogChange, Resumed};
pub use hours::{EmptyHours, empty_hours};
pub use question::{Covered, HourSeen, coverage};
pub use statements::{NotSeen, NotSeenKind};
pub(crate) use statements::{OF_A_KIND, capped_with, say};

use cells::{Cells, cells};
pub(crate) use cells::{FirstByDate, FirstEvents, ToldByFiles, as_recorded};

use crate::error::TimelineError;
use crate::ledger::{Broken, Ledger};
use crate::question::WindowShown;
use crate::source::Source;

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
    /// Events in the window; records that tell of events (Insights, aggregates) are none.
    pub events: u64,
    /// Whether evidence that concerns the window is broken, rejected or unreadable (exit code 3).
    pub incomplete: bool,
    /// All evidence.
    pub evidence: EvidenceSeen,
    /// What there is, by account, region and log.
    pub seen: Vec<Seen>,
    /// Hours of the window without any event of an account that has some.
    pub empty_hours: Vec<EmptyHours>,
    /// Calls that changed what is logged: those in the window and the day before, and older ones that nothing undid before the window.
    pub log_changes: Vec<LogChange>,
    /// Evidence that concerns the window and lacks something.
    pub broken_evidence: Vec<Broken>,
    /// What was not seen, in words.
    pub not_seen: Vec<NotSeen>,
}

/// What coverage is made of, besides the ledger.
#[derive(Default)]
pub(crate) struct Parts {
    cells: Cells,
    log_changes: LogChanges,
    undated: u64,
}

impl Parts {
    /// Reads the window and the day to either side; of the rest of the store only what its files say of themselves, and the calls on trails.
    pub(crate) async fn read(source: &Source, window: Option<&Window>) -> Result<Self, TimelineError> {
        // The day to either side tells which accounts and regions ought to be there.
        let around =
            window.and_then(|w| Window::between(w.from().saturating_sub(MICROS_PER_DAY), w.to().saturating_add(MICROS_PER_DAY)).ok());
        let known = ToldByFiles::of(source);
        let cells = cells(source, known, around.as_ref(), window);
        let (cells, log_changes) = futures::future::try_join(cells, gaps::log_changes(source, known, around.as_ref(), window)).await?;
        Ok(Self { cells, log_changes, undated: source.undated() })
    }

    /// What could be seen of the window.
    pub(crate) fn coverage(self, window: Option<&Window>, ledger: &Ledger) -> Coverage {
        let broken = ledger.broken.iter().filter(|b| b.concerns(window)).cloned().collect();
        Coverage::of(self, window, ledger, broken)
    }
}

impl Coverage {
    #[cfg(test)]
    pub(crate) fn from_parts(window: Option<&Window>, cells: Cells, log_changes: LogChanges, ledger: &Ledger, undated: u64) -> Self {
        Parts { cells, log_changes, undated }.coverage(window, ledger)
    }

    /// Of an answer from all evidence, whose events lie in this stretch of time: whatever is broken may matter to it, whichever its times;
    /// what else was not seen is told of the stretch.
    pub(crate) async fn of_stretch(
        source: &Source,
        ledger: &Ledger,
        stretch: Option<(i64, i64)>,
    ) -> Result<(WindowShown, Self), TimelineError> {
        // To the end of the last event's second.
        let end = |last: i64| last.div_euclid(MICROS_PER_SECOND).saturating_add(1).saturating_mul(MICROS_PER_SECOND);
        let window = stretch.and_then(|(first, last)| Window::between(first, end(last)).ok());
        let parts = match &window {
            Some(window) => Parts::read(source, Some(window)).await?,
            None => Parts { undated: source.undated(), ..Parts::default() },
        };
        let coverage = Self::of(parts, window.as_ref(), ledger, ledger.broken.clone());
        Ok((WindowShown::from(window.as_ref()), coverage))
    }

    fn of(parts: Parts, window: Option<&Window>, ledger: &Ledger, broken_evidence: Vec<Broken>) -> Self {
        let Parts { cells: Cells { inside, beside, far }, log_changes, undated } = parts;
        let empty_hours = hours::of_accounts(&inside, span(window, ledger));
        let not_seen = statements::statements(&statements::Parts {
            window,
            ledger,
            inside: &inside,
            beside: &beside,
            far: &far,
            empty_hours: &empty_hours,
            log_changes: &log_changes,
            broken: &broken_evidence,
            undated,
        });
        Self {
            events: inside.iter().filter(|c| !c.log.tells_of_events()).map(|c| c.events).sum(),
            incomplete: broken_evidence.iter().any(Broken::is_fault),
            evidence: EvidenceSeen {
                pieces: ledger.pieces,
                by_fate: ledger.by_fate.clone(),
                first_event_time: ledger.first.map(format_instant),
                last_event_time: ledger.last.map(format_instant),
            },
            seen: seen(&inside),
            empty_hours,
            log_changes: log_changes.listed,
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
pub(crate) fn seen(cells: &[Cell]) -> Vec<Seen> {
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

#[cfg(test)]
mod tests;
