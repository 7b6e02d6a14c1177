//! Rows found row group by row group, held against those that fulfil the condition.

use std::fs::File;
use std::path::Path;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray};
use backtrail_model::tables::UNKNOWN_DATE;
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_SECOND, format_date};
use backtrail_query::row_groups_of_file;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::*;
use crate::lineage::wanted::{ISSUED, USED};

/// A row: key, session, when the session began, when the call was made.
type Row = (Option<u8>, Option<u8>, Option<i64>, Option<i64>);

const KEYS: [&str; 4] = ["AKIA0", "ASIA1", "ASIA2", ""];
const SESSIONS: [&str; 3] = ["AROA0:a", "AROA0:b", "AIDA1"];

fn key(row: &Row) -> Option<&'static str> {
    row.0.map(|at| KEYS[usize::from(at)])
}

fn session(row: &Row) -> Option<&'static str> {
    row.1.map(|at| SESSIONS[usize::from(at)])
}

fn micros(times: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter(times).with_timezone("UTC"))
}

/// The columns of some rows, numbered.
fn columns(rows: &[Row], names: Columns, text: impl Fn(Vec<Option<&'static str>>) -> ArrayRef) -> Vec<(&'static str, ArrayRef, bool)> {
    let mut columns = vec![
        (names.key, text(rows.iter().map(key).collect()), true),
        (names.session, text(rows.iter().map(session).collect()), true),
        (EVENT_TIME, micros(rows.iter().map(|row| row.3)), true),
        ("record_index", Arc::new(Int64Array::from_iter(0..rows.len() as i64)) as ArrayRef, true),
    ];
    if names.begun != EVENT_TIME {
        columns.push((names.begun, micros(rows.iter().map(|row| row.2)), true));
    }
    columns
}

fn write(path: &Path, rows: &[Row], names: Columns, has_dictionary: bool) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns(rows, names, |texts| Arc::new(StringArray::from(texts)))).unwrap();
    let properties = WriterProperties::builder().set_dictionary_enabled(has_dictionary).set_max_row_group_row_count(Some(7)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The numbers of the rows that are found by row group.
fn found(sought: &SoughtRows, path: &Path) -> Vec<i64> {
    let mut numbers = Vec::new();
    for group in row_groups_of_file(path).unwrap() {
        let Some(rows) = sought.of(&group).unwrap() else { continue };
        let batch = group.read_some(&["record_index"], &rows).unwrap().unwrap();
        numbers.extend(batch.column(0).as_primitive::<Int64Type>().values().iter().copied());
    }
    numbers
}

/// The numbers of the rows that fulfil a condition.
fn fulfilling(rows: &[Row], names: Columns, condition: Option<Expr>) -> Vec<i64> {
    let date = |row: &Row| Some(row.3.map_or_else(|| UNKNOWN_DATE.to_owned(), format_date));
    let mut columns = columns(rows, names, |texts| Arc::new(StringViewArray::from_iter(texts)));
    columns.push(("event_date", Arc::new(StringViewArray::from_iter(rows.iter().map(date))), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let schema = DFSchema::try_from(batch.schema()).unwrap();
    let decide = SessionContext::new().create_physical_expr(condition.unwrap(), &schema).unwrap();
    let decided = decide.evaluate(&batch).unwrap().into_array(rows.len()).unwrap();
    let decided = decided.as_boolean();
    (0..rows.len()).filter(|row| decided.is_valid(*row) && decided.value(*row)).map(|row| row as i64).collect()
}

fn row() -> impl Strategy<Value = Row> {
    let maybe = |most: u8| prop::option::weighted(0.7, 0..most);
    let time = || prop::option::weighted(0.8, (0..6i64, 0..3i64).prop_map(|(second, part)| second * MICROS_PER_SECOND + part));
    (maybe(4), maybe(3), time(), time())
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let session = (0..3usize, prop::option::weighted(0.8, 0..6i64));
    (prop::collection::vec(0..4usize, 0..3), prop::collection::vec(session, 0..4)).prop_map(|(keys, sessions)| {
        let mut wanted = Wanted::default();
        keys.iter().for_each(|at| wanted.add_key(KEYS[*at]));
        sessions.iter().for_each(|(at, begun)| wanted.add_session(SESSIONS[*at], *begun));
        wanted
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_rows_found_are_those_that_fulfil_the_condition(
        rows in prop::collection::vec(row(), 1..40), wanted in wanted(), is_used in any::<bool>(), has_dictionary in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let names = if is_used { USED } else { ISSUED };
        write(&path, &rows, names, has_dictionary);
        let wanted = Arc::new(wanted);
        let sought = SoughtRows::new("credentials", &wanted, names, &Arc::default());
        let known = if wanted.is_empty() { Vec::new() } else { fulfilling(&rows, names, wanted.condition(names)) };
        prop_assert_eq!(found(&sought, &path), known.clone());
        prop_assert_eq!(found(&sought, &path), known.clone(), "once hashes are held");
        let others: Vec<i64> = known.into_iter().filter(|at| key(&rows[*at as usize]) != Some(KEYS[1])).collect();
        prop_assert_eq!(found(&sought.without(Some(KEYS[1].to_owned())), &path), others);
    }
}

#[test]
fn only_calls_of_the_time_in_which_it_may_have_been_issued_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let at = |day: i64| Some(day * MICROS_PER_DAY);
    let rows = [(Some(1), None, None, at(3)), (Some(1), None, None, at(9)), (Some(2), None, None, at(4)), (Some(1), None, None, None)];
    write(&path, &rows, ISSUED, false);
    let mut wanted = Wanted::between(at(4).unwrap(), at(4).unwrap() + MICROS_PER_SECOND);
    wanted.add_key(KEYS[1]);
    let wanted = Arc::new(wanted);
    let sought = SoughtRows::new("credentials", &wanted, ISSUED, &Arc::default());
    assert_eq!(sought.span(), Some((3 * MICROS_PER_DAY, 5 * MICROS_PER_DAY + MICROS_PER_SECOND + 1)));
    assert_eq!(found(&sought, &path), [0], "a day to either side");
    let condition = wanted.in_time().zip(wanted.condition(ISSUED)).map(|(at, sought)| at.and(sought));
    assert_eq!(fulfilling(&rows, ISSUED, condition), [0]);
}

#[test]
fn sessions_alone_are_sought_when_they_began() {
    let mut wanted = Wanted::default();
    wanted.add_session(SESSIONS[0], Some(5));
    wanted.add_session(SESSIONS[1], Some(9));
    let span = |wanted: Wanted, names| SoughtRows::new("credentials", &Arc::new(wanted), names, &Arc::default()).span();
    assert_eq!(span(wanted, ISSUED), Some((5_000_000, 10_000_000)));
    let mut used = Wanted::default();
    used.add_session(SESSIONS[0], Some(5));
    assert_eq!(span(used, USED), None, "a session is used at any time after");
    let mut open = Wanted::default();
    open.add_session(SESSIONS[0], None);
    assert_eq!(span(open, ISSUED), None);
}
