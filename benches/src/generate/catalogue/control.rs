//! Watching and managing: logs, metrics, Config, CloudFormation, databases, and what services report of themselves.

use super::{Call, Outcome, call};
use crate::generate::identity::Who::{Audit, Console, Deploy, Lambda, Linked, Person, Service, Task, User};

pub(super) fn calls() -> Vec<Call> {
    [watching(), managing(), databases()].concat()
}

fn watching() -> Vec<Call> {
    vec![
        call("logs", "CreateLogStream", 190, &[(Lambda, 4), (Task, 1)])
            .writes()
            .request(r#"{"logGroupName":"/aws/lambda/<function>","logStreamName":"2025/[$LATEST]<hex:32>"}"#)
            .api("20140328")
            .fault(3_000, Outcome::Failed, "ResourceAlreadyExistsException", "The specified log stream already exists"),
        call("logs", "DescribeLogGroups", 50, &[(Audit, 3), (Console, 1)]).request(r#"{"logGroupNamePrefix":"/aws/lambda/","limit":50}"#).api("20140328").throttled(12_000),
        call("logs", "FilterLogEvents", 20, &[(Person, 1), (Console, 2)])
            .request(r#"{"logGroupName":"/aws/lambda/<function>","startTime":1760000000000,"filterPattern":"ERROR","interleaved":true}"#)
            .api("20140328"),
        call("logs", "CreateLogGroup", 3, &[(Deploy, 1), (Lambda, 2)])
            .writes()
            .request(r#"{"logGroupName":"/aws/lambda/<application>-<hex:6>"}"#)
            .api("20140328")
            .fault(600_000, Outcome::Failed, "ResourceAlreadyExistsException", "The specified log group already exists"),
        call("monitoring", "DescribeAlarms", 70, &[(Audit, 1), (Lambda, 1), (Console, 1)]).request(r#"{"maxRecords":100,"stateValue":"ALARM"}"#).api("2010-08-01"),
        call("monitoring", "GetMetricData", 90, &[(User, 3), (Console, 2), (Lambda, 1)])
            .data()
            .request(r#"{"startTime":"Oct 13, 2025, 12:00:00 AM","endTime":"Oct 13, 2025, 1:00:00 AM","metricDataQueries":[{"id":"m1","metricStat":{"metric":{"namespace":"AWS/ApplicationELB","metricName":"HTTPCode_Target_5XX_Count"},"period":60,"stat":"Sum"}}]}"#)
            .api("2010-08-01"),
        call("config", "PutEvaluations", 50, &[(Lambda, 1)])
            .writes()
            .request(r#"{"evaluations":[{"complianceResourceType":"AWS::EC2::SecurityGroup","complianceResourceId":"<group>","complianceType":"COMPLIANT","orderingTimestamp":"<locale_time>"}],"resultToken":"<base64:120>","testMode":false}"#),
        call("config", "DescribeConfigurationRecorders", 20, &[(Linked("securityhub.amazonaws.com"), 2), (Audit, 1)]),
        call("securityhub", "BatchImportFindings", 20, &[(Linked("guardduty.amazonaws.com"), 1), (Lambda, 2)])
            .writes()
            .request(r#"{"findings":[{"SchemaVersion":"2018-10-08","Id":"arn:aws:securityhub:<region>:<account>:finding/<guid>","ProductArn":"arn:aws:securityhub:<region>:<account>:product/<account>/default","GeneratorId":"<application>"}]}"#)
            .response(r#"{"FailedCount":0,"SuccessCount":1,"FailedFindings":[]}"#),
        call("cloudtrail", "DescribeTrails", 20, &[(Audit, 2), (Linked("config.amazonaws.com"), 1)]).request(r#"{"trailNameList":[],"includeShadowTrails":false}"#),
        call("cloudtrail", "GetTrailStatus", 20, &[(Audit, 2), (Linked("config.amazonaws.com"), 1)])
            .request(r#"{"name":"arn:aws:cloudtrail:<region>:<account>:trail/organisation-<region>"}"#),
        call("cloudtrail", "LookupEvents", 8, &[(Console, 1), (Person, 1)]).request(r#"{"maxResults":50,"lookupAttributes":[{"attributeKey":"ReadOnly","attributeValue":"false"}]}"#).throttled(50_000),
        call("guardduty", "GetDetector", 14, &[(Audit, 1)]).request(r#"{"detectorId":"<hex:32>"}"#),
        call("health", "DescribeEventAggregates", 60, &[(Console, 1)]).request(r#"{"filter":{"eventStatusCodes":["open","upcoming"],"startTimes":[{"from":"<locale_time>"}]},"aggregateField":"eventTypeCategory"}"#).global(),
    ]
}

fn managing() -> Vec<Call> {
    vec![
        call("cloudformation", "DescribeStacks", 40, &[(Deploy, 2), (Audit, 1), (Console, 1)]).request(r#"{"stackName":"<application>-stack"}"#).api("2010-05-15"),
        call("cloudformation", "CreateChangeSet", 2, &[(Deploy, 1)])
            .writes()
            .request(r#"{"stackName":"<application>-stack","changeSetName":"release-<number:9000>","changeSetType":"UPDATE","capabilities":["CAPABILITY_NAMED_IAM"],"templateURL":"https://<bucket>.s3.<region>.amazonaws.com/templates/<hex:32>.yaml","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#)
            .response(r#"{"id":"arn:aws:cloudformation:<region>:<account>:changeSet/release/<guid>","stackId":"arn:aws:cloudformation:<region>:<account>:stack/<application>-stack/<guid>"}"#)
            .api("2010-05-15"),
        call("ssm", "PutParameter", 2, &[(Deploy, 1)])
            .writes()
            .request(r#"{"name":"/<application>/config/image","type":"String","value":"HIDDEN_DUE_TO_SECURITY_REASONS","overwrite":true}"#)
            .response(r#"{"version":<number:90>,"tier":"Standard"}"#)
            .api("2014-11-06"),
        call("sns", "GetTopicAttributes", 30, &[(Linked("config.amazonaws.com"), 3), (Audit, 1)])
            .request(r#"{"topicArn":"arn:aws:sns:<region>:<account>:<application>-alerts"}"#)
            .api("2010-03-31"),
        call("sqs", "GetQueueAttributes", 40, &[(Lambda, 1), (Audit, 1), (User, 1)])
            .request(r#"{"attributeNames":["All"],"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<queue>"}"#)
            .api("2012-11-05")
            .fault(15_000, Outcome::Failed, "QueueDoesNotExist", "The specified queue does not exist."),
        call("events", "PutRule", 1, &[(Deploy, 1)])
            .writes()
            .request(r#"{"name":"<application>-schedule","scheduleExpression":"rate(5 minutes)","state":"ENABLED"}"#)
            .response(r#"{"ruleArn":"arn:aws:events:<region>:<account>:rule/<application>-schedule"}"#),
        call("application-autoscaling", "DescribeScalableTargets", 40, &[(Service("dynamodb.amazonaws.com"), 1), (Audit, 1)]).request(r#"{"serviceNamespace":"ecs"}"#),
        call("tagging", "GetResources", 25, &[(User, 1), (Audit, 1)]).request(r#"{"resourcesPerPage":100,"tagFilters":[{"key":"service","values":["<application>"]}]}"#),
        call("servicequotas", "ListServiceQuotas", 6, &[(Audit, 1)]).request(r#"{"serviceCode":"ec2"}"#).fault(200_000, Outcome::Throttled, "TooManyRequestsException", "Rate exceeded"),
        call("route53", "ChangeResourceRecordSets", 1, &[(Deploy, 1)])
            .writes()
            .network(super::Network::Yes)
            .request(r#"{"hostedZoneId":"Z0<upper:18>","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"<application>.acme.example.","type":"CNAME","tTL":60,"resourceRecords":[{"value":"<application>-<hex:8>.<region>.elb.amazonaws.com"}]}}]}}"#)
            .response(r#"{"changeInfo":{"id":"/change/C0<upper:18>","status":"PENDING","submittedAt":"<locale_time>"}}"#)
            .api("2013-04-01")
            .global(),
    ]
}

fn databases() -> Vec<Call> {
    vec![
        call("rds", "DescribeDBInstances", 60, &[(Audit, 2), (Lambda, 1), (Linked("config.amazonaws.com"), 1)])
            .request(r#"{"maxRecords":100}"#)
            .api("2014-10-31"),
        call("rds", "DescribeDBClusters", 40, &[(Audit, 2), (Console, 1)]).api("2014-10-31"),
        call("rds", "CreateDBSnapshot", 1, &[(User, 1)])
            .writes()
            .request(r#"{"dBInstanceIdentifier":"<application>","dBSnapshotIdentifier":"<application>-<hex:8>"}"#)
            .api("2014-10-31"),
        call("kms", "RotateKey", 1, &[(Service("kms.amazonaws.com"), 1)])
            .writes()
            .kind("AwsServiceEvent")
            .details(r#"{"keyId":"<key>","rotationType":"AUTOMATIC","keyOrigin":"AWS_KMS"}"#)
            .resource("AWS::KMS::Key", "<key_arn>"),
        call("glue", "GetTable", 60, &[(Task, 2), (Lambda, 1)])
            .request(r#"{"catalogId":"<account>","databaseName":"datalake","name":"<table>"}"#)
            .fault(10_000, Outcome::Failed, "EntityNotFoundException", "Entity Not Found"),
        call("athena", "GetQueryExecution", 40, &[(Lambda, 1), (User, 1)]).request(r#"{"queryExecutionId":"<guid>"}"#).throttled(9_000),
        call("bedrock", "InvokeModel", 12, &[(Task, 1)])
            .request(r#"{"modelId":"eu.anthropic.claude-sonnet-4-20250514-v1:0"}"#)
            .additional(r#"{"inferenceRegion":"<region>"}"#)
            .fault(40_000, Outcome::Throttled, "ThrottlingException", "Too many requests, please wait before trying again."),
    ]
}
