//! What must hold for every input, as plain functions: each takes bytes and panics where a promise is broken.
//!
//! The fuzz targets call them; so can anything else that makes bytes. `seeds` writes inputs to begin with.

pub mod containers;
pub mod decoder;
pub mod flows;
pub mod parsers;
#[cfg(feature = "engine")]
pub mod sniff;
#[cfg(feature = "engine")]
pub mod sql_gate;
