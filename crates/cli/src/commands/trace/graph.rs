//! A trace as a graph: Graphviz's DOT, or Mermaid's flowchart. Names come from evidence: whatever either language could take for its own
//! syntax is left out of them.

use std::io::{self, Write};

use backtrail_model::words::counted;
use backtrail_timeline::{Node, Trace};

use crate::sanitize::sanitize;

/// Edges of a trace: from, to, and what leads there.
struct Graph {
    labels: Vec<String>,
    edges: Vec<(usize, usize, String)>,
}

pub(super) fn dot(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "digraph trace {{\n  rankdir=TB;\n  node [shape=box];")?;
    for (number, label) in graph.labels.iter().enumerate() {
        writeln!(out, "  n{number} [label=\"{label}\"];")?;
    }
    for (from, to, label) in &graph.edges {
        writeln!(out, "  n{from} -> n{to} [label=\"{label}\"];")?;
    }
    writeln!(out, "}}")
}

pub(super) fn mermaid(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "flowchart TB")?;
    for (number, label) in graph.labels.iter().enumerate() {
        writeln!(out, "  n{number}[\"{label}\"]")?;
    }
    for (from, to, label) in &graph.edges {
        writeln!(out, "  n{from} -->|\"{label}\"| n{to}")?;
    }
    Ok(())
}

impl Graph {
    fn of(trace: &Trace) -> Self {
        let mut graph = Self { labels: Vec::new(), edges: Vec::new() };
        let top = graph.node(&trace.subject);
        for path in trace.up.iter().flat_map(|u| &u.chain.paths) {
            let mut below = top;
            for step in &path.steps {
                let key = step.caller.access_key_id.as_deref().map(|k| format!(" {k}")).unwrap_or_default();
                let above = graph.node(&format!("{}{key}", step.caller.name));
                let reference = step.refs.first().map_or("", String::as_str);
                graph.edge(above, below, &format!("{} {reference} {}", step.method, step.strength.as_str()));
                below = above;
            }
        }
        for node in &trace.down {
            graph.down(node, top);
        }
        graph
    }

    fn down(&mut self, node: &Node, at: usize) {
        for child in &node.children {
            let name = [child.issued_to.as_deref(), child.access_key_id.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let below = self.node(&format!("{name} ({})", counted(child.uses.events, "event")));
            let strength = child.strength.map(|s| s.as_str()).unwrap_or_default();
            let reference = child.refs.first().map_or("", String::as_str);
            match child.set_in_motion_by.first() {
                Some(by) => {
                    let call = by.refs.first().map_or("", String::as_str);
                    self.edge(at, below, &format!("{} {} {call}: {}", by.part.words(), by.event_name, by.subject));
                }
                None => self.edge(at, below, &format!("{} {reference} {strength}", child.method.unwrap_or_default())),
            }
            self.down(child, below);
        }
    }

    /// The node of that label, made if there is none.
    fn node(&mut self, label: &str) -> usize {
        let label = plain(label);
        self.labels.iter().position(|l| *l == label).unwrap_or_else(|| {
            self.labels.push(label);
            self.labels.len() - 1
        })
    }

    fn edge(&mut self, from: usize, to: usize, label: &str) {
        let edge = (from, to, plain(label));
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}

/// A text that is no syntax: letters, digits and the signs of names.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || " -_./:@+=,()".contains(c) { c } else { '?' };
    sanitize(text).chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_evidence_are_no_syntax() {
        assert_eq!(plain("Admin/alice@example.org"), "Admin/alice@example.org");
        assert_eq!(plain("a\"];click n0 <b>"), "a???click n0 ?b?");
    }
}
