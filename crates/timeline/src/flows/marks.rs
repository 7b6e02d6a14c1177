//! Marks on traffic: what is regular, what goes over many ports or addresses, and what is much for the interface it leaves.
//!
//! A mark says what the records add up to, with the numbers, and not that somebody meant harm: a health check is as regular as a beacon, a monitor
//! that is refused everywhere sweeps as a scanner does, a backup is as large as a theft. The thresholds stand in [`thresholds`] and nowhere else.
//!
//! What marks need beyond sums is noted while the records are summed: a few numbers for each record that goes out or is refused, in lists of a bounded
//! size. What does not fit is left out in a way that depends on the records alone, not on the order they came in, and is said.

mod beacon;
mod before;
mod bulk;
mod noted;
mod scan;
pub(super) mod thresholds;

use serde::Serialize;

pub use beacon::Beacon;
pub use bulk::{Bulk, Past};
pub(super) use noted::{Marks, Slots, is_attempt};
pub use scan::{Busiest, Scan};

use super::FlowQuestion;
use super::choice::Tallies;
use super::sums::Sums;
use crate::coverage::{NotSeen, NotSeenKind, say};
use crate::error::TimelineError;
use crate::source::Source;

/// What kind of mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowMarkKind {
    /// An address that tries many ports of another one, or many addresses, within a minute.
    Scan,
    /// An interface that calls an external peer again and again, in equal steps.
    Beacon,
    /// An interface that sends an external peer much more within an hour than it ever sent before.
    BulkEgress,
}

/// The numbers of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Arithmetic {
    /// Of a scan.
    Scan(Scan),
    /// Of a beacon.
    Beacon(Beacon),
    /// Of bulk egress.
    Bulk(Bulk),
}

/// Something about the traffic that a responder looks at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowMark {
    /// What kind.
    pub kind: FlowMarkKind,
    /// The interface whose records say so; absent where those of several do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_id: Option<String>,
    /// The instance that records name with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The near address: of a scan the one that was scanned, absent where there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The other end: of a scan whoever scans.
    pub peer: String,
    /// `internal` or `external`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_is: Option<&'static str>,
    /// The AWS service in whose ranges the peer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_aws_service: Option<String>,
    /// IANA protocol number; absent where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
    /// The port that was called; absent where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Earliest start; up to 60 s off.
    pub first_start: String,
    /// Latest end.
    pub last_end: String,
    /// The numbers it rests on.
    pub arithmetic: Arithmetic,
    /// All of it in a sentence.
    pub text: String,
    /// Citation of the earliest record.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// What was found, and what could not be weighed.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) marks: Vec<FlowMark>,
    pub(super) not_seen: Vec<NotSeen>,
}

/// The marks of what was summed: of each kind those that stand out most first.
pub(super) async fn found(source: &Source, question: &FlowQuestion, sums: &mut Sums, tallies: &Tallies) -> Result<Found, TimelineError> {
    sums.marks.settle();
    let sums = &*sums;
    let egress = || bulk::Egress::of(question, sums, tallies);
    let (scans, (beacons, egress)) = rayon::join(|| scan::scans(sums), || rayon::join(|| beacon::beacons(sums), egress));
    let egress = egress.marks(source, question, sums).await?;
    let mut found = Found::default();
    for (kind, marks) in [(FlowMarkKind::Scan, scans), (FlowMarkKind::Beacon, beacons), (FlowMarkKind::BulkEgress, egress)] {
        found.not_seen.extend(untold(kind, marks.len()));
        found.marks.extend(marks.into_iter().take(thresholds::MOST_OF_A_KIND));
    }
    found.not_seen.extend(sums.marks.unweighed());
    if !bulk::can_compare(&question.filters) && sums.records > 0 {
        let text =
            "Bulk egress is not sought where --ip, --port or --action leaves records out: what the interface sent otherwise is not known.";
        found.not_seen.push(say(NotSeenKind::NotWeighed, text.to_owned()));
    }
    Ok(found)
}

/// What is said of the marks of a kind that an answer has no room for.
fn untold(kind: FlowMarkKind, marks: usize) -> Option<NotSeen> {
    let more = marks.checked_sub(thresholds::MOST_OF_A_KIND).filter(|more| *more > 0)?;
    let (one, several) = match kind {
        FlowMarkKind::Scan => ("scan", "scans"),
        FlowMarkKind::Beacon => ("beacon", "beacons"),
        FlowMarkKind::BulkEgress => ("mark of bulk egress", "marks of bulk egress"),
    };
    let (what, which) = if more == 1 { (one, "it") } else { (several, "them") };
    Some(say(NotSeenKind::NotWeighed, format!("{more} more {what}: a shorter window or an interface shows {which}.")))
}

/// How much of a whole, in per cent, rounded down.
fn percent(part: u64, whole: u64) -> u64 {
    (part.saturating_mul(100)).checked_div(whole).unwrap_or(0)
}

/// The middle one of sorted numbers; of two the lower.
fn median(sorted: &[u32]) -> u32 {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_middles() {
        assert_eq!((percent(4, 5), percent(2, 3), percent(1, 0)), (80, 66, 0));
        assert_eq!((median(&[1, 2, 9]), median(&[1, 2, 3, 9]), median(&[])), (2, 2, 0));
    }

    #[test]
    fn marks_beyond_a_thousand_of_a_kind_are_counted() {
        let said = |kind, marks| untold(kind, marks).map(|said| said.text);
        assert_eq!(said(FlowMarkKind::Scan, 1_000), None);
        assert_eq!(said(FlowMarkKind::Beacon, 1_001).as_deref(), Some("1 more beacon: a shorter window or an interface shows it."));
        let text = "234 more marks of bulk egress: a shorter window or an interface shows them.";
        assert_eq!(said(FlowMarkKind::BulkEgress, 1_234).as_deref(), Some(text));
    }
}
