//! Secrets out of answers (design, promise 7), at the price of one pass over the text where it holds none.
//!
//! A search for the words secrets come with turns nearly every value away. Only what it lets through is parsed, and only
//! what then changes is written anew: everything else stays byte for byte.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use arrow_array::builder::StringViewBuilder;
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_schema::DataType;
use backtrail_model::redact::{may_hold_login, redact_text, redact_unparsed, redact_value};
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};
use serde_json::Value;

use super::Function;
use super::text::{texts, udf};

/// One of these stands in every text that [`redact_value`] or [`redact_text`] would alter (a test holds this to the rules).
/// Case is ignored. An escape may hide a letter, so escapes of ASCII count.
const SUSPICIOUS: &[&str] = &[
    "\\u00",
    "token",
    "secret",
    "pass",
    "pwd",
    "credential",
    "verifier",
    "activation",
    "confirmation",
    "base32",
    "assertion",
    "signature",
    "authorization",
    // What marks a parameter of Systems Manager.
    "\"overwrite\"",
    "\"tier\"",
    "\"datatype\"",
    "\"string\"",
    "\"stringlist\"",
    "\"securestring\"",
    "aqodyxdz",
    "fqodyxdz",
    "fqogzxivyxdz",
    "fwogzxivyxdz",
    "iqojb3jpz2lu",
    "eyj",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
];

/// Words of two parts, which a key may join in any of the ways of [`JOINTS`].
const SUSPICIOUS_PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("app", "key"),
    ("auth", "key"),
    ("deploy", "key"),
    ("device", "code"),
    ("jwt", "key"),
    ("key", "material"),
    ("master", "key"),
    ("mfa", "code"),
    ("nwk", "key"),
    ("plain", "text"),
    ("pre", "shared"),
    ("private", "key"),
    ("qr", "code"),
    ("signing", "key"),
    ("user", "data"),
];

const JOINTS: &[&str] = &["", "_", "-", " ", "."];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let joined = SUSPICIOUS_PAIRS.iter().flat_map(|(first, second)| JOINTS.iter().map(move |joint| format!("{first}{joint}{second}")));
    let words = SUSPICIOUS.iter().map(|word| (*word).to_owned()).chain(joined);
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words).ok()
});

fn is_suspicious(text: &str) -> bool {
    may_hold_login(text) || SEARCH.as_ref().is_none_or(|search| search.is_match(text))
}

/// A JSON text without secrets; the very text where it has none.
fn clean_json(text: &str) -> Cow<'_, str> {
    if !is_suspicious(text) {
        return Cow::Borrowed(text);
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return redact_unparsed(text) };
    let mut clean = value.clone();
    redact_value(&mut clean);
    if clean == value { Cow::Borrowed(text) } else { Cow::Owned(clean.to_string()) }
}

fn clean_text(text: &str) -> Cow<'_, str> {
    if is_suspicious(text) { redact_text(text) } else { Cow::Borrowed(text) }
}

type Clean = fn(&str) -> Cow<'_, str>;

fn redact(value: &ColumnarValue, clean: Clean) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Scalar(scalar) => {
            let text = scalar.try_as_str().flatten().map(|t| clean(t).into_owned());
            Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(text)))
        }
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(redact_array(array, clean)?)),
    }
}

/// Columns without secrets are handed on as they are.
fn redact_array(array: &ArrayRef, clean: Clean) -> Result<ArrayRef> {
    let texts: &StringViewArray = as_string_view_array(array)?;
    let mut altered = Vec::new();
    for row in 0..texts.len() {
        if texts.is_valid(row)
            && let Cow::Owned(text) = clean(texts.value(row))
        {
            altered.push((row, text));
        }
    }
    if altered.is_empty() {
        return Ok(Arc::clone(array));
    }
    let mut builder = StringViewBuilder::with_capacity(texts.len());
    let mut next = altered.into_iter().peekable();
    for row in 0..texts.len() {
        match next.next_if(|(at, _)| *at == row) {
            Some((_, text)) => builder.append_value(text),
            None if texts.is_null(row) => builder.append_null(),
            None => builder.append_value(texts.value(row)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// The function a scan puts over a column that may hold secrets.
pub(crate) fn redaction(is_json: bool) -> Arc<ScalarUDF> {
    static BOTH: LazyLock<(Arc<ScalarUDF>, Arc<ScalarUDF>)> = LazyLock::new(|| {
        let of = |name, clean: Clean| udf(name, texts(1), DataType::Utf8View, move |args| redact(&args[0], clean));
        (of("redact_json", clean_json), of("redact_text", clean_text))
    });
    Arc::clone(if is_json { &BOTH.0 } else { &BOTH.1 })
}

/// The functions of this module.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function {
            udf: redaction(true),
            arguments: &["json"],
            returns: "text",
            doc: "A JSON text with session tokens, passwords and keys replaced by `[redacted]`; unchanged where it has none.",
        },
        Function {
            udf: redaction(false),
            arguments: &["text"],
            returns: "text",
            doc: "A text with what looks like a secret replaced by `[redacted]`.",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use backtrail_model::redact::{is_secret_key, redact_json};

    #[test]
    fn what_the_search_turns_away_holds_no_secret() {
        // Every word a secret key is made of, joined as APIs join words.
        let words = [
            "access",
            "api",
            "auth",
            "authorization",
            "bearer",
            "binary",
            "client",
            "code",
            "data",
            "db",
            "id",
            "identity",
            "key",
            "master",
            "material",
            "mfa",
            "passphrase",
            "passwd",
            "password",
            "plain",
            "plaintext",
            "pre",
            "private",
            "refresh",
            "saml",
            "assertion",
            "secret",
            "security",
            "session",
            "shared",
            "sign",
            "in",
            "signature",
            "string",
            "token",
            "user",
            "value",
            "web",
            "amz",
            "x",
            "deploy",
            "jwt",
            "master",
            "nwk",
            "signing",
            "app",
            "mysql",
        ];
        let mut checked = 0;
        for a in words {
            for b in words {
                for c in ["", "key", "token", "data", "value", "code", "text"] {
                    for joint in JOINTS {
                        let key = [a, b, c].iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join(*joint);
                        for key in [key.clone(), key.to_uppercase()] {
                            if is_secret_key(&key) {
                                checked += 1;
                                let json = format!("{{\"{key}\":\"hunter2\"}}");
                                assert!(is_suspicious(&json), "{json}");
                                assert_eq!(clean_json(&json), redact_json(&json));
                            }
                        }
                    }
                }
            }
        }
        assert!(checked > 500, "only {checked} keys were secret: the words no longer fit the rules");
    }

    #[test]
    fn shapes_and_escapes() {
        let jwt = format!("eyJ{}.{}.{}", "a".repeat(40), "b".repeat(20), "c".repeat(20));
        let session = format!("IQoJb3JpZ2lu{}", "A".repeat(120));
        for text in [
            jwt.as_str(),
            session.as_str(),
            "--password=hunter2",
            "Authorization: Bearer abcdefgh",
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(clean_text(text), redact_text(text));
            assert_ne!(clean_text(text), text);
        }
        assert_eq!(clean_json(r#"{"\u0070assword":"hunter2"}"#), r#"{"password":"[redacted]"}"#);
        for mark in
            [r#""overwrite":true"#, r#""Tier":"Standard""#, r#""dataType":"text""#, r#""type":"String""#, r#""type":"SecureString""#]
        {
            let parameter = format!(r#"{{"name":"/x","value":"hunter2",{mark}}}"#);
            assert_eq!(clean_json(&parameter), redact_json(&parameter));
            assert!(!clean_json(&parameter).contains("hunter2"), "{mark}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_byte_for_byte() {
        for same in [r#"{ "nextToken" : "abc" }"#, r#"{"a":1.0e3}"#, r#"{"clientToken":"x","b": [1, 2]}"#] {
            assert!(matches!(clean_json(same), Cow::Borrowed(_)), "{same}");
        }
    }

    #[test]
    fn only_rows_with_secrets_change() {
        let column: ArrayRef = Arc::new(StringViewArray::from(vec![Some(r#"{"password":"x"}"#), None, Some(r#"{"a":1}"#)]));
        let clean = redact_array(&column, clean_json).unwrap();
        let expected: ArrayRef = Arc::new(StringViewArray::from(vec![Some(r#"{"password":"[redacted]"}"#), None, Some(r#"{"a":1}"#)]));
        assert_eq!(&clean, &expected);
    }
}
