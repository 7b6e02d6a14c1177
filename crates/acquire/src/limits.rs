//! How far evidence may expand, and what a break in it is called.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Archives inside archives that are opened; deeper ones are left as they are.
pub(crate) const MAX_DEPTH: usize = 4;
/// Layers on top of each other that are taken off one piece.
pub(crate) const MAX_LAYERS: usize = 3;
/// Bytes a container hands out at a time where it streams.
pub(crate) const CHUNK: usize = 1 << 20;

/// Bounds on memory and expansion. Tests lower them; the program uses [`Limits::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Stored bytes up to which a piece is held in memory whole.
    pub held: usize,
    /// Uncompressed bytes up to which a gzip member is inflated in one step.
    pub member: usize,
    /// Uncompressed bytes for each stored byte ...
    pub ratio: u64,
    /// ... beyond which reading stops once more than this many bytes came out.
    pub free: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { held: 8 << 20, member: 32 << 20, ratio: 1000, free: 1 << 30 }
    }
}

/// Where and why reading a piece of evidence broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Break {
    /// Offset in the stored bytes.
    pub offset: u64,
    /// Why.
    pub cause: Cause,
}

/// Why reading broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The stored bytes end before the container does.
    #[error("truncated: the {0} data ends early")]
    Truncated(&'static str),
    /// The container contradicts itself.
    #[error("damaged {container} data: {what}")]
    Damaged {
        /// gzip, zstd, zip or tar.
        container: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Everything could be read, but it is not what was written.
    #[error("damaged {container} data: the checksum does not match")]
    Checksum {
        /// gzip, zstd or zip.
        container: &'static str,
    },
    /// Expansion beyond the bound.
    #[error("expands more than {ratio} times beyond {free} bytes: stopped as a decompression bomb")]
    Bomb {
        /// The ratio allowed.
        ratio: u64,
        /// The bytes it is not applied to.
        free: u64,
    },
    /// Another process wrote to the file meanwhile.
    #[error("the file changed while it was read")]
    Changed,
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(String),
}

impl Break {
    pub(crate) fn new(offset: u64, cause: Cause) -> Self {
        Self { offset, cause }
    }

    /// An I/O error met at `offset`. A break that travelled through a reader comes out as it was.
    pub(crate) fn from_io(offset: u64, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::new(offset, Cause::Io(error.to_string())),
        }
    }

    /// Whether the same bytes would break off again at the same place.
    #[must_use]
    pub fn is_in_the_bytes(&self) -> bool {
        !matches!(self.cause, Cause::Io(_) | Cause::Changed)
    }
}

impl From<Break> for io::Error {
    fn from(broken: Break) -> Self {
        Self::other(broken)
    }
}

/// Counts what comes out of one outermost file, over all archives nested in it.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    stored: u64,
    /// Bytes produced at each level: contents and members of each depth apart, since a tar's bytes come out twice.
    produced: [AtomicU64; 2 * (MAX_DEPTH + 1)],
    spent: AtomicBool,
}

/// A level of [`Budget`]: the content of pieces at a depth, or the members taken out of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Content(usize),
    Members(usize),
}

impl Budget {
    pub(crate) fn new(limits: Limits, stored: u64) -> Self {
        Self { limits, stored, produced: Default::default(), spent: AtomicBool::new(false) }
    }

    /// Takes note of `bytes` more at `level`.
    pub(crate) fn spend(&self, level: Level, bytes: u64) -> Result<(), Cause> {
        let index = match level {
            Level::Content(depth) => 2 * depth,
            Level::Members(depth) => 2 * depth + 1,
        };
        let Some(counter) = self.produced.get(index) else { return Ok(()) };
        let total = counter.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.limits.check(self.stored, total).inspect_err(|_| self.spent.store(true, Ordering::Relaxed))
    }

    /// Whether the file as a whole has proved a bomb: then not even a first chunk is taken out of its other members.
    pub(crate) fn check(&self) -> Result<(), Cause> {
        if self.spent.load(Ordering::Relaxed) { Err(self.limits.bomb()) } else { Ok(()) }
    }
}

impl Limits {
    /// Whether `produced` bytes may come out of `stored`.
    pub(crate) fn check(&self, stored: u64, produced: u64) -> Result<(), Cause> {
        if produced > self.free && produced / self.ratio > stored {
            return Err(self.bomb());
        }
        Ok(())
    }

    fn bomb(&self) -> Cause {
        Cause::Bomb { ratio: self.ratio, free: self.free }
    }
}
