//! Cutting the members of lists out of what describe calls print, while it streams by: `{"NetworkInterfaces": [{...}, {...}], "NextToken": ...}`,
//! one such document, one a line, several joined, or an array of them.

/// Where a member stands, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// The list's key.
    pub(crate) list: &'a str,
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
    /// Of all of it, where only its beginning is at hand.
    pub(crate) length: u64,
}

/// What is met.
#[derive(Debug)]
pub(crate) enum Met<'a> {
    /// A member of a list that is read.
    Member(Member<'a>),
    /// A list that is not read has members.
    OtherList(&'a str),
    /// The document says that more pages follow.
    MorePages,
}

/// Members longer than this are no resource's state.
const MAX_MEMBER: usize = 64 << 20;
/// Keys longer than this are none that is known.
const MAX_KEY: usize = 128;
/// The text of a token for the next page.
const NEXT: &str = "NextToken";

/// What the bytes at hand stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum In {
    /// Outside of any document, or in an array of documents.
    #[default]
    Outside,
    /// In a document, before the key of a member.
    BeforeKey,
    /// In a key.
    Key,
    /// In a document, before or behind a value that is not looked at.
    Value,
    /// In a list that is read.
    List,
    /// In a list that is not read, or an object.
    Other,
}

/// Cuts documents. Fed with bytes in any cutting.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    place: In,
    /// Brackets open within a member or another value.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    key: Vec<u8>,
    /// The member being met, and where it begins.
    member: Vec<u8>,
    begins: u64,
    /// Bytes of it beyond what is kept.
    beyond: u64,
    /// Whether the list that is not read was told of.
    is_told: bool,
}

impl Cutter {
    /// Takes the next bytes, which stand at an offset of the evidence.
    pub(crate) fn push(&mut self, bytes: &[u8], offset: u64, lists: &[&str], each: &mut dyn FnMut(Met<'_>)) {
        for (i, byte) in bytes.iter().enumerate() {
            self.take(*byte, offset + i as u64, lists, each);
        }
    }

    fn take(&mut self, byte: u8, at: u64, lists: &[&str], each: &mut dyn FnMut(Met<'_>)) {
        match self.place {
            In::Outside if byte == b'{' => self.place = In::BeforeKey,
            In::Outside => {}
            In::BeforeKey => match byte {
                b'"' => {
                    self.key.clear();
                    self.place = In::Key;
                }
                b'}' => self.place = In::Outside,
                _ => {}
            },
            In::Key => self.take_key(byte),
            In::Value => self.take_value(byte, lists, each),
            In::List => self.take_member(byte, at, each),
            In::Other => self.take_other(byte, each),
        }
    }

    fn take_key(&mut self, byte: u8) {
        if byte == b'"' {
            self.place = In::Value;
        } else if self.key.len() < MAX_KEY {
            self.key.push(byte);
        }
    }

    fn key(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap_or_default()
    }

    /// Between a key and what its value begins with, or behind a value.
    fn take_value(&mut self, byte: u8, lists: &[&str], each: &mut dyn FnMut(Met<'_>)) {
        if self.in_string {
            self.take_in_string(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                if self.key() == NEXT {
                    each(Met::MorePages);
                }
            }
            b'[' if lists.contains(&self.key()) => self.place = In::List,
            b'[' | b'{' => {
                (self.place, self.depth, self.is_told) = (In::Other, 1, byte == b'{');
            }
            b',' => self.place = In::BeforeKey,
            b'}' => self.place = In::Outside,
            _ => {}
        }
    }

    fn take_in_string(&mut self, byte: u8) {
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
        }
    }

    /// Follows brackets and strings; true where the outermost bracket was closed.
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.take_in_string(byte);
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    fn take_other(&mut self, byte: u8, each: &mut dyn FnMut(Met<'_>)) {
        if !self.is_told && !byte.is_ascii_whitespace() {
            self.is_told = true;
            if byte != b']' {
                each(Met::OtherList(self.key()));
            }
        }
        if self.closes(byte) {
            self.place = In::Value;
        }
    }

    fn take_member(&mut self, byte: u8, at: u64, each: &mut dyn FnMut(Met<'_>)) {
        let is_between = self.depth == 0 && self.member.is_empty();
        if is_between {
            match byte {
                b']' => self.place = In::Value,
                b'{' => {
                    (self.begins, self.depth, self.beyond) = (at, 1, 0);
                    self.member.push(byte);
                }
                _ => {}
            }
            return;
        }
        if self.member.len() < MAX_MEMBER {
            self.member.push(byte);
        } else {
            self.beyond += 1;
        }
        if self.closes(byte) {
            let length = self.member.len() as u64 + self.beyond;
            each(Met::Member(Member {
                list: std::str::from_utf8(&self.key).unwrap_or_default(),
                offset: self.begins,
                bytes: &self.member,
                length,
            }));
            self.member.clear();
        }
    }

    /// What is open where the bytes end.
    pub(crate) fn open_at_end(&self) -> Option<String> {
        match self.place {
            In::Outside => None,
            In::List if !self.member.is_empty() => Some(format!("inside the member of {} that begins at byte {}", self.key(), self.begins)),
            In::List => Some(format!("inside the list {}", self.key())),
            _ => Some("inside an object".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members (list, offset, text), other lists, whether more pages follow, what is open at the end.
    type Cut = (Vec<(String, u64, String)>, Vec<String>, bool, Option<String>);

    fn cut(text: &str, size: usize) -> Cut {
        let (mut cutter, mut members, mut others, mut more) = (Cutter::default(), Vec::new(), Vec::new(), false);
        for (i, chunk) in text.as_bytes().chunks(size).enumerate() {
            cutter.push(chunk, (i * size) as u64, &["A"], &mut |met| match met {
                Met::Member(m) => members.push((m.list.to_owned(), m.offset, String::from_utf8_lossy(m.bytes).into_owned())),
                Met::OtherList(list) => others.push(list.to_owned()),
                Met::MorePages => more = true,
            });
        }
        (members, others, more, cutter.open_at_end())
    }

    #[test]
    fn members_are_cut_whatever_stands_around_them() {
        let text = r#"[{"X":{"A":[{"n":0}]},"A":[{"n":"]}\"{"}, {"m":[{}]}],"B":[1],"C":[],"NextToken":"t"}] {"A":[{"n":2}]}"#;
        for size in [1, 3, 1000] {
            let (members, others, more, open) = cut(text, size);
            let texts: Vec<&str> = members.iter().map(|(_, _, text)| text.as_str()).collect();
            assert_eq!(texts, [r#"{"n":"]}\"{"}"#, r#"{"m":[{}]}"#, r#"{"n":2}"#]);
            for (_, offset, member) in &members {
                let at = usize::try_from(*offset).expect("small");
                assert_eq!(&text[at..at + member.len()], member);
            }
            assert_eq!((others, more, open), (vec!["B".to_owned()], true, None));
        }
        assert_eq!(cut(r#"{"A":[{"n":0},{"n":"#, 4).3.as_deref(), Some("inside the member of A that begins at byte 14"));
        assert!(!cut(r#"{"A":[],"NextToken":null}"#, 4).2);
    }
}
