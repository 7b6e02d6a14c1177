//! What can go wrong when a query is asked.

use std::fmt;

use backtrail_store::StoreError;
use datafusion::common::DataFusionError;

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The SQL is wrong at a place.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The statement is none that a query may be.
    #[error("{0}")]
    NotAllowed(String),
    /// A parameter is missing, unknown or not of the type the query needs.
    #[error("{0}")]
    Parameter(String),
    /// The session could not be set up, or the query failed while it ran.
    #[error("{message}")]
    Engine {
        /// What went wrong, without the engine's internals.
        message: String,
        /// What the engine said, where that is more.
        #[source]
        source: Option<Box<DataFusionError>>,
    },
}

impl QueryError {
    /// An error of the engine, such as a stream of results may end with.
    #[must_use]
    pub fn engine(source: DataFusionError) -> Self {
        if let Some(error) = crate::diagnose::unfit_value(None, &source) {
            return Self::Sql(error);
        }
        let message = crate::diagnose::plain_message(&source);
        // `Execution error: ` in front of the message is nothing a person needs to read it twice for.
        let says_more = !source.strip_backtrace().ends_with(&message) || is_wrapped(&source);
        Self::Engine { message, source: says_more.then(|| Box::new(source)) }
    }
}

/// Whether the engine added something of its own to an error.
fn is_wrapped(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::Context(..) | DataFusionError::Collection(_))
}

/// A mistake in SQL, with its place: shown as the line, a mark under the place, and the nearest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong.
    pub message: String,
    /// Where, if it is known.
    pub place: Option<Place>,
    /// Names that may have been meant, or what else helps.
    pub help: Option<String>,
}

/// A place in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters to mark.
    pub length: usize,
    /// The line's text.
    pub text: String,
}

impl std::error::Error for SqlError {}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let indent: String = place.text.chars().take(place.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n{margin}--> line {number}, column {}", place.column)?;
            write!(f, "\n{margin} |\n{number} | {}\n{margin} | {indent}{}", place.text, "^".repeat(place.length.max(1)))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = {help}")?;
        }
        Ok(())
    }
}
