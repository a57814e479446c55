//! `horus graph`: who says what to whom.

mod dot;
mod mermaid;
mod outline;

use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::object;
use crate::output::{Output, json};
use crate::reads::Reads;
use crate::traffic::{Endpoints, Traffic, endpoint_rate, kind_name, language_name, role_name, state_name};
use horus_shm::{Census, Namespace, ParticipantInfo, Role, TopicInfo, now_ns};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// Show who publishes and subscribes to what
///
/// Without an option as an outline of nodes and their topics. What a process does outside of any node, as `horus topic
/// echo` does, is shown under its pid.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus graph
  horus graph --dot | dot -Tsvg > graph.svg
  horus graph --mermaid --all-namespaces
  horus graph --json | jq '.topics[] | select(.subscribers == 0).name'")]
pub(crate) struct GraphArgs {
    /// As input for graphviz
    #[arg(long, group = "form")]
    dot: bool,
    /// As a Mermaid flowchart
    #[arg(long, group = "form")]
    mermaid: bool,
    /// As one object
    #[arg(long, group = "form")]
    json: bool,
    /// Every namespace of this user
    #[arg(long, conflicts_with = "namespace")]
    all_namespaces: bool,
}

pub(crate) const SCHEMA: &str = "horus.graph/1";
pub(crate) const NODE_KEYS: &[&str] = &["name", "pid", "language", "state", "namespace"];
pub(crate) const TOPIC_KEYS: &[&str] =
    &["name", "type", "kind", "publishers", "subscribers", "rate_hz", "namespace"];
pub(crate) const EDGE_KEYS: &[&str] = &["node", "pid", "role", "topic", "rate_hz", "namespace"];

/// All there is to draw.
#[derive(Debug, Default)]
struct Graph {
    namespaces: Vec<Part>,
}

/// What lives in one namespace.
#[derive(Debug)]
struct Part {
    namespace: String,
    nodes: Vec<GraphNode>,
    topics: Vec<GraphTopic>,
    edges: Vec<Edge>,
}

/// A node, or what a process does outside of one.
#[derive(Debug)]
struct GraphNode {
    /// None for what a process does outside of its nodes.
    name: Option<String>,
    pid: u32,
    language: &'static str,
    /// None for what a process does outside of its nodes.
    state: Option<&'static str>,
}

#[derive(Debug)]
struct GraphTopic {
    name: String,
    type_name: Option<String>,
    kind: &'static str,
    publishers: usize,
    subscribers: usize,
    rate_hz: f64,
}

/// That a node publishes or subscribes to a topic.
#[derive(Debug)]
struct Edge {
    node_index: usize,
    topic_index: usize,
    role: Role,
    rate_hz: f64,
}

pub(crate) fn run(args: GraphArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let namespaces = context.namespaces(args.all_namespaces)?;
    let mut graph = Graph::default();
    for namespace in &namespaces {
        let census = Census::take(namespace)?;
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        let now_ns = now_ns();
        let reads = Reads::watch(namespace, &census, |_| true)?;
        let part = Part::of(namespace, &census, &reads, now_ns);
        // A namespace that only the dead left is nothing to draw; the one that was asked for always is.
        if !args.all_namespaces || !part.nodes.is_empty() {
            graph.namespaces.push(part);
        }
    }
    context.clean(output);
    let lines = if args.json {
        vec![json::line(&graph.envelope((!args.all_namespaces).then(|| context.namespace.name().as_str())))]
    } else if args.dot {
        dot::lines(&graph)
    } else if args.mermaid {
        mermaid::lines(&graph)
    } else {
        outline::lines(&graph, args.all_namespaces)
    };
    lines.iter().try_for_each(|line| output.line(line))?;
    output.flush()?;
    if graph.namespaces.iter().all(|part| part.nodes.is_empty()) {
        match args.all_namespaces {
            true => output.note("nobody lives in any namespace"),
            false => output.note(&format!("nobody lives in namespace '{}'", context.namespace.name())),
        }
        context.elsewhere().iter().for_each(|hint| output.hint(hint));
    }
    Ok(Exit::Ok)
}

impl Part {
    fn of(namespace: &Namespace, census: &Census, reads: &Reads, now_ns: u64) -> Part {
        let endpoints = Endpoints::of(census);
        let drawn: Vec<_> =
            census.topics.iter().filter(|topic| !endpoints.at(&topic.name).is_empty()).collect();
        let topics = drawn.iter().map(|topic| GraphTopic::of(topic, &endpoints, now_ns)).collect();
        // Found once, for there may be thousands of topics and of endpoints.
        let places = drawn.iter().enumerate().map(|(index, topic)| (topic.name.as_str(), (index, *topic)));
        let places: HashMap<_, _> = places.collect();
        let mut part =
            Part { namespace: namespace.name().to_string(), nodes: Vec::new(), topics, edges: Vec::new() };
        for process in census.participants.iter().filter(|participant| participant.alive) {
            part.add(process, &places, reads, now_ns);
        }
        part
    }

    /// Adds a process's nodes, and what it does outside of them.
    fn add(
        &mut self,
        process: &ParticipantInfo,
        places: &HashMap<&str, (usize, &TopicInfo)>,
        reads: &Reads,
        now_ns: u64,
    ) {
        let language = language_name(process.language);
        let first = self.nodes.len();
        self.nodes.extend(process.nodes.iter().map(|node| GraphNode {
            name: Some(node.name.clone()),
            pid: process.pid,
            language,
            state: Some(state_name(node.state)),
        }));
        for endpoint in &process.endpoints {
            let Some(&(topic_index, topic)) = places.get(endpoint.topic.as_str()) else { continue };
            let is_its = |node: &GraphNode| node.name.as_deref() == endpoint.node.as_deref();
            let node_index = self.nodes[first..].iter().position(is_its).map(|index| first + index);
            let node_index = node_index.unwrap_or_else(|| {
                self.nodes.push(GraphNode { name: None, pid: process.pid, language, state: None });
                self.nodes.len() - 1
            });
            let in_ring = || endpoint_rate(topic, process, endpoint, now_ns);
            let rate_hz = reads.rate(process, endpoint).unwrap_or_else(in_ring);
            self.edges.push(Edge { node_index, topic_index, role: endpoint.role, rate_hz });
        }
    }

    /// Returns the arrows to draw, each as its node, its topic, and whether it leads to the topic: two endpoints of one
    /// node on one topic are one arrow.
    fn arrows(&self) -> BTreeSet<(usize, usize, bool)> {
        self.edges.iter().map(|edge| (edge.node_index, edge.topic_index, edge.is_sent())).collect()
    }
}

impl GraphTopic {
    fn of(topic: &TopicInfo, endpoints: &Endpoints<'_>, now_ns: u64) -> GraphTopic {
        let traffic = Traffic::of(topic, endpoints, now_ns);
        GraphTopic {
            name: topic.name.to_string(),
            type_name: Some(topic.spec.type_name.clone()).filter(|name| !name.is_empty()),
            kind: kind_name(topic.spec.kind),
            publishers: traffic.publishers,
            subscribers: traffic.subscribers,
            rate_hz: traffic.rate_hz,
        }
    }

    /// Returns its type, or what it holds if that has no name.
    fn what(&self) -> &str {
        self.type_name.as_deref().unwrap_or(self.kind)
    }
}

impl GraphNode {
    fn label(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => format!("pid {}", self.pid),
        }
    }
}

impl Edge {
    fn is_sent(&self) -> bool {
        self.role == Role::Publisher
    }
}

impl Graph {
    fn envelope(&self, namespace: Option<&str>) -> Value {
        let (mut nodes, mut topics, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        for part in &self.namespaces {
            let place = &part.namespace;
            nodes.extend(part.nodes.iter().map(|node| {
                let values = [
                    json!(node.name),
                    json!(node.pid),
                    json!(node.language),
                    json!(node.state),
                    json!(place),
                ];
                object(NODE_KEYS, values)
            }));
            topics.extend(part.topics.iter().map(|topic| {
                let values = [
                    json!(topic.name),
                    json!(topic.type_name),
                    json!(topic.kind),
                    json!(topic.publishers),
                    json!(topic.subscribers),
                    json!(topic.rate_hz),
                    json!(place),
                ];
                object(TOPIC_KEYS, values)
            }));
            edges.extend(part.edges.iter().map(|edge| {
                let node = &part.nodes[edge.node_index];
                let values = [
                    json!(node.name),
                    json!(node.pid),
                    json!(role_name(edge.role)),
                    json!(part.topics[edge.topic_index].name),
                    json!(edge.rate_hz),
                    json!(place),
                ];
                object(EDGE_KEYS, values)
            }));
        }
        json!({"schema": SCHEMA, "namespace": namespace, "nodes": nodes, "topics": topics, "edges": edges})
    }
}
