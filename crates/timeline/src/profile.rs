//! The question `profile`: everything evidence says of one actor, resource, address or key: since when, how much by day, with whom, and what
//! is new in a window against the time before it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use backtrail_model::calls::{is_change, service_of};
use backtrail_model::issuance::is_access_key_id;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::redact::redact_text;
use backtrail_model::time::{format_date, format_instant};
use backtrail_model::window::Window;
use hashbrown::HashMap;
use serde::Serialize;

use crate::coverage::{Coverage, NotSeen};
use crate::ends::{Ends, Met, order, widened};
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event};
use crate::flows::{FlowFilters, FlowQuestion, FlowTotals, Talker, flows};
use crate::interfaces::{Holding, Interfaces, Sought};
use crate::ledger::Ledger;
use crate::lineage::Actors;
use crate::nearest;
use crate::novelty::{Before, Compared, Newness, judge};
use crate::question::{Filters, Network, Question, Typed, WindowShown, canonical_address, named};
use crate::source::Source;

/// Values told of one kind; how many there are is told beside them.
const TOLD: usize = 20;
/// Values remembered of one kind: names are the attacker's to make up.
const REMEMBERED: usize = 100_000;

/// One day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DayOf {
    /// Events.
    pub events: u64,
    /// Of these, changes carried out.
    pub changes: u64,
    /// Of these, refused.
    pub denied: u64,
}

/// A value, since when, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The value.
    pub value: String,
    /// Events.
    pub events: u64,
    /// First of them.
    pub first_event_time: Option<String>,
    /// Last of them.
    pub last_event_time: Option<String>,
    /// First met in the window, though the subject was met before it, and there is evidence of the account before it.
    pub new: bool,
    /// Citation of the first.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// The values of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Peers {
    /// How many there are.
    pub distinct: u64,
    /// New ones, however rare, then the most frequent.
    pub top: Vec<Peer>,
}

/// Traffic, as flow logs have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Conversations with the most bytes.
    pub top: Vec<Talker>,
    /// Sums over all.
    pub totals: FlowTotals,
    /// What flow logs did not see.
    pub not_seen: Vec<NotSeen>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// What was asked for.
    pub subject: String,
    /// What it was taken for: `address`, `key`, `arn`, `name`.
    pub taken_for: &'static str,
    /// The window that is held against the time before it.
    pub window: WindowShown,
    /// Against what it was held.
    pub compared: Compared,
    /// Events.
    pub events: u64,
    /// Events by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// First seen in evidence.
    pub first_event_time: Option<String>,
    /// Last seen.
    pub last_event_time: Option<String>,
    /// Citations of the first and the last.
    pub refs: Vec<String>,
    /// By UTC date.
    pub days: BTreeMap<String, DayOf>,
    /// Who acted, what was called, from where, with what, where, on whose accounts, with which keys.
    pub peers: BTreeMap<&'static str, Peers>,
    /// Of an address, an interface, an instance, a security group or a service: which interfaces had it or were its own, from change to change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Holding>,
    /// Of an address or what has traffic: with whom it spoke, as flow logs of all time have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// From the first event to the last: the time of which coverage tells gaps.
    pub coverage_window: WindowShown,
    /// What could be seen, and what not. Broken evidence of any time may hold more of the subject.
    pub coverage: Coverage,
    /// Which evidence.
    pub evidence_set: String,
}

/// Profiles an address, an access key id, an ARN or a name.
///
/// # Errors
/// Where the store cannot be read, or the text would match everything.
pub async fn profile(source: &Source, subject: &str, window: Option<Window>) -> Result<Profile, TimelineError> {
    let (taken_for, filters) = filters(named("<ARN|ACTOR|IP|KEY>", subject)?)?;
    // An actor did what it did under other names as well.
    let filters = Filters { follows: true, ..filters }.reached(source, None).await?;
    let ledger = Ledger::read(source).await?;
    let before = Before::of_window(source, window.as_ref()).await?;
    let found = source.found(None, filters.condition(), filters.leave_few()).await?.only(|event| filters.admits(event))?;
    let known = Actors::behind(source, None, &found).await?;
    let mut counted = Counted { window, ..Counted::default() };
    let mut take = |event: &Event<'_>| {
        if filters.admits(event) {
            counted.take(event, &known);
        }
        Ok(())
    };
    found.in_any_order(source, EVENT_COLUMNS, &mut take).await?;
    let (coverage_window, mut coverage) = Coverage::of_stretch(source, &ledger, counted.stretch).await?;
    coverage.not_seen.extend(filters.unfollowed());
    if counted.events == 0 {
        coverage.not_seen.extend(nearest::unknown_names(source, &Question { filters, ..Question::default() }).await?);
    }
    let traffic = traffic(source, taken_for, subject.trim()).await?;
    let interfaces = interfaces(source, subject.trim()).await?;
    Ok(Profile { interfaces, traffic, ..counted.finish(subject, taken_for, before.as_ref(), (coverage_window, coverage), ledger.set) })
}

/// Which interfaces had an address, or belonged to what is asked for, in the order of time.
async fn interfaces(source: &Source, subject: &str) -> Result<Vec<Holding>, TimelineError> {
    let known = Interfaces::read(source).await?;
    let mut all: Vec<Holding> = known.named(&Sought::read(subject)).cloned().collect();
    all.sort_by(|a, b| (a.from, &a.interface_id, a.to).cmp(&(b.from, &b.interface_id, b.to)));
    Ok(all)
}

/// The traffic of an address, or of an interface, an instance or what else records name; `None` where there is none.
async fn traffic(source: &Source, taken_for: &str, subject: &str) -> Result<Option<Traffic>, TimelineError> {
    let filters = match taken_for {
        "address" => FlowFilters { ip: vec![Network::parse(subject)?], ..FlowFilters::default() },
        "arn" | "name" if has_traffic(subject) => FlowFilters { arn: vec![subject.to_owned()], ..FlowFilters::default() },
        _ => return Ok(None),
    };
    let question = FlowQuestion { filters, limit: Some(TOLD), ..FlowQuestion::default() };
    let flows = flows(source, &question).await?;
    let is_any = flows.totals.records > 0;
    Ok(is_any.then_some(Traffic { top: flows.answer, totals: flows.totals, not_seen: flows.coverage.not_seen }))
}

fn filters(subject: &str) -> Result<(&'static str, Filters), TimelineError> {
    let one = vec![subject.to_owned()];
    let (taken_for, typed) = if subject.parse::<IpAddr>().is_ok() || subject.parse::<ipnet::IpNet>().is_ok() {
        ("address", Typed { ip: one, ..Typed::default() })
    } else if is_access_key_id(subject) {
        ("key", Typed { key: one, ..Typed::default() })
    } else {
        (if subject.starts_with("arn:") { "arn" } else { "name" }, Typed { arn: one, ..Typed::default() })
    };
    Ok((taken_for, Filters::read(typed)?))
}

/// Whether flow records may name it: an interface, an instance, a VPC, a subnet, a NAT or transit gateway.
fn has_traffic(subject: &str) -> bool {
    let id = subject.rsplit(['/', ':']).next().unwrap_or(subject);
    ["eni-", "i-", "vpc-", "subnet-", "nat-", "tgw-"].iter().any(|kind| id.starts_with(kind))
}

struct Tally {
    events: u64,
    first: Met,
    /// Account that recorded the first.
    account: String,
    last: Option<i64>,
}

#[derive(Default)]
struct Counted {
    window: Option<Window>,
    /// Accounts that recorded it in the window.
    accounts: BTreeSet<String>,
    events: u64,
    outcomes: BTreeMap<&'static str, u64>,
    ends: Ends,
    stretch: Option<(i64, i64)>,
    days: BTreeMap<String, DayOf>,
    kinds: BTreeMap<&'static str, HashMap<String, Tally>>,
}

impl Counted {
    fn take(&mut self, event: &Event<'_>, known: &Actors) {
        let facts = event.facts();
        let outcome = classify(&facts);
        let met: Met = (event.event_time, event.citation());
        self.events += 1;
        *self.outcomes.entry(outcome.as_str()).or_default() += 1;
        let date = event.event_time.map_or_else(|| "unknown".to_owned(), format_date);
        let day = self.days.entry(date).or_default();
        day.events += 1;
        day.changes += u64::from(is_change(&facts, outcome));
        day.denied += u64::from(outcome == Outcome::Denied);
        let service = event.event_source.map(service_of).unwrap_or("?");
        let call = format!("{service}:{}", event.event_name.unwrap_or("?"));
        let actor = known.of(event);
        let address = event.source_ip_address.map(canonical_address);
        for (kind, value) in [
            ("actors", Some(actor.origin.name.as_str())),
            ("principals", event.user_identity_arn.or(event.user_identity_principal_id)),
            ("services", Some(service)),
            ("calls", Some(call.as_str())),
            ("errors", event.error_code),
            ("addresses", address.as_deref()),
            ("user_agents", event.user_agent),
            ("regions", event.aws_region),
            ("accounts", event.recipient_account_id),
            ("keys", event.user_identity_access_key_id),
        ] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                self.tally(kind, value, &met, event.recipient_account_id);
            }
        }
        let account = event.recipient_account_id.unwrap_or_default();
        if self.window.is_some_and(|window| event.is_in(&window)) && !self.accounts.contains(account) {
            self.accounts.insert(account.to_owned());
        }
        self.ends.take(met);
        self.stretch = event.event_time.into_iter().fold(self.stretch, widened);
    }

    fn tally(&mut self, kind: &'static str, value: &str, met: &Met, account: Option<&str>) {
        let values = self.kinds.entry(kind).or_default();
        if let Some(tally) = values.get_mut(value) {
            tally.events += 1;
            tally.last = tally.last.max(met.0);
            if order(met) < order(&tally.first) {
                tally.first = met.clone();
                tally.account = account.unwrap_or_default().to_owned();
            }
        } else if values.len() < REMEMBERED {
            let account = account.unwrap_or_default().to_owned();
            values.insert(value.to_owned(), Tally { events: 1, first: met.clone(), account, last: met.0 });
        }
    }

    fn finish(
        self,
        subject: &str,
        taken_for: &'static str,
        before: Option<&Before>,
        (coverage_window, coverage): (WindowShown, Coverage),
        evidence_set: String,
    ) -> Profile {
        let (first, last) = self.ends.times().unwrap_or_default();
        let window = self.window;
        let is_early = |time: Option<i64>| window.is_some_and(|w| time.is_some_and(|t| t < w.from()));
        let is_new = |tally: &Tally| {
            let reach = before.and_then(|b| b.of(Some(&tally.account)));
            let is_inside = window.is_some_and(|w| tally.first.0.is_some_and(|t| w.contains(t)));
            is_inside && judge(reach, is_early(first), is_early(tally.first.0)) == Newness::New
        };
        let compared = before.map_or_else(Compared::without_window, |before| {
            Compared::of(before, &self.accounts, is_early(first), "events of this subject")
        });
        let peers = self.kinds.into_iter().map(|(kind, values)| (kind, peers(values, &is_new))).collect();
        Profile {
            subject: subject.to_owned(),
            taken_for,
            window: WindowShown::from(window.as_ref()),
            compared,
            events: self.events,
            outcomes: self.outcomes,
            first_event_time: first.map(format_instant),
            last_event_time: last.map(format_instant),
            refs: self.ends.refs(),
            days: self.days,
            peers,
            interfaces: Vec::new(),
            traffic: None,
            coverage_window,
            coverage,
            evidence_set,
        }
    }
}

fn peers(values: HashMap<String, Tally>, is_new: &dyn Fn(&Tally) -> bool) -> Peers {
    let distinct = values.len() as u64;
    let told = |(value, tally): (String, Tally)| Peer {
        value: redact_text(&value).into_owned(),
        events: tally.events,
        first_event_time: tally.first.0.map(format_instant),
        last_event_time: tally.last.map(format_instant),
        new: is_new(&tally),
        reference: tally.first.1,
    };
    let mut top: Vec<Peer> = values.into_iter().map(told).collect();
    top.sort_by(|a, b| (b.new, b.events, &a.value).cmp(&(a.new, a.events, &b.value)));
    top.truncate(TOLD);
    Peers { distinct, top }
}
