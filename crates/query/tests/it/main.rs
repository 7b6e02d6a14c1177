//! The session over a real store.

mod pages;
mod questions;
