//! Sparse members of tar archives: files with holes, of which only the data between the holes is stored.
//!
//! GNU tar writes them in four ways: type `S` with a map in the header and in blocks behind it; and with pax headers, the map in them
//! as pairs (0.0) or as one list (0.1), or at the beginning of the member's data (1.0). A map that contradicts itself or the archive
//! is refused: bytes in the wrong place would be forged evidence.

use std::io::{self, Read};

/// Extents of one file, at most: what a map may take of memory.
const MOST_EXTENTS: usize = 1 << 20;
const BLOCK: usize = 512;

/// Where the stored data belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Map {
    /// Offset and length, in order.
    extents: Vec<(u64, u64)>,
    /// Size of the file with its holes.
    pub(crate) size: u64,
}

impl Map {
    /// A map that fits `stored` bytes of data.
    fn checked(extents: Vec<(u64, u64)>, size: u64, stored: u64) -> Option<Self> {
        let mut end = 0u64;
        let mut data = 0u64;
        for (offset, length) in &extents {
            if *offset < end {
                return None;
            }
            end = offset.checked_add(*length)?;
            data = data.checked_add(*length)?;
        }
        (end <= size && data == stored).then_some(Self { extents, size })
    }
}

/// What the header of a type `S` member says: the extents, whether blocks with more of them follow, and the size with holes.
pub(crate) struct GnuHeader {
    extents: Vec<(u64, u64)>,
    pub(crate) continues: bool,
    size: Option<u64>,
    is_sound: bool,
}

impl GnuHeader {
    pub(crate) fn read(block: &[u8; BLOCK], number: impl Fn(&[u8]) -> Option<u64>) -> Self {
        let mut header = Self { extents: Vec::new(), continues: block[482] != 0, size: number(&block[483..495]), is_sound: true };
        header.take(&block[386..482], number);
        header
    }

    /// A block behind the header.
    pub(crate) fn extend(&mut self, block: &[u8; BLOCK], number: impl Fn(&[u8]) -> Option<u64>) {
        self.continues = block[504] != 0;
        self.take(&block[..504], number);
    }

    fn take(&mut self, pairs: &[u8], number: impl Fn(&[u8]) -> Option<u64>) {
        for pair in pairs.chunks_exact(24).take_while(|p| p[0] != 0) {
            match number(&pair[..12]).zip(number(&pair[12..])) {
                Some(extent) if self.extents.len() < MOST_EXTENTS => self.extents.push(extent),
                _ => self.is_sound = false,
            }
        }
    }

    pub(crate) fn map(self, stored: u64) -> Option<Map> {
        let Self { extents, size, is_sound, .. } = self;
        Map::checked(extents, size?, stored).filter(|_| is_sound)
    }
}

/// What pax headers say of a sparse member.
#[derive(Debug, Default)]
pub(crate) struct PaxKeys {
    is_sparse: bool,
    is_named: bool,
    major: u64,
    size: Option<u64>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    is_broken: bool,
}

impl PaxKeys {
    /// Takes a `GNU.sparse.` record.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) {
        self.is_sparse = true;
        let number = decimal(value);
        match key {
            b"name" => self.is_named = true,
            b"major" => self.major = number.unwrap_or(u64::MAX),
            b"size" | b"realsize" => self.size = number,
            b"offset" => self.offsets.extend(number),
            b"numbytes" => self.lengths.extend(number),
            b"map" => {
                for (i, text) in value.split(|b| *b == b',').enumerate() {
                    let list = if i % 2 == 0 { &mut self.offsets } else { &mut self.lengths };
                    match decimal(text) {
                        Some(n) => list.push(n),
                        None => self.is_broken |= !value.is_empty(),
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    /// Whether the file's own name was among them; its `path` is then one made up for readers that know no holes.
    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }

    /// The map for `stored` bytes, which `body` gives. Version 1.0 begins them with the map.
    pub(crate) fn map(self, body: &mut dyn Read, stored: u64) -> io::Result<Option<Map>> {
        let Some(size) = self.size.filter(|_| !self.is_broken && self.major <= 1) else { return Ok(None) };
        if self.major == 0 {
            let is_paired = self.offsets.len() == self.lengths.len();
            let extents = self.offsets.into_iter().zip(self.lengths).collect();
            return Ok(Map::checked(extents, size, stored).filter(|_| is_paired));
        }
        let mut lines = Lines { body, block: [0; BLOCK], at: BLOCK, used: 0 };
        let Some(count) = lines.next()?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= MOST_EXTENTS) else { return Ok(None) };
        let mut extents = Vec::new();
        for _ in 0..count {
            match (lines.next()?, lines.next()?) {
                (Some(offset), Some(length)) => extents.push((offset, length)),
                _ => return Ok(None),
            }
        }
        Ok(stored.checked_sub(lines.used).and_then(|data| Map::checked(extents, size, data)))
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// Numbers, one a line, in whole blocks.
struct Lines<'r> {
    body: &'r mut dyn Read,
    block: [u8; BLOCK],
    at: usize,
    used: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> io::Result<Option<u64>> {
        let mut number: Option<u64> = None;
        loop {
            if self.at == BLOCK {
                match self.body.read_exact(&mut self.block) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                    Err(e) => return Err(e),
                }
                (self.at, self.used) = (0, self.used + BLOCK as u64);
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'0'..=b'9' => {
                    number = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(u64::from(byte - b'0')));
                    if number.is_none() {
                        return Ok(None);
                    }
                }
                b'\n' => return Ok(number),
                _ => return Ok(None),
            }
        }
    }
}

/// The file as it was: its data, and zeros for the holes. Ends early where the data does.
pub(crate) struct Filled<'r> {
    body: &'r mut dyn Read,
    map: Map,
    next: usize,
    position: u64,
}

impl<'r> Filled<'r> {
    pub(crate) fn new(body: &'r mut dyn Read, map: Map) -> Self {
        Self { body, map, next: 0, position: 0 }
    }
}

impl Read for Filled<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.map.extents.get(self.next).is_some_and(|(offset, length)| offset + length <= self.position) {
            self.next += 1;
        }
        let (start, end) = self.map.extents.get(self.next).map_or((self.map.size, self.map.size), |(o, l)| (*o, o + l));
        let is_hole = self.position < start;
        let room = if is_hole { start - self.position } else { end - self.position };
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(out.len());
        let count = if is_hole {
            out[..count].fill(0);
            count
        } else {
            self.body.read(&mut out[..count])?
        };
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(extents: &[(u64, u64)], size: u64, data: &[u8]) -> Option<Vec<u8>> {
        let map = Map::checked(extents.to_vec(), size, data.len() as u64)?;
        let (mut body, mut out) = (data, Vec::new());
        Filled::new(&mut body, map).read_to_end(&mut out).unwrap();
        Some(out)
    }

    #[test]
    fn holes_become_zeros() {
        assert_eq!(filled(&[(2, 3), (7, 1), (9, 0)], 9, b"abcd").unwrap(), b"\0\0abc\0\0d\0");
        assert_eq!(filled(&[], 3, b"").unwrap(), b"\0\0\0");
    }

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        for (extents, size) in [(vec![(0, 5)], 5), (vec![(0, 3), (2, 1)], 9), (vec![(6, 4)], 9), (vec![(u64::MAX, 4)], 9)] {
            assert_eq!(filled(&extents, size, b"abcd"), None, "{extents:?}");
        }
    }
}
