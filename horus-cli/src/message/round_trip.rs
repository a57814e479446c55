//! What is written is read back: any value, any typed message, in YAML and in JSON.

use super::notation::Notation;
use super::parse;
use crate::output::json::{self, Noted};
use crate::output::yaml;
use horus_core::value::msgpack;
use horus_core::{Dtype, Encoder, Field, FieldKind, Kind, NdArray, Schema, Value, messages};
use proptest::collection::vec;
use proptest::prelude::*;

/// Characters that some reader takes for something else, beside any others.
fn text() -> impl Strategy<Value = String> {
    let odd = "\0\u{1}\t\n\r\u{1b}\u{7f}\u{85}\u{a0}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}\u{202e}\u{10ffff}😀é\"'\\:#-,[]{}&*!|>%@`$~ =?.0";
    let odd: Vec<char> = odd.chars().collect();
    let words = [
        "",
        "null",
        "~",
        "true",
        "no",
        "on",
        "1",
        "-1",
        "1.5",
        "1e3",
        ".inf",
        ".nan",
        "-.inf",
        "0x1f",
        "0o7",
        "2024-05-01",
        "12:30:00",
        "1_000",
        "---",
        "...",
        "- a",
        "a: b",
        "a #b",
        " a",
        "a ",
        "<<",
        "$f32",
        "!f32",
        "!!binary",
        "\u{1}binary:",
        "NaN",
        "Infinity",
        "+1",
        "=",
        "%YAML",
        "\r\n",
        "a\n\n b",
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(String::from),
        vec(proptest::sample::select(odd), 0..12).prop_map(String::from_iter),
        any::<String>(),
        "[a-zA-Z_/][a-zA-Z0-9_./ -]{0,12}",
    ]
}

fn f32_bits() -> impl Strategy<Value = f32> {
    let odd = [
        0u32,
        0x8000_0000,
        1,
        0x7f7f_ffff,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0xffc0_0000,
        0x7f80_0001,
        0x15ae_43fd,
    ];
    prop_oneof![any::<u32>(), proptest::sample::select(odd.to_vec())].prop_map(f32::from_bits)
}

fn f64_bits() -> impl Strategy<Value = f64> {
    let odd = [
        0u64,
        1 << 63,
        1,
        0x7ff0 << 48,
        0xfff0 << 48,
        0x7ff8 << 48,
        0xfff8 << 48,
        (0x7ff0 << 48) + 1,
        0x7fef_ffff_ffff_ffff,
    ];
    let whole = any::<i32>().prop_map(f64::from);
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        proptest::sample::select(odd.to_vec()).prop_map(f64::from_bits),
        whole
    ]
}

fn array() -> impl Strategy<Value = NdArray> {
    let shape = vec(0u64..4, 0..4);
    (proptest::sample::select(Dtype::ALL.to_vec()), shape, any::<bool>()).prop_flat_map(
        |(dtype, shape, is_tidy)| {
            let count = shape.iter().product::<u64>() as usize * dtype.size() as usize;
            // Truth values are 0 and 1 in all but broken arrays.
            let byte = if dtype == Dtype::Bool && is_tidy { (0u8..2).boxed() } else { any::<u8>().boxed() };
            vec(byte, count).prop_map(move |data| NdArray::new(dtype, shape.clone(), data).unwrap())
        },
    )
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        f64_bits().prop_map(Value::Float),
        f32_bits().prop_map(Value::Float32),
        text().prop_map(Value::Str),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        array().prop_map(Value::Array),
        (2i8..=127, vec(any::<u8>(), 0..20)).prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
        (-128i8..=0, vec(any::<u8>(), 0..20)).prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![8 => text().prop_map(Value::Str), 1 => scalar(), 1 => inner.clone()];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec((key, inner), 0..6).prop_map(Value::Map),
        ]
    })
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    msgpack::encode(value, &mut bytes).unwrap();
    bytes
}

/// What a reader makes of the value, written both ways.
fn read_back(value: &Value, notation: Notation<'_>) -> [(String, Result<Value, String>); 2] {
    [yaml::message(value, notation), json::line(&Noted(value, notation))].map(|text| {
        let read = parse(&text).map(|value| value.expect("a message"));
        (text, read)
    })
}

/// A kind of field with bytes that are one of its messages, tails aside.
fn field() -> impl Strategy<Value = (FieldKind, Vec<u8>)> {
    let scalars = Dtype::ALL[..10].to_vec();
    let listed = || FieldKind::Enum(vec![("idle".into(), 0), ("true".into(), 1), ("7".into(), 3)]);
    let text_bytes = prop_oneof![text().prop_map(String::into_bytes), vec(1u8.., 0..9)];
    prop_oneof![
        (proptest::sample::select(scalars.clone()), any::<[u8; 8]>())
            .prop_map(|(dtype, bytes)| (FieldKind::Scalar(dtype), bytes[..dtype.size() as usize].to_vec())),
        any::<bool>().prop_map(|value| (FieldKind::Bool, vec![value.into()])),
        any::<u8>().prop_map(move |number| (listed(), vec![number])),
        (text_bytes).prop_map(|bytes| {
            let mut bytes: Vec<u8> = bytes.into_iter().take_while(|byte| *byte != 0).take(16).collect();
            bytes.resize(16, 0);
            (FieldKind::FixedString(16), bytes)
        }),
        (proptest::sample::select(scalars), 1u32..4, vec(any::<u8>(), 32)).prop_map(
            |(dtype, count, bytes)| {
                let bytes = bytes[..(count * dtype.size()) as usize].to_vec();
                (FieldKind::Array(count, FieldKind::Scalar(dtype).into()), bytes)
            }
        ),
    ]
}

/// A message of those fields, each at its boundary: what lies between is a field itself.
fn typed() -> impl Strategy<Value = (Schema, Vec<u8>)> {
    vec(field(), 1..6).prop_map(|mut fields| {
        // From large to small, no gaps open; bytes at the end fill up.
        let align = |kind: &FieldKind| match kind {
            FieldKind::Scalar(dtype) => dtype.align(),
            FieldKind::Array(_, item) => match &**item {
                FieldKind::Scalar(dtype) => dtype.align(),
                _ => 1,
            },
            _ => 1,
        };
        fields.sort_by_key(|(kind, _)| std::cmp::Reverse(align(kind)));
        let (mut made, mut bytes) = (Vec::new(), Vec::new());
        for (index, (kind, part)) in fields.into_iter().enumerate() {
            made.push(Field { name: format!("f{index}"), offset: bytes.len() as u32, kind });
            bytes.extend(part);
        }
        let fill = bytes.len().next_multiple_of(8) - bytes.len();
        if fill > 0 {
            let kind = FieldKind::Array(fill as u32, FieldKind::Scalar(Dtype::U8).into());
            made.push(Field { name: "end".into(), offset: bytes.len() as u32, kind });
            bytes.resize(bytes.len() + fill, 7);
        }
        (Schema::new("Made", made).unwrap(), bytes)
    })
}

proptest! {
    #[test]
    fn any_dict_leads_back(entries in vec((value(), value()), 0..5)) {
        let message = Value::Map(entries);
        for (text, read) in read_back(&message, Notation::Exact) {
            let read = read.map_err(|reason| TestCaseError::fail(format!("{reason}: {text}")))?;
            prop_assert_eq!(encoded(&read), encoded(&message), "{}", text);
            prop_assert!(text.trim_end_matches('\n').chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text);
            prop_assert!(!text.lines().any(|line| line.starts_with("---")), "{}", text);
        }
    }

    #[test]
    fn any_typed_message_leads_back((schema, bytes) in typed()) {
        leads_back(&schema, &bytes)?;
    }

    #[test]
    fn any_tensor_leads_back(array in array(), timestamp_ns in any::<u64>(), frame_id in "[a-z/:# ]{0,20}") {
        let shape: Vec<_> = array.shape().iter().map(|count| Value::from(*count)).collect();
        // As the decoder gives it.
        let value = Value::from([
            ("timestamp_ns", timestamp_ns.into()),
            ("frame_id", frame_id.into()),
            ("dtype", array.dtype().name().into()),
            ("shape", Value::List(shape)),
            ("data", Value::Array(array)),
        ]);
        let encoder = Encoder::new(&Kind::Tensor.spec()).unwrap();
        let expected = encoder.encode(&value).unwrap();
        for (text, read) in read_back(&value, Notation::Block) {
            let read = read.map_err(|reason| TestCaseError::fail(format!("{reason}: {text}")))?;
            let back = encoder.encode(&read).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            prop_assert!(back == expected, "{}", text);
        }
    }

    #[test]
    fn standard_messages_of_any_bytes_lead_back(seed in vec(any::<u8>(), 1..64)) {
        for message in messages::standard() {
            let schema = message.schema();
            if message.default_bytes().len() != schema.size as usize || holds_text_or_truth(schema) {
                continue;
            }
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(schema.size as usize).collect();
            leads_back(schema, &bytes)?;
        }
    }
}

/// Such fields have bytes that say nothing: behind the end of a text, truth by another number than 1.
fn holds_text_or_truth(schema: &Schema) -> bool {
    schema.fields.iter().any(|field| match &field.kind {
        FieldKind::Scalar(_) | FieldKind::Enum(_) => field.name.starts_with('_'),
        FieldKind::Array(_, item) => !matches!(**item, FieldKind::Scalar(_)) || field.name.starts_with('_'),
        FieldKind::Nested(schema) => holds_text_or_truth(schema),
        _ => true,
    })
}

fn leads_back(schema: &Schema, bytes: &[u8]) -> Result<(), TestCaseError> {
    let value = Value::from_pod(schema, bytes).unwrap();
    for (text, read) in read_back(&value, Notation::Message(schema)) {
        let read = read.map_err(|reason| TestCaseError::fail(format!("{reason}: {text}")))?;
        let back = Value::to_pod(schema, &read)
            .map_err(|reason| TestCaseError::fail(format!("{reason}: {text}")))?;
        prop_assert_eq!(&back, bytes, "{}", text);
    }
    Ok(())
}

#[test]
fn the_deepest_value_leads_back() {
    let nested = |wrap: &dyn Fn(Value) -> Value| {
        (1..horus_core::value::VALUE_DEPTH_MAX).fold(Value::Int(1), |value, _| wrap(value))
    };
    let list = |value: Value| Value::List(vec![value]);
    let map = |value: Value| Value::from([("a", value)]);
    let odd = |value: Value| Value::Map(vec![(Value::List(vec![]), value)]);
    for wrap in [&list as &dyn Fn(Value) -> Value, &map, &odd] {
        let message = Value::from([("deep", nested(wrap))]);
        for (text, read) in read_back(&message, Notation::Exact) {
            assert_eq!(read.map(|value| encoded(&value)), Ok(encoded(&message)), "{text}");
        }
    }
}

#[test]
fn large_arrays_lead_back() {
    let numbers = |count: u32| (0..count).flat_map(|n| (n as f32 / 3.0).to_le_bytes()).collect::<Vec<_>>();
    for count in [9_999u32, 10_000, 10_001] {
        let array = Value::Array(NdArray::new(Dtype::F32, vec![count.into()], numbers(count)).unwrap());
        let message = Value::from([("data", array)]);
        let kind = FieldKind::Array(count, FieldKind::Scalar(Dtype::F32).into());
        let schema = Schema::new("Wide", vec![Field { name: "data".into(), offset: 0, kind }]).unwrap();
        for (_, read) in read_back(&message, Notation::Exact) {
            assert_eq!(read.map(|value| encoded(&value)), Ok(encoded(&message)));
        }
        for (_, read) in read_back(&message, Notation::Message(&schema)) {
            assert_eq!(Value::to_pod(&schema, &read.unwrap()), Ok(numbers(count)));
        }
    }
}
