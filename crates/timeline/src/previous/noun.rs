//! The words of an action: its verb, and the noun that tells what of a resource it is about.

use backtrail_model::arn::Arn;

/// First words of actions that set something.
const VERBS: &[&str] = &[
    "Accept",
    "Activate",
    "Add",
    "Allocate",
    "Associate",
    "Attach",
    "Authorize",
    "Cancel",
    "Change",
    "Close",
    "Copy",
    "Create",
    "Deactivate",
    "Delete",
    "Deregister",
    "Detach",
    "Disable",
    "Disassociate",
    "Enable",
    "Import",
    "Modify",
    "Open",
    "Publish",
    "Put",
    "Register",
    "Reject",
    "Release",
    "Remove",
    "Replace",
    "Request",
    "Reset",
    "Restore",
    "Revoke",
    "Run",
    "Schedule",
    "Set",
    "Start",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
    "Update",
    "Upload",
];

/// Verbs that leave what they do not name as it was.
const PARTIAL: &[&str] = &["Change", "Modify", "Reset", "Set", "Update"];
/// Verbs that make a resource, where their noun is the resource's own.
const MAKERS: &[&str] = &["Allocate", "Copy", "Create", "Import", "Register", "Request", "Restore", "Run"];
/// Verbs that end it, likewise.
const ENDERS: &[&str] = &["Delete", "Deregister", "Release", "Terminate"];
/// Verbs that take something away.
const REMOVERS: &[&str] = &["Delete", "Detach", "Disassociate", "Deregister", "Release", "Remove", "Revoke", "Untag"];
/// Words before a noun that do not make it another.
const BEFORE: &[&str] = &["Default", "ServiceLinked"];
/// Words after a resource's noun that still mean the resource.
const AFTER: &[&str] = &["Attribute", "Attributes", "Config", "Configuration", "Options", "Settings"];

/// How the properties begin that tell where a function's code is from.
pub(super) const FUNCTION_CODE: &str = "FunctionCode ";

/// What services call their resources in actions, where the ARN has another word.
const NOUNS: &[(&str, &str, &str)] = &[
    ("cloudwatch", "alarm", "MetricAlarm"),
    ("ec2", "elastic-ip", "Address"),
    ("ec2", "prefix-list", "ManagedPrefixList"),
    ("ec2", "vpc-flow-log", "FlowLog"),
    ("elasticloadbalancing", "listener-rule", "Rule"),
    ("iam", "mfa", "VirtualMFADevice"),
    ("iam", "oidc-provider", "OpenIDConnectProvider"),
    ("lightsail", "Instance", "Instance"),
    ("rds", "cluster", "DBCluster"),
    ("rds", "cluster-pg", "DBClusterParameterGroup"),
    ("rds", "cluster-snapshot", "DBClusterSnapshot"),
    ("rds", "db", "DBInstance"),
    ("rds", "pg", "DBParameterGroup"),
    ("rds", "secgrp", "DBSecurityGroup"),
    ("rds", "snapshot", "DBSnapshot"),
    ("rds", "subgrp", "DBSubnetGroup"),
    ("s3", "", "Bucket"),
    ("sns", "", "Topic"),
    ("sqs", "", "Queue"),
];

/// An action, cut into its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action<'a> {
    pub(super) verb: &'a str,
    /// The action itself where no verb is known.
    pub(super) noun: &'a str,
}

impl<'a> Action<'a> {
    pub(super) fn read(action: &'a str) -> Self {
        let cut =
            |verb: &&'static str| action.strip_prefix(*verb).filter(|noun| noun.starts_with(char::is_uppercase)).map(|noun| (*verb, noun));
        VERBS.iter().find_map(cut).map_or(Self { verb: "", noun: action }, |(verb, noun)| Self { verb, noun })
    }

    /// Whether the resource itself is its noun, and not a part of it.
    pub(super) fn is_of(&self, resource: &Arn<'_>) -> bool {
        let kind = kind(resource);
        let whole = self.noun.find("From").or_else(|| self.noun.find("ToPointInTime")).map_or(self.noun, |at| &self.noun[..at]);
        let bare = BEFORE.iter().find_map(|word| whole.strip_prefix(*word)).unwrap_or(whole);
        let after = AFTER.iter().find_map(|word| whole.strip_suffix(*word));
        [Some(whole), Some(bare), after].into_iter().flatten().any(|noun| plain(noun) == kind)
    }

    /// Whether it makes the resource.
    pub(super) fn makes(&self, resource: &Arn<'_>) -> bool {
        MAKERS.contains(&self.verb) && self.is_of(resource)
    }

    /// Whether it ends the resource.
    pub(super) fn ends(&self, resource: &Arn<'_>) -> bool {
        ENDERS.contains(&self.verb) && self.is_of(resource)
    }

    /// Whether it takes something away.
    pub(super) fn removes(&self) -> bool {
        REMOVERS.contains(&self.verb)
    }

    /// Whether it sets the parameters it names, and leaves the others as they were.
    pub(super) fn is_partial(&self, resource: &Arn<'_>) -> bool {
        PARTIAL.contains(&self.verb) || (self.is_of(resource) && (self.verb == "Put" || MAKERS.contains(&self.verb)))
    }

    /// The beginning of the properties that it replaces all of, whichever of them it names: the code of a function comes as a whole, from a bucket, as an
    /// image, or in the call itself, where CloudTrail does not show it.
    pub(super) fn replaces(&self, resource: &Arn<'_>) -> Option<&'static str> {
        (resource.service() == "lambda" && self.verb == "Update" && self.noun.starts_with("FunctionCode")).then_some(FUNCTION_CODE)
    }

    /// Whether it is about such a resource or a part of it, by its words.
    pub(super) fn may_be_about(&self, resource: &Arn<'_>) -> bool {
        let kind = kind(resource);
        !kind.is_empty() && plain(self.noun).starts_with(kind.as_str())
    }

    /// Its noun, the same for both directions: `UserGroup` of `AddUserToGroup` and `RemoveUserFromGroup`.
    pub(super) fn property(&self) -> String {
        let (verb, noun) = (self.verb, self.noun);
        let between = |word: &str| {
            let (before, after) = noun.split_once(word)?;
            let is_word = before.ends_with(char::is_lowercase) && after.starts_with(char::is_uppercase);
            is_word.then(|| format!("{before}{after}"))
        };
        match verb {
            "Add" | "Remove" | "Attach" | "Detach" => between("To").or_else(|| between("From")),
            _ => None,
        }
        .unwrap_or_else(|| noun.to_owned())
    }
}

/// The noun of a resource's kind, as [`plain`] writes it.
fn kind(resource: &Arn<'_>) -> String {
    if resource.bucket_of_object().is_some() {
        return plain("Object");
    }
    let word = resource.resource_type().unwrap_or_default();
    let known = NOUNS.iter().find(|(service, kind, _)| *service == resource.service() && *kind == word);
    plain(known.map_or(word, |(.., noun)| noun))
}

/// Without case, joints and plural.
fn plain(noun: &str) -> String {
    let mut plain: String = noun.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if plain.ends_with('s') {
        plain.pop();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_and_ends_what() {
        let is = |action: &str, arn: &str| {
            let (action, arn) = (Action::read(action), Arn::parse(arn).unwrap());
            (action.makes(&arn), action.ends(&arn))
        };
        for (maker, ender, arn) in [
            ("CreateSecurityGroup", "DeleteSecurityGroup", "arn:aws:ec2:r:1:security-group/sg-1"),
            ("RunInstances", "TerminateInstances", "arn:aws:ec2:r:1:instance/i-1"),
            ("AllocateAddress", "ReleaseAddress", "arn:aws:ec2:r:1:elastic-ip/eipalloc-1"),
            ("CreateFlowLogs", "DeleteFlowLogs", "arn:aws:ec2:r:1:vpc-flow-log/fl-1"),
            ("CreateServiceLinkedRole", "DeleteRole", "arn:aws:iam::1:role/r"),
            ("CreateBucket", "DeleteBucket", "arn:aws:s3:::b"),
            ("RestoreDBInstanceFromDBSnapshot", "DeleteDBInstance", "arn:aws:rds:r:1:db:d"),
            ("RestoreDBInstanceToPointInTime", "DeleteDBInstance", "arn:aws:rds:r:1:db:d"),
            ("CreateFunction", "DeleteFunction", "arn:aws:lambda:r:1:function:f"),
            ("CreateVpcEndpoint", "DeleteVpcEndpoints", "arn:aws:ec2:r:1:vpc-endpoint/vpce-1"),
            ("CreateManagedPrefixList", "DeleteManagedPrefixList", "arn:aws:ec2:r:1:prefix-list/pl-1"),
        ] {
            assert_eq!((is(maker, arn).0, is(ender, arn).1), (true, true), "{arn}");
        }
        for (action, arn) in [
            ("CreateFunction", "arn:aws:iam::1:role/r"),
            ("CreateTags", "arn:aws:ec2:r:1:security-group/sg-1"),
            ("CreateRoute", "arn:aws:ec2:r:1:route-table/rtb-1"),
            ("DeleteRoute", "arn:aws:ec2:r:1:route-table/rtb-1"),
            ("CreateNetworkAclEntry", "arn:aws:ec2:r:1:network-acl/acl-1"),
            ("CreateAccessKey", "arn:aws:iam::1:user/u"),
            ("DeleteBucketPolicy", "arn:aws:s3:::b"),
            ("CreateTrail", "arn:aws:s3:::b"),
            ("DeregisterTargets", "arn:aws:elasticloadbalancing:r:1:targetgroup/t/1"),
        ] {
            assert_eq!(is(action, arn), (false, false), "{action}");
        }
    }

    #[test]
    fn a_property_is_the_action_without_its_verb() {
        let property = |action| Action::read(action).property();
        assert_eq!(property("PutBucketPolicy"), property("DeleteBucketPolicy"));
        assert_eq!(property("AuthorizeSecurityGroupIngress"), "SecurityGroupIngress");
        assert_eq!(property("AddUserToGroup"), property("RemoveUserFromGroup"));
        assert_eq!(property("Setup"), "Setup", "a verb ends where the next word begins");
        assert_eq!(property("RebootInstances"), "RebootInstances");
    }
}
