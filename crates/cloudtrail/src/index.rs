//! Where strings begin and end: a SIMD pass over 64 bytes at a time that finds the unescaped quotes, and the few places
//! inside strings that need a second look (escapes, control characters).
//!
//! The method is simdjson's first stage (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019): odd runs of
//! backslashes by carry arithmetic, the inside of strings by a prefix xor over the quotes. Commas, colons and brackets are not
//! indexed: the walker meets them as bytes anyway, and only strings are worth jumping over.
//!
//! Blocks are scanned as the walker asks for them, so a list never holds more than one block's positions, however long the
//! record, and starting anew after a broken record costs one block.

use backtrail_model::positions::flatten;
use wide::u8x16;

/// Bytes scanned at a time.
const BLOCK: usize = 8 * 1024;

/// Positions of quotes and specials, refilled block by block. Positions count from the start of the window.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Always as long as a block may need; `found` of them are meant.
    quotes: Vec<u32>,
    found: usize,
    next_quote: usize,
    specials: Vec<u32>,
    next_special: usize,
    scanned: usize,
    /// All ones while the scan is inside a string.
    in_string: u64,
    /// 1 if the next byte is escaped by a backslash at the end of the block before.
    escaped: u64,
}

impl Index {
    /// Starts anew at `at`, which must lie outside any string.
    pub(crate) fn restart(&mut self, at: usize) {
        self.found = 0;
        self.specials.clear();
        self.next_quote = 0;
        self.next_special = 0;
        self.scanned = at;
        self.in_string = 0;
        self.escaped = 0;
    }

    /// The next unescaped quote, if the scanned part holds one.
    #[inline]
    pub(crate) fn quote(&mut self) -> Option<usize> {
        let at = *self.quotes[..self.found].get(self.next_quote)?;
        self.next_quote += 1;
        Some(at as usize)
    }

    /// The next special position before `end` (an escaping backslash, or a control character in a string).
    #[inline]
    pub(crate) fn special_before(&mut self, end: usize) -> Option<usize> {
        let at = *self.specials.get(self.next_special)? as usize;
        if at >= end {
            return None;
        }
        self.next_special += 1;
        Some(at)
    }

    /// Scans the next block of `window`; false when all of it is scanned. Quotes and specials must have been taken out before.
    #[inline(never)]
    pub(crate) fn refill(&mut self, window: &[u8]) -> bool {
        let from = self.scanned;
        let to = window.len().min(from + BLOCK);
        if from >= to {
            return false;
        }
        self.specials.clear();
        self.next_quote = 0;
        self.next_special = 0;
        let block = &window[from..to];
        let (chunks, rest) = block.as_chunks::<64>();
        if self.quotes.is_empty() {
            // Eight positions are always written at once.
            self.quotes = vec![0; BLOCK + 8];
        }
        let mut count = 0;
        let mut base = from;
        for chunk in chunks {
            count = self.chunk(chunk, base, count);
            base += 64;
        }
        if !rest.is_empty() {
            let mut padded = [b' '; 64];
            padded[..rest.len()].copy_from_slice(rest);
            count = self.chunk(&padded, base, count);
        }
        self.found = count;
        self.scanned = to;
        true
    }

    #[inline(always)]
    fn chunk(&mut self, chunk: &[u8; 64], base: usize, count: usize) -> usize {
        let (mut quotes, backslashes, controls) = masks(chunk);
        let escapes = if backslashes == 0 {
            let escaped = self.escaped;
            self.escaped = 0;
            quotes &= !escaped;
            0
        } else {
            let (escaped, starts) = self.escapes(backslashes);
            quotes &= !escaped;
            starts
        };
        let inside = prefix_xor(quotes) ^ self.in_string;
        self.in_string = ((inside as i64) >> 63) as u64;
        let mut specials = (controls & inside) | escapes;
        while specials != 0 {
            self.specials.push(position(base, specials.trailing_zeros()));
            specials &= specials - 1;
        }
        flatten(&mut self.quotes, count, position(base, 0), quotes)
    }

    /// The bytes that are escaped, and the backslashes that escape them.
    fn escapes(&mut self, backslashes: u64) -> (u64, u64) {
        const ODD_BITS: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        // As in simdjson's json_escape_scanner: starts of escape sequences are the odd ones of each run of backslashes.
        let potential = backslashes & !self.escaped;
        let maybe_escaped = potential << 1;
        let series = (maybe_escaped | ODD_BITS).wrapping_sub(potential);
        let escape_and_terminal = series ^ ODD_BITS;
        let escaped = escape_and_terminal ^ (backslashes | self.escaped);
        let starts = escape_and_terminal & backslashes;
        self.escaped = starts >> 63;
        (escaped, starts)
    }
}

/// Positions fit 32 bits: a window is never larger than the largest record and one push.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn position(base: usize, bit: u32) -> u32 {
    base as u32 + bit
}

/// Bit i of each mask: byte i is a quote, a backslash, a control character.
#[inline(always)]
fn masks(chunk: &[u8; 64]) -> (u64, u64, u64) {
    let (mut quotes, mut backslashes, mut controls) = (0, 0, 0);
    let (lanes, _) = chunk.as_chunks::<16>();
    for (i, lane) in lanes.iter().enumerate() {
        let v = u8x16::new(*lane);
        quotes |= u64::from(v.simd_eq(u8x16::splat(b'"')).to_bitmask()) << (16 * i);
        backslashes |= u64::from(v.simd_eq(u8x16::splat(b'\\')).to_bitmask()) << (16 * i);
        controls |= u64::from(v.min(u8x16::splat(0x1f)).simd_eq(v).to_bitmask()) << (16 * i);
    }
    (quotes, backslashes, controls)
}

/// Bit i of the result: the parity of the bits up to and including i (set from an opening quote up to its closing one).
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ (bits << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same positions, one byte at a time.
    fn naive(bytes: &[u8]) -> (Vec<usize>, Vec<usize>) {
        let (mut quotes, mut specials) = (Vec::new(), Vec::new());
        let (mut inside, mut escaped) = (false, false);
        for (i, &b) in bytes.iter().enumerate() {
            if escaped {
                escaped = false;
                if b < 0x20 && inside {
                    specials.push(i);
                }
                continue;
            }
            match b {
                b'\\' => {
                    escaped = true;
                    specials.push(i);
                }
                b'"' => {
                    inside = !inside;
                    quotes.push(i);
                }
                0..0x20 if inside => specials.push(i),
                _ => {}
            }
        }
        (quotes, specials)
    }

    fn indexed(bytes: &[u8]) -> (Vec<usize>, Vec<usize>) {
        let mut index = Index::default();
        index.restart(0);
        let (mut quotes, mut specials) = (Vec::new(), Vec::new());
        while index.refill(bytes) {
            while let Some(q) = index.quote() {
                quotes.push(q);
            }
            while let Some(s) = index.special_before(usize::MAX) {
                specials.push(s);
            }
        }
        (quotes, specials)
    }

    proptest::proptest! {
        #[test]
        fn finds_what_a_byte_loop_finds(picks in proptest::collection::vec(0usize..6, 0..20_000)) {
            let bytes: Vec<u8> = picks.iter().map(|p| b"\"\\\\a\n "[*p]).collect();
            proptest::prop_assert_eq!(indexed(&bytes), naive(&bytes));
        }
    }
}
