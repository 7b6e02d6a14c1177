//! What a call has to do with the resource asked about.

use backtrail_model::calls::action_name;
use backtrail_model::touch::{Part, Touched, Wanted};

use crate::event::Event;
use crate::filter::names;
use crate::touched::touched_in_all;

const PARAMETERS: &str = "requestParameters.";

/// What a call has to do with what was asked about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// It acted on these: what it set is theirs.
    On(Vec<Touched>),
    /// It acted on something else, and names it beside that.
    Beside,
    /// It names it, and no rule tells what it acts on. The ARN, where the record has one.
    Unclear(Option<String>),
    /// It was called by it, at most.
    Not,
}

impl Tie {
    /// The tie of a call to what was typed.
    pub(super) fn of(event: &Event<'_>, typed: &str) -> Self {
        let wanted = Wanted::read(typed);
        let (fitting, others): (Vec<_>, Vec<_>) = touched_in_all(event).into_iter().partition(|thing| wanted.fits(&thing.arn));
        let is_tagging = tags(action_name(event.event_name.unwrap_or_default()));
        let is_target =
            |thing: &Touched| thing.part == Part::Target || (is_tagging && thing.path.starts_with("requestParameters.resource"));
        if fitting.iter().any(is_target) {
            return Self::On(each_once(fitting.into_iter().filter(is_target)));
        }
        if fitting.is_empty() && !names(event, typed) {
            return Self::Not;
        }
        // A rule that names it beside its target knows what the call acts on, even where this record does not have it.
        if others.iter().any(is_target) || fitting.iter().any(|thing| thing.part == Part::Related) {
            return Self::Beside;
        }
        Self::Unclear(fitting.into_iter().next().map(|thing| thing.arn))
    }
}

/// A thing that a call names twice, with and without the path or the suffix of its ARN, is one thing: told by the longer ARN, and found among the
/// parameters where it stands there.
fn each_once(things: impl Iterator<Item = Touched>) -> Vec<Touched> {
    let mut all: Vec<Touched> = Vec::new();
    for thing in things {
        let own = Wanted::read(&thing.arn);
        match all.iter_mut().find(|known| are_one(&known.arn, (&thing.arn, &own))) {
            Some(known) => {
                if !known.path.starts_with(PARAMETERS) && thing.path.starts_with(PARAMETERS) {
                    known.path = thing.path;
                }
                if known.arn.len() < thing.arn.len() {
                    known.arn = thing.arn;
                }
            }
            None => all.push(thing),
        }
    }
    all
}

/// Whether two ARNs are of one thing, written with and without the path or the suffix; the second also as what was asked for, read once for many.
pub(super) fn are_one(known: &str, (arn, own): (&str, &Wanted)) -> bool {
    own.fits(known) || Wanted::read(known).fits(arn)
}

/// Whether an action tags what it names as its resource, of whatever kind: `CreateTags`, `TagResource`, `AddTagsToResource`.
fn tags(action: &str) -> bool {
    let is_of_any = |rest: &str| matches!(rest, "" | "Resource" | "Resources" | "ToResource" | "FromResource" | "ForResource");
    let rest = ["Tag", "Untag", "CreateTags", "DeleteTags", "AddTags", "RemoveTags"].iter().find_map(|verb| action.strip_prefix(*verb));
    rest.is_some_and(is_of_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(source: &str, name: &str, request: &str, typed: &str) -> Tie {
        let event = Event {
            event_source: Some(source),
            event_name: Some(name),
            aws_region: Some("eu-west-1"),
            recipient_account_id: Some("111122223333"),
            user_identity_arn: Some("arn:aws:iam::111122223333:user/alice"),
            request_parameters: Some(request),
            ..Event::default()
        };
        Tie::of(&event, typed)
    }

    #[test]
    fn what_a_call_names_with_and_without_its_path_is_one_thing() {
        let with_path = "arn:aws:iam::111122223333:role/svc/App";
        let made = Event {
            event_source: Some("iam.amazonaws.com"),
            event_name: Some("CreateRole"),
            recipient_account_id: Some("111122223333"),
            request_parameters: Some(r#"{"roleName":"App","path":"/svc/"}"#),
            response_elements: Some(r#"{"role":{"arn":"arn:aws:iam::111122223333:role/svc/App","roleName":"App"}}"#),
            ..Event::default()
        };
        for typed in ["App", with_path, "arn:aws:iam::111122223333:role/App"] {
            let Tie::On(things) = Tie::of(&made, typed) else { panic!("{typed}") };
            let told: Vec<_> = things.iter().map(|thing| (thing.arn.as_str(), thing.path.as_str())).collect();
            assert_eq!(told, [(with_path, "requestParameters.roleName")], "{typed}");
        }
    }

    #[test]
    fn a_call_is_about_what_it_acts_on() {
        let opened =
            r#"{"groupId":"sg-0ddddddd","ipPermissions":{"items":[{"ipProtocol":"tcp","groups":{"items":[{"groupId":"sg-0aaaaaaa"}]}}]}}"#;
        let of = |typed| tie("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", opened, typed);
        assert!(
            matches!(of("sg-0ddddddd"), Tie::On(things) if things[0].arn == "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0ddddddd")
        );
        assert_eq!(of("sg-0aaaaaaa"), Tie::Beside);
        assert_eq!(of("sg-0ccccccc"), Tie::Not);
        assert_eq!(of("arn:aws:iam::111122223333:user/alice"), Tie::Not, "who called set nothing of itself");
        // No rule knows the calls of classic load balancers.
        let worn = r#"{"loadBalancerName":"clb","securityGroups":["sg-0aaaaaaa"]}"#;
        let of = |typed| tie("elasticloadbalancing.amazonaws.com", "ApplySecurityGroupsToLoadBalancer", worn, typed);
        assert_eq!(of("sg-0aaaaaaa"), Tie::Unclear(Some("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0aaaaaaa".to_owned())));
        assert_eq!(of("clb"), Tie::Unclear(None));
        let tagged = r#"{"resourcesSet":{"items":[{"resourceId":"sg-0aaaaaaa"}]},"tagSet":{"items":[{"key":"of","value":"sg-0bbbbbbb"}]}}"#;
        assert!(matches!(tie("ec2.amazonaws.com", "CreateTags", tagged, "sg-0aaaaaaa"), Tie::On(_)));
        assert!(matches!(tie("ec2.amazonaws.com", "CreateTags", tagged, "sg-0bbbbbbb"), Tie::Beside));
    }
}
