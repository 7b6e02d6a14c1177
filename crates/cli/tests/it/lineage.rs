//! Who is behind an event: the bundled incident's chain of keys, whole, as its truth has it; and real detonations read by eye.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::asked::{TestStore, list, plain, shared, truth_of};
use crate::kit::workspace;

/// Keys of the truth's chain, with the call that issued each and the key that call was signed with.
fn links(truth: &Value) -> BTreeMap<String, (String, String)> {
    list(&truth["chain"]).iter().map(|link| (plain(&link["key"]), (plain(&link["issued_by"]), plain(&link["parent_key"])))).collect()
}

#[test]
fn every_key_of_the_incident_is_traced_up_to_the_leaked_one_call_by_call() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let links = links(&truth);
    for key in links.keys() {
        let trace = store.json(&["trace", key, "--format", "json"]);
        let mut expected = Vec::new();
        let mut at = key.clone();
        while let Some((call, parent)) = links.get(&at).filter(|(call, _)| call != "-") {
            expected.push((call.clone(), parent.clone(), "exact".to_owned()));
            at.clone_from(parent);
        }
        assert!(!list(&trace["up"]).is_empty(), "{key}");
        for up in list(&trace["up"]) {
            let paths = list(&up["chain"]["paths"]);
            assert_eq!(paths.len(), 1, "{key}");
            let steps = list(&paths[0]["steps"]).iter();
            let found: Vec<_> =
                steps.map(|s| (plain(&s["refs"][0]), plain(&s["caller"]["access_key_id"]), plain(&s["strength"]))).collect();
            assert_eq!(found, expected, "{key}");
            assert_eq!(paths[0]["origin"]["arn"], truth["attacker"]["leaked_user"], "{key}");
            assert_eq!(paths[0]["missing"], Value::Null, "{key}");
        }
    }
}

#[test]
fn everything_that_descended_from_the_leaked_key_hangs_below_it() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let leaked = plain(&truth["attacker"]["leaked_key"]);
    let trace = store.json(&["trace", &leaked, "--format", "json"]);
    let mut found = BTreeSet::new();
    let mut ahead: Vec<(String, &Value)> = list(&trace["down"]).iter().map(|node| (leaked.clone(), node)).collect();
    while let Some((own, node)) = ahead.pop() {
        for child in list(&node["children"]) {
            let key = plain(&child["access_key_id"]);
            found.insert((own.clone(), key.clone(), plain(&child["refs"][0])));
            ahead.push((key, child));
        }
    }
    let expected: BTreeSet<_> =
        links(&truth).into_iter().filter(|(key, _)| *key != leaked).map(|(key, (call, parent))| (parent, key, call)).collect();
    assert_eq!(found, expected);
    assert_eq!(trace["more"], 0);
}

#[test]
fn every_event_of_the_intruder_is_told_with_who_is_behind_it() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let keys: BTreeSet<String> = links(&truth).into_keys().collect();
    let timeline = store.json(&["timeline", "--format", "json"]);
    let mut seen = BTreeSet::new();
    for item in list(&timeline["answer"]) {
        let key = plain(&item["principal"]["access_key_id"]);
        if keys.contains(&key) {
            assert_eq!(item["actor"]["arn"], truth["attacker"]["leaked_user"], "{}", item["refs"]);
            seen.insert(key);
        }
    }
    assert_eq!(seen, keys);
}

#[test]
fn what_was_asked_last_does_not_depend_on_what_was_taken_in_when() {
    // The events that issued the intruder's keys come last: answers between are without them, the last is as if they had come first.
    let (whole, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let calls: BTreeSet<String> = links(&truth).into_values().map(|(call, _)| call).filter(|c| c != "-").collect();
    let late = TestStore::new();
    let (first, second) = (late.scratch().join("first.jsonl"), late.scratch().join("second.jsonl"));
    let mut lines: [String; 2] = Default::default();
    for row in whole.rows("SELECT event_id AS id, raw FROM cloudtrail ORDER BY event_time, event_id") {
        let line = &mut lines[usize::from(calls.contains(&plain(&row["id"])))];
        line.push_str(&plain(&row["raw"]));
        line.push('\n');
    }
    std::fs::write(&first, &lines[0]).expect("written");
    std::fs::write(&second, &lines[1]).expect("written");
    late.ingest(&first);
    let key = links(&truth).into_keys().find(|key| key.starts_with("ASIA")).expect("a session's key");
    let between = late.json(&["trace", &key, "--format", "json"]);
    assert_ne!(between["up"][0]["chain"]["paths"][0]["missing"], Value::Null, "the call that issued {key} is not in evidence yet");
    late.ingest(&second);
    let actors = |store: &TestStore| -> Vec<(String, Value)> {
        let answer = store.json(&["timeline", "--format", "json"]);
        // Traffic has no actor.
        let events = list(&answer["answer"]).iter().filter(|i| !i["actor"].is_null());
        events.map(|i| (plain(&i["refs"][0]), i["actor"].clone())).collect()
    };
    assert_eq!(actors(&late), actors(&whole));
}

#[test]
fn a_graph_names_each_key_once() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let leaked = plain(&truth["attacker"]["leaked_key"]);
    let text = |format: &str| String::from_utf8(store.run(&["trace", &leaked, "--format", format]).stdout).expect("UTF-8");
    let (dot, mermaid) = (text("dot"), text("mermaid"));
    assert!(dot.starts_with("digraph trace {") && dot.trim_end().ends_with('}'));
    assert!(mermaid.starts_with("flowchart TB\n"));
    for key in links(&truth).keys() {
        let nodes =
            |graph: &str, mark: &str| graph.lines().filter(|l| l.contains(mark) && l.contains(key.as_str()) && !l.contains("->")).count();
        assert_eq!((nodes(&dot, "[label="), nodes(&mermaid, "[\"")), (1, 1), "{key}");
    }
}

#[test]
fn a_name_that_no_evidence_knows_is_an_error_that_says_so() {
    let store = TestStore::of_fixture("incident");
    let output = store.run(&["trace", "AKIAZZZZZZZZZZZZZZZZ"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no event in the store was made with AKIAZZZZZZZZZZZZZZZZ"), "{said}");
}

/// One use in the real evidence, and what its files say of it: read from the raw JSON.
struct Known {
    folder: &'static str,
    event: &'static str,
    /// Name of the actor, or its end.
    actor: &'static str,
    kind: &'static str,
    /// The calls above it, nearest first.
    calls: &'static [&'static str],
}

/// By hand, from the files: the caller of the call that issued the key or session, and that call's id.
const KNOWN: &[Known] = &[
    // An instance's role, taken from its metadata service (`ec2RoleDelivery` 1.0) and used against S3; records without eventTime.
    Known {
        folder: "otrf",
        event: "bf575a0c-c344-4302-a468-00e6a84a127a",
        actor: "instance i-0317f6c6b66ae9c40",
        kind: "workload",
        calls: &["a3a3dded-7c27-42c0-a42d-891cdd436278"],
    },
    Known {
        folder: "opensearch",
        event: "41b666dc-5b48-4b29-91cd-c025027feb34",
        actor: "function CloudTrailLog-CloudTrailLogPipelineLogProcessorFnE-Pkgt7cmJfhQj",
        kind: "workload",
        calls: &["5ca450bb-14f1-4911-9737-3a58f9a49c24"],
    },
    Known {
        folder: "opensearch",
        event: "7247c268-76e9-4e43-9689-0dc02e171ef9",
        actor: "appsync.amazonaws.com",
        kind: "service",
        calls: &["ad1664dc-7b3e-4983-a9b5-1fbc77c346d2"],
    },
    // Signed with another key than the one logged, by the service for its own session: same unique id, same second.
    Known {
        folder: "opensearch",
        event: "e60f9221-0c7a-46d5-b92d-212afd22ce31",
        actor: "config.amazonaws.com",
        kind: "service",
        calls: &["a7f2465a-a4d0-473c-83a6-7ba01548d364"],
    },
    // No key at all.
    Known {
        folder: "opensearch",
        event: "25367e85-8135-4de4-aa45-07faf56b4024",
        actor: "config.amazonaws.com",
        kind: "service",
        calls: &["cc7c5811-204b-4483-8aba-38f87e31130d"],
    },
    Known {
        folder: "opensearch",
        event: "63164dbd-379f-4232-ba57-9fa691ed32ed",
        actor: "autoscaling.amazonaws.com",
        kind: "service",
        calls: &["1feb157b-51ed-46a1-b798-79da64223d20"],
    },
    Known {
        folder: "stratus_detonation",
        event: "91529247-c4c4-4793-afc8-d70bbcfe9d19",
        actor: "stratus-red-team-user-federation-user",
        kind: "unknown",
        calls: &["6e882b9d-2af8-4c67-b91f-aeac6a0e5e70"],
    },
    Known {
        folder: "stratus_detonation",
        event: "1a4debbb-12e9-4bde-b8c7-ea29002bb2a7",
        actor: "christophe",
        kind: "unknown",
        calls: &["04c882a5-7652-40d1-b44c-83535fc19268"],
    },
    Known {
        folder: "stratus_detonation",
        event: "16903cbd-fdff-4818-82f2-d66ad09aaf57",
        actor: "christophe",
        kind: "unknown",
        calls: &["099bfd30-232c-4dff-9998-3821921063ca"],
    },
    Known {
        folder: "stratus_detonation",
        event: "4839af5e-7b6a-4353-a5ef-41febc9a9fa8",
        actor: "christophe",
        kind: "unknown",
        calls: &["eebae605-3664-4560-a248-17d33f9ef6ef"],
    },
    Known {
        folder: "stratus_detonation",
        event: "450230d4-b39e-4a18-a6a0-d07a6e2105cb",
        actor: "christophe",
        kind: "unknown",
        calls: &["fd179e25-9f1a-406c-8d7d-62f9d4938ef6"],
    },
    // A sign-in: nothing above it but a password, which nothing in evidence set.
    Known {
        folder: "stratus_detonation",
        event: "865d9377-9c6b-4fd7-8aad-725e95f6a140",
        actor: "stratus-red-team-nmfalu-jfzdtsvchl",
        kind: "human",
        calls: &[],
    },
    // Every key in these files is masked to the same text: it must lead nowhere.
    Known { folder: "traildiscover", event: "1858ad49-4ec2-491d-b9e8-836a2d77af9e", actor: "TrailDiscover", kind: "unknown", calls: &[] },
    Known {
        folder: "splunk_single_events",
        event: "b25b825d-9c9b-49d3-9ecd-290dbe8f2c29",
        actor: "rodsoto@rodsoto.onmicrosoft.com",
        kind: "human",
        calls: &[],
    },
    // The documentation's example key, which another file has a call for: another account, another year.
    Known {
        folder: "umccr",
        event: "IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002",
        // The role lacks the path that only Identity Center may use: its session's name proves nothing.
        actor: "AWSReservedSSO_ReadOnly_abcdef012345/user@example.com",
        kind: "human",
        calls: &[],
    },
];

#[test]
fn real_sessions_lead_where_their_files_say() {
    let mut stores: BTreeMap<&str, Option<Value>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for known in KNOWN {
        let timeline = stores.entry(known.folder).or_insert_with(|| {
            let store = TestStore::new();
            store.ingest(&shared(&format!("cloudtrail/{}", known.folder))?);
            Some(store.json(&["timeline", "--format", "json"]))
        });
        let Some(timeline) = timeline else { continue };
        let fits = |item: &&Value| plain(&item["refs"][0]) == known.event;
        let Some(item) = list(&timeline["answer"]).iter().find(fits) else {
            wrong.push(format!("{} is not in the timeline of {}", known.event, known.folder));
            continue;
        };
        let calls: Vec<String> = list(&item["actor"]["chain"]).iter().map(|step| plain(&step["refs"][0])).collect();
        let found = (plain(&item["actor"]["name"]), plain(&item["actor"]["kind"]), calls);
        let expected = (known.actor.to_owned(), known.kind.to_owned(), known.calls.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
        if found != expected {
            wrong.push(format!("{}: expected {expected:?}, found {found:?}", known.event));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_profile_counts_what_sql_counts_and_marks_what_is_new() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let at = plain(&truth["at"]);
    let address = plain(&truth["attacker"]["addresses"][0]);
    let profile = store.json(&["profile", &address, "--at", &at, "--format", "json"]);
    let counted = store.row(&format!("SELECT count(*) AS n, min(event_time) AS t FROM cloudtrail WHERE source_ip_address = '{address}'"));
    assert_eq!(profile["events"].to_string(), plain(&counted["n"]));
    assert_eq!(profile["taken_for"], "address");
    let by_day: i64 = profile["days"].as_object().expect("days").values().filter_map(|d| d["events"].as_i64()).sum();
    assert_eq!(Some(by_day), profile["events"].as_i64());
    // One actor stands behind all four keys that were used from there.
    assert_eq!(profile["peers"]["actors"]["distinct"], 1);
    // The leaked user was there before; the intruder's address is new to it.
    let user = plain(&truth["attacker"]["leaked_user"]);
    let user = store.json(&["profile", &user, "--at", "2025-10-15T07:40:00Z", "--before", "1h", "--format", "json"]);
    let new: Vec<String> =
        list(&user["peers"]["addresses"]["top"]).iter().filter(|p| p["new"] == true).map(|p| plain(&p["value"])).collect();
    assert!(new.contains(&address), "{new:?}");
}

#[test]
fn the_state_before_is_told_by_the_calls_that_set_it() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let group = plain(&truth["attacker"]["opened_group"]);
    let at = plain(&truth["at"]);
    let before = store.json(&["previous", &group, "--at", &at, "--format", "json"]);
    // The call that opened the group to the world, and the responder's that closed it again.
    let ingress = list(&before["properties"]).iter().find(|p| p["property"] == "SecurityGroupIngress").expect("the property");
    assert_eq!(ingress["set_by"]["actor"]["arn"], truth["attacker"]["leaked_user"]);
    assert_eq!(ingress["changed_by"]["event_name"], "RevokeSecurityGroupIngress");
    let open: Vec<String> =
        list(&before["rules"]).iter().map(|r| format!("{} {}", plain(&r["rule"]["ports"]), plain(&r["rule"]["peer"]))).collect();
    assert_eq!(open, ["22 0.0.0.0/0"]);
    // The responder removed it by its id, which the call that opened it may not name: whether it still stands is not claimed.
    let after = store.json(&["previous", &group, "--at", "2025-10-15T14:30:00Z", "--format", "json"]);
    let revoked = &ingress["changed_by"]["ref"];
    assert!(list(&after["rules"]).iter().all(|r| r["perhaps_closed_by"] == *revoked), "{}", after["rules"]);
    // Before it was opened, nothing is known of it, and that is said.
    let earlier = store.json(&["previous", &group, "--at", "2025-10-15T09:00:00Z", "--format", "json"]);
    assert!(list(&earlier["rules"]).is_empty());
    assert!(earlier["not_known"].to_string().contains("SecurityGroupIngress"), "{}", earlier["not_known"]);
}

#[test]
fn what_is_missing_is_said_of_callers_without_a_key_too() {
    let store = TestStore::new();
    let evidence = store.scratch().join("one.json");
    let record = r#"{"eventVersion":"1.08","eventTime":"2025-10-15T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"e1",
        "recipientAccountId":"111122223333","userIdentity":{"type":"AWSAccount","principalId":"AIDAELSEWHERE","accountId":"444455556666"}}"#;
    std::fs::write(&evidence, record).expect("written");
    store.ingest(&evidence);
    let actors = store.json(&["actors", "--format", "json"]);
    assert_eq!(actors["answer"][0]["actor"]["kind"], "external_account");
    let missing = plain(&actors["answer"][0]["missing"][0]);
    assert!(missing.contains("the caller's own record, in account 444455556666, is not in evidence"), "{missing}");
}

/// Questions about all evidence, each of something the incident has.
fn questions_about_all(truth: &Value) -> [Vec<String>; 3] {
    let address = plain(&truth["attacker"]["addresses"][0]);
    let group = plain(&truth["attacker"]["opened_group"]);
    let key = plain(&truth["chain"][0]["key"]);
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    [words(&["trace", &key]), words(&["profile", &address]), words(&["previous", &group, "--at", &plain(&truth["at"])])]
}

#[test]
fn questions_about_all_evidence_say_what_was_not_seen_and_end_with_3_where_some_is_broken() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let answer = |arguments: &[String], format: &str| {
        let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        words.extend(["--format", format]);
        let output = store.run(&words);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for question in questions_about_all(&truth) {
        let (code, text) = answer(&question, "json");
        let coverage = &serde_json::from_str::<Value>(&text).expect("one JSON object")["coverage"];
        assert_eq!((code, &coverage["incomplete"]), (Some(0), &Value::Bool(false)), "{question:?}");
        let (code, text) = answer(&question, "table");
        assert_eq!(code, Some(0), "{question:?}");
        assert!(text.contains("\nWhat was not seen\n") && !text.contains("read only in part"), "{text}");
    }
    store.ingest(&workspace("fixtures/broken"));
    // By the account of what was read: two pieces that end early, and one with a record that is none.
    let mut broken =
        store.column("SELECT evidence_id FROM evidence WHERE fate IN ('partial', 'rejected', 'failed') OR records_rejected > 0");
    broken.sort();
    assert_eq!(broken.len(), 3);
    for question in questions_about_all(&truth) {
        let (code, text) = answer(&question, "json");
        let answered: Value = serde_json::from_str(&text).expect("one JSON object");
        let told: Vec<String> = list(&answered["coverage"]["broken_evidence"]).iter().map(|b| plain(&b["evidence_id"])).collect();
        assert_eq!((code, told), (Some(3), broken.clone()), "{question:?}");
        let (code, text) = answer(&question, "table");
        assert_eq!(code, Some(3), "{question:?}");
        assert!(text.contains("truncated.json.gz was read only in part"), "{text}");
    }
    let (code, graph) = answer(&questions_about_all(&truth)[0], "dot");
    assert_eq!((code, graph.starts_with("digraph")), (Some(3), true));
}

#[test]
fn the_window_of_such_an_answer_is_the_time_its_events_lie_in() {
    let (store, truth) = (TestStore::of_fixture("incident"), truth_of("incident"));
    let address = plain(&truth["attacker"]["addresses"][0]);
    let profile = store.json(&["profile", &address, "--format", "json"]);
    assert_eq!(profile["coverage_window"]["from"], profile["first_event_time"]);
    let (from, to) = (plain(&profile["coverage_window"]["from"]), plain(&profile["coverage_window"]["to"]));
    let inside = store.row(&format!("SELECT count(*) AS n FROM cloudtrail WHERE event_time >= '{from}' AND event_time < '{to}'"));
    assert_eq!(profile["coverage"]["events"].to_string(), plain(&inside["n"]));
    // The window ends with the second of the last event.
    assert_eq!(to, "2025-10-15T13:51:45Z");
    assert_eq!(plain(&profile["last_event_time"]), "2025-10-15T13:51:44Z");
    // Nothing was found: there is no such window, and that is said.
    let nobody = store.json(&["profile", "203.0.113.250", "--format", "json"]);
    assert_eq!((&nobody["coverage_window"]["from"], &nobody["coverage"]["events"]), (&Value::Null, &Value::from(0)));
}

#[test]
fn an_argument_that_would_match_everything_is_refused_by_its_own_name() {
    let store = TestStore::of_fixture("incident");
    for (arguments, argument) in
        [(["profile", "*"].as_slice(), "<ARN|ACTOR|IP|KEY>"), (["previous", "*", "--at", "2025-10-15"].as_slice(), "<ARN>")]
    {
        let output = store.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("{argument}: `*` would match everything")) && !said.contains("--arn"), "{said}");
    }
}

/// More sessions than names are written into one condition: each leads to the user who began it, by its own call.
#[test]
fn many_sessions_lead_each_to_its_own_call() {
    const SESSIONS: usize = 150;
    // Key ids are written in base 32, without 0, 1, 8 and 9.
    let letters = |n: usize| format!("{n:016}").bytes().map(|digit| char::from(digit - b'0' + b'A')).collect::<String>();
    let identity = |user: usize| {
        serde_json::json!({"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/u{user}"), "accountId": "111122223333",
            "principalId": format!("AIDA{user:017}"), "userName": format!("u{user}"), "accessKeyId": format!("AKIA{}", letters(user))})
    };
    let event = |id: String, name: &str, source: &str, who: Value, response: Value| {
        serde_json::json!({"eventVersion": "1.08", "eventTime": "2025-10-14T10:00:00Z", "eventID": id, "eventSource": source, "eventName": name,
            "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "readOnly": false, "userIdentity": who, "responseElements": response})
    };
    let session = |n: usize| {
        (format!("ASIA{}", letters(n)), format!("AROAXXXXXXXXXXXXXXXXX:s{n}"), format!("arn:aws:sts::111122223333:assumed-role/Ops/s{n}"))
    };
    let records: Vec<Value> = (1..=SESSIONS)
        .flat_map(|n| {
            let (key, principal, arn) = session(n);
            let issued = serde_json::json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": principal, "arn": arn}});
            let holder = serde_json::json!({"type": "AssumedRole", "arn": arn, "principalId": principal, "accountId": "111122223333", "accessKeyId": key,
                "sessionContext": {"attributes": {"creationDate": "2025-10-14T10:00:00Z"},
                    "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/Ops", "userName": "Ops"}}});
            [
                event(format!("issue-{n}"), "AssumeRole", "sts.amazonaws.com", identity(n), issued),
                event(format!("use-{n}"), "CreateSecurityGroup", "ec2.amazonaws.com", holder, Value::Null),
            ]
        })
        .collect();
    let store = TestStore::new();
    std::fs::write(store.scratch().join("many.json"), serde_json::json!({"Records": records}).to_string()).expect("written");
    store.ingest(&store.scratch());
    let answer = store.json(&["timeline", "--from", "2025-10-14", "--to", "2025-10-15", "--source", "ec2", "--format", "json"]);
    assert_eq!(list(&answer["answer"]).len(), SESSIONS);
    for item in list(&answer["answer"]) {
        let n = plain(&item["refs"][0]).replace("use-", "");
        assert_eq!(plain(&item["actor"]["name"]), format!("u{n}"));
        assert_eq!(plain(&item["actor"]["chain"][0]["refs"][0]), format!("issue-{n}"));
        assert_eq!(plain(&item["actor"]["strength"]), "exact");
    }
}

#[test]
fn an_event_is_traced_to_whom_the_timeline_names() {
    let store = TestStore::of_fixture("lineage");
    let timeline = store.json(&["timeline", "--format", "json"]);
    let actors: BTreeMap<String, (String, usize)> = list(&timeline["answer"])
        .iter()
        .map(|item| (plain(&item["refs"][0]), (plain(&item["actor"]["arn"]), list(&item["actor"]["chain"]).len())))
        .collect();
    // Another account's record of an assumption, a sign-in by SAML, and a few of the others.
    let ids = store.column(
        "SELECT event_id FROM (SELECT event_id, row_number() OVER (PARTITION BY user_identity_type, event_name ORDER BY event_time) AS n \
         FROM cloudtrail WHERE event_name IN ('AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'ConsoleLogin', 'CreateAccessKey')) \
         WHERE n <= 2",
    );
    assert!(ids.len() >= 6, "{ids:?}");
    for id in ids {
        let trace = store.json(&["trace", &id, "--format", "json"]);
        let up = list(&trace["up"]);
        assert_eq!(up.len(), 1, "{id}");
        let path = &up[0]["chain"]["paths"][0];
        assert_eq!((plain(&path["origin"]["arn"]), list(&path["steps"]).len()), actors[&id], "{id}");
    }
}

#[test]
fn whoever_stands_behind_an_event_does_so_however_little_is_asked_about() {
    let store = TestStore::of_fixture("lineage");
    let actors = |filter: &[&str]| -> BTreeMap<(String, String), Value> {
        let answer = store.json(&[&["timeline", "--format", "json"], filter].concat());
        list(&answer["answer"])
            .iter()
            .map(|item| ((plain(&item["refs"][0]), plain(&item["account"])), item["actor"]["arn"].clone()))
            .collect()
    };
    let all = actors(&[]);
    let accounts = store.column("SELECT DISTINCT recipient_account_id FROM cloudtrail");
    assert!(accounts.len() >= 3);
    let mut told = BTreeSet::new();
    for (id, actor) in accounts.iter().flat_map(|account| actors(&["--account", account])) {
        assert_eq!(actor, all[&id], "{id:?}");
        told.insert(id);
    }
    assert_eq!(told.len(), all.len());
}
