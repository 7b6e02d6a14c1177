//! Floor 4 of Backtrail: the questions. Each takes a window, filters and a source of events, and gives a typed answer whose every item
//! cites the events it rests on, and which ends with what was not seen.
//!
//! What an event means (who, what, on what, with which outcome) is worked out by pure functions over one row at a time; the expressions
//! that fetch the rows stand beside the question that needs them. Items are handed on as they come, so that an answer need not fit in memory.

mod actors;
mod addendum;
mod answer;
mod associations;
mod beside;
mod coverage;
mod digest;
mod effects;
mod ends;
mod error;
mod event;
mod events;
mod few;
mod filter;
mod flow_groups;
mod flows;
mod group_names;
mod instants;
mod interfaces;
mod item;
mod ledger;
mod lineage;
mod narrow;
mod nearest;
mod novelty;
mod pivotal;
mod policy;
mod previous;
mod principal;
mod profile;
mod question;
mod related;
mod relation;
mod show;
mod source;
mod summary;
mod timeline;
mod touched;
mod trace;
mod twins;

pub use actors::{ActorOrder, CameFrom, Counted, InStore, Mark, MarkKind, MfaCounts, OwnAddresses, Present, Values, actors, actors_answer};
pub use addendum::{Addendum, Update};
pub use answer::{Answer, Closing, Sink, Totals, opening};
pub use backtrail_model::touch::{Basis, Touched};
pub use coverage::{
    Coverage, Covered, EmptyHours, EvidenceSeen, FlowLogCall, FlowLogCovered, HourSeen, HourState, InterfaceCovered, LogChange, LogKind,
    NotSeen, NotSeenKind, Resumed, Seen, Stretch, coverage, empty_hours,
};
pub use digest::events_digest;
pub use effects::{Coincidence, Effect, Passage, Through, TiedInterface, TiedSubnet, Way};
pub use error::TimelineError;
pub use event::Event;
pub use events::{EventQuestion, event_lines, events, events_answer};
pub use flows::{
    Arithmetic, Beacon, Bulk, Busiest, Counted as FlowCounted, FlowCoverage, FlowFilters, FlowGrouping, FlowLine, FlowLogSeen, FlowMark,
    FlowMarkKind, FlowQuestion, FlowTotals, Flows, Named, Past, Period, Scan, Side, Talker, flows,
};
pub use group_names::GroupName;
pub use interfaces::{Address, CallerInterface, HeldBy, Holding, Tenure};
pub use item::{Item, Made, Phase, Twin};
pub use ledger::Broken;
pub use lineage::{
    Actors, Attribution, Caller, Chain, Holder, Issued, Lineage, Link, Missing, MotionBasis, Mover, Origin, OriginKind, Part, Path,
    SetInMotion, Step, Strength, Workload,
};
pub use novelty::{Compared, Comparison, Reach};
pub use previous::{ActsOn, InForce, Known, NamedBy, Previous, Property, SetBy, previous};
pub use principal::{Principal, PrincipalKind};
pub use profile::{DayOf, Peer, Peers, Profile, Traffic, profile};
pub use question::{Filters, Network, Question, Typed, WindowShown};
pub use relation::{ChangesTold, GROUPED, Rank, Relation, changes};
pub use show::{Copy, HashCheck, Opened, Reference, RejectShown, SHORTEST, Shown, show};
pub use source::{Day, Source, Tallies};
pub use summary::{Rule, Summary};
pub use timeline::{TimelineItem, TimelineTold, timeline};
pub use touched::touched;
pub use trace::{Node, Rival, SharedUses, Trace, Upward, Uses, trace};
