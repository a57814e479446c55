//! What comes with a message, and all that is there at once.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::{CmdVel, String as Text};
use horus_core::{Dict, Message, Publisher, Received, Value};
use horus_shm::{PublisherOptions, TopicName};
use std::sync::atomic::{AtomicBool, Ordering};

fn command(n: u64) -> CmdVel {
    CmdVel { timestamp_ns: n, ..CmdVel::default() }
}

#[test]
fn a_message_comes_with_its_time_number_and_lane() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    let mut first = publisher::<CmdVel>(&here, "cmd_vel");
    let mut second = publisher::<CmdVel>(&here, "cmd_vel");
    assert_eq!(receiving.recv_with_info().unwrap(), None);
    assert_eq!(receiving.recv_latest_with_info().unwrap(), None);
    let before = horus_shm::now_ns();
    for n in 0..3 {
        first.send(&command(n)).unwrap();
        second.send(&command(10 + n)).unwrap();
    }
    let after = horus_shm::now_ns();
    let mut last = before;
    for n in 0..2 {
        for (lane, number) in [(0, n), (1, 10 + n)] {
            let received = receiving.recv_with_info().unwrap().unwrap();
            assert_eq!((received.message.timestamp_ns, received.sequence), (number, n));
            assert_eq!((received.lane, received.latched), (lane, false));
            assert!((last..=after).contains(&received.stamp_ns));
            last = received.stamp_ns;
        }
    }
    let Received { message, sequence, lane, .. } = receiving.recv_latest_with_info().unwrap().unwrap();
    assert_eq!((message.timestamp_ns, sequence, lane), (12, 2, 1));
    assert_eq!(receiving.skipped(), 1);
}

#[test]
fn a_late_joiner_sees_that_a_message_was_kept_for_it() {
    let arena = Arena::new();
    let here = arena.join();
    let topic = TopicName::new("map").unwrap();
    let options = PublisherOptions { latched: true, ..PublisherOptions::default() };
    let mut sending = Publisher::<Text>::open(&here, &topic, options).unwrap();
    sending.send(&Text { timestamp_ns: 1, data: "kept".into() }).unwrap();
    let received = subscriber::<Text>(&here, "map").recv_with_info().unwrap().unwrap();
    assert!(received.latched);
    assert_eq!(received.message.data, "kept");
}

#[test]
fn all_come_at_once_in_their_order() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    assert_eq!(receiving.recv_all().unwrap(), []);
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    (0..5).for_each(|n| sending.send(&command(n)).unwrap());
    assert_eq!(receiving.recv().unwrap(), Some(command(0)));
    assert_eq!(receiving.recv_all().unwrap(), (1..5).map(command).collect::<Vec<_>>());
    assert_eq!(receiving.recv_all().unwrap(), []);
    let mut texts = subscriber::<Text>(&here, "text");
    let mut writing = publisher::<Text>(&here, "text");
    let sent = ["", "a", &"b".repeat(5000)].map(|data| Text { timestamp_ns: 0, data: data.into() });
    sent.iter().for_each(|text| writing.send(text).unwrap());
    assert_eq!(texts.recv_all().unwrap(), sent);
}

#[test]
fn a_late_joiner_gets_all_that_was_kept_once_and_then_what_is_sent() {
    let arena = Arena::new();
    let here = arena.join();
    let topic = TopicName::new("cmd_vel").unwrap();
    let latched = PublisherOptions { latched: true, ..PublisherOptions::default() };
    let mut kept = [(); 2].map(|()| Publisher::<CmdVel>::open(&here, &topic, latched).unwrap());
    let mut gone = Publisher::<CmdVel>::open(&here, &topic, latched).unwrap();
    let mut plain = publisher::<CmdVel>(&here, "cmd_vel");
    (0..20).for_each(|n| kept[(n % 2) as usize].send(&command(n)).unwrap());
    gone.send(&command(20)).unwrap();
    plain.send(&command(21)).unwrap();
    drop(gone);
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    assert_eq!(receiving.recv_all().unwrap(), [command(18), command(19)]);
    for n in 30..90 {
        match n % 3 {
            0 => plain.send(&command(n)).unwrap(),
            lane => kept[lane as usize - 1].send(&command(n)).unwrap(),
        }
    }
    assert_eq!(receiving.recv_all().unwrap(), (30..90).map(command).collect::<Vec<_>>());
    assert_eq!(receiving.recv_all().unwrap(), []);
    assert_eq!((receiving.dropped(), receiving.skipped()), (0, 0));
}

/// Ends the other thread also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_publisher_that_never_pauses_does_not_keep_the_receiver() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    let stop = AtomicBool::new(false);
    let mut next = 0;
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                sending.send(&command(n)).unwrap();
                n += 1;
            }
            n
        });
        let end = Stop(&stop);
        let mut last = None;
        for _ in 0..200 {
            let all = receiving.recv_all().unwrap();
            next += all.len() as u64;
            for message in all {
                assert!(last.is_none_or(|last| message.timestamp_ns > last));
                last = Some(message.timestamp_ns);
            }
        }
        drop(end);
        let sent = sent.join().unwrap();
        next += receiving.recv_all().unwrap().len() as u64;
        assert_eq!(next + receiving.dropped(), sent);
    });
}

#[test]
fn an_error_between_messages_loses_none_of_them() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Text>(&here, "text");
    let mut sending = publisher::<Text>(&here, "text");
    let text = |data: &str| Text { timestamp_ns: 0, data: data.into() };
    let mut forged = text("x").to_bytes();
    forged[8] = 200;
    sending.send(&text("a")).unwrap();
    sending.transport().send(&forged).unwrap();
    sending.send(&text("b")).unwrap();
    assert_eq!(receiving.recv_all().unwrap(), [text("a")]);
    assert!(receiving.has_msg().unwrap() && receiving.wait(None).unwrap());
    let words = "topic 'text': field 'data': 200 items of 1 bytes at offset 24 lie outside the 25 bytes of the message";
    assert_eq!(receiving.recv_all().unwrap_err().to_string(), words);
    assert_eq!(receiving.recv_all().unwrap(), [text("b")]);
    assert!(!receiving.has_msg().unwrap());
    sending.transport().send(&forged).unwrap();
    sending.send(&text("c")).unwrap();
    assert_eq!(receiving.recv().unwrap_err().to_string(), words);
    assert_eq!(receiving.recv_latest().unwrap(), Some(text("c")));
}

#[test]
fn dicts_come_with_their_time_too() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Dict<Vec<u32>>>(&here, "numbers");
    let mut sending = publisher::<Value>(&here, "numbers");
    let before = horus_shm::now_ns();
    sending.send(&vec![1i64, 2].into()).unwrap();
    let received = receiving.recv_with_info().unwrap().unwrap();
    assert_eq!(received.message, Dict(vec![1, 2]));
    assert!(received.stamp_ns >= before);
}
