//! What every streaming decompressor offers, and a reader over one for the next layer.

use std::io::{self, BufRead, Read};

use crate::limits::{Break, Cause};

/// A decompressor over a stream of stored bytes.
pub(crate) trait Inflate {
    /// Appends to `out` until its capacity is reached; less than that is the end. Before a break everything that could be
    /// inflated has been appended.
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<(), Break>;

    /// Remarks on what was read (padding after the data).
    fn notes(&mut self) -> Vec<String>;

    /// A fault that did not stop reading: a checksum that does not match.
    fn flaw(&self) -> Option<&Break>;

    /// Offset in the stored bytes up to which they were used.
    fn offset(&self) -> u64;
}

/// A stream of stored bytes that counts how far it was read.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    inner: R,
    pub(crate) offset: u64,
}

impl<R: BufRead> Counted<R> {
    pub(crate) fn new(inner: R, offset: u64) -> Self {
        Self { inner, offset }
    }

    /// What lies ahead; empty at the end only.
    pub(crate) fn ahead(&mut self) -> Result<&[u8], Break> {
        let offset = self.offset;
        loop {
            match self.inner.fill_buf() {
                Ok(_) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Break::from_io(offset, e)),
            }
        }
        self.inner.fill_buf().map_err(|e| Break::from_io(offset, e))
    }

    pub(crate) fn used(&mut self, count: usize) {
        self.inner.consume(count);
        self.offset += count as u64;
    }

    /// The next `N` bytes, or `None` where the stream ends before them.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Break> {
        let mut bytes = [0; N];
        let mut have = 0;
        while have < N {
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Ok(None);
            }
            let count = ahead.len().min(N - have);
            bytes[have..have + count].copy_from_slice(&ahead[..count]);
            self.used(count);
            have += count;
        }
        Ok(Some(bytes))
    }

    /// Reads to the end: how many bytes follow, and whether all of them are zero.
    pub(crate) fn rest(&mut self) -> Result<(u64, bool), Break> {
        let (mut count, mut zero) = (0, true);
        loop {
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Ok((count, zero));
            }
            zero &= ahead.iter().all(|b| *b == 0);
            let length = ahead.len();
            count += length as u64;
            self.used(length);
        }
    }
}

/// What follows a container's end: padding and a few stray bytes are remarked. What could be more of the data, its header damaged, is a fault.
pub(crate) fn trailing(container: &'static str, smallest: u64, (offset, count, zero): (u64, u64, bool)) -> Result<String, Break> {
    let place = format!("the {container} data (from byte {offset})");
    match (zero, count) {
        (true, 1) => Ok(format!("1 zero byte follows {place}")),
        (true, _) => Ok(format!("{count} zero bytes follow {place}")),
        (false, 1) => Ok(format!("1 byte that is not {container} follows {place}; it was not read")),
        (false, _) if count < smallest => Ok(format!("{count} bytes that are not {container} follow {place}; they were not read")),
        (false, _) => {
            let what = format!("{count} bytes at its end do not begin as {container} does and were not read");
            Err(Break::new(offset, Cause::Damaged { container, what }))
        }
    }
}

/// Reads what a decompressor delivers.
pub(crate) struct InflateReader<'a> {
    inner: Box<dyn Inflate + Send + 'a>,
    buffer: Vec<u8>,
    position: usize,
    broken: Option<Break>,
    ended: bool,
}

impl<'a> InflateReader<'a> {
    pub(crate) fn new(inner: Box<dyn Inflate + Send + 'a>, capacity: usize) -> Self {
        Self { inner, buffer: Vec::with_capacity(capacity), position: 0, broken: None, ended: false }
    }
}

impl BufRead for InflateReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.buffer.len() {
            if let Some(broken) = &self.broken {
                return Err(broken.clone().into());
            }
            if !self.ended {
                self.buffer.clear();
                self.position = 0;
                match self.inner.fill(&mut self.buffer) {
                    Ok(()) => self.ended = self.buffer.len() < self.buffer.capacity(),
                    Err(broken) if self.buffer.is_empty() => {
                        self.broken = Some(broken.clone());
                        return Err(broken.into());
                    }
                    Err(broken) => self.broken = Some(broken),
                }
                // A checksum fault is reported once its data has been handed on.
                if self.ended && self.broken.is_none() {
                    self.broken = self.inner.flaw().cloned();
                    if self.buffer.is_empty()
                        && let Some(broken) = &self.broken
                    {
                        return Err(broken.clone().into());
                    }
                }
            } else {
                self.buffer.clear();
                self.position = 0;
            }
        }
        Ok(&self.buffer[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position = (self.position + count).min(self.buffer.len());
    }
}

impl Read for InflateReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let count = ahead.len().min(out.len());
        out[..count].copy_from_slice(&ahead[..count]);
        self.consume(count);
        Ok(count)
    }
}
