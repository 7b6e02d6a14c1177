//! The rules one by one, and the promise that nobody is named whom evidence does not support.

use super::*;
use crate::event::Event;
use crate::lineage::made::{self, ACCOUNT, REGION, SECOND, START, leak};
use crate::lineage::{Actors, Attribution, Lineage};
use proptest::prelude::*;
use serde_json::{Value, json};

const HOUR: i64 = MICROS_PER_HOUR;
const INSTANCE: &str = "i-0123456789abcdef0";

pub(super) fn by_user(name: &str) -> Event<'static> {
    made::by_user(name, Some(&format!("AKIA{name}").to_uppercase()))
}

fn by_service(service: &str) -> Event<'static> {
    Event {
        user_identity_type: Some("AWSService"),
        user_identity_invoked_by: Some(leak(service)),
        recipient_account_id: Some(ACCOUNT),
        aws_region: Some(REGION),
        ..Event::default()
    }
}

fn by_session(role_arn: &str, session: &str, created: i64) -> Event<'static> {
    let role = role_arn.rsplit('/').next().unwrap();
    Event {
        user_identity_type: Some("AssumedRole"),
        user_identity_principal_id: Some(leak(format!("AROA{role}:{session}"))),
        user_identity_arn: Some(leak(format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"))),
        user_identity_account_id: Some(ACCOUNT),
        session_issuer_arn: Some(leak(role_arn)),
        session_issuer_user_name: Some(leak(role)),
        session_creation_date: Some(created),
        recipient_account_id: Some(ACCOUNT),
        aws_region: Some(REGION),
        ..Event::default()
    }
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A call of a service, told by its source and action, with what it was asked and answered.
fn call(caller: Event<'static>, id: &str, at: i64, call: &str, request: &Value, response: &Value) -> Event<'static> {
    let (service, action) = call.split_once(':').unwrap();
    Event {
        event_source: Some(leak(format!("{service}.amazonaws.com"))),
        event_name: Some(leak(action)),
        event_id: Some(leak(id)),
        event_time: Some(at),
        request_parameters: Some(leak(request.to_string())),
        response_elements: Some(leak(response.to_string())),
        ..caller
    }
}

pub(super) fn setting(caller: Event<'static>, id: &str, at: i64, name: &str, request: &Value, response: &Value) -> Setting {
    Setting::of(&call(caller, id, at, name, request, response)).expect("a call that sets something up")
}

fn stack(who: &str, id: &str, at: i64, action: &str, name: &str, role_name: Option<&str>) -> Setting {
    let mut request = json!({"stackName": name});
    if let Some(role_name) = role_name {
        request["roleARN"] = json!(role(role_name));
    }
    setting(by_user(who), id, at, &format!("cloudformation:{action}"), &request, &json!(null))
}

fn assumed(caller: Event<'static>, id: &str, at: i64, role_arn: &str, session: &str) -> Issued {
    let name = role_arn.rsplit('/').next().unwrap();
    let response = json!({
        "credentials": {"accessKeyId": format!("ASIA{id:0<16}").to_uppercase()},
        "assumedRoleUser": {
            "assumedRoleId": format!("AROA{name}:{session}"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
        },
    });
    let request = json!({"roleArn": role_arn, "roleSessionName": session});
    Issued::of(&call(caller, id, at, "sts:AssumeRole", &request, &response)).unwrap()
}

fn driven(what: What<'static>, time: i64) -> Driven<'static> {
    Driven { what, account: Some(ACCOUNT), region: Some(REGION), time: Some(time) }
}

/// Citations of the calls that fit, with their basis.
fn cited(settings: Vec<Setting>, driven: &Driven<'_>) -> Vec<(String, MotionBasis)> {
    Motions::new(settings).of(driven).into_iter().map(|m| (m.setting.reference.clone(), m.basis)).collect()
}

fn by_request(ids: &[&str]) -> Vec<(String, MotionBasis)> {
    ids.iter().map(|id| ((*id).to_owned(), MotionBasis::Request)).collect()
}

#[test]
fn a_stack_is_built_in_the_sessions_of_its_role_that_begin_while_it_may_be_in_progress() {
    let create = || stack("alice", "create", START, "CreateStack", "web", Some("Build"));
    let session = |time| driven(What::StackRole("Build"), time);
    assert_eq!(cited(vec![create()], &session(START + 3 * SECOND)), by_request(&["create"]));
    assert_eq!(cited(vec![create()], &session(START - SECOND)), by_request(&["create"]), "clocks differ by a second");
    assert_eq!(cited(vec![create()], &session(START - HOUR)), [], "the session came first");
    assert_eq!(cited(vec![create()], &session(START + STACK_WORKS + SECOND)), [], "long after");
    assert_eq!(cited(vec![create()], &driven(What::StackRole("Other"), START + SECOND)), [], "another role");
    let elsewhere = Driven { region: Some("us-east-1"), ..session(START + SECOND) };
    assert_eq!(cited(vec![create()], &elsewhere), []);
    assert_eq!(cited(vec![create()], &Driven { region: None, ..session(START + SECOND) }), [], "where is not known");
    assert_eq!(cited(vec![create()], &Driven { account: Some("444455556666"), ..session(START + SECOND) }), []);
    let refused = call(by_user("alice"), "no", START, "cloudformation:CreateStack", &json!({"stackName": "web"}), &json!(null));
    assert_eq!(Setting::of(&Event { error_code: Some("AccessDenied"), ..refused }), None);
}

#[test]
fn of_several_stacks_all_that_fit_are_listed_and_of_one_stack_its_last_call() {
    let settings = || {
        vec![
            stack("alice", "a", START, "CreateStack", "web", Some("Build")),
            stack("bob", "b", START + 60 * SECOND, "UpdateStack", "shop", Some("Build")),
            stack("carol", "c", START + 90 * SECOND, "UpdateStack", "web", Some("Other")),
        ]
    };
    let session = |seconds: i64| driven(What::StackRole("Build"), START + seconds * SECOND);
    assert_eq!(cited(settings(), &session(70)), by_request(&["a", "b"]));
    // An update begins when what was before has ended: web is no longer built with that role.
    assert_eq!(cited(settings(), &session(100)), by_request(&["b"]));
    let mut reversed = settings();
    reversed.reverse();
    assert_eq!(cited(reversed, &session(70)), by_request(&["a", "b"]));
}

#[test]
fn a_stack_keeps_its_role_and_a_change_set_brings_its_own() {
    let create = stack("alice", "create", START - 900 * HOUR, "CreateStack", "web", Some("Build"));
    let update = stack("bob", "update", START, "UpdateStack", "web", None);
    let session = driven(What::StackRole("Build"), START + SECOND);
    let motions = Motions::new(vec![update.clone(), create]);
    let moved = motions.of(&session);
    assert_eq!(moved.len(), 1);
    assert_eq!((moved[0].basis, moved[0].earlier.map(|s| s.reference.as_str())), (MotionBasis::EarlierRequest, Some("create")));
    assert_eq!(cited(vec![update], &session), [], "nothing in evidence says which role");

    let arn = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/v2/0123");
    let (made, answer) = (json!({"stackName": "web", "changeSetName": "v2", "roleARN": role("Build")}), json!({"id": arn, "stackId": "x"}));
    let made = setting(by_user("alice"), "made", START - HOUR, "cloudformation:CreateChangeSet", &made, &answer);
    let carried_out = |request: &Value| setting(by_user("bob"), "out", START, "cloudformation:ExecuteChangeSet", request, &json!(null));
    let by_name = carried_out(&json!({"stackName": "web", "changeSetName": "v2"}));
    let by_arn = carried_out(&json!({"changeSetName": arn}));
    let expected = [("out".to_owned(), MotionBasis::EarlierRequest)];
    assert_eq!(cited(vec![made.clone(), by_name], &session), expected);
    assert_eq!(cited(vec![made.clone(), by_arn.clone()], &session), expected);
    assert_eq!(cited(vec![made], &session), [], "made, and not carried out");
    assert_eq!(cited(vec![by_arn], &session), [], "what it holds is not in evidence");
}

#[test]
fn an_instance_was_launched_by_the_call_whose_answer_names_it() {
    let answer = json!({"instancesSet": {"items": [{"instanceId": "i-0ffffffffffffffff"}, {"instanceId": INSTANCE}]}});
    let launch = setting(by_user("alice"), "run", START, "ec2:RunInstances", &json!({}), &answer);
    let profile = |id: &str, at| {
        let request = json!({"AssociateIamInstanceProfileRequest": {"InstanceId": INSTANCE, "IamInstanceProfile": {"Name": "Web"}}});
        setting(by_user("bob"), id, at, "ec2:AssociateIamInstanceProfile", &request, &json!(null))
    };
    let answer = json!({"ReplaceIamInstanceProfileAssociationResponse": {"iamInstanceProfileAssociation": {"instanceId": INSTANCE}}});
    let replaced = setting(by_user("carol"), "replaced", START + 2 * HOUR, "ec2:ReplaceIamInstanceProfileAssociation", &json!({}), &answer);
    let settings = || vec![profile("given", START + HOUR), launch.clone(), replaced.clone()];
    let at = |time| Driven { region: None, ..driven(What::Instance(INSTANCE), time) };
    let run = ("run".to_owned(), MotionBasis::Response);
    assert_eq!(cited(settings(), &at(START + SECOND)), std::slice::from_ref(&run));
    assert_eq!(cited(settings(), &at(START + HOUR + SECOND)), [run.clone(), ("given".to_owned(), MotionBasis::Request)]);
    assert_eq!(cited(settings(), &at(START + 9 * HOUR)), [run, ("replaced".to_owned(), MotionBasis::Response)]);
    assert_eq!(cited(settings(), &driven(What::Instance("i-0aaaaaaaaaaaaaaaa"), START + HOUR)), []);
}

#[test]
fn a_task_was_started_by_the_call_whose_answer_names_it() {
    const TASK: &str = "0123456789abcdef0123456789abcdef";
    let arn = |id: &str| format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{id}");
    let started = |id: &str, action: &str, tasks: &[String]| {
        let answer = json!({"failures": [], "tasks": tasks.iter().map(|arn| json!({"taskArn": arn})).collect::<Vec<_>>()});
        call(by_user(id), id, START, &format!("ecs:{action}"), &json!({"taskDefinition": "batch:7"}), &answer)
    };
    let (old, other) = ("01234567-89ab-cdef-0123-456789abcdef", "f".repeat(32));
    let settings = || {
        let run = started("alice", "RunTask", &[arn(&format!("jobs/{other}")), arn(&format!("jobs/{TASK}"))]);
        vec![Setting::of(&run).unwrap(), Setting::of(&started("bob", "StartTask", &[arn(old)])).unwrap()]
    };
    assert_eq!(Setting::of(&started("carol", "RunTask", &[])), None, "there was no room for it");
    let at = |id: &'static str, time| Driven { region: None, ..driven(What::Task(id), time) };
    let by = |id: &str| [(id.to_owned(), MotionBasis::Response)];
    assert_eq!(cited(settings(), &at(TASK, START + HOUR)), by("alice"));
    assert_eq!(cited(settings(), &at(old, START + HOUR)), by("bob"), "without the cluster, as ARNs were before 2018");
    assert_eq!(cited(settings(), &at(TASK, START - HOUR)), []);
    assert_eq!(cited(settings(), &at("0123456789abcdef0123456789abcde0", START + HOUR)), []);
    assert!(is_task(TASK) && is_task(old) && !is_task("0123456789abcdef") && !is_task("batch") && !is_task(&"g".repeat(32)));
}

#[test]
fn a_group_is_named_by_tags_and_nothing_else() {
    let group = |id: &str, at, action: &str| {
        setting(by_user(id), id, at, &format!("autoscaling:{action}"), &json!({"autoScalingGroupName": "web"}), &json!(null))
    };
    let settings = vec![group("made", START, "CreateAutoScalingGroup"), group("scaled", START + HOUR, "SetDesiredCapacity")];
    assert_eq!(cited(settings.clone(), &driven(What::Group("web"), START + 9 * HOUR)), by_request(&["scaled"]));
    assert_eq!(cited(settings, &driven(What::Group("web"), START + SECOND)), by_request(&["made"]));
    let launch = |request: &Value| call(by_service("autoscaling.amazonaws.com"), "x", START, "ec2:RunInstances", request, &json!(null));
    let tags = json!([{"key": "Name", "value": "a"}, {"key": "aws:autoscaling:groupName", "value": "web"}]);
    let tagged = json!({"tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": tags}]}});
    assert_eq!(group_of(&launch(&tagged)).as_deref(), Some("web"));
    assert_eq!(group_of(&launch(&json!({"parameters": tags}))), None, "a key and a value that anybody may write");
}

#[test]
fn a_function_runs_the_code_that_was_written_last() {
    let change = |id: &str, at, action: &str, name: &str| {
        setting(by_user(id), id, at, &format!("lambda:{action}"), &json!({"functionName": name}), &json!(null))
    };
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn:7");
    let settings = || {
        vec![
            change("made", START, "CreateFunction20150331", "fn"),
            change("configured", START + HOUR, "UpdateFunctionConfiguration20150331v2", &format!("{ACCOUNT}:function:fn")),
            change("written", START + 2 * HOUR, "UpdateFunctionCode20150331v2", &arn),
            change("other", START + 2 * HOUR, "UpdateFunctionCode20150331v2", "fn2"),
        ]
    };
    let at = |time| driven(What::Function("fn"), time);
    assert_eq!(cited(settings(), &at(START + SECOND)), by_request(&["made"]));
    assert_eq!(cited(settings(), &at(START + HOUR)), by_request(&["made", "configured"]));
    assert_eq!(cited(settings(), &at(START + 3 * HOUR)), by_request(&["written"]), "configured before the code was written");
    assert_eq!(cited(settings(), &Driven { region: None, ..at(START + 3 * HOUR) }), [], "a name may be a function in every region");
    let trial = json!({"functionName": "fn", "dryRun": true});
    assert_eq!(Setting::of(&call(by_user("a"), "t", START, "lambda:UpdateFunctionCode20150331v2", &trial, &json!(null))), None);
}

fn actors(issued: Vec<Issued>, settings: Vec<Setting>) -> Actors {
    Actors::with(Lineage::new(issued), Motions::new(settings))
}

/// Movers as `name basis`.
fn movers(actor: &Attribution) -> Vec<String> {
    actor.set_in_motion_by.iter().map(|m| format!("{} {}", m.label(), m.basis.as_str())).collect()
}

#[test]
fn who_calls_a_service_is_named_by_the_event_unless_the_service_has_a_role_of_its_own() {
    let invoked = |event: Event<'static>, service: &'static str| Event { user_identity_invoked_by: Some(service), ..event };
    let told = |event: &Event<'_>, issued: Vec<Issued>| {
        let actor = actors(issued, Vec::new()).of(event);
        (actor.service.clone(), movers(&actor))
    };
    let formation = Some("cloudformation.amazonaws.com".to_owned());
    let alice = invoked(by_user("alice"), "cloudformation.amazonaws.com");
    assert_eq!(told(&alice, vec![]), (formation.clone(), vec!["alice invoked_by".to_owned()]));
    // The console is no service that acts for itself.
    assert_eq!(told(&invoked(by_user("alice"), "signin.amazonaws.com"), vec![]), (None, vec![]));
    // Whoever began the session is behind it; where nothing says who began it, the service may have.
    let session = invoked(by_session(&role("Ops"), "alice", START), "cloudformation.amazonaws.com");
    let began = assumed(by_user("alice"), "1", START, &role("Ops"), "alice");
    assert_eq!(told(&session, vec![began]), (formation.clone(), vec!["alice via Ops invoked_by".to_owned()]));
    assert_eq!(told(&session, vec![]), (formation.clone(), vec![]));
    // Where two began it in the same second, it is one of them.
    let either =
        vec![assumed(by_user("alice"), "1", START, &role("Ops"), "alice"), assumed(by_user("bob"), "2", START, &role("Ops"), "alice")];
    let both = vec!["alice via Ops invoked_by".to_owned(), "bob via Ops invoked_by".to_owned()];
    assert_eq!(told(&session, either), (formation.clone(), both));
    let own = assumed(by_service("cloudformation.amazonaws.com"), "2", START, &role("Ops"), "alice");
    assert_eq!(told(&session, vec![own]), (formation, vec![]));
    // A role linked to a service is that service's alone, and its path names it.
    let linked = by_session(&role("aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"), "AWSConfig-Describe", START);
    assert_eq!(told(&invoked(linked, "AWS Internal"), vec![]), (Some("config.amazonaws.com".to_owned()), vec![]));
}

#[test]
fn a_stacks_work_leads_to_whoever_had_it_built() {
    let work = Event {
        user_identity_invoked_by: Some("cloudformation.amazonaws.com"),
        ..by_session(&role("ci/Build"), "AWSCloudFormation", START)
    };
    let began = || assumed(by_service("cloudformation.amazonaws.com"), "1", START, &role("ci/Build"), "AWSCloudFormation");
    let built = |who: &str, name: &str| {
        let request = json!({"stackName": name, "roleARN": role("ci/Build")});
        setting(by_user(who), who, START - 2 * SECOND, "cloudformation:CreateStack", &request, &json!(null))
    };
    let actor = actors(vec![began()], vec![built("alice", "web")]).of(&work);
    assert_eq!((actor.origin.name.as_str(), movers(&actor)), ("cloudformation.amazonaws.com", vec!["alice request".to_owned()]));
    let mover = &actor.set_in_motion_by[0];
    assert_eq!((mover.subject.as_deref(), mover.refs.clone()), (Some("stack web"), vec!["alice".to_owned()]));
    // Somebody else's session may have the same name: only the service's own is the service's.
    let forged = assumed(by_user("mallory"), "1", START, &role("ci/Build"), "AWSCloudFormation");
    let actor = actors(vec![forged], vec![built("alice", "web")]).of(&work);
    assert_eq!(movers(&actor), ["mallory via Build invoked_by"]);
    assert!(movers(&actors(vec![], vec![built("alice", "web")]).of(&work)).is_empty(), "who began it is not in evidence");
    // Two stacks fit: the tags that CloudFormation sets tell which.
    let both = actors(vec![began()], vec![built("alice", "web"), built("bob", "shop")]);
    assert_eq!(movers(&both.of(&work)), ["alice request", "bob request"]);
    let tagged = |stack: &str| Event {
        request_parameters: Some(leak(json!({"tags": [{"key": "aws:cloudformation:stack-name", "value": stack}]}).to_string())),
        ..work
    };
    assert_eq!(movers(&both.of(&tagged("shop"))), ["bob request"]);
    assert!(movers(&both.of(&tagged("third"))).is_empty(), "it was neither");
}

#[test]
fn workloads_lead_to_who_made_them_and_on_from_there() {
    let answer = json!({"instancesSet": {"items": [{"instanceId": INSTANCE, "tagSet": {"items": [{"key": "aws:autoscaling:groupName", "value": "web"}]}}]}});
    let linked = role("aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling");
    let launching = by_session(&linked, "AutoScaling", START);
    let launch = || setting(launching, "run", START, "ec2:RunInstances", &json!({}), &answer);
    let group = || {
        let request = json!({"autoScalingGroupName": "web"});
        setting(by_user("alice"), "group", START - HOUR, "autoscaling:UpdateAutoScalingGroup", &request, &json!(null))
    };
    // By the event itself, for the launch.
    let event = call(launching, "run", START, "ec2:RunInstances", &json!({}), &answer);
    let actor = actors(vec![], vec![group()]).of(&event);
    assert_eq!((actor.service.as_deref(), movers(&actor)), (Some("autoscaling.amazonaws.com"), vec!["alice request".to_owned()]));
    // By the instance, over the launch.
    let session = by_session(&role("Web"), INSTANCE, START + HOUR);
    let began = || assumed(by_service("ec2.amazonaws.com"), "1", START + HOUR, &role("Web"), INSTANCE);
    let actor = actors(vec![began()], vec![launch(), group()]).of(&session);
    assert_eq!(movers(&actor), ["AWSServiceRoleForAutoScaling/AutoScaling response"]);
    let deeper = &actor.set_in_motion_by[0].set_in_motion_by;
    assert_eq!((deeper.len(), deeper[0].label(), deeper[0].part), (1, "alice".to_owned(), Part::GroupLastSet));
    // A session that anybody named after the instance leads nowhere; one of which CloudTrail says that the instance was handed it does.
    assert!(movers(&actors(vec![], vec![launch()]).of(&session)).is_empty());
    let delivered = Event { session_ec2_role_delivery: Some("2.0"), ..session };
    assert_eq!(movers(&actors(vec![], vec![launch()]).of(&delivered)).len(), 1);
    let named = assumed(by_user("mallory"), "1", START + HOUR, &role("Web"), INSTANCE);
    assert!(movers(&actors(vec![named], vec![launch()]).of(&session)).is_empty());
}

#[test]
fn a_function_that_writes_its_own_code_is_told_once_for_each_time_and_no_deeper_than_told() {
    let written = |who: Event<'static>, id: &str, at| {
        setting(who, id, at, "lambda:UpdateFunctionCode20150331v2", &json!({"functionName": "fn"}), &json!(null))
    };
    let session = |at| by_session(&role("Fn"), "fn", at);
    let began = |id: &str, at| assumed(by_service("lambda.amazonaws.com"), id, at, &role("Fn"), "fn");
    let issued: Vec<Issued> = (0..9).map(|n| began(&n.to_string(), START + n * HOUR)).collect();
    let mut settings = vec![written(by_user("alice"), "first", START - HOUR)];
    settings.extend((0..9).map(|n| written(session(START + n * HOUR), leak(format!("w{n}")), START + n * HOUR + SECOND)));
    let actor = actors(issued, settings).of(&session(START + 8 * HOUR));
    let mut depth = 0;
    let mut at = &actor.set_in_motion_by;
    while let Some(mover) = at.first() {
        (depth, at) = (depth + 1, &mover.set_in_motion_by);
    }
    assert_eq!(depth, 4);
}

/// Calls about few things, so that many fit; each as who, when, what.
fn some_settings() -> impl Strategy<Value = Vec<Setting>> {
    let one = (0..6_usize, 0..8_i64, 0..2_usize, prop::option::of(0..2_usize)).prop_map(|(kind, hours, thing, role_number)| {
        let (at, roles, names) = (START + hours * HOUR / 2, ["Build", "Other"], ["web", "shop"]);
        let id = format!("{kind}-{hours}-{thing}-{role_number:?}");
        let named = |key: &str| json!({ key: names[thing] });
        let none = json!(null);
        match kind {
            0 => stack("alice", &id, at, "CreateStack", names[thing], role_number.map(|r| roles[r])),
            1 => stack("bob", &id, at, "UpdateStack", names[thing], role_number.map(|r| roles[r])),
            2 => setting(by_user("alice"), &id, at, "autoscaling:SetDesiredCapacity", &named("autoScalingGroupName"), &none),
            3 => setting(by_user("bob"), &id, at, "lambda:UpdateFunctionCode", &named("functionName"), &none),
            4 => setting(by_user("bob"), &id, at, "lambda:UpdateFunctionConfiguration", &named("functionName"), &none),
            _ => {
                let answer = json!({"instancesSet": {"items": [{"instanceId": INSTANCE}]}});
                setting(by_user("alice"), &id, at, "ec2:RunInstances", &json!({}), &answer)
            }
        }
    });
    prop::collection::vec(one, 0..12)
}

fn some_driven() -> impl Strategy<Value = Driven<'static>> {
    let what = prop::sample::select(vec![What::StackRole("Build"), What::Group("web"), What::Function("shop"), What::Instance(INSTANCE)]);
    (what, 0..10_i64).prop_map(|(what, hours)| driven(what, START + hours * HOUR / 2))
}

proptest! {
    #[test]
    fn nobody_is_named_whom_the_remaining_evidence_does_not_support(settings in some_settings(), driven in some_driven()) {
        let motions = Motions::new(settings.clone());
        let told = motions.of(&driven);
        for moved in &told {
            prop_assert!(moved.setting.time <= driven.time.map(|t| t + SKEW), "it was set up before it acted");
            prop_assert!(moved.setting.is_in(&driven));
        }
        // What is cited alone says the same.
        let cited: Vec<Setting> = told.iter().flat_map(|m| [Some(m.setting), m.earlier]).flatten().cloned().collect();
        let alone = Motions::new(cited);
        prop_assert_eq!(&alone.of(&driven), &told);
        // The order in which evidence came, and how often, makes no difference.
        let mut turned: Vec<Setting> = settings.iter().rev().chain(&settings).cloned().collect();
        turned.rotate_left(settings.len() / 2);
        let turned = Motions::new(turned);
        prop_assert_eq!(&turned.of(&driven), &told);
    }
}
