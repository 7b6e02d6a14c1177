//! The binary, driven as its users drive it. One module per subject.
#![expect(clippy::print_stderr, reason = "tests that cannot run for want of evidence say so")]

mod actor_filter;
mod asked;
mod citations;
mod coverage;
mod coverage_flows;
mod effects;
mod effects_swaps;
mod flows;
mod flows_marks;
mod formats;
mod interfaces;
mod interrupt;
mod kill;
mod kit;
mod known_answers;
mod lineage;
mod lineage_truth;
mod marks;
mod motion;
mod network;
mod odd_input;
mod previous;
mod real_evidence;
mod related;
mod resources;
mod said;
mod shell;
mod snapshots;
mod tidy;
mod timeline_flows;
mod told;
mod trace;
mod truth;
mod unseen;
mod who;
