//! EC2's ids inside texts.

use crate::arn::ec2_type_of_id;

/// The EC2 ids that stand in a text as words, ARNs excepted (what an ARN names is its own matter), with their resource types.
pub(super) fn ec2_ids(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    // Nearly no text has one: a dash followed by eight hexadecimal digits is looked for first.
    let may = text.len() >= 10 && has_id_like(text.as_bytes());
    may.then(|| text.split(is_border).filter(|word| !word.contains("arn:aws")).flat_map(in_word)).into_iter().flatten()
}

fn has_id_like(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'-', bytes).any(|at| at > 0 && bytes[at + 1..].iter().take(8).filter(|b| b.is_ascii_hexdigit()).count() == 8)
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
