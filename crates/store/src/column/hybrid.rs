//! Parquet's hybrid of runs and packed bits ("RLE / Bit-Packing Hybrid"): a run of eight equal numbers or more is its length and the number, others are
//! packed eight by eight.

use super::varint;

/// Appends numbers that have no more than `width` bits.
pub(super) fn encode(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while at < numbers.len() {
        let run = numbers[at..].iter().take_while(|number| **number == numbers[at]).count();
        // What is packed before a run fills up eights, at the run's expense.
        let filling = (at - packed).next_multiple_of(8) - (at - packed);
        if run >= filling + 8 {
            pack(&numbers[packed..at + filling], width, out);
            repeat(numbers[at], run - filling, width, out);
            packed = at + run;
        }
        at += run;
    }
    pack(&numbers[packed..], width, out);
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
        fn numbers_come_back(width in 0u32..=20, runs in prop::collection::vec((any::<u32>(), prop_oneof![1usize..4, 1usize..40, 1usize..3_000]), 0..40)) {
            let numbers: Vec<u32> = runs.iter().flat_map(|(number, count)| std::iter::repeat_n(number & ((1 << width) - 1), *count)).collect();
            let mut bytes = Vec::new();
            encode(&numbers, width, &mut bytes);
            prop_assert_eq!(decode(&bytes, width, numbers.len()), numbers);
        }
    }
}
