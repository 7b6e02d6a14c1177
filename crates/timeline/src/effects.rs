//! What traffic shows of a change: of each rule of a security group, entry of a network ACL, route, internet gateway and public address that a call
//! set or took away, the flows that were refused before and let through after, or the reverse.
//!
//! Flow logs do not say which rule let a packet through. What is certain is what the records say, and whether calls or listings tie the interface to
//! what was changed; that one came of the other is what the times suggest, and is told as that. Rules that name another group or a prefix list as
//! their other side, and the removal of an ACL's entry, which does not say what the entry was, are not followed here.

mod doors;
mod passages;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::Array;
use backtrail_model::time::{EARLIEST, LATEST, MICROS_PER_DAY};
use backtrail_model::window::Window;
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::HashMap;
use serde::Serialize;

pub(crate) use doors::Doors;
use doors::{Door, Scope};
pub use passages::Passage;
use passages::{Ends, Passages};

use crate::error::TimelineError;
use crate::event::{Text, longs};
use crate::flows::{self, FlowQuestion, Records, shown};
use crate::interfaces::{Holding, Interfaces};
use crate::source::{Source, one_of};

/// So far before the first and behind the last change flows are read.
const SPAN: i64 = MICROS_PER_DAY;
/// The version of the decoder since which calls are observed for what they say of interfaces.
const OBSERVED_SINCE: i32 = 12;

/// An interface that a call or a listing ties to a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TiedInterface {
    /// The interface.
    pub interface_id: String,
    /// Citation of what names both.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Earliest start of a record of it about the change.
    pub first_start: Option<String>,
    /// Latest end.
    pub last_end: Option<String>,
}

/// What flows show of a rule that a call opened or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Citation of the call.
    #[serde(rename = "ref")]
    pub reference: String,
    /// When.
    pub event_time: Option<String>,
    /// What was changed: the security group, network ACL, route table, VPC, or public address.
    pub target: String,
    /// The change in words.
    pub rule: String,
    /// Interfaces that belonged to it about then, as calls and listings say, and how far flow logs cover them.
    pub interfaces: Vec<TiedInterface>,
    /// Conversations that were refused before and let through after, or the reverse; those of tied interfaces first.
    pub passages: Vec<Passage>,
    /// How many more there are.
    pub more: u64,
    /// What is certain and what is coincident, in words.
    pub text: String,
}

/// Works out what flows show of the changes that were noted.
pub(crate) async fn effects(source: &Source, doors: Doors) -> Result<Vec<Effect>, TimelineError> {
    let doors = doors.into_doors();
    let Some((first, last)) = doors.iter().map(|d| d.at).min().zip(doors.iter().map(|d| d.at).max()) else { return Ok(Vec::new()) };
    let from = first.saturating_sub(SPAN).max(EARLIEST);
    let Ok(window) = Window::between(from, last.saturating_add(SPAN).min(LATEST)) else { return Ok(Vec::new()) };
    let question = FlowQuestion { window: Some(window), ..FlowQuestion::default() };
    let tallies = flows::tally(source, &question).await?;
    if tallies.is_empty() {
        return Ok(Vec::new());
    }
    let tied = Tied::read(source, &doors).await?;
    let choice = tallies.choose();
    let mut passages: Vec<Passages> = doors.iter().map(|_| Passages::default()).collect();
    let mut ends = Ends::default();
    flows::read(source, &question, flows::SUMMED, &mut |records: &Records<'_>| {
        for row in (0..records.rows).filter(|row| tallies.is_summed(records, *row, &choice)) {
            ends.learn(records, row);
            for (door, passages) in doors.iter().zip(&mut passages) {
                passages.take(door, records, row, &mut ends);
            }
        }
        Ok(())
    })
    .await?;
    let covered = tallies.covered(&choice);
    let told = doors.iter().zip(passages).map(|(door, passages)| tell(door, (passages, &ends), &tied.of(door), &covered));
    Ok(told.collect())
}

/// Interfaces, each with a citation of what ties it to a group.
type Ties = BTreeMap<String, String>;

/// What ties interfaces to groups.
#[derive(Debug, Default)]
struct Tied {
    known: Arc<Interfaces>,
    /// By group, where evidence was read by a decoder that wrote no observations: interfaces that a call of any time names with it.
    named_together: BTreeMap<String, Ties>,
}

impl Tied {
    async fn read(source: &Source, doors: &[Door]) -> Result<Self, TimelineError> {
        let known = Interfaces::read(source).await?;
        let is_observed = source.is_all_read_since(OBSERVED_SINCE).await?;
        let named_together = if is_observed { BTreeMap::new() } else { named_together(source, doors).await? };
        Ok(Self { known, named_together })
    }

    /// The interfaces that belonged to what was changed about that time.
    fn of(&self, door: &Door) -> Ties {
        let mut ties = self.named_together.get(&door.target).cloned().unwrap_or_default();
        let is_of = |holding: &&Holding| match door.scope {
            Scope::Group => holding.security_groups.iter().flatten().any(|group| *group == door.target),
            Scope::Vpc => holding.vpc_id.as_ref() == Some(&door.target),
            Scope::Address => holding.refs.contains(&door.reference),
            Scope::Subnets => false,
        };
        let about = |holding: &&Holding| holding.is_between(door.at - SPAN, door.at + SPAN);
        for holding in self.known.all().filter(about).filter(is_of) {
            let says_so = if door.scope == Scope::Address { Some(&door.reference) } else { holding.refs.first() };
            if let Some((interface, reference)) = holding.interface_id.clone().zip(says_so) {
                ties.entry(interface).or_insert_with(|| reference.clone());
            }
        }
        ties
    }
}

/// Which interfaces calls name together with the groups: launches, new interfaces, changes of their groups.
async fn named_together(source: &Source, doors: &[Door]) -> Result<BTreeMap<String, Ties>, TimelineError> {
    let groups: BTreeSet<&str> = doors.iter().filter(|d| d.scope == Scope::Group).map(|d| d.target.as_str()).collect();
    let Some(is_group) = one_of("name", groups) else { return Ok(BTreeMap::new()) };
    let mut places: HashMap<Place, Vec<String>> = HashMap::new();
    touched(source, is_group, &mut |group, place| places.entry(place).or_default().push(group.to_owned())).await?;
    let mut ties: BTreeMap<String, Ties> = BTreeMap::new();
    let is_interface = col("name").gt_eq(lit("eni-")).and(col("name").lt(lit("eni.")));
    touched(source, is_interface, &mut |interface, place| {
        let reference = format!("{}#{}", place.0, place.1);
        for group in places.get(&place).into_iter().flatten() {
            let tie = ties.entry(group.clone()).or_default().entry(interface.to_owned()).or_insert_with(|| reference.clone());
            // The same call whatever the order rows come in.
            if reference < *tie {
                tie.clone_from(&reference);
            }
        }
    })
    .await?;
    Ok(ties)
}

/// Evidence, and a record's number there.
type Place = (String, i64);

/// Runs `each` over names that calls touched, and where the call stands.
async fn touched(source: &Source, condition: Expr, each: &mut dyn FnMut(&str, Place)) -> Result<(), TimelineError> {
    const TABLE: &str = "event_arns";
    let columns = ["name", "evidence_id", "record_index"];
    let frame =
        source.table(TABLE).await?.filter(condition).and_then(|f| f.select_columns(&columns)).map_err(TimelineError::table(TABLE))?;
    Source::batches(TABLE, frame, &mut |batch| {
        let (name, evidence) = (Text::of(batch, TABLE, "name")?, Text::of(batch, TABLE, "evidence_id")?);
        let index = longs(batch, TABLE, "record_index")?;
        for row in (0..batch.num_rows()).filter(|row| index.is_valid(*row)) {
            each(name.get(row).unwrap_or_default(), (evidence.get(row).unwrap_or_default().to_owned(), index.value(row)));
        }
        Ok(())
    })
    .await
}

fn tell(door: &Door, (passages, ends): (Passages, &Ends), tied: &Ties, covered: &HashMap<&str, (i64, i64)>) -> Effect {
    let interface = |(interface_id, reference): (&String, &String)| {
        let span = covered.get(interface_id.as_str());
        TiedInterface {
            interface_id: interface_id.clone(),
            reference: reference.clone(),
            first_start: span.map(|(first, _)| shown(*first)),
            last_end: span.map(|(_, last)| shown(*last)),
        }
    };
    let interfaces: Vec<TiedInterface> = tied.iter().map(interface).collect();
    // A public address is of one interface: what others did is nothing to it.
    let is_meant = |interface: &str| door.scope != Scope::Address || tied.contains_key(interface);
    let (mut passages, more) = passages.told(door, ends, (&|interface| tied.get(interface).cloned(), &is_meant));
    for passage in &mut passages {
        passage.seen_before = covered.get(passage.interface_id.as_str()).is_some_and(|(first, _)| *first < door.second());
    }
    let text = words(door, &interfaces, &passages, more);
    Effect {
        reference: door.reference.clone(),
        event_time: door.event_time.clone(),
        target: door.target.clone(),
        rule: door.words.clone(),
        interfaces,
        passages,
        more,
        text,
    }
}

/// What is certain, what is coincident, and what is not in evidence.
fn words(door: &Door, interfaces: &[TiedInterface], passages: &[Passage], more: u64) -> String {
    let covered: Vec<String> = interfaces
        .iter()
        .filter_map(|i| Some(format!("{} from {} to {}", i.interface_id, i.first_start.as_ref()?, i.last_end.as_ref()?)))
        .collect();
    let count = passages.len() as u64 + more;
    if count == 0 {
        let way = if door.opens {
            "was refused before and let through after it, or let through for the first time"
        } else {
            "was let through before and refused after it"
        };
        return match (interfaces.is_empty(), covered.is_empty()) {
            (true, _) if door.scope == Scope::Subnets => {
                format!("No flow in evidence {way}; which subnets {} is of, no evidence read says.", door.target)
            }
            (true, _) => format!("No flow in evidence {way}; no call in evidence names an interface of {}.", door.target),
            (false, true) => format!("No flow in evidence {way}; flow logs have nothing of its interfaces."),
            (false, false) => format!("No flow in evidence {way}; flow logs cover {}.", covered.join(", ")),
        };
    }
    let tied = passages.iter().filter(|p| p.tied_by.is_some()).count();
    let of = if tied == passages.len() {
        format!("the interfaces are tied to {}", door.target)
    } else {
        format!("{} of them of interfaces that no evidence ties to {}", passages.len() - tied, door.target)
    };
    let noun = if count == 1 { "conversation" } else { "conversations" };
    let how = match (door.opens, passages.iter().filter(|p| !p.seen_before).count()) {
        (false, _) => "refused after it and let through before".to_owned(),
        (true, 0) => "let through after it and not before".to_owned(),
        (true, unseen) => format!(
            "let through after it; of the interfaces of {unseen} of them flow logs have nothing from before it, so that they may have been let through before"
        ),
    };
    format!("{count} {noun} {how}; {of}. That the change is the cause is what the times suggest, flow logs do not name rules.")
}
