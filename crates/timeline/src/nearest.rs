//! A name that no evidence knows: says so, and names the nearest that evidence has.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

use arrow_array::RecordBatch;
use backtrail_model::arn::{self, Arn};
use backtrail_model::calls::service_of;
use hashbrown::{DefaultHashBuilder, HashSet};

use crate::coverage::{NotSeen, NotSeenKind};
use crate::error::TimelineError;
use crate::event::Text;
use crate::instants::{EVENT_ARNS, is_known_of_all};
use crate::principal::ANONYMOUS;
use crate::question::{Filters, Question};
use crate::source::{CLOUDTRAIL, Source};

/// Longer names are compared with none: it takes time by the product of lengths.
const LONGEST: usize = 300;
/// Values listed where they are so few.
const LISTED: usize = 8;
/// Names suggested.
const SUGGESTED: usize = 3;
/// How like a suggestion must be, from 0 to 1.
const LIKENESS: f64 = 0.6;

const IDENTITIES: [&str; 8] = [
    "user_identity_arn",
    "user_identity_user_name",
    "user_identity_principal_id",
    "user_identity_access_key_id",
    "user_identity_invoked_by",
    "session_issuer_arn",
    "session_issuer_user_name",
    "recipient_account_id",
];
/// Columns ARNs and ids stand in, for stores whose `event_arns` does not tell of all events.
const TEXTS: [&str; 3] = ["resources", "request_parameters", "response_elements"];

/// Says of each value of `--arn`, `--actor` and `--key` whether any evidence knows it, where a question found nothing, and of `--account`,
/// `--region` and `--source` whether any event has it.
pub(crate) async fn unknown_names(source: &Source, question: &Question) -> Result<Vec<NotSeen>, TimelineError> {
    let wanted = [("arn", &question.filters.arn), ("actor", &question.filters.actor), ("key", &question.filters.key)];
    let mut said = unknown_values(source, &question.filters).await?;
    said.extend(unknown_addresses(source, &question.filters).await?);
    for (option, name) in wanted.iter().flat_map(|(option, names)| names.iter().map(move |n| (*option, n))) {
        let alone = match option {
            "arn" => Filters { arn: vec![name.clone()], ..Filters::default() },
            "actor" => Filters { actor: vec![name.clone()], ..Filters::default() },
            _ => Filters { key: vec![name.clone()], ..Filters::default() },
        };
        let text = match first_met(source, &alone).await? {
            Some((time, citation)) => {
                let when =
                    time.map_or_else(|| "at an unknown time".to_owned(), |t| format!("at {}", backtrail_model::time::format_instant(t)));
                said.push(NotSeen {
                    kind: NotSeenKind::UnknownName,
                    text: format!("{name} is in evidence, but not in this answer: one event that names it is {when}."),
                    refs: vec![citation],
                });
                continue;
            }
            None => {
                let near = Nearest::of(name, source).await?;
                let hint = if near.is_empty() { String::new() } else { format!(" The nearest that evidence names: {}.", near.join(", ")) };
                // It may stand in a call's parameters all the same.
                let role = if option == "actor" { " as who called" } else { "" };
                format!("No evidence in the store names {name}{role}.{hint}")
            }
        };
        said.push(NotSeen { kind: NotSeenKind::UnknownName, text, refs: Vec::new() });
    }
    Ok(said)
}

/// A filter by one value alone.
type Alone = fn(Vec<String>) -> Filters;

/// What every event has some of: values asked for that none has, with those that some have.
async fn unknown_values(source: &Source, filters: &Filters) -> Result<Vec<NotSeen>, TimelineError> {
    let asked: [(&str, &[&'static str], &[String], Alone); 3] = [
        ("account", &["recipient_account_id", "user_identity_account_id"], &filters.account, |account| Filters {
            account,
            ..Filters::default()
        }),
        ("region", &["aws_region"], &filters.region, |region| Filters { region, ..Filters::default() }),
        ("service", &["event_source"], &filters.source, |source| Filters { source, ..Filters::default() }),
    ];
    let mut said = Vec::new();
    for (what, columns, values, alone) in asked {
        let mut unknown: Vec<&String> = Vec::new();
        for value in values {
            if !is_met(source, &alone(vec![value.clone()])).await? {
                unknown.push(value);
            }
        }
        if unknown.is_empty() {
            continue;
        }
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut take = |value: &str| {
            let value = if what == "service" { service_of(value) } else { value };
            if !value.is_empty() && !known.contains(value) {
                known.insert(value.to_owned());
            }
        };
        each_value(source, CLOUDTRAIL, columns, &mut take).await?;
        known.remove(ANONYMOUS);
        for value in unknown {
            let mut nearest = Nearest::new(value);
            known.iter().for_each(|name| nearest.take(name));
            let is_id = value.len() == 12 && value.bytes().all(|digit| digit.is_ascii_digit());
            let shape = if what == "account" && !is_id { " An account id is 12 digits." } else { "" };
            let hint = match nearest.names() {
                near if !near.is_empty() => format!(" The nearest that evidence has: {}.", near.join(", ")),
                _ if !known.is_empty() && known.len() <= LISTED => {
                    format!(" Evidence has {}.", known.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                }
                _ => String::new(),
            };
            let text = format!("No event in the store is of the {what} {value}.{shape}{hint}");
            said.push(NotSeen { kind: NotSeenKind::UnknownName, text, refs: Vec::new() });
        }
    }
    Ok(said)
}

/// Addresses asked for that no event came from.
async fn unknown_addresses(source: &Source, filters: &Filters) -> Result<Vec<NotSeen>, TimelineError> {
    let mut said = Vec::new();
    for ip in &filters.ip {
        let alone = Filters { ip: vec![ip.clone()], ..Filters::default() };
        if !is_met(source, &alone).await? {
            let text = format!("No event in the store came from {ip}.");
            said.push(NotSeen { kind: NotSeenKind::UnknownName, text, refs: Vec::new() });
        }
    }
    Ok(said)
}

/// Whether there is an event that may fulfil a filter; looks no further than for one.
async fn is_met(source: &Source, filters: &Filters) -> Result<bool, TimelineError> {
    let Some(condition) = filters.condition() else { return Ok(true) };
    let frame = source.table(CLOUDTRAIL).await?.filter(condition).and_then(|f| f.select_columns(&["record_index"])?.limit(0, Some(1)));
    let mut met = false;
    let frame = frame.map_err(TimelineError::table(CLOUDTRAIL))?;
    Source::batches(CLOUDTRAIL, frame, &mut |batch| {
        met |= batch.num_rows() > 0;
        Ok(())
    })
    .await?;
    Ok(met)
}

/// Runs `take` over the values of some columns; of those that follow each other and are the same over one.
async fn each_value(
    source: &Source,
    table: &'static str,
    columns: &[&'static str],
    take: &mut (dyn FnMut(&str) + Send),
) -> Result<(), TimelineError> {
    let frame = source.table(table).await?.select_columns(columns).map_err(TimelineError::table(table))?;
    let mut each = |batch: &RecordBatch| {
        for column in columns {
            let values = Text::of(batch, table, column)?;
            // Events of one caller follow each other, and rows of one thing.
            let mut last = "";
            for value in (0..batch.num_rows()).filter_map(|row| values.get(row)) {
                if value != last {
                    take(value);
                }
                last = value;
            }
        }
        Ok(())
    };
    Source::batches(table, frame, &mut each).await
}

/// The first event, in order, that a filter admits.
async fn first_met(source: &Source, filters: &Filters) -> Result<Option<(Option<i64>, String)>, TimelineError> {
    let filters = &filters.reached(source, None).await?;
    let mut first: Option<(bool, Option<i64>, String)> = None;
    source
        .found(None, filters.condition(), filters.leave_few())
        .await?
        .in_any_order(source, crate::event::EVENT_COLUMNS, &mut |event| {
            if filters.admits(event) {
                let met = (event.event_time.is_none(), event.event_time, event.citation());
                if first.as_ref().is_none_or(|f| met < *f) {
                    first = Some(met);
                }
            }
            Ok(())
        })
        .await?;
    Ok(first.map(|(_, time, citation)| (time, citation)))
}

/// The names most like one, of all that evidence has: ARNs, users, roles, keys, and ids of the same kind.
struct Nearest<'w> {
    /// What was typed, and its last part if it is an ARN, in lower case: who types a name by heart does not know its case.
    lower: (String, String),
    kind: Option<&'w str>,
    /// Hashes of the names compared: a store has many events and few identities.
    compared: HashSet<u64>,
    hasher: DefaultHashBuilder,
    /// Best first; ties by name.
    best: BTreeSet<(Reverse<u32>, String)>,
}

impl<'w> Nearest<'w> {
    fn new(typed: &'w str) -> Self {
        let wanted = typed.trim_end_matches('*');
        let short = Arn::parse(wanted).map_or(wanted, |a| a.name());
        let lower = (wanted.to_lowercase(), short.to_lowercase());
        Self { lower, kind: id_kind(typed), compared: HashSet::new(), hasher: DefaultHashBuilder::default(), best: BTreeSet::new() }
    }

    async fn of(typed: &'w str, source: &Source) -> Result<Vec<String>, TimelineError> {
        let mut nearest = Self::new(typed);
        nearest.read(source, CLOUDTRAIL, &IDENTITIES, &Self::take).await?;
        if is_known_of_all(source).await? {
            nearest.read(source, EVENT_ARNS, &["arn", "name"], &Self::take_of_table).await?;
        } else {
            nearest.read(source, CLOUDTRAIL, &TEXTS, &Self::take_inside).await?;
        }
        Ok(nearest.names())
    }

    fn names(self) -> Vec<String> {
        self.best.into_iter().map(|(_, name)| name).collect()
    }

    /// Looks at every value of some columns.
    async fn read(
        &mut self,
        source: &Source,
        table: &'static str,
        columns: &[&'static str],
        take: &(dyn Fn(&mut Self, &str) + Sync),
    ) -> Result<(), TimelineError> {
        each_value(source, table, columns, &mut |value| take(self, value)).await
    }

    fn take(&mut self, name: &str) {
        if name.is_empty() || name.len() >= LONGEST || !self.compared.insert(self.hasher.hash_one(name)) {
            return;
        }
        let score = score(self.likeness(name));
        if score >= self::score(LIKENESS) {
            self.best.insert((Reverse(score), name.to_owned()));
            if self.best.len() > SUGGESTED {
                self.best.pop_last();
            }
        }
    }

    /// Of `event_arns`: an ARN, or a bare id where one is sought.
    fn take_of_table(&mut self, value: &str) {
        if value.starts_with(self.kind.unwrap_or("arn:")) {
            self.take(value);
        }
    }

    /// The same of what stands in a text.
    fn take_inside(&mut self, text: &str) {
        match self.kind {
            Some(kind) => ids_in(text, kind).for_each(|id| self.take(id)),
            None => arn::scan(text).for_each(|found| self.take(found.canonical())),
        }
    }

    /// From 0 to 1. Names of very different length cannot be alike.
    fn likeness(&self, name: &str) -> f64 {
        let of = |wanted: &str, name: &str| {
            let (shorter, longer) = (wanted.len().min(name.len()), wanted.len().max(name.len()));
            // Levenshtein's distance is the difference of lengths at least.
            let is_too_short = wanted.is_ascii() && name.is_ascii() && shorter * 5 < longer * 3;
            if is_too_short { 0.0 } else { strsim::normalized_levenshtein(wanted, name) }
        };
        let last = Arn::parse(name).map_or(0.0, |a| of(&self.lower.1, &a.name().to_lowercase()));
        of(&self.lower.0, &name.to_lowercase()).max(last)
    }
}

/// `sg-` of `sg-0c0235982a1088002`: ids of this form stand in requests and responses without an ARN around them.
fn id_kind(name: &str) -> Option<&str> {
    let (kind, number) = name.trim_end_matches('*').split_once('-')?;
    let is_id = kind.bytes().all(|b| b.is_ascii_lowercase()) && number.len() >= 6 && number.bytes().all(|b| b.is_ascii_hexdigit());
    (is_id && !kind.is_empty()).then(|| &name[..=kind.len()])
}

/// The ids of one kind in a text.
fn ids_in<'t>(text: &'t str, kind: &str) -> impl Iterator<Item = &'t str> {
    let length = kind.len();
    text.match_indices(kind).filter_map(move |(at, _)| {
        let is_start = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let digits = text[at + length..].bytes().take_while(u8::is_ascii_hexdigit).count();
        (is_start && digits >= 6).then(|| &text[at..at + length + digits])
    })
}

/// A likeness as a whole number, so that sorting does not depend on the last bit of a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
fn score(likeness: f64) -> u32 {
    (likeness.clamp(0.0, 1.0) * 10_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_without_an_arn() {
        assert_eq!(id_kind("sg-0c0235982a1088003"), Some("sg-"));
        assert_eq!(id_kind("i-0c0235982a10*"), Some("i-"));
        assert!(["alice", "svc-backup", "-123456", "arn:aws:ec2:::sg-0c0235982a1088003"].iter().all(|n| id_kind(n).is_none()));
        let text = r#"{"groupId":"sg-0c0235982a1088002","x":"msg-0c0235982a","y":"sg-short","z":["sg-aaaaaaaa"]}"#;
        assert_eq!(ids_in(text, "sg-").collect::<Vec<_>>(), ["sg-0c0235982a1088002", "sg-aaaaaaaa"]);
    }

    #[test]
    fn the_nearest_names() {
        let names =
            ["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob", "arn:aws:s3:::acme-logs", "alice", "alice"];
        let nearest = |wanted| {
            let mut nearest = Nearest::new(wanted);
            names.iter().for_each(|name| nearest.take(name));
            nearest.names()
        };
        assert_eq!(nearest("arn:aws:iam::111122223333:user/alise")[0], "arn:aws:iam::111122223333:user/alice");
        assert_eq!(nearest("acme-log"), ["arn:aws:s3:::acme-logs"]);
        assert_eq!(nearest("ALICE"), ["alice", "arn:aws:iam::111122223333:user/alice"], "a name in another case is as near as can be");
        assert_eq!(nearest("something-else-entirely"), Vec::<String>::new());
    }

    #[test]
    fn the_best_of_many_names_is_found_wherever_it_stands() {
        let mut nearest = Nearest::new("i-0c0235982a1088003");
        (0..100_000).for_each(|n| nearest.take(&format!("aaaa-{n}")));
        nearest.take_inside(r#"{"x":["i-0c0235982a1088002"],"arn":"arn:aws:ec2:eu-west-1:111122223333:instance/i-0c0235982a1088009"}"#);
        nearest.take_of_table("sg-0c0235982a1088003");
        assert_eq!(nearest.names(), ["i-0c0235982a1088002", "i-0c0235982a1088009"]);
    }
}
