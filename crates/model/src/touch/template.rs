//! Templates of ARNs: what `rules.txt` makes of a value that is none itself.

use super::Found;
use super::leaves::Leaves;
use crate::arn::ec2_type_of_id;

/// What an ARN is made of.
#[derive(Debug)]
pub(super) enum Template {
    /// `{queue}`: a queue's URL says it all.
    Queue,
    /// `arn:P:service:region:account:resource`; service and kind with the colons around them.
    Arn { service: &'static str, is_regional: bool, account: Account, kind: &'static str, name: Name },
}

/// Whose it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The event's.
    Event,
    /// The value is the account.
    Value,
    /// Nobody's: such ARNs have no account.
    None,
}

/// How the name is made of the value.
#[derive(Debug)]
pub(super) enum Name {
    /// It has none: `root`.
    None,
    /// The value.
    Value,
    /// An id of EC2, which says itself what it is.
    Id,
    Function,
    Zone,
    Slashed,
    Object,
    /// `{R.key}/{}`: another parameter, and what joins it to the value.
    Beside(&'static str, &'static str),
}

impl Template {
    /// Reads one from the table.
    pub(super) fn read(text: &'static str) -> Option<Self> {
        if text == "{queue}" {
            return Some(Self::Queue);
        }
        let mut colons = text.match_indices(':').map(|(at, _)| at).skip(1);
        let (partition, service, region, account) = (colons.next()?, colons.next()?, colons.next()?, colons.next()?);
        let (resource, account) = (&text[account..], &text[region + 1..account]);
        let (service, region) = (&text[partition..=service], &text[service + 1..region]);
        let account = match account {
            "A" => Account::Event,
            "{}" => Account::Value,
            _ => Account::None,
        };
        let (kind, name) = resource.split_once('{').map_or((resource, None), |(kind, rest)| (kind, Some(rest)));
        let name = match name {
            None => Name::None,
            Some("}") if service == ":ec2:" && kind != ":key-pair/" => Name::Id,
            Some("}") => Name::Value,
            Some("function}") => Name::Function,
            Some("zone}") => Name::Zone,
            Some("slashed}") => Name::Slashed,
            Some("object}") => Name::Object,
            Some(other) => {
                let (key, rest) = other.strip_prefix("R.")?.split_once('}')?;
                Name::Beside(key, rest.strip_suffix("{}")?)
            }
        };
        Some(Self::Arn { service, is_regional: region == "r", account, kind, name })
    }

    /// Whether the value is the account it belongs to.
    pub(super) fn owner_is_value(&self) -> bool {
        matches!(self, Self::Arn { account: Account::Value, .. })
    }

    /// Whether another parameter stands in it.
    pub(super) fn has_parameter(&self) -> bool {
        matches!(self, Self::Arn { name: Name::Beside(..), .. })
    }

    /// Writes the ARN with the value put in; `None` where the value is no name of such a thing.
    pub(super) fn write(&self, value: &str, leaves: &Leaves<'_>, found: &Found<'_>, into: &mut String) -> Option<()> {
        let Self::Arn { service, is_regional, account, kind, name } = self else {
            return queue(value, found, into);
        };
        let account = match account {
            Account::Event => found.account,
            // Not an account: `all`, a group.
            Account::Value => Some(value).filter(|v| v.len() == 12 && v.bytes().all(|b| b.is_ascii_digit()))?,
            Account::None => "",
        };
        let region = if *is_regional { found.region } else { "" };
        let mut write = |account: &str, resource: &[&str]| {
            let head = ["arn:", found.partition, service, region, ":", account];
            head.iter().chain(resource).for_each(|part| into.push_str(part));
        };
        match name {
            Name::None => write(account, &[kind]),
            Name::Value => write(account, &[kind, value]),
            Name::Id => match ec2_type_of_id(value) {
                Some(kind) => write(account, &[":", kind, "/", value]),
                None if value.contains('-') => write(account, &[kind, value]),
                // `local`, an address or a group's name is no id.
                None => return None,
            },
            Name::Function => {
                let (owner, function) = function(value);
                write(owner.unwrap_or(account), &[kind, function]);
            }
            Name::Zone => write(account, &[kind, value.trim_start_matches("/hostedzone/")]),
            Name::Slashed => write(account, &[kind, value.trim_start_matches('/')]),
            Name::Object => write(account, &[kind, &object(value)?]),
            Name::Beside(key, between) => write(account, &[kind, leaves.parameter(key)?, between, value]),
        }
        Some(())
    }
}

/// A function as its service takes it: `name`, `name:qualifier`, `account:function:name` (AWS Lambda API, `FunctionName`).
fn function(value: &str) -> (Option<&str>, &str) {
    match value.split_once(":function:") {
        Some((account, name)) => (Some(account.rsplit(':').next().unwrap_or(account)), name),
        None => (None, value),
    }
}

/// `https://sqs.eu-central-1.amazonaws.com/111122223333/name` (Amazon SQS, "Queue and message identifiers").
fn queue(url: &str, found: &Found<'_>, into: &mut String) -> Option<()> {
    let mut parts = url.split("://").nth(1)?.split('/');
    let (host, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let region = host.strip_prefix("sqs.").and_then(|h| h.split('.').next()).unwrap_or(found.region);
    into.extend(["arn:", found.partition, ":sqs:", region, ":", account, ":", name]);
    Some(())
}

/// `/bucket/key?versionId=…`, percent-encoded (Amazon S3 API, `x-amz-copy-source`).
fn object(source: &str) -> Option<String> {
    let path = source.trim_start_matches('/');
    let path = path.split_once("?versionId=").map_or(path, |(path, _)| path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped =
            (first == b'%').then(|| after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())).flatten();
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok().filter(|p| p.contains('/'))
}
