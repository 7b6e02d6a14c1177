//! The calls and listings that say how a network is laid out, read from the store.

use arrow_array::Array;
use backtrail_model::calls::service_of;
use backtrail_model::interfaces::list;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::touch::Wanted;
use serde_json::Value;

use super::{Call, Layout};
use crate::error::TimelineError;
use crate::event::{Event, Text, longs};
use crate::instants::{Instants, is_known_of_all};
use crate::item::json;
use crate::source::{Source, one_of};
use crate::summary::{Rule, Summary, body};

/// The calls.
const CALLS: [&str; 14] = [
    "CreateRouteTable",
    "AssociateRouteTable",
    "ReplaceRouteTableAssociation",
    "DisassociateRouteTable",
    "CreateRoute",
    "ReplaceRoute",
    "DeleteRoute",
    "CreateNetworkAcl",
    "ReplaceNetworkAclAssociation",
    "CreateNetworkAclEntry",
    "ReplaceNetworkAclEntry",
    "DeleteNetworkAclEntry",
    "CreateSubnet",
    "CreateDefaultSubnet",
];
/// How the ids begin of what they touch: rows of `event_arns` stand together by name.
const TOUCHED: [&str; 5] = ["rtb-*", "rtbassoc-*", "acl-*", "aclassoc-*", "subnet-*"];

impl Layout {
    /// What calls of any time say.
    pub(in crate::effects) async fn read(source: &Source) -> Result<Self, TimelineError> {
        let mut layout = Self::default();
        let Some(called) = one_of("event_name", CALLS) else { return Ok(layout) };
        let mut take = |event: &Event<'_>| {
            layout.take_event(event);
            Ok(())
        };
        // Stores that older versions filled do not say of all events what they touch.
        let condition = if is_known_of_all(source).await? {
            let wanted = TOUCHED.map(Wanted::read);
            Instants::of_calls_on(source, &wanted, &called).await?.condition().and(called)
        } else {
            called
        };
        source.few(None, Some(condition), &mut take).await?;
        layout.read_listed(source).await?;
        layout.finish();
        Ok(layout)
    }

    /// What listings have of route tables and network ACLs.
    async fn read_listed(&mut self, source: &Source) -> Result<(), TimelineError> {
        const TABLE: &str = "config_items";
        let Some(is_meant) = one_of("resource_type", ["AWS::EC2::RouteTable", "AWS::EC2::NetworkAcl"]) else { return Ok(()) };
        let columns = ["raw", "evidence_id", "record_index"];
        let frame = source.table(TABLE).await?.filter(is_meant).and_then(|f| f.select_columns(&columns));
        Source::batches(TABLE, frame.map_err(TimelineError::table(TABLE))?, &mut |batch| {
            let (raw, evidence) = (Text::of(batch, TABLE, "raw")?, Text::of(batch, TABLE, "evidence_id")?);
            let index = longs(batch, TABLE, "record_index")?;
            for row in (0..batch.num_rows()).filter(|row| index.is_valid(*row)) {
                let reference = format!("{}#{}", evidence.get(row).unwrap_or_default(), index.value(row));
                let told = json(raw.get(row));
                self.take_listed(&told, listed_rules(&told), &reference);
            }
            Ok(())
        })
        .await
    }

    pub(super) fn take_event(&mut self, event: &Event<'_>) {
        let (Some(name), Some(time)) = (event.event_name, event.event_time) else { return };
        // API Gateway has calls of the same names.
        let is_meant = CALLS.contains(&name) && service_of(event.event_source.unwrap_or_default()) == "ec2";
        if !is_meant || classify(&event.facts()) != Outcome::Ok {
            return;
        }
        let (request, response) = (json(event.request_parameters), json(event.response_elements));
        let rules = Summary::of(event, &request, &response).rules;
        let (request, response) = (body(&request, "Request"), body(&response, "Response"));
        self.take(Call { name, at: (time, event.citation()), request, response, rules });
    }
}

/// The routes of a listed table and the entries of a listed ACL, as the calls that make one would have them.
pub(super) fn listed_rules(told: &Value) -> Vec<Rule> {
    let rules = |list_key: &str, id_key: &str, call: &str| {
        let event = Event { event_source: Some("ec2.amazonaws.com"), event_name: Some(call), ..Event::default() };
        let id = told.get(id_key).cloned().unwrap_or_default();
        let made = |one: &Value| {
            let mut request = one.clone();
            if let Some(request) = request.as_object_mut() {
                request.insert(id_key.to_owned(), id.clone());
            }
            Summary::of(&event, &request, &Value::Null).rules
        };
        list(told.get(list_key)).flat_map(made).collect::<Vec<Rule>>()
    };
    [rules("Routes", "RouteTableId", "CreateRoute"), rules("Entries", "NetworkAclId", "CreateNetworkAclEntry")].concat()
}
