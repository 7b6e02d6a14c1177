//! What became of a request, as far as its record says (domain reference 1.6).
//!
//! The rules, in order:
//!
//! 1. A record without an event name says nothing: `unknown`.
//! 2. An `errorCode` decides: a dry run, a throttle, a denial, else a failure. *Denied* means refused because of who asked: not
//!    allowed to, or with credentials that were not accepted (expired, malformed, wrongly signed). A quota or a missing
//!    subscription is a failure. Some services put a denial behind a general code; then the message `User: … is not authorized
//!    to perform: …` decides.
//! 3. Sign-in reports in `responseElements.<event name>` (Identity Center in `serviceEventDetails`) and never in `errorCode`: `Success` is
//!    `ok`; `Failure` of an attempt to get in is `denied` (the credentials were not accepted), of any other `failed`.
//!    Without that report the outcome is `unknown`, never `ok`.
//! 4. Long-running work reports a state in `serviceEventDetails.*Status.state`.
//! 5. A batch call may fail in part without an error code: it is `failed` where every part failed, else `ok`, and
//!    [`failed_parts`] counts what failed. Rules of a security group that EC2 was asked to revoke and did not know are such parts.
//! 6. An error message without a code is `unknown`, unless it is the sentence of rule 2.
//! 7. An answer that says `success: false` is `failed`, and a call whose parameters only ask (`dryRun`) a dry run. A row of a table that has no column for the
//!    error code is `unknown`. Everything else is `ok`. A field that a pipeline made a string of JSON of is read as that JSON.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Stands among the unknown fields of a row that a query made, and whose table has no column for the error code: nobody asked for it, and that a call
/// has none is not known.
pub const NO_ERROR_CODE: &str = "(no errorCode)";
/// The same for the parameters.
pub const NO_REQUEST_PARAMETERS: &str = "(no requestParameters)";

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Ok,
    /// It was refused because of who asked, or of the credentials shown.
    Denied,
    /// It was not carried out for another reason.
    Failed,
    /// It was turned away for its rate.
    Throttled,
    /// It only asked whether it would be allowed, and it would have been. Nothing changed.
    DryRun,
    /// The record does not say.
    Unknown,
}

impl Outcome {
    /// Every outcome, in the order reports count them.
    pub const ALL: [Self; 6] = [Self::Ok, Self::Denied, Self::Failed, Self::Throttled, Self::DryRun, Self::Unknown];

    /// Its word: `ok`, `denied`, `failed`, `throttled`, `dry_run`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::DryRun => "dry_run",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.as_str() == word)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The fields of a record that tell what kind of call it was and what became of it. JSON fields are their text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// `eventSource`.
    pub event_source: Option<&'a str>,
    /// `eventName`.
    pub event_name: Option<&'a str>,
    /// `eventType`.
    pub event_type: Option<&'a str>,
    /// `errorCode`.
    pub error_code: Option<&'a str>,
    /// `errorMessage`.
    pub error_message: Option<&'a str>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `requestParameters`.
    pub request_parameters: Option<&'a str>,
    /// `responseElements`.
    pub response_elements: Option<&'a str>,
    /// `additionalEventData`.
    pub additional_event_data: Option<&'a str>,
    /// `serviceEventDetails`.
    pub service_event_details: Option<&'a str>,
    /// Whether it is not known if the record has an error code: see [`NO_ERROR_CODE`].
    pub lacks_error_code: bool,
}

/// Codes, lower-case and without `Client.` or `Server.`, that refuse the caller or its credentials. Codes that contain
/// `accessdenied` or `unauthorized` need no entry.
const DENIED: &[&str] = &[
    "allaccessdisabled",
    "authfailure",
    "authorizationerror",
    "authorizationerrorexception",
    "authorizationheadermalformed",
    "blocked",
    "credentialreportexpired",
    "expiredtoken",
    "expiredtokenexception",
    "expiredtradeintokenexception",
    "forbidden",
    "forbiddenexception",
    "idprejectedclaim",
    "incompletesignature",
    "incompletesignatureexception",
    "insufficientprivilegesexception",
    "invalidaccesskeyid",
    "invalidclienttokenid",
    "invalidgrantexception",
    "invalididentitytoken",
    "invalidsecurity",
    "invalidsignatureexception",
    "invalidtoken",
    "missingauthenticationtoken",
    "missingauthenticationtokenexception",
    "notauthorized",
    "notauthorizedexception",
    "permissiondenied",
    "permissiondeniedexception",
    "requestexpired",
    "requesttimetooskewed",
    "signaturedoesnotmatch",
    "tokenrefreshrequired",
    "unrecognizedclientexception",
];

/// Codes, lower-case and without prefix, that turn a request away for its rate. Codes that contain `throttl` need no entry.
const THROTTLED: &[&str] = &[
    "503 slow down",
    "bandwidthlimitexceeded",
    "priorrequestnotcomplete",
    "provisionedthroughputexceededexception",
    "rate exceeded",
    "requestlimitexceeded",
    "slowdown",
    "toomanyrequests",
    "toomanyrequestsexception",
];

/// Events whose failure means that somebody was not let in.
const SIGN_INS: &[&str] = &[
    "CheckMfa",
    "ConsoleLogin",
    "CredentialChallenge",
    "CredentialVerification",
    "ExternalIdPDirectoryLogin",
    "GetSigninToken",
    "RenewRole",
    "SwitchRole",
    "UserAuthentication",
];

/// Works out what became of a request. The module's documentation gives the rules.
#[must_use]
pub fn classify(facts: &Facts<'_>) -> Outcome {
    let Some(name) = facts.event_name.filter(|n| !n.is_empty()) else {
        return Outcome::Unknown;
    };
    // Splunk's tables say `success` where the record says nothing.
    if let Some(code) = facts.error_code.filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case("success")) {
        return of_code(code, facts.error_message.unwrap_or_default());
    }
    if reports_as_sign_in(facts, name) {
        return of_sign_in(facts, name);
    }
    if let Some(outcome) = facts.service_event_details.and_then(of_state) {
        return outcome;
    }
    if let Some(message) = facts.error_message.filter(|m| !m.is_empty()) {
        return if refuses(message) { Outcome::Denied } else { Outcome::Unknown };
    }
    match parts(facts) {
        Some(parts) if parts.all_failed => Outcome::Failed,
        _ if says_no(facts) => Outcome::Failed,
        _ if is_dry_run(facts) => Outcome::DryRun,
        _ if facts.lacks_error_code => Outcome::Unknown,
        _ => Outcome::Ok,
    }
}

/// `{"success": false}` of EC2 Instance Connect, `{"_return": false}` of EC2.
fn says_no(facts: &Facts<'_>) -> bool {
    let Some(text) = facts.response_elements.filter(|text| text.len() < 4_096 && text.contains("false")) else { return false };
    let Some(Value::Object(response)) = parsed(text) else { return false };
    ["success", "_return", "return"].iter().any(|key| response.get(*key) == Some(&Value::Bool(false)))
}

/// Calls that say in their parameters that they only ask, and are answered without an error: `dryRun` of Lambda and others, `invocationType` of Lambda.
fn is_dry_run(facts: &Facts<'_>) -> bool {
    let Some(text) = facts.request_parameters.filter(|text| text.contains("ryRun")) else { return false };
    let Some(Value::Object(request)) = parsed(text) else { return false };
    let is_set = |key: &str| request.get(key).is_some_and(|value| *value == Value::Bool(true) || value == "true");
    is_set("dryRun") || is_set("DryRun") || request.get("invocationType").is_some_and(|kind| kind == "DryRun")
}

/// How many parts of a batch call its response lists as failed; 0 where it lists none.
#[must_use]
pub fn failed_parts(facts: &Facts<'_>) -> usize {
    parts(facts).map_or(0, |p| p.failed)
}

/// What a response, without the object that EC2 names after the call, says of each part that failed, as services write it.
#[must_use]
pub fn failed_entries(response: &Value) -> Vec<&Value> {
    let lists = response.as_object().into_iter().flatten().filter(|(key, _)| is_failure_list(key));
    lists.flat_map(|(_, list)| entries(list)).collect()
}

fn is_failure_list(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with(UNPROCESSED) || FAILURE_LISTS.contains(&key.as_str())
}

fn of_code(code: &str, message: &str) -> Outcome {
    // `com.amazonaws.kms#AccessDeniedException`, `Client.UnauthorizedOperation`.
    let code = code.rsplit('#').next().unwrap_or(code).to_ascii_lowercase();
    let code = code.strip_prefix("client.").or_else(|| code.strip_prefix("server.")).unwrap_or(&code);
    if code.contains("dryrunoperation") {
        Outcome::DryRun
    } else if code.contains("throttl") || THROTTLED.contains(&code) {
        Outcome::Throttled
    } else if code.contains("accessdenied") || code.contains("unauthorized") || DENIED.contains(&code) || refuses(message) {
        Outcome::Denied
    } else {
        Outcome::Failed
    }
}

/// The one sentence every service uses for a missing permission.
fn refuses(message: &str) -> bool {
    message.starts_with("User: ") && message.contains(" is not authorized to perform: ")
}

fn reports_as_sign_in(facts: &Facts<'_>, name: &str) -> bool {
    facts.event_type == Some("AwsConsoleSignIn") || (facts.event_source == Some("signin.amazonaws.com") && SIGN_INS.contains(&name))
}

fn of_sign_in(facts: &Facts<'_>, name: &str) -> Outcome {
    let report = [facts.response_elements, facts.service_event_details].into_iter().flatten().find_map(|text| said(text, name));
    match report {
        Some(true) => Outcome::Ok,
        Some(false) if SIGN_INS.contains(&name) => Outcome::Denied,
        Some(false) => Outcome::Failed,
        None => Outcome::Unknown,
    }
}

/// Whether a report says `Success` or `Failure`: under the event's own name, else under any; then a failure anywhere counts.
fn said(text: &str, name: &str) -> Option<bool> {
    let word = |v: &Value| match v.as_str() {
        Some("Success") => Some(true),
        Some("Failure") => Some(false),
        _ => None,
    };
    let Some(Value::Object(report)) = parsed(text) else { return None };
    report.get(name).and_then(word).or_else(|| report.values().filter_map(word).min())
}

/// A field's value; what a pipeline made a string of is read as what it was.
fn parsed(text: &str) -> Option<Value> {
    match serde_json::from_str(text).ok()? {
        Value::String(inner) if inner.starts_with(['{', '[']) => serde_json::from_str(&inner).ok(),
        value => Some(value),
    }
}

/// `{"createAccountStatus": {"state": "FAILED", ...}}`.
fn of_state(details: &str) -> Option<Outcome> {
    if !details.contains("tatus") {
        return None;
    }
    let Some(Value::Object(details)) = parsed(details) else { return None };
    let state = details.iter().filter(|(key, _)| key.ends_with("Status")).find_map(|(_, v)| v.get("state")?.as_str())?;
    match state {
        "SUCCEEDED" => Some(Outcome::Ok),
        "FAILED" => Some(Outcome::Failed),
        _ => Some(Outcome::Unknown),
    }
}

/// What a batch response lists.
struct Parts {
    failed: usize,
    all_failed: bool,
}

/// Keys of a response, lower-case, under which parts that failed are listed; and any that begins with [`UNPROCESSED`]. In any spelling each contains one of [`FAILURE_WORDS`].
const FAILURE_LISTS: &[&str] = &[
    "batchitemerrors",
    "errorentries",
    "errors",
    "failed",
    "failedaccounts",
    "failedentries",
    "failedresources",
    "failures",
    "unsuccessful",
    "unsuccessfulitems",
];
/// As in `unprocessedItems`, `UnprocessedFindings`.
const UNPROCESSED: &str = "unprocessed";
const FAILURE_WORDS: &[&str] = &["nsuccessful", "rrors", "rrorEntries", "ail", "nprocessed", UNKNOWN_RULES];

/// What a revocation lists that EC2 knew no rule for: of a default VPC's groups it says so in an answer that is no error.
const UNKNOWN_RULES: &str = "unknownIpPermissionSet";

fn parts(facts: &Facts<'_>) -> Option<Parts> {
    let text = facts.response_elements?;
    // Nearly every response is turned away here, without being parsed.
    if !FAILURE_WORDS.iter().any(|w| text.contains(w)) {
        return None;
    }
    let response = parsed(text)?;
    // EC2's newer calls answer in an object named after the call.
    let body = match response.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) {
        Some((key, inner @ Value::Object(_))) if key.ends_with("Response") => inner,
        _ => &response,
    };
    let body = body.as_object()?;
    let request = || facts.request_parameters.and_then(parsed);
    if let Some(failed) = body.get(UNKNOWN_RULES).map(rules_of).filter(|failed| *failed > 0) {
        // One rule may be written flat, without a list.
        let asked = request().and_then(|r| r.get("ipPermissions").map(rules_of)).unwrap_or_default().max(1);
        return Some(Parts { failed, all_failed: failed >= asked });
    }
    let failed: usize = body.iter().filter(|(key, _)| is_failure_list(key)).map(|(_, v)| entries(v).len()).sum();
    if failed == 0 {
        return None;
    }
    let carried_out =
        body.iter().any(|(key, v)| !is_failure_list(key) && matches!(v, Value::Array(_) | Value::Object(_)) && !entries(v).is_empty());
    let asked = request().map_or(1, |v| longest_list(&v, 0).max(1));
    Some(Parts { failed, all_failed: !carried_out && failed >= asked })
}

/// How many rules a list of permissions holds: one for each other side.
fn rules_of(permissions: &Value) -> usize {
    let list = permissions.get("items").unwrap_or(permissions).as_array();
    let sides = |permission: &Value| {
        let lists = ["ipRanges", "ipv6Ranges", "groups", "prefixListIds"];
        lists.iter().filter_map(|key| permission.get(*key)).map(|list| entries(list).len()).sum::<usize>().max(1)
    };
    list.map_or(0, |permissions| permissions.iter().map(sides).sum())
}

/// What a list holds; EC2 writes `{"item": {...}}` for one and `{"item": [...]}` or `{"items": [...]}` for more.
fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Object(o) => match o.get("items").or_else(|| o.get("item")) {
            Some(inner) => entries(inner),
            None if !o.is_empty() => std::slice::from_ref(value),
            None => &[],
        },
        Value::Null | Value::String(_) | Value::Bool(_) | Value::Number(_) => &[],
    }
}

fn longest_list(value: &Value, depth: usize) -> usize {
    if depth > 6 {
        return 0;
    }
    match value {
        Value::Array(items) => items.iter().map(|v| longest_list(v, depth + 1)).max().unwrap_or(0).max(items.len()),
        Value::Object(o) => o.values().map(|v| longest_list(v, depth + 1)).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: &str) -> Outcome {
        classify(&Facts { event_name: Some("RunInstances"), error_code: Some(code), ..Facts::default() })
    }

    #[test]
    fn error_codes() {
        let cases = [
            (Outcome::Denied, "AccessDenied AccessDeniedException Client.UnauthorizedOperation UnauthorizedOperation VpceAccessDenied"),
            (Outcome::Denied, "KMS.AccessDeniedException com.amazonaws.kms#AccessDeniedException AccessDeniedForDependencyException"),
            (
                Outcome::Denied,
                "NotAuthorizedException UnauthorizedException ForbiddenException AuthorizationError AuthFailure PermissionDenied",
            ),
            (Outcome::Denied, "SignatureDoesNotMatch InvalidClientTokenId ExpiredToken Client.RequestExpired Client.AuthFailure"),
            (Outcome::Throttled, "Throttling ThrottlingException ThrottledException Client.RequestLimitExceeded RequestLimitExceeded"),
            (Outcome::Throttled, "TooManyRequestsException SlowDown ProvisionedThroughputExceededException RequestThrottledException"),
            (Outcome::DryRun, "Client.DryRunOperation DryRunOperation DryRunOperationException"),
            (Outcome::Failed, "NoSuchBucket LimitExceededException ValidationException Client.InvalidGroup.NotFound InternalFailure"),
            (Outcome::Failed, "CloudTrailInvalidClientTokenIdException OptInRequired ServiceUnavailable Server.InternalError"),
        ];
        for (expected, codes) in cases {
            for c in codes.split(' ') {
                assert_eq!(code(c), expected, "{c}");
            }
        }
    }

    #[test]
    fn a_denial_behind_a_general_code() {
        let denied = Facts {
            event_name: Some("GetFindings"),
            error_code: Some("BadRequestException"),
            error_message: Some("User: arn:aws:iam::1:user/a is not authorized to perform: guardduty:GetFindings"),
            ..Facts::default()
        };
        assert_eq!(classify(&denied), Outcome::Denied);
        // Nor does it need a code: it is what the service itself says.
        assert_eq!(classify(&Facts { error_code: None, ..denied }), Outcome::Denied);
        // A name in a message that only quotes the sentence decides nothing.
        let quoted = Facts { error_message: Some("no group `User: x is not authorized to perform: y`"), ..denied };
        assert_eq!(classify(&quoted), Outcome::Failed);
    }

    #[test]
    fn what_only_asked_or_was_answered_with_no() {
        let call = |request: &'static str, response: &'static str| {
            let facts = Facts { request_parameters: Some(request), response_elements: Some(response), ..Facts::default() };
            classify(&Facts { event_name: Some("UpdateFunctionCode20150331v2"), ..facts })
        };
        assert_eq!(call(r#"{"functionName":"f","dryRun":true}"#, "null"), Outcome::DryRun);
        assert_eq!(call(r#"{"functionName":"f","invocationType":"DryRun"}"#, "null"), Outcome::DryRun);
        assert_eq!(call(r#"{"functionName":"f","dryRun":false,"description":"dryRun"}"#, "null"), Outcome::Ok);
        assert_eq!(call(r#"{"instanceId":"i-1"}"#, r#"{"requestId":"1","success":false}"#), Outcome::Failed);
        assert_eq!(call(r#"{"instanceId":"i-1"}"#, r#"{"success":true,"encrypted":false}"#), Outcome::Ok);
    }

    #[test]
    fn a_row_of_a_table_without_error_codes_says_nothing_of_the_outcome() {
        let row = Facts { event_name: Some("RunInstances"), lacks_error_code: true, ..Facts::default() };
        assert_eq!(classify(&row), Outcome::Unknown);
        assert_eq!(classify(&Facts { error_code: Some("AccessDenied"), ..row }), Outcome::Denied);
        assert_eq!(code("success"), Outcome::Ok, "of Splunk");
    }

    fn sign_in(name: &str, response: Option<&str>) -> Outcome {
        classify(&Facts {
            event_source: Some("signin.amazonaws.com"),
            event_name: Some(name),
            event_type: Some("AwsConsoleSignIn"),
            response_elements: response,
            ..Facts::default()
        })
    }

    #[test]
    fn sign_in_reports_in_the_response() {
        assert_eq!(sign_in("ConsoleLogin", Some(r#"{"ConsoleLogin":"Success"}"#)), Outcome::Ok);
        assert_eq!(sign_in("ConsoleLogin", Some(r#"{"ConsoleLogin":"Failure"}"#)), Outcome::Denied);
        assert_eq!(sign_in("ConsoleLogin", None), Outcome::Unknown);
        assert_eq!(sign_in("ConsoleLogin", Some("null")), Outcome::Unknown);
        assert_eq!(sign_in("ConsoleLogin", Some(r#"{"omitted":true}"#)), Outcome::Unknown);
        assert_eq!(sign_in("ConsoleLogin", Some(r#""{\"ConsoleLogin\":\"Failure\"}""#)), Outcome::Denied, "as a string");
        assert_eq!(sign_in("ConsoleLogin", Some(r#""Success""#)), Outcome::Unknown);
        assert_eq!(sign_in("CheckMfa", Some(r#"{"CheckMfa":"Success"}"#)), Outcome::Ok);
        assert_eq!(sign_in("SwitchRole", Some(r#"{"SwitchRole":"Failure"}"#)), Outcome::Denied);
        assert_eq!(sign_in("PasswordUpdated", Some(r#"{"PasswordUpdated":"Failure"}"#)), Outcome::Failed);
        assert_eq!(sign_in("AssumeRole", Some(r#"{"ConsoleLogin":"Success"}"#)), Outcome::Ok);
        let failed = r#"{"ConsoleLogin":"Failure"}"#;
        let message = Facts {
            event_name: Some("ConsoleLogin"),
            event_type: Some("AwsConsoleSignIn"),
            error_message: Some("Failed authentication"),
            response_elements: Some(failed),
            ..Facts::default()
        };
        assert_eq!(classify(&message), Outcome::Denied);
    }

    #[test]
    fn identity_center_reports_in_service_event_details() {
        let facts = Facts {
            event_source: Some("signin.amazonaws.com"),
            event_name: Some("CredentialVerification"),
            event_type: Some("AwsServiceEvent"),
            service_event_details: Some(r#"{"CredentialVerification":"Failure"}"#),
            ..Facts::default()
        };
        assert_eq!(classify(&facts), Outcome::Denied);
        assert_eq!(classify(&Facts { service_event_details: None, ..facts }), Outcome::Unknown);
    }

    #[test]
    fn long_running_work_reports_a_state() {
        let facts = |details| Facts { event_name: Some("CreateAccountResult"), service_event_details: Some(details), ..Facts::default() };
        assert_eq!(classify(&facts(r#"{"createAccountStatus":{"state":"FAILED"}}"#)), Outcome::Failed);
        assert_eq!(classify(&facts(r#"{"createAccountStatus":{"state":"SUCCEEDED"}}"#)), Outcome::Ok);
        assert_eq!(classify(&facts(r#"{"createAccountStatus":{"state":"IN_PROGRESS"}}"#)), Outcome::Unknown);
        assert_eq!(classify(&facts(r#"{"keyId":"k"}"#)), Outcome::Ok);
    }

    #[test]
    fn batches_that_fail_in_part() {
        let facts = |request, response| Facts {
            event_name: Some("DeleteFlowLogs"),
            request_parameters: Some(request),
            response_elements: Some(response),
            ..Facts::default()
        };
        let one = r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"content":"fl-1","tag":1}}}"#;
        let two = r#"{"DeleteFlowLogsRequest":{"FlowLogId":[{"content":"fl-1","tag":1},{"content":"fl-2","tag":2}]}}"#;
        let failed = r#"{"DeleteFlowLogsResponse":{"unsuccessful":{"item":{"resourceId":"fl-1"}}}}"#;
        assert_eq!(classify(&facts(one, failed)), Outcome::Failed);
        assert_eq!((classify(&facts(two, failed)), failed_parts(&facts(two, failed))), (Outcome::Ok, 1));
        let findings = Facts {
            event_name: Some("BatchUpdateFindings"),
            event_source: Some("securityhub.amazonaws.com"),
            request_parameters: Some(r#"{"findingIdentifiers":[{"id":"a"}]}"#),
            response_elements: Some(r#"{"processedFindings":[],"unprocessedFindings":[{"errorCode":"FindingNotFound"}]}"#),
            ..Facts::default()
        };
        assert_eq!(classify(&findings), Outcome::Failed);
        let none = r#"{"DeleteFlowLogsResponse":{"unsuccessful":""}}"#;
        assert_eq!((classify(&facts(one, none)), failed_parts(&facts(one, none))), (Outcome::Ok, 0));
        let tasks = r#"{"tasks":[{"taskArn":"a"}],"failures":[{"reason":"x"}]}"#;
        assert_eq!(classify(&facts("{}", tasks)), Outcome::Ok);
        assert_eq!(classify(&facts("{}", r#"{"tasks":[],"failures":[{"reason":"x"}]}"#)), Outcome::Failed);
    }

    #[test]
    fn rules_that_were_not_there_were_not_revoked() {
        let of = |request, response| {
            let facts = Facts {
                event_name: Some("RevokeSecurityGroupIngress"),
                request_parameters: Some(request),
                response_elements: Some(response),
                ..Facts::default()
            };
            (classify(&facts), failed_parts(&facts))
        };
        let two = r#"{"groupId":"sg-1","ipPermissions":{"items":[{"ipProtocol":"tcp","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"},{"cidrIp":"10.0.0.0/8"}]}}]}}"#;
        let both = r#"{"_return":true,"unknownIpPermissionSet":{"items":[{"ipProtocol":"tcp","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"},{"cidrIp":"10.0.0.0/8"}]}}]}}"#;
        let one =
            r#"{"_return":true,"unknownIpPermissionSet":{"items":[{"ipProtocol":"tcp","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}"#;
        assert_eq!(of(two, both), (Outcome::Failed, 2));
        assert_eq!(of(two, one), (Outcome::Ok, 1));
        let flat = r#"{"groupName":"default","ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIp":"0.0.0.0/0","ipPermissions":{}}"#;
        assert_eq!(of(flat, one), (Outcome::Failed, 1));
        assert_eq!(of(two, r#"{"_return":true,"unknownIpPermissionSet":{}}"#), (Outcome::Ok, 0));
    }

    #[test]
    fn what_a_record_does_not_say() {
        assert_eq!(classify(&Facts::default()), Outcome::Unknown);
        let facts = Facts { event_name: Some("PutObject"), error_message: Some("something"), ..Facts::default() };
        assert_eq!(classify(&facts), Outcome::Unknown);
        assert_eq!(classify(&Facts { error_message: None, error_code: Some(""), ..facts }), Outcome::Ok);
    }

    #[test]
    fn words_round_trip() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{outcome}\""));
        }
        assert_eq!(Outcome::parse("success"), None);
    }
}
