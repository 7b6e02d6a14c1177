//! The question `timeline`: every event of a window and, between them, its traffic.

use std::cell::RefCell;
use std::iter::Peekable;
use std::vec::IntoIter;

use futures::channel::oneshot;
use futures::future::try_join;
use serde::Serialize;

use crate::answer::{Closing, Sink};
use crate::coverage::NotSeenKind;
use crate::error::TimelineError;
use crate::events::{EventQuestion, Resources, list_reached};
use crate::flows::{FlowFilters, FlowLine, FlowLines, FlowQuestion, lines};
use crate::item::{Item, Phase};
use crate::question::{Filters, Question};
use crate::source::Source;

/// What `--source` calls flow logs.
const SOURCES: [&str; 2] = ["flow_logs", "flows"];

/// An event, or the traffic of an interface.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TimelineItem {
    /// An event.
    Event(Box<Item>),
    /// What went over an interface.
    Traffic(Box<FlowLine>),
}

impl TimelineItem {
    /// Before or after the incident.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Event(item) => item.phase,
            Self::Traffic(line) => line.phase,
        }
    }
}

/// How a timeline is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimelineTold {
    /// Lines of traffic open up into their conversations.
    pub is_open: bool,
    /// It is worked out what events touch.
    pub has_resources: bool,
}

/// Answers what happened: hands events and lines of traffic on in the order of time, then says what was not seen.
///
/// # Errors
/// Where the store cannot be read or the sink fails.
pub async fn timeline(
    source: &Source,
    question: &Question,
    told: TimelineTold,
    sink: &mut Sink<'_, TimelineItem>,
) -> Result<Closing, TimelineError> {
    let (hand_on, summed) = oneshot::channel();
    let traffic = async {
        let mut traffic = match traffic_asked(question) {
            Some(asked) => lines(source, &asked, told.is_open).await?,
            None => FlowLines::default(),
        };
        // Who would take them may have failed.
        let _ = hand_on.send(std::mem::take(&mut traffic.shown));
        Ok(traffic)
    };
    let known = RefCell::new(Vec::new().into_iter().peekable());
    let left = question.limit.map_or(u64::MAX, |limit| limit as u64);
    let mut merged = Merged { lines: &known, left, shown: 0, sink };
    // Events are looked up while traffic is summed; the first of them is told when both are known.
    let listed = async {
        let reached = question.reached(source).await?;
        let resources = if told.has_resources { Resources::All } else { Resources::None };
        let before = async {
            let lines = summed.await?;
            *known.borrow_mut() = lines.into_iter().peekable();
            Ok(())
        };
        list_reached(source, EventQuestion::Timeline, &reached, resources, before, &mut |item| merged.event(item)).await
    };
    let (traffic, mut closing) = try_join(traffic, listed).await?;
    merged.lines_until(i64::MAX).map_err(TimelineError::Write)?;
    closing.totals.shown = merged.shown;
    if traffic.count > 0 {
        closing.totals.items += traffic.count;
        closing.totals.traffic = traffic.count;
        // A name that no event has and flow records do is none that nobody knows.
        closing.coverage.not_seen.retain(|said| said.kind != NotSeenKind::UnknownName);
        closing.coverage.not_seen.extend(traffic.not_seen);
    }
    Ok(closing)
}

/// What is asked of flow logs; nothing where a filter is of what their records do not say: who, with which key, and how a call ended.
fn traffic_asked(question: &Question) -> Option<FlowQuestion> {
    let Filters { account, region, arn, actor, ip, key, source, outcome, .. } = &question.filters;
    let is_of_flows = source.is_empty() || source.iter().any(|source| SOURCES.contains(&source.as_str()));
    let is_told = is_of_flows && actor.is_empty() && key.is_empty() && outcome.is_empty();
    if !is_told {
        return None;
    }
    let filters =
        FlowFilters { account: account.clone(), region: region.clone(), arn: arn.clone(), ip: ip.clone(), ..FlowFilters::default() };
    Some(FlowQuestion { window: question.window, filters, limit: question.limit, ..FlowQuestion::default() })
}

/// Events with the traffic that began before them.
struct Merged<'a, 's> {
    /// Put there when they are known.
    lines: &'a RefCell<Peekable<IntoIter<FlowLine>>>,
    left: u64,
    shown: u64,
    sink: &'a mut Sink<'s, TimelineItem>,
}

impl Merged<'_, '_> {
    fn event(&mut self, item: Item) -> std::io::Result<()> {
        // Those without a time come last.
        self.lines_until(item.order.time.unwrap_or(i64::MAX))?;
        self.show(TimelineItem::Event(Box::new(item)))
    }

    /// The lines that begin before an instant.
    fn lines_until(&mut self, time: i64) -> std::io::Result<()> {
        loop {
            let Some(line) = self.lines.borrow_mut().next_if(|line| line.time < time) else { return Ok(()) };
            self.show(TimelineItem::Traffic(Box::new(line)))?;
        }
    }

    fn show(&mut self, item: TimelineItem) -> std::io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.shown += 1;
        (self.sink)(item)
    }
}
