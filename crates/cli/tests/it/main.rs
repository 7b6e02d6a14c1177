//! The binary, driven as its users drive it. One module per subject.

mod kit;
mod tidy;
