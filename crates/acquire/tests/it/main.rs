//! Pieces of evidence as a caller meets them: opened from files, read, unpacked.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its input has failed")]

mod archives;
mod bombs;
mod breaks;
mod kit;
mod pieces;
mod sparse;
