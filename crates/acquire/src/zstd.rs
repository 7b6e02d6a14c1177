//! zstd, any number of frames.

use std::io::BufRead;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::inflate::{Counted, Inflate, trailing};
use crate::limits::{Break, Cause};
use crate::magic::is_zstd_frame;

const NAME: &str = "zstd";
/// 64 MiB: what `zstd --ultra -22` needs at most without `--long`, and times four threads still within the bound on memory.
const WINDOW_LOG: u32 = 26;
/// Magic number, header and block header of the smallest frame.
const SMALLEST: u64 = 9;
/// Enough to tell the length of any frame header.
const FIRST_STEP: usize = 5;

/// zstd frames from a stream.
pub(crate) struct ZstdStream<R> {
    input: Counted<R>,
    decoder: Decoder<'static>,
    /// How much the decoder is given at a time: one block, so that an error costs no earlier block.
    step: usize,
    inside: bool,
    frames: u64,
    ended: bool,
    notes: Vec<String>,
    flaw: Option<Break>,
}

impl<R: BufRead> ZstdStream<R> {
    /// Reads from `input`, whose first byte is at `offset` of the stored bytes.
    pub(crate) fn new(input: R, offset: u64) -> Result<Self, Break> {
        let decoder = Decoder::new().and_then(|mut d| d.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map(|()| d));
        let decoder = decoder.map_err(|e| Break::from_io(offset, e))?;
        Ok(Self {
            input: Counted::new(input, offset),
            decoder,
            step: FIRST_STEP,
            inside: false,
            frames: 0,
            ended: false,
            notes: Vec::new(),
            flaw: None,
        })
    }

    /// Between frames: another frame, the end, or something else.
    fn between(&mut self) -> Result<(), Break> {
        let start = self.input.offset;
        let frames = self.frames;
        let ahead = self.input.ahead()?;
        if ahead.is_empty() {
            self.ended = true;
        } else if frames > 0 && ahead.len() >= 8 && !is_zstd_frame(ahead) {
            let (count, zero) = self.input.rest()?;
            match trailing(NAME, SMALLEST, (start, count, zero)) {
                Ok(note) => self.notes.push(note),
                Err(fault) => self.flaw = Some(fault),
            }
            self.ended = true;
        } else {
            self.inside = true;
            self.step = FIRST_STEP;
        }
        Ok(())
    }

    fn frame(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        let offset = self.input.offset;
        let step = self.step;
        let ahead = self.input.ahead()?;
        let at_end = ahead.is_empty();
        let before = out.len();
        let mut input = InBuffer::around(&ahead[..ahead.len().min(step)]);
        let mut output = OutBuffer::around_pos(out, before);
        let result = self.decoder.run(&mut input, &mut output);
        let used = input.pos();
        self.input.used(used);
        match result {
            Ok(0) => {
                self.inside = false;
                self.frames += 1;
            }
            Ok(hint) if used > 0 || out.len() > before => self.step = one_block(hint),
            Ok(_) if at_end => return Err(Break::new(self.input.offset, Cause::Truncated(NAME))),
            Ok(hint) => self.step = one_block(hint),
            Err(e) => return Err(Break::new(offset, Cause::Damaged { container: NAME, what: e.to_string().to_lowercase() })),
        }
        Ok(())
    }
}

/// The decoder asks for a block together with the header of the next one, whose fault would then cost the block.
fn one_block(hint: usize) -> usize {
    const BLOCK_HEADER: usize = 3;
    if hint > BLOCK_HEADER { hint - BLOCK_HEADER } else { hint.max(1) }
}

impl<R: BufRead> Inflate for ZstdStream<R> {
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        while out.len() < out.capacity() && !self.ended {
            if self.inside {
                self.frame(out)?;
            } else {
                self.between()?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(data: &[u8], step: usize, chunk: usize) -> (Vec<u8>, Option<Break>, Vec<String>) {
        let mut stream = ZstdStream::new(std::io::BufReader::with_capacity(step, data), 0).unwrap();
        let mut content = Vec::new();
        loop {
            let mut out = Vec::with_capacity(chunk);
            let result = stream.fill(&mut out);
            content.extend_from_slice(&out);
            if let Err(broken) = result {
                return (content, Some(broken), stream.notes());
            }
            if out.len() < out.capacity() {
                return (content, None, stream.notes());
            }
        }
    }

    /// Three blocks of 128 KiB and a bit that do not compress to nothing.
    fn sample() -> Vec<u8> {
        let mut state = 1u64;
        (0..400_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                b"abcdefghijklmnop"[(state >> 60) as usize]
            })
            .collect()
    }

    #[test]
    fn truncated_frames_keep_the_blocks_before_the_break() {
        let content = sample();
        let stored = zstd::encode_all(content.as_slice(), 1).unwrap();
        let mut last = 0;
        for cut in (1..stored.len()).step_by(997).chain([stored.len() - 1]) {
            let (got, broken, _) = read(&stored[..cut], 1 << 16, 1 << 20);
            assert_eq!(broken, Some(Break::new(cut as u64, Cause::Truncated("zstd"))));
            assert!(content.starts_with(&got));
            assert!(got.len() >= last);
            last = got.len();
        }
        assert!(last >= 3 * (128 << 10), "only {last} bytes");
    }

    #[test]
    fn a_damaged_block_costs_no_earlier_one() {
        let content = sample();
        let mut stored = zstd::encode_all(content.as_slice(), 1).unwrap();
        // The reserved block type 3, in the header of the third block: found by walking the block headers of RFC 8878.
        let block = |at: usize| u32::from_le_bytes([stored[at], stored[at + 1], stored[at + 2], 0]);
        let header =
            4 + 1 + usize::from(stored[4] & 0x20 == 0) + [usize::from(stored[4] & 0x20 != 0), 2, 4, 8][usize::from(stored[4] >> 6)];
        let second = header + 3 + (block(header) >> 3) as usize;
        let third = second + 3 + (block(second) >> 3) as usize;
        stored[third] |= 0b110;
        let (got, broken, _) = read(&stored, 1 << 16, 1 << 20);
        assert_eq!(got.len(), 256 << 10);
        assert!(content.starts_with(&got));
        assert!(matches!(broken, Some(Break { cause: Cause::Damaged { container: "zstd", .. }, .. })), "{broken:?}");
    }

    #[test]
    fn what_follows_the_last_frame_is_remarked() {
        let stored = zstd::encode_all(&b"data"[..], 1).unwrap();
        let (got, broken, notes) = read(&[stored, b"appended".to_vec()].concat(), 1 << 16, 100);
        assert_eq!((got.as_slice(), broken), (&b"data"[..], None));
        assert!(notes[0].starts_with("8 bytes that are not zstd follow"), "{notes:?}");
    }

    #[test]
    fn a_last_frame_whose_header_is_damaged_is_a_fault() {
        let (first, mut second) = (zstd::encode_all(&b"data"[..], 1).unwrap(), zstd::encode_all(&b"more data"[..], 1).unwrap());
        second[1] ^= 1;
        let stored = [first.clone(), second].concat();
        let mut stream = ZstdStream::new(stored.as_slice(), 0).unwrap();
        let mut out = Vec::with_capacity(100);
        stream.fill(&mut out).unwrap();
        assert_eq!(out, b"data");
        let flaw = stream.flaw().unwrap();
        assert_eq!((flaw.offset, stream.notes.len()), (first.len() as u64, 0));
        assert!(flaw.to_string().contains("do not begin as zstd does and were not read"), "{flaw}");
    }

    proptest! {
        #[test]
        fn frames_round_trip_whatever_the_chunks(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..5), step in 1usize..700, chunk in 1usize..900,
        ) {
            let stored: Vec<u8> = parts.iter().flat_map(|p| zstd::encode_all(p.as_slice(), 3).unwrap()).collect();
            prop_assert_eq!(read(&stored, step, chunk), (parts.concat(), None, vec![]));
        }
    }
}
