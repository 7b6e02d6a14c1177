//! Which interfaces a change is about, and what ties them to it.

mod swaps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::Array;
use backtrail_model::time::MICROS_PER_SECOND;
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::HashMap;
use serde::Serialize;

use super::doors::{Before, Door, Peers, Scope};
use super::instances::Instances;
use super::layout::{Layout, Reach, RouteTo, TiedSubnet};
use super::passages::Coincidence;
use super::places::{Place, Places};
use super::{OBSERVED_SINCE, SPAN};
use crate::error::TimelineError;
use crate::event::{Text, longs};
use crate::interfaces::{Holding, Interfaces};
use crate::source::{Source, one_of};

/// What an interface has in common with what was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// The call names it.
    Named,
    /// It was the instance's that the call names.
    Instance,
    /// It had the security group.
    SecurityGroup,
    /// Its subnet had the route table or the network ACL, or a route to the gateway, or got another table or ACL.
    Subnet,
    /// The gateway has it.
    Gateway,
    /// It got the public address, or lost it.
    Address,
    /// It is in the VPC. Whether its subnet has the route table or the network ACL, or a route to the gateway, is not said.
    Vpc,
}

/// What ties an interface to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tie {
    /// Citation of what names both.
    pub(super) reference: String,
    pub(super) through: Through,
    pub(super) subnet_id: Option<String>,
    /// Why it may not have been so then.
    pub(super) doubt: Option<Coincidence>,
    /// From when on the change can be seen there, microseconds UTC.
    pub(super) since: i64,
}

/// Which interfaces count of which nothing ties them to a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Others {
    #[default]
    None,
    /// All but these, of which evidence says that they have nothing to do with it.
    AllBut(BTreeSet<String>),
}

/// Which interfaces a change is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) ties: BTreeMap<String, Tie>,
    others: Others,
    pub(super) subnets: Vec<TiedSubnet>,
    /// What is not known of it, and what would tell, a sentence each.
    pub(super) unknown: Vec<String>,
    /// The destinations of the routes that make it be about them, where that is how it is known.
    pub(super) peers: Vec<Peers>,
    /// Of a swap, what was there before.
    pub(super) before: Before,
}

impl Tie {
    fn of(reference: &str, through: Through, since: i64) -> Self {
        Self { reference: reference.to_owned(), through, subnet_id: None, doubt: None, since }
    }
}

impl About {
    /// From which second on a change can be seen at an interface; `None` where it is not about it.
    pub(super) fn second(&self, interface: &str, door: &Door) -> Option<i64> {
        match (self.ties.get(interface), &self.others) {
            (Some(tie), _) => Some(tie.since.div_euclid(MICROS_PER_SECOND)),
            (None, Others::AllBut(left_out)) if !left_out.contains(interface) => Some(door.second()),
            (None, _) => None,
        }
    }

    fn tie(&mut self, interface: &str, tie: Tie) {
        // The strongest tie stands, then the one that is there first.
        let known = self.ties.entry(interface.to_owned()).or_insert_with(|| tie.clone());
        let strength = |tie: &Tie| (tie.through, tie.doubt, tie.since);
        if strength(&tie) < strength(known) {
            *known = tie;
        }
    }
}

/// What ties interfaces to changes.
#[derive(Debug, Default)]
pub(super) struct Tied {
    known: Arc<Interfaces>,
    places: Places,
    /// Interfaces with flow records about the changes.
    flowing: BTreeSet<String>,
    instances: Instances,
    /// By group, where evidence was read by a decoder that wrote no observations: interfaces that a call of any time names with it.
    named_together: BTreeMap<String, BTreeMap<String, String>>,
}

impl Tied {
    pub(super) async fn read(
        source: &Source,
        doors: &[Door],
        (mut places, instances): (Places, Instances),
        (layout, flowing): (&Layout, BTreeSet<String>),
    ) -> Result<Self, TimelineError> {
        let known = Interfaces::read(source).await?;
        let is_observed = source.is_all_read_since(OBSERVED_SINCE).await?;
        let named_together = if is_observed { BTreeMap::new() } else { named_together(source, doors).await? };
        places.finish(&known, layout);
        Ok(Self { known, places, flowing, instances, named_together })
    }

    /// The interfaces that a change is about.
    pub(super) fn about(&self, door: &Door, layout: &Layout) -> About {
        match door.scope {
            Scope::Group => self.of_group(door),
            Scope::Address => self.of_address(door),
            Scope::Vpc => self.of_vpc(door),
            Scope::Subnets => self.of_table(door, layout),
            Scope::Hop => self.of_hop(door, layout),
            Scope::Interface => self.of_interface(door),
            Scope::Instance => self.of_instance(door),
            Scope::Given => self.of_given(door, layout),
        }
    }

    /// What interfaces were about a change.
    fn holdings(&self, door: &Door) -> impl Iterator<Item = (&String, &Holding)> {
        let about = |holding: &&Holding| holding.is_between(door.at - SPAN, door.at + SPAN);
        self.known.all().filter(about).filter_map(|holding| Some((holding.interface_id.as_ref()?, holding)))
    }

    fn of_group(&self, door: &Door) -> About {
        let mut about = About { others: Others::AllBut(BTreeSet::new()), ..About::default() };
        let tie = |reference: &String| Tie::of(reference, Through::SecurityGroup, door.at);
        for (interface, reference) in self.named_together.get(&door.target).into_iter().flatten() {
            about.tie(interface, tie(reference));
        }
        for (interface, holding) in self.holdings(door) {
            if holding.security_groups.iter().flatten().any(|group| *group == door.target)
                && let Some(reference) = holding.refs.first()
            {
                about.tie(interface, tie(reference));
            }
        }
        about
    }

    /// A public address is of one interface: what others did is nothing to it.
    fn of_address(&self, door: &Door) -> About {
        let mut about = About::default();
        for (interface, _) in self.holdings(door).filter(|(_, holding)| holding.refs.contains(&door.reference)) {
            about.tie(interface, Tie::of(&door.reference, Through::Address, door.at));
        }
        about
    }

    fn of_vpc(&self, door: &Door) -> About {
        let mut about = About::default();
        self.tie_vpc(&mut about, &door.target, door.at, &BTreeSet::new());
        about.others = Others::AllBut(self.not_in(&door.target));
        about.unknown.push(format!(
            "Which subnets of {} have a route to the gateway is not gone by: an interface is tied to it by its VPC.",
            door.target
        ));
        about
    }

    /// Whether there is anything of an interface about a change: evidence of any time names it otherwise.
    fn is_there(&self, interface: &str, at: i64) -> bool {
        self.flowing.contains(interface) || self.known.of_interface(interface).any(|holding| holding.is_between(at - SPAN, at + SPAN))
    }

    /// Ties the interfaces of a VPC, but for those of some subnets.
    fn tie_vpc(&self, about: &mut About, vpc: &str, at: i64, but: &BTreeSet<String>) {
        for (interface, place) in self.places.all().filter(|(interface, _)| self.is_there(interface, at)) {
            let Some((_, reference)) = place.vpc.as_ref().filter(|(known, _)| known == vpc) else { continue };
            let subnet_id = place.subnet.as_ref().map(|(subnet, _)| subnet.clone());
            if subnet_id.as_ref().is_none_or(|subnet| !but.contains(subnet)) {
                about.tie(interface, Tie { subnet_id, ..Tie::of(reference, Through::Vpc, at) });
            }
        }
    }

    /// Interfaces that evidence puts into another VPC.
    fn not_in(&self, vpc: &str) -> BTreeSet<String> {
        let is_elsewhere = |place: &Place| place.vpc.as_ref().is_some_and(|(known, _)| known != vpc);
        self.places.all().filter(|(_, place)| is_elsewhere(place)).map(|(interface, _)| interface.to_owned()).collect()
    }

    /// Interfaces that evidence puts into one of these subnets.
    fn in_any_of(&self, subnets: &BTreeSet<String>) -> BTreeSet<String> {
        let is_there = |place: &Place| place.subnet.as_ref().is_some_and(|(subnet, _)| subnets.contains(subnet));
        self.places.all().filter(|(_, place)| is_there(place)).map(|(interface, _)| interface.to_owned()).collect()
    }

    /// Ties the interfaces of subnets.
    fn tie_subnets(&self, about: &mut About, subnets: &[TiedSubnet], at: i64) {
        for (interface, place) in self.places.all().filter(|(interface, _)| self.is_there(interface, at)) {
            let Some((subnet, reference)) = &place.subnet else { continue };
            for tied in subnets.iter().filter(|tied| tied.subnet_id == *subnet) {
                let subnet_id = Some(subnet.clone());
                let doubt = tied.only_listed.then_some(Coincidence::OnlyListed);
                about.tie(interface, Tie { subnet_id, doubt, ..Tie::of(reference, Through::Subnet, tied.since) });
            }
        }
    }

    /// The interfaces of the subnets that had a route table or a network ACL; where no evidence names one, of its VPC; else of all that no evidence
    /// puts elsewhere.
    fn of_table(&self, door: &Door, layout: &Layout) -> About {
        let reach = layout.reach(&door.target, door.at, !door.is_removal);
        self.of_reach_or_others(&reach, unknown_of(&reach, &door.target), door.at)
    }

    /// The same, of what is known of the subnets.
    fn of_reach_or_others(&self, reach: &Reach, unknown: Vec<String>, at: i64) -> About {
        let mut about = self.of_reach(reach, unknown, at);
        let is_placed_by_subnet = !reach.subnets.is_empty() && reach.is_main.is_none();
        if !is_placed_by_subnet {
            let mut left_out = self.in_any_of(&reach.elsewhere);
            if let Some((vpc, _)) = &reach.vpc {
                left_out.extend(self.not_in(vpc));
            }
            about.others = Others::AllBut(left_out);
        }
        about
    }

    /// What a route table or an ACL is tied to, with what is not known of that.
    fn of_reach(&self, reach: &Reach, unknown: Vec<String>, at: i64) -> About {
        let mut about = About { subnets: reach.subnets.clone(), unknown, ..About::default() };
        self.tie_subnets(&mut about, &reach.subnets, at);
        let vpc = reach.vpc.as_ref().map(|(vpc, _)| vpc);
        if let Some(vpc) = vpc.filter(|_| reach.subnets.is_empty() || reach.is_main.is_some()) {
            self.tie_vpc(&mut about, vpc, at, &reach.elsewhere);
        }
        let is_elsewhere = |place: &Place| vpc.zip(place.vpc.as_ref()).is_some_and(|(vpc, (own, _))| vpc != own);
        let is_unplaced =
            |interface: &&String| self.places.of(interface).is_none_or(|place| place.subnet.is_none() && !is_elsewhere(place));
        let count = self.flowing.iter().filter(is_unplaced).count();
        if !reach.subnets.is_empty() && reach.is_main.is_none() && count > 0 {
            let (noun, is) = if count == 1 { ("interface", "is") } else { ("interfaces", "are") };
            about.unknown.push(format!(
                "Of {count} {noun} in flow logs no evidence says the subnet, so that {what} left out; a flow log with the field subnet-id or describe-network-interfaces would say it.",
                what = if count == 1 { format!("it {is}") } else { format!("they {is}") },
            ));
        }
        about
    }

    /// The interface of a gateway, and those of the subnets that route to it.
    fn of_hop(&self, door: &Door, layout: &Layout) -> About {
        let routes = layout.routes_to(&door.target, door.at, !door.is_removal);
        let mut about = About::default();
        for route in &routes {
            let RouteTo { table, destination, set, only_listed } = route;
            let since = door.at.max(set.0);
            let mut reach = layout.reach(table, since, !door.is_removal);
            for subnet in &mut reach.subnets {
                subnet.refs.insert(0, set.1.clone());
                subnet.only_listed |= only_listed;
            }
            let of_table = self.of_reach(&reach, unknown_of(&reach, table), since);
            of_table.ties.into_iter().for_each(|(interface, tie)| about.tie(&interface, tie));
            about.subnets.extend(of_table.subnets);
            about.unknown.extend(of_table.unknown);
            about.peers.extend(Peers::beyond(destination));
        }
        for (interface, holding) in self.holdings(door).filter(|(_, holding)| holding.resource_id.as_ref() == Some(&door.target)) {
            if let Some(reference) = holding.refs.first() {
                about.tie(interface, Tie::of(reference, Through::Gateway, door.at));
            }
        }
        if routes.is_empty() {
            about.unknown.push(format!(
                "Which subnets route to {} is not known: no route in evidence led there about then; CreateRoute, ReplaceRoute or describe-route-tables would say it.",
                door.target
            ));
        }
        about
    }
}

/// What is not known of the subnets of a route table or an ACL, and what would tell.
fn unknown_of(reach: &Reach, target: &str) -> Vec<String> {
    let (listing, call) = if target.starts_with("acl-") {
        ("describe-network-acls", "the call that gave it to one does not name the subnet")
    } else {
        ("describe-route-tables", "AssociateRouteTable would name them")
    };
    let mut all = Vec::new();
    let vpc = reach.vpc.as_ref().map(|(vpc, reference)| format!("{vpc} [{reference}]"));
    match (&reach.is_main, reach.subnets.is_empty(), vpc) {
        (Some(reference), _, vpc) => all.push(format!(
            "{target} is that of all subnets{} that have no other [{reference}]; which these are, no evidence read says for certain; {listing} would.",
            vpc.map(|vpc| format!(" of {vpc}")).unwrap_or_default()
        )),
        (None, false, _) => {
            all.push(format!("That {target} was of other subnets as well no evidence rules out; {listing} would say it."));
        }
        (None, true, Some(vpc)) => all.push(format!(
            "Which subnets {target} was of, no evidence read says ({call}; so would {listing} where it was read): only its VPC, {vpc}, ties interfaces to it, which is coincident."
        )),
        (None, true, None) => all.push(format!(
            "Which subnets {target} was of, no evidence read says, nor which VPC it is in ({call}; {listing} would say both): no interface is tied to it."
        )),
    }
    if !reach.unnamed.is_empty() {
        let refs = reach.unnamed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        all.push(format!("It was given to what the calls do not name [{refs}]."));
    }
    all
}

/// Which interfaces calls name together with the groups: launches, new interfaces, changes of their groups.
async fn named_together(source: &Source, doors: &[Door]) -> Result<BTreeMap<String, BTreeMap<String, String>>, TimelineError> {
    let groups: BTreeSet<&str> = doors.iter().filter(|d| d.scope == Scope::Group).map(|d| d.target.as_str()).collect();
    let Some(is_group) = one_of("name", groups) else { return Ok(BTreeMap::new()) };
    let mut places: HashMap<Standing, Vec<String>> = HashMap::new();
    touched(source, is_group, &mut |group, place| places.entry(place).or_default().push(group.to_owned())).await?;
    let mut ties: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let is_interface = col("name").gt_eq(lit("eni-")).and(col("name").lt(lit("eni.")));
    touched(source, is_interface, &mut |interface, place| {
        let reference = format!("{}#{}", place.0, place.1);
        for group in places.get(&place).into_iter().flatten() {
            let tie = ties.entry(group.clone()).or_default().entry(interface.to_owned()).or_insert_with(|| reference.clone());
            // The same call whatever order rows come in.
            if reference < *tie {
                tie.clone_from(&reference);
            }
        }
    })
    .await?;
    Ok(ties)
}

/// Evidence, and a record's number there.
type Standing = (String, i64);

/// Runs `each` over names that calls touched, and where the call stands.
async fn touched(source: &Source, condition: Expr, each: &mut dyn FnMut(&str, Standing)) -> Result<(), TimelineError> {
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
