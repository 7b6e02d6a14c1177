//! Promise 5 in small: a piece larger than everything it may occupy. The large ones are run by hand (`docs/benchmarks.md`).

use std::io::Write;

use crate::kit::{Bench, event};

#[test]
fn a_long_single_line_is_never_held_whole() {
    let bench = Bench::new();
    let path = bench.path("one-line.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    write!(file, "{{\"Records\":[").unwrap();
    for n in 0..60_000u32 {
        write!(file, "{}{}", if n == 0 { "" } else { "," }, event(n)).unwrap();
    }
    write!(file, "]}}").unwrap();
    drop(file);
    let before = peak();
    bench.run();
    assert_eq!(bench.events(), 60_000);
    let (size, grown) = (std::fs::metadata(&path).unwrap().len(), peak() - before);
    eprintln!("{size} bytes read; the peak grew by {grown} KiB");
}

/// Peak resident memory of this process in KiB, where the system tells it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
