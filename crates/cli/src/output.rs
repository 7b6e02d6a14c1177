//! Results as bytes: a stream of record batches written as table, JSON, JSON Lines, CSV or Parquet, never held whole.

mod cell;
mod csv;
mod json;
mod parquet;
mod table;

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::args::Format;

pub(crate) use cell::{json_value, text};

/// Writes batches in one format.
pub(crate) trait BatchWriter {
    /// Some more rows.
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()>;
    /// The end; flushes.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Whether a format can hold columns of these types; asked before its file is made.
pub(crate) fn check(format: Format, schema: &SchemaRef) -> anyhow::Result<()> {
    if format == Format::Parquet { parquet::check(schema) } else { Ok(()) }
}

/// The writer of a format. `width` is that of the terminal written to, if it is one. Columns of one name, as a join may have, are told apart
/// wherever a program reads them: one would hide the other.
pub(crate) fn writer(
    format: Format,
    schema: &SchemaRef,
    out: Box<dyn Write + Send>,
    width: Option<usize>,
) -> anyhow::Result<Box<dyn BatchWriter>> {
    Ok(match format {
        Format::Table => Box::new(table::TableWriter::new(schema, out, width)),
        Format::Json => Box::new(json::JsonWriter::new(distinct(schema), out, true)),
        Format::Jsonl => Box::new(json::JsonWriter::new(distinct(schema), out, false)),
        Format::Csv => Box::new(csv::CsvWriter::new(&distinct(schema), out)?),
        Format::Parquet => Box::new(parquet::ParquetWriter::new(distinct(schema), out)?),
    })
}

/// The same columns with a name of its own each: the second `event_id` is `event_id_2`, unless another column is called so.
fn distinct(schema: &SchemaRef) -> SchemaRef {
    let all: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if all.len() == schema.fields().len() {
        return SchemaRef::clone(schema);
    }
    let mut taken: HashSet<String> = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let plain = field.name();
        let numbered = || (2..).map(|n| format!("{plain}_{n}")).find(|name| !taken.contains(name) && !all.contains(name.as_str()));
        let name = if taken.contains(plain) { numbered().unwrap_or_else(|| plain.clone()) } else { plain.clone() };
        taken.insert(name.clone());
        field.as_ref().clone().with_name(name)
    });
    let fields: Vec<_> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{DataType, Field};

    #[test]
    fn columns_of_one_name_are_numbered_past_names_that_are_there() {
        let names = |given: &[&str]| {
            let fields: Vec<_> = given.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
            distinct(&Arc::new(Schema::new(fields))).fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["a", "b"]), ["a", "b"]);
        assert_eq!(names(&["a", "a", "b", "a"]), ["a", "a_2", "b", "a_3"]);
        assert_eq!(names(&["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
    }
}
