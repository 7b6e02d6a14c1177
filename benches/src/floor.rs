//! The floor: what any tool must do to the bytes, and nothing else. Gunzip (libdeflate), one simd-json tape pass, one SHA-256 and one
//! zstd-1 pass, each over all files on the given threads, one after the other; the sum of their times is the floor.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::say;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct FloorArgs {
    /// Folder of gzip files
    dir: PathBuf,
    /// Threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Seconds by stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    pub(crate) gunzip: f64,
    pub(crate) parse: f64,
    pub(crate) hash: f64,
    pub(crate) compress: f64,
    /// Bytes of JSON.
    pub(crate) bytes: usize,
}

impl Floor {
    pub(crate) fn sum(&self) -> f64 {
        self.gunzip + self.parse + self.hash + self.compress
    }
}

/// `floor`: prints the stages.
pub(crate) fn run(args: &FloorArgs) -> Result<()> {
    let floor = measure(&args.dir, args.threads)?;
    say(&format!(
        "floor {:.2} s: gunzip {:.2}, simd-json tape {:.2}, sha-256 {:.2}, zstd-1 {:.2}; {} MB of JSON",
        floor.sum(),
        floor.gunzip,
        floor.parse,
        floor.hash,
        floor.compress,
        floor.bytes / 1_000_000
    ))
}

/// Measures the floor over every `.json.gz` below a folder.
pub(crate) fn measure(dir: &Path, threads: usize) -> Result<Floor> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("no thread pool")?;
    let mut paths = Vec::new();
    gather(dir, &mut paths)?;
    // Reading is not part of the floor: the files are in memory before the clock starts.
    let stored = paths.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    pool.install(|| {
        let (gunzip, mut contents) = timed(|| stored.par_iter().map(|b| inflate(b)).collect::<Result<Vec<_>>>());
        let (hash, hashes) =
            timed(|| Ok(contents.as_ref().map_or(0, |c| c.par_iter().map(|b| usize::from(Sha256::digest(b)[0])).sum::<usize>())));
        let all = contents.as_mut().map_err(|e| anyhow::anyhow!("{e}"))?;
        let (compress, sizes) = timed(|| all.par_iter().map(|b| Ok(zstd::bulk::compress(b, 1)?.len())).collect::<Result<Vec<_>>>());
        let bytes = all.iter().map(Vec::len).sum();
        // simd-json writes into its input, so it comes last.
        let (parse, tapes) = timed(|| all.par_iter_mut().map(|b| Ok(simd_json::to_tape(b)?.0.len())).collect::<Result<Vec<_>>>());
        std::hint::black_box((hashes?, sizes?, tapes?));
        Ok(Floor { gunzip, parse, hash, compress, bytes })
    })
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> (f64, Result<T>) {
    let began = Instant::now();
    let result = work();
    (began.elapsed().as_secs_f64(), result)
}

fn inflate(stored: &[u8]) -> Result<Vec<u8>> {
    let size = stored.last_chunk::<4>().map_or(0, |s| u32::from_le_bytes(*s) as usize);
    let mut content = vec![0; size];
    let length = libdeflater::Decompressor::new().gzip_decompress(stored, &mut content)?;
    content.truncate(length);
    Ok(content)
}

fn gather(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, found)?;
        } else if path.to_string_lossy().ends_with(".json.gz") {
            found.push(path);
        }
    }
    Ok(())
}
