//! `horus topic echo … | horus topic pub … --file -`, for every kind of message: the same bytes in shared memory.

mod support;

use horus_core::value::msgpack;
use horus_core::{Dtype, Encoder, Field, FieldKind, Kind, NdArray, Schema, Value};
use horus_shm::{Payload, Publisher, PublisherOptions, Subscriber, TopicName, TopicSpec};
use std::process::Stdio;
use support::{Place, Running, WATCHDOG, subscriber, wait_subscribed};

/// A message as it lies in shared memory, in its slot or in a block.
#[derive(Clone, PartialEq)]
struct Message {
    bytes: Vec<u8>,
    /// Describes the block of a pool-backed kind.
    meta: Vec<u8>,
}

fn inline(bytes: Vec<u8>) -> Message {
    Message { bytes, meta: Vec::new() }
}

fn receive(subscriber: &mut Subscriber) -> Message {
    assert!(subscriber.wait(Some(WATCHDOG)).unwrap(), "nothing came");
    match subscriber.recv().unwrap().unwrap().payload {
        Payload::Inline(bytes) => Message { bytes: bytes.to_vec(), meta: Vec::new() },
        Payload::Block { block, meta } => Message { bytes: block.bytes().to_vec(), meta: meta.to_vec() },
    }
}

fn send(publisher: &mut Publisher, message: &Message) {
    if message.meta.is_empty() {
        return publisher.send(&message.bytes).unwrap();
    }
    let len = message.bytes.len() as u64;
    let mut block = publisher.participant().allocate(len).unwrap();
    block.copy_from_slice(&message.bytes);
    publisher.send_block(&block.freeze(), len, &message.meta).unwrap();
}

/// Sends the messages on one topic, takes them through `echo` and `pub`, and compares what arrives on another.
fn leads_back(spec: &TopicSpec, messages: &[Message]) {
    for options in [&[] as &[&str], &["--json"]] {
        let place = Place::new();
        let here = place.join();
        let topic = TopicName::new("source").unwrap();
        let options_of_topic = PublisherOptions::default();
        let mut source = Publisher::open(&here, &topic, spec, options_of_topic).unwrap();
        let mut copy = subscriber(&place.join(), "copy", spec);
        let mut echo = place.horus(&[&["topic", "echo", "source"], options].concat());
        let mut echo = echo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut publishing = place.horus(&["topic", "pub", "copy", "--file", "-"]);
        publishing.stdin(echo.stdout.take().unwrap());
        let publishing = Running::start(publishing);
        wait_subscribed(&here, "source", 1);
        for (index, message) in messages.iter().enumerate() {
            send(&mut source, message);
            // One after the other: live, and none is lost to a ring that is full.
            assert!(receive(&mut copy) == *message, "{options:?}: message {index} came as another");
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&echo), rustix::process::Signal::INT)
            .unwrap();
        let ended = publishing.finish();
        assert_eq!(ended.code(), 0, "{ended:?}");
        assert_eq!(ended.err, format!("{} messages published on 'copy'\n", messages.len()));
        assert!(echo.wait().unwrap().success());
        let told = std::io::read_to_string(echo.stderr.take().unwrap()).unwrap();
        assert_eq!(told, format!("{} messages shown, 0 dropped\n", messages.len()));
    }
}

/// All kinds of fields, so that none lies off its boundary.
fn everything() -> Schema {
    let point = Schema::new(
        "Point",
        ["x", "y"]
            .iter()
            .zip([0, 8])
            .map(|(name, offset)| Field { name: (*name).into(), offset, kind: FieldKind::Scalar(Dtype::F64) })
            .collect(),
    )
    .unwrap();
    let mut offset = 0;
    let fields = [
        ("unsigned", FieldKind::Scalar(Dtype::U64)),
        ("signed", FieldKind::Scalar(Dtype::I64)),
        ("wide", FieldKind::Scalar(Dtype::F64)),
        ("at", FieldKind::Nested(point.clone())),
        ("path", FieldKind::Array(2, FieldKind::Nested(point).into())),
        ("ranges", FieldKind::Seq(FieldKind::Scalar(Dtype::F32).into())),
        ("names", FieldKind::Seq(FieldKind::FixedString(8).into())),
        ("text", FieldKind::String),
        ("narrow", FieldKind::Scalar(Dtype::F32)),
        ("table", FieldKind::Array(2, FieldKind::Array(2, FieldKind::Scalar(Dtype::F32).into()).into())),
        ("small", FieldKind::Array(2, FieldKind::Scalar(Dtype::I16).into())),
        ("name", FieldKind::FixedString(6)),
        ("done", FieldKind::Bool),
        ("mode", FieldKind::Enum(vec![("idle".into(), 0), ("true".into(), 1)])),
    ];
    let fields = fields.map(|(name, kind)| {
        let field = Field { name: name.into(), offset, kind };
        offset += field.kind.size() as u32;
        field
    });
    Schema::new("Everything", fields.into()).unwrap()
}

#[test]
fn typed_messages_lead_back() {
    let schema = everything();
    let odd_text = "yes\0\u{1}\"quoted\": 'it'\r\n\u{85}\u{2028}\u{feff}😀\t- # ---\n...\n12";
    let point = |x: f64, y: f64| Value::from([("x", x), ("y", y)]);
    let f32s = |numbers: &[u32]| {
        let data = numbers.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        Value::Array(NdArray::new(Dtype::F32, vec![numbers.len() as u64], data).unwrap())
    };
    let messages = [
        Value::from([("unsigned", Value::from(0u64))]),
        Value::from([
            ("unsigned", u64::MAX.into()),
            ("signed", i64::MIN.into()),
            ("wide", Value::Float(f64::from_bits(0xfff8_0000_0000_0001))),
            ("at", point(-0.0, f64::INFINITY)),
            (
                "path",
                Value::List(vec![point(f64::MIN_POSITIVE / 4.0, f64::MAX), point(0.1, f64::NEG_INFINITY)]),
            ),
            ("ranges", f32s(&[0x7f80_0000, 0x7fc0_0000, 0x7fa0_0001, 0x8000_0000, 1, 0x15ae_43fd])),
            (
                "names",
                Value::List(vec![
                    "null".into(),
                    "".into(),
                    "2024-1-1".into(),
                    Value::Bytes(vec![0xff, 0xfe]),
                ]),
            ),
            ("text", odd_text.into()),
            ("narrow", Value::Float32(f32::from_bits(0xffc1_2345))),
            ("name", "no".into()),
            ("done", true.into()),
            ("mode", Value::Bytes(vec![200])),
        ]),
        Value::from([("text", Value::from("x".repeat(5000))), ("ranges", f32s(&vec![0x3dcc_cccd; 1500]))]),
    ];
    let messages = messages.map(|value| inline(Value::to_pod(&schema, &value).unwrap()));
    leads_back(&schema.spec(), &messages);
}

#[test]
fn dicts_lead_back() {
    let deep = (0..20).fold(Value::Nil, |value, _| Value::List(vec![Value::from([("in", value)])]));
    let messages = [
        Value::Map(vec![]),
        Value::Map(vec![
            ("f32".into(), Value::Float32(0.1)),
            ("f64".into(), Value::Float(0.1)),
            ("whole".into(), Value::Float(1.0)),
            ("u64".into(), u64::MAX.into()),
            ("nan".into(), Value::Float(f64::from_bits(0x7ff0_0000_0000_0001))),
            ("bytes".into(), Value::Bytes((0..=255).collect())),
            ("like bytes".into(), "\u{1}binary:AP8=".into()),
            ("like a tag".into(), "!!binary \"AP8=\"".into()),
            (Value::Int(-7), "integer key".into()),
            (Value::Bool(true), "truth key".into()),
            (Value::Nil, "no key".into()),
            (Value::List(vec![1i64.into()]), Value::Map(vec![(Value::Map(vec![]), Value::Nil)])),
            ("key\n: with - all".into(), deep),
            ("named".into(), Value::from([("$f32", 1i64)])),
            (
                "line".into(),
                Value::from([("seq", 1i64), ("t_pub_ns", 2), ("latency_ns", 3), ("dropped", 4), ("data", 5)]),
            ),
        ]),
        Value::from([
            ("none", array(Dtype::F32, &[], &1f32.to_le_bytes())),
            ("empty", array(Dtype::I16, &[0, 3], &[])),
            ("matrix", array(Dtype::F32, &[1, 2], &[0, 0, 0x80, 0x7f, 0, 0, 0x80, 0xbf])),
            ("complex", array(Dtype::C64, &[1], &[0, 0, 0xc0, 0x7f, 0, 0, 0, 0x80])),
            ("half", array(Dtype::F16, &[2], &[0x55, 0x35, 1, 0x7c])),
            ("truth", array(Dtype::Bool, &[3], &[0, 1, 1])),
            ("scribbled truth", array(Dtype::Bool, &[2], &[0, 9])),
            ("large", array(Dtype::U8, &[20_001], &[7; 20_001])),
        ]),
        Value::from([("seq", 1i64), ("t_pub_ns", 2), ("latency_ns", 3), ("dropped", 4), ("data", 5)]),
    ];
    let messages = messages.map(|value| {
        let mut bytes = Vec::new();
        msgpack::encode(&value, &mut bytes).unwrap();
        inline(bytes)
    });
    leads_back(&Kind::Dict.spec(), &messages);
}

/// A block of a pool-backed kind.
fn block(kind: Kind, value: &Value) -> Message {
    let encoded = Encoder::new(&kind.spec()).unwrap().encode(value).unwrap();
    Message { bytes: encoded.to_bytes(), meta: encoded.descriptor().unwrap() }
}

fn array(dtype: Dtype, shape: &[u64], data: &[u8]) -> Value {
    Value::Array(NdArray::new(dtype, shape.to_vec(), data.to_vec()).unwrap())
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn pictures_lead_back() {
    let small = Value::from([
        ("timestamp_ns", Value::from(u64::MAX)),
        ("frame_id", "camera: \"left\"\n".into()),
        ("encoding", "bgr8".into()),
        ("data", array(Dtype::U8, &[2, 2, 3], &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255])),
    ]);
    let padded =
        Value::from([("step", Value::Int(8)), ("data", array(Dtype::U8, &[2, 3], &[1, 2, 3, 4, 5, 6]))]);
    let (height, width) = (120, 160);
    let pixels: Vec<u8> = (0..height * width * 3).map(|n| (n % 251) as u8).collect();
    let large = Value::from([("data", array(Dtype::U8, &[height, width, 3], &pixels))]);
    leads_back(&Kind::Image.spec(), &[small, padded, large].map(|value| block(Kind::Image, &value)));
}

#[test]
fn distances_and_points_lead_back() {
    let metres = f32s(&[0.5, f32::INFINITY, f32::NAN, -0.0]);
    let depth = [
        Value::from([("data", array(Dtype::F32, &[2, 2], &metres))]),
        Value::from([("data", array(Dtype::U16, &[1, 2], &[1, 2, 255, 255]))]),
    ];
    leads_back(&Kind::DepthImage.spec(), &depth.map(|value| block(Kind::DepthImage, &value)));
    let odd_nan = f32::from_bits(0xffc0_0001);
    let clouds = [
        Value::from([(
            "data",
            array(Dtype::F32, &[2, 3], &f32s(&[1.0, 0.1, odd_nan, f32::MIN, 1e-45, 7.0])),
        )]),
        Value::from([("data", array(Dtype::F32, &[1, 6], &f32s(&[1.0, 2.0, 3.0, 255.0, 0.0, 0.0])))]),
        Value::from([("data", array(Dtype::F64, &[1, 4], &[0x55; 32]))]),
        Value::from([("data", array(Dtype::F32, &[0, 4], &[]))]),
        Value::from([("data", array(Dtype::F32, &[5000, 3], &[0x41; 60_000]))]),
    ];
    leads_back(&Kind::PointCloud.spec(), &clouds.map(|value| block(Kind::PointCloud, &value)));
}

#[test]
fn tensors_of_all_types_lead_back() {
    let mut tensors = Vec::new();
    for dtype in Dtype::ALL {
        let bytes =
            |seed: u8| vec![if dtype == Dtype::Bool { seed % 2 } else { seed }; 6 * dtype.size() as usize];
        // Numbers, and what is no number in any type with a fraction.
        for seed in [0x3c, 0xff] {
            tensors.push(Value::from([("data", array(dtype, &[2, 3], &bytes(seed)))]));
            tensors.push(Value::from([("data", array(dtype, &[], &bytes(seed)[..dtype.size() as usize]))]));
        }
        tensors.push(Value::from([("data", array(dtype, &[3, 0, 2], &[]))]));
        tensors.push(Value::from([
            ("strides", Value::from([1, 2].map(|step| i64::from(step * dtype.size())).to_vec())),
            ("data", array(dtype, &[2, 3], &bytes(0x3d))),
        ]));
    }
    let tensors: Vec<_> = tensors.iter().map(|value| block(Kind::Tensor, value)).collect();
    leads_back(&Kind::Tensor.spec(), &tensors);
}
