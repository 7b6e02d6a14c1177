//! The pipeline over a real store: evidence in, tables and ledger out.
#![expect(clippy::print_stderr, reason = "a test that cannot run for want of evidence says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its input has failed")]

mod archives;
mod fates;
mod kit;
mod memory;
mod odd_wrappers;
mod rebuild;
mod runs;
mod shared;
