//! Keeps secrets out of answers: session tokens, passwords, private keys (design, promise 7).
//!
//! Two nets. By key: the value of a key that names a secret is replaced, whatever it looks like; so is the `value` of what is named like a secret, and
//! that of a parameter of Systems Manager, whatever its name. By shape: texts that look
//! like a secret (a private key, a JSON Web Token, a signed URL's signature, `password=…` inside a command) are replaced wherever
//! they stand. What is replaced becomes [`REDACTED`]; CloudTrail's own placeholders stay as they are. Key *ids* (`AKIA…`,
//! `ASIA…`) are no secrets: they are how a trail is followed.

mod keys;
mod shapes;
mod unparsed;

use std::borrow::Cow;

use serde_json::Value;

use keys::{NAMES, is_value_key, marks_parameter};

pub use keys::is_secret_key;
pub use shapes::{may_hold_login, redact_name, redact_text};
pub use unparsed::redact_unparsed;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// What CloudTrail itself writes in place of a secret.
const PLACEHOLDERS: &[&str] =
    &["", "HIDDEN_DUE_TO_SECURITY_REASONS", "Value hidden due to security reasons.", "<sensitiveDataRemoved>", "REDACTED", REDACTED];

/// What became of a call, as `{"GetSigninToken":"Success"}` says it under the call's name.
const OUTCOMES: &[&str] = &["Success", "Failure"];

/// Bytes written as numbers: so many are a key or a token, and no settings.
const LEAST_BYTES: usize = 8;

/// A place in a text: where it starts, and where it ends.
type Span = (usize, usize);

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

/// Everything textual below a secret key is secret, and bytes written as numbers; flags and numbers (`passwordResetRequired`) are not, nor is what only
/// names a secret that is kept elsewhere (`secrets: [{"name": …, "valueFrom": "arn:…"}]`).
fn hide(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("arn:") => redact_value(value),
        Value::String(text) => {
            if is_shown(text) && !OUTCOMES.contains(&text.as_str()) {
                REDACTED.clone_into(text);
            }
        }
        Value::Array(items) if items.len() >= LEAST_BYTES && items.iter().all(Value::is_number) => *value = REDACTED.into(),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(object) => {
            for (key, inner) in object.iter_mut() {
                let names_it = NAMES.contains(&key.as_str()) || ["Arn", "Id", "Status"].iter().any(|end| key.ends_with(end));
                if names_it && !is_secret_key(key) { redact_value(inner) } else { hide(inner) }
            }
        }
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
    fn what_only_names_a_secret_or_an_outcome_is_shown_and_bytes_are_not() {
        for shown in [
            r#"{"secrets":[{"name":"DB_PASSWORD","valueFrom":"arn:aws:ssm:eu-west-1:1:parameter/db"}]}"#,
            r#"{"masterUserSecret":{"secretArn":"arn:aws:secretsmanager:r:1:secret:x-AbCdEf","secretStatus":"active","kmsKeyId":"k"}}"#,
            r#"{"GetSigninToken":"Success"}"#,
            r#"{"HttpTokens":"optional","metadataOptions":{"httpTokens":"required"}}"#,
            r#"{"sessionToken":"Value hidden due to security reasons."}"#,
        ] {
            assert_eq!(redacted(shown), shown);
        }
        let key = r#"{"privateKey":{"hb":[45,45,45,45,45,66,69,71],"offset":0}}"#;
        assert_eq!(redacted(key), r#"{"privateKey":{"hb":"[redacted]","offset":0}}"#);
        let hidden = r#"{"secret":{"value":"hunter2","name":"db"},"SMTP_PASS":"x","RAILS_MASTER_KEY":"y","pass":"z"}"#;
        assert_eq!(
            redacted(hidden),
            r#"{"secret":{"value":"[redacted]","name":"db"},"SMTP_PASS":"[redacted]","RAILS_MASTER_KEY":"[redacted]","pass":"[redacted]"}"#
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
