//! The decoder as its callers see it: bytes in, rows and a summary out.

mod depth;
mod dirty;
mod interfaces;
mod make;
mod odd_lines;
mod properties;
mod real;
mod results;
mod support;
mod tables;
mod versions;
mod wrappers;
