//! JSON and JSON Lines: one object a row.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use backtrail_query::is_json;
use serde_json::{Map, Value};

use super::BatchWriter;
use super::cell::{json_value, parsed_value};
use crate::sanitize::JsonOut;

pub(super) struct JsonWriter {
    /// Columns as they are to be called.
    schema: SchemaRef,
    out: Box<dyn Write + Send>,
    is_array: bool,
    rows: u64,
}

impl JsonWriter {
    pub(super) fn new(schema: SchemaRef, out: Box<dyn Write + Send>, is_array: bool) -> Self {
        Self { schema, out: Box::new(JsonOut::new(out)), is_array, rows: 0 }
    }
}

impl BatchWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        for row in 0..batch.num_rows() {
            let mut object = Map::new();
            for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
                let cell = if is_json(field) { parsed_value } else { json_value };
                object.insert(field.name().clone(), cell(column.as_ref(), row)?);
            }
            if self.is_array {
                self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
            }
            serde_json::to_writer(&mut self.out, &Value::Object(object)).map_err(std::io::Error::from)?;
            if !self.is_array {
                self.out.write_all(b"\n")?;
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        if self.is_array {
            self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(self.out.flush()?)
    }
}
