//! One small sample of each kind, as its producer writes it.

use super::*;

fn kind(text: &str) -> Kind {
    sniff(text.as_bytes(), Vec::new)
}

const RECORD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"Root"},"eventTime":"2024-05-01T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1"}"#;

fn escaped() -> String {
    RECORD.replace('"', "\\\"")
}

#[test]
fn cloudtrail_in_every_wrapper() {
    let as_string = escaped();
    for text in [
        format!(r#"{{"Records":[{RECORD}]}}"#),
        format!("[{RECORD}]"),
        RECORD.to_owned(),
        format!("{RECORD}\n{RECORD}\n"),
        format!("\u{feff}  {RECORD}"),
        format!("2024-05-01T10:00:00.000Z {RECORD}\n"),
        format!(r#"{{"version":"0","id":"1","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":{RECORD}}}"#),
        format!(r#"{{"Events":[{{"EventId":"1","EventName":"CreateUser","CloudTrailEvent":"{as_string}"}}]}}"#),
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logEvents":[{{"id":"1","timestamp":1,"message":"{as_string}"}}]}}"#
        ),
        format!(r#"{{"took":1,"hits":{{"total":1,"hits":[{{"_index":"i","_source":{RECORD}}}]}}}}"#),
        format!(r#"{{"_raw":"{as_string}","_time":1}}"#),
        "eventVersion,userIdentity,eventTime,eventSource,eventName,eventID\n1.08,,2024-05-01 10:00:00.000,iam.amazonaws.com,CreateUser,x\n"
            .to_owned(),
        r#"[{"eventVersion":"1.0","eventCategory":"Aggregated","eventId":"1","timeWindow":{"windowStart":"x"}}]"#.to_owned(),
        r#"{"Records":[{"eventVersion":"1.08","eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start"}}]}"#.to_owned(),
    ] {
        assert_eq!(kind(&text), Kind::CloudTrail, "{text}");
    }
}

#[test]
fn only_reading_tells() {
    for text in [
        r#"{"Records":[]}"#,
        "[]",
        r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{}}]}"#,
        r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#,
        r#"{"some":"settings"}"#,
        &format!(r#"{{"rule":"x","log":{RECORD}}}"#),
        &format!(r#"{{"wrapped":{{"deeply":{RECORD}}}}}"#),
    ] {
        assert_eq!(kind(text), Kind::PerhapsCloudTrail, "{text}");
    }
}

#[test]
fn other_evidence() {
    let flow = "2 123456789012 eni-0a1b 10.0.0.1 10.0.0.2 443 49152 6 10 840 1418530010 1418530070 ACCEPT OK";
    let samples: &[(Kind, &str)] = &[
        (Kind::CloudTrailDigest, r#"{"awsAccountId":"1","digestStartTime":"x","digestEndTime":"y","digestS3Bucket":"b","logFiles":[]}"#),
        (
            Kind::LakeSignature,
            r#"{"version":"1.0","region":"r","files":[{"fileHashValue":"x","fileName":"result_1.csv.gz"}],"hashSignature":"x"}"#,
        ),
        (Kind::PublicKeys, r#"{"PublicKeyList":[{"Value":"MII","ValidityStartTime":1,"Fingerprint":"8eba"}]}"#),
        (Kind::FlowLogs, flow),
        (Kind::FlowLogs, "version account-id interface-id srcaddr dstaddr srcport dstport\n2 1 eni-1 a b 1 2\n"),
        (Kind::FlowLogs, "2 123456789012 eni-0a1b - - - - - - - 1431280876 1431280934 - NODATA"),
        (Kind::FlowLogs, &format!("2024-05-01T10:00:00.000Z {flow}\n")),
        (Kind::FlowLogs, &format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","message":"{flow}"}}]}}"#)),
        (Kind::FlowLogs, "interface-id pkt-srcaddr pkt-dstaddr bytes start end action\neni-1 10.0.0.1 10.0.0.2 5 1 2 ACCEPT\n"),
        (
            Kind::Macie,
            r#"{"schemaVersion":"1.0","id":"x","type":"SensitiveData:S3Object/Financial","category":"CLASSIFICATION","severity":{"score":3},"resourcesAffected":{}}"#,
        ),
        (Kind::Macie, r#"{"detail-type":"Macie Finding","source":"aws.macie","detail":{"id":"x"}}"#),
        (Kind::Inspector, r#"{"findings":[{"findingArn":"arn","severity":"HIGH","packageVulnerabilityDetails":{}}]}"#),
        (Kind::AccessAnalyzer, r#"{"findings":[{"id":"x","analyzedAt":"2024-05-01T10:00:00Z","resourceOwnerAccount":"1"}]}"#),
        (
            Kind::CredentialReport,
            "user,arn,user_creation_time,password_enabled,password_last_used\n<root_account>,arn:aws:iam::1:root,x,y,z\n",
        ),
        (Kind::CredentialReport, r#"{"Content":"dXNlcixhcm4s","ReportFormat":"text/csv","GeneratedTime":"2024-05-01T10:00:00Z"}"#),
        (Kind::TransitGatewayFlowLogs, "version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr\n"),
        (Kind::Config, r#"{"fileVersion":"1.0","configSnapshotId":"x","configurationItems":[{"resourceType":"AWS::EC2::Instance"}]}"#),
        (
            Kind::ConfigNotification,
            r#"{"configurationItemDiff":null,"configurationItem":{"resourceType":"x"},"messageType":"ConfigurationItemChangeNotification"}"#,
        ),
        (Kind::ConfigNotification, r#"{"source":"aws.config","detail-type":"Config Configuration Item Change","detail":{}}"#),
        (
            Kind::GuardDuty,
            r#"{"schemaVersion":"2.0","accountId":"1","id":"x","type":"Recon:EC2/Portscan","resource":{},"service":{},"severity":5}"#,
        ),
        (Kind::GuardDuty, r#"{"Findings":[{"AccountId":"1","Resource":{},"SchemaVersion":"2.0","Service":{"Count":1},"Severity":8}]}"#),
        (Kind::GuardDuty, r#"{"detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{"schemaVersion":"2.0"}}"#),
        (Kind::SecurityHub, r#"{"SchemaVersion":"2018-10-08","Id":"x","ProductArn":"arn","GeneratorId":"g","Title":"t"}"#),
        (Kind::SecurityHub, r#"{"detail-type":"Security Hub Findings - Imported","source":"aws.securityhub","detail":{"findings":[]}}"#),
        (Kind::SecurityHubOcsf, r#"{"detail-type":"Findings Imported V2","source":"aws.securityhub","detail":{"findings":[]}}"#),
        (Kind::Ocsf, r#"{"activity_id":1,"class_uid":6003,"category_uid":6,"metadata":{"uid":"x"},"api":{}}"#),
        (Kind::ResolverLogs, r#"{"version":"1.1","account_id":"1","query_name":"example.com.","query_type":"A","srcaddr":"10.0.0.1"}"#),
        (Kind::LoadBalancerLogs, r#"h2 2024-05-01T10:00:00.123456Z app/lb/1 10.0.0.1:1 10.0.0.2:2 0.0 0.0 0.0 200 200 1 2 "GET""#),
        (
            Kind::LoadBalancerLogs,
            r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://x/ HTTP/1.1" "curl" - -"#,
        ),
        (
            Kind::S3AccessLogs,
            &format!("{} bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 requester", "79a59df900b949e55d96a1e698fbaced".repeat(2)),
        ),
        (Kind::NetworkInventory, r#"{"NetworkInterfaces":[{"NetworkInterfaceId":"eni-1","PrivateIpAddress":"10.0.0.5"}]}"#),
        (Kind::NetworkInventory, r#"{"Addresses":[{"PublicIp":"203.0.113.5","Domain":"vpc"}]}"#),
        (Kind::NetworkInventory, r#"{"Reservations":[{"Groups":[],"Instances":[{"InstanceId":"i-1"}],"OwnerId":"1"}]}"#),
        (Kind::NetworkInventory, r#"{"RouteTables":[{"Associations":[{"Main":true}],"RouteTableId":"rtb-1","VpcId":"vpc-1"}]}"#),
        (Kind::NetworkInventory, r#"{"NetworkAcls":[{"Associations":[],"IsDefault":true,"NetworkAclId":"acl-1"}]}"#),
        (Kind::Inventory, r#"{"SecurityGroups":[{"Description":"d","GroupName":"g","GroupId":"sg-1"}]}"#),
        (Kind::EksAudit, r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"}"#),
        (Kind::Compressed("xz"), "\u{fd}7zXZ"),
    ];
    for (expected, text) in samples {
        if matches!(expected, Kind::Compressed(_)) {
            assert_eq!(sniff(b"\xfd7zXZ\x00\x00\x04", Vec::new), *expected);
            continue;
        }
        assert_eq!(kind(text), *expected, "{text}");
    }
}

#[test]
fn whole_records_under_keys_nobody_knows_are_noticed() {
    assert!(holds_record(format!(r#"{{"wrapped":{{"deeply":{RECORD}}}}}"#).as_bytes()));
    assert!(holds_record(format!(r#"{{"wrapped":{{"deeply":"{}"}}}}"#, escaped()).as_bytes()));
    assert!(!holds_record(br#"{"note":"eventSource and eventName, of iam.amazonaws.com"}"#));
}

#[test]
fn parquet_is_told_by_its_columns() {
    let with = |tail: &'static [u8]| sniff(b"PAR1\x15\x04", || tail.to_vec());
    assert_eq!(with(b"..version..account_id..srcaddr..dstaddr..PAR1"), Kind::FlowLogs);
    assert_eq!(with(b"..tgw_id..srcaddr..dstaddr..PAR1"), Kind::TransitGatewayFlowLogs);
    assert_eq!(with(b"..class_uid..activity_id..PAR1"), Kind::Ocsf);
    assert_eq!(with(b"..a..b..PAR1"), Kind::Parquet);
}

#[test]
fn what_is_not_evidence() {
    for (expected, text) in [
        (Kind::Text, "Apache License\nVersion 2.0, January 2004\n"),
        (Kind::Text, "# Heading\n\nText, with commas, and more.\n"),
        (Kind::Text, "name: rule\nexample_log: '{\"eventVersion\": \"1.08\"}'\n"),
        (Kind::Text, "[INFO] started \"x\""),
        (Kind::Text, "fn main() {}\n"),
        (Kind::Markup, "<!DOCTYPE html>"),
        (Kind::Csv, "Event Type,Event Name,Request ID\nAwsApiCall,ListObjects,1\n"),
        (Kind::JsonSchema, r#"{"$schema":"http://json-schema.org/draft-07/schema#","properties":{}}"#),
        (Kind::Empty, ""),
        (Kind::Empty, " \n\n"),
    ] {
        assert_eq!(kind(text), expected, "{text}");
        assert!(!expected.is_evidence());
    }
    assert_eq!(sniff(&[0, 0, 0, 1, b'B', b'u', b'd', b'1'], Vec::new), Kind::Binary);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_some_kind(bytes: Vec<u8>) {
        let _ = sniff(&bytes, Vec::new);
    }
}
