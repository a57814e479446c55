//! What the fuzzer begins with: a few good inputs of every target.

use super::files;
use horus_core::messages::{JointState, standard};
use horus_core::value::{NdArray, msgpack};
use horus_core::{
    BlockHead, Dtype, Encoding, Geometry, HEAD_BYTES, ImageMeta, META_BYTES_MAX, Message, PointCloudMeta,
    PointLayout, TensorMeta, Value,
};

/// Returns targets, names and bytes; the files hold what is in them just now.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds: Vec<_> =
        files::pristine().into_iter().map(|(target, bytes)| (target, "living".to_owned(), bytes)).collect();
    for message in standard() {
        seeds.push(("schema", message.name.to_owned(), message.schema().encode()));
    }
    for (index, message) in
        standard().iter().enumerate().filter(|(_, message)| message.schema().is_variable())
    {
        seeds.push((
            "message",
            message.name.to_owned(),
            [&[index as u8], &message.default_bytes()[..]].concat(),
        ));
    }
    let joints = JointState { positions: vec![0.5; 3], velocities: vec![1.0; 3], ..Default::default() };
    seeds.push(("message", "three_joints".into(), [&[0], &joints.to_bytes()[..]].concat()));
    seeds.extend(values().into_iter().map(|(name, value)| {
        let mut bytes = Vec::new();
        msgpack::encode(&value, &mut bytes).expect("it can be written");
        ("msgpack", name.to_owned(), bytes)
    }));
    seeds.extend(descriptors());
    for (name, text) in [
        ("shortest", "nodes:\n  - {name: a, cmd: horus run a.py}\n"),
        (
            "full",
            "version: 1\nname: arm\nnamespace: lab\nx-note: &grace 250ms\nenv: {RATE: 50}\nnodes:\n  - name: driver\n    \
             command: [./driver, '${DEVICE}']\n    args: --verbose '${NODE}'\n    cwd: bin\n    stop_timeout: *grace\n    \
             restart: {policy: always, max_retries: 7, reset_after: 1m, backoff: {initial: 1, factor: 3, max: 9s}}\n  \
             - {name: spare, cmd: spare, enabled: false, restart: no}\n",
        ),
    ] {
        seeds.push(("launch_file", name.into(), text.into()));
    }
    seeds
}

fn values() -> [(&'static str, Value); 2] {
    let array = NdArray::new(Dtype::F32, vec![2, 2], vec![0; 16]).expect("the bytes fit the shape");
    [
        ("flat", Value::from([("id", 7i64), ("n", -1)])),
        (
            "deep",
            Value::Map(vec![
                ("text".into(), "a\u{7f}ß".into()),
                (Value::Int(3), Value::Bytes(vec![0, 255])),
                ("list".into(), Value::List(vec![Value::Nil, Value::Bool(true), Value::Float(1.5)])),
                ("array".into(), Value::Array(array)),
            ]),
        ),
    ]
}

/// Kind, length of the descriptor's own part, that part, the block.
fn descriptors() -> Vec<(&'static str, String, Vec<u8>)> {
    let image = ImageMeta::with_step(2, 2, 8, Encoding::Rgb8).expect("a small one").to_block();
    let cloud = PointCloudMeta::new(3, PointLayout::Xyz, Dtype::F32).expect("a small one").to_block();
    let tensor = TensorMeta::with_strides(Dtype::U16, &[2, 3], &[2, 4]).expect("a small one").to_block();
    [(0u8, "image", image), (2, "point_cloud", cloud), (3, "tensor", tensor)]
        .map(|(kind, name, meta)| {
            let mut out = [0; META_BYTES_MAX];
            let length = meta.encode(&mut out);
            let head = BlockHead::new(1, "camera").expect("a short name").encode();
            let numbers = vec![3; meta.extent() as usize];
            assert_eq!(head.len(), HEAD_BYTES);
            let bytes = [&[kind, length as u8], &out[..length], &head[..], &numbers].concat();
            ("descriptor", name.to_owned(), bytes)
        })
        .to_vec()
}
