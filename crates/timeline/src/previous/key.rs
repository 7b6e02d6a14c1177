//! Access keys: they have no ARN, and are told by the calls on the user they belong to.

use backtrail_model::calls::{action_name, service_of};
use backtrail_model::issuance::is_access_key_id;
use serde_json::Value;

use super::property::Set;
use crate::event::Event;
use crate::item::json;
use crate::summary::body;

/// What a call did to one access key.
#[derive(Debug, PartialEq)]
pub(super) struct OnKey {
    pub(super) made: bool,
    pub(super) ended: bool,
    pub(super) sets: Vec<Set>,
}

/// What a call did to the access key asked about; none where that is no access key, or the call is not about it.
pub(super) fn on_key(event: &Event<'_>, typed: &str) -> Option<OnKey> {
    if !is_access_key_id(typed) || service_of(event.event_source?) != "iam" {
        return None;
    }
    let (request, response) = (json(event.request_parameters), json(event.response_elements));
    let asked = |key: &str| body(&request, "Request").get(key).filter(|value| !value.is_null()).cloned();
    let set = |name: &str, value: Option<Value>| value.map(|value| Set::parameter(name, Some(value)));
    let is_asked = || asked("accessKeyId").is_some_and(|key| key == typed);
    match action_name(event.event_name?) {
        "CreateAccessKey" => {
            let made = body(&response, "Response").get("accessKey")?;
            let answered = |key: &str| made.get(key).cloned();
            answered("accessKeyId").filter(|key| key == typed)?;
            let user = answered("userName").or_else(|| asked("userName"));
            let sets = set("status", answered("status")).into_iter().chain(set("userName", user)).collect();
            Some(OnKey { made: true, ended: false, sets })
        }
        "UpdateAccessKey" if is_asked() => {
            Some(OnKey { made: false, ended: false, sets: set("status", asked("status")).into_iter().collect() })
        }
        "DeleteAccessKey" if is_asked() => Some(OnKey { made: false, ended: true, sets: Vec::new() }),
        _ => None,
    }
}

/// Whether a key is made by a session's start and ends with it: no call changes it.
pub(super) fn is_temporary(typed: &str) -> bool {
    is_access_key_id(typed) && typed.starts_with("ASIA")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_the_calls_on_it() {
        let of = |name: &str, request: &str, response: Option<&str>| {
            let event = Event {
                event_source: Some("iam.amazonaws.com"),
                event_name: Some(name),
                request_parameters: Some(request),
                response_elements: response,
                ..Event::default()
            };
            let told = on_key(&event, "AKIAQSVC000000000001")?;
            let sets: Vec<String> = told.sets.iter().map(|set| format!("{}={}", set.name, set.value.clone().unwrap_or_default())).collect();
            Some((told.made, told.ended, sets.join(" ")))
        };
        let made = r#"{"accessKey":{"accessKeyId":"AKIAQSVC000000000001","userName":"svc","status":"Active"}}"#;
        assert_eq!(
            of("CreateAccessKey", r#"{"userName":"svc"}"#, Some(made)),
            Some((true, false, "status=\"Active\" userName=\"svc\"".to_owned()))
        );
        let asked = r#"{"userName":"svc","accessKeyId":"AKIAQSVC000000000001","status":"Inactive"}"#;
        assert_eq!(of("UpdateAccessKey", asked, None), Some((false, false, "status=\"Inactive\"".to_owned())));
        assert_eq!(of("DeleteAccessKey", asked, None), Some((false, true, String::new())));
        assert_eq!(of("UpdateAccessKey", &asked.replace("0001", "0002"), None), None);
        assert_eq!(of("CreateAccessKey", r#"{"userName":"svc"}"#, Some(&made.replace("0001", "0002"))), None);
    }
}
