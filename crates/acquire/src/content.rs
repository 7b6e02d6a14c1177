//! The uncompressed bytes of a piece of evidence, in bounded chunks.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use libdeflater::Decompressor;

use crate::gzip::{GzipSlices, GzipStream};
use crate::hash::Sha256;
use crate::inflate::{Inflate, InflateReader};
use crate::limits::{Break, Budget, CHUNK, Cause, Level, Limits, MAX_LAYERS};
use crate::magic::{Layer, layer_of};
use crate::piece::{Piece, Stored, Workspace};
use crate::utf16::Utf16Stream;
use crate::zstd::ZstdStream;

/// Uncompressed bytes as they come. See [`Content::next_chunk`] and [`Content::finish`].
pub struct Content<'a> {
    piece: &'a Piece,
    source: Source<'a>,
    layers: Vec<Layer>,
    out: Vec<u8>,
    inflater: Decompressor,
    /// None where the content is the stored bytes: their hash is known.
    hasher: Option<Sha256>,
    size: u64,
    budget: Arc<Budget>,
    limits: Limits,
    broken: Option<Break>,
    started: bool,
    ended: bool,
}

enum Source<'a> {
    /// In memory and not compressed.
    Held(&'a [u8]),
    /// Not compressed.
    Plain(Box<dyn Read + Send + 'a>),
    /// gzip, in memory.
    Slices(Box<GzipSlices<'a>>),
    /// Anything else.
    Stream(Box<dyn Inflate + Send + 'a>),
}

/// What was learnt by reading content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// Bytes handed out.
    pub size: u64,
    /// SHA-256 of the content, where it was read to its end without a break.
    pub sha256: Option<[u8; 32]>,
    /// Remarks: what follows the compressed data.
    pub notes: Vec<String>,
    /// The break that ended it, or a fault that did not.
    pub flaw: Option<Break>,
    /// Layers taken off, by name, outermost first: compressions, and notations of text other than UTF-8.
    pub compression: Vec<&'static str>,
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("origin", &self.piece.origin).field("layers", &self.layers).field("size", &self.size).finish()
    }
}

impl<'a> Content<'a> {
    pub(crate) fn open(piece: &'a Piece, workspace: &mut Workspace) -> Result<Self, Break> {
        let layers: Vec<Layer> = layer_of(&piece.head).into_iter().collect();
        let limits = workspace.limits;
        let source = match (&piece.stored, layers.first()) {
            (Stored::Held(bytes), None) => Source::Held(bytes),
            (Stored::Held(bytes), Some(Layer::Gzip)) => Source::Slices(Box::new(GzipSlices::new(bytes, limits.member, CHUNK))),
            (_, None) => Source::Plain(piece.stored.reader(piece.size)?),
            (_, Some(_)) => Source::Stream(stack(piece, &layers)?),
        };
        Ok(Self {
            piece,
            source,
            hasher: (!layers.is_empty()).then(Sha256::new),
            layers,
            out: workspace.take_buffer(),
            inflater: workspace.take_inflater(),
            size: 0,
            budget: Arc::clone(&piece.budget),
            limits,
            broken: None,
            started: false,
            ended: false,
        })
    }

    /// The next bytes: at least 64 KiB unless the content ends or a compressed member does; `None` at the end.
    ///
    /// # Errors
    /// A break, once everything before it was handed out. Nothing follows it.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, Break> {
        if let Some(broken) = &self.broken {
            self.ended = true;
            return Err(broken.clone());
        }
        if self.ended {
            return Ok(None);
        }
        if let Source::Held(bytes) = self.source {
            self.ended = true;
            self.size = bytes.len() as u64;
            return Ok((!bytes.is_empty()).then_some(bytes));
        }
        if let (false, Err(cause)) = (self.started || self.layers.is_empty(), self.budget.check()) {
            self.broken = Some(Break::new(0, cause));
            return self.next_chunk();
        }
        self.refill();
        if !self.started && self.broken.is_none() {
            self.take_off_further_layers();
        }
        self.started = true;
        if self.out.is_empty() {
            self.ended = true;
            self.broken = self.broken.take().or_else(|| self.piece.stored.change(self.piece.size));
            return self.broken.clone().map_or(Ok(None), Err);
        }
        self.account();
        Ok(Some(&self.out))
    }

    /// Puts the next chunk into `out`, and a break behind it.
    fn refill(&mut self) {
        if !matches!(self.source, Source::Slices(_)) {
            self.out.clear();
            if self.out.capacity() < CHUNK {
                self.out.reserve_exact(CHUNK);
            }
        }
        let result = match &mut self.source {
            Source::Held(_) => Ok(()),
            Source::Plain(reader) => {
                let offset = self.size;
                reader.take(CHUNK as u64).read_to_end(&mut self.out).map(drop).map_err(|e| Break::from_io(offset, e))
            }
            Source::Slices(slices) => slices.next(&mut self.inflater, &mut self.out),
            Source::Stream(stream) => stream.fill(&mut self.out),
        };
        self.broken = result.err();
    }

    /// Where another layer lies over the first bytes that came out, starts over through all the layers.
    fn take_off_further_layers(&mut self) {
        while let Some(inner) = layer_of(&self.out)
            && !self.layers.is_empty()
            && self.layers.len() < MAX_LAYERS
        {
            self.layers.push(inner);
            match stack(self.piece, &self.layers) {
                Ok(stream) => self.source = Source::Stream(stream),
                Err(broken) => {
                    self.out.clear();
                    self.broken = Some(broken);
                    return;
                }
            }
            self.refill();
            if self.broken.is_some() {
                return;
            }
        }
    }

    /// Hashes and counts the chunk in `out`; stops a bomb behind it.
    fn account(&mut self) {
        let count = self.out.len() as u64;
        self.size += count;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.out);
        }
        if self.layers.is_empty() {
            return;
        }
        let spent = self.budget.spend(Level::Content(self.piece.depth), count);
        if let Err(cause) = spent.and_then(|()| self.limits.check(self.piece.size, self.size)) {
            let offset = match &self.source {
                Source::Stream(stream) => stream.offset(),
                _ => self.piece.size,
            };
            self.broken.get_or_insert(Break::new(offset, cause));
        }
    }

    /// The bytes that [`Content::next_chunk`] handed out last.
    #[must_use]
    pub fn current(&self) -> &[u8] {
        match self.source {
            Source::Held(bytes) => bytes,
            _ => &self.out,
        }
    }

    /// How many of the stored bytes were used up to now, as far as it is known.
    #[must_use]
    pub fn position(&self) -> u64 {
        match &self.source {
            Source::Stream(stream) if self.layers.len() == 1 => stream.offset(),
            Source::Plain(_) => self.size,
            _ => 0,
        }
    }

    /// Whether the content is not the stored bytes: they were compressed, or text in another notation.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Reads what is left, for its hash and length, up to `most` bytes more.
    pub fn drain(&mut self, most: u64) {
        let bound = self.size.saturating_add(most);
        while self.size < bound && matches!(self.next_chunk(), Ok(Some(_))) {}
    }

    /// The account of it, and the buffers back to the workspace.
    #[must_use]
    pub fn finish(mut self, workspace: &mut Workspace) -> Drained {
        let complete = self.ended && self.broken.is_none();
        let (notes, fault) = match &mut self.source {
            Source::Slices(slices) => (slices.notes(), slices.flaw().cloned()),
            Source::Stream(stream) => (stream.notes(), stream.flaw().cloned()),
            Source::Held(_) | Source::Plain(_) => (Vec::new(), None),
        };
        let sha256 = complete.then(|| self.hasher.take().map_or(self.piece.id.0, |h| h.finish()));
        workspace.give_buffer(std::mem::take(&mut self.out));
        workspace.give_inflater(std::mem::take(&mut self.inflater));
        Drained {
            size: self.size,
            sha256,
            notes,
            flaw: self.broken.take().or(fault).or_else(|| self.piece.flaw.clone()),
            compression: self.layers.iter().map(|c| c.name()).collect(),
        }
    }
}

/// Decoders on top of each other over the stored bytes, that of the outermost layer first.
fn stack<'a>(piece: &'a Piece, layers: &[Layer]) -> Result<Box<dyn Inflate + Send + 'a>, Break> {
    let mut input: Box<dyn BufRead + Send + 'a> = Box::new(BufReader::with_capacity(CHUNK / 4, piece.stored.reader(piece.size)?));
    let mut rest = layers;
    loop {
        let (layer, inner) = rest.split_first().ok_or_else(|| Break::new(0, Cause::Io("no layer".to_owned())))?;
        let stream: Box<dyn Inflate + Send + 'a> = match layer {
            Layer::Gzip => Box::new(GzipStream::new(input, 0)),
            Layer::Zstd => Box::new(ZstdStream::new(input, 0)?),
            Layer::Utf16(order) => Box::new(Utf16Stream::new(input, *order)),
        };
        if inner.is_empty() {
            return Ok(stream);
        }
        input = Box::new(InflateReader::new(stream, CHUNK / 4));
        rest = inner;
    }
}

/// Reads content as a stream, for the containers inside it.
pub(crate) struct ContentReader<'c, 'a> {
    content: &'c mut Content<'a>,
    chunk: Vec<u8>,
    position: usize,
}

impl<'c, 'a> ContentReader<'c, 'a> {
    pub(crate) fn new(content: &'c mut Content<'a>) -> Self {
        Self { content, chunk: Vec::new(), position: 0 }
    }
}

impl Read for ContentReader<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            self.position = 0;
            self.chunk.clear();
            match self.content.next_chunk() {
                Ok(Some(bytes)) => self.chunk.extend_from_slice(bytes),
                Ok(None) => return Ok(0),
                Err(broken) => return Err(broken.into()),
            }
        }
        let count = out.len().min(self.chunk.len() - self.position);
        out[..count].copy_from_slice(&self.chunk[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}
