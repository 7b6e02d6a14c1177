//! One event as the questions see it: a row of `cloudtrail`, borrowed from the batch it was read in.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{
    Array, BooleanArray, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, UInt32Array,
    new_null_array,
};
use backtrail_model::issuance::CONSOLE_LOGIN;
use backtrail_model::outcome::{Facts, NO_ERROR_CODE};
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use serde_json::Value;

use crate::error::TimelineError;
use crate::source::time_type;

/// Evidence, and the number of a record in it.
pub(crate) type Place = (String, i64);

/// A text column as keys into a dictionary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coded<'a> {
    keys: &'a UInt32Array,
    pub(crate) texts: &'a StringArray,
}

impl<'a> Coded<'a> {
    fn of(array: &'a dyn Array) -> Option<Self> {
        let coded = array.as_dictionary_opt::<UInt32Type>()?;
        Some(Self { keys: coded.keys(), texts: coded.values().as_string_opt::<i32>()? })
    }

    /// The place of a row's text in the dictionary.
    pub(crate) fn key(self, row: usize) -> Option<usize> {
        self.keys.is_valid(row).then(|| self.keys.value(row) as usize)
    }
}

/// A text column, in whichever layout the reader gave it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    Plain(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    Coded(Coded<'a>),
    /// The question did not ask for it.
    Absent,
}

impl<'a> Text<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, table: &'static str, column: &'static str) -> Result<Self, TimelineError> {
        let wrong = || TimelineError::Column { table, column };
        let Some(array) = batch.column_by_name(column) else { return Ok(Self::Absent) };
        if let Some(plain) = array.as_string_opt::<i32>() {
            return Ok(Self::Plain(plain));
        }
        if let Some(large) = array.as_string_opt::<i64>() {
            return Ok(Self::Large(large));
        }
        let coded = || Coded::of(array.as_ref()).map(Self::Coded);
        array.as_string_view_opt().map(Self::View).or_else(coded).ok_or_else(wrong)
    }

    pub(crate) fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(array) => (!array.is_null(row)).then(|| array.value(row)),
            Self::Large(array) => (!array.is_null(row)).then(|| array.value(row)),
            Self::View(array) => (!array.is_null(row)).then(|| array.value(row)),
            Self::Coded(coded) => coded.key(row).map(|key| coded.texts.value(key)),
            Self::Absent => None,
        }
    }

    /// The place of a text in the dictionary of its batch, from 1; zero for what is absent, `None` where there is no dictionary.
    pub(crate) fn coded(self, row: usize) -> Option<usize> {
        match self {
            Self::Coded(coded) => Some(coded.key(row).map_or(0, |key| key + 1)),
            Self::Absent => Some(0),
            Self::Plain(_) | Self::Large(_) | Self::View(_) => None,
        }
    }

    /// What a text is told by within its batch, without a look at the text: its key into a dictionary, or the view, for values of a dictionary are views of
    /// one place; so that equal numbers are equal texts (and two may be of one text). Zero for what is absent or empty; `None` where the layout has neither.
    pub(crate) fn view(self, row: usize) -> Option<u128> {
        match self {
            Self::View(array) => Some(if array.is_null(row) { 0 } else { array.views()[row] }),
            Self::Coded(coded) => Some(coded.key(row).filter(|key| !coded.texts.value(*key).is_empty()).map_or(0, |key| key as u128 + 1)),
            Self::Absent => Some(0),
            Self::Plain(_) | Self::Large(_) => None,
        }
    }
}

/// The time column of a batch.
pub(crate) fn times<'a>(
    batch: &'a RecordBatch,
    table: &'static str,
    column: &'static str,
) -> Result<&'a TimestampMicrosecondArray, TimelineError> {
    let array = batch.column_by_name(column).and_then(|a| a.as_primitive_opt::<TimestampMicrosecondType>());
    array.ok_or(TimelineError::Column { table, column })
}

/// A column of 64-bit integers.
pub(crate) fn longs<'a>(batch: &'a RecordBatch, table: &'static str, column: &'static str) -> Result<&'a Int64Array, TimelineError> {
    batch.column_by_name(column).and_then(|a| a.as_primitive_opt::<Int64Type>()).ok_or(TimelineError::Column { table, column })
}

/// A column of flags.
pub(crate) fn flags<'a>(batch: &'a RecordBatch, table: &'static str, column: &'static str) -> Result<&'a BooleanArray, TimelineError> {
    batch.column_by_name(column).and_then(|a| a.as_boolean_opt()).ok_or(TimelineError::Column { table, column })
}

/// With these columns of times, numbers and flags, without values where the batch has none: a reader of row groups leaves those out.
pub(crate) fn with_all(batch: RecordBatch, columns: &[&str]) -> Result<RecordBatch, DataFusionError> {
    let missing: Vec<&str> = columns.iter().copied().filter(|column| batch.column_by_name(column).is_none()).collect();
    if missing.is_empty() {
        return Ok(batch);
    }
    let kind = |column: &str| match column {
        "event_time" => time_type(),
        "record_index" => DataType::Int64,
        _ => DataType::Boolean,
    };
    let own =
        batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| (field.name().clone(), Arc::clone(column), true));
    let nulls = missing.iter().map(|column| ((*column).to_owned(), new_null_array(&kind(column), batch.num_rows()), true));
    Ok(RecordBatch::try_from_iter_with_nullable(own.chain(nulls))?)
}

/// Declares [`Event`] and the columns it is read from, so that the two cannot differ.
macro_rules! event {
    ($(#[$doc:meta] $field:ident,)*) => {
        /// One row of `cloudtrail`. JSON columns are their text. Fields are named like their columns; the schema's reference explains them.
        #[derive(Debug, Clone, Copy, Default)]
        pub struct Event<'a> {
            /// Microseconds UTC.
            pub event_time: Option<i64>,
            /// `readOnly`.
            pub read_only: Option<bool>,
            /// Whether another row has this event id and other content.
            pub id_conflict: Option<bool>,
            /// `mfaAuthenticated` of the session.
            pub session_mfa_authenticated: Option<bool>,
            /// Whether a console session's credentials were used.
            pub session_credential_from_console: Option<bool>,
            /// `sessionContext.assumedRoot`: a session that AssumeRoot gave somebody.
            pub session_assumed_root: Option<bool>,
            /// Number of the record in its evidence.
            pub record_index: Option<i64>,
            /// `creationDate` of the session, microseconds UTC.
            pub session_creation_date: Option<i64>,
            $(#[$doc] pub $field: Option<&'a str>,)*
        }

        /// The columns of [`Event`].
        pub(crate) const EVENT_COLUMNS: &[&str] = &[
            "event_time", "read_only", "id_conflict", "session_mfa_authenticated", "session_credential_from_console", "session_assumed_root", "record_index",
            "session_creation_date",
            $(stringify!($field),)*
        ];

        /// The columns of a batch, ready to be read row by row.
        pub(crate) struct Events<'a> {
            rows: usize,
            event_time: &'a TimestampMicrosecondArray,
            read_only: Option<&'a BooleanArray>,
            id_conflict: Option<&'a BooleanArray>,
            session_mfa_authenticated: Option<&'a BooleanArray>,
            session_credential_from_console: Option<&'a BooleanArray>,
            session_assumed_root: Option<&'a BooleanArray>,
            record_index: &'a Int64Array,
            session_creation_date: Option<&'a TimestampMicrosecondArray>,
            $($field: Text<'a>,)*
        }

        impl<'a> Events<'a> {
            pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self, TimelineError> {
                const TABLE: &str = "cloudtrail";
                // What a question does not ask for is absent.
                let has = |column: &str| batch.column_by_name(column).is_some();
                let maybe = |column: &'static str| has(column).then(|| flags(batch, TABLE, column)).transpose();
                Ok(Self {
                    rows: batch.num_rows(),
                    event_time: times(batch, TABLE, "event_time")?,
                    read_only: maybe("read_only")?,
                    id_conflict: maybe("id_conflict")?,
                    session_mfa_authenticated: maybe("session_mfa_authenticated")?,
                    session_credential_from_console: maybe("session_credential_from_console")?,
                    session_assumed_root: maybe("session_assumed_root")?,
                    record_index: longs(batch, TABLE, "record_index")?,
                    session_creation_date: has("session_creation_date").then(|| times(batch, TABLE, "session_creation_date")).transpose()?,
                    $($field: Text::of(batch, TABLE, stringify!($field))?,)*
                })
            }

            /// Rows in the batch.
            pub(crate) fn rows(&self) -> usize {
                self.rows
            }

            pub(crate) fn get(&self, row: usize) -> Event<'a> {
                let flag = |array: Option<&BooleanArray>| array.filter(|a| !a.is_null(row)).map(|a| a.value(row));
                Event {
                    event_time: (!self.event_time.is_null(row)).then(|| self.event_time.value(row)),
                    read_only: flag(self.read_only),
                    id_conflict: flag(self.id_conflict),
                    session_mfa_authenticated: flag(self.session_mfa_authenticated),
                    session_credential_from_console: flag(self.session_credential_from_console),
                    session_assumed_root: flag(self.session_assumed_root),
                    record_index: (!self.record_index.is_null(row)).then(|| self.record_index.value(row)),
                    session_creation_date: self.session_creation_date.filter(|a| !a.is_null(row)).map(|a| a.value(row)),
                    $($field: self.$field.get(row),)*
                }
            }
        }
    };
}

event! {
    /// `eventID`.
    event_id,
    /// `eventName`.
    event_name,
    /// `eventSource`.
    event_source,
    /// `awsRegion`.
    aws_region,
    /// `recipientAccountId`.
    recipient_account_id,
    /// `sourceIPAddress`.
    source_ip_address,
    /// `vpcEndpointId`.
    vpc_endpoint_id,
    /// `userAgent`.
    user_agent,
    /// `errorCode`.
    error_code,
    /// `errorMessage`.
    error_message,
    /// `eventCategory`.
    event_category,
    /// `eventType`.
    event_type,
    /// `sharedEventID`.
    shared_event_id,
    /// `userIdentity.type`.
    user_identity_type,
    /// `userIdentity.principalId`.
    user_identity_principal_id,
    /// `userIdentity.arn`.
    user_identity_arn,
    /// `userIdentity.accountId`.
    user_identity_account_id,
    /// `userIdentity.accessKeyId`.
    user_identity_access_key_id,
    /// `userIdentity.userName`.
    user_identity_user_name,
    /// `userIdentity.invokedBy`.
    user_identity_invoked_by,
    /// `userIdentity.identityProvider`.
    user_identity_identity_provider,
    /// `userIdentity.onBehalfOf.userId`.
    user_identity_on_behalf_of_user_id,
    /// `sessionIssuer.type`.
    session_issuer_type,
    /// `sessionIssuer.principalId`.
    session_issuer_principal_id,
    /// `sessionIssuer.arn`.
    session_issuer_arn,
    /// `sessionIssuer.userName`.
    session_issuer_user_name,
    /// `sessionContext.sourceIdentity`.
    session_source_identity,
    /// `sessionContext.ec2RoleDelivery`.
    session_ec2_role_delivery,
    /// `sessionContext.signInSessionArn`.
    session_sign_in_session_arn,
    /// `userIdentity.inScopeOf`.
    user_identity_in_scope_of,
    /// `requestParameters`.
    request_parameters,
    /// `responseElements`.
    response_elements,
    /// `additionalEventData`.
    additional_event_data,
    /// `serviceEventDetails`.
    service_event_details,
    /// `resources`.
    resources,
    /// `addendum`.
    addendum,
    /// SHA-256 of the record.
    record_sha256,
    /// Evidence the shown copy stands in.
    evidence_id,
    /// Names of fields without a column, and of such as nobody asked for.
    unknown_fields,
}

impl<'a> Events<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event<'a>> + '_ {
        (0..self.rows).map(|row| self.get(row))
    }
}

impl<'a> Event<'a> {
    /// Whether it is known to have been in a window.
    pub(crate) fn is_in(&self, window: &Window) -> bool {
        self.event_time.is_some_and(|time| window.contains(time))
    }

    /// What tells the kind of call and what became of it.
    #[must_use]
    pub fn facts(&self) -> Facts<'a> {
        Facts {
            event_source: self.event_source,
            event_name: self.event_name,
            event_type: self.event_type,
            error_code: self.error_code,
            error_message: self.error_message,
            read_only: self.read_only,
            request_parameters: self.request_parameters,
            response_elements: self.response_elements,
            additional_event_data: self.additional_event_data,
            service_event_details: self.service_event_details,
            lacks_error_code: self.lacks(NO_ERROR_CODE),
        }
    }

    /// Whether whoever exported the event did not ask for a field, as `unknown_fields` says.
    pub(crate) fn lacks(&self, field: &str) -> bool {
        self.unknown_fields.is_some_and(|names| names.contains(field))
    }

    /// Whether multi-factor authentication is known to have been used: in the session, or to sign in. Of whom an identity provider signed in, AWS cannot
    /// tell (IAM user guide, "console sign-in events").
    pub(crate) fn mfa(&self) -> Option<bool> {
        self.session_mfa_authenticated.or_else(|| {
            let is_own = self.event_name == Some(CONSOLE_LOGIN) && matches!(self.user_identity_type, Some("IAMUser" | "Root"));
            let data: Value = self.additional_event_data.filter(|_| is_own).and_then(|text| serde_json::from_str(text).ok())?;
            match data.get("MFAUsed")?.as_str()? {
                "Yes" => Some(true),
                "No" => Some(false),
                _ => None,
            }
        })
    }

    /// Where the shown copy stands: unlike its id, nobody else can claim it.
    pub(crate) fn place(&self) -> Place {
        (self.evidence_id.unwrap_or_default().to_owned(), self.record_index.unwrap_or_default())
    }

    /// How the event is cited: its id, else its place in the evidence.
    #[must_use]
    pub fn citation(&self) -> String {
        // An id that is there and empty names nothing.
        match (self.event_id.filter(|id| !id.is_empty()), self.evidence_id) {
            (Some(id), _) => id.to_owned(),
            (None, Some(evidence)) => format!("{evidence}#{}", self.record_index.unwrap_or_default()),
            (None, None) => String::new(),
        }
    }
}
