//! The graph for Mermaid.

use super::{Graph, Part};

/// Returns a flowchart: nodes as boxes, topics as rounded ones, a subgraph for each namespace if there are several.
pub(super) fn lines(graph: &Graph) -> Vec<String> {
    let mut lines = vec!["flowchart LR".to_owned()];
    let subgraphs = graph.namespaces.len() > 1;
    for (number, part) in graph.namespaces.iter().enumerate() {
        if subgraphs {
            lines.push(format!("  subgraph s{number}[\"{}\"]", escaped(&part.namespace)));
        }
        lines.extend(statements(part, number));
        if subgraphs {
            lines.push("  end".into());
        }
    }
    lines
}

fn statements(part: &Part, number: usize) -> Vec<String> {
    let node = |index: usize| format!("n{number}_{index}");
    let topic = |index: usize| format!("t{number}_{index}");
    let mut lines = Vec::new();
    for (index, seen) in part.nodes.iter().enumerate() {
        lines.push(format!("  {}[\"{}\"]", node(index), escaped(&seen.label())));
    }
    for (index, seen) in part.topics.iter().enumerate() {
        let label = format!("{}<br>{}", escaped(&seen.name), escaped(seen.what()));
        lines.push(format!("  {}([\"{label}\"])", topic(index)));
    }
    for (from, to, is_sent) in part.arrows() {
        lines.push(match is_sent {
            true => format!("  {} --> {}", node(from), topic(to)),
            false => format!("  {} --> {}", topic(to), node(from)),
        });
    }
    lines
}

/// Returns text with all but plain characters as Mermaid's entities, `#` and the code and `;`: it knows no backslash, and
/// takes quotes, brackets, backticks and markup for its own.
fn escaped(text: &str) -> String {
    let entity = |c: char| match c {
        c if c.is_alphanumeric() || " _.-/:,".contains(c) => c.to_string(),
        c => format!("#{};", u32::from(c)),
    };
    text.chars().map(entity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_would_read_is_an_entity() {
        assert_eq!(escaped("camera.rgb"), "camera.rgb");
        assert_eq!(escaped("a\"]#`<\n"), "a#34;#93;#35;#96;#60;#10;");
    }
}
