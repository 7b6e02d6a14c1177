//! Managed prefix lists: blocks that groups and routes name by one id.

use crate::summary::rule::{Rule, in_a_line, is_everywhere};
use crate::summary::{Call, Summary, words};

pub(super) fn tell(call: &Call<'_>) -> Option<Summary> {
    let id = || call.request.text("prefixListId").or_else(|| call.response.get("prefixList")?.text("prefixListId"));
    let name = call.request.text("prefixListName");
    let target = match (id(), &name) {
        (Some(id), Some(name)) => format!("{id} ({name})"),
        (Some(one), None) => one,
        (None, Some(name)) => name.clone(),
        (None, None) => "?".to_owned(),
    };
    let list = format!("prefix list {target}");
    let entries = |parameter: &str, action: &'static str| -> Vec<Rule> {
        let blocks = call.request.texts(parameter, "cidr").into_iter();
        let rule = |block: String| Rule {
            action,
            public: is_everywhere(&block),
            destination: Some(block),
            target: id().or_else(|| name.clone()),
            ..Rule::default()
        };
        blocks.map(rule).collect()
    };
    let blocks = |rules: &[Rule]| in_a_line(rules, |rule| rule.destination.clone().unwrap_or_default());
    Some(match call.action {
        "CreateManagedPrefixList" => {
            let rules = entries("entry", "list");
            let with = if rules.is_empty() { ", empty".to_owned() } else { format!(" of {}", blocks(&rules)) };
            Summary { rules, ..words("created", "create", format!("{list}{with}")) }
        }
        "ModifyManagedPrefixList" => {
            let (added, removed) = (entries("addEntry", "list"), entries("removeEntry", "remove"));
            let [plus, minus] = [&added, &removed].map(|rules| blocks(rules));
            let told = match (added.is_empty(), removed.is_empty()) {
                (true, true) => words("changed", "change", list),
                (false, true) => words("added", "add", format!("{plus} to {list}")),
                (true, false) => words("removed", "remove", format!("{minus} from {list}")),
                (false, false) => words("added", "add", format!("{plus} to {list}, and removed {minus}")),
            };
            Summary { rules: removed.into_iter().chain(added).collect(), ..told }
        }
        "DeleteManagedPrefixList" => words("deleted", "delete", list),
        "RestoreManagedPrefixListVersion" => {
            let version = call.request.text("previousVersion").map(|version| format!(" to version {version}")).unwrap_or_default();
            words("restored", "restore", format!("{list}{version}"))
        }
        _ => return None,
    })
}
