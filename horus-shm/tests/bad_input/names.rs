//! Names that can't be used, and what is allowed.

use crate::actor::NAMESPACE;
use crate::process::ShmFolder;
use horus_shm::{Namespace, NamespaceName, NodeName, Settings, TopicName};

const TOPIC: &str = "a topic's name has 1 to 200 of A-Z a-z 0-9 _ - with . or / between its parts";
const SPACE: &str = "a namespace's name has 1 to 200 of A-Z a-z 0-9 _ - with . between its parts";
const NODE: &str = "a node's name has 1 to 64 of A-Z a-z 0-9 _ . -";

#[test]
fn a_topic_that_cant_be_is_told_what_can() {
    let rows = [
        ("", r#""""#, "it is empty"),
        ("/", r#""/""#, "it is empty"),
        (".", r#"".""#, "it begins with a dot"),
        ("..", r#""..""#, "it begins with a dot"),
        ("/..", r#""/..""#, "it begins with a dot"),
        (".hidden", r#"".hidden""#, "it begins with a dot"),
        ("//a", r#""//a""#, "it has an empty part"),
        ("a//b", r#""a//b""#, "it has an empty part"),
        ("a..b", r#""a..b""#, "it has an empty part"),
        ("a/../b", r#""a/../b""#, "it has an empty part"),
        ("a/", r#""a/""#, "it has an empty part"),
        ("a.", r#""a.""#, "it has an empty part"),
        ("a b", r#""a b""#, "it holds ' '"),
        ("a\0", r#""a\0""#, r"it holds '\0'"),
        ("a\n", r#""a\n""#, r"it holds '\n'"),
        ("\x1b[2J", r#""\u{1b}[2J""#, r"it holds '\u{1b}'"),
        ("a~1", r#""a~1""#, "it holds '~'"),
        ("a*", r#""a*""#, "it holds '*'"),
        (r"a\b", r#""a\\b""#, r"it holds '\\'"),
        ("é", "\"é\"", "it holds 'é'"),
        ("名", "\"名\"", "it holds '名'"),
        ("\u{202e}a", "\"\\u{202e}a\"", r"it holds '\u{202e}'"),
    ];
    for (name, shown, reason) in rows {
        let error = TopicName::new(name).expect_err("refused");
        assert_eq!(error.to_string(), format!("topic name {shown} can't be used: {reason}; {TOPIC}"));
    }
}

#[test]
fn a_long_name_is_cut_in_the_message() {
    for bytes in [201, 1 << 20] {
        let error = TopicName::new(&"x".repeat(bytes)).expect_err("refused").to_string();
        let shown = format!("{:?}…", "x".repeat(40));
        let reason = format!("it has {bytes} bytes, the limit is 200");
        assert_eq!(error, format!("topic name {shown} can't be used: {reason}; {TOPIC}"));
    }
    TopicName::new(&"x".repeat(200)).expect("the limit itself");
}

#[test]
fn one_topic_has_four_spellings() {
    let names = ["camera.image", "camera/image", "/camera/image", "/camera.image"];
    for name in names {
        assert_eq!(TopicName::new(name).expect("a name").as_str(), "camera.image");
    }
}

#[test]
fn namespaces_and_nodes_are_told_what_can_be() {
    let rows = [
        ("a/b", "it holds '/'"),
        ("", "it is empty"),
        ("..", "it begins with a dot"),
        ("a.", "it has an empty part"),
    ];
    for (name, reason) in rows {
        let words = format!("namespace name {name:?} can't be used: {reason}; {SPACE}");
        assert_eq!(NamespaceName::new(name).expect_err("refused").to_string(), words);
        let folder = ShmFolder::new();
        let settings = Settings { shm_dir: Some(folder.path().to_owned()), namespace: Some(name.into()) };
        assert_eq!(Namespace::open(&settings).map(drop).expect_err("refused").to_string(), words);
        assert!(folder.files().is_empty(), "refused before anything was made");
    }
    let rows = [
        ("a/b", "it holds '/'"),
        ("", "it is empty"),
        (".", "it names a folder"),
        ("a\tb", r"it holds '\t'"),
    ];
    for (name, reason) in rows {
        let words = format!("node name {name:?} can't be used: {reason}; {NODE}");
        assert_eq!(NodeName::new(name).expect_err("refused").to_string(), words);
    }
    let error = NodeName::new(&"n".repeat(65)).expect_err("refused").to_string();
    assert!(error.ends_with(&format!("it has 65 bytes, the limit is 64; {NODE}")), "{error}");
    NamespaceName::new(NAMESPACE).expect("a name");
}
