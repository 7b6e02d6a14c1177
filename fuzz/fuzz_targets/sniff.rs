//! Any bytes told apart by their content.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::sniff::check(data));
