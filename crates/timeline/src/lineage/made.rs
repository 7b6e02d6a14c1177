//! Events made up for tests of lineage.

use backtrail_model::time::MICROS_PER_SECOND;

use crate::event::Event;

pub(super) const SECOND: i64 = MICROS_PER_SECOND;
pub(super) const START: i64 = 1_760_000_000 * SECOND;
pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "eu-central-1";

pub(super) fn leak(text: impl Into<String>) -> &'static str {
    Box::leak(text.into().into_boxed_str())
}

/// A key id of its full length.
pub(super) fn full(short: &str) -> String {
    format!("{:0<4}{:0>16}", &short[..4], short)
}

pub(super) fn by_user(name: &str, key: Option<&str>) -> Event<'static> {
    Event {
        user_identity_type: Some("IAMUser"),
        user_identity_user_name: Some(leak(name)),
        user_identity_principal_id: Some(leak(format!("AIDA{name}"))),
        user_identity_arn: Some(leak(format!("arn:aws:iam::{ACCOUNT}:user/{name}"))),
        user_identity_account_id: Some(ACCOUNT),
        user_identity_access_key_id: key.map(|k| leak(full(k))),
        recipient_account_id: Some(ACCOUNT),
        aws_region: Some(REGION),
        ..Event::default()
    }
}
