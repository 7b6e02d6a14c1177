//! What an event touches, as far as its record says without rules for each call: `resources[]`, ARNs written out as values, EC2 ids,
//! and the few parameters that name a thing the same way everywhere.

use backtrail_model::arn::{Arn, ec2_type_of_id, partition_of_region};
use serde::Serialize;
use serde_json::Value;

use crate::event::Event;

/// At most so many are listed for one event.
const MOST: usize = 50;

/// How it is known that an event touches something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// `resources[]` lists it.
    Resources,
    /// A parameter that names such a thing (`bucketName`, `roleName`).
    Parameter,
    /// An EC2 id stands as a value; region and account are the event's.
    IdText,
    /// The ARN stands as a value: touched, or only mentioned.
    ArnText,
}

/// One thing an event touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Touched {
    /// Its ARN.
    pub arn: String,
    /// How that is known.
    pub basis: Basis,
}

/// What an event touches, best known first, each once.
#[must_use]
pub fn touched(event: &Event<'_>, request: &Value, response: &Value) -> Vec<Touched> {
    let mut found = Vec::new();
    if let Some(Ok(Value::Array(resources))) = event.resources.map(serde_json::from_str::<Value>) {
        for resource in &resources {
            if let Some(arn) = ["ARN", "arn", "Arn"].iter().find_map(|key| resource.get(*key)?.as_str()).filter(|a| Arn::parse(a).is_some())
            {
                add(&mut found, arn.to_owned(), Basis::Resources);
            }
        }
    }
    by_name(event, request, &mut found);
    walk(event, request, 0, &mut found);
    // A read's response lists what it read; of a write's response, what it made.
    walk(event, response, 0, &mut found);
    found.sort_by_key(|t| t.basis);
    found.truncate(MOST);
    found
}

fn add(found: &mut Vec<Touched>, arn: String, basis: Basis) {
    if found.len() < 4 * MOST && !found.iter().any(|t| t.arn == arn) {
        found.push(Touched { arn, basis });
    }
}

/// Parameters that name a thing the same way in every call of their service.
fn by_name(event: &Event<'_>, request: &Value, found: &mut Vec<Touched>) {
    let service = event.event_source.map(backtrail_model::calls::service_of).unwrap_or_default();
    let (region, account) = (event.aws_region.unwrap_or_default(), event.recipient_account_id.unwrap_or_default());
    let partition = partition_of_region(region);
    let text = |key: &str| request.get(key).and_then(Value::as_str).filter(|t| !t.is_empty() && !t.starts_with("arn:"));
    match service {
        "s3" => {
            if let Some(bucket) = text("bucketName") {
                if let Some(key) = text("key") {
                    add(found, format!("arn:{partition}:s3:::{bucket}/{key}"), Basis::Parameter);
                }
                add(found, format!("arn:{partition}:s3:::{bucket}"), Basis::Parameter);
            }
        }
        "iam" => {
            for (key, kind) in
                [("userName", "user"), ("roleName", "role"), ("groupName", "group"), ("instanceProfileName", "instance-profile")]
            {
                if let Some(name) = text(key) {
                    add(found, format!("arn:{partition}:iam::{account}:{kind}/{name}"), Basis::Parameter);
                }
            }
        }
        "lambda" => {
            if let Some(name) = text("functionName").filter(|n| !n.contains(':')) {
                add(found, format!("arn:{partition}:lambda:{region}:{account}:function:{name}"), Basis::Parameter);
            }
        }
        "cloudtrail" => {
            if let Some(name) = text("name").or_else(|| text("trailName")) {
                add(found, format!("arn:{partition}:cloudtrail:{region}:{account}:trail/{name}"), Basis::Parameter);
            }
        }
        "rds" => {
            for (key, kind) in [("dBInstanceIdentifier", "db"), ("dBClusterIdentifier", "cluster"), ("dBSnapshotIdentifier", "snapshot")] {
                if let Some(name) = text(key) {
                    add(found, format!("arn:{partition}:rds:{region}:{account}:{kind}:{name}"), Basis::Parameter);
                }
            }
        }
        "route53" => {
            if let Some(zone) = text("hostedZoneId") {
                add(found, format!("arn:{partition}:route53:::hostedzone/{}", zone.trim_start_matches("/hostedzone/")), Basis::Parameter);
            }
        }
        _ => {}
    }
}

/// ARNs and EC2 ids that stand as whole values. Those inside longer texts, such as policies, are mentioned, not touched.
fn walk(event: &Event<'_>, value: &Value, depth: usize, found: &mut Vec<Touched>) {
    if depth > 24 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|v| walk(event, v, depth + 1, found)),
        Value::Object(object) => object.values().for_each(|v| walk(event, v, depth + 1, found)),
        Value::String(text) => {
            if let Some(arn) = Arn::parse(text) {
                add(found, arn.canonical().to_owned(), Basis::ArnText);
            } else if let Some(kind) = ec2_type_of_id(text) {
                let (region, account) = (event.aws_region.unwrap_or_default(), event.recipient_account_id.unwrap_or_default());
                add(found, format!("arn:{}:ec2:{region}:{account}:{kind}/{text}", partition_of_region(region)), Basis::IdText);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_once_with_the_best_basis() {
        let event = Event {
            event_source: Some("ec2.amazonaws.com"),
            aws_region: Some("eu-central-1"),
            recipient_account_id: Some("111122223333"),
            resources: Some(r#"[{"ARN":"arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1","accountId":"111122223333"}]"#),
            ..Event::default()
        };
        let request = json!({"groupId": "sg-0683fcf7a41c82593", "vpc": "arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1", "policy": "x arn:aws:iam::1:role/r"});
        let arns: Vec<_> = touched(&event, &request, &Value::Null).into_iter().map(|t| (t.arn, t.basis)).collect();
        assert_eq!(
            arns,
            [
                ("arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1".to_owned(), Basis::Resources),
                ("arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0683fcf7a41c82593".to_owned(), Basis::IdText),
            ]
        );
    }

    #[test]
    fn buckets_and_users_by_parameter() {
        let event = Event { event_source: Some("s3.amazonaws.com"), aws_region: Some("cn-north-1"), ..Event::default() };
        let arns: Vec<_> = touched(&event, &json!({"bucketName": "b", "key": "k"}), &Value::Null).into_iter().map(|t| t.arn).collect();
        assert_eq!(arns, ["arn:aws-cn:s3:::b/k", "arn:aws-cn:s3:::b"]);
    }
}
