//! Texts by number for all threads at once, so that what they sum needs no renaming when it is put together.
//!
//! An address of IPv4 is its own number, so that nobody looks it up: records have few other texts that are not the same in most of them. What else
//! there is has numbers in the block that IPv4 keeps for a future use (RFC 1112, 240.0.0.0/4). Such a number says of itself what is asked of an address
//! over and over: of which family it is, and whether it is inside or out on the internet.

use std::fmt;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use backtrail_model::names::Names;
use hashbrown::DefaultHashBuilder;

use super::address::is_internal;
use super::own::Addresses;

/// Texts are in so many parts, so that threads seldom wait for each other; a power of two.
pub(super) const PARTS: usize = 64;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Numbers from here on are of texts that are kept.
const KEPT: u32 = 0xf000_0000;
/// An address of IPv6.
const SIX: u32 = 1 << 27;
/// An address of no public network.
const INSIDE: u32 = 1 << 26;
/// An address of one machine on the internet.
const OUTSIDE: u32 = 1 << 25;
/// What is left for the part that a text is in and its place there.
const PLACES: u32 = OUTSIDE - 1;
/// The last place of a part: half a million texts. With another its number would be that of the first.
const LAST_PLACE: u32 = PLACES >> PART_BITS;

/// Some of the texts, and what is known of each.
#[derive(Debug, Default)]
struct Part {
    names: Names,
    facts: Vec<u32>,
}

/// Texts that threads number.
#[derive(Debug)]
pub(super) struct Texts {
    hasher: DefaultHashBuilder,
    parts: Vec<Mutex<Part>>,
    /// The last place that a part has.
    last_place: u32,
    /// Whether a part had no place left for a text.
    are_too_many: AtomicBool,
}

/// The same when all have their numbers.
#[derive(Debug, Default)]
pub(super) struct Known {
    hasher: DefaultHashBuilder,
    parts: Vec<Part>,
}

/// The text of a number: one that is kept, or an address as it is written.
#[derive(Clone, Copy)]
pub(super) enum Spelling<'t> {
    Kept(&'t str),
    Address([u8; LONGEST], usize),
}

/// `255.255.255.255`
const LONGEST: usize = 15;

impl Spelling<'_> {
    fn of(address: u32) -> Self {
        let (mut text, mut length) = ([0; LONGEST], 0);
        for (at, octet) in address.to_be_bytes().into_iter().enumerate() {
            let digits = [octet / 100, octet / 10 % 10, octet % 10];
            let first = if octet > 99 { 0 } else { 1 + usize::from(octet < 10) };
            let dot = (at > 0).then_some(b'.');
            for byte in dot.into_iter().chain(digits[first..].iter().map(|digit| b'0' + digit)) {
                text[length] = byte;
                length += 1;
            }
        }
        Self::Address(text, length)
    }
}

impl Deref for Spelling<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Kept(text) => text,
            Self::Address(text, length) => std::str::from_utf8(&text[..*length]).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Spelling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq for Spelling<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Spelling<'_> {}

impl PartialOrd for Spelling<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Spelling<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::up_to(LAST_PLACE)
    }
}

impl Part {
    /// The number of a text in a part.
    fn told(&self, part: usize, place: u32) -> u32 {
        let facts = self.facts.get(place as usize).copied().unwrap_or_default();
        let part = u32::try_from(part).unwrap_or_default();
        KEPT | facts | ((place << PART_BITS) & PLACES) | part
    }
}

/// The part that a number's text is in.
pub(super) fn part_of(number: u32) -> usize {
    number as usize % PARTS
}

fn place_of(number: u32) -> u32 {
    (number & PLACES) >> PART_BITS
}

fn part_for(hasher: &DefaultHashBuilder, text: &str) -> usize {
    usize::try_from(hasher.hash_one(text) % PARTS as u64).unwrap_or_default()
}

/// A number that is an address of IPv4.
fn address_of(number: u32) -> Option<Ipv4Addr> {
    (number < KEPT).then(|| Ipv4Addr::from_bits(number))
}

/// The number of a text that is an address of IPv4, as it is always written.
fn number_of_address(text: &str) -> Option<u32> {
    let (mut address, mut octets, mut octet, mut digits) = (0_u32, 0, 0_u32, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits < 3 && (digits == 0 || octet > 0) => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && octet < 256 && octets < 3 => {
                address = address << 8 | octet;
                octets += 1;
                (octet, digits) = (0, 0);
            }
            _ => return None,
        }
    }
    let is_whole = octets == 3 && digits > 0 && octet < 256;
    Some(address << 8 | octet).filter(|address| is_whole && *address < KEPT)
}

/// Whether a number is of an address of one machine on the internet.
pub(super) fn is_outside(number: u32) -> bool {
    match address_of(number) {
        Some(address) => !is_internal(address.into()) && !address.is_multicast(),
        None => number & OUTSIDE != 0,
    }
}

/// What a text is as an address.
fn facts_of(text: &str) -> u32 {
    let six = if text.contains(':') { SIX } else { 0 };
    let Ok(address) = text.parse::<IpAddr>() else { return six };
    let is_of_many = matches!(address, IpAddr::V4(v4) if v4.is_multicast() || v4.is_broadcast());
    match (is_internal(address), is_of_many) {
        (true, _) => six | INSIDE,
        (false, false) => six | OUTSIDE,
        (false, true) => six,
    }
}

impl Texts {
    /// With so many places in a part, and one more.
    pub(super) fn up_to(last_place: u32) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { hasher: DefaultHashBuilder::default(), parts, last_place, are_too_many: AtomicBool::new(false) }
    }

    fn part(&self, part: usize) -> MutexGuard<'_, Part> {
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a text, which it gets where it has none.
    pub(super) fn number(&self, text: &str) -> u32 {
        if let Some(address) = number_of_address(text) {
            return address;
        }
        let number = part_for(&self.hasher, text);
        let mut part = self.part(number);
        let place = part.names.number(text);
        if part.facts.len() <= place as usize {
            part.facts.push(facts_of(text));
            // Noticed where a text is new, and told when all are read: whoever asks for a number mostly asks for one that is there.
            if place > self.last_place {
                self.are_too_many.store(true, Ordering::Relaxed);
            }
        }
        part.told(number, place)
    }

    /// Whether there were more texts than numbers, so that some numbers are of two.
    pub(super) fn are_too_many(&self) -> bool {
        self.are_too_many.load(Ordering::Relaxed)
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> String {
        if number < KEPT {
            return Spelling::of(number).to_string();
        }
        self.part(part_of(number)).names.text(place_of(number)).to_owned()
    }

    /// Whether the text of a number comes before that of another.
    pub(super) fn is_before(&self, one: u32, other: u32) -> bool {
        one != other && self.text(one) < self.text(other)
    }

    /// All of them, when nobody numbers any more.
    pub(super) fn known(self) -> Known {
        let parts = self.parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        Known { hasher: self.hasher, parts: parts.collect() }
    }
}

impl Known {
    /// The number of a text that has one.
    pub(super) fn known(&self, text: &str) -> Option<u32> {
        if let Some(address) = number_of_address(text) {
            return Some(address);
        }
        let number = part_for(&self.hasher, text);
        let part = self.parts.get(number)?;
        Some(part.told(number, part.names.known(text)?))
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> Spelling<'_> {
        if number < KEPT {
            return Spelling::of(number);
        }
        Spelling::Kept(self.parts.get(part_of(number)).map_or("", |part| part.names.text(place_of(number))))
    }
}

/// The numbers alone tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByNumber;

impl Addresses for ByNumber {
    fn is_six(&self, number: u32) -> bool {
        number >= KEPT && number & SIX != 0
    }

    fn is_inside(&self, number: u32) -> bool {
        address_of(number).map_or(number & INSIDE != 0, |address| is_internal(address.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_tells_what_its_address_is() {
        let texts = Texts::default();
        let numbers = ["10.0.0.1", "198.51.100.7", "fd00::1", "2001:db8::1", "224.0.0.1", "eni-1", ""].map(|text| texts.number(text));
        assert_eq!(numbers.map(|n| ByNumber.is_inside(n)), [true, false, true, false, false, false, false]);
        assert_eq!(numbers.map(is_outside), [false, true, false, true, false, false, false]);
        assert_eq!(numbers.map(|n| ByNumber.is_six(n)), [false, false, true, true, false, false, false]);
        assert!(texts.is_before(numbers[0], numbers[1]) && !texts.is_before(numbers[1], numbers[0]));
        let known = texts.known();
        assert_eq!(numbers.map(|n| known.text(n).to_string()).join(" "), "10.0.0.1 198.51.100.7 fd00::1 2001:db8::1 224.0.0.1 eni-1 ");
        assert_eq!((known.known("eni-1"), known.known("eni-2")), (Some(numbers[5]), None));
    }

    #[test]
    fn an_address_of_ipv4_is_its_own_number_and_nothing_else_is() {
        let texts = Texts::default();
        for own in ["0.0.0.0", "1.20.255.9", "239.255.255.255"] {
            assert_eq!(Ipv4Addr::from_bits(texts.number(own)).to_string(), own);
        }
        for kept in [
            "240.0.0.1",
            "255.255.255.255",
            "01.2.3.4",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.",
            "1..2.3",
            "1.2.3.256",
            "1.2.3.1000",
            "1.2.3.4 ",
            "",
        ] {
            let number = texts.number(kept);
            assert!(number >= KEPT && texts.text(number) == kept, "{kept}");
        }
    }

    proptest! {
        #[test]
        fn an_address_comes_back_as_it_was_written(bits in any::<u32>(), other in "[0-9.]{0,16}") {
            let texts = Texts::default();
            for text in [Ipv4Addr::from_bits(bits).to_string(), other] {
                let number = texts.number(&text);
                prop_assert_eq!(texts.text(number), text.as_str());
                prop_assert_eq!(number < KEPT, text.parse::<Ipv4Addr>().is_ok_and(|address| address.octets()[0] < 240));
            }
        }
    }

    #[test]
    fn the_last_place_has_a_number_of_its_own_and_the_one_behind_it_has_not() {
        let part = Part { names: Names::default(), facts: Vec::new() };
        let [first, last, beyond] = [0, LAST_PLACE, LAST_PLACE + 1].map(|place| part.told(PARTS - 1, place));
        assert_eq!((place_of(last), part_of(last), LAST_PLACE), (524_287, PARTS - 1, 524_287));
        assert_eq!((last & (SIX | INSIDE | OUTSIDE), beyond), (0, first));
    }

    #[test]
    fn more_texts_than_places_are_noticed() {
        // One place in each of 64 parts, so that one of 65 texts has none.
        let texts = Texts::up_to(0);
        texts.number("0");
        texts.number("0");
        assert!(!texts.are_too_many());
        (1..=PARTS).for_each(|n| _ = texts.number(&n.to_string()));
        assert!(texts.are_too_many());
    }

    #[test]
    fn threads_give_a_text_one_number() {
        let texts = Texts::default();
        let number_all = || (0..500).map(|n| texts.number(&format!("10.0.{}.{}", n % 7, n % 251))).collect::<Vec<_>>();
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(number_all);
            (number_all(), other.join().unwrap())
        });
        assert_eq!(one, other);
    }
}
