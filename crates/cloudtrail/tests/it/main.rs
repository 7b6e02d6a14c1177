//! The decoder as its callers see it: bytes in, rows and a summary out.

mod smoke;
mod support;
