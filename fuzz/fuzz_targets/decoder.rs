//! Any bytes through the CloudTrail decoder, cut anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::decoder::check(data));
