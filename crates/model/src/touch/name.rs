//! What people type to name a resource, and the name ARNs are looked up by.

use crate::arn::{Arn, ec2_type_of_id};

/// The name an ARN is looked up by: what follows the type, as in `i-0abc`, `bucket/key`, `/aws/lambda/f`; of IAM's the last segment of
/// the path, for most calls name users and roles without it.
#[must_use]
pub fn lookup_name<'a>(arn: &Arn<'a>) -> &'a str {
    match arn.service() {
        "iam" => arn.name(),
        "logs" => Arn::parse(arn.canonical()).map_or(arn.resource_id(), |canonical| canonical.resource_id()),
        _ => arn.resource_id(),
    }
}

/// Characters that Secrets Manager adds to a secret's name in its ARN, behind a hyphen.
const SECRET_SUFFIX: usize = 6;

/// What `--arn` asks for: an ARN, a bare id or name, or the beginning of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    text: String,
    is_start: bool,
}

/// The names to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// One of these.
    Equal(Vec<String>),
    /// All that begin so.
    Starting(String),
    /// One of these, or any that goes on from this beginning: a secret by its name, to which its ARN adds six characters that calls may leave out.
    EqualOrStarting(Vec<String>, String),
    /// The name is not what was given: any.
    Any,
}

impl Wanted {
    /// Reads what was typed.
    #[must_use]
    pub fn read(typed: &str) -> Self {
        // `log-group:name:*` is how a whole log group is written.
        let whole = Arn::parse(typed).map_or(typed, |arn| arn.canonical());
        // An id of EC2 says itself what it is.
        let whole = whole.rsplit_once('/').filter(|(kind, id)| ec2_type_of_id(id) == Some(*kind)).map_or(whole, |(_, id)| id);
        let (text, is_start) = whole.strip_suffix('*').map_or((whole, false), |start| (start, true));
        let text = text.to_owned();
        Self { text, is_start }
    }

    /// What was typed, without the trailing `*`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the beginning is all that was given.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.is_start
    }

    /// Whether what it names is recognised wherever it stands in a record: an ARN, or an id of EC2. Other names are words like any other, and so is
    /// what only looks like an ARN (`arn:aws:iam::XXXXXXXXXXXX:role/x` of published records), or begins one so short that it may go on like that.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        if self.text.starts_with("arn:") {
            let whole = if self.is_start { format!("{}x", self.text) } else { self.text.clone() };
            return Arn::parse(&whole).is_some();
        }
        match self.text.rsplit_once('-') {
            // The beginning of an id, long enough to be one.
            Some((kind, digits)) if self.is_start => {
                digits.len() <= 17 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) && {
                    let filled = format!("{kind}-{digits:0<8}");
                    ec2_type_of_id(&filled).is_some()
                }
            }
            _ => ec2_type_of_id(&self.text).is_some(),
        }
    }

    /// Whether it can be who called: identities are ARNs of IAM and STS.
    #[must_use]
    pub fn may_be_identity(&self) -> bool {
        match self.text.strip_prefix("arn:").and_then(|rest| rest.split_once(':')) {
            Some((_, rest)) => ["iam", "sts"].iter().any(|s| rest.starts_with(s) || (self.is_start && s.starts_with(rest))),
            None => self.text.starts_with("arn:") || !self.is_telling(),
        }
    }

    /// The names under which such ARNs are found.
    #[must_use]
    pub fn names(&self) -> Names {
        match (Arn::parse(&self.text), self.is_start) {
            (Some(arn), false) => {
                let name = lookup_name(&arn);
                let mut names = vec![name.to_owned()];
                match arn.service() {
                    "secretsmanager" => {
                        names.extend(secret_without_suffix(&arn).map(str::to_owned));
                        Names::EqualOrStarting(names, format!("{name}-"))
                    }
                    // Calls name a stack without the id behind its name, and a policy without the organization before it.
                    "cloudformation" => match name.split_once('/') {
                        Some((stack, _)) => Names::Equal(vec![name.to_owned(), stack.to_owned()]),
                        None => Names::EqualOrStarting(names, format!("{name}/")),
                    },
                    "organizations" => {
                        names.extend(Some(arn.name()).filter(|last| *last != name).map(str::to_owned));
                        Names::Equal(names)
                    }
                    _ => Names::Equal(names),
                }
            }
            // With IAM's paths the beginning of an ARN is not the beginning of a name; without a slash or colon behind the type it is not known where the name begins.
            (Some(arn), true) if arn.service() != "iam" && (arn.resource_type().is_some() || arn.service() == "s3") => {
                Names::Starting(lookup_name(&arn).to_owned())
            }
            (Some(_), true) => Names::Any,
            (None, _) if self.text.starts_with("arn:") => Names::Any,
            (None, false) => Names::Equal(self.names_behind_a_type()),
            (None, true) => Names::Starting(self.text.clone()),
        }
    }

    /// What was typed, and what stands behind a type in it: `role/ops/Admin` is found by `Admin`, `security-group/sg-0683fcf7` by the id.
    fn names_behind_a_type(&self) -> Vec<String> {
        let text = self.text.as_str();
        let mut names = vec![text.to_owned()];
        for rest in [text.split_once(['/', ':']).map(|(_, rest)| rest), text.rsplit('/').next()].into_iter().flatten() {
            if !rest.is_empty() && names.iter().all(|name| name != rest) {
                names.push(rest.to_owned());
            }
        }
        names
    }

    fn is_name_or_end_of(&self, name: &str) -> bool {
        name == self.text || name.rsplit('/').next() == Some(self.text.as_str())
    }

    /// Whether an ARN is what was asked for. Of IAM's, one written without its path is.
    #[must_use]
    pub fn fits(&self, found: &str) -> bool {
        if self.is_start && self.text.starts_with("arn:") {
            return found.starts_with(&self.text);
        }
        if found == self.text {
            return true;
        }
        let Some(arn) = Arn::parse(found) else { return false };
        match Arn::parse(&self.text) {
            Some(wanted) => is_same(&wanted, &arn),
            None if self.is_start => {
                let names = [lookup_name(&arn), arn.name(), arn.resource()];
                names.iter().any(|name| name.starts_with(&self.text)) || typed_name(&arn).is_some_and(|name| name.starts_with(&self.text))
            }
            None => {
                let names = [lookup_name(&arn), arn.name(), arn.resource_id(), arn.resource()];
                names.contains(&self.text.as_str())
                    || typed_name(&arn).is_some_and(|name| name == self.text)
                    || secret_without_suffix(&arn).is_some_and(|name| self.is_name_or_end_of(name))
            }
        }
    }
}

/// Whether a text goes on with the six characters that the ARN of a secret ends with, and then ends.
#[must_use]
pub fn has_secret_suffix(rest: &str) -> bool {
    let Some(suffix) = rest.strip_prefix('-') else { return false };
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(b);
    suffix.len() >= SECRET_SUFFIX
        && suffix.bytes().take(SECRET_SUFFIX).all(|b| b.is_ascii_alphanumeric())
        && suffix.as_bytes().get(SECRET_SUFFIX).is_none_or(|next| !is_name(next))
}

/// `role/Admin` of `role/ops/Admin`: of IAM's, which are told by their names in an account.
fn typed_name(arn: &Arn<'_>) -> Option<String> {
    let kind = arn.resource_type().filter(|_| arn.service() == "iam" && arn.resource_id().contains('/'))?;
    Some(format!("{kind}/{}", arn.name()))
}

fn owner<'a>(arn: &Arn<'a>) -> [&'a str; 4] {
    [arn.partition(), arn.service(), arn.account(), arn.region()]
}

/// Whether two ARNs name one thing, one of them less exactly.
pub(super) fn is_same(a: &Arn<'_>, b: &Arn<'_>) -> bool {
    if a.resource_type() != b.resource_type() {
        return false;
    }
    // Their ids are given once; AWS writes the ARNs of images and snapshots without an account.
    let is_without_account = |arn: &Arn<'_>| arn.account().is_empty() && matches!(arn.resource_type(), Some("image" | "snapshot"));
    if a.service() == "ec2" && b.service() == "ec2" && (is_without_account(a) || is_without_account(b)) {
        return (a.partition(), a.region(), a.resource_id()) == (b.partition(), b.region(), b.resource_id());
    }
    if owner(a) != owner(b) {
        return false;
    }
    match a.service() {
        "cloudformation" if a.resource_type() == Some("stack") => {
            let of = |arn: &Arn<'_>| arn.resource_id().split_once('/').map(|(stack, _)| stack.to_owned());
            match (of(a), of(b)) {
                (Some(stack), None) => stack == b.resource_id(),
                (None, Some(stack)) => stack == a.resource_id(),
                _ => false,
            }
        }
        "iam" | "organizations" => a.name() == b.name() && (!a.resource_id().contains('/') || !b.resource_id().contains('/')),
        "secretsmanager" => secret_without_suffix(a) == Some(b.resource_id()) || secret_without_suffix(b) == Some(a.resource_id()),
        _ => false,
    }
}

/// `prod/db` of `secret:prod/db-AbCdEf`.
fn secret_without_suffix<'a>(arn: &Arn<'a>) -> Option<&'a str> {
    let (name, suffix) = arn.resource_id().rsplit_once('-').filter(|_| arn.service() == "secretsmanager")?;
    (suffix.len() == SECRET_SUFFIX && suffix.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_to_look_up() {
        let name = |arn| lookup_name(&Arn::parse(arn).unwrap());
        assert_eq!(name("arn:aws:ec2:r:1:security-group/sg-0683fcf7"), "sg-0683fcf7");
        assert_eq!(name("arn:aws:iam::1:role/ops/Admin"), "Admin");
        assert_eq!(name("arn:aws:s3:::b/k/l"), "b/k/l");
        assert_eq!(name("arn:aws:logs:r:1:log-group:/aws/lambda/f:*"), "/aws/lambda/f");
        assert_eq!(name("arn:aws:sns:r:1:topic"), "topic");
        let by_type = |typed: &str, arn: &str| {
            let wanted = Wanted::read(typed);
            let name = lookup_name(&Arn::parse(arn).unwrap()).to_owned();
            wanted.fits(arn) && matches!(wanted.names(), Names::Equal(names) if names.contains(&name))
        };
        assert!(by_type("role/Admin", "arn:aws:iam::1:role/Admin") && by_type("role/ops/Admin", "arn:aws:iam::1:role/ops/Admin"));
        assert!(by_type("function:pay", "arn:aws:lambda:r:1:function:pay") && by_type("b/k/l", "arn:aws:s3:::b/k/l"));
        assert!(!by_type("user/Admin", "arn:aws:iam::1:role/Admin"));
        assert_eq!(Wanted::read("arn:aws:s3:::logs-*").names(), Names::Starting("logs-".to_owned()));
        assert_eq!(Wanted::read("arn:aws:iam::1:role/Ad*").names(), Names::Any);
        assert_eq!(Wanted::read("arn:aws:ec2:*").names(), Names::Any);
        assert_eq!(
            Wanted::read("arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf").names(),
            Names::EqualOrStarting(vec!["prod/db-AbCdEf".to_owned(), "prod/db".to_owned()], "prod/db-AbCdEf-".to_owned())
        );
        assert_eq!(
            Wanted::read("arn:aws:secretsmanager:r:1:secret:prod/db").names(),
            Names::EqualOrStarting(vec!["prod/db".to_owned()], "prod/db-".to_owned()),
            "the whole ARN goes on"
        );
    }

    #[test]
    fn what_is_meant() {
        let fits = |typed: &str, arn: &str| Wanted::read(typed).fits(arn);
        for (typed, arn) in [
            ("arn:aws:iam::1:role/ops/Admin", "arn:aws:iam::1:role/Admin"),
            ("arn:aws:iam::1:role/Admin", "arn:aws:iam::1:role/ops/Admin"),
            ("Admin", "arn:aws:iam::1:role/ops/Admin"),
            ("ops/Admin", "arn:aws:iam::1:role/ops/Admin"),
            ("sg-0683*", "arn:aws:ec2:r:1:security-group/sg-0683fcf7"),
            ("sg-0683fcf7", "arn:aws:ec2:r:1:security-group/sg-0683fcf7"),
            ("arn:aws:s3:::logs*", "arn:aws:s3:::logs-bucket/k"),
            ("arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf", "arn:aws:secretsmanager:r:1:secret:prod/db"),
            ("arn:aws:secretsmanager:r:1:secret:prod/db", "arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf"),
            ("prod/db", "arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf"),
            ("prod/db-AbCdEf", "arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf"),
            ("arn:aws:logs:r:1:log-group:g:*", "arn:aws:logs:r:1:log-group:g"),
            ("bucket", "arn:aws:s3:::bucket"),
            ("role/Admin", "arn:aws:iam::1:role/ops/Admin"),
            ("role/Ad*", "arn:aws:iam::1:role/ops/Admin"),
            ("instance/i-0683fcf7", "arn:aws:ec2:r:1:instance/i-0683fcf7"),
            ("arn:aws:ec2:r::snapshot/snap-0683fcf7", "arn:aws:ec2:r:1:snapshot/snap-0683fcf7"),
            ("arn:aws:cloudformation:r:1:stack/s/aaaa-1111", "arn:aws:cloudformation:r:1:stack/s"),
            ("arn:aws:cloudformation:r:1:stack/s", "arn:aws:cloudformation:r:1:stack/s/aaaa-1111"),
            ("arn:aws:organizations::1:policy/o-x/service_control_policy/p-abcd1234", "arn:aws:organizations::1:policy/p-abcd1234"),
        ] {
            assert!(fits(typed, arn), "{typed} {arn}");
        }
        for (typed, arn) in [
            ("arn:aws:iam::1:role/ops/Admin", "arn:aws:iam::1:role/dev/Admin"),
            ("arn:aws:iam::1:role/Admin", "arn:aws:iam::2:role/Admin"),
            ("arn:aws:iam::1:role/Admin", "arn:aws-cn:iam::1:role/Admin"),
            ("arn:aws:iam::1:role/Admin", "arn:aws:iam::1:user/Admin"),
            ("bucket", "arn:aws:s3:::bucket/k"),
            ("arn:aws:ec2:r::snapshot/snap-0683fcf7", "arn:aws:ec2:s:1:snapshot/snap-0683fcf7"),
            ("arn:aws:ec2:r::instance/i-0683fcf7", "arn:aws:ec2:r:1:instance/i-0683fcf7"),
            ("arn:aws:cloudformation:r:1:stack/s/aaaa-1111", "arn:aws:cloudformation:r:1:stack/s/bbbb-2222"),
            ("sg-0683", "arn:aws:ec2:r:1:security-group/sg-0683fcf7"),
            ("arn:aws:s3:::logs", "arn:aws:s3:::logs-bucket"),
            ("prod/db", "arn:aws:secretsmanager:r:1:secret:prod/db-replica"),
            ("prod/db", "arn:aws:secretsmanager:r:1:secret:prod/db-two-AbCdEf"),
            ("prod/db", "arn:aws:ssm:r:1:parameter/prod/db-AbCdEf"),
            ("arn:aws:secretsmanager:r:1:secret:prod/db", "arn:aws:secretsmanager:r:2:secret:prod/db-AbCdEf"),
        ] {
            assert!(!fits(typed, arn), "{typed} {arn}");
        }
    }

    #[test]
    fn the_end_of_a_secrets_arn() {
        for rest in ["-AbCdEf", "-AbCdEf\"", "-a1b2c3,"] {
            assert!(has_secret_suffix(rest), "{rest}");
        }
        for rest in ["", "-AbC", "-AbCdEfG", "-AbCdEf-x", "AbCdEf", "-AbCdE_", "-replica"] {
            assert!(!has_secret_suffix(rest), "{rest}");
        }
    }

    #[test]
    fn names_that_tell_what_they_are() {
        for typed in ["arn:aws:s3:::b", "sg-0683fcf7a41c82593", "sg-0683*", "i-*", "tgw-rtb-06*", "arn:aws:s3:::*"] {
            assert!(Wanted::read(typed).is_telling(), "{typed}");
        }
        for typed in ["bucket", "Admin", "my-role", "sg-0683", "my-bucket-1234*", "s*", "arn:aws:*", "arn:aws:iam::XXXXXXXXXXXX:role/x"] {
            assert!(!Wanted::read(typed).is_telling(), "{typed}");
        }
        for typed in ["arn:aws:iam::1:role/x", "arn:aws:sts::1:assumed-role/x/y", "Admin", "arn:aws:*", "arn:*"] {
            assert!(Wanted::read(typed).may_be_identity(), "{typed}");
        }
        for typed in ["arn:aws:s3:::b", "sg-0683fcf7a41c82593", "arn:aws:ec2:*"] {
            assert!(!Wanted::read(typed).may_be_identity(), "{typed}");
        }
    }
}
