//! What a question names: by an ARN or an id, whole or by its beginning.

use std::net::IpAddr;

use backtrail_model::arn::{ec2_type_of_id, partition_of_region};

/// What was typed.
#[derive(Debug, Clone)]
pub(crate) enum Sought {
    /// An ARN, an id or an address. An ARN names what its id does: no two things have one id.
    Whole(String),
    /// `eni-0a*`, or with the type before it.
    IdStart(String),
    /// `arn:aws:ec2:eu-central-1:111122223333:network-interface/*`: what stands between its colons, of the last the beginning.
    ArnStart(Vec<String>),
}

/// Parts of an ARN, by their places between its colons.
const PARTS: usize = 6;
const PARTITION: usize = 1;
const SERVICE: usize = 2;
const REGION: usize = 3;
const ACCOUNT: usize = 4;
const RESOURCE: usize = 5;

/// What belongs to the account that owns the interface. Others lend their VPCs, subnets and transit gateways to it.
const OWN: &[&str] = &["network-interface", "instance"];

impl Sought {
    pub(crate) fn read(typed: &str) -> Self {
        match typed.strip_suffix('*') {
            None => Self::Whole(typed.to_owned()),
            Some(start) if start.starts_with("arn:") => Self::ArnStart(start.splitn(PARTS, ':').map(str::to_owned).collect()),
            Some(start) => Self::IdStart(start.to_owned()),
        }
    }

    /// Whether it names an id that something of an account has; where no account is known, none is held against it.
    pub(crate) fn names(&self, id: &str, account: Option<&str>) -> bool {
        match self {
            Self::Whole(text) => text == id || is_arn_of(text, id),
            Self::IdStart(start) if start.contains('/') => ec2_type_of_id(id).is_some_and(|kind| begins(kind, id, start)),
            Self::IdStart(start) => id.starts_with(start.as_str()),
            Self::ArnStart(parts) => ec2_type_of_id(id).is_some_and(|kind| {
                fits(parts, SERVICE, "ec2")
                    && account.is_none_or(|account| !OWN.contains(&kind) || fits(parts, ACCOUNT, account))
                    && parts.get(RESOURCE).is_none_or(|start| begins(kind, id, start))
            }),
        }
    }

    /// Whether what it names may be in a region; in none that is known it may.
    pub(crate) fn may_be_in(&self, region: Option<&str>) -> bool {
        match (self, region) {
            (Self::ArnStart(parts), Some(region)) => fits(parts, REGION, region) && fits(parts, PARTITION, partition_of_region(region)),
            _ => true,
        }
    }

    /// The address it is.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Whole(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// Whether a part of an ARN is as asked for: of the last part that was typed the beginning, of those behind it nothing.
fn fits(parts: &[String], at: usize, found: &str) -> bool {
    match parts.get(at) {
        Some(start) if at + 1 == parts.len() => found.starts_with(start.as_str()),
        Some(whole) => whole == found,
        None => true,
    }
}

/// Whether `kind/id` begins with a text.
fn begins(kind: &str, id: &str, start: &str) -> bool {
    match start.split_once('/') {
        Some((whole, start)) => whole == kind && id.starts_with(start),
        None => kind.starts_with(start),
    }
}

/// Whether an ARN ends with an id, as in `...:network-interface/eni-1`.
fn is_arn_of(arn: &str, id: &str) -> bool {
    arn.starts_with("arn:") && arn.strip_suffix(id).is_some_and(|rest| rest.ends_with(['/', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENI: &str = "eni-01740b3725aaee60e";

    fn names(typed: &str, id: &str) -> bool {
        Sought::read(typed).names(id, Some("111122223333"))
    }

    #[test]
    fn ids_and_arns_whole_and_by_their_beginning() {
        for typed in [
            ENI,
            "eni-0174*",
            "network-interface/eni-0174*",
            "arn:aws:ec2:eu-central-1:111122223333:network-interface/eni-01740b3725aaee60e",
            // An id is given once: nothing else of a whole ARN is looked at.
            "arn:aws:ec2:eu-west-1:444455556666:network-interface/eni-01740b3725aaee60e",
            "arn:aws:ec2:eu-central-1:111122223333:network-interface/eni-0174*",
            "arn:aws:ec2:eu-central-1:111122223333:network-interface/*",
            "arn:aws:ec2:eu-central-1:111122223333:net*",
            "arn:aws:ec2:eu-central-1:1111*",
            "arn:aws:ec2:*",
            "arn:aws:e*",
        ] {
            assert!(names(typed, ENI), "{typed}");
        }
        for typed in [
            "eni-0174",
            "eni-0175*",
            "instance/eni-0174*",
            "arn:aws:ec2:eu-central-1:111122223333:network-interface/eni-0175*",
            "arn:aws:ec2:eu-central-1:111122223333:instance/*",
            "arn:aws:ec2:eu-central-1:444455556666:network-interface/*",
            "arn:aws:s3:::eni-0174*",
        ] {
            assert!(!names(typed, ENI), "{typed}");
        }
    }

    #[test]
    fn what_accounts_share_is_named_by_its_owners_account() {
        assert!(names("arn:aws:ec2:eu-central-1:444455556666:subnet/*", "subnet-0123456789abcdef0"));
        assert!(!names("arn:aws:ec2:eu-central-1:444455556666:instance/*", "i-0123456789abcdef0"));
        assert!(Sought::read("arn:aws:ec2:eu-central-1:444455556666:instance/*").names("i-0123456789abcdef0", None));
    }

    #[test]
    fn regions_are_held_against_the_beginning_of_an_arn_alone() {
        let may = |typed: &str, region| Sought::read(typed).may_be_in(region);
        assert!(may("arn:aws:ec2:eu-*", Some("eu-central-1")) && may("arn:aws:ec2:eu-central-1:*", Some("eu-central-1")));
        assert!(!may("arn:aws:ec2:us-*", Some("eu-central-1")) && !may("arn:aws:ec2:eu:*", Some("eu-central-1")));
        assert!(!may("arn:aws-cn:ec2:*", Some("eu-central-1")) && may("arn:aws-cn:ec2:*", Some("cn-north-1")));
        assert!(may("arn:aws:ec2:us-*", None) && may("eni-01*", Some("eu-central-1")));
    }
}
