//! Parquet's "Delta encoding" (`DELTA_BINARY_PACKED`): of each value how much it is more than the one before, packed in as few bits as 32 of them need.

use super::varint;

/// Values of a block, which has one least difference.
const BLOCK: usize = 128;
/// Values of which each has as many bits.
const MINIBLOCK: usize = 32;

/// Appends numbers.
pub(super) fn encode(numbers: &[i64], out: &mut Vec<u8>) {
    varint::put(BLOCK as u64, out);
    varint::put((BLOCK / MINIBLOCK) as u64, out);
    varint::put(numbers.len() as u64, out);
    varint::put(zigzag(numbers.first().copied().unwrap_or(0)), out);
    let mut deltas = [0i64; BLOCK];
    let mut previous = numbers.first().copied().unwrap_or(0);
    for block in numbers.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (delta, number) in deltas.iter_mut().zip(block) {
            *delta = number.wrapping_sub(previous);
            previous = *number;
        }
        encode_block(&deltas[..block.len()], out);
    }
}

fn encode_block(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    varint::put(zigzag(least), out);
    let widths = out.len();
    out.extend_from_slice(&[0; BLOCK / MINIBLOCK]);
    for (number, miniblock) in deltas.chunks(MINIBLOCK).enumerate() {
        // What a miniblock has less than 32 is zero.
        let mut above = [0u64; MINIBLOCK];
        for (above, delta) in above.iter_mut().zip(miniblock) {
            *above = delta.wrapping_sub(least).cast_unsigned();
        }
        let width = u64::BITS - above.iter().fold(0, |all, above| all | above).leading_zeros();
        out[widths + number] = u8::try_from(width).unwrap_or(u8::MAX);
        pack(&above, width, out);
    }
}

/// 32 numbers of so many bits each: four bytes for each bit.
fn pack(numbers: &[u64; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut bits, mut filled) = (0u128, 0);
    for number in numbers {
        bits |= u128::from(*number) << filled;
        filled += width;
        while filled >= 32 {
            #[expect(clippy::cast_possible_truncation, reason = "the lower bits")]
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_zigzag(bytes: &mut &[u8]) -> i64 {
        let number = varint::read(bytes);
        (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
    }

    /// Reads it as the format is specified.
    fn decode(mut bytes: &[u8]) -> Vec<i64> {
        let of = &mut bytes;
        let (block, miniblocks) = (varint::read(of) as usize, varint::read(of) as usize);
        let count = varint::read(of) as usize;
        let mut numbers = vec![read_zigzag(of)];
        numbers.truncate(count);
        while numbers.len() < count {
            let least = read_zigzag(of);
            let widths = of[..miniblocks].to_vec();
            *of = &of[miniblocks..];
            for width in widths.into_iter().map(usize::from) {
                if numbers.len() >= count {
                    break;
                }
                let bit = |at: usize| u64::from(of[at / 8] >> (at % 8) & 1);
                for n in 0..block / miniblocks {
                    let above = (0..width).fold(0, |all, b| all | bit(n * width + b) << b);
                    let last = *numbers.last().expect("the first");
                    numbers.push(last.wrapping_add(least).wrapping_add(above.cast_signed()));
                }
                *of = &of[block / miniblocks * width / 8..];
            }
        }
        assert!(of.is_empty());
        numbers.truncate(count);
        numbers
    }

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let near = prop::collection::vec(-70i64..70, 0..600).prop_map(|steps| {
            let walk = steps.iter().scan(1_763_000_000i64, |at, step| {
                *at += step;
                Some(*at)
            });
            walk.collect()
        });
        prop_oneof![near, prop::collection::vec(any::<i64>(), 0..300), prop::collection::vec(Just(i64::MIN), 0..200)]
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in numbers()) {
            let mut bytes = Vec::new();
            encode(&numbers, &mut bytes);
            prop_assert_eq!(decode(&bytes), numbers);
        }
    }
}
