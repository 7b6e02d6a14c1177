//! The calls that later events depend on, read where their records stand together: in `pivotal_calls`, not among all events of the store.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use backtrail_model::calls::{NAMING_CALLS, TASK_CALLS};
use backtrail_model::window::Window;
use datafusion::arrow::compute::min;
use datafusion::logical_expr::{Expr, col, lit};

use crate::error::TimelineError;
use crate::event::{Event, Events};
use crate::few::reread;
use crate::source::{Source, one_of, within};

/// The version of the decoder that began to write `pivotal_calls`, and those that added calls to it.
const SINCE: i32 = 7;
const NAMING_SINCE: i32 = 8;
const TASKS_SINCE: i32 = 10;
const PIVOTAL_CALLS: &str = "pivotal_calls";
const EVIDENCE: &str = "evidence";

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
        let Some(named) = one_of("event_name", names.iter().copied()) else { return Ok(true) };
        let condition = window.map(within).into_iter().fold(named, Expr::and);
        let frame = self.table(PIVOTAL_CALLS).await?.filter(condition).map_err(TimelineError::table(PIVOTAL_CALLS))?;
        let Some(events) = reread(PIVOTAL_CALLS, frame).await? else { return Ok(false) };
        Events::of(&events)?.iter().try_for_each(|event| each(&event))?;
        Ok(true)
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
