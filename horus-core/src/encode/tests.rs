use super::*;
use crate::Message;
use crate::block::Geometry;
use crate::decode::pool_backed;
use crate::depth_image::DepthImageMeta;
use crate::dtype::Dtype;
use crate::image::{Encoding, ImageMeta};
use crate::messages::{Imu, JointState, LaserScan};
use crate::point_cloud::{PointCloudMeta, PointLayout};
use crate::tensor::TensorMeta;
use crate::value::NdArray;
use proptest::prelude::*;

fn encoder(kind: Kind) -> Encoder {
    Encoder::new(&kind.spec()).unwrap()
}

fn refused(kind: Kind, value: Value) -> String {
    encoder(kind).encode(&value).unwrap_err().to_string()
}

fn array(dtype: Dtype, shape: &[u64], data: &[u8]) -> Value {
    Value::Array(NdArray::new(dtype, shape.to_vec(), data.to_vec()).unwrap())
}

fn descriptor(meta: &BlockMeta) -> Vec<u8> {
    let mut bytes = [0; META_BYTES_MAX];
    let length = meta.encode(&mut bytes);
    bytes[..length].to_vec()
}

fn decoded(kind: Kind, encoded: &Encoded) -> Value {
    pool_backed(kind, &encoded.to_bytes(), &encoded.descriptor().unwrap()).unwrap()
}

/// Goes from a block to its value and back, and compares the block, the descriptor and the value again. Gaps are zero.
fn leads_back<G: Geometry>(geometry: &G, numbers: &[u8]) -> Value {
    let block = geometry.to_block();
    let mut sent = vec![0; geometry.block_bytes() as usize];
    sent[..HEAD_BYTES].copy_from_slice(&BlockHead::new(u64::MAX - 1, "sensor/front").unwrap().encode());
    with_gaps(&block, numbers, &mut sent[HEAD_BYTES..]);
    let value = pool_backed(G::KIND, &sent, &descriptor(&block)).unwrap();
    let again = encoder(G::KIND).encode(&value).unwrap();
    assert_eq!(again.to_bytes(), sent, "{geometry:?}");
    assert_eq!(again.descriptor(), Some(descriptor(&block)), "{geometry:?}");
    assert_eq!(decoded(G::KIND, &again), value, "{geometry:?}");
    value
}

/// Returns so many bytes, all different from their neighbours.
fn some_bytes(count: u64) -> Vec<u8> {
    (0..count).map(|i| (i * 37 % 251) as u8).collect()
}

#[test]
fn every_image_leads_back() {
    for encoding in Encoding::ALL {
        let row = 3 * encoding.pixel_bytes();
        let numbers = some_bytes(2 * u64::from(row));
        leads_back(&ImageMeta::new(2, 3, encoding).unwrap(), &numbers);
        leads_back(&ImageMeta::with_step(2, 3, row + 8, encoding).unwrap(), &numbers);
        if DepthImageMeta::ENCODINGS.contains(&encoding) {
            leads_back(&DepthImageMeta::new(2, 3, encoding).unwrap(), &numbers);
            leads_back(&DepthImageMeta::with_step(2, 3, row + 8, encoding).unwrap(), &numbers);
        }
    }
}

#[test]
fn every_cloud_leads_back() {
    for layout in PointLayout::ALL {
        for dtype in PointCloudMeta::DTYPES {
            for count in [0, 1, 5] {
                let meta = PointCloudMeta::new(count, layout, dtype).unwrap();
                let value = leads_back(&meta, &some_bytes(meta.data_bytes()));
                assert_eq!(value.get("layout"), Some(&layout.name().into()));
            }
        }
    }
}

#[test]
fn every_tensor_leads_back() {
    for dtype in Dtype::ALL {
        let item = u64::from(dtype.size());
        for shape in [&[][..], &[0], &[5], &[2, 3], &[0, 3], &[2, 0], &[1, 2, 1, 3, 1, 1, 2, 1]] {
            let meta = TensorMeta::new(dtype, shape).unwrap();
            let value = leads_back(&meta, &some_bytes(meta.data_bytes()));
            assert_eq!(value.get("strides"), None);
        }
        for (shape, strides) in [
            (&[2, 3][..], &[1, 2][..]),
            (&[2, 3, 4], &[4, 8, 1]),
            (&[2, 3], &[8, 2]),
            (&[3], &[5]),
            (&[2, 1], &[1, 7]),
        ] {
            let strides: Vec<u64> = strides.iter().map(|stride| stride * item).collect();
            let meta = TensorMeta::with_strides(dtype, shape, &strides).unwrap();
            let value = leads_back(&meta, &some_bytes(meta.count() * item));
            assert_eq!(value.get("strides"), Some(&strides.into()));
        }
    }
}

#[test]
fn lists_and_bytes_are_what_arrays_are() {
    let numbers: Vec<u8> = [1f32, 2.0, 3.5, -4.0, 5.0, 6.0].into_iter().flat_map(f32::to_le_bytes).collect();
    let lists = Value::from(vec![vec![1.0, 2.0, 3.5], vec![-4.0, 5.0, 6.0]]);
    let of = |data: Value| {
        let shape = Value::from(vec![2i64, 3]);
        Value::from([("dtype", "f32".into()), ("shape", shape), ("data", data)])
    };
    let tensors = encoder(Kind::Tensor);
    let expected = tensors.encode(&of(array(Dtype::F32, &[2, 3], &numbers))).unwrap();
    assert_eq!(tensors.encode(&of(lists.clone())).unwrap(), expected);
    assert_eq!(tensors.encode(&of(Value::Bytes(numbers.clone()))).unwrap(), expected);
    let wide: Vec<u8> = [1f64, 2.0, 3.5, -4.0, 5.0, 6.0].into_iter().flat_map(f64::to_le_bytes).collect();
    assert_eq!(tensors.encode(&of(array(Dtype::F64, &[2, 3], &wide))).unwrap(), expected);
    let rows = Value::List(vec![
        array(Dtype::F32, &[3], &numbers[..12]),
        Value::from(vec![Value::Int(-4), Value::Float32(5.0), Value::UInt(6)]),
    ]);
    assert_eq!(tensors.encode(&of(rows)).unwrap(), expected);
    let cloud = encoder(Kind::PointCloud).encode(&Value::from([("data", lists.clone())])).unwrap();
    assert_eq!(&cloud.to_bytes()[HEAD_BYTES..], numbers);
    assert_eq!(decoded(Kind::PointCloud, &cloud).get("layout"), Some(&"xyz".into()));
    let depth = encoder(Kind::DepthImage).encode(&Value::from([("data", lists)])).unwrap();
    assert_eq!(decoded(Kind::DepthImage, &depth).get("width"), Some(&Value::Int(3)));
}

#[test]
fn what_is_left_out_follows_from_the_data() {
    let image = |data: Value| {
        let encoded = encoder(Kind::Image).encode(&Value::from([("data", data)])).unwrap();
        let value = decoded(Kind::Image, &encoded);
        (value.get("encoding").cloned().unwrap(), value.get("step").cloned().unwrap())
    };
    assert_eq!(image(array(Dtype::U8, &[2, 2], &[0; 4])), ("mono8".into(), Value::Int(2)));
    assert_eq!(image(array(Dtype::U8, &[2, 2, 1], &[0; 4])), ("mono8".into(), Value::Int(2)));
    assert_eq!(image(array(Dtype::F32, &[1, 2, 1], &[0; 8])), ("depth32f".into(), Value::Int(8)));
    assert_eq!(image(array(Dtype::U8, &[1, 2, 3], &[0; 6])), ("rgb8".into(), Value::Int(6)));
    assert_eq!(image(array(Dtype::U8, &[1, 1, 4], &[0; 4])), ("rgba8".into(), Value::Int(4)));
    assert_eq!(image(array(Dtype::U16, &[1, 2], &[0; 4])), ("mono16".into(), Value::Int(4)));
    assert_eq!(image(array(Dtype::F32, &[1, 1], &[0; 4])), ("depth32f".into(), Value::Int(4)));
    assert_eq!(image(Value::List(vec![vec![1i64, 2].into()])), ("mono8".into(), Value::Int(2)));
    let tensor = |data: Value| {
        let encoded = encoder(Kind::Tensor).encode(&Value::from([("data", data)])).unwrap();
        let value = decoded(Kind::Tensor, &encoded);
        let Some(Value::Str(dtype)) = value.get("dtype") else { panic!("{value:?}") };
        let Some(Value::Array(data)) = value.get("data") else { panic!("{value:?}") };
        (dtype.clone(), data.shape().to_vec())
    };
    assert_eq!(tensor(vec![1i64, 2].into()), ("i64".into(), vec![2]));
    assert_eq!(tensor(Value::List(vec![Value::Int(1), Value::Float(0.5)])), ("f64".into(), vec![2]));
    assert_eq!(tensor(Value::List(vec![Value::Int(1), Value::UInt(u64::MAX)])), ("u64".into(), vec![2]));
    assert_eq!(tensor(vec![true, false].into()), ("bool".into(), vec![2]));
    assert_eq!(tensor(Value::Float(0.5)), ("f64".into(), vec![]));
    assert_eq!(tensor(Value::List(vec![])), ("f64".into(), vec![0]));
    let complex = Value::from([
        ("dtype", "c64".into()),
        ("data", Value::from(vec![vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0, 6.0]])),
    ]);
    let encoded = encoder(Kind::Tensor).encode(&complex).unwrap();
    assert_eq!(decoded(Kind::Tensor, &encoded).get("shape"), Some(&vec![3i64].into()));
}

#[test]
fn what_is_wrong_is_told_with_its_key() {
    let data = || vec![vec![1i64, 2], vec![3, 4]].into();
    assert_eq!(refused(Kind::Image, Value::Int(1)), "expected the keys of Image, found an integer");
    assert_eq!(
        refused(Kind::Image, [("heigth", data())].into()),
        "Image has no key 'heigth'; did you mean 'height'?"
    );
    assert_eq!(
        refused(Kind::Tensor, [("pixels", data())].into()),
        "Tensor has no key 'pixels'; it has timestamp_ns, frame_id, dtype, shape, strides, data"
    );
    assert_eq!(
        refused(Kind::PointCloud, Value::Map(vec![])),
        "PointCloud needs 'data': an array, lists of numbers or bytes"
    );
    assert_eq!(
        refused(Kind::Image, [("data", Value::Bytes(vec![0; 12]))].into()),
        "Image needs 'height': data doesn't tell it"
    );
    assert_eq!(
        refused(Kind::Tensor, [("data", Value::Bytes(vec![0; 12]))].into()),
        "Tensor needs 'dtype': bytes don't tell it"
    );
    assert_eq!(
        refused(Kind::Image, [("data", data()), ("encoding", "rgb9".into())].into()),
        "key 'encoding': image encoding \"rgb9\" isn't known; one of rgb8, rgba8, bgr8, bgra8, mono8, mono16, depth32f, depth16"
    );
    assert_eq!(
        refused(Kind::DepthImage, [("data", data()), ("encoding", "mono8".into())].into()),
        "key 'encoding': depth image encoding \"mono8\" isn't known; one of depth32f, depth16"
    );
    assert_eq!(
        refused(Kind::Image, [("data", data()), ("height", Value::Int(3))].into()),
        "key 'data': expected 3 items, found 2"
    );
    assert_eq!(
        refused(Kind::Image, [("data", data()), ("step", Value::Int(1))].into()),
        "a step of 1 bytes is less than 2 pixels of mono8"
    );
    assert_eq!(
        refused(Kind::Image, [("data", data()), ("frame_id", "x".repeat(40).into())].into()),
        "key 'frame_id': text of 40 bytes exceeds the 32 bytes of its field"
    );
    assert_eq!(
        refused(Kind::Image, [("data", data()), ("timestamp_ns", Value::Int(-1))].into()),
        "key 'timestamp_ns': expected a count, found -1"
    );
    assert_eq!(
        refused(Kind::Image, [("data", vec![vec![1i64, 2], vec![300, 4]])].into()),
        "key 'data' > item 1 > item 0: expected u8, from 0 to 255, found 300"
    );
}

#[test]
fn fields_left_out_have_a_standard_types_defaults() {
    let imu = Encoder::new(&Imu::schema().spec()).unwrap();
    let encoded = imu.encode(&Value::from([("gyro_z", 0.5)])).unwrap();
    let message: Imu = bytemuck::pod_read_unaligned(&encoded.to_bytes());
    assert_eq!((message.gyro_z, message.qw, encoded.descriptor()), (0.5, 1.0, None));
    let error = imu.encode(&Value::from([("gyro", 0.5)])).unwrap_err().to_string();
    assert_eq!(error, "Imu has no field 'gyro'; did you mean 'gyro_x'?");
}

#[test]
fn messages_of_varying_size_are_written_by_hand_too() {
    let encoded = |schema: &Schema, value: Value| {
        let encoder = Encoder::new(&schema.spec()).unwrap();
        let bytes = encoder.encode(&value).unwrap().to_bytes();
        assert_eq!(encoder.encode(&Value::from_pod(schema, &bytes).unwrap()).unwrap().to_bytes(), bytes);
        bytes
    };
    let scan = encoded(LaserScan::schema(), [("ranges", vec![1.0, 2.5])].into());
    assert_eq!(
        LaserScan::decode(&scan).unwrap(),
        LaserScan { ranges: vec![1.0, 2.5], ..LaserScan::default() }
    );
    let names = Value::from(vec![Value::from("left"), "right".into()]);
    let joints =
        encoded(JointState::schema(), [("names", names), ("positions", vec![0.5, 1.5].into())].into());
    let joints = JointState::decode(&joints).unwrap();
    assert_eq!((joints.names[1].as_str(), joints.positions), ("right", vec![0.5, 1.5]));
    let text = encoded(messages::String::schema(), [("data", "horus")].into());
    assert_eq!(messages::String::decode(&text).unwrap().data, "horus");
    let scans = Encoder::new(&LaserScan::schema().spec()).unwrap();
    let error = scans.encode(&[("ranges", vec!["far"])].into()).unwrap_err().to_string();
    assert_eq!(error, "field 'ranges' > item 0: expected f32, found a string");
}

#[test]
fn frame_ids_that_are_no_text_lead_back() {
    let mut frame_id = [0; 32];
    frame_id[..3].copy_from_slice(&[b'a', 0xff, b'b']);
    let mut sent =
        [BlockHead { timestamp_ns: 1, frame_id: bytemuck::cast(frame_id) }.encode().to_vec(), vec![7]]
            .concat();
    let meta = TensorMeta::new(Dtype::U8, &[]).unwrap().to_block();
    let value = pool_backed(Kind::Tensor, &sent, &descriptor(&meta)).unwrap();
    assert_eq!(value.get("frame_id"), Some(&Value::Bytes(vec![b'a', 0xff, b'b'])));
    assert_eq!(encoder(Kind::Tensor).encode(&value).unwrap().to_bytes(), sent);
    // What stands behind the end of the text carries no meaning.
    sent[8 + 3] = 0;
    sent[8 + 4] = b'x';
    let value = pool_backed(Kind::Tensor, &sent, &descriptor(&meta)).unwrap();
    assert_eq!(value.get("frame_id"), Some(&Value::Bytes(vec![b'a', 0xff, b'b'])));
    let long = Value::from([("frame_id", Value::Bytes(vec![1; 33])), ("data", Value::Int(1))]);
    assert_eq!(
        refused(Kind::Tensor, long),
        "key 'frame_id': text of 33 bytes exceeds the 32 bytes of its field"
    );
    let ended = Value::from([("frame_id", Value::Bytes(vec![1, 0, 1])), ("data", Value::Int(1))]);
    assert_eq!(refused(Kind::Tensor, ended), "key 'frame_id': text has a NUL at byte 1, where it would end");
}

#[test]
fn gaps_take_no_memory_before_the_pool_gives_it() {
    let far = Value::from([
        ("dtype", "u8".into()),
        ("strides", Value::from(vec![1i64 << 45])),
        ("data", Value::Bytes(vec![1, 2])),
    ]);
    assert_eq!(encoder(Kind::Tensor).encode(&far).unwrap().len(), HEAD_BYTES as u64 + (1 << 45) + 1);
    let claimed = Value::from([
        ("dtype", "u8".into()),
        ("shape", Value::from(vec![1i64 << 40])),
        ("data", Value::List(vec![Value::Int(1)])),
    ]);
    assert_eq!(refused(Kind::Tensor, claimed), "key 'data': expected 1099511627776 items, found 1");
}

fn any_data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        (0i64..4).prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<f32>().prop_map(Value::Float32),
        proptest::sample::select(vec!["rgb8", "depth16", "xyz", "u8", "f32", "c64", "bool", "x"])
            .prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        (proptest::sample::select(Dtype::ALL.to_vec()), proptest::collection::vec(0u64..4, 0..4)).prop_map(
            |(dtype, shape)| {
                let count = shape.iter().product::<u64>() * u64::from(dtype.size());
                array(dtype, &shape, &some_bytes(count))
            }
        ),
    ];
    leaf.prop_recursive(3, 40, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::List))
}

fn any_message() -> impl Strategy<Value = Value> {
    let keys = vec![
        "timestamp_ns",
        "frame_id",
        "height",
        "width",
        "step",
        "encoding",
        "layout",
        "dtype",
        "shape",
        "strides",
        "other",
    ];
    let entry = (proptest::sample::select(keys), any_data());
    (proptest::collection::vec(entry, 0..3), any_data()).prop_map(|(entries, data)| {
        let entries = entries.into_iter().chain([("data", data)]);
        Value::Map(entries.map(|(key, value)| (key.into(), value)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is accepted is a message that leads back; nothing panics.
    #[test]
    fn what_is_written_by_hand_is_refused_or_leads_back(value in any_message()) {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_pool_backed()) {
            let Ok(encoded) = encoder(kind).encode(&value) else { continue };
            if encoded.len() < 1 << 20 {
                let read = decoded(kind, &encoded);
                prop_assert_eq!(&encoder(kind).encode(&read).unwrap(), &encoded);
            }
        }
    }
}
