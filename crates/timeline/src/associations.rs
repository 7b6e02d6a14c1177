//! Attachments and associations of EC2. A call that ends or replaces one names it by its own id alone (`eni-attach-…`, `eipassoc-…`, `rtbassoc-…`,
//! `aclassoc-…`); of what it was, the call that made it says, which answered with that id (EC2 API reference, `DetachNetworkInterface`,
//! `DisassociateAddress`, `ReplaceRouteTableAssociation`).

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::arn::Arn;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::touch::{Names, Wanted};
use datafusion::logical_expr::{Expr, col, lit};
use serde_json::{Map, Value};

use crate::error::TimelineError;
use crate::event::Event;
use crate::instants::{Instants, is_known_of_all};
use crate::source::Source;
use crate::summary::body;

/// Calls that make one, and under which key they answer with its id.
const MAKERS: [(&str, &str); 5] = [
    ("AttachNetworkInterface", "attachmentId"),
    ("AssociateAddress", "associationId"),
    ("AssociateRouteTable", "associationId"),
    ("ReplaceRouteTableAssociation", "newAssociationId"),
    ("ReplaceNetworkAclAssociation", "newAssociationId"),
];
/// Calls that name one, under which key, and as which calls they are to be understood: with the parameters it was made with, and with these and
/// its own.
const NAMERS: [(&str, &str, Option<Ender>, Option<&str>); 5] = [
    ("DetachNetworkInterface", "attachmentId", Some(INTERFACE), None),
    ("DisassociateAddress", "associationId", Some(ADDRESS), None),
    ("DisassociateRouteTable", "associationId", Some(ROUTE_TABLE), None),
    ("ReplaceRouteTableAssociation", "associationId", Some(ROUTE_TABLE), Some("AssociateRouteTable")),
    ("ReplaceNetworkAclAssociation", "associationId", None, Some("ReplaceNetworkAclAssociation")),
];
/// A call that ends an association, and the one that makes it.
type Ender = (&'static str, &'static str);
const INTERFACE: Ender = ("DetachNetworkInterface", "AttachNetworkInterface");
const ADDRESS: Ender = ("DisassociateAddress", "AssociateAddress");
const ROUTE_TABLE: Ender = ("DisassociateRouteTable", "AssociateRouteTable");
/// How ids begin of what has associations.
const ASSOCIATED: [&str; 6] = ["i-", "eni-", "eipalloc-", "subnet-", "rtb-", "acl-"];
/// Associations that replace each other, one after the other, followed at most.
const LONGEST: usize = 16;
/// Associations of one thing, at most: an address may be given from one instance to the next for years.
const MOST: usize = 1_000;

/// Under which key a call that replaces one names it.
const REPLACED: &str = "associationId";

/// The associations of what is named, each with the parameters of the call that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Associations {
    /// By id, what the call that made it names.
    made: BTreeMap<String, Map<String, Value>>,
    /// Those of what is named; others were looked up because these replaced them.
    own: BTreeSet<String>,
}

impl Associations {
    /// Those of what is typed, as calls of any time made them; none in stores whose evidence an older decoder read.
    pub(crate) async fn of(source: &Source, typed: &[String]) -> Result<Self, TimelineError> {
        let mut all = Self::default();
        let mut ahead: Vec<Wanted> = typed.iter().map(|one| Wanted::read(one)).filter(has_associations).collect();
        if ahead.is_empty() || !is_known_of_all(source).await? {
            return Ok(all);
        }
        // A subnet's next association is known by the one that it replaces; a table's or a list's is another subnet's matter from then on.
        let is_followed = ahead.iter().any(|one| names_start_with(one, &["subnet-"]));
        for level in 0..LONGEST {
            let called = one_of_makers();
            let instants = Instants::of_calls_on(source, &ahead, &called).await?;
            let mut new = BTreeSet::new();
            let mut take = |event: &Event<'_>| {
                new.extend(all.take(event));
                Ok(())
            };
            source.few(None, Some(instants.condition().and(called)), &mut take).await?;
            let is_own = |id: &String| level == 0 || (is_followed && all.replaced_by(id).is_some_and(|old| all.own.contains(old)));
            let own: Vec<String> = new.iter().filter(|id| is_own(id)).cloned().collect();
            let replaced = new.iter().filter_map(|id| all.replaced_by(id)).filter(|old| !all.made.contains_key(*old));
            ahead = replaced.chain(own.iter().map(String::as_str).filter(|_| is_followed)).map(Wanted::read).collect();
            all.own.extend(own);
            if ahead.is_empty() {
                break;
            }
        }
        Ok(all)
    }

    /// Takes a call that made one; its id, where it is new.
    fn take(&mut self, event: &Event<'_>) -> Option<String> {
        let (_, answered) = MAKERS.iter().find(|(name, _)| event.event_name == Some(name))?;
        if classify(&event.facts()) != Outcome::Ok || self.made.len() >= MOST {
            return None;
        }
        let id = body(&parsed(event.response_elements), "Response").get(answered)?.as_str()?.to_owned();
        self.made.insert(id.clone(), parameters(event)).is_none().then_some(id)
    }

    /// The association that another one replaced.
    fn replaced_by(&self, id: &str) -> Option<&str> {
        self.made.get(id)?.get(REPLACED)?.as_str()
    }

    /// What an association is of: the parameters it was made with, over those of the one that it replaced.
    fn made_with(&self, id: &str) -> Option<Map<String, Value>> {
        let mut chain: Vec<&Map<String, Value>> = Vec::new();
        let mut at = Some(id);
        while let Some(own) = at.and_then(|id| self.made.get(id)).filter(|_| chain.len() < LONGEST) {
            chain.push(own);
            at = own.get(REPLACED).and_then(Value::as_str);
        }
        let named = |own: &&Map<String, Value>| {
            own.iter().filter(|(key, _)| *key != REPLACED).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
        };
        (!chain.is_empty()).then(|| chain.iter().rev().flat_map(named).collect())
    }

    /// The ids of those of what is named.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(String::as_str)
    }

    /// As which calls an event is to be understood that names one of them by its id; none for all others.
    pub(crate) fn understood(&self, event: &Event<'_>) -> Vec<Meant> {
        let Some((_, key, ends, makes)) = NAMERS.iter().find(|(name, ..)| event.event_name == Some(name)) else { return Vec::new() };
        let own = parameters(event);
        let Some(made_with) = own.get(*key).and_then(Value::as_str).and_then(|id| self.made_with(id)) else { return Vec::new() };
        let made = makes.map(|name| {
            let own = own.into_iter().filter(|(name, _)| name != key);
            Meant { name, made_by: name, request: made_with.clone().into_iter().chain(own).collect() }
        });
        ends.map(|(name, made_by)| Meant { name, made_by, request: made_with.clone() }).into_iter().chain(made).collect()
    }
}

/// A call as it is to be understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meant {
    pub(crate) name: &'static str,
    /// The call that makes what this one ends or makes: it acts on the same things, and names them.
    pub(crate) made_by: &'static str,
    pub(crate) request: Map<String, Value>,
}

fn one_of_makers() -> Expr {
    col("event_name").in_list(MAKERS.iter().map(|(name, _)| lit(*name)).collect(), false)
}

fn has_associations(wanted: &Wanted) -> bool {
    let is_of_ec2 = Arn::parse(wanted.text()).is_none_or(|arn| arn.service() == "ec2");
    is_of_ec2 && wanted.is_telling() && !wanted.is_start() && names_start_with(wanted, &ASSOCIATED)
}

fn names_start_with(wanted: &Wanted, starts: &[&str]) -> bool {
    matches!(wanted.names(), Names::Equal(names) if names.iter().any(|name| starts.iter().any(|start| name.starts_with(start))))
}

fn parsed(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}

fn parameters(event: &Event<'_>) -> Map<String, Value> {
    body(&parsed(event.request_parameters), "Request").as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn take(all: &mut Associations, name: &str, request: &Value, response: &Value) -> Option<String> {
        let (request, response) = (request.to_string(), response.to_string());
        all.take(&Event {
            event_name: Some(name),
            request_parameters: Some(&request),
            response_elements: Some(&response),
            ..Event::default()
        })
    }

    fn understood(all: &Associations, name: &str, request: &Value) -> Vec<(&'static str, Value)> {
        let request = request.to_string();
        let meant = all.understood(&Event { event_name: Some(name), request_parameters: Some(&request), ..Event::default() });
        meant.into_iter().map(|meant| (meant.name, Value::Object(meant.request))).collect()
    }

    #[test]
    fn what_is_ended_by_its_id_is_what_it_was_made_of() {
        let mut all = Associations::default();
        let made_with = json!({"networkInterfaceId": "eni-1", "instanceId": "i-1"});
        assert_eq!(
            take(&mut all, "AttachNetworkInterface", &made_with, &json!({"attachmentId": "eni-attach-1"})),
            Some("eni-attach-1".to_owned())
        );
        assert_eq!(
            understood(&all, "DetachNetworkInterface", &json!({"attachmentId": "eni-attach-1", "force": true})),
            [("DetachNetworkInterface", made_with)]
        );
        assert_eq!(understood(&all, "DetachNetworkInterface", &json!({"attachmentId": "eni-attach-2"})), []);
        assert_eq!(understood(&all, "DisassociateAddress", &json!({"publicIp": "198.51.100.7"})), [], "it names the address itself");
    }

    #[test]
    fn a_subnet_goes_from_one_table_to_the_next() {
        let mut all = Associations::default();
        let first = json!({"routeTableId": "rtb-1", "subnetId": "subnet-1"});
        take(&mut all, "AssociateRouteTable", &first, &json!({"associationId": "rtbassoc-1"}));
        let replaced = json!({"associationId": "rtbassoc-1", "routeTableId": "rtb-2"});
        let second = json!({"routeTableId": "rtb-2", "subnetId": "subnet-1"});
        assert_eq!(
            understood(&all, "ReplaceRouteTableAssociation", &replaced),
            [("DisassociateRouteTable", first), ("AssociateRouteTable", second.clone())]
        );
        take(&mut all, "ReplaceRouteTableAssociation", &replaced, &json!({"newAssociationId": "rtbassoc-2"}));
        assert_eq!(
            understood(&all, "DisassociateRouteTable", &json!({"associationId": "rtbassoc-2"})),
            [("DisassociateRouteTable", second)]
        );
        assert_eq!(all.made.keys().collect::<Vec<_>>(), ["rtbassoc-1", "rtbassoc-2"]);
    }

    #[test]
    fn an_association_that_nobody_saw_made_is_known_by_the_call_that_replaced_it() {
        let mut all = Associations::default();
        let replaced = json!({"associationId": "aclassoc-1", "networkAclId": "acl-2"});
        take(&mut all, "ReplaceNetworkAclAssociation", &replaced, &json!({"newAssociationId": "aclassoc-2"}));
        let again = json!({"associationId": "aclassoc-2", "networkAclId": "acl-3"});
        assert_eq!(
            understood(&all, "ReplaceNetworkAclAssociation", &again),
            [("ReplaceNetworkAclAssociation", json!({"networkAclId": "acl-3"}))]
        );
    }

    #[test]
    fn associations_that_replace_each_other_in_a_circle_come_to_an_end() {
        let mut all = Associations::default();
        for (old, new) in [("rtbassoc-1", "rtbassoc-2"), ("rtbassoc-2", "rtbassoc-1")] {
            take(
                &mut all,
                "ReplaceRouteTableAssociation",
                &json!({"associationId": old, "routeTableId": new}),
                &json!({"newAssociationId": new}),
            );
        }
        assert!(all.made_with("rtbassoc-1").is_some());
        assert_eq!(all.made_with("rtbassoc-3"), None);
    }

    #[test]
    fn what_has_associations() {
        for (typed, has) in [
            ("eni-0aaaaaaaaaaaaaaa1", true),
            ("arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0aaaaaaaaaaaaaaa1", true),
            ("sg-0aaaaaaaaaaaaaaa1", false),
            ("eni-0aaa*", false),
            ("arn:aws:iam::111122223333:role/i-am", false),
        ] {
            assert_eq!(has_associations(&Wanted::read(typed)), has, "{typed}");
        }
    }
}
