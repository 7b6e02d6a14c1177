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
        let is_event = trace.taken_for == "event";
        for upward in &trace.up {
            let mut own = top;
            if is_event {
                // Above a call stands its caller.
                own = graph.holder(&upward.principal.label(), upward.principal.access_key_id.as_deref());
                graph.edge(own, top, "made this call");
            }
            for path in &upward.chain.paths {
                let mut below = own;
                for step in &path.steps {
                    let above = graph.holder(&step.caller.name, step.caller.access_key_id.as_deref());
                    let reference = step.refs.first().map_or("", String::as_str);
                    graph.edge(above, below, &format!("{} {reference} {}", step.method, step.strength.as_str()));
                    below = above;
                }
            }
        }
        if is_event {
            graph.down(&trace.down, top);
        } else {
            trace.down.iter().for_each(|node| graph.down(&node.children, top));
        }
        graph
    }

    /// The node of whoever holds a key.
    fn holder(&mut self, name: &str, key: Option<&str>) -> usize {
        self.node(&[Some(name), key].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    fn down(&mut self, nodes: &[Node], at: usize) {
        for child in nodes {
            let name = [child.issued_to.as_deref(), child.access_key_id.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let below = self.node(&format!("{name} ({})", counted(child.uses.events, "event")));
            let strength = child.strength.map(|s| s.as_str());
            let reference = child.refs.first().map(String::as_str);
            match child.set_in_motion_by.first() {
                Some(by) => {
                    let call = by.refs.first().map_or("", String::as_str);
                    self.edge(at, below, &format!("{} {} {call}: {}", by.part.words(), by.event_name, by.subject));
                }
                None => self.edge(at, below, &[child.method, reference, strength].into_iter().flatten().collect::<Vec<_>>().join(" ")),
            }
            self.down(&child.children, below);
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
