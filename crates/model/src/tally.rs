//! What a data file of `cloudtrail` holds: its events by account, region, log and hour, counted when it is written.
//!
//! It stands in the file's footer, so that coverage, with which every answer ends, need not read the events. A file without it is one that an older
//! version or another program wrote: its events are counted when asked about, by the same [`Counter`].

use std::hash::{BuildHasher, RandomState};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::time::MICROS_PER_HOUR;

/// The footer's key.
pub const KEY: &str = "backtrail.tally";
/// The call that deletes single objects. That is daily business: it matters to what was logged only where logs are delivered.
pub const DELETE_OBJECT: &str = "DeleteObject";
/// What stands in its parameters then.
pub const LOG_OBJECT: &str = "AWSLogs/";
/// Raised when the same events are counted differently: what another version counted is not used.
const VERSION: u32 = 1;

/// What kind of log an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// VPC and Transit Gateway flow logs.
    FlowLogs,
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
            Self::FlowLogs => "flow_logs",
        }
    }

    /// Whether its records tell of events that are records elsewhere.
    #[must_use]
    pub fn tells_of_events(self) -> bool {
        matches!(self, Self::Insights | Self::Aggregated)
    }

    /// By `eventCategory`, else by `managementEvent`; records older than both are management events, the only kind there was by default.
    #[must_use]
    pub fn of(category: Option<&str>, management: Option<bool>) -> Self {
        match (category, management) {
            (Some("Data"), _) | (None, Some(false)) => Self::Data,
            (Some("NetworkActivity"), _) => Self::NetworkActivity,
            _ => Self::Management,
        }
    }
}

/// Events of one account, region, log and hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// `recipientAccountId`; `unknown` where records name none.
    pub account: String,
    /// `awsRegion`; `unknown` likewise.
    pub region: String,
    /// Log.
    pub log: LogKind,
    /// Hours since 1970.
    pub hour: i64,
    /// Events.
    pub events: u64,
    /// Those whose id another row has with other content.
    pub conflicts: u64,
    /// Earliest, microseconds UTC.
    pub first: i64,
    /// Latest.
    pub last: i64,
}

/// What one file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    version: u32,
    /// Its events with a time.
    pub cells: Vec<Cell>,
    /// Deletions of single objects under `AWSLogs/`, where logs are delivered.
    pub log_objects: u64,
}

impl Tally {
    /// As it stands in a footer.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Read from a footer; `None` where it is not of this version.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|tally| tally.version == VERSION)
    }
}

/// An event, as far as it is counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted<'a> {
    /// `event_time`, microseconds UTC: events without one are in no cell.
    pub time: Option<i64>,
    /// `recipient_account_id`.
    pub account: Option<&'a str>,
    /// `aws_region`.
    pub region: Option<&'a str>,
    /// `event_category`.
    pub category: Option<&'a str>,
    /// `management_event`.
    pub management: Option<bool>,
    /// `id_conflict`.
    pub conflict: bool,
    /// `event_name`.
    pub event_name: Option<&'a str>,
    /// `request_parameters`, as UTF-8.
    pub request_parameters: Option<&'a [u8]>,
}

impl Counted<'_> {
    fn deletes_log_object(&self) -> bool {
        self.event_name == Some(DELETE_OBJECT)
            && self.request_parameters.is_some_and(|text| memmem::find(text, LOG_OBJECT.as_bytes()).is_some())
    }
}

/// Counts events, row by row.
#[derive(Debug, Default)]
pub struct Counter {
    cells: Vec<Cell>,
    /// Positions in `cells` by a hash of what they count, and whether there are more: rows come in the order of time, and there are few cells.
    known: std::collections::HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    log_objects: u64,
}

impl Counter {
    /// Takes the next event.
    pub fn add(&mut self, event: &Counted<'_>) {
        self.log_objects += u64::from(event.deletes_log_object());
        let Some(at) = event.time else { return };
        let what = (
            at.div_euclid(MICROS_PER_HOUR),
            LogKind::of(event.category, event.management),
            event.account.unwrap_or("unknown"),
            event.region.unwrap_or("unknown"),
        );
        let cell = self.cell(what, at);
        cell.events += 1;
        cell.conflicts += u64::from(event.conflict);
        (cell.first, cell.last) = (cell.first.min(at), cell.last.max(at));
    }

    fn cell(&mut self, (hour, log, account, region): (i64, LogKind, &str, &str), at: i64) -> &mut Cell {
        let known = self.known.entry(self.hasher.hash_one((hour, log, account, region))).or_default();
        let is_it = |cell: &Cell| (cell.hour, cell.log) == (hour, log) && cell.account == account && cell.region == region;
        let position = known.iter().copied().find(|at| is_it(&self.cells[*at])).unwrap_or_else(|| {
            let (account, region) = (account.to_owned(), region.to_owned());
            self.cells.push(Cell { account, region, log, hour, events: 0, conflicts: 0, first: at, last: at });
            known.push(self.cells.len() - 1);
            self.cells.len() - 1
        });
        &mut self.cells[position]
    }

    /// All that was counted, in order.
    #[must_use]
    pub fn tally(mut self) -> Tally {
        self.cells.sort_by(|a, b| (a.hour, &a.account, &a.region, a.log).cmp(&(b.hour, &b.account, &b.region, b.log)));
        Tally { version: VERSION, cells: self.cells, log_objects: self.log_objects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_account_region_log_and_hour() {
        let mut counter = Counter::default();
        let at = |minutes: i64| Some(minutes * 60_000_000);
        let one = Counted { account: Some("1"), region: Some("eu-west-1"), ..Counted::default() };
        counter.add(&Counted { time: at(59), ..one });
        counter.add(&Counted { time: at(61), ..one });
        counter.add(&Counted { time: at(1), conflict: true, ..one });
        counter.add(&Counted { time: at(2), category: Some("Data"), ..one });
        counter.add(&Counted { time: at(3), ..Counted::default() });
        counter.add(&one);
        for (name, parameters) in [
            ("DeleteObject", r#"{"key":"AWSLogs/1/x.json.gz"}"#),
            ("DeleteObject", r#"{"key":"x"}"#),
            ("PutObject", r#"{"key":"AWSLogs/1/x.json.gz"}"#),
        ] {
            counter.add(&Counted { event_name: Some(name), request_parameters: Some(parameters.as_bytes()), ..Counted::default() });
        }
        let tally = counter.tally();
        let told = |c: &Cell| (c.hour, c.account.clone(), c.log, c.events, c.conflicts, c.first / 60_000_000, c.last / 60_000_000);
        assert_eq!(
            tally.cells.iter().map(told).collect::<Vec<_>>(),
            [
                (0, "1".to_owned(), LogKind::Management, 2, 1, 1, 59),
                (0, "1".to_owned(), LogKind::Data, 1, 0, 2, 2),
                (0, "unknown".to_owned(), LogKind::Management, 1, 0, 3, 3),
                (1, "1".to_owned(), LogKind::Management, 1, 0, 61, 61),
            ]
        );
        assert_eq!(tally.log_objects, 1);
        assert_eq!(Tally::of_text(&tally.to_text()), Some(tally));
    }

    #[test]
    fn what_another_version_counted_is_not_used() {
        let text = Tally { version: VERSION + 1, ..Tally::default() }.to_text();
        assert_eq!(Tally::of_text(&text), None);
        assert_eq!(Tally::of_text("{}"), None);
    }
}
