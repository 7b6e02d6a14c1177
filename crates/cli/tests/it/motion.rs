//! Who set a service in motion: records of one made-up afternoon, and the answers worked out by hand from what each of them says.

use serde_json::{Value, json};

use crate::asked::{TestStore, plain, truth_of};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/ci/Build";
const INSTANCE: &str = "i-0123456789abcdef0";

pub(crate) fn event(id: &str, time: &str, call: &str, identity: &Value, request: &Value, response: &Value) -> Value {
    let (service, action) = call.split_once(':').expect("service:Action");
    json!({
        "eventVersion": "1.09", "eventID": id, "eventTime": format!("2025-10-15T{time}Z"), "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action, "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7", "userAgent": "test", "readOnly": false,
        "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management", "recipientAccountId": ACCOUNT,
        "userIdentity": identity, "requestParameters": request, "responseElements": response,
    })
}

pub(crate) fn user(name: &str) -> Value {
    json!({"type": "IAMUser", "userName": name, "principalId": format!("AIDA{}", name.to_uppercase()), "accountId": ACCOUNT,
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "accessKeyId": format!("AKIA{:A<16}", name.to_uppercase())})
}

/// A user signs in to the console: the record names no key.
pub(crate) fn sign_in(time: &str, name: &str) -> Value {
    let mut signed_in = event("sign-in", time, "signin:ConsoleLogin", &user(name), &json!(null), &json!({"ConsoleLogin": "Success"}));
    signed_in["eventType"] = json!("AwsConsoleSignIn");
    signed_in["userIdentity"].as_object_mut().expect("an object").remove("accessKeyId");
    signed_in
}

/// The session that a service began for a role, and its record of beginning it.
pub(crate) fn session(service: &str, role: &str, name: &str, time: &str, id: &str) -> (Value, Value) {
    let short = role.rsplit('/').next().expect("a role");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{short}/{name}");
    let key = format!("ASIA{:A<16}", id.to_uppercase().replace('-', ""));
    let began = event(
        id,
        time,
        "sts:AssumeRole",
        &json!({"type": "AWSService", "invokedBy": service}),
        &json!({"roleArn": role, "roleSessionName": name}),
        &json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": format!("AROA{short}:{name}"), "arn": arn}}),
    );
    let identity = json!({"type": "AssumedRole", "principalId": format!("AROA{short}:{name}"), "arn": arn, "accountId": ACCOUNT, "accessKeyId": key,
        "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": format!("AROA{short}"), "arn": role, "accountId": ACCOUNT, "userName": short},
            "attributes": {"creationDate": format!("2025-10-15T{time}Z"), "mfaAuthenticated": "false"}}});
    (began, identity)
}

fn with(mut identity: Value, member: &str, value: &str) -> Value {
    identity[member] = json!(value);
    identity
}

/// alice has a stack built with a role of its own; bob launches an instance, which goes on to act; carol writes a function's code, which goes
/// on to act; dave calls CloudFormation, which acts with his own credentials; a service acts for itself.
pub(crate) fn afternoon() -> Vec<Value> {
    let none = json!(null);
    let (stack_began, stack) = session("cloudformation.amazonaws.com", ROLE, "AWSCloudFormation", "12:00:03", "begin-stack");
    let stack = with(stack, "invokedBy", "cloudformation.amazonaws.com");
    let (instance_began, instance) =
        session("ec2.amazonaws.com", "arn:aws:iam::111122223333:role/Web", INSTANCE, "12:20:00", "begin-instance");
    let (function_began, function) =
        session("lambda.amazonaws.com", "arn:aws:iam::111122223333:role/Fn", "fn", "12:40:00", "begin-function");
    let opened = json!({"groupId": "sg-0123456789abcdef0"});
    let launched = json!({"instancesSet": {"items": [{"instanceId": INSTANCE}]}});
    let formation = with(user("dave"), "invokedBy", "cloudformation.amazonaws.com");
    let config = json!({"type": "AWSService", "invokedBy": "config.amazonaws.com"});
    vec![
        event(
            "create-stack",
            "12:00:00",
            "cloudformation:CreateStack",
            &user("alice"),
            &json!({"stackName": "web", "roleARN": ROLE}),
            &none,
        ),
        stack_began,
        event("by-stack", "12:00:09", "ec2:CreateSecurityGroup", &stack, &json!({"groupName": "web"}), &opened),
        event("launch", "12:10:00", "ec2:RunInstances", &user("bob"), &json!({}), &launched),
        instance_began,
        event("by-instance", "12:21:00", "s3:CreateBucket", &instance, &json!({"bucketName": "acme-exports"}), &none),
        event("write", "12:30:00", "lambda:UpdateFunctionCode20150331v2", &user("carol"), &json!({"functionName": "fn"}), &none),
        function_began,
        event("by-function", "12:41:00", "s3:DeleteBucket", &function, &json!({"bucketName": "acme-exports"}), &none),
        event("for-dave", "12:50:00", "ec2:DeleteSecurityGroup", &formation, &opened, &none),
        event("by-config", "12:55:00", "sns:CreateTopic", &config, &json!({"name": "changes"}), &none),
    ]
}

pub(crate) fn store(records: &[Value]) -> TestStore {
    let store = TestStore::new();
    let path = store.scratch().join("afternoon.json");
    std::fs::write(&path, json!({"Records": records}).to_string()).expect("written");
    store.ingest(&path);
    store
}

pub(crate) fn answered(store: &TestStore, arguments: &[&str]) -> String {
    let output = store.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Of each event: the actor, the service, and who set it in motion, as `name part basis subject call`.
fn attributed(store: &TestStore) -> Vec<(String, String, String, Vec<String>)> {
    let answer: Value = serde_json::from_str(&answered(store, &["timeline", "--format", "json"])).expect("JSON");
    let mover = |m: &Value| {
        let call = m["refs"].as_array().and_then(|r| r.first()).map_or("-".to_owned(), plain);
        format!("{} {} {} {} {call}", plain(&m["actor"]["name"]), plain(&m["part"]), plain(&m["basis"]), plain(&m["subject"]))
    };
    let of = |item: &Value| {
        let actor = &item["actor"];
        let movers = actor["set_in_motion_by"].as_array().map(|all| all.iter().map(mover).collect()).unwrap_or_default();
        (plain(&item["refs"][0]), plain(&actor["name"]), plain(&actor["service"]), movers)
    };
    answer["answer"].as_array().expect("items").iter().map(of).collect()
}

#[test]
fn services_and_workloads_are_led_back_to_who_set_them_in_motion() {
    let store = store(&afternoon());
    let all = attributed(&store);
    let of = |id: &str| all.iter().find(|a| a.0 == id).cloned().expect("the event");
    let expected = |id: &str, actor: &str, service: &str, movers: &[&str]| {
        (id.to_owned(), actor.to_owned(), service.to_owned(), movers.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>())
    };
    let formation = "cloudformation.amazonaws.com";
    assert_eq!(of("by-stack"), expected("by-stack", formation, formation, &["alice set_in_motion request stack web create-stack"]));
    let bob = format!("bob launched response instance {INSTANCE} launch");
    assert_eq!(of("by-instance"), expected("by-instance", &format!("instance {INSTANCE}"), "-", &[&bob]));
    assert_eq!(of("by-function"), expected("by-function", "function fn", "-", &["carol code_last_set request function fn write"]));
    assert_eq!(of("for-dave"), expected("for-dave", "dave", formation, &["dave set_in_motion invoked_by - -"]));
    assert_eq!(of("by-config"), expected("by-config", "config.amazonaws.com", "config.amazonaws.com", &[]));
    assert_eq!(of("launch"), expected("launch", "bob", "-", &[]));
}

#[test]
fn a_task_of_ecs_is_led_back_to_who_started_it_and_a_trace_goes_down_into_it() {
    const TASK: &str = "0123456789abcdef0123456789abcdef";
    let arn = format!("arn:aws:ecs:eu-west-1:{ACCOUNT}:task/jobs/{TASK}");
    let (none, role) = (json!(null), "arn:aws:iam::111122223333:role/Job");
    let (began, task) = session("ecs-tasks.amazonaws.com", role, TASK, "12:01:00", "begin-task");
    // Of another task the call that began its session is not in evidence: CloudTrail says which workload it was issued to.
    let other = "f".repeat(32);
    let mut scoped = session("ecs-tasks.amazonaws.com", role, &other, "12:02:00", "unseen").1;
    scoped["inScopeOf"] =
        json!({"issuerType": "AWS::ECS::Task", "credentialsIssuedTo": format!("arn:aws:ecs:eu-west-1:{ACCOUNT}:task/jobs/{other}")});
    let answer =
        json!({"failures": [], "tasks": [{"taskArn": arn}, {"taskArn": format!("arn:aws:ecs:eu-west-1:{ACCOUNT}:task/jobs/{other}")}]});
    let store = store(&[
        event("run", "12:00:00", "ecs:RunTask", &user("alice"), &json!({"taskDefinition": "job:3", "cluster": "jobs"}), &answer),
        event(
            "another",
            "12:00:30",
            "ecs:RunTask",
            &user("bob"),
            &json!({"taskDefinition": "job:3"}),
            &json!({"tasks": [], "failures": []}),
        ),
        began,
        event("by-task", "12:01:30", "s3:DeleteBucket", &task, &json!({"bucketName": "acme-exports"}), &none),
        event("by-scoped", "12:02:30", "s3:DeleteBucket", &scoped, &json!({"bucketName": "acme-archive"}), &none),
    ]);
    let all = attributed(&store);
    let movers = |id: &str| all.iter().find(|a| a.0 == id).map(|a| (a.1.clone(), a.3.clone())).expect("the event");
    assert_eq!(movers("by-task"), (format!("task {TASK}"), vec![format!("alice launched response task {TASK} run")]));
    assert_eq!(movers("by-scoped").1, [format!("alice launched response task {other} run")]);
    assert_eq!(movers("run"), ("alice".to_owned(), Vec::new()));
    let down = answered(&store, &["trace", "run"]);
    assert!(down.contains(&format!("launched by RunTask 2025-10-15T12:00:00Z: task {TASK}")), "{down}");
    assert!(down.contains("deleted bucket acme-exports"), "{down}");
    assert!(!answered(&store, &["trace", "another"]).contains("deleted bucket"));
}

#[test]
fn a_call_known_from_a_table_alone_changes_nothing_of_what_records_tell() {
    // A row of a table cannot be decoded again, so that calls are sought by their names instead of kept all together.
    let (whole, beside) = (store(&afternoon()), store(&afternoon()));
    let path = beside.scratch().join("table.csv");
    let row = "stopped,StopLogging,cloudtrail.amazonaws.com,eu-west-1,2025-10-15T13:00:00Z";
    std::fs::write(&path, format!("eventId,eventName,eventSource,awsRegion,eventTime\n{row}\n")).expect("written");
    beside.ingest(&path);
    assert_eq!(beside.column("SELECT raw_form FROM pivotal_calls WHERE event_name = 'StopLogging'"), ["projected"]);
    let all: Vec<_> = attributed(&beside).into_iter().filter(|one| one.0 != "stopped").collect();
    assert_eq!(all, attributed(&whole));
}

#[test]
fn text_names_them_with_the_call_and_its_basis() {
    let store = store(&afternoon());
    let text = answered(&store, &["timeline"]);
    for line in [
        "by CloudFormation, set in motion by alice (CreateStack create-stack, stack web named in the request)",
        "instance i-0123456789abcdef0, launched by bob (RunInstances launch, named in the response)",
        "function fn, code last set by carol (UpdateFunctionCode write, named in the request)",
        "dave via cloudformation.amazonaws.com",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let session = "arn:aws:sts::111122223333:assumed-role/Build/AWSCloudFormation";
    let trace = answered(&store, &["trace", session]);
    assert!(
        trace.contains("by CloudFormation, set in motion by alice (CreateStack create-stack, stack web named in the request)"),
        "{trace}"
    );
    let trace: Value = serde_json::from_str(&answered(&store, &["trace", session, "--format", "json"])).expect("JSON");
    assert_eq!(
        (&trace["up"][0]["service"], &trace["up"][0]["set_in_motion_by"][0]["refs"]),
        (&json!("cloudformation.amazonaws.com"), &json!(["create-stack"]))
    );
    let rows = answered(&store, &["timeline", "--format", "csv"]);
    assert!(rows.lines().any(|row| row.contains(",cloudformation.amazonaws.com,alice,create-stack,")), "{rows}");
}

#[test]
fn nobody_is_named_without_the_evidence_that_leads_there() {
    for (missing, event) in [
        ("create-stack", "by-stack"),
        ("begin-stack", "by-stack"),
        ("launch", "by-instance"),
        ("begin-instance", "by-instance"),
        ("write", "by-function"),
        ("begin-function", "by-function"),
    ] {
        let remaining: Vec<Value> = afternoon().into_iter().filter(|record| record["eventID"] != missing).collect();
        let found = attributed(&store(&remaining)).into_iter().find(|a| a.0 == event).expect("the event");
        assert_eq!(found.3, Vec::<String>::new(), "{event} without {missing}");
    }
}

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

fn cited(answer: &Value) -> Vec<String> {
    answer["answer"].as_array().expect("items").iter().map(|item| plain(&item["refs"][0])).collect()
}

#[test]
fn what_a_stack_did_is_part_of_what_its_maker_did_and_what_a_workload_did_is_its_own() {
    let store = store(&afternoon());
    let ask =
        |name: &str| cited(&serde_json::from_str(&answered(&store, &["timeline", "--actor", name, "--format", "json"])).expect("JSON"));
    assert_eq!(ask("alice"), ["create-stack", "by-stack"]);
    assert_eq!(ask(ALICE), ["create-stack", "by-stack"]);
    assert_eq!(ask("bob"), ["launch"]);
    assert_eq!(ask("carol"), ["write"]);
    // The stack was called for before the window, and worked in it.
    let later = ["timeline", "--actor", "alice", "--from", "2025-10-15T12:00:05Z", "--to", "2025-10-15T13:00:00Z", "--format", "json"];
    assert_eq!(cited(&serde_json::from_str(&answered(&store, &later)).expect("JSON")), ["by-stack"]);
}

#[test]
fn of_two_stacks_that_one_session_may_build_a_tag_tells_whose_work_it_was() {
    let mut records = afternoon();
    let none = json!(null);
    records.push(event(
        "other-stack",
        "12:00:01",
        "cloudformation:CreateStack",
        &user("erin"),
        &json!({"stackName": "db", "roleARN": ROLE}),
        &none,
    ));
    let tags = json!({"tagSpecificationSet": {"items": [{"tags": [{"key": "aws:cloudformation:stack-name", "value": "db"}]}]}});
    let stack = records.iter().find(|r| r["eventID"] == "by-stack").expect("the event")["userIdentity"].clone();
    records.push(event("for-db", "12:00:12", "ec2:CreateVolume", &stack, &tags, &none));
    let store = store(&records);
    let ask =
        |name: &str| cited(&serde_json::from_str(&answered(&store, &["timeline", "--actor", name, "--format", "json"])).expect("JSON"));
    assert_eq!(ask("alice"), ["create-stack", "by-stack"], "the group has no tag: it may be of either stack");
    assert_eq!(ask("erin"), ["other-stack", "by-stack", "for-db"]);
    let events = |name: &str| {
        let trace = answered(&store, &["trace", &format!("arn:aws:iam::111122223333:user/{name}"), "--format", "json"]);
        let trace: Value = serde_json::from_str(&trace).expect("JSON");
        trace["down"][0]["children"][0]["uses"]["events"].clone()
    };
    assert_eq!((events("alice"), events("erin")), (json!(1), json!(2)));
}

#[test]
fn changes_of_whatever_somebody_set_in_motion_are_of_the_same_lineage() {
    let store = store(&afternoon());
    let all = ["--from", "2025-10-15T12:00:00Z", "--to", "2025-10-15T13:00:00Z", "--format", "json"];
    for (name, event, why, cited) in [
        ("alice", "by-stack", "set in motion by alice, who made CreateStack", "create-stack"),
        ("bob", "by-instance", "launched by bob, who made RunInstances", "launch"),
        ("carol", "by-function", "code last set by carol, who made UpdateFunctionCode20150331v2", "write"),
    ] {
        let answer: Value = serde_json::from_str(&answered(&store, &[&["changes", "--actor", name], &all[..]].concat())).expect("JSON");
        let item = answer["answer"].as_array().expect("items").iter().find(|item| item["refs"][0] == event).expect("the event");
        assert_eq!((plain(&item["relation"]["rank"]).as_str(), plain(&item["relation"]["why"]).as_str()), ("same_lineage", why));
        assert_eq!(item["relation"]["refs"], json!([cited]), "one call is cited once");
    }
}

#[test]
fn a_trace_goes_down_into_what_services_and_workloads_did() {
    let store = store(&afternoon());
    for (name, part, call, event) in [
        ("alice", "set_in_motion", "create-stack", "by-stack"),
        ("bob", "launched", "launch", "by-instance"),
        ("carol", "code_last_set", "write", "by-function"),
    ] {
        let arn = format!("arn:aws:iam::111122223333:user/{name}");
        let trace: Value = serde_json::from_str(&answered(&store, &["trace", &arn, "--format", "json"])).expect("JSON");
        let [session] = trace["down"][0]["children"].as_array().expect("children").as_slice() else { panic!("one session: {trace}") };
        let by = &session["set_in_motion_by"][0];
        assert_eq!((plain(&by["part"]).as_str(), &by["refs"]), (part, &json!([call])));
        assert_eq!((&session["uses"]["events"], &session["uses"]["made"][0]["ref"]), (&json!(1), &json!(event)));
    }
    let text = answered(&store, &["trace", ALICE]);
    assert!(text.contains("set in motion by CreateStack 2025-10-15T12:00:00Z: stack web [create-stack]"), "{text}");
    let dave: Value =
        serde_json::from_str(&answered(&store, &["trace", "arn:aws:iam::111122223333:user/dave", "--format", "json"])).expect("JSON");
    assert_eq!(dave["down"][0]["children"], json!([]), "CloudFormation acted with his own credentials");
}

#[test]
fn what_a_function_did_after_others_wrote_its_code_is_not_below_the_first() {
    let mut records = afternoon();
    let write = |id: &str, time: &str, who: &str, error: Option<&str>| {
        let mut record = event(id, time, "lambda:UpdateFunctionCode20150331v2", &user(who), &json!({"functionName": "fn"}), &json!(null));
        error.into_iter().for_each(|code| record["errorCode"] = json!(code));
        record
    };
    // A refused call changes nothing, so that what follows is still carol's.
    records.push(write("refused", "12:39:00", "erin", Some("AccessDeniedException")));
    records.push(write("rewrite", "12:45:00", "erin", None));
    let (began, function) = session("lambda.amazonaws.com", "arn:aws:iam::111122223333:role/Fn", "fn", "12:46:00", "begin-again");
    records.push(began);
    records.push(event("again", "12:47:00", "s3:DeleteBucket", &function, &json!({"bucketName": "acme-backups"}), &json!(null)));
    let store = store(&records);
    for (name, made) in [("carol", "by-function"), ("erin", "again")] {
        let trace = answered(&store, &["trace", &format!("arn:aws:iam::111122223333:user/{name}"), "--format", "json"]);
        let trace: Value = serde_json::from_str(&trace).expect("JSON");
        let sessions = trace["down"][0]["children"].as_array().expect("children");
        assert_eq!(sessions.iter().map(|s| plain(&s["uses"]["made"][0]["ref"])).collect::<Vec<_>>(), [made], "{name}");
    }
}

/// The events of a scene of the fixture's truth, each with its origin's ARN there.
fn scene(truth: &Value, name: &str) -> Vec<(String, String, String, String)> {
    let scene = truth["scenes"].as_array().expect("scenes").iter().find(|s| s["name"] == name).expect("the scene");
    let origin = |event: &Value| {
        let credential = scene["credentials"].as_array()?.iter().find(|c| c["credential"] == event["credential"])?;
        Some(plain(&credential["chains"][0]["origin"]["arn"]))
    };
    let of = |e: &Value| (plain(&e["event_id"]), plain(&e["call"]), plain(&e["identity"]), origin(e).unwrap_or_default());
    scene["events"].as_array().expect("events").iter().map(of).collect()
}

#[test]
fn the_fixtures_stacks_and_machine_lead_to_who_its_truth_says_made_them() {
    let (store, truth) = (TestStore::of_fixture("lineage"), truth_of("lineage"));
    let answer: Value = serde_json::from_str(&answered(&store, &["timeline", "--format", "json"])).expect("JSON");
    let told = |id: &str| {
        let item = answer["answer"].as_array().expect("items").iter().find(|item| item["refs"][0] == id).expect("the event");
        let movers = item["actor"]["set_in_motion_by"].as_array().cloned().unwrap_or_default();
        movers.iter().map(|m| (plain(&m["actor"]["arn"]), plain(&m["basis"]), plain(&m["refs"][0]))).collect::<Vec<_>>()
    };
    for (name, call, by, basis) in [
        ("stack with a role", "cloudformation:CreateStack", "/AWSCloudFormation", "request"),
        ("instance profile", "ec2:RunInstances", "/i-", "response"),
    ] {
        let events = scene(&truth, name);
        let (setting, _, _, origin) = events.iter().find(|e| e.1 == call).expect("the call");
        let driven: Vec<_> = events.iter().filter(|e| e.2.contains(by)).collect();
        assert!(driven.len() > 1, "{name}: {events:?}");
        for (id, ..) in driven {
            assert_eq!(told(id), [(origin.clone(), basis.to_owned(), setting.clone())], "{name}: {id}");
        }
    }
    for name in ["stack with the caller's session", "stack with the caller's key"] {
        let made = |e: &&(String, String, String, String)| !e.1.starts_with("cloudformation:") && !e.1.starts_with("sts:");
        let events = scene(&truth, name);
        assert!(events.iter().any(|e| made(&e)), "{name}: {events:?}");
        for (id, _, _, origin) in events.iter().filter(made) {
            assert_eq!(told(id), [(origin.clone(), "invoked_by".to_owned(), "-".to_owned())], "{name}: {id}");
        }
    }
}
