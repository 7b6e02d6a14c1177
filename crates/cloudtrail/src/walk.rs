//! The grammar of JSON (RFC 8259) over one window: every byte of a record is checked while it is walked over, once.

use crate::index::Index;

/// Deepest nesting taken in: deeper JSON is an attack on its readers, no service writes it.
pub(crate) const MAX_DEPTH: u32 = 1024;
/// What is said of it.
pub(crate) const TOO_DEEP: &str = "nested deeper than 1024 levels";

/// What a value is. Text is split by whether it holds escapes, because text without can be used as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Kind {
    #[default]
    Absent,
    Null,
    True,
    False,
    Number,
    Text,
    EscapedText,
    Object,
    Array,
}

/// A value's place in the window. For text the quotes are outside.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: Kind,
}

impl Span {
    #[allow(clippy::cast_possible_truncation)] // windows are far below 4 GiB
    pub(crate) fn new(start: usize, end: usize, kind: Kind) -> Self {
        Self { start: start as u32, end: end as u32, kind }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self.kind, Kind::Text | Kind::EscapedText)
    }

    pub(crate) fn is_present(self) -> bool {
        !matches!(self.kind, Kind::Absent | Kind::Null)
    }

    /// The bytes between the quotes, or the value itself.
    pub(crate) fn inner(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The value as JSON, quotes included.
    pub(crate) fn json(self) -> std::ops::Range<usize> {
        if self.is_text() { self.start as usize - 1..self.end as usize + 1 } else { self.inner() }
    }
}

/// Why walking ended before the value did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The window ends first; nothing wrong so far.
    Incomplete,
    /// Not JSON from here on.
    Broken { at: usize, what: &'static str },
    /// A key whose value is a list of items, to be read one at a time: the value stands at `at`.
    Container { kind: crate::fields::Container, at: usize },
}

pub(crate) type Walk<T> = Result<T, Stop>;

/// A position in a window, with the index that knows where strings end.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) pos: usize,
    pub(crate) index: &'a mut Index,
}

impl Walker<'_> {
    #[inline(always)]
    pub(crate) fn peek(&self) -> Walk<u8> {
        self.bytes.get(self.pos).copied().ok_or(Stop::Incomplete)
    }

    #[inline(always)]
    pub(crate) fn skip_space(&mut self) {
        if self.bytes.get(self.pos).is_some_and(|b| *b <= b' ') {
            self.skip_space_run();
        }
    }

    fn skip_space_run(&mut self) {
        self.pos += space_len(&self.bytes[self.pos..]);
    }

    #[inline]
    pub(crate) fn broken<T>(&self, what: &'static str) -> Walk<T> {
        Err(Stop::Broken { at: self.pos, what })
    }

    /// A string, from its opening quote; leaves the position behind its closing one.
    #[inline]
    pub(crate) fn string(&mut self) -> Walk<Span> {
        let open = match self.index.quote() {
            Some(at) => at,
            None => self.next_quote()?,
        };
        if open != self.pos {
            return self.broken("a string was expected");
        }
        let mut kind = Kind::Text;
        let close = match self.index.quote() {
            Some(at) => at,
            None => self.far_quote(&mut kind)?,
        };
        while let Some(at) = self.index.special_before(close) {
            kind = Kind::EscapedText;
            self.check_special(at)?;
        }
        self.pos = close + 1;
        Ok(Span::new(open + 1, close, kind))
    }

    /// The next quote, scanning on; used between strings, where no special can be.
    #[cold]
    fn next_quote(&mut self) -> Walk<usize> {
        loop {
            if !self.index.refill(self.bytes) {
                return Err(Stop::Incomplete);
            }
            if let Some(at) = self.index.quote() {
                return Ok(at);
            }
        }
    }

    /// The closing quote in a later block; what is special in this one belongs to the string.
    #[cold]
    fn far_quote(&mut self, kind: &mut Kind) -> Walk<usize> {
        loop {
            while let Some(at) = self.index.special_before(usize::MAX) {
                *kind = Kind::EscapedText;
                self.check_special(at)?;
            }
            if !self.index.refill(self.bytes) {
                return Err(Stop::Incomplete);
            }
            if let Some(at) = self.index.quote() {
                return Ok(at);
            }
        }
    }

    fn check_special(&self, at: usize) -> Walk<()> {
        if self.bytes.get(at) != Some(&b'\\') {
            return Err(Stop::Broken { at, what: "a control character inside a string" });
        }
        match self.bytes.get(at + 1) {
            None => Err(Stop::Incomplete),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                for i in at + 2..at + 6 {
                    match self.bytes.get(i) {
                        None => return Err(Stop::Incomplete),
                        Some(b) if b.is_ascii_hexdigit() => {}
                        Some(_) => return Err(Stop::Broken { at, what: "an escape that is none" }),
                    }
                }
                Ok(())
            }
            Some(_) => Err(Stop::Broken { at, what: "an escape that is none" }),
        }
    }

    /// Any value, with everything in it checked. `depth` is how many brackets are open around it.
    #[inline]
    pub(crate) fn value(&mut self, depth: u32) -> Walk<Span> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.container(depth, Kind::Object),
            b'[' => self.container(depth, Kind::Array),
            _ => self.scalar(),
        }
    }

    fn container(&mut self, depth: u32, kind: Kind) -> Walk<Span> {
        let start = self.pos;
        self.skip_container(depth)?;
        Ok(Span::new(start, self.pos, kind))
    }

    /// `true`, `false`, `null` or a number.
    pub(crate) fn scalar(&mut self) -> Walk<Span> {
        let start = self.pos;
        let kind = match self.peek()? {
            b't' => self.word(b"true", Kind::True)?,
            b'f' => self.word(b"false", Kind::False)?,
            b'n' => self.word(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return self.broken("a value was expected"),
        };
        Ok(Span::new(start, self.pos, kind))
    }

    #[inline]
    fn word(&mut self, word: &'static [u8], kind: Kind) -> Walk<Kind> {
        let have = &self.bytes[self.pos..self.bytes.len().min(self.pos + word.len())];
        if have == word {
            self.pos += word.len();
            Ok(kind)
        } else if word.starts_with(have) {
            Err(Stop::Incomplete)
        } else {
            self.broken("a value was expected")
        }
    }

    fn number(&mut self) -> Walk<Kind> {
        if self.peek()? == b'-' {
            self.pos += 1;
        }
        if self.peek()? == b'0' {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.peek()? == b'.' {
            self.pos += 1;
            self.digits()?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.pos += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    /// At least one digit, and a byte behind the last.
    fn digits(&mut self) -> Walk<()> {
        if !self.peek()?.is_ascii_digit() {
            return self.broken("a number that is none");
        }
        while self.peek()?.is_ascii_digit() {
            self.pos += 1;
        }
        Ok(())
    }

    /// `"key" :` and the space behind it; the position is then at the value.
    #[inline]
    pub(crate) fn key(&mut self) -> Walk<Span> {
        if self.peek()? != b'"' {
            return self.broken("a key was expected");
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek()? != b':' {
            return self.broken("a colon was expected");
        }
        self.pos += 1;
        self.skip_space();
        Ok(key)
    }

    /// Walks over an object or array, however nested, without recursion.
    fn skip_container(&mut self, depth: u32) -> Walk<()> {
        let mut levels = Levels::default();
        let mut at_value = true;
        loop {
            if at_value {
                match self.peek()? {
                    b'"' => {
                        self.string()?;
                    }
                    bracket @ (b'{' | b'[') => {
                        if depth + levels.open >= MAX_DEPTH {
                            return self.broken(TOO_DEEP);
                        }
                        let is_array = bracket == b'[';
                        levels.enter(is_array);
                        self.pos += 1;
                        self.skip_space();
                        // The closing brackets stand two behind the opening ones in ASCII.
                        if self.peek()? == bracket + 2 {
                            self.pos += 1;
                            levels.leave();
                        } else {
                            if !is_array {
                                self.key()?;
                            }
                            continue;
                        }
                    }
                    _ => {
                        self.scalar()?;
                    }
                }
            }
            if levels.open == 0 {
                return Ok(());
            }
            self.skip_space();
            let in_array = levels.in_array();
            match self.peek()? {
                b',' => {
                    self.pos += 1;
                    self.skip_space();
                    if !in_array {
                        self.key()?;
                    }
                    at_value = true;
                }
                b'}' if !in_array => {
                    self.pos += 1;
                    levels.leave();
                    at_value = false;
                }
                b']' if in_array => {
                    self.pos += 1;
                    levels.leave();
                    at_value = false;
                }
                _ => return self.broken("a comma or a closing bracket was expected"),
            }
        }
    }
}

/// Which kind of bracket is open on each level, one bit each: the innermost 128 at hand, those around them put by. No service nests
/// that deep, so the list is all but never allocated.
#[derive(Default)]
struct Levels {
    arrays: u128,
    open: u32,
    outer: Vec<u128>,
}

impl Levels {
    #[inline(always)]
    fn enter(&mut self, is_array: bool) {
        if self.is_word_full() {
            self.put_by();
        }
        self.arrays = (self.arrays << 1) | u128::from(is_array);
        self.open += 1;
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.arrays >>= 1;
        self.open -= 1;
        if self.is_word_full() {
            self.take_back();
        }
    }

    #[inline(always)]
    fn in_array(&self) -> bool {
        self.arrays & 1 == 1
    }

    #[inline(always)]
    fn is_word_full(&self) -> bool {
        self.open.is_multiple_of(u128::BITS) && self.open > 0
    }

    #[cold]
    fn put_by(&mut self) {
        self.outer.push(std::mem::take(&mut self.arrays));
    }

    #[cold]
    fn take_back(&mut self) {
        self.arrays = self.outer.pop().unwrap_or_default();
    }
}

/// Length of the JSON white space at the start of `bytes`.
pub(crate) fn space_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        if *word != [b' '; 8] {
            break;
        }
        len += 8;
    }
    bytes[len..].iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')).map_or(bytes.len(), |n| len + n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::arbitrary::Arbitrary as _;

    fn walk(text: &[u8]) -> Walk<usize> {
        let mut index = Index::default();
        index.restart(0);
        let mut walker = Walker { bytes: text, pos: 0, index: &mut index };
        walker.skip_space();
        walker.value(0)?;
        Ok(walker.pos)
    }

    #[test]
    fn takes_what_rfc_8259_takes_and_nothing_else() {
        for good in [&br#"{"a":[1,-0.5e+3,true,false,null,"\u0041\/\n",{}],"b":[]} "#[..], b"[ ]x", b"0 ", b"\"\" ", b"{\"a\" : 1 }"] {
            assert!(walk(good).is_ok(), "{}", String::from_utf8_lossy(good));
        }
        for bad in [
            &b"{a:1}"[..],
            b"{\"a\" 1}",
            b"[1,]",
            b"{\"a\":1,}",
            b"[01]",
            b"[1.]",
            b"[+1]",
            b"[.5]",
            b"[1e]",
            b"[\"\\x\"]",
            b"[\"\\u12g4\"]",
            b"[\"a\nb\"]",
            b"[tru]",
            b"[1}",
            b"{\"a\":1]",
            b"[NaN]",
            b"['a']",
        ] {
            assert!(matches!(walk(bad), Err(Stop::Broken { .. })), "{}", String::from_utf8_lossy(bad));
        }
        for cut in [&b"{\"a\":1"[..], b"[tr", b"[\"abc", b"[1", b"{\"a\\", b"[\"\\u12", b"{"] {
            assert_eq!(walk(cut), Err(Stop::Incomplete), "{}", String::from_utf8_lossy(cut));
        }
        let deep = |n: usize| [vec![b'['; n], vec![b']'; n], vec![b' ']].concat();
        assert!(walk(&deep(1024)).is_ok());
        assert_eq!(walk(&deep(1025)), Err(Stop::Broken { at: 1024, what: TOO_DEEP }));
    }

    /// JSON-like text: mostly valid, sometimes damaged.
    fn soup() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        const WORDS: [&[u8]; 18] = [
            b"{", b"}", b"[", b"]", b",", b":", b"\"a\"", b"\"k\":", b"1", b"-2.5e3", b"null", b"true", b" ", b"\"\\n\"", b"\\", b"\"",
            b"0", b"\n",
        ];
        let word = proptest::sample::select(&WORDS[..]);
        proptest::collection::vec(word, 1..12).prop_map(|words| words.concat())
    }

    proptest::proptest! {
        #[test]
        fn every_level_is_closed_by_its_own_bracket(
            arrays in proptest::collection::vec(proptest::bool::ANY, 1..=1024),
            wrong in proptest::option::of(proptest::sample::Index::arbitrary()),
        ) {
            let mut text: Vec<u8> = arrays.iter().flat_map(|array| if *array { &b"[[],"[..] } else { &b"{\"k\":"[..] }).copied().collect();
            text.push(b'1');
            // Counted from the inside: this level is closed by the other kind's bracket.
            let wrong = wrong.map(|index| index.index(arrays.len()));
            for (i, array) in arrays.iter().rev().enumerate() {
                text.push(if *array == (wrong != Some(i)) { b']' } else { b'}' });
            }
            // An empty array inside the innermost level is one level more.
            let depth = arrays.iter().enumerate().map(|(i, array)| i + 1 + usize::from(*array)).max().unwrap_or_default();
            let walked = walk(&text);
            if depth > 1024 {
                let is_refused = matches!(walked, Err(Stop::Broken { what: TOO_DEEP, .. }));
                proptest::prop_assert!(is_refused, "{:?}", walked);
            } else if let Some(wrong) = wrong {
                let at = text.len() - arrays.len() + wrong;
                let is_at = matches!(walked, Err(Stop::Broken { at: found, .. }) if found == at);
                proptest::prop_assert!(is_at, "{:?}, not {}", walked, at);
            } else {
                proptest::prop_assert_eq!(walked, Ok(text.len()));
            }
        }

        #[test]
        fn agrees_with_another_parser(text in soup()) {
            // A number or a word alone is nobody's record: what ends it is left to what stands around it.
            if text.trim_ascii_start().first().is_some_and(|b| !matches!(b, b'{' | b'[' | b'"')) {
                return Ok(());
            }
            let mut stream = serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>();
            let theirs = matches!(stream.next(), Some(Ok(_)));
            let ours = walk(&text);
            proptest::prop_assert_eq!(ours.is_ok(), theirs, "{}", String::from_utf8_lossy(&text));
            if let Ok(end) = ours {
                proptest::prop_assert_eq!(end, stream.byte_offset());
            }
        }
    }
}
