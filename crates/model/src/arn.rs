//! Amazon Resource Names: `arn:partition:service:region:account-id:resource` (domain reference 3.1).
//!
//! An [`Arn`] borrows the text it was read from. Nothing is lower-cased or trimmed: identifiers are case-sensitive, and an
//! ARN that evidence spells oddly must be found again the way it is spelled.

use std::fmt;

/// An ARN, cut into its six parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn<'a> {
    text: &'a str,
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Cuts a text into an ARN; `None` where it is not one. Region and account may be empty; the resource may hold any character.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        // Asked of many texts: seen by four bytes.
        let rest = text.get(4..).filter(|_| text.as_bytes().first_chunk() == Some(b"arn:"))?;
        let (partition, rest) = cut(rest, &WORD)?;
        let (service, rest) = cut(rest, &WORD)?;
        let (region, rest) = cut(rest, &WORD)?;
        let (account, resource) = cut(rest, &ACCOUNT)?;
        let is_whole = is_partition(partition) && !service.is_empty() && !resource.is_empty();
        is_whole.then_some(Self { text, partition, service, region, account, resource })
    }

    /// The ARN as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    #[must_use]
    pub fn partition(&self) -> &'a str {
        self.partition
    }

    /// The service namespace: `ec2`, `iam`, `s3`.
    #[must_use]
    pub fn service(&self) -> &'a str {
        self.service
    }

    /// The region; empty for global resources and S3 buckets.
    #[must_use]
    pub fn region(&self) -> &'a str {
        self.region
    }

    /// The owner's account; empty for S3 buckets and public images, `aws` for what AWS manages.
    #[must_use]
    pub fn account(&self) -> &'a str {
        self.account
    }

    /// All that follows the account.
    #[must_use]
    pub fn resource(&self) -> &'a str {
        self.resource
    }

    /// The kind of resource, where the ARN says one: `instance` of `instance/i-1`, `function` of `function:f:1`.
    /// Services whose ARNs hold the bare name (S3 buckets, SNS, SQS) have none.
    #[must_use]
    pub fn resource_type(&self) -> Option<&'a str> {
        self.split_resource().0
    }

    /// What identifies the resource among its kind, path and qualifier included: `i-1`, `path/name`, `f:1`, `bucket/key`.
    #[must_use]
    pub fn resource_id(&self) -> &'a str {
        self.split_resource().1
    }

    /// The last segment of a path: `alice` of `user/people/alice`. For an S3 object the whole of `bucket/key`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let id = self.resource_id();
        if self.service == "s3" { id } else { id.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or(id) }
    }

    fn split_resource(&self) -> (Option<&'a str>, &'a str) {
        let bare_name = match self.service {
            "s3" => self.account.is_empty(),
            "sns" | "sqs" | "execute-api" => true,
            _ => false,
        };
        if bare_name {
            return (None, self.resource);
        }
        // API Gateway writes `/restapis/abc`.
        let resource = self.resource.strip_prefix('/').unwrap_or(self.resource);
        match memchr::memchr2(b'/', b':', resource.as_bytes()) {
            Some(cut) if cut + 1 < resource.len() => (Some(&resource[..cut]), &resource[cut + 1..]),
            _ => (None, self.resource),
        }
    }

    /// Role name and session name of `arn:…:sts::…:assumed-role/Role/session`.
    #[must_use]
    pub fn role_session(&self) -> Option<(&'a str, &'a str)> {
        if self.service != "sts" {
            return None;
        }
        self.resource.strip_prefix("assumed-role/")?.split_once('/')
    }

    /// The bucket of an S3 object's ARN, as an ARN's text; `None` where it is not an object's.
    #[must_use]
    pub fn bucket_of_object(&self) -> Option<&'a str> {
        if self.service != "s3" || !self.account.is_empty() {
            return None;
        }
        let key_at = self.resource.find('/')?;
        Some(&self.text[..self.text.len() - self.resource.len() + key_at])
    }

    /// The ARN under which joins compare it: a log group's trailing `:*` is dropped, nothing else changes.
    #[must_use]
    pub fn canonical(&self) -> &'a str {
        if self.service == "logs" { self.text.strip_suffix(":*").unwrap_or(self.text) } else { self.text }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Which bytes stand in the fields before the resource.
static WORD: [bool; 256] = {
    let mut fits = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        fits[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'-');
        byte += 1;
    }
    fits
};

/// And in the account: `aws` for what AWS manages, `*` in policies, `cloudfront` in origin access identities.
static ACCOUNT: [bool; 256] = {
    let mut fits = WORD;
    fits[b'*' as usize] = true;
    fits
};

/// A field and what follows its colon; `None` where something else stands in it.
fn cut<'a>(text: &'a str, fits: &[bool; 256]) -> Option<(&'a str, &'a str)> {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|b| !fits[usize::from(*b)])?;
    (bytes[end] == b':').then(|| (&text[..end], &text[end + 1..]))
}

/// Whether a text can be the region or the account of an ARN; both may be empty.
pub(crate) fn is_field(text: &str) -> bool {
    text.bytes().all(|b| WORD[usize::from(b)])
}

fn is_partition(text: &str) -> bool {
    text == "aws" || text.strip_prefix("aws-").is_some_and(|words| words.split('-').all(is_lower))
}

fn is_lower(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
}

/// The partition a region belongs to.
#[must_use]
pub fn partition_of_region(region: &str) -> &'static str {
    // Asked of every event, and nearly all are in none of these.
    match region.as_bytes() {
        [b'c', b'n', b'-', ..] => "aws-cn",
        [b'e', b'u', b's', b'c', b'-', ..] => "aws-eusc",
        [b'u', b's', b'-', b'g' | b'i', ..] | [b'e', b'u', b'-', b'i', ..] => of_few(region),
        _ => "aws",
    }
}

fn of_few(region: &str) -> &'static str {
    const PREFIXES: &[(&str, &str)] = &[
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// The ARNs that stand inside a text (a policy, a message), in order. Each ends at a character that separates words in JSON or prose.
pub fn scan(text: &str) -> impl Iterator<Item = Arn<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find("arn:aws")?;
            let tail = &rest[start..];
            let end = tail.find(is_separator).unwrap_or(tail.len());
            rest = &tail[end.max(1)..];
            if let Some(arn) = Arn::parse(tail[..end].trim_end_matches(['.', ':', '\\'])) {
                return Some(arn);
            }
        }
    })
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '`' | '\\')
}

/// Prefixes of EC2's resource ids, with the resource type their ARN carries.
const EC2_IDS: &[(&str, &str)] = &[
    ("acl", "network-acl"),
    ("ami", "image"),
    ("cgw", "customer-gateway"),
    ("dopt", "dhcp-options"),
    ("eigw", "egress-only-internet-gateway"),
    ("eipalloc", "elastic-ip"),
    ("eni", "network-interface"),
    ("fl", "vpc-flow-log"),
    ("fleet", "fleet"),
    ("i", "instance"),
    ("igw", "internet-gateway"),
    ("lt", "launch-template"),
    ("nat", "natgateway"),
    ("pcx", "vpc-peering-connection"),
    ("pl", "prefix-list"),
    ("rtb", "route-table"),
    ("sg", "security-group"),
    ("sgr", "security-group-rule"),
    ("snap", "snapshot"),
    ("subnet", "subnet"),
    ("tgw", "transit-gateway"),
    ("tgw-attach", "transit-gateway-attachment"),
    ("tgw-rtb", "transit-gateway-route-table"),
    ("vgw", "vpn-gateway"),
    ("vol", "volume"),
    ("vpc", "vpc"),
    ("vpce", "vpc-endpoint"),
    ("vpn", "vpn-connection"),
];

/// The prefixes of EC2's ids.
#[cfg(test)]
pub(crate) fn ec2_id_kinds() -> impl Iterator<Item = &'static str> {
    EC2_IDS.iter().map(|(kind, _)| *kind)
}

/// The resource type of an EC2 id such as `sg-0123456789abcdef0`; `None` where the text is not one.
#[must_use]
pub fn ec2_type_of_id(id: &str) -> Option<&'static str> {
    let (prefix, hex) = id.rsplit_once('-')?;
    if !(8..=17).contains(&hex.len()) || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    EC2_IDS.binary_search_by(|(p, _)| (*p).cmp(prefix)).ok().map(|at| EC2_IDS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_resource() {
        let cases = [
            ("arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc", Some("instance"), "i-0abc", "i-0abc"),
            ("arn:aws:iam::111122223333:user/people/alice", Some("user"), "people/alice", "alice"),
            ("arn:aws:lambda:us-east-1:111122223333:function:f:3", Some("function"), "f:3", "f:3"),
            ("arn:aws:logs:us-east-1:111122223333:log-group:/aws/x:*", Some("log-group"), "/aws/x:*", "x:*"),
            ("arn:aws:sns:us-east-1:111122223333:topic", None, "topic", "topic"),
            ("arn:aws:s3:::bucket/some/key with space", None, "bucket/some/key with space", "bucket/some/key with space"),
            ("arn:aws-cn:s3:cn-north-1:111122223333:accesspoint/ap", Some("accesspoint"), "ap", "ap"),
            ("arn:aws:iam::111122223333:root", None, "root", "root"),
            ("arn:aws:apigateway:us-east-1::/restapis/abc", Some("restapis"), "abc", "abc"),
            ("arn:aws:iam::aws:policy/AdministratorAccess", Some("policy"), "AdministratorAccess", "AdministratorAccess"),
            ("arn:aws-us-gov:rds:us-gov-west-1:111122223333:db:x", Some("db"), "x", "x"),
        ];
        for (text, kind, id, name) in cases {
            let arn = Arn::parse(text).unwrap();
            assert_eq!((arn.resource_type(), arn.resource_id(), arn.name()), (kind, id, name), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_arn() {
        for text in [
            "",
            "arn",
            "arn:aws:s3::",
            "arn:aws:s3:::",
            "arn:aws:::111122223333:x",
            "arn:amazon:s3:::b",
            "arn:aws-:s3:::b",
            " arn:aws:s3:::b",
            "arn:aws:S3:::b",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sessions_buckets_and_log_groups() {
        let session = Arn::parse("arn:aws:sts::111122223333:assumed-role/Admin/alice@example.org").unwrap();
        assert_eq!(session.role_session(), Some(("Admin", "alice@example.org")));
        assert_eq!(Arn::parse("arn:aws:s3:::b/k/l").unwrap().bucket_of_object(), Some("arn:aws:s3:::b"));
        assert_eq!(Arn::parse("arn:aws:s3:::b").unwrap().bucket_of_object(), None);
        assert_eq!(Arn::parse("arn:aws:logs:r:1:log-group:g:*").unwrap().canonical(), "arn:aws:logs:r:1:log-group:g");
    }

    #[test]
    fn arns_inside_text() {
        let text = r#"User: arn:aws:iam::1:user/a is not authorized on "arn:aws:s3:::b/k", arn:aws:nonsense."#;
        let found: Vec<_> = scan(text).map(|a| a.as_str()).collect();
        assert_eq!(found, ["arn:aws:iam::1:user/a", "arn:aws:s3:::b/k"]);
        assert_eq!(scan("arn:aws arn:aws:iam::1:role/x.").map(|a| a.as_str()).collect::<Vec<_>>(), ["arn:aws:iam::1:role/x"]);
    }

    #[test]
    fn ec2_ids() {
        assert!(EC2_IDS.is_sorted(), "looked up by binary search");
        assert_eq!(ec2_type_of_id("sg-0683fcf7a41c82593"), Some("security-group"));
        assert_eq!(ec2_type_of_id("tgw-attach-0683fcf7a41c82593"), Some("transit-gateway-attachment"));
        for not in ["sg-1", "sg-0683FCF7A41C82593", "group-0683fcf7a41c82593", "0683fcf7a41c82593", "i-xyzxyzxyz"] {
            assert_eq!(ec2_type_of_id(not), None, "{not}");
        }
    }

    #[test]
    fn partitions_of_regions() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("us-i", "aws"),
            ("", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition_of_region(region), partition);
        }
    }

    proptest! {
        #[test]
        fn an_arn_is_its_parts(
            partition in "aws(-[a-z]{1,4}){0,2}", service in "[a-z0-9-]{1,12}", region in "[a-z0-9-]{0,14}",
            account in "([0-9]{12})?", resource in "\\PC{1,40}",
        ) {
            let text = format!("arn:{partition}:{service}:{region}:{account}:{resource}");
            let arn = Arn::parse(&text).unwrap();
            prop_assert_eq!(arn.partition(), &partition);
            prop_assert_eq!(arn.service(), &service);
            prop_assert_eq!(arn.region(), &region);
            prop_assert_eq!(arn.account(), &account);
            prop_assert_eq!(arn.resource(), &resource);
            prop_assert!(arn.resource().ends_with(arn.resource_id()));
            prop_assert!(arn.resource_id().ends_with(arn.name()));
            prop_assert_eq!(arn.to_string(), text.clone());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}|(arn:aws[:a-z/*.\"' -]{0,30})+") {
            let _ = Arn::parse(&text);
            let _ = ec2_type_of_id(&text);
            for arn in scan(&text) {
                prop_assert_eq!(Arn::parse(arn.as_str()), Some(arn));
            }
        }
    }
}
