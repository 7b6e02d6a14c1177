//! `previous`: what a resource was like before an instant, of evidence made for each case.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};

const ACCOUNT: &str = "111122223333";
const AT: &str = "2025-03-02T00:00:00Z";

/// A call of a user, at a time of the first of March; its id is its name here.
fn call(id: &str, time: &str, who: &str, (source, name): (&str, &str), request: Value, response: Value) -> Value {
    json!({"eventVersion": "1.08", "eventTime": format!("2025-03-01T{time}Z"), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "eventID": id, "awsRegion": "us-east-1", "recipientAccountId": ACCOUNT, "readOnly": false, "eventType": "AwsApiCall", "eventCategory": "Management",
        "managementEvent": true, "sourceIPAddress": "198.51.100.7", "requestParameters": request, "responseElements": response,
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/{who}"), "accountId": ACCOUNT, "principalId": format!("AIDA{who}"),
            "userName": who}})
}

fn store_of(calls: &[Value]) -> TestStore {
    let store = TestStore::new();
    let evidence = store.scratch().join("calls.json");
    std::fs::write(&evidence, json!({"Records": calls}).to_string()).expect("written");
    store.ingest(&evidence);
    store
}

fn before(store: &TestStore, what: &str, at: &str) -> Value {
    store.json(&["previous", what, "--at", at, "--format", "json"])
}

fn text(store: &TestStore, what: &str) -> String {
    String::from_utf8_lossy(&store.run(&["previous", what, "--at", AT]).stdout).into_owned()
}

/// Each property, with the call that set it, and to what.
fn properties(answer: &Value) -> Vec<(String, String, Value)> {
    list(&answer["properties"]).iter().map(|p| (plain(&p["property"]), plain(&p["set_by"]["ref"]), p["set_by"]["value"].clone())).collect()
}

/// The rules in force: the call, what lets through what, and what may have closed it.
fn rules(answer: &Value) -> Vec<[String; 4]> {
    let word = |value: &Value| if value.is_null() { String::new() } else { plain(value) };
    let told = |r: &Value| {
        let place = if r["rule"]["destination"].is_null() { &r["rule"]["ports"] } else { &r["rule"]["destination"] };
        [word(&r["ref"]), word(place), word(&r["rule"]["peer"]), word(&r["perhaps_closed_by"])]
    };
    list(&answer["rules"]).iter().map(told).collect()
}

fn told(rules: &[[&str; 4]]) -> Vec<[String; 4]> {
    rules.iter().map(|rule| rule.map(str::to_owned)).collect()
}

const OPENED: (&str, &str) = ("ec2", "AuthorizeSecurityGroupIngress");
const CLOSED: (&str, &str) = ("ec2", "RevokeSecurityGroupIngress");

fn port(group: &str, port: u16, peer: Value) -> Value {
    let mut permission = json!({"ipProtocol": "tcp", "fromPort": port, "toPort": port});
    permission.as_object_mut().expect("an object").extend(peer.as_object().expect("an object").clone());
    json!({"groupId": group, "ipPermissions": {"items": [permission]}})
}

fn from_block(block: &str) -> Value {
    json!({"ipRanges": {"items": [{"cidrIp": block}]}})
}

#[test]
fn what_was_removed_is_not_in_force() {
    let (acl, table, group) = ("acl-0aaaaaaaaaaaaaaa1", "rtb-0aaaaaaaaaaaaaaa1", "sg-0bbbbbbbbbbbbbbb1");
    let entry = |number: u32, action: &str, port: u32| {
        json!({"networkAclId": acl, "ruleNumber": number, "egress": false, "ruleAction": action, "portRange": {"from": port, "to": port}, "aclProtocol": "6",
            "cidrBlock": "0.0.0.0/0"})
    };
    let route =
        |destination: &str| json!({"routeTableId": table, "destinationCidrBlock": destination, "gatewayId": "igw-0aaaaaaaaaaaaaaa1"});
    let store = store_of(&[
        call("entry-100", "10:00:00", "alice", ("ec2", "CreateNetworkAclEntry"), entry(100, "allow", 22), Value::Null),
        call("entry-200", "10:01:00", "alice", ("ec2", "CreateNetworkAclEntry"), entry(200, "allow", 80), Value::Null),
        call("entry-200-denied", "10:02:00", "alice", ("ec2", "ReplaceNetworkAclEntry"), entry(200, "deny", 80), Value::Null),
        call(
            "entry-100-gone",
            "10:03:00",
            "alice",
            ("ec2", "DeleteNetworkAclEntry"),
            json!({"networkAclId": acl, "ruleNumber": 100, "egress": false}),
            Value::Null,
        ),
        call("route-10", "11:00:00", "alice", ("ec2", "CreateRoute"), route("10.0.0.0/8"), Value::Null),
        call("route-0", "11:01:00", "alice", ("ec2", "CreateRoute"), route("0.0.0.0/0"), Value::Null),
        call("route-172", "11:02:00", "alice", ("ec2", "CreateRoute"), route("172.16.0.0/12"), Value::Null),
        call(
            "route-10-gone",
            "11:03:00",
            "alice",
            ("ec2", "DeleteRoute"),
            json!({"routeTableId": table, "destinationCidrBlock": "10.0.0.0/8"}),
            Value::Null,
        ),
        call(
            "group",
            "13:00:00",
            "alice",
            ("ec2", "CreateSecurityGroup"),
            json!({"groupName": "tmp", "vpcId": "vpc-0aaaaaaaaaaaaaaa1"}),
            json!({"groupId": group}),
        ),
        call("opened", "13:01:00", "alice", OPENED, port(group, 22, from_block("0.0.0.0/0")), Value::Null),
        call("group-gone", "13:02:00", "alice", ("ec2", "DeleteSecurityGroup"), json!({"groupId": group}), Value::Null),
    ]);
    let answer = before(&store, acl, AT);
    assert_eq!(rules(&answer), told(&[["entry-200-denied", "80", "0.0.0.0/0", ""]]));
    let set: Vec<(String, String)> = properties(&answer).into_iter().map(|(name, by, _)| (name, by)).collect();
    let expected = [("NetworkAclEntry ingress 100", "entry-100-gone"), ("NetworkAclEntry ingress 200", "entry-200-denied")];
    assert_eq!(set, expected.map(|(name, by)| (name.to_owned(), by.to_owned())));
    // Before the entry was replaced the other one stood, and what replaced it is said.
    let earlier = before(&store, acl, "2025-03-01T10:02:00Z");
    assert_eq!(rules(&earlier), told(&[["entry-100", "22", "0.0.0.0/0", ""], ["entry-200", "80", "0.0.0.0/0", ""]]));
    let changed: Vec<String> = list(&earlier["rules"]).iter().map(|r| plain(&r["changed_by"])).collect();
    assert_eq!(changed, ["entry-100-gone", "entry-200-denied"]);

    let answer = before(&store, table, AT);
    let gateway = "igw-0aaaaaaaaaaaaaaa1";
    assert_eq!(rules(&answer), told(&[["route-0", "0.0.0.0/0", gateway, ""], ["route-172", "172.16.0.0/12", gateway, ""]]));
    assert!(text(&store, table).contains("route 0.0.0.0/0 to igw-0aaaaaaaaaaaaaaa1, since 2025-03-01T11:01:00Z by alice [route-0]\n"));

    let answer = before(&store, group, AT);
    assert!(rules(&answer).is_empty());
    let known = &answer["resources"][0];
    assert_eq!((plain(&known["made_by"]["ref"]), plain(&known["deleted_by"]["ref"])), ("group".to_owned(), "group-gone".to_owned()));
    assert!(text(&store, group).contains("it did not exist at that time"));
}

#[test]
fn what_other_resources_have_is_not_its_own() {
    let (web, db) = ("sg-0aaaaaaaaaaaaaaa1", "sg-0ddddddddddddddd1");
    let of_web = json!({"groups": {"items": [{"userId": ACCOUNT, "groupId": web}]}});
    let groups = json!({"items": [{"groupId": web}]});
    let balancer = format!("arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/app/lb/abc");
    let store = store_of(&[
        call("web-443", "09:00:00", "alice", OPENED, port(web, 443, from_block("0.0.0.0/0")), Value::Null),
        call("db-3306", "09:01:00", "bob", OPENED, port(db, 3306, of_web), Value::Null),
        call(
            "worn",
            "09:02:00",
            "bob",
            ("ec2", "ModifyInstanceAttribute"),
            json!({"instanceId": "i-0aaaaaaaaaaaaaaa1", "groupSet": groups}),
            Value::Null,
        ),
        call(
            "balancer",
            "09:03:00",
            "bob",
            ("elasticloadbalancing", "CreateLoadBalancer"),
            json!({"name": "lb", "securityGroups": [web]}),
            json!({"loadBalancers": [{"loadBalancerArn": balancer}]}),
        ),
        call(
            "classic",
            "09:04:00",
            "bob",
            ("elasticloadbalancing", "ApplySecurityGroupsToLoadBalancer"),
            json!({"loadBalancerName": "clb", "securityGroups": [web]}),
            Value::Null,
        ),
        call(
            "tagged",
            "09:05:00",
            "bob",
            ("ec2", "CreateTags"),
            json!({"resourcesSet": {"items": [{"resourceId": web}]}, "tagSet": {"items": [{"key": "Name", "value": "web"}]}}),
            Value::Null,
        ),
    ]);
    let answer = before(&store, web, AT);
    assert_eq!(rules(&answer), told(&[["web-443", "443", "0.0.0.0/0", ""]]));
    let set: Vec<String> = properties(&answer).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(set, ["SecurityGroupIngress", "Tag Name"]);
    // What names it otherwise is not left out in silence.
    let mut named: Vec<(String, String)> =
        list(&answer["named_by"]).iter().map(|n| (plain(&n["event_name"]), plain(&n["acts_on"]))).collect();
    named.sort();
    let expected = [
        ("ApplySecurityGroupsToLoadBalancer", "not_known"),
        ("AuthorizeSecurityGroupIngress", "something_else"),
        ("CreateLoadBalancer", "something_else"),
        ("ModifyInstanceAttribute", "something_else"),
    ];
    assert_eq!(named, expected.map(|(name, on)| (name.to_owned(), on.to_owned())));
    assert!(answer["not_known"].to_string().contains("ApplySecurityGroupsToLoadBalancer. They may have set something of it."));
    // The other group has its own rule.
    assert_eq!(rules(&before(&store, db, AT)), told(&[["db-3306", "3306", web, ""]]));
}

#[test]
fn each_property_is_told_by_the_call_that_set_it_last() {
    let arn = format!("arn:aws:rds:us-east-1:{ACCOUNT}:db:db1");
    let modify = |id: &str, time: &str, who: &str, parameter: &str, value: Value| {
        let request = json!({"dBInstanceIdentifier": "db1", parameter: value});
        call(id, time, who, ("rds", "ModifyDBInstance"), request, json!({"dBInstanceArn": arn}))
    };
    let instance = "i-0aaaaaaaaaaaaaaa1";
    let store = store_of(&[
        modify("public", "12:00:00", "alice", "publiclyAccessible", json!(true)),
        modify("kept", "12:01:00", "bob", "backupRetentionPeriod", json!(1)),
        modify("private", "12:02:00", "carol", "publiclyAccessible", json!(false)),
        call(
            "script",
            "14:00:00",
            "alice",
            ("ec2", "ModifyInstanceAttribute"),
            json!({"instanceId": instance, "userData": {"value": "IyEvYmluL3No"}}),
            Value::Null,
        ),
        call(
            "kept-alive",
            "14:01:00",
            "alice",
            ("ec2", "ModifyInstanceAttribute"),
            json!({"instanceId": instance, "disableApiTermination": {"value": true}}),
            Value::Null,
        ),
    ]);
    let own = |name: &str, by: &str, value: Value| (name.to_owned(), by.to_owned(), value);
    let answer = before(&store, "db1", "2025-03-01T12:01:30Z");
    assert_eq!(properties(&answer), [own("backupRetentionPeriod", "kept", json!(1)), own("publiclyAccessible", "public", json!(true))]);
    let changed = &answer["properties"][1]["changed_by"];
    assert_eq!((plain(&changed["ref"]), &changed["value"]), ("private".to_owned(), &json!(false)));
    let told = text(&store, "db1");
    assert!(told.contains("  publiclyAccessible = false\n    set by carol"), "{told}");
    // A start-up script may hold any secret: it is not shown.
    let script = before(&store, instance, AT);
    assert_eq!(
        properties(&script),
        [own("disableApiTermination", "kept-alive", json!(true)), own("userData", "script", json!("[redacted]"))]
    );
}

#[test]
fn only_what_makes_a_resource_has_made_it() {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
    let store = store_of(&[
        call(
            "function",
            "09:00:00",
            "alice",
            ("lambda", "CreateFunction20150331"),
            json!({"functionName": "f", "role": role}),
            json!({"functionArn": format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"), "role": role}),
        ),
        call("key", "09:01:00", "alice", ("iam", "CreateAccessKey"), json!({"userName": "eve"}), json!({"accessKey": {"userName": "eve"}})),
        call("trail", "09:02:00", "alice", ("cloudtrail", "CreateTrail"), json!({"name": "t", "s3BucketName": "logs"}), Value::Null),
        call("user", "09:03:00", "alice", ("iam", "CreateUser"), json!({"userName": "new"}), Value::Null),
    ]);
    for unmade in [role.as_str(), "eve", "logs"] {
        let answer = before(&store, unmade, AT);
        assert!(answer["not_known"].to_string().contains("is known to have made it"), "{unmade}: {}", answer["not_known"]);
    }
    let answer = before(&store, "new", AT);
    assert_eq!(plain(&answer["resources"][0]["made_by"]["ref"]), "user");
    assert!(!answer["not_known"].to_string().contains("is known to have made it"));
}

#[test]
fn what_records_leave_open_is_said() {
    let group = "sg-0aaaaaaaaaaaaaaa1";
    let by_id = |id: &str| json!({"groupId": group, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": id}]}});
    let ids = |id: &str, port: u16| {
        json!({"securityGroupRuleSet": {"items": [{"groupId": group, "securityGroupRuleId": id, "isEgress": false, "ipProtocol": "tcp", "fromPort": port,
            "toPort": port, "cidrIpv4": "0.0.0.0/0"}]}})
    };
    let mut undecided = call("undecided", "09:06:00", "alice", OPENED, port(group, 25, from_block("0.0.0.0/0")), Value::Null);
    undecided["errorMessage"] = json!("something");
    let store = store_of(&[
        call("known", "09:00:00", "alice", OPENED, port(group, 22, from_block("0.0.0.0/0")), ids("sgr-0aaaaaaaaaaaaaaa1", 22)),
        call("nameless", "09:01:00", "alice", OPENED, port(group, 80, from_block("0.0.0.0/0")), Value::Null),
        call("other", "09:02:00", "alice", OPENED, port(group, 443, from_block("0.0.0.0/0")), ids("sgr-0aaaaaaaaaaaaaaa2", 443)),
        call("revoked", "09:03:00", "bob", CLOSED, by_id("sgr-0aaaaaaaaaaaaaaa2"), Value::Null),
        call("a-opened", "09:05:00", "alice", OPENED, port(group, 8080, from_block("0.0.0.0/0")), Value::Null),
        call("b-closed", "09:05:00", "bob", CLOSED, port(group, 8080, from_block("0.0.0.0/0")), Value::Null),
        undecided,
    ]);
    let answer = before(&store, group, AT);
    // By its id one rule is surely closed and one surely is not; of the third the id is not known. And two calls share a second.
    assert_eq!(
        rules(&answer),
        told(&[
            ["known", "22", "0.0.0.0/0", ""],
            ["nameless", "80", "0.0.0.0/0", "revoked"],
            ["a-opened", "8080", "0.0.0.0/0", "b-closed"],
        ])
    );
    let ingress = &answer["properties"][0];
    assert_eq!((plain(&ingress["set_by"]["ref"]), plain(&ingress["perhaps_set_by"])), ("b-closed".to_owned(), "a-opened".to_owned()));
    assert!(answer["not_known"].to_string().contains("[undecided]"), "{}", answer["not_known"]);
}

#[test]
fn one_name_of_several_resources_is_told_by_resource() {
    let store = store_of(&[
        call("user", "09:00:00", "alice", ("iam", "CreateUser"), json!({"userName": "ops", "path": "/"}), Value::Null),
        call("role", "09:01:00", "alice", ("iam", "CreateRole"), json!({"roleName": "ops", "path": "/"}), Value::Null),
        call("user-gone", "09:02:00", "alice", ("iam", "DeleteUser"), json!({"userName": "ops"}), Value::Null),
        call("user-again", "09:03:00", "alice", ("iam", "CreateUser"), json!({"userName": "ops"}), Value::Null),
    ]);
    let answer = before(&store, "ops", AT);
    let [role, user] = ["role", "user"].map(|kind| format!("arn:aws:iam::{ACCOUNT}:{kind}/ops"));
    let made: Vec<(String, String)> = list(&answer["resources"]).iter().map(|r| (plain(&r["arn"]), plain(&r["made_by"]["ref"]))).collect();
    assert_eq!(made, [(role.clone(), "role".to_owned()), (user, "user-again".to_owned())]);
    // The user that was made again has nothing of the one before.
    let whose: Vec<String> = list(&answer["properties"]).iter().map(|p| plain(&p["resource"])).collect();
    assert_eq!(whose, [role]);
    assert!(answer["not_known"].to_string().contains("ops is the name of 2 resources"));
}

#[test]
fn one_action_that_two_accounts_recorded_is_one_call() {
    let bucket = |id: &str, time: &str, account: &str| {
        let mut record = call(id, time, "alice", ("s3", "PutBucketPolicy"), json!({"bucketName": "b", "bucketPolicy": {}}), Value::Null);
        record["recipientAccountId"] = json!(account);
        record["sharedEventID"] = json!(format!("shared-{time}"));
        record
    };
    let store = store_of(&[
        bucket("first", "09:00:00", ACCOUNT),
        bucket("first-elsewhere", "09:00:00", "444455556666"),
        bucket("second", "09:01:00", ACCOUNT),
        bucket("second-elsewhere", "09:01:00", "444455556666"),
    ]);
    let answer = before(&store, "b", AT);
    let policy = &answer["properties"][0];
    assert_eq!((&policy["earlier"], &policy["perhaps_set_by"]), (&json!(1), &Value::Null));
}

/// A secret is one thing, however calls name it: by its name, or by its ARN, which ends in six characters more.
#[test]
fn a_secret_is_found_by_its_name_however_calls_name_it() {
    let arn = format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-AbCdEf");
    let of = |id, time, name, request| call(id, time, "eve", ("secretsmanager", name), request, json!({"arn": arn, "name": "prod/db"}));
    let store = store_of(&[
        of("made", "07:00:00", "CreateSecret", json!({"name": "prod/db"})),
        of("opened", "08:00:00", "PutResourcePolicy", json!({"secretId": arn, "resourcePolicy": "{}"})),
        of("gone", "09:00:00", "DeleteSecret", json!({"secretId": arn, "recoveryWindowInDays": 7})),
    ]);
    for asked in ["prod/db", arn.as_str(), &arn[..arn.len() - 7]] {
        let answer = before(&store, asked, AT);
        let known = &answer["resources"][0];
        let refs = (list(&answer["resources"]).len(), plain(&known["made_by"]["ref"]), plain(&known["deleted_by"]["ref"]));
        assert_eq!(refs, (1, "made".to_owned(), "gone".to_owned()), "{asked}");
        assert_eq!(properties(&answer), [("ResourcePolicy".to_owned(), "opened".to_owned(), Value::Null)], "{asked}");
        assert_eq!(list(&answer["named_by"]).len(), 0, "{asked}");
        let found = store.json(&["timeline", "--arn", asked, "--format", "json"]);
        let refs: Vec<String> = list(&found["answer"]).iter().map(|item| plain(&item["refs"][0])).collect();
        assert_eq!(refs, ["made", "opened", "gone"], "{asked}");
    }
}

/// Which version of a policy is in force is what it allows: the call that made the policy says so first, then whichever puts another in force.
#[test]
fn a_policy_is_what_its_default_version_allows() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/Dev");
    let of = |id, time, who, name, request, response| call(id, time, who, ("iam", name), request, response);
    let version = json!({"policyVersion": {"versionId": "v2", "isDefaultVersion": true}});
    let store = store_of(&[
        of(
            "made",
            "07:00:00",
            "alice",
            "CreatePolicy",
            json!({"policyName": "Dev", "policyDocument": "{1}"}),
            json!({"policy": {"arn": arn, "policyName": "Dev", "defaultVersionId": "v1"}}),
        ),
        of("aside", "08:00:00", "bob", "CreatePolicyVersion", json!({"policyArn": arn, "policyDocument": "{3}"}), Value::Null),
        of(
            "raised",
            "09:30:00",
            "bob",
            "CreatePolicyVersion",
            json!({"policyArn": arn, "policyDocument": "{2}", "setAsDefault": true}),
            version,
        ),
        of("back", "09:31:00", "bob", "SetDefaultPolicyVersion", json!({"policyArn": arn, "versionId": "v1"}), Value::Null),
    ]);
    let told = |at: &str, name: &str| {
        let answer = before(&store, &arn, at);
        let property = list(&answer["properties"]).iter().find(|p| p["property"] == name).cloned().unwrap_or_default();
        let call = |call: &Value| (plain(&call["ref"]), call["value"].clone());
        (call(&property["set_by"]), call(&property["changed_by"]))
    };
    let by = |call: &str, value: &str| (call.to_owned(), json!(value));
    let nobody = || (plain(&Value::Null), Value::Null);
    assert_eq!(told("2025-03-01T09:00:00Z", "defaultVersionId"), (by("made", "v1"), by("raised", "v2")));
    assert_eq!(told("2025-03-01T09:00:00Z", "policyDocument"), (by("made", "{1}"), by("raised", "{2}")));
    assert_eq!(told(AT, "defaultVersionId"), (by("back", "v1"), nobody()));
    assert_eq!(told(AT, "policyDocument"), (("back".to_owned(), Value::Null), nobody()));
}

/// A call that names a role with and without its path set it once; and of two calls in one second neither is an earlier one.
#[test]
fn no_call_is_told_twice() {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/svc/App");
    let store = store_of(&[
        call(
            "role",
            "07:00:00",
            "alice",
            ("iam", "CreateRole"),
            json!({"roleName": "App", "path": "/svc/", "assumeRolePolicyDocument": "{}"}),
            json!({"role": {"arn": role, "roleName": "App"}}),
        ),
        call("one", "07:50:00", "alice", ("s3", "PutBucketPolicy"), json!({"bucketName": "b", "bucketPolicy": {"a": 1}}), Value::Null),
        call("other", "07:50:00", "bob", ("s3", "PutBucketPolicy"), json!({"bucketName": "b", "bucketPolicy": {"b": 1}}), Value::Null),
    ]);
    for asked in [role.as_str(), "App"] {
        let answer = before(&store, asked, AT);
        assert_eq!(plain(&answer["resources"][0]["arn"]), role);
        let doubted: Vec<&Value> =
            list(&answer["properties"]).iter().filter(|p| !p["perhaps_set_by"].is_null() || p["earlier"] != 0).collect();
        assert_eq!((doubted, list(&answer["properties"]).len()), (Vec::new(), 2), "{asked}");
    }
    let answer = before(&store, "b", AT);
    let policy = &answer["properties"][0];
    let mut both = [plain(&policy["set_by"]["ref"]), plain(&policy["perhaps_set_by"])];
    both.sort();
    assert_eq!((both, &policy["earlier"]), (["one".to_owned(), "other".to_owned()], &json!(0)));
}

/// An access key has no ARN: it is told by the calls on its user.
#[test]
fn an_access_key_is_told_by_its_id() {
    let key = "AKIAQSVC000000000001";
    let of = |id, time, who, name, request, response| call(id, time, who, ("iam", name), request, response);
    let set = |status: &str| json!({"userName": "svc", "accessKeyId": key, "status": status});
    let made = json!({"accessKey": {"accessKeyId": key, "userName": "svc", "status": "Active"}});
    let store = store_of(&[
        of("made", "07:00:00", "alice", "CreateAccessKey", json!({"userName": "svc"}), made),
        of("off", "08:00:00", "alice", "UpdateAccessKey", set("Inactive"), Value::Null),
        of("on", "09:00:00", "bob", "UpdateAccessKey", set("Active"), Value::Null),
        of("gone", "10:00:00", "bob", "DeleteAccessKey", json!({"userName": "svc", "accessKeyId": key}), Value::Null),
    ]);
    let answer = before(&store, key, "2025-03-01T08:30:00Z");
    let known = &answer["resources"][0];
    assert_eq!([&known["arn"], &known["made_by"]["ref"], &known["changed_by"]["ref"]].map(plain), [key, "made", "gone"]);
    let status = &answer["properties"][0];
    let told = [&status["property"], &status["set_by"]["ref"], &status["set_by"]["value"], &status["changed_by"]["ref"]];
    assert_eq!(told.map(plain), ["status", "off", "Inactive", "on"]);
    assert_eq!(list(&answer["named_by"]).len(), 0);
    assert!(!answer["not_known"].to_string().contains("known to have made it"), "{}", answer["not_known"]);
    assert_eq!(plain(&before(&store, key, AT)["resources"][0]["deleted_by"]["ref"]), "gone");
}

/// Whether the resource is told to have been there, and what set each property.
fn standing(store: &TestStore, what: &str) -> (bool, Vec<String>) {
    let answer = before(store, what, AT);
    let is_there = answer["resources"][0]["deleted_by"].is_null();
    (is_there, properties(&answer).into_iter().map(|(property, by, _)| format!("{property} by {by}")).collect())
}

const NONE: Value = Value::Null;

#[test]
fn what_was_made_and_deleted_in_one_second_is_told_by_what_was_there_before() {
    let role = json!({"roleName": "App"});
    let attach = |id: &str, time: &str, policy: &str| {
        call(
            id,
            time,
            "alice",
            ("iam", "AttachRolePolicy"),
            json!({"roleName": "App", "policyArn": format!("arn:aws:iam::aws:policy/{policy}")}),
            NONE,
        )
    };
    // Whichever of the two ids comes first.
    for [deleted, made] in [["a-deleted", "b-made"], ["b-deleted", "a-made"]] {
        let pair = [
            call(deleted, "08:07:00", "alice", ("iam", "DeleteRole"), role.clone(), NONE),
            call(made, "08:07:00", "alice", ("iam", "CreateRole"), role.clone(), NONE),
        ];
        let replaced = store_of(
            &[&[attach("admin", "08:01:00", "AdministratorAccess")], &pair[..], &[attach("reads", "08:09:00", "ReadOnlyAccess")]].concat(),
        );
        assert_eq!(standing(&replaced, "App"), (true, vec!["RolePolicy ReadOnlyAccess by reads".to_owned()]), "deleted, and made again");
        let (is_there, _) = standing(&store_of(&pair), "App");
        assert!(!is_there, "made, and deleted again: {deleted}");
    }
}

#[test]
fn what_was_acted_on_after_its_deletion_was_made_again_by_a_call_that_is_not_in_evidence() {
    let role = json!({"roleName": "App"});
    let policy = |name: &str| json!({"roleName": "App", "policyArn": format!("arn:aws:iam::aws:policy/{name}")});
    let store = store_of(&[
        call("made", "08:00:00", "alice", ("iam", "CreateRole"), role.clone(), NONE),
        call("reads", "08:01:00", "alice", ("iam", "AttachRolePolicy"), policy("ReadOnlyAccess"), NONE),
        call("deleted", "08:07:00", "alice", ("iam", "DeleteRole"), role, NONE),
        call("admin", "09:00:00", "mallory", ("iam", "AttachRolePolicy"), policy("AdministratorAccess"), NONE),
    ]);
    let answer = before(&store, "App", AT);
    assert_eq!(answer["resources"][0]["made_again_before"], "admin");
    assert_eq!(properties(&answer).len(), 1, "nothing of the role that was deleted: {answer}");
    let told = text(&store, "App");
    assert!(told.contains("acted on since [admin]: it was made again, by a call that is not in evidence"), "{told}");
    assert!(!told.contains("did not exist"), "{told}");
    // EC2 lets what is gone be tagged for a while, and gives no id twice.
    let instance = "i-0123456789abcdef0";
    let ended = json!({"instancesSet": {"items": [{"instanceId": instance}]}});
    let tags = json!({"resourcesSet": {"items": [{"resourceId": instance}]}, "tagSet": {"items": [{"key": "a", "value": "b"}]}});
    let store = store_of(&[
        call("ended", "08:00:00", "alice", ("ec2", "TerminateInstances"), ended, NONE),
        call("tagged", "08:01:00", "alice", ("ec2", "CreateTags"), tags, NONE),
    ]);
    assert!(text(&store, instance).contains("did not exist"));
}

#[test]
fn a_rule_asked_for_by_its_id_is_closed_by_what_closes_it_in_its_group() {
    let (group, rule) = ("sg-0aaaaaaaaaaaaaaa1", "sgr-0aaaaaaaaaaaaaaa1");
    let answered = json!({"_return": true, "securityGroupRuleSet": {"items": [{"groupId": group, "securityGroupRuleId": rule, "isEgress": false,
        "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}]}});
    let opened = call("opened", "10:00:00", "alice", OPENED, port(group, 22, from_block("0.0.0.0/0")), answered);
    let other = call("other", "10:05:00", "alice", CLOSED, port(group, 443, from_block("0.0.0.0/0")), json!({"_return": true}));
    let closed = call("closed", "10:10:00", "alice", CLOSED, port(group, 22, from_block("0.0.0.0/0")), json!({"_return": true}));
    let deleted = call("deleted", "10:10:00", "alice", ("ec2", "DeleteSecurityGroup"), json!({"groupId": group}), NONE);
    let in_force = |calls: &[Value]| rules(&before(&store_of(calls), rule, AT)).len();
    assert_eq!(in_force(&[opened.clone(), other.clone()]), 1);
    assert_eq!((in_force(&[opened.clone(), other, closed]), in_force(&[opened, deleted])), (0, 0));
}

#[test]
fn the_code_of_a_function_is_replaced_as_a_whole() {
    let made = json!({"functionName": "fn", "code": {"s3Bucket": "good", "s3Key": "k.zip"}, "runtime": "python3.13"});
    let made = call("made", "08:00:00", "alice", ("lambda", "CreateFunction20150331"), made, json!({"codeSha256": "one"}));
    let image = json!({"functionName": "fn", "imageUri": "999988887777.dkr.ecr.us-east-1.amazonaws.com/evil:1"});
    for update in [image, json!({"functionName": "fn", "publish": false})] {
        let update = call("code", "08:10:00", "mallory", ("lambda", "UpdateFunctionCode20150331v2"), update, json!({"codeSha256": "two"}));
        let store = store_of(&[made.clone(), update]);
        let code: Vec<_> =
            properties(&before(&store, "fn", AT)).into_iter().filter(|(name, ..)| name.starts_with("FunctionCode ")).collect();
        assert!(code.iter().all(|(_, by, _)| by == "code"), "nothing is left of the first: {code:?}");
        assert!(code.contains(&("FunctionCode codeSha256".to_owned(), "code".to_owned(), json!("two"))), "{code:?}");
        let then = before(&store, "fn", "2025-03-01T08:05:00Z");
        let changed = list(&then["properties"]).iter().find(|p| p["property"] == "FunctionCode s3Bucket").expect("known then");
        assert_eq!(changed["changed_by"]["ref"], "code");
    }
}

#[test]
fn metadata_options_have_one_name_whether_set_at_launch_or_later() {
    let instance = "i-0123456789abcdef0";
    let launch = json!({"metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"}});
    let launched = json!({"instancesSet": {"items": [{"instanceId": instance}]}});
    let later = json!({"ModifyInstanceMetadataOptionsRequest": {"InstanceId": instance, "HttpTokens": "optional"}});
    let store = store_of(&[
        call("launch", "08:00:00", "alice", ("ec2", "RunInstances"), launch, launched),
        call("weaken", "08:08:00", "mallory", ("ec2", "ModifyInstanceMetadataOptions"), later, NONE),
    ]);
    let options: Vec<_> = properties(&before(&store, instance, AT)).into_iter().filter(|(name, ..)| name.contains("etadata")).collect();
    let expected = [("httpEndpoint", "launch", json!("enabled")), ("httpTokens", "weaken", json!("optional"))];
    assert_eq!(options, expected.map(|(name, by, value)| (format!("metadataOptions.{name}"), by.to_owned(), value)));
}

#[test]
fn an_association_that_is_ended_by_its_id_is_ended_for_what_it_was_of() {
    let (eni, instance, address) = ("eni-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa1", "eipalloc-0aaaaaaaaaaaaaaa1");
    let (subnet, first, second) = ("subnet-0aaaaaaaaaaaaaaa1", "rtb-0aaaaaaaaaaaaaaa1", "rtb-0bbbbbbbbbbbbbbb1");
    let ec2 = |id: &str, time: &str, name: &'static str, request: Value, response: Value| {
        call(id, time, "alice", ("ec2", name), request, response)
    };
    let store = store_of(&[
        ec2(
            "attach",
            "10:01:00",
            "AttachNetworkInterface",
            json!({"networkInterfaceId": eni, "instanceId": instance, "deviceIndex": 1}),
            json!({"attachmentId": "eni-attach-0aaaaaaaaaaaaaaa1"}),
        ),
        ec2(
            "give",
            "10:02:00",
            "AssociateAddress",
            json!({"allocationId": address, "networkInterfaceId": eni}),
            json!({"associationId": "eipassoc-0aaaaaaaaaaaaaaa1"}),
        ),
        ec2(
            "route",
            "10:03:00",
            "AssociateRouteTable",
            json!({"routeTableId": first, "subnetId": subnet}),
            json!({"associationId": "rtbassoc-0aaaaaaaaaaaaaaa1"}),
        ),
        ec2(
            "replace",
            "11:00:00",
            "ReplaceRouteTableAssociation",
            json!({"associationId": "rtbassoc-0aaaaaaaaaaaaaaa1", "routeTableId": second}),
            json!({"newAssociationId": "rtbassoc-0bbbbbbbbbbbbbbb1"}),
        ),
        ec2("unroute", "11:30:00", "DisassociateRouteTable", json!({"associationId": "rtbassoc-0bbbbbbbbbbbbbbb1"}), NONE),
        ec2("take", "11:02:00", "DisassociateAddress", json!({"associationId": "eipassoc-0aaaaaaaaaaaaaaa1"}), NONE),
        ec2("detach", "11:03:00", "DetachNetworkInterface", json!({"attachmentId": "eni-attach-0aaaaaaaaaaaaaaa1", "force": true}), NONE),
        ec2("another", "11:04:00", "DetachNetworkInterface", json!({"attachmentId": "eni-attach-0bbbbbbbbbbbbbbb1"}), NONE),
    ]);
    let touching = |what: &str| {
        let answer = store.json(&["timeline", "--arn", what, "--format", "json"]);
        list(&answer["answer"]).iter().map(|item| plain(&item["refs"][0])).collect::<Vec<_>>()
    };
    assert_eq!(touching(eni), ["attach", "give", "take", "detach"]);
    assert_eq!(touching(instance), ["attach", "detach"]);
    assert_eq!(touching(address), ["give", "take"]);
    assert_eq!(touching(subnet), ["route", "replace", "unroute"]);
    assert_eq!(touching(second), ["replace", "unroute"]);
    let set = |what: &str, at: &str| -> Vec<String> {
        properties(&before(&store, what, at)).into_iter().map(|(property, by, _)| format!("{property} by {by}")).collect()
    };
    assert_eq!(set(eni, AT), [format!("NetworkInterface {instance} by detach")]);
    assert_eq!(set(address, AT), [format!("Address {eni} by take")]);
    let at_noon = [format!("RouteTable {first} by replace"), format!("RouteTable {second} by unroute")];
    assert_eq!(set(subnet, AT), at_noon);
    let between = [format!("RouteTable {first} by replace"), format!("RouteTable {second} by replace")];
    assert_eq!(set(subnet, "2025-03-01T11:15:00Z"), between);
    assert_eq!(set(first, AT), [format!("RouteTable {subnet} by replace")]);
    assert_eq!(set(second, AT), [format!("RouteTable {subnet} by unroute")]);
}
