//! What an event touches, as answers show it.

use std::borrow::Cow;

use backtrail_model::outcome::NO_REQUEST_PARAMETERS;
use backtrail_model::redact::redact_name;
use backtrail_model::touch::{self, Call, Touched};

use crate::event::Event;

/// At most so many are listed for one event.
const MOST: usize = 50;

/// What an event touches, what it acts on first, best known first; fifty things at most, and no token in any name.
#[must_use]
pub fn touched(event: &Event<'_>) -> Vec<Touched> {
    let mut all = touched_in_all(event);
    all.truncate(MOST);
    for thing in &mut all {
        if let Cow::Owned(clean) = redact_name(&thing.arn) {
            thing.arn = clean;
        }
    }
    all
}

/// All that an event touches.
pub(crate) fn touched_in_all(event: &Event<'_>) -> Vec<Touched> {
    touch::touched(&Call {
        event_source: event.event_source.unwrap_or_default(),
        event_name: event.event_name.unwrap_or_default(),
        region: event.aws_region.unwrap_or_default(),
        account: event.recipient_account_id.unwrap_or_default(),
        // Where nobody asked for the parameters, that none names a user does not mean the caller.
        caller: event.user_identity_arn.filter(|_| !event.lacks(NO_REQUEST_PARAMETERS)),
        error_message: event.error_message,
        resources: event.resources,
        request: event.request_parameters,
        response: event.response_elements,
        additional: event.additional_event_data,
        details: event.service_event_details,
    })
}
