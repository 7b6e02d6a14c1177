//! Rows of `credentials`: what a call issued, beside the caller as the record names it.

use backtrail_model::issuance::{Issuance, IssuingCall, issuance, issuing_method};

use crate::fields::F;
use crate::output::{Identity, Record};
use crate::rows::{Cell, Col, Rows};

/// The columns that are fields of the record, in the order of the table's schema.
const COLUMNS: [F; 28] = [
    F::EventTime,
    F::EventId,
    F::EventName,
    F::EventSource,
    F::AwsRegion,
    F::RecipientAccountId,
    F::SharedEventId,
    F::SourceIpAddress,
    F::SessionCredentialFromConsole,
    F::UserIdentityType,
    F::UserIdentityPrincipalId,
    F::UserIdentityArn,
    F::UserIdentityAccountId,
    F::UserIdentityAccessKeyId,
    F::UserIdentityUserName,
    F::UserIdentityInvokedBy,
    F::UserIdentityIdentityProvider,
    F::UserIdentityOnBehalfOfUserId,
    F::UserIdentityInScopeOf,
    F::SessionCreationDate,
    F::SessionMfaAuthenticated,
    F::SessionIssuerType,
    F::SessionIssuerPrincipalId,
    F::SessionIssuerArn,
    F::SessionIssuerUserName,
    F::SessionSourceIdentity,
    F::SessionEc2RoleDelivery,
    F::SessionSignInSessionArn,
];

/// What a record's call issued, if anything. Nearly all records are let go by the name of their call.
pub(crate) fn issued(record: &Record<'_>) -> Option<Issuance> {
    let text = |field| record.text(field);
    let (source, name) = (text(F::EventSource)?, text(F::EventName)?);
    issuing_method(&source, &name)?;
    let (account, region) = (text(F::RecipientAccountId), text(F::AwsRegion));
    let (principal_id, arn) = (text(F::UserIdentityPrincipalId), text(F::UserIdentityArn));
    let (user_name, identity_provider) = (text(F::UserIdentityUserName), text(F::UserIdentityIdentityProvider));
    record.ask_facts(|facts| {
        issuance(&IssuingCall {
            facts: *facts,
            account: account.as_deref(),
            region: region.as_deref(),
            principal_id: principal_id.as_deref(),
            arn: arn.as_deref(),
            user_name: user_name.as_deref(),
            identity_provider: identity_provider.as_deref(),
        })
    })
}

/// Adds the row of a record that issued something.
pub(crate) fn add(
    rows: &mut Rows,
    record: &Record<'_>,
    issued: &Issuance,
    identity: &Identity,
    (time, evidence_id, date): (Option<i64>, &str, &str),
) {
    let (cols, block) = (&mut rows.cols, &mut rows.block);
    for (col, field) in cols.iter_mut().zip(COLUMNS) {
        let span = record.fields.get(field);
        match col {
            Col::Time(builder) => builder.append_option(if field == F::EventTime { time } else { record.time(field) }),
            Col::Bool(builder) => builder.append_option(record.boolean(span)),
            Col::View(views) => views.append_option(record.json_of(field), block),
            // An empty key is none, as in `cloudtrail`.
            col => col.text(record.text(field).as_deref().filter(|t| !t.is_empty() || field != F::UserIdentityAccessKeyId), block),
        }
    }
    rows.end_row(
        COLUMNS.len(),
        &[
            Cell::Text(issued.method),
            Cell::MaybeText(issued.access_key_id.as_deref()),
            Cell::MaybeText(issued.principal_id.as_deref()),
            Cell::MaybeText(issued.arn.as_deref()),
            Cell::MaybeText(issued.subject.as_deref()),
            Cell::Bool(issued.by_identity_center),
            Cell::Binary(&identity.key),
            Cell::Text(identity.hash.as_str()),
            Cell::Int(identity.rank),
            Cell::Text(evidence_id),
            Cell::Long(record.index),
            Cell::Text(date),
        ],
    );
    rows.bytes += 1024;
}
