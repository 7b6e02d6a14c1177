//! The security group of a rule that is asked about by its id: calls that close rules by what they let through, or delete the group, name no rule.

use backtrail_model::arn::Arn;
use backtrail_model::touch::{Part, Wanted};
use datafusion::functions::expr_fn::starts_with;
use datafusion::logical_expr::{col, lit};

use crate::error::TimelineError;
use crate::event::Event;
use crate::instants::{Instants, is_known_of_all};
use crate::source::Source;
use crate::touched::touched_in_all;

/// Calls that answer with the rules that they made.
const MAKERS: &str = "AuthorizeSecurityGroup";

/// The ARN of the group, as the call that made the rule has it.
pub(super) async fn group_of(source: &Source, typed: &str) -> Result<Option<String>, TimelineError> {
    let wanted = Wanted::read(typed);
    let is_rule = typed.rsplit('/').next().is_some_and(|id| id.starts_with("sgr-")) && wanted.is_telling() && !wanted.is_start();
    if !is_rule || !is_known_of_all(source).await? {
        return Ok(None);
    }
    let called = starts_with(col("event_name"), lit(MAKERS));
    let instants = Instants::of_calls_on(source, std::slice::from_ref(&wanted), &called).await?;
    let mut group = None;
    let mut take = |event: &Event<'_>| {
        let things = touched_in_all(event);
        if things.iter().any(|thing| wanted.fits(&thing.arn)) {
            let is_group = |arn: &str| Arn::parse(arn).is_some_and(|arn| arn.resource_type() == Some("security-group"));
            group = things.into_iter().find(|thing| thing.part == Part::Target && is_group(&thing.arn)).map(|thing| thing.arn);
        }
        Ok(())
    };
    source.few(None, Some(instants.condition().and(called)), &mut take).await?;
    Ok(group)
}
