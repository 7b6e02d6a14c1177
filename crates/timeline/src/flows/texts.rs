//! Texts by number for all threads at once, so that what they sum needs no renaming when it is put together.
//!
//! A number says of itself what is asked of an address over and over, so that nobody looks at the text again: of which family it is, and whether it is
//! inside or out on the internet.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use backtrail_model::names::Names;
use hashbrown::DefaultHashBuilder;

use super::address::is_internal;
use super::own::Addresses;

/// Texts are in so many parts, so that threads seldom wait for each other; a power of two.
pub(super) const PARTS: usize = 64;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// An address of IPv6.
const SIX: u32 = 1 << 31;
/// An address of no public network.
const INSIDE: u32 = 1 << 30;
/// An address of one machine on the internet.
const OUTSIDE: u32 = 1 << 29;
/// What is left for the place of a text in its part.
const PLACES: u32 = OUTSIDE - 1;
/// The last place of a part: eight million texts. With another its number would be that of the first.
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
        facts | ((place << PART_BITS) & PLACES) | part
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

/// Whether a number is of an address of one machine on the internet.
pub(super) fn is_outside(number: u32) -> bool {
    number & OUTSIDE != 0
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

    /// Whether there were more texts than numbers, so that some numbers are of two.
    pub(super) fn are_too_many(&self) -> bool {
        self.are_too_many.load(Ordering::Relaxed)
    }

    /// The number of a text, which it gets where it has none.
    pub(super) fn number(&self, text: &str) -> u32 {
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

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> String {
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
        let number = part_for(&self.hasher, text);
        let part = self.parts.get(number)?;
        Some(part.told(number, part.names.known(text)?))
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.parts.get(part_of(number)).map_or("", |part| part.names.text(place_of(number)))
    }
}

/// The numbers alone tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByNumber;

impl Addresses for ByNumber {
    fn is_six(&self, number: u32) -> bool {
        number & SIX != 0
    }

    fn is_inside(&self, number: u32) -> bool {
        number & INSIDE != 0
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(numbers.map(|n| known.text(n).to_owned()).join(" "), "10.0.0.1 198.51.100.7 fd00::1 2001:db8::1 224.0.0.1 eni-1 ");
        assert_eq!((known.known("eni-1"), known.known("eni-2")), (Some(numbers[5]), None));
    }

    #[test]
    fn the_last_place_has_a_number_of_its_own_and_the_one_behind_it_has_not() {
        let part = Part { names: Names::default(), facts: Vec::new() };
        let [first, last, beyond] = [0, LAST_PLACE, LAST_PLACE + 1].map(|place| part.told(PARTS - 1, place));
        assert_eq!((place_of(last), part_of(last), LAST_PLACE), (8_388_607, PARTS - 1, 8_388_607));
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
