//! What was issued, read from the store's table `credentials`: as much of it as a question needs. A day of a large estate has more sessions
//! than an answer names, and a store has many days.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch};
use backtrail_model::issuance::{Issuance, is_access_key_id, known_method};
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::time::{MICROS_PER_DAY, format_date};
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, col, create_udf, lit};
use hashbrown::{HashMap, HashSet};

use crate::error::TimelineError;
use crate::event::{Event, Events, Text, flags};
use crate::lineage::holder::write_key;
use crate::lineage::{Actors, Holder, Issued, Lineage, motion};
use crate::principal::PrincipalKind;
use crate::source::{Source, instant};

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
/// So few names are written into the condition, where the reader can skip what does not hold them by statistics; more are looked up in a set.
const SOUGHT: usize = 64;
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

/// Who appears in the events of a window that fulfil a condition, each once with the time of the first of them.
pub(crate) async fn holders(
    source: &Source,
    window: Option<&Window>,
    condition: Option<Expr>,
) -> Result<Vec<(Holder, Option<i64>)>, TimelineError> {
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
    source.in_any_order(window, condition, HOLDER_COLUMNS, &mut take).await?;
    Ok(holders)
}

impl Actors {
    /// For the events of a window that fulfil a condition.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn read(source: &Source, window: Option<&Window>, condition: Option<Expr>) -> Result<Self, TimelineError> {
        let holders: Vec<Holder> = holders(source, window, condition).await?.into_iter().map(|(holder, _)| holder).collect();
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
        fetch(source, Some(col(column).eq(lit(value.to_owned()))), None, &mut met).await?;
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
        let (mut asked, mut made) = (Wanted::default(), Vec::new());
        let mut callers = Wanted::of_callers(holders.iter().map(Caller::of), &asked);
        let mut known = holders;
        while !callers.is_empty() && known.len() < most {
            let below = callers.fetch_made(source).await?;
            asked.keys.extend(callers.keys);
            asked.sessions.extend(callers.sessions);
            // The calls' own holders, so that all that may have issued them is read, too.
            known.extend(below.iter().map(|one| one.holder.clone()));
            callers = Wanted::of_callers(below.iter().map(Caller::issued), &asked);
            made.extend(below);
        }
        made.extend(above(source, known, None).await?);
        let motions = motion::read(source, None, sought, &mut made).await?;
        Ok(Self::with(Lineage::new(made), motions))
    }
}

/// The records of every call in the chains above these holders. Whom another account's record means is sought in and about the window.
async fn above(source: &Source, holders: Vec<Holder>, window: Option<&Window>) -> Result<Vec<Issued>, TimelineError> {
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
    all.extend(Wanted::of_accounts(&holders, window).fetch_made(source).await?);
    let known = Known::of(all);
    let mut climbed = HashSet::new();
    let mut ahead: Vec<Holder> = holders;
    let mut asked = Wanted::default();
    loop {
        // Of the few, those that may stand above somebody here; all of them would lead through the whole store.
        let mut next = 0;
        while let Some(holder) = ahead.get(next) {
            let above: Vec<Holder> = known.above(holder).filter(|at| climbed.insert(*at)).map(|at| all[at].holder.clone()).collect();
            ahead.extend(above);
            next += 1;
        }
        let wanted = Wanted::of(&ahead, &asked);
        if wanted.is_empty() {
            return Ok(());
        }
        let met = wanted.fetch(source).await?;
        ahead = met.iter().map(|one| one.holder.clone()).collect();
        all.extend(met);
        asked.keys.extend(wanted.keys);
        asked.sessions.extend(wanted.sessions);
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
struct Caller<'a> {
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

    fn issued(one: &'a Issued) -> Self {
        Self { key: one.what.access_key_id.as_deref(), session: one.what.principal_id.as_deref() }
    }
}

async fn few(source: &Source) -> Result<Vec<Issued>, TimelineError> {
    let mut all = Vec::new();
    let methods = FEW.iter().map(|m| lit(*m)).collect();
    fetch(source, Some(col("method").in_list(methods, false)), None, &mut all).await?;
    Ok(all)
}

/// Names sought in `credentials`, and when what bears them was issued.
#[derive(Default)]
struct Wanted {
    keys: HashSet<String>,
    sessions: HashSet<String>,
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
            let mut is_new = false;
            let key = holder.principal.access_key_id.as_ref().filter(|k| is_access_key_id(k) && !asked.keys.contains(*k));
            is_new |= key.is_some_and(|k| wanted.keys.insert(k.clone()));
            let session = holder.principal.principal_id.as_ref().filter(|_| holder.since().is_some());
            // One name serves many sessions: it is asked for again at another time.
            is_new |= session.is_some_and(|s| wanted.sessions.insert(s.clone())) && !session.is_some_and(|s| asked.sessions.contains(s));
            match holder.since() {
                Some(t) => wanted.created = Some(wanted.created.map_or((t, t), |(from, to)| (from.min(t), to.max(t)))),
                None => wanted.is_open |= is_new,
            }
        }
        if wanted.keys.is_empty() && wanted.sessions.iter().all(|s| asked.sessions.contains(s)) {
            wanted.sessions.clear();
        }
        wanted
    }

    fn of_callers<'a>(callers: impl Iterator<Item = Caller<'a>>, asked: &Self) -> Self {
        let mut wanted = Self { is_open: true, ..Self::default() };
        for caller in callers {
            wanted.keys.extend(caller.key.filter(|k| is_access_key_id(k) && !asked.keys.contains(*k)).map(str::to_owned));
            wanted.sessions.extend(caller.session.filter(|s| !asked.sessions.contains(*s)).map(str::to_owned));
        }
        wanted
    }

    /// Calls made by principals whom other accounts' records name by their unique id alone.
    fn of_accounts(holders: &[Holder], window: Option<&Window>) -> Self {
        let accounts = holders.iter().filter(|h| h.principal.kind == PrincipalKind::Account);
        let sessions = accounts.filter_map(|h| h.principal.principal_id.clone()).collect();
        Self { sessions, created: window.map(|w| (w.from(), w.to())), is_open: window.is_none(), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.sessions.is_empty()
    }

    async fn fetch(&self, source: &Source) -> Result<Vec<Issued>, TimelineError> {
        let condition = [self.in_time(), self.named("issued_access_key_id", "issued_principal_id")].into_iter().flatten().reduce(Expr::and);
        self.fetch_where(source, condition, ("issued_access_key_id", "issued_principal_id")).await
    }

    /// The calls made with these keys and in these sessions.
    async fn fetch_made(&self, source: &Source) -> Result<Vec<Issued>, TimelineError> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let columns = ("user_identity_access_key_id", "user_identity_principal_id");
        let condition = [self.in_time(), self.named(columns.0, columns.1)].into_iter().flatten().reduce(Expr::and);
        self.fetch_where(source, condition, columns).await
    }

    async fn fetch_where(
        &self,
        source: &Source,
        condition: Option<Expr>,
        (key, session): (&'static str, &'static str),
    ) -> Result<Vec<Issued>, TimelineError> {
        let mut met = Vec::new();
        fetch(source, condition, Some((self, key, session)), &mut met).await?;
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

    fn named(&self, key: &str, session: &str) -> Option<Expr> {
        let are_many = self.keys.len() + self.sessions.len() > SOUGHT;
        let list = |column: &str, set: &HashSet<String>| {
            let mut names: Vec<&String> = set.iter().collect();
            names.sort_unstable();
            let names = (!names.is_empty()).then_some(names)?;
            Some(if are_many {
                among(column, set.clone())
            } else {
                col(column).in_list(names.into_iter().map(|n| lit(n.clone())).collect(), false)
            })
        };
        [list(key, &self.keys), list(session, &self.sessions)].into_iter().flatten().reduce(Expr::or)
    }
}

/// Whether a column has one of many names: a function the reader calls before it reads the other columns of a row.
fn among(column: &str, names: HashSet<String>) -> Expr {
    let call = move |arguments: &[ColumnarValue]| {
        let array = match arguments.first() {
            Some(ColumnarValue::Array(array)) => Arc::clone(array),
            Some(ColumnarValue::Scalar(value)) => value.to_array()?,
            None => return exec_err!("among() without a column"),
        };
        let Some(texts) = array.as_string_view_opt() else { return exec_err!("among() of a column that is no text") };
        let has = (0..texts.len()).map(|row| !texts.is_null(row) && names.contains(texts.value(row)));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from_iter(has.map(Some)))))
    };
    create_udf("among", vec![DataType::Utf8View], DataType::Boolean, Volatility::Immutable, Arc::new(call)).call(vec![col(column)])
}

/// Names, and the columns that must have one of them: of keys, and of sessions.
type Named<'a> = (&'a Wanted, &'static str, &'static str);

async fn fetch(source: &Source, condition: Option<Expr>, named: Option<Named<'_>>, all: &mut Vec<Issued>) -> Result<(), TimelineError> {
    let mut frame = source.table(TABLE).await?;
    if let Some(condition) = condition {
        frame = frame.filter(condition).map_err(TimelineError::table(TABLE))?;
    }
    Source::batches(TABLE, frame, &mut |batch| take(batch, named, all)).await
}

fn take(batch: &RecordBatch, named: Option<Named<'_>>, all: &mut Vec<Issued>) -> Result<(), TimelineError> {
    let events = Events::of(batch)?;
    let text = |column| Text::of(batch, TABLE, column);
    let (method, key, principal) = (text("method")?, text("issued_access_key_id")?, text("issued_principal_id")?);
    let (arn, subject, portal) = (text("issued_arn")?, text("issued_subject")?, flags(batch, TABLE, "by_identity_center")?);
    let own = |column: Text<'_>, row| column.get(row).map(str::to_owned);
    let named = named.map(|(wanted, key, session)| Ok::<_, TimelineError>((wanted, text(key)?, text(session)?))).transpose()?;
    let fits = |row: &usize| {
        let has = |set: &HashSet<String>, column: Text<'_>| column.get(*row).is_some_and(|v| set.contains(v));
        named.as_ref().is_none_or(|(wanted, key, session)| has(&wanted.keys, *key) || has(&wanted.sessions, *session))
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
