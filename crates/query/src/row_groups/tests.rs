//! Row groups as they are read, held against what was written: whatever the encoding of a column, the window, and the version that wrote the file.

use std::fs::File;

use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::*;

/// Rows: the time, whether there is one, and a text.
type Row<'r> = (Option<i64>, Option<&'r str>);

fn batch(rows: &[Row<'_>]) -> RecordBatch {
    let times = TimestampMicrosecondArray::from_iter(rows.iter().map(|row| row.0)).with_timezone("UTC");
    let texts = StringArray::from_iter(rows.iter().map(|row| row.1));
    RecordBatch::try_from_iter_with_nullable([(EVENT_TIME, Arc::new(times) as ArrayRef, true), ("name", Arc::new(texts), true)])
        .expect("a batch")
}

/// With a dictionary of each column, or none.
fn properties(has_dictionary: bool) -> WriterProperties {
    WriterProperties::builder().set_dictionary_enabled(has_dictionary).build()
}

/// Writes a file of these row groups.
fn write(path: &Path, properties: WriterProperties, groups: &[RecordBatch]) {
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), groups[0].schema(), Some(properties)).expect("a writer");
    for group in groups {
        writer.write(group).expect("written");
        writer.flush().expect("a row group");
    }
    writer.close().expect("closed");
}

fn footer(path: &Path) -> Arc<ParquetMetaData> {
    Arc::new(ParquetMetaDataReader::new().parse_and_finish(&File::open(path).expect("the file")).expect("a footer"))
}

fn groups(path: &Path, window: Option<Span>) -> Vec<RowGroup> {
    of_file(path, &footer(path), None, window).expect("row groups")
}

/// The texts of a column of whatever encoding.
fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("{column} was not read"));
    let own = |text: Option<&str>| text.map(str::to_owned);
    match array.as_dictionary_opt::<UInt32Type>() {
        Some(coded) => coded.downcast_dict::<StringArray>().expect("texts").into_iter().map(own).collect(),
        None => array.as_string::<i32>().iter().map(own).collect(),
    }
}

fn read(group: &RowGroup, columns: &[&str]) -> RecordBatch {
    group.read(columns).expect("a batch").expect("rows")
}

fn owned(texts: &[Option<&str>]) -> Vec<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

fn is_coded(batch: &RecordBatch, column: &str) -> bool {
    batch.column_by_name(column).is_some_and(|array| array.as_any_dictionary_opt().is_some())
}

const NAMES: [Option<&str>; 6] = [Some("b"), Some("a"), None, Some("b"), Some(""), Some("a")];

fn named(names: &[Option<&str>]) -> RecordBatch {
    batch(&(0..).zip(names).map(|(time, name)| (Some(time), *name)).collect::<Vec<_>>())
}

#[test]
fn a_text_of_a_dictionary_is_there_once_and_texts_without_one_are_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for has_dictionary in [true, false] {
        let path = folder.path().join(format!("{has_dictionary}.parquet"));
        write(&path, properties(has_dictionary), &[named(&NAMES)]);
        let [group] = groups(&path, None).try_into().expect("one row group");
        let batch = read(&group, &["name"]);
        assert_eq!((texts(&batch, "name"), batch.num_columns()), (owned(&NAMES), 1), "{has_dictionary}");
        assert_eq!(is_coded(&batch, "name"), has_dictionary);
        if let Some(coded) = batch.column(0).as_dictionary_opt::<UInt32Type>() {
            let once: Vec<Option<&str>> = coded.values().as_string::<i32>().iter().collect();
            assert_eq!(once, [Some("b"), Some("a"), Some("")], "each as it was met first");
        }
    }
}

#[test]
fn a_chunk_that_ran_out_of_its_dictionary_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mixed.parquet");
    // So many texts do not fit into 1 KB, and the writer goes on without a dictionary.
    let names: Vec<String> = (0..4_000).map(|n| format!("name-{}", n % 1_500)).collect();
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    let few = WriterProperties::builder().set_dictionary_page_size_limit(1_024).set_write_batch_size(64).set_data_page_row_count_limit(100);
    write(&path, few.build(), &[named(&names), named(&NAMES)]);
    let pages = |group: usize| {
        let kinds = footer(&path).row_group(group).column(1).page_encoding_stats_mask().map(|mask| mask.encodings().collect::<Vec<_>>());
        kinds.expect("the kinds of its data pages")
    };
    assert_eq!((pages(0), pages(1)), (vec![Encoding::PLAIN, Encoding::RLE_DICTIONARY], vec![Encoding::RLE_DICTIONARY]));
    let [first, second] = groups(&path, None).try_into().expect("two row groups");
    assert_eq!(texts(&read(&first, &["name"]), "name"), owned(&names));
    assert_eq!(texts(&read(&second, &["name"]), "name"), owned(&NAMES));
    // Of some rows as well, on both sides of where the dictionary ended.
    let wanted = |batch: &RecordBatch| texts(batch, "name").iter().map(|name| Some(name.as_deref() == Some("name-1400"))).collect();
    let rows = first.rows_where(&["name"], |batch| Ok(wanted(batch))).expect("read").expect("some");
    let some = first.read_some(&[EVENT_TIME, "name"], &rows).expect("read").expect("rows");
    let times = some.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
    assert_eq!((times, texts(&some, "name")), (vec![1_400, 2_900], owned(&[Some("name-1400"); 2])));
}

/// Files are put together of row groups that were written apart.
fn splice(path: &Path, parts: &[&Path]) {
    let schema = footer(parts[0]).file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(File::create(path).expect("a file"), schema, Arc::default()).expect("a writer");
    for part in parts {
        for group in footer(part).row_groups() {
            let mut rows = writer.next_row_group().expect("a row group");
            for column in group.columns() {
                let close = ColumnCloseResult {
                    bytes_written: column.compressed_size().unsigned_abs(),
                    rows_written: group.num_rows().unsigned_abs(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                rows.append_column(&File::open(part).expect("the part"), close).expect("a column");
            }
            rows.close().expect("closed");
        }
    }
    writer.close().expect("closed");
}

#[test]
fn a_chunk_without_a_dictionary_in_a_file_that_has_one_is_given_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let [with, without, both] = ["with", "without", "both"].map(|name| folder.path().join(name));
    let other = [Some("z"), None, Some("b"), Some("z")];
    write(&with, properties(true), &[named(&NAMES)]);
    write(&without, properties(false), &[named(&other)]);
    splice(&both, &[&with, &without]);
    let [first, second] = groups(&both, None).try_into().expect("two row groups");
    for (group, names) in [(first, &NAMES[..]), (second, &other[..])] {
        let batch = read(&group, &["name"]);
        assert!(is_coded(&batch, "name"));
        assert_eq!(texts(&batch, "name"), owned(names));
    }
}

#[test]
fn a_column_that_a_file_does_not_have_is_absent_and_its_rows_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("older.parquet");
    write(&path, properties(true), &[named(&NAMES)]);
    let [group] = groups(&path, None).try_into().expect("one row group");
    let batch = read(&group, &["name", "added_since"]);
    assert_eq!((batch.num_columns(), texts(&batch, "name")), (1, owned(&NAMES)));
    let nothing = read(&group, &["added_since"]);
    assert_eq!((nothing.num_columns(), nothing.num_rows()), (0, NAMES.len()));
    // What is told by such a column alone is told of each row.
    let every_other = |batch: &RecordBatch| (0..batch.num_rows()).map(|row| Some(row % 2 == 0)).collect();
    let rows = group.rows_where(&["added_since"], |batch| Ok(every_other(batch))).expect("read").expect("some");
    let some = group.read_some(&["name"], &rows).expect("read").expect("rows");
    assert_eq!(texts(&some, "name"), owned(&[NAMES[0], NAMES[2], NAMES[4]]));
}

#[test]
fn a_column_without_any_value_in_a_row_group_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("null.parquet");
    write(&path, properties(true), &[named(&[None; 3]), named(&NAMES)]);
    let [empty, full] = groups(&path, None).try_into().expect("two row groups");
    let batch = read(&empty, &[EVENT_TIME, "name"]);
    assert_eq!((batch.num_columns(), batch.num_rows()), (1, 3));
    assert_eq!(texts(&read(&full, &["name"]), "name"), owned(&NAMES));
    let nobody = |batch: &RecordBatch| BooleanArray::from(vec![false; batch.num_rows()]);
    assert!(empty.rows_where(&["name"], |batch| Ok(nobody(batch))).expect("read").is_none());
}

#[test]
fn a_window_takes_its_rows_and_leaves_out_row_groups_that_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("window.parquet");
    let dated = |times: &[Option<i64>]| {
        let names: Vec<String> = times.iter().map(|time| format!("{time:?}")).collect();
        batch(&times.iter().copied().zip(names.iter().map(|name| Some(name.as_str()))).collect::<Vec<_>>())
    };
    let written: [&[Option<i64>]; 5] = [
        &[Some(1), Some(9)],
        // Cut at both ends, and one without a time.
        &[Some(9), Some(10), None, Some(19), Some(20)],
        &[Some(10), Some(19)],
        &[None, None],
        &[Some(20), Some(30)],
    ];
    write(&path, properties(true), &written.map(dated));
    let found = groups(&path, Some((10, 20)));
    let told: Vec<(usize, Option<Vec<Option<String>>>)> =
        found.iter().map(|group| (group.number, group.read(&["name"]).expect("read").map(|batch| texts(&batch, "name")))).collect();
    let names = |times: &[i64]| Some(times.iter().map(|time| Some(format!("Some({time})"))).collect::<Vec<_>>());
    assert_eq!(told, [(1, names(&[10, 19])), (2, names(&[10, 19])), (3, None)], "nothing without a time is in any window");
    assert_eq!(found[1].window, None, "where all rows are inside nobody looks at their times");
    // Rows that are wanted, of those in the window.
    let last = |batch: &RecordBatch| (0..batch.num_rows()).map(|row| Some(row + 1 == batch.num_rows())).collect();
    let rows = found[0].rows_where(&["name"], |batch| Ok(last(batch))).expect("read").expect("some");
    let some = found[0].read_some(&["name"], &rows).expect("read").expect("rows");
    assert_eq!(texts(&some, "name"), owned(&[Some("Some(19)")]));
    assert_eq!(groups(&path, None).len(), written.len());
    assert_eq!(read(&groups(&path, None)[3], &["name"]).num_rows(), 2, "without a window they count");
}

#[test]
fn some_rows_are_numbered_and_chosen_from_whatever_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("some.parquet");
    let pages = properties(true).into_builder().set_data_page_row_count_limit(2).set_write_batch_size(2).build();
    write(&path, pages, &[named(&NAMES)]);
    let [group] = groups(&path, Some((2, 4))).try_into().expect("one row group");
    let whole = group.whole();
    assert_eq!((group.rows(), whole.place(), whole.bytes_of("none")), (6, (path.as_path(), 0), 0));
    assert!(whole.bytes_of("name") > 0);
    let rows = SomeRows::of(&BooleanArray::from(vec![true, true, false, false, false, true])).expect("rows");
    assert_eq!(rows.numbers().collect::<Vec<_>>(), [0, 1, 5]);
    assert_eq!(texts(&group.read_some(&["name"], &rows).expect("read").expect("rows"), "name"), owned(&[Some("b"), Some("a"), Some("a")]));
    let is_a = |batch: &RecordBatch| Ok(texts(batch, "name").iter().map(|name| Some(name.as_deref() == Some("a"))).collect());
    let of_a = group.rows_among(&rows, &["name"], is_a).expect("read").expect("rows");
    assert_eq!(of_a.numbers().collect::<Vec<_>>(), [1, 5]);
    let last = of_a.those(&BooleanArray::from(vec![false, true])).expect("a row");
    assert_eq!(last.numbers().collect::<Vec<_>>(), [5]);
    assert!(of_a.those(&BooleanArray::from(vec![false, false])).is_none());
    assert!(group.rows_among(&rows, &["name"], |batch| Ok(vec![false; batch.num_rows()].into())).expect("read").is_none());
    assert_eq!(row_groups_of_file(&path).expect("row groups").len(), 1);
}
