//! Rows of `event_arns`: what an event touches.

use backtrail_model::arn::Arn;
use backtrail_model::outcome::NO_REQUEST_PARAMETERS;
use backtrail_model::redact::redact_name;
use backtrail_model::touch::{Call, MOST, each_touched, lookup_name};

use crate::fields::F;
use crate::output::Record;
use crate::rows::{Cell, Rows};

/// Adds a row for each thing a record touches; false where it names more than are tied to one event.
pub(crate) fn add(rows: &mut Rows, record: &Record<'_>, (time, evidence_id, date): (Option<i64>, &str, &str)) -> bool {
    let text = |field| record.text(field);
    let json = |field| record.json_of(field);
    let (source, name) = (text(F::EventSource), text(F::EventName));
    let (region, account) = (text(F::AwsRegion), text(F::RecipientAccountId));
    // Where nobody asked for the parameters, that none names a user does not mean the caller.
    let caller = text(F::UserIdentityArn).filter(|_| !record.fields.not_asked.contains(&NO_REQUEST_PARAMETERS));
    let error_message = text(F::ErrorMessage);
    let call = Call {
        event_source: source.as_deref().unwrap_or_default(),
        event_name: name.as_deref().unwrap_or_default(),
        region: region.as_deref().unwrap_or_default(),
        account: account.as_deref().unwrap_or_default(),
        caller: caller.as_deref(),
        error_message: error_message.as_deref(),
        resources: json(F::Resources),
        request: json(F::RequestParameters),
        response: json(F::ResponseElements),
        additional: json(F::AdditionalEventData),
        details: json(F::ServiceEventDetails),
    };
    let count = each_touched(&call, &mut |thing| {
        // The record keeps it as delivered; what is looked up and shown is without tokens.
        let shown = redact_name(thing.arn);
        let arn = shown.as_ref();
        let name_of_it = Arn::parse(arn).map_or(arn, |arn| lookup_name(&arn));
        rows.end_row(
            0,
            &[
                Cell::Time(time),
                Cell::Text(arn),
                Cell::Text(name_of_it),
                Cell::Text(thing.part.as_str()),
                Cell::Text(thing.basis.as_str()),
                Cell::Text(thing.path),
                Cell::Bool(thing.owner_is_stated),
                Cell::MaybeText(source.as_deref()),
                Cell::MaybeText(name.as_deref()),
                Cell::MaybeText(account.as_deref()),
                Cell::Text(evidence_id),
                Cell::Long(record.index),
                Cell::Text(date),
            ],
        );
        rows.bytes += 128 + arn.len();
    });
    count < MOST
}
