//! The bundled incident is answered as its truth says, which the generator wrote down beside it before anything was ingested.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::asked::truth_of;
use crate::kit::{backtrail, workspace};

fn ask(store: &Path, question: &str) -> Value {
    let truth = truth_of("incident");
    let at = truth["at"].as_str().expect("a time");
    let output = backtrail(store, &[question, "--at", at, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn ingested() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let evidence = workspace("fixtures/incident");
    let output = backtrail(folder.path(), &["ingest", "--quiet", evidence.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// Event ids of some lists of the truth.
fn listed(truth: &Value, lists: &[&str]) -> BTreeSet<String> {
    let ids = |list: &&str| truth[*list].as_array().cloned().unwrap_or_default();
    lists.iter().flat_map(ids).map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// Citations of the items that fit, twins' included.
fn cited(answer: &Value, fits: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let items = answer["answer"].as_array().expect("items").iter().filter(|item| fits(item));
    let refs = |item: &Value| {
        let own = item["refs"].as_array().expect("refs").iter().map(|r| r.as_str().expect("an id").to_owned()).collect::<Vec<_>>();
        let twins = item["twins"].as_array().expect("twins").iter().map(|t| t["ref"].as_str().expect("an id").to_owned());
        own.into_iter().chain(twins).collect::<Vec<_>>()
    };
    items.flat_map(refs).collect()
}

#[test]
fn changes_and_attempts_are_those_that_were_made() {
    let (store, truth) = (ingested(), truth_of("incident"));
    let expected = &truth["expected"]["changes"];
    let answer = ask(store.path(), "changes");
    assert_eq!(cited(&answer, |i| i["outcome"] == "ok"), listed(expected, &["ok", "data_writes_ok"]));
    let attempts = listed(expected, &["denied", "failed", "throttled", "dry_run", "data_writes_not_ok"]);
    assert_eq!(cited(&answer, |i| i["attempt"] == true), attempts);
}

#[test]
fn network_commands_are_those_that_were_given() {
    let (store, truth) = (ingested(), truth_of("incident"));
    let expected = &truth["expected"]["network"];
    let answer = ask(store.path(), "network");
    let found = cited(&answer, |i| i["outcome"] == "ok");
    let certain = listed(expected, &["ok"]);
    assert!(certain.is_subset(&found), "missing: {:?}", certain.difference(&found));
    // The truth leaves open whether a service's own interfaces count; deleting flow logs blinds the network, and we list it.
    let mut open = listed(expected, &["either_way"]);
    open.extend(cited(&answer, |i| i["event_name"] == "DeleteFlowLogs"));
    let more: BTreeSet<_> = found.difference(&certain).cloned().collect();
    assert!(more.is_subset(&open), "too many: {:?}", more.difference(&open));
    assert_eq!(cited(&answer, |i| i["attempt"] == true), listed(expected, &["denied", "failed", "throttled", "dry_run"]));
}

#[test]
fn actors_are_those_that_were_there() {
    let (store, truth) = (ingested(), truth_of("incident"));
    let answer = ask(store.path(), "actors");
    let events: i64 = answer["answer"].as_array().expect("actors").iter().filter_map(|a| a["events"].as_i64()).sum();
    assert_eq!(Some(events), truth["expected"]["events_in_window"].as_i64());
    let mut found: BTreeMap<&str, i64> = BTreeMap::new();
    // The truth counts principals; several of them may be sessions of one actor.
    for present in answer["answer"].as_array().expect("actors") {
        for principal in present["principals"]["top"].as_array().expect("principals") {
            *found.entry(principal["value"].as_str().expect("a name")).or_default() += principal["events"].as_i64().unwrap_or(0);
        }
    }
    for actor in truth["expected"]["actors"].as_array().expect("actors") {
        let identity = actor["identity"].as_str().expect("an identity");
        assert_eq!(found.get(identity).copied(), actor["events"].as_i64(), "events of {identity}");
    }
}

#[test]
fn the_gap_is_named_with_the_call_that_caused_it() {
    let (store, truth) = (ingested(), truth_of("incident"));
    let gap = &truth["coverage_gap"];
    let answer = ask(store.path(), "changes");
    let statements = answer["coverage"]["not_seen"].as_array().expect("statements");
    let stopped = gap["stopped_by"].as_str().expect("an event");
    assert!(statements.iter().any(|s| s["refs"].to_string().contains(stopped)), "{statements:?}");
}

#[test]
fn investigate_shows_what_matters_first_and_says_how_to_see_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (evidence, truth) = (workspace("fixtures/incident"), truth_of("incident"));
    let at = truth["at"].as_str().expect("a time");
    let output = backtrail(folder.path(), &["investigate", evidence.to_str().expect("a path"), "--at", at]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains('\u{1b}'), "no colours where output is no terminal");
    let line = text.lines().nth(1).expect("the first actor");
    assert!(line.contains("build-pipeline"), "whose key was leaked comes first, not {line}");
    let expected = &truth["expected"]["changes"];
    for id in listed(expected, &["denied", "failed", "dry_run"]) {
        assert!(text.contains(&id), "the attempt {id} is shown");
    }
    let store = folder.path().display();
    assert!(text.contains(&format!("40 are shown, refused and sensitive ones first, then those nearest to the incident; `backtrail changes --at {at} --store {store}` shows all")), "{text}");
}

#[test]
fn a_length_without_the_incident_is_wrong_usage_and_a_misspelt_id_is_recognised() {
    let store = ingested();
    let run = |arguments: &[&str]| backtrail(store.path(), arguments);
    assert_eq!(run(&["changes", "--before", "2h"]).status.code(), Some(2));
    assert_eq!(run(&["changes", "--from", "2025-10-15", "--after", "2h"]).status.code(), Some(2));
    let output = run(&["changes", "--arn", "sg-0c0235982a1088003"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("The nearest that evidence names: sg-0c0235982a1088002"), "{text}");
    let short = run(&["show", "5c98"]);
    assert!(String::from_utf8_lossy(&short.stderr).contains("the start of an id needs 6 characters"));
}
