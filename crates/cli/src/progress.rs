//! Progress of an ingest on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backtrail_model::evidence::EvidenceRow;
use backtrail_model::words::noun;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// How often a stream that is no terminal gets a line.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Draws what ingest reports.
#[derive(Debug)]
pub(crate) struct IngestProgress {
    printer: Printer,
    bar: ProgressBar,
    pieces_found: AtomicU64,
    pieces_done: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    last_line: Mutex<Instant>,
}

impl IngestProgress {
    pub(crate) fn new(printer: Printer) -> Self {
        let bar = if printer.shows_progress() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{spinner} {bytes} of {total_bytes} [{bar:30}] {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_unreachable| ProgressStyle::default_bar()));
        let zero = || AtomicU64::new(0);
        Self {
            printer,
            bar,
            pieces_found: zero(),
            pieces_done: zero(),
            records: zero(),
            bytes: zero(),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self) {
        let (found, records) = (self.pieces_found.load(Ordering::Relaxed), self.records.load(Ordering::Relaxed));
        let state = format!(
            "{} of {} {}, {} {}",
            HumanCount(self.pieces_done.load(Ordering::Relaxed)),
            HumanCount(found),
            noun(found, "piece"),
            HumanCount(records),
            noun(records, "record")
        );
        if self.printer.shows_progress() {
            self.bar.set_message(state);
            return;
        }
        let Ok(mut last) = self.last_line.lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            self.printer.say(&format!("reading: {state}, {}", HumanBytes(self.bytes.load(Ordering::Relaxed))));
        }
    }
}

impl backtrail_ingest::Progress for IngestProgress {
    fn wants_total(&self) -> bool {
        self.printer.shows_progress()
    }

    fn found(&self, pieces: u64, bytes: u64) {
        self.pieces_found.fetch_add(pieces, Ordering::Relaxed);
        self.bar.inc_length(bytes);
    }

    fn read(&self, bytes: u64, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bar.inc(bytes);
        self.draw();
    }

    fn done(&self, _row: &EvidenceRow) {
        self.pieces_done.fetch_add(1, Ordering::Relaxed);
        self.draw();
    }
}
