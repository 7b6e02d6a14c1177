//! The tally in the footer of a data file: made while the file is written, read without its rows.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use backtrail_model::tables::{Table, UNKNOWN_DATE};
use backtrail_model::tally::{Counted, Counter, KEY, Tally};
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use rayon::prelude::*;

use crate::rewrite::ID_CONFLICT;
use crate::snapshot::{DataFile, TableSnapshot};
use crate::{StoreError, rows};

/// What is counted of a row.
const COUNTED: [&str; 8] = [
    "event_time",
    "event_name",
    "aws_region",
    "recipient_account_id",
    "management_event",
    "event_category",
    "request_parameters",
    "id_conflict",
];

/// The columns that are counted, of a batch.
pub(crate) fn columns_of(batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
    let failed = |e: ArrowError| StoreError::rows(Table::Cloudtrail, e.to_string());
    let columns = COUNTED.iter().map(|name| batch.schema_ref().index_of(name)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    batch.project(&columns).map_err(failed)
}

/// Counts the rows of a file of `cloudtrail`.
pub(crate) fn count(counter: &mut Counter, batch: &RecordBatch) -> Result<(), StoreError> {
    const TABLE: Table = Table::Cloudtrail;
    let text = |name| rows::text(TABLE, batch, name);
    let (account, region, category) = (text("recipient_account_id")?, text("aws_region")?, text("event_category")?);
    let (time, name) = (rows::time(TABLE, batch, "event_time")?, text("event_name")?);
    let (management, conflict) = (rows::boolean(TABLE, batch, "management_event")?, rows::boolean(TABLE, batch, "id_conflict")?);
    let flag = |column: &BooleanArray, row: usize| column.is_valid(row).then(|| column.value(row));
    let parameters = json(batch.column_by_name("request_parameters"));
    for row in 0..batch.num_rows() {
        counter.add(&Counted {
            time: time.is_valid(row).then(|| time.value(row)),
            account: account.is_valid(row).then(|| account.value(row)),
            region: region.is_valid(row).then(|| region.value(row)),
            category: category.is_valid(row).then(|| category.value(row)),
            management: flag(management, row),
            conflict: flag(conflict, row) == Some(true),
            event_name: name.is_valid(row).then(|| name.value(row)),
            request_parameters: parameters(row),
        });
    }
    Ok(())
}

/// The texts of a JSON column, which waits as views of bytes and is read back as text.
fn json<'a>(column: Option<&'a ArrayRef>) -> impl Fn(usize) -> Option<&'a [u8]> {
    let views = column.and_then(|c| c.as_binary_view_opt());
    let texts = column.and_then(|c| c.as_string_opt::<i32>());
    move |row| match (views, texts) {
        (Some(views), _) => views.is_valid(row).then(|| views.value(row)),
        (None, texts) => texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).as_bytes()),
    }
}

/// As it is written into a footer.
pub(crate) fn entry(counter: Counter) -> KeyValue {
    KeyValue::new(KEY.to_owned(), counter.tally().to_text())
}

/// The tally of a file some of whose columns are written anew, as far as it still holds.
pub(crate) fn that_stays(footer: &ParquetMetaData, changed: &[&str]) -> Option<KeyValue> {
    entry_of(footer).filter(|_| !changed.contains(&ID_CONFLICT)).cloned()
}

fn entry_of(footer: &ParquetMetaData) -> Option<&KeyValue> {
    footer.file_metadata().key_value_metadata()?.iter().find(|e| e.key == KEY)
}

impl DataFile {
    /// What the file says it holds; `None` where it says nothing, as files of other versions do, and those in which events were marked since.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        let file = File::open(&self.path).ok()?;
        let footer = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip).parse_and_finish(&file).ok()?;
        Tally::of_text(entry_of(&footer)?.value.as_deref()?)
    }
}

impl TableSnapshot {
    /// The date and the tally of each file of events with a usable time.
    #[must_use]
    pub fn tallies(&self) -> Vec<(String, Option<Tally>)> {
        let dated = |file: &DataFile| file.event_date.clone().filter(|date| date != UNKNOWN_DATE).map(|date| (date, file.tally()));
        self.files.par_iter().filter_map(dated).collect()
    }
}
