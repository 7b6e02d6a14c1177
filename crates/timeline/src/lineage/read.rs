//! What was issued, read from the store's table `credentials`: as much of it as a question needs. A day of a large estate has more sessions
//! than an answer names, and a store has many days.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use backtrail_model::calls::{ISSUING_CALLS, PASSWORD_ENDS};
use backtrail_model::issuance::{Issuance, is_portal, is_sign_in, issuing_method, known_method, sets_password};
use backtrail_model::tables::Table;
use backtrail_model::time::MICROS_PER_SECOND;
use backtrail_model::window::Window;
use backtrail_query::{RowGroup, SomeRows};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::{HashMap, HashSet};

use crate::ends::{Met, earlier, widened};
use crate::error::TimelineError;
use crate::event::{Event, Events, Text, flags, with_all};
use crate::few::Found;
use crate::lineage::holder::{second, write_key};
use crate::lineage::links::without_path;
use crate::lineage::wanted::{Caller, Columns, ISSUED, USED, Wanted};
use crate::lineage::{Actors, Holder, Issued, Lineage, PasswordEnds, SoughtRows, motion, passwords};
use crate::source::{Source, one_of, within};

const TABLE: &str = "credentials";
/// The portal's record of a session and Identity Center's assertion for it lie closer together than this.
pub(super) const MOMENTS: i64 = 5 * MICROS_PER_SECOND;
/// Calls recorded by several accounts whose callers' own records are sought.
const MOST_SHARED: usize = 100_000;
/// Columns of the table that no chain needs: they say which copies are one.
const UNNEEDED: &[&str] = &["dedupe_key", "copy_rank", "record_sha256"];
/// Where a record stands: how what has no id is cited.
const PLACE: &[&str] = &["evidence_id", "record_index"];
/// Columns that are there though no row of a row group has a value.
const ALWAYS: &[&str] = &["event_time", "record_index", "by_identity_center"];
/// Columns of an event that tell its holder.
pub(crate) const HOLDER_COLUMNS: &[&str] = &[
    "event_time",
    "event_source",
    "event_name",
    "event_type",
    "error_message",
    "recipient_account_id",
    "record_index",
    "shared_event_id",
    "session_credential_from_console",
    "session_assumed_root",
    "session_creation_date",
    "session_mfa_authenticated",
    "session_issuer_arn",
    "session_issuer_user_name",
    "session_issuer_principal_id",
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
    holders_with(source, found, &mut |_| {}).await
}

/// The same, showing each event.
async fn holders_with(
    source: &Source,
    found: &Found<'_>,
    show: &mut dyn FnMut(&Event<'_>),
) -> Result<Vec<(Holder, Option<i64>)>, TimelineError> {
    let (mut seen, mut key): (HashMap<String, usize>, String) = Default::default();
    let mut holders: Vec<(Holder, Option<i64>)> = Vec::new();
    let mut take = |event: &Event<'_>| {
        show(event);
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

/// The `sharedEventID` of another account's record that names its caller by a unique id alone, of a call that `credentials` does not have.
fn shared_elsewhere(event: &Event<'_>) -> Option<String> {
    let is_anothers = event.user_identity_type == Some("AWSAccount");
    let is_issuing = || issuing_method(event.event_source.unwrap_or_default(), event.event_name.unwrap_or_default()).is_some();
    event.shared_event_id.filter(|_| is_anothers && !is_issuing()).map(str::to_owned)
}

/// Who made these calls, as the callers' own records have it: in and about the window, for clocks differ.
async fn callers(source: &Source, window: Option<&Window>, shared: HashSet<String>) -> Result<HashMap<String, Holder>, TimelineError> {
    let Some(named) = one_of("shared_event_id", shared.into_iter().take(MOST_SHARED)) else { return Ok(HashMap::new()) };
    let about = window.and_then(|w| Window::between(w.from().saturating_sub(MOMENTS), w.to().saturating_add(MOMENTS)).ok());
    let own = col("user_identity_type").not_eq(lit("AWSAccount"));
    let mut met: HashMap<String, (Met, Holder)> = HashMap::new();
    let mut take = |event: &Event<'_>| {
        let Some(id) = event.shared_event_id else { return Ok(()) };
        // Of several, which only a forger can make, the first.
        if let Some(first) = earlier(met.get(id).map(|(first, _)| first), event.event_time, || event.citation()) {
            met.insert(id.to_owned(), (first, Holder::of(event)));
        }
        Ok(())
    };
    let columns: Vec<&str> = HOLDER_COLUMNS.iter().copied().chain(["event_id", "evidence_id"]).collect();
    source.in_any_order(about.as_ref().or(window), Some(own.and(named)), &columns, &mut take).await?;
    Ok(met.into_iter().map(|(id, (_, holder))| (id, holder)).collect())
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
        let mut shared = HashSet::new();
        let mut note = |event: &Event<'_>| shared.extend(shared_elsewhere(event));
        // Every chain asks for the few: they are read meanwhile.
        let (met, _) = futures::future::try_join(holders_with(source, found, &mut note), few(source)).await?;
        let callers = callers(source, window, shared).await?;
        let holders: Vec<Holder> = met.into_iter().map(|(holder, _)| holder).chain(callers.values().cloned()).collect();
        let sought = motion::Sought::of(holders.iter());
        let mut issued = above(source, holders, window).await?;
        let motions = motion::read(source, window, sought, &mut issued).await?;
        Ok(Self::with(lineage_of(source, issued).with_callers(callers), motions))
    }
}

impl Lineage {
    /// The calls that issued what has this value in a column.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn that_issued(source: &Source, column: &str, value: &str) -> Result<Vec<Issued>, TimelineError> {
        fetch(source, Some(col(column).eq(lit(value.to_owned())))).await
    }
}

impl Actors {
    /// By every call in the chains above these holders, and every call that their holders and those below them made; and the same of these
    /// calls and what they issued; and by every other call that may have issued the same.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn around(source: &Source, holders: Vec<Holder>, issued: Vec<Issued>, most: usize) -> Result<Self, TimelineError> {
        let sought = motion::Sought::of(holders.iter());
        let callers = holders.iter().map(Caller::of).chain(issued.iter().map(Caller::issued));
        let mut made = below(source, callers, None, most.saturating_sub(holders.len())).await?;
        made.extend(issued);
        let same = issued_at_once(source, &made).await?;
        made.extend(same);
        // The calls' own holders, so that all that may have issued them is read, too.
        let known = holders.into_iter().chain(made.iter().map(|one| one.holder.clone())).collect();
        made.extend(above(source, known, None).await?);
        let motions = motion::read(source, None, sought, &mut made).await?;
        Ok(Self::with(lineage_of(source, made), motions))
    }
}

/// Calls made with what these callers hold, with what those calls issued, and so on; no further once they are so many.
pub(super) async fn below<'c>(
    source: &Source,
    callers: impl Iterator<Item = Caller<'c>>,
    span: Option<&Expr>,
    most: usize,
) -> Result<Vec<Issued>, TimelineError> {
    let callers: Vec<Caller<'c>> = callers.collect();
    let mut asked = Wanted::default();
    let mut made = opened_with(source, callers.iter().filter_map(|caller| caller.by)).await?;
    let mut wanted = Arc::new(Wanted::of_callers(callers.into_iter().chain(made.iter().map(Caller::issued)), &asked));
    while !wanted.is_empty() && made.len() < most {
        let mut met = fetch_made(source, &wanted, span).await?;
        let opened = opened_with(source, met.iter()).await?;
        met.extend(opened);
        asked.note(&wanted);
        wanted = Arc::new(Wanted::of_callers(met.iter().map(Caller::issued), &asked));
        made.extend(met);
    }
    Ok(made)
}

/// The calls that issued sessions of the same id as these in the same second: what was done may be of either.
async fn issued_at_once(source: &Source, made: &[Issued]) -> Result<Vec<Issued>, TimelineError> {
    let mut sessions = Wanted::default();
    for (id, time) in
        made.iter().filter(|one| !is_sign_in(one.what.method)).filter_map(|one| one.what.principal_id.as_deref().zip(one.time))
    {
        sessions.add_session(id, Some(second(time)));
    }
    fetch_sought(source, &Arc::new(sessions), ISSUED).await
}

/// Sessions that may have been opened with what these calls gave, though no key or session of the caller says so: sign-ins with a password, roles
/// switched to after a sign-in, and Identity Center's assertions for calls of its portal. The rules of [`Lineage::parents`] decide later.
async fn opened_with(source: &Source, issued: impl Iterator<Item = &Issued>) -> Result<Vec<Issued>, TimelineError> {
    let (mut users, mut signed_in, mut portal): (HashSet<String>, HashSet<&str>, Option<(i64, i64)>) = Default::default();
    for one in issued {
        match one.what.method {
            method if sets_password(method) => users.extend(one.what.arn.as_deref().map(without_path)),
            method if is_portal(method) => portal = one.time.map_or(portal, |t| widened(portal, t)),
            method if is_sign_in(method) => signed_in.extend(one.what.arn.as_deref()),
            _ => {}
        }
    }
    let mut met = Vec::new();
    if !users.is_empty() || !signed_in.is_empty() {
        let is_theirs = |one: &Issued| one.holder.principal.arn.as_deref().is_some_and(|arn| users.contains(&without_path(arn)));
        let is_switch = |one: &Issued| one.switched_from().is_some_and(|from| signed_in.contains(from));
        met.extend(
            few(source).await?.issued.iter().filter(|one| is_switch(one) || (is_sign_in(one.what.method) && is_theirs(one))).cloned(),
        );
    }
    if let Some(span) = portal.and_then(|(first, last)| Window::between(first.saturating_sub(MOMENTS), last.saturating_add(MOMENTS)).ok()) {
        let asserted = col("method").eq(lit("AssumeRoleWithSAML")).and(col("by_identity_center").is_true());
        met.extend(fetch(source, Some(asserted.and(within(&span)))).await?);
    }
    Ok(met)
}

/// The calls that callers of a kind made; `None` where they are more than so many.
pub(super) async fn made_by(
    source: &Source,
    condition: Expr,
    is_meant: &(dyn Fn(&Event<'_>) -> bool + Sync),
    most: usize,
) -> Result<Option<Vec<Issued>>, TimelineError> {
    let mut met = Vec::new();
    let frame = calls(source).await?.filter(condition).map_err(TimelineError::table(TABLE))?;
    Source::batches_while(TABLE, frame, &mut |batch| {
        take(batch, is_meant, &mut |_, call| met.push(call))?;
        Ok(met.len() <= most)
    })
    .await?;
    Ok((met.len() <= most).then_some(met))
}

/// The records of every call in the chains above these holders. Whom another account's record means is sought in and about the window.
pub(super) async fn above(source: &Source, holders: Vec<Holder>, window: Option<&Window>) -> Result<Vec<Issued>, TimelineError> {
    let mut all = few(source).await?.issued.clone();
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
    let meant = fetch_made(source, &Arc::new(Wanted::of_accounts(&holders, window)), None).await?;
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
            let above: Vec<Holder> = known.above(holder).filter(|at| climbed.insert(*at)).flat_map(|at| all[at].callers()).collect();
            ahead.extend(above);
            next += 1;
        }
        let wanted = Arc::new(Wanted::of(&ahead, &asked));
        if wanted.is_empty() {
            return Ok(());
        }
        let met = fetch_issued(source, &wanted).await?;
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
        let user = principal.arn.as_deref().map(without_path);
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

/// The calls that every chain may lead through.
#[derive(Debug)]
pub(crate) struct FewIssued {
    /// The calls that are few, and tied to their uses by more than a key and a creation time: all of them.
    issued: Vec<Issued>,
    /// What ended the passwords among them.
    password_ends: Arc<PasswordEnds>,
}

async fn few(source: &Source) -> Result<&FewIssued, TimelineError> {
    if let Some(known) = source.few_issued.get() {
        return Ok(known);
    }
    let (mut issued, mut ends) = (Vec::new(), PasswordEnds::default());
    let mut take = |event: &Event<'_>| {
        issued.extend(Issued::of(event));
        ends.take(event);
        Ok(())
    };
    if !source.pivotal(None, &[ISSUING_CALLS, PASSWORD_ENDS].concat(), &mut take).await? {
        issued = fetch(source, one_of("method", ISSUING_CALLS.iter().copied())).await?;
        // What ends passwords is among all events then: not sought where none was set.
        if issued.iter().any(|one| sets_password(one.what.method)) {
            let mut take = |event: &Event<'_>| {
                ends.take(event);
                Ok(())
            };
            source.few(None, one_of("event_name", passwords::names()), &mut take).await?;
        }
    }
    Ok(source.few_issued.get_or_init(|| FewIssued { issued, password_ends: Arc::new(ends) }))
}

/// Of these calls, with what is known of all passwords.
pub(super) fn lineage_of(source: &Source, issued: Vec<Issued>) -> Lineage {
    let ends = source.few_issued.get().map(|few| Arc::clone(&few.password_ends)).unwrap_or_default();
    Lineage::new(issued).with_password_ends(ends)
}

/// The calls that issued what is wanted.
async fn fetch_issued(source: &Source, wanted: &Arc<Wanted>) -> Result<Vec<Issued>, TimelineError> {
    fetch_sought(source, wanted, ISSUED).await
}

/// The calls made with what is wanted.
async fn fetch_made(source: &Source, wanted: &Arc<Wanted>, span: Option<&Expr>) -> Result<Vec<Issued>, TimelineError> {
    // Which calls may be meant is told by more than when they were made.
    let Some(span) = span else { return fetch_sought(source, wanted, USED).await };
    let Some(named) = wanted.condition(USED) else { return Ok(Vec::new()) };
    let condition = [Some(span.clone()), wanted.in_time(), Some(named)].into_iter().flatten().reduce(Expr::and);
    fetch(source, condition).await
}

/// The calls that are about what is wanted.
async fn fetch_sought(source: &Source, wanted: &Arc<Wanted>, columns: Columns) -> Result<Vec<Issued>, TimelineError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let sought = SoughtRows::new(TABLE, wanted, columns, &source.issued_keys);
    let (spans, held) = ([sought.span()], Arc::clone(&source.issued_keys));
    let each = move |met: &mut Vec<Issued>, group: &RowGroup| {
        let Some(rows) = sought.of(group).map_err(TimelineError::table(TABLE))? else { return Ok(()) };
        let (known, unknown) = held.known(group, &rows);
        met.extend(known);
        if let Some(unknown) = unknown {
            let read = of_rows(group, &unknown)?;
            met.extend(read.iter().map(|(_, call)| call.clone()));
            held.keep(group, read.into_iter());
        }
        Ok(())
    };
    let met: Vec<Issued> = source.spans_apart(TABLE, &spans, Vec::new, each).await?.into_iter().flatten().collect();
    tracing::debug!(table = TABLE, rows = met.len(), "read");
    Ok(met)
}

/// The calls of some rows of a row group, with the numbers of the rows.
fn of_rows(group: &RowGroup, rows: &SomeRows) -> Result<Vec<(usize, Issued)>, TimelineError> {
    let failed = TimelineError::table(TABLE);
    let needed = || Table::Credentials.columns().iter().map(|column| column.name).filter(|name| !UNNEEDED.contains(name));
    let without_place: Vec<&str> = needed().filter(|name| !PLACE.contains(name)).collect();
    let Some(mut batch) = group.read_some(&without_place, rows).map_err(&failed)? else { return Ok(Vec::new()) };
    let ids = Text::of(&batch, TABLE, "event_id")?;
    if (0..batch.num_rows()).any(|row| ids.get(row).is_none_or(str::is_empty)) {
        let Some(whole) = group.read_some(&needed().collect::<Vec<_>>(), rows).map_err(&failed)? else { return Ok(Vec::new()) };
        batch = whole;
    }
    let (numbers, mut met): (Vec<usize>, Vec<(usize, Issued)>) = (rows.numbers().collect(), Vec::new());
    take(&with_all(batch, ALWAYS).map_err(&failed)?, &|_| true, &mut |row, call| met.extend(numbers.get(row).map(|row| (*row, call))))?;
    Ok(met)
}

async fn fetch(source: &Source, condition: Option<Expr>) -> Result<Vec<Issued>, TimelineError> {
    let mut frame = calls(source).await?;
    if let Some(condition) = condition {
        frame = frame.filter(condition).map_err(TimelineError::table(TABLE))?;
    }
    let mut all = Vec::new();
    Source::batches(TABLE, frame, &mut |batch| take(batch, &|_| true, &mut |_, call| all.push(call))).await?;
    Ok(all)
}

/// The table, as far as chains need it.
async fn calls(source: &Source) -> Result<DataFrame, TimelineError> {
    source.table(TABLE).await?.drop_columns(UNNEEDED).map_err(TimelineError::table(TABLE))
}

/// Takes the calls that a rule lets through, with their rows.
fn take(batch: &RecordBatch, is_meant: &dyn Fn(&Event<'_>) -> bool, each: &mut dyn FnMut(usize, Issued)) -> Result<(), TimelineError> {
    let events = Events::of(batch)?;
    let text = |column| Text::of(batch, TABLE, column);
    let (method, key, principal) = (text("method")?, text("issued_access_key_id")?, text("issued_principal_id")?);
    let (arn, subject, portal) = (text("issued_arn")?, text("issued_subject")?, flags(batch, TABLE, "by_identity_center")?);
    let own = |column: Text<'_>, row| column.get(row).map(str::to_owned);
    for row in (0..batch.num_rows()).filter(|row| is_meant(&events.get(*row))) {
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
        each(row, Issued::by(&events.get(row), what));
    }
    Ok(())
}
