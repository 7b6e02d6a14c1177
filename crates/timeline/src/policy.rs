//! Policies of resources as calls put them: whom each statement is for, and what it lets or forbids (IAM user guide, "IAM JSON policy
//! elements reference"). What a condition narrows is for the reader to judge: it is said that there is one.

use serde_json::Value;

/// A policy in the parameters of a call, as JSON or as a text that holds it.
#[derive(Debug)]
pub(crate) struct Policy(Value);

impl Policy {
    /// The policy that a call on a bucket, a key, a queue or a secret puts; `None` where the parameters have none that can be read.
    pub(crate) fn put_by(request: &Value) -> Option<Self> {
        match ["bucketPolicy", "policy"].iter().find_map(|key| request.get(*key))? {
            Value::String(text) => serde_json::from_str(text).ok().map(Self),
            policy => Some(Self(policy.clone())),
        }
    }

    pub(crate) fn statements(&self) -> impl Iterator<Item = Statement<'_>> {
        one_or_many(self.0.get("Statement")).map(Statement)
    }
}

/// One statement of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'a>(&'a Value);

impl<'a> Statement<'a> {
    pub(crate) fn allows(self) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some("Allow")
    }

    pub(crate) fn denies(self) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some("Deny")
    }

    pub(crate) fn has_condition(self) -> bool {
        self.0.get("Condition").is_some_and(|c| c.as_object().is_none_or(|c| !c.is_empty()))
    }

    /// Whether it is for everybody: `"*"`, or any AWS principal.
    pub(crate) fn is_for_everyone(self) -> bool {
        match self.0.get("Principal") {
            Some(Value::Object(kinds)) => one_or_many(kinds.get("AWS")).any(|p| p == "*"),
            Some(principal) => principal == "*",
            None => false,
        }
    }

    /// Whether it is for a service, by name or as one of all; a statement for all but some is for every service it does not name.
    pub(crate) fn is_for_service(self, service: &str) -> bool {
        let named = |key: &'static str| {
            let kinds = self.0.get(key);
            let services = kinds.and_then(Value::as_object).and_then(|kinds| kinds.get("Service"));
            one_or_many(services).any(move |s| s == service || s == "*")
        };
        self.is_for_everyone() || named("Principal") || (self.0.get("NotPrincipal").is_some() && !named("NotPrincipal"))
    }

    /// Whether an action is among its own: patterns with `*` and `?`, whatever their case.
    pub(crate) fn is_about(self, action: &str) -> bool {
        let fits = |key: &str| one_or_many(self.0.get(key)).filter_map(Value::as_str).any(|pattern| is_like(action, pattern));
        if self.0.get("NotAction").is_some() { !fits("NotAction") } else { fits("Action") }
    }
}

/// Elements of a policy are lists, or one thing without a list.
fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        Some(Value::Array(items)) => items.iter(),
        Some(value) => std::slice::from_ref(value).iter(),
        None => [].iter(),
    }
}

/// Whether a text fits a pattern in which `*` is anything and `?` any one character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_ascii_lowercase(), pattern.to_ascii_lowercase());
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0, 0);
    // Behind the last star: where the pattern goes on, and how much of the text the star has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p + 1, t));
                p += 1;
            }
            (Some(c), _) if *c == b'?' || *c == text[t] => (t, p) = (t + 1, p + 1),
            (_, Some((behind, taken))) => {
                star = Some((behind, taken + 1));
                (t, p) = (taken + 1, behind);
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn first(statement: Value) -> [bool; 4] {
        let policy = Policy(json!({"Statement": statement}));
        let s = policy.statements().next().unwrap();
        [s.is_for_everyone(), s.is_for_service("cloudtrail.amazonaws.com"), s.is_about("s3:PutObject"), s.has_condition()]
    }

    #[test]
    fn whom_and_what_a_statement_is_about() {
        for (statement, expected) in [
            (json!({"Principal": "*", "Action": "s3:*"}), [true, true, true, false]),
            (json!([{"Principal": {"AWS": "*"}, "Action": ["s3:GetObject", "s3:put*"]}]), [true, true, true, false]),
            (json!({"Principal": {"AWS": ["arn:aws:iam::1:root"]}, "Action": "s3:PutObject"}), [false, false, true, false]),
            (json!({"Principal": {"Service": ["cloudtrail.amazonaws.com"]}, "Action": "s3:Get?bject"}), [false, true, false, false]),
            (json!({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "NotAction": "s3:Get*"}), [false, true, true, false]),
            (json!({"NotPrincipal": {"Service": "cloudtrail.amazonaws.com"}, "NotAction": "s3:*"}), [false, false, false, false]),
            (json!({"Principal": "*", "Condition": {"Bool": {}}}), [true, true, false, true]),
        ] {
            assert_eq!(first(statement.clone()), expected, "{statement}");
        }
    }

    #[test]
    fn a_policy_is_json_or_a_text_of_it() {
        for request in [json!({"bucketPolicy": {"Statement": {}}}), json!({"policy": "{\"Statement\":[{}]}"})] {
            assert_eq!(Policy::put_by(&request).unwrap().statements().count(), 1);
        }
        assert!(Policy::put_by(&json!({"policy": "not JSON"})).is_none());
        assert!(Policy::put_by(&json!({})).is_none());
    }

    #[test]
    fn patterns() {
        for (pattern, fits) in [("*", true), ("s3:*", true), ("S3:PUT*", true), ("s3:*ject", true), ("s3:*x", false), ("s3:Put", false)] {
            assert_eq!(is_like("s3:PutObject", pattern), fits, "{pattern}");
        }
        assert!(is_like("", "**") && !is_like("", "?") && is_like("aXbXc", "a*b*c"));
    }
}
