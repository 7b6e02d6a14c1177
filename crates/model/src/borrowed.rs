//! JSON whose texts stay where they are: for a look at a few members of a field, of which no copy is needed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Borrowed<'a> {
    Text(Cow<'a, str>),
    Object(Vec<(Key<'a>, Borrowed<'a>)>),
    Array(Vec<Borrowed<'a>>),
    /// A number, a truth value, null; and what is no JSON.
    #[default]
    Other,
}

/// A member's name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Borrowed<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// A member of an object; of several of one name the last.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(key, _)| key.0 == name).map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Borrowed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Borrowed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Borrowed::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Borrowed::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Borrowed::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Borrowed::Array(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Borrowed::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Borrowed::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Borrowed::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Borrowed::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Borrowed::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_where_they_are_unless_they_are_escaped() {
        let text = r#"{"a":[1,null,"x",{"b":"y\n"}],"c":"first","c":"last","d\u0065":-1.5e3,"f":true}"#;
        let value = Borrowed::of(text);
        let items = value.get("a").and_then(Borrowed::as_array).unwrap();
        assert!(matches!(items, [Borrowed::Other, Borrowed::Other, Borrowed::Text(Cow::Borrowed("x")), Borrowed::Object(_)]));
        assert_eq!(items[3].get("b").and_then(Borrowed::as_str), Some("y\n"));
        assert_eq!(value.get("c").and_then(Borrowed::as_str), Some("last"));
        assert_eq!(value.get("de"), Some(&Borrowed::Other));
        assert_eq!((value.get("g"), value.as_str()), (None, None));
        assert_eq!(Borrowed::of("{\"a\":"), Borrowed::Other);
    }
}
