//! The session over a real store.

mod kit;
mod pages;
mod pruning;
mod questions;
mod slt;
