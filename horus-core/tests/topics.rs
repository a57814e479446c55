//! Messages through shared memory, by type.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::{CmdVel, Imu, Twist};
use horus_core::{Decoder, Dict, Encoding, Error, Image, ImageBuffer, ImageMeta, Value};
use horus_shm::{Payload, SubscriberOptions, TopicName};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[test]
fn typed_messages_come_whole_in_order_and_once() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    let mut sending = publisher::<CmdVel>(&here, "/cmd_vel");
    assert!(!receiving.has_msg().unwrap());
    for n in 0..10u8 {
        sending.send(&CmdVel { timestamp_ns: n.into(), linear: n.into(), angular: -f32::from(n) }).unwrap();
    }
    assert!(receiving.has_msg().unwrap());
    for n in 0..10u8 {
        let message = receiving.recv().unwrap().unwrap();
        assert_eq!(
            (message.timestamp_ns, message.linear, message.angular),
            (n.into(), n.into(), -f32::from(n))
        );
    }
    assert_eq!(receiving.recv().unwrap(), None);
    assert_eq!((sending.sent(), receiving.received(), receiving.dropped()), (10, 10, 0));
}

#[test]
fn what_is_missed_is_counted() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    let depth = u64::from(sending.depth());
    assert_eq!(depth, 64);
    for n in 0..3 * depth {
        sending.send(&CmdVel { timestamp_ns: n, ..CmdVel::default() }).unwrap();
    }
    let oldest = receiving.recv().unwrap().unwrap();
    assert_eq!(oldest.timestamp_ns, receiving.dropped());
    let newest = receiving.recv_latest().unwrap().unwrap();
    assert_eq!(newest.timestamp_ns, 3 * depth - 1);
    assert_eq!(receiving.received() + receiving.dropped() + receiving.skipped(), 3 * depth);
}

#[test]
fn a_loan_begins_with_the_defaults_and_is_sent_once() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Imu>(&here, "imu");
    let mut sending = publisher::<Imu>(&here, "imu");
    drop(sending.loan());
    let mut loan = sending.loan();
    loan.gyro_z = 0.25;
    loan.send().unwrap();
    let imu = receiving.recv().unwrap().unwrap();
    assert_eq!((imu.gyro_z, imu.qw), (0.25, 1.0));
    assert_eq!(receiving.recv().unwrap(), None);
}

#[test]
fn another_type_is_refused_naming_types_field_and_process() {
    let arena = Arena::new();
    let here = arena.join();
    let _holder = publisher::<CmdVel>(&here, "cmd_vel");
    let topic = TopicName::new("cmd_vel").unwrap();
    let refused =
        horus_core::Subscriber::<Twist>::open(&here, &topic, SubscriberOptions::default()).unwrap_err();
    let Error::Type(error) = &refused else { panic!("{refused:?}") };
    assert_eq!((error.found.as_str(), error.wanted.as_str()), ("CmdVel", "Twist"));
    let pid = std::process::id();
    assert_eq!(
        refused.to_string(),
        format!(
            "topic 'cmd_vel' holds CmdVel, not Twist: field 'linear_x' at offset 8 here, 'linear' at offset 8 there; in use by pid {pid}, asked for by pid {pid}: use its type, or end those first"
        )
    );
    let dict =
        horus_core::Subscriber::<Value>::open(&here, &topic, SubscriberOptions::default()).unwrap_err();
    assert!(
        dict.to_string().starts_with("topic 'cmd_vel' holds CmdVel, not a dict; in use by pid"),
        "{dict}"
    );
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Obstacle {
    distance: f64,
    label: String,
    corners: Vec<(i32, i32)>,
}

#[test]
fn dicts_of_any_size_lead_through_serde_and_values() {
    let arena = Arena::new();
    let here = arena.join();
    let mut typed = subscriber::<Dict<Obstacle>>(&here, "obstacle");
    let mut any = subscriber::<Value>(&here, "obstacle");
    let mut sending = publisher::<Dict<Obstacle>>(&here, "obstacle");
    for count in [1, 100_000] {
        let obstacle = Obstacle { distance: 0.5, label: "box".into(), corners: vec![(-1, 1); count] };
        sending.send(&Dict(obstacle)).unwrap();
        let Dict(received) = typed.recv().unwrap().unwrap();
        assert_eq!((received.distance, received.label.as_str(), received.corners.len()), (0.5, "box", count));
        assert!(received.corners.iter().all(|corner| *corner == (-1, 1)));
        let value = any.recv().unwrap().unwrap();
        assert_eq!(value.get("label"), Some(&"box".into()));
        assert_eq!(value.get("corners").and_then(Value::count), Some(count));
    }
}

#[test]
fn a_dict_of_another_shape_is_an_error_and_the_next_one_comes() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Dict<Obstacle>>(&here, "obstacle");
    let mut sending = publisher::<Value>(&here, "obstacle");
    sending.send(&[("distance", 1.0)].into()).unwrap();
    let error = receiving.recv().unwrap_err().to_string();
    assert!(error.starts_with("topic 'obstacle': ") && error.contains("label"), "{error}");
    let whole: Value =
        [("distance", 1.0.into()), ("label", "x".into()), ("corners", Value::List(vec![]))].into();
    sending.send(&whole).unwrap();
    assert_eq!(receiving.recv().unwrap().unwrap().0.label, "x");
}

#[test]
fn an_image_is_written_in_the_pool_and_read_where_it_lies() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Image>(&here, "camera.rgb");
    let mut sending = publisher::<Image>(&here, "camera.rgb");
    assert_eq!(sending.depth(), 8);
    let mut image = ImageBuffer::in_pool(&here, ImageMeta::new(48, 64, Encoding::Rgb8).unwrap()).unwrap();
    image.pixels_mut().iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
    image.set_timestamp_ns(77);
    image.set_frame_id("camera_front").unwrap();
    assert!(image.set_frame_id(&"x".repeat(33)).is_err());
    let image = image.freeze();
    sending.send(&image).unwrap();
    sending.send(&image).unwrap();
    for _ in 0..2 {
        let received = receiving.recv().unwrap().unwrap();
        assert_eq!(received.meta(), image.meta());
        assert_eq!((received.head().timestamp_ns, received.head().frame_id.as_str()), (77, "camera_front"));
        assert!(received.is_received());
        assert_eq!(received.pixels(), image.pixels());
        assert_eq!(received.pixels().len(), 48 * 64 * 3);
    }
}

#[test]
fn a_held_image_stays_while_others_follow_and_its_publisher_goes() {
    let arena = Arena::new();
    let here = arena.join();
    let meta = ImageMeta::new(32, 32, Encoding::Mono16).unwrap();
    let mut receiving = subscriber::<Image>(&here, "depth");
    let mut sending = publisher::<Image>(&here, "depth");
    let mut send = |level: u8| {
        let mut image = ImageBuffer::in_pool(&here, meta).unwrap();
        image.pixels_mut().fill(level);
        sending.send(&image.freeze()).unwrap();
    };
    send(1);
    let held = receiving.recv().unwrap().unwrap();
    for level in 2..100 {
        send(level);
        let next = receiving.recv().unwrap().unwrap();
        assert!(next.pixels().iter().all(|byte| *byte == level));
    }
    drop(sending);
    assert!(held.pixels().iter().all(|byte| *byte == 1));
}

#[test]
fn a_received_image_is_sent_on_with_one_copy() {
    let arena = Arena::new();
    let here = arena.join();
    let (mut raw, mut sending) = (subscriber::<Image>(&here, "raw"), publisher::<Image>(&here, "raw"));
    let mut relays =
        ["left", "right"].map(|topic| (subscriber::<Image>(&here, topic), publisher::<Image>(&here, topic)));
    let mut image = ImageBuffer::in_pool(&here, ImageMeta::new(8, 8, Encoding::Mono8).unwrap()).unwrap();
    image.pixels_mut().fill(9);
    sending.send(&image.freeze()).unwrap();
    let received = raw.recv().unwrap().unwrap();
    let mut places = Vec::new();
    for (relayed, relay) in &mut relays {
        relay.send(&received).unwrap();
        let again = relayed.recv().unwrap().unwrap();
        assert_eq!(again.pixels(), received.pixels());
        places.push(again.pixels().as_ptr());
    }
    assert_eq!(places[0], places[1], "one block on both topics");
    assert_ne!(places[0], received.pixels().as_ptr(), "the publisher's own block isn't sent by others");
}

#[test]
fn an_image_goes_to_another_namespace_with_one_copy() {
    let (here, there) = (Arena::new(), Arena::new());
    let (here, there) = (&here.join(), &there.join());
    let mut image = ImageBuffer::in_pool(here, ImageMeta::new(8, 8, Encoding::Mono8).unwrap()).unwrap();
    image.pixels_mut().fill(9);
    let image = image.freeze();
    let mut places = Vec::new();
    for participant in [here, there, here, there] {
        let (mut receiving, mut sending) =
            (subscriber::<Image>(participant, "image"), publisher::<Image>(participant, "image"));
        sending.send(&image).unwrap();
        let received = receiving.recv().unwrap().unwrap();
        assert!(received.pixels().iter().all(|byte| *byte == 9));
        places.push(received.pixels().as_ptr());
    }
    assert_eq!((places[0], places[1]), (places[2], places[3]));
}

#[test]
fn a_tool_reads_every_topic_without_its_type() {
    let arena = Arena::new();
    let here = arena.join();
    let (mut commands, mut status, mut images) = (
        publisher::<CmdVel>(&here, "cmd_vel"),
        publisher::<Value>(&here, "status"),
        publisher::<Image>(&here, "image"),
    );
    let read = |topic: &str, send: &mut dyn FnMut()| {
        let name = TopicName::new(topic).unwrap();
        let mut untyped =
            horus_shm::Subscriber::open(&here, &name, None, SubscriberOptions::default()).unwrap();
        let decoder = Decoder::new(untyped.spec().unwrap().unwrap()).unwrap();
        send();
        let received = untyped.recv().unwrap().unwrap();
        decoder.decode(received.payload).unwrap()
    };
    let command =
        read("cmd_vel", &mut || commands.send(&CmdVel { linear: 0.5, ..CmdVel::default() }).unwrap());
    assert_eq!(command.get("linear"), Some(&Value::Float32(0.5)));
    let sent: Value = [("battery", 85.0)].into();
    assert_eq!(read("status", &mut || status.send(&sent).unwrap()), sent);
    let image = read("image", &mut || {
        let mut image = ImageBuffer::in_pool(&here, ImageMeta::new(2, 3, Encoding::Bgr8).unwrap()).unwrap();
        image.pixels_mut().copy_from_slice(&(0..18).collect::<Vec<u8>>());
        images.send(&image.freeze()).unwrap();
    });
    assert_eq!(image.get("encoding"), Some(&"bgr8".into()));
    let Some(Value::Array(data)) = image.get("data") else { panic!("{image:?}") };
    assert_eq!((data.shape(), data.data()), (&[2, 3, 3][..], &(0..18).collect::<Vec<u8>>()[..]));
}

#[test]
fn a_wait_ends_with_the_message_or_the_time() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    assert_eq!(receiving.recv_timeout(Duration::from_millis(1)).unwrap(), None);
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    let sender = std::thread::spawn(move || {
        for n in 0..100 {
            sending.send(&CmdVel { timestamp_ns: n, ..CmdVel::default() }).unwrap();
            std::thread::yield_now();
        }
        sending
    });
    let mut last = None;
    while last != Some(99) {
        let message =
            receiving.recv_timeout(Duration::from_secs(60)).unwrap().expect("it is sent within a minute");
        assert!(last.is_none_or(|last| message.timestamp_ns > last));
        last = Some(message.timestamp_ns);
    }
    sender.join().unwrap();
}

#[test]
fn a_descriptor_that_leads_outside_its_block_is_refused() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Image>(&here, "image");
    let mut sending = publisher::<Image>(&here, "image");
    let block = here.allocate(4096).unwrap().freeze();
    let mut meta = [0; horus_core::META_BYTES_MAX];
    let image = ImageMeta::new(64, 64, Encoding::Rgb8).unwrap();
    let length = image.to_block().encode(&mut meta);
    sending.transport().send_block(&block, 4096, &meta[..length]).unwrap();
    let error = receiving.recv().unwrap_err().to_string();
    assert_eq!(error, "topic 'image': the numbers need 12352 bytes, there are 4096");
    sending.transport().send(b"no image").unwrap();
    assert_eq!(receiving.recv().unwrap_err().to_string(), "topic 'image': what came is no Image");
    sending.transport().send_block(&block, 4096, b"").unwrap();
    let error = receiving.recv().unwrap_err().to_string();
    assert_eq!(error, "topic 'image': the block's descriptor is damaged: it has 0 bytes");
    assert!(matches!(receiving.transport().unwrap().recv(), Ok(None)));
    // What a tool reads is checked alike.
    let decoder = Decoder::new(&horus_core::Kind::Image.spec()).unwrap();
    assert!(decoder.decode(Payload::Inline(b"no image")).is_err());
}
