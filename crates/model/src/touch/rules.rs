//! The rule table `rules.txt`: read once, looked up by service and action.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::leaves::{Asked, Leaf, Leaves, Root, is_wrapper};
use super::template::Template;
use super::{Basis, Found, Part, Place, Tie};
use crate::arn::Arn;

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
    /// `None` where the value is an ARN or nothing.
    template: Option<Template>,
}

impl Rule {
    pub(super) fn events(&self) -> impl Iterator<Item = &'static str> {
        self.shown.events.split(',')
    }

    fn is_for_any_call(&self) -> bool {
        self.shown.service == ANY
    }

    /// Whether it reads a field.
    fn reads(&self, field: Root) -> bool {
        let has_beside = || self.template.as_ref().is_some_and(Template::has_parameter);
        matches!(self.from, From::Path { root, .. } if root == field || (field == Root::Request && has_beside()))
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

/// The rules for a call: those of its action, then those for all that begins like it and for any.
#[derive(Debug)]
pub(super) struct ForCall {
    pub(super) rules: Vec<&'static Rule>,
    /// Which texts of each field they may tie, in the order of [`Root::ALL`].
    pub(super) asked: [Asked; Root::ALL.len()],
}

/// The rules of one service.
#[derive(Debug)]
struct OfService {
    by_action: HashMap<&'static str, ForCall>,
    /// For actions without a rule of their own, by how they begin, longest first; the last is for any.
    by_start: Vec<(&'static str, ForCall)>,
}

static BY_SERVICE: LazyLock<HashMap<&'static str, OfService>> = LazyLock::new(|| {
    let mut by_service: HashMap<&str, HashMap<&str, Vec<&'static Rule>>> = HashMap::new();
    for rule in RULES.iter() {
        let by_event = by_service.entry(rule.shown.service).or_default();
        rule.events().for_each(|event| by_event.entry(event).or_default().push(rule));
    }
    by_service.iter().map(|(service, own)| (*service, OfService::new(service, own))).collect()
});

impl OfService {
    fn new(service: &str, own: &HashMap<&'static str, Vec<&'static Rule>>) -> Self {
        let is_for = |rule: &&Rule| rule.shown.service == service || rule.is_for_any_call();
        let starts = |rule: &'static Rule| rule.events().filter_map(move |event| Some((event.strip_suffix('*')?, rule)));
        let starts: Vec<(&str, &Rule)> = RULES.iter().filter(is_for).flat_map(starts).collect();
        let for_all = |action: &str, exact: &[&'static Rule]| {
            let by_start = starts.iter().filter(|(start, _)| action.starts_with(start)).map(|(_, rule)| *rule);
            ForCall::new(exact.iter().copied().chain(by_start).collect())
        };
        let exact = own.iter().filter(|(event, _)| !event.ends_with('*'));
        let by_action = exact.map(|(action, rules)| (*action, for_all(action, rules))).collect();
        let mut by_start: Vec<_> = starts.iter().map(|(start, _)| (*start, for_all(start, &[]))).collect();
        by_start.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
        by_start.dedup_by_key(|(start, _)| *start);
        Self { by_action, by_start }
    }
}

impl ForCall {
    fn new(rules: Vec<&'static Rule>) -> Self {
        let asked = Root::ALL.map(|field| asked(&rules, field));
        Self { rules, asked }
    }
}

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
    let template = if arn == "arn" { None } else { Some(Template::read(arn)?) };
    Some(Rule { shown: RuleShown { service, events, path, arn, part, is_verified }, from: read_path(path)?, template })
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
pub(super) fn of(service: &str, action: &str) -> Option<&'static ForCall> {
    let of_service = BY_SERVICE.get(service).or_else(|| BY_SERVICE.get(ANY))?;
    let by_start = || of_service.by_start.iter().find(|(start, _)| action.starts_with(start)).map(|(_, rules)| rules);
    of_service.by_action.get(action).or_else(by_start)
}

/// Which texts of a field the rules may tie.
fn asked(rules: &[&Rule], field: Root) -> Asked {
    if !rules.iter().any(|rule| rule.reads(field)) {
        Asked::None
    } else if rules.iter().all(|rule| rule.is_for_any_call()) {
        Asked::Buckets
    } else {
        Asked::All
    }
}

/// Applies the rules for a call to its texts.
pub(super) fn apply<'l>(rules: &ForCall, leaves: &'l Leaves<'_>, found: &mut Found<'l>) {
    for rule in &rules.rules {
        let From::Path { root, keys, at_any_depth } = &rule.from else { continue };
        for leaf in leaves.of(*root).filter(|leaf| stands_at(leaves, leaf, keys, *at_any_depth)) {
            tie(rule, &leaf.text, leaves, Place::Node(leaf.node), found);
        }
    }
    for rule in &rules.rules {
        let (value, place) = match rule.from {
            From::Caller => (found.call.caller.filter(|arn| Arn::parse(arn).is_some_and(|a| a.service() == "iam")), "userIdentity.arn"),
            From::Nothing => (Some("-"), "recipientAccountId"),
            From::Path { .. } => (None, ""),
        };
        let Some(value) = value.filter(|_| found.is_empty_of(Basis::Rule)) else { continue };
        tie(rule, value, leaves, Place::Named(place), found);
    }
}

fn stands_at(leaves: &Leaves<'_>, leaf: &Leaf<'_>, keys: &[&str], at_any_depth: bool) -> bool {
    let mut found = leaves.keys(leaf);
    let fits = keys.iter().all(|key| found.next().is_some_and(|k| k.eq_ignore_ascii_case(key)));
    fits && (at_any_depth || found.next().is_none())
}

/// Ties the call to what a value names by a rule.
fn tie<'l>(rule: &Rule, value: &'l str, leaves: &Leaves<'_>, place: Place, found: &mut Found<'l>) {
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    let tie = Tie { part: rule.shown.part, basis: Basis::Rule, place, owner_is_stated: true };
    if let Some(arn) = Arn::parse(value) {
        return found.add(arn, tie);
    }
    let Some(template) = &rule.template else { return };
    let owner_is_stated = template.owner_is_value();
    found.add_made(Tie { owner_is_stated, ..tie }, |found, into| template.write(value, leaves, found, into));
}
