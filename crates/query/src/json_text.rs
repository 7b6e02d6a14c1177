//! What `->` and `json_get` give, as JSON text: inside a query it is a union of JSON's types, which no format of a result can hold.

use datafusion::common::Column;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion_functions_json::JSON_UNION_DATA_TYPE;
use datafusion_functions_json::udfs::json_union_to_text_udf;

/// The name of Arrow's extension type for text that is JSON, and where it stands in a field's metadata.
const JSON: (&str, &str) = (arrow_schema::extension::EXTENSION_TYPE_NAME_KEY, "arrow.json");

/// Whether a column of a result holds JSON text that is to be read as a value.
#[must_use]
pub fn is_json(field: &arrow_schema::Field) -> bool {
    field.metadata().get(JSON.0).is_some_and(|name| name == JSON.1)
}

/// A plan whose result has JSON text, marked as such, where that of `plan` has a union. A JSON null is NULL.
pub(crate) fn unions_as_text(plan: LogicalPlan) -> datafusion::common::Result<LogicalPlan> {
    let is_union = |field: &arrow_schema::Field| *field.data_type() == *JSON_UNION_DATA_TYPE;
    if !plan.schema().fields().iter().any(|field| is_union(field)) {
        return Ok(plan);
    }
    let metadata = FieldMetadata::from(std::collections::HashMap::from([(JSON.0.to_owned(), JSON.1.to_owned())]));
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .map(|(table, field)| {
            let column = Expr::Column(Column::new(table.cloned(), field.name()));
            if !is_union(field) {
                return column;
            }
            json_union_to_text_udf().call(vec![column]).alias_with_metadata(field.name(), Some(metadata.clone()))
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
