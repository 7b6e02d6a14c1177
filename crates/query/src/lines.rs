//! What EXPLAIN answers: the one text of a result whose line breaks are the program's own, not those of evidence.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// Where it stands in a field's metadata.
const LINES: &str = "backtrail.lines";

/// Whether cells of a column may be shown on several lines. No text out of evidence may: its second line could pass for a row.
#[must_use]
pub fn has_lines(field: &Field) -> bool {
    field.metadata().contains_key(LINES)
}

/// The answer of EXPLAIN with its column of plans marked.
pub(crate) fn marked(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let marked = with_mark(&stream.schema());
    let schema = SchemaRef::clone(&marked);
    let rows = stream.map(move |batch| Ok(batch?.with_schema(SchemaRef::clone(&marked))?));
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

fn with_mark(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let mut field = field.as_ref().clone();
        if field.name() == "plan" {
            field.metadata_mut().insert(LINES.to_owned(), String::new());
        }
        field
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}
