//! One thing under two ARNs: IAM's calls name a role, a user or a group without its path, answers to them with it.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::arn::Arn;
use backtrail_model::touch::Part;

use crate::item::Item;

/// Tells what is known to be one thing under one ARN, the one with the path: where a call of the answer acts on both, which no call can on two
/// things of a name. Names are given again: where several paths are known, or the thing was also made without any, it stays as it is.
pub(super) fn join(items: &mut [Item]) {
    let same = same(items);
    for item in items.iter_mut().filter(|_| !same.is_empty()) {
        if let Some(full) = item.resource().and_then(|arn| same.get(arn)) {
            item.told_under = Some(full.clone());
            if let Some(relation) = &mut item.relation {
                relation.resource.clone_from(&item.told_under);
            }
        }
    }
}

/// By the ARN without a path: the one with it.
fn same(items: &[Item]) -> BTreeMap<String, String> {
    let mut full: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut made_without: BTreeSet<&str> = BTreeSet::new();
    for item in items {
        let targets: Vec<&str> = item.resources.iter().filter(|t| t.part == Part::Target).map(|t| t.arn.as_str()).collect();
        for bare in targets.iter().copied().filter(|arn| without_path(arn).as_deref() == Some(*arn)) {
            let with_path = targets.iter().copied().find(|arn| *arn != bare && without_path(arn).as_deref() == Some(bare));
            match with_path {
                Some(arn) => _ = full.entry(bare.to_owned()).or_default().insert(arn.to_owned()),
                None if item.event_name.as_deref().is_some_and(|name| name.starts_with("Create")) => _ = made_without.insert(bare),
                None => {}
            }
        }
    }
    let known = full.into_iter().filter(|(bare, _)| !made_without.contains(bare.as_str()));
    known.filter_map(|(bare, arns)| (arns.len() == 1).then(|| Some((bare, arns.into_iter().next()?)))?).collect()
}

/// `arn:…:role/team/deploy` as `arn:…:role/deploy`; `None` of what is no user, role, group or the like of IAM.
fn without_path(arn: &str) -> Option<String> {
    let parsed = Arn::parse(arn).filter(|a| a.service() == "iam")?;
    let kind =
        parsed.resource_type().filter(|kind| matches!(*kind, "role" | "user" | "group" | "instance-profile" | "server-certificate"))?;
    Some(format!("arn:{}:iam::{}:{kind}/{}", parsed.partition(), parsed.account(), parsed.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    /// A call that IAM answered with the role's ARN, where it says it.
    fn call(name: &'static str, response: Option<&'static str>) -> Item {
        let event = Event {
            event_source: Some("iam.amazonaws.com"),
            event_name: Some(name),
            aws_region: Some("us-east-1"),
            recipient_account_id: Some("111122223333"),
            request_parameters: Some(r#"{"roleName":"deploy"}"#),
            response_elements: response,
            evidence_id: Some("e"),
            ..Event::default()
        };
        Item::of(&event, None)
    }

    const TEAM: &str = r#"{"role":{"path":"/team/","roleName":"deploy","arn":"arn:aws:iam::111122223333:role/team/deploy"}}"#;
    const OPS: &str = r#"{"role":{"path":"/ops/","roleName":"deploy","arn":"arn:aws:iam::111122223333:role/ops/deploy"}}"#;
    const BARE: &str = r#"{"role":{"path":"/","roleName":"deploy","arn":"arn:aws:iam::111122223333:role/deploy"}}"#;

    fn told_under(mut items: Vec<Item>) -> Vec<String> {
        join(&mut items);
        items.iter().map(|item| item.resource().and_then(|arn| arn.split_once(":role/")).map_or("-", |(_, role)| role).to_owned()).collect()
    }

    #[test]
    fn a_role_is_one_where_a_call_names_it_both_ways() {
        assert_eq!(told_under(vec![call("CreateRole", Some(TEAM)), call("AttachRolePolicy", None)]), ["team/deploy", "team/deploy"]);
        // Nothing says which path it has, if any.
        assert_eq!(told_under(vec![call("AttachRolePolicy", None)]), ["deploy"]);
        // The name was given again.
        assert_eq!(
            told_under(vec![call("CreateRole", Some(TEAM)), call("CreateRole", Some(OPS)), call("AttachRolePolicy", None)])[2],
            "deploy"
        );
        assert_eq!(
            told_under(vec![call("CreateRole", Some(TEAM)), call("CreateRole", Some(BARE)), call("AttachRolePolicy", None)])[2],
            "deploy"
        );
    }
}
