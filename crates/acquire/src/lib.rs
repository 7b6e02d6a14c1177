//! Floor 1 of Backtrail: where the bytes of evidence come from.
//!
//! Files, folders, globs, standard input and archives become [`Piece`]s: hashed, named, and readable as uncompressed
//! [`Content`]. What a piece holds is none of this crate's business; only containers are recognised, always by their bytes.
//!
//! - [`Inputs::find`] says what there is, in an order that brings dates together, holding one folder's names at a time.
//! - [`Piece::open`] hashes a file. Small ones are then held in memory, large ones read again from the page cache.
//! - [`Piece::content`] hands out the uncompressed bytes, in bounded chunks. A break (truncated, damaged, a bomb) comes
//!   after everything that precedes it, with its offset in the stored bytes.
//! - [`Piece::reopen`] goes back to a piece by the place where it was met.
//! - [`Piece::unpack`] visits the members of a tar or zip, each a piece of its own. Nothing is written under a member's name.

mod archive;
mod content;
mod gzip;
mod hash;
mod inflate;
mod limits;
mod magic;
mod name;
mod piece;
mod reopen;
mod sparse;
mod tar;
mod utf16;
mod walk;
mod zip;
mod zstd;

pub use archive::Unpacked;
pub use content::{Content, Drained};
pub use limits::{Break, Cause, Limits};
pub use magic::{Archive, archive_of, unsupported_compression};
pub use piece::{EvidenceId, Piece, Seekable, Workspace};
pub use walk::{Finds, Found, Inputs, Scales};

/// Why evidence cannot be looked for at all.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// An input that is not there.
    #[error("{input}: no such file or directory; name files, folders, archives, a quoted pattern, or - for stdin")]
    NotFound {
        /// The input as given.
        input: String,
    },
    /// A pattern that fits nothing.
    #[error("{pattern}: no file fits this pattern; quote it so that the shell leaves it alone, and use ** for any depth")]
    NothingFits {
        /// The pattern as given.
        pattern: String,
    },
    /// A pattern that is none.
    #[error("{pattern}: not a pattern: {source}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// An input of a kind this version cannot read.
    #[error("{input}: reading {what} is not supported yet; copy the objects into a directory first")]
    Unsupported {
        /// The input as given.
        input: String,
        /// What it looks like.
        what: &'static str,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was being read.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}
