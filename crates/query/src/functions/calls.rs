//! What kind of call an event is, who made it and what became of it: the rules of `backtrail_model`, as functions.

use arrow_schema::DataType;
use backtrail_model::arn::Arn;
use backtrail_model::calls::{action_name, is_read_only, issues_credentials, network_command, service_of};
use backtrail_model::outcome::{Facts, classify};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::Function;
use super::text::{Flags, Texts, texts, texts_by_row, udf};

/// Arguments of [`outcome`], in order: columns of `cloudtrail`.
pub(crate) const OUTCOME_ARGUMENTS: &[&str] = &[
    "event_source",
    "event_name",
    "event_type",
    "error_code",
    "error_message",
    "request_parameters",
    "response_elements",
    "service_event_details",
];

fn outcome(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let texts = args.iter().map(Texts::of).collect::<Result<Vec<_>>>()?;
    texts_by_row(args, |row| {
        let facts = Facts {
            event_source: texts[0].get(row),
            event_name: texts[1].get(row),
            event_type: texts[2].get(row),
            error_code: texts[3].get(row),
            error_message: texts[4].get(row),
            request_parameters: texts[5].get(row),
            response_elements: texts[6].get(row),
            service_event_details: texts[7].get(row),
            ..Facts::default()
        };
        Some(classify(&facts).as_str())
    })
}

fn call_class(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let (sources, names, flags) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Flags::of(&args[2])?);
    texts_by_row(args, |row| {
        let (source, name) = (sources.get(row), names.get(row));
        if issues_credentials(source.unwrap_or_default(), name.unwrap_or_default()) {
            return Some("session");
        }
        let facts = Facts { event_source: source, event_name: name, read_only: flags.get(row), ..Facts::default() };
        Some(if is_read_only(&facts) { "read" } else { "write" })
    })
}

fn network_class(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let (sources, names, flags, parameters) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Flags::of(&args[2])?, Texts::of(&args[3])?);
    texts_by_row(args, |row| {
        let facts = Facts {
            event_source: sources.get(row),
            event_name: names.get(row),
            read_only: flags.get(row),
            request_parameters: parameters.get(row),
            ..Facts::default()
        };
        network_command(&facts).map(|class| class.as_str())
    })
}

fn service(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let sources = Texts::of(&args[0])?;
    texts_by_row(args, |row| sources.get(row).map(service_of))
}

fn action(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let names = Texts::of(&args[0])?;
    texts_by_row(args, |row| names.get(row).map(action_name))
}

/// Arguments of [`actor`], in order: columns of `cloudtrail`.
pub(crate) const ACTOR_ARGUMENTS: &[&str] = &[
    "user_identity_type",
    "user_identity_arn",
    "user_identity_user_name",
    "user_identity_principal_id",
    "user_identity_account_id",
    "user_identity_invoked_by",
    "session_issuer_user_name",
    "user_identity_on_behalf_of_user_id",
];

/// Placeholder CloudTrail writes for a user name it will not repeat.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

fn actor(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let texts = args.iter().map(Texts::of).collect::<Result<Vec<_>>>()?;
    texts_by_row(args, |row| {
        let get = |i: usize| texts[i].get(row).filter(|t: &&str| !t.is_empty());
        let arn = get(1).and_then(Arn::parse);
        let (user, principal) = (get(2).filter(|n| *n != HIDDEN), get(3));
        let account = get(4).or(arn.map(|a| a.account())).unwrap_or("?");
        let name = || user.or(arn.map(|a| a.name())).or(principal).or(get(7)).or(get(5)).unwrap_or("unknown").to_owned();
        Some(match get(0) {
            Some("Root") => format!("root of {account}"),
            Some("AssumedRole" | "Role") => {
                let in_arn = arn.and_then(|a| a.role_session());
                let role = get(6).or(in_arn.map(|(role, _)| role));
                let session = in_arn.map(|(_, session)| session).or(principal.and_then(|p| Some(p.split_once(':')?.1)));
                match (role, session) {
                    (Some(role), Some(session)) => format!("{role}/{session}"),
                    (Some(one), None) | (None, Some(one)) => one.to_owned(),
                    (None, None) => name(),
                }
            }
            Some("AWSService") => get(5).unwrap_or("an AWS service").to_owned(),
            Some("AWSAccount") => principal.map_or_else(|| format!("account {account}"), |p| format!("{p} of account {account}")),
            Some("FederatedUser") => arn.map(|a| a.name()).or(user).or(principal).unwrap_or("a federated user").to_owned(),
            Some("IdentityCenterUser") => user.or(get(7)).or(principal).unwrap_or("an Identity Center user").to_owned(),
            _ => name(),
        })
    })
}

/// The functions of this module.
pub(crate) fn functions() -> Vec<Function> {
    let text = DataType::Utf8View;
    let class_kinds = vec![text.clone(), text.clone(), DataType::Boolean];
    let network_kinds = vec![text.clone(), text.clone(), DataType::Boolean, text.clone()];
    vec![
        Function {
            udf: udf("outcome", texts(OUTCOME_ARGUMENTS.len()), text.clone(), outcome),
            arguments: OUTCOME_ARGUMENTS,
            returns: "text",
            doc: "What became of a call: `ok`, `denied`, `failed`, `throttled`, `dry_run` or `unknown`. The views have it as a column.",
        },
        Function {
            udf: udf("call_class", class_kinds, text.clone(), call_class),
            arguments: &["event_source", "event_name", "read_only"],
            returns: "text",
            doc: "`read`, `write`, or `session` for calls that issue credentials or open a console session. Whether a write was carried out says `outcome`.",
        },
        Function {
            udf: udf("network_class", network_kinds, text.clone(), network_class),
            arguments: &["event_source", "event_name", "read_only", "request_parameters"],
            returns: "text",
            doc: "Class of network command a call is (`security_group`, `route`, `remote_shell`, ...); NULL where it is none.",
        },
        Function {
            udf: udf("service_of", texts(1), text.clone(), service),
            arguments: &["event_source"],
            returns: "text",
            doc: "`ec2` of `ec2.amazonaws.com`.",
        },
        Function {
            udf: udf("action_name", texts(1), text.clone(), action),
            arguments: &["event_name"],
            returns: "text",
            doc: "API action without the version some services append: `CreateFunction` of `CreateFunction20150331`.",
        },
        Function {
            udf: udf("actor_name", texts(ACTOR_ARGUMENTS.len()), text, actor),
            arguments: ACTOR_ARGUMENTS,
            returns: "text",
            doc: "Principal of an event, for reading: `alice`, `Admin/alice` (role and session), `root of 111122223333`. The views have it as a column.",
        },
    ]
}
