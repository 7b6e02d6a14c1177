//! A name that no evidence knows: says so, and names the nearest that evidence has.

use std::collections::BTreeSet;

use backtrail_model::arn::{self, Arn};
use datafusion::logical_expr::{Expr, col};

use crate::coverage::{NotSeen, NotSeenKind};
use crate::error::TimelineError;
use crate::question::{Filters, Question};
use crate::source::Source;

/// Names compared at most.
const COMPARED: usize = 50_000;
/// Names suggested.
const SUGGESTED: usize = 3;
/// How like a suggestion must be, from 0 to 1.
const LIKENESS: f64 = 0.6;

const IDENTITIES: [&str; 9] = [
    "user_identity_arn",
    "user_identity_user_name",
    "user_identity_principal_id",
    "user_identity_access_key_id",
    "user_identity_invoked_by",
    "session_issuer_arn",
    "session_issuer_user_name",
    "recipient_account_id",
    "resources",
];

/// Says of each value of `--arn`, `--actor` and `--key` whether any evidence knows it, where a question found nothing.
pub(crate) async fn unknown_names(source: &Source, question: &Question) -> Result<Vec<NotSeen>, TimelineError> {
    let wanted = [("arn", &question.filters.arn), ("actor", &question.filters.actor), ("key", &question.filters.key)];
    let mut said = Vec::new();
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
                let mut known = names(source).await?;
                if let Some(kind) = id_kind(name) {
                    known.extend(ids(source, kind).await?);
                }
                let near = nearest(name, known);
                let hint = if near.is_empty() { String::new() } else { format!(" The nearest that evidence names: {}.", near.join(", ")) };
                format!("No evidence in the store names {name}.{hint}")
            }
        };
        said.push(NotSeen { kind: NotSeenKind::UnknownName, text, refs: Vec::new() });
    }
    Ok(said)
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

/// Names that evidence has: ARNs, users, roles, keys; the first in order where there are very many.
async fn names(source: &Source) -> Result<BTreeSet<String>, TimelineError> {
    let mut names = BTreeSet::new();
    // Distinct first: a store has many events and few identities.
    let frame = source.table("cloudtrail").await?;
    let columns: Vec<Expr> = IDENTITIES.iter().map(|c| col(*c)).collect();
    let failed = TimelineError::table("cloudtrail");
    let frame = frame.select(columns).and_then(datafusion::dataframe::DataFrame::distinct).map_err(failed)?;
    Source::batches("cloudtrail", frame, &mut |batch| {
        for column in IDENTITIES {
            let text = crate::event::Text::of(batch, "cloudtrail", column)?;
            for row in 0..batch.num_rows() {
                let Some(value) = text.get(row).filter(|v| !v.is_empty() && !names.contains(*v)) else { continue };
                if column == "resources" {
                    names.extend(arn::scan(value).map(|a| a.canonical().to_owned()));
                } else {
                    names.insert(value.to_owned());
                }
            }
        }
        while names.len() > COMPARED {
            names.pop_last();
        }
        Ok(())
    })
    .await?;
    Ok(names)
}

/// `sg-` of `sg-0c0235982a1088002`: ids of this form stand in requests and responses without an ARN around them.
fn id_kind(name: &str) -> Option<&str> {
    let (kind, number) = name.trim_end_matches('*').split_once('-')?;
    let is_id = kind.bytes().all(|b| b.is_ascii_lowercase()) && number.len() >= 6 && number.bytes().all(|b| b.is_ascii_hexdigit());
    (is_id && !kind.is_empty()).then(|| &name[..=kind.len()])
}

/// Ids of one kind that requests and responses name; the first in order where there are very many.
async fn ids(source: &Source, kind: &str) -> Result<BTreeSet<String>, TimelineError> {
    const COLUMNS: [&str; 2] = ["request_parameters", "response_elements"];
    let mut found = BTreeSet::new();
    let failed = TimelineError::table("cloudtrail");
    let frame = source.table("cloudtrail").await?.select(COLUMNS.map(col)).map_err(failed)?;
    Source::batches("cloudtrail", frame, &mut |batch| {
        for column in COLUMNS {
            let text = crate::event::Text::of(batch, "cloudtrail", column)?;
            for row in 0..batch.num_rows() {
                found.extend(text.get(row).into_iter().flat_map(|value| ids_in(value, kind)).map(str::to_owned));
            }
        }
        while found.len() > COMPARED {
            found.pop_last();
        }
        Ok(())
    })
    .await?;
    Ok(found)
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

/// The names most like one, best first; ties by name.
fn nearest(wanted: &str, names: BTreeSet<String>) -> Vec<String> {
    let wanted = wanted.trim_end_matches('*');
    let short = Arn::parse(wanted).map_or(wanted, |a| a.name());
    let likeness = |name: &str| {
        let of_whole = strsim::normalized_levenshtein(wanted, name);
        let of_name = Arn::parse(name).map_or(0.0, |a| strsim::normalized_levenshtein(short, a.name()));
        of_whole.max(of_name)
    };
    let mut scored: Vec<(u32, String)> = names
        .into_iter()
        // Names of very different length cannot be alike, and comparing takes time by the product of lengths.
        .filter(|n| n.len() < 300)
        .map(|n| (score(likeness(&n)), n))
        .filter(|(s, _)| *s >= score(LIKENESS))
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(SUGGESTED).map(|(_, n)| n).collect()
}

/// A likeness as a whole number, so that sorting does not depend on the last bit of a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
fn score(likeness: f64) -> u32 {
    (likeness.clamp(0.0, 1.0) * 10_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

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
        let names = set(&["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob", "arn:aws:s3:::acme-logs", "alice"]);
        assert_eq!(nearest("arn:aws:iam::111122223333:user/alise", names.clone())[0], "arn:aws:iam::111122223333:user/alice");
        assert_eq!(nearest("acme-log", names.clone()), ["arn:aws:s3:::acme-logs"]);
        assert_eq!(nearest("something-else-entirely", names), Vec::<String>::new());
    }
}
