//! Counts in words.

/// A noun for so many: `change`, `changes`.
#[must_use]
pub fn noun(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// A count with its noun: `1 change`, `2 changes`.
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {}", noun(count, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_not() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "piece")), ["0 pieces", "1 piece", "2 pieces"]);
    }
}
