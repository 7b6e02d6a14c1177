//! Any bytes through gzip, zstd, tar and zip.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backtrail_fuzz::containers::check(data));
