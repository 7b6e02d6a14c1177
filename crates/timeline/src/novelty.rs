//! What is new in a window: the rule that `actors` and `profile` share, and the evidence before the window it rests on.
//!
//! Something is new where the store holds evidence of the account before the window, has the subject in it, and has not the subject with it.
//! Where the subject itself is not in it, the subject is new, and nothing of it is called so again. Where there is no evidence of the account before the window,
//! nothing can be called new, and that is said.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_HOUR, format_instant};
use backtrail_model::window::Window;
use backtrail_model::words::{counted, noun};
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::logical_expr::col;
use serde::Serialize;

use crate::coverage::{FirstByDate, FirstEvents, ToldByFiles, as_recorded};
use crate::error::TimelineError;
use crate::event::Text;
use crate::source::{Source, instant, one_of};

const CLOUDTRAIL: &str = "cloudtrail";
/// Accounts named in one sentence.
const NAMED: usize = 4;

/// What the time before a window says of something met in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newness {
    /// Met before.
    Known,
    /// The subject was met before, this was not.
    New,
    /// The subject was not met before: all of it is new.
    NewSubject,
    /// No evidence before the window to compare with.
    Unknown,
}

/// The rule: what evidence there is of the account before the window, and whether the subject, and the subject with this, is in it.
pub(crate) fn judge(reach: Option<&Reach>, subject_before: bool, this_before: bool) -> Newness {
    match (reach, subject_before, this_before) {
        (None, ..) => Newness::Unknown,
        (Some(_), _, true) => Newness::Known,
        (Some(_), true, false) => Newness::New,
        (Some(_), false, false) => Newness::NewSubject,
    }
}

/// Evidence of one account before a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Account; empty where records name none.
    pub account: String,
    /// Its first event.
    pub since: String,
    /// UTC dates with events.
    pub days: u64,
    #[serde(skip)]
    first: i64,
    #[serde(skip)]
    length: i64,
}

impl Reach {
    fn new(account: &str, first: i64, days: u64, from: i64) -> Self {
        Self { account: account.to_owned(), since: format_instant(first), days, first, length: from - first }
    }

    /// `12 days of evidence`; hours where it is less than two days. Days are those with events: a gap does not count.
    pub(crate) fn words(&self) -> String {
        let (hours, days) = (self.length / MICROS_PER_HOUR, self.days);
        let amount = match (self.length < 2 * MICROS_PER_DAY, hours) {
            (true, 0) => "less than an hour".to_owned(),
            (true, hours) => counted(hours.unsigned_abs(), "hour"),
            (false, _) => counted(days, "day"),
        };
        format!("{amount} of evidence")
    }
}

/// Evidence before a window, by account.
#[derive(Debug, Default)]
pub(crate) struct Before {
    accounts: BTreeMap<String, Reach>,
}

impl Before {
    /// Of which accounts the store holds anything before the window: what its files say of themselves, and two columns of those that do not. `None`
    /// where there is no window.
    pub(crate) async fn of_window(source: &Source, window: Option<&Window>) -> Result<Option<Self>, TimelineError> {
        let Some(window) = window else { return Ok(None) };
        let FirstEvents { mut met, untold } = ToldByFiles::of(source).first_events_before(window.from());
        if let Some(untold) = one_of(EVENT_DATE, untold) {
            let failed = TimelineError::table(CLOUDTRAIL);
            let frame = source.events(None, [col("event_time").lt(instant(window.from())), untold]).await?;
            let group = vec![col("recipient_account_id"), col(EVENT_DATE)];
            let frame = frame.aggregate(group, vec![min(col("event_time")).alias("first")]).map_err(failed)?;
            Source::batches(CLOUDTRAIL, frame, &mut |batch| take(batch, &mut met)).await?;
        }
        Ok(Some(Self::of_dates(met, window.from())))
    }

    /// Of first events by account and date.
    fn of_dates(met: FirstByDate, from: i64) -> Self {
        let reach = |(account, dates): (String, BTreeMap<String, i64>)| {
            let first = dates.values().copied().min()?;
            Some((account.clone(), Reach::new(&account, first, dates.len() as u64, from)))
        };
        Self { accounts: met.into_iter().filter_map(reach).collect() }
    }

    /// What there is of an account.
    pub(crate) fn of(&self, account: Option<&str>) -> Option<&Reach> {
        self.accounts.get(account.map(as_recorded).unwrap_or_default())
    }
}

fn take(batch: &RecordBatch, met: &mut FirstByDate) -> Result<(), TimelineError> {
    let text = |column| Text::of(batch, CLOUDTRAIL, column);
    let (account, date) = (text("recipient_account_id")?, text(EVENT_DATE)?);
    let first = batch.column_by_name("first").and_then(|a| a.as_primitive_opt::<TimestampMicrosecondType>());
    let first = first.ok_or(TimelineError::Column { table: CLOUDTRAIL, column: "event_time" })?;
    for row in (0..batch.num_rows()).filter(|row| !first.is_null(*row)) {
        let dates = met.entry(account.get(row).map(as_recorded).unwrap_or_default().to_owned()).or_default();
        dates.insert(date.get(row).unwrap_or_default().to_owned(), first.value(row));
    }
    Ok(())
}

/// Whether a subject could be held against the time before the window, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// It was met before; what it had not met then is marked.
    Compared,
    /// It was not met before, though there is evidence of that time: it is new, and all of it.
    NotMetBefore,
    /// There is no evidence before the window to compare with: nothing is called new.
    NoEvidenceBefore,
    /// It was not met in the window.
    NotInWindow,
    /// No window was asked for, so nothing lies before it.
    NoWindow,
}

impl Comparison {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compared => "compared",
            Self::NotMetBefore => "not_met_before",
            Self::NoEvidenceBefore => "no_evidence_before",
            Self::NotInWindow => "not_in_window",
            Self::NoWindow => "no_window",
        }
    }
}

/// Against what the window was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What came of it.
    pub comparison: Comparison,
    /// Evidence before the window, of the accounts that recorded the subject in the window.
    pub evidence: Vec<Reach>,
    /// Accounts that recorded it in the window and of which there is nothing before: nothing there is called new.
    pub without_evidence: Vec<String>,
    /// All that in words.
    pub text: String,
}

impl Compared {
    /// Where no window was asked for.
    pub(crate) fn without_window() -> Self {
        let text = "no window was given: nothing lies before it, so nothing is called new".to_owned();
        Self { comparison: Comparison::NoWindow, evidence: Vec::new(), without_evidence: Vec::new(), text }
    }

    /// Of a subject that these accounts recorded in the window; `with` is what of it was sought before.
    pub(crate) fn of(before: &Before, accounts: &BTreeSet<String>, was_met: bool, with: &str) -> Self {
        let evidence: Vec<Reach> = accounts.iter().filter_map(|a| before.of(Some(a))).cloned().collect();
        let without: Vec<String> = accounts.iter().filter(|a| before.of(Some(a)).is_none()).cloned().collect();
        if accounts.is_empty() {
            let text = "nothing of it lies in the window".to_owned();
            return Self { comparison: Comparison::NotInWindow, evidence, without_evidence: without, text };
        }
        let comparison = match (evidence.is_empty(), was_met) {
            (true, _) => Comparison::NoEvidenceBefore,
            (false, true) => Comparison::Compared,
            (false, false) => Comparison::NotMetBefore,
        };
        let text = match comparison {
            Comparison::Compared => format!("held against {with} in {}{}", amounts(&evidence), lacking(&without)),
            Comparison::NotMetBefore => format!("no {with} in {}{}", amounts(&evidence), lacking(&without)),
            _ => format!("no evidence before the window to compare with (of {})", listed(&without)),
        };
        Self { comparison, evidence, without_evidence: without, text }
    }
}

/// `12 days of evidence of account 1 since ... before the window`.
fn amounts(evidence: &[Reach]) -> String {
    let told: Vec<String> =
        evidence.iter().take(NAMED).map(|r| format!("{} of account {} since {}", r.words(), named(&r.account), r.since)).collect();
    let more = if evidence.len() > NAMED {
        format!(" and of {} more", counted((evidence.len() - NAMED) as u64, "account"))
    } else {
        String::new()
    };
    format!("{}{more} before the window", told.join(", "))
}

/// What is said of accounts without evidence, where others have some.
fn lacking(without: &[String]) -> String {
    if without.is_empty() {
        return String::new();
    }
    format!("; no evidence of {} before the window, so nothing there is called new", listed(without))
}

/// `accounts 1, 2 and 7 more`.
fn listed(accounts: &[String]) -> String {
    let few: Vec<&str> = accounts.iter().take(NAMED).map(|a| named(a)).collect();
    let more = if accounts.len() > NAMED { format!(" and {} more", accounts.len() - NAMED) } else { String::new() };
    format!("{} {}{more}", noun(accounts.len() as u64, "account"), few.join(", "))
}

fn named(account: &str) -> &str {
    if account.is_empty() { "unknown" } else { account }
}

#[cfg(test)]
mod tests {
    use backtrail_model::time::format_date;

    use super::*;

    const FROM: i64 = 20 * MICROS_PER_DAY;

    fn reach(account: &str, first: i64, days: u64) -> Reach {
        Reach::new(account, first, days, FROM)
    }

    fn before(reaches: &[Reach]) -> Before {
        Before { accounts: reaches.iter().map(|r| (r.account.clone(), r.clone())).collect() }
    }

    fn accounts(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn the_rule() {
        let some = reach("1", 0, 20);
        assert_eq!(judge(Some(&some), true, false), Newness::New);
        assert_eq!(judge(Some(&some), true, true), Newness::Known);
        assert_eq!(judge(Some(&some), false, false), Newness::NewSubject, "not each of its calls again");
        for (subject, this) in [(true, false), (true, true), (false, false)] {
            assert_eq!(judge(None, subject, this), Newness::Unknown, "nothing may be called new without evidence before");
        }
    }

    #[test]
    fn how_much_evidence_there_was() {
        assert_eq!(reach("1", FROM - 12 * MICROS_PER_DAY, 12).words(), "12 days of evidence");
        assert_eq!(reach("1", FROM - 30 * MICROS_PER_DAY, 2).words(), "2 days of evidence", "days without events are none");
        assert_eq!(reach("1", FROM - 14 * MICROS_PER_HOUR, 1).words(), "14 hours of evidence");
        assert_eq!(reach("1", FROM - MICROS_PER_HOUR, 1).words(), "1 hour of evidence");
        assert_eq!(reach("1", FROM - 1, 1).words(), "less than an hour of evidence");
    }

    #[test]
    fn the_first_date_of_an_account_counts_and_each_date_once() {
        let dates = |days: &[i64]| days.iter().map(|d| (format_date(d * MICROS_PER_DAY), d * MICROS_PER_DAY + 5)).collect();
        let before = Before::of_dates(BTreeMap::from([("1".to_owned(), dates(&[3, 1, 2])), ("2".to_owned(), BTreeMap::new())]), FROM);
        assert_eq!(before.of(Some("1")).map(|r| (r.first, r.days)), Some((MICROS_PER_DAY + 5, 3)));
        assert_eq!(before.of(Some("2")), None);
        assert_eq!(before.of(None), None);
    }

    #[test]
    fn what_is_said() {
        let before = before(&[reach("1", FROM - 12 * MICROS_PER_DAY, 12)]);
        let said = |of: &[&str], was_met| Compared::of(&before, &accounts(of), was_met, "events of alice");
        let known = said(&["1"], true);
        assert_eq!(known.comparison, Comparison::Compared);
        assert_eq!(
            known.text,
            "held against events of alice in 12 days of evidence of account 1 since 1970-01-09T00:00:00Z before the window"
        );
        assert!(said(&["1"], false).text.starts_with("no events of alice in 12 days"));
        let none = said(&["2"], false);
        assert_eq!(
            (none.comparison, none.text.as_str()),
            (Comparison::NoEvidenceBefore, "no evidence before the window to compare with (of account 2)")
        );
        let half = said(&["1", "2"], true);
        assert_eq!(said(&[], true).comparison, Comparison::NotInWindow);
        assert_eq!((half.comparison, half.without_evidence), (Comparison::Compared, vec!["2".to_owned()]));
        assert!(half.text.ends_with("; no evidence of account 2 before the window, so nothing there is called new"), "{}", half.text);
    }
}
