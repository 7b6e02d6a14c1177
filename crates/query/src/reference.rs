//! `docs/reference/schema.md`: every table, view and function, written from where they are defined.

use std::fmt::Write;

use arrow_schema::DataType;
use backtrail_model::tables::{EVENT_DATE, Kind, Table};

use crate::table::hides;
use crate::{QueryError, Session, functions, views};

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Json => "JSON text",
        Kind::Time => "timestamp (µs, UTC)",
        Kind::Bool => "boolean",
        Kind::Int => "integer (32 bit)",
        Kind::Long => "integer (64 bit)",
        Kind::Binary => "binary",
    }
}

fn sql_type(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Timestamp(..) => "timestamp (µs, UTC)".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int64 => "integer (64 bit)".to_owned(),
        other => other.to_string(),
    }
}

/// The page, as Markdown.
///
/// # Errors
/// `Engine` where a view cannot be planned.
pub async fn schema_reference(session: &Session) -> Result<String, QueryError> {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n## Tables\n");
    for table in Table::ALL {
        table_section(&mut page, table);
    }
    page.push_str("\n## Views\n\nThey read the tables each time they are asked; their secrets are redacted.\n");
    for view in views::ALL {
        let frame = session.table(view.name).await?;
        let line = writeln!(page, "\n### `{}`\n\n{}\n\n| column | type |\n|---|---|", view.name, view.description());
        debug_assert!(line.is_ok(), "writing to a String does not fail");
        for field in frame.schema().fields() {
            page.push_str(&format!("| `{}` | {} |\n", field.name(), sql_type(field.data_type())));
        }
    }
    page.push_str("\n## Functions\n\nBesides DataFusion's own (`SHOW FUNCTIONS`), and `->`, `->>`, `?` and `json_get…` for JSON text:\n\n");
    page.push_str("| function | returns | what it gives |\n|---|---|---|\n");
    for function in functions::all() {
        page.push_str(&format!(
            "| `{}({})` | {} | {} |\n",
            function.udf.name(),
            function.arguments.join(", "),
            function.returns,
            function.doc
        ));
    }
    Ok(page)
}

fn table_section(page: &mut String, table: Table) {
    page.push_str(&format!("\n### `{}`\n\n{}\n\n| column | type | what it holds |\n|---|---|---|\n", table.name(), table.description()));
    for column in table.columns() {
        let redacted = if hides(column.kind, column.name) { " Redacted." } else { "" };
        page.push_str(&format!("| `{}` | {} | {}{redacted} |\n", column.name, type_name(column.kind), column.doc.replace('|', "\\|")));
    }
    if table.is_dated() {
        page.push_str(&format!(
            "| `{EVENT_DATE}` | text | UTC date of the event as `YYYY-MM-DD`, or `unknown`: the partition. Filters on it or on `event_time` skip whole files. |\n"
        ));
    }
}

const INTRODUCTION: &str = "\
# Tables, views and functions

<!-- Written by a test of crates/query from the code; `UPDATE_DOCS=1` writes it anew. -->

What `backtrail sql` can be asked. Times are UTC, with microseconds. Every column may be NULL: evidence lacks what it lacks.

**Names.** No table, view or column of the store needs quoting. SQL folds unquoted names to lower case, and all names here are lower
case. What you name yourself needs double quotes if it has capitals, blanks or a reserved word: `AS \"eventName\"`. Texts stand in single quotes.

**Secrets.** Columns marked *Redacted* show `[redacted]` in place of session tokens, passwords and keys; filters on them see the redacted
text too. `raw` is the record as delivered, secrets included.

**JSON.** `request_parameters ->> 'roleArn'` gives a text, `->` what is below a key, with array positions from 0: `resources -> 0 ->> 'ARN'`.
";

/// `docs/reference/resources.md`: what calls touch, rule by rule.
#[must_use]
pub fn resources_reference() -> String {
    let mut page = String::from(RESOURCES);
    let mut service = "";
    for rule in backtrail_model::touch::rules() {
        if rule.service != service {
            service = rule.service;
            page.push_str(&format!(
                "\n## {}\n\n| calls | where | ARN | part | seen in real records |\n|---|---|---|---|---|\n",
                if service == "*" { "Any service" } else { service }
            ));
        }
        let seen = if rule.is_verified { "yes" } else { "no" };
        let events = rule.events.replace(',', ", ").replace('*', "\\*");
        page.push_str(&format!("| {events} | `{}` | `{}` | {} | {seen} |\n", rule.path, rule.arn, rule.part.as_str()));
    }
    page
}

const RESOURCES: &str = "\
# What calls touch

<!-- Written by a test of crates/query from crates/model/src/touch/rules.txt; `UPDATE_DOCS=1` writes it anew. -->

Table `event_arns` ties each event to the ARNs it touches: what `resources[]` lists, what these rules find in its parameters (`R` requestParameters, `E`
responseElements, `A` additionalEventData, `S` serviceEventDetails), what a refusal names, and every ARN and EC2 id that stands in the record besides (`mentioned`).
`P`, `r` and `A` in an ARN are the event's partition, region and account; a value that is an ARN itself is taken as it is.
A rule not seen in a real record is from AWS's documentation.
";
