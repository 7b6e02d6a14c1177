//! Floor 0 of Backtrail: the words every other crate speaks.
//!
//! ARNs, outcomes, time windows, the classes of API calls, the accounting of evidence, and the Arrow schema of every
//! table. Nothing here does I/O, reads a clock or knows a file format.

pub mod arn;
mod borrowed;
pub mod calls;
pub mod decoded;
pub mod evidence;
pub mod interfaces;
pub mod issuance;
pub mod names;
pub mod outcome;
pub mod positions;
pub mod redact;
pub mod stored;
pub mod tables;
pub mod tally;
pub mod time;
pub mod touch;
pub mod window;
pub mod words;
