//! Why a question has no answer.

use std::io;

use datafusion::error::DataFusionError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimelineError {
    /// A table could not be read.
    #[error("cannot read the table `{table}` of the store")]
    Table {
        /// Its name.
        table: &'static str,
        /// What reading it said.
        #[source]
        source: DataFusionError,
    },
    /// What was worked out on another thread never came.
    #[error("a thread of the answer ended early")]
    Interrupted(#[from] futures::channel::oneshot::Canceled),
    /// The traffic that was asked about names more addresses than can be told apart at once.
    #[error(
        "the records that were asked about name more than 33 million IPv6 addresses: a shorter window, or one interface (--arn), has fewer"
    )]
    TooManyTexts,
    /// A column has another type than the store's schema says.
    #[error("the column `{table}.{column}` is missing or has another type than this version writes: ingest the evidence into a new store")]
    Column {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
    },
    /// A filter's value cannot be read. This is wrong usage.
    #[error("--{option}: `{value}` {problem}")]
    Filter {
        /// The option, without dashes.
        option: &'static str,
        /// What was typed.
        value: String,
        /// What is wrong, and what to write.
        problem: &'static str,
    },
    /// What was named would be everything. This is wrong usage.
    #[error("{argument}: `{value}` would match everything: name one thing, or write the beginning of its name before the `*`")]
    Everything {
        /// The argument, as the help has it.
        argument: &'static str,
        /// What was typed.
        value: String,
    },
    /// `show` was given something that is no citation. This is wrong usage.
    #[error("`{0}` is no citation: write an event id (or at least its first 6 characters), or EVIDENCE_ID#INDEX")]
    Reference(String),
    /// `trace` was given something that names neither credentials nor an event. This is wrong usage.
    #[error("`{0}` is no access key id, no ARN and no event id: write one of them (of an event id at least the first 6 characters)")]
    Traced(String),
    /// `trace` was given a role, which acts in sessions. This is wrong usage.
    #[error(
        "{role} is a role, which acts in sessions, each with an origin of its own: trace one of them, by its ARN or its key: {sessions}"
    )]
    Role {
        /// Its ARN.
        role: String,
        /// Some of its sessions in evidence.
        sessions: String,
    },
    /// The answer could not be written.
    #[error("cannot write the answer")]
    Write(#[source] io::Error),
}

impl TimelineError {
    /// Whether the question was asked wrongly, rather than failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Filter { .. } | Self::Everything { .. } | Self::Reference(_) | Self::Traced(_) | Self::Role { .. })
    }

    /// Among those of the engine.
    pub(crate) fn into_engines(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }

    pub(crate) fn table(table: &'static str) -> impl Fn(DataFusionError) -> Self {
        move |source| Self::Table { table, source }
    }
}
