//! Who may reach what a service runs: ports of Lightsail's instances, API endpoints of EKS clusters.

use crate::summary::rule::{Rule, in_a_line, is_everywhere, ports, protocol};
use crate::summary::{Call, Parameters, Summary, some_beside, words};

pub(in crate::summary) fn lightsail(call: &Call<'_>) -> Option<Summary> {
    let action = match call.action {
        "OpenInstancePublicPorts" | "PutInstancePublicPorts" => "open",
        "CloseInstancePublicPorts" => "close",
        _ => return None,
    };
    let instance = call.request.text("instanceName").unwrap_or_else(|| "an instance".to_owned());
    let infos = call.request.list("portInfos").into_iter().chain(call.request.list("portInfo"));
    let mut rules: Vec<Rule> = infos.flat_map(|info| public_ports(info, action, &instance)).collect();
    let what = if rules.is_empty() { "ports".to_owned() } else { in_a_line(&rules, Rule::traffic) };
    let told = match call.action {
        "PutInstancePublicPorts" if rules.is_empty() => words("closed", "close", format!("all ports of instance {instance}")),
        "PutInstancePublicPorts" => words("opened", "open", format!("{what} on instance {instance}, and nothing else")),
        "OpenInstancePublicPorts" => words("opened", "open", format!("{what} on instance {instance}")),
        _ => words("closed", "close", format!("{what} on instance {instance}")),
    };
    if call.action == "PutInstancePublicPorts" {
        rules.insert(0, Rule::all_else(&instance));
    }
    Some(Summary { rules, ..told })
}

/// The rules of one range of ports: one for each that may connect.
fn public_ports(info: Parameters<'_>, action: &'static str, instance: &str) -> Vec<Rule> {
    let lists = [("cidrs", "cidr"), ("ipv6Cidrs", "cidr"), ("cidrListAliases", "alias")];
    let mut peers: Vec<Option<String>> = lists.iter().flat_map(|(list, key)| info.texts(list, key)).map(Some).collect();
    if peers.is_empty() {
        peers.push(None);
    }
    let protocol = protocol(info.text("protocol"));
    let ports = ports(info, protocol.as_deref());
    let rule = |peer: Option<String>| Rule {
        action,
        direction: Some("ingress"),
        protocol: protocol.clone(),
        ports: ports.clone(),
        public: peer.as_deref().is_some_and(is_everywhere),
        peer: Some(peer.unwrap_or_else(|| "addresses that the call does not name".to_owned())),
        target: Some(instance.to_owned()),
        ..Rule::default()
    };
    peers.into_iter().map(rule).collect()
}

pub(in crate::summary) fn eks(call: &Call<'_>) -> Option<Summary> {
    if !matches!(call.action, "UpdateClusterConfig" | "CreateCluster") {
        return None;
    }
    let cluster = call.request.text("name").unwrap_or_else(|| "?".to_owned());
    let vpc = call.request.get("resourcesVpcConfig")?;
    let blocks = vpc.texts("publicAccessCidrs", "cidr");
    let (everywhere, others): (Vec<String>, Vec<String>) = blocks.iter().cloned().partition(|block| is_everywhere(block));
    let whom = || some_beside(&everywhere, &others);
    let is_public = vpc.text("endpointPublicAccess");
    let endpoint = format!("the public API endpoint of cluster {cluster}");
    let rule = |action, peer: Option<String>| Rule {
        action,
        direction: Some("ingress"),
        protocol: Some("tcp".to_owned()),
        ports: Some("443".to_owned()),
        public: peer.as_deref().is_some_and(is_everywhere),
        peer,
        target: Some(cluster.clone()),
        ..Rule::default()
    };
    let all_else = || Rule::all_else(&cluster);
    let open = || std::iter::once(all_else()).chain(blocks.iter().map(|b| rule("open", Some(b.clone())))).collect::<Vec<_>>();
    let (rules, told) = match (is_public.as_deref(), blocks.is_empty()) {
        (Some("false"), _) => (vec![all_else()], words("closed", "close", endpoint)),
        (Some(_), true) => (vec![rule("open", None)], words("opened", "open", format!("{endpoint}, to whom the call does not say"))),
        (Some(_), false) => (open(), words("opened", "open", format!("{endpoint} to {}", whom()))),
        (None, false) => (open(), words("let", "let", format!("{} reach {endpoint}, where it has one", whom()))),
        (None, true) => return None,
    };
    if call.action == "CreateCluster" {
        let rest = format!("cluster {cluster}, and {} {}", told.done(), told.rest());
        return Some(Summary { rules, ..words("created", "create", rest) });
    }
    Some(Summary { rules, ..told })
}
