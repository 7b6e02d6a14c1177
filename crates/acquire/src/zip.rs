//! zip: by its central directory, or, where that is missing, member by member from the start.
//!
//! Members are inflated here rather than by the crate that reads the directory: its readers lose what one call had produced where the
//! stated size is wrong or the data breaks off, and how much that is depends on the buffer they are given.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use flate2::{Crc, Decompress, FlushDecompress, Status};
use zip::CompressionMethod;
use zip::read::Config;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use crate::archive::Unpacking;
use crate::inflate::Counted;
use crate::limits::{Break, CHUNK, Cause};
use crate::name::text_of;

const NAME: &str = "zip";
const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";
const END_RECORD: [u8; 4] = *b"PK\x05\x06";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// The end record of a directory, without a comment.
const END_LENGTH: u64 = 22;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flag bits: encrypted; sizes and checksum stand behind the data.
const ENCRYPTED: u16 = 1;
const DESCRIBED_BEHIND: u16 = 8;
/// A data descriptor is at most so long: in place of the next member's header, that is sought behind it.
const MAX_DESCRIPTOR: usize = 24;

/// Visits the files in the order of the central directory. Sizes it states are not trusted; contents are bounded as they come.
/// Archives put together one behind the other are read from the last to the first: a directory describes its own only.
pub(crate) fn read<R: Read + Seek>(mut reader: R, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<(), Break> {
    let mut end = reader.seek(SeekFrom::End(0)).map_err(|e| Break::from_io(0, e))?;
    loop {
        let first = one_archive(&mut Front { reader: &mut reader, end, position: 0 }, end, unpacking)?;
        if first == 0 || Local::read(&mut reader, 0).map_err(|e| Break::from_io(0, e))?.is_none() {
            return Ok(());
        }
        unpacking
            .done
            .notes
            .push(format!("another zip archive stands in the first {first} bytes, before the one described at the end: read too"));
        end = first;
    }
}

/// Visits the files of the archive that ends at `end`; says where the first of them stands.
fn one_archive<R: Read + Seek>(reader: &mut R, end: u64, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<u64, Break> {
    let mut last = None;
    let read = match ZipIterable::try_new(&mut *reader, Config::default()) {
        Ok(archive) => by_directory(archive, &mut last, unpacking),
        // Whatever the crate calls it, a directory that cannot be read is none.
        Err(why) => Err(Break::new(end, Cause::Damaged { container: NAME, what: why.to_string() })),
    };
    match read {
        // Nothing but a directory's end is in an empty archive.
        Ok(first) => {
            behind_the_end(reader, end, unpacking)?;
            Ok(first.unwrap_or(end.saturating_sub(END_LENGTH)))
        }
        // What the directory does not tell, the members' own headers do.
        Err(Break { cause: Cause::Damaged { what, .. }, .. }) => {
            let members = from(reader, last.map_or(Places::All, Places::Behind), unpacking)?;
            let state = if last.is_none() { "missing" } else { "damaged" };
            let what = format!("its directory is {state} ({what}); members read by their own headers: {members}");
            Err(Break::new(end, Cause::Damaged { container: NAME, what }))
        }
        Err(other) => Err(other),
    }
}

/// What follows the end of the archive: another one that lost its directory, perhaps, whose members are read by their own headers.
fn behind_the_end<R: Read + Seek>(reader: &mut R, end: u64, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<(), Break> {
    let io_error = |e| Break::from_io(end, e);
    let Some(own_end) = end_of_directory(reader, end).map_err(io_error)?.filter(|own| *own < end) else { return Ok(()) };
    reader.seek(SeekFrom::Start(own_end)).map_err(io_error)?;
    let mut rest = Vec::new();
    reader.by_ref().take(end - own_end).take(CHUNK as u64).read_to_end(&mut rest).map_err(io_error)?;
    let count = end - own_end;
    if rest.iter().all(|b| *b == 0) && rest.len() as u64 == count {
        unpacking.done.notes.push(format!("{count} zero bytes follow the {NAME} data (from byte {own_end})"));
        return Ok(());
    }
    let members = if rest.starts_with(&LOCAL_HEADER) { from(reader, Places::From(own_end), unpacking)? } else { 0 };
    let what = format!("{count} bytes behind its end are described by no directory; members read from them: {members}");
    Err(Break::new(own_end, Cause::Damaged { container: NAME, what }))
}

/// Where the last end record of a directory ends, its comment included.
fn end_of_directory<R: Read + Seek>(reader: &mut R, end: u64) -> io::Result<Option<u64>> {
    let (mut at, mut tail): (u64, Vec<u8>) = (end, Vec::new());
    while at > 0 {
        let from = at.saturating_sub(CHUNK as u64);
        reader.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        reader.by_ref().take(at - from).read_to_end(&mut bytes)?;
        // A record may stand across two looks.
        bytes.extend_from_slice(&tail[..tail.len().min(END_LENGTH as usize)]);
        if let Some(found) = memchr::memmem::rfind(&bytes, &END_RECORD) {
            let comment = bytes.get(found + 20..found + 22).map_or(0, |length| u64::from(u16::from_le_bytes([length[0], length[1]])));
            return Ok(Some(from + found as u64 + END_LENGTH + comment));
        }
        (at, tail) = (from, bytes);
    }
    Ok(None)
}

/// The first bytes of a file, as if it ended behind them.
struct Front<R> {
    reader: R,
    end: u64,
    position: u64,
}

impl<R: Read + Seek> Read for Front<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let most = out.len().min(left);
        let count = self.reader.read(&mut out[..most])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Front<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(back) => SeekFrom::Start(self.end.checked_add_signed(back).ok_or(io::ErrorKind::InvalidInput)?),
            SeekFrom::Current(step) => SeekFrom::Start(self.position.checked_add_signed(step).ok_or(io::ErrorKind::InvalidInput)?),
            SeekFrom::Start(_) => to,
        };
        self.position = self.reader.seek(to)?;
        Ok(self.position)
    }
}

/// Where the first of its files stands, if it has any; 0 where the visitor wants no more. `last` is where the last stands that was met.
fn by_directory<R: Read + Seek>(
    mut archive: ZipIterable<R>,
    last: &mut Option<u64>,
    unpacking: &mut Unpacking<'_, '_, '_>,
) -> Result<Option<u64>, Break> {
    let files = archive.files().map_err(|e| broken(0, e))?;
    let mut first = None;
    while let Some(entry) = files.next() {
        let entry = entry.map_err(|e| broken(0, e))?;
        let start = entry.header_start();
        first = Some(first.map_or(start, |first: u64| first.min(start)));
        *last = Some(last.map_or(start, |last| last.max(start)));
        if !entry.is_file() {
            continue;
        }
        let name = text_of(entry.name_raw());
        let method = match entry.compression() {
            _ if entry.encrypted() => Err("encrypted".to_owned()),
            CompressionMethod::Stored => Ok(STORED),
            CompressionMethod::Deflated => Ok(DEFLATED),
            other => Err(format!("compressed in a way that is not read ({other})")),
        };
        let stated = Stated { crc: Some(entry.crc32()), size: Some(entry.size()), stored: Some(entry.compressed_size()) };
        let method = match method {
            Ok(method) => method,
            Err(why) => {
                unpacking.unreadable(&name, &why);
                continue;
            }
        };
        if Local::read(files.reader_mut(), start).map_err(|e| Break::from_io(start, e))?.is_none() {
            unpacking.unreadable(&name, "its header is not where the directory says");
            continue;
        }
        let mut member = Member::new(files.reader_mut(), method, stated);
        match unpacking.member(name, &mut member, None, NAME) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(Some(0)),
            Err(e) => return Err(Break::from_io(start, e)),
        }
    }
    Ok(first)
}

/// Which members are read without a directory.
#[derive(Debug, Clone, Copy)]
enum Places {
    All,
    /// Those from this byte on.
    From(u64),
    /// Those behind the one that starts here.
    Behind(u64),
}

/// How many members could be read without a directory.
fn from<R: Read + Seek>(reader: &mut R, places: Places, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<u64, Break> {
    let before = unpacking.done.members;
    let (from, passed) = match places {
        Places::All => (0, None),
        Places::From(start) => (start, None),
        Places::Behind(start) => (start, Some(start)),
    };
    let mut next = Some(from);
    while let Some(start) = next {
        let io_error = |e| Break::from_io(start, e);
        let Some(local) = Local::read(reader, start).map_err(io_error)? else { break };
        let name = text_of(&local.name);
        let is_known = local.stated.stored.is_some() || local.method == DEFLATED;
        let end = if passed == Some(start) && is_known {
            let mut member = Member::new(&mut *reader, local.method, local.stated);
            // Its data was visited before; where it ends is told by going through it again.
            io::copy(&mut member, &mut io::sink()).map(|_| local.stated.stored.unwrap_or(member.input.offset)).map_err(io_error)?
        } else if local.flags & ENCRYPTED != 0 || !matches!(local.method, STORED | DEFLATED) || !is_known {
            unpacking.unreadable(&name, if local.flags & ENCRYPTED != 0 { "encrypted" } else { "of unknown size or compression" });
            local.stated.stored.unwrap_or(0)
        } else if local.name.ends_with(b"/") {
            local.stated.stored.unwrap_or(0)
        } else {
            let mut member = Member::new(&mut *reader, local.method, local.stated);
            if unpacking.member(name, &mut member, None, NAME).map_err(io_error)?.is_break() {
                break;
            }
            local.stated.stored.unwrap_or(member.input.offset)
        };
        next = next_header(reader, local.data_start + end).map_err(io_error)?;
    }
    Ok(unpacking.done.members - before)
}

/// Where the next member starts: here, or behind a data descriptor.
fn next_header<R: Read + Seek>(reader: &mut R, end: u64) -> io::Result<Option<u64>> {
    reader.seek(SeekFrom::Start(end))?;
    let mut near = Vec::new();
    reader.take((MAX_DESCRIPTOR + LOCAL_HEADER.len()) as u64).read_to_end(&mut near)?;
    Ok(memchr::memmem::find(&near, &LOCAL_HEADER).map(|at| end + at as u64))
}

/// What an archive says of a member, as far as it is known before its data.
#[derive(Debug, Clone, Copy)]
struct Stated {
    crc: Option<u32>,
    size: Option<u64>,
    /// Bytes in the archive.
    stored: Option<u64>,
}

/// A member's local header.
struct Local {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    stated: Stated,
    data_start: u64,
}

impl Local {
    /// Reads the header at `start`, and leaves the reader at the data; `None` where there is none.
    fn read<R: Read + Seek>(reader: &mut R, start: u64) -> io::Result<Option<Self>> {
        reader.seek(SeekFrom::Start(start))?;
        let mut fixed = Vec::new();
        reader.by_ref().take(30).read_to_end(&mut fixed)?;
        let Some(fixed) = fixed.first_chunk::<30>().filter(|fixed| fixed.starts_with(&LOCAL_HEADER)) else { return Ok(None) };
        let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let (flags, name_length, extra_length) = (short(6), u64::from(short(26)), u64::from(short(28)));
        let mut name = Vec::new();
        reader.by_ref().take(name_length).read_to_end(&mut name)?;
        let data_start = reader.seek(SeekFrom::Start(start + 30 + name_length + extra_length))?;
        // Of a large member (zip64) the sizes stand elsewhere.
        let size = |at: usize| (flags & DESCRIBED_BEHIND == 0 && long(at) != u32::MAX).then(|| u64::from(long(at)));
        let crc = (flags & DESCRIBED_BEHIND == 0).then(|| long(14));
        let stated = Stated { crc, size: size(22), stored: size(18) };
        Ok(Some(Self { name, flags, method: short(8), stated, data_start }))
    }
}

/// A member's data. Everything that could be inflated comes out before the break.
struct Member<R> {
    input: Counted<BufReader<io::Take<R>>>,
    /// None for stored members.
    inflate: Option<Decompress>,
    crc: Crc,
    produced: u64,
    stated: Stated,
    state: State,
}

enum State {
    Data,
    /// The deflate data ended, or broke off.
    Ended(Option<Break>),
    /// Said whether it is what was put in.
    Judged,
}

impl<R: Read> Member<R> {
    fn new(reader: R, method: u16, stated: Stated) -> Self {
        let data = BufReader::with_capacity(CHUNK / 16, reader.take(stated.stored.unwrap_or(u64::MAX)));
        Self {
            input: Counted::new(data, 0),
            inflate: (method == DEFLATED).then(|| Decompress::new(false)),
            crc: Crc::new(),
            produced: 0,
            stated,
            state: State::Data,
        }
    }

    /// Inflates or copies some bytes; none at the end of the data.
    fn step(&mut self, out: &mut [u8]) -> Result<usize, Break> {
        loop {
            let ahead = self.input.ahead()?;
            let at_end = ahead.is_empty();
            let Some(inflate) = &mut self.inflate else {
                let count = ahead.len().min(out.len());
                out[..count].copy_from_slice(&ahead[..count]);
                self.input.used(count);
                return Ok(count);
            };
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(ahead, out, FlushDecompress::None);
            let used = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let produced = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
            self.input.used(used);
            match status {
                Ok(Status::StreamEnd) => {
                    self.state = State::Ended(None);
                    return Ok(produced);
                }
                Err(e) => {
                    let what = e.message().unwrap_or("invalid deflate data").to_owned();
                    let broken = Break::new(self.produced + produced as u64, Cause::Damaged { container: NAME, what });
                    self.state = State::Ended(Some(broken));
                    return Ok(produced);
                }
                Ok(_) if produced > 0 => return Ok(produced),
                Ok(_) if at_end => return Err(Break::new(self.produced, Cause::Truncated(NAME))),
                Ok(_) => {}
            }
        }
    }

    /// Whether what came out is what was put in, as the archive states it.
    fn verify(&mut self) -> Result<(), Break> {
        if self.inflate.is_none() && self.stated.stored.is_some_and(|stored| stored != self.produced) {
            return Err(Break::new(self.produced, Cause::Truncated(NAME)));
        }
        if self.stated.crc.is_none() && self.inflate.is_some() {
            self.stated.crc = self.described_crc()?;
        }
        if self.stated.crc.is_some_and(|crc| crc != self.crc.sum()) {
            return Err(Break::new(self.produced, Cause::Checksum { container: NAME }));
        }
        match self.stated.size {
            Some(size) if size != self.produced => {
                let what = format!("{size} bytes are stated, {} came out", self.produced);
                Err(Break::new(self.produced, Cause::Damaged { container: NAME, what }))
            }
            _ => Ok(()),
        }
    }

    /// The checksum behind the data.
    fn described_crc(&mut self) -> Result<Option<u32>, Break> {
        let first = self.input.take::<4>()?;
        let crc = if first == Some(DESCRIPTOR) { self.input.take::<4>()? } else { first };
        crc.map_or_else(|| Err(Break::new(self.produced, Cause::Truncated(NAME))), |crc| Ok(Some(u32::from_le_bytes(crc))))
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if matches!(self.state, State::Data) {
            let count = self.step(out)?;
            self.crc.update(&out[..count]);
            self.produced += count as u64;
            if count > 0 {
                return Ok(count);
            }
        }
        match std::mem::replace(&mut self.state, State::Judged) {
            State::Data | State::Ended(None) => self.verify()?,
            State::Ended(Some(broken)) => return Err(broken.into()),
            State::Judged => {}
        }
        Ok(0)
    }
}

fn broken(offset: u64, error: ZipError) -> Break {
    match error {
        ZipError::Io(e) => Break::from_io(offset, e),
        other => Break::new(offset, Cause::Damaged { container: NAME, what: other.to_string() }),
    }
}
