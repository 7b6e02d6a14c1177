//! The generator against what the project relies on.
