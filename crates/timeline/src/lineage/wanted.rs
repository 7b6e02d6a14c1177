//! Names of credentials that are sought, and when what bears them was issued: as a condition the reader skips by.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use backtrail_model::issuance::{is_access_key_id, is_portal, is_sign_in, sets_password};
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_SECOND, format_date};
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::{HashMap, HashSet};

use crate::ends::widened;
use crate::lineage::holder::second;
use crate::lineage::links::begun_at;
use crate::lineage::{Holder, Issued};
use crate::principal::PrincipalKind;
use crate::source::{SOUGHT, decided, instant, one_of, time_type};

/// The columns that say which credentials a row is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) key: &'static str,
    pub(super) session: &'static str,
    /// When the session began.
    pub(super) begun: &'static str,
    /// Whether a row that does not say when may still be of the session.
    pub(super) may_be_silent: bool,
}

impl Columns {
    /// Whether hardly two rows have the same: what was issued, unlike what was used.
    pub(super) fn is_unlike(self) -> bool {
        self.key == ISSUED.key
    }
}

/// Of calls by what they issued.
pub(super) const ISSUED: Columns =
    Columns { key: "issued_access_key_id", session: "issued_principal_id", begun: "event_time", may_be_silent: false };
/// Of calls, and of all events, by what they were made with.
pub(crate) const USED: Columns = Columns {
    key: "user_identity_access_key_id",
    session: "user_identity_principal_id",
    begun: "session_creation_date",
    may_be_silent: true,
};

/// What a caller is known by in the calls it makes.
pub(super) struct Caller<'a> {
    key: Option<&'a str>,
    session: Option<&'a str>,
    /// The second in which the session began; none where it may have begun at any time.
    begun: Option<i64>,
    /// The call that issued what it uses, where that is how it is known.
    pub(super) by: Option<&'a Issued>,
}

impl<'a> Caller<'a> {
    pub(super) fn of(holder: &'a Holder) -> Self {
        Self {
            key: holder.principal.access_key_id.as_deref(),
            session: holder.principal.principal_id.as_deref().filter(|_| holder.created.is_some()),
            begun: holder.created.map(second),
            by: None,
        }
    }

    /// Whoever uses what a call issued. Who signed in works in sessions that begin later.
    pub(super) fn issued(one: &'a Issued) -> Self {
        let is_sign_in = is_sign_in(one.what.method) || is_portal(one.what.method);
        let is_password = sets_password(one.what.method);
        Self {
            key: one.what.access_key_id.as_deref(),
            session: one.what.principal_id.as_deref(),
            begun: one.time.filter(|_| !is_sign_in && !is_password).map(second),
            by: Some(one),
        }
    }
}

/// The seconds in which sessions of one unique id began: services have thousands of one.
#[derive(Debug, PartialEq, Eq)]
enum Begun {
    AtAnyTime,
    In(HashSet<i64>),
}

impl Begun {
    fn add(&mut self, at: Option<i64>) {
        match (&mut *self, at) {
            (Self::AtAnyTime, _) => {}
            (Self::In(seconds), Some(at)) => _ = seconds.insert(at),
            (Self::In(_), None) => *self = Self::AtAnyTime,
        }
    }

    /// Whether a row may be of one of the sessions that says of its own that it began then.
    fn may_be(&self, begun: Option<i64>, columns: Columns) -> bool {
        self.covers(begun) || (columns.may_be_silent && begun.is_none())
    }

    /// Whether all that `at` stands for is among them.
    fn covers(&self, at: Option<i64>) -> bool {
        match self {
            Self::AtAnyTime => true,
            Self::In(seconds) => at.is_some_and(|at| seconds.contains(&at)),
        }
    }
}

/// Names sought, and when what bears them was issued.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    keys: HashSet<String>,
    /// Sessions by unique id.
    sessions: HashMap<String, Begun>,
    /// Earliest and latest creation of the sessions.
    created: Option<(i64, i64)>,
    /// Some of them do not say when they were created.
    is_open: bool,
}

impl Wanted {
    /// What may have issued these holders' credentials, unless it was asked for before.
    pub(super) fn of(holders: &[Holder], asked: &Self) -> Self {
        let mut wanted = Self::default();
        for holder in holders.iter().filter(|h| h.is_temporary()) {
            let key = holder.principal.access_key_id.as_ref().filter(|k| is_access_key_id(k) && !asked.keys.contains(*k));
            let mut is_new = key.is_some_and(|k| wanted.keys.insert(k.clone()));
            for (session, begun) in
                holder.principal.principal_id.as_ref().into_iter().zip(begun_at(holder)).flat_map(|(s, all)| all.map(move |at| (s, at)))
            {
                if !asked.has_session(session, Some(begun)) && !wanted.has_session(session, Some(begun)) {
                    wanted.add_session(session, Some(begun));
                    is_new = true;
                }
            }
            match holder.since().filter(|_| is_new) {
                Some(t) => wanted.created = widened(wanted.created, t),
                None => wanted.is_open |= is_new,
            }
        }
        wanted
    }

    /// What these callers may have called, unless it was asked for before.
    pub(super) fn of_callers<'a>(callers: impl Iterator<Item = Caller<'a>>, asked: &Self) -> Self {
        let mut wanted = Self { is_open: true, ..Self::default() };
        for caller in callers {
            wanted.keys.extend(caller.key.filter(|k| is_access_key_id(k) && !asked.keys.contains(*k)).map(str::to_owned));
            if let Some(session) = caller.session.filter(|s| !asked.has_session(s, caller.begun)) {
                wanted.add_session(session, caller.begun);
            }
        }
        wanted
    }

    /// What is made with what these calls issued.
    pub(crate) fn of_issued<'a>(issued: impl Iterator<Item = &'a Issued>) -> Self {
        Self::of_callers(issued.map(Caller::issued), &Self::default())
    }

    /// Calls made by principals whom other accounts' records name by their unique id alone.
    pub(super) fn of_accounts(holders: &[Holder], window: Option<&Window>) -> Self {
        let mut wanted = Self { created: window.map(|w| (w.from(), w.to())), is_open: window.is_none(), ..Self::default() };
        for id in holders.iter().filter(|h| h.principal.kind == PrincipalKind::Account).filter_map(|h| h.principal.principal_id.as_ref()) {
            wanted.add_session(id, None);
        }
        wanted
    }

    /// Notes what was asked for.
    pub(super) fn note(&mut self, asked: &Self) {
        self.keys.extend(asked.keys.iter().cloned());
        for (session, begun) in &asked.sessions {
            match begun {
                Begun::AtAnyTime => self.add_session(session, None),
                Begun::In(seconds) => seconds.iter().for_each(|at| self.add_session(session, Some(*at))),
            }
        }
    }

    pub(crate) fn add_key(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
    }

    /// Adds a session that began in this second; one that began at any time, where none is given.
    pub(crate) fn add_session(&mut self, id: &str, begun: Option<i64>) {
        self.sessions.entry_ref(id).or_insert_with(|| Begun::In(HashSet::new())).add(begun);
    }

    /// Whether a session of this id that began then is among those sought.
    fn has_session(&self, id: &str, begun: Option<i64>) -> bool {
        self.sessions.get(id).is_some_and(|sought| sought.covers(begun))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.sessions.is_empty()
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    pub(super) fn has_sessions(&self) -> bool {
        !self.sessions.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    pub(super) fn has_key(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Whether sessions of this id are sought, whenever they began.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.sessions.contains_key(id)
    }

    /// The seconds in which the sessions began; `None` where one may have begun at any time.
    pub(super) fn seconds(&self) -> Option<HashSet<i64>> {
        let mut all = HashSet::new();
        for begun in self.sessions.values() {
            let Begun::In(seconds) = begun else { return None };
            all.extend(seconds.iter().copied());
        }
        Some(all)
    }

    /// When rows of the sessions are, where nothing else is sought and rows say by their own time when a session began: microseconds, the first inside
    /// and the last outside.
    pub(super) fn span_of_seconds(&self, columns: Columns) -> Option<(i64, i64)> {
        if self.has_keys() || columns.begun != ISSUED.begun {
            return None;
        }
        let (first, last) = self.seconds()?.into_iter().fold(None, widened)?;
        Some((first.saturating_mul(MICROS_PER_SECOND), last.saturating_add(1).saturating_mul(MICROS_PER_SECOND)))
    }

    /// When the calls were made, microseconds, both ends inside. A day to either side: a pipeline may have lost the call's own time.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let (from, to) = self.created.filter(|_| !self.is_open)?;
        Some((from.saturating_sub(MICROS_PER_DAY), to.saturating_add(MICROS_PER_DAY)))
    }

    /// The same as a condition.
    pub(super) fn in_time(&self) -> Option<Expr> {
        let (from, to) = self.span()?;
        let inside = col("event_time").gt_eq(instant(from)).and(col("event_time").lt_eq(instant(to)));
        let dates = col(EVENT_DATE).gt_eq(lit(format_date(from))).and(col(EVENT_DATE).lt_eq(lit(format_date(to))));
        Some(inside.and(dates))
    }

    /// A condition that exactly the rows of what is sought fulfil; `None` where nothing is.
    pub(crate) fn condition(self: &Arc<Self>, columns: Columns) -> Option<Expr> {
        if self.is_empty() {
            return None;
        }
        let sought = self.is_sought(columns);
        if self.keys.len() + self.sessions.len() > SOUGHT {
            return Some(sought);
        }
        let sessions =
            one_of(columns.session, self.sessions.keys()).map(|listed| self.begun_in(columns).into_iter().fold(listed, Expr::and));
        let listed = [one_of(columns.key, &self.keys), sessions].into_iter().flatten().reduce(Expr::or);
        Some(listed.into_iter().fold(sought, |sought, listed| listed.and(sought)))
    }

    /// From the first second in which one of the sessions began to the last.
    fn begun_in(&self, columns: Columns) -> Option<Expr> {
        let mut ends = None;
        for begun in self.sessions.values() {
            let Begun::In(seconds) = begun else { return None };
            ends = seconds.iter().fold(ends, |ends, at| widened(ends, *at));
        }
        let (first, last) = ends?;
        let at = |second: i64| instant(second.saturating_mul(MICROS_PER_SECOND));
        let inside = col(columns.begun).gt_eq(at(first)).and(col(columns.begun).lt(at(last.saturating_add(1))));
        Some(if columns.may_be_silent { inside.or(col(columns.begun).is_null()) } else { inside })
    }

    /// The exact rule for a row: its key, the id of its session, and the second in which that began.
    pub(super) fn is_of(&self, columns: Columns, key: Option<&str>, session: Option<&str>, begun: Option<i64>) -> bool {
        let has_session = || session.and_then(|id| self.sessions.get(id)).is_some_and(|sought| sought.may_be(begun, columns));
        key.is_some_and(|key| self.keys.contains(key)) || has_session()
    }

    /// The same for the engine.
    fn is_sought(self: &Arc<Self>, columns: Columns) -> Expr {
        let wanted = Arc::clone(self);
        let types = [(columns.key, DataType::Utf8View), (columns.session, DataType::Utf8View), (columns.begun, time_type())];
        decided("is_sought", &types, move |arrays| {
            let texts = |at: usize| arrays.get(at)?.as_string_view_opt();
            let (keys, sessions) = (texts(0)?, texts(1)?);
            let times = arrays.get(2)?.as_primitive_opt::<TimestampMicrosecondType>()?;
            let is_session = |row: usize| {
                let begun = (!times.is_null(row)).then(|| second(times.value(row)));
                wanted.sessions.get(sessions.value(row)).is_some_and(|sought| sought.may_be(begun, columns))
            };
            let (mut of_keys, mut of_sessions) = (Told::default(), Told::default());
            let is_sought = |row: usize| {
                let by_key = !keys.is_null(row) && of_keys.is(keys.views()[row], || wanted.keys.contains(keys.value(row)));
                let mut has_session = || of_sessions.is(sessions.views()[row], || wanted.sessions.contains_key(sessions.value(row)));
                Some(by_key || (!sessions.is_null(row) && has_session() && is_session(row)))
            };
            Some((0..times.len()).map(is_sought).collect())
        })
    }
}

/// What was found of the texts of a column, by their views: values of a dictionary are views of one place, and need no second look. Of views that fall
/// into one slot the last is known.
struct Told(Vec<(u128, bool)>);

impl Told {
    const SLOTS: usize = 1 << 10;

    fn is(&mut self, view: u128, look: impl FnOnce() -> bool) -> bool {
        // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4) of length, beginning, buffer and offset.
        let mixed = ((view >> 64) as u64 ^ view as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.0[(mixed >> (u64::BITS - Self::SLOTS.trailing_zeros())) as usize];
        if slot.0 != view {
            *slot = (view, look());
        }
        slot.1
    }
}

impl Default for Told {
    fn default() -> Self {
        // No text is so long.
        Self(vec![(u128::MAX, false); Self::SLOTS])
    }
}

#[cfg(test)]
impl Wanted {
    /// Nothing yet, of what was created from a first to a last time.
    pub(super) fn between(first: i64, last: i64) -> Self {
        Self { created: Some((first, last)), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_by_their_views_though_slots_are_few() {
        let mut told = Told::default();
        let views = (0..3 * Told::SLOTS as u128).map(|n| (n << 96) | (n % 7));
        for view in views.clone().chain(views.clone()).chain(views.flat_map(|view| [view, view])) {
            assert_eq!(told.is(view, || view % 5 == 0), view % 5 == 0, "{view}");
        }
        let mut looks = 0;
        (0..10).for_each(|_| {
            _ = told.is(3, || {
                looks += 1;
                true
            })
        });
        assert_eq!(looks, 1);
    }
}
