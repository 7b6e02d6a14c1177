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

/// A number with its thousands apart, as people read it: `1 234 567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A count of traffic with its noun: `1 packet`, `1 234 567 bytes`.
#[must_use]
pub fn counted_in_groups(count: u64, one: &str) -> String {
    format!("{} {}", grouped(count), noun(count, one))
}

/// A protocol by its IANA number, with the port of one that has ports: `tcp/443`, `icmp`, `protocol 50`.
#[must_use]
pub fn port_words(protocol: i32, port: Option<i32>) -> String {
    let name = match protocol {
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        other => return format!("protocol {other}"),
    };
    match port.filter(|port| *port >= 0 && matches!(protocol, 6 | 17)) {
        Some(port) => format!("{name}/{port}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_not() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "piece")), ["0 pieces", "1 piece", "2 pieces"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 12, 1_234, 725_937_120].map(grouped), ["0", "12", "1 234", "725 937 120"]);
        assert_eq!([1, 1_000].map(|n| counted_in_groups(n, "byte")), ["1 byte", "1 000 bytes"]);
    }

    #[test]
    fn only_what_has_ports_is_told_with_one() {
        let told = [(6, Some(22)), (17, Some(53)), (6, None), (6, Some(-1)), (1, Some(0)), (58, None), (50, Some(0))];
        let words = ["tcp/22", "udp/53", "tcp", "tcp", "icmp", "icmpv6", "protocol 50"];
        assert_eq!(told.map(|(protocol, port)| port_words(protocol, port)), words);
    }
}
