//! The rule table `rules.txt`: read once, looked up by service and action.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::leaves::{Leaf, Leaves, Root, is_wrapper};
use super::{Basis, Found, Part};
use crate::arn::{Arn, ec2_type_of_id};

const TABLE: &str = include_str!("rules.txt");

/// In place of a service: any.
pub(super) const ANY: &str = "*";

/// A rule as the table has it.
#[derive(Debug, Clone, Copy)]
pub struct RuleShown {
    /// The service; `*` for any.
    pub service: &'static str,
    /// Its actions, by commas; `*` at the end of one stands for all that begin so.
    pub events: &'static str,
    /// Where the value stands.
    pub path: &'static str,
    /// Template of the ARN made of it.
    pub arn: &'static str,
    /// What part it plays.
    pub part: Part,
    /// Whether real records showed it.
    pub is_verified: bool,
}

/// The rules, in the order of the table.
pub fn rules() -> impl Iterator<Item = RuleShown> {
    RULES.iter().map(|rule| rule.shown)
}

/// One rule for one or several calls of a service.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) shown: RuleShown,
    from: From,
}

impl Rule {
    pub(super) fn events(&self) -> impl Iterator<Item = &'static str> {
        self.shown.events.split(',')
    }
}

/// Where a rule finds its value.
#[derive(Debug)]
enum From {
    /// Keys from the value up; whether more may stand above them.
    Path { root: Root, keys: Vec<&'static str>, at_any_depth: bool },
    /// The caller, where no rule found anything.
    Caller,
    /// No value is needed, where no rule found anything.
    Nothing,
}

pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    // A line that cannot be read is found by the test that reads them all.
    lines.filter_map(read_rule).collect()
});

static BY_CALL: LazyLock<HashMap<(&'static str, &'static str), Vec<&'static Rule>>> = LazyLock::new(|| {
    let mut by_call: HashMap<_, Vec<&'static Rule>> = HashMap::new();
    for rule in RULES.iter() {
        for event in rule.events().filter(|e| !e.ends_with('*')) {
            by_call.entry((rule.shown.service, event)).or_default().push(rule);
        }
    }
    by_call
});

static BY_START: LazyLock<Vec<(&'static str, &'static str, &'static Rule)>> = LazyLock::new(|| {
    let starts = |rule: &'static Rule| rule.events().filter_map(move |e| Some((rule.shown.service, e.strip_suffix('*')?, rule)));
    RULES.iter().flat_map(starts).collect()
});

pub(super) fn read_rule(line: &'static str) -> Option<Rule> {
    let mut words = line.split_whitespace();
    let (service, events, path, arn) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (mut part, mut is_verified) = (Part::Target, true);
    for word in words {
        match word {
            "related" => part = Part::Related,
            "unverified" => is_verified = false,
            _ => return None,
        }
    }
    Some(Rule { shown: RuleShown { service, events, path, arn, part, is_verified }, from: read_path(path)? })
}

fn read_path(path: &'static str) -> Option<From> {
    match path {
        "caller" => return Some(From::Caller),
        "-" => return Some(From::Nothing),
        _ => {}
    }
    let (root, keys) = path.split_at_checked(2)?;
    let root = match root {
        "R." => Root::Request,
        "E." => Root::Response,
        "A." => Root::Additional,
        "S." => Root::Details,
        _ => return None,
    };
    let at_any_depth = keys.starts_with('.');
    let keys = keys.trim_start_matches('.').rsplit('.').map(|key| key.trim_end_matches("[]"));
    Some(From::Path { root, keys: keys.filter(|key| !is_wrapper(key)).collect(), at_any_depth })
}

/// The rules for a call.
pub(super) fn of(service: &str, action: &str) -> Vec<&'static Rule> {
    let exact = BY_CALL.get(&(service, action)).into_iter().flatten().copied();
    let is_for = |s: &str, start: &str| (s == service || s == ANY) && action.starts_with(start);
    let by_start = BY_START.iter().filter(|(s, start, _)| is_for(s, start)).map(|(_, _, rule)| *rule);
    exact.chain(by_start).collect()
}

/// Applies the rules for a call to its texts.
pub(super) fn apply(rules: &[&Rule], leaves: &Leaves<'_>, found: &mut Found<'_, '_>) {
    for rule in rules {
        let From::Path { root, keys, at_any_depth } = &rule.from else { continue };
        for leaf in leaves.of(*root).filter(|leaf| stands_at(leaves, leaf, keys, *at_any_depth)) {
            tie(rule, &leaf.text, leaves, &|| leaves.path(leaf), found);
        }
    }
    for rule in rules {
        let value = match rule.from {
            From::Caller => found.call.caller.filter(|arn| Arn::parse(arn).is_some_and(|a| a.service() == "iam")),
            From::Nothing => Some("-"),
            From::Path { .. } => None,
        };
        let Some(value) = value.filter(|_| found.is_empty_of(Basis::Rule)) else { continue };
        tie(rule, value, leaves, &|| if value == "-" { "recipientAccountId".to_owned() } else { "userIdentity.arn".to_owned() }, found);
    }
}

fn stands_at(leaves: &Leaves<'_>, leaf: &Leaf<'_>, keys: &[&str], at_any_depth: bool) -> bool {
    let mut found = leaves.keys(leaf);
    let fits = keys.iter().all(|key| found.next().is_some_and(|k| k.eq_ignore_ascii_case(key)));
    fits && (at_any_depth || found.next().is_none())
}

/// Ties the call to what a value names by a rule.
fn tie(rule: &Rule, value: &str, leaves: &Leaves<'_>, path: &dyn Fn() -> String, found: &mut Found<'_, '_>) {
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    if Arn::parse(value).is_some() {
        return found.add(value, rule.shown.part, Basis::Rule, path, true);
    }
    let is_owners = rule.shown.arn.contains("iam::{}");
    if let Some(arn) = written_out(rule.shown.arn, value, leaves, found) {
        found.add(&arn, rule.shown.part, Basis::Rule, path, is_owners);
    }
}

/// A template with the value put in; `None` where the value is no name of such a thing.
fn written_out(template: &str, value: &str, leaves: &Leaves<'_>, found: &Found<'_, '_>) -> Option<String> {
    match template {
        "arn" => return None,
        "{queue}" => return queue(value, found),
        _ => {}
    }
    let mut parts = template.splitn(6, ':').skip(2);
    let (service, region, account, resource) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let mut account = match account {
        "A" => found.account,
        // Not an account: `all`, a group.
        "{}" => Some(value).filter(|v| v.len() == 12 && v.bytes().all(|b| b.is_ascii_digit()))?,
        _ => "",
    };
    let region = if region == "r" { found.region } else { "" };
    let (kind, name) = resource.split_once("{").map_or((resource, None), |(kind, rest)| (kind, Some(rest)));
    let resource = match name {
        None => kind.to_owned(),
        Some("}") if service == "ec2" && kind != "key-pair/" => {
            // The id says itself what it is; `local`, an address or a group's name is no id.
            let known = ec2_type_of_id(value);
            value.contains('-').then(|| known.map_or_else(|| format!("{kind}{value}"), |kind| format!("{kind}/{value}")))?
        }
        Some("}") => format!("{kind}{value}"),
        Some("function}") => {
            let (owner, function) = function(value);
            account = owner.unwrap_or(account);
            format!("{kind}{function}")
        }
        Some("zone}") => format!("{kind}{}", value.trim_start_matches("/hostedzone/")),
        Some("slashed}") => format!("{kind}{}", value.trim_start_matches('/')),
        Some("object}") => object(value)?,
        // `{R.key}/{}`: another parameter stands before the value.
        Some(other) => {
            let (key, rest) = other.strip_prefix("R.")?.split_once('}')?;
            format!("{kind}{}{}", leaves.parameter(key)?, rest.replace("{}", value))
        }
    };
    Some(format!("arn:{}:{service}:{region}:{account}:{resource}", found.partition))
}

/// A function as its service takes it: `name`, `name:qualifier`, `account:function:name` (AWS Lambda API, `FunctionName`).
fn function(value: &str) -> (Option<&str>, &str) {
    match value.split_once(":function:") {
        Some((account, name)) => (Some(account.rsplit(':').next().unwrap_or(account)), name),
        None => (None, value),
    }
}

/// `https://sqs.eu-central-1.amazonaws.com/111122223333/name` (Amazon SQS, "Queue and message identifiers").
fn queue(url: &str, found: &Found<'_, '_>) -> Option<String> {
    let mut parts = url.split("://").nth(1)?.split('/');
    let (host, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let region = host.strip_prefix("sqs.").and_then(|h| h.split('.').next()).unwrap_or(found.region);
    Some(format!("arn:{}:sqs:{region}:{account}:{name}", found.partition))
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
