//! The tally in the footer of a data file: made while the file is written, read without its rows.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch};
use backtrail_model::tables::Table;
use backtrail_model::tally::{Counted, Counter, KEY, Tally};
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use rayon::prelude::*;

use crate::rewrite::ID_CONFLICT;
use crate::snapshot::{DataFile, TableSnapshot};
use crate::{StoreError, rows};

/// Counts the rows of a file of `cloudtrail`.
pub(crate) fn count(counter: &mut Counter, batch: &RecordBatch) -> Result<(), StoreError> {
    const TABLE: Table = Table::Cloudtrail;
    let text = |name| rows::text(TABLE, batch, name);
    let (account, region, category) = (text("recipient_account_id")?, text("aws_region")?, text("event_category")?);
    let (time, name) = (rows::time(TABLE, batch, "event_time")?, text("event_name")?);
    let (management, conflict) = (rows::boolean(TABLE, batch, "management_event")?, rows::boolean(TABLE, batch, "id_conflict")?);
    let flag = |column: &BooleanArray, row: usize| column.is_valid(row).then(|| column.value(row));
    let parameters = batch.column_by_name("request_parameters");
    for row in 0..batch.num_rows() {
        counter.add(&Counted {
            time: time.is_valid(row).then(|| time.value(row)),
            account: account.is_valid(row).then(|| account.value(row)),
            region: region.is_valid(row).then(|| region.value(row)),
            category: category.is_valid(row).then(|| category.value(row)),
            management: flag(management, row),
            conflict: flag(conflict, row) == Some(true),
        });
        if name.is_valid(row) && name.value(row) == "DeleteObject" {
            counter.note_call(Some(name.value(row)), parameters.and_then(|column| text_at(column.as_ref(), row)));
        }
    }
    Ok(())
}

/// JSON waits as views and is read back as text.
fn text_at(column: &dyn Array, row: usize) -> Option<&str> {
    let text = match column.as_string_view_opt() {
        Some(views) => views.is_valid(row).then(|| views.value(row)),
        None => column.as_string_opt::<i32>().filter(|text| text.is_valid(row)).map(|text| text.value(row)),
    };
    text.filter(|text| !text.is_empty())
}

/// As it is written into a footer.
pub(crate) fn entry(counter: Counter) -> KeyValue {
    KeyValue::new(KEY.to_owned(), counter.tally().to_text())
}

/// The tally of a file some of whose columns are written anew, as far as it still holds.
pub(crate) fn that_stays(footer: &ParquetMetaData, changed: &[&str]) -> Option<KeyValue> {
    let entries = footer.file_metadata().key_value_metadata()?;
    entries.iter().find(|e| e.key == KEY && !changed.contains(&ID_CONFLICT)).cloned()
}

impl DataFile {
    /// What the file says it holds; `None` where it says nothing, as files of other versions do, and those in which events were marked since.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        let file = File::open(&self.path).ok()?;
        let footer = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip).parse_and_finish(&file).ok()?;
        let entries = footer.file_metadata().key_value_metadata()?;
        Tally::of_text(entries.iter().find(|e| e.key == KEY)?.value.as_deref()?)
    }
}

impl TableSnapshot {
    /// The date and the tally of each file whose date is asked for.
    #[must_use]
    pub fn tallies(&self, is_asked: &(dyn Fn(&str) -> bool + Sync)) -> Vec<(String, Option<Tally>)> {
        let dated = |file: &DataFile| file.event_date.clone().filter(|date| is_asked(date)).map(|date| (date, file.tally()));
        self.files.par_iter().filter_map(dated).collect()
    }
}
