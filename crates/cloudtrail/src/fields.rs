//! The fields of a CloudTrail record (domain.md 1.2 to 1.4, 1.7): one walk finds them all and remembers where they stand.

use crate::skip::FIRST_KEYS;
use crate::walk::{Kind, Span, Stop, Walk, Walker};

/// Names the columns filled from fields, in the order of `cloudtrail`'s schema, then those of the two other tables.
macro_rules! fields {
    ($($name:ident),* $(,)?) => {
        /// A field with a column.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum F { $($name),* }

        /// Every field, in order.
        pub(crate) const FIELDS: &[F] = &[$(F::$name),*];
    };
}

fields! {
    EventTime, EventId, EventName, EventSource, AwsRegion, RecipientAccountId, SourceIpAddress, UserAgent, ErrorCode, ErrorMessage,
    ReadOnly, ManagementEvent, EventCategory, EventType, EventVersion, ApiVersion, RequestId, SharedEventId, VpcEndpointId,
    VpcEndpointAccountId, SessionCredentialFromConsole,
    UserIdentityType, UserIdentityPrincipalId, UserIdentityArn, UserIdentityAccountId, UserIdentityAccessKeyId, UserIdentityUserName,
    UserIdentityInvokedBy, UserIdentityInvokedByDelegateAccountId, UserIdentityIdentityProvider, UserIdentityCredentialId,
    UserIdentityOnBehalfOfUserId, UserIdentityOnBehalfOfIdentityStoreArn, UserIdentityInScopeOf,
    SessionCreationDate, SessionMfaAuthenticated, SessionIssuerType, SessionIssuerPrincipalId, SessionIssuerArn, SessionIssuerAccountId,
    SessionIssuerUserName, SessionSourceIdentity, SessionEc2RoleDelivery, SessionAssumedRoot, SessionSignInSessionArn,
    SessionWebIdFederationData,
    RequestParameters, ResponseElements, AdditionalEventData, ServiceEventDetails, Resources, TlsDetails, EdgeDeviceDetails, Addendum,
    EventContext,
    // `cloudtrail` ends here. Insights:
    InsightState, InsightEventSource, InsightEventName, InsightType, InsightErrorCode, InsightContext,
    // Aggregated:
    WindowStart, WindowEnd, WindowSize, AccountId, AggregatedId, PrimaryDimension, Summary,
    // Seen, with no column of their own:
    UserIdentity, InsightDetails, TimeWindow,
}

/// How many of the fields are columns of `cloudtrail`.
pub(crate) const CLOUDTRAIL_FIELDS: usize = F::EventContext as usize + 1;

macro_rules! wrappers {
    ($($name:ident = $first:literal $(| $key:literal)*),* $(,)?) => {
        /// A key that carriers of records use and records do not (domain.md 1.8).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum W { $($name),* }

        pub(crate) const WRAPPERS: usize = [$(W::$name),*].len();

        fn wrapper_of(key: &[u8]) -> Option<W> {
            match key {
                $($first $(| $key)* => Some(W::$name),)*
                _ => None,
            }
        }
    };
}

wrappers! {
    CloudTrailEvent = b"CloudTrailEvent" | b"cloudTrailEvent" | b"cloud_trail_event" | b"cloudtrail_event",
    Detail = b"detail",
    DetailType = b"detail-type" | b"detailType" | b"DetailType" | b"detail_type",
    SourceObject = b"_source",
    RawText = b"_raw",
    Result = b"result",
    Response = b"rawResponse" | b"response",
    Message = b"message" | b"Message",
    AtMessage = b"@message",
    Event = b"event",
    EventOriginal = b"event.original",
    IndexFields = b"fields",
    Aws = b"aws",
    EventJson = b"eventjson" | b"eventJson" | b"event_json" | b"EventJson",
    EventData = b"eventData" | b"event_data" | b"eventdata" | b"EventData",
    Body = b"Body" | b"body",
    Sns = b"Sns",
    Kinesis = b"kinesis",
    AwsLogs = b"awslogs",
    Data = b"data" | b"Data",
    Attributes = b"attributes",
    Field = b"field",
    Value = b"value",
    Log = b"log",
    S3 = b"s3",
    AtTimestamp = b"@timestamp",
    MessageType = b"messageType",
    IngestionTime = b"ingestionTime",
    NextToken = b"NextToken" | b"nextToken" | b"next_token",
    BulkAction = b"index" | b"create",
}

/// A list of items inside an envelope: its elements are read one at a time, however long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// `{"Records":[...]}`: a trail's file; also SQS, SNS, Kinesis and S3 notifications.
    Records,
    /// `{"Events":[...]}`: LookupEvents.
    Events,
    /// `{"logEvents":[...]}`: a CloudWatch Logs subscription.
    LogEvents,
    /// `{"hits":{"hits":[...]}}`: Elasticsearch, OpenSearch.
    Hits,
    /// `{"ResultSet":{"Rows":[...]}}`: results of a query of Athena.
    Rows,
    /// Any other list of objects that exports use: `events`, `data`, `results`, `items`, `responses` of several searches.
    List,
}

impl Container {
    /// The container a key names.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"Records" | b"records" => Some(Self::Records),
            b"Events" => Some(Self::Events),
            b"logEvents" => Some(Self::LogEvents),
            b"hits" => Some(Self::Hits),
            b"ResultSet" | b"Rows" => Some(Self::Rows),
            b"events" | b"data" | b"results" | b"items" | b"Items" | b"Messages" | b"QueryResultRows" | b"auditEvents" | b"responses" => {
                Some(Self::List)
            }
            _ => None,
        }
    }
}

/// Which lists inside an object are descended into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descend {
    Never,
    /// Those of carriers; a list inside the element of a list is part of that element.
    Carriers,
    All,
}

impl Descend {
    /// The container a key names, if the value at the position is a list to be descended into. Of a name nobody knows (of somebody's
    /// own, or damaged), a list whose first item starts as a record does.
    pub(crate) fn list_at(self, walker: &Walker<'_>, key: &[u8]) -> Walk<Option<Container>> {
        let kind = match (self, Container::of(key)) {
            (Self::Never, _) | (Self::Carriers, Some(Container::List)) => return Ok(None),
            (_, Some(kind)) => return Ok(opens_list(walker, kind)?.then_some(kind)),
            (_, None) => Container::List,
        };
        if walker.peek()? != b'[' {
            return Ok(None);
        }
        let rest = &walker.bytes[walker.pos + 1..];
        let first = &rest[crate::walk::space_len(rest)..];
        let opens = match first.first() {
            Some(b'{') => crate::skip::starts_record(&first[1..], FIRST_KEYS.into_iter()),
            Some(_) => Some(false),
            None => None,
        };
        Ok(opens.ok_or(Stop::Incomplete)?.then_some(kind))
    }
}

/// Objects whose keys have meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Scope {
    Top,
    UserIdentity,
    InvokedByDelegate,
    OnBehalfOf,
    SessionContext,
    SessionIssuer,
    SessionAttributes,
    InsightDetails,
    TimeWindow,
    Summary,
    PrimaryDimension,
}

/// What to do with a key's value.
enum Action {
    Keep(F),
    /// A field of aggregated records only: in others it counts as unknown.
    KeepForeign(F),
    Enter(Scope, F),
    /// The same, without a column for the whole.
    Inside(Scope),
    Unknown,
}

/// Unknown keys remembered of one record: more are not listed (they are in raw like all others).
const MAX_UNKNOWN: usize = 1000;

/// Where the fields of one record stand.
#[derive(Debug)]
pub(crate) struct Fields {
    spans: [Span; FIELDS.len()],
    wrappers: [Span; WRAPPERS],
    /// Names of top-level keys that no column is for, quotes included.
    pub(crate) unknown: Vec<Span>,
    /// The first key of the record.
    pub(crate) first_key: Span,
    has_wrappers: bool,
    /// Fields that the table a row is of has no column for, and whose absence therefore says nothing.
    pub(crate) not_asked: Vec<&'static str>,
    /// Scopes met in this record, one bit each: a repeated object replaces the first, as a repeated key does.
    scopes: u16,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            spans: [Span::default(); FIELDS.len()],
            wrappers: [Span::default(); WRAPPERS],
            unknown: Vec::new(),
            first_key: Span::default(),
            has_wrappers: false,
            not_asked: Vec::new(),
            scopes: 0,
        }
    }
}

impl Fields {
    #[inline(always)]
    pub(crate) fn get(&self, field: F) -> Span {
        self.spans[field as usize]
    }

    #[inline(always)]
    pub(crate) fn spans(&self) -> &[Span; FIELDS.len()] {
        &self.spans
    }

    #[inline(always)]
    pub(crate) fn wrapper(&self, wrapper: W) -> Span {
        self.wrappers[wrapper as usize]
    }

    /// All of them, if there are any.
    pub(crate) fn wrappers(&self) -> Option<[Span; WRAPPERS]> {
        self.has_wrappers.then_some(self.wrappers)
    }

    pub(crate) fn has(&self, field: F) -> bool {
        self.get(field).is_present()
    }

    pub(crate) fn set(&mut self, field: F, span: Span) {
        self.spans[field as usize] = span;
    }

    /// Takes over the user identity found in another text, which stands at `at` here and at `other_at` there.
    pub(crate) fn adopt(&mut self, other: &Self, at: usize, other_at: usize) {
        for field in Scope::UserIdentity.fields() {
            let span = other.spans[field];
            if span.kind != Kind::Absent {
                self.spans[field] = Span::new(span.start as usize + at - other_at, span.end as usize + at - other_at, span.kind);
            }
        }
    }

    /// The field of a key inside a user identity, by the name of the object it stands in.
    pub(crate) fn identity_field(object: &str, key: &[u8]) -> Option<F> {
        let scope = match object {
            "userIdentity" => Scope::UserIdentity,
            "sessionContext" => Scope::SessionContext,
            "sessionIssuer" => Scope::SessionIssuer,
            "attributes" => Scope::SessionAttributes,
            "onBehalfOf" => Scope::OnBehalfOf,
            "invokedByDelegate" => Scope::InvokedByDelegate,
            _ => return None,
        };
        match scope.action(key) {
            Action::Keep(field) => Some(field),
            _ => None,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.spans = [Span::default(); FIELDS.len()];
        if self.has_wrappers {
            self.wrappers = [Span::default(); WRAPPERS];
            self.has_wrappers = false;
        }
        self.unknown.clear();
        self.not_asked.clear();
        self.first_key = Span::default();
        self.scopes = 0;
    }

    /// A second object under the same key: forget what the first one said.
    fn reenter(&mut self, scope: Scope) {
        let bit = 1 << scope as u16;
        if self.scopes & bit != 0 {
            for field in scope.fields() {
                self.spans[field] = Span::default();
            }
        }
        self.scopes |= bit;
    }

    /// Whether this is an event record. Real ones lack `eventVersion`, have no `userIdentity` or no `eventID`; but a list of API
    /// calls with a name and a source is not evidence of a call, so one more field is asked for.
    pub(crate) fn is_event(&self) -> bool {
        const MARKS: [F; 10] = [
            F::EventVersion,
            F::EventTime,
            F::EventId,
            F::UserIdentity,
            F::AwsRegion,
            F::EventType,
            F::SourceIpAddress,
            F::RecipientAccountId,
            F::RequestId,
            F::RequestParameters,
        ];
        let is_named = self.names_call();
        if is_named && self.has(F::EventVersion) {
            return true;
        }
        let enough = if is_named { 1 } else { 3 };
        MARKS.iter().filter(|f| self.has(**f)).take(enough).count() == enough
    }

    /// Whether the fields found make a record of any of the three sorts, of which no list inside is an envelope's.
    pub(crate) fn is_record(&self, bytes: &[u8]) -> bool {
        (self.names_call() && self.is_event()) || self.is_insight() || self.is_aggregated(bytes)
    }

    /// Whether it is said which call was made, and of which service.
    pub(crate) fn names_call(&self) -> bool {
        self.has(F::EventName) && self.has(F::EventSource)
    }

    /// An Insights record: by its details, which no other has.
    pub(crate) fn is_insight(&self) -> bool {
        self.get(F::InsightDetails).kind == Kind::Object
    }

    /// An aggregated record.
    pub(crate) fn is_aggregated(&self, bytes: &[u8]) -> bool {
        self.has(F::TimeWindow)
            && (bytes[self.get(F::EventCategory).inner()] == *b"Aggregated"
                || bytes[self.get(F::EventType).inner()] == *b"AwsAggregatedEvent")
    }
}

impl Scope {
    /// The fields found inside, nested ones included.
    fn fields(self) -> std::ops::RangeInclusive<usize> {
        let range = |a: F, b: F| a as usize..=b as usize;
        match self {
            Self::Top => range(F::EventTime, F::TimeWindow),
            Self::UserIdentity => range(F::UserIdentityType, F::SessionWebIdFederationData),
            Self::InvokedByDelegate => range(F::UserIdentityInvokedByDelegateAccountId, F::UserIdentityInvokedByDelegateAccountId),
            Self::OnBehalfOf => range(F::UserIdentityOnBehalfOfUserId, F::UserIdentityOnBehalfOfIdentityStoreArn),
            Self::SessionContext => range(F::SessionCreationDate, F::SessionWebIdFederationData),
            Self::SessionIssuer => range(F::SessionIssuerType, F::SessionIssuerUserName),
            Self::SessionAttributes => range(F::SessionCreationDate, F::SessionMfaAuthenticated),
            Self::InsightDetails => range(F::InsightState, F::InsightContext),
            Self::TimeWindow => range(F::WindowStart, F::WindowSize),
            Self::Summary | Self::PrimaryDimension => range(F::PrimaryDimension, F::PrimaryDimension),
        }
    }

    #[inline]
    fn action(self, key: &[u8]) -> Action {
        match self {
            Self::Top => top(key),
            Self::UserIdentity => user_identity(key),
            Self::SessionContext => session_context(key),
            _ => self.minor(key),
        }
    }

    fn minor(self, key: &[u8]) -> Action {
        use Action::Keep;
        match (self, key) {
            (Self::SessionIssuer, b"type") => Keep(F::SessionIssuerType),
            (Self::SessionIssuer, b"principalId") => Keep(F::SessionIssuerPrincipalId),
            (Self::SessionIssuer, b"arn") => Keep(F::SessionIssuerArn),
            (Self::SessionIssuer, b"accountId") => Keep(F::SessionIssuerAccountId),
            (Self::SessionIssuer, b"userName") => Keep(F::SessionIssuerUserName),
            (Self::SessionAttributes, b"creationDate") => Keep(F::SessionCreationDate),
            (Self::SessionAttributes, b"mfaAuthenticated") => Keep(F::SessionMfaAuthenticated),
            (Self::InvokedByDelegate, b"accountId") => Keep(F::UserIdentityInvokedByDelegateAccountId),
            (Self::OnBehalfOf, b"userId") => Keep(F::UserIdentityOnBehalfOfUserId),
            (Self::OnBehalfOf, b"identityStoreArn") => Keep(F::UserIdentityOnBehalfOfIdentityStoreArn),
            (Self::InsightDetails, b"state") => Keep(F::InsightState),
            (Self::InsightDetails, b"eventSource") => Keep(F::InsightEventSource),
            (Self::InsightDetails, b"eventName") => Keep(F::InsightEventName),
            (Self::InsightDetails, b"insightType") => Keep(F::InsightType),
            (Self::InsightDetails, b"errorCode") => Keep(F::InsightErrorCode),
            (Self::InsightDetails, b"insightContext") => Keep(F::InsightContext),
            (Self::TimeWindow, b"windowStart") => Keep(F::WindowStart),
            (Self::TimeWindow, b"windowEnd") => Keep(F::WindowEnd),
            (Self::TimeWindow, b"windowSize") => Keep(F::WindowSize),
            (Self::Summary, b"primaryDimension") => Action::Inside(Self::PrimaryDimension),
            (Self::PrimaryDimension, b"dimension") => Keep(F::PrimaryDimension),
            _ => Action::Unknown,
        }
    }
}

fn top(key: &[u8]) -> Action {
    use Action::{Enter, Keep, KeepForeign};
    match key {
        b"eventVersion" => Keep(F::EventVersion),
        b"userIdentity" => Enter(Scope::UserIdentity, F::UserIdentity),
        b"eventTime" => Keep(F::EventTime),
        b"eventSource" => Keep(F::EventSource),
        b"eventName" => Keep(F::EventName),
        b"awsRegion" => Keep(F::AwsRegion),
        b"sourceIPAddress" => Keep(F::SourceIpAddress),
        b"userAgent" => Keep(F::UserAgent),
        b"errorCode" => Keep(F::ErrorCode),
        b"errorMessage" => Keep(F::ErrorMessage),
        b"requestParameters" => Keep(F::RequestParameters),
        b"responseElements" => Keep(F::ResponseElements),
        b"additionalEventData" => Keep(F::AdditionalEventData),
        b"requestID" => Keep(F::RequestId),
        b"eventID" => Keep(F::EventId),
        b"readOnly" => Keep(F::ReadOnly),
        b"resources" => Keep(F::Resources),
        b"apiVersion" => Keep(F::ApiVersion),
        b"eventType" => Keep(F::EventType),
        b"recipientAccountId" => Keep(F::RecipientAccountId),
        b"sharedEventID" => Keep(F::SharedEventId),
        b"vpcEndpointId" => Keep(F::VpcEndpointId),
        b"serviceEventDetails" => Keep(F::ServiceEventDetails),
        b"managementEvent" => Keep(F::ManagementEvent),
        b"eventCategory" => Keep(F::EventCategory),
        b"addendum" => Keep(F::Addendum),
        b"sessionCredentialFromConsole" => Keep(F::SessionCredentialFromConsole),
        b"edgeDeviceDetails" => Keep(F::EdgeDeviceDetails),
        b"tlsDetails" => Keep(F::TlsDetails),
        b"vpcEndpointAccountId" => Keep(F::VpcEndpointAccountId),
        b"eventContext" => Keep(F::EventContext),
        b"insightDetails" => Enter(Scope::InsightDetails, F::InsightDetails),
        b"timeWindow" => Enter(Scope::TimeWindow, F::TimeWindow),
        b"summary" => Enter(Scope::Summary, F::Summary),
        b"accountId" => KeepForeign(F::AccountId),
        b"eventId" => KeepForeign(F::AggregatedId),
        _ => Action::Unknown,
    }
}

fn user_identity(key: &[u8]) -> Action {
    use Action::{Inside, Keep};
    match key {
        b"type" => Keep(F::UserIdentityType),
        b"principalId" => Keep(F::UserIdentityPrincipalId),
        b"arn" => Keep(F::UserIdentityArn),
        b"accountId" => Keep(F::UserIdentityAccountId),
        b"accessKeyId" => Keep(F::UserIdentityAccessKeyId),
        b"userName" => Keep(F::UserIdentityUserName),
        b"sessionContext" => Inside(Scope::SessionContext),
        b"invokedBy" => Keep(F::UserIdentityInvokedBy),
        b"identityProvider" => Keep(F::UserIdentityIdentityProvider),
        b"credentialId" => Keep(F::UserIdentityCredentialId),
        b"inScopeOf" => Keep(F::UserIdentityInScopeOf),
        b"invokedByDelegate" => Inside(Scope::InvokedByDelegate),
        b"onBehalfOf" => Inside(Scope::OnBehalfOf),
        _ => Action::Unknown,
    }
}

fn session_context(key: &[u8]) -> Action {
    use Action::{Inside, Keep};
    match key {
        b"sessionIssuer" => Inside(Scope::SessionIssuer),
        b"attributes" => Inside(Scope::SessionAttributes),
        b"webIdFederationData" => Keep(F::SessionWebIdFederationData),
        b"sourceIdentity" => Keep(F::SessionSourceIdentity),
        b"ec2RoleDelivery" => Keep(F::SessionEc2RoleDelivery),
        b"assumedRoot" => Keep(F::SessionAssumedRoot),
        b"signInSessionArn" => Keep(F::SessionSignInSessionArn),
        _ => Action::Unknown,
    }
}

/// Walks over the object at the position, finding its fields. Stops at a container's value if `containers` are to be descended into.
pub(crate) fn walk_record(walker: &mut Walker<'_>, fields: &mut Fields, depth: u32, containers: Descend) -> Walk<Span> {
    fields.clear();
    let start = walker.pos;
    walk_scope(walker, fields, Scope::Top, depth, containers)?;
    Ok(Span::new(start, walker.pos, Kind::Object))
}

fn walk_scope(walker: &mut Walker<'_>, fields: &mut Fields, scope: Scope, depth: u32, containers: Descend) -> Walk<()> {
    fields.reenter(scope);
    walker.pos += 1;
    walker.skip_space();
    if walker.peek()? == b'}' {
        walker.pos += 1;
        return Ok(());
    }
    loop {
        let key = walker.key()?;
        // Before its value is walked over: what is broken in there is followed by a record that starts with the same key.
        if fields.first_key.kind == Kind::Absent && scope == Scope::Top {
            fields.first_key = key;
        }
        let action = if key.kind == Kind::EscapedText {
            scope.action(&crate::text::unescape(&walker.bytes[key.inner()]))
        } else {
            scope.action(&walker.bytes[key.inner()])
        };
        match action {
            Action::Keep(field) => fields.spans[field as usize] = walker.value(depth + 1)?,
            Action::Enter(inner, field) => {
                let start = walker.pos;
                if walker.peek()? == b'{' {
                    walk_scope(walker, fields, inner, depth + 1, Descend::Never)?;
                    fields.spans[field as usize] = Span::new(start, walker.pos, Kind::Object);
                } else {
                    fields.reenter(inner);
                    fields.spans[field as usize] = walker.value(depth + 1)?;
                }
            }
            Action::Inside(inner) => {
                if walker.peek()? == b'{' {
                    walk_scope(walker, fields, inner, depth + 1, Descend::Never)?;
                } else {
                    fields.reenter(inner);
                    walker.value(depth + 1)?;
                }
            }
            Action::KeepForeign(field) => {
                note_unknown(fields, key);
                fields.spans[field as usize] = walker.value(depth + 1)?;
            }
            Action::Unknown if scope == Scope::Top => unknown_top(walker, fields, key, depth, containers)?,
            Action::Unknown => {
                walker.value(depth + 1)?;
            }
        }
        walker.skip_space();
        match walker.peek()? {
            b',' => {
                walker.pos += 1;
                walker.skip_space();
            }
            b'}' => {
                walker.pos += 1;
                return Ok(());
            }
            _ => return walker.broken("a comma or a closing brace was expected"),
        }
    }
}

fn note_unknown(fields: &mut Fields, key: Span) {
    if fields.unknown.len() < MAX_UNKNOWN {
        fields.unknown.push(key);
    }
}

/// A key no record has by the documentation: a carrier's, or one of a later version.
#[inline(never)]
fn unknown_top(walker: &mut Walker<'_>, fields: &mut Fields, key: Span, depth: u32, containers: Descend) -> Walk<()> {
    note_unknown(fields, key);
    let name = &walker.bytes[key.inner()];
    // Whatever a record has been given besides its fields (`hits`, `results`, `records`), it is a record.
    if let Some(kind) = containers.list_at(walker, name)?
        && !fields.is_record(walker.bytes)
    {
        return Err(Stop::Container { kind, at: walker.pos });
    }
    let wrapper = wrapper_of(name);
    let value = walker.value(depth + 1)?;
    if let Some(wrapper) = wrapper {
        fields.has_wrappers = true;
        fields.wrappers[wrapper as usize] = value;
    }
    Ok(())
}

/// What some serializers write for an empty list.
pub(crate) const NULL: &[u8] = b"null";

/// Whether the value at the position is a list of items. Under a key that only carriers use that is any array, and null for an
/// empty one; under a word that records use as well, an array that is empty or starts with an object or an array. Or the outer `hits` or `ResultSet`.
fn opens_list(walker: &Walker<'_>, kind: Container) -> Walk<bool> {
    match walker.peek()? {
        b'[' if kind != Container::List => Ok(true),
        b'[' => {
            let rest = &walker.bytes[walker.pos + 1..];
            let first = rest.get(crate::walk::space_len(rest)).ok_or(Stop::Incomplete)?;
            Ok(matches!(first, b'{' | b'[' | b']'))
        }
        b'n' if matches!(kind, Container::Records | Container::Events | Container::LogEvents) => {
            let word = walker.bytes.get(walker.pos..walker.pos + NULL.len()).ok_or(Stop::Incomplete)?;
            Ok(word == NULL)
        }
        b'{' => Ok(matches!(kind, Container::Hits | Container::Rows)),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_the_order_of_the_schema() {
        let schema = backtrail_model::tables::Table::Cloudtrail.schema();
        for (i, field) in FIELDS.iter().take(CLOUDTRAIL_FIELDS).enumerate() {
            let snake = format!("{field:?}").chars().fold(String::new(), |mut s, c| {
                if c.is_ascii_uppercase() && !s.is_empty() {
                    s.push('_');
                }
                s.push(c.to_ascii_lowercase());
                s
            });
            assert_eq!(schema.field(i).name(), &snake);
        }
        assert_eq!(schema.field(CLOUDTRAIL_FIELDS).name(), "unknown_fields");
    }
}
