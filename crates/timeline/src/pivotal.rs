//! The calls that later events depend on, read where their records stand together: in `pivotal_calls`, not among all events of the store.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use backtrail_model::calls::{NAMING_CALLS, TASK_CALLS};
use backtrail_model::window::Window;
use backtrail_query::RowGroup;
use datafusion::arrow::compute::min;
use datafusion::logical_expr::{Expr, col, lit};

use crate::error::TimelineError;
use crate::event::{Event, Events};
use crate::few::{Met, reread};
use crate::source::{Source, one_of, within};

/// The version of the decoder that began to write `pivotal_calls`, and those that added calls to it.
const SINCE: i32 = 7;
const NAMING_SINCE: i32 = 8;
const TASKS_SINCE: i32 = 10;
const PIVOTAL_CALLS: &str = "pivotal_calls";
/// Bytes of their records up to which all of them are kept in memory: what set something in motion is asked for round by round.
const MOST_KEPT: usize = 48 << 20;
const EVIDENCE: &str = "evidence";

/// What is kept of these calls in memory.
#[derive(Debug, Clone, Default)]
pub(crate) enum Pivotal {
    #[default]
    Unread,
    /// Too much: they are sought by name each time.
    Sought,
    Kept(Arc<Vec<RecordBatch>>),
}

/// Since which version a call is written to it.
fn written_since(name: &str) -> i32 {
    match name {
        _ if TASK_CALLS.contains(&name) => TASKS_SINCE,
        _ if NAMING_CALLS.contains(&name) => NAMING_SINCE,
        _ => SINCE,
    }
}

impl Source {
    /// Runs `each` over the events of a window whose calls have one of these names, in any order; all the names are pivotal
    /// (`backtrail_model::calls::is_pivotal`). False where they do not all stand together, or are too many to be in memory at once: nothing was run.
    pub(crate) async fn pivotal(
        &self,
        window: Option<&Window>,
        names: &[&str],
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<bool, TimelineError> {
        let since = names.iter().map(|name| written_since(name)).max().unwrap_or(SINCE);
        if !self.is_all_read_since(since).await? {
            return Ok(false);
        }
        if let Pivotal::Kept(kept) = self.pivotal_kept().await? {
            let is_meant = |event: &Event<'_>| {
                event.event_name.is_some_and(|name| names.contains(&name)) && window.is_none_or(|window| event.is_in(window))
            };
            for batch in kept.iter() {
                Events::of(batch)?.iter().filter(is_meant).try_for_each(|event| each(&event))?;
            }
            return Ok(true);
        }
        let Some(named) = one_of("event_name", names.iter().copied()) else { return Ok(true) };
        let condition = window.map(within).into_iter().fold(named, Expr::and);
        let frame = self.table(PIVOTAL_CALLS).await?.filter(condition).map_err(TimelineError::table(PIVOTAL_CALLS))?;
        let Some(events) = reread(PIVOTAL_CALLS, frame).await? else { return Ok(false) };
        Events::of(&events)?.iter().try_for_each(|event| each(&event))?;
        Ok(true)
    }

    /// All of them, decoded on all threads, where they are few enough to be kept and all of them are their own text.
    async fn pivotal_kept(&self) -> Result<Pivotal, TimelineError> {
        // Several ask at once: one of them reads.
        let mut known = self.pivotal.lock().await;
        if matches!(*known, Pivotal::Unread) {
            let groups = self.row_groups(PIVOTAL_CALLS, None).await?;
            let bytes = groups.iter().fold(0usize, |bytes, group| bytes.saturating_add(group.bytes_of("raw")));
            *known = Pivotal::Sought;
            if bytes <= MOST_KEPT {
                let each = |met: &mut Met, group: &RowGroup| met.take_group(PIVOTAL_CALLS, group);
                let all = Met::all(Self::apart(groups, Met::one_of_several(), each).await?);
                *known = all.map_or(Pivotal::Sought, |all| Pivotal::Kept(Arc::new(all)));
            }
            tracing::debug!(table = PIVOTAL_CALLS, bytes, "read");
        }
        Ok(known.clone())
    }

    /// The same, among all events where they do not stand together.
    pub(crate) async fn called(
        &self,
        window: Option<&Window>,
        names: &[&str],
        each: &mut dyn FnMut(&Event<'_>) -> Result<(), TimelineError>,
    ) -> Result<(), TimelineError> {
        if self.pivotal(window, names, each).await? {
            return Ok(());
        }
        self.few(window, one_of("event_name", names.iter().copied()), each).await
    }

    /// Whether all evidence was read by this version of the decoder or a later one.
    pub(crate) async fn is_all_read_since(&self, version: i32) -> Result<bool, TimelineError> {
        // Several ask at once: one of them reads.
        let mut known = self.oldest_reading.lock().await;
        if let Some(oldest) = *known {
            return Ok(oldest >= version);
        }
        let failed = TimelineError::table(EVIDENCE);
        let read = col("decoder").eq(lit("cloudtrail"));
        let frame = self.table(EVIDENCE).await?.filter(read).and_then(|f| f.select_columns(&["decoder_version"])).map_err(failed)?;
        let mut oldest = i32::MAX;
        Self::batches(EVIDENCE, frame, &mut |batch| {
            let versions = batch.column(0).as_primitive_opt::<Int32Type>();
            oldest = oldest.min(versions.and_then(min).unwrap_or(i32::MAX));
            Ok(())
        })
        .await?;
        *known = Some(oldest);
        Ok(oldest >= version)
    }
}
