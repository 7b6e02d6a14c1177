//! Rows about credentials that are sought, found row group by row group on all threads.
//!
//! A chain is climbed level by level, and each level asks a table of a million rows for a handful. The columns that name credentials are looked at by
//! themselves: one with a dictionary text by text and not row by row, the times before the names where a session is sought by the second in which
//! it began, and keys that were issued, no two of which are equal, by their hashes, which are kept from one level to the next. Only of rows that this leaves
//! is more read, and the exact rule decides.

use std::sync::Arc;

use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, RecordBatch, cast::AsArray};
use backtrail_query::{ExactTexts, RowGroup, SomeRows};
use datafusion::common::Result;
use hashbrown::HashSet;

use super::issued_keys::IssuedKeys;
use super::wanted::{Columns, Wanted};
use crate::error::TimelineError;
use crate::event::{Coded, Text};
use crate::lineage::holder::second;

const EVENT_TIME: &str = "event_time";

/// What is sought in a table.
pub(crate) struct SoughtRows {
    table: &'static str,
    wanted: Arc<Wanted>,
    columns: Columns,
    /// Rows of a key that are known already.
    known_key: Option<String>,
    texts: Option<ExactTexts>,
    /// Of sessions by the second in which they began: all the seconds; `None` where one may have begun at any time.
    seconds: Option<HashSet<i64>>,
    issued_keys: Arc<IssuedKeys>,
}

impl SoughtRows {
    pub(crate) fn new(table: &'static str, wanted: &Arc<Wanted>, columns: Columns, issued_keys: &Arc<IssuedKeys>) -> Self {
        Self {
            table,
            wanted: Arc::clone(wanted),
            columns,
            known_key: None,
            texts: wanted.condition(columns).as_ref().map(ExactTexts::of),
            seconds: wanted.seconds().filter(|_| !columns.may_be_silent),
            issued_keys: Arc::clone(issued_keys),
        }
    }

    /// But for those that bear this key.
    pub(crate) fn without(self, known_key: Option<String>) -> Self {
        Self { known_key, ..self }
    }

    /// When the rows are, microseconds, the first inside and the last outside; `None` where they may be of any time, or of none.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        self.wanted.span().map(|(from, to)| (from, to.saturating_add(1))).or_else(|| self.wanted.span_of_seconds(self.columns))
    }

    /// The rows of a row group, in its window or not; `None` where there are none.
    pub(crate) fn of(&self, group: &RowGroup) -> Result<Option<SomeRows>> {
        let group = group.whole();
        if self.wanted.is_empty() || self.texts.as_ref().is_some_and(|texts| !group.may_have(texts)) {
            return Ok(None);
        }
        let met = if self.columns.is_unlike() { self.by_hash_or_second(&group)? } else { self.by_dictionary(&group)? };
        let told_by = [self.columns.key, self.columns.session, self.columns.begun, EVENT_TIME];
        met.map_or(Ok(None), |met| group.rows_among(&met, &told_by, |batch| self.exactly(batch)))
    }

    /// Rows whose key, or the id of whose session, is sought: columns of few texts.
    fn by_dictionary(&self, group: &RowGroup) -> Result<Option<SomeRows>> {
        let Some(batch) = group.read(&[self.columns.key, self.columns.session])? else { return Ok(None) };
        let key = Meant::of(self.text(&batch, self.columns.key)?, |key| self.wanted.has_key(key));
        let session = Meant::of(self.text(&batch, self.columns.session)?, |id| self.wanted.has_id(id));
        if key.is_none() && session.is_none() {
            return Ok(None);
        }
        Ok(SomeRows::of(&(0..batch.num_rows()).map(|row| Some(key.is(row) || session.is(row))).collect()))
    }

    /// Rows that may have issued a key or a session: no two are of one key, and few of one session.
    fn by_hash_or_second(&self, group: &RowGroup) -> Result<Option<SomeRows>> {
        let mut met = vec![false; group.rows()];
        if self.wanted.has_keys() {
            let sought: HashSet<u32> = self.wanted.keys().map(|key| self.issued_keys.hash(key)).collect();
            let held = self.issued_keys.of(group, self.columns.key)?;
            met.iter_mut().zip(held.iter()).for_each(|(met, hash)| *met = sought.contains(hash));
        }
        if self.wanted.has_sessions() {
            self.add_sessions(group, &mut met)?;
        }
        Ok(SomeRows::of(&met.into()))
    }

    fn add_sessions(&self, group: &RowGroup, met: &mut [bool]) -> Result<()> {
        let told_by = if self.seconds.is_some() { self.columns.begun } else { self.columns.session };
        let Some(batch) = group.read(&[told_by])? else { return Ok(()) };
        match &self.seconds {
            Some(seconds) => {
                let Some(times) = times(&batch, told_by) else { return Ok(()) };
                let is_of = |row: usize| !times.is_null(row) && seconds.contains(&second(times.value(row)));
                met.iter_mut().enumerate().for_each(|(row, met)| *met = *met || is_of(row));
            }
            None => {
                let session = Meant::of(self.text(&batch, told_by)?, |id| self.wanted.has_id(id));
                met.iter_mut().enumerate().for_each(|(row, met)| *met = *met || session.is(row));
            }
        }
        Ok(())
    }

    /// The exact rule.
    fn exactly(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let (key, session) = (self.text(batch, self.columns.key)?, self.text(batch, self.columns.session)?);
        let (begun, at) = (times(batch, self.columns.begun), times(batch, EVENT_TIME));
        let of = |times: Option<&Times>, row: usize| times.filter(|times| !times.is_null(row)).map(|times| times.value(row));
        let span = self.wanted.span();
        let is_sought = |row: usize| {
            let is_in_time = span.is_none_or(|(from, to)| of(at, row).is_some_and(|at| from <= at && at <= to));
            let is_known = self.known_key.is_some() && key.get(row) == self.known_key.as_deref();
            is_in_time && !is_known && self.wanted.is_of(self.columns, key.get(row), session.get(row), of(begun, row).map(second))
        };
        Ok((0..batch.num_rows()).map(|row| Some(is_sought(row))).collect())
    }

    fn text<'b>(&self, batch: &'b RecordBatch, column: &'static str) -> Result<Text<'b>> {
        Text::of(batch, self.table, column).map_err(TimelineError::into_engines)
    }
}

type Times = arrow_array::PrimitiveArray<TimestampMicrosecondType>;

fn times<'b>(batch: &'b RecordBatch, column: &str) -> Option<&'b Times> {
    batch.column_by_name(column)?.as_primitive_opt()
}

/// Which texts of a column are meant: of a dictionary each was looked at once.
enum Meant<'b, F> {
    Coded(Coded<'b>, Vec<bool>),
    Other(Text<'b>, F),
}

impl<'b, F: Fn(&str) -> bool> Meant<'b, F> {
    fn of(text: Text<'b>, is_meant: F) -> Self {
        match text {
            Text::Coded(coded) => Self::Coded(coded, (0..coded.texts.len()).map(|at| is_meant(coded.texts.value(at))).collect()),
            other => Self::Other(other, is_meant),
        }
    }

    /// Whether none is, as far as that is known without a look at the rows.
    fn is_none(&self) -> bool {
        match self {
            Self::Coded(_, meant) => !meant.contains(&true),
            Self::Other(text, _) => matches!(text, Text::Absent),
        }
    }

    fn is(&self, row: usize) -> bool {
        match self {
            Self::Coded(coded, meant) => coded.key(row).is_some_and(|key| meant[key]),
            Self::Other(text, is_meant) => text.get(row).is_some_and(is_meant),
        }
    }
}

#[cfg(test)]
mod tests;
