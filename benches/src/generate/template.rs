//! JSON templates: text with `<names>`, cut once, filled per event without building a JSON value.

use std::collections::HashMap;

use super::clock;
use super::estate::{Account, Estate, Place};
use super::random::{Random, mix, scale_skewed};

/// Where and when an event happens, and the randomness it draws from.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) account_index: usize,
    pub(crate) account: &'a Account,
    pub(crate) place: &'a Place,
    pub(crate) time: i64,
    /// What the event is about is drawn from this, so that one name stands for one thing throughout a record.
    pub(crate) salt: u64,
    pub(crate) random: Random,
    /// Names of a scenario.
    pub(crate) names: Option<&'a HashMap<String, String>>,
}

impl Scene<'_> {
    /// One of `n` things, the same throughout the event for one lane.
    pub(crate) fn pick(&self, lane: u64, n: usize) -> usize {
        scale_skewed(mix(&[self.salt, lane]), n)
    }
}

/// A text with names in angle brackets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Name(Name),
}

#[derive(Debug, Clone)]
enum Name {
    Account,
    Partner,
    Region,
    Organisation,
    Bucket,
    Object,
    Instance,
    PrivateAddress,
    Function,
    Role,
    RoleArn,
    RoleId,
    User,
    Key,
    KeyArn,
    Table,
    Queue,
    Secret,
    Group,
    Subnet,
    Vpc,
    Cluster,
    Application,
    IssuedKey,
    Session,
    Task,
    PartnerRole,
    Time,
    LocaleTime,
    /// So many hours from now.
    Expiry(i64),
    Guid,
    Hex(usize),
    Base64(usize),
    Upper(usize),
    Alnum(usize),
    Number(usize),
    /// A name of the scenario.
    Other(String),
}

const APPLICATIONS: [&str; 8] = ["checkout", "search", "payments", "orders", "inventory", "auth", "web", "etl-load"];
const FOLDERS: [&str; 6] = ["invoices", "thumbnails", "events", "exports/daily", "raw/clickstream", "users"];

impl Name {
    fn parse(text: &str) -> Self {
        let (name, size) = text.split_once(':').map_or((text, 0), |(name, size)| (name, size.parse().unwrap_or(0)));
        match name {
            "account" => Self::Account,
            "partner" => Self::Partner,
            "region" => Self::Region,
            "organisation" => Self::Organisation,
            "bucket" => Self::Bucket,
            "object" => Self::Object,
            "instance" => Self::Instance,
            "private_address" => Self::PrivateAddress,
            "function" => Self::Function,
            "role" => Self::Role,
            "role_arn" => Self::RoleArn,
            "role_id" => Self::RoleId,
            "user" => Self::User,
            "key" => Self::Key,
            "key_arn" => Self::KeyArn,
            "table" => Self::Table,
            "queue" => Self::Queue,
            "secret" => Self::Secret,
            "group" => Self::Group,
            "subnet" => Self::Subnet,
            "vpc" => Self::Vpc,
            "cluster" => Self::Cluster,
            "application" => Self::Application,
            "assumed_key" => Self::IssuedKey,
            "session_name" => Self::Session,
            "task" => Self::Task,
            "partner_role_id" => Self::PartnerRole,
            "time" => Self::Time,
            "locale_time" => Self::LocaleTime,
            "expiry" => Self::Expiry(size.max(1) as i64),
            "guid" => Self::Guid,
            "hex" => Self::Hex(size),
            "base64" => Self::Base64(size),
            "upper" => Self::Upper(size),
            "alnum" => Self::Alnum(size),
            "number" => Self::Number(size),
            _ => Self::Other(text.to_owned()),
        }
    }

    fn push(&self, out: &mut Vec<u8>, s: &mut Scene<'_>) {
        let place = s.place;
        let account = s.account;
        let text: &str = match self {
            Self::Account => &account.id,
            Self::Partner => &s.estate.accounts[s.estate.partner(s.account_index)].id,
            Self::Region => place.region,
            Self::Organisation => &s.estate.organisation,
            Self::Bucket => &account.buckets[s.pick(1, account.buckets.len())],
            Self::Instance => &place.instances[s.pick(2, place.instances.len())].id,
            Self::PrivateAddress => &place.instances[s.pick(2, place.instances.len())].private_address,
            Self::Function => &place.functions[s.pick(3, place.functions.len())].name,
            Self::Role => &account.roles[s.pick(4, account.roles.len())].name,
            Self::RoleId => &account.roles[s.pick(4, account.roles.len())].id,
            Self::RoleArn => return push_role_arn(out, s),
            Self::User => &account.users[s.pick(5, account.users.len())].name,
            Self::Key => &place.keys[s.pick(6, place.keys.len())],
            Self::KeyArn => return push_key_arn(out, s),
            Self::Table => &place.tables[s.pick(7, place.tables.len())],
            Self::Queue => &place.queues[s.pick(8, place.queues.len())],
            Self::Secret => &place.secrets[s.pick(9, place.secrets.len())],
            Self::Group => &place.groups[s.pick(10, place.groups.len())],
            Self::Subnet => &place.subnets[s.pick(11, place.subnets.len())],
            Self::Vpc => &place.vpcs[s.pick(12, place.vpcs.len())],
            Self::Cluster => &place.clusters[s.pick(13, place.clusters.len())],
            Self::Application => APPLICATIONS[s.pick(14, APPLICATIONS.len())],
            Self::PartnerRole => &s.estate.accounts[s.estate.partner(s.account_index)].role("SecurityAudit").id,
            Self::Session => match s.pick(17, 3) {
                0 => &place.instances[s.pick(2, place.instances.len())].id,
                1 => &place.functions[s.pick(3, place.functions.len())].name,
                _ => &account.people[s.pick(26, account.people.len())].name,
            },
            Self::Other(name) => match s.names.and_then(|names| names.get(name)) {
                Some(text) => text,
                None => return out.extend_from_slice(format!("<{name}>").as_bytes()),
            },
            made => return made.push_made(out, s),
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn push_made(&self, out: &mut Vec<u8>, s: &mut Scene<'_>) {
        match self {
            Self::Object => push_object_key(out, s),
            Self::Task => Random::seeded(&[s.salt, 19]).push_hex(out, 32),
            Self::IssuedKey => out.extend_from_slice(Random::seeded(&[s.salt, 18]).credential("ASIA", &s.account.id, 20).as_bytes()),
            Self::Time => clock::push_iso(out, s.time),
            Self::LocaleTime => clock::push_locale(out, s.time),
            Self::Expiry(hours) => clock::push_locale(out, s.time + hours * clock::HOUR),
            Self::Guid => s.random.push_guid(out),
            Self::Hex(n) => s.random.push_hex(out, *n),
            Self::Base64(n) => s.random.push_base64(out, *n),
            Self::Upper(n) => s.random.push_upper(out, *n),
            Self::Alnum(n) => s.random.push_alnum(out, *n),
            Self::Number(n) => out.extend_from_slice(s.random.below(*n).to_string().as_bytes()),
            _ => {}
        }
    }
}

fn push_role_arn(out: &mut Vec<u8>, s: &Scene<'_>) {
    let role = &s.account.roles[s.pick(4, s.account.roles.len())];
    for text in ["arn:aws:iam::", &s.account.id, ":role", &role.path, &role.name] {
        out.extend_from_slice(text.as_bytes());
    }
}

fn push_key_arn(out: &mut Vec<u8>, s: &Scene<'_>) {
    let key = &s.place.keys[s.pick(6, s.place.keys.len())];
    for text in ["arn:aws:kms:", s.place.region, ":", &s.account.id, ":key/", key] {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Drawn from the salt, so that key, ARN and encryption context of one record agree.
fn push_object_key(out: &mut Vec<u8>, s: &Scene<'_>) {
    let folder = FOLDERS[s.pick(15, FOLDERS.len())];
    let number = mix(&[s.salt, 16]);
    out.extend_from_slice(folder.as_bytes());
    out.push(b'/');
    out.extend_from_slice(clock::path_date(s.time - (number % 9) as i64 * clock::DAY).as_bytes());
    out.extend_from_slice(b"/part-");
    Random::seeded(&[number]).push_hex(out, 12);
    out.extend_from_slice([".parquet", ".json.gz", ".jpg", ".pdf"][(number >> 60) as usize & 3].as_bytes());
}

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((name, tail)) = after.split_once('>') else { break };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Name(Name::parse(name)));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Self(parts)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&self, out: &mut Vec<u8>, scene: &mut Scene<'_>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Name(name) => name.push(out, scene),
            }
        }
    }
}
