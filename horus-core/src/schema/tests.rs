use super::*;
use crate::messages;
use proptest::prelude::*;

fn field(name: &str, offset: u32, kind: FieldKind) -> Field {
    Field { name: name.into(), offset, kind }
}

const F32: FieldKind = FieldKind::Scalar(Dtype::F32);
const F64: FieldKind = FieldKind::Scalar(Dtype::F64);
const U64: FieldKind = FieldKind::Scalar(Dtype::U64);

fn everything() -> Schema {
    let point = Schema::new("Point", vec![field("x", 0, F32), field("y", 4, F32)]).unwrap();
    let listed = vec![("idle".into(), 0), ("moving".into(), 1)];
    Schema::new(
        "Everything",
        vec![
            field("timestamp_ns", 0, U64),
            field("ranges", 8, FieldKind::Seq(Box::new(F32))),
            field("note", 24, FieldKind::String),
            field("where", 40, FieldKind::Nested(point.clone())),
            field("path", 48, FieldKind::Array(3, Box::new(FieldKind::Nested(point)))),
            field("frame", 72, FieldKind::FixedString(6)),
            field("state", 78, FieldKind::Enum(listed)),
            field("done", 79, FieldKind::Bool),
        ],
    )
    .unwrap()
}

#[test]
fn encoding_leads_back() {
    let schema = everything();
    assert!(schema.is_variable());
    assert_eq!((schema.size, schema.align()), (80, 8));
    assert_eq!(Schema::decode(&schema.encode()).unwrap(), schema);
}

#[test]
fn the_bytes_are_a_public_format() {
    let schema = Schema::new("A", vec![field("b", 0, FieldKind::Array(2, Box::new(F32)))]).unwrap();
    assert_eq!(schema.encode(), b"\x01\x01A\x08\0\0\0\x01\0\x01b\0\0\0\0\x23\x02\0\0\0\x09");
}

#[test]
fn every_cut_and_every_flipped_bit_gives_an_error_or_a_sound_schema() {
    let bytes = everything().encode();
    for cut in 0..bytes.len() {
        assert!(Schema::decode(&bytes[..cut]).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(schema) = Schema::decode(&bytes) {
            assert_eq!(schema.encode(), bytes, "two encodings of one schema");
        }
    }
}

#[test]
fn versions_and_leftovers_are_told() {
    let mut bytes = everything().encode();
    bytes.push(0);
    assert!(matches!(Schema::decode(&bytes), Err(SchemaError::Malformed { what: "end", .. })));
    bytes[0] = 2;
    let error = Schema::decode(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "the schema has version 2, this program knows version 1");
    assert!(Schema::decode(&vec![1; SCHEMA_BYTES_MAX + 1]).is_err());
}

#[test]
fn depth_is_bounded_when_made_and_when_read() {
    let mut kind = F32;
    for _ in 0..SCHEMA_DEPTH_MAX - 1 {
        kind = FieldKind::Array(1, Box::new(kind));
    }
    let deepest = Schema::new("Deep", vec![field("a", 0, kind.clone())]).unwrap();
    assert_eq!(Schema::decode(&deepest.encode()).unwrap(), deepest);
    let too_deep = FieldKind::Array(1, Box::new(kind));
    assert!(Schema::new("Deep", vec![field("a", 0, too_deep)]).is_err());
    let mut hostile = b"\x01\x01A\x04\0\0\0\x01\0\x01b\0\0\0\0".to_vec();
    hostile.extend(b"\x23\x01\0\0\0".repeat(10_000));
    assert!(matches!(Schema::decode(&hostile), Err(SchemaError::Limit { what: "levels", .. })));
}

#[test]
fn what_can_not_be_laid_out_is_refused_by_name() {
    let refused = |fields: Vec<Field>| Schema::new("T", fields).unwrap_err().to_string();
    assert_eq!(
        refused(vec![field("a", 0, F32), field("b", 8, F64)]),
        "field 'b' lies at offset 8, the one before it ends at 4"
    );
    assert_eq!(
        refused(vec![field("a", 0, F32), field("b", 4, F64)]),
        "field 'b' lies at offset 4, which is no multiple of its 8 bytes"
    );
    assert_eq!(
        refused(vec![field("a", 0, F64), field("b", 8, F32)]),
        "field 'b' ends at 12, which is no multiple of 8: fill up the message"
    );
    assert_eq!(refused(vec![field("a", 0, F32), field("a", 4, F32)]), "field 'a' is there twice");
    assert_eq!(refused(vec![field("a", 0, FieldKind::Array(0, Box::new(F32)))]), "field 'a' is of no size");
    assert_eq!(refused(vec![field("a", 0, FieldKind::Scalar(Dtype::C64))]), "field 'a' can't be c64");
    let seq = FieldKind::Seq(Box::new(FieldKind::String));
    assert_eq!(refused(vec![field("a", 0, seq)]), "field 'a' is a seq of items that vary in size themselves");
    let huge = FieldKind::Array(u32::MAX, Box::new(FieldKind::Array(u32::MAX, Box::new(F64))));
    assert_eq!(refused(vec![field("a", 0, huge)]), "field 'a' exceeds the limit of 268435456 bytes");
    let twice = FieldKind::Enum(vec![("x".into(), 1), ("y".into(), 1)]);
    assert_eq!(
        refused(vec![field("a", 0, twice)]),
        "field 'a' has y = 1 beside one of the same name or number"
    );
    assert_eq!(refused(vec![]), "field '' is missing: a message needs one");
}

#[test]
fn the_first_difference_is_told_in_words() {
    let here = Schema::new("A", vec![field("linear", 0, F32), field("angular", 4, F32)]).unwrap();
    let there = Schema::new("A", vec![field("linear", 0, F64), field("angular", 8, F64)]).unwrap();
    assert_eq!(
        here.first_difference(&there).unwrap(),
        "field 'linear': f32 at offset 0 here, f64 at offset 0 there"
    );
    let longer =
        Schema::new("A", vec![field("linear", 0, F32), field("angular", 4, F32), field("x", 8, F32)])
            .unwrap();
    assert_eq!(here.first_difference(&longer).unwrap(), "field 'x': absent here, f32 at offset 8 there");
    assert_eq!(longer.first_difference(&here).unwrap(), "field 'x': f32 at offset 8 here, absent there");
    let renamed = Schema::new("A", vec![field("linear", 0, F32), field("turn", 4, F32)]).unwrap();
    assert_eq!(
        here.first_difference(&renamed).unwrap(),
        "field 'angular' at offset 4 here, 'turn' at offset 4 there"
    );
    assert_eq!(here.first_difference(&here), None);
    let nest =
        |inner: &Schema| Schema::new("B", vec![field("pose", 0, FieldKind::Nested(inner.clone()))]).unwrap();
    assert_eq!(
        nest(&here).first_difference(&nest(&there)).unwrap(),
        "field 'pose.linear': f32 at offset 0 here, f64 at offset 0 there"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Schema::decode(&bytes);
    }

    #[test]
    fn a_scribbled_schema_is_an_error_or_sound(
        which in 0..5usize, at in any::<prop::sample::Index>(), scribble in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut bytes = messages::standard()[which].schema().encode();
        let at = at.index(bytes.len());
        for (place, byte) in bytes[at..].iter_mut().zip(scribble) {
            *place = byte;
        }
        if let Ok(schema) = Schema::decode(&bytes) {
            prop_assert_eq!(schema.encode(), bytes);
        }
    }
}
