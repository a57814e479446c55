//! Messages of varying length: derived, through shared memory, and from bytes that nobody should send.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::{JointState, LaserScan, String as Text};
use horus_core::{Bool, Decoder, FieldType, FixedStr, Message, Publisher, Value, messages};
use horus_shm::{SubscriberOptions, TopicName};
use proptest::prelude::*;

/// A pose on a grid.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
struct Cell {
    x: u32,
    y: u16,
    _gap: [u8; 2],
}

/// A route.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(topic = "route")]
struct Route {
    _head: [u8; 4],
    count: u32,
    cells: Vec<Cell>,
    label: String,
    #[message(default = vec![1.5, 2.5])]
    costs: Vec<f64>,
    corners: [Cell; 2],
    remarks: [String; 2],
    done: Bool,
    _tail: [u8; 7],
}

/// Two of them.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(variable)]
struct Routes {
    first: Route,
    second: Route,
    names: Vec<FixedStr<6>>,
    pairs: Vec<[i16; 3]>,
}

fn route(cells: usize) -> Route {
    Route {
        count: cells as u32,
        cells: (0..cells as u32).map(|x| Cell { x, y: 7, _gap: [0; 2] }).collect(),
        label: "äöü".repeat(cells.min(5)),
        remarks: ["left".into(), "".into()],
        done: true.into(),
        ..Route::default()
    }
}

fn routes() -> Routes {
    Routes {
        first: route(3),
        names: vec!["a".try_into().unwrap(), "bcdefg".try_into().unwrap()],
        pairs: vec![[1, -2, 3]; 5],
        ..Routes::default()
    }
}

#[test]
fn the_bytes_are_those_that_values_have() {
    for message in [Routes::default(), routes()] {
        let bytes = message.to_bytes();
        assert_eq!(bytes.len(), message.encoded_len());
        assert_eq!(Routes::decode(&bytes).unwrap(), message);
        let value = Value::from_pod(Routes::schema(), &bytes).unwrap();
        assert_eq!(Value::to_pod(Routes::schema(), &value).unwrap(), bytes);
        assert_eq!(value.get("first").and_then(|first| first.get("_head")), None);
    }
    assert_eq!((Route::schema().size as usize, Route::HEAD_BYTES), (112, 112));
    assert!(Route::schema().is_variable());
    assert_eq!(Route::schema().field("cells").unwrap().kind.to_string(), "seq<Cell>");
    assert_eq!(Route::schema().field("remarks").unwrap().kind.to_string(), "string[2]");
    assert_eq!(Route::default().costs, [1.5, 2.5]);
    let documented: Vec<&str> = Route::FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(documented, ["count", "cells", "label", "costs", "corners", "remarks", "done"]);
}

#[test]
fn filling_is_sent_as_zeros_and_ignored_when_received() {
    let mut message = route(2);
    let clean = message.to_bytes();
    message._head = [1; 4];
    message._tail = [2; 7];
    message.cells[1]._gap = [3; 2];
    message.corners[0]._gap = [4; 2];
    assert_eq!(message.to_bytes(), clean);
    let mut dirty = clean.clone();
    // Of the head, the corners within it from 56 on, and the cells behind it.
    for at in [0, 3, 56 + 6, 64 + 7, 105, 111, 112 + 6, 120 + 7] {
        dirty[at] = 0xee;
    }
    assert_eq!(Route::decode(&dirty).unwrap(), route(2));
    let value = Value::from_pod(Route::schema(), &dirty).unwrap();
    assert_eq!(Value::to_pod(Route::schema(), &value).unwrap(), clean);
    assert_eq!(Value::to_pod_over(Route::schema(), &Value::Map(vec![]), dirty).unwrap(), clean);
    let plain = Cell { x: 1, y: 2, _gap: [9; 2] };
    assert_eq!(plain.as_plain_bytes(), None);
    assert_eq!(plain.to_bytes(), [1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(Cell::decode(&[1, 0, 0, 0, 2, 0, 7, 7]).unwrap(), Cell { x: 1, y: 2, _gap: [0; 2] });
    let error = Value::to_pod(Cell::schema(), &[("_gap", 1.0)].into()).unwrap_err().to_string();
    assert_eq!(error, "Cell has no field '_gap'; it has x, y");
}

#[test]
fn what_is_not_given_keeps_its_items() {
    let schema = Route::schema();
    let base = route(3).to_bytes();
    let changed = [("label", Value::from("longer than it was before")), ("count", Value::Int(9))].into();
    let bytes = Value::to_pod_over(schema, &changed, base.clone()).unwrap();
    let expected = Route { label: "longer than it was before".into(), count: 9, ..route(3) };
    assert_eq!(Route::decode(&bytes).unwrap(), expected);
    assert_eq!(bytes, expected.to_bytes());
    assert_eq!(Value::to_pod_over(schema, &Value::Map(vec![]), base.clone()).unwrap(), base);
    let nested: Value = [("second", Value::from([("count", Value::Int(4))]))].into();
    let bytes = Value::to_pod_over(Routes::schema(), &nested, routes().to_bytes()).unwrap();
    let mut expected = routes();
    expected.second.count = 4;
    assert_eq!(Routes::decode(&bytes).unwrap(), expected);
}

#[test]
fn every_byte_is_written_over_what_was_there() {
    fn check<T: Message>(message: &T) {
        let mut bytes = vec![0xff; message.encoded_len()];
        message.encode(&mut bytes);
        assert_eq!(bytes, message.to_bytes(), "{}", T::NAME);
    }
    let text = |data: &str| Text { data: data.into(), ..Text::default() };
    ["", "a", "eight by", "nine byte"].iter().for_each(|data| check(&text(data)));
    (0..9).for_each(|cells| check(&Routes { first: route(cells), ..routes() }));
    check(&LaserScan { ranges: vec![1.0; 3], intensities: vec![2.0; 5], ..LaserScan::default() });
    // Through blocks, too, each of which was another message's before; and through a slot's buffer.
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Text>(&here, "text");
    let mut sending = publisher::<Text>(&here, "text");
    for length in (0..40).chain((5000..6000).step_by(25)) {
        let sent = text(&"x".repeat(length));
        sending.send(&sent).unwrap();
        assert_eq!(receiving.recv().unwrap(), Some(sent));
    }
}

#[test]
fn bytes_are_read_wherever_they_lie() {
    let scan = LaserScan { ranges: (0..100).map(|i| i as f32).collect(), ..LaserScan::default() };
    let bytes = scan.to_bytes();
    for shift in 0..8 {
        let moved = [vec![0; shift], bytes.clone()].concat();
        assert_eq!(LaserScan::decode(&moved[shift..]).unwrap(), scan);
    }
}

fn exchange<T: Message + Clone + PartialEq + std::fmt::Debug>(topic: &str, sent: &[T]) {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<T>(&here, topic);
    let mut sending: Publisher<T> = publisher(&here, topic);
    for message in sent {
        sending.send(message).unwrap();
        assert_eq!(receiving.recv().unwrap().as_ref(), Some(message));
    }
    let mut loan = sending.loan();
    *loan = sent[0].clone();
    loan.send().unwrap();
    assert_eq!(receiving.recv().unwrap().as_ref(), Some(&sent[0]));
    assert_eq!(receiving.recv().unwrap(), None);
}

#[test]
fn any_count_of_items_comes_whole() {
    let scans = [0, 1, 1440, 100_000].map(|count| LaserScan {
        timestamp_ns: 5,
        angle_increment: 0.25,
        ranges: (0..count).map(|i| i as f32).collect(),
        intensities: vec![0.5; count / 2],
        frame_id: "laser".try_into().unwrap(),
        ..LaserScan::default()
    });
    exchange("scan", &scans);
    let joints = [0, 7, 300].map(|count| JointState {
        names: (0..count).map(|i| format!("joint_{i}").as_str().try_into().unwrap()).collect(),
        positions: vec![0.25; count],
        velocities: vec![],
        efforts: vec![-1.0; count],
        ..JointState::default()
    });
    exchange("joint_states", &joints);
    let texts = ["", "ü", &"long ".repeat(1_000_000)].map(|data| Text { timestamp_ns: 1, data: data.into() });
    exchange("text", &texts);
    exchange("routes", &[Routes::default(), routes()]);
}

#[test]
fn a_tool_reads_a_block_as_it_reads_a_slot() {
    let arena = Arena::new();
    let here = arena.join();
    let name = TopicName::new("scan").unwrap();
    let mut untyped = horus_shm::Subscriber::open(&here, &name, None, SubscriberOptions::default()).unwrap();
    let mut sending = publisher::<LaserScan>(&here, "scan");
    for count in [3, 50_000] {
        sending.send(&LaserScan { ranges: vec![1.5; count], ..LaserScan::default() }).unwrap();
        let decoder = Decoder::new(untyped.spec().unwrap().unwrap()).unwrap();
        let value = decoder.decode(untyped.recv().unwrap().unwrap().payload).unwrap();
        assert_eq!(value.get("ranges").and_then(Value::count), Some(count));
    }
}

#[test]
fn what_is_no_message_is_told_in_words() {
    let refused = |bytes: &[u8]| Route::decode(bytes).unwrap_err().to_string();
    assert_eq!(refused(&[0; 111]), "a message of 111 bytes is no Route, which has 112 and more");
    let mut bytes = route(1).to_bytes();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(
        refused(&bytes),
        format!(
            "field 'cells': {} items of 8 bytes at offset 112 lie outside the {} bytes of the message",
            u64::MAX,
            bytes.len()
        )
    );
    let mut bytes = route(1).to_bytes();
    let label = bytes.iter().position(|byte| *byte == 0xc3).unwrap();
    bytes[label] = b'a';
    assert!(refused(&bytes).starts_with("field 'label': a string isn't UTF-8: "), "{}", refused(&bytes));
    let mut bytes = Routes { first: route(1), ..Routes::default() }.to_bytes();
    bytes[72] = 200;
    assert_eq!(
        Routes::decode(&bytes).unwrap_err().to_string().split(':').next(),
        Some("field 'first.remarks' > item 0")
    );
    // All zeros are a message of nothing.
    assert_eq!(Route::decode(&[0; 112]).unwrap().costs, [0.0; 0]);
}

#[test]
fn every_flipped_bit_gives_a_message_or_an_error() {
    let bytes = routes().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = Routes::decode(&flipped) {
            assert!(read.encoded_len() <= bytes.len() + 8 * 12, "no byte is read twice");
        }
        let _ = Value::from_pod(Routes::schema(), &flipped);
    }
    for cut in 0..bytes.len() {
        assert!(Routes::decode(&bytes[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn any_message_leads_back(
        ranges in proptest::collection::vec(any::<f32>(), 0..50),
        intensities in proptest::collection::vec(any::<f32>(), 0..50),
    ) {
        let sent = LaserScan { ranges, intensities, ..LaserScan::default() };
        let read = LaserScan::decode(&sent.to_bytes()).unwrap();
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read.ranges), bits(&sent.ranges));
        prop_assert_eq!(bits(&read.intensities), bits(&sent.intensities));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Routes::decode(&bytes);
        let _ = JointState::decode(&bytes);
        for message in messages::standard() {
            let _ = Value::from_pod(message.schema(), &bytes);
        }
    }

    #[test]
    fn forged_entries_are_a_message_or_an_error(
        entries in proptest::collection::vec((0..40u64, 0..400u64), 6), rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = Routes::default().to_bytes()[..Routes::HEAD_BYTES].to_vec();
        // Where the entries of the first route lie.
        for (at, (count, offset)) in [8, 24, 40, 72, 88, 120].into_iter().zip(entries) {
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&offset.next_multiple_of(8).to_le_bytes());
        }
        bytes.extend(rest);
        match (Routes::decode(&bytes), Value::from_pod(Routes::schema(), &bytes)) {
            (Ok(read), Ok(value)) => {
                prop_assert!(read.encoded_len() <= bytes.len() + 8 * 12, "no byte is read twice");
                prop_assert_eq!(Value::to_pod(Routes::schema(), &value).unwrap(), read.to_bytes());
            }
            (Ok(_), Err(error)) => prop_assert!(false, "a value is told wrong alone: {error}"),
            (Err(_), _) => {}
        }
    }
}

#[test]
fn a_scan_lies_as_the_documentation_draws_it() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/shared-memory.md")).unwrap();
    let (_, section) = page.split_once("## A typed message").unwrap();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with("| `0x"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let scan = LaserScan { ranges: vec![1.0; 1440], ..LaserScan::default() };
    let bytes = scan.to_bytes();
    let drawn = |name: &str| {
        let row = rows.iter().find(|row| row[3] == name).unwrap_or_else(|| panic!("no row of {name}"));
        usize::from_str_radix(row[1].trim_start_matches("0x"), 16).unwrap()
    };
    for name in ["timestamp_ns", "_filling", "ranges", "intensities", "frame_id"] {
        assert_eq!(LaserScan::schema().field(name).unwrap().offset as usize, drawn(name), "{name}");
    }
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    assert_eq!([0, 8].map(|part| word(drawn("ranges") + part)), [1440, drawn("tail of `ranges")]);
    assert_eq!([0, 8].map(|part| word(drawn("intensities") + part)), [0, drawn("end")]);
    assert_eq!(bytes.len(), drawn("end"));
}
