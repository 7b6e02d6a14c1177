//! DNS records, and whom they are answered to.

use serde_json::Value;

use crate::summary::rule::Rule;
use crate::summary::{Call, Parameters, Summary, some_of, words};

pub(in crate::summary) fn dns(call: &Call<'_>) -> Option<Summary> {
    let zone = call.request.text("hostedZoneId").unwrap_or_else(|| "a zone".to_owned());
    let vpc = || call.request.get("vPC").and_then(|vpc| vpc.text("vPCId")).unwrap_or_else(|| "a VPC".to_owned());
    match call.action {
        "ChangeResourceRecordSets" => {}
        "AssociateVPCWithHostedZone" => return Some(words("gave", "give", format!("hosted zone {zone} to {}", vpc()))),
        "DisassociateVPCFromHostedZone" => return Some(words("took", "take", format!("hosted zone {zone} from {}", vpc()))),
        _ => return None,
    }
    let mut rules = Vec::new();
    let mut told = Vec::new();
    for change in call.request.get("changeBatch").map(|b| b.list("changes")).unwrap_or_default() {
        let set = change.get("resourceRecordSet").unwrap_or(Parameters(&Value::Null));
        let (name, kind) = (set.text("name").unwrap_or_else(|| "?".to_owned()), set.text("type").unwrap_or_default());
        let mut values = set.texts("resourceRecords", "value");
        values.extend(set.get("aliasTarget").and_then(|a| a.text("dNSName")));
        let verb = change.text("action").unwrap_or_else(|| "CHANGE".to_owned());
        let value = if values.is_empty() { String::new() } else { format!(" = {}", some_of(&values)) };
        told.push(format!("{verb} {kind} {name}{value}"));
        rules.push(Rule {
            action: if verb == "DELETE" { "remove" } else { "record" },
            id: set.text("setIdentifier"),
            protocol: Some(kind),
            peer: (!values.is_empty()).then(|| values.join(", ")),
            target: Some(name),
            ..Rule::default()
        });
    }
    let rest = if told.is_empty() { format!("records of {zone}") } else { format!("records of {zone}: {}", some_of(&told)) };
    Some(Summary { rules, ..words("changed", "change", rest) })
}
