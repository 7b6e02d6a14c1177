//! What was issued, read from the store's table `credentials`: as much of it as a question needs. A day of a large estate has more sessions
//! than an answer names, and a store has many days.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use backtrail_model::issuance::{Issuance, is_access_key_id, known_method};
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::time::{MICROS_PER_DAY, format_date};
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::{HashMap, HashSet};

use crate::ends::widened;
use crate::error::TimelineError;
use crate::event::{Event, Events, Text, flags};
use crate::few::Found;
use crate::lineage::holder::{second, write_key};
use crate::lineage::links::begun_at;
use crate::lineage::{Actors, Holder, Issued, Lineage, motion};
use crate::principal::PrincipalKind;
use crate::source::{SOUGHT, Source, decided, instant, one_of, time_type};

const TABLE: &str = "credentials";
/// Calls that are few, and tied to their uses by more than a key and a creation time: all of them are read.
const FEW: [&str; 10] = [
    "AssumeRoot",
    "ConsoleLogin",
    "CreateAccessKey",
    "CreateLoginProfile",
    "CreateOAuth2Token",
    "CreateSession",
    "Federate",
    "GetRoleCredentials",
    "SwitchRole",
    "UpdateLoginProfile",
];
/// Columns of an event that tell its holder.
const HOLDER_COLUMNS: &[&str] = &[
    "event_time",
    "event_source",
    "event_type",
    "recipient_account_id",
    "record_index",
    "shared_event_id",
    "session_credential_from_console",
    "session_creation_date",
    "session_mfa_authenticated",
    "session_issuer_arn",
    "session_issuer_user_name",
    "session_source_identity",
    "session_ec2_role_delivery",
    "session_sign_in_session_arn",
    "user_identity_type",
    "user_identity_principal_id",
    "user_identity_arn",
    "user_identity_account_id",
    "user_identity_access_key_id",
    "user_identity_user_name",
    "user_identity_invoked_by",
    "user_identity_identity_provider",
    "user_identity_on_behalf_of_user_id",
    "user_identity_in_scope_of",
];

/// Who appears in these events, each once with the time of the first of them.
pub(crate) async fn holders(source: &Source, found: &Found<'_>) -> Result<Vec<(Holder, Option<i64>)>, TimelineError> {
    let (mut seen, mut key): (HashMap<String, usize>, String) = Default::default();
    let mut holders: Vec<(Holder, Option<i64>)> = Vec::new();
    let mut take = |event: &Event<'_>| {
        key.clear();
        write_key(event, &mut key);
        match seen.get(key.as_str()) {
            Some(at) => holders[*at].1 = holders[*at].1.into_iter().chain(event.event_time).min(),
            None => {
                seen.insert(key.clone(), holders.len());
                holders.push((Holder::of(event), event.event_time));
            }
        }
        Ok(())
    };
    found.in_any_order(source, HOLDER_COLUMNS, &mut take).await?;
    Ok(holders)
}

impl Actors {
    /// For the events of a window that fulfil a condition.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn read(source: &Source, window: Option<&Window>, condition: Option<Expr>) -> Result<Self, TimelineError> {
        Self::behind(source, window, &Found::Many(window, condition)).await
    }

    /// For events of a window.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn behind(source: &Source, window: Option<&Window>, found: &Found<'_>) -> Result<Self, TimelineError> {
        let holders: Vec<Holder> = holders(source, found).await?.into_iter().map(|(holder, _)| holder).collect();
        let sought = motion::Sought::of(holders.iter());
        let mut issued = above(source, holders, window).await?;
        let motions = motion::read(source, window, sought, &mut issued).await?;
        Ok(Self::with(Lineage::new(issued), motions))
    }
}

impl Lineage {
    /// The calls that issued what has this value in a column.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn that_issued(source: &Source, column: &str, value: &str) -> Result<Vec<Issued>, TimelineError> {
        let mut met = Vec::new();
        fetch(source, Some(col(column).eq(lit(value.to_owned()))), &Which::All, &mut met).await?;
        Ok(met)
    }
}

impl Actors {
    /// By every call in the chains above these holders, and every call that their holders and those below them made.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn around(source: &Source, holders: Vec<Holder>, most: usize) -> Result<Self, TimelineError> {
        let sought = motion::Sought::of(holders.iter());
        let mut made = below(source, holders.iter().map(Caller::of), None, most.saturating_sub(holders.len())).await?;
        // The calls' own holders, so that all that may have issued them is read, too.
        let known = holders.into_iter().chain(made.iter().map(|one| one.holder.clone())).collect();
        made.extend(above(source, known, None).await?);
        let motions = motion::read(source, None, sought, &mut made).await?;
        Ok(Self::with(Lineage::new(made), motions))
    }
}

/// Calls made with what these callers hold, with what those calls issued, and so on; no further once they are so many.
pub(super) async fn below<'c>(
    source: &Source,
    callers: impl Iterator<Item = Caller<'c>>,
    span: Option<&Expr>,
    most: usize,
) -> Result<Vec<Issued>, TimelineError> {
    let (mut asked, mut made) = (Wanted::default(), Vec::new());
    let mut wanted = Arc::new(Wanted::of_callers(callers, &asked));
    while !wanted.is_empty() && made.len() < most {
        let met = wanted.fetch_made(source, span).await?;
        asked.note(&wanted);
        wanted = Arc::new(Wanted::of_callers(met.iter().map(Caller::issued), &asked));
        made.extend(met);
    }
    Ok(made)
}

/// The calls that callers of a kind made; `None` where they are more than so many.
pub(super) async fn made_by(
    source: &Source,
    condition: Expr,
    is_meant: &(dyn Fn(&Event<'_>) -> bool + Sync),
    most: usize,
) -> Result<Option<Vec<Issued>>, TimelineError> {
    let mut met = Vec::new();
    let frame = source.table(TABLE).await?.filter(condition).map_err(TimelineError::table(TABLE))?;
    Source::batches_while(TABLE, frame, &mut |batch| {
        take(batch, &Which::MadeBy(is_meant), &mut met)?;
        Ok(met.len() <= most)
    })
    .await?;
    Ok((met.len() <= most).then_some(met))
}

/// The records of every call in the chains above these holders. Whom another account's record means is sought in and about the window.
pub(super) async fn above(source: &Source, holders: Vec<Holder>, window: Option<&Window>) -> Result<Vec<Issued>, TimelineError> {
    let mut all = few(source).await?;
    climb(source, &mut all, holders, window).await?;
    Ok(all)
}

/// Adds the records of every call in the chains above these holders to those known, the few among them.
pub(super) async fn climb(
    source: &Source,
    all: &mut Vec<Issued>,
    holders: Vec<Holder>,
    window: Option<&Window>,
) -> Result<(), TimelineError> {
    let meant = Arc::new(Wanted::of_accounts(&holders, window)).fetch_made(source, None).await?;
    // Those whom another account's record means are led further as they are.
    let mut ahead: Vec<Holder> = holders.into_iter().chain(meant.iter().map(|one| one.holder.clone())).collect();
    all.extend(meant);
    let known = Known::of(all);
    let mut climbed = HashSet::new();
    let mut asked = Wanted::default();
    loop {
        // Of the few, those that may stand above somebody here; all of them would lead through the whole store.
        let mut next = 0;
        while let Some(holder) = ahead.get(next) {
            let above: Vec<Holder> = known.above(holder).filter(|at| climbed.insert(*at)).map(|at| all[at].holder.clone()).collect();
            ahead.extend(above);
            next += 1;
        }
        let wanted = Arc::new(Wanted::of(&ahead, &asked));
        if wanted.is_empty() {
            return Ok(());
        }
        let met = wanted.fetch(source).await?;
        ahead = met.iter().map(|one| one.holder.clone()).collect();
        all.extend(met);
        asked.note(&wanted);
    }
}

/// The few calls by all that may tie them to a use: the rules of [`Lineage::parents`] decide later.
struct Known(HashMap<String, Vec<usize>>);

impl Known {
    fn of(few: &[Issued]) -> Self {
        let mut known: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, one) in few.iter().enumerate() {
            let what = &one.what;
            for name in [&what.access_key_id, &what.principal_id, &what.arn, &one.holder.sign_in_session_arn].into_iter().flatten() {
                known.entry(name.clone()).or_default().push(at);
            }
        }
        Self(known)
    }

    fn above(&self, holder: &Holder) -> impl Iterator<Item = usize> + '_ {
        let principal = &holder.principal;
        let user = principal.arn.as_deref().map(super::links::without_path);
        let names = [
            principal.access_key_id.clone(),
            principal.principal_id.clone(),
            principal.arn.clone(),
            user,
            holder.sign_in_session_arn.clone(),
        ];
        names.into_iter().flatten().filter_map(|name| self.0.get(&name)).flatten().copied()
    }
}

/// What a caller is known by in the calls it makes.
pub(super) struct Caller<'a> {
    key: Option<&'a str>,
    session: Option<&'a str>,
}

impl<'a> Caller<'a> {
    fn of(holder: &'a Holder) -> Self {
        Self {
            key: holder.principal.access_key_id.as_deref(),
            session: holder.principal.principal_id.as_deref().filter(|_| holder.created.is_some()),
        }
    }

    pub(super) fn issued(one: &'a Issued) -> Self {
        Self { key: one.what.access_key_id.as_deref(), session: one.what.principal_id.as_deref() }
    }
}

async fn few(source: &Source) -> Result<Vec<Issued>, TimelineError> {
    let mut all = Vec::new();
    fetch(source, one_of("method", FEW), &Which::All, &mut all).await?;
    Ok(all)
}

/// Names sought in `credentials`, and when what bears them was issued.
#[derive(Default)]
pub(super) struct Wanted {
    keys: HashSet<String>,
    /// Sessions by unique id, with the seconds in which they can have been issued: services have thousands of one id. None: at any time.
    sessions: HashMap<String, HashSet<i64>>,
    /// Earliest and latest creation of the sessions.
    created: Option<(i64, i64)>,
    /// Some of them do not say when they were created.
    is_open: bool,
}

impl Wanted {
    /// What may have issued these holders' credentials, unless it was asked for before.
    fn of(holders: &[Holder], asked: &Self) -> Self {
        let mut wanted = Self::default();
        for holder in holders.iter().filter(|h| h.is_temporary()) {
            let key = holder.principal.access_key_id.as_ref().filter(|k| is_access_key_id(k) && !asked.keys.contains(*k));
            let mut is_new = key.is_some_and(|k| wanted.keys.insert(k.clone()));
            for (session, begun) in
                holder.principal.principal_id.as_ref().into_iter().zip(begun_at(holder)).flat_map(|(s, all)| all.map(move |at| (s, at)))
            {
                let is_asked = asked.sessions.get(session).is_some_and(|seconds| seconds.contains(&begun));
                is_new |= !is_asked && wanted.sessions.entry_ref(session).or_default().insert(begun);
            }
            match holder.since().filter(|_| is_new) {
                Some(t) => wanted.created = widened(wanted.created, t),
                None => wanted.is_open |= is_new,
            }
        }
        wanted
    }

    /// Notes what was asked for.
    fn note(&mut self, asked: &Self) {
        self.keys.extend(asked.keys.iter().cloned());
        for (session, seconds) in &asked.sessions {
            self.sessions.entry_ref(session).or_default().extend(seconds);
        }
    }

    /// Whether a session of this id, issued then, is among those sought.
    fn has_session(&self, id: &str, time: Option<i64>) -> bool {
        self.sessions.get(id).is_some_and(|seconds| seconds.is_empty() || time.is_some_and(|t| seconds.contains(&second(t))))
    }

    pub(super) fn of_callers<'a>(callers: impl Iterator<Item = Caller<'a>>, asked: &Self) -> Self {
        let mut wanted = Self { is_open: true, ..Self::default() };
        for caller in callers {
            wanted.keys.extend(caller.key.filter(|k| is_access_key_id(k) && !asked.keys.contains(*k)).map(str::to_owned));
            wanted.sessions.extend(caller.session.filter(|s| !asked.sessions.contains_key(*s)).map(|s| (s.to_owned(), HashSet::new())));
        }
        wanted
    }

    /// Sessions and users by their unique id alone.
    pub(super) fn add_sessions(&mut self, ids: impl Iterator<Item = String>) {
        self.sessions.extend(ids.map(|id| (id, HashSet::new())));
    }

    /// Calls made by principals whom other accounts' records name by their unique id alone.
    fn of_accounts(holders: &[Holder], window: Option<&Window>) -> Self {
        let accounts = holders.iter().filter(|h| h.principal.kind == PrincipalKind::Account);
        let sessions = accounts.filter_map(|h| Some((h.principal.principal_id.clone()?, HashSet::new()))).collect();
        Self { sessions, created: window.map(|w| (w.from(), w.to())), is_open: window.is_none(), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.sessions.is_empty()
    }

    async fn fetch(self: &Arc<Self>, source: &Source) -> Result<Vec<Issued>, TimelineError> {
        let condition = [self.in_time(), self.named("issued_access_key_id", "issued_principal_id")].into_iter().flatten().reduce(Expr::and);
        self.fetch_where(source, condition, ("issued_access_key_id", "issued_principal_id")).await
    }

    /// The calls made with these keys and in these sessions.
    async fn fetch_made(self: &Arc<Self>, source: &Source, span: Option<&Expr>) -> Result<Vec<Issued>, TimelineError> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let columns = ("user_identity_access_key_id", "user_identity_principal_id");
        let condition = [span.cloned(), self.in_time(), self.named(columns.0, columns.1)].into_iter().flatten().reduce(Expr::and);
        self.fetch_where(source, condition, columns).await
    }

    async fn fetch_where(
        &self,
        source: &Source,
        condition: Option<Expr>,
        (key, session): (&'static str, &'static str),
    ) -> Result<Vec<Issued>, TimelineError> {
        let mut met = Vec::new();
        fetch(source, condition, &Which::Named(self, key, session), &mut met).await?;
        Ok(met)
    }

    /// A day to either side: a pipeline may have lost the call's own time.
    fn in_time(&self) -> Option<Expr> {
        let (from, to) = self.created.filter(|_| !self.is_open)?;
        let (from, to) = (from.saturating_sub(MICROS_PER_DAY), to.saturating_add(MICROS_PER_DAY));
        let inside = col("event_time").gt_eq(instant(from)).and(col("event_time").lt_eq(instant(to)));
        let dates = col(EVENT_DATE).gt_eq(lit(format_date(from))).and(col(EVENT_DATE).lt_eq(lit(format_date(to))));
        Some(inside.and(dates))
    }

    pub(super) fn named(self: &Arc<Self>, key: &str, session: &str) -> Option<Expr> {
        if self.keys.len() + self.sessions.len() > SOUGHT {
            return Some(is_sought(self, key, session));
        }
        [one_of(key, &self.keys), one_of(session, self.sessions.keys())].into_iter().flatten().reduce(Expr::or)
    }
}

/// Whether a row has one of many names.
fn is_sought(wanted: &Arc<Wanted>, key: &str, session: &str) -> Expr {
    let wanted = Arc::clone(wanted);
    let columns = [(key, DataType::Utf8View), (session, DataType::Utf8View), ("event_time", time_type())];
    decided("is_sought", &columns, move |columns| {
        let texts = |at: usize| columns.get(at)?.as_string_view_opt();
        let (keys, sessions) = (texts(0)?, texts(1)?);
        let times = columns.get(2)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let has = (0..times.len()).map(|row| {
            let is_key = !keys.is_null(row) && wanted.keys.contains(keys.value(row));
            let time = (!times.is_null(row)).then(|| times.value(row));
            Some(is_key || (!sessions.is_null(row) && wanted.has_session(sessions.value(row), time)))
        });
        Some(has.collect())
    })
}

/// Which of the rows that were read count.
enum Which<'a> {
    All,
    /// Names, and the columns that must have one of them: of keys, and of sessions.
    Named(&'a Wanted, &'static str, &'static str),
    /// Those whose caller is meant.
    MadeBy(&'a (dyn Fn(&Event<'_>) -> bool + Sync)),
}

async fn fetch(source: &Source, condition: Option<Expr>, which: &Which<'_>, all: &mut Vec<Issued>) -> Result<(), TimelineError> {
    let mut frame = source.table(TABLE).await?;
    if let Some(condition) = condition {
        frame = frame.filter(condition).map_err(TimelineError::table(TABLE))?;
    }
    Source::batches(TABLE, frame, &mut |batch| take(batch, which, all)).await
}

fn take(batch: &RecordBatch, which: &Which<'_>, all: &mut Vec<Issued>) -> Result<(), TimelineError> {
    let events = Events::of(batch)?;
    let text = |column| Text::of(batch, TABLE, column);
    let (method, key, principal) = (text("method")?, text("issued_access_key_id")?, text("issued_principal_id")?);
    let (arn, subject, portal) = (text("issued_arn")?, text("issued_subject")?, flags(batch, TABLE, "by_identity_center")?);
    let own = |column: Text<'_>, row| column.get(row).map(str::to_owned);
    let named = match which {
        Which::Named(_, key, session) => (text(key)?, text(session)?),
        Which::All | Which::MadeBy(_) => (Text::Absent, Text::Absent),
    };
    let fits = |row: &usize| match which {
        Which::All => true,
        Which::Named(wanted, ..) => {
            let is_key = named.0.get(*row).is_some_and(|key| wanted.keys.contains(key));
            is_key || named.1.get(*row).is_some_and(|session| wanted.has_session(session, events.get(*row).event_time))
        }
        Which::MadeBy(is_meant) => is_meant(&events.get(*row)),
    };
    for row in (0..batch.num_rows()).filter(fits) {
        // A method this version does not know was written by a later one: it joins by rules of its own.
        let Some(method) = method.get(row).and_then(known_method) else { continue };
        let what = Issuance {
            method,
            access_key_id: own(key, row),
            principal_id: own(principal, row),
            arn: own(arn, row),
            subject: own(subject, row),
            by_identity_center: !portal.is_null(row) && portal.value(row),
        };
        all.push(Issued::by(&events.get(row), what));
    }
    Ok(())
}
