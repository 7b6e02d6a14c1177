//! Keeps secrets out of answers: session tokens, passwords, private keys (design, promise 7).
//!
//! Two nets. By key: the value of a key that names a secret is replaced, whatever it looks like; so is the `value` of what is named like a secret, and
//! that of a parameter of Systems Manager, whatever its name. By shape: texts that look
//! like a secret (a private key, a JSON Web Token, a signed URL's signature, `password=…` inside a command) are replaced wherever
//! they stand. What is replaced becomes [`REDACTED`]; CloudTrail's own placeholders stay as they are. Key *ids* (`AKIA…`,
//! `ASIA…`) are no secrets: they are how a trail is followed.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde_json::Value;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Keys, lower-case without `-` and `_`, whose value is a secret.
const SECRET_KEYS: &[&str] = &[
    "activationcode",
    "apikeyvalue",
    "authkey",
    "authorization",
    "base32stringseed",
    "basicauthcredential",
    "codeverifier",
    "confirmationcode",
    "devicecode",
    "keymaterial",
    "mfacode",
    "plaintext",
    "platformcredential",
    "presharedkey",
    "privatekey",
    "privatekeybase64",
    "privatekeydata",
    "samlassertion",
    "secretbinary",
    "secrethash",
    "secretkeybase",
    "secretstring",
    "tokencode",
    "tokenvalue",
    "userdata",
    "xamzsignature",
];

/// Endings of such keys: `masterUserPassword`, `DB_PASSWORD`, `AWS_SECRET_ACCESS_KEY`, `NPM_TOKEN`; in the plural and with a number behind them, too.
const SECRET_ENDINGS: &[&str] = &[
    "apikey",
    "dbpass",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretaccesskey",
    "secretkey",
    "token",
    "userpass",
];

/// Endings of keys whose token opens nothing: it says where a list goes on, which attempt or version of something is meant, or that a request is the same.
const PLAIN_TOKENS: &[&str] = &[
    "backwardtoken",
    "changetoken",
    "clienttoken",
    "continuationtoken",
    "creationtoken",
    "forwardtoken",
    "idempotencytoken",
    "locktoken",
    "nexttoken",
    "pagetoken",
    "paginationtoken",
    "previoustoken",
    "requesttoken",
    "resumetoken",
    "revisiontoken",
    "sequencetoken",
    "startingtoken",
    "starttoken",
    "updatetoken",
];

/// What CloudTrail itself writes in place of a secret.
const PLACEHOLDERS: &[&str] = &["", "HIDDEN_DUE_TO_SECURITY_REASONS", "<sensitiveDataRemoved>", "REDACTED", REDACTED];

/// Whether the value under this key is a secret.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    let ends = |plain: &str, endings: &[&str]| endings.iter().any(|end| plain.ends_with(end));
    let is_secret = |plain: &str| {
        let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit());
        let one = stem.strip_suffix('s').unwrap_or(stem);
        SECRET_KEYS.contains(&plain)
            || SECRET_KEYS.contains(&one)
            || [stem, one].iter().any(|name| ends(name, SECRET_ENDINGS) && !ends(name, PLAIN_TOKENS))
    };
    let is_joint = |c: char| matches!(c, '-' | '_' | ' ' | '.');
    // Nearly every key is short and ASCII: no allocation for those.
    let mut buffer = [0_u8; 64];
    if key.len() <= buffer.len() && key.is_ascii() {
        let mut length = 0;
        for byte in key.bytes().filter(|b| !is_joint(char::from(*b))) {
            buffer[length] = byte.to_ascii_lowercase();
            length += 1;
        }
        return std::str::from_utf8(&buffer[..length]).is_ok_and(is_secret);
    }
    is_secret(&key.chars().filter(|c| !is_joint(*c)).flat_map(char::to_lowercase).collect::<String>())
}

/// Keys under which a thing says its name, beside the `value` it has.
const NAMES: &[&str] = &["name", "Name", "key", "Key", "optionName", "parameterKey", "ParameterKey", "headerName"];

/// Whether a thing that says its name has its value under this key: `value`, `parameterValue` of CloudFormation, `headerValue` of CloudFront.
fn is_value_key(key: &str) -> bool {
    ["value", "parameterValue", "headerValue"].iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Keys that only `ssm:PutParameter` has beside `name` and `value`, and the types of what it writes. Of a parameter that exists its type need not be given.
const PARAMETER_KEYS: &[&str] = &["overwrite", "tier", "dataType"];
const PARAMETER_TYPES: &[&str] = &["SecureString", "String", "StringList"];

/// Whether this key, with this text, marks a parameter of Systems Manager.
fn marks_parameter(key: &str, text: Option<&str>) -> bool {
    let is = |known: &&str| known.eq_ignore_ascii_case(key);
    PARAMETER_KEYS.iter().any(is) || (is(&"type") && text.is_some_and(|text| PARAMETER_TYPES.contains(&text)))
}

/// Whether a secret is in plain sight, not replaced by a placeholder.
fn is_shown(secret: &str) -> bool {
    !PLACEHOLDERS.contains(&secret) && !secret.bytes().all(|b| b == b'*')
}

/// Replaces the secrets in a JSON value.
pub fn redact_value(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // `{"name": "DB_PASSWORD", "value": "…"}`, as container definitions and tags write it.
            let name = NAMES.iter().find_map(|k| object.get(*k)?.as_str());
            let is_parameter = name.is_some() && object.iter().any(|(key, inner)| marks_parameter(key, inner.as_str()));
            let named = is_parameter || name.is_some_and(is_secret_key);
            for (key, inner) in object.iter_mut() {
                if is_secret_key(key) || (named && is_value_key(key)) {
                    hide(inner);
                } else {
                    redact_value(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_value),
        Value::String(text) => {
            if let Cow::Owned(clean) = redact_text(text) {
                *text = clean;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Everything textual below a secret key is secret; flags and numbers (`passwordResetRequired`) are not.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => {
            if is_shown(text) {
                REDACTED.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(object) => object.values_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces the secrets in a text that holds JSON; one that does not is treated as plain text.
#[must_use]
pub fn redact_json(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            redact_value(&mut value);
            value.to_string()
        }
        Err(_) => redact_unparsed(text).into_owned(),
    }
}

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

/// The text with these places replaced.
fn without(text: &str, mut spans: Vec<Span>) -> String {
    spans.sort_unstable();
    let (mut clean, mut at) = (String::with_capacity(text.len()), 0);
    for (start, end) in spans {
        if start >= at {
            clean.push_str(&text[at..start]);
            clean.push_str(REDACTED);
        }
        at = at.max(end);
    }
    clean.push_str(&text[at..]);
    clean
}

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
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(STARTS.iter().map(|(start, _)| start)).ok());
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

type Span = (usize, usize);

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redacted(json: &str) -> String {
        redact_json(json)
    }

    #[test]
    fn secrets_by_key() {
        let record = r#"{"responseElements":{"credentials":{"accessKeyId":"ASIAX","sessionToken":"FwoG","expiration":"x"}}}"#;
        assert_eq!(
            redacted(record),
            r#"{"responseElements":{"credentials":{"accessKeyId":"ASIAX","sessionToken":"[redacted]","expiration":"x"}}}"#
        );
        assert_eq!(
            redacted(r#"{"masterUserPassword":"hunter2","passwordResetRequired":true}"#),
            r#"{"masterUserPassword":"[redacted]","passwordResetRequired":true}"#
        );
        assert_eq!(redacted(r#"{"Client-Secret":["a","b"]}"#), r#"{"Client-Secret":["[redacted]","[redacted]"]}"#);
        assert_eq!(
            redacted(r#"[{"name":"DB_PASSWORD","value":"x"},{"name":"HOST","value":"y"}]"#),
            r#"[{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"HOST","value":"y"}]"#
        );
    }

    #[test]
    fn passwords_in_urls() {
        for (text, clean) in [
            ("postgres://app:hunter2@db.internal:5432/app", "postgres://app:[redacted]@db.internal:5432/app"),
            ("clone https://bob:hunter2@git.example.org/x.git now", "clone https://bob:[redacted]@git.example.org/x.git now"),
            ("redis://:hunter2@cache", "redis://:[redacted]@cache"),
        ] {
            assert_eq!(redact_text(text), clean);
            assert_eq!(redact_text(clean), clean, "once is enough");
        }
        for same in
            ["https://example.org:8443/a?b=c@d", "ssh://git@host/x", "https://$USER:$PASSWORD@host", "mail bob@example.org, see https://x"]
        {
            assert_eq!(redact_text(same), same);
        }
    }

    #[test]
    fn secrets_as_programs_and_services_name_them() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "GITHUB_TOKEN",
            "DB_PASS",
            "MYSQL_PWD",
            "SECRET_KEY_BASE",
            "PASSWORD1",
            "passwords",
        ] {
            assert!(is_secret_key(name), "{name}");
            let pair = format!(r#"{{"name":"{name}","value":"hunter2"}}"#);
            assert!(!redacted(&pair).contains("hunter2"), "{pair}");
        }
        for name in ["basicAuthCredentials", "codeVerifier", "secretHash", "taskToken"] {
            assert!(is_secret_key(name), "{name}");
        }
        for pair in [
            r#"{"namespace":"env","optionName":"DB_PASSWORD","value":"hunter2"}"#,
            r#"{"parameterKey":"DbPassword","parameterValue":"hunter2"}"#,
            r#"{"headerName":"X-Auth-Token","headerValue":"hunter2"}"#,
        ] {
            for text in [pair.to_owned(), format!("[{pair},1e400]")] {
                assert!(!redacted(&text).contains("hunter2"), "{text}");
            }
        }
        // What a trail is followed by stays.
        for name in [
            "nextToken",
            "clientRequestToken",
            "idempotencyToken",
            "NextForwardToken",
            "sequenceToken",
            "accessKeyId",
            "bypass",
            "passwordResetRequired",
        ] {
            assert!(!is_secret_key(name), "{name}");
        }
    }

    #[test]
    fn what_starts_machines_and_what_parameters_hold() {
        for (record, clean) in [
            (r#"{"userData":"IyEv","imageId":"ami-1"}"#, r#"{"userData":"[redacted]","imageId":"ami-1"}"#),
            (r#"{"instanceId":"i-1","userData":{"value":"IyEv"}}"#, r#"{"instanceId":"i-1","userData":{"value":"[redacted]"}}"#),
            (r#"{"LaunchTemplateData":{"UserData":"IyEv"}}"#, r#"{"LaunchTemplateData":{"UserData":"[redacted]"}}"#),
            (r#"{"name":"/x","type":"SecureString","value":"s"}"#, r#"{"name":"/x","type":"SecureString","value":"[redacted]"}"#),
            (r#"{"value":"s","overwrite":true,"name":"/x"}"#, r#"{"value":"[redacted]","overwrite":true,"name":"/x"}"#),
        ] {
            assert_eq!(redacted(record), clean);
            // The same of what no tree can be made of.
            let ending = ",\"n\":1e400}";
            let unparsed = |json: &str| format!("{}{ending}", &json[..json.len() - 1]);
            assert_eq!(redacted(&unparsed(record)), unparsed(clean));
        }
        for same in [
            r#"{"userData":"<sensitiveDataRemoved>"}"#,
            r#"{"name":"/x","type":"SecureString","value":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
            r#"{"name":"HOST","type":"PLAINTEXT","value":"y"}"#,
            r#"{"type":"String","value":"y"}"#,
        ] {
            assert_eq!(redacted(same), same);
        }
    }

    #[test]
    fn json_no_tree_can_be_made_of_keeps_no_secret() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(500), "]".repeat(500));
        for inner in [
            r#"{"secretString":"hunter2"}"#,
            r#"{"\u0073ecretString" : "hunter2"}"#,
            r#"{"token":{"a":["hunter2",{"b":"hunter2"}]},"c":"d"}"#,
            r#"{"name":"DB_PASSWORD","value":"hunter2"}"#,
            r#"{"Value":"hunter2","Key":"DB_PASSWORD"}"#,
            r#"{"plaintext":"hunter2 \" hunter2"}"#,
        ] {
            for text in [deep(inner), format!(r#"[{inner},"\ud800"]"#), format!("[{inner},1e400]"), format!("[{inner}")] {
                assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
                let clean = redacted(&text);
                assert!(!clean.contains("hunter2") && clean.contains(REDACTED), "{clean}");
                assert_eq!(redacted(&clean), clean, "once is enough");
            }
        }
        let broken_off = r#"{"secretString":"hunter2"#;
        assert_eq!(redacted(broken_off), r#"{"secretString":"[redacted]"#);
        for same in [r#"{"nextToken":"abc","a":"\ud800","passwordResetRequired":true}"#, r#"{"secret":"","password":"****","n":1e400}"#] {
            assert_eq!(redacted(same), same);
        }
        // What follows a secret is not one.
        let text = r#"[{"token":["x"]},{"after":"y","n":1e400}]"#;
        assert_eq!(redacted(text), r#"[{"token":["[redacted]"]},{"after":"y","n":1e400}]"#);
        assert!(!redacted(&"[".repeat(5000)).contains(&"[".repeat(4200)), "beyond all records, nothing is shown");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for same in [
            r#"{"nextToken":"abc","clientToken":"def","secretId":"prod/db","accessKeyId":"AKIAX"}"#,
            r#"{"password":"HIDDEN_DUE_TO_SECURITY_REASONS","masterUserPassword":"****"}"#,
            r#"{"policyName":"password-policy","text":"the password of the day"}"#,
        ] {
            assert_eq!(redacted(same), same);
        }
    }

    #[test]
    fn secrets_by_shape() {
        assert_eq!(redact_text("mysql -u root --password=hunter2 db"), "mysql -u root --password=[redacted] db");
        assert_eq!(redact_text("export AWS_SECRET_ACCESS_KEY=abc/def;ls"), "export AWS_SECRET_ACCESS_KEY=[redacted];ls");
        assert_eq!(redact_text("curl -H 'Authorization: Bearer abc.def'"), "curl -H 'Authorization: Bearer [redacted]'");
        assert_eq!(
            redact_text("https://b/k?X-Amz-Security-Token=abc&X-Amz-Date=1"),
            "https://b/k?X-Amz-Security-Token=[redacted]&X-Amz-Date=1"
        );
        let key = "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b";
        assert_eq!(redact_text(key), "a [redacted] b");
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
        assert_eq!(redact_text(public), public);
        for start in ["AQoDYXdz", "FQoDYXdz", "FQoGZXIvYXdz", "FwoGZXIvYXdz", "IQoJb3JpZ2lu"] {
            let token = format!("{start}{}", "A".repeat(200));
            assert_eq!(redact_text(&token), REDACTED);
            assert_eq!(redact_name(&format!("arn:aws:s3:::b/{token}")), "arn:aws:s3:::b/[redacted]");
        }
        let named = "arn:aws:lambda:eu-west-1:1:function:reset-password:3";
        assert_eq!(redact_name(named), named);
        assert_eq!(redact_text(r#"{"password":"hunter2"#), r#"{"password":"[redacted]"#);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_once_is_enough(text in "\\PC{0,80}|(password[=: ]{0,2}|-----BEGIN |eyJ|[a-z \"'é]){0,20}") {
            let once = redact_text(&text).into_owned();
            prop_assert_eq!(redact_text(&once).into_owned(), once.clone());
            let _ = redact_json(&text);
            let once = redact_unparsed(&text).into_owned();
            prop_assert_eq!(redact_unparsed(&once).into_owned(), once.clone());
        }

        #[test]
        fn no_password_survives(secret in "[A-Za-z0-9/+]{12,40}", key in "(DB_)?(PASSWORD|password|Password)|secretAccessKey|session_token|ClientSecret") {
            let json = serde_json::json!({"a": [{ key.clone(): secret.clone() }]}).to_string();
            prop_assert!(!redact_json(&json).contains(&secret));
            prop_assert!(!redact_unparsed(&json).contains(&secret));
            prop_assert!(!redact_json(&json[..json.len() - 1]).contains(&secret));
        }
    }
}
