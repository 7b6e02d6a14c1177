//! One record, written in the key order CloudTrail uses.

use super::catalogue::{Call, Category, Fault, Network, Outcome};
use super::clock;
use super::identity::Caller;
use super::random::{Random, hash_of};
use super::template::{Scene, Template};

/// Everything a record is made of.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) call: &'a Call,
    pub(crate) caller: Caller<'a>,
    pub(crate) fault: Option<&'a Fault>,
    /// Whose trail recorded it.
    pub(crate) recipient: &'a str,
    /// What the event's id is made from.
    pub(crate) id_seed: u64,
    /// What the id is made from that the copies in several accounts share.
    pub(crate) shared_seed: Option<u64>,
    /// `addendum.reason`.
    pub(crate) addendum: Option<&'static str>,
}

/// What is known of an event, to work out expected answers.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) event_id: String,
    pub(crate) time: i64,
    pub(crate) who: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) call: String,
    pub(crate) writes: bool,
    pub(crate) category: Category,
    pub(crate) event_type: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) network: Network,
}

/// The GUID made from a seed.
pub(crate) fn guid(seed: u64) -> String {
    Random::seeded(&[seed]).text(|r, o| r.push_guid(o))
}

impl Draft<'_> {
    pub(crate) fn meta(&self, scene: &Scene<'_>) -> Meta {
        // A failed sign-in has no errorCode; its fault says so all the same.
        let outcome = self.fault.map_or(Outcome::Ok, |fault| fault.kind);
        Meta {
            event_id: guid(self.id_seed),
            time: scene.time,
            who: self.caller.identity.label(),
            account: self.recipient.to_owned(),
            region: scene.place.region.to_owned(),
            call: format!("{}:{}", self.call.source, self.call.name),
            writes: self.call.writes,
            category: self.call.category,
            event_type: self.call.event_type,
            outcome,
            network: self.call.network,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>, scene: &mut Scene<'_>) {
        let call = self.call;
        put(out, &[r#"{"eventVersion":""#, version(call.source), r#"","userIdentity":"#]);
        self.caller.identity.push(out);
        out.extend_from_slice(br#","eventTime":""#);
        clock::push_iso(out, scene.time);
        put(
            out,
            &[r#"","eventSource":""#, call.source, r#".amazonaws.com","eventName":""#, call.name, r#"","awsRegion":""#, scene.place.region],
        );
        put(out, &[r#"","sourceIPAddress":""#, &self.caller.address, r#"","userAgent":""#, &self.caller.agent, "\""]);
        self.write_outcome(out, scene);
        out.extend_from_slice(br#","requestID":""#);
        if call.source == "s3" {
            scene.random.push_upper(out, 16)
        } else {
            scene.random.push_guid(out)
        }
        out.extend_from_slice(br#"","eventID":""#);
        Random::seeded(&[self.id_seed]).push_guid(out);
        put(out, &[r#"","readOnly":"#, if call.writes { "false" } else { "true" }]);
        if !call.resources.is_empty() {
            field(out, "resources", &call.resources, scene);
        }
        put(out, &[r#","eventType":""#, call.event_type, "\""]);
        if !call.api_version.is_empty() {
            put(out, &[r#","apiVersion":""#, call.api_version, "\""]);
        }
        let management = if call.category == Category::Management { "true" } else { "false" };
        put(out, &[r#","managementEvent":"#, management, r#","recipientAccountId":""#, self.recipient, "\""]);
        self.write_rest(out, scene);
    }

    fn write_outcome(&self, out: &mut Vec<u8>, scene: &mut Scene<'_>) {
        let call = self.call;
        if let Some(fault) = self.fault {
            if !fault.code.is_empty() {
                put(out, &[r#","errorCode":""#, fault.code, "\""]);
            }
            if !fault.message.is_empty() {
                out.extend_from_slice(br#","errorMessage":""#);
                fault.message.push(out, scene);
                out.push(b'"');
            }
        }
        field(out, "requestParameters", &call.request, scene);
        // Sign-ins say that they failed in their response.
        if self.fault.is_some_and(|fault| !fault.code.is_empty()) {
            out.extend_from_slice(br#","responseElements":null"#);
        } else {
            field(out, "responseElements", &call.response, scene);
        }
        if !call.additional.is_empty() {
            field(out, "additionalEventData", &call.additional, scene);
        }
    }

    fn write_rest(&self, out: &mut Vec<u8>, scene: &mut Scene<'_>) {
        if let Some(seed) = self.shared_seed {
            out.extend_from_slice(br#","sharedEventID":""#);
            Random::seeded(&[seed]).push_guid(out);
            out.push(b'"');
        }
        if let Some(endpoint) = self.caller.endpoint {
            put(out, &[r#","vpcEndpointId":""#, endpoint, r#"","vpcEndpointAccountId":""#, self.recipient, "\""]);
        }
        if !self.call.details.is_empty() {
            field(out, "serviceEventDetails", &self.call.details, scene);
        }
        put(out, &[r#","eventCategory":""#, self.call.category.as_str(), "\""]);
        if let Some(reason) = self.addendum {
            put(out, &[r#","addendum":{"reason":""#, reason, r#""}"#]);
        }
        if !self.caller.by_service {
            put(out, &[r#","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":""#]);
            put(
                out,
                &[
                    self.call.source,
                    ".",
                    scene.place.region,
                    ".amazonaws.com",
                    if scene.salt.is_multiple_of(3) { r#"","keyExchange":"x25519"}"# } else { "\"}" },
                ],
            );
        }
        if self.caller.from_console {
            put(out, &[r#","sessionCredentialFromConsole":"true""#]);
        }
        out.push(b'}');
    }
}

/// The newest version most services write, and older ones some still do.
fn version(source: &str) -> &'static str {
    match source {
        "s3" | "ec2" | "kms" => "1.11",
        "sts" => "1.08",
        _ => ["1.11", "1.10", "1.09", "1.08"][hash_of(source) as usize % 4],
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &Template, scene: &mut Scene<'_>) {
    put(out, &[",\"", name, "\":"]);
    if value.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        value.push(out, scene);
    }
}

fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}
