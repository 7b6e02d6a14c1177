//! What flow logs cover: by flow log and interface the hours with records, those that say that there was nothing (NODATA), those that say that something
//! was lost (SKIPDATA), and those of which nobody says anything. And which calls began and ended a flow log.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;
use backtrail_model::calls::action_name;
use backtrail_model::names::Names;
use backtrail_model::outcome::Outcome;
use backtrail_model::time::{MICROS_PER_HOUR, format_instant};
use backtrail_model::window::Window;
use backtrail_model::words::counted;
use hashbrown::HashMap;
use serde::Serialize;

use super::statements::capped;
use super::{Cell, Covered, LogKind, NotSeen, NotSeenKind, say};
use crate::error::TimelineError;
use crate::event::{Event, times};
use crate::flows::{self, FLOWS, INTERFACES, NO_INTERFACE, REGIONS, Records, UNKNOWN};
use crate::item::Item;
use crate::source::Source;
use crate::touched::touched_in_all;

/// Calls that begin and end a flow log.
const CALLS: &[&str] = &["CreateFlowLogs", "DeleteFlowLogs"];
/// Columns that are read beside those that name the interface and the region.
const COLUMNS: &[&str] = &["event_time", "log_status", "account_id", "flow_log_id", "log_group"];

/// What several interfaces are told as beyond those that are named: of one, and of more.
const LOST: (&str, &str) = (
    "interface with lost records (`backtrail coverage --format json` has it)",
    "interfaces with lost records (`backtrail coverage --format json` has them)",
);
const SILENT: (&str, &str) = (
    "interface with hours without a record (`backtrail coverage --format json` has it)",
    "interfaces with hours without a record (`backtrail coverage --format json` has them)",
);

/// What an hour of an interface holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HourState {
    /// Records of traffic, and none that says that others were lost.
    Records,
    /// Records that say that there was no traffic (NODATA), and no others.
    NoData,
    /// A record that says that others were lost (SKIPDATA).
    SkipData,
    /// No record at all, between the flow log's first and last: the interface was not there, or what was delivered is not in evidence.
    Nothing,
}

/// Hours on end that hold the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// What they hold.
    pub state: HourState,
    /// First instant.
    pub from: String,
    /// First instant after.
    pub to: String,
    /// How many there are.
    pub hours: u64,
    /// Records in them.
    pub records: u64,
}

/// What a flow log has of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterfaceCovered {
    /// The interface; of a transit gateway the attachment; `-` where records name none.
    pub interface_id: String,
    /// Records, of whichever status.
    pub records: u64,
    /// Those that say that there was no traffic.
    pub nodata: u64,
    /// Those that say that others were lost.
    pub skipdata: u64,
    /// Earliest start.
    pub first_start: String,
    /// Latest start.
    pub last_start: String,
    /// From the flow log's first hour in the window to its last, what the hours hold.
    pub stretches: Vec<Stretch>,
}

/// A call that began or ended a flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLogCall {
    /// When.
    pub event_time: Option<String>,
    /// Who.
    pub actor: String,
    /// What, in a line.
    pub summary: String,
    /// Citation.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLogCovered {
    /// `fl-...`, else the log group; `unknown` where nothing says which.
    pub flow_log: String,
    /// The call that began it, where one in evidence of any time names it.
    pub begun_by: Option<FlowLogCall>,
    /// The call that ended it.
    pub ended_by: Option<FlowLogCall>,
    /// What it has of each interface.
    pub interfaces: Vec<InterfaceCovered>,
}

/// Account, region, flow log and interface, by the numbers of their texts; hour since the epoch.
type Slot = (u32, u32, u32, u32, i64);

#[derive(Debug, Clone, Copy)]
struct Count {
    records: u64,
    nodata: u64,
    skipdata: u64,
    first: i64,
    last: i64,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
    }

    fn state(&self) -> HourState {
        match (self.skipdata, self.records - self.nodata) {
            (0, 0) => HourState::NoData,
            (0, _) => HourState::Records,
            _ => HourState::SkipData,
        }
    }
}

/// The calls that began and ended a flow log, with their times: the first and the last of them.
#[derive(Debug, Default)]
struct Calls {
    begun: Option<(i64, FlowLogCall)>,
    ended: Option<(i64, FlowLogCall)>,
    account: String,
    region: String,
}

/// The flow records of a window by flow log, interface and hour.
#[derive(Debug, Default)]
pub(super) struct FlowHours {
    names: Names,
    counts: HashMap<Slot, Count>,
    calls: BTreeMap<String, Calls>,
}

impl FlowHours {
    pub(super) async fn read(source: &Source, window: Option<&Window>) -> Result<Self, TimelineError> {
        let mut hours = Self::default();
        let columns: Vec<&str> = COLUMNS.iter().chain(INTERFACES).chain(REGIONS).copied().collect();
        let frame = flows::of_window(source, window, &columns).await?;
        Source::batches(FLOWS, frame, &mut |batch| {
            let (time, records) = (times(batch, FLOWS, "event_time")?, Records::of(batch)?);
            for row in (0..records.rows).filter(|row| time.is_valid(*row)) {
                let region = records.region(row).unwrap_or(UNKNOWN);
                let of = [records.account(row), region, records.log(row).0, records.interface(row)];
                hours.take(time.value(row), records.status.get(row), of);
            }
            Ok(())
        })
        .await?;
        // However long ago: what began months before the window has records in it.
        source
            .called(None, CALLS, &mut |event| {
                hours.take_call(event, window);
                Ok(())
            })
            .await?;
        Ok(hours)
    }

    fn take(&mut self, at: i64, status: Option<&str>, of: [&str; 4]) {
        let [account, region, log, interface] = of.map(|text| self.names.number(text));
        let is = |word: &str| u64::from(status == Some(word));
        let count = Count { records: 1, nodata: is("NODATA"), skipdata: is("SKIPDATA"), first: at, last: at };
        let slot = (account, region, log, interface, at.div_euclid(MICROS_PER_HOUR));
        self.counts.entry(slot).and_modify(|sum| sum.add(&count)).or_insert(count);
    }

    fn take_call(&mut self, event: &Event<'_>, window: Option<&Window>) {
        let item = Item::of(event, None);
        // What comes after a window neither began nor ended anything in it.
        let Some(time) = event.event_time.filter(|time| item.outcome == Outcome::Ok && window.is_none_or(|w| *time < w.to())) else {
            return;
        };
        let begins = event.event_name.map(action_name) == Some(CALLS[0]);
        let ids: BTreeSet<String> = touched_in_all(event).iter().filter_map(|thing| flow_log_id(&thing.arn)).collect();
        for id in ids {
            let calls = self.calls.entry(id).or_default();
            let call = FlowLogCall {
                event_time: item.event_time.clone(),
                actor: item.principal.label(),
                summary: item.summary.clone(),
                reference: event.citation(),
            };
            (calls.account, calls.region) =
                (event.recipient_account_id.unwrap_or(UNKNOWN).to_owned(), event.aws_region.unwrap_or(UNKNOWN).to_owned());
            let place = |one: &(i64, FlowLogCall)| (one.0, one.1.reference.clone());
            let known = if begins { &mut calls.begun } else { &mut calls.ended };
            let new = (time, call);
            if known.as_ref().is_none_or(|known| (place(&new) < place(known)) == begins) {
                *known = Some(new);
            }
        }
    }

    /// Records by account, region and hour.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells: HashMap<(u32, u32, i64), Count> = HashMap::new();
        for ((account, region, _, _, hour), count) in &self.counts {
            cells.entry((*account, *region, *hour)).and_modify(|sum| sum.add(count)).or_insert(*count);
        }
        let own = |number: u32| self.names.text(number).to_owned();
        let cell = |((account, region, hour), count): ((u32, u32, i64), Count)| Cell {
            account: own(account),
            region: own(region),
            log: LogKind::FlowLogs,
            hour,
            events: count.records,
            conflicts: 0,
            first: count.first,
            last: count.last,
        };
        cells.into_iter().map(cell).collect()
    }

    /// The flow logs of an account and region that have records.
    pub(super) fn of(&self, account: &str, region: &str) -> Vec<FlowLogCovered> {
        let mut logs: BTreeMap<&str, BTreeMap<&str, BTreeMap<i64, Count>>> = BTreeMap::new();
        let (Some(account), Some(region)) = (self.names.known(account), self.names.known(region)) else { return Vec::new() };
        for ((of_account, of_region, log, interface, hour), count) in &self.counts {
            if (*of_account, *of_region) == (account, region) {
                let interfaces = logs.entry(self.names.text(*log)).or_default();
                interfaces.entry(self.names.text(*interface)).or_default().insert(*hour, *count);
            }
        }
        logs.into_iter().map(|(log, interfaces)| self.log(log, &interfaces)).collect()
    }

    fn log(&self, log: &str, interfaces: &BTreeMap<&str, BTreeMap<i64, Count>>) -> FlowLogCovered {
        let ends = |hours: &BTreeMap<i64, Count>| Some((*hours.keys().next()?, *hours.keys().next_back()?));
        let span = interfaces.values().filter_map(ends).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default();
        let calls = self.calls.get(log);
        let call = |of: fn(&Calls) -> &Option<(i64, FlowLogCall)>| calls.and_then(|calls| of(calls).as_ref()).map(|(_, call)| call.clone());
        FlowLogCovered {
            flow_log: log.to_owned(),
            begun_by: call(|calls| &calls.begun),
            ended_by: call(|calls| &calls.ended),
            interfaces: interfaces.iter().filter_map(|(interface, hours)| interface_covered(interface, hours, span)).collect(),
        }
    }

    /// What flow logs of some accounts and regions lack, in words.
    pub(super) fn not_seen(&self, items: &[Covered], is_asked: &dyn Fn(&str, &str) -> bool, window: Option<&Window>) -> Vec<NotSeen> {
        let logs = || items.iter().flat_map(|item| &item.flow_logs);
        let mut all = capped(lost(logs()), LOST);
        all.extend(capped(silent(logs()), SILENT));
        let known: BTreeSet<&str> = logs().map(|log| log.flow_log.as_str()).collect();
        // In a window from which it was gone nobody misses it.
        let is_over = |calls: &Calls| calls.ended.as_ref().zip(window).is_some_and(|((ended, _), window)| *ended < window.from());
        let missing = self.calls.iter().filter(|(id, calls)| {
            !known.contains(id.as_str()) && calls.begun.is_some() && !is_over(calls) && is_asked(&calls.account, &calls.region)
        });
        let told = missing.filter_map(|(id, calls)| {
            let (_, begun) = calls.begun.as_ref()?;
            let when = begun.event_time.as_deref().unwrap_or("at an unknown time");
            let text = format!("Flow log {id}, which {} started at {when}: no record of it in this window is in evidence.", begun.actor);
            Some(NotSeen { kind: NotSeenKind::FlowGap, text, refs: vec![begun.reference.clone()] })
        });
        all.extend(capped(told.collect(), ("flow log of which no record is in evidence", "flow logs of which no record is in evidence")));
        all
    }
}

/// `fl-...`, of its ARN.
fn flow_log_id(arn: &str) -> Option<String> {
    arn.split_once(":vpc-flow-log/").map(|(_, id)| id.to_owned()).filter(|id| id.starts_with("fl-"))
}

fn interface_covered(interface: &str, hours: &BTreeMap<i64, Count>, span: (i64, i64)) -> Option<InterfaceCovered> {
    let all = hours.values().copied().reduce(|mut a, b| {
        a.add(&b);
        a
    })?;
    Some(InterfaceCovered {
        interface_id: interface.to_owned(),
        records: all.records,
        nodata: all.nodata,
        skipdata: all.skipdata,
        first_start: format_instant(all.first),
        last_start: format_instant(all.last),
        stretches: stretches(hours, span),
    })
}

/// What the hours from the first to the last hold, those on end that hold the same as one.
fn stretches(hours: &BTreeMap<i64, Count>, (first, last): (i64, i64)) -> Vec<Stretch> {
    // From one hour with records to the next: years without any cost nothing.
    let mut runs: Vec<(HourState, i64, i64, u64)> = Vec::new();
    let mut add = |state: HourState, from: i64, to: i64, records: u64| match runs.last_mut() {
        Some(run) if run.0 == state => (run.2, run.3) = (to, run.3 + records),
        _ => runs.push((state, from, to, records)),
    };
    let mut next = first;
    for (hour, count) in hours {
        if *hour > next {
            add(HourState::Nothing, next, *hour, 0);
        }
        add(count.state(), *hour, hour + 1, count.records);
        next = hour + 1;
    }
    if next <= last {
        add(HourState::Nothing, next, last + 1, 0);
    }
    let instant = |hour: i64| format_instant(hour.saturating_mul(MICROS_PER_HOUR));
    let told = |(state, from, to, records): (HourState, i64, i64, u64)| Stretch {
        state,
        from: instant(from),
        to: instant(to),
        hours: to.abs_diff(from),
        records,
    };
    runs.into_iter().map(told).collect()
}

/// Where a flow log says that it lost something.
fn lost<'i>(items: impl Iterator<Item = &'i FlowLogCovered>) -> Vec<NotSeen> {
    let told = |log: &FlowLogCovered, interface: &InterfaceCovered| {
        let hours: Vec<String> = of_state(interface, HourState::SkipData).map(|s| format!("{} to {}", s.from, s.to)).collect();
        let name = &interface.interface_id;
        let text = format!(
            "Flow log {}, interface {name}: {} with SKIPDATA, records lost within {}.",
            log.flow_log,
            counted(interface.skipdata, "record"),
            hours.join(", ")
        );
        say(NotSeenKind::SkipData, text)
    };
    each(items).filter(|(_, interface)| interface.skipdata > 0).map(|(log, interface)| told(log, interface)).collect()
}

/// Where there is nothing between two records of an interface. Before the first and after the last it may not have been there.
fn silent<'i>(items: impl Iterator<Item = &'i FlowLogCovered>) -> Vec<NotSeen> {
    let told = |log: &FlowLogCovered, interface: &InterfaceCovered| {
        let inner = interface.stretches.iter().skip(1).take(interface.stretches.len().saturating_sub(2));
        let gaps: Vec<String> = inner.filter(|s| s.state == HourState::Nothing).map(|s| format!("{} to {}", s.from, s.to)).collect();
        let text = format!(
            "Flow log {}, interface {}: no record, not even NODATA, from {}.",
            log.flow_log,
            interface.interface_id,
            gaps.join(", ")
        );
        (!gaps.is_empty()).then(|| say(NotSeenKind::FlowGap, text))
    };
    each(items)
        .filter(|(_, interface)| interface.interface_id != NO_INTERFACE)
        .filter_map(|(log, interface)| told(log, interface))
        .collect()
}

fn each<'i>(items: impl Iterator<Item = &'i FlowLogCovered>) -> impl Iterator<Item = (&'i FlowLogCovered, &'i InterfaceCovered)> {
    items.flat_map(|log| log.interfaces.iter().map(move |interface| (log, interface)))
}

fn of_state(interface: &InterfaceCovered, state: HourState) -> impl Iterator<Item = &Stretch> {
    interface.stretches.iter().filter(move |stretch| stretch.state == state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(records: u64, nodata: u64, skipdata: u64) -> Count {
        Count { records, nodata, skipdata, first: 0, last: 0 }
    }

    #[test]
    fn hours_on_end_that_hold_the_same_are_one_stretch() {
        let hours = BTreeMap::from([(2, count(3, 0, 0)), (3, count(4, 1, 0)), (4, count(2, 2, 0)), (7, count(5, 0, 1))]);
        let told: Vec<(HourState, u64, u64)> = stretches(&hours, (0, 9)).into_iter().map(|s| (s.state, s.hours, s.records)).collect();
        let nothing = |hours| (HourState::Nothing, hours, 0);
        assert_eq!(
            told,
            [nothing(2), (HourState::Records, 2, 7), (HourState::NoData, 1, 2), nothing(2), (HourState::SkipData, 1, 5), nothing(2)]
        );
    }

    proptest! {
        #[test]
        fn every_hour_is_in_one_stretch(seen in prop::collection::btree_map(5_i64..40, 0_u64..3, 1..20)) {
            let hours: BTreeMap<i64, Count> = seen.iter().map(|(hour, n)| (*hour, count(2, (*n).min(2), 0))).collect();
            let told = stretches(&hours, (5, 39));
            prop_assert_eq!(told.iter().map(|s| s.hours).sum::<u64>(), 35);
            prop_assert_eq!(told.iter().map(|s| s.records).sum::<u64>(), 2 * hours.len() as u64);
            prop_assert!(told.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].state != pair[1].state));
            let nothing: u64 = told.iter().filter(|s| s.state == HourState::Nothing).map(|s| s.hours).sum();
            prop_assert_eq!(nothing, 35 - hours.len() as u64);
        }
    }
}
