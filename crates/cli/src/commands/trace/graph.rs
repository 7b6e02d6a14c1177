//! A trace as a graph: Graphviz's DOT, or Mermaid's flowchart. Names come from evidence: whatever either language could take for its own
//! syntax is left out of them.

use std::io::{self, Write};

use backtrail_model::words::counted;
use backtrail_timeline::{Node, SharedUses, Trace, Upward, Uses};

use super::tree::{MADE, rival};
use crate::answers::set_in_motion;
use crate::sanitize::sanitize;

/// Nodes and edges of a trace.
#[derive(Default)]
struct Graph {
    nodes: Vec<Drawn>,
    /// From, to, and what leads there.
    edges: Vec<(usize, usize, String)>,
}

/// A node: what tells it from others, and the lines of its label.
struct Drawn {
    id: String,
    lines: Vec<String>,
}

pub(super) fn dot(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "digraph trace {{\n  rankdir=TB;\n  node [shape=box];")?;
    for (number, node) in graph.nodes.iter().enumerate() {
        writeln!(out, "  n{number} [label=\"{}\"];", node.lines.join("\\n"))?;
    }
    for (from, to, label) in &graph.edges {
        writeln!(out, "  n{from} -> n{to} [label=\"{label}\"];")?;
    }
    writeln!(out, "}}")
}

pub(super) fn mermaid(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "flowchart TB")?;
    for (number, node) in graph.nodes.iter().enumerate() {
        writeln!(out, "  n{number}[\"{}\"]", node.lines.join("<br/>"))?;
    }
    for (from, to, label) in &graph.edges {
        writeln!(out, "  n{from} -->|\"{label}\"| n{to}")?;
    }
    Ok(())
}

impl Graph {
    fn of(trace: &Trace) -> Self {
        let mut graph = Self::default();
        let top = graph.node(&trace.subject);
        for upward in &trace.up {
            graph.up(upward, top, trace.taken_for == "event");
        }
        if trace.taken_for == "event" {
            graph.down(&trace.down, top);
        } else {
            for node in &trace.down {
                graph.tell(top, used(node));
                graph.down(&node.children, top);
            }
        }
        if trace.more > 0 {
            let more = graph.node(&format!("and {} of credentials", counted(trace.more, "more set")));
            graph.edge(top, more, "not listed");
        }
        graph
    }

    fn up(&mut self, upward: &Upward, top: usize, is_event: bool) {
        let mut own = top;
        if is_event {
            // Above a call stands its caller.
            own = self.holder(&upward.principal.label(), upward.principal.access_key_id.as_deref());
            self.edge(own, top, "made this call");
        }
        for path in &upward.chain.paths {
            let mut below = own;
            for step in &path.steps {
                let above = self.holder(&step.caller.name, step.caller.access_key_id.as_deref());
                let reference = step.refs.first().map_or("", String::as_str);
                self.edge(above, below, &format!("{} {reference} {}", step.method, step.strength.as_str()));
                below = above;
            }
            let origin = &path.origin;
            self.tell(below, [format!("origin: {}", origin.name), format!("{}: {}", origin.kind.as_str(), origin.basis)]);
            self.tell(below, origin.source_identity.as_deref().map(|who| format!("source identity {who}")));
            self.tell(below, path.missing.as_ref().map(|missing| format!("missing: {}", missing.text)));
        }
        self.tell(own, set_in_motion(upward.service.as_deref(), &upward.set_in_motion_by));
    }

    /// The node of whoever holds a key.
    fn holder(&mut self, name: &str, key: Option<&str>) -> usize {
        self.node(&[Some(name), key].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    fn down(&mut self, nodes: &[Node], at: usize) {
        for child in nodes {
            let name = [child.issued_to.as_deref(), child.access_key_id.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let name = format!("{name} ({})", counted(child.uses.events, "event"));
            // What stands for one call is one node, however alike two are.
            let below = self.named(&format!("{} {name}", child.refs.join(" ")), &name);
            self.tell(below, used(child));
            self.tell(below, child.others.iter().map(|other| format!("perhaps another's: {}", rival(other))));
            let strength = child.strength.map(|s| s.as_str());
            let reference = child.refs.first().map(String::as_str);
            for by in &child.set_in_motion_by {
                let call = by.refs.first().map_or("", String::as_str);
                self.edge(at, below, &format!("{} {} {call}: {}", by.part.words(), by.event_name, by.subject));
            }
            if child.set_in_motion_by.is_empty() {
                self.edge(at, below, &[child.method, reference, strength].into_iter().flatten().collect::<Vec<_>>().join(" "));
            }
            self.down(&child.children, below);
        }
    }

    /// The node of that label, made if there is none.
    fn node(&mut self, label: &str) -> usize {
        self.named(label, label)
    }

    fn named(&mut self, id: &str, label: &str) -> usize {
        let (id, label) = (plain(id), plain(label));
        self.nodes.iter().position(|node| node.id == id).unwrap_or_else(|| {
            self.nodes.push(Drawn { id, lines: vec![label] });
            self.nodes.len() - 1
        })
    }

    /// Adds lines to a node's label, each once.
    fn tell(&mut self, node: usize, lines: impl IntoIterator<Item = String>) {
        for line in lines.into_iter().map(|line| plain(&line)) {
            let told = &mut self.nodes[node].lines;
            if !told.contains(&line) {
                told.push(line);
            }
        }
    }

    fn edge(&mut self, from: usize, to: usize, label: &str) {
        let edge = (from, to, plain(label));
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}

/// What was done with credentials, in lines: what was made, and what is perhaps another's.
fn used(node: &Node) -> Vec<String> {
    let mut lines = made(&node.uses);
    for SharedUses { strength, basis, others, uses } in &node.shared_uses {
        let others = others.iter().map(rival).collect::<Vec<_>>().join(", ");
        lines.push(format!("perhaps another's: {} ({}, {basis}), {others}", counted(uses.events, "event"), strength.as_str()));
        lines.extend(made(uses).into_iter().map(|line| format!("perhaps another's: {line}")));
    }
    lines
}

fn made(uses: &Uses) -> Vec<String> {
    let told = uses.made.iter().take(MADE);
    let mut lines: Vec<String> =
        told.map(|made| format!("{} {} ({})", made.event_time.as_deref().unwrap_or("?"), made.summary, made.reference)).collect();
    let rest = uses.made.len().saturating_sub(MADE);
    lines.extend((rest > 0).then(|| format!("and {}", counted(rest as u64, "more change"))));
    lines
}

/// A text that is no syntax: letters, digits and the signs of names.
fn plain(text: &str) -> String {
    // Marks of sentences and citations that either language could take for its own.
    let text = text.replace("; ", ", ").replace('[', "(").replace(']', ")");
    let safe = |c: char| if c.is_alphanumeric() || " -_./:@+=,()'".contains(c) { c } else { '?' };
    sanitize(&text).chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_evidence_are_no_syntax() {
        assert_eq!(plain("Admin/alice@example.org"), "Admin/alice@example.org");
        assert_eq!(plain("a\"];click n0 <b>"), "a?)?click n0 ?b?");
    }
}
