//! What a call gave a subnet, or took from it: the association that it ended, and the one that it made.

use std::collections::BTreeSet;

use backtrail_model::time::format_instant;

use super::{Association, Cited, Layout, Reach, TiedSubnet, kind};

/// What a subnet has that was given no table of its own.
const MAIN: &str = "the main table of its VPC";

/// A subnet that got another route table or network ACL.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::effects) struct Given {
    /// As far as any evidence names it.
    pub(in crate::effects) subnet: Option<String>,
    /// What it had before; of a table, the main one where it had none of its own.
    before: Option<String>,
    /// It has none of its own from then on.
    is_taken: bool,
    /// Citation of what says what it had before.
    pub(in crate::effects) set_by: Option<String>,
    /// What is known of the interfaces that it is about.
    pub(in crate::effects) reach: Reach,
}

impl Given {
    /// What it had before, and what it has since where the call does not say that.
    pub(in crate::effects) fn words(&self) -> Vec<String> {
        let before = self.before.as_ref().map(|before| format!("{before} before"));
        before.into_iter().chain(self.is_taken.then(|| format!("then {MAIN}"))).collect()
    }

    /// What is not known of it, and what would tell.
    pub(in crate::effects) fn unknown(&self, target: &str) -> Vec<String> {
        let (which, listing) =
            if is_acl(target) { ("subnet", "describe-network-acls") } else { ("subnet or gateway", "describe-route-tables") };
        let vpc = self.reach.vpc.as_ref().map(|(vpc, reference)| format!("{vpc} [{reference}]"));
        let text = match (&self.reach.is_main, &self.subnet, vpc) {
            (Some(reference), _, vpc) => format!(
                "The call is about all subnets{} that have no table of their own [{reference}]; which these are, no evidence read says for certain; {listing} would.",
                vpc.map(|vpc| format!(" of {vpc}")).unwrap_or_default()
            ),
            (None, Some(_), _) => return Vec::new(),
            (None, None, Some(vpc)) => format!(
                "Which {which} it was, no evidence read says (the call names it by the id of an association; {listing} would say it): only its VPC, {vpc}, ties interfaces to it, which is coincident."
            ),
            (None, None, None) => format!(
                "Which {which} it was, no evidence read says, nor in which VPC (the call names it by the id of an association; {listing} would say both): no interface is tied to it."
            ),
        };
        vec![text]
    }
}

fn is_acl(id: &str) -> bool {
    kind(id) == "acl"
}

impl Association {
    /// The subnet, with what this gave it.
    fn tied(&self, at: i64) -> Option<TiedSubnet> {
        let shown = |cited: &Option<Cited>| cited.as_ref().map(|(time, _)| format_instant(*time));
        Some(TiedSubnet {
            subnet_id: self.subnet.clone()?,
            target: self.of.clone()?,
            from: shown(&self.began),
            to: shown(&self.ended),
            // An association is of one subnet for as long as there is one, and the call ended or began it.
            only_listed: false,
            refs: self.refs(),
            since: at,
        })
    }
}

impl Layout {
    /// What a call of an instant gave a subnet, or took from it: `target` is the subnet, table or ACL that it names, else an association of a table.
    pub(in crate::effects) fn given(&self, target: &str, at: i64, reference: &str) -> Given {
        let is_of_call = |cited: &Option<Cited>| cited.as_ref().is_some_and(|(time, by)| *time == at && by == reference);
        let ended = self.associations.values().find(|one| is_of_call(&one.ended));
        let begun = self.associations.values().find(|one| is_of_call(&one.began));
        let both = || ended.into_iter().chain(begun);
        // Only a call that gives a table to a subnet that has none of its own names the subnet.
        let is_first = target.starts_with("subnet-");
        let subnet = both().find_map(|one| one.subnet.clone()).or_else(|| is_first.then(|| target.to_owned()));
        let had = ended.and_then(|one| one.of.clone());
        let vpc = both().filter_map(|one| one.of.as_deref()).chain(subnet.as_deref()).find_map(|id| self.vpcs.get(id)).cloned();
        let reach = Reach {
            subnets: both().filter_map(|one| one.tied(at)).collect(),
            vpc,
            is_main: both().any(|one| one.is_main).then(|| reference.to_owned()),
            elsewhere: self.apart_from(if is_acl(target) { "acl" } else { "rtb" }, at),
            ..Reach::default()
        };
        Given {
            set_by: had.as_ref().and(ended).and_then(|one| one.refs().into_iter().next()),
            before: had.or_else(|| is_first.then(|| MAIN.to_owned())),
            is_taken: begun.is_none() && ended.is_some(),
            subnet,
            reach,
        }
    }

    /// Subnets that were given a table, or an ACL, before an instant, and had it after that.
    fn apart_from(&self, wanted: &str, at: i64) -> BTreeSet<String> {
        let before = |cited: &Option<Cited>| cited.as_ref().is_some_and(|(time, _)| *time < at);
        let went_on = |one: &Association| one.ended.as_ref().is_none_or(|(time, _)| *time > at);
        let is_meant = |one: &&Association| one.of.as_deref().is_some_and(|of| kind(of) == wanted) && before(&one.began) && went_on(one);
        self.associations.values().filter(is_meant).filter_map(|one| one.subnet.clone()).collect()
    }
}
