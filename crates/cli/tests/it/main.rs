//! The binary, driven as its users drive it. One module per subject.

mod asked;
mod kill;
mod kit;
mod known_answers;
mod odd_input;
mod real_evidence;
mod tidy;
