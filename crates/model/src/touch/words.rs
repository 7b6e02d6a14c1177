//! EC2's ids inside texts.

use std::sync::LazyLock;

use crate::arn::ec2_type_of_id;

/// The EC2 ids that stand in a text as words, ARNs excepted (what an ARN names is its own matter), with their resource types.
pub(super) fn ec2_ids(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    // Nearly no text has one: a dash followed by eight hexadecimal digits is looked for first.
    let may = text.len() >= 10 && has_id_like(text.as_bytes());
    may.then(|| text.split(is_border).filter(|word| !has_arn(word)).flat_map(in_word)).into_iter().flatten()
}

/// Whether an ARN may stand in a text.
pub(super) fn has_arn(text: &str) -> bool {
    static FINDER: LazyLock<memchr::memmem::Finder<'static>> = LazyLock::new(|| memchr::memmem::Finder::new("arn:aws"));
    FINDER.find(text.as_bytes()).is_some()
}

/// Last letters of the kinds of ids: most of what has a dash and eight such digits behind it is a UUID.
const ENDS: &[u8] = b"lwtcbgrphenxi";

fn has_id_like(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'-', bytes).any(|at| {
        at > 0 && ENDS.contains(&bytes[at - 1]) && bytes.get(at + 1..at + 9).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What cannot stand in an id, nor in an ARN.
fn is_border(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '/' | '_' | '.' | '*' | '+' | '=' | '@'))
}

/// Ids between colons, slashes and the like.
fn in_word(word: &str) -> impl Iterator<Item = (&'static str, &str)> {
    word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter_map(|part| Some((ec2_type_of_id(part)?, part)))
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
