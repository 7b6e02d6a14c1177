//! Who somebody is, and who not: records of a made-up morning, and the answers worked out by hand from what each of them says.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};
use crate::motion::{answered, event, session, sign_in, store, user};
use crate::trace::{assumed, below, traced};

/// Of each event of the store the kind, name and basis of its actor.
fn actors(store: &TestStore) -> Vec<[String; 4]> {
    let answer = store.json(&["timeline", "--format", "json"]);
    let of = |item: &Value| {
        [plain(&item["refs"][0]), plain(&item["actor"]["kind"]), plain(&item["actor"]["name"]), plain(&item["actor"]["basis"])]
    };
    list(&answer["answer"]).iter().map(of).collect()
}

/// The relation of an event to an anchor.
fn relation(store: &TestStore, anchor: [&str; 2], event: &str) -> Value {
    let window = ["--from", "2025-10-15T00:00:00Z", "--to", "2025-10-16T00:00:00Z", "--format", "json"];
    let answer = store.json(&[&["changes"], &anchor[..], &window[..]].concat());
    let item = list(&answer["answer"]).iter().find(|item| item["refs"][0] == event).unwrap_or_else(|| panic!("{event} is not told"));
    item["relation"].clone()
}

#[test]
fn what_a_session_declares_makes_nobody_another_actor() {
    let none = json!(null);
    let (mut assume, mut identity) = assumed("assume", "09:00:00", &user("nora"), "Ops", "ASIANORAAAAAAAAAAAAA");
    assume["requestParameters"]["sourceIdentity"] = json!("nora");
    identity["sessionContext"]["sourceIdentity"] = json!("nora");
    let mut elsewhere = event("stop", "09:10:00", "cloudtrail:StopLogging", &user("nora"), &json!({"name": "trail"}), &none);
    elsewhere["sourceIPAddress"] = json!("192.0.2.77");
    let policy = json!({"bucketName": "vault", "bucketPolicy": {}});
    let store = store(&[assume, event("open", "09:05:00", "s3:PutBucketPolicy", &identity, &policy, &none), elsewhere]);
    let told = relation(&store, ["--arn", "vault"], "stop");
    assert_eq!((plain(&told["rank"]), plain(&told["why"])), ("same_lineage".to_owned(), "nora made PutBucketPolicy".to_owned()));
    assert_eq!(told["refs"], json!(["open"]));
    let present = store.json(&["actors", "--format", "json"]);
    assert_eq!(list(&present["answer"]).len(), 1, "one actor, however it is told: {present}");
}

#[test]
fn whoever_was_given_a_key_or_a_password_tells_nothing_of_the_giver() {
    let none = json!(null);
    let signed_in = sign_in("09:10:00", "eva");
    let mut with_device = user("hugo");
    with_device["accessKeyId"] = json!("ASIAHUGOAAAAAAAAAAAA");
    with_device["sessionContext"] = json!({"attributes": {"creationDate": "2025-10-15T09:20:00Z", "mfaAuthenticated": "true"}});
    let token = json!({"credentials": {"accessKeyId": "ASIAHUGOAAAAAAAAAAAA"}});
    let key = json!({"accessKey": {"userName": "hugo", "accessKeyId": "AKIAHUGOAAAAAAAAAAAA"}});
    let store = store(&[
        event("password", "09:00:00", "iam:CreateLoginProfile", &user("terraform"), &json!({"userName": "eva"}), &none),
        event("key", "09:01:00", "iam:CreateAccessKey", &user("pulumi"), &json!({"userName": "hugo"}), &key),
        signed_in,
        event("token", "09:20:00", "sts:GetSessionToken", &user("hugo"), &json!({"serialNumber": "arn"}), &token),
        event("used", "09:21:00", "ec2:DeleteVpc", &with_device, &json!({"vpcId": "vpc-0123456789abcdef0"}), &none),
    ]);
    for [id, kind, name, basis] in actors(&store) {
        let giver = if matches!(id.as_str(), "password" | "sign-in") { "terraform" } else { "pulumi" };
        let expected = ("unknown", giver, "a user's access key: a person or a program");
        assert_eq!((kind.as_str(), name.as_str(), basis.as_str()), expected, "{id}");
    }
}

#[test]
fn an_assumed_root_session_is_not_the_root_users() {
    let mut root = json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root",
        "accountId": "111122223333", "accessKeyId": "ASIAASSUMEDROOTAAAAA"});
    root["sessionContext"] =
        json!({"attributes": {"creationDate": "2025-10-15T09:00:00Z", "mfaAuthenticated": "false"}, "assumedRoot": "true"});
    let use_of = |id: &str| event(id, "09:05:00", "s3:DeleteBucketPolicy", &root, &json!({"bucketName": "b"}), &json!(null));
    let lone = store(&[use_of("unlock")]);
    let [_, kind, name, _] = &actors(&lone)[0];
    assert_eq!((kind.as_str(), name.as_str()), ("unknown", "root of 111122223333, assumed with ASIAASSUMEDROOTAAAAA"));
    let missing = &traced(&lone, "unlock")["up"][0]["chain"]["paths"][0]["missing"];
    assert!(plain(&missing["text"]).contains("no AssumeRoot that issued key ASIAASSUMEDROOTAAAAA"), "{missing}");
    // A record of another kind that says so, as one of AWS's examples does, keeps who it is.
    let (_, mut role) = assumed("assume", "09:06:00", &user("boss"), "Ops", "ASIAOPSAAAAAAAAAAAAA");
    role["sessionContext"]["assumedRoot"] = json!("true");
    let odd = store(&[event("odd", "09:07:00", "s3:DeleteBucket", &role, &json!({"bucketName": "b"}), &json!(null))]);
    let odd = odd.json(&["timeline", "--format", "json"]);
    assert_eq!(odd["answer"][0]["actor"]["arn"], "arn:aws:sts::111122223333:assumed-role/Ops/s");
    let request =
        json!({"targetPrincipal": "111122223333", "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}});
    let answer = json!({"credentials": {"accessKeyId": "ASIAASSUMEDROOTAAAAA"}});
    let whole = store(&[event("assume", "09:00:00", "sts:AssumeRoot", &user("boss"), &request, &answer), use_of("unlock")]);
    assert_eq!(actors(&whole).iter().map(|[_, _, name, _]| name.as_str()).collect::<Vec<_>>(), ["boss", "boss"]);
}

#[test]
fn machines_that_systems_manager_manages_are_workloads_and_what_it_does_itself_is_not() {
    let none = json!(null);
    let mut records = Vec::new();
    for (name, id) in [("mi-0123456789abcdef0", "hybrid"), ("i-0123456789abcdef0", "default"), ("a1b2-automation", "automation")] {
        let (began, identity) = session("ssm.amazonaws.com", &format!("arn:aws:iam::111122223333:role/{id}"), name, "09:00:00", id);
        records.extend([began, event(&format!("by-{id}"), "09:05:00", "ec2:DeleteVpc", &identity, &json!({"vpcId": "vpc-1"}), &none)]);
    }
    let told = actors(&store(&records));
    let of = |id: &str| told.iter().find(|[event, ..]| event == id).map(|[_, kind, name, _]| format!("{kind}: {name}")).unwrap_or_default();
    assert_eq!(of("by-hybrid"), "workload: managed node mi-0123456789abcdef0");
    assert_eq!(of("by-default"), "workload: instance i-0123456789abcdef0");
    assert_eq!(of("by-automation"), "service: ssm.amazonaws.com");
}

#[test]
fn a_pod_is_its_service_account_and_not_the_node_whose_agent_asked() {
    let none = json!(null);
    let (eks, mut pod) = session("pods.eks.amazonaws.com", "arn:aws:iam::111122223333:role/Pay", "eks-shop-pay-6f1d", "09:00:00", "by-eks");
    let (_, node) = session("ec2.amazonaws.com", "arn:aws:iam::111122223333:role/Node", "i-0123456789abcdef0", "08:00:00", "node");
    let mut answer = eks["responseElements"].clone();
    answer["subject"] = json!({"namespace": "shop", "serviceAccount": "pay"});
    let agent = event("by-agent", "09:00:00", "eks-auth:AssumeRoleForPodIdentity", &node, &json!({"clusterName": "c"}), &answer);
    let mut tagged = eks.clone();
    tagged["requestParameters"]["tags"] = json!([{"key": "eks-cluster-name", "value": "c"},
        {"key": "kubernetes-namespace", "value": "shop"}, {"key": "kubernetes-service-account", "value": "pay"}]);
    pod["accessKeyId"] = answer["credentials"]["accessKeyId"].clone();
    let used = event("used", "09:05:00", "s3:DeleteBucket", &pod, &json!({"bucketName": "b"}), &none);
    for records in [vec![agent.clone(), used.clone()], vec![tagged.clone(), used.clone()], vec![tagged, agent, used.clone()]] {
        let told = actors(&store(&records));
        let [_, kind, name, _] = told.iter().find(|[id, ..]| id == "used").expect("the use");
        assert_eq!((kind.as_str(), name.as_str()), ("workload", "service account shop:pay in c"));
    }
    // Without tags the session's name is all there is; and whoever else asks for such tags is not EKS.
    let [_, _, name, _] = &actors(&store(&[eks, used]))[1];
    assert_eq!(name, "pod eks-shop-pay-6f1d");
}

#[test]
fn what_a_user_made_for_himself_descends_from_him() {
    const SECOND: &str = "AKIAFREDSECONDAAAAAA";
    let none = json!(null);
    let mut second = user("fred");
    second["accessKeyId"] = json!(SECOND);
    let (assume, session) = assumed("assume", "09:20:00", &second, "Ops", "ASIAOPSAAAAAAAAAAAAA");
    let key = json!({"accessKey": {"userName": "fred", "accessKeyId": SECOND}});
    let make = event("make", "09:00:00", "iam:CreateAccessKey", &user("fred"), &none, &key);
    let fred = "arn:aws:iam::111122223333:user/fred";
    let unused = traced(&store(std::slice::from_ref(&make)), fred);
    let child = &unused["down"][0]["children"][0];
    assert_eq!(
        (plain(&child["access_key_id"]), &child["refs"], &child["uses"]["events"]),
        (SECOND.to_owned(), &json!(["make"]), &json!(0))
    );
    let store = store(&[make, assume, event("end", "09:25:00", "s3:DeleteBucket", &session, &json!({"bucketName": "b"}), &none)]);
    let top = &traced(&store, fred)["down"][0];
    assert_eq!((&top["uses"]["refs"], list(&top["children"]).len()), (&json!(["make"]), 1), "{top}");
    let key = &top["children"][0];
    assert_eq!(
        (&key["refs"], &key["uses"]["refs"], &key["children"][0]["refs"]),
        (&json!(["make"]), &json!(["assume"]), &json!(["assume"]))
    );
    let text = answered(&store, &["trace", fred]);
    assert!(below(&text).contains(SECOND) && below(&text).contains("deleted bucket b"), "{text}");
}

#[test]
fn neighbours_are_told_with_every_event_that_makes_them_such() {
    let none = json!(null);
    let (group, instance) = ("sg-0123456789abcdef0", "i-0123456789abcdef0");
    // The launch template names the group: the request does not, and the answer has it at the interface alone.
    let interface = json!({"networkInterfaceId": "eni-0123456789abcdef0", "groupSet": {"items": [{"groupId": group}]}});
    let launched = json!({"instancesSet": {"items": [{"instanceId": instance, "networkInterfaceSet": {"items": [interface]}}]}});
    let open = json!({"groupId": group, "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}});
    let mut stop = event(
        "stop",
        "09:10:00",
        "ec2:StopInstances",
        &user("mallory"),
        &json!({"instancesSet": {"items": [{"instanceId": instance}]}}),
        &none,
    );
    stop["sourceIPAddress"] = json!("203.0.113.99");
    let store = store(&[
        event("launch", "09:00:00", "ec2:RunInstances", &user("alice"), &json!({}), &launched),
        event("open", "09:05:00", "ec2:AuthorizeSecurityGroupIngress", &user("bob"), &open, &none),
        stop,
    ]);
    let typed = relation(&store, ["--arn", instance], "open");
    assert_eq!((plain(&typed["rank"]), &typed["refs"]), ("same_neighbourhood".to_owned(), &json!(["launch"])));
    let by_address = relation(&store, ["--ip", "203.0.113.99"], "open");
    assert_eq!((plain(&by_address["rank"]), &by_address["refs"]), ("same_neighbourhood".to_owned(), &json!(["launch", "stop"])));
    assert_eq!(
        plain(&by_address["why"]),
        format!("touches security-group/{group}, with instance/{instance} by RunInstances, on which StopInstances acted")
    );
}

#[test]
fn a_missing_call_is_told_with_what_the_store_has_of_its_hour() {
    let none = json!(null);
    let (_, session) = assumed("assume", "09:06:00", &user("mallory"), "Other", "ASIAOTHERAAAAAAAAAAA");
    let used = event("used", "10:07:00", "s3:DeleteBucket", &session, &json!({"bucketName": "b"}), &none);
    let beside = event("beside", "09:30:00", "s3:CreateBucket", &user("alice"), &json!({"bucketName": "c"}), &none);
    for (records, events, said) in [
        (vec![used.clone()], 0, "the store has nothing of that account in that hour"),
        (vec![used.clone(), beside], 1, "the store has 1 other event of that account in that hour"),
    ] {
        let store = store(&records);
        let missing = traced(&store, "used")["up"][0]["chain"]["paths"][0]["missing"].clone();
        assert_eq!(missing["events_in_that_hour"], json!(events));
        assert!(plain(&missing["text"]).ends_with(said), "{missing}");
        assert!(answered(&store, &["trace", "used"]).contains(said));
    }
}

#[test]
fn another_accounts_record_of_a_call_is_of_who_made_it() {
    let none = json!(null);
    let (assume, bob) = assumed("assume", "09:00:00", &user("bob"), "Dev", "ASIABOBAAAAAAAAAAAAA");
    let put = json!({"bucketName": "theirs", "bucketPolicy": {}});
    let mut own = event("own", "09:05:00", "s3:PutBucketPolicy", &bob, &put, &none);
    let owner = json!({"type": "AWSAccount", "principalId": bob["principalId"], "accountId": "111122223333"});
    let mut theirs = event("theirs", "09:05:00", "s3:PutBucketPolicy", &owner, &put, &none);
    theirs["recipientAccountId"] = json!("444455556666");
    (own["sharedEventID"], theirs["sharedEventID"]) = (json!("shared"), json!("shared"));
    let whole = store(&[assume.clone(), own, theirs.clone()]);
    assert_eq!(actors(&whole).iter().map(|[_, _, name, _]| name.as_str()).collect::<Vec<_>>(), ["bob"; 3]);
    let present = whole.json(&["actors", "--format", "json"]);
    let [one] = list(&present["answer"]) else { panic!("one actor: {present}") };
    assert_eq!((&one["events"], &one["changes"], &one["missing"]), (&json!(3), &json!(1), &json!([])), "two records of one change");
    // Whoever is named made the call, and so did the account's record of it; also where only that account is asked about.
    let asked = |more: &[&str]| list(&whole.json(&[&["timeline", "--format", "json"], more].concat())["answer"]).len();
    assert_eq!(asked(&["--actor", "bob"]), 3);
    assert_eq!((asked(&["--actor", "bob", "--account", "444455556666"]), asked(&["--actor", "Dev"])), (1, 2));
    assert_eq!(whole.json(&["profile", "bob", "--format", "json"])["events"], json!(3));
    // Alone it names nobody but an account.
    let told = actors(&store(&[assume, theirs]));
    assert_eq!(told[1][1], "external_account");
}

#[test]
fn a_refused_sign_in_is_not_of_whoever_set_the_password() {
    let none = json!(null);
    let mut refused = sign_in("09:10:00", "eva");
    refused["responseElements"] = json!({"ConsoleLogin": "Failure"});
    refused["errorMessage"] = json!("Failed authentication");
    let password = event("password", "09:00:00", "iam:CreateLoginProfile", &user("admin"), &json!({"userName": "eva"}), &none);
    let told = actors(&store(&[password, refused]));
    let [_, kind, name, basis] = &told[1];
    assert_eq!((kind.as_str(), name.as_str(), basis.as_str()), ("unknown", "eva", "a refused sign-in to the console: whoever tried"));
}

#[test]
fn of_two_who_may_have_switched_roles_both_are_listed() {
    let none = json!(null);
    let password =
        |id: &str, time: &str, by: &str| event(id, time, "iam:UpdateLoginProfile", &user(by), &json!({"userName": "eva"}), &none);
    let login = |id: &str, time: &str| {
        let mut login = sign_in(time, "eva");
        login["eventID"] = json!(id);
        login
    };
    let role = json!({"type": "AssumedRole", "principalId": "AROAADMIN:eva", "arn": "arn:aws:sts::111122223333:assumed-role/Admin/eva",
        "accountId": "111122223333"});
    let mut switch = event("switch", "09:10:00", "signin:SwitchRole", &role, &none, &json!({"SwitchRole": "Success"}));
    switch["eventType"] = json!("AwsConsoleSignIn");
    switch["additionalEventData"] = json!({"SwitchFrom": "arn:aws:iam::111122223333:user/eva"});
    let records = [
        password("by-mallory", "08:30:00", "mallory"),
        login("first", "08:40:00"),
        login("again", "08:50:00"),
        password("by-helpdesk", "09:00:00", "helpdesk"),
        login("second", "09:05:00"),
        switch,
    ];
    let told = actors(&store(&records));
    assert_eq!(told[5][2], "helpdesk or mallory", "a new password ends no session that is open: {told:?}");
    // Of several sessions of one password the last is as good as any: it leads to the same.
    let one = actors(&store(&[&records[..3], &records[5..]].concat()));
    assert_eq!(one[3][2], "mallory");
}

#[test]
fn a_federated_user_is_whoever_the_records_say_issued_the_session() {
    let none = json!(null);
    let federated = |key: &str, issuer: &Value| {
        json!({"type": "FederatedUser", "principalId": "111122223333:alice", "arn": "arn:aws:sts::111122223333:federated-user/alice",
            "accountId": "111122223333", "accessKeyId": key,
            "sessionContext": {"sessionIssuer": issuer, "attributes": {"creationDate": "2025-10-15T09:00:00Z", "mfaAuthenticated": "true"}}})
    };
    let bob = json!({"type": "IAMUser", "principalId": "AIDABOB", "arn": "arn:aws:iam::111122223333:user/bob", "accountId": "111122223333", "userName": "bob"});
    let root = json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"});
    let put = json!({"bucketName": "b"});
    let store = store(&[
        event("by-bob", "09:01:00", "s3:DeleteBucketPolicy", &federated("ASIAONEAAAAAAAAAAAAA", &bob), &put, &none),
        event("by-root", "09:02:00", "s3:DeleteBucketPolicy", &federated("ASIATWOAAAAAAAAAAAAA", &root), &put, &none),
        event("own", "09:03:00", "s3:DeleteBucketPolicy", &user("bob"), &put, &none),
    ]);
    let answer = store.json(&["timeline", "--format", "json"]);
    let told = |item: &Value| (plain(&item["actor"]["name"]), item["actor"]["via"].clone(), !item["actor"]["missing"].is_null());
    let told: Vec<_> = list(&answer["answer"]).iter().map(told).collect();
    assert_eq!(told[0], ("bob".to_owned(), json!(["alice"]), true));
    assert_eq!(told[1], ("root of 111122223333".to_owned(), json!(["alice"]), true));
    let present = store.json(&["actors", "--format", "json"]);
    let counted: Vec<_> = list(&present["answer"]).iter().map(|one| (plain(&one["actor"]["name"]), one["events"].clone())).collect();
    assert_eq!(counted, [("bob".to_owned(), json!(2)), ("root of 111122223333".to_owned(), json!(1))]);
}

#[test]
fn what_another_key_of_a_session_did_that_nobody_saw_issued_is_not_what_this_key_did() {
    let none = json!(null);
    let group = json!({"groupId": "sg-0123456789abcdef0"});
    let (_, one) = assumed("not-in-evidence", "08:59:00", &user("ci"), "Ci", "ASIAONEAAAAAAAAAAAAA");
    let mut two = one.clone();
    two["accessKeyId"] = json!("ASIATWOAAAAAAAAAAAAA");
    let made = json!({"accessKey": {"userName": "backdoor", "accessKeyId": "AKIABACKDOORAAAAAAAA"}});
    let store = store(&[
        event("opened", "09:00:00", "ec2:AuthorizeSecurityGroupIngress", &one, &group, &none),
        event("key", "09:01:00", "iam:CreateAccessKey", &two, &json!({"userName": "backdoor"}), &made),
    ]);
    let text = answered(&store, &["trace", "ASIAONEAAAAAAAAAAAAA"]);
    assert!(!below(&text).contains("AKIABACKDOORAAAAAAAA"), "{text}");
    assert!(answered(&store, &["trace", "ASIATWOAAAAAAAAAAAAA"]).contains("AKIABACKDOORAAAAAAAA"));
}

#[test]
fn refused_reads_that_two_accounts_recorded_are_one_each() {
    let owner = json!({"type": "AWSAccount", "principalId": "AIDACAROL", "accountId": "111122223333"});
    let record = |n: u32, identity: &Value, account: &str| {
        let mut record = event(
            &format!("{account}-{n}"),
            &format!("09:00:0{n}"),
            "s3:GetObject",
            identity,
            &json!({"bucketName": "b", "key": "k"}),
            &json!(null),
        );
        for (key, value) in [
            ("recipientAccountId", json!(account)),
            ("sharedEventID", json!(format!("shared-{n}"))),
            ("readOnly", json!(true)),
            ("errorCode", json!("AccessDenied")),
        ] {
            record[key] = value;
        }
        record
    };
    let both = |n: u32| [record(n, &user("carol"), "111122223333"), record(n, &owner, "444455556666")];
    let store = store(&(0..5).flat_map(both).collect::<Vec<_>>());
    let present = store.json(&["actors", "--format", "json"]);
    let [one] = list(&present["answer"]) else { panic!("one actor: {present}") };
    assert_eq!(one["outcomes"]["denied"], json!(10), "events are records");
    assert!(!list(&one["marks"]).iter().any(|mark| mark["kind"] == "denied_burst"), "five calls are no burst: {}", one["marks"]);
}

#[test]
fn an_instance_is_one_actor_in_whichever_account_it_acts() {
    let none = json!(null);
    let (began, web) = session("ec2.amazonaws.com", "arn:aws:iam::111122223333:role/Web", "i-0123456789abcdef0", "09:00:00", "begin");
    let (assume, mut there) = assumed("assume", "09:05:00", &web, "Deploy", "ASIADEPLOYAAAAAAAAAA");
    there["accountId"] = json!("444455556666");
    let mut elsewhere = event("there", "09:06:00", "ec2:DeleteVpc", &there, &json!({"vpcId": "vpc-0123456789abcdef0"}), &none);
    elsewhere["recipientAccountId"] = json!("444455556666");
    let here = event("here", "09:01:00", "ec2:DeleteVpc", &web, &json!({"vpcId": "vpc-0123456789abcdef1"}), &none);
    let present = store(&[began, here, assume, elsewhere]).json(&["actors", "--format", "json"]);
    let told: Vec<_> = list(&present["answer"]).iter().map(|one| (plain(&one["actor"]["name"]), plain(&one["actor"]["account"]))).collect();
    let instance = ("instance i-0123456789abcdef0".to_owned(), "111122223333".to_owned());
    assert_eq!(told.iter().filter(|one| **one == instance).count(), 1, "{told:?}");
    assert!(!told.iter().any(|one| one.0 == instance.0 && *one != instance), "{told:?}");
}
