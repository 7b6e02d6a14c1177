//! Any text through the parsers of ARNs, times, lengths and secrets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::parsers::check(data));
