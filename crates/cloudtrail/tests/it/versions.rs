//! eventVersion 1.0 to 1.11, field by field (domain.md 1.2 and 1.4): what each version brought is in its column.

use backtrail_model::tables::Table;

use crate::make::trail;
use crate::support::decode;

/// A field: the version that brought it, its JSON, and the columns it fills.
type Field = (u32, &'static str, &'static [(&'static str, &'static str)]);

const FIELDS: &[Field] = &[
    (0, r#""eventTime":"2024-03-01T09:00:00Z""#, &[("event_time", "2024-03-01T09:00:00Z"), ("event_date", "2024-03-01")]),
    (0, r#""eventSource":"s3.amazonaws.com""#, &[("event_source", "s3.amazonaws.com")]),
    (0, r#""eventName":"PutObject""#, &[("event_name", "PutObject")]),
    (0, r#""awsRegion":"eu-west-1""#, &[("aws_region", "eu-west-1")]),
    (0, r#""sourceIPAddress":"2001:db8::7""#, &[("source_ip_address", "2001:db8::7")]),
    (0, r#""userAgent":"[S3Console/0.4]""#, &[("user_agent", "[S3Console/0.4]")]),
    (0, r#""errorCode":"AccessDenied""#, &[("error_code", "AccessDenied")]),
    (0, r#""errorMessage":"Access Denied""#, &[("error_message", "Access Denied")]),
    (0, r#""requestParameters":{"bucketName":"b"}"#, &[("request_parameters", r#"{"bucketName":"b"}"#)]),
    (0, r#""responseElements":{"x":[1,2]}"#, &[("response_elements", r#"{"x":[1,2]}"#)]),
    (0, r#""additionalEventData":{"bytesTransferredIn":3}"#, &[("additional_event_data", r#"{"bytesTransferredIn":3}"#)]),
    (1, r#""requestID":"req-1""#, &[("request_id", "req-1")]),
    (
        1,
        r#""eventID":"01234567-89ab-cdef-0123-456789abcdef""#,
        &[("event_id", "01234567-89ab-cdef-0123-456789abcdef"), ("dedupe_key", "0123456789abcdef0123456789abcdef")],
    ),
    (1, r#""readOnly":true"#, &[("read_only", "true")]),
    (
        1,
        r#""resources":[{"ARN":"arn:aws:s3:::b","accountId":"1","type":"AWS::S3::Bucket"}]"#,
        &[("resources", r#"[{"ARN":"arn:aws:s3:::b","accountId":"1","type":"AWS::S3::Bucket"}]"#)],
    ),
    (1, r#""apiVersion":"2006-03-01""#, &[("api_version", "2006-03-01")]),
    (2, r#""eventType":"AwsApiCall""#, &[("event_type", "AwsApiCall")]),
    (2, r#""recipientAccountId":"000011112222""#, &[("recipient_account_id", "000011112222")]),
    (3, r#""sharedEventID":"shared-1""#, &[("shared_event_id", "shared-1")]),
    (4, r#""vpcEndpointId":"vpce-1""#, &[("vpc_endpoint_id", "vpce-1")]),
    (5, r#""serviceEventDetails":{"state":"on"}"#, &[("service_event_details", r#"{"state":"on"}"#)]),
    (6, r#""managementEvent":false"#, &[("management_event", "false")]),
    (7, r#""eventCategory":"Data""#, &[("event_category", "Data")]),
    (8, r#""addendum":{"reason":"DELIVERY_DELAY"}"#, &[("addendum", r#"{"reason":"DELIVERY_DELAY"}"#)]),
    (8, r#""sessionCredentialFromConsole":"true""#, &[("session_credential_from_console", "true")]),
    (8, r#""edgeDeviceDetails":{"type":"outposts"}"#, &[("edge_device_details", r#"{"type":"outposts"}"#)]),
    (8, r#""tlsDetails":{"tlsVersion":"TLSv1.3"}"#, &[("tls_details", r#"{"tlsVersion":"TLSv1.3"}"#)]),
    (9, r#""vpcEndpointAccountId":"999988887777""#, &[("vpc_endpoint_account_id", "999988887777")]),
    (11, r#""eventContext":{"requestContext":{},"tagContext":{}}"#, &[("event_context", r#"{"requestContext":{},"tagContext":{}}"#)]),
];

/// Every field of a user identity, whoever has it.
const IDENTITY: &str = r#"{"type":"AssumedRole","principalId":"AROAX:s","arn":"arn:aws:sts::1:assumed-role/R/s","accountId":"1","accessKeyId":"ASIAX","userName":"u","invokedBy":"ec2.amazonaws.com","invokedByDelegate":{"accountId":"2"},"identityProvider":"idp","credentialId":"cred","onBehalfOf":{"userId":"ic-user","identityStoreArn":"arn:aws:identitystore::1:identitystore/d-1"},"inScopeOf":{"issuerType":"AWS::Lambda::Function"},"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAX","arn":"arn:aws:iam::1:role/path/R","accountId":"3","userName":"R"},"webIdFederationData":{"federatedProvider":"accounts.google.com"},"attributes":{"creationDate":"2024-03-01T08:00:00Z","mfaAuthenticated":"true"},"sourceIdentity":"alice","ec2RoleDelivery":"2.0","assumedRoot":"true","signInSessionArn":"arn:aws:signin:eu-west-1:1:session/x"}}"#;

const IDENTITY_COLUMNS: &[(&str, &str)] = &[
    ("user_identity_type", "AssumedRole"),
    ("user_identity_principal_id", "AROAX:s"),
    ("user_identity_arn", "arn:aws:sts::1:assumed-role/R/s"),
    ("user_identity_account_id", "1"),
    ("user_identity_access_key_id", "ASIAX"),
    ("user_identity_user_name", "u"),
    ("user_identity_invoked_by", "ec2.amazonaws.com"),
    ("user_identity_invoked_by_delegate_account_id", "2"),
    ("user_identity_identity_provider", "idp"),
    ("user_identity_credential_id", "cred"),
    ("user_identity_on_behalf_of_user_id", "ic-user"),
    ("user_identity_on_behalf_of_identity_store_arn", "arn:aws:identitystore::1:identitystore/d-1"),
    ("user_identity_in_scope_of", r#"{"issuerType":"AWS::Lambda::Function"}"#),
    ("session_issuer_type", "Role"),
    ("session_issuer_principal_id", "AROAX"),
    ("session_issuer_arn", "arn:aws:iam::1:role/path/R"),
    ("session_issuer_account_id", "3"),
    ("session_issuer_user_name", "R"),
    ("session_web_id_federation_data", r#"{"federatedProvider":"accounts.google.com"}"#),
    ("session_creation_date", "2024-03-01T08:00:00Z"),
    ("session_mfa_authenticated", "true"),
    ("session_source_identity", "alice"),
    ("session_ec2_role_delivery", "2.0"),
    ("session_assumed_root", "true"),
    ("session_sign_in_session_arn", "arn:aws:signin:eu-west-1:1:session/x"),
];

/// Columns that are not a field's.
const PROVENANCE: &[&str] =
    &["raw", "raw_form", "record_sha256", "dedupe_key", "copy_rank", "id_conflict", "evidence_id", "record_index", "event_date"];

fn version_text(version: u32) -> String {
    match version {
        0 => "1.0".to_owned(),
        10.. => format!("1.{version}"),
        _ => format!("1.0{version}"),
    }
}

#[test]
fn every_field_of_every_version_is_in_its_column_and_no_other_is_filled() {
    for version in 0..=11 {
        let fields: Vec<&Field> = FIELDS.iter().filter(|(since, _, _)| *since <= version).collect();
        let mut members: Vec<String> =
            vec![format!("\"eventVersion\":\"{}\"", version_text(version)), format!("\"userIdentity\":{IDENTITY}")];
        members.extend(fields.iter().map(|(_, json, _)| (*json).to_owned()));
        let record = format!("{{{}}}", members.join(","));
        // Their order says nothing.
        members.reverse();
        let reversed = format!("{{{}}}", members.join(", "));
        for record in [record, reversed] {
            let decoded = decode(trail(std::slice::from_ref(&record)).as_bytes());
            assert_eq!(decoded.counts(), (1, 1, 0, 0), "version {version}");
            let row = &decoded.rows(Table::Cloudtrail)[0];
            let text = version_text(version);
            let mut expected: Vec<(&str, &str)> = vec![("event_version", &text), ("raw", &record)];
            expected.extend(fields.iter().flat_map(|(_, _, columns)| columns.iter().copied()));
            expected.extend_from_slice(IDENTITY_COLUMNS);
            for (column, value) in &expected {
                assert_eq!(row.get(*column).map(String::as_str), Some(*value), "{column} in version {version}");
            }
            let strange: Vec<_> =
                row.keys().filter(|c| !PROVENANCE.contains(&c.as_str()) && !expected.iter().any(|(e, _)| e == c)).collect();
            assert!(strange.is_empty(), "version {version} fills {strange:?}");
        }
    }
}

#[test]
fn every_column_of_the_table_is_some_field_of_some_version() {
    let known: Vec<&str> =
        FIELDS.iter().flat_map(|(_, _, columns)| columns.iter()).chain(IDENTITY_COLUMNS).map(|(column, _)| *column).collect();
    let others = ["event_version", "unknown_fields"];
    let untested: Vec<&str> = Table::Cloudtrail
        .columns()
        .iter()
        .map(|column| column.name)
        .filter(|name| !known.contains(name) && !PROVENANCE.contains(name) && !others.contains(name))
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn a_version_nobody_knows_yet_is_kept_with_the_names_of_its_fields() {
    let record = r#"{"eventVersion":"1.99","eventTime":"2024-03-01T09:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","eventID":"x","quantumState":{"a":1}}"#;
    let decoded = decode(trail(&[record.to_owned()]).as_bytes());
    let row = &decoded.rows(Table::Cloudtrail)[0];
    assert_eq!(
        (row["event_version"].as_str(), row["unknown_fields"].as_str(), row["raw"].as_str()),
        ("1.99", "[\"quantumState\"]", record)
    );
}
