//! Which subnets a route table or a network ACL was of and when, where routes led, and what entries of ACLs said: as calls of any time have it, and
//! listings, which do not say when.
//!
//! A subnet's table or ACL is an association, of one subnet and one table for as long as there is one: a call that gives a subnet another one names
//! the association that it ends, and answers with the one that it makes (EC2 API reference, `ReplaceRouteTableAssociation`,
//! `ReplaceNetworkAclAssociation`). So whatever calls say of one is put together, in whatever order they are read. None of these calls names the
//! subnet but `AssociateRouteTable`; an association whose beginning is not in evidence may be of any.

mod given;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::arn::Arn;
use backtrail_model::interfaces::list;
use backtrail_model::time::format_instant;
use serde::Serialize;
use serde_json::Value;

use super::SPAN;
use crate::summary::Rule;

/// An instant in microseconds UTC, and a citation of the call that was made then.
type Cited = (i64, String);

/// When what a listing has was set.
const LISTED: i64 = i64::MIN;
/// Associations that replace each other, one after the other, followed at most.
const LONGEST: usize = 1_000;

/// A subnet that had what was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TiedSubnet {
    /// The subnet.
    pub subnet_id: String,
    /// The route table or network ACL that it had.
    pub target: String,
    /// Since when; `null` where no call in evidence says so.
    pub from: Option<String>,
    /// Until when; `null` where no call in evidence ended it.
    pub to: Option<String>,
    /// A listing has it, which does not say when, and no call in evidence.
    pub only_listed: bool,
    /// Citations of what began and ended it, or lists it; of a gateway, of what routed to it first.
    pub refs: Vec<String>,
    /// From when on a change can be seen there, microseconds UTC: the change itself, or what came later of what it depends on.
    #[serde(skip)]
    pub(super) since: i64,
}

/// What gives one subnet one route table or network ACL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Association {
    /// The route table or network ACL.
    of: Option<String>,
    subnet: Option<String>,
    /// It makes a table the one of all subnets that have none of their own.
    is_main: bool,
    began: Option<Cited>,
    ended: Option<Cited>,
    /// Citation of a listing that has it.
    listed: Option<String>,
    replaced: Option<String>,
}

impl Association {
    /// Whether no call says of any time that it was there then.
    fn is_only_listed(&self) -> bool {
        self.began.is_none() && self.ended.is_none()
    }

    /// Citations of what says so.
    fn refs(&self) -> Vec<String> {
        let cited = |one: &Option<Cited>| one.as_ref().map(|(_, reference)| reference.clone());
        cited(&self.began).or_else(|| self.listed.clone()).into_iter().chain(cited(&self.ended)).collect()
    }
}

/// A route or an entry as a call set it or took it away, or as a listing has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    /// Of a listing, before all calls.
    pub(super) time: i64,
    pub(super) reference: String,
    pub(super) rule: Rule,
}

impl Set {
    fn is_at_place_of(&self, other: &Self) -> bool {
        self.rule.target == other.rule.target && self.rule.is_at_place_of(&other.rule) == Some(true)
    }
}

/// A route to something, from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteTo {
    pub(super) table: String,
    pub(super) destination: String,
    pub(super) set: Cited,
    pub(super) only_listed: bool,
}

/// A call, as far as this goes by it. Its parameters are without the object around them.
#[derive(Debug)]
struct Call<'a> {
    name: &'a str,
    at: Cited,
    request: &'a Value,
    response: &'a Value,
    rules: Vec<Rule>,
}

/// What calls say of route tables, network ACLs, subnets and routes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By their ids.
    associations: BTreeMap<String, Association>,
    /// The VPC of a table, an ACL or a subnet, and a citation of what says so.
    vpcs: BTreeMap<String, (String, String)>,
    /// Default ACLs, which all subnets of a VPC have that were given no other, each with a citation of what says that it is one.
    defaults: BTreeMap<String, String>,
    routes: Vec<Set>,
    entries: Vec<Set>,
    /// Routes and entries as listings have them.
    listed: Vec<Set>,
}

/// What is known of the subnets of a route table or a network ACL about an instant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) subnets: Vec<TiedSubnet>,
    /// Citations of calls that gave it to what they do not name.
    pub(super) unnamed: BTreeSet<String>,
    /// The VPC it is in, and a citation.
    pub(super) vpc: Option<(String, String)>,
    /// What says that it is of all subnets of the VPC that have no other.
    pub(super) is_main: Option<String>,
    /// Subnets that had another one all that time.
    pub(super) elsewhere: BTreeSet<String>,
}

/// The text under the first of these keys that has one.
fn text(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| value.get(key)?.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Keeps the earlier of two.
fn earliest(kept: &mut Option<Cited>, new: &Cited) {
    if kept.as_ref().is_none_or(|kept| new < kept) {
        *kept = Some(new.clone());
    }
}

/// Keeps the lesser of two citations.
fn least(kept: &mut String, new: &str) {
    if new < kept.as_str() {
        new.clone_into(kept);
    }
}

fn is_true(value: &Value, keys: &[&str]) -> bool {
    keys.iter().any(|key| value.get(key).and_then(Value::as_bool) == Some(true))
}

/// Route tables and network ACLs have subnets independently of each other.
fn kind(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

impl Layout {
    /// Takes a call that was carried out.
    fn take(&mut self, call: Call<'_>) {
        let Call { name, at, request, response, rules } = call;
        match name {
            "CreateRouteTable" => self.describe(response.get("routeTable").unwrap_or(&Value::Null), request, &at.1, Some(&at)),
            "CreateNetworkAcl" => self.describe(response.get("networkAcl").unwrap_or(&Value::Null), request, &at.1, Some(&at)),
            "CreateSubnet" | "CreateDefaultSubnet" => {
                let made = response.get("subnet").unwrap_or(&Value::Null);
                let vpc = text(made, &["vpcId"]).or_else(|| text(request, &["vpcId"]));
                self.is_in(text(made, &["subnetId"]), vpc, &at.1);
            }
            "AssociateRouteTable" if request.get("gatewayId").is_none() => {
                // Without its id it is still known who has the table from now on.
                let id = text(response, &["associationId"]).unwrap_or_else(|| at.1.clone());
                let association = self.associations.entry(id).or_default();
                association.of = text(request, &["routeTableId"]);
                association.subnet = text(request, &["subnetId"]);
                earliest(&mut association.began, &at);
            }
            "ReplaceRouteTableAssociation" | "ReplaceNetworkAclAssociation" => self.replace(request, response, &at),
            "DisassociateRouteTable" => {
                if let Some(id) = text(request, &["associationId"]) {
                    earliest(&mut self.associations.entry(id).or_default().ended, &at);
                }
            }
            _ => {
                let (time, reference) = at;
                let set = |rule: Rule| Set { time, reference: reference.clone(), rule };
                let is_route = |rule: &Rule| rule.destination.is_some();
                let (routes, entries): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_route);
                self.routes.extend(routes.into_iter().map(set));
                self.entries.extend(entries.into_iter().map(set));
            }
        }
    }

    /// Takes what an answer or a listing says of a table or an ACL; of an answer, with the instant from which it is so.
    fn describe(&mut self, told: &Value, asked: &Value, reference: &str, since: Option<&Cited>) {
        const IDS: [&str; 4] = ["routeTableId", "networkAclId", "RouteTableId", "NetworkAclId"];
        const ASSOCIATIONS: [&str; 4] =
            ["routeTableAssociationId", "networkAclAssociationId", "RouteTableAssociationId", "NetworkAclAssociationId"];
        let Some(id) = text(told, &IDS) else { return };
        let vpc = text(told, &["vpcId", "VpcId"]).or_else(|| text(asked, &["vpcId"]));
        self.is_in(Some(id.clone()), vpc, reference);
        if is_true(told, &["default", "IsDefault"]) {
            least(self.defaults.entry(id.clone()).or_insert_with(|| reference.to_owned()), reference);
        }
        for given in list(told.get("associationSet").or_else(|| told.get("Associations"))) {
            let Some(association) = text(given, &ASSOCIATIONS).filter(|_| text(given, &["gatewayId", "GatewayId"]).is_none()) else {
                continue;
            };
            let association = self.associations.entry(association).or_default();
            association.of = association.of.take().or_else(|| Some(id.clone()));
            association.subnet = association.subnet.take().or_else(|| text(given, &["subnetId", "SubnetId"]));
            association.is_main |= is_true(given, &["main", "Main"]);
            match since {
                Some(at) => earliest(&mut association.began, at),
                None => least(association.listed.get_or_insert_with(|| reference.to_owned()), reference),
            }
        }
    }

    /// Takes a route table or an ACL as a listing has it, with its routes and entries.
    fn take_listed(&mut self, told: &Value, rules: Vec<Rule>, reference: &str) {
        self.describe(told, &Value::Null, reference, None);
        self.listed.extend(rules.into_iter().map(|rule| Set { time: LISTED, reference: reference.to_owned(), rule }));
    }

    fn replace(&mut self, request: &Value, response: &Value, at: &Cited) {
        let old = text(request, &["associationId"]);
        if let Some(old) = &old {
            earliest(&mut self.associations.entry(old.clone()).or_default().ended, at);
        }
        let id = text(response, &["newAssociationId"]).unwrap_or_else(|| at.1.clone());
        let new = self.associations.entry(id).or_default();
        new.of = text(request, &["routeTableId", "networkAclId"]);
        new.replaced = old;
        earliest(&mut new.began, at);
    }

    fn is_in(&mut self, id: Option<String>, vpc: Option<String>, reference: &str) {
        if let Some((id, vpc)) = id.zip(vpc) {
            let new = (vpc, reference.to_owned());
            let known = self.vpcs.entry(id).or_insert_with(|| new.clone());
            // The same whatever order calls come in.
            if new < *known {
                *known = new;
            }
        }
    }

    /// Puts together what was taken: an association has the subnet of the one that it replaced.
    fn finish(&mut self) {
        let pairs: Vec<(String, String)> =
            self.associations.iter().filter_map(|(new, one)| Some((new.clone(), one.replaced.clone()?))).collect();
        for _ in 0..LONGEST.min(pairs.len()) {
            let mut is_done = true;
            for (new, old) in pairs.iter().flat_map(|(new, old)| [(new, old), (old, new)]) {
                let told = self.associations.get(old).map(|one| (one.subnet.clone(), one.is_main));
                let Some(((subnet, is_main), own)) = told.zip(self.associations.get_mut(new)) else { continue };
                if (own.subnet.is_none() && subnet.is_some()) || (!own.is_main && is_main) {
                    is_done = false;
                    own.subnet = own.subnet.take().or(subnet);
                    own.is_main |= is_main;
                }
            }
            if is_done {
                break;
            }
        }
        self.end_what_was_replaced();
        // Of a route that a call set or took away a listing does not say whether it is from before or after.
        let is_called = |listed: &Set| self.routes.iter().any(|set| listed.is_at_place_of(set));
        let listed: Vec<Set> = self.listed.iter().filter(|set| set.rule.destination.is_some() && !is_called(set)).cloned().collect();
        self.routes.extend(listed);
        let order = |a: &Set, b: &Set| (a.time, &a.reference).cmp(&(b.time, &b.reference));
        self.routes.sort_by(order);
        self.entries.sort_by(order);
    }

    /// A subnet has one route table and one ACL at a time: where no call is seen ending an association, the next one does.
    fn end_what_was_replaced(&mut self) {
        let mut begun: BTreeMap<(String, String), BTreeSet<Cited>> = BTreeMap::new();
        for one in self.associations.values() {
            if let (Some(of), Some(subnet), Some(began)) = (&one.of, &one.subnet, &one.began) {
                begun.entry((kind(of).to_owned(), subnet.clone())).or_default().insert(began.clone());
            }
        }
        for one in self.associations.values_mut().filter(|one| one.ended.is_none()) {
            let (Some(of), Some(subnet)) = (&one.of, &one.subnet) else { continue };
            let after = |began: &&Cited| one.began.as_ref().is_some_and(|own| *began > own);
            one.ended = begun.get(&(kind(of).to_owned(), subnet.clone())).and_then(|all| all.iter().find(after).cloned());
        }
    }

    /// What is known of the subnets of a route table or a network ACL at an instant, and, if it is asked, within a day after it.
    pub(super) fn reach(&self, id: &str, at: i64, is_later_too: bool) -> Reach {
        let mut reach = Reach { vpc: self.vpcs.get(id).cloned(), is_main: self.defaults.get(id).cloned(), ..Reach::default() };
        let latest = if is_later_too { at.saturating_add(SPAN) } else { at };
        for one in self.associations.values() {
            let (from, to) = (one.began.as_ref().map(|(time, _)| *time), one.ended.as_ref().map(|(time, _)| *time));
            if one.of.as_deref() != Some(id) {
                let is_all_the_time = from.is_some_and(|from| from < at) && to.is_none_or(|to| to > latest);
                let is_alike = one.of.as_deref().is_some_and(|of| kind(of) == kind(id));
                reach.elsewhere.extend(one.subnet.clone().filter(|_| is_alike && is_all_the_time));
                continue;
            }
            // Times are of whole seconds: what ended in the second of a change may have ended after it.
            if from.is_some_and(|from| from > latest) || to.is_some_and(|to| to < at) {
                continue;
            }
            let refs = one.refs();
            match &one.subnet {
                Some(subnet) => reach.subnets.push(TiedSubnet {
                    subnet_id: subnet.clone(),
                    target: id.to_owned(),
                    from: from.map(format_instant),
                    to: to.map(format_instant),
                    only_listed: one.is_only_listed(),
                    refs,
                    since: at.max(from.unwrap_or(at)),
                }),
                None if one.is_main => reach.is_main = refs.into_iter().next(),
                None => reach.unnamed.extend(refs.into_iter().next()),
            }
        }
        reach.subnets.sort_by(|a, b| (a.only_listed, a.since, &a.subnet_id, &a.refs).cmp(&(b.only_listed, b.since, &b.subnet_id, &b.refs)));
        let mut met = BTreeSet::new();
        reach.subnets.retain(|one| met.insert(one.subnet_id.clone()) && !(one.only_listed && reach.elsewhere.contains(&one.subnet_id)));
        reach
    }

    /// The VPC of a table, an ACL or a subnet, and a citation of what says so.
    pub(super) fn vpc_of(&self, id: &str) -> Option<&(String, String)> {
        self.vpcs.get(id)
    }

    /// The routes that led to something at an instant and, if it is asked, within a day after it.
    pub(super) fn routes_to(&self, hop: &str, at: i64, is_later_too: bool) -> Vec<RouteTo> {
        let latest = if is_later_too { at.saturating_add(SPAN) } else { at };
        let leads_there = |set: &Set| set.rule.peer.as_deref().is_some_and(|peer| peer == hop || names(peer, hop));
        let is_asked = |(number, set): &(usize, &Set)| {
            let ended = self.routes.iter().skip(number + 1).find(|next| next.is_at_place_of(set)).map(|next| next.time);
            leads_there(set) && !set.rule.is_removal() && set.time <= latest && ended.is_none_or(|ended| ended >= at)
        };
        let route = |(_, set): (usize, &Set)| {
            Some(RouteTo {
                table: set.rule.target.clone()?,
                destination: set.rule.destination.clone()?,
                set: (set.time, set.reference.clone()),
                only_listed: set.time == LISTED,
            })
        };
        self.routes.iter().enumerate().filter(is_asked).filter_map(route).collect()
    }

    /// What was at the place of an ACL's entry or of a route before a call of that time: as the last call before it set it; of several in one second,
    /// each. Where no call did, as listings have it. Empty where nothing says so, or the last call before it took it away.
    pub(super) fn set_before(&self, place: &Rule, at: i64, reference: &str) -> Vec<&Set> {
        let is_there = |set: &&Set| set.rule.target == place.target && set.rule.is_at_place_of(place) == Some(true);
        let sets = if place.destination.is_some() { &self.routes } else { &self.entries };
        let called: Vec<&Set> = sets.iter().filter(is_there).filter(|set| set.time != LISTED).collect();
        let earlier: Vec<&Set> = called.iter().copied().filter(|set| set.time <= at && set.reference != reference).collect();
        // What is of the same second may have come after it, so that what came before is asked first.
        let before = earlier.iter().filter(|set| set.time < at).map(|set| set.time).max();
        if let Some(last) = before.or_else(|| earlier.iter().map(|set| set.time).max()) {
            return earlier.into_iter().filter(|set| set.time == last && !set.rule.is_removal()).collect();
        }
        // What is listed, and not what a call in evidence made it, was there before.
        let is_of_call = |listed: &&Set| called.iter().any(|set| set.rule.words() == listed.rule.words());
        self.listed.iter().filter(is_there).filter(|listed| !is_of_call(listed)).collect()
    }
}

/// Whether an ARN ends with an id.
fn names(arn: &str, id: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.resource_id() == id)
}
