//! Whom rows of events and calls belong to: those who are sought, by what records name them with.

use std::ops::{Range, RangeInclusive};

use arrow_array::{Array, RecordBatch, TimestampMicrosecondArray};
use datafusion::functions::expr_fn::starts_with;
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::HashMap;

use super::{CLOUDTRAIL, is_arn, role_of};
use crate::error::TimelineError;
use crate::event::{Text, times};
use crate::lineage::{begun_before, second};
use crate::source::{SOUGHT, one_of};

/// Whom a unique id belongs to.
#[derive(Debug, Default)]
struct OfId {
    /// At any time.
    always: Vec<usize>,
    /// In sessions that began in a second: others may have used their name at other times.
    begun: HashMap<i64, Vec<usize>>,
}

impl OfId {
    /// Those to whom it belongs in a session that began then; which began moments before, where the record of a sign-in does not say when.
    fn of(&self, names: &Names<'_>, row: usize) -> impl Iterator<Item = usize> {
        // A column without any value may not have been read.
        let created_of = || names.begun.filter(|begun| !begun.is_null(row)).map(|begun| second(begun.value(row)));
        let created = (!self.begun.is_empty()).then(created_of);
        let signed_in = || (names.key.get(row).is_none() && !names.time.is_null(row)).then(|| begun_before(names.time.value(row)));
        let seconds = created.and_then(|created| created.map(|at| at..=at).or_else(signed_in));
        let begun = seconds.into_iter().flatten().filter_map(|at| self.begun.get(&at)).flatten();
        self.always.iter().chain(begun).copied()
    }

    /// Whether it is known to belong to somebody in sessions that began in each of these seconds; at any time, where none are given.
    fn holds(&self, begun: Option<&Seconds>, subject: usize) -> bool {
        let in_second = |at: i64| self.begun.get(&at).is_some_and(|of| of.contains(&subject));
        self.always.contains(&subject) || begun.is_some_and(|seconds| seconds.clone().all(in_second))
    }

    fn add(&mut self, begun: Option<Seconds>, subject: usize) {
        if self.holds(begun.as_ref(), subject) {
            return;
        }
        match begun {
            Some(seconds) => seconds.for_each(|at| self.begun.entry(at).or_default().push(subject)),
            None => self.always.push(subject),
        }
    }
}

/// From one second to another.
pub(super) type Seconds = RangeInclusive<i64>;

/// Subjects by what records name them with.
#[derive(Debug, Default)]
pub(super) struct Sought {
    principals: HashMap<String, OfId>,
    roles: HashMap<String, usize>,
    services: HashMap<String, usize>,
    keys: HashMap<String, Vec<usize>>,
    /// Whether an id belongs to somebody in sessions that began in a second alone.
    by_begun: bool,
}

/// What a row names its principal with, as [`Text::view`] tells texts apart within a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Naming {
    principal: u128,
    /// Where that is not given.
    arn: u128,
    key: u128,
    /// Where nothing else is given.
    service: u128,
    begun: Option<i64>,
}

/// Whom the rows of a batch belong to: looked up once for all rows that name their principal with the same.
#[derive(Debug, Default)]
pub(super) struct Met {
    known: HashMap<Naming, Range<usize>>,
    /// The last of these by the principal's place in the dictionary, where there is one: most principals sign with one key for a while.
    last: Vec<Option<(Naming, Range<usize>)>>,
    subjects: Vec<usize>,
}

/// Dictionaries have no more texts than a row group has rows; views are larger numbers.
const MOST_TEXTS: u128 = 1 << 17;

impl Met {
    /// The subjects that a row belongs to; one that it belongs to in two ways is there twice.
    pub(super) fn of(&mut self, sought: &Sought, names: &Names<'_>, row: usize) -> &[usize] {
        let naming = names.naming(row).filter(|naming| !sought.by_begun || naming.key != 0 || naming.begun.is_some());
        if let Some(naming) = naming {
            let last = naming.place().and_then(|place| self.last.get(place)?.as_ref());
            if let Some((_, known)) = last.filter(|(last, _)| *last == naming) {
                return &self.subjects[known.clone()];
            }
            if let Some(known) = self.known.get(&naming).cloned() {
                self.remember(naming, known.clone());
                return &self.subjects[known];
            }
        }
        let first = self.subjects.len();
        sought.each(names, row, &mut |subject| self.subjects.push(subject));
        if let Some(naming) = naming {
            self.known.insert(naming, first..self.subjects.len());
        }
        &self.subjects[first..]
    }

    fn remember(&mut self, naming: Naming, subjects: Range<usize>) {
        let Some(place) = naming.place() else { return };
        if self.last.len() <= place {
            self.last.resize((place + 1).next_power_of_two(), None);
        }
        self.last[place] = Some((naming, subjects));
    }
}

impl Naming {
    /// The principal's place in the dictionary, where it is told by that.
    fn place(&self) -> Option<usize> {
        usize::try_from(self.principal).ok().filter(|_| self.principal < MOST_TEXTS)
    }
}

/// The columns that name a principal, of a batch.
pub(super) struct Names<'a> {
    principal: Text<'a>,
    arn: Text<'a>,
    pub(super) key: Text<'a>,
    invoked_by: Text<'a>,
    pub(super) time: &'a TimestampMicrosecondArray,
    begun: Option<&'a TimestampMicrosecondArray>,
}

/// When the session began.
pub(super) const BEGUN: &str = "session_creation_date";
pub(super) const NAMES: [&str; 4] =
    ["user_identity_principal_id", "user_identity_arn", "user_identity_access_key_id", "user_identity_invoked_by"];

impl<'a> Names<'a> {
    pub(super) fn of(batch: &'a RecordBatch, table: &'static str) -> Result<Self, TimelineError> {
        let text = |column| Text::of(batch, table, column);
        let begun = batch.column_by_name(BEGUN).map(|_| times(batch, table, BEGUN)).transpose()?;
        let (principal, arn, key, invoked_by) = (text(NAMES[0])?, text(NAMES[1])?, text(NAMES[2])?, text(NAMES[3])?);
        Ok(Self { principal, arn, key, invoked_by, time: times(batch, table, "event_time")?, begun })
    }

    pub(super) fn id(&self, row: usize) -> Option<&'a str> {
        let said = |text: Text<'a>| text.get(row).filter(|t| !t.is_empty());
        said(self.principal).or_else(|| said(self.arn))
    }

    /// All that [`Sought::each`] looks at, but the time of a row that says neither key nor creation.
    fn naming(&self, row: usize) -> Option<Naming> {
        let principal = self.principal.view(row)?;
        let arn = if principal == 0 { self.arn.view(row)? } else { 0 };
        let service = if principal == 0 && arn == 0 { self.invoked_by.view(row)? } else { 0 };
        let begun = self.begun.filter(|begun| !begun.is_null(row)).map(|begun| begun.value(row));
        Some(Naming { principal, arn, key: self.key.view(row)?, service, begun })
    }
}

impl Sought {
    /// Adds what a subject is named with, at any time or in sessions that began in some seconds.
    pub(super) fn add_id(&mut self, id: String, begun: Option<Seconds>, subject: usize) {
        self.by_begun |= begun.is_some();
        self.principals.entry(id).or_default().add(begun, subject);
    }

    pub(super) fn add_role(&mut self, id: String, subject: usize) {
        self.roles.insert(id, subject);
    }

    pub(super) fn add_service(&mut self, name: String, subject: usize) {
        self.services.insert(name, subject);
    }

    pub(super) fn add_key(&mut self, key: String, subject: usize) {
        let of = self.keys.entry(key).or_default();
        if !of.contains(&subject) {
            of.push(subject);
        }
    }

    /// Whether a key is known to be somebody's.
    pub(super) fn has_key(&self, key: &str, subject: usize) -> bool {
        self.keys.get(key).is_some_and(|of| of.contains(&subject))
    }

    /// Whether an id is known to be somebody's in sessions that began in each of these seconds; at any time, where none are given.
    pub(super) fn has_id(&self, id: &str, begun: Option<&Seconds>, subject: usize) -> bool {
        self.principals.get(id).is_some_and(|of| of.holds(begun, subject))
    }

    /// The columns that name whom is sought: what tells nobody apart is not read, but keys where they are asked for.
    pub(super) fn columns(&self, with_keys: bool) -> impl Iterator<Item = &'static str> {
        let by_arn = self.principals.keys().any(|id| is_arn(id));
        let told = [true, by_arn, with_keys || !self.keys.is_empty(), !self.services.is_empty(), self.by_begun];
        NAMES.into_iter().chain([BEGUN]).zip(told).filter(|(_, is_told)| *is_told).map(|(column, _)| column)
    }

    /// The subjects that a row belongs to; one that it belongs to in two ways is told twice.
    pub(super) fn each(&self, names: &Names<'_>, row: usize, take: &mut dyn FnMut(usize)) {
        let Some(id) = names.id(row) else {
            if let Some(at) = names.invoked_by.get(row).and_then(|service| self.services.get(service)) {
                take(*at);
            }
            return;
        };
        let by_id = self.principals.get(id).into_iter().flat_map(|of| of.of(names, row));
        let by_key = if self.keys.is_empty() { None } else { names.key.get(row).and_then(|key| self.keys.get(key)) };
        let by_role = if self.roles.is_empty() { None } else { role_of(id).and_then(|role| self.roles.get(role)) };
        by_id.chain(by_key.into_iter().flatten().copied()).chain(by_role.copied()).for_each(take);
    }

    /// A condition that every row of those who are sought fulfils, where they are few.
    pub(super) fn condition(&self, table: &'static str) -> Option<Expr> {
        if self.principals.len() + self.keys.len() + self.roles.len() + self.services.len() > SOUGHT {
            return None;
        }
        let (arns, ids): (Vec<&String>, Vec<&String>) = self.principals.keys().partition(|id| is_arn(id));
        let mut all: Vec<Expr> = [one_of(NAMES[0], ids), one_of(NAMES[1], arns), one_of(NAMES[2], self.keys.keys())]
            .into_iter()
            .chain([one_of(NAMES[3], self.services.keys()).filter(|_| table == CLOUDTRAIL)])
            .flatten()
            .collect();
        let mut roles: Vec<&String> = self.roles.keys().collect();
        roles.sort_unstable();
        all.extend(roles.into_iter().map(|role| starts_with(col(NAMES[0]), lit(format!("{role}:")))));
        // Of nobody, where only services are sought: no call issued anything to them.
        Some(all.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false)))
    }
}
