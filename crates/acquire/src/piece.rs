//! A piece of evidence: a file, an archive or a member of one, hashed, and readable any number of times.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use libdeflater::Decompressor;

use crate::content::Content;
use crate::hash::Sha256;
use crate::limits::{Break, Budget, CHUNK, Cause, Limits};
use crate::walk::{Found, Place};

/// Bytes kept of every piece to recognise containers.
const HEAD: usize = 1024;
/// Buffers a thread keeps for reuse.
const SPARE_BUFFERS: usize = 3;

/// SHA-256 of a piece's bytes as stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EvidenceId(pub [u8; 32]);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&const_hex::encode(self.0))
    }
}

impl fmt::Debug for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvidenceId({self})")
    }
}

impl EvidenceId {
    /// Reads the 64 hex digits of an `evidence_id`.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        const_hex::decode_to_slice(hex, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::of(bytes))
    }
}

/// What one thread reuses from piece to piece: buffers and a decompressor.
pub struct Workspace {
    pub(crate) limits: Limits,
    spool: PathBuf,
    buffers: Vec<Vec<u8>>,
    inflater: Option<Decompressor>,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("limits", &self.limits).field("spool", &self.spool).finish_non_exhaustive()
    }
}

impl Workspace {
    /// A workspace whose temporary files (large members of archives, large standard input) go to `spool`. They have no name there.
    #[must_use]
    pub fn new(limits: Limits, spool: &Path) -> Self {
        Self { limits, spool: spool.to_owned(), buffers: Vec::new(), inflater: None }
    }

    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() > 0 && self.buffers.len() < SPARE_BUFFERS {
            self.buffers.push(buffer);
        }
    }

    pub(crate) fn take_inflater(&mut self) -> Decompressor {
        self.inflater.take().unwrap_or_default()
    }

    pub(crate) fn give_inflater(&mut self, inflater: Decompressor) {
        self.inflater = Some(inflater);
    }

    /// Takes back what a piece held in memory.
    pub fn recycle(&mut self, piece: Piece) {
        if let Stored::Held(mut bytes) = piece.stored {
            bytes.clear();
            self.give_buffer(bytes);
        }
    }

    /// Reads a stream that can be read only once: into memory, or beyond the bound into a nameless temporary file.
    /// A break leaves what was read before it. `allow` is asked for each chunk.
    pub(crate) fn absorb(&mut self, reader: &mut dyn Read, mut allow: impl FnMut(u64) -> Result<(), Cause>) -> io::Result<Absorbed> {
        let mut held = self.take_buffer();
        held.clear();
        let mut hasher = Sha256::new();
        let mut head = Vec::new();
        let mut size = 0u64;
        let mut spooled: Option<File> = None;
        let mut chunk = self.take_buffer();
        let flaw = loop {
            chunk.clear();
            let result = reader.take((CHUNK / 4) as u64).read_to_end(&mut chunk);
            hasher.update(&chunk);
            head.extend_from_slice(&chunk[..chunk.len().min(HEAD - head.len())]);
            size += chunk.len() as u64;
            if spooled.is_none() && held.len() + chunk.len() > self.limits.held {
                let mut file = tempfile::tempfile_in(&self.spool)?;
                file.write_all(&held)?;
                held = Vec::new();
                spooled = Some(file);
            }
            match &mut spooled {
                Some(file) => file.write_all(&chunk)?,
                None => held.extend_from_slice(&chunk),
            }
            match result {
                Err(e) => break Some(Break::from_io(size, e)),
                Ok(0) => break None,
                Ok(count) => {
                    if let Err(cause) = allow(count as u64) {
                        break Some(Break::new(size, cause));
                    }
                }
            }
        };
        self.give_buffer(chunk);
        let stored = match spooled {
            Some(file) => Stored::Spooled(file),
            None => Stored::Held(held),
        };
        Ok(Absorbed { stored, head, id: EvidenceId(hasher.finish()), size, flaw })
    }
}

/// A stream read to its end, or to its break.
pub(crate) struct Absorbed {
    pub(crate) stored: Stored,
    pub(crate) head: Vec<u8>,
    pub(crate) id: EvidenceId,
    pub(crate) size: u64,
    pub(crate) flaw: Option<Break>,
}

/// Where the stored bytes are.
#[derive(Debug)]
pub(crate) enum Stored {
    Held(Vec<u8>),
    Spooled(File),
    File { file: File, modified: Option<SystemTime> },
}

impl Stored {
    /// The `size` bytes that were hashed, from their start: what was appended since is not among them.
    /// One reader at a time: files share their position.
    pub(crate) fn reader(&self, size: u64) -> Result<Box<dyn Read + Send + '_>, Break> {
        match self {
            Self::Held(bytes) => Ok(Box::new(bytes.as_slice())),
            Self::Spooled(file) | Self::File { file, .. } => {
                let mut file = file;
                file.seek(SeekFrom::Start(0)).map_err(|e| Break::from_io(0, e))?;
                Ok(Box::new(file.take(size)))
            }
        }
    }

    /// Whether the file is no longer the one that was hashed.
    pub(crate) fn change(&self, size: u64) -> Option<Break> {
        let Self::File { file, modified } = self else { return None };
        let now = file.metadata().ok()?;
        (now.len() != size || now.modified().ok() != *modified).then(|| Break::new(size, Cause::Changed))
    }
}

/// Stored bytes that can be read from anywhere.
#[derive(Debug)]
pub enum Seekable {
    /// In memory.
    Held(Vec<u8>),
    /// In a file.
    File(File),
}

/// A file, an archive or a member of one.
#[derive(Debug)]
pub struct Piece {
    /// Where it was met: an absolute path, `-` for standard input, `archive!member` for members.
    pub origin: String,
    /// Its name inside the archive.
    pub member: Option<String>,
    /// The archive it is a member of.
    pub parent: Option<EvidenceId>,
    /// Whether it was met while walking a folder or archive, rather than named by the user.
    pub walked: bool,
    /// SHA-256 of the stored bytes.
    pub id: EvidenceId,
    /// Number of stored bytes.
    pub size: u64,
    /// Set where the stored bytes themselves could not be had whole (the archive around them breaks off).
    pub flaw: Option<Break>,
    pub(crate) stored: Stored,
    pub(crate) head: Vec<u8>,
    pub(crate) depth: usize,
    pub(crate) budget: Arc<Budget>,
}

impl Piece {
    /// Opens and hashes what was found.
    ///
    /// # Errors
    /// What the operating system says where it cannot be read.
    pub fn open(found: &Found, workspace: &mut Workspace) -> io::Result<Self> {
        let absorbed = match &found.place {
            Place::Stdin => workspace.absorb(&mut io::stdin().lock(), |_| Ok(()))?,
            Place::Stream(path) => workspace.absorb(&mut File::open(path)?, |_| Ok(()))?,
            Place::File(path) => open_file(path, workspace)?,
            Place::Special(what) => return Err(io::Error::other(*what)),
            Place::Unreadable(error) => return Err(io::Error::other(error.clone())),
        };
        if let Some(Break { cause: Cause::Io(message), .. }) = absorbed.flaw {
            return Err(io::Error::other(message));
        }
        Ok(Self {
            origin: found.origin.clone(),
            member: None,
            parent: None,
            walked: found.walked,
            id: absorbed.id,
            size: absorbed.size,
            flaw: absorbed.flaw,
            stored: absorbed.stored,
            head: absorbed.head,
            depth: 0,
            budget: Arc::new(Budget::new(workspace.limits, absorbed.size)),
        })
    }

    /// Its uncompressed content, from the start.
    ///
    /// # Errors
    /// Where the operating system cannot go back to the start.
    pub fn content<'a>(&'a self, workspace: &mut Workspace) -> Result<Content<'a>, Break> {
        Content::open(self, workspace)
    }

    /// Its stored bytes, to be read from anywhere.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn seekable(&self) -> io::Result<Seekable> {
        match &self.stored {
            Stored::Held(bytes) => Ok(Seekable::Held(bytes.clone())),
            Stored::Spooled(file) | Stored::File { file, .. } => file.try_clone().map(Seekable::File),
        }
    }

    /// Whether its stored bytes are in memory.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.stored, Stored::Held(_))
    }

    /// The last `most` stored bytes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn tail(&self, most: usize) -> io::Result<Vec<u8>> {
        match &self.stored {
            Stored::Held(bytes) => Ok(bytes[bytes.len().saturating_sub(most)..].to_vec()),
            Stored::Spooled(file) | Stored::File { file, .. } => {
                let mut file = file;
                let start = self.size.saturating_sub(most as u64);
                file.seek(SeekFrom::Start(start))?;
                let mut bytes = Vec::new();
                file.take(most as u64).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// Hashes a regular file: a small one into memory, a large one in passing.
fn open_file(path: &Path, workspace: &mut Workspace) -> io::Result<Absorbed> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let held = workspace.limits.held as u64;
    let mut buffer = workspace.take_buffer();
    buffer.clear();
    if metadata.len() <= held {
        buffer.reserve_exact(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        (&mut file).take(held + 1).read_to_end(&mut buffer)?;
        if buffer.len() as u64 <= held {
            let id = EvidenceId::of(&buffer);
            let head = buffer[..buffer.len().min(HEAD)].to_vec();
            let size = buffer.len() as u64;
            return Ok(Absorbed { stored: Stored::Held(buffer), head, id, size, flaw: None });
        }
    }
    // Large, or grown since: what counts is what this pass sees; the next one notices a change.
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut head = Vec::new();
    let mut size = 0;
    loop {
        buffer.clear();
        let count = (&mut file).take(CHUNK as u64).read_to_end(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer);
        head.extend_from_slice(&buffer[..count.min(HEAD - head.len())]);
        size += count as u64;
    }
    workspace.give_buffer(buffer);
    let modified = metadata.modified().ok();
    Ok(Absorbed { stored: Stored::File { file, modified }, head, id: EvidenceId(hasher.finish()), size, flaw: None })
}
