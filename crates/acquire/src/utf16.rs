//! UTF-16 text as UTF-8: what a Windows shell makes of `aws cloudtrail lookup-events > events.json`.

use std::io::BufRead;

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};

use crate::inflate::{Counted, Inflate};
use crate::limits::{Break, Cause};
use crate::magic::ByteOrder;

const NAME: &str = "UTF-16";
/// Bytes of UTF-8 decoded at a time.
const STEP: usize = 1 << 14;
/// What stands for a code unit that is no character.
const REPLACEMENT: &str = "\u{fffd}";

/// UTF-16 from a stream, decoded. The mark at its start is taken off. A surrogate without its other half becomes U+FFFD and is a fault that
/// does not stop reading.
pub(crate) struct Utf16Stream<R> {
    input: Counted<R>,
    decoder: Decoder,
    /// Decoded, and handed out up to here.
    text: Vec<u8>,
    handed_out: usize,
    ended: bool,
    flaw: Option<Break>,
}

impl<R: BufRead> Utf16Stream<R> {
    /// Reads from `input`, whose first byte is the first of the text.
    pub(crate) fn new(input: R, order: ByteOrder) -> Self {
        let encoding = match order {
            ByteOrder::Little => UTF_16LE,
            ByteOrder::Big => UTF_16BE,
        };
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { input: Counted::new(input, 0), decoder, text: Vec::with_capacity(STEP), handed_out: 0, ended: false, flaw: None }
    }

    /// Decodes what comes next.
    fn step(&mut self) -> Result<(), Break> {
        self.text.resize(STEP, 0);
        self.handed_out = 0;
        let ahead = self.input.ahead()?;
        let is_last = ahead.is_empty();
        let (result, used, written) = self.decoder.decode_to_utf8_without_replacement(ahead, &mut self.text, is_last);
        self.text.truncate(written);
        self.input.used(used);
        match result {
            DecoderResult::InputEmpty => self.ended = is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, behind) => {
                self.text.extend_from_slice(REPLACEMENT.as_bytes());
                let offset = self.input.offset.saturating_sub(u64::from(bad) + u64::from(behind));
                let cause = if bad % 2 == 1 {
                    Cause::Truncated(NAME)
                } else {
                    Cause::Damaged { container: NAME, what: "half of a surrogate pair is missing; U+FFFD stands for it".to_owned() }
                };
                self.flaw.get_or_insert(Break::new(offset, cause));
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Inflate for Utf16Stream<R> {
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        while out.len() < out.capacity() {
            let ready = &self.text[self.handed_out..];
            if ready.is_empty() {
                if self.ended {
                    break;
                }
                self.step()?;
                continue;
            }
            let count = ready.len().min(out.capacity() - out.len());
            out.extend_from_slice(&ready[..count]);
            self.handed_out += count;
        }
        Ok(())
    }

    fn notes(&mut self) -> Vec<String> {
        Vec::new()
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

    fn read(stored: &[u8], order: ByteOrder, step: usize, chunk: usize) -> (String, Option<Break>) {
        let mut stream = Utf16Stream::new(std::io::BufReader::with_capacity(step, stored), order);
        let mut content = Vec::new();
        loop {
            let mut out = Vec::with_capacity(chunk);
            stream.fill(&mut out).unwrap();
            content.extend_from_slice(&out);
            if out.len() < out.capacity() {
                return (String::from_utf8(content).unwrap(), stream.flaw().cloned());
            }
        }
    }

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn half_a_pair_is_replaced_and_told_with_its_place() {
        let stored = [little("{\"a\":\""), vec![0x3d, 0xd8], little("\"}")].concat();
        let (text, flaw) = read(&stored, ByteOrder::Little, 64, 64);
        assert_eq!(text, "{\"a\":\"\u{fffd}\"}");
        let flaw = flaw.unwrap();
        assert!(matches!(flaw.cause, Cause::Damaged { .. }), "{flaw}");
        assert_eq!(flaw.offset, 12);
    }

    #[test]
    fn a_text_that_ends_inside_a_character_is_truncated() {
        let stored = little("[1,2]");
        let (text, flaw) = read(&stored[..9], ByteOrder::Little, 64, 64);
        assert_eq!((text.as_str(), flaw), ("[1,2\u{fffd}", Some(Break::new(8, Cause::Truncated("UTF-16")))));
    }

    proptest! {
        #[test]
        fn text_comes_out_as_it_was_whatever_the_chunks(text in "\\PC{0,400}", mark: bool, step in 1usize..90, chunk in 1usize..90) {
            let with_mark = format!("{}{}", if mark { "\u{feff}" } else { "" }, text.trim_start_matches('\u{feff}'));
            let expected = with_mark.trim_start_matches('\u{feff}').to_owned();
            let big: Vec<u8> = with_mark.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(read(&little(&with_mark), ByteOrder::Little, step, chunk), (expected.clone(), None));
            prop_assert_eq!(read(&big, ByteOrder::Big, step, chunk), (expected, None));
        }
    }
}
