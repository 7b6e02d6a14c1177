//! What is sought in every text: ARNs, and EC2's ids.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::arn::ec2_type_of_id;

/// What may stand in a text, as far as a look at its bytes tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holds {
    /// An ARN.
    pub(super) arn: bool,
    /// An id of EC2.
    pub(super) id: bool,
}

impl Holds {
    pub(super) fn of(text: &str) -> Self {
        Self { arn: has_arn(text), id: has_id_like(text) }
    }

    pub(super) fn nothing(self) -> bool {
        !self.arn && !self.id
    }
}

/// What is sought in a field as a whole, so that each of its texts need not be searched: where the next of each kind stands.
#[derive(Debug)]
pub(super) struct Ahead<'a> {
    field: &'a str,
    arn: usize,
    id: usize,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(field: &'a str) -> Self {
        Self { field, arn: next_arn(field, 0), id: next_id(field, 0) }
    }

    /// Whether there is nothing more.
    pub(super) fn nothing(&self) -> bool {
        self.arn.min(self.id) == usize::MAX
    }

    /// What stands in the text at `start..end`; texts are asked about in order. Neither begins in one text and ends in another: what
    /// separates them cannot stand in it.
    pub(super) fn holds(&mut self, start: usize, end: usize) -> Holds {
        if self.arn < start {
            self.arn = next_arn(self.field, start);
        }
        if self.id < start {
            self.id = next_id(self.field, start);
        }
        Holds { arn: self.arn < end, id: self.id < end }
    }
}

/// The EC2 ids that stand in a text as words, ARNs excepted (what an ARN names is its own matter), with their resource types.
pub(super) fn ec2_ids(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let dash = next_id(text, from);
            // Between colons, slashes and the like.
            let part = around(text, dash, |b| b.is_ascii_alphanumeric() || b == b'-')?;
            from = part.end;
            let word = || around(text, dash, |b| b.is_ascii_alphanumeric() || b"-:/_.*+=@".contains(&b));
            if let Some(kind) = ec2_type_of_id(&text[part.clone()])
                && !word().is_some_and(|word| has_arn(&text[word]))
            {
                return Some((kind, &text[part]));
            }
        }
    })
}

/// The stretch of such bytes around one of them.
fn around(text: &str, at: usize, fits: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let (before, after) = text.as_bytes().split_at_checked(at)?;
    let start = before.iter().rposition(|b| !fits(*b)).map_or(0, |border| border + 1);
    let end = after.iter().position(|b| !fits(*b)).map_or(text.len(), |border| at + border);
    Some(start..end)
}

/// Whether an ARN may stand in a text.
pub(super) fn has_arn(text: &str) -> bool {
    next_arn(text, 0) < text.len()
}

/// Where the next ARN begins, `usize::MAX` where none does.
fn next_arn(text: &str, from: usize) -> usize {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("arn:aws"));
    FINDER.find(&text.as_bytes()[from..]).map_or(usize::MAX, |at| from + at)
}

/// Whether a text has the word bucket, however it is capitalised.
pub(super) fn may_name_bucket(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_it = |at: usize| bytes.get(at.wrapping_sub(3)..at + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"bucket"));
    memchr::memchr2_iter(b'k', b'K', bytes).any(is_it)
}

/// Last letters of the kinds of ids: most of what has a dash and eight such digits behind it is a UUID.
const ENDS: &[u8] = b"lwtcbgrphenxi";

fn has_id_like(text: &str) -> bool {
    next_id(text, 0) < text.len()
}

/// Where the dash of the next thing that looks like an id stands, `usize::MAX` where none does.
fn next_id(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let is_it = |at: &usize| {
        *at > 0 && ENDS.contains(&bytes[at - 1]) && bytes.get(at + 1..at + 9).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    memchr::memchr_iter(b'-', &bytes[from..]).map(|at| from + at).find(is_it).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_id_is_looked_at() {
        for kind in crate::arn::ec2_id_kinds() {
            let id = format!("{kind}-0683fcf7");
            assert_eq!(ec2_ids(&id).map(|(_, found)| found).collect::<Vec<_>>(), [id.as_str()]);
        }
    }

    #[test]
    fn ids_in_values_messages_and_paths() {
        let found = |text| ec2_ids(text).map(|(_, id)| id.to_owned()).collect::<Vec<_>>();
        assert_eq!(found("sg-0683fcf7a41c82593"), ["sg-0683fcf7a41c82593"]);
        assert_eq!(found("The security group 'sg-0683fcf7' does not exist in vpc-11112222."), ["sg-0683fcf7", "vpc-11112222"]);
        assert_eq!(found("/data/i-0683fcf7a41c82593/x:eni-0683fcf7"), ["i-0683fcf7a41c82593", "eni-0683fcf7"]);
        for none in [
            "",
            "sg-",
            "xsg-0683fcf7",
            "sg-0683fcf7a41c825931",
            "sg-0683FCF7",
            "arn:aws:ec2:r:1:instance/i-0683fcf7",
            "7b1c6a2e-1111-2222-3333-444455556666",
        ] {
            assert!(found(none).is_empty(), "{none}");
        }
    }
}
