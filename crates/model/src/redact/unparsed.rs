//! Secrets in a text of which no tree can be made: told by its tokens, by the same keys and names.

use std::borrow::Cow;

use super::keys::{NAMES, is_secret_key, is_value_key, marks_parameter};
use super::shapes::redact_text;
use super::{Span, is_shown, without};

/// The deepest nesting [`redact_unparsed`] follows.
const DEEPEST: usize = 4096;

/// Replaces the secrets in a text that is JSON but of which no tree can be made, because it nests too deep, holds half a surrogate
/// pair or a number beyond all bounds, or is broken off: by key and by shape as elsewhere, with all else as it stands.
#[must_use]
pub fn redact_unparsed(text: &str) -> Cow<'_, str> {
    match Tokens::default().secrets(text) {
        spans if spans.is_empty() => redact_text(text),
        spans => Cow::Owned(redact_text(&without(text, spans)).into_owned()),
    }
}

/// A pass over the tokens of a JSON text.
#[derive(Default)]
struct Tokens {
    open: Vec<Bracket>,
    /// All text is secret until no more brackets than these are open.
    hidden: Option<usize>,
    /// The key whose value comes next.
    key: Option<String>,
    secrets: Vec<Span>,
}

/// An open bracket: whether a secret is named in it (`{"name": "DB_PASSWORD", ...}`) or a parameter is, and the texts that are it then.
#[derive(Default)]
struct Bracket {
    names_secret: bool,
    has_name: bool,
    is_parameter: bool,
    values: Vec<Span>,
}

impl Bracket {
    fn holds_secret(&self) -> bool {
        self.names_secret || (self.has_name && self.is_parameter)
    }
}

impl Tokens {
    fn secrets(mut self, text: &str) -> Vec<Span> {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    let end = string_end(bytes, at);
                    let is_key = bytes.get(end + 1..).unwrap_or_default().iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                    self.string(text, (at, end), is_key);
                    at = end + 1;
                }
                // No record is that deep: whatever this is, none of it is shown.
                b'{' | b'[' if self.open.len() >= DEEPEST => {
                    self.secrets.push((at, text.len()));
                    break;
                }
                b'{' | b'[' => {
                    if self.hidden.is_none() && self.key.as_deref().is_some_and(is_secret_key) {
                        self.hidden = Some(self.open.len());
                    }
                    self.open.push(Bracket::default());
                    self.key = None;
                }
                b'}' | b']' => self.close(),
                b',' => self.key = None,
                _ => {}
            }
        }
        while !self.open.is_empty() {
            self.close();
        }
        self.secrets
    }

    fn string(&mut self, text: &str, span: Span, is_key: bool) {
        let inner = &text[span.0..span.1];
        let plain = || serde_json::from_str::<String>(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned());
        if is_key {
            let key = plain();
            if let Some(bracket) = self.open.last_mut() {
                bracket.is_parameter |= marks_parameter(&key, None);
            }
            self.key = Some(key);
            return;
        }
        let key = self.key.take();
        let is_secret = self.hidden.is_some() || key.as_deref().is_some_and(is_secret_key);
        if is_secret && is_shown(inner) {
            self.secrets.push(span);
        } else if let (Some(key), Some(bracket)) = (key, self.open.last_mut()) {
            let is_name = NAMES.contains(&key.as_str());
            bracket.has_name |= is_name;
            bracket.names_secret |= is_name && is_secret_key(&plain());
            bracket.is_parameter |= marks_parameter(&key, Some(&plain()));
            if is_value_key(&key) && is_shown(inner) {
                bracket.values.push(span);
            }
        }
    }

    fn close(&mut self) {
        self.key = None;
        if let Some(bracket) = self.open.pop().filter(Bracket::holds_secret) {
            self.secrets.extend(bracket.values);
        }
        self.hidden = self.hidden.filter(|outside| self.open.len() > *outside);
    }
}

/// Where the string ends that starts here: at its closing quote, or with the text.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
