//! What every command is handed: where the store is, how to print, how much machine to use.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use backtrail_ingest::IngestOptions;
use backtrail_query::{Session, SessionOptions};
use backtrail_store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::args::SharedArgs;
use crate::printer::Printer;

/// Memory for buffered rows while ingesting, before what each thread takes off it. The more of it, the fewer and larger are the files a run leaves.
const INGEST_BUDGET: usize = 500 << 20;
/// What a thread's decoders, encoders and compressors take off it.
const INGEST_BUDGET_PER_THREAD: usize = 100 << 20;
/// With less than this, files would be small and many.
const INGEST_BUDGET_LEAST: usize = 96 << 20;
/// Memory a query may hold before it spills.
const QUERY_BUDGET: usize = 640 << 20;

/// Settings of one run, resolved once from flags and environment.
#[derive(Debug)]
pub(crate) struct Context {
    /// Store directory.
    pub(crate) store_dir: PathBuf,
    /// The one way to write.
    pub(crate) printer: Printer,
    /// Threads to work with.
    pub(crate) threads: usize,
    /// Ctrl-C is the command's own affair: it ends a query of the shell, not the shell.
    keeps_ctrl_c: Arc<AtomicBool>,
    runtime: Runtime,
}

impl Context {
    pub(crate) fn new(shared: &SharedArgs) -> anyhow::Result<Self> {
        let threads = shared.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(2).max(1);
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build().context("cannot start the async runtime")?;
        // Fails only where a pool is there already, which would be as good.
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
            tracing::debug!(%error, "the thread pool is not ours");
        }
        let printer = Printer::new(shared.quiet, shared.color);
        Ok(Self { store_dir: shared.store.clone(), printer, threads, keeps_ctrl_c: Arc::default(), runtime })
    }

    /// From now on Ctrl-C no longer ends the program.
    pub(crate) fn keep_ctrl_c(&self) {
        self.keeps_ctrl_c.store(true, Ordering::Relaxed);
    }

    /// Runs a command to its end. Ctrl-C ends the process from a task of its own: a command may keep its thread for as long as it likes.
    pub(crate) fn run<T>(&self, command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let listener = self.runtime.spawn(leave_when_interrupted(Arc::clone(&self.keeps_ctrl_c)));
        let result = self.runtime.block_on(command);
        listener.abort();
        result
    }

    /// Leaves without waiting for a query that was given up and has not noticed yet.
    pub(crate) fn close(self) {
        self.runtime.shutdown_background();
    }

    /// A handle for code that is not async.
    pub(crate) fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// The store, which must exist.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.store_dir).await?)
    }

    /// A query session over the store.
    pub(crate) async fn session(&self) -> anyhow::Result<Session> {
        let store = self.store().await?;
        let options = SessionOptions { memory_budget: QUERY_BUDGET, threads: self.threads, spill_dir: std::env::temp_dir() };
        Ok(Session::open(&store, &options).await?)
    }

    /// Bytes of rows that ingest may buffer.
    pub(crate) fn ingest_budget(&self) -> usize {
        INGEST_BUDGET.saturating_sub(self.threads.saturating_mul(INGEST_BUDGET_PER_THREAD)).max(INGEST_BUDGET_LEAST)
    }
}

/// Ends the process at Ctrl-C, unless that is the command's own affair.
#[expect(clippy::exit, reason = "the command cannot be asked to return: its thread is busy")]
async fn leave_when_interrupted(keeps_ctrl_c: Arc<AtomicBool>) {
    // An error means that Ctrl-C cannot be listened for: the system's own handling is as good.
    while tokio::signal::ctrl_c().await.is_ok() {
        if !keeps_ctrl_c.load(Ordering::Relaxed) {
            // The store is safe at any instant (promise 3): leaving at once loses nothing that a second run does not find again.
            // Decoding threads cannot be joined from here, and need not be.
            std::process::exit(130)
        }
    }
}

impl Context {
    /// How a new run takes evidence in.
    pub(crate) fn ingest_options(&self) -> IngestOptions {
        let run_id = uuid::Uuid::new_v4().to_string();
        IngestOptions { threads: self.threads, memory_budget: self.ingest_budget(), now: now(), run_id, flow_formats: Vec::new() }
    }
}

/// Now, in microseconds UTC.
#[expect(clippy::disallowed_methods, reason = "the clock is read here and nowhere below")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}
