//! The decoder against records of every route.

mod json;
mod parquet;
mod properties;
mod real;
mod support;
mod text;
