//! Numbers as records write them: in decimal, without a sign.

/// Eight zeros, as digits.
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// A number in decimal, and whether it is written as numbers are: without leading zeros.
pub(crate) fn number(word: &[u8]) -> Option<(i64, bool)> {
    if word.is_empty() || word.len() > 19 {
        return None;
    }
    let (mut value, rest) = match word.split_first_chunk::<8>() {
        Some((eight, rest)) => (eight_digits(u64::from_le_bytes(*eight))?, rest),
        None => (0, word),
    };
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some((i64::try_from(value).ok()?, is_plain(word)))
}

/// The number that stands in a text from one place to another, if it is written as numbers are.
///
/// However many digits it has, the same few steps are taken, for a processor guesses wrong what differs from record to record: sixteen bytes are read up
/// to its end, and what stands before it among them is taken for zeros.
#[inline(always)]
pub(crate) fn plain_number(text: &[u8], from: usize, to: usize) -> Option<i64> {
    let word = text.get(from..to)?;
    let Some(sixteen) = text[..to].last_chunk::<16>().filter(|_| word.len() <= 16) else {
        return number(word).filter(|(_, is_plain)| *is_plain).map(|(value, _)| value);
    };
    if !is_plain(word) {
        return None;
    }
    let [high, low] = [0, 8].map(|at| sixteen[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight)));
    let value = match word.len() {
        0 => return None,
        digits @ ..=8 => eight_digits(last_digits(low, digits))?,
        digits => eight_digits(last_digits(high, digits - 8))? * 100_000_000 + eight_digits(low)?,
    };
    i64::try_from(value).ok()
}

/// Whether no zeros lead.
fn is_plain(word: &[u8]) -> bool {
    word.len() == 1 || word.first() != Some(&b'0')
}

/// The last of eight bytes, one to eight of them; zeros in place of the others.
fn last_digits(eight: u64, digits: usize) -> u64 {
    let kept = u64::MAX << (u64::BITS as usize - 8 * digits);
    (eight & kept) | (ZEROS & !kept)
}

/// Eight digits as a number, two, four and then all of them at a time. They stand as in memory, the first in the lowest byte.
fn eight_digits(digits: u64) -> Option<u64> {
    const HIGH: u64 = u64::from_ne_bytes([0xf0; 8]);
    // Digits are 0x30 to 0x39: six more must not reach 0x40.
    if digits & HIGH != ZEROS || digits.wrapping_add(u64::from_ne_bytes([6; 8])) & HIGH != ZEROS {
        return None;
    }
    let ones = digits - ZEROS;
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, wherever the word stands in a text.
    fn anywhere(word: &[u8]) -> Option<i64> {
        let texts = ["", "9", "0 77 eni-0123456789abcdef0 "].map(|before| (before.len(), [before.as_bytes(), word, b"7"].concat()));
        let told = texts.map(|(from, text)| plain_number(&text, from, from + word.len()));
        assert!(told.iter().all(|one| *one == told[0]), "{}: {told:?}", String::from_utf8_lossy(word));
        told[0]
    }

    #[test]
    fn numbers_are_decimal_and_nothing_else() {
        assert_eq!((number(b"0"), anywhere(b"0")), (Some((0, true)), Some(0)));
        assert_eq!((number(b"007"), anywhere(b"007")), (Some((7, false)), None));
        assert_eq!((number(b"9223372036854775807"), anywhere(b"9223372036854775807")), (Some((i64::MAX, true)), Some(i64::MAX)));
        for n in (0..18).flat_map(|zeros| [1, 7, 9].map(|digit| digit * 10i64.pow(zeros))).filter(|n| *n > 0) {
            for n in [n - 1, n, n + n / 3] {
                assert_eq!(number(n.to_string().as_bytes()), Some((n, true)));
                assert_eq!(anywhere(n.to_string().as_bytes()), Some(n));
            }
        }
        for other in [
            &b""[..],
            b"-1",
            b"+1",
            b"1.5",
            b"9223372036854775808",
            b"0x10",
            b"99999999999999999999",
            b"1234567:",
            b"/2345678",
            b"12345 789",
            b"123456789012345:",
            b"/23456789012345",
            b"\xb1234567890",
        ] {
            assert_eq!((number(other), anywhere(other)), (None, None), "{}", String::from_utf8_lossy(other));
        }
    }
}
