//! Floor 2 of Backtrail: the store. Delta tables under one directory, appended to idempotently, with the evidence ledger as commit point.
//!
//! A [`Batch`] takes rows from many decoding threads and stages them as Parquet files that no table knows yet; its
//! commit settles duplicates against what is there, and publishes data first and the ledger last. A [`StoreSnapshot`]
//! names the files a reader may read. The store knows nothing of AWS formats: decoders give it `dedupe_key`,
//! `record_sha256`, `copy_rank` and the partition date as columns, the caller a [`Comparison`], which says what copies state.

mod across;
mod alike;
mod batch;
mod column;
mod columns;
mod commit;
mod compact;
mod constant;
mod copies;
mod durable;
mod encode;
mod error;
mod layout;
mod ledger;
mod log;
mod merge;
mod rebuild;
mod reconcile;
mod rewrite;
mod rows;
mod settle;
mod snapshot;
mod splice;
mod stage;
mod staged_rows;
mod store;
mod tally;
#[cfg(test)]
mod tests;
mod unique;

pub use batch::{Batch, BatchOptions, CommitSummary};
pub use compact::{CompactOptions, CompactSummary};
pub use copies::Comparison;
pub use encode::has_bloom_filter;
pub use error::StoreError;
pub use rebuild::{Derive, Rebuild, RebuildSummary};
pub use snapshot::{DataFile, StoreSnapshot, TableSnapshot};
pub use store::Store;
