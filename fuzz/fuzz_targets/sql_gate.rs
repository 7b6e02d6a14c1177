//! Any text where SQL is expected.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::sql_gate::check(data));
