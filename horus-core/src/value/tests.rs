use super::msgpack::{ARRAY_EXT_TYPE, decode, encode};
use super::*;
use crate::messages::{CmdVel, Imu};
use crate::{Bool, Dtype, Field, FieldKind, FixedStr, Message, Schema, ValueError};
use proptest::prelude::*;

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out).unwrap();
    out
}

fn array(dtype: Dtype, shape: &[u64], data: &[u8]) -> Value {
    Value::Array(NdArray::new(dtype, shape.to_vec(), data.to_vec()).unwrap())
}

/// Where something was.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
struct Place {
    /// In m.
    x: f64,
    /// In m.
    #[message(default = 2.5)]
    y: f64,
}

/// All that a derived message may hold.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "all.of.it", name = "AllOfIt")]
struct Everything {
    /// Two
    /// lines.
    here: Place,
    past: [Place; 2],
    table: [[f32; 2]; 3],
    count: u32,
    small: i16,
    #[message(one_of(idle = 0, moving = 3))]
    r#type: u8,
    done: Bool,
    name: FixedStr<8>,
}

#[test]
fn the_derive_tells_what_it_saw() {
    assert_eq!((Everything::NAME, Everything::TOPIC), ("AllOfIt", Some("all.of.it")));
    assert_eq!(Everything::DOC, "All that a derived message may hold.");
    assert_eq!((Everything::FIELDS[0].doc, Everything::FIELDS[5].name), ("Two lines.", "type"));
    let schema = Everything::schema();
    assert_eq!(schema.size as usize, size_of::<Everything>());
    assert_eq!(schema.field("table").unwrap().kind.to_string(), "f32[2][3]");
    assert_eq!(schema.field("type").unwrap().kind.to_string(), "enum{idle=0, moving=3}");
    assert_eq!(Everything::default().past[1].y, 2.5);
    assert_eq!(&Schema::decode(&schema.encode()).unwrap(), schema);
}

#[test]
fn a_message_leads_through_its_value_and_back() {
    let mut message =
        Everything { count: 7, small: -2, r#type: 3, done: true.into(), ..Everything::default() };
    message.table[1] = [0.5, -1.0];
    message.name = "arm".try_into().unwrap();
    let value = Value::from_pod(Everything::schema(), bytemuck::bytes_of(&message)).unwrap();
    assert_eq!(value.get("type"), Some(&"moving".into()));
    assert_eq!(value.get("done"), Some(&true.into()));
    assert_eq!(value.get("name"), Some(&"arm".into()));
    assert_eq!(value.get("here").and_then(|here| here.get("y")), Some(&2.5.into()));
    let row = value.get("table").and_then(|table| table.item(1)).unwrap();
    assert_eq!(row.item(0).unwrap().as_ref(), &Value::Float32(0.5));
    let back = Value::to_pod(Everything::schema(), &value).unwrap();
    assert_eq!(bytemuck::pod_read_unaligned::<Everything>(&back), message);
}

#[test]
fn what_is_not_given_is_zero_or_kept() {
    let schema = CmdVel::schema();
    let value = Value::from([("linear", 1.5)]);
    let message: CmdVel = bytemuck::pod_read_unaligned(&Value::to_pod(schema, &value).unwrap());
    assert_eq!(message, CmdVel { timestamp_ns: 0, linear: 1.5, angular: 0.0 });
    let base = bytemuck::bytes_of(&Imu::default()).to_vec();
    let imu: Imu = bytemuck::pod_read_unaligned(
        &Value::to_pod_over(Imu::schema(), &[("qx", 1)].map(|(k, v)| (k, Value::Int(v))).into(), base)
            .unwrap(),
    );
    assert_eq!((imu.qx, imu.qw), (1.0, 1.0));
    assert!(Value::to_pod_over(schema, &value, vec![0; 15]).is_err());
}

#[test]
fn what_does_not_fit_a_field_is_told_with_its_path() {
    let refused = |value: Value| Value::to_pod(Everything::schema(), &value).unwrap_err().to_string();
    assert_eq!(
        refused([("here", Value::from([("x", "far")]))].into()),
        "field 'here.x': expected f64, found a string"
    );
    assert_eq!(
        refused([("count", Value::Int(-1))].into()),
        "field 'count': expected u32, from 0 to 4294967295, found -1"
    );
    assert_eq!(
        refused([("small", Value::UInt(u64::MAX))].into()),
        "field 'small': expected i16, from -32768 to 32767, found 18446744073709551615"
    );
    assert_eq!(
        refused([("small", 1.0)].into()),
        "field 'small': expected i16, found a number with a fraction"
    );
    assert_eq!(
        refused([("name", "a long name")].into()),
        "field 'name': text of 11 bytes exceeds the 8 bytes of its field"
    );
    assert_eq!(
        refused([("type", "flying")].into()),
        "field 'type': expected one of idle (0), moving (3), found 'flying'"
    );
    assert_eq!(refused([("cuont", 1.0)].into()), "AllOfIt has no field 'cuont'; did you mean 'count'?");
    assert_eq!(
        refused([("done", 1.0)].into()),
        "field 'done': expected bool, found a number with a fraction"
    );
    let two = Value::List(vec![Value::Map(vec![]), [("y", Value::Nil)].into()]);
    assert_eq!(
        refused([("past", two)].into()),
        "field 'past' > item 1 > field 'y': expected f64, found nothing"
    );
    let short: Value = vec![1.0, 2.0].into();
    assert_eq!(refused([("table", short)].into()), "field 'table': expected f32[2][3], found 2 items");
    assert_eq!(refused(Value::Int(1)), "expected the fields of AllOfIt, found an integer");
    let large = Value::from([("linear", 1e300)]);
    assert_eq!(
        Value::to_pod(CmdVel::schema(), &large).unwrap_err().to_string(),
        "field 'linear': 1e300 exceeds the range of f32"
    );
}

#[test]
fn lists_arrays_and_bytes_fill_arrays() {
    let table = |table: Value| Value::to_pod(Everything::schema(), &[("table", table)].into());
    let nested: Value = vec![vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0, 6.0]].into();
    let bytes: Vec<u8> = (1..=6).flat_map(|n| (n as f32).to_le_bytes()).collect();
    let wide: Vec<u8> = (1..=6).flat_map(|n| f64::from(n).to_le_bytes()).collect();
    let small: Vec<u8> = (1..=6).collect();
    let expected = table(nested).unwrap();
    assert_eq!(table(array(Dtype::F32, &[3, 2], &bytes)).unwrap(), expected);
    assert_eq!(table(array(Dtype::F64, &[3, 2], &wide)).unwrap(), expected);
    assert_eq!(table(array(Dtype::U8, &[3, 2], &small)).unwrap(), expected);
    assert!(table(array(Dtype::F32, &[2, 3], &bytes)).is_err());
}

fn scan() -> Schema {
    let field = |name: &str, offset, kind| Field { name: name.into(), offset, kind };
    let f32s = FieldKind::Seq(Box::new(FieldKind::Scalar(Dtype::F32)));
    let point = FieldKind::Nested(Place::schema().clone());
    Schema::new(
        "Scan",
        vec![
            field("note", 0, FieldKind::String),
            field("ranges", 16, f32s),
            field("places", 32, FieldKind::Seq(Box::new(point))),
        ],
    )
    .unwrap()
}

#[test]
fn tails_stand_behind_the_head_in_field_order() {
    let places = Value::List(vec![[("x", 1.0), ("y", 2.0)].into(), [("x", 3.0), ("y", 4.0)].into()]);
    let ranges = array(Dtype::F32, &[3], &[0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64]);
    let value: Value = [("places", places), ("ranges", ranges.clone()), ("note", "hello".into())].into();
    let bytes = Value::to_pod(&scan(), &value).unwrap();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!([0, 8, 16, 24, 32, 40].map(word), [5, 48, 3, 56, 2, 72]);
    assert_eq!(bytes.len(), 72 + 32);
    let back = Value::from_pod(&scan(), &bytes).unwrap();
    assert_eq!((back.get("note"), back.get("ranges")), (Some(&"hello".into()), Some(&ranges)));
    assert_eq!(Value::to_pod(&scan(), &back).unwrap(), bytes);
    assert_eq!(
        Value::from_pod(&scan(), &Value::to_pod(&scan(), &Value::Map(vec![])).unwrap()).unwrap().get("note"),
        Some(&"".into())
    );
}

#[test]
fn tails_that_lead_outside_are_refused() {
    let value: Value = [("note", "hello")].into();
    let good = Value::to_pod(&scan(), &value).unwrap();
    assert_eq!(good.len(), 56);
    for (at, word) in
        [(0, 9), (0, u64::MAX), (8, 52), (8, 49), (8, 40), (8, u64::MAX), (16, 1 << 62), (32, 4)]
    {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        assert!(Value::from_pod(&scan(), &bytes).is_err(), "{word:#x} at {at}");
    }
    let error = Value::from_pod(&scan(), &good[..40]).unwrap_err();
    assert_eq!(error.to_string(), "a message of 40 bytes is no Scan, which has 48 and more");
}

#[test]
fn messagepack_is_what_others_write() {
    let value: Value =
        [("a", Value::Int(1)), ("b", Value::List(vec![Value::Nil, true.into(), (-1i64).into()]))].into();
    assert_eq!(encoded(&value), b"\x82\xa1a\x01\xa1b\x93\xc0\xc3\xff");
    assert_eq!(
        encoded(&Value::Map(vec![(Value::Int(300), Value::Bytes(vec![1, 2]))])),
        b"\x81\xcd\x01\x2c\xc4\x02\x01\x02"
    );
    assert_eq!(encoded(&array(Dtype::U8, &[2], &[7, 8])), b"\xc7\x0b\x01\x93\xa3|u1\x91\x02\xc4\x02\x07\x08");
    assert_eq!(decode(b"\xce\xff\xff\xff\xff").unwrap(), Value::Int(0xffff_ffff));
    assert_eq!(decode(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff").unwrap(), Value::UInt(u64::MAX));
    assert_eq!(decode(b"\xd3\0\0\0\0\0\0\0\x05").unwrap(), Value::Int(5));
}

/// All that a message can hold, in its shortest form: what a number takes decides how it is written.
#[test]
fn canonical_messagepack_leads_back_byte_for_byte() {
    let ext = |head: &[u8], count: usize| [head, &vec![7; count]].concat();
    let of = |head: &[u8], item: &[u8], count: usize| [head, &item.repeat(count)].concat();
    let messages: Vec<Vec<u8>> = vec![
        b"\xc0".into(),
        b"\xc2".into(),
        b"\xc3".into(),
        b"\x7f".into(),
        b"\xe0".into(),
        b"\xcc\x80".into(),
        b"\xcd\x01\x00".into(),
        b"\xce\x00\x01\x00\x00".into(),
        b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00".into(),
        b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff".into(),
        b"\xd0\xdf".into(),
        b"\xd1\xff\x7f".into(),
        b"\xd2\xff\xff\x7f\xff".into(),
        b"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff".into(),
        // Signalling and quiet NaNs with a payload, minus zero, and a whole number with a fraction's type.
        b"\xca\x7f\x80\x00\x01".into(),
        b"\xca\xff\xc0\x12\x34".into(),
        b"\xca\x80\x00\x00\x00".into(),
        b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x01".into(),
        b"\xcb\xff\xf8\x00\x00\x00\x00\x12\x34".into(),
        b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00".into(),
        of(b"\xa0", b"", 0),
        of(b"\xbf", b"x", 31),
        of(b"\xd9\x20", b"x", 32),
        of(b"\xda\x01\x00", b"x", 256),
        of(b"\xdb\x00\x01\x00\x00", b"x", 65536),
        of(b"\xc4\x00", b"", 0),
        of(b"\xc5\x01\x00", b"\xff", 256),
        of(b"\xc6\x00\x01\x00\x00", b"\xff", 65536),
        of(b"\x9f", b"\xc0", 15),
        of(b"\xdc\x00\x10", b"\xc0", 16),
        of(b"\xdd\x00\x01\x00\x00", b"\xc0", 65536),
        // Keys repeated, out of order, and of any kind, a list and a map too.
        b"\x86\xa1b\x01\xa1a\x02\xa1b\x03\xc0\x04\x91\x05\x06\x80\x07".into(),
        of(b"\xde\x00\x10", b"\x01\xc0", 16),
        of(b"\xdf\x00\x01\x00\x00", b"\x01\xc0", 65536),
        // Extensions of others, of every length; -1 is a time.
        ext(b"\xd4\x05", 1),
        ext(b"\xd5\x05", 2),
        ext(b"\xd6\xff", 4),
        ext(b"\xd7\xff", 8),
        ext(b"\xd8\x80", 16),
        ext(b"\xc7\x0c\xff", 12),
        ext(b"\xc7\x00\x02", 0),
        ext(b"\xc8\x01\x00\x7f", 256),
        ext(b"\xc9\x00\x01\x00\x00\x7f", 65536),
        b"\xc7\x0b\x01\x93\xa3|u1\x91\x02\xc4\x02\x07\x08".into(),
        b"\xc7\x0c\x01\x93\xa3<f4\x90\xc4\x04\x00\x00\xa0\x7f".into(),
    ];
    for message in messages {
        assert_eq!(encoded(&decode(&message).unwrap()), message, "{:x?}", &message[..message.len().min(16)]);
    }
    let error = encode(&Value::Ext(ARRAY_EXT_TYPE, vec![]), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "extension type 1 is that of arrays");
}

#[test]
fn other_forms_come_back_in_the_shortest() {
    for (long, short) in [
        (&b"\xd3\0\0\0\0\0\0\0\x05"[..], &b"\x05"[..]),
        (b"\xd9\x01x", b"\xa1x"),
        (b"\xdc\x00\x01\xc0", b"\x91\xc0"),
        (b"\xdf\0\0\0\x01\x01\xc0", b"\x81\x01\xc0"),
        (b"\xc7\x01\x05\x09", b"\xd4\x05\x09"),
    ] {
        assert_eq!(encoded(&decode(long).unwrap()), short);
    }
}

#[test]
fn hostile_messagepack_is_an_error_that_says_where() {
    let refused = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert_eq!(refused(b""), "the bytes end within a value");
    assert_eq!(refused(b"\xdd\xff\xff\xff\xff"), "the bytes end within a list");
    assert_eq!(refused(b"\xdf\xff\xff\xff\xff\x01\x01"), "the bytes end within a map");
    assert_eq!(refused(b"\xdb\xff\xff\xff\xffabc"), "the bytes end within a string");
    assert_eq!(refused(b"\xc6\xff\xff\xff\xffabc"), "the bytes end within bytes");
    assert_eq!(
        refused(b"\x81\xa1a\x93\x01\x02\xc1"),
        "key 'a' > item 2: byte 0xc1 stands for nothing in MessagePack"
    );
    assert_eq!(
        refused(b"\x81\x05\xa1\xff"),
        "key '5': a string isn't UTF-8: invalid utf-8 sequence of 1 bytes from index 0"
    );
    assert_eq!(refused(b"\x01\x02"), "1 bytes are left after the end of the value");
    assert_eq!(
        refused(b"\xc7\x0b\x01\x93\xa3|u9\x91\x02\xc4\x02\x07\x08"),
        "array dtype \"|u9\" isn't known"
    );
    assert_eq!(
        refused(b"\xc7\x0b\x01\x93\xa3|u1\x91\x03\xc4\x02\x07\x08"),
        "2 bytes are no array of u8 with the shape [3]"
    );
    assert_eq!(refused(b"\xc7\x01\x01\x05"), "an array holds no list");
    assert!(decode(&[0x91; 100_000]).unwrap_err().reason().contains("deeper than 128"));
}

#[test]
fn depth_is_bounded_both_ways() {
    let nested = |levels: u32| (0..levels).fold(Value::Nil, |inner, _| Value::List(vec![inner]));
    let deepest = nested(VALUE_DEPTH_MAX);
    assert_eq!(decode(&encoded(&deepest)).unwrap(), deepest);
    let mut out = vec![9];
    let error: ValueError = encode(&nested(VALUE_DEPTH_MAX + 1), &mut out).unwrap_err();
    assert_eq!((error.reason(), out), ("nested deeper than 128 levels", vec![9]));
}

#[test]
fn serde_sees_plain_data() {
    let value: Value = [
        ("array", array(Dtype::I16, &[2, 2], &[1, 0, 2, 0, 3, 0, 4, 0])),
        ("empty", array(Dtype::F32, &[0, 3], &[])),
        ("number", array(Dtype::F64, &[], &1.5f64.to_le_bytes())),
        ("complex", array(Dtype::C64, &[1], &[0, 0, 128, 63, 0, 0, 0, 64])),
        ("text", "x".into()),
        ("time", Value::Ext(-1, vec![7])),
    ]
    .into();
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(
        json,
        r#"{"array":[[1,2],[3,4]],"empty":[],"number":1.5,"complex":[[1.0,2.0]],"text":"x","time":{"ext":-1,"bytes":[7]}}"#
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::Float),
        (-1e9f32..1e9).prop_map(Value::Float32),
        ".{0,40}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        (any::<i8>(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_filter("arrays have their own", |(kind, _)| *kind != ARRAY_EXT_TYPE)
            .prop_map(|(kind, data)| Value::Ext(kind, data)),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|data| array(
            Dtype::U8,
            &[data.len() as u64, 1],
            &data
        )),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            proptest::collection::vec((inner.clone(), inner), 0..20).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_leads_back(value in any_value()) {
        prop_assert_eq!(decode(&encoded(&value)).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(value) = decode(&bytes) {
            let canonical = encoded(&value);
            prop_assert!(canonical.len() <= bytes.len());
            prop_assert_eq!(encoded(&decode(&canonical).unwrap()), canonical);
        }
        let schema = scan();
        let _ = Value::from_pod(&schema, &bytes);
    }

    #[test]
    fn any_bytes_of_the_right_length_are_a_message(bytes in proptest::collection::vec(any::<u8>(), size_of::<Everything>())) {
        let schema = Everything::schema();
        let value = Value::from_pod(schema, &bytes).unwrap();
        let again = Value::to_pod(schema, &value);
        // Only numbers that stand for no name, and text with bytes that aren't UTF-8, don't lead back.
        if let Ok(again) = again {
            let message: Everything = bytemuck::pod_read_unaligned(&bytes);
            let back: Everything = bytemuck::pod_read_unaligned(&again);
            prop_assert_eq!(message.count, back.count);
            prop_assert_eq!(bytemuck::bytes_of(&message.table), bytemuck::bytes_of(&back.table));
        }
    }
}

#[test]
fn what_nobody_would_write_is_repeated_bit_by_bit() {
    let kinds = [
        ("choice", FieldKind::Enum(vec![("idle".into(), 0)]), 0, vec![9]),
        ("name", FieldKind::FixedString(7), 1, b"a\xff\xfe\0\0\0\0".to_vec()),
        ("quiet", FieldKind::Scalar(Dtype::F32), 8, 0x7fc0_0123u32.to_le_bytes().to_vec()),
        ("loud", FieldKind::Scalar(Dtype::F32), 12, 0xffa0_0001u32.to_le_bytes().to_vec()),
    ];
    let fields = kinds.iter().map(|(name, kind, offset, _)| Field {
        name: (*name).into(),
        offset: *offset,
        kind: kind.clone(),
    });
    let schema = Schema::new("Odd", fields.collect()).unwrap();
    let bytes: Vec<u8> = kinds.into_iter().flat_map(|(.., bytes)| bytes).collect();
    let value = Value::from_pod(&schema, &bytes).unwrap();
    assert_eq!(value.get("choice"), Some(&Value::Int(9)));
    assert_eq!(value.get("name"), Some(&Value::Bytes(b"a\xff\xfe".to_vec())));
    assert!(Value::to_pod(&schema, &value).is_err(), "a choice by a number that isn't listed is a slip");
    let Value::Map(mut entries) = value else { panic!("a map") };
    entries[0].1 = Value::Bytes(vec![9]);
    assert_eq!(Value::to_pod(&schema, &Value::Map(entries)), Ok(bytes));
}
