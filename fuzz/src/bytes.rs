//! Bytes that are read as they are: schemas, MessagePack, messages, launch files.

use horus_core::messages::{JointState, LaserScan, standard};
use horus_core::value::msgpack;
use horus_core::{Decoder, Encoder, Message, Schema, Value};
use horus_launch::{LaunchFile, Surroundings};
use horus_shm::{Payload, TopicSpec};

/// The largest message that is made up for a schema: they may ask for gigabytes.
const MADE_UP_BYTES: u32 = 64 << 10;

/// A schema that is read is written as it was, and messages of it are read and written.
pub(crate) fn schema(bytes: &[u8]) {
    let Ok(schema) = Schema::decode(bytes) else { return };
    assert_eq!(schema.encode(), bytes, "equal schemas have equal bytes");
    let spec =
        TopicSpec { kind: 1, type_name: schema.name.clone(), schema: bytes.to_vec(), capacity: 64, depth: 8 };
    let decoder = Decoder::new(&spec).expect("the schema is good");
    if schema.size > MADE_UP_BYTES {
        return;
    }
    for fill in [0, 1, 0xff] {
        round_trip(&decoder, &spec, &vec![fill; schema.size as usize]);
    }
}

/// What is read of a message is written again, and then stays what it is.
fn round_trip(decoder: &Decoder, spec: &TopicSpec, message: &[u8]) {
    let Ok(value) = decoder.decode(Payload::Inline(message)) else { return };
    let encoder = Encoder::new(spec).expect("as good as for the decoder");
    // What a tool shows need not be what a publisher may send: text that isn't UTF-8 is shown mended.
    let Ok(first) = encoder.encode(&value) else { return };
    assert!(first.len() > 0);
}

/// What is read is written, and read as the same again.
pub(crate) fn msgpack(bytes: &[u8]) {
    let Ok(value) = msgpack::decode(bytes) else { return };
    let written = written(&value);
    let again = msgpack::decode(&written).expect("what was written can be read");
    // Not by value: a NaN is no equal of its own.
    assert_eq!(self::written(&again), written);
}

fn written(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    msgpack::encode(value, &mut bytes).expect("what was read can be written");
    bytes
}

/// A message of a standard type, by the first byte; those with tails also as the types themselves.
pub(crate) fn message(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let known = standard();
    let spec = known[usize::from(*choice) % known.len()].schema().spec();
    let decoder = Decoder::new(&spec).expect("a standard message");
    round_trip(&decoder, &spec, bytes);
    again::<LaserScan>(bytes);
    again::<JointState>(bytes);
}

/// A message that is read is written with the same meaning.
fn again<T: Message>(bytes: &[u8]) {
    let Ok(message) = T::decode(bytes) else { return };
    let written = message.to_bytes();
    let read = T::decode(&written).expect("what was written can be read");
    assert_eq!(read.to_bytes(), written);
}

/// A launch file: nodes, or every fault in words.
pub(crate) fn launch_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = std::path::PathBuf::from(format!("/dev/shm/horus-fuzz-{}.yaml", std::process::id()));
    let surroundings = Surroundings {
        var: &|name| (name == "DEVICE").then(|| "/dev/null".to_owned()),
        namespace: None,
        namespace_default: Some("fuzz".into()),
    };
    std::fs::write(&path, text).expect("there is room");
    let read = LaunchFile::read(&path, &surroundings);
    std::fs::remove_file(&path).expect("just written");
    match read {
        Ok(file) => assert!(!file.namespace().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
