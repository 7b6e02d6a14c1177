//! Where bytes of some kind stand in a text: masks of 64 bytes at a time made into positions.

/// Writes the positions of a mask's set bits behind the `count` that stand there already; gives the new count. Positions count from where the mask's
/// first byte stands, `base`.
///
/// Eight are written at a time, without a branch each: `out` needs room for seven more than are meant. Where there is none, the count says so.
#[inline(always)]
#[must_use]
pub fn flatten(out: &mut [u32], count: usize, base: u32, mut mask: u64) -> usize {
    let end = count + mask.count_ones() as usize;
    let mut at = count;
    while at < end {
        if let Some(slots) = out.get_mut(at..at + 8) {
            for slot in slots {
                *slot = base + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
            }
        }
        at += 8;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn each_set_bit_has_its_position(masks in proptest::collection::vec(proptest::num::u64::ANY, 0..8)) {
            let (mut out, mut count) = (vec![0; masks.len() * 64 + 8], 0);
            for (number, mask) in (0u32..).zip(&masks) {
                count = flatten(&mut out, count, number * 64, *mask);
            }
            let bits = (0u32..).zip(&masks).flat_map(|(number, mask)| (0..64).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| number * 64 + bit));
            proptest::prop_assert_eq!(&out[..count], bits.collect::<Vec<_>>());
        }
    }
}
