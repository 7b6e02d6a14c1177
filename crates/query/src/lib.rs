//! Floor 3 of Backtrail: the DataFusion session over a store. Tables, views, functions, and the gate for what a user types.
//!
//! [`Session`] is the one place that makes a `SessionContext`. It holds two: one for the code above this crate, which sees the
//! tables as they are, and one for user SQL, whose JSON columns are redacted (`raw` is not) and which can only read.

mod at_instants;
mod catalog;
mod diagnose;
mod error;
mod functions;
mod gate;
mod hands;
mod json_text;
mod lines;
mod misread;
mod needles;
mod parameters;
mod prune;
mod reader;
mod reference;
mod row_groups;
mod session;
mod sought;
mod store_reach;
mod table;
mod views;

pub use at_instants::{MOST_BY_PLACE, at_instants};
pub use diagnose::nearest_names;
pub use error::{QueryError, SqlError};
pub use gate::{is_complete, split_in_place, split_statements};
pub use json_text::is_json;
pub use lines::has_lines;
pub use parameters::{check_parameters, parameters_for};
pub use reference::{resources_reference, schema_reference};
pub use row_groups::{ExactTexts, RowGroup, SomeRows, row_groups, row_groups_of_file};
pub use session::{Session, SessionOptions};
