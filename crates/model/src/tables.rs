//! The tables of a store: their columns, in order, with what each means. `docs/reference/schema.md` is generated from here.
//!
//! Types are those every Delta reader has: text, 64- and 32-bit integers, booleans, binary, and microsecond UTC timestamps.
//! Nested JSON stays JSON text. Field names are AWS's own in snake_case (CloudTrail user guide, "CloudTrail record contents").

mod flows;
mod interfaces;

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
pub use flows::FIELDS as FLOW_FIELDS;
use flows::FLOWS;
use interfaces::INTERFACES;

/// The partition column of the event tables: the UTC date of the event as `YYYY-MM-DD`, or [`UNKNOWN_DATE`]. Not stored inside the data files.
pub const EVENT_DATE: &str = "event_date";
/// Partition of events without a usable time.
pub const UNKNOWN_DATE: &str = "unknown";
/// Version of this layout, kept in the store: a newer one is refused, an older one is said.
pub const STORE_FORMAT_VERSION: u32 = 1;

/// A table of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The ledger: one row per file, archive member or stream.
    Evidence,
    /// Records that could not be taken in.
    Rejects,
    /// CloudTrail events.
    Cloudtrail,
    /// Each copy of an event in a piece of evidence.
    EventOrigins,
    /// CloudTrail Insights records.
    CloudtrailInsights,
    /// CloudTrail five-minute aggregates of data events.
    CloudtrailAggregated,
    /// Credentials that calls issued.
    Credentials,
    /// What events touch.
    EventArns,
    /// Records of the calls that later events depend on.
    PivotalCalls,
    /// VPC and Transit Gateway flow log records.
    Flows,
    /// State of resources as somebody read it.
    ConfigItems,
    /// What calls and listings say of network interfaces.
    Interfaces,
}

impl Table {
    /// Every table, in the order a commit writes them: the ledger last, its row is the commit point.
    pub const ALL: [Self; 12] = [
        Self::Cloudtrail,
        Self::CloudtrailInsights,
        Self::CloudtrailAggregated,
        Self::EventOrigins,
        Self::Credentials,
        Self::EventArns,
        Self::PivotalCalls,
        Self::Flows,
        Self::ConfigItems,
        Self::Interfaces,
        Self::Rejects,
        Self::Evidence,
    ];

    /// Its name in SQL and its folder in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Rejects => "rejects",
            Self::Cloudtrail => "cloudtrail",
            Self::EventOrigins => "event_origins",
            Self::CloudtrailInsights => "cloudtrail_insights",
            Self::CloudtrailAggregated => "cloudtrail_aggregated",
            Self::Credentials => "credentials",
            Self::EventArns => "event_arns",
            Self::PivotalCalls => "pivotal_calls",
            Self::Flows => "flows",
            Self::ConfigItems => "config_items",
            Self::Interfaces => "interfaces",
        }
    }

    /// One row per what.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Evidence => {
                "One row per file, archive member or stream read: its hashes, where it was met, what it held and what became of it."
            }
            Self::Rejects => "One row per record that could not be taken in: where, why, and its bytes (capped, with length and hash).",
            Self::Cloudtrail => "One row per CloudTrail event: management, data and network-activity events.",
            Self::EventOrigins => "One row per copy of an event in a piece of evidence.",
            Self::CloudtrailInsights => "One row per CloudTrail Insights record (unusual call or error rates).",
            Self::CloudtrailAggregated => "One row per CloudTrail aggregated record (five-minute summaries of data events).",
            Self::Credentials => {
                "One row per copy of an event that issued credentials, by a role assumed, a sign-in or a new key: what was issued, and who called; sorted by method, then by time, in each file. Made from raw."
            }
            Self::EventArns => {
                "One row per ARN that a copy of an event touches, and how that is known; sorted by name in each file. Joins cloudtrail by evidence_id and record_index. Made from raw."
            }
            Self::PivotalCalls => {
                "One row per event that later ones depend on, for questions over all time: calls that change what is logged, that set up functions, instances, tasks, Auto Scaling groups and stacks, that name security groups, and that issue keys, passwords and sign-ins. The same rows as in cloudtrail, with few of their columns. Made from raw."
            }
            Self::Flows => {
                "One row per record of VPC and Transit Gateway flow logs, NODATA and SKIPDATA included. Equal records of one flow log are one row, however often they were delivered; flow logs that cover the same interface both have their rows."
            }
            Self::ConfigItems => {
                "One row per resource and reading of its state: what describe-network-interfaces, describe-instances, describe-addresses, describe-route-tables and describe-network-acls list. Equal readings are one row."
            }
            Self::Interfaces => {
                "One row per observation that ties a network interface, an address, an instance or service and security groups at a time: by a call, or by a listing; of an interface with several addresses one for each. From when to when something was so follows from all of them (`flows`, `profile`). Made from raw."
            }
        }
    }

    /// Whether it is partitioned by [`EVENT_DATE`].
    #[must_use]
    pub fn is_dated(self) -> bool {
        !matches!(self, Self::Evidence | Self::Rejects)
    }

    /// Whether rows are unique by `dedupe_key`, copies of one record being folded into one row.
    #[must_use]
    pub fn is_deduplicated(self) -> bool {
        matches!(self, Self::Cloudtrail | Self::CloudtrailInsights | Self::CloudtrailAggregated | Self::PivotalCalls | Self::ConfigItems)
    }

    /// How rows without a name of their own are told apart, in tables of such.
    #[must_use]
    pub fn told_apart(self) -> Option<ToldApart> {
        (self == Self::Flows).then_some(ToldApart {
            stated: flows::STATED,
            telling: flows::TELLING,
            by: "flow_log_id",
            owner: "account_id",
        })
    }

    /// Whether each record that is taken in is a row of this table or of another such: by their rows the ledger tells kept records from duplicates.
    #[must_use]
    pub fn counts_records(self) -> bool {
        matches!(self, Self::Cloudtrail | Self::CloudtrailInsights | Self::CloudtrailAggregated | Self::Flows | Self::ConfigItems)
    }

    /// The columns that its rows are sorted by in each data file, so that the order is the same whatever the arrival.
    #[must_use]
    pub fn sorted_by(self) -> &'static [&'static str] {
        match self {
            Self::Cloudtrail | Self::CloudtrailInsights | Self::CloudtrailAggregated | Self::EventOrigins | Self::PivotalCalls => {
                &["event_time", "event_id", "record_sha256", "evidence_id", "record_index"]
            }
            // Nearly all is AssumeRole; the few other calls are sought over all time, and stand together.
            Self::Credentials => &["method", "event_time", "event_id", "record_sha256", "evidence_id", "record_index"],
            // Not by time: what touched a thing is sought over all time, and stands together.
            Self::EventArns => &["name", "event_time", "arn", "evidence_id", "record_index"],
            // A record's order in its file is kept within a second: no other column orders records as cheaply, and neighbours compress best.
            Self::Flows => &["event_time", "evidence_id", "record_index"],
            Self::ConfigItems => &["event_time", "resource_id", "record_sha256", "evidence_id", "record_index"],
            Self::Interfaces => &["event_time", "interface_id", "evidence_id", "record_index"],
            Self::Rejects => &["evidence_id", "record_index"],
            Self::Evidence => &["evidence_id", "decoder"],
        }
    }

    /// The columns of its data files; [`EVENT_DATE`] is not among them.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Evidence => EVIDENCE,
            Self::Rejects => REJECTS,
            Self::Cloudtrail => CLOUDTRAIL,
            Self::EventOrigins => EVENT_ORIGINS,
            Self::CloudtrailInsights => CLOUDTRAIL_INSIGHTS,
            Self::CloudtrailAggregated => CLOUDTRAIL_AGGREGATED,
            Self::Credentials => CREDENTIALS,
            Self::EventArns => EVENT_ARNS,
            Self::PivotalCalls => PIVOTAL_CALLS,
            Self::Flows => FLOWS,
            Self::ConfigItems => CONFIG_ITEMS,
            Self::Interfaces => INTERFACES,
        }
    }

    /// Arrow schema of its data files: [`Table::columns`], all nullable (a Delta reader must never fail on what evidence lacks).
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<(Table, SchemaRef)>> =
            LazyLock::new(|| Table::ALL.into_iter().map(|t| (t, schema_of(t.columns()))).collect());
        SCHEMAS.iter().find(|(t, _)| *t == self).map_or_else(|| schema_of(self.columns()), |(_, s)| Arc::clone(s))
    }

    /// Arrow schema of its rows on their way into the store: `raw` and the JSON columns are views, for each JSON value is a part of `raw`, and views
    /// into one block of memory hold and sort it without moving it. They are views of bytes: that a record is UTF-8 is checked once, when it is
    /// decoded, and Arrow would check each view of text again. Other texts of flow records come by number, each once in a batch: they repeat.
    /// In dated tables [`EVENT_DATE`] comes last.
    #[must_use]
    pub fn row_schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<(Table, SchemaRef)>> = LazyLock::new(|| Table::ALL.into_iter().map(|t| (t, row_schema(t))).collect());
        SCHEMAS.iter().find(|(t, _)| *t == self).map_or_else(|| row_schema(self), |(_, s)| Arc::clone(s))
    }
}

fn row_schema(table: Table) -> SchemaRef {
    let kind = |c: &Column| match c.kind {
        Kind::Json if table != Table::Evidence => DataType::BinaryView,
        _ if c.name == "raw" => DataType::BinaryView,
        Kind::Text if table == Table::Flows => DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
        other => other.data_type(),
    };
    let field = |c: &Column| Field::new(c.name, kind(c), true);
    let date = table.is_dated().then(|| Field::new(EVENT_DATE, DataType::Utf8, true));
    Arc::new(Schema::new(table.columns().iter().map(field).chain(date).collect::<Vec<_>>()))
}

fn schema_of(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|c| Field::new(c.name, c.kind.data_type(), true)).collect::<Vec<_>>()))
}

/// Rows without a name: those that state the same are copies, unless different sources delivered them, which each had them. A copy of which it
/// is not known what delivered it is one of any. In one piece of evidence equal rows are different ones, by their `occurrence`.
#[derive(Debug, Clone, Copy)]
pub struct ToldApart {
    /// The columns that state something.
    pub stated: &'static [Column],
    /// Those of `stated` that tell nearly all rows of one time apart, of rows that have a value in the first of them.
    pub telling: &'static [&'static str],
    /// The column that says what delivered it, where that is known.
    pub by: &'static str,
    /// One of `stated`, by which files mostly differ.
    pub owner: &'static str,
}

/// One column: its name, type and meaning.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name in SQL.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// What it holds, with units and source.
    pub doc: &'static str,
}

/// Column types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// JSON as delivered, as UTF-8 text.
    Json,
    /// Microseconds UTC.
    Time,
    /// True or false.
    Bool,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// Bytes.
    Binary,
}

impl Kind {
    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Binary => DataType::Binary,
        }
    }
}

const fn col(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    Column { name, kind, doc }
}

use Kind::{Binary, Bool, Int, Json, Long, Text, Time};

/// `cloudtrail`: CloudTrail record contents, eventVersion 1.0 to 1.11, then where the row comes from.
const CLOUDTRAIL: &[Column] = &[
    col(
        "event_time",
        Time,
        "eventTime: when the request completed, by the clock of the service's host. NULL where absent or outside 2006 to the day after it was taken in.",
    ),
    col("event_id", Text, "eventID: GUID CloudTrail gives each event it delivers; NULL in records older than eventVersion 1.01."),
    col("event_name", Text, "eventName: the API action."),
    col("event_source", Text, "eventSource: the service, as in ec2.amazonaws.com."),
    col("aws_region", Text, "awsRegion: the region the request was made to."),
    col("recipient_account_id", Text, "recipientAccountId: the account that received this record."),
    col("source_ip_address", Text, "sourceIPAddress: an address, a service's DNS name, or `AWS Internal`."),
    col("user_agent", Text, "userAgent, at most 1 KB."),
    col("error_code", Text, "errorCode: absent where the service reported none."),
    col("error_message", Text, "errorMessage."),
    col("read_only", Bool, "readOnly, also where it came as a string."),
    col("management_event", Bool, "managementEvent."),
    col("event_category", Text, "eventCategory: Management, Data, NetworkActivity."),
    col("event_type", Text, "eventType: AwsApiCall, AwsServiceEvent, AwsConsoleAction, AwsConsoleSignIn, AwsVpceEvent."),
    col("event_version", Text, "eventVersion, as delivered."),
    col("api_version", Text, "apiVersion."),
    col("request_id", Text, "requestID: given by the called service."),
    col(
        "shared_event_id",
        Text,
        "sharedEventID: one action delivered to several accounts carries one; it links rows and never merges them.",
    ),
    col("vpc_endpoint_id", Text, "vpcEndpointId."),
    col("vpc_endpoint_account_id", Text, "vpcEndpointAccountId."),
    col("session_credential_from_console", Bool, "sessionCredentialFromConsole, also where it came as a string."),
    col("user_identity_type", Text, "userIdentity.type: Root, IAMUser, AssumedRole, FederatedUser, AWSService, AWSAccount, ..."),
    col("user_identity_principal_id", Text, "userIdentity.principalId."),
    col("user_identity_arn", Text, "userIdentity.arn."),
    col("user_identity_account_id", Text, "userIdentity.accountId."),
    col("user_identity_access_key_id", Text, "userIdentity.accessKeyId; NULL where delivered as an empty string."),
    col("user_identity_user_name", Text, "userIdentity.userName."),
    col("user_identity_invoked_by", Text, "userIdentity.invokedBy: the service that called on somebody's behalf."),
    col("user_identity_invoked_by_delegate_account_id", Text, "userIdentity.invokedByDelegate.accountId."),
    col("user_identity_identity_provider", Text, "userIdentity.identityProvider."),
    col("user_identity_credential_id", Text, "userIdentity.credentialId: bearer credential or Identity Center portal session."),
    col("user_identity_on_behalf_of_user_id", Text, "userIdentity.onBehalfOf.userId: the Identity Center user."),
    col("user_identity_on_behalf_of_identity_store_arn", Text, "userIdentity.onBehalfOf.identityStoreArn."),
    col("user_identity_in_scope_of", Json, "userIdentity.inScopeOf: the workload credentials were issued to."),
    col("session_creation_date", Time, "userIdentity.sessionContext.attributes.creationDate: when the credentials were issued."),
    col("session_mfa_authenticated", Bool, "userIdentity.sessionContext.attributes.mfaAuthenticated (delivered as a string)."),
    col("session_issuer_type", Text, "userIdentity.sessionContext.sessionIssuer.type."),
    col("session_issuer_principal_id", Text, "userIdentity.sessionContext.sessionIssuer.principalId."),
    col("session_issuer_arn", Text, "userIdentity.sessionContext.sessionIssuer.arn: the role with its path."),
    col("session_issuer_account_id", Text, "userIdentity.sessionContext.sessionIssuer.accountId."),
    col("session_issuer_user_name", Text, "userIdentity.sessionContext.sessionIssuer.userName."),
    col("session_source_identity", Text, "userIdentity.sessionContext.sourceIdentity."),
    col("session_ec2_role_delivery", Text, "userIdentity.sessionContext.ec2RoleDelivery: version of the instance metadata service."),
    col("session_assumed_root", Bool, "userIdentity.sessionContext.assumedRoot (delivered as a string)."),
    col("session_sign_in_session_arn", Text, "userIdentity.sessionContext.signInSessionArn."),
    col("session_web_id_federation_data", Json, "userIdentity.sessionContext.webIdFederationData."),
    col(
        "request_parameters",
        Json,
        "requestParameters as delivered; CloudTrail omits it above 100 KB. A string where the service wrote one.",
    ),
    col("response_elements", Json, "responseElements as delivered."),
    col("additional_event_data", Json, "additionalEventData as delivered."),
    col("service_event_details", Json, "serviceEventDetails as delivered."),
    col("resources", Json, "resources: array of {ARN, accountId, type}."),
    col("tls_details", Json, "tlsDetails."),
    col("edge_device_details", Json, "edgeDeviceDetails."),
    col(
        "addendum",
        Json,
        "addendum: why the record came late (DELIVERY_DELAY, SERVICE_OUTAGE), or which earlier one it updates (UPDATED_DATA).",
    ),
    col("event_context", Json, "eventContext: CloudTrail Lake only."),
    col(
        "unknown_fields",
        Json,
        "Names of top-level fields this version does not know, as an array; their values are in raw. A row of a table that was made without a column that matters says so here: (no errorCode), (no requestParameters).",
    ),
    col("raw", Text, "The record as delivered: see raw_form. Never re-serialised."),
    col(
        "raw_form",
        Text,
        "exact: the record's bytes in the evidence. unescaped: it stood as a string, unescaped once. projected: no original record exists, raw is a row's cells.",
    ),
    col("record_sha256", Text, "SHA-256 of raw, lower-case hex."),
    col("dedupe_key", Binary, "16 bytes: the event's identity (event_id, else the canonical record's hash)."),
    col("copy_rank", Int, "Precedence of the route this copy came by; the lowest is shown."),
    col("id_conflict", Bool, "Another row has this event_id and other content: one of them may be forged."),
    col("evidence_id", Text, "SHA-256 of the evidence this copy stands in (evidence.evidence_id)."),
    col("record_index", Long, "Its number in that evidence, from 0."),
];

const EVENT_ORIGINS: &[Column] = &[
    col("event_time", Time, "Time of the event, as in its table."),
    col("event_id", Text, "eventID of the event, where it has one."),
    col("dedupe_key", Binary, "The event's identity, as in its table."),
    col("record_sha256", Text, "SHA-256 of this copy's raw, lower-case hex: equal to the shown copy's unless carriers differ."),
    col("raw_form", Text, "exact, unescaped or projected, as in cloudtrail."),
    col("route", Text, "trail_file, record, lake, cloudwatch_logs, eventbridge, lookup_events, wrapped."),
    col("copy_rank", Int, "Precedence of the route."),
    col("evidence_id", Text, "SHA-256 of the evidence this copy stands in."),
    col("record_index", Long, "Its number in that evidence, from 0."),
];

/// `credentials`: the caller's columns are those of `cloudtrail`, under the same names.
const CREDENTIALS: &[Column] = &[
    col("event_time", Time, "Time of the issuing call."),
    col("event_id", Text, "eventID of the issuing call."),
    col("event_name", Text, "eventName."),
    col("event_source", Text, "eventSource."),
    col("aws_region", Text, "awsRegion."),
    col("recipient_account_id", Text, "recipientAccountId."),
    col("shared_event_id", Text, "sharedEventID: another account's record of the same call has it too."),
    col("source_ip_address", Text, "sourceIPAddress of the caller."),
    col("session_credential_from_console", Bool, "sessionCredentialFromConsole."),
    col("user_identity_type", Text, "userIdentity.type of the caller; all further user_identity and session columns are the caller's."),
    col("user_identity_principal_id", Text, "userIdentity.principalId."),
    col("user_identity_arn", Text, "userIdentity.arn."),
    col("user_identity_account_id", Text, "userIdentity.accountId."),
    col("user_identity_access_key_id", Text, "userIdentity.accessKeyId: the key the call was signed with, parent of the one issued."),
    col("user_identity_user_name", Text, "userIdentity.userName."),
    col("user_identity_invoked_by", Text, "userIdentity.invokedBy."),
    col("user_identity_identity_provider", Text, "userIdentity.identityProvider."),
    col("user_identity_on_behalf_of_user_id", Text, "userIdentity.onBehalfOf.userId."),
    col("user_identity_in_scope_of", Json, "userIdentity.inScopeOf."),
    col("session_creation_date", Time, "creationDate of the caller's session."),
    col("session_mfa_authenticated", Bool, "mfaAuthenticated of the caller's session."),
    col("session_issuer_type", Text, "sessionIssuer.type."),
    col("session_issuer_principal_id", Text, "sessionIssuer.principalId."),
    col("session_issuer_arn", Text, "sessionIssuer.arn."),
    col("session_issuer_user_name", Text, "sessionIssuer.userName."),
    col("session_source_identity", Text, "sourceIdentity of the caller's session."),
    col("session_ec2_role_delivery", Text, "ec2RoleDelivery of the caller's session."),
    col("session_sign_in_session_arn", Text, "signInSessionArn of the caller's session."),
    col("method", Text, "The API action without a version, as in AssumeRole, ConsoleLogin, CreateAccessKey."),
    col("issued_access_key_id", Text, "The key issued; NULL where the record names none (sign-ins, Identity Center's portal)."),
    col(
        "issued_principal_id",
        Text,
        "Unique id of the session or user it is for: AROA...:session, AIDA...; equals user_identity_principal_id of its uses.",
    ),
    col("issued_arn", Text, "ARN of the session or user it is for; of a portal call of Identity Center `<account>/<permission set>`."),
    col(
        "issued_subject",
        Text,
        "Who an identity provider vouched for: SAML or OpenID subject, identity of a pool of Cognito, certificate with its trust anchor. Of SwitchRole: ARN of who switched (SwitchFrom).",
    ),
    col("by_identity_center", Bool, "IAM Identity Center assumed the role: the key used later is another one than issued_access_key_id."),
    col("dedupe_key", Binary, "The event's identity, as in cloudtrail."),
    col("record_sha256", Text, "SHA-256 of this copy's raw, lower-case hex."),
    col("copy_rank", Int, "Precedence of the route this copy came by."),
    col("evidence_id", Text, "SHA-256 of the evidence this copy stands in."),
    col("record_index", Long, "Its number in that evidence, from 0."),
];

/// `event_arns`: without the event's id, which would be most of its bytes; where the copy stands leads to all of it.
const EVENT_ARNS: &[Column] = &[
    col("event_time", Time, "Time of the event."),
    col("arn", Text, "What it touches, as an ARN. Built from the event's region and account where the record has a bare id or name."),
    col(
        "name",
        Text,
        "What follows the type in the ARN: sg-..., i-..., bucket, bucket/key; of IAM's the last segment of the path. Rows are sorted by it.",
    ),
    col("part", Text, "target: the call acted on it. related: named beside the target. mentioned: it stands somewhere in the record."),
    col(
        "basis",
        Text,
        "resources: resources[] lists it. rule: a parameter known for this call. error_message: the call was refused on it. id_text, arn_text: an EC2 id or an ARN stands in the record.",
    ),
    col("path", Text, "Where in the record it stands, as in requestParameters.groupId."),
    col(
        "owner_is_stated",
        Bool,
        "Whether the record states whose it is. If not, the account in arn is the one that received the record, and what is shared may be another's.",
    ),
    col("event_source", Text, "eventSource."),
    col("event_name", Text, "eventName."),
    col("recipient_account_id", Text, "recipientAccountId."),
    col("evidence_id", Text, "SHA-256 of the evidence this copy stands in."),
    col("record_index", Long, "Its number in that evidence, from 0."),
];

/// Columns that the tables of whole records other than `cloudtrail` end with, as there.
macro_rules! with_provenance {
    ($($column:expr),* $(,)?) => {
        &[
            $($column,)*
            col("raw", Text, "The record as delivered."),
            col("raw_form", Text, "exact, unescaped or projected."),
            col("record_sha256", Text, "SHA-256 of raw, lower-case hex."),
            col("dedupe_key", Binary, "16 bytes: the record's identity."),
            col("copy_rank", Int, "Precedence of the route this copy came by; the lowest is shown."),
            col("id_conflict", Bool, "Another row has this id and other content."),
            col("evidence_id", Text, "SHA-256 of the evidence this copy stands in."),
            col("record_index", Long, "Its number in that evidence, from 0."),
        ]
    };
}

/// `pivotal_calls`: what the other columns of `cloudtrail` are made of, and what a reader narrows by.
const PIVOTAL_CALLS: &[Column] = with_provenance![
    col("event_time", Time, "Time of the event."),
    col("event_id", Text, "eventID."),
    col("event_name", Text, "eventName."),
    col("event_source", Text, "eventSource."),
    col("recipient_account_id", Text, "recipientAccountId."),
    col("aws_region", Text, "awsRegion."),
];

const CLOUDTRAIL_INSIGHTS: &[Column] = with_provenance![
    col("event_time", Time, "eventTime."),
    col("event_id", Text, "eventID."),
    col("aws_region", Text, "awsRegion."),
    col("recipient_account_id", Text, "recipientAccountId."),
    col("event_type", Text, "eventType: AwsCloudTrailInsight."),
    col("event_category", Text, "eventCategory: Insight."),
    col("event_version", Text, "eventVersion."),
    col("shared_event_id", Text, "sharedEventID: here it pairs the Start and End of one insight."),
    col("insight_state", Text, "insightDetails.state: Start or End."),
    col("insight_event_source", Text, "insightDetails.eventSource."),
    col("insight_event_name", Text, "insightDetails.eventName."),
    col("insight_type", Text, "insightDetails.insightType: ApiCallRateInsight, ApiErrorRateInsight."),
    col("insight_error_code", Text, "insightDetails.errorCode."),
    col("insight_context", Json, "insightDetails.insightContext: statistics and attributions."),
];

const CLOUDTRAIL_AGGREGATED: &[Column] = with_provenance![
    col("event_time", Time, "timeWindow.windowStart."),
    col("window_end", Time, "timeWindow.windowEnd."),
    col("window_size", Text, "timeWindow.windowSize, as in PT5M."),
    col("event_id", Text, "eventId."),
    col("account_id", Text, "accountId."),
    col("aws_region", Text, "awsRegion."),
    col("event_source", Text, "eventSource."),
    col("event_type", Text, "eventType: AwsAggregatedEvent."),
    col("event_category", Text, "eventCategory: Aggregated."),
    col("event_version", Text, "eventVersion."),
    col("primary_dimension", Text, "summary.primaryDimension.dimension."),
    col("summary", Json, "summary: dimensions with their counts."),
];

/// `config_items`: what every source of state has.
const CONFIG_ITEMS: &[Column] = with_provenance![
    col(
        "event_time",
        Time,
        "When the state was so: of a listing, which does not say when it was read, the time it states of the attachment or the launch; NULL where it states none.",
    ),
    col("resource_type", Text, "AWS Config's name of the type, as in AWS::EC2::NetworkInterface."),
    col("resource_id", Text, "eni-..., i-..., eipalloc-..., rtb-..., acl-..., or an address without an allocation."),
    col("account_id", Text, "Owner, where the item says it."),
    col(
        "source",
        Text,
        "What it comes from: describe-network-interfaces, describe-instances, describe-addresses, describe-route-tables, describe-network-acls."
    ),
];

const EVIDENCE: &[Column] = &[
    col("evidence_id", Text, "SHA-256 of the bytes as stored (as the file or archive member holds them), lower-case hex."),
    col("content_sha256", Text, "SHA-256 of the uncompressed content; NULL where it was not read to its end."),
    col("size", Long, "Bytes as stored."),
    col("content_size", Long, "Bytes uncompressed, as far as read."),
    col("origins", Json, "Every place these bytes were met: paths, or archive!member, as a sorted array."),
    col("parent_id", Text, "evidence_id of the archive this is a member of."),
    col("member", Text, "Name inside the archive."),
    col("kind", Text, "What it holds."),
    col("decoder", Text, "Decoder that read it, or none."),
    col("decoder_version", Int, "Version of that decoder."),
    col("fate", Text, "kept, partial, deferred, ignored, rejected, failed."),
    col("reason", Text, "Why, for every fate but kept."),
    col("break_offset", Long, "Byte offset in the evidence as stored at which reading broke off (partial)."),
    col("records_read", Long, "Records met. records_read = records_kept + records_duplicate + records_rejected + records_other."),
    col("records_kept", Long, "Records whose shown copy is this one."),
    col("records_duplicate", Long, "Further copies of events whose shown copy is another."),
    col("records_rejected", Long, "Records that could not be taken in."),
    col("records_other", Long, "Not records: control messages, empty wrappers, notifications."),
    col("first_event_time", Time, "Earliest event time in it."),
    col("last_event_time", Time, "Latest event time in it."),
    col("ingested_at", Time, "When it was taken in."),
    col("run_id", Text, "The run that took it in."),
];

const REJECTS: &[Column] = &[
    col("evidence_id", Text, "SHA-256 of the evidence."),
    col("record_index", Long, "Number of the record in it, from 0."),
    col("byte_offset", Long, "Where the record starts in the uncompressed evidence."),
    col("length", Long, "Its length in bytes."),
    col("sha256", Text, "SHA-256 of its bytes, lower-case hex."),
    col("reason", Text, "Why it could not be taken in."),
    col("bytes", Binary, "Its bytes, the first 64 KiB of them."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_unique_and_every_table_says_where_rows_come_from() {
        for table in Table::ALL {
            let mut names: Vec<_> = table.columns().iter().map(|c| c.name).collect();
            assert!(names.contains(&"evidence_id"), "{}", table.name());
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.name());
        }
    }
}
