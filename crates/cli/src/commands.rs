//! One file and one function per command.

pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod ingest;
pub(crate) mod investigate;
pub(crate) mod man;
