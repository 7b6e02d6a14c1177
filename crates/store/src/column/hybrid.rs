//! Parquet's hybrid of runs and packed bits ("RLE / Bit-Packing Hybrid"): a run of eight equal numbers or more is its length and the number, others are
//! packed eight by eight.

use super::varint;

/// Bits that a run must spare to be worth the two lengths that it costs.
const WORTH_A_RUN: usize = 32;

/// Appends numbers that have no more than `width` bits. Runs are sought eight numbers at a time, as they are packed: what a processor does for each of the eight does
/// not go by what they are.
pub(super) fn encode(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let eights = numbers.as_chunks::<8>().0;
    let (mut at, mut packed) = (0, 0);
    while let Some(eight) = eights.get(at) {
        let number = eight[0];
        let run = eights[at..].iter().take_while(|eight| are_all(eight, number)).count();
        if run * 8 * width.max(1) as usize >= WORTH_A_RUN {
            pack(&numbers[packed * 8..at * 8], width, out);
            repeat(number, run * 8, width, out);
            packed = at + run;
        }
        at += run.max(1);
    }
    pack(&numbers[packed * 8..], width, out);
}

fn are_all(eight: &[u32; 8], number: u32) -> bool {
    eight.iter().fold(0, |differing, one| differing | (one ^ number)) == 0
}

/// Appends which of some rows have a value, eight to a byte, the first in its lowest bit: packed as they are, but for runs, of which none is longer than there are rows.
pub(super) fn encode_bits(bits: &[u8], rows: usize, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while let Some(byte) = bits.get(at).copied() {
        let is_run = byte == 0 || byte == u8::MAX;
        let run = if is_run { bits[at..].iter().take_while(|other| **other == byte).count() } else { 1 };
        if is_run && run * 8 >= WORTH_A_RUN {
            pack_bits(&bits[packed..at], out);
            repeat(u32::from(byte & 1), (run * 8).min(rows - at * 8), 1, out);
            packed = at + run;
        }
        at += run;
    }
    pack_bits(&bits[packed..], out);
}

fn pack_bits(bits: &[u8], out: &mut Vec<u8>) {
    if !bits.is_empty() {
        varint::put((bits.len() as u64) << 1 | 1, out);
        out.extend_from_slice(bits);
    }
}

/// Appends a run of one number.
pub(super) fn repeat(number: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    varint::put((count as u64) << 1, out);
    let bytes = width.div_ceil(8) as usize;
    out.extend_from_slice(&number.to_le_bytes()[..bytes.min(4)]);
}

fn pack(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let eights = numbers.len().div_ceil(8);
    varint::put((eights as u64) << 1 | 1, out);
    let (mut bits, mut filled) = (0u64, 0);
    out.reserve(eights * width as usize + 8);
    for number in numbers {
        bits |= u64::from(*number) << filled;
        filled += width;
        if filled >= 32 {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
    // The last eight may not be full: what is missing is zero.
    let all = eights * width as usize;
    let written = (numbers.len() * width as usize - filled as usize) / 8;
    let rest = bits.to_le_bytes();
    out.extend((0..all - written).map(|byte| rest.get(byte).copied().unwrap_or(0)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads it as the format is specified.
    fn decode(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let header = usize::try_from(varint::read(&mut bytes)).unwrap();
            if header & 1 == 0 {
                let length = width.div_ceil(8) as usize;
                let number = bytes[..length].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
                bytes = &bytes[length..];
                assert!(header >> 1 <= count - numbers.len(), "a run ends where the rows do");
                numbers.extend(std::iter::repeat_n(number, header >> 1));
                continue;
            }
            let length = (header >> 1) * width as usize;
            let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
            numbers.extend((0..(header >> 1) * 8).map(|n| (0..width as usize).fold(0, |all, b| all | bit(n * width as usize + b) << b)));
            bytes = &bytes[length..];
        }
        assert!(bytes.is_empty() && numbers[count..].iter().all(|number| *number == 0));
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn bits_come_back(runs in prop::collection::vec((any::<bool>(), prop_oneof![1usize..4, 1usize..40, 1usize..3_000]), 0..40)) {
            let rows: Vec<u32> = runs.iter().flat_map(|(bit, count)| std::iter::repeat_n(u32::from(*bit), *count)).collect();
            let bits: Vec<u8> = rows.chunks(8).map(|eight| (0..).zip(eight).fold(0, |byte, (at, bit)| byte | (*bit as u8) << at)).collect();
            let mut bytes = Vec::new();
            encode_bits(&bits, rows.len(), &mut bytes);
            prop_assert_eq!(decode(&bytes, 1, rows.len()), rows);
        }

        #[test]
        fn numbers_come_back(width in 0u32..=20, runs in prop::collection::vec((any::<u32>(), prop_oneof![1usize..4, 1usize..40, 1usize..3_000]), 0..40)) {
            let numbers: Vec<u32> = runs.iter().flat_map(|(number, count)| std::iter::repeat_n(number & ((1 << width) - 1), *count)).collect();
            let mut bytes = Vec::new();
            encode(&numbers, width, &mut bytes);
            prop_assert_eq!(decode(&bytes, width, numbers.len()), numbers);
        }
    }
}
