//! The layout of records: which field stands where. A header line says it, or whoever made the flow log (`${version} ${account-id} ...`).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use backtrail_model::tables::{FLOW_FIELDS, Kind};

/// The default format, version 2 (VPC user guide, "Default format").
pub const DEFAULT: &str =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// More fields than this are no layout: AWS has some 70.
const MAX_FIELDS: usize = 512;

/// Where a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A column of the fields, by its number among [`FLOW_FIELDS`].
    Text(usize),
    Int(usize),
    Long(usize),
    /// `extra`, under the name that stands at this place of the layout.
    Extra,
}

/// A layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The names as delivered, separated by one blank.
    pub(crate) text: Arc<str>,
    pub(crate) slots: Vec<Slot>,
    /// The names nobody knows, by their places.
    pub(crate) unknown: Vec<(usize, String)>,
    /// Where `start` stands.
    pub(crate) start: Option<usize>,
    pub(crate) is_transit: bool,
}

/// The number of a field among [`FLOW_FIELDS`], by its name in text (`account-id`) or in Parquet (`account_id`).
pub(crate) fn field(name: &str) -> Option<usize> {
    static BY_NAME: LazyLock<HashMap<&'static str, usize>> =
        LazyLock::new(|| FLOW_FIELDS.iter().enumerate().map(|(i, c)| (c.name, i)).collect());
    if name.contains('-') { BY_NAME.get(name.replace('-', "_").as_str()) } else { BY_NAME.get(name) }.copied()
}

impl Format {
    /// The default format.
    #[must_use]
    pub fn default_v2() -> Arc<Self> {
        static DEFAULT_V2: LazyLock<Arc<Format>> = LazyLock::new(|| Arc::new(Format::of(DEFAULT.split(' '))));
        Arc::clone(&DEFAULT_V2)
    }

    /// Reads a layout as a header line or `LogFormat` of `CreateFlowLogs` gives it.
    ///
    /// # Errors
    /// Where a word is no field name, or none is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|w| !w.is_empty());
        let names: Vec<&str> = words.map(|w| w.strip_prefix("${").and_then(|w| w.strip_suffix('}')).unwrap_or(w)).collect();
        if let Some(odd) = names.iter().find(|name| !is_name(name.as_bytes())) {
            return Err(format!("{odd:?} is no field name"));
        }
        if !names.iter().any(|name| field(name).is_some()) {
            return Err("it names no field of flow logs".to_owned());
        }
        if names.len() > MAX_FIELDS {
            return Err(format!("{} fields are more than any flow log has", names.len()));
        }
        Ok(Self::of(names))
    }

    /// The layout of these fields.
    pub(crate) fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let (mut slots, mut unknown, mut start, mut is_transit, mut text) = (Vec::new(), Vec::new(), None, false, String::new());
        for (place, name) in names.into_iter().enumerate() {
            let slot = field(name).map_or(Slot::Extra, |at| match FLOW_FIELDS[at].kind {
                Kind::Int => Slot::Int(at),
                Kind::Long => Slot::Long(at),
                _ => Slot::Text(at),
            });
            // A field that is named twice has one column.
            let slot = if slots.contains(&slot) { Slot::Extra } else { slot };
            if slot == Slot::Extra {
                unknown.push((place, name.to_owned()));
            }
            if slot != Slot::Extra && name == "start" {
                start = Some(place);
            }
            is_transit |= slot != Slot::Extra && name.starts_with("tgw");
            if place > 0 {
                text.push(' ');
            }
            text.push_str(name);
            slots.push(slot);
        }
        Self { text: text.into(), slots, unknown, start, is_transit }
    }

    /// Names nobody knows, in order.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(|(_, name)| name.as_str())
    }

    /// The names of the fields in their order, separated by one blank.
    #[must_use]
    pub fn names(&self) -> &str {
        &self.text
    }

    /// Whether a line can be a record of this layout: it has as many words, and numbers where these must stand.
    #[must_use]
    pub fn fits(&self, line: &[u8]) -> bool {
        let words: Vec<&[u8]> = words(line).collect();
        words.len() == self.slots.len()
            && words.iter().zip(&self.slots).all(|(word, slot)| match slot {
                Slot::Text(at) => match FLOW_FIELDS[*at].name {
                    "action" => matches!(*word, b"-" | b"ACCEPT" | b"REJECT"),
                    "log_status" => matches!(*word, b"OK" | b"NODATA" | b"SKIPDATA"),
                    "interface_id" => *word == b"-" || word.starts_with(b"eni-"),
                    "srcaddr" | "dstaddr" => *word == b"-" || word.contains(&b'.') || word.contains(&b':'),
                    _ => true,
                },
                Slot::Int(_) | Slot::Long(_) => *word == b"-" || word.iter().all(u8::is_ascii_digit),
                Slot::Extra => true,
            })
    }
}

/// The words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty())
}

fn is_name(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_lowercase)
        && word.len() <= 64
        && word.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Whether a line is a header: names alone, most of them known. A record has ids, addresses or words in capitals.
pub(crate) fn header(line: &[u8]) -> Option<Format> {
    let first = words(line).next()?;
    if !is_name(first) && !first.starts_with(b"${") {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    let format = Format::parse(text).ok()?;
    let known = format.slots.len() - format.unknown.len();
    (known >= format.slots.len().div_ceil(2)).then_some(format)
}

/// Whether a line is a header beyond doubt: most of its words are names of fields, four at least.
#[must_use]
pub fn is_header(line: &[u8]) -> bool {
    header(line).is_some_and(|format| format.slots.len() - format.unknown.len() >= 4)
}

/// Whether a line is a record of the default format.
pub(crate) fn is_default(line: &[u8]) -> bool {
    line.starts_with(b"2 ") && Format::default_v2().fits(line)
}

/// Whether a line may be a record of flow logs in whatever layout: it names an interface or a transit gateway, and what became of its traffic.
#[must_use]
pub fn resembles_record(line: &[u8]) -> bool {
    let mut words = words(line).take(MAX_FIELDS);
    let (mut count, mut of, mut fate) = (0, false, false);
    words.by_ref().for_each(|word| {
        count += 1;
        of |= word.starts_with(b"eni-") || word.starts_with(b"tgw-");
        fate |= matches!(word, b"ACCEPT" | b"REJECT" | b"OK" | b"NODATA" | b"SKIPDATA");
    });
    count >= 4 && of && fate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_read_as_header_and_as_log_format() {
        let header = Format::parse(DEFAULT).expect("a layout");
        let log_format: Vec<String> = DEFAULT.split(' ').map(|name| format!("${{{name}}}")).collect();
        assert_eq!(Format::parse(&log_format.join(" ")).as_ref(), Ok(&header));
        assert_eq!(header.slots[0], Slot::Int(0));
        assert_eq!(header.start, Some(10));
        assert_eq!(Format::parse(&DEFAULT.replace('-', "_")).map(|f| f.slots), Ok(header.slots));
    }

    #[test]
    fn what_nobody_knows_and_what_comes_twice_goes_to_extra() {
        let format = Format::parse("start future-field srcaddr start").expect("a layout");
        assert_eq!(format.unknown().collect::<Vec<_>>(), ["future-field", "start"]);
        assert_eq!(format.start, Some(0));
    }

    #[test]
    fn a_record_is_no_header() {
        assert!(header(b"version vpc-id subnet-id interface-id srcaddr").is_some());
        for record in ["eni-1 vpc-2 subnet-3", "2 123 eni-1 - -", "ACCEPT OK", "warning: no such file"] {
            assert_eq!(header(record.as_bytes()), None, "{record}");
        }
    }

    #[test]
    fn records_are_recognised() {
        assert!(is_default(
            b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
        ));
        assert!(is_default(b"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"));
        assert!(!is_default(b"5 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"));
        assert!(resembles_record(b"5 vpc-1 eni-2 10.0.0.1 443 ACCEPT"));
        assert!(!resembles_record(b"we saw eni-2 and left"));
    }
}
