//! Traffic as lines of a timeline: of each interface one for an hour, so that a million records can be read between the calls of that hour. A line
//! opens up into its conversations.

use backtrail_model::time::{MICROS_PER_SECOND, format_instant};
use backtrail_model::window::Window;
use backtrail_model::words::{counted, grouped, port_words};
use serde::Serialize;

use super::summing::{Asked, Summed, sum_counted};
use super::sums::{Counted, Key, Side, Sum, Sums};
use super::{FlowGrouping, FlowQuestion, REGIONS, Talker, seen, tally_with};
use crate::coverage::{NotSeen, NotSeenKind, say};
use crate::error::TimelineError;
use crate::interfaces::Interfaces;
use crate::item::Phase;
use crate::ledger::Ledger;
use crate::source::Source;

/// A record's times are off by up to so many seconds.
const PRECISION: u32 = 60;
/// More lines than this nobody reads, and they have to be held: then longer periods are told.
const MOST_LINES: usize = 50_000;
/// Conversations in lines that are opened up, in all and of one line at least and at most.
const MOST_CONVERSATIONS: usize = 200_000;
const CONVERSATIONS: (usize, usize) = (10, 1_000);

/// How long a line is at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// An hour of the clock.
    Hour,
    /// A day, UTC.
    Day,
    /// All of the window.
    Window,
}

impl Period {
    /// Its length in seconds; 0 where it has no end.
    fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Window => 0,
        }
    }

    /// As a word: `an hour`.
    fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Window => "window",
        }
    }
}

/// The traffic of an interface within a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowLine {
    /// The earliest start.
    pub event_time: String,
    /// The latest end.
    pub time_end: Option<String>,
    /// Either may be off by so many seconds.
    pub precision_seconds: u32,
    /// `flow_logs`.
    pub source: &'static str,
    /// `traffic`.
    pub kind: &'static str,
    /// How long it is at most.
    pub period: Period,
    /// Owner of the interface.
    pub account: Option<String>,
    /// Region, as the records have it, else the names of their files.
    pub region: Option<String>,
    /// The interface; of a transit gateway the attachment.
    pub interface_id: String,
    /// The instance that records name with it.
    pub instance_id: Option<String>,
    /// The interface's own address, as far as records tell it.
    pub address: Option<String>,
    /// In words.
    pub summary: String,
    /// Peers.
    pub peers: u64,
    /// Peers, protocols and ports.
    pub conversations: u64,
    /// What was summed.
    pub traffic: Counted,
    /// The conversations with the most bytes: one, or as many as fit where lines were asked to open up.
    pub talkers: Vec<Talker>,
    /// Before or after the incident, where the window has one.
    pub phase: Option<Phase>,
    /// Citation of the earliest record.
    pub refs: Vec<String>,
    /// The earliest start, in microseconds.
    #[serde(skip)]
    pub(crate) time: i64,
}

/// The lines of a window.
#[derive(Debug, Default)]
pub(crate) struct FlowLines {
    /// In order of time; as many as were asked for.
    pub(crate) shown: Vec<FlowLine>,
    /// How many there are.
    pub(crate) count: u64,
    /// What flow logs did not see.
    pub(crate) not_seen: Vec<NotSeen>,
}

/// Tells traffic by interface and period.
pub(crate) async fn lines(source: &Source, question: &FlowQuestion, is_open: bool) -> Result<FlowLines, TimelineError> {
    let (ledger, known) = futures::future::try_join(Ledger::read(source), Interfaces::read(source)).await?;
    let question = &question.looked_up(&known);
    let tallies = tally_with(source, question, REGIONS).await?;
    if tallies.is_empty() {
        return Ok(FlowLines::default());
    }
    let (period, slots) = period_of(tallies.hours().values().map(|hours| hours.iter().copied()));
    let asked = Asked { seeks_marks: false, period: period.seconds(), ..Asked::of(question) };
    let Summed { tallies, sums, .. } = sum_counted(source, question, asked, tallies).await?;
    let (mut not_seen, _) = seen::not_seen(question, &ledger, &tallies);
    // That there is no record at all is no news in a timeline, and what is broken is told with the rest of the evidence.
    not_seen.retain(|said| matches!(said.kind, NotSeenKind::SkipData | NotSeenKind::FlowGap | NotSeenKind::NeverLogged));
    if period != Period::Hour {
        let text = format!("Traffic is told by {}, not by hour: there are too many interfaces. --arn or a shorter window.", period.word());
        not_seen.push(say(NotSeenKind::NotWeighed, text));
    }
    let most = if is_open { (MOST_CONVERSATIONS / slots.max(1)).clamp(CONVERSATIONS.0, CONVERSATIONS.1) } else { 1 };
    let (accounts, regions) = (tallies.accounts(), tallies.regions());
    let place = |interface: &str| [&accounts, &regions].map(|known| known.get(interface).map(|name| (*name).to_owned()));
    let telling = Telling { sums: &sums, known: &known, period, most, window: question.window.as_ref(), place: &place };
    let lines = sorted(&sums);
    let count = lines.len() as u64;
    let shown = lines.iter().take(question.limit.unwrap_or(usize::MAX)).map(|line| telling.line(line)).collect();
    Ok(FlowLines { shown, count, not_seen })
}

/// The shortest period of which there are not too many, and how many there are.
fn period_of(hours: impl Iterator<Item = impl Iterator<Item = i64>>) -> (Period, usize) {
    let (mut by_hour, mut by_day, mut interfaces) = (0, 0, 0);
    for hours in hours {
        interfaces += 1;
        let mut last = None;
        for hour in hours {
            by_hour += 1;
            let day = hour.div_euclid(24);
            by_day += usize::from(last.replace(day) != Some(day));
        }
    }
    match (by_hour, by_day) {
        (hours, _) if hours <= MOST_LINES => (Period::Hour, hours),
        (_, days) if days <= MOST_LINES => (Period::Day, days),
        _ => (Period::Window, interfaces),
    }
}

/// The sums of an interface and a period.
type Line<'s> = Vec<(&'s Key, &'s Sum)>;

/// The sums by interface and period, in order of the earliest start.
fn sorted(sums: &Sums) -> Vec<Line<'_>> {
    let mut all: Line<'_> = sums.each().collect();
    all.sort_unstable_by_key(|(key, _)| (key.interface, key.period));
    let mut lines: Vec<Line<'_>> =
        all.chunk_by(|a, b| (a.0.interface, a.0.period) == (b.0.interface, b.0.period)).map(<[_]>::to_vec).collect();
    let first = |line: &Line<'_>| line.iter().map(|(_, sum)| sum.first).min();
    let interface = |line: &Line<'_>| line.first().map(|(key, _)| sums.names.text(key.interface));
    lines.sort_by_cached_key(|line| (first(line), interface(line).map(|name| name.to_string())));
    lines
}

/// How lines are told.
struct Telling<'t> {
    sums: &'t Sums,
    known: &'t Interfaces,
    period: Period,
    /// Conversations of a line.
    most: usize,
    window: Option<&'t Window>,
    /// Account and region of an interface.
    place: &'t dyn Fn(&str) -> [Option<String>; 2],
}

impl Telling<'_> {
    fn line(&self, line: &Line<'_>) -> FlowLine {
        let of = |by, most| self.sums.groups_of(line.iter().copied(), by, most);
        let (mut conversations, peers) = (of(FlowGrouping::Conversation, self.most), of(FlowGrouping::Peer, 0).count);
        conversations.name_holders(self.known);
        let interface_id = line.first().map(|(key, _)| self.sums.names.text(key.interface).to_string()).unwrap_or_default();
        let time = line.iter().map(|(_, sum)| sum.first).min().unwrap_or_default().saturating_mul(MICROS_PER_SECOND);
        let (first, traffic) = (conversations.shown.first(), conversations.all);
        let at = self.window.and_then(Window::at);
        let [account, region] = (self.place)(&interface_id);
        FlowLine {
            event_time: format_instant(time),
            time_end: traffic.last_end.clone(),
            precision_seconds: PRECISION,
            source: "flow_logs",
            kind: "traffic",
            period: self.period,
            account,
            region,
            instance_id: first.and_then(|first| first.instance_id.clone()),
            address: first.and_then(|first| first.address.clone()),
            summary: summary(&traffic, conversations.count, peers, first),
            interface_id,
            peers,
            conversations: conversations.count,
            refs: traffic.reference.clone().into_iter().collect(),
            traffic,
            talkers: conversations.shown,
            phase: at.map(|at| if time < at { Phase::Before } else { Phase::After }),
            time,
        }
    }
}

/// `in 2 490 bytes, out 677 960 444 bytes, refused in 154 records; 12 conversations with 9 peers, most with 198.51.100.99 tcp/443`
fn summary(traffic: &Counted, conversations: u64, peers: u64, first: Option<&Talker>) -> String {
    let bytes = |side: &Side, word: &str| (side.records > 0).then(|| format!("{word} {} bytes", grouped(side.bytes)));
    let records = |side: &Side, word: &str| (side.records > 0).then(|| format!("{word} {}", counted(side.records, "record")));
    let told: Vec<String> = [
        bytes(&traffic.accepted_in, "in"),
        bytes(&traffic.accepted_out, "out"),
        records(&traffic.rejected_in, "refused in"),
        records(&traffic.rejected_out, "refused out"),
        bytes(&traffic.undirected, "of unknown direction"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let most = first.and_then(|first| {
        let port = first.protocol.map(|protocol| format!(" {}", port_words(protocol, first.port))).unwrap_or_default();
        Some(format!("{}{port}", first.peer.as_deref()?))
    });
    let most = most.map(|most| format!("{} {most}", if conversations > 1 { ", most with" } else { ":" })).unwrap_or_default();
    format!("{}; {} with {}{most}", told.join(", "), counted(conversations, "conversation"), counted(peers, "peer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_grow_where_there_are_too_many_lines() {
        let of = |interfaces: i64, hours: i64| period_of((0..interfaces).map(|_| 0..hours));
        assert_eq!(of(10, 24), (Period::Hour, 240));
        assert_eq!(of(10_000, 24), (Period::Day, 10_000));
        assert_eq!(of(10_000, 24 * 30), (Period::Window, 10_000));
    }
}
