//! gzip (RFC 1952), any number of members.
//!
//! Two ways through the same format: [`GzipSlices`] inflates members that are in memory whole with libdeflate, [`GzipStream`]
//! inflates anything piece by piece. libdeflate gives nothing for a member it cannot finish and does not say where a member ends,
//! so the fast way proves each member's end by its trailer, and hands over to the stream wherever it cannot.

use std::io::{BufRead, Cursor};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;
use memchr::memmem;

use crate::inflate::{Counted, Inflate, trailing};
use crate::limits::{Break, Cause};

const NAME: &str = "gzip";
const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
/// Deflate cannot expand further than this.
const MAX_DEFLATE_RATIO: usize = 1032;
/// Bytes handed out at a time, unless the content ends.
const LEAST: usize = 64 << 10;
/// Header and trailer of the smallest member.
const SMALLEST: usize = 18;

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Trailer,
    Ended,
}

/// gzip members from a stream.
pub(crate) struct GzipStream<R> {
    input: Counted<R>,
    inflate: Decompress,
    crc: Crc,
    state: State,
    members: u64,
    notes: Vec<String>,
    flaw: Option<Break>,
    /// Where the member at hand starts.
    member: u64,
    /// Whether what follows a damaged member is sought from here on; else by whoever has all of the bytes.
    goes_on: bool,
}

impl<R: BufRead> GzipStream<R> {
    /// Reads from `input`, whose first byte is at `offset` of the stored bytes.
    pub(crate) fn new(input: R, offset: u64) -> Self {
        Self {
            input: Counted::new(input, offset),
            inflate: Decompress::new(false),
            crc: Crc::new(),
            state: State::Header,
            members: 0,
            notes: Vec::new(),
            flaw: None,
            member: offset,
            goes_on: true,
        }
    }

    fn truncated(&self) -> Break {
        Break::new(self.input.offset, Cause::Truncated(NAME))
    }

    fn damaged(&self, what: impl Into<String>) -> Break {
        Break::new(self.input.offset, Cause::Damaged { container: NAME, what: what.into() })
    }

    /// A member's header; or, after the first member, whatever follows in its place.
    fn header(&mut self) -> Result<(), Break> {
        if self.members > 0 && !self.next_member()? {
            self.state = State::Ended;
            return Ok(());
        }
        let magic = if self.members > 0 { MAGIC } else { self.input.take::<3>()?.ok_or_else(|| self.truncated())? };
        if magic != MAGIC {
            return Err(self.damaged("a member does not start with its magic number"));
        }
        self.member = self.input.offset - MAGIC.len() as u64;
        let Some(fixed) = self.input.take::<7>()? else { return Err(self.truncated()) };
        if fixed[0] & RESERVED != 0 {
            let broken = self.damaged("a member header has reserved flags set");
            return self.behind_damage(broken);
        }
        self.behind_fixed_header(fixed[0])
    }

    /// Goes behind what the flags say a header has more.
    fn behind_fixed_header(&mut self, flags: u8) -> Result<(), Break> {
        if flags & FEXTRA != 0 {
            let Some(length) = self.input.take::<2>()? else { return Err(self.truncated()) };
            for _ in 0..u16::from_le_bytes(length) {
                if self.input.take::<1>()?.is_none() {
                    return Err(self.truncated());
                }
            }
        }
        for text in [FNAME, FCOMMENT] {
            if flags & text != 0 {
                self.skip_text()?;
            }
        }
        if flags & FHCRC != 0 && self.input.take::<2>()?.is_none() {
            return Err(self.truncated());
        }
        self.inflate.reset(false);
        self.crc.reset();
        self.state = State::Body;
        Ok(())
    }

    /// Goes behind the magic number of the next member; false if there is none. Between members padding may stand, or what damage or
    /// another program put there: in that case reading goes on, and the fault is said.
    fn next_member(&mut self) -> Result<bool, Break> {
        let start = self.input.offset;
        let (mut matched, mut zero) = (0, true);
        while matched < MAGIC.len() {
            if matched == 0 {
                let ahead = self.input.ahead()?;
                let count = memchr::memchr(MAGIC[0], ahead).unwrap_or(ahead.len());
                zero &= ahead[..count].iter().all(|b| *b == 0);
                self.input.used(count);
                if count > 0 {
                    continue;
                }
            }
            let Some([byte]) = self.input.take::<1>()? else {
                let count = self.input.offset - start;
                if count > 0 && count == matched as u64 {
                    return Err(self.truncated());
                }
                if count > 0 {
                    match trailing(NAME, SMALLEST as u64, (start, count, zero && matched == 0)) {
                        Ok(note) => self.notes.push(note),
                        Err(fault) => _ = self.flaw.get_or_insert(fault),
                    }
                }
                return Ok(false);
            };
            let before = matched;
            matched = if byte == MAGIC[matched] { matched + 1 } else { usize::from(byte == MAGIC[0]) };
            // What began as a magic number and went on otherwise is none.
            zero &= matched == before + 1;
        }
        let count = self.input.offset - start - MAGIC.len() as u64;
        if count > 0 && zero {
            self.notes.push(format!("{count} zero bytes stand between {NAME} members (from byte {start})"));
        } else if count > 0 && self.flaw.is_none() {
            let what = format!("{count} bytes between members are no {NAME} and were not read");
            self.flaw = Some(Break::new(start, Cause::Damaged { container: NAME, what }));
        }
        Ok(true)
    }

    /// Passes over a header field that ends with a zero byte.
    fn skip_text(&mut self) -> Result<(), Break> {
        loop {
            match self.input.take::<1>()? {
                None => return Err(self.truncated()),
                Some([0]) => return Ok(()),
                Some(_) => {}
            }
        }
    }

    fn body(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        while out.len() < out.capacity() {
            let ahead = self.input.ahead()?;
            let at_end = ahead.is_empty();
            let (before_in, before_out) = (self.inflate.total_in(), out.len());
            let status = self.inflate.decompress_vec(ahead, out, FlushDecompress::None);
            let used = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            self.input.used(used);
            self.crc.update(&out[before_out..]);
            match status {
                Ok(Status::StreamEnd) => {
                    self.state = State::Trailer;
                    return Ok(());
                }
                Ok(_) if at_end && out.len() == before_out => return Err(self.truncated()),
                Ok(_) => {}
                Err(e) => {
                    let broken = self.damaged(e.message().unwrap_or("invalid deflate data"));
                    return self.behind_damage(broken);
                }
            }
        }
        Ok(())
    }

    /// A member broke off. Those behind it may be whole: on to the next header that is one for certain, if there is any.
    fn behind_damage(&mut self, broken: Break) -> Result<(), Break> {
        if !self.goes_on {
            return Err(broken);
        }
        let mut last = [0; 10];
        while !is_usual_header(&last) {
            let Some([byte]) = self.input.take::<1>()? else { return Err(self.first_fault(broken)) };
            last.rotate_left(1);
            last[9] = byte;
        }
        self.note(broken);
        self.member = self.input.offset - last.len() as u64;
        self.behind_fixed_header(last[3])
    }

    /// A fault that does not stop reading: the first is told, and a checksum's only where nothing is missing.
    fn note(&mut self, broken: Break) {
        let is_worse = |flaw: &Break| matches!(flaw.cause, Cause::Checksum { .. }) && !matches!(broken.cause, Cause::Checksum { .. });
        if self.flaw.as_ref().is_none_or(is_worse) {
            self.flaw = Some(broken);
        }
    }

    /// The fault to tell where reading stopped.
    fn first_fault(&mut self, broken: Break) -> Break {
        self.note(broken.clone());
        self.flaw.take().unwrap_or(broken)
    }

    fn trailer(&mut self) -> Result<(), Break> {
        let Some(trailer) = self.input.take::<8>()? else { return Err(self.truncated()) };
        let [c0, c1, c2, c3, s0, s1, s2, s3] = trailer;
        let sound = u32::from_le_bytes([c0, c1, c2, c3]) == self.crc.sum() && u32::from_le_bytes([s0, s1, s2, s3]) == self.crc.amount();
        self.members += 1;
        self.state = State::Header;
        if sound {
            return Ok(());
        }
        let fault = Break::new(self.input.offset - 8, Cause::Checksum { container: NAME });
        // Perhaps what was read for it is the beginning of the next member.
        if !self.goes_on {
            return Err(fault);
        }
        self.note(fault);
        Ok(())
    }
}

/// Whether ten bytes begin a member as those who write gzip do: one in two hundred thousand million places of compressed data looks like it.
/// Behind the time of change stand how hard was compressed (2 and 4, or nothing) and on what (13 are named, or unknown).
fn is_usual_header(bytes: &[u8; 10]) -> bool {
    bytes.starts_with(&MAGIC) && bytes[3] & RESERVED == 0 && matches!(bytes[8], 0 | 2 | 4) && matches!(bytes[9], 0..=13 | 255)
}

impl<R: BufRead> Inflate for GzipStream<R> {
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        while out.len() < out.capacity() {
            match self.state {
                State::Header => self.header()?,
                State::Body => self.body(out)?,
                State::Trailer => self.trailer()?,
                State::Ended => break,
            }
        }
        Ok(())
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn flaw(&self) -> Option<&Break> {
        self.flaw.as_ref()
    }

    fn offset(&self) -> u64 {
        self.input.offset
    }
}

impl<'a> GzipStream<Cursor<&'a [u8]>> {
    /// Goes on behind a damaged member of these bytes, at the next header that is one for certain, if there is any. One that was cut short was
    /// inflated into those behind it: so that is sought from its own start on.
    fn go_on_behind(&mut self, data: &'a [u8], broken: &Break) -> bool {
        let is_whole = matches!(broken.cause, Cause::Checksum { .. });
        if self.state == State::Header && !is_whole {
            return false;
        }
        let from = usize::try_from(self.member).unwrap_or(usize::MAX).saturating_add(1).min(data.len());
        let mut headers = memmem::find_iter(&data[from..], &MAGIC).map(|at| from + at);
        let next = headers.find(|at| data[*at..].first_chunk().is_some_and(is_usual_header));
        if next.is_none() && !is_whole {
            return false;
        }
        self.note(broken.clone());
        let Some(next) = next else { return true };
        self.input = Counted::new(Cursor::new(&data[next..]), next as u64);
        (self.state, self.members) = (State::Header, 0);
        true
    }
}

/// gzip members of a slice: one member a step where libdeflate can, else as a stream.
pub(crate) struct GzipSlices<'a> {
    data: &'a [u8],
    position: usize,
    /// Largest member inflated in one step.
    limit: usize,
    /// Chunk size of the stream.
    chunk: usize,
    stream: Option<GzipStream<Cursor<&'a [u8]>>>,
}

impl<'a> GzipSlices<'a> {
    pub(crate) fn new(data: &'a [u8], limit: usize, chunk: usize) -> Self {
        Self { data, position: 0, limit, chunk, stream: None }
    }

    /// Replaces `out` by the next uncompressed bytes; none at the end. Small members come together: what the content is must be told
    /// from more than the first of them.
    pub(crate) fn next(&mut self, inflater: &mut Decompressor, out: &mut Vec<u8>) -> Result<(), Break> {
        // Where the stream goes on, a buffer that once held a large member still serves chunks of bounded size.
        let mut have = 0;
        while have < LEAST && self.stream.is_none() && self.position < self.data.len() {
            match self.member(inflater, out, have) {
                Some((end, length)) => {
                    self.position = end;
                    have = length;
                }
                None => {
                    let rest = Cursor::new(&self.data[self.position..]);
                    let mut stream = GzipStream::new(rest, self.position as u64);
                    // After a first member, what follows may be padding rather than a damaged header.
                    stream.members = u64::from(self.position > 0);
                    stream.goes_on = false;
                    self.stream = Some(stream);
                }
            }
        }
        out.truncate(have);
        match &mut self.stream {
            Some(stream) if have < LEAST => {
                // `fill` goes by capacity.
                if out.capacity() < self.chunk {
                    out.reserve_exact(self.chunk - out.len());
                }
                loop {
                    match stream.fill(out) {
                        Err(broken) if stream.go_on_behind(self.data, &broken) => {}
                        result => return result.map_err(|broken| stream.first_fault(broken)),
                    }
                }
            }
            _ => Ok(()),
        }
    }

    /// Inflates the member at the position into `out`, behind `have` bytes, and says where it and its content end; `None` where this
    /// way cannot be sure.
    fn member(&self, inflater: &mut Decompressor, out: &mut Vec<u8>, have: usize) -> Option<(usize, usize)> {
        let rest = &self.data[self.position..];
        if rest.len() < SMALLEST || rest[..3] != MAGIC {
            return None;
        }
        let next_header = memmem::find_iter(&rest[SMALLEST..], &MAGIC)
            .map(|at| at + SMALLEST)
            .find(|at| rest.get(at + 3).is_some_and(|flags| flags & RESERVED == 0));
        let end = next_header.unwrap_or(rest.len());
        let member = &rest[..end];
        let [c0, c1, c2, c3, s0, s1, s2, s3] = *member.last_chunk::<8>()?;
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        if size > self.limit || size > member.len().saturating_mul(MAX_DEFLATE_RATIO) {
            return None;
        }
        // Only what grows is zeroed; the rest is overwritten.
        out.resize(have + size, 0);
        let content = &mut out[have..];
        let written = inflater.gzip_decompress(member, content).ok()?;
        // The end was a guess: right only where these are this member's own checksum and length.
        let proved = written == size && libdeflater::crc32(content) == u32::from_le_bytes([c0, c1, c2, c3]);
        proved.then_some((self.position + end, have + size))
    }

    pub(crate) fn notes(&mut self) -> Vec<String> {
        self.stream.as_mut().map(Inflate::notes).unwrap_or_default()
    }

    pub(crate) fn flaw(&self) -> Option<&Break> {
        self.stream.as_ref().and_then(Inflate::flaw)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn gz(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// Both ways through the format: content, where it broke off, the flaw, the notes.
    type Read = (Vec<u8>, Option<Break>, Option<Break>, Vec<String>);

    fn by_stream(data: &[u8], input_step: usize, chunk: usize) -> Read {
        let reader = std::io::BufReader::with_capacity(input_step, data);
        let mut stream = GzipStream::new(reader, 0);
        let mut content = Vec::new();
        loop {
            let mut out = Vec::with_capacity(chunk);
            let result = stream.fill(&mut out);
            content.extend_from_slice(&out);
            if let Err(broken) = result {
                return (content, Some(broken), stream.flaw().cloned(), stream.notes());
            }
            if out.len() < out.capacity() {
                return (content, None, stream.flaw().cloned(), stream.notes());
            }
        }
    }

    fn by_slices(data: &[u8]) -> Read {
        let mut slices = GzipSlices::new(data, 1 << 20, 512);
        let mut inflater = Decompressor::new();
        let (mut content, mut out) = (Vec::new(), Vec::new());
        loop {
            let result = slices.next(&mut inflater, &mut out);
            content.extend_from_slice(&out);
            if let Err(broken) = result {
                return (content, Some(broken), slices.flaw().cloned(), slices.notes());
            }
            if out.is_empty() {
                return (content, None, slices.flaw().cloned(), slices.notes());
            }
        }
    }

    fn sample(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|i| format!("{{\"eventID\":\"{i}\",\"x\":\"{}\"}}\n", i * 7919).into_bytes()).collect()
    }

    #[test]
    fn truncated_at_every_byte_keeps_what_precedes_the_break() {
        let content = sample(60);
        let stored = gz(&content);
        for cut in 1..stored.len() {
            let (got, broken, _, _) = by_slices(&stored[..cut]);
            let broken = broken.unwrap_or_else(|| panic!("cut at {cut} went unnoticed"));
            assert_eq!(broken, Break::new(cut as u64, Cause::Truncated("gzip")), "cut at {cut}");
            assert!(content.starts_with(&got), "cut at {cut}");
            if cut == stored.len() - 1 {
                assert_eq!(got, content, "all of the data precedes the trailer");
            }
        }
    }

    #[test]
    fn members_that_are_equal_are_all_read() {
        let one = gz(b"the same\n");
        let (got, broken, _, notes) = by_slices(&[one.clone(), one.clone(), one].concat());
        assert_eq!((got.as_slice(), broken, notes.len()), (&b"the same\nthe same\nthe same\n"[..], None, 0));
    }

    #[test]
    fn empty_members_between_others_are_passed_over() {
        let stored = [gz(b""), gz(b"a"), gz(b""), gz(b"b"), gz(b"")].concat();
        assert_eq!(by_slices(&stored).0, b"ab");
        assert_eq!(by_stream(&stored, 3, 1).0, b"ab");
    }

    #[test]
    fn a_checksum_that_does_not_match_loses_no_content() {
        let content = sample(50);
        let mut stored = gz(&content);
        let at = stored.len() - 8;
        stored[at] ^= 1;
        let whole = [stored, gz(b"the next member\n")].concat();
        let (got, broken, flaw, _) = by_slices(&whole);
        assert_eq!(got, [content.as_slice(), b"the next member\n"].concat());
        assert_eq!(broken, None);
        assert_eq!(flaw, Some(Break::new(at as u64, Cause::Checksum { container: "gzip" })));
    }

    #[test]
    fn what_follows_the_data_is_remarked() {
        let stored = gz(b"data");
        let length = stored.len();
        let (got, broken, _, notes) = by_slices(&[stored.clone(), vec![0; 7]].concat());
        assert_eq!((got.as_slice(), broken), (&b"data"[..], None));
        assert_eq!(notes, [format!("7 zero bytes follow the gzip data (from byte {length})")]);
        let (_, broken, _, notes) = by_slices(&[stored, b"appended".to_vec()].concat());
        assert_eq!(broken, None);
        assert!(notes[0].starts_with("8 bytes that are not gzip follow"), "{notes:?}");
    }

    #[test]
    fn a_last_member_whose_header_is_damaged_is_a_fault() {
        let (first, mut second) = (gz(&sample(5)), gz(&sample(50)));
        let (at, count) = (first.len(), second.len());
        for byte in 0..3 {
            second[byte] ^= 0x40;
            let stored = [first.clone(), second.clone()].concat();
            let (content, broken, flaw, notes) = by_slices(&stored);
            assert_eq!((content, broken, notes), (sample(5), None, Vec::new()));
            let what = format!("{count} bytes at its end do not begin as gzip does and were not read");
            assert_eq!(flaw, Some(Break::new(at as u64, Cause::Damaged { container: "gzip", what })));
            assert_eq!(by_stream(&stored, 7, 100).2, flaw);
            second[byte] ^= 0x40;
        }
        // What tapes and blocks are filled up with is none, however long.
        let (_, _, flaw, notes) = by_slices(&[first, vec![0; 10_240]].concat());
        assert_eq!((flaw, notes.len()), (None, 1));
    }

    #[test]
    fn members_behind_padding_or_something_else_are_read() {
        let (a, b) = (gz(b"one"), gz(b"two"));
        for (between, note) in [(vec![0; 512], true), (b"\x1f\x1fjunk\x1f\x8b".to_vec(), false), (b"\n".to_vec(), false)] {
            let stored = [a.clone(), between.clone(), b.clone(), vec![0; 3]].concat();
            let read = by_slices(&stored);
            assert_eq!(by_stream(&stored, 1, 2), read);
            let (content, broken, flaw, notes) = read;
            assert_eq!((content.as_slice(), broken), (&b"onetwo"[..], None));
            let expected =
                (!note).then(|| format!("damaged gzip data: {} bytes between members are no gzip and were not read", between.len()));
            assert_eq!(flaw.as_ref().map(ToString::to_string), expected);
            assert!(flaw.is_none_or(|f| f.offset == a.len() as u64));
            let at = a.len();
            let padding = format!("512 zero bytes stand between gzip members (from byte {at})");
            let trailing = format!("3 zero bytes follow the gzip data (from byte {})", stored.len() - 3);
            assert_eq!(notes, if note { vec![padding, trailing] } else { vec![trailing] });
        }
    }

    #[test]
    fn small_members_come_together() {
        let stored: Vec<u8> = (0..5000).flat_map(|n| gz(format!("{n:030}").as_bytes())).collect();
        let mut slices = GzipSlices::new(&stored, 1 << 20, 512);
        let (mut inflater, mut out, mut sizes) = (Decompressor::new(), vec![b'x'; 99], Vec::new());
        while slices.next(&mut inflater, &mut out).is_ok() && !out.is_empty() {
            sizes.push(out.len());
        }
        assert_eq!((sizes.iter().sum::<usize>(), sizes[0] >= LEAST, sizes.len()), (150_000, true, 3));
    }

    #[test]
    fn members_behind_a_damaged_one_are_read() {
        let [first, middle, last] = [sample(40), sample(60), sample(30)];
        let (mut damaged, whole) = (gz(&middle), [gz(&first), gz(&last)]);
        // The reserved block type 3, in the first bits of the data: nothing of the member can be read.
        damaged[10] |= 0b110;
        for (stored, content, at) in [
            ([&whole[0][..], &damaged, &whole[1]].concat(), [&first[..], &last].concat(), whole[0].len()),
            ([&damaged[..], &whole[1]].concat(), last.clone(), 0),
            ([&damaged[..], &damaged, &whole[1], &damaged].concat(), last.clone(), 0),
        ] {
            let read = by_slices(&stored);
            assert_eq!(by_stream(&stored, 7, 100), read);
            assert!(read.0 == content, "{} bytes instead of {}", read.0.len(), content.len());
            let fault = read.1.or(read.2).expect("the damage is told");
            assert!((at + 10..=at + damaged.len()).contains(&usize::try_from(fault.offset).unwrap()), "{fault:?}");
            assert!(matches!(fault.cause, Cause::Damaged { .. }), "{fault:?}");
        }
    }

    #[test]
    fn members_behind_one_that_was_cut_short_are_read() {
        let [first, middle, last] = [sample(40), sample(60), sample(30)];
        let (one, two, three) = (gz(&first), gz(&middle), gz(&last));
        for cut in [11, two.len() / 2, two.len() - 9, two.len() - 3] {
            let (got, broken, flaw, _) = by_slices(&[&one[..], &two[..cut], &three].concat());
            assert!(got.starts_with(&first) && got.ends_with(&last), "cut at {cut}: {} bytes", got.len());
            assert!(broken.or(flaw).is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn headers_with_every_optional_field() {
        let plain = gz(b"named");
        let mut stored = vec![0x1f, 0x8b, 8, FHCRC | FEXTRA | FNAME | FCOMMENT, 0, 0, 0, 0, 0, 255];
        stored.extend([3, 0, b'a', b'b', b'c']);
        stored.extend(b"file.json\0a comment\0");
        stored.extend([0, 0]);
        stored.extend(&plain[10..]);
        assert_eq!(by_stream(&stored, 1, 2).0, b"named");
        assert_eq!(by_slices(&stored).0, b"named");
    }

    /// How many bits after the header can flip unnoticed; none of them may change the content.
    fn flips_unnoticed(content: &[u8], read: fn(&[u8]) -> Read) -> usize {
        let stored = gz(content);
        let flips = (10..stored.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        let unnoticed = flips.filter(|(at, bit)| {
            let mut damaged = stored.clone();
            damaged[*at] ^= 1 << bit;
            let (got, broken, flaw, _) = read(&damaged);
            let noticed = broken.is_some() || flaw.is_some();
            assert!(noticed || got == content, "bit {bit} of byte {at} changed the content unnoticed");
            !noticed
        });
        unnoticed.count()
    }

    #[test]
    fn only_bits_that_mean_nothing_flip_unnoticed() {
        for lines in [1, 2, 3, 5, 8, 20] {
            let content = sample(lines);
            let unnoticed = flips_unnoticed(&content, by_slices);
            assert!(unnoticed < 8, "{unnoticed} bits of {lines} lines: more than fill up the last byte of deflate data");
            assert_eq!(flips_unnoticed(&content, |data| by_stream(data, 7, 100)), unnoticed, "{lines} lines");
        }
        // An empty member: a final block of fixed codes (3 bits) and its end (7 bits) leave 6 of 16 bits to fill.
        assert_eq!(flips_unnoticed(b"", by_slices), 6);
    }

    proptest! {
        #[test]
        fn both_ways_agree_whatever_the_chunks(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..5), step in 1usize..700, chunk in 1usize..900,
        ) {
            let stored: Vec<u8> = parts.iter().flat_map(|p| gz(p)).collect();
            let content = parts.concat();
            prop_assert_eq!(&by_slices(&stored), &(content.clone(), None, None, vec![]));
            prop_assert_eq!(&by_stream(&stored, step, chunk), &(content, None, None, vec![]));
        }

        #[test]
        fn damage_anywhere_is_noticed_or_changes_nothing_and_what_precedes_it_is_kept(at in 0usize..10_000, bit in 0u8..8) {
            let content = sample(400);
            let mut stored = gz(&content);
            // Past the header, whose time and operating system mean nothing.
            let at = 10 + at % (stored.len() - 10);
            stored[at] ^= 1 << bit;
            let (got, broken, flaw, _) = by_slices(&stored);
            // The bits that fill up the last byte of deflate data mean nothing: nobody can notice them, and nothing is lost by it.
            prop_assert!(broken.is_some() || flaw.is_some() || got == content);
            let common = got.iter().zip(&content).take_while(|(a, b)| a == b).count();
            // What was inflated from the bytes before the damage is the original; deflate emits it block by block.
            let (before, _, _, _) = by_stream(&stored[..at], 1 << 16, 1 << 16);
            prop_assert!(common >= before.len(), "{} of {} sound bytes", common, before.len());
        }
    }
}
