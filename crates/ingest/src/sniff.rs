//! What a piece of evidence holds, told from its first bytes, never from its name.

use std::sync::Arc;

use backtrail_acquire::unsupported_compression;
use backtrail_flowlogs::{Format, resembles_record};
use memchr::memmem;

use crate::kind::Kind;
use crate::outline::Outline;

/// Bytes that are looked at.
pub const HEAD: usize = 64 << 10;
/// Lines in which the output of a tool has come to its first record.
const FIRST_LINES: usize = 3;
/// Bytes at the end of a Parquet file in which its column names are sought.
pub const PARQUET_TAIL: usize = 256 << 10;

/// How CloudTrail begins the files it delivers.
const TRAIL_FILE: &[u8] = br#"{"Records":[{"eventVersion":"1."#;

/// The kind of content that starts with `head`. For Parquet, `tail` gives the end of the file.
#[must_use]
pub fn sniff(head: &[u8], tail: impl FnOnce() -> Vec<u8>) -> Kind {
    let head = &head[..head.len().min(HEAD)];
    if head.is_empty() {
        return Kind::Empty;
    }
    if let Some(name) = unsupported_compression(head) {
        return Kind::Compressed(name);
    }
    if head.starts_with(b"PAR1") {
        return parquet(&tail());
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // Nearly all evidence, by number of files; the outline of the document need not be drawn to know it.
    if head.starts_with(TRAIL_FILE) {
        return Kind::CloudTrail;
    }
    if !is_text(head) {
        return Kind::Binary;
    }
    let text = head.trim_ascii_start();
    match text.first() {
        None => Kind::Empty,
        Some(b'{' | b'[') => json(text),
        // A line of syslog starts with its priority: `<134>`.
        Some(b'<') if !text.get(1).is_some_and(u8::is_ascii_digit) => Kind::Markup,
        Some(_) => lines(text),
    }
}

/// Whether the first record of a text, or the first message of JSON, has a layout of flow logs that the user declared.
#[must_use]
pub fn is_declared(head: &[u8], formats: &[Arc<Format>]) -> bool {
    if formats.is_empty() {
        return false;
    }
    let text = head[..head.len().min(HEAD)].trim_ascii_start();
    let line = if starts_as_json(text) {
        let Some(at) = memmem::find(text, b"\"message\"") else { return false };
        let value = text[at + b"\"message\"".len()..].trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        value.strip_prefix(b"\"").unwrap_or_default().split(|b| *b == b'"').next()
    } else {
        text.split(|b| *b == b'\n').next()
    };
    let line = line.unwrap_or_default().trim_ascii_end();
    let first = line.split(|b| *b == b' ').next().unwrap_or_default();
    let record = if is_instant(first) { line[first.len()..].trim_ascii_start() } else { line };
    formats.iter().any(|format| format.fits(record))
}

/// Whether records are spoken of in a text that is no JSON from its first byte to its last, or holds bytes no text has: warnings of a
/// tool before its output, quoted records, tables with a column of them, one record with a zero byte, or packed in base64. Reading it
/// tells.
#[must_use]
pub fn mentions_records(kind: Kind, head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    let is_packed = || [&b"H4sI"[..], b"eyJ"].iter().any(|start| head.trim_ascii_start().starts_with(start));
    match kind {
        Kind::Text | Kind::Csv => is_packed() || names_calls(head),
        Kind::Binary | Kind::Markup => names_calls(head),
        _ => false,
    }
}

/// Whether the fields that every call has are named, as CloudTrail or as query engines spell them, and a service.
fn names_calls(head: &[u8]) -> bool {
    has_all(head, &["eventSource", "eventName", ".amazonaws.com"]) || has_all(head, &["eventsource", "eventname", ".amazonaws.com"])
}

/// How far a text that is no JSON is made of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// It does not name their fields.
    None,
    /// It names them somewhere: a rule, a page, a program that speaks of records.
    Some,
    /// It starts with them, as the outputs of tools do in notations that are not read (`--output text`, `--output yaml`).
    First,
}

/// Whether a text names the fields of records, whatever its notation: where nothing of it can be read, that must be said.
#[must_use]
pub fn names_fields(head: &[u8]) -> Names {
    let head = &head[..head.len().min(HEAD)];
    if !has_all(head, &["eventVersion", "eventSource", "eventName", ".amazonaws.com"]) {
        return Names::None;
    }
    let starts_with_record = |line: &[u8]| {
        ["eventVersion", "CloudTrailEvent", "userIdentity", "awsRegion", "eventTime"].iter().any(|name| has_all(line, &[name]))
    };
    let is_first = head.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(FIRST_LINES).any(starts_with_record);
    if is_first { Names::First } else { Names::Some }
}

/// Whether JSON has the fields of events under keys that are spelled in another way, as query engines and other products write them (`eventname`,
/// `event_name`, `EventName`): evidence, and not read.
#[must_use]
pub fn spells_fields_otherwise(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    if !starts_as_json(head) || has_all(head, &["\"eventName\"", "\"eventSource\""]) {
        return false;
    }
    let folded: Vec<u8> = head.iter().filter(|b| !matches!(b, b'_' | b' ')).map(u8::to_ascii_lowercase).collect();
    let beside = ["\"awsregion\":", "\"eventversion\":", "\"useridentity", "\"username\":", "\"sourceipaddress\":"];
    has_all(&folded, &["\"eventname\":\"", "\"eventsource\":\"", ".amazonaws.com\""]) && beside.iter().any(|name| has_all(&folded, &[name]))
}

/// Whether JSON holds a whole record somewhere, as an object or as a string: where those that are read stand, or under keys that nobody
/// knows.
#[must_use]
pub fn holds_record(head: &[u8]) -> bool {
    let outline = Outline::of(&head[..head.len().min(HEAD)]);
    outline.around("eventSource").any(|place| is_record(&outline, place)) || outline.strings().any(|(_, text)| is_record_string(text))
}

/// Whether a text starts as a JSON document does.
#[must_use]
pub fn starts_as_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    matches!(head.first(), Some(b'{' | b'['))
}

fn has_all(text: &[u8], marks: &[&str]) -> bool {
    marks.iter().all(|mark| memmem::find(text, mark.as_bytes()).is_some())
}

/// Seeks records in evidence of another kind, chunk by chunk: findings and calls may stand in one file.
#[derive(Debug, Default)]
pub struct Seek {
    tail: Vec<u8>,
}

impl Seek {
    /// Names that records have and other evidence has not.
    const MARKS: [&str; 2] = ["eventSource", "eventVersion"];
    /// A name may stand across two chunks.
    const OVERLAP: usize = 16;

    /// Whether a record is spoken of up to the end of this chunk.
    pub fn is_found_in(&mut self, chunk: &[u8]) -> bool {
        let has_mark = |text: &[u8]| Self::MARKS.iter().any(|mark| memmem::find(text, mark.as_bytes()).is_some());
        self.tail.extend_from_slice(&chunk[..chunk.len().min(Self::OVERLAP)]);
        if has_mark(&self.tail) || has_mark(chunk) {
            return true;
        }
        if chunk.len() >= Self::OVERLAP {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - Self::OVERLAP..]);
        }
        false
    }
}

/// No zero bytes, and hardly any control characters. Invalid UTF-8 is left to the decoder: one broken record does not make a file binary.
fn is_text(head: &[u8]) -> bool {
    let odd = head.iter().filter(|b| matches!(b, 1..=8 | 11 | 14..=29 | 31 | 127)).count();
    memchr::memchr(0, head).is_none() && odd * 50 <= head.len()
}

fn parquet(tail: &[u8]) -> Kind {
    let names = |name: &str| memmem::find(tail, name.as_bytes()).is_some();
    if names("class_uid") && (names("metadata") || names("activity_id")) {
        Kind::Ocsf
    } else if names("tgw_id") || names("tgw-id") || names("tgw_attachment_id") {
        Kind::TransitGatewayFlowLogs
    } else if names("srcaddr") && names("dstaddr") {
        Kind::FlowLogs
    } else {
        Kind::Parquet
    }
}

/// Where the fields of a record stand in each wrapper that holds the original one.
const RECORD_PLACES: [&str; 12] = [
    "",
    "Records",
    "detail",
    "_source",
    "hits.hits._source",
    "Records.detail",
    "aws.cloudtrail",
    "_source.aws.cloudtrail",
    "eventData",
    "eventjson",
    "event",
    "result",
];

/// Where a record stands as a string.
const STRING_PLACES: [&str; 14] = [
    "CloudTrailEvent",
    "Events.CloudTrailEvent",
    "logEvents.message",
    "events.message",
    "message",
    "Message",
    "_raw",
    "result._raw",
    "event.original",
    "_source.event.original",
    "_source.message",
    "hits.hits._source.message",
    "hits.hits._source.event.original",
    "eventData",
];

/// The least a record has: whose call it was, and one more.
const CALL: [&str; 2] = ["eventSource", "eventName"];
/// Fields whose names, four of them, make a table worth trying.
const TABLE_FIELDS: [&str; 10] = [
    "eventname",
    "eventid",
    "eventtime",
    "eventsource",
    "eventtype",
    "requestid",
    "requestparameters",
    "sourceip",
    "sourceipaddress",
    "useridentity",
];
const ONE_MORE: [&str; 8] =
    ["eventVersion", "eventTime", "eventID", "awsRegion", "userIdentity", "eventType", "recipientAccountId", "sourceIPAddress"];

fn json(text: &[u8]) -> Kind {
    let outline = Outline::of(text);
    if outline.is_empty() {
        // `[]`, a list of numbers, or not JSON after all.
        return lines_or_json(text);
    }
    let certain = RECORD_PLACES.iter().any(|place| is_record(&outline, place)) || holds_record_string(&outline);
    if certain {
        return Kind::CloudTrail;
    }
    KINDS.iter().find(|(_, test)| test(&outline)).map_or(Kind::PerhapsCloudTrail, |(kind, _)| *kind)
}

/// A text that starts like JSON and is none: `[INFO] started`.
fn lines_or_json(text: &[u8]) -> Kind {
    match text.get(1..).map(<[u8]>::trim_ascii_start).and_then(<[u8]>::first) {
        Some(b'"' | b'{' | b'[' | b']' | b'}' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') | None => Kind::PerhapsCloudTrail,
        Some(_) => Kind::Text,
    }
}

fn is_record(outline: &Outline<'_>, place: &str) -> bool {
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    let call = outline.has_all(place, &CALL) && outline.values(&at("eventSource")).any(|v| v.ends_with(b".amazonaws.com"));
    let event = call && ONE_MORE.iter().any(|key| outline.has(&at(key)));
    let insight = outline.has_all(place, &["insightDetails", "eventVersion"]);
    let aggregated = outline.says(&at("eventCategory"), "Aggregated") && outline.has(&at("timeWindow"));
    event || insight || aggregated
}

fn holds_record_string(outline: &Outline<'_>) -> bool {
    STRING_PLACES.iter().any(|place| outline.values(place).any(is_record_string))
}

fn is_record_string(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && has_all(text, &[r#"\"eventSource\""#, r#"\"eventName\""#, "amazonaws.com"])
}

type Test = fn(&Outline<'_>) -> bool;

/// Where findings stand: alone or one a line, in what list and get calls print, and in events of EventBridge.
const FINDINGS: [&str; 5] = ["", "Findings", "findings", "detail", "detail.findings"];

/// Other kinds of JSON, the narrowest first. One line each.
const KINDS: [(Kind, Test); 24] = [
    (Kind::JsonSchema, |o| o.has("$schema") && (o.has("properties") || o.has("definitions") || o.has("$defs"))),
    (Kind::CloudTrailDigest, |o| o.has("digestEndTime") && o.has("logFiles")),
    (Kind::LakeSignature, |o| o.has("hashSignature") && o.has("files.fileHashValue")),
    (Kind::PublicKeys, |o| o.has_all("PublicKeyList", &["Fingerprint", "Value"])),
    (Kind::ObjectMetadata, is_object_metadata),
    (Kind::Config, |o| o.has("configurationItems") || is_config_item(o, "")),
    (Kind::ConfigNotification, is_config_notification),
    (Kind::SecurityHubOcsf, |o| o.says("detail-type", "Findings Imported V2")),
    (Kind::SecurityHub, |o| o.says("detail-type", "Security Hub ") || FINDINGS.iter().any(|p| is_asff(o, p))),
    (Kind::Macie, |o| o.says("detail-type", "Macie Finding") || FINDINGS.iter().any(|p| is_macie(o, p))),
    (Kind::GuardDuty, |o| o.says("detail-type", "GuardDuty Finding") || FINDINGS.iter().any(|p| is_guardduty(o, p))),
    (Kind::Health, |o| o.says("detail-type", "AWS Health")),
    (Kind::Inspector, |o| o.says("detail-type", "Inspector2 Finding") || FINDINGS.iter().any(|p| is_inspector(o, p))),
    (Kind::CredentialReport, |o| o.has_all("", &["Content", "ReportFormat"])),
    (Kind::AccessAnalyzer, |o| {
        o.says("detail-type", "Access Analyzer Finding") || FINDINGS.iter().any(|p| o.has_all(p, &["analyzedAt", "resourceOwnerAccount"]))
    }),
    (Kind::Ocsf, |o| o.has("class_uid") && o.has("metadata") && (o.has("category_uid") || o.has("activity_id"))),
    (Kind::FlowLogs, holds_flow_lines),
    (Kind::ResolverLogs, |o| o.has_all("", &["query_name", "query_type"]) && (o.has("srcaddr") || o.has("srcids"))),
    (Kind::WafLogs, |o| o.has_all("", &["webaclId", "httpRequest"])),
    (Kind::EksAudit, |o| o.says("apiVersion", "audit.k8s.io") || o.says("logEvents.message", "audit.k8s.io")),
    (Kind::NetworkInventory, is_network_inventory),
    (Kind::Inventory, is_inventory),
    (Kind::FlowLogs, |o| o.has_all("", &["srcaddr", "dstaddr"]) && o.around("srcport").next().is_some()),
    (Kind::Json, |o| o.has("openapi") || o.has("swagger") || o.has("nbformat")),
];

/// What `head-object` prints, or what this program's collector keeps beside an object.
fn is_object_metadata(o: &Outline<'_>) -> bool {
    let metadata = o.has("Metadata") || o.has("metadata") || o.around("x-amz-meta-signature").next().is_some();
    metadata && (o.has("ETag") || o.around("x-amz-meta-signature").next().is_some() || o.around("signature-algorithm").next().is_some())
}

fn is_config_item(o: &Outline<'_>, place: &str) -> bool {
    o.has_all(place, &["configurationItemCaptureTime", "resourceType"])
}

fn is_config_notification(o: &Outline<'_>) -> bool {
    o.has("configurationItemDiff")
        || is_config_item(o, "configurationItem")
        || (o.has("messageType") && (o.has("configRuleName") || o.has("configSnapshotId") || o.has("configurationItemSummary")))
        || o.says("source", "aws.config")
        || (o.has("invokingEvent") && o.has("configRuleName"))
        || o.says("Message", "configurationItem")
}

fn is_asff(o: &Outline<'_>, place: &str) -> bool {
    o.has_all(place, &["SchemaVersion", "ProductArn", "GeneratorId"])
}

/// A finding of Macie has what GuardDuty's has not: whether it is of a policy or of sensitive data.
fn is_macie(o: &Outline<'_>, place: &str) -> bool {
    o.has_all(place, &["resourcesAffected", "severity"])
        && (o.has_all(place, &["category"]) || o.has_all(place, &["classificationDetails"]))
}

fn is_inspector(o: &Outline<'_>, place: &str) -> bool {
    o.has_all(place, &["findingArn", "inspectorScore"]) || o.has_all(place, &["findingArn", "packageVulnerabilityDetails"])
}

fn is_guardduty(o: &Outline<'_>, place: &str) -> bool {
    let camel = o.has_all(place, &["schemaVersion", "service", "severity", "resource"]);
    // Products that re-shape findings leave their ARN.
    let named = ["arn", "Arn"].iter().any(|key| {
        let path = if place.is_empty() { (*key).to_owned() } else { format!("{place}.{key}") };
        o.says(&path, ":guardduty:")
    });
    camel
        || named
        || o.has_all(place, &["SchemaVersion", "Service", "Severity", "Resource"])
        || o.has_all(place, &["Service.DetectorId", "Type"])
}

/// Flow records as messages of CloudWatch Logs or of indexed documents.
fn holds_flow_lines(o: &Outline<'_>) -> bool {
    o.strings().any(|(_, value)| value.len() < 2000 && resembles_record(value))
}

/// Lists that say which interface had which address, and how subnets are reached.
fn is_network_inventory(o: &Outline<'_>) -> bool {
    const LISTS: [(&str, &str); 6] = [
        ("NetworkInterfaces", "NetworkInterfaceId"),
        ("Reservations", "Instances"),
        ("Instances", "InstanceId"),
        ("Addresses", "PublicIp"),
        ("RouteTables", "RouteTableId"),
        ("NetworkAcls", "NetworkAclId"),
    ];
    LISTS.iter().any(|(list, key)| o.has_all(list, &[key]))
}

/// Other lists as the describe and list calls give them.
fn is_inventory(o: &Outline<'_>) -> bool {
    const LISTS: [(&str, &str); 8] = [
        ("SecurityGroups", "GroupId"),
        ("SecurityGroupRules", "SecurityGroupRuleId"),
        ("Vpcs", "VpcId"),
        ("Subnets", "SubnetId"),
        ("NatGateways", "NatGatewayId"),
        ("InternetGateways", "InternetGatewayId"),
        ("VpcEndpoints", "VpcEndpointId"),
        ("FlowLogs", "FlowLogId"),
    ];
    LISTS.iter().any(|(list, key)| o.has_all(list, &[key]))
}

/// Text that is not JSON from its first byte.
fn lines(text: &[u8]) -> Kind {
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_end();
    let fields: Vec<&[u8]> = line.split(|b| *b == b' ' || *b == b'\t').filter(|f| !f.is_empty()).collect();
    let first = fields.first().copied().unwrap_or_default();
    // CloudWatch Logs writes each exported line as a time, a space and the message.
    if is_instant(first) {
        let rest = line[first.len()..].trim_ascii_start();
        if rest.first() == Some(&b'{') {
            let after = &text[first.len()..];
            return match json(after.trim_ascii_start()) {
                Kind::CloudTrail => Kind::CloudTrail,
                Kind::PerhapsCloudTrail | Kind::Json => Kind::PerhapsCloudTrail,
                other => other,
            };
        }
        if backtrail_flowlogs::is_header(rest) || resembles_record(rest) {
            return Kind::FlowLogs;
        }
        if fields.len() >= 12 && fields.get(2).is_some_and(|f| memchr::memchr(b':', f).is_some()) {
            return Kind::LoadBalancerLogs;
        }
    }
    if backtrail_flowlogs::is_header(line) {
        let transit = has(&fields, b"tgw-id") || has(&fields, b"tgw-attachment-id");
        return if transit { Kind::TransitGatewayFlowLogs } else { Kind::FlowLogs };
    }
    if line.starts_with(b"user,arn,user_creation_time,") {
        return Kind::CredentialReport;
    }
    if resembles_record(line) {
        return Kind::FlowLogs;
    }
    if matches!(first, b"http" | b"https" | b"h2" | b"grpcs" | b"ws" | b"wss" | b"tls") && fields.get(1).is_some_and(|f| is_instant(f)) {
        return Kind::LoadBalancerLogs;
    }
    if first == b"tls" && fields.len() > 20 {
        return Kind::LoadBalancerLogs;
    }
    if first.len() == 64 && first.iter().all(u8::is_ascii_hexdigit) && fields.get(2).is_some_and(|f| f.starts_with(b"[")) {
        return Kind::S3AccessLogs;
    }
    if line.starts_with(b"#Version: 1.0") {
        return Kind::CloudFrontLogs;
    }
    csv(line)
}

fn has(fields: &[&[u8]], name: &[u8]) -> bool {
    fields.iter().any(|f| f.eq_ignore_ascii_case(name))
}

/// `2024-05-01T10:00:00` and what may follow.
fn is_instant(field: &[u8]) -> bool {
    field.len() >= 19
        && field.iter().take(19).enumerate().all(|(i, b)| match i {
            4 | 7 => *b == b'-',
            10 => *b == b'T',
            13 | 16 => *b == b':',
            _ => b.is_ascii_digit(),
        })
}

/// A table whose header names a record's fields is CloudTrail Lake's; any other is not known.
fn csv(line: &[u8]) -> Kind {
    if memchr::memchr(b',', line).is_none() {
        return Kind::Text;
    }
    let columns: Vec<&[u8]> = line.split(|b| *b == b',').map(|c| c.trim_ascii().trim_ascii()).map(unquoted).collect();
    let names = |name: &str| columns.iter().any(|c| c.eq_ignore_ascii_case(name.as_bytes()));
    if CALL.iter().all(|n| names(n)) && ONE_MORE.iter().any(|n| names(n)) {
        return Kind::CloudTrail;
    }
    if names("eventJson") || names("eventData") || names("CloudTrailEvent") {
        return Kind::PerhapsCloudTrail;
    }
    // Other exports spell the fields as they like: `Event Name`, `event_id`.
    let spelled = |c: &&&[u8]| {
        let plain: Vec<u8> = c.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        TABLE_FIELDS.iter().any(|f| f.as_bytes() == plain)
    };
    if columns.iter().filter(spelled).count() >= 4 {
        return Kind::PerhapsCloudTrail;
    }
    // Prose has commas too: a header is short words only.
    if columns.len() >= 3 && columns.iter().all(|c| c.len() < 60) { Kind::Csv } else { Kind::Text }
}

fn unquoted(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\"")).unwrap_or(cell)
}

#[cfg(test)]
#[path = "sniff_tests.rs"]
mod tests;
