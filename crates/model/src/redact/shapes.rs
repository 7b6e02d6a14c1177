//! Secrets by what they look like, or by the word before them, wherever they stand.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{Span, is_shown, without};

/// Words that a secret follows, lower-case: `password=…`, `--password …`, `"password": "…"` inside text.
const LEADS: &[&str] = &[
    "x-amz-security-token=",
    "x-amz-signature=",
    "x-amz-credential-secret=",
    "aws_secret_access_key",
    "aws_session_token",
    "awssecretaccesskey",
    "secretaccesskey",
    "sessiontoken",
    "client_secret",
    "clientsecret",
    "authorization: bearer",
    "authorization: basic",
    "authorization:bearer",
    "password",
    "passwd",
    "passphrase",
    "&signature=",
    "?signature=",
    "access_token",
    "api_key",
    "apikey",
    "authtoken",
    "plaintext=",
    "privatekey=",
    "secretbinary",
    "secretstring",
    // Of URLs, and of what Presto writes that is no JSON.
    "?token=",
    "&token=",
    "{token=",
    " token=",
];

/// Replaces what looks like a secret in a text, without allocating where nothing does.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let has_login = may_hold_login(text);
    if !has_login && !may_hold_secret(text) {
        return Cow::Borrowed(text);
    }
    let mut spans = private_keys(text);
    spans.extend(has_login.then(|| logins(text)).into_iter().flatten());
    spans.extend(tokens(text));
    spans.extend(led(text));
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without(text, spans))
}

/// Replaces tokens in a name, where no word before them tells what they are: names of things hold such words themselves.
#[must_use]
pub fn redact_name(name: &str) -> Cow<'_, str> {
    // Every name of every record is looked at.
    static SEARCH: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(STARTS.iter().map(|(start, _)| start)).ok());
    if SEARCH.as_ref().is_some_and(|search| !search.is_match(name)) {
        return Cow::Borrowed(name);
    }
    match tokens(name) {
        spans if spans.is_empty() => Cow::Borrowed(name),
        spans => Cow::Owned(without(name, spans)),
    }
}

/// Whether any word stands in a text without which [`redact_text`] leaves it as it is: one pass for all of them.
fn may_hold_secret(text: &str) -> bool {
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let words = LEADS.iter().copied().chain(STARTS.iter().map(|(start, _)| *start)).chain([BEGIN]);
        AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words).ok()
    });
    SEARCH.as_ref().is_none_or(|search| search.is_match(text))
}

/// How a key in PEM form begins.
const BEGIN: &str = "-----BEGIN ";

/// How tokens begin, and how long their run without a break is at least.
const STARTS: &[(&str, usize)] = &[
    // Session tokens of AWS STS, the older forms first.
    ("AQoDYXdz", 80),
    ("FQoDYXdz", 80),
    ("FQoGZXIvYXdz", 80),
    ("FwoGZXIvYXdz", 80),
    ("IQoJb3JpZ2lu", 80),
    ("eyJ", 40),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 20),
];

fn private_keys(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(BEGIN).map(|s| s + from) {
        let body = &text[start..];
        let is_private = body.get(..64.min(body.len())).or_else(|| body.get(..40)).is_some_and(|head| head.contains("PRIVATE KEY"));
        let end = body.find("-----END ").and_then(|e| body[e + 9..].find("-----").map(|f| start + e + 9 + f + 5)).unwrap_or(text.len());
        if is_private {
            spans.push((start, end));
        }
        from = end.max(start + 11);
    }
    spans
}

/// What stands between the scheme of a URL and its host.
const AUTHORITY: &str = "://";

/// Whether a URL in a text may name who logs in, and with what (RFC 3986, 3.2.1).
#[must_use]
pub fn may_hold_login(text: &str) -> bool {
    text.split_once(AUTHORITY).is_some_and(|(_, rest)| rest.contains('@'))
}

/// Passwords in URLs: `postgres://user:password@host`.
fn logins(text: &str) -> Vec<Span> {
    let password = |(at, _): (usize, &str)| {
        let start = at + AUTHORITY.len();
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>\\,;".contains(c)).unwrap_or(rest.len());
        let (login, _) = rest[..end].rsplit_once('@')?;
        let (name, password) = login.split_once(':')?;
        (is_shown(password) && !password.starts_with('$')).then(|| (start + name.len() + 1, start + login.len()))
    };
    text.match_indices(AUTHORITY).filter_map(password).collect()
}

/// Long runs without a break that begin the way tokens do: session tokens, JSON Web Tokens, code host and chat tokens.
fn tokens(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (start, length) in STARTS {
        for (at, _) in text.match_indices(start) {
            let run = text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-.%".contains(c))).unwrap_or(text.len() - at);
            // A JSON Web Token has dots; other base64 of JSON (`eyJ`) may be an identifier.
            if run >= *length && (*start != "eyJ" || text[at..at + run].matches('.').count() >= 2) {
                spans.push((at, at + run));
            }
        }
    }
    spans
}

/// Values behind a word that announces a secret.
fn led(text: &str) -> Vec<Span> {
    let lower = text.to_ascii_lowercase();
    let mut spans = Vec::new();
    for lead in LEADS {
        for (at, _) in lower.match_indices(lead) {
            let mut start = at + lead.len();
            if !lead.ends_with('=') {
                let Some(skip) = announced(&lower[start..], lead) else { continue };
                start += skip;
            }
            let rest = &text[start..];
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | ',' | '<' | '}' | '\\'))
                .unwrap_or(rest.len());
            let value = &rest[..end];
            if is_shown(value) && !value.starts_with('$') {
                spans.push((start, start + end));
            }
        }
    }
    spans
}

/// How far behind its word a value begins: past `=`, `:`, quotes, or the blank behind an option; `None` where no value follows.
fn announced(rest: &str, lead: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    let mut is_announced = lead.starts_with("authorization");
    while let Some(b) = bytes.get(at) {
        match b {
            b'=' | b':' => is_announced = true,
            b'"' | b'\'' | b'\\' | b' ' => {}
            _ => break,
        }
        at += 1;
        if at > 6 {
            break;
        }
    }
    (is_announced && at > 0).then_some(at)
}
