//! The question `flows`: the traffic of a window, by conversation, interface, instance, peer or port.
//!
//! Records are summed as flow logs have them: at most one flow log for an interface and an hour, for those that overlap have the same bytes twice
//! (VPC user guide, "Flow logs": a flow log of a VPC, of a subnet and of an interface each have a record). Which was summed is part of the answer.
//! A record is an interval, up to 60 seconds off at either end.

mod address;
mod choice;
mod groups;
mod holders;
mod lines;
mod marks;
mod named;
mod numbers;
mod own;
mod records;
mod row;
mod seen;
mod shards;
mod summing;
mod sums;
mod texts;

use std::sync::Arc;

use backtrail_model::time::format_instant;
use backtrail_model::window::Window;
use backtrail_query::RowGroup;
use datafusion::dataframe::DataFrame;
use serde::Serialize;

pub(crate) use address::is_internal;
pub use choice::FlowLogSeen;
pub(crate) use choice::Tallies;
pub use lines::{FlowLine, Period};
pub(crate) use lines::{FlowLines, lines};
pub use marks::{Arithmetic, Beacon, Bulk, Busiest, FlowMark, FlowMarkKind, Past, Scan};
pub use named::Named;
pub(crate) use numbers::Numbers;
pub(crate) use own::Owns;
use records::TALLIED;
pub(crate) use records::{INTERFACES, NO_INTERFACE, REGIONS, Records, SUMMED, UNKNOWN};
use summing::Asked;
pub(crate) use sums::served_port;
pub use sums::{Counted, Side};

use crate::coverage::NotSeen;
use crate::error::TimelineError;
use crate::interfaces::Interfaces;
use crate::ledger::Ledger;
use crate::question::{Network, WindowShown, narrowing};
use crate::source::{Source, within};

pub(crate) const FLOWS: &str = "flows";

/// What traffic is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FlowGrouping {
    /// An interface, its peer, the protocol and the port of whoever serves.
    #[default]
    Conversation,
    /// The network interface.
    Interface,
    /// The instance behind the interface.
    Instance,
    /// The security groups that the interface had at that time.
    Group,
    /// The other end.
    Peer,
    /// The protocol, and the port of whoever serves.
    Port,
}

/// Which records count. Values of one filter are alternatives; all filters must hold.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FlowFilters {
    /// Owner of the interface.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<String>,
    /// Region, of the record or of its file's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<String>,
    /// Interface, instance, security group, VPC, subnet, NAT gateway, transit gateway or attachment, as an ARN or a bare id, or the beginning of
    /// either with a trailing `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arn: Vec<String>,
    /// Address or block at either end, as the interface or as the packet has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip: Vec<Network>,
    /// Port at either end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port: Vec<u16>,
    /// `ACCEPT` or `REJECT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<String>,
    /// The interfaces that what `arn` names had, and when: the question looks it up.
    #[serde(skip)]
    pub named: Option<Arc<Named>>,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct FlowQuestion {
    /// `None` asks about all evidence.
    pub window: Option<Window>,
    /// Which records count.
    pub filters: FlowFilters,
    /// What they are grouped by.
    pub by: FlowGrouping,
    /// At most so many groups; totals count all.
    pub limit: Option<usize>,
}

/// Traffic of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Talker {
    /// The interface; of a transit gateway, the attachment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_id: Option<String>,
    /// The instance it was attached to, by calls, listings or the records themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// What else had the interface: a NAT gateway, an endpoint, a load balancer, a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// The security groups of the interface.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// The interface's own address, as far as records tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// `internal` (private, link-local or shared address space) or `external`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_is: Option<&'static str>,
    /// The AWS service in whose ranges the other end's address is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_aws_service: Option<String>,
    /// IANA protocol number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
    /// Port of whoever serves: the one that answers a SYN, else the lower of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// What was summed.
    #[serde(flatten)]
    pub counted: Counted,
}

/// Sums over all groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FlowTotals {
    /// Groups.
    pub items: u64,
    /// Groups in the answer.
    pub shown: u64,
    /// Records that were summed.
    pub records: u64,
    /// Of an interface that another flow log covers in the same hour.
    pub records_of_overlapping_flow_logs: u64,
    /// Intervals without traffic.
    pub nodata: u64,
    /// Intervals of which records were lost.
    pub skipdata: u64,
    /// Everything.
    #[serde(flatten)]
    pub counted: Counted,
}

/// What could be seen, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowCoverage {
    /// The flow logs that have records in the window.
    pub flow_logs: Vec<FlowLogSeen>,
    /// What was not seen.
    pub not_seen: Vec<NotSeen>,
    /// Evidence that overlaps the window is broken.
    pub incomplete: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flows {
    /// `flows`.
    pub question: &'static str,
    /// About which time.
    pub window: WindowShown,
    /// Which records count.
    pub filters: serde_json::Value,
    /// What they are grouped by.
    pub by: FlowGrouping,
    /// The groups with the most bytes first, then those with the most records.
    pub answer: Vec<Talker>,
    /// Sums over all of them.
    pub totals: FlowTotals,
    /// Scans, beacons and bulk egress, each with its arithmetic.
    pub marks: Vec<FlowMark>,
    /// What could be seen, and what not.
    pub coverage: FlowCoverage,
    /// Which evidence.
    pub evidence_set: String,
}

impl FlowQuestion {
    /// With the interfaces that its names stand for.
    fn looked_up(&self, known: &Interfaces) -> Self {
        let named = (!self.filters.arn.is_empty()).then(|| Arc::new(Named::of(known, &self.filters.arn)));
        Self { filters: FlowFilters { named, ..self.filters.clone() }, ..self.clone() }
    }
}

/// Answers what the traffic of a window was.
///
/// # Errors
/// Where the store cannot be read, or a name would match everything.
pub async fn flows(source: &Source, question: &FlowQuestion) -> Result<Flows, TimelineError> {
    narrowing("arn", &question.filters.arn)?;
    // Who had an interface is worked out where the question names somebody or goes by it, or records do not say it.
    let is_named = !question.filters.arn.is_empty();
    let question = &if is_named { question.looked_up(&*Interfaces::read(source).await?) } else { question.clone() };
    let summed = summing::sum(source, question, Asked::of(question));
    let (ledger, summed) = futures::future::try_join(Ledger::read(source), summed).await?;
    let summing::Summed { tallies, choice, mut sums } = summed;
    let mut groups = sums.groups(question.by, question.limit);
    if groups.lack_holders() {
        let known = Interfaces::read(source).await?;
        groups.name_holders(&known);
    }
    let totals = FlowTotals {
        items: groups.count,
        shown: groups.shown.len() as u64,
        records: sums.records,
        records_of_overlapping_flow_logs: sums.overlapping,
        nodata: sums.nodata,
        skipdata: sums.skipdata,
        counted: groups.all,
    };
    let found = marks::found(source, question, &mut sums, &tallies).await?;
    let (mut not_seen, incomplete) = seen::not_seen(question, &ledger, &tallies);
    not_seen.extend(found.not_seen);
    Ok(Flows {
        question: FLOWS,
        window: WindowShown::from(question.window.as_ref()),
        filters: serde_json::to_value(&question.filters).unwrap_or_default(),
        by: question.by,
        answer: groups.shown,
        totals,
        marks: found.marks,
        coverage: FlowCoverage { flow_logs: tallies.flow_logs(&choice), not_seen, incomplete },
        evidence_set: ledger.set,
    })
}

/// Counts the window's records by flow log, interface and hour; of regions, what the further columns tell.
async fn tally_with(source: &Source, question: &FlowQuestion, further: &[&'static str]) -> Result<Tallies, TimelineError> {
    let mut tallies = Tallies::default();
    read(source, question, further, &mut |records| {
        tallies.take_all(records, &question.filters);
        Ok(())
    })
    .await?;
    Ok(tallies)
}

/// Runs `each` over the window's records: what tells which flow log's they are, and further columns.
pub(crate) async fn read(
    source: &Source,
    question: &FlowQuestion,
    further: &[&'static str],
    each: &mut dyn FnMut(&Records<'_>) -> Result<(), TimelineError>,
) -> Result<(), TimelineError> {
    let frame = of_window(source, question.window.as_ref(), &columns(question, further)).await?;
    Source::batches(FLOWS, frame, &mut |batch| each(&Records::of(batch)?)).await
}

/// Runs `each` over the window's records on all threads, each of which fills a state of its own.
async fn read_apart<S: Send + 'static>(
    source: &Source,
    question: &FlowQuestion,
    begin: impl Fn() -> S + Send + Sync + 'static,
    each: impl Fn(&mut S, &Records<'_>) + Send + Sync + 'static,
) -> Result<Vec<S>, TimelineError> {
    let columns = columns(question, SUMMED);
    let each = move |state: &mut S, group: &RowGroup| {
        let batch = group.read(&columns).map_err(TimelineError::table(FLOWS))?;
        if let Some(batch) = batch {
            each(state, &Records::of(&batch)?);
        }
        Ok(())
    };
    source.groups_apart(FLOWS, question.window.as_ref(), begin, each).await
}

/// Some columns of a window's records.
pub(crate) async fn of_window(source: &Source, window: Option<&Window>, columns: &[&str]) -> Result<DataFrame, TimelineError> {
    let failed = TimelineError::table(FLOWS);
    let mut frame = source.table(FLOWS).await?;
    if let Some(window) = window {
        frame = frame.filter(within(window)).map_err(&failed)?;
    }
    frame.select_columns(columns).map_err(&failed)
}

/// What tells which flow log's records are, and further columns.
fn columns(question: &FlowQuestion, further: &[&'static str]) -> Vec<&'static str> {
    // Columns that only filters ask for are read where there are such.
    let (no_names, no_regions) = (question.filters.arn.is_empty(), question.filters.region.is_empty());
    let is_read = |column: &&str| match *column {
        column if further.contains(&column) => true,
        "vpc_id" | "subnet_id" | "tgw_id" => !no_names,
        // Whoever sums tells whose an interface was.
        "instance_id" => !no_names || further.contains(&"bytes"),
        "region" | "file_region" => !no_names || !no_regions,
        _ => true,
    };
    let others = further.iter().filter(|column| !TALLIED.contains(*column));
    TALLIED.iter().chain(others).copied().filter(is_read).collect()
}

/// A time as answers have it.
pub(crate) fn shown(seconds: i64) -> String {
    format_instant(seconds.saturating_mul(backtrail_model::time::MICROS_PER_SECOND))
}
