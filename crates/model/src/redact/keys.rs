//! Secrets by the key their value stands under, or by the name beside it.

/// Keys, lower-case without `-` and `_`, whose value is a secret.
const SECRET_KEYS: &[&str] = &[
    "activationcode",
    "apikeyvalue",
    "appkey",
    "authkey",
    "authorization",
    "base32stringseed",
    "basicauthcredential",
    "codeverifier",
    "confirmationcode",
    "devicecode",
    "encryptionpassword",
    "keymaterial",
    "mfacode",
    "nwkkey",
    "pass",
    "plaintext",
    "platformcredential",
    "presharedkey",
    "privatekeybase64",
    "privatekeydata",
    "samlassertion",
    "qrcodepng",
    "secretbinary",
    "secrethash",
    "secretkeybase",
    "secretstring",
    "secrettoauthenticateinitiator",
    "secrettoauthenticatetarget",
    "smsmfacode",
    "softwaretokenmfacode",
    "tokencode",
    "tokenvalue",
    "userdata",
    "xamzsignature",
];

/// Endings of such keys: `masterUserPassword`, `DB_PASSWORD`, `AWS_SECRET_ACCESS_KEY`, `NPM_TOKEN`; in the plural and with a number behind them, too.
const SECRET_ENDINGS: &[&str] = &[
    "apikey",
    "adminpass",
    "dbpass",
    "deploykey",
    "jwtkey",
    "masterkey",
    "masterpass",
    "mongopass",
    "mysqlpass",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "redispass",
    "rootpass",
    "secret",
    "secretaccesskey",
    "secretkey",
    "signingkey",
    "smtppass",
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
    // Whether an instance's metadata service asks for tokens: `required`, `optional`.
    "httptoken",
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
pub(super) const NAMES: &[&str] = &["name", "Name", "key", "Key", "optionName", "parameterKey", "ParameterKey", "headerName"];

/// Whether a thing that says its name has its value under this key: `value`, `parameterValue` of CloudFormation, `headerValue` of CloudFront.
pub(super) fn is_value_key(key: &str) -> bool {
    ["value", "parameterValue", "headerValue"].iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Keys that only `ssm:PutParameter` has beside `name` and `value`, and the types of what it writes. Of a parameter that exists its type need not be given.
const PARAMETER_KEYS: &[&str] = &["overwrite", "tier", "dataType"];
const PARAMETER_TYPES: &[&str] = &["SecureString", "String", "StringList"];

/// Whether this key, with this text, marks a parameter of Systems Manager.
pub(super) fn marks_parameter(key: &str, text: Option<&str>) -> bool {
    let is = |known: &&str| known.eq_ignore_ascii_case(key);
    PARAMETER_KEYS.iter().any(is) || (is(&"type") && text.is_some_and(|text| PARAMETER_TYPES.contains(&text)))
}
