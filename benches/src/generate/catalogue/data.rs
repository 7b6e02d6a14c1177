//! Where data is read and written: S3, KMS, DynamoDB, Lambda invocations, secrets, queues.

use super::{Call, Category, Outcome, call};
use crate::generate::identity::Who::{Audit, Deploy, Instance, Lambda, Linked, Person, Service, Task, User, Via};

const S3_ADDITIONAL: &str = r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<base64:75>=","bytesTransferredOut":<number:900000>}"#;
const HOST: &str = r#""Host":"<bucket>.s3.<region>.amazonaws.com""#;

pub(super) fn calls() -> Vec<Call> {
    [objects(), buckets(), keys(), others()].concat()
}

fn object(name: &'static str, weight: usize) -> Call {
    call("s3", name, weight, &[(Task, 5), (Lambda, 4), (Instance, 3), (User, 1)])
        .data()
        .request(&format!(r#"{{"bucketName":"<bucket>",{HOST},"key":"<object>"}}"#))
        .additional(S3_ADDITIONAL)
        .resources(r#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<bucket>/<object>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]"#)
}

fn objects() -> Vec<Call> {
    vec![
        object("GetObject", 900)
            .fault(9_000, Outcome::Failed, "NoSuchKey", "The specified key does not exist.")
            .denied(6_000, "User: arn:aws:sts::<account>:assumed-role/<role>/<hex:32> is not authorized to perform: s3:GetObject on resource: \\\"arn:aws:s3:::<bucket>/<object>\\\" because no identity-based policy allows the s3:GetObject action")
            .fault(1_500, Outcome::Throttled, "SlowDown", "Please reduce your request rate."),
        object("PutObject", 420)
            .writes()
            .request(&format!(r#"{{"bucketName":"<bucket>",{HOST},"key":"<object>","x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"<key_arn>"}}"#))
            .response(r#"{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"<key_arn>","x-amz-version-id":"<base64:30>"}"#),
        object("HeadObject", 260).fault(110_000, Outcome::Failed, "NoSuchKey", "The specified key does not exist."),
        object("DeleteObject", 50).writes(),
        call("s3", "ListObjects", 190, &[(Task, 3), (Lambda, 2), (Instance, 1), (User, 1)])
            .data()
            .request(&format!(r#"{{"list-type":"2","bucketName":"<bucket>","encoding-type":"url","prefix":"exports/daily/",{HOST},"max-keys":"1000"}}"#))
            .additional(S3_ADDITIONAL)
            .resources(r#"[{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::<bucket>/exports/daily/"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]"#),
    ]
}

fn buckets() -> Vec<Call> {
    let read = |name, weight, parameter: &str| {
        call("s3", name, weight, &[(Audit, 5), (Linked("config.amazonaws.com"), 6), (Person, 1)])
            .request(&format!(r#"{{"bucketName":"<bucket>","{parameter}":"",{HOST}}}"#))
            .additional(S3_ADDITIONAL)
            .resource("AWS::S3::Bucket", "arn:aws:s3:::<bucket>")
    };
    vec![
        call("s3", "GetBucketAcl", 130, &[(Service("cloudtrail.amazonaws.com"), 8), (Audit, 2)])
            .request(&format!(r#"{{"bucketName":"<bucket>",{HOST},"acl":""}}"#))
            .additional(S3_ADDITIONAL)
            .resource("AWS::S3::Bucket", "arn:aws:s3:::<bucket>")
            .shared(),
        read("GetBucketPolicy", 35, "policy").fault(500_000, Outcome::Failed, "NoSuchBucketPolicy", "The bucket policy does not exist"),
        read("GetBucketVersioning", 30, "versioning"),
        read("GetBucketWebsite", 25, "website").fault(960_000, Outcome::Failed, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
        read("GetBucketReplication", 25, "replication").fault(960_000, Outcome::Failed, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
        read("GetBucketLifecycle", 25, "lifecycle").fault(700_000, Outcome::Failed, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        read("GetBucketPublicAccessBlock", 25, "publicAccessBlock").fault(120_000, Outcome::Failed, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        read("GetBucketEncryption", 25, "encryption"),
        read("GetBucketTagging", 25, "tagging").fault(500_000, Outcome::Failed, "NoSuchTagSet", "The TagSet does not exist"),
        read("GetBucketLocation", 40, "location").denied(20_000, "Access Denied"),
        call("s3", "PutBucketLifecycle", 1, &[(Deploy, 1)])
            .writes()
            .request(r#"{"lifecycle":"","bucketName":"<bucket>","LifecycleConfiguration":{"Rule":{"Status":"Enabled","ID":"expire-old","Filter":{"Prefix":"raw/"},"Expiration":{"Days":400}},"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/"},"Host":"<bucket>.s3.<region>.amazonaws.com"}"#)
            .additional(S3_ADDITIONAL)
            .resource("AWS::S3::Bucket", "arn:aws:s3:::<bucket>"),
    ]
}

fn keys() -> Vec<Call> {
    let key = |name, weight, callers: &[_], request: &str| {
        call("kms", name, weight, callers).request(request).resource("AWS::KMS::Key", "<key_arn>")
    };
    let context = r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>/<object>"}}"#;
    vec![
        key("Decrypt", 560, &[(Via("AWS Internal"), 4), (Via("secretsmanager.amazonaws.com"), 1), (Via("dynamodb.amazonaws.com"), 1)], context),
        key("Decrypt", 210, &[(Lambda, 3), (Task, 1)], r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:<region>:<account>:function:<function>"},"keyId":"<key_arn>"}"#)
            .fault(3_000, Outcome::Denied, "AccessDenied", "User: arn:aws:sts::<account>:assumed-role/<role>/<function> is not authorized to perform: kms:Decrypt on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"),
        key("GenerateDataKey", 330, &[(Via("AWS Internal"), 3), (Service("cloudtrail.amazonaws.com"), 2), (Service("delivery.logs.amazonaws.com"), 1)], r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>/<object>"},"keyId":"<key_arn>","keySpec":"AES_256"}"#)
            .shared(),
        key("DescribeKey", 60, &[(Audit, 3), (Deploy, 1)], r#"{"keyId":"<key_arn>"}"#),
        key("CreateGrant", 6, &[(Via("autoscaling.amazonaws.com"), 1), (Via("rds.amazonaws.com"), 1)], r#"{"granteePrincipal":"autoscaling.amazonaws.com","constraints":{"encryptionContextSubset":{"aws:ebs:id":"vol-0<hex:16>"}},"retiringPrincipal":"autoscaling.amazonaws.com","keyId":"<key_arn>","operations":["GenerateDataKeyWithoutPlaintext","Decrypt","Encrypt"]}"#)
            .response(r#"{"grantId":"<hex:64>","keyId":"<key_arn>"}"#)
            .writes(),
    ]
}

fn others() -> Vec<Call> {
    let table = |name, weight| {
        call("dynamodb", name, weight, &[(Lambda, 3), (Task, 2)])
            .data()
            .api("2012-08-10")
            .resource("AWS::DynamoDB::Table", "arn:aws:dynamodb:<region>:<account>:table/<table>")
    };
    vec![
        table("GetItem", 120).request(r#"{"tableName":"<table>","key":{"pk":"<hex:12>","sk":"v0"},"consistentRead":false}"#),
        table("Query", 60).request(r#"{"tableName":"<table>","indexName":"by-customer","keyConditionExpression":"pk = :p","limit":50}"#),
        table("PutItem", 60)
            .writes()
            .request(r#"{"tableName":"<table>","key":{"pk":"<hex:12>","sk":"v0"}}"#)
            .fault(4_000, Outcome::Throttled, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded."),
        call("lambda", "Invoke", 260, &[(Service("events.amazonaws.com"), 2), (Lambda, 2), (Task, 1)])
            .data()
            .writes()
            .request(r#"{"functionName":"arn:aws:lambda:<region>:<account>:function:<function>","invocationType":"Event","clientContext":"<base64:40>"}"#)
            .additional(r#"{"customerEniId":"eni-0<hex:16>","functionVersion":"arn:aws:lambda:<region>:<account>:function:<function>:$LATEST"}"#)
            .resource("AWS::Lambda::Function", "arn:aws:lambda:<region>:<account>:function:<function>"),
        call("secretsmanager", "GetSecretValue", 70, &[(Task, 3), (Lambda, 3), (Instance, 1)])
            .request(r#"{"secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<secret>"}"#)
            .fault(8_000, Outcome::Denied, "AccessDenied", "User: arn:aws:sts::<account>:assumed-role/<role>/<hex:32> is not authorized to perform: secretsmanager:GetSecretValue on resource: <secret> because no identity-based policy allows the secretsmanager:GetSecretValue action"),
        call("sqs", "ReceiveMessage", 40, &[(Task, 1)])
            .data()
            .request(r#"{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<queue>","maxNumberOfMessages":10,"waitTimeSeconds":20}"#)
            .resource("AWS::SQS::Queue", "arn:aws:sqs:<region>:<account>:<queue>"),
        network_activity(),
    ]
}

/// A call through a VPC endpoint, seen by the endpoint's owner.
fn network_activity() -> Call {
    let mut call = call("secretsmanager", "ListSecrets", 8, &[(Instance, 1)]).kind("AwsVpceEvent").shared().fault(
        150_000,
        Outcome::Denied,
        "VpceAccessDenied",
        "The request was denied due to a VPC endpoint policy",
    );
    call.category = Category::NetworkActivity;
    call
}
