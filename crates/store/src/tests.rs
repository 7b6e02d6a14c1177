//! What users rely on: nothing lost, nothing doubled, whatever the order, the batches, the writers and the moment of death.

mod alike;
mod basics;
mod compaction;
mod copies;
mod interrupted;
pub(crate) mod kit;
mod writers;
