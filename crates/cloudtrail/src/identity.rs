//! Which event a record is: the 128 bits by which copies are found (design.md section 4).

use ring::digest;

/// The event's identity: the bits of its GUID; of any other id, the hash; without an id, the hash of the canonical record.
pub(crate) fn dedupe_key(event_id: Option<&str>, raw: &str) -> [u8; 16] {
    match event_id {
        Some(id) if !id.is_empty() => guid(id.as_bytes()).unwrap_or_else(|| head(&[b"id:", id.as_bytes()])),
        _ => match crate::canonical(raw) {
            Some(canonical) => head(&[&canonical]),
            None => head(&[raw.as_bytes()]),
        },
    }
}

/// A name for what has none: the hash of what it says.
pub(crate) fn hash_key(stated: &str) -> [u8; 16] {
    head(&[stated.as_bytes()])
}

fn head(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = digest::Context::new(&digest::SHA256);
    for part in parts {
        hasher.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash_of(&hasher.finish())[..16]);
    key
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    hash_of(&digest::digest(&digest::SHA256, bytes))
}

pub(crate) fn hash_of(digest: &digest::Digest) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// The 128 bits of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
fn guid(id: &[u8]) -> Option<[u8; 16]> {
    if id.len() != 36 {
        return None;
    }
    let mut digits = [0; 32];
    let mut count = 0;
    for (i, &b) in id.iter().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if b != b'-' {
                return None;
            }
        } else {
            digits[count] = b;
            count += 1;
        }
    }
    const_hex::decode_to_array(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_its_bits_and_anything_else_a_hash() {
        let key = dedupe_key(Some("01234567-89ab-cdef-0123-456789ABCDEF"), "");
        assert_eq!(const_hex::encode(key), "0123456789abcdef0123456789abcdef");
        // printf 'id:abc' | sha256sum
        assert_eq!(const_hex::encode(dedupe_key(Some("abc"), "")), "c8cd7a447458353faae5e0889299b803");
        // printf '{"a":1}' | sha256sum
        assert_eq!(const_hex::encode(dedupe_key(None, r#"{ "eventContext":{}, "a":1.0}"#)), "015abd7f5cc57a2dd94b7590f04ad808");
        assert_eq!(dedupe_key(Some(""), "{}"), dedupe_key(None, "{}"));
    }
}
