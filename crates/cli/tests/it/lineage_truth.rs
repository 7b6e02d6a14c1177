//! Every way to a session is told as the generator planned it: the whole chain, link by link, of each event of `fixtures/lineage`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::asked::{TestStore, list, plain, truth_of};

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(plain).collect()
}

/// One event of the truth, and every chain that may stand behind it.
struct Known {
    scene: String,
    event: String,
    key: String,
    call: String,
    is_of_another_account: bool,
    source_identity: String,
    chains: Vec<Value>,
}

fn known(truth: &Value) -> Vec<Known> {
    let mut all = Vec::new();
    for scene in list(&truth["scenes"]) {
        let chains: BTreeMap<String, Vec<Value>> =
            list(&scene["credentials"]).iter().map(|c| (plain(&c["credential"]), list(&c["chains"]).to_vec())).collect();
        all.extend(list(&scene["events"]).iter().map(|event| Known {
            scene: plain(&scene["name"]),
            event: plain(&event["event_id"]),
            key: plain(&event["access_key_id"]),
            call: plain(&event["call"]),
            source_identity: plain(&event["source_identity"]),
            is_of_another_account: event["recorded_by"] == "owner",
            chains: chains[&plain(&event["credential"])].clone(),
        }));
    }
    all
}

/// Links as text, nearest first: which call, when, by whom, whose key, what it issued, and how sure that is.
fn expected_links(chain: &Value) -> Vec<String> {
    let link = |l: &Value| {
        let refs = texts(&l["issued_by"]).join("+");
        let [method, time, basis, caller, from] =
            ["method", "event_time", "basis", "caller_key", "source_ip_address"].map(|name| plain(&l[name]));
        format!("{method} {refs} at {time} by {caller} from {from} issued {} ({basis})", plain(&l["access_key_id"]))
    };
    list(&chain["links"]).iter().map(link).collect()
}

fn found_links(steps: &Value) -> Vec<String> {
    let link = |s: &Value| {
        let refs = texts(&s["refs"]).join("+");
        let [method, time, strength, from] = ["method", "event_time", "strength", "source_ip_address"].map(|name| plain(&s[name]));
        let (caller, key) = (plain(&s["caller"]["access_key_id"]), plain(&s["access_key_id"]));
        format!("{method} {refs} at {time} by {caller} from {from} issued {key} ({strength})")
    };
    list(steps).iter().map(link).collect()
}

/// Whom the sessions are for, where the truth says.
fn wrong_holders(chain: &Value, steps: &Value) -> Vec<String> {
    let pairs = list(&chain["links"]).iter().zip(list(steps));
    let told = pairs.filter(|(l, _)| !l["issued_to"].is_null()).map(|(l, s)| (plain(&l["issued_to"]), plain(&s["issued_to"])));
    told.filter(|(expected, found)| expected != found).map(|(expected, found)| format!("issued to {found}, not {expected}")).collect()
}

/// What is wrong with an origin: its kind, its name (`instance i-0abc` names `i-0abc`), and whatever else the truth states.
fn wrong_origin(expected: &Value, found: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (field, value) in expected.as_object().expect("an origin") {
        let is = plain(&found[field]);
        let fits = match field.as_str() {
            "name" => plain(value) == is || is.strip_suffix(&plain(value)).is_some_and(|before| before.ends_with([' ', '/'])),
            _ => plain(value) == is,
        };
        if !fits {
            wrong.push(format!("origin's {field} is {is}, not {value}"));
        }
    }
    wrong
}

fn wrong_missing(expected: &Value, found: &Value) -> Option<String> {
    let named = |m: &Value| ["access_key_id", "account", "event_time"].map(|name| plain(&m[name]));
    let agree = expected.is_null() == found.is_null() && named(expected) == named(found);
    let says = found.is_null() || !plain(&found["text"]).is_empty();
    (!agree || !says).then(|| format!("missing is {found}, not {expected}"))
}

/// What is wrong with ways up, which are compared as a set: evidence gives those that fit equally well no order.
fn wrong_chains(expected: &[Value], found: &[(&Value, &Value, &Value)]) -> Vec<String> {
    let ways = |all: BTreeSet<Vec<String>>| all.into_iter().map(|way| way.join(" <- ")).collect::<Vec<_>>().join("\n      or ");
    let (want, have): (BTreeSet<_>, BTreeSet<_>) =
        (expected.iter().map(expected_links).collect(), found.iter().map(|(steps, ..)| found_links(steps)).collect());
    if want != have || expected.len() != found.len() {
        return vec![format!("chain\n      is {}\n     not {}", ways(have), ways(want))];
    }
    let mut wrong = Vec::new();
    for chain in expected {
        for (steps, origin, missing) in found.iter().filter(|(steps, ..)| found_links(steps) == expected_links(chain)) {
            wrong.extend(wrong_holders(chain, steps));
            wrong.extend(wrong_origin(&chain["origin"], origin));
            wrong.extend(wrong_missing(&chain["missing"], missing));
        }
    }
    wrong
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_event_is_told_with_the_whole_chain_behind_it() {
    let (store, truth) = (TestStore::of_fixture("lineage"), truth_of("lineage"));
    let timeline = store.json(&["timeline", "--format", "json"]);
    let items: BTreeMap<String, &Value> = list(&timeline["answer"]).iter().map(|item| (plain(&item["refs"][0]), item)).collect();
    let mut wrong = Vec::new();
    for one in known(&truth) {
        let Some(item) = items.get(&one.event) else {
            wrong.push(format!("{}: {} is not in the timeline", one.scene, one.event));
            continue;
        };
        let actor = &item["actor"];
        let others = list(&actor["others"]);
        let mut found = vec![(&actor["chain"], actor, &actor["missing"])];
        found.extend(others.iter().map(|path| (&path["steps"], &path["origin"], &path["missing"])));
        // Of several ways the actor is their common name; which of them is told first means nothing.
        let own: Vec<Value> = if others.is_empty() { one.chains.clone() } else { one.chains.iter().map(without_origin).collect() };
        let mut told = wrong_chains(&own, &found);
        if one.source_identity != "-" && plain(&actor["source_identity"]) != one.source_identity {
            told.push(format!("source identity is {}, not {}", actor["source_identity"], one.source_identity));
        }
        wrong.extend(told.into_iter().map(|w| format!("{}: {} of {}: {w}", one.scene, plain(&item["event_name"]), one.event)));
    }
    assert_none(&wrong);
}

fn without_origin(chain: &Value) -> Value {
    let mut chain = chain.clone();
    chain["origin"] = serde_json::json!({});
    chain
}

#[test]
fn every_key_and_every_event_without_one_is_traced_up_the_whole_chain() {
    let (store, truth) = (TestStore::of_fixture("lineage"), truth_of("lineage"));
    let mut subjects: BTreeMap<String, Known> = BTreeMap::new();
    // What another account recorded, and what Identity Center asserts, is tied to its caller by more than `trace` reads of one event:
    // the timeline tells it.
    let is_read = |one: &Known| one.key != "-" || !one.is_of_another_account && one.call != "sts:AssumeRoleWithSAML";
    for one in known(&truth).into_iter().filter(is_read) {
        subjects.entry(if one.key == "-" { one.event.clone() } else { one.key.clone() }).or_insert(one);
    }
    assert!(subjects.len() > 50, "only {} keys and events", subjects.len());
    let mut wrong = Vec::new();
    for (subject, one) in &subjects {
        let trace = store.json(&["trace", subject, "--format", "json"]);
        if list(&trace["up"]).is_empty() {
            wrong.push(format!("{}: {subject} leads nowhere", one.scene));
        }
        let told: BTreeSet<String> = list(&trace["up"]).iter().map(ToString::to_string).collect();
        if told.len() != list(&trace["up"]).len() {
            wrong.push(format!("{}: {subject}: one way up is told {} times", one.scene, list(&trace["up"]).len()));
        }
        for up in list(&trace["up"]) {
            let found: Vec<_> = list(&up["chain"]["paths"]).iter().map(|p| (&p["steps"], &p["origin"], &p["missing"])).collect();
            wrong.extend(wrong_chains(&one.chains, &found).into_iter().map(|w| format!("{}: {subject}: {w}", one.scene)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn who_may_be_either_of_two_is_told_as_both() {
    let (store, truth) = (TestStore::of_fixture("lineage"), truth_of("lineage"));
    let timeline = store.json(&["timeline", "--format", "json"]);
    let mut seen = 0;
    for one in known(&truth).iter().filter(|one| one.chains.len() > 1) {
        let fits = |item: &&Value| plain(&item["refs"][0]) == one.event;
        let item = list(&timeline["answer"]).iter().find(fits).expect("the event");
        let mut names: Vec<String> = one.chains.iter().map(|chain| plain(&chain["origin"]["name"])).collect();
        names.sort();
        assert_eq!(plain(&item["actor"]["name"]), names.join(" or "));
        assert_eq!(item["actor"]["arn"], Value::Null, "neither of them is named as the one");
        seen += 1;
    }
    assert!(seen > 0, "no such event");
}

#[test]
fn what_descended_from_a_user_is_what_its_calls_issued() {
    let (store, truth) = (TestStore::of_fixture("lineage"), truth_of("lineage"));
    for user in ["build-pipeline", "svc-mirror"] {
        // Keys and calls of every chain that passes through the user's own key, below it.
        let mut expected = BTreeSet::new();
        let mut own = None;
        for one in known(&truth) {
            for chain in &one.chains {
                let links = list(&chain["links"]);
                for (at, link) in links.iter().enumerate() {
                    let is_above = |l: &Value| plain(&l["caller"]).ends_with(&format!("user/{user}")) && l["caller_key"] != Value::Null;
                    if plain(&link["access_key_id"]) != "-" && links[at..].iter().any(is_above) {
                        expected.insert((plain(&link["access_key_id"]), plain(&link["issued_by"][0])));
                    }
                    if is_above(link) && plain(&link["caller_key"]).starts_with("AKIA") {
                        own = Some(plain(&link["caller_key"]));
                    }
                }
            }
        }
        let trace = store.json(&["trace", &own.expect("the user's key"), "--format", "json"]);
        let mut found = BTreeSet::new();
        let mut ahead: Vec<&Value> = list(&trace["down"]).iter().flat_map(|top| list(&top["children"])).collect();
        while let Some(node) = ahead.pop() {
            if node["access_key_id"] != Value::Null {
                found.insert((plain(&node["access_key_id"]), plain(&node["refs"][0])));
            }
            ahead.extend(list(&node["children"]));
        }
        assert!(!expected.is_empty(), "{user}");
        assert_eq!(found, expected, "{user}");
    }
}
