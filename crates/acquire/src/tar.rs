//! tar as a stream: ustar, pax, GNU long names and sparse files.
//!
//! Written here rather than taken from a crate because a truncated member must be noticed, names must not be able to
//! take memory, and the place of a break is needed.

use std::io::{self, Read};
use std::ops::ControlFlow;

use crate::limits::{Break, Cause};
use crate::sparse::{Filled, GnuHeader, Map, PaxKeys};

const BLOCK: usize = 512;
/// Longest extended header that is read: names and attributes, not data.
const MAX_EXTENDED: u64 = 1 << 20;
const NAME: &str = "tar";

/// Whether a tar archive could start with this block: its checksum holds.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else { return false };
    // The checksum decides, but zeros are no header: it has a name or at least the magic.
    (block[0] != 0 || block[257..262] == *b"ustar")
        && octal(&block[148..156]).is_some_and(|stated| stated == checksum(block) || stated == signed_checksum(block))
}

fn checksum(block: &[u8; BLOCK]) -> u64 {
    block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { u64::from(b' ') } else { u64::from(*b) }).sum()
}

/// Some old implementations summed signed bytes.
fn signed_checksum(block: &[u8; BLOCK]) -> u64 {
    let sum: i64 = block.iter().enumerate().map(|(i, b)| i64::from(if (148..156).contains(&i) { b' ' } else { *b }.cast_signed())).sum();
    sum.unsigned_abs()
}

/// Octal digits with spaces or zeros around them, or GNU base-256.
fn octal(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (first, rest) = field.split_first()?;
        return rest.iter().try_fold(u64::from(first & 0x7f), |n, b| (n < 1 << 55).then(|| n << 8 | u64::from(*b)));
    }
    let digits = field.iter().copied().skip_while(|b| *b == b' ').take_while(|b| *b != 0 && *b != b' ');
    let mut any = false;
    let number = digits.into_iter().try_fold(0u64, |n, b| {
        any = true;
        (b'0'..=b'7').contains(&b).then(|| n.checked_mul(8)?.checked_add(u64::from(b - b'0'))).flatten()
    })?;
    any.then_some(number)
}

fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|b| *b == 0).unwrap_or(field.len())]
}

/// A regular file in the archive, given to the visitor with a reader over its bytes.
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) size: u64,
    /// Why it cannot be read, though its place in the archive is known.
    pub(crate) unreadable: Option<&'static str>,
}

/// What is said of a sparse file whose holes are not where they can be.
const BAD_MAP: &str = "a sparse file whose map of holes contradicts the archive";

struct Counting<R> {
    inner: R,
    offset: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Names that extended headers gave to the next member.
#[derive(Default)]
struct Pending {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: PaxKeys,
}

/// Takes a member's bytes, and says whether to go on.
type Visit<'v> = dyn FnMut(&Entry, &mut dyn Read) -> io::Result<ControlFlow<()>> + 'v;

/// Visits the regular files in order. Returns the break that ended it, if any.
pub(crate) fn read(input: impl Read, visit: &mut Visit<'_>) -> Result<(), Break> {
    let mut input = Counting { inner: input, offset: 0 };
    let mut pending = Pending::default();
    let mut flaw = None;
    loop {
        let start = input.offset;
        let block = match header(&mut input) {
            Err(broken) if matches!(broken.cause, Cause::Damaged { .. }) => {
                flaw.get_or_insert(broken);
                pending = Pending::default();
                next_header(&mut input)?
            }
            found => found?,
        };
        let Some(block) = block else { return flaw.map_or(Ok(()), Err) };
        let stated = octal(&block[124..136]).ok_or_else(|| damaged(start, "a member's size is not a number"))?;
        let kind = block[156];
        match kind {
            b'L' | b'K' | b'x' | b'g' => {
                let data = extended(&mut input, stated)?;
                match kind {
                    b'L' => pending.name = Some(text(&data).to_vec()),
                    b'x' => pax(&data, &mut pending),
                    _ => {}
                }
                skip(&mut input, padding(stated))?;
                continue;
            }
            _ => {}
        }
        let Pending { name, size, sparse } = std::mem::take(&mut pending);
        let size = size.unwrap_or(stated);
        let is_file = matches!(kind, 0 | b'0' | b'7' | b'S');
        let name = name.unwrap_or_else(|| header_name(&block));
        let old_folder = kind == 0 && name.ends_with(b"/");
        if is_file && !old_folder {
            let gnu = if kind == b'S' { Some(gnu_header(&block, &mut input)?) } else { None };
            let mut body = (&mut input).take(size);
            let flow = file(name, size, (gnu, sparse), &mut body, visit).map_err(|e| Break::from_io(start, e))?;
            let left = body.limit();
            if flow.is_break() {
                return flaw.map_or(Ok(()), Err);
            }
            skip(&mut input, left)?;
        } else if has_data(kind) {
            skip(&mut input, size)?;
        }
        if is_file || has_data(kind) {
            skip(&mut input, padding(size))?;
        }
    }
}

/// Shows a file to the visitor, its holes filled.
fn file(
    name: Vec<u8>,
    stored: u64,
    sparse: (Option<GnuHeader>, PaxKeys),
    body: &mut dyn Read,
    visit: &mut Visit<'_>,
) -> io::Result<ControlFlow<()>> {
    let map: Option<Map> = match sparse {
        (Some(gnu), _) => gnu.map(stored),
        (None, keys) if keys.is_sparse() => keys.map(body, stored)?,
        (None, _) => return visit(&Entry { name, size: stored, unreadable: None }, body),
    };
    match map {
        Some(map) => visit(&Entry { name, size: map.size, unreadable: None }, &mut Filled::new(body, map)),
        None => visit(&Entry { name, size: stored, unreadable: Some(BAD_MAP) }, body),
    }
}

/// The map of a type `S` member: in its header, and in blocks behind it that its size does not count.
fn gnu_header<R: Read>(block: &[u8; BLOCK], input: &mut Counting<R>) -> Result<GnuHeader, Break> {
    let mut header = GnuHeader::read(block, octal);
    while header.continues {
        let mut more = [0; BLOCK];
        if read_full(input, &mut more)? < BLOCK {
            return Err(Break::new(input.offset, Cause::Truncated(NAME)));
        }
        header.extend(&more, octal);
    }
    Ok(header)
}

/// Links, devices and folders have no data whatever their size field says.
fn has_data(kind: u8) -> bool {
    !matches!(kind, b'1'..=b'6')
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn damaged(offset: u64, what: &str) -> Break {
    Break::new(offset, Cause::Damaged { container: NAME, what: what.to_owned() })
}

/// The next header; `None` at the end: two zero blocks and nothing but zeros behind them, or no more bytes after a whole member.
/// Behind the zero blocks another archive may follow (`cat a.tar b.tar`), whose members are evidence as well.
fn header<R: Read>(input: &mut Counting<R>) -> Result<Option<[u8; BLOCK]>, Break> {
    let start = input.offset;
    let mut block = [0; BLOCK];
    for zeros in 0u64.. {
        let have = read_full(input, &mut block)?;
        if have == 0 && zeros > 0 {
            return Ok(None);
        }
        if have == 0 {
            // Without the two zero blocks every member is there, but nothing says that it was the last.
            return Err(Break::new(start, Cause::Truncated(NAME)));
        }
        let at = input.offset - have as u64;
        if block[..have].iter().any(|b| *b != 0) {
            return match zeros {
                _ if have == BLOCK && is_header(&block) => Ok(Some(block)),
                0 | 1 if have < BLOCK => Err(Break::new(input.offset, Cause::Truncated(NAME))),
                0 | 1 => Err(damaged(at, "a member header's checksum does not match")),
                _ => Err(damaged(at, "what follows the end of the archive is no tar and was not read")),
            };
        }
        if have < BLOCK {
            return if zeros > 1 { Ok(None) } else { Err(Break::new(input.offset, Cause::Truncated(NAME))) };
        }
    }
    Ok(None)
}

/// The next header behind a damaged one, whose member cannot be told from what follows it: one with the magic, for data may look like others.
fn next_header<R: Read>(input: &mut Counting<R>) -> Result<Option<[u8; BLOCK]>, Break> {
    let mut block = [0; BLOCK];
    while read_full(input, &mut block)? == BLOCK {
        if block[257..262] == *b"ustar" && is_header(&block) {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

fn header_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&block[..100]);
    let prefix = if block[257..263] == *b"ustar\0" { text(&block[345..500]) } else { b"" };
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn extended<R: Read>(input: &mut Counting<R>, size: u64) -> Result<Vec<u8>, Break> {
    if size > MAX_EXTENDED {
        return Err(damaged(input.offset, "an extended header is larger than 1 MiB"));
    }
    let mut data = vec![0; usize::try_from(size).unwrap_or(0)];
    if read_full(input, &mut data)? < data.len() {
        return Err(Break::new(input.offset, Cause::Truncated(NAME)));
    }
    Ok(data)
}

/// Records `length key=value\n`; only the name, size and sparse marks matter here.
fn pax(mut data: &[u8], pending: &mut Pending) {
    while let Some(space) = data.iter().position(|b| *b == b' ') {
        let length = std::str::from_utf8(&data[..space]).ok().and_then(|t| t.parse::<usize>().ok());
        let Some(record) = length.filter(|l| *l > space + 1).and_then(|l| data.get(space + 1..l - 1)) else { return };
        let rest = data.get(space + record.len() + 2..).unwrap_or_default();
        if let Some(equals) = record.iter().position(|b| *b == b'=') {
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" if pending.sparse.is_named() => {}
                b"path" => pending.name = Some(value.to_vec()),
                b"GNU.sparse.name" => {
                    pending.sparse.take(b"name", value);
                    pending.name = Some(value.to_vec());
                }
                b"size" => pending.size = std::str::from_utf8(value).ok().and_then(|t| t.parse().ok()),
                _ => {
                    if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                        pending.sparse.take(key, value);
                    }
                }
            }
        }
        data = rest;
    }
}

fn skip<R: Read>(input: &mut Counting<R>, count: u64) -> Result<(), Break> {
    let copied = io::copy(&mut input.take(count), &mut io::sink());
    match copied {
        Ok(done) if done == count => Ok(()),
        Ok(_) => Err(Break::new(input.offset, Cause::Truncated(NAME))),
        Err(e) => Err(Break::from_io(input.offset, e)),
    }
}

fn read_full<R: Read>(input: &mut Counting<R>, out: &mut [u8]) -> Result<usize, Break> {
    let mut have = 0;
    while have < out.len() {
        match input.read(&mut out[have..]) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Break::from_io(input.offset, e)),
        }
    }
    Ok(have)
}
