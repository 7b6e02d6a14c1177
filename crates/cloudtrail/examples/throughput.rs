//! How fast one core decodes: `cargo run --release -p backtrail-cloudtrail --example throughput -- FILE...`
//!
//! The records of the files are repeated up to 100 MB in memory, as one trail file with an id of its own for each; the time from the first push to
//! the summary is measured ten times, the best is printed.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a measuring tool, not part of the program

use std::convert::Infallible;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use backtrail_cloudtrail::{Context, Decoder, Ending, Summary};
use backtrail_model::tables::Table;

const BYTES: usize = 100 << 20;

fn decode(bytes: &[u8], mut sink: impl FnMut(Table, RecordBatch)) -> Summary {
    let mut decoder = Decoder::new(Context { evidence_id: "0".repeat(64).into(), now: 1_790_000_000_000_000 });
    let mut sink = |table, batch| -> Result<(), Infallible> {
        sink(table, batch);
        Ok(())
    };
    for chunk in bytes.chunks(1 << 20) {
        let Ok(()) = decoder.push(chunk, &mut sink);
    }
    let Ok(summary) = decoder.finish(Ending::Complete, &mut sink);
    summary
}

/// Seconds this thread has been on a processor (Linux).
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

fn main() {
    let mut records: Vec<String> = Vec::new();
    for path in std::env::args().skip(1) {
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("cannot read {path}");
            continue;
        };
        decode(&bytes, |table, batch| {
            if table == Table::Cloudtrail
                && let Some(raw) = batch.column_by_name("raw")
            {
                records.extend(raw.as_string_view().iter().flatten().map(str::to_owned));
            }
        });
    }
    if records.is_empty() {
        eprintln!("no records in the files given");
        return;
    }
    // Compact records: what trails deliver has no white space.
    let records: Vec<String> =
        records.iter().filter_map(|r| serde_json::from_str::<serde_json::Value>(r).ok()).map(|v| v.to_string()).collect();
    let mut file = String::from("{\"Records\":[");
    let mut count = 0usize;
    while file.len() < BYTES {
        if count > 0 {
            file.push(',');
        }
        file.push_str(&records[count % records.len()]);
        count += 1;
    }
    file.push_str("]}");
    let megabytes = file.len() as f64 / 1e6;
    println!("{count} records, {megabytes:.0} MB, {:.0} bytes each", file.len() as f64 / count as f64);
    let mut best = f64::MAX;
    let mut hashing = f64::MAX;
    for _ in 0..40 {
        let start = (Instant::now(), cpu_seconds());
        let mut rows = 0;
        let summary = decode(file.as_bytes(), |_, batch| rows += batch.num_rows());
        // Where the system tells it, time on the processor: other programs take none of it.
        let seconds = match (start.1, cpu_seconds()) {
            (Some(from), Some(to)) => to - from,
            _ => start.0.elapsed().as_secs_f64(),
        };
        assert_eq!(summary.counts.kept, i64::try_from(count).unwrap_or_default());
        best = best.min(seconds);
        let from = cpu_seconds();
        for record in records.iter().cycle().take(count) {
            std::hint::black_box(ring::digest::digest(&ring::digest::SHA256, record.as_bytes()));
        }
        if let (Some(from), Some(to)) = (from, cpu_seconds()) {
            hashing = hashing.min(to - from);
        }
    }
    println!("the SHA-256 of each record alone: {:.0} MB/s", megabytes / hashing);
    println!("{:.0} MB/s, {:.0} records/s", megabytes / best, count as f64 / best);
}
