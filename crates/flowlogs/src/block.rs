//! Lines cut into words many at a time, where they are as nearly all are: ASCII, one blank between two words, as many words as the layout has.
//!
//! Blanks and ends of lines are found 64 bytes at a time, as simdjson finds what structures JSON (Langdale and Lemire, "Parsing gigabytes of JSON per
//! second", 2019). Whatever is not as usual ends the block before its line, which is read by itself then ([`crate::text`]): a block is never wrong, only short.

use backtrail_model::positions::flatten;
use wide::u8x16;

/// Lines cut at a time: their words and those columns that are being filled stay in the nearest cache.
pub(crate) const LINES: usize = 128;
/// Bytes looked at for one block. Positions fit 32 bits by far.
const MOST_BYTES: usize = 1 << 18;

/// Where the words of some lines end; used again and again.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    /// Before the first a place from which the first word begins, one further on.
    ends: Vec<u32>,
}

/// Some lines of a text, each of as many words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) text: &'a [u8],
    /// Of the words, line by line; before them where the first begins, less one.
    ends: &'a [u32],
    /// Words of a line.
    width: usize,
}

/// What stands where in 64 bytes, a bit each.
struct Masks {
    /// Blanks and ends of lines.
    separators: u64,
    newlines: u64,
    others_than_ascii: u64,
}

impl Masks {
    #[inline(always)]
    fn of(bytes: &[u8; 64]) -> Self {
        let mut masks = Self { separators: 0, newlines: 0, others_than_ascii: 0 };
        for (i, lane) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let lane = u8x16::new(*lane);
            let newlines = lane.simd_eq(u8x16::splat(b'\n'));
            masks.separators |= u64::from((newlines | lane.simd_eq(u8x16::splat(b' '))).to_bitmask()) << (16 * i);
            masks.newlines |= u64::from(newlines.to_bitmask()) << (16 * i);
            masks.others_than_ascii |= u64::from(lane.to_bitmask()) << (16 * i);
        }
        masks
    }
}

impl Cutter {
    /// Cuts the lines that a text begins with, as far as they are as usual and whole, so many at most. Gives them with their bytes, ends of lines included.
    pub(crate) fn cut<'a>(&'a mut self, text: &'a [u8], width: usize, most: usize) -> (Block<'a>, usize) {
        // One line more, and what 64 bytes and eight places written at once may add.
        self.ends.resize(1 + (most + 1) * width + 64 + 8, 0);
        let lines = self.lines(&text[..text.len().min(MOST_BYTES)], width, most);
        let ends = &self.ends[..=lines * width];
        let taken = if lines == 0 { 0 } else { ends[lines * width] as usize + 1 };
        (Block { text, ends, width }, taken)
    }

    /// How many lines are as usual.
    fn lines(&mut self, text: &[u8], width: usize, most: usize) -> usize {
        self.ends[0] = u32::MAX;
        // What is before the text ended a line.
        let (mut count, mut lines, mut carry) = (1, 0, 1);
        let (chunks, rest) = text.as_chunks::<64>();
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        for (base, chunk) in (0u32..).step_by(64).zip(chunks.iter().chain([&last])) {
            let masks = Masks::of(chunk);
            let are_empty = masks.separators & (masks.separators << 1 | carry);
            carry = masks.separators >> 63;
            let unusual = are_empty | masks.others_than_ascii;
            // The bits below the first that is not as usual.
            let usual = unusual.wrapping_sub(1) & !unusual;
            let mut newlines = masks.newlines & usual;
            let before = count;
            count = flatten(&mut self.ends, count, base, masks.separators);
            while newlines != 0 && lines < most {
                let at = newlines.trailing_zeros();
                let words = before + (masks.separators & ((1 << at) - 1)).count_ones() as usize;
                if words != (lines + 1) * width || !self.begins_and_ends_as_usual(text, lines * width, (base + at) as usize) {
                    return lines;
                }
                lines += 1;
                newlines &= newlines - 1;
            }
            if lines == most || unusual != 0 || count > (lines + 1) * width + 1 {
                return lines;
            }
        }
        lines
    }

    /// Whether a line whose first word has a number is no header by its beginning, and has no carriage return at its end.
    fn begins_and_ends_as_usual(&self, text: &[u8], first: usize, end: usize) -> bool {
        let begin = self.ends[first].wrapping_add(1) as usize;
        text.get(begin).is_some_and(|byte| !may_begin_header(*byte)) && end > 0 && text[end - 1] != b'\r'
    }
}

/// Whether a line that begins with this may be a header.
pub(crate) fn may_begin_header(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'$'
}

impl<'a> Block<'a> {
    pub(crate) fn lines(&self) -> usize {
        (self.ends.len() - 1) / self.width
    }

    /// Of each line, where the word at a place of the layout begins and ends.
    #[inline]
    pub(crate) fn spans(self, place: usize) -> impl Iterator<Item = (usize, usize)> + Clone + 'a {
        self.ends.windows(2).skip(place).step_by(self.width).map(|pair| (pair[0].wrapping_add(1) as usize, pair[1] as usize))
    }

    /// The word of each line at a place of the layout.
    #[inline]
    pub(crate) fn words(self, place: usize) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.spans(place).map(move |(from, to)| self.text.get(from..to).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the lines of a block, and the bytes it takes.
    fn cut(text: &str, width: usize, most: usize) -> (Vec<Vec<String>>, usize) {
        let mut cutter = Cutter::default();
        let (block, taken) = cutter.cut(text.as_bytes(), width, most);
        let columns: Vec<Vec<&[u8]>> = (0..width).map(|place| block.words(place).collect()).collect();
        let line = |line: usize| columns.iter().map(|column| String::from_utf8_lossy(column[line]).into_owned()).collect();
        ((0..block.lines()).map(line).collect(), taken)
    }

    /// The same, told line by line.
    fn told(text: &str, width: usize, most: usize) -> (Vec<Vec<String>>, usize) {
        let (mut lines, mut taken) = (Vec::new(), 0);
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')).take(most) {
            let words: Vec<String> = line[..line.len() - 1].split(' ').map(str::to_owned).collect();
            let is_usual = words.len() == width && line.is_ascii() && words.iter().all(|word| !word.is_empty()) && !line.ends_with("\r\n");
            if !is_usual || may_begin_header(line.as_bytes()[0]) {
                break;
            }
            lines.push(words);
            taken += line.len();
        }
        (lines, taken)
    }

    #[test]
    fn what_is_not_as_usual_ends_the_block() {
        assert_eq!(
            cut("2 A OK\n3 B -\n4", 3, 9),
            (vec![vec!["2".into(), "A".into(), "OK".into()], vec!["3".into(), "B".into(), "-".into()]], 13)
        );
        for other in ["version a b", "$x a b", "1  2", "1 2", "1 2 3 4", "1 2 3 ", " 1 2 3", "", "1 2 3\r", "1 ü 3"] {
            assert_eq!(cut(&format!("1 2 3\n{other}\n1 2 3\n"), 3, 9).1, 6, "{other}");
        }
        assert_eq!((cut("1 2 3\n1 2 3\n", 3, 1).1, cut("1 2 3\n1 2 3\n", 3, 0).1, cut("", 3, 9).1, cut("7\n8\n", 1, 9).1), (6, 0, 0, 4));
    }

    proptest::proptest! {
        #[test]
        fn a_block_is_what_its_lines_say(
            words in proptest::collection::vec("[0-9A-Z.]{1,12}", 1..60),
            odd in proptest::collection::vec((0usize..400, proptest::sample::select(vec![" ", "\n", "\r\n", "v", "é", "\t"])), 0..3),
            width in 1usize..6,
            most in 0usize..12,
        ) {
            let mut text: String = words.chunks(width).map(|line| line.join(" ") + "\n").collect();
            for (at, what) in odd {
                let at = at % (text.len() + 1);
                if text.is_char_boundary(at) {
                    text.insert_str(at, what);
                }
            }
            proptest::prop_assert_eq!(cut(&text, width, most), told(&text, width, most));
        }
    }
}
