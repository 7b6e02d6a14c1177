//! Which events count: an expression that lets the reader skip most rows, and the exact rule for those it lets through.
//!
//! The expression may let too much through, never too little; [`Filters::admits`] decides.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use backtrail_model::arn::Arn;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::touch::{Wanted, has_secret_suffix};
use backtrail_model::window::Window;
use backtrail_model::words::counted;
use datafusion::arrow::datatypes::DataType;
use datafusion::functions::expr_fn::{contains, ends_with, starts_with};
use datafusion::logical_expr::{Expr, col, lit};

use crate::associations::Associations;
use crate::coverage::{NotSeen, NotSeenKind};
use crate::error::TimelineError;
use crate::event::Event;
use crate::instants::Instants;
use crate::lineage::{Descent, MOST_FOLLOWED};
use crate::question::{Filters, Question};
use crate::source::{Source, decided};
use crate::touched::touched_in_all;

/// Columns an ARN or a name is sought in as text.
const TEXTS: [&str; 4] = ["resources", "request_parameters", "response_elements", "service_event_details"];

/// Columns that hold a principal's names.
const NAMES: [&str; 9] = [
    "user_identity_arn",
    "user_identity_user_name",
    "user_identity_principal_id",
    "user_identity_on_behalf_of_user_id",
    "user_identity_invoked_by",
    "session_issuer_arn",
    "session_issuer_user_name",
    "session_issuer_principal_id",
    "session_source_identity",
];

impl Question {
    /// The question with what has to be looked up before events can be told to count.
    pub(crate) async fn reached(&self, source: &Source) -> Result<Question, TimelineError> {
        let filters = self.filters.reached(source, self.window.as_ref()).await?;
        Ok(Question { filters, window: self.window, limit: self.limit })
    }
}

impl Filters {
    /// The filters with what has to be looked up: the associations of what `arn` names, which calls end by their ids alone, when all of that was
    /// touched inside a window, and what descends from whom `actor` names.
    pub(crate) async fn reached(&self, source: &Source, window: Option<&Window>) -> Result<Filters, TimelineError> {
        let actors: Vec<&String> =
            self.actor.iter().chain(self.arn.iter().filter(|arn| self.follows && Wanted::read(arn).may_be_identity())).collect();
        let is_meant = |event: &Event<'_>| actors.iter().any(|actor| acts_as(event, actor));
        let descent = async {
            match any(actors.iter().flat_map(|actor| named(actor))) {
                Some(condition) => Descent::of(source, condition, &is_meant, window).await.map(Some),
                None => Ok(None),
            }
        };
        let touched = async {
            let associations = Associations::of(source, &self.arn).await?;
            let arn: Vec<String> = self.arn.iter().cloned().chain(associations.ids().map(str::to_owned)).collect();
            Ok((Instants::of(source, &arn, window).await?, arn, Arc::new(associations)))
        };
        let ((instants, arn, associations), descent) = futures::future::try_join(touched, descent).await?;
        Ok(Filters { arn, instants, associations, descent: descent.map(Arc::new), ..self.clone() })
    }

    /// Whether the events that count are known to fit into memory at once.
    pub(crate) fn leave_few(&self) -> bool {
        self.instants.as_ref().is_some_and(Instants::are_few) && self.followed().is_none()
    }

    /// Whether an event itself names one of the actors asked for.
    pub(crate) fn is_by_name(&self, event: &Event<'_>) -> bool {
        self.actor.iter().any(|actor| acts_as(event, actor))
    }

    /// What is part of the answer besides what `arn` names.
    fn followed(&self) -> Option<&Descent> {
        self.descent.as_deref().filter(|_| self.follows)
    }

    /// That what descends from whom `actor` names was too much to be followed.
    pub(crate) fn unfollowed(&self) -> Option<NotSeen> {
        let is_too_much = self.descent.as_deref().is_some_and(|descent| *descent == Descent::TooMuch);
        let text = || {
            let names = if self.follows { &self.arn } else { &self.actor }.join(" or ");
            format!(
                "What was done with credentials that descend from {names} is told only where the record itself says so: more than {} were \
                 issued in this window and before it. A narrower window may be followed.",
                counted(MOST_FOLLOWED as u64, "session")
            )
        };
        is_too_much.then(|| NotSeen { kind: NotSeenKind::NotFollowed, text: text(), refs: Vec::new() })
    }

    /// A condition that every event that counts fulfils; `None` where every event may count.
    pub(crate) fn condition(&self) -> Option<Expr> {
        let mut all = Vec::new();
        let equal = |column: &str, values: &[String]| any(values.iter().map(|v| col(column).eq(lit(v.clone()))));
        if !self.account.is_empty() {
            all.extend(any([equal("recipient_account_id", &self.account), equal("user_identity_account_id", &self.account)]
                .into_iter()
                .flatten()));
        }
        if !self.region.is_empty() {
            all.extend(equal("aws_region", &self.region));
        }
        if !self.source.is_empty() {
            let spelled = self.source.iter().flat_map(|s| [s.clone(), format!("{s}.amazonaws.com"), format!("{s}.amazonaws.com.cn")]);
            all.extend(any(spelled.map(|s| col("event_source").eq(lit(s)))));
        }
        if !self.ip.is_empty() {
            all.push(self.is_from());
        }
        if !self.key.is_empty() {
            all.extend(any(self.key.iter().flat_map(|key| {
                let texts = ["response_elements", "request_parameters"].map(|c| contains(col(c), lit(key.clone())));
                std::iter::once(col("user_identity_access_key_id").eq(lit(key.clone()))).chain(texts)
            })));
        }
        if !self.actor.is_empty() {
            let below = self.descent.as_ref().and_then(|descent| descent.condition());
            all.extend(any(self.actor.iter().flat_map(|actor| named(actor)).chain(below)));
        }
        let below = self.followed().and_then(Descent::condition);
        match &self.instants {
            Some(instants) if below.is_none() => all.push(instants.condition()),
            Some(instants) => all.extend(any(std::iter::once(instants.condition_among_others()).chain(below))),
            None if !self.arn.is_empty() => all.extend(any(self.arn.iter().flat_map(|arn| mentioned(arn)).chain(below))),
            None => {}
        }
        if !self.outcome.is_empty() && !self.outcome.iter().any(|o| matches!(o, Outcome::Ok | Outcome::Unknown)) {
            // What was refused carries a code, or reports in its response.
            all.push(
                col("error_code").is_not_null().or(col("response_elements").is_not_null()).or(col("service_event_details").is_not_null()),
            );
        }
        all.into_iter().reduce(Expr::and)
    }

    /// Whether it touches what `arn` names.
    fn is_about(&self, event: &Event<'_>) -> bool {
        self.instants.as_ref().is_none_or(|instants| instants.holds(event.event_time))
            && (self.arn.is_empty() || self.arn.iter().any(|arn| touches(event, arn)))
    }

    /// Whether the call came from one of the addresses. A condition of the text would miss those that are spelled in another way.
    fn is_from(&self) -> Expr {
        let networks = self.ip.clone();
        decided("is_from", &[("source_ip_address", DataType::Utf8View)], move |columns| {
            let addresses = columns.first()?.as_string_view_opt()?;
            // Calls from one address follow each other.
            let mut last: Option<(&str, bool)> = None;
            let is_inside = |row: usize| {
                let address = (!addresses.is_null(row)).then(|| addresses.value(row))?;
                let is_known = last.filter(|(known, _)| *known == address).map(|(_, is_inside)| is_inside);
                let is_inside = is_known.unwrap_or_else(|| networks.iter().any(|network| network.contains(address)));
                last = Some((address, is_inside));
                Some(is_inside)
            };
            Some((0..addresses.len()).map(is_inside).collect())
        })
    }

    /// Whether an event counts.
    #[must_use]
    pub fn admits(&self, event: &Event<'_>) -> bool {
        let is = |values: &[String], field: Option<&str>| field.is_some_and(|f| values.iter().any(|v| v == f));
        (self.account.is_empty() || is(&self.account, event.recipient_account_id) || is(&self.account, event.user_identity_account_id))
            && (self.region.is_empty() || is(&self.region, event.aws_region))
            && (self.source.is_empty() || is(&self.source, event.event_source.map(backtrail_model::calls::service_of)))
            && (self.ip.is_empty() || event.source_ip_address.is_some_and(|a| self.ip.iter().any(|n| n.contains(a))))
            && (self.key.is_empty() || self.key.iter().any(|key| uses_key(event, key)))
            && (self.actor.is_empty() || self.is_by_name(event) || self.descent.as_ref().is_some_and(|descent| descent.holds(event)))
            && (self.is_about(event) || self.followed().is_some_and(|descent| descent.holds(event)))
            && (self.outcome.is_empty() || self.outcome.contains(&classify(&event.facts())))
    }
}

fn any(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    conditions.into_iter().reduce(Expr::or)
}

fn named(actor: &str) -> Vec<Expr> {
    match actor.strip_suffix('*') {
        Some(start) => NAMES.iter().map(|c| contains(col(*c), lit(start.to_owned()))).collect(),
        None => {
            let exact = NAMES.iter().map(|c| col(*c).eq(lit(actor.to_owned())));
            // Sessions: the end of the session's ARN and of the principal id; a principal id without its session.
            let parts = [
                ends_with(col("user_identity_arn"), lit(format!("/{actor}"))),
                ends_with(col("user_identity_principal_id"), lit(format!(":{actor}"))),
                starts_with(col("user_identity_principal_id"), lit(format!("{actor}:"))),
                contains(col("user_identity_arn"), lit(format!(":assumed-role/{actor}/"))),
                ends_with(col("user_identity_arn"), lit(format!(":{actor}"))),
            ];
            exact.chain(parts).collect()
        }
    }
}

fn mentioned(arn: &str) -> Vec<Expr> {
    let needle = arn.strip_suffix('*').unwrap_or(arn);
    // `role/Admin`: records have the name alone.
    let needle = if needle.starts_with("arn:") { needle } else { needle.rsplit(['/', ':']).next().unwrap_or(needle) };
    let mut conditions: Vec<Expr> = spellings(needle).into_iter().flat_map(|s| TEXTS.map(|c| contains(col(c), lit(s.clone())))).collect();
    conditions.extend(NAMES.iter().map(|c| contains(col(*c), lit(needle.to_owned()))));
    conditions
}

/// How a text may stand inside JSON: as it is, and with what JSON escapes escaped.
fn spellings(text: &str) -> Vec<String> {
    let escaped = serde_json::Value::from(text).to_string();
    let escaped = escaped[1..escaped.len() - 1].to_owned();
    let slashes = escaped.replace('/', "\\/");
    let mut spellings = vec![text.to_owned(), escaped, slashes];
    spellings.dedup();
    spellings
}

fn uses_key(event: &Event<'_>, key: &str) -> bool {
    event.user_identity_access_key_id == Some(key)
        || [event.response_elements, event.request_parameters].into_iter().flatten().any(|text| stands_in(text, key, false))
}

/// Whether an event's principal goes by this name.
fn acts_as(event: &Event<'_>, actor: &str) -> bool {
    let (wanted, is_start) = actor.strip_suffix('*').map_or((actor, false), |start| (start, true));
    let fits = |text: &str| if is_start { text.starts_with(wanted) } else { text == wanted };
    let names = [
        event.user_identity_arn,
        event.user_identity_user_name,
        event.user_identity_principal_id,
        event.user_identity_on_behalf_of_user_id,
        event.user_identity_invoked_by,
        event.session_issuer_arn,
        event.session_issuer_user_name,
        event.session_issuer_principal_id,
        event.session_source_identity,
    ];
    let session = event.user_identity_arn.and_then(Arn::parse);
    let of_session = session.and_then(|a| a.role_session());
    let of_principal = event.user_identity_principal_id.and_then(|p| p.split_once(':'));
    let parts = [
        session.map(|a| a.name()),
        of_session.map(|(role, _)| role),
        of_session.map(|(_, session)| session),
        of_principal.map(|(id, _)| id),
        of_principal.map(|(_, session)| session),
    ];
    // `Admin/alice`, as answers write it.
    let label = of_session.is_some_and(|(role, session)| wanted.split_once('/') == Some((role, session)));
    label || names.into_iter().chain(parts).flatten().any(fits)
}

/// Whether an event's identity is, or its parameters name, this ARN, id or name.
#[must_use]
fn touches(event: &Event<'_>, arn: &str) -> bool {
    let (wanted, is_start) = arn.strip_suffix('*').map_or((arn, false), |start| (start, true));
    let identity = [
        event.user_identity_arn,
        event.session_issuer_arn,
        event.user_identity_user_name,
        event.session_issuer_user_name,
        event.user_identity_principal_id,
        event.session_issuer_principal_id,
    ];
    let in_identity = identity.into_iter().flatten().any(|text| stands_in(text, wanted, is_start));
    in_identity || is_named(event, wanted, is_start) || is_tied(event, arn)
}

/// Whether the record names this ARN, id or name elsewhere than as the caller.
pub(crate) fn names(event: &Event<'_>, arn: &str) -> bool {
    let (wanted, is_start) = arn.strip_suffix('*').map_or((arn, false), |start| (start, true));
    is_named(event, wanted, is_start)
}

fn is_named(event: &Event<'_>, wanted: &str, is_start: bool) -> bool {
    let texts = [event.resources, event.request_parameters, event.response_elements, event.service_event_details];
    texts.into_iter().flatten().any(|text| spellings(wanted).iter().any(|s| stands_in(text, s, is_start)))
}

/// Whether an event is tied to what was asked for without naming it so: a role by its bare name, a bucket by a parameter.
fn is_tied(event: &Event<'_>, typed: &str) -> bool {
    let wanted = Wanted::read(typed);
    let identities = [event.user_identity_arn, event.session_issuer_arn];
    wanted.is_telling()
        && (identities.into_iter().flatten().any(|arn| wanted.fits(arn))
            || touched_in_all(event).iter().any(|thing| wanted.fits(&thing.arn)))
}

/// Whether a thing's name stands in a text as a whole: as a value, or as a part of an ARN, a path or a list of ids.
fn stands_in(text: &str, wanted: &str, is_start: bool) -> bool {
    let is_arn = wanted.starts_with("arn:");
    text.match_indices(wanted).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + wanted.len()..].chars().next());
        // A key of the JSON is not a value: `"web":` does not name `web`.
        let is_key = before == Some('"') && after == Some('"') && text[at + wanted.len() + 1..].trim_start().starts_with(':');
        let begins = match before {
            None => true,
            Some(c) if is_arn => !is_name(c),
            Some(c) => matches!(c, '"' | '\'' | '/' | ':' | ',' | ' ' | '=' | '(' | '[' | '\\'),
        };
        // The bucket's ARN is a part of its objects', a role's of its path; a longer name is another thing, unless it is a secret's with its suffix.
        let is_secret = || has_secret_suffix(&text[at + wanted.len()..]) && is_of_secret(&text[..at + wanted.len()]);
        let ends = is_start || is_secret() || after.is_none_or(|c| !is_name(c) && (c != '*' || is_arn));
        !is_key && begins && ends
    })
}

/// Whether a text ends in the ARN of a secret.
fn is_of_secret(text: &str) -> bool {
    text.rsplit_once(":secret:").is_some_and(|(lead, name)| {
        lead.rsplit('"').next().is_some_and(|arn| arn.contains(":secretsmanager:"))
            && name.chars().all(|c| is_name(c) || matches!(c, '/' | '\\'))
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Typed;

    fn event() -> Event<'static> {
        Event {
            event_name: Some("PutObject"),
            event_source: Some("s3.amazonaws.com"),
            recipient_account_id: Some("111122223333"),
            user_identity_account_id: Some("444455556666"),
            aws_region: Some("eu-central-1"),
            source_ip_address: Some("198.51.100.7"),
            user_identity_arn: Some("arn:aws:sts::444455556666:assumed-role/Admin/alice@example.org"),
            user_identity_principal_id: Some("AROAX:alice@example.org"),
            user_identity_access_key_id: Some("ASIAUSED"),
            session_issuer_arn: Some("arn:aws:iam::444455556666:role/ops/Admin"),
            session_issuer_user_name: Some("Admin"),
            resources: Some(r#"[{"ARN":"arn:aws:s3:::logs-bucket/AWSLogs/x.json"}]"#),
            request_parameters: Some(
                r#"{"bucketName":"logs-bucket","groupId":"sg-0683fcf7a41c82593","web":"x","path":"a\/b\"c","note":"100%_sure"}"#,
            ),
            response_elements: Some(r#"{"credentials":{"accessKeyId":"ASIAISSUED"}}"#),
            ..Event::default()
        }
    }

    fn admits(set: impl FnOnce(&mut Typed)) -> bool {
        let mut typed = Typed::default();
        set(&mut typed);
        Filters::read(typed).unwrap().admits(&event())
    }

    #[test]
    fn each_filter() {
        for account in ["111122223333", "444455556666"] {
            assert!(admits(|t| t.account = vec![account.to_owned()]));
        }
        assert!(!admits(|t| t.account = vec!["9".to_owned()]));
        assert!(admits(|t| t.region = vec!["us-east-1".to_owned(), "eu-central-1".to_owned()]), "alternatives");
        assert!(
            !admits(|t| {
                t.region = vec!["eu-central-1".to_owned()];
                t.source = vec!["ec2".to_owned()];
            }),
            "all must hold"
        );
        assert!(admits(|t| t.source = vec!["s3.amazonaws.com".to_owned()]) && admits(|t| t.source = vec!["s3".to_owned()]));
        assert!(admits(|t| t.ip = vec!["198.51.100.0/24".to_owned()]) && !admits(|t| t.ip = vec!["198.51.100.8".to_owned()]));
        assert!(admits(|t| t.key = vec!["ASIAUSED".to_owned()]) && admits(|t| t.key = vec!["ASIAISSUED".to_owned()]));
        assert!(!admits(|t| t.key = vec!["ASIAISSUE".to_owned()]), "a part of a key is no key");
        assert!(admits(|t| t.outcome = vec!["ok".to_owned()]) && !admits(|t| t.outcome = vec!["denied".to_owned()]));
    }

    #[test]
    fn actors_by_any_of_their_names() {
        for name in [
            "arn:aws:sts::444455556666:assumed-role/Admin/alice@example.org",
            "arn:aws:iam::444455556666:role/ops/Admin",
            "Admin",
            "alice@example.org",
            "Admin/alice@example.org",
            "AROAX",
            "AROAX:alice@example.org",
            "alice*",
        ] {
            assert!(admits(|t| t.actor = vec![name.to_owned()]), "{name}");
        }
        for other in ["alice", "Adm", "bob", "AROA", "111122223333"] {
            assert!(!admits(|t| t.actor = vec![other.to_owned()]), "{other}");
        }
    }

    #[test]
    fn an_actor_whose_sessions_are_too_many_is_found_by_name_and_that_is_said() {
        let typed = Typed { actor: vec!["Admin".to_owned()], ..Typed::default() };
        let all = Filters::read(typed).unwrap();
        assert!(all.unfollowed().is_none());
        let too_many = Filters { descent: Some(Arc::new(Descent::TooMuch)), ..all.clone() };
        assert_eq!(too_many.condition(), all.condition());
        assert!(too_many.admits(&event()));
        let said = too_many.unfollowed().unwrap();
        assert_eq!(said.kind, NotSeenKind::NotFollowed);
        assert!(said.text.contains("Admin") && said.text.contains("50000 sessions") && !said.text.contains("  "), "{}", said.text);
    }

    #[test]
    fn arns_ids_and_names_as_a_whole() {
        for name in [
            "arn:aws:s3:::logs-bucket",
            "arn:aws:s3:::logs-bucket/AWSLogs/x.json",
            "logs-bucket",
            "sg-0683fcf7a41c82593",
            "sg-0683*",
            "arn:aws:s3:::logs-*",
            "Admin",
            "arn:aws:iam::444455556666:role/ops/Admin",
            "a/b\"c",
            "100%_sure",
        ] {
            assert!(admits(|t| t.arn = vec![name.to_owned()]), "{name}");
        }
        for other in ["arn:aws:s3:::logs", "logs", "sg-0683", "web", "bucket", "100__sure", "arn:aws:iam::444455556666:role/ops/Adm"] {
            assert!(!admits(|t| t.arn = vec![other.to_owned()]), "{other}");
        }
    }

    #[test]
    fn a_secret_is_named_with_and_without_the_end_of_its_arn() {
        let read = |id: &str, asked: &str| {
            let request = serde_json::json!({"secretId": id}).to_string();
            let event = Event {
                event_source: Some("secretsmanager.amazonaws.com"),
                event_name: Some("GetSecretValue"),
                aws_region: Some("eu-west-1"),
                recipient_account_id: Some("111122223333"),
                request_parameters: Some(&request),
                ..Event::default()
            };
            Filters::read(Typed { arn: vec![asked.to_owned()], ..Typed::default() }).unwrap().admits(&event)
        };
        let arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}");
        for id in ["prod/db".to_owned(), arn("prod/db"), arn("prod/db-AbCdEf")] {
            for asked in ["prod/db".to_owned(), arn("prod/db"), arn("prod/db-AbCdEf")] {
                assert!(read(&id, &asked), "{id} {asked}");
            }
        }
        for (id, asked) in [(arn("prod/db-replica"), "prod/db"), (arn("prod/db-AbCdEf-GhIjKl"), "prod/db"), ("x-AbCdEf".to_owned(), "x")] {
            assert!(!read(&id, asked), "{id} {asked}");
        }
    }
}
