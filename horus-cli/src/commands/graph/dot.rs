//! The graph for graphviz.

use super::{Graph, Part};
use crate::output::text;

/// Returns a digraph: nodes as boxes, topics as ellipses, a cluster for each namespace if there are several. Names stand
/// in labels alone; what they are called by is made here, so that no name can be mistaken for syntax.
pub(super) fn lines(graph: &Graph) -> Vec<String> {
    let mut lines = vec!["digraph horus {".to_owned(), "  rankdir=LR;".to_owned()];
    let clusters = graph.namespaces.len() > 1;
    for (number, part) in graph.namespaces.iter().enumerate() {
        let indent = if clusters { "    " } else { "  " };
        if clusters {
            lines.push(format!("  subgraph cluster_{number} {{"));
            lines.push(format!("    label={};", quoted(&part.namespace)));
        }
        lines.extend(statements(part, number).into_iter().map(|line| format!("{indent}{line}")));
        if clusters {
            lines.push("  }".into());
        }
    }
    lines.push("}".into());
    lines
}

fn statements(part: &Part, number: usize) -> Vec<String> {
    let node = |index: usize| format!("n{number}_{index}");
    let topic = |index: usize| format!("t{number}_{index}");
    let mut lines = Vec::new();
    for (index, seen) in part.nodes.iter().enumerate() {
        let label = quoted(&seen.label());
        // What isn't a node of anybody's is drawn less boldly.
        let style = if seen.name.is_some() { "" } else { ", style=dashed" };
        lines.push(format!("{} [shape=box, label={label}{style}];", node(index)));
    }
    for (index, seen) in part.topics.iter().enumerate() {
        let label = quoted(&format!("{}\n{}", seen.name, seen.what()));
        lines.push(format!("{} [shape=ellipse, label={label}];", topic(index)));
    }
    for (from, to, is_sent) in part.arrows() {
        lines.push(match is_sent {
            true => format!("{} -> {};", node(from), topic(to)),
            false => format!("{} -> {};", topic(to), node(from)),
        });
    }
    lines
}

/// Returns a label in quotes: a backslash begins an escape there, an ampersand an entity, and a line break is `\n`.
fn quoted(label: &str) -> String {
    let lines = label.split('\n').map(|line| {
        // What commands a terminal first, for its escapes are text here.
        let line = text::escaped(line).replace('\\', r"\\").replace('"', "\\\"");
        line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    });
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_can_t_end_early_or_mean_something_else() {
        assert_eq!(quoted("camera.rgb\nImage"), r#""camera.rgb\nImage""#);
        assert_eq!(quoted(r#"a"b\"#), r#""a\"b\\""#);
        assert_eq!(quoted("a\\N&lt;<b>"), r#""a\\N&amp;lt;&lt;b&gt;""#);
        assert_eq!(quoted("a\u{1b}b"), r#""a\\u001bb""#);
    }
}
