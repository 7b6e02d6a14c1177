//! Any bytes through the decoder of flow logs, cut anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::flows::check(data));
