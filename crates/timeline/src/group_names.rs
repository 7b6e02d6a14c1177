//! Names of security groups: nearly all calls name a group by its id alone, and the call that made it says what it is called.

use std::collections::HashMap;

use backtrail_model::outcome::{Outcome, classify};
use serde::Serialize;

use crate::error::TimelineError;
use crate::event::Event;
use crate::item::{Item, json};
use crate::source::Source;

const MAKES: &str = "CreateSecurityGroup";

/// What a security group is called, by another record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupName {
    /// Its id.
    pub id: String,
    /// Its name when it was made; it has no other later.
    pub name: String,
    /// Citation of the call that made it.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// The names of the groups that calls in evidence made, by id.
#[derive(Debug, Default)]
pub(crate) struct GroupNames(HashMap<String, GroupName>);

impl GroupNames {
    /// Those of all evidence, where the calls that made them stand together; none in stores where they would have to be sought.
    pub(crate) async fn read(source: &Source) -> Result<Self, TimelineError> {
        let mut names = Self::default();
        let is_known = source
            .pivotal(None, &[MAKES], &mut |event| {
                names.take(event);
                Ok(())
            })
            .await?;
        Ok(if is_known { names } else { Self::default() })
    }

    fn take(&mut self, event: &Event<'_>) {
        if classify(&event.facts()) != Outcome::Ok {
            return;
        }
        let (request, response) = (json(event.request_parameters), json(event.response_elements));
        let text = |value: &serde_json::Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let Some((id, name)) = text(&response, "groupId").zip(text(&request, "groupName")) else { return };
        let known = GroupName { id: id.clone(), name, reference: event.citation() };
        // Two records that name one group differently: one of them is forged, and neither is believed.
        match self.0.get(&id) {
            Some(other) if other.name != known.name => self.0.insert(id, GroupName { name: String::new(), ..known }),
            Some(_) => None,
            None => self.0.insert(id, known),
        };
    }

    /// Names the groups of an item's summary that it has by their id alone, once each, and keeps by which call that is known.
    pub(crate) fn tell(&self, item: &mut Item) {
        if self.0.is_empty() || !item.summary.contains("sg-") {
            return;
        }
        let own = item.refs.clone();
        let mut told = String::with_capacity(item.summary.len() + 32);
        let mut rest = item.summary.as_str();
        let mut named: Vec<GroupName> = Vec::new();
        while let Some(at) = rest.find("sg-") {
            let length = rest[at + 3..].bytes().take_while(u8::is_ascii_alphanumeric).count() + 3;
            let (id, after) = (&rest[at..at + length], &rest[at + length..]);
            told.push_str(&rest[..at + length]);
            let known =
                self.0.get(id).filter(|known| !known.name.is_empty() && !own.contains(&known.reference) && !after.starts_with(" ("));
            if let Some(known) = known.filter(|known| !named.contains(known)) {
                told.push_str(&format!(" ({})", known.name));
                named.push(known.clone());
            }
            rest = after;
        }
        told.push_str(rest);
        item.summary = told;
        item.group_names = named;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made<'a>(id: &'a str, request: &'a str, response: &'a str) -> Event<'a> {
        Event {
            event_id: Some(id),
            event_source: Some("ec2.amazonaws.com"),
            event_name: Some(MAKES),
            request_parameters: Some(request),
            response_elements: Some(response),
            ..Event::default()
        }
    }

    #[test]
    fn a_group_is_named_by_the_call_that_made_it() {
        let mut names = GroupNames::default();
        names.take(&made("web", r#"{"groupName":"web"}"#, r#"{"groupId":"sg-0aaa"}"#));
        names.take(&made("one", r#"{"groupName":"one"}"#, r#"{"groupId":"sg-0bbb"}"#));
        names.take(&made("two", r#"{"groupName":"two"}"#, r#"{"groupId":"sg-0bbb"}"#));
        let told = |summary: &str| {
            let mut item = Item::of(&Event { event_id: Some("own"), ..Event::default() }, None);
            item.summary = summary.to_owned();
            names.tell(&mut item);
            (item.summary, item.group_names.into_iter().map(|known| known.reference).collect::<Vec<_>>().join(" "))
        };
        let pair = |summary: &str, refs: &str| (summary.to_owned(), refs.to_owned());
        assert_eq!(told("opened tcp/22 from sg-0aaa on sg-0aaa"), pair("opened tcp/22 from sg-0aaa (web) on sg-0aaa", "web"));
        assert_eq!(
            told("opened tcp/22 from sg-0bbb on sg-0aaab"),
            pair("opened tcp/22 from sg-0bbb on sg-0aaab", ""),
            "two names, and another id"
        );
        assert_eq!(told("created security group sg-0aaa (web)"), pair("created security group sg-0aaa (web)", ""));
    }
}
