//! The graph as text for people.

use super::{Edge, Graph, GraphNode, GraphTopic, Part};
use crate::output::text;

/// Returns each node with what it hears and says, then the topics that only one side uses.
pub(super) fn lines(graph: &Graph, with_namespace: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &graph.namespaces {
        if with_namespace {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("namespace {}", part.namespace));
        }
        let indent = if with_namespace { "  " } else { "" };
        lines.extend(outline(part).into_iter().map(|line| format!("{indent}{line}")));
    }
    lines
}

fn outline(part: &Part) -> Vec<String> {
    let mut order: Vec<_> = (0..part.nodes.len()).collect();
    order.sort_by_key(|index| (part.nodes[*index].name.is_none(), part.nodes[*index].label()));
    let mut lines = Vec::new();
    for index in order {
        lines.push(title(&part.nodes[index]));
        let mut edges: Vec<_> = part.edges.iter().filter(|edge| edge.node_index == index).collect();
        edges.sort_by_key(|edge| (edge.is_sent(), &part.topics[edge.topic_index].name));
        lines.extend(edges.into_iter().map(|edge| edge_line(edge, &part.topics[edge.topic_index])));
    }
    for topic in part.topics.iter().filter(|topic| topic.publishers == 0 || topic.subscribers == 0) {
        let lacks = if topic.publishers == 0 { "publishes" } else { "subscribes to" };
        lines.push(format!("nobody {lacks} {}", topic.name));
    }
    lines
}

fn title(node: &GraphNode) -> String {
    let state = node.state.filter(|state| *state != "Running").map_or(String::new(), |s| format!(", {s}"));
    match &node.name {
        Some(name) => format!("{} (pid {}, {}{state})", text::escaped(name), node.pid, node.language),
        None => format!("pid {} ({})", node.pid, node.language),
    }
}

fn edge_line(edge: &Edge, topic: &GraphTopic) -> String {
    let arrow = if edge.is_sent() { "->" } else { "<-" };
    format!("  {arrow} {} ({}, {})", topic.name, text::escaped(topic.what()), text::hertz(Some(edge.rate_hz)))
}
