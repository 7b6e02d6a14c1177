//! What is asked: a stretch of time, and which events count.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use backtrail_model::issuance::SERVICE_ACCOUNT;
use backtrail_model::outcome::Outcome;
use backtrail_model::time::format_instant;
use backtrail_model::window::Window;
use ipnet::IpNet;
use serde::Serialize;

use crate::associations::Associations;
use crate::error::TimelineError;
use crate::instants::Instants;
use crate::lineage::{Descent, workload_words};

/// A question: over which time, about which events, how many items to show.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// `None` asks about all evidence, events without a usable time included.
    pub window: Option<Window>,
    /// Which events count.
    pub filters: Filters,
    /// At most so many items in the answer; totals count all.
    pub limit: Option<usize>,
}

/// Which events count. Values of one filter are alternatives; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filters {
    /// Account that received the event, or that the principal belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<String>,
    /// Region.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<String>,
    /// ARN, bare id or name of an identity or resource, or either with a trailing `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arn: Vec<String>,
    /// ARN, name, session or unique id of a principal, with or without a trailing `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor: Vec<String>,
    /// Address or block the call came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip: Vec<Network>,
    /// Access key id the call was signed with, issued or acted on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Event source, without `.amazonaws.com`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// Outcome.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcome: Vec<Outcome>,
    /// When what `arn` names was touched, where that was looked up.
    #[serde(skip)]
    pub(crate) instants: Option<Instants>,
    /// Whom `arn` names counts as an actor as well: what descends from them is part of the answer.
    #[serde(skip)]
    pub(crate) follows: bool,
    /// The associations of what `arn` names, where they were looked up.
    #[serde(skip)]
    pub(crate) associations: Arc<Associations>,
    /// What descends from whom `actor` names, where that was looked up.
    #[serde(skip)]
    pub(crate) descent: Option<Arc<Descent>>,
}

/// An address or a block of them, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    typed: String,
    block: IpNet,
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.typed)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl Network {
    /// Reads an address or a CIDR block.
    ///
    /// # Errors
    /// `Filter` where it is neither.
    pub fn parse(text: &str) -> Result<Self, TimelineError> {
        let typed = text.trim();
        let block = typed.parse::<IpNet>().ok().or_else(|| typed.parse::<IpAddr>().ok().map(IpNet::from));
        let block = block.ok_or_else(|| wrong("ip", text, "is neither an address nor a CIDR block such as 198.51.100.0/24"))?;
        Ok(Self { typed: typed.to_owned(), block })
    }

    /// Whether an address lies in it. IPv4 addresses written as IPv6 (`::ffff:198.51.100.7`) count as IPv4.
    #[must_use]
    pub fn contains(&self, address: &str) -> bool {
        address.trim().parse::<IpAddr>().is_ok_and(|a| self.block.contains(&a.to_canonical()))
    }
}

/// An address in the one spelling that is compared (RFC 5952; IPv4 written as IPv6 is IPv4); any other text as it is.
pub(crate) fn canonical_address(text: &str) -> Cow<'_, str> {
    // Nearly all are IPv4, of which there is one spelling.
    if !text.contains(':') {
        return Cow::Borrowed(text);
    }
    text.parse::<IpAddr>().map_or(Cow::Borrowed(text), |address| Cow::Owned(address.to_canonical().to_string()))
}

fn wrong(option: &'static str, value: &str, problem: &'static str) -> TimelineError {
    TimelineError::Filter { option, value: value.to_owned(), problem }
}

/// That no value of an option would match whatever there is.
///
/// # Errors
/// `Filter` for the first that would.
pub(crate) fn narrowing(option: &'static str, values: &[String]) -> Result<(), TimelineError> {
    match values.iter().find(|value| is_everything(value)) {
        Some(value) => Err(wrong(option, value, "would match everything: leave the option out, or name something")),
        None => Ok(()),
    }
}

/// Whether a value would match whatever there is.
fn is_everything(value: &str) -> bool {
    value.trim_end_matches('*').trim().is_empty()
}

/// What the argument of a question names.
///
/// # Errors
/// `Everything` where it would match whatever there is.
pub(crate) fn named<'t>(argument: &'static str, value: &'t str) -> Result<&'t str, TimelineError> {
    if is_everything(value) { Err(TimelineError::Everything { argument, value: value.to_owned() }) } else { Ok(value.trim()) }
}

/// An actor as records name it, by the name that answers give it: no name of AWS has a blank in it.
fn as_recorded(actor: &str) -> String {
    let actor = actor.trim();
    if let Some(account) = actor.strip_prefix("root of ") {
        return format!("arn:aws:iam::{account}:root");
    }
    if let Some(account) = actor.strip_prefix("service account ") {
        return format!("{SERVICE_ACCOUNT}{}", account.split(" in ").next().unwrap_or(account));
    }
    workload_words().find_map(|word| actor.strip_prefix(word)?.strip_prefix(' ')).unwrap_or(actor).to_owned()
}

/// Filters as they were typed.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// `--account`
    pub account: Vec<String>,
    /// `--region`
    pub region: Vec<String>,
    /// `--arn`
    pub arn: Vec<String>,
    /// `--actor`
    pub actor: Vec<String>,
    /// `--ip`
    pub ip: Vec<String>,
    /// `--key`
    pub key: Vec<String>,
    /// `--source`
    pub source: Vec<String>,
    /// `--outcome`
    pub outcome: Vec<String>,
}

impl Filters {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `Filter` for the first value that cannot be read.
    pub fn read(typed: Typed) -> Result<Self, TimelineError> {
        for (option, values) in [
            ("account", &typed.account),
            ("region", &typed.region),
            ("arn", &typed.arn),
            ("actor", &typed.actor),
            ("key", &typed.key),
            ("source", &typed.source),
        ] {
            narrowing(option, values)?;
        }
        let outcome = |word: &String| {
            Outcome::parse(word).ok_or_else(|| wrong("outcome", word, "is none of ok, denied, failed, throttled, dry_run and unknown"))
        };
        Ok(Self {
            account: typed.account,
            region: typed.region,
            arn: typed.arn,
            actor: typed.actor.iter().map(|name| as_recorded(name)).collect(),
            ip: typed.ip.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>()?,
            key: typed.key,
            source: typed.source.iter().map(|s| backtrail_model::calls::service_of(s).to_owned()).collect(),
            outcome: typed.outcome.iter().map(outcome).collect::<Result<_, _>>()?,
            instants: None,
            follows: false,
            associations: Arc::default(),
            descent: None,
        })
    }

    /// Whether every event counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The window of an answer, as JSON has it; `null` bounds where all evidence was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowShown {
    /// First instant inside.
    pub from: Option<String>,
    /// First instant after.
    pub to: Option<String>,
    /// The incident, where the window was built around one.
    pub at: Option<String>,
}

impl From<Option<&Window>> for WindowShown {
    fn from(window: Option<&Window>) -> Self {
        Self {
            from: window.map(|w| format_instant(w.from())),
            to: window.map(|w| format_instant(w.to())),
            at: window.and_then(Window::at).map(format_instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_asked_for_by_the_names_that_answers_give_them() {
        for (printed, recorded) in [
            ("instance i-0123456789abcdef0", "i-0123456789abcdef0"),
            ("root of 111122223333", "arn:aws:iam::111122223333:root"),
            ("service account prod:pay", "system:serviceaccount:prod:pay"),
            ("service account shop:pay in prod", "system:serviceaccount:shop:pay"),
            ("Admin/alice", "Admin/alice"),
            (" alice* ", "alice*"),
        ] {
            assert_eq!(Filters::read(Typed { actor: vec![printed.to_owned()], ..Typed::default() }).unwrap().actor, [recorded]);
        }
        assert_eq!((canonical_address("2001:DB8:0::1"), canonical_address("AWS Internal")), ("2001:db8::1".into(), "AWS Internal".into()));
    }

    #[test]
    fn addresses_and_blocks() {
        let block = Network::parse("198.51.100.0/24").unwrap();
        assert!(block.contains("198.51.100.7") && block.contains("::ffff:198.51.100.7") && !block.contains("198.51.101.7"));
        assert!(!block.contains("ec2.amazonaws.com"));
        assert!(Network::parse("2001:db8::1").unwrap().contains("2001:DB8:0::1"));
        assert!(Network::parse("ec2.amazonaws.com").is_err());
    }

    #[test]
    fn wrong_values_are_named() {
        let error = Filters::read(Typed { outcome: vec!["success".to_owned()], ..Typed::default() }).unwrap_err();
        assert_eq!(error.to_string(), "--outcome: `success` is none of ok, denied, failed, throttled, dry_run and unknown");
        assert!(error.is_usage());
        assert!(Filters::read(Typed { arn: vec!["*".to_owned()], ..Typed::default() }).is_err());
        let read = Filters::read(Typed { source: vec!["ec2.amazonaws.com".to_owned()], ..Typed::default() }).unwrap();
        assert_eq!(read.source, ["ec2"]);
    }
}
