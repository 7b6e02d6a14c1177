//! What traffic shows of a change: of each rule of a security group, entry of a network ACL, route, gateway and public address that a call set or took
//! away, and of each interface or subnet that it gave other groups, another table or ACL, the flows that were refused before and let through after, or the
//! reverse.
//!
//! Flow logs do not say which rule let a packet through, nor refuse what has no route. What is certain is what the records say, and whether calls or
//! listings tie the interface to what was changed (`ties`); that one came of the other is what the times suggest, and is told as that. Rules that name
//! another group or a prefix list as their other side are held against no flow, which is said.

mod doors;
mod instances;
mod layout;
mod met;
mod open;
mod passages;
mod places;
mod ties;
mod words;

use std::collections::BTreeSet;

use backtrail_model::time::{EARLIEST, LATEST, MICROS_PER_DAY};
use backtrail_model::window::Window;
use hashbrown::HashMap;
use serde::Serialize;

use doors::Door;
pub(crate) use doors::Doors;
use instances::{Instances, NAMED};
use layout::Layout;
pub use layout::TiedSubnet;
pub use met::Way;
pub use passages::{Coincidence, Passage};
use passages::{Ends, Passages};
use places::{PLACED, Places};
pub use ties::Through;
use ties::{About, Tied};

use crate::coverage::NotSeen;
use crate::error::TimelineError;
use crate::flows::{self, FlowFilters, FlowQuestion, Records, Tallies, shown};
use crate::source::Source;

/// So far before the first and behind the last change flows are read.
const SPAN: i64 = MICROS_PER_DAY;
/// The version of the decoder since which calls are observed for what they say of interfaces.
const OBSERVED_SINCE: i32 = 12;

/// An interface that evidence ties to what was changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TiedInterface {
    /// The interface.
    pub interface_id: String,
    /// What it has in common with what was changed.
    pub through: Through,
    /// Its subnet, where that ties it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<String>,
    /// Citation of what says so: of a subnet's interface, that it is in the subnet.
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
    /// What was changed: the security group, network ACL, route table, VPC, gateway, or public address; the interface, instance or subnet that got other
    /// groups, another table or ACL.
    pub target: String,
    /// The change in words.
    pub rule: String,
    /// Of what was taken away or replaced (a route, an entry of a network ACL, a rule known by its id, groups, a table or an ACL), citation of the call that
    /// had set it, or of the listing that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// Subnets that had the route table or the network ACL, or whose table led to the gateway; what a subnet had before and after it got another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<TiedSubnet>,
    /// Interfaces that evidence ties to it, and how far flow logs cover them.
    pub interfaces: Vec<TiedInterface>,
    /// Conversations that it let in or cut off, those that are certain first.
    pub passages: Vec<Passage>,
    /// How many more there are.
    pub more: u64,
    /// How many of all are certain.
    pub certain: u64,
    /// What is certain, what is coincident, and what is not in evidence, in words.
    pub text: String,
}

/// Works out what flows show of the changes that were noted, and says of how many it does not.
pub(crate) async fn effects(source: &Source, doors: Doors) -> Result<(Vec<Effect>, Option<NotSeen>), TimelineError> {
    let times = || doors.each().iter().map(|door| door.at);
    let Some((first, last)) = times().min().zip(times().max()) else { return Ok((Vec::new(), None)) };
    let from = first.saturating_sub(SPAN).max(EARLIEST);
    let Ok(window) = Window::between(from, last.saturating_add(SPAN).min(LATEST)) else { return Ok((Vec::new(), None)) };
    let question = FlowQuestion { window: Some(window), ..FlowQuestion::default() };
    let (mut tallies, mut places, mut instances) = (Tallies::default(), Places::default(), Instances::of_doors(doors.each()));
    let goes_by_layout = doors.each().iter().any(Door::goes_by_layout);
    let mut further = if goes_by_layout { PLACED.to_vec() } else { Vec::new() };
    further.extend((!instances.is_empty()).then_some(NAMED));
    flows::read(source, &question, &further, &mut |records| {
        tallies.take_all(records, &FlowFilters::default());
        places.learn(records);
        instances.learn(records);
        Ok(())
    })
    .await?;
    if tallies.is_empty() {
        return Ok((Vec::new(), None));
    }
    let layout = if goes_by_layout { Layout::read(source).await? } else { Layout::default() };
    let left_out = doors.left_out();
    let doors = doors.looked_up(&layout);
    let choice = tallies.choose();
    let covered = tallies.covered(&choice);
    let flowing: BTreeSet<String> = covered.keys().map(|interface| (*interface).to_owned()).collect();
    let tied = Tied::read(source, &doors, (places, instances), (&layout, flowing)).await?;
    let mut followed: Vec<Followed> = doors.into_iter().map(|door| Followed::new(door, &tied, &layout)).collect();
    doors::keep_apart(followed.iter_mut().filter_map(|one| Some((one.about.swapped(&one.door)?, &mut one.door))));
    let (mut ends, mut concerned) = (Ends::default(), Concerned::default());
    flows::read(source, &question, flows::SUMMED, &mut |records: &Records<'_>| {
        for row in (0..records.rows).filter(|row| tallies.is_summed(records, *row, &choice)) {
            ends.learn(records, row);
            for number in concerned.by(records.interface(row), &followed) {
                if let Some(one) = followed.get_mut(*number) {
                    one.passages.take((&one.door, &one.about), records, row, &mut ends);
                }
            }
        }
        Ok(())
    })
    .await?;
    Ok((followed.into_iter().map(|one| one.tell(&ends, &covered)).collect(), left_out))
}

/// Which changes are about an interface, by their numbers: of many swaps each is about one.
#[derive(Default)]
struct Concerned(HashMap<String, Vec<usize>>);

impl Concerned {
    fn by(&mut self, interface: &str, followed: &[Followed]) -> &[usize] {
        let is_about = |one: &Followed| one.about.second(interface, &one.door).is_some();
        let numbers = || followed.iter().enumerate().filter(|(_, one)| is_about(one)).map(|(number, _)| number).collect();
        self.0.entry_ref(interface).or_insert_with(numbers)
    }
}

/// A change, the interfaces it is about, and their flows.
struct Followed {
    door: Door,
    about: About,
    passages: Passages,
}

impl Followed {
    fn new(door: Door, tied: &Tied, layout: &Layout) -> Self {
        let about = tied.about(&door, layout);
        let door = door.with_what_was_before(&about.before);
        Self { door, about, passages: Passages::default() }
    }

    fn tell(self, ends: &Ends, covered: &HashMap<&str, (i64, i64)>) -> Effect {
        let Self { door, about, passages } = self;
        let interfaces: Vec<TiedInterface> = about
            .ties
            .iter()
            .map(|(interface, tie)| {
                let span = covered.get(interface.as_str());
                TiedInterface {
                    interface_id: interface.clone(),
                    through: tie.through,
                    subnet_id: tie.subnet_id.clone(),
                    reference: tie.reference.clone(),
                    first_start: span.map(|(first, _)| shown(*first)),
                    last_end: span.map(|(_, last)| shown(*last)),
                }
            })
            .collect();
        let seen_before = |interface: &str| {
            let second = about.second(interface, &door);
            covered.get(interface).zip(second).is_some_and(|((first, _), second)| *first < second)
        };
        let told = passages.told(&door, ends, &about, &seen_before);
        let text = words::words(&door, &about, &interfaces, &told);
        Effect {
            reference: door.reference,
            event_time: door.event_time,
            target: door.target,
            rule: door.words,
            set_by: door.set_by,
            subnets: about.subnets,
            interfaces,
            passages: told.passages,
            more: told.more,
            certain: told.certain,
            text,
        }
    }
}
