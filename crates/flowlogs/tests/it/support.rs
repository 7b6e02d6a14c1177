//! Bytes decoded whole, or cut.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use backtrail_flowlogs::{Context, Decoder, Format, Named, line};
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::tables::Table;

/// 2025-06-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_748_736_000_000_000;
/// Two records of the VPC user guide's examples, in the default format.
pub(crate) const SSH: &str =
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
pub(crate) const NODATA: &str = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";

/// What a piece of evidence gave: values of columns as text, without those that are NULL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) summary: Summary,
    pub(crate) rows: Vec<BTreeMap<String, String>>,
    /// Each row as the line it was delivered as.
    pub(crate) lines: Vec<String>,
    pub(crate) rejects: Vec<BTreeMap<String, String>>,
}

impl Decoded {
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        self.rows.iter().map(|row| row.get(name).map_or("", String::as_str)).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<&str> {
        self.rejects.iter().map(|row| row["reason"].as_str()).collect()
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    decode_chunks(&[bytes], Ending::Complete, &[])
}

pub(crate) fn decode_declared(bytes: &[u8], formats: &[&str]) -> Decoded {
    let formats: Vec<Arc<Format>> = formats.iter().map(|f| Arc::new(Format::parse(f).expect("a layout"))).collect();
    decode_chunks(&[bytes], Ending::Complete, &formats)
}

pub(crate) fn decode_chunks(chunks: &[&[u8]], ending: Ending, formats: &[Arc<Format>]) -> Decoded {
    decode_with(formats, |decoder, sink| {
        chunks.iter().for_each(|chunk| decoder.push(chunk, sink).unwrap_or_else(|e| match e {}));
        ending
    })
}

/// Where rows go.
pub(crate) type Sink<'a> = dyn FnMut(Table, RecordBatch) -> Result<(), Infallible> + 'a;

pub(crate) fn decode_with(formats: &[Arc<Format>], read: impl FnOnce(&mut Decoder, &mut Sink<'_>) -> Ending) -> Decoded {
    let (mut rows, mut lines, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
    let mut sink = |table: Table, batch: RecordBatch| -> Result<(), Infallible> {
        for row in 0..batch.num_rows() {
            let values = values(&batch, row);
            if table == Table::Flows {
                assert_eq!(*batch.schema_ref(), table.row_schema());
                lines.push(line(&batch, row).expect("a line"));
                rows.push(values);
            } else {
                rejects.push(values);
            }
        }
        Ok(())
    };
    let mut decoder = Decoder::new(NOW, formats);
    let named = Named::of("111122223333_vpcflowlogs_us-east-1_fl-0a1b_20250301T0005Z_abc.log.gz");
    decoder.begin(Context { evidence_id: "e".into(), named });
    let ending = read(&mut decoder, &mut sink);
    let Ok(summary) = decoder.end(ending, &mut sink);
    let Ok(()) = decoder.flush(&mut sink);
    assert!(decoder.is_sound() && summary.counts.is_balanced());
    assert_eq!(decoder.given(), (summary.counts.kept, summary.counts.rejected));
    assert_eq!((rows.len() as i64, rejects.len() as i64), decoder.given());
    Decoded { summary, rows, lines, rejects }
}

fn values(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let options = FormatOptions::new();
    let value = |(field, column): (&Arc<arrow_schema::Field>, &arrow_array::ArrayRef)| {
        let bytes = column.as_binary_view_opt().map(|views| String::from_utf8_lossy(views.value(row)).into_owned());
        let plain = || ArrayFormatter::try_new(column.as_ref(), &options).expect("a type that has text").value(row).to_string();
        let text = bytes.unwrap_or_else(plain);
        (!column.is_null(row)).then(|| (field.name().clone(), text))
    };
    batch.schema_ref().fields().iter().zip(batch.columns()).filter_map(value).collect()
}
