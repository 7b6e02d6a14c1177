//! The events of a key, as far as counting them needs: read row group by row group, without the records.
//!
//! A busy key has ten thousand events that stand far apart, and a row of `raw` costs a page of it. What tells who called, and what became of the call, takes
//! a third of the time to read; of the few events that are told one by one the records are read afterwards, by where they stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use backtrail_cloudtrail::VERSION;
use backtrail_query::{RowGroup, SomeRows};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::Expr;

use crate::error::TimelineError;
use crate::event::{Event, Events, Text, with_all};
use crate::few::{ALWAYS, Found, MOST_BYTES};
use crate::lineage::{HOLDER_COLUMNS, SoughtRows, USED, Wanted};
use crate::source::{CLOUDTRAIL, Source};

/// What tells the kind of a call and what became of it, and what is counted, besides what tells the holder. No id: two have none in common, and a page of
/// them is as large as one of records.
const COUNTED: &[&str] = &[
    "raw_form",
    "error_code",
    "read_only",
    "request_parameters",
    "response_elements",
    "service_event_details",
    "unknown_fields",
    "source_ip_address",
];

/// Where an event stands: the part, and the row there.
pub(crate) type At = (usize, usize);

/// Events of a row group.
struct Part {
    group: RowGroup,
    rows: SomeRows,
    batch: RecordBatch,
}

/// Events with the columns of [`HOLDER_COLUMNS`] and [`COUNTED`] alone.
pub(crate) struct Narrow {
    parts: Vec<Part>,
    /// The condition that they, and no others, fulfil.
    pub(crate) condition: Expr,
}

impl Source {
    /// All events that were made with a key, which the condition tells. Their columns are those of their records where this version's decoder made them: what an
    /// older one wrote is decoded again, if the events are few.
    pub(crate) async fn of_key(&self, key: &str, condition: Expr) -> Result<Found<'static>, TimelineError> {
        if !self.is_all_read_since(VERSION).await? {
            return self.found(None, Some(condition), true).await;
        }
        let narrow = self.narrow(key, condition.clone()).await?;
        Ok(narrow.map_or(Found::Many(None, Some(condition)), Found::Narrow))
    }

    /// All events that were made with a key; `None` where they are too many, or not all of them are their own text.
    async fn narrow(&self, key: &str, condition: Expr) -> Result<Option<Narrow>, TimelineError> {
        let mut wanted = Wanted::default();
        wanted.add_key(key);
        let sought = SoughtRows::new(CLOUDTRAIL, &Arc::new(wanted), USED, &self.issued_keys);
        let columns: Vec<&str> = HOLDER_COLUMNS.iter().chain(COUNTED).copied().collect();
        let bytes = Arc::new(AtomicUsize::new(0));
        let is_too_much = {
            let bytes = Arc::clone(&bytes);
            move || bytes.load(Ordering::Relaxed) > MOST_BYTES
        };
        let (read, is_full) = (bytes, is_too_much.clone());
        let each = move |parts: &mut Vec<Part>, group: &RowGroup| {
            if is_full() {
                return Ok(());
            }
            let part = part(&sought, group, &columns).map_err(TimelineError::table(CLOUDTRAIL))?;
            if let Some(part) = part {
                let is_own = are_their_own_text(&part.batch)?;
                read.fetch_add(if is_own { part.batch.get_array_memory_size() } else { MOST_BYTES + 1 }, Ordering::Relaxed);
                parts.push(part);
            }
            Ok(())
        };
        let parts = self.spans_apart(CLOUDTRAIL, &[None], Vec::new, each).await?.into_iter().flatten().collect();
        Ok((!is_too_much()).then_some(Narrow { parts, condition }))
    }
}

fn part(sought: &SoughtRows, group: &RowGroup, columns: &[&str]) -> Result<Option<Part>> {
    let Some(rows) = sought.of(group)? else { return Ok(None) };
    let Some(batch) = group.read_some(columns, &rows)? else { return Ok(None) };
    Ok(Some(Part { group: group.clone(), rows, batch: with_all(without_dictionaries(&batch)?, ALWAYS)? }))
}

/// A dictionary is that of all rows of its row group: of some it would hold more than they have.
fn without_dictionaries(batch: &RecordBatch) -> Result<RecordBatch> {
    let plain = |array: &ArrayRef| match array.data_type() {
        DataType::Dictionary(..) => cast(array, &DataType::Utf8),
        _ => Ok(Arc::clone(array)),
    };
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns: Vec<(String, ArrayRef, bool)> =
        fields.map(|(field, array)| Ok((field.name().clone(), plain(array)?, true))).collect::<Result<_>>()?;
    if columns.is_empty() { Ok(batch.clone()) } else { Ok(RecordBatch::try_from_iter_with_nullable(columns)?) }
}

/// Whether the records of all of them can be decoded again.
fn are_their_own_text(batch: &RecordBatch) -> Result<bool, TimelineError> {
    let form = Text::of(batch, CLOUDTRAIL, "raw_form")?;
    Ok((0..batch.num_rows()).all(|row| form.get(row) != Some("projected")))
}

impl Narrow {
    /// Whether these columns were read.
    pub(crate) fn has(columns: &[&str]) -> bool {
        columns.iter().all(|column| HOLDER_COLUMNS.contains(column) || COUNTED.contains(column))
    }

    /// Runs `each` over them, in any order.
    pub(crate) fn each(&self, each: &mut dyn FnMut(At, &Event<'_>) -> Result<(), TimelineError>) -> Result<(), TimelineError> {
        for (number, part) in self.parts.iter().enumerate() {
            let events = Events::of(&part.batch)?;
            events.iter().enumerate().try_for_each(|(row, event)| each((number, row), &event))?;
        }
        Ok(())
    }

    /// Some of them with all columns; `None` where one cannot be decoded again.
    pub(crate) async fn whole(&self, some: impl IntoIterator<Item = At>) -> Result<Option<Vec<RecordBatch>>, TimelineError> {
        let mut wanted: Vec<Vec<bool>> = self.parts.iter().map(|part| vec![false; part.batch.num_rows()]).collect();
        for (part, row) in some {
            wanted[part][row] = true;
        }
        let chosen = self.parts.iter().zip(wanted).filter_map(|(part, wanted)| {
            let rows = part.rows.those(&BooleanArray::from(wanted))?;
            Some((part.group.clone(), rows))
        });
        Source::reread_rows(chosen.collect()).await
    }
}
