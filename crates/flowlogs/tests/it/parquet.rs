//! Parquet, as AWS and other producers write it.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use backtrail_model::decoded::Ending;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::WriterProperties;

use crate::support::{Decoded, decode_with};

fn written(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).expect("a batch");
    let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.into_inner().expect("a file")
}

fn decoded(bytes: Vec<u8>) -> (Decoded, Option<String>) {
    let mut flaw = None;
    let decoded = decode_with(&[], |decoder, sink| {
        flaw = decoder.read_parquet(bytes_of(bytes), sink).unwrap_or_else(|e| match e {});
        Ending::Complete
    });
    (decoded, flaw)
}

fn bytes_of(bytes: Vec<u8>) -> bytes::Bytes {
    bytes.into()
}

#[test]
fn columns_are_fields_whatever_type_the_producer_gave_them() {
    let file = written(vec![
        ("version", Arc::new(Int32Array::from(vec![5, 5])) as ArrayRef),
        ("interface_id", Arc::new(StringArray::from(vec!["eni-1", "eni-2"]))),
        ("bytes", Arc::new(Float64Array::from(vec![Some(40.0), None]))),
        ("srcport", Arc::new(StringArray::from(vec!["443", "-"]))),
        ("start", Arc::new(Int64Array::from(vec![1_418_530_010, 1_418_530_011]))),
        ("log_status", Arc::new(StringArray::from(vec!["OK", "NODATA"]))),
        ("future_field", Arc::new(StringArray::from(vec![Some("x"), None]))),
    ]);
    let (decoded, flaw) = decoded(file);
    assert_eq!(flaw, None);
    assert_eq!(decoded.column("bytes"), ["40", ""]);
    assert_eq!(decoded.column("srcport"), ["443", ""]);
    assert_eq!(decoded.column("event_time"), ["2014-12-14T04:06:50Z", "2014-12-14T04:06:51Z"]);
    assert_eq!(decoded.column("extra"), [r#"{"future_field":"x"}"#, ""]);
    assert_eq!(decoded.summary.shape, "Parquet");
}

#[test]
fn a_value_that_cannot_be_one_costs_its_row() {
    let file = written(vec![
        ("interface_id", Arc::new(StringArray::from(vec!["eni-1", "eni-2"])) as ArrayRef),
        ("bytes", Arc::new(Float64Array::from(vec![1.5, 2.0]))),
    ]);
    let (decoded, _) = decoded(file);
    assert_eq!(decoded.column("interface_id"), ["eni-2"]);
    assert_eq!(decoded.reasons(), ["row 0: bytes is \"1.5\", which is no number"]);
}

#[test]
fn a_damaged_file_says_what_is_wrong() {
    let mut file = written(vec![("bytes", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)]);
    file.truncate(file.len() / 2);
    let (decoded, flaw) = decoded(file);
    assert!(decoded.rows.is_empty() && flaw.is_some_and(|why| why.starts_with("the Parquet file cannot be read")));
}
