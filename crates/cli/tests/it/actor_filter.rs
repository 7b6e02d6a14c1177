//! `--actor`: what somebody did, under whichever name and key, as the chains of the same events tell it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::asked::{TestStore, list, number, plain};
use crate::motion::{event, store};
use crate::trace::assumed;

/// Who stands in the chains behind an item: its principal, its actor, and all who called in between.
fn behind(item: &Value) -> BTreeSet<String> {
    let actor = &item["actor"];
    let paths = list(&actor["others"])
        .iter()
        .flat_map(|path| list(&path["steps"]).iter().map(|s| &s["caller"]["arn"]).chain([&path["origin"]["arn"]]));
    let steps = list(&actor["chain"]).iter().map(|step| &step["caller"]["arn"]);
    let all = steps.chain(paths).chain([&item["principal"]["arn"], &actor["arn"]]);
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The same, and whoever stands behind the call that had a service act: of several that fit, behind any.
fn behind_all(item: &Value, items: &[Value]) -> BTreeSet<String> {
    let movers = list_or_none(&item["actor"]["set_in_motion_by"]);
    let calls =
        movers.filter(|mover| mover["part"] == "set_in_motion" && mover["basis"] != "invoked_by").map(|mover| plain(&mover["refs"][0]));
    let calls: Vec<String> = calls.collect();
    let by = items.iter().filter(|item| calls.contains(&plain(&item["refs"][0]))).flat_map(|call| behind_all(call, items));
    behind(item).into_iter().chain(by).collect()
}

/// The items of a list that may be absent.
fn list_or_none(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn callers(items: &[Value]) -> BTreeSet<String> {
    let steps = items.iter().flat_map(|item| list(&item["actor"]["chain"])).map(|step| &step["caller"]["arn"]);
    steps.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn refs<'v>(items: impl IntoIterator<Item = &'v Value>) -> BTreeSet<String> {
    items.into_iter().map(|item| plain(&item["refs"][0])).collect()
}

/// For everybody who issued something: the answer has exactly the events whose chains name them.
fn is_what_chains_tell(fixture: &str, window: &[&str]) -> usize {
    let store = TestStore::of_fixture(fixture);
    let ask = |more: &[&str]| store.json(&[&["timeline", "--format", "json"], window, more].concat())["answer"].clone();
    let whole = ask(&[]);
    let mut under_other_names = 0;
    for caller in callers(list(&whole)) {
        let is_own = |item: &&Value| item["principal"]["arn"] == caller.as_str();
        let by_name = refs(list(&whole).iter().filter(is_own));
        // Another account's record of a call of theirs names them by their unique id alone.
        let calls: BTreeSet<&str> = list(&whole).iter().filter(is_own).filter_map(|item| item["shared_event_id"].as_str()).collect();
        let is_twin = |item: &Value| item["shared_event_id"].as_str().is_some_and(|id| calls.contains(id));
        let expected = refs(list(&whole).iter().filter(|item| behind_all(item, list(&whole)).contains(&caller) || is_twin(item)));
        assert_eq!(refs(list(&ask(&["--actor", &caller]))), expected, "{caller} in {window:?}");
        under_other_names += expected.len() - by_name.len();
    }
    under_other_names
}

#[test]
fn what_somebody_did_under_other_names_is_theirs() {
    let found = ["lineage", "incident"].map(|fixture| is_what_chains_tell(fixture, &[]));
    assert!(found.iter().all(|events| *events > 10), "{found:?}");
}

#[test]
fn a_profile_is_of_all_that_an_actor_did_and_that_was_done_to_it() {
    let store = TestStore::of_fixture("incident");
    let ask = |option: &str, of: &str| refs(list(&store.json(&["timeline", "--format", "json", option, of])["answer"]));
    for caller in callers(list(&store.json(&["timeline", "--format", "json"])["answer"])) {
        let expected: BTreeSet<String> = ask("--actor", &caller).union(&ask("--arn", &caller)).cloned().collect();
        let profile = store.json(&["profile", &caller, "--format", "json"]);
        assert_eq!(number(&profile["events"]), expected.len() as i64, "{caller}");
    }
}

#[test]
fn sessions_that_were_opened_before_the_window_are_followed_into_it() {
    // The last hours of the intruder: the keys used there were issued before.
    let window = ["--from", "2025-10-15T12:00:00Z", "--to", "2025-10-16T00:00:00Z"];
    assert!(is_what_chains_tell("incident", &window) > 0);
}

#[test]
fn changes_of_the_same_lineage_are_told_as_such_and_not_as_made_by_the_name() {
    let store = TestStore::of_fixture("incident");
    let truth = crate::asked::truth_of("incident");
    let user = plain(&truth["attacker"]["leaked_user"]);
    let changes =
        store.json(&["changes", "--from", "2025-10-15T12:00:00Z", "--to", "2025-10-16T00:00:00Z", "--actor", &user, "--format", "json"]);
    for item in list(&changes["answer"]) {
        let rank = plain(&item["relation"]["rank"]);
        let is_own = item["principal"]["arn"] == user.as_str();
        let is_behind = behind(item).contains(&user);
        assert_eq!(rank == "direct", is_own, "{item}");
        assert!(is_own || !is_behind || rank == "same_lineage", "{item}");
    }
}

/// Two users of Identity Center ask for one permission set in the same second; one session acts on behalf of one of them, and opens another.
#[test]
fn what_was_done_on_behalf_of_one_user_of_identity_center_is_not_anothers_who_asked_at_once() {
    let none = json!(null);
    let behalf = |user: &str| json!({"userId": user, "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"});
    let portal = |user: &str, id: &str| {
        let identity = json!({"type": "IdentityCenterUser", "accountId": "111122223333", "onBehalfOf": behalf(user)});
        let mut call = event(id, "09:00:00", "sso:GetRoleCredentials", &identity, &none, &none);
        call["serviceEventDetails"] = json!({"role_name": "Admin", "account_id": "111122223333"});
        call
    };
    let (role, arn) =
        ("AWSReservedSSO_Admin_0123456789abcdef", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/carol");
    let assertion = event(
        "assertion",
        "09:00:00",
        "sts:AssumeRoleWithSAML",
        &json!({"type": "SAMLUser", "principalId": "q=:carol", "userName": "carol", "identityProvider": "q="}),
        &json!({"principalArn": "arn:aws:iam::111122223333:saml-provider/AWSSSO_0f_DO_NOT_DELETE"}),
        &json!({"credentials": {"accessKeyId": "ASIAISSUEDAAAAAAAAAA"}, "assumedRoleUser": {"assumedRoleId": "AROASSO:carol", "arn": arn}}),
    );
    let acting = json!({"type": "AssumedRole", "principalId": "AROASSO:carol", "arn": arn, "accountId": "111122223333",
        "accessKeyId": "ASIAUSEDAAAAAAAAAAAA", "onBehalfOf": behalf("u-carol"),
        "sessionContext": {"attributes": {"creationDate": "2025-10-15T09:00:00Z"}, "sessionIssuer": {"type": "Role", "userName": role,
            "arn": format!("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/{role}")}}});
    let (onward, further) = assumed("onward", "09:10:00", &acting, "Zed", "ASIAZEDAAAAAAAAAAAAA");
    let store = store(&[
        portal("u-carol", "asked-by-carol"),
        portal("u-dave", "asked-by-dave"),
        assertion,
        event("own", "09:05:00", "s3:DeleteBucket", &acting, &json!({"bucketName": "a"}), &none),
        onward,
        event("further", "09:15:00", "s3:DeleteBucket", &further, &json!({"bucketName": "b"}), &none),
    ]);
    let found = |user: &str| {
        let answer = store.json(&["timeline", "--at", "2025-10-15T10:00:00Z", "--actor", user, "--format", "json"]);
        refs(list(&answer["answer"]))
    };
    let all = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(found("u-carol"), all(&["asked-by-carol", "assertion", "own", "onward", "further"]));
    // The session may be of either; what says on whose behalf it was done is not.
    assert_eq!(found("u-dave"), all(&["asked-by-dave", "assertion"]));
    let below = |event: &str| {
        let trace = store.json(&["trace", event, "--format", "json"]);
        list(&trace["down"][0]["children"][0]["uses"]["made"]).iter().map(|made| plain(&made["ref"])).collect::<Vec<_>>()
    };
    assert_eq!((below("asked-by-carol"), below("asked-by-dave")), (vec!["own".to_owned()], vec![]));
}
