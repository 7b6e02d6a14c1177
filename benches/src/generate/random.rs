//! Randomness that is the same on every machine: a small counter-based generator, seeded by what it is for.

/// SplitMix64. Seeded anew for every event, so that any event can be made again without those before it.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One well-mixed number out of several.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(GOLDEN, |state, part| scramble(state ^ scramble(part.wrapping_add(GOLDEN))))
}

/// A number out of a text (FNV-1a, then mixed).
pub(crate) fn hash_of(text: &str) -> u64 {
    scramble(text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)))
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALNUM: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJ";
const UPPER: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Random {
    pub(crate) fn seeded(parts: &[u64]) -> Self {
        Self(mix(parts))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        scramble(self.0)
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        scale(self.next(), n)
    }

    /// True in so many cases out of a million.
    pub(crate) fn chance(&mut self, per_million: usize) -> bool {
        self.below(1_000_000) < per_million
    }

    pub(crate) fn push_hex(&mut self, out: &mut Vec<u8>, n: usize) {
        self.push_digits(out, n, HEX, 4);
    }

    pub(crate) fn push_base64(&mut self, out: &mut Vec<u8>, n: usize) {
        self.push_digits(out, n, BASE64, 6);
    }

    pub(crate) fn push_upper(&mut self, out: &mut Vec<u8>, n: usize) {
        self.push_digits(out, n, UPPER, 5);
    }

    pub(crate) fn push_alnum(&mut self, out: &mut Vec<u8>, n: usize) {
        self.push_digits(out, n, ALNUM, 5);
    }

    /// A random (version 4) GUID.
    pub(crate) fn push_guid(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        self.push_hex(out, 36);
        let text = &mut out[start..];
        for dash in [8, 13, 18, 23] {
            text[dash] = b'-';
        }
        text[14] = b'4';
        text[19] = b"89ab"[usize::from(text[19] & 3)];
    }

    fn push_digits(&mut self, out: &mut Vec<u8>, mut n: usize, alphabet: &[u8], bits: usize) {
        let per_number = 64 / bits;
        while n > 0 {
            let mut number = self.next();
            for _ in 0..n.min(per_number) {
                out.push(alphabet[(number as usize) & (alphabet.len() - 1)]);
                number >>= bits;
            }
            n -= n.min(per_number);
        }
    }

    /// An identifier of IAM (`AKIA…`, `AROA…`) that encodes its account as real ones do: the account's 40 bits follow the first bit.
    pub(crate) fn credential(&mut self, prefix: &str, account: &str, length: usize) -> String {
        let account: u64 = account.parse().unwrap_or(0);
        let head = (1 << 47) | (account << 7) | (self.next() & 0x7f);
        let mut bits = (u128::from(head) << 32) | u128::from(self.next() >> 32);
        let mut digits = [0; 16];
        for digit in digits.iter_mut().rev() {
            *digit = BASE32[(bits & 31) as usize];
            bits >>= 5;
        }
        let mut text = prefix.to_owned();
        text.extend(digits.iter().map(|d| char::from(*d)));
        while text.len() < length {
            text.push(char::from(BASE32[self.below(32)]));
        }
        text
    }

    /// A text made by one of the `push_` functions.
    pub(crate) fn text(&mut self, push: impl FnOnce(&mut Self, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(self, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Maps a number of 64 random bits to one below `n`.
pub(crate) fn scale(number: u64, n: usize) -> usize {
    ((u128::from(number) * n as u128) >> 64) as usize
}

/// As [`scale`], but low results are likelier: few things are used much, many things little.
pub(crate) fn scale_skewed(number: u64, n: usize) -> usize {
    scale(((u128::from(number) * u128::from(number)) >> 64) as u64, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_encode_their_account() {
        let key = Random::seeded(&[1]).credential("AKIA", "218007301253", 20);
        assert_eq!(key.len(), 20);
        let bits = key[4..].bytes().fold(0u128, |n, c| (n << 5) | BASE32.iter().position(|d| *d == c).unwrap() as u128);
        assert_eq!((bits >> 39) & 0xff_ffff_ffff, 218_007_301_253);
        assert!(key.as_bytes()[4] >= b'Q', "ids issued since 2019 start so");
    }

    #[test]
    fn guids_are_canonical() {
        let guid = Random::seeded(&[7]).text(|r, o| r.push_guid(o));
        assert_eq!(guid.len(), 36);
        assert!(guid.bytes().enumerate().all(|(i, b)| if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() }));
    }
}
