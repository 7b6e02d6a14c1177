//! How many events there are of each account, region, log and hour: mostly what the files say of themselves, else counted row by row. And which
//! accounts have events long before or after.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, RecordBatch};
use backtrail_model::tables::EVENT_DATE;
use backtrail_model::tally::{Cell, Counted, Counter, Tally};
use backtrail_model::time::{MICROS_PER_HOUR, format_date};
use backtrail_model::window::Window;
use datafusion::logical_expr::{Expr, col, lit};

use crate::error::TimelineError;
use crate::event::{Text, flags, times};
use crate::source::{CLOUDTRAIL, Source, instant, is_date_of, one_of};

/// Events by account, region, log and hour.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// In the window.
    pub(crate) inside: Vec<Cell>,
    /// Beside it.
    pub(crate) beside: Vec<Cell>,
    /// Accounts with events further away.
    pub(crate) far: BTreeMap<String, Far>,
}

/// Where the events of an account lie that are far from a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Far {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

impl Cells {
    /// Notes that an account has events far from a window, on one side of it.
    fn note_far(&mut self, account: &str, is_before: bool) {
        let far = match self.far.get_mut(account) {
            Some(far) => far,
            None => self.far.entry(account.to_owned()).or_default(),
        };
        *if is_before { &mut far.before } else { &mut far.after } = true;
    }
}

/// The account of records that name none, as files and coverage tell of it.
const NO_ACCOUNT: &str = "unknown";

/// An account as records name it; empty where they name none.
pub(crate) fn as_recorded(account: &str) -> &str {
    if account == NO_ACCOUNT { "" } else { account }
}

/// The first event of each account on each date, microseconds UTC.
pub(crate) type FirstByDate = BTreeMap<String, BTreeMap<String, i64>>;

/// Since when there are events of each account.
pub(crate) struct FirstEvents {
    /// As far as files say it of themselves.
    pub(crate) met: FirstByDate,
    /// Dates of which some file does not.
    pub(crate) untold: Vec<String>,
}

/// What the files of the store say of themselves.
#[derive(Debug, Default)]
pub(crate) struct ToldByFiles {
    /// By date, where each file of it says what it holds.
    told: BTreeMap<String, Vec<Tally>>,
    /// Dates of which some file does not.
    untold: BTreeSet<String>,
}

impl ToldByFiles {
    /// Read once a session: that opens the footer of every file.
    pub(crate) fn of(source: &Source) -> &Self {
        source.told_by_files.get_or_init(|| Self::read(source))
    }

    fn read(source: &Source) -> Self {
        let mut known = Self::default();
        for (date, tally) in source.tallies() {
            match tally {
                Some(tally) => known.told.entry(date).or_default().push(tally),
                None => _ = known.untold.insert(date),
            }
        }
        known.told.retain(|date, _| !known.untold.contains(date));
        known
    }

    /// Events of an account in the hour of an instant; `None` where not every file of that date says.
    pub(crate) fn events_in_hour(&self, account: &str, time: i64) -> Option<u64> {
        if self.untold.contains(&format_date(time)) {
            return None;
        }
        let hour = time.div_euclid(MICROS_PER_HOUR);
        let cells = self.told.get(&format_date(time)).into_iter().flatten().flat_map(|tally| &tally.cells);
        let of_account = cells.filter(|cell| cell.account == account && cell.hour == hour && !cell.log.tells_of_events());
        Some(of_account.map(|cell| cell.events).sum())
    }

    /// The first event before an instant of each account on each date.
    pub(crate) fn first_events_before(&self, at: i64) -> FirstEvents {
        let date = format_date(at);
        let mut met = FirstByDate::new();
        for (date, tallies) in self.told.range(..=date.clone()) {
            for cell in tallies.iter().flat_map(|tally| &tally.cells).filter(|cell| cell.first < at) {
                let dates = met.entry(as_recorded(&cell.account).to_owned()).or_default();
                dates.entry(date.clone()).and_modify(|first| *first = cell.first.min(*first)).or_insert(cell.first);
            }
        }
        FirstEvents { met, untold: self.untold.range(..=date).cloned().collect() }
    }

    /// The dates of a stretch of time on which objects may have been deleted where logs are delivered.
    pub(super) fn log_objects_deleted(&self, around: Option<&Window>) -> Vec<&str> {
        let is_inside = is_date_of(around);
        let deleted = self.told.iter().filter(|(_, tallies)| tallies.iter().any(|t| t.log_objects > 0)).map(|(date, _)| date);
        deleted.chain(&self.untold).map(String::as_str).filter(|date| is_inside(date)).collect()
    }
}

/// Counts the events of a stretch of time by account, region, log and hour, those inside the window apart from those beside it, and notes which
/// accounts have events elsewhere.
pub(crate) async fn cells(
    source: &Source,
    known: &ToldByFiles,
    around: Option<&Window>,
    window: Option<&Window>,
) -> Result<Cells, TimelineError> {
    let (mut cells, mut cut) = (Cells::default(), BTreeSet::new());
    for cell in known.told.values().flatten().flat_map(|tally| &tally.cells) {
        match (lies(cell.hour, around), lies(cell.hour, window)) {
            (Lies::Outside, _) => cells.note_far(&cell.account, window.is_some_and(|window| cell.first < window.from())),
            (Lies::Inside, Lies::Inside) => cells.inside.push(cell.clone()),
            (Lies::Inside, Lies::Outside) => cells.beside.push(cell.clone()),
            (Lies::Across, _) | (_, Lies::Across) => _ = cut.insert(cell.hour),
        }
    }
    let is_near = is_date_of(around);
    let (near, far): (Vec<&String>, Vec<&String>) = known.untold.iter().partition(|date| is_near(date));
    let hour = |hour: &i64| {
        let from = hour.saturating_mul(MICROS_PER_HOUR);
        let to = from.saturating_add(MICROS_PER_HOUR);
        col(EVENT_DATE).eq(lit(format_date(from))).and(col("event_time").gt_eq(instant(from))).and(col("event_time").lt(instant(to)))
    };
    let rows = one_of(EVENT_DATE, near).into_iter().chain(cut.iter().map(hour)).reduce(Expr::or);
    if let Some(rows) = rows {
        count(source, rows, around, window, &mut cells).await?;
    }
    if let Some(rows) = one_of(EVENT_DATE, far) {
        meet(source, rows, window, &mut cells).await?;
    }
    Ok(cells)
}

/// How an hour lies to a window.
enum Lies {
    Inside,
    Outside,
    Across,
}

fn lies(hour: i64, window: Option<&Window>) -> Lies {
    let (from, to) = (hour.saturating_mul(MICROS_PER_HOUR), hour.saturating_add(1).saturating_mul(MICROS_PER_HOUR));
    match window {
        Some(w) if to <= w.from() || w.to() <= from => Lies::Outside,
        Some(w) if from < w.from() || w.to() < to => Lies::Across,
        _ => Lies::Inside,
    }
}

/// Counts rows. (A generic aggregation over six columns took three times as long as reading them.)
async fn count(
    source: &Source,
    rows: Expr,
    around: Option<&Window>,
    window: Option<&Window>,
    cells: &mut Cells,
) -> Result<(), TimelineError> {
    let frame = source.events(around, [col("event_time").is_not_null(), rows]).await?;
    let columns = ["event_time", "recipient_account_id", "aws_region", "event_category", "management_event", "id_conflict"];
    let frame = frame.select_columns(&columns).map_err(TimelineError::table(CLOUDTRAIL))?;
    let (mut inside, mut beside) = (Counter::default(), Counter::default());
    let is_inside = |time: i64| window.is_none_or(|w| w.contains(time));
    Source::batches(CLOUDTRAIL, frame, &mut |batch| {
        take(batch, &mut |event| if event.time.is_some_and(is_inside) { inside.add(event) } else { beside.add(event) })
    })
    .await?;
    cells.inside.extend(inside.tally().cells);
    cells.beside.extend(beside.tally().cells);
    Ok(())
}

/// Notes the accounts of dates that are far from a window; the date of a row tells on which side it is.
async fn meet(source: &Source, dates: Expr, window: Option<&Window>, cells: &mut Cells) -> Result<(), TimelineError> {
    let Some(first) = window.map(|window| format_date(window.from())) else { return Ok(()) };
    let frame = source.events(None, [dates]).await?;
    let frame = frame.select_columns(&[EVENT_DATE, "recipient_account_id"]).map_err(TimelineError::table(CLOUDTRAIL))?;
    Source::batches(CLOUDTRAIL, frame, &mut |batch| {
        let text = |column| Text::of(batch, CLOUDTRAIL, column);
        let (date, account) = (text(EVENT_DATE)?, text("recipient_account_id")?);
        for row in 0..batch.num_rows() {
            let is_before = date.get(row).is_some_and(|date| date < first.as_str());
            cells.note_far(account.get(row).unwrap_or(NO_ACCOUNT), is_before);
        }
        Ok(())
    })
    .await
}

fn take(batch: &RecordBatch, each: &mut dyn FnMut(&Counted<'_>)) -> Result<(), TimelineError> {
    let text = |column| Text::of(batch, CLOUDTRAIL, column);
    let (account, region, category) = (text("recipient_account_id")?, text("aws_region")?, text("event_category")?);
    let (management, conflict) = (flags(batch, CLOUDTRAIL, "management_event")?, flags(batch, CLOUDTRAIL, "id_conflict")?);
    let time = times(batch, CLOUDTRAIL, "event_time")?;
    for row in 0..batch.num_rows() {
        each(&Counted {
            time: (!time.is_null(row)).then(|| time.value(row)),
            account: account.get(row),
            region: region.get(row),
            category: category.get(row),
            management: (!management.is_null(row)).then(|| management.value(row)),
            conflict: !conflict.is_null(row) && conflict.value(row),
            ..Counted::default()
        });
    }
    Ok(())
}
