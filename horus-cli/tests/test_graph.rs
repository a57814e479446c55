//! `horus graph`.

mod support;

use horus_core::{Message, messages::CmdVel};
use horus_shm::{
    NodeName, NodeRecord, NodeSpec, Participant, Publisher, PublisherOptions, Subscriber, SubscriberOptions,
    TopicName, TopicSpec,
};
use serde_json::{Value, json};
use std::sync::Arc;
use support::Place;

/// A driver that commands, a base that listens, and a process that sends something of a strange type.
struct Robot {
    _nodes: [NodeRecord; 2],
    _publishers: [Publisher; 2],
    _subscriber: Subscriber,
}

/// A type name with all that dot, Mermaid and a terminal take for their own.
const STRANGE: &str = "we\"ird\\ <T> & [x] `y` #; \u{1b}[31m";

fn robot(here: &Arc<Participant>) -> Robot {
    let node = |name| here.add_node(&NodeName::new(name).unwrap(), NodeSpec { rate_hz: 10.0 }).unwrap();
    let (driver, base) = (node("driver"), node("base"));
    let cmd = TopicName::new("cmd_vel").unwrap();
    let options = PublisherOptions { node: Some(driver.index()), ..PublisherOptions::default() };
    let command = Publisher::open(here, &cmd, &CmdVel::schema().spec(), options).unwrap();
    let options = SubscriberOptions { node: Some(base.index()), ..SubscriberOptions::default() };
    let subscriber = Subscriber::open(here, &cmd, Some(&CmdVel::schema().spec()), options).unwrap();
    let spec = TopicSpec { type_name: STRANGE.into(), ..CmdVel::schema().spec() };
    let strange = support::publisher(here, "odd.topic", &spec);
    Robot { _nodes: [driver, base], _publishers: [command, strange], _subscriber: subscriber }
}

#[test]
fn the_outline_shows_who_hears_and_says_what() {
    let place = Place::new();
    let here = place.join();
    let _robot = robot(&here);
    let pid = std::process::id();
    let ended = place.run(&["graph"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    let expected = format!(
        "base (pid {pid}, rust)\n  <- cmd_vel (CmdVel, 0.00 Hz)\n\
         driver (pid {pid}, rust)\n  -> cmd_vel (CmdVel, 0.00 Hz)\n\
         pid {pid} (rust)\n  -> odd.topic (we\"ird\\ <T> & [x] `y` #; \\u001b[31m, 0.00 Hz)\n\
         nobody subscribes to odd.topic\n"
    );
    assert_eq!(ended.out, expected);
}

#[test]
fn the_object_holds_nodes_topics_and_edges() {
    let place = Place::new();
    let here = place.join();
    let _robot = robot(&here);
    let all: Value = serde_json::from_str(&place.run(&["graph", "--json"]).out).unwrap();
    assert_eq!((&all["schema"], &all["namespace"]), (&"horus.graph/1".into(), &"test".into()));
    let pid = std::process::id();
    assert_eq!(
        all["edges"],
        json!([
            {"node": "driver", "pid": pid, "role": "publisher", "topic": "cmd_vel", "rate_hz": 0.0, "namespace": "test"},
            {"node": "base", "pid": pid, "role": "subscriber", "topic": "cmd_vel", "rate_hz": 0.0, "namespace": "test"},
            {"node": null, "pid": pid, "role": "publisher", "topic": "odd.topic", "rate_hz": 0.0, "namespace": "test"},
        ])
    );
    assert_eq!(
        all["nodes"][0],
        json!({"name": "driver", "pid": pid, "language": "rust", "state": "Running", "namespace": "test"})
    );
    assert_eq!(
        all["topics"][1],
        json!({"name": "odd.topic", "type": STRANGE, "kind": "typed", "publishers": 1, "subscribers": 0,
               "rate_hz": 0.0, "namespace": "test"})
    );
}

/// Words, punctuation and strings of graphviz's language, as its scanner parts them.
fn dot_tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '"' => {
                let mut string = String::from("\"");
                loop {
                    match rest.next().expect("a string ends") {
                        // The scanner takes only these two; the rest is the label's affair.
                        '\\' if matches!(rest.peek(), Some('"' | '\\')) => {
                            string.extend(['\\', rest.next().unwrap()]);
                        }
                        '"' => break,
                        c => string.push(c),
                    }
                }
                tokens.push(string);
            }
            '-' => {
                assert_eq!(rest.next(), Some('>'));
                tokens.push("->".into());
            }
            '{' | '}' | '[' | ']' | ';' | '=' | ',' => tokens.push(c.into()),
            c => {
                assert!(c.is_ascii_alphanumeric() || c == '_', "{c:?} begins no word of dot's");
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                tokens.push(word);
            }
        }
    }
    tokens
}

/// Reads a graph by dot's grammar as far as we use it; returns labels and edges.
fn dot_graph(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let tokens = dot_tokens(text);
    assert_eq!(tokens[..3], ["digraph", "horus", "{"]);
    let (mut labels, mut edges, mut depth, mut at) = (vec![], vec![], 1, 3);
    while depth > 0 {
        let is_word = |at: usize| tokens[at].starts_with(|c: char| c.is_ascii_alphabetic());
        if tokens[at] == "}" {
            (depth, at) = (depth - 1, at + 1);
        } else if tokens[at] == "subgraph" {
            assert!(is_word(at + 1) && tokens[at + 2] == "{");
            (depth, at) = (depth + 1, at + 3);
        } else {
            assert!(is_word(at), "{:?}", &tokens[at..]);
            match tokens[at + 1].as_str() {
                "=" => at += 3,
                "->" => {
                    assert!(is_word(at + 2));
                    edges.push((tokens[at].clone(), tokens[at + 2].clone()));
                    at += 3;
                }
                "[" => {
                    at += 2;
                    loop {
                        assert!(is_word(at) && tokens[at + 1] == "=");
                        if tokens[at] == "label" {
                            labels.push(tokens[at + 2].trim_start_matches('"').to_owned());
                        }
                        at += 4;
                        if tokens[at - 1] == "]" {
                            break;
                        }
                        assert_eq!(tokens[at - 1], ",");
                    }
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(tokens[at], ";");
            at += 1;
        }
    }
    assert_eq!(at, tokens.len());
    (labels, edges)
}

#[test]
fn dot_reads_what_it_gets() {
    let place = Place::new();
    let here = place.join();
    let _robot = robot(&here);
    let (labels, edges) = dot_graph(&place.run(&["graph", "--dot"]).out);
    let pid = format!("pid {}", std::process::id());
    let strange = r#"odd.topic\nwe\"ird\\ &lt;T&gt; &amp; [x] `y` #; \\u001b[31m"#;
    assert_eq!(labels, ["driver", "base", &pid, r"cmd_vel\nCmdVel", strange]);
    let pairs: Vec<_> = edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(pairs, [("n0_0", "t0_0"), ("t0_0", "n0_1"), ("n0_2", "t0_1")]);
    let other = place.join_namespace("robot");
    let _node = other.add_node(&NodeName::new("arm").unwrap(), NodeSpec { rate_hz: 1.0 }).unwrap();
    let both = place.run(&["graph", "--dot", "--all-namespaces"]).out;
    let (labels, _) = dot_graph(&both);
    assert!(labels.contains(&"arm".to_owned()) && both.contains("label=\"robot\""), "{both}");
}

#[test]
fn mermaid_gets_entities_for_what_it_would_read() {
    let place = Place::new();
    let here = place.join();
    let _robot = robot(&here);
    let pid = std::process::id();
    let expected = format!(
        "flowchart LR\n  n0_0[\"driver\"]\n  n0_1[\"base\"]\n  n0_2[\"pid {pid}\"]\n  \
         t0_0([\"cmd_vel<br>CmdVel\"])\n  \
         t0_1([\"odd.topic<br>we#34;ird#92; #60;T#62; #38; #91;x#93; #96;y#96; #35;#59; #27;#91;31m\"])\n  \
         n0_0 --> t0_0\n  t0_0 --> n0_1\n  n0_2 --> t0_1\n"
    );
    assert_eq!(place.run(&["graph", "--mermaid"]).out, expected);
}

#[test]
fn an_empty_namespace_says_so() {
    let place = Place::new();
    let _other = place.join_namespace("robot");
    let ended = place.run(&["graph"]);
    assert_eq!((ended.code(), ended.out.as_str()), (0, ""));
    assert_eq!(
        ended.err,
        "nobody lives in namespace 'test'\nhint: nodes live in namespace 'robot' (use -n robot)\n"
    );
    assert_eq!(place.run(&["graph", "--dot", "--json"]).code(), 2, "one form at a time");
}
