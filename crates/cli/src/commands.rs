//! One file and one function per command.

pub(crate) mod actors;
pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod coverage;
pub(crate) mod evidence;
pub(crate) mod flows;
pub(crate) mod ingest;
pub(crate) mod investigate;
pub(crate) mod man;
pub(crate) mod network;
pub(crate) mod previous;
pub(crate) mod profile;
pub(crate) mod rebuild;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod timeline;
pub(crate) mod trace;
